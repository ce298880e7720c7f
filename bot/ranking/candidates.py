"""A day's papers as all profiles of an hour look into them: by identifier, by author, by category.

Few papers have what a profile asks for: it is looked up, and not asked of every paper for every profile.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from operator import is_
from typing import TypeVar

import numpy as np

from bot.models import Identifier, Paper, Tally
from bot.ranking.hashing import Reals
from bot.ranking.pool import Direction
from bot.ranking.space import direction
from bot.ranking.trending import trend
from bot.ranking.words import any_goes_by

K = TypeVar("K", bound=Hashable)
Places = Mapping[K, Sequence[int]]  # of the papers that have each of these


class Candidates:
    """Papers in a row, each known by its place; what is found out of them is found out once."""

    def __init__(self, papers: Sequence[Paper]) -> None:
        self.papers = papers

    @cached_property
    def towards(self) -> tuple[Direction, ...]:
        """Return where each paper's words point."""
        return tuple(direction(paper.title, paper.abstract) for paper in self.papers)

    @cached_property
    def by_identifier(self) -> Places[Identifier]:
        """Return the places of the papers that an identifier names."""
        return self._places(lambda paper: paper.identifiers)

    @cached_property
    def by_person(self) -> Places[str]:
        """Return the places of the papers by what their authors go by (`goes_by`)."""
        return self._places(lambda paper: any_goes_by(paper.authors))

    @cached_property
    def by_category(self) -> Places[str]:
        """Return the places of the papers in a category, or in one below it; folded."""
        return self._places(lambda paper: fields(paper.categories))

    @cached_property
    def latest(self) -> datetime:
        """Return when the newest of them appeared or was seen."""
        dates = [d for paper in self.papers for d in (paper.first_seen, paper.published) if d]
        return max(dates, default=datetime(1970, 1, 1, tzinfo=UTC))

    def warmth(self, now: datetime, tallies: Mapping[int, Tally]) -> Reals:
        """Return how warmly each paper was received, by tallies of their ids (`trend`)."""
        found = np.zeros(len(self.papers))
        for at in {*self._telling, *looked_up(self._by_id, tallies)}:
            paper = self.papers[at]
            found[at] = trend(paper, now, tallies.get(paper.id))
        return found

    @cached_property
    def _telling(self) -> list[int]:
        """Return the places of those that tell of votes or comments themselves; most don't."""
        return [at for at, paper in enumerate(self.papers) if paper.votes or paper.comments]

    @cached_property
    def _by_id(self) -> Places[int]:
        return self._places(lambda paper: [paper.id])

    def _places(self, names: Callable[[Paper], Iterable[K]]) -> Places[K]:
        found: dict[K, list[int]] = {}
        for at, paper in enumerate(self.papers):
            for name in names(paper):
                found.setdefault(name, []).append(at)
        return found


def looked_up(places: Places[K], wanted: Iterable[K]) -> list[int]:
    """Return the places of all that have any of what is wanted, in order."""
    return sorted({at for each in wanted for at in places.get(each, ())})


@lru_cache(maxsize=2048)
def fields(categories: tuple[str, ...]) -> frozenset[str]:
    """Return categories and the archives above them, folded: of a paper's, for whatever profile asks."""
    parts = [category.casefold().split(".") for category in categories]
    return frozenset(".".join(each[:n]) for each in parts for n in range(1, len(each) + 1))


class _Same:
    """Papers that are the same objects: to compare what they say takes longer than to rank them."""

    def __init__(self, papers: Sequence[Paper]) -> None:
        self.papers = papers
        self._digest = hash(tuple(map(id, papers)))

    def __hash__(self) -> int:
        return self._digest

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, _Same)
            and len(self.papers) == len(other.papers)
            and all(map(is_, self.papers, other.papers))
        )


@lru_cache(maxsize=3)
def _known(same: _Same) -> Candidates:
    return Candidates(same.papers)


def candidates(papers: Sequence[Paper]) -> Candidates:
    """Return the papers as candidates; the next profile of the same hour has the same ones."""
    return _known(_Same(tuple(papers)))


def forget() -> None:
    """Let go of them."""
    _known.cache_clear()
