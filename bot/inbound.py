"""The inbound door: a mail server hands mail over by LMTP (RFC 2033), on loopback or a socket."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from bot.app import App
from bot.errors import PaperroundError, StateError

log = logging.getLogger("paperround")

_LARGEST = 20_000_000  # bytes that a mail may have; what is kept of it is far less
_MOST_RECIPIENTS = 100
_SECONDS = 120.0
MOST_CONNECTIONS = 50  # a mail server opens a few, and each may hold a mail in memory


class _Taking:
    """Answers each recipient when the mail is committed, or not (RFC 2033 §4.2)."""

    def __init__(self, current: Callable[[], App], wake: Callable[[], None]) -> None:
        self._current, self._wake = current, wake

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: object, _session: object, envelope: object, address: str, _options: object
    ) -> str:
        recipients: list[str] = envelope.rcpt_tos  # type: ignore[attr-defined]
        if len(recipients) >= _MOST_RECIPIENTS:
            return "452 4.5.3 Too many recipients"
        recipients.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: object, _session: object, envelope: object) -> str:  # noqa: N802 - aiosmtpd's name
        recipients: list[str] = envelope.rcpt_tos  # type: ignore[attr-defined]
        raw: bytes = envelope.original_content or b""  # type: ignore[attr-defined]
        replies = [await self._take(raw, recipient) for recipient in recipients]
        self._wake()
        return "\r\n".join(replies)

    async def _take(self, raw: bytes, recipient: str) -> str:
        try:
            await self._current().take_in(raw, recipient)
        except PaperroundError as error:
            log.error("a mail could not be taken in: %s The mail server keeps it.", error)  # noqa: TRY400 - a sentence for people
            return "451 4.3.0 Not just now"
        return "250 2.0.0 Taken in"


@asynccontextmanager
async def taking_mail(current: Callable[[], App], wake: Callable[[], None]) -> AsyncIterator[str]:
    """Take mail by LMTP at `[inbound] host`; yield the place. Raises StateError where it is taken."""
    from aiosmtpd.lmtp import LMTP

    place = current().config.inbound.host
    taking = _Taking(current, wake)
    loop = asyncio.get_running_loop()

    places: set[object] = set()

    class Conversation(LMTP):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            places.add(self)
            super().connection_made(transport)

        def connection_lost(self, error: Exception | None) -> None:
            places.discard(self)
            super().connection_lost(error)

    def connected() -> asyncio.BaseProtocol:
        if len(places) >= MOST_CONNECTIONS:
            return _Full()
        return Conversation(
            taking, data_size_limit=_LARGEST, hostname=socket.gethostname(), ident="paperround",
            timeout=_SECONDS, loop=loop,
        )  # fmt: skip

    try:
        if place.startswith("/"):
            _clear(place)  # of a service that was killed
            before = os.umask(0o117)  # who shares our group may hand mail over, and nobody else
            try:
                server = await loop.create_unix_server(connected, place)
            finally:
                os.umask(before)
        else:
            host, _, port = place.rpartition(":")
            server = await loop.create_server(connected, host.strip("[]"), int(port))
    except OSError as error:
        raise StateError(f"[inbound] host = {place!r} cannot be used: {error}.") from error
    try:
        yield place
    finally:
        server.close()
        if place.startswith("/"):
            _clear(place)


class _Full(asyncio.Protocol):
    """Sends a mail server away for a while: all places are taken (RFC 5321 §3.8)."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            transport.write(b"421 4.3.2 Too many connections\r\n")
            transport.close()


def _clear(place: str) -> None:
    """Remove a socket; whatever else stands there is somebody's."""
    with suppress(OSError):
        if Path(place).is_socket():
            Path(place).unlink()
