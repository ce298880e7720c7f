"""What a profile's interests add to many papers: the scores at once, the reasons where they are looked at.

Of fifteen hundred papers a day, a profile's reader sees twenty: what a reason is called, which is
most of the work, is found out for those.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import overload

import numpy as np

from bot.models import InterestKind, Reason
from bot.ranking.candidates import Candidates
from bot.ranking.hashing import Reals
from bot.ranking.nearness import Description
from bot.text import one_line, shorten
from bot.values import value_type

_NAMED_EXAMPLES = 5  # the others' shares are told in one sum
_LONGEST_TEXT = 80


def together(worth: float, *parts: Reals) -> Sequence[Reals]:
    """Return the shares of evidence, part by part, each as (papers, interests).

    All shares of a paper add up to worth x log(1 + its evidence), and each has its part of it.
    """
    totals = np.sum([part.sum(axis=1) for part in parts], axis=0)
    some = np.flatnonzero(totals)
    # By the scalar function, as the kernel is (space.py).
    said = [worth * math.log1p(total) for total in totals[some].tolist()]
    scales = np.zeros(len(totals))
    scales[some] = said / totals[some]
    return [part * scales[:, None] for part in parts]


class Reasons(Sequence[Reason]):
    """A paper's reasons, which are made when somebody looks at them; else like a tuple of them."""

    __slots__ = ("_at", "_made", "_weighed")

    def __init__(self, weighed: Weighed, at: int) -> None:
        self._weighed, self._at, self._made = weighed, at, None

    _made: tuple[Reason, ...] | None

    def _all(self) -> tuple[Reason, ...]:
        if self._made is None:
            self._made = tuple(self._weighed.told(self._at))
        return self._made

    @overload
    def __getitem__(self, at: int) -> Reason: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[Reason, ...]: ...
    def __getitem__(self, at: int | slice) -> Reason | tuple[Reason, ...]:
        return self._all()[at]

    def __iter__(self) -> Iterator[Reason]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reasons | tuple) and self._all() == tuple(other)

    def __hash__(self) -> int:
        return hash(self._all())

    def __repr__(self) -> str:
        return repr(self._all())


@value_type(frozen=True, slots=True)
class Shown:
    """What examples of one kind add: a row of shares a paper, one for each of the titles."""

    kind: InterestKind
    titles: Sequence[str]
    shares: Reals

    def reasons(self, at: int) -> Iterator[Reason]:
        """Yield the weightiest examples' shares, and those of all others in one without a text."""
        pairs = zip(self.shares[at].tolist(), self.titles, strict=True)
        weightiest = sorted(pairs, key=lambda pair: (-abs(pair[0]), pair[1]))
        for share, title in weightiest[:_NAMED_EXAMPLES]:
            if share:
                yield Reason(self.kind, title, share)
        if rest := math.fsum(share for share, _ in weightiest[_NAMED_EXAMPLES:]):
            yield Reason(self.kind, "", rest)


@value_type(frozen=True, slots=True)
class Weighed:
    """Every interest's shares in each paper's score, a row a paper; those in one row make the score.

    `clauses` are the keywords, authors and categories that a paper has, by its place; most have none.
    `described` is how near its words are to the texts of `about`, `meant` how near it is in meaning to
    what was `said`. `warmth` is what its votes add. `insisting` are the clauses of `always` that it has,
    which add nothing.
    """

    candidates: Candidates
    clauses: Mapping[int, Sequence[Reason]]
    about: Sequence[Description]
    described: Reals
    said: Sequence[str]
    meant: Reals
    liked: Shown
    disliked: Shown
    warmth: Reals
    insisting: Mapping[int, Sequence[Reason]]

    def scores(self) -> Reals:
        """Return each paper's score: what its reasons add up to."""
        found = self.warmth.copy()
        for part in (self.described, self.meant, self.liked.shares, self.disliked.shares):
            found += part.sum(axis=1)
        for at, clauses in self.clauses.items():
            found[at] += math.fsum(clause.share for clause in clauses)
        return found

    def told(self, at: int) -> list[Reason]:
        """Make a paper's reasons, the weightiest first; only those of `always` are zero."""
        return sorted(self._reasons(at), key=_weightiest)

    def _reasons(self, at: int) -> Iterator[Reason]:
        yield from self.clauses.get(at, ())
        for wanted, share in zip(self.about, self.described[at].tolist(), strict=True):
            if share:
                yield Reason(InterestKind.ABOUT, wanted.common(self.candidates.towards[at]), share)
        for text, share in zip(self.said, self.meant[at].tolist(), strict=True):
            if share:
                yield Reason(InterestKind.MEANING, shorten(one_line(text), _LONGEST_TEXT), share)
        yield from self.liked.reasons(at)
        yield from self.disliked.reasons(at)
        if warmth := float(self.warmth[at]):
            # Without votes it is comments, opinions or further sources that warm it.
            votes = self.candidates.papers[at].votes
            yield Reason(InterestKind.TRENDING, str(votes) if votes else "", warmth)
        yield from self.insisting.get(at, ())


def _weightiest(reason: Reason) -> tuple[float, str, str]:
    return -reason.share, reason.kind, reason.text
