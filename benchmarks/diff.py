"""diff: telling the new papers from the known ones, beside plain sqlite3 doing the least it could.

The floor asks the same questions of the same tables with `json_each`, and (for new papers) inserts
the same rows with `executemany`; it merges nothing, keeps no provenance and commits once. The search
index comes behind the papers, and has a row of its own.
"""

from __future__ import annotations

import json
import random
import sqlite3
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.measure import medians, wall_of
from bot.identity import stamped
from bot.models import Event, Identifier, Paper, Scheme, Sighting, SourceState, Stamp
from bot.store import Store

_NOW = datetime(2026, 11, 20, 6, tzinfo=UTC)
_WORDS = [f"word{number}" for number in range(4000)]
_BATCH = 1000


def run(rounds: int = 5, stored: int = 100_000) -> list[dict[str, object]]:
    """Return one row a question: ours, the floor, the ratio, for a store of that many papers."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "paperround.db"
        with Store(path) as store:
            for first in range(0, stored, 5000):
                _absorb(store, first, min(5000, stored - first))
            store.index_all()
            size = path.stat().st_size
            rows = [
                _known(store, path, rounds, stored),
                _new(store, path, rounds, stored),
                _indexed(store, rounds, stored + 3 * rounds * _BATCH),
            ]
    megabytes = round(size / 1e6 * 100_000 / stored, 1)
    return [*rows, {"what": f"{stored:,} stored papers", "MB per 100,000 papers": megabytes}]


def _sightings(first: int, count: int) -> list[Sighting]:
    return [Sighting(_paper(number), Event.NEW, _NOW) for number in range(first, first + count)]


def _paper(number: int) -> Paper:
    draw = random.Random(number)  # noqa: S311 - generated text, the same every time
    paper = Paper(
        title=" ".join(draw.choices(_WORDS, k=10)),
        identifiers=frozenset(
            {Identifier(Scheme.ARXIV, f"{1000 + number // 90000}.{number % 90000:05d}")}
        ),
        authors=tuple(" ".join(draw.choices(_WORDS, k=2)) for _ in range(5)),
        abstract=" ".join(draw.choices(_WORDS, k=150)),
        categories=("cs.LG", "cs.CL"),
        version=1,
        published=_NOW,
    )
    return stamped(paper, Stamp(40, 1, "2026-11-20"))


def _absorb(store: Store, first: int, count: int) -> None:
    store.absorb(
        "bench", _sightings(first, count), SourceState("bench"), _NOW, introduces=set(Event)
    )


def _known(store: Store, path: Path, rounds: int, stored: int) -> dict[str, object]:
    first = stored // 2
    sightings = _sightings(first, _BATCH)
    names = json.dumps([f"arxiv:{next(iter(s.paper.identifiers)).value}" for s in sightings])

    def ours() -> float:
        state = SourceState("bench")
        return wall_of(lambda: store.absorb("bench", sightings, state, _NOW, introduces=set(Event)))

    def floor() -> float:
        db = sqlite3.connect(path)
        try:
            return wall_of(lambda: db.execute(_LOOK_UP, [names]).fetchall())
        finally:
            db.close()

    return _row(f"{_BATCH:,} known papers against {stored:,}", *medians(rounds, ours, floor))


def _new(store: Store, path: Path, rounds: int, stored: int) -> dict[str, object]:
    at = [stored]

    def ours() -> float:
        first, at[0] = at[0], at[0] + _BATCH
        sightings, state = _sightings(first, _BATCH), SourceState("bench")
        return wall_of(lambda: store.absorb("bench", sightings, state, _NOW, introduces=set(Event)))

    def floor() -> float:
        first, at[0] = at[0], at[0] + _BATCH
        papers = [_paper(number) for number in range(first, first + _BATCH)]
        db = sqlite3.connect(path, isolation_level=None)
        db.execute("PRAGMA synchronous = FULL")
        try:
            return wall_of(lambda: _insert(db, papers))
        finally:
            db.close()

    return _row(f"{_BATCH:,} new papers into {stored:,}", *medians(rounds, ours, floor))


def _indexed(store: Store, rounds: int, first: int) -> dict[str, object]:
    """Measure what was left for later: the search text of papers that are stored."""
    store.index_all()
    at = [first]

    def ours() -> float:
        _absorb(store, at[0], _BATCH)
        at[0] += _BATCH
        return wall_of(store.index_all)

    (seconds,) = medians(rounds, ours)
    return {"what": f"{_BATCH:,} new papers: search index, later", "ms": round(seconds * 1000, 1)}


def _insert(db: sqlite3.Connection, papers: list[Paper]) -> None:
    """Do the least: the paper, its identifier and where it was seen, in one transaction."""
    db.execute("BEGIN IMMEDIATE")
    keys = [f"arxiv:{next(iter(paper.identifiers)).value}" for paper in papers]
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
