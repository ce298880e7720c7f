"""Crossref: what journals register, by ISSN, page by page.

A work is registered when its publisher deposits it, which is when it is news; its own dates may be
an issue's, months ahead. One that appeared more than a year before is of a back file, and is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
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
    Request,
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
    iso_moment,
    stamp_day,
    web_address,
)
from bot.sources.jsonanswers import (
    Fields,
    count,
    day_of,
    fields,
    line,
    listed,
    read_json,
    refusal,
)
from bot.sources.kinds import Caller, Pages, paged
from bot.sources.spans import Page, Span

if TYPE_CHECKING:
    from bot.config import SourceSettings

BASE = "https://api.crossref.org"
AUTHORITY = 35  # above a journal's feed: it is what the publisher registered
OVERLAP = timedelta(days=2)  # what is registered takes a day to be found

_LATE = timedelta(days=365)  # journals may be months behind with their issues, and with deposits
_FIRST_JOURNAL = 1665  # a year before it is a slip of the pen

ROWS = 100
# Whole records hold every reference: a hundred of them may be more than we take.
_SELECTED = (
    "DOI,title,subtitle,author,abstract,container-title,created,posted,published-online,"
    "published-print,issued,relation,type"
)
_FURTHEST = 10_000  # the service's own: an offset beyond is refused
_TRIES = 2
_WANTED = "list of works"
_HEADING = re.compile(r"\A(?:abstract|summary)\b[.:]?\s*(?=\S)", re.IGNORECASE)
# What is registered beside papers: what they stand in, what was said of them, what paid for them.
_NO_PAPERS = frozenset(
    {
        "journal",
        "journal-volume",
        "journal-issue",
        "book-series",
        "component",
        "peer-review",
        "grant",
    }
)
_APPEARED = ("published-online", "posted", "published-print", "published", "issued")
_OTHER_VERSIONS = ("has-preprint", "is-preprint-of", "is-version-of", "has-version")


def window(source: SourceSettings, state: SourceState, now: datetime) -> Span:
    """Return what to read: what is still owed, or all since the last time with two days' overlap."""
    return spans.since_last(state, now, source.backfill, OVERLAP)


def address(source: SourceSettings, span: Span) -> str:
    """Return the address of a span's next page; its days are UTC's, both included."""
    base = (source.url or BASE).rstrip("/")
    first, last = (moment.astimezone(UTC).date() for moment in (span.since, span.until))
    wanted = [f"issn:{issn}" for issn in source.issn]
    wanted += [f"from-created-date:{first}", f"until-created-date:{last}"]
    asked = {
        "filter": ",".join(wanted), "sort": "created", "order": "asc", "rows": ROWS,
        "offset": span.start, "select": _SELECTED,
    }  # fmt: skip
    return f"{base}/works?{urlencode(asked, safe=':,')}"


def signed(request: Request, caller: Caller) -> Request:
    """Return the request with who asks, as Crossref's polite pool and its Plus service want it."""
    if caller.contact:
        mark = "&" if "?" in request.url else "?"
        request = replace(
            request, url=f"{request.url}{mark}{urlencode({'mailto': caller.contact})}"
        )
    if caller.token:
        told = ("Crossref-Plus-API-Token", f"Bearer {caller.token}")
        request = replace(request, headers=(*request.headers, told))
    return request


def read(source: SourceSettings, document: Document, now: datetime) -> Page:  # noqa: ARG001 - one signature for all kinds
    """Read a page. Raises ParseError for what is none, and for an error of the service's."""
    works, total = works_of(document)
    shown = [fields(work) for work in works[:MOST_ENTRIES]]
    shown = [work for work in shown if line(work, "type") not in _NO_PAPERS]
    found = [_sighting(work, now) for work in shown]
    sightings = tuple(sighting for sighting in found if sighting)
    skipped = len(found) - len(sightings)
    warning = f"{host_of(document.url)} sent {skipped} works without a DOI or a title; skipped"
    return Page(Parsed(sightings, warnings=(warning,) if skipped else ()), len(works), total)


def after(span: Span, page: Page, host: str) -> Span | None:
    """Return what is left of a span after a page, None for nothing."""
    left = spans.counted_on(span, page, _TRIES, host)
    return None if left and left.start + ROWS > _FURTHEST else left


KIND = paged(Pages(window, address, read, after, OVERLAP), signed=signed)


# ── What an answer says; also for `enrich` ────────────────────────────────────────────────────────


def works_of(document: Document) -> tuple[list[object], int | None]:
    """Return the works of a list and how many there are in all. Raises ParseError."""
    answer = fields(read_json(document, _WANTED))
    message = answer.get("message")
    if answer.get("status") == "ok" and isinstance(message, dict):
        works = message.get("items")
        if isinstance(works, list):
            return works, count(message.get("total-results"))
    said = [line(fields(problem), "message") for problem in listed(message)]
    said += [line(fields(message), "description", "message")]
    raise refusal(host_of(document.url), next(filter(None, said), ""), _WANTED)


def abstract_of(work: Fields) -> str:
    """Return a work's abstract, JATS made plain, or ""."""
    abstract = work.get("abstract")
    body = text.plain(abstract[: LONGEST_ABSTRACT * 4]) if isinstance(abstract, str) else ""
    return text.shorten(_HEADING.sub("", body), LONGEST_ABSTRACT)


def venue_of(work: Fields) -> str:
    """Return the journal, the proceedings or the server that a work appeared in, or ""."""
    named = _first(work, "container-title") or line(_institution(work), "name")
    return text.shorten(named, LONGEST_NAME)


def citations_of(work: Fields) -> int | None:
    """Return how many registered works cite this one, None where it does not say."""
    return count(work.get("is-referenced-by-count"))


def _institution(work: Fields) -> Fields:
    return fields(next(iter(listed(work.get("institution"))), None))


def _first(work: Fields, key: str) -> str:
    """Return the first text of a field that repeats, as one plain line."""
    lines = (text.one_line(text.plain(each)) for each in listed(work.get(key))
             if isinstance(each, str))  # fmt: skip
    return next(filter(None, lines), "")


def _sighting(work: Fields, now: datetime) -> Sighting | None:
    doi = identity.doi(line(work, "DOI"))
    title = _title(work)
    if doi is None or not title:
        return None
    registered = iso_moment(fields(work.get("created")).get("date-time"))
    appeared = _appeared(work) or registered
    paper = Paper(
        title=title,
        identifiers=frozenset({doi, *_other_versions(work)}),
        authors=names.bounded([name for name in map(_name, listed(work.get("author"))) if name]),
        abstract=abstract_of(work),
        venue=venue_of(work),
        published=clamped(appeared, now),
        links=frozenset({Link(Rel.ABSTRACT, _page(work) or f"https://doi.org/{doi.value}")}),
    )
    stamp = Stamp(AUTHORITY, 0, stamp_day(registered, now))
    at = clamped(registered, now)
    late = registered is not None and _long_before(work, registered)
    return Sighting(identity.stamped(paper, stamp), Event.SEEN, at, str(doi), late=late)


def _title(work: Fields) -> str:
    title, subtitle = _first(work, "title"), _first(work, "subtitle")
    if subtitle and subtitle.casefold() not in title.casefold():
        title = f"{title}: {subtitle}" if title else subtitle
    return text.shorten(title, LONGEST_TITLE)


def _name(author: object) -> str:
    """Return `Given Family` with a suffix, or a group's name."""
    told = fields(author)
    parts = (line(told, "given"), line(told, "family"), line(told, "suffix"))
    return " ".join(filter(None, parts)) or line(told, "name", "literal")


def _appeared(work: Fields) -> datetime | None:
    """Return the first date of publication that names a day; months and years are none."""
    dates = (day_of(*_date_parts(work, key)) for key in _APPEARED)
    return min(filter(None, dates), default=None)


def _long_before(work: Fields, registered: datetime) -> bool:
    """Tell whether a work had appeared long before it was registered.

    Its issue says so where it names one: back files were put online yesterday. A month or a year
    counts as its last day.
    """
    told = {key: _last_day(*_date_parts(work, key)) for key in _APPEARED}
    appeared = told["published-print"] or min(filter(None, told.values()), default=None)
    return appeared is not None and appeared < (registered - _LATE).timetuple()[:3]


def _last_day(year: object, month: object, day: object) -> tuple[int, int, int] | None:
    known = count(year)
    if known is None or known < _FIRST_JOURNAL:
        return None
    return known, count(month) or 12, count(day) or 31


def _date_parts(work: Fields, key: str) -> list[object]:
    """Return the year, month and day of a date, each None where it is not said."""
    parts = listed(next(iter(listed(fields(work.get(key)).get("date-parts"))), None))
    return (parts + [None] * 3)[:3]


def _page(work: Fields) -> str:
    primary = fields(fields(work.get("resource")).get("primary"))
    return web_address(line(primary, "URL"))


def _other_versions(work: Fields) -> Iterator[Identifier]:
    """Yield the names of the preprint that a work was, or the article that it became."""
    relations = fields(work.get("relation"))
    for kind in _OTHER_VERSIONS:
        for related in map(fields, listed(relations.get(kind))[:10]):
            named = line(related, "id")
            scheme = line(related, "id-type").lower()
            found = identity.doi(named) if scheme == "doi" else (
                identity.arxiv(named) if scheme == "arxiv" else None
            )  # fmt: skip
            if found:
                yield found
