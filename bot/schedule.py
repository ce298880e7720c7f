"""When something is due: pure arithmetic on zones, hours and what was made before.

A period is a local date. Hour and zone say *when* in it, never *whether*: so a clock change, a
restart or an edited hour can neither serve a period twice nor lose it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from bot.config import Profile, parse_days
from bot.models import Subscription


@dataclass(frozen=True, slots=True)
class Slot:
    """(subscription, period): due from an instant on, stale after another (both aware, UTC)."""

    subscription: Subscription
    period: date
    due: datetime
    stale_at: datetime


def local_date(now: datetime, zone: str) -> date:
    """Return the date in a zone."""
    return now.astimezone(ZoneInfo(zone)).date()


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
    """
    today = local_date(now, zone)
    if last is not None and today <= last:
        return None
    if today.weekday() not in parse_days(profile.days) or now < instant(today, profile.at, zone):
        return None
    return today


def slot(
    subscription: Subscription, profile: Profile, now: datetime, zone: str, grace: timedelta
) -> Slot | None:
    """Return the slot that has come for this subscription, None where none has.

    `zone` is the bot's, for subscribers without one. The slot may be served already: the ledger
    knows. Past `stale_at` it is skipped; with the hour `any` that is the day's end.
    """
    zone = subscription.zone or zone
    hour = subscription.at or profile.at
    today = local_date(now, zone)
    due = instant(today, hour, zone)
    if today.weekday() not in parse_days(profile.days) or now < due:
        return None
    end_of_day = instant(today + timedelta(days=1), "any", zone)
    return Slot(subscription, today, due, end_of_day if hour == "any" else due + grace)
