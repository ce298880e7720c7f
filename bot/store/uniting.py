"""What came since the last time, and which of it an edition has picked before under another name."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bot.identity import diff
from bot.models import Paper
from bot.store import Store
from bot.store.search import quoted
from bot.text.query import searchable

# Stands for a source where it is told what became of a paper. Its space says that it is none: it counts
# for nothing where is asked how many sources showed a paper.
_SOURCE = "by title"
_KEY = "united through"
_MOST = 20  # papers with the same words in their title


class Uniter:
    """The part of the store that `unite` reads and writes."""

    def __init__(self, store: Store) -> None:
        self._store, self._db = store, store.db

    def arrivals(self, most: int) -> list[Paper]:
        """Return at most so many papers that came since the last were looked at, the oldest first.

        At first those that came after the latest edition: what was picked before stays as it was told.
        """
        rows = self._db.rows(_ARRIVALS, {"key": _KEY, "most": most})
        found = self._store.papers([row["id"] for row in rows])
        return [found[row["id"]] for row in rows]

    def picked(self, words: Sequence[str]) -> list[Paper]:
        """Return papers with all of these words in the title that an edition picked, the newest few."""
        match = f"title : ({' '.join(quoted(searchable(word)) for word in words)})"
        rows = self._db.rows(_PICKED, {"match": match, "most": _MOST})
        return list(self._store.papers([row["id"] for row in rows]).values())

    def unite(self, pairs: Sequence[tuple[Paper, Paper]], through: int, now: datetime) -> int:
        """Commit that the two of each pair are one, and that all papers up to `through` were looked at."""
        with self._db.transaction():
            united = sum(self._join(*pair, now) for pair in pairs)
            self._db.write(_LOOKED_AT, {"key": _KEY, "through": str(through)})
        return united

    def _join(self, one: Paper, other: Paper, now: datetime) -> bool:
        # Once more, now that nobody else writes: they may have become one meanwhile.
        names = one.identifiers | other.identifiers
        (group,) = diff([Paper("", names)], self._store.lookup(names))
        if len(group.known) <= 1:
            return False
        self._store.put_group(group, _SOURCE, now)
        return True


_ARRIVALS = """
SELECT id FROM paper
WHERE id > coalesce(
    (SELECT CAST(value AS INTEGER) FROM meta WHERE key = :key), (SELECT max(through) FROM edition)
)
AND merged_into IS NULL ORDER BY id LIMIT :most
"""
_PICKED = """
SELECT paper_search.rowid AS id FROM paper_search
WHERE paper_search MATCH :match AND EXISTS (
    SELECT 1 FROM pick k WHERE k.paper = paper_search.rowid
    OR k.paper IN (SELECT id FROM paper WHERE merged_into = paper_search.rowid)
)
ORDER BY paper_search.rowid DESC LIMIT :most
"""
_LOOKED_AT = """
INSERT INTO meta (key, value) VALUES (:key, :through)
ON CONFLICT (key) DO UPDATE SET value = excluded.value
"""
