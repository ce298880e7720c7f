"""A paper's votes over time as a line: numbers for a small SVG, in which no word of a source stands."""

from __future__ import annotations

from collections.abc import Sequence

from bot.outputs.contexts import CurveContext
from bot.outputs.wording import counted, full_day
from bot.ports import Seen

WIDTH, HEIGHT = 320, 64  # of the picture's own units
_MARGIN = 4


def vote_curve(series: Sequence[Seen]) -> CurveContext:
    """Return the line through each day's votes, nothing for fewer than two days.

    Days stand at their true distance, votes above 0; the label says in words what the line shows.
    """
    if len(series) < 2:  # noqa: PLR2004 - a line has two ends
        return CurveContext("", "", "")
    first, last = series[0].day, series[-1].day
    span = (last - first).days or 1
    most = max(seen.votes or 0 for seen in series) or 1
    points = [
        (
            _MARGIN + (WIDTH - 2 * _MARGIN) * (seen.day - first).days / span,
            HEIGHT - _MARGIN - (HEIGHT - 2 * _MARGIN) * (seen.votes or 0) / most,
        )
        for seen in series
    ]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    begin, end = series[0].votes or 0, counted(series[-1].votes or 0, "vote")
    return CurveContext(
        line=line,
        area=f"{_MARGIN},{HEIGHT - _MARGIN} {line} {points[-1][0]:.1f},{HEIGHT - _MARGIN}",
        label=f"From {begin:,} on {full_day(first)} to {end} on {full_day(last)}",
    )
