"""DNS as it is asked: a name server on loopback that answers, refuses, or says nothing."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import dns.flags
import dns.message
import dns.rcode
import dns.resolver
import dns.rrset
import pytest

from bot.errors import ResolverError
from bot.resolver import CannedResolver, DnsResolver

ZONE = {
    ("txt.test.", "TXT"): ['"v=spf1 " "ip4:192.0.2.1 -all"', '"gr\\195\\188n"'],
    ("host.test.", "A"): ["192.0.2.1"],
    ("host.test.", "AAAA"): ["2001:db8::1"],
    ("four.test.", "A"): ["192.0.2.4"],
    ("mx.test.", "MX"): ["20 second.test.", "10 first.test."],
}


class NameServer(asyncio.DatagramProtocol):
    """Knows ZONE; `broken.` fails, `silent.` is not answered."""

    def __init__(self):
        self.asked = []

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, address):
        query = dns.message.from_wire(data)
        (question,) = query.question
        name, kind = question.name.to_text(), dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind))
        if name.startswith("silent."):
            return
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        if name.startswith("broken."):
            answer.set_rcode(dns.rcode.SERVFAIL)
        elif texts := ZONE.get((name, kind)):
            answer.answer.append(dns.rrset.from_text(name, 60, "IN", kind, *texts))
        elif name not in {known for known, _ in ZONE}:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        self.transport.sendto(answer.to_wire(), address)


@asynccontextmanager
async def serving(seconds=2.0):
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(NameServer, ("127.0.0.1", 0))
    try:
        port = transport.get_extra_info("sockname")[1]
        yield DnsResolver(["127.0.0.1"], port, seconds), server
    finally:
        transport.close()


async def test_records_come_whole_and_in_order():
    async with serving() as (resolver, _):
        assert set(await resolver.txt("txt.test")) == {"v=spf1 ip4:192.0.2.1 -all", "grün"}
        assert await resolver.addresses("host.test") == ("192.0.2.1", "2001:db8::1")
        assert await resolver.addresses("four.test") == ("192.0.2.4",)
        assert await resolver.mx("mx.test") == ("first.test", "second.test")


async def test_no_such_name_and_no_such_record_are_an_empty_answer():
    async with serving() as (resolver, _):
        assert await resolver.txt("nobody.test") == ()
        assert await resolver.txt("four.test") == ()
        assert await resolver.mx("nobody.test") == ()


@pytest.mark.parametrize(
    "name", ["", "a..b", "x" * 64 + ".test", ".".join(["x" * 60] * 9), "\\", "x." * 10**6]
)
async def test_what_is_no_name_has_no_records_and_nobody_is_asked(name):
    async with serving() as (resolver, server):
        assert await resolver.txt(name) == ()
        assert [asked for asked, _ in server.asked if asked != "."] == []


async def test_an_address_is_its_own_answer():
    resolver = DnsResolver(["127.0.0.1"], 1)
    assert await resolver.addresses("192.0.2.7") == ("192.0.2.7",)
    assert await resolver.addresses("[2001:db8::7]") == ("2001:db8::7",)


async def test_a_zone_that_is_broken_is_no_answer():
    async with serving() as (resolver, _):
        with pytest.raises(ResolverError, match=r"broken.test: the name servers failed"):
            await resolver.txt("broken.test")


async def test_silence_is_asked_twice_and_then_told():
    async with serving(seconds=0.2) as (resolver, server):
        with pytest.raises(ResolverError, match=r"silent.test: no name server answered in time"):
            await resolver.txt("silent.test")
        assert len(server.asked) >= 2


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (dns.resolver.NoResolverConfiguration(), "this machine names no name server"),
        (OSError("unreachable"), r"DNS could not be asked \(OSError\)"),
    ],
)
async def test_a_machine_that_cannot_ask_says_so(monkeypatch, error, said):
    def failing(**_):
        raise error

    monkeypatch.setattr("dns.asyncresolver.Resolver", failing)
    with pytest.raises(ResolverError, match=said):
        await DnsResolver().txt("journal.org")


async def test_the_canned_one_answers_from_its_tables():
    canned = CannedResolver({"a": ["x"]}, {"a": ["192.0.2.1"]}, {"a": ["m"]}, failing=["b"])
    assert await canned.txt("a") == ("x",)
    assert await canned.addresses("a") == ("192.0.2.1",)
    assert await canned.mx("a") == ("m",)
    assert await canned.txt("c") == ()
    with pytest.raises(ResolverError):
        await canned.txt("b")
    assert canned.asked[0] == ("txt", "a")
