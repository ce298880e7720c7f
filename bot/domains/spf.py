"""SPF: who may send for a domain (RFC 7208), and whether the relay is among them."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from bot.domains.names import on_this_machine, relay_in_words
from bot.domains.records import Asking, Judgement, Lookup, Standing

_IP: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_MOST_LOOKUPS = 10  # RFC 7208 §4.6.4; past it receivers answer "permerror"
_MOST_TERMS = 200
_RECORD = re.compile(r"v=spf1(?: .*)?", re.IGNORECASE | re.DOTALL)
_MODIFIER = re.compile(r"([A-Za-z][\w.-]*)=(.*)", re.DOTALL)
_MECHANISM = re.compile(r"([+?~-]?)(\w+)(?::([^/]*))?((?:/.*)?)", re.DOTALL)
_PREFIXES = re.compile(r"(?:/(\d{1,2}))?(?://(\d{1,3}))?")


class _BrokenRecord(Exception):  # noqa: N818 - a way out of the walk, told in a judgement
    """Why receivers answer "permerror"."""


@dataclass(slots=True)
class _Walk:
    """One evaluation: the addresses it is about, the look-ups so far, what cannot be told."""

    addresses: frozenset[_IP]
    lookups: int = 0
    unclear: bool = False

    def look(self) -> None:
        self.lookups += 1
        if self.lookups > _MOST_LOOKUPS:
            raise _BrokenRecord(
                f"needs more than {_MOST_LOOKUPS} look-ups, so receivers ignore it: take out "
                "includes that you don't need"
            )


@dataclass(slots=True)
class _Evaluated:
    """What a record says: of each address + - ~ or ?, of all others (`ending`, "" for nothing)."""

    said: dict[_IP, str] = field(default_factory=dict)
    ending: str = ""

    def note(self, addresses: Iterable[_IP], qualifier: str) -> None:
        for address in addresses:
            self.said.setdefault(address, qualifier)


def judge_spf(domain: str, host: str) -> Asking[Judgement]:
    """Judge the SPF record of the envelope sender's domain; `host` is the relay."""
    found = [text for text in (yield Lookup("txt", domain)) if _RECORD.fullmatch(text)]
    if not found:
        words = (
            f"{domain} has no SPF record. Publish a TXT record there that names your relay: "
            '"v=spf1 include:… -all", the include as the relay\'s own pages say'
        )
        return Judgement("SPF", Standing.DOUBT, words)
    if len(found) > 1:
        words = (
            f"{domain} has {len(found)} SPF records, so receivers ignore them all (RFC 7208 §4.5): "
            "put them together into one"
        )
        return Judgement("SPF", Standing.BROKEN, words)
    relay: tuple[str, ...] = ()
    if not on_this_machine(host):
        relay = yield Lookup("addresses", host)
    walk = _Walk(_public(relay))
    try:
        evaluated = yield from _evaluate(walk, domain, found[0])
    except _BrokenRecord as broken:
        return Judgement("SPF", Standing.BROKEN, f"the record of {domain} {broken}")
    return _judged(domain, host, walk, evaluated)


def _public(addresses: Iterable[str]) -> frozenset[_IP]:
    """Return the addresses that a receiver can meet; a relay's private ones tell nothing."""
    found: set[_IP] = set()
    for text in addresses:
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            continue
        if not (address.is_private or address.is_loopback or address.is_link_local):
            found.add(address)
    return frozenset(found)


def _judged(domain: str, host: str, walk: _Walk, evaluated: _Evaluated) -> Judgement:
    if evaluated.ending == "+":
        words = f"the record of {domain} lets everybody send (+all): end it with -all or ~all"
        return Judgement("SPF", Standing.BROKEN, words)
    count = f"{walk.lookups} of {_MOST_LOOKUPS} look-ups"
    if evaluated.ending in ("", "?"):
        words = (
            f"the record of {domain} says nothing of other senders: end it with -all or ~all "
            f"({count})"
        )
        return Judgement("SPF", Standing.DOUBT, words)
    if not walk.addresses:
        words = (
            f"the record of {domain} is in order ({count}); from which address "
            f"{relay_in_words(host)} sends cannot be told from here"
        )
        return Judgement("SPF", Standing.WELL, words)
    missed = sorted(str(each) for each in walk.addresses if evaluated.said.get(each) != "+")
    if not missed:
        return Judgement("SPF", Standing.WELL, f"{domain} names {host} ({count})")
    if walk.unclear:
        words = f"whether {domain} names {host} depends on each message (macros, ptr; {count})"
        return Judgement("SPF", Standing.WELL, words)
    words = (
        f"the record of {domain} does not name {host} ({', '.join(missed[:4])}). If mail leaves "
        f"from there, add it to the record; `paperround check --send` shows what receivers say"
    )
    return Judgement("SPF", Standing.DOUBT, words)


def _evaluate(walk: _Walk, domain: str, record: str) -> Asking[_Evaluated]:
    """Go through all terms of a record: receivers may stop sooner, none asks more than this."""
    evaluated = _Evaluated()
    redirect = ""
    for term in record.split()[1:][:_MOST_TERMS]:
        if modifier := _MODIFIER.fullmatch(term):
            redirect = modifier[2] if modifier[1].lower() == "redirect" else redirect
            continue
        match = _MECHANISM.fullmatch(term)
        if match is None:
            raise _BrokenRecord(f"has a word that nobody understands ({term[:60]})")
        qualifier, name = match[1] or "+", match[2].lower()
        if name == "all":
            evaluated.note(walk.addresses, qualifier)
            evaluated.ending = qualifier
            return evaluated
        if name == "include":
            inner = yield from _other(walk, match[3] or "", "includes")
            evaluated.note((each for each, said in inner.said.items() if said == "+"), qualifier)
            if inner.ending == qualifier == "+":
                evaluated.ending = "+"
                return evaluated
            continue
        matched = yield from _matched(walk, name, match[3] or "", match[4], domain)
        evaluated.note(matched, qualifier)
    if redirect:
        inner = yield from _other(walk, redirect, "redirects to")
        for address, said in inner.said.items():
            evaluated.note([address], said)
        evaluated.ending = inner.ending
    return evaluated


def _other(walk: _Walk, domain: str, verb: str) -> Asking[_Evaluated]:
    """Evaluate the record of another domain, which must have exactly one (RFC 7208 §5.2, §6.1)."""
    walk.look()
    if "%" in domain:
        walk.unclear = True
        return _Evaluated(ending="-")
    found = [text for text in (yield Lookup("txt", domain)) if _RECORD.fullmatch(text)]
    if len(found) != 1:
        count = "several SPF records" if found else "no SPF record"
        raise _BrokenRecord(f"{verb} {domain[:100]}, which has {count}: receivers ignore it")
    return (yield from _evaluate(walk, domain, found[0]))


def _matched(
    walk: _Walk, name: str, value: str, prefixes: str, domain: str
) -> Asking[Collection[_IP]]:
    """Return which of the walk's addresses a mechanism names."""
    if name in ("ip4", "ip6"):
        return _within(walk.addresses, [f"{value}{prefixes}"], name)
    if name not in ("a", "mx", "ptr", "exists"):
        raise _BrokenRecord(f"has a word that nobody understands ({name[:60]})")
    walk.look()
    if "%" in value or name in ("ptr", "exists"):
        walk.unclear = True
        return ()
    lengths = _PREFIXES.fullmatch(prefixes)
    if lengths is None:
        raise _BrokenRecord(f"has a network that cannot be read ({prefixes[:60]})")
    target = value or domain
    hosts = (yield Lookup("mx", target))[:_MOST_LOOKUPS] if name == "mx" else (target,)
    networks: list[str] = []
    for host in hosts:
        for address in (yield Lookup("addresses", host)):
            length = lengths[2] or "128" if ":" in address else lengths[1] or "32"
            networks.append(f"{address}/{length}")
    return _within(walk.addresses, networks, name)


def _within(addresses: Iterable[_IP], networks: Iterable[str], name: str) -> list[_IP]:
    found: list[_IP] = []
    for text in networks:
        try:
            network = ipaddress.ip_network(text, strict=False)
        except ValueError as error:
            problem = f"has a network that cannot be read ({name}:{text[:60]})"
            raise _BrokenRecord(problem) from error
        found += [each for each in addresses if each.version == network.version and each in network]
    return found
