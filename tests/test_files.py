"""The only file writer: a reader sees the old file or the new one; and locks that die with us."""

from __future__ import annotations

import asyncio
import errno
import sys
import threading
from pathlib import Path

import pytest

from bot import files
from bot.errors import DiskFullError, StateError, StateLockedError
from bot.files import (
    deliver_to_maildir,
    files_written_together,
    private_folder,
    withdraw,
    workflow_lock,
    write_file,
)

# ── Files ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_file_is_written_where_its_folders_are_missing(tmp_path):
    path = tmp_path / "public" / "p" / "index.html"
    assert write_file(path, b"hello")
    assert path.read_bytes() == b"hello"


def test_the_same_content_is_not_written_again(tmp_path):
    path = tmp_path / "page"
    write_file(path, b"hello")
    before = path.stat()
    assert not write_file(path, b"hello")
    assert path.stat().st_ino == before.st_ino, "a web server's caches stay valid"


def test_other_content_of_the_same_length_is(tmp_path):
    path = tmp_path / "page"
    write_file(path, b"hello")
    assert write_file(path, b"world")
    assert path.read_bytes() == b"world"


def test_a_reader_never_sees_half_a_file(tmp_path):
    path, done, seen = tmp_path / "page", threading.Event(), set()
    write_file(path, b"a" * 100_000)

    def look() -> None:
        while not done.is_set():
            content = path.read_bytes()
            seen.add((len(content), content[:1], content[-1:]))

    reader = threading.Thread(target=look)
    reader.start()
    for number in range(60):
        write_file(path, (b"b" if number % 2 else b"c") * 100_000)
    done.set()
    reader.join()
    assert seen <= {(100_000, letter, letter) for letter in (b"a", b"b", b"c")}


def test_nothing_is_left_lying_about(tmp_path):
    write_file(tmp_path / "page", b"hello")
    assert [path.name for path in tmp_path.iterdir()] == ["page"]


@pytest.mark.parametrize(
    ("code", "kind", "said"),
    [
        (errno.ENOSPC, DiskFullError, "no room left"),
        (errno.EDQUOT, DiskFullError, "no room left"),
        (errno.EACCES, StateError, "Permission denied"),
    ],
)
def test_what_the_disk_refuses_is_told_and_the_old_file_stays(
    tmp_path, monkeypatch, code, kind, said
):
    path = tmp_path / "page"
    write_file(path, b"old")

    def refuse(_descriptor: int) -> None:
        raise OSError(code, "Permission denied")

    monkeypatch.setattr(files.os, "fsync", refuse)
    with pytest.raises(kind, match=said) as told:
        write_file(path, b"new")
    assert str(path) in str(told.value)
    assert path.read_bytes() == b"old"
    assert [each.name for each in tmp_path.iterdir()] == ["page"]


def test_a_name_that_is_a_folder_is_told(tmp_path):
    (tmp_path / "page").mkdir()
    with pytest.raises(StateError, match="cannot be written"):
        write_file(tmp_path / "page", b"hello")


def test_what_is_withdrawn_is_gone_and_nothing_else(tmp_path):
    for name in ("p/secret/index.html", "p/secret/2026/index.html", "p/open/index.html", "f.rss"):
        write_file(tmp_path / name, b"x")
    assert withdraw(tmp_path / "p" / "secret")
    assert withdraw(tmp_path / "f.rss")
    assert not withdraw(tmp_path / "p" / "secret")
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["index.html", "open", "p"]


def test_a_link_is_withdrawn_without_what_it_leads_to(tmp_path):
    write_file(tmp_path / "elsewhere" / "dear", b"x")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    assert withdraw(tmp_path / "link")
    assert (tmp_path / "elsewhere" / "dear").exists()


def test_the_state_folder_is_its_owners_alone(tmp_path):
    private_folder(tmp_path / "a" / "state")
    assert (tmp_path / "a" / "state").stat().st_mode & 0o077 == 0
    private_folder(tmp_path / "a" / "state")
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="cannot be written"):
        private_folder(tmp_path / "file" / "state")


def test_a_mail_that_was_half_written_before_a_crash_is_written_whole(tmp_path):
    (tmp_path / "tmp").mkdir()
    (tmp_path / "tmp" / "1.mail").write_bytes(b"half a")
    assert deliver_to_maildir(tmp_path, "1.mail", b"half a mail, and the rest")
    assert (tmp_path / "new" / "1.mail").read_bytes() == b"half a mail, and the rest"
    assert not deliver_to_maildir(tmp_path, "1.mail", b"half a mail, and the rest")


# ── Locks ─────────────────────────────────────────────────────────────────────────────────────────


async def test_a_lock_keeps_another_out_and_names_its_holder(tmp_path):
    async with workflow_lock(tmp_path, "deliver"):
        with pytest.raises(StateLockedError, match=r"process \d+\) is busy with deliver") as told:
            async with workflow_lock(tmp_path, "deliver", patience=0.0):
                pass
    assert "try again later" in str(told.value)


async def test_each_workflow_has_its_own(tmp_path):
    async with workflow_lock(tmp_path, "deliver"), workflow_lock(tmp_path, "collect", patience=0.0):
        pass


async def test_who_waits_gets_it_next(tmp_path):
    order = []

    async def work(name: str) -> None:
        async with workflow_lock(tmp_path, "deliver", patience=5.0):
            order.append(f"{name} in")
            await asyncio.sleep(0.02)
            order.append(f"{name} out")

    await asyncio.gather(work("one"), work("two"))
    assert order in (
        ["one in", "one out", "two in", "two out"],
        ["two in", "two out", "one in", "one out"],
    )


async def test_a_failure_lets_go(tmp_path):
    with pytest.raises(ZeroDivisionError):
        async with workflow_lock(tmp_path, "deliver"):
            raise ZeroDivisionError
    async with workflow_lock(tmp_path, "deliver", patience=0.0):
        pass


async def test_a_lock_dies_with_its_process(tmp_path):
    hold = (
        "import asyncio, sys\nfrom pathlib import Path\nfrom bot.files import workflow_lock\n"
        "async def main():\n"
        "    async with workflow_lock(Path(sys.argv[1]), 'deliver'):\n"
        "        print('held', flush=True)\n"
        "        await asyncio.sleep(60)\n"
        "asyncio.run(main())"
    )
    holder = await asyncio.create_subprocess_exec(
        sys.executable, "-c", hold, tmp_path, stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[1],
    )  # fmt: skip
    assert holder.stdout is not None
    try:
        assert await holder.stdout.readline() == b"held\n"
        with pytest.raises(StateLockedError, match=f"process {holder.pid}"):
            async with workflow_lock(tmp_path, "deliver", patience=0.0):
                pass
    finally:
        holder.kill()
        await holder.communicate()
    async with workflow_lock(tmp_path, "deliver", patience=1.0):
        pass


async def test_a_state_folder_that_cannot_be_locked_is_told(tmp_path):
    (tmp_path / "lock").write_text("a file")
    with pytest.raises(StateError, match="cannot be written"):
        async with workflow_lock(tmp_path, "deliver"):
            pass


# ── Many at once ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("count", [0, 3, 200])
def test_many_are_written_like_one_and_each_says_whether_it_changed(tmp_path, count):
    wanted = [(tmp_path / f"{n % 7}" / f"{n}.html", b"%d" % n) for n in range(count)]
    changed = [(path, b"new" if n % 2 else content) for n, (path, content) in enumerate(wanted)]
    with files_written_together() as write_files:
        assert write_files(wanted) == [True] * count
        assert all(path.read_bytes() == content for path, content in wanted)
        assert write_files(changed) == [bool(n % 2) for n in range(count)]
    assert not list(tmp_path.rglob(".*"))


def test_where_one_of_many_cannot_be_written_the_others_are_and_it_is_said(tmp_path):
    (tmp_path / "7.html").mkdir()
    wanted = [(tmp_path / f"{n}.html", b"x") for n in range(40)]
    with files_written_together() as write_files, pytest.raises(StateError):
        write_files(wanted)
    assert sum(path.is_file() for path, _ in wanted) == 39
