"""The doors that mail comes in by: LMTP, and a mailbox read by IMAP (a real Dovecot)."""

from __future__ import annotations

import asyncio
import smtplib
import socket
import threading
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime

import pytest

from bot import inbound, mailbox
from bot.app import open_app
from bot.config import load_config
from bot.errors import MailError, StateError
from bot.inbound import taking_mail
from bot.workflows.receive import LARGEST, MailOutcome
from support_dovecot import free_port
from support_postfix import PASSWORD

NOW = datetime(2026, 11, 20, 7, tzinfo=UTC)
CONFIG = """
[bot]
contact = "owner@example.org"
[profiles.experts]
[inbound]
kind = "{kind}"
address = "papers@test.example"
host = "{host}"
{more}
"""


@asynccontextmanager
async def an_app(tmp_path, kind, host, more=""):
    path = tmp_path / "config.toml"
    path.write_text(CONFIG.format(kind=kind, host=host, more=more))
    with open_app(load_config(path), lambda: NOW, b"s" * 32) as app:
        await app.mirror()
        yield app


def handed_over(place, *recipients, content=b"From: ada@example.org\r\n\r\nhello\r\n"):
    """Hand a mail over as a mail server does; return what was answered for each recipient."""
    host, port = (place, 0) if place.startswith("/") else place.split(":")
    with smtplib.LMTP(host, int(port), local_hostname="test.example") as server:
        server.ehlo_or_helo_if_needed()
        server.mail("sender@example.org")
        for recipient in recipients:
            assert server.rcpt(recipient)[0] == 250
        server.docmd("DATA")
        server.send(content.replace(b"\n.", b"\n..") + b"\r\n.\r\n")
        return [server.getreply()[0] for _ in recipients]


# ── LMTP ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(params=["port", "socket"])
def place(request, tmp_path):
    return f"127.0.0.1:{free_port()}" if request.param == "port" else str(tmp_path / "lmtp")


async def test_mail_is_taken_in_for_each_recipient_and_read(tmp_path, place):
    woken = []
    async with an_app(tmp_path, "lmtp", place) as app:
        async with taking_mail(lambda: app, lambda: woken.append(1)):
            answers = await asyncio.to_thread(
                handed_over, place, "papers@test.example", "subscribe+experts@test.example"
            )
        assert (answers, woken) == ([250, 250], [1])
        received = await app.receive()
        assert {each.outcome for each in received} == {MailOutcome.QUARANTINED, MailOutcome.ASKED}


async def test_what_cannot_be_committed_is_left_to_the_mail_server(tmp_path, place, monkeypatch):
    def full(*_):
        raise StateError("The disk is full.")

    async with an_app(tmp_path, "lmtp", place) as app:
        monkeypatch.setattr(type(app.store), "take_in", full)
        async with taking_mail(lambda: app, lambda: None):
            assert await asyncio.to_thread(handed_over, place, "papers@test.example") == [451]


async def test_a_place_that_is_taken_is_said(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        place = f"127.0.0.1:{other.getsockname()[1]}"
        async with an_app(tmp_path, "lmtp", place) as app:
            with pytest.raises(StateError, match="cannot be used"):
                async with taking_mail(lambda: app, lambda: None):
                    pass


async def test_a_file_in_the_place_of_the_socket_is_nobodys_to_remove(tmp_path):
    (tmp_path / "lmtp").write_text("mine")
    async with an_app(tmp_path, "lmtp", str(tmp_path / "lmtp")) as app:
        with pytest.raises(StateError):
            async with taking_mail(lambda: app, lambda: None):
                pass
    assert (tmp_path / "lmtp").read_text() == "mine"


async def test_a_socket_that_a_killed_service_left_is_no_hindrance(tmp_path):
    place = str(tmp_path / "lmtp")
    async with an_app(tmp_path, "lmtp", place) as app:
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(place)
        async with taking_mail(lambda: app, lambda: None):
            assert await asyncio.to_thread(handed_over, place, "papers@test.example") == [250]


async def test_who_takes_all_places_is_sent_away_until_some_are_free(tmp_path, place, monkeypatch):
    monkeypatch.setattr(inbound, "MOST_CONNECTIONS", 3)

    async def opened():
        if place.startswith("/"):
            reader, writer = await asyncio.open_unix_connection(place)
        else:
            reader, writer = await asyncio.open_connection(*place.split(":"))
        return (await reader.readline())[:3], writer

    async with an_app(tmp_path, "lmtp", place) as app, taking_mail(lambda: app, lambda: None):
        answers = [await opened() for _ in range(4)]
        assert [said for said, _ in answers] == [b"220", b"220", b"220", b"421"]
        for _, writer in answers:
            writer.close()
            await writer.wait_closed()
        async with asyncio.timeout(10):
            while (await again(opened)) != b"220":
                pass


async def again(opened):
    said, writer = await opened()
    writer.close()
    await writer.wait_closed()
    return said


# ── IMAP ──────────────────────────────────────────────────────────────────────────────────────────

e2e = [pytest.mark.e2e, pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")]


@pytest.fixture
def inbox(request, servers):
    """Return the name of a mailbox of this test's own, and what delivers into it."""
    address = f"{request.node.name.replace('_', '-')[:50]}@test.example"

    def deliver(content):
        with smtplib.LMTP(str(servers.mailboxes.lmtp)) as server:
            server.sendmail("ada@example.org", [address], content)

    return address, deliver


@asynccontextmanager
async def reading(tmp_path, servers, address):
    (tmp_path / "password").write_text(PASSWORD)
    more = (
        f'port = {servers.mailboxes.port}\ntls = "none"\nusername = "{address}"\n'
        'password = "file:password"'
    )
    async with an_app(tmp_path, "imap", "127.0.0.1", more) as app:
        yield app


class TestIMAP:
    pytestmark = e2e

    async def test_new_mail_is_taken_in_once_and_marked_as_seen(self, tmp_path, servers, inbox):
        address, deliver = inbox
        deliver(b"From: ada@example.org\r\nSubject: first\r\n\r\nhello\r\n")
        deliver(b"From: ada@example.org\r\nSubject: second\r\n\r\nhello\r\n")
        async with reading(tmp_path, servers, address) as app:
            assert await app.look_into_mailbox() == 2
            assert await app.look_into_mailbox() == 0
            assert [each.outcome for each in await app.receive()] == [MailOutcome.QUARANTINED] * 2
        assert len(servers.mailboxes.of(address)) == 2, "nothing is deleted"

    async def test_what_could_not_be_committed_is_read_again(
        self, tmp_path, servers, inbox, monkeypatch
    ):
        address, deliver = inbox
        deliver(b"From: ada@example.org\r\n\r\nhello\r\n")
        async with reading(tmp_path, servers, address) as app:
            whole = type(app.store).take_in

            def full(*_):
                raise StateError("The disk is full.")

            monkeypatch.setattr(type(app.store), "take_in", full)
            with pytest.raises(StateError):
                await app.look_into_mailbox()
            monkeypatch.setattr(type(app.store), "take_in", whole)
            assert await app.look_into_mailbox() == 1
            assert len(await app.receive()) == 1

    async def test_of_a_huge_mail_the_beginning_is_read(self, tmp_path, servers, inbox):
        address, deliver = inbox
        deliver(b"From: ada@example.org\r\n\r\n" + (b"x" * 70 + b"\r\n") * 60_000)
        async with reading(tmp_path, servers, address) as app:
            assert await app.look_into_mailbox() == 1
            await app.receive()
            assert len(app.store.quarantined()[0].raw) == LARGEST

    async def test_a_wrong_password_is_said_without_it(self, servers, inbox):
        with pytest.raises(MailError, match="cannot be read") as told:
            mailbox.fetch_new(
                host="127.0.0.1", port=servers.mailboxes.port, tls="none", username=inbox[0],
                password="wrong-and-secret", largest=LARGEST, take=print,
            )  # fmt: skip
        assert "wrong-and-secret" not in str(told.value)


def test_a_mailbox_that_is_not_there_is_said():
    with pytest.raises(MailError, match="cannot be reached"):
        mailbox.fetch_new(
            host="127.0.0.1", port=free_port(), tls="none", username="x", password="y",
            largest=LARGEST, take=print,
        )  # fmt: skip


@contextmanager
def an_odd_mailbox(**refused):
    """An IMAP server with one mail that refuses some commands; yield its port and what it was told."""
    told = []

    def answers(client):
        with client, client.makefile("rb") as lines:
            client.sendall(b"* OK here\r\n")
            for line in lines:
                tag, _, said = line.strip().partition(b" ")
                word = said.upper().removeprefix(b"UID ").split()[0].decode()
                told.append(word)
                client.sendall(_FIRST.get(word, b""))
                client.sendall(tag + refused.get(word, b" OK done") + b"\r\n")

    with socket.create_server(("127.0.0.1", 0)) as server:

        def once():
            answers(server.accept()[0])

        thread = threading.Thread(target=once)
        thread.start()
        try:
            yield server.getsockname()[1], told
        finally:
            thread.join(10)


_FIRST = {
    "CAPABILITY": b"* CAPABILITY IMAP4rev1\r\n",
    "SEARCH": b"* SEARCH 7\r\n",
    "LOGOUT": b"* BYE\r\n",
}


def look(port, take, word="y"):
    return mailbox.fetch_new(
        host="127.0.0.1", port=port, tls="none", username="x", password=word, largest=LARGEST,
        take=take,
    )  # fmt: skip


def test_a_mail_that_the_mailbox_cannot_give_now_stays_unseen():
    taken = []
    with an_odd_mailbox(FETCH=b" NO [SERVERBUG] later") as (port, told):
        assert look(port, taken.append) == 0
    assert (taken, told.count("FETCH"), "STORE" in told) == ([], 1, False)


@pytest.mark.parametrize("command", ["SELECT", "SEARCH"])
def test_what_a_mailbox_refuses_is_said_in_its_words(command):
    with (
        an_odd_mailbox(**{command: b" NO not at night"}) as (port, told),
        pytest.raises(MailError, match="cannot be read: not at night"),
    ):
        look(port, print)
    assert told[-1] == "LOGOUT"


def test_a_password_that_the_mailbox_has_no_way_to_take_is_said_without_it():
    with (
        an_odd_mailbox() as (port, _),
        pytest.raises(MailError, match="takes only ASCII") as said,
    ):
        look(port, print, "p\u00e4sse-par-tout")
    assert "par-tout" not in str(said.value)


@pytest.mark.parametrize("tls", ["none", "tls"])
def test_a_mailbox_that_says_a_byte_now_and_then_is_left_in_time(tls, monkeypatch):
    """No read of it takes long; before it was watched, a round waited for it for ever."""
    monkeypatch.setattr(mailbox, "_LOOK_SECONDS", 0.5)
    left = threading.Event()

    def drip(client):
        with client, suppress(OSError):
            while not left.wait(0.05):
                client.sendall(b"*" if tls == "none" else b"\x16")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=lambda: drip(server.accept()[0]))
        thread.start()
        try:
            with pytest.raises(MailError, match="cannot be reached"):
                mailbox.fetch_new(
                    host="127.0.0.1", port=server.getsockname()[1], tls=tls, username="x",
                    password="y", largest=LARGEST, take=print,
                )  # fmt: skip
        finally:
            left.set()
            thread.join(10)
