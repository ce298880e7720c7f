"""Whether our clock can be trusted: leaps, sleep, what servers say of the date; and through `serve`."""

from __future__ import annotations

import logging
import time
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.app import open_app
from bot.cli.service import Service
from bot.clocks import DAY, Reading, ahead_of, disagreement, watch
from bot.config import load_config
from bot.errors import DiskFullError
from support_cli import desk_in, mails
from support_http import in_a_thread
from support_http import serving as http_serving
from support_round import a_paper, absorb, arxiv
from support_serve import CONFIG as SERVED
from support_serve import beside
from support_serve import serving as as_process

START = datetime(2026, 11, 20, 7, tzinfo=UTC)
HOUR = timedelta(hours=1)
SPANS = st.timedeltas(timedelta(0), timedelta(days=400))
# What time services do, and people who set a clock: less than half a day at a time, both ways.
STEPS = st.timedeltas(-timedelta(hours=11), timedelta(hours=11))


def readings(*steps):
    """Readings of a clock: each step is (time that passed, by how much the clock was set besides)."""
    wall, running = START, 1000.0
    yield Reading(wall, running)
    for passed, set_by in steps:
        wall, running = wall + passed + set_by, running + passed.total_seconds()
        yield Reading(wall, running)


def leaps(*steps):
    seen, found = None, []
    for reading in readings(*steps):
        seen, ahead = watch(seen, reading)
        if ahead:
            found.append(ahead)
    return found


# ── Leaps ─────────────────────────────────────────────────────────────────────────────────────────


@given(st.lists(SPANS))
def test_time_that_passes_is_no_leap_however_long_the_machine_slept(spans):
    assert leaps(*((span, timedelta()) for span in spans)) == []


@given(st.lists(st.tuples(SPANS, st.timedeltas(-timedelta(days=9), timedelta(0)))))
def test_a_clock_that_only_goes_back_never_leaps(steps):
    assert leaps(*steps) == []


@given(SPANS, st.timedeltas(DAY, timedelta(days=4000)), SPANS)
def test_a_day_or_more_for_which_no_time_passed_is_told_once(before, leap, after):
    (found,) = leaps((before, timedelta()), (timedelta(seconds=60), leap), (after, timedelta()))
    assert abs(found - leap) < timedelta(seconds=1)


def test_a_leap_counts_from_where_the_clock_was_furthest_behind():
    back, forth = (HOUR, -10 * HOUR), (HOUR, 25 * HOUR)
    assert leaps(back, forth) == [25 * HOUR]
    assert leaps(forth) == [25 * HOUR]
    assert leaps((HOUR, 13 * HOUR), back, (HOUR, 13 * HOUR)) == []
    assert leaps(*[(HOUR, HOUR)] * 24) == [DAY]


@given(st.lists(st.tuples(SPANS, STEPS)))
def test_corrections_that_stay_within_a_day_of_one_another_are_no_leap(steps):
    """Unless they add up to a day from where the clock was furthest behind."""
    total, lowest, most = timedelta(), timedelta(), timedelta()
    for _, step in steps:
        total += step
        lowest = min(lowest, total)
        most = max(most, total - lowest)
    if most < DAY - timedelta(seconds=1):
        assert leaps(*steps) == []
    elif most > DAY + timedelta(seconds=1):
        assert leaps(*steps) != []


# ── What servers say ──────────────────────────────────────────────────────────────────────────────


def test_a_server_tells_its_date_and_a_cache_how_old_that_is():
    assert ahead_of(START, "", START + HOUR) == HOUR
    assert ahead_of(START, "3600", START + HOUR) == timedelta()
    assert ahead_of(START, "-5", START) == ahead_of(START, "9" * 40, START) == timedelta()
    assert ahead_of(None, "", START) is None


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        ([], 0),
        ([3], 0),  # one server may be wrong itself
        ([3, 0], 0),  # and one that agrees with us weighs as much
        ([3, 3], 3),
        ([-2, -2], -2),
        ([3, -3], 0),  # they don't agree
        ([3, 3, 0], 3),
        ([3, 3, 0, 0], 0),
        ([0.9, 0.9, 0.9], 0),
    ],
)
def test_most_servers_and_at_least_two_must_say_that_we_are_a_day_off(days, expected):
    assert disagreement([timedelta(days=d) for d in days]) == timedelta(days=expected)


@given(st.lists(st.timedeltas(timedelta(hours=-23), timedelta(hours=23))))
def test_servers_that_are_within_a_day_of_us_never_stop_anything(ahead):
    assert disagreement(ahead) == timedelta()


# ── Through serve, with a clock that is turned ────────────────────────────────────────────────────

CONFIG = """
[bot]
contact = "ada@example.org"
[mail]
grace = "12h"
[fetch]
allow_private = ["127.0.0.1/32"]
{sources}
[profiles.experts]
to = ["ada@example.org"]
keywords = ["experts"]
at = "07:00"
"""


class Serving:
    """A service whose clock is turned by hand, and whose ticks are ours."""

    def __init__(self, path) -> None:
        self.path, self.wall, self.running, self.papers = path, START, 50.0, 0

    def passes(self, span: timedelta) -> None:
        """Time passes, awake or asleep."""
        self.wall, self.running = self.wall + span, self.running + span.total_seconds()

    def is_set_by(self, span: timedelta) -> None:
        """Somebody sets the clock."""
        self.wall += span

    @contextmanager
    def runs(self, *, watched: bool = True):
        """Serve until the block ends; what is there then is there at the next start."""
        with open_app(load_config(self.path), lambda: self.wall, watched=watched) as self.app:
            running = (lambda: self.running) if watched else None
            self.service = Service(self.app, running=running, every=0, silence=0.01)
            yield self

    async def tick(self, times: int = 1) -> None:
        """A minute later: look after things, then let every lane do its work once."""
        for _ in range(times):
            self.passes(timedelta(minutes=1))
            await self.service.round()
            for lane in self.service.lanes:
                await lane.work()

    def a_paper_comes(self) -> None:
        self.papers += 1
        title = f"On experts, part {self.papers}."
        paper = a_paper(arxiv(self.papers), title=title, abstract=f"Of part {self.papers}.")
        absorb(self.app.store, paper, now=self.wall)

    @property
    def digests(self) -> int:
        new = self.app.config.state / "mail" / "new"
        return len(list(new.iterdir())) if new.is_dir() else 0

    @property
    def hold(self) -> str:
        return self.app.store.hold_of_all()

    @property
    def editions(self) -> list[date]:
        """The dates of the editions, oldest first."""
        return [edition.period for edition in self.app.store.editions("experts")[::-1]]

    @property
    def abstracts(self) -> list[str]:
        rows = self.app.store.db.rows("SELECT abstract FROM paper ORDER BY id")
        return [row["abstract"] for row in rows]


@pytest.fixture
def serving(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text(CONFIG.format(sources=""))
    return Serving(path)


async def test_a_clock_that_goes_back_sends_nothing_twice(serving):
    with serving.runs():
        serving.a_paper_comes()
        await serving.tick()
        assert serving.digests == 1
        for back in (HOUR, 3 * HOUR, timedelta(days=2)):
            serving.is_set_by(-back)
            serving.a_paper_comes()
            await serving.tick(3)
            serving.is_set_by(back - timedelta(minutes=3))
            await serving.tick(3)
            assert serving.digests == 1


async def test_sleep_is_time_that_passed_one_digest_catches_up(serving):
    with serving.runs():
        serving.a_paper_comes()
        await serving.tick()
        serving.passes(timedelta(days=10))
        serving.a_paper_comes()
        await serving.tick(3)
        assert (serving.digests, serving.hold) == (2, "")


async def test_days_while_nothing_ran_are_no_leap(serving):
    with serving.runs():
        serving.a_paper_comes()
        await serving.tick()
    serving.is_set_by(timedelta(days=10))  # a reboot: both clocks begin anew
    serving.running = 3.0
    with serving.runs():
        serving.a_paper_comes()
        await serving.tick(3)
        assert (serving.digests, serving.hold) == (2, "")


async def test_a_leap_holds_all_sending_until_a_person_has_looked(serving, caplog):
    with serving.runs():
        serving.a_paper_comes()
        await serving.tick()
        serving.is_set_by(timedelta(days=2))
        serving.a_paper_comes()
        await serving.tick(3)
        assert serving.digests == 1
        for words in ("leapt forward by 2 days", "`date -u`", "deliveries release --all"):
            assert words in serving.hold
        told = [record for record in caplog.records if "leapt forward" in record.getMessage()]
        assert len([r for r in told if r.levelno == logging.ERROR]) == 1
        serving.app.store.free_all(serving.wall)
        await serving.tick(3)
        assert (serving.digests, serving.hold) == (2, "")


async def test_a_leap_is_seen_before_anything_is_sent_at_the_new_time(serving):
    """Deliveries may be woken between two ticks."""
    with serving.runs():
        serving.a_paper_comes()
        await serving.tick()
        serving.is_set_by(timedelta(days=1, hours=1))
        serving.a_paper_comes()
        for lane in serving.service.lanes:
            await lane.work()
        assert serving.digests == 1
        assert "leapt" in serving.hold


async def test_a_leap_that_cannot_be_written_down_yet_sends_nothing_and_is_not_forgotten(
    serving, monkeypatch
):
    with serving.runs():
        await serving.tick()
        serving.is_set_by(timedelta(days=2))
        serving.a_paper_comes()

        def no_room(*_):
            raise DiskFullError("There is no room left.")

        with monkeypatch.context() as patched:
            patched.setattr("bot.cli.service.doubt", no_room)
            await serving.tick(2)
        assert (serving.digests, serving.hold) == (0, "")
        assert "clock" in serving.app.troubles
        await serving.tick()
        assert serving.digests == 0
        assert "leapt" in serving.hold


async def test_a_hold_for_another_reason_keeps_its_own_words(serving):
    with serving.runs():
        await serving.tick()
        serving.app.store.hold_all("A backup was restored.")
        serving.is_set_by(timedelta(days=2))
        await serving.tick()
        assert serving.hold == "A backup was restored."


async def test_while_the_clock_is_in_doubt_no_edition_is_made_and_nothing_old_is_dropped(serving):
    """An edition dated ahead would keep the days until then from having one; abstracts don't come back."""
    with serving.runs():
        serving.a_paper_comes()
        await serving.tick()
        abstracts = serving.abstracts
        assert abstracts
        serving.is_set_by(timedelta(days=4000))
        serving.a_paper_comes()
        await serving.tick(3)
        assert serving.editions == [START.date()]
        assert serving.abstracts[: len(abstracts)] == abstracts
        serving.is_set_by(-timedelta(days=4000))
        serving.app.store.free_all(serving.wall)
        serving.passes(timedelta(days=1))
        await serving.tick(2)
        assert serving.editions == [START.date(), START.date() + DAY]
        assert serving.digests == 2


async def test_a_restart_does_not_end_a_doubt(serving):
    with serving.runs():
        serving.a_paper_comes()
        await serving.tick()
        serving.is_set_by(timedelta(days=2))
        await serving.tick()
    serving.running = 3.0
    with serving.runs():
        serving.a_paper_comes()
        await serving.tick(3)
        assert (len(serving.editions), serving.digests) == (1, 1)


async def test_what_was_dated_ahead_is_put_right_when_the_clock_is_believed_again(serving):
    """A paper first seen "in three days" would come again to who had it in between."""
    with serving.runs():
        await serving.tick()
        serving.is_set_by(timedelta(days=3))
        await serving.tick()
        serving.a_paper_comes()
        serving.is_set_by(-timedelta(days=3))
        serving.app.store.free_all(serving.wall)
        assert serving.app.store.first_seen([1]) == {1: serving.wall.replace(microsecond=0)}


async def test_a_hold_by_hand_is_no_doubt_editions_are_made(serving):
    with serving.runs():
        serving.app.store.hold_all("by hand.")
        serving.a_paper_comes()
        await serving.tick()
        assert (len(serving.editions), serving.digests) == (1, 0)


async def test_a_clock_that_was_given_by_now_is_not_watched(serving):
    with serving.runs(watched=False):
        await serving.tick()
        serving.app.ahead.update({"a": timedelta(days=3), "b": timedelta(days=3)})
        serving.is_set_by(timedelta(days=3))
        await serving.tick()
        assert serving.hold == ""


# ── What the sources' servers say of the date ─────────────────────────────────────────────────────

FEED = "<rss version='2.0'><channel><title>J</title></channel></rss>"


async def fetched_from(tmp_path, *days_ahead):
    """Serve once beside sources whose servers say that we are so many days ahead."""
    async with http_serving() as site:
        sources = ""
        for number, days in enumerate(days_ahead):
            theirs = START + timedelta(minutes=1) - timedelta(days=days)
            site.put(f"/{number}", FEED, Date=format_datetime(theirs, usegmt=True))
            url = site.url(f"/{number}")
            sources += f'[[sources]]\nname = "s{number}"\nkind = "feed"\nurl = "{url}"\n'
        path = tmp_path / "config.toml"
        path.write_text(CONFIG.format(sources=sources))
        serving = Serving(path)
        with serving.runs():
            serving.a_paper_comes()
            await serving.tick(2)
            hold, digests = serving.hold, serving.digests
            serving.app.store.free_all(serving.wall)
            await serving.tick(2)
            return hold, digests, serving.hold


async def test_two_servers_that_tell_another_day_hold_all_sending_once(tmp_path):
    hold, digests, after_release = await fetched_from(tmp_path, 3, 3)
    assert "3 days ahead of what the sources' servers say" in hold
    assert "deliveries release --all" in hold
    assert digests == 0
    assert after_release == ""  # whoever released it has looked


async def test_a_clock_that_is_behind_is_told_too(tmp_path):
    hold, digests, _ = await fetched_from(tmp_path, -2, -2)
    assert "2 days behind" in hold
    assert digests == 0


async def test_one_server_with_a_wrong_clock_stops_nothing(tmp_path):
    assert await fetched_from(tmp_path, 400, 0) == ("", 1, "")


@pytest.fixture
def desk(tmp_path, monkeypatch, capsys):
    yield from desk_in(tmp_path, monkeypatch, capsys)


def beside_servers(desk, days, *words):
    """Run a command where two sources' servers say that our clock is so many days ahead."""
    with in_a_thread(http_serving) as site:
        sources = ""
        for number in range(2):
            theirs = datetime.now(UTC) - timedelta(days=days)
            feed = FEED.replace("</channel>", f"{ITEM.format(number=number)}</channel>")
            site.put(f"/{number}", feed, Date=format_datetime(theirs, usegmt=True))
            url = site.url(f"/{number}")
            sources += f'[[sources]]\nname = "s{number}"\nkind = "feed"\nurl = "{url}"\n'
        desk.write(CONFIG.format(sources=sources).replace('"07:00"', '"any"'))
        return desk(*words)


ITEM = (
    f"<item><title>On experts {{number}}</title><link>https://journal.test/{{number}}</link>"
    f"<pubDate>{format_datetime(datetime.now(UTC))}</pubDate></item>"
)


def test_once_under_cron_hears_what_the_servers_say_too(desk):
    said = beside_servers(desk, 3, "once")
    assert said.code == 1
    assert "3 days ahead of what the sources' servers say" in said.words
    assert "compose" not in said.out
    assert mails(desk.state) == []
    assert "No edition is made: The clock says" in desk("compose").words
    assert "3 days ahead" in desk("status").words
    assert desk("deliveries", "release", "--all").code == 0
    assert beside_servers(desk, 3, "once").code == 0, "whoever releases it has looked"
    assert len(mails(desk.state)) == 1


def test_it_is_told_again_once_the_servers_have_agreed_in_between(desk):
    for days, code in ((3, 1), (3, 0), (0, 0), (3, 1)):
        assert beside_servers(desk, days, "once").code == code
        desk("deliveries", "release", "--all")


def test_a_clock_that_was_typed_is_what_its_giver_wants(desk):
    now = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    assert beside_servers(desk, 3, "--now", now, "once").code == 0
    assert len(mails(desk.state)) == 1


# ── As a process ──────────────────────────────────────────────────────────────────────────────────

TURNED = """
import datetime, pathlib
import bot.cli.serving
hand = pathlib.Path({hand!r})
def clock(_):
    return lambda: datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=float(hand.read_text()))
bot.cli.serving._clock = clock
"""


def turn(hand, days):
    """Turn the clock: at one moment, since it is read all the time."""
    new = hand.with_suffix(".new")
    new.write_text(str(days))
    new.replace(hand)


def test_a_served_clock_that_is_turned_holds_what_is_sent_and_a_person_releases_it(tmp_path):
    config, hand = tmp_path / "config.toml", tmp_path / "hand"
    config.write_text(
        SERVED + '[profiles.experts]\nto = ["ada@example.org"]\nempty = "note"\nat = "any"\n'
    )
    turn(hand, 0)
    # The watchdog's pace is the tick's: this one need not wait for minutes.
    paced = {"NOTIFY_SOCKET": str(tmp_path / "nobody"), "WATCHDOG_USEC": "400000"}
    with as_process(config, before=TURNED.format(hand=str(hand)), **paced) as served:
        assert served.says("deliveries: 1 sent")
        turn(hand, -0.1)
        time.sleep(0.5)
        turn(hand, 2)
        assert served.says("All sending is held: The clock leapt forward by 2 days")
        assert "leapt forward" in beside(config, "status").stdout
        time.sleep(0.5)
        assert served.log.count("deliveries:") == 1
        assert beside(config, "deliveries", "release", "--all").returncode == 0
        assert served.says("deliveries: 1 sent", times=2)
        served.stop()
