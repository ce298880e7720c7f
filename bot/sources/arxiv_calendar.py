"""When arXiv announces, and why it did not: weekends and holidays, in New York's days.

The feeds are rebuilt at midnight in New York and cover that one day; they are valid but empty on
Saturdays, Sundays and the holidays that arXiv publishes a year ahead.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

_NEW_YORK = "America/New_York"
_SATURDAY = 5
_LONGEST_PAUSE = 14  # days; no gap between two announcements comes near it

# arXiv's own list of days without an announcement, a year at a time as they are published.
_HOLIDAYS = {
    date(2026, 1, 1): "New Year's Day",
    date(2026, 1, 19): "Martin Luther King Jr. Day",
    date(2026, 6, 19): "Juneteenth",
    date(2026, 7, 3): "Independence Day",
    date(2026, 9, 7): "Labor Day",
    date(2026, 11, 26): "Thanksgiving",
    date(2026, 12, 25): "Christmas",
    date(2026, 12, 29): "the winter holidays",
    date(2026, 12, 31): "the winter holidays",
}
_YEARS = frozenset(day.year for day in _HOLIDAYS)

PROBABLY = "probably a holiday"
CHECK = "please check"


def day_of(moment: datetime) -> date:
    """Return the arXiv day (New York's date) that an aware moment belongs to."""
    return moment.astimezone(ZoneInfo(_NEW_YORK)).date()


def why_quiet(built: datetime) -> str:
    """Say why a feed built at this moment may be empty, "" where nothing explains it."""
    day = day_of(built)
    if day.weekday() >= _SATURDAY:
        return f"arXiv announces nothing on a {day:%A}"
    if day in _HOLIDAYS:
        return f"arXiv announces nothing on {day.day} {day:%B}: {_HOLIDAYS[day]}"
    if day.year not in _YEARS:
        return f"arXiv announced nothing on {day:%A}, {day.day} {day:%B %Y}: {PROBABLY}"
    return ""


def announces_on(day: date) -> bool:
    """Tell whether a feed with papers is expected on that New York date."""
    return day.weekday() < _SATURDAY and day not in _HOLIDAYS


def passed_between(start: datetime, end: datetime) -> bool:
    """Tell whether a feed was due on a day between the days of these moments, both excluded."""
    first, last = day_of(start), day_of(end)
    days = min((last - first).days, _LONGEST_PAUSE)
    return any(announces_on(first + timedelta(days=step)) for step in range(1, days))


def announced_between(start: datetime, end: datetime) -> bool:
    """Tell whether a new feed was due after `start` and not later than `end` (both aware)."""
    first, last = day_of(start), day_of(end)
    days = min((last - first).days, _LONGEST_PAUSE)
    return any(announces_on(first + timedelta(days=step)) for step in range(1, days + 1))
