"""The full-text index: brought up to date behind the papers, a few hundred at a time.

Nothing that a digest is made of waits for it. `absorb` only notes which papers changed; whoever
searches brings the index up to date first, and a round does so at its end.
"""

from __future__ import annotations

import json

from bot.store.papers import PaperLedger
from bot.text.query import searchable

# Three tokens that nobody types between two authors: words that stand near each other in this
# column belong to one name.
AUTHOR_GAP = " \ue000 \ue000 \ue000 "
_AT_ONCE = 200  # papers in one transaction: about 50 ms


class IndexLedger(PaperLedger):
    """The part of the store that keeps the papers' readable text in the index."""

    def index_some(self, most: int = _AT_ONCE) -> int:
        """Index the readable text of so many papers that changed; return how many they were.

        Those that were joined into another are forgotten.
        """
        if not self.db.rows("SELECT 1 FROM unindexed LIMIT 1"):
            return 0
        with self.db.transaction():
            rows = self.db.rows(
                "SELECT paper FROM unindexed ORDER BY paper LIMIT :most", {"most": most}
            )
            some = [row["paper"] for row in rows]
            among = {"ids": json.dumps(some)}
            # Deleted and inserted, not replaced: REPLACE fires no trigger for what it deletes.
            self.db.write(_FORGET, among)
            self.db.write_many(_INDEX, [_text_of(*row) for row in self.db.rows(_TEXTS, among)])
            self.db.write(_INDEXED, among)
        return len(some)

    def index_all(self) -> None:
        """Bring the index up to date."""
        while self.index_some():
            pass


def _text_of(
    paper: int, title: str, authors: str, abstract: str, categories: str
) -> tuple[object, ...]:
    return (
        paper,
        searchable(title),
        AUTHOR_GAP.join(map(searchable, authors.split("\n"))) if authors else "",
        searchable(abstract),
        AUTHOR_GAP.join(categories.split("\n")) if categories else "",
    )


_TEXTS = """
SELECT id, title, authors, abstract, categories FROM paper
WHERE id IN (SELECT value FROM json_each(:ids)) AND merged_into IS NULL
"""
_AMONG = "paper IN (SELECT value FROM json_each(:ids))"
_FORGET = f"DELETE FROM paper_text WHERE {_AMONG}"  # noqa: S608 - our own constant
_INDEXED = f"DELETE FROM unindexed WHERE {_AMONG}"  # noqa: S608 - our own constant
_INDEX = """
INSERT INTO paper_text (paper, title, authors, abstract, categories) VALUES (?, ?, ?, ?, ?)
"""
