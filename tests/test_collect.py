"""Collect: one failing source never stops the others, and nothing is asked or read in vain."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from bot.config import SourceSettings
from bot.errors import ConfigError, DiskFullError, Mistake
from bot.fetch.canned import CannedFetcher
from bot.models import Document, Failure, NotModified
from bot.store import Store
from bot.workflows.collect import Collected, PollingRound, PollOutcome, collect
from support_round import DAY, HOUR, NOW, WORKERS, a_source, arxiv, stored, with_profiles

MINUTE = timedelta(minutes=1)
ARXIV, HF, NATURE = (a_source(name, every="1h") for name in ("arxiv", "hf", "nature"))


def feed(*numbers: int, title: str = "Paper", when=NOW) -> bytes:
    items = "".join(
        f"<item><title>{title} {n}</title><link>https://arxiv.org/abs/2611.{n:05d}</link>"
        f"<guid>entry-{n}</guid><pubDate>{when:%a, %d %b %Y %H:%M:%S} GMT</pubDate></item>"
        for n in numbers
    )
    return f'<rss version="2.0"><channel><title>A feed</title>{items}</channel></rss>'.encode()


def unreachable(source) -> Failure:
    return Failure(source.url, "could not be reached")


class Walk:
    """A store and a fetcher with canned answers, and the reports of its rounds."""

    def __init__(self, store: Store) -> None:
        self.store, self.fetcher = store, CannedFetcher()
        self.token = lambda _: ""

    async def poll(self, *sources, now=NOW) -> dict[str, Collected]:
        around = PollingRound(self.store, self.fetcher, WORKERS, now, token=self.token)
        return {report.source: report for report in await collect(sources, around)}

    def answers(self, source, *answers) -> None:
        self.fetcher.then(source.url, *answers)

    def state(self, source):
        return self.store.source_states()[source.name]


@pytest.fixture
def walk(tmp_path):
    with Store(tmp_path / "paperround.db") as store:
        yield Walk(store)


# ── Each on its own ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "trouble",
    [
        unreachable(HF),
        Failure(HF.url, "answered 500", status=500),
        b"<!doctype html><html><body>We are down for maintenance.</body></html>",
        b"",
        b'<rss version="2.0"><channel><title>A feed</title><item><title>Bro',
        b"\x89PNG\r\n\x1a\n\x00\x00",
        b"{}",
    ],
)
async def test_a_failing_source_stops_no_other_and_is_named(walk, trouble):
    walk.answers(ARXIV, feed(1, 2))
    walk.answers(HF, trouble)
    walk.answers(NATURE, feed(3))
    reports = await walk.poll(ARXIV, HF, NATURE)
    assert list(reports) == ["arxiv", "hf", "nature"], "in the order of the configuration"
    if reports["hf"].outcome is PollOutcome.FAILED:
        assert reports["hf"].detail
        assert walk.state(HF).error == reports["hf"].detail
        assert walk.state(HF).failures == 1
    else:
        assert reports["hf"].detail, "what was odd about it is told"
    assert (reports["arxiv"].new, reports["nature"].new) == (2, 1)
    assert walk.store.count_papers() >= 3


async def test_a_source_that_fails_keeps_its_papers_and_its_state(walk):
    answer = Document(ARXIV.url, feed(1), (("etag", '"one"'),))
    walk.answers(ARXIV, answer)
    await walk.poll(ARXIV)
    before = walk.state(ARXIV)
    walk.answers(ARXIV, unreachable(ARXIV))
    report = (await walk.poll(ARXIV, now=NOW + DAY))["arxiv"]
    after = walk.state(ARXIV)
    assert (report.outcome, report.detail) == (PollOutcome.FAILED, "could not be reached")
    assert (after.etag, after.body_sha, after.last_ok) == ('"one"', before.body_sha, NOW)
    assert after.failing_since == NOW + DAY
    assert walk.store.count_papers() == 1


async def test_a_source_that_answers_again_is_well(walk):
    walk.answers(ARXIV, unreachable(ARXIV))
    await walk.poll(ARXIV)
    walk.answers(ARXIV, feed(1))
    assert (await walk.poll(ARXIV, now=NOW + DAY))["arxiv"].outcome is PollOutcome.READ
    state = walk.state(ARXIV)
    assert (state.failures, state.error, state.failing_since) == (0, "", None)
    assert state.last_ok == NOW + DAY


async def test_each_source_is_told_as_soon_as_it_has_ended(walk):
    told: list[str] = []
    walk.answers(ARXIV, feed(1))
    around = PollingRound(walk.store, walk.fetcher, WORKERS, NOW)
    await collect([ARXIV, HF], around, lambda report: told.append(report.source))
    assert sorted(told) == ["arxiv", "hf"]


async def test_a_source_whose_token_is_missing_fails_alone_and_is_not_asked(walk):
    def token(source) -> str:
        if source.name == "hf":
            problem = "the environment variable HF_TOKEN is not set"
            raise ConfigError([Mistake("config.toml", "", "env:HF_TOKEN", problem)])
        return ""

    walk.token = token
    walk.answers(ARXIV, feed(1))
    walk.answers(HF, feed(2))
    reports = await walk.poll(HF, ARXIV)
    assert reports["hf"].outcome is PollOutcome.FAILED
    assert "HF_TOKEN is not set" in reports["hf"].detail
    assert reports["arxiv"].new == 1
    assert [request.url for request in walk.fetcher.requests] == [ARXIV.url]


async def test_a_full_disk_ends_the_round_after_what_could_be_kept(walk, monkeypatch):
    absorb = Store.absorb

    def full(store, source, *arguments, **named):
        if source == "arxiv":
            raise DiskFullError("no room left")
        return absorb(store, source, *arguments, **named)

    monkeypatch.setattr(Store, "absorb", full)
    walk.answers(ARXIV, feed(1))
    walk.answers(HF, feed(2))
    with pytest.raises(DiskFullError):
        await walk.poll(ARXIV, HF)
    assert walk.store.count_papers() == 1
    assert "arxiv" not in walk.store.source_states(), "what was not kept will be asked for again"


async def test_a_source_that_is_switched_off_is_not_asked(walk):
    assert await walk.poll(a_source("arxiv", enabled=False)) == {}
    assert walk.fetcher.requests == []


# ── Nothing in vain ───────────────────────────────────────────────────────────────────────────────


async def test_a_source_is_asked_when_it_is_due_and_not_before(walk):
    walk.answers(ARXIV, feed(1))
    await walk.poll(ARXIV)
    report = (await walk.poll(ARXIV, now=NOW + 10 * MINUTE))["arxiv"]
    assert report.outcome is PollOutcome.NOT_DUE
    assert "next poll" in report.detail
    assert len(walk.fetcher.requests) == 1
    await walk.poll(ARXIV, now=NOW + HOUR)
    assert len(walk.fetcher.requests) == 2


async def test_a_failing_source_is_asked_ever_more_seldom_and_says_when(walk):
    walk.answers(ARXIV, unreachable(ARXIV))
    now, waits = NOW, []
    for _ in range(8):
        await walk.poll(ARXIV, now=now)
        following = walk.state(ARXIV).next_poll
        waits.append(following - now)
        report = (await walk.poll(ARXIV, now=following - MINUTE))["arxiv"]
        assert report.outcome is PollOutcome.NOT_DUE
        assert report.detail.startswith("could not be reached; next try")
        now = following
    assert waits == sorted(waits)
    assert waits[-1] == DAY


async def test_an_edited_source_is_asked_at_once(walk):
    walk.answers(ARXIV, feed(1))
    await walk.poll(ARXIV)
    elsewhere = a_source("arxiv", url="https://elsewhere.example.org/feed")
    walk.fetcher.then(elsewhere.url, feed(2))
    report = (await walk.poll(elsewhere, now=NOW + MINUTE))["arxiv"]
    assert (report.outcome, report.new) == (PollOutcome.READ, 1)


MOVED = a_source("nature", every="1h", url="https://elsewhere.example.org/feed")


@pytest.mark.parametrize("fails_first", [False, True])
async def test_another_feed_under_the_same_name_is_looked_at_for_the_first_time(walk, fails_first):
    walk.answers(NATURE, feed(1, 2))
    await walk.poll(NATURE, now=NOW)
    later = NOW + 10 * DAY
    if fails_first:
        walk.answers(MOVED, Failure(MOVED.url, "answered 500", status=500))
        await walk.poll(MOVED, now=later)
    old, news = feed(3, 4, when=NOW - 30 * DAY), feed(5, when=NOW + DAY)
    walk.answers(MOVED, old.replace(b"</channel></rss>", b"") + news[news.index(b"<item>") :])
    report = (await walk.poll(MOVED, now=later + DAY))["nature"]
    assert (report.new, report.detail) == (
        3, "2 stored as seen, no news: older than `backfill`, or without a date"
    )  # fmt: skip
    assert _news_of(walk) == ["Paper 1", "Paper 2", "Paper 5"]
    walk.answers(MOVED, feed(6, when=NOW - 30 * DAY))
    await walk.poll(MOVED, now=later + 2 * DAY)
    assert "Paper 6" in _news_of(walk), "from then on it is a source as all others"


@pytest.mark.parametrize("guid", [b"entry-", b"https://entry-"])
async def test_a_feed_that_has_moved_brings_what_is_new_though_it_is_old(walk, guid):
    walk.answers(NATURE, feed(1, 2))
    await walk.poll(NATURE, now=NOW)
    moved = feed(2, 3, when=NOW - 30 * DAY).replace(b"entry-", guid)
    walk.answers(MOVED, moved)
    assert (await walk.poll(MOVED, now=NOW + DAY))["nature"].new == 1
    assert _news_of(walk) == ["Paper 1", "Paper 2", "Paper 3"]


async def test_a_feed_that_was_empty_at_first_brings_news_whatever_its_date(walk):
    walk.answers(NATURE, feed())
    await walk.poll(NATURE, now=NOW)
    walk.answers(NATURE, feed(1, when=NOW - 30 * DAY))
    await walk.poll(NATURE, now=NOW + DAY)
    assert _news_of(walk) == ["Paper 1"]


def _news_of(walk) -> list[str]:
    return [paper.title for paper in walk.store.candidates("experts", None, None, ())]


async def test_a_second_request_is_conditional_and_a_304_changes_nothing(walk):
    first = Document(ARXIV.url, feed(1), (("etag", '"one"'), ("last-modified", "Fri")))
    walk.answers(ARXIV, first, NotModified(ARXIV.url))
    await walk.poll(ARXIV)
    report = (await walk.poll(ARXIV, now=NOW + HOUR))["arxiv"]
    asked = walk.fetcher.requests[1]
    assert (asked.etag, asked.last_modified) == ('"one"', "Fri")
    assert (report.outcome, report.new) == (PollOutcome.UNCHANGED, 0)
    assert walk.state(ARXIV).last_ok == NOW + HOUR


async def test_the_same_body_is_not_read_again(walk):
    walk.answers(ARXIV, feed(1, 2))
    await walk.poll(ARXIV)
    report = (await walk.poll(ARXIV, now=NOW + HOUR))["arxiv"]
    assert (report.outcome, report.entries) == (PollOutcome.UNCHANGED, 0)
    assert walk.state(ARXIV).last_ok == NOW + HOUR


async def test_a_document_that_could_not_be_read_is_asked_for_whole_again(walk):
    page = b"<html>A captive portal says hello.</html>"
    walk.answers(ARXIV, Document(ARXIV.url, page, (("etag", '"portal"'),)))
    assert (await walk.poll(ARXIV))["arxiv"].outcome is PollOutcome.FAILED
    walk.answers(ARXIV, feed(1))
    assert (await walk.poll(ARXIV, now=NOW + DAY))["arxiv"].new == 1
    assert walk.fetcher.requests[1].etag == ""


# ── What is new ───────────────────────────────────────────────────────────────────────────────────


async def test_the_next_day_only_what_is_new_is_new(walk):
    walk.answers(ARXIV, feed(1, 2))
    assert (await walk.poll(ARXIV))["arxiv"].new == 2
    walk.answers(ARXIV, feed(2, 3))
    report = (await walk.poll(ARXIV, now=NOW + DAY))["arxiv"]
    assert (report.entries, report.new, report.updated) == (2, 1, 0)


async def test_two_sources_that_show_one_paper_at_once_store_it_once(walk):
    walk.answers(ARXIV, feed(1))
    walk.answers(NATURE, feed(1))
    reports = await walk.poll(ARXIV, NATURE)
    assert reports["arxiv"].new + reports["nature"].new == 1
    paper = stored(walk.store, arxiv(1))
    assert {s["source"] for s in walk.store.sightings(paper.id)} == {"arxiv", "nature"}


ANNOUNCED = SourceSettings(name="listing", kind="arxiv", url="https://mirror.example/listing")
REPLACED = b"""<rss xmlns:arxiv="http://arxiv.org/schemas/atom" version="2.0"><channel>
<title>cs.LG updates on arXiv.org</title><item><title>Paper 1, better</title>
<link>https://arxiv.org/abs/2611.00001</link>
<description>arXiv:2611.00001v2 Announce Type: replace \nAbstract: Now with proofs.</description>
<guid isPermaLink="false">oai:arXiv.org:2611.00001v2</guid>
<arxiv:announce_type>replace</arxiv:announce_type></item></channel></rss>"""


@pytest.mark.parametrize("order", [(ANNOUNCED, HF), (HF, ANNOUNCED)])
async def test_a_replacement_counts_whichever_source_answers_first(walk, order):
    walk.answers(ANNOUNCED, REPLACED)
    walk.answers(HF, feed(1))
    reports = await walk.poll(*order)
    paper = stored(walk.store, arxiv(1))
    assert (paper.title, paper.version) == ("Paper 1, better", 2)
    assert {s["source"] for s in walk.store.sightings(paper.id)} == {"listing", "hf"}
    assert (reports["hf"].new, reports["listing"].new) == (1, 0)


async def test_a_replacement_of_what_nobody_brought_is_no_paper(walk):
    walk.answers(ANNOUNCED, REPLACED)
    walk.answers(HF, feed(2))
    await walk.poll(ANNOUNCED, HF)
    assert walk.store.lookup([arxiv(1)]) == []


async def test_a_feeds_past_is_not_news_at_the_first_look(walk):
    with_profiles(walk.store, "experts")
    old = feed(1, when=NOW - 30 * DAY)
    walk.answers(NATURE, old)
    walk.answers(HF, feed(2, when=NOW - DAY))
    reports = await walk.poll(NATURE, HF)
    assert (reports["nature"].new, reports["hf"].new) == (1, 1)
    seen = "1 stored as seen, no news: older than `backfill`, or without a date"
    assert [reports[name].detail for name in ("nature", "hf")] == [seen, ""]
    fresh = walk.store.candidates("experts", None, None, ())
    assert [paper.title for paper in fresh] == ["Paper 2"]


# ── The owner ─────────────────────────────────────────────────────────────────────────────────────


async def _alarms(walk, days) -> list[int]:
    """Poll once a day with these answers; return the days on which the owner hears of it."""
    heard = []
    for day, answer in enumerate(days):
        walk.answers(NATURE, answer)
        if (await walk.poll(NATURE, now=NOW + day * DAY + day * HOUR))["nature"].alarm:
            heard.append(day)
    return heard


async def test_an_alarm_is_told_once_and_again_only_after_it_was_well(walk):
    down = unreachable(NATURE)
    days = [feed(1), down, down, down, down, down, feed(2), down, down, down, down]
    assert await _alarms(walk, days) == [3, 9]


async def test_a_source_that_has_gone_for_good_is_told_at_once_and_left_alone(walk):
    gone = Failure(NATURE.url, "is gone (410)", status=410, gone=True)
    assert await _alarms(walk, [feed(1), gone, gone, gone]) == [1]
    assert len(walk.fetcher.requests) == 2


# ── Together ──────────────────────────────────────────────────────────────────────────────────────


async def test_many_sources_are_few_commits(walk, monkeypatch):
    together = []
    absorb_all = Store.absorb_all

    def noted(store, showings, now):
        together.append(len(showings))
        return absorb_all(store, showings, now)

    monkeypatch.setattr(Store, "absorb_all", noted)
    many = [
        a_source(f"journal-{n}", kind="feed", url=f"https://journal-{n}.example.org/")
        for n in range(40)
    ]
    for number, source in enumerate(many):
        walk.answers(source, feed(number + 1))
    reports = await walk.poll(*many)
    assert sum(report.new for report in reports.values()) == 40
    assert sum(together) == 40
    assert len(together) <= 8
    assert walk.store.source_states().keys() == {source.name for source in many}


async def test_a_source_that_hangs_keeps_nothing_of_the_others_uncommitted(walk, monkeypatch):
    committed, answers = asyncio.Event(), walk.fetcher.fetch
    absorb_all = Store.absorb_all

    def noted(store, showings, now):
        absorbed = absorb_all(store, showings, now)
        committed.set()
        return absorbed

    async def fetched(request):
        if request.url == HF.url:
            async with asyncio.timeout(30):
                await committed.wait()
        return await answers(request)

    monkeypatch.setattr(Store, "absorb_all", noted)
    monkeypatch.setattr(walk.fetcher, "fetch", fetched)
    walk.answers(ARXIV, feed(1, 2))
    walk.answers(HF, feed(3))
    reports = await walk.poll(ARXIV, HF)
    assert [report.new for report in reports.values()] == [2, 1]


async def test_the_search_index_is_left_for_later(walk):
    walk.answers(NATURE, feed(1, 2))
    await walk.poll(NATURE)
    assert walk.store.index_some() == 2
    assert walk.store.index_some() == 0
