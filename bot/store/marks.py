"""Marks that change with what pages show: triggers set them, whoever writes (schema.py).

A mark says nothing but "the same as before": it is drawn anew with every change, never counted on.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import date

from bot.models import Identifier
from bot.ports import PaperMark, PaperNames
from bot.store.connection import Connection
from bot.store.rows import identifier_of


class MarkLedger:
    """The part of the store that tells `publish` what changed."""

    db: Connection

    def tide(self) -> int:
        """Return the mark of all that any page shows."""
        row = self.db.row("SELECT mark FROM tide")
        return int(row["mark"]) if row else 0

    def paper_marks(self) -> dict[int, PaperMark]:
        """Return the marks of every paper that a page may show, by id."""
        rows = self.db.rows("SELECT paper, said, mark FROM shown")
        return {paper: PaperMark(said, mark) for paper, said, mark in rows}

    def edition_marks(self) -> dict[int, int]:
        """Return the mark of each edition and its picks, by id."""
        rows = self.db.rows("SELECT id, mark FROM edition")
        return {edition: mark for edition, mark in rows}  # noqa: C416 - rows are no pairs to mypy

    def vote_marks(self) -> dict[date, int]:
        """Return for each day with votes, oldest first, a mark of all papers that had some on it."""
        found: dict[date, int] = {}
        for day, mark in self.db.rows(_OF_DAYS):
            found[date.fromisoformat(day)] = found.get(date.fromisoformat(day), 0) + mark
        return dict(sorted(found.items()))

    def names(self, ids: Collection[int]) -> dict[int, PaperNames]:
        """Return under which names papers stand and stood, by id; a joined id has none."""
        wanted = {"ids": json.dumps(sorted(ids))}
        others: dict[int, list[Identifier]] = {}
        former: dict[int, list[Identifier]] = {}
        for paper, name in self.db.rows(_OTHER_NAMES, wanted):
            others.setdefault(paper, []).append(identifier_of(name))
        for paper, name in self.db.rows(_FORMER_NAMES, wanted):
            former.setdefault(paper, []).append(identifier_of(name))
        return {
            paper: PaperNames(
                identifier_of(key), frozenset(others.get(paper, ())), tuple(former.get(paper, ()))
            )
            for paper, key in self.db.rows(_KEYS, wanted)
        }

    def titles(self, ids: Collection[int]) -> dict[int, str]:
        """Return papers' titles by id, as their sources wrote them; a joined id has none."""
        rows = self.db.rows(_TITLES, {"ids": json.dumps(sorted(ids))})
        return {paper: title for paper, title in rows}  # noqa: C416 - rows are no pairs to mypy


# What has votes is shown. Marks have 40 bits: eight million of them add up to an integer of SQLite.
_OF_DAYS = """
SELECT s.seen_on, sum(m.mark) FROM sighting s JOIN shown m ON m.paper = s.paper
WHERE s.votes IS NOT NULL GROUP BY s.seen_on
UNION ALL
SELECT date(v.at, 'unixepoch'), sum(m.mark) FROM vote v JOIN paper p ON p.id = v.paper
JOIN shown m ON m.paper = coalesce(p.merged_into, p.id) GROUP BY 1
"""
_KEYS = """
SELECT id, key FROM paper
WHERE id IN (SELECT value FROM json_each(:ids)) AND merged_into IS NULL
"""
_OTHER_NAMES = """
SELECT paper, name FROM identifier WHERE paper IN (SELECT value FROM json_each(:ids))
"""
_FORMER_NAMES = """
SELECT merged_into, key FROM paper
WHERE merged_into IN (SELECT value FROM json_each(:ids)) ORDER BY id
"""
_TITLES = """
SELECT id, title FROM paper
WHERE id IN (SELECT value FROM json_each(:ids)) AND merged_into IS NULL
"""
