"""The store as it stood at a moment: what ranking reads of it, and nothing that came later.

Titles and abstracts are those that held then (`revision`), votes the last that had been counted.
What is not kept for ever is told as it is now: how the sources stood, opinions that were changed
since, and which records had been recognised as one paper.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime

from bot.lifecycle import standing
from bot.models import Edition, Feedback, Identifier, News, Paper, SourceState, Tally
from bot.store.connection import Connection, moment, seconds
from bot.store.feedback import FeedbackLedger
from bot.store.rows import revised


class Past:
    """Reads a store as of `until` (aware); that moment's own second belongs to it."""

    def __init__(self, present: FeedbackLedger, until: datetime) -> None:
        self._present, self._until = present, until

    @property
    def _db(self) -> Connection:
        return self._present.db

    def source_states(self) -> Mapping[str, SourceState]:
        """Return what is remembered of the sources whose latest news is not from later."""
        states = self._present.source_states()
        return {
            name: state
            for name, state in states.items()
            if all(
                at is None or at <= self._until
                for at in (state.last_ok, state.last_new, state.failing_since)
            )
        }

    def last_edition(self, profile: str) -> Edition | None:
        """Return the latest edition that was made by then, without its picks."""
        return self._present.last_edition(profile, self._until)

    def newest_paper(self) -> int:
        """Return the highest paper id there was, 0 where there was none."""
        return self._present.newest_paper(self._until)

    def first_run(self, after: datetime) -> datetime | None:
        """Return when a run first left a trace from `after` on: a new paper, or an edition."""
        row = self._db.row(_FIRST_RUN, {"after": seconds(after), "until": seconds(self._until)})
        return moment(row["at"]) if row else None

    def candidates(
        self,
        profile: str,
        last: Edition | None,
        since: datetime | None,
        sources: Collection[str],
        *,
        known: Mapping[int, Paper] | None = None,  # noqa: ARG002 - each moment has its own papers
    ) -> list[Paper]:
        """Return papers that had come after `last`, and that this profile had not picked."""
        found = self._present.candidates(profile, last, since, sources, self._until)
        return self._as_they_were(found)

    def news(self, profile: str, since: datetime, replaced: datetime) -> list[News]:
        """Return what had become of papers picked after `since`, and no edition had told."""
        found = self._present.news_by(profile, since, replaced, self._until)
        were = {paper.id: paper for paper in self._as_they_were(each.paper for each in found)}
        return standing(replace(each, paper=were[each.paper.id]) for each in found)

    def lookup(self, identifiers: Collection[Identifier]) -> list[Paper]:
        """Return the papers there were that have one of these identifiers."""
        return self._as_they_were(self._present.lookup(identifiers))

    def recent(self, limit: int) -> list[Paper]:
        """Return the papers that were the newest, newest first."""
        return self._as_they_were(self._present.recent(limit, self._until))

    def papers(self, ids: Collection[int]) -> dict[int, Paper]:
        """Return papers by id, aliases followed; those that came later are missing."""
        found = self._present.papers(ids)
        were = {paper.id: paper for paper in self._as_they_were(found.values())}
        return {id_: were[paper.id] for id_, paper in found.items() if paper.id in were}

    def voted(self, since: date, until: date) -> list[Paper]:
        """Return the papers that a source had shown with votes between two dates, both included."""
        return self._as_they_were(self._present.voted(since, until))

    def feedback_of(self, profile: str) -> list[Feedback]:
        """Return what had been said by then."""
        return self._present.feedback_of(profile, self._until)

    def picked_among(self, profile: str, papers: Collection[int]) -> set[int]:
        """Return which of these papers the profile had picked by then."""
        return self._present.picked_among(profile, papers, self._until)

    def tallies(self, papers: Collection[int]) -> dict[int, Tally]:
        """Return what had been said of these papers by then."""
        return self._present.tallies(papers, self._until)

    def submitted(self, profile: str) -> list[Paper]:
        """Return what had been put forward and was not picked yet."""
        return self._as_they_were(self._present.submitted(profile, self._until))

    def _as_they_were(self, papers: Iterable[Paper]) -> list[Paper]:
        there = [p for p in papers if p.first_seen is None or p.first_seen <= self._until]
        values = {
            "ids": json.dumps(sorted({paper.id for paper in there})), "until": seconds(self._until),
        }  # fmt: skip
        older = {row["paper"]: row for row in self._db.rows(_REVISIONS, values)}
        counts = {row["paper"]: row for row in self._db.rows(_COUNTS, values)}
        house = {row["paper"]: row["n"] for row in self._db.rows(_HOUSE, values)}
        were = []
        for paper in there:
            was = revised(paper, older[paper.id]) if paper.id in older else paper
            count = counts.get(paper.id)
            votes = count["votes"] if count else None
            if paper.id in house:
                votes = (votes or 0) + house[paper.id]
            were.append(replace(was, votes=votes, comments=count["comments"] if count else None))
        return were


_FIRST_RUN = """
SELECT min(at) AS at FROM (
    SELECT min(first_seen) AS at FROM paper WHERE first_seen BETWEEN :after AND :until
    UNION ALL SELECT min(made_at) FROM edition WHERE made_at BETWEEN :after AND :until
)
"""
_REVISIONS = """
SELECT *, min(until) FROM revision
WHERE until > :until AND paper IN (SELECT value FROM json_each(:ids)) GROUP BY paper
"""
# SQLite takes the bare columns from the row that has the max (its manual, section "lang_select").
_COUNTS = """
SELECT paper, votes, comments, max(at) FROM sighting
WHERE votes IS NOT NULL AND event <> 'submit' AND at <= :until
AND paper IN (SELECT value FROM json_each(:ids)) GROUP BY paper
"""
_HOUSE = """
SELECT paper, count(*) AS n FROM sighting WHERE event = 'submit' AND at <= :until
AND paper IN (SELECT value FROM json_each(:ids)) GROUP BY paper
"""
