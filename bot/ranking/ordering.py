"""In which order papers are told, best first."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from bot.models import Paper
from bot.ranking.hashing import Reals

_DIGITS = 9  # of a score that count: what is beyond them are roundings


def best_first(papers: Sequence[Paper], scores: Reals, places: NDArray[np.intp]) -> list[int]:
    """Return the places by the papers' scores; equal ones by newness, then by identifier."""
    rounded = np.round(scores[places], _DIGITS)
    order = np.argsort(-rounded, kind="stable")
    ordered: list[int] = places[order].tolist()
    # What few have in common is not asked of all: a date and a name take longer than a score.
    changes = np.flatnonzero(np.diff(rounded[order])) + 1
    for start, end in pairwise([0, *changes.tolist(), len(ordered)]):
        if end - start > 1:
            ordered[start:end] = sorted(ordered[start:end], key=lambda at: _newest(papers[at]))
    return ordered


def _newest(paper: Paper) -> tuple[float, str]:
    newness = paper.published.timestamp() if paper.published else 0.0
    return -newness, min(map(str, paper.identifiers), default="")
