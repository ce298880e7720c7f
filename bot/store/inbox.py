"""Inbound mail that could not be read."""

from __future__ import annotations

from datetime import datetime

from bot.models import Quarantined
from bot.store.connection import Connection, moment, seconds


class InboxLedger:
    """The part of the store that inbound mail goes through."""

    db: Connection

    def quarantine(self, key: str, raw: bytes, problem: str, now: datetime) -> None:
        """Keep a mail that could not be read, under its unique key; `problem` is a sentence."""
        with self.db.transaction():
            self.db.write(
                "INSERT INTO inbox (key, raw, state, problem, at) "
                "VALUES (:key, :raw, 'quarantined', :problem, :now) "
                "ON CONFLICT (key) DO UPDATE SET state = 'quarantined', problem = :problem",
                {"key": key, "raw": raw, "problem": problem, "now": seconds(now)},
            )

    def quarantined(self, key: str = "") -> list[Quarantined]:
        """Return what is in quarantine, the latest first; with a key, that mail alone."""
        rows = self.db.rows(
            "SELECT * FROM inbox WHERE state IN ('quarantined', 'waiting') "
            "AND (:key = '' OR key = :key) ORDER BY at DESC, key",
            {"key": key},
        )
        return [
            Quarantined(row["key"], at, row["problem"], row["raw"], row["state"] == "waiting")
            for row in rows
            if (at := moment(row["at"])) is not None
        ]

    def read_again(self, key: str) -> bool:
        """Let the next inbound door read a mail again; False where there is none of that key."""
        with self.db.transaction():
            return bool(
                self.db.write(
                    "UPDATE inbox SET state = 'waiting' "
                    "WHERE key = :key AND state IN ('quarantined', 'waiting')",
                    {"key": key},
                ).rowcount
            )
