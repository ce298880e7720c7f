"""Where papers come from: a small module a kind, all pure, behind one registry.

`request` says what to fetch, `parse` what a document says, `wanted` which of its sightings count;
`polling` (a module beside) says when to fetch again and how a source stands. A kind that is read
page by page, wholly (bioRxiv) or for the days that were missed (arXiv), goes on with
`page_request` and `read_page` until nothing of its span is left.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from bot.config import SourceSettings
from bot.models import Document, Event, Paper, Parsed, Request, Sighting, SourceState
from bot.sources import arxiv, arxiv_search, feed, huggingface, preprints, spans
from bot.sources.entries import host_of
from bot.sources.spans import Page, Span

# Raise it when the parsers read more than before: validators and digests of bodies that an older
# parser saw are then dropped, and every source is read anew.
PARSER = 2

_UNCONDITIONAL_EVERY = 7  # days


@dataclass(frozen=True, slots=True)
class Kind:
    """What a kind of source is: its address, its reader, and whether it announces by the day.

    `address` is None where there is no one document, only pages. `keeps_guids`: its guids outlive
    the addresses of its entries, and say which paper is meant.
    """

    address: Callable[[SourceSettings], str] | None
    parse: Callable[[SourceSettings, Document, datetime], Parsed]
    announces: bool = False
    keeps_guids: bool = False


def _parse_preprints(source: SourceSettings, document: Document, now: datetime) -> Parsed:
    return preprints.read(source, document, now).parsed


KINDS = {
    "arxiv": Kind(arxiv.address, arxiv.parse, announces=True),
    "huggingface": Kind(huggingface.address, huggingface.parse, announces=True),
    "biorxiv": Kind(None, _parse_preprints),
    "medrxiv": Kind(None, _parse_preprints),
    "feed": Kind(feed.address, feed.parse, keeps_guids=True),
}


def request(source: SourceSettings, state: SourceState, now: datetime, token: str = "") -> Request:
    """Return the next GET of a source, conditional where what is remembered still holds.

    `token` is the resolved secret of the source's `token`, sent as a bearer's. Once a week the
    request is unconditional, so that a server whose 304 is stuck is found out.
    """
    address = KINDS[source.kind].address
    if address is None:
        return page_request(source, preprints.window(source, state, now), token)
    url, headers = address(source), _authorization(token)
    if state.fingerprint != fingerprint(source) or not _same_week(state.last_ok, now):
        return Request(url, headers=headers)
    return Request(url, state.etag, state.last_modified, headers)


def _authorization(token: str) -> tuple[tuple[str, str], ...]:
    return (("Authorization", f"Bearer {token}"),) if token else ()


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
    return KINDS[source.kind].parse(source, document, now)


# ── Page by page ──────────────────────────────────────────────────────────────────────────────────


def only_pages(kind: str) -> bool:
    """Tell whether a kind has no document of its own and is read by `page_request` alone."""
    return KINDS[kind].address is None


def window(source: SourceSettings, state: SourceState, now: datetime) -> Span | None:
    """Return what is to be read page by page now, None for nothing."""
    if not can_make_up(source):
        return None
    paged = only_pages(source.kind)
    span = preprints.window(source, state, now) if paged else spans.owed(state, now)
    edited = state.fingerprint != fingerprint(source)
    return replace(span, start=0) if span and edited else span


def owed(source: SourceSettings, state: SourceState, parsed: Parsed, now: datetime) -> Span | None:
    """Return what a source owes once this document was read: days whose announcement was missed."""
    if source.kind != "arxiv":
        return None
    return arxiv_search.owed(source, state, parsed, now)


def can_make_up(source: SourceSettings) -> bool:
    """Tell whether what was missed of a source can be asked for later."""
    return only_pages(source.kind) or (source.kind == "arxiv" and arxiv_search.can_ask(source))


def page_request(source: SourceSettings, span: Span, token: str = "") -> Request:
    """Return the GET of a span's next page; it is never conditional."""
    pages = arxiv_search if source.kind == "arxiv" else preprints
    return Request(pages.address(source, span), headers=_authorization(token))


def read_page(
    source: SourceSettings, span: Span, document: Document, now: datetime
) -> tuple[Parsed, Span | None]:
    """Return what a page says, and what is left of its span (None: nothing).

    Raises ParseError in a sentence for people.
    """
    if source.kind == "arxiv":
        page: Page = arxiv_search.read(source, document, now)
        return page.parsed, arxiv_search.after(span, page, host_of(document.url))
    page = preprints.read(source, document, now)
    return page.parsed, preprints.after(span, page)


# ── Any feed ──────────────────────────────────────────────────────────────────────────────────────


def parse_feed(body: bytes, url: str) -> list[Paper]:
    """Read any RSS, Atom or JSON feed: one Paper for each entry that has a title, a link or an id.

    `body` is the undecoded document, `url` where it came from, against which relative links are
    resolved ("" for none). At most 5,000 entries are read. Neither files nor the network are
    touched. Raises ParseError for a body that has no entries and is no feed.
    """
    found = feed.sightings_of(feed.read_any(body, url), body, url, None)
    return [sighting.paper for sighting in found]


# ── What a source is ──────────────────────────────────────────────────────────────────────────────


def fingerprint(source: SourceSettings) -> str:
    """Return a digest of all that decides what a source's document means to us."""
    told = [source.kind, source.url, source.categories, source.announce, PARSER]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]


def announces(kind: str) -> bool:
    """Tell whether a document of this kind is an announcement of its day.

    Then "older than `backfill`" is judged against the newest entry of the document, not now.
    """
    return KINDS[kind].announces


def keeps_guids(kind: str) -> bool:
    """Tell whether the guids of a kind are to be remembered, each with its paper."""
    return KINDS[kind].keeps_guids


def wanted(source: SourceSettings, sighting: Sighting, known: bool) -> bool:
    """Tell whether a sighting counts: of a known paper always, of a new one as configured.

    A replacement of a paper we never had is no new paper unless `announce` asks for it.
    """
    return known or sighting.event is Event.SEEN or sighting.event.value in source.announce
