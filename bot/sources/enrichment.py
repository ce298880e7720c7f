"""What services know beyond the sources: which are asked, with what, and when to ask them again.

Pure, as all of `sources`: the workflow `enrich` fetches, and the store keeps what was answered, also
that nothing was known.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from urllib.parse import urlencode

from bot import identity
from bot.models import Document, Enrichment, Identifier, Paper, Request, Scheme
from bot.sources import crossref, semantic_scholar
from bot.sources.jsonanswers import Fields, fields, line
from bot.sources.kinds import Caller
from bot.values import value_type

NEWS = timedelta(days=30)  # older papers are nobody's news: they are not asked about
_KNOWN_AGAIN = timedelta(days=14)  # citations grow, and abstracts come late
_UNKNOWN_AGAIN = timedelta(days=3)  # what is new today is known in some days
_FIRST_REST = timedelta(minutes=15)
_LONGEST_REST = timedelta(days=1)
_DOUBLINGS = 8


@value_type(frozen=True, slots=True)
class EnrichmentService:
    """One service: how many papers it is asked about at once, and by which identifiers.

    `request` asks (its base is "" for the service's own address), `signed` adds who asks, `read` tells
    what it said of each paper, None for unknown; it raises ParseError in a sentence for people.
    """

    most: int
    schemes: tuple[Scheme, ...]
    request: Callable[[str, Sequence[Paper]], Request]
    signed: Callable[[Request, Caller], Request]
    read: Callable[[Sequence[Paper], Document], list[Enrichment | None]]


def _ask_crossref(base: str, papers: Sequence[Paper]) -> Request:
    asked = {
        "filter": ",".join(f"doi:{doi.value}" for doi in _dois(papers)),
        "select": "DOI,abstract,container-title,is-referenced-by-count",
        "rows": len(_dois(papers)),
    }
    return Request(f"{base or crossref.BASE}/works?{urlencode(asked, safe=':,')}")


def _read_crossref(papers: Sequence[Paper], document: Document) -> list[Enrichment | None]:
    works, _ = crossref.works_of(document)
    told = {identity.doi(line(work, "DOI")): work for work in map(fields, works)}
    return [_of_works([told[doi] for doi in _dois([paper]) if doi in told]) for paper in papers]


def _of_works(works: Sequence[Fields]) -> Enrichment | None:
    """Return what several registrations of one paper say: the first that says it counts."""
    if not works:
        return None
    counts = [count for work in works if (count := crossref.citations_of(work)) is not None]
    return Enrichment(
        abstract=next(filter(None, map(crossref.abstract_of, works)), ""),
        venue=next(filter(None, map(crossref.venue_of, works)), ""),
        citations=max(counts, default=None),
    )


def _dois(papers: Sequence[Paper]) -> list[Identifier]:
    # A comma separates conditions there, and cannot be escaped.
    return sorted(
        each
        for paper in papers
        for each in paper.identifiers
        if each.scheme is Scheme.DOI and "," not in each.value
    )


SERVICES = {
    "crossref": EnrichmentService(20, (Scheme.DOI,), _ask_crossref, crossref.signed, _read_crossref),
    "semantic-scholar": EnrichmentService(
        semantic_scholar.MOST, semantic_scholar.SCHEMES, semantic_scholar.request,
        semantic_scholar.signed, semantic_scholar.read,
    ),
}  # fmt: skip


def lacking(paper: Paper, found: Enrichment) -> Enrichment:
    """Return what a paper lacks of what was found; a source's own word is never overruled."""
    has_doi = any(each.scheme is Scheme.DOI for each in paper.identifiers)
    return Enrichment(
        abstract="" if paper.abstract else found.abstract,
        venue="" if paper.venue else found.venue,
        doi=None if has_doi else found.doi,
        citations=found.citations,
        tldr=found.tldr,
    )


def again_after(found: Enrichment | None) -> timedelta:
    """Return after how long to ask a service again about a paper."""
    return _KNOWN_AGAIN if found else _UNKNOWN_AGAIN


def rest_after(failures: int, retry_after: float | None) -> timedelta:
    """Return how long to leave a service alone that failed so many times in a row."""
    rest = min(_FIRST_REST * (1 << min(failures - 1, _DOUBLINGS)), _LONGEST_REST)
    return max(rest, min(timedelta(seconds=retry_after or 0), _LONGEST_REST))
