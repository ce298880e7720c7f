"""`paperround serve` as a process of its own, and what it says while it runs."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path


def zone_of_noon() -> str:
    """Return a zone in which it is about noon now: what is tried again an hour on is of the same day."""
    ahead = 12 - datetime.now(UTC).hour  # of Greenwich, which POSIX writes the other way round
    return f"Etc/GMT{-ahead:+d}"


CONFIG = f"""
[bot]
title = "Morning papers"
timezone = "{zone_of_noon()}"
contact = "ada@example.org"
[web]
listen = "127.0.0.1:0"
[fetch]
allow_private = ["127.0.0.1/32"]
"""


_PATIENCE = 300.0  # seconds: a guard against waiting for ever; how quick a machine is, is its own
# What is in the log where `serve` left something that did not end within 28 s.
CUT = "something did not end in time"


class Served:
    """A running `serve`: its process, and its log."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process, self._log = process, log

    @property
    def log(self) -> str:
        return self._log.read_text()

    def says(self, words: str, times: int = 1) -> bool:
        """Wait until the log has these words so often, or the process has ended without them."""
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            ended = self.process.poll() is not None
            if self.log.count(words) >= times:
                return True
            if ended:
                return False
            time.sleep(0.02)
        return False

    @property
    def address(self) -> str:
        assert self.says("serving http://")
        found = re.search(r"serving (http://[^;]+);", self.log)
        assert found is not None
        return found[1]

    def stop(self, sign: int = signal.SIGTERM, *, cut: bool = False) -> None:
        """Tell it to stop. It must end well, all of it by itself, unless something may be `cut`."""
        self.process.send_signal(sign)
        assert self.process.wait(_PATIENCE) == 0, self.log
        assert "Traceback" not in self.log, self.log
        assert cut or CUT not in self.log, self.log


def command(config: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "bot", "--config", str(config), *words]


@contextmanager
def serving(config: Path, *words: str, before: str = "", **environment: str) -> Iterator[Served]:
    """Run `serve` until the block ends; `before` is Python that its process runs first."""
    log = config.with_suffix(".log")
    run = command(config, *words, "serve")
    if before:
        start = f"{before}\nimport sys\nfrom bot.cli import main\nsys.exit(main(sys.argv[1:]))"
        run = [sys.executable, "-c", start, *run[3:]]
    with (
        log.open("w") as out,
        subprocess.Popen(run, stderr=out, stdout=out, env=os.environ | environment) as process,
    ):
        try:
            yield Served(process, log)
        finally:
            if process.poll() is None:
                process.kill()


def beside(config: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run another command on the same state folder."""
    return subprocess.run(
        command(config, *words), capture_output=True, text=True, timeout=_PATIENCE, check=False
    )
