"""Subscribers, their slots, and the deliveries that serve them."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from bot.models import (
    DeliveredPick,
    DeliveryKind,
    DeliveryStatus,
    DigestPlan,
    Had,
    Origin,
    Role,
    Subscription,
    SubscriptionStatus,
    Told,
)
from bot.schedule import overlapping
from bot.store.connection import seconds
from bot.store.editions import EditionLedger
from bot.store.rows import packed_picks, subscription_of, unpacked_picks

# What a delivery that failed or was called off held, its subscriber never had; but may have had
# where the end of an attempt was not known and nobody asks any more.
_HAD = """
(status IN ('pending', 'sending', 'sent', 'retry', 'uncertain', 'held')
    OR (status = 'skipped' AND resent))
"""
_HIGHEST = 2**63 - 1  # the highest number that SQLite has
# A weekly reader, or one who comes back from a month's leave, has a paper that long after its edition.
_LONGEST_WAIT = 35 * 24 * 3600  # seconds


class MailLedger(EditionLedger):
    """The part of the store that `subscribe` and `deliver` write."""

    # ── Subscribers ──

    def subscribe(
        self, address: str, profile: str, origin: Origin, now: datetime, *, suppressed: str
    ) -> SubscriptionStatus:
        """Confirm an address for a profile at once, on its owner's word.

        `suppressed` is the address's suppression key: a suppressed address is not subscribed. One
        that unsubscribed itself stays so when `origin` is the config: unsubscribing wins. The first
        digest will be the latest edition; hour, cadence and limit are those of the address's other
        subscriptions, and so is a pause. Returns the status it has now.
        """
        with self.db.transaction():
            return self._subscribe(address, profile, origin, now, suppressed)

    def _subscribe(
        self,
        address: str,
        profile: str,
        origin: Origin,
        now: datetime,
        suppressed: str,
        *,
        revive: bool = True,
    ) -> SubscriptionStatus:
        values: dict[str, object] = {
            "address": address, "canonical": address.casefold(), "profile": profile,
            "origin": origin.value, "now": seconds(now), "suppressed": suppressed,
        }  # fmt: skip
        if self.db.row("SELECT 1 FROM suppression WHERE address_hmac = :suppressed", values):
            return SubscriptionStatus.UNSUBSCRIBED
        self.db.write(INSERT_SUBSCRIBER, values)
        old = self.db.row(
            "SELECT s.* FROM subscription s JOIN subscriber r ON r.id = s.subscriber "
            "WHERE r.canonical = :canonical AND s.profile = :profile",
            values,
        )
        if old is None:
            self.db.write(_INSERT_SUBSCRIPTION, values)
        elif old["status"] in ("unsubscribed", "unconfirmed"):
            wins = origin is Origin.CONFIG and old["ended_by"] != Origin.CONFIG.value
            if old["status"] == "unsubscribed" and (wins or not revive):
                return SubscriptionStatus.UNSUBSCRIBED
            self.db.write(_CONFIRM_SUBSCRIPTION, values | {"id": old["id"]})
        now_standing = self.db.row(
            "SELECT s.status FROM subscription s JOIN subscriber r ON r.id = s.subscriber "
            "WHERE r.canonical = :canonical AND s.profile = :profile",
            values,
        )
        return SubscriptionStatus(now_standing["status"] if now_standing else "unsubscribed")

    def mirror_recipients(self, wanted: Mapping[tuple[str, str], str], now: datetime) -> None:
        """Make the subscriptions that the configuration's `to` keys ask for, in one transaction.

        `wanted` maps (address, profile) to the address's suppression key. Those made by an earlier
        configuration and no longer wanted end.
        """
        with self.db.transaction():
            for (address, profile), suppressed in wanted.items():
                self._subscribe(address, profile, Origin.CONFIG, now, suppressed)
            pairs = json.dumps([[address.casefold(), profile] for address, profile in wanted])
            self.db.write(_END_UNWANTED, {"pairs": pairs})

    def unsubscribe(self, address: str, profile: str, ended_by: Origin) -> int:
        """End an address's subscription to a profile, or to all with ""; return how many ended."""
        with self.db.transaction():
            return self.db.write(
                "UPDATE subscription SET status = 'unsubscribed', ended_by = :by "
                "WHERE status <> 'unsubscribed' AND (:profile = '' OR profile = :profile) "
                "AND subscriber = (SELECT id FROM subscriber WHERE canonical = :canonical)",
                {"by": ended_by.value, "profile": profile, "canonical": address.casefold()},
            ).rowcount

    def subscriber(self, number: int) -> tuple[str, int, tuple[str, ...]] | None:
        """Return (address, token epoch, profiles it is subscribed to), None for nobody."""
        row = self.db.row(
            "SELECT address, token_epoch FROM subscriber WHERE id = :id", {"id": number}
        )
        if row is None:
            return None
        subscribed = self.db.rows(
            "SELECT profile FROM subscription WHERE subscriber = :id AND status <> 'unsubscribed' "
            "ORDER BY profile",
            {"id": number},
        )
        return row["address"], row["token_epoch"], tuple(r["profile"] for r in subscribed)

    def profile_of(self, subscriber: int, subscription: int) -> str:
        """Return the profile of a subscriber's subscription, "" where that moved or is none."""
        row = self.db.row(
            "SELECT profile FROM subscription "
            "WHERE id = :id AND subscriber = :subscriber AND ended_by <> 'moved'",
            {"id": subscription, "subscriber": subscriber},
        )
        return str(row["profile"]) if row else ""

    def subscriptions(self, above: int = 0, through: int = _HIGHEST) -> list[Subscription]:
        """Return the confirmed subscriptions to profiles that are active, by their numbers.

        Of the subscribers with numbers above `above`, up to `through`.
        """
        rows = self.db.rows(CONFIRMED, {"above": above, "through": through})
        return [subscription_of(row) for row in rows]

    def subscriber_after(self, above: int, count: int) -> int | None:
        """Return the number of the `count`-th subscriber above this one, or the last; None for none.

        Numbers have gaps, and many where lists are imported again and again.
        """
        row = self.db.row(
            "SELECT max(id) AS id FROM (SELECT id FROM subscriber WHERE id > :above "
            "ORDER BY id LIMIT :count)",
            {"above": above, "count": count},
        )
        return row["id"] if row else None

    def all_subscriptions(self) -> list[Subscription]:
        """Return every subscription there ever was, by address and profile."""
        return [
            subscription_of(row)
            for row in self.db.rows(f"{_SUBSCRIPTIONS} ORDER BY address, s.profile")
        ]

    # ── Slots and deliveries ──

    def served(
        self, subscriptions: Collection[int], periods: Collection[str]
    ) -> set[tuple[int, str]]:
        """Return which of these (subscription, period) slots are served already."""
        rows = self.db.rows(
            "SELECT subscription, period FROM serving "
            "WHERE subscription IN (SELECT value FROM json_each(:subscriptions)) "
            "AND period IN (SELECT value FROM json_each(:periods))",
            {
                "subscriptions": json.dumps(sorted(subscriptions)),
                "periods": json.dumps(sorted(periods)),
            },
        )
        return {(row["subscription"], row["period"]) for row in rows}

    def had(
        self,
        papers: Mapping[int, Collection[int]],
        since: datetime,
        but: int = 0,
        long_ago: Collection[int] = (),
    ) -> dict[int, Had]:
        """Return which of these papers their subscribers were sent, or are about to be: what they know.

        Both by subscriber. `since` bounds the search: no paper was sent before it was first seen.
        Those in `long_ago` are looked for before that too, in the month after they were picked.
        Who was told news of a paper only had it not, where the mail that had it as new failed.
        The delivery `but` doesn't count.
        """
        rows = self.db.rows(
            _SENT_LONG_AGO if long_ago else _SENT,
            {
                "subscribers": json.dumps(sorted(papers)),
                "since": seconds(since),
                "but": but,
                "made": json.dumps(self._picked_at(long_ago)),
                "wait": _LONGEST_WAIT,
            },
        )
        sent: dict[int, set[DeliveredPick]] = {}
        told: dict[int, set[int]] = {}
        for row in rows:
            sent.setdefault(row["subscriber"], set()).update(unpacked_picks(row["picks"]))
            told.setdefault(row["subscriber"], set()).update(json.loads(row["editions"]))
        all_papers = {line.paper for lines in sent.values() for line in lines}
        now = self._joined(all_papers)
        wanted = set().union(*papers.values())
        versions = self._versions({p for p in all_papers if now.get(p, p) in wanted})
        return {
            subscriber: _had_of(lines, now, versions, set(papers[subscriber]), told[subscriber])
            for subscriber, lines in sent.items()
        }

    def _joined(self, papers: Collection[int]) -> dict[int, int]:
        """Return what those of these papers that were joined to another are now."""
        rows = self.db.rows(
            "SELECT id, merged_into FROM paper WHERE merged_into IS NOT NULL "
            "AND id IN (SELECT value FROM json_each(:papers))",
            {"papers": json.dumps(sorted(papers))},
        )
        return {row["id"]: row["merged_into"] for row in rows}

    def _picked_at(self, papers: Collection[int]) -> list[int]:
        """Return when editions were made that picked one of these, aliases followed."""
        if not papers:
            return []
        rows = self.db.rows(
            "SELECT DISTINCT e.made_at FROM paper a JOIN pick k ON k.paper = a.id "
            "JOIN edition e ON e.id = k.edition "
            "WHERE a.id IN (SELECT value FROM json_each(:ids)) "
            "OR a.merged_into IN (SELECT value FROM json_each(:ids))",
            {"ids": json.dumps(sorted(papers))},
        )
        return [row["made_at"] for row in rows]

    def _versions(self, papers: Collection[int]) -> dict[tuple[int, int], int]:
        """Return which version each (edition, paper) picked."""
        rows = self.db.rows(
            "SELECT edition, paper, version FROM pick "
            "WHERE paper IN (SELECT value FROM json_each(:ids))",
            {"ids": json.dumps(sorted(papers))},
        )
        return {(row["edition"], row["paper"]): row["version"] for row in rows}

    def open_delivery(
        self, plan: DigestPlan, message_id: str, due: datetime, stale_at: datetime, now: datetime
    ) -> bool:
        """Commit a delivery with its slots and cursors in one transaction.

        Returns False, with nothing written, where one of the slots, or a period that overlaps it, is
        served already: another process was faster. A plan with a `skip` is committed as skipped, and
        moves no cursor back.
        """
        with self.db.transaction():
            clashing = {(s, other) for s, period in plan.slots for other in overlapping(period)}
            taken = self.served({s for s, _ in clashing}, {period for _, period in clashing})
            if taken & clashing:
                return False
            status = DeliveryStatus.SKIPPED if plan.skip else DeliveryStatus.PENDING
            delivery = self.db.write(
                INSERT_DELIVERY,
                {
                    "subscriber": plan.subscriber, "kind": DeliveryKind.DIGEST.value,
                    "status": status.value, "due": seconds(due),
                    "stale_at": seconds(stale_at), "message_id": message_id, "said": plan.skip,
                    "editions": json.dumps(plan.editions), "picks": packed_picks(plan.picks),
                    "overflow": plan.overflow, "subscription": plan.subscription,
                    "now": seconds(now),
                },
            ).lastrowid  # fmt: skip
            self.db.write_many(
                "INSERT INTO serving (subscription, period, delivery, cursor_before) SELECT id, :period, "
                ":delivery, cursor FROM subscription WHERE id = :subscription",
                [{"subscription": s, "period": p, "delivery": delivery} for s, p in plan.slots],
            )
            self.db.write_many(
                "UPDATE subscription SET cursor = :cursor WHERE id = :subscription",
                [{"subscription": s, "cursor": number} for s, number in plan.cursors],
            )
        return True

    def call_off(
        self, delivery: int, status: DeliveryStatus, reason: str, *, give_back: bool = True
    ) -> None:
        """End a delivery unsent; its slots stay served, its papers go to the next digest.

        Without `give_back` they count as had: they may have arrived.
        """
        with self.db.transaction():
            self._end(delivery, status, reason, give_back=give_back)

    def narrow(
        self, delivery: int, picks: Sequence[DeliveredPick], editions: Sequence[int]
    ) -> None:
        """Leave a delivery only these of its picks and editions; the others are given back."""
        values = {
            "id": delivery, "editions": json.dumps(editions), "picks": packed_picks(picks),
        }  # fmt: skip
        with self.db.transaction():
            before = self._papers_of(delivery)
            self.db.write(
                "UPDATE delivery SET editions = :editions, picks = :picks WHERE id = :id", values
            )
            self.db.write(f"{_GIVE_BACK} AND profile NOT IN ({_PROFILES_SHOWN})", values)
            self._offer_again(delivery, before - self._papers_of(delivery))

    def _end(
        self, delivery: int, status: DeliveryStatus, reason: str, *, give_back: bool = True
    ) -> None:
        values = {
            "id": delivery, "status": status.value, "reason": reason, "kept": not give_back,
        }  # fmt: skip
        self.db.write(
            "UPDATE delivery SET resent = CASE status WHEN 'uncertain' THEN :kept ELSE resent END, "
            "status = :status, said = :reason, owner = '', lease_until = NULL, next_try = NULL "
            "WHERE id = :id",
            values,
        )
        self.db.write("DELETE FROM outgoing WHERE delivery = :id", values)
        if give_back:
            self._give_back(delivery)

    def _give_back(self, delivery: int) -> None:
        """Set the cursors back: a delivery's papers compete for the next digest again."""
        self.db.write(_GIVE_BACK, {"id": delivery})
        self._offer_again(delivery, self._papers_of(delivery))

    def _papers_of(self, delivery: int) -> set[int]:
        row = self.db.row("SELECT picks FROM delivery WHERE id = :id", {"id": delivery})
        return {line.paper for line in unpacked_picks(row["picks"])} if row else set()

    def _offer_again(self, delivery: int, papers: Collection[int]) -> None:
        """Set back the cursors that passed papers by because they stood in this delivery.

        Other profiles may have picked them, and their digests went out without them (decision 47).
        """
        if papers:
            now = self._joined(papers)
            again = json.dumps(sorted({now.get(paper, paper) for paper in papers}))
            self.db.write(_OFFER_AGAIN, {"id": delivery, "papers": again})


def _had_of(
    lines: Collection[DeliveredPick],
    now: Mapping[int, int],
    versions: Mapping[tuple[int, int], int],
    asked: Collection[int],
    editions: Collection[int],
) -> Had:
    """Return what these lines say was had of the papers asked for.

    `now` has the papers that others turned out to be, `versions` those of (edition, paper).
    """
    offered: set[int] = set()
    updates: set[tuple[int, int]] = set()
    told: dict[int, Told] = {}
    for line in lines:
        paper = now.get(line.paper, line.paper)
        if paper not in asked:
            continue
        if line.role is Role.UPDATE:
            updates.add((line.edition, paper))
        else:
            offered.add(paper)
        before = told.get(paper, Told())
        version = versions.get((line.edition, line.paper), 0)
        events = before.events.union(line.told) if line.told else before.events
        told[paper] = Told(max(before.version, version), events)
    return Had({paper: told[paper] for paper in offered}, frozenset(updates), frozenset(editions))


_SENT = f"""
SELECT subscriber, picks, editions FROM delivery
WHERE subscriber IN (SELECT value FROM json_each(:subscribers))
AND created_at >= :since AND id <> :but AND {_HAD}
"""  # noqa: S608 - our own constant
_SENT_LONG_AGO = f"""{_SENT}
UNION ALL SELECT subscriber, picks, editions FROM delivery d
WHERE subscriber IN (SELECT value FROM json_each(:subscribers)) AND created_at < :since
AND EXISTS (
    SELECT 1 FROM json_each(:made) m WHERE d.created_at BETWEEN m.value AND m.value + :wait
)
AND id <> :but AND {_HAD}
"""  # noqa: S608 - our own constant
_SUBSCRIPTIONS = """
SELECT s.*, r.address, r.zone, r.paused_until, r.apart FROM subscription s
JOIN subscriber r ON r.id = s.subscriber JOIN profile p ON p.name = s.profile
"""
# The plus keeps SQLite from reading all that there are in their order, for a few of them.
CONFIRMED = f"""
{_SUBSCRIPTIONS} WHERE s.status = 'confirmed' AND p.state = 'active'
AND s.subscriber > :above AND s.subscriber <= :through ORDER BY +s.id
"""
INSERT_SUBSCRIBER = """
INSERT INTO subscriber (address, canonical, zone, paused_until, token_epoch, created_at)
VALUES (:address, :canonical, '', '', 0, :now) ON CONFLICT (canonical) DO NOTHING
"""
# The cursor stands one before the latest edition: a new subscriber's first digest is that one.
CURSOR = "(SELECT coalesce(max(number) - 1, 0) FROM edition WHERE profile = :profile)"
# Who pauses goes on pausing, whatever else they take.
_CONFIRMED_OR_PAUSED = """
CASE WHEN EXISTS (
    SELECT 1 FROM subscription other JOIN subscriber whose ON whose.id = other.subscriber
    WHERE whose.canonical = :canonical AND other.status = 'paused'
) THEN 'paused' ELSE 'confirmed' END
"""
_INSERT_SUBSCRIPTION = f"""
INSERT INTO subscription
    (subscriber, profile, status, origin, ended_by, cadence, hour, size, cursor, confirmed_at)
SELECT r.id, :profile, {_CONFIRMED_OR_PAUSED}, :origin, '',
    coalesce(o.cadence, ''), coalesce(o.hour, ''), coalesce(o.size, 0), {CURSOR}, :now
FROM subscriber r LEFT JOIN subscription o ON o.id = (
    SELECT min(id) FROM subscription WHERE subscriber = r.id AND status <> 'unsubscribed'
) WHERE r.canonical = :canonical
"""  # noqa: S608 - our own constants
_CONFIRM_SUBSCRIPTION = f"""
UPDATE subscription SET status = {_CONFIRMED_OR_PAUSED}, origin = :origin, ended_by = '',
    confirmed_at = :now, cursor = max(cursor, {CURSOR}) WHERE id = :id
"""  # noqa: S608 - our own constants
_END_UNWANTED = """
UPDATE subscription SET status = 'unsubscribed', ended_by = 'config'
WHERE origin = 'config' AND status <> 'unsubscribed'
-- Of a profile that vanished, who was subscribed is kept: it may come back.
AND profile IN (SELECT name FROM profile WHERE state = 'active') AND NOT EXISTS (
    SELECT 1 FROM json_each(:pairs) w JOIN subscriber r ON r.id = subscription.subscriber
    WHERE json_extract(w.value, '$[0]') = r.canonical
    AND json_extract(w.value, '$[1]') = subscription.profile
)
"""
INSERT_DELIVERY = """
INSERT INTO delivery (subscriber, kind, status, due, next_try, stale_at, attempts, owner, message_id,
    editions, picks, overflow, resent, said, created_at, subscription)
VALUES (:subscriber, :kind, :status, :due, NULL, :stale_at, 0, '', :message_id,
    :editions, :picks, :overflow, 0, :said, :now, :subscription)
"""
_GIVE_BACK = """
UPDATE subscription SET cursor = min(cursor, (
    SELECT v.cursor_before FROM serving v WHERE v.delivery = :id AND v.subscription = subscription.id
)) WHERE id IN (SELECT subscription FROM serving WHERE delivery = :id)
"""
_PROFILES_SHOWN = """
SELECT e.profile FROM delivery d, json_each(d.editions) j JOIN edition e ON e.id = j.value
WHERE d.id = :id
"""
# Only what was opened later can have left a paper out for this delivery's sake; its own editions may
# have become another profile's, which took over this one's name.
_OFFER_AGAIN = """
UPDATE subscription SET cursor = min(subscription.cursor, passed.number - 1) FROM (
    SELECT d.subscriber, e.profile, min(e.number) AS number
    FROM delivery called_off
    JOIN delivery d ON d.subscriber = called_off.subscriber AND d.id >= called_off.id,
        json_each(d.editions) j
    JOIN edition e ON e.id = j.value
    JOIN pick k ON k.edition = e.id AND k.role IN ('new', 'folded')
    JOIN paper p ON p.id = k.paper
    WHERE called_off.id = :id
        AND coalesce(p.merged_into, p.id) IN (SELECT value FROM json_each(:papers))
    GROUP BY d.subscriber, e.profile
) passed
WHERE subscription.subscriber = passed.subscriber AND subscription.profile = passed.profile
"""
