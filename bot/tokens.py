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

    UNSUBSCRIBE = "unsubscribe"


def make(secret: bytes, purpose: Purpose, ids: Sequence[int], epoch: int) -> str:
    """Return a token for addresses: letters, digits, `-` and `_` only."""
    payload = b"".join(_ID.pack(each).lstrip(b"\0") or b"\0" for each in ids)
    lengths = bytes(len(_ID.pack(each).lstrip(b"\0") or b"\0") for each in ids)
    body = bytes([len(ids)]) + lengths + payload + epoch.to_bytes(2, "big")
    return base64.urlsafe_b64encode(body + _mac(secret, purpose, body)).decode().rstrip("=")


def read(secret: bytes, purpose: Purpose, token: str) -> tuple[tuple[int, ...], int] | None:
    """Return (ids, epoch) of a token of ours, None for anything else; compares in constant time."""
    try:
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except ValueError:
        return None
    if base64.urlsafe_b64encode(raw).decode().rstrip("=") != token:
        return None  # decoding overlooks foreign characters: only one spelling is ours
    body, mac = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
    if len(body) < 3 or not hmac.compare_digest(mac, _mac(secret, purpose, body)):  # noqa: PLR2004 - count, epoch
        return None
    lengths = body[1 : 1 + body[0]]
    at, ids = 1 + body[0], []
    for length in lengths:
        ids.append(int.from_bytes(body[at : at + length], "big"))
        at += length
    return tuple(ids), int.from_bytes(body[at:], "big")


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
