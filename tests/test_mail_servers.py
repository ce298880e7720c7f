"""Through a real relay into a real mailbox: what arrives is what was built, and its signature holds."""

from __future__ import annotations

import asyncio
import gc
import re
import secrets
import smtplib
from email import message_from_bytes
from email.policy import default

import dkim
import pytest

from bot.mail import SmtpMailer
from bot.models import Attempt, Envelope, Verdict
from bot.outputs.dkim import Signer, signed
from support_certificates import signing_key
from support_cli import desk_in
from support_postal import SENDER, WITH_SERVERS, postal_desk
from support_postfix import HOST, PASSWORD
from support_replay import replaying, sample_day
from support_round import a_paper, arxiv

pytestmark = WITH_SERVERS

TRACES = {"return-path", "delivered-to", "received", "authentication-results"}


def an_address(domain: str = "test.example") -> str:
    return f"reader-{secrets.token_hex(6)}@{domain}"


@pytest.fixture(autouse=True)
def _nothing_left_open():
    yield
    gc.collect()  # within WITH_SERVERS, not in the next test


@pytest.fixture
def reader():
    return an_address()


@pytest.fixture
def desk(tmp_path, monkeypatch, capsys, servers, reader):
    monkeypatch.setenv("SSL_CERT_FILE", str(servers.certificates.authority))
    yield from postal_desk(tmp_path, monkeypatch, capsys, [reader])


@pytest.fixture(scope="module", params=["rsa", "ed25519"])
def key(request, tmp_path_factory, servers):
    made = signing_key(tmp_path_factory.mktemp("dkim"), request.param)
    servers.publish_key(f"{request.param}._domainkey.lab.example", made.record)
    return made


def added_on_the_way(arrived: bytes, sent: bytes) -> set[str]:
    """Return the names of the headers that were put on top; all else is what was sent."""
    assert arrived.endswith(sent), "the bytes are those that were sent"
    return {name.lower() for name in message_from_bytes(arrived.removesuffix(sent))}


def verdict_on_the_way(arrived: bytes) -> str:
    """Return what opendkim found of the signature."""
    found = message_from_bytes(arrived, policy=default)["Authentication-Results"]
    assert found.startswith(f"{HOST};")
    return re.search(r"dkim=(\w+)", found)[1]


# ── The command ───────────────────────────────────────────────────────────────────────────────────


def test_a_digest_arrives_as_it_was_built(desk, servers, reader):
    desk.settings(port=servers.ports["starttls"], tls="starttls")
    (built,) = desk.built()
    assert desk.deliver().code == 0
    (arrived,) = servers.mailboxes.first_of(reader)
    assert added_on_the_way(arrived, built) == TRACES
    assert f"Return-Path: <{SENDER}>".encode() in arrived
    assert b" with ESMTPS id " in arrived, "and it was encrypted"


def test_a_morning_from_the_sources_to_the_mailbox(tmp_path, monkeypatch, capsys, servers, reader):
    monkeypatch.setenv("SSL_CERT_FILE", str(servers.certificates.authority))
    monkeypatch.setenv("MAIL_PASSWORD", PASSWORD)
    with replaying(sample_day(1)) as site:
        for desk in desk_in(tmp_path, monkeypatch, capsys):
            desk.write(
                MORNING.format(url=site.url, reader=reader, port=servers.ports["submission"])
            )
            assert desk("--now", "2026-11-19T08:00Z", "once").code == 0
    (arrived,) = servers.mailboxes.first_of(reader)
    message = message_from_bytes(arrived, policy=default)
    assert message["To"] == reader
    assert [part.get_content_type() for part in message.iter_parts()] == [
        "text/plain", "text/html",
    ]  # fmt: skip
    assert "Mixture of experts" in message["Subject"]


MORNING = """
[bot]
contact = "librarian@lab.example"
[[sources]]
name = "arxiv"
kind = "arxiv"
url = "{url}"
categories = ["cs.CL"]
[profiles.experts]
title = "Mixture of experts"
keywords = ["mixture of experts^2", "sparse activation"]
to = ["{reader}"]
at = "any"
[mail]
transport = "smtp"
from = "papers@lab.example"
host = "127.0.0.1"
port = {port}
tls = "starttls"
username = "papers@lab.example"
password = "env:MAIL_PASSWORD"
[fetch]
allow_private = ["127.0.0.1/32"]
"""
HOSTILE = (
    a_paper(arxiv(4), title="A title\r\nBcc: victim@test.example\r\n\r\nand a body"),
    a_paper(arxiv(5), title="Über Größe: 混合专家模型 🧪 " * 8, abstract="Ünïcödé. " * 900),
    a_paper(arxiv(6), title="x" * 5000, abstract="y" * 20_000),
    a_paper(arxiv(7), title=".", abstract=".\n..\n.\r\n.\r\nQUIT\r\nFrom me to you\n\n.\n"),
    a_paper(
        arxiv(8), title="From here", abstract="From the start\nFrom >From\n>From the end " * 60
    ),
    a_paper(
        arxiv(9), title=r"$\mathcal{O}(n^2)$ \& more \%", abstract="=3D =20\t \x0b tab  \n " * 99
    ),
)


LISTS = {
    "list-id", "list-unsubscribe", "list-unsubscribe-post", "list-help", "from", "to", "subject", "date",
    "message-id",
}  # fmt: skip


@pytest.mark.parametrize(("way", "tls"), [("starttls", "starttls"), ("implicit", "tls")])
def test_hostile_papers_arrive_unchanged_and_signed(
    tmp_path, monkeypatch, capsys, servers, key, way, tls
):
    monkeypatch.setenv("SSL_CERT_FILE", str(servers.certificates.authority))
    reader = an_address("bücher.example")
    written = reader.replace("bücher", "xn--bcher-kva")
    for desk in postal_desk(tmp_path, monkeypatch, capsys, [reader], *HOSTILE):
        desk.title = "Größe, und “Länge”: " + "sehr " * 30 + "lang"
        desk.dkim = {"domain": "lab.example", "selector": key.private.stem,
            "key": f"file:{key.private}"}  # fmt: skip
        desk.settings(port=servers.ports[way], tls=tls)
        (built,) = desk.built()
        assert desk.deliver().code == 0
    (arrived,) = servers.mailboxes.first_of(written)
    assert added_on_the_way(arrived, built) == TRACES
    message = message_from_bytes(arrived, policy=default)
    assert (message["To"], message["Bcc"]) == (written, None)
    assert message["Subject"].startswith("Größe, und “Länge”")
    assert max(map(len, arrived.split(b"\r\n"))) <= 998
    is_signed(arrived, key)
    covered = re.search(r"\bh=([^;]+)", message["DKIM-Signature"])[1]
    assert {name.strip().lower() for name in covered.split(":")} >= LISTS


def is_signed(arrived: bytes, key) -> None:
    """opendkim, on the way, and dkimpy, at the end, say that the signature holds."""
    assert verdict_on_the_way(arrived) == "pass"
    if key.private.stem == "rsa":  # for ed25519 dkimpy wants a library more
        assert dkim.verify(arrived, dnsfunc=lambda _, **_more: key.record.encode())


def test_a_message_that_was_changed_on_the_way_is_told_apart(desk, servers, reader, key):
    """The fixture's own proof: what opendkim says is no mere politeness."""
    desk.dkim = {"domain": "lab.example", "selector": key.private.stem,
        "key": f"file:{key.private}"}  # fmt: skip
    desk.settings(port=servers.ports["starttls"])
    (built,) = desk.built()
    forged = built.replace(b"/unsubscribe/", b"/unsubscribe/other", 1)
    assert forged != built
    with smtplib.SMTP("127.0.0.1", servers.ports["starttls"]) as client:
        client.sendmail(SENDER, [reader], forged)
    (arrived,) = servers.mailboxes.first_of(reader)
    assert verdict_on_the_way(arrived) == "fail"


# ── The mailer alone ──────────────────────────────────────────────────────────────────────────────


async def sent(servers, reader: str, *contents: bytes) -> list[Attempt]:
    mailer = SmtpMailer(
        host="127.0.0.1", port=servers.ports["starttls"], tls="starttls", rate=10_000
    )
    async with mailer.session() as session:
        return [
            await session.send(Envelope(number, SENDER, reader, f"<{number}@lab.example>", content))
            for number, content in enumerate(contents)
        ]


HEAD = (
    b"Date: Fri, 20 Nov 2026 08:00:00 +0000\r\nFrom: papers@lab.example\r\nMessage-ID: <%d@lab.example>\r\n"
    b"Subject: =?utf-8?q?Gr=C3=B6=C3=9Fe?=\r\n\r\n"
)


async def test_raw_bodies_arrive_to_the_byte(monkeypatch, servers, reader):
    monkeypatch.setenv("SSL_CERT_FILE", str(servers.certificates.authority))
    bodies = [
        b".\r\n", b"..\r\n.\r\n...\r\n", b"From me\r\n>From you\r\n", b"x" * 998 + b"\r\n", b"\r\n\r\n\r\n",
        b"before\r\n.\r\nRSET\r\nMAIL FROM:<a@b.example>\r\n.\r\n", b" \r\n\t\r\ntrailing \t \r\n",
        b"." + b"y" * 997 + b"\r\n", b"0123456789abcde\r\n" * 20_000,
    ]  # fmt: skip
    contents = [HEAD % number + body for number, body in enumerate(bodies)]
    attempts = await sent(servers, reader, *contents)
    assert {attempt.verdict for attempt in attempts} == {Verdict.SENT}
    arrived = await asyncio.to_thread(servers.mailboxes.first_of, reader, len(contents))
    for content in contents:
        (message,) = (each for each in arrived if each.endswith(content))
        assert added_on_the_way(message, content) == TRACES


async def test_a_signature_outlives_the_worst_body(monkeypatch, servers, reader, key):
    monkeypatch.setenv("SSL_CERT_FILE", str(servers.certificates.authority))
    sign = Signer("lab.example", key.private.stem, key.private.read_bytes())
    content = signed(HEAD % 1 + b"From  me \t\r\n.\r\n" + b"z" * 998 + b"\r\n \r\n\r\n\r\n", sign)
    assert (await sent(servers, reader, content))[0].verdict is Verdict.SENT
    (arrived,) = await asyncio.to_thread(servers.mailboxes.first_of, reader)
    assert added_on_the_way(arrived, content) == TRACES
    is_signed(arrived, key)
