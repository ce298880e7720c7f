"""Answers that a reader may have already: strong ETags, Last-Modified, 304, HEAD and gzip.

Not aiohttp's own file answer: its ETag is of the file's time and size, and the same for the gzipped
bytes, which RFC 9110 (section 8.8.1) forbids a strong one.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from functools import lru_cache
from pathlib import Path

from aiohttp import web

_LEAST = 600  # bytes; less does not become smaller
_COMPRESSION = 6
_KEPT = 64  # files: what a morning's readers ask for again and again


@dataclass(frozen=True, slots=True)
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

    def etag(self, *, zipped: bool) -> str:
        """Return the strong ETag of one form of the bytes."""
        return f'"{self.mark}-gzip"' if zipped else f'"{self.mark}"'


@lru_cache(maxsize=_KEPT)
def _read(path: Path, _modified: int, _size: int) -> Content:
    return Content.of(path.read_bytes(), textual=_is_textual(path.suffix))


def file_answer(request: web.Request, path: Path, kind: str) -> web.Response:
    """Answer with a file, or that it did not change. Raises OSError where it cannot be read."""
    told = path.stat()
    content = _read(path, told.st_mtime_ns, told.st_size)
    changed = datetime.fromtimestamp(int(told.st_mtime), UTC)
    # Kept by whoever wants, and asked for anew each time: that costs a 304.
    return answer(request, content, kind, {"Cache-Control": "no-cache"}, changed)


def answer(
    request: web.Request,
    content: Content,
    kind: str,
    headers: Mapping[str, str],
    changed: datetime | None = None,
) -> web.Response:
    """Answer a GET or HEAD with bytes of a media type, or with 304 where the asker has them."""
    zipped = bool(content.gzipped) and _takes_gzip(request.headers.get("Accept-Encoding", ""))
    etag = content.etag(zipped=zipped)
    told = dict(headers) | {"ETag": etag}
    if content.gzipped:
        told["Vary"] = "Accept-Encoding"
    if changed:
        told["Last-Modified"] = format_datetime(changed, usegmt=True)
    if _has_it(request, etag, changed):
        return web.Response(status=304, headers=told)
    if zipped:
        told["Content-Encoding"] = "gzip"
    told["Content-Type"] = kind
    return web.Response(body=content.gzipped if zipped else content.plain, headers=told)


def _has_it(request: web.Request, etag: str, changed: datetime | None) -> bool:
    """Tell whether the asker has these bytes (RFC 9110, section 13.2.2)."""
    named = request.headers.getall("If-None-Match", [])
    if named:
        tags = [tag.strip().removeprefix("W/") for tag in ",".join(named).split(",")]
        return "*" in tags or etag in tags
    since = request.headers.get("If-Modified-Since", "")
    if not since or changed is None:
        return False
    try:
        return changed <= parsedate_to_datetime(since).astimezone(UTC)
    except (ValueError, OverflowError):
        return False


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
