"""The only SMTP. Messages are bytes that were built once; nothing here looks into them.

`SmtpMailer` and `MaildirMailer` fill `ports.Mailer`; `CapturingMailer` is the fake for tests.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Self

import aiosmtplib

from bot.errors import MailError
from bot.mail.wire import Wire
from bot.manners import Bucket
from bot.models import Attempt, Envelope, Phase, Verdict
from bot.text import one_line, shorten

_CONNECT_SECONDS = 30.0
_COMMAND_SECONDS = 300.0  # RFC 5321 §4.5.3.2.2 and following
_DATA_SECONDS = 600.0  # RFC 5321 §4.5.3.2.6: the other side may take ten minutes after the dot
_CONNECTION_SECONDS = 60.0  # servers drop older ones, and then nobody knows what arrived
_GOODBYE_SECONDS = 5.0
_CLOSING = 421
_BAD_CREDENTIALS = 535  # RFC 4954 §6
_ENCRYPTED_LOGINS = ("plain", "login", "cram-md5")
_PLAIN_LOGINS = ("cram-md5", "plain", "login")
_MAILBOX_FULL = 552
_SMTP = 25
_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")
_GOOGLE = (".gmail.com", ".google.com")
_WRONG_KIND = ". Google takes an app password here, not the account's: https://myaccount.google.com/apppasswords"
_NOBODY_THERE = "cannot be used: nobody answers there. Is it running, and are host and port right?"
_USUAL_HERE = ' On a machine\'s own it is mostly port = 25, with tls = "none".'
_NO_SUCH_NAME = "cannot be used: nobody knows that name. Is [mail] host right, and the network up?"
_SYNTAX = 501  # RFC 5321 §4.2.2, as a server would answer it
_TAKEN, _SEND_NOW = 200, 354
_TRANSIENT, _PERMANENT = 400, 500  # RFC 5321 §4.2.1: 4yz is for now, 5yz for good


class _WithoutServer:
    """A way out that ends on this machine: it is always there, and takes as much as comes."""

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Self]:
        """Nothing to connect to."""
        yield self

    def wait(self) -> float:
        """Nobody has to be spared."""
        return 0.0

    def turn(self) -> float:
        """Nobody has to be spared."""
        return 0.0


class MaildirMailer(_WithoutServer):
    """Delivers into a Maildir: mail without a mail server.

    `put(folder, name, content)` writes one message and returns whether it was new
    (`files.deliver_to_maildir`).
    """

    def __init__(self, folder: Path, put: Callable[[Path, str, bytes], bool]) -> None:
        self._folder, self._put = folder, put

    async def send(self, envelope: Envelope) -> Attempt:
        """Write the message; the same message again is recognised by its name.

        Raises StateError where the folder cannot be written: then nothing more should be sent.
        """
        digest = hashlib.sha256(envelope.message_id.encode()).hexdigest()[:24]
        name = f"{envelope.delivery}.{digest}.paperround"
        content = envelope.content.replace(b"\r\n", b"\n")
        await asyncio.to_thread(self._put, self._folder, name, content)
        return Attempt(Verdict.SENT, Phase.DONE, 250, "in the Maildir")


class SmtpMailer:
    """Sends by SMTP over connections that are reused, never faster than `rate` messages a second.

    The rate holds for all its sessions together; `reuse` is how many messages one connection carries.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        tls: str,
        username: str = "",
        password: str = "",
        rate: float = 10.0,
        reuse: int = 100,
    ) -> None:
        self._host, self._port, self._tls = host, port, tls
        self._username, self._password = username, password
        self._bucket = Bucket(rate)
        self._reuse = reuse

    @asynccontextmanager
    async def session(self) -> AsyncIterator[SmtpSession]:
        """Connect, encrypt and log in. Raises MailError that says which of them failed."""
        session = SmtpSession(self._connect, self._bucket, self._reuse)
        await session.open()
        try:
            yield session
        finally:
            await session.close()

    async def _connect(self) -> Wire:
        client = aiosmtplib.SMTP(
            hostname=self._host,
            port=self._port,
            local_hostname=_our_name(),
            use_tls=self._tls == "tls",
            # True, not None: encryption that is asked for is never silently given up.
            start_tls=self._tls == "starttls",
            timeout=_CONNECT_SECONDS,
        )
        try:
            await client.connect()
            await _greet(client)
            if self._username:
                await self._log_in(client)
            return Wire(client)
        except (aiosmtplib.SMTPException, OSError, TimeoutError, UnicodeError) as error:
            client.close()  # UnicodeError: a host that is no name
            raise MailError(self._explain(error)) from error
        except asyncio.CancelledError:  # told to stop meanwhile
            client.close()
            raise

    async def _log_in(self, client: aiosmtplib.SMTP) -> None:
        """Log in, trying a password that was refused no second time: three can lock an account."""
        encrypted = client.get_transport_info("sslcontext") is not None
        order = _ENCRYPTED_LOGINS if encrypted else _PLAIN_LOGINS
        offered = [name for name in order if name in client.supported_auth_methods]
        if not offered:
            raise aiosmtplib.SMTPException("SMTP AUTH is not offered")
        ways = {
            "plain": client.auth_plain,
            "login": client.auth_login,
            "cram-md5": client.auth_crammd5,
        }
        for name in offered:
            try:
                await ways[name](self._username, self._password)
            except aiosmtplib.SMTPAuthenticationError as error:
                # CRAM-MD5 also fails where the server has the password as a hash only.
                refused = error.code == _BAD_CREDENTIALS and name != "cram-md5"
                if refused or name == offered[-1]:
                    raise
            else:
                return

    def _explain(self, error: Exception) -> str:
        cause = error.__cause__ or error
        problem = self._refusal(error, cause) or self._no_way_there(cause)
        if not problem and isinstance(error, TimeoutError):
            problem = f"did not answer within {_CONNECT_SECONDS:.0f} s"
            if self._tls != "tls":  # a server that waits for TLS says nothing first
                problem += '; where it expects TLS at once (port 465), [mail] tls = "tls"'
        if not problem:
            problem = f"cannot be used: {_said(str(error)) or type(error).__name__}"
        end = "" if problem.endswith(("?", ".")) else "."
        where = f"The mail server {self._host}:{self._port}"
        return f"{where} {problem}{end} The digests are kept and tried again."

    def _refusal(self, error: Exception, cause: BaseException) -> str:
        """Return what the server said or did that was no way to mail, "" where it did nothing."""
        if isinstance(cause, ssl.SSLCertVerificationError):
            here = '; on this machine, [mail] tls = "none" is as safe' if self._is_here() else ""
            return f"shows a certificate that is not trusted ({_said(cause.verify_message)}){here}"
        if isinstance(cause, ssl.SSLError) and cause.reason == "WRONG_VERSION_NUMBER":
            return 'speaks no TLS at first; [mail] tls = "starttls" or "none" are the other ways'
        if isinstance(error, aiosmtplib.SMTPAuthenticationError):
            said = f"refused the login ({error.code} {_said(error.message)})"
            return said + (_WRONG_KIND if self._host.lower().endswith(_GOOGLE) else "")
        if isinstance(error, aiosmtplib.SMTPResponseException):
            return f"answered {error.code} {_said(error.message)}"
        if "SMTP AUTH" in str(error):
            return 'offers no login here; [mail] username = "" goes without one'
        if "starttls" in str(error).lower():
            return 'offers no STARTTLS; [mail] tls = "tls" or "none" are the other ways'
        return ""

    def _no_way_there(self, cause: BaseException) -> str:
        if isinstance(cause, ConnectionRefusedError):
            return _NOBODY_THERE + (_USUAL_HERE if self._is_here() and self._port != _SMTP else "")
        return _NO_SUCH_NAME if isinstance(cause, socket.gaierror) else ""

    def _is_here(self) -> bool:
        return self._host.lower() in _THIS_MACHINE


class SmtpSession:
    """A connection that is renewed when it is worn or lost."""

    def __init__(self, connect: Callable[[], Awaitable[Wire]], bucket: Bucket, reuse: int) -> None:
        self._connect = connect
        self._bucket, self._reuse = bucket, reuse
        self._wire: Wire | None = None
        self._sent = 0
        self._opened = 0.0

    async def open(self) -> None:
        """Connect now, so that a wrong password is known before any message is claimed."""
        self._wire = await self._connect()
        self._sent = 0
        self._opened = asyncio.get_running_loop().time()

    async def close(self) -> None:
        """Say goodbye; a server that has gone already doesn't matter."""
        if self._wire is not None:
            with suppress(OSError, TimeoutError):
                await self._wire.ask(b"QUIT\r\n", _GOODBYE_SECONDS)
            self._wire.abort()
            self._wire = None

    def wait(self) -> float:
        """Return how many seconds the rate asks to wait, of all connections together."""
        return self._bucket.wait(asyncio.get_running_loop().time())

    def turn(self) -> float:
        """Take the next place that the rate gives; return how many seconds to wait for it."""
        return self._bucket.take(asyncio.get_running_loop().time())

    async def send(self, envelope: Envelope) -> Attempt:
        """Send one message; every end is an Attempt (MAIL.md, Outbox)."""
        used_before = self._sent > 0
        attempt = await self._send(envelope)
        if used_before and attempt.code == 0 and attempt.phase is Phase.MAIL:
            # The server had hung up since the message before: of this one it has heard nothing.
            attempt = await self._send(envelope)
        return attempt

    async def _send(self, envelope: Envelope) -> Attempt:
        if self._worn():
            await self.close()
            try:
                await self.open()
            except MailError as error:
                return Attempt(Verdict.SLOW_DOWN, Phase.CONNECT, 0, str(error))
        assert self._wire is not None  # noqa: S101 - opened above
        self._sent += 1
        attempt = await _transmit(self._wire, envelope)
        if attempt.code == 0:
            # A late answer to this message would be read as the answer to the next one.
            self._wire.close()
        elif attempt.verdict is not Verdict.SENT:
            await self._start_over()
        return attempt

    def _worn(self) -> bool:
        age = asyncio.get_running_loop().time() - self._opened
        lost = self._wire is None or not self._wire.is_open
        return lost or self._sent >= self._reuse or age >= _CONNECTION_SECONDS

    async def _start_over(self) -> None:
        """Forget a refused message, so that the next one starts clean on the same connection."""
        if self._wire is None or not self._wire.is_open:
            return
        try:
            await self._wire.ask(b"RSET\r\n", _COMMAND_SECONDS)
        except (OSError, TimeoutError):
            self._wire.close()


@cache
def _our_name() -> str:
    """Return how we introduce ourselves: a full name, else an address (RFC 5321 §4.1.3)."""
    name = socket.getfqdn()
    return name if "." in name else "[127.0.0.1]"  # "laptop" alone is refused by strict servers


async def _greet(client: aiosmtplib.SMTP) -> None:
    """Say who we are, where neither encryption nor a login has: before any mail is claimed."""
    if client.is_ehlo_or_helo_needed:
        try:
            await client.ehlo()
        except aiosmtplib.SMTPHeloError as error:
            if error.code < _PERMANENT:
                raise
            await client.helo()  # RFC 5321 §3.2: an old server knows nothing else


async def _transmit(wire: Wire, envelope: Envelope) -> Attempt:
    """Send one message, and tell how far it got."""
    try:
        commands = _commands(envelope)
    except ValueError as error:  # nothing was said yet, and no server would understand it
        return Attempt(Verdict.REFUSED_CONTENT, Phase.MAIL, _SYNTAX, _said(str(error)))
    phase, handed_over = Phase.MAIL, False
    code, said = 0, ""
    try:
        wire.begin(b"".join(commands.values()) if wire.pipelining else commands[phase])
        for phase, command in commands.items():
            if phase is not Phase.MAIL and not wire.pipelining:
                wire.write(command)
            code, said = await wire.reply(_COMMAND_SECONDS)
            if not _TAKEN <= code < _TAKEN + 100:
                break
        if phase is Phase.DATA and code == _SEND_NOW:
            handed_over = True
            wire.write(_stuffed(envelope))
            code, said = await wire.reply(_DATA_SECONDS)
        elif code and wire.pipelining:
            await _hear_out(wire, phase)
    except (OSError, TimeoutError) as error:
        code, said = 0, f"the connection was lost ({_said(str(error)) or type(error).__name__})"
    if handed_over and _TAKEN <= code < _TAKEN + 100:
        return Attempt(Verdict.SENT, Phase.DONE, code, _said(said))
    if code < _TRANSIENT:
        # Lost, or no SMTP any more: before the content nothing can have arrived; after it, nobody
        # knows.
        verdict = Verdict.UNCERTAIN if handed_over else Verdict.RETRY
        return Attempt(verdict, phase, 0, _said(said))
    return _refused(phase, code, said)


def _commands(envelope: Envelope) -> dict[Phase, bytes]:
    return {
        Phase.MAIL: b"MAIL FROM:<%s>\r\n" % _word(envelope.sender),
        Phase.RCPT: b"RCPT TO:<%s>\r\n" % _word(envelope.recipient),
        Phase.DATA: b"DATA\r\n",
    }


def _word(address: str) -> bytes:
    """Return an address as a command takes it. Raises ValueError for what would be another word."""
    if not re.fullmatch("[!-;=?-~]*", address):  # printable ASCII but blanks and angle brackets
        raise ValueError(f"{address!r} cannot stand in an SMTP command")
    return address.encode("ascii")


async def _hear_out(wire: Wire, refused: Phase) -> None:
    """Read what is said to the commands that went out together with the one that was refused."""
    if refused is Phase.DATA:
        return
    try:
        if refused is Phase.MAIL:
            await wire.reply(_COMMAND_SECONDS)
        code, _ = await wire.reply(_COMMAND_SECONDS)
        if code == _SEND_NOW:  # for nobody: RFC 2920 §3.1 asks for a lone dot
            wire.write(b".\r\n")
            await wire.reply(_DATA_SECONDS)
    except (OSError, TimeoutError):
        wire.close()  # a late answer would be read as the answer to something else


def _stuffed(envelope: Envelope) -> bytes:
    """Return the content as DATA wants it: CRLF alone ends a line, dots stuffed (RFC 5321 §4.5.2)."""
    content = envelope.content
    if not envelope.dotless:  # to look at every line of 65 KB costs as much as all the talking
        content = re.sub(rb"\r\n|\r|\n", b"\r\n", content)
        content = re.sub(rb"(?m)^\.", b"..", content)
    return b"".join([content, b".\r\n" if content.endswith(b"\r\n") else b"\r\n.\r\n"])


def _refused(phase: Phase, code: int, message: str) -> Attempt:
    said = _said(message)
    if phase is Phase.RCPT and (code == _MAILBOX_FULL or re.match(r"5\.2\.", said)):
        # A mailbox that is full today may have room tomorrow (RFC 5321 §4.5.3.1.10, RFC 3463 §3.3).
        return Attempt(Verdict.RETRY, phase, code, said)
    # Who refuses us before anybody is named, refuses all our mail: 530 (RFC 4954 §6), 5.7.1 …
    if code == _CLOSING or (phase is Phase.MAIL and code >= _PERMANENT):
        return Attempt(Verdict.SLOW_DOWN, phase, code, said)
    if code < _PERMANENT:
        return Attempt(Verdict.RETRY, phase, code, said)
    if phase is Phase.RCPT:
        # Servers keep what they have against us, our name or our sender until somebody is named
        # (Postfix's smtpd_delay_reject). Only what is clearly about the address is (RFC 3463 §3.2);
        # the rest can be set right, and is worth keeping.
        about_them = code in (550, 551, 553)
        if re.match(r"5\.\d", said):
            about_them = re.match(r"5\.1\.(?:[12346]|10)\b", said) is not None
        verdict = Verdict.REFUSED_ADDRESS if about_them else Verdict.REFUSED_SENDER
        return Attempt(verdict, phase, code, said)
    return Attempt(Verdict.REFUSED_CONTENT, phase, code, said)


def _said(message: str) -> str:
    return shorten(one_line(message), 200)


class CapturingMailer(_WithoutServer):
    """A fake: keeps what it was given, and answers what `answer` says (by default, sent)."""

    def __init__(self, answer: Callable[[Envelope], Attempt] | None = None) -> None:
        self.sent: list[Envelope] = []
        self._answer = answer or (lambda _: Attempt(Verdict.SENT, Phase.DONE, 250, "OK"))

    async def send(self, envelope: Envelope) -> Attempt:
        """Keep the message."""
        attempt = self._answer(envelope)
        if attempt.verdict is Verdict.SENT:
            self.sent.append(envelope)
        return attempt
