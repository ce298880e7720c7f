"""The only file writer: whole files, atomically; archives of them; and the locks workflows hold."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import hashlib
import io
import json
import os
import shutil
import stat
import time
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING

from bot.errors import DiskFullError, StateError, StateLockedError
from bot.values import value_type

if TYPE_CHECKING:  # for backups alone
    import tarfile

LOCK_SECONDS = 30.0
_POLL_SECONDS = 0.1
_PRIVATE = 0o700
_OF_OTHERS = 0o027  # a group may look in, where its owner lets it
_CHUNK = 1 << 20
MOST_MEMBERS = 20_000  # of an archive
_SCRATCH = ".paperround-"
_STALE_SECONDS = 86_400
_FEW, _AT_ONCE = 16, 16  # files: fewer are not worth the threads


def write_file(path: Path, content: bytes, mode: int = 0o666) -> bool:
    """Write a file if its content differs; return whether it did.

    A reader sees the old file or the new one, never half of one, also after a power cut. `mode` is
    that of the new one, less the umask. Raises DiskFullError or StateError.
    """
    try:
        if _holds(path, content):
            return False
        # Always the same name: what a killed process left under it, the next writer replaces.
        temporary = path.with_name(f".{path.name}.new")
        try:
            with open(_opened(temporary, mode), "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)
    except OSError as error:
        raise explained(error, path) from error
    return True


def _holds(path: Path, content: bytes) -> bool:
    try:
        told = path.stat()
    except FileNotFoundError:
        return False
    return S_ISREG(told.st_mode) and told.st_size == len(content) and path.read_bytes() == content


def _opened(path: Path, mode: int) -> int:
    """Return the descriptor of a new file; most have a folder, and nothing of before in their place."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    try:
        return os.open(path, flags, mode)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        path.unlink()  # with another mode, perhaps
    return os.open(path, flags, mode)


@contextmanager
def files_written_together() -> Generator[Callable[[Sequence[tuple[Path, bytes]]], list[bool]]]:
    """Yield what writes each file as `write_file` does, in any order, and returns whether each changed.

    Many wait for the disk together: it takes sixteen in hardly more time than one. Where one cannot
    be written, the others are all the same. It raises DiskFullError or StateError.
    """
    # One for all calls: to start a thread takes as long as to write a file.
    with ThreadPoolExecutor(_AT_ONCE, "files") as threads:

        def write_files(contents: Sequence[tuple[Path, bytes]]) -> list[bool]:
            if len(contents) < _FEW:
                return [write_file(path, content) for path, content in contents]
            waiting = [threads.submit(write_file, path, content) for path, content in contents]
            wait(waiting)
            return [each.result() for each in waiting]

        yield write_files


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
    """Make a folder that only its owner can read: it will hold addresses and a secret.

    One that is there already, as a checkout's is, and holds no database yet, is closed to others.
    """
    try:
        if not path.exists():
            path.mkdir(parents=True, mode=_PRIVATE)
        elif not (path / "paperround.db").exists():
            with suppress(PermissionError):  # another's: `check` tells
                path.chmod(stat.S_IMODE(path.stat().st_mode) & ~_OF_OTHERS)
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
    return StateError(
        f"{path} cannot be written: {reason}. Nothing of it was changed. Check whom it belongs to, and "
        "its disk; then run again."
    )


def _sync_folder(folder: Path) -> None:
    """Make the rename itself survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# ── Archives ──────────────────────────────────────────────────────────────────────────────────────


@value_type(frozen=True, slots=True)
class Member:
    """A file in an archive: its name, its size in bytes, and its content, to be read before the next."""

    name: str
    size: int
    chunks: Callable[[], Iterator[bytes]]


def write_archive(
    path: Path,
    members: Iterable[tuple[str, bytes | Path]],
    at: datetime,
    verify: Callable[[Path], object],
) -> int:
    """Write a tar file that only its owner can read; return its size.

    `verify` is given the written file, and raises where it is not whole: then, and where anything
    else goes wrong, what stood at `path` before still does. Raises DiskFullError, StateError.
    """
    import tarfile

    temporary = path.with_name(f"{_SCRATCH}{os.getpid()}-{path.name}")
    try:
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive:
                    for name, content in members:
                        _add_member(archive, name, content, at)
                file.flush()
                os.fsync(file.fileno())
            verify(temporary)
            size = temporary.stat().st_size
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        _sync_folder(path.parent)
    except OSError as error:
        raise explained(error, path) from error
    return size


def _add_member(archive: tarfile.TarFile, name: str, content: bytes | Path, at: datetime) -> None:
    told = archive.tarinfo(name)
    told.mode, told.mtime = 0o600, int(at.timestamp())
    if isinstance(content, bytes):
        told.size = len(content)
        archive.addfile(told, io.BytesIO(content))
    else:
        with content.open("rb") as file:
            told.size = os.fstat(file.fileno()).st_size
            archive.addfile(told, file)


def read_archive(path: Path) -> Generator[Member, None, None]:
    """Yield the files of a tar file; nothing is written, and nothing claimed is taken on trust.

    Raises StateError where it is no such file, is cut short, or holds anything but plain files
    (links, devices) or too many.
    """
    import tarfile

    try:
        with path.open("rb") as file:
            whole = os.fstat(file.fileno()).st_size
            # Uncompressed, so that no file in it can be larger than the archive.
            with tarfile.open(fileobj=_Frugal(file), mode="r:") as archive:  # type: ignore[call-overload]  # a reader is all it needs
                for number, told in enumerate(archive):
                    if not told.isreg() or told.issparse() or number >= MOST_MEMBERS:
                        raise StateError(
                            f"{path} holds {told.name[:100]!r}, which no backup does. Nothing was "
                            "changed."
                        )
                    if told.size > whole - told.offset_data:
                        raise tarfile.ReadError("unexpected end of data")
                    yield Member(told.name, told.size, _reader(archive, told))
    except (tarfile.TarError, ValueError, EOFError) as error:
        raise StateError(
            f"{path} is no backup, or was cut short ({error}). Nothing was changed."
        ) from error
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise StateError(f"{path} cannot be read: {reason}. Nothing was changed.") from error


class _Frugal:
    """A file of which nobody reads much at once, whatever size a header claims to have."""

    def __init__(self, file: io.BufferedReader) -> None:
        self._file = file
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int) -> bytes:
        if size > _CHUNK:
            import tarfile

            raise tarfile.ReadError("a header in it is too large")
        return self._file.read(size)


def _reader(archive: tarfile.TarFile, told: tarfile.TarInfo) -> Callable[[], Iterator[bytes]]:
    def chunks() -> Iterator[bytes]:
        file = archive.extractfile(told)
        while file is not None and (chunk := file.read(_CHUNK // 4)):
            yield chunk

    return chunks


def write_chunks(path: Path, chunks: Iterable[bytes]) -> str:
    """Write a new file that only its owner can read; return its SHA-256 in hexadecimal.

    Raises DiskFullError, StateError.
    """
    digest = hashlib.sha256()
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=_PRIVATE)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            for chunk in chunks:
                digest.update(chunk)
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise explained(error, path) from error
    return digest.hexdigest()


@contextmanager
def scratch_folder(parent: Path) -> Iterator[Path]:
    """Give a private folder, on the disk of `parent` (made if missing), that is gone afterwards.

    What a killed process left of its own, a day ago or more, goes too. Raises DiskFullError,
    StateError.
    """
    try:
        parent.mkdir(parents=True, exist_ok=True, mode=_PRIVATE)
        for left in parent.glob(f"{_SCRATCH}*"):
            if time.time() - left.lstat().st_mtime > _STALE_SECONDS:
                withdraw(left)
        import tempfile

        folder = Path(tempfile.mkdtemp(prefix=_SCRATCH, dir=parent))
    except OSError as error:
        raise explained(error, parent) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def put_in_place(source: Path, target: Path) -> None:
    """Move a file to its place, also on another disk; what stood there is replaced at once.

    Raises DiskFullError, StateError.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True, mode=_PRIVATE)
        try:
            source.replace(target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            write_file(target, source.read_bytes())
            source.unlink()
        _sync_folder(target.parent)
    except OSError as error:
        raise explained(error, target) from error


def keep_aside(path: Path, target: Path) -> None:
    """Give a file a second name, and leave its first until it is replaced. Raises StateError."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True, mode=_PRIVATE)
        try:
            target.hardlink_to(path)
        except OSError as error:
            if error.errno not in (errno.EXDEV, errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP):
                raise
            write_file(target, path.read_bytes())
    except OSError as error:
        raise explained(error, target) from error


# ── Locks ─────────────────────────────────────────────────────────────────────────────────────────


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
        with suppress(OSError):  # on a full disk: the number only serves a message
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, json.dumps({"pid": os.getpid()}).encode(), 0)
        yield
    finally:
        os.close(descriptor)


def is_at_work(state: Path, workflow: str) -> bool:
    """Return whether a process holds a workflow's lock now; nobody is kept from it by that."""
    try:
        descriptor = os.open(state / "lock" / workflow, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


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
