"""Which papers are most like one paper, and in which terms."""

from __future__ import annotations

from collections.abc import Iterable

from bot.models import InterestKind, Paper, Ranked, Reason
from bot.ranking.background import Background
from bot.ranking.vectors import cosine, shares, unit_vector

_TELLING_TERMS = 16


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
