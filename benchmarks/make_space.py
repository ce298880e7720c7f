"""Make the statistics that bot/ranking/space.py reads: `python -m benchmarks.make_space BACKGROUND`.

BACKGROUND is JSON lines (gzipped where the name says so) with `title` and `abstract`. The shipped file
was made from `background.jsonl.gz` of the ranking benchmark: 24,000 unlabelled papers, 20,000 of
arXiv and 4,000 bags of words from CiteULike. What is written cannot be read as text again: how rare
hashed terms are, and the mean of all papers' directions.
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path

import numpy as np

from bot.ranking.hashing import BUCKETS, PAIRS, RUNS, hashed_terms
from bot.ranking.space import Space

_COMMONEST = 0.3  # of papers: a word or run that more have tells nothing
_IDF_STEPS = 255
_LEAST_OF_MEAN = 2e-4
_LARGEST = 4_000_000  # bytes
_OUT = Path(__file__).parents[1] / "bot" / "ranking" / "space.npz"


def main(background: str) -> int:
    """Read the background, write the statistics, say how large they are."""
    opened = gzip.open if background.endswith(".gz") else open
    with opened(background, "rt", encoding="utf-8") as lines:
        papers = [json.loads(line) for line in lines]
    texts = [(paper["title"], paper["abstract"]) for paper in papers]
    idf = _idf(texts)
    step = float(idf.max()) / _IDF_STEPS
    steps = np.round(idf / step).astype(np.uint8)
    space = Space(steps, step, np.zeros(BUCKETS, np.float32))
    directions = [space.direction(*text) for text in texts]
    mean = np.zeros(BUCKETS)
    for each in directions:
        mean[each.buckets] += each.weights / len(directions)
    told = np.flatnonzero(mean >= _LEAST_OF_MEAN)
    np.savez_compressed(
        _OUT,
        idf=steps,
        idf_step=np.float64(step),
        mean_buckets=told.astype(np.uint32),
        mean=mean[told].astype(np.float32),
    )
    size = _OUT.stat().st_size
    print(f"{len(texts):,} papers → {_OUT.name}: {size:,} bytes, {len(told):,} terms in the mean")
    return 0 if size <= _LARGEST else 1


def _idf(texts: list[tuple[str, str]]) -> np.ndarray:
    having = np.zeros(BUCKETS)
    for text in texts:
        having[hashed_terms(*text).buckets] += 1
    idf = np.log((1 + len(texts)) / (1 + having)) + 1
    common = having > _COMMONEST * len(texts)
    common[PAIRS:RUNS] = False
    idf[common] = 0.0
    return idf


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
