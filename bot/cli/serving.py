"""serve: the round for ever, and the web service beside it, on one loop."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import time
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from bot.app import App, kept_files, open_app
from bot.cli.opening import configuration, warn_of_not_yet
from bot.config import load_config, read_from
from bot.errors import ConfigError, PaperroundError, StateLockedError
from bot.files import workflow_lock
from bot.ports import Clock
from bot.scheduler import run_rounds
from bot.web import listening
from bot.workflows.collect import Outcome

log = logging.getLogger("paperround")


def serve(args: argparse.Namespace) -> int:
    """Run until told to stop (SIGTERM, SIGINT); what is under way then is ended, not cut."""
    config = configuration(args)
    warn_of_not_yet(config)
    logging.getLogger("paperround").setLevel(logging.DEBUG if args.verbose else logging.INFO)
    with open_app(config, _clock(args.now)) as app:
        asyncio.run(_serve(app))
    return 0


def _clock(start: datetime | None) -> Clock:
    """Return the machine's clock; --now sets it, and it runs on from there."""
    if start is None:
        return lambda: datetime.now(UTC)
    begun = time.monotonic()
    return lambda: start + timedelta(seconds=time.monotonic() - begun)


async def _serve(app: App) -> None:
    stop = asyncio.Event()
    service = _Service(app, stop)
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stop.set)
    state = service.app.config.state
    try:
        async with (
            workflow_lock(state, "serve", patience=0),
            listening(lambda: service.app) as address,
        ):
            log.info("serving %s; stop with SIGTERM", address)
            await run_rounds(service.round, stop)
    except StateLockedError as error:
        raise StateLockedError(
            "Another `paperround serve` runs on this state folder already; one is enough. Every "
            "other command works beside it."
        ) from error
    log.info("stopped; nothing was left half done")


class _Service:
    """The App that holds now: an edited configuration is picked up before the next round."""

    def __init__(self, app: App, stop: asyncio.Event | None = None) -> None:
        self.app = app
        self._stop = stop or asyncio.Event()
        self._stood = self._files()

    def _files(self) -> dict[Path, tuple[int, int]]:
        """Return what the configuration is read from now, each file with its time and size."""
        found: dict[Path, tuple[int, int]] = {}
        for path in read_from(self.app.config):
            with suppress(OSError):
                found[path] = (path.stat().st_mtime_ns, path.stat().st_size)
        return found

    async def round(self) -> None:
        """Do whatever is due; trouble of one part is told, and keeps no other from its work."""
        await self._reload()
        for part in (self._collect, self._compose, self._publish, self._deliver):
            if self._stop.is_set():
                break
            try:
                await part()
            except PaperroundError as error:
                log.error("%s", error)  # noqa: TRY400 - a sentence for people, no traceback
        for sentence in self.app.warnings:
            log.warning("%s", sentence)
        self.app.warnings.clear()

    async def _reload(self) -> None:
        stands = self._files()
        if stands == self._stood:
            return
        self._stood = stands
        try:
            config = load_config(self.app.config.path, kept_files)
        except ConfigError as error:
            log.error("the edited configuration is wrong; the last good one holds:\n%s", error)  # noqa: TRY400 - as above
            return
        if config.state != self.app.config.state or config.web != self.app.config.web:
            log.warning("a new state folder or [web] takes a restart; the old one holds until then")
            config = config.model_copy(update={
                "bot": config.bot.model_copy(update={"state": str(self.app.config.state)}),
                "web": self.app.config.web,
            })  # fmt: skip
        if urlsplit(config.bot.base_url).path != urlsplit(self.app.config.bot.base_url).path:
            log.warning("a new path in base_url takes a restart: pages are still at the old one")
        self.app = replace(self.app, config=config)
        store = self.app.store
        await self.app.workers.store(store.keep_files, config.good_files, config.wrong_files)
        warn_of_not_yet(config)
        log.info("the edited configuration holds from now on")

    async def _collect(self) -> None:
        for each in await self.app.collect():
            if each.outcome is Outcome.FAILED:
                log.warning("%s: %s", each.source, each.detail)
            elif each.outcome is not Outcome.NOT_DUE:
                log.info("%s: %d entries, %d new", each.source, each.entries, each.new)

    async def _compose(self) -> None:
        for each in await self.app.compose():
            log.info("%s: edition %d, %d papers", each.profile, each.edition.number, each.new)

    async def _publish(self) -> None:
        published = await self.app.publish()
        if published.changed:
            log.info("%d feeds and pages changed", len(published.changed))

    async def _deliver(self) -> None:
        report = await self.app.deliver(patient=True, stop=self._stop)
        if report.ended:
            log.info(
                "deliveries: %s", ", ".join(f"{n} {s}" for s, n in sorted(report.ended.items()))
            )
        for problem in report.problems:
            log.warning("%s", problem)
