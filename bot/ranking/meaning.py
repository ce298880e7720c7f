"""What texts mean: vectors of a model, less what all papers have in common, and how near they are.

A model's vectors lie in a narrow cone: two papers on anything have a cosine of .2 or more. Whitening
takes off their mean and evens out their directions; without it more examples make the ranking worse.
What it needs to know of papers in general is shipped for the model that comes with the extra
(`whitening.npz`, made by `benchmarks/make_whitening.py`), and learnt once, for ever, for any other.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import as_file, files

import numpy as np
from numpy.typing import NDArray

from bot.models import Paper
from bot.ranking.hashing import Reals
from bot.ranking.told import as_told, digest_of, known_as

SHIPPED_FOR = "all-MiniLM-L6-v2 int8/128"  # the embedder whose statistics are shipped
LEAST_TO_LEARN = 300  # vectors; with fewer, words rank
MOST_TO_LEARN = 2000
_SHRUNK = 0.3  # so much of the covariance is taken to be even in all directions
_WIDEST = (
    384  # directions that are kept: then cosines of any model spread as those of the shipped one
)
_SHARPNESS = 3.0  # of the kernel; vectors agree more evenly than words do


@dataclass(frozen=True, slots=True, eq=False)
class Whitening:
    """The mean of a model's vectors (width), and the matrix (width x kept) that evens them out."""

    mean: Reals
    matrix: Reals

    def __call__(self, packed: Sequence[bytes]) -> Reals:
        """Return vectors of length 1 as rows, of float16 as an embedder gives them.

        Raises ValueError for vectors of another width.
        """
        width = len(self.mean)
        if any(len(each) != 2 * width for each in packed):
            raise ValueError(f"vectors are not {width} wide")
        rows = np.frombuffer(b"".join(packed), "<f2").reshape(-1, width).astype(np.float64)
        white = (rows - self.mean) @ self.matrix
        lengths = np.sqrt((white * white).sum(axis=1, keepdims=True))
        result: Reals = white / np.where(lengths > 0, lengths, 1.0)
        return result

    def packed(self) -> bytes:
        """Return it as bytes, for the store."""
        file = io.BytesIO()
        np.savez_compressed(
            file, mean=self.mean.astype(np.float32), matrix=self.matrix.astype(np.float16)
        )
        return file.getvalue()

    @classmethod
    def unpacked(cls, told: bytes) -> Whitening:
        """Read what `packed` wrote."""
        return _read(io.BytesIO(told))


def _read(file: object) -> Whitening:
    with np.load(file) as told:  # type: ignore[arg-type]  # a path or an open file
        return Whitening(told["mean"].astype(np.float64), told["matrix"].astype(np.float64))


@lru_cache(maxsize=1)
def shipped_whitening() -> Whitening:
    """Return the statistics of the model that comes with the extra."""
    with as_file(files("bot.ranking").joinpath("whitening.npz")) as path:
        return _read(path)


def learnt_whitening(packed: Sequence[bytes]) -> Whitening:
    """Return what vectors of papers in general tell; all of one width. Raises ValueError if not."""
    if len({len(each) for each in packed}) != 1:
        raise ValueError("vectors of several widths")
    rows = np.frombuffer(b"".join(packed), "<f2").reshape(len(packed), -1).astype(np.float64)
    mean = rows.mean(axis=0)
    covariance = np.cov(rows - mean, rowvar=False)
    even = np.trace(covariance) / len(mean)
    covariance = (1 - _SHRUNK) * covariance + _SHRUNK * even * np.eye(len(mean))
    spread, directions = np.linalg.eigh(covariance)
    kept = np.argsort(spread)[::-1][:_WIDEST]
    # Scaled, so that float16 holds it well; lengths are made 1 afterwards anyway.
    matrix = directions[:, kept] * np.sqrt(even / spread[kept])
    return Whitening(mean, matrix)


class Meaning:
    """Vectors of the texts that a ranking looks at, by their digests, from one embedder.

    `rows` are of length 1, float32, whitened.
    """

    def __init__(self, embedder: str, rows: Mapping[bytes, NDArray[np.float32]]) -> None:
        self.embedder, self._rows = embedder, rows

    def of_papers(self, papers: Sequence[Paper]) -> Reals:
        """Return the papers' vectors as rows. Raises KeyError for one that is not among them."""
        return self._stacked([known_as(paper.title, paper.abstract) for paper in papers])

    def of_texts(self, texts: Sequence[str]) -> Reals:
        """Return the vectors of a profile's texts as rows."""
        return self._stacked([digest_of(as_told(text)) for text in texts])

    def _stacked(self, digests: Sequence[bytes]) -> Reals:
        if not digests:
            return np.zeros((0, 0))
        return np.array([self._rows[digest] for digest in digests], np.float64)


def likeness(papers: Reals, others: Reals) -> Reals:
    """Return how like each is to each, from 0 to 1, as (papers, others): an exponential kernel."""
    if not papers.size or not others.size:
        return np.zeros((len(papers), len(others)))
    near = np.clip(papers @ others.T, 0.0, 1.0)
    result: Reals = np.expm1(_SHARPNESS * near) / math.expm1(_SHARPNESS)
    return result
