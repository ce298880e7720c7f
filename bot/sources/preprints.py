"""bioRxiv and medRxiv: one API, asked by dates and read page by page.

A preprint's journal article is named once it is known, which is how the two become one paper.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from bot import identity, text
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
from bot.sources.jsonanswers import (
    Fields,
    count,
    day,
    fields,
    line,
    listed,
    read_json,
    refusal,
)
from bot.sources.kinds import Pages, paged
from bot.sources.spans import Page, Span

if TYPE_CHECKING:
    from bot.config import SourceSettings

BASE = "https://api.biorxiv.org"
AUTHORITY = 30
OVERLAP = timedelta(days=2)  # a day is not complete on its evening, nor the same in every zone

_NAMES = {"biorxiv": "bioRxiv", "medrxiv": "medRxiv"}
_MOST = 1_000_000
_WANTED = "list of preprints"


def window(source: SourceSettings, state: SourceState, now: datetime) -> Span:
    """Return what to read: what is still owed, or all since the last time with two days' overlap."""
    return spans.since_last(state, now, source.backfill, OVERLAP)


def address(source: SourceSettings, span: Span) -> str:
    """Return the address of a span's next page; its days are UTC's, both included."""
    base = (source.url or BASE).rstrip("/")
    first, last = (moment.astimezone(UTC).date() for moment in (span.since, span.until))
    return f"{base}/details/{source.kind}/{first}/{last}/{span.start}/json"


def read(source: SourceSettings, document: Document, now: datetime) -> Page:
    """Read a page. Raises ParseError for what is none, and for an error of the service's."""
    host = host_of(document.url)
    message, collection = _understood(document, host)
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
    return Page(parsed, len(collection), count(message.get("total"), _MOST))


def after(span: Span, page: Page, host: str) -> Span | None:  # noqa: ARG001 - one signature for all kinds
    """Return what is left of a span after a page, None for nothing: the totals overstate."""
    start = span.start + page.returned
    if not page.returned or (page.total is not None and start >= page.total):
        return None
    return replace(span, start=start)


KIND = paged(Pages(window, address, read, after, OVERLAP))


def _understood(document: Document, host: str) -> tuple[Fields, list[object]]:
    found = fields(read_json(document, _WANTED))
    message = fields(next(iter(listed(found.get("messages"))), None))
    collection = found.get("collection")
    status = line(message, "status")
    if "no posts" in status.lower():
        return message, []
    if isinstance(collection, list) and (collection or status.lower() == "ok"):
        return message, collection
    raise refusal(host, "" if status.lower() == "ok" else status, _WANTED)


def _sighting(source: SourceSettings, entry: Fields, now: datetime) -> Sighting | None:
    doi = identity.doi(line(entry, "doi"))
    if doi is None:
        return None
    version = count(entry.get("version"), _MOST) or 1
    at = day(entry.get("date"))
    published = identity.doi(line(entry, "published"))  # "NA" before there is an article
    category = text.shorten(text.plain(line(entry, "category")), LONGEST_NAME)
    paper = Paper(
        title=text.shorten(text.one_line(text.plain(line(entry, "title"))), LONGEST_TITLE)
        or str(doi),
        identifiers=frozenset(filter(None, (doi, published))),
        authors=names.split_turned(line(entry, "authors")),
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
