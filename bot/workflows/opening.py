"""Opening: slots that came → digest.fill → deliveries, committed with their picks.

One a subscriber, or by the subscriber's choice one a profile.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Protocol

from bot import digest, schedule, tokens
from bot.digest import Owed
from bot.models import DigestPlan, Edition, Had, Role, Subscription
from bot.ports import Workers
from bot.schedule import Slot
from bot.values import value_type

if TYPE_CHECKING:
    from bot.config import Config

_Planned = tuple[Sequence[Slot], DigestPlan]  # the slots that it serves
_LOOKED_AT = 1000  # subscribers at once: the loop stands still for a few milliseconds each time
_TOGETHER = 100  # subscribers whose deliveries are one transaction
TOO_LATE = "later than [mail] grace allows; its papers go to the next digest"
_CLOCK_WENT_BACK = timedelta(days=2)  # more than that, and nothing is sent (decision 53)
# News of papers that were first seen longer ago is looked for where they were picked: the whole
# ledger of so long a time is not read for their sake.
_LONG_AGO = timedelta(days=90)


class DeliverStore(Protocol):
    """What `deliver` reads and writes."""

    def subscriptions(self, above: int, through: int) -> list[Subscription]:
        """Return the confirmed subscriptions to active profiles, of subscribers in this range."""
        ...

    def subscriber_after(self, above: int, count: int) -> int | None:
        """Return the number of the `count`-th subscriber above this one, or the last; None for none."""
        ...

    def paused(self) -> list[Subscription]:
        """Return the paused subscriptions that go on by themselves one day."""
        ...

    def resume(self, subscribers: Collection[int]) -> int:
        """End the pauses of these subscribers; return how many subscriptions go on."""
        ...

    def suppressed(self, keys: Collection[str]) -> Mapping[str, str]:
        """Return which of these suppression keys are suppressed: key → reason."""
        ...

    def hold_of_all(self) -> str:
        """Return why all sending is held, "" where it is not."""
        ...

    def last_period(self, profile: str) -> date | None:
        """Return the date of the profile's latest edition that was made by its hour."""
        ...

    def served(
        self, subscriptions: Collection[int], periods: Collection[str]
    ) -> set[tuple[int, str]]:
        """Return which of these (subscription, period) slots are served already."""
        ...

    def editions_after(self, profile: str, number: int) -> list[Edition]:
        """Return the profile's editions with a greater number, oldest first, with picks."""
        ...

    def first_seen(self, papers: Collection[int]) -> Mapping[int, datetime]:
        """Return when papers were first seen, by id, aliases followed."""
        ...

    def had(
        self,
        papers: Mapping[int, Collection[int]],
        since: datetime,
        but: int = 0,
        long_ago: Collection[int] = (),
    ) -> Mapping[int, Had]:
        """Return which of these papers their subscribers were sent, or are about to be: what they know.

        By subscriber, there and here; `since` bounds the search, but for what is in `long_ago`.
        """
        ...

    def withdrawn(self, papers: Collection[int]) -> set[int]:
        """Return which of these are withdrawn, aliases followed."""
        ...

    def together(self, writes: Sequence[Callable[[], object]]) -> list[object]:
        """Run several writes of this store in one transaction; one that raises undoes them all."""
        ...

    def open_delivery(
        self, plan: DigestPlan, message_id: str, due: datetime, stale_at: datetime, now: datetime
    ) -> bool:
        """Commit a delivery with its slots and cursors in one transaction.

        Returns False, with nothing written, where one of the slots is served already.
        """
        ...


@value_type(frozen=True, slots=True)
class OpenedCounts:
    """How many deliveries were opened to be sent, and how many skipped at once."""

    opened: int = 0
    skipped: int = 0


async def open_slots(
    config: Config, secret: bytes, store: DeliverStore, workers: Workers, now: datetime
) -> OpenedCounts:
    """Commit the deliveries of each subscriber who has slots that came and are not served yet."""
    await _end_pauses(config, store, workers, now)
    waiting = await _waiting_for_edition(config, store, workers, now)
    shelf = _Shelf(store, workers, now)
    opened = skipped = 0
    above = 0
    while through := await workers.store(store.subscriber_after, above, _LOOKED_AT):
        some = await workers.store(store.subscriptions, above, through)
        above = through
        slots = await _slots(some, waiting, config, store, workers, now)
        slots = await _but_suppressed(slots, secret, store, workers)
        by_subscriber = [
            list(group) for _, group in groupby(slots, key=lambda s: s.subscription.subscriber)
        ]
        for at in range(0, len(by_subscriber), _TOGETHER):
            plans = await _plans(config, shelf, by_subscriber[at : at + _TOGETHER], now)
            written: list[DigestPlan] = []
            await workers.store(
                store.together,
                [partial(_open, config, secret, store, theirs, now, written) for theirs in plans],
            )
            ended = [bool(plan.skip) for plan in written]
            skipped += sum(ended)
            opened += len(ended) - sum(ended)
    return OpenedCounts(opened, skipped)


def _open(
    config: Config,
    secret: bytes,
    store: DeliverStore,
    plans: Sequence[_Planned],
    now: datetime,
    written: list[DigestPlan],
) -> None:
    """Commit one subscriber's deliveries in their order, and add them to `written`.

    None after one that another process was faster with: what it left out for the sake of that one
    may be in no mail. It is opened by the next run.
    """
    for served, plan in plans:
        message_id = tokens.message_id(secret, plan.slots, config.mail.sender_domain)
        due, stale_at = max(slot.due for slot in served), max(slot.stale_at for slot in served)
        if not store.open_delivery(plan, message_id, due, stale_at, now):
            return
        written.append(plan)


async def _end_pauses(config: Config, store: DeliverStore, workers: Workers, now: datetime) -> None:
    over = {
        subscription.subscriber
        for subscription in await workers.store(store.paused)
        if subscription.paused_until is not None
        and schedule.local_date(now, subscription.zone or config.bot.timezone)
        >= subscription.paused_until
    }
    if over:
        await workers.store(store.resume, over)


async def _but_suppressed(
    slots: Sequence[Slot], secret: bytes, store: DeliverStore, workers: Workers
) -> list[Slot]:
    """Leave out who is suppressed: nothing is opened for them, and nothing is lost to them."""
    keys = {
        slot.subscription.address: tokens.suppression_key(secret, slot.subscription.address)
        for slot in slots
    }
    found = await workers.store(store.suppressed, set(keys.values()))
    return [slot for slot in slots if keys[slot.subscription.address] not in found]


async def _slots(
    subscriptions: Sequence[Subscription],
    waiting: Collection[str],
    config: Config,
    store: DeliverStore,
    workers: Workers,
    now: datetime,
) -> list[Slot]:
    """Return the slots that came and are unserved, by subscriber, in the profiles' order.

    Those of the profiles that are `waiting` for an edition wait with them.
    """
    zone, grace = config.bot.timezone, config.mail.grace
    found = [
        slot
        for subscription in subscriptions
        if (profile := config.profiles.get(subscription.profile))
        and (slot := schedule.slot(subscription, profile, now, zone, grace))
    ]
    served = await workers.store(
        store.served,
        [slot.subscription.id for slot in found],
        set().union(*(schedule.overlapping(slot.name) for slot in found)),
    )
    order = {name: place for place, name in enumerate(config.profiles)}
    unserved = [
        slot
        for slot in found
        if not any((slot.subscription.id, p) in served for p in schedule.overlapping(slot.name))
        and slot.subscription.profile not in waiting
    ]
    return sorted(
        unserved, key=lambda s: (s.subscription.subscriber, order[s.subscription.profile])
    )


async def _waiting_for_edition(
    config: Config, store: DeliverStore, workers: Workers, now: datetime
) -> set[str]:
    """Return the profiles whose edition is due but not made: their slots wait for it."""
    waiting = set()
    for name, profile in config.profiles.items():
        last = await workers.store(store.last_period, name)
        if schedule.due_edition(profile, last, now, config.bot.timezone) is not None:
            waiting.add(name)
    return waiting


class _Shelf:
    """What many subscribers are owed alike, read from the store once a run."""

    def __init__(self, store: DeliverStore, workers: Workers, now: datetime) -> None:
        self._store, self._workers, self._now = store, workers, now
        self._editions: dict[tuple[str, int], Sequence[Edition]] = {}
        self._first_seen: dict[int, datetime] = {}
        self._withdrawn: set[int] = set()

    async def owed(self, slot: Slot) -> Owed:
        """Return the editions that a slot's subscription is owed."""
        subscription = slot.subscription
        # One edition more than owed tells news of a source's health from old.
        wanted = (subscription.profile, max(0, subscription.cursor - 1))
        if wanted not in self._editions:
            self._editions[wanted] = await self._workers.store(self._store.editions_after, *wanted)
        editions = self._editions[wanted]
        before = [edition for edition in editions if edition.number <= subscription.cursor]
        return Owed(
            subscription=subscription,
            period=slot.name,
            editions=tuple(e for e in editions if e.number > subscription.cursor),
            before=before[-1] if before else None,
        )

    async def had(self, owed: Mapping[int, Sequence[Owed]]) -> Mapping[int, Had]:
        """Return what of all they are owed these subscribers had, by subscriber."""
        papers = {
            subscriber: {p.paper for each in theirs for e in each.editions for p in e.picks}
            for subscriber, theirs in owed.items()
        }
        all_papers = set().union(*papers.values())
        unknown = all_papers - self._first_seen.keys()
        if unknown:
            self._first_seen |= await self._workers.store(self._store.first_seen, unknown)
            self._withdrawn |= await self._workers.store(self._store.withdrawn, unknown)
        seen = {p: self._first_seen[p] for p in all_papers if p in self._first_seen}
        if not seen:
            return {}
        old = {p for p in _earlier_picks(owed) if p in seen and seen[p] < self._now - _LONG_AGO}
        recent = [at for paper, at in seen.items() if paper not in old]
        # No paper was sent before we first saw it: that bounds the search in the ledger.
        since = min(recent, default=self._now) - _CLOCK_WENT_BACK
        return await self._workers.store(self._store.had, papers, since, long_ago=old)

    @property
    def withdrawn(self) -> Collection[int]:
        """Those of the papers asked for so far that are withdrawn."""
        return self._withdrawn


def _earlier_picks(owed: Mapping[int, Sequence[Owed]]) -> set[int]:
    """Return the papers that these editions tell news of, and none of them offers as new."""
    picks = [p for theirs in owed.values() for o in theirs for e in o.editions for p in e.picks]
    new = {pick.paper for pick in picks if pick.role is Role.NEW}
    return {pick.paper for pick in picks if pick.role is Role.UPDATE} - new


async def _plans(
    config: Config, shelf: _Shelf, by_subscriber: Sequence[Sequence[Slot]], now: datetime
) -> list[list[_Planned]]:
    """Return what each subscriber is owed, in the order that it is to be opened in.

    What came too late is apart from what is sent, which is one mail, or by choice one a profile.
    """
    fresh = [[slot for slot in mine if now <= slot.stale_at] for mine in by_subscriber]
    owed = {
        mine[0].subscription.subscriber: [await shelf.owed(slot) for slot in mine]
        for mine in fresh
        if mine
    }
    had = await shelf.had(owed)
    plans: list[list[_Planned]] = []
    for mine, in_time in zip(by_subscriber, fresh, strict=True):
        subscriber = mine[0].subscription.subscriber
        stale = [slot for slot in mine if now > slot.stale_at]
        theirs: list[_Planned] = [(stale, _late(stale))] if stale else []
        if in_time:
            asked = (
                owed[subscriber], config.profiles, had.get(subscriber, Had()), shelf.withdrawn
            )  # fmt: skip
            if mine[0].subscription.apart:
                theirs += zip(([slot] for slot in in_time), digest.fill_apart(*asked), strict=True)
            else:
                theirs.append((in_time, digest.fill(*asked)))
        plans.append(theirs)
    return plans


def _late(slots: Sequence[Slot]) -> DigestPlan:
    first = slots[0].subscription
    return DigestPlan(
        subscriber=first.subscriber,
        address=first.address,
        slots=tuple((slot.subscription.id, slot.name) for slot in slots),
        cursors=(),
        picks=(),
        editions=(),
        skip=TOO_LATE,
    )
