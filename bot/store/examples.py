"""The papers that profiles name as examples, and which of them are not known yet."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import datetime

from bot.models import Identifier
from bot.store.connection import Connection, seconds
from bot.store.rows import identifier_of, name_of


class ExampleLedger:
    """The part of the store that remembers what was asked for by name."""

    db: Connection

    def unknown(
        self, identifiers: Collection[Identifier], now: datetime | None = None
    ) -> list[Identifier]:
        """Return those that are not stored, in order; with `now`, those that may be asked for then."""
        rows = self.db.rows(
            _UNKNOWN, {"names": json.dumps(sorted(map(name_of, identifiers))), "now": seconds(now)}
        )
        return [identifier_of(row["name"]) for row in rows]

    def ask_again(self, identifiers: Collection[Identifier], next_try: datetime) -> None:
        """Commit when these may be asked for again, and forget those that are known by now."""
        rows: list[dict[str, object]] = [
            {"name": name_of(each), "at": seconds(next_try)} for each in identifiers
        ]
        with self.db.transaction():
            self.db.write_many(_ASK_AGAIN, rows)
            self.db.write(_FORGET, {})


# In `meta`, as what a running `serve` leaves word of: a handful of short notes that go by themselves.
_UNKNOWN = """
SELECT wanted.value AS name FROM json_each(:names) wanted
LEFT JOIN meta ON meta.key = 'asked:' || wanted.value
WHERE wanted.value NOT IN (SELECT name FROM identifier)
AND (:now IS NULL OR meta.value IS NULL OR CAST(meta.value AS INTEGER) <= :now)
ORDER BY wanted.value
"""
_ASK_AGAIN = """
INSERT INTO meta (key, value) VALUES ('asked:' || :name, CAST(:at AS TEXT))
ON CONFLICT (key) DO UPDATE SET value = excluded.value
"""
_FORGET = """
DELETE FROM meta WHERE key GLOB 'asked:*' AND substr(key, 7) IN (SELECT name FROM identifier)
"""
