"""The archive by its words (FTS5 over what `indexing` wrote)."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING

from bot.models import Paper
from bot.store.connection import seconds
from bot.store.indexing import IndexLedger
from bot.text.spelling import folded, meant, slips

if TYPE_CHECKING:
    from bot.text.query import Query, QueryClause

_NEAR = 2  # words that may stand between two words of one author's name
_WEIGHED = 12_000  # papers that may have one of several words
_RANKED = 6000  # papers that are weighed against one another at most
_SHORTEST = 2  # letters of a beginning: of one alone a seventh of all words would be gathered
_RARE = 2  # papers: a word in more is believed
_RESPELT = 10  # words that are looked at for slips
_TELLING = 3  # letters: of shorter words too many others begin so


class SearchLedger(IndexLedger):
    """The part of the store that finds papers by their words."""

    def search(self, query: Query, limit: int) -> list[tuple[Paper, float]]:
        """Return (paper, score) for the papers that fit, best first; a title weighs most.

        Where the query names nothing but a date, the newest come first and all scores are 0.
        """
        self.index_all()
        match = " ".join([*map(_expression, query.clauses), *map(_category, query.categories)])
        without = " OR ".join(_expression(each) for each in query.without if not each.signs)
        signed = [each for each in query.clauses if each.signs]
        unwanted = [each for each in query.without if each.signs]
        values: dict[str, object] = {
            "match": _but(match, without), "without": without,
            "since": _midnight(query.since), "before": _midnight(query.before),
            "limit": limit, "most": _RANKED, "categories": json.dumps(query.categories),
            "barred": json.dumps(query.barred), "signed": bool(signed),
            "unwanted": json.dumps(self._with_signs(unwanted)),
        }  # fmt: skip
        self._look_for(signed, all)
        dated = query.since or query.before or query.categories or query.barred
        filter_by = _SIGNED if signed or unwanted else _FILTERED if dated or not match else ""
        if not match:
            rows = self.db.rows((_NEWEST_BUT if without else _NEWEST)[filter_by], values)
        else:
            rows = self._ranked(values, _but(f"title : ({match})", without), filter_by)
        papers = {paper.id: paper for paper in self._load(row["id"] for row in rows)}
        return [(papers[row["id"]], row["score"]) for row in rows]

    def _ranked(
        self, values: dict[str, object], in_titles: str, filter_by: str
    ) -> list[sqlite3.Row]:
        """Return the best rows. Of words that half of all papers have, all titles' and the newest.

        To weigh every paper that says "the" takes longer than a person waits, and tells nothing.
        """
        oldest, best = _OLDEST[filter_by], _BEST[filter_by]
        values["from"] = self._from(oldest, values)
        rows = self.db.rows(best, values)
        if values["from"]:
            values["match"] = in_titles
            values["from"] = self._from(oldest, values)
            rows += self.db.rows(best, values) if not filter_by else []
        found = {row["id"]: row for row in rows}
        ordered = sorted(found.values(), key=lambda row: (-row["score"], -row["id"]))
        return ordered[: int(str(values["limit"]))]

    def _with_signs(self, unwanted: Sequence[QueryClause]) -> list[int]:
        """Return the papers that have one of these names with signs."""
        if not unwanted:
            return []
        self._look_for(unwanted, any)
        match = " OR ".join(map(_expression, unwanted))
        return [row["id"] for row in self.db.rows(_HAVING, {"match": match})]

    def _look_for(
        self, signed: Sequence[QueryClause], enough: Callable[[Iterable[object]], bool]
    ) -> None:
        """Tell SQLite which names with signs a paper must have: `all` of them, or `any`.

        The index knows letters alone: of what it finds for a C, the texts say which is C++.
        """
        if not signed:
            return
        from bot.text.query import has

        def has_signed(*told: str) -> bool:
            return enough(has(each, dict(zip(_FIELDS, told, strict=True))) for each in signed)

        self.db.define("has_signed", len(_FIELDS), has_signed)

    def _from(self, oldest: str, values: dict[str, object]) -> int:
        row = self.db.row(oldest, values)
        return int(row["id"] or 0) if row and row["n"] >= _RANKED else 0

    def respelt(self, query: Query) -> tuple[Query, dict[str, str]]:
        """Return the query with words that no paper has, or hardly one, as they were meant.

        The second value maps each word that was changed to the one it became. A word's first letter
        is believed, and of the others at most two are wrong.
        """
        self.index_all()
        self.db.write(_TERMS)
        instead: dict[str, str] = {}
        clauses = []
        left = _RESPELT
        for clause in query.clauses:
            words = []
            for at, word in enumerate(clause.words):
                begun = clause.prefix and at == len(clause.words) - 1
                better = "" if begun or left <= 0 else self._meant(folded(word))
                left -= 1
                if better:
                    instead[word] = better
                words.append(better or word)
            clauses.append(replace(clause, words=tuple(words)))
        return replace(query, clauses=tuple(clauses)), instead

    def _meant(self, word: str) -> str:
        if not slips(word):
            return ""
        row = self.db.row("SELECT doc FROM temp.paper_term WHERE term = :word", {"word": word})
        occurs = int(row["doc"]) if row else 0
        if occurs > _RARE:
            return ""
        for begin in (word[:2], word[1] + word[0], word[0]):
            rows = self.db.rows(_BEGINNING, {
                "first": begin, "last": f"{begin}\U0010ffff", "length": len(word),
                "most": slips(word),
            })  # fmt: skip
            if better := meant(word, occurs, [(row["term"], row["doc"]) for row in rows]):
                return better
        return ""

    def with_any(self, words: Sequence[str], limit: int) -> list[Paper]:
        """Return the papers whose text has words that begin like these, most telling first.

        The first words count: of the later ones those for which it does not take too long.
        """
        self.index_all()
        match = " OR ".join(f"{quoted(word)} *" for word in self._affordable(words))
        if not match:
            return []
        rows = self.db.rows(
            "SELECT rowid AS id FROM paper_search WHERE paper_search MATCH :match "
            "ORDER BY bm25(paper_search, 3.0, 0.0, 1.0, 0.0), rowid DESC LIMIT :limit",
            {"match": f"{{title abstract}} : ({match})", "limit": limit},
        )
        return self._load(row["id"] for row in rows)

    def _affordable(self, words: Sequence[str]) -> list[str]:
        """Return the words whose papers together are few enough to be weighed, at least one."""
        self.db.write(_TERMS)
        taken: list[str] = []
        papers = 0
        for word in words:
            if (len(word) < _TELLING and word.isascii()) or not word.isalnum():
                continue  # of C++ the index would look for all that begins with a C
            row = self.db.row(
                _PAPERS_WITH, {"first": folded(word), "last": f"{folded(word)}\U0010ffff"}
            )
            having = int(row["n"] or 0) if row else 0
            if taken and papers + having > _WEIGHED:
                continue
            taken.append(word)
            papers += having
        return taken


def _midnight(day: date | None) -> int | None:
    return seconds(datetime.combine(day, time(), UTC)) if day else None


def _expression(clause: QueryClause) -> str:
    """Return a clause in FTS5's own language, every word of it quoted."""
    if clause.field == "authors":
        # `N. Shazeer` is `Noam Shazeer`, and so is `Shazeer, Noam`.
        last = len(clause.words) - 1
        initials = any(len(word) > 1 for word in clause.words)
        names = (
            f"{quoted(word)} *"
            if (len(word) == 1 and initials) or (clause.prefix and at == last and len(word) > 1)
            else quoted(word)
            for at, word in enumerate(clause.words)
        )
        return f"authors : NEAR({' '.join(names)}, {_NEAR})"
    begun = clause.prefix and len(clause.words[-1]) >= _SHORTEST
    phrase = quoted(" ".join(clause.words)) + (" *" if begun else "")
    return f"{clause.field} : {phrase}" if clause.field else phrase


def _but(match: str, without: str) -> str:
    # Around what must not be: a column that is put before a whole expression narrows that down too.
    return f"({match}) NOT ({without})" if without else match


def _category(name: str) -> str:
    return f"categories : {quoted(name)}"


def quoted(words: str) -> str:
    """Return words as a phrase in FTS5's own language, whatever signs they hold."""
    return '"' + words.replace('"', '""') + '"'


# A category is one whole line of the paper's, or its beginning up to a dot; FTS narrows it down.
_IS_IN = """(
    instr(char(10) || lower(p.categories) || char(10), char(10) || c.value || char(10))
    OR instr(char(10) || lower(p.categories), char(10) || c.value || '.')
)"""
_IN_CATEGORIES = f"""
NOT EXISTS (SELECT 1 FROM json_each(:categories) c WHERE NOT {_IS_IN})
AND NOT EXISTS (SELECT 1 FROM json_each(:barred) c WHERE {_IS_IN})
"""  # noqa: S608 - our own constant
_DATED = (
    "(:since IS NULL OR coalesce(p.published, p.first_seen) >= :since) "
    "AND (:before IS NULL OR coalesce(p.published, p.first_seen) < :before)"
)
_FIELDS = ("title", "authors", "abstract", "categories")
# The signs are looked for first: to read a text as it is meant takes fifty times as long.
_HAS_SIGNED = (
    "(instr(p.title, '++') OR instr(p.title, '#') OR instr(p.abstract, '++') OR instr(p.abstract, '#')) "
    "AND has_signed(p.title, p.authors, p.abstract, p.categories)"
)
_HAVING = f"""
SELECT p.id FROM paper_search JOIN paper p ON p.id = paper_search.rowid AND {_HAS_SIGNED}
WHERE paper_search MATCH :match
"""  # noqa: S608 - our own constant
# What holds beside the words; the second only where a query has names with signs.
_FILTERED = f"{_DATED} AND {_IN_CATEGORIES}"
_UNWANTED = "p.id NOT IN (SELECT value FROM json_each(:unwanted))"
_SIGNED = f"{_FILTERED} AND {_UNWANTED} AND (NOT :signed OR {_HAS_SIGNED})"
_SCORE = "-bm25(paper_search, 6.0, 4.0, 1.0, 0.0)"
_JOINED = {
    filter_by: f"JOIN paper p ON p.id = paper_search.rowid AND {filter_by}" if filter_by else ""
    for filter_by in ("", _FILTERED, _SIGNED)
}
_OLDEST = {
    filter_by: f"""
SELECT min(id) AS id, count(*) AS n FROM (
    SELECT paper_search.rowid AS id FROM paper_search {joined}
    WHERE paper_search MATCH :match ORDER BY paper_search.rowid DESC LIMIT :most
)
"""  # noqa: S608 - our own constants
    for filter_by, joined in _JOINED.items()
}
_BEST = {
    filter_by: f"""
SELECT paper_search.rowid AS id, {_SCORE} AS score FROM paper_search {joined}
WHERE paper_search MATCH :match AND paper_search.rowid >= :from
ORDER BY score DESC, id DESC LIMIT :limit
"""  # noqa: S608 - our own constants
    for filter_by, joined in _JOINED.items()
}
# The index's own list of words: it follows the index, and costs no room.
_TERMS = """
CREATE VIRTUAL TABLE IF NOT EXISTS temp.paper_term USING fts5vocab(main, paper_search, 'row')
"""
_PAPERS_WITH = "SELECT sum(doc) AS n FROM temp.paper_term WHERE term >= :first AND term < :last"
_BEGINNING = """
SELECT term, doc FROM temp.paper_term
WHERE term >= :first AND term < :last AND length(term) BETWEEN :length - :most AND :length + :most
"""
_NEWEST, _NEWEST_BUT = (
    {
        filter_by: f"""
SELECT p.id, 0.0 AS score FROM paper p
WHERE p.merged_into IS NULL AND {filter_by} {but}
ORDER BY coalesce(p.published, p.first_seen) DESC, p.id DESC LIMIT :limit
"""  # noqa: S608 - our own constants
        for filter_by in (_FILTERED, _SIGNED)
    }
    for but in (
        "",
        "AND p.id NOT IN (SELECT rowid FROM paper_search WHERE paper_search MATCH :without)",
    )
)
