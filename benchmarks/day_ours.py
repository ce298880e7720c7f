"""`python -m benchmarks.day_ours FOLDER`: a day's editions and mails, as a process that can be measured.

FOLDER has a configuration with a furnished state folder (benchmarks/day_office.py). Does what
`paperround once` does of a morning after the papers have come, and prints as one JSON object what it
took: seconds and CPU seconds (children with it) of composing and of delivering, the bytes that this
process, which alone writes the database, had written to disk (/proc/self/io), and how many subscribers
have how many mails of today. Its clock begins with the morning, and goes.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from pathlib import Path

from benchmarks.day_office import MORNING
from bot.app import App, open_app
from bot.config import load_config

_BEGIN = time.monotonic()


def _clock() -> datetime:
    return MORNING + timedelta(seconds=time.monotonic() - _BEGIN)


def _taken() -> tuple[float, float, float]:
    """Return the wall seconds, the CPU seconds with those of children that ended, the bytes written."""
    times = os.times()
    io = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return time.perf_counter(), sum(times[:4]), float(io["write_bytes"])


def _measured(name: str, work: Callable[[], object]) -> dict[str, float]:
    before = _taken()
    work()
    wall, cpu, written = (now - then for now, then in zip(_taken(), before, strict=True))
    print(f"{name}: {wall:.1f} s, CPU {cpu:.1f} s", file=sys.stderr)
    return {f"{name} seconds": wall, f"{name} CPU": cpu, f"{name} bytes": written}


async def _deliver(app: App) -> None:
    report = await app.deliver()
    for problem in report.problems[:3]:
        print(problem, file=sys.stderr)


def _ledger(app: App) -> dict[str, float]:
    """Return how many subscribers had a mail of today that was sent, and the most mails one had."""
    row = app.store.db.row(
        "SELECT count(*) AS readers, sum(n) AS mails, max(n) AS most FROM ("
        "SELECT count(*) AS n FROM delivery WHERE created_at >= :now AND status = 'sent' "
        "GROUP BY subscriber)",
        {"now": int(MORNING.timestamp())},
    )
    assert row is not None  # noqa: S101 - an aggregate has a row
    return {"readers": row["readers"], "mails": row["mails"] or 0, "most": row["most"] or 0}


def main(folder: Path) -> int:
    """Make the day's editions, then its mails; print what that took."""
    run: Callable[[Coroutine[object, object, object]], object] = asyncio.run
    with open_app(load_config(folder / "config.toml"), _clock) as app:
        told = _measured("compose", lambda: run(app.compose()))
        told |= _measured("deliver", lambda: run(_deliver(app)))
        print(json.dumps(told | _ledger(app)))
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
