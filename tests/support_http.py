"""A real HTTP server on loopback for tests, with routes that misbehave.

`Site` serves what a test puts on a path, records every request, and can be made to answer with raw
bytes for what no well-behaved server would send.
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from typing import TypeVar

from aiohttp import web

Answering = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Site:
    """Paths and what they answer.

    `requests` are (path with query, headers by lower-cased name), `times` when each came, in seconds.
    """

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.times: list[float] = []
        self.port = 0
        self._routes: dict[str, Answering] = {}
        self._hung = asyncio.Event()

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    def put(self, path: str, body: bytes | str = b"", status: int = 200, **headers: str) -> None:
        """Answer a path with a body; header names are written with `_` for `-`."""
        content = body.encode() if isinstance(body, str) else body
        named = {name.replace("_", "-"): value for name, value in headers.items()}

        async def answer(_: web.Request) -> web.Response:
            return web.Response(body=content, status=status, headers=named)

        self._routes[path] = answer

    def put_with_validators(
        self, path: str, body: bytes, etag: str = "", last_modified: str = "", then_etag: str = ""
    ) -> None:
        """Answer 304 to a matching condition, with `then_etag` as its new ETag where given."""

        async def answer(request: web.Request) -> web.Response:
            told = {"ETag": etag, "Last-Modified": last_modified}
            headers = {name: value for name, value in told.items() if value}
            asked = request.headers
            if (etag and asked.get("If-None-Match") == etag) or (
                last_modified and asked.get("If-Modified-Since") == last_modified
            ):
                if then_etag:
                    headers["ETag"] = then_etag
                return web.Response(status=304, headers=headers)
            return web.Response(body=body, headers=headers)

        self._routes[path] = answer

    def redirect(self, path: str, to: str, status: int = 302) -> None:
        self.put(path, status=status, Location=to)

    def put_slow(self, path: str, pieces: int = 1000, pause: float = 0.05) -> None:
        """Answer a byte at a time, for ever as far as a test is concerned."""

        async def answer(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse()
            await response.prepare(request)
            for _ in range(pieces):
                await response.write(b"<")
                await asyncio.sleep(pause)
            return response

        self._routes[path] = answer

    def put_raw(self, path: str, raw: bytes) -> None:
        """Write these bytes on the connection, whatever they are, and close it."""

        async def answer(request: web.Request) -> web.StreamResponse:
            transport = request.transport
            assert transport is not None
            transport.write(raw)
            transport.close()
            return web.Response()

        self._routes[path] = answer

    def put_call(self, path: str, answering: Answering) -> None:
        """Let a function answer a path; one that ends in `/` stands for all below it."""
        self._routes[path] = answering

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.times.append(time.monotonic())
        seen: Mapping[str, str] = request.headers
        self.requests.append((request.path_qs, {k.lower(): v for k, v in seen.items()}))
        found = self._routes.get(request.path)
        if found is None:
            below = (path for path in self._routes if path != "/" and path.endswith("/"))
            found = next((self._routes[p] for p in below if request.path.startswith(p)), None)
        if found is None:
            return web.Response(status=404, text="nothing here")
        return await found(request)


@asynccontextmanager
async def serving() -> AsyncIterator[Site]:
    """Serve a Site on a free port of 127.0.0.1."""
    site = Site()
    runner = web.ServerRunner(web.Server(site.answer), shutdown_timeout=0.1)
    await runner.setup()
    listening = socket.create_server(("127.0.0.1", 0))
    site.port = listening.getsockname()[1]
    await web.SockSite(runner, listening).start()
    try:
        yield site
    finally:
        await runner.cleanup()


Server = TypeVar("Server")


@contextmanager
def in_a_thread(server_of: Callable[[], AbstractAsyncContextManager[Server]]) -> Iterator[Server]:
    """Run an asynchronous server of the tests beside a test that waits for processes."""
    loop, ready, stop = asyncio.new_event_loop(), threading.Event(), asyncio.Event()
    found: list[Server] = []

    async def run() -> None:
        async with server_of() as server:
            found.append(server)
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),))
    thread.start()
    try:
        assert ready.wait(60)
        yield found[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(60)
        loop.close()
