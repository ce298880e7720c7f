"""A profile's clauses, read once, and what each is worth in a paper.

Every interest says how much it adds to a paper's score and in whose name: that is the whole score,
so the reasons add up to it by construction. Interests only add (dislikes only take away): one more
never lowers a score, and their order is no matter. What liked papers, keywords and a description say
of a paper's text is one body of evidence (`evidence.py`): the twentieth example says less than the
first, a keyword less where the examples have said it, and each has its part of what they say together.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bot.identity import parse_identifier
from bot.models import Identifier, InterestKind, Paper, Reason
from bot.ranking.asked import TRENDING, asks_for_nothing, named, weighted
from bot.ranking.calibration import MEANING, WORDS, scale
from bot.ranking.candidates import Candidates, fields, looked_up
from bot.ranking.evidence import BY_MEANING, BY_WORDS, experience
from bot.ranking.hashing import Reals
from bot.ranking.meaning import Meaning, likeness
from bot.ranking.nearness import Description, evidence
from bot.ranking.space import Space, direction, having, shipped
from bot.ranking.weighing import Shown, Weighed, together
from bot.ranking.words import any_goes_by, count_phrase, fold, goes_by, same_person, words
from bot.text import one_line, readable, shorten
from bot.values import value_type

if TYPE_CHECKING:
    from bot.config import Profile

# Evidence, in one coin with likeness to ten examples, of which this much counts as 1.
_LIKE_UNIT, _LIKE_MEANT_UNIT = 0.01, 0.1
# A keyword's, if one paper in 150 has its rarest word; docs/ranking.md says how all were weighed.
_KEYWORD_IN_TITLE, _KEYWORD_IN_ABSTRACT, _KEYWORD_AGAIN = 0.1, 0.06, 0.01
# A keyword's words and their parts, in whatever order: no more than such a phrase in a title.
_KEYWORD_NEAR, _KEYWORD_NEAREST = 0.5, 0.2
_ABOUT, _ABOUT_MEANT, _KEYWORD_MEANT = 10.0, 18.0, 2.0
# What adds to the score as it is.
_AUTHOR, _CATEGORY = 2.0, 0.2
_BEGINNING = re.compile(r"(?P<word>\w{3,})\*\s*$")  # not of `A*`, which is an algorithm
_FIELDS = frozenset({"title", "author", "abstract", "cat", "category", "paper"})


@value_type(frozen=True, slots=True)
class Clause:
    """A phrase with the field it must stand in ("" for title or abstract).

    Of `perovskit*` the last word is only a `beginning`, as in a search; else that is "".
    """

    field: str
    text: str
    phrase: tuple[str, ...]
    beginning: str = ""


def clause(written: str) -> Clause:
    """Read `survey`, `title:tutorial`, `author:Noam Shazeer`, `abstract:…`, `cat:cs.LG`, `paper:…`."""
    field, colon, rest = written.partition(":")
    if colon and field.strip().lower() in _FIELDS:
        name = field.strip().lower()
        return _phrase(rest.strip(), "cat" if name == "category" else name)
    return _phrase(written)


def _phrase(text: str, field: str = "") -> Clause:
    open_end = _BEGINNING.search(text)
    return Clause(field, text, words(text), fold(open_end.group("word")) if open_end else "")


def matches(wanted: Clause, paper: Paper) -> bool:
    """Whether the paper has the clause's phrase, author or category, or is the one it names."""
    if wanted.field == "paper":
        return parse_identifier(wanted.text) in paper.identifiers
    if wanted.field == "author":
        return any(same_person(wanted.text, author) for author in paper.authors)
    if wanted.field == "cat":
        return _has_category(wanted.text, paper)
    in_title = _stands(wanted, paper.title)
    if wanted.field == "title":
        return in_title
    in_abstract = _stands(wanted, paper.abstract)
    return in_abstract if wanted.field == "abstract" else in_title or in_abstract


def _stands(wanted: Clause, text: str) -> bool:
    if not wanted.beginning:
        return count_phrase(wanted.phrase, words(text)) > 0
    begun = " ".join([*wanted.phrase[:-1], wanted.beginning])
    return f" {begun}" in spaced(text) or f" {' '.join(wanted.phrase)} " in spaced(text)


@lru_cache(maxsize=4096)  # a day's titles and abstracts, for every profile of a run
def spaced(text: str) -> str:
    """Return a text's words with a space before and behind each: a phrase is looked for at once."""
    return f" {' '.join(words(text))} "


def matching(wanted: Clause, candidates: Candidates) -> list[int]:
    """Return the places of the candidates that have the clause's phrase, author or category."""
    return [at for at in _may_match(wanted, candidates) if matches(wanted, candidates.papers[at])]


def _may_match(wanted: Clause, candidates: Candidates) -> Sequence[int]:
    """Return the places that are worth asking: few, and all that match are among them."""
    if wanted.field == "paper":
        named = parse_identifier(wanted.text)
        return looked_up(candidates.by_identifier, [named] if named else ())
    if wanted.field == "author":
        return looked_up(candidates.by_person, goes_by(wanted.text))
    if wanted.field == "cat":
        return candidates.by_category.get(_bare(wanted.text), ())
    if wanted.beginning:
        return range(len(candidates.papers))
    return having(candidates.towards, direction("", wanted.text))


def _has_category(wanted: str, paper: Paper) -> bool:
    """`cs` matches every `cs.…`, as does arXiv's own `cs.*`; case is no matter."""
    return _bare(wanted) in fields(paper.categories)


def _bare(category: str) -> str:
    return category.strip().removesuffix("*").removesuffix(".").casefold()


def keeping_out(paper: Paper, profile: Profile) -> str:
    """Return the clause that keeps a paper out whatever its score, as `exclude "survey"`; "" for none."""
    for written in profile.exclude:
        if matches(clause(written), paper):
            return f'exclude "{written}"'
    only = [each for each in profile.categories if each.startswith("=")]
    if only and not any(_has_category(weighted(each[1:])[0], paper) for each in only):
        return f'categories "{", ".join(only)}"'
    liked = {parse_identifier(written) for written in (*profile.like, *profile.shelf)}
    for written in profile.dislike:
        if parse_identifier(written) in paper.identifiers and liked.isdisjoint(paper.identifiers):
            return f'dislike "{written}"'
    return ""


class Interests:
    """A profile read once, ready to look at many papers.

    `examples` are the stored papers that `like` and `dislike` name; the others harm nothing.
    `scale` is what its interests usually give together: scores are calibrated by it, and by `curve`.
    """

    def __init__(
        self,
        profile: Profile,
        examples: Mapping[Identifier, Paper],
        space: Space | None = None,
        meaning: Meaning | None = None,
    ) -> None:
        self._space, self._meaning = space or shipped(), meaning
        self.curve = MEANING if meaning else WORDS
        # In an order of their own: sums of the same shares are the same whatever order they are said in.
        self._keywords = [
            (_phrase(text), weight) for text, weight in sorted(map(weighted, profile.keywords))
        ]
        self._authors = [weighted(author) for author in profile.authors]
        self._followed = any_goes_by(tuple(name for name, _ in self._authors))
        self._categories = [weighted(c.removeprefix("=")) for c in profile.categories]
        self._restrict = [weighted(c[1:])[0] for c in profile.categories if c.startswith("=")]
        about = profile.about.strip()
        self._about = [Description.of(about, _ABOUT)] if about else []
        self._about += [
            Description.of(keyword.text, _KEYWORD_NEAR * w, _KEYWORD_NEAREST)
            for keyword, w in self._keywords
        ]
        self._said = [(about, _ABOUT_MEANT)] if about else []
        self._said += [
            (each.text, _KEYWORD_MEANT * w) for each, w in self._keywords if each.text and w
        ]
        self._exclude = [clause(written) for written in profile.exclude]
        self._always = [clause(written) for written in profile.always]
        self._trending = profile.trending
        liked = named((*profile.like, *profile.shelf), examples)[0]
        disliked = named(profile.dislike, examples)[0]
        self._liked = _Examples(liked, experience(len(liked)))
        # Whoever dislikes one paper has seen it beside what the profile says, and means it.
        self._disliked = _Examples(disliked, max(1.0, experience(len(disliked))))
        self.scale = scale(
            len(self._liked.titles), keywords=bool(self._keywords), about=bool(about),
            curve=self.curve,
        )  # fmt: skip
        self.empty = asks_for_nothing(profile)

    def admits(self, paper: Paper) -> bool:
        """Whether nothing excludes the paper and it is in one of the categories asked for."""
        if self._exclude and any(matches(wanted, paper) for wanted in self._exclude):
            return False
        return not self._restrict or any(_has_category(c, paper) for c in self._restrict)

    def wanted(self, weighed: Weighed, scores: Reals) -> NDArray[np.intp]:
        """Return the places of the weighed papers that are ranked."""
        candidates = weighed.candidates
        papers = candidates.papers
        speaks = (scores > 0) | self.empty
        speaks[list(weighed.clauses)] = True
        disliked = self._disliked.among(candidates)
        speaks[[at for at in disliked if not self._liked.has(papers[at])]] = False
        speaks[list(weighed.insisting)] = True
        for wanted in self._exclude:
            speaks[matching(wanted, candidates)] = False
        if self._restrict:
            others = np.ones(len(papers), np.bool_)
            others[looked_up(candidates.by_category, map(_bare, self._restrict))] = False
            speaks[others] = False
        return np.flatnonzero(speaks)

    def _insisting(self, candidates: Candidates) -> dict[int, list[Reason]]:
        """Return the clauses by which the profile wants papers whatever their score, by their places."""
        said: dict[int, set[str]] = {}
        for wanted in self._always:
            # A paper's own identifier tells nobody anything: without a text it was put forward by hand.
            text = "" if wanted.field == "paper" else wanted.text
            for at in matching(wanted, candidates):
                said.setdefault(at, set()).add(text)
        return {
            at: [Reason(InterestKind.ALWAYS, text, 0.0) for text in sorted(texts)]
            for at, texts in said.items()
        }

    def weigh(self, candidates: Candidates, warmth: Reals) -> Weighed:
        """Return what every interest adds to each of these papers, which were received so warmly."""
        papers, towards = candidates.papers, candidates.towards
        near = self._space.nearness(towards, [each.direction for each in self._about])
        plain, described, liked = together(
            BY_WORDS,
            self._plainly(candidates),
            evidence(self._about, near),
            self._liked.evidence(candidates, self._space),
        )
        (disliked,) = together(BY_WORDS, self._disliked.evidence(candidates, self._space))
        meant = np.zeros((len(papers), len(self._said)))
        if self._meaning:
            vectors = self._meaning.of_papers(papers)
            said = likeness(vectors, self._meaning.of_texts([text for text, _ in self._said]))
            meant, liked_meant = together(
                BY_MEANING,
                said * np.array([worth for _, worth in self._said], np.float64),
                self._liked.meant(candidates, vectors, self._meaning),
            )
            (disliked_meant,) = together(
                BY_MEANING, self._disliked.meant(candidates, vectors, self._meaning)
            )
            liked, disliked = liked + liked_meant, disliked + disliked_meant
        return Weighed(
            candidates=candidates,
            clauses=self._clauses(candidates, plain),
            about=self._about,
            described=described,
            said=[text for text, _ in self._said],
            meant=meant,
            liked=Shown(InterestKind.LIKE, self._liked.titles, liked),
            disliked=Shown(InterestKind.DISLIKE, self._disliked.titles, -disliked),
            warmth=warmth * (TRENDING * self._trending),
            insisting=self._insisting(candidates),
        )

    def _clauses(self, candidates: Candidates, plain: Reals) -> dict[int, list[Reason]]:
        """Return the keywords, authors and categories that papers have, by the papers' places."""
        found: dict[int, list[Reason]] = {}
        for at, reason in chain(
            self._keyword_reasons(plain),
            self._person_reasons(candidates),
            self._place_reasons(candidates),
        ):
            found.setdefault(at, []).append(reason)
        return found

    def _plainly(self, candidates: Candidates) -> Reals:
        """Return the evidence of each keyword's phrase in each paper, as (papers, keywords)."""
        found = np.zeros((len(candidates.papers), len(self._keywords)))
        for place, (keyword, weight) in enumerate(self._keywords):
            if weight and keyword.phrase:
                look_up = self._begun if keyword.beginning else self._told
                for at, worth in look_up(keyword, candidates):
                    found[at, place] = weight * worth
        return found

    def _told(self, keyword: Clause, candidates: Candidates) -> Iterator[tuple[int, float]]:
        """Yield how plainly, and rarely, papers have a keyword, by their places."""
        rareness = self._space.rareness(keyword.text)
        for at in having(candidates.towards, direction("", keyword.text)):
            paper = candidates.papers[at]
            yield at, rareness * plainness(keyword.phrase, paper.title, paper.abstract)

    def _begun(self, keyword: Clause, candidates: Candidates) -> Iterator[tuple[int, float]]:
        """Yield the same of a keyword whose last word is only begun: it is as rare as its commonest form."""
        for at in matching(keyword, candidates):
            paper = candidates.papers[at]
            in_title, in_abstract = (
                _forms(keyword, words(text)) for text in (paper.title, paper.abstract)
            )
            rareness = min(map(self._space.rareness, {*in_title, *in_abstract}))
            yield at, rareness * _plain(len(in_title), len(in_abstract))

    def _keyword_reasons(self, plain: Reals) -> Iterator[tuple[int, Reason]]:
        for at, place in np.argwhere(plain).tolist():
            keyword, _ = self._keywords[place]
            yield at, Reason(InterestKind.KEYWORD, keyword.text, float(plain[at, place]))

    def _person_reasons(self, candidates: Candidates) -> Iterator[tuple[int, Reason]]:
        for at in looked_up(candidates.by_person, self._followed) if self._followed else ():
            for reason in self._authors_of(candidates.papers[at]):
                yield at, reason

    def _authors_of(self, paper: Paper) -> Iterator[Reason]:
        for wanted, weight in self._authors:
            name = next((a for a in paper.authors if same_person(wanted, a)), None)
            if name is not None and weight:
                yield Reason(InterestKind.AUTHOR, one_line(readable(name)), _AUTHOR * weight)

    def _place_reasons(self, candidates: Candidates) -> Iterator[tuple[int, Reason]]:
        for wanted, weight in self._categories:
            for at in candidates.by_category.get(_bare(wanted), ()) if weight else ():
                primary = candidates.papers[at].categories[0].casefold() == _bare(wanted)
                share = _CATEGORY * weight * (1 if primary else 0.5)
                yield at, Reason(InterestKind.CATEGORY, wanted, share)


@lru_cache(maxsize=20_000)  # a word that most papers have is what many profiles ask for
def plainness(phrase: tuple[str, ...], title: str, abstract: str) -> float:
    """Return how plainly a paper has a phrase: in its title, or again; 0 where it has not."""
    return _plain(*(count_phrase(phrase, words(text)) for text in (title, abstract)))


def _plain(in_title: int, in_abstract: int) -> float:
    if not in_title + in_abstract:
        return 0.0
    strength = _KEYWORD_IN_TITLE if in_title else _KEYWORD_IN_ABSTRACT
    return strength + _KEYWORD_AGAIN * math.log(in_title + in_abstract)


def _forms(begun: Clause, told: tuple[str, ...]) -> list[str]:
    """Return what a text says where it has a phrase whose last word is only begun."""
    *before, whole = begun.phrase
    found = []
    for at in range(len(before), len(told)):
        if told[at].startswith(begun.beginning) or told[at] == whole:
            said = told[at - len(before) : at + 1]
            if said[:-1] == tuple(before):
                found.append(" ".join(said))
    return found


class _Examples:
    """Papers that show what is wanted, or what is not; likeness to them counts for so much."""

    def __init__(self, papers: Sequence[Paper], trust: float) -> None:
        self._papers, self._trust = papers, trust
        self.titles = [shorten(one_line(readable(paper.title)), 80) for paper in papers]
        self.towards = [direction(paper.title, paper.abstract) for paper in papers]
        self._places = {name: at for at, p in enumerate(papers) for name in p.identifiers}

    def has(self, paper: Paper) -> bool:
        """Whether the paper is one of them."""
        return not paper.identifiers.isdisjoint(self._places)

    def among(self, candidates: Candidates) -> list[int]:
        """Return the places of those of the candidates that are some of them."""
        return looked_up(candidates.by_identifier, self._places)

    def evidence(self, candidates: Candidates, space: Space) -> Reals:
        """Return what each example says of each paper by words, as (papers, examples); 0 of itself."""
        found = space.likeness(candidates.towards, self.towards)
        return self._but_to_itself(candidates, found) * (self._trust / _LIKE_UNIT)

    def meant(self, candidates: Candidates, vectors: Reals, meaning: Meaning) -> Reals:
        """Return the same by meaning, of papers with these vectors."""
        found = likeness(vectors, meaning.of_papers(self._papers))
        return self._but_to_itself(candidates, found) * (self._trust / _LIKE_MEANT_UNIT)

    def _but_to_itself(self, candidates: Candidates, found: Reals) -> Reals:
        for at in self.among(candidates):
            for name in candidates.papers[at].identifiers & self._places.keys():
                found[at, self._places[name]] = 0.0
        return found
