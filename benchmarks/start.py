"""start: what `paperround --help` costs, beside the smallest argparse program."""

from __future__ import annotations

from benchmarks.measure import cpu_of, medians, python

_FLOOR = "import argparse; argparse.ArgumentParser(prog='x').format_help()"


def run(rounds: int = 9) -> list[dict[str, object]]:
    """Return one row a command: seconds of CPU, and the ratio to the floor."""
    floor, ours = medians(
        rounds,
        lambda: cpu_of([python(), "-c", _FLOOR]),
        lambda: cpu_of([python(), "-m", "bot", "--help"]),
    )
    return [
        {"what": "an argparse program (floor)", "seconds": round(floor, 4), "ratio": 1.0},
        {"what": "paperround --help", "seconds": round(ours, 4), "ratio": round(ours / floor, 2)},
    ]
