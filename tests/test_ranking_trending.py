"""How warm a paper is: votes by age and speed, and what else is said for it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.models import Event, Opinion, Sighting, SourceState, Tally
from bot.ranking import Background, is_spoken_of, rank, trend
from bot.ranking.trending import expected_votes
from bot.store import Store
from support_round import NOW, a_paper, a_profile, arxiv

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
PAPER = a_paper(arxiv(1))

counts = st.integers(0, 100_000)
tallies = st.builds(
    Tally,
    since=st.integers(0, 24 * 40).map(lambda hours: NOW - hours * HOUR),
    counted=st.just(NOW),
    votes=counts,
    comments=counts,
    sources=st.integers(0, 9),
    likes=st.integers(-9, 9),
    submissions=st.integers(0, 3),
)


@given(tallies)
def test_warmth_is_at_least_0_and_below_1(heard):
    assert 0 <= trend(PAPER, NOW, heard) < 1


@given(tallies, st.sampled_from(["votes", "comments", "sources", "likes", "submissions"]), counts)
def test_more_of_anything_never_cools(heard, kind, more):
    warmer = replace(heard, **{kind: getattr(heard, kind) + more})
    assert trend(PAPER, NOW, warmer) >= trend(PAPER, NOW, heard)


@given(tallies, st.integers(0, 24 * 40))
def test_age_never_warms(heard, hours):
    older = replace(heard, since=heard.since - hours * HOUR)
    assert trend(PAPER, NOW, older) <= trend(PAPER, NOW, heard)
    assert trend(PAPER, NOW + hours * HOUR, heard) <= trend(PAPER, NOW, heard)


@given(tallies)
def test_what_nobody_spoke_of_is_cold_and_all_else_is_not(heard):
    assert is_spoken_of(heard) is (trend(PAPER, NOW, heard) > 0)


def test_one_source_and_the_houses_own_comment_say_nothing():
    assert not is_spoken_of(Tally(since=NOW, sources=1, comments=1))
    assert is_spoken_of(Tally(since=NOW, sources=2))


def test_the_same_votes_in_less_time_are_warmer():
    fast = Tally(since=NOW - 2 * HOUR, counted=NOW, votes=12)
    slow = Tally(since=NOW - 20 * HOUR, counted=NOW, votes=12)
    assert expected_votes(fast, NOW) > expected_votes(slow, NOW) > 12


def test_speed_is_told_by_when_votes_were_counted_not_by_when_one_asks():
    heard = Tally(since=NOW - 3 * HOUR, counted=NOW, votes=12)
    assert expected_votes(heard, NOW + 30 * DAY) == expected_votes(heard, NOW)


def test_a_week_old_count_is_what_it_is():
    heard = Tally(since=NOW - 9 * DAY, counted=NOW, votes=40)
    assert expected_votes(heard, NOW) == pytest.approx(40)


def test_what_nobody_spoke_for_is_cold_and_a_first_vote_is_no_storm():
    quiet = Tally(since=NOW, votes=0, comments=1, sources=1, likes=-3)
    assert trend(PAPER, NOW, quiet) == 0
    assert 0 < trend(PAPER, NOW, replace(quiet, votes=1)) < 0.3


def test_without_a_reception_the_paper_tells_its_own():
    paper = a_paper(arxiv(1), votes=100, first_seen=NOW - DAY)
    assert trend(paper, NOW) == trend(paper, NOW, Tally(since=NOW - DAY, votes=100))
    assert trend(paper, NOW + 4 * DAY) < trend(paper, NOW) / 2
    assert trend(paper, NOW - 2 * DAY) > 0, "a clock that goes back breaks nothing"
    assert trend(replace(paper, votes=None), NOW) == 0


def test_two_sources_and_local_likes_warm_a_paper_without_votes():
    for heard in (
        Tally(since=NOW, sources=2),
        Tally(since=NOW, likes=1),
        Tally(since=NOW, submissions=1),
    ):
        assert trend(PAPER, NOW, heard) > 0


def test_ranking_looks_at_what_was_said():
    one, other = a_paper(arxiv(1), title="One", id=1), a_paper(arxiv(2), title="Other", id=2)
    background = Background(
        now=NOW, tallies={2: Tally(since=NOW, votes=30), 1: Tally(since=NOW, votes=3)}
    )
    ranked = rank([one, other], a_profile(keywords=(), trending=1.0), background)
    assert [each.paper.title for each in ranked] == ["Other", "One"]


# ── In the store ──────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "paperround.db") as opened:
        opened.found("example.org,2026")
        yield opened


def _show(store, at, votes=None, comments=None, source="daily", number=1, published=None) -> int:
    paper = a_paper(arxiv(number), votes=votes, comments=comments, published=published)
    sighting = Sighting(paper, Event.SEEN, at, "", votes, comments)
    store.absorb(source, [sighting], SourceState(source), at, introduces=frozenset(Event))
    return store.lookup([arxiv(number)])[0].id


def test_the_store_tells_votes_since_when_and_how_many_sources_and_opinions(store):
    _show(store, NOW - 9 * DAY, votes=1, number=9)
    _show(store, NOW - 2 * DAY, source="arxiv")
    _show(store, NOW - DAY, votes=4, comments=1)
    id_ = _show(store, NOW, votes=40, comments=3)
    heard = store.tallies([id_])[id_]
    assert heard == Tally(
        since=NOW - DAY, counted=NOW, votes=40, comments=3, sources=2, likes=0, submissions=0
    )
    then = store.tallies([id_], NOW - DAY)[id_]
    assert (then.votes, then.comments, then.counted) == (4, 1, NOW - DAY)
    assert store.tallies([404]) == {}


def test_local_likes_count_less_the_dislikes(store):
    id_ = _show(store, NOW, votes=2)
    store.mirror_profiles({"experts": "f"})
    for reader, opinion in enumerate([Opinion.LIKE, Opinion.LIKE, Opinion.DISLIKE]):
        store.put_feedback(["experts"], id_, opinion, NOW, subscriber=reader)
    assert store.tallies([id_])[id_].likes == 1
    assert store.tallies([id_], NOW - HOUR)[id_].likes == 0


def test_what_was_there_at_the_first_count_is_as_old_as_it_is(store):
    id_ = _show(store, NOW, votes=60, published=NOW - 5 * DAY)
    assert store.tallies([id_])[id_].since == NOW - 5 * DAY


def test_a_submission_counts_beside_the_votes_of_a_source(store):
    id_ = _show(store, NOW, votes=2)
    store.submit(id_, "", NOW)
    heard = store.tallies([id_])[id_]
    assert (heard.votes, heard.submissions, heard.sources) == (3, 1, 1)
    assert heard.votes == store.lookup([arxiv(1)])[0].votes
