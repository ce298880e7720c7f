"""diff: telling the new papers from the known ones, beside plain sqlite3 doing the least it could.

The floor asks the same questions of the same tables with `json_each`, and (for new papers) inserts
the same rows with `executemany`; it merges nothing, keeps no provenance and commits once. The search
index comes behind the papers, and has rows of its own. The texts are those of `benchmarks.library`.
"""

from __future__ import annotations

import json
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path

from benchmarks import library
from benchmarks.library import NOW
from benchmarks.measure import medians, wall_of
from bot.models import Event, Paper, Sighting, SourceState
from bot.store import Store

_BATCH = 1000


def run(rounds: int = 5, stored: int = 100_000) -> list[dict[str, object]]:
    """Return one row a question: ours, the floor, the ratio, for a store of that many papers."""
    papers = library.papers(stored + 4 * rounds * _BATCH)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "paperround.db"
        with Store(path) as store:
            known: list[Paper] = []
            for first in range(0, stored, 5000):
                some = list(islice(papers, min(5000, stored - first)))
                known += some[:_BATCH]
                _absorb(store, some)
            bare = _megabytes(path, stored)
            store.index_all()
            whole = _megabytes(path, stored)
            rows = [
                _known(store, path, rounds, known[-_BATCH:], stored),
                _new(store, path, rounds, papers, stored),
                _indexed(store, rounds, papers),
            ]
    return [
        *rows,
        {"what": f"{stored:,} stored papers", "MB per 100,000 papers": bare},
        {"what": "the same, with the search index", "MB per 100,000 papers": whole},
    ]


def _megabytes(path: Path, stored: int) -> float:
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return round(path.stat().st_size / 1e6 * 100_000 / stored, 1)


def _key(paper: Paper) -> str:
    return f"arxiv:{next(iter(paper.identifiers)).value}"


def _absorb(store: Store, papers: Iterable[Paper]) -> None:
    sightings = [Sighting(paper, Event.NEW, NOW) for paper in papers]
    store.absorb("bench", sightings, SourceState("bench"), NOW, introduces=set(Event))


def _known(
    store: Store, path: Path, rounds: int, known: list[Paper], stored: int
) -> dict[str, object]:
    names = json.dumps(list(map(_key, known)))

    def floor() -> float:
        with closing(sqlite3.connect(path)) as db:
            return wall_of(lambda: db.execute(_LOOK_UP, [names]).fetchall())

    seconds = medians(rounds, lambda: wall_of(lambda: _absorb(store, known)), floor)
    return _row(f"{_BATCH:,} known papers against {stored:,}", *seconds)


def _new(
    store: Store, path: Path, rounds: int, papers: Iterator[Paper], stored: int
) -> dict[str, object]:
    def ours() -> float:
        some = list(islice(papers, _BATCH))
        return wall_of(lambda: _absorb(store, some))

    def floor() -> float:
        some = list(islice(papers, _BATCH))
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            db.execute("PRAGMA synchronous = FULL")
            return wall_of(lambda: _insert(db, some))

    return _row(f"{_BATCH:,} new papers into {stored:,}", *medians(rounds, ours, floor))


def _indexed(store: Store, rounds: int, papers: Iterator[Paper]) -> dict[str, object]:
    """Measure what was left for later: the search text of papers that are stored."""
    store.index_all()

    def ours() -> float:
        _absorb(store, islice(papers, _BATCH))
        return wall_of(store.index_all)

    (seconds,) = medians(rounds, ours)
    return {"what": f"{_BATCH:,} new papers: search index, later", "ms": round(seconds * 1000, 1)}


def _insert(db: sqlite3.Connection, papers: list[Paper]) -> None:
    """Do the least: the paper, its identifier and where it was seen, in one transaction."""
    db.execute("BEGIN IMMEDIATE")
    keys = list(map(_key, papers))
    newest = db.execute("SELECT max(id) FROM paper").fetchone()[0]
    db.executemany(
        _INSERT_PAPER,
        [
            (newest + n, key, p.title, "\n".join(p.authors), p.abstract, " ".join(p.categories))
            for n, (key, p) in enumerate(zip(keys, papers, strict=True), start=1)
        ],
    )
    db.executemany(
        "INSERT INTO identifier (name, paper) VALUES (?, ?)",
        [(key, newest + n) for n, key in enumerate(keys, start=1)],
    )
    db.executemany(
        "INSERT INTO sighting (paper, source, event, stored_at, seen_on, at) "
        "VALUES (?, 'bench', 'new', 0, '2026-11-20', 0)",
        [(newest + n,) for n in range(1, len(keys) + 1)],
    )
    db.execute("COMMIT")


def _row(what: str, ours: float, floor: float) -> dict[str, object]:
    return {
        "what": what,
        "ms": round(ours * 1000, 1),
        "floor ms": round(floor * 1000, 1),
        "ratio": round(ours / floor, 2),
    }


# What a paper must be compared by: all of its stored fields, found by its identifiers.
_LOOK_UP = """
SELECT p.*, i.name FROM identifier i JOIN paper p ON p.id = i.paper
WHERE i.name IN (SELECT value FROM json_each(?))
"""
_INSERT_PAPER = """
INSERT INTO paper (id, key, title, authors, abstract, categories, venue, version, published, links,
    stamps, first_seen, updated_at, backfilled)
VALUES (?, ?, ?, ?, ?, ?, '', 1, 0, '[]', '[]', 0, 0, 0)
"""
