"""A month as a calendar in which the days that have something lead to it."""

from __future__ import annotations

import calendar
from collections.abc import Collection
from datetime import date

from bot.outputs.contexts import CalendarContext, DayContext, LinkContext
from bot.outputs.wording import full_day, month

_NOWHERE = LinkContext("", "")


def month_of_editions(
    shown: date, days: Collection[date], up: str, *, today: date | None = None
) -> CalendarContext:
    """Return a day's month; each of `days` in it leads to its folder from the one at `up`.

    `today` is the day of the page itself, which is marked and leads nowhere. The months beside it are
    the nearest that have a day: before it by their last, after it by their first.
    """
    first = shown.replace(day=1)
    length = calendar.monthrange(shown.year, shown.month)[1]
    last = shown.replace(day=length)
    held = {day for day in days if first <= day <= last}
    dates = [first.replace(day=number) for number in range(1, length + 1)]
    cells = [DayContext("", "", "", current=False)] * first.weekday() + [
        DayContext(
            str(day.day),
            _folder(up, day) if day in held and day != today else "",
            full_day(day) if day in held else "",
            current=day == today,
        )
        for day in dates
    ]
    return CalendarContext(
        title=month(first),
        weeks=tuple(tuple(cells[at : at + 7]) for at in range(0, len(cells), 7)),
        earlier=_beside(max((day for day in days if day < first), default=None), up),
        later=_beside(min((day for day in days if day > last), default=None), up),
    )


def _beside(day: date | None, up: str) -> LinkContext:
    return LinkContext(month(day), _folder(up, day)) if day else _NOWHERE


def _folder(up: str, day: date) -> str:
    return f"{up}{day.isoformat()}/index.html"
