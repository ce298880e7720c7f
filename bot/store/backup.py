"""Copies of the database: for a backup, before an upgrade, and what is noted in one that is restored.

The file itself is never opened but by SQLite: closing it otherwise would drop the locks that this
process holds on it (SQLite's manual, "How To Corrupt An SQLite Database File", section 2.2).
"""

from __future__ import annotations

import json
import logging
import shutil
import sqlite3
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from datetime import date, datetime
from pathlib import Path

from bot.errors import DiskFullError, SchemaTooNewError, StateError, StateLockedError
from bot.schedule import instant
from bot.store import connection
from bot.store.connection import Connection, moment, seconds
from bot.values import value_type

log = logging.getLogger("paperround")

# Another program that has the database open is given so long to finish what it does.
_PATIENCE_SECONDS = 5.0
_COUNTED = ("paper", "edition", "subscriber", "delivery")


@value_type(frozen=True, slots=True)
class Contents:
    """What a database holds: its schema, its size in bytes, and how many of each (`papers`, …)."""

    schema: int
    size: int
    counts: Mapping[str, int]


@value_type(frozen=True, slots=True)
class Restored:
    """When the copy that this database was restored from was made, and when that was done."""

    made_at: datetime
    restored_at: datetime


# ── Copying ───────────────────────────────────────────────────────────────────────────────────────


def copy_database(source: Path, target: Path) -> Contents:
    """Copy a database that others may be writing, as it stands at one moment; verify the copy.

    The copy is one file. What has to be there of disk, and stays free for the others, is looked at
    first. Raises DiskFullError, StateError.
    """
    with (
        _explained(target),
        closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as live,
        closing(sqlite3.connect(target, isolation_level=None)) as copy,
    ):
        _look_for_room(live, target)
        live.backup(copy)  # in one step, so in one read transaction: writers go on beside it
        # A reader of one file must not need a second one for what was written last.
        copy.execute("PRAGMA journal_mode = DELETE").fetchone()
    return examine(target)


def _look_for_room(live: sqlite3.Connection, target: Path) -> None:
    pages, size = (live.execute(f"PRAGMA {what}").fetchone()[0] for what in _SIZE)
    free = shutil.disk_usage(target.parent).free
    needed = 2 * pages * size + _KEPT_FREE
    if free < needed:
        raise DiskFullError(
            f"There is too little room in {target.parent} for a copy of the database: it takes "
            f"{needed // 2**20 + 1} MB for a moment, and {free // 2**20} MB are free. Nothing was "
            "written; make room, or name another place."
        )


_MAGIC = b"SQLite format 3\0"
_OUR_TABLES = """
SELECT count(*) FROM sqlite_master WHERE type = 'table'
AND name IN ('meta', 'paper', 'edition', 'subscriber', 'delivery')
"""
_SIZE = ("page_count", "page_size")
_KEPT_FREE = 16 * 2**20  # left to whoever writes at the same time


def examine(path: Path) -> Contents:
    """Read a database that nobody else has open from end to end; return what it holds.

    Raises SchemaTooNewError where a later version wrote it, StateError where it is damaged or not
    ours.
    """
    with _explained(path), closing(_opened(path)) as db:
        schema = db.execute("PRAGMA user_version").fetchone()[0]
        if schema > connection.SCHEMA_VERSION:
            raise SchemaTooNewError(
                f"{path.name} was written by a later version of paperround (its schema is {schema}, "
                f"this version knows {connection.SCHEMA_VERSION}). Nothing was changed; install that "
                "version first."
            )
        if [row[0] for row in db.execute("PRAGMA integrity_check(1)")] != ["ok"]:
            raise StateError(
                f"{path.name} is damaged: SQLite's integrity check found a fault in it."
            )
        if not schema or db.execute(_OUR_TABLES).fetchone()[0] < len(_COUNTED) + 1:
            raise StateError(f"{path.name} is no database of paperround's.")
        counts = {
            f"{name}s" if not name.endswith("y") else f"{name[:-1]}ies": db.execute(
                f"SELECT count(*) FROM {name}"  # noqa: S608 - our own constant
            ).fetchone()[0]
            for name in _COUNTED
        }
    return Contents(schema, path.stat().st_size, counts)


def _opened(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None)
    db.execute("PRAGMA trusted_schema = OFF")  # it may come from anywhere
    return db


def _looks_like_one(path: Path) -> bool:
    """Whether a file begins as a database does: SQLite would tidy up beside one that does not."""
    # This process has no connection to it whose locks reading could drop.
    try:
        with path.open("rb") as file:
            return file.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return True  # SQLite says why


# ── Restoring ─────────────────────────────────────────────────────────────────────────────────────


def hold_copy(path: Path, reason: str, made_at: datetime, now: datetime) -> int:
    """Hold all sending in a copy that is to be restored; return how many deliveries were open in it.

    Each of them is held by itself too, and may have gone out after the copy was made: what was on
    its way keeps its bytes. `reason` is a sentence for people. Raises StateError.
    """
    told = json.dumps({"made_at": seconds(made_at), "restored_at": seconds(now)})
    with _explained(path), closing(_opened(path)) as db:
        db.execute("BEGIN IMMEDIATE")
        for key, value in (("hold", reason), ("restored", told)):
            db.execute(
                "INSERT INTO meta (key, value) VALUES (:key, :value) "
                "ON CONFLICT (key) DO UPDATE SET value = :value",
                {"key": key, "value": value},
            )
        # What a clock or a mail server did elsewhere, or long ago, says nothing of today's.
        db.execute("DELETE FROM meta WHERE key IN ('rest', 'doubt', 'disagreed')")
        held = db.execute(_HOLD_OPEN, {"said": _MAY_HAVE_GONE}).rowcount
        db.execute("COMMIT")
    return held


def keep_refusals(copy: Path, standing: Path) -> None:
    """Bring what people refused since a copy was made into it, from the database that it replaces.

    Who left, or is suppressed, stays so: unsubscribing wins over a restore. A database that cannot be
    read, which may be why a copy is restored, or that is another bot's tells nothing.
    """
    if not _looks_like_one(standing):
        return
    try:
        with closing(_opened(standing)) as db:
            (secret,) = db.execute(_WHOSE).fetchone()
            suppressed = db.execute("SELECT address_hmac, reason, at FROM suppression").fetchall()
            left = db.execute(_LEFT).fetchall()
    except (sqlite3.Error, TypeError):
        return
    with _explained(copy), closing(_opened(copy)) as db:
        if db.execute(_WHOSE).fetchone() != (secret,):
            return
        db.execute("BEGIN IMMEDIATE")
        db.executemany("INSERT OR IGNORE INTO suppression VALUES (?, ?, ?)", suppressed)
        db.executemany(_LEAVE, left)
        db.execute("COMMIT")


def restored(db: Connection) -> Restored | None:
    """Return which copy the database was restored from, None where it never was."""
    row = db.row("SELECT value FROM meta WHERE key = 'restored'")
    if row is None:
        return None
    told = json.loads(row["value"])
    made_at, restored_at = moment(told["made_at"]), moment(told["restored_at"])
    return Restored(made_at, restored_at) if made_at and restored_at else None


def pass_over(db: Connection, day: date, zone: str) -> int:
    """Owe nobody the editions dated before a day any more; return how many subscriptions had some.

    Who is paused is still owed them: nothing was sent meanwhile. In a restored copy, what is stored
    and was first seen before that day in `zone` is no news either, though no edition had it yet: one
    that was lost did.
    """
    values = {"day": day.isoformat(), "until": seconds(instant(day, "00:00", zone))}
    with db.transaction():
        if restored(db) is not None:
            db.write(_NO_NEWS, values)
            db.write("DELETE FROM meta WHERE key = 'restored'")
        return db.write(_OWE_NOTHING_BEFORE, values).rowcount


def settle(path: Path) -> None:
    """Fold a database that is about to be moved aside into one file.

    Raises StateLockedError where another program has it open. One that is damaged is left as it is:
    it is moved with the files beside it.
    """
    if not _looks_like_one(path):
        return
    with suppress(sqlite3.DatabaseError), closing(_opened(path)) as db:
        db.execute(f"PRAGMA busy_timeout = {_PATIENCE_SECONDS * 1000:.0f}")
        try:
            # In WAL mode this takes the database for itself, which nobody gets while others have it.
            db.execute("PRAGMA journal_mode = DELETE").fetchone()
        except sqlite3.OperationalError as error:
            if getattr(error, "sqlite_errorname", "").startswith("SQLITE_BUSY"):
                raise StateLockedError(
                    f"Another program has {path} open. Nothing was changed; stop it and try again."
                ) from error
            raise


# ── Upgrading ─────────────────────────────────────────────────────────────────────────────────────


def upgrade(db: Connection, raw: sqlite3.Connection) -> None:
    """Bring a database to this version's schema, all of it or nothing, after a copy was made.

    `raw` is what stands behind `db`. Of several starters at once, one does it and the others find it
    done. The copy stays in `backups/`. Raises StateError: then the database is as it was.
    """
    with _without_numpy():
        from sqlite_utils import Database

        from bot.store import schema

    # Migrations.apply begins deferred: two starters would meet "database is locked".
    with db.transaction():
        version = raw.execute("PRAGMA user_version").fetchone()[0]
        if version >= connection.SCHEMA_VERSION:
            return
        kept = _keep_before(db.path, version) if version else None
        try:
            schema.migrations.apply(Database(raw))
            raw.execute(f"PRAGMA user_version = {connection.SCHEMA_VERSION:d}")
        except Exception as error:
            if kept is None or getattr(error, "sqlite_errorname", "").startswith("SQLITE_FULL"):
                raise
            raise StateError(
                f"{db.path} could not be brought from schema {version} to "
                f"{connection.SCHEMA_VERSION}: {error}. It is as it was before, and a copy of it lies "
                f"at {kept}. Go on with the version you had, and report this."
            ) from error
    if kept is not None:
        log.warning(
            "%s was brought from schema %d to %d; as it was before, it lies at %s",
            db.path, version, connection.SCHEMA_VERSION, kept,
        )  # fmt: skip


@contextmanager
def _without_numpy() -> Iterator[None]:
    """Keep sqlite-utils from loading numpy, 11 MB, of whose kinds of numbers no migration has any."""
    if "numpy" in sys.modules:
        yield
        return
    sys.modules["numpy"] = None  # type: ignore[assignment]  # so the language says "not to be had"
    try:
        yield
    finally:
        sys.modules.pop("numpy", None)


def _keep_before(path: Path, version: int) -> Path:
    """Copy a database to `backups/before-schema-N.db`, N being the schema it is to have.

    A copy of that name is from an upgrade that failed: it is replaced once the new one is whole.
    """
    folder = path.parent / "backups"
    kept = folder / f"before-schema-{connection.SCHEMA_VERSION}.db"
    unfinished = kept.with_suffix(".new")
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        unfinished.unlink(missing_ok=True)
        unfinished.touch(mode=0o600)
        try:
            copy_database(path, unfinished)
            unfinished.replace(kept)
        finally:
            unfinished.unlink(missing_ok=True)
    except (OSError, StateError) as error:
        kind = DiskFullError if isinstance(error, DiskFullError) else StateError
        raise kind(
            f"{path} has schema {version}, and was to be copied to {kept} before it is brought to "
            f"schema {connection.SCHEMA_VERSION}: {error} The upgrade was not begun, and the database "
            "is as it was."
        ) from error
    return kept


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", "")
        if name.startswith("SQLITE_FULL"):
            raise DiskFullError(
                f"There is no room left to write {path}. What was there before is kept; make room "
                "and run again."
            ) from error
        if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
            raise StateError(f"{path.name} is no database, or a damaged one.") from error
        raise StateError(f"{path} cannot be used: {error}.") from error


_WHOSE = "SELECT value FROM meta WHERE key = 'secret'"
_LEFT = """
SELECT s.ended_by, r.canonical, s.profile FROM subscription s JOIN subscriber r ON r.id = s.subscriber
WHERE s.status = 'unsubscribed'
"""
_LEAVE = """
UPDATE subscription SET status = 'unsubscribed', ended_by = ?
WHERE subscriber = (SELECT id FROM subscriber WHERE canonical = ?) AND profile = ?
AND status <> 'unsubscribed'
"""
_MAY_HAVE_GONE = "open when the copy was made that was restored; it may have been sent since"
_HOLD_OPEN = """
UPDATE delivery SET resent = CASE WHEN status IN ('sending', 'uncertain') THEN 1 ELSE resent END,
    status = 'held', said = :said, next_try = NULL, owner = '', lease_until = NULL
WHERE status IN ('pending', 'sending', 'retry', 'uncertain')
"""
_OWE_NOTHING_BEFORE = """
UPDATE subscription SET cursor = (
    SELECT max(number) FROM edition WHERE profile = subscription.profile AND period < :day
) WHERE status <> 'paused' AND cursor < (
    SELECT max(number) FROM edition WHERE profile = subscription.profile AND period < :day
)
"""
# 2: whatever source shows it for the first time now, it may have been told.
_NO_NEWS = """
UPDATE paper SET backfilled = 2 WHERE first_seen < :until AND coalesce(renewed, id) > (
    SELECT coalesce(min(through), 0) FROM (
        SELECT max(e.through) AS through FROM edition e JOIN profile p ON p.name = e.profile
        WHERE p.state = 'active' GROUP BY e.profile
    )
)
"""
