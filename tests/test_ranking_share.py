"""The share of wanted papers: a profile's own where its readers said enough, else the stated one."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import ranking
from bot.identity import known_by
from bot.models import Feedback, Opinion
from bot.ranking import Background, rank
from bot.ranking.calibration import MEANING, WANTED_SHARE, WORDS, probability, share_by
from bot.store import Store
from bot.workflows.compose import ranked_papers
from support_round import (
    NOW,
    WORKERS,
    a_paper,
    a_profile,
    absorb,
    an_edition,
    arxiv,
    with_profiles,
)

SCORES = [n / 10 for n in range(5, 45)]


def opinions(share: float, curve=WORDS) -> list[tuple[float, bool]]:
    """What readers would say of papers with these scores where that share of all is wanted.

    Of each score so many times that the liked among them are as the probability says.
    """
    found = []
    for score in SCORES:
        liked = round(20 * probability(score, 1.0, share, curve))
        found += [(score, at < liked) for at in range(20)]
    return found


@pytest.mark.parametrize("curve", [WORDS, MEANING])
@pytest.mark.parametrize("share", [0.005, 0.02, 0.08, 0.15])
def test_many_opinions_tell_the_share(share, curve):
    found = share_by(opinions(share, curve), 1.0, curve)
    assert abs(math.log(found / share)) < 0.25


def test_few_opinions_or_one_sided_ones_leave_the_stated_share():
    assert share_by([]) == WANTED_SHARE
    assert share_by([(1.0, True)] * 10 + [(1.0, False)] * 9) == WANTED_SHARE
    assert share_by([(1.0, True)] * 50 + [(1.0, False)] * 2) == WANTED_SHARE
    assert share_by([(1.0, True)] * 10 + [(1.0, False)] * 10) != WANTED_SHARE


@given(st.lists(st.tuples(st.floats(0, 50), st.booleans()), max_size=60))
def test_a_share_is_within_bounds_whatever_is_said(judged):
    assert 0.002 * 0.99 <= share_by(judged) <= 0.2 * 1.01


@given(st.lists(st.tuples(st.floats(0, 5), st.booleans()), min_size=20, max_size=60))
def test_one_more_like_never_lowers_it(judged):
    base = [*judged, *[(1.0, True)] * 3, *[(1.0, False)] * 3]
    assert share_by([*base, (1.0, True)]) >= share_by(base) - 1e-9
    assert share_by([*base, (1.0, False)]) <= share_by(base) + 1e-9


def said(numbers, opinion, subscriber=0):
    return [Feedback("experts", a_paper(arxiv(n)), opinion, NOW, subscriber) for n in numbers]


def test_whose_word_counts_is_as_in_learning():
    papers = {each.paper for each in said(range(1, 5), Opinion.LIKE)}
    feedback = [
        *said([1, 2], Opinion.LIKE), *said([2, 3], Opinion.DISLIKE, 7), *said([3], Opinion.DISLIKE, 8),
        *said([4], Opinion.LIKE, 7), *said([4], Opinion.DISLIKE, 8),
    ]  # fmt: skip
    everyone = ranking.judged(a_profile(learn="all"), feedback, {0})
    assert {min(map(str, p.identifiers))[-1]: wanted for p, wanted in everyone.items()} == {
        "1": True, "2": True, "3": False,
    }  # fmt: skip
    for learn in ("owner", "none"):
        assert len(ranking.judged(a_profile(learn=learn), feedback, {0})) == 2
    assert not ranking.judged(a_profile(learn="all"), feedback, set())
    assert len(papers) == 4


async def test_a_threshold_means_more_papers_where_readers_want_more(tmp_path):
    profile = a_profile(keywords=("experts",), threshold=0.5, trending=0.0)
    with with_profiles(Store(tmp_path / "paperround.db"), "experts") as store:
        papers = [a_paper(arxiv(n), title=f"Experts {n}") for n in range(1, 41)]
        absorb(store, *papers)
        an_edition(store, *range(1, 31))
        before = (await ranked_papers(store.recent(50), profile, store, WORKERS, NOW))[0]
        for n in range(1, 41):  # ten of them were never picked: who judges them chose them
            opinion = Opinion.DISLIKE if n <= 4 else Opinion.LIKE
            store.put_feedback(["experts"], n, opinion, NOW)
        assert store.picked_among("experts", range(1, 41)) == set(range(1, 31))
        after = (await ranked_papers(store.recent(50), profile, store, WORKERS, NOW))[0]
        assert after.score == before.score
        assert after.probability > before.probability
        past = store.as_of(NOW)
        assert past.picked_among("experts", [1, 40]) == {1}


def test_what_an_opinion_taught_does_not_count_in_its_own_score():
    papers = [a_paper(arxiv(n), title=f"Experts of kind {n}") for n in range(1, 30)]
    liked = a_profile(keywords=(), like=tuple(f"arXiv:2611.{n:05d}" for n in range(1, 30)))
    background = Background(examples=known_by(papers), now=NOW)
    judged = {paper: n % 2 == 0 for n, paper in enumerate(papers)}
    found = ranking.share_wanted(judged, liked, background)
    alone = rank(papers[:1], liked, background)[0]
    assert 0.002 <= found <= 0.2
    assert all(reason.text != "Experts of kind 1" for reason in alone.reasons)
