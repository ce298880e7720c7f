"""`python -m benchmarks.poll_ours FOLDER`: one round of `collect`, as a process that can be measured.

FOLDER has a configuration (benchmarks/poll.py writes it) and, from the second time on, the state that
the first left. Prints seconds, papers, sources by outcome, and the longest the event loop stood still,
as one JSON object; `index` beforehand in its place brings the search index up to date and times that.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path

import bot.fetch
import bot.workflows.collect  # noqa: F401 - loaded beforehand, as the peers are
from benchmarks.poll_feeds import NOW
from bot.app import App, open_app
from bot.config import load_config

_TICK = 0.005


async def _lag(ended: asyncio.Event) -> float:
    """Return the most seconds by which a timer of 5 ms came late."""
    worst = 0.0
    while not ended.is_set():
        begin = time.perf_counter()
        await asyncio.sleep(_TICK)
        worst = max(worst, time.perf_counter() - begin - _TICK)
    return worst


async def _collect(app: App) -> dict[str, float]:
    ended = asyncio.Event()
    watch = asyncio.create_task(_lag(ended))
    await asyncio.sleep(0)
    begin = time.perf_counter()
    reports = await app.collect()
    seconds = time.perf_counter() - begin
    ended.set()
    outcomes = Counter(report.outcome.value for report in reports)
    return {
        "seconds": seconds, "lag": await watch, "papers": sum(report.new for report in reports),
        **{outcome.replace(" ", "_"): count for outcome, count in outcomes.items()},
    }  # fmt: skip


def _index(app: App) -> dict[str, float]:
    begin = time.perf_counter()
    app.store.index_all()
    return {"seconds": time.perf_counter() - begin}


def _run(what: str, folder: str, hours: int) -> dict[str, float]:
    now = NOW + timedelta(hours=hours)
    begin = time.process_time()
    with open_app(load_config(Path(folder) / "config.toml"), lambda: now) as app:
        told = _index(app) if what == "index" else asyncio.run(_collect(app))
    return told | {"cpu": time.process_time() - begin}


if __name__ == "__main__":
    print(json.dumps(_run(sys.argv[1], sys.argv[2], int(sys.argv[3]))))
