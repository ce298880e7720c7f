"""A mail's lines in the forms that DKIM hashes (RFC 6376 §3.4)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

_CRLF = b"\r\n"
_NEXT_FIELD = re.compile(rb"\r\n(?![ \t])")
_BARE_LF = re.compile(rb"(?<!\r)\n")


def divided(content: bytes) -> tuple[list[bytes], bytes]:
    """Return the header lines, each whole with its folds and CRLF, and the body of a message.

    Bare line feeds, as files on disk have them, become CRLF first.
    """
    content = _BARE_LF.sub(_CRLF, content)
    if content.startswith(_CRLF):
        return [], content[2:]
    head, _, body = content.partition(_CRLF * 2)
    return [line + _CRLF for line in _NEXT_FIELD.split(head.removesuffix(_CRLF)) if line], body


@lru_cache(maxsize=512)  # most of a mail's headers are the next one's too
def name_of(line: bytes) -> bytes:
    """Return a header line's name in lower case."""
    return line.partition(b":")[0].strip().lower()


@lru_cache(maxsize=512)
def relaxed_header(line: bytes) -> bytes:
    """Return a header line unfolded, its white space reduced, without CRLF (§3.4.2)."""
    name, _, value = line.partition(b":")
    plain = value.replace(_CRLF, b"").replace(b"\t", b" ").split(b" ")
    return b"%b:%b" % (name.strip(b" \t").lower(), b" ".join(filter(None, plain)))


def relaxed_body(body: bytes) -> bytes:
    """Return the body with white space reduced and no blank lines at its end (§3.4.4).

    A last line without CRLF gets one first, as it does on its way through SMTP.
    """
    if body and not body.endswith(_CRLF):
        body += _CRLF
    return _without_blank_end(reduced(body))


def reduced(lines: bytes) -> bytes:
    """Return whole lines with white space reduced: what makes a body of them, reduced apart."""
    if b"\t" in lines:
        lines = lines.replace(b"\t", b" ")
    lines = lines.replace(b"    ", b" ")  # an indented line's four at once
    while b"  " in lines:
        lines = lines.replace(b"  ", b" ")
    return lines.replace(b" \r\n", _CRLF)


def simple_body(body: bytes) -> bytes:
    """Return the body as it is but for blank lines at its end; an empty one is one CRLF (§3.4.3)."""
    return _without_blank_end(body) or _CRLF


def _without_blank_end(body: bytes) -> bytes:
    end = len(body)
    while body.endswith(_CRLF, 0, end):
        end -= 2
    return body[:end] + _CRLF if end else b""


def by_name(lines: Iterable[bytes]) -> dict[bytes, list[bytes]]:
    """Return the header lines by their names in lower case, in the order they stand in."""
    found: dict[bytes, list[bytes]] = {}
    for line in lines:
        found.setdefault(name_of(line), []).append(line)
    return found


def selected(lines: Iterable[bytes], names: Sequence[bytes]) -> list[bytes]:
    """Return the lines that a signature over `names` (lower case) hashes, in its order.

    A name that stands several times takes the lines from the last one up; where none is left it
    signs that there is no further one (§5.4.2).
    """
    left = by_name(lines)
    return [left[name].pop() for name in names if left.get(name)]
