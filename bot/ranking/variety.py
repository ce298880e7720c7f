"""An edition that says nothing twice, tells of all a profile's interests, and is not the crowd's.

`folded` puts papers that are nearly the same into one. `covering` chooses which of the ranked papers an
edition holds: an interest that an edition has told of already counts for less, so that the next place
may go to another interest; and few places go to papers that only votes speak for.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import chain, pairwise
from typing import TYPE_CHECKING
from zlib import crc32

from bot.models import InterestKind, Paper, Ranked, Reason
from bot.ranking.words import same_person, telling, words

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from bot.config import Profile

# Of 4,712 different papers on arXiv and Hugging Face, no two share more than .09 of their pairs of
# telling words: what shares a quarter is one text, told twice.
_SAME_TEXT = 0.25
_LEAST_PAIRS = 12  # a text with fewer tells too little to be compared
# What publishers say in place of an abstract, or after it: the journal and its volume, a licence. A pair that
# more texts have than one work has records tells of none.
_COMMONPLACE = 4
_NAMED = 5  # papers that a card names as more like it: one that nobody could name would be lost
_NAMES = 20  # authors that are compared: who wrote one work stands in the same order
_LEAST_TITLE = 4  # words; `Reply` and `Editorial` name many papers
_CACHED = 2048  # texts' pairs, 1 kB each: those of a day, for every profile of a run
_LOOKED_AT = 8  # times an edition's limit: what is ranked below has no chance of a place

# Chosen on the reading lists of `../shared/bench` (make bench STAGE=variety): at most so much of a
# share is taken away, half of it once an interest made up a whole paper.
_TOLD_ALREADY = 0.2
_HALVING = 0.5

# Less than the least of clauses gives, a category that is not a paper's first: one paper in six has a
# few parts of words in common with a profile that it has nothing to do with.
_HARDLY = 0.1


# ── Near-duplicates ───────────────────────────────────────────────────────────────────────────────


def folded(ranked: Sequence[Ranked], limit: int) -> list[Ranked]:
    """Return the papers with near-duplicates folded into the best-ranked one, in their order.

    Only the first 8 × `limit` are compared. Nothing is lost: what is not returned is in `folded` of
    another. A paper that the profile insists on makes the one it is folded into insisted on.
    """
    looked_at, rest = ranked[: _LOOKED_AT * limit], ranked[_LOOKED_AT * limit :]
    leaders: list[Ranked] = []
    followers: dict[int, list[Ranked]] = {}
    shared: dict[int, list[int]] = {}
    titles: dict[tuple[str, ...], list[int]] = {}
    sizes: list[int] = []
    texts = [_pairs(each.paper.title, each.paper.abstract) for each in looked_at]
    for each, (size, common) in zip(looked_at, _in_common(texts), strict=True):
        title = words(each.paper.title)
        roomy = [at for at in titles.get(title, ()) if len(followers.get(at, ())) < _NAMED]
        place = _same_title(each.paper, roomy, leaders)
        if place is None:
            alike = (
                at
                for at in _same_text(size, common, shared, sizes)
                if len(followers.get(at, ())) < _NAMED
                and _may_be_one(each.paper, leaders[at].paper)
            )
            place = min(alike, default=None)
        if place is not None:
            followers.setdefault(place, []).append(each)
            continue
        place = len(leaders)
        leaders.append(each)
        sizes.append(size)
        titles.setdefault(title, []).append(place)
        for pair in common:
            shared.setdefault(pair, []).append(place)
    told = [
        replace(
            leader,
            folded=tuple(followers[place]),
            always=leader.always or any(each.always for each in followers[place]),
        )
        if place in followers
        else leader
        for place, leader in enumerate(leaders)
    ]
    return [*told, *rest]


def _same_title(paper: Paper, places: Sequence[int], leaders: Sequence[Ranked]) -> int | None:
    if len(words(paper.title)) < _LEAST_TITLE:
        return None
    theirs = ((place, leaders[place].paper.authors) for place in places)
    return next((at for at, names in theirs if _can_be_the_same(paper.authors, names)), None)


def _can_be_the_same(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether two lists of authors can be of one work: a name in common, or none known."""
    parts = (
        {word for name in names for word in words(name) if len(word) > 1} for names in (one, other)
    )
    first, second = parts
    return not first or not second or bool(first & second)


def _may_be_one(one: Paper, other: Paper) -> bool:
    """Whether two papers of one text can be one work: by their authors, where both tell them, else by title.

    Of two papers without an abstract of their own, all that a publisher fills in is one text.
    """
    if one.authors and other.authors:
        return any(
            same_person(ours, theirs)
            for ours in one.authors[:_NAMES]
            for theirs in other.authors[:_NAMES]
        )
    first, second = (set(filter(telling, words(paper.title))) for paper in (one, other))
    return 2 * len(first & second) > min(len(first), len(second))


def _same_text(
    size: int, common: Sequence[int], shared: Mapping[int, Sequence[int]], sizes: Sequence[int]
) -> list[int]:
    """Return the papers that share so much of a text of `size` pairs."""
    if size < _LEAST_PAIRS:
        return []
    return [
        place
        for place, count in Counter(
            chain.from_iterable(shared[pair] for pair in common if pair in shared)
        ).items()
        if sizes[place] >= _LEAST_PAIRS and count / (size + sizes[place] - count) >= _SAME_TEXT
    ]


def _in_common(texts: Sequence[NDArray[np.int64]]) -> list[tuple[int, list[int]]]:
    """Return of each text how many pairs it has, and those that others have too: most are one text's alone.

    What is commonplace among these texts counts for none.
    """
    import numpy as np  # a tenth of a second, which a round without an edition does not have to pay

    lengths = [len(text) for text in texts]
    marked = np.concatenate([*texts, np.empty(0, np.int64)]) * len(texts)
    marked += np.repeat(np.arange(len(texts)), lengths)
    marked.sort()
    pairs, owners = np.divmod(marked, len(texts) or 1)
    begins = np.flatnonzero(np.concatenate([[True], pairs[1:] != pairs[:-1]])[: len(pairs)])
    counts = np.diff(np.append(begins, len(pairs)))
    having = np.repeat(counts, counts)  # of each pair, how many texts have it
    common = (having > 1) & (having <= _COMMONPLACE)
    commonplace = np.bincount(owners[having > _COMMONPLACE], minlength=len(texts))
    found: list[list[int]] = [[] for _ in texts]
    for pair, owner in zip(pairs[common].tolist(), owners[common].tolist(), strict=True):
        found[owner].append(pair)
    sizes = (np.array(lengths, np.int64) - commonplace[: len(texts)]).tolist()
    return list(zip(sizes, found, strict=True))


@lru_cache(maxsize=_CACHED)
def _pairs(title: str, abstract: str) -> NDArray[np.int64]:
    """Return a number for each of a text's pairs of telling words, each once."""
    import numpy as np

    said = [word for word in (*words(title), *words(abstract)) if telling(word)]
    pairs = {f"{one} {other}" for one, other in pairwise(said)}
    return np.fromiter((crc32(pair.encode()) for pair in pairs), np.int64, len(pairs))


# ── Places ────────────────────────────────────────────────────────────────────────────────────────


def covering(profile: Profile) -> Callable[[Sequence[Ranked], int], list[Ranked]]:
    """Return what chooses, from papers that stand best first, as many as there are places.

    What is chosen keeps its order. The best paper is always chosen; one that is left out is worth
    at most 1 / (1 - .25) of any that is taken. At most `trending` × the places go to papers that
    hardly anything but votes speaks for, as long as others are there. Where there is room for all, all
    are chosen.
    """

    def choose(ranked: Sequence[Ranked], places: int) -> list[Ranked]:
        if places >= len(ranked):
            return list(ranked)
        admitted = _admitted(ranked, places, math.ceil(profile.trending * places))
        taken = _covered([ranked[at] for at in admitted], places)
        return [ranked[at] for at in sorted(admitted[place] for place in taken)]

    return choose


def _admitted(ranked: Sequence[Ranked], places: int, room: int) -> list[int]:
    """Return which papers may have a place: those looked at, less what votes alone brought.

    Of these, `room` have one, and as many more as nothing else can fill. Nobody looks further down than
    it takes: most reasons are not even found out.
    """
    others: list[int] = []
    crowd: list[int] = []
    most = _LOOKED_AT * places
    for at, each in enumerate(ranked):
        (crowd if _is_the_crowds(each) else others).append(at)
        if len(others) >= places and len(others) + min(len(crowd), room) >= most:
            break
    return sorted([*crowd[: max(room, places - len(others))], *others])[:most]


def _covered(ranked: Sequence[Ranked], places: int) -> list[int]:
    """Return which papers to take, one by one, each for what it adds to those before."""
    told: dict[tuple[InterestKind, str], float] = {}
    # What is told of is told of more and more, so no paper is ever worth more than it was: who stands
    # first by what was thought of all, and is worth as much now, is worth most.
    waiting = [(-round(each.score, 9), at) for at, each in enumerate(ranked)]
    heapq.heapify(waiting)
    taken: list[int] = []
    while waiting and len(taken) < places:
        _, at = thought = waiting[0]
        worth = (-round(_worth(ranked[at], told), 9), at)
        if worth != thought:
            heapq.heapreplace(waiting, worth)
            continue
        heapq.heappop(waiting)
        taken.append(at)
        speaking = [r for r in ranked[at].reasons if r.share > 0 and _is_an_interest(r)]
        whole = math.fsum(reason.share for reason in speaking) or 1.0
        for reason in speaking:
            told[_interest(reason)] = told.get(_interest(reason), 0.0) + reason.share / whole
    return taken


def _worth(ranked: Ranked, told: dict[tuple[InterestKind, str], float]) -> float:
    less = math.fsum(
        reason.share * _TOLD_ALREADY * (1 - _HALVING ** told[_interest(reason)])
        for reason in ranked.reasons
        if reason.share > 0 and _interest(reason) in told
    )
    return ranked.score - less


def _is_an_interest(reason: Reason) -> bool:
    # Without a text it is a sum of many: nobody can say which of them was told of.
    return bool(reason.text) or reason.kind is InterestKind.TRENDING


def _interest(reason: Reason) -> tuple[InterestKind, str]:
    # Votes are one interest, whatever their number.
    return reason.kind, "" if reason.kind is InterestKind.TRENDING else reason.text


def _is_the_crowds(ranked: Ranked) -> bool:
    """Whether votes are all that speaks for a paper, or hardly anything else does."""
    speaking = [reason for reason in ranked.reasons if reason.share > 0]
    others = [each.share for each in speaking if each.kind is not InterestKind.TRENDING]
    return len(others) < len(speaking) and math.fsum(others) < _HARDLY and not ranked.always
