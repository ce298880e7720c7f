"""check: our signature, the sender's domain, the test mail, and a mail as it arrived."""

from __future__ import annotations

import io
import sys
from types import SimpleNamespace

import pytest

from bot.domains import fault_of, read_received
from bot.mail import CapturingMailer
from bot.models import Attempt, Phase, Verdict
from bot.outputs.dkim import Signer, signed
from bot.resolver import CannedResolver
from support_cli import MORNING, desk_in, mails
from test_dkim import ed25519_pem, rsa_pem

SMTP = '[mail]\ntransport = "smtp"\nfrom = "Papers <papers@journal.org>"\nhost = "smtp.relay.net"\n'
DKIM = '[mail.dkim]\ndomain = "journal.org"\nselector = "papers"\n'
WEB = '[bot]\nbase_url = "https://papers.journal.org"\ncontact = "owner@journal.org"\n'

MAIL = (
    b"From: Papers <papers@journal.org>\r\nTo: ada@example.net\r\nSubject: News\r\n"
    b"List-Unsubscribe: <https://papers.journal.org/unsubscribe/test>\r\n"
    b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n\r\nHello.\r\n"
)


@pytest.fixture
def desk(tmp_path, monkeypatch, capsys):
    yield from desk_in(tmp_path, monkeypatch, capsys)


@pytest.fixture
def sent(monkeypatch):
    """What would have gone out by SMTP."""
    mailer = CapturingMailer()
    monkeypatch.setattr("bot.app.App.mailer", lambda _: mailer)
    return mailer.sent


@pytest.fixture
def dns(monkeypatch):
    """The records that DNS has for this test, to be filled in."""
    records, addresses = {}, {"smtp.relay.net": ["8.8.8.8"]}
    failing = []
    canned = CannedResolver(records, addresses, failing=failing)
    monkeypatch.setattr("bot.resolver.DnsResolver", lambda: canned)
    return SimpleNamespace(txt=records, failing=failing, asked=canned.asked)


def our_signer(domain="journal.org", pem=None):
    return Signer(domain, "papers", pem or rsa_pem())


def lines_of(said):
    """What was found: {what: (mark, words)}."""
    found = {}
    for line in said.out.splitlines():
        what, _, words = line[5:].partition(": ")
        found[what] = (line[:4].strip(), words)
    return found


# ── Signing and the sender's domain ───────────────────────────────────────────────────────────────


def put_key(desk, pem):
    (desk.folder / "dkim.pem").write_bytes(pem)
    (desk.folder / "dkim.pem").chmod(0o600)


def test_a_maildir_needs_no_records_and_nobody_is_asked(desk, dns):
    desk.write(SMTP.replace('"smtp"', '"maildir"'))
    found = lines_of(desk("check"))
    assert found["SPF, DKIM, DMARC"] == ("ok", "not needed here (mail goes into a Maildir)")
    assert dns.asked == []


@pytest.mark.parametrize("domain", ["localhost", "box.lan", "example.org"])
def test_a_domain_that_can_have_no_records_needs_none(desk, dns, sent, domain):
    desk.write(SMTP.replace("journal.org", domain))
    said = desk("check")
    assert f"not needed here ({domain} can have no public records)" in said.words
    assert (said.code, dns.asked) == (0, [])


def test_offline_asks_nobody(desk, dns, sent):
    desk.write(SMTP)
    assert "journal.org not asked about (--offline)" in desk("check", "--offline").words
    assert dns.asked == []


def test_a_domain_in_order_is_told_in_four_lines(desk, dns, sent):
    put_key(desk, rsa_pem())
    desk.write(SMTP + DKIM)
    dns.txt["journal.org"] = ["v=spf1 ip4:8.8.8.8 -all"]
    dns.txt["papers._domainkey.journal.org"] = [our_signer().key.record]
    dns.txt["_dmarc.journal.org"] = ["v=DMARC1; p=quarantine"]
    said = desk("check")
    found = lines_of(said)
    assert found["signing"] == ("ok", "as journal.org, selector papers (rsa, 2048 bits)")
    assert [found[what][0] for what in ("SPF", "DKIM", "DMARC")] == ["ok", "ok", "ok"]
    assert said.code == 0


def test_a_key_that_nobody_published_is_told_with_the_record_and_exits_1(desk, dns, sent):
    put_key(desk, ed25519_pem())
    desk.write(SMTP + DKIM)
    said = desk("check")
    record = our_signer(pem=ed25519_pem()).key.record
    assert said.code == 1
    mark, words = lines_of(said)["DKIM"]
    assert mark == "FAIL"
    assert words.endswith(f"Publish TXT papers._domainkey.journal.org with the value: {record}")


def test_a_key_that_is_not_there_or_none_is_told_offline_too(desk, sent):
    desk.write(SMTP + DKIM)
    said = desk("check", "--offline")
    assert said.code == 1
    assert "FAIL signing: " in said.out
    assert "dkim.pem cannot be read" in said.words
    (desk.folder / "dkim.pem").write_text("hunter2")
    assert "there is no private key in PEM form" in desk("check", "--offline").words


def test_a_key_that_is_short_by_now_is_warned_of(desk, sent):
    put_key(desk, rsa_pem(1024))
    desk.write(SMTP + DKIM)
    mark, words = lines_of(desk("check", "--offline"))["signing"]
    assert (mark, "(rsa, 1024 bits): too short by now" in words) == ("warn", True)


def test_spf_is_asked_of_the_domain_that_bounces_go_to(desk, dns, sent):
    desk.write(f'{SMTP}bounce = "b+{{token}}@Bounces.journal.org"\n')
    desk("check")
    assert ("txt", "bounces.journal.org") in dns.asked


def test_dns_that_does_not_answer_is_a_warning(desk, dns, sent):
    dns.failing += ["journal.org", "_dmarc.journal.org"]
    desk.write(SMTP)
    said = desk("check")
    assert said.code == 0
    assert lines_of(said)["SPF"] == ("warn", "journal.org: no name server answered in time.")


def test_a_free_mail_address_behind_a_relay_of_ones_own_is_warned_of(desk, dns, sent):
    desk.write(SMTP.replace("journal.org", "gmail.com"))
    mark, words = lines_of(desk("check", "--offline"))["from"]
    assert mark == "warn"
    assert "only when it comes from gmail.com's own servers" in words
    desk.write(SMTP.replace("journal.org", "gmail.com").replace("relay.net", "gmail.com"))
    assert "from" not in lines_of(desk("check", "--offline"))


def test_a_free_mail_service_sees_to_its_own_domain_and_dns_is_not_asked(desk, dns, sent):
    desk.write(SMTP.replace("journal.org", "gmail.com").replace("relay.net", "gmail.com"))
    lines = lines_of(desk("check"))
    assert lines["SPF, DKIM, DMARC"] == (
        "ok",
        "smtp.gmail.com sees to them for gmail.com",
    )
    assert dns.asked == []


def test_a_folder_of_templates_that_is_not_there_is_told(desk):
    desk.write('[bot]\ntemplates = "tempaltes"\n[profiles.folding]\nkeywords = ["folding"]\n')
    said = desk("check", "--offline")
    assert said.code == 0
    assert "warn templates: ours: there is no folder" in said.words
    desk.write('[profiles.folding]\nkeywords = ["folding"]\n')
    assert "ok templates: ours" in desk("check", "--offline").words


def test_it_ends_with_what_to_do_next(desk):
    source = '[[sources]]\nname = "one"\nkind = "feed"\nurl = "https://a.example/f"\n'
    desk.write(f'{source}[profiles.folding]\nkeywords = ["folding"]\n')
    last = desk("check", "--offline").out.splitlines()[-1]
    assert last == "All is well. Next: `paperround once` makes the first edition."
    assert desk("compose", "--force", "folding").code == 0
    assert desk("check", "--offline").out.splitlines()[-1] == "All is well."
    desk.write(f'{source}[profiles.proteins]\nwas = ["folding"]\nkeywords = ["folding"]\n')
    assert desk("check", "--offline").out.splitlines()[-1] == "All is well."
    desk.state.chmod(0o755)
    last = desk("check", "--offline").out.splitlines()[-1]
    assert last == "1 of these FAIL: mend what is told there, then check again."


def test_findings_as_a_document_keep_their_shape(desk, dns, sent):
    desk.write(SMTP)
    told = desk("check", "--json").document
    assert {"what": "SPF", "ok": True, "warning": True}.items() <= next(
        each for each in told if each["what"] == "SPF"
    ).items()
    assert all(set(each) == {"what", "ok", "warning", "words"} for each in told)


# ── The test mail ─────────────────────────────────────────────────────────────────────────────────


def test_the_test_mail_has_a_digests_headers_and_is_signed_as_one(desk, sent):
    put_key(desk, rsa_pem())
    desk.write(WEB + SMTP + DKIM)
    said = desk(*MORNING, "check", "--offline", "--send", "ada@example.net")
    assert lines_of(said)["test mail"] == ("ok", "to ada@example.net: OK")
    assert "paperround check --received FILE" in said.words
    (envelope,) = sent
    mail = read_received(envelope.content)
    assert mail.header("List-Unsubscribe") == "<https://papers.journal.org/unsubscribe/test>"
    assert mail.header("List-Unsubscribe-Post") == "List-Unsubscribe=One-Click"
    assert mail.header("List-Id") == '"A test" <test.journal.org>'
    assert mail.header("Auto-Submitted") == "auto-generated"
    (signature,) = mail.signatures
    assert signature.covers("List-Unsubscribe-Post")
    assert fault_of(mail, signature, [our_signer().key.record]) == ""


def test_without_an_address_on_the_web_it_has_no_one_click_as_no_digest_has(desk, sent):
    desk.write(SMTP)
    desk("check", "--offline", "--send", "ada@example.net")
    mail = read_received(sent[0].content)
    assert mail.header("List-Unsubscribe") == "<mailto:papers@journal.org?subject=unsubscribe>"
    assert mail.header("List-Unsubscribe-Post") == ""
    assert mail.signatures == ()


def test_into_a_maildir_it_says_that_this_tells_nothing_about_a_relay(desk):
    desk.write("")
    said = desk(*MORNING, "check", "--offline", "--send", "ada@example.net")
    assert "a Maildir tells nothing about a relay" in said.words
    assert [mail["Subject"] for mail in mails(desk.state)] == ["A test from paperround"]


def test_a_test_mail_that_cannot_be_signed_or_is_refused_is_told(desk, monkeypatch):
    refusing = CapturingMailer(lambda _: Attempt(Verdict.REFUSED_ADDRESS, Phase.RCPT, 550, "no"))
    monkeypatch.setattr("bot.app.App.mailer", lambda _: refusing)
    desk.write(SMTP)
    said = desk("check", "--offline", "--send", "ada@example.net")
    assert (said.code, lines_of(said)["test mail"]) == (1, ("FAIL", "to ada@example.net: no"))
    desk.write(SMTP + DKIM)
    said = desk("check", "--offline", "--send", "ada@example.net")
    assert "FAIL test mail: dkim.pem: " in said.out or "cannot be read" in said.words
    assert desk("check", "--offline", "--send", "nobody").code == 2


# ── A mail as it arrived ──────────────────────────────────────────────────────────────────────────


@pytest.fixture
def received(desk, dns):
    """Check a mail that was saved: `received(content)`; the relay's key is published."""
    desk.write(SMTP)
    dns.txt["papers._domainkey.journal.org"] = [our_signer().key.record]
    dns.txt["papers._domainkey.relay.net"] = [our_signer().key.record]

    def check(content, *more):
        (desk.folder / "mail.eml").write_bytes(content)
        return desk("check", "--received", "mail.eml", *more)

    return check


def test_a_signature_that_covers_the_list_headers_is_content(received):
    said = received(
        b"Authentication-Results: mx.example.net; dkim=pass\r\n" + signed(MAIL, our_signer())
    )
    found = lines_of(said)
    assert said.code == 0
    assert found["list headers"] == ("ok", "covered by a signature that holds and is aligned")
    assert found["signature by journal.org, papers"] == (
        "ok", "holds; aligned with From (journal.org); covers both list headers",
    )  # fmt: skip
    assert found["the receiver said"] == ("ok", "mx.example.net; dkim=pass")


def test_as_a_document_and_with_bare_line_feeds_and_from_standard_input(
    received, desk, monkeypatch
):
    content = signed(MAIL, our_signer()).replace(b"\r\n", b"\n")
    told = received(content, "--json").document
    assert {each["what"] for each in told} >= {"mail", "list headers"}
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    assert desk("check", "--received", "-").code == 0


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (MAIL, "nobody signed this mail"),
        (signed(MAIL, our_signer("relay.net")), "no signature is by journal.org"),
        (signed(MAIL, our_signer()) + b"A footer.\r\n", "that covers them does not hold"),
        (
            signed(MAIL, our_signer()).replace(b":List-Unsubscribe-Post", b""),
            "no signature by journal.org covers them",
        ),
    ],
)
def test_list_headers_that_nobody_vouches_for_exit_1_and_say_why(received, content, why):
    said = received(content)
    assert said.code == 1
    mark, words = lines_of(said)["list headers"]
    assert mark == "FAIL"
    assert why in words


def test_each_signature_has_its_line(received):
    content = signed(signed(MAIL, our_signer()), our_signer("relay.net"))
    content = content.replace(b"s=papers;\r\n", b"s=papers; l=4;\r\n", 1)
    found = lines_of(received(content))
    mark, words = found["signature by relay.net, papers"]
    assert mark == "warn"
    assert "does not fit the body" in words
    assert "not aligned with From (journal.org)" in words
    assert "anything can be added" in words
    assert found["signature by journal.org, papers"][0] == "ok"


def test_a_mail_without_one_click_tells_only_half(received):
    content = MAIL.replace(b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n", b"")
    said = received(signed(content, our_signer()))
    assert said.code == 0
    mark, words = lines_of(said)["list headers"]
    assert (mark, "once [bot] base_url is set" in words) == ("warn", True)


def test_a_mail_that_is_none_of_ours(received):
    said = received(signed(b"From: a@journal.org\r\n\r\nHello.\r\n", our_signer()))
    assert said.code == 1
    assert "the mail has no List-Unsubscribe" in said.words


def test_nothing_is_claimed_where_dns_was_not_asked_or_did_not_answer(received, dns):
    content = signed(MAIL, our_signer())
    said = received(content, "--offline")
    assert (said.code, dns.asked) == (0, [])
    assert "not verified (--offline)" in said.words
    assert lines_of(said)["list headers"][0] == "warn"
    dns.failing.append("papers._domainkey.journal.org")
    said = received(content)
    assert said.code == 0
    assert "could not be verified" in said.words


def test_behind_a_maildir_it_says_that_this_tells_nothing(received, desk):
    desk.write("")
    said = received(signed(MAIL, our_signer()))
    assert "a mail out of it tells nothing about a relay" in said.words


@pytest.mark.parametrize(
    "content",
    [b"\x00\xff\xfe\r\n\r\n", b"From: \r\n", b"%PDF-1.4\n" + bytes(range(256)), b"x" * 9999],
)
def test_what_is_no_mail_is_told_in_a_sentence(received, content):
    said = received(content)
    assert said.code == 1
    assert "this is no mail as it arrived" in said.words


def test_a_file_that_cannot_be_read_is_told_in_a_sentence(received, desk):
    assert "cannot be read" in desk("check", "--received", "lost.eml").err
    assert "cannot be read" in desk("check", "--received", ".").err
    assert "cannot be read" in desk("check", "--received", "a\0b").err
    assert "is empty" in received(b" \r\n").err
    too_large = received(b"x" * 10_000_001)
    assert (too_large.code, "larger than 10 MB" in too_large.err) == (2, True)


def test_verifying_without_the_extra_says_what_to_install(received, monkeypatch):
    monkeypatch.setattr("bot.cli.receiving.find_spec", lambda _: None)
    said = received(MAIL)
    assert said.code == 2
    assert "`pip install 'paperround[dkim]'` installs it." in said.err


def test_a_test_mail_and_a_received_one_do_not_go_together(desk):
    desk.write("")
    assert desk("check", "--send", "a@example.org", "--received", "x").code == 2


def test_without_a_source_or_a_profile_check_says_what_to_write(desk):
    desk.write("")
    last = desk("check", "--offline").out.splitlines()[-1]
    assert last.endswith("write a [[sources]] and a [profiles.NAME] first.")
    desk.write("[profiles.experts]\n")
    assert desk("check", "--offline").out.splitlines()[-1].endswith("write a [[sources]] first.")
