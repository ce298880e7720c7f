"""summarise: what is new in the papers that were picked, said by a service; never waited for long.

An edition is made whatever becomes of it: where there is no summary, the abstract's own key sentences
stand. A day has a bound on how often it is asked and on the tokens that takes; a service that fails
rests, longer each time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from bot import lifecycle
from bot.errors import ParseError
from bot.models import Document, Failure, Paper, ServiceRest
from bot.ports import Fetcher, Workers
from bot.ranking.told import digest_of
from bot.sources import summaries
from bot.sources.enrichment import rest_after
from bot.sources.jsonanswers import in_its_words
from bot.sources.summaries import Asker

MOST_SECONDS = 60.0
_DAY = timedelta(days=1)


class SummaryStore(Protocol):
    """What summaries are kept in."""

    def asked_of(self, papers: Sequence[int], model: str) -> dict[int, bytes]:
        """Return of which papers this model was asked, and the digest of what it read."""
        ...

    def spent(self, since: datetime) -> tuple[int, int]:
        """Return how often a service was asked after `since`, and how many tokens that took."""
        ...

    def keep(
        self, paper: int, digest: bytes, model: str, said: str, tokens: int, now: datetime
    ) -> None:
        """Commit what was said of a paper, and what it took."""
        ...

    def rest(self) -> ServiceRest:
        """Return until when the service is left alone."""
        ...

    def set_rest(self, rest: ServiceRest) -> None:
        """Commit until when the service is left alone."""
        ...


@dataclass(slots=True)
class Summaries:
    """Asks for summaries in one run. Without an asker it never does.

    `most` papers and `tokens` are for any 24 hours, `seconds` for the run. `problem` is a sentence,
    "" for none.
    """

    asker: Asker | None
    fetcher: Fetcher | None
    store: SummaryStore | None
    workers: Workers
    now: datetime
    most: int = 0
    tokens: int = 0
    seconds: float = MOST_SECONDS
    problem: str = ""

    async def of(self, papers: Iterable[Paper]) -> int:
        """Have these papers summarised that were not yet; return how many were. Raises StateError."""
        if self.asker is None or self.store is None or self.problem or self.seconds <= 0:
            return 0
        rest = await self.workers.store(self.store.rest)
        if rest.until is not None and self.now < rest.until:
            self.problem = f"{rest.problem}; asked again after {rest.until:%d %b %H:%M} UTC"
            return 0
        told = {
            paper.id: asked
            for paper in papers
            if paper.id and not lifecycle.is_withdrawn(paper)
            and (asked := summaries.asked_about(paper))
        }  # fmt: skip
        known = await self.workers.store(self.store.asked_of, list(told), self.asker.model)
        done, clock = 0, asyncio.get_running_loop().time
        started, waiting = clock(), False
        try:
            async with asyncio.timeout(self.seconds):
                for paper, asked in told.items():
                    if known.get(paper) == digest_of(asked):
                        continue
                    if not await self._may_ask(asked):
                        break
                    waiting = True
                    if not await self._about(paper, asked):
                        break
                    waiting, done = False, done + 1
        except TimeoutError:
            words = f"no answer within {self.seconds:.0f} s"
            if waiting:
                await self._failed(Failure("", words))
            self.problem = f"{words} for all of them; the next run goes on"
        self.seconds -= clock() - started
        return done

    async def _may_ask(self, asked: str) -> bool:
        assert self.store is not None  # noqa: S101 - the caller asked
        count, tokens = await self.workers.store(self.store.spent, self.now - _DAY)
        return count < self.most and tokens + summaries.cost_of(asked) <= self.tokens

    async def _about(self, paper: int, asked: str) -> bool:
        """Ask one question and commit the answer; return whether to go on."""
        assert self.asker and self.fetcher and self.store  # noqa: S101, PT018 - the caller asked
        answer = await self.fetcher.fetch(summaries.request(self.asker, asked))
        if not isinstance(answer, Document):
            return await self._failed(
                in_its_words(answer, self.asker.key)
                if isinstance(answer, Failure)
                else Failure("", "it answered nothing")
            )
        try:
            found = await self.workers.cpu(summaries.read, answer, asked, self.asker.key)
        except ParseError as error:
            return await self._failed(Failure(answer.url, str(error)))
        await self.workers.store(
            self.store.keep, paper, digest_of(asked), self.asker.model, found.said, found.tokens,
            self.now,
        )  # fmt: skip
        rest = await self.workers.store(self.store.rest)
        if rest.failures:
            await self.workers.store(self.store.set_rest, ServiceRest())
        return True

    async def _failed(self, failure: Failure) -> bool:
        assert self.store is not None  # noqa: S101 - the caller asked
        failures = (await self.workers.store(self.store.rest)).failures + 1
        until = self.now + rest_after(failures, failure.retry_after)
        await self.workers.store(self.store.set_rest, ServiceRest(failures, until, failure.problem))
        self.problem = f"{failure.problem}; asked again after {until:%d %b %H:%M} UTC"
        return False
