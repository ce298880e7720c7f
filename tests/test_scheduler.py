"""The ticker only ticks; the lanes are ours: none waits for another, and each is left in good order."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import apscheduler.schedulers.base
import apscheduler.triggers.interval
import pytest

from bot.scheduler import Lane, run_lanes


async def nothing():
    """A round that has nothing to look after."""


async def stopped_after(seconds, stop):
    await asyncio.sleep(seconds)
    stop.set()


async def run(*lanes, stop, every=0.02, round_=nothing):
    await asyncio.wait_for(run_lanes(lanes, stop, round_, every), 300)


async def test_every_lane_works_at_once_and_again_at_every_tick():
    stop, done = asyncio.Event(), []

    async def one():
        done.append("one")

    async def two():
        done.append("two")
        if done.count("two") == 3:
            stop.set()

    await run(Lane("one", one, 1), Lane("two", two, 1), stop=stop)
    assert done.count("two") == 3
    assert done.count("one") >= 3


async def test_the_ticker_asks_for_no_zone_of_the_machines(monkeypatch):
    """A container has none, and is warned of it at every start."""

    def asked():
        pytest.fail("it looked for the machine's zone")

    monkeypatch.setattr(apscheduler.triggers.interval, "get_localzone", asked)
    stop = asyncio.Event()

    async def work():
        stop.set()

    await run(Lane("one", work, 1), stop=stop)


async def test_the_round_comes_before_the_lanes_are_woken():
    stop, done = asyncio.Event(), []

    async def round_():
        done.append("round")

    async def work():
        done.append("work")
        stop.set()

    await run(Lane("one", work, 1), stop=stop, round_=round_)
    assert done[:2] == ["round", "work"]


async def test_a_lane_that_takes_long_keeps_no_other_waiting():
    stop, worked = asyncio.Event(), 0

    async def slow():
        await stop.wait()

    async def quick():
        nonlocal worked
        worked += 1
        if worked == 3:
            stop.set()

    await run(Lane("slow", slow, 1), Lane("quick", quick, 1), stop=stop)
    assert worked == 3


async def test_a_lane_never_works_beside_itself_and_loses_no_waking():
    stop, running, most, rounds = asyncio.Event(), 0, 0, 0

    async def work():
        nonlocal running, most, rounds
        running += 1
        most = max(most, running)
        if rounds == 0:
            lane.wake.set()  # while it works: once more, right after
        await asyncio.sleep(0.05)
        running -= 1
        rounds += 1
        if rounds == 2:
            stop.set()

    lane = Lane("one", work, 1)
    await run(lane, stop=stop, every=60)
    assert (most, rounds) == (1, 2)


async def test_what_is_under_way_is_ended_when_told_to_stop():
    stop, ended = asyncio.Event(), []

    async def work():
        stop.set()
        await asyncio.sleep(0.1)
        ended.append(1)

    await run(Lane("one", work, 60), stop=stop, every=10)
    assert ended == [1]


async def test_what_does_not_end_is_cut_off_at_its_time_and_the_others_have_theirs():
    stop, ended = asyncio.Event(), []

    async def hanging():
        try:
            await asyncio.sleep(60)
        finally:
            ended.append("hanging")

    async def slow():
        stop.set()
        await asyncio.sleep(0.2)
        ended.append("slow")

    await run(Lane("hanging", hanging, 0.05), Lane("slow", slow, 60), stop=stop, every=10)
    assert ended == ["hanging", "slow"]


async def test_told_to_stop_before_it_began_it_does_nothing():
    stop, worked = asyncio.Event(), []
    stop.set()

    async def work():
        worked.append(1)

    await run(Lane("one", work, 1), stop=stop)
    assert worked == []


async def test_a_mistake_in_the_round_itself_ends_all_lanes_and_shows():
    stop, cut = asyncio.Event(), []

    async def work():
        try:
            await asyncio.sleep(60)
        finally:
            cut.append(1)

    async def round_():
        rounds.append(1)
        if len(rounds) == 2:
            raise ZeroDivisionError

    rounds = []
    with pytest.raises(ZeroDivisionError):
        await run(Lane("one", work, 0.05), stop=stop, round_=round_)
    assert cut == [1]


async def test_a_wall_clock_that_goes_back_does_not_silence_the_ticker(monkeypatch):
    """APScheduler reckons with the wall clock: until it has come forward again it would not tick."""
    back = timedelta()

    class Turned(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + back

    monkeypatch.setattr(apscheduler.schedulers.base, "datetime", Turned)
    stop, worked = asyncio.Event(), 0

    async def work():
        nonlocal worked, back
        worked += 1
        back = -timedelta(days=worked)
        if worked == 4:
            stop.set()

    await run(Lane("one", work, 1), stop=stop, every=0.05)
    assert worked == 4


async def test_told_to_stop_at_the_very_tick_it_logs_no_error(caplog):
    for _ in range(20):
        stop = asyncio.Event()

        async def rounds(stop=stop):
            await asyncio.sleep(0.01)  # as long as a tick: the next one rings as this ends
            stop.set()

        await run_lanes([], stop, rounds, every=0.01)
    assert not [record for record in caplog.records if record.exc_info]
