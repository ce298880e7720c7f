"""Inbound mail: taken in before anything is done with it, read once, kept where it cannot be."""

from __future__ import annotations

from datetime import datetime

from bot.models import InboundMail, Quarantined
from bot.store.connection import Connection, moment, seconds

# Whoever writes to us fills this: where it is full, the oldest goes, since nobody looked at it.
MOST_QUARANTINED, MOST_BYTES = 1000, 50_000_000


class InboxLedger:
    """The part of the store that inbound mail goes through.

    A mail is `waiting` until it was read, then `done`: its key stays, so that the same mail handed
    over twice is read once, for as long as `prune` keeps it; its bytes go, and whom it was for.
    """

    db: Connection

    def take_in(self, mail: InboundMail, now: datetime) -> bool:
        """Commit a mail that has come in; False where it came before."""
        with self.db.transaction():
            return bool(
                self.db.write(
                    "INSERT INTO inbox (key, raw, state, problem, at, recipient) "
                    "VALUES (:key, :raw, 'waiting', '', :now, :recipient) "
                    "ON CONFLICT (key) DO NOTHING",
                    {
                        "key": mail.key, "raw": mail.raw, "recipient": mail.recipient,
                        "now": seconds(now),
                    },
                ).rowcount
            )  # fmt: skip

    def inbound_waiting(self, limit: int) -> list[str]:
        """Return the keys of mail that is still to be read, the oldest first."""
        rows = self.db.rows(
            "SELECT key FROM inbox WHERE state = 'waiting' ORDER BY at, key LIMIT :limit",
            {"limit": limit},
        )
        return [row["key"] for row in rows]

    def inbound(self, key: str) -> InboundMail | None:
        """Return a mail that is still to be read, None where it was read meanwhile."""
        row = self.db.row(
            "SELECT recipient, raw FROM inbox WHERE key = :key AND state = 'waiting'", {"key": key}
        )
        return InboundMail(key, row["recipient"], bytes(row["raw"])) if row else None

    def was_read(self, key: str) -> None:
        """Commit that a mail was read and acted on; its bytes go."""
        with self.db.transaction():
            self.db.write(
                "UPDATE inbox SET state = 'done', problem = '', raw = x'', recipient = '' "
                "WHERE key = :key",
                {"key": key},
            )

    def quarantine(
        self, key: str, raw: bytes, problem: str, now: datetime, recipient: str = ""
    ) -> None:
        """Keep a mail that could not be read, under its unique key; `problem` is a sentence.

        Of all that is kept the oldest goes where there is no room.
        """
        with self.db.transaction():
            self.db.write(
                "INSERT INTO inbox (key, raw, state, problem, at, recipient) "
                "VALUES (:key, :raw, 'quarantined', :problem, :now, :recipient) "
                "ON CONFLICT (key) DO UPDATE SET state = 'quarantined', problem = :problem",
                {
                    "key": key, "raw": raw, "problem": problem, "now": seconds(now),
                    "recipient": recipient,
                },
            )  # fmt: skip
            self.db.write(_NO_ROOM, {"mails": MOST_QUARANTINED, "bytes": MOST_BYTES})

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

    def count_quarantined(self) -> int:
        """Return how many mails wait for a person."""
        row = self.db.row("SELECT count(*) AS n FROM inbox WHERE state = 'quarantined'")
        return int(row["n"]) if row else 0

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


_NO_ROOM = """
UPDATE inbox SET state = 'done', problem = '', raw = x'', recipient = '' WHERE key IN (
    SELECT key FROM (
        SELECT key, row_number() OVER latest AS mails, sum(length(raw)) OVER latest AS bytes
        FROM inbox WHERE state = 'quarantined' WINDOW latest AS (
            ORDER BY at DESC, key ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        )
    ) WHERE mails > :mails OR bytes > :bytes
)
"""
