"""Text as numbered terms: words, pairs of neighbours and runs of letters, each in a bucket.

A bucket is a number that the term itself gives (CRC-32 and integer arithmetic), so it is the same
on every machine and needs no vocabulary; two terms that share one are rare, and cost little.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from bot.ranking.words import telling, words

Integers: TypeAlias = NDArray[np.uint64]
Reals: TypeAlias = NDArray[np.float64]

# Where the buckets of each kind begin; a power of two each.
WORDS, PAIRS, RUNS, BUCKETS = 0, 1 << 18, (1 << 18) + (1 << 19), (1 << 18) + (1 << 20)
_RUN_LENGTHS = (4, 5)  # letters: the parts of words that inflections and compounds share
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
    found: list[NDArray[np.int64]] = []
    weights: list[Reals] = []
    for text, weight in ((title, _TITLE_WEIGHT), (abstract, 1)):
        for part in _kinds(words(text)[:_LONGEST]):
            found.append(part)
            weights.append(np.full(len(part), float(weight)))
    buckets, places = np.unique(np.concatenate(found), return_inverse=True)
    counts = np.bincount(places, np.concatenate(weights), len(buckets)).astype(np.float64)
    return Terms(buckets, counts)


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
    of_words, of_pairs, *_ = _kinds(told)
    return {
        **dict(zip(of_words.tolist(), single, strict=True)),
        **dict(zip(of_pairs.tolist(), double, strict=True)),
    }


def _kinds(text: tuple[str, ...]) -> tuple[NDArray[np.int64], ...]:
    """Return the buckets of the words, of the pairs, and of the runs of letters."""
    numbers = np.array([_number(word) for word in text], np.uint64)
    tells = numbers > 0
    pairs = (numbers[:-1] * _STEP + numbers[1:])[tells[:-1] & tells[1:]]
    return (
        _placed(numbers[tells], WORDS, PAIRS - WORDS),
        _placed(pairs, PAIRS, RUNS - PAIRS),
        *(_placed(_runs(text, length), RUNS, BUCKETS - RUNS) for length in _RUN_LENGTHS),
    )


@lru_cache(maxsize=100_000)
def _number(word: str) -> int:
    """Return a word's number, 0 for one that says nothing by itself."""
    return zlib.crc32(word.encode("utf-8", "surrogatepass")) + 1 if telling(word) else 0


def _runs(text: tuple[str, ...], length: int) -> Integers:
    """Return a number for every run of letters, spaces between words included."""
    spaced = f" {' '.join(text)} "
    letters = np.frombuffer(spaced.encode("utf-32-le", "surrogatepass"), np.uint32)
    count = len(letters) - length + 1
    if not text or count < 1:
        return np.empty(0, np.uint64)
    numbers = np.full(count, length, np.uint64)
    for at in range(length):
        numbers = numbers * _STEP + letters[at : at + count]
    return numbers


def _placed(numbers: Integers, first: int, size: int) -> NDArray[np.int64]:
    """Spread numbers over the buckets from `first` on; `size` is a power of two."""
    mixed = (numbers ^ (numbers >> np.uint64(31))) * _BLEND
    mixed ^= mixed >> np.uint64(29)
    return (mixed & np.uint64(size - 1)).astype(np.int64) + first
