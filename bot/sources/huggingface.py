"""Hugging Face's daily papers: which arXiv papers a community picked today, and its votes.

Votes rise for days, so the lists of the last week are read again four times a day, and the store
keeps what each paper had on each day. Fields came and went since 2024: every one but the id is
optional.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode

from bot import identity, text
from bot.errors import ParseError
from bot.models import (
    Document,
    Event,
    Link,
    Paper,
    Parsed,
    Rel,
    Scheme,
    Sighting,
    SourceState,
    Stamp,
)
from bot.sources import names
from bot.sources.bounds import MOST_ENTRIES
from bot.sources.entries import (
    LONGEST_ABSTRACT,
    LONGEST_TITLE,
    clamped,
    host_of,
    iso_moment,
    stamp_day,
    web_address,
)
from bot.sources.jsonanswers import Fields, count, fields, line, listed, read_json, refusal
from bot.sources.kinds import Kind

if TYPE_CHECKING:
    from bot.config import SourceSettings

BASE = "https://huggingface.co"
AUTHORITY = 10

_SATURDAY = 5
_WANTED = "list of papers"
_LIST = "/api/daily_papers"
_LIMIT = 100
_PAGE = 50  # what the service gives at once, however much it is asked for
_MOST_PAGES = 5  # of one day's list
_DAYS = 7  # that votes still come in for, today's included
_MOST_DAYS = 14  # looked back after a long silence
_HOURS = 6  # between two looks back
_ORGANISATION = re.compile(r"[A-Za-z0-9][\w.-]{0,95}")


def address(source: SourceSettings) -> str:
    """Return what to fetch: the latest list, or the very address that was configured."""
    return f"{_base(source)}{_LIST}?limit={_LIMIT}" if _base(source) else source.url


def _base(source: SourceSettings) -> str:
    base = source.url or BASE
    return "" if "/api/" in base else base.rstrip("/")


def beside(source: SourceSettings, state: SourceState, now: datetime) -> tuple[str, ...]:
    """Return the addresses of the last days' lists, at the first poll of each quarter of a day.

    As far back as votes still come in, and as the source was not asked.
    """
    if not _base(source) or (state.last_ok and _quarter(state.last_ok) == _quarter(now)):
        return ()
    today = now.astimezone(UTC).date()
    unasked = (today - state.last_ok.astimezone(UTC).date()).days + 1 if state.last_ok else 0
    days = (today - timedelta(days=n) for n in range(min(max(_DAYS, unasked), _MOST_DAYS)))
    return tuple(f"{_base(source)}{_LIST}?date={day}&limit={_LIMIT}" for day in days)


def _quarter(moment: datetime) -> int:
    return int(moment.timestamp()) // (_HOURS * 3600)


def parse(source: SourceSettings, document: Document, now: datetime) -> Parsed:  # noqa: ARG001 - one signature for all kinds
    """Read a list of daily papers. Raises ParseError for what is no such list."""
    host = host_of(document.url)
    found = _listed(document, host)
    sightings = [s for s in (_sighting(entry, now) for entry in found[:MOST_ENTRIES]) if s]
    skipped = len(found) - len(sightings)
    if found and not sightings:
        raise ParseError(f"{host} sent {len(found)} entries, none of which is a paper")
    warnings = (f"{host} sent {skipped} entries that are no papers; they were skipped",)
    quiet = ""
    if not found and now.astimezone(UTC).weekday() >= _SATURDAY:
        quiet = f"Hugging Face lists no papers on a {now.astimezone(UTC):%A}"
    more = _next_page(document.url) if found and len(found) % _PAGE == 0 else ()
    return Parsed(tuple(sightings), quiet=quiet, warnings=warnings if skipped else (), more=more)


def _next_page(url: str) -> tuple[str, ...]:
    """Return the address after this one of a day's list; the latest list goes on into the past."""
    address_, _, query = url.partition("?")
    asked = dict(parse_qsl(query))
    page = asked.get("p", "0")
    if "date" not in asked or not page.isdecimal() or int(page) + 1 >= _MOST_PAGES:
        return ()
    return (f"{address_}?{urlencode(asked | {'p': int(page) + 1})}",)


def _listed(document: Document, host: str) -> list[object]:
    found = read_json(document, _WANTED)
    if not isinstance(found, list):
        raise refusal(host, line(fields(found), "error", "message"), _WANTED)
    return found


def _sighting(entry: object, now: datetime) -> Sighting | None:
    if not isinstance(entry, dict):
        return None
    inner = entry.get("paper")
    told: Fields = inner if isinstance(inner, dict) else entry
    identifier = identity.arxiv(line(told, "id"))
    if identifier is None:
        return None
    published = iso_moment(told.get("publishedAt"))  # the outer one is shifted
    votes = count(told.get("upvotes"))
    comments = count(entry.get("numComments"))
    title = line(told, "title") or line(entry, "title")
    paper = Paper(
        title=text.shorten(title, LONGEST_TITLE) or str(identifier),
        identifiers=frozenset({identifier}),
        authors=_authors(told.get("authors")),
        abstract=text.shorten(line(told, "summary") or line(entry, "summary"),
                              LONGEST_ABSTRACT),
        published=clamped(published, now),
        links=_links(identifier.value, told, entry),
        votes=votes,
        comments=comments,
    )  # fmt: skip
    stamp = Stamp(AUTHORITY, 0, stamp_day(published, now))
    # Many answers leave it out. Without any date a first list would be old news, all of it.
    at = iso_moment(told.get("submittedOnDailyAt")) or published
    return Sighting(
        identity.stamped(paper, stamp),
        Event.SEEN,
        clamped(at, now),
        f"{Scheme.ARXIV}:{identifier.value}",
        votes,
        comments,
    )


def _authors(value: object) -> tuple[str, ...]:
    shown = [
        author for author in listed(value) if isinstance(author, dict) and not author.get("hidden")
    ]
    return names.bounded([line(author, "name") for author in shown])


def _links(arxiv_id: str, told: Fields, entry: Fields) -> frozenset[Link]:
    links = {
        Link(Rel.ABSTRACT, f"https://arxiv.org/abs/{arxiv_id}"),
        Link(Rel.PDF, f"https://arxiv.org/pdf/{arxiv_id}"),
        Link(Rel.DISCUSSION, f"{BASE}/papers/{arxiv_id}"),
    }
    for rel, key in ((Rel.CODE, "githubRepo"), (Rel.PROJECT, "projectPage")):
        if address_ := web_address(line(told, key)):
            links.add(Link(rel, address_))
    organisation = fields(told.get("organization")) or fields(entry.get("organization"))
    if _ORGANISATION.fullmatch(name := line(organisation, "name")):
        links.add(Link(Rel.ORGANISATION, f"{BASE}/{name}"))
    return frozenset(links)


KIND = Kind(parse, address, beside=beside, announces=True)
