"""How far probabilities can be believed: `python -m benchmarks.calibration BENCH [EVERY]`.

BENCH is the folder of the ranking benchmark (its evaluate.py is imported), EVERY takes each so many
users. Each user is ranked by the product with profiles of keywords, of a description, of 1 to 20 liked
papers, and of all together; positives and negatives are weighted to the stated share of wanted papers.
Prints the reliability diagram, and the expected calibration error over ten bins.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module

import numpy as np

from benchmarks.ranking_adapter import ranked
from bot.ranking.calibration import WANTED_SHARE, probability
from bot.ranking.hashing import Reals

_PROFILES = (
    ("keywords", 0), ("description", 0), ("examples", 1), ("examples", 5), ("examples", 10),
    ("examples", 20), ("mixed", 5), ("mixed", 20),
)  # fmt: skip
_BINS = 10


def main(bench: str, every: int = 1) -> int:
    """Rank, and print a table as Markdown."""
    told: dict[str, list[Reals]] = {}
    for what, rows in _ranked(bench, every):
        told.setdefault(what, []).append(rows)
    pooled = np.concatenate([rows for each in told.values() for rows in each])
    print("| said | of the papers | are wanted |\n|---|---|---|")
    for said, share, wanted in _diagram(pooled):
        print(f"| {said:.2f} | {share:.3%} | {wanted:.2f} |")
    print(f"\nExpected calibration error: {_error(pooled):.4f} over all; by profile:")
    for what, each in told.items():
        print(f"- {what}: {_error(np.concatenate(each)):.4f} ({len(each)} users)")
    return 0


def _ranked(bench: str, every: int) -> Iterator[tuple[str, Reals]]:
    """Yield rows of (probability, wanted, weight) for each user and kind of profile."""
    sys.path.insert(0, bench)
    evaluate = import_module("evaluate")
    docs = evaluate.load_docs()
    for user in evaluate.load_users("dev")[::every]:
        for protocol, likes in _PROFILES:
            if protocol in ("keywords", "description") and not user[protocol]:
                continue
            profile, candidates, wanted = evaluate.make_task(user, docs, protocol, likes)
            found = ranked(profile, candidates)
            # What the product leaves out has nothing speaking for it.
            said = [each.probability if each else probability(0.0) for each in found]
            positives = int(wanted.sum())
            weights = np.where(
                wanted == 1,
                WANTED_SHARE / positives,
                (1 - WANTED_SHARE) / (len(wanted) - positives),
            )
            what = f"{protocol} {likes}" if likes else protocol
            yield what, np.column_stack([said, wanted, weights])


def _binned(rows: Reals) -> Iterator[Reals]:
    places = np.minimum((rows[:, 0] * _BINS).astype(int), _BINS - 1)
    for place in range(_BINS):
        if (places == place).any():
            yield rows[places == place]


def _diagram(rows: Reals) -> Iterator[tuple[float, float, float]]:
    """Yield (mean probability said, share of the papers, share of those wanted) for each bin."""
    whole = rows[:, 2].sum()
    for said, wanted, weight in (each.T for each in _binned(rows)):
        total = weight.sum()
        yield float(said @ weight / total), float(total / whole), float(wanted @ weight / total)


def _error(rows: Reals) -> float:
    return sum(share * abs(said - wanted) for said, share, wanted in _diagram(rows))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], *map(int, sys.argv[2:])))
