"""What texts mean, as vectors, kept: computed once for each text and model."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence

from bot.store.connection import Connection


class MeaningLedger:
    """The part of the store that the semantic tier reads and writes.

    `embedder` is the name of what made the vectors: those of two are never told together. A text is
    known by its paper's id (0 for a profile's own) and its digest.
    """

    def __init__(self, db: Connection) -> None:
        self._db = db

    def vectors(
        self, embedder: str, wanted: Collection[tuple[int, bytes]]
    ) -> dict[tuple[int, bytes], bytes]:
        """Return the vectors that are kept of these (paper, digest)."""
        rows = self._db.rows(_VECTORS, {
            "embedder": embedder, "papers": json.dumps(sorted({paper for paper, _ in wanted})),
        })  # fmt: skip
        found = {(row["paper"], row["digest"]): row["v"] for row in rows}
        return {each: found[each] for each in wanted if each in found}

    def keep_vectors(self, embedder: str, rows: Sequence[tuple[int, bytes, bytes]]) -> None:
        """Commit vectors as (paper, digest, vector)."""
        with self._db.transaction():
            number = self._number(embedder)
            self._db.insert(
                "vector (paper, embedder, digest, v)",
                [(paper, number, digest, vector) for paper, digest, vector in rows],
                "ON CONFLICT DO NOTHING",
            )

    def newest_vectors(self, embedder: str, most: int) -> list[tuple[int, bytes]]:
        """Return (paper, vector) of the newest papers that have one, one each."""
        rows = self._db.rows(_NEWEST, {"embedder": embedder, "most": most})
        return [(row["paper"], row["v"]) for row in rows]

    def count_vectors(self, embedder: str) -> int:
        """Return of how many papers there are vectors."""
        row = self._db.row(_COUNT, {"embedder": embedder})
        return int(row["n"]) if row else 0

    def whitening(self, embedder: str) -> bytes | None:
        """Return what was learnt of an embedder's vectors in general, None where nothing was."""
        row = self._db.row("SELECT whitening FROM embedder WHERE name = :name", {"name": embedder})
        return row["whitening"] if row else None

    def keep_whitening(self, embedder: str, learnt: bytes) -> bytes:
        """Commit what was learnt, once for ever; return what holds, another's where it was first."""
        with self._db.transaction():
            self._db.write(
                "UPDATE embedder SET whitening = :learnt WHERE id = :id AND whitening IS NULL",
                {"learnt": learnt, "id": self._number(embedder)},
            )
        return self.whitening(embedder) or learnt

    def _number(self, embedder: str) -> int:
        values = {"name": embedder}
        self._db.write("INSERT OR IGNORE INTO embedder (name) VALUES (:name)", values)
        row = self._db.row("SELECT id FROM embedder WHERE name = :name", values)
        return int(row["id"]) if row else 0


_OF = "embedder = (SELECT id FROM embedder WHERE name = :embedder)"
_VECTORS = f"""
SELECT paper, digest, v FROM vector
WHERE {_OF} AND paper IN (SELECT value FROM json_each(:papers))
"""  # noqa: S608 - our own constant
_NEWEST = f"""
SELECT paper, max(v) AS v FROM vector WHERE {_OF} AND paper > 0
GROUP BY paper ORDER BY paper DESC LIMIT :most
"""  # noqa: S608 - our own constant
_COUNT = f"SELECT count(DISTINCT paper) AS n FROM vector WHERE {_OF} AND paper > 0"  # noqa: S608 - our own constant
