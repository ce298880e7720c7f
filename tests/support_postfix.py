"""A Postfix of our own, opendkim beside it as a milter, and behind it a Dovecot: real mail servers.

All of it lives in one folder under /tmp and on ports of loopback that were free at the start, and
ends with the tests. Nothing can leave the machine: what is not for our own domains is refused, and
the way out is an error.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from signal import SIGKILL

import pytest

from support_certificates import Certificates, certificates_in
from support_dovecot import (
    Mailboxes,
    dovecot_in,
    ended_after,
    free_port,
    listens,
)

HOST = "mail.test.example"
PASSWORD = "gänse=blümchen:57"
_PROGRAMS = ("postfix", "postmap", "dovecot", "opendkim", "openssl")
_WAYS = {
    # relays that ask for no login, by what TLS they offer
    "starttls": "",
    "bare": "-o smtpd_tls_security_level=none",
    # relays that have something against us, and say so when a recipient is named
    "strict": "-o smtpd_reject_unlisted_sender=yes",
    "fqdn": "-o smtpd_helo_restrictions=reject_non_fqdn_helo_hostname",
    "implicit": "-o smtpd_tls_wrappermode=yes",
    "elsewhere": "-o smtpd_tls_chain_files={certificates}/elsewhere.pem",
    "expired": "-o smtpd_tls_chain_files={certificates}/expired.pem",
    "lonely": "-o smtpd_tls_chain_files={certificates}/lonely.pem",
    # one that takes small messages only
    "small": "-o message_size_limit=4096",
    # submission, with a login by any mechanism or by one alone
    "submission": "{login}",
    "cram-md5": "{login} -o smtpd_sasl_mechanism_filter=cram-md5",
    "plain": "{login} -o smtpd_sasl_mechanism_filter=plain",
    "login": "{login} -o smtpd_sasl_mechanism_filter=login",
}
_LOGIN = (
    "-o smtpd_sasl_auth_enable=yes -o smtpd_tls_security_level=encrypt -o smtpd_tls_auth_only=yes"
    " -o smtpd_recipient_restrictions=permit_sasl_authenticated,reject"
)
_QUEUES = (
    "active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "maildrop",
    "pid", "private", "public", "saved", "trace",
)  # fmt: skip
_MASTER = """
pickup    unix n - n 60 1 pickup
cleanup   unix n - n - 0 cleanup
qmgr      unix n - n 300 1 qmgr
tlsmgr    unix - - n 1000? 1 tlsmgr
rewrite   unix - - n - - trivial-rewrite
bounce    unix - - n - 0 bounce
defer     unix - - n - 0 bounce
trace     unix - - n - 0 bounce
flush     unix n - n 1000? 0 flush
proxymap  unix - - n - - proxymap
showq     unix n - n - - showq
error     unix - - n - - error
retry     unix - - n - - error
lmtp      unix - - n - - lmtp
anvil     unix - - n - 1 anvil
postlog   unix-dgram n - n - 1 postlogd
paperround unix - n n - - pipe user=nobody argv={folder}/pipe ${{original_recipient}}
unknown   unix - n n - - pipe user=nobody argv=/bin/sh -c {{exit 67}}
"""
_MAIN = f"""
compatibility_level = 3.6
queue_directory = {{folder}}/queue
data_directory = {{folder}}/data
maillog_file = {{folder}}/postfix.log
maillog_file_prefixes = {{folder}}
myhostname = {HOST}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
disable_dns_lookups = yes
smtpd_peername_lookup = no
smtpd_error_sleep_time = 0
mynetworks =
mydestination =
default_transport = error:nothing leaves this machine
recipient_delimiter = +
virtual_mailbox_domains = test.example, xn--bcher-kva.example
virtual_mailbox_maps = regexp:{{folder}}/known
virtual_transport = lmtp:unix:{{lmtp}}
relay_domains = bot.example, pipe.example, gone.example
paperround_destination_recipient_limit = 1
transport_maps = regexp:{{folder}}/transport
smtpd_relay_restrictions = reject_unauth_destination
smtpd_recipient_restrictions = check_recipient_access $default_database_type:{{folder}}/answers
header_checks = regexp:{{folder}}/headers
smtpd_tls_security_level = may
smtpd_tls_chain_files = {{certificates}}/good.pem
smtpd_sasl_type = dovecot
smtpd_sasl_path = {{auth}}
smtpd_milters = unix:{{folder}}/opendkim.socket
milter_default_action = tempfail
"""
_OPENDKIM = f"""
Mode v
Socket local:{{folder}}/opendkim.socket
UMask 000
Syslog no
AuthservID {HOST}
AlwaysAddARHeader yes
InternalHosts 192.0.2.1
TestPublicKeys {{folder}}/keys
"""


class MailServers:
    """A relay that runs: where its doors are, and what it is told to do.

    `nobody@test.example` is unknown to it; a subject with the word FORBIDDEN is refused; all else
    for `test.example` and `bücher.example` is delivered into `mailboxes`, for `bot.example` by LMTP to
    `bot_port`, for `pipe.example` to the program `pipe`; what is for `gone.example` is taken, and comes
    back. Logins are by any address and PASSWORD.
    """

    def __init__(self, folder: Path, certificates: Certificates, mailboxes: Mailboxes) -> None:
        self._folder = folder
        self.certificates, self.mailboxes = certificates, mailboxes
        self.ports: Mapping[str, int] = {name: free_port() for name in _WAYS}
        self.bot_port = free_port()  # mail for bot.example goes there, by LMTP
        self._running = ExitStack()
        self._changes = 0
        self._write(mailboxes)

    def _write(self, mailboxes: Mailboxes) -> None:
        places = {
            "folder": self._folder, "certificates": self.certificates.authority.parent,
            "lmtp": mailboxes.lmtp, "auth": mailboxes.auth, "login": _LOGIN,
        }  # fmt: skip
        services = (
            f"127.0.0.1:{self.ports[name]} inet n - n - - smtpd {options.format(**places)}"
            for name, options in _WAYS.items()
        )
        (self._folder / "queue").mkdir()
        # As `postfix check` makes them, which takes a second or two.
        for name in ("data", *(f"queue/{each}" for each in _QUEUES)):
            (self._folder / name).mkdir()
            shutil.chown(self._folder / name, "root" if name == "queue/pid" else "postfix")
        for name, text in {
            "main.cf": _MAIN.format(**places),
            "master.cf": "\n".join((_MASTER.format(**places), *services, "")),
            "opendkim.conf": _OPENDKIM.format(**places),
            "keys": "",
            "known": "!/^nobody@/ known\n",
            "transport": f"/@bot\\.example$/ lmtp:inet:127.0.0.1:{self.bot_port}\n"
            "/@pipe\\.example$/ paperround:\n"
            "/@gone\\.example$/ unknown:\n",
            "headers": "/^Subject:.*FORBIDDEN/ REJECT 5.6.0 Not that word\n",
        }.items():
            (self._folder / name).write_text(text)
        self.answer({})

    @property
    def log(self) -> str:
        """What Postfix has written about its work."""
        path = self._folder / "postfix.log"
        return path.read_text() if path.exists() else ""

    def answer(self, answers: Mapping[str, str]) -> None:
        """Answer RCPT for these addresses so, and all others as usual."""
        table = self._folder / "answers"
        table.write_text("".join(f"{address} {said}\n" for address, said in answers.items()))
        subprocess.run(["postmap", "-c", self._folder, table], check=True, capture_output=True)
        # Postfix looks at the second alone to see that a table has changed.
        self._changes += 2
        for made in self._folder.glob("answers.*"):
            os.utime(made, (time.time() + self._changes,) * 2)

    def pipe_to(self, *command: str) -> None:
        """Give mail for `pipe.example` to a command, run as nobody, with the recipient behind it."""
        written = self._folder / "pipe.new"
        written.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$1"\n')
        written.chmod(0o755)
        written.rename(self._folder / "pipe")

    def flush(self) -> None:
        """Let Postfix try at once what it keeps."""
        done = subprocess.run(
            ["postqueue", "-c", self._folder, "-f"], capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr

    @property
    def queue(self) -> str:
        """What Postfix keeps to try again."""
        said = subprocess.run(
            ["postqueue", "-c", self._folder, "-p"], check=True, capture_output=True
        )
        return said.stdout.decode()

    def publish_key(self, name: str, record: str) -> None:
        """Let opendkim find a key as though it stood in DNS under `selector._domainkey.domain`."""
        with (self._folder / "keys").open("a") as keys:
            keys.write(f"{name} {record}\n")

    def start(self) -> None:
        """Start Postfix; its doors are open when this returns."""
        master = _of_postfix("daemon_directory") / "master"
        with ExitStack() as starting:
            starting.enter_context(
                ended_after(
                    [os.fspath(master), "-c", os.fspath(self._folder), "-d"],
                    partial(listens, self.ports["starttls"]),
                    "Postfix",
                )
            )
            self._running = starting.pop_all()

    def stop(self) -> None:
        """Stop Postfix with all its processes: connections are cut, what was taken stays taken."""
        self._running.close()

    @contextmanager
    def away(self) -> Iterator[None]:
        """Be down for a while."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    def start_milter(self) -> ExitStack:
        """Start opendkim; return what ends it."""
        settings, place = self._folder / "opendkim.conf", self._folder / "opendkim.socket"
        with ExitStack() as starting:
            opendkim = shutil.which("opendkim") or "opendkim"
            command = [opendkim, "-f", "-x", os.fspath(settings)]
            # It holds nothing, and would take five seconds to end otherwise.
            starting.enter_context(ended_after(command, place.exists, "opendkim", SIGKILL))
            return starting.pop_all()


def _of_postfix(parameter: str) -> Path:
    said = subprocess.run(
        ["postconf", "-dh", parameter], check=True, capture_output=True, encoding="utf-8"
    )
    return Path(said.stdout.strip())


@contextmanager
def mail_servers() -> Iterator[MailServers]:
    """Start them all; skip by name what cannot be."""
    for program in _PROGRAMS:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed; .ci/packages installs it on Debian")
    if os.geteuid() != 0:
        pytest.skip("Postfix can be started by root alone")
    with ExitStack() as stack:
        # Not in pytest's folder: Postfix's own users could not enter it.
        folder = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="paperround-", dir="/tmp"))
        )
        folder.chmod(0o755)
        (folder / "certificates").mkdir()
        (folder / "postfix").mkdir()
        certificates = stack.enter_context(certificates_in(folder / "certificates"))
        mailboxes = stack.enter_context(dovecot_in(folder / "dovecot", PASSWORD))
        servers = MailServers(folder / "postfix", certificates, mailboxes)
        stack.enter_context(servers.start_milter())
        servers.start()
        stack.callback(servers.stop)
        yield servers
