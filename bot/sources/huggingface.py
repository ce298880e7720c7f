"""Hugging Face's daily papers: which arXiv papers a community picked today, and its votes.

Fields came and went since 2024, so every one but the id is optional.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias

from bot import identity, text
from bot.config import SourceSettings
from bot.errors import ParseError
from bot.models import Document, Event, Link, Paper, Parsed, Rel, Scheme, Sighting, Stamp
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

BASE = "https://huggingface.co"
AUTHORITY = 10

_MOST_VOTES = 2**31
_SATURDAY = 5

Fields: TypeAlias = Mapping[str, Any]


def address(source: SourceSettings) -> str:
    """Return what to fetch: the day's list, or the very address that was configured."""
    base = source.url or BASE
    return base if "/api/" in base else f"{base.rstrip('/')}/api/daily_papers?limit=100"


def parse(source: SourceSettings, document: Document, now: datetime) -> Parsed:  # noqa: ARG001 - one signature for all kinds
    """Read a list of daily papers. Raises ParseError for what is no such list."""
    host = host_of(document.url)
    found = _listed(document.body, host)
    sightings = [s for s in (_sighting(entry, now) for entry in found[:MOST_ENTRIES]) if s]
    skipped = len(found) - len(sightings)
    if found and not sightings:
        raise ParseError(f"{host} sent {len(found)} entries, none of which is a paper")
    warnings = (f"{host} sent {skipped} entries that are no papers; they were skipped",)
    quiet = ""
    if not found and now.astimezone(UTC).weekday() >= _SATURDAY:
        quiet = f"Hugging Face lists no papers on a {now.astimezone(UTC):%A}"
    return Parsed(tuple(sightings), quiet=quiet, warnings=warnings if skipped else ())


def _listed(body: bytes, host: str) -> list[object]:
    if not body.strip():
        raise ParseError(f"{host} sent an empty document")
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        if body.lstrip()[:1] == b"<":
            raise ParseError(f"{host} sent a web page (HTML) instead of JSON") from error
        raise ParseError(f"{host} sent something that is no JSON") from error
    if isinstance(found, dict):
        said = _line(found, "error") or _line(found, "message")
        raise ParseError(
            f"{host} answered with an error: {text.shorten(said, 300)}"
            if said
            else f"{host} sent JSON that is no list of papers"
        )
    if not isinstance(found, list):
        raise ParseError(f"{host} sent JSON that is no list of papers")
    return found


def _sighting(entry: object, now: datetime) -> Sighting | None:
    if not isinstance(entry, dict):
        return None
    inner = entry.get("paper")
    fields: Fields = inner if isinstance(inner, dict) else entry
    identifier = identity.arxiv(_line(fields, "id"))
    if identifier is None:
        return None
    published = iso_moment(fields.get("publishedAt"))  # the outer one is shifted
    votes = _count(fields.get("upvotes"))
    comments = _count(entry.get("numComments"))
    title = _line(fields, "title") or _line(entry, "title")
    paper = Paper(
        title=text.shorten(title, LONGEST_TITLE) or str(identifier),
        identifiers=frozenset({identifier}),
        authors=_authors(fields.get("authors")),
        abstract=text.shorten(_line(fields, "summary") or _line(entry, "summary"),
                              LONGEST_ABSTRACT),
        published=clamped(published, now),
        links=_links(identifier.value, fields),
        votes=votes,
        comments=comments,
    )  # fmt: skip
    stamp = Stamp(AUTHORITY, 0, stamp_day(published, now))
    at = iso_moment(fields.get("submittedOnDailyAt"))
    return Sighting(
        identity.stamped(paper, stamp),
        Event.SEEN,
        clamped(at, now),
        f"{Scheme.ARXIV}:{identifier.value}",
        votes,
        comments,
    )


def _line(fields: Fields, key: str) -> str:
    value = fields.get(key)
    return text.one_line(value) if isinstance(value, str) else ""


def _count(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < _MOST_VOTES:
        return None
    return value


def _authors(value: object) -> tuple[str, ...]:
    listed = value if isinstance(value, list) else []
    shown = [author for author in listed if isinstance(author, dict) and not author.get("hidden")]
    return names.bounded([_line(author, "name") for author in shown])


def _links(arxiv_id: str, fields: Fields) -> frozenset[Link]:
    links = {
        Link(Rel.ABSTRACT, f"https://arxiv.org/abs/{arxiv_id}"),
        Link(Rel.PDF, f"https://arxiv.org/pdf/{arxiv_id}"),
        Link(Rel.DISCUSSION, f"{BASE}/papers/{arxiv_id}"),
    }
    for rel, key in ((Rel.CODE, "githubRepo"), (Rel.PROJECT, "projectPage")):
        if address_ := web_address(_line(fields, key)):
            links.add(Link(rel, address_))
    return frozenset(links)
