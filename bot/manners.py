"""Decisions: how we behave towards mail servers. When to try again, when to rest, how many at once."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from bot.models import Attempt, Phase, Rest, Verdict

T = TypeVar("T")

# A rest is short enough for mail to flow soon after the trouble is over, and long enough to be none.
_RESTS = tuple(timedelta(minutes=minutes) for minutes in (2, 5, 10, 15, 30))
LONGEST_REST = _RESTS[-1]  # a longer one was written by a clock that was ahead


def next_try(now: datetime, attempts: int, waits: Sequence[timedelta]) -> datetime:
    """Return when to try a delivery again that was tried `attempts` times before this one."""
    return now + waits[min(attempts, len(waits) - 1)]


# ── Resting ───────────────────────────────────────────────────────────────────────────────────────


def rest_after(reason: str, before: Rest | None, now: datetime) -> Rest:
    """Return the rest that trouble asks for: longer each time, until something is sent again."""
    times = before.times + 1 if before else 1
    return Rest(now + _RESTS[min(times, len(_RESTS)) - 1], times, reason)


_REFUSED = (Verdict.REFUSED_CONTENT, Verdict.REFUSED_SENDER, Verdict.REFUSED_ADDRESS)
# RFC 3463 §3.2: no such mailbox, no such system. 5.1.0 and the others may be about the sender.
_NO_SUCH_ADDRESS = re.compile(r"5\.1\.[12]\b")


def no_such_address(attempt: Attempt) -> bool:
    """Return whether an attempt proved that there is nobody at the address."""
    refused = attempt.verdict is Verdict.REFUSED_ADDRESS
    return refused and _NO_SUCH_ADDRESS.match(attempt.said) is not None


class Breaker:
    """Counts what went wrong in a row, and says when the next message would fare no better."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._refused = self._lost = self._busy = 0

    def after(self, attempt: Attempt) -> str:
        """Return why to stop sending after this attempt, "" where the next may fare better."""
        if not no_such_address(attempt):  # a dead address says nothing of the next one
            self._refused = self._refused + 1 if attempt.verdict in _REFUSED else 0
        self._lost = self._lost + 1 if attempt.code == 0 else 0
        if attempt.verdict is Verdict.SLOW_DOWN:
            return f"The mail server takes nothing from us now ({attempt.said or attempt.code})"
        if self._refused >= self._limit:
            return f"{self._refused} messages in a row were refused"
        busy = attempt.phase is Phase.MAIL and attempt.code != 0
        self._busy = self._busy + 1 if busy else 0
        if self._busy >= self._limit:
            return f"The mail server takes nothing from us now ({attempt.said or attempt.code})"
        if self._lost >= self._limit:
            return f"The connection was lost {self._lost} times in a row"
        return ""


class Bucket:
    """A token bucket: `rate` messages a second in the long run, at most a second's worth at once.

    Time is in seconds of any clock that only goes forward.
    """

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._size = max(1.0, rate)
        # It starts with one: a restart every minute must not send a second's worth each time.
        self._tokens = 1.0
        self._at: float | None = None

    def wait(self, now: float) -> float:
        """Return how many seconds there are until the next token, 0.0 where there is one."""
        return max(0.0, (1 - self._held(now)) / self._rate)

    def take(self, now: float) -> float:
        """Take a token; return how many seconds to wait before using it."""
        self._tokens, self._at = self._held(now) - 1, now
        return max(0.0, -self._tokens / self._rate)

    def _held(self, now: float) -> float:
        passed = now - self._at if self._at is not None else 0.0
        return min(self._size, self._tokens + passed * self._rate)


# ── Lanes ─────────────────────────────────────────────────────────────────────────────────────────


class Lanes(Generic[T]):
    """What waits to be sent, first come first served, but never more than `width` of a lane at once.

    A lane is a receiving domain: a slow one must not take all the connections.
    """

    def __init__(self, width: int) -> None:
        self._width = width
        self._ready: deque[tuple[str, T]] = deque()
        self._behind: dict[str, deque[T]] = {}
        self._under_way: dict[str, int] = {}
        self._waiting = 0

    def __len__(self) -> int:
        return self._waiting

    @property
    def passable(self) -> int:
        """How many wait that are not known to stand behind a full lane."""
        return len(self._ready)

    def put(self, lane: str, thing: T) -> None:
        """Let a thing wait in its lane."""
        self._ready.append((lane, thing))
        self._waiting += 1

    def take(self) -> T | None:
        """Return the first thing whose lane has room, None where none has; `done` gives it back."""
        while self._ready:
            lane, thing = self._ready.popleft()
            if self._under_way.get(lane, 0) < self._width:
                self._under_way[lane] = self._under_way.get(lane, 0) + 1
                self._waiting -= 1
                return thing
            self._behind.setdefault(lane, deque()).append(thing)
        return None

    def done(self, lane: str) -> None:
        """Make room in a lane: what waited behind goes before what came later."""
        self._under_way[lane] -= 1
        if not self._under_way[lane]:
            del self._under_way[lane]
        behind = self._behind.get(lane)
        if behind:
            self._ready.appendleft((lane, behind.popleft()))
            if not behind:
                del self._behind[lane]
