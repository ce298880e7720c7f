"""Keeping the full-text index in step with the papers, in the transaction that writes them."""

from __future__ import annotations

from bot.identity import Group
from bot.models import Paper
from bot.store.connection import Connection
from bot.text.query import searchable

# Three tokens that nobody types between two authors: words that stand near each other in this
# column belong to one name.
AUTHOR_GAP = " \ue000 \ue000 \ue000 "


def index_paper(db: Connection, number: int, group: Group) -> None:
    """Index the readable text of a paper that was written; forget those that were joined into it."""
    if not group.changed and not group.is_new:
        return
    gone: list[dict[str, object]] = [{"paper": each.id} for each in group.known]
    # Deleted and inserted, not replaced: REPLACE fires no trigger for what it deletes.
    db.write_many("DELETE FROM paper_text WHERE paper = :paper", gone)
    db.write(
        "INSERT INTO paper_text (paper, title, authors, abstract, categories) "
        "VALUES (:paper, :title, :authors, :abstract, :categories)",
        _text_of(group.paper) | {"paper": number},
    )


def _text_of(paper: Paper) -> dict[str, object]:
    return {
        "title": searchable(paper.title),
        "authors": AUTHOR_GAP.join(map(searchable, paper.authors)),
        "abstract": searchable(paper.abstract),
        "categories": AUTHOR_GAP.join(paper.categories),
    }
