"""arXiv's API by name: the papers that a profile likes and no source has shown.

One request asks for many ids at once; those that are wrong are dropped from the answer without a word.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from bot.models import Document, Identifier, Request, Scheme, Sighting
from bot.sources import arxiv, arxiv_search

if TYPE_CHECKING:
    from bot.config import SourceSettings

AT_ONCE = 100  # ids a request: an address of about a kilobyte


def askable(identifiers: Sequence[Identifier]) -> list[Identifier]:
    """Return the identifiers that arXiv can be asked for."""
    return [each for each in identifiers if each.scheme is Scheme.ARXIV]


def request(source: SourceSettings, identifiers: Sequence[Identifier]) -> Request:
    """Return the GET for at most a hundred papers, at the same place as an arXiv source's own API."""
    query = {
        "id_list": ",".join(each.value for each in identifiers),
        "max_results": len(identifiers),
    }
    return Request(f"{arxiv_search.base_of(source)}/api/query?{urlencode(query, safe=',/')}")


def read(
    document: Document, identifiers: Sequence[Identifier], now: datetime
) -> tuple[Sighting, ...]:
    """Return what the answer says of the papers asked for, and of no others. Raises ParseError."""
    parsed = arxiv.parsed_feed(arxiv.read_document(document), document.url, now)
    wanted = set(identifiers)
    return tuple(s for s in parsed.sightings if wanted & s.paper.identifiers)
