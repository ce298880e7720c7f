"""Where papers come from: a small module a kind, all pure, behind one registry.

`request` says what to fetch, `parse` what a document says, `beside` and `Parsed.more` which other
documents belong to it, `wanted` which of its sightings count; `polling` (a module beside) says when
to fetch again and how a source stands. A kind that is read page by page, wholly (bioRxiv) or for the
days that were missed (arXiv), goes on with `page_request` and `read_page` until nothing of its span
is left. docs/adding-a-source.md shows how to add a kind.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import datetime
from functools import cache, lru_cache
from importlib import import_module
from typing import TYPE_CHECKING

from bot.models import Document, Event, Failure, Paper, Parsed, Request, Sighting, SourceState
from bot.sources import logins
from bot.sources.entries import host_of, origin
from bot.sources.kinds import Caller, Kind
from bot.sources.spans import Span

if TYPE_CHECKING:
    from bot.config import SourceSettings

# Raise it when the parsers read more than before: validators and digests of bodies that an older
# parser saw are then dropped, and every source is read anew.
PARSER = 2

_UNCONDITIONAL_EVERY = 7  # days
_REFUSED = frozenset({401, 403})  # HTTP: who asks is not known, or must not

# Each kind's module; a round loads those of the kinds that are configured.
KINDS: dict[str, str] = {
    "arxiv": "arxiv_search",
    "huggingface": "huggingface",
    "biorxiv": "preprints",
    "medrxiv": "preprints",
    "crossref": "crossref",
    "pubmed": "pubmed",
    "openreview": "openreview",
    "feed": "feed",
}


@cache
def _kind(name: str) -> Kind:
    found: Kind = import_module(f"bot.sources.{KINDS[name]}").KIND
    return found


def address(source: SourceSettings) -> str:
    """Return where a source's document is by the configuration, "" where it has only pages."""
    found = _kind(source.kind).address
    return "" if found is None else found(source)


def request(
    source: SourceSettings,
    state: SourceState,
    now: datetime,
    *,
    token: str = "",
    contact: str = "",
    at: str = "",
) -> Request:
    """Return the next GET of a source, conditional where what is remembered still holds.

    `token` is the resolved secret of the source's `token`, sent as its service takes it; `contact` is
    the owner's address. `at` is where the source has moved for good, "" where it has not; a token
    stays with the origin it was given for. Once a week the request is unconditional, so that a server
    whose 304 is stuck is found out.
    """
    kind = _kind(source.kind)
    if kind.address is None:
        span = kind.pages.window(source, state, now) if kind.pages else None
        span = span or Span(now - source.backfill, now)
        return page_request(source, span, token, contact)
    own = kind.address(source)
    known = state.fingerprint == fingerprint(source) and _same_week(state.last_ok, now)
    validators = (state.etag, state.last_modified) if known else ("", "")
    asked = Request(at or own, *validators)
    given = token if token and origin(asked.url) == origin(own) else ""
    return kind.signed(asked, Caller(given, contact))


def _same_week(last_ok: datetime | None, now: datetime) -> bool:
    if last_ok is None:
        return False
    weeks = (moment.toordinal() // _UNCONDITIONAL_EVERY for moment in (last_ok, now))
    return len(set(weeks)) == 1


def parse(source: SourceSettings, document: Document, now: datetime) -> Parsed:
    """Return what a source's document says.

    Raises ParseError, in a sentence for people, for what the source should never send: a web page,
    a truncated feed without entries, an empty body. None of these is an empty source.
    """
    return _kind(source.kind).parse(source, document, now)


# ── More documents of one source ──────────────────────────────────────────────────────────────────


def beside(source: SourceSettings, state: SourceState, now: datetime) -> tuple[str, ...]:
    """Return the addresses of documents to read beside the one, as `state` stood before it."""
    return _kind(source.kind).beside(source, state, now)


def more_request(source: SourceSettings, url: str, token: str = "", contact: str = "") -> Request:
    """Return the GET of one more document; it is never conditional."""
    at = logins.kept(url, source.url)
    return _kind(source.kind).signed(Request(at), Caller(token, contact))


def missing(source: SourceSettings, now: datetime) -> Span | None:
    """Return what a source owes where a part of today's documents could not be had.

    None where it cannot be asked for in another way.
    """
    pages = _kind(source.kind).pages
    if pages is None or not pages.can_ask(source):
        return None
    return Span(now - pages.overlap, now)


# ── Page by page ──────────────────────────────────────────────────────────────────────────────────


def only_pages(kind: str) -> bool:
    """Tell whether a kind has no document of its own and is read by `page_request` alone."""
    return _kind(kind).address is None


def window(source: SourceSettings, state: SourceState, now: datetime) -> Span | None:
    """Return what is to be read page by page now, None for nothing."""
    pages = _kind(source.kind).pages
    if pages is None or not pages.can_ask(source):
        return None
    span = pages.window(source, state, now)
    edited = state.fingerprint != fingerprint(source)
    return replace(span, start=0) if span and edited else span


def owed(source: SourceSettings, state: SourceState, parsed: Parsed, now: datetime) -> Span | None:
    """Return what a source owes once this document was read: days whose announcement was missed."""
    found = _kind(source.kind).owed
    return found(source, state, parsed, now) if found else None


def can_make_up(source: SourceSettings) -> bool:
    """Tell whether what was missed of a source can be asked for later."""
    pages = _kind(source.kind).pages
    return pages is not None and pages.can_ask(source)


def page_request(source: SourceSettings, span: Span, token: str = "", contact: str = "") -> Request:
    """Return the GET of a span's next page; it is never conditional."""
    kind = _kind(source.kind)
    assert kind.pages is not None  # noqa: S101 - whoever has a span has pages
    return kind.signed(Request(kind.pages.address(source, span)), Caller(token, contact))


def read_page(
    source: SourceSettings, span: Span, document: Document, now: datetime
) -> tuple[Parsed, Span | None]:
    """Return what a page says, and what is left of its span (None: nothing).

    Raises ParseError in a sentence for people.
    """
    pages = _kind(source.kind).pages
    assert pages is not None  # noqa: S101 - whoever has a span has pages
    page = pages.read(source, document, now)
    return page.parsed, pages.after(span, page, host_of(document.url))


# ── What went wrong ───────────────────────────────────────────────────────────────────────────────


def explained(source: SourceSettings, failure: Failure) -> Failure:
    """Return a failure with what to do about it, where the service wants a token and had none."""
    kind = _kind(source.kind)
    if failure.status not in _REFUSED or not kind.wants_token:
        return failure
    words = "; its `token` may have expired" if source.token else ""
    return replace(failure, problem=f"{failure.problem}{words}: {kind.wants_token}")


# ── Any feed ──────────────────────────────────────────────────────────────────────────────────────


def parse_feed(body: bytes, url: str) -> list[Paper]:
    """Read any RSS, Atom or JSON feed: one Paper for each entry that has a title, a link or an id.

    `body` is the undecoded document, `url` where it came from, against which relative links are
    resolved ("" for none). At most 5,000 entries are read. Neither files nor the network are
    touched. Raises ParseError for a body that has no entries and is no feed.
    """
    from bot.sources import feed

    found = feed.sightings_of(feed.read_any(body, url), body, url, None)
    return [sighting.paper for sighting in found]


# ── What a source is ──────────────────────────────────────────────────────────────────────────────


def fingerprint(source: SourceSettings) -> str:
    """Return a digest of all that decides what a source's document means to us."""
    asked = tuple([each for each in (source.issn, source.query, source.venue) if each])
    return _digest(source.kind, source.url, source.categories, source.announce, PARSER, *asked)


@lru_cache(maxsize=1024)
def _digest(*told: str | int | tuple[str, ...]) -> str:
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]


def announces(kind: str) -> bool:
    """Tell whether a document of this kind is an announcement of its day.

    Then "older than `backfill`" is judged against the newest entry of the document, not now.
    """
    return _kind(kind).announces


def due_between(kind: str, start: datetime, end: datetime) -> bool:
    """Tell whether a kind had something to announce after `start` and not later than `end`."""
    calendar = _kind(kind).calendar
    return calendar is None or calendar.due_between(start, end)


def why_quiet(kind: str, now: datetime) -> str:
    """Say why a kind announces nothing now, "" where nothing explains it."""
    calendar = _kind(kind).calendar
    return calendar.why_quiet(now) if calendar else ""


def keeps_guids(kind: str) -> bool:
    """Tell whether the guids of a kind are to be remembered, each with its paper."""
    return _kind(kind).keeps_guids


def wanted(source: SourceSettings, sighting: Sighting, known: bool) -> bool:
    """Tell whether a sighting counts: of a known paper always, of a new one as configured.

    A replacement of a paper we never had is no new paper unless `announce` asks for it.
    """
    return known or sighting.event is Event.SEEN or sighting.event.value in source.announce
