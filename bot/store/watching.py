"""What the owner's alarms are judged by, and which of them were told."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from bot.alarms import Known
from bot.store.connection import Connection, moment, seconds
from bot.values import value_type


@value_type(frozen=True, slots=True)
class Backlog:
    """The digests that came due after the last one that was sent, by when they were due.

    `since` is when that one was sent, None where none ever was; `said` is the latest answer to one
    of the others.
    """

    due: tuple[tuple[datetime, int], ...] = ()
    since: datetime | None = None
    said: str = ""


class WatchLedger:
    """The part of the store that looks after the others."""

    db: Connection

    def known_alarms(self) -> list[Known]:
        """Return what is remembered of alarms, those that are over too."""
        return [
            Known(
                row["key"], row["what"], row["sentence"], moment(row["since"]),
                moment(row["told_at"]), moment(row["quiet_until"]),
            )
            for row in self.db.rows("SELECT * FROM alarm ORDER BY key")
        ]  # fmt: skip

    def remember_alarms(self, known: Iterable[Known], letter_after: datetime) -> None:
        """Let this be all that is remembered, and the owner be written to no sooner than then."""
        with self.db.transaction():
            self.db.write("DELETE FROM alarm")
            self.db.write_many(
                "INSERT INTO alarm (key, what, sentence, since, told_at, quiet_until) "
                "VALUES (:key, :what, :sentence, :since, :told_at, :quiet_until)",
                [
                    {
                        "key": each.key, "what": each.what, "sentence": each.sentence,
                        "since": seconds(each.since), "told_at": seconds(each.told_at),
                        "quiet_until": seconds(each.quiet_until),
                    }
                    for each in known
                ],
            )  # fmt: skip
            self.db.write(
                "INSERT INTO meta (key, value) VALUES ('letter_after', :at) "
                "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                {"at": str(seconds(letter_after))},
            )

    def letter_after(self) -> datetime | None:
        """Return before when the owner is not written to, None where it never was."""
        row = self.db.row("SELECT value FROM meta WHERE key = 'letter_after'")
        return moment(int(row["value"])) if row else None

    def backlog(self, now: datetime, late: Collection[str]) -> Backlog:
        """Return what came due and was not sent after the last digest that was.

        `late` is what is said of those that were given up because their time was over; others that
        were skipped had nothing to say, or nobody wanted them.
        """
        last = self.db.row(_LAST_SENT)
        values = {
            "last": last["id"] if last else 0, "now": seconds(now), "late": json.dumps([*late]),
        }  # fmt: skip
        rows = self.db.rows(
            "SELECT due, count(*) AS digests FROM delivery WHERE id > :last AND kind = 'digest' "
            "AND due <= :now AND (status <> 'skipped' OR said IN (SELECT value FROM json_each(:late))) "
            "GROUP BY due ORDER BY due",
            values,
        )
        attempt = self.db.row(
            "SELECT said FROM attempt WHERE delivery > :last ORDER BY at DESC LIMIT 1", values
        )
        return Backlog(
            tuple((at, row["digests"]) for row in rows if (at := moment(row["due"])) is not None),
            moment(last["sent_at"]) if last else None,
            attempt["said"] if attempt else "",
        )

    def count_waiting(self) -> dict[str, int]:
        """Return how many deliveries are not over, by status: what is asked often, and by strangers."""
        rows = self.db.rows(
            "SELECT status, count(*) AS n FROM delivery "
            "WHERE status IN ('pending', 'sending', 'retry', 'uncertain', 'held') GROUP BY status"
        )
        return {row["status"]: row["n"] for row in rows}

    def count_subscriptions(self) -> dict[str, int]:
        """Return how many subscriptions there are, by status."""
        rows = self.db.rows("SELECT status, count(*) AS n FROM subscription GROUP BY status")
        return {row["status"]: row["n"] for row in rows}

    def last_sent(self) -> datetime | None:
        """Return when a digest was last sent, None where none ever was."""
        row = self.db.row(_LAST_SENT)
        return moment(row["sent_at"]) if row else None

    def sent_since(self, since: datetime) -> int:
        """Return how many digests were sent since then."""
        row = self.db.row(
            "SELECT count(*) AS n FROM delivery WHERE id >= :first AND kind = 'digest' "
            "AND sent_at >= :since",
            {"first": self._first_made(since - timedelta(days=1)), "since": seconds(since)},
        )
        return int(row["n"]) if row else 0

    def _first_made(self, since: datetime) -> int:
        """Return the number of the first delivery that was made then: they are numbered in order."""
        low, high = 0, self._last()
        while low < high:
            middle = (low + high) // 2
            row = self.db.row(
                "SELECT id, created_at FROM delivery WHERE id > :middle ORDER BY id LIMIT 1",
                {"middle": middle},
            )
            if row is None or row["created_at"] >= (seconds(since) or 0):
                high = middle
            else:
                low = row["id"]
        return low

    def _last(self) -> int:
        row = self.db.row("SELECT max(id) AS id FROM delivery")
        return int(row["id"] or 0) if row else 0


_LAST_SENT = """
SELECT id, sent_at FROM delivery WHERE kind = 'digest' AND status = 'sent' ORDER BY id DESC LIMIT 1
"""
