"""What a service answers in XML, as a tree: no entities of its own, no files, no network, bounded."""

from __future__ import annotations

from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from bot import text
from bot.errors import ParseError
from bot.models import Document
from bot.sources.entries import host_of

_MOST_TAGS = 500_000
_DEEPEST = 100


class _TooMuchError(Exception):
    """The document is none that the service would send; the message completes "HOST …"."""


def read_xml(document: Document, wanted: str) -> Element:
    """Return the root of a body. Raises ParseError; `wanted` ("list of articles") is said in it.

    A document that defines an entity is refused: none of the services does, and every attack does.
    """
    host = host_of(document.url)
    if not document.body.strip():
        raise ParseError(f"{host} sent an empty document")
    reading = _Reading()
    try:
        reading.parser.Parse(document.body, True)
        root = reading.builder.close()
    except _TooMuchError as error:
        raise ParseError(f"{host} {error}; it was not read") from error
    except (expat.ExpatError, ValueError, LookupError) as error:
        if document.body.lstrip()[:1] != b"<":
            raise ParseError(f"{host} sent something that is no XML") from error
        where = "a web page (HTML)" if _is_web_page(document.body) else "broken XML"
        raise ParseError(f"{host} sent {where} instead of a {wanted}") from error
    if root.tag.lower().endswith("html"):
        raise ParseError(f"{host} sent a web page (HTML) instead of a {wanted}")
    return root


def _is_web_page(body: bytes) -> bool:
    return b"<html" in body[:2000].lower()


class _Reading:
    def __init__(self) -> None:
        self.depth = self.tags = 0
        self.builder = TreeBuilder()
        # expat resolves no external entities by itself, and nothing here lets it.
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self.builder.data
        self.parser.EntityDeclHandler = self._entity

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self.depth += 1
        self.tags += 1
        if self.depth > _DEEPEST or self.tags > _MOST_TAGS:
            raise _TooMuchError("sent XML of too many tags, or too deep a nesting")
        self.builder.start(tag, attributes)

    def _end(self, tag: str) -> None:
        self.depth -= 1
        self.builder.end(tag)

    def _entity(self, *_: object) -> None:
        raise _TooMuchError("sent XML that defines entities of its own")


def words(element: Element | None) -> str:
    """Return all text inside an element in one line, markup left out; "" for None."""
    return text.one_line("".join(element.itertext())) if element is not None else ""
