"""An arXiv announcement of more entries than one document holds: read in groups, and all of it.

The service's 2,000 are 20 here; tests/test_sources_arxiv.py knows the real number.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web

from bot.config import SourceSettings
from bot.models import Weather
from bot.sources import arxiv
from bot.workflows.collect import PollOutcome
from bot.workflows.poll import MOST_REQUESTS
from support_collect import SearchApi, Submission, announcement, rounds

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)  # a Monday
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BUILT = NOW.replace(hour=5)
REPLACED = [f"2511.{number:05d}" for number in range(20)]
ALL = {
    "cs": REPLACED,  # and no room for what is new
    "stat": ["2611.00001", "2611.00002"],
    "math": ["2611.00002", "2611.00003"],
}


@pytest.fixture
async def world(tmp_path, monkeypatch):
    monkeypatch.setattr(arxiv, "_MOST_ANNOUNCED", len(REPLACED))
    async with rounds(tmp_path) as found:
        yield found


def a_source(world, *categories: str) -> SourceSettings:
    return SourceSettings(
        name="ml", kind="arxiv", url=world.site.url(""), categories=categories or ("stat", "math")
    )


def put(world, path: str, *numbers: str, cut: bool = False) -> None:
    """Serve an announcement; one that is cut shows 20 replacements and nothing else."""
    old = announcement(BUILT, *REPLACED, event="replace") if cut else ""
    world.site.put(f"/rss/{path}", old or announcement(BUILT, *numbers), ETag=f'"{path}-{BUILT}"')


async def test_what_a_full_announcement_cut_off_is_in_its_groups(world):
    put(world, "stat+math", cut=True)
    put(world, "stat", *ALL["stat"])
    put(world, "math", *ALL["math"])
    report = await world.walk(NOW, a_source(world))
    assert (report.outcome, report.new, report.entries) == (PollOutcome.READ, 3, 23)
    assert "is read in groups of categories" in report.detail
    assert world.titles() == ["Paper 2611.00001", "Paper 2611.00002", "Paper 2611.00003"]
    assert world.asked("/rss/") == ["/rss/stat+math", "/rss/stat", "/rss/math"]
    assert world.weather(a_source(world), NOW - DAY, NOW).weather is Weather.FINE


async def test_a_group_that_is_full_itself_is_split_further(world):
    put(world, "stat", cut=True)
    put(world, "stat.AP+stat.CO+stat.ME", "2611.00001")
    put(world, "stat.ML+stat.OT+stat.TH", cut=True)
    put(world, "stat.ML", "2611.00002")
    put(world, "stat.OT+stat.TH", "2611.00003")
    report = await world.walk(NOW, a_source(world, "stat"))
    assert (report.new, len(world.asked("/rss/"))) == (3, 5)


async def test_the_groups_are_asked_for_once_a_day_and_not_at_every_poll(world):
    """The one document's validators vouch for all: it is built anew when they are."""
    put(world, "stat+math", cut=True)
    put(world, "stat", *ALL["stat"])
    put(world, "math", *ALL["math"])
    await world.walk(NOW, a_source(world))
    assert world.state("ml").etag
    world.asked()
    report = await world.walk(NOW + HOUR, a_source(world))
    assert report.outcome is PollOutcome.UNCHANGED
    assert world.asked() == ["/rss/stat+math"]


async def test_a_group_that_cannot_be_had_is_made_up_for_by_the_search(world):
    put(world, "stat+math", cut=True)
    put(world, "stat", *ALL["stat"])
    world.site.put("/rss/math", status=500)
    listed = [Submission(number, NOW - 2 * DAY, "math.AG") for number in ALL["math"]]
    SearchApi(listed).put(world.site)
    report = await world.walk(NOW, a_source(world))
    assert report.new == 3
    assert "may be incomplete: 127.0.0.1 answered HTTP 500" in report.detail
    assert world.state("ml").owed_from is None


async def test_where_neither_answers_the_papers_are_owed_and_the_digest_says_so(world):
    put(world, "stat+math", cut=True)
    world.site.put("/rss/stat", status=503)
    api = SearchApi([Submission("2611.00009", NOW - DAY, "math.AG")], moods=["500"])
    api.put(world.site)
    await world.walk(NOW, a_source(world))
    note = world.weather(a_source(world), NOW - DAY, NOW)
    assert note.weather is Weather.INCOMPLETE
    assert "HTTP 500" in note.detail
    await world.walk(NOW + 2 * HOUR, a_source(world))
    assert world.titles() == ["Paper 2611.00009"]
    assert world.state("ml").owed_from is None


async def test_whoever_is_interrupted_between_the_groups_begins_again(world, monkeypatch):
    put(world, "stat+math", cut=True)
    put(world, "stat", *ALL["stat"])
    put(world, "math", *ALL["math"])
    absorb, left = world.store.absorb, [2]

    def dying(*given, **named):
        left[0] -= 1
        if left[0] < 0:
            raise RuntimeError("the power is gone")
        return absorb(*given, **named)

    with monkeypatch.context() as patched:
        patched.setattr(world.store, "absorb", dying)
        with pytest.raises(RuntimeError):
            await world.walk(NOW, a_source(world))
    assert world.state("ml").etag == "", "nothing may say that all of it was read"
    await world.walk(NOW + HOUR, a_source(world))
    assert len(world.titles()) == 3


async def test_a_group_that_fails_keeps_no_other_from_being_read(world):
    put(world, "stat+math", cut=True)
    world.site.put("/rss/stat", status=500)
    put(world, "math", *ALL["math"])
    world.site.put("/api/query", status=500)
    report = await world.walk(NOW, a_source(world))
    assert report.new == 2
    assert world.state("ml").owed_from is not None


async def test_a_server_that_cuts_whatever_it_is_asked_is_asked_so_often_and_no_more(world):
    async def always_full(_request):
        return web.Response(text=announcement(BUILT, *REPLACED, event="replace"))

    world.site.put_call("/rss/", always_full)
    world.site.put("/api/query", status=500)
    report = await world.walk(NOW, a_source(world, "cs", "math"))
    assert len(world.asked("/rss/")) == MOST_REQUESTS
    assert f"it goes on over more than {MOST_REQUESTS} documents" in report.detail
    assert world.state("ml").owed_from is not None


async def test_what_a_group_brings_is_news_though_the_first_document_is_not(world):
    put(world, "stat+math", cut=True)
    put(world, "stat", *ALL["stat"])
    put(world, "math", *ALL["math"])
    await world.walk(NOW, a_source(world))
    assert world.state("ml").last_new == NOW
