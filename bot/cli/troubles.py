"""What parts of the service cannot do now: each told once, tried again ever later, and not hidden."""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass

from bot.errors import PaperroundError

log = logging.getLogger("paperround")

_LONGEST_PAUSE = 16  # ticks


@dataclass(slots=True)
class _Failing:
    """A part that fails: how often in a row, when it is tried again, and what was told of it."""

    times: int
    again: float
    told: str


class Troubles:
    """Which parts fail, and what was said; `known` is where their sentences stand for others to see.

    `every` is the length of a tick in seconds: the pauses are 1, 2, 4, 8, 16 and 16 ticks.
    """

    def __init__(self, known: dict[str, str], every: float) -> None:
        self._known, self._every = known, every
        self._failing: dict[str, _Failing] = {}
        self._said: dict[str, frozenset[str]] = {}

    def rests(self, part: str, now: float) -> bool:
        """Tell whether a part that failed is to be left alone for now (seconds, monotonic)."""
        failing = self._failing.get(part)
        return failing is not None and now < failing.again

    def failed(self, part: str, error: Exception, now: float) -> None:
        """Note that a part failed, and tell it where that is news."""
        before = self._failing.get(part)
        times = before.times + 1 if before else 1
        # Half a tick less, so that the tick itself finds it due.
        pause = (min(2 ** (times - 1), _LONGEST_PAUSE) - 0.5) * self._every
        mistake = not isinstance(error, PaperroundError)
        told = f"{type(error).__name__}: {error}"
        if before is None or told != before.told:
            sentence = _OURS.format(part=part, kind=type(error).__name__) if mistake else str(error)
            log.error("%s: %s", part, sentence, exc_info=error if mistake else None)
            self._known[part] = sentence
        self._failing[part] = _Failing(times, now + pause, told)

    def works(self, part: str, said: str = "works again") -> None:
        """Note that a part does its work, and tell it where it did not before."""
        if self._failing.pop(part, None) is not None:
            self._known.pop(part, None)
            log.info("%s %s", part, said)

    def try_all_again(self) -> None:
        """End all pauses: what made the parts fail may be over."""
        for failing in self._failing.values():
            failing.again = 0.0

    def news(self, part: str, sentences: Collection[str]) -> list[str]:
        """Return those of a part's warnings that it had not the last time."""
        before = self._said.get(part, frozenset())
        self._said[part] = frozenset(sentences)
        return [sentence for sentence in dict.fromkeys(sentences) if sentence not in before]


_OURS = (
    "A mistake of ours ({kind}; its traceback is in the log of `serve`). What was committed is kept, the "
    "other parts go on, and {part} is tried again, ever later. Please report it."
)
