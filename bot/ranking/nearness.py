"""How near many papers are to what a profile shows or describes, in one go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bot.ranking.hashing import RUNS, named_terms
from bot.ranking.space import Direction, direction

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

    def common(self, other: Direction) -> str:
        """Return the most telling terms that a paper has in common with it, best first."""
        both, mine, theirs = np.intersect1d(
            self.direction.buckets, other.buckets, assume_unique=True, return_indices=True
        )
        worth = self.direction.weights[mine] * other.weights[theirs]
        named = [
            (-float(w), self.names[int(bucket)])
            for bucket, w in zip(both, worth, strict=True)
            if bucket < RUNS and int(bucket) in self.names
        ]
        best = [name for _, name in sorted(named)][: 2 * _SHOWN_TERMS]
        whole = [t for t in best if not any(t != o and t in o.split() for o in best)]
        return ", ".join(whole[:_SHOWN_TERMS])
