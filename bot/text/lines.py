"""Text in lines of so many columns, as a terminal or a mail program shows them."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

_FIRST_COMBINING = "\u0300"  # all before it are one column wide
_TEXT_WIDTH = 72  # RFC 2646 §4.1's advice, older than it, still what a terminal reads best


def wrapped(value: str, indent: int = 0, width: int = _TEXT_WIDTH, first: str = "") -> str:
    """Return the text in lines of at most `width` columns of a terminal, `indent` spaces before each.

    `first` stands in the first line's indent, at its right end. A word longer than a line is cut.
    """
    measured = len if value.isascii() else columns
    room = width - indent
    lines: list[str] = []
    left = 0
    for word in value.split():
        size = measured(word)
        if size < left:
            lines[-1] += f" {word}"
            left -= size + 1
            continue
        *full, last = [word] if size <= room else _cut(word, room)
        lines += [*full, last]
        left = room - measured(last)
    margin = " " * indent
    return "\n".join(
        (margin if at else first.rjust(indent)) + line for at, line in enumerate(lines)
    )


def columns(text: str) -> int:
    """Return how many columns of a terminal a text takes: two for a CJK letter, none for an accent."""
    return len(text) if text.isascii() else _wide(text)


@lru_cache(maxsize=4096)  # the same words come in many mails
def _wide(text: str) -> int:
    return sum(map(_columns, text))


def _columns(char: str) -> int:
    if char < _FIRST_COMBINING:
        return 1
    if unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def _cut(word: str, room: int) -> list[str]:
    lines, left = [""], room
    for char in word:
        size = _columns(char)
        if size > left and lines[-1]:
            lines.append("")
            left = room
        lines[-1] += char
        left -= size
    return lines
