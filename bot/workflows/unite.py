"""unite: a preprint and its article that name one another nowhere are one paper by their title.

A journal's feed seldom names the preprint, and arXiv learns of the article months later, if at all: who had
the one would get the other as new. What came is compared with what an edition has picked, and with nothing
else: only that can come twice.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from bot import lifecycle
from bot.models import Paper
from bot.ports import Workers
from bot.text import one_line, readable
from bot.text.spelling import folded

_AT_ONCE = 100  # papers in one transaction: nobody waits long for the store
_LEAST_WORDS = 5  # of a title that names one work: `Reply to the referees` does not
_ASKED = 5  # words: the longest are the rarest
_SHORTEST = 4  # letters of such a word
_WORD = re.compile(r"\w+")


class UniteStore(Protocol):
    """What `unite` reads and writes."""

    def arrivals(self, most: int) -> list[Paper]:
        """Return at most so many papers that came since the last were looked at, the oldest first."""
        ...

    def picked(self, words: Sequence[str]) -> list[Paper]:
        """Return papers with all of these words in the title that an edition picked, the newest few."""
        ...

    def unite(self, pairs: Sequence[tuple[Paper, Paper]], through: int, now: datetime) -> int:
        """Commit that the two of each pair are one, and that all papers up to `through` were looked at.

        Returns how many were two until then.
        """
        ...


async def unite(store: UniteStore, workers: Workers, now: datetime) -> int:
    """Look at all that came since the last time; return how many papers turned out to be an earlier one."""
    united = 0
    while arrived := await workers.store(store.arrivals, _AT_ONCE):
        pairs = await workers.store(_pairs, store, arrived)
        united += await workers.store(store.unite, pairs, arrived[-1].id, now)
    return united


def _pairs(store: UniteStore, arrived: Sequence[Paper]) -> list[tuple[Paper, Paper]]:
    pairs = [
        (earlier[0], paper)
        for paper in arrived
        if len(earlier := _earlier(store, paper)) == 1  # of two nobody can say which it is
    ]
    return [pair for pair in pairs if not any(_are_rivals(pair, other) for other in pairs)]


def _are_rivals(pair: tuple[Paper, Paper], other: tuple[Paper, Paper]) -> bool:
    """Tell whether two came at once of which only one can be the earlier paper: nobody can say which.

    Both are preprints, or both have a DOI of a journal: together with the earlier one they would be one.
    """
    (earlier, paper), (other_earlier, rival) = pair, other
    if earlier.id != other_earlier.id or paper.id == rival.id:
        return False
    return lifecycle.is_preprint(paper) or bool(
        lifecycle.journal_doi(paper) and lifecycle.journal_doi(rival)
    )


def _earlier(store: UniteStore, paper: Paper) -> list[Paper]:
    words = telling_words(paper.title)
    found = store.picked(words) if words else []
    return [each for each in found if each.id != paper.id and are_one_work(each, paper)]


def telling_words(title: str) -> list[str]:
    """Return words by which a title can be found; none where it is too short to name one work."""
    words = _WORD.findall(folded(_read(title)))  # as the index has them
    if len(words) < _LEAST_WORDS:
        return []
    longest = sorted({word for word in words if len(word) >= _SHORTEST}, key=lambda w: (-len(w), w))
    return longest[:_ASKED]


def are_one_work(one: Paper, other: Paper) -> bool:
    """Tell whether of two papers one is the preprint of the other, which is its article.

    Their titles are the same but for spaces, signs and TeX, and their first authors have a name in common.
    What is no preprint, or names its article, is told by its identifiers alone: a mistake here would hide
    a paper. So is a preprint that was withdrawn: that would be said of the article too.
    """
    preprints = [paper for paper in (one, other) if lifecycle.is_preprint(paper)]
    if len(preprints) != 1:
        return False
    if lifecycle.journal_doi(preprints[0]) or lifecycle.is_withdrawn(preprints[0]):
        return False
    if not (one.authors and other.authors and telling_words(one.title)):
        return False
    names, others = (
        {word for word in _words(paper.authors[0]) if len(word) > 1} for paper in (one, other)
    )
    same_title = "".join(_words(one.title)) == "".join(_words(other.title))
    return same_title and not names.isdisjoint(others)


def _words(text: str) -> list[str]:
    """Return a text's words as they are compared: as people read them, without case and accents."""
    apart = unicodedata.normalize("NFKD", _read(text).casefold())
    return _WORD.findall("".join(sign for sign in apart if not unicodedata.combining(sign)))


def _read(text: str) -> str:
    return one_line(readable(text))
