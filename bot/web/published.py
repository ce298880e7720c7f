"""What is published, as files, and whether all is well."""

from __future__ import annotations

import asyncio
from pathlib import Path

from aiohttp import web

from bot.outputs.door_pages import home_path
from bot.web.answers import CURRENT
from bot.web.conditional import Copy, Shelf
from bot.web.missing import missing

_TYPES = {
    ".html": "text/html", ".css": "text/css", ".rss": "application/rss+xml",
    ".atom": "application/atom+xml", ".json": "application/feed+json", ".opml": "text/x-opml",
    ".png": "image/png", ".svg": "image/svg+xml",
}  # fmt: skip

SHELF: web.AppKey[Shelf] = web.AppKey("shelf", Shelf)


async def health(request: web.Request) -> web.Response:
    """Say whether a source alarms, which part of the service fails, and how the outbox stands.

    Anybody may ask: parts are named, what is wrong with them is for the log and `status`.
    """
    app = request.app[CURRENT].app
    states = await app.workers.store(app.store.source_states)
    outbox = await app.workers.store(app.store.count_waiting)
    failing = sorted(name for name, state in states.items() if state.alarmed_at)
    troubles = sorted({*app.troubles, *(["disk"] if app.full() else [])})
    ok = not failing and not troubles
    return web.json_response(
        {"ok": ok, "alarms": failing, "troubles": troubles, "outbox": outbox},
        status=200 if ok else 503,
    )


async def lead_home(request: web.Request) -> web.Response:
    """Lead from the public address, where it has a path, to what lies below it."""
    raise web.HTTPMovedPermanently(home_path(request.app[CURRENT].app.config.bot))


async def published(request: web.Request) -> web.StreamResponse:
    """Serve a file of the public folder; a folder's address gets its index."""
    site = request.app
    folder, shelf = site[CURRENT].public, site[SHELF]
    # Most ask for what was just asked for: to see that it is still the same file takes no thread.
    if (again := shelf.take(folder, request.path)) is not None:
        return again.answer(request)
    public = folder.resolve()
    try:
        path = (public / request.match_info["path"]).resolve()
        indexed = path.is_dir()
        found = (path / "index.html" if indexed else path).is_file()
    except (OSError, ValueError):  # a name that no file can have
        found = False
    # Looked at only after links were followed: one that leads away leads nowhere.
    if not found or not path.is_relative_to(public) or _hidden(path.relative_to(public)):
        return await missing(request, public)
    if indexed and not request.path.endswith("/"):
        # One slash: a browser takes two for another host's address.
        raise web.HTTPMovedPermanently(f"/{request.rel_url.raw_path.strip('/')}/")
    path = path / "index.html" if indexed else path
    try:
        copy = await asyncio.to_thread(Copy.of, path, _type(path))
    except FileNotFoundError:  # withdrawn in between
        raise web.HTTPNotFound from None
    shelf.put(folder, request.path, copy)
    return copy.answer(request)


def _hidden(path: Path) -> bool:
    """Return whether something in a path begins with a dot: a note of ours, or half a file."""
    return any(part.startswith(".") for part in path.parts)


def _type(path: Path) -> str:
    known = _TYPES.get(path.suffix, "application/octet-stream")
    textual = known.startswith("text/") or known.endswith(("xml", "json"))
    return f"{known}; charset=utf-8" if textual else known
