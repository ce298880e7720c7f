"""A house in which the bot lives through a busy day, the processes it has there, and what it left.

Every process is forked from a server that has loaded what the bot needs: some hundred of them are
stopped, killed and begun anew, and none should spend its time on imports.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
import multiprocessing
import os
import re
import shutil
import signal
import sqlite3
import stat
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from multiprocessing.process import BaseProcess
from pathlib import Path
from random import Random
from xml.etree import ElementTree as ET

import aiohttp

from bot import tokens
from bot.app import open_app
from bot.cli import main, serving
from bot.config import load_config
from bot.models import Edition, Opinion, Paper, SubscriptionStatus
from bot.outputs.doors import opinion_address
from bot.store import Store
from bot.store.connection import Connection
from bot.web import listening
from support_smtp import Relay, a_relay

YESTERDAY_MORNING, YESTERDAY_EVENING = "2026-11-19T08:30+01:00", "2026-11-19T20:30+01:00"
MORNING, EVENING = "2026-11-20T09:00+01:00", "2026-11-20T20:30+01:00"
SITE = "http://127.0.0.1:1"
_PATIENCE = (
    600.0  # seconds: a guard against waiting for ever; how long a day takes is the machine's
)
CONFIG = """
[bot]
title = "Morning papers"
base_url = "{site}"
contact = "owner@example.org"
timezone = "Europe/Berlin"
[web]
listen = "127.0.0.1:0"
[[sources]]
name = "arxiv"
kind = "arxiv"
url = "{url}"
categories = ["cs.CL"]
[[sources]]
name = "hf"
kind = "huggingface"
url = "{url}"
[[sources]]
name = "journal"
kind = "feed"
url = "{url}/journal.xml"
[profiles.morning]
keywords = ["mixture of experts^2", "expert routing", "sparse activation", "retrieval"]
to = {morning}
at = "08:00"
limit = 6
[profiles.evening]
keywords = ["protein^2", "retrieval", "language model"]
to = {evening}
at = "20:00"
limit = 8
learn = "all"
[mail]
transport = "smtp"
from = "Papers <papers@example.org>"
host = "127.0.0.1"
port = {port}
tls = "none"
rate = {rate}
connections = 3
per_domain = 3
grace = "24h"
[fetch]
allow_private = ["127.0.0.1/32"]
"""
# Some read in the morning, some in the evening, some both; who leaves reads in the evening only.
MORNING_READERS = [f"reader{n}@example.org" for n in range(24)]
LEAVERS = [f"leaver{n}@example.org" for n in range(4)]
STAYING = [*MORNING_READERS[16:], *(f"late{n}@example.org" for n in range(8))]
EVENING_READERS = [*STAYING, *LEAVERS]
NEWCOMERS = [f"new{n}@example.org" for n in range(3)]

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(
    ["support_power", "bot.fetch", "bot.mail", "bot.render", "bot.printing", "bot.workflows.collect",
     "bot.workflows.compose", "bot.workflows.publish", "bot.workflows.sheets", "bot.workflows.deliver",
     "bot.cli.running"]
)  # fmt: skip


class House:
    """A folder in which the bot lives: its configuration, and its state. `rate`: mails a second."""

    def __init__(self, folder: Path, url: str, port: int, rate: float = 10_000) -> None:
        self.folder, self.state, self.log = folder, folder / "state", folder / "said.txt"
        self.database, self.public = self.state / "paperround.db", self.state / "public"
        folder.mkdir(parents=True, exist_ok=True)
        self.url, self.config = url, folder / "config.toml"
        self.config.write_text(
            CONFIG.format(
                site=SITE, url=url, port=port, rate=float(rate), morning=MORNING_READERS,
                evening=EVENING_READERS,
            )
        )  # fmt: skip

    def moved_in(self, state: Path) -> House:
        """Begin with a copy of another house's state."""
        shutil.copytree(state, self.state)
        return self

    def words(self, now: str, *words: str) -> list[str]:
        return ["--config", str(self.config), "--now", now, *words]

    def run(self, now: str, *words: str) -> None:
        """Run a command in this process; it must end well."""
        assert main(self.words(now, *words)) == 0, words

    def start(self, now: str, *words: str, fate: Fate | None = None) -> BaseProcess:
        """Run a command in a process of its own, which may meet its fate; what it says is logged."""
        process = FORKS.Process(
            target=_run_apart, args=(self.words(now, *words), self.log, fate), name=words[0]
        )
        process.start()
        return process

    def said(self) -> str:
        return self.log.read_text() if self.log.exists() else ""

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(self.database)) as db:
            return db.execute(sql).fetchall()

    def mails(self) -> dict[str, tuple[str, bytes | None]]:
        """Return each delivery's status, and its bytes while it is on its way, by Message-ID."""
        sql = """SELECT d.message_id, d.status, o.content FROM delivery d
            LEFT JOIN outgoing o ON o.delivery = d.id"""
        return {str(row[0]): (row[1], row[2]) for row in self.rows(sql)}


def whole(state: Path) -> None:
    """The database opens as the bot opens it, and SQLite finds nothing wrong with it."""
    with Store(state / "paperround.db") as store:
        assert [tuple(row) for row in store.db.rows("PRAGMA integrity_check")] == [("ok",)]
        assert store.db.rows("PRAGMA foreign_key_check") == []


# ── A process of its own, and its fate ────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Fate:
    """A process's end by SIGKILL: at the nth event of a kind, or after so many SECONDS.

    Events are WRITE (before a statement), COMMIT (when one has returned), SYNC (half a file stands
    under its temporary name), RENAME (before a file takes its name) and RENAMED.
    """

    event: str
    nth: float


def _run_apart(words: list[str], log: Path, fate: Fate | None) -> None:
    """Be that process; the clock of `serve` stands, as that of the others does."""
    # Editions carry when they were made: with a clock that stands, two runs make the same bytes.
    serving._clock = lambda start: lambda: start  # noqa: SLF001 - no option makes it stand
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for stream in (1, 2):
        os.dup2(descriptor, stream)
    # The log goes into the database every few commits, so that a cut also meets that half done.
    _instead(
        Connection,
        "_prepare",
        lambda real, own: (real(own), own.rows("PRAGMA wal_autocheckpoint = 20")),
    )
    if fate is not None:
        _await(fate)
    sys.exit(main(words))


def _await(fate: Fate) -> None:
    """Count the events of a kind, and die at the fated one."""
    if fate.event == "SECONDS":
        threading.Timer(fate.nth, os.kill, (os.getpid(), signal.SIGKILL)).start()
        return
    seen = itertools.count(1)

    def come(before_death: Callable[[], object] = lambda: None) -> None:
        if next(seen) == fate.nth:
            before_death()
            os.kill(os.getpid(), signal.SIGKILL)

    match fate.event:
        case "WRITE":
            _instead(Connection, "write", lambda real, *given: (come(), real(*given))[1])
            _instead(Connection, "write_many", lambda real, *given: (come(), real(*given))[1])
        case "COMMIT":
            _instead(Connection, "transaction", lambda real, *given: _then(real(*given), come))
        case "RENAME":
            _instead(Path, "replace", lambda real, *given: (come(), real(*given))[1])
        case "RENAMED":
            _instead(Path, "replace", lambda real, *given: (real(*given), come())[0])
        case "SYNC":
            _instead(os, "fsync", lambda real, file: (_halved(file, come), real(file))[1])


def _instead(owner: object, name: str, done: Callable[..., object]) -> None:
    real = getattr(owner, name)
    setattr(owner, name, lambda *given: done(real, *given))


@contextmanager
def _then(transaction: AbstractContextManager[None], come: Callable[[], None]) -> Iterator[None]:
    with transaction:
        yield
    come()


def _halved(file: int, come: Callable[..., None]) -> None:
    told = os.fstat(file)
    if stat.S_ISREG(told.st_mode):  # folders are synced too
        come(lambda: os.ftruncate(file, told.st_size // 2))


# ── What people do ────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Act:
    """What a person does once in the day; doing it again changes nothing.

    Either a command, or a POST of `form` to the page that `path` names, which waits until whoever
    `after` names has their mail. `kept` tells by the ledger whether it was done.
    """

    name: str
    kept: Callable[[Store], object]
    words: tuple[str, ...] = ()
    path: str = ""
    form: Mapping[str, str] = field(default_factory=dict)
    after: str = ""


def acts_of_the_day(house: House) -> list[Act]:
    """People who come, say what they think, and leave; all of it counts in the evening's edition."""
    with Store(house.database) as store:
        secret = store.found("").secret
        edition = next(e for e in store.editions("evening") if e.number == 1)
        papers = store.papers({pick.paper for pick in edition.picks})
        readers = {s.address: s.subscriber for s in store.all_subscriptions()}
    return [
        *map(_comes, NEWCOMERS),
        *(_owner_says(papers[pick.paper], n) for n, pick in enumerate(edition.picks[:3])),
        *(_says(address, n, readers, edition, secret) for n, address in enumerate(STAYING)),
        *(_leaves(address, readers[address], secret) for address in LEAVERS),
    ]


def _comes(address: str) -> Act:
    return Act(
        f"{address} comes",
        lambda store: store.subscriptions_of(address),
        words=("subscribers", "add", address, "evening"),
    )


def _owner_says(paper: Paper, n: int) -> Act:
    verb, opinion = _VERBS[n % 2]
    assert paper.key is not None
    return Act(
        f"the owner: {verb} {paper.id}",
        lambda store: store.opinion_of("evening", paper.id) is opinion,
        words=(verb, f"{paper.key.scheme.value}:{paper.key.value}", "--profile", "evening"),
    )


_VERBS = (("like", Opinion.LIKE), ("dislike", Opinion.DISLIKE))


def _says(address: str, n: int, readers: Mapping[str, int], edition: Edition, secret: bytes) -> Act:
    reader, paper = readers[address], edition.picks[n % len(edition.picks)].paper
    said, opinion = (("more", Opinion.LIKE), ("less", Opinion.DISLIKE))[n % 2]
    return Act(
        f"{address}: {said} like {paper}",
        lambda store: store.opinion_of("evening", paper, reader) is opinion,
        path=opinion_address("", secret, reader, edition.id, paper, 0),
        form={"v": said},
    )


def _leaves(address: str, reader: int, secret: bytes) -> Act:
    token = tokens.make(secret, tokens.Purpose.UNSUBSCRIBE, [reader], 0)
    return Act(
        f"{address} leaves",
        lambda store: store.subscriptions_of(address)[0].status is SubscriptionStatus.UNSUBSCRIBED,
        path=f"/unsubscribe/{token}",
        form={"List-Unsubscribe": "One-Click"},
        after=address,
    )


# ── A busy day, and its end ───────────────────────────────────────────────────────────────────────


class Day:
    """The morning of a house: the service at work, and people at its doors and beside it."""

    def __init__(self, house: House, relay: Relay, dice: Random) -> None:
        self.house, self.relay, self._dice = house, relay, dice
        self.done: set[str] = set()  # acts that were answered for
        self.over = asyncio.Event()
        self._running: list[BaseProcess] = []

    async def live(self, lightning: Callable[[Day], Awaitable[None]]) -> None:
        """Let it all happen, `lightning` beside it, until nothing is left to do."""
        acts = acts_of_the_day(self.house)
        comes, says = acts[: len(NEWCOMERS)], acts[len(NEWCOMERS) :]
        self._dice.shuffle(says)
        serve = self._start("serve")
        striking = asyncio.create_task(lightning(self))
        try:
            address = await self._address()
            async with aiohttp.ClientSession() as session:
                await asyncio.gather(
                    # Newcomers one after the other: their numbers stand in their mails.
                    self._command(comes),
                    self._command([act for act in says if act.words]),
                    *(self._post(act, address, session) for act in says if act.path),
                    self._until(self._is_quiet),
                )
            self.over.set()
            await striking
            serve.terminate()
            await asyncio.to_thread(serve.join, _PATIENCE)
            self._running.remove(serve)
            assert serve.exitcode == 0, self.house.log.read_text()
        finally:
            striking.cancel()
            for process in self._running:
                _signal(process.pid or 0, signal.SIGKILL)
                process.join()

    def _start(self, *words: str) -> BaseProcess:
        process = self.house.start(MORNING, *words)
        self._running.append(process)
        return process

    async def _address(self) -> str:
        await self._until(lambda: "serving http://" in self.house.said())
        return re.findall(r"serving (http://[^;]+);", self.house.said())[-1]

    async def _command(self, acts: Sequence[Act]) -> None:
        for act in acts:
            await asyncio.sleep(self._dice.uniform(0, 0.3))
            process = self._start(*act.words)
            await asyncio.to_thread(process.join, _PATIENCE)
            self._running.remove(process)  # which nobody asks for its end beside this thread
            assert process.exitcode == 0, self.house.said()
            self.done.add(act.name)

    async def _post(self, act: Act, address: str, session: aiohttp.ClientSession) -> None:
        if act.after:
            await self._until(lambda: act.after in self.relay.recipients)
        else:
            await asyncio.sleep(self._dice.uniform(0, 3))
        async with session.post(address + act.path, data=act.form) as answer:
            assert answer.status == 200, await answer.text()
        self.done.add(act.name)

    def _is_quiet(self) -> bool:
        return (
            len(self.relay.taken) >= len(MORNING_READERS) + len(EVENING_READERS)
            and "feeds and pages changed" in self.house.said()
            and not {"pending", "sending"} & {status for status, _ in self.house.mails().values()}
        )

    async def _until(self, so: Callable[[], object]) -> None:
        deadline = time.monotonic() + _PATIENCE
        while not so():
            assert time.monotonic() < deadline, self.house.said()
            await asyncio.sleep(0.02)

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Let every process stand still."""
        running = [process.pid or 0 for process in self._running]
        for pid in running:
            _signal(pid, signal.SIGSTOP)
        try:
            deadline = time.monotonic() + _PATIENCE
            while not all(map(_stands_still, running)):
                assert time.monotonic() < deadline, "a process did not stop"
            yield
        finally:
            for pid in running:
                _signal(pid, signal.SIGCONT)


def _signal(pid: int, sign: int) -> None:
    with suppress(ProcessLookupError):  # it has ended meanwhile
        os.kill(pid, sign)


def _stands_still(pid: int) -> bool:
    """Tell whether each of its threads does: one that waits for the disk ends that first."""
    states = set()
    with suppress(FileNotFoundError):  # the process has ended meanwhile
        for told in Path(f"/proc/{pid}/task").glob("*/stat"):
            with suppress(OSError):  # a thread has
                states.add(told.read_text().rpartition(")")[2].split()[0])
    return states <= {"T", "Z", "X"}


def go_on(house: House) -> None:
    """Run `once` until nothing is due, do what nobody did yet, and live until the evening's end."""
    acts = acts_of_the_day(house)
    _quiet(house, MORNING)
    with Store(house.database) as store:
        missing = [act for act in acts if not act.kept(store)]
    for act in missing:
        if act.words:
            house.run(MORNING, *act.words)
    asyncio.run(_post_all(house, [act for act in missing if act.path]))
    _quiet(house, MORNING)
    _quiet(house, EVENING)


def _quiet(house: House, now: str) -> None:
    for _ in range(3):
        house.run(now, "once")
        if {status for status, _ in house.mails().values()} <= {"sent", "skipped"}:
            return
    raise AssertionError(f"some deliveries stay open: {house.mails()}")


async def _post_all(house: House, acts: Sequence[Act]) -> None:
    moment = datetime.fromisoformat(MORNING)
    with open_app(load_config(house.config), lambda: moment) as app:
        async with listening(lambda: app) as address, aiohttp.ClientSession() as session:
            for act in acts:
                async with session.post(address + act.path, data=act.form) as answer:
                    assert answer.status == 200, await answer.text()


# ── What it came to ───────────────────────────────────────────────────────────────────────────────

_TOLD = {
    "papers": """SELECT key, title, authors, abstract, categories, venue, version, published, links,
        votes, comments, first_seen, updated_at, backfilled FROM paper WHERE merged_into IS NULL""",
    "identifiers": "SELECT i.name, p.key FROM identifier i JOIN paper p ON p.id = i.paper",
    "sightings": """SELECT p.key, s.source, s.event, s.stored_at, s.seen_on, s.at, s.votes, s.comments
        FROM sighting s JOIN paper p ON p.id = s.paper""",
    "editions": """SELECT profile, number, period, considered, forced, health, made_at, fingerprint
        FROM edition""",
    "picks": """SELECT e.profile, e.number, k.position, p.key, k.role, k.version, k.score, k.reasons
        FROM pick k JOIN edition e ON e.id = k.edition JOIN paper p ON p.id = k.paper""",
    "subscriptions": """SELECT r.address, s.profile, s.status, s.origin, s.cursor
        FROM subscription s JOIN subscriber r ON r.id = s.subscriber""",
    "opinions": """SELECT f.profile, p.key, f.subscriber, f.opinion
        FROM feedback f JOIN paper p ON p.id = f.paper""",
    "slots": """SELECT r.address, s.profile, v.period FROM serving v
        JOIN subscription s ON s.id = v.subscription JOIN subscriber r ON r.id = s.subscriber""",
}


def told(house: House) -> dict[str, list[tuple[object, ...]]]:
    """Return what the ledger says, without the numbers that depend on who came first."""
    return {name: sorted(house.rows(sql), key=repr) for name, sql in _TOLD.items()}


def published(house: House) -> dict[str, str]:
    """Return each published file with its content's digest; the note of ours says what is there."""
    return {
        str(path.relative_to(house.public)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(house.public.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }


def whole_pages(house: House) -> None:
    """Every published file ends as its kind does, and can be read: none is half written."""
    for name in published(house):
        content = (house.public / name).read_bytes()
        match name.rpartition(".")[2]:
            case "html":
                assert content.rstrip().endswith(b"</html>"), name
            case "json":
                json.loads(content)
            case "rss" | "atom" | "opml":
                ET.fromstring(content)  # noqa: S314 - our own feeds
            case _:
                assert content, name


def leftovers(house: House) -> list[Path]:
    """Return the files that were begun and never took their name."""
    return sorted(house.state.rglob(".*.new"))


def shown(house: House) -> dict[str, frozenset[tuple[str, str]]]:
    """Return what each delivery's mail shows, by Message-ID: (address, the paper's key)."""
    with Store(house.database) as store:
        deliveries = store.deliveries(1000)
        papers = store.papers({pick.paper for each in deliveries for pick in each.picks})
    return {
        each.message_id: frozenset((each.address, str(papers[p.paper].key)) for p in each.picks)
        for each in deliveries
    }


# ── A relay that stays while commands run in this process ─────────────────────────────────────────


@contextmanager
def relaying() -> Iterator[Relay]:
    """Serve a relay in a thread of its own: a command here blocks this one."""
    started: list[Relay] = []
    ready, stop = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        async with a_relay() as relay:
            started.append(relay)
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        assert ready.wait(_PATIENCE)
        yield started[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()
