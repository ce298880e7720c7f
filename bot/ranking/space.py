"""The space that texts are compared in: which terms are telling, and how near two texts are.

What a fresh install knows of other papers is one file of statistics beside this module: how telling
each bucket of terms is, and the mean direction of papers in general.
`benchmarks/make_space.py` made it and names its data; there is no text in it. It never changes
between two runs, so scores of different days and profiles can be compared.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import as_file, files

import numpy as np
from numpy.typing import NDArray

from bot.ranking.hashing import BUCKETS, PAIRS, RUNS, Reals, hashed_terms

# Chosen on the development split of the ranking benchmark; docs/ranking.md has the figures.
_SATURATION = 2.0  # a term that occurs again counts less: n·3/(n+2)
_PAIRS_WORTH = 0.7  # beside single words
_WORDS_SHARE = 0.7  # of the cosine; the runs of letters have the rest
_CENTRING = 1.5  # how much of what two texts share with papers in general is taken off
_SHARPNESS = 5.0  # of the kernel: one close example counts far more than several vague ones
POOLED = 500  # papers that are looked up in together: 18 MB, and 50 while it is made
_CACHED = 2048  # directions, about 12 kB each: a day's candidates, for every profile of a run


@dataclass(frozen=True, slots=True, eq=False)
class Direction:
    """A text as a sparse vector of length 1; `general` is its cosine with papers in general."""

    buckets: NDArray[np.int64]
    weights: Reals
    general: float


class Space:
    """How telling each bucket is (`idf`), and where papers in general point (`mean`)."""

    def __init__(self, idf: Reals, mean: Reals) -> None:
        self.idf, self._mean = idf, mean
        self.spread = float(mean @ mean)  # what two papers in general have in common

    def direction(self, title: str, abstract: str) -> Direction:
        """Return a text's direction; one of no terms is at a right angle to everything."""
        terms = hashed_terms(title, abstract)
        weights = terms.counts * (1 + _SATURATION) / (terms.counts + _SATURATION)
        weights *= self.idf[terms.buckets]
        weights[(terms.buckets >= PAIRS) & (terms.buckets < RUNS)] *= _PAIRS_WORTH
        runs = int(np.searchsorted(terms.buckets, RUNS))
        for kind, share in ((slice(runs), _WORDS_SHARE), (slice(runs, None), 1 - _WORDS_SHARE)):
            if length := math.sqrt(weights[kind] @ weights[kind]):
                weights[kind] *= math.sqrt(share) / length
        return self._towards(terms.buckets, weights)

    def _towards(self, buckets: NDArray[np.int64], weights: Reals) -> Direction:
        told = weights != 0
        buckets, weights = buckets[told], weights[told]
        return Direction(buckets, weights, float(self._mean[buckets] @ weights))

    def likeness(self, papers: Sequence[Direction], examples: Sequence[Direction]) -> Reals:
        """Return how like each paper is to each example, from 0 to 1, as (papers, examples)."""
        near = self.nearness(papers, examples)
        # By the scalar function: numpy's own may round an entry by where it stands in the array. Three
        # quarters of all entries are 0, and stay it.
        most = math.expm1(_SHARPNESS)
        some = np.nonzero(near)
        near[some] = [math.expm1(_SHARPNESS * each) / most for each in near[some].tolist()]
        return near

    def nearness(self, papers: Sequence[Direction], others: Sequence[Direction]) -> Reals:
        """Return the cosines less what papers in general share, from 0 to 1, as (papers, others)."""
        cosines = _cosines(papers, others)
        of_papers = np.array([paper.general for paper in papers])
        of_others = np.array([other.general for other in others])
        common = of_papers[:, None] + of_others[None, :] - self.spread
        near: Reals = np.clip(cosines - _CENTRING * common, 0.0, 1.0)
        near[cosines == 0] = 0.0  # a text without terms is near nothing, whatever is taken off
        return near


def _cosines(papers: Sequence[Direction], others: Sequence[Direction]) -> Reals:
    """Return the scalar products as (papers, others): each term looks up the papers that have it."""
    found = np.zeros((len(papers), len(others)))
    for start in range(0, len(papers) if others else 0, POOLED):
        pool = pooled(tuple(papers[start : start + POOLED]))
        for at, other in enumerate(others):
            found[start : start + POOLED, at] = pool.products(other)
    return found


def having(papers: Sequence[Direction], phrase: Direction) -> list[int]:
    """Return the places of the papers that have every term of a phrase: no other can have the phrase."""
    pools = range(0, len(papers), POOLED)
    return [
        start + at
        for start in pools
        for at in pooled(tuple(papers[start : start + POOLED])).having(phrase).tolist()
    ]


class Pool:
    """Papers by their terms: made once for a day's candidates, for whatever is looked up in them."""

    def __init__(self, papers: Sequence[Direction]) -> None:
        self._size = len(papers)
        buckets = np.concatenate([paper.buckets for paper in papers])
        order = np.argsort(buckets, kind="stable")
        weights = np.concatenate([paper.weights for paper in papers])
        owners = np.repeat(
            np.arange(len(papers), dtype=np.int32), [len(paper.buckets) for paper in papers]
        )
        self._weights, self._owners = weights[order], owners[order]
        self._terms, starts = np.unique(buckets[order], return_index=True)
        self._starts = np.append(starts, len(buckets))

    def products(self, other: Direction) -> Reals:
        """Return each paper's scalar product with another direction."""
        places, worth = self._having(other.buckets, other.weights)
        if not len(places):
            return np.zeros(self._size)
        found = np.bincount(self._owners[places], self._weights[places] * worth, self._size)
        return found.astype(np.float64)

    def having(self, other: Direction) -> NDArray[np.intp]:
        """Return which papers have every term that another direction has."""
        places, _ = self._having(other.buckets, other.weights)
        found = np.bincount(self._owners[places], minlength=self._size)
        return np.flatnonzero(found == len(other.buckets))

    def _having(
        self, buckets: NDArray[np.int64], weights: Reals
    ) -> tuple[NDArray[np.int64], Reals]:
        """Return the places of all that has one of these terms, and the term's weight for each."""
        at = np.searchsorted(self._terms, buckets)
        at[at == len(self._terms)] = 0
        known = self._terms[at] == buckets if len(self._terms) else np.zeros(len(at), np.bool_)
        first = self._starts[at[known]]
        having = self._starts[at[known] + 1] - first
        ends = np.cumsum(having)
        places = np.arange(having.sum()) + np.repeat(first - ends + having, having)
        return places, np.repeat(weights[known], having)


@lru_cache(maxsize=4)
def pooled(papers: tuple[Direction, ...]) -> Pool:
    """Return the pool of these papers; the next profile of the same hour has the same."""
    return Pool(papers)


@lru_cache(maxsize=1)
def shipped() -> Space:
    """Return the space that comes with paperround."""
    # A constant too large for source code: read once, like the module itself (decision 80).
    with as_file(files("bot.ranking").joinpath("space.npz")) as path, np.load(path) as told:
        idf = told["idf"].astype(np.float64) * float(told["idf_step"])
        mean = np.zeros(BUCKETS)
        mean[told["mean_buckets"]] = told["mean"].astype(np.float64)
    return Space(idf, mean)


@lru_cache(maxsize=_CACHED)
def direction(title: str, abstract: str) -> Direction:
    """Return a text's direction in the shipped space."""
    return shipped().direction(title, abstract)
