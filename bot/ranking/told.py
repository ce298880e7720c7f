"""What of a paper, or of a profile, a model is asked to read; and how that text is known again."""

from __future__ import annotations

import hashlib
from functools import lru_cache

from bot.models import Paper
from bot.text import one_line, readable

_LONGEST = 4000  # characters: more than any model reads
_DIGEST = 16  # bytes


def told_of(paper: Paper) -> str:
    """Return a paper's title and abstract as people read them, on one line."""
    parts = (one_line(readable(part[:_LONGEST])) for part in (paper.title, paper.abstract))
    return as_told(". ".join(filter(None, parts)))


def as_told(text: str) -> str:
    """Return a text on one line, bounded, never empty: models read nothing of nothing."""
    return one_line(text)[:_LONGEST] or "."


@lru_cache(maxsize=20_000)
def known_as(title: str, abstract: str) -> bytes:
    """Return the digest of what is told of a paper; reading TeX takes a while, and many ask."""
    return digest_of(told_of(Paper(title, frozenset(), abstract=abstract)))


def digest_of(text: str) -> bytes:
    """Return what a text is known by: 16 bytes."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_DIGEST).digest()
