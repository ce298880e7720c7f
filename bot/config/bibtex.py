"""BibTeX as entries: forgiving where people are careless, and never one broken entry costs the next.

The language is the one of BibTeX's own documentation (btxdoc, 1988): fields in braces or quotes,
`@string` abbreviations, `#` between parts. Values keep their TeX.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, field

from bot.values import value_type

_START = re.compile(r"@\s*([A-Za-z]+)\s*([{(])")
# An entry at the beginning of a line: where reading goes on after one that is broken.
_NEXT = re.compile(r"^[ \t]*@\s*[A-Za-z]+\s*[{(]", re.MULTILINE)
_KEY = re.compile(r"\s*([^\s,{}()=\"]*)\s*(?=[,})])")
_FIELD = re.compile(r"[\s,]*([^\s=,{}()\"#]+)\s*=\s*")
_END = re.compile(r"[\s,]*[})]")
_BARE = re.compile(r"[^\s,#{}()\"=]+")
_JOINT = re.compile(r"\s*#\s*")
_BRACE = re.compile(r"[{}]")
_QUOTE_OR_BRACE = re.compile(r"[\"{}]")
_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()


@value_type(frozen=True, slots=True)
class BibtexEntry:
    """One entry: its citation key, its fields by their names in lower case, its line from 1."""

    key: str
    fields: dict[str, str]
    line: int


@dataclass(slots=True)
class Bibtex:
    """What a BibTeX file holds: entries, and a sentence for each that is broken."""

    entries: list[BibtexEntry] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


class _BrokenError(Exception):
    """An entry cannot be read; the message completes "the entry KEY (line N) …"."""


def read_bibtex(text: str) -> Bibtex:
    """Read all entries that are whole."""
    found = Bibtex()
    strings = {month: month for month in _MONTHS}
    # Cut first: an entry at the beginning of a line ends whatever was left open before it.
    cuts = [0, *(match.start() for match in _NEXT.finditer(text)), len(text)]
    line = 1
    for begin, end in itertools.pairwise(cuts):
        _read_stretch(text[begin:end], line, strings, found)
        line += text.count("\n", begin, end)
    return found


def _read_stretch(text: str, line: int, strings: dict[str, str], found: Bibtex) -> None:
    """Read the entries of a stretch, up to the first that is broken."""
    at = 0
    while start := _START.search(text, at):
        line += text.count("\n", at, start.start())
        kind, key = start.group(1).lower(), ""
        try:
            if kind in ("comment", "preamble"):
                at = _closed(text, start.end())
            elif kind == "string":
                values, at = _fields(text, start.end(), strings)
                strings |= values
            else:
                key, after = _key(text, start.end())
                values, at = _fields(text, after, strings)
                found.entries.append(BibtexEntry(key, values, line))
        except _BrokenError as error:
            name = f'"{key}" ' if key else ""
            found.problems.append(f"the entry {name}(line {line}) {error}; it was skipped")
            return
        line += text.count("\n", start.start(), at)


def _key(text: str, at: int) -> tuple[str, int]:
    match = _KEY.match(text, at)
    if match is None:
        raise _BrokenError("has no citation key before its first comma")
    return match.group(1), match.end()


def _fields(text: str, at: int, strings: dict[str, str]) -> tuple[dict[str, str], int]:
    """Return the fields and where the entry ends; of two with one name the first counts."""
    fields: dict[str, str] = {}
    while not (end := _END.match(text, at)):
        name = _FIELD.match(text, at)
        if name is None:
            if not text[at:].strip(" \t\r\n,"):
                raise _BrokenError("does not end")
            raise _BrokenError("has something that is no `field = {value}`")
        value, at = _value(text, name.end(), strings)
        fields.setdefault(name.group(1).lower(), value)
    return fields, end.end()


def _value(text: str, at: int, strings: dict[str, str]) -> tuple[str, int]:
    parts: list[str] = []
    while True:
        if text[at : at + 1] == "{":
            end = _closed(text, at + 1)
            parts.append(text[at + 1 : end - 1])
        elif text[at : at + 1] == '"':
            end = _unquoted(text, at + 1)
            parts.append(text[at + 1 : end - 1])
        elif bare := _BARE.match(text, at):
            end = bare.end()
            parts.append(strings.get(bare.group().lower(), bare.group()))
        else:
            raise _BrokenError("has a field without a value")
        joint = _JOINT.match(text, end)
        if joint is None:
            return " ".join("".join(parts).split()), end
        at = joint.end()


def _closed(text: str, at: int) -> int:
    """Return where the brace or parenthesis that was opened before `at` is closed, one past it."""
    if text[at - 1] == "(":
        end = text.find(")", at)
        if end < 0:
            raise _BrokenError("has a parenthesis that nothing closes")
        return end + 1
    depth = 1
    for mark in _BRACE.finditer(text, at):
        depth += 1 if mark.group() == "{" else -1
        if depth == 0:
            return mark.end()
    raise _BrokenError("has a brace that nothing closes")


def _unquoted(text: str, at: int) -> int:
    """Return where the quotation that was opened before `at` ends; quotes in braces don't end it."""
    depth = 0
    for mark in _QUOTE_OR_BRACE.finditer(text, at):
        if mark.group() == '"':
            if depth == 0:
                return mark.end()
        else:
            depth += 1 if mark.group() == "{" else -1
    raise _BrokenError("has a quotation mark that nothing closes")
