"""How many orders a network, a mail domain and everybody together may place: floods stop here."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from collections.abc import Sequence

from aiohttp import web

_WINDOW = 3600.0  # seconds
_OF_A_NETWORK, _OF_A_DOMAIN, _OF_ALL = 20, 200, 2000  # orders in it
_MOST_HOPS = 20
_MOST_KNOWN = 10_000  # networks and domains that are remembered, the latest


class Limits:
    """Counts orders in a sliding hour. Time is in seconds of a clock that only goes forward."""

    def __init__(self) -> None:
        self._placed: OrderedDict[str, list[float]] = OrderedDict()

    def admit(self, network: str, domain: str, now: float) -> bool:
        """Return whether one more order is within the limits, and count it where it is."""
        asked = ((f"n {network}", _OF_A_NETWORK), (f"d {domain}", _OF_A_DOMAIN), ("all", _OF_ALL))
        lately = {key: [at for at in self._placed.get(key, []) if now - at < _WINDOW]
                  for key, _ in asked}  # fmt: skip
        if any(len(lately[key]) >= most for key, most in asked):
            return False
        for key, times in lately.items():
            self._placed[key] = [*times, now]
            self._placed.move_to_end(key)
        while len(self._placed) > _MOST_KNOWN:
            self._placed.popitem(last=False)
        return True


def network_of(request: web.Request, trusted: Sequence[str]) -> str:
    """Return whence a request came: an IPv4 address, or the /64 of an IPv6 one; "" where not known.

    X-Forwarded-For counts only as far as the proxies that added to it are trusted.
    """
    # Several lines are one list in their order (RFC 9110 §5.3): HAProxy adds a line below the client's.
    told = ",".join(request.headers.getall("X-Forwarded-For", []))
    hops = [hop.strip() for hop in told.split(",")[-_MOST_HOPS:]] if told else []
    hops.append(request.remote or "")
    while len(hops) > 1 and _is_among(hops[-1], trusted):
        hops.pop()
    try:
        address = ipaddress.ip_address(hops[-1].strip("[]"))
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


def _is_among(hop: str, trusted: Sequence[str]) -> bool:
    try:
        address = ipaddress.ip_address(hop.strip("[]"))
        return any(address in ipaddress.ip_network(each, strict=False) for each in trusted)
    except ValueError:
        return False
