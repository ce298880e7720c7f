"""bioRxiv and medRxiv: one API, asked by dates and read page by page.

A preprint's journal article is named once it is known, which is how the two become one paper.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from bot import identity, text
from bot.config import SourceSettings
from bot.errors import ParseError
from bot.models import (
    Document,
    Event,
    Link,
    Paper,
    Parsed,
    Rel,
    Sighting,
    SourceState,
    Stamp,
)
from bot.sources import names, spans
from bot.sources.bounds import MOST_ENTRIES
from bot.sources.entries import (
    LONGEST_ABSTRACT,
    LONGEST_NAME,
    LONGEST_TITLE,
    clamped,
    host_of,
    stamp_day,
)
from bot.sources.spans import Page, Span

BASE = "https://api.biorxiv.org"
AUTHORITY = 30
OVERLAP = timedelta(days=2)  # a day is not complete on its evening, nor the same in every zone

_NAMES = {"biorxiv": "bioRxiv", "medrxiv": "medRxiv"}
_DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
_MOST = 1_000_000

Fields: TypeAlias = Mapping[str, Any]


def window(source: SourceSettings, state: SourceState, now: datetime) -> Span:
    """Return what to read: what is still owed, or all since the last time with two days' overlap."""
    if before := spans.owed(state, now):
        return before
    if state.last_ok is None:
        return Span(now - source.backfill, now)
    return Span(max(state.last_ok - OVERLAP, now - spans.LONGEST), now)


def address(source: SourceSettings, span: Span) -> str:
    """Return the address of a span's next page; its days are UTC's, both included."""
    base = (source.url or BASE).rstrip("/")
    first, last = (moment.astimezone(UTC).date() for moment in (span.since, span.until))
    return f"{base}/details/{source.kind}/{first}/{last}/{span.start}/json"


def read(source: SourceSettings, document: Document, now: datetime) -> Page:
    """Read a page. Raises ParseError for what is none, and for an error of the service's."""
    host = host_of(document.url)
    message, collection = _understood(document.body, host)
    sightings = []
    skipped = 0
    for entry in collection[:MOST_ENTRIES]:
        found = _sighting(source, entry, now) if isinstance(entry, dict) else None
        if found is None:
            skipped += 1
        elif _asked_for(source, found.paper):
            sightings.append(found)
    warning = f"{host} sent {skipped} entries without a DOI; they were skipped"
    parsed = Parsed(tuple(sightings), warnings=(warning,) if skipped else ())
    return Page(parsed, len(collection), _count(message.get("total")))


def after(span: Span, page: Page) -> Span | None:
    """Return what is left of a span after a page, None for nothing: the totals overstate."""
    start = span.start + page.returned
    if not page.returned or (page.total is not None and start >= page.total):
        return None
    return replace(span, start=start)


def _understood(body: bytes, host: str) -> tuple[Fields, list[object]]:
    if not body.strip():
        raise ParseError(f"{host} sent an empty document")
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        kind = "a web page (HTML)" if body.lstrip()[:1] == b"<" else "something that is no JSON"
        raise ParseError(f"{host} sent {kind} instead of a list of preprints") from error
    messages = found.get("messages") if isinstance(found, dict) else None
    collection = found.get("collection") if isinstance(found, dict) else None
    message = messages[0] if isinstance(messages, list) and messages else {}
    message = message if isinstance(message, dict) else {}
    status = _line(message, "status")
    if "no posts" in status.lower():
        return message, []
    if isinstance(collection, list) and (collection or status.lower() == "ok"):
        return message, collection
    raise ParseError(
        f"{host} answered with an error: {text.shorten(status, 300)}"
        if status and status.lower() != "ok"
        else f"{host} sent JSON that is no list of preprints"
    )


def _sighting(source: SourceSettings, entry: Fields, now: datetime) -> Sighting | None:
    doi = identity.doi(_line(entry, "doi"))
    if doi is None:
        return None
    version = _count(entry.get("version")) or 1
    at = _day(entry.get("date"))
    published = identity.doi(_line(entry, "published"))  # "NA" before there is an article
    category = text.shorten(text.plain(_line(entry, "category")), LONGEST_NAME)
    paper = Paper(
        title=text.shorten(text.one_line(text.plain(_line(entry, "title"))), LONGEST_TITLE)
        or str(doi),
        identifiers=frozenset(filter(None, (doi, published))),
        authors=names.split_turned(_line(entry, "authors")),
        abstract=_abstract(entry),
        categories=(category,) if category else (),
        venue=_NAMES[source.kind],
        version=version,
        published=clamped(at, now) if version == 1 else None,
        links=frozenset({Link(Rel.ABSTRACT, f"https://doi.org/{doi.value}")}),
    )
    stamp = Stamp(AUTHORITY, version, stamp_day(at, now))
    event = Event.REPLACE if version > 1 else Event.NEW
    guid = f"{doi.value}v{version}"
    return Sighting(identity.stamped(paper, stamp), event, clamped(at, now), guid)


def _asked_for(source: SourceSettings, paper: Paper) -> bool:
    wanted = {category.casefold() for category in source.categories}
    return not wanted or any(category.casefold() in wanted for category in paper.categories)


def _abstract(entry: Fields) -> str:
    value = entry.get("abstract")
    return text.shorten(text.plain(value), LONGEST_ABSTRACT) if isinstance(value, str) else ""


def _line(fields: Fields, key: str) -> str:
    value = fields.get(key)
    return text.one_line(value) if isinstance(value, str) else ""


def _count(value: object) -> int | None:
    """Return a number from 0, which may come as text; None for anything else."""
    if isinstance(value, str) and value.strip().isdecimal() and len(value) < 10:  # noqa: PLR2004 - digits
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < _MOST:
        return None
    return value


def _day(value: object) -> datetime | None:
    """Return `2026-06-30` or `2026-6-30` as that day's beginning in UTC."""
    match = _DATE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        return None
    try:
        return datetime(*map(int, match.groups()), tzinfo=UTC)  # type: ignore[misc, arg-type]  # three
    except ValueError:
        return None
