"""`python -m benchmarks.deliver_proxy PORT SERVER SECONDS`: a far mail server made of a near one.

What the server says arrives that much later; what the client says goes on at once. Nothing is read,
so that the proxy is not what is measured.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque


class _Out(asyncio.Protocol):
    """The side to the server: its words are held back."""

    def __init__(self, client: asyncio.Transport, delay: float) -> None:
        self._client, self._delay = client, delay
        self._held: deque[bytes] = deque()

    def data_received(self, data: bytes) -> None:
        """Hold a reply back."""
        self._held.append(data)
        asyncio.get_running_loop().call_later(self._delay, self._let_go)

    def _let_go(self) -> None:
        said = self._held.popleft()
        if not self._client.is_closing():
            self._client.write(said)

    def connection_lost(self, exc: Exception | None) -> None:
        """Hang up too, after the last words."""
        del exc
        asyncio.get_running_loop().call_later(self._delay, self._client.close)


class _In(asyncio.Protocol):
    """The side to the client: its words go on as they come."""

    def __init__(self, port: int, delay: float) -> None:
        self._port, self._delay = port, delay
        self._client: asyncio.Transport | None = None
        self._server: asyncio.Transport | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._early: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connect to the server as well."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - so it is for TCP
        self._client = transport
        self._connecting = asyncio.ensure_future(self._connect(transport))

    async def _connect(self, client: asyncio.Transport) -> None:
        loop = asyncio.get_running_loop()
        server, _ = await loop.create_connection(
            lambda: _Out(client, self._delay), "127.0.0.1", self._port
        )
        server.writelines(self._early)
        self._server = server
        if client.is_closing():
            server.close()

    def data_received(self, data: bytes) -> None:
        """Pass it on."""
        if self._server is None:
            self._early.append(data)
        else:
            self._server.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Hang up too."""
        del exc
        if self._server is not None:
            self._server.close()


async def _serve(port: int, server: int, delay: float) -> None:
    loop = asyncio.get_running_loop()
    listening = await loop.create_server(
        lambda: _In(server, delay), "127.0.0.1", port, backlog=1000
    )
    await listening.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
