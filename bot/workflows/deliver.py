"""deliver: slots that are due → deliveries, each committed with its picks → the outbox."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from email.utils import parseaddr
from itertools import groupby
from typing import Protocol

from bot import digest, schedule, tokens
from bot.config import Config
from bot.digest import Owed
from bot.models import Delivery, DeliveryStatus, DigestPlan
from bot.ports import Clock, DeliverStore, SendStore, Workers
from bot.schedule import Slot
from bot.workflows.desk import DeliverReport, Post, Round
from bot.workflows.outbox import call_off_late, send_due

_SLICE = timedelta(minutes=5)  # so long at most, slots that come meanwhile wait to be opened


class Outbox(DeliverStore, SendStore, Protocol):
    """All that `deliver` reads and writes."""


async def deliver(
    post: Post,
    store: Outbox,
    workers: Workers,
    clock: Clock,
    on_end: Callable[[Delivery, DeliveryStatus], None] = lambda _d, _s: None,
    *,
    patient: bool = False,
    stop: asyncio.Event | None = None,
) -> DeliverReport:
    """Call off what came too late, open a delivery for every slot that has come, send all that is due.

    With `patient`, which is for who calls again and again, sending rests where trouble asked for a
    rest, and ends after five minutes. Where `stop` is set, what is under way is ended within 20
    seconds, and nothing more is begun. Raises StateError where the store can't be written: then
    nothing more is sent.
    """
    report = DeliverReport()
    if reason := await workers.store(store.hold_of_all):
        report.problems.append(
            f"All sending is held: {reason} Nothing was opened or sent, and nothing is lost; "
            "`paperround deliveries release --all` lets it go on."
        )
        return report
    around = Round(post, store, workers, clock, report, on_end, stop or asyncio.Event())
    more = True
    while more and not around.stop.is_set():
        now = clock()
        await call_off_late(around)
        await open_slots(post, store, workers, now, report)
        if patient and await _resting(store, workers, now):
            break
        more = await send_due(around, until=now + _SLICE) and not patient
    return report


async def _resting(store: SendStore, workers: Workers, now: datetime) -> bool:
    rest = await workers.store(store.rest)
    return rest is not None and now < rest.until


# ── Opening ───────────────────────────────────────────────────────────────────────────────────────


async def open_slots(
    post: Post, store: DeliverStore, workers: Workers, now: datetime, report: DeliverReport
) -> None:
    """Commit a delivery for each subscriber who has slots that came and are not served yet."""
    await _end_pauses(post.config, store, workers, now)
    slots = await _slots(post.config, store, workers, now)
    slots = await _but_suppressed(slots, post.secret, store, workers)
    for _, group in groupby(slots, key=lambda slot: slot.subscription.subscriber):
        mine = list(group)
        stale = [slot for slot in mine if now > slot.stale_at]
        fresh = [slot for slot in mine if now <= slot.stale_at]
        for batch, plan in (
            (stale, _late(stale) if stale else None),
            (fresh, await _plan(post.config, store, workers, fresh) if fresh else None),
        ):
            if plan is not None:
                await _open(post, store, workers, batch, plan, now, report)


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
    config: Config, store: DeliverStore, workers: Workers, now: datetime
) -> list[Slot]:
    """Return the slots that came and are unserved, by subscriber, in the profiles' order."""
    zone, grace = config.bot.timezone, config.mail.grace
    subscriptions = await workers.store(store.subscriptions)
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
    waiting = await _waiting_for_edition(config, store, workers, now)
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


async def _plan(
    config: Config, store: DeliverStore, workers: Workers, slots: Sequence[Slot]
) -> DigestPlan:
    owed = [await _owed(store, workers, slot) for slot in slots]
    subscriber = slots[0].subscription.subscriber
    candidates = {p.paper for o in owed for e in o.editions for p in e.picks}
    papers = await workers.store(store.papers, candidates)
    # No paper was sent before we first saw it: that bounds the search in the ledger.
    first = [paper.first_seen for paper in papers.values() if paper.first_seen]
    had: set[int] = set()
    if first:
        had = await workers.store(store.had, subscriber, candidates, min(first))
    return digest.fill(owed, config.profiles, had)


async def _owed(store: DeliverStore, workers: Workers, slot: Slot) -> Owed:
    subscription = slot.subscription
    # One edition more than owed tells news of a source's health from old.
    editions = await workers.store(
        store.editions_after, subscription.profile, max(0, subscription.cursor - 1)
    )
    before = [edition for edition in editions if edition.number <= subscription.cursor]
    return Owed(
        subscription=subscription,
        period=slot.name,
        editions=tuple(e for e in editions if e.number > subscription.cursor),
        before=before[-1] if before else None,
    )


def _late(slots: Sequence[Slot]) -> DigestPlan:
    first = slots[0].subscription
    return DigestPlan(
        subscriber=first.subscriber,
        address=first.address,
        slots=tuple((slot.subscription.id, slot.name) for slot in slots),
        cursors=(),
        picks=(),
        editions=(),
        skip="later than [mail] grace allows; its papers go to the next digest",
    )


async def _open(
    post: Post,
    store: DeliverStore,
    workers: Workers,
    slots: Sequence[Slot],
    plan: DigestPlan,
    now: datetime,
    report: DeliverReport,
) -> None:
    message_id = tokens.message_id(post.secret, plan.slots, _domain(post.config))
    due = max(slot.due for slot in slots)
    stale_at = max(slot.stale_at for slot in slots)
    if not await workers.store(store.open_delivery, plan, message_id, due, stale_at, now):
        return
    if plan.skip:
        report.skipped += 1
    else:
        report.opened += 1


def _domain(config: Config) -> str:
    return parseaddr(config.mail.sender)[1].rpartition("@")[2]
