"""`paperround deliver` as a process of its own that is killed at chosen moments, and what arrived.

What a server took is the truth; what the ledger says after a kill is read from a copy of its files,
so that the next sender finds them just as the dead one left them.
"""

from __future__ import annotations

import asyncio
import ctypes
import hashlib
import os
import re
import shutil
import signal
import struct
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pytest

from bot.models import Delivery, Origin
from bot.store import Store
from support_dovecot import ended_after, free_port, listens
from support_round import NOW, a_paper, absorb, an_edition, arxiv, subscribed, with_profiles
from support_smtp import Relay

WRITE, MAIL, CONTENT = "WRITE", "MAIL", "CONTENT"
_OVER = {"sent", "held"}
_PATIENCE = 600.0  # seconds that a run may take; on a machine that does its work, a few
_ORPHAN_SECONDS = 60.0  # none may stay; how soon it goes is the machine's


@dataclass(frozen=True, slots=True)
class Arrived:
    """A message that a server has taken for good."""

    recipient: str
    message_id: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Fate:
    """When a run is killed: so many seconds after the nth event of a kind.

    Events are WRITE (to the ledger's write-ahead log) and what a server's `watch` tells, such as
    MAIL and CONTENT; the zeroth is the start. `group`: so is, at once, all that it has started.
    `latest`: the MAIL at which it is killed where nothing else has come before.
    """

    event: str = "START"
    nth: int = 0
    seconds: float = 0.0
    group: bool = False
    latest: int = 40


class Carrier:
    """A ledger with readers to whom a digest is due, and the process that sends them theirs."""

    def __init__(
        self,
        folder: Path,
        port: int,
        readers: int,
        connections: int = 1,
        uncertain: str = "resend",
        rate: float = 10_000,
    ) -> None:
        self.folder, self.connections, self.uncertain = folder, connections, uncertain
        self.readers = {f"reader{n}@example.org" for n in range(readers)}
        self._port = port
        self.configure(rate)
        self.database = folder / "state" / "paperround.db"
        self.log = folder / "said.txt"
        self.cut_short = 0  # runs
        self.in_flight: set[tuple[str, bool]] = set()  # then: to whom, and whether once more
        self.slowest_orphan = 0.0  # seconds that a process outlived its sender
        self.process: asyncio.subprocess.Process | None = None
        self._leaders: list[int] = []
        self._fate: Fate | None = None
        self.seen: Counter[str] = Counter()  # events since the last start
        with Store(self.database) as store:
            with_profiles(store, "experts")
            absorb(store, *(a_paper(arxiv(n), title=f"Paper {n}.") for n in range(1, 6)))
            an_edition(store, 1, 2, 3, 4, 5)
            for address in sorted(self.readers):
                subscribed(store, address, origin=Origin.SELF)

    @property
    def config(self) -> Path:
        return self.folder / "config.toml"

    def configure(self, rate: float) -> None:
        self.config.write_text(
            f"""
            [bot]
            contact = "owner@example.org"
            timezone = "UTC"
            [web]
            listen = "127.0.0.1:0"
            [profiles.experts]
            keywords = ["experts"]
            at = "07:00"
            [mail]
            transport = "smtp"
            from = "Papers <papers@example.org>"
            host = "127.0.0.1"
            port = {self._port}
            tls = "none"
            rate = {float(rate)}
            connections = {self.connections}
            per_domain = {self.connections}
            uncertain = "{self.uncertain}"
            """
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Leave no process behind, whatever became of the test."""
        for leader in self._leaders:
            for pid in _in_session(leader):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    # ── The process ──

    async def start(
        self, fate: Fate | None = None, command: str = "deliver"
    ) -> asyncio.subprocess.Process:
        self._fate, self.seen = fate, Counter()
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "bot", "--config", str(self.config), "--now", NOW.isoformat(),
                command, cwd=Path(__file__).parents[1], stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        self._leaders.append(self.process.pid)
        if fate is not None and fate.nth == 0:
            self._meet(fate)
        return self.process

    def saw(self, event: str, _recipient: str = "") -> None:
        """Count an event; it may be the one that the process is fated to die at."""
        self.seen[event] += 1
        fate = self._fate
        if fate is None:
            return
        if (fate.event, fate.nth) == (event, self.seen[event]):
            self._meet(fate)
        if event == MAIL and self.seen[MAIL] >= fate.latest:
            self._hit(fate)

    def _meet(self, fate: Fate) -> None:
        if fate.seconds:
            asyncio.get_running_loop().call_later(fate.seconds, self._hit, fate)
        else:
            self._hit(fate)

    def _hit(self, fate: Fate) -> None:
        process = self.process
        if self._fate is not fate or process is None or process.returncode is not None:
            return
        if fate.group:
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()

    async def finish(self) -> int:
        """Wait for the process's end and for that of all it started; return its exit code."""
        assert self.process is not None
        code = await asyncio.wait_for(self.process.wait(), _PATIENCE)
        ended = time.monotonic()
        while left := _in_session(self.process.pid):
            outlived = time.monotonic() - ended
            assert outlived < _ORPHAN_SECONDS, f"{left} outlived their sender"
            await asyncio.sleep(0.01)
            self.slowest_orphan = max(self.slowest_orphan, outlived)
        return code

    async def run(self, fate: Fate | None = None) -> int:
        """Run once; where that was cut short, note what was in flight and that the ledger is whole."""
        await self.start(fate)
        code = await self.finish()
        if code not in (0, 1):
            self.note_what_was_in_flight()
        return code

    def note_what_was_in_flight(self) -> None:
        self.cut_short += 1
        self.in_flight |= self.sending()

    async def run_until_all_is_over(self) -> None:
        for _ in range(3):
            code = await self.run()
            assert code in (0, 1), self.said()
            if {delivery.status.value for delivery in self.deliveries()} <= _OVER:
                return
        raise AssertionError(f"still not over: {self.said()}")

    def printers(self) -> list[int]:
        """The process that makes mails for the sender, where there is one."""
        assert self.process is not None
        return [pid for pid in _in_session(self.process.pid) if _MAKES_MAILS in _command(pid)]

    async def until(self, so: Callable[[], object]) -> None:
        """Look every few milliseconds until it is so; the process must live so long."""
        assert self.process is not None
        async with asyncio.timeout(_PATIENCE):
            while not so():
                assert self.process.returncode is None, self.said()
                await asyncio.sleep(0.002)

    def said(self) -> str:
        return self.log.read_text()

    # ── The ledger ──

    def deliveries(self) -> list[Delivery]:
        """What the ledger says, of a copy: reading would mend what the next sender shall find."""
        with tempfile.TemporaryDirectory(dir=self.folder) as copy:
            for part in self.database.parent.glob("paperround.db*"):
                if not part.name.endswith("-shm"):
                    shutil.copy(part, copy)
            with Store(Path(copy) / "paperround.db") as store:
                row = store.db.row("PRAGMA integrity_check")
                assert row is not None
                assert tuple(row) == ("ok",)
                return store.deliveries(10 * len(self.readers))

    def sending(self) -> set[tuple[str, bool]]:
        """Who stands as being sent to, and whether for the second time."""
        found = {(d.address, d.resent) for d in self.deliveries() if d.status.value == "sending"}
        assert len(found) <= self.connections
        return found

    def check(self, arrived: Sequence[Arrived]) -> int:
        """Nothing lost; only what was in flight came twice, the same bytes; return how many did."""
        deliveries = self.deliveries()
        copies = Counter(message.recipient for message in arrived)
        doubted = {address for address, _ in self.in_flight}
        repeated = {address for address, count in copies.items() if count > 1}
        of = {d.address: d for d in deliveries}
        sent = {d.address for d in deliveries if d.status.value == "sent"}
        held = {d.address for d in deliveries if d.status.value == "held"}
        assert Counter(d.address for d in deliveries) == Counter(self.readers), "one slot, one mail"
        assert sent | held == self.readers
        assert sent <= set(copies), "what is recorded as sent has arrived"
        assert repeated <= doubted, "only what was in flight came twice"
        assert all(count <= 2 for count in copies.values()), "a second time, never a third"
        if self.uncertain == "hold":
            assert (repeated, held) == (set(), doubted)
        else:
            assert held == {address for address, again in self.in_flight if again}
        assert all(m.message_id == of[m.recipient].message_id for m in arrived)
        assert len({m.message_id for m in arrived}) == len(copies)
        assert len({(m.recipient, m.sha256) for m in arrived}) == len(copies), "the same bytes"
        return len(repeated)


_MAKES_MAILS = b"multiprocessing.spawn"


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:  # it ended meanwhile
        return b""


def _in_session(leader: int) -> list[int]:
    """The living processes of a session, itself and all that it started."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, session = stat.read_text().rpartition(")")[2].split()[:4]
        except OSError:  # it ended meanwhile
            continue
        if int(session) == leader and state != "Z":
            found.append(int(stat.parent.name))
    return found


# ── What happens to files, as it happens ──────────────────────────────────────────────────────────

_MODIFIED, _CLOSED, _CREATED = 0x2, 0x8, 0x100  # inotify(7)
_EVENT = struct.Struct("iIII")
Watch = tuple[Path, int, Callable[[int, str], None]]


@contextmanager
def watching(*folders: Watch) -> Iterator[None]:
    """Call back with (what happened, the file's name) for the files of folders; needs the loop."""
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    tell = {
        libc.inotify_add_watch(descriptor, os.fsencode(folder), mask): told
        for folder, mask, told in folders
    }
    assert min(descriptor, *tell) >= 0, os.strerror(ctypes.get_errno())

    def read() -> None:
        events = os.read(descriptor, 1 << 16)
        while events:
            watch, mask, _, length = _EVENT.unpack_from(events)
            end = _EVENT.size + length
            tell[watch](mask, events[_EVENT.size : end].rstrip(b"\0").decode())
            events = events[end:]

    loop = asyncio.get_running_loop()
    loop.add_reader(descriptor, read)
    try:
        yield
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


@contextmanager
def watched(carrier: Carrier, sink: Sink | None = None) -> Iterator[None]:
    """Tell the carrier of each write to its ledger, and of what the sink is told."""

    def wrote(_: int, name: str) -> None:
        if name.endswith("-wal"):
            carrier.saw(WRITE)

    def took(what: int, _: str) -> None:
        carrier.saw(MAIL if what & _CREATED else CONTENT)

    folders: list[Watch] = [(carrier.database.parent, _MODIFIED, wrote)]
    if sink is not None:
        folders.append((sink.folder, _CREATED | _CLOSED, took))
    with watching(*folders):
        yield


# ── Postfix's smtp-sink ───────────────────────────────────────────────────────────────────────────

_PROGRAM = shutil.which("smtp-sink", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
_RECIPIENT = re.compile(rb"^X-Rcpt-Args: <(.*)>$", re.MULTILINE)
_MESSAGE_ID = re.compile(rb"^Message-ID: (\S+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Sink:
    """A server in C that takes everything: each message a file, whole before it is answered for."""

    port: int
    folder: Path

    def arrived(self) -> list[Arrived]:
        return [_read(path.read_bytes()) for path in self.folder.iterdir()]


def _read(dump: bytes) -> Arrived:
    """What is before Date is the sink's own, and differs each time."""
    recipient = _RECIPIENT.search(dump)
    assert recipient is not None
    return _told(recipient[1].decode(), dump[dump.index(b"\nDate: ") + 1 :])


def _told(recipient: str, content: bytes) -> Arrived:
    message_id = _MESSAGE_ID.search(content)
    assert message_id is not None
    return Arrived(recipient, message_id[1].decode(), hashlib.sha256(content).hexdigest())


def taken_by(relay: Relay) -> list[Arrived]:
    """What a relay of our own has taken."""
    return [_told(message.recipient, message.content) for message in relay.taken]


@contextmanager
def a_sink() -> Iterator[Sink]:
    """Run smtp-sink on a free port; where Postfix is not installed, skip by name."""
    if _PROGRAM is None:
        pytest.skip("no smtp-sink here (Debian: postfix)")
    folder = Path(tempfile.mkdtemp(prefix="paperround-sink-"))
    folder.chmod(0o777)  # as root, it takes another user's name
    port = free_port()
    unprivileged = ["-u", "nobody"] if os.geteuid() == 0 else []
    command = [_PROGRAM, *unprivileged, "-d", f"{folder}/", f"127.0.0.1:{port}", "100"]
    try:
        with ended_after(command, lambda: listens(port), "smtp-sink"):
            yield Sink(port, folder)
    finally:
        shutil.rmtree(folder)
