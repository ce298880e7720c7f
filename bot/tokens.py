"""Tokens that prove who may do what without a password, and keys that hide an address.

An HMAC over (purpose, ids, epoch) with the database's secret: nothing is stored for it, and raising
the epoch revokes all that were given out before (DESIGN.md, Tokens).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import struct
from collections.abc import Sequence
from enum import StrEnum

_MAC_BYTES = 16  # 128 bits, as RFC 8058 §3.1 asks of an opaque one-click token ("hard to forge")
_ID = struct.Struct(">Q")


class Purpose(StrEnum):
    """What a token is good for; one for another purpose is worthless."""

    UNSUBSCRIBE = "unsubscribe"  # (subscriber), or of a mail for one (subscriber, subscription)
    FEEDBACK = "feedback"  # (subscriber, edition, paper)
    MANAGE = "manage"  # (subscriber)
    FEED = "feed"  # (subscriber), under the subscriber's feed epoch
    FORM = "form"  # (milliseconds of a monotonic clock): when a form was shown
    VOTE = "vote"  # (subscriber, paper)
    SUBMIT = "submit"  # (paper, curator's mark, profile's mark, day), in an address that confirms
    BOUNCE = "bounce"  # (subscriber, delivery), in the envelope sender


# Each id is a length and at most eight bytes; nothing of ours has more than a handful of them.
_LONGEST = 400


def make(secret: bytes, purpose: Purpose, ids: Sequence[int], epoch: int) -> str:
    """Return a token for web addresses: letters, digits, `-` and `_` only.

    `ids` are up to 255 numbers below 2**64, `epoch` one below 2**16.
    """
    return _base64(_signed(secret, purpose, ids, epoch))


def read(secret: bytes, purpose: Purpose, token: str) -> tuple[tuple[int, ...], int] | None:
    """Return (ids, epoch) of a token of ours, None for anything else; compares in constant time.

    Whether the epoch still holds is for the caller to say, who knows whose token it is.
    """
    if len(token) > _LONGEST:
        return None
    try:
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except ValueError:
        return None
    # Decoding overlooks foreign characters and spare bits: only one spelling is ours.
    return _opened(secret, purpose, raw) if _base64(raw) == token else None


def make_for_mail(secret: bytes, purpose: Purpose, ids: Sequence[int], epoch: int) -> str:
    """Return a token for the local part of a mail address: small letters and digits only.

    Its case does not matter: servers fold it although they should not (RFC 5321 §2.4, §4.1.2). Two
    ids up to 2**40 take 53 characters, so that `bounce+TOKEN` stays within the 64 of §4.5.3.1.1.
    """
    return _base32(_signed(secret, purpose, ids, epoch))


def read_from_mail(
    secret: bytes, purpose: Purpose, token: str
) -> tuple[tuple[int, ...], int] | None:
    """Return (ids, epoch) of a token made by `make_for_mail`, in whatever case it came back."""
    # Without this, letters that only fold to ours ("K", the kelvin) would be a second spelling.
    if len(token) > _LONGEST or not token.isascii():
        return None
    folded = token.lower()
    try:
        raw = base64.b32decode(folded.upper() + "=" * (-len(folded) % 8))
    except ValueError:
        return None
    return _opened(secret, purpose, raw) if _base32(raw) == folded else None


def _signed(secret: bytes, purpose: Purpose, ids: Sequence[int], epoch: int) -> bytes:
    packed = [_ID.pack(each).lstrip(b"\0") or b"\0" for each in ids]
    lengths = bytes(len(each) for each in packed)
    body = bytes([len(ids)]) + lengths + b"".join(packed) + epoch.to_bytes(2, "big")
    return body + _mac(secret, purpose, body)


def _opened(secret: bytes, purpose: Purpose, raw: bytes) -> tuple[tuple[int, ...], int] | None:
    body, mac = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
    if len(body) < 3 or not hmac.compare_digest(mac, _mac(secret, purpose, body)):  # noqa: PLR2004 - count, epoch
        return None
    lengths = body[1 : 1 + body[0]]
    at, ids = 1 + body[0], []
    for length in lengths:
        ids.append(int.from_bytes(body[at : at + length], "big"))
        at += length
    return tuple(ids), int.from_bytes(body[at:], "big")


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _base32(raw: bytes) -> str:
    return base64.b32encode(raw).decode().rstrip("=").lower()


def _mac(secret: bytes, purpose: str, body: bytes) -> bytes:
    return hmac.digest(secret, purpose.encode() + b"\0" + body, hashlib.sha256)[:_MAC_BYTES]


def suppression_key(secret: bytes, address: str) -> str:
    """Return what stands for an address in the suppression list: it survives erasure, unreadable."""
    return hmac.new(
        secret, b"suppression\0" + address.casefold().encode(), hashlib.sha256
    ).hexdigest()


def message_id(secret: bytes, slots: Sequence[tuple[int, str]], domain: str) -> str:
    """Return the Message-ID of the digest that serves these slots: the same whenever it is asked."""
    named = " ".join(f"{subscription}/{period}" for subscription, period in sorted(slots))
    digest = hmac.new(secret, b"message-id\0" + named.encode(), hashlib.sha256).hexdigest()[:32]
    return f"<{digest}@{domain}>"
