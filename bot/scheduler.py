"""The scheduler, one of the doors: lanes that a ticker wakes, for ever, and how they are left.

APScheduler only ticks: its own triggers lose or double a daily job around daylight-saving changes
(FACTS.md), so its one interval job sets an event and nothing else. What is due is computed from rows
in the store, the same way as under cron. Each lane runs its work when it is woken, never beside
itself, and no lane waits for another.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger

log = logging.getLogger("paperround")

TICK_SECONDS = 60.0
_CUT_SECONDS = 2.0  # what is cut off ends its transactions in threads; its own end takes no time


@dataclass(slots=True)
class Lane:
    """One kind of work. `work` raises nothing; `leaving` seconds it may go on when told to stop."""

    name: str
    work: Callable[[], Awaitable[None]]
    leaving: float
    wake: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, stop: asyncio.Event) -> None:
        """Work whenever woken, until told to stop; what wakes it while it works is one more time."""
        while True:
            await first_of(self.wake, stop)
            if stop.is_set():
                return
            self.wake.clear()
            await self.work()


async def run_lanes(
    lanes: Sequence[Lane],
    stop: asyncio.Event,
    round_: Callable[[], Awaitable[None]],
    every: float = TICK_SECONDS,
) -> None:
    """Call `round_` now and at every tick, and wake all lanes after it, until `stop` is set.

    Then each lane may end what it has begun for as long as its `leaving` says; what is left of it
    is cancelled. Ticks that come while `round_` runs are one.
    """
    tasks = [asyncio.create_task(lane.run(stop), name=lane.name) for lane in lanes]
    try:
        await _tick(lanes, stop, round_, every)
    finally:
        stop.set()  # also where it ends by a mistake of ours: no lane begins anything more
        await _leave(lanes, tasks)


async def _tick(
    lanes: Sequence[Lane], stop: asyncio.Event, round_: Callable[[], Awaitable[None]], every: float
) -> None:
    tick = asyncio.Event()
    tick.set()

    async def ring() -> None:  # a plain function would be called in a thread; events are the loop's
        tick.set()

    ticker = AsyncIOScheduler(timezone="UTC")
    ticking = ticker.add_job(
        ring,
        IntervalTrigger(seconds=every, timezone="UTC"),  # else it looks for the machine's
        coalesce=True,
        max_instances=1,
        misfire_grace_time=None,
    )
    ticker.start()
    try:
        while not stop.is_set():
            # APScheduler reckons with the wall clock: one that went back would silence it as long.
            if not await first_of(tick, stop, seconds=every * 1.5):
                ticking.reschedule(IntervalTrigger(seconds=every))
            if stop.is_set():
                return
            tick.clear()
            await round_()
            for lane in lanes:
                lane.wake.set()
    finally:
        # APScheduler cancels what it has begun, and logs that as an error: a ring is over in one turn.
        ticker.pause()
        await asyncio.sleep(0)
        ticker.shutdown(wait=False)


async def _leave(lanes: Sequence[Lane], tasks: Sequence[asyncio.Task[None]]) -> None:
    """Let each lane end what it has begun, as long as it may; then cut it off."""
    leaving = asyncio.gather(
        *(_end(lane, task) for lane, task in zip(lanes, tasks, strict=True)), return_exceptions=True
    )
    for problem in await leaving:
        if isinstance(problem, BaseException):
            raise problem


async def _end(lane: Lane, task: asyncio.Task[None]) -> None:
    await asyncio.wait([task], timeout=lane.leaving)
    if not task.done():
        log.info(
            "%s was not done and is cut off; it goes on from there at the next start", lane.name
        )
        task.cancel()
        await asyncio.wait([task], timeout=_CUT_SECONDS)
    if task.done() and not task.cancelled():
        task.result()


async def first_of(*events: asyncio.Event, seconds: float | None = None) -> bool:
    """Wait until one of the events is set; return False where none was for so long."""
    waiting = [asyncio.create_task(event.wait()) for event in events]
    try:
        done, _ = await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        return bool(done)
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
