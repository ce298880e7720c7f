"""deliver: slots that are due → deliveries, each committed with its picks → the outbox."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

from bot import manners
from bot.models import Delivery, DeliveryStatus
from bot.ports import Clock, Workers
from bot.workflows.desk import BY_HAND, DeliverReport, DeliverRun, Post, SendStore
from bot.workflows.opening import DeliverStore, open_slots
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
        sentence = (
            f"All sending is held: {reason} Nothing was opened or sent, and nothing is lost; "
            "`paperround deliveries release --all` lets it go on."
        )
        if reason.startswith(BY_HAND):
            report.held = sentence
        else:
            report.problems.append(sentence)
        return report
    around = DeliverRun(post, store, workers, clock, report, on_end, stop or asyncio.Event())
    more = True
    while more and not around.stop.is_set():
        now = clock()
        await call_off_late(around)
        opened = await open_slots(post.config, post.secret, store, workers, now)
        report.opened += opened.opened
        report.skipped += opened.skipped
        if patient and await _resting(store, workers, now):
            break
        more = await send_due(around, until=clock() + _SLICE) and not patient
    return report


async def _resting(store: SendStore, workers: Workers, now: datetime) -> bool:
    rest = await workers.store(store.rest)
    return rest is not None and now < rest.until <= now + manners.LONGEST_REST
