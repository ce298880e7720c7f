"""What the clocks of a zone do, reckoned from their offsets alone: the judge of `bot.schedule`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

SECOND, MINUTE, HOUR, DAY = (timedelta(seconds=s) for s in (1, 60, 3600, 86400))
FIRST, LAST = date(2025, 1, 1), date(2028, 12, 31)
_LOOK = DAY  # no zone changes its offset twice in so short a time


@lru_cache(maxsize=2048)
def offsets(
    zone: str, first: date = FIRST, last: date = LAST
) -> tuple[tuple[datetime, timedelta], ...]:
    """Return (instant, what the clocks are ahead of UTC from then on), the first before `first`."""
    here = ZoneInfo(zone)
    at = datetime.combine(first - 10 * DAY, time(), UTC)
    end = datetime.combine(last + 10 * DAY, time(), UTC)
    found = [(at, _ahead(at, here))]
    while at < end:
        before, at = at, at + _LOOK
        if _ahead(at, here) != found[-1][1]:
            early, late = before, at
            while late - early > SECOND:
                middle = (early + (late - early) / 2).replace(microsecond=0)
                early, late = (
                    (middle, late) if _ahead(middle, here) == found[-1][1] else (early, middle)
                )
            found.append((late, _ahead(at, here)))
    return tuple(found)


def _ahead(at: datetime, here: ZoneInfo) -> timedelta:
    offset = at.astimezone(here).utcoffset()
    assert offset is not None
    return offset


def changes(zone: str) -> list[datetime]:
    """Return the instants at which the clocks are set, in UTC."""
    return [at for at, _ in offsets(zone)[1:]]


def first_reading(
    day: date, hour: str, zone: str, first: date = FIRST, last: date = LAST
) -> datetime:
    """Return the first instant at which the clocks show that hour of that day, or a later one."""
    wall = datetime.combine(day, time(0) if hour == "any" else time.fromisoformat(hour), UTC)
    spans = offsets(zone, first, last)
    ends = [at for at, _ in spans[1:]] + [datetime.max.replace(tzinfo=UTC)]
    for (begins, ahead), ends_at in zip(spans, ends, strict=True):
        reached = max(begins, wall - ahead)
        if reached < ends_at:
            return reached
    raise AssertionError("beyond the last span")


def dates(first: date = FIRST, last: date = LAST) -> Iterator[date]:
    """Every date from the first to the last."""
    for n in range((last - first).days + 1):
        yield first + n * DAY


def covered(period: str) -> set[date]:
    """Return the local dates that a period stands for."""
    year, _, week = period.partition("-W")
    if not week:
        return {date.fromisoformat(period)}
    monday = date.fromisocalendar(int(year), int(week), 1)
    return {monday + n * DAY for n in range(7)}
