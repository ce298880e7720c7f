"""Words that were meant: near in letters to one that was typed. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from bot.patterns import pattern

_SHORTEST, _LONG = 4, 8  # letters: of shorter words every other is near; longer ones bear two slips
_COMMONER = 10  # times: only then a word that does occur was hardly meant
_LATIN_ACCENTS = pattern(r"(?<=[a-z])[\u0300-\u036f]+")  # of other letters the index keeps them
# Where a letter and its signs are a name: who says C++ or F# means no vitamin C.
SIGNED_NAME = r"(?<![^\W_])[^\W\d_](?:\+\+|\#(?![^\W_]))"


def folded(word: str) -> str:
    """Return a word as the index has it: small letters, those of Latin without accents."""
    apart = unicodedata.normalize("NFKD", word.casefold())
    return unicodedata.normalize("NFC", _LATIN_ACCENTS.sub("", apart))


def slips(word: str) -> int:
    """Return how many slips a word is forgiven: letters left out, too many, wrong or swapped."""
    if len(word) < _SHORTEST or not word.isalpha():
        return 0
    return 2 if len(word) >= _LONG else 1


def meant(word: str, occurs: int, known: Iterable[tuple[str, int]]) -> str:
    """Return the known (word, in how many papers) that was meant, "" for none.

    The nearest, and of those the commonest. `occurs` is in how many papers the word itself is: it must
    be rare beside the other.
    """
    most = slips(word)
    letters = set(word)
    found = [
        (distance, -papers, other)
        for other, papers in known
        if other != word
        and papers >= _COMMONER * occurs
        and abs(len(other) - len(word)) <= most
        and len(letters.symmetric_difference(other)) <= 2 * most
        and (distance := _distance(word, other)) <= most
    ]
    return min(found)[2] if found else ""


def _distance(one: str, other: str) -> int:
    """Return how many slips lead from one word to the other (optimal string alignment)."""
    before: list[int] = []
    last = list(range(len(other) + 1))
    for row, letter in enumerate(one, start=1):
        now = [row]
        for column, sign in enumerate(other, start=1):
            best = min(last[column] + 1, now[-1] + 1, last[column - 1] + (letter != sign))
            swapped = (
                row > 1 and column > 1 and letter == other[column - 2] and one[row - 2] == sign
            )
            now.append(min(best, before[column - 2] + 1) if swapped else best)
        before, last = last, now
    return last[-1]
