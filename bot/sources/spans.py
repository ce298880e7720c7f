"""A stretch of a source's past that is read page by page, and what a source still owes of it: pure.

A span survives between rounds in the source's state, so that what could not be read today (the
service is down, there is more than one round may ask for) is asked for again tomorrow.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from bot.errors import ParseError
from bot.models import Parsed, SourceState
from bot.values import value_type

LONGEST = timedelta(days=90)  # what was missed before that is history, and no news
GIVE_UP = timedelta(days=7)  # what fails for so long (a mirror without an API) will not come


@value_type(frozen=True, slots=True)
class Span:
    """From `since` to `until`, both aware; `start` entries are read, `tries` pages came empty.

    `listed` are the ids that the last page named and that are to be asked for next.
    """

    since: datetime
    until: datetime
    start: int = 0
    tries: int = 0
    listed: tuple[str, ...] = ()


@value_type(frozen=True, slots=True)
class Page:
    """One page of a span: what it says, how many entries it held, and how many there are in all.

    `total` is None where the service does not say; `latest` and `earliest` are its entries' own
    dates, where the service goes by them. `listed` are ids where a page names its records only.
    """

    parsed: Parsed
    returned: int
    total: int | None = None
    latest: datetime | None = None
    earliest: datetime | None = None
    listed: tuple[str, ...] = ()


def since_last(state: SourceState, now: datetime, backfill: timedelta, overlap: timedelta) -> Span:
    """Return what to read of a kind that is pages only: what it owes, or all since the last time.

    What appears late is dated earlier: `overlap` is read again each time.
    """
    if before := owed(state, now):
        return before
    if state.last_ok is None:
        return Span(now - backfill, now)
    return Span(max(state.last_ok - overlap, now - LONGEST), now)


def counted_on(span: Span, page: Page, tries: int, host: str) -> Span | None:
    """Return what is left of a span whose pages are counted by a total, None for nothing.

    An empty page is asked for again `tries` times, where the service counts more than it gave; raises
    ParseError where it stays empty: what is missing is still owed then.
    """
    if page.returned:
        start = span.start + page.returned
        done = page.total is not None and start >= page.total
        return None if done else replace(span, start=start, tries=0, listed=())
    if span.start >= (page.total or 0):
        return None
    if span.tries < tries:
        return replace(span, tries=span.tries + 1, listed=())
    raise ParseError(
        f"{host} counts {page.total} papers, and sent an empty page after {span.start}"
    )


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
