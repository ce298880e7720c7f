"""Text as the numbers a BERT model reads: words in lower case, without accents, in known pieces. Pure.

The rules are those of BERT's own reader (uncased); `vocabulary.md` says where the pieces are from. Held
to the published implementation on 12,000 abstracts: the same numbers for all (docs/decisions/0100).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib.resources import files

_UNKNOWN, _BEGIN, _END = 100, 101, 102  # [UNK], [CLS], [SEP]: where they stand in the table
_LONGEST_WORD = 100  # characters; a longer one is unknown as a whole
_WIDEST = 24  # characters of a piece: none of the table is longer
_CJK = (
    (0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F), (0x2B740, 0x2B81F),
    (0x2B820, 0x2CEAF), (0xF900, 0xFAFF), (0x2F800, 0x2FA1F),
)  # fmt: skip


def pieces(text: str, most: int) -> list[int]:
    """Return at most `most` numbers for a text, its begin and end marked: never fewer than two."""
    room = most - 2
    found: list[int] = []
    for word in _words(text):
        if len(found) >= room:
            break
        found.extend(_pieces_of(word))
    return [_BEGIN, *found[:room], _END]


def _words(text: str) -> Iterator[str]:
    """Yield words and single marks of punctuation, folded."""
    for run in _spaced(text).split():
        folded = run.lower()
        begin = 0
        for at, sign in enumerate(folded):
            if _is_mark(sign):
                if begin < at:
                    yield folded[begin:at]
                yield sign
                begin = at + 1
        if begin < len(folded):
            yield folded[begin:]


def _spaced(text: str) -> str:
    """Return the text without control characters and accents, each CJK character a word of its own."""
    plain = "".join(map(_cleaned, text))
    if plain.isascii():
        return plain
    taken_apart = unicodedata.normalize("NFD", plain)
    return "".join(sign for sign in taken_apart if unicodedata.category(sign) != "Mn")


@lru_cache(maxsize=4096)
def _cleaned(sign: str) -> str:
    if sign in "\t\n\r" or sign.isspace():
        return " "
    if sign == "\ufffd" or unicodedata.category(sign)[0] == "C":
        return ""
    return f" {sign} " if any(low <= ord(sign) <= high for low, high in _CJK) else sign


@lru_cache(maxsize=4096)
def _is_mark(sign: str) -> bool:
    if sign.isascii():
        return sign.isprintable() and not sign.isalnum() and sign != " "
    return unicodedata.category(sign)[0] == "P"


@lru_cache(maxsize=50_000)
def _pieces_of(word: str) -> tuple[int, ...]:
    """Return the longest known pieces of a word from its beginning on; unknown where one is missing."""
    table = _table()
    if len(word) > _LONGEST_WORD:
        return (_UNKNOWN,)
    found: list[int] = []
    begin = 0
    while begin < len(word):
        mark = "##" if begin else ""
        for end in range(min(len(word), begin + _WIDEST), begin, -1):
            number = table.get(mark + word[begin:end])
            if number is not None:
                found.append(number)
                begin = end
                break
        else:
            return (_UNKNOWN,)
    return tuple(found)


@lru_cache(maxsize=1)
def _table() -> Mapping[str, int]:
    text = files("bot.embed").joinpath("vocabulary.txt").read_text(encoding="utf-8")
    return {piece: number for number, piece in enumerate(text.split("\n")[:-1])}
