"""/metrics: how all stands, for a Prometheus on this machine, or on an address of its own."""

from __future__ import annotations

import ipaddress
from datetime import timedelta
from importlib.metadata import PackageNotFoundError, version

from aiohttp import web

from bot.app import App
from bot.outputs.metrics import CONTENT_TYPE, Snapshot, exposition
from bot.web.answers import CURRENT
from bot.web.limits import network_of

_DAY, _WEEK = timedelta(days=1), timedelta(days=7)
_OF_PROXIES = ("X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Forwarded", "Via")


async def near(request: web.Request) -> web.Response:
    """Answer a caller of this machine; for others, and where metrics have their own address: 404."""
    settings = request.app[CURRENT].app.config.web
    if settings.metrics or not _is_near(request, settings.trusted_proxies):
        raise web.HTTPNotFound
    return await metrics(request)


async def metrics(request: web.Request) -> web.Response:
    """Answer a scrape."""
    app = request.app[CURRENT].app
    told = exposition(await app.workers.store(snapshot, app))
    return web.Response(body=told.encode(), headers={"Content-Type": CONTENT_TYPE})


def _is_near(request: web.Request, trusted: tuple[str, ...]) -> bool:
    # A proxy on this machine that is not said to be trusted says that it speaks for another. Be the
    # first of its lines empty: that one is the client's own.
    if not trusted and any(name in request.headers for name in _OF_PROXIES):
        return False
    try:
        return ipaddress.ip_network(network_of(request, trusted)).is_loopback
    except ValueError:
        return False


def snapshot(app: App) -> Snapshot:
    """Return how all stands: for the store's thread."""
    store, config, now = app.store, app.config, app.clock()
    states = store.source_states()
    editions = {name: store.last_edition(name) for name in config.profiles}
    return Snapshot(
        version=_version(),
        now=now,
        sources={s.name: states[s.name] for s in config.sources if s.name in states},
        editions={name: last.made_at if last else None for name, last in editions.items()},
        papers=store.count_papers(),
        subscriptions=store.count_subscriptions(),
        waiting=store.count_waiting(),
        held=bool(store.hold_of_all()),
        sent_at=store.last_sent(),
        sent_in_a_day=store.sent_since(now - _DAY),
        reports=store.count_bounces(now - _WEEK),
        alarms=[each.key for each in store.known_alarms() if each.since is not None],
        troubles=app.troubles,
        room=app.room(),
        database=app.size(),
    )


def _version() -> str:
    try:
        return version("paperround")
    except PackageNotFoundError:  # a checkout that was never installed
        return "unknown"
