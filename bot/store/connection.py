"""One SQLite connection: how it is opened, what a transaction is, what its errors mean to people."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any

from bot.errors import DiskFullError, SchemaTooNewError, StateError, StateLockedError

# The number of migrations in schema.py, kept in user_version too: so a database that is up to date
# is recognised without importing sqlite-utils (FACTS.md, Packaging). A test holds the two together.
SCHEMA_VERSION = 4
_BUSY_SECONDS = 30
_AGAIN_SECONDS = 0.01
# In powers of two, so that few statements are prepared. 32 papers are 512 values; SQLite before 3.32
# took 999.
_MOST_ROWS = 32
_LEAST_ROOM = 65_536  # bytes; to open a database in WAL mode alone takes 32 KB


class Connection:
    """A connection in autocommit; every write stands in `transaction`.

    Use it from one thread at a time. Raises StateError and its kin with sentences for people.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._explained():
            path.parent.mkdir(parents=True, exist_ok=True)
            _begin(path)
            self._db = sqlite3.connect(
                path, isolation_level=None, check_same_thread=False, timeout=_BUSY_SECONDS
            )
        try:
            with self._explained():
                self._db.row_factory = sqlite3.Row
                self._prepare()
                self._file = _number_of(path)
        except BaseException:
            self._db.close()
            raise

    def _prepare(self) -> None:
        self._db.execute("PRAGMA foreign_keys = ON")
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            raise SchemaTooNewError(
                f"{self.path} was written by a later version of paperround (its schema is {version}, "
                f"this version knows {SCHEMA_VERSION}). Nothing was changed. Install that version, or "
                "restore a backup from before the upgrade."
            )
        self._write_ahead()
        # FULL: what a delivery's row says must survive a power cut (DESIGN.md, Outbox).
        self._db.execute("PRAGMA synchronous = FULL")
        if version < SCHEMA_VERSION:
            self._migrate()

    def _write_ahead(self) -> None:
        # Of several that begin a new file at once SQLite turns some away here without letting them wait.
        until = time.monotonic() + _BUSY_SECONDS
        while True:
            try:
                self._db.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorname != "SQLITE_BUSY" or time.monotonic() > until:
                    raise
                time.sleep(_AGAIN_SECONDS)
            else:
                return

    def _migrate(self) -> None:
        from bot.store.backup import upgrade

        upgrade(self, self._db)

    def in_place(self) -> bool:
        """Whether the file is still the one that was opened: not moved, removed or replaced since."""
        return _number_of(self.path) == self._file

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Hold the write lock from the first statement on; commit at the end, or change nothing.

        Inside another transaction it is a part of that one.
        """
        with self._explained():
            inside = self._db.in_transaction
            if inside:
                yield
                return
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def rows(self, sql: str, values: Mapping[str, object] | None = None) -> list[sqlite3.Row]:
        """Return all rows of a query with named parameters."""
        with self._explained():
            return self._db.execute(sql, values or {}).fetchall()

    def tuples(self, sql: str, values: Mapping[str, object] | None = None) -> list[tuple[Any, ...]]:
        """Return all rows of a query as plain tuples: of thousands, each takes less than a Row."""
        with self._explained():
            cursor = self._db.cursor()
            cursor.row_factory = None
            return cursor.execute(sql, values or {}).fetchall()

    def row(self, sql: str, values: Mapping[str, object] | None = None) -> sqlite3.Row | None:
        """Return the first row, or None."""
        with self._explained():
            found: sqlite3.Row | None = self._db.execute(sql, values or {}).fetchone()
            return found

    def write(self, sql: str, values: Mapping[str, object] | None = None) -> sqlite3.Cursor:
        """Run one statement inside the current transaction."""
        with self._explained():
            return self._db.execute(sql, values or {})

    def write_many(
        self, sql: str, values: Sequence[Mapping[str, object] | tuple[object, ...]]
    ) -> None:
        """Run one statement for many rows inside the current transaction."""
        with self._explained():
            self._db.executemany(sql, values)

    def insert(self, into: str, rows: Sequence[tuple[object, ...]], on_conflict: str = "") -> None:
        """Insert rows of one width inside the current transaction; `into` is `table (columns)`.

        Up to 32 rows are one statement. Each statement lets go of Python's lock and waits for it
        anew, and where another thread computes, that is 5 ms: for a row each, a minute a round.
        """
        with self._explained():
            begin = 0
            while begin < len(rows):
                count = min(_MOST_ROWS, 1 << ((len(rows) - begin).bit_length() - 1))
                some = rows[begin : begin + count]
                sql = _insertion(into, len(some[0]), count, on_conflict)
                self._db.execute(sql, list(chain.from_iterable(some)))
                begin += count

    def define(self, name: str, arguments: int, function: Callable[..., bool]) -> None:
        """Let queries on this connection call a function that reads nothing but what it is given."""
        with self._explained():
            self._db.create_function(name, arguments, function, deterministic=True)

    def rewrite(self) -> None:
        """Write the whole file anew: what was deleted can no longer be read in it.

        Takes about a second per 100 MB, and as much room again while it lasts.
        """
        with self._explained():
            self._db.execute("VACUUM")
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._explain(error) from error
        except OSError as error:
            raise StateError(f"{self.path.parent} cannot be used: {error.strerror}.") from error

    def _explain(self, error: sqlite3.Error) -> StateError:
        name = getattr(error, "sqlite_errorname", "")
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_PROTOCOL")):
            return StateLockedError(
                f"{self.path} stayed locked by another program for {_BUSY_SECONDS} s. Nothing was "
                "changed; try again when it has finished."
            )
        unwritable = name.startswith(
            ("SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_PERM", "SQLITE_IOERR")
        )
        # Where there is no room even for its shared memory, SQLite says no more than "I/O error".
        if name == "SQLITE_FULL" or (unwritable and self._is_full()):
            return DiskFullError(
                f"The disk that holds {self.path} is full. What was committed before is kept; "
                "make room and run again."
            )
        if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
            return StateError(
                f"{self.path} is no database, or a damaged one. Move it away and restore a backup; "
                "nothing was written."
            )
        if unwritable:
            return StateError(
                f"{self.path} cannot be written ({error}). Check that the folder belongs to you and "
                "that its disk is well."
            )
        raise error  # a bug of ours: let it crash with its traceback

    def _is_full(self) -> bool:
        with suppress(OSError):
            return shutil.disk_usage(self.path.parent).free < _LEAST_ROOM
        return False


@lru_cache(maxsize=128)
def _insertion(into: str, width: int, count: int, on_conflict: str) -> str:
    row = f"({', '.join('?' * width)})"
    return f"INSERT INTO {into} VALUES {', '.join([row] * count)} {on_conflict}"  # noqa: S608 - our own words


def _begin(path: Path) -> None:
    """Make a new database its owner's alone: SQLite gives its other files the same mode.

    The folder is private where we made it, but it may have been there before.
    """
    if str(path) == ":memory:":
        return
    with suppress(OSError):  # it is there; or SQLite says what is in the way
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))


def _number_of(path: Path) -> int | None:
    """Return what tells a file from another in its place; None for none, as in memory."""
    with suppress(OSError):
        return path.stat().st_ino
    return None


def seconds(value: datetime | None) -> int | None:
    """Return an aware datetime as whole seconds since 1970."""
    return None if value is None else int(value.timestamp())


def moment(value: int | None) -> datetime | None:
    """Return seconds since 1970 as an aware datetime in UTC."""
    return None if value is None else datetime.fromtimestamp(value, UTC)
