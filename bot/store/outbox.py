"""The outbox by hand: what a person may look at, hold, release and try again."""

from __future__ import annotations

import json
from datetime import datetime

from bot.models import (
    Attempt,
    AttemptRecord,
    Delivery,
    DeliveryStatus,
    Had,
    Phase,
    Verdict,
)
from bot.store.connection import moment, seconds
from bot.store.doubts import believe
from bot.store.rows import delivery_of, unpacked_picks
from bot.store.sending import DELIVERIES, SendLedger

_HELD_BY_HAND = "held by hand"


class OutboxLedger(SendLedger):
    """The part of the store that the `deliveries` commands read and write."""

    def deliveries(self, limit: int, status: str = "") -> list[Delivery]:
        """Return deliveries, newest first."""
        rows = self.db.rows(
            f"{DELIVERIES} WHERE :status = '' OR d.status = :status ORDER BY d.id DESC LIMIT :limit",
            {"limit": limit, "status": status},
        )
        return [delivery_of(row) for row in rows]

    def count_deliveries(self) -> dict[str, int]:
        """Return how many deliveries stand in each status."""
        rows = self.db.rows("SELECT status, count(*) AS n FROM delivery GROUP BY status")
        return {row["status"]: row["n"] for row in rows}

    def delivery(self, number: int) -> Delivery | None:
        """Return a delivery, None where there is none of that number."""
        row = self.db.row(f"{DELIVERIES} WHERE d.id = :id", {"id": number})
        return delivery_of(row) if row else None

    def deliveries_to(self, subscriber: int, limit: int) -> list[Delivery]:
        """Return a subscriber's latest deliveries, newest first."""
        rows = self.db.rows(
            f"{DELIVERIES} WHERE d.subscriber = :id ORDER BY d.id DESC LIMIT :limit",
            {"id": subscriber, "limit": limit},
        )
        return [delivery_of(row) for row in rows]

    def slots_of(self, delivery: int) -> list[tuple[str, str]]:
        """Return the (profile, period) slots that a delivery serves."""
        rows = self.db.rows(
            "SELECT s.profile, v.period FROM serving v JOIN subscription s ON s.id = v.subscription "
            "WHERE v.delivery = :id ORDER BY s.profile, v.period",
            {"id": delivery},
        )
        return [(row["profile"], row["period"]) for row in rows]

    def attempts(self, delivery: int) -> list[AttemptRecord]:
        """Return the attempts to send a delivery, the first first."""
        rows = self.db.rows(
            "SELECT * FROM attempt WHERE delivery = :id ORDER BY n", {"id": delivery}
        )
        return [
            AttemptRecord(
                number=row["n"],
                at=at,
                attempt=Attempt(
                    Verdict(row["verdict"]), Phase(row["phase"]), row["code"], row["said"]
                ),
            )
            for row in rows
            if (at := moment(row["at"])) is not None
        ]

    def hold(self, delivery: int, now: datetime) -> bool:
        """Hold a delivery that waits; False where it is over, held already, or being sent."""
        with self.db.transaction():
            return bool(
                self.db.write(
                    _HOLD,
                    {"id": delivery, "now": seconds(now), "said": _HELD_BY_HAND},
                ).rowcount
            )

    def held(self) -> list[Delivery]:
        """Return the held deliveries, oldest first."""
        return [
            delivery_of(row)
            for row in self.db.rows(f"{DELIVERIES} WHERE d.status = 'held' ORDER BY d.due, d.id")
        ]

    def free(self, delivery: int, now: datetime, stale_at: datetime) -> bool:
        """Let a held delivery, or one that waits for its next try, go at once, until `stale_at`.

        What may have arrived goes with the bytes it had, once. False where it is neither.
        """
        with self.db.transaction():
            return self._free(delivery, now, stale_at, ("held", "retry", "uncertain", "pending"))

    def revive(self, delivery: int, now: datetime, stale_at: datetime) -> bool:
        """Take up a delivery that failed or was called off, and with it the papers it gave back.

        False where it held nothing, where a later digest took one of its papers up, or where it may
        have arrived: its bytes are gone, and others under its Message-ID would be a second mail.
        """
        with self.db.transaction():
            row = self.db.row(
                "SELECT subscriber, picks, created_at, resent FROM delivery WHERE id = :id",
                {"id": delivery},
            )
            picks = unpacked_picks(row["picks"]) if row else ()
            since = moment(row["created_at"]) if row else None
            if row is None or since is None or not picks or row["resent"]:
                return False
            asked = {row["subscriber"]: {pick.paper for pick in picks}}
            had = self.had(asked, since, delivery).get(row["subscriber"], Had())
            if had.papers or had.updates:
                return False
            if not self._free(delivery, now, stale_at, ("failed", "skipped")):
                return False
            self.db.write(_TAKE_AGAIN, {"id": delivery})
        return True

    def _free(
        self, delivery: int, now: datetime, stale_at: datetime, statuses: tuple[str, ...]
    ) -> bool:
        values = {
            "id": delivery, "now": seconds(now), "stale_at": seconds(stale_at),
            "statuses": json.dumps(statuses),
        }  # fmt: skip
        return bool(self.db.write(_FREE, values).rowcount)

    def drop(self, delivery: int) -> None:
        """End a held delivery unsent for good: its papers are not sent later either."""
        with self.db.transaction():
            self._end(
                delivery, DeliveryStatus.SKIPPED, "left out when it was released", give_back=False
            )

    # ── Everything at once ──

    def hold_all(self, reason: str) -> None:
        """Hold all sending; the reason is a sentence for people."""
        with self.db.transaction():
            self.db.write(
                "INSERT INTO meta (key, value) VALUES ('hold', :reason) "
                "ON CONFLICT (key) DO UPDATE SET value = :reason",
                {"reason": reason},
            )

    def hold_of_all(self) -> str:
        """Return why all sending is held, "" where it is not."""
        row = self.db.row("SELECT value FROM meta WHERE key = 'hold'")
        return str(row["value"]) if row else ""

    def free_all(self, now: datetime) -> bool:
        """End the hold of all sending, and any doubt about our clock; return whether there was a hold."""
        with self.db.transaction():
            believe(self.db, now)
            return bool(self.db.write("DELETE FROM meta WHERE key = 'hold'").rowcount)


_LAST_VERDICT = "(SELECT verdict FROM attempt WHERE delivery = :id ORDER BY n DESC LIMIT 1)"
_HOLD = """
UPDATE delivery SET resent = CASE status WHEN 'uncertain' THEN 1 ELSE resent END,
    status = 'held', said = :said, next_try = NULL, owner = '', lease_until = NULL
WHERE id = :id AND status IN ('pending', 'retry', 'uncertain')
    AND (lease_until IS NULL OR lease_until < :now)
"""
_FREE = f"""
UPDATE delivery SET resent = CASE
        WHEN status = 'uncertain' OR (status = 'held' AND {_LAST_VERDICT} = 'uncertain') THEN 1
        ELSE resent END,
    status = 'retry', next_try = :now, stale_at = max(stale_at, :stale_at)
WHERE id = :id AND status IN (SELECT value FROM json_each(:statuses))
    AND (lease_until IS NULL OR lease_until < :now)
"""  # noqa: S608 - our own constant
_TAKE_AGAIN = """
UPDATE subscription SET cursor = max(cursor, (
    SELECT coalesce(max(e.number), 0) FROM delivery d, json_each(d.editions) j
    JOIN edition e ON e.id = j.value WHERE d.id = :id AND e.profile = subscription.profile
)) WHERE id IN (SELECT subscription FROM serving WHERE delivery = :id)
"""
