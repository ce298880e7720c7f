"""Summaries that a service wrote of papers: one each, with what they took."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import datetime

from bot.models import ServiceRest
from bot.store import Store
from bot.store.connection import seconds
from bot.store.enrichment import Enricher

_SERVICE = "summary"


class SummaryLedger:
    """The part of the store that summaries are kept in, over the store's own connection."""

    def __init__(self, store: Store) -> None:
        self._db, self._rests = store.db, Enricher(store)

    def asked_of(self, papers: Collection[int], model: str) -> dict[int, bytes]:
        """Return of which papers this model was asked, and the digest of what it read."""
        rows = self._db.rows(_ASKED, {"papers": json.dumps(sorted(papers)), "model": model})
        return {row["paper"]: row["digest"] for row in rows}

    def spent(self, since: datetime) -> tuple[int, int]:
        """Return how often a service was asked after `since`, and how many tokens that took."""
        row = self._db.row(_SPENT, {"since": seconds(since)})
        return (int(row["n"]), int(row["tokens"])) if row else (0, 0)

    def keep(
        self, paper: int, digest: bytes, model: str, said: str, tokens: int, now: datetime
    ) -> None:
        """Commit what was said of a paper ("": nothing that is a summary), and what it took."""
        with self._db.transaction():
            self._db.write(_KEEP, {
                "paper": paper, "digest": digest, "model": model, "said": said, "tokens": tokens,
                "now": seconds(now),
            })  # fmt: skip

    def rest(self) -> ServiceRest:
        """Return until when the service is left alone."""
        return self._rests.rest_of(_SERVICE)

    def set_rest(self, rest: ServiceRest) -> None:
        """Commit until when the service is left alone; one without failures takes that back."""
        self._rests.set_rest(_SERVICE, rest)


_ASKED = """
SELECT paper, digest FROM summary
WHERE model = :model AND paper IN (SELECT value FROM json_each(:papers))
"""
_SPENT = """
SELECT count(*) AS n, coalesce(sum(tokens), 0) AS tokens FROM summary WHERE asked_at > :since
"""
_KEEP = """
INSERT INTO summary (paper, digest, model, said, tokens, asked_at)
VALUES (:paper, :digest, :model, :said, :tokens, :now)
ON CONFLICT (paper) DO UPDATE SET digest = excluded.digest, model = excluded.model,
    said = excluded.said, asked_at = excluded.asked_at,
    tokens = excluded.tokens + CASE WHEN asked_at > excluded.asked_at - 86400 THEN tokens ELSE 0 END
"""
