"""docs/running.md and docs/running/: each way to run, done with the very files that are documented."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from support_cli import mails
from support_replay import replaying, sample_day
from support_serve import CONFIG, beside, serving

ROOT = Path(__file__).parents[1]
FILES = ROOT / "docs" / "running"
PAGE = (ROOT / "docs" / "running.md").read_text(encoding="utf-8")
UNITS = ("paperround.service", "paperround-once.service")
DIGEST = """
[bot]
contact = "owner@example.org"
[fetch]
allow_private = ["127.0.0.1/32"]
[profiles.experts]
to = ["ada@example.org"]
keywords = ["mixture of experts"]
at = "any"
"""


@pytest.fixture
def papers(tmp_path):
    """/srv/papers as the pages have it: a configuration, and the command in .venv/bin."""
    folder = tmp_path / "papers"
    (folder / ".venv" / "bin").mkdir(parents=True)
    (folder / ".venv" / "bin" / "paperround").symlink_to(
        Path(sys.executable).with_name("paperround")
    )
    with replaying(sample_day(1)) as site:
        source = f'[[sources]]\nname = "journal"\nkind = "feed"\nurl = "{site.url}/journal.xml"\n'
        (folder / "config.toml").write_text(DIGEST + source + 'backfill = "3000d"\n')
        yield folder


def program(name):
    """Return where a program is, or skip."""
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if found is None:
        pytest.skip(f"{name} is not installed here")
    return found


# ── status --alive ────────────────────────────────────────────────────────────────────────────────


def knock(config, listen, *words):
    """Ask like a container's health check does; the port that was free is put into the config."""
    asking = config.with_name("asking.toml")
    asking.write_text(config.read_text().replace("127.0.0.1:0", listen))
    return beside(asking, "status", "--alive", *words)


def test_alive_is_0_while_serve_answers_under_its_prefix_and_1_afterwards(tmp_path):
    config = tmp_path / "config.toml"
    config.write_text(CONFIG.replace("[bot]", '[bot]\nbase_url = "https://example.org/papers"'))
    with serving(config) as served:
        listen = served.address.removeprefix("http://").removesuffix("/papers").rstrip("/")
        port = listen.rpartition(":")[2]
        said = knock(config, listen)
        assert (said.returncode, said.stderr) == (0, ""), said
        assert said.stdout == f"serve answers at {listen}; all is well\n"
        everywhere = knock(config, f"0.0.0.0:{port}", "--json")
        assert (everywhere.returncode, '"ok": true' in everywhere.stdout) == (0, True), everywhere
        served.stop()
    gone = knock(config, listen)
    assert (gone.returncode, gone.stdout) == (1, "")
    assert "No `paperround serve` answers at" in gone.stderr


@pytest.fixture
def stranger():
    """Another web server, which answers in its own way."""

    class Door(BaseHTTPRequestHandler):
        said = b""

        def do_GET(self):
            self.send_response(503)
            self.end_headers()
            self.wfile.write(self.said)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Door) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_address[1]}", Door
        server.shutdown()


def test_alive_is_0_for_one_that_is_worried_and_1_for_a_stranger(tmp_path, stranger):
    listen, door = stranger
    config = tmp_path / "config.toml"
    config.write_text(CONFIG)
    door.said = b'{"ok": false, "alarms": ["nature"], "troubles": ["disk"]}'
    worried = knock(config, listen)
    assert worried.returncode == 0
    assert worried.stdout.endswith("worried: disk, source nature\n")
    for said, words in ((b"<html>", "No `paperround serve` answers"), (b"[]", "is no `paperround")):
        door.said = said
        strange = knock(config, listen)
        assert (strange.returncode, words in strange.stderr) == (1, True), strange.stderr
        assert "Traceback" not in strange.stderr


# ── systemd ───────────────────────────────────────────────────────────────────────────────────────


def section(unit, name):
    text = (FILES / unit).read_text()
    found = re.search(rf"^\[{name}\]\n(.*?)(?=^\[|\Z)", text, re.MULTILINE | re.DOTALL)
    assert found is not None
    return [line for line in found[1].splitlines() if line and not line.startswith("#")]


def test_every_file_is_told_of_on_the_page():
    for file in FILES.iterdir():
        assert f"running/{file.name}" in PAGE, file.name


def test_both_units_are_closed_in_the_same_way():
    ways = ({"Type", "ExecStart", "Restart", "RestartSec", "RestartPreventExitStatus"}
            | {"TimeoutStopSec", "TimeoutStartSec", "WatchdogSec"})  # fmt: skip
    serve, once = ([line for line in section(unit, "Service") if line.split("=")[0] not in ways]
                   for unit in UNITS)  # fmt: skip
    assert serve == once
    assert "ReadWritePaths=/srv/papers/state" in serve


@pytest.mark.e2e
@pytest.mark.parametrize("unit", UNITS)
def test_systemd_finds_no_fault_in_a_unit_and_little_exposure(unit, tmp_path):
    analyze = program("systemd-analyze")
    for name in (*UNITS, "paperround-once.timer"):
        text = (FILES / name).read_text().replace(
            "/srv/papers/.venv/bin/paperround", str(Path(sys.executable).with_name("paperround"))
        ).replace("User=papers", "User=mail").replace("man:paperround(1)", "man:true(1)")  # fmt: skip
        (tmp_path / name).write_text(text)
    named = [tmp_path / unit]
    if unit == "paperround-once.service":
        named.append(tmp_path / "paperround-once.timer")
    verified = subprocess.run(
        [analyze, "verify", "--man=no", *named], capture_output=True, text=True, check=False
    )
    assert (verified.returncode, verified.stdout + verified.stderr) == (0, "")
    (told,) = re.findall(r"security`: ([\d.]+) of 10", PAGE)
    most = round(float(told) * 10)  # it ends with 1 above this threshold
    judged = subprocess.run(
        [analyze, "security", "--no-pager", "--offline=true", f"--threshold={most}", tmp_path / unit],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert judged.returncode == 0, judged.stdout


def denied_calls(analyze):
    """Return the system calls that the units' filter denies."""

    def listed(group):
        said = subprocess.run(
            [analyze, "syscall-filter", group], capture_output=True, text=True, check=True
        )
        for word in re.findall(r"^ {4}([@a-z_0-9-]+)$", said.stdout, re.MULTILINE):
            yield from listed(word) if word.startswith("@") else [word]

    filters = [line for line in section("paperround.service", "Service") if "CallFilter=" in line]
    allowed, denied = (line.partition("=")[2].removeprefix("~").split() for line in filters)
    never = {call for group in denied for call in listed(group)}
    may = {call for group in ("@default", *allowed) for call in listed(group)} - never
    return sorted(set(listed("@known")) - may)


@pytest.mark.e2e
@pytest.mark.long
def test_a_round_needs_no_call_that_the_units_deny_and_writes_nowhere_but_in_state(papers):
    """What systemd would do to it, done by strace: calls fail with EPERM; and what it wrote is seen."""
    analyze, strace = program("systemd-analyze"), program("strace")
    trace = papers / "trace"
    # As the page installs it: without the model.
    with (papers / "config.toml").open("a") as config:
        config.write('[semantic]\nuse = "off"\n')
    denied = ",".join(f"?{call}" for call in denied_calls(analyze))  # ?: not on every machine
    if subprocess.run([strace, "true"], capture_output=True, check=False).returncode:
        pytest.skip("nothing can be traced here")
    done = subprocess.run(
        [strace, "-f", "-qq", "-y", "-o", trace, "-e", f"inject={denied}:error=EPERM",
         papers / ".venv/bin/paperround", "once"],
        cwd=papers, capture_output=True, text=True, check=False, timeout=300,
        env={"PATH": "/usr/bin:/bin", "HOME": str(papers), "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert len(mails(papers / "state")) == 1
    calls = trace.read_text(errors="replace")
    assert "PROT_WRITE|PROT_EXEC" not in calls, "MemoryDenyWriteExecute would end it"
    assert set(re.findall(r"socket\((AF_\w+)", calls)) <= {"AF_INET", "AF_INET6", "AF_UNIX"}
    changed = re.findall(
        r'(?:openat\([^"]*"([^"]+)", [^)]*(?:O_WRONLY|O_RDWR|O_CREAT)'
        r'|(?:mkdir|unlink|rename)\("([^"]+)")[^\n]* = \d', calls,
    )  # fmt: skip
    state = str(papers / "state")
    for path in {one or other for one, other in changed}:
        # With PrivateTmp both folders are its own; SQLite notes in one what a statement may take back.
        assert path.startswith((state, "/tmp/", "/var/tmp/", "/dev/")), path


# ── cron ──────────────────────────────────────────────────────────────────────────────────────────


def test_the_line_for_cron_works_in_crons_bare_environment_and_is_silent(papers):
    lines = (FILES / "crontab").read_text().splitlines()
    (line,) = [line for line in lines if re.match(r"[\d*]", line)]
    command = line.split(None, 5)[5].replace("/srv/papers", str(papers))
    assert "%" not in command, "cron takes it for the end of the line"
    for page in (PAGE, (ROOT / "README.md").read_text(), (ROOT / "docs" / "guide.md").read_text()):
        assert line in page
    bare = {"HOME": str(papers), "LOGNAME": "papers", "PATH": "/usr/bin:/bin", "SHELL": "/bin/sh"}
    for _ in range(2):
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            env=bare,
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert len(mails(papers / "state")) == 1
    (papers / "config.toml").write_text("[mail]\ntransport = 'pigeon'\n")
    done = subprocess.run(
        ["/bin/sh", "-c", command], env=bare, capture_output=True, text=True, check=False
    )
    assert "pigeon" in done.stdout, "which cron mails"


# ── A scheduled job ───────────────────────────────────────────────────────────────────────────────


def steps(name):
    """Return the shell commands of a workflow's steps, by the steps' names."""
    found = re.findall(
        r"- name: (\w+)\n(?:        if: .*\n)?        run: (\|\n(?:(?: {10}.*)?\n)+|.*\n)",
        (FILES / name).read_text(),
    )
    return {step: re.sub(r"^\|?\n? *", "", run, flags=re.MULTILINE) for step, run in found}


def test_a_scheduled_job_remembers_from_run_to_run_and_forgets_nothing_by_mistake(papers, tmp_path):
    """The job's own commands, with a folder in the place of the service that keeps artifacts."""
    commands = steps("digest.yml")
    assert list(commands) == ["install", "remember", "round", "keep"]
    kept, tools = tmp_path / "kept", tmp_path / "tools"
    kept.mkdir()
    tools.mkdir()
    (tools / "gh").write_text(f'#!/bin/sh\nmkdir -p "$6" && cp {kept}/$4.enc "$6/"\n')
    (tools / "gh").chmod(0o755)

    def run(checkout, first, key="correct horse"):
        shutil.copytree(papers, checkout, symlinks=True)
        bare = {
            "PATH": f"{tools}:/usr/bin:/bin",
            "HOME": str(tmp_path),
            "FIRST": first,
            "STATE_KEY": key,
        }
        for step in ("remember", "round", "keep"):
            done = subprocess.run(
                ["/bin/bash", "-e", "-o", "pipefail", "-c", commands[step]],
                cwd=checkout, env=bare, capture_output=True, text=True, check=False,
            )  # fmt: skip
            if done.returncode:
                return step
        shutil.copy(checkout / "state.enc", kept / "state.enc")
        return ""

    assert run(tmp_path / "0", first="") == "remember", "nothing to remember is no new beginning"
    assert run(tmp_path / "1", first="true") == ""
    assert b"ada@example.org" not in (kept / "state.enc").read_bytes()
    assert run(tmp_path / "2", first="false") == ""
    assert run(tmp_path / "3", first="", key="another") == "remember"
    assert len(mails(tmp_path / "2" / "state")) == 1, "the first run's mail, and no second"


# ── Docker ────────────────────────────────────────────────────────────────────────────────────────


def dockerfile():
    """Return its instructions as (word, rest), lines joined."""
    text = re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.split(None, 1)[0], line.split(None, 1)[1]) for line in lines]


def test_all_that_the_dockerfile_copies_is_there_and_let_in():
    let_in = [
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[0] == "!"
    ]
    sources = [
        source
        for word, rest in dockerfile()
        if word == "COPY" and not rest.startswith("--from")
        for source in rest.split()[:-1]
    ]
    assert {"bot", "templates", "constraints.txt"} <= set(sources)
    for source in sources:
        assert (ROOT / source).exists(), source
        assert source in let_in, source
    assert set(let_in) == set(sources)


def test_the_image_runs_as_nobody_special_with_one_volume_and_a_health_check():
    last = dict(dockerfile())
    assert last["USER"].isdecimal(), "a number: Kubernetes cannot tell whether a name is root"
    assert int(last["USER"]) > 0
    assert f"--uid {last['USER']} " in last["RUN"]
    assert last["VOLUME"] == last["WORKDIR"] == "/papers"
    assert "PAPERROUND_CONFIG=/papers/config.toml" in last["ENV"]
    assert (last["ENTRYPOINT"], last["CMD"]) == ('["paperround"]', '["serve"]')
    assert last["HEALTHCHECK"].endswith('CMD ["paperround", "status", "--alive"]')
    assert "constraints.txt" in (ROOT / "Dockerfile").read_text()


def composed(lines, depth=0):
    """Read the plain half of YAML: mappings and lists of words, by two spaces. Ends what it took."""
    found = {}
    while lines and len(lines[0]) - len(lines[0].lstrip()) == 2 * depth:
        key, _, value = lines.pop(0).strip().partition(":")
        if not value and lines and lines[0].strip().startswith("- "):
            items = []
            while lines and lines[0].startswith("  " * (depth + 1) + "- "):
                items.append(lines.pop(0).strip()[2:].strip('"'))
            found[key] = items
        else:
            found[key] = value.strip().strip('"') or composed(lines, depth + 1)
    return found


def test_the_compose_file_is_the_documented_docker_run():
    told = (FILES / "compose.yaml").read_text(encoding="utf-8")
    lines = [line for line in told.splitlines() if line.strip() and line[0] != "#"]
    service = composed(lines)["services"]["papers"]
    assert lines == [], "all of it is in the plain half of YAML"
    page = (ROOT / "docs" / "five-minutes.md").read_text(encoding="utf-8")
    (run,) = re.findall(r"^\$ docker run --detach (.*)$", page, re.MULTILINE)
    *options, image = shlex.split(run)
    wanted = {"read_only": "true", "image": image}
    options.remove("--read-only")
    for name, value in zip(options[::2], options[1::2], strict=True):
        key, as_written = {
            "--name": ("container_name", value),
            "--user": ("user", "${PAPERS_USER:?the owner of papers/, as UID:GID}"),
            "--restart": ("restart", value),
            "--stop-timeout": ("stop_grace_period", f"{value}s"),
            "--tmpfs": ("tmpfs", [value]),
            "-p": ("ports", [value]),
            "-v": ("volumes", [value.replace("$PWD", ".")]),
        }[name]
        wanted[key] = as_written
    assert service == wanted


def test_who_runs_compose_is_told_whose_the_folder_is():
    """Compose reads `.env` by itself; without it, it ends with the sentence in the file."""
    (told,) = re.findall(r"^\$ (echo .* > \.env)$", PAGE, re.MULTILINE)
    assert told in (FILES / "compose.yaml").read_text(encoding="utf-8")
    said = subprocess.run(
        ["/bin/sh", "-c", told.removesuffix(" > .env")], capture_output=True, text=True, check=True
    )
    assert said.stdout == f"PAPERS_USER={os.getuid()}:{os.getgid()}\n"


@pytest.mark.e2e
@pytest.mark.long
def test_what_the_image_would_install_is_installed_by_its_own_commands(tmp_path):
    """Its first stage, with folders for the image's: no engine is needed for that."""
    source, target = tmp_path / "source", tmp_path / "opt"
    source.mkdir()
    words = dockerfile()
    first = words[: [i for i, (word, _) in enumerate(words) if word == "FROM"][1]]
    for word, rest in first:
        *names, _ = rest.split()
        for name in names if word == "COPY" else ():
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, source / name)
    (run,) = [rest for word, rest in first if word == "RUN"]
    done = subprocess.run(
        ["/bin/sh", "-c", run.replace("/opt/paperround", str(target)).replace("python3", sys.executable)],
        cwd=source, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (tmp_path / "config.toml").write_text(CONFIG)
    env = {
        "PATH": f"{target}/bin:/usr/bin:/bin",
        "PAPERROUND_CONFIG": str(tmp_path / "config.toml"),
    }
    said = subprocess.run(
        ["paperround", "status", "--alive"], env=env, capture_output=True, text=True, check=False,
        executable=str(target / "bin" / "paperround"),
    )  # fmt: skip
    assert (said.returncode, "No `paperround serve` answers" in said.stderr) == (1, True), (
        said.stderr
    )
