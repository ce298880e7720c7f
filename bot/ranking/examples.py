"""A library of thousands, by the few hundred papers that stand for it.

Examples are clustered, never averaged: a mean of several interests is like none of them. What stands
for a cluster is one of its papers, its medoid, so that a reason can name it. The medoids are chosen
greedily, each the paper that brings most papers nearer to one that is chosen: facility location, at
least 63 % as good as the best choice (Nemhauser, Wolsey and Fisher, 1978); for large libraries part by
part, and then among what the parts have chosen (GreeDi; Mirzasoleiman and others, 2013).
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bot.identity import parse_identifier, strongest
from bot.models import Paper
from bot.ranking.background import Background
from bot.ranking.vectors import Vector, unit_vector

if TYPE_CHECKING:
    from bot.config import Profile

MOST_EXAMPLES = 300
_PART = 400  # papers that are compared with one another at a time
_TERMS = 40  # the heaviest of a paper's terms: enough to tell what it is like


def condensed(profile: Profile, background: Background, most: int = MOST_EXAMPLES) -> Profile:
    """Return the profile with at most so many liked papers, which stand for all it likes.

    Papers that the background does not know stay as they are written. The order of what is liked is
    no matter, and the same papers are chosen always.
    """
    written = (*profile.like, *profile.shelf)
    if len(written) <= most:
        return profile
    known: dict[str, Paper] = {}
    unknown: list[str] = []
    for each in written:
        identifier = parse_identifier(each)
        paper = background.examples.get(identifier) if identifier else None
        if paper is None:
            unknown.append(each)
        else:
            known[str(strongest(paper.identifiers))] = paper
    if len(known) <= most:
        return profile
    names = sorted(known)
    # What tells these papers from one another, not from papers in general; and several times cheaper
    # than their directions in the ranker's space.
    telling = Background.of(known.values())
    vectors = [
        _heaviest(unit_vector(p.title, p.abstract, telling.idf, telling.unseen))
        for p in (known[name] for name in names)
    ]
    chosen = [names[at] for at in medoids(vectors, most)]
    return profile.model_copy(update={"like": (*chosen, *unknown)}).with_shelf(())


def medoids(vectors: Sequence[Vector], most: int) -> list[int]:
    """Return the places of at most so many vectors that stand for all of them, in order."""
    places = list(range(len(vectors)))
    size = max(_PART, 2 * most)
    while len(places) > size:
        parts = -(-len(places) // size)
        # Every part is a sample of the whole: what stands together in the list need not be alike.
        split = [places[first::parts] for first in range(parts)]
        share = -(-most // parts) * 2  # twice its due: what is a part's own may stand for the whole
        places = sorted(at for part in split for at in _greedy(vectors, part, share))
        if len(places) <= size + 2 * parts:
            break
    return sorted(_greedy(vectors, places, most))


def _greedy(vectors: Sequence[Vector], places: Sequence[int], most: int) -> list[int]:
    """Choose one by one what brings most of the others nearer, lazily: gains only ever shrink."""
    if len(places) <= most:
        return list(places)
    likeness = _likeness([vectors[at] for at in places])
    nearest = [0.0] * len(places)
    gains = [(-sum(row.values()), at) for at, row in enumerate(likeness)]
    heapq.heapify(gains)
    chosen: list[int] = []
    while gains and len(chosen) < most:
        _, at = heapq.heappop(gains)
        gain = sum(max(0.0, alike - nearest[other]) for other, alike in likeness[at].items())
        if gains and -gain > gains[0][0]:
            heapq.heappush(gains, (-gain, at))
            continue
        chosen.append(places[at])
        for other, alike in likeness[at].items():
            nearest[other] = max(nearest[other], alike)
    return chosen


def _likeness(vectors: Sequence[Vector]) -> list[dict[int, float]]:
    """Return each vector's cosine with the others that share a term with it, itself included."""
    having: dict[str, list[tuple[int, float]]] = {}
    for at, vector in enumerate(vectors):
        for term, weight in vector.items():
            having.setdefault(term, []).append((at, weight))
    found: list[dict[int, float]] = []
    for at, vector in enumerate(vectors):
        row: dict[int, float] = {}
        for term, weight in vector.items():
            for other, theirs in having[term]:
                row[other] = row.get(other, 0.0) + weight * theirs
        row[at] = 1.0  # what says nothing is still like itself
        found.append(row)
    return found


def _heaviest(vector: Vector) -> Vector:
    heaviest = sorted(vector, key=lambda term: (-vector[term], term))[:_TERMS]
    return {term: vector[term] for term in heaviest}
