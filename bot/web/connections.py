"""How many may be connected, and for how long: a slow client costs a place, and not for ever."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

# Most systems give a process 1,024 open files; the store, the mail and the sources need theirs.
MOST_CONNECTIONS = 400
# Seconds. Idle, or still busy with a request's headers: a reverse proxy's pool waits about as long.
_IDLE = 30
# A connection is asked to end, then cut: whoever takes that long for a page does not read it.
_OLD = 120
_TOO_OLD = 150
_ENDING = 10
_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 30\r\nContent-Length: 0\r\n"
    b"Connection: close\r\n\r\n"
)

_log = logging.getLogger("paperround.web")


def _tells_of_us(record: logging.LogRecord) -> bool:
    """Return whether a record of aiohttp's is about a mistake of ours.

    Of a malformed request it logs a traceback with what was sent, which may be a token.
    """
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


_log.addFilter(_tells_of_us)


def runner_of(site: web.Application) -> web.AppRunner:
    """Return the server of a site; what it is sent is bounded in size and time."""
    return web.AppRunner(
        site,
        access_log=None,
        logger=_log,
        handle_signals=False,
        keepalive_timeout=_IDLE,
        lingering_time=_ENDING,
        shutdown_timeout=_ENDING,
        auto_decompress=False,  # no form of ours is compressed, and a bomb would be
    )


@asynccontextmanager
async def accepting(runner: web.AppRunner, host: str, port: int) -> AsyncIterator[str]:
    """Accept connections to a runner that is set up; yield the address. Raises OSError.

    aiohttp itself bounds neither how many there are nor how long a client may take to read.
    """
    server = runner.server
    if server is None:
        raise RuntimeError("the runner was not set up")

    def accept() -> asyncio.BaseProtocol:
        return server() if len(server.connections) < MOST_CONNECTIONS else _Full()

    listener = await asyncio.get_running_loop().create_server(accept, host, port)
    sweeping = asyncio.create_task(_sweep(server))
    try:
        bound = listener.sockets[0].getsockname()
        yield f"http://{f'[{bound[0]}]' if ':' in bound[0] else bound[0]}:{bound[1]}"
    finally:
        listener.close()
        sweeping.cancel()


async def _sweep(server: web.Server) -> None:
    """End the connections that have grown old, busy or not."""
    loop = asyncio.get_running_loop()
    since: dict[web.RequestHandler, float] = {}
    while True:
        now = loop.time()
        since = {each: since.get(each, now) for each in server.connections}
        for connection, begun in since.items():
            if now - begun >= _TOO_OLD and connection.transport is not None:
                _cut(connection.transport)
            elif now - begun >= _OLD:
                connection.close()
        await asyncio.sleep(_IDLE / 2)


def _cut(transport: asyncio.BaseTransport) -> None:
    # Not `abort`: a file that is just being sent would wait for ever for a socket that is closed.
    with suppress(OSError):
        transport.get_extra_info("socket").shutdown(socket.SHUT_RDWR)


class _Full(asyncio.Protocol):
    """Sends a client away: all places are taken."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            transport.write(_FULL)
            transport.close()
