"""What was reported of mail that went out."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta

from bot.store.connection import Connection, moment, seconds
from bot.values import value_type


@value_type(frozen=True, slots=True)
class Bounced:
    """What was reported of a mail that came back."""

    kind: str
    said: str
    at: datetime


class BounceLedger:
    """The part of the store that reports of failure are kept in: one a delivery, the latest."""

    db: Connection

    def delivery_by_message_id(self, message_id: str) -> tuple[int, int] | None:
        """Return (subscriber, delivery) of a message of ours, None for others."""
        row = self.db.row(
            "SELECT subscriber, id FROM delivery WHERE message_id = :message_id",
            {"message_id": message_id},
        )
        return (row["subscriber"], row["id"]) if row else None

    def sent_for(self, delivery: int) -> int:
        """Return the subscription that a mail was for, 0 where it was for all of its reader's."""
        row = self.db.row("SELECT subscription FROM delivery WHERE id = :id", {"id": delivery})
        return int(row["subscription"]) if row else 0

    def note_bounce(
        self, subscriber: int, delivery: int, kind: str, status: str, said: str, now: datetime
    ) -> bool:
        """Commit what was reported of a subscriber's delivery; False where they had no such one."""
        with self.db.transaction():
            return bool(
                self.db.write(
                    "INSERT INTO bounce (delivery, kind, status, said, at) "
                    "SELECT id, :kind, :status, :said, :now FROM delivery "
                    "WHERE id = :delivery AND subscriber = :subscriber "
                    "ON CONFLICT (delivery) DO UPDATE SET kind = :kind, status = :status, "
                    "said = :said, at = :now",
                    {
                        "delivery": delivery, "subscriber": subscriber, "kind": kind,
                        "status": status, "said": said, "now": seconds(now),
                    },
                ).rowcount
            )  # fmt: skip

    def bounces_of(self, subscriber: int) -> list[Bounced]:
        """Return what was reported of a subscriber's mail, the latest first."""
        rows = self.db.rows(
            "SELECT b.kind, b.said, b.at FROM bounce b JOIN delivery d ON d.id = b.delivery "
            "WHERE d.subscriber = :id ORDER BY b.at DESC, b.delivery DESC",
            {"id": subscriber},
        )
        return [
            Bounced(row["kind"], row["said"], at)
            for row in rows
            if (at := moment(row["at"])) is not None
        ]

    def failing_days(
        self, subscriber: int, delivery: int, kinds: Collection[str], within: timedelta
    ) -> set[date]:
        """Return the days (UTC) of the unbroken run of failures that ends with this delivery.

        Reports come late, and the newest mail has none yet: so what went out after `delivery` says
        nothing, and one before it of which nothing bad was reported arrived, and ends the run.
        """
        rows = self.db.rows(_RUN, {"subscriber": subscriber, "delivery": delivery})
        days: set[date] = set()
        for row in rows:
            if row["kind"] not in kinds:
                break
            days.add(datetime.fromtimestamp(row["sent_at"], UTC).date())
        last = max(days, default=date.min)
        return {day for day in days if last - day < within}

    def count_bounces(self, since: datetime) -> dict[str, int]:
        """Return how many reports of each kind came since."""
        rows = self.db.rows(
            "SELECT kind, count(*) AS n FROM bounce WHERE at >= :since GROUP BY kind",
            {"since": seconds(since)},
        )
        return {row["kind"]: row["n"] for row in rows}


_RUN = """
SELECT d.sent_at, b.kind FROM delivery d LEFT JOIN bounce b ON b.delivery = d.id
WHERE d.subscriber = :subscriber AND d.sent_at IS NOT NULL
AND (d.sent_at, d.id) <= (SELECT sent_at, id FROM delivery WHERE id = :delivery)
ORDER BY d.sent_at DESC, d.id DESC LIMIT 100
"""
