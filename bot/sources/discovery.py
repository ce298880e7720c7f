"""Which feeds a web page offers, and which kind of source an address is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

from bot.config import SourceSettings
from bot.errors import ParseError
from bot.models import Document
from bot.sources import feed
from bot.sources.entries import read_feed, said
from bot.text import one_line, plain, shorten
from bot.values import value_type

_TYPES = frozenset({
    "application/rss+xml", "application/atom+xml", "application/rdf+xml", "application/feed+json",
    "text/rss+xml", "text/atom+xml", "application/x-rss+xml",
})  # fmt: skip
_MOST_BYTES = 5_000_000
_MOST_FEEDS = 50
_LONGEST_TITLE, _LONGEST_ADDRESS = 120, 2_000
_FEED_PATH = re.compile(
    r"(?:^|[/._=-])(?:rss|atom|feeds?|rdf)(?:$|[/._-])|\.(?:rss|atom|rdf)$|/(?:rss|atom|feed|index)\.xml$",
    re.IGNORECASE,
)
_FEED_WORD = re.compile(r"\b(?:rss|atom)\b", re.IGNORECASE)
_ARXIV_FEED = re.compile(
    r"/(?:rss|atom|list)/([A-Za-z][A-Za-z.+-]*?)(?:/(?:new|recent|current))?/?"
)


@value_type(frozen=True, slots=True)
class Offer:
    """A feed that a page offers: its address and title; `stated` if the page itself calls it one."""

    url: str
    title: str = ""
    stated: bool = True


def offers(body: bytes, url: str, charset: str = "") -> list[Offer]:
    """Return a page's feeds: those its head names, then links that look like one; each once."""
    page = _Page(url)
    try:
        text = body[:_MOST_BYTES].decode(charset or "utf-8", "replace")
    except LookupError:
        text = body[:_MOST_BYTES].decode("utf-8", "replace")
    page.feed(text)
    page.close()
    unique: dict[str, Offer] = {}
    for offer in (*page.stated, *page.guessed):
        unique.setdefault(offer.url, offer)
    return list(unique.values())[:_MOST_FEEDS]


def arxiv_categories(url: str) -> tuple[str, ...]:
    """Return the categories of an arXiv feed's or listing's address, () for any other address."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ()
    host = parts.hostname or ""
    match = _ARXIV_FEED.fullmatch(parts.path)
    if not (host == "arxiv.org" or host.endswith(".arxiv.org")) or match is None:
        return ()
    return tuple(filter(None, match.group(1).split("+")))


@dataclass(slots=True)
class _Anchor:
    url: str
    looks: bool
    words: list[str] = field(default_factory=list)


class _Page(HTMLParser):
    """Reads the links of a page; scripts and styles are no text to it."""

    def __init__(self, url: str) -> None:
        super().__init__(convert_charrefs=True)
        self.stated: list[Offer] = []
        self.guessed: list[Offer] = []
        self._base = url
        self._anchor: _Anchor | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a base, an alternate or an anchor."""
        given = {name: value or "" for name, value in attrs}
        if tag == "base" and given.get("href"):
            self._base = self._address(given["href"]) or self._base
        elif tag == "link":
            self._alternate(given)
        elif tag == "a" and (url := self._address(given.get("href", ""))):
            parts = urlsplit(url)
            looks = bool(_FEED_PATH.search(f"{parts.path}?{parts.query}".rstrip("?")))
            looks = looks or given.get("type", "").strip().lower() in _TYPES
            self._anchor = _Anchor(url, looks, list(_titles(given)))

    def _alternate(self, given: dict[str, str]) -> None:
        kind = given.get("type", "").split(";")[0].strip().lower()
        relation = given.get("rel", "").lower().split()
        if "alternate" in relation and kind in _TYPES:
            url = self._address(given.get("href", ""))
            if url:
                self.stated.append(Offer(url, _short(given.get("title", ""))))

    def handle_data(self, data: str) -> None:
        """Collect an anchor's words."""
        if self._anchor is not None and len(self._anchor.words) < 20:  # noqa: PLR2004 - enough
            self._anchor.words.append(data)

    def handle_endtag(self, tag: str) -> None:
        """Judge an anchor by its address and its words."""
        if tag != "a" or self._anchor is None:
            return
        anchor, self._anchor = self._anchor, None
        words = _short(" ".join(anchor.words))
        if anchor.looks or _FEED_WORD.search(words):
            self.guessed.append(Offer(anchor.url, words, stated=False))

    def _address(self, href: str) -> str:
        if not href.strip():
            return ""  # it would mean the page itself
        try:
            url = urljoin(self._base, one_line(href))
            if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
                return ""
        except ValueError:
            return ""
        return url.partition("#")[0] if len(url) <= _LONGEST_ADDRESS else ""


def _titles(given: dict[str, str]) -> Iterator[str]:
    for name in ("title", "aria-label"):
        if given.get(name):
            yield given[name]


def _short(value: str) -> str:
    return shorten(one_line(value), _LONGEST_TITLE)


def own_title(document: Document, now: datetime) -> str | None:
    """Return the title of a document that is a feed itself ("" without one), None for any other."""
    source = SourceSettings(name="discovered", kind="feed", url=document.url)
    try:
        feed.parse(source, document, now)
    except ParseError:
        return None
    try:
        channel = read_feed(document.body, document.url, document.header("content-type")).channel
    except ParseError:  # a JSON Feed
        return ""
    return _short(plain(said(channel, "title")))
