"""The product as a ranker of the ranking benchmark: `--ranker benchmarks.ranking_adapter:rank`.

A benchmark's profile becomes one of ours, its papers become ours, and `bot.ranking.rank` does the
rest, as it does for an edition: nothing here looks at a text or makes up a score. Where the extra
`paperround[semantic]` is installed its tier ranks: the product's own workflow has each text read once and
keeps its vector in a database, PAPERROUND_BENCH_VECTORS or a passing one. PAPERROUND_BENCH_TIER=light
is words alone.
"""

from __future__ import annotations

import asyncio
import atexit
import math
import os
import tempfile
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from bot.apart import Apart
from bot.config import Profile
from bot.embed import LocalEmbedder, model_of_package
from bot.identity import known_by
from bot.models import Identifier, Paper, Ranked, Scheme
from bot.ports import Workers
from bot.ranking import Background
from bot.ranking import rank as rank_papers
from bot.ranking.meaning import Meaning
from bot.ranking.space import shipped
from bot.store.connection import Connection
from bot.store.meaning import MeaningLedger
from bot.workflows.meaning import Meanings

P = ParamSpec("P")
T = TypeVar("T")

_NOW = datetime(2026, 11, 20, tzinfo=UTC)
_papers: dict[str, Paper] = {}


def prepare(background: Sequence[dict[str, Any]]) -> None:
    """Load what is shipped: the product learns nothing from the papers of one run."""
    del background
    shipped()


class _Tier:
    """The product's own way to vectors, on a loop of its own."""

    def __init__(self) -> None:
        kept = os.environ.get("PAPERROUND_BENCH_VECTORS")
        self._folder = tempfile.TemporaryDirectory(prefix="paperround-bench-")
        path = Path(kept) if kept else Path(self._folder.name) / "vectors.db"
        self._apart = Apart(largest=2**31)
        self._means = Meanings(
            LocalEmbedder(self._apart),
            MeaningLedger(Connection(path)),
            _AT_ONCE,
            seconds=float("inf"),
        )
        self._loop = asyncio.new_event_loop()
        atexit.register(self._close)

    def of(self, papers: Sequence[Paper], profile: Profile, known: Background) -> Meaning:
        """Return the vectors of all that is ranked. Raises RuntimeError where there are none."""
        found = self._loop.run_until_complete(self._means.of(papers, profile, known.examples))
        if found is None:
            raise RuntimeError(self._means.problem or "the profile says nothing")
        return found

    def _close(self) -> None:
        self._loop.close()  # the process ends when we do
        self._folder.cleanup()


@lru_cache(maxsize=1)
def _tier() -> _Tier | None:
    wanted = os.environ.get("PAPERROUND_BENCH_TIER") != "light" and model_of_package()
    return _Tier() if wanted else None


async def _at_once(function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    return function(*arguments, **named)


_AT_ONCE = Workers(store=_at_once, cpu=_at_once)


def rank(profile: dict[str, Any], candidates: Sequence[dict[str, Any]]) -> list[float]:
    """Return a score for each candidate; what the product leaves out comes after all others."""
    return [each.score if each else -math.inf for each in ranked(profile, candidates)]


def ranked(profile: dict[str, Any], candidates: Sequence[dict[str, Any]]) -> list[Ranked | None]:
    """Return what the product says of each candidate, None of one that it leaves out."""
    papers = [_paper(each) for each in candidates]
    examples = [_paper(each) for each in (*profile["liked"], *profile["disliked"])]
    wishes, background = _profile(profile), Background(examples=known_by(examples), now=_NOW)
    if (tier := _tier()) is not None:
        background = replace(background, meaning=tier.of(papers, wishes, background))
    found = rank_papers(papers, wishes, background)
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
            id=zlib.crc32(str(told["id"]).encode())
            + 1,  # the same in each run: vectors are kept by it
            abstract=told["abstract"],
            authors=tuple(told["authors"]),
            categories=tuple(told["categories"]),
        )
    return _papers[told["id"]]
