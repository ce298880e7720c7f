"""What becomes of a digest where a real relay is in trouble, as a person meets it."""

from __future__ import annotations

import re
import secrets
import socket
import threading
from collections import Counter

import pytest

from bot import mail
from support_dovecot import wait_until
from support_postal import WITH_SERVERS, postal_desk

pytestmark = WITH_SERVERS


def some_readers(count: int) -> list[str]:
    return [f"reader-{secrets.token_hex(6)}@test.example" for _ in range(count)]


@pytest.fixture
def readers(request):
    return some_readers(getattr(request, "param", 1))


@pytest.fixture
def desk(tmp_path, monkeypatch, capsys, servers, readers):
    """As many digests wait as there are readers; the relay is known and trusted."""
    monkeypatch.setenv("SSL_CERT_FILE", str(servers.certificates.authority))
    for desk in postal_desk(tmp_path, monkeypatch, capsys, readers):
        desk.settings(port=servers.ports["starttls"])
        yield desk
    servers.answer({})


def test_greylisting_is_waited_out(desk, servers, readers):
    (reader,) = readers
    servers.answer({reader: "450 4.2.0 Greylisted, come back in five minutes"})
    said = desk.deliver()
    assert said.code == 1
    assert "4.2.0 <" in said.words
    assert "Greylisted, come back in five minutes" in said.words
    assert desk.states() == {reader: "retry"}
    assert "next try 2026-11-20 08:05 UTC" in desk.told()
    assert "rcpt retry 450 4.2.0" in desk.told()
    servers.answer({})
    assert "nothing to send" in desk.deliver(minutes=4).words
    assert desk.deliver(minutes=5).code == 0
    assert desk.states() == {reader: "sent"}
    assert len(servers.mailboxes.first_of(reader)) == 1


@pytest.mark.parametrize(
    ("address", "verdict", "status", "said"),
    [
        ("nobody@test.example", "refused-address", "failed",
         "550 5.1.1 <nobody@test.example>: Recipient address rejected"),
        ("ada@elsewhere.example", "refused-sender", "retry",
         "554 5.7.1 <ada@elsewhere.example>: Relay access denied"),
    ],
)  # fmt: skip
def test_who_cannot_be_reached_keeps_nobody_else_from_it(
    desk, servers, readers, address, verdict, status, said
):
    (reader,) = readers
    desk.readers = [address, reader]
    desk.settings(port=servers.ports["starttls"])
    delivered = desk.deliver()
    assert delivered.code == 1
    # Where it may reach a log, a server's answer quotes no address.
    assert said.partition(" ")[2].replace(address, "…") in delivered.words
    assert desk.states() == {address: status, reader: "sent"}
    assert f"rcpt {verdict} {said}" in desk.told(1) + desk.told(2)
    assert desk.deliver(minutes=60).code == (1 if status == "retry" else 0), "failed: told once"
    assert len(servers.mailboxes.first_of(reader)) == 1


def test_what_is_too_big_for_the_relay_fails_and_says_so(desk, servers, readers):
    desk.settings(port=servers.ports["small"])
    said = desk.deliver()
    assert said.code == 1
    assert "5.3.4" in said.words
    assert desk.states() == {readers[0]: "failed"}
    assert " 552 5.3.4 " in desk.told()


@pytest.mark.parametrize("readers", [5], indirect=True)
def test_content_that_is_refused_stops_the_sending(desk, servers, readers):
    desk.title = "FORBIDDEN papers"
    desk.settings(port=servers.ports["starttls"], connections=1)
    said = desk.deliver()
    assert said.code == 1
    assert "5.6.0 Not that word" in said.words
    assert "3 messages in a row were refused: sending was stopped, the others wait." in said.words
    assert Counter(desk.states().values()) == {"failed": 3, "pending": 2}
    assert all(not servers.mailboxes.of(reader) for reader in readers)


def test_a_relay_that_is_down_is_told_and_served_when_it_is_back(desk, servers, readers):
    (reader,) = readers
    with servers.away():
        for minutes in (0, 60, 359):
            said = desk.deliver(minutes=minutes)
            assert said.code == 1
            assert "cannot be used" in said.words
            assert "The digests are kept and tried again." in said.words
            assert desk.outbox() == {"pending": 1}
    assert desk.deliver(minutes=360).code == 0
    assert len(servers.mailboxes.first_of(reader)) == 1
    assert desk.deliver(minutes=361).code == 0
    assert len(servers.mailboxes.of(reader)) == 1


@pytest.mark.parametrize("readers", [40], indirect=True)
def test_a_relay_that_stops_in_the_middle_loses_nothing(desk, servers, readers):
    desk.settings(port=servers.ports["starttls"], rate=40)
    before = servers.log.count("postfix/cleanup")

    def stop_in_the_middle() -> None:
        wait_until(lambda: servers.log.count("postfix/cleanup") >= before + 10, "ten mails", 30)
        servers.stop()

    stopping = threading.Thread(target=stop_in_the_middle)
    stopping.start()
    try:
        said = desk.deliver()
    finally:
        stopping.join(40)
        servers.start()
    assert said.code == 1
    states = Counter(desk.states().values())
    assert 0 < states["sent"] < 40
    assert set(states) <= {"sent", "retry", "uncertain", "pending"}
    unsure = {reader for reader, state in desk.states().items() if state == "uncertain"}
    for minutes in (5, 20):
        said = desk.deliver(minutes=minutes)
    assert said.code == 0
    assert set(desk.states().values()) == {"sent"}
    for reader in readers:
        # A Postfix that is stopped delivers again what it is not sure to have delivered: by the same
        # name in its queue. How often it was given the mail is our affair.
        taken = {queued_as(message) for message in servers.mailboxes.first_of(reader)}
        assert len(taken) == 1 or (reader in unsure and len(taken) == 2)


def queued_as(message: bytes) -> bytes:
    found = re.search(rb"\(Postfix\) with ESMTPS id (\w+)", message)
    assert found
    return found[1]


# ── What a relay has against us ───────────────────────────────────────────────────────────────────


def test_a_sender_that_the_relay_does_not_know_costs_no_reader(desk, servers, readers):
    desk.settings(port=servers.ports["strict"], **{"from": "Reading group <nobody@test.example>"})
    assert "5.1.0" in desk.deliver().words
    assert set(desk.states().values()) == {"retry"}
    assert "bounce" not in desk("suppressions", "list").words
    desk.settings(port=servers.ports["starttls"])
    assert desk.deliver(minutes=6).code == 0
    assert set(desk.states().values()) == {"sent"}


def test_a_machine_without_a_full_name_is_welcome(desk, servers, readers, monkeypatch):
    mail._our_name.cache_clear()  # noqa: SLF001 - what it remembers is this machine's
    monkeypatch.setattr(socket, "getfqdn", lambda: "laptop")
    desk.settings(port=servers.ports["fqdn"])
    assert desk.deliver().code == 0
    mail._our_name.cache_clear()  # noqa: SLF001 - as above
