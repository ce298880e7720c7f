"""Which papers are most like one paper, and in which terms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from bot.models import InterestKind, Paper, Ranked, Reason

if TYPE_CHECKING:  # numpy
    from bot.ranking.pool import Direction

_TELLING_TERMS = 16
_MOST_WORDS = 24  # of a text that somebody types


def telling_words(paper: Paper) -> list[str]:
    """Return the beginnings of the words that tell most about a paper, the best first.

    Beginnings, since the ranker's words are without the plural's ending (`study` is `studies`).
    """
    from bot.ranking.space import direction

    names, mine = _names(paper), direction(paper.title, paper.abstract)
    told = [
        (-weight, names[bucket])
        for bucket, weight in zip(mine.buckets.tolist(), mine.weights.tolist(), strict=True)
        if bucket in names and " " not in names[bucket]
    ]
    return [word.removesuffix("y") or word for _, word in sorted(told)[:_TELLING_TERMS]]


def nearest(paper: Paper, others: Sequence[Paper], limit: int) -> list[Ranked]:
    """Return the others that are most like the paper, the nearest first, itself left out.

    The score is the nearness in the shipped space, from 0 to 1; each reason is a common term, and their
    shares, in proportion to what each adds to the cosine, make up the score. What has no word in common
    is left out: letters alone are no reason.
    """
    from bot.ranking.space import direction, shipped

    others = [other for other in others if not other.identifiers & paper.identifiers]
    mine = direction(paper.title, paper.abstract)
    theirs = [direction(other.title, other.abstract) for other in others]
    near = [round(float(each), 9) for each in shipped().nearness(theirs, [mine])[:, 0]]
    order = sorted(
        (at for at in range(len(others)) if near[at] > 0),
        key=lambda at: (-near[at], min(map(str, others[at].identifiers))),
    )
    names = _names(paper)
    ranked = (
        Ranked(others[at], near[at], reasons)
        for at in order
        if (reasons := _reasons(near[at], mine, theirs[at], names))
    )
    return list(islice(ranked, limit))


def _reasons(
    score: float, mine: Direction, theirs: Direction, names: Mapping[int, str]
) -> tuple[Reason, ...]:
    """Return the common terms that have a name, the most telling first, as shares of the score."""
    there = dict(zip(theirs.buckets.tolist(), theirs.weights.tolist(), strict=True))
    worth = {
        names[bucket]: weight * there[bucket]
        for bucket, weight in zip(mine.buckets.tolist(), mine.weights.tolist(), strict=True)
        if bucket in there and bucket in names
    }
    whole = sum(worth.values())
    common = sorted(worth.items(), key=lambda pair: (-pair[1], pair[0]))
    return tuple(Reason(InterestKind.LIKE, term, score * each / whole) for term, each in common)


def _names(paper: Paper) -> dict[int, str]:
    """Return what a paper's words and pairs of words are called, by their buckets."""
    from bot.ranking.hashing import RUNS, named_terms

    named = {**named_terms(paper.abstract), **named_terms(paper.title)}
    return {bucket: name for bucket, name in named.items() if bucket < RUNS}


def telling_first(text: str) -> list[str]:
    """Return a text's words, the most telling first: of papers in general few have them."""
    from bot.ranking.hashing import PAIRS, hashed_terms, named_terms
    from bot.ranking.space import shipped

    names = named_terms(text)
    terms = hashed_terms("", text)
    worth = shipped().telling(terms.buckets).tolist()
    found = [
        (-each, names[b])
        for b, each in zip(terms.buckets.tolist(), worth, strict=True)
        if b < PAIRS and b in names
    ]
    return [word.removesuffix("y") or word for _, word in sorted(found)[:_MOST_WORDS]]


def nearest_to(text: str, papers: Sequence[Paper]) -> list[Paper]:
    """Return the papers that are near a text in the shipped space, the nearest first."""
    from bot.ranking.space import direction, shipped

    directions = [direction(paper.title, paper.abstract) for paper in papers]
    near = shipped().nearness(directions, [direction("", text)])
    places = sorted(range(len(papers)), key=lambda at: (-round(float(near[at, 0]), 9), at))
    return [papers[at] for at in places if near[at, 0] > 0]
