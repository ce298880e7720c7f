"""Somebody on the wire between us and a mail server, who listens, and may change what is said."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

Change = Callable[[bytes], bytes | None]
_SOON = 0.05


class Wire:
    """What went over it: `heard` are all bytes of the clients. `port` leads to the server.

    `change` is given what the server says, in pieces, and returns what the client hears instead;
    None cuts the line.
    """

    def __init__(self, port: int, change: Change) -> None:
        self._server, self._change = port, change
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._listening.settimeout(_SOON)
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._answer)]
        self._heard: list[bytes] = []
        self.port = int(self._listening.getsockname()[1])

    @property
    def heard(self) -> bytes:
        return b"".join(self._heard)

    @property
    def words(self) -> list[str]:
        """The commands that could be read, without what follows them."""
        return [word.decode() for word in re.findall(rb"(?m)^([A-Z]{4,8})\b", self.heard)]

    def start(self) -> None:
        self._threads[0].start()

    def end(self) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join(5)
        self._listening.close()

    def _answer(self) -> None:
        while not self._ended.is_set():
            with suppress(TimeoutError):
                client, _ = self._listening.accept()
                server = socket.create_connection(("127.0.0.1", self._server))
                for pair in (
                    (client, server, self._remember),
                    (server, client, self._change),
                ):
                    thread = threading.Thread(target=self._carry, args=pair)
                    self._threads.append(thread)
                    thread.start()

    def _remember(self, said: bytes) -> bytes:
        self._heard.append(said)
        return said

    def _carry(self, speaker: socket.socket, listener: socket.socket, change: Change) -> None:
        speaker.settimeout(_SOON)
        with speaker, suppress(OSError):
            while not self._ended.is_set():
                try:
                    said = speaker.recv(65536)
                except TimeoutError:
                    continue
                passed = change(said) if said else None
                if passed is None:
                    break
                listener.sendall(passed)
            for end in (listener, speaker):
                end.shutdown(socket.SHUT_RDWR)


@contextmanager
def wire_to(port: int, change: Change = lambda said: said) -> Iterator[Wire]:
    """Put a wire before a server on loopback."""
    wire = Wire(port, change)
    wire.start()
    try:
        yield wire
    finally:
        wire.end()
