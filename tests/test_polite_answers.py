"""SOURCES.md, Everywhere: what a server's status and headers make of the next poll, over HTTP."""

from __future__ import annotations

import itertools
import socket
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from aiohttp import web

from bot.app import open_app
from bot.config import SourceSettings
from bot.fetch import SPACING, HttpFetcher
from bot.models import Event, Request
from bot.store import Store
from bot.workflows.collect import PollingRound, PollOutcome, collect
from support_collect import (
    Rounds,
    SearchApi,
    Submission,
    a_journal,
    announcement,
    journal,
    rounds,
)
from support_http import serving
from support_round import WORKERS, a_config

NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)  # a Tuesday
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
LONG_AGO = "Sat, 01 Aug 2026 04:00:14 GMT"


@pytest.fixture
async def world(tmp_path):
    async with rounds(tmp_path) as found:
        found.site.put("/j", journal("One", "Two"))
        yield found


def conditions(world: Rounds) -> list[tuple[str | None, str | None]]:
    """Return the conditions of the requests so far, and forget them."""
    found = [
        (headers.get("if-none-match"), headers.get("if-modified-since"))
        for _, headers in world.site.requests
    ]
    world.site.requests.clear()
    return found


# ── Validators ────────────────────────────────────────────────────────────────────────────────────


async def test_validators_are_opaque_and_come_back_as_they_came(world):
    etag = 'W/"a, b \\ c"'
    world.site.put_with_validators("/j", journal("One").encode(), etag, LONG_AGO)
    source = a_journal(world)
    await world.walk(NOW, source)
    assert (await world.walk(NOW + HOUR, source)).outcome is PollOutcome.UNCHANGED
    assert conditions(world) == [(None, None), (etag, LONG_AGO)]


async def test_a_304_with_a_new_etag_brings_the_etag_of_the_next_request(world):
    world.site.put_with_validators("/j", journal("One").encode(), '"1"', then_etag='"2"')
    source = a_journal(world)
    await world.walk(NOW, source)
    await world.walk(NOW + HOUR, source)
    world.site.put_with_validators("/j", journal("One").encode(), '"2"')
    await world.walk(NOW + 2 * HOUR, source)
    assert conditions(world) == [(None, None), ('"1"', None), ('"2"', None)]


async def test_each_validator_is_stored_for_itself(world):
    source = a_journal(world)
    world.site.put("/j", journal("One"), ETag='"1"')
    await world.walk(NOW, source)
    world.site.put("/j", journal("One", "Two"), Last_Modified=LONG_AGO)
    await world.walk(NOW + HOUR, source)
    await world.walk(NOW + 2 * HOUR, source)
    assert conditions(world) == [(None, None), ('"1"', None), (None, LONG_AGO)]


async def test_a_200_with_the_same_body_is_no_news_and_is_not_read_again(world, monkeypatch):
    source = a_journal(world)
    await world.walk(NOW, source)
    monkeypatch.setattr("bot.sources.parse", None)  # nobody may call it
    report = await world.walk(NOW + HOUR, source)
    assert (report.outcome, report.new) == (PollOutcome.UNCHANGED, 0)


async def test_a_changed_build_date_alone_is_no_change(world):
    source = a_journal(world)
    for hour in range(2):
        date = format_datetime(NOW + hour * HOUR)
        built = f"<lastBuildDate>{date}</lastBuildDate>"
        world.site.put("/j", journal("One", head=built))
        report = await world.walk(NOW + hour * HOUR, source)
    assert (report.new, report.updated) == (0, 0)
    assert world.state("j").last_new == NOW


async def test_validators_are_dropped_after_what_could_not_be_read(world):
    source = a_journal(world)
    world.site.put("/j", journal("One"), ETag='"1"')
    await world.walk(NOW, source)
    world.site.put("/j", "<html>Sign in</html>", ETag='"page"')
    await world.walk(NOW + HOUR, source)
    await world.walk(NOW + 3 * HOUR, source)
    assert conditions(world) == [(None, None), ('"1"', None), (None, None)]


async def test_validators_are_dropped_when_the_url_or_the_parser_changes(world, monkeypatch):
    source = a_journal(world)
    world.site.put("/j", journal("One"), ETag='"1"')
    world.site.put("/other", journal("One"), ETag='"2"')
    await world.walk(NOW, source)
    other = a_journal(world, "/other")
    await world.walk(NOW + HOUR, other)
    monkeypatch.setattr("bot.sources.PARSER", 1_000)
    report = await world.walk(NOW + HOUR + MINUTE, other)
    assert conditions(world) == [(None, None)] * 3
    assert report.outcome is PollOutcome.READ, "the same body means something new to another parser"


async def test_validators_never_outlive_entries_that_were_not_committed(world, monkeypatch):
    def killed(*_: object, **__: object) -> None:
        raise MemoryError("killed")

    source = a_journal(world)
    world.site.put("/j", journal("One"), ETag='"1"')
    with monkeypatch.context() as patched:
        patched.setattr(Store, "_absorb", killed)
        with pytest.raises(MemoryError):
            await world.walk(NOW, source)
    assert world.titles() == []
    assert (await world.walk(NOW, source)).new == 1
    assert conditions(world) == [(None, None), (None, None)]


async def test_once_a_week_a_stuck_304_is_found_out(world):
    source = a_journal(world, every="1d")
    world.site.put("/j", journal("One"), ETag='"1"')
    await world.walk(NOW, source)

    async def stuck(request: web.Request) -> web.Response:
        if "If-None-Match" in request.headers:
            return web.Response(status=304)
        return web.Response(text=journal("One", "Lost"), headers={"ETag": '"1"'})

    world.site.put_call("/j", stuck)
    for days in range(1, 8):
        await world.walk(NOW + days * DAY, source)
    assert world.titles() == ["Lost", "One"]


# ── When to ask again ─────────────────────────────────────────────────────────────────────────────


def waited(world: Rounds) -> timedelta:
    return world.state("j").next_poll - NOW


@pytest.mark.parametrize(
    ("status", "value", "at_least", "at_most"),
    [
        (429, "7200", 2 * HOUR, 2 * HOUR + MINUTE),
        (503, "7200", 2 * HOUR, 2 * HOUR + MINUTE),
        (429, "Tue, 24 Nov 2020 10:00:00 GMT", 2 * HOUR, 2 * HOUR + MINUTE),
        (429, "soon", HOUR, HOUR),
        (429, "-7200", HOUR, HOUR),
        (429, str(10 * 365 * 86400), DAY, DAY),
        (503, "Mon, 25 Nov 2030 08:00:00 GMT", DAY, DAY),
        (404, "7200", 4 * HOUR, 4 * HOUR),
    ],
)
async def test_retry_after_is_a_number_or_a_date_by_the_servers_clock_and_never_nonsense(
    world, status, value, at_least, at_most
):
    date = "Tue, 24 Nov 2020 08:00:00 GMT"  # a clock six years behind
    world.site.put("/j", status=status, Retry_After=value, Date=date)
    await world.walk(NOW, a_journal(world))
    assert at_least <= waited(world) <= at_most


@pytest.mark.parametrize(
    ("headers", "hours"),
    [
        ({"Cache_Control": "max-age=7200"}, 2),
        ({"Cache_Control": "no-cache, max-age=7200"}, 1),
        ({"Cache_Control": "max-age=7200", "Expires": "Thu, 26 Nov 2026 08:00:00 GMT"}, 2),
        ({"Expires": "Tue, 24 Nov 2026 13:00:00 GMT", "Date": "Tue, 24 Nov 2026 08:00:00 GMT"}, 5),
        ({"Retry_After": "7200"}, 1),
    ],
)
async def test_a_200_is_fresh_for_as_long_as_it_says(world, headers, hours):
    world.site.put("/j", journal("One"), **headers)
    await world.walk(NOW, a_journal(world))
    assert abs(waited(world) - hours * HOUR) <= 5 * MINUTE


async def test_every_skip_day_is_heard_not_only_the_last(world):
    days = "".join(f"<day>{day}</day>" for day in ("Tuesday", "Wednesday", "Thursday"))
    world.site.put("/j", journal("One", head=f"<skipDays>{days}</skipDays>"))
    await world.walk(NOW, a_journal(world))
    assert world.state("j").next_poll == datetime(2026, 11, 27, tzinfo=UTC)  # Friday


async def test_every_skip_hour_is_heard_and_a_ttl_too(world):
    hours = "".join(f"<hour>{hour}</hour>" for hour in range(9, 13))
    head = f"<ttl>90</ttl><skipHours>{hours}</skipHours>"
    world.site.put("/j", journal("One", head=head))
    await world.walk(NOW, a_journal(world))
    assert waited(world) == 5 * HOUR


# ── Statuses ──────────────────────────────────────────────────────────────────────────────────────


async def test_a_404_backs_off_for_weeks_and_never_for_ever_and_deletes_nothing(world):
    source, now, waits = a_journal(world), NOW, []
    await world.walk(now, source)
    world.site.put("/j", status=404)
    now += HOUR
    for _ in range(9):
        await world.walk(now, source)
        waits.append(world.state("j").next_poll - now)
        now = world.state("j").next_poll
    assert waits == sorted(waits)
    assert waits[0] == 4 * HOUR
    assert waits[-1] == 14 * DAY
    assert world.titles() == ["One", "Two"]
    world.site.put("/j", journal("One", "Two", "Three"))
    report = await world.walk(now, source)
    assert (report.outcome, report.new) == (PollOutcome.READ, 1)
    assert world.state("j").error == ""


async def test_a_410_disables_its_source_tells_the_owner_once_and_deletes_nothing(world):
    source = a_journal(world)
    await world.walk(NOW, source)
    world.site.put("/j", status=410)
    reports = [await world.walk(NOW + days * DAY, source) for days in range(1, 60)]
    assert [report.alarm for report in reports] == [True] + [False] * 58
    assert reports[0].detail == (
        "127.0.0.1 answered HTTP 410 Gone; it is not asked again until its url is changed"
    )
    assert len(world.asked()) == 2
    assert world.titles() == ["One", "Two"]
    world.site.put("/new", journal("Three"))
    assert (await world.walk(NOW + 60 * DAY, a_journal(world, "/new"))).new == 1


async def test_a_403_with_a_challenge_is_named_as_what_it_is(world):
    page = "<!DOCTYPE html><title>Just a moment...</title>"
    world.site.put("/j", page, status=403, cf_mitigated="challenge")
    report = await world.walk(NOW, a_journal(world))
    assert report.outcome is PollOutcome.FAILED
    assert report.detail == (
        "127.0.0.1 answered HTTP 403 Forbidden, with a challenge that only a browser passes"
    )


async def test_a_failure_is_never_the_end_and_its_waits_grow_to_a_day(world):
    world.site.put("/j", status=500)
    source, now, waits = a_journal(world), NOW, []
    for _ in range(60):
        await world.walk(now, source)
        waits.append(world.state("j").next_poll - now)
        now = world.state("j").next_poll
    assert waits == sorted(waits)
    assert waits[-1] == DAY
    assert world.state("j").failures == 60
    world.site.put("/j", journal("One"))
    assert (await world.walk(now, source)).new == 1


async def test_sources_that_failed_together_do_not_come_back_in_step(world):
    world.site.put("/j", status=500)
    names = [f"j{n}" for n in range(20)]
    draws = itertools.cycle([0.0, 0.2, 0.4, 0.6, 0.8])
    around = PollingRound(world.store, world.fetcher, WORKERS, NOW, jitter=lambda: next(draws))
    await collect([a_journal(world, name=name) for name in names], around)
    assert len({world.state(name).next_poll for name in names}) == 5


# ── A whole host ──────────────────────────────────────────────────────────────────────────────────


def twenty(world: Rounds) -> list[SourceSettings]:
    for n in range(20):
        world.site.put(f"/{n}", status=429, Retry_After="7200")
    return [a_journal(world, f"/{n}", name=f"j{n}") for n in range(20)]


async def test_a_429_pauses_all_twenty_sources_of_its_host_with_one_request(world):
    sources = twenty(world)
    around = PollingRound(world.store, world.fetcher, WORKERS, NOW)
    async with serving() as elsewhere:
        elsewhere.put("/e", journal("Elsewhere"))
        other = a_journal(world, name="other", url=elsewhere.url("/e"))
        reports = await collect([*sources, other], around)
    assert len(world.asked()) == 1
    assert [report.outcome for report in reports] == [PollOutcome.FAILED] * 20 + [PollOutcome.READ]
    told = {report.detail for report in reports[:20]}
    assert told == {
        "127.0.0.1 answered HTTP 429 Too Many Requests",
        "127.0.0.1 asked to be left alone for another 2 hours (HTTP 429)",
    }
    for source in sources:
        assert world.state(source.name).next_poll >= NOW + 2 * HOUR
    later = replace(around, now=NOW + HOUR)
    assert {report.outcome for report in await collect(sources, later)} == {PollOutcome.NOT_DUE}
    assert world.asked() == []


async def test_a_host_that_said_429_is_left_alone_in_the_next_run_too(world, tmp_path):
    """Also by sources that had their answer before it was said, and are due again first."""
    first, second = (a_journal(world, path, name=path[1:]) for path in ("/a", "/b"))
    world.site.put("/a", journal("One"))
    world.site.put("/b", status=429, Retry_After="36000")
    config = a_config(tmp_path, sources=(first, second), fetch={"allow_private": ("127.0.0.1/32",)})
    moment = NOW

    async def run() -> list[str]:
        with open_app(config, lambda: moment) as app:
            return [report.detail for report in await app.collect()]

    await run()
    assert sorted(world.asked()) == ["/a", "/b"]
    moment = NOW + 2 * HOUR
    assert (await run())[0] == "127.0.0.1 asked to be left alone for another 8 hours (HTTP 429)"
    assert world.asked() == []
    moment = NOW + 11 * HOUR
    world.site.put("/b", journal("Two"))
    await run()
    assert sorted(world.asked()) == ["/a", "/b"]


async def test_a_round_that_ends_later_forgets_no_host_that_another_was_told_to_leave_alone(
    world, tmp_path
):
    world.site.put("/b", status=429, Retry_After="36000")
    config = a_config(tmp_path, fetch={"allow_private": ("127.0.0.1/32",)})
    with open_app(config, lambda: NOW) as app:
        app.store.keep_pauses({"elsewhere.example": 600.0}, NOW)
        async with app.fetcher() as slow:
            await slow.fetch(Request(world.site.url("/j")))
            async with app.fetcher() as quick:
                await quick.fetch(Request(world.site.url("/b")))
        left = app.store.pauses(NOW)
    assert sorted(left.values()) == [600, 36_000]


async def test_arxivs_hosts_are_asked_one_after_another_over_rss_api_and_all(
    world, monkeypatch, tmp_path
):
    """Three seconds between any two requests; here a part of it, for the sake of time."""
    assert SPACING["arxiv.org"] >= 3
    real = socket.getaddrinfo

    def at_home(host: str, *args: object) -> list[object]:
        return real("127.0.0.1" if host.endswith("arxiv.org") else host, *args)

    monkeypatch.setattr(socket, "getaddrinfo", at_home)
    SearchApi([Submission("2611.00002", NOW - DAY)]).put(world.site)
    midnight = datetime(2026, 11, 24, 5, tzinfo=UTC)
    for path in ("/rss/cs.LG", "/rss/cs.CL"):
        world.site.put(path, announcement(midnight, "2611.00001"))
    world.site.put("/oai", journal("Record"))
    arxiv = {"kind": "arxiv", "backfill": "7d"}
    sources = [
        a_journal(world, name="lg", url=world.site.url("", "rss.arxiv.org"),
                  categories=("cs.LG",), **arxiv),
        a_journal(world, name="cl", url=world.site.url("", "export.arxiv.org"),
                  categories=("cs.CL",), **arxiv),
        a_journal(world, name="oai", url=world.site.url("/oai", "oaipmh.arxiv.org")),
    ]  # fmt: skip
    for name in ("lg", "cl"):  # an announcement was missed, so the API is asked too
        state = replace(world.state(name), last_ok=NOW - 3 * DAY, built=midnight - 3 * DAY)
        world.store.save_source_state(state)
    async with HttpFetcher(allow_private=["127.0.0.1/32"], spacing={"arxiv.org": 0.2}) as fetcher:
        await collect(sources, PollingRound(world.store, fetcher, WORKERS, NOW))
    asked = sorted(path.partition("?")[0] for path, _ in world.site.requests)
    assert asked == ["/api/query", "/api/query", "/oai", "/rss/cs.CL", "/rss/cs.LG"]
    assert min(b - a for a, b in itertools.pairwise(world.site.times)) > 0.18


async def test_the_user_agent_names_us_and_the_contact(tmp_path, world):
    config = a_config(
        tmp_path, sources=(a_journal(world),), bot={"contact": "me@example.org"},
        fetch={"allow_private": ("127.0.0.1/32",)},
    )  # fmt: skip
    with open_app(config, lambda: NOW) as app:
        await app.collect()
    ((_, headers),) = world.site.requests
    assert headers["user-agent"].startswith("paperround/")
    assert headers["user-agent"].endswith("(+mailto:me@example.org)")


async def test_what_a_feed_shows_is_seen_and_announced_by_nobody(world):
    await world.walk(NOW, a_journal(world))
    events = {sighting["event"] for p in world.papers() for sighting in world.store.sightings(p.id)}
    assert events == {Event.SEEN}
