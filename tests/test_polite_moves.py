"""SOURCES.md, Everywhere: redirects, and where a request never goes, over HTTP and into the store."""

from __future__ import annotations

import base64
import socket
from datetime import UTC, datetime, timedelta

import pytest

from bot.config import SourceSettings
from bot.fetch import HttpFetcher
from bot.models import Rel
from bot.workflows.collect import PollOutcome
from support_collect import Rounds, a_journal, journal, rounds
from support_http import serving

NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SEEN = "1 stored as seen, no news: older than `backfill`, or without a date"


@pytest.fixture
async def world(tmp_path):
    async with rounds(tmp_path) as found:
        found.site.put("/new", journal("One"), ETag='"1"')
        yield found


async def walked(world: Rounds, times: int = 1, first: datetime = NOW, **said: object):
    """Walk so many rounds, each when the source is due; return the reports and all that was asked."""
    world.site.requests.clear()
    source, now, reports = a_journal(world, **said), first, []
    for _ in range(times):
        reports.append(await world.walk(now, source))
        now = max(world.state("j").next_poll or now, now + HOUR)
    return reports, [path for path, _ in world.site.requests]


# ── For good, and not ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("status", [301, 308])
async def test_an_address_that_moved_for_good_is_stored_after_three_good_documents(world, status):
    world.site.redirect("/j", "/new", status)
    reports, asked = await walked(world, 5)
    assert asked == ["/j", "/new"] * 3 + ["/new"] * 2
    assert [report.outcome for report in reports] == [PollOutcome.READ] + [
        PollOutcome.UNCHANGED
    ] * 4
    new = world.site.url("/new")
    assert [report.detail for report in reports] == [SEEN, "", (
        f"it has moved for good and is asked at {new} from now on: write that into its url"
    ), "", ""]  # fmt: skip
    assert world.titles() == ["One"]


async def test_a_login_in_an_address_moves_with_it_and_is_told_and_linked_nowhere(world):
    item = "<item><title>One</title><link>/1</link></item>"
    rss = f"<rss version='2.0'><channel><title>J</title>{item}</channel></rss>"
    world.site.redirect("/j", world.site.url("/new"), 301)
    world.site.put("/new", rss)
    journal = SourceSettings(
        name="j", kind="feed", url=world.site.url("/j").replace("//", "//ada:pw@")
    )
    reports = [await world.walk(NOW + hours * HOUR, journal) for hours in range(4)]
    new = world.site.url("/new").replace("//", "//…@")
    told = f"it has moved for good and is asked at {new} from now on: write that into its url"
    assert [report.detail for report in reports] == [SEEN, "", told, ""]
    login = "Basic " + base64.b64encode(b"ada:pw").decode()
    assert {headers["authorization"] for _, headers in world.site.requests} == {login}
    assert world.site.requests[-1][0] == "/new"
    (paper,) = world.papers()
    assert paper.link(Rel.ABSTRACT) == world.site.url("/1")


async def test_validators_of_the_old_address_are_not_sent_to_the_new_one(world):
    world.site.redirect("/j", "/new", 301)
    await walked(world, 5)
    asked = [
        headers.get("if-none-match") for path, headers in world.site.requests if path == "/new"
    ]
    assert asked == [None, '"1"', '"1"', None, '"1"']


@pytest.mark.parametrize("status", [302, 303, 307])
async def test_a_detour_is_never_stored(world, status):
    world.site.redirect("/j", "/new", status)
    _, asked = await walked(world, 10)
    assert asked == ["/j", "/new"] * 10


async def test_308_ten_times_and_then_a_detour_is_stored_as_far_as_it_is_for_good(world):
    world.site.redirect("/j", "/home", 308)
    world.site.redirect("/home", "/new", 302)
    _, asked = await walked(world, 10)
    assert asked == ["/j", "/home", "/new"] * 3 + ["/home", "/new"] * 7


async def test_ten_308s_in_a_row_are_five_too_many(world):
    for hop in range(10):
        world.site.redirect("/j" if hop == 0 else f"/{hop}", f"/{hop + 1}", 308)
    world.site.put("/10", journal("Far"))
    (report,), asked = await walked(world)
    assert report.detail == "127.0.0.1 redirects more than 5 times"
    assert len(asked) == 6


async def test_a_loop_of_301s_fails_and_is_never_stored(world):
    world.site.redirect("/j", "/k", 301)
    world.site.redirect("/k", "/j", 301)
    reports, asked = await walked(world, 4)
    assert {report.detail for report in reports} == {"127.0.0.1 redirects more than 5 times"}
    assert world.store.moves() == {}
    assert asked[:6] == ["/j", "/k"] * 3


async def test_a_301_to_a_login_page_is_never_stored(world):
    await walked(world, path="/new")
    world.site.put("/login", "<!DOCTYPE html><title>Sign in</title>")
    world.site.redirect("/j", "/login", 301)
    reports, asked = await walked(world, 5, NOW + DAY)
    assert {report.outcome for report in reports} == {PollOutcome.FAILED}
    assert reports[0].detail == "127.0.0.1 sent a web page (HTML) instead of a feed"
    assert asked == ["/j", "/login"] * 5
    assert world.store.moves() == {}
    assert world.titles() == ["One"]


async def test_a_move_that_is_taken_back_is_forgotten(world):
    world.site.redirect("/j", "/new", 301)
    await walked(world, 2)
    world.site.put("/j", journal("One", "Two"))
    await walked(world, 1, NOW + DAY)
    world.site.redirect("/j", "/new", 301)
    _, asked = await walked(world, 3, NOW + 2 * DAY)
    assert asked == ["/j", "/new"] * 3, "counted anew"


@pytest.mark.parametrize("status", [404, 410, 500])
async def test_where_the_new_address_fails_the_old_one_is_asked_again(world, status):
    world.site.redirect("/j", "/new", 301)
    await walked(world, 4)
    world.site.put("/new", status=status)
    world.site.put("/j", journal("One", "Back"))
    reports, asked = await walked(world, 2, NOW + DAY)
    assert [report.outcome for report in reports] == [PollOutcome.FAILED, PollOutcome.READ]
    assert asked == ["/new", "/j"]
    assert "Back" in world.titles()


async def test_a_410_at_the_new_address_is_believed_once_the_old_one_still_leads_there(world):
    world.site.redirect("/j", "/new", 301)
    await walked(world, 4)
    world.site.put("/new", status=410)
    reports, _ = await walked(world, 2, NOW + DAY)
    assert [report.alarm for report in reports] == [False, True]
    assert world.state("j").gone


async def test_an_edited_url_is_asked_as_it_is_written(world):
    world.site.redirect("/j", "/new", 301)
    await walked(world, 4)
    world.site.put("/mine", journal("Mine"))
    _, asked = await walked(world, 1, NOW + DAY, path="/mine")
    assert asked == ["/mine"]


async def test_a_token_stays_with_its_origin_on_the_way_and_after_a_move(world):
    world.token = lambda _: "secret"
    async with serving() as other:
        other.put("/new", journal("One"))
        world.site.redirect("/j", other.url("/new"), 301)
        await walked(world, 5, token="env:TOKEN")
        assert len(world.site.requests) == 3
        told = [headers.get("authorization") for _, headers in world.site.requests]
        assert told == ["Bearer secret"] * 3
        assert [headers.get("authorization") for _, headers in other.requests] == [None] * 5


# ── Never inside ──────────────────────────────────────────────────────────────────────────────────

PRIVATE = "the address leads to a private network"
INSIDE = [
    *("10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "224.0.0.251"),
    *("[fec0::1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[::ffff:10.0.0.1]", "[fe80::1]"),
    *("[::ffff:0:7f00:1]", "[ff02::1]", "[fd00::1]", "[::1]", "127.0.0.2"),
]


@pytest.mark.parametrize("status", [301, 302])
@pytest.mark.parametrize("host", INSIDE)
async def test_a_redirect_inside_is_not_followed(world, host, status):
    world.site.redirect("/j", f"http://{host}:{world.site.port}/new", status)
    (report,), asked = await walked(world)
    assert report.outcome is PollOutcome.FAILED
    assert report.detail.startswith(PRIVATE), report.detail
    assert asked == ["/j"]


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "127.1", "0x7f.1", "0177.0.0.1", "2130706433", "0x7f000001", "127.0.0.1."),
        *("localhost", "LOCALHOST.", "[::1]", "[::ffff:127.0.0.1]", "[0:0:0:0:0:ffff:7f00:1]"),
        *("①27.0.0.1", "127。0。0。1", "0", "0.0.0.0"),  # noqa: S104 - nothing is bound to it
    ],
)
async def test_no_spelling_of_loopback_gets_through(world, host):
    async with HttpFetcher() as strict:
        world.fetcher = strict
        (report,), asked = await walked(world, url=f"http://{host}:{world.site.port}/new")
    assert report.outcome is PollOutcome.FAILED
    assert asked == []


async def test_a_name_that_led_outside_once_is_judged_again_at_every_connect(world, monkeypatch):
    """Rebinding: whatever the name meant before, the address of this connect counts."""
    real, meant = socket.getaddrinfo, iter(["127.0.0.1", "127.0.0.2"])
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, *rest: real(next(meant) if host == "rebound.example" else host, *rest),
    )
    url = world.site.url("/new", "rebound.example")
    (first,), asked = await walked(world, url=url)
    await world.fetcher.close()  # the connection that was judged is one no more
    (second,), asked_again = await walked(world, first=NOW + DAY, url=url)
    assert (first.outcome, second.outcome) == (PollOutcome.READ, PollOutcome.FAILED)
    assert second.detail.startswith(f"{PRIVATE} (127.0.0.2)")
    assert (asked, asked_again) == (["/new"], [])


@pytest.mark.parametrize("to", ["file:///etc/passwd", "ftp://j.example/x", "gopher://j.example/"])
async def test_only_http_and_https_are_fetched_wherever_a_redirect_leads(world, to):
    world.site.redirect("/j", to, 301)
    (report,), _ = await walked(world)
    assert report.detail.endswith("only http and https are fetched")


async def test_no_proxy_of_the_environment_is_asked(world, monkeypatch):
    async with serving() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url())
        (report,), asked = await walked(world, path="/new")
        assert (report.outcome, asked) == (PollOutcome.READ, ["/new"])
        assert proxy.requests == []
