"""A Dovecot of our own: every address has a mailbox and one password; IMAP, LMTP and logins for SMTP."""

from __future__ import annotations

import imaplib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import SIGTERM, Signals

_SETTINGS = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
protocols = imap lmtp
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain login cram-md5
auth_failure_delay = 0 secs
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
recipient_delimiter = +
mail_location = maildir:~/Maildir
passdb {{
  driver = static
  args = password={{PLAIN}}{password}
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={folder}/mail/%d/%n allow_all_users=yes
}}
service imap-login {{
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service lmtp {{
  unix_listener {folder}/lmtp {{
    mode = 0666
  }}
}}
service auth {{
  unix_listener {folder}/auth {{
    mode = 0666
  }}
}}
"""


def free_port() -> int:
    """Return a port of loopback that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def wait_until(ready: Callable[[], object], what: str, seconds: float = 10.0) -> None:
    """Look every few milliseconds; fail where it never comes."""
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end, f"waited {seconds:.0f} s in vain for {what}"
        time.sleep(0.01)


def listens(port: int) -> bool:
    """Return whether somebody answers on this port of loopback."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


@contextmanager
def ended_after(
    command: list[str], ready: Callable[[], object], name: str, signal: Signals = SIGTERM
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a daemon in the foreground until the end; it ends its own children."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    # Where the tests themselves are killed, the end of the pipe ends the daemon.
    guard = subprocess.Popen(
        [
            "sh",
            "-c",
            'cat > /dev/null; kill -s "$1" "$2"',
            "guard",
            str(int(signal)),
            str(process.pid),
        ],
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stderr is not None
    assert guard.stdin is not None
    try:
        wait_until(lambda: process.poll() is not None or ready(), name)
        assert process.poll() is None, f"{name} did not start: {process.stderr.read().decode()}"
        yield process
    finally:
        guard.kill()
        guard.wait(10)
        guard.stdin.close()
        process.send_signal(signal)
        process.wait(10)
        process.stderr.close()


class Mailboxes:
    """What was delivered, read by IMAP. `lmtp` and `auth` are sockets that a Postfix talks to."""

    def __init__(self, folder: Path, password: str) -> None:
        self.lmtp, self.auth = folder / "lmtp", folder / "auth"
        self.password = password
        self.port = free_port()

    def of(self, address: str) -> list[bytes]:
        """Return the messages in a mailbox, oldest first, as they were stored."""
        with imaplib.IMAP4("127.0.0.1", self.port) as box:
            login = f"\0{address}\0{self.password}".encode()
            box.authenticate("PLAIN", lambda _: login)  # LOGIN would take ASCII alone
            box.select("INBOX", readonly=True)
            _, (found,) = box.search(None, "ALL")
            return [_message(box, number) for number in found.split()]

    def first_of(self, address: str, count: int = 1) -> list[bytes]:
        """Wait for so many messages to be delivered, and return them."""
        wait_until(lambda: len(self.of(address)) >= count, f"{count} mails for {address}")
        return self.of(address)


def _message(box: imaplib.IMAP4, number: bytes) -> bytes:
    _, answer = box.fetch(number.decode(), "(BODY.PEEK[])")
    assert isinstance(answer[0], tuple)
    return bytes(answer[0][1])


@contextmanager
def dovecot_in(folder: Path, password: str) -> Iterator[Mailboxes]:
    """Start a Dovecot whose files all lie in the folder; end it with all its processes."""
    folder.mkdir(mode=0o755)
    (folder / "mail").mkdir()
    shutil.chown(folder / "mail", "nobody", "nogroup")
    boxes = Mailboxes(folder, password)
    settings = folder / "dovecot.conf"
    settings.write_text(_SETTINGS.format(folder=folder, password=password, port=boxes.port))

    def ready() -> bool:
        return listens(boxes.port) and boxes.lmtp.exists() and boxes.auth.exists()

    dovecot = shutil.which("dovecot") or "dovecot"
    with ended_after([dovecot, "-F", "-c", os.fspath(settings)], ready, "Dovecot"):
        yield boxes
