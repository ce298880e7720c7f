"""A sighting on its way into the store, and the digest by which it is known when it comes again."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from hashlib import blake2b

from bot.models import Sighting
from bot.store.connection import seconds
from bot.store.rows import PaperRow, names_of, paper_row


class ShownRecord:
    """One sighting on its way into the store: the day it counts for, its names, its digest."""

    __slots__ = ("at", "digest", "names", "place", "renamed", "row", "seen_on", "sighting")

    def __init__(self, sighting: Sighting, looked: tuple[int | None, str]) -> None:
        self.sighting = sighting
        paper = sighting.paper
        said, day = _dated(sighting.at)
        # Votes are a series by the day we looked; anything else is dated by its source.
        if sighting.votes is not None or said is None:
            self.at, self.seen_on = looked
        else:
            self.at, self.seen_on = said, day
        self.names = names = names_of(paper.identifiers)
        self.row = row = paper_row(paper)
        if sighting.votes is None and sighting.comments is None:
            named = names[0] if len(names) == 1 else "\x1f".join(sorted(names))
            self.digest = _digest(
                row, (named, sighting.event, self.seen_on, str(said), sighting.guid)
            )
        else:  # counts are the latest, not the greatest: between two that are equal may be another
            self.digest = 0
        self.renamed = False
        self.place = 0

    def recognised_as(self, sighting: Sighting) -> None:
        """Take what its guid told of it; the digest stays that of the record as it was shown."""
        if sighting is not self.sighting:
            self.sighting, self.renamed = sighting, True
            self.names = names_of(sighting.paper.identifiers)


@lru_cache(maxsize=64)
def _dated(at: datetime | None) -> tuple[int | None, str]:
    """Return a source's date in seconds, and its day: a document has few of them."""
    return (None, "") if at is None else (seconds(at), at.date().isoformat())


def _digest(row: PaperRow, said: tuple[str, str, str, str, str]) -> int:
    """Return 63 bits, not all of them 0, that stand for all that a sighting says."""
    # Written out: to join what mostly is text takes two thirds of what it takes to fill it into one.
    (
        title,
        authors,
        abstract,
        categories,
        venue,
        version,
        day,
        links,
        stamps,
        votes,
        comments,
        notice,
    ) = row
    named, event, seen_on, at, guid = said
    told = "\x1f".join((
        title, authors, abstract, categories, venue, str(version), str(day), links, stamps,
        str(votes), str(comments), notice, named, event, seen_on, at, guid,
    ))  # fmt: skip
    digest = blake2b(told.encode("utf-8", "backslashreplace"), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1 or 1
