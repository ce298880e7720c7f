"""Which papers are most like one paper, and in which terms."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bot.models import InterestKind, Paper, Ranked, Reason
from bot.ranking.background import Background
from bot.ranking.vectors import cosine, shares, unit_vector

_TELLING_TERMS = 16
_MOST_WORDS = 24  # of a text that somebody types


def telling_words(paper: Paper, background: Background) -> list[str]:
    """Return the beginnings of the words that tell most about a paper, the best first.

    Beginnings, since the ranker's words are without the plural's ending (`study` is `studies`).
    """
    vector = unit_vector(paper.title, paper.abstract, background.idf, background.unseen)
    words = [term for term in sorted(vector, key=lambda t: (-vector[t], t)) if " " not in term]
    return [word.removesuffix("y") or word for word in words[:_TELLING_TERMS]]


def nearest(
    paper: Paper, others: Iterable[Paper], background: Background, limit: int
) -> list[Ranked]:
    """Return the others that are most like the paper, the nearest first, itself left out.

    The score is the cosine, from 0 to 1; each reason is a common term, and their shares add up to
    it. Without words (no abstract, a title of signs) nothing is near.
    """
    mine = unit_vector(paper.title, paper.abstract, background.idf, background.unseen)
    found: list[tuple[float, Paper]] = []
    for other in others:
        if other.identifiers & paper.identifiers:
            continue
        theirs = unit_vector(other.title, other.abstract, background.idf, background.unseen)
        if likeness := cosine(mine, theirs):
            found.append((likeness, other))
    found.sort(key=lambda pair: (-round(pair[0], 9), min(map(str, pair[1].identifiers))))
    ranked = []
    for likeness, other in found[:limit]:
        theirs = unit_vector(other.title, other.abstract, background.idf, background.unseen)
        common = sorted(shares(mine, theirs).items(), key=lambda pair: (-pair[1], pair[0]))
        reasons = tuple(Reason(InterestKind.LIKE, term, share) for term, share in common)
        ranked.append(Ranked(other, likeness, reasons))
    return ranked


def telling_first(text: str) -> list[str]:
    """Return a text's words, the most telling first: of papers in general few have them."""
    from bot.ranking.hashing import PAIRS, hashed_terms, named_terms
    from bot.ranking.space import shipped

    names = named_terms(text)
    terms = hashed_terms("", text)
    worth = shipped().idf
    found = [
        (-float(worth[b]), names[b]) for b in terms.buckets.tolist() if b < PAIRS and b in names
    ]
    return [word.removesuffix("y") or word for _, word in sorted(found)[:_MOST_WORDS]]


def nearest_to(text: str, papers: Sequence[Paper]) -> list[Paper]:
    """Return the papers that are near a text in the shipped space, the nearest first."""
    from bot.ranking.space import direction, shipped

    directions = [direction(paper.title, paper.abstract) for paper in papers]
    near = shipped().nearness(directions, [direction("", text)])
    places = sorted(range(len(papers)), key=lambda at: (-round(float(near[at, 0]), 9), at))
    return [papers[at] for at in places if near[at, 0] > 0]
