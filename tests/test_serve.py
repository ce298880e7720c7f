"""`paperround serve` as a process: it serves, drains, tells, and lets every other command work beside it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import threading
import time
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from bot.cli.serving import _LAST_SECONDS
from support_http import in_a_thread
from support_http import serving as http_serving
from support_serve import CONFIG, CUT, beside, serving
from support_smtp import HANG, a_relay

PROFILE = '[profiles.experts]\nto = ["ada@example.org"]\nkeywords = ["experts"]\nat = "any"\n'
# The first document of a source is news where its entries are dated within the last week.
FEED = f"""<rss version="2.0"><channel><title>J</title><item><title>On experts</title>
<link>https://journal.test/1</link><pubDate>{format_datetime(datetime.now(UTC))}</pubDate>
</item></channel></rss>"""


HANGING = """
import time, bot.ranking
def rank(*_):
    print("busy", flush=True)
    time.sleep(300)
bot.ranking.rank = rank
"""


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text(CONFIG + PROFILE)
    return path


@pytest.fixture
def site():
    with in_a_thread(http_serving) as running:
        yield running


@pytest.fixture
def other():
    """A second host: one and the same is asked one thing at a time."""
    with in_a_thread(http_serving) as running:
        running.put_slow("/hangs")
        yield running


def source(site, path, name="journal"):
    return f'[[sources]]\nname = "{name}"\nkind = "feed"\nurl = "{site.url(path)}"\n'


def asked(site, path, seconds=300):
    """Wait until somebody asks a path."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if any(each == path for each, _ in site.requests):
            return True
        time.sleep(0.02)
    return False


def digests(config):
    new = config.parent / "state" / "mail" / "new"
    return len(list(new.iterdir())) if new.is_dir() else 0


def in_order(config):
    with closing(sqlite3.connect(config.parent / "state" / "paperround.db")) as db:
        return db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


# ── Beside it ─────────────────────────────────────────────────────────────────────────────────────


def test_a_second_one_is_refused_and_every_other_command_works_beside_it(config):
    with serving(config) as served:
        assert served.says("serving http://")
        second = beside(config, "serve")
        assert second.returncode == 1
        assert "one is enough" in second.stderr
        assert "Traceback" not in second.stderr
        for words in (["once"], ["status"], ["publish"], ["deliver"]):
            done = beside(config, *words)
            assert done.returncode == 0, done.stderr


@pytest.mark.long
def test_once_works_beside_one_that_is_in_the_middle_of_its_round(config, site, other):
    site.put("/good", FEED)
    other.put_slow("/slow", pieces=60, pause=0.05)
    config.write_text(CONFIG + PROFILE + source(other, "/slow", "slow") + source(site, "/good"))
    with serving(config) as served:
        assert asked(other, "/slow")
        done = beside(config, "once")  # it waits for the lock, while the slow source goes on
        assert done.returncode == 0, done.stderr
        assert digests(config) == 1
        served.stop()
    assert in_order(config)


def test_an_address_that_is_taken_is_told_in_a_sentence(config):
    with serving(config) as served:
        other = config.parent / "other"
        other.mkdir()
        taken = served.address.removeprefix("http://")
        (other / "config.toml").write_text(CONFIG.replace("127.0.0.1:0", taken))
        second = beside(other / "config.toml", "serve")
        assert second.returncode == 1
        assert "[web] listen" in second.stderr
        assert "Traceback" not in second.stderr


# ── No lane waits for another ─────────────────────────────────────────────────────────────────────


@pytest.mark.long
def test_a_source_that_hangs_does_not_keep_a_digest_that_is_due(config, site, other):
    site.put("/good", FEED)
    config.write_text(CONFIG + PROFILE + source(other, "/hangs", "hangs") + source(site, "/good"))
    with serving(config) as served:
        # 15 s of silence, and 15 more, since a paper came in the first; not the 60 of its time-out.
        assert served.says("deliveries: 1 sent")
        assert digests(config) == 1
        assert "hangs:" not in served.log.partition("deliveries: 1 sent")[0]


# ── Told to stop ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_well_when_told_to(config, sign):
    with serving(config) as served:
        assert served.says("serving http://127.0.0.1:")
        served.stop(sign)
        assert "nothing was left half done" in served.log


def test_told_while_a_source_hangs_it_does_not_wait_for_it(config, site, other):
    site.put("/good", FEED)
    config.write_text(CONFIG + PROFILE + source(other, "/hangs", "hangs") + source(site, "/good"))
    with serving(config) as served:
        assert asked(other, "/hangs")
        assert asked(site, "/good")
        served.stop()
    assert in_order(config)
    other.put("/hangs", FEED)
    assert beside(config, "once").returncode == 0
    assert digests(config) == 1


@pytest.mark.long
@pytest.mark.parametrize("where", ["bot.ranking.rank", "bot.workflows.sheets.site_pages"])
def test_told_while_a_thread_is_busy_it_ends_when_that_is_done(config, site, where):
    """Ranking, making pages: a thread cannot be cut off, and its transaction need not be."""
    site.put("/good", FEED)
    config.write_text(CONFIG + PROFILE + source(site, "/good"))
    module, _, name = where.rpartition(".")
    before = f"""
import time, importlib
from functools import wraps
module = importlib.import_module({module!r})
real = module.{name}
@wraps(real)
def slow(*arguments, **named):
    print("busy", flush=True)
    time.sleep(2)
    return real(*arguments, **named)
module.{name} = slow
"""
    with serving(config, before=before) as served:
        assert served.says("busy")
        served.stop()
    assert in_order(config)
    assert beside(config, "once").returncode == 0
    assert digests(config) == 1


@pytest.mark.long
def test_told_while_a_thread_hangs_for_good_it_ends_in_time_all_the_same(config, site):
    site.put("/good", FEED)
    config.write_text(CONFIG + PROFILE + source(site, "/good"))
    with serving(config, before=HANGING) as served:
        assert served.says("busy")
        served.stop(cut=True)
        assert CUT in served.log
        assert "what was committed is kept" in served.log
    assert _LAST_SECONDS < 30, "as is promised"
    assert in_order(config)
    assert beside(config, "once").returncode == 0
    assert digests(config) == 1


@pytest.mark.long
@pytest.mark.parametrize("phase", ["GREETING", "CONTENT"])
def test_told_while_a_mail_server_hangs_it_loses_nothing(config, site, phase):
    site.put("/good", FEED)
    with in_a_thread(a_relay) as relay:
        relay.on(phase, HANG, times=1)
        mail = (
            f'[mail]\ntransport = "smtp"\nport = {relay.port}\nhost = "127.0.0.1"\ntls = "none"\n'
        )
        config.write_text(CONFIG + mail + PROFILE + source(site, "/good"))
        seen = threading.Event()
        relay.watch = lambda at, _: seen.set() if at == phase else None
        with serving(config) as served:
            assert seen.wait(300)
            served.stop(cut=True)
        assert in_order(config)
        # What may have arrived is tried again when its lease is over, with the same Message-ID.
        later = datetime.now(UTC) + timedelta(hours=1)
        assert beside(config, "--now", later.isoformat(), "deliver").returncode == 0
        assert relay.recipients.count("ada@example.org") >= 1
        assert len({taken.message_id for taken in relay.taken}) == 1


@pytest.mark.long
def test_told_while_somebody_is_slow_to_ask_it_does_not_wait_for_ever(config):
    with serving(config) as served:
        host, _, port = served.address.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port))) as client:
            client.sendall(
                b"POST /unsubscribe/x HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nList"
            )
            time.sleep(0.2)
            served.stop()


def test_a_second_signal_ends_at_once(config, site):
    site.put("/good", FEED)
    config.write_text(CONFIG + PROFILE + source(site, "/good"))
    with serving(config, before=HANGING) as served:
        assert served.says("busy")
        served.process.send_signal(signal.SIGTERM)
        assert served.says("a second signal ends at once")
        served.process.send_signal(signal.SIGTERM)
        # What hangs would have kept it for 28 s, and then it would have ended by itself, with 0.
        assert served.process.wait(300) == -signal.SIGTERM
    assert in_order(config)


# ── systemd ───────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def notified(tmp_path):
    """A socket such as systemd gives, and a function that waits for a notice."""
    where = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(where))
        listening.settimeout(300)
        seen = []

        def hears(words):
            while not any(words in notice for notice in seen):
                seen.append(listening.recv(4096).decode())
            return True

        yield where, hears


def test_systemd_is_told_when_it_is_ready_alive_and_stopping(config, notified):
    where, hears = notified
    watched = {"NOTIFY_SOCKET": str(where), "WATCHDOG_USEC": "600000"}
    with serving(config, **watched) as served:
        assert hears("READY=1")
        assert served.says("serving http://")
        assert hears("STATUS=0 sources, 1 profile")
        for _ in range(3):
            assert hears("WATCHDOG=1")
        served.stop()
    assert hears("STOPPING=1")


def test_a_socket_that_has_gone_keeps_nothing_from_its_work(config, tmp_path):
    with serving(config, NOTIFY_SOCKET=str(tmp_path / "gone"), WATCHDOG_USEC="x") as served:
        assert served.says("serving http://")
        served.stop()


# ── An edited configuration ───────────────────────────────────────────────────────────────────────


def edited(config, text):
    made = config.with_suffix(".new")
    made.write_text(text)
    later = time.time() + len(text)
    os.utime(made, (later, later))
    made.replace(config)  # at once: a tick between the words and their time would be told twice


def test_an_edited_config_is_picked_up_and_a_wrong_one_changes_nothing(config, notified):
    # The watchdog's pace is the tick's: this one need not wait a minute.
    watched = {"NOTIFY_SOCKET": str(notified[0]), "WATCHDOG_USEC": "400000"}
    with serving(config, **watched) as served:
        assert served.says("serving http://")
        edited(config, CONFIG + PROFILE + "keyword = []\n")
        assert served.says("the last good one holds")
        time.sleep(1)
        assert served.log.count("the last good one holds") == 1
        edited(config, CONFIG + PROFILE.replace('["experts"]', '["experts", "routing"]'))
        assert served.says("holds from now on")
        assert 'profile experts: keywords: added "routing"' in served.log
        assert served.process.poll() is None
        served.stop()


# ── A disk that is full ───────────────────────────────────────────────────────────────────────────


@pytest.fixture
def tiny(tmp_path):
    """A disk of 4 MB."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)],
        capture_output=True, check=False,
    )  # fmt: skip
    if mounted.returncode != 0:
        pytest.skip("no small disk can be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def with_its_state_in(folder):
    config = folder.parent / "config.toml"
    text = (CONFIG + PROFILE).replace("[bot]\n", f'[bot]\nstate = "{folder}/state"\n')
    config.write_text(text)
    return config, text


@pytest.mark.long
def test_a_disk_that_is_full_stops_it_and_it_goes_on_when_there_is_room(tiny, site, notified):
    site.put("/good", FEED)
    config, text = with_its_state_in(tiny)
    watched = {"NOTIFY_SOCKET": str(notified[0]), "WATCHDOG_USEC": "400000"}
    with serving(config, **watched) as served:
        assert served.says("edition 1")
        filler = tiny / "filler"
        with suppress(OSError):
            filler.write_bytes(bytes(shutil.disk_usage(tiny).free))
        assert served.says("is full. Nothing is fetched, made or sent")
        edited(config, text + source(site, "/good"))  # a paper that is there to be fetched
        time.sleep(1.5)
        assert not any(path == "/good" for path, _ in site.requests)
        assert served.log.count("is full. Nothing") == 1
        filler.unlink()
        assert served.says("disk has room again")
        assert served.says("journal: 1 entries, 1 new")
        served.stop()
    assert in_order(tiny / "config.toml")


@pytest.mark.long
def test_a_disk_that_fills_up_while_papers_are_written_keeps_none_half(tiny, site, notified):
    words = " ".join(f"word{n}" for n in range(300))
    entries = "".join(
        f"<item><title>On experts {n}</title><link>https://journal.test/{n}</link>"
        f"<description>{words} {n}</description></item>"
        for n in range(2000)
    )
    site.put("/big", f"<rss version='2.0'><channel><title>J</title>{entries}</channel></rss>")
    config, text = with_its_state_in(tiny)
    config.write_text(text + source(site, "/big"))
    watched = {"NOTIFY_SOCKET": str(notified[0]), "WATCHDOG_USEC": "400000"}
    with serving(config, **watched) as served:
        assert served.says("is full. What was committed before is kept")
        assert served.says("is full. Nothing is fetched, made or sent")
        assert in_order(tiny / "config.toml")
        status = beside(config, "status")  # where it cannot open the database, it says so
        assert "Traceback" not in status.stderr
        more = ["mount", "-o", "remount,size=64m", str(tiny)]
        subprocess.run(more, check=True)
        assert served.says("journal: 2000 entries, 2000 new")
        served.stop()
    assert in_order(tiny / "config.toml")
