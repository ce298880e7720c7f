"""The whole round in one process, fakes at the taps: read it to see what the bot does.

Documents are canned, mail is captured, pages are kept in a dictionary; between them run the real
workflows on a real store.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest

from bot.config import load_config
from bot.fetch.canned import CannedFetcher
from bot.mail import CapturingMailer
from bot.models import Document, Failure, Weather
from bot.ports import Workers
from bot.printing import printing
from bot.render import TemplateRenderer
from bot.store import Store
from bot.workflows.collect import PollingRound, collect
from bot.workflows.compose import compose
from bot.workflows.deliver import deliver
from bot.workflows.desk import Post
from bot.workflows.publish import publish
from bot.workflows.subscribe import mirror

SECRET = bytes(32)
ARXIV = "http://rss.test/rss/cs.CL"
JOURNAL = "http://journal.test/feed.xml"
CONFIG = """
[bot]
contact = "owner@example.org"
timezone = "America/New_York"
[[sources]]
name = "arxiv"
kind = "arxiv"
url = "http://rss.test"
categories = ["cs.CL"]
announce = {announce}
[[sources]]
name = "journal"
kind = "feed"
url = "http://journal.test/feed.xml"
[profiles.routing]
title = "Routing"
to = ["ada@example.org"]
keywords = ["expert routing"]
empty = "{empty}"
at = "06:00"
"""


def announcement(day: datetime, *entries: tuple[str, str, str]) -> bytes:
    """An arXiv feed built on that day: (id with version, announce type, title)."""
    items = "".join(
        f"<item><title>{title}</title><link>https://arxiv.org/abs/{number.partition('v')[0]}</link>"
        f"<description>arXiv:{number} Announce Type: {kind} \nAbstract: Expert routing.</description>"
        f'<guid isPermaLink="false">oai:arXiv.org:{number}</guid><category>cs.CL</category>'
        f"<pubDate>{day:%a, %d %b %Y} 00:00:00 -0500</pubDate>"
        f"<arxiv:announce_type>{kind}</arxiv:announce_type><dc:creator>Ada L.</dc:creator></item>"
        for number, kind, title in entries
    )
    return (
        '<?xml version="1.0"?><rss version="2.0" xmlns:arxiv="http://arxiv.org/schemas/atom" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><title>cs.CL updates</title>'
        f"<lastBuildDate>{day:%a, %d %b %Y} 05:00:00 +0000</lastBuildDate>{items}</channel></rss>"
    ).encode()


def journal(*titles: str) -> bytes:
    items = "".join(
        f"<item><title>{t}</title><link>https://journal.test/{t[-1]}</link>"
        "<pubDate>Mon, 02 Nov 2026 06:00:00 GMT</pubDate></item>"
        for t in titles
    )
    return f'<rss version="2.0"><channel><title>J</title>{items}</channel></rss>'.encode()


async def _here(function, *args, **kwargs):
    return function(*args, **kwargs)


@dataclass
class Bot:
    """A bot with fakes at its taps, and a clock that the test moves."""

    folder: Path
    empty: str = "skip"
    announce: str = '["new", "cross"]'
    now: datetime = datetime(2026, 11, 2, 12, tzinfo=UTC)  # a Monday, seven in New York
    files: dict[Path, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        path = self.folder / "config.toml"
        path.write_text(CONFIG.format(empty=self.empty, announce=self.announce))
        self.config = load_config(path)
        self.fetcher = CannedFetcher({JOURNAL: [journal("About routing 1")]})
        self.mailer = CapturingMailer()
        self.store = Store(self.folder / "paperround.db")
        self.warnings: list[str] = []

    def write(self, path: Path, content: bytes) -> bool:
        changed = self.files.get(path) != content
        self.files[path] = content
        return changed

    async def round(self, *entries: tuple[str, str, str], raw: bytes | Failure | None = None):
        """One morning's round; return the text of the mail it sent, "" for none."""
        document = raw if raw is not None else announcement(self.now, *entries)
        self.fetcher.then(ARXIV, document)
        workers = Workers(store=_here, cpu=_here)
        render = TemplateRenderer(None, self.warnings.append)
        before = len(self.mailer.sent)
        around = PollingRound(self.store, self.fetcher, workers, self.now)
        self.collected = await collect(self.config.sources, around)
        await mirror(self.config.profiles, self.store, workers, self.now, SECRET)
        self.composed = await compose(
            self.config.profiles, self.config.sources, self.store, workers, self.now,
            self.config.bot.timezone,
        )  # fmt: skip
        self.published = await publish(
            self.config, "test,2026", self.store, workers, render, self.write, Path("/public"),
        )  # fmt: skip
        post = Post(
            self.config, SECRET,
            lambda due: printing(due, self.config, SECRET, _here, self.warnings.append),
            self.mailer,
        )  # fmt: skip
        self.report = await deliver(post, self.store, workers, lambda: self.now)
        sent = self.mailer.sent[before:]
        assert len(sent) <= 1
        return _text(sent[0].content) if sent else ""

    def tomorrow(self, days: int = 1) -> None:
        self.now += timedelta(days=days)

    def weather(self) -> dict[str, Weather]:
        (edition,) = self.store.editions("routing", 1)
        return {note.source: note.weather for note in edition.health}


def _text(content: bytes) -> str:
    message = message_from_bytes(content, policy=default)
    part = message.get_body(("plain",))
    assert part is not None
    return " ".join(part.get_content().split())


@pytest.fixture
def bot(tmp_path):
    made = Bot(tmp_path)
    yield made
    made.store.close()


@pytest.fixture
def noting(tmp_path):
    made = Bot(tmp_path, empty="note")
    yield made
    made.store.close()


FIRST = ("2611.00001v1", "new", "Expert routing one")
SECOND = ("2611.00002v1", "new", "Expert routing two")
THIRD = ("2611.00003v1", "new", "Expert routing three")


# ── A good week ───────────────────────────────────────────────────────────────────────────────────


async def test_a_round_turns_documents_into_a_mail_a_feed_and_pages(bot):
    text = await bot.round(FIRST, SECOND)
    assert [c.outcome.value for c in bot.collected] == ["read", "read"]
    assert "Expert routing one" in text
    assert "Expert routing two" in text
    assert "because: *expert routing*" in text
    assert "All 2 sources answered" in text
    (envelope,) = bot.mailer.sent
    assert envelope.recipient == "ada@example.org"
    assert b"Expert routing one" in bot.files[Path("/public/feeds/routing.rss")]
    assert b"Expert routing one" in bot.files[Path("/public/p/routing/2026-11-02/index.html")]


async def test_the_next_round_of_the_same_day_does_nothing(bot):
    await bot.round(FIRST)
    assert await bot.round(FIRST) == ""
    assert bot.composed == []
    assert bot.published.changed == ()
    assert bot.report.opened == 0


async def test_tomorrow_brings_only_what_is_new(bot):
    await bot.round(FIRST)
    bot.tomorrow()
    text = await bot.round(SECOND)
    assert "Expert routing two" in text
    assert "Expert routing one" not in text


async def test_a_replaced_paper_is_an_update_and_never_new_again(bot):
    await bot.round(FIRST)
    bot.tomorrow()
    text = await bot.round(SECOND, ("2611.00001v2", "replace", "Expert routing one, revised"))
    assert "1 new paper from 1 considered, news of 1 earlier paper" in text
    assert text.index("NEWS OF PAPERS YOU HAD") < text.index("Expert routing one, revised")
    bot.tomorrow()
    text = await bot.round(THIRD, ("2611.00001v2", "replace", "Expert routing one, revised"))
    assert "Expert routing one" not in text, "the same version is told once"


async def test_a_withdrawal_is_told_at_once_and_first_and_only_once(bot):
    await bot.round(FIRST)
    bot.tomorrow()
    gone = ("2611.00001v2", "replace", "WITHDRAWN: Expert routing one")
    text = await bot.round(gone)
    assert "0 new papers, news of 1 earlier paper, withdrawn" in text, "a quiet day otherwise"
    assert (
        text.index("NEWS OF PAPERS") < text.index("WITHDRAWN: Expert") < text.index("! Withdrawn")
    )
    (page,) = (c for p, c in bot.files.items() if p.match("papers/arxiv/2611.00001/index.html"))
    assert b'<p class="withdrawn">Withdrawn</p>' in page
    bot.tomorrow()
    assert "WITHDRAWN" not in await bot.round(SECOND, gone)


async def test_what_comes_withdrawn_is_stored_and_never_offered(bot):
    text = await bot.round(FIRST, ("2611.00009v2", "new", "RETRACTED: Expert routing nine"))
    assert "Expert routing one" in text
    assert "nine" not in text
    assert bot.store.count_papers() == 3, "with the journal's"
    assert "nine" not in "".join(
        content.decode() for path, content in bot.files.items() if path.suffix == ".rss"
    )


async def test_published_and_replaced_at_once_is_one_line_that_says_both(bot):
    await bot.round(FIRST)
    bot.tomorrow()
    raw = announcement(
        bot.now, SECOND, ("2611.00001v2", "replace", "Expert routing one, revised")
    ).replace(
        b"<arxiv:announce_type>replace<",
        b"<arxiv:DOI>10.1038/s41586-026-00001-1</arxiv:DOI><arxiv:journal_reference>Nature 655, 1 (2026)"
        b"</arxiv:journal_reference><arxiv:announce_type>replace<",
    )
    text = await bot.round(raw=raw)
    news = text.partition("NEWS OF PAPERS YOU HAD")[2]
    assert news.count("Expert routing one") == 1
    said = "published in Nature 655, 1 (2026): https://doi.org/10.1038/s41586-026-00001-1 new version v2"
    assert said in news
    feed = next(c for p, c in bot.files.items() if p.match("feeds/routing.atom")).decode()
    assert feed.count("Expert routing one") == 1, "its entry moves, and stays one"
    assert "published in Nature 655, 1 (2026)</a>" in feed.replace("&lt;", "<").replace("&gt;", ">")


async def test_a_replacement_of_what_we_never_had_is_no_paper(bot):
    text = await bot.round(FIRST, ("2001.00009v3", "replace", "Expert routing of old"))
    assert "Expert routing of old" not in text
    assert bot.store.count_papers() == 2


async def test_a_cross_list_counts_where_it_is_asked_for(tmp_path):
    crossed = ("2610.00007v1", "cross", "Expert routing across")
    for announce, shown in (('["new"]', False), ('["new", "cross"]', True)):
        folder = tmp_path / str(shown)
        folder.mkdir()
        bot = Bot(folder, announce=announce)
        assert ("Expert routing across" in await bot.round(FIRST, crossed)) is shown
        bot.store.close()


async def test_a_missed_day_is_caught_up(bot):
    await bot.round(FIRST)
    bot.tomorrow(3)
    assert "Expert routing two" in await bot.round(SECOND)
    assert bot.composed[0].edition.number == 2


# ── Quiet days ────────────────────────────────────────────────────────────────────────────────────


async def test_a_quiet_day_is_skipped(bot):
    await bot.round(FIRST)
    bot.tomorrow()
    assert await bot.round(("2001.00009v3", "replace", "Old")) == ""
    (delivery, _) = bot.store.deliveries(2)
    assert (delivery.status.value, delivery.said) == ("skipped", "nothing new")


async def test_a_quiet_day_is_noted_where_that_is_asked_for(noting):
    await noting.round(FIRST)
    noting.tomorrow()
    text = await noting.round(("2001.00009v3", "replace", "Old"))
    assert "Expert routing" not in text
    assert "nothing new from journal" in text


async def test_a_weekend_says_that_nothing_was_due(noting):
    noting.now = datetime(2026, 11, 6, 12, tzinfo=UTC)  # a Friday
    await noting.round(FIRST)
    noting.tomorrow()
    assert "arXiv announces nothing on a Saturday." in await noting.round()
    assert noting.weather()["arxiv"] is Weather.HOLIDAY


async def test_a_holiday_is_named(noting):
    noting.now = datetime(2026, 11, 25, 12, tzinfo=UTC)
    await noting.round(FIRST)
    noting.tomorrow()
    text = await noting.round()
    assert "arXiv announces nothing on 26 November: Thanksgiving." in text
    assert noting.weather()["arxiv"] is Weather.HOLIDAY


async def test_a_stale_batch_is_told_apart_from_a_quiet_day(noting):
    await noting.round(FIRST)
    noting.tomorrow()
    text = await noting.round(FIRST)  # yesterday's entries under today's build date
    assert noting.weather()["arxiv"] is Weather.STALE
    assert "arxiv still shows its last batch under today’s date" in text
    noting.tomorrow()
    assert "Expert routing two" in await noting.round(SECOND)
    assert noting.weather()["arxiv"] is Weather.FINE


# ── Failing sources ───────────────────────────────────────────────────────────────────────────────

DOWN = Failure(ARXIV, "rss.test answered 503", 503)


async def test_a_failed_source_is_mentioned_once_and_once_on_recovery(bot):
    assert "All 2 sources answered" in await bot.round(FIRST)
    bot.tomorrow()
    failing = await bot.round(raw=DOWN)
    assert "! arxiv has not answered" in failing
    assert "rss.test answered 503" in failing
    bot.tomorrow()
    assert await bot.round(raw=DOWN) == "", "it is told once, whatever `empty` says"
    bot.tomorrow(2)
    bot.fetcher.then(JOURNAL, journal("About routing 1"))
    recovered = await bot.round(("2001.00009v3", "replace", "Old"))
    assert "arxiv answers again" in recovered
    bot.tomorrow()
    assert await bot.round(("2001.00010v3", "replace", "Old")) == ""


async def test_a_failed_source_keeps_no_other_back(bot):
    bot.fetcher.then(JOURNAL, Failure(JOURNAL, "journal.test could not be reached"))
    text = await bot.round(FIRST)
    assert "Expert routing one" in text
    assert "journal has not answered" in text
    assert "1 of 2 sources answered" in text


async def test_day_one_is_not_spent_on_an_outage(bot):
    bot.fetcher.then(JOURNAL, Failure(JOURNAL, "journal.test could not be reached"))
    assert await bot.round(raw=DOWN) == ""
    assert bot.composed == []
    bot.tomorrow()
    bot.fetcher.then(JOURNAL, journal("About routing 1"))
    assert "Expert routing one" in await bot.round(FIRST)
    assert bot.composed[0].edition.number == 1


@pytest.mark.parametrize(
    "body", [b"", b"<!doctype html><html></html>", b'<?xml version="1.0"?><rss><chan']
)
async def test_a_broken_document_is_no_empty_source(bot, body):
    await bot.round(FIRST)
    bot.tomorrow()
    await bot.round(raw=Document(ARXIV, body))
    assert bot.collected[0].outcome.value == "failed"
    assert bot.weather()["arxiv"] is Weather.FAILED
    assert bot.store.count_papers() == 2, "papers and state are kept"
    bot.tomorrow()
    assert "Expert routing two" in await bot.round(SECOND)


# ── The outbox ────────────────────────────────────────────────────────────────────────────────────


async def test_a_round_that_is_cut_off_sends_each_digest_once(bot):
    """The process dies when the server has taken the mail and nobody wrote it down."""
    taken = []

    def die(envelope):
        taken.append(envelope)
        raise asyncio.CancelledError

    bot.mailer = CapturingMailer(die)
    with pytest.raises(asyncio.CancelledError):
        await bot.round(FIRST)
    bot.mailer = CapturingMailer()
    await bot.round(FIRST)
    (again,) = bot.mailer.sent
    assert again.content == taken[0].content, "the same bytes, the same Message-ID"
    await bot.round(FIRST)
    assert len(bot.mailer.sent) == 1
    assert [d.status.value for d in bot.store.deliveries(9)] == ["sent"]
