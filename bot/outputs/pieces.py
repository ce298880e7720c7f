"""Pieces of a mail, rendered and encoded once and joined for each recipient.

A piece is a template filled with what all its readers share. What is a reader's own, and where other
pieces stand, is a mark of digits while the template is rendered; where the mark comes out, the piece
is cut, and what goes there is put between. Marks are drawn at random, so nothing in a paper can be
one, and digits, so that escaping, inlining and upper case leave them as they are.
"""

from __future__ import annotations

import html
import re
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

from bot.outputs.contexts import StyleSheet
from bot.outputs.mime import plain_lines, quoted_printable, whole_lines
from bot.ports import Renderer

_MARK_DIGITS = 36  # 114 bits: nobody guesses it
# What is the same escaped and encoded: most of the addresses that are a reader's own.
_PLAIN = re.compile(r"[A-Za-z0-9:/_-][A-Za-z0-9:/_.~-]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Print:
    """The same in both parts of a mail: encoded lines of HTML and of text."""

    html: bytes
    text: bytes


NOTHING = Print(b"", b"")


def printed(words: str, lines: str = "") -> Print:
    """Return words, escaped for HTML and encoded for both parts."""
    if not words:
        return NOTHING
    if not lines and _PLAIN.fullmatch(words):
        return Print(plain := plain_lines(words), plain)
    return Print(quoted_printable(html.escape(words)), quoted_printable(lines or words))


# Subjects, counts and headings are many readers' alike.
printed_for_many = lru_cache(maxsize=4096)(printed)


def joined(prints: Iterable[Print]) -> Print:
    """Return the prints one after the other."""
    given = list(prints)
    return Print(b"".join([each.html for each in given]), b"".join([each.text for each in given]))


@dataclass(frozen=True, slots=True)
class Cut:
    """An encoded text and its open places: where in `parts`, and what belongs there."""

    parts: tuple[bytes, ...]
    places: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a mail in both its parts, with open places."""

    html: Cut
    text: Cut

    def filled(self, values: Mapping[str, Print]) -> Print:
        """Return the piece with its places filled, by their names."""
        html: Sequence[bytes] = self.html.parts
        text: Sequence[bytes] = self.text.parts
        if self.html.places:
            html = filled = list(html)
            for at, name in self.html.places:
                filled[at] = values[name].html
        if self.text.places:
            text = filled = list(text)
            for at, name in self.text.places:
                filled[at] = values[name].text
        return Print(b"".join(html), b"".join(text))


class Foundry:
    """Makes pieces with one renderer; `places` are the names of all that may be left open."""

    def __init__(self, render: Renderer, places: tuple[str, ...]) -> None:
        self._render = render
        self._places = places
        token = "".join(secrets.choice("123456789") for _ in range(_MARK_DIGITS))
        self._marks = {name: f"{token}{at:02d}" for at, name in enumerate(places)}
        self._marked = re.compile(f"{token}([0-9]{{2}})")
        self._style = cache(self._styled)

    def mark(self, place: str) -> str:
        """Return what stands for a place in a template's context."""
        return self._marks[place]

    def piece(self, template: str, context: object) -> Piece:
        """Return `template.html` and `template.txt` as pieces. Raises TemplateError."""
        return Piece(self.html(f"{template}.html", context), self.text(f"{template}.txt", context))

    def html(self, template: str, context: object, *, whole: bool = False) -> Cut:
        """Return a template rendered, with its rules in its elements, encoded and cut.

        `whole` is the page that the other pieces stand in. Raises TemplateError.
        """
        rendered = self._render(template, context)
        if whole:
            return self._cut(whole_lines(_page(rendered)))
        return self._cut(_fragment(rendered, self._style()))

    def text(self, template: str, context: object, *, whole: bool = False) -> Cut:
        """Return a template rendered, encoded and cut. Raises TemplateError."""
        rendered = self._render(template, context)
        return self._cut(whole_lines(rendered) if whole else rendered)

    def _styled(self) -> str:
        return self._render("email/style.css", StyleSheet())

    def _cut(self, text: str) -> Cut:
        parts: list[bytes] = []
        places: list[tuple[int, str]] = []
        for at, part in enumerate(self._marked.split(text)):
            if at % 2:
                places.append((at, self._places[int(part)]))
                parts.append(b"")
            else:
                parts.append(quoted_printable(part))
        return Cut(tuple(parts), tuple(places))


@cache
def _inliner() -> tuple[Callable[[str], str], Callable[[str, str], str]]:
    import css_inline

    # Nothing is ever loaded: a mail is made of what is in it. At-rules stay for dark mode.
    inliner = css_inline.CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)
    return inliner.inline, inliner.inline_fragment


def _page(page: str) -> str:
    """Return the page with its rules in its elements, and its charset before all that stays."""
    # Saved to a file, it is read as UTF-8 only where the first 1,024 bytes say so, and the inliner
    # puts its at-rules first.
    return _inliner()[0](page).replace("<head>", '<head><meta charset="utf-8">', 1)


def _fragment(piece: str, style: str) -> str:
    return _inliner()[1](piece, style)
