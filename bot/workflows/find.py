"""find: the archive by words, and by likeness to one paper. Reads only."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from bot import ranking
from bot.identity import parse_identifier
from bot.models import Identifier, Paper, Ranked
from bot.ports import Workers
from bot.ranking import Background
from bot.text.query import Query, read_query

_BACKGROUND_PAPERS = 2000
_LOOKED_AT = 500


class FindStore(Protocol):
    """What finding reads."""

    def search(self, query: Query, limit: int) -> list[tuple[Paper, float]]:
        """Return (paper, score) for the papers that fit, best first."""
        ...

    def with_any(self, words: Sequence[str], limit: int) -> list[Paper]:
        """Return the papers whose text has words that begin like these, most telling first."""
        ...

    def lookup(self, identifiers: Collection[Identifier]) -> list[Paper]:
        """Return the stored papers that have one of these identifiers."""
        ...

    def recent(self, limit: int) -> list[Paper]:
        """Return the newest papers, for the ranker's background."""
        ...


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found as (paper, score), best first; `instead` maps words typed to those read."""

    papers: Sequence[tuple[Paper, float]] = ()
    instead: Mapping[str, str] = field(default_factory=dict)


async def search(
    typed: str, store: FindStore, workers: Workers, limit: int
) -> list[tuple[Paper, float]]:
    """Return (paper, score) for what a person typed, best first; nothing for a query of nothing."""
    return list((await look(typed, store, workers, limit)).papers)


async def look(typed: str, store: FindStore, workers: Workers, limit: int) -> Found:
    """Return what fits what a person typed, and how it was read.

    What reads as an identifier finds its paper first.
    """
    query = read_query(typed)
    if query.empty:
        return Found()
    named = parse_identifier(typed)
    known = await workers.store(store.lookup, [named]) if named else []
    found = await workers.store(store.search, query, limit)
    ids = {paper.id for paper in known}
    exact = [(paper, 0.0) for paper in known]
    rest = ((paper, score) for paper, score in found if paper.id not in ids)
    return Found([*exact, *rest][:limit])


async def similar(
    paper: Paper, store: FindStore, workers: Workers, now: datetime, limit: int
) -> list[Ranked]:
    """Return the stored papers nearest to one, by the ranker's own measure.

    The 500 that share most of its telling words are looked at.
    """
    recent = await workers.store(store.recent, _BACKGROUND_PAPERS)
    background = await workers.cpu(Background.of, recent, [], now)
    words = ranking.telling_words(paper, background)
    others = await workers.store(store.with_any, words, _LOOKED_AT)
    return await workers.cpu(ranking.nearest, paper, others, background, limit)
