"""What a source's `every`, `backfill`, `enabled` and `token` do, over HTTP and into the store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bot.config import SourceSettings
from bot.errors import ConfigError, Mistake
from bot.workflows.collect import PollOutcome
from support_collect import (
    PreprintApi,
    Rounds,
    SearchApi,
    Submission,
    announcement,
    preprint,
    rounds,
)

NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)  # a Friday
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.fixture
async def world(tmp_path):
    async with rounds(tmp_path) as found:
        found.site.put("/j", feed({"New": NOW, "Old": NOW - 5 * DAY, "Older": NOW - 30 * DAY}))
        yield found


def feed(dated: dict[str, datetime]) -> str:
    items = "".join(
        f"<item><title>{title}</title><link>https://j.example/{title}</link>"
        f"<pubDate>{at:%a, %d %b %Y %H:%M:%S +0000}</pubDate></item>"
        for title, at in dated.items()
    )
    return f'<rss version="2.0"><channel><title>J</title>{items}</channel></rss>'


def a_source(world: Rounds, **said: object) -> SourceSettings:
    told = {"name": "j", "kind": "feed", "url": world.site.url("/j")}
    return SourceSettings.model_validate(told | said)


@pytest.mark.parametrize(("every", "asked"), [("30m", 9), ("1h", 5), ("2h", 3), ("1d", 1)])
async def test_every_says_how_often_a_source_is_asked(world, every, asked):
    source = a_source(world, every=every)
    for tick in range(0, 4 * 60 + 1, 15):
        await world.walk(NOW + tick * MINUTE, source)
    assert len(world.asked()) == asked


@pytest.mark.parametrize(
    ("backfill", "new"),
    [("1d", ["New"]), ("7d", ["New", "Old"]), ("8w", ["New", "Old", "Older"]), ("0d", ["New"])],
)
async def test_backfill_says_what_the_first_fetch_counts_as_new(world, backfill, new):
    await world.walk(NOW, a_source(world, backfill=backfill))
    assert world.new() == new
    assert len(world.titles()) == 3, "older ones are stored as seen"


async def test_backfill_says_how_far_back_services_are_asked_on_day_one(world):
    PreprintApi([preprint(1)]).put(world.site)
    source = a_source(world, kind="biorxiv", url=world.site.url(""), backfill="3d")
    await world.walk(NOW, source)
    assert world.asked() == ["/details/biorxiv/2026-11-17/2026-11-20/0/json"]


async def test_what_comes_later_is_new_whatever_its_date(world):
    source = a_source(world)
    await world.walk(NOW, source)
    world.site.put("/j", feed({"Late": NOW - 60 * DAY}))
    await world.walk(NOW + 2 * HOUR, source)
    assert "Late" in world.new()


async def test_a_source_that_is_off_is_never_asked_and_goes_on_where_it_was(world):
    source, off = a_source(world), a_source(world, enabled=False)
    other = a_source(world, name="other")
    await world.walk(NOW, source)
    before = world.state("j")
    report = await world.walk(NOW + DAY, off, other)
    assert report.source == "other"
    assert world.state("j") == before
    world.asked()
    await world.walk(NOW + 2 * DAY, source)
    assert len(world.asked()) == 1


@pytest.mark.parametrize("kind", ["feed", "biorxiv", "arxiv", "huggingface"])
async def test_a_token_goes_along_with_every_request(world, kind):
    world.token = lambda source: f"secret of {source.name}"
    SearchApi([Submission("2611.00001", NOW - DAY)]).put(world.site)
    PreprintApi([preprint(n) for n in range(4)]).put(world.site)
    world.site.put("/rss/cs.LG", announcement(NOW + DAY))
    world.site.put("/api/daily_papers", "[]")
    base = world.site.url("/j" if kind == "feed" else "")
    categories = ("cs.LG",) if kind == "arxiv" else ()
    source = a_source(world, kind=kind, url=base, categories=categories, token="env:TOKEN")
    report = await world.walk(NOW + DAY, source)
    assert report.outcome is PollOutcome.READ
    asked = [headers.get("authorization") for _, headers in world.site.requests]
    assert set(asked) == {"Bearer secret of j"}
    assert len(asked) == {"biorxiv": 2, "arxiv": 2, "huggingface": 1 + 7, "feed": 1}[kind]


@pytest.mark.parametrize("kind", ["feed", "biorxiv"])
async def test_a_token_that_is_missing_is_a_failure_in_words_and_nothing_is_asked(world, kind):
    def missing(_: SourceSettings) -> str:
        raise ConfigError([Mistake("config.toml", "", "env:TOKEN", "TOKEN is not set")])

    world.token = missing
    report = await world.walk(NOW, a_source(world, kind=kind, token="env:TOKEN"))
    assert report.outcome is PollOutcome.FAILED
    assert report.detail.startswith("was not asked, its token is missing: ")
    assert "TOKEN is not set" in report.detail
    assert world.asked() == []
