"""`python -m benchmarks.deliver_ours send|build FOLDER`: our part, as a process that can be measured.

FOLDER has a configuration with a furnished state folder (benchmarks/deliver_office.py). `send` does
what `paperround deliver` does, and prints how many seconds that took and how many went out; `build`
makes and signs the open deliveries' messages in this one process, without sending them, and prints
the seconds for that, for signing alone, and the mean size in bytes. Each as one JSON object.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.deliver_papers import NOW
from bot.app import App, open_app
from bot.config import load_config
from bot.domains.canonical import divided
from bot.models import Delivery, DeliveryStatus, Edition
from bot.outputs.dkim import signer
from bot.ports import PrintOrder
from bot.printing import compositor
from bot.store import Store

_TOGETHER = 100  # as many as the workflow makes at once


def _send(app: App) -> dict[str, float]:
    begin = time.perf_counter()
    report = asyncio.run(app.deliver())
    seconds = time.perf_counter() - begin
    for problem in report.problems[:3]:
        print(problem, file=sys.stderr)
    return {"seconds": seconds, "sent": app.store.count_deliveries().get("sent", 0)}


def _build(app: App) -> dict[str, float]:
    deliveries = app.store.deliveries(-1, DeliveryStatus.PENDING.value)
    papers = app.store.papers({pick.paper for each in deliveries for pick in each.picks})
    editions = _editions(app.store, deliveries)
    begin = time.perf_counter()
    made_here = compositor(app.config, app.founding.secret, app.warnings.append)
    made: list[bytes] = []
    for at in range(0, len(deliveries), _TOGETHER):
        orders = [PrintOrder(each, NOW) for each in deliveries[at : at + _TOGETHER]]
        printed = made_here.print(orders, papers if not at else {}, editions if not at else {})
        made += [content for content in printed if isinstance(content, bytes)]
    building = time.perf_counter() - begin
    assert len(made) == len(deliveries)  # noqa: S101 - each could be written to
    return {
        "messages": len(made),
        "building": building,
        "signing": _signing(app, made) * len(made),
        "bytes": statistics.fmean(map(len, made)),
    }


def _editions(store: Store, deliveries: Sequence[Delivery]) -> dict[int, Edition]:
    return store.editions_by_id({number for each in deliveries for number in each.editions})


def _signing(app: App, made: Sequence[bytes]) -> float:
    """Return how many seconds one signature takes, body hash and all."""
    sign = signer(app.config)
    assert sign is not None  # noqa: S101 - the configuration names a domain
    # The first line is the signature they have.
    parts = [(lines[1:], body) for lines, body in map(divided, made[:500])]
    begin = time.perf_counter()
    for lines, body in parts:
        sign(lines, body)
    return (time.perf_counter() - begin) / len(parts)


if __name__ == "__main__":
    _what, _folder = sys.argv[1:]
    with open_app(load_config(Path(_folder) / "config.toml"), lambda: NOW) as _app:
        print(json.dumps({"send": _send, "build": _build}[_what](_app)))
