"""TLS and logins with a real relay: each trouble is told, keeps the mail, and gives nothing away."""

from __future__ import annotations

import base64
import secrets

import pytest

from bot import mail
from support_postal import WITH_SERVERS, PostalDesk, postal_desk
from support_postfix import PASSWORD
from support_round import NOW
from support_wire import wire_to

pytestmark = WITH_SERVERS

KEPT = "The digests are kept and tried again."
USER = "papers@lab.example"
WRONG = "Gaense-Fuesschen:91"


@pytest.fixture
def reader():
    return f"reader-{secrets.token_hex(6)}@test.example"


@pytest.fixture
def desk(tmp_path, monkeypatch, capsys, servers, reader):
    """One digest waits; the authority of the tests is trusted."""
    monkeypatch.setenv("SSL_CERT_FILE", str(servers.certificates.authority))
    monkeypatch.setenv("MAIL_PASSWORD", PASSWORD)
    yield from postal_desk(tmp_path, monkeypatch, capsys, [reader])


def is_told_and_kept(desk: PostalDesk, *words: str) -> str:
    """Deliver in vain: it is told in these words, exits 1, and the digest still waits."""
    said = desk.deliver()
    assert said.code == 1
    for each in (*words, KEPT):
        assert each in said.words
    assert desk.outbox() == {"pending": 1}
    assert "It was not tried yet." in desk.told()
    return said.words


def goes_out(desk: PostalDesk, servers, reader: str, way: str = "starttls", **more) -> None:
    """Deliver by a way that is as it should be."""
    desk.settings(**({"port": servers.ports[way], "tls": "starttls"} | more))
    assert desk.deliver(minutes=10).code == 0
    assert desk.states() == {reader: "sent"}
    assert len(servers.mailboxes.first_of(reader)) == 1


# ── Certificates ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("way", "tls"), [("starttls", "starttls"), ("implicit", "tls")])
def test_a_certificate_of_a_trusted_authority_carries_the_mail(desk, servers, reader, way, tls):
    with wire_to(servers.ports[way]) as wire:
        desk.settings(port=wire.port, tls=tls)
        assert desk.deliver().code == 0
        (arrived,) = servers.mailboxes.first_of(reader)
    assert b" with ESMTPS id " in arrived
    assert wire.words == (["EHLO", "STARTTLS"] if tls == "starttls" else []), "no more in the clear"


@pytest.mark.parametrize(
    ("way", "why"),
    [
        ("lonely", "self-signed certificate"),
        ("expired", "certificate has expired"),
        ("elsewhere", "IP address mismatch, certificate is not valid for '127.0.0.1'"),
    ],
)
def test_a_certificate_that_does_not_vouch_is_told_and_nothing_is_said(
    desk, servers, reader, way, why
):
    with wire_to(servers.ports[way]) as wire:
        desk.settings(port=wire.port, tls="starttls", username=USER, password="env:MAIL_PASSWORD")
        told = is_told_and_kept(desk, "shows a certificate that is not trusted", why)
    assert f"The mail server 127.0.0.1:{wire.port}" in told
    assert wire.words == ["EHLO", "STARTTLS"]
    goes_out(desk, servers, reader)


def test_a_host_by_a_name_that_its_certificate_lacks_is_told(desk, servers, reader):
    for way, tls in (("starttls", "starttls"), ("implicit", "tls")):
        desk.settings(host="localhost", port=servers.ports[way], tls=tls)
        is_told_and_kept(desk, "Hostname mismatch, certificate is not valid for 'localhost'")
    goes_out(desk, servers, reader)


def test_an_authority_that_this_machine_does_not_know_is_told(desk, servers, reader, monkeypatch):
    with monkeypatch.context() as stranger:
        stranger.delenv("SSL_CERT_FILE")
        for way, tls in (("starttls", "starttls"), ("implicit", "tls")):
            desk.settings(port=servers.ports[way], tls=tls)
            is_told_and_kept(desk, "not trusted (unable to get local issuer certificate)")
    goes_out(desk, servers, reader)


def test_check_tells_the_certificate_too(desk, servers):
    desk.settings(port=servers.ports["expired"], tls="starttls")
    said = desk("check")
    assert said.code == 1
    assert "certificate has expired" in said.words
    desk.settings(port=servers.ports["starttls"], tls="starttls")
    assert f"ok mail: 127.0.0.1:{servers.ports['starttls']}" in desk("check").words


# ── Encryption that does not come about ───────────────────────────────────────────────────────────


def without_starttls(said: bytes) -> bytes:
    return said.replace(b"250-STARTTLS\r\n", b"")


def garbage_for_a_handshake(said: bytes) -> bytes:
    return said if said[:1].isdigit() else b"\x15garbage" * 20


def cut_in_the_handshake(said: bytes) -> bytes | None:
    return said if said[:1].isdigit() else None


def refused_starttls(said: bytes) -> bytes:
    return b"454 4.7.0 TLS not available\r\n" if b"2.0.0 Ready" in said else said


NOT_OFFERED = "offers no STARTTLS"


@pytest.mark.parametrize(
    ("way", "change", "told"),
    [
        ("bare", bytes, NOT_OFFERED),
        ("starttls", without_starttls, NOT_OFFERED),
        ("starttls", refused_starttls, "answered 454 4.7.0 TLS not available"),
        ("starttls", garbage_for_a_handshake, "speaks no TLS at first"),
        ("starttls", cut_in_the_handshake, "cannot be used"),
    ],
)
def test_without_encryption_nothing_is_said_after_the_greeting(
    desk, servers, reader, way, change, told
):
    with wire_to(servers.ports[way], change) as wire:
        desk.settings(port=wire.port, tls="starttls", username=USER, password="env:MAIL_PASSWORD")
        is_told_and_kept(desk, told)
    assert set(wire.words) <= {"EHLO", "STARTTLS", "QUIT"}
    assert reader.encode() not in wire.heard
    goes_out(desk, servers, reader)


def test_what_is_slipped_in_before_the_encryption_is_not_believed(desk, servers, reader):
    """An answer that stands in the clear behind the 220 is not the answer to the EHLO within TLS."""

    def slip_in(said: bytes) -> bytes:
        forged = b"250-mail.test.example\r\n250 AUTH PLAIN\r\n"
        return said + forged if b"2.0.0 Ready" in said else said

    with wire_to(servers.ports["starttls"], slip_in) as wire:
        desk.settings(port=wire.port, tls="starttls", username=USER, password="env:MAIL_PASSWORD")
        is_told_and_kept(desk, "offers no login here")
    goes_out(desk, servers, reader)


def test_the_wrong_kind_of_tls_is_told(desk, servers, reader, monkeypatch):
    desk.settings(port=servers.ports["starttls"], tls="tls")
    is_told_and_kept(desk, "The mail server")
    monkeypatch.setattr(mail, "_CONNECT_SECONDS", 0.5)
    desk.settings(port=servers.ports["implicit"], tls="starttls")
    is_told_and_kept(desk, "did not answer within")
    goes_out(desk, servers, reader)


def test_a_handshake_that_never_ends_is_given_up_on(desk, servers, reader, monkeypatch):
    monkeypatch.setattr(mail, "_CONNECT_SECONDS", 0.5)
    with wire_to(servers.ports["starttls"], lambda s: s if s[:1].isdigit() else b"") as wire:
        desk.settings(port=wire.port, tls="starttls")
        is_told_and_kept(desk, "did not answer within")
    goes_out(desk, servers, reader)


# ── Logins ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("way", "mechanism"),
    [("submission", "PLAIN"), ("cram-md5", "CRAM-MD5"), ("plain", "PLAIN"), ("login", "LOGIN")],
)
def test_a_login_by_each_mechanism(desk, servers, reader, way, mechanism):
    goes_out(desk, servers, reader, way, username=USER, password="env:MAIL_PASSWORD")
    assert f"sasl_method={mechanism}, sasl_username={USER}" in servers.log


def test_a_wrong_password_is_told_without_it(desk, servers, reader, monkeypatch):
    monkeypatch.setenv("MAIL_PASSWORD", WRONG)
    desk.settings(
        port=servers.ports["submission"],
        tls="starttls",
        username=USER,
        password="env:MAIL_PASSWORD",
    )
    failed = servers.log.count("authentication failed")
    told = is_told_and_kept(desk, "refused the login (535 5.7.8")
    assert WRONG not in told
    assert servers.log.count("authentication failed") == failed + 1, "three would lock an account"
    monkeypatch.setenv("MAIL_PASSWORD", PASSWORD)
    goes_out(desk, servers, reader, "submission", username=USER, password="env:MAIL_PASSWORD")


def test_a_relay_that_wants_a_login_and_gets_none_is_told(desk, servers, reader):
    desk.settings(port=servers.ports["submission"], tls="starttls")
    said = desk.deliver()
    assert said.code == 1
    assert "5.7.1" in said.words
    assert servers.mailboxes.of(reader) == []


def test_a_login_where_the_relay_offers_none_is_told(desk, servers, reader):
    desk.settings(
        port=servers.ports["starttls"], tls="starttls", username=USER, password="env:MAIL_PASSWORD"
    )
    is_told_and_kept(desk, 'offers no login here; [mail] username = "" goes without one')
    goes_out(desk, servers, reader)


# ── What must not be seen ─────────────────────────────────────────────────────────────────────────


def disguises(password: str) -> set[bytes]:
    """Return the password and every form in which it travels in a login."""
    raw = password.encode()
    travelling = {raw, b"\0" + USER.encode() + b"\0" + raw}
    return {raw} | {base64.b64encode(each).rstrip(b"=") for each in travelling}


@pytest.mark.parametrize("password", [PASSWORD, WRONG])
@pytest.mark.parametrize("kind", ["env", "file"])
@pytest.mark.parametrize("way", ["submission", "login"])
def test_a_password_is_seen_nowhere(desk, servers, monkeypatch, password, kind, way):
    if kind == "env":
        monkeypatch.setenv("MAIL_PASSWORD", password)
        reference = "env:MAIL_PASSWORD"
    else:
        monkeypatch.delenv("MAIL_PASSWORD")
        (desk.folder / "secret").write_text(f"{password}\n", encoding="utf-8")
        reference = "file:secret"
    with wire_to(servers.ports[way]) as wire:
        desk.settings(port=wire.port, tls="starttls", username=USER, password=reference)
        commands = [
            ("-v", "deliver"), ("-v", "check"), ("-v", "--log-format", "json", "check"),
            ("-v", "status"), ("status", "--json"), ("deliveries", "list"),
            ("deliveries", "show", "1"), ("deliveries", "show", "1", "--json"),
        ]  # fmt: skip
        said = [desk("--now", NOW.isoformat(), *command) for command in commands]
    assert said[0].code == (password != PASSWORD)
    shown = "".join(each.out + each.err for each in said).encode()
    stored = b"".join(path.read_bytes() for path in desk.state.rglob("*") if path.is_file())
    for secret in disguises(password):
        assert secret not in shown
        assert secret not in stored
        assert secret not in wire.heard


def test_a_password_that_stands_in_the_configuration_is_refused_and_not_repeated(desk):
    desk.settings(port=587, username=USER, password=WRONG)
    for command in (("deliver",), ("-v", "check"), ("status",)):
        said = desk(*command)
        assert said.code == 2
        assert 'a secret is never written here: use "env:NAME"' in said.words
        assert WRONG not in said.out + said.err


@pytest.mark.parametrize("reference", ["env:NOT_SET_ANYWHERE", "file:not-there", "file:."])
def test_a_password_that_is_not_there_is_told_and_nothing_is_said(desk, servers, reference):
    with wire_to(servers.ports["submission"]) as wire:
        desk.settings(port=wire.port, tls="starttls", username=USER, password=reference)
        said = desk.deliver()
    assert said.code == 2
    assert reference.partition(":")[2] in said.words
    assert wire.heard == b""
