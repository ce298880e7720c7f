"""The full-text index: brought up to date behind the papers, a few hundred at a time.

Nothing that a digest is made of waits for it. `absorb` only notes which papers changed; whoever
searches brings the index up to date first, and a round does so at its end.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable

from bot.store.connection import Connection
from bot.store.papers import PaperLedger

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
            take_out(self.db, some)
            put_in(self.db, (_text_of(*row) for row in self.db.rows(_TEXTS, among)))
            self.db.write(_INDEXED, among)
        return len(some)

    def index_all(self) -> None:
        """Bring the index up to date."""
        while self.index_some():
            pass


# (paper, title, authors, abstract, categories), as they are found.
Text = tuple[int, str, str, str, str]


def put_in(db: Connection, texts: Iterable[Text]) -> None:
    """Index these texts; in this transaction, none of them may be there."""
    texts = list(texts)
    db.insert("paper_search (rowid, title, authors, abstract, categories)", texts)
    db.insert("paper_text (paper, text)", [(paper, _packed(said)) for paper, *said in texts])


def take_out(db: Connection, papers: Iterable[int]) -> list[Text]:
    """Forget the text of these papers, in this transaction; return what was indexed of them.

    The index keeps no copy of what it read, and has to be told what to forget, word for word: so
    that is kept beside it, packed to less than half. (SQLite 3.43 could do without.)
    """
    among = {"ids": json.dumps(list(papers))}
    texts: list[Text] = [
        (row["paper"], *_unpacked(row["text"])) for row in db.rows(_INDEXED_TEXTS, among)
    ]
    db.write_many(_TAKE_OUT, texts)
    db.write(_FORGET, among)
    return texts


def _packed(said: list[str]) -> bytes:
    return zlib.compress(json.dumps(said, ensure_ascii=False).encode())


def _unpacked(text: bytes) -> tuple[str, str, str, str]:
    title, authors, abstract, categories = json.loads(zlib.decompress(text))
    return title, authors, abstract, categories


def _text_of(paper: int, title: str, authors: str, abstract: str, categories: str) -> Text:
    from bot.text.query import searchable

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
_INDEXED_TEXTS = f"SELECT paper, text FROM paper_text WHERE {_AMONG}"  # noqa: S608 - our own constant
_TAKE_OUT = """
INSERT INTO paper_search (paper_search, rowid, title, authors, abstract, categories)
VALUES ('delete', ?, ?, ?, ?, ?)
"""
