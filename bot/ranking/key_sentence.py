"""The one or two sentences of an abstract that say what is new. Pure, and without a model.

LexRank (Erkan and Radev, 2004) finds the sentences that the others are about: the stationary
distribution of a walk from sentence to sentence, along the likeness of their words. It does not know
news from background, so cues and place weigh more. The weights were set by hand;
docs/decisions/0086-key-sentences.md tells how well they do.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from operator import mul

from bot.ranking.cues import (
    connective,
    cues,
    has_figures,
    label,
    preamble,
    proposes,
    tells_a_result,
)
from bot.ranking.words import telling_words
from bot.text import one_line, readable, shorten
from bot.text.sentences import sentences

_MOST_SENTENCES = 40
_READ = 6000  # characters
_DAMPING, _ROUNDS = 0.85, 12
_CENTRAL, _EARLY = 0.6, 0.4  # what the most central sentence, and the first, have for that
_FIRST_TO_PROPOSE = 1.5  # what follows is one more part of it
_SHORT, _LONG = 8, 55  # words; beyond, a sentence says too little, or too much to be a key
_TOO_SHORT, _TOO_LONG = -1.5, -0.05  # the latter a word
_AS_GOOD = 0.5  # so much less, and a sentence that fits is taken for one that must be cut
_SPEAKS = 0.8  # cues that a second sentence must have, or figures, lest it be background
_SECOND = 1.2  # what a second sentence must be worth
_OWN = re.compile(r"\b[Ww]e\b")
_RESULT, _ANOTHER_PART = 1.0, -2.5  # what a second sentence has for being one


def key_sentences(abstract: str, limit: int, most: int = 2) -> str:
    """Return the sentences of an abstract that say what is new: at most two, and `limit` characters.

    They stand in the abstract's order, as written, less an opening such as `In this paper,`. An
    abstract that fits is returned whole where two may be; "" where there is none. Where no good
    sentence fits, the best is shortened.
    """
    text = preamble.sub("", _read(abstract[:_READ]))
    if len(text) <= limit and most > 1:
        return text
    return _chosen(text, limit, most)


# One paper stands in many digests and on several pages.
@lru_cache(maxsize=2048)
def _read(abstract: str) -> str:
    return one_line(readable(one_line(abstract)))


@lru_cache(maxsize=8192)
def _chosen(text: str, limit: int, most: int) -> str:
    told = sentences(text)[:_MOST_SENTENCES]
    if not told:
        return ""
    if max(map(cues, told)) < _SPEAKS and (part := _own_part(told, limit, most)):
        return part
    worth = [round(each, 9) for each in _scores(tuple(told))]
    places = range(len(told))
    first = max(places, key=lambda at: (worth[at], -at))
    fitting = [at for at in places if len(_opened(told[at])) <= limit]
    first = max(
        (at for at in fitting if worth[at] > worth[first] - _AS_GOOD),
        key=lambda at: (worth[at], -at),
        default=first,
    )
    room = limit - len(_opened(told[first])) - 1
    beside = {
        at: _beside(told[at], worth[at]) for at in places if at != first and len(told[at]) <= room
    }
    chosen = [first]
    second = max(beside, key=lambda at: (beside[at], -at), default=first)
    if most > 1 and beside.get(second, 0.0) >= _SECOND:
        chosen = sorted([first, second])
    # Only what comes first may lose its opening: `Therefore` after it means something.
    parts = [_opened(told[chosen[0]]), *(told[at] for at in chosen[1:])]
    return shorten(" ".join(parts), limit)


def _own_part(told: Sequence[str], limit: int, most: int) -> str:
    """Return what an abstract without a word of news tells from its first `we` on, as far as fits.

    Without a `we` that is its beginning, and "" where one sentence is wanted.
    """
    begin = next((at for at, each in enumerate(told) if _OWN.search(each)), -1)
    if begin < 0 and most == 1:
        return ""
    part = _opened(told[max(begin, 0)])
    for each in told[max(begin, 0) + 1 :] if most > 1 else ():
        if len(part) + 1 + len(each) > limit:
            break
        part = f"{part} {each}"
    return shorten(part, limit)


@lru_cache(maxsize=256)
def _scores(told: tuple[str, ...]) -> list[float]:
    # A card asks twice: for the sentences it shows, and for the one in a list.
    return scores(told)


def scores(told: Sequence[str]) -> list[float]:
    """Return how much each sentence of an abstract says what is new; the greater the more."""
    central = _lexrank([_terms(each) for each in told])
    most = max(central) or 1.0
    spoken = [cues(each) for each in told]
    # Without a word of what is new, an abstract begins with background and ends with what it means.
    places = range(len(told)) if max(spoken) >= _SPEAKS else range(len(told) - 1, -1, -1)
    first = next((at for at, each in enumerate(told) if proposes.search(each)), -1)
    return [
        _CENTRAL * central[at] / most + _EARLY * _early(place, len(told)) + spoken[at] + _length(each)
        + (_FIRST_TO_PROPOSE if at == first else 0.0)
        for (at, each), place in zip(enumerate(told), places, strict=True)
    ]  # fmt: skip


def _beside(sentence: str, worth: float) -> float:
    """Return what a sentence is worth beside the key one: what came of it, rather than one more part."""
    if cues(sentence) < _SPEAKS and not has_figures.search(sentence):
        return 0.0
    if proposes.search(sentence):
        worth += _ANOTHER_PART
    return worth + (_RESULT if tells_a_result.search(sentence) else 0.0)


def _opened(sentence: str) -> str:
    """Return a sentence without the name of its part, and what ties it to the ones before."""
    rest = connective.sub("", label.sub("", sentence))
    return rest[:1].upper() + rest[1:]


def _early(at: int, count: int) -> float:
    return 1 - at / (count - 1) if count > 1 else 1.0


def _length(sentence: str) -> float:
    count = len(sentence.split())
    return _TOO_SHORT if count < _SHORT else _TOO_LONG * max(0, count - _LONG)


# ── LexRank ───────────────────────────────────────────────────────────────────────────────────────


def _terms(sentence: str) -> dict[str, int]:
    counts: dict[str, int] = {}
    for word in telling_words(sentence):
        counts[word] = counts.get(word, 0) + 1
    return counts


def _lexrank(told: Sequence[Mapping[str, int]]) -> list[float]:
    """Return how central each sentence is: they add up to 1."""
    count = len(told)
    found: dict[str, int] = {}
    for terms in told:
        for term in terms:
            found[term] = found.get(term, 0) + 1
    idf = {term: math.log(1 + count / n) for term, n in found.items()}
    vectors = [_unit({term: n * idf[term] for term, n in terms.items()}) for terms in told]
    likeness = [[0.0] * count for _ in vectors]
    for at, one in enumerate(vectors):
        for beside in range(at, count):
            likeness[at][beside] = likeness[beside][at] = _dot(one, vectors[beside])
    shares = [_DAMPING / (sum(row) or 1.0) for row in likeness]
    ways = [list(map(mul, row, shares)) for row in likeness]
    rank, anywhere = [1 / count] * count, (1 - _DAMPING) / count
    for _ in range(_ROUNDS):
        rank = [anywhere + sum(map(mul, rank, way)) for way in ways]  # a way leads to one sentence
    return rank


def _unit(vector: dict[str, float]) -> dict[str, float]:
    length = math.sqrt(sum(weight * weight for weight in vector.values())) or 1.0
    return {term: weight / length for term, weight in vector.items()}


def _dot(one: dict[str, float], other: dict[str, float]) -> float:
    return sum([weight * other[term] for term, weight in one.items() if term in other])
