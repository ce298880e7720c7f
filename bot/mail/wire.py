"""An SMTP connection after its greeting: commands out, replies in, several at once where it may be."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

import aiosmtplib

_LINE_LIMIT, _LINES_LIMIT = 8_000, 100  # a reply that is longer is none


class Wire(asyncio.Protocol):
    """An open connection: commands out, replies in, in their order.

    aiosmtplib opens it, encrypts and logs in. In what follows, a hundred messages or so, its own
    protocol loses replies that come together, as they do where commands go together (RFC 2920).
    """

    def __init__(self, client: aiosmtplib.SMTP) -> None:
        transport = client.transport
        if not isinstance(transport, asyncio.Transport) or transport.is_closing():
            raise aiosmtplib.SMTPServerDisconnected("the server hung up")
        self.pipelining = client.supports_extension("pipelining")
        self._transport = transport
        self._replies: deque[tuple[int, str]] = deque()
        self._rest = b""  # of a line that is not whole yet
        self._lines: list[bytes] = []  # of a reply that is not whole yet
        self._lost: OSError | None = None
        self._news: asyncio.Future[None] | None = None
        transport.set_protocol(self)

    @property
    def is_open(self) -> bool:
        """Whether nobody has hung up."""
        return self._lost is None and not self._transport.is_closing()

    def begin(self, commands: bytes) -> None:
        """Write the first commands of an exchange; what was said unasked before answers none.

        Raises OSError where the connection is lost.
        """
        self._replies.clear()
        self._rest, self._lines = b"", []
        self.write(commands)

    def write(self, content: bytes) -> None:
        """Write more. Raises OSError where the connection is lost."""
        if not self.is_open:  # a closed TLS transport would stumble over itself
            raise self._lost or ConnectionResetError("the server hung up")
        self._transport.write(content)

    def close(self) -> None:
        """Hang up."""
        self._transport.close()

    def abort(self) -> None:
        """Hang up at once: nobody waits for the goodbye of TLS."""
        self._transport.abort()

    async def ask(self, command: bytes, seconds: float) -> tuple[int, str]:
        """Write one command and return the reply to it, as `reply`."""
        self.begin(command)
        return await self.reply(seconds)

    async def reply(self, seconds: float) -> tuple[int, str]:
        """Return the next reply: its code, 0 for what is no SMTP, and its words.

        Raises OSError where the connection is lost, TimeoutError where none comes in time.
        """
        if not self._replies:
            async with asyncio.timeout(seconds):
                await self._heard()
        return self._replies.popleft()

    async def _heard(self) -> None:
        while not self._replies:
            if self._lost is not None:
                raise self._lost
            self._news = asyncio.get_running_loop().create_future()
            await self._news

    def data_received(self, data: bytes) -> None:
        """Take what the server says apart into replies of one line or several (RFC 5321 §4.2.1)."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._lines.append(line)
            if line[3:4] != b"-":
                self._replies.append(_read_reply(self._lines))
                self._lines = []
        too_many = max(len(self._lines), len(self._replies)) > _LINES_LIMIT
        if len(self._rest) > _LINE_LIMIT or too_many:
            self._replies.append((0, "an answer without end"))
            self._rest, self._lines = b"", []
            self._transport.abort()
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """Remember that nothing more will come."""
        self._lost = exc if isinstance(exc, OSError) else ConnectionResetError("the server hung up")
        self._wake()

    def _wake(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)


def _read_reply(lines: Sequence[bytes]) -> tuple[int, str]:
    code = lines[-1][:3]
    words = b"\n".join(line[4:].strip() for line in lines).decode("utf-8", "replace")
    return (int(code), words) if code.isdigit() else (0, f"an answer that is no SMTP: {words}")
