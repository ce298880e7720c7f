"""Profiles as mirrored, editions and their picks."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import date, datetime

from bot.lifecycle import ordered, standing
from bot.models import Edition, Event, Identifier, News, Paper, Pick
from bot.ports import PaperHistory, Seen
from bot.store.connection import moment, seconds
from bot.store.papers import PaperLedger
from bot.store.rows import (
    edition_of,
    events_of,
    events_text,
    health_text,
    identifier_of,
    picks_of,
    reasons_text,
)


class EditionLedger(PaperLedger):
    """The part of the store that `compose` writes and `publish` and `deliver` read."""

    # ── Composing ──

    def last_edition(self, profile: str, until: datetime | None = None) -> Edition | None:
        """Return the profile's latest edition (with `until`, made by then), without its picks."""
        row = self.db.row(
            "SELECT * FROM edition WHERE profile = :profile "
            "AND (:until IS NULL OR made_at <= :until) ORDER BY number DESC LIMIT 1",
            {"profile": profile, "until": seconds(until)},
        )
        return edition_of(row) if row else None

    def last_period(self, profile: str) -> date | None:
        """Return the date of the profile's latest edition that was made by its hour, not by hand."""
        row = self.db.row(
            "SELECT max(period) AS period FROM edition WHERE profile = :profile AND forced = 0",
            {"profile": profile},
        )
        return date.fromisoformat(row["period"]) if row and row["period"] else None

    def set_apart_ahead(self, profile: str, day: date) -> None:
        """Let a profile's editions that are dated after a day count as made by hand.

        A clock that was wrong dated them; the dates until then have editions of their own.
        """
        with self.db.transaction():
            self.db.write(
                "UPDATE edition SET forced = 1 "
                "WHERE profile = :profile AND forced = 0 AND period > :day",
                {"profile": profile, "day": day.isoformat()},
            )

    def candidates(
        self,
        profile: str,
        last: Edition | None,
        since: datetime | None,
        sources: Collection[str],
        until: datetime | None = None,
        *,
        known: Mapping[int, Paper] | None = None,
    ) -> list[Paper]:
        """Return papers that came after `last`, never picked by this profile.

        One that was joined to an older paper counts by when it came itself: it is that paper now. One
        that was stored as seen and became news counts by when it did.
        With `sources`, what counts is when one of these first showed the paper, which may be days
        after another did (by the clock or, within one second, by the paper's number). With `since`,
        only papers first seen or dated after it. What was stored as seen is left out. With `until`,
        only what had been shown by then counts, and the editions that had been made. Those that are
        `known`, by their ids, are given as they are there, and not read again.
        """
        rows = self.db.rows(
            CANDIDATES_OF_SOURCES if sources else _CANDIDATES,
            {
                "profile": profile,
                "through": last.through if last else 0,
                "made_at": seconds(last.made_at) if last else 0,
                "since": seconds(since),
                "sources": json.dumps(sorted(sources)),
                "until": seconds(until),
            },
        )
        found = {row["id"] for row in rows}
        there = {id_: known[id_] for id_ in found & known.keys()} if known else {}
        read = {paper.id: paper for paper in self._load(found - there.keys())}
        return [paper for _, paper in sorted((there | read).items())]

    def news(self, profile: str, since: datetime, replaced: datetime) -> list[News]:
        """Return what became of the papers this profile picked after `since`, and has not told.

        A newer version than at the last pick is news only of what was picked after `replaced`.
        """
        return standing(self.news_by(profile, since, replaced))

    def news_by(
        self, profile: str, since: datetime, replaced: datetime, until: datetime | None = None
    ) -> list[News]:
        """Return the same by the editions, events and versions that there were `until` then.

        Of papers as they are now, whether their news still holds or not.
        """
        values = {
            "profile": profile, "since": seconds(since), "replaced": seconds(replaced),
            "until": seconds(until),
        }  # fmt: skip
        found = {}
        for row in self.db.rows(_NEWS, values):
            events = set(events_of(row["sighted"] or "")) - set(events_of(row["told"]))
            if row["newer"]:
                events.add(Event.REPLACE)
            if events:
                found[row["id"]] = events
        return [News(paper, ordered(found[paper.id])) for paper in self._load(found)]

    def save_edition(self, edition: Edition) -> Edition:
        """Commit an edition and its picks in one transaction; return it with its id."""
        with self.db.transaction():
            made = self.db.write(
                _INSERT_EDITION,
                {
                    "profile": edition.profile, "period": edition.period.isoformat(),
                    "number": edition.number, "through": edition.through,
                    "fingerprint": edition.fingerprint, "considered": edition.considered,
                    "forced": int(edition.forced), "health": health_text(edition.health),
                    "made_at": seconds(edition.made_at), "ranker": edition.ranker,
                },
            ).lastrowid or 0  # fmt: skip
            self.db.write_many(_INSERT_PICK, [_pick_values(made, pick) for pick in edition.picks])
        return replace(edition, id=made)

    # ── Reading ──

    def editions(self, profile: str, limit: int = -1, until: date | None = None) -> list[Edition]:
        """Return a profile's editions with picks, newest first."""
        rows = self.db.rows(
            "SELECT * FROM edition WHERE profile = :profile AND (:until IS NULL OR period <= :until) "
            "ORDER BY number DESC LIMIT :limit",
            {"profile": profile, "limit": limit, "until": until and until.isoformat()},
        )
        return self._with_picks(rows)

    def editions_after(self, profile: str, number: int) -> list[Edition]:
        """Return the profile's editions with a greater number, oldest first, with picks."""
        rows = self.db.rows(
            "SELECT * FROM edition WHERE profile = :profile AND number > :number ORDER BY number",
            {"profile": profile, "number": number},
        )
        return self._with_picks(rows)

    def editions_by_id(self, ids: Collection[int]) -> dict[int, Edition]:
        """Return editions with picks, by id."""
        rows = self.db.rows(
            "SELECT * FROM edition WHERE id IN (SELECT value FROM json_each(:ids))",
            {"ids": json.dumps(sorted(ids))},
        )
        return {edition.id: edition for edition in self._with_picks(rows)}

    def _with_picks(self, rows: Collection[object]) -> list[Edition]:
        editions = [edition_of(row) for row in rows]  # type: ignore[arg-type]  # sqlite3.Row
        picks: dict[int, dict[int, Pick]] = {}
        ids = {"ids": json.dumps([edition.id for edition in editions])}
        for edition, pick in picks_of(self.db.rows(_PICKS, ids)):
            # Two picks of one edition may have turned out to be one paper: the better place stays.
            picks.setdefault(edition, {}).setdefault(pick.paper, pick)
        return [
            replace(edition, picks=tuple(picks.get(edition.id, {}).values()))
            for edition in editions
        ]

    # ── What pages tell ──

    def histories(self, ids: Collection[int]) -> dict[int, PaperHistory]:
        """Return where papers were seen, under which keys they stood, and when they last changed.

        By id; an id that was joined to another has none of its own.
        """
        wanted = {"ids": json.dumps(sorted(ids))}
        seen: dict[int, list[Seen]] = {}
        for row in self.db.rows(_SEEN, wanted):
            day = date.fromisoformat(row["seen_on"])
            sighting = Seen(row["source"], Event(row["event"]), day, row["votes"], row["comments"])
            seen.setdefault(row["paper"], []).append(sighting)
        formerly: dict[int, list[Identifier]] = {}
        for row in self.db.rows(_FORMER_KEYS, wanted):
            formerly.setdefault(row["merged_into"], []).append(identifier_of(row["key"]))
        return {
            row["id"]: PaperHistory(
                seen=tuple(seen.get(row["id"], ())),
                former_keys=tuple(formerly.get(row["id"], ())),
                changed_at=moment(row["updated_at"]),
            )
            for row in self.db.rows(_CHANGED, wanted)
        }


def _pick_values(edition: int, pick: Pick) -> dict[str, object]:
    return {
        "edition": edition, "position": pick.position, "paper": pick.paper, "role": pick.role.value,
        "version": pick.version, "score": pick.score, "reasons": reasons_text(pick.reasons),
        "told": events_text(pick.told),
    }  # fmt: skip


_PICKS = """
SELECT k.edition, coalesce(p.merged_into, p.id), k.position, k.role, k.version, k.score, k.reasons, k.told
FROM pick k JOIN paper p ON p.id = k.paper
WHERE k.edition IN (SELECT value FROM json_each(:ids)) ORDER BY k.edition, k.position
"""
_NOT_PICKED = """
AND p.id NOT IN (
    SELECT coalesce(a.merged_into, a.id) FROM pick k
    JOIN edition e ON e.id = k.edition JOIN paper a ON a.id = k.paper
    WHERE e.profile = :profile AND (:until IS NULL OR e.made_at <= :until)
)
"""
_FRESH = """
p.merged_into IS NULL AND p.backfilled = 0
AND (
    :since IS NULL OR p.first_seen >= :since OR p.published >= :since
    OR p.renewed > (SELECT min(n.id) FROM paper n WHERE n.first_seen >= :since)
)
AND (:until IS NULL OR p.first_seen <= :until)
"""
# What came and was joined to an older paper is that paper: whoever was never given the old one must not
# lose the new one with it.
_JOINED = """
p.id IN (
    SELECT a.merged_into FROM paper a WHERE a.id > :through AND a.merged_into IS NOT NULL
    AND a.backfilled = 0 AND (:until IS NULL OR a.first_seen <= :until)
)
"""
# Of days that are past, it had become news where papers that came before it had come.
_RENEWED = """
(p.renewed > :through AND (:until IS NULL OR p.renewed <= 1 + (
    SELECT max(n.id) FROM paper n WHERE n.first_seen <= :until
)))
"""
_CAME = "(p.id > :through AND p.renewed IS NULL)"
_CANDIDATES = f"""
SELECT p.id FROM paper p WHERE ({_CAME} OR {_RENEWED} OR {_JOINED}) AND {_FRESH} {_NOT_PICKED}
"""  # noqa: S608 - our own constants
CANDIDATES_OF_SOURCES = f"""
SELECT p.id FROM paper p
JOIN (
    SELECT paper, min(stored_at) AS shown, max(stored_at) AS latest FROM sighting
    WHERE paper IN (
        SELECT paper FROM sighting WHERE stored_at > :made_at
        UNION SELECT id FROM paper WHERE id > :through
    )
    AND source IN (SELECT value FROM json_each(:sources)) GROUP BY paper
) s ON s.paper = p.id
WHERE (s.shown > :made_at OR {_CAME} OR (s.latest > :made_at AND ({_RENEWED} OR {_JOINED})))
AND (:until IS NULL OR s.shown <= :until)
AND {_FRESH} {_NOT_PICKED}
"""  # noqa: S608 - our own constants
_NEWS = """
SELECT p.id, group_concat(k.told, ' ') AS told,
    max(CASE WHEN e.made_at >= :replaced THEN k.version ELSE 0 END) BETWEEN 1 AND coalesce((
        SELECT r.version FROM revision r WHERE r.paper = p.id AND r.until > :until
        ORDER BY r.until LIMIT 1
    ), p.version) - 1 AS newer,
    (SELECT group_concat(s.event, ' ') FROM sighting s WHERE s.paper = p.id
        AND s.event IN ('withdrawn', 'published', 'code')
        AND (:until IS NULL OR s.stored_at <= :until)) AS sighted
FROM pick k
JOIN edition e ON e.id = k.edition
JOIN paper a ON a.id = k.paper
JOIN paper p ON p.id = coalesce(a.merged_into, a.id)
WHERE e.profile = :profile AND e.made_at >= :since AND (:until IS NULL OR e.made_at <= :until)
GROUP BY p.id HAVING newer OR sighted IS NOT NULL
"""
_INSERT_EDITION = """
INSERT INTO edition (profile, period, number, through, fingerprint, considered, forced, health, made_at,
    ranker)
VALUES (:profile, :period, :number, :through, :fingerprint, :considered, :forced, :health, :made_at,
    :ranker)
"""
_INSERT_PICK = """
INSERT INTO pick (edition, position, paper, role, version, score, reasons, told)
VALUES (:edition, :position, :paper, :role, :version, :score, :reasons, :told)
"""
_SEEN = """
SELECT paper, source, event, seen_on, votes, comments FROM sighting
WHERE paper IN (SELECT value FROM json_each(:ids)) ORDER BY paper, seen_on, source, event
"""
_FORMER_KEYS = """
SELECT key, merged_into FROM paper
WHERE merged_into IN (SELECT value FROM json_each(:ids)) ORDER BY id
"""
_CHANGED = """
SELECT id, updated_at FROM paper
WHERE id IN (SELECT value FROM json_each(:ids)) AND merged_into IS NULL ORDER BY id
"""
