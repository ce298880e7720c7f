r"""Author names out of one string: `A. B. (Lab, City), {\c C}a D, Collaboration, :, E F`.

Names keep the source's own form, TeX accents included; only the order of `Last, F.` is turned,
so that one person reads the same from every source.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from bot import text
from bot.patterns import pattern
from bot.sources.entries import LONGEST_NAME, MOST_AUTHORS

_SUFFIX = pattern(r"(?:Jr|Sr|II|III|IV)\.?", re.IGNORECASE)
_NOBODY = pattern(r"(?:et al\.?|others|:|\W*)", re.IGNORECASE)
_AND_OTHERS = pattern(r"(?<=\S)\s+et\.? al\b\.?(?=\s*(?:[,;(]|$))", re.IGNORECASE)
_PREAMBLE = pattern(r"^(?:(?:for|on behalf of) the|and|&)\s+", re.IGNORECASE)
_INITIALS = pattern(r"(?:(?:[^\W\d_]{1,3}\.|[^\W\d_]\b|[A-Z]{1,3}\b)[\s-]*){1,4}")
# Scripts that set no spaces in a name; a comma there stands between two people.
_UNSPACED_NAMES = pattern(r"[\s,，、;；·\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")
_AND = pattern(r"\s+(?:and|&)\s+")
_LONGEST_REMEMBERED = 200
# A name of several words that nothing has to be made of: most are.
_ONE_NAME = pattern(
    r"(?!(?:for|on|and|et) )[^\W\d_][\w.'’-]{0,60}(?: (?!and )[^\W\d_][\w.'’-]{0,40}){1,2}",
    re.IGNORECASE,
)


def split_arxiv(creator: str) -> tuple[str, ...]:
    """Split arXiv's one comma-joined string; affiliations in parentheses are dropped."""
    named = _without_others(creator)
    parts = (text.one_line(part).strip(" :;") for part in _outside_brackets(named))
    names = (_PREAMBLE.sub("", part) for part in _with_suffixes(parts))
    return bounded([name for name in names if not _NOBODY.fullmatch(name)])


def _without_others(value: str) -> str:
    """Drop the `et al.` behind a name: who follows `R. Three` means that paper too."""
    return _AND_OTHERS.sub("", value) if " al" in value.lower() else value


def _with_suffixes(parts: Iterable[str]) -> list[str]:
    """Put the `Jr.` behind a comma back to its name."""
    joined: list[str] = []
    for part in parts:
        if joined and _SUFFIX.fullmatch(part):
            joined[-1] = f"{joined[-1]} {part}"
        else:
            joined.append(part)
    return joined


def _outside_brackets(value: str) -> list[str]:
    """Cut at the commas (and a collaboration's colons) that stand outside of brackets."""
    pieces: list[str] = []
    kept: list[str] = []
    round_depth = curly_depth = 0
    closing = value.count(")")
    previous = ""
    for char in value:
        escaped = previous == "\\"
        previous = "" if escaped else char
        if not escaped and char == "(" and closing > round_depth:
            round_depth += 1  # one that nothing closes must not swallow the names behind it
        elif not escaped and char == ")":
            closing -= 1
            round_depth = max(0, round_depth - 1)
        elif round_depth:
            continue
        elif not escaped and char in ",;" and not curly_depth:
            pieces.append("".join(kept))
            kept.clear()
        else:
            curly_depth = max(0, curly_depth + (char == "{") - (char == "}")) if not escaped else (
                curly_depth
            )  # fmt: skip
            kept.append(char)
    pieces.append("".join(kept))
    return pieces


def split_any(value: str) -> tuple[str, ...]:
    """Split what a feed gives as one author: a name, `Last, F.`, or a whole list of either."""
    # A feed shows the same people every day.
    return _split_short(value) if len(value) <= _LONGEST_REMEMBERED else _split(value)


def _split(value: str) -> tuple[str, ...]:
    value = _without_others(value)
    if _ONE_NAME.fullmatch(value):
        return (value,)
    if whole := _whole_names(value):
        return whole
    line = text.one_line(text.plain(value))
    if _UNSPACED_NAMES.fullmatch(line):
        names = [part.strip() for part in re.split("[,，、;；]", line)]
    elif ";" in line:
        names = [_turned(part) for part in line.split(";")]
    else:
        parts = (_PREAMBLE.sub("", part.strip()) for part in line.split(","))
        names = _listed([part for part in parts if not _NOBODY.fullmatch(part)])
    cleaned = (_PREAMBLE.sub("", name.strip()) for name in names)
    return bounded([name for name in cleaned if not _NOBODY.fullmatch(name)])


def _whole_names(value: str) -> tuple[str, ...]:
    """Return the names of a list in which each is such a name, or nothing: most lists are."""
    parts = value.split(", ")
    if len(parts) > MOST_AUTHORS or not all(map(_ONE_NAME.fullmatch, parts)):
        return ()
    # `de Vries, J. K.`: what looks like initials is a name's second half.
    return () if any(map(_INITIALS.fullmatch, parts[1::2])) else tuple(parts)


_split_short = lru_cache(maxsize=4096)(_split)


def split_turned(value: str) -> tuple[str, ...]:
    """Split `Last, F.; Last, F. M.` and turn each name around."""
    names = (_turned(part) for part in _without_others(text.one_line(text.plain(value))).split(";"))
    return bounded([name for name in names if not _NOBODY.fullmatch(name)])


def _listed(parts: list[str]) -> list[str]:
    parts = _with_suffixes(parts)
    pairs = list(zip(parts[::2], parts[1::2], strict=False))
    if len(parts) % 2 == 0 and all(last and _INITIALS.fullmatch(first) for last, first in pairs):
        return [f"{first} {last}" for last, first in pairs]
    if len(parts) == 2 and any(" " not in part for part in parts):  # noqa: PLR2004 - a pair
        return [_turned(", ".join(parts))]
    return [name for part in parts for name in _AND.split(part)]


def _turned(name: str) -> str:
    last, comma, first = name.strip().partition(",")
    if not comma or _SUFFIX.fullmatch(first.strip()):
        return f"{last} {first.strip()}".strip()
    return f"{first.strip()} {last}"


def bounded(names: list[str]) -> tuple[str, ...]:
    """Return at most 10,000 names of at most 200 characters; two may well share one name."""
    if len(names) <= MOST_AUTHORS and max(map(len, names), default=0) <= LONGEST_NAME:
        return tuple(filter(None, names))
    return tuple(text.shorten(name, LONGEST_NAME) for name in names[:MOST_AUTHORS] if name)
