"""Retention: old text goes, the ledgers stay.

A paper keeps its title, authors, identifiers, key, guids and aliases, its picks and first sightings:
so nothing that is pruned is ever taken for new, and no page of it leads nowhere.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import datetime

from bot.models import Identifier
from bot.store.connection import Connection, moment, seconds
from bot.store.indexing import put_in, take_out
from bot.store.rows import name_of
from bot.values import value_type

WINDOW = 1000  # papers, or attempts, that are looked at in one step
MOST = 50  # papers whose text one step takes: the search index costs up to 1 ms each


@value_type(frozen=True, slots=True)
class Pruning:
    """How far a pass over the papers has come (`after`, a paper's id), or when the last one ended."""

    after: int = 0
    ended_at: datetime | None = None


@value_type(frozen=True, slots=True)
class Pruned:
    """What one step did: how many papers lost their text, and how far it came (None: to the end)."""

    papers: int
    after: int | None


class Pruner:
    """The part of the store that retention reads and writes, over the store's own connection."""

    def __init__(self, db: Connection) -> None:
        self._db = db

    def pruning(self) -> Pruning:
        """Return how far the passes have come."""
        row = self._db.row("SELECT value FROM meta WHERE key = 'pruning'")
        if row is None:
            return Pruning()
        told = json.loads(row["value"])
        return Pruning(told["after"], moment(told["ended_at"]))

    def prune_papers(
        self, cutoff: datetime, after: int, spared: Collection[Identifier], most: int = MOST
    ) -> Pruned:
        """Take the text of `most` old papers after that id, in one short transaction.

        Old is what was first seen, last changed, last shown and last picked before `cutoff` (aware);
        what somebody judged or put forward, and what `spared` names, keeps its text.
        """
        values = {
            "cutoff": seconds(cutoff), "after": after, "window": WINDOW, "most": most,
            "spared": json.dumps(sorted(map(name_of, spared))),
        }  # fmt: skip
        reach = self._db.row(_REACH, values)
        if reach is None or reach["last"] is None or reach["oldest"] >= values["cutoff"]:
            return Pruned(0, None)
        values |= {"last": reach["last"]}
        if not (self._db.row(_OLD, values) or self._db.row(_OLD_REVISION, values)):
            return Pruned(0, reach["last"])
        with self._db.transaction():
            # Looked up now that nobody else writes: one may just have been shown anew.
            old = [row["id"] for row in self._db.rows(_OLD, values)]
            last: int = old[-1] if len(old) == most else reach["last"]
            values |= {"last": last}
            self._take_text(old, values)
            # Also what the trigger has just kept of the text that was taken.
            self._db.write(_REVISIONS, values)
        return Pruned(len(old), last)

    def _take_text(self, papers: Collection[int], values: Mapping[str, object]) -> None:
        among = {**values, "ids": json.dumps(sorted(papers))}
        indexed = take_out(self._db, papers)
        put_in(
            self._db, ((paper, title, names, "", cats) for paper, title, names, _, cats in indexed)
        )
        self._db.write(_NO_ABSTRACT, among)
        self._db.write(_NO_TLDR, among)
        self._db.write(_NO_VECTORS, among)
        self._db.write(_SIGHTINGS, among)
        self._db.write(_SHOW_AGAIN, among)

    def prune_attempts(self, cutoff: datetime, after: int) -> Pruned:
        """Take the old attempts of the next deliveries that are over; how often it was tried stays.

        `after` is a delivery's id; `Pruned.papers` is 0.
        """
        values = {"cutoff": seconds(cutoff), "after": after, "window": WINDOW}
        reach = self._db.row(_ATTEMPTS_REACH, values)
        if reach is None or reach["last"] is None or reach["oldest"] >= values["cutoff"]:
            return Pruned(0, None)
        with self._db.transaction():
            self._db.write(_ATTEMPTS, values | {"last": reach["last"]})
        return Pruned(0, reach["last"])

    def note_pruning(self, after: int) -> None:
        """Commit how far a pass has come."""
        with self._db.transaction():
            self._note(after, None)

    def end_pruning(self, cutoff: datetime, now: datetime) -> None:
        """Drop old inbound mail, and that it came; commit that a pass is over."""
        with self._db.transaction():
            self._db.write(_INBOX, {"cutoff": seconds(cutoff)})
            self._note(0, now)

    def _note(self, after: int, ended_at: datetime | None) -> None:
        told = json.dumps({"after": after, "ended_at": seconds(ended_at)})
        self._db.write(
            "INSERT INTO meta (key, value) VALUES ('pruning', :value) "
            "ON CONFLICT (key) DO UPDATE SET value = :value",
            {"value": told},
        )


_REACH = """
SELECT max(id) AS last, min(first_seen) AS oldest FROM (
    SELECT id, first_seen FROM paper WHERE id > :after ORDER BY id LIMIT :window
)
"""
_OLD = """
SELECT p.id FROM paper p
WHERE p.id > :after AND p.id <= :last AND p.abstract <> ''
AND p.first_seen < :cutoff AND p.updated_at < :cutoff
AND NOT EXISTS (SELECT 1 FROM sighting s WHERE s.paper = p.id AND s.at >= :cutoff)
AND NOT EXISTS (
    SELECT 1 FROM pick k JOIN edition e ON e.id = k.edition
    WHERE k.paper = p.id AND e.made_at >= :cutoff
)
AND NOT EXISTS (
    SELECT 1 FROM paper a JOIN pick k ON k.paper = a.id JOIN edition e ON e.id = k.edition
    WHERE a.merged_into = p.id AND e.made_at >= :cutoff
)
AND NOT EXISTS (SELECT 1 FROM feedback f WHERE f.paper = p.id)
AND NOT EXISTS (
    SELECT 1 FROM paper a JOIN feedback f ON f.paper = a.id WHERE a.merged_into = p.id
)
AND NOT EXISTS (SELECT 1 FROM submission s WHERE s.paper = p.id)
AND p.id NOT IN (
    SELECT paper FROM identifier WHERE name IN (SELECT value FROM json_each(:spared))
)
ORDER BY p.id LIMIT :most
"""
_AMONG = "paper IN (SELECT value FROM json_each(:ids))"
_NO_ABSTRACT = "UPDATE paper SET abstract = '' WHERE id IN (SELECT value FROM json_each(:ids))"
_NO_TLDR = f"UPDATE enrichment SET tldr = '' WHERE {_AMONG}"  # noqa: S608 - our own constant
_NO_VECTORS = f"DELETE FROM vector WHERE {_AMONG}"  # noqa: S608 - our own constant
# Of a paper that has no page, and so no history to show: when each source first showed it stays,
# because that decides what is new to a profile with sources of its own.
_SIGHTINGS = f"""
DELETE FROM sighting WHERE {_AMONG} AND votes IS NULL AND event <> 'submit'
AND stored_at > (
    SELECT min(o.stored_at) FROM sighting o
    WHERE o.paper = sighting.paper AND o.source = sighting.source
)
AND NOT EXISTS (SELECT 1 FROM pick k WHERE k.paper = sighting.paper)
AND NOT EXISTS (SELECT 1 FROM paper a WHERE a.merged_into = sighting.paper)
AND NOT EXISTS (
    SELECT 1 FROM sighting o WHERE o.paper = sighting.paper AND o.votes IS NOT NULL
)
"""  # noqa: S608 - our own constant
# What is shown again in spite of its age gets its text back.
_SHOW_AGAIN = f"UPDATE sighting SET digest = 0 WHERE {_AMONG}"  # noqa: S608 - our own constant
_OLD_REVISIONS = "revision WHERE paper > :after AND paper <= :last AND until < :cutoff"
_OLD_REVISION = f"SELECT 1 FROM {_OLD_REVISIONS} LIMIT 1"  # noqa: S608 - our own constant
_REVISIONS = f"DELETE FROM {_OLD_REVISIONS}"  # noqa: S608 - our own constant
_ATTEMPTS_REACH = """
SELECT max(delivery) AS last, min(at) AS oldest FROM (
    SELECT delivery, at FROM attempt WHERE delivery > :after ORDER BY delivery LIMIT :window
)
"""
_ATTEMPTS = """
DELETE FROM attempt WHERE delivery > :after AND delivery <= :last AND at < :cutoff
AND delivery IN (
    SELECT id FROM delivery WHERE id > :after AND id <= :last
    AND status IN ('sent', 'failed', 'skipped')
)
"""
_INBOX = "DELETE FROM inbox WHERE at < :cutoff AND state <> 'waiting'"
