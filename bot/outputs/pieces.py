"""Pieces of a mail, rendered and encoded once and joined for each recipient.

A piece is a template filled with what all its readers share. What is a reader's own, and where other
pieces stand, is a mark of digits while the template is rendered; where the mark comes out, the piece
is cut, and what goes there is put between. Marks are drawn at random, so nothing in a paper can be
one, and digits, so that escaping, inlining and upper case leave them as they are.
"""

from __future__ import annotations

import html
import pickle
import re
import secrets
import threading
import zlib
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import NamedTuple

from bot.domains.canonical import reduced
from bot.outputs.contexts import StyleSheet
from bot.outputs.mime import plain_lines, quoted_printable, whole_lines
from bot.ports import Renderer
from bot.values import value_type

_MARK_DIGITS = 36  # 114 bits: nobody guesses it
_ENTRY_BYTES = 300  # what a packed piece takes besides its bytes: its key, and its place in a table
# What is the same escaped and encoded: most of the addresses that are a reader's own.
_PLAIN = re.compile(r"[A-Za-z0-9:/_-][A-Za-z0-9:/_.~-]*", re.ASCII)


class Lines(NamedTuple):
    """Encoded lines as they are sent, and as a signature hashes them (RFC 6376 §3.4.4).

    White space is reduced line by line, so what pieces share need not be reduced for each reader.
    """

    sent: bytes
    hashed: bytes


class Print(NamedTuple):
    """The same in both parts of a mail: encoded lines of HTML and of text."""

    html: Lines
    text: Lines


def _lines(encoded: bytes) -> Lines:
    return Lines(encoded, reduced(encoded))


NOTHING = Print(_lines(b""), _lines(b""))


def printed(words: str, lines: str = "") -> Print:
    """Return words, escaped for HTML and encoded for both parts."""
    if not words:
        return NOTHING
    if not lines and _PLAIN.fullmatch(words):
        plain = plain_lines(words)
        return Print(both := Lines(plain, plain), both)
    return Print(
        _lines(quoted_printable(html.escape(words))), _lines(quoted_printable(lines or words))
    )


# Subjects, counts and headings are many readers' alike.
printed_for_many = lru_cache(maxsize=4096)(printed)


def joined(prints: Iterable[Print]) -> Print:
    """Return the prints one after the other."""
    given = list(prints)
    if not given:
        return NOTHING
    return Print(_joined([each.html for each in given]), _joined([each.text for each in given]))


def _joined(lines: Sequence[Lines]) -> Lines:
    return _one([each.sent for each in lines], [each.hashed for each in lines])


def _one(sent: Sequence[bytes], hashed: Sequence[bytes]) -> Lines:
    whole = b"".join(sent)
    # HTML has hardly ever white space to reduce: then both are the same objects, quickly compared.
    return Lines(whole, whole if hashed == sent else b"".join(hashed))


@value_type(frozen=True, slots=True)
class Cut:
    """An encoded text and its open places: where among the parts, and what belongs there."""

    sent: tuple[bytes, ...]
    hashed: tuple[bytes, ...]
    places: tuple[tuple[int, str], ...]

    def filled(self, own: Iterable[tuple[int, Lines]]) -> Lines:
        """Return the text with these lines at their places."""
        sent, hashed = list(self.sent), list(self.hashed)
        for at, lines in own:
            sent[at], hashed[at] = lines
        return _one(sent, hashed)


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """A piece of a mail in both its parts, with open places; each is equal to itself alone."""

    html: Cut
    text: Cut

    def filled(self, values: Mapping[str, Print]) -> Print:
        """Return the piece with its places filled, by their names."""
        return Print(
            self.html.filled([(at, values[name].html) for at, name in self.html.places]),
            self.text.filled([(at, values[name].text) for at, name in self.text.places]),
        )


class Drawer:
    """Pieces that were made, kept packed: a fifth of their room, and a fiftieth of the time to make one.

    Where they take more than `room` bytes, what was put in first goes.
    """

    def __init__(self, room: int) -> None:
        self._room, self._taken = room, 0
        self._pattern = b""  # the first of them: all are made of the same template
        self._packed: OrderedDict[Hashable, bytes] = OrderedDict()
        self._alone = threading.Lock()

    def put(self, key: Hashable, piece: Piece) -> None:
        """Keep a piece."""
        plain = pickle.dumps(piece)
        with self._alone:
            if key in self._packed:
                return
            self._pattern = self._pattern or plain
            packer = zlib.compressobj(1, zdict=self._pattern)
            packed = packer.compress(plain) + packer.flush()
            self._taken += len(packed) + _ENTRY_BYTES
            self._packed[key] = packed
            while self._taken > self._room:
                _, gone = self._packed.popitem(last=False)
                self._taken -= len(gone) + _ENTRY_BYTES

    def get(self, key: Hashable) -> Piece | None:
        """Return the piece that was put in under this key, None where there is none."""
        packed = self._packed.get(key)
        if packed is None:
            return None
        plain = zlib.decompressobj(zdict=self._pattern).decompress(packed)
        piece: Piece = pickle.loads(plain)  # noqa: S301 - it never left this process
        return piece


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
        return Cut(tuple(parts), tuple(map(reduced, parts)), tuple(places))


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
