"""One source in one round of collect: asked, read, and its state kept, whatever comes of it.

Some have more documents to read beside the first (other days, or groups of categories where it was cut
off). A source that is read page by page, wholly or for the days that were missed, is read up to a number
of pages a round; each page is committed with what is left.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeVar

from bot import sources
from bot.errors import ApartError, ConfigError, ParseError, PatienceError
from bot.models import (
    Document,
    Event,
    Failure,
    Move,
    NotModified,
    Parsed,
    Request,
    Sighting,
    SourceState,
)
from bot.ports import Absorbed, Fetcher, Showing, Workers
from bot.sources import logins, moving, polling
from bot.sources.entries import host_of, impatiently
from bot.sources.spans import Span
from bot.values import value_type
from bot.workflows.committing import Writer

if TYPE_CHECKING:
    from bot.config import SourceSettings

T = TypeVar("T")

MOST_REQUESTS = 20  # of one source in one round; the rest of its pages wait for the next
# HTTP, 0 for no answer: what else is asked of it now is in vain.
_NOT_NOW = frozenset({0, 429, 503})


class CollectStore(Protocol):
    """What `collect` reads and writes."""

    def source_states(self) -> Mapping[str, SourceState]:
        """Return what is remembered of every source ever polled, by name."""
        ...

    def absorb_all(
        self, showings: Sequence[Showing], now: datetime
    ) -> Sequence[Absorbed | BaseException]:
        """Commit what several sources showed, together; return what each changed, in their order.

        One that cannot be written harms no other: what it raised is returned in its place.
        """
        ...

    def rename_source(self, former: str, name: str) -> None:
        """Commit a source's new name, under which all that it showed and that is remembered goes on."""
        ...

    def moves(self) -> Mapping[str, Move]:
        """Return where sources' addresses lead for good, by source."""
        ...

    def set_move(self, source: str, move: Move | None) -> None:
        """Commit where a source's address leads, or with None that it leads nowhere else."""
        ...


class PollOutcome(StrEnum):
    """What a poll came to."""

    READ = "read"
    UNCHANGED = "unchanged"
    FAILED = "failed"
    NOT_DUE = "not due"


@value_type(frozen=True, slots=True)
class Collected:
    """What one source brought: entries in its document, papers new and updated, and words."""

    source: str
    outcome: PollOutcome
    entries: int = 0
    new: int = 0
    updated: int = 0
    detail: str = ""
    alarm: bool = False

    @property
    def failed(self) -> bool:
        """Whether nothing could be had."""
        return self.outcome is PollOutcome.FAILED


@value_type(frozen=True, slots=True)
class PollingRound:
    """What a round of polls needs. `jitter` draws a number from 0 up to 1; `contact` is the owner's."""

    store: CollectStore
    fetcher: Fetcher
    workers: Workers
    now: datetime
    jitter: Callable[[], float] = lambda: 0.0
    token: Callable[[SourceSettings], str] = lambda _: ""
    contact: str = ""


class Poll:
    """One source in one round. `state` is what the store has of it, at every moment."""

    def __init__(
        self,
        source: SourceSettings,
        state: SourceState,
        moves: Mapping[str, Move],
        around: PollingRound,
        writer: Writer,
    ) -> None:
        self.source, self.state, self.around, self.writer = source, state, around, writer
        self.move = moves.get(source.name)
        self.first = state.last_ok is None
        self.elsewhere = polling.is_elsewhere(source, state)
        self.seen_before: datetime | None = None  # of a first round: what its documents show is old
        self.jitter = around.jitter()
        self.asked = 0
        self.stored_as_seen = 0
        self.relinked = False
        self.not_introducing: list[Sighting] = []
        self.shown: set[str] = set()  # guids: what several documents show is one entry
        self.page_before: frozenset[str] = frozenset()  # guids of the last page that had any

    async def report(self) -> Collected:
        """Ask for the document and for what is owed besides; return what they brought."""
        if not polling.is_due(self.source, self.state, self.around.now):
            return self._not_due()
        if sources.only_pages(self.source.kind):
            found = await self._pages(Collected(self.source.name, PollOutcome.UNCHANGED))
            return _with_words(found, *self._seen_in_words())
        found = await self._document()
        if found.outcome is not PollOutcome.FAILED:
            found = await self._pages(found)
        return _with_words(found, *self._seen_in_words())

    def _not_due(self) -> Collected:
        state = self.state
        if state.gone:
            return Collected(self.source.name, PollOutcome.NOT_DUE, detail=polling.in_words(state))
        when = f"{state.next_poll:%d %b %Y %H:%M} UTC" if state.next_poll else "it has gone"
        detail = f"{state.error}; next try {when}" if state.error else f"next poll {when}"
        return Collected(self.source.name, PollOutcome.NOT_DUE, detail=detail)

    def _seen_in_words(self) -> list[str]:
        """Say how many of the papers that are new to us no edition will offer."""
        if not self.stored_as_seen:
            return []
        if self.relinked:
            why = "not dated since its last answer"
        elif self.elsewhere or (self.first and not sources.only_pages(self.source.kind)):
            why = "older than `backfill`, or without a date"
        else:  # a first page begins where news does
            why = "published long before"
        return [f"{self.stored_as_seen} stored as seen, no news: {why}"]

    # ── The document ──

    async def _document(self) -> Collected:
        source, state, now = self.source, self.state, self.around.now
        beside = sources.beside(source, state, now)
        at = moving.asked_at(sources.address(source), self.move)
        contact = self.around.contact
        answer = await self._answer(
            lambda token: sources.request(source, state, now, token=token, contact=contact, at=at)
        )
        if isinstance(answer, Failure):
            failed = polling.after_failure(source, state, answer, now, self.jitter)
            return await self._failed(await self._not_at(at, failed))
        if isinstance(answer, NotModified):
            same = polling.after_not_modified(source, state, answer, now, self.jitter)
            return await self._unchanged(same, answer, beside)
        if polling.same_body(source, state, answer):
            same = polling.after_same_body(source, state, answer, now, self.jitter)
            return await self._unchanged(same, answer, beside)
        try:
            parsed, after = await self._understood(
                answer, partial(_read, source, state, answer, now, self.jitter)
            )
        except ParseError as error:
            failure = Failure(answer.url, str(error))
            failed = polling.after_unreadable(source, state, failure, now, self.jitter)
            await self._moving(None)
            return await self._failed(failed)
        answer = replace(answer, body=b"")  # many wait for the store, and their bytes need not
        absorbed = await self._absorb(parsed, polling.cut_off(after) if parsed.more else after)
        known = self.elsewhere or absorbed.new < len(parsed.sightings)
        after = polling.with_what_it_showed(source, state, after, known=known)
        words = [parsed.quiet, polling.stale_in_words(after) if after.stale_since else ""]
        words = [*filter(None, words), *parsed.warnings, *_relinked(absorbed)]
        moved = await self._moved(answer)
        if moved:
            after = _without_validators(after)
        found = Collected(
            source.name, PollOutcome.READ, self._entries(parsed), absorbed.new, absorbed.updated,
            "; ".join([*words, *moved]),
        )  # fmt: skip
        return await self._more(found, (*parsed.more, *beside), after)

    async def _more(
        self, found: Collected, addresses: Sequence[str], after: SourceState
    ) -> Collected:
        """Read the documents that go with the first, on top of `found`; `after` holds once all are.

        Where one cannot be had, what it had to say is owed, if it can be asked for in another way.
        """
        waiting, asked = deque(addresses), set[str]()
        problem = ""
        while waiting:
            if self.asked == MOST_REQUESTS:
                problem = problem or f"it goes on over more than {MOST_REQUESTS} documents"
                break
            url = waiting.popleft()
            if url in asked:
                continue
            asked.add(url)
            parsed = await self._part(url)
            if isinstance(parsed, Failure):
                problem = problem or parsed.problem
                if parsed.status in _NOT_NOW:
                    break
                continue
            absorbed = await self._absorb(parsed, self.state)
            if absorbed.new:
                after = polling.after_new_papers(after, self.around.now)
            found = self._with_page(found, parsed, absorbed)
            waiting.extend(parsed.more)
        if problem:
            after = polling.with_part_missing(self.source, after, problem, self.around.now)
            found = _with_words(found, f"may be incomplete: {problem}")
        if self.state != after:
            await self._save(after)
        return found

    async def _part(self, url: str) -> Parsed | Failure:
        source, now = self.source, self.around.now
        answer = await self._answer(
            lambda token: sources.more_request(source, url, token, self.around.contact)
        )
        if isinstance(answer, Failure):
            return answer
        if isinstance(answer, NotModified):
            return _unasked(answer)
        try:
            return await self._understood(answer, partial(sources.parse, source, answer, now))
        except ParseError as error:
            return Failure(answer.url, str(error))

    async def _answer(self, asking: Callable[[str], Request]) -> Document | NotModified | Failure:
        try:
            token = self.around.token(self.source)
        except ConfigError as error:
            return Failure(self.source.url, f"was not asked, its token is missing: {error}")
        self.asked += 1
        answer = await self.around.fetcher.fetch(asking(token))
        return sources.explained(self.source, answer) if isinstance(answer, Failure) else answer

    async def _understood(self, answer: Document, read: Callable[[], T]) -> T:
        """Read in the CPU's thread, or apart where it may never end. Raises ParseError."""
        workers = self.around.workers
        with suppress(PatienceError):
            return await workers.cpu(impatiently, read)
        try:
            return await (workers.apart or workers.cpu)(read)
        except ApartError as error:
            raise ParseError(f"{host_of(answer.url)} sent a document that {error}") from error

    async def _unchanged(
        self, same: SourceState, answer: Document | NotModified, beside: Sequence[str]
    ) -> Collected:
        await self._save(same)
        words = await self._moved(answer)
        found = Collected(self.source.name, PollOutcome.UNCHANGED, detail="; ".join(words))
        return await self._more(found, beside, _without_validators(same) if words else same)

    async def _failed(self, failed: SourceState) -> Collected:
        alarm = polling.newly_alarming(self.source, failed, self.around.now)
        await self._save(replace(failed, alarmed_at=self.around.now) if alarm else failed)
        detail = polling.in_words(failed)
        return Collected(self.source.name, PollOutcome.FAILED, detail=detail, alarm=alarm)

    # ── Where it has moved ──

    async def _moved(self, answer: Document | NotModified) -> list[str]:
        """Note where the address led for good; say so when it is taken at its word."""
        address = sources.address(self.source)
        before = moving.asked_at(address, self.move)
        await self._moving(moving.after_answer(address, self.move, answer))
        now = moving.asked_at(address, self.move)
        if now in (before, address):
            return []
        await self._save(_without_validators(self.state))
        told = logins.hidden(now)
        return [
            f"it has moved for good and is asked at {told} from now on: write that into its url"
        ]

    async def _not_at(self, at: str, failed: SourceState) -> SourceState:
        """Return the state of a failure, which is not the last word where it was asked elsewhere."""
        if at == sources.address(self.source):
            return failed
        await self._moving(None)
        return moving.not_there(failed)

    async def _moving(self, move: Move | None) -> None:
        if move != self.move:
            await self.around.workers.store(self.around.store.set_move, self.source.name, move)
            self.move = move

    # ── Page by page ──

    async def _pages(self, found: Collected) -> Collected:
        """Read the pages that are owed, as many as a round may ask for, on top of `found`."""
        span = sources.window(self.source, self.state, self.around.now)
        new, before = 0, found.entries
        while span is not None and self.asked < MOST_REQUESTS:
            page = await self._page(span)
            if isinstance(page, Failure):
                found = await self._interrupted(found, span, page)
                break
            parsed, left = page
            if parsed.sightings or left is None or left.start != span.start:
                after = polling.after_page(
                    self.source, self.state, span, left, self.around.now, self.jitter
                )
                absorbed = await self._absorb(parsed, after)
                new += absorbed.new
                found = self._with_page(found, parsed, absorbed)
            else:
                found = _with_words(found, *parsed.warnings)
            span = left
        else:
            if span is not None:
                await self._save(polling.with_more_to_read(self.state, self.around.now))
                found = _with_words(found, "there is more to read; the next round goes on with it")
        if found.entries > before and not sources.only_pages(self.source.kind):
            words = f"{found.entries - before} entries of the days before"
            found = _with_words(found, words)
        if new:
            await self._save(polling.after_new_papers(self.state, self.around.now))
        return found

    async def _page(self, span: Span) -> tuple[Parsed, Span | None] | Failure:
        source, now = self.source, self.around.now
        answer = await self._answer(
            lambda token: sources.page_request(source, span, token, self.around.contact)
        )
        if isinstance(answer, Failure):
            return answer
        if isinstance(answer, NotModified):
            return _unasked(answer)
        try:
            parsed, left = await self._understood(
                answer, partial(sources.read_page, source, span, answer, now)
            )
        except ParseError as error:
            return Failure(answer.url, str(error))
        if self._shown_again(parsed):
            problem = f"{host_of(answer.url)} sent the same page again in place of the next one"
            return Failure(answer.url, problem)
        return parsed, left

    def _shown_again(self, parsed: Parsed) -> bool:
        """Whether this page is the one before: whoever does not turn over would be asked for ever."""
        guids = frozenset(sighting.guid for sighting in parsed.sightings if sighting.guid)
        before, self.page_before = self.page_before, guids or self.page_before
        return bool(guids) and guids == before

    async def _interrupted(self, found: Collected, span: Span, failure: Failure) -> Collected:
        after = polling.after_page_failure(
            self.source, self.state, span, failure, self.around.now, self.jitter
        )
        if sources.only_pages(self.source.kind):
            failed = await self._failed(after)
            return replace(found, outcome=failed.outcome, detail=failed.detail, alarm=failed.alarm)
        await self._save(after)
        words = (
            f"may be incomplete: {failure.problem}; the days that were missed are asked for again"
        )
        return _with_words(found, words)

    # ── The store ──

    async def again(self, report: Collected) -> Collected:
        """Look again at what could not bring a paper by itself, now that all sources have told.

        arXiv's replacement of a paper that another source brought in this round counts whichever of
        the two answered first (DESIGN.md: nothing depends on the order of arrival).
        """
        if not self.not_introducing:
            return report
        absorbed = await self.writer.put(Showing(self.state, self.not_introducing))
        return replace(report, updated=report.updated + absorbed.updated)

    async def _absorb(self, parsed: Parsed, after: SourceState) -> Absorbed:
        introducing = _introducing(self.source)
        self.not_introducing += [s for s in parsed.sightings if s.event not in introducing]
        if (self.first or self.elsewhere) and self.seen_before is None:
            until = min(self.state.last_ok or self.around.now, self.around.now)
            self.seen_before = _seen_before(self.source, parsed, until)
        absorbed = await self.writer.put(
            Showing(
                after, parsed.sightings, introducing, self.seen_before,
                keep_guids=sources.keeps_guids(self.source.kind), elsewhere=self.elsewhere,
            )
        )  # fmt: skip
        self.state = after
        self.stored_as_seen += absorbed.seen
        self.relinked = self.relinked or absorbed.relinked > 0
        return absorbed

    def _entries(self, parsed: Parsed) -> int:
        """Count the entries that no document of this round has shown before."""
        guids = {sighting.guid for sighting in parsed.sightings if sighting.guid}
        unnamed = sum(not sighting.guid for sighting in parsed.sightings)
        before = len(self.shown)
        self.shown |= guids
        return len(self.shown) - before + unnamed

    def _with_page(self, found: Collected, parsed: Parsed, absorbed: Absorbed) -> Collected:
        """Return what was found together with what one more document or page brought."""
        more = replace(
            found,
            outcome=PollOutcome.READ,
            entries=found.entries + self._entries(parsed),
            new=found.new + absorbed.new,
            updated=found.updated + absorbed.updated,
        )
        return _with_words(more, *parsed.warnings)

    async def _save(self, state: SourceState) -> None:
        await self.writer.put(Showing(state))
        self.state = state


def _read(
    source: SourceSettings, state: SourceState, document: Document, now: datetime, jitter: float
) -> tuple[Parsed, SourceState]:
    """Return what a document says, and the source's state once that is stored. Raises ParseError."""
    parsed = sources.parse(source, document, now)
    return parsed, polling.after_document(source, state, document, parsed, now, jitter)


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


def _without_validators(state: SourceState) -> SourceState:
    """Return a state whose validators are forgotten: they were the old address's."""
    return replace(state, etag="", last_modified="")


def _relinked(absorbed: Absorbed) -> list[str]:
    if not absorbed.relinked:
        return []
    return [f"{absorbed.relinked} known entries came under new guids"]


def _unasked(answer: NotModified) -> Failure:
    return Failure(answer.url, "answered that nothing changed since a page never asked for")


def _with_words(found: Collected, *words: str) -> Collected:
    """Return it with these words too, each once: pages may all say the same."""
    said = dict.fromkeys((found.detail, *(word for word in words if word not in found.detail)))
    return replace(found, detail="; ".join(filter(None, said)))
