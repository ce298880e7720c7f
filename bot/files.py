"""The only file writer: whole files, atomically; and the locks that workflows hold."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import json
import os
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from bot.errors import DiskFullError, StateError, StateLockedError

LOCK_SECONDS = 30.0
_POLL_SECONDS = 0.1
_PRIVATE = 0o700


def write_file(path: Path, content: bytes) -> bool:
    """Write a file if its content differs; return whether it did.

    A reader sees the old file or the new one, never half of one, also after a power cut.
    Raises DiskFullError or StateError.
    """
    try:
        if path.is_file() and path.stat().st_size == len(content) and path.read_bytes() == content:
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
        try:
            with temporary.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        _sync_folder(path.parent)
    except OSError as error:
        raise explained(error, path) from error
    return True


def append_to_file(path: Path, content: bytes) -> None:
    """Add to the end of a person's own file, which keeps its owner, its mode and all it holds.

    What could be written in part only is taken back. Raises DiskFullError or StateError.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            end = file.tell()
            try:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            except OSError:
                os.ftruncate(file.fileno(), end)
                raise
    except OSError as error:
        raise explained(error, path) from error


def deliver_to_maildir(folder: Path, name: str, content: bytes) -> bool:
    """Put a message into a Maildir under a name that tells it apart; return whether it was new.

    The same name again is the same message: a message that a person has moved to `cur/`, or whose
    delivery was interrupted right before it was recorded, is not delivered twice.
    """
    try:
        for part in ("tmp", "new", "cur"):
            (folder / part).mkdir(parents=True, exist_ok=True, mode=_PRIVATE)
        if (folder / "new" / name).exists() or any((folder / "cur").glob(f"{name}*")):
            return False
        temporary = folder / "tmp" / name
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(folder / "new" / name)
        _sync_folder(folder / "new")
    except OSError as error:
        raise explained(error, folder) from error
    return True


def withdraw(path: Path) -> bool:
    """Remove a file, or a folder with all that is in it; return whether there was one.

    Raises StateError.
    """
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise explained(error, path) from error
    return True


def private_folder(path: Path) -> None:
    """Make a folder that only its owner can read: it will hold addresses and a secret."""
    try:
        if not path.exists():
            path.mkdir(parents=True, mode=_PRIVATE)
    except OSError as error:
        raise explained(error, path) from error


def explained(error: OSError, path: Path) -> StateError:
    """Return what an OSError means to people."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFullError(
            f"There is no room left to write {path}. What was there before is kept; make room and "
            "run again."
        )
    reason = error.strerror or type(error).__name__
    return StateError(f"{path} cannot be written: {reason}. Nothing of it was changed.")


def _sync_folder(folder: Path) -> None:
    """Make the rename itself survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@asynccontextmanager
async def workflow_lock(
    state: Path, workflow: str, patience: float = LOCK_SECONDS
) -> AsyncIterator[None]:
    """Hold a workflow's lock: one process at a time collects, composes, publishes or delivers.

    Waits up to `patience` seconds of real time. Raises StateLockedError that names the holder. The
    lock dies with its process (flock), so nothing stale is ever left.
    """
    path = state / "lock" / workflow
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=_PRIVATE)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise explained(error, path) from error
    try:
        await _take(descriptor, workflow, patience)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps({"pid": os.getpid()}).encode(), 0)
        yield
    finally:
        os.close(descriptor)


async def _take(descriptor: int, workflow: str, patience: float) -> None:
    deadline = time.monotonic() + patience
    while True:
        with suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        if time.monotonic() >= deadline:
            raise StateLockedError(
                f"Another paperround (process {_holder(descriptor)}) is busy with {workflow} and was "
                f"not done within {patience:.0f} s. Nothing was changed; try again later."
            )
        await asyncio.sleep(_POLL_SECONDS)


def _holder(descriptor: int) -> str:
    try:
        return str(json.loads(os.pread(descriptor, 200, 0))["pid"])
    except (ValueError, KeyError, TypeError):
        return "unknown"
