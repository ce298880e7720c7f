"""The web service, one of the doors: what is published, and the doors that a mail leads to.

GET never changes anything (scanners open every link): a page with buttons is shown, and POST acts
(RFC 8058). Nothing here knows a password or sets a cookie, and no address that was asked for is
logged: it may hold a token.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from urllib.parse import urlsplit

from aiohttp import web

from bot.app import App
from bot.errors import StateError
from bot.web import consent, doors, metrics, published, searching, votes
from bot.web.answers import CURRENT, LARGEST_FORM, LIMITS, CurrentApp, safely
from bot.web.conditional import Shelf
from bot.web.connections import accepting, runner_of
from bot.web.limits import Limits

__all__ = ["application", "listening"]


@asynccontextmanager
async def listening(
    current: Callable[[], App], wake: Callable[[], None] = lambda: None
) -> AsyncIterator[str]:
    """Serve on `[web] listen`; yield the address. Raises StateError where it is taken.

    `current` gives the App of the configuration that holds now; `wake` lets it send at once.
    """
    async with AsyncExitStack() as stack:
        site, settings = application(current, wake), current().config.web
        address = await stack.enter_async_context(_accepting(site, "listen", settings.listen))
        if settings.metrics:
            await stack.enter_async_context(_metrics_at(settings.metrics, current))
        yield address


@asynccontextmanager
async def _metrics_at(place: str, current: Callable[[], App]) -> AsyncIterator[None]:
    """Answer scrapes, and nothing else, on an address of their own. Raises StateError."""
    site = web.Application(client_max_size=LARGEST_FORM, middlewares=[safely])
    site[CURRENT] = CurrentApp(current)
    site.router.add_get("/metrics", metrics.metrics)
    async with _accepting(site, "metrics", place):
        yield


@asynccontextmanager
async def _accepting(site: web.Application, key: str, place: str) -> AsyncIterator[str]:
    host, _, port = place.rpartition(":")
    runner = runner_of(site)
    async with AsyncExitStack() as stack:
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        try:
            address = await stack.enter_async_context(
                accepting(runner, host.strip("[]") or "127.0.0.1", int(port))
            )
        except (OSError, ValueError) as error:
            raise StateError(f"[web] {key} = {place!r} cannot be used: {error}.") from error
        yield address


def application(
    current: Callable[[], App], wake: Callable[[], None] = lambda: None
) -> web.Application:
    """Return the routes, under the path that `base_url` has."""
    site = web.Application(client_max_size=LARGEST_FORM, middlewares=[safely])
    site[CURRENT] = CurrentApp(current, wake)
    site[LIMITS] = Limits()
    site[published.SHELF] = Shelf()
    site[searching.TURNS] = searching.Turns()
    prefix = urlsplit(current().config.bot.base_url).path.rstrip("/")
    site.router.add_get(f"{prefix}/subscribe", consent.show_subscribe)
    site.router.add_post(f"{prefix}/subscribe", consent.subscribe)
    site.router.add_get(f"{prefix}/confirm/{{token}}", consent.show_confirm)
    site.router.add_post(f"{prefix}/confirm/{{token}}", consent.confirm)
    site.router.add_get(f"{prefix}/manage/{{token}}", consent.show_manage)
    site.router.add_post(f"{prefix}/manage/{{token}}", consent.manage)
    site.router.add_get(f"{prefix}/manage/{{token}}/data", consent.data)
    site.router.add_get(f"{prefix}/feeds/private/{{token}}.{{form}}", consent.private_feed)
    site.router.add_get(f"{prefix}/unsubscribe/{{token}}", doors.show_way_out)
    site.router.add_post(f"{prefix}/unsubscribe/{{token}}", doors.take_way_out)
    site.router.add_get(f"{prefix}/feedback/{{token}}", doors.show_opinion)
    site.router.add_post(f"{prefix}/feedback/{{token}}", doors.give_opinion)
    site.router.add_get(f"{prefix}/vote", votes.show_paper)
    site.router.add_post(f"{prefix}/vote", votes.ask)
    site.router.add_get(f"{prefix}/vote/{{token}}", votes.show_vote)
    site.router.add_post(f"{prefix}/vote/{{token}}", votes.cast_vote)
    site.router.add_get(f"{prefix}/search", searching.show_search)
    for other in ("search/", "search/index.html"):  # how the files lead there
        site.router.add_get(f"{prefix}/{other}", searching.lead_to_search)
    site.router.add_get(f"{prefix}/health", published.health)
    site.router.add_get(f"{prefix}/metrics", metrics.near)
    site.router.add_get(f"{prefix}/{{path:.*}}", published.published)
    if prefix:  # as people type the public address
        site.router.add_get(prefix, published.lead_home)
    return site
