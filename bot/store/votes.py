"""Votes of confirmed subscribers, one each for a paper; and to whom links and questions are sent."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import date, datetime, timedelta

from bot.models import Event, Paper
from bot.ports import PaperHistory, Seen
from bot.store.connection import moment, seconds
from bot.store.mailing import INSERT_SUBSCRIBER, MailLedger


class VoteLedger(MailLedger):
    """The part of the store that voting reads and writes."""

    def vote(self, paper: int, subscriber: int, now: datetime) -> None:
        """Commit a subscriber's vote for a paper; a second one changes nothing."""
        with self.db.transaction():
            if not self.has_voted(paper, subscriber):
                self.db.write(
                    "INSERT INTO vote (paper, subscriber, at) VALUES (:paper, :subscriber, :now)",
                    {"paper": paper, "subscriber": subscriber, "now": seconds(now)},
                )

    def unvote(self, paper: int, subscriber: int) -> None:
        """Take a vote back, under whichever number the paper stood."""
        with self.db.transaction():
            self.db.write(
                f"DELETE FROM vote WHERE {_ITS}",  # noqa: S608 - our own constant
                {"paper": paper, "subscriber": subscriber},
            )

    def has_voted(self, paper: int, subscriber: int) -> bool:
        """Whether a subscriber's vote for a paper stands."""
        values = {"paper": paper, "subscriber": subscriber}
        return self.db.row(f"SELECT 1 FROM vote WHERE {_ITS}", values) is not None  # noqa: S608 - our own constant

    def votes_for(self, paper: int) -> int:
        """Return how many subscribers voted for a paper."""
        row = self.db.row(
            "SELECT count(DISTINCT subscriber) AS n FROM vote WHERE paper IN "
            "(SELECT :paper UNION ALL SELECT id FROM paper WHERE merged_into = :paper)",
            {"paper": paper},
        )
        return int(row["n"]) if row else 0

    def votes_by(self, subscriber: int) -> list[tuple[Paper, datetime]]:
        """Return the papers that a subscriber voted for, the latest first, each with when."""
        rows = self.db.rows(
            "SELECT coalesce(p.merged_into, p.id) AS paper, min(v.at) AS at FROM vote v "
            "JOIN paper p ON p.id = v.paper WHERE v.subscriber = :id GROUP BY 1 ORDER BY at DESC, 1",
            {"id": subscriber},
        )
        papers = self.papers({row["paper"] for row in rows})
        return [(papers[row["paper"]], at) for row in rows if (at := moment(row["at"])) is not None]

    def votes_since(self, subscriber: int, since: datetime) -> int:
        """Return for how many papers a subscriber voted since then."""
        row = self.db.row(
            "SELECT count(*) AS n FROM vote WHERE subscriber = :id AND at > :since",
            {"id": subscriber, "since": seconds(since)},
        )
        return int(row["n"]) if row else 0

    def vote_counts(self, papers: Collection[int]) -> dict[int, tuple[tuple[date, int], ...]]:
        """Return by paper, of those that have any, how many votes there were at the end of which day."""
        rows = self.db.rows(_BY_DAY, {"ids": json.dumps(sorted(papers))})
        found: dict[int, list[tuple[date, int]]] = {}
        for row in rows:
            days = found.setdefault(row["paper"], [])
            before = days[-1][1] if days else 0
            days.append((date.fromisoformat(row["day"]), before + row["n"]))
        return {paper: tuple(days) for paper, days in found.items()}

    def vote_series(self, since: date, until: date) -> dict[int, PaperHistory]:
        """Return the votes alone of the papers that had some between two dates, by id."""
        between = {"since": since.isoformat(), "until": until.isoformat()}
        found: dict[int, list[Seen]] = {}
        for paper, source, event, day, votes, comments in self.db.rows(_SERIES, between):
            seen = Seen(source, Event(event), date.fromisoformat(day), votes, comments)
            found.setdefault(paper, []).append(seen)
        ballots = self.vote_counts({*found, *(paper for (paper,) in self.db.rows(_VOTED, between))})
        return {
            paper: PaperHistory(seen=tuple(found.get(paper, ())), ballots=ballots.get(paper, ()))
            for paper in sorted({*found, *ballots})
        }

    def voter(self, subscriber: int) -> tuple[str, int] | None:
        """Return (address, token epoch) of who may vote, None for who is no confirmed subscriber."""
        row = self.db.row(
            f"SELECT address, token_epoch FROM subscriber WHERE id = :id AND {_CONFIRMED}",  # noqa: S608 - our own constant
            {"id": subscriber},
        )
        return (row["address"], row["token_epoch"]) if row else None

    def voter_at(
        self, address: str, suppressed: str, now: datetime, day: timedelta
    ) -> tuple[int, int, int] | None:
        """Return (number, token epoch, notes to them within a `day`) of who may vote, by address."""
        if self.db.row("SELECT 1 FROM suppression WHERE address_hmac = :key", {"key": suppressed}):
            return None
        row = self.db.row(
            "SELECT id, token_epoch, (SELECT count(*) FROM delivery d WHERE d.subscriber = subscriber.id "  # noqa: S608 - our own constant
            f"AND kind <> 'digest' AND created_at > :since) AS notes FROM subscriber "
            f"WHERE canonical = :canonical AND {_CONFIRMED}",
            {"canonical": address.casefold(), "since": seconds(now - day)},
        )
        return (row["id"], row["token_epoch"], row["notes"]) if row else None

    def correspondent(
        self, address: str, suppressed: str, now: datetime, day: timedelta
    ) -> tuple[int, int] | None:
        """Return (number, notes to it within a `day`) of an address; None where it is suppressed.

        It is no subscriber by that: it has a number, as whoever mail is sent to.
        """
        values = {
            "address": address, "canonical": address.casefold(), "now": seconds(now),
            "since": seconds(now - day), "key": suppressed,
        }  # fmt: skip
        with self.db.transaction():
            if self.db.row("SELECT 1 FROM suppression WHERE address_hmac = :key", values):
                return None
            self.db.write(INSERT_SUBSCRIBER, values)
            row = self.db.row(
                "SELECT id, (SELECT count(*) FROM delivery d WHERE d.subscriber = subscriber.id "
                "AND kind <> 'digest' AND created_at > :since) AS notes FROM subscriber "
                "WHERE canonical = :canonical",
                values,
            )
        return (row["id"], row["notes"]) if row else None


_ITS = """
subscriber = :subscriber AND paper IN (
    SELECT :paper UNION ALL SELECT id FROM paper WHERE merged_into = :paper
)
"""
_VOTED = """
SELECT paper FROM sighting WHERE votes IS NOT NULL AND seen_on BETWEEN :since AND :until
UNION SELECT coalesce(p.merged_into, p.id) FROM vote v JOIN paper p ON p.id = v.paper
WHERE date(v.at, 'unixepoch') BETWEEN :since AND :until
"""
_SERIES = f"""
SELECT paper, source, event, seen_on, votes, comments FROM sighting
WHERE votes IS NOT NULL AND paper IN ({_VOTED}) ORDER BY paper, seen_on, source, event
"""  # noqa: S608 - our own constant
_CONFIRMED = """
EXISTS (
    SELECT 1 FROM subscription s
    WHERE s.subscriber = subscriber.id AND s.status IN ('confirmed', 'paused')
)
"""
# Who voted for two papers that turned out to be one, voted once: on the first of the days.
_BY_DAY = """
SELECT paper, date(at, 'unixepoch') AS day, count(*) AS n FROM (
    SELECT coalesce(p.merged_into, p.id) AS paper, v.subscriber, min(v.at) AS at
    FROM vote v JOIN paper p ON p.id = v.paper
    WHERE coalesce(p.merged_into, p.id) IN (SELECT value FROM json_each(:ids))
    GROUP BY 1, 2
) GROUP BY 1, 2 ORDER BY 1, 2
"""
