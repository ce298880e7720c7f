"""serve: the lanes of the service and the web beside them, on one loop, until told to stop."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.app import App, open_app
from bot.cli.notices import Notices
from bot.cli.opening import configuration, warn_of_not_yet
from bot.cli.service import Service
from bot.errors import StateLockedError
from bot.files import workflow_lock
from bot.inbound import taking_mail
from bot.ports import Clock
from bot.scheduler import TICK_SECONDS, run_lanes
from bot.web import listening

log = logging.getLogger("paperround")

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
# Service managers and containers give 30 s or more to those who ask for it; the lanes take 27.5.
_LAST_SECONDS = 28.0
_LOOKED_AT_SECONDS = 1.0  # who looks whether a lock is held has it for a moment


def serve(args: argparse.Namespace) -> int:
    """Run until told to stop (SIGTERM, SIGINT); what is under way then is ended, not cut."""
    config = configuration(args)
    warn_of_not_yet(config)
    logging.getLogger("paperround").setLevel(logging.DEBUG if args.verbose else logging.INFO)
    with open_app(config, _clock(args.now), watched=args.now is None) as app:
        # A clock that --now set is not the machine's: nothing is to be learnt from its leaps.
        asyncio.run(_serve(app, _running if args.now is None else None))
    log.info("stopped; nothing was left half done")
    return 0


def _clock(start: datetime | None) -> Clock:
    """Return the machine's clock; --now sets it, and it runs on from there."""
    if start is None:
        return lambda: datetime.now(UTC)
    begun = time.monotonic()
    return lambda: start + timedelta(seconds=time.monotonic() - begun)


def _running() -> float:
    """Return seconds that only ever go forward; where the system can tell, also while it sleeps."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


async def _serve(app: App, running: Callable[[], float] | None) -> None:
    stop = asyncio.Event()
    notices = Notices.of(os.environ)
    # A sign of life at each tick, and two before systemd would miss it.
    every = min(TICK_SECONDS, notices.watchdog / 2 or TICK_SECONDS)
    service = Service(app, stop, notices=notices, running=running, every=every)
    _stop_on_signals(stop, notices)
    async with AsyncExitStack() as doors:
        await doors.enter_async_context(_alone(app.config.state))
        address = await doors.enter_async_context(_web(service, stop))
        if app.config.inbound.kind == "lmtp":
            place = await doors.enter_async_context(
                taking_mail(lambda: service.app, service.wake_inbound)
            )
            log.info("taking mail by LMTP at %s", place)
        log.info("serving %s; stop with SIGTERM", address)
        notices.ready()
        try:
            await run_lanes(service.lanes, stop, service.round, every)
        finally:
            stop.set()
            await service.leave()


@asynccontextmanager
async def _alone(state: Path) -> AsyncIterator[None]:
    """Exclude every other `serve` on this state folder."""
    async with AsyncExitStack() as stack:
        try:
            await stack.enter_async_context(
                workflow_lock(state, "serve", patience=_LOOKED_AT_SECONDS)
            )
        except StateLockedError as error:
            raise StateLockedError(
                "Another `paperround serve` runs on this state folder already; one is enough. Every "
                "other command works beside it."
            ) from error
        yield


@asynccontextmanager
async def _web(service: Service, stop: asyncio.Event) -> AsyncIterator[str]:
    """Serve the web until `stop`, and close it while the lanes end; yield the address."""
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def listen() -> None:
        try:
            async with listening(lambda: service.app, service.wake_mail) as address:
                ready.set_result(address)
                await stop.wait()
        except Exception as error:
            if ready.done():
                raise
            ready.set_exception(error)

    web = asyncio.create_task(listen(), name="web")
    try:
        yield await ready
    finally:
        stop.set()
        await web


def _stop_on_signals(stop: asyncio.Event, notices: Notices) -> None:
    """Let the first signal begin the end, and the second be the end."""
    loop = asyncio.get_running_loop()

    def begin_to_stop() -> None:
        for each in _SIGNALS:
            loop.remove_signal_handler(each)
            signal.signal(each, signal.SIG_DFL)
        notices.stopping()
        log.info(
            "stopping: what is under way is ended, within 30 s; a second signal ends at once, and "
            "loses nothing that was committed"
        )
        last = threading.Timer(_LAST_SECONDS, _end_now)
        last.daemon = True
        last.start()
        stop.set()

    for each in _SIGNALS:
        loop.add_signal_handler(each, begin_to_stop)


def _end_now() -> None:
    """End whatever hangs (a look-up of a name cannot be cut off): all that counts is committed."""
    log.warning(
        "something did not end in time and is left; what was committed is kept, and a message that "
        "was in flight goes once more with the same bytes"
    )
    with suppress(OSError, ValueError):
        logging.shutdown()
    os._exit(0)
