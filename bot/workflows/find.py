"""find: the archive by words, and by likeness to one paper. Reads only."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import field
from datetime import UTC, date
from typing import Protocol, TypeAlias

from bot import ranking
from bot.identity import parse_identifier
from bot.models import Identifier, Paper, Ranked
from bot.ports import Workers
from bot.text.query import Query, has, read_query, searchable
from bot.values import value_type

_LOOKED_AT = 100  # papers with a telling word of one, of which the nearest are found
_GATHERED = 200  # papers with a word of what was typed, whose nearness is reckoned
_FEW = 3  # papers: with fewer, perhaps a word was not typed as it was meant
_ENOUGH = 10  # papers: with fewer, those that are near are shown too


class FindStore(Protocol):
    """What finding reads."""

    def search(self, query: Query, limit: int) -> list[tuple[Paper, float]]:
        """Return (paper, score) for the papers that fit, best first."""
        ...

    def with_any(self, words: Sequence[str], limit: int) -> list[Paper]:
        """Return the papers whose text has words that begin like these, most telling first."""
        ...

    def respelt(self, query: Query) -> tuple[Query, Mapping[str, str]]:
        """Return the query with words that no paper has as they were meant, and which those are."""
        ...

    def papers(self, ids: Collection[int]) -> dict[int, Paper]:
        """Return papers by id, aliases followed."""
        ...

    def lookup(self, identifiers: Collection[Identifier]) -> list[Paper]:
        """Return the stored papers that have one of these identifiers."""
        ...


Near: TypeAlias = Callable[[str, int], Awaitable[Sequence[tuple[int, float]]]]
"""What tells which papers mean what a text means: (text, limit) → (paper's id, score), best first."""


@value_type(frozen=True, slots=True)
class Found:
    """What a search found as (paper, score), best first; `instead` maps words typed to those read.

    `near` are papers that have not all the words, and are close in meaning.
    """

    papers: Sequence[tuple[Paper, float]] = ()
    instead: Mapping[str, str] = field(default_factory=dict)
    near: Sequence[Paper] = ()


async def search(
    typed: str, store: FindStore, workers: Workers, limit: int
) -> list[tuple[Paper, float]]:
    """Return (paper, score) for what a person typed, best first; nothing for a query of nothing."""
    return list((await look(typed, store, workers, limit)).papers)


async def look(
    typed: str, store: FindStore, workers: Workers, limit: int, *, fill: bool = False
) -> Found:
    """Return what fits what a person typed, and how it was read.

    What reads as an identifier finds its paper first. Where hardly anything fits, words that hardly
    any paper has are read as they were meant. With `fill`, fewer than ten are followed by what is near.
    """
    query = read_query(typed)
    if query.empty:
        return Found()
    named = parse_identifier(typed)
    known = await workers.store(store.lookup, [named]) if named else []
    found = [(paper, 0.0) for paper in known]
    found += await workers.store(store.search, query, limit)
    instead: Mapping[str, str] = {}
    if len(found) < _FEW and not known:
        meant, instead = await workers.store(store.respelt, query)
        found += await workers.store(store.search, meant, limit) if instead else []
    best: dict[int, tuple[Paper, float]] = {}
    for paper, score in found:
        best.setdefault(paper.id, (paper, score))
    near: list[Paper] = []
    if fill and len(best) < _ENOUGH and not known:
        text = " ".join(instead.get(word, word) for word in _words_of(query))
        close = await _near_words(text, query, store, workers)
        near = [paper for paper in close if paper.id not in best][: limit - len(best)]
    return Found(list(best.values())[:limit], instead, near)


async def by_meaning(
    typed: str, store: FindStore, workers: Workers, limit: int, near: Near | None = None
) -> list[tuple[Paper, float]]:
    """Return (paper, score) by words and by meaning together, best first.

    Merged are the papers that have all the words, those that are near by the light ranker's measure,
    and where `near` is given, by a model's. Fields and dates hold for all.
    """
    query = read_query(typed)
    fits = [paper for paper, _ in await search(typed, store, workers, _GATHERED)]
    text = " ".join(_words_of(query))
    lists = [fits, await _near_words(text, query, store, workers)]
    if near is not None and text:
        told = [number for number, _ in await near(text, _GATHERED)]
        known = await workers.store(store.papers, set(told))
        lists.append([known[n] for n in told if n in known and _admits(query, known[n])])
    papers = {paper.id: paper for each in lists for paper in each}
    merged = ranking.merged([[paper.id for paper in each] for each in lists])
    return [(papers[number], score) for number, score in merged[:limit]]


async def _near_words(text: str, query: Query, store: FindStore, workers: Workers) -> list[Paper]:
    """Return the papers that are nearest to a text of those that share a telling word with it."""
    if not text:
        return []
    words = await workers.cpu(ranking.telling_first, text)
    others = await workers.store(store.with_any, words, _GATHERED)
    admitted = [paper for paper in others if _admits(query, paper)]
    return await workers.cpu(ranking.nearest_to, text, admitted)


def _words_of(query: Query) -> list[str]:
    """Return the words of a query that a text could have; who wrote it is no meaning."""
    return [word for clause in query.clauses if clause.field != "authors" for word in clause.words]


def _admits(query: Query, paper: Paper) -> bool:
    """Tell whether a paper keeps the dates, categories and authors asked for, and has nothing unwanted."""
    moment = paper.published or paper.first_seen
    day = moment.astimezone(UTC).date() if moment else date.min
    categories = [category.lower() for category in paper.categories]
    names = searchable(" ".join(paper.authors)).casefold()
    told = told_of(paper) if query.without else {}
    return (
        (query.since is None or day >= query.since)
        and (query.before is None or day < query.before)
        and all(_is_in(each, categories) for each in query.categories)
        and not any(_is_in(each, categories) for each in query.barred)
        and all(
            word.casefold() in names
            for clause in query.clauses if clause.field == "authors" for word in clause.words
        )
        and not any(has(clause, told) for clause in query.without)
    )  # fmt: skip


def _is_in(wanted: str, categories: Sequence[str]) -> bool:
    return any(each == wanted or each.startswith(f"{wanted}.") for each in categories)


def told_of(paper: Paper) -> Mapping[str, str]:
    """Return what a paper tells, by the fields that a query knows."""
    return {
        "title": paper.title, "authors": "\n".join(paper.authors), "abstract": paper.abstract,
        "categories": "\n".join(paper.categories),
    }  # fmt: skip


async def similar(paper: Paper, store: FindStore, workers: Workers, limit: int) -> list[Ranked]:
    """Return the stored papers nearest to one, by the ranker's own measure.

    Of a hundred (or as many as are wanted) that share most of its telling words, those nearest.
    """
    words = await workers.cpu(ranking.telling_words, paper)
    others = await workers.store(store.with_any, words, max(_LOOKED_AT, limit) + 1)  # itself too
    return await workers.cpu(ranking.nearest, paper, others, limit)
