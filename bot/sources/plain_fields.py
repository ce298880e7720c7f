"""Values of plain feeds as feedparser makes them: text, addresses, attributes, dates."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from bot.patterns import pattern
from bot.sources.plain_words import ABOUT


class NotPlainError(ValueError):
    """Something that only feedparser knows how to take."""


# ── Text ──

_C1 = pattern(r"[\x80-\x9f]")
# What Windows has where Latin-1 has controls; the five that it has not are left alone.
_WINDOWS = {
    code: bytes([code]).decode("cp1252")
    for code in range(0x80, 0xA0)
    if code not in (0x81, 0x8D, 0x8F, 0x90, 0x9D)
}


def mended(text: str) -> str:
    """Return text with UTF-8 that was taken for Latin-1, and Windows' own characters, put right."""
    with suppress(UnicodeError):
        text = text.encode("iso-8859-1").decode("utf-8")
    return text.translate(_WINDOWS) if _C1.search(text) else text


# ── Addresses ──

_TOO_MANY_SLASHES = pattern(r"^([A-Za-z][A-Za-z0-9+-.]*://)/+")
_ENTITY_LIKE = pattern(r"&([A-Za-z0-9_]+);")


def absolute(href: str) -> str:
    """Return an address less the slashes that are too many behind its scheme."""
    return _TOO_MANY_SLASHES.sub(r"\1", href) if ":///" in href else href


def unescaped_query(text: str) -> str:
    """Return the text of a link element as an address."""
    href = absolute(text)
    return _ENTITY_LIKE.sub(r"&\1", href.replace("&amp;", "&")) if "&" in href else href


def named_href(attributes: dict[str, str]) -> dict[str, str]:
    """Return attributes in which an address is called `href`, whatever it was called."""
    href = attributes.get("url", attributes.get("uri", attributes.get("href")))
    if href:
        attributes.pop("url", None)
        attributes.pop("uri", None)
        attributes["href"] = href
    return attributes


# ── Attributes ──

_XML = "http://www.w3.org/XML/1998/namespace "
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns# "
# Most attributes; their names are as they should be, and their values stay.
_AS_THEY_ARE = frozenset({"href", "term", "scheme", "label", "ispermalink", "domain", "url"})
_PLAIN_TYPES = frozenset({"text", "plain", "html", "text/plain", "text/html"})


def lowered(attributes: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return attributes by lower-cased name, those that are only for XML or RDF left out."""
    found: dict[str, str] = {}
    for name, value in attributes:
        if name in _AS_THEY_ARE and name not in found:
            found[name] = value
            continue
        key = name.lower()
        if " " in key:
            if name.startswith(_RDF):
                if name.split(" ")[1] == "about":
                    found[ABOUT] = value
            elif not name.startswith(_XML) or " base" in key:
                raise NotPlainError
        elif key in found or key == "base":
            raise NotPlainError  # addresses may be relative to something else than the document
        else:
            found[key] = value.lower() if key in ("rel", "type") else value
    return found


def is_plain_text(attributes: dict[str, str]) -> bool:
    """Tell whether an element with these attributes holds text or escaped HTML, not encoded."""
    return "mode" not in attributes and attributes.get("type", "text") in _PLAIN_TYPES


# ── Dates ──

_MONTHS = {
    name: number
    for number, name in enumerate(
        "jan feb mar apr may jun jul aug sep oct nov dec".split(), start=1
    )
}
_RFC822 = pattern(
    r"(?:(?:mon|tue|wed|thu|fri|sat|sun),? )?(\d\d?) "
    r"(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec) (\d{4}) "
    r"(\d\d):(\d\d)(?::(\d\d))? (?:([+-])(\d\d)(\d\d)|gmt|z|ut|(e[sd]t))",
    re.ASCII | re.IGNORECASE,
)
_W3C = pattern(
    r"(\d{4})-(\d\d)-(\d\d)(?:t(\d\d):(\d\d)(?::(\d\d)(?:\.\d{1,9})?)?"
    r"(?:z|([+-])(\d\d):(\d\d)))?",
    re.ASCII | re.IGNORECASE,
)
_EASTERN = {"est": -5, "edt": -4}


@lru_cache(maxsize=4096)
def read_date(text: str) -> datetime:
    """Return a date of the two usual forms as an aware moment. Raises NotPlainError for any other."""
    try:
        if found := _W3C.fullmatch(text):
            year, month, day, hour, minute, second, sign, hours, minutes = found.groups()
            offset = _offset(sign, hours, minutes)
            at = datetime(int(year), int(month), int(day), int(hour or 0), int(minute or 0),
                          int(second or 0), tzinfo=UTC)  # fmt: skip
            return at - offset
        if found := _RFC822.fullmatch(text):
            day, name, year, hour, minute, second, sign, hours, minutes, zone = found.groups()
            offset = _offset(sign, hours, minutes)
            if zone:
                offset = timedelta(hours=_EASTERN[zone.lower()])
            at = datetime(int(year), _MONTHS[name.lower()], int(day), int(hour), int(minute),
                          int(second or 0), tzinfo=UTC)  # fmt: skip
            return at - offset
    except (ValueError, OverflowError):
        pass
    raise NotPlainError


def _offset(sign: str | None, hours: str | None, minutes: str | None) -> timedelta:
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    return -offset if sign == "-" else offset
