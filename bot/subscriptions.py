"""Decisions: what somebody who writes to us wants. Pure.

The address that a mail was sent to beats what stands in it (MAIL.md, Inbound): `unsub+TOKEN@`,
`bounce+TOKEN@`, or where no separator is to be had, the bot's own address with `unsub TOKEN` as the
subject.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.message import Message
from email.utils import getaddresses
from enum import StrEnum
from itertools import pairwise

from bot.config import InboundSettings
from bot.text import one_line

_MOST_ADDRESSES = 50
_TOKEN = re.compile(r"[a-z0-9]{10,400}", re.IGNORECASE | re.ASCII)
# Where servers write down whom a mail was really for, the most trustworthy first.
_RECIPIENT_HEADERS = ("Delivered-To", "X-Original-To", "Envelope-To", "To", "Cc")


class Word(StrEnum):
    """What an address of ours is for."""

    BOUNCE = "bounce"
    UNSUBSCRIBE = "unsub"


@dataclass(frozen=True, slots=True)
class Wish:
    """What is wanted, and the token that says by whom ("": nobody said)."""

    word: Word
    token: str


def wish_of(recipient: str, mail: Message, inbound: InboundSettings, bounce: str) -> Wish | None:
    """Return what a mail to us wants, None where it does not say.

    `recipient` is the envelope's, "" where the door did not tell it: then what headers say counts.
    `bounce` is `[mail] bounce`.
    """
    for address in [recipient] if recipient else recipients_of(mail):
        wish = _wish_of_address(address, inbound, bounce)
        if wish is not None:
            return wish
    return _wish_of_subject(mail) if inbound.address else None


def recipients_of(mail: Message) -> list[str]:
    """Return the addresses that a mail says it was sent to, the most trustworthy first."""
    values = [str(value) for name in _RECIPIENT_HEADERS for value in mail.get_all(name, [])]
    found = (address for _, address in getaddresses(values[:_MOST_ADDRESSES]))
    return [address for address in found if "@" in address][:_MOST_ADDRESSES]


def _wish_of_address(address: str, inbound: InboundSettings, bounce: str) -> Wish | None:
    if bounce:
        before, _, after = bounce.lower().partition("{token}")
        folded = address.lower()
        if folded.startswith(before) and folded.endswith(after):
            return _wish(Word.BOUNCE, folded[len(before) : len(folded) - len(after)])
    if not inbound.address or not inbound.separator:
        return None
    local, _, domain = address.rpartition("@")
    own, _, ours = inbound.address.rpartition("@")
    if domain.lower() != ours.lower():
        return None
    folded = local.lower().removeprefix(f"{own.lower()}{inbound.separator}")
    word, separator, token = folded.partition(inbound.separator)
    return _wish(Word.UNSUBSCRIBE, token) if separator and word == Word.UNSUBSCRIBE else None


def _wish_of_subject(mail: Message) -> Wish | None:
    """Read `unsub TOKEN`, also as an answer: `Re: unsub TOKEN`."""
    words = one_line(str(mail.get("Subject", "")))[:1000].split()
    for word, token in pairwise(words):
        if word.lower() == Word.UNSUBSCRIBE:
            return _wish(Word.UNSUBSCRIBE, token)
    return None


def _wish(word: Word, token: str) -> Wish | None:
    return Wish(word, token) if _TOKEN.fullmatch(token) else None


def unsubscribe_address(inbound: InboundSettings, token: str) -> str:
    """Return the `mailto:` that unsubscribes by a mail, "" where nobody would read it."""
    if not inbound.address:
        return ""
    if not inbound.separator:
        return f"mailto:{inbound.address}?subject={Word.UNSUBSCRIBE.value}%20{token}"
    domain = inbound.address.rpartition("@")[2]
    return f"mailto:{Word.UNSUBSCRIBE.value}{inbound.separator}{token}@{domain}?subject=unsubscribe"
