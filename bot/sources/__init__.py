"""Where papers come from: a small module a kind, all pure, behind one registry.

`request` says what to fetch, `parse` what a document says, `wanted` which of its sightings count;
`polling` (a module beside) says when to fetch again and how a source stands.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from bot.config import SourceSettings
from bot.models import Document, Event, Paper, Parsed, Request, Sighting, SourceState
from bot.sources import arxiv, feed, huggingface
from bot.sources.entries import read_feed

# Raise it when the parsers read more than before: validators and digests of bodies that an older
# parser saw are then dropped, and every source is read anew.
PARSER = 1

_UNCONDITIONAL_EVERY = 7  # days


@dataclass(frozen=True, slots=True)
class Kind:
    """What a kind of source is: its address, its reader, and whether it announces by the day."""

    address: Callable[[SourceSettings], str]
    parse: Callable[[SourceSettings, Document, datetime], Parsed]
    announces: bool


KINDS = {
    "arxiv": Kind(arxiv.address, arxiv.parse, announces=True),
    "huggingface": Kind(huggingface.address, huggingface.parse, announces=True),
    "feed": Kind(feed.address, feed.parse, announces=False),
}


def request(source: SourceSettings, state: SourceState, now: datetime, token: str = "") -> Request:
    """Return the next GET of a source, conditional where what is remembered still holds.

    `token` is the resolved secret of the source's `token`, sent as a bearer's. Once a week the
    request is unconditional, so that a server whose 304 is stuck is found out.
    """
    headers = (("Authorization", f"Bearer {token}"),) if token else ()
    url = KINDS[source.kind].address(source)
    if state.fingerprint != fingerprint(source) or not _same_week(state.last_ok, now):
        return Request(url, headers=headers)
    return Request(url, state.etag, state.last_modified, headers)


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


def parse_feed(body: bytes, url: str) -> list[Paper]:
    """Read any RSS or Atom feed: one Paper for each entry that has a title, a link or an id.

    `body` is the undecoded document, `url` where it came from, against which relative links are
    resolved ("" for none). At most 5,000 entries are read. Neither files nor the network are
    touched. Raises ParseError for a body that has no entries and is no feed.
    """
    found = feed.sightings_of(read_feed(body, url), body, url, None)
    return [sighting.paper for sighting in found]


def fingerprint(source: SourceSettings) -> str:
    """Return a digest of all that decides what a source's document means to us."""
    told = [source.kind, source.url, source.categories, source.announce, PARSER]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]


def announces(kind: str) -> bool:
    """Tell whether a document of this kind is an announcement of its day.

    Then "older than `backfill`" is judged against the newest entry of the document, not now.
    """
    return KINDS[kind].announces


def wanted(source: SourceSettings, sighting: Sighting, known: bool) -> bool:
    """Tell whether a sighting counts: of a known paper always, of a new one as configured.

    A replacement of a paper we never had is no new paper unless `announce` asks for it.
    """
    return known or sighting.event is Event.SEEN or sighting.event.value in source.announce
