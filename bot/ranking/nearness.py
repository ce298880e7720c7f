"""How near many papers are to what a profile shows or describes, in one go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bot.ranking.hashing import RUNS, named_terms
from bot.ranking.space import POOLED, Direction, direction, pooled

_SHOWN_TERMS = 3


@dataclass(frozen=True, slots=True)
class Description:
    """Words that say what is wanted: their direction, and what its terms are called."""

    direction: Direction
    names: Mapping[int, str]
    weight: float
    most: float

    @classmethod
    def of(cls, text: str, weight: float = 1.0, most: float = 1.0) -> Description:
        """Read a text that counts by its weight; nearness beyond `most` counts no more."""
        return cls(direction("", text), named_terms(text), weight, most)

    def share(self, nearness: float) -> float:
        """Return what a paper this near gains."""
        return self.weight * min(nearness, self.most)

    def common(self, papers: Sequence[Direction]) -> list[str]:
        """Return for each paper the most telling terms that it has in common with it, best first."""
        told = self.direction.buckets < RUNS
        buckets, weights = self.direction.buckets[told], self.direction.weights[told]
        named = np.array([int(bucket) in self.names for bucket in buckets], np.bool_)
        found: list[list[tuple[float, str]]] = [[] for _ in papers]
        for start in range(0, len(papers) if named.any() else 0, POOLED):
            pool = pooled(tuple(papers[start : start + POOLED]))
            for paper, bucket, worth in pool.common(buckets[named], weights[named]):
                found[start + paper].append((-worth, self.names[bucket]))
        return [_whole(each) for each in found]


def _whole(terms: list[tuple[float, str]]) -> str:
    """Return the best of the terms, less the words of which a longer one among them is made."""
    best = [name for _, name in sorted(terms)][: 2 * _SHOWN_TERMS]
    whole = [t for t in best if not any(t != o and t in o.split() for o in best)]
    return ", ".join(whole[:_SHOWN_TERMS])
