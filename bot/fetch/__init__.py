"""The only HTTP client: one conditional GET at a time, polite, bounded, and never to inside.

Cookies that a redirect sets are sent on the way that it leads, as its server expects, and forgotten at its
end: the next request has none. Where a request may go is judged in `reach`, for every connect of every
redirect; what it says is put together by `headers`; what it brings is taken in by `bodies`; what goes wrong
is told by `wording`.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from http.cookies import SimpleCookie
from types import TracebackType
from typing import Any, Self, TypeAlias

import aiohttp
from yarl import URL

from bot import __version__, text
from bot.fetch.bodies import BadBodyError, Body
from bot.fetch.headers import (
    conditional,
    decodable,
    door,
    lowered,
    origin,
    retry_after,
    with_cookies,
    without_login,
)
from bot.fetch.reach import NameResolver, refusal
from bot.fetch.wording import challenge, duration, host_in_words, in_a_sentence, phrase, unfit
from bot.models import Document, Failure, NotModified, Request
from bot.sources import logins
from bot.values import value_type

# A server's cookie that is none is no news of ours to whoever reads what cron mails.
logging.getLogger("aiohttp.internal").setLevel(logging.ERROR)

Answer: TypeAlias = Document | NotModified | Failure

LARGEST_BODY = 15 * 1024 * 1024  # bytes, after inflating
MOST_REDIRECTS = 5
CONNECT_SECONDS = 10.0
MOST_AT_ONCE = 128  # exchanges with all hosts together; with one host it is one
# Seconds between requests to all hosts of a service together, as its terms want it.
SPACING = {"arxiv.org": 3.0, "semanticscholar.org": 1.1, "ncbi.nlm.nih.gov": 0.4}

_CHUNK = 256 * 1024
_DEFAULT_PAUSE = 60.0  # after a 429 that names no time
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_FOR_GOOD = frozenset({301, 308})
_WHOLE = frozenset({200, 203})
_BUSY = frozenset({429, 503})
_SECRETS = frozenset(
    {"authorization", "cookie", "proxy-authorization", "x-api-key", "crossref-plus-api-token"}
)
_GZIP = frozenset({"gzip", "x-gzip"})
_MOST_GATES = 500
_LONGEST_HEADER = 64 * 1024  # aiohttp's own 8 kB are less than some policies and addresses of today
_LONGEST_REFUSAL, _REFUSAL_SECONDS = 16 * 1024, 2.0  # of what a service says where it refuses

# Where the connects of the request under way were refused; a socket factory can tell its caller
# nothing but an OSError, which is then mixed with others.
_refusals: ContextVar[list[str]] = ContextVar("_refusals")


@value_type(frozen=True, slots=True)
class _Hop:
    """Where a server sends us instead, whether it is to be so for good, and with which cookies."""

    url: URL
    permanent: bool
    cookies: SimpleCookie


@dataclass(slots=True)
class _Gate:
    """One connection at a time to a host; times are the event loop's, in seconds."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    next_turn: float = 0.0
    paused_until: float = 0.0


class HttpFetcher:
    """Fetches over HTTP (`ports.Fetcher`); use it as an async context manager, or call `close`.

    `contact` goes into the User-Agent. `allow_private` are networks (`127.0.0.1/32`) that may be
    reached although private. `deadline` is in seconds for one whole answer, redirects included,
    waiting for the host's turn not. `spacing` maps a domain to the seconds between requests to all
    hosts under it together. `largest` is in bytes, after inflating. `paused` are the hosts that
    asked to be left alone before, as `pauses` told: seconds by name.
    """

    def __init__(
        self,
        contact: str = "",
        allow_private: Sequence[str] = (),
        deadline: float = 60.0,
        spacing: Mapping[str, float] | None = None,
        largest: int = LARGEST_BODY,
        paused: Mapping[str, float] | None = None,
    ) -> None:
        self._agent = f"paperround/{__version__}" + (f" (+mailto:{contact})" if contact else "")
        self._allowed = tuple(ipaddress.ip_network(network) for network in allow_private)
        self._deadline = deadline
        self._spacing = dict(SPACING if spacing is None else spacing)
        self._largest = largest
        self._gates: dict[str, _Gate] = {}
        self._room = asyncio.Semaphore(MOST_AT_ONCE)
        self._paused = dict(paused or {})  # until the first fetch: times are the event loop's
        self._session: aiohttp.ClientSession | None = None
        self._resolver: NameResolver | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections; the fetcher opens new ones when it is used again."""
        session, self._session = self._session, None
        resolver, self._resolver = self._resolver, None
        if session is not None:
            await session.close()
        if resolver is not None:
            await resolver.close()

    async def fetch(self, request: Request) -> Answer:
        """Make one request; what goes wrong comes back as a Failure with a sentence."""
        try:
            url, headers = without_login(decodable(URL(request.url)), conditional(request))
        except ValueError:
            return Failure(request.url, "the source's url is no address")
        left = self._deadline
        loop = asyncio.get_running_loop()
        asked = moved_to = url
        cookies: aiohttp.CookieJar | None = None
        for _ in range(MOST_REDIRECTS + 1):
            if problem := unfit(url):
                return Failure(request.url, problem)
            gate = self._gate(url)
            async with self._turn(url, gate):
                paused = gate.paused_until - loop.time()
                if paused > 0:
                    return _left_alone(request.url, url, paused)
                async with self._room:  # waiting for it is not the host's time
                    started = loop.time()
                    said = with_cookies(headers, cookies, url)
                    found = await self._exchange(url, said, left, request.body)
                    left -= loop.time() - started
                _note_pause(gate, found, loop.time())
            if not isinstance(found, _Hop):
                moved = "" if moved_to == asked else logins.kept(str(moved_to), request.url)
                return _belonging(found, request, moved)
            if request.body:
                return Failure(request.url, f"{host_in_words(url)} redirects what was sent to it")
            if found.cookies:
                cookies = cookies or aiohttp.CookieJar(unsafe=True)  # a host may be a number
                cookies.update_cookies(found.cookies, url)
            if origin(found.url) != origin(url):
                headers = {k: v for k, v in headers.items() if k.lower() not in _SECRETS}
            before = url
            url, headers = without_login(found.url, headers)
            if found.permanent and moved_to == before:
                moved_to = url
        return Failure(
            request.url, f"{host_in_words(url)} redirects more than {MOST_REDIRECTS} times"
        )

    def pauses(self) -> dict[str, float]:
        """Return for how many more seconds which hosts are to be left alone (they answered 429)."""
        if self._paused:
            return dict(self._paused)
        now = asyncio.get_running_loop().time()
        left = {name: gate.paused_until - now for name, gate in self._gates.items()}
        return {name: seconds for name, seconds in left.items() if seconds > 0}

    # ── Whose turn it is ──────────────────────────────────────────────────────────────────────────

    def _domain(self, url: URL) -> str:
        """Return the domain under which this host shares its turns with others, or ""."""
        host = (url.host or "").rstrip(".")
        return next((d for d in self._spacing if host == d or host.endswith(f".{d}")), "")

    def _gate(self, url: URL) -> _Gate:
        if self._paused:
            now = asyncio.get_running_loop().time()
            self._gates |= {n: _Gate(paused_until=now + s) for n, s in self._paused.items()}
            self._paused.clear()
        if len(self._gates) > _MOST_GATES:
            now = asyncio.get_running_loop().time()
            self._gates = {
                name: gate
                for name, gate in self._gates.items()
                if gate.lock.locked() or max(gate.next_turn, gate.paused_until) > now
            }
        return self._gates.setdefault(self._domain(url) or door(url), _Gate())

    @asynccontextmanager
    async def _turn(self, url: URL, gate: _Gate) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        async with gate.lock:
            if gate.paused_until <= loop.time():
                await asyncio.sleep(max(gate.next_turn - loop.time(), 0.0))
            try:
                yield
            finally:
                # From the end of an exchange: what left us in time may have arrived late.
                gate.next_turn = loop.time() + self._spacing.get(self._domain(url), 0.0)

    # ── One request ───────────────────────────────────────────────────────────────────────────────

    async def _exchange(
        self, url: URL, headers: Mapping[str, str], left: float, body: bytes = b""
    ) -> Answer | _Hop:
        """Ask one server once: an answer, or the address that it redirects to."""
        refusals: list[str] = []
        token = _refusals.set(refusals)
        host = host_in_words(url)
        deadline = asyncio.timeout(left)
        try:
            async with (
                deadline,
                self._opened().request(
                    "POST" if body else "GET",
                    url,
                    headers=headers,
                    data=body or None,
                    allow_redirects=False,
                ) as response,
            ):
                return await self._answered(url, response)
        except TimeoutError:
            problem = (
                f"{host} did not answer within {self._deadline:g} s"
                if deadline.expired()
                else f"{host} could not be reached within {CONNECT_SECONDS:g} s"
            )
        except BadBodyError as error:
            problem = f"{host} {error}"
        except (aiohttp.ClientError, OSError, ValueError) as error:
            problem = refusals[0] if refusals else in_a_sentence(host, error)
        finally:
            _refusals.reset(token)
        return Failure(str(url), problem)

    async def _answered(self, url: URL, response: aiohttp.ClientResponse) -> Answer | _Hop:
        headers = lowered(response)
        status = response.status
        if status in _WHOLE:
            return Document(str(url), await self._body(response, self._largest), headers)
        if status == HTTPStatus.NOT_MODIFIED:
            return NotModified(str(url), headers)
        location = response.headers.get("Location", "")
        if status in _REDIRECTS and location:
            try:
                onward = decodable(url.join(URL(location)).with_fragment(None))
                return _Hop(onward, status in _FOR_GOOD, response.cookies)
            except ValueError:
                return Failure(
                    str(url), f"{host_in_words(url)} redirects to something that is no address"
                )
        return Failure(
            str(url),
            f"{host_in_words(url)} answered HTTP {status} {phrase(status)}".rstrip()
            + challenge(headers),
            status=status,
            retry_after=retry_after(dict(headers)) if status in _BUSY else None,
            gone=status == HTTPStatus.GONE,
            body=await self._refusal(response) if response.method == "POST" else b"",
        )

    async def _refusal(self, response: aiohttp.ClientResponse) -> bytes:
        """Return what a service says where it refuses, b"" where it says too much or too slowly.

        That it refuses, and for how long, is known by then, and must not be lost with the rest.
        """
        with suppress(BadBodyError, TimeoutError, aiohttp.ClientError):
            async with asyncio.timeout(_REFUSAL_SECONDS):
                return await self._body(response, _LONGEST_REFUSAL)
        return b""

    async def _body(self, response: aiohttp.ClientResponse, largest: int) -> bytes:
        coding = response.headers.get("Content-Encoding", "").strip().lower()
        if coding not in ("", "identity", *_GZIP):
            raise BadBodyError(
                f"answered in an encoding that was not asked for ({text.shorten(coding, 40)})"
            )
        body = Body(largest, zipped=coding in _GZIP)
        async for chunk in response.content.iter_chunked(_CHUNK):
            body.feed(chunk)
        promised = response.headers.get("Content-Length", "")
        if promised.isdecimal() and body.received < int(promised):
            raise BadBodyError(f"broke off after {body.received} of {promised} bytes")
        return body.whole()

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._resolver = NameResolver()
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=0,  # `_room` and the gates see to that, outside of any deadline
                    limit_per_host=1,
                    resolver=self._resolver,
                    socket_factory=self._socket,
                    use_dns_cache=False,
                ),
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                max_line_size=_LONGEST_HEADER,
                max_field_size=_LONGEST_HEADER,
                trust_env=False,
                headers={"User-Agent": self._agent, "Accept-Encoding": "gzip"},
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
            )
        return self._session

    def _socket(self, info: tuple[Any, ...]) -> socket.socket:
        """Make a socket for an address that may be reached; refuse any other with OSError."""
        family, kind, protocol, _, where = info
        if problem := refusal(str(where[0]), self._allowed):
            _refusals.get([]).append(problem)
            raise OSError(problem)
        return socket.socket(family, kind, protocol)


# ── Pauses and answers ────────────────────────────────────────────────────────────────────────────


def _note_pause(gate: _Gate, found: Answer | _Hop, now: float) -> None:
    """Remember that a host is to be left alone: a 429 is meant for all that is asked of it."""
    if isinstance(found, Failure) and found.status == HTTPStatus.TOO_MANY_REQUESTS:
        pause = _DEFAULT_PAUSE if found.retry_after is None else found.retry_after
        gate.paused_until = max(gate.paused_until, now + pause)


def _left_alone(asked: str, url: URL, seconds: float) -> Failure:
    problem = (
        f"{host_in_words(url)} asked to be left alone for another {duration(seconds)} (HTTP 429)"
    )
    return Failure(asked, problem, status=HTTPStatus.TOO_MANY_REQUESTS, retry_after=seconds)


def _belonging(found: Answer, request: Request, moved_to: str) -> Answer:
    """Return the answer as one to this request: a 304 needs a condition, a Failure its address."""
    if isinstance(found, NotModified) and not (request.etag or request.last_modified):
        host = host_in_words(URL(found.url))
        return Failure(request.url, f"{host} answered HTTP 304 to a request without a condition",
                       status=HTTPStatus.NOT_MODIFIED)  # fmt: skip
    if isinstance(found, Failure):
        return replace(found, url=request.url)
    return replace(found, moved_to=moved_to) if moved_to else found
