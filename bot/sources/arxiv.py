"""arXiv's daily announcement: RSS 2.0 and Atom since 2024, the RDF of before, the API's Atom.

Titles and abstracts are plain text with TeX and raw `<` in formulas; they are no HTML and are
never stripped of tags.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from bot import identity, lifecycle, text
from bot.errors import ParseError
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
    Stamp,
)
from bot.sources import arxiv_calendar, arxiv_taxonomy, names
from bot.sources.bounds import Entry
from bot.sources.entries import (
    LONGEST_ABSTRACT,
    LONGEST_NAME,
    LONGEST_TITLE,
    ParsedFeed,
    categories,
    clamped,
    host_of,
    moment,
    parts,
    read_feed,
    said,
    stamp_day,
)

if TYPE_CHECKING:
    from bot.config import SourceSettings

BASE = "https://rss.arxiv.org"
AUTHORITY = 40

_MOST_ANNOUNCED = 2000
_LONGEST_OLD_TITLE = 2 * LONGEST_TITLE  # with what stands behind it in the RDF

_HEAD = re.compile(
    r"^\s*arXiv:(?P<id>\S+)\s+Announce Type:\s*(?P<event>[\w-]+)\s*(?:Abstract:\s*)?", re.IGNORECASE
)
_OLD_TITLE = re.compile(
    r"\.?\s*\(arXiv:(?P<id>[^\s)]+)(?:\s+\[(?P<category>[^\]]+)\])?(?:\s+(?P<note>[A-Z ]+))?\)\s*$"
)
_OLD_EVENTS = {"CROSS LISTED": Event.CROSS, "UPDATED": Event.REPLACE}
_PARAGRAPH = re.compile(r"\n[ \t]*\n|\n {2,}")
_REPLACED = frozenset({Event.REPLACE, Event.REPLACE_CROSS})


def address(source: SourceSettings) -> str:
    """Return what to fetch: all categories in one query, as rss.arxiv.org takes them."""
    base = (source.url or BASE).rstrip("/")
    if not source.categories:
        return source.url or base
    joined = "+".join(source.categories)
    return f"{base}/{joined}" if base.endswith(("/rss", "/atom")) else f"{base}/rss/{joined}"


def parse(source: SourceSettings, document: Document, now: datetime) -> Parsed:
    """Read one day's announcement. Raises ParseError, also for arXiv's own error documents."""
    feed = read_document(document)
    parsed = parsed_feed(feed, document.url, now)
    if len(feed.entries) < _MOST_ANNOUNCED:
        return parsed
    # They come replacements first: what is cut off is new.
    more = _groups(source, document.url)
    words = f"{host_of(document.url)} gives at most {_MOST_ANNOUNCED} entries"
    warning = (
        f"{words}; the announcement is read in groups of categories" if more
        else f"{words}, and new papers may be cut off; name categories that are further down"
    )  # fmt: skip
    return replace(parsed, warnings=(*parsed.warnings, warning), more=more)


def _groups(source: SourceSettings, url: str) -> tuple[str, ...]:
    """Return the addresses of both halves of what a full document was asked for.

    Of one archive the halves are its categories; of one category there are none.
    """
    named = unquote(urlsplit(url).path).rpartition("/")[2].split("+")
    asked = source.categories if set(named) - set(_everything(source)) else tuple(named)
    whole = tuple(dict.fromkeys(arxiv_taxonomy.parts(asked[0]) if len(asked) == 1 else asked))
    middle = len(whole) // 2
    halves = (whole[:middle], whole[middle:]) if middle else ()
    return tuple(address(source.model_copy(update={"categories": half})) for half in halves)


def _everything(source: SourceSettings) -> Iterator[str]:
    """Yield every category and archive that a document of this source can have been asked for."""
    for category in source.categories:
        yield category
        yield from arxiv_taxonomy.parts(category)


def read_document(document: Document) -> ParsedFeed:
    """Read RSS, RDF or Atom. Raises ParseError, also for the errors that arXiv sends as feeds."""
    feed = read_feed(document.body, document.url, document.header("content-type"))
    if "feed error for query" in said(feed.channel, "title").lower():
        raise ParseError(f"arXiv refused the query: {_refusal(feed.channel, feed.entries)}")
    if any("/api/errors" in said(entry, "id") for entry in feed.entries):
        raise ParseError(f"arXiv refused the query: {_refusal({}, feed.entries)}")
    return feed


def parsed_feed(feed: ParsedFeed, url: str, now: datetime) -> Parsed:
    """Return what the entries of a feed from `url` say."""
    built = moment(feed.channel, "updated", "published")
    warnings = list(feed.warnings)
    sightings = [s for s in (_sighting(entry, built, now) for entry in feed.entries) if s]
    if len(sightings) < len(feed.entries):
        warnings.append(
            f"{host_of(url)} sent {len(feed.entries) - len(sightings)} entries without an "
            "arXiv id; they were skipped"
        )
    quiet = "" if feed.entries else arxiv_calendar.why_quiet(built or now)
    return Parsed(tuple(sightings), built, quiet, tuple(warnings), feed.whole)


def _refusal(channel: Entry, entries: tuple[Entry, ...]) -> str:
    first = entries[0] if entries else {}
    return text.quoted(said(first, "summary", "title") or said(channel, "subtitle", "title"))


def _sighting(entry: Entry, built: datetime | None, now: datetime) -> Sighting | None:
    title, old = _title(entry)
    summary = said(entry, "summary", "description")
    head = _HEAD.match(summary)
    guid = text.one_line(said(entry, "id"))
    named = _named(entry, guid, head, old)
    if named is None:
        return None
    identifier, spelt = named
    event = _event(entry, head, old)
    at = moment(entry, "published", "updated") or built  # the RDF of before dated only the whole
    version = identity.arxiv_version(spelt)
    abstract = _abstract(summary[head.end() :] if head else text.plain(summary))
    paper = Paper(
        title=title or str(identifier),
        identifiers=_identifiers(entry, identifier),
        authors=_authors(entry),
        abstract=abstract,
        categories=categories(entry) or _old_category(old),
        venue=text.shorten(text.one_line(said(entry, "arxiv_journal_reference",
                                              "arxiv_journal_ref")), LONGEST_NAME),
        version=version,
        published=clamped(at, now) if _first_appeared(event, version) else None,
        links=_links(identifier),
        # Only the API tells comments, where arXiv wants a withdrawal to be explained.
        notice=lifecycle.notice_in("", "", said(entry, "arxiv_comment")),
    )  # fmt: skip
    stamp = Stamp(AUTHORITY, version, stamp_day(at, now))
    return Sighting(identity.stamped(paper, stamp), event, clamped(at, now), guid)


def _first_appeared(event: Event, version: int) -> bool:
    """Whether an entry's date is when its paper first appeared.

    An announcement's is not where the paper had versions before; the API's always is.
    """
    return event is Event.SEEN or (event not in _REPLACED and version <= 1)


def _named(
    entry: Entry, guid: str, head: re.Match[str] | None, old: re.Match[str] | None
) -> tuple[Identifier, str] | None:
    """Return the id, and the spelling with the version: guid, description, old title, link."""
    spellings = [guid, head.group("id") if head else "", old.group("id") if old else ""]
    link = said(entry, "link")
    for address_ in (guid, link):
        found = identity.from_url(address_)
        if found and found.scheme is Scheme.ARXIV:
            spellings.append(re.sub(r"^.*?/(?:abs|pdf)/|(?:\.pdf)?(?:[?#].*)?$", "", address_))
    read = [(found, spelt) for spelt in spellings if (found := identity.arxiv(spelt))]
    versioned = [pair for pair in read if identity.arxiv_version(pair[1])]
    return next(iter(versioned + read), None)


def _event(entry: Entry, head: re.Match[str] | None, old: re.Match[str] | None) -> Event:
    word = said(entry, "arxiv_announce_type") or (head.group("event") if head else "")
    try:
        return Event(word.strip().lower())
    except ValueError:
        if old is None:
            return Event.SEEN  # the API's entries say nothing of an announcement
        return _OLD_EVENTS.get((old.group("note") or "").strip(), Event.NEW)


def _title(entry: Entry) -> tuple[str, re.Match[str] | None]:
    title = text.one_line(said(entry, "title"))[:_LONGEST_OLD_TITLE]
    old = _OLD_TITLE.search(title)
    return text.shorten(title[: old.start()].rstrip() if old else title, LONGEST_TITLE), old


def _old_category(old: re.Match[str] | None) -> tuple[str, ...]:
    return (old.group("category"),) if old and old.group("category") else ()


def _abstract(body: str) -> str:
    paragraphs = (text.one_line(part) for part in _PARAGRAPH.split(body))
    return text.shorten("\n\n".join(part for part in paragraphs if part), LONGEST_ABSTRACT)


def _authors(entry: Entry) -> tuple[str, ...]:
    listed = [said(author, "name") for author in parts(entry, "authors")]
    if len(listed) > 1:
        return names.bounded([text.one_line(name) for name in listed])
    creator = said(entry, "author") or next(iter(listed), "")
    if "<a" in creator:  # before 2024 each name was an escaped link
        creator = re.sub(r"</a>:", "</a>,", creator)
        creator = text.plain(re.sub(r"</?a\b[^<>]*>", "", creator))
    return names.split_arxiv(creator)


def _identifiers(entry: Entry, identifier: Identifier) -> frozenset[Identifier]:
    # arXiv lists several DOIs with spaces between them where a paper has an erratum.
    spellings = said(entry, "arxiv_doi").split()
    return frozenset({identifier, *filter(None, map(identity.doi, spellings[:1]))})


def _links(identifier: Identifier) -> frozenset[Link]:
    return frozenset(
        {
            Link(Rel.ABSTRACT, f"https://arxiv.org/abs/{identifier.value}"),
            Link(Rel.PDF, f"https://arxiv.org/pdf/{identifier.value}"),
        }
    )
