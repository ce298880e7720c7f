"""How near many papers are to what a profile describes, and in which words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

import numpy as np

from bot.ranking.hashing import Reals, named_neighbours, named_terms
from bot.ranking.pool import Direction
from bot.ranking.space import direction
from bot.values import value_type

_SHOWN_TERMS = 3


@value_type(frozen=True, slots=True)
class Description:
    """Words that say what is wanted: their direction, and what its terms and neighbours are called."""

    direction: Direction
    names: Mapping[int, str]
    neighbours: Sequence[tuple[int, str]]
    weight: float
    most: float

    @classmethod
    def of(cls, text: str, weight: float = 1.0, most: float = 1.0) -> Description:
        """Read a text that counts by its weight; nearness beyond `most` counts no more."""
        return cls(direction("", text), named_terms(text), named_neighbours(text), weight, most)

    def common(self, paper: Direction) -> str:
        """Return the most telling terms that it has in common with a paper, best first."""
        both, here, there = np.intersect1d(
            self.direction.buckets, paper.buckets, assume_unique=True, return_indices=True
        )
        products = self.direction.weights[here] * paper.weights[there]
        worth = dict(zip(both.tolist(), products.tolist(), strict=True))
        named = [(-worth[bucket], name) for bucket, name in self.names.items() if bucket in worth]
        return _whole([*named, *self._stretches(worth)])

    def _stretches(self, worth: Mapping[int, float]) -> Iterator[tuple[float, str]]:
        """Yield what it has in common in a script without spaces: neighbours that go on are one term."""
        for common, some in groupby(self.neighbours, lambda pair: pair[0] in worth):
            if common:
                pairs = list(some)
                letters = pairs[0][1][0] + "".join(pair[1] for _, pair in pairs)
                yield -sum(worth[bucket] for bucket, _ in pairs), letters


def evidence(described: Sequence[Description], nearness: Reals) -> Reals:
    """Return the evidence of papers this near to each description, as (papers, descriptions)."""
    most = np.array([each.most for each in described], np.float64)
    weights = np.array([each.weight for each in described], np.float64)
    return np.minimum(nearness, most) * weights


def _whole(terms: list[tuple[float, str]]) -> str:
    """Return the best of the terms, less the words of which a longer one among them is made."""
    best = [name for _, name in sorted(terms)][: 2 * _SHOWN_TERMS]
    whole = [t for t in best if not any(t != o and t in o.split() for o in best)]
    return ", ".join(whole[:_SHOWN_TERMS])
