"""`python rank_product.py FOLDER EXAMPLES`: the raw product of profiles' vectors with papers', by scipy.

FOLDER has two sparse matrices in rows (`papers_data.npy`, `papers_indices.npy`, `papers_indptr.npy`, and
the same of `liked`), EXAMPLES how many rows of `liked` make a profile. Two products are timed: one vector
a profile, the sum of its examples' (what a profile without a kernel would cost), and one an example (what
ours needs, since one close example counts far more than several vague ones). The vectors are made
beforehand. Run by the peers' interpreter; imports nothing of ours. Prints CPU seconds as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix, eye, kron

_PARTS = ("data", "indices", "indptr")
_AT_ONCE = 1000  # rows of a product that are held at a time


def _product(rows: csr_matrix, papers: csr_matrix) -> float:
    begin = time.process_time()
    for start in range(0, rows.shape[0], _AT_ONCE):
        rows[start : start + _AT_ONCE] @ papers
    return time.process_time() - begin


def run(folder: str, examples: int) -> dict[str, float]:
    """Return the CPU seconds of both products."""
    names = [f"{name}_{part}" for name in ("papers", "liked") for part in _PARTS]
    told = {name: np.load(Path(folder) / f"{name}.npy") for name in names}
    width = 1 + max(int(told[f"{name}_indices"].max()) for name in ("papers", "liked"))
    papers, liked = (
        csr_matrix(
            tuple(told[f"{name}_{part}"] for part in _PARTS),
            shape=(len(told[f"{name}_indptr"]) - 1, width),
        )
        for name in ("papers", "liked")
    )
    profiles = liked.shape[0] // examples
    summed = (
        kron(eye(profiles, format="csr"), np.ones((1, examples)), format="csr") @ liked
    ).tocsr()
    summed.sort_indices()
    by_term = papers.T.tocsr()
    return {"profile": _product(summed, by_term), "example": _product(liked, by_term)}


if __name__ == "__main__":
    print(json.dumps(run(sys.argv[1], int(sys.argv[2]))))
