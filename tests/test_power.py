"""Power cuts and kills on a busy day: what is left opens, goes on, and comes to the same end.

Each test draws its dice from a seed that a failure prints; `PAPERROUND_DICE=7` draws others.
`pytest -rP` shows the figures.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import random
import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from random import Random

import pytest

from bot.store import Store
from support_carrier import watching
from support_power import (
    FORKS,
    MORNING,
    YESTERDAY_EVENING,
    YESTERDAY_MORNING,
    Day,
    Fate,
    House,
    acts_of_the_day,
    go_on,
    leftovers,
    published,
    relaying,
    shown,
    told,
    whole,
    whole_pages,
)
from support_power_cut import Spoilt, copy_state, cut_power
from support_replay import replaying, sample_day
from support_smtp import Relay, Taken

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(sys.platform != "linux", reason="needs Linux: inotify and /proc"),
]

CUTS = 200
RESUMED = 4  # of so many cuts, one is gone on with
RATE = 40  # mails a second: sending takes a while, and much else happens meanwhile


@pytest.fixture
def dice(request):
    seed = os.environ.get("PAPERROUND_DICE", "20261120")
    print(f"PAPERROUND_DICE={seed}")
    return random.Random(f"{seed} {request.node.name}")  # noqa: S311 - a test's dice


@pytest.fixture(scope="module")
def site():
    with replaying(sample_day(1)) as shown:
        yield shown


@pytest.fixture(scope="module")
def relay():
    with relaying() as started:
        yield started


@pytest.fixture(scope="module")
def on_disk():
    """A folder where a commit waits for a real disk; tests' own folders may be in memory."""
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="paperround-") as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def yesterday(on_disk, site, relay):
    """A house after a day: the evening's edition is made, and its mails are still to be sent."""
    house = House(on_disk / "yesterday", site.url, relay.port)
    house.start(YESTERDAY_MORNING, "once").join()
    for workflow in ("collect", "compose", "publish"):
        house.start(YESTERDAY_EVENING, workflow).join()
    assert len(house.rows("SELECT 1 FROM edition")) == 2, house.said()
    site.show(sample_day(2))
    return house


# ── Power ─────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Cut:
    """A state folder as a power cut left it, and what had gone out, and been answered for, by then."""

    number: int
    folder: Path
    taken: tuple[Taken, ...]
    in_flight: Mapping[str, bytes]  # Message-ID → bytes


@dataclass(frozen=True)
class End:
    """What a day came to in the end."""

    told: Mapping[str, list[tuple[object, ...]]]
    published: Mapping[str, str]
    taken: tuple[Taken, ...]
    shows: Mapping[str, frozenset[tuple[str, str]]]  # Message-ID → (address, paper)
    leftovers: int

    def received(self, before: Sequence[Taken] = ()) -> set[tuple[str, str]]:
        """Return who has got which paper, with what had gone out before."""
        ids = {id_of(message) for message in (*before, *self.taken)}
        return set().union(*(self.shows[id_] for id_ in ids))


def end_of(folder: Path, url: str) -> End:
    """Go on in a folder, in a process of its own, until the evening's end."""
    with relaying() as relay:
        house = House(folder, url, relay.port)
        go_on(house)
        return End(
            told(house), published(house), tuple(relay.taken), shown(house), len(leftovers(house))
        )


@cache
def id_of(message: Taken) -> str:
    """Return a Message-ID; that of each mail is asked for some hundred times."""
    return message.message_id


class Storm:
    """Lightning that strikes at random, or right when something was written, `CUTS` times."""

    def __init__(self, folder: Path, before: House, dice: Random) -> None:
        self.folder, self._dice = folder, dice
        self.cuts: list[Cut] = []
        self.spoilt = Spoilt()
        self.statuses: Counter[str] = Counter()
        self._sent_before = before.mails().keys()
        self._folders_before = set(_folders(before.state))

    async def strike(self, day: Day) -> None:
        written = asyncio.Event()
        with watching((day.house.state, _MODIFIED, lambda _what, _name: written.set())):
            while len(self.cuts) < CUTS and not day.over.is_set():
                await asyncio.sleep(self._dice.uniform(0, 0.05))
                if self._dice.random() < 0.5:
                    written.clear()
                    with suppress(TimeoutError):
                        await asyncio.wait_for(written.wait(), 0.2)
                self._strike(day)

    def _strike(self, day: Day) -> None:
        number = len(self.cuts)
        state = self.folder / f"cut{number}" / "state"
        with day.stopped():
            copy_state(day.house.state, state, self._dice)
            taken, done = tuple(day.relay.taken), set(day.done)
        new = [folder for folder in _folders(state) if folder not in self._folders_before]
        self.spoilt += cut_power(state, self._dice, new)
        house = House(state.parent, day.house.url, day.relay.port)
        whole(state)
        whole_pages(house)
        self._nothing_answered_for_is_lost(house, done)
        in_flight = self._the_ledger_knows(house, taken)
        self.cuts.append(Cut(number, state.parent, taken, in_flight))
        if number % RESUMED:
            shutil.rmtree(state.parent)

    def _nothing_answered_for_is_lost(self, house: House, done: set[str]) -> None:
        with Store(house.database) as store:
            for act in acts_of_the_day(house):
                assert act.name not in done or act.kept(store), act.name

    def _the_ledger_knows(self, house: House, taken: Sequence[Taken]) -> dict[str, bytes]:
        """What was taken is sent, or in flight with the same bytes; return what is in flight."""
        mails = house.mails()
        arrived = {id_of(message): message.content for message in taken}
        assert len(arrived) == len(taken), "nothing came twice"
        for message_id, content in arrived.items():
            status, bytes_ = mails[message_id]
            assert status == "sent" or (status, bytes_) == ("sending", content), message_id
        sent = {id_ for id_, (status, _) in mails.items() if status == "sent"}
        assert sent - self._sent_before <= arrived.keys(), "what is recorded as sent has arrived"
        self.statuses.update(status for status, _ in mails.values())
        return {
            id_: bytes_ or b"" for id_, (status, bytes_) in mails.items() if status == "sending"
        }


_MODIFIED = 0x2  # inotify(7)


def _folders(state: Path) -> list[Path]:
    return sorted(p.relative_to(state) for p in (state / "public").rglob("*") if p.is_dir())


def a_day(folder: Path, yesterday: House, relay: Relay, dice: Random) -> Day:
    relay.taken.clear()
    house = House(folder, yesterday.url, relay.port, RATE).moved_in(yesterday.state)
    return Day(house, relay, dice)


async def _nothing(day: Day) -> None:
    await day.over.wait()


@pytest.fixture(scope="module")
def undisturbed(on_disk, site, relay, yesterday):
    """How the day ends when nothing happens to it."""
    day = a_day(on_disk / "undisturbed", yesterday, relay, Random(0))  # noqa: S311 - a test's dice
    asyncio.run(day.live(_nothing))
    morning = tuple(relay.taken)
    with two_at_a_time() as pool:
        end = pool.submit(end_of, day.house.folder, site.url).result()
    return replace(end, taken=morning + end.taken)


def two_at_a_time() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(2, mp_context=FORKS)


def test_whatever_a_power_cut_leaves_goes_on_to_the_same_end(
    tmp_path, on_disk, site, relay, yesterday, undisturbed, dice
):
    storm, days = Storm(tmp_path, yesterday, dice), 0
    while len(storm.cuts) < CUTS:
        days += 1
        day = a_day(on_disk / f"day{days}", yesterday, relay, dice)
        asyncio.run(day.live(storm.strike))
    chosen = storm.cuts[::RESUMED]
    with two_at_a_time() as pool:
        ends = list(pool.map(end_of, [c.folder for c in chosen], [site.url] * len(chosen)))
    repeats = sum(same_end(cut, end, undisturbed) for cut, end in zip(chosen, ends, strict=True))
    print(
        f"{len(storm.cuts)} cuts in {days} days, {len(chosen)} gone on with, {repeats} repeats of "
        f"{sum(len(cut.in_flight) for cut in chosen)} in flight; {storm.spoilt}; "
        f"left under a temporary name: {sum(end.leftovers for end in ends)}; {storm.statuses}"
    )
    assert len(chosen) >= 50


def same_end(cut: Cut, end: End, undisturbed: End) -> int:
    """Hold a day that went on after a cut against the undisturbed one; return the repeats."""
    where = f"after cut {cut.number}"
    for name, rows in undisturbed.told.items():
        assert apart(end.told[name], rows) == [], f"{name} {where}"
    assert apart(end.published.items(), undisturbed.published.items()) == [], where
    assert apart(end.received(cut.taken), undisturbed.received()) == [], where
    before = {id_of(message): message.content for message in cut.taken}
    again = [message for message in end.taken if id_of(message) in before]
    for message in again:
        same_bytes = cut.in_flight.get(id_of(message)) == message.content
        assert same_bytes, f"{message.recipient} {where}: only what was in flight goes again"
    ids = [id_of(message) for message in end.taken]
    assert len(set(ids)) == len(ids), "a second time, never a third"
    return len(again)


def apart(ours: Iterable[object], theirs: Iterable[object]) -> list[str]:
    """Return a few of the rows that only one side has (pytest would compare megabytes of them)."""
    mine, yours = Counter(map(repr, ours)), Counter(map(repr, theirs))
    only = [f"here: {row[:300]}" for row in mine - yours]
    return (only + [f"undisturbed: {row[:300]}" for row in yours - mine])[:6]


# ── Kills ─────────────────────────────────────────────────────────────────────────────────────────

STAGES = ("collect", "compose", "publish")
KILLS = 20  # of each workflow
# As many of each event as an undisturbed run has, or a few more; seconds.
EVENTS: Mapping[str, Mapping[str, float]] = {
    "collect": {"WRITE": 300, "COMMIT": 6, "SECONDS": 0.3},
    "compose": {"WRITE": 30, "COMMIT": 6, "SECONDS": 0.3},
    "publish": {"SYNC": 40, "RENAME": 40, "RENAMED": 40, "SECONDS": 0.6},
}


@pytest.fixture(scope="module")
def stages(on_disk, site, relay, yesterday):
    """The state that each workflow of the morning finds, and how it leaves it undisturbed."""
    house = House(on_disk / "stages", site.url, relay.port).moved_in(yesterday.state)
    found = {}
    for workflow in STAGES:
        before = on_disk / f"before-{workflow}"
        shutil.copytree(house.state, before)
        house.start(MORNING, workflow).join()
        found[workflow] = before, told(house), published(house)
    return found


@pytest.mark.parametrize("workflow", STAGES)
def test_a_workflow_killed_again_and_again_comes_to_the_same_end(
    workflow, tmp_path, site, relay, stages, dice
):
    state, told_then, published_then = stages[workflow]
    kills, rounds, begun, left = Counter(), 0, 0, 0
    while kills.total() < KILLS:
        rounds += 1
        house = House(tmp_path / f"round{rounds}", site.url, relay.port).moved_in(state)
        while kills.total() < KILLS and (fate := killed(house, workflow, dice)):
            kills[fate.event] += 1
            whole(house.state)
            whole_pages(house)
            assert is_free(house.state / "lock" / workflow)
        begun += len(leftovers(house))
        process = house.start(MORNING, workflow)
        process.join(600)
        assert process.exitcode == 0, house.said()
        left += len(leftovers(house))
        for name, rows in told(house).items():
            assert apart(rows, told_then[name]) == [], name
        assert apart(published(house).items(), published_then.items()) == []
    assert left == 0
    print(
        f"{dict(kills)} kills in {rounds} rounds; {begun} files stood under a temporary name, {left} "
        "still do after the next run"
    )


def killed(house: House, workflow: str, dice: Random) -> Fate | None:
    """Run a workflow that meets a fate; None where it came too late."""
    event, most = dice.choice([*EVENTS[workflow].items()])
    drawn = dice.uniform(0, most) if event == "SECONDS" else dice.randint(1, int(most))
    process = house.start(MORNING, workflow, fate=Fate(event, drawn))
    process.join(600)
    assert process.exitcode in (0, -signal.SIGKILL), house.said()
    return Fate(event, drawn) if process.exitcode else None


def is_free(lock: Path) -> bool:
    """Tell whether nobody holds a lock."""
    if not lock.exists():
        return True
    with lock.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True
