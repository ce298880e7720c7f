"""What the owner and the readers think of papers, and what curators put forward."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import datetime

from bot.models import Event, Feedback, Opinion, Paper, Tally
from bot.store.connection import moment, seconds
from bot.store.editions import EditionLedger

# No source of the configuration can have this name: it holds a space.
BY_HAND = "by hand"


class FeedbackLedger(EditionLedger):
    """The part of the store that `like`, `dislike` and `submit` write, and `compose` learns from."""

    def put_feedback(
        self,
        profiles: Collection[str],
        paper: int,
        opinion: Opinion | None,
        now: datetime,
        subscriber: int = 0,
    ) -> None:
        """Commit an opinion of a paper for these profiles; None takes back what was said before.

        A later opinion replaces an earlier one. Saying the same again changes nothing, so that since
        when it is held stays known.
        """
        values = {"paper": paper, "subscriber": subscriber, "now": seconds(now)}
        with self.db.transaction():
            for profile in sorted(profiles):
                if opinion is not None and self.opinion_of(profile, paper, subscriber) is opinion:
                    continue
                # Under whichever number the paper stood when it was last judged.
                self.db.write(_UNSAY, values | {"profile": profile})
                if opinion is not None:
                    self.db.write(
                        "INSERT INTO feedback (profile, paper, subscriber, opinion, at) "
                        "VALUES (:profile, :paper, :subscriber, :opinion, :now)",
                        values | {"profile": profile, "opinion": opinion.value},
                    )

    def opinion_of(self, profile: str, paper: int, subscriber: int = 0) -> Opinion | None:
        """Return what somebody (0: the owner) last said of a paper for a profile, None for nothing."""
        row = self.db.row(_OPINION, {"profile": profile, "paper": paper, "subscriber": subscriber})
        return Opinion(row["opinion"]) if row else None

    def feedback_of(self, profile: str, until: datetime | None = None) -> list[Feedback]:
        """Return a profile's feedback, the latest first; with `until`, what had been said by then.

        An opinion that was changed since is not known as it was before.
        """
        rows = self.db.rows(_FEEDBACK, {"profile": profile, "until": seconds(until)})
        papers = self.papers({row["paper"] for row in rows})
        return [
            Feedback(profile, papers[row["paper"]], Opinion(row["opinion"]), at, row["subscriber"])
            for row in rows
            if (at := moment(row["at"])) is not None
        ]

    def picked_among(
        self, profile: str, papers: Collection[int], until: datetime | None = None
    ) -> set[int]:
        """Return which of these papers a profile's editions (with `until`, made by then) picked as new."""
        values = {
            "profile": profile, "ids": json.dumps(sorted(papers)), "until": seconds(until),
        }  # fmt: skip
        return {row["now"] for row in self.db.rows(_PICKED, values)}

    def feedback_by(self, subscriber: int) -> list[Feedback]:
        """Return what somebody (0: the owner) said of papers, the latest first."""
        rows = self.db.rows(
            "SELECT * FROM feedback WHERE subscriber = :subscriber ORDER BY at DESC, profile, paper",
            {"subscriber": subscriber},
        )
        papers = self.papers({row["paper"] for row in rows})
        return [
            Feedback(row["profile"], papers[row["paper"]], Opinion(row["opinion"]), at, subscriber)
            for row in rows
            if row["paper"] in papers and (at := moment(row["at"])) is not None
        ]

    def submit(self, paper: int, profile: str, now: datetime) -> bool:
        """Commit a curator's pick: a vote of the house, once a paper, and a place in a profile.

        `profile` "" is none. Returns False where it was submitted already, for this profile too.
        """
        values: dict[str, object] = {
            "paper": paper, "profile": profile, "now": seconds(now), "source": BY_HAND,
            "event": Event.SUBMIT.value, "day": now.date().isoformat(),
        }  # fmt: skip
        with self.db.transaction():
            first = self.db.row(
                "SELECT 1 FROM sighting WHERE paper = :paper AND event = :event", values
            )
            if first is None:
                self.db.write(_SUBMITTED_SIGHTING, values)
                self.db.write(
                    "UPDATE paper SET votes = coalesce(votes, 0) + 1 WHERE id = :paper", values
                )
            placed = 0
            if profile:
                placed = self.db.write(
                    "INSERT INTO submission (paper, profile, at) VALUES (:paper, :profile, :now) "
                    "ON CONFLICT (paper, profile) DO NOTHING",
                    values,
                ).rowcount
        return first is None or bool(placed)

    def submitted(self, profile: str, until: datetime | None = None) -> list[Paper]:
        """Return what was put forward for a profile and that no edition of it has picked yet."""
        rows = self.db.rows(_SUBMITTED, {"profile": profile, "until": seconds(until)})
        return self._load(row["paper"] for row in rows)

    def tallies(self, papers: Collection[int], until: datetime | None = None) -> dict[int, Tally]:
        """Return what was said of these papers, by their ids; with `until`, what had been by then.

        `since` is when a source first told votes of it, or where none did, when it was first seen.
        """
        values = {"ids": json.dumps(sorted(papers)), "until": seconds(until)}
        return {
            row["id"]: Tally(
                since=since, counted=moment(row["counted"]),
                votes=(row["told"] or 0) + row["submissions"], comments=row["comments"] or 0,
                sources=row["sources"], likes=row["likes"], submissions=row["submissions"],
                ballots=row["ballots"],
            )
            for row in self.db.rows(_RECEPTIONS, values)
            if (since := moment(row["since"])) is not None
        }  # fmt: skip

    def picked_by(self, paper: int) -> list[str]:
        """Return the profiles whose editions picked a paper."""
        rows = self.db.rows(
            "SELECT DISTINCT e.profile FROM pick k JOIN edition e ON e.id = k.edition "
            "WHERE k.paper IN (SELECT :paper UNION ALL SELECT id FROM paper WHERE merged_into = :paper) "
            "ORDER BY e.profile",
            {"paper": paper},
        )
        return [row["profile"] for row in rows]


# The paper, and those that turned out to be it: by indexes, where coalesce would read every paper.
_SAID = """
profile = :profile AND subscriber = :subscriber AND paper IN (
    SELECT :paper UNION ALL SELECT id FROM paper WHERE merged_into = :paper
)
"""
_UNSAY = f"DELETE FROM feedback WHERE {_SAID}"  # noqa: S608 - our own constant
_OPINION = f"SELECT opinion FROM feedback WHERE {_SAID} ORDER BY at DESC, paper LIMIT 1"  # noqa: S608 - our own constant
# Of a paper that was two, one reader's latest word on either counts.
_FEEDBACK = """
SELECT coalesce(p.merged_into, p.id) AS paper, f.subscriber, f.opinion, max(f.at) AS at
FROM feedback f JOIN paper p ON p.id = f.paper
WHERE f.profile = :profile AND (:until IS NULL OR f.at <= :until)
GROUP BY coalesce(p.merged_into, p.id), f.subscriber ORDER BY at DESC, paper, f.subscriber
"""
_SUBMITTED_SIGHTING = """
INSERT INTO sighting (paper, source, event, stored_at, seen_on, at, votes, comments)
VALUES (:paper, :source, :event, :now, :day, :now, 1, NULL)
"""
_SUBMITTED = """
SELECT coalesce(p.merged_into, p.id) AS paper FROM submission s JOIN paper p ON p.id = s.paper
WHERE s.profile = :profile AND (:until IS NULL OR s.at <= :until)
AND coalesce(p.merged_into, p.id) NOT IN (
    SELECT coalesce(a.merged_into, a.id) FROM pick k
    JOIN edition e ON e.id = k.edition JOIN paper a ON a.id = k.paper
    WHERE e.profile = :profile AND (:until IS NULL OR e.made_at <= :until)
)
"""
# SQLite takes the bare columns from the row that has the max (its manual, section "lang_select").
# What was there when votes were first counted at all is as old as it is, or it would look like a rush.
# A source's name has no space: those that have one are our own hand.
_RECEPTIONS = """
WITH wanted AS (SELECT value AS id FROM json_each(:ids)),
told AS (
    SELECT paper, votes, comments, at, stored_at FROM sighting
    WHERE votes IS NOT NULL AND event <> 'submit' AND paper IN (SELECT id FROM wanted)
    AND (:until IS NULL OR at <= :until)
),
counts AS (SELECT paper, votes, comments, max(at) AS counted FROM told GROUP BY paper),
begun AS (SELECT paper, min(stored_at) AS since FROM told GROUP BY paper),
shown AS (
    SELECT paper, count(DISTINCT CASE WHEN source NOT LIKE '% %' THEN source END) AS sources,
        max(event = 'submit') AS submissions FROM sighting
    WHERE paper IN (SELECT id FROM wanted) AND (:until IS NULL OR stored_at <= :until) GROUP BY paper
),
opinions AS (
    SELECT coalesce(p.merged_into, p.id) AS paper,
        sum(CASE f.opinion WHEN 'like' THEN 1 ELSE -1 END) AS likes
    FROM feedback f JOIN paper p ON p.id = f.paper
    WHERE :until IS NULL OR f.at <= :until GROUP BY 1
),
ballots AS (
    SELECT coalesce(p.merged_into, p.id) AS paper, count(DISTINCT v.subscriber) AS n
    FROM vote v JOIN paper p ON p.id = v.paper WHERE :until IS NULL OR v.at <= :until GROUP BY 1
),
first AS (
    SELECT min(stored_at) AS at FROM sighting WHERE votes IS NOT NULL AND event <> 'submit'
    AND seen_on = (SELECT min(seen_on) FROM sighting WHERE votes IS NOT NULL AND event <> 'submit')
)
SELECT p.id, CASE WHEN b.since <= first.at THEN min(b.since, coalesce(p.published, b.since))
    ELSE coalesce(b.since, p.first_seen) END AS since, c.counted, c.votes AS told, c.comments,
    coalesce(s.sources, 0) AS sources, coalesce(s.submissions, 0) AS submissions,
    coalesce(o.likes, 0) AS likes, coalesce(l.n, 0) AS ballots
FROM paper p JOIN first LEFT JOIN counts c ON c.paper = p.id LEFT JOIN begun b ON b.paper = p.id
LEFT JOIN shown s ON s.paper = p.id LEFT JOIN opinions o ON o.paper = p.id
LEFT JOIN ballots l ON l.paper = p.id
WHERE p.id IN (SELECT id FROM wanted)
"""
_PICKED = """
SELECT DISTINCT coalesce(a.merged_into, a.id) AS now FROM pick k
JOIN edition e ON e.id = k.edition JOIN paper a ON a.id = k.paper
WHERE e.profile = :profile AND k.role <> 'update' AND (:until IS NULL OR e.made_at <= :until)
AND coalesce(a.merged_into, a.id) IN (SELECT value FROM json_each(:ids))
"""
