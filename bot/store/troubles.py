"""What a running `serve` leaves word of for other commands, and whether anything was written."""

from __future__ import annotations

from collections.abc import Mapping

from bot.store.connection import Connection

_PREFIX = "alarm:"


def troubles(db: Connection) -> dict[str, str]:
    """Return what a running `serve` cannot do now: part → why, a sentence for people."""
    rows = db.rows(
        "SELECT key, value FROM meta WHERE key GLOB :all ORDER BY key", {"all": f"{_PREFIX}*"}
    )
    return {row["key"].removeprefix(_PREFIX): row["value"] for row in rows}


def set_troubles(db: Connection, now: Mapping[str, str]) -> None:
    """Let these be all there are. Raises StateError."""
    if troubles(db) == now:
        return
    with db.transaction():
        db.write("DELETE FROM meta WHERE key GLOB :all", {"all": f"{_PREFIX}*"})
        db.write_many(
            "INSERT INTO meta (key, value) VALUES (:key, :value)",
            [{"key": f"{_PREFIX}{part}", "value": sentence} for part, sentence in now.items()],
        )


def written_by_others(db: Connection) -> int:
    """Return a number that changes when another connection has committed something."""
    row = db.row("PRAGMA data_version")
    return int(row[0]) if row else 0


def written(db: Connection) -> tuple[int, int]:
    """Return what changes with every row that anybody, we or another process, has written."""
    row = db.row("SELECT total_changes() AS ours")
    return written_by_others(db), int(row["ours"]) if row else 0
