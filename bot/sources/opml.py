"""OPML 1.0, 1.1 and 2.0, in and out: lists of feeds as other readers keep them.

Read as a stream of elements, so that depth costs nothing. Entities are never expanded: a document
that declares any is refused (a few lines of them can stand for gigabytes).
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from html.entities import html5
from xml.parsers import expat

from bot.errors import ParseError
from bot.text import inert, one_line, shorten
from bot.values import value_type

LARGEST_FILE = 20_000_000  # bytes
_MOST_FEEDS = 10_000
_MOST_PROBLEMS = 100
_LONGEST_TITLE, _LONGEST_ADDRESS = 200, 2_000
_AMPERSAND = re.compile(r"&(?!#\d+;|#x[0-9a-fA-F]+;|(?:amp|lt|gt|quot|apos);)(?:(\w+);)?")
# What an outline says where its XML is broken: attributes by their looks.
_BROKEN_OUTLINE = re.compile(r"<outline\b([^<]{0,20000})", re.IGNORECASE)
_LOOKS = {
    name: re.compile(rf"""\b{name}\s*=\s*(["'])(.*?)\1""", re.IGNORECASE | re.DOTALL)
    for name in ("xmlurl", "text")
}
_NO_FEEDS = frozenset({"link", "include"})


@value_type(frozen=True, slots=True)
class Outline:
    """One feed of a list: its address, its title ("" without one), the groups it stands in."""

    url: str
    title: str = ""
    groups: tuple[str, ...] = ()


@dataclass(slots=True)
class OutlineList:
    """The feeds of an OPML file, each address once, and a sentence for each outline left out."""

    feeds: list[Outline] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def read_opml(body: bytes) -> OutlineList:
    """Read a list of feeds; of a broken document, whatever still looks like one, too.

    Raises ParseError for what is no OPML, and for a document that declares entities.
    """
    reader = _Reader()
    problem = reader.read(body)
    if problem and b"&" in body:
        # Named entities of HTML, and ampersands that should have been written `&amp;`.
        again = _Reader()
        mended = again.read(_AMPERSAND.sub(_mended, body.decode("utf-8", "replace")))
        if len(again.found.feeds) >= len(reader.found.feeds):
            reader, problem = again, mended
    if not reader.is_opml:
        raise ParseError(f"it is no OPML{f' ({problem})' if problem else ''}")
    if problem:
        before = len(reader.found.feeds)
        reader.salvage(body.decode("utf-8", "replace"))
        more = len(reader.found.feeds) - before
        reader.found.problems.append(
            f"its XML is broken ({problem}); the {before} feeds before that are read, and "
            f"{more} after it as well as they can be"
        )
    return reader.found


def _mended(match: re.Match[str]) -> str:
    name = match.group(1)
    if name and (char := html5.get(f"{name};")):
        return html.escape(char)
    return f"&amp;{name};" if name else "&amp;"


class _Reader:
    """One pass over a document."""

    def __init__(self) -> None:
        self.found = OutlineList()
        self.is_opml = False
        self._groups: list[str] = []
        self._known: set[str] = set()

    def read(self, body: bytes | str) -> str:
        """Read it; return what is wrong with its XML, or "". Raises ParseError for entities."""
        parser = expat.ParserCreate("utf-8" if isinstance(body, str) else None)
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.EntityDeclHandler = _refuse
        try:
            parser.Parse(body, True)
        except expat.ExpatError as error:
            return f"line {error.lineno}: {expat.ErrorString(error.code)}"
        except (LookupError, ValueError) as error:
            return str(error)
        return ""

    def salvage(self, text: str) -> None:
        """Take the outlines by their looks; those that were read already don't come twice."""
        self._groups.clear()
        for outline in _BROKEN_OUTLINE.finditer(text):
            found = {name: looks.search(outline.group(1)) for name, looks in _LOOKS.items()}
            given = {name: match.group(2) for name, match in found.items() if match}
            if given.get("xmlurl"):
                url = one_line(html.unescape(given["xmlurl"]))
                self._feed(url, _line(given.get("text", "")))

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        bare = name.rpartition(":")[2].lower()
        if bare == "opml":
            self.is_opml = True
        if bare == "outline" and self.is_opml:
            self._outline({key.lower(): value for key, value in attributes.items()})

    def _end(self, name: str) -> None:
        if name.rpartition(":")[2].lower() == "outline" and self._groups:
            self._groups.pop()

    def _outline(self, attributes: dict[str, str]) -> None:
        title = _line(attributes.get("text") or "") or _line(attributes.get("title") or "")
        self._groups.append(title)
        url = one_line(attributes.get("xmlurl") or "")
        kind = attributes.get("type", "").strip().lower()
        if url:
            self._feed(url, title)
        elif kind in _NO_FEEDS:
            self._leave_out(f'"{title}" points to another list ({kind}), which is not followed')
        elif kind in ("rss", "atom", "feed", "pie"):
            self._leave_out(f'"{title}" has no address (xmlUrl)')

    def _feed(self, url: str, title: str) -> None:
        if url.lower().startswith("feed:"):
            rest = url[5:].lstrip("/")
            url = rest if rest.lower().startswith("http") else f"http://{rest}"
        if not url.lower().startswith(("http://", "https://")) or len(url) > _LONGEST_ADDRESS:
            self._leave_out(f'"{title}" has an address that is none: {shorten(url, 80)}')
        elif url not in self._known and len(self._known) < _MOST_FEEDS:
            self._known.add(url)
            groups = tuple(group for group in self._groups[:-1] if group)
            self.found.feeds.append(Outline(url, title, groups))

    def _leave_out(self, sentence: str) -> None:
        if len(self.found.problems) < _MOST_PROBLEMS:
            self.found.problems.append(sentence)


def _refuse(*_: object) -> None:
    raise ParseError("it declares entities, which no list of feeds needs; it was not read")


def _line(value: str) -> str:
    return shorten(one_line(html.unescape(value)), _LONGEST_TITLE)


def write_opml(title: str, feeds: Iterable[Outline]) -> str:
    """Return a list of feeds as OPML 2.0."""
    lines = [
        '<?xml version="1.0" encoding="utf-8"?>',
        '<opml version="2.0">',
        f"<head><title>{_attribute(title)}</title></head>",
        "<body>",
        *(
            f'<outline type="rss" text="{_attribute(feed.title)}" xmlUrl="{_attribute(feed.url)}"/>'
            for feed in feeds
        ),
        "</body>",
        "</opml>",
    ]
    return "\n".join(lines) + "\n"


def _attribute(value: str) -> str:
    return html.escape(inert(one_line(value)))
