"""The ticker only ticks; the round is ours, and is never cut short."""

from __future__ import annotations

import asyncio

from bot.scheduler import run_rounds


async def test_the_first_round_begins_at_once_and_others_follow():
    stop, rounds = asyncio.Event(), []

    async def once():
        rounds.append(1)
        if len(rounds) == 3:
            stop.set()

    await asyncio.wait_for(run_rounds(once, stop, every=0.05), 5)
    assert len(rounds) == 3


async def test_a_round_under_way_is_ended_when_told_to_stop():
    stop, ended = asyncio.Event(), []

    async def once():
        stop.set()
        await asyncio.sleep(0.1)
        ended.append(1)

    await asyncio.wait_for(run_rounds(once, stop, every=10), 5)
    assert ended == [1]


async def test_rounds_never_overlap_however_long_they_take():
    stop, running, most, rounds = asyncio.Event(), 0, 0, 0

    async def once():
        nonlocal running, most, rounds
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.12)
        running -= 1
        rounds += 1
        if rounds == 3:
            stop.set()

    await asyncio.wait_for(run_rounds(once, stop, every=0.03), 5)
    assert most == 1


async def test_told_to_stop_before_it_began_it_does_nothing():
    stop, rounds = asyncio.Event(), []
    stop.set()

    async def once():
        rounds.append(1)

    await asyncio.wait_for(run_rounds(once, stop), 5)
    assert rounds == []
