"""Whether our clock is believed: noted in the database, so that every command knows, also the next one.

A doubt holds all sending and is ended together with that hold, by a person who has looked.
"""

from __future__ import annotations

import json
from datetime import datetime

from bot.store.connection import Connection, moment, seconds


def doubted(db: Connection) -> str:
    """Return why our clock is not believed, as a sentence; "" where it is."""
    row = db.row("SELECT value FROM meta WHERE key = 'doubt'")
    return str(json.loads(row["value"])["reason"]) if row else ""


def doubt(db: Connection, reason: str, true: datetime) -> bool:
    """Hold all sending because of our clock; return whether that was not so already.

    `true` is what time it is, as far as can be told. A hold that stands keeps its own words.
    """
    if doubted(db):
        return False
    with db.transaction():
        told = json.dumps({"reason": reason, "true": seconds(true)})
        db.write("INSERT OR REPLACE INTO meta (key, value) VALUES ('doubt', :told)", {"told": told})
        db.write("INSERT OR IGNORE INTO meta (key, value) VALUES ('hold', :why)", {"why": reason})
    return True


def heed(db: Connection, reason: str, true: datetime) -> bool:
    """Doubt our clock because servers tell another day, or with no reason, note that they agree again.

    It is told once until they do: whoever releases all has looked. Returns as `doubt` does.
    """
    told = db.row("SELECT 1 FROM meta WHERE key = 'disagreed'") is not None
    if told == bool(reason):
        return False
    with db.transaction():
        if not reason:
            db.write("DELETE FROM meta WHERE key = 'disagreed'")
            return False
        db.write("INSERT INTO meta (key, value) VALUES ('disagreed', '')")
        return doubt(db, reason, true)


def believe(db: Connection, now: datetime) -> None:
    """End a doubt, inside a transaction, and put right what was dated ahead meanwhile.

    When a paper was first seen decides what its readers may have had already: a date that has not
    come yet would hide what is sent until then. What was put off is not put off.
    """
    row = db.row("SELECT value FROM meta WHERE key = 'doubt'")
    if row is None:
        return
    true = moment(json.loads(row["value"])["true"])
    db.write("DELETE FROM meta WHERE key = 'doubt'")
    db.write("UPDATE source SET next_poll = NULL")
    if true is not None:
        values = {"now": seconds(max(now, true))}
        db.write("UPDATE paper SET first_seen = :now WHERE first_seen > :now", values)
        db.write("UPDATE sighting SET stored_at = :now WHERE stored_at > :now", values)
