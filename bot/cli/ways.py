"""The ways for a digest to reach a person, as `init` asks for them: what each writes as [mail]."""

from __future__ import annotations

import getpass
import re
import socket

from bot.domains import foreign_free_mail
from bot.errors import UsageError
from bot.text.toml import quoted
from bot.values import value_type

PASSWORD_FILE = "smtp-password"  # noqa: S105 - the name of a file
_RELAY = re.compile(r"(?=[^:]*[.:])([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*)(?::([0-9]{1,5}))?")
_SUBMISSION, _SUBMISSION_TLS, _SMTP = 587, 465, 25
_LARGEST_PORT = 65_535

_MAILDIR = """\
[mail]
transport = "maildir"           # digests go to the folder state/mail; "smtp" sends them:
# transport = "smtp"
# from = "Morning papers <papers@example.org>"
# host = "smtp.example.org"
# port = 587
# username = "papers@example.org"
# password = "file:smtp-password"   # a file beside this one, or "env:NAME"; never the password itself
"""
_SENT = """\
[mail]
transport = "smtp"              # "maildir" puts digests into the folder state/mail instead
from = {sender}
host = {host}
port = {port}
tls = {tls}
"""
_LOGIN = """\
username = {username}
password = "file:smtp-password"   # the file beside this one; never the password itself
"""


@value_type(frozen=True, slots=True)
class Way:
    """How digests leave: by `host` and `port` with `tls`, or (without a host) by no mail server."""

    host: str = ""
    port: int = _SUBMISSION
    tls: str = "starttls"
    mails: bool = True

    @property
    def logs_in(self) -> bool:
        """Whether it takes a password: port 25 is for servers that know each other."""
        return bool(self.host) and self.port != _SMTP

    @property
    def is_google(self) -> bool:
        """Whether the password is an app password of a Google account."""
        return self.host == "smtp.gmail.com"


_WAYS = {
    "maildir": Way(),
    "none": Way(mails=False),
    "local": Way("localhost", _SMTP, "none"),
    "gmail": Way("smtp.gmail.com"),
}


def way_named(value: str) -> Way:
    """Return the way that a word or a relay's `HOST[:PORT]` names. Raises UsageError."""
    if way := _WAYS.get(value.strip().lower()):
        return way
    found = _RELAY.fullmatch(value.strip())
    port = int(found[2] or _SUBMISSION) if found else 0
    if found is None or not 0 < port <= _LARGEST_PORT:
        raise UsageError(
            f"{value!r} is no way for mail. There are: {', '.join(_WAYS)}, or the name of a mail "
            "server such as smtp.example.org or smtp.example.org:465."
        )
    return Way(found[1], port, "tls" if port == _SUBMISSION_TLS else "starttls")


def mail_table(way: Way, email: str) -> str:
    """Return the table [mail] for digests to `email`, as TOML."""
    if not way.host:
        return _MAILDIR
    text = _SENT.format(
        sender=quoted(f"Morning papers <{_sender(way, email)}>"),
        host=quoted(way.host),
        port=way.port,
        tls=quoted(way.tls),
    )
    return text + (_LOGIN.format(username=quoted(email)) if way.logs_in else "")


def _sender(way: Way, email: str) -> str:
    """Return the reader's own address, unless this server's mail in its name would be refused."""
    name = socket.getfqdn()
    if foreign_free_mail(email.rpartition("@")[2], way.host) and not way.logs_in and "." in name:
        return f"{_user()}@{name}"
    return email


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return "papers"


def password_asked(way: Way) -> str:
    """Ask for the relay's password on the terminal, unseen; "" for one that is put there later."""
    what = f"Password at {way.host}"
    if way.is_google:
        what = "Google app password, 16 letters (https://myaccount.google.com/apppasswords)"
    given = getpass.getpass(f"{what}: ").strip()
    return "".join(given.split()) if way.is_google else given
