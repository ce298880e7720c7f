"""Text as numbered terms: words, pairs of neighbours and runs of letters, each in a bucket.

A bucket is a number that the term itself gives (CRC-32 and integer arithmetic), so it is the same
on every machine and needs no vocabulary; two terms that share one are rare, and cost little.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from bot.ranking.remembered import Remembered
from bot.ranking.words import as_written, telling, unspaced, words

Integers: TypeAlias = NDArray[np.uint64]
Reals: TypeAlias = NDArray[np.float64]

# Where the buckets of each kind begin: a power of two each, of pairs as many as of runs.
WORDS, PAIRS, RUNS, BUCKETS = 0, 1 << 18, (1 << 18) + (1 << 19), (1 << 18) + (1 << 20)
_TITLE_WEIGHT = 3
_LONGEST = 20_000  # words of one text: a paper has 300, a description of 50 kB 8,000
_STEP = np.uint64(0x9E3779B97F4A7C15)  # odd, its bits well spread (2^64 over the golden ratio)
_BLEND = np.uint64(0xBF58476D1CE4E5B9)  # a multiplier of SplitMix64's finisher


@dataclass(frozen=True, slots=True, eq=False)
class Terms:
    """The buckets of a text's terms, ascending and each once, and how often each occurs (title x 3)."""

    buckets: NDArray[np.int64]
    counts: Reals


def hashed_terms(title: str, abstract: str) -> Terms:
    """Return a text's terms; none for a text without letters."""
    parts = words(title)[:_LONGEST], words(abstract)[:_LONGEST]
    kinds = [*_words_and_pairs(*parts), *_runs_of_letters(*parts)]
    # Twice the bucket, and one more in a title: one sort brings equal terms together and tells the two apart.
    marked = _buckets([numbers for numbers, _ in kinds]) << 1
    start = 0
    for numbers, of_title in kinds:
        marked[start : start + of_title] += 1
        start += len(numbers)
    marked.sort()
    buckets = marked >> 1
    bounds = _bounds(buckets)
    worth = np.zeros(len(marked) + 1)
    np.cumsum(1 + (_TITLE_WEIGHT - 1) * (marked & 1), out=worth[1:])
    return Terms(buckets[bounds[:-1]].astype(np.int64), np.diff(worth[bounds]))


def _bounds(ordered: NDArray[np.int32]) -> NDArray[np.intp]:
    """Return where each value begins in an array in order, and the array's end."""
    begins = np.ones(len(ordered) + 1, np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=begins[1:-1])
    return np.flatnonzero(begins)


def named_terms(text: str) -> dict[int, str]:
    """Return a text's words and pairs by their buckets: what a common term is called."""
    told = words(text)[:_LONGEST]
    tells = [telling(word) for word in told]
    single = [word for word, tell in zip(told, tells, strict=True) if tell]
    double = [
        f"{one} {other}"
        for one, other, first, second in zip(told, told[1:], tells, tells[1:], strict=False)
        if first and second
    ]
    kinds = [numbers for numbers, _ in _words_and_pairs(told, ())]
    return dict(zip(_buckets(kinds).tolist(), [*single, *double], strict=True))


def named_neighbours(text: str) -> list[tuple[int, str]]:
    """Return the run's bucket and the letters of each two neighbours in a script without spaces, in order.

    For any other two words stands (-1, ""). Their runs are all that such a script has in terms.
    """
    if text.isascii():
        return []
    told = words(text)[:_LONGEST]
    (numbers, _), _ = _runs_of_letters((), told)
    none = numbers[:0]
    buckets = _buckets([none, none, numbers]).tolist()
    found, at = [], 1  # behind the space that all begins with
    for (one, shown), (other, next_shown) in pairwise(
        zip(told, as_written(text, told), strict=True)
    ):
        together = unspaced(one) and unspaced(other)
        found.append((buckets[at], shown + next_shown) if together else (-1, ""))
        at += len(one) + 1
    return found


# Numbers of terms, and how many of them, the first, are the title's.
_Numbers: TypeAlias = tuple[Integers, int]


def _words_and_pairs(title: tuple[str, ...], abstract: tuple[str, ...]) -> Iterator[_Numbers]:
    """Yield the numbers of the words and of the pairs that tell something."""
    # The word between them says nothing, so no pair reaches across it.
    text = (*title, "", *abstract)
    numbers = np.fromiter(map(_numbered, text), np.uint64, len(text))
    tells = numbers > 0
    both = tells[:-1] & tells[1:]
    pairs = numbers[:-1] * _STEP + numbers[1:]
    yield numbers[tells], int(np.count_nonzero(tells[: len(title)]))
    yield pairs[both], int(np.count_nonzero(both[: len(title)]))


def _number(word: str) -> int:
    """Return a word's number, 0 for one that says nothing by itself."""
    return zlib.crc32(word.encode("utf-8", "surrogatepass")) + 1 if telling(word) else 0


_numbered = Remembered(_number, 100_000).__getitem__


def _runs_of_letters(title: tuple[str, ...], abstract: tuple[str, ...]) -> Iterator[_Numbers]:
    """Yield the numbers of all runs of four letters, and of five, that are in one of the two.

    They are the parts of words that inflections and compounds share.
    """
    before, after = (f" {' '.join(text)} " if text else "" for text in (title, abstract))
    told = (before + after).encode("utf-32-le", "surrogatepass")
    letters = np.frombuffer(told, np.uint32).astype(np.uint64)
    # A run's number is a polynomial of its length and its letters: longer ones are made of shorter ones.
    two = letters[:-1] * _STEP + letters[1:]
    four = two[:-2] * _power(2) + two[2:]
    five = letters[:-4] * _power(4) + four[1:]
    for length, numbers in ((4, four), (5, five)):
        inside = max(0, len(before) - length + 1)
        within = np.concatenate((numbers[:inside], numbers[len(before) :]))
        yield within + _power(length, length), inside


def _power(exponent: int, times: int = 1) -> np.uint64:
    """Return a power of the step, as wide as all numbers here are."""
    return np.uint64(times * int(_STEP) ** exponent % 2**64)


def _buckets(kinds: Sequence[Integers]) -> NDArray[np.int32]:
    """Return the buckets of numbers: of words, of pairs and of runs, as far as they are given."""
    numbers = np.concatenate(kinds)
    mixed = (numbers ^ (numbers >> np.uint64(31))) * _BLEND
    mixed ^= mixed >> np.uint64(29)
    buckets = (mixed & np.uint64(BUCKETS - RUNS - 1)).astype(np.int32)
    pairs = len(kinds[0])
    runs = pairs + len(kinds[1])
    buckets[:pairs] &= PAIRS - WORDS - 1
    buckets[pairs:runs] += PAIRS
    buckets[runs:] += RUNS
    return buckets
