"""Ranking: which papers fit a profile, and reasons that are the whole truth about the score."""

from __future__ import annotations

import math
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.models import InterestKind, Paper
from bot.ranking import (
    Background,
    asks_for_nothing,
    example_identifiers,
    missing_examples,
    probability,
    rank,
    reaches_nothing,
)
from bot.ranking.candidates import candidates
from bot.ranking.interests import clause, matches, matching
from bot.ranking.nearness import Description
from bot.ranking.words import goes_by, same_person, words
from support_round import NOW, a_paper, a_profile, arxiv, doi

DAY = timedelta(days=1)


def _paper(number: int = 1, title: str = "A title", abstract: str = "", **fields) -> Paper:
    return a_paper(arxiv(number), title=title, abstract=abstract, **fields)


def _profile(**said):
    return a_profile(**({"keywords": (), "trending": 0.0} | said))


def _score(paper: Paper, background: Background | None = None, **said) -> float:
    """The paper's score for a profile that says this, 0 where it is not ranked at all."""
    ranked = rank([paper], _profile(**said), background or Background())
    return ranked[0].score if ranked else 0.0


def _titles(ranked) -> list[str]:
    return [each.paper.title for each in ranked]


# ── Keywords ──────────────────────────────────────────────────────────────────────────────────────


def test_a_keyword_counts_more_in_the_title_than_in_the_abstract():
    in_title = _score(_paper(title="Expert routing"), keywords=("expert routing",))
    in_abstract = _score(_paper(abstract="We study expert routing."), keywords=("expert routing",))
    assert in_title > in_abstract > 0


@pytest.mark.parametrize(
    "title",
    [
        "Expert routing",
        "EXPERT ROUTING",
        "Experts routing",
        "Expert-routing for all",
        "Expert\u2011routing",
        "Éxpert routing",
        "The $\\textbf{expert}$ routing",
    ],
)
def test_a_phrase_is_found_whatever_its_case_plural_hyphen_or_accent(title):
    assert _score(_paper(title=title), keywords=("expert routing",)) >= 0.5


@pytest.mark.parametrize("title", ["Routing expert", "Expert in routing", "Expertise routing"])
def test_a_phrase_is_its_words_next_to_each_other(title):
    """Its words apart are no match: they count less, and are told as what they are."""
    (apart,) = rank([_paper(title=title)], _profile(keywords=("expert routing",)))
    assert {reason.kind for reason in apart.reasons} == {InterestKind.ABOUT}
    assert "expert routing" not in apart.reasons[0].text
    together = _score(_paper(title="Expert routing"), keywords=("expert routing",))
    assert apart.score < together


@pytest.mark.parametrize(
    ("phrase", "title", "has"),
    [
        ("C++", "Modern C++ for physics", True),
        ("C++", "Templates in C++20", True),
        ("C++", "Vitamin C and sleep", False),
        ("C", "Modern C++ for physics", False),
        ("c#", "From F# to C#", True),
        ("C#", "C for beginners", False),
        ("issue 5", "Issue #5 of A#B", True),
    ],
)
def test_a_letter_and_its_signs_are_one_word(phrase, title, has):
    assert (_score(_paper(title=title), keywords=(phrase,)) >= 0.5) is has
    assert (rank([_paper(title=title)], _profile(exclude=(phrase,))) == []) is has


def test_a_phrase_in_a_script_without_spaces_is_found():
    paper = _paper(title="大規模言語モデルの専門家ルーティング")
    assert _score(paper, keywords=("言語モデル",)) >= 0.5


def test_a_keyword_with_a_weight_counts_as_if_it_were_written_so_many_times():
    paper = _paper(title="Expert routing")
    once = _score(paper, keywords=("expert routing",))
    thrice = _score(paper, keywords=("expert routing^3",))
    assert thrice == pytest.approx(_score(paper, keywords=("expert routing",) * 3))
    assert 2 * once < thrice < 3 * once, "what was said already says less the next time"


def test_a_rare_keyword_tells_more_than_a_common_one():
    common, rare = (_score(_paper(title=f"{word} films"), keywords=(word,))
                    for word in ("learning", "perovskite"))  # fmt: skip
    assert rare > 2 * common > 0


@pytest.mark.parametrize("word", ["model", "the", "\u9032", "\u9032\u5316", "5"])
def test_a_keyword_of_words_that_tell_nothing_is_found_all_the_same(word):
    (found,) = rank([_paper(title=f"On {word} again")], _profile(keywords=(word,)))
    assert any(each.kind is InterestKind.KEYWORD for each in found.reasons)
    in_abstract = _paper(title="Films", abstract=f"On {word} again.")
    assert found.score > _score(in_abstract, keywords=(word,)) > 0.1


@pytest.mark.parametrize("written", ["C^*-algebra", "x^inf", "x^nan", "x^-1", "x^"])
def test_what_follows_a_caret_and_is_no_number_belongs_to_the_phrase(written):
    (ranked,) = rank([_paper(title=f"On {written}")], _profile(keywords=(written,)), Background())
    said = [reason.text for reason in ranked.reasons if reason.kind is InterestKind.KEYWORD]
    assert said == [written]
    assert math.isfinite(ranked.score)


# ── Authors and categories ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        ("Noam Shazeer", "Noam Shazeer"),
        ("Noam Shazeer", "noam shazeer"),
        ("Noam Shazeer", "Shazeer, Noam"),
        ("Noam Shazeer", "N. Shazeer"),
        ("Noam Shazeer", "N Shazeer"),
        ("Noam Shazeer", "Shazeer, N."),
        ("Noam Shazeer", "Shazeer N"),
        ("Noam Shazeer", "Noam M. Shazeer"),
        ("N. Shazeer", "Noam Shazeer"),
        ("Shazeer", "Noam Shazeer"),
        ("Łukasz Kaiser", "Lukasz Kaiser"),
        ("Søren Kierkegaard", "Soren Kierkegaard"),
        ("Bernhard Schölkopf", "Bernhard Schoelkopf"),
        ("Bernhard Scholkopf", "Schölkopf, Bernhard"),
        ("Juergen Schmidhuber", "Jürgen Schmidhuber"),
        ("Björn Ommer", 'Bj{\\"o}rn Ommer'),
        ("Laurens van der Maaten", "van der Maaten, L."),
        ("Jun-Ho Baek", "J.-H. Baek"),
        ("Robert Smith", "Robert Smith Jr."),
        ("Li Wei", "Wei Li"),
        ("李明", "李明"),
        ("李明", "李 明"),
        ("van der Maaten", "Laurens van der Maaten"),
        ("van der Maaten", "van der Maaten, L."),
        ("de Vries", "J. K. de Vries"),
    ],
)
def test_an_author_is_recognised_in_every_spelling(wanted, name):
    assert same_person(wanted, name)
    (ranked,) = rank([_paper(authors=("Somebody Else", name))], _profile(authors=(wanted,)))
    assert ranked.reasons[0].kind is InterestKind.AUTHOR


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        ("Noam Shazeer", "Adam Shazeer"),
        ("Noam Shazeer", "Noam Shapiro"),
        ("Noam Shazeer", "Shazeer"),
        ("Wei Li", "Wei Liu"),
        ("Noam", "Noam Shazeer"),
        ("王伟", "王小伟"),
        ("王伟", "李伟"),
        ("van der Maaten", "Jan Maaten"),
        ("van der Maaten", "Jan van Maaten"),
        ("", ""),
        ("...", "..."),
    ],
)
def test_somebody_else_is_somebody_else(wanted, name):
    assert not same_person(wanted, name)


@given(st.text(max_size=40), st.text(max_size=40))
def test_no_name_is_too_odd_to_be_compared(one, other):
    same_person(one, other)


_NAMES = st.lists(
    st.sampled_from(["Noam", "N.", "Shazeer", "van", "Müller,", "J", "Jr."]), max_size=4
)


@given(_NAMES.map(" ".join), _NAMES.map(" ".join))
def test_who_may_be_one_person_goes_by_a_common_name(one, other):
    if same_person(one, other):
        assert goes_by(one) & goes_by(other)


def test_what_a_reason_is_called_is_found_out_when_somebody_looks(monkeypatch):
    named = []
    common = Description.common
    monkeypatch.setattr(
        Description, "common", lambda self, paper: named.append(1) or common(self, paper)
    )
    ranked = rank([FAR, NEAR], _profile(about="How sparse layers route tokens."), _knowing())
    assert not named
    assert ranked[0].reasons[0].text == "sparse layer, token"
    assert len(ranked[0].reasons) == len(named) == 1
    assert ranked[0].reasons == tuple(ranked[0].reasons)
    assert repr(ranked[0].reasons) == repr(tuple(ranked[0].reasons))
    assert hash(ranked[0])


def test_a_category_adds_a_little_and_its_archive_counts_too():
    paper = _paper(categories=("cs.LG", "stat.ML"))
    first, second = _score(paper, categories=("cs.LG",)), _score(paper, categories=("stat.ML",))
    assert first > second > 0
    assert _score(paper, categories=("cs",)) > 0
    assert _score(paper, categories=("CS.lg",)) == first
    assert _score(paper, categories=("cs.*",)) == _score(paper, categories=("cs",))
    assert _score(paper, categories=("c",)) == 0
    assert _score(paper, categories=("cs.LG^2",)) == pytest.approx(2 * first)


def test_categories_with_an_equals_sign_restrict():
    papers = [
        _paper(1, "experts one", categories=("cs.LG",)),
        _paper(2, "experts two", categories=("cs.CL",)),
        _paper(3, "experts three", categories=("math.CO",)),
        _paper(4, "experts four"),
    ]
    only = rank(papers, _profile(keywords=("experts",), categories=("=cs.LG", "=math")))
    assert set(_titles(only)) == {"experts one", "experts three"}
    every = rank(papers, _profile(keywords=("experts",), categories=("=cs.*",)))
    assert set(_titles(every)) == {"experts one", "experts two"}
    without = rank(papers, _profile(keywords=("experts",), exclude=("cat:cs.*",)))
    assert set(_titles(without)) == {"experts three", "experts four"}


# ── Never, and always ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "clause",
    ["survey", "title:survey", "abstract:benchmark", "author:Noam Shazeer", "cat:cs.LG", "cat:cs"],
)
def test_what_is_excluded_never_appears_also_where_it_is_insisted_on(clause):
    paper = _paper(
        title="A survey of experts",
        abstract="A benchmark of experts.",
        authors=("Noam Shazeer",),
        categories=("cs.LG",),
    )
    said = {"keywords": ("experts^9",), "always": ("experts",)}
    assert rank([paper], _profile(**said)) != []
    assert rank([paper], _profile(exclude=(clause,), **said)) == []


@pytest.mark.parametrize(
    ("clause", "kept_out"),
    [
        ("perovskit*", {"Perovskite cells", "Perovskites", "Halide perovskites"}),
        ("title:halide perovskit*", {"Halide perovskites"}),
        ("perovskites*", {"Perovskite cells", "Perovskites", "Halide perovskites"}),
        ("analys*", {"Analyses of A"}),
        ("A*", {"Analyses of A"}),  # the algorithm, and no beginning
        ("Ärzt*", {"Aerzte und Ärzte"}),
    ],
)
def test_an_exclusion_may_be_the_beginning_of_a_word(clause, kept_out):
    titles = [
        "Perovskite cells", "Perovskites", "Halide perovskites", "Analyses of A", "Analytic proofs",
        "Aerzte und Ärzte",
    ]  # fmt: skip
    papers = [_paper(n, title) for n, title in enumerate(titles, start=1)]
    left = _titles(rank(papers, _profile(exclude=(clause,))))
    assert set(titles) - set(left) == kept_out


def _keyword_shares(ranked):
    return {
        each.paper.title: [
            (r.text, r.share) for r in each.reasons if r.kind is InterestKind.KEYWORD
        ]
        for each in ranked
    }


def test_a_keyword_may_be_the_beginning_of_a_word_and_is_as_rare_as_what_it_finds():
    papers = [
        _paper(1, "Perovskites that last"),
        _paper(2, "Learning without labels"),
        _paper(3, "Tea", "Tea tastes of tea."),
    ]
    begun = _keyword_shares(rank(papers, _profile(keywords=("perovskit*", "learn*"))))
    whole = _keyword_shares(rank(papers, _profile(keywords=("perovskite", "learning"))))
    assert set(begun) == {"Perovskites that last", "Learning without labels"}
    for title, ((text, share),) in begun.items():
        assert text in ("perovskit*", "learn*")
        ((_, as_much),) = whole[title]
        assert share == pytest.approx(as_much, rel=0.1)  # how near its letters are counts beside


def test_of_several_words_of_a_keyword_the_last_may_be_a_beginning():
    papers = [_paper(1, "A halide perovskitic cell"), _paper(2, "Perovskites, not halide")]
    told = _keyword_shares(rank(papers, _profile(keywords=("halide perovskit*",))))
    assert [text for text, _ in told["A halide perovskitic cell"]] == ["halide perovskit*"]
    assert not told.get("Perovskites, not halide")


@given(
    st.text("abs _-*C+神经", min_size=1, max_size=9).map(lambda word: f"{word}*"),
    st.text("abs _-*C+神经", max_size=30),
    st.text("abs _-*C+神经", max_size=60),
)
def test_whatever_is_begun_is_looked_for_without_harm(keyword, title, abstract):
    paper = _paper(1, title or "x", abstract)
    rank([paper], _profile(keywords=(keyword,)))


def test_an_exclusion_with_a_field_looks_there_only():
    paper = _paper(title="Experts", abstract="Not a survey.")
    assert rank([paper], _profile(keywords=("experts",), exclude=("title:survey",))) != []


def test_what_is_insisted_on_is_ranked_without_any_other_reason():
    papers = [_paper(1, "Knitting", authors=("Noam Shazeer",)), _paper(2, "Weaving")]
    (ranked,) = rank(papers, _profile(keywords=("experts",), always=("author:N. Shazeer",)))
    assert (ranked.paper.title, ranked.score, ranked.always) == ("Knitting", 0.0, True)


def test_what_is_insisted_on_says_so_among_its_reasons():
    paper = _paper(1, "Knitting", authors=("Noam Shazeer",))
    said = ("author:N. Shazeer", "paper:arXiv:2611.00001", "title:knitting", "weaving")
    (ranked,) = rank([paper], _profile(keywords=("knitting",), always=said))
    insisting = [r for r in ranked.reasons if r.kind is InterestKind.ALWAYS]
    assert [(r.text, r.share) for r in insisting] == [("", 0), ("N. Shazeer", 0), ("knitting", 0)]
    assert ranked.score > 0, "what else speaks for it counts as ever"


# ── Examples and descriptions ─────────────────────────────────────────────────────────────────────

LIKED = _paper(90, "Routing tokens to experts", "Sparse layers route every token to few experts.")
NEAR = _paper(1, "Sparse experts", "Tokens are routed to few experts in sparse layers.")
FAR = _paper(2, "Knitting patterns", "Wool, needles and patience in long winters.")


def _knowing(*examples: Paper) -> Background:
    return Background.of([NEAR, FAR, *examples], examples, NOW)


def test_papers_like_an_example_come_first_and_say_which():
    ranked = rank([FAR, NEAR], _profile(like=("arXiv:2611.00090",)), _knowing(LIKED))
    assert _titles(ranked)[0] == "Sparse experts"
    assert ranked[0].reasons[0].kind is InterestKind.LIKE
    assert ranked[0].reasons[0].text == "Routing tokens to experts"


def test_papers_like_a_disliked_one_fall():
    said = {"about": "sparse experts and knitting"}
    before = _score(NEAR, _knowing(LIKED), **said)
    after = _score(NEAR, _knowing(LIKED), dislike=("arXiv:2611.00090",), **said)
    assert after < before
    assert _score(FAR, _knowing(LIKED), **said) == pytest.approx(
        _score(FAR, _knowing(LIKED), dislike=("arXiv:2611.00090",), **said)
    )


def test_a_disliked_paper_itself_does_not_appear():
    assert rank([LIKED], _profile(keywords=("experts",)), _knowing(LIKED))
    for said in ({"keywords": ("experts", "wool")}, {}):  # also where nothing is asked for
        found = rank([LIKED, FAR], _profile(dislike=("arXiv:2611.00090",), **said), _knowing(LIKED))
        assert _titles(found) == ["Knitting patterns"]


def test_who_likes_or_insists_on_what_they_dislike_gets_it():
    for said in ({"like": ("arXiv:2611.00090",)}, {"always": ("title:routing",)}):
        profile = _profile(keywords=("experts",), dislike=("arXiv:2611.00090",), **said)
        assert _titles(rank([LIKED], profile, _knowing(LIKED))) == [LIKED.title]


@pytest.mark.parametrize(
    "said",
    [{"keywords": ("sparse experts",)}, {"authors": ("A. Author",)}, {"categories": ("cs.LG",)}],
)
def test_a_dislike_puts_back_what_has_a_clause_of_the_profile_and_takes_nothing_away(said):
    near = replace(NEAR, authors=("Ada Author",), categories=("cs.LG",))
    others = [_paper(n, f"Expert {n}", authors=near.authors, categories=("cs.LG",)) for n in (7, 8)]
    profile = _profile(dislike=("arXiv:2611.00090",), **said)
    found = rank([near, *others], profile, _knowing(LIKED))
    assert _titles(found)[-1] == near.title
    assert found[-1].score < 0
    assert found[-1].probability <= found[0].probability


def test_a_dislike_takes_away_what_only_sounds_like_the_profile():
    said = {"about": "sparse layers"}
    assert rank([NEAR], _profile(**said), _knowing(LIKED))
    assert not rank([NEAR], _profile(dislike=("arXiv:2611.00090",), **said), _knowing(LIKED))


def test_an_example_is_no_reason_for_itself():
    assert rank([LIKED], _profile(like=("arXiv:2611.00090",)), _knowing(LIKED)) == []


def test_an_example_named_twice_counts_once():
    both = replace(LIKED, identifiers=LIKED.identifiers | {doi(90)})
    once = _score(NEAR, _knowing(both), like=("arXiv:2611.00090",))
    assert _score(NEAR, _knowing(both), like=("arXiv:2611.00090", "doi:10.1234/90")) == once


def test_an_example_that_is_not_stored_is_named_and_harms_nothing():
    profile = _profile(keywords=("experts",), like=("arXiv:2611.00090", "doi:10.1234/404"))
    assert missing_examples(profile, _knowing(LIKED)) == ["doi:10.1234/404"]
    assert example_identifiers(profile) == {arxiv(90), doi(404)}
    assert rank([NEAR], profile, _knowing(LIKED)) != []


def test_a_description_finds_what_it_describes_and_says_by_which_words():
    ranked = rank([FAR, NEAR], _profile(about="How sparse layers route tokens."), _knowing())
    assert _titles(ranked) == ["Sparse experts"]
    assert ranked[0].reasons[0].kind is InterestKind.ABOUT
    assert "sparse" in ranked[0].reasons[0].text


# ── Votes ─────────────────────────────────────────────────────────────────────────────────────────


def test_votes_count_as_much_as_the_profile_says():
    paper = _paper(votes=50, first_seen=NOW)
    assert _score(paper, Background(now=NOW), trending=0.0) == 0
    half, whole = (_score(paper, Background(now=NOW), trending=t) for t in (0.5, 1.0))
    assert whole == pytest.approx(2 * half)
    assert half > 0


def test_what_warms_without_a_vote_is_not_called_votes():
    paper = replace(_paper(comments=9, first_seen=NOW), id=1)
    (ranked,) = rank([paper], _profile(keywords=(), trending=1.0), Background(now=NOW))
    assert [(r.kind, r.text) for r in ranked.reasons] == [(InterestKind.TRENDING, "")]


def test_a_profile_with_nothing_in_it_shows_all_by_votes_and_newness():
    papers = [
        _paper(1, "old", published=NOW - DAY),
        _paper(2, "new", published=NOW),
        _paper(3, "loved", published=NOW - 3 * DAY, votes=50),
    ]
    assert _titles(rank(papers, a_profile(keywords=()))) == ["loved", "new", "old"]


def test_a_paper_put_forward_for_a_profile_that_asks_for_nothing_keeps_no_other_out():
    papers = [_paper(1, "One", votes=1), _paper(2, "Two"), _paper(3, "Three")]
    (name,) = papers[1].identifiers
    ranked = rank(papers, _profile(always=(f"paper:{name}",)))
    assert set(_titles(ranked)) == {"One", "Two", "Three"}
    assert [each.paper.title for each in ranked if each.always] == ["Two"]


@pytest.mark.parametrize(
    ("said", "nothing"),
    [
        ({"threshold": 0.1}, True),
        ({"threshold": 0.1, "exclude": ("survey",)}, True),
        ({"threshold": 0.0}, False),
        ({"threshold": 0.02}, False),  # of the default's `trending`, a warm paper comes so far
        ({"threshold": 0.02, "trending": 0}, True),
        ({"threshold": 0.001, "trending": 0}, False),
        ({"threshold": 0.9, "trending": 1}, False),
        ({"threshold": 0.5, "learn": "owner"}, False),
        ({"threshold": 0.5, "always": ("paper:arXiv:2611.00001",)}, False),
        ({"threshold": 0.5, "categories": ("cs.LG",)}, False),
    ],
)
def test_a_threshold_that_nothing_reaches(said, nothing):
    profile = _profile(**({"trending": 0.2} | said))
    assert reaches_nothing(profile) is nothing
    if nothing:
        ranked = rank([_paper(1, published=NOW, votes=10**9), _paper(2)], profile)
        assert all(each.probability < profile.threshold for each in ranked)


def test_a_profile_that_only_avoids_asks_for_nothing():
    assert asks_for_nothing(_profile(exclude=("survey",), dislike=("arXiv:2611.00001",)))
    for said in (
        {"keywords": ("experts",)},
        {"about": "Experts."},
        {"like": ("arXiv:2611.00001",)},
    ):
        assert not asks_for_nothing(_profile(**said))


def test_a_profile_that_asks_for_something_shows_nothing_else():
    assert rank([FAR], _profile(keywords=("experts",))) == []


# ── Laws ──────────────────────────────────────────────────────────────────────────────────────────

WORDS = (
    "expert",
    "routing",
    "sparse",
    "token",
    "protein",
    "survey",
    "graph",
    "日本",
    "Überraschung",
)
text = st.lists(st.sampled_from(WORDS), max_size=8).map(" ".join)
NAMES = ("Noam Shazeer", "Ada Lovelace", "Kaiser, L.", "李 明")
CATEGORIES = ("cs.LG", "cs.CL", "math.CO")


@st.composite
def some_papers(draw):
    return [
        _paper(
            number,
            draw(text) or "untitled",
            draw(text),
            authors=tuple(draw(st.lists(st.sampled_from(NAMES), max_size=2))),
            categories=tuple(draw(st.lists(st.sampled_from(CATEGORIES), max_size=2))),
            votes=draw(st.none() | st.integers(0, 300)),
            published=NOW - draw(st.integers(0, 9)) * DAY,
        )
        for number in range(1, draw(st.integers(1, 6)) + 1)
    ]


EXAMPLES = tuple(
    _paper(n, f"{a} {b}", f"{b} {c} {a}")
    for n, (a, b, c) in enumerate(zip(WORDS, WORDS[1:], WORDS[2:], strict=False), start=91)
)
KNOWN = Background.of(EXAMPLES, EXAMPLES, NOW)

some_clauses = st.fixed_dictionaries(
    {
        "about": text,
        "keywords": st.lists(st.sampled_from([*WORDS, "expert routing^2"]), max_size=3),
        "authors": st.lists(st.sampled_from(["N. Shazeer", "Lukasz Kaiser^2"]), max_size=2),
        "categories": st.lists(st.sampled_from(["cs.LG", "cs", "math^0.5"]), max_size=2),
        "like": st.lists(st.sampled_from([f"arXiv:2611.{n:05d}" for n in range(91, 98)]), max_size=4),
        "dislike": st.lists(st.sampled_from(["arXiv:2611.00091", "arXiv:2611.00095"]), max_size=2),
        "always": st.lists(st.just("title:token"), max_size=1),
        "exclude": st.lists(st.sampled_from(["survey", "cat:math"]), max_size=2),
        "trending": st.sampled_from([0.0, 0.2, 1.0]),
    }
)  # fmt: skip


def _tuples(said):
    return {key: tuple(value) if isinstance(value, list) else value for key, value in said.items()}


@given(some_papers(), some_clauses)
def test_the_reasons_add_up_to_the_score(papers, said):
    for ranked in rank(papers, _profile(**_tuples(said)), KNOWN):
        assert ranked.score == pytest.approx(sum(r.share for r in ranked.reasons), abs=1e-9)
        assert all(r.share for r in ranked.reasons if r.kind is not InterestKind.ALWAYS)
        assert ranked.always == any(r.kind is InterestKind.ALWAYS for r in ranked.reasons)
        shares = [reason.share for reason in ranked.reasons]
        assert shares == sorted(shares, reverse=True)


@given(some_papers(), some_clauses, st.randoms(use_true_random=False))
def test_neither_the_order_of_papers_nor_of_clauses_matters(papers, said, random):
    expected = rank(papers, _profile(**_tuples(said)), KNOWN)
    shuffled = {k: random.sample(v, len(v)) if isinstance(v, list) else v for k, v in said.items()}
    assert (
        rank(random.sample(papers, len(papers)), _profile(**_tuples(shuffled)), KNOWN) == expected
    )


@given(some_papers(), some_clauses)
def test_the_same_input_gives_the_same_output(papers, said):
    profile = _profile(**_tuples(said))
    assert rank(papers, profile, KNOWN) == rank(list(papers), profile, KNOWN)


@given(
    some_papers(),
    st.tuples(st.sampled_from(["", "title:", "abstract:"]), text).map("".join)
    | st.sampled_from(
        ["author:N. Shazeer", "author:李明", "cat:cs.*", "cat:math.CO", "paper:arXiv:2611.00002",
         "rout*", "expert rout*", "title:Überrasch*", "paper:nothing"]
    ),
)  # fmt: skip
def test_who_is_looked_up_for_a_clause_is_who_has_it(papers, written):
    wanted = clause(written)
    expected = [at for at, paper in enumerate(papers) if matches(wanted, paper)]
    assert matching(wanted, candidates(papers)) == expected


@given(some_papers(), some_clauses)
def test_nothing_excluded_appears_and_nothing_insisted_on_is_missing(papers, said):
    ranked = {each.paper for each in rank(papers, _profile(**_tuples(said)), KNOWN)}
    for paper in papers:
        out = ("survey" in said["exclude"] and "survey" in f"{paper.title} {paper.abstract}") or (
            "cat:math" in said["exclude"] and "math.CO" in paper.categories
        )
        assert not (out and paper in ranked)
        if said["always"] and "token" in paper.title and not out:
            assert paper in ranked


@given(
    some_papers(),
    some_clauses,
    st.sampled_from(
        [("keywords", "sparse"), ("authors", "Ada Lovelace"), ("categories", "cs.CL"),
         ("like", "arXiv:2611.00093")]
    ),
)  # fmt: skip
def test_one_more_interest_never_lowers_a_score(papers, said, more):
    key, clause = more
    before = {r.paper: r.score for r in rank(papers, _profile(**_tuples(said)), KNOWN)}
    said = said | {key: [*said[key], clause]}
    after = {r.paper: r.score for r in rank(papers, _profile(**_tuples(said)), KNOWN)}
    for paper, score in before.items():
        assert after.get(paper, 0.0) >= score - 1e-9


wild_text = st.one_of(
    st.text(max_size=200),
    st.sampled_from(["", " ", "$" * 50, "\\frac{" * 30, "{" * 400, "العربية", "日本語", "🧬" * 20]),
)


@given(
    st.lists(st.tuples(wild_text, wild_text, st.lists(wild_text, max_size=2)), max_size=5),
    wild_text,
    st.lists(wild_text.filter(bool), max_size=3),
)
def test_no_paper_and_no_profile_is_too_odd(papers, about, clauses):
    made = [
        _paper(n, title or "?", abstract, authors=tuple(authors), categories=tuple(authors))
        for n, (title, abstract, authors) in enumerate(papers, start=1)
    ]
    clauses = tuple(clause[:300] for clause in clauses)
    profile = _profile(
        about=about, keywords=clauses, authors=clauses, categories=clauses, like=clauses,
        exclude=clauses[:1], always=clauses[1:2], trending=0.5,
    )  # fmt: skip
    for ranked in rank(made, profile):
        assert math.isfinite(ranked.score)
        assert 0 <= ranked.probability <= 1


def test_nothing_is_ranked_as_nothing():
    assert rank([], _profile(keywords=("experts",))) == []


def test_a_better_score_never_has_a_smaller_chance():
    for scale in (1.0, 7.6):
        chances = [probability(score / 10, scale) for score in range(-100, 300)]
        assert chances == sorted(chances)
        assert 0 < chances[0] < 0.001
        assert chances[-1] > 0.99


def test_a_score_says_more_where_little_is_asked_for_and_where_more_papers_are_wanted():
    assert probability(2.0, 1.0) > probability(2.0, 7.6)
    assert probability(2.0, share=0.1) > probability(2.0, share=0.02)
    assert probability(0.0) < 0.02, "what nothing speaks for is wanted less often than the average"


# ── Sizes ─────────────────────────────────────────────────────────────────────────────────────────


def _essay(words: int, seed: int) -> str:
    return " ".join(f"{WORDS[(n * seed) % 7]}{(n * n * seed) % 97}" for n in range(words))


def test_a_description_of_fifty_kilobytes_is_read():
    assert _score(_paper(title="expert0 routing"), about=_essay(9000, 3)[:50_000]) >= 0


@contextmanager
def _untraced():
    """Measure the ranker, not the coverage of it."""
    tracer = sys.gettrace()
    sys.settrace(None)
    try:
        yield
    finally:
        sys.settrace(tracer)


def test_fifteen_hundred_papers_and_twelve_examples_are_ranked_in_three_seconds():
    papers = [_paper(n, _essay(11, n), _essay(180, n)) for n in range(1, 1501)]
    profile = _profile(
        about=_essay(40, 5), keywords=("expert1", "routing2 token3^2"), authors=("Ada Lovelace",),
        like=tuple(f"arXiv:2611.{n:05d}" for n in range(1, 13)),
    )  # fmt: skip
    with _untraced():
        started = time.process_time()
        assert rank(papers, profile, papers[:12])
        assert time.process_time() - started < 3


@pytest.mark.parametrize(
    ("written", "one"),
    [("Indexes", "index"), ("approaches", "approach"), ("losses", "loss"), ("caches", "cache"),
     ("policies", "policy"), ("experts", "expert"), ("bias", "bias"), ("databases", "database"),
     ("Coronaviruses", "coronavirus"), ("lenses", "lens"), ("gases", "gas"), ("biases", "bias"),
     ("abuses", "abuse"), ("responses", "response")],
)  # fmt: skip
def test_a_plural_is_its_singular_as_people_write_it(written, one):
    """Reasons show these words."""
    assert words(written) == (one,)


@pytest.mark.parametrize(
    ("said", "title"),
    [("news", "A new lens on graphs"), ("DOE", "What attention does"), ("SAR", "How SARS spread"),
     ("MAR", "Dust on Mars")],
)  # fmt: skip
def test_a_word_that_ends_in_s_is_no_plural_of_another(said, title):
    """For one, `exclude = ["news"]` left out every paper with something new."""
    papers = [a_paper(title=title)]
    assert rank(papers, a_profile(keywords=(), exclude=(said,)))
    found = rank(papers, a_profile(keywords=(said,)))
    kinds = {reason.kind for ranked in found for reason in ranked.reasons}
    assert InterestKind.KEYWORD not in kinds


def test_the_fields_that_a_configuration_allows_are_those_that_are_read():
    from bot.config.checks import CLAUSE_FIELDS

    for field in CLAUSE_FIELDS:
        assert clause(f"{field}: tea").field == field.replace("category", "cat")
    assert clause("tea: a survey").field == ""
