"""The only DNS: what `check` asks about the sender's domain.

`DnsResolver` fills `ports.Resolver`; `CannedResolver` is the fake for tests.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress

import dns.asyncresolver
import dns.exception
import dns.name
import dns.rdatatype
import dns.resolver
from dns.rdtypes.ANY.MX import MX
from dns.rdtypes.ANY.TXT import TXT

from bot.errors import ResolverError

_SECONDS = 5.0
_TRIES = 2
_LONGEST_NAME = 1_000  # 253 in DNS itself, with room for escapes
_MOST_RECORDS = 50
_MOST_CHARACTERS = 8_000  # a record is judged, not kept; an honest one has a tenth of this


class DnsResolver:
    """Asks the machine's own name servers, or `servers` on `port`; two tries of five seconds."""

    def __init__(
        self, servers: Sequence[str] = (), port: int = 53, seconds: float = _SECONDS
    ) -> None:
        self._servers, self._port, self._seconds = servers, port, seconds
        self._made: dns.asyncresolver.Resolver | None = None

    async def txt(self, name: str) -> tuple[str, ...]:
        """Return the TXT records, the pieces of each joined; empty where there are none."""
        answers = await self._ask(name, "TXT")
        pieces = (b"".join(each.strings) for each in answers if isinstance(each, TXT))
        return tuple(joined.decode("utf-8", "replace")[:_MOST_CHARACTERS] for joined in pieces)

    async def addresses(self, name: str) -> tuple[str, ...]:
        """Return the IPv4 and IPv6 addresses; an address is its own answer."""
        with suppress(ValueError):
            return (str(ipaddress.ip_address(name.strip("[]"))),)
        found = [*await self._ask(name, "A"), *await self._ask(name, "AAAA")]
        return tuple(each.to_text() for each in found)

    async def mx(self, name: str) -> tuple[str, ...]:
        """Return the names of the mail exchangers, the preferred first."""
        found = [each for each in await self._ask(name, "MX") if isinstance(each, MX)]
        found.sort(key=lambda each: (each.preference, each.exchange))
        return tuple(each.exchange.to_text(omit_final_dot=True) for each in found)

    async def _ask(self, name: str, kind: str) -> list[dns.rdata.Rdata]:
        if len(name) > _LONGEST_NAME:
            return []
        try:
            asked = dns.name.from_text(name)
        except (dns.exception.DNSException, UnicodeError):
            return []  # what is no name has no records
        for tries_left in range(_TRIES - 1, -1, -1):
            try:
                answer = await self._resolver().resolve(asked, kind, lifetime=self._seconds)
            except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer, dns.resolver.YXDOMAIN):
                return []
            except (dns.exception.DNSException, OSError, EOFError) as error:
                if tries_left == 0 or not isinstance(error, dns.exception.Timeout):
                    raise ResolverError(_explained(name, error)) from error
            else:
                return list(answer)[:_MOST_RECORDS]
        return []

    def _resolver(self) -> dns.asyncresolver.Resolver:
        if self._made is None:
            self._made = dns.asyncresolver.Resolver(configure=not self._servers)
            if self._servers:
                self._made.nameservers = list(self._servers)
                self._made.port = self._port
        return self._made


def _explained(name: str, error: Exception) -> str:
    if isinstance(error, dns.exception.Timeout):
        problem = "no name server answered in time"
    elif isinstance(error, dns.resolver.NoNameservers):
        problem = "the name servers failed (a broken zone, or DNSSEC that does not verify)"
    elif isinstance(error, dns.resolver.NoResolverConfiguration):
        problem = "this machine names no name server"
    else:
        problem = f"DNS could not be asked ({type(error).__name__})"
    return f"{name}: {problem}. Nothing is known of it now; try again later."


_NONE: Mapping[str, Sequence[str]] = {}


class CannedResolver:
    """A fake: answers from tables; names in `failing` cannot be asked. `asked` is what was."""

    def __init__(
        self,
        txt: Mapping[str, Sequence[str]] = _NONE,
        addresses: Mapping[str, Sequence[str]] = _NONE,
        mx: Mapping[str, Sequence[str]] = _NONE,
        failing: Collection[str] = (),
    ) -> None:
        self._tables = {"txt": txt, "addresses": addresses, "mx": mx}
        self._failing = failing
        self.asked: list[tuple[str, str]] = []

    async def txt(self, name: str) -> tuple[str, ...]:
        """Return the canned TXT records."""
        return self._answer("txt", name)

    async def addresses(self, name: str) -> tuple[str, ...]:
        """Return the canned addresses."""
        return self._answer("addresses", name)

    async def mx(self, name: str) -> tuple[str, ...]:
        """Return the canned mail exchangers."""
        return self._answer("mx", name)

    def _answer(self, kind: str, name: str) -> tuple[str, ...]:
        self.asked.append((kind, name))
        if name in self._failing:
            raise ResolverError(f"{name}: no name server answered in time.")
        return tuple(self._tables[kind].get(name, ()))
