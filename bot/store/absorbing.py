"""What a document brings: papers, their identifiers and sightings, written a table at a time.

Most of what a source shows was absorbed before, word for word; each sighting keeps a digest of the
record it came from, and what comes again is left out before anything is loaded or merged (records
merge by maxima, so absorbing one twice changes nothing). Most of the rest is new and shares nothing
with any other record: it needs no merging either.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import chain
from operator import itemgetter

from bot.identity import Group, alone, diff, known_by, strongest
from bot.lifecycle import gained
from bot.models import Event, Sighting, SourceState
from bot.ports import Absorbed, Showing
from bot.store.connection import Connection, moment, seconds
from bot.store.documents import (
    ALREADY,
    IDENTIFIER,
    NAMES_NOW,
    SEEN_AGAIN,
    SIGHTING,
    UNINDEXED,
    DocumentRows,
    event_rows,
)
from bot.store.guids import Recognised, guids_of, keys_shown, recognised
from bot.store.papers import PaperLedger
from bot.store.rows import PAPER_COLUMNS, name_of, paper_row
from bot.store.shown import ShownRecord
from bot.values import value_type


class AbsorbLedger(PaperLedger):
    """The part of the store that `collect` writes."""

    def absorb_all(
        self, showings: Sequence[Showing], now: datetime
    ) -> list[Absorbed | BaseException]:
        """Commit what several sources showed, in one transaction; return what each changed.

        Where one of them cannot be written, each is tried in a transaction of its own, and what it
        raised stands in its place.
        """
        try:
            with self.db.transaction():
                return [self._absorb_one(showing, now) for showing in showings]
        except Exception as error:  # noqa: BLE001 - it is handed to the one whose it is
            if len(showings) == 1:
                return [error]
        return [self.absorb_all([showing], now)[0] for showing in showings]

    def _absorb_one(self, showing: Showing, now: datetime) -> Absorbed:
        if not showing.sightings:
            self.save_source_state(showing.state)
            return Absorbed()
        return self.absorb(
            showing.state.name,
            showing.sightings,
            showing.state,
            now,
            introduces=showing.introduces,
            seen_before=showing.seen_before,
            keep_guids=showing.keep_guids,
            elsewhere=showing.elsewhere,
        )

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
        elsewhere: bool = False,
    ) -> Absorbed:
        """Commit a document in one transaction: papers, sightings and the source's new state.

        A paper we don't have is taken only where its event is in `introduces`. Papers dated before
        `seen_before` (None: no limit), or undated then, and papers told of late, are stored as seen:
        no candidates until another source shows them for the first time, as news. `keep_guids`
        remembers which paper an entry's guid stood for. Where most of a document are papers that this
        source showed before, under new guids, what else is in it is news only where it is dated after
        the source's last answer. `elsewhere` is `Showing`'s.
        The grouping (`identity.diff`) runs inside the transaction, so that two collectors at once
        cannot store one paper twice.
        """
        with self.db.transaction():
            looked = seconds(now), now.date().isoformat()
            told = [ShownRecord(sighting, looked) for sighting in sightings]
            lists = DocumentRows(self.db, source, now, introduces, keep_guids)
            if elsewhere and not self._is_another(source, told):
                seen_before = None
            absorbed = self._absorb(lists, told, seen_before)
            self._put_source(state)
        return absorbed

    def _absorb(
        self, lists: DocumentRows, told: list[ShownRecord], seen_before: datetime | None
    ) -> Absorbed:
        ids = self._guids(lists.source, told) if lists.keep_guids else {}
        lists.known_guids = ids
        stored = _known_names(self.db, lists.source, told)
        fresh = _not_absorbed(told, stored, ids if lists.keep_guids else None)
        moved = 0
        if lists.keep_guids:
            found = self._recognised(lists.source, fresh, len(told), ids)
            moved = found.moved
            if found.sightings is not None:
                for record, sighting in zip(fresh, found.sightings, strict=True):
                    record.recognised_as(sighting)
                if any(record.renamed for record in fresh):
                    stored = _known_names(self.db, lists.source, fresh)
        if moved:
            seen_before = self._answered_before(lists.source, lists.now) - timedelta(days=1)
        newcomers, others = 0, []
        for members, group in self._grouped(fresh, stored, lists.introduces):
            if group.is_new and len(members) == 1 and group.paper is members[0].sighting.paper:
                _put_newcomer(lists, members[0], seen_before)
                newcomers += 1
            else:
                self._put_group(lists, group, members, seen_before)
                others.append(group)
        renewed = lists.write()
        return Absorbed(
            new=newcomers + sum(group.is_new for group in others) + renewed,
            updated=sum(group.changed and not group.is_new for group in others),
            joined=sum(len(group.known) > 1 for group in others),
            relinked=moved,
            seen=lists.seen,
        )

    def put_group(self, group: Group, source: str, now: datetime) -> None:
        """Write what a record of `source` changed in papers that we have, in this transaction."""
        paper = self._update(group, now)
        if group.changed:
            names = [(name_of(name), paper) for name in group.paper.identifiers]
            self.db.insert(IDENTIFIER, names, NAMES_NOW)
            touched = [(paper,), *((each.id,) for each in group.known[1:])]
            self.db.insert(UNINDEXED, touched, ALREADY)
            events = gained(group.known, group.paper)
            self.db.insert(SIGHTING, event_rows(paper, source, events, now), SEEN_AGAIN)

    def _answered_before(self, source: str, now: datetime) -> datetime:
        row = self.db.row("SELECT last_ok FROM source WHERE name = :name", {"name": source})
        return (moment(row["last_ok"]) if row else None) or now

    def _is_another(self, source: str, told: list[ShownRecord]) -> bool:
        """Tell whether a source that showed entries before shows none of them any more."""
        names = json.dumps(list(chain.from_iterable([record.names for record in told])))
        values = {"source": source, "names": names}
        had = self.db.row("SELECT 1 FROM guid WHERE source = :source LIMIT 1", values)
        if had is None or self._guids(source, told):
            return False
        return self.db.row(_SHOWN_BEFORE, values) is None

    def _guids(self, source: str, told: Iterable[ShownRecord]) -> dict[str, int]:
        return guids_of(self.db, source, {record.sighting.guid for record in told})

    def _recognised(
        self, source: str, fresh: list[ShownRecord], shown: int, ids: dict[str, int]
    ) -> Recognised:
        stood_for = {ids[r.sighting.guid] for r in fresh if r.sighting.guid in ids}
        papers = self.papers(stood_for) if stood_for else {}
        return recognised(
            [record.sighting for record in fresh],
            shown,
            {guid: papers[paper] for guid, paper in ids.items() if paper in papers},
            lambda records: keys_shown(
                self.db, source, lambda: self._having(i for r in records for i in r.identifiers)
            ),
        )

    def _grouped(
        self, told: list[ShownRecord], stored: _Stored, introduces: Collection[Event]
    ) -> list[tuple[list[ShownRecord], Group]]:
        """Return the groups of these records, in the order of their first, each with its records.

        What shares no identifier with any other, here or in the store, is a group by itself.
        """
        times = Counter(chain.from_iterable([record.names for record in told]))
        # Names that something else has too, here or in the store.
        common = stored.papers.keys() | {name for name, count in times.items() if count > 1}
        single: list[ShownRecord] = []
        tied: list[ShownRecord] = []
        for record in told:
            (single if common.isdisjoint(record.names) else tied).append(record)
        groups = [
            (at.place, [at], Group(alone(at.sighting.paper), (0,)))
            for at in _placed(single, told)
            if at.sighting.event in introduces
        ]
        if tied:
            known = self._load(
                {stored.papers[n] for r in tied for n in r.names if n in stored.papers}
            )
            had = set(known_by(known)).union(
                *(r.sighting.paper.identifiers for r in tied if r.sighting.event in introduces)
            )
            admitted = [
                r for r in _placed(tied, told) if not had.isdisjoint(r.sighting.paper.identifiers)
            ]
            for group in diff([record.sighting.paper for record in admitted], known):
                members = [admitted[index] for index in group.records]
                # What is admitted by a name that turns out to be another paper's brings none.
                if group.known or any(m.sighting.event in introduces for m in members):
                    groups.append((members[0].place, members, group))
            groups.sort(key=itemgetter(0))
        return [(members, group) for _, members, group in groups]

    def _put_group(
        self,
        lists: DocumentRows,
        group: Group,
        members: list[ShownRecord],
        seen_before: datetime | None,
    ) -> None:
        shown = [record.sighting for record in members]
        voted = _with_votes(group, shown, self._house_votes(group, shown))
        if voted.is_new:
            old = all(_is_old(sighting, seen_before) for sighting in shown)
            row = members[0].row if voted.paper is shown[0].paper else paper_row(voted.paper)
            key = voted.paper.key or strongest(shown[0].paper.identifiers)
            paper = lists.add_paper(name_of(key), row, backfilled=old)
        else:
            paper = self._update(voted, lists.now)
            if any(s.event in lists.introduces and not _is_old(s, seen_before) for s in shown):
                lists.shown_as_news.append(paper)
        if group.changed or group.is_new:
            lists.to_index += [paper, *(each.id for each in group.known[1:])]
            lists.identifiers += [(name_of(name), paper) for name in group.paper.identifiers]
        lists.add_sightings(paper, members)
        if group.changed or group.is_new:
            lists.add_events(paper, gained(group.known, group.paper))
        if lists.keep_guids:
            guids = {s.guid for s in shown if s.guid and lists.known_guids.get(s.guid) != paper}
            lists.add_guids(paper, guids, fresh=group.is_new)

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

    def _update(self, group: Group, now: datetime) -> int:
        before, paper = group.known[0], group.paper
        votes_changed = (before.votes, before.comments) != (paper.votes, paper.comments)
        if group.changed or votes_changed:
            touched = seconds(now) if group.changed else None
            self.db.write_many(_UPDATE_PAPER, [(*paper_row(paper), touched, before.id)])
        if group.changed:
            for loser in group.known[1:]:
                self._join(loser.id, before.id)
        return before.id

    def _join(self, loser: int, winner: int) -> None:
        """Two papers turned out to be one: the later one's key becomes an alias."""
        values = {"loser": loser, "winner": winner}
        self.db.write("UPDATE paper SET merged_into = :winner WHERE merged_into = :loser", values)
        self.db.write("UPDATE paper SET merged_into = :winner WHERE id = :loser", values)
        self.db.write("UPDATE identifier SET paper = :winner WHERE paper = :loser", values)
        self.db.write("UPDATE guid SET paper = :winner WHERE paper = :loser", values)
        self.db.write("UPDATE OR IGNORE sighting SET paper = :winner WHERE paper = :loser", values)
        self.db.write("DELETE FROM sighting WHERE paper = :loser", values)
        self.db.write(
            "UPDATE OR IGNORE enrichment SET paper = :winner WHERE paper = :loser", values
        )
        self.db.write("DELETE FROM enrichment WHERE paper = :loser", values)
        # A paper that was new to its readers must not be hidden by the old one it joins.
        self.db.write(
            "UPDATE paper SET backfilled = min(backfilled, (SELECT backfilled FROM paper "
            "WHERE id = :loser)), renewed = (SELECT max(renewed) FROM paper "
            "WHERE id IN (:winner, :loser)) WHERE id = :winner",
            values,
        )


def _placed(some: list[ShownRecord], told: list[ShownRecord]) -> list[ShownRecord]:
    if some and told[-1].place == 0:
        for place, record in enumerate(told):
            record.place = place
    return some


@value_type(frozen=True, slots=True)
class _Stored:
    """What the store has of some names: their papers, and of each the digests of what a source showed."""

    papers: dict[str, int]
    shown: set[tuple[int, int | None]]


def _known_names(db: Connection, source: str, told: Sequence[ShownRecord]) -> _Stored:
    names = json.dumps(list(chain.from_iterable([record.names for record in told])))
    found = db.tuples(_KNOWN, {"names": names, "source": source})
    return _Stored(dict(map(itemgetter(0, 1), found)), set(map(itemgetter(1, 2), found)))


def _not_absorbed(
    told: Sequence[ShownRecord], stored: _Stored, guids: dict[str, int] | None
) -> list[ShownRecord]:
    """Return the records that are looked at; those of one guid together or not at all.

    Which paper a guid of several stands for, each decides in its turn.
    """
    papers, shown = stored.papers, stored.shown
    fresh = [
        record
        for record in told
        if (papers.get(record.names[0]), record.digest) not in shown
        or (guids is not None and not _stands_for(record, papers[record.names[0]], guids))
    ]
    if guids is None or not 0 < len(fresh) < len(told):
        return fresh
    looked_at = {r.sighting.guid for r in fresh if r.sighting.guid}
    new = set(map(id, fresh))
    return [r for r in told if id(r) in new or r.sighting.guid in looked_at]


def _stands_for(record: ShownRecord, paper: int, guids: dict[str, int]) -> bool:
    """Tell whether a record's guid, if it has one, still stands for the paper that it stood for."""
    guid = record.sighting.guid
    return not guid or guids.get(guid) == paper


def _with_votes(group: Group, shown: list[Sighting], house: int) -> Group:
    """Give the paper the votes and comments of this document, where it has any: the latest count."""
    votes = max((s.votes for s in shown if s.votes is not None), default=None)
    comments = max((s.comments for s in shown if s.comments is not None), default=None)
    if votes is None and comments is None:
        return group
    paper = replace(
        group.paper,
        votes=group.paper.votes if votes is None else votes + house,
        comments=group.paper.comments if comments is None else comments,
    )
    return replace(group, paper=paper)


def _put_newcomer(lists: DocumentRows, record: ShownRecord, seen_before: datetime | None) -> None:
    """Add a paper that one record alone tells of: what `_put_group` does, without its questions."""
    sighting = record.sighting
    paper, row = sighting.paper, record.row
    if sighting.votes is not None or sighting.comments is not None:
        row = paper_row(_with_votes(Group(paper, (0,)), [sighting], 0).paper)
    old = _is_old(sighting, seen_before)
    if paper.key is None and len(record.names) == 1:
        key = record.names[0]
    else:
        key = name_of(paper.key or strongest(paper.identifiers))
    number = lists.add_paper(key, row, backfilled=old)
    lists.to_index.append(number)
    lists.identifiers += [(name, number) for name in record.names]
    lists.add_sightings(number, (record,))
    if events := gained((), paper):
        lists.add_events(number, events)
    if lists.keep_guids and sighting.guid:
        lists.new_guids.append((lists.source, sighting.guid, number))


def _is_old(sighting: Sighting, seen_before: datetime | None) -> bool:
    """Tell whether a paper that we don't have is no news by this sighting of it."""
    if sighting.late or seen_before is None:
        return sighting.late
    return sighting.at is None or sighting.at < seen_before


_KNOWN = """
SELECT i.name, i.paper, nullif(s.digest, 0) FROM json_each(:names) j JOIN identifier i ON i.name = j.value
LEFT JOIN sighting s ON s.paper = i.paper AND s.source = :source
"""
_SHOWN_BEFORE = """
SELECT 1 FROM json_each(:names) j JOIN identifier i ON i.name = j.value
JOIN sighting s ON s.paper = i.paper AND s.source = :source LIMIT 1
"""
_UPDATE_PAPER = (
    f"UPDATE paper SET {', '.join(f'{name} = ?' for name in PAPER_COLUMNS)}, "  # noqa: S608 - our own columns
    "updated_at = coalesce(?, updated_at) WHERE id = ?"
)
