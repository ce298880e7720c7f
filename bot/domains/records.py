"""What judging a domain needs: questions to DNS, answers as given, judgements in words.

The judges are generators: they yield a `Lookup`, are sent the answer, and return a `Judgement`.
So they stay pure, and whoever drives them (`workflows.standing`) decides whom to ask.
"""

from __future__ import annotations

from collections.abc import Generator
from enum import StrEnum
from typing import Literal, TypeAlias, TypeVar

from bot.values import value_type

T = TypeVar("T")


class Standing(StrEnum):
    """How something stands; `BROKEN` only where receivers themselves count it as broken."""

    WELL = "ok"
    DOUBT = "warn"
    BROKEN = "FAIL"


@value_type(frozen=True, slots=True)
class Judgement:
    """One thing that was judged: what, how it stands, and words that say what to do."""

    what: str
    standing: Standing
    words: str


@value_type(frozen=True, slots=True)
class Lookup:
    """One look-up. Its answer is a tuple of texts, empty where there is no such record."""

    kind: Literal["txt", "addresses", "mx"]
    name: str


Asking: TypeAlias = Generator[Lookup, tuple[str, ...], T]


def tags(text: str) -> dict[str, str]:
    """Return the tags of a DKIM or DMARC text, `v=1; a=rsa-sha256` (RFC 6376 §3.2).

    Names in lower case; of a name that stands twice, the first counts; white space at the ends of
    values is gone.
    """
    found: dict[str, str] = {}
    for part in text.split(";"):
        name, equals, value = part.partition("=")
        if equals and name.strip():
            found.setdefault(name.strip().lower(), value.strip())
    return found


def squeezed(value: str) -> str:
    """Return a value without any white space, as base64 is compared."""
    return "".join(value.split())
