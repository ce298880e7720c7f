"""What a ranker knows besides the papers at hand."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import field
from datetime import datetime
from typing import TYPE_CHECKING

from bot.identity import known_by
from bot.models import Identifier, Paper, Tally
from bot.ranking.calibration import WANTED_SHARE
from bot.ranking.words import term_counts
from bot.values import value_type

if TYPE_CHECKING:  # numpy
    from bot.ranking.meaning import Meaning


@value_type(frozen=True, slots=True)
class Background:
    """What a ranker knows besides the papers at hand.

    `idf` is how telling each term is, from 0 to 1 (`unseen` for one that never occurred);
    `examples` are the papers that profiles name; `now` is what ages are counted to. `tallies` is
    what was said of papers, by their id; of another, what the paper itself tells. `meaning` holds the
    vectors of all texts that are to be ranked and of all that the profile shows and says; without it
    words rank. `wanted` is the share of all papers that the profile's readers want.
    """

    idf: Mapping[str, float] = field(default_factory=dict)
    unseen: float = 1.0
    examples: Mapping[Identifier, Paper] = field(default_factory=dict)
    now: datetime | None = None
    tallies: Mapping[int, Tally] = field(default_factory=dict)
    meaning: Meaning | None = None
    wanted: float = WANTED_SHARE

    @classmethod
    def of(
        cls, papers: Iterable[Paper], examples: Iterable[Paper] = (), now: datetime | None = None
    ) -> Background:
        """Learn from papers how telling each term is."""
        found: dict[str, int] = {}
        papers = list(papers)
        for paper in papers:
            for term in term_counts(paper.title, paper.abstract):
                found[term] = found.get(term, 0) + 1
        most = math.log(1 + len(papers)) or 1.0
        return cls(
            idf={term: math.log((1 + len(papers)) / n) / most for term, n in found.items()},
            examples=known_by([*papers, *examples]),
            now=now,
        )
