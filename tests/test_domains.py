"""How the sender's domain stands: SPF, the DKIM key, DMARC, judged on canned records."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.config.checks import aligned
from bot.domains import (
    Lookup,
    OurKey,
    Standing,
    foreign_free_mail,
    in_dns,
    judge_dmarc,
    judge_key,
    judge_spf,
    on_this_machine,
)
from bot.domains.records import tags
from bot.resolver import CannedResolver
from bot.workflows.standing import Sender, asked, standing

RELAY = "smtp.relay.net"
KEY = OurKey("journal.org", "papers", "rsa", ("AAAA", "BBBB"), 2048)


async def spf(record, relay=("8.8.8.8",), host=RELAY, **others):
    """Judge journal.org with this record (or these), the relay at these addresses."""
    records = [record] if isinstance(record, str) else record
    txt = {"journal.org": records} | others.pop("txt", {})
    addresses = {RELAY: relay} | others.pop("addresses", {})
    resolver = CannedResolver(txt, addresses, **others)
    return await asked(judge_spf("journal.org", host), resolver)


# ── SPF ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "record",
    [
        "v=spf1 ip4:8.8.8.8 -all",
        "v=spf1 ip4:8.8.8.0/24 ~all",
        "V=SPF1 A:smtp.relay.net -ALL",
        "v=spf1 +a:www.journal.org/24 -all",
        "v=spf1 mx -all",
        "v=spf1 mx:other.org//64 -all",
        "v=spf1 include:_spf.relay.net -all",
        "v=spf1 ip4:9.9.9.9 redirect=_spf.relay.net",
        "v=spf1 exp=why.journal.org ip4:8.8.8.8 -all ip4:nonsense",
    ],
)
async def test_spf_names_the_relay_whichever_way_the_record_says_it(record):
    judged = await spf(
        record,
        txt={"_spf.relay.net": ["v=spf1 ip4:8.8.8.0/24 ~all", "something else"]},
        addresses={"www.journal.org": ["8.8.8.1"], "mail.journal.org": ["2001:db8::1", "8.8.8.8"]},
        mx={"journal.org": ["mail.journal.org"], "other.org": ["mail.journal.org"]},
    )
    assert judged.standing is Standing.WELL, judged
    assert f"journal.org names {RELAY}" in judged.words


async def test_spf_is_judged_for_every_address_of_the_relay():
    both = ("8.8.8.8", "2a00:1450::1")
    judged = await spf("v=spf1 ip4:8.8.8.8 ip6:2a00:1450::/32 -all", both)
    assert judged.standing is Standing.WELL
    judged = await spf("v=spf1 ip4:8.8.8.8 -all", both)
    assert judged.standing is Standing.DOUBT
    assert "(2a00:1450::1)" in judged.words


@pytest.mark.parametrize(
    "inner", ["v=spf1 ip4:9.9.9.9 -all", "v=spf1 -ip4:8.8.8.8 ip4:8.8.8.8 -all"]
)
async def test_a_relay_that_the_record_does_not_name_is_a_doubt_since_others_may_send(inner):
    judged = await spf("v=spf1 include:_spf.relay.net ~all", txt={"_spf.relay.net": [inner]})
    assert judged.standing is Standing.DOUBT
    assert f"does not name {RELAY} (8.8.8.8)" in judged.words
    assert "--send" in judged.words


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (["v=spf1 -all", "v=spf1 ~all"], "has 2 SPF records, so receivers ignore them all"),
        ("v=spf1 ip4:8.8.8.8 +all", "lets everybody send (+all)"),
        ("v=spf1 all", "lets everybody send (+all)"),
        ("v=spf1 include:open.net -all", "lets everybody send (+all)"),
        ("v=spf1 include:nothing.net -all", "includes nothing.net, which has no SPF record"),
        ("v=spf1 redirect=nothing.net", "redirects to nothing.net, which has no SPF record"),
        ("v=spf1 include:journal.org -all", "needs more than 10 look-ups"),
        ("v=spf1 " + "a " * 11 + "-all", "needs more than 10 look-ups"),
        ("v=spf1 ip4:8.8.8.8/99 -all", "a network that cannot be read (ip4:8.8.8.8/99)"),
        ("v=spf1 a/x -all", "a network that cannot be read (/x)"),
        ("v=spf1 mx:smtp.relay.net/99 -all", "a network that cannot be read (mx:8.8.8.8/99)"),
        ("v=spf1 ipv4:8.8.8.8 -all", "a word that nobody understands (ipv4)"),
        ("v=spf1 *!? -all", "a word that nobody understands (*!?)"),
    ],
)
async def test_spf_records_that_receivers_count_as_broken(record, said):
    judged = await spf(record, txt={"open.net": ["v=spf1 +all"]}, mx={RELAY: [RELAY]})
    assert judged.standing is Standing.BROKEN, judged
    assert said in judged.words


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ([], "journal.org has no SPF record. Publish a TXT record"),
        (["v=spf10 -all", "google-site=x"], "journal.org has no SPF record"),
        ("v=spf1 ip4:8.8.8.8", "says nothing of other senders: end it with -all"),
        ("v=spf1 ip4:8.8.8.8 ?all", "says nothing of other senders"),
    ],
)
async def test_spf_records_that_are_a_doubt(record, said):
    judged = await spf(record)
    assert judged.standing is Standing.DOUBT
    assert said in judged.words


@pytest.mark.parametrize("record", ["v=spf1 exists:%{i}.x.net -all", "v=spf1 ptr -all",
    "v=spf1 include:%{d1r}.x.net -all", "v=spf1 a:%{h} -all"])  # fmt: skip
async def test_what_depends_on_each_message_is_said_and_no_complaint(record):
    judged = await spf(record)
    assert judged.standing is Standing.WELL
    assert "depends on each message" in judged.words


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", RELAY])
async def test_a_relay_whose_address_nobody_outside_sees_is_not_judged(host):
    judged = await spf("v=spf1 ip4:9.9.9.9 -all", relay=("10.0.0.7", "fe80::1", "x"), host=host)
    assert judged.standing is Standing.WELL
    assert "is in order (0 of 10 look-ups)" in judged.words
    sender = RELAY if host == RELAY else "the mail server on this machine"
    assert f"from which address {sender} sends cannot be told from here" in judged.words


@given(st.text(alphabet="v=spf1 includeamxptr:/%{}+-~?all.0123456789redirect=\t", max_size=80))
async def test_no_record_whatever_breaks_the_judge_of_spf(text):
    resolver = CannedResolver({"journal.org": [f"v=spf1 {text}"]}, {RELAY: ["8.8.8.8"]})
    judged = await asked(judge_spf("journal.org", RELAY), resolver)
    assert judged.what == "SPF"
    assert len(resolver.asked) < 130


# ── The DKIM key ──────────────────────────────────────────────────────────────────────────────────


async def key(*records, ours=KEY):
    return await asked(judge_key(ours), CannedResolver({ours.name: records}))


@pytest.mark.parametrize(
    "record",
    ["v=DKIM1; k=rsa; p=AAAA", "p=AA AA;", "v=DKIM1; p=BBBB; n=by hand; s=email; h=sha256"],
)
async def test_a_published_key_that_is_ours_is_well(record):
    judged = await key(record, "something else")
    assert judged.standing is Standing.WELL
    assert "papers._domainkey.journal.org matches our key" in judged.words


async def test_a_missing_key_is_broken_and_comes_with_what_to_publish():
    judged = await key()
    assert judged.standing is Standing.BROKEN
    assert judged.words.endswith(
        "Publish TXT papers._domainkey.journal.org with the value: v=DKIM1; k=rsa; p=AAAA"
    )


@pytest.mark.parametrize(
    ("records", "said"),
    [
        (["v=DKIM1; p="], "is revoked"),
        (["v=DKIM1; p=CCCC"], "does not belong to the key in [mail.dkim] key. Publish TXT"),
        (["v=DKIM1; k=ed25519; p=AAAA"], "names a key of the kind ed25519, and ours is rsa"),
        (["v=DKIM1; s=other; p=AAAA"], "is not for mail"),
        (["p=AAAA", "p=CCCC"], "has 2 keys"),
    ],
)
async def test_keys_that_verify_nothing_of_ours(records, said):
    judged = await key(*records)
    assert judged.standing is Standing.BROKEN
    assert said in judged.words


async def test_a_key_for_testing_is_a_doubt():
    testing = await key("v=DKIM1; t=s:y; p=AAAA")
    assert (testing.standing, "t=y" in testing.words) == (Standing.DOUBT, True)


def test_an_rsa_key_may_be_short_and_ed25519_has_no_length():
    assert not KEY.short
    assert OurKey("journal.org", "papers", "rsa", ("AAAA",), 1024).short
    assert not OurKey("journal.org", "papers", "ed25519", ("AAAA",)).short


@given(st.text(max_size=60))
async def test_no_record_whatever_breaks_the_judge_of_keys(text):
    assert (await key(f"p=AAAA; {text}")).what == "DKIM"
    assert all(name == name.strip().lower() and name for name in tags(text))


# ── DMARC ─────────────────────────────────────────────────────────────────────────────────────────


async def dmarc(records, sender="journal.org", envelope="journal.org", signing=""):
    resolver = CannedResolver({f"_dmarc.{name}": texts for name, texts in records.items()})
    judged = await asked(judge_dmarc(sender, envelope, signing), resolver)
    return judged, [name for _, name in resolver.asked]


async def test_dmarc_of_the_domain_itself():
    judged, asked_for = await dmarc({"journal.org": ["v=DMARC1; p=reject", "other"]})
    assert judged.standing is Standing.WELL
    assert judged.words == "_dmarc.journal.org says p=reject; SPF can pass for journal.org"
    assert asked_for == ["_dmarc.journal.org"]


async def test_without_a_record_the_organisation_above_is_asked_and_its_sp_holds():
    judged, asked_for = await dmarc(
        {"journal.org": ["v=DMARC1;p=reject;sp=none"]}, sender="news.papers.journal.org",
        signing="journal.org",
    )  # fmt: skip
    assert asked_for == [
        "_dmarc.news.papers.journal.org", "_dmarc.papers.journal.org", "_dmarc.journal.org",
    ]  # fmt: skip
    assert "_dmarc.journal.org says sp=none: receivers only watch" in judged.words
    assert "SPF and our signature can pass" in judged.words
    judged, _ = await dmarc({"journal.org": ["v=DMARC1;p=reject"]}, sender="news.journal.org")
    assert "says p=reject" in judged.words


async def test_the_walk_up_is_short_however_long_the_name():
    _, asked_for = await dmarc({}, sender=".".join("abcdefghijklmnop"))
    assert len(asked_for) == 8
    assert asked_for[-1] == "_dmarc.o.p"


@pytest.mark.parametrize(
    ("records", "standing_", "said"),
    [
        (
            [],
            Standing.DOUBT,
            "Publish TXT _dmarc.journal.org with the value: v=DMARC1; p=none; rua=",
        ),
        (["v=DMARC1; p=none", "v=DMARC1; p=reject"], Standing.BROKEN, "2 DMARC records"),
        (["v=DMARC1"], Standing.BROKEN, 'has p=""'),
        (["v=DMARC1; p=strict"], Standing.BROKEN, 'has p="strict": write p=none, quarantine'),
    ],
)
async def test_policies_that_are_missing_or_broken(records, standing_, said):
    judged, _ = await dmarc({"journal.org": records})
    assert judged.standing is standing_
    assert said in judged.words


async def test_what_is_not_aligned_is_said_with_what_hangs_on_it():
    strict = {"papers.journal.org": ["v=DMARC1; p=reject; aspf=s; adkim=s"]}
    judged, _ = await dmarc(strict, "papers.journal.org", "journal.org", "journal.org")
    assert judged.standing is Standing.BROKEN
    assert "SPF is for journal.org and our signature is for journal.org" in judged.words
    judged, _ = await dmarc({"journal.org": ["v=DMARC1; p=reject"]}, envelope="relay.net")
    assert judged.standing is Standing.DOUBT
    assert "everything hangs on a signature by the relay as journal.org" in judged.words


# ── All of it ─────────────────────────────────────────────────────────────────────────────────────


async def test_the_three_are_judged_and_dns_that_fails_is_a_doubt_about_that_one():
    resolver = CannedResolver({"_dmarc.journal.org": ["v=DMARC1; p=none"]}, failing=["journal.org"])
    judged = await standing(Sender("journal.org", "journal.org", RELAY), resolver)
    assert [(each.what, each.standing) for each in judged] == [
        ("SPF", Standing.DOUBT), ("DKIM", Standing.DOUBT), ("DMARC", Standing.WELL),
    ]  # fmt: skip
    assert "no name server answered" in judged[0].words
    assert f"so {RELAY} should, as journal.org" in judged[1].words
    assert "paperround check --received FILE" in judged[1].words


async def test_where_we_sign_the_key_is_asked_for():
    resolver = CannedResolver({KEY.name: ["p=AAAA"]})
    judged = await standing(Sender("journal.org", "journal.org", RELAY, KEY), resolver)
    assert judged[1].standing is Standing.WELL
    assert ("txt", KEY.name) in resolver.asked


def test_judges_ask_one_question_at_a_time():
    judge = judge_spf("journal.org", "localhost")
    assert next(judge) == Lookup("txt", "journal.org")


# ── Names ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        ("example.org", "example.org", True),
        ("mail.example.org", "Example.org.", True),
        ("a.example.org", "b.example.org", True),
        ("example.org", "example.com", False),
        ("org", "example.org", False),
        ("a.co.uk", "b.co.uk", False),
        ("x.a.co.uk", "a.co.uk", True),
        ("co.uk", "a.co.uk", False),
        ("localhost", "localhost", True),
        ("", "example.org", False),
    ],
)
def test_domains_of_one_organisation_are_aligned(one, other, said):
    assert aligned(one, other) is said
    assert aligned(other, one) is said


@pytest.mark.parametrize(
    "domain",
    ["localhost", "mail.local", "example.org", "news.example.com", "x.test", "a.invalid", "myhost",
     "nas.home.arpa", "box.lan", "", "LOCALHOST."],
)  # fmt: skip
def test_domains_that_dns_cannot_know(domain):
    assert not in_dns(domain)


@pytest.mark.parametrize("domain", ["journal.org", "example.de", "myexample.org", "local.org"])
def test_domains_that_dns_can_know(domain):
    assert in_dns(domain)


def test_free_mail_goes_through_its_own_servers():
    assert foreign_free_mail("gmail.com", "smtp.example.org")
    assert foreign_free_mail("GMX.de", "notgmx.net")
    assert not foreign_free_mail("gmail.com", "smtp.gmail.com")
    assert not foreign_free_mail("gmx.de", "mail.gmx.net.")
    assert not foreign_free_mail("journal.org", "smtp.gmail.com")


def test_this_machine_has_several_names():
    assert all(on_this_machine(host) for host in ("localhost", "127.0.0.1", "[::1]", "127.8.8.8"))
    assert not any(on_this_machine(host) for host in ("10.0.0.1", "smtp.example.org"))
