"""docs/five-minutes.md: each newcomer's path is followed, command by command, out of the page itself.

The checkout is a folder of the test, its program the one under test; papers come from loopback, and a
mail server's name leads there. What `make install` does is what `make demo` and every test stand on.
"""

from __future__ import annotations

import os
import pty
import re
import shutil
import signal
import stat
import subprocess
import sys
from email import message_from_bytes
from email.policy import default
from functools import partial
from pathlib import Path
from select import select
from urllib.request import urlopen

import pytest

from bot.cli.parser import parser
from support_certificates import certificates_in
from support_cli import mails, text_of
from support_dovecot import free_port, listens, wait_until
from support_http import in_a_thread
from support_recipes import Follower, recipes
from support_replay import replaying, sample_day
from support_smtp import a_relay

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "five-minutes.md"
PATHS = recipes(PAGE)
APP_PASSWORD = "abcd efgh ijkl mnop"
FRIDAY = "2026-11-20T08:00Z"


class Newcomer(Follower):
    """Someone with a fresh checkout, who types what the page says, at a terminal."""

    def __init__(self, folder: Path, site: str) -> None:
        super().__init__(folder)
        self.said: list[str] = []
        self.trusts: Path | None = None
        self.domain = "univ.example"  # whose addresses the page writes to, as it is here
        self.mirror(site)
        # What `make install` leaves, which installs for a minute.
        self.stand_in("make", f"mkdir -p .venv/bin && cp {folder}/paperround .venv/bin/")
        (self.papers / "state").mkdir(mode=0o755)

    def mirror(self, site: str, here: str = "") -> None:
        """Let `init` write where papers come from here, and `here` (for sed) what else is otherwise."""
        program = self.root / "paperround"
        program.write_text(
            f'#!/bin/sh\nif [ "$1" = init ]; then shift; set -- init --mirror {site} "$@"; fi\n'
            f'{sys.executable} -X utf8 -m bot --now "$NOW" "$@"\ncode=$?\n'
            f'[ "$1" = init ] && sed -i "{here}" config.toml\nexit $code\n'
        )
        program.chmod(0o755)

    def __call__(self, command: str) -> str:
        """Type a command at a terminal, and what is to be typed then; return what stood there."""
        command = command.replace("univ.example", self.domain)
        ours, theirs = pty.openpty()
        trust = {"SSL_CERT_FILE": str(self.trusts)} if self.trusts else {}
        process = subprocess.Popen(
            ["setsid", "--ctty", "/bin/bash", "-c", command],  # a question reads from the terminal
            cwd=self.papers, stdin=theirs, stdout=theirs, stderr=theirs,
            env={"PATH": f"{self._tools}:/usr/bin:/bin", "HOME": str(self.root), "NOW": self.now,
                 "TZ": "UTC", "TERM": "dumb", "COLUMNS": "200", **trust},
        )  # fmt: skip
        os.close(theirs)
        shown = b""
        try:
            while piece := _read(ours):
                shown += piece
                if shown.endswith(b"apppasswords): "):
                    os.write(ours, self.typed.encode() + b"\n")
            code = process.wait(60)
        finally:
            process.kill()
            process.wait()
            os.close(ours)
        said = shown.decode().replace("\r\n", "\n")
        self.said.append(said)
        assert code == 0, f"{command}\n{said}"
        assert "Traceback" not in said
        return said


def _read(terminal: int) -> bytes:
    """Return what stands next on a terminal, nothing at its end; fail where it waits for an answer."""
    assert select([terminal], [], [], 60)[0], "it asks for something that the page does not tell"
    try:
        return os.read(terminal, 65536)
    except OSError:  # its other end is closed
        return b""


def _front(port: int) -> bytes:
    with urlopen(f"http://127.0.0.1:{port}/") as answer:
        return answer.read()


@pytest.fixture
def site():
    with replaying(sample_day(1, "cs.CL+cs.LG")) as replay:
        yield replay


@pytest.fixture
def newcomer(tmp_path, site):
    return Newcomer(tmp_path, site.url)


def test_every_path_has_its_test_and_few_commands():
    followed = set(re.findall(r'PATHS\["([^"]+)"\]', Path(__file__).read_text()))
    assert set(PATHS) - {"How long it takes"} == followed
    assert all(0 < len(PATHS[name]) <= 5 for name in followed)


def test_commands_within_its_sentences_can_be_typed():
    for command in re.findall(r"`(?:\.venv/bin/)?paperround ([^`]+)`", PAGE.read_text()):
        parser().parse_args(command.split())


@pytest.mark.long
def test_on_a_laptop(newcomer, site):
    _, begun, walked = newcomer.follow(PATHS["On a laptop"])
    (read,) = re.findall(r"^read +file://(/\S+)$", walked, re.MULTILINE)
    assert "mixture of experts" in Path(read).read_text().casefold()
    (mail,) = mails(newcomer.papers / "state")
    assert f"and the mail in {newcomer.papers}/state/mail" in walked
    assert (str(mail["To"]), "15 new papers" in str(mail["Subject"])) == ("you@example.org", True)
    assert newcomer(".venv/bin/paperround check").splitlines()[-1] == "All is well."

    site.show(sample_day(2, "cs.CL+cs.LG"))
    (line,) = re.findall(r"^  7 \* \* \* \*  (.+)$", begun, re.MULTILINE)
    done = subprocess.run(
        ["/bin/sh", "-c", line], cwd="/", env={"PATH": "/usr/bin:/bin", "NOW": FRIDAY},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert len(mails(newcomer.papers / "state")) == 2, "the next morning's"


@pytest.mark.long
def test_by_gmail(newcomer, site, tmp_path):
    """A relay that speaks STARTTLS, wants a login before anything else, and knows one app password."""
    with (
        certificates_in(tmp_path) as certificates,
        in_a_thread(
            partial(
                a_relay,
                certificate=certificates.context("good"),
                password=APP_PASSWORD.replace(" ", ""),
            )
        ) as relay,
    ):
        newcomer.trusts = certificates.authority
        here = f"s/^host = .*/host = '127.0.0.1'/; s/^port = .*/port = {relay.port}/"
        newcomer.mirror(site.url, here)
        newcomer.typed = APP_PASSWORD
        _, begun, checked, walked = newcomer.follow(PATHS["By Gmail"])
        assert relay.recipients == ["you@gmail.com"] * 2
        assert set(relay.logins) == {("you@gmail.com", "abcdefghijklmnop")}
        assert checked.splitlines()[-1].startswith("All is well. Next: ")
        assert "deliver  1 sent" in walked

        kept = newcomer.papers / "smtp-password"
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        assert "abcd" not in begun + newcomer.config.read_text(), "neither shown nor in the config"
        kept.write_text("the account's own\n")
        said = newcomer(".venv/bin/paperround check || true")
        assert "FAIL mail" in said
        assert "refused the login (535" in said


@pytest.mark.e2e
@pytest.mark.long
def test_on_a_lab_server_with_postfix(newcomer, site, servers):
    newcomer.domain = "test.example"
    newcomer.mirror(site.url, f"s/^port = 25/port = {servers.ports['bare']}/")
    steps = newcomer.follow(PATHS["On a lab server with Postfix"])
    assert "port = 25" not in newcomer.config.read_text()
    assert "All is well." in steps[2]
    assert "deliver  2 sent" in steps[-1]
    boxes = servers.mailboxes
    test, digest, colleagues = (
        message_from_bytes(content, policy=default)
        for content in (
            *boxes.first_of("you@test.example", 2), *boxes.first_of("colleague@test.example")
        )
    )  # fmt: skip
    assert test["Subject"] == "A test from paperround"
    for mail in (digest, colleagues):
        assert "15 new papers" in str(mail["Subject"])
        assert str(mail["From"]) == "Morning papers <you@test.example>"
        assert "because:" in text_of(mail)


@pytest.mark.long
def test_feeds_alone(newcomer, tmp_path):
    subscriptions = newcomer.papers / "subscriptions.opml"
    subscriptions.write_text(
        '<opml version="2.0"><body><outline type="rss" text="A journal" '
        'xmlUrl="https://journal.example/rss"/></body></opml>'
    )
    _, begun, walked, _ = newcomer.follow(PATHS["Feeds alone"])
    (feed,) = re.findall(r"^file://(/\S+\.rss)$", begun, re.MULTILINE)
    assert Path(feed).read_text().count("<item>") == 15
    assert not (newcomer.papers / "state" / "mail").exists()
    assert "deliver  nothing to send" in walked
    assert 'url = "https://journal.example/rss"' in newcomer.config.read_text()


@pytest.mark.e2e
@pytest.mark.long
def test_newsboat_takes_the_feed_as_init_printed_its_address(newcomer, tmp_path):
    newsboat = shutil.which("newsboat")
    if newsboat is None:
        pytest.skip("newsboat is not installed here")
    _, begun, *_ = newcomer.follow(PATHS["Feeds alone"][:3])
    (address,) = re.findall(r"^(file:///\S+\.rss)$", begun, re.MULTILINE)
    (tmp_path / "urls").write_text(f"{address}\n")
    call = [newsboat, "-u", tmp_path / "urls", "-c", tmp_path / "cache", "-C", "/dev/null"]
    environment = {"HOME": str(tmp_path), "LC_ALL": "C.UTF-8", "PATH": os.environ["PATH"]}
    said = [
        subprocess.run([*call, "-x", what], env=environment, capture_output=True, text=True, check=False)
        for what in ("reload", "print-unread")
    ]  # fmt: skip
    assert "15 unread" in said[1].stdout, said


@pytest.mark.long
def test_in_docker(newcomer, site, tmp_path):
    """With a stand-in for Docker, as none runs here: the image's program, environment and folder."""
    port = free_port()
    docker = f"{sys.executable} {ROOT}/tests/support_docker.py {ROOT}/Dockerfile {site.url} {port}"
    newcomer.stand_in("docker", f'exec {docker} "$@"')
    pid, log = newcomer.papers / "papers.pid", newcomer.papers / "papers.log"
    try:
        _, _, begun, _, status = newcomer.follow(PATHS["In Docker"])
        assert "`paperround serve` does that for ever, and shows it at 0.0.0.0:8600" in begun
        assert "crontab" not in begun
        assert "my-papers" in status
        wait_until(lambda: "deliveries: 1 sent" in log.read_text(), "the first round", 120)
        # Mail waits for no page: what was sent may stand on the front a moment later.
        wait_until(lambda: b"2026-11-19" in _front(port), "today's page", 60)
    finally:
        if pid.exists():
            os.kill(int(pid.read_text()), signal.SIGTERM)
    config = newcomer.papers / "papers" / "config.toml"
    assert 'timezone = "Europe/Berlin"' in config.read_text()
    assert len(mails(newcomer.papers / "papers" / "state")) == 1
    wait_until(lambda: not listens(port), "its end", 60)
