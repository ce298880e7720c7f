"""day: a morning of a library, for more and more subscribers: compose, render, sign, deliver.

1,500 papers have come; a profile for each hundred subscribers, who read two of them. All that
`paperround once` does then is done by its own workflows, in a process of its own: the editions are
made, each subscriber's mail is opened, made, signed, committed before and after (`synchronous=FULL`,
on a disk) and sent to Postfix's smtp-sink on loopback. Each size runs once, in a new state folder;
every subscriber must have exactly one mail.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.day_office import configure, furnish
from benchmarks.deliver import private_key
from benchmarks.deliver_sink import Sink, Told, needed, sink, told_by

SUBSCRIBERS = (1000, 10_000, 100_000)
_SUBSCRIBERS_A_PROFILE = 100
_LONGEST = 3600.0  # seconds


def run(
    subscribers: Sequence[int] = SUBSCRIBERS, papers: int = 1500, profiles: int = 0
) -> list[dict[str, object]]:
    """Return one row a number of subscribers, the first of which the others are compared with.

    With `profiles` all sizes have so many. Ends with a sentence where Postfix's test server is missing.
    """
    needed("smtp-sink")
    rows: list[dict[str, object]] = []
    first = 0.0
    # Not in memory: what is committed has to reach a disk.
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="day-") as name, sink() as near:
        for count in subscribers:
            having = profiles or max(2, count // _SUBSCRIBERS_A_PROFILE)
            told = _day(Path(name) / str(count), near, count, having, papers)
            cpu = _cpu(told) / count
            first = first or cpu
            rows.append(_row(told, count, having) | {"CPU of the first": round(cpu / first, 2)})
    return rows


def _day(folder: Path, near: Sink, subscribers: int, profiles: int, papers: int) -> Told:
    folder.mkdir()
    (folder / "dkim.pem").write_bytes(private_key())
    furnish(configure(folder, near.port, profiles), subscribers, papers)
    print(f"{subscribers:,} subscribers are there", file=sys.stderr)
    before = near.taken()
    told = told_by("benchmarks.day_ours", folder, longest=_LONGEST)
    arrived, mine = near.taken() - before, told.figures
    if not mine["readers"] == mine["mails"] == arrived == subscribers:
        raise RuntimeError(f"{subscribers:,} subscribers, {arrived:,} mails arrived: {mine}")
    return told


def _cpu(told: Told) -> float:
    return told.figures["compose CPU"] + told.figures["deliver CPU"]


def _row(told: Told, subscribers: int, profiles: int) -> dict[str, object]:
    mine = told.figures
    written = mine["compose bytes"] + mine["deliver bytes"]
    return {
        "what": f"{subscribers:,} subscribers, {profiles:,} profiles",
        "compose s": round(mine["compose seconds"], 1),
        "deliver s": round(mine["deliver seconds"], 1),
        "mails a second": round(subscribers / mine["deliver seconds"]),
        "CPU s": round(_cpu(told), 1),
        "CPU ms a mail": round(_cpu(told) / subscribers * 1000, 2),
        "KB written a mail": round(written / subscribers / 1000, 1),
        "largest process, MB": max(told.peaks),
        "all at one moment, MB": told.together,
        "target": "≤500 MB",
    }
