"""Ten consecutive announcements of April 2025, and one empty Saturday, as they were captured.

What is known of them: both groups of categories, with the papers that stand in both; replacements
and cross-lists; Hugging Face's lists of the same dates, whose papers arXiv announced.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest

from bot.app import open_app
from bot.config import load_config
from bot.models import Event, Role, Weather
from support_cli import html_of, mails, papers, picked, text_of
from support_replay import LARGE, RECONSTRUCTED, SHARED, SMALL, captured, captured_day, replaying

pytestmark = pytest.mark.skipif(
    not RECONSTRUCTED.is_dir(), reason="shared/data/arxiv_rss/reconstructed is absent"
)

TEN_DAYS = [date(2025, 4, day) for day in (7, 8, 9, 10, 11, 14, 15, 16, 17, 18)]
ADDRESS = "reader@example.org"

CONFIG = """
[bot]
contact = "owner@example.org"
timezone = "America/New_York"

[[sources]]
name = "large"
kind = "arxiv"
url = "{url}"
categories = ["cs.CL", "cs.CV", "cs.MM", "cs.LG", "cs.SI"]
announce = {announce}

[[sources]]
name = "small"
kind = "arxiv"
url = "{url}"
categories = ["cs.SD", "eess.AS"]
announce = {announce}

[[sources]]
name = "hf"
kind = "huggingface"
url = "{url}"

[profiles.reasoning]
title = "Reasoning"
to = ["{address}"]
about = "Language models that reason, and how to train and evaluate them."
keywords = ["reasoning^2", "reinforcement learning", "benchmark"]
categories = ["cs.CL"]
at = "06:00"

[profiles.speech]
title = "Speech"
to = ["{address}"]
keywords = ["speech^2", "audio", "music"]
categories = ["cs.SD", "eess.AS"]
at = "06:00"
limit = 8

[fetch]
allow_private = ["127.0.0.1/32"]
"""


@dataclass
class Days:
    """A folder with a configuration, walked through a number of days in this process."""

    folder: Path
    url: str
    announce: str = '["new", "cross"]'
    new: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        text = CONFIG.format(url=self.url, announce=self.announce, address=ADDRESS)
        (self.folder / "config.toml").write_text(text)
        self.config = load_config(self.folder / "config.toml")
        self.state = self.config.state

    async def walk(self, day, hour=time(12)):
        """Do what `once` does, at that hour UTC; return what was collected."""
        now = datetime.combine(day, hour, UTC)
        with open_app(self.config, lambda: now) as app:
            collected = await app.collect()
            await app.compose()
            await app.publish()
            report = await app.deliver()
        assert report.problems == []
        return {each.source: each for each in collected}

    def store(self):
        return open_app(self.config, lambda: datetime(2025, 4, 19, tzinfo=UTC))


def announced(day, group=LARGE):
    """What the capture says, read without our parser: [(id, version, announce type)]."""
    body = captured(RECONSTRUCTED / day.isoformat() / f"{group}.xml").decode()
    return [
        (found["id"], int(found["v"]), found["type"])
        for found in re.finditer(
            r"oai:arXiv\.org:(?P<id>\S+?)v(?P<v>\d+)</guid>.*?announce_type>(?P<type>[\w-]+)<",
            body,
            re.DOTALL,
        )
    ]


def listed(day):
    """What Hugging Face's list of the day says: {arXiv id: votes}."""
    body = captured(SHARED / "hf_daily" / "raw" / f"{day.isoformat()}.json")
    return {entry["paper"]["id"]: entry["paper"]["upvotes"] for entry in json.loads(body)}


def admitted(days, types=("new", "cross"), *, hf=True):
    """The ids that a reader of new papers and cross-lists is shown over these days."""
    from_arxiv = {
        number
        for day in days
        for group in (LARGE, SMALL)
        for number, _, kind in announced(day, group)
        if kind in types
    }
    return from_arxiv | {number for day in days for number in listed(day) if hf}


async def _walked(folder, days, **settings):
    with replaying() as site:
        made = Days(folder, site.url, **settings)
        for day in days:
            site.show(captured_day(day))
            for name, each in (await made.walk(day)).items():
                assert each.outcome.value == "read", each
                made.new[name] += each.new
    return made


def check_store(made, days):
    """Every paper once; the store has just what was announced, and each paper's latest version."""
    latest: Counter[str] = Counter()
    for day in days:
        for group in (LARGE, SMALL):
            for number, version, _ in announced(day, group):
                latest[number] = max(latest[number], version)
    # Of what Hugging Face brought alone, a replacement may have passed by before we knew the paper.
    introduced = admitted(days, hf=False)
    with made.store() as app:
        stored = app.store.recent(100_000)
        assert app.store.count_papers() == len(stored)
    numbers = [i.value for p in stored for i in p.identifiers if i.scheme.value == "arxiv"]
    assert len(numbers) == len(set(numbers)) == len(stored)
    assert set(numbers) == admitted(days)
    assert sum(made.new.values()) == len(stored), "a paper is new once, in one source"
    for paper in stored:
        number = next(i.value for i in paper.identifiers if i.scheme.value == "arxiv")
        if number in introduced:
            assert paper.version == latest[number], number


def check_votes(made, days):
    """The papers that both arXiv and Hugging Face showed are one, with the votes of the last list."""
    votes: dict[str, int] = {}
    for day in days:
        votes |= listed(day)
    announced_here = {
        number for day in days for number, _, kind in announced(day) if kind in ("new", "cross")
    }
    assert len(votes.keys() & announced_here) >= 3 * len(days)
    with made.store() as app:
        for paper in app.store.recent(100_000):
            number = next(i.value for i in paper.identifiers if i.scheme.value == "arxiv")
            assert paper.votes == votes.get(number)
            if number in votes and number in announced_here:
                sources = {str(row["source"]) for row in app.store.sightings(paper.id)}
                assert {"hf", "large"} <= sources


def check_mails(made, days):
    """A mail a day, a section a profile, and no paper twice as new to the same address."""
    with made.store() as app:
        sent = app.store.deliveries(1000)[::-1]
    assert [each.status.value for each in sent] == ["sent"] * len(days)
    new = [paper for each in sent for paper in picked(each, Role.NEW)]
    assert len(new) == len(set(new))
    before: set[int] = set()
    for mail, each in zip(mails(made.state), sent, strict=True):
        assert set(picked(each, Role.UPDATE)) <= before
        before |= set(picked(each, Role.NEW))
        text = text_of(mail)
        assert (text.count("REASONING"), text.count("SPEECH")) == (1, 1)
        assert len(html_of(mail).encode()) < 102_000, "Gmail clips what is longer"
        for paper in papers(made.state, picked(each, Role.NEW)):
            (number,) = (i.value for i in paper.identifiers if i.scheme.value == "arxiv")
            assert f"abs/{number}" in text


def check_editions(made):
    """An edition's new papers were never in one before, and no news of a paper makes it new."""
    with made.store() as app:
        for profile in made.config.profiles:
            new: list[int] = []
            told: set[tuple[int, Event]] = set()
            for edition in reversed(app.store.editions(profile)):
                fresh = [pick.paper for pick in edition.picks if pick.role is Role.NEW]
                assert not set(fresh) & set(new)
                new += fresh
                updates = [pick for pick in edition.picks if pick.role is Role.UPDATE]
                assert all(pick.paper in new and pick.told for pick in updates)
                assert all(p.version > 1 for p in updates if Event.REPLACE in p.told)
                events = {(p.paper, e) for p in updates for e in p.told if e is not Event.REPLACE}
                assert not events & told, "each thing is told once"
                assert Event.WITHDRAWN not in {event for _, event in events}, "none was, in these"
                told |= events


async def test_two_days_in_a_row(tmp_path):
    days = TEN_DAYS[3:5]
    made = await _walked(tmp_path, days)
    check_store(made, days)
    check_votes(made, days)
    check_mails(made, days)
    check_editions(made)


@pytest.mark.long
async def test_ten_days_in_a_row(tmp_path):
    made = await _walked(tmp_path, TEN_DAYS)
    check_store(made, TEN_DAYS)
    check_votes(made, TEN_DAYS)
    check_mails(made, TEN_DAYS)
    check_editions(made)
    with made.store() as app:
        editions = {name: app.store.editions(name) for name in made.config.profiles}
        replaced = [p for e in editions["reasoning"] for p in e.picks if p.role is Role.UPDATE]
        weathers = {n.weather for made_ in editions.values() for e in made_ for n in e.health}
    assert replaced, "of a hundred picks, some are replaced within two weeks"
    assert weathers == {Weather.FINE}
    assert len(editions["reasoning"]) == 10


@pytest.mark.long
async def test_replacements_bring_papers_only_where_they_are_asked_for(tmp_path):
    day = TEN_DAYS[0]
    (tmp_path / "all").mkdir()
    (tmp_path / "new").mkdir()
    everything = '["new", "cross", "replace", "replace-cross"]'
    made = await _walked(tmp_path / "all", [day], announce=everything)
    only_new = await _walked(tmp_path / "new", [day], announce='["new"]')
    types = ("new", "cross", "replace", "replace-cross")
    for each, wanted in ((made, admitted([day], types)), (only_new, admitted([day], ("new",)))):
        with each.store() as app:
            assert app.store.count_papers() == len(wanted)


async def test_a_weekend_is_quiet_and_monday_is_not(tmp_path):
    """Friday's announcement; Saturday's and Sunday's empty documents; Monday's announcement."""
    saturday = captured(SHARED / "arxiv_rss" / "rss2_2026" / "cs.CL_2026-08-01_weekend_empty.xml")
    friday, monday = date(2025, 4, 11), date(2025, 4, 14)
    with replaying(captured_day(friday)) as site:
        made = Days(tmp_path, site.url)
        # The small group alone: Hugging Face is off, the large group's half megabyte unread.
        config = made.config.model_copy(
            update={"sources": tuple(s for s in made.config.sources if s.name == "small")}
        )
        made.config = config
        await made.walk(friday)
        for day in (friday + timedelta(days=1), friday + timedelta(days=2)):
            empty = saturday.replace(b"Sat, 01 Aug 2026", f"{day:%a, %d %b %Y}".encode())
            site.but(f"/rss/{SMALL}", empty)
            (small,) = (await made.walk(day)).values()
            assert (small.outcome.value, small.entries, small.new) == ("read", 0, 0)
            assert small.detail == f"arXiv announces nothing on a {day:%A}"
        assert len(mails(made.state)) == 1, "a quiet weekend is no mail"
        site.show(captured_day(monday))
        await made.walk(monday)
    with made.store() as app:
        editions = app.store.editions("speech")[::-1]
        weathers = [edition.health[0].weather for edition in editions]
    assert weathers == [Weather.FINE, Weather.HOLIDAY, Weather.HOLIDAY, Weather.FINE]
    assert len(mails(made.state)) == 2


async def test_the_real_saturday_says_so_in_a_line(tmp_path):
    saturday = captured(SHARED / "arxiv_rss" / "rss2_2026" / "cs.CL_2026-08-01_weekend_empty.xml")
    config = f"""
[bot]
contact = "owner@example.org"
timezone = "UTC"
[[sources]]
name = "arxiv"
kind = "arxiv"
url = "%s"
categories = ["cs.CL"]
[profiles.everything]
to = ["{ADDRESS}"]
at = "any"
empty = "note"
[fetch]
allow_private = ["127.0.0.1/32"]
"""
    none = captured(next((SHARED / "arxiv_api" / "arxiv.py_bodies").glob("id_0000.0000*")))
    with replaying({"/rss/cs.CL": saturday, "/api/query": none}) as site:
        (tmp_path / "config.toml").write_text(config % site.url)
        loaded = load_config(tmp_path / "config.toml")
        now = datetime(2026, 8, 1, 12, tzinfo=UTC)
        with open_app(loaded, lambda: now) as app:
            (collected,) = await app.collect()
            await app.compose()
            await app.deliver()
    assert collected.detail.startswith("arXiv announces nothing on a Saturday")
    (mail,) = mails(tmp_path / "state")
    assert "arXiv announces nothing on a Saturday." in text_of(mail)
