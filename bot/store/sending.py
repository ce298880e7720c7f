"""The outbox as its sender sees it: leases, bytes in flight, and how each attempt ended."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from itertools import zip_longest

from bot.models import Attempt, Delivery, DeliveryStatus, Rest
from bot.store.connection import moment, seconds
from bot.store.mailing import MailLedger
from bot.store.rows import delivery_of


class SendLedger(MailLedger):
    """The part of the store that sending reads and writes."""

    def together(self, writes: Sequence[Callable[[], object]]) -> list[object]:
        """Run several writes of this store in one transaction; return what each returns.

        One that raises undoes them all: several connections share what a commit to disk costs.
        """
        with self.db.transaction():
            return [write() for write in writes]

    # ── Leases ──

    def count_due(self, now: datetime) -> int:
        """Return how many deliveries `claim` could lease now, those in flight at a crash included."""
        row = self.db.row(COUNT_DUE, {"now": seconds(now)})
        return int(row["n"]) if row else 0

    def claim(self, owner: str, now: datetime, lease_until: datetime, limit: int) -> list[Delivery]:
        """Lease due deliveries: pending, due for a retry, or left by a sender that died.

        First a note, for a person waits for it, then what is due longest, and so on by turns: notes
        that are refused one after the other never stop the digests, nor do many keep them back.
        `owner` is `NODE/SENDER`. The caller holds the workflow's lock, so another sender on the same
        node is dead, and its leases are void at once; one elsewhere keeps them until they expire. A
        delivery left in flight comes back as `uncertain`: whether it arrived is not known.
        """
        values = _sender(owner) | {"now": seconds(now), "until": seconds(lease_until)}
        with self.db.transaction():
            self.db.write(ABANDONED, values)
            notes = self._lease(CLAIMABLE_NOTES, values, (limit + 1) // 2)
            oldest = self._lease(CLAIMABLE, values, limit - len(notes))
        return [each for turn in zip_longest(notes, oldest) for each in turn if each is not None]

    def _lease(self, claimable: str, values: Mapping[str, object], limit: int) -> list[Delivery]:
        """Lease what a statement finds: it does not find again what its sender has leased."""
        rows = self.db.rows(claimable, {**values, "limit": limit})
        if rows:
            self.db.write(
                "UPDATE delivery SET owner = :owner, lease_until = :until "
                "WHERE id IN (SELECT value FROM json_each(:ids))",
                {**values, "ids": json.dumps([row["id"] for row in rows])},
            )
        return [delivery_of(row) for row in rows]

    def forget_senders(self, node: str, now: datetime) -> None:
        """Void the leases that senders on this node had: the caller has the lock, so they are dead."""
        values = {"owner": "", "node": f"{node}/*", "now": seconds(now)}
        with self.db.transaction():
            self.db.write(ABANDONED, values)
            self.db.write(_FORGOTTEN_SENDERS, values)

    def overdue(self, owner: str, now: datetime, limit: int = -1) -> list[Delivery]:
        """Return at most so many deliveries whose time is over and that nobody is sending, oldest first.

        What was left in flight is not among them: it may have arrived.
        """
        values = _sender(owner) | {"now": seconds(now), "limit": limit}
        return [delivery_of(row) for row in self.db.rows(OVERDUE, values)]

    def release(self, owner: str) -> None:
        """Give up the leases on deliveries of which nothing was said to a server yet."""
        with self.db.transaction():
            self.db.write(
                "UPDATE delivery SET owner = '', lease_until = NULL "
                "WHERE owner = :owner AND status IN ('pending', 'retry', 'uncertain')",
                {"owner": owner},
            )

    # ── One delivery on its way ──

    def wanted(self, suppressed: Mapping[int, str]) -> dict[int, dict[str, bool]]:
        """Return the profiles that deliveries serve, and whether their subscriber still wants each.

        `suppressed` maps a delivery to its address's suppression key: who is suppressed wants
        nothing.
        """
        rows = self.db.rows(_WANTED, {"asked": json.dumps(list(suppressed.items()))})
        standing: dict[int, dict[str, bool]] = {delivery: {} for delivery in suppressed}
        for row in rows:
            standing[row["delivery"]][row["profile"]] = bool(row["wanted"])
        return standing

    def prepare(
        self,
        delivery: int,
        content: bytes,
        wanted: Collection[str],
        suppressed: str,
        lease_until: datetime,
    ) -> bool:
        """Commit the bytes with the status `sending`, before anything is said to a server.

        `wanted` are the profiles that the bytes were made for: where the subscriber wants others by
        now, nothing is written, and False returned.
        """
        with self.db.transaction():
            standing = self.wanted({delivery: suppressed})[delivery]
            if {name for name, still in standing.items() if still} != set(wanted):
                return False
            values = {"id": delivery, "content": content, "until": seconds(lease_until)}
            self.db.write(
                "INSERT INTO outgoing (delivery, content) VALUES (:id, :content) "
                "ON CONFLICT (delivery) DO UPDATE SET content = :content",
                values,
            )
            self.db.write(
                "UPDATE delivery SET resent = CASE status WHEN 'uncertain' THEN 1 ELSE resent END, "
                "status = 'sending', lease_until = :until WHERE id = :id",
                values,
            )
        return True

    def prepared(self, deliveries: Collection[int]) -> dict[int, bytes]:
        """Return the bytes of those deliveries that were in flight once and are not over."""
        rows = self.db.rows(
            "SELECT delivery, content FROM outgoing "
            "WHERE delivery IN (SELECT value FROM json_each(:ids))",
            {"ids": json.dumps(sorted(deliveries))},
        )
        return {row["delivery"]: bytes(row["content"]) for row in rows}

    def record(
        self,
        delivery: int,
        status: DeliveryStatus,
        attempt: Attempt,
        now: datetime,
        next_try: datetime | None = None,
    ) -> None:
        """Commit how an attempt ended; an end for good drops the bytes.

        A delivery that failed gives its picks back: they compete for the next digest.
        """
        values: dict[str, object] = {
            "id": delivery, "status": status.value, "now": seconds(now), "try": seconds(next_try),
            "phase": attempt.phase.value, "verdict": attempt.verdict.value, "code": attempt.code,
            "said": attempt.said,
        }  # fmt: skip
        with self.db.transaction():
            self.db.write(_RECORD, values)
            self.db.write(
                "INSERT INTO attempt (delivery, n, at, phase, verdict, code, said) "
                "SELECT :id, attempts, :now, :phase, :verdict, :code, :said FROM delivery WHERE id = :id",
                values,
            )
            if status in (DeliveryStatus.SENT, DeliveryStatus.FAILED):
                self.db.write("DELETE FROM outgoing WHERE delivery = :id", values)
            if status is DeliveryStatus.RETRY:
                # It did not arrive: the next try is made anew, by what the configuration says then.
                self.db.write(
                    "DELETE FROM outgoing WHERE delivery = "
                    "(SELECT id FROM delivery WHERE id = :id AND NOT resent AND kind = 'digest')",
                    values,
                )
            if status is DeliveryStatus.FAILED:
                self._give_back(delivery)

    # ── Resting ──

    def rest(self) -> Rest | None:
        """Return the rest that all sending takes or took last, None where the last try went well."""
        row = self.db.row("SELECT value FROM meta WHERE key = 'rest'")
        if row is None:
            return None
        told = json.loads(row["value"])
        until = moment(told["until"])
        return Rest(until, told["times"], told["reason"]) if until else None

    def set_rest(self, rest: Rest | None) -> None:
        """Commit a rest, or with None that there is none any more."""
        with self.db.transaction():
            if rest is None:
                self.db.write("DELETE FROM meta WHERE key = 'rest'")
                return
            told = {"until": seconds(rest.until), "times": rest.times, "reason": rest.reason}
            self.db.write(
                "INSERT INTO meta (key, value) VALUES ('rest', :told) "
                "ON CONFLICT (key) DO UPDATE SET value = :told",
                {"told": json.dumps(told)},
            )


def _sender(owner: str) -> dict[str, object]:
    return {"owner": owner, "node": owner.partition("/")[0] + "/*"}


# Word for word what the index `delivery_open` says of itself: else SQLite does not look there, and reads
# everything that was ever sent.
_OPEN = "status IN ('pending', 'sending', 'retry', 'uncertain', 'held')"
DELIVERIES = (
    "SELECT d.*, r.address, r.token_epoch FROM delivery d JOIN subscriber r ON r.id = d.subscriber"
)
# Never one's own: what a slow run has claimed and not come to yet must not be claimed twice.
_LEASE_IS_VOID = "(owner <> :owner AND (lease_until < :now OR owner GLOB :node))"
ABANDONED = f"""
UPDATE delivery SET status = 'uncertain', owner = '', lease_until = NULL, next_try = :now,
    said = 'the sender stopped while this was under way'
WHERE status = 'sending' AND {_OPEN} AND {_LEASE_IS_VOID}
"""  # noqa: S608 - our own constant
_FORGOTTEN_SENDERS = f"""
UPDATE delivery SET owner = '', lease_until = NULL WHERE owner GLOB :node AND {_OPEN}
"""  # noqa: S608 - our own constant
# What is too late is left to `overdue`; what may have arrived is never too late to be settled.
_DUE = """
d.status IN ('pending', 'retry', 'uncertain') AND coalesce(d.next_try, d.due) <= :now
AND (d.stale_at >= :now OR d.status = 'uncertain')
"""
COUNT_DUE = f"""
SELECT (SELECT count(*) FROM delivery d WHERE {_DUE})
    + (SELECT count(*) FROM delivery WHERE status = 'sending' AND {_OPEN}) AS n
"""  # noqa: S608 - our own constant
CLAIMABLE = f"""
{DELIVERIES} WHERE {_DUE}
AND (lease_until IS NULL OR {_LEASE_IS_VOID}) ORDER BY d.due, d.id LIMIT :limit
"""
# A note's bytes are committed with it, a digest's when it goes: so among the few bytes that there are,
# read in the order in which they came, notes are found however many digests are due. (CROSS JOIN keeps
# SQLite from beginning with all that is due.)
CLAIMABLE_NOTES = f"""
SELECT d.*, r.address, r.token_epoch FROM outgoing o CROSS JOIN delivery d ON d.id = o.delivery
JOIN subscriber r ON r.id = d.subscriber WHERE d.kind <> 'digest' AND {_DUE}
AND (lease_until IS NULL OR {_LEASE_IS_VOID}) ORDER BY o.delivery LIMIT :limit
"""  # noqa: S608 - our own constant
OVERDUE = f"""
{DELIVERIES} WHERE d.status IN ('pending', 'retry') AND {_OPEN} AND d.stale_at < :now
AND (lease_until IS NULL OR {_LEASE_IS_VOID}) ORDER BY d.id LIMIT :limit
"""
_WANTED = """
SELECT json_extract(a.value, '$[0]') AS delivery, s.profile,
    s.status = 'confirmed' AND p.state = 'active' AND NOT EXISTS (
        SELECT 1 FROM suppression WHERE address_hmac = json_extract(a.value, '$[1]')
    ) AS wanted
FROM json_each(:asked) a JOIN serving v ON v.delivery = json_extract(a.value, '$[0]')
JOIN subscription s ON s.id = v.subscription JOIN profile p ON p.name = s.profile
ORDER BY s.id
"""
_RECORD = """
UPDATE delivery SET status = :status, attempts = attempts + 1, said = :said, next_try = :try,
    owner = '', lease_until = NULL,
    sent_at = CASE WHEN :status = 'sent' THEN :now ELSE sent_at END
WHERE id = :id
"""
