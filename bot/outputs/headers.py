"""A digest's headers, each a folded line with its line ends.

What people typed is never joined to a line as it is: the policy folds it, or it has matched a pattern
that leaves no room for tricks, or it is percent-encoded.
"""

from __future__ import annotations

import re
from datetime import datetime
from email.headerregistry import Address
from email.utils import format_datetime, parseaddr
from functools import lru_cache
from urllib.parse import quote

from bot.config import normal_address
from bot.outputs.mime import header_line, phrase
from bot.text import one_line

_LONGEST_LINE = 998  # RFC 5322 §2.1.1
_URI_SAFE = "%/:;?#[]@!$&'()*+,=-._~"  # RFC 3986 §2, and what is encoded already

# Folding costs a quarter of a millisecond, so lines that digests share are remembered. What the
# pattern below matches, address normalisation and the header parser give back as it is: a test holds
# it to that.
_PLAIN_ADDRESS = re.compile(
    r"(?=.{1,70}\Z)[a-z0-9_+-]{1,32}(?:\.[a-z0-9_+-]{1,31})?"
    r"@(?:(?!..--)[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?\.){1,4}(?:com|edu|net|org|[a-z]{2})",
    re.ASCII,
)
_MESSAGE_ID = re.compile(r"<[!-;=?A-~]{1,400}@[!-;=?A-~]{1,400}>")


def recipient_line(recipient: str) -> bytes:
    """Return the To header. Raises ValueError where that is no address that can be written to."""
    if _PLAIN_ADDRESS.fullmatch(recipient):
        return b"To: %b\r\n" % recipient.encode("ascii")
    return header_line("To", normal_address(recipient))


def message_id_line(message_id: str) -> bytes:
    """Return the Message-ID header, on one line. Raises ValueError where it is none."""
    if not _MESSAGE_ID.fullmatch(message_id):
        raise ValueError(f"{message_id!r} is no Message-ID (RFC 5322 §3.6.4).")
    return b"Message-ID: %b\r\n" % message_id.encode("ascii")


def ways_out(https: str, mail: str, contact: str) -> tuple[str, ...]:
    """Return the addresses that unsubscribe, the best first: with none, a mail to the contact."""
    known = tuple(_uri(address) for address in (https, mail) if address)
    return known or (f"{mailto(contact)}?subject=unsubscribe",)


def mailto(address: str) -> str:
    """Return the link that writes to an address (RFC 6068 §2)."""
    return f"mailto:{quote(address, safe='@!$*+-._~')}"


def unsubscribe_lines(ways: tuple[str, ...]) -> list[bytes]:
    """Return List-Unsubscribe, and with an https address first List-Unsubscribe-Post.

    `ways` are as `ways_out` gives them: percent-encoded, so that none breaks out of its line.
    """
    value = ", ".join(f"<{way}>" for way in ways)
    if len(value) > _LONGEST_LINE - len("List-Unsubscribe: "):
        value = f"<{ways[0]}>"
    lines = [b"List-Unsubscribe: %b\r\n" % value.encode("ascii")]
    if not ways[0].startswith("mailto:"):
        lines.append(b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n")  # RFC 8058 §3.1
    return lines


def _uri(address: str) -> str:
    return quote(address, safe=_URI_SAFE)


@lru_cache(maxsize=1024)
def shared_lines(*, sender: str, contact: str, title: str, name: str) -> tuple[bytes, ...]:
    """Return what every digest of these profiles has in its head: what it is, and how to get help.

    `title` is the list's for people, `name` the one that never changes.
    """
    domain = parseaddr(sender)[1].rpartition("@")[2]
    return tuple(
        header_line(header, value)
        for header, value in (
            # RFC 2919 §2: the phrase is for people, the identifier never changes.
            ("List-Id", f"{phrase(title)} <{name}.{domain}>"),
            ("List-Help", f"<{mailto(contact)}?subject=help>"),
            ("Auto-Submitted", "auto-generated"),  # RFC 3834 §5
            ("Precedence", "bulk"),
            ("Feedback-ID", f"{name}:digest:paperround"),
            ("MIME-Version", "1.0"),
        )
    )


@lru_cache(maxsize=64)
def sender_line(sender: str) -> bytes:
    """Return the From header of `[mail] from`."""
    name, address = parseaddr(sender)
    return header_line("From", str(Address(one_line(name), addr_spec=address)))


def date_line(moment: datetime) -> bytes:
    """Return the Date header in the moment's own zone."""
    # Kept by what it says: moments of different zones are equal, and hash alike.
    return _date_line(format_datetime(moment))


@lru_cache(maxsize=256)
def _date_line(said: str) -> bytes:
    return header_line("Date", said)


@lru_cache(maxsize=1024)
def subject_header(subject: str) -> bytes:
    """Return the Subject header, in encoded-words where it has to be."""
    return header_line("Subject", subject)
