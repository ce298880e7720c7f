"""The scheduler, one of the doors: the same round as `once`, for ever.

APScheduler only ticks: its own triggers lose or double a daily job around daylight-saving changes
(FACTS.md), so its one interval job sets an event and nothing else. What is due is computed from rows
in the store, the same way as under cron; a round that is under way when we are told to stop is ended.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger

log = logging.getLogger("paperround")

TICK_SECONDS = 60


async def run_rounds(
    round_once: Callable[[], Awaitable[None]], stop: asyncio.Event, every: float = TICK_SECONDS
) -> None:
    """Call `round_once` now and at every tick until `stop` is set; a round is never cut short.

    Ticks that come while a round runs are one: the next round begins right after it.
    """
    tick = asyncio.Event()
    tick.set()
    ticker = AsyncIOScheduler(timezone="UTC")
    ticker.add_job(
        tick.set,
        IntervalTrigger(seconds=every),
        coalesce=True,
        max_instances=1,
        misfire_grace_time=None,
    )
    ticker.start()
    try:
        while not stop.is_set():
            await _first(tick, stop)
            if stop.is_set():
                return
            tick.clear()
            await round_once()
    finally:
        ticker.shutdown(wait=False)


async def _first(*events: asyncio.Event) -> None:
    waiting = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
