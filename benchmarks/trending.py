"""trending: later votes told from the first morning's, beside raw votes and Hacker News's formula.

Each day's papers are ranked by what Hugging Face told of them in the morning (votes, comments, since
when), and that order is compared with the one by votes one to three days later, the last count there
is. The figure is Spearman's rank correlation, its mean over the days that were not fitted.
"""

from __future__ import annotations

import gzip
import json
import math
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from statistics import fmean

from bot.models import Tally
from bot.ranking.trending import expected_votes

_DATA = Path(__file__).parents[2] / "shared" / "data"
_MORNINGS = _DATA / "hf_daily" / "raw"
_LATER = _DATA / "corpora" / "hf_upvotes" / "2025-04-25_2026-03-25.jsonl.gz"
_STAMP = re.compile(r"20\d\d-\d\d-\d\dT[\d:.]+Z")
_LEAST = 8  # papers on a day: fewer have hardly an order
_RESAMPLES = 2000


@dataclass(frozen=True, slots=True)
class Watched:
    """A paper on its first morning, and its votes `days` later."""

    votes: int
    comments: int
    age: timedelta
    later: int
    days: int


def run() -> list[dict[str, object]]:
    """Return one row a formula: its correlation, and what it adds to sorting by raw votes."""
    days = [papers for papers in _watched().values() if len(papers) >= _LEAST]
    # The one half chose the constants of bot/ranking/trending.py, the other judges them.
    fitted, judged = days[::2], days[1::2]
    plain = [_correlation(papers, lambda p: p.votes) for papers in judged]
    rows = []
    for name, formula in _FORMULAS.items():
        found = [_correlation(papers, formula) for papers in judged]
        low, high = _interval([one - other for one, other in zip(found, plain, strict=True)])
        weekend = [f for f, papers in zip(found, judged, strict=True) if papers[0].days > 1]
        rows.append({
            "formula": name,
            "rank correlation": f"{fmean(found):.4f}",
            "beside raw votes": f"{fmean(found) - fmean(plain):+.4f} [{low:+.4f}, {high:+.4f}]",
            "from Friday to Monday": f"{fmean(weekend):.4f}",
            "days fitted": f"{fmean(_correlation(p, formula) for p in fitted):.4f}",
            "days": len(found),
            "papers": sum(map(len, judged)),
        })  # fmt: skip
    return rows


def _hacker_news(paper: Watched) -> float:
    return (paper.votes - 1) / math.pow(paper.age / timedelta(hours=1) + 2, 1.8)


def _ours(paper: Watched) -> float:
    now = datetime(2026, 1, 1)  # noqa: DTZ001 - only the difference counts
    heard = Tally(now - paper.age, now, paper.votes, paper.comments)
    return expected_votes(heard, now)


_FORMULAS: dict[str, Callable[[Watched], float]] = {
    "raw votes": lambda paper: paper.votes,
    "(votes - 1) / (age + 2)^1.8 (peer)": _hacker_news,
    "paperround: expected_votes": _ours,
}


def _watched() -> dict[date, list[Watched]]:
    """Return the papers that were counted on a morning and again later, by the day."""
    later = {row["id"]: row["upvotes"] for row in map(json.loads, _text(_LATER).splitlines())}
    found: dict[date, list[Watched]] = {}
    for path in sorted(_MORNINGS.iterdir()):
        day = date.fromisoformat(path.name[:10])
        text = _text(path)
        # Nobody noted when the list was fetched: the latest date in it is when at the earliest.
        stamps = [datetime.fromisoformat(stamp) for stamp in _STAMP.findall(text)]
        for entry in json.loads(text):
            paper = entry["paper"]
            counts = [(date.fromisoformat(d), n) for d, n in later.get(paper["id"], ())]
            after = [(on, votes) for on, votes in counts if on > day]
            if not after or "submittedOnDailyAt" not in paper:
                continue
            on, votes = after[-1]
            age = max(stamps) - datetime.fromisoformat(paper["submittedOnDailyAt"])
            found.setdefault(day, []).append(
                Watched(
                    paper["upvotes"], entry["numComments"], max(age, timedelta()), votes,
                    (on - day).days,
                )
            )  # fmt: skip
    return found


def _text(path: Path) -> str:
    content = path.read_bytes()
    return (gzip.decompress(content) if path.suffix == ".gz" else content).decode()


def _correlation(papers: Sequence[Watched], formula: Callable[[Watched], float]) -> float:
    """Return Spearman's rank correlation of a formula with the later votes."""
    one = _ranks([formula(paper) for paper in papers])
    other = _ranks([float(paper.later) for paper in papers])
    mean = (len(papers) - 1) / 2
    shared = sum((a - mean) * (b - mean) for a, b in zip(one, other, strict=True))
    spread = [sum((a - mean) ** 2 for a in ranks) for ranks in (one, other)]
    return float(shared / (spread[0] * spread[1]) ** 0.5) if all(spread) else 0.0


def _ranks(values: Sequence[float]) -> list[float]:
    """Return each value's place; equal ones share the mean of theirs."""
    order = sorted(values)
    places: dict[float, list[int]] = {}
    for place, value in enumerate(order):
        places.setdefault(value, []).append(place)
    return [fmean(places[value]) for value in values]


def _interval(differences: Sequence[float]) -> tuple[float, float]:
    """Return the bootstrap's 95 % interval of the mean over days."""
    draw = random.Random(1)  # noqa: S311 - the same every time
    means = sorted(fmean(draw.choices(differences, k=len(differences))) for _ in range(_RESAMPLES))
    return means[_RESAMPLES // 40], means[-_RESAMPLES // 40]
