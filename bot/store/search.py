"""The archive by its words (FTS5 over what `indexing` wrote)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, time

from bot.models import Paper
from bot.store.connection import seconds
from bot.store.indexing import IndexLedger
from bot.text.query import Clause, Query

_NEAR = 2  # words that may stand between two words of one author's name


class SearchLedger(IndexLedger):
    """The part of the store that finds papers by their words."""

    def search(self, query: Query, limit: int) -> list[tuple[Paper, float]]:
        """Return (paper, score) for the papers that fit, best first; a title weighs most.

        Where the query names nothing but a date, the newest come first and all scores are 0.
        """
        self.index_all()
        match = " ".join([*map(_expression, query.clauses), *map(_category, query.categories)])
        values = {
            "match": match, "since": _midnight(query.since), "before": _midnight(query.before),
            "limit": limit,
            "categories": json.dumps(query.categories),
        }  # fmt: skip
        rows = self.db.rows(_MATCHING if match else _NEWEST, values)
        papers = {paper.id: paper for paper in self._load(row["id"] for row in rows)}
        return [(papers[row["id"]], row["score"]) for row in rows]

    def with_any(self, words: Sequence[str], limit: int) -> list[Paper]:
        """Return the papers whose text has words that begin like these, most telling first."""
        match = " OR ".join(f"{_quoted(word)} *" for word in words)
        if not match:
            return []
        self.index_all()
        rows = self.db.rows(
            "SELECT rowid AS id FROM paper_search WHERE paper_search MATCH :match "
            "ORDER BY bm25(paper_search, 3.0, 0.0, 1.0, 0.0), rowid DESC LIMIT :limit",
            {"match": f"{{title abstract}} : ({match})", "limit": limit},
        )
        return self._load(row["id"] for row in rows)


def _midnight(day: date | None) -> int | None:
    return seconds(datetime.combine(day, time(), UTC)) if day else None


def _expression(clause: Clause) -> str:
    """Return a clause in FTS5's own language, every word of it quoted."""
    if clause.field == "authors":
        # `N. Shazeer` is `Noam Shazeer`, and so is `Shazeer, Noam`.
        last = len(clause.words) - 1
        names = (
            f"{_quoted(word)} *"
            if len(word) == 1 or (clause.prefix and at == last)
            else _quoted(word)
            for at, word in enumerate(clause.words)
        )
        return f"authors : NEAR({' '.join(names)}, {_NEAR})"
    phrase = _quoted(" ".join(clause.words)) + (" *" if clause.prefix else "")
    return f"{clause.field} : {phrase}" if clause.field else phrase


def _category(name: str) -> str:
    return f"categories : {_quoted(name)}"


def _quoted(words: str) -> str:
    return '"' + words.replace('"', '""') + '"'


# A category is one whole line of the paper's, or its beginning up to a dot; FTS narrows it down.
_IN_CATEGORIES = """
NOT EXISTS (
    SELECT 1 FROM json_each(:categories) c
    WHERE instr(char(10) || lower(p.categories) || char(10), char(10) || c.value || char(10)) = 0
    AND instr(char(10) || lower(p.categories), char(10) || c.value || '.') = 0
)
"""
_SINCE = (
    "(:since IS NULL OR coalesce(p.published, p.first_seen) >= :since) "
    "AND (:before IS NULL OR coalesce(p.published, p.first_seen) < :before)"
)
_MATCHING = f"""
SELECT p.id, -bm25(paper_search, 6.0, 4.0, 1.0, 0.0) AS score
FROM paper_search JOIN paper p ON p.id = paper_search.rowid
WHERE paper_search MATCH :match AND {_SINCE} AND {_IN_CATEGORIES}
ORDER BY score DESC, coalesce(p.published, p.first_seen) DESC, p.id DESC LIMIT :limit
"""  # noqa: S608 - our own constants
_NEWEST = f"""
SELECT p.id, 0.0 AS score FROM paper p
WHERE p.merged_into IS NULL AND {_SINCE} AND {_IN_CATEGORIES}
ORDER BY coalesce(p.published, p.first_seen) DESC, p.id DESC LIMIT :limit
"""  # noqa: S608 - our own constants
