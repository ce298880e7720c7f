"""start: what `paperround --help` costs, and a `once` that finds nothing to do, beside small programs.

Everything runs as it does once installed: with compiled bytecode, without what a shell sets for Python.
`once` polls twenty sources over loopback, which answer 304; nothing is due and all is published. What
the HTTP client and SQLite cost to load has a row of its own: no program that polls can do with less.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from benchmarks import peers
from benchmarks.measure import as_installed, cpu_of, medians, python, serving
from benchmarks.poll_feeds import NOW
from benchmarks.poll_server import address

_FLOOR = "import argparse; argparse.ArgumentParser(prog='x').format_help()"
_LIBRARIES = "import aiohttp, sqlite3"
_SOURCES = 20
_ROUND = timedelta(minutes=15)


def run(rounds: int = 9) -> list[dict[str, object]]:
    """Return one row a command: seconds of CPU, and the ratio to the floor."""
    return ours(rounds, peers.interpreter().with_name("r2e"))


def ours(rounds: int, r2e: Path | None = None) -> list[dict[str, object]]:
    """Return the rows of our own commands, and one of r2e's where that is given."""
    with (
        tempfile.TemporaryDirectory(prefix="start-") as name,
        as_installed(Path(name)),
        serving("benchmarks.poll_server", _SOURCES, 0) as port,
    ):
        once = _Idle(Path(name), int(port))
        measured: dict[tuple[str, str], Callable[[], float]] = {
            ("an argparse program (floor)", ""): lambda: cpu_of([python(), "-c", _FLOOR]),
            ("paperround --help", "≤2.5, and half of r2e"): lambda: cpu_of(
                [python(), "-m", "bot", "--help"]
            ),
            ("loading aiohttp and sqlite3, and nothing else", ""): lambda: cpu_of(
                [python(), "-c", _LIBRARIES]
            ),
            (f"paperround once: {_SOURCES} sources, all 304, nothing due", "0.3 s"): once.cpu,
        }
        if r2e is not None:
            measured["r2e --help", ""] = lambda: cpu_of([str(r2e), "--help"])
        floor, *others = medians(rounds, *measured.values())
    taken = zip(measured, [floor, *others], strict=True)
    return [_row(what, seconds, floor, target) for (what, target), seconds in taken]


def _row(what: str, seconds: float, floor: float, target: str = "") -> dict[str, object]:
    ratio = round(seconds / floor, 2)
    return {"what": what, "seconds": round(seconds, 4), "ratio": ratio, "target": target}


class _Idle:
    """A state folder that has everything, and one `once` after another in it."""

    def __init__(self, folder: Path, port: int) -> None:
        self._config = folder / "config.toml"
        self._config.write_text(_configuration(port))
        self._now = NOW + timedelta(
            hours=3
        )  # the profile's hour has come: all there is to do is done
        for _ in range(3):
            self.cpu()

    def cpu(self) -> float:
        """Return the seconds of CPU of the next one, a quarter of an hour later."""
        self._now += _ROUND
        when = self._now.isoformat()
        return cpu_of([python(), "-m", "bot", "--config", str(self._config), "--now", when, "once"])


def _configuration(port: int) -> str:
    sources = "".join(
        f'[[sources]]\nname = "feed-{n}"\nkind = "feed"\nevery = "10m"\n'
        f'url = "http://{address(n)}:{port}/feed"\n'
        for n in range(_SOURCES)
    )
    return (
        '[bot]\nowner = "owner@example.org"\nbase_url = "https://papers.example.org"\n'
        '[mail]\nfrom = "bot@example.org"\n[fetch]\nallow_private = ["127.0.0.0/8"]\n'
        '[semantic]\nuse = "off"\n'  # the first round, which is not measured, would read for minutes
        f'{sources}[profiles.lab]\nto = ["ada@example.org"]\nkeywords = ["zotra"]\n'
    )
