"""A backup beside a `serve` that is sending: a copy of one moment, of which nothing goes out again."""

from __future__ import annotations

import asyncio
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from bot.store import Store
from support_carrier import MAIL, Carrier, taken_by
from support_round import NOW
from support_smtp import Relay, a_relay

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(sys.platform != "linux", reason="needs Linux: inotify and /proc"),
]

READERS, CONNECTIONS = 400, 3
RATE = 2  # mails a second: minutes of sending, and three backups take seconds
LATER = NOW + timedelta(hours=2)
TOMORROW = (NOW + timedelta(days=1)).date().isoformat()


async def command(config: Path, *words: str) -> tuple[int, str]:
    """Run a command on a configuration; return its exit code and all it said."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", "--config", str(config), "--now", LATER.isoformat(), *words,
        cwd=Path(__file__).parents[1], stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode()


async def test_a_backup_beside_a_serve_that_is_sending_is_of_one_moment_and_sends_nothing_again(
    tmp_path,
):
    house = tmp_path / "house"
    house.mkdir()
    async with a_relay() as relay:
        with Carrier(house, relay.port, READERS, CONNECTIONS, rate=RATE) as carrier:
            relay.watch = carrier.saw
            await carrier.start(command="serve")
            copies = []
            for number in range(3):
                await carrier.until(lambda: carrier.seen[MAIL] >= 4)
                copy, before = tmp_path / f"copy{number}.tar", arrived(relay)
                code, said = await command(carrier.config, "backup", str(copy))
                assert code == 0, said
                copies.append((copy, before))
                carrier.seen.clear()
            carrier.process.terminate()
            assert await carrier.finish() == 0, carrier.said()
            assert "Traceback" not in carrier.said()
            in_the_end = arrived(relay)
            assert len(in_the_end) < READERS, "it was sending all the time"
            for copy, before in copies:
                await check_restored(copy, before, in_the_end)
            assert len(relay.taken) == len(in_the_end), "no copy has sent anything"
            carrier.configure(rate=10_000)
            await carrier.run_until_all_is_over()
            repeats = carrier.check(taken_by(relay))
            assert repeats == 0, "and who was copied lost and repeated nothing"


def arrived(relay: Relay) -> set[str]:
    return set(relay.recipients)


async def check_restored(copy: Path, before: set[str], in_the_end: set[str]) -> None:
    """Put a copy elsewhere: what it says was so at one moment, and nothing of it goes out again."""
    config = copy.with_suffix("") / "config.toml"
    code, said = await command(config, "restore", str(copy))
    assert code == 0, said
    with Store(config.parent / "state" / "paperround.db") as store:
        deliveries = store.deliveries(10 * READERS)
        doubted = [d for d in deliveries if d.resent]
        assert len(store.prepared([d.id for d in doubted])) == len(doubted), "with its bytes"
    sent = {d.address for d in deliveries if d.status.value == "sent"}
    held = {d.address for d in deliveries if d.status.value == "held"}
    assert len(deliveries) == len(sent | held) == READERS
    assert sent <= in_the_end, "what it says was sent has arrived"
    assert before <= sent | {d.address for d in doubted}, "it knows what had arrived"
    assert len(doubted) <= CONNECTIONS, "at most a message a connection was in flight"
    code, said = await command(config, "once")
    assert code == 1
    assert "All sending is held" in said
    code, said = await command(config, "deliveries", "release", "--all", "--skip-before", TOMORROW)
    assert code == 0, said
    code, said = await command(config, "once")
    assert code == 0, said
