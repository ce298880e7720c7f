"""Thirty days of a service in a process of its own: `python support_soak.py FOLDER SEED` (`test_soak`).

The clock is turned by hand, four hours a round; sources and relay are real servers on loopback, and
seeded dice mix in trouble. What arrived is written to `came.jsonl`, how the process stood each
evening to `days.jsonl`: nothing that grows is kept in memory, where it would count as growth.
"""

from __future__ import annotations

import asyncio
import functools
import gc
import hashlib
import json
import logging
import re
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, closing, suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from random import Random
from typing import TextIO

from aiohttp import web

from bot.app import App, open_app
from bot.cli.service import Service
from bot.config import load_config
from bot.models import Cadence, Origin
from bot.ranking.remembered import Remembered
from bot.store.subscribers import Choices
from bot.tokens import suppression_key
from support_http import Site
from support_http import serving as http_serving

DAYS, SOURCES, READERS = 30, 20, 500
COUNTED = (10, DAYS)  # on these evenings all caches are emptied, and what Python holds is counted
START = datetime(2026, 10, 12, tzinfo=UTC)  # a Monday; clocks go back on 25 October and 1 November
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ROUND = 4 * HOUR
OUTAGES = {8 * DAY + 4 * HOUR: 16 * HOUR, 16 * DAY + 8 * HOUR: 8 * HOUR, 22 * DAY: 20 * HOUR}
ZONES = (
    "", "Europe/London", "America/New_York", "America/Havana", "America/St_Johns", "Asia/Kolkata",
    "Asia/Kathmandu", "Asia/Beirut", "Africa/Cairo", "Australia/Lord_Howe", "Pacific/Auckland",
    "Pacific/Kiritimati", "Pacific/Niue", "Asia/Tokyo", "America/Los_Angeles", "Antarctica/Troll",
)  # fmt: skip
WORDS = ("experts", "routing", "retrieval", "proteins", "speech", "vision")
CADENCES = (*[Cadence.DAILY] * 2, *[Cadence.WEEKDAYS] * 2, *[Cadence.WEEKLY] * 6)
CLOSE, CLOSE_AFTER_TAKING = "close", "close after taking"
_SHOWN = 60  # entries that a source's document has: days' worth, so that a bad day loses none
_ON_RELAY = (
    ("RCPT", "450 4.2.0 come again later"), ("RCPT", "550 5.1.1 nobody of that name"),
    ("MAIL", "421 4.3.2 not now"), ("CONTENT", "451 4.3.0 no room just now"),
    ("CONTENT", "554 5.6.0 not such a message"), ("CONTENT", CLOSE),
    ("CONTENT", CLOSE_AFTER_TAKING), ("GREETING", CLOSE), ("GREETING", "554 No service"),
)  # fmt: skip
_OF_SOURCES = ((500, b"out of order"), (200, b"<html>soon back</html>"), (200, b""), (404, b""))
_CONFIG = """
[bot]
contact = "owner@example.org"
timezone = "Europe/Berlin"
[mail]
transport = "smtp"
from = "Papers <papers@example.org>"
host = "127.0.0.1"
port = {port}
tls = "none"
rate = 10000.0
[web]
listen = "127.0.0.1:0"
[fetch]
allow_private = ["127.0.0.1/32"]
"""


class Relay:
    """A mail server that is quick, so that the days go to the service; it misbehaves as told."""

    def __init__(self) -> None:
        self.port = 0
        self.taken: list[tuple[str, bytes]] = []
        self.on_taken: Callable[[], None] = lambda: None
        self._plans: dict[str, tuple[str, int]] = {}

    def on(self, phase: str, answer: str, times: int = 1_000_000) -> None:
        """Answer a phase so, the next `times` that it is reached."""
        self._plans[phase] = (answer, times)

    def _planned(self, phase: str) -> str:
        answer, times = self._plans.get(phase, ("", 0))
        self._plans[phase] = (answer, times - 1)
        return answer if times > 0 else ""

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer), suppress(ConnectionError, asyncio.IncompleteReadError):
            word, recipient = "GREETING", ""
            while word not in ("QUIT", ""):
                answer = self._planned(word) or _ANSWERS.get(word, "250 OK")
                if answer == CLOSE:
                    return
                writer.write(answer.encode() + b"\r\n")
                if word == "DATA" and not await self._content(reader, writer, recipient):
                    return
                line = (await reader.readline()).decode().strip()
                word = line[:4].upper()
                if word == "RCPT":
                    recipient = line.partition("<")[2].partition(">")[0]
            writer.write(b"221 Bye\r\n")

    async def _content(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, recipient: str
    ) -> bool:
        """Take a message, or not, as planned; return whether the conversation goes on."""
        content = await reader.readuntil(b"\r\n.\r\n")
        plan = self._planned("CONTENT")
        if plan in ("", CLOSE_AFTER_TAKING):
            self.taken.append((recipient, content))
            self.on_taken()
        if plan in (CLOSE, CLOSE_AFTER_TAKING):
            return False
        writer.write((plan or "250 OK").encode() + b"\r\n")
        return True


_ANSWERS = {"GREETING": "220 relay.test", "DATA": "354 Go on"}


@asynccontextmanager
async def a_relay() -> AsyncIterator[Relay]:
    relay = Relay()
    server = await asyncio.start_server(relay.talk, "127.0.0.1", 0, limit=4_000_000)
    relay.port = server.sockets[0].getsockname()[1]
    async with server:
        yield relay


class World:
    """Everything around the service: papers that appear, a relay, readers; and the clock."""

    def __init__(self, folder: Path, seed: str, site: Site, relay: Relay) -> None:
        self.folder, self.site, self.relay = folder, site, relay
        self.dice = Random(seed)  # noqa: S311 - a test's dice
        self.now, self.running = START, 1000.0
        self.papers = 0
        self.shown: list[list[tuple[int, str, datetime]]] = [[] for _ in range(SOURCES)]
        self.moods: dict[int, tuple[int, bytes]] = {}
        self.limits = dict.fromkeys(WORDS, 5)
        self.down_until = START
        for number in range(SOURCES):
            site.put_call(f"/{number}", self._answer)

    def passes(self, span: timedelta) -> None:
        self.now, self.running = self.now + span, self.running + span.total_seconds()

    # ── Sources ──

    def publish(self, most: int = 20) -> None:
        """Let papers appear; one in ten appears in two places."""
        for _ in range(self.dice.randint(0, most)):
            self.papers += 1
            words = " and ".join(self.dice.sample(WORDS, 2))
            places = self.dice.sample(range(SOURCES), 2 if self.dice.random() < 0.1 else 1)
            for place in places:
                self.shown[place].append((self.papers, f"On {words} P{self.papers:05d}.", self.now))
                del self.shown[place][:-_SHOWN]

    async def _answer(self, request: web.Request) -> web.Response:
        number = int(request.path[1:])
        told = {"Date": format_datetime(self.now, usegmt=True)}
        if number in self.moods:
            status, body = self.moods[number]
            return web.Response(body=body, status=status, headers=told)
        entries = "".join(
            f"<item><title>{title}</title><link>https://journal.test/{paper}</link>"
            f"<pubDate>{format_datetime(at)}</pubDate></item>"
            for paper, title, at in reversed(self.shown[number])
        )
        body = f'<rss version="2.0"><channel><title>J</title>{entries}</channel></rss>'.encode()
        etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        same = request.headers.get("If-None-Match") == etag
        return web.Response(
            body=b"" if same else body, status=304 if same else 200, headers=told | {"ETag": etag}
        )

    # ── The configuration ──

    def write_config(self) -> Path:
        path = self.folder / "config.toml"
        text = _CONFIG.format(port=self.relay.port)
        for number in range(SOURCES):
            text += (
                f'[[sources]]\nname = "s{number}"\nkind = "feed"\nevery = "3h"\n'
                f'url = "{self.site.url(f"/{number}")}"\n'
            )
        for number, word in enumerate(WORDS):
            text += (
                f'[profiles.{word}]\nkeywords = ["{word}"]\nlimit = {self.limits[word]}\n'
                f'at = "{5 + number:02d}:30"\n'
            )
        path.write_text(text, encoding="utf-8")
        return path

    # ── Readers ──

    def subscribe_all(self, app: App) -> None:
        """Subscribe readers over zones, cadences and hours, to one to three profiles each."""
        for number in range(READERS):
            address = f"r{number}@d{number % 25}.example"
            for word in self.dice.sample(WORDS, self.dice.choice((1, 1, 2, 3))):
                key = suppression_key(app.founding.secret, address)
                app.store.subscribe(address, word, Origin.SELF, self.now, suppressed=key)
            self.choose(app, address)

    def choose(self, app: App, address: str) -> None:
        hour = self.dice.choice(
            ("", "any", "00:30", "02:30", *(f"{h:02d}:00" for h in range(0, 24, 4)))
        )
        zone, cadence = self.dice.choice(ZONES), self.dice.choice(CADENCES)
        app.store.choose(address, Choices(cadence=cadence, at=hour, zone=zone))

    def of_a_reader(self, app: App) -> str:
        """Let a reader leave, pause or choose otherwise; return whom, who is no steady one then."""
        address = self.dice.choice(app.store.subscriptions()).address
        match self.dice.choice(("leave", "leave one", "pause", "choose", "choose")):
            case "leave":
                app.store.unsubscribe(address, "", Origin.SELF)
            case "leave one":
                theirs = [s.profile for s in app.store.subscriptions_of(address)]
                app.store.unsubscribe(address, self.dice.choice(theirs), Origin.SELF)
            case "pause":
                app.store.pause(address, self.now.date() + self.dice.randint(1, 5) * DAY)
            case _:
                self.choose(app, address)
        return address

    # ── Trouble ──

    def trouble(self) -> None:
        """Roll for a round's trouble: sources, and the relay for some messages or some hours."""
        if self.dice.random() < 0.3:
            self.moods[self.dice.randrange(SOURCES)] = self.dice.choice(_OF_SOURCES)
        for number in list(self.moods):
            if self.dice.random() < 0.15:
                del self.moods[number]
        if self.now < self.down_until:
            return
        self.relay.on("GREETING", "", 0)
        if self.dice.random() < 0.2:
            self.relay.on(*self.dice.choice(_ON_RELAY), times=self.dice.randint(1, 3))
        if self.now - START in OUTAGES:
            self.relay.on("GREETING", "554 No service today")
            self.down_until = self.now + OUTAGES[self.now - START]

    def arrived(self, out: TextIO) -> None:
        """Write down what the relay has taken, and let it forget."""
        for recipient, content in self.relay.taken:
            plain = content.replace(b"=\r\n", b"")
            name = re.search(rb"(?m)^Message-ID: (<[^>]+>)", content)
            assert name is not None
            told = {
                "to": recipient,
                "id": name[1].decode(),
                "sha": hashlib.sha256(content).hexdigest(),
                "papers": sorted({int(n) for n in re.findall(rb"\bP(\d{5})\.", plain)}),
            }
            out.write(json.dumps(told) + "\n")
        self.relay.taken.clear()


# ── The service ───────────────────────────────────────────────────────────────────────────────────


class Living:
    """The service that lives now; `restart` ends it, well or badly, and begins another."""

    def __init__(self, world: World, config: Path) -> None:
        self.world, self.config = world, config
        self._stack = ExitStack()
        self.restarts = 0
        self.begin()

    def begin(self) -> None:
        self.app = self._stack.enter_context(
            open_app(load_config(self.config), lambda: self.world.now, watched=True)
        )
        self.service = Service(self.app, running=lambda: self.world.running, every=0, silence=0)

    def end(self) -> None:
        self._stack.close()

    def restart(self) -> None:
        self.end()
        self.begin()
        self.restarts += 1

    async def round(self, cut: int | None = None) -> None:
        """One round; where told so, sending is cut off once so many messages more were taken."""
        await self.service.round()
        *others, deliver = self.service.lanes
        for lane in others:
            await lane.work()
        if cut is None:
            await deliver.work()
            return
        enough, sending = len(self.world.relay.taken) + cut, asyncio.ensure_future(deliver.work())

        def cut_off() -> None:
            if len(self.world.relay.taken) >= enough:
                sending.cancel()

        self.world.relay.on_taken = cut_off
        with suppress(asyncio.CancelledError):
            await sending
        self.world.relay.on_taken = lambda: None
        self.restart()


@asynccontextmanager
async def a_world(folder: Path, seed: str) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        site = await stack.enter_async_context(http_serving())
        relay = await stack.enter_async_context(a_relay())
        yield World(folder, seed, site, relay)


async def soak(folder: Path, seed: str) -> None:
    async with a_world(folder, seed) as world:
        dice = world.dice
        living = Living(world, world.write_config())
        await living.app.mirror()
        world.subscribe_all(living.app)
        unsteady: set[str] = set()
        with (folder / "came.jsonl").open("w") as came, (folder / "days.jsonl").open("w") as days:
            for day in range(1, DAYS + 1):
                calm = day == DAYS  # a last day without trouble: what is owed then is owed for good
                for _ in range(DAY // ROUND):
                    if world.now.hour % 8 == 0:
                        world.publish()
                    if not calm:
                        world.trouble()
                        if dice.random() < 0.4:
                            unsteady.add(world.of_a_reader(living.app))
                        if dice.random() < 0.05:
                            living.restart()
                        if dice.random() < 0.05:
                            world.limits[dice.choice(WORDS)] = dice.randint(3, 7)
                            world.write_config()
                    cut = dice.randint(0, 5) if not calm and dice.random() < 0.06 else None
                    await living.round(cut)
                    world.arrived(came)
                    world.site.requests.clear()
                    world.passes(ROUND)
                if day == DAYS - 1:
                    world.moods.clear()
                    world.relay.on("GREETING", "", 0)
                    world.down_until = world.now
                days.write(json.dumps(_standing(day, world, living)) + "\n")
                days.flush()
        living.end()
        (folder / "unsteady.json").write_text(json.dumps(sorted(unsteady)))


def _standing(day: int, world: World, living: Living) -> dict[str, object]:
    gc.collect()
    told: dict[str, object] = {
        "day": day, "papers": world.papers, "restarts": living.restarts,
        "peak": _memory("VmHWM"), "resident": _memory("VmRSS"),
        "handles": _count("fd"), "threads": _count("task"),
    }  # fmt: skip
    if day in COUNTED:
        gc.unfreeze()  # or what was loaded before, caches and all, is not among what Python tells of
        for known in gc.get_objects():
            if isinstance(known, functools._lru_cache_wrapper):  # noqa: SLF001 - it has no other name
                known.cache_clear()  # which have a limit of their own, and have not reached it yet
            elif isinstance(known, Remembered):
                known.clear()  # so has this
        gc.collect()
        told |= {"objects": len(gc.get_objects()), "blocks": sys.getallocatedblocks()}
    return told


def _count(what: str) -> int:
    """Return how many of a folder of /proc/self there are; looking takes one handle itself."""
    return len(list(Path("/proc/self", what).iterdir()))


def _memory(name: str) -> float:
    """Return a line of /proc/self/status, in MB."""
    found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


if __name__ == "__main__":
    for noisy in ("aiohttp.access", "mail.log"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    logging.basicConfig(filename=Path(sys.argv[1]) / "log.txt", level=logging.INFO)
    asyncio.run(soak(Path(sys.argv[1]), sys.argv[2]))
