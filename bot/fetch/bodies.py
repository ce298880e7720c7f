"""A body as it comes: inflated here, since aiohttp takes truncated gzip for whole, and bounded."""

from __future__ import annotations

import zlib
from typing import Any

_GZIP_MAGIC = 0x1F
_MOST_MEMBERS = 1000


class BadBodyError(ValueError):
    """The body is not what its headers promised; the message completes "HOST …"."""


class Body:
    """Gathers a body, inflating it as it comes, up to a size that counts after inflating."""

    def __init__(self, largest: int, *, zipped: bool) -> None:
        self.received = 0
        self._largest = largest
        self._size = 0
        self._pieces: list[bytes] = []
        self._members = 0
        self._zipped = zipped
        self._stream: Any = None  # zlib's type has no public name

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes. Raises BadBodyError."""
        self.received += len(chunk)
        if self.received > self._largest:
            raise self._too_large()
        if not self._zipped:
            self._pieces.append(chunk)
            return
        try:
            self._inflate(chunk)
        except zlib.error as error:
            raise BadBodyError("sent compressed data that is damaged") from error

    def _inflate(self, rest: bytes) -> None:
        while rest:
            if self._stream is None or self._stream.eof:
                if self._members and rest[0] != _GZIP_MAGIC:
                    return  # padding behind the last member, which gzip(1) ignores too
                self._members += 1
                if self._members > _MOST_MEMBERS:
                    raise BadBodyError("sent compressed data in too many pieces")
                self._stream = zlib.decompressobj(zlib.MAX_WBITS | 16)
            piece = self._stream.decompress(rest, self._largest - self._size + 1)
            self._size += len(piece)
            if self._size > self._largest:
                raise self._too_large()
            self._pieces.append(piece)
            rest = self._stream.unused_data if self._stream.eof else b""

    def whole(self) -> bytes:
        """Return all of it. Raises BadBodyError for compressed data without an end."""
        if self._stream is not None and not self._stream.eof:
            raise BadBodyError("broke off in the middle of its compressed answer")
        return b"".join(self._pieces)

    def _too_large(self) -> BadBodyError:
        return BadBodyError(f"sent more than {self._largest / 2**20:g} MiB")
