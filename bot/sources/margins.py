"""What feedparser loses: a field that repeats in an entry, and authors made of child elements.

feedparser keeps the last of two `dc:identifier` (HighWire puts the DOI first), and only the last
`given_name` of JOSS's authors. Where a body shows signs of either, it is read a second time for
these fields alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from xml.parsers import expat

from bot.patterns import pattern

_ENTRIES = frozenset({"item", "entry"})
_WORTH_IT = pattern(
    rb"<(?:dc:)?identifier\b[^<]{0,600}(?:<!\[CDATA\[[^<]{0,600})?</(?:dc:)?identifier>"
    rb"\s*<(?:dc:)?identifier\b|<given_name\b|<family_name\b|<last_name\b"
)
_LONGEST = 2000
_MOST = 20_000


@dataclass(slots=True)
class Margin:
    """One entry's repeated identifiers, and its authors' names put together."""

    identifiers: list[str] = field(default_factory=list)
    authors: list[str] = field(default_factory=list)


def read_margins(body: bytes, entries: int) -> list[Margin] | None:
    """Return a Margin for each entry, None where there is no need or the two readings differ."""
    if not _WORTH_IT.search(body):
        return None
    reading = _Reading()
    try:
        reading.parser.Parse(body, True)
    except (expat.ExpatError, LookupError, ValueError):
        return None
    return reading.margins if len(reading.margins) == entries else None


class _Reading:
    def __init__(self) -> None:
        self.margins: list[Margin] = []
        self.inside = False
        self.name: dict[str, str] = {}
        self.pieces: list[str] = []
        # expat resolves no external entities, and bounds the expansion of internal ones itself.
        self.parser = expat.ParserCreate()
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self.pieces.append

    def _start(self, tag: str, attributes: dict[str, str]) -> None:  # noqa: ARG002 - expat's signature
        local = _local(tag)
        self.pieces.clear()
        if local in _ENTRIES:
            self.margins.append(Margin())
            self.inside = True
        elif local == "author":
            self.name.clear()

    def _end(self, tag: str) -> None:
        local = _local(tag)
        said = "".join(self.pieces).strip()[:_LONGEST]
        self.pieces.clear()
        if local in _ENTRIES:
            self.inside = False
        if not self.inside or len(self.margins[-1].authors) > _MOST:
            return
        if local == "identifier" and said:
            self.margins[-1].identifiers.append(said)
        elif local in ("given_name", "middle_name", "last_name", "family_name"):
            self.name[local] = said
        elif local == "author" and self.name:
            order = ("given_name", "middle_name", "last_name", "family_name")
            self.margins[-1].authors.append(" ".join(filter(None, map(self.name.get, order))))


def _local(tag: str) -> str:
    return tag.rpartition(":")[2].lower()
