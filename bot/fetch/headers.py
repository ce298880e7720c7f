"""What stands in an address and in headers: read, and put together, for one request."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import aiohttp
from yarl import URL

from bot.models import Request
from bot.sources.freshness import http_date

_DAY = timedelta(days=1).total_seconds()


def conditional(request: Request) -> dict[str, str]:
    """Return a request's headers, the conditions among them."""
    headers = dict(request.headers)
    if request.etag:
        headers["If-None-Match"] = request.etag
    if request.last_modified:
        headers["If-Modified-Since"] = request.last_modified
    return headers


def decodable(url: URL) -> URL:
    """Return an address whose parts can be read. Raises ValueError: not every `xn--…` is a name."""
    _ = url.host, url.user, url.password  # decoded when they are asked for
    return url


def without_login(url: URL, headers: Mapping[str, str]) -> tuple[URL, dict[str, str]]:
    """Return an address less the user and password in it, and headers that say them (in UTF-8).

    Whatever is told or linked of a document names its address, and its password belongs to neither.
    """
    if url.raw_user is None and url.raw_password is None:
        return url, dict(headers)
    login = f"{url.user or ''}:{url.password or ''}".encode()
    said = {"Authorization": f"Basic {base64.b64encode(login).decode()}"}
    return url.with_user(None), said | dict(headers)


def with_cookies(
    headers: Mapping[str, str], cookies: aiohttp.CookieJar | None, url: URL
) -> Mapping[str, str]:
    """Return the headers with the cookies that were set on the way to this address, if any."""
    found = cookies.filter_cookies(url).values() if cookies is not None else ()
    said = "; ".join(f"{each.key}={each.coded_value}" for each in found)
    return {**headers, "Cookie": said} if said else headers


def lowered(response: aiohttp.ClientResponse) -> tuple[tuple[str, str], ...]:
    """Return the headers by lower-cased name, repeated ones joined (RFC 9110, 5.3)."""
    joined: dict[str, str] = {}
    for name, value in response.headers.items():
        key, clean = name.lower(), value.encode("utf-8", "replace").decode()
        joined[key] = f"{joined[key]}, {clean}" if key in joined else clean
    return tuple(joined.items())


def origin(url: URL) -> tuple[str, str | None, int | None]:
    """Return within what the secrets of a request stay (RFC 6454)."""
    return url.scheme, url.host, url.port


def door(url: URL) -> str:
    """Return the name under which a host is asked: one for http and https, other ports are others."""
    host = (url.host or "").rstrip(".")
    return host if url.is_default_port() else f"{host}:{url.port}"


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds a server wants to be left alone, at most a day (RFC 9110, 10.2.3)."""
    value = headers.get("retry-after", "").strip()
    if value.isdecimal():
        return min(float(value), _DAY)
    until = http_date(value)
    if until is None:
        return None
    seconds = (until - (http_date(headers.get("date", "")) or datetime.now(UTC))).total_seconds()
    return min(seconds, _DAY) if seconds >= 0 else None
