"""Postfix's test servers as own processes on loopback, and what a process took of memory.

smtp-sink takes mail and counts it; smtp-source sends as fast as SMTP without pipelining can be
spoken from C; the proxy (benchmarks/deliver_proxy.py) makes a far server of a near one.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

_START_SECONDS = 10.0
_RUN_SECONDS = 300.0
_PEEK_SECONDS = 0.1
_LOOKS_A_SHARE = 5  # to find out what is shared, the kernel goes through every page: milliseconds


def needed(program: str) -> str:
    """Return a program's path. Ends the run with a sentence where it is missing."""
    path = shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if path is None:
        sys.exit(
            f"This stage needs {program}, which Debian's package postfix brings; the results "
            "of the last run are kept. Install it, or name other stages: make bench STAGE=start"
        )
    return path


class Sink:
    """A running smtp-sink: where it listens, and how many messages it took so far."""

    def __init__(self, port: int, counter: Path) -> None:
        self.port = port
        self._counter = counter

    def taken(self) -> int:
        """Return how many messages it acknowledged since it was started."""
        found = re.findall(r"mesg=(\d+)", self._counter.read_text(errors="replace")[-200:])
        return int(found[-1]) if found else 0


@contextmanager
def sink() -> Iterator[Sink]:
    """Run an smtp-sink of our own and end it."""
    port = _free_port()
    # As root it insists on becoming somebody else, and nobody else may do so.
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    command = [needed("smtp-sink"), "-c", *user, f"127.0.0.1:{port}", "1000"]
    with (
        tempfile.NamedTemporaryFile(prefix="smtp-sink-") as counter,
        _running(command, port, counter.fileno()),
    ):
        yield Sink(port, Path(counter.name))


@contextmanager
def slow_way_to(port: int, seconds: float) -> Iterator[int]:
    """Run a proxy that holds back each reply of the server at `port`; give the proxy's port."""
    own = _free_port()
    command = [sys.executable, "-m", "benchmarks.deliver_proxy", str(own), str(port), str(seconds)]
    with _running(command, own, subprocess.DEVNULL):
        yield own


@contextmanager
def _running(command: Sequence[str], port: int, stdout: int) -> Iterator[None]:
    with subprocess.Popen(command, stdout=stdout) as process:
        try:
            _await_listener(process, port)
            yield
        finally:
            process.terminate()
            process.wait(timeout=10)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert isinstance(port, int)  # noqa: S101 - so it is for AF_INET
        return port


def _await_listener(process: subprocess.Popen[bytes], port: int) -> None:
    """Wait until somebody listens there. The sink counts this as a session, not as a message."""
    until = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise RuntimeError(f"{process.args!r} did not listen on port {port}")


def floor_seconds(port: int, messages: int, length: int, sessions: int) -> float:
    """Return how long smtp-source takes for so many messages of `length` bytes each.

    Each of its sessions stays on its connection, as ours do.
    """
    command = [
        needed("smtp-source"), "-d", "-m", str(messages), "-l", str(length), "-s", str(sessions),
        "-f", "bounce@papers.example.org", "-t", "reader@lab.example.net", f"127.0.0.1:{port}",
    ]  # fmt: skip
    begin = time.perf_counter()
    subprocess.run(command, check=True, timeout=_RUN_SECONDS)
    return time.perf_counter() - begin


# ── A Python program of ours ──────────────────────────────────────────────────────────────────────


class Told:
    """What a program of ours printed as JSON, and the most memory it and its children held, in MB.

    `peaks` has the program's own first, then its children's, in the order they were started; `together`
    is the most that all of them held at one moment, pages that several share counted once.
    """

    def __init__(self, figures: dict[str, float], peaks: list[float], together: float) -> None:
        self.figures, self.peaks, self.together = figures, peaks, together


def told_by(module: str, *arguments: object, longest: float = _RUN_SECONDS) -> Told:
    """Run `python -m MODULE ARGUMENTS`, which prints one JSON object of numbers within `longest` s."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        peaks: dict[int, float] = {}
        sums = [0.0]
        ended = threading.Event()
        watch = threading.Thread(target=_watch, args=(process.pid, peaks, sums, ended))
        watch.start()
        try:
            printed, _ = process.communicate(timeout=longest)
        except BaseException:
            process.kill()
            raise
        finally:
            ended.set()
            watch.join()
    if process.returncode:
        raise RuntimeError(f"{module} ended with {process.returncode}")
    return Told(json.loads(printed), list(peaks.values()), round(sums[0], 1))


def _watch(pid: int, peaks: dict[int, float], sums: list[float], ended: threading.Event) -> None:
    # getrusage would tell of a child what its parent held when it was forked (Linux keeps the
    # greater of both); VmHWM is of the program itself, and ends with it.
    for look in itertools.count():
        if ended.wait(_PEEK_SECONDS):
            return
        family = _family(pid)
        peaks.update({each: most for each in family if (most := _most_held_by(each)) is not None})
        if look % _LOOKS_A_SHARE == 0:
            sums[0] = max(sums[0], sum(map(_share_of, family)))


def _family(pid: int) -> list[int]:
    found = [pid]
    for parent in found:
        for thread in Path(f"/proc/{parent}/task").glob("*/children"):
            try:
                found += map(int, thread.read_text().split())
            except OSError:
                continue
    return found


def _most_held_by(pid: int) -> float | None:
    """Return the most memory that a process ever held, in MB; None for one that has gone."""
    return _told_by_kernel(pid, "status", "VmHWM")


def _share_of(pid: int) -> float:
    """Return what a process holds, in MB; of a page that it shares with one other, half."""
    return _told_by_kernel(pid, "smaps_rollup", "Pss") or 0.0


def _told_by_kernel(pid: int, file: str, name: str) -> float | None:
    try:
        told = Path(f"/proc/{pid}/{file}").read_text()
    except OSError:
        return None
    found = re.search(rf"^{name}:\s+(\d+) kB", told, re.MULTILINE)
    return round(int(found.group(1)) / 1024, 1) if found else None  # none: it is ending
