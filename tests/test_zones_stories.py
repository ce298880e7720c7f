"""Slots through `once` and through `serve`, with a turned clock: what a reader finds each morning."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest

from bot.app import open_app
from bot.cli import main
from bot.cli.parser import parser
from bot.cli.service import Service
from bot.config import load_config
from bot.models import Delivery
from bot.store import Store
from bot.store.subscribers import Choices
from support_cli import desk_in, mails
from support_days import Ledger, check_papers, check_slots, unfinished
from support_round import a_paper, absorb, arxiv, subscribed
from support_zones import DAY, HOUR, MINUTE, SECOND, first_reading

CONFIG = """
[bot]
contact = "owner@example.org"
timezone = "UTC"
[profiles.experts]
keywords = ["experts"]
at = "05:00"
limit = 3
"""
MORNING = datetime(2026, 11, 17, 5, tzinfo=UTC)  # a Tuesday


class Walked:
    """A folder with a bot, looked after by `once` or by `serve`, at moments that a test chooses."""

    def __init__(self, folder) -> None:
        self.folder, self.state, self.papers = folder, folder / "state", 0
        self.config = folder / "config.toml"
        self.config.write_text(CONFIG)
        self.now = MORNING - DAY
        self.may_complain = False

    def look(self, now: datetime) -> None:
        """Time passes until then, and the bot does what is due."""
        raise NotImplementedError

    def set_clock(self, span: timedelta) -> None:
        """Somebody sets the clock: no time passes."""
        self.now += span

    def restart(self) -> None:
        """`once` begins anew each time."""

    # ── What happens around it ──

    def store(self) -> Store:
        return Store(self.state / "paperround.db")

    def begin(self, now: datetime, *readers: str) -> None:
        """Let a first edition be over, and readers subscribe at that moment."""
        self.look(now)
        with self.store() as store:
            for reader in readers:
                subscribed(store, f"{reader}@example.org")

    def choose(self, reader: str, cadence=None, at=None, zone=None) -> None:
        with self.store() as store:
            store.choose(f"{reader}@example.org", Choices(cadence=cadence, at=at, zone=zone))

    def papers_come(self, count: int = 1) -> None:
        with self.store() as store:
            for _ in range(count):
                self.papers += 1
                paper = a_paper(arxiv(self.papers), title=f"On experts, part {self.papers}.")
                absorb(store, paper, now=self.now)

    # ── What came of it ──

    def ledger(self) -> Ledger:
        with self.store() as store:
            return Ledger.of(store)

    def to(self, reader: str) -> list[Delivery]:
        """The digests that a reader was sent, oldest first."""
        every = self.ledger().of_each_reader().get(f"{reader}@example.org", [])
        return [delivery for delivery in every if delivery.status.value == "sent"]

    def check(self) -> Ledger:
        """Nothing twice, nothing lost, nothing left; and as many mails as were said to be sent."""
        ledger = self.ledger()
        check_slots(ledger)
        check_papers(ledger)
        assert unfinished(ledger) == []
        sent = [d for d in ledger.deliveries if d.status.value == "sent"]
        assert len(mails(self.state)) == len(sent) if sent else True
        return ledger


class ByOnce(Walked):
    def look(self, now: datetime) -> None:
        self.now = now
        # It complains (1) while an edition is dated ahead of a clock that was set back.
        assert self.run("once") <= self.may_complain

    def run(self, *words: str) -> int:
        return main(["--config", str(self.config), "--now", self.now.isoformat(), *words])


class ByServe(Walked):
    def __init__(self, folder) -> None:
        super().__init__(folder)
        self.running = 100.0
        self.stack, self.runner = ExitStack(), asyncio.Runner()
        self._begin()

    def _begin(self) -> None:
        app = self.stack.enter_context(
            open_app(load_config(self.config), lambda: self.now, watched=True)
        )
        self.service = Service(app, running=lambda: self.running, every=0, silence=0)

    def restart(self) -> None:
        self.stack.close()
        self._begin()

    def look(self, now: datetime) -> None:
        self.running += (now - self.now).total_seconds()
        self.now = now
        self.runner.run(self._round())

    async def _round(self) -> None:
        await self.service.round()
        for lane in self.service.lanes:
            await lane.work()


@pytest.fixture
def by_once(tmp_path, monkeypatch, capsys):
    # Of a command that has nothing to do, building what reads its words takes two thirds of the time.
    whole = parser()
    monkeypatch.setattr("bot.cli.parser", lambda _: whole)
    for _ in desk_in(tmp_path, monkeypatch, capsys):
        yield ByOnce(tmp_path)


@pytest.fixture
def by_serve(tmp_path):
    walked = ByServe(tmp_path)
    with walked.runner, walked.stack:
        yield walked


@pytest.fixture(params=["once", "serve"])
def bot(request):
    return request.getfixturevalue(f"by_{request.param}")


def new(delivery: Delivery) -> int:
    return len(delivery.picks)


# ── The clocks of a zone are set ──────────────────────────────────────────────────────────────────

HOURS = ("any", "00:30", "01:45", "02:15", "07:30", "23:45")
SET = [
    pytest.param("America/Havana", datetime(2026, 3, 8, 5, tzinfo=UTC), id="Havana-no-midnight"),
    pytest.param(
        "Australia/Lord_Howe", datetime(2026, 4, 4, 15, tzinfo=UTC), id="half-an-hour-back"
    ),
]
SET_TOO = [
    pytest.param("Asia/Beirut", datetime(2026, 3, 28, 22, tzinfo=UTC), id="Beirut-no-midnight"),
    pytest.param("Africa/Cairo", datetime(2026, 4, 23, 22, tzinfo=UTC), id="Cairo-no-midnight"),
    pytest.param(
        "America/Havana", datetime(2026, 11, 1, 5, tzinfo=UTC), id="Havana-midnight-twice"
    ),
    pytest.param(
        "Australia/Lord_Howe", datetime(2026, 10, 3, 15, tzinfo=UTC), id="half-an-hour-on"
    ),
    pytest.param("Europe/Berlin", datetime(2026, 3, 29, 1, tzinfo=UTC), id="Berlin-on"),
    pytest.param("Europe/Berlin", datetime(2026, 10, 25, 1, tzinfo=UTC), id="Berlin-back"),
    pytest.param("Antarctica/Troll", datetime(2026, 3, 29, 1, tzinfo=UTC), id="two-hours-on"),
]


def walk_through(bot: Walked, zone: str, change: datetime, every: timedelta) -> None:
    start = change - 36 * HOUR
    bot.begin(start, *(hour.replace(":", "-") for hour in HOURS))
    for hour in HOURS:
        bot.choose(hour.replace(":", "-"), at=hour, zone=zone)
    looks = [start + n * every for n in range(1, 84 * HOUR // every)]
    for n, now in enumerate(looks):
        if n % (8 * HOUR // every) == 0:
            bot.papers_come()
        bot.look(now)
    ledger = bot.check()
    for subscription in ledger.subscriptions.values():
        days = sorted(date.fromisoformat(period) for period in ledger.periods(subscription.id))
        assert [b - a for a, b in pairwise(days)] == [DAY] * (len(days) - 1), subscription
        assert len(days) >= 3
    for delivery in ledger.deliveries:
        ((number, period),) = ledger.slots[delivery.id]
        due = first_reading(date.fromisoformat(period), ledger.subscriptions[number].at, zone)
        assert delivery.due == due, delivery
        if delivery.sent_at is not None and delivery.sent_at > start + every:
            assert due <= delivery.sent_at < due + every, delivery


@pytest.mark.parametrize(("zone", "change"), SET)
def test_the_clocks_are_set_and_each_date_has_its_digest(bot, zone, change):
    walk_through(bot, zone, change, 4 * HOUR)


@pytest.mark.long
@pytest.mark.parametrize(("zone", "change"), SET + SET_TOO)
def test_the_clocks_are_set_and_each_date_has_its_digest_at_the_first_look(bot, zone, change):
    walk_through(bot, zone, change, 15 * MINUTE)


# ── The machine sleeps, stops, begins again ───────────────────────────────────────────────────────


def test_who_sleeps_over_the_hour_serves_it_on_waking(bot):
    bot.begin(MORNING - 2 * HOUR, "ada")
    bot.papers_come()
    bot.look(MORNING - MINUTE)
    assert bot.to("ada") == []
    bot.look(MORNING + 5 * HOUR)
    bot.look(MORNING + 6 * HOUR)
    (digest,) = bot.to("ada")
    assert (digest.due, digest.sent_at) == (MORNING, MORNING + 5 * HOUR)
    bot.check()


def test_who_sleeps_past_the_grace_skips_the_slot_and_its_papers_come_with_the_next(bot):
    bot.begin(MORNING - 2 * HOUR, "ada")
    bot.papers_come(2)
    bot.look(MORNING + 13 * HOUR)
    bot.look(MORNING + 14 * HOUR)
    assert bot.to("ada") == []
    bot.papers_come()
    bot.look(MORNING + DAY)
    (digest,) = bot.to("ada")
    assert new(digest) == 3
    ledger = bot.check()
    assert [d.status.value for d in ledger.deliveries] == ["skipped", "sent"]


def test_a_restart_at_the_hour_serves_it_once(bot):
    bot.begin(MORNING - 2 * HOUR, "ada")
    bot.papers_come()
    for now in (MORNING - SECOND, MORNING, MORNING, MORNING + SECOND, MORNING + MINUTE):
        bot.restart()
        bot.look(now)
    assert len(bot.to("ada")) == 1
    bot.check()


def test_ten_days_off_are_one_bounded_digest_and_the_rest_competes_on(bot):
    bot.begin(MORNING, "ada")
    bot.papers_come()
    bot.look(MORNING + DAY)
    bot.restart()
    bot.papers_come(8)
    for hours in range(3):
        bot.look(MORNING + 11 * DAY + hours * HOUR)
    first, second = bot.to("ada")
    assert (new(first), new(second)) == (1, 3)
    bot.check()


def test_editions_that_were_made_while_nothing_was_sent_are_one_bounded_digest_the_rest_counted(
    bot,
):
    bot.begin(MORNING, "ada")
    with bot.store() as store:
        store.pause("ada@example.org", (MORNING + 6 * DAY).date())
    for day in range(1, 6):
        bot.papers_come(2)
        bot.look(MORNING + day * DAY)
    assert bot.to("ada") == []
    bot.papers_come(2)
    for hours in range(3):
        bot.look(MORNING + 6 * DAY + hours * HOUR)
    (digest,) = bot.to("ada")
    assert (new(digest), digest.overflow, len(digest.editions)) == (3, 9, 7)
    bot.check()


# ── The clock of the machine is set ───────────────────────────────────────────────────────────────


@pytest.mark.parametrize("back", [HOUR, 6 * HOUR, 30 * HOUR])
def test_a_clock_that_goes_back_sends_nothing_twice_and_loses_nothing(bot, back):
    bot.begin(MORNING - 2 * HOUR, "ada")
    bot.papers_come()
    bot.look(MORNING + MINUTE)
    bot.set_clock(-back)
    bot.may_complain = back > DAY
    now = bot.now
    for n in range(16):
        if n % 4 == 0:
            bot.papers_come()
        bot.look(now + n * 5 * HOUR)
    assert sum(new(d) for d in bot.to("ada")) >= bot.papers - 4
    bot.check()


def test_a_clock_two_days_ahead_is_held_by_serve_until_released(by_serve):
    bot = by_serve
    bot.begin(MORNING - 2 * HOUR, "ada")
    bot.papers_come()
    bot.look(MORNING)
    bot.set_clock(2 * DAY)
    bot.papers_come()
    bot.look(bot.now + MINUTE)
    assert len(bot.to("ada")) == 1
    with bot.store() as store:
        assert "leapt" in store.hold_of_all()
    bot.set_clock(-2 * DAY)
    with bot.store() as store:
        store.free_all(bot.now)
    follow_four_days(bot)


def test_a_clock_two_days_ahead_that_once_believed_loses_nothing_when_it_is_set_right(by_once):
    bot = by_once
    bot.begin(MORNING - 2 * HOUR, "ada")
    bot.papers_come()
    bot.look(MORNING)
    bot.set_clock(2 * DAY)
    bot.papers_come()
    bot.look(bot.now + MINUTE)
    assert len(bot.to("ada")) == 2
    bot.set_clock(-2 * DAY)
    bot.may_complain = True
    follow_four_days(bot)


def follow_four_days(bot: Walked) -> None:
    """All is well again: within four days each paper has come, once."""
    start = bot.now
    for n in range(1, 17):
        if n % 4 == 1 and n < 12:
            bot.papers_come()
        bot.look(start + n * 6 * HOUR)
    assert sum(new(d) for d in bot.to("ada")) == bot.papers
    bot.check()


# ── A copy is put back ────────────────────────────────────────────────────────────────────────────


def test_a_restored_copy_sends_nothing_until_released_and_then_nothing_again(by_once):
    bot = by_once
    bot.begin(MORNING - 2 * HOUR, "ada")
    bot.papers_come()
    bot.look(MORNING)
    assert bot.run("backup", str(bot.folder / "copy.tar")) == 0
    bot.papers_come(2)
    bot.look(MORNING + DAY)
    before = {str(mail["Message-ID"]) for mail in mails(bot.state)}
    bot.now += 4 * HOUR
    assert bot.run("restore", str(bot.folder / "copy.tar"), "--force") == 0
    bot.papers_come(1)
    assert bot.run("once") == 1
    assert len(mails(bot.state)) == len(before) == 2
    release = ("deliveries", "release", "--all", "--skip-before", f"{bot.now.date() + DAY}")
    assert bot.run(*release) == 0
    bot.look(bot.now + HOUR)
    assert len(mails(bot.state)) == 2
    bot.papers_come(1)
    bot.look(MORNING + 2 * DAY)
    assert len(mails(bot.state)) == 3
    assert len(bot.to("ada")) == 2
