"""The only reader of a mailbox: new mail by IMAP, handed over before it is marked as seen."""

from __future__ import annotations

import imaplib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Self

from bot.errors import MailError
from bot.text import one_line, shorten

_SECONDS = 30.0  # for each read
_LOOK_SECONDS = 120.0  # for all of a look: a server that says a byte a second is never silent
_AT_ONCE = 200  # mails of one look; the rest waits for the next


def fetch_new(
    *,
    host: str,
    port: int,
    tls: str,
    username: str,
    password: str,
    largest: int,
    take: Callable[[bytes], None],
) -> int:
    """Hand each unseen mail of the inbox to `take`, then mark it as seen; return how many there were.

    What `take` raises ends the look, and that mail stays unseen: so none is lost, and one may come
    twice. Of a mail at most `largest` bytes are read. Blocks; call it from a thread of its own.
    Raises MailError, in a sentence without the password.
    """
    with _Watch() as watch, _opened(host, port, tls, username, password, watch) as box:
        taken = 0
        for number in (_done(box.uid("SEARCH", "UNSEEN"))[0] or b"").split()[:_AT_ONCE]:
            name = number.decode("ascii", "replace")
            kind, answer = box.uid("FETCH", name, f"(BODY.PEEK[]<0.{largest}>)")
            raw = next((part[1] for part in answer if isinstance(part, tuple)), None)
            if kind != "OK" or raw is None:
                continue  # it cannot be given now, or somebody else took it away meanwhile
            take(raw)
            _done(box.uid("STORE", name, "+FLAGS.SILENT", "(\\Seen)"))
            taken += 1
        return taken


def _done(answered: tuple[str, list[Any]]) -> list[Any]:
    """Return what a server answered; raise imaplib's error where it refused, which imaplib does not."""
    kind, answer = answered
    if kind != "OK":
        raise imaplib.IMAP4.error(answer[0] if answer and answer[0] else kind)
    return answer


@contextmanager
def _opened(
    host: str, port: int, tls: str, username: str, password: str, watch: _Watch
) -> Iterator[imaplib.IMAP4]:
    where = f"The mailbox at {host}:{port}"
    try:
        context = ssl.create_default_context() if tls == "tls" else None
        box = _Box(host, port, context, watch)
    except (OSError, imaplib.IMAP4.error) as error:
        said = watch.said or _said(error)
        raise MailError(f"{where} cannot be reached: {said}. It is tried again.") from error
    try:
        with _goodbye(box):
            if tls == "starttls":
                box.starttls(ssl.create_default_context())
            _log_in(box, username, password)
            _done(box.select("INBOX"))
            yield box
    except (OSError, imaplib.IMAP4.error) as error:
        # imaplib's errors quote the server, never what we sent.
        said = watch.said or _said(error)
        raise MailError(f"{where} cannot be read: {said}. It is tried again.") from error


class _Watch:
    """Ends a connection when a look has lasted too long, however its server goes on talking."""

    def __init__(self) -> None:
        self.said = ""
        self._connection: socket.socket | None = None
        self._timer = threading.Timer(_LOOK_SECONDS, self._end)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        if self._connection is not None:
            self._connection.close()

    def over(self, connection: socket.socket) -> None:
        """Watch this connection; TLS may take the socket itself over."""
        self._connection = connection.dup()

    def _end(self) -> None:
        self.said = f"it took longer than {_LOOK_SECONDS:.0f} seconds"
        if self._connection is not None:
            with suppress(OSError):
                self._connection.shutdown(socket.SHUT_RDWR)


class _Box(imaplib.IMAP4):
    """A connection that is watched from its first byte: the handshake and the greeting too."""

    def __init__(self, host: str, port: int, context: ssl.SSLContext | None, watch: _Watch) -> None:
        self._context, self._watch = context, watch
        super().__init__(host, port, timeout=_SECONDS)

    def _create_socket(self, timeout: float | None) -> socket.socket:
        plain = socket.create_connection((self.host, self.port), timeout)
        self._watch.over(plain)
        if self._context is None:
            return plain
        return self._context.wrap_socket(plain, server_hostname=self.host)


def _log_in(box: imaplib.IMAP4, username: str, password: str) -> None:
    """Log in; LOGIN takes ASCII alone, and PLAIN any password (RFC 4616)."""
    if "AUTH=PLAIN" in box.capabilities:
        box.authenticate("PLAIN", lambda _: f"\0{username}\0{password}".encode())
    elif (username + password).isascii():
        box.login(username, password)
    else:
        raise imaplib.IMAP4.error("it takes only ASCII as a user name and a password")


@contextmanager
def _goodbye(box: imaplib.IMAP4) -> Iterator[None]:
    """Say goodbye at the end, whatever became of it."""
    try:
        yield
    finally:
        with suppress(OSError, imaplib.IMAP4.error):
            box.logout()


def _said(error: Exception) -> str:
    words = error.args[0] if error.args and isinstance(error.args[0], bytes) else str(error)
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    return shorten(one_line(text), 200) or type(error).__name__
