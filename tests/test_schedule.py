"""When something is due: once a local date, whatever the clocks of any country do."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import schedule
from bot.models import Origin, Subscription, SubscriptionStatus
from support_round import a_profile

ZONES = (
    "UTC", "Europe/Berlin", "Europe/London", "Europe/Chisinau", "America/New_York",
    "America/Havana", "America/Santiago", "America/Nuuk", "America/St_Johns", "America/Asuncion",
    "Asia/Beirut", "Asia/Gaza", "Asia/Jerusalem", "Asia/Kathmandu", "Asia/Kolkata", "Asia/Tokyo",
    "Africa/Cairo", "Africa/Casablanca", "Australia/Lord_Howe", "Australia/Adelaide",
    "Pacific/Auckland", "Pacific/Chatham", "Pacific/Apia", "Pacific/Kiritimati", "Pacific/Niue",
    "Antarctica/Troll",
)  # fmt: skip
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)

zones = st.sampled_from(ZONES)
days = st.dates(date(2025, 1, 1), date(2028, 12, 30))
hours = st.one_of(
    st.just("any"),
    st.builds(lambda h, m: f"{h:02d}:{m:02d}", st.integers(0, 23), st.integers(0, 59)),
)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


# ── The instant of an hour ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("zone", "day", "hour", "expected"),
    [
        ("Europe/Berlin", date(2026, 11, 20), "07:30", utc(2026, 11, 20, 6, 30)),
        ("Europe/Berlin", date(2026, 7, 20), "07:30", utc(2026, 7, 20, 5, 30)),
        # Berlin skips 02:00 to 03:00 on 29 March 2026 …
        ("Europe/Berlin", date(2026, 3, 29), "01:59", utc(2026, 3, 29, 0, 59)),
        ("Europe/Berlin", date(2026, 3, 29), "02:00", utc(2026, 3, 29, 1, 0)),
        ("Europe/Berlin", date(2026, 3, 29), "02:30", utc(2026, 3, 29, 1, 0)),
        ("Europe/Berlin", date(2026, 3, 29), "03:00", utc(2026, 3, 29, 1, 0)),
        # … and has 02:30 twice on 25 October: the first counts.
        ("Europe/Berlin", date(2026, 10, 25), "02:30", utc(2026, 10, 25, 0, 30)),
        ("Europe/Berlin", date(2026, 10, 25), "03:00", utc(2026, 10, 25, 2, 0)),
        ("America/New_York", date(2026, 3, 8), "02:15", utc(2026, 3, 8, 7, 0)),
        ("America/New_York", date(2026, 11, 1), "01:30", utc(2026, 11, 1, 5, 30)),
        # Lord Howe's clocks move by half an hour: 02:00 to 02:30 is skipped on 4 October 2026.
        ("Australia/Lord_Howe", date(2026, 10, 4), "02:15", utc(2026, 10, 3, 15, 30)),
        ("Australia/Lord_Howe", date(2026, 10, 4), "02:30", utc(2026, 10, 3, 15, 30)),
        ("Australia/Lord_Howe", date(2026, 4, 5), "01:45", utc(2026, 4, 4, 14, 45)),
        # Havana and Beirut skip midnight itself: the day begins at 01:00.
        ("America/Havana", date(2026, 3, 8), "00:30", utc(2026, 3, 8, 5, 0)),
        ("America/Havana", date(2026, 3, 8), "any", utc(2026, 3, 8, 5, 0)),
        ("Asia/Beirut", date(2026, 3, 29), "00:15", utc(2026, 3, 28, 22, 0)),
        ("Asia/Beirut", date(2026, 3, 29), "any", utc(2026, 3, 28, 22, 0)),
        # Havana has the hour before 01:00 twice on 1 November: the day begins once.
        ("America/Havana", date(2026, 11, 1), "any", utc(2026, 11, 1, 4, 0)),
    ],
)
def test_an_hour_comes_when_a_person_there_would_say(zone, day, hour, expected):
    assert schedule.instant(day, hour, zone) == expected


@given(zones, days, hours)
def test_the_instant_lies_on_its_own_date_and_never_before_its_hour(zone, day, hour):
    local = schedule.instant(day, hour, zone).astimezone(ZoneInfo(zone))
    wall = time(0) if hour == "any" else time.fromisoformat(hour)
    assert local.date() == day
    assert local.time() >= wall


@given(zones, days, hours)
def test_the_instant_is_its_hour_or_the_first_instant_after_a_gap(zone, day, hour):
    found = schedule.instant(day, hour, zone)
    here = ZoneInfo(zone)
    wall = time(0) if hour == "any" else time.fromisoformat(hour)
    local = found.astimezone(here)
    if local.time().replace(tzinfo=None) != wall:
        before = (found - SECOND).astimezone(here)
        assert before.replace(tzinfo=None) < datetime.combine(day, wall), "nothing lies between"
        assert before.utcoffset() != local.utcoffset(), "only a change of the clocks moves an hour"


@given(zones, days, hours)
def test_later_dates_come_later_and_later_hours_never_earlier(zone, day, hour):
    found = schedule.instant(day, hour, zone)
    assert found < schedule.instant(day + DAY, hour, zone)
    assert schedule.instant(day, "any", zone) <= found < schedule.instant(day + DAY, "any", zone)


@given(zones, days, hours, hours)
def test_hours_keep_their_order(zone, day, one, other):
    early, late = sorted(("00:00" if hour == "any" else hour) for hour in (one, other))
    assert schedule.instant(day, early, zone) <= schedule.instant(day, late, zone)


# ── Editions ──────────────────────────────────────────────────────────────────────────────────────


def _made_in(ticks, profile, zone) -> list[date]:
    """Ask at every tick, as a cron job or `serve` would; return the dates of what was made."""
    made: list[date] = []
    for now in ticks:
        last = max(made, default=None)
        if (period := schedule.due_edition(profile, last, now, zone)) is not None:
            made.append(period)
    return made


@given(zones, days, hours, st.integers(45, 180))
def test_however_seldom_we_look_each_date_has_one_edition(zone, day, hour, minutes):
    start = schedule.instant(day, "any", zone)
    ticks = [start + timedelta(minutes=minutes) * n for n in range(3 * 1440 // minutes + 20)]
    made = _made_in(ticks, a_profile(at=hour), zone)
    assert len(made) == len(set(made))
    assert set(made) >= {day, day + DAY, day + 2 * DAY}


@given(zones, days, hours, st.lists(st.integers(-5000, 5000), max_size=30))
def test_a_clock_that_goes_to_and_fro_makes_nothing_twice(zone, day, hour, minutes):
    start = schedule.instant(day, "any", zone)
    made = _made_in([start + timedelta(minutes=m) for m in minutes], a_profile(at=hour), zone)
    assert len(made) == len(set(made))
    assert made == sorted(made)


def test_the_edition_is_made_at_its_hour_and_not_before():
    profile = a_profile(at="07:30")
    assert schedule.due_edition(profile, None, utc(2026, 11, 20, 6, 29), "Europe/Berlin") is None
    due = schedule.due_edition(profile, None, utc(2026, 11, 20, 6, 30), "Europe/Berlin")
    assert due == date(2026, 11, 20)


def test_the_edition_is_its_zones_date():
    profile = a_profile(at="07:30")
    assert schedule.due_edition(profile, None, utc(2026, 11, 19, 22), "Asia/Tokyo") is None
    due = schedule.due_edition(profile, None, utc(2026, 11, 19, 22, 30), "Asia/Tokyo")
    assert due == date(2026, 11, 20)


def test_an_hour_before_midnight_that_passed_between_two_runs_is_made_up_for():
    profile = a_profile(at="23:45", days="mon-fri")
    friday, midnight = date(2026, 11, 20), utc(2026, 11, 21, 0)
    assert schedule.due_edition(profile, None, midnight - 16 * 60 * SECOND, "UTC") is None
    assert schedule.due_edition(profile, None, midnight, "UTC") == friday
    assert schedule.due_edition(profile, friday, midnight, "UTC") is None
    assert schedule.due_edition(profile, None, midnight + DAY / 2, "UTC") is None, "too late"


def test_any_is_the_first_run_of_the_day():
    profile = a_profile(at="any")
    midnight = utc(2026, 11, 19, 23)
    yesterday = date(2026, 11, 19)
    assert schedule.due_edition(profile, yesterday, midnight - SECOND, "Europe/Berlin") is None
    assert schedule.due_edition(profile, yesterday, midnight, "Europe/Berlin") is not None


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("daily", "MTWTFSS"),
        ("mon-fri", "MTWTF--"),
        ("mon,thu", "M--T---"),
        ("sat-mon", "M----SS"),
        ("Wed", "--W----"),
    ],
)
def test_days_without_an_edition_are_left_out(written, expected):
    noons = [utc(2026, 11, 16, 12) + DAY * n for n in range(7)]
    due = [schedule.due_edition(a_profile(days=written), None, noon, "UTC") for noon in noons]
    assert [period is not None for period in due] == [letter != "-" for letter in expected]


# ── Slots ─────────────────────────────────────────────────────────────────────────────────────────


def _subscription(at: str = "", zone: str = "") -> Subscription:
    confirmed = SubscriptionStatus.CONFIRMED
    return Subscription(
        1, 1, "ada@example.org", "experts", confirmed, Origin.SELF, 0, at=at, zone=zone
    )


def _slot(now, subscription=None, profile=None, grace=timedelta(hours=12)):
    return schedule.slot(
        subscription or _subscription(), profile or a_profile(), now, "Europe/Berlin", grace
    )


def test_a_slot_comes_at_the_profiles_hour_and_grows_stale_after_grace():
    assert _slot(utc(2026, 11, 20, 5, 59)) is None
    slot = _slot(utc(2026, 11, 20, 6))
    assert slot is not None
    assert (slot.period, slot.due) == (date(2026, 11, 20), utc(2026, 11, 20, 6))
    assert slot.stale_at == utc(2026, 11, 20, 18)


def test_an_evenings_slot_is_good_until_it_grows_stale_also_past_midnight():
    evening = a_profile(at="23:30")
    slot = _slot(utc(2026, 11, 21, 0), profile=evening)
    assert slot is not None
    assert (slot.period, slot.due) == (date(2026, 11, 20), utc(2026, 11, 20, 22, 30))
    assert _slot(utc(2026, 11, 21, 10, 31), profile=evening) is None


def test_a_subscribers_own_hour_and_zone_come_first():
    slot = _slot(utc(2026, 11, 19, 23), _subscription(at="08:00", zone="Asia/Tokyo"))
    assert slot is not None
    assert (slot.period, slot.due) == (date(2026, 11, 20), utc(2026, 11, 19, 23))


def test_with_any_a_slot_is_good_until_the_days_end():
    slot = _slot(utc(2026, 11, 20, 12), profile=a_profile(at="any"))
    assert slot is not None
    assert (slot.due, slot.stale_at) == (utc(2026, 11, 19, 23), utc(2026, 11, 20, 23))


def test_a_day_that_is_none_of_the_profiles_has_no_slot():
    assert _slot(utc(2026, 11, 21, 12), profile=a_profile(days="mon-fri")) is None


@given(zones, days, hours, hours, st.integers(1, 2000))
def test_an_edited_hour_loses_no_date(zone, day, hour, another, minutes):
    start = schedule.instant(day, "any", zone)
    seen: list[date] = []
    for n in range(56):
        now = start + timedelta(hours=n, minutes=59)
        edited = now > start + timedelta(minutes=minutes)
        at = another if edited else hour
        if (slot := _slot(now, _subscription(at=at, zone=zone))) is not None:
            seen.append(slot.period)
    assert set(seen) >= {day, day + DAY}
