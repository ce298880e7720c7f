"""A day's papers by their terms, for many profiles to look their examples up in.

Of the terms that two papers have in common most are common ones, few in number. For these the papers are
a table of numbers, and all examples are multiplied by it at once; rare terms look up the papers that
have them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from bot.ranking.hashing import BUCKETS, Reals

POOLED = 1536  # papers that are looked up in together: 52 MB, and 110 while it is made
_COMMON = 192  # of them have a term that is in the table: two thirds of all pairs are of such terms
_MANY = 2000  # terms: texts of fewer, as a description, are looked up without the table
# Examples, terms and papers that are multiplied at a time. Of matrices of up to 2^18 multiplications
# OpenBLAS makes the product in one thread; of larger ones in several, which wait longer than they work.
_TOGETHER, _TERMS, _PAPERS = 16, 256, 64


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
        lengths = [len(paper.buckets) for paper in papers]
        buckets = np.concatenate([paper.buckets for paper in papers], dtype=np.int32)
        order = np.argsort(buckets, kind="stable")
        owners = np.repeat(np.arange(len(papers), dtype=np.int32), lengths)
        self._owners = owners[order]
        self._weights = np.concatenate([paper.weights for paper in papers])[order]
        buckets = buckets[order]
        starts = np.flatnonzero(np.diff(buckets, prepend=-1))
        # Terms are numbered; the last number is of those that no paper has.
        self._numbers = np.full(BUCKETS, len(starts), np.int32)
        self._numbers[buckets[starts]] = np.arange(len(starts))
        self._starts = np.append(starts, [len(buckets), len(buckets)])
        self._columns, self._table = self._tabled()

    def _tabled(self) -> tuple[NDArray[np.int64], Reals]:
        """Return the column of each term, -1 for one that is not common, and the papers' weights of these.

        The table lies in tiles, as (terms, papers) of (`_TERMS`, `_PAPERS`) each.
        """
        common = np.flatnonzero(np.diff(self._starts) >= _COMMON).astype(np.int32)
        columns = np.full(len(self._starts) - 1, -1)
        columns[common] = np.arange(len(common))
        table = np.zeros((-(-len(common) // _TERMS), -(-self._size // _PAPERS), _TERMS, _PAPERS))
        places, having = self._places(common)
        column, owner = np.repeat(np.arange(len(common)), having), self._owners[places]
        at = (column // _TERMS, owner // _PAPERS, column % _TERMS, owner % _PAPERS)
        table[at] = self._weights[places]
        return columns, table

    def products(self, others: Sequence[Direction]) -> Reals:
        """Return each paper's scalar products with other directions, as (papers, others)."""
        found = np.empty((self._size, len(others)))
        rows = np.zeros((len(others), len(self._table) * _TERMS))
        tabled = sum(len(each.buckets) for each in others) >= _MANY
        for at, other in enumerate(others):
            terms = self._numbers[other.buckets]
            columns = self._columns[terms]
            common = (columns >= 0) & tabled
            rare = ~common
            found[:, at] = self._by_looking_up(terms[rare], other.weights[rare])
            rows[at, columns[common]] = other.weights[common]
        if tabled:
            for start in range(0, len(others), _TOGETHER):
                some = slice(start, start + _TOGETHER)
                found[:, some] += self._by_table(rows[some])
        return found

    def _by_looking_up(self, terms: NDArray[np.int32], weights: Reals) -> Reals:
        """Return the products with one direction: each term looks up the papers that have it."""
        places, having = self._places(terms)
        worth = np.repeat(weights, having)
        worth *= self._weights.take(places)
        return np.bincount(self._owners.take(places), worth, self._size).astype(np.float64)

    def _by_table(self, rows: Reals) -> Reals:
        """Return the products of the others' rows with the table, tile by tile."""
        tiles = rows.reshape(len(rows), -1, 1, _TERMS).transpose(1, 2, 0, 3)
        found: Reals = np.matmul(np.ascontiguousarray(tiles), self._table).sum(axis=0)
        return found.transpose(0, 2, 1).reshape(-1, len(rows))[: self._size]

    def having(self, other: Direction) -> NDArray[np.intp]:
        """Return which papers have every term that another direction has."""
        places, _ = self._places(self._numbers[other.buckets])
        counts = np.bincount(self._owners[places], minlength=self._size)
        return np.flatnonzero(counts == len(other.buckets))

    def _places(self, terms: NDArray[np.int32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the places of all entries of these terms, and how many each term has."""
        first = self._starts[terms]
        having = self._starts[terms + 1] - first
        ends = np.cumsum(having)
        return np.arange(having.sum()) + np.repeat(first - ends + having, having), having


@lru_cache(maxsize=3)
def pooled(papers: tuple[Direction, ...]) -> Pool:
    """Return the pool of these papers; the next profile of the same hour has the same."""
    return Pool(papers)
