"""Whatever goes wrong: a clear sentence, the right exit code, no state lost, and no traceback."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path

import pytest

from bot.errors import StateError, StateLockedError
from bot.files import write_file
from bot.store import connection
from support_cli import (
    CONFIG,
    MORNING,
    NEXT,
    PYTHON,
    deliveries,
    desk_in,
    environment,
    mails,
    run,
    text_of,
    walk_a_morning,
)
from support_replay import Answer, replaying, sample_day

STATE_COMMANDS = [
    ["once"], ["collect"], ["compose"], ["publish"], ["deliver"], ["status"], ["preview", "experts"],
    ["explain", "experts", "arXiv:2611.90011"], ["trending"], ["sources", "list"], ["check"],
    ["subscribers", "list"], ["subscribers", "add", "m@example.org", "experts"],
    ["deliveries", "list"],
]  # fmt: skip


@pytest.fixture(scope="module")
def site():
    with replaying(sample_day(1)) as started:
        yield started


@pytest.fixture(scope="module")
def morning(tmp_path_factory, site):
    site.show(sample_day(1))  # another test may have come first, and broken a source
    return walk_a_morning(tmp_path_factory.mktemp("morning"), site.url)


@pytest.fixture
def desk(tmp_path, monkeypatch, capsys, morning, site):
    site.show(sample_day(2))
    shutil.copytree(morning, tmp_path / "desk")
    yield from desk_in(tmp_path / "desk", monkeypatch, capsys)


def goes_on(desk):
    """The next morning comes as if nothing had been: two digests more, nothing twice."""
    said = desk(*NEXT, "once", "--json")
    assert said.code == 0, said.err
    assert len(mails(desk.state)) == 4
    assert [d.status.value for d in deliveries(desk.state)] == ["sent"] * 4


# ── Sources ───────────────────────────────────────────────────────────────────────────────────────

_FEED = (
    b'<?xml version="1.0" encoding="%s"?><rss version="2.0"><channel><title>J</title><item>'
    b"<title>Mixture of experts \xe9</title><link>https://e.org/1</link></item></channel></rss>"
)
BAD_DOCUMENTS = {
    "html": (Answer(b"<!doctype html><html><body>Hello</body></html>"), "sent a web page (HTML)"),
    "truncated": (Answer(b'<?xml version="1.0"?><rss version="2.0"><channel><ti'), "breaks off"),
    "cut": (Answer(b"<rss version='2.0'>" + b" " * 5000, cut=700), "127.0.0.1"),
    "empty": (Answer(b""), "sent an empty document"),
    "blank": (Answer(b" \n "), "sent an empty document"),
    "binary": (Answer(bytes(range(256)) * 10), "127.0.0.1 sent"),
    "json": (Answer(b'{"error": "try later"}'), "127.0.0.1 sent"),
    "bomb": (Answer(b"not gzip", headers={"Content-Encoding": "gzip"}), "127.0.0.1"),
    "server-error": (Answer(b"\x1b[31mred", 500), "500"),
    "not-found": (Answer(b"", 404), "404"),
    "slow-down": (Answer(b"", 429, headers={"Retry-After": "7200"}), "429"),
    "loop": (Answer(b"", 302, headers={"Location": "/journal.xml"}), "redirect"),
    "to-a-file": (
        Answer(b"", 302, headers={"Location": "file:///etc/passwd"}),
        "only http and https",
    ),
}


@pytest.mark.parametrize("name", BAD_DOCUMENTS)
def test_a_bad_document_is_a_sentence_and_stops_nobody(desk, site, name):
    answer, says = BAD_DOCUMENTS[name]
    site.but("/journal.xml", answer)
    said = desk(*NEXT, "collect")
    assert said.code == 0, "in backoff it is a warning"
    assert "journal failed" in said.words
    assert says in said.words
    assert "arxiv read 25" in said.words
    assert "\x1b" not in said.out + said.err
    before = desk("status", "--json").document["papers"]
    assert before > 30


@pytest.mark.parametrize("charset", [b"utf-8", b"us-ascii", b"koi8-r", b"no-such-charset"])
def test_a_wrong_charset_is_read_as_well_as_can_be(desk, site, charset):
    site.but("/journal.xml", Answer(_FEED % charset))
    said = desk(*NEXT, "collect", "--json")
    (journal,) = (c for c in said.document["collected"] if c["source"] == "journal")
    assert (said.code, journal["outcome"]) == (0, "read")


def test_an_unreachable_host_is_named(desk):
    path = desk.folder / "config.toml"
    path.write_text(
        path.read_text()
        + '[[sources]]\nname = "gone"\nkind = "feed"\nurl = "http://127.0.0.1:1/feed.xml"\n'
    )
    said = desk(*NEXT, "collect")
    assert said.code == 0
    assert "gone failed" in said.words
    assert "arxiv read" in said.words


def test_a_source_whose_token_is_missing_does_not_stop_the_others(desk, monkeypatch):
    monkeypatch.delenv("PAPERROUND_NO_SUCH", raising=False)
    path = desk.folder / "config.toml"
    path.write_text(
        path.read_text().replace(
            'kind = "huggingface"', 'kind = "huggingface"\ntoken = "env:PAPERROUND_NO_SUCH"'
        )
    )
    said = desk(*NEXT, "collect")
    assert "PAPERROUND_NO_SUCH is not set" in said.words
    assert "arxiv read 25" in said.words


# ── The database ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("command", STATE_COMMANDS, ids=" ".join)
def test_a_database_of_a_later_version_is_not_touched(desk, command):
    path = desk.state / "paperround.db"
    with closing(sqlite3.connect(path)) as db:
        (version,) = db.execute("PRAGMA user_version").fetchone()
        db.execute("PRAGMA user_version = 99")
    said = desk(*NEXT, *command)
    assert said.code == 1
    assert "was written by a later version of paperround" in said.words
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {version}")
    goes_on(desk)


@pytest.mark.parametrize("command", STATE_COMMANDS, ids=" ".join)
@pytest.mark.parametrize("garbage", [b"", b"SQLite format 3\x00" + b"\xff" * 4000, b"?" * 5000])
def test_a_garbage_database_is_named_and_kept(desk, command, garbage):
    path = desk.state / "paperround.db"
    path.write_bytes(garbage)
    said = desk(*NEXT, *command)
    if not garbage:  # an empty file is how SQLite begins: the bot begins too
        assert said.code in (0, 2)
        return
    assert said.code == 1
    assert "paperround.db is no database, or a damaged one" in said.words
    assert path.read_bytes() == garbage


def test_a_folder_where_the_database_should_be(desk):
    path = desk.state / "paperround.db"
    path.unlink()
    path.mkdir()
    said = desk(*NEXT, "once")
    assert said.code == 1
    assert "paperround.db cannot be written" in said.words


def test_a_file_where_the_state_folder_should_be(desk):
    shutil.rmtree(desk.state)
    desk.state.write_text("")
    for command in (["once"], ["status"], ["check"]):
        said = desk(*NEXT, *command)
        assert said.code == 1
        assert "state" in said.words


def test_a_locked_database_is_waited_for_and_then_named(desk, monkeypatch):
    monkeypatch.setattr(connection, "_BUSY_SECONDS", 0.2)
    with closing(sqlite3.connect(desk.state / "paperround.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for command in (["once"], ["collect"], ["subscribers", "list"]):
            said = desk(*NEXT, *command)
            assert said.code == 1
            assert "stayed locked by another program" in said.words
        for command in (["trending"], ["deliveries", "list"], ["explain", "experts", "2611.90011"]):
            assert desk(*NEXT, *command).code == 0, "reading goes on beside a writer"
    goes_on(desk)


def test_a_busy_workflow_names_its_holder(desk, monkeypatch):
    monkeypatch.setattr("bot.app.means.workflow_lock", _impatient)
    with (desk.state / "lock" / "compose").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        held.write('{"pid": 4321}')
        held.flush()
        said = desk(*NEXT, "compose")
    assert said.code == 1
    assert "Another paperround (process 4321) is busy with compose" in said.words


def _impatient(state, workflow):
    from bot.files import workflow_lock

    return workflow_lock(state, workflow, patience=0.2)


# ── The disk ──────────────────────────────────────────────────────────────────────────────────────


def test_no_room_for_pages_keeps_no_mail_back(desk, monkeypatch):
    real = os.fsync
    full = desk.state / "public"

    def fsync(descriptor):
        if Path(f"/proc/self/fd/{descriptor}").readlink().is_relative_to(full):
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    said = desk(*NEXT, "once")
    assert said.code == 1
    assert "There is no room left to write" in said.words
    assert len(mails(desk.state)) == 4
    monkeypatch.undo()
    again = desk(*NEXT, "--config", str(desk.folder / "config.toml"), "once", "--json")
    assert again.code == 0
    assert "p/experts/2026-11-20/index.html" in again.document["published"]["changed"]
    assert len(mails(desk.state)) == 4


def test_no_room_for_mail_loses_no_digest(desk, monkeypatch):
    real = os.fsync
    full = desk.state / "mail"

    def fsync(descriptor):
        if Path(f"/proc/self/fd/{descriptor}").readlink().is_relative_to(full):
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fsync)
        said = desk(*NEXT, "once")
    assert said.code == 1
    assert "There is no room left to write" in said.words
    goes_on(desk)


@pytest.mark.parametrize("uncertain", ["resend", "hold"])
def test_a_maildir_that_could_not_be_written_again_and_again_needs_no_person_once_it_can(
    desk, monkeypatch, uncertain
):
    """Nothing arrived, and what did would be known by its name: there is no doubt to hold a mail for."""
    config = (desk.folder / "config.toml").read_text()
    desk.write(f'{config}\n[mail]\nuncertain = "{uncertain}"\n')

    def denied(*_):
        raise StateError("state/mail cannot be written: Permission denied.")

    with monkeypatch.context() as patched:
        patched.setattr("bot.app.means.deliver_to_maildir", denied)
        for _ in range(4):
            said = desk(*NEXT, "once")
            assert said.code == 1
            assert "problem  state/mail cannot be written" in said.out
            assert "publish" in said.out, "what was done is told all the same"
    assert len(mails(desk.state)) == 2
    assert desk(*NEXT, "deliver").code == 0
    assert len(mails(desk.state)) == 4
    assert {delivery.status.value for delivery in deliveries(desk.state)} == {"sent"}


def test_a_disk_without_room_to_open_the_database_is_told_as_full(desk, monkeypatch):
    """SQLite says "disk I/O error" where it cannot even make room for its shared memory."""

    def no_room(*_arguments, **_named):
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorname = "SQLITE_IOERR_SHMSIZE"
        raise error

    usage = shutil.disk_usage(desk.folder)
    with monkeypatch.context() as patched:
        patched.setattr(sqlite3, "connect", no_room)
        assert "Check that the folder belongs to you" in desk("status").words
        patched.setattr(shutil, "disk_usage", lambda _: usage._replace(free=8192))
        said = desk("status")
    assert said.code == 1
    assert "is full. What was committed before is kept; make room" in said.words


def test_a_disk_that_is_full_for_the_database(desk):
    """A limit on the size of files stands for a disk without room: SQLite meets it too."""
    size = (desk.state / "paperround.db").stat().st_size

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, size // 2))

    said = run(desk.folder, *NEXT, "once", preexec_fn=limit)
    assert said.returncode == 1
    assert "Traceback" not in said.stderr
    assert "paperround.db" in said.stderr
    goes_on(desk)


def as_nobody_special() -> None:
    """In a child: give up root's right to write where the permissions say no."""
    set_capability_bound, write_anywhere, read_anywhere = 24, 1, 2  # prctl(2), capabilities(7)
    if os.geteuid() == 0:
        libc = ctypes.CDLL(None)
        for right in (write_anywhere, read_anywhere):
            libc.prctl(set_capability_bound, right, 0, 0, 0)


@pytest.mark.parametrize("part", ["state", "state/mail/new", "state/public"])
def test_a_folder_that_may_not_be_written(desk, part):
    folder = desk.folder / part
    folder.chmod(0o555)
    tried = subprocess.run(["touch", folder / "x"], preexec_fn=as_nobody_special, check=False)
    if tried.returncode == 0:
        pytest.skip("this machine lets us write everywhere, whatever the permissions")
    said = run(desk.folder, *NEXT, "once", preexec_fn=as_nobody_special)
    folder.chmod(0o755)
    assert said.returncode == 1
    assert "Traceback" not in said.stderr
    assert "cannot be" in said.stdout + said.stderr
    goes_on(desk)


# ── Templates ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "broken",
    [b"{% for %}", b"{{ nothing.at.all }}", b"\xff\xfe", b"{{ 1 // 0 }}", b"{% include 'x' %}"],
)
def test_a_users_template_that_breaks_is_told_and_the_mail_goes(desk, broken):
    for name in ("digest.txt", "digest.html"):
        write_file(desk.folder / "templates" / "email" / name, broken)
    said = desk(*NEXT, "once")
    assert said.code == 0
    assert "Your template email/digest.txt" in said.err
    assert "Ours was used instead" in said.err
    assert len(mails(desk.state)) == 4
    assert all("new papers" in text_of(mail) for mail in mails(desk.state))


# ── Two at once, and stopping ─────────────────────────────────────────────────────────────────────


def interruptible() -> None:
    """In a child: take SIGINT as usual, also where the tests run in the background, ignoring it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def started(folder, *arguments):
    given = {"env": environment(), "encoding": "utf-8", "preexec_fn": interruptible}
    return subprocess.Popen(
        [*PYTHON, *arguments], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **given
    )


def test_two_at_the_same_time_send_one_digest_each(tmp_path, site):
    site.show(sample_day(1))
    (tmp_path / "config.toml").write_text(CONFIG.format(url=site.url))
    running = [started(tmp_path, *MORNING, "once") for _ in range(3)]
    said = [each.communicate(timeout=60) for each in running]
    assert [each.returncode for each in running] == [0, 0, 0], said
    assert all(err == "" for _, err in said)
    assert sorted(m["To"] for m in mails(tmp_path / "state")) == [
        "ada@example.org", "grace@example.org",
    ]  # fmt: skip


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_stopping_in_the_middle_loses_nothing(desk, site, sent):
    site.but("/journal.xml", Answer(sample_day(2)["/journal.xml"], wait=4))
    asked = len(site.requests)
    running = started(desk.folder, *NEXT, "once")
    while len(site.requests) < asked + 3:
        time.sleep(0.02)
    running.send_signal(sent)
    _, err = running.communicate(timeout=30)
    assert "Traceback" not in err
    if sent is signal.SIGINT:
        assert running.returncode == 130
        assert "stopped. What was committed is kept." in err
    site.show(sample_day(2))
    goes_on(desk)


# ── Where the output goes ─────────────────────────────────────────────────────────────────────────


def test_a_state_folder_that_is_removed_during_a_run_is_a_sentence(desk, monkeypatch):
    async def removed(_app):
        shutil.rmtree(desk.state)

    monkeypatch.setattr("bot.app.App.prune", removed)
    said = desk(*MORNING, "once")
    assert said.code == 1
    assert "paperround.db was moved or removed while it was in use" in said.words


def test_a_reader_that_has_gone_is_no_error(desk):
    running = started(desk.folder, *MORNING, "trending", "--json")
    assert running.stdout is not None
    running.stdout.close()
    assert running.stderr is not None
    err = running.stderr.read()
    running.stderr.close()
    assert (running.wait(), err) == (141, "")


@pytest.mark.parametrize(
    "arguments", [["status"], ["trending", "--json"], ["--now", "never", "once"]]
)
def test_a_full_disk_behind_the_output_is_a_sentence(desk, arguments):
    with Path("/dev/full").open("w") as full:
        said = subprocess.run(
            [*PYTHON, *arguments], cwd=desk.folder, env=environment(), stdout=full,
            stderr=subprocess.PIPE, encoding="utf-8", check=False, timeout=60,
        )  # fmt: skip
    assert "Traceback" not in said.stderr
    if "never" in arguments:
        assert said.returncode == 2, "nothing was to be written there"
    else:
        assert said.returncode == 1
        assert "no room left for the output" in said.stderr


def test_output_that_is_closed_is_no_error(desk):
    said = subprocess.run(
        ["sh", "-c", 'exec "$@" >&-', "sh", *PYTHON, "status"], cwd=desk.folder, env=environment(),
        stderr=subprocess.PIPE, encoding="utf-8", check=False, timeout=60,
    )  # fmt: skip
    assert (said.returncode, said.stderr) == (0, "")


# ── What an attack found ──────────────────────────────────────────────────────────────────────────


def test_a_part_that_another_process_is_busy_with_keeps_no_other_back(desk, monkeypatch):
    async def busy(_self, _on_done=None):
        raise StateLockedError("Another paperround (process 7) is busy with collect.")

    monkeypatch.setattr("bot.app.App.collect", busy)
    said = desk(*NEXT, "once")
    assert said.code == 1
    assert "busy with collect" in said.out
    assert "compose" in said.out
    assert "deliver" in said.out
    monkeypatch.undo()


def test_a_run_under_a_clock_of_next_year_is_told_until_it_is_mended(desk):
    assert desk("--now", "2027-11-19T08:00:00Z", "once").code == 0
    said = desk(*NEXT, "once")
    assert said.code == 1
    assert "ahead of the clock" in said.out
    assert "not due" not in said.out, "the sources are asked all the same"
    assert "ahead of the clock" in desk(*NEXT, "status").out


def test_a_person_who_forces_an_edition_ends_the_wait_for_a_wrong_date(desk):
    assert desk("--now", "2027-11-19T08:00:00Z", "once").code == 0
    for profile in ("experts", "proteins"):
        assert "from then on each day has its own again" in desk(*NEXT, "once").out
        assert desk(*NEXT, "compose", "--force", profile).code == 0
    said = desk(*NEXT, "once")
    assert said.code == 0
    assert "ahead of the clock" not in said.out
    for day in (21, 22):
        said = desk("--now", f"2026-11-{day}T08:00:00Z", "once")
        assert f"of 2026-11-{day}" in said.out
    assert "of 2027-11-19" in desk("--now", "2027-11-19T08:00:00Z", "once").out, (
        "and so has that one"
    )


def test_status_says_of_each_source_what_there_is_to_do(desk, site):
    site.but("/journal.xml", Answer(b"", 301, headers={"Location": "/moved.xml"}))
    site.but("/moved.xml", Answer(_FEED % b"koi8-r"))
    for hour in (6, 8, 10):
        said = desk("--now", f"2026-11-22T{hour:02}:00:00Z", "collect")
    assert "it has moved for good and is asked at" in said.words
    said = desk("--now", "2026-11-22T10:05:00Z", "status")
    assert f"has moved for good and is asked at {site.url}/moved.xml" in said.words
    site.but("/journal.xml", Answer(b"", 410))
    site.but("/moved.xml", Answer(b"", 410))
    for day in (23, 25):
        desk("--now", f"2026-11-{day}T10:00:00Z", "collect")
    said = desk("--now", "2026-11-25T10:05:00Z", "status")
    assert "journal feed gone" in said.words
    assert "410 Gone; it is not asked again until its url is changed" in said.words
    (gone,) = (s for s in desk("sources", "list", "--json").document if s["name"] == "journal")
    assert gone["next_poll"] is None
    said = desk("--now", "2026-11-26T10:00:00Z", "collect")
    assert "not due 127.0.0.1 answered HTTP 410 Gone; it is not asked again" in said.words
    assert "next try" not in said.words
