"""diff: telling the new papers from the known ones, beside plain sqlite3 doing the least it could.

The floor asks the same questions of the same tables with `json_each`, and (for new papers) inserts
the same rows with `executemany`; it merges nothing, keeps no provenance and commits once. The search
index comes behind the papers, and has rows of its own. The texts are those of `benchmarks.library`.

The larger store is the smaller one copied onto itself in SQL, table by table, under other identifiers
(and digests by lot: nothing tells them from others); its last papers are absorbed as all others are,
and those are the known ones. It has no search index.
"""

from __future__ import annotations

import json
import os
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import count, islice
from pathlib import Path

from benchmarks import library
from benchmarks.library import NOW
from benchmarks.measure import medians, wall_of
from bot.loading import little_garbage
from bot.models import Event, Paper, Sighting, SourceState
from bot.store import Store

_BATCH, _AT_ONCE = 1000, 5000


def run(rounds: int = 15, stored: int = 100_000, many: int = 2_500_000) -> list[dict[str, object]]:
    """Return one row a question: ours, the floor, the ratio, for stores of that many papers."""
    papers = _endless(stored)
    # On the disk, where so many have room.
    with (
        tempfile.TemporaryDirectory(dir="/var/tmp", prefix="diff-") as folder,
        little_garbage(),  # as an open App has it
    ):
        path = Path(folder) / "paperround.db"
        with Store(path) as store:
            known = _stocked(store, papers, stored)
            bare = _megabytes(path, stored)
            store.index_all()
            whole = _megabytes(path, stored)
            rows = [
                _known(store, path, rounds, known, stored),
                _new(store, path, rounds, papers, stored),
                _indexed(store, rounds, papers),
            ]
        _copied(path, stored, many)
        os.sync()  # what is left to be written of gigabytes would be waited for by whoever commits next
        with Store(path) as store:
            papers = _endless(stored, after=store.newest_paper())
            known = _stocked(store, papers, _AT_ONCE)
            rows += [
                _known(store, path, rounds, known, many),
                _new(store, path, rounds, papers, many),
            ]
    return [
        *rows,
        {"what": f"{stored:,} stored papers", "MB per 100,000 papers": bare},
        {"what": "the same, with the search index", "MB per 100,000 papers": whole},
    ]


def _endless(different: int, after: int = 0) -> Iterator[Paper]:
    """Yield papers numbered from there on, of so many different texts."""
    numbers = count(after + 1)
    while True:
        for record in library.records(different):
            yield library.paper(next(numbers), *record)


def _stocked(store: Store, papers: Iterator[Paper], wanted: int) -> list[Paper]:
    """Absorb so many papers; return some of the last, which are known then."""
    some: list[Paper] = []
    for first in range(0, wanted, _AT_ONCE):
        some = list(islice(papers, min(_AT_ONCE, wanted - first)))
        _absorb(store, some)
    return some[:_BATCH]


def _copied(path: Path, stored: int, many: int) -> None:
    """Copy the first `stored` papers under new numbers until there are about so many."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA synchronous = OFF")
        while (newest := db.execute("SELECT max(id) FROM paper").fetchone()[0]) < many - _AT_ONCE:
            copied = min(stored, many - _AT_ONCE - newest)
            values = {"newest": newest, "stored": copied}
            db.execute("BEGIN")
            for table, changed in _COPIED.items():
                names = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
                read = ", ".join(changed.get(name, name) for name in names)
                whose = "id" if table == "paper" else "paper"
                db.execute(
                    f"INSERT INTO {table} ({', '.join(names)}) SELECT {read} FROM {table} "  # noqa: S608 - our own tables
                    f"WHERE {whose} <= :stored ORDER BY {whose}",
                    values,
                )
            db.execute("COMMIT")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


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


# As `library.paper` numbers them: a paper's id is its number.
_NAME = "printf('arxiv:%d.%05d', 2001 + ({0} + :newest) / 90000, ({0} + :newest) % 90000)"
_COPIED = {
    "paper": {"id": "id + :newest", "key": _NAME.format("id")},
    "identifier": {"name": _NAME.format("paper"), "paper": "paper + :newest"},
    "sighting": {"paper": "paper + :newest", "digest": "abs(random() >> 1)"},
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
