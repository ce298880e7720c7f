"""enrich: what services know of the papers we have, beside everything else and never in its way.

A run is bounded in requests and in time, and each answer is committed by itself. A service that fails
rests, longer each time, and is told as a warning: nothing waits for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import field, replace
from datetime import datetime
from functools import partial
from typing import Protocol

from bot.errors import ParseError
from bot.models import Document, Enrichment, Failure, Paper, Scheme, ServiceRest
from bot.ports import Fetcher, Workers
from bot.sources.enrichment import NEWS, EnrichmentService, again_after, lacking, rest_after
from bot.sources.kinds import Caller
from bot.values import value_type

MOST_REQUESTS = 10  # to one service in one run
MOST_SECONDS = 30.0
_AT_ONCE = 50  # papers in one transaction: nobody waits long for the store
_REFUSED = frozenset({400, 404, 414})  # HTTP: the question was understood, and has no answer


class EnrichStore(Protocol):
    """What `enrich` reads and writes."""

    def to_ask(
        self, service: str, schemes: Collection[Scheme], since: datetime, now: datetime, most: int
    ) -> list[Paper]:
        """Return papers to ask a service about, those never asked about first."""
        ...

    def put(
        self,
        service: str,
        answers: Sequence[tuple[Paper, Enrichment | None, datetime]],
        now: datetime,
    ) -> int:
        """Commit what a service said; return how many papers gained by it."""
        ...

    def rest_of(self, service: str) -> ServiceRest:
        """Return until when a service is left alone."""
        ...

    def set_rest(self, service: str, rest: ServiceRest) -> None:
        """Commit until when to leave a service alone."""
        ...


@value_type(frozen=True, slots=True)
class Asked:
    """One service to ask: its name, what it is, its address ("": its own), and who asks."""

    name: str
    service: EnrichmentService
    url: str = ""
    caller: Caller = field(default_factory=Caller)


@value_type(frozen=True, slots=True)
class Enriched:
    """What one service brought: papers asked about, known, and filled in; `problem` is a sentence."""

    service: str
    asked: int = 0
    known: int = 0
    gained: int = 0
    problem: str = ""


async def enrich(
    services: Sequence[Asked],
    store: EnrichStore,
    fetcher: Fetcher,
    workers: Workers,
    now: datetime,
    seconds: float = MOST_SECONDS,
) -> list[Enriched]:
    """Ask the services about new papers, each by itself; return one report each, in their order.

    Ends after `seconds`, whatever a service does. Raises StateError.
    """
    runs = [_Run(each, store, fetcher, workers, now) for each in services]
    try:
        async with asyncio.timeout(seconds):
            await asyncio.gather(*(run.ask() for run in runs))
    except TimeoutError:
        for run in runs:
            await run.interrupted(seconds)
    return [run.report for run in runs]


class _Run:
    def __init__(
        self, asked: Asked, store: EnrichStore, fetcher: Fetcher, workers: Workers, now: datetime
    ) -> None:
        self._asked, self._store, self._fetcher = asked, store, fetcher
        self._workers, self._now = workers, now
        self._rest = ServiceRest()
        self._done = self._waiting = False
        self.report = Enriched(asked.name)

    async def ask(self) -> None:
        """Ask until nothing is left to ask, the service fails, or this run has asked enough."""
        name, service = self._asked.name, self._asked.service
        self._rest = await self._workers.store(self._store.rest_of, name)
        if self._rest.until is not None and self._now < self._rest.until:
            self.report = replace(self.report, problem=_resting(self._rest))
        else:
            for _ in range(MOST_REQUESTS):
                papers = await self._workers.store(
                    self._store.to_ask, name, service.schemes, self._now - NEWS, self._now,
                    service.most,
                )  # fmt: skip
                if not papers or not await self._about(papers):
                    break
        self._done = True

    async def interrupted(self, seconds: float) -> None:
        """Note that time was over; a service that was waited for rests, or it would be each time."""
        if self._waiting:
            await self._failed(Failure("", f"it did not answer within {seconds:g} s"))
        elif not self._done:
            words = f"not done within {seconds:g} s; the next run goes on with it"
            self.report = replace(self.report, problem=words)

    async def _about(self, papers: Sequence[Paper]) -> bool:
        """Ask one question and commit the answer; return whether to go on."""
        name, service = self._asked.name, self._asked.service
        request = service.signed(service.request(self._asked.url, papers), self._asked.caller)
        self._waiting = True
        answer = await self._fetcher.fetch(request)
        self._waiting = False
        found: list[Enrichment | None] = [None] * len(papers)
        if isinstance(answer, Failure) and answer.status in _REFUSED:
            # One paper that it cannot even look up must not stand in the way of all others for ever.
            words = f"{answer.problem} to a question about {len(papers)} papers"
            self.report = replace(self.report, problem=words)
        elif isinstance(answer, Document):
            try:
                found = await self._workers.cpu(service.read, papers, answer)
            except ParseError as error:
                return await self._failed(Failure(answer.url, str(error)))
        elif isinstance(answer, Failure):
            return await self._failed(answer)
        if self._rest.failures:
            self._rest = ServiceRest()
            await self._workers.store(self._store.set_rest, name, self._rest)
        await self._commit(papers, found)
        return True

    async def _commit(self, papers: Sequence[Paper], found: Sequence[Enrichment | None]) -> None:
        answers = [
            (paper, lacking(paper, said) if said else None, self._now + again_after(said))
            for paper, said in zip(papers, found, strict=True)
        ]
        for start in range(0, len(answers), _AT_ONCE):
            some = answers[start : start + _AT_ONCE]
            put = partial(self._store.put, self._asked.name, some, self._now)
            gained = await self._workers.store(put)
            self.report = replace(
                self.report,
                asked=self.report.asked + len(some),
                known=self.report.known + sum(said is not None for _, said, _ in some),
                gained=self.report.gained + gained,
            )

    async def _failed(self, failure: Failure) -> bool:
        failures = self._rest.failures + 1
        until = self._now + rest_after(failures, failure.retry_after)
        self._rest = ServiceRest(failures, until, failure.problem)
        await self._workers.store(self._store.set_rest, self._asked.name, self._rest)
        self.report = replace(self.report, problem=_resting(self._rest))
        return False


def _resting(rest: ServiceRest) -> str:
    """Say the same for as long as a service rests: a log then tells it once."""
    return f"{rest.problem}; asked again after {rest.until:%d %b %H:%M} UTC"
