"""`python -m benchmarks [STAGE]`: run the stages, write docs/benchmarks.md and results.json."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

from benchmarks.measure import machine

STAGES = {
    "start": "`--help`, and `once` with 20 sources, all 304, and nothing due (CPU time of whole processes).",
    "diff": "Telling new papers from known ones, beside plain `sqlite3` (wall time).",
    "poll": "300 feeds × 50 entries, all new and then all 304; ratios to ours (wall time).",
    "rank": "A day of candidates, for one profile and for 100, beside fitting all anew (CPU time).",
    "trending": "Votes one to three days on, told from the first morning's (Spearman, mean over days).",
    "variety": "Interests that the first ten papers tell of, and what that costs, on `../shared/bench`.",
    "publish": "A site of 30,000 papers, built whole and after a normal day (CPU and wall time).",
    "search": "100,000 papers searched warm (CPU time), and what meaning finds beside words.",
    "serve": "Feeds and pages, asked for by `wrk` over 32 connections, beside aiohttp's bare answer.",
    "deliver": "Personalised, signed digests to Postfix's `smtp-sink` (messages a second, wall time).",
    "day": "A library's morning, by the number of subscribers: compose, render, sign, send (memory: PSS).",
    "small": "A day of 20 sources and 5 subscribers, on one core and in a memory group of 256 MB.",
}
_ROOT = Path(__file__).parents[1]
_RESULTS = _ROOT / "benchmarks" / "results.json"


def main(wanted: list[str]) -> int:
    """Run the wanted stages, or all; keep the last figures of the others."""
    unknown = [name for name in wanted if name not in STAGES]
    if unknown:
        print(f"there is no stage {unknown[0]!r}; there are: {', '.join(STAGES)}", file=sys.stderr)
        return 2
    results = json.loads(_RESULTS.read_text()) if _RESULTS.exists() else {"stages": {}}
    for name in wanted or STAGES:
        rows = import_module(f"benchmarks.{name}").run()
        results["stages"][name] = {
            "rows": rows,
            "date": datetime.now(UTC).date().isoformat(),
            "machine": machine(),
            "command": f"make bench STAGE={name}",
        }
        print(_table(name, results["stages"][name]))
        # After each, so that one that cannot run costs no other's figures.
        _RESULTS.write_text(json.dumps(results, indent=2) + "\n")
        (_ROOT / "docs" / "benchmarks.md").write_text(_document(results["stages"]))
    return 0


def _document(stages: dict[str, dict[str, object]]) -> str:
    parts = [_table(name, stages[name]) for name in STAGES if name in stages]
    intro = (
        "# Benchmarks\n\nMade by `make bench`. Medians, taken in one run with the peer or floor "
        "beside; machines are\nshared and noisy, so quote the ratios.\n"
    )
    return "\n".join([intro, *parts])


def _table(name: str, stage: dict[str, object]) -> str:
    rows = stage["rows"]
    assert isinstance(rows, list)  # noqa: S101 - our own shape
    columns = list(dict.fromkeys(key for row in rows for key in row))
    lines = [
        f"## {name}\n\n{STAGES[name]}\n",
        "| " + " | ".join(columns) + " |",
        "|" + " --- |" * len(columns),
        *("| " + " | ".join(str(row.get(key, "")) for key in columns) + " |" for row in rows),
        f"\n{stage['date']}, {stage['machine']}, `{stage['command']}`\n",
        # Written by hand of this very run; the next run's results have none.
        *([f"{stage['note']}\n"] if "note" in stage else []),
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
