"""Papers, their identifiers and sightings, and what is remembered of the sources."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

from bot.identity import Group, diff, known_by
from bot.lifecycle import gained, is_withdrawn
from bot.models import Event, Identifier, Paper, Sighting, SourceState
from bot.ports import Absorbed
from bot.store.connection import Connection, moment, seconds
from bot.store.guids import Recognised, guids_of, keys_shown, put_guids, recognised
from bot.store.indexing import index_paper
from bot.store.rows import name_of, paper_of, paper_values, source_of, source_values


class PaperLedger:
    """The part of the store that `collect` writes and everybody reads."""

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

    # ── Absorbing a document ──

    def absorb(
        self,
        source: str,
        sightings: Sequence[Sighting],
        state: SourceState,
        now: datetime,
        *,
        introduces: Collection[Event],
        seen_before: datetime | None = None,
        keep_guids: bool = False,
    ) -> Absorbed:
        """Commit a document in one transaction: papers, sightings and the source's new state.

        A paper we don't have is taken only where its event is in `introduces`. Papers dated before
        `seen_before` (None: no limit), or undated then, are stored as seen: never candidates.
        `keep_guids` remembers which paper an entry's guid stood for. Where most of a document are
        papers that this source showed before, under new guids, nothing in it is news.
        The grouping (`identity.diff`) runs inside the transaction, so that two collectors at once
        cannot store one paper twice.
        """
        with self.db.transaction():
            moved = 0
            if keep_guids:
                found = self._recognised(source, sightings)
                sightings, moved = found.sightings, found.moved
                seen_before = now + timedelta(days=1) if moved else seen_before
            known = self._having(i for s in sightings for i in s.paper.identifiers)
            had = set(known_by(known)).union(
                *(s.paper.identifiers for s in sightings if s.event in introduces)
            )
            admitted = [s for s in sightings if not had.isdisjoint(s.paper.identifiers)]
            groups = diff([sighting.paper for sighting in admitted], known)
            for group in groups:
                shown = [admitted[index] for index in group.records]
                voted = _with_votes(group, shown, self._house_votes(group, shown))
                paper = self._put_group(voted, shown, now, seen_before)
                self._put_sightings(paper, source, shown, now)
                if group.changed:
                    self._put_events(paper, source, gained(group.known, group.paper), now)
                index_paper(self.db, paper, group)
                if keep_guids:
                    put_guids(self.db, paper, source, {sighting.guid for sighting in shown})
            self._put_source(state)
        return Absorbed(
            new=0 if moved else sum(group.is_new for group in groups),
            updated=sum(group.changed and not group.is_new for group in groups),
            joined=sum(len(group.known) > 1 for group in groups),
            relinked=moved,
        )

    def _recognised(self, source: str, sightings: Sequence[Sighting]) -> Recognised:
        ids = guids_of(self.db, source, {sighting.guid for sighting in sightings})
        papers = self.papers(set(ids.values()))
        return recognised(
            sightings,
            {guid: papers[paper] for guid, paper in ids.items()},
            lambda records: keys_shown(
                self.db, source, self._having(name for r in records for name in r.identifiers)
            ),
        )

    def _house_votes(self, group: Group, shown: list[Sighting]) -> int:
        """Return how many votes of curators come on top of those that a source has just told."""
        if group.is_new or all(sighting.votes is None for sighting in shown):
            return 0
        row = self.db.row(
            "SELECT count(DISTINCT paper) AS n FROM sighting WHERE event = 'submit' "
            "AND paper IN (SELECT value FROM json_each(:ids))",
            {"ids": json.dumps([paper.id for paper in group.known])},
        )
        return int(row["n"]) if row else 0

    def _put_group(
        self, group: Group, shown: list[Sighting], now: datetime, seen_before: datetime | None
    ) -> int:
        values = paper_values(group.paper) | {"now": seconds(now)}
        if group.is_new:
            old = seen_before is not None and all(
                sighting.at is None or sighting.at < seen_before for sighting in shown
            )
            assert group.paper.key is not None  # noqa: S101 - identity.diff gives every paper a key
            values |= {"key": name_of(group.paper.key), "backfilled": int(old)}
            paper = self.db.write(_INSERT_PAPER, values).lastrowid or 0
            self._put_identifiers(paper, group.paper.identifiers)
            return paper
        paper = group.known[0].id
        before = group.known[0]
        votes_changed = (before.votes, before.comments) != (group.paper.votes, group.paper.comments)
        if group.changed or votes_changed:
            self.db.write(_UPDATE_PAPER, values | {"id": paper, "touch": int(group.changed)})
        if group.changed:
            for loser in group.known[1:]:
                self._join(loser.id, paper)
            self._put_identifiers(paper, group.paper.identifiers)
        return paper

    def _put_identifiers(self, paper: int, identifiers: Iterable[Identifier]) -> None:
        self.db.write_many(
            "INSERT INTO identifier (name, paper) VALUES (:name, :paper) "
            "ON CONFLICT (name) DO UPDATE SET paper = :paper",
            [{"name": name_of(identifier), "paper": paper} for identifier in sorted(identifiers)],
        )

    def _join(self, loser: int, winner: int) -> None:
        """Two papers turned out to be one: the later one's key becomes an alias."""
        values = {"loser": loser, "winner": winner}
        self.db.write("UPDATE paper SET merged_into = :winner WHERE merged_into = :loser", values)
        self.db.write("UPDATE paper SET merged_into = :winner WHERE id = :loser", values)
        self.db.write("UPDATE identifier SET paper = :winner WHERE paper = :loser", values)
        self.db.write("UPDATE guid SET paper = :winner WHERE paper = :loser", values)
        self.db.write("UPDATE OR IGNORE sighting SET paper = :winner WHERE paper = :loser", values)
        self.db.write("DELETE FROM sighting WHERE paper = :loser", values)
        # A paper that was new to its readers must not be hidden by the old one it joins.
        self.db.write(
            "UPDATE paper SET backfilled = min(backfilled, (SELECT backfilled FROM paper "
            "WHERE id = :loser)) WHERE id = :winner",
            values,
        )

    def _put_sightings(self, paper: int, source: str, shown: list[Sighting], now: datetime) -> None:
        rows: list[dict[str, object]] = []
        for sighting in shown:
            # Votes are a series by the day we looked; anything else is dated by its source.
            at = now if sighting.votes is not None or sighting.at is None else sighting.at
            rows.append({
                "paper": paper, "source": source, "event": sighting.event.value,
                "seen_on": at.date().isoformat(), "at": seconds(at), "now": seconds(now),
                "votes": sighting.votes, "comments": sighting.comments,
            })  # fmt: skip
        self.db.write_many(_PUT_SIGHTING, rows)

    def _put_events(self, paper: int, source: str, events: Sequence[Event], now: datetime) -> None:
        """Keep what became of a paper as sightings of the day on which the source showed it so."""
        if not events:
            return
        self.db.write_many(
            _PUT_SIGHTING,
            [
                {"paper": paper, "source": source, "event": event.value, "now": seconds(now),
                 "seen_on": now.date().isoformat(), "at": seconds(now),
                 "votes": None, "comments": None}
                for event in events
            ],
        )  # fmt: skip

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
        """Return the highest paper id (with `until`, first seen by then), 0 where there is none."""
        row = self.db.row(
            "SELECT coalesce(max(id), 0) AS newest FROM paper "
            "WHERE :until IS NULL OR first_seen <= :until",
            {"until": seconds(until)},
        )
        return int(row["newest"]) if row else 0

    def recent(self, limit: int, until: datetime | None = None) -> list[Paper]:
        """Return the newest papers, for the ranker's background, newest first.

        With `until`, those that were the newest then.
        """
        rows = self.db.rows(
            "SELECT id FROM paper WHERE merged_into IS NULL "
            "AND (:until IS NULL OR first_seen <= :until) ORDER BY id DESC LIMIT :limit",
            {"limit": limit, "until": seconds(until)},
        )
        return sorted(self._load(row["id"] for row in rows), key=lambda paper: -paper.id)

    def voted(self, since: date, until: date) -> list[Paper]:
        """Return the papers that a source showed with votes between two dates, both included."""
        rows = self.db.rows(
            "SELECT DISTINCT paper FROM sighting WHERE votes IS NOT NULL "
            "AND seen_on BETWEEN :since AND :until",
            {"since": since.isoformat(), "until": until.isoformat()},
        )
        return self._load(row["paper"] for row in rows)

    def votes_counted_at(self) -> datetime | None:
        """Return when a source last told votes, None where none ever did."""
        row = self.db.row("SELECT max(at) AS at FROM sighting WHERE votes IS NOT NULL")
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
        return [paper_of(row, names.get(row["id"], ())) for row in rows]


def _with_votes(group: Group, shown: list[Sighting], house: int) -> Group:
    """Give the paper the votes and comments of this document, where it has any: the latest count."""
    votes = max((s.votes for s in shown if s.votes is not None), default=None)
    comments = max((s.comments for s in shown if s.comments is not None), default=None)
    paper = replace(
        group.paper,
        votes=group.paper.votes if votes is None else votes + house,
        comments=group.paper.comments if comments is None else comments,
    )
    return replace(group, paper=paper)


_COLUMNS = (
    "title authors abstract categories venue version published links stamps votes comments notice"
).split()
_INSERT_PAPER = (
    f"INSERT INTO paper (key, backfilled, first_seen, updated_at, {', '.join(_COLUMNS)}) "  # noqa: S608 - our own columns
    f"VALUES (:key, :backfilled, :now, :now, {', '.join(':' + name for name in _COLUMNS)})"
)
_UPDATE_PAPER = (
    f"UPDATE paper SET {', '.join(f'{name} = :{name}' for name in _COLUMNS)}, "  # noqa: S608 - our own columns
    "updated_at = CASE WHEN :touch THEN :now ELSE updated_at END WHERE id = :id"
)
_PUT_SIGHTING = """
INSERT INTO sighting (paper, source, event, stored_at, seen_on, at, votes, comments)
VALUES (:paper, :source, :event, :now, :seen_on, :at, :votes, :comments)
ON CONFLICT (paper, source, event, seen_on)
DO UPDATE SET at = excluded.at, votes = excluded.votes, comments = excluded.comments
WHERE at <> excluded.at OR votes IS NOT excluded.votes OR comments IS NOT excluded.comments
"""
