"""A mail as bytes: headers that survive the big receivers, text as quoted-printable, CRLF only."""

from __future__ import annotations

import hashlib
import re
from binascii import a2b_qp, b2a_qp
from email.header import Header
from email.policy import EmailPolicy
from email.utils import parseaddr

_LINE_LIMIT = 76  # RFC 2045 §6.7, and RFC 2047 §2 for lines with encoded-words
_MISHANDLED = re.compile(rb"(?:\A|\n)(?:From |\.)")
_SOFT_BREAK = b"=\r\n"  # RFC 2045 §6.7 (5): the line goes on


# ── Headers ───────────────────────────────────────────────────────────────────────────────────────


class WirePolicy(EmailPolicy):
    """CRLF, 7 bit, every header folded but List-*, Message-ID, References and Feedback-ID."""

    def fold(self, name: str, value: str) -> str:
        """Return the header with its line ends."""
        ours = _folded(name, value, self.linesep)
        return str(super().fold(name, value)) if ours is None else ours

    def fold_binary(self, name: str, value: str) -> bytes:
        """Return the header with its line ends, in ASCII."""
        ours = _folded(name, value, self.linesep)
        return super().fold_binary(name, value) if ours is None else ours.encode("ascii")


def _folded(name: str, value: str, linesep: str) -> str | None:
    """Return a header that the standard library would damage; None for all others."""
    lowered = name.lower()
    if lowered in ("message-id", "references", "in-reply-to", "feedback-id") or (
        # Folding turns their long addresses into encoded-words, which breaks one-click
        # unsubscribing (RFC 8058 §3.1); a line may have 998 octets (RFC 5322 §2.1.1).
        lowered.startswith("list-")
    ):
        return f"{name}: {_one_ascii_line(value)}{linesep}"
    if _is_plain(f"{name}: {value}") or not hasattr(value, "name"):
        return None  # what was read from bytes, not set here, is encoded already
    # The library's own folding loses spaces between encoded-words and forgets the quotes around
    # a name with a comma in it (both seen on 3.11).
    if lowered == "subject":
        return f"{name}: {_encoded_words(value, name, linesep)}{linesep}"
    if lowered == "from":
        words, address = parseaddr(value)
        return f"{name}: {_encoded_words(words, name, linesep)}{linesep} <{address}>{linesep}"
    return None


def _encoded_words(words: str, name: str, linesep: str) -> str:
    return Header(words, "utf-8", maxlinelen=_LINE_LIMIT, header_name=name).encode(linesep=linesep)


def _one_ascii_line(value: str) -> str:
    """Return `words <identifier>` with the words encoded where they must be."""
    if value.isascii():
        return value
    words, _, identifier = value.rpartition(" <")
    return f"{_encoded_words(words, '', linesep='')} <{identifier}"


def _is_plain(line: str) -> bool:
    return line.isascii() and len(line) <= _LINE_LIMIT and "=?" not in line


WIRE = WirePolicy(linesep="\r\n", cte_type="7bit", utf8=False)


def header_line(name: str, value: str) -> bytes:
    """Return one header, folded, with its line ends.

    Raises ValueError where the value has a line end in it: it would break out of its header.
    """
    return WIRE.fold_binary(*WIRE.header_store_parse(name, value))


def phrase(words: str) -> str:
    """Return the words as an RFC 5322 phrase; what is not ASCII, folding encodes."""
    escaped = words.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"' if words.isascii() else words


# ── Body ──────────────────────────────────────────────────────────────────────────────────────────


def quoted_printable(text: str) -> bytes:
    """Return the text as quoted-printable lines: none over 76 characters, each ended by CRLF.

    Where the text does not end its last line, a soft break does; so what is encoded piece by piece
    and joined reads as if it had been encoded whole. A dot and `From ` at a line's start are encoded
    too: relays and mailboxes that mishandle them find nothing to mishandle (RFC 2049 §3), and SMTP
    has no dot to double.
    """
    if not text:
        return b""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    encoded = b2a_qp(lines.encode(), istext=True, header=False).replace(b"\n", b"\r\n")
    if _MISHANDLED.search(encoded):
        encoded = b"\r\n".join(map(_guarded, encoded.split(b"\r\n")))
    if encoded.endswith(b"\r\n"):
        return encoded
    if len(encoded) - encoded.rfind(b"\n") - 1 < _LINE_LIMIT:
        return encoded + _SOFT_BREAK
    # The break's own `=` has no room on a full line: its last character moves to the next one.
    at = -3 if encoded[-3:-2] == b"=" else -1
    return encoded[:at] + _SOFT_BREAK + _guarded(encoded[at:]) + _SOFT_BREAK


def plain_lines(text: str) -> bytes:
    """Return what `quoted_printable` does, of ASCII without spaces, `=` and line ends; faster."""
    most = _LINE_LIMIT - 3  # room for the break, and for a first dot that is encoded
    lines = [text[at : at + most] for at in range(0, len(text), most)]
    encoded = "=\r\n".join([*lines, ""])
    return f"\n{encoded}".replace("\n.", "\n=2E")[1:].encode("ascii")


def _guarded(line: bytes) -> bytes:
    """Return a line whose first character is encoded where it could be taken for a sign."""
    if not line.startswith((b"From ", b".")):
        return line
    first = b"=%02X" % line[0]
    if len(line) + 2 <= _LINE_LIMIT:
        return first + line[1:]
    return first + _SOFT_BREAK + _guarded(line[1:])


def read_back(encoded: bytes) -> str:
    """Return the text that was encoded as quoted-printable."""
    return a2b_qp(encoded).decode().replace("\r\n", "\n")


def whole_lines(text: str) -> str:
    """Return the text with its last line ended: a body part's own."""
    return text if text.endswith("\n") else f"{text}\n"


def boundary_of(message_id: str) -> str:
    """Return the boundary between a message's parts: the same for the same message.

    It begins with `=_`, which quoted-printable text can't have in it (RFC 2045 §6.7).
    """
    return f"=_{hashlib.sha256(message_id.encode()).hexdigest()[:32]}"


def content_type_line(boundary: str) -> bytes:
    """Return the Content-Type of a message of alternative parts, folded, with its line ends."""
    return f'Content-Type: multipart/alternative;\r\n boundary="{boundary}"\r\n'.encode("ascii")


def alternatives(boundary: str, text: bytes, html: bytes) -> bytes:
    """Return the body of a message: the text first, the HTML last, both quoted-printable.

    The parts end their last line with CRLF; the CRLF before a boundary belongs to the boundary
    (RFC 2046 §5.1.1).
    """
    dashes = f"--{boundary}".encode("ascii")
    return b"".join(
        [dashes, _PLAIN, text, b"\r\n", dashes, _HTML, html, b"\r\n", dashes, b"--\r\n"]
    )


_PLAIN, _HTML = (
    (
        f'\r\nContent-Type: text/{subtype}; charset="utf-8"\r\n'
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    ).encode("ascii")
    for subtype in ("plain", "html")
)
