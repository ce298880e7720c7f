"""Text as words: the same ones whatever the accents, the plural or the hyphens."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import lru_cache

from bot.patterns import pattern
from bot.ranking.remembered import Remembered
from bot.text import readable
from bot.text.spelling import SIGNED_NAME

# Runs of letters and digits; scripts written without spaces (CJK, kana) word by character.
_WORD = pattern(
    r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W_\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+"
)
_UNSPACED = pattern(r"[\u3040-\u30ff\u3400-\u9fff]")
# What is between the words of a folded text of ASCII letters: a space for whatever is no letter or digit.
_SPACED = bytes(
    ord(sign) if sign.isascii() and sign.isalnum() else ord(" ") for sign in map(chr, range(256))
)
_SIGNED = pattern(rf"{SIGNED_NAME}|{_WORD.pattern}")
_STOP = frozenset(
    "a an and are as at be been between both but by can could do does due each et al for from "
    "had has have how however in into is it its may more most much no nor not of on one only or "
    "other our over own s same show shown shows so some such t than that the their them then "
    "there these they this those through thus to two under up upon us using very via was we "
    "well were what when where which while who will with within without would you your also "
    "based however propose proposed paper approach method methods results present new novel "
    "study work model models respectively several many three first second".split()
)
# Letters that Unicode does not take apart, as they are written where a keyboard lacks them.
_STROKES = str.maketrans(
    {"ł": "l", "ø": "o", "đ": "d", "ð": "d", "ħ": "h", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th"}
)
_DIGRAPHS = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa",
     "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "Ø": "Oe", "Å": "Aa"}
)  # fmt: skip
_SURNAME_FIRST = pattern(r"(?P<surname>\w\S*[a-z]\S*(?: \S+)*?) (?P<initials>[A-Z]{1,2})")
# What a surname may begin with: `van der Maaten` is a whole one.
_PARTICLES = frozenset(
    "af al av ben bin da das de del della den der des di do dos du el ibn la le san te ten ter "
    "van vom von zu zum zur".split()
)
_SHORTEST_WITH_SUFFIX = 3  # words: `Robert Smith Jr`
_TITLE_WEIGHT = 3
_SHORTEST_PLURAL = 4
# Singular as they are, and no other word less its last letter: `news` is not `new`, `SARS` not `SAR`.
_ENDING_IN_S = frozenset(
    "atlas bias bonus bus campus canvas census chorus consensus corpus does focus gas lens mars news sars "
    "sinus status virus".split()
)
_PLURAL_IN_ES = pattern(r"(?:ss|x|sh|(?<!\bca)(?<!\bni)ch)es$")  # not caches, niches


def _stem(word: str) -> str:
    """Fold the plural: `experts` and `expert` are one word, as `viruses` and `virus`; `bias` stays."""
    if (
        len(word) < _SHORTEST_PLURAL
        or not word.endswith("s")
        or word.endswith(("ss", "us", "is", "ias"))
        or word in _ENDING_IN_S
    ):
        return word
    if _PLURAL_IN_ES.search(word) or word[:-2] in _ENDING_IN_S or word.endswith("viruses"):
        return word[:-2]
    return word[:-3] + "y" if word.endswith("ies") and len(word) > _SHORTEST_PLURAL else word[:-1]


_stemmed = Remembered(_stem, 50_000).__getitem__


def fold(value: str) -> str:
    """Return the text in lower case, without accents, TeX read."""
    text = readable(value)
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text).casefold().translate(_STROKES)
    marks = {ord(char): None for char in set(decomposed) if unicodedata.combining(char)}
    return decomposed.translate(marks) if marks else decomposed


@lru_cache(maxsize=8192)
def words(value: str) -> tuple[str, ...]:
    """Return the text's words in order, folded."""
    folded = fold(value)
    if "++" in folded or "#" in folded:
        return tuple(map(_stemmed, _SIGNED.findall(folded)))
    if folded.isascii():  # a third of the time that the pattern takes
        return tuple(map(_stemmed, folded.encode().translate(_SPACED).decode().split()))
    return tuple(map(_stemmed, _WORD.findall(folded)))


def telling(word: str) -> bool:
    """Whether a folded word says anything by itself: no stop word, no number, no single letter."""
    return len(word) > 1 and word not in _STOP and not word.isdigit()


def unspaced(word: str) -> bool:
    """Whether a word is a character of a script that is written without spaces."""
    return _UNSPACED.fullmatch(word) is not None


def as_written(text: str, folded: Sequence[str]) -> list[str]:
    """Return a text's words with the characters of scripts without spaces as they are written.

    Folded, kana have lost their voice: `ルーティング` would be shown as another word.
    """
    written = [
        (unicodedata.normalize("NFKD", letter)[0], letter)
        for letter in unicodedata.normalize("NFC", readable(text))
    ]
    letters = iter([each for each in written if unspaced(each[0])])
    shown = []
    for word in folded:
        bare, letter = next(letters, ("", "")) if unspaced(word) else (word, word)
        if bare != word:  # what stands for several, as ㍿
            return list(folded)
        shown.append(letter)
    return shown


def telling_words(value: str) -> list[str]:
    """Return those of the text's words that are `telling`, in order."""
    # Not by `telling`: a call for each word costs more than all that it asks.
    return [w for w in words(value) if len(w) > 1 and w not in _STOP and not w.isdigit()]


def count_phrase(phrase: Sequence[str], text: Sequence[str]) -> int:
    """Return how often the phrase's words stand next to each other in the text's."""
    if not phrase or len(phrase) > len(text):
        return 0
    phrase, length = tuple(phrase), len(phrase)
    if length == 1:
        return text.count(phrase[0])
    found, at = 0, -1
    with suppress(ValueError):  # where the first word does not come again; of most it never does
        while True:
            at = text.index(phrase[0], at + 1)
            found += tuple(text[at : at + length]) == phrase
    return found


def term_counts(title: str, abstract: str) -> Mapping[str, float]:
    """Return the weights of a paper's words and pairs of words, the title's counted three times."""
    return _term_counts(title, abstract)


@lru_cache(maxsize=4096)
def _term_counts(title: str, abstract: str) -> Mapping[str, float]:
    counts: dict[str, float] = {}
    for text, weight in ((title, _TITLE_WEIGHT), (abstract, 1)):
        before = ""
        for word in words(text):
            if word in _STOP or word.isdigit():
                before = ""
                continue
            counts[word] = counts.get(word, 0) + weight
            if before:
                pair = f"{before} {word}"
                counts[pair] = counts.get(pair, 0) + weight
            before = word
    return {term: 1 + math.log(count) for term, count in counts.items()}


def same_person(wanted: str, name: str) -> bool:
    """Whether two spellings can be one author.

    `Noam Shazeer` is `N. Shazeer`, `Shazeer, Noam`, `Shazeer N` (as PubMed writes) and `Shazeer`;
    `Jürgen Müller` is `Jurgen Muller` and `Juergen Mueller`, `Laurens van der Maaten` whom
    `van der Maaten` names. 王伟 is neither 王小伟 nor 李伟: such names have no initials.
    """
    return any(_agree(one, other) for one in _readings(wanted) for other in _readings(name))


def goes_by(name: str) -> frozenset[str]:
    """Return what a person goes by, however the name is spelt: surnames, and all names in one order.

    Two spellings of one person (`same_person`) share one of these.
    """
    readings = _readings(name)
    return frozenset([*(each[-1] for each in readings), *(" ".join(sorted(r)) for r in readings)])


@lru_cache(maxsize=2048)
def any_goes_by(names: tuple[str, ...]) -> frozenset[str]:
    """Return what any of these people go by: of a paper's authors, for whatever profile asks."""
    return frozenset().union(*map(goes_by, names))


def _agree(first: Sequence[str], second: Sequence[str]) -> bool:
    if sorted(first) == sorted(second):
        return True
    if first[-1] != second[-1] or _UNSPACED.fullmatch(first[-1]):
        return False
    if first[0] in _PARTICLES and tuple(second[-len(first) :]) == tuple(first):
        return True
    return len(first) == 1 or (len(second) > 1 and _compatible(first[0], second[0]))


def _compatible(one: str, other: str) -> bool:
    return one == other or (min(len(one), len(other)) == 1 and one[0] == other[0])


@lru_cache(maxsize=20_000)
def _readings(name: str) -> tuple[tuple[str, ...], ...]:
    """Return the ways to read a name as words, given names first; none for one without letters."""
    name = unicodedata.normalize("NFC", readable(name))
    last, comma, rest = name.partition(",")
    orders = [f"{rest} {last}" if comma else name]
    if not comma and (surname_first := _SURNAME_FIRST.fullmatch(name.strip())):
        orders.append(f"{' '.join(surname_first['initials'])} {surname_first['surname']}")
    spelt = {each.translate(letters) for each in orders for letters in ({}, _DIGRAPHS)}
    found = {_without_suffix(_WORD.findall(fold(each))) for each in spelt}
    return tuple(sorted(words for words in found if words))


def _without_suffix(words: Sequence[str]) -> tuple[str, ...]:
    """Drop `Jr.` and its like, which one source writes and another forgets."""
    if len(words) < _SHORTEST_WITH_SUFFIX:
        return tuple(words)
    return tuple(word for word in words if word not in ("jr", "sr", "ii", "iii", "iv"))
