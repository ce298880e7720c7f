"""OpenReview: the submissions of a venue, the latest change first, page by page.

A note is written long before everybody may read it, and reading becomes possible by a change: so
what changed since the last time is what may be new. The service asks who has no token for proof of
being a person, which a program does not have.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from bot import identity, text
from bot.models import (
    Document,
    Event,
    Identifier,
    Link,
    Paper,
    Parsed,
    Rel,
    Scheme,
    Sighting,
    SourceState,
    Stamp,
)
from bot.sources import names, spans
from bot.sources.entries import (
    LONGEST_ABSTRACT,
    LONGEST_NAME,
    LONGEST_TITLE,
    MOST_CATEGORIES,
    clamped,
    host_of,
    stamp_day,
    web_address,
)
from bot.sources.jsonanswers import Fields, count, epoch, fields, line, listed, read_json, refusal
from bot.sources.kinds import Pages, paged
from bot.sources.spans import Page, Span

if TYPE_CHECKING:
    from bot.config import SourceSettings

BASE = "https://api2.openreview.net"
SITE = "https://openreview.net"
AUTHORITY = 30
OVERLAP = timedelta(days=1)

_PAGE = 200
_FURTHEST = 20_000  # no venue has so many submissions
_WANTED = "list of notes"
_ID = re.compile(r"[\w-]{4,64}")
_WANTS = (
    'the service wants a token: log in at openreview.net, and set token = "env:NAME" or "file:PATH" '
    "of this source"
)


def window(source: SourceSettings, state: SourceState, now: datetime) -> Span:
    """Return what to read: what is still owed, or all since the last time with a day's overlap."""
    return spans.since_last(state, now, source.backfill, OVERLAP)


def address(source: SourceSettings, span: Span) -> str:
    """Return the address of a span's next page."""
    base = (source.url or BASE).rstrip("/")
    whole = source.venue if "/-/" in source.venue else f"{source.venue}/-/Submission"
    asked = {"invitation": whole, "sort": "tmdate:desc", "limit": _PAGE, "offset": span.start}
    return f"{base}/notes?{urlencode(asked, safe='/:')}"


def read(source: SourceSettings, document: Document, now: datetime) -> Page:  # noqa: ARG001 - one signature for all kinds
    """Read a page. Raises ParseError for what is none, and for an error of the service's."""
    host = host_of(document.url)
    answer = fields(read_json(document, _WANTED))
    notes = answer.get("notes")
    if not isinstance(notes, list):
        said = line(answer, "message", "name")
        challenged = "challenge" in said.lower() or "forbidden" in said.lower()
        raise refusal(host, f"{said}: {_WANTS}" if challenged else said, _WANTED)
    told = [fields(note) for note in notes[:_PAGE]]
    found = [_sighting(note, now) for note in told]
    sightings = tuple(sighting for sighting in found if sighting)
    skipped = len(found) - len(sightings)
    warning = f"{host} sent {skipped} notes without an id or a title; they were skipped"
    parsed = Parsed(sightings, warnings=(warning,) if skipped else ())
    return Page(parsed, len(notes), count(answer.get("count")), earliest=_back_to(told))


def _back_to(notes: Sequence[Fields]) -> datetime | None:
    """Return how far back a page goes; None where it is not in the order that was asked for.

    Then nothing can be said of the pages behind it, and they are read too.
    """
    changed = [moment for note in notes if (moment := epoch(note.get("tmdate")))]
    in_order = len(changed) == len(notes) and changed == sorted(changed, reverse=True)
    return changed[-1] if changed and in_order else None


def after(span: Span, page: Page, host: str) -> Span | None:  # noqa: ARG001 - one signature for all kinds
    """Return what is left of a span, None once a page goes back to before it."""
    start = span.start + page.returned
    over = page.earliest is not None and page.earliest < span.since
    if over or page.returned < _PAGE or start >= _FURTHEST:
        return None
    return replace(span, start=start)


KIND = paged(Pages(window, address, read, after, OVERLAP), wants_token=_WANTS)


def _sighting(note: Fields, now: datetime) -> Sighting | None:
    content = fields(note.get("content"))
    forum = line(note, "forum", "id")
    title = _line(content, "title")
    if not _ID.fullmatch(forum) or not title or note.get("ddate"):
        return None
    written = epoch(note.get("tcdate")) or epoch(note.get("cdate"))
    # `odate` is when everybody could read it, `pdate` when it was accepted.
    shown = epoch(note.get("odate")) or epoch(note.get("pdate")) or written
    keywords = [text.one_line(word) for word in listed(_value(content, "keywords"))
                if isinstance(word, str)]  # fmt: skip
    paper = Paper(
        title=text.shorten(title, LONGEST_TITLE),
        identifiers=frozenset({Identifier(Scheme.OPENREVIEW, forum)}),
        authors=_authors(content),
        abstract=text.shorten(_text(content, "abstract"), LONGEST_ABSTRACT),
        categories=tuple(dict.fromkeys(text.shorten(k, LONGEST_NAME) for k in keywords if k))[
            :MOST_CATEGORIES
        ],
        venue=text.shorten(_line(content, "venue"), LONGEST_NAME),
        published=clamped(shown, now),
        links=_links(forum, content),
    )
    changed = epoch(note.get("tmdate")) or written
    stamp = Stamp(AUTHORITY, 0, stamp_day(changed, now))
    guid = f"{Scheme.OPENREVIEW}:{forum}"
    return Sighting(identity.stamped(paper, stamp), Event.SEEN, clamped(shown, now), guid)


def _value(content: Fields, key: str) -> object:
    """Return a field of version 2 of the API, `{"value": …}`, or of version 1, the value itself."""
    value = content.get(key)
    return value.get("value") if isinstance(value, dict) else value


def _line(content: Fields, key: str) -> str:
    return line({key: _value(content, key)}, key)


def _text(content: Fields, key: str) -> str:
    value = _value(content, key)
    return text.plain(value[: LONGEST_ABSTRACT * 4]) if isinstance(value, str) else ""


def _authors(content: Fields) -> tuple[str, ...]:
    """Return the names; of an anonymous submission there are none, or one that says so."""
    told = [text.one_line(name) for name in listed(_value(content, "authors"))
            if isinstance(name, str)]  # fmt: skip
    return names.bounded([name for name in told if name.lower() not in ("anonymous", "")])


def _links(forum: str, content: Fields) -> frozenset[Link]:
    links = {Link(Rel.ABSTRACT, f"{SITE}/forum?id={forum}")}
    pdf = _line(content, "pdf")
    whole = web_address(f"{SITE}{pdf}" if pdf.startswith("/") else pdf)
    if whole:
        links.add(Link(Rel.PDF, whole))
    for key in ("code", "code_link", "supplementary_code"):
        if code := web_address(_line(content, key)):
            links.add(Link(Rel.CODE, code))
    return frozenset(links)
