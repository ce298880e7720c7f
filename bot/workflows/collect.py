"""collect: sources that are due → documents → papers and sightings, whole documents a transaction.

One failing source never stops the others: it is named in the report, its state and its papers are
kept, and it is asked again later. How one source is asked is in `poll`, how what all of them bring is
committed in `committing`.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bot.models import SourceState
from bot.sources import polling
from bot.workflows.committing import Writer
from bot.workflows.poll import Collected, Poll, PollingRound, PollOutcome

if TYPE_CHECKING:
    from bot.config import SourceSettings

__all__ = ["Collected", "PollOutcome", "PollingRound", "collect"]

MOST_AT_ONCE = 40  # sources: some 12 MB at most of usual documents, and of what was read in them
_AT_A_TIME = 8  # of these begin in one turn of the loop


async def collect(
    configured: Sequence[SourceSettings],
    around: PollingRound,
    on_done: Callable[[Collected], None] = lambda _: None,
) -> list[Collected]:
    """Poll every enabled source that is due, all at once; return one report each, in their order."""
    states = await _states(configured, around)
    moves = await around.workers.store(around.store.moves)
    writer, turns = Writer(around), _Turns()

    async def one(poll: Poll) -> Collected:
        async with turns.of(poll.source):
            with writer.expecting():
                report = await poll.report()
        on_done(report)
        return report

    polls = [
        Poll(source, states.get(source.name, SourceState(source.name)), moves, around, writer)
        for source in configured
        if source.enabled
    ]
    # What one of them raises (the disk is full, a bug of ours) is raised when all have ended.
    ended = await asyncio.gather(*(one(poll) for poll in polls), return_exceptions=True)
    for each in ended:
        if isinstance(each, BaseException):
            raise each
    reports = [each for each in ended if isinstance(each, Collected)]
    if sum(report.new > 0 for report in reports) == 0:
        return reports
    return [await poll.again(report) for poll, report in zip(polls, reports, strict=True)]


async def _states(
    configured: Sequence[SourceSettings], around: PollingRound
) -> Mapping[str, SourceState]:
    """Return what is remembered of sources, of one with a new name under that."""
    store, names = around.store, {source.name for source in configured}
    states = await around.workers.store(store.source_states)
    for source in configured:
        if former := polling.former_name(source, states, names):
            await around.workers.store(store.rename_source, former, source.name)
            states = await around.workers.store(store.source_states)
    return states


class _Turns:
    """So many sources at once, and one of a host: what they bring is held until it is stored.

    A host that has many waits for itself; it takes no other's place meanwhile.
    """

    def __init__(self) -> None:
        self._places = asyncio.Semaphore(MOST_AT_ONCE)
        self._hosts: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._door = asyncio.Semaphore(_AT_A_TIME)

    @asynccontextmanager
    async def of(self, source: SourceSettings) -> AsyncIterator[None]:
        """Hold a place for this source."""
        try:
            host = urlsplit(source.url).netloc or source.kind
        except ValueError:
            host = source.url
        async with self._hosts[host], self._places:
            # All of these would begin in one turn of the loop, and nobody else had any for as long as
            # that takes.
            async with self._door:
                await asyncio.sleep(0)
            yield
