"""What services said of papers: kept with when to ask again, also where they knew nothing."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from datetime import datetime

from bot.identity import can_be_one, diff, stamped
from bot.models import Enrichment, Paper, Scheme, ServiceRest, Stamp
from bot.store import Store
from bot.store.connection import moment, seconds

# Under every source's own: whatever a source says later takes its place.
_AUTHORITY = 1


class Enricher:
    """The part of the store that `enrich` reads and writes."""

    def __init__(self, store: Store) -> None:
        self._store, self._db = store, store.db

    def to_ask(
        self, service: str, schemes: Collection[Scheme], since: datetime, now: datetime, most: int
    ) -> list[Paper]:
        """Return at most so many papers to ask a service about, those never asked about first.

        They were first seen after `since`, were news then, and have an identifier of `schemes`.
        """
        rows = self._db.rows(_TO_ASK, {
            "service": service, "schemes": json.dumps(sorted(schemes)), "since": seconds(since),
            "now": seconds(now), "most": most,
        })  # fmt: skip
        found = self._store.papers([row["id"] for row in rows])
        return [found[row["id"]] for row in rows]

    def put(
        self,
        service: str,
        answers: Sequence[tuple[Paper, Enrichment | None, datetime]],
        now: datetime,
    ) -> int:
        """Commit what a service said of papers, less what they have, each with when to ask again.

        Returns how many gained an abstract, a venue or a DOI by it.
        """
        with self._db.transaction():
            # Once more, now that nobody else writes: two may have become one meanwhile.
            current = self._store.papers([paper.id for paper, _, _ in answers])
            gained = 0
            for asked, found, again in answers:
                paper = current[asked.id]
                self._db.write(_PUT, {
                    "paper": paper.id, "service": service, "now": seconds(now),
                    "again": seconds(again), "known": int(found is not None),
                    "citations": found.citations if found else None,
                    "tldr": found.tldr if found else "",
                })  # fmt: skip
                gained += bool(found) and self._fill(paper, found or Enrichment(), service, now)
        return gained

    def _fill(self, paper: Paper, found: Enrichment, service: str, now: datetime) -> bool:
        if not (found.abstract or found.venue or found.doi):
            return False
        names = paper.identifiers | ({found.doi} if found.doi else frozenset())
        if not all(can_be_one(paper, other) for other in self._store.lookup(names)):
            names = paper.identifiers  # a service's mistake must not make one paper of two
        record = stamped(
            Paper("", names, abstract=found.abstract, venue=found.venue), Stamp(_AUTHORITY)
        )
        (group,) = diff([record], self._store.lookup(names))
        if group.changed:
            self._store.put_group(group, service, now)
        return group.changed

    # ── Services that rest ──

    def rest_of(self, service: str) -> ServiceRest:
        """Return until when a service is left alone, after how many failures, and why."""
        row = self._db.row("SELECT value FROM meta WHERE key = :key", {"key": _key(service)})
        if row is None:
            return ServiceRest()
        told = json.loads(row["value"])
        return ServiceRest(told["failures"], moment(told["until"]), told["problem"])

    def set_rest(self, service: str, rest: ServiceRest) -> None:
        """Commit until when to leave a service alone; one without failures takes that back."""
        told = {"failures": rest.failures, "until": seconds(rest.until), "problem": rest.problem}
        with self._db.transaction():
            self._db.write(
                "INSERT INTO meta (key, value) VALUES (:key, :value) "
                "ON CONFLICT (key) DO UPDATE SET value = :value",
                {"key": _key(service), "value": json.dumps(told)},
            )

    def counts(self, service: str) -> tuple[int, int]:
        """Return about how many papers a service was asked, and how many it knew."""
        row = self._db.row(
            "SELECT count(*) AS asked, coalesce(sum(known), 0) AS known FROM enrichment "
            "WHERE service = :service",
            {"service": service},
        )
        return (int(row["asked"]), int(row["known"])) if row else (0, 0)


def _key(service: str) -> str:
    return f"rest of {service}"


_TO_ASK = """
SELECT p.id FROM paper p
LEFT JOIN enrichment e ON e.paper = p.id AND e.service = :service
WHERE p.merged_into IS NULL AND p.backfilled = 0 AND p.first_seen >= :since
AND (e.paper IS NULL OR e.again_at <= :now)
AND EXISTS (
    SELECT 1 FROM identifier i JOIN json_each(:schemes) s
    WHERE i.paper = p.id AND i.name LIKE s.value || ':%'
)
ORDER BY e.paper IS NOT NULL, p.id DESC LIMIT :most
"""
_PUT = """
INSERT INTO enrichment (paper, service, asked_at, again_at, known, citations, tldr)
VALUES (:paper, :service, :now, :again, :known, :citations, :tldr)
ON CONFLICT (paper, service) DO UPDATE SET asked_at = excluded.asked_at,
    again_at = excluded.again_at, known = excluded.known, citations = excluded.citations,
    tldr = excluded.tldr
"""
