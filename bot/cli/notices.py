"""What systemd is told: ready, stopping, alive, and one line of status (sd_notify(3)).

A datagram to the socket that NOTIFY_SOCKET names, and nothing at all where none is named.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from contextlib import suppress

from bot.text import one_line, shorten
from bot.values import value_type

_LONGEST = 300  # characters of a status


@value_type(frozen=True, slots=True)
class Notices:
    """Where notices go (a path, or an abstract name after @; "" for nowhere).

    `watchdog` is within how many seconds systemd wants a sign of life, 0 where it wants none.
    """

    where: str = ""
    watchdog: float = 0.0

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Notices:
        """Read what systemd has put into the environment."""
        wanted = environment.get("WATCHDOG_USEC", "")
        # WATCHDOG_PID: it may have been meant for a process that started us (sd_watchdog_enabled(3)).
        ours = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        seconds = int(wanted) / 1_000_000 if ours and wanted.isdecimal() else 0.0
        return cls(environment.get("NOTIFY_SOCKET", ""), seconds)

    def ready(self) -> None:
        """Tell that the service is up."""
        self._send("READY=1")

    def stopping(self) -> None:
        """Tell that it is going down."""
        self._send("STOPPING=1")

    def alive(self) -> None:
        """Give the sign of life that the watchdog waits for."""
        if self.watchdog:
            self._send("WATCHDOG=1")

    def status(self, sentence: str) -> None:
        """Say in one line how things stand."""
        self._send(f"STATUS={shorten(one_line(sentence), _LONGEST)}")

    def _send(self, notice: str) -> None:
        if not self.where:
            return
        address = f"\0{self.where[1:]}" if self.where.startswith("@") else self.where
        # A service that cannot tell how it is still serves; and it must not wait to be read.
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sending:
            sending.setblocking(False)
            sending.sendto(notice.encode(), address)
