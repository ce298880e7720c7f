"""The space that texts are compared in: which terms are telling, and how near two texts are.

What a fresh install knows of other papers is one file of statistics beside this module: how telling
each bucket of terms is, and the mean direction of papers in general.
`benchmarks/make_space.py` made it and names its data; there is no text in it. It never changes
between two runs, so scores of different days and profiles can be compared.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import as_file, files

import numpy as np
from numpy.typing import NDArray

from bot.ranking.hashing import BUCKETS, PAIRS, RUNS, Reals, hashed_terms
from bot.ranking.pool import POOLED, Direction, pooled

# Chosen on the development split of the ranking benchmark; docs/ranking.md has the figures.
_SATURATION = 2.0  # a term that occurs again counts less: n·3/(n+2)
_PAIRS_WORTH = 0.7  # beside single words
_WORDS_SHARE = 0.7  # of the cosine; the runs of letters have the rest
_CENTRING = 1.5  # how much of what two texts share with papers in general is taken off
_SHARPNESS = 5.0  # of the kernel: one close example counts far more than several vague ones
_RARE = 5.0  # log of: one paper in 150; a phrase as rare as that counts 1
# What everybody writes still adds 0.1 from an abstract, as much as the least of clauses.
_LEAST_RARENESS = 0.25
_CACHED = 2048  # directions, about 12 kB each: a day's candidates, for every profile of a run


class Space:
    """How telling each bucket is, in steps of one size, and where papers in general point (`mean`)."""

    def __init__(self, steps: NDArray[np.uint8], step: float, mean: NDArray[np.float32]) -> None:
        # Small numbers, as shipped: what is looked up all over a table is slow where it fits no cache.
        self._steps, self._step, self._mean = steps, step, mean
        told = mean[mean > 0].astype(np.float64)
        self.spread = float(told @ told)  # what two papers in general have in common

    def telling(self, buckets: NDArray[np.int64]) -> Reals:
        """Return how telling each of these buckets is."""
        return self._steps[buckets] * np.float64(self._step)

    def direction(self, title: str, abstract: str) -> Direction:
        """Return a text's direction; one of no terms is at a right angle to everything."""
        terms = hashed_terms(title, abstract)
        weights = terms.counts * (1 + _SATURATION) / (terms.counts + _SATURATION)
        weights *= self.telling(terms.buckets)
        pairs, runs = np.searchsorted(terms.buckets, (PAIRS, RUNS)).tolist()
        weights[pairs:runs] *= _PAIRS_WORTH
        for kind, share in ((slice(runs), _WORDS_SHARE), (slice(runs, None), 1 - _WORDS_SHARE)):
            if length := math.sqrt(weights[kind] @ weights[kind]):
                weights[kind] *= math.sqrt(share) / length
        return self._towards(terms.buckets, weights)

    def _towards(self, buckets: NDArray[np.int64], weights: Reals) -> Direction:
        told = weights != 0
        buckets, weights = buckets[told], weights[told]
        return Direction(buckets, weights, float(self._mean[buckets] @ weights))

    def rareness(self, phrase: str) -> float:
        """Return how rare a phrase's rarest word is: 1 if one paper in 150 has it, from 0.25 to 2."""
        buckets = hashed_terms("", phrase).buckets
        single = buckets[buckets < PAIRS]
        # Where no word tells by itself, as in scripts without spaces, its letters do.
        told = self.telling(single if len(single) else buckets)
        rarest = float(told.max()) if len(told) else 0.0
        return max(_LEAST_RARENESS, (rarest - 1) / _RARE)

    def likeness(self, papers: Sequence[Direction], examples: Sequence[Direction]) -> Reals:
        """Return how like each paper is to each example, from 0 to 1, as (papers, examples)."""
        near = np.ascontiguousarray(self.nearness(papers, examples))
        # By the scalar function: numpy's own may round an entry by where it stands in the array. Three
        # quarters of all entries are 0, and stay it.
        most = math.expm1(_SHARPNESS)
        entries = near.reshape(-1)
        some = np.flatnonzero(entries)
        entries[some] = [math.expm1(_SHARPNESS * each) / most for each in entries[some].tolist()]
        return near

    def nearness(self, papers: Sequence[Direction], others: Sequence[Direction]) -> Reals:
        """Return the cosines less what papers in general share, from 0 to 1, as (papers, others)."""
        if not others:
            return np.zeros((len(papers), 0))
        cosines = _cosines(papers, others)
        of_papers = np.array([paper.general for paper in papers])
        of_others = np.array([other.general for other in others])
        common = of_papers[:, None] + of_others[None, :] - self.spread
        near: Reals = np.clip(cosines - _CENTRING * common, 0.0, 1.0)
        near[cosines == 0] = 0.0  # a text without terms is near nothing, whatever is taken off
        return near


def _cosines(papers: Sequence[Direction], others: Sequence[Direction]) -> Reals:
    """Return the scalar products as (papers, others)."""
    found = np.zeros((len(papers), len(others)))
    for start in range(0, len(papers), POOLED):
        pool = pooled(tuple(papers[start : start + POOLED]))
        found[start : start + POOLED] = pool.products(others)
    return found


def having(papers: Sequence[Direction], phrase: Direction) -> list[int]:
    """Return the places of the papers that have every term of a phrase: no other can have the phrase."""
    pools = range(0, len(papers), POOLED)
    return [
        start + at
        for start in pools
        for at in pooled(tuple(papers[start : start + POOLED])).having(phrase).tolist()
    ]


@lru_cache(maxsize=1)
def shipped() -> Space:
    """Return the space that comes with paperround."""
    # A constant too large for source code: read once, like the module itself (decision 80).
    with as_file(files("bot.ranking").joinpath("space.npz")) as path, np.load(path) as told:
        mean = np.zeros(BUCKETS, np.float32)
        mean[told["mean_buckets"]] = told["mean"]
        return Space(told["idf"], float(told["idf_step"]), mean)


@lru_cache(maxsize=_CACHED)
def direction(title: str, abstract: str) -> Direction:
    """Return a text's direction in the shipped space."""
    return shipped().direction(title, abstract)
