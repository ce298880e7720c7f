"""A stretch of a source's past that is read page by page, and what a source still owes of it: pure.

A span survives between rounds in the source's state, so that what could not be read today (the
service is down, there is more than one round may ask for) is asked for again tomorrow.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.models import Parsed, SourceState

LONGEST = timedelta(days=90)  # what was missed before that is history, and no news
GIVE_UP = timedelta(days=7)  # what fails for so long (a mirror without an API) will not come


@dataclass(frozen=True, slots=True)
class Span:
    """From `since` to `until`, both aware; `start` entries are read, `tries` pages came empty."""

    since: datetime
    until: datetime
    start: int = 0
    tries: int = 0


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a span: what it says, how many entries it held, and how many there are in all.

    `total` is None where the service does not say; `latest` is the last entry's own date, where the
    service goes by it.
    """

    parsed: Parsed
    returned: int
    total: int | None = None
    latest: datetime | None = None


def owed(state: SourceState, now: datetime) -> Span | None:
    """Return what a source still owes, None for nothing or what could not be had for a week."""
    if state.owed_from is None or state.owed_until is None:
        return None
    if state.owed_error and now - state.owed_until > GIVE_UP:
        return None
    return Span(state.owed_from, state.owed_until, state.owed_start)


def owing(state: SourceState, span: Span | None, error: str = "") -> SourceState:
    """Return the state with this span owed (None: nothing), and what kept us from reading it."""
    return replace(
        state,
        owed_from=span.since if span else None,
        owed_until=span.until if span else None,
        owed_start=span.start if span else 0,
        owed_error=error if span else "",
    )


def extended(before: Span | None, more: Span) -> Span:
    """Return a span that covers both; what is read of the earlier one counts where it began first."""
    if before is None:
        return more
    if before.since <= more.since:
        return replace(before, until=max(before.until, more.until), tries=0)
    return Span(more.since, max(before.until, more.until))
