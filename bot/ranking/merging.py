"""Several lists of the same things made one: what stands high in any of them comes first."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import TypeVar

T = TypeVar("T", bound=Hashable)

_DEPTH = 60.0  # as in Cormack, Clarke and Büttcher (SIGIR 2009): how soon a place stops to count


def merged(lists: Iterable[Sequence[T]]) -> list[tuple[T, float]]:
    """Return (thing, score), best first, by reciprocal ranks: each list adds 1/(60 + place).

    Scores of different lists cannot be compared, places can. Equal ones keep the order of the lists.
    """
    scores: dict[T, float] = {}
    for each in lists:
        for place, thing in enumerate(each, start=1):
            scores[thing] = scores.get(thing, 0.0) + 1 / (_DEPTH + place)
    return sorted(scores.items(), key=lambda pair: -pair[1])
