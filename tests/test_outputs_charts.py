"""What is trending in a day, a week, a month: by the votes that came in it."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.models import Event
from bot.outputs.charts import (
    PAPERS_SHOWN,
    Chart,
    day_of,
    filled,
    month_of,
    periods,
    vote_series,
    week_of,
)
from bot.outputs.wording import stretch
from bot.ports import PaperHistory, Seen
from outputs_samples import arxiv_paper, november, shown

PAPER = arxiv_paper(1, "One")
OTHER = arxiv_paper(2, "Two")
TITLES = {paper.id: paper.title for paper in (PAPER, OTHER)}


def history(*counts, source="hf"):
    return PaperHistory(shown(source, *((november(day), votes, 0) for day, votes in counts)))


def chart(period, **histories):
    papers = {"one": PAPER, "two": OTHER}
    by_id = {papers[name].id: told for name, told in histories.items()}
    (found,) = filled([Chart(period)], by_id)
    return [(TITLES[one.paper], one.gained, one.votes) for one in found.papers]


def test_a_paper_that_was_never_seen_before_brings_all_its_votes():
    assert chart(day_of(november(19)), one=history((19, 12), (20, 45))) == [("One", 12, 12)]


def test_later_it_brings_what_came_since():
    told = history((19, 12), (20, 45))
    assert chart(day_of(november(20)), one=told) == [("One", 33, 45)]
    assert chart(week_of(november(20)), one=told) == [("One", 45, 45)]


def test_the_most_votes_stand_first_and_a_tie_goes_to_the_one_with_more_in_all():
    told = {"one": history((18, 90), (20, 100)), "two": history((20, 10))}
    assert chart(day_of(november(20)), **told) == [("One", 10, 100), ("Two", 10, 10)]


@pytest.mark.parametrize("counts", [((19, 5), (20, 5)), ((19, 5), (20, 3)), ((19, 5),), ((20, 0),)])
def test_without_new_votes_a_paper_is_not_on_the_chart(counts):
    assert chart(day_of(november(20)), one=history(*counts)) == []


def test_of_two_sources_the_one_that_counts_more_is_believed():
    one = history((19, 4), (20, 5), source="a").seen + history((20, 50), source="b").seen
    assert [seen.votes for seen in vote_series(PaperHistory(one))] == [50]


def test_a_sighting_without_votes_is_none_of_the_series():
    seen = (Seen("arxiv", Event.NEW, november(19)), *history((20, 5)).seen)
    assert [one.day for one in vote_series(PaperHistory(seen))] == [november(20)]
    assert vote_series(PaperHistory()) == ()


def test_a_chart_has_fifty_papers_at_most():
    histories = {n: history((20, n + 1)) for n in range(80)}
    (found,) = filled([Chart(day_of(november(20)))], histories)
    assert len(found.papers) == PAPERS_SHOWN
    assert found.papers[0].votes == 80


def test_periods_are_named_as_their_addresses():
    day = date(2027, 1, 1)
    assert [period(day).name for period in (day_of, week_of, month_of)] == [
        "2027-01-01", "2026-W53", "2027-01",
    ]  # fmt: skip
    assert week_of(day).path == "trending/2026-W53/index.html"


def test_a_period_knows_its_neighbours_what_it_holds_and_what_holds_it():
    charts = {c.period.name: c for c in periods([november(20), november(19), date(2026, 10, 30)])}
    assert list(charts) == [
        "2026-10-30", "2026-11-19", "2026-11-20", "2026-W44", "2026-W47", "2026-10", "2026-11",
    ]  # fmt: skip
    assert charts["2026-11-19"].earlier.name == "2026-10-30"
    assert charts["2026-11-19"].later.name == "2026-11-20"
    assert [p.name for p in charts["2026-11-19"].around] == ["2026-W47", "2026-11"]
    assert [p.name for p in charts["2026-11"].inside][-2:] == ["2026-11-19", "2026-11-20"]
    assert charts["2026-10"].earlier is None
    assert charts["2026-11"].later is None


@given(st.lists(st.dates(), min_size=1, max_size=8))
def test_every_day_of_any_calendar_is_in_its_week_and_its_month(days):
    for chart in periods(days):
        assert chart.period.first <= chart.period.last
        assert chart.period.last - chart.period.first <= timedelta(days=30)
    for day in days:
        for period in (day_of(day), week_of(day), month_of(day)):
            assert period.first <= day <= period.last


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        ((2026, 11, 16), (2026, 11, 22), "16 to 22 November 2026"),
        ((2026, 9, 28), (2026, 10, 4), "28 September to 4 October 2026"),
        ((2026, 12, 28), (2027, 1, 3), "28 December 2026 to 3 January 2027"),
        ((2026, 11, 20), (2026, 11, 20), "20 November 2026"),
    ],
)
def test_a_stretch_of_days_reads_well(first, last, said):
    assert stretch(date(*first), date(*last)) == said
