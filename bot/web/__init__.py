"""The web service, one of the doors: what is published, and the way out of a digest.

GET never changes anything (scanners open every link): a page with one button is shown, and POST acts
(RFC 8058). Nothing here knows a password or sets a cookie.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import web

from bot.app import App
from bot.errors import StateError
from bot.outputs.pages import unsubscribe_page
from bot.workflows import subscribe

log = logging.getLogger("paperround")

_LARGEST_BODY = 64 * 1024
_HEADERS = {
    # No script, no third party, no frame: a hostile title that got past escaping would still be mute.
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_TYPES = {
    ".html": "text/html", ".css": "text/css", ".rss": "application/rss+xml",
    ".atom": "application/atom+xml", ".json": "application/feed+json", ".opml": "text/x-opml",
    ".png": "image/png", ".svg": "image/svg+xml",
}  # fmt: skip

_APP: web.AppKey[Callable[[], App]] = web.AppKey("paperround")


@asynccontextmanager
async def listening(current: Callable[[], App]) -> AsyncIterator[str]:
    """Serve on `[web] listen`; yield the address. Raises StateError where it is taken.

    `current` gives the App of the configuration that holds now.
    """
    app = current()
    host, _, port = app.config.web.listen.rpartition(":")
    runner = web.AppRunner(application(current), access_log=None, handle_signals=False)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host.strip("[]") or "127.0.0.1", int(port)).start()
        except (OSError, ValueError) as error:
            raise StateError(
                f"[web] listen = {app.config.web.listen!r} cannot be used: {error}."
            ) from error
        bound = runner.addresses[0]
        yield f"http://{bound[0]}:{bound[1]}"
    finally:
        await runner.cleanup()


def application(current: Callable[[], App]) -> web.Application:
    """Return the routes, under the path that `base_url` has."""
    site = web.Application(client_max_size=_LARGEST_BODY, middlewares=[_safely])
    site[_APP] = current
    prefix = urlsplit(current().config.bot.base_url).path.rstrip("/")
    site.router.add_get(f"{prefix}/unsubscribe/{{token}}", _show_way_out)
    site.router.add_post(f"{prefix}/unsubscribe/{{token}}", _take_way_out)
    site.router.add_get(f"{prefix}/health", _health)
    site.router.add_get(f"{prefix}/{{path:.*}}", _published)
    return site


@web.middleware
async def _safely(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    try:
        response = await handler(request)
    except web.HTTPException as error:
        error.headers.update(_HEADERS)
        raise
    response.headers.update(_HEADERS)
    return response


async def _show_way_out(request: web.Request) -> web.Response:
    return await _way_out(request, act=False)


async def _take_way_out(request: web.Request) -> web.Response:
    # The body (urlencoded or multipart) says nothing that the token does not: it is not read.
    return await _way_out(request, act=True)


async def _way_out(request: web.Request, *, act: bool) -> web.Response:
    app = request.app[_APP]()
    ask = subscribe.take_way_out if act else subscribe.show_way_out
    found = await ask(request.match_info["token"], app.store, app.workers, app.founding.secret)
    if found is None:
        raise web.HTTPNotFound(text="This link is not valid, or not any more.")
    body = unsubscribe_page(
        bot=app.config.bot,
        address=found.address,
        profiles=[app.config.profiles[n] for n in found.profiles if n in app.config.profiles],
        done=act,
        render=app.renderer(),
    )
    return web.Response(body=body, content_type="text/html", charset="utf-8",
        headers={"Cache-Control": "no-store"})  # fmt: skip


async def _health(request: web.Request) -> web.Response:
    app = request.app[_APP]()
    states = await app.workers.store(app.store.source_states)
    outbox = await app.workers.store(app.store.count_deliveries)
    failing = sorted(name for name, state in states.items() if state.alarmed_at)
    return web.json_response(
        {"ok": not failing, "alarms": failing, "outbox": outbox}, status=503 if failing else 200
    )


async def _published(request: web.Request) -> web.StreamResponse:
    """Serve a file of the public folder; a folder's address gets its index."""
    public = request.app[_APP]().config.state / "public"
    try:
        path = (public / request.match_info["path"]).resolve()
        folder = path.is_dir()
        found = (path / "index.html" if folder else path).is_file()
    except (OSError, ValueError):  # a name that no file can have
        found = False
    # What begins with a dot is a note of ours, or half a file.
    if not found or not path.is_relative_to(public) or path.name.startswith("."):
        raise web.HTTPNotFound(text="There is no such page.")
    if folder and not request.path.endswith("/"):
        raise web.HTTPMovedPermanently(request.rel_url.raw_path + "/")
    path = path / "index.html" if folder else path
    return web.FileResponse(path, headers={"Content-Type": _type(path)})


def _type(path: Path) -> str:
    known = _TYPES.get(path.suffix, "application/octet-stream")
    textual = known.startswith("text/") or known.endswith(("xml", "json"))
    return f"{known}; charset=utf-8" if textual else known
