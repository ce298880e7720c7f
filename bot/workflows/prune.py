"""prune: once a day, what is older than `[bot] keep` loses its text, a few papers at a time.

A step is one short transaction, so nobody waits for the store for long; a round takes few seconds and
the next one goes on where it ended.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from bot.models import Identifier
from bot.ports import Workers

if TYPE_CHECKING:
    from bot.config import Profile

# What compose looks back at: versions of papers it picked, and texts that the ranking is made from.
LEAST_KEPT = timedelta(days=90)
_EVERY = timedelta(days=1)
_ROUND_SECONDS = 2.0


class Progress(Protocol):
    """How far the passes over the papers have come."""

    @property
    def after(self) -> int:
        """The id of the last paper that was looked at in the pass under way."""
        ...

    @property
    def ended_at(self) -> datetime | None:
        """When the last pass ended, None while one is under way."""
        ...


class Step(Protocol):
    """What one step did."""

    @property
    def papers(self) -> int:
        """How many papers lost their text."""
        ...

    @property
    def after(self) -> int | None:
        """The id to go on after, None at the end."""
        ...


class PruneStore(Protocol):
    """What `prune` reads and writes."""

    def pruning(self) -> Progress:
        """Return how far the passes have come."""
        ...

    def prune_papers(self, cutoff: datetime, after: int, spared: Collection[Identifier]) -> Step:
        """Take the text of the old papers among the next few, in one short transaction."""
        ...

    def prune_attempts(self, cutoff: datetime, after: int) -> Step:
        """Take the old attempts of the next few deliveries that are over; `after` is a delivery."""
        ...

    def note_pruning(self, after: int) -> None:
        """Commit how far a pass has come."""
        ...

    def end_pruning(self, cutoff: datetime, now: datetime) -> None:
        """Take what little else is old, and commit that a pass is over."""
        ...


async def prune(
    profiles: Collection[Profile],
    keep: timedelta,
    store: PruneStore,
    workers: Workers,
    now: datetime,
    *,
    stopwatch: Callable[[], float] = time.monotonic,
) -> int:
    """Go on with the day's pass, where there is one to make; return how many papers lost their text.

    At least the last 90 days are kept, and whatever the profiles name as an example. Raises
    StateError.
    """
    progress = await workers.store(store.pruning)
    if progress.ended_at is not None and timedelta() <= now - progress.ended_at < _EVERY:
        return 0
    from bot import ranking  # once a day

    cutoff = now - max(keep, LEAST_KEPT)
    spared = set().union(*(ranking.example_identifiers(profile) for profile in profiles))
    end, papers = stopwatch() + _ROUND_SECONDS, 0
    at, delivery = progress.after, 0
    for looks_at_papers in (True, False):
        while stopwatch() < end:
            if looks_at_papers:
                step = await workers.store(store.prune_papers, cutoff, at, spared)
                at = step.after or at
            else:
                step = await workers.store(store.prune_attempts, cutoff, delivery)
                delivery = step.after or delivery
            papers += step.papers
            if step.after is None:
                break
        else:
            await workers.store(store.note_pruning, at)
            return papers
    await workers.store(store.end_pruning, cutoff, now)
    return papers
