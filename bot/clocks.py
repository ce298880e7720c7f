"""Whether our clock can be trusted: told by how time passes, and by what others say of the date.

Pure: readings of clocks come in, a sentence goes out. Only what is a day off counts: smaller
corrections are what time services do, and slots take no harm from them (MAIL.md, Time).
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from bot.values import value_type

DAY = timedelta(days=1)
_FEWEST = 2  # sources that must agree: one of them may be wrong itself
_OLDEST_AGE = 10  # digits of an Age header


@value_type(frozen=True, slots=True)
class Reading:
    """Two clocks read at one moment.

    `wall` is the time of day (aware, UTC), which people and time services set. `running` is in
    seconds and only ever goes forward, also while the machine sleeps.
    """

    wall: datetime
    running: float


@value_type(frozen=True, slots=True)
class Watch:
    """What was seen of a clock so far: the reading at which it was furthest behind."""

    furthest_behind: Reading


def watch(seen: Watch | None, now: Reading) -> tuple[Watch, timedelta]:
    """Return what is seen now, and how far the clock has leapt forward, zero where it has not.

    A leap is a day or more of wall time for which no time has passed; sleep is time that passed. It
    counts from where the clock was furthest behind, so a day that is gained little by little counts
    too; a clock that goes back is no leap. After a leap the watch begins anew: each is told once.
    """
    if seen is None:
        return Watch(now), timedelta()
    ahead = _ahead(seen.furthest_behind, now)
    if ahead >= DAY:
        return Watch(now), ahead
    return (Watch(now) if ahead < timedelta() else seen), timedelta()


def _ahead(before: Reading, now: Reading) -> timedelta:
    return (now.wall - before.wall) - timedelta(seconds=now.running - before.running)


def ahead_of(date: datetime | None, age: str, now: datetime) -> timedelta | None:
    """Return how far our clock is ahead of a server's, None where its answer doesn't say.

    `date` and `age` are the answer's headers: a cache says for how many seconds it has kept it
    (RFC 9111, 5.1).
    """
    if date is None:
        return None
    kept = int(age) if age.isdecimal() and len(age) < _OLDEST_AGE else 0
    return now - date - timedelta(seconds=kept)


def disagreement(ahead: Collection[timedelta]) -> timedelta:
    """Return how far our clock is ahead (or, negative, behind) by what the servers say of the date.

    Zero unless it is off by a day or more from most of them, and from at least two on the same side.
    """
    for sign in (1, -1):
        off = sorted(sign * each for each in ahead if sign * each >= DAY)
        if len(off) >= _FEWEST and 2 * len(off) > len(ahead):
            return sign * off[len(off) // 2]
    return timedelta()


def leapt(ahead: timedelta, now: datetime) -> str:
    """Return why sending is held after a leap, and what to do."""
    return (
        f"The clock leapt forward by {_days(ahead)} while paperround was running, to "
        f"{now:%d %b %Y %H:%M} UTC. {_LOOK}"
    )


def disagrees(ahead: timedelta, now: datetime) -> str:
    """Return why sending is held where sources tell another date, and what to do."""
    side = "ahead of" if ahead > timedelta() else "behind"
    return (
        f"The clock says {now:%d %b %Y %H:%M} UTC, which is {_days(abs(ahead))} {side} what the "
        f"sources' servers say. {_LOOK}"
    )


_LOOK = (
    "Papers are still fetched; no edition is made and nothing is sent until a person has looked. Check "
    "the clock with `date -u`, and the time service with `timedatectl`. Once it is right, `paperround "
    "deliveries release --all` sends one digest that catches up."
)


def _days(span: timedelta) -> str:
    whole = span // DAY
    return "a day" if whole == 1 else f"{whole} days"
