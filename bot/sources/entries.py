"""Reading a feed of any kind, and what its entries hold, as plain values.

What is plainly well-formed is read by `plain`, everything else by feedparser, to the same effect.
feedparser opens files and addresses when it is given bytes or text, so it is only ever given a
stream; its sanitiser is off, since everything is cleaned once, by `text.plain`.
"""

from __future__ import annotations

import calendar
import io
import itertools
import re
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import replace
from datetime import UTC, datetime
from time import struct_time
from typing import Any, TypeVar
from urllib.parse import urljoin, urlsplit
from xml.parsers import expat

from bot import text
from bot.errors import ParseError, PatienceError
from bot.patterns import pattern
from bot.sources.bounds import (
    MOST_CATEGORIES_SENT,
    MOST_ENTRIES,
    MOST_ENTRIES_SENT,
    MOST_TAGS,
    Entry,
)
from bot.sources.plain import called_unicode, read_plain
from bot.values import value_type

T = TypeVar("T")

_get = dict.get

_ENTRY_STARTS = pattern(rb"<(?:\w+:)?(?:item|entry)[\s>]", re.IGNORECASE)
_CATEGORY_STARTS = pattern(rb"<(?:\w+:)?(?:category|subject|keywords|tag)[\s>/]", re.IGNORECASE)
MOST_AUTHORS = 10_000
MOST_CATEGORIES = 100
LONGEST_TITLE = 2000
LONGEST_ABSTRACT = 20_000
LONGEST_NAME = 200
LONGEST_ADDRESS = 2000

_EARLIEST, _LATEST = 1900, 2200  # years; what lies outside is a mistake of the feed's

_ROOT_ENDS = pattern(rb"</(?:[\w.-]+:)?(?:rss|feed|rdf|channel)\s*(?:>|$)", re.IGNORECASE)
_XML_DECLARATION = pattern(rb"<\?xml[^>]*>\s*")
_WEB_PAGE = pattern(rb"<(?:!doctype\s+html|html)\b", re.IGNORECASE)
# An absolute address that nothing has to be made of: most are.
_PLAIN_ADDRESS = pattern(
    r"https?://[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*(?::\d{1,5})?"
    r"(?:/(?!\.)[\w~:@!$&'()*+,=%-][\w~:@!$&'()*+,=%.-]*)*/?(?:\?[\w~:@!$&'()*+,=%./-]+)?",
    re.ASCII,
)
_ENDING_LOOKED_AT = 2000  # bytes: a comment or two may follow the root's end


@value_type(frozen=True, slots=True)
class ParsedFeed:
    """A feed as it was understood: its own fields, its entries, and what was odd about it.

    `sound` means that the XML was well-formed, `repeats` that fields may stand in the body more often
    than an entry can hold them (`margins`), `whole` that it did not break off.
    """

    channel: Entry
    entries: tuple[Entry, ...]
    sound: bool
    warnings: tuple[str, ...] = ()
    repeats: bool = True
    whole: bool = True


def host_of(url: str) -> str:
    """Return an address's host, for sentences; never its credentials or query."""
    try:
        return urlsplit(url).hostname or "the source"
    except ValueError:
        return "the source"


def origin(url: str) -> tuple[str, str]:
    """Return an address's scheme, and its host with the port as written; secrets stay with both."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "", ""
    return parts.scheme.lower(), parts.netloc.lower()


def read_feed(body: bytes, url: str, content_type: str = "") -> ParsedFeed:
    """Read RSS 0.9x, 1.0 and 2.0, Atom and what else feedparser knows, at most 5,000 entries.

    Raises ParseError for what is no feed, and for a truncated one without entries: neither is an
    empty source.
    """
    host = host_of(url)
    if not body.strip():
        raise ParseError(f"{host} sent an empty document")
    found = _plainly(body, content_type) or read_by_feedparser(body, host, content_type)
    entries, sound = found.entries, found.sound
    warnings = []
    whole = sound or _ends(body)
    if not sound and entries:
        broken_off = "" if whole else " that breaks off"
        warnings.append(
            f"{host} sent broken XML{broken_off}; the {min(len(entries), MOST_ENTRIES)} entries that "
            "could be read were kept"
        )
    if len(entries) > MOST_ENTRIES:
        warnings.append(
            f"{host} sent {len(entries)} entries; only the first {MOST_ENTRIES} were read"
        )
    return replace(found, entries=entries[:MOST_ENTRIES], warnings=tuple(warnings), whole=whole)


def _plainly(body: bytes, content_type: str) -> ParsedFeed | None:
    plain = read_plain(body, content_type)
    if plain is None:
        return None
    return ParsedFeed(plain.channel, tuple(plain.entries), sound=True, repeats=plain.repeats)


def read_by_feedparser(body: bytes, host: str, content_type: str = "") -> ParsedFeed:
    """Return what feedparser makes of a document from `host`. Raises ParseError."""
    _bounded(body, host)
    body = _without_strays(body, content_type)
    found = _understood(body, host, content_type)
    entries: list[Entry] = list(found["entries"])
    broken = dict.get(found, "bozo_exception") if dict.get(found, "bozo") else None
    sound = type(broken).__name__ != "SAXParseException"
    if not entries:
        _check_empty(body, host, version=str(dict.get(found, "version") or ""), sound=sound)
    return ParsedFeed(found["feed"], tuple(entries), sound)


def _without_strays(body: bytes, content_type: str) -> bytes:
    """Return UTF-8 without the bytes that are none; anything else as it is.

    One of them, where a summary was cut within a letter, and feedparser takes the whole document for
    Latin-2: every accent in it would be garbled, and every title another one.
    """
    found = body.decode("utf-8", "replace")
    strays = found.count("\ufffd") - body.count(b"\xef\xbf\xbd")
    if not strays or not called_unicode(body, content_type):
        return body
    letters = sum(not char.isascii() for char in found) - strays
    return found.encode() if letters > strays else body


def _bounded(body: bytes, host: str) -> None:
    """Refuse what feedparser would take hours for; no feed of papers comes near these bounds.

    It looks through all of an entry's categories for each new one, and reads a body twice that is
    not well-formed: bounds on what it returns would come too late.
    """
    if body.count(b"<") > MOST_TAGS:
        raise ParseError(f"{host} sent a document of more than {MOST_TAGS:,} tags; it was not read")
    starts = [found.start() for found in _ENTRY_STARTS.finditer(body)]
    if len(starts) > MOST_ENTRIES_SENT:
        raise ParseError(f"{host} sent {len(starts):,} entries at once; none of them was read")
    for start, end in itertools.pairwise([0, *starts, len(body)]):
        if len(_CATEGORY_STARTS.findall(body, start, end)) > MOST_CATEGORIES_SENT:
            raise ParseError(
                f"{host} sent an entry with more than {MOST_CATEGORIES_SENT:,} categories; nothing of "
                "the document was read"
            )


_impatient: ContextVar[bool] = ContextVar("_impatient", default=False)


def impatiently(read: Callable[[], T]) -> T:
    """Run a reader on what takes no longer than it is long. Raises PatienceError for any other.

    feedparser reads broken XML with patterns of its own, some of which try every way to match.
    """
    token = _impatient.set(True)
    try:
        return read()
    finally:
        _impatient.reset(token)


def _is_well_formed(body: bytes, content_type: str) -> bool:
    """Tell whether a body is XML without a DTD that no header calls anything but UTF-8."""
    charset = content_type.lower().partition("charset=")[2].strip(" \"'")
    parser, declared = expat.ParserCreate(), []
    parser.StartDoctypeDeclHandler = lambda *said: declared.append(said)
    try:
        parser.Parse(body, True)
    except (expat.ExpatError, LookupError, ValueError):
        return False
    return not declared and charset in ("", "utf-8")


def _understood(body: bytes, host: str, content_type: str) -> Any:  # noqa: ANN401 - untyped library
    if _impatient.get() and not _is_well_formed(body, content_type):
        raise PatienceError(f"{host} sent a feed that only feedparser can read")
    import feedparser

    headers = {"content-type": content_type} if content_type else {}
    try:
        return feedparser.parse(
            io.BytesIO(body),
            response_headers=headers,
            sanitize_html=False,
            resolve_relative_uris=False,
        )
    except Exception as error:
        # feedparser promises not to raise and does, on hostile input (bad character references,
        # deep nesting): one document must never stop the others.
        raise ParseError(
            f"{host} sent a feed that cannot be read ({text.quoted(str(error))})"
        ) from error


def _check_empty(body: bytes, host: str, *, version: str, sound: bool) -> None:
    if _is_web_page(body):
        raise ParseError(f"{host} sent a web page (HTML) instead of a feed")
    if not version:
        raise ParseError(f"{host} sent something that is no feed")
    if not sound and not _ends(body):
        raise ParseError(f"{host} sent a feed that breaks off before its first entry")


def _ends(body: bytes) -> bool:
    return bool(_ROOT_ENDS.search(body[-_ENDING_LOOKED_AT:]))


def _is_web_page(body: bytes) -> bool:
    head = body[:_ENDING_LOOKED_AT].removeprefix(b"\xef\xbb\xbf").lstrip()
    if declaration := _XML_DECLARATION.match(head):
        head = head[declaration.end() :]
    # No pattern for comments: between two of them it would try every way to divide them.
    while head.startswith(b"<!--"):
        head = head.partition(b"-->")[2].lstrip()
    return bool(_WEB_PAGE.match(head))


def said(entry: Entry, key: str, *others: str) -> str:
    """Return the first of these fields that holds text, as written, or ""."""
    # `entry.get` warns for fields that feedparser has under two names.
    value = _get(entry, key)
    if value and isinstance(value, str) and not value.isspace():
        return value
    return said(entry, *others) if others else ""


def parts(entry: Entry, key: str) -> list[Entry]:
    """Return the dictionaries of a field that repeats (authors, links, tags, content)."""
    value = _get(entry, key)
    return [part for part in value if isinstance(part, dict)] if isinstance(value, list) else []


def categories(entry: Entry) -> tuple[str, ...]:
    """Return an entry's categories, each once, in their order."""
    if not _get(entry, "tags"):
        return ()
    terms = [text.one_line(said(tag, "term", "label")) for tag in parts(entry, "tags")]
    unique = dict.fromkeys([term for term in terms if term and len(term) <= LONGEST_NAME])
    return tuple(unique)[:MOST_CATEGORIES]


def moment(entry: Entry, *keys: str) -> datetime | None:
    """Return the first of these dates that can be read: aware, UTC, between 1900 and 2200."""
    for key in keys:
        value = _get(entry, key + "_parsed")
        if value is not None and (found := _aware(value)):
            return found
    return None


def _aware(value: object) -> datetime | None:
    if isinstance(value, datetime):
        return value if _EARLIEST <= value.year < _LATEST else None
    try:
        found = (
            datetime.fromtimestamp(calendar.timegm(value), UTC)
            if isinstance(value, struct_time)
            else value
        )
    except (ValueError, OverflowError, OSError):
        return None
    if not isinstance(found, datetime):
        return None
    return found if _EARLIEST <= found.year < _LATEST else None


def iso_moment(value: object) -> datetime | None:
    """Return an ISO 8601 date as an aware UTC moment, None for anything else."""
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    found = found.replace(tzinfo=UTC) if found.tzinfo is None else found
    try:
        found = found.astimezone(UTC)
    except OverflowError:
        return None
    return found if _EARLIEST <= found.year < _LATEST else None


def clamped(found: datetime | None, now: datetime | None) -> datetime | None:
    """Return the date, or `now` for one in the future; without `now`, the date itself."""
    return min(found, now) if found and now else found


def stamp_day(found: datetime | None, now: datetime | None) -> str:
    """Return the ISO day a record says it is from, "" for none or one in the future."""
    if found is None or (now and found > now):
        return ""
    return found.date().isoformat()


def web_address(value: str, base: str = "") -> str:
    """Return an absolute http(s) address without white space, or ""."""
    if _PLAIN_ADDRESS.fullmatch(value) and len(value) <= LONGEST_ADDRESS:
        return value
    if not value.strip() or not (base or value.lstrip()[:4].lower() == "http"):
        return ""
    try:
        whole = urljoin(base, value.strip()) if base else value.strip()
        scheme, host = urlsplit(whole).scheme, urlsplit(whole).hostname
    except ValueError:
        return ""
    if scheme not in ("http", "https") or not host or len(whole) > LONGEST_ADDRESS:
        return ""
    if "@" in urlsplit(whole).netloc:  # `https://arxiv.org@evil.example/`: a name that misleads
        return ""
    if any(char.isspace() or not char.isprintable() for char in whole):
        return ""
    return scheme + whole[len(scheme) :]  # `HTTP:` is the same, and not everyone knows
