"""The rows that a document adds, written a table at a time, and which of its papers become news by it."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from bot.models import Event
from bot.store.connection import Connection, seconds
from bot.store.guids import put_guids
from bot.store.rows import PAPER_COLUMNS
from bot.store.shown import ShownRecord


@dataclass(slots=True)
class DocumentRows:
    """The rows that a document adds, gathered and written a table at a time."""

    db: Connection
    source: str
    now: datetime
    introduces: Collection[Event]
    keep_guids: bool
    known_guids: dict[str, int] = field(default_factory=dict)
    papers: list[tuple[object, ...]] = field(default_factory=list)
    identifiers: list[tuple[str, int]] = field(default_factory=list)
    sightings: list[tuple[object, ...]] = field(default_factory=list)
    new_guids: list[tuple[str, str, int]] = field(default_factory=list)
    guids: list[tuple[int, set[str]]] = field(default_factory=list)
    to_index: list[int] = field(default_factory=list)
    shown_as_news: list[int] = field(default_factory=list)
    newest: int = -1
    seen: int = 0
    at: int | None = field(init=False)

    def __post_init__(self) -> None:
        self.at = seconds(self.now)

    def add_paper(self, key: str, row: tuple[object, ...], *, backfilled: bool) -> int:
        """Add a new paper by the name of its key; return the number that it will have."""
        self.papers.append((self._next_number(), key, int(backfilled), self.at, self.at, *row))
        self.seen += backfilled
        return self.newest

    def _next_number(self) -> int:
        if self.newest < 0:
            last = self.db.row("SELECT seq FROM sqlite_sequence WHERE name = 'paper'")
            self.newest = last["seq"] if last else 0
        self.newest += 1
        return self.newest

    def add_sightings(self, paper: int, members: Iterable[ShownRecord]) -> None:
        """Add the sightings of a paper that these records are."""
        for record in members:
            sighting = record.sighting
            self.sightings.append(
                (paper, self.source, str(sighting.event), self.at, record.seen_on, record.at,
                 sighting.votes, sighting.comments, record.digest)
            )  # fmt: skip

    def add_events(self, paper: int, events: Sequence[Event]) -> None:
        """Add what became of a paper, as this document shows."""
        if events:
            self.sightings += event_rows(paper, self.source, events, self.now)

    def add_guids(self, paper: int, guids: set[str], *, fresh: bool) -> None:
        """Add the guids under which it showed a paper; `fresh` is one that nobody had before."""
        if fresh and len(guids) == 1:
            self.new_guids += [(self.source, guid, paper) for guid in guids]
        elif guids:
            self.guids.append((paper, guids))

    def write(self) -> int:
        """Write all of it inside the current transaction; return how many papers became news by it."""
        self.db.insert(_PAPER, self.papers)
        renewed = self._renew() if self.shown_as_news else 0
        self.db.insert(IDENTIFIER, self.identifiers, NAMES_NOW)
        self.db.insert(SIGHTING, self.sightings, SEEN_AGAIN)
        self.db.insert(_GUID, self.new_guids, _STANDS_NOW)
        self.db.insert(UNINDEXED, [(n,) for n in self.to_index], ALREADY)
        for paper, guids in self.guids:
            put_guids(self.db, paper, self.source, guids)
        return renewed

    def _renew(self) -> int:
        """Make news of what was stored as seen and this source shows as news, for the first time."""
        # A number as if it came now: editions tell by numbers what they have looked at.
        values = {
            "ids": json.dumps(self.shown_as_news), "source": self.source,
            "events": json.dumps(sorted(self.introduces)), "number": self._next_number(),
        }  # fmt: skip
        renewed = self.db.write(_RENEW, values).rowcount
        if renewed:
            self.db.write("UPDATE sqlite_sequence SET seq = :number WHERE name = 'paper'", values)
        return renewed


def event_rows(
    paper: int, source: str, events: Iterable[Event], now: datetime
) -> list[tuple[object, ...]]:
    """Return what became of a paper as sightings of the day on which the source showed it so."""
    at, day = seconds(now), now.date().isoformat()
    return [(paper, source, event.value, at, day, at, None, None, 0) for event in events]


_PAPER = f"paper (id, key, backfilled, first_seen, updated_at, {', '.join(PAPER_COLUMNS)})"
_RENEW = """
UPDATE paper SET backfilled = 0, renewed = :number
WHERE id IN (SELECT value FROM json_each(:ids)) AND backfilled = 1 AND NOT EXISTS (
    SELECT 1 FROM sighting s WHERE s.paper = paper.id AND s.source = :source
    AND s.event IN (SELECT value FROM json_each(:events))
)
"""
UNINDEXED, ALREADY = "unindexed (paper)", "ON CONFLICT (paper) DO NOTHING"
IDENTIFIER = "identifier (name, paper)"
NAMES_NOW = "ON CONFLICT (name) DO UPDATE SET paper = excluded.paper WHERE paper <> excluded.paper"
_GUID = "guid (source, guid, paper)"
_STANDS_NOW = "ON CONFLICT (source, guid) DO UPDATE SET paper = excluded.paper"
SIGHTING = "sighting (paper, source, event, stored_at, seen_on, at, votes, comments, digest)"
SEEN_AGAIN = """
ON CONFLICT (paper, source, event, seen_on)
DO UPDATE SET at = excluded.at, votes = excluded.votes, comments = excluded.comments,
    digest = excluded.digest
WHERE at <> excluded.at OR votes IS NOT excluded.votes OR comments IS NOT excluded.comments
    OR digest <> excluded.digest
"""
