"""A feed as RSS 2.0, Atom 1.0 and JSON Feed 1.1: the same entries, the same order, the same bytes."""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from email.utils import format_datetime
from types import MappingProxyType

from bot.text import inert
from bot.values import value_type

_ATOM = "http://www.w3.org/2005/Atom"
# Dublin Core, PRISM, arXiv's own, and RFC 5005's archives: what readers of papers know them by.
_WORDS = {
    "xmlns:dc": "http://purl.org/dc/elements/1.1/",
    "xmlns:prism": "http://prismstandard.org/namespaces/basic/2.0/",
    "xmlns:arxiv": "http://arxiv.org/schemas/atom",
    "xmlns:fh": "http://purl.org/syndication/history/1.0",
}
_JSON_FEED = "https://jsonfeed.org/version/1.1"


@value_type(frozen=True, slots=True)
class FeedEntry:
    """A paper in a feed.

    `id` is its tag URI, the same in every format and for ever. `title` is plain text, `content` is
    HTML, `identifiers` are as people write them (`arXiv:…`, `doi:…`). `updated` differs from that
    of every other entry; `revised` where the paper changed after it came. `byline` is the authors
    in one line, "" where none is known. `dated` is the day the paper itself bears, `venue` where it
    was published, `doi` its DOI; `primary` is arXiv's first category of it, and `announced` how
    arXiv would announce it (`new`, `replace`), both "" for what arXiv has not.
    """

    id: str
    title: str
    href: str
    authors: tuple[str, ...]
    byline: str
    categories: tuple[str, ...]
    identifiers: tuple[str, ...]
    published: datetime | None
    updated: datetime
    revised: bool
    discussion: str
    content: str
    dated: date | None = None
    doi: str = ""
    venue: str = ""
    primary: str = ""
    announced: str = ""


@value_type(frozen=True, slots=True)
class Feed:
    """What is published of a profile, or of what is trending, the best of the newest first.

    `path` is the feed's own, less its form (`/feeds/experts`); `base` is the public address or "";
    `built` is None where nothing was told yet, and `updated` then is when the house was founded.
    Of one that is an `archived` part of a whole (RFC 5005), `current` is the path of the feed that is
    followed; `earlier` and `later` are the parts beside it, "" at the ends.
    """

    title: str
    description: str
    language: str
    house: str
    id: str
    base: str
    path: str
    home: str
    built: datetime | None
    updated: datetime
    entries: tuple[FeedEntry, ...]
    archived: bool = False
    current: str = ""
    earlier: str = ""
    later: str = ""

    def around(self) -> Iterator[tuple[str, str]]:
        """Yield (relation, path less its form) of the documents that complete this one."""
        beside = {
            "current": self.current,
            "prev-archive": self.earlier,
            "next-archive": self.later,
        }
        return ((relation, path) for relation, path in beside.items() if path)


# ── RSS ───────────────────────────────────────────────────────────────────────────────────────────


def as_rss(feed: Feed) -> bytes:
    """Return the feed as RSS 2.0."""
    own = ""
    if feed.base:
        own = _lines(*(
            _empty("atom:link", rel=relation, type=FORMATS["rss"].type, href=f"{feed.base}{path}.rss")
            for relation, path in (("self", feed.path), *feed.around())
        ))  # fmt: skip
    return _document(
        f"<rss{_attributes({'version': '2.0', 'xmlns:atom': _ATOM} | _WORDS)}>",
        "<channel>",
        _element("title", feed.title),
        # RSS demands a link; without a public address only a name is true everywhere.
        _element("link", f"{feed.base}{feed.home}" if feed.base else feed.id),
        own,
        "<fh:archive/>" if feed.archived else "",
        _element("description", feed.description),
        _element("language", feed.language),
        _element("lastBuildDate", _rfc822(feed.built)),
        _element("generator", "paperround"),
        *map(_rss_item, feed.entries),
        "</channel>",
        "</rss>",
    )


def _rss_item(entry: FeedEntry) -> str:
    return _lines(
        "<item>",
        _element("title", entry.title),
        _element("link", entry.href),
        _element("guid", entry.id, isPermaLink="false"),
        # Not <author>: that one must be a mail address.
        _element("dc:creator", entry.byline),
        *_of_a_paper(entry),
        *(_element("category", category) for category in entry.categories),
        _element("pubDate", _rfc822(entry.published)),
        _element("atom:updated", _rfc3339(entry.updated) if entry.revised else ""),
        _element("comments", entry.discussion),
        _element("description", entry.content),
        "</item>",
    )


def _of_a_paper(entry: FeedEntry) -> Iterator[str]:
    """Yield what reference managers and readers of papers look for, the same in RSS and Atom."""
    for identifier in entry.identifiers:
        yield _element("dc:identifier", identifier)
    yield _element("prism:doi", entry.doi)
    yield _element("prism:publicationName", entry.venue)
    yield _element("prism:publicationDate", entry.dated.isoformat() if entry.dated else "")
    yield _element("arxiv:announce_type", entry.announced)
    yield _empty("arxiv:primary_category", term=entry.primary) if entry.primary else ""


# ── Atom ──────────────────────────────────────────────────────────────────────────────────────────


def as_atom(feed: Feed) -> bytes:
    """Return the feed as Atom 1.0 (RFC 4287)."""
    links = ""
    if feed.base:
        links = _lines(
            _empty("link", rel="self", type=FORMATS["atom"].type, href=_own(feed, "atom")),
            _empty("link", rel="alternate", type="text/html", href=f"{feed.base}{feed.home}"),
            *(
                _empty(
                    "link", rel=relation, type=FORMATS["atom"].type, href=f"{feed.base}{path}.atom"
                )
                for relation, path in feed.around()
            ),
        )
    opening = {"xmlns": _ATOM} | _WORDS | {"xml:lang": feed.language}
    return _document(
        f"<feed{_attributes(opening)}>",
        _element("id", feed.id),
        _element("title", feed.title),
        _element("subtitle", feed.description),
        _element("updated", _rfc3339(feed.updated)),
        _author(feed.house),
        links,
        "<fh:archive/>" if feed.archived else "",
        _element("generator", "paperround"),
        *(_atom_entry(feed, entry) for entry in feed.entries),
        "</feed>",
    )


def _atom_entry(feed: Feed, entry: FeedEntry) -> str:
    return _lines(
        "<entry>",
        _element("id", entry.id),
        _element("title", entry.title, type="text"),
        _empty("link", rel="alternate", href=entry.href) if entry.href else "",
        # RFC 4287, section 4.1.2: an entry has an author, were it only the one who shows it.
        *map(_author, entry.authors or (feed.house,)),
        *_of_a_paper(entry),
        *(_empty("category", term=category) for category in entry.categories),
        _element("published", _rfc3339(entry.published)),
        _element("updated", _rfc3339(entry.updated)),
        # The same section: what has no alternate link has a content, were it empty.
        _element("content", entry.content, type="html")
        or ("" if entry.href else _empty("content", type="html")),
        "</entry>",
    )


def _author(name: str) -> str:
    return f"<author>{_element('name', name)}</author>"


# ── JSON Feed ─────────────────────────────────────────────────────────────────────────────────────


def as_json(feed: Feed) -> bytes:
    """Return the feed as JSON Feed 1.1."""
    told = {
        "version": _JSON_FEED,
        "title": feed.title,
        "home_page_url": f"{feed.base}{feed.home}" if feed.base else "",
        "feed_url": _own(feed, "json") if feed.base else "",
        # The format's own way to what came before: the next page is the one further back.
        "next_url": f"{feed.base}{feed.earlier}.json" if feed.base and feed.earlier else "",
        "description": feed.description,
        "language": feed.language,
        "authors": [{"name": feed.house}],
        "items": [_json_item(entry) for entry in feed.entries],
    }
    return f"{_indented(_present(told) | {'items': told['items']}, chr(10))}\n".encode()


# As `json.dumps` with an indent of 1, which is written in Python and takes three times as long.
_JSON = json.JSONEncoder(ensure_ascii=False)


def _indented(value: object, line: str) -> str:
    deeper = f"{line} "
    if isinstance(value, dict):
        if not value:
            return "{}"
        parts = [f"{_JSON.encode(key)}: {_indented(each, deeper)}" for key, each in value.items()]
        return f"{{{deeper}{f',{deeper}'.join(parts)}{line}}}"
    if isinstance(value, list):
        if not value:
            return "[]"
        return f"[{deeper}{f',{deeper}'.join([_indented(each, deeper) for each in value])}{line}]"
    return _JSON.encode(value)


def _json_item(entry: FeedEntry) -> dict[str, object]:
    # Each item must have one content or the other, also of which nothing but a title is known.
    without = {} if entry.content else {"content_text": ""}
    return without | _present({
        "id": entry.id,
        "url": entry.href,
        "title": inert(entry.title),
        "content_html": inert(entry.content),
        "date_published": _rfc3339(entry.published),
        "date_modified": _rfc3339(entry.updated),
        "authors": [{"name": inert(name)} for name in entry.authors],
        "tags": [inert(category) for category in entry.categories],
        "_paperround": {"identifiers": list(entry.identifiers)}
        | _present({"doi": inert(entry.doi), "venue": inert(entry.venue)}),
    })  # fmt: skip


def _present(values: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in values.items() if value}


# ── OPML ──────────────────────────────────────────────────────────────────────────────────────────


def as_opml(title: str, base: str, feeds: Iterable[tuple[str, str, str]]) -> bytes:
    """Return OPML 2.0 of feeds as (title, path less its form, path of its page).

    Addresses are absolute where `base` is one, else relative to the document.
    """
    prefix = f"{base}/" if base else ""
    return _document(
        '<opml version="2.0">',
        "<head>",
        _element("title", title),
        "</head>",
        "<body>",
        *(
            _empty(
                "outline",
                type="rss",
                text=name,
                title=name,
                xmlUrl=f"{prefix}{path.lstrip('/')}.rss",
                htmlUrl=f"{prefix}{home.lstrip('/')}",
            )
            for name, path, home in feeds
        ),
        "</body>",
        "</opml>",
    )


# ── XML ───────────────────────────────────────────────────────────────────────────────────────────


def _document(*lines: str) -> bytes:
    whole = _lines('<?xml version="1.0" encoding="utf-8"?>', *lines)
    return f"{whole}\n".encode()


def _lines(*lines: str) -> str:
    return "\n".join(line for line in lines if line)


def _element(name: str, text: str, **attributes: str) -> str:
    """Return the element, nothing where it would be empty."""
    if not text:
        return ""
    told = html.escape(inert(text), quote=False)
    return f"<{name}{_attributes(attributes) if attributes else ''}>{told}</{name}>"


def _empty(name: str, **attributes: str) -> str:
    return f"<{name}{_attributes(attributes)}/>"


def _attributes(attributes: Mapping[str, str]) -> str:
    return "".join(f' {name}="{html.escape(inert(value))}"' for name, value in attributes.items())


def _own(feed: Feed, form: str) -> str:
    return f"{feed.base}{feed.path}.{form}"


def _rfc822(moment: datetime | None) -> str:
    return format_datetime(moment.astimezone(UTC)) if moment else ""


def _rfc3339(moment: datetime | None) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds") if moment else ""


@value_type(frozen=True, slots=True)
class FeedFormat:
    """A format a feed is published in: its name for people, its media type, how it is written."""

    name: str
    type: str
    written: Callable[[Feed], bytes]


FORMATS: Mapping[str, FeedFormat] = MappingProxyType({
    "rss": FeedFormat("RSS", "application/rss+xml", as_rss),
    "atom": FeedFormat("Atom", "application/atom+xml", as_atom),
    "json": FeedFormat("JSON Feed", "application/feed+json", as_json),
})  # fmt: skip
"""Every format, by the ending of its path."""
