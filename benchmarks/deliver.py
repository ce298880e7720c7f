"""deliver: personalised, signed digests to Postfix's smtp-sink, beside a naive pipeline and a floor.

5,000 readers get each another 20 of 1,000 papers; every mail is made, signed with RSA-2048, and sent,
its delivery committed before and after (`synchronous=FULL`, on a disk). The peer is what one would
write first (benchmarks/deliver_naive.py), the floor is Postfix's smtp-source, which sends one and the
same message as fast as it can. All of it on loopback; each program is a process of its own.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from benchmarks.deliver_office import configuration, copied, furnish, keep_back
from benchmarks.deliver_sink import Sink, floor_seconds, needed, sink, slow_way_to, told_by
from benchmarks.measure import medians

_NAIVE_MESSAGES = 200  # it is slow, and as slow with more
_CONNECTIONS = 4
_FAR_CONNECTIONS = 40
_FAR_SECONDS = 0.01
_FLOOR_BYTES = 65_000
_FEWER = 1000
_TARGET, _FAR_TARGET, _TARGET_RATIO = 600, 500, 15


def run(rounds: int = 3, messages: int = 5000) -> list[dict[str, object]]:
    """Return one row a figure: messages a second, sizes, the most memory held, the ratio to the peer.

    Ends with a sentence where Postfix's test programs or the peer's libraries are missing.
    """
    for program in ("smtp-sink", "smtp-source"):
        needed(program)
    if find_spec("premailer") is None:
        sys.exit(
            "The deliver stage needs premailer, for the peer; the results of the last run are kept. "
            "`pip install --constraint constraints.txt --editable '.[dev,bench]'` installs it."
        )
    # Not in memory: what is committed has to reach a disk.
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="deliver-") as name, sink() as near:
        bench = _Bench(Path(name), near, messages)
        bench.prepare()
        bench.measure_making()
        return [*_end_to_end(bench, rounds), *_far(bench, rounds), *_making(bench), *_memory(bench)]


@dataclass(slots=True)
class _Bench:
    """The furnished office, and what was measured in it on the way.

    `peaks` are the most memory held, in MB, by (connections, messages): the sender's, its children's.
    """

    folder: Path
    near: Sink
    messages: int
    made: dict[str, float] = field(default_factory=dict)
    naive_size: float = 0.0
    naive_making: list[float] = field(default_factory=list)
    peaks: dict[tuple[int, int], list[float]] = field(default_factory=dict)

    @property
    def furnished(self) -> Path:
        """The state folder that each run gets a copy of."""
        return self.folder / "furnished" / "state"

    def prepare(self) -> None:
        """Make the key and the state folder."""
        self.key.write_bytes(private_key())
        self.furnished.parent.mkdir()
        furnish(configuration(self.furnished.parent, {}, signed=False), self.messages)

    @property
    def key(self) -> Path:
        """The file with the private key."""
        return self.folder / "key.pem"

    def office(self, run: Path, mail: Mapping[str, object], count: int) -> Path:
        """Make `run` a folder with everything for sending `count` messages, and return it."""
        copied(self.furnished, run / "state")
        (run / "dkim.pem").write_bytes(self.key.read_bytes())
        keep_back(configuration(run, mail), count)
        return run

    def ours(self, port: int, connections: int, count: int) -> float:
        """Send so many messages; return the seconds. All must be sent, and all have arrived."""
        mail = {
            "transport": "smtp", "host": "127.0.0.1", "port": port, "tls": "none",
            "rate": 100_000.0, "connections": connections,
        }  # fmt: skip
        before = self.near.taken()
        with tempfile.TemporaryDirectory(dir=self.folder, prefix="run-") as name:
            told = told_by("benchmarks.deliver_ours", "send", self.office(Path(name), mail, count))
        arrived = self.near.taken() - before
        if told.figures["sent"] != count or arrived != count:
            raise RuntimeError(f"of {count} {told.figures['sent']} are sent, {arrived} arrived")
        self.peaks[connections, count] = told.peaks
        return told.figures["seconds"]

    def measure_making(self) -> None:
        """Let ours make and sign all messages in one process, without sending them."""
        with tempfile.TemporaryDirectory(dir=self.folder, prefix="run-") as name:
            office = self.office(Path(name), {}, self.messages)
            self.made = told_by("benchmarks.deliver_ours", "build", office).figures

    def peer(self) -> float:
        """Let the naive pipeline send its messages; return the seconds for one."""
        told = told_by("benchmarks.deliver_naive", self.near.port, _NAIVE_MESSAGES, self.key)
        self.naive_size = told.figures["bytes"]
        self.naive_making.append(told.figures["building"] / _NAIVE_MESSAGES)
        return told.figures["whole"] / _NAIVE_MESSAGES


def private_key() -> bytes:
    """Return a new RSA key of 2048 bits, in a form that dkimpy reads too."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = serialization.PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


def _end_to_end(bench: _Bench, rounds: int) -> list[dict[str, object]]:
    naive, floor, ours = medians(
        rounds,
        bench.peer,
        lambda: _floor(bench, bench.near.port, _CONNECTIONS),
        lambda: bench.ours(bench.near.port, _CONNECTIONS, bench.messages) / bench.messages,
    )
    kept = f"make, sign, commit, send {bench.messages:,}, {_CONNECTIONS} connections"
    return [
        _row("naive pipeline (peer): make, sign, send", naive, naive, size=bench.naive_size),
        _row(f"smtp-source (floor): send, {_CONNECTIONS} connections", floor, naive,
             size=_FLOOR_BYTES),
        _row(f"paperround: {kept}", ours, naive, size=bench.made["bytes"],
             target=f"≥{_TARGET}, ratio ≥{_TARGET_RATIO}"),
    ]  # fmt: skip


def _far(bench: _Bench, rounds: int) -> list[dict[str, object]]:
    """Measure with a server that answers 10 ms late, and what the proxy in between lets through."""
    with slow_way_to(bench.near.port, _FAR_SECONDS) as port:
        floor, ours = medians(
            rounds,
            lambda: _floor(bench, port, _FAR_CONNECTIONS),
            lambda: bench.ours(port, _FAR_CONNECTIONS, bench.messages) / bench.messages,
        )
    where = f"10 ms a reply, {_FAR_CONNECTIONS} connections"
    return [
        _row(f"smtp-source (floor): {where}", floor),
        _row(f"paperround: {where}", ours, target=f"≥{_FAR_TARGET}"),
    ]


def _floor(bench: _Bench, port: int, sessions: int) -> float:
    return floor_seconds(port, bench.messages, _FLOOR_BYTES, sessions) / bench.messages


def _making(bench: _Bench) -> list[dict[str, object]]:
    """Tell what making and signing takes without sending."""
    naive = statistics.median(bench.naive_making)
    made = bench.made
    return [
        _row("naive pipeline (peer): make and sign", naive, naive),
        _row("paperround: make and sign, one process", made["building"] / bench.messages, naive),
        _row("paperround: sign", made["signing"] / bench.messages),
    ]


def _memory(bench: _Bench) -> list[dict[str, object]]:
    """Tell the most memory held: by the sender, and by the process that makes the messages."""
    bench.ours(bench.near.port, _CONNECTIONS, _FEWER)
    rows: list[dict[str, object]] = []
    for count in (_FEWER, bench.messages):
        sender, *children = bench.peaks[_CONNECTIONS, count]
        row = {"what": f"memory: {count:,} messages", "sender MB": sender}
        rows.append(row | ({"maker MB": max(children)} if children else {}))
    return rows


def _row(
    what: str, seconds: float, peer: float = 0.0, *, target: str = "", size: float = 0.0
) -> dict[str, object]:
    """Return a row from the seconds that one message takes, and that the peer takes for it."""
    row: dict[str, object] = {"what": what, "a second": round(1 / seconds)}
    if peer:
        row["ratio"] = round(peer / seconds, 1)
    if size:
        row["KB"] = round(size / 1000, 1)
    if target:
        row["target"] = target
    return row
