"""When something is due: pure arithmetic on zones, hours and what was made before.

A period is a local date or an ISO week. Hour and zone say *when* in it, never *whether*: so a clock
change, a restart or an edited hour can neither serve a period twice nor lose it. Two periods that
share a date exclude one another, so neither can an edited cadence
(docs/decisions/0030-cadences-exclude-by-dates.md).
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from bot.config import parse_days
from bot.models import Cadence, Subscription
from bot.values import value_type

if TYPE_CHECKING:
    from bot.config import Profile

_DAY = timedelta(days=1)
_LATE = timedelta(hours=12)


@value_type(frozen=True, slots=True)
class Slot:
    """(subscription, period): due from an instant on, stale after another (both aware, UTC).

    `period` is the local date; of a weekly slot, the Monday of its ISO week.
    """

    subscription: Subscription
    period: date
    due: datetime
    stale_at: datetime

    @property
    def name(self) -> str:
        """The period as the ledger writes it: `2026-11-20` or `2026-W47`."""
        weekly = self.subscription.cadence is Cadence.WEEKLY
        return _week(self.period) if weekly else self.period.isoformat()


def _week(day: date) -> str:
    year, week, _ = day.isocalendar()
    return f"{year:04d}-W{week:02d}"


@lru_cache(maxsize=1024)
def overlapping(period: str) -> frozenset[str]:
    """Return the periods that share a date with this one, itself among them."""
    year, _, week = period.partition("-W")
    if not week:
        return frozenset({period, _week(date.fromisoformat(period))})
    monday = date.fromisocalendar(int(year), int(week), 1)
    return frozenset({period, *((monday + n * _DAY).isoformat() for n in range(7))})


def local_date(now: datetime, zone: str) -> date:
    """Return the date in a zone."""
    return now.astimezone(ZoneInfo(zone)).date()


@lru_cache(maxsize=4096)  # thousands of readers have the same few hours
def instant(day: date, hour: str, zone: str) -> datetime:
    """Return when a local hour comes (`07:30`; `any` is the day's beginning), in UTC.

    An hour that the clocks skip comes at the first instant after the gap; one that comes twice,
    comes the first time (MAIL.md, Time).
    """
    wall = time(0, 0) if hour == "any" else time.fromisoformat(hour)
    here = ZoneInfo(zone)
    local = datetime.combine(day, wall, here)
    early = local.astimezone(UTC)
    if early.astimezone(here).replace(tzinfo=None) == local.replace(tzinfo=None):
        return early
    # In a gap, fold=0 reads the hour with the offset before it (too late), fold=1 with the one
    # after it (too early): the jump lies between.
    before, after = local.replace(fold=1).astimezone(UTC), early
    offset = before.astimezone(here).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) / 2
        if middle.astimezone(here).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after.replace(microsecond=0)


def due_edition(profile: Profile, last: date | None, now: datetime, zone: str) -> date | None:
    """Return the date that the profile's next edition is due for now, None where none is.

    `last` is the date of its latest scheduled edition. A clock that went back makes nothing twice.
    An hour late in the evening may pass unseen between two runs: for half a day after it, the first
    run that comes makes that evening's edition still.
    """
    today = local_date(now, zone)
    for day in (today, today - _DAY):
        if last is not None and day <= last:
            return None
        due = instant(day, profile.at, zone)
        in_time = day == today or now <= due + _LATE
        if day.weekday() in parse_days(profile.days) and due <= now and in_time:
            return day
    return None


def slot(
    subscription: Subscription, profile: Profile, now: datetime, zone: str, grace: timedelta
) -> Slot | None:
    """Return the slot that has come for this subscription, None where none has.

    `zone` is the bot's, for subscribers without one. The slot may be served already: the ledger
    knows. Past `stale_at` it is skipped; with the hour `any` that is the day's end. Yesterday's slot
    is the one that counts until today's hour, as long as it is not stale. A weekly slot comes with
    the first of the profile's days in the week and grows stale after the last.
    """
    zone = subscription.zone or zone
    hour = subscription.at or profile.at
    today = local_date(now, zone)
    for period, first, last in _periods(subscription.cadence, profile, today):
        due = instant(first, hour, zone)
        end = instant(last + _DAY, "any", zone)
        stale_at = end if hour == "any" else instant(last, hour, zone) + grace
        confirmed = subscription.confirmed_at
        # Who says yes late in the day has a first digest at once.
        if confirmed and stale_at < confirmed <= now and local_date(confirmed, zone) <= last:
            stale_at = confirmed + grace
        if due <= now and (last >= today or now <= stale_at):
            return Slot(subscription, period, due, stale_at)
    return None


def _periods(cadence: Cadence, profile: Profile, today: date) -> list[tuple[date, date, date]]:
    """Return today's period and the one before: (its name's date, first and last day served)."""
    days = serving_days(cadence, profile)
    if cadence is Cadence.WEEKLY:
        monday = today - today.weekday() * _DAY
        return [
            (start, start + min(days) * _DAY, start + max(days) * _DAY)
            for start in (monday, monday - 7 * _DAY)
        ]
    return [(day, day, day) for day in (today, today - _DAY) if day.weekday() in days]


def serving_days(cadence: Cadence, profile: Profile) -> frozenset[int]:
    """Return the weekdays (Monday is 0) on which a digest may come; never none.

    A profile without a day from Monday to Friday is told to its `weekdays` readers on each of them.
    """
    days = parse_days(profile.days)
    if cadence is not Cadence.WEEKDAYS:
        return days
    working = frozenset(range(5))
    return days & working or working


def next_edition(profile: Profile, last: date | None, now: datetime, zone: str) -> datetime:
    """Return when the profile's next edition is due, in UTC; what is due already, at its hour."""
    day = due_edition(profile, last, now, zone)
    if day is None:
        today = local_date(now, zone)
        day = today if last is None or last < today else last + _DAY
        if day == today and now >= instant(today, profile.at, zone):
            day += _DAY  # its hour has passed, on a day that has none or too long ago
        while day.weekday() not in parse_days(profile.days):
            day += _DAY
    return instant(day, profile.at, zone)
