"""The product as a ranker of the ranking benchmark: `--ranker benchmarks.ranking_adapter:rank`.

A benchmark's profile becomes one of ours, its papers become ours, and `bot.ranking.rank` does the
rest, as it does for an edition: nothing here looks at a text or makes up a score.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from bot.config import Profile
from bot.identity import known_by
from bot.models import Identifier, Paper, Ranked, Scheme
from bot.ranking import Background
from bot.ranking import rank as rank_papers
from bot.ranking.space import shipped

_NOW = datetime(2026, 11, 20, tzinfo=UTC)
_papers: dict[str, Paper] = {}


def prepare(background: Sequence[dict[str, Any]]) -> None:
    """Load what is shipped: the product learns nothing from the papers of one run."""
    del background
    shipped()


def rank(profile: dict[str, Any], candidates: Sequence[dict[str, Any]]) -> list[float]:
    """Return a score for each candidate; what the product leaves out comes after all others."""
    return [each.score if each else -math.inf for each in ranked(profile, candidates)]


def ranked(profile: dict[str, Any], candidates: Sequence[dict[str, Any]]) -> list[Ranked | None]:
    """Return what the product says of each candidate, None of one that it leaves out."""
    papers = [_paper(each) for each in candidates]
    examples = [_paper(each) for each in (*profile["liked"], *profile["disliked"])]
    found = rank_papers(
        papers, _profile(profile), Background(examples=known_by(examples), now=_NOW)
    )
    said = {each.paper: each for each in found}
    return [said.get(paper) for paper in papers]


def _profile(told: dict[str, Any]) -> Profile:
    # Text of the benchmark may hold our marks (`^2`); they are no weights there.
    return _empty().model_copy(
        update={
            "about": told["description"],
            "keywords": tuple(word.replace("^", " ") for word in told["keywords"]),
            "authors": tuple(told["authors"]),
            "categories": tuple(told["categories"]),
            "like": _names(told["liked"]),
            "dislike": _names(told["disliked"]),
        }
    )


@lru_cache(maxsize=1)
def _empty() -> Profile:
    return Profile(trending=0.0)


def _names(papers: Iterable[dict[str, Any]]) -> tuple[str, ...]:
    return tuple(str(_name(paper)) for paper in papers)


def _name(paper: dict[str, Any]) -> Identifier:
    return Identifier(Scheme.URL, f"https://bench.invalid/{paper['id']}")


def _paper(told: dict[str, Any]) -> Paper:
    # Kept between users, as the store keeps papers between profiles.
    if told["id"] not in _papers:
        _papers[told["id"]] = Paper(
            title=told["title"],
            identifiers=frozenset({_name(told)}),
            abstract=told["abstract"],
            authors=tuple(told["authors"]),
            categories=tuple(told["categories"]),
        )
    return _papers[told["id"]]
