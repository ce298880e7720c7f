"""Our DKIM signatures, judged by dkimpy; and what we make of the signatures on mail that arrived."""

from __future__ import annotations

import base64
import pickle
import shutil
import subprocess
import sys
from functools import cache

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.config import load_config
from bot.domains import fault_of, read_received
from bot.errors import ConfigError
from bot.outputs.dkim import COVERED, Signer, signed, signer

HEAD = (
    b"Date: Fri, 20 Nov 2026 08:00:00 +0000\r\n",
    b"From: Papers <papers@example.org>\r\n",
    b"To: ada@example.net\r\n",
    b"Subject: Mixture of experts: 7 new papers\r\n",
    b"Message-ID: <1@example.org>\r\n",
    b'List-Id: "Experts" <experts.example.org>\r\n',
    b"List-Unsubscribe: <https://example.org/unsubscribe/" + b"a" * 120 + b">\r\n",
    b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n",
    b"X-Ours: not covered\r\n",
)
BODY = b"Good morning.\r\n\r\nTwo  papers.\r\n"
# 512 bits, as no library makes them any more; good for nothing but being refused.
SHORT = b"""\
-----BEGIN PRIVATE KEY-----
MIIBVQIBADANBgkqhkiG9w0BAQEFAASCAT8wggE7AgEAAkEA22HdJFJBwggVNwsv
ff3CvFBmlLUkeY5dwfFPLI7buW9hyS6nlSGHI8vKLmrB52lNqQn/1S5qIXNn245g
CnCVXQIDAQABAkEAmbjPXj4NOcq0IufBlYUUySOFXbo4Hrz1UYqnMc/AgwQOdIZx
kCYF6lJIKwm87go0pLDU5j+4T99xLIjuzXz0wQIhAPlDEeUas/byKbxAsyX0P+/J
Vzx4enpNdtsNjGdnIbylAiEA4VAFmh1EMufKM1DssP1po4qCVSrLg7nxasnIELT+
AFkCIG3bVYO35SEtUZ+alFph79vqzPvlzXUhtwSMUBkypvfRAiEAl79Ydoqdgxd/
pH4tW6rhOicwToILHYXfZcfO+gmcRMkCIAXfFYkbpVThcOdyQpjzA5lM5BBKRciO
LH49xwDQR3tz
-----END PRIVATE KEY-----
"""


def pem_of(private, encryption=None) -> bytes:
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption())


@cache
def rsa_pem(bits: int = 2048) -> bytes:
    return pem_of(rsa.generate_private_key(65537, bits))


@cache
def ed25519_pem() -> bytes:
    return pem_of(ed25519.Ed25519PrivateKey.generate())


@cache
def sign(kind: str = "rsa") -> Signer:
    return Signer("example.org", "papers", rsa_pem() if kind == "rsa" else ed25519_pem())


def message(lines=HEAD, body=BODY, signature=b"") -> bytes:
    return signature + b"".join(lines) + b"\r\n" + body


def dkimpy_says(content: bytes, key=None) -> bool:
    """Whether dkimpy verifies it, the record where it should stand."""
    key = key or sign().key

    def dns(name, timeout=5):
        assert name.rstrip(b".").decode() == key.name
        return key.record.encode()

    return dkim.verify(content, dnsfunc=dns)


def we_say(content: bytes, key=None) -> str:
    mail = read_received(content)
    return fault_of(mail, mail.signatures[0], [(key or sign().key).record])


# ── What we sign, dkimpy verifies ─────────────────────────────────────────────────────────────────


def crlf(pieces):
    return b"".join(pieces)


bodies = st.lists(
    st.sampled_from(
        [b"a", b"experts", b" ", b"  ", b"\t", b"\r\n", b" \r\n", b"\t\r\n", b".", b"="]
    ),
    max_size=30,
).map(crlf)
blanks = st.sampled_from([b" ", b"", b"  ", b"\t", b"\r\n ", b" \r\n\t", b"\r\n  "])
words = st.lists(
    st.tuples(st.sampled_from([b"a", b"b:c", b"<x@y>", b"=?utf-8?q?=C3=BC?=", b";"]), blanks),
    min_size=1,
    max_size=6,
).map(lambda pairs: crlf(word + gap for word, gap in pairs).rstrip(b"\r\n \t"))
names = st.sampled_from([b"Subject", b"SUBJECT", b"To", b"X-Other", b"List-Id", b"Date"])
fields = st.tuples(names, blanks, words).map(lambda each: b"%b:%b%b\r\n" % each)


@pytest.mark.parametrize(
    "body",
    [b"", b"\r\n", b"\r\n\r\n\r\n", b"x", b"x  ", b" x\t\r\n\r\n", b" \t\r\n \r\n", b"a\t b\r\n"],
)
def test_odd_bodies_verify(body):
    # What goes through SMTP ends in CRLF, whatever it was given.
    sent = body if body.endswith(b"\r\n") or not body else body + b"\r\n"
    assert dkimpy_says(message(body=sent, signature=sign()(HEAD, body)))


@given(bodies, st.lists(fields, max_size=6))
def test_whatever_the_body_and_the_headers_dkimpy_verifies_it(body, more):
    lines = [b"From: Papers <papers@example.org>\r\n", *more]
    sent = body if body.endswith(b"\r\n") or not body else body + b"\r\n"
    content = message(lines, sent, sign()(lines, body))
    assert dkimpy_says(content)
    assert we_say(content) == ""


def test_it_covers_what_is_there_of_the_list_and_from_once_more():
    said = read_received(message(signature=sign()(HEAD, BODY))).signatures[0]
    assert said.covered == (
        "from", "from", "to", "subject", "date", "message-id", "list-id", "list-unsubscribe",
        "list-unsubscribe-post",
    )  # fmt: skip
    assert {"From", "List-Unsubscribe", "List-Unsubscribe-Post", "List-Id"} <= set(COVERED)
    assert "l" not in said.said


@pytest.mark.parametrize(
    "added", [b"From: Eve <eve@example.com>\r\n", b"List-Unsubscribe: <https://evil.example/>\r\n"]
)
def test_a_second_from_or_a_changed_list_header_breaks_it(added):
    lines = [line for line in HEAD if not line.startswith(b"List-Unsubscribe:")]
    changed = [*HEAD, added] if added.startswith(b"From") else [*lines, added]
    content = message(changed, signature=sign()(HEAD, BODY))
    assert not dkimpy_says(content)
    assert "headers" in we_say(content)


def test_the_line_is_folded_ends_in_crlf_and_is_the_same_every_time():
    for kind in ("rsa", "ed25519"):
        line = sign(kind)(HEAD, BODY)
        assert line == sign(kind)(HEAD, BODY)
        assert line.startswith(b"DKIM-Signature: v=1;")
        assert line.endswith(b"\r\n")
        folded = line.removesuffix(b"\r\n").split(b"\r\n")
        assert all(len(part) <= 78 for part in folded)
        assert all(part.startswith(b" ") for part in folded[1:])


def test_a_domain_too_long_for_a_line_gets_one_of_its_own():
    domain = ".".join(["a" * 60] * 3 + ["example.org"])
    long = Signer(domain, "papers", ed25519_pem())
    content = message(signature=long(HEAD, BODY))
    assert we_say(content, long.key) == ""
    assert f" d={domain};".encode() in content.split(b"\r\n")


def test_another_process_can_sign_the_same():
    again = pickle.loads(pickle.dumps(sign()))  # noqa: S301 - our own
    assert again(HEAD, BODY) == sign()(HEAD, BODY)
    assert b"PRIVATE" not in repr(again).encode()


def test_a_whole_message_is_signed_on_top():
    content = message(signature=b"")
    assert signed(content, sign()) == sign()(HEAD, BODY) + content
    assert dkimpy_says(signed(content, sign()))


def test_ed25519_verifies_and_breaks_too():
    key = sign("ed25519").key
    content = message(signature=sign("ed25519")(HEAD, BODY))
    assert key.record.startswith("v=DKIM1; k=ed25519; p=")
    assert we_say(content, key) == ""
    assert "body" in we_say(content + b"a footer\r\n", key)


@pytest.mark.e2e
@pytest.mark.parametrize("kind", ["rsa", "ed25519"])
def test_opendkim_verifies_it_too(tmp_path, kind):
    opendkim = shutil.which("opendkim") or shutil.which("opendkim", path="/usr/sbin")
    if opendkim is None:
        pytest.skip("opendkim is not installed (Debian: opendkim)")
    key = sign(kind).key
    (tmp_path / "keys").write_text(f"{key.name} {key.record}\n")
    (tmp_path / "conf").write_text(f"Mode v\nTestPublicKeys {tmp_path / 'keys'}\n")
    body = BODY + b"x \t y  \r\n\r\n.\r\nlast \r\n\r\n\r\n"
    for sent, said in ((body, "succeeded"), (b"changed" + body, "failed")):
        (tmp_path / "mail").write_bytes(message(body=sent, signature=sign(kind)(HEAD, body)))
        judged = subprocess.run(
            [opendkim, "-x", "conf", "-t", "mail"], cwd=tmp_path, capture_output=True, check=False,
            timeout=30,
        )  # fmt: skip
        assert said in (judged.stdout + judged.stderr).decode(), judged


# ── Keys ──────────────────────────────────────────────────────────────────────────────────────────


def refused(pem: bytes) -> str:
    with pytest.raises(ConfigError) as caught:
        Signer("example.org", "papers", pem)
    assert b"PRIVATE" not in str(caught.value).encode()
    return str(caught.value)


def test_a_key_that_cannot_sign_is_refused_in_a_sentence():
    assert Signer("example.org", "papers", rsa_pem(1024)).key.bits == 1024
    assert "512 bits are too short" in refused(SHORT)
    encrypted = pem_of(load_pem_private_key(rsa_pem(1024), None), BestAvailableEncryption(b"x"))
    assert "is encrypted" in refused(encrypted)
    assert "neither RSA nor ed25519" in refused(pem_of(ec.generate_private_key(ec.SECP256R1())))
    for nonsense in (
        b"",
        b"hunter2",
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
    ):
        said = refused(nonsense)
        assert "there is no private key in PEM form" in said
        assert "openssl genpkey" in said
        assert "hunter2" not in said


def without_cryptography(monkeypatch):
    for name in ("cryptography", "cryptography.exceptions"):
        monkeypatch.setitem(sys.modules, name, None)


def test_without_the_extra_it_says_how_to_install_it(monkeypatch):
    without_cryptography(monkeypatch)
    assert "`pip install 'paperround[dkim]'` installs it. Until then nothing" in refused(rsa_pem())


def configured(folder, text):
    path = folder / "config.toml"
    path.write_text(f'[mail]\nfrom = "papers@example.org"\n{text}')
    return load_config(path)


def test_the_configuration_says_whether_and_as_whom(tmp_path):
    assert signer(configured(tmp_path, "")) is None
    table = '[mail.dkim]\ndomain = "example.org"\nselector = "papers"\n'
    with pytest.raises(ConfigError, match=r"dkim.pem cannot be read"):
        signer(configured(tmp_path, table))
    (tmp_path / "dkim.pem").write_bytes(b"nonsense")
    with pytest.raises(ConfigError, match=r"^config.toml: \[mail.dkim\] key: there is no private"):
        signer(configured(tmp_path, table))
    (tmp_path / "dkim.pem").write_bytes(ed25519_pem())
    made = signer(configured(tmp_path, table))
    assert made is not None
    assert made(HEAD, BODY) == sign("ed25519")(HEAD, BODY)


# ── Signatures of others ──────────────────────────────────────────────────────────────────────────

RFC_8463 = b"""\
DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=brisbane; t=1528637909; h=from : to :
 subject : date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus
 Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==
DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=test; t=1528637909; h=from : to : subject :
 date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3
 DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz
 dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=
From: Joe SixPack <joe@football.example.com>
To: Suzie Q <suzie@shopping.example.net>
Subject: Is dinner ready?
Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)
Message-ID: <20030712040037.46341.5F8J@football.example.com>

Hi.

We lost the game.  Are you hungry yet?

Joe.
"""
RFC_8463_KEYS = {
    "brisbane": "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
    "test": (
        "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhd"
        "R6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hst"
        "T5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB"
    ),
}


def test_the_two_signatures_of_rfc_8463_hold():
    mail = read_received(RFC_8463)
    assert [each.selector for each in mail.signatures] == ["brisbane", "test"]
    for each in mail.signatures:
        assert fault_of(mail, each, [RFC_8463_KEYS[each.selector]]) == ""
        assert mail.aligned(each)
    changed = read_received(RFC_8463.replace(b"dinner", b"supper"))
    assert [
        "headers" in fault_of(changed, each, [RFC_8463_KEYS[each.selector]])
        for each in changed.signatures
    ] == [True, True]


@settings(max_examples=25)
@given(
    bodies, st.lists(fields, max_size=4),
    st.sampled_from([b"simple", b"relaxed"]), st.sampled_from([b"simple", b"relaxed"]),
    st.booleans(), st.sampled_from([b"", b"\r\n", b"a footer\r\n"]),
)  # fmt: skip
def test_of_what_dkimpy_signed_we_say_what_dkimpy_says(body, more, head, form, length, footer):
    key = Signer("example.org", "papers", rsa_pem(1024)).key
    # Without a last CRLF, which SMTP adds, dkimpy keeps a blank that the RFC takes away.
    ended = body if body.endswith(b"\r\n") or not body else body + b"\r\n"
    content = message([b"From: Papers <papers@example.org>\r\n", *more], ended)
    line = dkim.sign(
        content, b"papers", b"example.org", rsa_pem(1024), canonicalize=(head, form), length=length,
    )  # fmt: skip
    arrived = line + content + footer
    assert (we_say(arrived, key) == "") is dkimpy_says(arrived, key)


def test_a_key_of_another_kind_than_its_record_says_is_none():
    mail = read_received(message(signature=sign()(HEAD, BODY)))
    public = load_pem_private_key(ed25519_pem(), None).public_key()
    published = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    record = f"v=DKIM1; k=rsa; p={base64.b64encode(published).decode()}"
    assert "cannot be read" in fault_of(mail, mail.signatures[0], [record])


def test_a_mail_without_any_header_is_all_body():
    mail = read_received(b"\r\nHello.\r\n")
    assert (mail.lines, mail.body, mail.from_domain) == ((), b"Hello.\r\n", "")


def test_a_mail_as_files_have_it_is_read_too():
    content = message(signature=sign()(HEAD, BODY))
    assert we_say(content.replace(b"\r\n", b"\n")) == ""
    assert we_say(b"From papers@example.org Fri Nov 20 08:00:00 2026\n" + content) == ""


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ([], "is not there"),
        (["v=spf1 -all"], "is not there"),
        (["p=", "p=AA=="], "stands there 2 times"),
        (["v=DKIM1; p="], "is revoked"),
        (["v=DKIM2; p=AAAA"], "of a version that nobody knows"),
        (["v=DKIM1; h=sha1; p=AAAA"], "allows no sha256"),
        (["v=DKIM1; s=tls; p=AAAA"], "is not for mail"),
        (["v=DKIM1; k=ed25519; p=AAAA"], "is of another kind"),
        (["v=DKIM1; p=AAAA"], "cannot be read"),
        (["v=DKIM1; p=ä"], "cannot be read"),
    ],
)
def test_why_a_signature_cannot_be_verified(record, said):
    mail = read_received(message(signature=sign()(HEAD, BODY)))
    assert said in fault_of(mail, mail.signatures[0], record)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b"v=1", b"v=2", "no signature of DKIM"),
        (b" bh=", b" xx=", "no signature of DKIM (bh is missing"),
        (b"rsa-sha256", b"rsa-sha1", "uses rsa-sha1"),
        (b"relaxed/relaxed", b"tight", "a form that nobody knows"),
        (b"h=From:From:", b"h=", "does not cover From"),
        (b"; s=papers", b"; s=papers; l=99999", "does not fit the body"),
    ],
)
def test_what_is_wrong_with_a_signature_itself(old, new, said):
    line = sign()(HEAD, BODY)
    assert old in line
    assert said in we_say(message(signature=line.replace(old, new)))


def test_a_key_too_short_counts_as_none():
    content = message(signature=sign()(HEAD, BODY))
    public = load_pem_private_key(SHORT, None).public_key()
    published = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    mail = read_received(content)
    record = f"v=DKIM1; p={base64.b64encode(published).decode()}"
    assert "too short" in fault_of(mail, mail.signatures[0], [record])


@given(st.binary(max_size=200))
def test_whatever_bytes_arrive_they_are_read(content):
    for each in (content, b"DKIM-Signature: v=1;" + content, RFC_8463[:600] + content):
        mail = read_received(each)
        for signature in mail.signatures:
            assert isinstance(fault_of(mail, signature, [content.decode("latin-1")]), str)
            assert isinstance(signature.key_name, str)
            mail.aligned(signature)


@given(st.text(alphabet="vbhasdc=; :/\r\n\t1AZrelxdimp-256", max_size=80))
def test_no_signature_whatever_breaks_the_reader(value):
    line = f"DKIM-Signature: v=1; a=rsa-sha256; h=from; bh=AA==; b=AA==; {value}".encode()
    mail = read_received(message(signature=line + b"\r\n"))
    fault_of(mail, mail.signatures[0], [sign().key.record])


@pytest.mark.parametrize(
    "nonsense", [b"(" * 100_000, b"\xff@", b'"' * 5_000, b"<" * 5_000, b"@,;:"]
)
def test_a_from_that_is_none_names_no_domain(nonsense):
    assert read_received(b"From: " + nonsense + b"\r\n\r\n").from_domain == ""


def test_a_long_body_of_blanks_takes_no_time_to_speak_of():
    body = b" \t" * 500_000 + b"\r\n" * 100_000
    assert we_say(message(body=body, signature=sign()(HEAD, body))) == ""
