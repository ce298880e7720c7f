"""What is trending in a day, an ISO week or a month: by the votes that came in it.

Sources tell how many votes a paper has in all, day by day. What came in a period is the count at its
end less the last count before it; a paper that was never seen before brings all it has.
"""

from __future__ import annotations

import calendar
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import lru_cache
from typing import Literal

from bot.models import Event
from bot.ports import PaperHistory, Seen
from bot.values import value_type

PAPERS_SHOWN = 50
_WEEK = timedelta(days=6)


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """A day, an ISO week or a month, both ends included."""

    kind: Literal["day", "week", "month"]
    first: date
    last: date

    @property
    def name(self) -> str:
        """How its address is written: `2026-11-20`, `2026-W47`, `2026-11`."""
        if self.kind == "week":
            year, week, _ = self.first.isocalendar()
            return f"{year:04d}-W{week:02d}"
        return self.first.isoformat()[: 10 if self.kind == "day" else 7]

    @property
    def path(self) -> str:
        """Where its page stands."""
        return f"trending/{self.name}/index.html"


def day_of(day: date) -> Period:
    """Return a day as a period."""
    return Period("day", day, day)


def week_of(day: date) -> Period:
    """Return the ISO week of a day: from Monday to Sunday."""
    monday = day - timedelta(days=day.weekday())
    # The calendar's first year has no Monday before its first day, nor its last a Sunday after.
    return Period("week", monday, monday + min(_WEEK, date.max - monday))


def month_of(day: date) -> Period:
    """Return the month of a day."""
    length = calendar.monthrange(day.year, day.month)[1]
    return Period("month", day.replace(day=1), day.replace(day=length))


@value_type(frozen=True, slots=True)
class Placed:
    """A paper on a chart, by its id: votes that came in the period, votes and comments at its end."""

    paper: int
    gained: int
    votes: int
    comments: int | None


@value_type(frozen=True, slots=True)
class Chart:
    """What was trending in a period, the most votes first, and the periods beside and inside it."""

    period: Period
    papers: tuple[Placed, ...] = ()
    earlier: Period | None = None
    later: Period | None = None
    inside: tuple[Period, ...] = ()
    around: tuple[Period, ...] = ()


def periods(days: Iterable[date]) -> list[Chart]:
    """Return an empty chart for every day, week and month that has one of these days, in order."""
    told = sorted(set(days))
    of_days = [day_of(day) for day in told]
    of_weeks = sorted({week_of(day) for day in told})
    of_months = sorted({month_of(day) for day in told})
    charts: list[Chart] = []
    for row in (of_days, of_weeks, of_months):
        for place, period in enumerate(row):
            charts.append(
                Chart(
                    period,
                    earlier=row[place - 1] if place else None,
                    later=row[place + 1] if place + 1 < len(row) else None,
                    inside=tuple(_inside(period, of_weeks, of_days)),
                    around=_around(period),
                )
            )
    return charts


def _around(period: Period) -> tuple[Period, ...]:
    if period.kind == "day":
        return (week_of(period.first), month_of(period.first))
    return ()


def _inside(period: Period, weeks: list[Period], days: list[Period]) -> Iterable[Period]:
    if period.kind == "day":
        return
    if period.kind == "month":
        yield from (w for w in weeks if w.last >= period.first and w.first <= period.last)
    yield from (d for d in days if period.first <= d.first <= period.last)


def filled(charts: Iterable[Chart], histories: Mapping[int, PaperHistory]) -> tuple[Chart, ...]:
    """Return the charts with the papers that votes came for, at most 50, the most votes first.

    `histories` are those of all papers that had votes then, by their ids.
    """
    found: defaultdict[Period, list[Placed]] = defaultdict(list)
    for paper, history in histories.items():
        for period, one in _places(paper, vote_series(history)):
            found[period].append(one)
    return tuple(replace(chart, papers=_best(found[chart.period])) for chart in charts)


def _best(found: list[Placed]) -> tuple[Placed, ...]:
    found.sort(key=lambda one: (-one.gained, -one.votes, one.paper))
    return tuple(found[:PAPERS_SHOWN])


def _places(paper: int, series: tuple[Seen, ...]) -> Iterator[tuple[Period, Placed]]:
    """Yield what a paper gained in each period that it was seen with votes in."""
    before = 0
    spans: dict[Period, tuple[int, Seen]] = {}
    for seen in series:
        for period in _holding(seen.day):
            spans[period] = (spans[period][0] if period in spans else before, seen)
        before = seen.votes or 0
    for period, (earlier, seen) in spans.items():
        votes = seen.votes or 0
        if votes > earlier:
            yield period, Placed(paper, votes - earlier, votes, seen.comments)


@lru_cache(maxsize=1024)
def _holding(day: date) -> tuple[Period, ...]:
    return (day_of(day), week_of(day), month_of(day))


def vote_series(history: PaperHistory) -> tuple[Seen, ...]:
    """Return a paper's votes day by day: our readers', and the source's that counts the most."""
    series, ballots = _counted(history), history.ballots
    if not ballots:
        return series
    told = {seen.day: seen for seen in series}
    voted = dict(ballots)
    blank = Seen("", Event.SEEN, date.min)
    found, ours = [], 0
    for day in sorted({*told, *voted}):
        blank = told.get(day, blank)
        ours = voted.get(day, ours)
        found.append(replace(blank, day=day, votes=(blank.votes or 0) + ours))
    return tuple(found)


def _counted(history: PaperHistory) -> tuple[Seen, ...]:
    """Return a paper's votes day by day, by the source that counts the most, oldest first."""
    by_source: defaultdict[str, list[Seen]] = defaultdict(list)
    for seen in history.seen:
        if seen.votes is not None:
            by_source[seen.source].append(seen)
    if not by_source:
        return ()
    most = max(by_source.items(), key=lambda each: (each[1][-1].votes, each[0]))[1]
    # One source may show a paper twice a day, as different events: the greater count is the later.
    days = {seen.day: seen for seen in sorted(most, key=lambda seen: (seen.day, seen.votes or 0))}
    return tuple(days.values())
