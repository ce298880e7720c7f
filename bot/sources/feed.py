"""Any RSS 0.9x, 1.0, 2.0, Atom or JSON feed: journals, preprint servers, blogs.

An entry becomes a paper with the best identifiers it names: a DOI or arXiv id from its fields or
addresses, its address, and as the last resort a key of title and first author.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import compress
from typing import TYPE_CHECKING

from bot import identity, lifecycle, text
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
from bot.patterns import pattern
from bot.sources import jsonfeed, names, spans
from bot.sources.bounds import Entry
from bot.sources.entries import (
    LONGEST_ABSTRACT,
    LONGEST_ADDRESS,
    LONGEST_NAME,
    LONGEST_TITLE,
    ParsedFeed,
    categories,
    clamped,
    moment,
    parts,
    read_feed,
    said,
    stamp_day,
    web_address,
)
from bot.sources.kinds import Kind
from bot.sources.margins import Margin, read_margins
from bot.sources.spans import Span

if TYPE_CHECKING:
    from bot.config import SourceSettings

AUTHORITY = 20

_MOST_PDFS = 10
_MANY = 4  # entries: an article may be listed in three languages
_LONG_AGO = timedelta(hours=36)
_MONTH, _SATURDAY = 31, 5
_MAIL_ADDRESS = pattern(r"[<(]?[^\s<>()@]{1,100}@[^\s<>()@]{1,200}[>)]?")

_UNTITLED = "(untitled)"
_DOI_FIELDS = ("prism_doi", "doi", "dc_doi", "dc_identifier")
_RARE = frozenset(
    {*_DOI_FIELDS, "prism_url", "prism_publicationname", "feedburner_origlink", "pdf_url",
     "enclosures"}
)  # fmt: skip
_NONE: Entry = {}
# Markup that was escaped twice, and so is still there when it has been made plain once.
_STILL_MARKUP = pattern(
    r"</(?:p|div|a|span|ul|ol|li|h[1-6]|table|blockquote|em|strong|sup|sub|b|i)>|<br ?/?>|<(?:img|p) ",
    re.IGNORECASE,
)
_PMID = pattern(r"(?:pubmed|pmid):\s*(\d{1,9})", re.IGNORECASE)
_DOI_AT_END = pattern(r"(?:^|[:/\s])(10\.\d{4,9}/\S+)$")
# What publishers put where an abstract belongs: "Nature, Published online: 20 April 2023; doi:…".
_IMPRINT = pattern(r"^[^\n;]{1,120}, Published online: [^\n;]{1,40};?\s*(?:\|\s*)?(?:doi:\S+)?\s*")
_IMPRINT_WORDS, _LONGEST_IMPRINT = ", Published online: ", 140
_LONGEST_ISSUE = 400
_ISSUE_ONLY = pattern(r"[^\n]{1,150}, (?:Volume|Vol\.) [^\n]{1,120}, (?:Page|Pages) [^\n]{1,80}")
_ACL_DESCRIPTION = pattern(
    r"(?:(?P<names>.{1,20000}?)\s)?in (?P<volume>[A-Z\d].{0,300})", re.DOTALL
)


@dataclass(slots=True)
class _Reading:
    """One entry with its addresses, and the identifiers they and its fields name."""

    entry: Entry
    rare: Entry  # the same, or empty where it has none of the fields that few have
    title: str
    guid: str
    links: tuple[str, ...]
    stated: frozenset[Identifier]
    linked: frozenset[Identifier]
    margin: Margin | None


def address(source: SourceSettings) -> str:
    """Return what to fetch."""
    return source.url


def parse(source: SourceSettings, document: Document, now: datetime) -> Parsed:  # noqa: ARG001 - one signature for all kinds
    """Read a feed. Raises ParseError for what is none."""
    feed = read_any(document.body, document.url, document.header("content-type"))
    sightings = tuple(sightings_of(feed, document.body, document.url, now))
    return Parsed(
        sightings,
        built=moment(feed.channel, "updated", "published"),
        warnings=feed.warnings,
        whole=feed.whole,
    )


def read_any(body: bytes, url: str, content_type: str = "") -> ParsedFeed:
    """Read a feed of whatever format its first character tells. Raises ParseError for none."""
    if jsonfeed.is_json(body):
        return jsonfeed.read_json_feed(body, url)
    return read_feed(body, url, content_type)


def sightings_of(
    feed: ParsedFeed, body: bytes, url: str, now: datetime | None
) -> Iterator[Sighting]:
    """Yield a sighting for each entry that has a title, a link or an id."""
    wide = feed.sound and feed.repeats
    margins = read_margins(body, len(feed.entries)) if wide else None
    readings = [
        reading
        for index, entry in enumerate(feed.entries)
        if (reading := _read(entry, url, margins[index] if margins else None))
    ]
    guids = Counter(reading.guid for reading in readings if reading.guid)
    shared, of_many = _shared(readings), _stated_of_many(readings)
    for reading in readings:
        stated = reading.stated - of_many if of_many else reading.stated
        named = stated | (reading.linked - shared)
        yield _sighting(reading, named, feed.channel, guids, url, now)


def _read(entry: Entry, url: str, margin: Margin | None) -> _Reading | None:
    rare = _NONE if _RARE.isdisjoint(entry) else entry
    guid = text.shorten(text.one_line(said(entry, "id")), LONGEST_ADDRESS)
    link = said(entry, "link")
    links = _addresses(rare, link, guid, url)
    raw_title = said(entry, "title")
    name = text.shorten(text.one_line(_plain(raw_title)), LONGEST_TITLE)
    if not name:
        name = text.shorten(next(iter(links), "") or text.one_line(link) or guid, LONGEST_TITLE)
    if not name and raw_title:
        name = _UNTITLED  # a title of nothing but a picture
    if not name:
        return None
    linked = frozenset([named for at in links if (named := identity.from_url(at))])
    return _Reading(entry, rare, name, guid, links, _stated(rare, guid, margin), linked, margin)


def _plain(fragment: str) -> str:
    once = text.plain(fragment)
    return text.plain(once) if "<" in once and _STILL_MARKUP.search(once) else once


def _addresses(rare: Entry, link: str, guid: str, url: str) -> tuple[str, ...]:
    """Return an entry's own http addresses, the one to show first."""
    # A guid that is no address makes no link, though feedparser offers it as one.
    usual = ["" if link == guid else web_address(link, url), web_address(guid)]
    if rare:
        usual = [
            web_address(said(rare, "feedburner_origlink")), *usual,
            web_address(said(rare, "prism_url")),
        ]  # fmt: skip
    return tuple(dict.fromkeys(filter(None, usual)))


def _stated(rare: Entry, guid: str, margin: Margin | None) -> frozenset[Identifier]:
    """Return what the entry's fields say it is."""
    given = [guid]  # on one line
    if rare or margin:
        fields = [said(rare, key) for key in _DOI_FIELDS]
        if margin:
            fields += margin.identifiers
        given += [text.one_line(field[:LONGEST_ADDRESS]) for field in fields]
    found = [named for value in given if value and (named := _named(value))]
    if guid[:1] in "pP" and (pmid := _PMID.fullmatch(guid)):
        found.append(Identifier(Scheme.PMID, pmid.group(1)))
    return frozenset(found)


def _named(value: str) -> Identifier | None:
    """Return the DOI or arXiv id that a field holds, or that an address in it ends with."""
    if "10." in value or "%" in value:
        if found := identity.doi(value):
            return found
        if (at_end := _DOI_AT_END.search(value)) and (found := identity.doi(at_end.group(1))):
            return found
    return identity.arxiv(value)


def _shared(readings: list[_Reading]) -> frozenset[Identifier]:
    """Return identifiers that addresses of differently titled entries share: they name none.

    But for arXiv's: its addresses are those of papers and nothing else, and two posts about one paper
    are about that paper.
    """
    linked = [identifier for reading in readings for identifier in reading.linked]
    if len(set(linked)) == len(linked):
        return frozenset()
    titles: defaultdict[Identifier, set[str]] = defaultdict(set)
    for reading in readings:
        for identifier in reading.linked - _of_arxiv(reading.linked):
            titles[identifier].add(reading.title.casefold())
    return frozenset(identifier for identifier, found in titles.items() if len(found) > 1)


def _stated_of_many(readings: list[_Reading]) -> frozenset[Identifier]:
    """Return identifiers that are stated of so many differently titled entries that they are no entry's.

    They are the journal's, or the issue's: all that the feed ever shows would be one paper.
    """
    times = Counter(identifier for reading in readings for identifier in reading.stated)
    return frozenset(
        identifier
        for identifier, count in times.items()
        if count >= _MANY
        and len({r.title.casefold() for r in readings if identifier in r.stated}) >= _MANY
    )


def _of_arxiv(identifiers: frozenset[Identifier]) -> frozenset[Identifier]:
    return frozenset(each for each in identifiers if each.scheme is Scheme.ARXIV)


def _sighting(
    reading: _Reading,
    identifiers: frozenset[Identifier],
    channel: Entry,
    guids: Counter[str],
    url: str,
    now: datetime | None,
) -> Sighting:
    entry = reading.entry
    authors, abstract, venue = _wording(reading, channel)
    if not identifiers:
        named = said(entry, "title") if reading.title == _UNTITLED else reading.title
        if not said(entry, "title"):
            named = f"{url} {named}"  # another feed's entry "2" is another
        identifiers = frozenset({identity.title_key(named, next(iter(authors), ""))})
    published, updated = moment(entry, "published", "created"), moment(entry, "updated")
    changed = updated or published
    published = clamped(published or updated, now)
    listed = categories(entry)
    notice = lifecycle.notice_in(reading.title, abstract)
    filled = compress(identity.STAMPED, (reading.title, authors, abstract, listed, venue, notice))
    stamp = Stamp(AUTHORITY, 0, stamp_day(changed, now))
    paper = Paper(
        title=reading.title,
        identifiers=identifiers,
        authors=authors,
        abstract=abstract,
        categories=listed,
        venue=venue,
        published=published,
        links=_links(reading),
        notice=notice,
        # Not by `stamped`, which would make every paper twice.
        stamps=identity.stamps(tuple(filled), stamp),
    )
    guid = reading.guid if guids[reading.guid] == 1 else ""
    guid = guid or next(iter(reading.links), "") or str(identity.strongest(identifiers))
    return Sighting(paper, Event.SEEN, published, guid)


def _wording(reading: _Reading, channel: Entry) -> tuple[tuple[str, ...], str, str]:
    """Return authors, abstract and venue."""
    entry = reading.entry
    authors = _authors(reading)
    abstract = _abstract(entry)
    if abstract == reading.title:
        abstract = ""
    venue = said(reading.rare, "prism_publicationname")
    if not venue or text.one_line(_plain(venue)) == reading.title:
        venue = said(channel, "prism_publicationname")  # Atypon nests the title in the entry's own
    if "//aclanthology.org/" in " ".join(reading.links):
        # The ACL Anthology has no author elements: "A B, C D and E F in Proceedings of …".
        described = _ACL_DESCRIPTION.fullmatch(abstract)
        if described and not authors:
            authors = names.split_any(described.group("names") or "")
            abstract, venue = "", described.group("volume")
    if venue:
        venue = text.shorten(text.one_line(_plain(venue)), LONGEST_NAME)
    return authors, abstract, venue


def _authors(reading: _Reading) -> tuple[str, ...]:
    if reading.margin and reading.margin.authors:
        return names.bounded([text.one_line(name) for name in reading.margin.authors])
    authors = parts(reading.entry, "authors")
    listed = [name for author in authors if (name := said(author, "name"))]
    if len(listed) <= 1:
        # feedparser cuts an address with a long top-level domain in two, and half of it stays.
        bare = said(reading.entry, "author")
        if "@" in bare:
            bare = _MAIL_ADDRESS.sub(" ", bare)
        listed = [bare.strip().removeprefix("(").removesuffix(")")]
    everyone = [name for value in listed for name in names.split_any(value)]
    # An address alone (RSS 2.0's <author>) is nobody's name, and no reader's business.
    # A feed with <author> and <dc:creator> names one person twice.
    return names.bounded([name for name in dict.fromkeys(everyone) if "@" not in name])


def _abstract(entry: Entry) -> str:
    body = said(entry, "summary")
    if not body:
        contents = (said(part, "value") for part in parts(entry, "content"))
        body = next(filter(None, contents), "")
    body = _plain(body[: LONGEST_ABSTRACT * 20]).strip()
    # Both are looked for only where they may be: most abstracts are spared two patterns.
    if _IMPRINT_WORDS in body[:_LONGEST_IMPRINT]:
        body = _IMPRINT.sub("", body, count=1).strip()
    if len(body) <= _LONGEST_ISSUE and _ISSUE_ONLY.fullmatch(body):
        return ""
    return text.shorten(body, LONGEST_ABSTRACT)


def _links(reading: _Reading) -> frozenset[Link]:
    links = [Link(Rel.ABSTRACT, address_) for address_ in reading.links[:1]]
    typed, offered = parts(reading.entry, "links"), []
    if reading.rare:
        typed += parts(reading.rare, "enclosures")
        offered = [said(reading.rare, "pdf_url")]
    offered += [
        said(link, "href", "url")
        for link in typed
        if said(link, "type").startswith("application/pdf")
    ]
    if offered:
        found = map(web_address, filter(None, offered[:_MOST_PDFS]))
        links += [Link(Rel.PDF, pdf) for pdf in found if pdf]
    return frozenset(links)


# ── What was missed ───────────────────────────────────────────────────────────────────────────────


def owed(_: SourceSettings, state: SourceState, parsed: Parsed, now: datetime) -> Span | None:
    """Return what a list no longer shows that begins after it was last read, long ago.

    Nothing where an entry has no date: it may be older. What is asked for every few hours is not taken for
    that: some show what came today, and no more. Nor is a weekend, on which most of these show nothing.
    """
    before = spans.owed(state, now)
    dates = [sighting.at for sighting in parsed.sightings]
    if state.last_ok is None or not dates or None in dates:
        return before
    if _working(state.last_ok, now) < _LONG_AGO:
        return before
    begins = min(date for date in dates if date)
    return Span(state.last_ok, begins) if begins > state.last_ok else before


def _working(since: datetime, until: datetime) -> timedelta:
    """Return how long that was, less the days of weekends that it touched; roughly where it was months."""
    days = [since.date() + timedelta(n) for n in range(min((until - since).days + 2, _MONTH))]
    weekend = sum(day.weekday() >= _SATURDAY for day in days if day <= until.date())
    return until - since - timedelta(days=weekend)


KIND = Kind(parse, address, keeps_guids=True, owed=owed)
