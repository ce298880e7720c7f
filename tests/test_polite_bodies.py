"""SOURCES.md, Everywhere: what a body may be. A bad one is a sentence; it costs its own source only."""

from __future__ import annotations

import gzip
import json
import re
import time
from datetime import UTC, datetime, timedelta

import pytest

from bot.apart import Apart
from bot.fetch import LARGEST_BODY, HttpFetcher
from bot.ports import Workers
from bot.sources.entries import MOST_ENTRIES
from bot.workflows.collect import PollingRound, PollOutcome, collect
from support_collect import Rounds, a_journal, journal, rounds
from support_round import WORKERS

NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
async def world(tmp_path):
    async with rounds(tmp_path) as found:
        yield found


async def read(world: Rounds, body: str | bytes, path: str = "/j", now: datetime = NOW, **headers):
    world.site.put(path, body, **headers)
    return await world.walk(now, a_journal(world, path))


# ── What is no answer ─────────────────────────────────────────────────────────────────────────────

WHOLE = journal("One", "Two", "Three").encode()
ITEM = b"<item><title>x</title></item>"


def bomb(size: int) -> bytes:
    return gzip.compress(b"<rss><channel>" + b" " * size, 9)


BAD = {
    "an empty 200": (b"", {}, "sent an empty document"),
    "white space": (b" \r\n\t ", {}, "sent an empty document"),
    "HTML": (b"<!DOCTYPE html><p>Maintenance", {}, "sent a web page (HTML) instead of a feed"),
    "HTML behind comments": (b"<!-- a --><!-- b --><html>", {}, "sent a web page (HTML)"),
    "the name of a file": (b"/etc/passwd", {}, "sent something that is no feed"),
    "the address of a file": (b"file:///etc/passwd", {}, "sent something that is no feed"),
    "an address": (b"http://127.0.0.1:9/feed", {}, "sent something that is no feed"),
    "a picture": (b"\x89PNG\r\n\x1a\n\0\0\0", {}, "sent something that is no feed"),
    "NULs": (b"\0" * 5000, {}, "sent something that is no feed"),
    "a feed that breaks off": (WHOLE[:40], {}, "breaks off before its first entry"),
    "JSON that breaks off": (b'{"version": "https://jsonfeed', {}, "broken or breaks off"),
    "another JSON": (b'{"items": []}', {}, "sent JSON that is no JSON Feed"),
    "a gzip bomb": (bomb(40_000_000), {"Content_Encoding": "gzip"}, "sent more than 15 MiB"),
    "gzip cut short": (
        gzip.compress(WHOLE)[:-9], {"Content_Encoding": "gzip"}, "in the middle of its compressed",
    ),
    "gzip that is none": (WHOLE, {"Content_Encoding": "gzip"}, "compressed data that is damaged"),
    "an encoding nobody asked for": (WHOLE, {"Content_Encoding": "br"}, "not asked for (br)"),
    "too many tags": (b"<rss><channel>" + b"<a>" * 600_000, {}, "more than 500,000 tags"),
    "too many entries": (b"<rss><channel>" + ITEM * 20_001, {}, "20,001 entries at once"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
async def test_a_bad_answer_is_a_sentence_keeps_the_state_and_harms_nobody(world, name):
    body, headers, words = BAD[name]
    await read(world, WHOLE, ETag='"1"')
    before = world.state("j")
    world.site.put("/j", body, **headers)
    world.site.put("/other", journal("Other"))
    other = a_journal(world, "/other", name="other")
    around = PollingRound(world.store, world.fetcher, WORKERS, NOW + DAY)
    bad, good = await collect([a_journal(world), other], around)
    assert bad.outcome is PollOutcome.FAILED
    assert bad.detail.startswith("127.0.0.1 ")
    assert words in bad.detail
    assert (good.outcome, good.new) == (PollOutcome.READ, 1)
    after = world.state("j")
    assert (after.last_ok, after.last_new, after.batch) == (
        before.last_ok, before.last_new, before.batch,
    )  # fmt: skip
    assert (after.error, after.failures) == (bad.detail, 1)
    assert world.titles() == ["One", "Other", "Three", "Two"]
    report = await read(world, journal("One", "Two", "Three", "Four"), now=NOW + 2 * DAY)
    assert (report.outcome, report.new) == (PollOutcome.READ, 1)


async def test_a_byte_a_second_meets_the_deadline_and_holds_nobody_else_up(world):
    world.site.put_slow("/j")
    begun = time.monotonic()
    async with HttpFetcher(allow_private=["127.0.0.1/32"], deadline=0.5) as fetcher:
        world.fetcher = fetcher
        report = await world.walk(NOW, a_journal(world))
    assert report.detail == "127.0.0.1 did not answer within 0.5 s"
    assert time.monotonic() - begun < 30


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + WHOLE,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n40\r\n" + WHOLE[:64],
    ],
)
async def test_a_body_shorter_than_promised_is_not_read_though_it_is_a_whole_feed(world, raw):
    world.site.put_raw("/j", raw)
    report = await world.walk(NOW, a_journal(world))
    assert report.detail == "127.0.0.1 broke off in the middle of its answer"
    assert world.titles() == []


async def test_a_feed_that_breaks_off_is_kept_as_far_as_it_goes_and_asked_for_whole(world):
    """Its validators would let a 304 keep the rest from us for ever."""
    report = await read(world, WHOLE[: WHOLE.index(b"<item><title>Three")], ETag='"1"')
    assert (report.outcome, report.new) == (PollOutcome.READ, 2)
    assert report.detail == (
        "127.0.0.1 sent broken XML that breaks off; the 2 entries that could be read were kept; "
        "2 stored as seen, no news: older than `backfill`, or without a date"
    )
    world.site.put_with_validators("/j", WHOLE, '"1"')
    assert (await world.walk(NOW + HOUR, a_journal(world))).new == 1
    assert world.titles() == ["One", "Three", "Two"]


async def test_a_mistake_in_the_middle_is_a_warning_and_the_validators_hold(world):
    report = await read(world, WHOLE.replace(b"</rss>", b" & </rss>"), ETag='"1"')
    assert (report.outcome, report.new) == (PollOutcome.READ, 3)
    assert report.detail.startswith("127.0.0.1 sent broken XML; the 3 entries")
    assert world.state("j").etag == '"1"'


async def test_no_more_than_five_thousand_entries_are_taken(world):
    report = await read(world, journal(*map(str, range(MOST_ENTRIES + 1))))
    assert report.entries == report.new == MOST_ENTRIES
    assert "only the first 5000 were read" in report.detail


async def test_fifteen_mib_are_taken_and_a_byte_more_is_not(world):
    room = LARGEST_BODY - len(journal("One"))
    full = gzip.compress(journal("One", head=" " * room).encode(), 1)
    assert (await read(world, full, Content_Encoding="gzip")).outcome is PollOutcome.READ
    over = gzip.compress(journal("One", head=" " * (room + 1)).encode(), 1)
    report = await read(world, over, now=NOW + DAY, Content_Encoding="gzip")
    assert report.detail == "127.0.0.1 sent more than 15 MiB"


# ── Hostile ───────────────────────────────────────────────────────────────────────────────────────

LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
ENTITIES = {
    "a billion laughs": f'<!DOCTYPE rss [<!ENTITY l0 "ha">{LAUGHS}]>' + journal("a&l11;b"),
    "quadratic": f'<!DOCTYPE rss [<!ENTITY a "{"x" * 50_000}">]>' + journal("&a;" * 5_000),
    "a file": '<!DOCTYPE rss [<!ENTITY f SYSTEM "file:///etc/passwd">]>' + journal("a&f;b"),
    "an address": '<!DOCTYPE rss [<!ENTITY f SYSTEM "{}">]>' + journal("a&f;b"),
    "a DTD elsewhere": '<!DOCTYPE rss SYSTEM "{}">' + journal("ab"),
    "a parameter": '<!DOCTYPE rss [<!ENTITY % p SYSTEM "{}"> %p;]>' + journal("ab"),
    "an inclusion": journal("a<xi:include xmlns:xi='http://www.w3.org/2001/XInclude' href='{}'/>b"),
}


@pytest.mark.parametrize("name", ENTITIES)
async def test_entities_are_neither_blown_up_nor_fetched(world, name):
    world.site.put("/secret", "SECRET")
    body = ENTITIES[name].replace("{}", world.site.url("/secret"))
    await read(world, body)
    assert world.asked() == ["/j"]
    for paper in world.papers():
        assert len(paper.title) <= 2000
        assert "root:" not in paper.title + paper.abstract
        assert "SECRET" not in paper.title + paper.abstract


async def test_no_script_and_no_control_gets_into_the_store(world):
    evil = (
        "<item><title>A&lt;script&gt;x()&lt;/script&gt;B\u202eC&#x1b;[31m\x07</title>"
        "<link>javascript:alert(1)</link><guid>java&#x0A;script:alert(1)</guid>"
        "<description>&lt;svg/onload=x()&gt;&lt;/svg&gt;"
        "One&lt;img src=x onerror=x()&gt;\x00\x08</description>"
        "</item>"
    )
    await read(world, journal().replace("</channel>", evil + "</channel>"))
    (paper,) = world.papers()
    assert paper.abstract == "One"
    assert paper.title.startswith("AB")
    assert not paper.links
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202e]", paper.title + paper.abstract)


async def test_what_would_take_for_ever_is_killed_and_the_others_are_read(world):
    """Broken XML of half a million tags takes feedparser 3.5 s of a quick machine; it has one."""
    entries = (f"{n}{'<x:y>' * 5}" for n in range(19_000))
    world.site.put("/slow", journal(*entries).replace("<guid>", "<!-- ").replace("</guid>", " -->"))
    world.site.put("/j", WHOLE.replace(b"</rss>", b" & </rss>"))
    world.site.put("/plain", journal("Plain"))
    names = ("slow", "j", "plain")
    with Apart(deadline=1, loads=("feedparser", "bot.workflows.collect")) as apart:
        workers = Workers(WORKERS.store, WORKERS.cpu, apart)
        around = PollingRound(world.store, world.fetcher, workers, NOW)
        sources = [a_journal(world, f"/{name}", name=name) for name in names]
        slow, broken_too, plain = await collect(sources, around)
    assert slow.outcome is PollOutcome.FAILED
    assert slow.detail == (
        "127.0.0.1 sent a document that took longer than 1 s to read; nothing of it was kept"
    )
    assert (broken_too.new, plain.new) == (3, 1)


# ── Charsets ──────────────────────────────────────────────────────────────────────────────────────

UMLAUTS = "Zo\u00eb \u2013 na\u00efve"


@pytest.mark.parametrize(
    ("codec", "declared", "header"),
    [
        ("utf-8", "", ""),
        ("utf-8", "utf-8", "utf-8"),
        ("utf-8-sig", "", ""),
        ("utf-8-sig", "iso-8859-1", ""),
        ("utf-16", "utf-16", ""),
        ("utf-16-le", "", "utf-16-le"),
        ("utf-16-be", "", "utf-16-be"),
        ("utf-32", "utf-32", ""),
        ("cp1252", "windows-1252", ""),
        ("cp1252", "iso-8859-1", ""),  # what most who say so mean
        ("cp1252", "", "windows-1252"),
        ("utf-8", "utf-8", "no-such-charset"),
        ("utf-8", "no-such-charset", ""),
    ],
)
async def test_every_way_to_say_the_charset_is_heard(world, codec, declared, header):
    declaration = f"<?xml version='1.0' encoding='{declared}'?>" if declared else ""
    body = (declaration + journal(UMLAUTS)).encode(codec)
    kind = "application/rss+xml" + (f"; charset={header}" if header else "")
    report = await read(world, body, Content_Type=kind)
    assert report.outcome is PollOutcome.READ
    assert world.titles() == [UMLAUTS]


@pytest.mark.parametrize("codec", ["latin-1", "cp1252", "shift_jis", "koi8-r"])
async def test_a_charset_that_is_not_said_still_gives_the_entries(world, codec):
    title = "\u041f\u0440\u0438\u0432\u0435\u0442" if codec == "koi8-r" else "Plain na\u00efve"
    body = journal(title, "Other").encode(codec, "replace")
    report = await read(world, body)
    assert (report.outcome, report.entries) == (PollOutcome.READ, 2)
    assert "Other" in world.titles()


# ── Dates and guids ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "date",
    [
        "Mon, 01 Jan 0001 00:00:00 GMT",
        "0001-01-01T00:00:00Z",
        "Fri, 31 Dec 9999 23:59:59 -2359",
        "9999-12-31T23:59:59-12:00",
        "0000-00-00",
        "Thu, 01 Jan 1970 00:00:00 +9999",
        "-1",
        "1e400",
        "soon",
    ],
)
async def test_dates_of_no_calendar_are_tamed(world, date):
    item = f"<item><title>T</title><pubDate>{date}</pubDate><dc:date>{date}</dc:date></item>"
    report = await read(world, journal(head=f"<lastBuildDate>{date}</lastBuildDate>{item}"))
    assert report.outcome is PollOutcome.READ
    (paper,) = world.papers()
    assert paper.published is None or datetime(1900, 1, 1, tzinfo=UTC) <= paper.published <= NOW
    assert world.state("j").built is None or world.state("j").built <= NOW


async def test_missing_and_repeated_guids_lose_and_double_nothing(world):
    items = "".join(
        f"<item><title>{title}</title><link>https://j.example/{title}</link>{guid}</item>"
        for title, guid in [("A", "<guid>same</guid>"), ("B", "<guid>same</guid>"), ("C", "")]
    )
    for hours, new in ((0, 3), (2, 0)):
        body = journal(head=items + "<!-- -->" * hours)
        assert (await read(world, body, now=NOW + hours * HOUR)).new == new
    assert world.titles() == ["A", "B", "C"]


async def test_guids_that_change_all_at_once_announce_nothing(world):
    titles = [f"Title {n}" for n in range(8)]
    await read(world, journal(*titles))
    changed = re.sub(r"<guid>(.*?)</guid>", r"<guid>urn:x:\1</guid>", journal(*titles))
    report = await read(world, changed, now=NOW + HOUR)
    assert (report.new, report.entries) == (0, 8)
    assert report.detail.startswith("8 known entries came under new guids")


async def test_first_a_journals_past_is_seen_and_only_its_last_days_are_candidates(world):
    old, undated = journal("Old", at=NOW - 30 * DAY), journal("Undated")
    recent = journal("Recent", at=NOW - 2 * DAY)
    for path, body in (("/old", old), ("/undated", undated), ("/recent", recent)):
        world.site.put(path, body)
        await world.walk(NOW, a_journal(world, path, name=path[1:], backfill="7d"))
    assert world.titles() == ["Old", "Recent", "Undated"]
    assert world.new() == ["Recent"]


async def test_json_that_nests_for_ever_is_a_sentence(world):
    report = await read(world, '{"version":' + "[" * 200_000, Content_Type="application/json")
    assert report.detail == "127.0.0.1 sent JSON that is broken or breaks off"
    whole = json.dumps({"version": "https://jsonfeed.org/version/1.1", "items": [{"id": 1}, None]})
    assert (await read(world, whole, now=NOW + DAY)).entries == 1
