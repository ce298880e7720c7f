"""A profile's clauses, read once, and what each is worth in a paper.

Every interest says how much it adds to a paper's score and in whose name: that is the whole score,
so the reasons add up to it by construction. Interests only add (dislikes only take away) and never
look at one another: one more matching interest never lowers a match, and their order is no matter.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bot.config import Profile
from bot.identity import parse_identifier
from bot.models import Identifier, InterestKind, Paper, Reason
from bot.ranking.vectors import Vector, cosine, unit_vector
from bot.ranking.words import count_phrase, same_person, words
from bot.text import one_line, readable, shorten

# What one full match is worth, in the same coin for all: 1 is a keyword in a title.
_KEYWORD_IN_TITLE, _KEYWORD_IN_ABSTRACT, _KEYWORD_AGAIN = 1.0, 0.6, 0.1
_ABOUT, _LIKE, _AUTHOR, _CATEGORY, _TRENDING = 2.5, 4.0, 1.0, 0.2, 2.0
_NEAREST = (1.0, 0.5, 0.25)  # the nearest three examples count, the second and third less
_SHARPNESS = 3.0  # of the kernel: a close example counts far more than several vague ones
_SHOWN_TERMS = 3
_FIELDS = frozenset({"title", "author", "abstract", "cat", "category", "paper"})
_WEIGHT = re.compile(r"\d+(?:\.\d+)?", re.ASCII)
_LARGEST_WEIGHT = 1e6  # finite: infinities don't add up


@dataclass(frozen=True, slots=True)
class Clause:
    """A phrase with the field it must stand in ("" for title or abstract)."""

    field: str
    text: str
    phrase: tuple[str, ...]


def clause(written: str) -> Clause:
    """Read `survey`, `title:tutorial`, `author:Noam Shazeer`, `abstract:…`, `cat:cs.LG`, `paper:…`."""
    field, colon, rest = written.partition(":")
    if colon and field.strip().lower() in _FIELDS:
        name = field.strip().lower()
        return Clause("cat" if name == "category" else name, rest.strip(), words(rest))
    return Clause("", written, words(written))


def matches(wanted: Clause, paper: Paper) -> bool:
    """Whether the paper has the clause's phrase, author or category, or is the one it names."""
    if wanted.field == "paper":
        return parse_identifier(wanted.text) in paper.identifiers
    if wanted.field == "author":
        return any(same_person(wanted.text, author) for author in paper.authors)
    if wanted.field == "cat":
        return _has_category(wanted.text, paper)
    title, abstract = words(paper.title), words(paper.abstract)
    in_title = count_phrase(wanted.phrase, title) > 0
    if wanted.field == "title":
        return in_title
    in_abstract = count_phrase(wanted.phrase, abstract) > 0
    return in_abstract if wanted.field == "abstract" else in_title or in_abstract


def _has_category(wanted: str, paper: Paper) -> bool:
    """`cs` matches every `cs.…`; case is no matter."""
    folded = wanted.casefold()
    return any(
        c.casefold() == folded or c.casefold().startswith(f"{folded}.") for c in paper.categories
    )


def weighted(written: str) -> tuple[str, float]:
    """Read `expert routing^2` as a phrase and its weight, 1 where it names none."""
    phrase, caret, weight = written.rpartition("^")
    if caret and _WEIGHT.fullmatch(weight.strip()):
        return phrase.strip(), min(float(weight), _LARGEST_WEIGHT)
    return written.strip(), 1.0


class Interests:
    """A profile read once, ready to look at many papers.

    `examples` are the stored papers that `like` and `dislike` name; those that are not stored are
    named in `missing`. `idf` gives how telling a term is, 1 at most for one never seen.
    """

    def __init__(
        self,
        profile: Profile,
        examples: Mapping[Identifier, Paper],
        idf: Mapping[str, float],
        unseen: float,
    ) -> None:
        self._idf, self._unseen = idf, unseen
        self._keywords = [(text, words(text), w) for text, w in map(weighted, profile.keywords)]
        self._authors = [weighted(author) for author in profile.authors]
        self._categories = [weighted(c.removeprefix("=")) for c in profile.categories]
        self._restrict = [weighted(c[1:])[0] for c in profile.categories if c.startswith("=")]
        self._about = self._vector("", profile.about) if profile.about.strip() else {}
        self._exclude = [clause(written) for written in profile.exclude]
        self._always = [clause(written) for written in profile.always]
        self._trending = profile.trending
        self.missing: list[str] = []
        self._liked = self._examples((*profile.like, *profile.shelf), examples)
        self._disliked = self._examples(profile.dislike, examples)
        self.empty = not (
            self._keywords or self._authors or self._categories or self._about or self._always
            or profile.like or profile.shelf
        )  # fmt: skip
        # Of a library, most papers are older than anything stored: that is no news.
        self.missing = [each for each in self.missing if each not in profile.shelf]

    def _examples(
        self, written: Sequence[str], examples: Mapping[Identifier, Paper]
    ) -> list[tuple[Paper, Vector]]:
        found: dict[str, tuple[Paper, Vector]] = {}
        for each in written:
            identifier = parse_identifier(each)
            paper = examples.get(identifier) if identifier else None
            if paper is None:
                self.missing.append(each)
            else:
                # By the paper, not by what was written: its DOI and its arXiv id are one example.
                found[min(map(str, paper.identifiers))] = (
                    paper,
                    self._vector(paper.title, paper.abstract),
                )
        return [found[name] for name in sorted(found)]

    def _vector(self, title: str, abstract: str) -> Vector:
        return unit_vector(title, abstract, self._idf, self._unseen)

    def admits(self, paper: Paper) -> bool:
        """Whether nothing excludes the paper and it is in one of the categories asked for."""
        if any(matches(wanted, paper) for wanted in self._exclude):
            return False
        return not self._restrict or any(_has_category(c, paper) for c in self._restrict)

    def insists(self, paper: Paper) -> bool:
        """Whether the profile wants the paper whatever its score."""
        return any(matches(wanted, paper) for wanted in self._always)

    def reasons(self, paper: Paper, trend: float) -> Iterator[Reason]:
        """Yield every interest's share in this paper's score, none of them zero."""
        vector: Vector = {}
        if self._about or self._liked or self._disliked:
            vector = self._vector(paper.title, paper.abstract)
        yield from self._keyword_reasons(paper)
        yield from self._person_and_place_reasons(paper)
        yield from self._about_reason(vector)
        yield from self._example_reasons(InterestKind.LIKE, self._liked, paper, vector, _LIKE)
        yield from self._example_reasons(
            InterestKind.DISLIKE, self._disliked, paper, vector, -_LIKE
        )
        share = _TRENDING * trend * self._trending
        if share:
            yield Reason(InterestKind.TRENDING, str(paper.votes or 0), share)

    def _keyword_reasons(self, paper: Paper) -> Iterator[Reason]:
        title, abstract = words(paper.title), words(paper.abstract)
        for text, phrase, weight in self._keywords:
            in_title, in_abstract = count_phrase(phrase, title), count_phrase(phrase, abstract)
            if not in_title and not in_abstract:
                continue
            strength = _KEYWORD_IN_TITLE if in_title else _KEYWORD_IN_ABSTRACT
            again = _KEYWORD_AGAIN * math.log(in_title + in_abstract)
            yield Reason(InterestKind.KEYWORD, text, weight * (strength + again))

    def _person_and_place_reasons(self, paper: Paper) -> Iterator[Reason]:
        for wanted, weight in self._authors:
            name = next((a for a in paper.authors if same_person(wanted, a)), None)
            if name is not None:
                yield Reason(InterestKind.AUTHOR, one_line(readable(name)), _AUTHOR * weight)
        for wanted, weight in self._categories:
            if _has_category(wanted, paper):
                primary = (
                    bool(paper.categories) and paper.categories[0].casefold() == wanted.casefold()
                )
                yield Reason(
                    InterestKind.CATEGORY, wanted, _CATEGORY * weight * (1 if primary else 0.5)
                )

    def _about_reason(self, vector: Vector) -> Iterator[Reason]:
        shares = {t: w * vector[t] for t, w in self._about.items() if t in vector}
        share = _ABOUT * math.fsum(shares.values())
        if share > 0:
            best = sorted(shares, key=lambda term: (-shares[term], term))
            shown = [
                t for t in best if not any(t != o and t in o.split() for o in best[:_SHOWN_TERMS])
            ]
            yield Reason(InterestKind.ABOUT, ", ".join(shown[:_SHOWN_TERMS]), share)

    def _example_reasons(
        self, kind: InterestKind, examples: list[tuple[Paper, Vector]], paper: Paper, vector: Vector,
        worth: float,
    ) -> Iterator[Reason]:  # fmt: skip
        near = sorted(
            ((_kernel(cosine(vector, other)), example.title) for example, other in examples
             if not example.identifiers & paper.identifiers),
            key=lambda pair: (-pair[0], pair[1]),
        )  # fmt: skip
        for (likeness, title), weight in zip(near, _NEAREST, strict=False):
            if likeness > 0:
                shown = shorten(one_line(readable(title)), 80)
                yield Reason(kind, shown, worth * weight * likeness)


def _kernel(cosine: float) -> float:
    """Return 0 at 0 and 1 at 1, steeper than the cosine between."""
    return math.expm1(_SHARPNESS * cosine) / math.expm1(_SHARPNESS)
