"""What went wrong with a request, in sentences for people."""

from __future__ import annotations

import ssl
from http import HTTPStatus

import aiohttp
from yarl import URL

from bot import text

_SENTENCES: tuple[tuple[tuple[type[Exception], ...], str], ...] = (
    ((aiohttp.InvalidURL, UnicodeError), "{} is no host's name"),
    ((aiohttp.ClientConnectorDNSError,), "the name {} could not be found"),
    (
        (aiohttp.ClientConnectorCertificateError, ssl.CertificateError),
        "{} shows a TLS certificate that is not valid for it",
    ),
    ((aiohttp.ClientConnectorSSLError, ssl.SSLError), "no TLS connection to {} could be made"),
    ((aiohttp.ServerDisconnectedError,), "{} closed the connection without an answer"),
    ((aiohttp.ClientPayloadError,), "{} broke off in the middle of its answer"),
    ((aiohttp.ClientResponseError,), "{} sent something that is no HTTP"),
)


def host_in_words(url: URL) -> str:
    """Return the host as sentences name it."""
    return text.shorten(url.host or "the source", 100)


def unfit(url: URL) -> str:
    """Say why an address cannot be fetched, "" where it can."""
    if url.scheme not in ("http", "https"):
        scheme = text.shorten(text.one_line(url.scheme), 20) or "nothing"
        return f"the address leads to {scheme}:, and only http and https are fetched"
    return "" if url.host else "the address names no host"


def phrase(status: int) -> str:
    """Return what a status is called, "" for one that HTTP does not know."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def challenge(headers: tuple[tuple[str, str], ...]) -> str:
    """Say what a refusal asks for: a browser, which no later request of ours will be, or a login."""
    said = dict(headers)
    if said.get("cf-mitigated", "").lower() == "challenge":
        return ", with a challenge that only a browser passes"
    if said.get("www-authenticate", "").lower().startswith("basic"):
        return ": it wants a name and a password, as in https://NAME:PASSWORD@example.org/feed"
    return ""


def duration(seconds: float) -> str:
    """Say a time roughly: in hours, minutes or seconds."""
    minutes, hours = round(seconds / 60), round(seconds / 3600)
    if hours > 1:
        return f"{hours} hours"
    return f"{minutes} minutes" if minutes > 1 else f"{max(seconds, 1):.0f} s"


def in_a_sentence(host: str, error: Exception) -> str:
    """Say in a sentence what a client error means."""
    for kinds, sentence in _SENTENCES:
        if isinstance(error, kinds):
            return sentence.format(host)
    if isinstance(error, aiohttp.ClientConnectorError):
        reason = (error.os_error.strerror or "").strip().lower()
        return f"{host} could not be reached" + (f" ({reason})" if reason else "")
    if isinstance(error, aiohttp.ClientOSError):
        return f"{host} broke the connection off"
    return f"{host} could not be fetched ({type(error).__name__})"
