"""What the papers somebody has say about what they want to read."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from bot.ranking.words import fold, telling
from bot.text import one_line, readable
from bot.values import value_type

if TYPE_CHECKING:
    from bot.config import Reference

_AT_LEAST = 2  # entries: what stands in one only is no interest yet
_SHARE = 0.05  # of all entries, in large collections
_MOST_AUTHORS, _MOST_CATEGORIES, _MOST_KEYWORDS = 10, 5, 12
_LONGEST = 100
_WORDS = re.compile(r"[^\W_]+(?:-[^\W_]+)*")


@value_type(frozen=True, slots=True)
class Suggestion:
    """Interests, each with the number of entries that speak for it, the most frequent first."""

    authors: tuple[tuple[str, int], ...] = ()
    categories: tuple[tuple[str, int], ...] = ()
    keywords: tuple[tuple[str, int], ...] = ()


def suggested(references: Sequence[Reference]) -> Suggestion:
    """Return who, where and what comes up again and again in these papers."""
    keywords = _frequent((one.keywords for one in references), references, _MOST_KEYWORDS)
    phrases = _frequent((_phrases(one.title) for one in references), references, _MOST_KEYWORDS)
    known = {fold(word) for word, _ in keywords}
    more = [each for each in phrases if fold(each[0]) not in known]
    return Suggestion(
        authors=_frequent((one.authors for one in references), references, _MOST_AUTHORS),
        categories=_frequent((one.categories for one in references), references, _MOST_CATEGORIES),
        keywords=tuple([*keywords, *more][:_MOST_KEYWORDS]),
    )


def _phrases(title: str) -> list[str]:
    """Return a title's phrases of two words, or of three with a small one between (`mixture of experts`).

    One word alone is seldom an interest.
    """
    written = _WORDS.findall(one_line(readable(title)).replace("{", "").replace("}", ""))
    tells = [telling(fold(word)) for word in written]
    found = []
    for at in range(len(written) - 1):
        if tells[at] and tells[at + 1]:
            found.append(f"{written[at]} {written[at + 1]}")
        elif tells[at] and at + 2 < len(written) and tells[at + 2]:
            found.append(" ".join(written[at : at + 3]))
    return [phrase if phrase.isupper() else phrase.lower() for phrase in found]


def _frequent(
    lists: Iterable[Iterable[str]], references: Sequence[Reference], most: int
) -> tuple[tuple[str, int], ...]:
    """Return what stands in enough of the lists, each counted once a list, in its first spelling."""
    spelt: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for values in lists:
        told = {fold(shown): shown for value in values if (shown := _shown(value))}
        counts.update(told.keys())
        for folded, shown in told.items():
            spelt.setdefault(folded, shown)
    enough = max(_AT_LEAST, _SHARE * len(references))
    found = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return tuple((spelt[folded], n) for folded, n in found if n >= enough)[:most]


def _shown(value: str) -> str:
    """Return a value as it can stand in a profile, where `^` and a first `=` have meanings."""
    return (
        one_line(readable(value))
        .replace("{", "")
        .replace("}", "")
        .replace("^", "")[:_LONGEST]
        .strip(" =")
    )
