"""`python -m benchmarks.poll_server FEEDS SECONDS`: three hundred servers of one feed each, on loopback.

Each feed has an address of its own (127.0.1.1, 127.0.1.2, …), as each has a host of its own in life.
Answers are made beforehand and carry an ETag; a request with it gets a 304. `SECONDS` is how long
each answer is held back. Prints the port, and serves until its standard input is closed.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import sys

from benchmarks.poll_feeds import feed

_TAG = re.compile(rb"\r\nif-none-match:\s*([^\r]+)", re.IGNORECASE)


def address(number: int) -> str:
    """Return the IPv4 address of a feed's server."""
    return f"127.0.{1 + number // 250}.{1 + number % 250}"


class _Answers:
    """The two answers of one feed."""

    def __init__(self, number: int, port: int) -> None:
        body = feed(number, f"http://{address(number)}:{port}")
        self.tag = b'"' + hashlib.sha256(body).hexdigest()[:16].encode() + b'"'
        head = b"Content-Type: application/xml\r\nETag: " + self.tag + b"\r\n"
        self.whole = (
            b"HTTP/1.1 200 OK\r\n" + head + b"Content-Length: %d\r\n\r\n" % len(body) + body
        )
        self.same = b"HTTP/1.1 304 Not Modified\r\n" + head + b"\r\n"


class _Connection(asyncio.Protocol):
    def __init__(self, answers: _Answers, seconds: float) -> None:
        self._answers, self._seconds = answers, seconds
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - so it is for TCP
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while b"\r\n\r\n" in self._received:
            head, _, self._received = self._received.partition(b"\r\n\r\n")
            asked = _TAG.search(b"\r\n" + head)
            same = asked is not None and self._answers.tag in asked.group(1)
            answer = self._answers.same if same else self._answers.whole
            closing = b"connection: close" in head.lower() or head.split(b"\r\n", 1)[0].endswith(
                b"1.0"
            )
            if self._seconds:
                loop = asyncio.get_running_loop()
                loop.call_later(self._seconds, self._answer, answer, closing)
            else:
                self._answer(answer, closing)

    def _answer(self, answer: bytes, closing: bool) -> None:
        if not self._transport.is_closing():
            self._transport.write(answer)
            if closing:
                self._transport.close()


async def _serve(feeds: int, seconds: float) -> None:
    loop = asyncio.get_running_loop()
    first = await loop.create_server(asyncio.Protocol, "127.0.0.1", 0)
    port: int = first.sockets[0].getsockname()[1]  # what is free there is free on the others
    for number in range(feeds):
        answers = _Answers(number, port)
        await loop.create_server(
            lambda answers=answers: _Connection(answers, seconds),  # type: ignore[misc]
            address(number),
            port,
            backlog=16,
        )
    print(port, flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), float(sys.argv[2])))
