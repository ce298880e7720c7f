"""When to ask a source again, what to remember of an answer, and how the source stands: pure.

Every transition returns a new `SourceState`; nothing here fetches, stores or reads a clock.
`jitter` is a number from 0 up to 1 that the caller draws, so that sources do not come back in step.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from bot.models import (
    Document,
    Failure,
    NotModified,
    Parsed,
    SourceNote,
    SourceState,
    Weather,
)
from bot.sources import (
    announces,
    arxiv_calendar,
    can_make_up,
    due_between,
    fingerprint,
    keeps_guids,
    logins,
    missing,
    only_pages,
    owed,
    spans,
    why_quiet,
)
from bot.sources.freshness import fresh_for, not_skipped, speaks_of_polling, time_to_live
from bot.sources.spans import Span

if TYPE_CHECKING:
    from bot.config import SourceSettings

DAY = timedelta(days=1)
ALARM_AFTER = timedelta(hours=36)  # a day's announcement, and half a day to recover
_NOT_FOUND = 404
_LONGEST_BACKOFF = DAY
_LONGEST_BACKOFF_NOT_FOUND = timedelta(days=14)
_MARGIN = timedelta(minutes=1)  # a round takes its time: what is counted from its start comes early
_DOUBLINGS = 10
_SLACK = timedelta(minutes=5)


# ── What is remembered of an answer ───────────────────────────────────────────────────────────────


def body_digest(body: bytes) -> str:
    """Return the identity of a body; the same one need not be parsed again."""
    return hashlib.sha256(body).hexdigest()


def batch_digest(parsed: Parsed) -> str:
    """Return the identity of the entries a document shows, "" for an empty one."""
    guids = sorted({sighting.guid for sighting in parsed.sightings})
    return hashlib.sha256("\n".join(guids).encode()).hexdigest() if guids else ""


def same_body(source: SourceSettings, state: SourceState, document: Document) -> bool:
    """Tell whether this body was read before, by this parser and for this source."""
    return state.fingerprint == fingerprint(source) and (
        state.body_sha == body_digest(document.body)
    )


def after_document(
    source: SourceSettings,
    state: SourceState,
    document: Document,
    parsed: Parsed,
    now: datetime,
    jitter: float = 0.0,
) -> SourceState:
    """Return the state after a document that was read; commit it together with its entries.

    `last_new` moves where the entries changed. The same entries under the build date of a later
    arXiv day make the source stale.
    """
    batch = batch_digest(parsed)
    changed = bool(batch) and batch != state.batch
    stale_since = None if changed else state.stale_since
    if batch and not changed and not stale_since and _shown_again(source, state, parsed):
        stale_since = now
    read = _recovered(
        state,
        now,
        fingerprint=fingerprint(source),
        # A 304 for a document that broke off would keep the rest of it from us for ever.
        etag=document.header("etag") if parsed.whole else "",
        last_modified=document.header("last-modified") if parsed.whole else "",
        body_sha=body_digest(document.body),
        batch=batch or state.batch,
        last_new=now if changed else state.last_new,
        stale_since=stale_since,
        quiet=_quiet(state, parsed),
        built=min(parsed.built, now) if parsed.built else state.built,
        next_poll=_after_document_at(source, document, now, jitter),
    )
    return spans.owing(read, owed(source, state, parsed, now), state.owed_error)


def is_elsewhere(source: SourceSettings, state: SourceState) -> bool:
    """Tell whether a source with a state was given another address, which showed no entry yet.

    What it shows there may all be old: it may be another feed.
    """
    if state.last_ok is None or not keeps_guids(source.kind):
        return False
    return state.fingerprint != fingerprint(source) or not state.batch


def former_name(
    source: SourceSettings, states: Mapping[str, SourceState], configured: Collection[str]
) -> str:
    """Return the name that a source had before, "" where it had none or has kept it.

    That is one which is configured no longer and was asked for the very same thing; of several, the
    one that answered last.
    """
    if source.name in states:
        return ""
    same = fingerprint(source)
    before = [s for s in states.values() if s.fingerprint == same and s.name not in configured]
    last = max(
        before, key=lambda s: (s.last_ok is not None, s.last_ok, s.name), default=SourceState("")
    )
    return last.name


def cut_off(state: SourceState) -> SourceState:
    """Return the state while the documents that a first one goes on in are still to be read.

    Without validators: whoever is interrupted here reads the first again, and so the others.
    """
    return replace(state, etag="", last_modified="", body_sha="")


def with_part_missing(
    source: SourceSettings, state: SourceState, problem: str, now: datetime
) -> SourceState:
    """Return the state where one of several documents could not be had: its papers are owed."""
    gap = missing(source, now)
    if gap is None:
        return state
    return spans.owing(state, spans.extended(spans.owed(state, now), gap), problem)


def with_what_it_showed(
    source: SourceSettings, before: SourceState, after: SourceState, *, known: bool
) -> SourceState:
    """Return the state after a document, of which an entry was `known`: a list reaches back that far.

    Its dates may have told otherwise; some are those of corrections.
    """
    if not known or can_make_up(source) or announces(source.kind):
        return after
    return replace(
        after,
        owed_from=before.owed_from,
        owed_until=before.owed_until,
        owed_start=before.owed_start,
        owed_error=before.owed_error,
    )


def after_same_body(
    source: SourceSettings,
    state: SourceState,
    document: Document,
    now: datetime,
    jitter: float = 0.0,
) -> SourceState:
    """Return the state after a document whose digest is the one remembered."""
    return _recovered(
        state,
        now,
        etag=document.header("etag"),
        last_modified=document.header("last-modified"),
        next_poll=_after_document_at(source, document, now, jitter),
    )


def after_not_modified(
    source: SourceSettings,
    state: SourceState,
    answer: NotModified,
    now: datetime,
    jitter: float = 0.0,
) -> SourceState:
    """Return the state after a 304, which may bring either validator anew (RFC 9110, 15.4.5)."""
    wait = max(_interval(source), fresh_for(answer, now))
    return _recovered(
        state,
        now,
        etag=answer.header("etag") or state.etag,
        last_modified=answer.header("last-modified") or state.last_modified,
        next_poll=now + wait + _spread(jitter),
    )


def after_failure(
    source: SourceSettings,
    state: SourceState,
    failure: Failure,
    now: datetime,
    jitter: float = 0.0,
) -> SourceState:
    """Return the state after an answer that brought nothing. Validators stay: nothing was read.

    The wait doubles from `every` up to a day (two weeks for 404), and is never under Retry-After.
    """
    state = _of_this_source(source, state)
    failures = state.failures + 1
    most = _LONGEST_BACKOFF_NOT_FOUND if failure.status == _NOT_FOUND else _LONGEST_BACKOFF
    # A 404 is rarely over in an hour: it begins where the others end.
    first = source.every * (4 if failure.status == _NOT_FOUND else 1)
    backoff = min(max(most, source.every), first * 2 ** min(failures - 1, _DOUBLINGS))
    wait = backoff * (1 - 0.2 * jitter)
    if failure.retry_after is not None:
        wait = max(wait, min(timedelta(seconds=failure.retry_after) + _MARGIN, DAY))
    return replace(
        state,
        failures=failures,
        failing_since=state.failing_since or now,
        gone=failure.gone,
        error=failure.problem,
        next_poll=now + wait,
    )


def after_unreadable(
    source: SourceSettings, state: SourceState, failure: Failure, now: datetime, jitter: float = 0.0
) -> SourceState:
    """Return the state after a document that could not be parsed; `failure` holds the sentence.

    Validators and digest are dropped, so that the next answer is a whole one and is read.
    """
    failed = after_failure(source, state, failure, now, jitter)
    return replace(failed, etag="", last_modified="", body_sha="")


def after_page(
    source: SourceSettings,
    state: SourceState,
    span: Span,
    left: Span | None,
    now: datetime,
    jitter: float = 0.0,
) -> SourceState:
    """Return the state after a page of `span` that was read, of which `left` is left to read.

    A source that is pages only has recovered once nothing is left; what came after the span's end,
    where that took several rounds, is due at once.
    """
    state = replace(spans.owing(state, left), fingerprint=fingerprint(source))
    if left or not only_pages(source.kind):
        return state
    recovered = _recovered(state, span.until)
    if now - span.until >= source.every:
        return with_more_to_read(recovered, now)
    return replace(recovered, next_poll=now + _interval(source) + _spread(jitter))


def with_more_to_read(state: SourceState, now: datetime) -> SourceState:
    """Return the state where a round ended with pages left: it is due again at once."""
    return replace(state, next_poll=now)


def after_page_failure(
    source: SourceSettings,
    state: SourceState,
    span: Span,
    failure: Failure,
    now: datetime,
    jitter: float = 0.0,
) -> SourceState:
    """Return the state after a page that could not be had: `span` stays owed from there.

    A source that is pages only has failed. Else its document is what counts, and was read.
    """
    if not only_pages(source.kind):
        later = max(state.next_poll or now, now + _interval(source) + _spread(jitter))
        return replace(spans.owing(state, span, failure.problem), next_poll=later)
    failed = after_failure(source, state, failure, now, jitter)
    # Before the first page nothing is owed: the next window begins where the last one ended.
    return spans.owing(failed, span, failure.problem) if span.start else failed


def after_new_papers(state: SourceState, now: datetime) -> SourceState:
    """Return the state once pages brought papers that we did not have."""
    return replace(state, last_new=now)


def _of_this_source(source: SourceSettings, state: SourceState) -> SourceState:
    """Forget what belongs to the address or the parser of before, if either was changed."""
    current = fingerprint(source)
    if state.fingerprint == current:
        return state
    # What it owes it owes still, read from the beginning.
    return SourceState(
        state.name, fingerprint=current, last_ok=state.last_ok, last_new=state.last_new,
        built=state.built, owed_from=state.owed_from, owed_until=state.owed_until,
        owed_error=state.owed_error,
    )  # fmt: skip


def _recovered(state: SourceState, now: datetime, **changed: Any) -> SourceState:  # noqa: ANN401 - fields
    """Return the state of a source that answered, with these fields changed too."""
    return replace(
        state,
        **changed,
        last_ok=now,
        failures=0,
        failing_since=None,
        alarmed_at=None,
        gone=False,
        error="",
    )


def _shown_again(source: SourceSettings, state: SourceState, parsed: Parsed) -> bool:
    if not announces(source.kind) or parsed.built is None or state.last_new is None:
        return False
    return arxiv_calendar.day_of(parsed.built) > arxiv_calendar.day_of(state.last_new)


def _quiet(state: SourceState, parsed: Parsed) -> str:
    """Ask for a look where "probably a holiday" comes on a second day: that is no holiday."""
    probably = arxiv_calendar.PROBABLY
    if not parsed.quiet.endswith(probably) or not state.quiet:
        return parsed.quiet
    if state.quiet.endswith(arxiv_calendar.CHECK):
        return state.quiet
    if state.quiet.endswith(probably) and state.quiet != parsed.quiet:
        reason = parsed.quiet.removesuffix(probably)
        return f"{reason}the second working day in a row; {arxiv_calendar.CHECK}"
    return parsed.quiet


# ── When to ask again ─────────────────────────────────────────────────────────────────────────────


def is_due(source: SourceSettings, state: SourceState, now: datetime) -> bool:
    """Tell whether to fetch now: at the time set, or at once where the source was edited."""
    if not source.enabled:
        return False
    if state.fingerprint and state.fingerprint != fingerprint(source):
        return True
    if state.gone:
        return False
    if state.last_ok is not None and state.last_ok > now + DAY:
        return True  # written under a clock that was wrong: what it put off is not put off
    if state.next_poll is not None and state.next_poll > now + _longest_wait(source):
        return True  # so was this, of a source that failed then
    return state.next_poll is None or now >= state.next_poll


def _longest_wait(source: SourceSettings) -> timedelta:
    """Return more than anything here ever puts a poll off by: a failure, or a skip and a freshness."""
    return max(_LONGEST_BACKOFF_NOT_FOUND, source.every) + 5 * DAY


def _interval(source: SourceSettings) -> timedelta:
    """Return `every` less a slack, or an hourly cron job would come a second early, for nothing."""
    return source.every - min(source.every / 10, _SLACK)


def _spread(jitter: float) -> timedelta:
    return timedelta(seconds=60 * jitter)


def _after_document_at(
    source: SourceSettings, document: Document, now: datetime, jitter: float
) -> datetime:
    said = fresh_for(document, now)
    speaks = speaks_of_polling(document.body)
    if speaks:
        said = max(said, time_to_live(document.body))
    at = now + max(_interval(source), said) + _spread(jitter)
    # RSS counts skipDays in GMT and arXiv means New York's: Friday's papers would be lost to who
    # looks on Saturday at 02:00 UTC. For arXiv a conditional request tells as cheaply.
    return at if announces(source.kind) or not speaks else not_skipped(at, document.body)


# ── How a source stands ───────────────────────────────────────────────────────────────────────────


def weather(
    source: SourceSettings, state: SourceState, since: datetime | None, now: datetime
) -> SourceNote:
    """Return how a source stands for an edition made now, the last one having been at `since`."""
    if state.failing_since and _failed_through(source, state, since, now):
        # What has gone for good is not waited for: it has no day since when.
        until_it_does = None if state.gone else state.failing_since
        return SourceNote(source.name, Weather.FAILED, state.error, until_it_does)
    if state.stale_since:
        shown = f"first shown on {_first_shown(state)}"
        return SourceNote(source.name, Weather.STALE, shown, state.stale_since)
    if problem := _incomplete(source, state, since, now):
        return SourceNote(source.name, Weather.INCOMPLETE, problem, state.owed_until)
    if state.last_ok and _nothing_new(state, since):
        if state.quiet:
            return SourceNote(source.name, Weather.HOLIDAY, state.quiet, state.last_ok)
        if since and not due_between(source.kind, since, now):
            reason = why_quiet(source.kind, now) or "Nothing was announced since"
            return SourceNote(source.name, Weather.HOLIDAY, reason, state.last_ok)
        return SourceNote(source.name, Weather.QUIET, "nothing new", state.last_ok)
    return SourceNote(source.name, Weather.FINE, "", state.last_ok)


def in_words(state: SourceState, moved_to: str = "") -> str:
    """Return what there is to say of a source now, "" for nothing; `moved_to` is where it is asked."""
    if state.gone:
        return f"{state.error}; it is not asked again until its url is changed"
    if state.error:
        return state.error
    said = [state.quiet, stale_in_words(state) if state.stale_since else ""]
    if state.owed_error:
        said.append(f"may be incomplete: {state.owed_error}")
    if moved_to:
        told = logins.hidden(moved_to)
        said.append(f"has moved for good and is asked at {told}: write that into its url")
    return "; ".join(filter(None, said))


def newly_alarming(source: SourceSettings, state: SourceState, now: datetime) -> bool:
    """Tell whether the owner is to hear of a failure now: it outlasted one announcement, or is 410.

    Over a weekend or holiday arXiv announces nothing, and nothing is lost. Once told (`alarmed_at`)
    it is not told again until the source has recovered.
    """
    if state.alarmed_at or state.failing_since is None:
        return False
    if state.gone:
        return True
    if now - state.failing_since < max(ALARM_AFTER, source.every):
        return False
    return due_between(source.kind, state.failing_since, now)


def _failed_through(
    source: SourceSettings, state: SourceState, since: datetime | None, now: datetime
) -> bool:
    if state.gone or state.last_ok is None:
        return True
    if since is None or state.last_ok > since:
        return False
    return due_between(source.kind, state.last_ok, now)


def _incomplete(
    source: SourceSettings, state: SourceState, since: datetime | None, now: datetime
) -> str:
    """Say what is missing of a source's past, "" for nothing.

    What cannot be made up for is told once, in the first edition after it was missed.
    """
    span = spans.owed(state, now)
    if span is None:
        return ""
    if can_make_up(source):
        return state.owed_error or "its earlier papers are still being fetched"
    if since and span.until <= since:
        return ""
    if announces(source.kind):
        return "an announcement was missed, and without categories it cannot be asked for again"
    last, begins = (_day_and_hour(moment) for moment in (span.since, span.until))
    return f"it last answered on {last}, and what it lists now begins on {begins}"


def _nothing_new(state: SourceState, since: datetime | None) -> bool:
    return state.last_new is None or (since is not None and state.last_new <= since)


def stale_in_words(state: SourceState) -> str:
    """Return what there is to say of a source that is stale."""
    return f"still shows what it showed first on {_first_shown(state)}, under a new date"


def _first_shown(state: SourceState) -> str:
    since = state.last_new or state.stale_since
    return _day_and_hour(since) if since else "an earlier day"


def _day_and_hour(moment: datetime) -> str:
    utc = moment.astimezone(UTC)
    return f"{utc.day} {utc:%b %H:%M} UTC"
