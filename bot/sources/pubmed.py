"""PubMed: what a query finds, by the day it came into the database, through NCBI's E-utilities.

Two requests make a page: `esearch` names the articles, `efetch` tells what they say.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode
from xml.etree.ElementTree import Element

from bot import identity, text
from bot.errors import ParseError
from bot.models import (
    Document,
    Event,
    Identifier,
    Link,
    Paper,
    Parsed,
    Rel,
    Request,
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
    clamped,
    host_of,
    stamp_day,
)
from bot.sources.jsonanswers import count, day_of, fields, line, listed, read_json, refusal
from bot.sources.kinds import Caller, Pages, paged
from bot.sources.spans import Page, Span
from bot.sources.xmlanswers import read_xml, words

if TYPE_CHECKING:
    from bot.config import SourceSettings

BASE = "https://eutils.ncbi.nlm.nih.gov/entrez/eutils"
AUTHORITY = 25
OVERLAP = timedelta(days=2)  # a day of theirs is not over in every zone, nor indexed at once

_PAGE = 100
_FURTHEST = 9_999  # NCBI's own: esearch names no article beyond
_TRIES = 2
_WANTED = "list of articles"
_MONTHS = {name: number for number, name in enumerate(
    "jan feb mar apr may jun jul aug sep oct nov dec".split(), start=1)}  # fmt: skip


def window(source: SourceSettings, state: SourceState, now: datetime) -> Span:
    """Return what to read: what is still owed, or all since the last time with two days' overlap."""
    return spans.since_last(state, now, source.backfill, OVERLAP)


def address(source: SourceSettings, span: Span) -> str:
    """Return the address that names a span's next articles, or that tells what they say."""
    base = (source.url or BASE).rstrip("/")
    if span.listed:
        asked: dict[str, object] = {"db": "pubmed", "id": ",".join(span.listed), "retmode": "xml"}
        return f"{base}/efetch.fcgi?{urlencode(asked, safe=',')}"
    first, last = (moment.astimezone(UTC).date() for moment in (span.since, span.until))
    asked = {
        "db": "pubmed", "term": source.query, "datetype": "edat", "mindate": f"{first:%Y/%m/%d}",
        "maxdate": f"{last:%Y/%m/%d}", "retstart": span.start, "retmax": _PAGE, "retmode": "json",
    }  # fmt: skip
    return f"{base}/esearch.fcgi?{urlencode(asked, safe='/')}"


def signed(request: Request, caller: Caller) -> Request:
    """Return the request with who asks: NCBI wants a tool, an address, and takes a key."""
    asks = {"tool": "paperround", "email": caller.contact, "api_key": caller.token}
    told = urlencode({name: value for name, value in asks.items() if value})
    return replace(request, url=f"{request.url}&{told}")


def read(source: SourceSettings, document: Document, now: datetime) -> Page:  # noqa: ARG001 - one signature for all kinds
    """Read either of the two. Raises ParseError for what is neither, and for NCBI's own errors."""
    if document.body.lstrip()[:1] == b"{":
        return _named(document)
    articles = _articles(document)
    found = [_sighting(article, now) for article in articles]
    sightings = tuple(sighting for sighting in found if sighting)
    skipped = len(found) - len(sightings)
    warning = f"{host_of(document.url)} sent {skipped} articles without a PMID or a title; skipped"
    return Page(Parsed(sightings, warnings=(warning,) if skipped else ()), len(articles))


def after(span: Span, page: Page, host: str) -> Span | None:
    """Return what is left of a span after a page, None for nothing."""
    if page.listed:
        return replace(span, listed=page.listed)
    if span.listed and not page.returned:
        if span.tries < _TRIES:
            return replace(span, tries=span.tries + 1)
        raise ParseError(f"{host} named {len(span.listed)} articles, and tells of none of them")
    if span.listed:  # what was named and is told of no more was withdrawn
        start = span.start + len(span.listed)
        last = len(span.listed) < _PAGE or start >= _FURTHEST
        return None if last else replace(span, start=start, tries=0, listed=())
    return spans.counted_on(span, page, _TRIES, host)


KIND = paged(Pages(window, address, read, after, OVERLAP), signed=signed)


# ── Which articles ────────────────────────────────────────────────────────────────────────────────


def _named(document: Document) -> Page:
    answer = fields(read_json(document, _WANTED))
    result = fields(answer.get("esearchresult"))
    named = result.get("idlist")
    said = line(result, "ERROR") or line(answer, "error")
    if said or not isinstance(named, list):
        raise refusal(host_of(document.url), said, _WANTED)
    ids = tuple(pmid for pmid in named if isinstance(pmid, str) and pmid.isdecimal())[:_PAGE]
    unknown = [str(each) for each in listed(fields(result.get("errorlist")).get("phrasesnotfound"))]
    phrases = text.shorten(", ".join(map(text.one_line, unknown)), 200)
    warnings = (f"PubMed knows nothing of this in the query: {phrases}",) if unknown else ()
    return Page(Parsed((), warnings=warnings), 0, count(result.get("count")), listed=ids)


# ── What they say ─────────────────────────────────────────────────────────────────────────────────


def _articles(document: Document) -> list[Element]:
    root = read_xml(document, _WANTED)
    if root.tag == "PubmedArticleSet":
        return [each for each in root if each.tag in ("PubmedArticle", "PubmedBookArticle")]
    raise refusal(host_of(document.url), words(root.find(".//ERROR")), _WANTED, "XML")


def _sighting(article: Element, now: datetime) -> Sighting | None:
    citation = article.find("MedlineCitation")
    citation = article.find("BookDocument") if citation is None else citation
    if citation is None:
        return None
    pmid, title = words(citation.find("PMID")), _title(citation)
    if not pmid.isdecimal() or not title:
        return None
    entered = _history(article)
    appeared = _appeared(citation) or entered
    paper = Paper(
        title=title,
        identifiers=frozenset({Identifier(Scheme.PMID, pmid), *_dois(article)}),
        authors=names.bounded([_name(each) for each in citation.iterfind(".//AuthorList/Author")
                               if each.get("ValidYN") != "N"]),
        abstract=_abstract(citation),
        venue=text.shorten(_venue(citation), LONGEST_NAME),
        published=clamped(appeared, now),
        links=frozenset({Link(Rel.ABSTRACT, f"https://pubmed.ncbi.nlm.nih.gov/{pmid}/")}),
    )  # fmt: skip
    stamp = Stamp(AUTHORITY, 0, stamp_day(entered, now))
    at = clamped(entered, now)
    return Sighting(identity.stamped(paper, stamp), Event.SEEN, at, f"{Scheme.PMID}:{pmid}")


def _title(citation: Element) -> str:
    """Return the title; PubMed ends every one with a full stop, and brackets translated ones."""
    for path in (".//ArticleTitle", ".//VernacularTitle", ".//BookTitle"):
        title = words(citation.find(path))
        bare = title.removesuffix(".").strip("[] ") if title.startswith("[") else title
        bare = bare if bare.endswith("..") else bare.removesuffix(".")
        if bare and bare.lower() not in ("not available", "in process citation"):
            return text.shorten(bare, LONGEST_TITLE)
    return ""


def _name(author: Element) -> str:
    first = words(author.find("ForeName")) or words(author.find("Initials"))
    parts = (first, words(author.find("LastName")), words(author.find("Suffix")))
    return " ".join(filter(None, parts)) or words(author.find("CollectiveName"))


def _abstract(citation: Element) -> str:
    abstract = citation.find(".//Abstract")
    parts = abstract.iterfind("AbstractText") if abstract is not None else ()
    paragraphs = []
    for part in parts:
        label, body = text.one_line(part.get("Label") or ""), words(part)
        shown = label and label.upper() not in ("UNLABELLED", "ABSTRACT")
        if body:
            paragraphs.append(f"{label.capitalize()}: {body}" if shown else body)
    return text.shorten("\n\n".join(paragraphs), LONGEST_ABSTRACT)


def _venue(citation: Element) -> str:
    named = (words(citation.find(path)) for path in (".//Journal/Title", ".//Book/BookTitle"))
    return next(filter(None, named), "")


def _dois(article: Element) -> Iterator[Identifier]:
    # The list of a cited work's ids has the same shape: only the article's own counts.
    own = [*article.iterfind("PubmedData/ArticleIdList/ArticleId"),
           *article.iterfind("PubmedBookData/ArticleIdList/ArticleId")]  # fmt: skip
    told = [words(each) for each in own if each.get("IdType") == "doi"]
    told += [
        words(each)
        for each in article.iterfind("MedlineCitation/Article/ELocationID")
        if each.get("EIdType") == "doi" and each.get("ValidYN") != "N"
    ]
    yield from filter(None, map(identity.doi, told))


def _history(article: Element) -> datetime | None:
    """Return when the article came into the database."""
    dates = {each.get("PubStatus"): _date(each) for each in article.iterfind(".//PubMedPubDate")}
    return dates.get("entrez") or dates.get("pubmed")


def _appeared(citation: Element) -> datetime | None:
    """Return the earlier of the dates on which it was published that name a day."""
    paths = (".//ArticleDate", ".//JournalIssue/PubDate", ".//Book/PubDate")
    dates = (_date(found) for path in paths for found in citation.iterfind(path))
    return min(filter(None, dates), default=None)


def _date(found: Element) -> datetime | None:
    year, month, day = (words(found.find(part)) for part in ("Year", "Month", "Day"))
    numbered = _MONTHS.get(month[:3].lower()) or count(month)
    return day_of(count(year), numbered, count(day))
