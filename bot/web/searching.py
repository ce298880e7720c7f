"""The door to the archive: what is asked of it by words, and by likeness to a paper."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from bot.identity import parse_identifier
from bot.outputs.door_pages import home_path
from bot.outputs.search_pages import (
    Answer,
    refused_search_page,
    search_page,
    similar_page,
    unknown_paper_page,
)
from bot.schedule import local_date
from bot.text.query import read_query
from bot.web.answers import CURRENT, LONGEST_NAME
from bot.workflows import find

_SHOWN = 30
# What was searched for is nobody's business, and no search engine needs every search of ours.
_HEADERS = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex"}


class Turns:
    """Searches go one by one, and few may wait: a dear one takes a second of the threads that mail needs."""

    def __init__(self, most: int = 8) -> None:
        self._left, self._turn = most, asyncio.Lock()

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Wait for a turn, and hold it. Raises HTTPServiceUnavailable where too many wait already."""
        if not self._left:
            raise web.HTTPServiceUnavailable
        self._left -= 1
        try:
            async with self._turn:
                yield
        finally:
            self._left += 1


TURNS: web.AppKey[Turns] = web.AppKey("turns", Turns)


async def show_search(request: web.Request) -> web.Response:
    """Answer `?q=words` and `?like=PAPER`; without either, show the field."""
    async with request.app[TURNS].one():
        return await _answered(request)


async def _answered(request: web.Request) -> web.Response:
    if like := request.query.get("like", "").strip():
        return await _alike(request, like)
    current = request.app[CURRENT]
    app, typed = current.app, request.query.get("q", "").strip()
    today = local_date(app.clock(), app.config.bot.timezone)
    bot = app.config.bot
    if typed and read_query(typed).empty:
        page = await app.workers.cpu(refused_search_page, bot, typed, today, current.render)
        return _page(page, 400)
    stored = await app.workers.store(app.store.count_papers)
    found = find.Found()
    if typed:
        found = await find.look(typed, app.store, app.workers, _SHOWN, fill=True)
    answer = Answer([paper for paper, _ in found.papers], found.instead, found.near)
    page = await app.workers.cpu(search_page, bot, typed, answer, stored, today, current.render)
    return _page(page)


async def _alike(request: web.Request, named: str) -> web.Response:
    current = request.app[CURRENT]
    app = current.app
    today = local_date(app.clock(), app.config.bot.timezone)
    wanted = parse_identifier(named[:LONGEST_NAME])
    known = await app.workers.store(app.store.lookup, [wanted]) if wanted else []
    if not known:
        return _page(unknown_paper_page(app.config.bot, named, today, current.render), 404)
    found = await find.similar(known[0], app.store, app.workers, _SHOWN)
    papers = [each.paper for each in found]
    page = await app.workers.cpu(
        similar_page, app.config.bot, known[0], papers, today, current.render
    )
    return _page(page)


async def lead_to_search(request: web.Request) -> web.Response:
    """Lead from where the files say that there is a search to the one that answers."""
    home = home_path(request.app[CURRENT].app.config.bot)
    query = request.rel_url.raw_query_string
    raise web.HTTPFound(f"{home}search{'?' if query else ''}{query}")


def _page(body: bytes, status: int = 200) -> web.Response:
    return web.Response(
        body=body, status=status, content_type="text/html", charset="utf-8", headers=_HEADERS
    )
