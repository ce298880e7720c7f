"""Papers as directions: their terms, the telling ones longest; and how near two of them are."""

from __future__ import annotations

import math
from collections.abc import Mapping

from bot.ranking.words import term_counts

Vector = Mapping[str, float]


def unit_vector(title: str, abstract: str, idf: Mapping[str, float], unseen: float) -> Vector:
    """Return the weights of a text's terms, their squares adding up to 1; empty without terms."""
    raw = {
        term: count * idf.get(term, unseen) for term, count in term_counts(title, abstract).items()
    }
    length = math.sqrt(math.fsum(weight * weight for weight in raw.values()))
    return {term: weight / length for term, weight in raw.items()} if length else {}


def shares(one: Vector, other: Vector) -> dict[str, float]:
    """Return what each common term adds to the cosine of two unit vectors."""
    small, large = (one, other) if len(one) < len(other) else (other, one)
    return {term: weight * large[term] for term, weight in small.items() if term in large}


def cosine(one: Vector, other: Vector) -> float:
    """Return the cosine of two unit vectors, from 0 to 1."""
    return math.fsum(shares(one, other).values())
