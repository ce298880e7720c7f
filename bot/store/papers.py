"""Papers, their identifiers and sightings, and what is remembered of the sources."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime

from bot.lifecycle import is_withdrawn
from bot.models import Identifier, Paper, SourceState
from bot.store.connection import Connection, moment, seconds
from bot.store.rows import name_of, paper_of, source_of, source_values


class PaperLedger:
    """The part of the store that everybody reads."""

    db: Connection

    # ── Sources ──

    def source_states(self) -> Mapping[str, SourceState]:
        """Return what is remembered of every source ever polled, by name."""
        return {row["name"]: source_of(row) for row in self.db.rows("SELECT * FROM source")}

    def save_source_state(self, state: SourceState) -> None:
        """Commit a source's state alone."""
        with self.db.transaction():
            self._put_source(state)

    def _put_source(self, state: SourceState) -> None:
        values = source_values(state)
        names = ", ".join(values)
        marks = ", ".join(f":{name}" for name in values)
        self.db.write(f"INSERT OR REPLACE INTO source ({names}) VALUES ({marks})", values)  # noqa: S608 - names are SourceState's own

    # ── Reading ──

    def withdrawn(self, papers: Collection[int]) -> set[int]:
        """Return which of these are withdrawn; one that was joined counts as what it is now."""
        rows = self.db.rows(
            "SELECT p.id, n.id AS now FROM paper p JOIN paper n "
            "ON n.id = coalesce(p.merged_into, p.id) "
            "WHERE p.id IN (SELECT value FROM json_each(:ids)) AND n.notice <> ''",
            {"ids": json.dumps(sorted(papers))},
        )
        noticed = {paper.id for paper in self._load(r["now"] for r in rows) if is_withdrawn(paper)}
        return {row["id"] for row in rows if row["now"] in noticed}

    def lookup(self, identifiers: Collection[Identifier]) -> list[Paper]:
        """Return the stored papers that have one of these identifiers."""
        return self._having(identifiers)

    def papers(self, ids: Collection[int]) -> dict[int, Paper]:
        """Return papers by id; an id that was joined to another gives that other paper."""
        rows = self.db.rows(
            "SELECT id, coalesce(merged_into, id) AS now FROM paper "
            "WHERE id IN (SELECT value FROM json_each(:ids))",
            {"ids": json.dumps(sorted(ids))},
        )
        found = {paper.id: paper for paper in self._load(row["now"] for row in rows)}
        return {row["id"]: found[row["now"]] for row in rows}

    def first_seen(self, papers: Collection[int]) -> dict[int, datetime]:
        """Return when papers were first seen, by id; one that was joined counts as what it is now."""
        rows = self.db.rows(
            "SELECT p.id, n.first_seen FROM paper p JOIN paper n "
            "ON n.id = coalesce(p.merged_into, p.id) "
            "WHERE p.id IN (SELECT value FROM json_each(:ids))",
            {"ids": json.dumps(sorted(papers))},
        )
        return {row["id"]: at for row in rows if (at := moment(row["first_seen"])) is not None}

    def newest_paper(self, until: datetime | None = None) -> int:
        """Return the highest number of a paper (with `until`, first seen by then), 0 for none.

        What was stored as seen and became news later has a second one (`renewed`).
        """
        row = self.db.row(
            "SELECT max("
            "coalesce((SELECT max(id) FROM paper WHERE :until IS NULL OR first_seen <= :until), 0), "
            "coalesce((SELECT max(renewed) FROM paper WHERE renewed > 0 AND :until IS NULL), 0)"
            ") AS newest",
            {"until": seconds(until)},
        )
        return int(row["newest"]) if row else 0

    def recent(self, limit: int, until: datetime | None = None) -> list[Paper]:
        """Return the newest papers, newest first.

        With `until`, those that were the newest then.
        """
        rows = self.db.rows(
            "SELECT id FROM paper WHERE merged_into IS NULL "
            "AND (:until IS NULL OR first_seen <= :until) ORDER BY id DESC LIMIT :limit",
            {"limit": limit, "until": seconds(until)},
        )
        return sorted(self._load(row["id"] for row in rows), key=lambda paper: -paper.id)

    def voted(self, since: date, until: date) -> list[Paper]:
        """Return the papers that had votes between two dates, both included: a source's, or ours."""
        rows = self.db.rows(
            "SELECT paper FROM sighting WHERE votes IS NOT NULL "
            "AND seen_on BETWEEN :since AND :until "
            "UNION SELECT coalesce(p.merged_into, p.id) FROM vote v JOIN paper p ON p.id = v.paper "
            "WHERE date(v.at, 'unixepoch') BETWEEN :since AND :until",
            {"since": since.isoformat(), "until": until.isoformat()},
        )
        return self._load(row["paper"] for row in rows)

    def votes_counted_at(self) -> datetime | None:
        """Return when a source last told votes or a reader voted, None where none ever did."""
        row = self.db.row(
            "SELECT max(at) AS at FROM (SELECT max(at) AS at FROM sighting WHERE votes IS NOT NULL "
            "UNION ALL SELECT max(at) FROM vote)"
        )
        return moment(row["at"]) if row else None

    def sightings(self, paper: int) -> list[dict[str, object]]:
        """Return where and when a paper was seen, oldest first, as plain records."""
        return [
            dict(row)
            for row in self.db.rows(
                "SELECT source, event, seen_on, votes, comments FROM sighting WHERE paper = :paper "
                "ORDER BY at, source, event",
                {"paper": paper},
            )
        ]

    def count_papers(self) -> int:
        """Return how many papers are stored, aliases not counted."""
        row = self.db.row("SELECT count(*) AS n FROM paper WHERE merged_into IS NULL")
        return int(row["n"]) if row else 0

    def _having(self, identifiers: Iterable[Identifier]) -> list[Paper]:
        names = json.dumps(sorted({name_of(identifier) for identifier in identifiers}))
        rows = self.db.rows(
            "SELECT DISTINCT paper FROM identifier "
            "WHERE name IN (SELECT value FROM json_each(:names))",
            {"names": names},
        )
        return self._load(row["paper"] for row in rows)

    def _load(self, ids: Iterable[int]) -> list[Paper]:
        wanted = {"ids": json.dumps(sorted(set(ids)))}
        names: dict[int, list[str]] = {}
        for row in self.db.rows(
            "SELECT paper, name FROM identifier WHERE paper IN (SELECT value FROM json_each(:ids))",
            wanted,
        ):
            names.setdefault(row["paper"], []).append(row["name"])
        rows = self.db.rows(
            "SELECT * FROM paper WHERE id IN (SELECT value FROM json_each(:ids)) ORDER BY id",
            wanted,
        )
        told = {row["paper"]: row for row in self.db.rows(_TOLD, wanted)}
        summed = {row["paper"]: row for row in self.db.rows(_SUMMED, wanted)}
        return [
            paper_of(row, names.get(row["id"], ()), told.get(row["id"]), summed.get(row["id"]))
            for row in rows
        ]


_TOLD = """
SELECT paper, max(citations) AS citations, max(tldr) AS tldr FROM enrichment
WHERE paper IN (SELECT value FROM json_each(:ids)) AND known = 1 GROUP BY paper
"""
_SUMMED = """
SELECT paper, said, model FROM summary
WHERE said <> '' AND paper IN (SELECT value FROM json_each(:ids))
"""
