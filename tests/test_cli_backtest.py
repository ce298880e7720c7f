"""The stored past: preview, explain and trending as of any day, and backtest day by day."""

from __future__ import annotations

import re
import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.models import Event, Opinion, Pick
from bot.store import Store
from support_cli import CONFIG, MORNING, NEXT, desk_in, walk_a_morning
from support_replay import replaying, sample_day
from support_round import (
    DAY,
    HOUR,
    NOW,
    TODAY,
    a_paper,
    absorb,
    an_edition,
    arxiv,
    shown,
    stored,
    with_profiles,
)

EVENING = ("--now", "2026-11-19T20:00Z")


@pytest.fixture(scope="module")
def site():
    with replaying(sample_day(1)) as started:
        yield started


@pytest.fixture(scope="module")
def morning(tmp_path_factory, site):
    site.show(sample_day(1))  # another test may have come first, and broken a source
    return walk_a_morning(tmp_path_factory.mktemp("morning"), site.url)


@pytest.fixture
def desk(tmp_path, monkeypatch, capsys, morning, site):
    site.show(sample_day(2))
    shutil.copytree(morning, tmp_path / "desk")
    yield from desk_in(tmp_path / "desk", monkeypatch, capsys)


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "paperround.db") as opened:
        yield with_profiles(opened, "experts")


def but_the_sources(out):
    """What was shown, less how the sources stood: that is kept for editions only."""
    out = re.sub(r'<div class="health".*?</div>\s*', "", out, flags=re.DOTALL)
    return re.sub(r"-{60,}\nAll \d sources answered.*?\n\n", "", out, flags=re.DOTALL)


def ids(papers):
    return sorted(paper.id for paper in papers)


# ── A past day, as typed ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "command",
    [
        ["preview", "experts"],
        ["preview", "experts", "--days", "7"],
        ["preview", "experts", "--days", "7", "--format", "text"],
        ["preview", "experts", "--days", "7", "--format", "html"],
        ["explain", "experts", "arXiv:2611.90006", "--json"],
        ["trending", "--json"],
        ["trending", "--period", "day"],
    ],
)
def test_a_past_evening_reads_the_same_the_next_day(desk, command):
    """The next day brings papers, new versions, more votes, editions and opinions."""
    then = desk(*EVENING, *command)
    assert then.code == 0
    assert desk(*NEXT, "once").code == 0
    desk(*NEXT, "like", "arXiv:2611.90006", "--profile", "experts")
    desk(*NEXT, "submit", "arXiv:2611.90006", "--profile", "experts")
    desk.write((desk.folder / "config.toml").read_text().replace(
        'title = "Experts"', 'title = "Experts"\nlearn = "all"'))  # fmt: skip
    assert but_the_sources(desk(*EVENING, *command).out) == but_the_sources(then.out)
    assert but_the_sources(desk(*NEXT, *command).out) != but_the_sources(then.out)


def test_before_anything_was_stored_there_was_nothing(desk):
    said = desk("--now", "2026-11-01T08:00Z", "preview", "experts")
    assert said.code == 0
    assert "0 new papers" in said.words or "no new papers" in said.words.lower()
    assert desk("--now", "2026-11-01T08:00Z", "trending", "--json").document == []
    late = desk("--now", "2026-11-01T08:00Z", "explain", "experts", "arXiv:2611.90006")
    assert (late.code, "is not stored" in late.words) == (2, True)


def test_a_preview_is_sent_as_a_test_and_leaves_no_trace(desk):
    before = desk("deliveries", "list", "--json").document
    said = desk(*EVENING, "preview", "experts", "--days", "7", "--to", "me@example.org")
    assert "A test mail went to me@example.org" in said.words
    assert desk("deliveries", "list", "--json").document == before
    assert desk("subscribers", "show", "me@example.org").code == 2


# ── The store as it stood ─────────────────────────────────────────────────────────────────────────


def test_what_came_later_is_not_there(store):
    absorb(store, a_paper(arxiv(1)), now=NOW)
    absorb(store, a_paper(arxiv(2)), now=NOW + DAY)
    then = store.as_of(NOW + HOUR)
    assert ids(then.recent(10)) == ids(then.candidates("experts", None, None, ())) == [1]
    assert ids(then.lookup([arxiv(1), arxiv(2)])) == [1]
    assert set(then.papers([1, 2])) == {1}
    assert then.newest_paper() == 1
    assert store.as_of(NOW - HOUR).recent(10) == []
    assert store.as_of(NOW - HOUR).newest_paper() == 0


def test_editions_of_later_picked_nothing_yet(store):
    absorb(store, a_paper(arxiv(1)), a_paper(arxiv(2)), now=NOW)
    an_edition(store, 1, now=NOW + HOUR)
    an_edition(store, 2, now=NOW + DAY, period=TODAY + DAY)
    assert store.as_of(NOW).last_edition("experts") is None
    then = store.as_of(NOW + 2 * HOUR)
    assert then.last_edition("experts").number == 1
    assert ids(then.candidates("experts", None, None, ())) == [2]
    assert ids(store.as_of(NOW + DAY).candidates("experts", None, None, ())) == []


def test_titles_and_versions_are_those_that_held(store):
    absorb(store, a_paper(arxiv(1), title="First", version=1), now=NOW)
    an_edition(store, 1, now=NOW)
    absorb(store, a_paper(arxiv(1), title="Second", version=2), now=NOW + DAY)
    absorb(store, a_paper(arxiv(1), title="Third", version=3), now=NOW + 2 * DAY)
    assert [store.as_of(NOW + n * DAY).papers([1])[1].title for n in range(3)] == [
        "First", "Second", "Third",
    ]  # fmt: skip
    assert [store.as_of(NOW + n * DAY).papers([1])[1].version for n in range(3)] == [1, 2, 3]
    assert store.as_of(NOW + DAY - HOUR).news("experts", NOW - DAY, NOW - DAY) == []
    (news,) = store.as_of(NOW + DAY).news("experts", NOW - DAY, NOW - DAY)
    assert (news.paper.title, news.paper.version) == ("Second", 2)


def test_votes_are_those_that_had_been_counted(store):
    paper = a_paper(arxiv(1))
    for n, votes in enumerate((5, 9, 30)):
        absorb(
            store, shown(paper, Event.SEEN, votes=votes, comments=n), source="hf", now=NOW + n * DAY
        )
    assert [store.as_of(NOW + n * DAY).papers([1])[1].votes for n in range(3)] == [5, 9, 30]
    assert store.as_of(NOW + DAY).papers([1])[1].comments == 1
    store.submit(1, "", NOW + DAY)
    assert [store.as_of(NOW + n * DAY).papers([1])[1].votes for n in range(3)] == [5, 10, 31]
    assert store.as_of(NOW - DAY).voted(TODAY - DAY, TODAY + DAY) == []


def test_what_another_source_showed_later_was_not_shown_yet(store):
    absorb(store, a_paper(arxiv(1)), source="journal", now=NOW)
    absorb(store, a_paper(arxiv(1)), source="arxiv", now=NOW + DAY)
    assert ids(store.as_of(NOW + HOUR).candidates("experts", None, None, ("arxiv",))) == []
    assert ids(store.as_of(NOW + DAY).candidates("experts", None, None, ("arxiv",))) == [1]


def test_opinions_of_later_were_not_said_yet(store):
    absorb(store, a_paper(arxiv(1)), now=NOW)
    store.put_feedback(["experts"], 1, Opinion.LIKE, NOW + DAY)
    assert store.as_of(NOW).feedback_of("experts") == []
    assert len(store.as_of(NOW + DAY).feedback_of("experts")) == 1


def test_sources_that_answered_since_are_left_out(store):
    absorb(store, a_paper(arxiv(1)), source="old", now=NOW)
    absorb(store, a_paper(arxiv(2)), source="new", now=NOW + DAY)
    assert set(store.as_of(NOW + HOUR).source_states()) == {"old"}


days_of_change = st.lists(
    st.tuples(st.integers(1, 4), st.integers(1, 5), st.integers(0, 99)), min_size=1, max_size=12
)


@given(days_of_change)
def test_any_past_moment_reads_as_the_present_did_then(tmp_path_factory, changes):
    with Store(tmp_path_factory.mktemp("past") / "paperround.db") as store:
        with_profiles(store, "experts")
        seen = []
        for n, (number, version, votes) in enumerate(changes):
            now = NOW + n * DAY
            notice = "This paper has been withdrawn" if version == 3 else ""
            paper = a_paper(
                arxiv(number), title=f"{number} v{version}", version=version, notice=notice
            )
            absorb(store, shown(paper, Event.SEEN, votes=votes), source="hf", now=now)
            if n % 3 == 2:
                picked = stored(store, arxiv(number)).id
                picks = (Pick(1, picked, version=version),)
                an_edition(store, now=now, period=TODAY + n * DAY, picks=picks)
            last = store.last_edition("experts")
            seen.append((
                now, store.recent(10), store.candidates("experts", last, None, ()),
                store.news("experts", NOW, NOW), last,
            ))  # fmt: skip
        for now, recent, candidates, news, last in seen:
            then = store.as_of(now)
            assert then.recent(10) == recent
            assert then.candidates("experts", last, None, ()) == candidates
            assert then.news("experts", NOW, NOW) == news
            assert then.last_edition("experts") == last


def test_papers_come_back_whole(store):
    absorb(store, a_paper(arxiv(1), authors=("A B", "C D"), abstract="Old.", categories=("x y",)))
    before = stored(store, arxiv(1))
    absorb(store, a_paper(arxiv(1), version=2, authors=("E F",), abstract="New."), now=NOW + DAY)
    assert store.as_of(NOW).papers([1])[1] == before


# ── backtest ──────────────────────────────────────────────────────────────────────────────────────


def test_backtest_tells_each_day_and_stores_nothing(desk):
    desk(*NEXT, "collect")
    before = desk("status", "--json").document["profiles"]
    told = desk(*NEXT, "backtest", "experts", "--json").document
    assert told["profile"] == "experts"
    assert [day["date"] for day in told["days"]] == ["2026-11-19", "2026-11-20"]
    assert [len(day["picks"]) for day in told["days"]] == [6, 6]
    first, second = ({pick["id"] for pick in day["picks"]} for day in told["days"])
    assert not first & second
    assert [t["threshold"] for t in told["thresholds"]] == [0.1, 0.3, 0.5, 0.7, 0.9]
    means = [t["a_day"] for t in told["thresholds"]]
    assert means == sorted(means, reverse=True)
    assert all(t["least"] <= t["a_day"] <= t["most"] for t in told["thresholds"])
    assert desk("status", "--json").document["profiles"] == before


def test_backtest_picks_what_the_editions_did(desk):
    desk(*NEXT, "once")
    told = desk(*NEXT, "backtest", "experts", "--json").document
    with Store(desk.state / "paperround.db") as opened:
        for day, edition in zip(told["days"], opened.editions("experts")[::-1], strict=True):
            papers = opened.papers([pick.paper for pick in edition.picks])
            new = [str(papers[p.paper].key) for p in edition.picks if p.role.value == "new"]
            assert [pick["id"] for pick in day["picks"]] == new
            assert day["considered"] == edition.considered


def test_backtest_draws_a_table_and_bars(desk):
    desk(*NEXT, "collect")
    said = desk(*NEXT, "backtest", "experts", "--days", "3")
    assert said.code == 0
    assert "Thu 19 Nov" in said.words
    assert "6 of 30" in said.words or "6 of" in said.words
    assert "█" in said.out
    assert "threshold a day least most" in said.words
    assert "Experts has no threshold, and takes at most 6 a day." in said.words


def test_backtest_keeps_to_the_profiles_days_and_hour(desk):
    text = (desk.folder / "config.toml").read_text()
    desk.write(text.replace('at = "any"\nlimit = 6', 'at = "10:00"\ndays = "thu"\nlimit = 6'))
    told = desk(*NEXT, "backtest", "experts", "--json").document
    assert [(day["date"], day["at"]) for day in told["days"]] == [
        ("2026-11-19", "2026-11-19T09:00:00Z"),
    ]  # fmt: skip
    early = desk("--now", "2026-11-19T08:59Z", "backtest", "experts", "--json").document
    assert early["days"] == []


def test_backtest_counts_what_the_first_run_after_the_hour_collected(desk):
    text = (desk.folder / "config.toml").read_text()
    desk.write(text.replace('at = "any"\nlimit = 6', 'at = "07:00"\nlimit = 6'))
    desk(*NEXT, "collect")
    told = desk(*NEXT, "backtest", "experts", "--json").document
    assert [(day["at"], len(day["picks"])) for day in told["days"]] == [
        ("2026-11-19T08:00:00Z", 6), ("2026-11-20T08:00:00Z", 6),
    ]  # fmt: skip


def test_backtest_with_nothing_stored_says_so(tmp_path, monkeypatch, capsys, site):
    (tmp_path / "config.toml").write_text(CONFIG.format(url=site.url))
    for fresh in desk_in(tmp_path, monkeypatch, capsys):
        said = fresh(*MORNING, "backtest", "experts")
        assert said.code == 0
        assert "Nothing is stored of the last 14 days" in said.words
        assert fresh(*MORNING, "backtest", "experts", "--json").document["thresholds"] == []
        assert fresh(*MORNING, "backtest", "nobody").code == 2
        assert fresh(*MORNING, "backtest", "experts", "--days", "0").code == 2
