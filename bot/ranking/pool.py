"""A day's papers by their terms, for many profiles to look their examples up in.

Of the terms that two papers have in common most are common ones, few in number. For these the papers are
a table of numbers, and all examples are multiplied by it at once; rare terms look up the papers that
have them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from bot.ranking.hashing import BUCKETS, Reals

POOLED = 1536  # papers that are looked up in together: 45 MB, and 80 while it is made
_COMMON = 256  # of them have a term that is in the table: half of all pairs are of such terms
_MANY = 2000  # terms: texts of fewer, as a description, are looked up without the table
# The papers that have a rare term are listed in blocks of so many, the last one filled up: a block is
# copied at once, and the next is fetched from memory meanwhile.
_BLOCK = 8
# Examples, terms and papers that are multiplied at a time. Of matrices of up to 2^18 multiplications
# OpenBLAS makes the product in one thread; of larger ones in several, which wait longer than they work.
_TOGETHER, _TERMS, _PAPERS = 16, 1024, 16


@dataclass(frozen=True, slots=True, eq=False)
class Direction:
    """A text as a sparse vector of length 1; `general` is its cosine with papers in general."""

    buckets: NDArray[np.int64]
    weights: Reals
    general: float


class Pool:
    """Papers by their terms: made once for a day's candidates, for whatever is looked up in them."""

    def __init__(self, papers: Sequence[Direction]) -> None:
        self._size = len(papers)
        buckets = np.concatenate([paper.buckets for paper in papers], dtype=np.int32)
        order = np.argsort(buckets, kind="stable")
        buckets = buckets[order]
        starts = np.flatnonzero(np.diff(buckets, prepend=-1))
        having = np.diff(starts, append=len(buckets))
        # Terms are numbered; the last number is of those that no paper has.
        self._numbers = np.full(BUCKETS, len(starts), np.int32)
        self._numbers[buckets[starts]] = np.arange(len(starts))
        del buckets  # each of these holds millions, and a small machine holds little
        lengths = [len(paper.buckets) for paper in papers]
        owners = np.repeat(np.arange(len(papers), dtype=np.int16), lengths)[order]
        weights = np.concatenate([paper.weights for paper in papers])[order]
        del order
        self._columns = _columns(having)
        self._first, self._owners, self._weights = _listed(owners, weights, having, self._size)

    @cached_property
    def _table(self) -> Reals:
        """The weights of common terms, in tiles of (papers, terms); keywords alone never ask for it."""
        common = np.flatnonzero(self._columns >= 0).astype(np.int32)
        tiles = max(1, -(-len(common) // _TERMS))
        width = max(1, -(-len(common) // tiles))
        table = np.zeros((tiles, -(-self._size // _PAPERS), _PAPERS, width))
        for at, tile in enumerate(table):
            terms = common[at * width : (at + 1) * width]
            blocks, having = self._blocks(terms)
            owners = self._owners[blocks]
            real = owners < self._size
            columns = np.repeat(np.arange(len(terms)), having * _BLOCK)[real.ravel()]
            owners = owners[real]
            tile[owners // _PAPERS, owners % _PAPERS, columns] = self._weights[blocks][real]
        return table

    def products(self, others: Sequence[Direction]) -> Reals:
        """Return each paper's scalar products with other directions, as (papers, others)."""
        if not others:
            return np.zeros((self._size, 0))
        whose = np.repeat(np.arange(len(others)), [len(each.buckets) for each in others])
        terms = self._numbers[np.concatenate([each.buckets for each in others])]
        weights = np.concatenate([each.weights for each in others])
        if len(terms) < _MANY:
            return self._by_looking_up(whose, terms, weights, len(others))
        columns = self._columns[terms]
        common = columns >= 0
        rare = ~common
        found = self._by_looking_up(whose[rare], terms[rare], weights[rare], len(others))
        tiles, _, _, width = self._table.shape
        rows = np.zeros((tiles * width, len(others)))
        rows[columns[common], whose[common]] = weights[common]
        for start in range(0, len(others), _TOGETHER):
            some = slice(start, start + _TOGETHER)
            found[:, some] += self._by_table(rows[:, some])
        return found

    def _by_looking_up(
        self, whose: NDArray[np.int64], terms: NDArray[np.int32], weights: Reals, count: int
    ) -> Reals:
        """Return the products with so many others: each of their terms looks up the papers that have it."""
        found = np.empty((self._size, count))
        # One by one, since what a processor keeps at hand holds the blocks of one text.
        ends = np.cumsum(np.bincount(whose, minlength=count)).tolist()
        for at, (start, end) in enumerate(pairwise([0, *ends])):
            blocks, having = self._blocks(terms[start:end])
            worth = self._weights.take(blocks, axis=0).ravel()
            worth *= np.repeat(weights[start:end], having * _BLOCK)
            found[:, at] = self._counted(self._owners.take(blocks, axis=0), worth)
        return found

    def _by_table(self, rows: Reals) -> Reals:
        """Return the products with the others in columns of such rows, a term each; tile by tile."""
        tiles, _, _, width = self._table.shape
        told = np.ascontiguousarray(rows).reshape(tiles, 1, width, -1)
        found: Reals = np.matmul(self._table, told).sum(axis=0)
        return found.reshape(-1, rows.shape[1])[: self._size]

    def having(self, other: Direction) -> NDArray[np.intp]:
        """Return which papers have every term that another direction has."""
        blocks, _ = self._blocks(self._numbers[other.buckets])
        counts = self._counted(self._owners.take(blocks, axis=0))
        return np.flatnonzero(counts == len(other.buckets))

    def _blocks(self, terms: NDArray[np.int32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return all blocks of these terms' lists, and how many each term has."""
        first = self._first[terms]
        having = self._first[terms + 1] - first
        ends = np.cumsum(having)
        return np.arange(having.sum()) + np.repeat(first - ends + having, having), having

    def _counted(self, owners: NDArray[np.int16], worth: Reals | None = None) -> Reals:
        """Return how often each paper is in these blocks, or what that is worth together."""
        counts = np.bincount(owners.ravel(), worth, self._size + _BLOCK)
        return counts[: self._size].astype(np.float64)


def _columns(having: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the column in the table of each term, by how many papers have it; -1 for one that is rare."""
    columns = np.full(len(having) + 1, -1)
    common = np.flatnonzero(having >= _COMMON)
    columns[common] = np.arange(len(common))
    return columns


def _listed(
    owners: NDArray[np.int16], weights: Reals, having: NDArray[np.int64], size: int
) -> tuple[NDArray[np.int64], NDArray[np.int16], Reals]:
    """Return the first block of each term, and the blocks: the papers that have it, and its weights there.

    What fills a block up weighs nothing, and its places are behind those of all papers: several, since
    to add to one and the same place again and again takes longer.
    """
    blocks = -(-having // _BLOCK)
    first = np.cumsum([0, *blocks.tolist(), 0])
    ahead = first[:-2] * _BLOCK - (np.cumsum(having) - having)
    places = np.arange(len(owners), dtype=np.int32)
    places += np.repeat(ahead.astype(np.int32), having)
    listed = np.tile(np.arange(size, size + _BLOCK, dtype=np.int16), first[-1])
    listed[places] = owners
    worth = np.zeros(first[-1] * _BLOCK)
    worth[places] = weights
    return first, listed.reshape(-1, _BLOCK), worth.reshape(-1, _BLOCK)


@lru_cache(maxsize=3)
def pooled(papers: tuple[Direction, ...]) -> Pool:
    """Return the pool of these papers; the next profile of the same hour has the same."""
    return Pool(papers)
