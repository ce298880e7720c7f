"""How a figure is taken: the CPU time of whole processes, the wall time of functions, medians."""

from __future__ import annotations

import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import bot

_OURS = [str(Path(__file__).parent), str(Path(bot.__file__).parent)]


def cpu_of(command: Sequence[str]) -> float:
    """Return the CPU seconds, user and system, that a process took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def wall_of(function: Callable[[], object]) -> float:
    """Return the seconds that a call took."""
    begin = time.perf_counter()
    function()
    return time.perf_counter() - begin


def medians(rounds: int, *measured: Callable[[], float]) -> list[float]:
    """Return each one's median; the rounds are interleaved, since these machines are shared."""
    taken = [[measure() for measure in measured] for _ in range(rounds)]
    return [statistics.median(column) for column in zip(*taken, strict=True)]


def most_held() -> float:
    """Return the most MB that this process has held.

    `ru_maxrss` would begin with what the process that started this one held.
    """
    status = Path("/proc/self/status").read_text().splitlines()
    (line,) = (each for each in status if each.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


def machine() -> str:
    """Return what the figures were taken on."""
    return f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"


def python() -> str:
    """Return the interpreter that runs this."""
    return sys.executable


@contextmanager
def as_installed(folder: Path) -> Iterator[None]:
    """Compile all of ours into this folder, as installing does; put the environment back afterwards."""
    before = dict(os.environ)
    for name in ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"):
        os.environ.pop(name, None)
    os.environ["PYTHONPYCACHEPREFIX"] = str(folder / "compiled")
    try:
        subprocess.run([python(), "-m", "compileall", "-q", *_OURS], check=True)
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def serving(module: str, *arguments: object) -> Iterator[str]:
    """Run a module as a server of its own; yield the line that it says first, where it can be reached.

    It ends when its standard input is closed, also where this process dies.
    """
    command = [python(), "-m", module, *map(str, arguments)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin and process.stdout  # noqa: PT018, S101 - both are pipes
        try:
            yield process.stdout.readline().decode().strip()
        finally:
            process.stdin.close()
            process.wait(timeout=10)
