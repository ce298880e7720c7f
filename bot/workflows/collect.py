"""collect: sources that are due → documents → papers and sightings, one transaction a document.

One failing source never stops the others: it is named in the report, its state and its papers are
kept, and it is asked again later.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from bot import sources
from bot.config import SourceSettings
from bot.errors import ConfigError, ParseError
from bot.models import (
    Document,
    Event,
    Failure,
    NotModified,
    Parsed,
    SourceState,
)
from bot.ports import CollectStore, Fetcher, Workers
from bot.sources import polling


class Outcome(StrEnum):
    """What a poll came to."""

    READ = "read"
    UNCHANGED = "unchanged"
    FAILED = "failed"
    NOT_DUE = "not due"


@dataclass(frozen=True, slots=True)
class Collected:
    """What one source brought: entries in its document, papers new and updated, and words."""

    source: str
    outcome: Outcome
    entries: int = 0
    new: int = 0
    updated: int = 0
    detail: str = ""
    alarm: bool = False


@dataclass(frozen=True, slots=True)
class Round:
    """What a round of polls needs. `jitter` draws a number from 0 up to 1."""

    store: CollectStore
    fetcher: Fetcher
    workers: Workers
    now: datetime
    jitter: Callable[[], float] = lambda: 0.0
    token: Callable[[SourceSettings], str] = lambda _: ""


async def collect(
    configured: Sequence[SourceSettings],
    around: Round,
    on_done: Callable[[Collected], None] = lambda _: None,
) -> list[Collected]:
    """Poll every enabled source that is due, all at once; return one report each, in their order."""
    states = await around.workers.store(around.store.source_states)

    async def one(source: SourceSettings) -> Collected:
        report = await _poll(source, states.get(source.name, SourceState(source.name)), around)
        on_done(report)
        return report

    enabled = [source for source in configured if source.enabled]
    # What one of them raises (the disk is full, a bug of ours) is raised when all have ended.
    ended = await asyncio.gather(*(one(source) for source in enabled), return_exceptions=True)
    for each in ended:
        if isinstance(each, BaseException):
            raise each
    return [each for each in ended if isinstance(each, Collected)]


async def _poll(source: SourceSettings, state: SourceState, around: Round) -> Collected:
    if not polling.is_due(source, state, around.now):
        when = f"{state.next_poll:%d %b %H:%M} UTC" if state.next_poll else "it has gone"
        detail = f"{state.error}; next try {when}" if state.error else f"next poll {when}"
        return Collected(source.name, Outcome.NOT_DUE, detail=detail)
    answer = await _answer(source, state, around)
    jitter = around.jitter()
    if isinstance(answer, Failure):
        failed = polling.after_failure(source, state, answer, around.now, jitter)
        return await _failed(source, failed, around)
    if isinstance(answer, NotModified):
        same = polling.after_not_modified(source, state, answer, around.now, jitter)
        await around.workers.store(around.store.save_source_state, same)
        return Collected(source.name, Outcome.UNCHANGED)
    if polling.same_body(source, state, answer):
        same = polling.after_same_body(source, state, answer, around.now, jitter)
        await around.workers.store(around.store.save_source_state, same)
        return Collected(source.name, Outcome.UNCHANGED)
    return await _read(source, state, answer, around, jitter)


async def _answer(
    source: SourceSettings, state: SourceState, around: Round
) -> Document | NotModified | Failure:
    try:
        token = around.token(source)
    except ConfigError as error:
        return Failure(source.url, f"was not asked, its token is missing: {error}")
    return await around.fetcher.fetch(sources.request(source, state, around.now, token))


async def _read(
    source: SourceSettings, state: SourceState, document: Document, around: Round, jitter: float
) -> Collected:
    try:
        parsed = await around.workers.cpu(sources.parse, source, document, around.now)
    except ParseError as error:
        failure = Failure(document.url, str(error))
        unreadable = polling.after_unreadable(source, state, failure, around.now, jitter)
        return await _failed(source, unreadable, around)
    absorbed = await around.workers.store(
        around.store.absorb,
        source.name,
        parsed.sightings,
        polling.after_document(source, state, document, parsed, around.now, jitter),
        around.now,
        introduces=_introducing(source),
        seen_before=_seen_before(source, parsed, around.now) if state.last_ok is None else None,
    )
    return Collected(
        source.name,
        Outcome.READ,
        entries=len(parsed.sightings),
        new=absorbed.new,
        updated=absorbed.updated,
        detail="; ".join([*([parsed.quiet] if parsed.quiet else []), *parsed.warnings]),
    )


def _introducing(source: SourceSettings) -> frozenset[Event]:
    """Return the events that may bring a paper we don't have."""
    return frozenset({Event.SEEN, *(Event(name) for name in source.announce)})


def _seen_before(source: SourceSettings, parsed: Parsed, now: datetime) -> datetime:
    """Return the date before which a first document's entries are old news.

    An announcement is news by nature, so its age is counted from its own newest entry.
    """
    dates = [sighting.at for sighting in parsed.sightings if sighting.at]
    newest = max(dates, default=now) if sources.announces(source.kind) else now
    return min(newest, now) - source.backfill


async def _failed(source: SourceSettings, state: SourceState, around: Round) -> Collected:
    alarm = polling.newly_alarming(source, state, around.now)
    if alarm:
        state = replace(state, alarmed_at=around.now)
    await around.workers.store(around.store.save_source_state, state)
    return Collected(source.name, Outcome.FAILED, detail=state.error, alarm=alarm)
