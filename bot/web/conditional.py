"""Answers that a reader may have already: strong ETags, Last-Modified, 304, HEAD and gzip.

Not aiohttp's own file answer: its ETag is of the file's time and size, and the same for the gzipped
bytes, which RFC 9110 (section 8.8.1) forbids a strong one.
"""

from __future__ import annotations

import gzip
import hashlib
import os
from collections import OrderedDict
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from functools import lru_cache
from pathlib import Path

from aiohttp import hdrs, web
from multidict import CIMultiDict

from bot.values import value_type

_LEAST = 600  # bytes; less does not become smaller
_COMPRESSION = 6
_ROOM = 16_000_000  # bytes of files, plain and gzipped, that are kept ready to send


@value_type(frozen=True, slots=True)
class Content:
    """Bytes as they are sent: plain, gzipped (b"" where that gains nothing), and their ETags."""

    plain: bytes
    gzipped: bytes
    mark: str

    @classmethod
    def of(cls, plain: bytes, *, textual: bool) -> Content:
        """Make ready to send; the same bytes have the same ETag, whenever and wherever."""
        small = gzip.compress(plain, _COMPRESSION, mtime=0) if textual else b""
        if not _LEAST < len(plain) > len(small):
            small = b""
        return cls(plain, small, hashlib.sha256(plain).hexdigest()[:32])


@value_type(frozen=True, slots=True)
class Form:
    """One form of the bytes, with the headers that it is sent with, or not sent since the asker has it."""

    body: bytes
    etag: str
    sent: CIMultiDict[str]
    unchanged: CIMultiDict[str]

    @classmethod
    def of(
        cls,
        content: Content,
        kind: str,
        headers: Mapping[str, str],
        changed: datetime | None,
        *,
        zipped: bool,
    ) -> Form:
        """Write out the headers of one form."""
        etag = f'"{content.mark}-gzip"' if zipped else f'"{content.mark}"'
        told = CIMultiDict({**headers, hdrs.ETAG: etag})
        if content.gzipped:
            told[hdrs.VARY] = "Accept-Encoding"
        if changed:
            told[hdrs.LAST_MODIFIED] = format_datetime(changed, usegmt=True)
        sent = told.copy()
        if zipped:
            sent[hdrs.CONTENT_ENCODING] = "gzip"
        sent[hdrs.CONTENT_TYPE] = kind
        return cls(content.gzipped if zipped else content.plain, etag, sent, told)


@value_type(frozen=True, slots=True)
class Forms:
    """Bytes of a media type in all forms that they are sent in; `zipped` is None where it gains nothing."""

    plain: Form
    zipped: Form | None
    changed: datetime | None

    @classmethod
    def of(
        cls,
        content: Content,
        kind: str,
        headers: Mapping[str, str],
        changed: datetime | None = None,
    ) -> Forms:
        """Write out the headers once for all who ask."""
        plain = Form.of(content, kind, headers, changed, zipped=False)
        if not content.gzipped:
            return cls(plain, None, changed)
        return cls(plain, Form.of(content, kind, headers, changed, zipped=True), changed)

    def answer(self, request: web.Request) -> web.Response:
        """Answer a GET or HEAD with the bytes, or with 304 where the asker has them."""
        form = self.plain
        if self.zipped and _takes_gzip(request.headers.get(hdrs.ACCEPT_ENCODING, "")):
            form = self.zipped
        if _has_it(request, form.etag, self.changed):
            return web.Response(status=304, headers=form.unchanged)
        return web.Response(body=form.body, headers=form.sent)


@value_type(frozen=True, slots=True)
class Copy:
    """A file as it is sent, and how it stood when it was read."""

    path: str
    forms: Forms
    state: tuple[int, int, int]

    @classmethod
    def of(cls, path: Path, kind: str) -> Copy:
        """Read a file. Raises OSError where it cannot be."""
        state = _state(str(path))
        content = Content.of(path.read_bytes(), textual=_is_textual(path.suffix))
        changed = datetime.fromtimestamp(state[1] // 1_000_000_000, UTC)
        # Kept by whoever wants, and asked for anew each time: that costs a 304.
        return cls(
            str(path), Forms.of(content, kind, {"Cache-Control": "no-cache"}, changed), state
        )

    def holds(self) -> bool:
        """Tell whether the file stands as it was read."""
        try:
            return _state(self.path) == self.state
        except OSError:
            return False

    def answer(self, request: web.Request) -> web.Response:
        """Answer with the file, or that it did not change."""
        return self.forms.answer(request)

    @property
    def size(self) -> int:
        """How many bytes it takes here."""
        forms = self.forms
        return len(forms.plain.body) + (len(forms.zipped.body) if forms.zipped else 0)


class Shelf:
    """What a morning's readers ask for again and again, by the addresses that led to it.

    Whoever takes a copy from it asks whether it holds.
    """

    def __init__(self, room: int = _ROOM) -> None:
        self._room, self._taken = room, 0
        self._copies: OrderedDict[tuple[Path, str], Copy] = OrderedDict()

    def take(self, public: Path, asked: str) -> Copy | None:
        """Return the copy that an address led to last, None where it is not known or not so any more."""
        copy = self._copies.get((public, asked))
        if copy is None:
            return None
        if not copy.holds():
            self._drop((public, asked))
            return None
        self._copies.move_to_end((public, asked))
        return copy

    def put(self, public: Path, asked: str, copy: Copy) -> None:
        """Keep what an address led to, as long as there is room; the longest unasked goes first."""
        if copy.size > self._room:
            return
        if (public, asked) in self._copies:
            self._drop((public, asked))
        self._copies[public, asked] = copy
        self._taken += copy.size
        while self._taken > self._room:
            self._drop(next(iter(self._copies)))

    def _drop(self, key: tuple[Path, str]) -> None:
        self._taken -= self._copies.pop(key).size


def _state(path: str) -> tuple[int, int, int]:
    told = os.stat(path)  # noqa: PTH116 - at every request: a Path's own takes a fifth longer
    return told.st_ino, told.st_mtime_ns, told.st_size


def _has_it(request: web.Request, etag: str, changed: datetime | None) -> bool:
    """Tell whether the asker has these bytes (RFC 9110, section 13.2.2)."""
    named = request.headers.getall(hdrs.IF_NONE_MATCH, [])
    if named:
        if named[0] == etag:  # as a feed reader asks, who has it
            return True
        tags = [tag.strip().removeprefix("W/") for tag in ",".join(named).split(",")]
        return "*" in tags or etag in tags
    since = request.headers.get(hdrs.IF_MODIFIED_SINCE, "")
    if not since or changed is None:
        return False
    try:
        return changed <= parsedate_to_datetime(since).astimezone(UTC)
    except (ValueError, OverflowError):
        return False


@lru_cache(maxsize=64)
def _takes_gzip(accepted: str) -> bool:
    """Tell whether an Accept-Encoding takes gzip: named, or by `*`, and not with a weight of 0."""
    weights: dict[str, float] = {}
    for each in accepted.lower().split(","):
        name, _, weight = each.partition(";")
        try:
            weights[name.strip()] = float(weight.partition("=")[2] or 1)
        except ValueError:
            weights[name.strip()] = 0.0
    return weights.get("gzip", weights.get("x-gzip", weights.get("*", 0.0))) > 0


def _is_textual(suffix: str) -> bool:
    return suffix not in {".png", ".jpg", ".gz"}
