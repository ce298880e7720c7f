"""A mail as bytes: headers that survive the big receivers, two parts, the same bytes every time."""

from __future__ import annotations

import hashlib
from binascii import b2a_qp
from collections.abc import Iterable
from email.header import Header
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import parseaddr

_SOFT_BREAK = "=\n"
_LINE_LIMIT = 76  # RFC 2045 §6.7, and RFC 2047 §2 for lines with encoded-words


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


def message_bytes(headers: Iterable[tuple[str, str]], text: str, html: str) -> bytes:
    """Return a multipart/alternative message, the text first, both parts quoted-printable.

    `headers` must have a Message-ID, which the boundary is made of: the same input gives the same
    bytes. Raises ValueError where a header would break out of its line.
    """
    message = EmailMessage(policy=WIRE)
    for name, value in headers:
        message[name] = value
    digest = hashlib.sha256(str(message["Message-ID"]).encode()).hexdigest()[:32]
    message["MIME-Version"] = "1.0"
    message["Content-Type"] = f'multipart/alternative; boundary="=_{digest}"'
    message.attach(_part("plain", text))
    message.attach(_part("html", html))
    return message.as_bytes()


def _part(subtype: str, content: str) -> EmailMessage:
    part = EmailMessage(policy=WIRE)
    part["Content-Type"] = f'text/{subtype}; charset="utf-8"'
    part["Content-Transfer-Encoding"] = "quoted-printable"
    part.set_payload(quoted_printable(content))
    del part["MIME-Version"]  # it belongs to the message alone (RFC 2045 §4)
    return part


def quoted_printable(text: str) -> str:
    r"""Return the text as quoted-printable with `\n` line ends, no line over 76 characters.

    A lone dot and `From ` at a line's start are encoded too: relays and mailboxes that mishandle
    them find nothing to mishandle (RFC 2049 §3).
    """
    encoded = b2a_qp(text.encode(), istext=True, header=False).decode("ascii")
    return "\n".join(map(_without_from, encoded.split("\n")))


def _without_from(line: str) -> str:
    if not line.startswith("From "):
        return line
    longer = f"=46{line[1:]}"
    return longer if len(longer) <= _LINE_LIMIT else f"=46rom{_SOFT_BREAK} {line[5:]}"


def encoded_size(html: str) -> int:
    """Return how many bytes a part takes in the mail, line ends as CRLF."""
    encoded = quoted_printable(html)
    return len(encoded) + encoded.count("\n")


def phrase(words: str) -> str:
    """Return the words as an RFC 5322 phrase; what is not ASCII, folding encodes."""
    escaped = words.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"' if words.isascii() else words
