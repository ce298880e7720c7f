"""Mail that comes in: taken in once, read, acted on; what cannot be read is kept for a person."""

from __future__ import annotations

import base64
import io
import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import tokens
from bot.models import (
    Attempt,
    DeliveredPick,
    DeliveryKind,
    DeliveryStatus,
    DigestPlan,
    Phase,
    Verdict,
)
from bot.outputs.notes import NotePress
from bot.render import TemplateRenderer
from bot.store import Store, inbox
from bot.text.encoded import names
from bot.workflows.consent import Reception
from bot.workflows.receive import MailOutcome, incoming, receive
from bot.workflows.submit import Submissions
from support_cli import desk_in, mails
from support_round import (
    DAY,
    NOW,
    SECRET,
    WORKERS,
    a_config,
    a_paper,
    absorb,
    an_edition,
    subscribed,
    with_profiles,
)
from test_bounces import delivery_report, feedback_report, said_by_a_server

ADA = "ada@example.org"
WHOLE = {
    "mail": {"from": "Papers <papers@lab.example>", "bounce": "bounce+{token}@lab.example"},
    "inbound": {"address": "papers@lab.example"},
}


class Office:
    """A store with a reader who was sent a digest on each of some days, and what comes back."""

    def __init__(self, folder, store):
        self.store, self.config = store, a_config(folder, **WHOLE)
        with_profiles(store, "experts")
        absorb(store, a_paper())
        subscribed(store, ADA)
        (self.subscription,) = store.subscriptions()
        self.reader = self.subscription.subscriber
        self.now = NOW

    def sent(self, day=0):
        """Send a digest on a day; return its number."""
        self.now = NOW + day * DAY
        edition = an_edition(self.store, 1, period=self.now.date(), now=self.now)
        period = self.now.date().isoformat()
        plan = DigestPlan(
            self.reader, ADA, ((self.subscription.id, period),), ((self.subscription.id, edition.number),),
            (DeliveredPick(edition.id, 1),), (edition.id,),
        )  # fmt: skip
        message_id = tokens.message_id(SECRET, plan.slots, "lab.example")
        self.store.open_delivery(plan, message_id, self.now, self.now + DAY, self.now)
        (delivery,) = self.store.claim("node/1", self.now, self.now + DAY, 10)
        sent = Attempt(Verdict.SENT, Phase.DONE, 250, "ok")
        self.store.record(delivery.id, DeliveryStatus.SENT, sent, self.now)
        return delivery

    def bounce_address(self, delivery):
        token = tokens.make_for_mail(SECRET, tokens.Purpose.BOUNCE, [self.reader, delivery.id], 0)
        return f"bounce+{token}@lab.example"

    async def comes(self, raw, recipient=""):
        self.store.take_in(incoming(raw, recipient), self.now)
        (received,) = await receive(
            self.config, SECRET, self.store, self.reception, self.submissions, WORKERS, self.now
        )
        assert self.store.inbound_waiting(10) == []
        return received

    def press(self):
        return NotePress(self.config, TemplateRenderer(self.config.templates, print))

    @property
    def reception(self):
        return Reception(self.config, SECRET, self.store, self.press, "2026-11")

    @property
    def submissions(self):
        return Submissions(self.config, SECRET, self.store, self.press)

    @property
    def suppressed(self):
        key = tokens.suppression_key(SECRET, ADA)
        return self.store.suppressed([key]).get(key, "")

    @property
    def subscribed(self):
        return [s.profile for s in self.store.subscriptions()]


@pytest.fixture
def office(tmp_path):
    with Store(tmp_path / "paperround.db") as store:
        yield Office(tmp_path, store)


# ── Reports ───────────────────────────────────────────────────────────────────────────────────────


async def test_a_report_that_nobody_is_there_suppresses_who_its_address_names(office):
    address = office.bounce_address(office.sent())
    received = await office.comes(delivery_report(Status="5.1.1"), address)
    assert received.outcome is MailOutcome.SUPPRESSED
    assert office.suppressed == "bounce: 5.1.1"


async def test_a_token_in_capitals_is_the_same(office):
    address = office.bounce_address(office.sent()).upper()
    assert (
        await office.comes(delivery_report(Status="5.1.1"), address)
    ).outcome is MailOutcome.SUPPRESSED


async def test_what_is_open_for_a_dead_address_is_called_off(office):
    address = office.bounce_address(office.sent())
    edition = an_edition(office.store, 1, period=NOW.date() + DAY)
    plan = DigestPlan(office.reader, ADA, ((office.subscription.id, "2026-11-21"),), (),
                      (DeliveredPick(edition.id, 1),), (edition.id,))  # fmt: skip
    office.store.open_delivery(plan, "<m@lab.example>", NOW, NOW + DAY, NOW)
    await office.comes(delivery_report(Status="5.1.1"), address)
    assert office.store.claim("node/1", NOW, NOW + DAY, 10) == []


async def test_a_full_mailbox_is_noted_and_suppresses_on_the_fifth_day(office):
    for day in range(4):
        address = office.bounce_address(office.sent(day))
        received = await office.comes(delivery_report(Status="4.2.2"), address)
        assert received.outcome is MailOutcome.NOTED
    address = office.bounce_address(office.sent(4))
    received = await office.comes(delivery_report(Status="4.2.2", X="5"), address)
    assert received.outcome is MailOutcome.SUPPRESSED
    assert office.suppressed.startswith("bounces on 5 days within 14")


async def test_several_reports_of_one_day_count_once(office):
    address = office.bounce_address(office.sent())
    for number in range(6):
        received = await office.comes(delivery_report(Status="4.2.2", X=str(number)), address)
        assert received.outcome is MailOutcome.NOTED


async def test_a_digest_that_arrived_in_between_begins_the_count_anew(office):
    for day in range(9):
        address = office.bounce_address(office.sent(day))
        if day != 4:
            await office.comes(delivery_report(Status="4.2.2", X=str(day)), address)
    assert not office.suppressed


async def test_days_longer_ago_than_a_fortnight_do_not_count(office):
    for day in range(0, 20, 4):
        address = office.bounce_address(office.sent(day))
        await office.comes(delivery_report(Status="4.2.2", X=str(day)), address)
    assert not office.suppressed


async def test_a_rule_against_the_sender_suppresses_nobody(office):
    for day in range(6):
        address = office.bounce_address(office.sent(day))
        received = await office.comes(delivery_report(Status="5.7.1", X=str(day)), address)
        assert (received.outcome, "refuses our mail" in received.said) == (MailOutcome.NOTED, True)
    assert not office.suppressed


async def test_a_mail_that_is_delayed_is_only_noted(office):
    address = office.bounce_address(office.sent())
    raw = delivery_report(Action="delayed", Status="4.4.1")
    assert (await office.comes(raw, address)).outcome is MailOutcome.NOTED


async def test_an_answering_machine_at_the_bounce_address_is_passed_over(office):
    address = office.bounce_address(office.sent())
    raw = b"From: ada@example.org\nSubject: Out of office\n\nBack on Monday. 550 5.1.1\n"
    assert (await office.comes(raw, address)).outcome is MailOutcome.PASSED_OVER


@pytest.mark.parametrize("token", ["x" * 53, "aaaaaaaaaaaaaaaaaaaa", "1" * 400])
async def test_a_report_under_a_forged_token_does_nothing(office, token):
    office.sent()
    received = await office.comes(delivery_report(Status="5.1.1"), f"bounce+{token}@lab.example")
    assert received.outcome is MailOutcome.PASSED_OVER
    assert not office.suppressed


async def test_a_token_for_another_purpose_is_no_bounce(office):
    office.sent()
    token = tokens.make_for_mail(SECRET, tokens.Purpose.UNSUBSCRIBE, [office.reader, 1], 0)
    received = await office.comes(delivery_report(Status="5.1.1"), f"bounce+{token}@lab.example")
    assert received.outcome is MailOutcome.PASSED_OVER


async def test_what_reads_like_no_report_is_kept_for_a_person(office):
    address = office.bounce_address(office.sent())
    received = await office.comes(b"From: x@example.org\nSubject: hello\n\nhello\n", address)
    assert received.outcome is MailOutcome.QUARANTINED
    (kept,) = office.store.quarantined()
    assert "reads like none" in kept.problem


async def test_without_a_token_the_message_id_says_which_mail_was_meant(office):
    delivery = office.sent()
    raw = delivery_report(Status="5.1.1").replace(
        b"Subject: 550", f"Message-ID: {delivery.message_id}\nSubject: 550".encode()
    )
    assert (await office.comes(raw, "papers@lab.example")).outcome is MailOutcome.SUPPRESSED


async def test_a_report_about_a_mail_that_we_do_not_know_is_kept_for_a_person(office):
    received = await office.comes(said_by_a_server("550 5.1.1 unknown"), "papers@lab.example")
    assert received.outcome is MailOutcome.QUARANTINED


async def test_a_complaint_is_known_by_the_link_in_the_mail_complained_of(office):
    office.sent()
    token = tokens.make(SECRET, tokens.Purpose.UNSUBSCRIBE, [office.reader], 0)
    link = f"https://papers.lab.example/unsubscribe/{token}"
    raw = feedback_report("abuse").replace(b"\n\nbody", f"\n\n{link[:60]}=\n{link[60:]}".encode())
    received = await office.comes(raw, "abuse@lab.example")
    assert received.outcome is MailOutcome.SUPPRESSED
    assert office.suppressed == "complaint: feedback report: abuse"


async def test_who_was_forgotten_is_not_brought_back_by_a_late_report(office):
    address = office.bounce_address(office.sent())
    office.store.forget(ADA, tokens.suppression_key(SECRET, ADA), NOW)
    received = await office.comes(delivery_report(Status="4.2.2"), address)
    assert received.outcome is MailOutcome.PASSED_OVER


async def test_of_who_is_forgotten_no_reason_and_no_mail_in_quarantine_names_them(office):
    said = "smtp; 550 5.1.1 <ada@example.org>: User unknown"
    await office.comes(
        delivery_report(Status="5.1.1", Diagnostic_Code=said), office.bounce_address(office.sent())
    )
    assert office.suppressed == "bounce: 5.1.1 550 5.1.1 <…>: User unknown"
    for sender in ("Ada@Example.org", "bob@example.org"):
        await office.comes(f"From: {sender}\n\nhello, what is this?\n".encode())
    office.store.forget(ADA, tokens.suppression_key(SECRET, ADA), NOW)
    assert office.suppressed == "forgotten on request"
    (left,) = office.store.quarantined()
    assert b"bob@example.org" in left.raw


def _in_base64(text):
    return b"Content-Transfer-Encoding: base64\n\n" + base64.encodebytes(text)


@pytest.mark.parametrize(
    "raw",
    [
        b"From: Ada@Example.org\n\nhello",
        _in_base64(b"I am " + b"so very " * 9 + b"fond of you, Ada@Example.org, really"),
        _in_base64(b"x" + ADA.encode()),
        _in_base64(b"x" * 56 + ADA.encode()),
        _in_base64(_in_base64(b"a mail in a mail, of " + ADA.encode())),
        b"Subject: =?utf-8?B?" + base64.b64encode(b"from " + ADA.encode()) + b"?=\n\n",
        b"Subject: =?utf-8?Q?ada=40example.org?=\n\n",
        b"Content-Transfer-Encoding: quoted-printable\n\nada=40exam=\nple.org",
        _in_base64(b"cut off after " + ADA.encode() + b"." * 90)[:-40],
    ],
)
async def test_however_a_mail_names_who_is_forgotten_it_goes_with_them(office, raw):
    other = _in_base64(b"I am bob@example.org. " * 20)
    for each in (raw, other):
        office.store.quarantine(each.hex()[-60:], each, "unreadable", NOW)
    office.store.forget(ADA, tokens.suppression_key(SECRET, ADA), NOW)
    assert [left.raw for left in office.store.quarantined()] == [other]


@given(st.binary(max_size=200), st.binary(max_size=200), st.integers(4, 100))
def test_an_address_in_base64_is_found_wherever_it_stands_in_lines_of_any_length(
    before, after, width
):
    letters = base64.b64encode(before + b" " + ADA.encode() + b" " + after)
    lines = b"\r\n".join(letters[at : at + width] for at in range(0, len(letters), width))
    assert names(b"Subject: x\r\n\r\n" + lines, ADA)


# ── Unsubscribing by mail ─────────────────────────────────────────────────────────────────────────


def way_out(office, epoch=0):
    return tokens.make_for_mail(SECRET, tokens.Purpose.UNSUBSCRIBE, [office.reader], epoch)


@pytest.mark.parametrize(
    ("recipient", "subject"),
    [
        ("unsub+{token}@lab.example", "anything"),
        ("UNSUB+{token}@LAB.example", ""),
        ("papers+unsub+{token}@lab.example", "x"),
        ("papers@lab.example", "unsub {token}"),
        ("papers@lab.example", "Re: unsub {token}"),
    ],
)
async def test_a_mail_to_the_way_out_unsubscribes(office, recipient, subject):
    token = way_out(office)
    raw = f"From: ada@example.org\nSubject: {subject.format(token=token)}\n\n\n".encode()
    received = await office.comes(raw, recipient.format(token=token))
    assert received.outcome is MailOutcome.UNSUBSCRIBED
    assert office.subscribed == []


async def test_a_mail_to_the_way_out_of_a_mail_for_one_profile_ends_only_that(office):
    with_profiles(office.store, "experts", "proteins")
    subscribed(office.store, ADA, "proteins")
    ids = [office.reader, office.subscription.id]
    token = tokens.make_for_mail(SECRET, tokens.Purpose.UNSUBSCRIBE, ids, 0)
    assert len(f"unsub+{token}") <= 64, "RFC 5321 §4.5.3.1.1"
    for said in (b"once", b"again"):
        raw = b"From: ada@example.org\n\n" + said
        received = await office.comes(raw, f"unsub+{token}@lab.example")
        assert received.outcome is MailOutcome.UNSUBSCRIBED
        assert office.subscribed == ["proteins"]


@pytest.mark.parametrize("header", ["Delivered-To", "X-Original-To", "To"])
async def test_where_the_door_does_not_tell_for_whom_a_mail_was_its_headers_do(office, header):
    raw = f"{header}: <unsub+{way_out(office)}@lab.example>\n\n".encode()
    assert (await office.comes(raw)).outcome is MailOutcome.UNSUBSCRIBED


@pytest.mark.parametrize("domain", ["evil.example", "lab.example.evil.example"])
async def test_a_token_at_another_domain_is_not_for_us(office, domain):
    raw = b"From: ada@example.org\n\n"
    received = await office.comes(raw, f"unsub+{way_out(office)}@{domain}")
    assert received.outcome is MailOutcome.QUARANTINED
    assert office.subscribed == ["experts"]


async def test_a_token_that_was_revoked_does_nothing(office):
    received = await office.comes(b"\n", f"unsub+{way_out(office, epoch=1)}@lab.example")
    assert received.outcome is MailOutcome.PASSED_OVER
    assert office.subscribed == ["experts"]


async def test_from_alone_unsubscribes_nobody(office):
    raw = b"From: ada@example.org\nSubject: unsubscribe\n\nunsubscribe\n"
    assert (await office.comes(raw, "papers@lab.example")).outcome is MailOutcome.QUARANTINED
    assert office.subscribed == ["experts"]


def an_answer(about, text="Please unsubscribe me.", writer="Ada <Ada@Example.org>", subject=""):
    return (
        f"From: {writer}\nIn-Reply-To: {about}\nSubject: {subject or 'Re: experts: 1 new paper'}\n\n"
        f"{text}\n\nOn Friday, the bot wrote:\n> EXPERTS\n"
    ).encode()


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        ("", "Unsubscribe"),
        ("", "Hello,\nplease remove me!\nAda"),
        ("", "STOP."),
        ("Re: unsubscribe", ""),
    ],
)
async def test_who_answers_a_digest_with_a_word_is_unsubscribed(office, subject, text):
    raw = an_answer(office.sent().message_id, text, subject=subject)
    received = await office.comes(raw, "papers@lab.example")
    assert received.outcome is MailOutcome.UNSUBSCRIBED
    assert office.subscribed == []


async def test_an_answer_that_quotes_the_way_out_is_known_by_it_where_a_relay_changed_the_number(
    office,
):
    token = tokens.make(SECRET, tokens.Purpose.UNSUBSCRIBE, [office.reader], 0)
    quoted = f"unsubscribe\n> https://papers.example/unsubscribe/{token}"
    raw = an_answer("<0101@amazonses.example>", quoted)
    assert (await office.comes(raw, "papers@lab.example")).outcome is MailOutcome.UNSUBSCRIBED
    assert office.subscribed == []


async def test_an_answer_to_a_mail_for_one_profile_ends_only_that(office):
    with_profiles(office.store, "experts", "proteins")
    subscribed(office.store, ADA, "proteins")
    delivery = office.sent()
    with office.store.db.transaction():
        office.store.db.write("UPDATE delivery SET subscription = 1 WHERE id = 1")
    await office.comes(an_answer(delivery.message_id), "papers@lab.example")
    assert office.subscribed == ["proteins"]


@pytest.mark.parametrize(
    ("about", "writer", "text"),
    [
        ("", "Bo <bo@example.org>", "unsubscribe"),  # to whom it was forwarded
        ("<0123456789abcdef0123456789abcdef@lab.example>", "ada@example.org", "unsubscribe"),
        ("", "ada@example.org", "How do I unsubscribe my colleague?"),
        ("", "ada@example.org", "Nice.\n> unsubscribe"),
    ],
)
async def test_no_other_answer_unsubscribes_anybody(office, about, writer, text):
    delivery = office.sent()
    raw = an_answer(about or delivery.message_id, text, writer)
    assert (await office.comes(raw, "papers@lab.example")).outcome is MailOutcome.QUARANTINED
    assert office.subscribed == ["experts"]


@pytest.mark.parametrize(
    "text",
    [
        "Great paper!\n________________________________\nFrom: Papers\nUnsubscribe\nEXPERTS",
        "Great paper!\nThe bot wrote:\nUnsubscribe",
        "Great paper!\nThanks\nAda\nExperts\nUnsubscribe",
    ],
)
async def test_what_an_answer_quotes_without_a_mark_unsubscribes_nobody(office, text):
    raw = an_answer(office.sent().message_id, text)
    assert (await office.comes(raw, "papers@lab.example")).outcome is MailOutcome.QUARANTINED
    html = text.replace("\n", "<br>").replace("Great", "How can a friend <a>unsubscribe</a>? Great")
    raw = b"Content-Type: text/html\n" + an_answer(office.sent(1).message_id, html)
    assert (await office.comes(raw, "papers@lab.example")).outcome is MailOutcome.QUARANTINED
    assert office.subscribed == ["experts"]


async def test_an_answer_in_html_alone_unsubscribes(office):
    raw = b"Content-Type: text/html\n" + an_answer(office.sent().message_id, "<p>Unsubscribe</p>")
    assert (await office.comes(raw, "papers@lab.example")).outcome is MailOutcome.UNSUBSCRIBED


async def test_a_machine_that_quotes_us_unsubscribes_nobody(office):
    raw = b"Auto-Submitted: auto-replied\n" + an_answer(office.sent().message_id, "stop")
    assert (await office.comes(raw, "papers@lab.example")).outcome is MailOutcome.PASSED_OVER
    assert office.subscribed == ["experts"]


async def test_an_address_with_letters_beyond_ascii_in_its_domain_stands_as_it_is_written(office):
    raw = "From: Jürgen Groß <j@bücher.example>\n\n".encode()
    received = await office.comes(raw, "subscribe+experts@lab.example")
    assert received.outcome is MailOutcome.ASKED
    asked = office.store.db.row("SELECT address FROM subscriber ORDER BY id DESC LIMIT 1")
    assert asked["address"] == "j@xn--bcher-kva.example"


# ── The queue ─────────────────────────────────────────────────────────────────────────────────────


async def test_the_same_mail_handed_over_twice_is_taken_in_once(office):
    mail = incoming(b"Subject: x\n\n", "papers@lab.example")
    assert [office.store.take_in(mail, NOW), office.store.take_in(mail, NOW)] == [True, False]


async def test_the_bytes_of_a_mail_that_was_read_go(office):
    await office.comes(delivery_report(Status="4.4.1"), office.bounce_address(office.sent()))
    (row,) = office.store.db.rows("SELECT state, raw FROM inbox")
    assert tuple(row) == ("done", b"")


async def test_whom_a_mail_that_was_read_was_for_goes_too(office):
    await office.comes(b"\n", f"unsub+{way_out(office)}@lab.example")
    assert office.store.db.rows("SELECT recipient FROM inbox")[0]["recipient"] == ""


async def test_a_flood_of_mail_that_nobody_can_read_drops_the_oldest(office, monkeypatch):
    monkeypatch.setattr(inbox, "MOST_QUARANTINED", 3)
    monkeypatch.setattr(inbox, "MOST_BYTES", 10_000)
    for n in range(5):
        office.now = NOW + n * DAY
        await office.comes(f"From: bob@example.org\n\nletter {n}\n".encode())
    assert [each.raw[-2:-1] for each in office.store.quarantined()] == [b"4", b"3", b"2"]
    office.now = NOW + 5 * DAY
    await office.comes(b"From: bob@example.org\n\n" + b"x" * 9_999)
    assert len(office.store.quarantined()) == 0, "one that has no room itself goes too"
    assert not office.store.take_in(incoming(b"From: bob@example.org\n\nletter 0\n", ""), NOW)


async def test_a_mail_that_breaks_us_is_kept_and_the_next_is_read(office, monkeypatch, caplog):
    def broken(*_arguments):
        raise ZeroDivisionError

    office.store.take_in(incoming(delivery_report(Status="5.1.1"), "papers@lab.example"), NOW)
    monkeypatch.setattr("bot.bounces.read_report", broken)
    token = way_out(office)
    office.store.take_in(
        incoming(b"Subject: later\n\n", f"unsub+{token}@lab.example"), NOW + timedelta(seconds=1)
    )
    received = await receive(
        office.config, SECRET, office.store, office.reception, office.submissions, WORKERS, NOW
    )
    assert [each.outcome for each in received] == [
        MailOutcome.QUARANTINED,
        MailOutcome.UNSUBSCRIBED,
    ]
    assert "a mistake of ours" in caplog.text


async def test_a_mail_that_two_doors_saw_waiting_is_acted_on_once(office, monkeypatch):
    """As where `inbound` is called by the mail server for two mails at once, or beside `serve`."""
    mail = b"From: bob@example.org\nSubject: subscribe experts\n\n"
    office.store.take_in(incoming(mail, "papers@lab.example"), NOW)
    seen = [[], office.store.inbound_waiting(10)]

    async def a_door():
        return await receive(
            office.config, SECRET, office.store, office.reception, office.submissions, WORKERS, NOW
        )

    assert [each.outcome for each in await a_door()] == [MailOutcome.ASKED]
    monkeypatch.setattr(office.store, "inbound_waiting", lambda _: seen.pop())
    assert await a_door() == []
    assert [each.kind for each in office.store.deliveries(10)] == [DeliveryKind.REPLY]


async def test_a_mail_let_go_from_quarantine_is_read_again(office):
    await office.comes(b"Subject: hello\n\n", "papers@lab.example")
    (kept,) = office.store.quarantined()
    office.store.read_again(kept.key)
    (again,) = await receive(
        office.config, SECRET, office.store, office.reception, office.submissions, WORKERS, NOW
    )
    assert again.outcome is MailOutcome.QUARANTINED


async def test_what_came_of_a_mail_is_told_without_an_address(office):
    address = office.bounce_address(office.sent())
    for raw, recipient in [
        (delivery_report(Status="5.1.1"), address),
        (
            delivery_report(
                Status="4.2.2", Diagnostic_Code="smtp; 452 4.2.2 <ada@example.org>: full"
            ),
            address,
        ),
        (b"\n", f"unsub+{way_out(office)}@lab.example"),
    ]:
        assert "ada" not in (await office.comes(raw, recipient)).said


# ── The command ───────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def desk(tmp_path, monkeypatch, capsys):
    for each in desk_in(tmp_path, monkeypatch, capsys):
        each.write(
            '[bot]\ncontact = "owner@example.org"\n[profiles.experts]\nto = ["ada@example.org"]\n'
            'keywords = ["experts"]\nat = "any"\n[mail]\nbounce = "bounce+{token}@lab.example"\n'
            '[inbound]\naddress = "papers@lab.example"\n'
        )
        with Store(each.state / "paperround.db") as store:
            with_profiles(store, "experts")
            absorb(store, a_paper())
            an_edition(store, 1)
        yield each


@pytest.fixture
def piped(desk, monkeypatch):
    def pipe(raw, *options):
        class _Standard:
            buffer = io.BytesIO(raw)

        monkeypatch.setattr("sys.stdin", _Standard)
        return desk("--now", NOW.isoformat(), "inbound", *options)

    return pipe


def test_a_digest_names_an_address_that_unsubscribes_and_a_mail_to_it_does(desk, piped):
    assert desk("--now", NOW.isoformat(), "once").code == 0
    (mail,) = mails(desk.state)
    (address,) = re.findall(r"<mailto:(unsub\+[a-z0-9]+@lab\.example)", mail["List-Unsubscribe"])
    said = piped(b"From: ada@example.org\n\n", "--recipient", address)
    assert (said.code, said.words.strip()) == (0, "unsubscribed: a subscriber unsubscribed by mail")
    assert desk("subscribers", "list", "--json").document[0]["status"] == "unsubscribed"


def test_the_servers_environment_tells_for_whom_a_mail_is(desk, piped, monkeypatch):
    assert desk("--now", NOW.isoformat(), "once").code == 0
    (mail,) = mails(desk.state)
    (address,) = re.findall(r"<mailto:(unsub\+[a-z0-9]+@lab\.example)", mail["List-Unsubscribe"])
    monkeypatch.setenv("ORIGINAL_RECIPIENT", address)
    assert "unsubscribed" in piped(b"From: ada@example.org\n\n").words


def test_a_recipient_in_no_encoding_is_one_like_any_other(desk, piped, monkeypatch):
    monkeypatch.setenv("ORIGINAL_RECIPIENT", "caf\udce9@lab.example")
    said = piped(b"From: bob@example.org\nSubject: hello\n\n")
    assert (said.code, said.err) == (0, "")
    assert "quarantined" in said.words


def test_a_configuration_that_is_wrong_lets_the_server_keep_the_mail(desk, piped):
    desk.write("nonsense = 1\n")
    assert piped(b"Subject: x\n\n").code == 75


def test_a_state_folder_that_cannot_be_used_lets_the_server_keep_the_mail(desk, piped):
    for part in desk.state.glob("paperround.db*"):
        part.unlink()
    (desk.state / "paperround.db").write_bytes(b"this is no database" * 100)
    assert piped(b"Subject: x\n\n").code == 75


def test_an_empty_pipe_is_a_mistake_of_the_caller(piped):
    assert piped(b"").code == 2


def test_a_mail_too_large_to_keep_is_read_by_its_beginning(desk, piped):
    raw = b"From: ada@example.org\nSubject: hello\n\n" + b"x" * 5_000_000
    assert "quarantined: somebody wrote" in piped(raw).words
    (kept,) = desk("quarantine", "list", "--json").document
    assert kept["bytes"] == 2_000_000


def test_status_tells_of_mail_that_waits_for_a_person(desk, piped):
    assert desk("status", "--json").document["quarantine"] == 0
    piped(b"From: ada@example.org\nSubject: unsubscribe\n\n", "--recipient", "papers@lab.example")
    assert (
        "inbound 1 mail to the bot waits for you: `paperround quarantine list`"
        in desk("status").words
    )


def test_once_reads_what_a_door_only_took_in(desk):
    with Store(desk.state / "paperround.db") as store:
        store.take_in(incoming(b"Subject: hello\n\n", "papers@lab.example"), NOW)
    assert "inbound quarantined: somebody wrote" in desk("--now", NOW.isoformat(), "once").words


def test_a_hostile_report_is_inert_on_the_terminal(desk, piped):
    assert desk("--now", NOW.isoformat(), "once").code == 0
    with Store(desk.state / "paperround.db") as store:
        secret = store.found("x").secret
        ((delivery, reader),) = (
            tuple(r) for r in store.db.rows("SELECT id, subscriber FROM delivery")
        )
    token = tokens.make_for_mail(secret, tokens.Purpose.BOUNCE, [reader, delivery], 0)
    raw = delivery_report(Status="4.2.2", Diagnostic_Code="smtp; \x1b[2J\x07 mailbox full")
    said = piped(raw, "--recipient", f"bounce+{token}@lab.example")
    assert "\x1b" not in said.words
    assert "mailbox full" in said.words
