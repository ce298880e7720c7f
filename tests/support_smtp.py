"""A real SMTP server (aiosmtpd) on loopback for tests, which misbehaves as it is told.

`Relay.on("RCPT", "550 5.1.1 nobody here")` answers a phase so; `CLOSE` hangs up instead, `HANG` says
nothing for ever. What was taken for good is in `taken`.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email import message_from_bytes
from email.policy import default

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

CLOSE, HANG, CLOSE_AFTER_TAKING = "close", "hang", "close after taking"
PHASES = ("GREETING", "EHLO", "MAIL", "RCPT", "DATA", "CONTENT")


@dataclass(frozen=True, slots=True)
class Taken:
    """A message that the relay has: it is its own from now on, whatever it answered."""

    recipient: str
    content: bytes
    connection: int

    @property
    def message_id(self) -> str:
        return str(message_from_bytes(self.content, policy=default)["Message-ID"])


class Relay:
    """The server's mind: what it was told to do, and what it has seen."""

    def __init__(self) -> None:
        self.port = 0
        self.pipelining = False
        self.connections = 0
        self.taken: list[Taken] = []
        self.logins: list[tuple[str, str]] = []
        self.watch: Callable[[str, str], None] = lambda _phase, _recipient: None
        self._plans: dict[str, tuple[str, int]] = {}
        self._open: list[_Server] = []

    def hang_up_all(self) -> None:
        """Close every connection, as a server does that is restarted."""
        for connection in self._open:
            connection.hang_up()

    def say_to_all(self, words: bytes) -> None:
        """Say something that nobody asked for."""
        for connection in self._open:
            if connection.transport is not None:
                connection.transport.write(words)

    def on(self, phase: str, answer: str, times: int = 1_000_000) -> Relay:
        """Answer a phase so, the next `times` that it is reached."""
        assert phase in PHASES
        self._plans[phase] = (answer, times)
        return self

    def planned(self, phase: str) -> str:
        """Return what to do now in this phase, "" for the usual."""
        answer, times = self._plans.get(phase, ("", 0))
        self._plans[phase] = (answer, times - 1)
        return answer if times > 0 else ""

    @property
    def recipients(self) -> list[str]:
        return [message.recipient for message in self.taken]

    async def handle_EHLO(self, _server, session, _envelope, hostname, responses):  # noqa: N802 - aiosmtpd's name
        session.host_name = hostname
        return ["250-PIPELINING", *responses] if self.pipelining else responses

    async def handle_DATA(self, server: _Server, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        recipient = envelope.rcpt_tos[0]
        content = envelope.original_content or b""
        self.watch("CONTENT", recipient)
        plan = self.planned("CONTENT")
        if not plan or plan == CLOSE_AFTER_TAKING or plan.startswith("2"):
            self.taken.append(Taken(recipient, content, server.number))
        if plan == HANG:
            await asyncio.sleep(60)
        if plan in (CLOSE, CLOSE_AFTER_TAKING):
            server.hang_up()
            return ""
        if plan.startswith("421"):
            asyncio.get_running_loop().call_soon(server.hang_up)
        return plan or "250 OK"


class _Server(SMTP):
    """One connection."""

    def __init__(self, relay: Relay, **options: object) -> None:
        super().__init__(relay, hostname="relay.test", **options)  # type: ignore[arg-type]
        self.relay = relay
        relay.connections += 1
        self.number = relay.connections
        relay._open.append(self)  # noqa: SLF001 - its own connection

    def hang_up(self) -> None:
        if self.transport is not None:
            self.transport.close()

    async def push(self, status):
        if self.transport is None or self.transport.is_closing() or status == "":
            return
        with contextlib.suppress(ConnectionError):
            await super().push(status)

    async def _did(self, phase: str) -> bool:
        """Do what is planned for the phase; return whether anything was."""
        recipients = self.envelope.rcpt_tos if self.envelope else []
        self.relay.watch(phase, recipients[0] if recipients else "")
        plan = self.relay.planned(phase)
        if plan == HANG:
            await asyncio.sleep(60)
        elif plan == CLOSE:
            self.hang_up()
        elif plan:
            await self.push(plan)
            if plan.startswith(("421", "554 No")):
                self.hang_up()
        return bool(plan)

    async def _handle_client(self) -> None:
        if not await self._did("GREETING"):
            await super()._handle_client()

    async def smtp_EHLO(self, arg):  # noqa: N802 - aiosmtpd's name
        if not await self._did("EHLO"):
            await super().smtp_EHLO(arg)

    async def smtp_MAIL(self, arg):  # noqa: N802 - aiosmtpd's name
        if not await self._did("MAIL"):
            await super().smtp_MAIL(arg)

    async def smtp_RCPT(self, arg):  # noqa: N802 - aiosmtpd's name
        if not await self._did("RCPT"):
            await super().smtp_RCPT(arg)

    async def smtp_DATA(self, arg):  # noqa: N802 - aiosmtpd's name
        if not await self._did("DATA"):
            await super().smtp_DATA(arg)


@asynccontextmanager
async def a_relay(
    *,
    certificate: ssl.SSLContext | None = None,
    implicit: ssl.SSLContext | None = None,
    password: str = "",
    pipelining: bool = False,
) -> AsyncIterator[Relay]:
    """Serve on a free port: with STARTTLS, TLS from the first byte, or a login where asked for."""
    relay = Relay()
    relay.pipelining = pipelining
    options: dict[str, object] = {"tls_context": certificate}
    if password:

        def authenticate(_server, _session, _envelope, _mechanism, login):
            given = (login.login.decode(), login.password.decode())
            relay.logins.append(given)
            return AuthResult(success=given[1] == password, handled=False)

        # aiosmtpd knows of no encryption but STARTTLS, and warns of logins without.
        starttls = certificate is not None
        options |= {
            "authenticator": authenticate,
            "auth_require_tls": starttls,
            "auth_required": starttls,
        }
    loop = asyncio.get_running_loop()
    # A queue as long as a flood of connections: none is refused for being early. (A socket made by
    # hand would know no TCP_NODELAY here, and each conversation would pause for 40 ms.)
    server = await loop.create_server(
        lambda: _Server(relay, loop=loop, **options), "127.0.0.1", 0, backlog=100, ssl=implicit
    )
    relay.port = server.sockets[0].getsockname()[1]
    try:
        yield relay
    finally:
        server.close()
        relay.hang_up_all()
        await asyncio.sleep(0.01)  # the connections' own goodbyes
