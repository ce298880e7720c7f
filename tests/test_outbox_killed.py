"""Batches of a thousand, their sender killed again and again: nothing lost, only doubts repeated.

Each batch draws its dice from a seed that a failure prints; `PAPERROUND_DICE=7` draws others.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest

from support_carrier import (
    CONTENT,
    MAIL,
    WRITE,
    Carrier,
    Fate,
    a_sink,
    taken_by,
    watched,
)
from support_serve import CUT
from support_smtp import PHASES, a_relay

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(sys.platform != "linux", reason="needs Linux: inotify and /proc"),
]

MANY = 1000
SOME = 600  # enough for a process of its own to make them
KILLS = 10  # of one batch


@pytest.fixture
def dice(request):
    seed = os.environ.get("PAPERROUND_DICE", "20261120")
    print(f"PAPERROUND_DICE={seed}")
    return random.Random(f"{seed} {request.node.name}")  # noqa: S311 - a test's dice


@pytest.fixture
def on_disk():
    """A folder where a commit waits for a real disk; tests' own folders may be in memory."""
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="paperround-") as folder:
        yield Path(folder)


def fates(dice, *events):
    """Kills while deliveries are opened and mails are made, then ever again while they are sent.

    How many writes and seconds a run takes is the machine's; so that no run ends before its kill, each
    is cut short at the latest at a number of mails that leaves enough for the kills after it.
    """
    yield Fate(WRITE, dice.randint(1, 60))
    yield Fate(MAIL, dice.randint(150, 300), latest=300)
    for _ in range(2):
        yield Fate(seconds=dice.uniform(0.5, 1.5), group=dice.random() < 0.3)
    for _ in range(KILLS - 4):
        event = dice.choice(events)
        yield Fate(
            event,
            nth=dice.randint(1, 60 if event == WRITE else 40),
            seconds=dice.choice([0.0, dice.uniform(0.0, 0.02)]),
            group=dice.random() < 0.3,
        )


async def kill_again_and_again(carrier, fates):
    for fate in fates:
        if await carrier.run(fate) in (0, 1):
            break
    assert carrier.cut_short >= KILLS - 1  # one more may have come too late
    await carrier.run_until_all_is_over()


@pytest.mark.parametrize("connections", [1, 4, 16])
async def test_a_batch_survives_a_sender_killed_at_random_times_and_commits(
    tmp_path, on_disk, dice, connections
):
    folder = on_disk if connections == 4 else tmp_path
    with a_sink() as sink, Carrier(folder, sink.port, MANY, connections) as carrier:
        with watched(carrier, sink):
            await kill_again_and_again(carrier, fates(dice, WRITE, WRITE, MAIL, CONTENT))
        tell(carrier, carrier.check(sink.arrived()))


@pytest.mark.parametrize(("connections", "uncertain"), [(4, "resend"), (16, "hold")])
async def test_a_batch_survives_a_sender_killed_in_any_phase(
    tmp_path, dice, connections, uncertain
):
    async with a_relay() as relay:
        with Carrier(tmp_path, relay.port, MANY, connections, uncertain) as carrier:
            relay.watch = carrier.saw
            with watched(carrier):
                await kill_again_and_again(carrier, fates(dice, *PHASES[2:]))
            tell(carrier, carrier.check(taken_by(relay)))


def tell(carrier, repeats):
    """Print the figures: `pytest -rP` shows them."""
    print(
        f"{carrier.cut_short} kills, {len(carrier.in_flight)} in flight, {repeats} repeats; "
        f"what a sender had started outlived it by {carrier.slowest_orphan:.2f} s at most"
    )


async def test_a_sender_killed_while_its_mails_are_made_leaves_no_process_behind(tmp_path, dice):
    with a_sink() as sink, Carrier(tmp_path, sink.port, SOME, 4) as carrier:
        with watched(carrier, sink):
            for seconds in (0.0, 0.1, 0.4, dice.uniform(0.4, 1.0)):
                # At the latest at a number of mails: where the machine is quick, it would be over.
                process = await carrier.start(Fate("PRINTERS", 1, seconds))
                await carrier.until(lambda: process.returncode is not None or carrier.printers())  # noqa: B023 - called at once
                carrier.saw("PRINTERS")
                assert await carrier.finish() == -signal.SIGKILL
                carrier.note_what_was_in_flight()
        await carrier.run_until_all_is_over()
        tell(carrier, carrier.check(sink.arrived()))


async def test_where_the_process_that_makes_the_mails_is_killed_what_is_under_way_is_ended(
    tmp_path,
):
    with a_sink() as sink, Carrier(tmp_path, sink.port, SOME, 4) as carrier:
        with watched(carrier, sink):
            await carrier.start()
            await carrier.until(lambda: carrier.seen[MAIL] >= 30)
            for printer in carrier.printers():
                os.kill(printer, signal.SIGKILL)
            assert await carrier.finish() == 1
        assert "The process that makes the mails has ended" in carrier.said()
        assert "Traceback" not in carrier.said()
        assert carrier.sending() == set()
        await carrier.run_until_all_is_over()
        assert carrier.check(sink.arrived()) == 0


async def test_of_two_senders_at_once_one_waits_and_takes_over_when_the_other_is_killed(tmp_path):
    with a_sink() as sink, Carrier(tmp_path, sink.port, SOME, 4) as carrier:
        both = {process.pid: process for process in [await carrier.start(), await carrier.start()]}
        with watched(carrier, sink):
            await carrier.until(lambda: carrier.seen[MAIL] >= 100)
            holder = json.loads((tmp_path / "state" / "lock" / "deliver").read_text())["pid"]
            both.pop(holder).kill()
            (other,) = both.values()
            assert await asyncio.wait_for(other.wait(), 600) == 0, carrier.said()
        doubted = {delivery.address for delivery in carrier.deliveries() if delivery.resent}
        assert len(doubted) <= carrier.connections
        carrier.in_flight = {(address, False) for address in doubted}
        carrier.check(sink.arrived())


# ── Told to stop ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("told", "times", "code"),
    [(signal.SIGINT, 1, 130), (signal.SIGINT, 2, 130), (signal.SIGTERM, 1, 143)],
)
async def test_a_delivery_that_is_stopped_ends_with_a_sentence(tmp_path, told, times, code):
    with a_sink() as sink, Carrier(tmp_path, sink.port, SOME, 4) as carrier:
        with watched(carrier, sink):
            process = await carrier.start()
            await carrier.until(lambda: carrier.seen[MAIL] >= 130)
            for _ in range(times):
                with suppress(ProcessLookupError):  # the first one was enough
                    os.killpg(process.pid, told)
                await asyncio.sleep(0.05)
            # A second word may come when Python itself is ending: a shell calls that the same.
            assert await carrier.finish() in (code, -told if times > 1 else code)
        assert "stopped. What was committed is kept" in carrier.said()
        assert "Traceback" not in carrier.said()
        carrier.note_what_was_in_flight()
        await carrier.run_until_all_is_over()
        tell(carrier, carrier.check(sink.arrived()))


async def test_a_service_told_to_stop_in_the_middle_of_a_batch_ends_what_is_under_way(tmp_path):
    with a_sink() as sink, Carrier(tmp_path, sink.port, SOME, 4, rate=20) as carrier:
        with watched(carrier, sink):
            process = await carrier.start(command="serve")
            await carrier.until(lambda: carrier.seen[MAIL] >= 20)
            process.terminate()
            assert await carrier.finish() == 0
        assert CUT not in carrier.said()
        assert "nothing was left half done" in carrier.said()
        assert "Traceback" not in carrier.said()
        assert carrier.sending() == set()
        assert len(sink.arrived()) < SOME
        carrier.configure(rate=10_000)
        await carrier.run_until_all_is_over()
        assert carrier.check(sink.arrived()) == 0
