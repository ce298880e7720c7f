"""examples: papers that profiles like and no source has shown → asked for by name → stored as seen.

They are never candidates for an edition: they only say what a profile likes.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from bot.errors import ParseError
from bot.models import Document, Event, Failure, Identifier, Sighting, SourceState
from bot.ports import Absorbed, Fetcher, Workers
from bot.values import value_type

if TYPE_CHECKING:
    from bot.config import Profile, SourceSettings

BY_NAME = "by name"  # no source of the configuration can have it: it holds a space
_MOST_REQUESTS = 5  # a round; a library of thousands takes several
_AFTER_FAILURE = timedelta(hours=6)
_AFTER_EMPTINESS = timedelta(days=1)  # it answered with nothing at all, as it does in bad hours too
_AFTER_SILENCE = timedelta(days=30)  # arXiv answered, and knows no such paper
_EVERY_EVENT = frozenset(Event)


class ExampleStore(Protocol):
    """What asking for papers by name reads and writes."""

    def unknown(
        self, identifiers: Collection[Identifier], now: datetime | None = None
    ) -> list[Identifier]:
        """Return those that are not stored; with `now`, those that may be asked for then."""
        ...

    def ask_again(self, identifiers: Collection[Identifier], next_try: datetime) -> None:
        """Commit when these may be asked for again."""
        ...

    def absorb(
        self,
        source: str,
        sightings: Sequence[Sighting],
        state: SourceState,
        now: datetime,
        *,
        introduces: Collection[Event],
        seen_before: datetime | None = None,
        keep_guids: bool = False,
    ) -> Absorbed:
        """Commit papers; those dated before `seen_before` are never candidates."""
        ...


@value_type(frozen=True, slots=True)
class Introduced:
    """How many papers were asked for by name, and found; `problem` is why not more."""

    asked: int = 0
    found: int = 0
    problem: str = ""


async def introduce(
    profiles: Collection[Profile],
    sources: Collection[SourceSettings],
    store: ExampleStore,
    fetcher: Fetcher,
    workers: Workers,
    now: datetime,
) -> Introduced:
    """Ask arXiv for the examples that are not known, at most 500 a round.

    Nothing is asked where no arXiv source is configured. What fails is asked for again in six hours,
    where an answer is empty in a day, what arXiv does not know in thirty days.
    """
    source = next((each for each in sources if each.enabled and each.kind == "arxiv"), None)
    if source is None:
        return Introduced()
    from bot import ranking  # a twentieth of a second, where nothing else wants it
    from bot.sources import arxiv_ids

    named = set().union(*(ranking.example_identifiers(profile) for profile in profiles))
    if not named:
        return Introduced()
    wanted = arxiv_ids.askable(await workers.store(store.unknown, named, now))
    told = Introduced()
    for at in range(0, len(wanted), arxiv_ids.AT_ONCE)[:_MOST_REQUESTS]:
        some = wanted[at : at + arxiv_ids.AT_ONCE]
        found = await _asked(source, some, fetcher, workers, now)
        if isinstance(found, Failure):
            await workers.store(store.ask_again, some, now + _AFTER_FAILURE)
            return Introduced(told.asked + len(some), told.found, found.problem)
        absorbed = await workers.store(
            store.absorb,
            BY_NAME,
            found,
            SourceState(BY_NAME, last_ok=now),
            now,
            introduces=_EVERY_EVENT,
            # All of them: these are no news, whatever their date.
            seen_before=now + timedelta(days=36_500),
        )
        known = {name for sighting in found for name in sighting.paper.identifiers}
        silent = [each for each in some if each not in known]
        rest = _AFTER_SILENCE if found else _AFTER_EMPTINESS
        await workers.store(store.ask_again, silent, now + rest)
        told = Introduced(told.asked + len(some), told.found + absorbed.new)
    return told


async def _asked(
    source: SourceSettings,
    identifiers: Sequence[Identifier],
    fetcher: Fetcher,
    workers: Workers,
    now: datetime,
) -> tuple[Sighting, ...] | Failure:
    """Ask once, and once more where the answer is empty: arXiv's often is, for no reason."""
    from bot.sources import arxiv_ids

    asking = arxiv_ids.request(source, identifiers)
    for _ in range(2):
        answer = await fetcher.fetch(asking)
        if isinstance(answer, Failure):
            return answer
        if not isinstance(answer, Document):
            return Failure(asking.url, "answered that nothing changed since a page never asked for")
        try:
            found = await workers.cpu(arxiv_ids.read, answer, identifiers, now)
        except ParseError as error:
            return Failure(answer.url, str(error))
        if found:
            return found
    return ()
