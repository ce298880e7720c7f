"""What a sender's domain itself tells: whether DNS can know it, and whose servers may use it."""

from __future__ import annotations

import ipaddress
import re

_NEVER_IN_DNS = re.compile(
    # RFC 2606, RFC 6761, RFC 6762, RFC 8375; `lan`, `internal` and single words by custom.
    r"(?:.*\.)?(?:localhost|local|test|invalid|example|internal|lan|home\.arpa)"
    r"|(?:.*\.)?example\.(?:com|net|org)|[^.]*"
)

# Whose mail these domains are, and the ends of the names of the servers that may send it.
_FREE_MAIL = {
    "gmail.com googlemail.com": "gmail.com googlemail.com google.com",
    "outlook.com hotmail.com live.com msn.com outlook.de hotmail.de hotmail.co.uk hotmail.fr": (
        "outlook.com office365.com hotmail.com live.com"
    ),
    "yahoo.com yahoo.co.uk yahoo.de yahoo.fr yahoo.co.jp yahoo.co.in ymail.com aol.com": (
        "yahoo.com yahoo.co.jp aol.com yahoodns.net"
    ),
    "icloud.com me.com mac.com": "icloud.com me.com apple.com",
    "gmx.de gmx.net gmx.at gmx.ch gmx.com web.de mail.com": "gmx.net gmx.com web.de mail.com",
    "proton.me protonmail.com pm.me": "proton.me protonmail.ch protonmail.com",
    "mail.ru bk.ru list.ru inbox.ru": "mail.ru",
    "yandex.ru yandex.com ya.ru": "yandex.ru yandex.com yandex.net",
    "qq.com foxmail.com": "qq.com",
    "163.com 126.com yeah.net": "163.com 126.com yeah.net netease.com",
    "t-online.de": "t-online.de",
    "zoho.com zohomail.com": "zoho.com zoho.eu zohomail.com",
    "fastmail.com fastmail.fm": "fastmail.com messagingengine.com",
}
_OWN_SERVERS = {
    domain: tuple(servers.split())
    for domains, servers in _FREE_MAIL.items()
    for domain in domains.split()
}


def in_dns(domain: str) -> bool:
    """Whether a domain can have public records at all: localhost, `*.local` and example.org can't."""
    return _NEVER_IN_DNS.fullmatch(domain.lower().rstrip(".")) is None


def on_this_machine(host: str) -> bool:
    """Whether a mail server's name or address is this machine's own."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower().rstrip(".") in ("", "localhost", "localhost.localdomain")


def relay_in_words(host: str) -> str:
    """Return how a sentence calls the relay."""
    return "the mail server on this machine" if on_this_machine(host) else host


def own_free_mail(domain: str, host: str) -> bool:
    """Whether `domain` is a free mail service's, and the relay `host` is that service's own."""
    name = host.lower().rstrip(".")
    return any(
        name == server or name.endswith(f".{server}")
        for server in _OWN_SERVERS.get(domain.lower(), ())
    )


def foreign_free_mail(domain: str, host: str) -> bool:
    """Whether `domain` is a free mail service's and the relay `host` is not that service's."""
    return domain.lower() in _OWN_SERVERS and not own_free_mail(domain, host)
