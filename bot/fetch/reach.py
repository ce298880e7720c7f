"""Where a request may go: names are looked up in threads, and addresses inside are refused.

This is judged when a socket is made, for every connect of every redirect: a resolver is not asked about
literal addresses, and may answer differently the second time.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeAlias

from aiohttp import abc

_RESOLVERS = 4

# Written out: `is_global` says yes to multicast, NAT64 and, on 3.11, 6to4.
_REFUSED = tuple(
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
        "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        "::/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23",
        "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10",
        "ff00::/8",
    )
)  # fmt: skip

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


class NameResolver(abc.AbstractResolver):
    """Looks names up in threads of its own: a stuck look-up must not starve the loop's executor."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_RESOLVERS, thread_name_prefix="dns")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[abc.ResolveResult]:
        """Return the addresses of a name, as aiohttp wants them told."""
        found = await asyncio.get_running_loop().run_in_executor(
            self._threads, _look_up, host, port, family
        )
        return [
            abc.ResolveResult(
                hostname=host, host=str(where[0]), port=port, family=kind, proto=protocol,
                flags=socket.AI_NUMERICHOST,
            )
            for kind, _, protocol, _, where in found
        ]  # fmt: skip

    async def close(self) -> None:
        """Let go of the threads; a look-up that is stuck is not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _look_up(host: str, port: int, family: socket.AddressFamily) -> list[tuple[Any, ...]]:
    return list(socket.getaddrinfo(host, port, family, socket.SOCK_STREAM))


def refusal(where: str, allowed: Sequence[Network] = ()) -> str:
    """Say why an IP address must not be reached, "" where it may; `allowed` networks always may."""
    address = ipaddress.ip_address(where.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    if any(address in network for network in allowed):
        return ""
    if not any(address in network for network in _REFUSED):
        return ""
    return (
        f"the address leads to a private network ({address}), "
        "which [fetch] allow_private does not name"
    )
