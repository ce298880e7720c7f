"""rank: a day's candidates for many profiles, and what the next profile of the same day costs.

Papers are made of invented words with the frequencies of natural text (Zipf's law), 180 to an
abstract. CPU time of one process, medians; the first row is paid once a day for each new paper,
whatever the number of profiles.
"""

from __future__ import annotations

import random
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from statistics import median

from benchmarks.measure import python
from bot.config import Profile
from bot.identity import known_by
from bot.models import Identifier, Paper, Scheme
from bot.ranking import Background, rank
from bot.ranking.space import direction, shipped

_WORDS = 20_000
_ABSTRACT, _TITLE = 180, 10
_CANDIDATES = 1000
_LIKES = (0, 5, 20, 100, 500)
_PROFILES = 20
_DAY, _MANY = 1500, 100


def run(rounds: int = 3) -> list[dict[str, object]]:
    """Return one row a figure: CPU milliseconds, and the most memory held."""
    shipped()
    papers = _papers(1, _CANDIDATES)
    rows: list[dict[str, object]] = [
        _row(f"{_CANDIDATES:,} new papers take their directions", rounds, lambda: _cold(papers))
    ]
    for likes in _LIKES:
        profile, background = _wishes(likes)
        _cold(papers)
        what = f"one profile, {likes} likes, {_CANDIDATES:,} candidates"
        rows.append(_row(what, rounds, lambda p=profile, b=background: rank(papers, p, b)))  # type: ignore[misc]
    rows.append(
        _row(f"{_MANY} profiles, 12 likes each, {_DAY:,} new candidates: a whole day", 1, _day)
    )
    return [*rows, {"what": f"{_PROFILES} profiles, 20 likes each", "peak MB": _peak()}]


def _row(what: str, rounds: int, measured: Callable[[], object]) -> dict[str, object]:
    taken = []
    for _ in range(rounds):
        before = time.process_time()
        measured()
        taken.append(time.process_time() - before)
    return {"what": what, "CPU ms": round(median(taken) * 1000)}


def _cold(papers: Sequence[Paper]) -> None:
    direction.cache_clear()
    for paper in papers:
        direction(paper.title, paper.abstract)


def _day() -> None:
    """Rank a day's candidates for all profiles, nothing known beforehand."""
    direction.cache_clear()
    papers = _papers(1, _DAY)
    for number in range(_MANY):
        rank(papers, *_wishes(12, 50_000 + 12 * number))


def _papers(first: int, count: int) -> list[Paper]:
    return [_paper(number) for number in range(first, first + count)]


def _paper(number: int) -> Paper:
    draw = random.Random(number)  # noqa: S311 - generated text, the same every time
    drawn = [int(_WORDS ** draw.random()) for _ in range(_TITLE + _ABSTRACT)]
    told = [_spelt(word) for word in drawn]
    return Paper(
        title=" ".join(told[:_TITLE]),
        abstract=" ".join(told[_TITLE:]),
        identifiers=frozenset({Identifier(Scheme.ARXIV, f"2611.{number:05d}")}),
        authors=("Ada Example", "Bo Beispiel"),
        categories=("cs.LG",),
    )


@lru_cache(maxsize=_WORDS)
def _spelt(number: int) -> str:
    """Return a word of four to nine letters for a number."""
    draw = random.Random(number)  # noqa: S311 - generated text, the same every time
    return "".join(draw.choices("eeettaaoinshrdlucmfwypvbgkqjxz", k=draw.randint(4, 9)))


def _wishes(likes: int, first: int = 50_000) -> tuple[Profile, Background]:
    examples = _papers(first, likes)
    profile = Profile(
        about=_paper(90_000).title,
        keywords=(f"{_spelt(3)} {_spelt(7)}", _spelt(420)),
        authors=("A. Example",),
        like=tuple(f"arXiv:2611.{first + n}" for n in range(likes)),
    )
    return profile, Background(examples=known_by(examples))


def _peak() -> int:
    """Return the most memory that a process of its own held, in MB."""
    command = [python(), "-m", "benchmarks.rank"]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> int:
    """Rank a day's candidates for all profiles, and print the most memory held, in MB."""
    papers = _papers(1, _CANDIDATES)
    for _ in range(_PROFILES):
        rank(papers, *_wishes(20))
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
    return 0


if __name__ == "__main__":
    sys.exit(main())
