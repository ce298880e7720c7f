"""How we behave towards mail servers."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.manners import Breaker, Bucket, Lanes, next_try, rest_after
from bot.models import Attempt, Phase, Rest, Verdict

NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
WAITS = (5 * MINUTE, 15 * MINUTE, 60 * MINUTE)

SENT = Attempt(Verdict.SENT, Phase.DONE, 250, "OK")
NOBODY = Attempt(Verdict.REFUSED_ADDRESS, Phase.RCPT, 550, "5.1.1 nobody")
REFUSED = Attempt(Verdict.REFUSED_CONTENT, Phase.DATA, 554, "5.6.0 no")
DENIED = Attempt(Verdict.REFUSED_SENDER, Phase.RCPT, 554, "5.7.1 access denied")
LOST = Attempt(Verdict.RETRY, Phase.MAIL, 0, "lost")
BUSY = Attempt(Verdict.SLOW_DOWN, Phase.MAIL, 421, "4.3.2 busy")


@pytest.mark.parametrize(("attempts", "minutes"), [(0, 5), (1, 15), (2, 60), (3, 60), (99, 60)])
def test_each_wait_is_the_next_of_the_list_and_then_its_last(attempts, minutes):
    assert next_try(NOW, attempts, WAITS) == NOW + minutes * MINUTE


# ── Resting ───────────────────────────────────────────────────────────────────────────────────────


def test_each_rest_in_a_row_is_longer_up_to_half_an_hour():
    rest, lengths = None, []
    for _ in range(7):
        rest = rest_after("busy", rest, NOW)
        lengths.append((rest.until - NOW) / MINUTE)
    assert lengths == [2, 5, 10, 15, 30, 30, 30]
    assert rest == Rest(NOW + 30 * MINUTE, 7, "busy")


@pytest.mark.parametrize(
    ("attempts", "said"),
    [
        ([SENT, NOBODY, SENT], ""),
        ([BUSY], "The mail server takes nothing from us now (4.3.2 busy)"),
        ([REFUSED, REFUSED], ""),
        ([REFUSED, REFUSED, REFUSED], "3 messages in a row were refused"),
        ([REFUSED, REFUSED, SENT, REFUSED], ""),
        ([DENIED, REFUSED, DENIED], "3 messages in a row were refused"),
        ([LOST, LOST, LOST], "The connection was lost 3 times in a row"),
        ([LOST, LOST, NOBODY, LOST], ""),
    ],
)
def test_trouble_in_a_row_stops_the_sending(attempts, said):
    breaker = Breaker(3)
    assert [breaker.after(attempt) for attempt in attempts][-1] == said


# ── The rate ──────────────────────────────────────────────────────────────────────────────────────


@given(
    st.floats(0.1, 1000), st.lists(st.floats(0, 10), min_size=1, max_size=200), st.integers(1, 50)
)
def test_never_more_than_the_rate_and_a_second_of_it_at_once(rate, pauses, burst):
    """In any stretch of time, at most what the rate allows in it and one bucketful go."""
    bucket, now, going = Bucket(rate), 0.0, []
    for pause in pauses:
        now += pause
        going += [now + bucket.take(now) for _ in range(burst)]
    full = max(1.0, rate)
    for first in range(0, len(going), max(1, len(going) // 20)):
        for last in range(first, len(going), max(1, len(going) // 20)):
            stretch = going[last] - going[first]
            assert last - first + 1 <= stretch * rate + full + 1 + 1e-6 * len(going)


def test_the_first_goes_at_once_and_the_others_at_the_rate():
    bucket = Bucket(10)
    assert [round(bucket.take(0.0), 3) for _ in range(4)] == [0, 0.1, 0.2, 0.3]


def test_after_a_pause_a_seconds_worth_goes_at_once():
    bucket = Bucket(10)
    bucket.take(0.0)
    waits = [bucket.take(3600.0) for _ in range(12)]
    assert waits[:10] == [0.0] * 10
    assert waits[10] > 0


def test_to_look_takes_nothing():
    bucket = Bucket(10)
    assert [bucket.wait(0.0), bucket.wait(0.0), bucket.take(0.0)] == [0.0, 0.0, 0.0]
    assert round(bucket.wait(0.0), 3) == 0.1
    assert round(bucket.wait(0.05), 3) == 0.05


# ── Lanes ─────────────────────────────────────────────────────────────────────────────────────────

some_letters = st.lists(st.tuples(st.sampled_from("abc"), st.integers()), max_size=40)


@given(some_letters, st.integers(1, 3), st.randoms(use_true_random=False))
def test_everything_is_taken_once_in_its_lanes_order_and_no_lane_is_overcrowded(
    letters, width, dice
):
    lanes, under_way, taken = Lanes(width), Counter(), []
    for number, (lane, _) in enumerate(letters):
        lanes.put(lane, (lane, number))
    while len(lanes) or under_way.total():
        letter = lanes.take()
        if letter is None:
            lane = dice.choice(sorted(under_way.elements()))
            under_way[lane] -= 1
            lanes.done(lane)
            continue
        taken.append(letter)
        under_way[letter[0]] += 1
        assert under_way[letter[0]] <= width
    assert sorted(number for _, number in taken) == list(range(len(letters)))
    for lane in "abc":
        numbers = [number for each, number in taken if each == lane]
        assert numbers == sorted(numbers)


def test_a_full_lane_lets_the_others_pass():
    lanes = Lanes(1)
    for lane, thing in (("slow", 1), ("slow", 2), ("quick", 3)):
        lanes.put(lane, thing)
    assert [lanes.take(), lanes.take(), lanes.take()] == [1, 3, None]
    lanes.done("slow")
    assert (lanes.take(), len(lanes)) == (2, 0)
