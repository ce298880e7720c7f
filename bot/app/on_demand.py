"""Ways out that open, and load their libraries, when they are first asked for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import cache
from typing import TYPE_CHECKING

from bot.loading import load
from bot.models import Document, Failure, NotModified, Request
from bot.ports import Fetcher, Mailer, MailSession

if TYPE_CHECKING:  # these load when they run: `once` with nothing due stays quick
    from bot.config import Config
    from bot.fetch import HttpFetcher


@asynccontextmanager
async def fetching(
    config: Config, hear: Callable[[Document | NotModified], None] = lambda _: None
) -> AsyncIterator[Fetcher]:
    """Give a fetcher by a configuration alone, for what needs no state folder.

    `hear` is told each answer that came.
    """
    async with AsyncExitStack() as stack:
        yield FetcherOnDemand(config, stack, hear)


class FetcherOnDemand:
    """A Fetcher that opens the HTTP client when it is first asked, on the stack that closes it."""

    def __init__(
        self,
        config: Config,
        stack: AsyncExitStack,
        hear: Callable[[Document | NotModified], None],
        paused: Mapping[str, float] | None = None,
    ) -> None:
        self._config, self._stack, self._hear = config, stack, hear
        self._paused = dict(paused or {})
        self._opening = asyncio.Lock()
        self._opened: HttpFetcher | None = None

    def pauses(self) -> dict[str, float]:
        """Return for how many more seconds which hosts are to be left alone."""
        return self._paused if self._opened is None else self._opened.pauses()

    async def fetch(self, request: Request) -> Document | NotModified | Failure:
        """Make one conditional GET."""
        answer = await (self._opened or await self._fetcher()).fetch(request)
        if not isinstance(answer, Failure):
            self._hear(answer)
        return answer

    async def _fetcher(self) -> HttpFetcher:
        async with self._opening:
            if self._opened is None:
                # Loading it takes a fifth of a second, for which the loop need not stand still.
                await asyncio.to_thread(load, "bot.fetch")
                from bot.fetch import HttpFetcher

                self._opened = await self._stack.enter_async_context(
                    HttpFetcher(
                        contact=self._config.bot.contact,
                        allow_private=self._config.fetch.allow_private,
                        paused=self._paused,
                    )
                )
            return self._opened


class MailerOnDemand:
    """A Mailer that is made, and its library loaded, for the first session."""

    def __init__(self, made: Callable[[], Mailer]) -> None:
        self._made = cache(made)  # one for all sessions: they share its rate

    def session(self) -> AbstractAsyncContextManager[MailSession]:
        """Open a connection that is reused for several messages."""
        return self._made().session()
