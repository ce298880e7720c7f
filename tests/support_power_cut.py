"""What a power cut leaves of a state folder, made in a copy of it.

A cut leaves all that was fsynced, and of what was written since, anything. So the processes are
stopped, which keeps the system's view of every file, and what was not fsynced yet is spoilt in the
copy. SQLite tells in its wal-index up to which frame commits were synced: it announces one there
after its fsync. Our own files are synced before they take their names.
"""

from __future__ import annotations

import shutil
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random


def copy_state(source: Path, target: Path, dice: Random) -> None:
    """Copy a state folder file by file, in random order."""
    names = [path for path in source.rglob("*") if path.is_file()]
    dice.shuffle(names)
    for path in names:
        copied = target / path.relative_to(source)
        copied.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copied)


@dataclass
class Spoilt:
    """How much of a copy was not on the disk yet: frames of the log, pages of the database, files."""

    frames: int = 0
    pages: int = 0
    files: int = 0

    def __add__(self, other: Spoilt) -> Spoilt:
        return Spoilt(
            self.frames + other.frames, self.pages + other.pages, self.files + other.files
        )


def cut_power(state: Path, dice: Random, new_folders: Sequence[Path]) -> Spoilt:
    """Spoil, in a copy, what no fsync had confirmed; the wal-index, which is memory, is gone."""
    index, log = state / "paperround.db-shm", state / "paperround.db-wal"
    spoilt = Spoilt()
    wal_index = _WalIndex.read(index.read_bytes()) if index.exists() else None
    if wal_index is not None and log.exists():
        spoilt.pages = _tear_checkpoint(state / "paperround.db", log.read_bytes(), wal_index, dice)
        spoilt.frames = _tear_log(log, wal_index, dice)
    index.unlink(missing_ok=True)
    for path in state.rglob(".*.new"):  # written, but its fsync had not returned
        with path.open("r+b") as file:
            file.truncate(dice.randint(0, path.stat().st_size))
        spoilt.files += 1
    # A folder is made and its parent never fsynced: it may be gone, with all that is in it.
    if new_folders and dice.random() < 0.3:
        lost = state / dice.choice(new_folders)
        spoilt.files += sum(path.is_file() for path in lost.rglob("*"))
        shutil.rmtree(lost)
    return spoilt


_LOG_HEADER, _FRAME_HEADER, _SECTOR = 32, 24, 512


@dataclass(frozen=True)
class _WalIndex:
    """What the wal-index says: a commit is announced in it after its fsync (walformat, §2.1, §2.3)."""

    page: int
    frames: int  # that are committed and synced
    salt: bytes
    synced: int  # frames that a checkpoint has copied and synced
    attempted: int  # frames that one may have copied

    @classmethod
    def read(cls, raw: bytes) -> _WalIndex | None:
        """Read the first of its two headers, and what is known of checkpoints; None before it has any."""
        if len(raw) < 132 or not raw[12]:
            return None
        (size,), (frames,) = struct.unpack_from("=H", raw, 14), struct.unpack_from("=I", raw, 16)
        (synced,), (attempted,) = (
            struct.unpack_from("=I", raw, 96),
            struct.unpack_from("=I", raw, 128),
        )
        return cls(65_536 if size == 1 else size, frames, raw[32:40], synced, attempted)

    @property
    def frame(self) -> int:
        return _FRAME_HEADER + self.page


def _tear_log(log: Path, index: _WalIndex, dice: Random) -> int:
    """Lose, or half lose, the frames behind the last synced commit; return how many there were."""
    raw = log.read_bytes()
    if len(raw) < _LOG_HEADER or raw[16:24] != index.salt:
        return 0  # nothing was written since the log was begun anew
    end = _LOG_HEADER + index.frames * index.frame
    tail = bytearray(raw[end:])
    mine = sum(tail[at + 8 : at + 16] == index.salt for at in range(0, len(tail) - 16, index.frame))
    match dice.choice(["kept", "cut", "torn"]):
        case "cut":
            tail = tail[: dice.randint(0, len(tail))]
        case "torn":
            for at in range(0, len(tail), _SECTOR):
                if dice.random() < 0.5:
                    tail[at : at + _SECTOR] = bytes(len(tail[at : at + _SECTOR]))
    log.write_bytes(raw[:end] + tail)
    return mine


def _tear_checkpoint(database: Path, log: bytes, index: _WalIndex, dice: Random) -> int:
    """Half lose the pages that a checkpoint was copying; the log has them all. Return how many."""
    if log[16:24] != index.salt or index.attempted <= index.synced:
        return 0
    raw, pages = bytearray(database.read_bytes()), set()
    for frame in range(index.synced, min(index.attempted, index.frames)):
        (page,) = struct.unpack_from(">I", log, _LOG_HEADER + frame * index.frame)
        start = (page - 1) * index.page
        # The very first sector holds what never changes here, and what a reader needs at once.
        for at in range(start + (_SECTOR if page == 1 else 0), start + index.page, _SECTOR):
            if at + _SECTOR <= len(raw) and dice.random() < 0.5:
                raw[at : at + _SECTOR] = bytes(_SECTOR)
        pages.add(page)
    database.write_bytes(raw)
    return len(pages)
