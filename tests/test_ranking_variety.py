"""Nothing told twice, every interest told of, and votes that drown nobody."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.models import InterestKind, Paper, Ranked, Reason
from bot.outputs.cards import alike_links, paper_card
from bot.ranking import covering, folded
from support_round import a_paper, a_profile, arxiv, doi

TEXT = (
    "Sparse experts read long documents one page at a time and keep what matters. A small router asks "
    "which expert reads next, and learns from its own mistakes without a teacher. Measured on eleven "
    "libraries, the router halves reading time."
)


def _paper(number: int, title: str = "", abstract: str = "", **fields) -> Paper:
    return a_paper(arxiv(number), title=title or f"Number {number}", abstract=abstract, **fields)


def _ranked(*papers: Paper, always: tuple[int, ...] = ()) -> list[Ranked]:
    return [
        Ranked(paper, float(len(papers) - at), (), at in always) for at, paper in enumerate(papers)
    ]


def _told(ranked: list[Ranked]) -> list[list[str]]:
    return [[one.paper.title for one in (each, *each.folded)] for each in ranked]


# ── Near-duplicates ───────────────────────────────────────────────────────────────────────────────


def test_one_text_under_two_records_is_one_pick():
    preprint = _paper(1, "Sparse experts that read", TEXT)
    journal = a_paper(
        doi(2), title="Sparse Experts That Read Long Documents", abstract=TEXT + " It is cheap."
    )
    other = _paper(3, "A calm router", "Routers wait until somebody has something to say to them.")
    assert _told(folded(_ranked(preprint, other, journal), 5)) == [
        ["Sparse experts that read", "Sparse Experts That Read Long Documents"], ["A calm router"],
    ]  # fmt: skip


def test_the_same_title_is_one_pick_where_the_authors_can_be_the_same():
    one = _paper(1, "Reading long documents with sparse experts", authors=("Ana Díaz", "B. Roe"))
    same = a_paper(
        doi(2), title="Reading Long Documents With Sparse Experts", authors=("Diaz, A.",)
    )
    stranger = _paper(3, "Reading long documents with sparse experts", authors=("C. Moe",))
    assert [len(each) for each in _told(folded(_ranked(one, same, stranger), 5))] == [2, 1]


def test_short_titles_and_short_texts_tell_too_little():
    papers = [_paper(1, "Editorial"), _paper(2, "Editorial"), _paper(3, "Erratum", "See text.")]
    assert [len(each) for each in _told(folded(_ranked(*papers), 5))] == [1, 1, 1]


VOLUME = (
    "Publication date: 1 March 2026 Source: Journal of Computational Physics, Volume 523, Part B"
)
LICENCE = (
    "This is an open access article distributed under the terms of the Creative Commons Attribution "
    "License, which permits unrestricted use, distribution, and reproduction in any medium, provided the "
    "original work is properly cited."
)
SUBJECTS = "vision speech chemistry weather law music robotics folding".split()


@pytest.mark.parametrize("count", [2, 3, 8])
@pytest.mark.parametrize("told", [VOLUME, LICENCE, f"We measured it twice. {LICENCE}"])
@pytest.mark.parametrize("known", [False, True])
def test_what_a_publisher_fills_in_makes_no_papers_one(count, told, known):
    """Of one surname, and nobody the same."""
    papers = [
        _paper(n, f"Experts in {subject}", told, authors=(f"{subject} Zhang",) if known else ())
        for n, subject in enumerate(SUBJECTS[:count], start=1)
    ]
    assert [len(each) for each in _told(folded(_ranked(*papers), 10))] == [1] * count


def test_no_more_are_folded_than_a_card_names():
    papers = [
        _paper(n, "Reading long documents with experts", authors=("Ada Example",))
        for n in range(1, 14)
    ]
    told = folded(_ranked(*papers), 20)
    assert [len(each.folded) for each in told] == [5, 5, 0]
    card = paper_card(papers[0], today=date(2026, 11, 20), alike=alike_links(papers[1:7]))
    assert len(card.alike) == 5


def test_of_one_text_too_no_more_are_folded():
    papers = [_paper(n, f"Sparse experts {n}", TEXT) for n in range(1, 5)]
    others = [_paper(n, "Sparse experts that read it", TEXT) for n in range(5, 12)]
    told = folded(_ranked(*papers, *others), 20)
    assert max(len(each.folded) for each in told) == 5


def test_one_text_that_a_publisher_added_a_licence_to_is_one_pick_still():
    papers = [
        _paper(n, f"Experts in {subject}", LICENCE) for n, subject in enumerate(SUBJECTS, start=1)
    ]
    preprint = _paper(20, "Sparse experts that read", TEXT, authors=("Ana Díaz", "B. Roe"))
    journal = _paper(21, "Reading with few experts", f"{TEXT} {LICENCE}", authors=("Diaz, A.",))
    told = _told(folded(_ranked(preprint, *papers, journal), 20))
    assert told[0] == ["Sparse experts that read", "Reading with few experts"]


def test_what_a_profile_insists_on_is_not_hidden_in_another():
    papers = [_paper(1, "Sparse experts", TEXT), _paper(2, "Sparse experts again", TEXT)]
    (leader,) = folded(_ranked(*papers, always=(1,)), 5)
    assert leader.always


words = st.lists(
    st.sampled_from("red blue calm long short wide deep old new far".split()), max_size=9
)


@given(st.lists(words, max_size=12), st.integers(1, 4))
def test_folding_loses_nothing_and_keeps_the_order(texts, limit):
    papers = [
        _paper(n, " ".join(text[:4]), " ".join(text * 4)) for n, text in enumerate(texts, start=1)
    ]
    ranked = _ranked(*papers)
    told = folded(ranked, limit)
    everything = [one.paper for each in told for one in (each, *each.folded)]
    assert sorted(map(id, everything)) == sorted(map(id, papers))
    leaders = [each.score for each in told]
    assert leaders == sorted(leaders, reverse=True)
    assert all(one.score <= each.score for each in told for one in each.folded)


# ── Interests ─────────────────────────────────────────────────────────────────────────────────────


def _fits(number: int, **shares: float) -> Ranked:
    """A paper that keywords speak for, `votes` among them for the community's."""
    reasons = tuple(
        Reason(InterestKind.TRENDING if name == "votes" else InterestKind.KEYWORD, name, share)
        for name, share in shares.items()
    )
    return Ranked(_paper(number), math.fsum(shares.values()), reasons)


def _chosen(ranked: list[Ranked], places: int, **profile) -> list[Ranked]:
    best_first = sorted(ranked, key=lambda each: -each.score)
    return covering(a_profile(**profile))(best_first, places)


def test_a_second_interest_has_a_place_beside_three_of_the_first():
    ranked = [
        _fits(1, routing=2.0),
        _fits(2, routing=1.9),
        _fits(3, routing=1.8),
        _fits(4, tea=1.7),
    ]
    assert [each.reasons[0].text for each in _chosen(ranked, 3)] == ["routing", "routing", "tea"]


def test_a_much_better_paper_keeps_its_place():
    ranked = [_fits(1, routing=2.0), _fits(2, routing=1.9), _fits(3, tea=1.0)]
    assert [each.reasons[0].text for each in _chosen(ranked, 2)] == ["routing", "routing"]


shares = st.dictionaries(
    st.sampled_from(["routing", "tea", "stars", "votes"]), st.floats(0.01, 5), min_size=1
)


@given(st.lists(shares, max_size=20), st.integers(1, 8), st.floats(0, 1))
def test_choosing_keeps_its_laws(said, places, weight):
    ranked = [_fits(number, **each) for number, each in enumerate(said, start=1)]
    best_first = sorted(ranked, key=lambda each: -each.score)
    chosen = _chosen(ranked, places, trending=weight)
    assert len(chosen) == min(places, len(ranked)), "no place stays empty"
    order = [best_first.index(each) for each in chosen]
    assert order == sorted(order), "what is chosen keeps its order"
    crowd = [each for each in ranked if _by_votes(each)]
    room = max(math.ceil(weight * places), places - (len(ranked) - len(crowd)))
    assert sum(each in crowd for each in chosen) <= room, "votes drown nobody"
    for each in (each for each in best_first if each not in chosen and each not in crowd):
        assert all(each.score * 0.75 <= other.score + 1e-6 for other in chosen)


@given(st.lists(shares, max_size=20), st.integers(1, 8))
def test_each_place_goes_to_the_paper_that_adds_most_to_those_before(said, places):
    best_first = sorted(
        (_fits(number, **each) for number, each in enumerate(said, start=1)),
        key=lambda each: -each.score,
    )
    told: Counter[str] = Counter()
    left = list(range(len(best_first)))
    taken: list[int] = []
    while left and len(taken) < places:
        best = max(left, key=lambda at: (round(_adds(best_first[at], told), 9), -at))
        left.remove(best)
        taken.append(best)
        for reason in best_first[best].reasons:
            told[reason.text] += reason.share / best_first[best].score
    chosen = [best_first[at] for at in sorted(taken)]
    assert _chosen(best_first, places, trending=1.0) == chosen


def _adds(ranked: Ranked, told: Counter[str]) -> float:
    """Return what a paper is worth beside those that were taken."""
    return ranked.score - math.fsum(
        reason.share * 0.2 * (1 - 0.5 ** told[reason.text]) for reason in ranked.reasons
    )


def _by_votes(ranked: Ranked) -> bool:
    """Whether votes speak for a paper, and what else does is less than any clause would give."""
    others = [r.share for r in ranked.reasons if r.kind is not InterestKind.TRENDING]
    return len(others) < len(ranked.reasons) and math.fsum(others) < 0.1


def _names(ranked: Ranked) -> list[str]:
    return [reason.text for reason in ranked.reasons]


def test_however_many_votes_the_crowds_papers_have_a_share_of_the_places():
    crowd = [_fits(number, votes=9.0) for number in range(1, 30)]
    mine = [_fits(number, routing=0.2) for number in range(31, 61)]
    chosen = _chosen(crowd + mine, 10, trending=0.2)
    assert [_names(each)[0] for each in chosen].count("votes") == 2


def test_a_few_words_in_common_make_no_paper_of_the_crowds_ones_own():
    crowd = [_fits(number, votes=9.0, **{"parts of words": 0.05}) for number in range(1, 30)]
    mine = [_fits(number, routing=0.2) for number in range(31, 61)]
    chosen = _chosen(crowd + mine, 10, trending=0.2)
    assert ["routing" in _names(each) for each in chosen].count(True) == 8


def test_where_nothing_else_speaks_votes_fill_the_edition():
    crowd = [_fits(number, votes=float(number)) for number in range(1, 30)]
    assert len(_chosen(crowd, 10, trending=0.2)) == 10


def test_one_interest_alone_is_chosen_by_score():
    ranked = [_fits(number, routing=number / 7) for number in range(1, 20)]
    chosen = _chosen(ranked, 5)
    assert [each.score for each in chosen] == sorted((r.score for r in ranked), reverse=True)[:5]


def test_what_is_insisted_on_is_nobodys_crowd():
    insisted = replace(_fits(1, votes=0.1), always=True)
    chosen = _chosen([insisted, *(_fits(n, routing=1.0) for n in range(2, 9))], 5, trending=0.0)
    assert len(chosen) == 5


@given(st.lists(shares, max_size=40), st.integers(1, 4), st.floats(0, 1))
def test_who_is_the_crowds_is_asked_no_further_down_than_it_matters(said, places, trending):
    """As if all had been looked at: of the crowd's papers the first have the room there is."""
    ranked = sorted((_fits(n, **each) for n, each in enumerate(said)), key=lambda r: -r.score)
    votes = [each for each in ranked if _by_votes(each)]
    others = [each for each in ranked if not _by_votes(each)]
    room = max(math.ceil(trending * places), places - len(others))
    admitted = [each for each in ranked if each not in votes[room:]][: 8 * places]
    chosen = _chosen(ranked, places, trending=trending)
    assert chosen == _chosen(admitted, places, trending=1.0)
