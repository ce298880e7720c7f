"""JSON Feed 1.0 and 1.1, turned into the entries that the reader of RSS and Atom knows.

What the format says is plain text is escaped, since everything else in a feed is HTML.
"""

from __future__ import annotations

import html
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, TypeAlias

from bot.errors import ParseError
from bot.patterns import pattern
from bot.sources.bounds import MOST_ENTRIES, Entry
from bot.sources.entries import ParsedFeed, host_of, iso_moment
from bot.sources.freshness import http_date

Fields: TypeAlias = Mapping[str, Any]

_VERSION = pattern(r"https?://(?:www\.)?jsonfeed\.org/version/1(?:\.\d)?/?")


def is_json(body: bytes) -> bool:
    """Tell whether a body is a JSON object rather than XML, whatever its Content-Type says."""
    return body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{"


def read_json_feed(body: bytes, url: str) -> ParsedFeed:
    """Read a JSON Feed, at most 5,000 entries. Raises ParseError for any other JSON."""
    host = host_of(url)
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ParseError(f"{host} sent JSON that is broken or breaks off") from error
    version, listed = found.get("version"), found.get("items")
    if not isinstance(version, str) or not _VERSION.fullmatch(version.strip()):
        raise ParseError(f"{host} sent JSON that is no JSON Feed")
    if not isinstance(listed, list):
        raise ParseError(f"{host} sent a JSON Feed without a list of items")
    whole = [each for each in listed[:MOST_ENTRIES] if isinstance(each, dict)]
    warnings = []
    if len(listed) > MOST_ENTRIES:
        warnings.append(
            f"{host} sent {len(listed)} entries; only the first {MOST_ENTRIES} were read"
        )
    if skipped := min(len(listed), MOST_ENTRIES) - len(whole):
        warnings.append(f"{host} sent {skipped} entries that are none; they were skipped")
    everyone = _authors(found)
    entries = tuple(_entry(each, everyone) for each in whole)
    return ParsedFeed(
        {"title": _said(found, "title")}, entries, sound=True, warnings=tuple(warnings)
    )


def _entry(item: Fields, everyone: list[Entry]) -> Entry:
    authors = _authors(item) or everyone  # the feed's own are those of every item without any
    entry: Entry = {
        "id": _identity(item),
        # As in RSS, what a link blog points at is what the entry is about.
        "link": _said(item, "external_url") or _said(item, "url"),
        "prism_url": _said(item, "url"),
        "title": _said(item, "title").replace("<", "&lt;"),  # with "&amp;" all the same
        "summary": _paragraphs(_said(item, "summary")),
        "content": [{"value": body} for body in _bodies(item)],
        "authors": authors,
        "author": authors[0]["name"] if authors else "",
        "tags": [{"term": tag} for tag in _listed(item, "tags") if isinstance(tag, str)],
        "links": list(_attachments(item)),
    }
    for ours, theirs in (("published", "date_published"), ("updated", "date_modified")):
        if at := _moment(item.get(theirs)):
            entry[f"{ours}_parsed"] = at.utctimetuple()
    return entry


def _identity(item: Fields) -> str:
    value = item.get("id")
    # Version 1 allows a number, and asks for it to be read as text.
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return str(value) if number else _said(item, "id")


def _bodies(item: Fields) -> Iterator[str]:
    yield _said(item, "content_html")
    yield _paragraphs(_said(item, "content_text"))


def _paragraphs(plain: str) -> str:
    return html.escape(plain, quote=False).replace("\n\n", "</p>")


def _authors(holder: Fields) -> list[Entry]:
    """Return the authors in either shape: 1.1's list, or 1.0's one."""
    listed = [*_listed(holder, "authors")] or [holder.get("author")]
    named = [_said(author, "name") for author in listed if isinstance(author, dict)]
    return [{"name": name} for name in named if name.strip()]


def _attachments(item: Fields) -> Iterator[Entry]:
    for each in _listed(item, "attachments"):
        if isinstance(each, dict):
            yield {"href": _said(each, "url"), "type": _said(each, "mime_type")}


def _listed(holder: Fields, key: str) -> list[object]:
    value = holder.get(key)
    return value if isinstance(value, list) else []


def _said(holder: Fields, key: str) -> str:
    value = holder.get(key)
    return value if isinstance(value, str) else ""


def _moment(value: object) -> datetime | None:
    """Return a date as the format wants it (RFC 3339), or as RSS has it, which some write."""
    if (found := iso_moment(value)) or not isinstance(value, str):
        return found
    rss = http_date(value)
    return iso_moment(rss.isoformat()) if rss else None
