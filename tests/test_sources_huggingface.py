from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web

from bot.config import SourceSettings
from bot.errors import ParseError
from bot.models import Document, Event, Identifier, Parsed, Rel, Scheme, SourceState, Stamp
from bot.sources import parse, request
from bot.workflows.collect import PollOutcome
from support_collect import rounds

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SOURCE = SourceSettings(name="hf", kind="huggingface")

ENTRY = {
    "paper": {
        "id": "2611.00001",
        "authors": [
            {"name": "A One", "hidden": False},
            {"name": "Nobody", "hidden": True},
            {"name": " B\n Two "},
            {"user": {}},
            None,
        ],
        "publishedAt": "2026-11-20T03:18:29.000Z",
        "submittedOnDailyAt": "2026-11-23T00:24:18.639Z",
        "title": "Routing\n of experts",
        "summary": "We route $a<b$.\nWell.",
        "upvotes": 42,
        "githubRepo": "https://github.com/a/b",
        "projectPage": "javascript:alert(1)",
        "ai_keywords": ["x"],
    },
    "publishedAt": "2026-11-19T22:18:29.000Z",
    "title": "Routing",
    "numComments": 3,
}


def read(value: object, now: datetime = NOW) -> Parsed:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return parse(SOURCE, Document("https://huggingface.co/api/daily_papers", body), now)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("", "https://huggingface.co/api/daily_papers?limit=100"),
        ("http://127.0.0.1:1/", "http://127.0.0.1:1/api/daily_papers?limit=100"),
        ("https://h.example/api/daily_papers?p=2", "https://h.example/api/daily_papers?p=2"),
    ],
)
def test_the_days_list_is_asked_for(url, expected):
    source = SourceSettings(name="hf", kind="huggingface", url=url)
    assert request(source, SourceState("hf"), NOW).url == expected


def test_an_entry_becomes_a_sighting_with_votes_and_links():
    (sighting,) = read([ENTRY]).sightings
    paper = sighting.paper
    assert paper.title == "Routing of experts"
    assert paper.authors == ("A One", "B Two")
    assert paper.abstract == "We route $a<b$. Well."
    assert paper.identifiers == {Identifier(Scheme.ARXIV, "2611.00001")}
    assert paper.published == datetime(2026, 11, 20, 3, 18, 29, tzinfo=UTC)
    assert (paper.votes, paper.comments) == (sighting.votes, sighting.comments) == (42, 3)
    assert sighting.event is Event.SEEN
    assert sighting.at == datetime(2026, 11, 23, 0, 24, 18, 639000, tzinfo=UTC)
    assert sighting.guid == "arxiv:2611.00001"
    assert paper.link(Rel.CODE) == "https://github.com/a/b"
    assert paper.link(Rel.DISCUSSION) == "https://huggingface.co/papers/2611.00001"
    assert paper.link(Rel.PROJECT) == ""  # no web address
    assert dict(paper.stamps)["title"] == Stamp(10, 0, "2026-11-20")


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"paper": {"organization": {"name": "ex-lab", "fullname": "Ex Lab"}}}, "ex-lab"),
        ({"organization": {"name": "ex-lab"}}, "ex-lab"),
        ({"organization": {"name": "../evil"}}, ""),
        ({"organization": "Ex"}, ""),
    ],
)
def test_the_organisation_is_a_link(entry, expected):
    paper = {"id": "2611.00001", **entry.get("paper", {})}
    (sighting,) = read([{**entry, "paper": paper}]).sightings
    address = f"https://huggingface.co/{expected}" if expected else ""
    assert sighting.paper.link(Rel.ORGANISATION) == address


def test_everything_but_the_id_is_optional():
    (sighting,) = read([{"paper": {"id": "2611.00001"}}]).sightings
    assert sighting.paper.title == "arXiv:2611.00001"
    assert (sighting.votes, sighting.comments, sighting.at) == (None, None, None)


@pytest.mark.parametrize(
    "fields",
    [
        {"upvotes": "many"},
        {"upvotes": -1},
        {"upvotes": True},
        {"upvotes": 10**30},
        {"publishedAt": "yesterday"},
        {"publishedAt": "0001-01-01T00:00:00+14:00"},
        {"publishedAt": 5},
        {"authors": "A One"},
        {"title": None},
        {"githubRepo": "https://[", "summary": ["x"]},
    ],
)
def test_a_field_of_the_wrong_kind_is_as_good_as_none(fields):
    (sighting,) = read([{"paper": {"id": "2611.00001v2", **fields}}]).sightings
    assert sighting.paper.identifiers == {Identifier(Scheme.ARXIV, "2611.00001")}
    assert (sighting.votes, sighting.paper.published) == (None, None)


def test_malformed_entries_are_skipped_with_a_warning():
    parsed = read([ENTRY, {}, None, 7, {"paper": {"id": "x"}}, {"paper": []}])
    assert len(parsed.sightings) == 1
    assert parsed.warnings == (
        "huggingface.co sent 5 entries that are no papers; they were skipped",
    )


def test_an_empty_weekend_is_explained_and_an_empty_weekday_is_just_empty():
    sunday = datetime(2026, 11, 22, 12, tzinfo=UTC)
    assert read([], sunday).quiet == "Hugging Face lists no papers on a Sunday"
    assert read([], NOW) == Parsed(())


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "huggingface.co sent an empty document"),
        (b"<html>", "huggingface.co sent a web page (HTML) instead of a list of papers"),
        (b"nope", "huggingface.co sent something that is no JSON instead of a list of papers"),
        (
            b"\xff\xfe\xfd",
            "huggingface.co sent something that is no JSON instead of a list of papers",
        ),
        (
            b"[" * 100_000,
            "huggingface.co sent something that is no JSON instead of a list of papers",
        ),
        (
            b'[{"paper":',
            "huggingface.co sent something that is no JSON instead of a list of papers",
        ),
        (b"3", "huggingface.co sent JSON that is no list of papers"),
        (b"{}", "huggingface.co sent JSON that is no list of papers"),
        (b'{"error": "Rate\\nlimit"}', "huggingface.co answered with an error: Rate limit"),
        (b"[{}, {}]", "huggingface.co sent 2 entries, none of which is a paper"),
    ],
)
def test_what_is_no_list_of_papers_is_an_error(body, problem):
    with pytest.raises(ParseError) as caught:
        read(body)
    assert str(caught.value) == problem


# ── The last days ─────────────────────────────────────────────────────────────────────────────────

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@dataclass
class Lists:
    """The service: lists by day (`""` for the latest), each of (id, votes)."""

    days: dict[str, list[tuple[str, int]]] = field(default_factory=dict)
    failing: set[str] = field(default_factory=set)

    def put(self, site) -> None:
        site.put_call("/api/daily_papers", self.answer)

    async def answer(self, asked: web.Request) -> web.Response:
        day = asked.query.get("date", "")
        if day in self.failing:
            return web.Response(status=500)
        start = int(asked.query.get("p", "0")) * 50
        page = self.days.get(day, [])[start : start + 50]
        return web.json_response(
            [
                {
                    "paper": {
                        "id": number,
                        "title": number,
                        "upvotes": votes,
                        "submittedOnDailyAt": f"{day or '2026-11-23'}T00:30:00.000Z",
                    }
                }
                for number, votes in page
            ]
        )


@pytest.fixture
async def world(tmp_path):
    async with rounds(tmp_path) as found:
        yield found


def here(world) -> SourceSettings:
    return SourceSettings(name="hf", kind="huggingface", url=world.site.url(""))


async def test_votes_that_rise_for_days_are_a_series(world):
    service = Lists({"": [("2611.00001", 2)], "2026-11-23": [("2611.00001", 2)]})
    service.put(world.site)
    await world.walk(NOW, here(world))
    for day, votes in ((1, 9), (3, 30), (6, 42), (8, 99)):
        # Only its own day's list has it by then; and votes are asked for a week.
        service.days = {"": [("2611.00002", 1)], "2026-11-23": [("2611.00001", votes)]}
        await world.walk(NOW + day * DAY, here(world))
    (paper,) = [paper for paper in world.papers() if paper.title == "2611.00001"]
    assert paper.votes == 42
    series = [(row["seen_on"], row["votes"]) for row in world.store.sightings(paper.id)]
    assert series == [
        ("2026-11-23", 2), ("2026-11-24", 9), ("2026-11-26", 30), ("2026-11-29", 42),
    ]  # fmt: skip


async def test_the_last_days_are_asked_for_at_the_first_poll_of_each_quarter_of_a_day(world):
    Lists({"": [("2611.00001", 2)]}).put(world.site)
    report = await world.walk(NOW, here(world))
    assert (report.entries, report.new) == (1, 1)
    days = [f"2026-11-{day}" for day in range(23, 16, -1)]
    latest = "/api/daily_papers?limit=100"
    assert world.asked() == [latest, *(f"/api/daily_papers?date={d}&limit=100" for d in days)]
    await world.walk(NOW + HOUR, here(world))
    assert world.asked() == [latest]
    await world.walk(NOW + 6 * HOUR, here(world))
    assert len(world.asked("date=")) == 7


async def test_the_first_days_papers_are_those_of_a_week(world):
    Lists({"2026-11-18": [("2611.00001", 2)], "2026-11-23": [("2611.00002", 5)]}).put(world.site)
    report = await world.walk(NOW, here(world))
    assert (report.entries, report.new) == (2, 2)
    assert world.new() == ["2611.00001", "2611.00002"]


async def test_a_first_list_that_does_not_say_when_its_papers_were_put_up_is_news(world):
    said = {"id": "2611.00001", "title": "One", "publishedAt": "2026-11-20T18:00:00.000Z"}
    listed = [{"paper": said}, {"paper": said | {"id": "2611.00002", "title": "Two"}}]
    world.site.put("/api/daily_papers", json.dumps(listed))
    report = await world.walk(NOW, here(world))
    assert report.new == 2
    assert world.new() == ["One", "Two"]


async def test_of_the_first_days_only_those_of_backfill_are_news(world):
    days = {"": [("2611.00003", 1)], "2026-11-18": [("2611.00001", 2)],
            "2026-11-23": [("2611.00002", 5)]}  # fmt: skip
    Lists(days).put(world.site)
    source = here(world).model_copy(update={"backfill": DAY})
    report = await world.walk(NOW, source)
    assert report.new == 3
    assert world.new() == ["2611.00002", "2611.00003"]


async def test_days_on_which_nobody_asked_are_asked_for_later(world):
    service = Lists({"": [("2611.00001", 2)]})
    service.put(world.site)
    await world.walk(NOW, here(world))
    world.asked()
    service.days["2026-11-24"] = [("2611.00003", 7)]
    report = await world.walk(NOW + 10 * DAY, here(world))
    assert report.new == 1
    assert "/api/daily_papers?date=2026-11-23&limit=100" in world.asked("date=")


async def test_a_days_list_goes_on_over_pages_of_fifty(world):
    full = [(f"2611.{number:05d}", 1) for number in range(120)]
    Lists({"": full[:50], "2026-11-20": full}).put(world.site)
    report = await world.walk(NOW, here(world))
    assert (report.entries, report.new) == (120, 120)
    assert len(world.asked("date=2026-11-20")) == 3
    assert world.asked("limit=100&p=1") == []  # the latest list goes on into the past


async def test_all_pages_of_a_mirror_behind_a_login_are_asked_with_it(world):
    full = [(f"2611.{number:05d}", 1) for number in range(120)]
    Lists({"": full[:50], "2026-11-20": full}).put(world.site)
    behind = world.site.url("").replace("//", "//ada:pw@")
    mirror = here(world).model_copy(update={"url": behind})
    assert (await world.walk(NOW, mirror)).entries == 120
    assert all("authorization" in headers for _, headers in world.site.requests)


async def test_a_day_that_fails_is_told_and_costs_nothing_else(world):
    service = Lists({"": [("2611.00001", 2)]}, failing={"2026-11-20"})
    service.put(world.site)
    report = await world.walk(NOW, here(world))
    assert (report.outcome, report.new, report.alarm) == (PollOutcome.READ, 1, False)
    assert report.detail == "may be incomplete: 127.0.0.1 answered HTTP 500 Internal Server Error"
    assert world.state("hf").failures == 0


async def test_an_address_of_ones_own_is_the_only_one_that_is_asked(world):
    Lists({"2026-11-18": [("2611.00001", 2)]}).put(world.site)
    own = world.site.url("/api/daily_papers?date=2026-11-18")
    await world.walk(NOW, SourceSettings(name="hf", kind="huggingface", url=own))
    assert world.asked() == ["/api/daily_papers?date=2026-11-18"]
