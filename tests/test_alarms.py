"""What the owner is told: once when it begins, once when it is over, and never the same thing daily."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.alarms import (
    AGAIN_AFTER,
    PATIENCE,
    Alarm,
    Facts,
    FailingSource,
    Known,
    Returned,
    Unserved,
    news,
    standing,
    untold,
)

NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
DISK = Alarm("disk", "the disk", "It is nearly full.")
SLOW = Alarm("part deliver", "deliver", "It cannot log in.", PATIENCE)


def told(alarms, known=(), at=NOW):
    found = news(alarms, known, at)
    return [each.key for each in found.fresh], [each.key for each in found.over], found.known


# ── When ──────────────────────────────────────────────────────────────────────────────────────────


def test_an_alarm_is_told_once_however_long_it_stands():
    fresh, over, known = told([DISK])
    assert (fresh, over) == (["disk"], [])
    for days in range(1, 30):
        fresh, over, known = told([DISK], known, NOW + days * DAY)
        assert (fresh, over) == ([], [])


def test_when_it_is_over_that_is_told_once():
    *_, known = told([DISK])
    fresh, over, known = told([], known, NOW + HOUR)
    assert (fresh, over) == ([], ["disk"])
    assert told([], known, NOW + 2 * HOUR)[:2] == ([], [])


def test_what_comes_and_goes_is_told_once_a_day():
    *_, known = told([DISK])
    *_, known = told([], known, NOW + HOUR)
    fresh, _, known = told([DISK], known, NOW + 2 * HOUR)
    assert fresh == []
    fresh, _, known = told([DISK], known, NOW + AGAIN_AFTER)
    assert fresh == ["disk"]


def test_what_comes_and_goes_untold_is_not_told_to_be_over():
    *_, known = told([DISK])
    *_, known = told([], known, NOW + HOUR)
    *_, known = told([DISK], known, NOW + 2 * HOUR)
    assert told([], known, NOW + 3 * HOUR)[:2] == ([], [])


def test_what_may_mend_itself_is_told_when_it_has_stood_for_a_while():
    fresh, _, known = told([SLOW])
    assert fresh == []
    fresh, _, known = told([SLOW], known, NOW + PATIENCE - MINUTE)
    assert fresh == []
    fresh, _, known = told([SLOW], known, NOW + PATIENCE)
    assert fresh == ["part deliver"]


def test_what_mended_itself_in_that_time_is_forgotten_and_begins_anew():
    *_, known = told([SLOW])
    *_, known = told([], known, NOW + MINUTE)
    assert known == ()
    assert told([SLOW], known, NOW + PATIENCE)[0] == []


def test_what_cannot_be_told_now_is_told_later_with_its_true_beginning():
    known = untold([DISK], (), NOW)
    found = news([DISK], known, NOW + HOUR)
    assert [each.since for each in found.fresh] == [NOW]


def test_an_end_that_cannot_be_told_now_is_told_later():
    *_, known = told([DISK])
    known = untold([], known, NOW + HOUR)
    assert told([], known, NOW + 2 * HOUR)[1] == ["disk"]


def test_a_clock_that_was_ahead_silences_nothing_for_longer_than_a_day():
    ahead = Known("disk", "the disk", "", quiet_until=NOW + 400 * DAY)
    assert told([DISK], [ahead])[0] == ["disk"]


def test_what_began_under_a_clock_that_was_ahead_is_told_as_if_it_began_now():
    ahead = Known("disk", "the disk", "", since=NOW + 400 * DAY)
    assert told([DISK], [ahead])[0] == ["disk"]
    _, _, waiting = told([SLOW], [replace(ahead, key=SLOW.key)])
    assert told([SLOW], waiting, NOW + PATIENCE)[0] == [SLOW.key]


def test_two_alarms_of_one_key_are_one():
    assert told([DISK, replace(DISK, sentence="Twice.")])[0] == ["disk"]


steps = st.lists(
    st.tuples(st.integers(1, 48), st.sets(st.sampled_from("abc")), st.booleans()), max_size=60
)


@given(steps)
def test_whatever_happens_each_key_is_told_once_a_day_and_each_end_once(days):
    """Time goes on in half hours; at some looks nothing can be told."""
    now, known = NOW, ()
    last: dict[str, datetime] = {}
    open_: set[str] = set()
    for halves, keys, can_tell in days:
        now += halves * timedelta(minutes=30)
        alarms = [Alarm(key, key, key) for key in sorted(keys)]
        if not can_tell:
            known = untold(alarms, known, now)
            continue
        found = news(alarms, known, now)
        for each in found.fresh:
            assert each.key in keys
            assert each.key not in open_
            assert each.key not in last or now - last[each.key] >= AGAIN_AFTER
            last[each.key] = now
            open_.add(each.key)
        for each in found.over:
            assert each.key in open_
            open_.remove(each.key)
        assert not open_ - keys
        known = found.known
        assert {each.key for each in known if each.since} == keys


# ── What ──────────────────────────────────────────────────────────────────────────────────────────

WELL = Facts()


def keys(facts):
    return [alarm.key for alarm in standing(facts)]


def test_all_is_well_where_nothing_is_known():
    assert standing(WELL) == []


def test_a_failing_source_is_named_with_what_it_said_and_since_when():
    (alarm,) = standing(replace(WELL, sources=[FailingSource("nature", NOW, "it answered 503")]))
    assert "nature has not answered since Friday, 20 November: it answered 503." in alarm.sentence


def test_a_source_that_is_gone_is_not_told_to_come_back():
    gone = FailingSource("nature", NOW, "it is gone (410)", gone=True)
    (alarm,) = standing(replace(WELL, sources=[gone]))
    assert "not asked again until its url is changed" in alarm.sentence


@pytest.mark.parametrize(("days", "alarms"), [(0, []), (1, []), (2, ["sending"]), (9, ["sending"])])
def test_two_due_days_without_a_digest_are_an_alarm(days, alarms):
    assert keys(replace(WELL, unserved=Unserved(days, days * 20, NOW, "450 later"))) == alarms


def test_the_alarm_of_sending_says_the_hold_and_the_last_answer():
    facts = replace(
        WELL, unserved=Unserved(2, 40, None, "535 wrong password"), hold="a copy was restored."
    )
    alarm, _hold = standing(facts)
    assert "No digest has been sent yet, though 40 were due on 2 days." in alarm.sentence
    assert "All sending is held: a copy was restored." in alarm.sentence
    assert "The latest answer was: 535 wrong password." in alarm.sentence


def test_a_hold_alone_is_told_when_it_has_stood_for_a_while():
    (alarm,) = standing(replace(WELL, hold="the clock leapt"))
    assert (alarm.key, alarm.patience) == ("hold", PATIENCE)


@pytest.mark.parametrize(
    ("bounces", "usual", "alarms"),
    [(4, 0, []), (5, 0, ["bounces"]), (5, 2, []), (6, 2, ["bounces"]), (50, 20, [])],
)
def test_bounces_jump_where_they_are_three_times_what_is_usual(bounces, usual, alarms):
    assert keys(replace(WELL, returned=Returned(bounces, usual))) == alarms


@pytest.mark.parametrize(
    ("complaints", "sent", "alarms"),
    [(1, 10, []), (2, 10, ["complaints"]), (2, 3000, []), (3, 3000, ["complaints"])],
)
def test_complaints_are_an_alarm_from_one_in_a_thousand_on(complaints, sent, alarms):
    assert keys(replace(WELL, returned=Returned(complaints=complaints, sent=sent))) == alarms


@pytest.mark.parametrize(
    ("room", "database", "alarms"),
    [(200, 1, []), (199, 1, ["disk"]), (900, 1000, ["disk"]), (1000, 1000, [])],
)
def test_the_disk_is_short_where_a_backup_might_not_fit(room, database, alarms):
    assert keys(replace(WELL, room=room * 2**20, database=database * 2**20)) == alarms


def test_files_wait_only_where_somebody_may_be_editing():
    facts = replace(WELL, broken={"a.toml": "a.toml: is wrong"})
    assert [alarm.patience for alarm in standing(facts)] == [timedelta(0)]
    assert [alarm.patience for alarm in standing(replace(facts, patient=True))] == [PATIENCE]
