"""Zone, hour and cadence changed at the worst moment, through compose, deliver and their ledger."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot import schedule
from bot.mail import CapturingMailer
from bot.models import Attempt, Cadence, Phase, Verdict
from bot.ports import PrintOrder, Unprintable
from bot.store import Store
from bot.store.subscribers import Choices
from bot.workflows.compose import compose
from bot.workflows.deliver import deliver
from bot.workflows.desk import Post
from support_days import Ledger, check_papers, check_slots, unfinished
from support_round import (
    SECRET,
    WORKERS,
    a_config,
    a_paper,
    a_profile,
    absorb,
    arxiv,
    subscribed,
    with_profiles,
)
from support_zones import DAY, HOUR, MINUTE, SECOND, first_reading

ADDRESS = "ada@example.org"
START = datetime(2026, 3, 26, 6, tzinfo=UTC)  # clocks are set on the 28th and 29th, and in April
RESTLESS, RESTING = 9, 15  # days; who rests has a weekly digest at the latest by the end
ZONES = (
    "UTC", "Europe/Berlin", "Asia/Beirut", "America/New_York", "Australia/Lord_Howe",
    "Pacific/Kiritimati", "Pacific/Niue", "Asia/Kathmandu",
)  # fmt: skip
HOURS = ("any", "", "00:00", "00:30", "02:30", "06:59", "07:00", "12:00", "23:59")
Choice = tuple[Cadence, str, str]  # cadence, hour, zone
Change = tuple[int, str, timedelta, Choice]  # day, moment, by how much it is missed, what is chosen
SENT = Attempt(Verdict.SENT, Phase.DONE, 250, "OK")

choices = st.tuples(st.sampled_from(Cadence), st.sampled_from(HOURS), st.sampled_from(ZONES))
moments = st.tuples(
    st.integers(0, RESTLESS),
    st.sampled_from(["their hour", "their midnight", "the edition"]),
    st.sampled_from([-SECOND, timedelta(0), SECOND, MINUTE, 3 * HOUR]),
    choices,
)


class Plain:
    """Prints mails that name their delivery and nothing else, in no time."""

    async def print(
        self, orders: Sequence[PrintOrder], _papers: object, _editions: object
    ) -> list[bytes | Unprintable]:
        return [b"Subject: %d\r\n\r\n" % order.delivery.id for order in orders]


class Reader:
    """One reader of a daily profile with its edition at 07:00 UTC, and a clock."""

    def __init__(self, first: Choice) -> None:
        self._folder = tempfile.TemporaryDirectory(dir=pytest_root())
        folder = Path(self._folder.name)
        self.config = a_config(folder, a_profile(limit=50), bot={"timezone": "UTC"})
        self.store = with_profiles(Store(folder / "state" / "paperround.db"), "experts")
        self.mailer = CapturingMailer(lambda _: SENT)
        self.papers = 0
        subscribed(self.store, ADDRESS)
        self.chosen = first
        self.choose(first)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self.store.close()
        self._folder.cleanup()

    def choose(self, chosen: Choice) -> None:
        cadence, at, zone = self.chosen = chosen
        self.store.choose(ADDRESS, Choices(cadence=cadence, at=at, zone=zone))

    def worst(self, day: int, which: str) -> datetime:
        """The moment on that day at which a change hurts most, by what is chosen now."""
        _, at, zone = self.chosen
        date = schedule.local_date(START + day * DAY, zone)
        hour = {"their hour": at or "07:00", "their midnight": "any", "the edition": "07:00"}[which]
        return first_reading(date, hour, "UTC" if which == "the edition" else zone)

    def a_paper_comes(self, now: datetime) -> None:
        self.papers += 1
        title = f"On experts, part {self.papers}."
        absorb(self.store, a_paper(arxiv(self.papers), title=title), now=now)

    async def look(self, now: datetime) -> None:
        await compose(self.config.profiles, (), self.store, WORKERS, now, "UTC")
        post = Post(self.config, SECRET, lambda _: nullcontext([Plain()]), self.mailer)
        report = await deliver(post, self.store, WORKERS, lambda: now)
        assert report.problems == []


def pytest_root() -> str | None:
    """Where the tests' folders lie, in memory if so configured."""
    return os.environ.get("PYTEST_DEBUG_TEMPROOT")


async def live(reader: Reader, changes: list[Change]) -> None:
    """Look every few hours, a paper a day, and right before and after each change."""
    now, end = START, START + (RESTLESS + RESTING) * DAY
    waiting = sorted(changes, key=lambda change: change[0])
    while now < end:
        following = now + 5 * HOUR
        if waiting:
            day, which, offset, chosen = waiting[0]
            at = max(reader.worst(day, which) + offset, now)
            if at <= following:
                await reader.look(at - SECOND)
                reader.choose(chosen)
                await reader.look(at)
                await reader.look(at + SECOND)
                waiting.pop(0)
                now = at + SECOND
                continue
        if following.date() != now.date():
            reader.a_paper_comes(now)
        now = following
        await reader.look(now)


def check(first: Choice, changes: list[Change]) -> None:
    with Reader(first) as reader:
        asyncio.run(live(reader, changes))
        ledger = Ledger.of(reader.store)
        check_slots(ledger)
        check_papers(ledger)
        assert unfinished(ledger) == []
        (subscription,) = ledger.subscriptions.values()
        assert reader.papers > RESTLESS
        newest = max(edition.number for edition in ledger.editions.values())
        # Daily readers have all but the last edition; weekly ones all that their last week began with.
        most = 8 if subscription.cadence is Cadence.WEEKLY else 4
        assert newest - subscription.cursor <= most, "a wanted period was lost for good"
        sent = [d for d in ledger.deliveries if d.status.value == "sent"]
        assert len(reader.mailer.sent) == len(sent)


@settings(max_examples=8)
@given(choices, st.lists(moments, min_size=1, max_size=6))
def test_whatever_is_chosen_at_the_worst_moment_nothing_comes_twice_and_nothing_is_lost(
    first, changes
):
    check(first, changes)


@pytest.mark.long
@settings(max_examples=100)
@given(choices, st.lists(moments, min_size=1, max_size=12))
def test_whatever_is_chosen_again_and_again_nothing_comes_twice_and_nothing_is_lost(first, changes):
    check(first, changes)
