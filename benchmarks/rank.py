"""rank: a day's candidates for many profiles, beside a program that fits everything anew each day.

The papers are those of `benchmarks.library`; CPU time of one process. Each profile likes twelve stored
papers and says one sentence and two keywords. Directions of new papers are paid once a day, whatever the
number of profiles; many profiles are ranked as the product does it, looking seldom for garbage. The peer
is arxiv-sanity-lite's way (`benchmarks.rank_refit`): features of all papers, and a linear SVM a profile
over all; three profiles of it are timed. The floor of a thousand profiles is the bare product of their
vectors with the papers' (`benchmarks.rank_product`), made beforehand.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray

from benchmarks import library, peers
from benchmarks.measure import most_held, python
from bot.config import Profile
from bot.identity import known_by
from bot.loading import little_garbage
from bot.models import Paper
from bot.ranking import Background, rank
from bot.ranking.space import direction, shipped

_STORED, _DAY = 100_000, 1500
_LIKES = (0, 5, 12, 20, 100, 500)
_PROFILES, _MANY, _EXAMPLES = 100, 1000, 12
_REFITTED = 3  # profiles of the peer that are timed


def run(rounds: int = 3, stored: int = _STORED, day: int = _DAY) -> list[dict[str, object]]:
    """Return one row a figure: CPU seconds, the most memory held, and how many times ours the peer takes."""
    rows = ours(rounds, day)
    refit = _refit(stored, day)
    theirs = refit["features"] + _PROFILES * refit["profile"]
    way = "arxiv-sanity-lite's way (peer)"
    return [
        *rows,
        {"what": f"{way}: features of {stored:,}", "CPU s": round(refit["features"], 1)},
        {"what": f"{way}: one profile", "CPU s": round(refit["profile"], 2)},
        {
            "what": f"{way}: {_PROFILES} profiles", "CPU s": round(theirs, 1),
            "of ours": round(theirs / float(str(rows[-1]["CPU s"])), 1),
            "peak MB": round(refit["MB"]), "target": "≥100",
        },
        *beside_product(rounds, _MANY, day),
    ]  # fmt: skip


def ours(rounds: int, day: int) -> list[dict[str, object]]:
    """Return the rows that need no peer; the last is of a whole day, for whatever is stored."""
    shipped()
    papers = list(library.papers(max(_LIKES) + day))
    known, new = papers[:-day], papers[-day:]
    rows: list[dict[str, object]] = [
        _row(f"{day:,} new papers take their directions", rounds, lambda: _cold(new))
    ]
    for likes in _LIKES:
        profile, background = _wishes(known[:likes], known[0])
        _cold(new)
        what = f"one profile, {likes} likes, {day:,} candidates"
        rows.append(_row(what, rounds, partial(rank, new, profile, background)))
    whole = [_told([python(), "-m", "benchmarks.rank", str(day)]) for _ in range(rounds)]
    what = f"{_PROFILES} profiles, {_EXAMPLES} likes each, {day:,} candidates: a whole day"
    return [
        *rows,
        {
            "what": what, "CPU s": round(median(each["day"] for each in whole), 2),
            "peak MB": round(median(each["MB"] for each in whole)), "target": "≤300 MB",
        },
    ]  # fmt: skip


def beside_product(rounds: int, profiles: int, day: int) -> list[dict[str, object]]:
    """Return the rows of so many profiles beside the raw product; the papers' directions are there.

    A part of the profiles and a product take turns, since these machines are shared.
    """
    papers = library.papers(profiles * _EXAMPLES + day)
    liked = [list(islice(papers, _EXAMPLES)) for _ in range(profiles)]
    new = list(papers)
    ours, floors = 0.0, []
    with tempfile.TemporaryDirectory() as folder:
        vectors = _rows("papers", new) | _rows("liked", [each for some in liked for each in some])
        for name, numbers in vectors.items():
            np.save(Path(folder) / name, numbers)
        del vectors
        script = Path(__file__).with_name("rank_product.py")
        _cold(new)
        for part in range(rounds):
            ours += _ranking(new, liked[part::rounds])
            floors.append(_told([str(peers.interpreter()), str(script), folder, str(_EXAMPLES)]))
    floor = {kind: median(each[kind] for each in floors) for kind in ("profile", "example")}
    what = f"{profiles:,} profiles, {_EXAMPLES} likes each, {day:,} candidates"
    return [
        {"what": f"{what}: rank", "CPU s": round(ours, 1)},
        *(
            {"what": f"the raw product, a vector for each {kind} (floor)",
             "CPU s": round(floor[kind], 2), "of the floor": round(ours / floor[kind], 1),
             "target": "≤3"}
            for kind in ("profile", "example")
        ),
    ]  # fmt: skip


def _ranking(papers: Sequence[Paper], liked: Sequence[Sequence[Paper]]) -> float:
    """Return the CPU seconds that ranking takes for profiles that like these papers."""
    with little_garbage():
        before = time.process_time()
        for some in liked:
            rank(papers, *_wishes(some, some[0]))
        return time.process_time() - before


def _rows(name: str, papers: Sequence[Paper]) -> dict[str, NDArray[np.float64] | NDArray[np.int64]]:
    """Return papers' directions as the rows of a sparse matrix."""
    found = [direction(paper.title, paper.abstract) for paper in papers]
    return {
        f"{name}_data": np.concatenate([each.weights for each in found]),
        f"{name}_indices": np.concatenate([each.buckets for each in found]),
        f"{name}_indptr": np.cumsum([0, *(len(each.buckets) for each in found)]),
    }


def _row(what: str, rounds: int, measured: Callable[[], object]) -> dict[str, object]:
    taken = []
    for _ in range(rounds):
        before = time.process_time()
        measured()
        taken.append(time.process_time() - before)
    return {"what": what, "CPU s": round(median(taken), 3)}


def _cold(papers: Sequence[Paper]) -> None:
    direction.cache_clear()
    for paper in papers:
        direction(paper.title, paper.abstract)


def _refit(stored: int, day: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "papers.jsonl"
        with path.open("w") as file:
            for title, abstract, _ in library.records(stored + day):
                file.write(json.dumps({"title": title, "abstract": abstract}) + "\n")
        numbers = map(str, (stored, _REFITTED, _EXAMPLES))
        script = Path(__file__).with_name("rank_refit.py")
        return _told([str(peers.interpreter()), str(script), str(path), *numbers])


def _told(command: Sequence[str]) -> dict[str, float]:
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    told: dict[str, float] = json.loads(done.stdout)
    return told


def _wishes(liked: Sequence[Paper], about: Paper) -> tuple[Profile, Background]:
    words = about.title.split()
    profile = Profile(
        about=about.title,
        keywords=(" ".join(words[:2]), words[-1]),
        authors=("A. Example", about.authors[0]),
        like=tuple(f"arXiv:{next(iter(paper.identifiers)).value}" for paper in liked),
    )
    return profile, Background(examples=known_by(liked))


def main(day: int) -> int:
    """Rank a day's candidates for all profiles, nothing known beforehand; print CPU seconds and MB."""
    papers = library.papers(_PROFILES * _EXAMPLES + day)
    wishes = []
    for _ in range(_PROFILES):
        liked = list(islice(papers, _EXAMPLES))
        wishes.append(_wishes(liked, liked[0]))
    new = list(papers)
    with little_garbage():
        before = time.process_time()
        for profile, background in wishes:
            rank(new, profile, background)
        taken = time.process_time() - before
    print(json.dumps({"day": taken, "MB": most_held()}))
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
