"""One slot a wanted period in every zone there is, 2025 to 2028, judged by the zones' offsets alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from random import Random
from zoneinfo import available_timezones

import pytest

from bot import schedule
from bot.models import Cadence
from bot.schedule import Slot
from support_round import a_profile
from support_zones import (
    DAY,
    FIRST,
    HOUR,
    LAST,
    MINUTE,
    changes,
    covered,
    dates,
    first_reading,
)
from test_cadence import a_subscription

# Gaps at midnight, half an hour, two hours, Ramadan, the date line, odd offsets: where it bites.
NASTY = (
    "America/Havana", "Asia/Beirut", "Africa/Cairo", "America/Asuncion", "America/Santiago",
    "Atlantic/Azores", "America/Scoresbysund", "America/Nuuk", "Australia/Lord_Howe",
    "Antarctica/Troll", "Africa/Casablanca", "Asia/Gaza", "Pacific/Chatham", "Pacific/Apia",
    "Pacific/Kiritimati", "Pacific/Niue", "Asia/Kathmandu", "America/St_Johns", "Europe/Berlin",
    "Europe/Dublin", "America/New_York", "UTC",
)  # fmt: skip
ZONES = sorted(available_timezones())
AREAS = sorted({zone.partition("/")[0] if "/" in zone else "others" for zone in ZONES})
WRITTEN = ("daily", "mon-fri", "mon,thu", "sat,sun", "wed")
GRACE = timedelta(hours=12)
SELDOM = timedelta(hours=11)  # less than the grace, and no whole part of a day
NEAR = timedelta(hours=36)
EACH_YEAR = [date(2025, 1, 1), date(2026, 1, 1), date(2027, 1, 1), date(2028, 1, 1)]
HOURS = ["any", *(f"{h:02d}:{m:02d}" for h in range(24) for m in (0, 15, 30, 45))]


def zones_of(area: str) -> list[str]:
    return [z for z in ZONES if (z.partition("/")[0] if "/" in z else "others") == area]


def near_changes(zone: str) -> set[date]:
    """The dates on which the clocks are set, and those beside them."""
    at = [(change + n * DAY).date() for change in changes(zone) for n in (-1, 0, 1)]
    return {day for day in at if FIRST <= day <= LAST}


# ── When an hour comes ────────────────────────────────────────────────────────────────────────────


def check_instants(zone: str, days: Iterable[date], hours: Iterable[str]) -> None:
    hours = list(hours)
    for day in days:
        for hour in hours:
            found = schedule.instant(day, hour, zone)
            assert found == first_reading(day, hour, zone), (zone, day, hour)


@pytest.mark.parametrize("zone", NASTY)
def test_where_it_bites_every_quarter_of_an_hour_comes_at_the_first_instant_that_shows_it(zone):
    check_instants(zone, sorted(near_changes(zone) | set(EACH_YEAR)), HOURS)


@pytest.mark.long
@pytest.mark.parametrize("area", AREAS)
def test_in_every_zone_each_hour_comes_at_the_first_instant_that_shows_it(area):
    for zone in zones_of(area):
        dice = Random(zone)  # noqa: S311 - a test's dice
        check_instants(zone, dates(), ["any", dice.choice(HOURS[1:])])
        check_instants(zone, sorted(near_changes(zone)), HOURS[1:])


# ── Slots and editions ────────────────────────────────────────────────────────────────────────────


@cache
def looks(
    zone: str, start: date = FIRST, end: date = LAST, often: int = 20
) -> tuple[datetime, ...]:
    """When a machine looks: seldom, except around the moments at which the clocks are set."""
    begin, over = (datetime.combine(day, time(), UTC) for day in (start, end))
    found = {begin + n * SELDOM for n in range((over - begin) // SELDOM + 1)}
    for change in changes(zone):
        if begin + NEAR <= change <= over - NEAR:
            found |= {
                change + n * often * MINUTE
                for n in range(-(NEAR // MINUTE) // often, NEAR // MINUTE // often)
            }
    return tuple(sorted(found))


def served_at(
    ticks: Iterable[datetime], cadence: Cadence, written: str, at: str, zone: str
) -> Iterator[tuple[Slot, datetime, datetime | None]]:
    """Yield (slot, when it was served, when we looked before that), as a ledger would serve them."""
    profile, subscription = a_profile(days=written, at="06:00"), a_subscription(cadence, at, zone)
    served: set[str] = set()
    before = None
    for now in ticks:
        slot = schedule.slot(subscription, profile, now, "UTC", GRACE)
        if slot is not None and served.isdisjoint(schedule.overlapping(slot.name)):
            served.add(slot.name)
            yield slot, now, before
        before = now


def wanted(cadence: Cadence, written: str, start: date, end: date) -> set[str]:
    """The periods of these dates, by name: those whose serving days all lie within."""
    days = schedule.serving_days(cadence, a_profile(days=written))
    every = [day for day in dates(start, end) if day.weekday() in days]
    if cadence is not Cadence.WEEKLY:
        return {day.isoformat() for day in every}
    weeks = [f"{y:04d}-W{w:02d}" for y, w, _ in (day.isocalendar() for day in every)]
    return {week for week in weeks if weeks.count(week) == len(days)}


def check_slots(
    zone: str, cadence: Cadence, written: str, at: str, start: date = FIRST, end: date = LAST
) -> None:
    what = (zone, cadence.value, written, at)
    found = list(served_at(looks(zone, start, end), cadence, written, at, zone))
    names = [slot.name for slot, _, _ in found]
    assert len(names) == len(set(names)), what
    inside = wanted(cadence, written, start + 8 * DAY, end - 8 * DAY)
    around = wanted(cadence, written, start - 8 * DAY, end + 8 * DAY)
    assert inside <= set(names) <= around, what
    days = schedule.serving_days(cadence, a_profile(days=written))
    for slot, now, before in found:
        first = min(day for day in covered(slot.name) if day.weekday() in days)
        due = first_reading(first, at, zone)
        assert slot.due == due <= now, (*what, slot.name)
        if before is not None:  # what came before the first look of all may have gone stale
            assert before < due, (*what, slot.name, "it came at the first look")
            assert now <= slot.stale_at, (*what, slot.name)


def check_editions(zone: str, at: str, start: date = FIRST, end: date = LAST) -> None:
    """A profile's editions, in the bot's zone."""
    profile = a_profile(days="daily", at=at)
    last: date | None = None
    made: list[date] = []
    for now in looks(zone, start, end):
        period = schedule.due_edition(profile, last, now, zone)
        if period is not None:
            assert first_reading(period, at, zone) <= now, (zone, at, period)
            made.append(period)
            last = period
    assert made == list(dates(made[0], made[-1])), (zone, at)
    assert (made[0] - start, end - made[-1]) < (2 * DAY, 2 * DAY), (zone, at)


YEAR = (date(2026, 1, 1), date(2026, 12, 31))


@pytest.mark.parametrize("cadence", Cadence)
@pytest.mark.parametrize("zone", NASTY)
def test_where_it_bites_each_wanted_period_has_one_slot(zone, cadence):
    dice = Random(zone + cadence)  # noqa: S311 - a test's dice
    for at in dice.sample(("any", "00:30", "02:15", dice.choice(HOURS[1:])), 2):
        check_slots(zone, cadence, dice.choice(WRITTEN), at, *YEAR)


@pytest.mark.parametrize("zone", NASTY)
def test_where_it_bites_each_date_has_one_edition(zone):
    for at in ("any", "02:15", "23:45"):
        check_editions(zone, at, *YEAR)


@pytest.mark.long
@pytest.mark.parametrize("area", AREAS)
def test_in_every_zone_each_wanted_period_has_one_slot(area):
    for zone in zones_of(area):
        dice = Random(zone)  # noqa: S311 - a test's dice
        for cadence in Cadence:
            check_slots(zone, cadence, dice.choice(WRITTEN), dice.choice(HOURS))


@pytest.mark.long
@pytest.mark.parametrize("area", AREAS)
def test_in_every_zone_each_date_has_one_edition(area):
    for zone in zones_of(area):
        dice = Random(zone)  # noqa: S311 - a test's dice
        check_editions(zone, dice.choice(HOURS))


# ── Days that never were ──────────────────────────────────────────────────────────────────────────


@pytest.mark.long
def test_no_zone_leaves_out_a_date_in_these_years():
    """Where one announces it one day, the tests below say what happens."""
    for zone in ZONES:
        for change in changes(zone):
            assert abs(change_of(zone, change)) < 12 * HOUR, (zone, change)


def change_of(zone: str, at: datetime) -> timedelta:
    before, after = (schedule.local_date(at + n * 6 * HOUR, zone) for n in (-1, 1))
    return (after - before) / 2 if after - before > DAY else timedelta()


@pytest.mark.parametrize("hour", ["any", "07:30", "23:45"])
@pytest.mark.parametrize(
    ("zone", "never"),
    [
        ("Pacific/Apia", date(2011, 12, 30)),
        ("Pacific/Fakaofo", date(2011, 12, 30)),
        ("Pacific/Kiritimati", date(1994, 12, 31)),
        ("Pacific/Kwajalein", date(1993, 8, 21)),
    ],
)
def test_a_date_that_never_was_loses_and_doubles_no_other(zone, never, hour):
    first, last = never - 20 * DAY, never + 20 * DAY
    ticks = [datetime.combine(first, time(), UTC) + n * 15 * MINUTE for n in range(40 * 96)]
    found = list(served_at(ticks, Cadence.DAILY, "daily", hour, zone))
    names = [slot.name for slot, _, _ in found]
    assert len(names) == len(set(names))
    real = {day.isoformat() for day in dates(first + 2 * DAY, last - 2 * DAY)} - {never.isoformat()}
    assert real <= set(names)
    for slot, now, _ in found:
        assert slot.due == first_reading(slot.period, hour, zone, first, last) <= now
