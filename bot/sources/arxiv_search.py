"""arXiv's search API: the days whose announcement was missed, oldest first, page by page.

Announcements are gone after a day. The API knows submissions only, so a gap is read by date of
submission with a week's overlap: a paper that moderation held keeps its old date.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from bot.errors import ParseError
from bot.models import Document, Parsed, SourceState
from bot.sources import arxiv, arxiv_calendar, spans
from bot.sources.bounds import Entry
from bot.sources.entries import ParsedFeed, host_of, moment, parts, said
from bot.sources.kinds import Calendar, Kind, Pages
from bot.sources.spans import Page, Span

if TYPE_CHECKING:
    from bot.config import SourceSettings

BASE = "https://export.arxiv.org"
OVERLAP = timedelta(days=7)

_PAGE = 500
_SLICE = 2000  # entries; further in, the API is slow and forgetful
_TRIES = 3
_MINUTE = timedelta(minutes=1)
_MOMENT = "%Y%m%d%H%M"


def owed(source: SourceSettings, state: SourceState, parsed: Parsed, now: datetime) -> Span | None:
    """Return what is owed once this announcement was read: what was before, and any new gap."""
    before = spans.owed(state, now)
    gap = _first_days(source, state, parsed, now) or _missed(state, parsed, now)
    return spans.extended(before, gap) if gap else before


def _first_days(
    source: SourceSettings, state: SourceState, parsed: Parsed, now: datetime
) -> Span | None:
    """On a weekend's first day with us there is no announcement: the last days stand in for it."""
    if state.last_ok or parsed.sightings or not source.backfill:
        return None
    return Span(now - source.backfill, now)


def _missed(state: SourceState, parsed: Parsed, now: datetime) -> Span | None:
    """Return the gap where an announcement passed between the last one read and this one."""
    last = state.built or state.last_ok
    current = min(parsed.built or now, now)
    if last is None or not arxiv_calendar.passed_between(last, current):
        return None
    return Span(max(last - OVERLAP, now - spans.LONGEST), now)


def can_ask(source: SourceSettings) -> bool:
    """Tell whether the API can be asked: an address of one document has no categories."""
    return bool(source.categories)


def base_of(source: SourceSettings) -> str:
    """Return where a source's API is, without a slash at the end."""
    base = (source.url or BASE).rstrip("/")
    return base.removesuffix("/rss").removesuffix("/atom")


def address(source: SourceSettings, span: Span) -> str:
    """Return the address of a span's next page."""
    categories = " OR ".join(_category(category) for category in source.categories)
    dates = f"[{span.since:{_MOMENT}} TO {span.until:{_MOMENT}}]"
    query = {
        "search_query": f"({categories}) AND submittedDate:{dates}",
        "start": span.start,
        "max_results": _PAGE,
        "sortBy": "submittedDate",
        "sortOrder": "ascending",
    }
    return f"{base_of(source)}/api/query?{urlencode(query)}"


def _category(category: str) -> str:
    # `cs` alone matches nothing, and hep-th has no parts: both spellings are asked for.
    return f"cat:{category}" if "." in category else f"cat:{category} OR cat:{category}.*"


def read(source: SourceSettings, document: Document, now: datetime) -> Page:
    """Read a page. Raises ParseError, also for the errors that the API sends as entries."""
    feed = arxiv.read_document(document)
    # The entry at which a document breaks off is half an entry: the next page begins with it.
    whole = feed.entries if feed.sound else feed.entries[:-1]
    if feed.entries and not whole:
        raise ParseError(f"{host_of(document.url)} sent a page that breaks off in its first entry")
    asked_for = tuple(entry for entry in whole if _announced(source, entry))
    parsed = arxiv.parsed_feed(replace(feed, entries=asked_for), document.url, now)
    latest = max(filter(None, (moment(entry, "published") for entry in whole)), default=None)
    return Page(replace(parsed, quiet=""), len(whole), _total(feed), latest)


def _announced(source: SourceSettings, entry: Entry) -> bool:
    """Whether its announcement, new here or cross-listed from elsewhere, was to be read."""
    primary = said(dict.get(entry, "arxiv_primary_category") or {}, "term")
    if not primary:
        primary = next((said(tag, "term") for tag in parts(entry, "tags")), "")
    at_home = any(primary == c or primary.startswith(f"{c}.") for c in source.categories)
    return not primary or ("new" if at_home else "cross") in source.announce


def _total(feed: ParsedFeed) -> int | None:
    total = said(feed.channel, "opensearch_totalresults").strip()
    return int(total) if total.isdecimal() and len(total) < 10 else None  # noqa: PLR2004 - digits


def after(span: Span, page: Page, host: str) -> Span | None:
    """Return what is left of a span after a page, None for nothing.

    An empty page is asked for again three times, where the API counts more than it gave. Raises
    ParseError where it stays empty: what is missing is still owed then.
    """
    if page.latest and page.returned:
        start = span.start + page.returned
        if start >= _SLICE and page.latest >= span.since + _MINUTE:
            return Span(page.latest, span.until)  # the next slice begins where this one ends
    return spans.counted_on(span, page, _TRIES, host)


def _window(_source: SourceSettings, state: SourceState, now: datetime) -> Span | None:
    return spans.owed(state, now)


# The kind arXiv: its daily announcement, and its search for what was missed of it.
KIND = Kind(
    arxiv.parse,
    arxiv.address,
    pages=Pages(_window, address, read, after, OVERLAP, can_ask),
    owed=owed,
    calendar=Calendar(arxiv_calendar.announced_between, arxiv_calendar.why_quiet),
    announces=True,
)
