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
    kinds = _kinds(words(title)[:_LONGEST], words(abstract)[:_LONGEST])
    # Twice the bucket, and one more in a title: one sort brings equal terms together and tells the two apart.
    marked = np.concatenate([buckets for buckets, _ in kinds], dtype=np.int32) << 1
    start = 0
    for buckets, of_title in kinds:
        marked[start : start + of_title] += 1
        start += len(buckets)
    marked.sort()
    buckets = marked >> 1
    first = np.flatnonzero(np.append(True, buckets[1:] != buckets[:-1])[: len(buckets)])
    counts = np.add.reduceat(1.0 + (_TITLE_WEIGHT - 1) * (marked & 1), first)
    return Terms(buckets[first].astype(np.int64), counts)


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
    (of_words, _), (of_pairs, _), *_ = _kinds(told, ())
    return {
        **dict(zip(of_words.tolist(), single, strict=True)),
        **dict(zip(of_pairs.tolist(), double, strict=True)),
    }


def _kinds(
    title: tuple[str, ...], abstract: tuple[str, ...]
) -> list[tuple[NDArray[np.int64], int]]:
    """Return the buckets of the words, of the pairs, and of the runs of letters.

    With each, how many of them, the first, are the title's.
    """
    # The word between them says nothing, so no pair reaches across it.
    text = (*title, "", *abstract)
    numbers = np.fromiter(map(_number, text), np.uint64, len(text))
    tells = numbers > 0
    both = tells[:-1] & tells[1:]
    pairs = numbers[:-1] * _STEP + numbers[1:]
    end = len(title)
    before, after = (f" {' '.join(text)} " if text else "" for text in (title, abstract))
    told = (before + after).encode("utf-32-le", "surrogatepass")
    letters = np.frombuffer(told, np.uint32).astype(np.uint64)
    runs = [_runs(letters, len(before), length) for length in _RUN_LENGTHS]
    return [
        (_placed(numbers[tells], WORDS, PAIRS - WORDS), int(np.count_nonzero(tells[:end]))),
        (_placed(pairs[both], PAIRS, RUNS - PAIRS), int(np.count_nonzero(both[:end]))),
        *((_placed(part, RUNS, BUCKETS - RUNS), of_title) for part, of_title in runs),
    ]


@lru_cache(maxsize=100_000)
def _number(word: str) -> int:
    """Return a word's number, 0 for one that says nothing by itself."""
    return zlib.crc32(word.encode("utf-8", "surrogatepass")) + 1 if telling(word) else 0


def _runs(letters: Integers, border: int, length: int) -> tuple[Integers, int]:
    """Return a number for every run of letters that does not cross the border, and how many end before it."""
    count = max(0, len(letters) - length + 1)
    numbers = np.full(count, length, np.uint64)
    for at in range(length):
        numbers *= _STEP
        numbers += letters[at : at + count]
    inside = max(0, border - length + 1)
    return np.concatenate((numbers[:inside], numbers[border:])), inside


def _placed(numbers: Integers, first: int, size: int) -> NDArray[np.int64]:
    """Spread numbers over the buckets from `first` on; `size` is a power of two."""
    mixed = (numbers ^ (numbers >> np.uint64(31))) * _BLEND
    mixed ^= mixed >> np.uint64(29)
    return (mixed & np.uint64(size - 1)).astype(np.int64) + first
