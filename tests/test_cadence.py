"""Never twice, never lost: slots while hour, zone, cadence and pauses change at random."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import schedule
from bot.models import Cadence, Origin, Subscription, SubscriptionStatus
from support_round import a_profile
from test_schedule import days, hours, utc, zones

GRACE = timedelta(hours=12)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
CADENCES = st.sampled_from(Cadence)
PROFILE_DAYS = st.sampled_from(["daily", "mon-fri", "mon,thu", "sat,sun", "wed"])


def a_subscription(cadence=Cadence.DAILY, at="", zone=""):
    confirmed = SubscriptionStatus.CONFIRMED
    return Subscription(
        1, 1, "ada@example.org", "experts", confirmed, Origin.SELF, 0, cadence, at, zone
    )


def slot(now, cadence=Cadence.DAILY, written="daily", at="07:30", zone="UTC"):
    profile = a_profile(days=written, at=at)
    return schedule.slot(a_subscription(cadence), profile, now, zone, GRACE)


def dates(period: str) -> set[date]:
    """The local dates that a period stands for."""
    year, _, week = period.partition("-W")
    if not week:
        return {date.fromisoformat(period)}
    monday = date.fromisocalendar(int(year), int(week), 1)
    return {monday + n * DAY for n in range(7)}


# ── What each cadence means ───────────────────────────────────────────────────────────────────────


def test_a_week_is_served_from_the_first_of_the_profiles_days_on():
    ticks = [utc(2026, 11, 16, 7, 29) + n * HOUR for n in range(168)]
    found = {now: slot(now, Cadence.WEEKLY, "wed-fri") for now in ticks}
    served = [each for now, each in found.items() if each is not None and now <= each.stale_at]
    assert {each.name for each in served} == {"2026-W47"}
    assert served[0].due == utc(2026, 11, 18, 7, 30)
    assert served[0].stale_at == utc(2026, 11, 20, 19, 30)
    assert len(served) == 60, "from Wednesday's hour to twelve hours after Friday's"


def test_a_machine_that_was_off_on_monday_serves_the_week_on_tuesday():
    found = slot(utc(2026, 11, 17, 9), Cadence.WEEKLY, "mon-fri")
    assert found is not None
    assert found.name == "2026-W47"


def test_a_week_without_an_end_at_any_hour():
    found = slot(utc(2026, 11, 22, 23, 59), Cadence.WEEKLY, at="any")
    assert found is not None
    assert (found.due, found.stale_at) == (utc(2026, 11, 16), utc(2026, 11, 23))


@pytest.mark.parametrize(
    ("written", "served"),
    [("daily", "MTWTF--"), ("mon,sat", "M------"), ("sat,sun", "MTWTF--"), ("tue-thu", "-TWT---")],
)
def test_weekdays_are_those_of_the_profile_and_all_where_it_has_none(written, served):
    noons = [utc(2026, 11, 16, 12) + n * DAY for n in range(7)]
    found = [slot(noon, Cadence.WEEKDAYS, written) for noon in noons]
    assert ["-" if each is None else "x" for each in found] == [
        "-" if letter == "-" else "x" for letter in served
    ]


def test_the_year_of_a_week_is_the_iso_year():
    assert slot(utc(2027, 1, 1, 12), Cadence.WEEKLY).name == "2026-W53"
    assert slot(utc(2025, 12, 29, 12), Cadence.WEEKLY).name == "2026-W01"


# ── What excludes what ────────────────────────────────────────────────────────────────────────────


@given(days, days, st.booleans(), st.booleans())
def test_periods_overlap_exactly_where_they_share_a_date(one, other, weekly, other_weekly):
    def name(day, is_week):
        year, week, _ = day.isocalendar()
        return f"{year:04d}-W{week:02d}" if is_week else day.isoformat()

    first, second = name(one, weekly), name(other, other_weekly)
    assert (second in schedule.overlapping(first)) == bool(dates(first) & dates(second))


choices = st.tuples(CADENCES, hours, zones)


def simulate(profile, start, changes, hours_long, edition_zone="UTC"):
    """Tick hourly while a reader's choices change; return the served slots and what came in each.

    Editions are made at noon UTC of every day; the ledger keeps served periods and the cursor, as
    the store does.
    """
    served: dict[str, set[date]] = {}
    came: list[tuple[str, set[date]]] = []
    editions: list[date] = []
    cursor = 0
    cadence, at, zone = changes[0]
    for n in range(hours_long):
        now = start + n * HOUR
        if now.hour == 12:
            editions.append(now.date())
        if n % 31 == 0:
            cadence, at, zone = changes[(n // 31) % len(changes)]
        found = schedule.slot(a_subscription(cadence, at, zone), profile, now, edition_zone, GRACE)
        if found is None or any(p in served for p in schedule.overlapping(found.name)):
            continue
        served[found.name] = dates(found.name)
        if now <= found.stale_at:
            came.append((found.name, set(editions[cursor:])))
            cursor = len(editions)
    return served, came, editions, cursor


@given(PROFILE_DAYS, days, st.lists(choices, min_size=1, max_size=12))
def test_whatever_a_reader_changes_no_date_is_served_twice_and_no_edition_comes_twice(
    written, day, changes
):
    start = datetime.combine(day, datetime.min.time(), utc(2026, 1, 1).tzinfo)
    served, came, _, _ = simulate(a_profile(days=written, at="09:00"), start, changes, 24 * 24)
    all_dates = [each for name in served for each in dates(name)]
    assert len(all_dates) == len(set(all_dates))
    told = [each for _, editions in came for each in editions]
    assert len(told) == len(set(told))


@given(PROFILE_DAYS, days, st.lists(choices, min_size=1, max_size=12), choices)
def test_whatever_a_reader_changed_once_it_rests_nothing_is_lost(written, day, changes, last):
    start = datetime.combine(day, datetime.min.time(), utc(2026, 1, 1).tzinfo)
    restless = [*changes, *[last] * 40]  # two weeks of changes at most, then three weeks of rest
    _, came, editions, cursor = simulate(
        a_profile(days=written, at="09:00"), start, restless, (len(changes) + 1) * 31 + 24 * 22
    )
    told = {each for _, made in came for each in made}
    assert told == set(editions[:cursor])
    # A weekly reader waits for the next week at most, and so do the editions made in between.
    assert len(editions) - cursor <= 15


@given(days, zones, hours)
def test_a_weekly_reader_who_changes_nothing_is_served_every_week(day, zone, at):
    start = schedule.instant(day, "any", zone)
    names = []
    for n in range(0, 24 * 28, 4):
        found = slot(start + n * HOUR, Cadence.WEEKLY, "mon-fri", at, zone)
        if found is not None and found.name not in names:
            names.append(found.name)
    whole = [day + n * DAY for n in range(28) if (day + n * DAY).weekday() == 0]
    weeks = {f"{d.isocalendar().year:04d}-W{d.isocalendar().week:02d}" for d in whole[:-1]}
    assert weeks <= set(names)


def test_a_slot_knows_its_name_by_its_cadence():
    found = slot(utc(2026, 11, 20, 12))
    assert found.name == "2026-11-20"
    weekly = replace(found, subscription=a_subscription(Cadence.WEEKLY))
    assert weekly.name == "2026-W47"
