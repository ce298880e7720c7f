"""Services that the configuration names: what texts mean, summaries, what is known of papers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bot.apart import Apart
from bot.app.means import Means
from bot.errors import ConfigError, StateLockedError
from bot.files import workflow_lock
from bot.models import Failure, Request
from bot.ports import Fetcher

if TYPE_CHECKING:  # these load when they run: `once` with nothing due stays quick
    from bot.workflows.enrich import Enriched
    from bot.workflows.meaning import Meanings
    from bot.workflows.summarise import Summaries

_READING_SECONDS = 600.0  # what one run may spend on the meaning of texts
_BATCH_SECONDS = 120.0  # 32 texts take one or two, on a small machine twenty
_MODEL_MEMORY = 2**31  # bytes of addresses; a session holds 150 MB
_SERVICE_SECONDS = 60.0
_LARGEST_ANSWER = 8 * 2**20  # bytes: 32 vectors of 4096 numbers
_LOOPBACK = ("127.0.0.0/8", "::1/128")


class Services(Means):
    """Gives what asks them; where none is named, nobody is asked."""

    __slots__ = ()

    @asynccontextmanager
    async def meanings(self, seconds: float = _READING_SECONDS) -> AsyncIterator[Meanings]:
        """Give what tells what papers mean; it never does where the semantic tier is off or missing.

        Its process starts at the first text, and ends with the block. `seconds` bounds all reading.
        """
        from bot.embed import LocalEmbedder, RemoteEmbedder, model_of_package
        from bot.store.meaning import MeaningLedger
        from bot.workflows.meaning import Meanings

        semantic, config = self.config.semantic, self.config
        ledger = MeaningLedger(self.store.db)
        if semantic.use == "off":
            yield Meanings(None, None, self.workers)
        elif semantic.url:
            async with self.service(semantic.url) as fetcher:
                key = self._key_or_none(semantic.key)
                asked = RemoteEmbedder(fetcher, semantic.url, semantic.model, key)
                yield Meanings(asked, ledger, self.workers, seconds)
        elif semantic.file or model_of_package():
            own = config.resolve(semantic.file) if semantic.file else None
            with Apart(_BATCH_SECONDS, largest=_MODEL_MEMORY) as apart:
                yield Meanings(LocalEmbedder(apart, own), ledger, self.workers, seconds)
        else:
            yield Meanings(None, None, self.workers)

    @asynccontextmanager
    async def summaries(self) -> AsyncIterator[Summaries]:
        """Give what has papers summarised; it asks nobody where no service is named."""
        from bot.sources.summaries import Asker
        from bot.store.summaries import SummaryLedger
        from bot.workflows.summarise import Summaries

        told, now = self.config.summary, self.clock()
        if not told.url:
            yield Summaries(None, None, None, self.workers, now)
            return
        async with self.service(told.url) as fetcher:
            asker = Asker(told.url, told.model, self._key_or_none(told.key))
            ledger = SummaryLedger(self.store)
            yield Summaries(asker, fetcher, ledger, self.workers, now, told.most, told.tokens)

    @asynccontextmanager
    async def service(self, url: str) -> AsyncIterator[Fetcher]:
        """Give a fetcher for one service that the configuration names, and may be on this machine."""
        from bot.fetch import HttpFetcher

        fetch = self.config.fetch.allow_private
        # Whoever writes the address of their own machine means it; and nothing else is asked by this
        # one: what is sent with a body is never followed elsewhere.
        allowed = (*fetch, *_LOOPBACK) if _is_local(url) else fetch
        async with HttpFetcher(
            self.config.bot.contact, allowed, deadline=_SERVICE_SECONDS, spacing={},
            largest=_LARGEST_ANSWER,
        ) as fetcher:  # fmt: skip
            yield fetcher

    def _key_or_none(self, reference: str) -> str:
        try:
            return self.config.secret(reference)
        except ConfigError as error:
            self.warnings.append(str(error))
            return ""

    async def enrich(self) -> list[Enriched]:
        """Ask the services of `[bot] enrich` about new papers; return what each brought.

        Bounded in time. Where another process is at it, it does it alone. Raises StateError.
        """
        config = self.config
        if not config.bot.enrich:
            return []
        from bot.sources.enrichment import SERVICES
        from bot.sources.kinds import Caller
        from bot.store.enrichment import Enricher
        from bot.workflows.enrich import Asked, enrich

        # A service whose token is missing is asked without: it knows less, and says so itself.
        asked = [
            Asked(name, SERVICES[name], config.enrich.url(name),
                  Caller(self._token_of(name), config.bot.contact))
            for name in dict.fromkeys(config.bot.enrich)
        ]  # fmt: skip
        with suppress(StateLockedError):
            async with workflow_lock(config.state, "enrich", patience=0), self.fetcher() as fetcher:
                return await enrich(
                    asked, Enricher(self.store), fetcher, self.workers, self.clock()
                )
        return []

    def _token_of(self, service: str) -> str:
        try:
            return self.config.secret(self.config.enrich.token(service))
        except ConfigError as error:
            self.warnings.append(str(error))
            return ""

    async def heartbeat(self) -> str:
        """Ask the `[bot] heartbeat` address, where there is one; return what kept us from it, or ""."""
        url = self.config.bot.heartbeat
        if not url:
            return ""
        if not url.startswith("http"):
            try:
                url = self.config.secret(url)
            except ConfigError as error:
                return str(error)
        async with self.fetcher() as fetcher:
            answer = await fetcher.fetch(Request(url))
        return answer.problem if isinstance(answer, Failure) else ""


def _is_local(url: str) -> bool:
    host = (urlsplit(url).hostname or "").lower()
    return host in {"localhost", "::1"} or host.startswith("127.")
