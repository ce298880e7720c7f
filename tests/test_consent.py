"""Double opt-in: an order, a question by mail, a yes; nobody is subscribed without, and nobody is told."""

from __future__ import annotations

import base64
import re
from datetime import timedelta
from email import message_from_bytes
from email.header import Header
from email.policy import default

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot import tokens
from bot.errors import StateError
from bot.models import DeliveryKind, DeliveryStatus, Door, Origin, SubscriptionStatus
from bot.outputs.notes import NotePress
from bot.render import TemplateRenderer
from bot.store import Store
from bot.workflows import consent, submit
from bot.workflows.consent import EXPIRES, MOST_A_DAY, Reception, SubscriptionOrder
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
    a_profile,
    absorb,
    an_edition,
    arxiv,
    subscribed,
    with_profiles,
)

ADA = "ada@example.org"
TABLES = {
    "bot": {"title": "Morning papers", "base_url": "https://papers.lab.example",
            "contact": "librarian@lab.example"},
    "mail": {"from": "Papers <papers@lab.example>"},
    "inbound": {"address": "papers@lab.example"},
}  # fmt: skip


class Lab:
    """A bot with three lists, one of them not public, and whoever writes to it."""

    def __init__(self, folder, store, **tables):
        self.store = store
        self.config = a_config(
            folder, a_profile(title="Mixture of experts"), a_profile("proteins"),
            a_profile("secret", public=False), **(TABLES | tables),
        )  # fmt: skip
        with_profiles(store, "experts", "proteins", "secret")
        absorb(store, a_paper())
        an_edition(store, 1)
        self.reception = Reception(self.config, SECRET, store, self._press, "2026-11")

    def _press(self):
        return NotePress(self.config, TemplateRenderer(self.config.templates, print))

    def order(self, *profiles, address=ADA, door=Door.WEB, now=NOW, network="192.0.2.7"):
        return self.reception.order(
            SubscriptionOrder(address, profiles or ("experts",), door, network), now
        )

    def notes(self):
        """Return the mails that wait to be sent, the oldest first."""
        rows = self.store.db.rows(
            "SELECT d.kind, o.content FROM delivery d JOIN outgoing o ON o.delivery = d.id ORDER BY d.id"
        )
        return [
            (DeliveryKind(row["kind"]), message_from_bytes(row["content"], policy=default))
            for row in rows
        ]

    def token(self):
        """Return the token of the latest question."""
        _, mail = self.notes()[-1]
        return re.search(r"/confirm/([a-z2-7]{32})", text_of(mail))[1]

    def status(self, profile="experts", address=ADA):
        return {s.profile: s.status for s in self.store.subscriptions_of(address)}.get(profile)

    async def comes(self, raw, recipient="", now=NOW):
        self.store.take_in(incoming(raw, recipient), now)
        submissions = Submissions(self.config, SECRET, self.store, self._press)
        (received,) = await receive(
            self.config, SECRET, self.store, self.reception, submissions, WORKERS, now
        )
        return received


def text_of(mail):
    return mail.get_body(("plain",)).get_content()


@pytest.fixture
def lab(tmp_path):
    with Store(tmp_path / "paperround.db") as store:
        yield Lab(tmp_path, store)


# ── The order and the question ────────────────────────────────────────────────────────────────────


def test_an_order_subscribes_nobody_and_asks_by_mail(lab):
    assert lab.order() == ""
    assert lab.status() is SubscriptionStatus.UNCONFIRMED
    assert lab.store.subscriptions() == []
    ((kind, mail),) = lab.notes()
    assert kind is DeliveryKind.CONFIRM
    assert mail["To"] == ADA
    assert mail["Subject"] == "Confirm your subscription to “Mixture of experts”"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Reply-To"] == f"confirm+{lab.token()}@lab.example"
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]


def test_the_question_says_what_a_yes_and_what_silence_does(lab):
    lab.order("experts", "proteins")
    text = " ".join(text_of(lab.notes()[0][1]).split())
    assert "“Mixture of experts” and “proteins” of Morning papers" in text
    assert f"Yes, subscribe me: https://papers.lab.example/confirm/{lab.token()}" in text
    assert "within 3 days nothing more comes, and this address is forgotten" in text


def test_the_token_is_stored_hashed(lab):
    lab.order()
    kept = [tuple(row) for row in lab.store.db.rows("SELECT * FROM optin")]
    assert lab.token() not in str(kept)


@pytest.mark.parametrize(
    ("names", "says"),
    [(("nonsense",), "There is no list “nonsense” here"), (("secret",), "There is no list “secret”"),
     ((), "No list of ours was named")],
)  # fmt: skip
def test_only_public_lists_can_be_ordered(lab, names, says):
    order = SubscriptionOrder(ADA, names, Door.WEB)
    assert says in lab.reception.order(order, NOW)
    assert (
        "secret"
        not in lab.reception.order(SubscriptionOrder(ADA, ("x",), Door.WEB), NOW).split(":")[1]
    )
    assert lab.notes() == []


def test_the_owner_may_invite_to_any_list(lab):
    assert lab.order("secret", door=Door.OWNER) == ""


@pytest.mark.parametrize(
    ("address", "welcome"),
    [("ada@univ.edu", True), ("ada@cs.univ.edu", True), ("ada@UNIV.edu", True),
     ("ada@example.org", False), ("ada@notuniv.edu", False), ("ada@univ.edu.example", False)],
)  # fmt: skip
def test_where_domains_are_named_only_they_can_subscribe(tmp_path, address, welcome):
    with Store(tmp_path / "p.db") as store:
        lab = Lab(tmp_path, store, subscribe={"domains": ("univ.edu",)})
        assert (lab.order(address=address) == "") is welcome


def test_where_it_is_closed_only_the_owner_invites(tmp_path):
    with Store(tmp_path / "p.db") as store:
        lab = Lab(tmp_path, store, subscribe={"open": False})
        assert "not open" in lab.order()
        assert lab.order(door=Door.OWNER) == ""


def test_where_nobody_could_answer_nothing_is_asked(tmp_path):
    with Store(tmp_path / "p.db") as store:
        lab = Lab(tmp_path, store, bot={}, inbound={})
        assert "Nobody could answer" in lab.order(door=Door.OWNER)


def test_without_a_web_address_an_answer_by_mail_is_asked_for(tmp_path):
    with Store(tmp_path / "p.db") as store:
        lab = Lab(tmp_path, store, bot={})
        lab.order()
        ((_, mail),) = lab.notes()
        words = " ".join(text_of(mail).split())
        assert "Answer this mail with the word “yes” to be subscribed" in words
        assert "http" not in text_of(mail)


# ── Who is known is not told ──────────────────────────────────────────────────────────────────────


def test_whoever_is_subscribed_already_is_told_so_by_mail_alone(lab):
    subscribed(lab.store, ADA)
    assert lab.order() == ""
    ((_, mail),) = lab.notes()
    assert mail["Subject"] == "You are subscribed already"
    assert "https://papers.lab.example/manage/" in text_of(mail)
    assert lab.status() is SubscriptionStatus.CONFIRMED


def test_a_suppressed_address_is_not_asked_and_the_answer_is_the_same(lab):
    key = tokens.suppression_key(SECRET, ADA)
    lab.store.suppress(ADA, key, "bounce", NOW)
    assert lab.order() == ""
    assert lab.notes() == []


def test_an_address_is_asked_a_few_times_a_day_at_most_and_the_answer_is_the_same(lab):
    for _ in range(MOST_A_DAY + 3):
        assert lab.order() == ""
    assert len(lab.notes()) == MOST_A_DAY
    assert lab.order(now=NOW + DAY + timedelta(minutes=1)) == ""
    assert len(lab.notes()) == MOST_A_DAY + 1


def test_only_what_is_new_is_asked_for(lab):
    subscribed(lab.store, ADA)
    lab.order("experts", "proteins")
    assert "“proteins”" in lab.notes()[0][1]["Subject"]
    assert "experts" not in lab.notes()[0][1]["Subject"]


# ── The yes ───────────────────────────────────────────────────────────────────────────────────────


def test_a_yes_subscribes_and_keeps_its_proof(lab):
    lab.order()
    assert lab.reception.confirm(lab.token(), NOW).address == ADA
    assert lab.status() is SubscriptionStatus.CONFIRMED
    (proof,) = lab.store.consents(lab.store.subscriptions()[0].subscriber)
    assert (proof.profile, proof.at, proof.door, proof.wording) == (
        "experts",
        NOW,
        "web",
        "2026-11",
    )


def test_a_token_in_capitals_is_the_same(lab):
    lab.order()
    assert lab.reception.confirm(lab.token().upper(), NOW) is not None
    assert lab.status() is SubscriptionStatus.CONFIRMED


def test_looking_at_a_token_changes_nothing(lab):
    lab.order()
    for _ in range(50):
        assert lab.reception.asked(lab.token()).profiles == ("experts",)
    assert lab.status() is SubscriptionStatus.UNCONFIRMED


def test_a_yes_acts_once(lab):
    lab.order()
    lab.reception.confirm(lab.token(), NOW)
    lab.store.unsubscribe(ADA, "", lab.store.subscriptions()[0].origin)
    assert lab.reception.confirm(lab.token(), NOW).used
    assert lab.status() is SubscriptionStatus.UNSUBSCRIBED


def test_a_yes_after_three_days_is_too_late(lab):
    lab.order()
    lab.reception.confirm(lab.token(), NOW + EXPIRES + timedelta(seconds=1))
    assert lab.status() is SubscriptionStatus.UNCONFIRMED


def test_a_yes_of_who_was_suppressed_meanwhile_subscribes_nobody(lab):
    lab.order()
    token = lab.token()
    lab.store.suppress(ADA, tokens.suppression_key(SECRET, ADA), "complaint", NOW)
    for _ in range(2):
        assert lab.reception.confirm(token, NOW) is None, "no page says that mail will come"
    assert lab.status() is not SubscriptionStatus.CONFIRMED


@given(token=st.text(max_size=200))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_other_token_is_a_yes(lab, token):
    assert lab.reception.confirm(token, NOW) is None


def test_who_left_once_may_come_back(lab):
    subscribed(lab.store, ADA)
    lab.store.unsubscribe(ADA, "", lab.store.subscriptions()[0].origin)
    lab.order()
    lab.reception.confirm(lab.token(), NOW)
    assert lab.status() is SubscriptionStatus.CONFIRMED


def test_who_pauses_and_orders_more_goes_on_pausing(lab):
    subscribed(lab.store, ADA)
    lab.store.pause(ADA, None)
    lab.order("proteins")
    lab.reception.confirm(lab.token(), NOW)
    assert lab.status("proteins") is SubscriptionStatus.PAUSED


@pytest.mark.parametrize("origin", [Origin.SELF, Origin.OWNER])
@pytest.mark.parametrize("before", ["left", "ordered"])
def test_who_pauses_and_takes_up_another_goes_on_pausing(lab, before, origin):
    if before == "ordered":  # and never answered; it is the first of all, and pauses nothing
        lab.order("proteins")
    subscribed(lab.store, ADA)
    if before == "left":
        subscribed(lab.store, ADA, "proteins")
        lab.store.unsubscribe(ADA, "proteins", Origin.SELF)
    lab.store.pause(ADA, None)
    for name in ("proteins", "secret"):
        lab.store.subscribe(ADA, name, origin, NOW, suppressed="")
        assert lab.status(name) is SubscriptionStatus.PAUSED


def test_who_ordered_long_ago_and_is_added_now_gets_the_latest_edition_first(lab):
    lab.order("proteins")
    absorb(lab.store, a_paper())
    for days in range(3):
        an_edition(lab.store, 1, profile="proteins", period=NOW.date() + days * DAY)
    lab.store.subscribe(ADA, "proteins", Origin.CONFIG, NOW, suppressed="")
    (subscription,) = lab.store.subscriptions()
    assert (subscription.cursor, subscription.origin) == (2, Origin.CONFIG)


@pytest.mark.parametrize("how", ["retired", "renamed"])
def test_an_order_that_nobody_confirmed_keeps_no_reader_from_moving(lab, how):
    subscribed(lab.store, ADA)
    lab.order("proteins")  # by whomever
    if how == "retired":
        assert lab.store.retire_profile("experts", "proteins") == [ADA]
    else:
        lab.store.mirror_profiles({"proteins": "f", "secret": "f"}, {"experts": "proteins"})
    assert lab.status("proteins") is SubscriptionStatus.CONFIRMED
    assert lab.status() in (SubscriptionStatus.UNSUBSCRIBED, None)


def test_what_retired_since_is_not_confirmed(lab):
    lab.order("experts", "proteins")
    lab.store.mirror_profiles({"experts": "f"})
    lab.reception.confirm(lab.token(), NOW)
    assert lab.status() is SubscriptionStatus.CONFIRMED
    assert lab.status("proteins") is SubscriptionStatus.UNCONFIRMED


# ── What is kept ──────────────────────────────────────────────────────────────────────────────────


def test_the_network_is_forgotten_after_its_time_and_the_proof_is_not(lab):
    lab.order()
    lab.reception.confirm(lab.token(), NOW)
    lab.store.forget_networks(NOW + timedelta(seconds=1))
    assert lab.store.db.rows("SELECT 1 FROM consent WHERE network <> ''") == []
    assert len(lab.store.consents(lab.store.subscriptions()[0].subscriber)) == 1


def test_who_never_answered_is_forgotten(lab):
    lab.order()
    assert lab.store.forget_unconfirmed(NOW + DAY) == 0
    lab.store.call_off(1, DeliveryStatus.SKIPPED, "nobody was there")
    assert lab.store.forget_unconfirmed(NOW + EXPIRES + DAY) == 1
    assert lab.store.db.rows("SELECT 1 FROM subscriber") == []
    assert lab.store.db.rows("SELECT 1 FROM suppression") == []


def test_who_could_not_even_be_asked_is_forgotten_as_well(lab, monkeypatch):
    def full(*_):
        raise StateError("The disk is full.")

    monkeypatch.setattr(lab.store, "ask", full)
    with pytest.raises(StateError):
        lab.order()
    assert lab.store.forget_unconfirmed(NOW + DAY) == 0
    assert lab.store.forget_unconfirmed(NOW + EXPIRES + DAY) == 1
    assert lab.store.db.rows("SELECT 1 FROM subscriber") == []


def test_a_question_goes_a_month_after_its_end_and_its_answer_holds(lab):
    lab.order()
    lab.reception.confirm(lab.token(), NOW)
    lab.store.forget_strangers(NOW + EXPIRES + 29 * DAY)
    assert len(lab.store.db.rows("SELECT 1 FROM optin")) == 1
    lab.store.forget_strangers(NOW + EXPIRES + 31 * DAY)
    assert lab.store.db.rows("SELECT 1 FROM optin") == []
    (subscription,) = lab.store.subscriptions()
    assert subscription.status is SubscriptionStatus.CONFIRMED
    assert len(lab.store.consents(subscription.subscriber)) == 1


def test_who_is_forgotten_on_request_leaves_no_question_and_no_proof(lab):
    lab.order()
    lab.reception.confirm(lab.token(), NOW)
    lab.store.forget(ADA, tokens.suppression_key(SECRET, ADA), NOW)
    for table in ("optin", "consent", "subscriber", "outgoing"):
        assert lab.store.db.rows(f"SELECT 1 FROM {table}") == []  # noqa: S608 - a test's own


# ── By mail ───────────────────────────────────────────────────────────────────────────────────────


def letter(subject="", text="", sender=ADA, **headers):
    more = "".join(f"{name.replace('_', '-')}: {value}\n" for name, value in headers.items())
    return f"From: Ada <{sender}>\nSubject: {subject}\n{more}\n{text}\n".encode()


@pytest.mark.parametrize(
    ("recipient", "raw"),
    [
        ("subscribe+experts@lab.example", letter()),
        ("SUBSCRIBE+EXPERTS@LAB.EXAMPLE", letter()),
        ("papers+subscribe+experts@lab.example", letter()),
        ("subscribe@lab.example", letter(subject="experts")),
        ("subscribe@lab.example", letter(text="Dear bot,\nI would like experts, please.")),
        ("papers@lab.example", letter(subject="subscribe experts")),
        ("papers@lab.example", letter(subject="hello", text="subscribe experts")),
    ],
)
async def test_writing_to_us_is_an_order(lab, recipient, raw):
    received = await lab.comes(raw, recipient)
    assert received.outcome is MailOutcome.ASKED
    ((kind, mail),) = lab.notes()
    assert (kind, mail["To"], mail["Auto-Submitted"]) == (DeliveryKind.REPLY, ADA, "auto-replied")
    assert lab.status() is SubscriptionStatus.UNCONFIRMED


async def test_the_address_beats_the_text(lab):
    await lab.comes(letter(subject="subscribe proteins"), "subscribe+experts@lab.example")
    assert "experts" in lab.notes()[0][1]["Subject"]


async def test_what_a_mail_quotes_is_no_order(lab):
    received = await lab.comes(letter(text="> subscribe experts\nthank you"), "papers@lab.example")
    assert received.outcome is MailOutcome.QUARANTINED


async def test_an_order_for_nothing_is_left_to_a_person(lab):
    received = await lab.comes(letter(), "subscribe@lab.example")
    assert received.outcome is MailOutcome.QUARANTINED
    assert "No list of ours was named" in received.said


HTML = letter(text="<style>p {}</style><p>Yes!</p><blockquote>no", Content_Type="text/html")
MIXED = letter(
    text="--x\n\nYES\n\nOn Friday, the bot wrote:\n> Confirm your subscription\n--x--",
    Content_Type="multipart/alternative; boundary=x",
)


@pytest.mark.parametrize(
    "answer",
    [
        letter(text="yes"),
        letter(text="Yes, please.\n\n-- \nAda"),
        letter(text="The bot wrote:\n> Confirm?\n\n“yes”"),
        letter(text="Ja!"),
        letter(text="I want this, sure."),
        letter(text=""),
        letter(text="On Friday, the bot wrote:\n> Confirm your subscription"),
        letter(text="Please do subscribe me. Thanks, Ada\n\n> Confirm?"),
        HTML,
        MIXED,
    ],
)
async def test_a_yes_in_answer_to_the_question_is_a_yes(lab, answer):
    await lab.comes(letter(), "subscribe+experts@lab.example")
    _, mail = lab.notes()[0]
    received = await lab.comes(answer, mail["Reply-To"])
    assert received.outcome is MailOutcome.CONFIRMED
    assert lab.status() is SubscriptionStatus.CONFIRMED


@pytest.mark.parametrize(
    "raw",
    [
        letter(subject="Out of office", text="yes", Auto_Submitted="auto-replied"),
        letter(subject="Re: hello", text="yes", Precedence="bulk"),
        letter(subject="Automatic reply: Confirm your subscription", text="yes"),
        letter(subject="Abwesenheit", text="Ja"),
    ],
)
async def test_an_answering_machine_says_no_yes(lab, raw):
    await lab.comes(letter(), "subscribe+experts@lab.example")
    _, mail = lab.notes()[0]
    assert (await lab.comes(raw, mail["Reply-To"])).outcome is MailOutcome.PASSED_OVER
    assert lab.status() is SubscriptionStatus.UNCONFIRMED


@pytest.mark.parametrize(
    "said",
    [
        "No, thank you.", "Who are you?", "Please remove me", "Nein!", "Nope.", "This wasn’t me",
        "I didn't ask for this", "What is this", "Really?", "Delete me", "Ce n'était pas moi", "Нет",
        "Não", "Nee", "Kein Interesse", "Lass das", "No\n\nYes",
    ],
)  # fmt: skip
async def test_a_refusal_is_no_yes(lab, said):
    await lab.comes(letter(), "subscribe+experts@lab.example")
    _, mail = lab.notes()[0]
    received = await lab.comes(letter(text=f"{said}\n\n> Confirm?"), mail["Reply-To"])
    assert received.outcome is MailOutcome.QUARANTINED
    assert lab.status() is SubscriptionStatus.UNCONFIRMED


@pytest.mark.parametrize(
    ("said", "quote"),
    [
        ("", ""),
        ("I am away until Monday.", ""),
        ("I am away until Monday.", "> "),
        ("Yes, I am away until Monday.", "> "),
        ("Ich bin bis Montag im Urlaub.", "> "),
        ("We received your message.", "> "),
        ("We got your message.", "> "),
        ("I am OOO, see you on the 5th.", "> "),
        ("Obrigado, recebemos sua mensagem.", "> "),
        ("Merci pour votre message.", "> "),
        ("Vielen Dank für Ihre Anfrage.", "> "),
        ("Спасибо за ваше письмо.", "> "),
        ("谢谢您的来信", "> "),
        ("[Case 1234] It has been created.", "> "),
        ("Was this of help:\nYes\nNo", "> "),
        (
            "Thank you for writing to us. One of us is going to look at it, and answer you in turn.",
            "> ",
        ),
    ],
)
async def test_a_machine_that_tells_by_nothing_what_it_is_says_no_yes(lab, said, quote):
    """It answers to Reply-To, under the subject that it was sent, and may send our words back."""
    await lab.comes(letter(), "subscribe+experts@lab.example")
    _, mail = lab.notes()[0]
    ours = "\n".join(f"{quote}{line}" for line in text_of(mail).splitlines())
    raw = letter(subject=f"Re: {mail['Subject']}", text=f"{said}\n\n{ours}")
    assert (await lab.comes(raw, mail["Reply-To"])).outcome is MailOutcome.QUARANTINED
    assert lab.status() is SubscriptionStatus.UNCONFIRMED
    await lab.comes(letter(text="yes"), mail["Reply-To"])
    assert lab.status() is SubscriptionStatus.CONFIRMED
    late = await lab.comes(raw + b"again", mail["Reply-To"])
    assert late.outcome is MailOutcome.PASSED_OVER, "an answer to no question"


async def test_a_yes_by_mail_that_comes_too_late_is_told_as_none(lab):
    await lab.comes(letter(), "subscribe+experts@lab.example")
    _, mail = lab.notes()[0]
    late = NOW + EXPIRES + timedelta(seconds=1)
    received = await lab.comes(letter(text="yes"), mail["Reply-To"], now=late)
    assert received.outcome is MailOutcome.PASSED_OVER
    assert "too late" in received.said
    assert lab.status() is SubscriptionStatus.UNCONFIRMED


@pytest.mark.parametrize(
    "written",
    [
        lambda words: words,
        lambda words: Header(words, "utf-8").encode(),
        lambda words: f"=?UTF-8?B?{base64.b64encode(words.encode()).decode()}?=",
    ],
    ids=["plain", "quoted-printable", "base64"],
)
async def test_where_addresses_have_no_separator_the_subject_has_the_token(tmp_path, written):
    with Store(tmp_path / "p.db") as store:
        inbound = {"address": "papers@lab.example", "separator": ""}
        lab = Lab(tmp_path, store, inbound=inbound)
        await lab.comes(letter(subject="subscribe experts"), "papers@lab.example")
        _, mail = lab.notes()[0]
        assert mail["Reply-To"] == "papers@lab.example"
        raw = letter(subject=written(f"Re: {mail['Subject']}"), text="yes")
        received = await lab.comes(raw, mail["Reply-To"])
        assert received.outcome is MailOutcome.CONFIRMED


@pytest.mark.parametrize(
    ("said", "charset", "yes"),
    [
        ("Não", "iso-8859-1", False),
        ("нет", "koi8-r", False),
        ("いいえ", "iso-2022-jp", False),
        ("Да", "windows-1251", True),
        ("Yes", "of-their-own", True),
        ("Yes", "idna", True),
    ],
)
async def test_an_answer_is_read_in_its_own_charset(lab, said, charset, yes):
    await lab.comes(letter(), "subscribe+experts@lab.example")
    _, mail = lab.notes()[0]
    body = said.encode("ascii" if said.isascii() else charset)
    raw = letter(
        Content_Type=f"text/plain; charset={charset}", Content_Transfer_Encoding="base64"
    ) + base64.b64encode(body)
    received = await lab.comes(raw, mail["Reply-To"])
    assert received.outcome is (MailOutcome.CONFIRMED if yes else MailOutcome.QUARANTINED)


# ── What curators put forward ─────────────────────────────────────────────────────────────────────

CURATOR = "lin@lab.example.org"


@pytest.fixture(params=["+", ""])
def house(request, tmp_path):
    inbound = {"address": "papers@lab.example", "curators": (CURATOR,), "separator": request.param}
    with Store(tmp_path / "p.db") as store:
        lab = Lab(tmp_path, store, inbound=inbound)
        absorb(store, a_paper(arxiv(5), title="Five"), now=NOW)
        yield lab


def put_forward(lab):
    return [paper.title for name in ("experts", "") for paper in lab.store.submitted(name)]


NAMED = letter(subject="arXiv:2611.00005", sender=CURATOR)
IN_WORDS = letter(text="For experts:\nhttps://arxiv.org/abs/2611.00005v2", sender=CURATOR.title())
IN_THE_SUBJECT = letter(subject="submit arXiv:2611.00005 (experts)", sender=CURATOR)


@pytest.mark.parametrize(
    ("house", "recipient", "raw"),
    [
        ("+", "submit+experts@lab.example", NAMED),
        ("+", "submit@lab.example", IN_WORDS),
        ("", "submit@lab.example", IN_WORDS),
        ("+", "papers@lab.example", IN_THE_SUBJECT),
        ("", "papers@lab.example", IN_THE_SUBJECT),
    ],
    indirect=["house"],
)
async def test_a_curator_puts_a_paper_forward_by_mail_and_a_yes(house, recipient, raw):
    assert (await house.comes(raw, recipient)).outcome is MailOutcome.ASKED
    assert put_forward(house) == [], "anybody can write a From"
    ((kind, mail),) = house.notes()
    assert (kind, mail["To"].casefold()) == (DeliveryKind.REPLY, CURATOR)
    assert "Put forward “Five”?" in mail["Subject"]
    answer = letter(subject=f"Re: {mail['Subject']}", text="Yes", sender=CURATOR)
    received = await house.comes(answer, mail["Reply-To"])
    assert received.outcome is MailOutcome.SUBMITTED
    assert put_forward(house) == ["Five"]
    (paper,) = house.store.lookup([arxiv(5)])
    assert paper.votes == 1, "as the command does"
    await house.comes(answer + b"again", mail["Reply-To"])
    assert house.store.lookup([arxiv(5)])[0].votes == 1
    assert len(house.notes()) == 1, "an answer is not answered"


async def test_only_curators_are_asked_and_no_machine(house):
    word = letter(subject="submit arXiv:2611.00005")
    assert (await house.comes(word, "papers@lab.example")).outcome is MailOutcome.QUARANTINED
    machine = letter(subject="submit arXiv:2611.00005", sender=CURATOR, Precedence="bulk")
    assert (await house.comes(machine, "papers@lab.example")).outcome is MailOutcome.PASSED_OVER
    other = letter(subject="arXiv:2611.00005", sender=CURATOR)
    if house.config.inbound.separator:
        assert (
            await house.comes(other, "submit+nothing@lab.example")
        ).outcome is MailOutcome.QUARANTINED
    assert house.notes() == []


async def test_a_paper_that_is_not_stored_is_answered_so(house):
    raw = letter(subject="submit arXiv:9911.00005", sender=CURATOR)
    assert (await house.comes(raw, "papers@lab.example")).outcome is MailOutcome.ASKED
    ((_, mail),) = house.notes()
    assert mail["Subject"] == "No paper of ours was named"
    assert mail["Reply-To"] is None


async def test_answers_to_a_curator_have_an_end(house, monkeypatch):
    monkeypatch.setattr(submit, "MOST_A_DAY", 3)
    for n in range(6):
        raw = letter(subject="submit arXiv:2611.00005", text=str(n), sender=CURATOR)
        await house.comes(raw, "papers@lab.example")
    assert len(house.notes()) == 3
    assert house.store.all_subscriptions() == [], "nobody is subscribed by it"


@pytest.mark.parametrize("wrong", ["late", "no curator any more", "no yes", "forged"])
async def test_what_is_no_yes_of_a_curator_puts_nothing_forward(house, wrong):
    await house.comes(
        letter(subject="submit arXiv:2611.00005", sender=CURATOR), "papers@lab.example"
    )
    ((_, mail),) = house.notes()
    subject, to = str(mail["Subject"]), str(mail["Reply-To"])
    if wrong == "forged":
        subject, to = subject.replace("a", "b"), to.replace("confirm+a", "confirm+b")
    if wrong == "no curator any more":
        house.config = house.config.model_copy(
            update={"inbound": house.config.inbound.model_copy(update={"curators": ()})}
        )
    raw = letter(
        subject=f"Re: {subject}", text="no" if wrong == "no yes" else "yes", sender=CURATOR
    )
    received = await house.comes(raw, to, now=NOW + (5 if wrong == "late" else 1) * DAY)
    assert received.outcome in (MailOutcome.PASSED_OVER, MailOutcome.QUARANTINED)
    assert house.store.lookup([arxiv(5)])[0].votes is None


async def test_a_flood_of_forged_mail_has_us_write_so_many_and_no_more(lab, monkeypatch):
    monkeypatch.setattr(consent, "MOST_BY_MAIL", 3)
    for n in range(5):
        received = await lab.comes(
            letter(sender=f"r{n}@n{n}.example.org"), "subscribe+experts@lab.example"
        )
        assert received.outcome is MailOutcome.ASKED, "whoever forges it learns nothing"
    assert len(lab.notes()) == 3
    assert len(lab.store.db.rows("SELECT 1 FROM subscriber")) == 3
    assert lab.order() == "", "who orders on the web is asked all the same"
    assert len(lab.notes()) == 4
    later = NOW + timedelta(hours=2)
    await lab.comes(letter(sender="late@example.org"), "subscribe+experts@lab.example", later)
    assert len(lab.notes()) == 5


@pytest.mark.parametrize(
    "raw",
    [
        letter(Auto_Submitted="auto-generated"),
        letter(Precedence="bulk"),
        letter(List_Id="<x.example.org>"),
        letter(sender="mailer-daemon@example.org"),
        letter(sender="no-reply@example.org"),
        letter(sender="papers@lab.example"),
        letter(sender="Subscribe@lab.example"),
        letter(sender="confirm+qrbrgtt3jgfuiud2@lab.example"),
        b"Return-Path: <>\n" + letter(),
    ],
)
async def test_a_machine_is_never_answered(lab, raw):
    received = await lab.comes(raw, "subscribe+experts@lab.example")
    assert received.outcome is MailOutcome.PASSED_OVER
    assert lab.notes() == []


async def test_two_machines_that_answer_one_another_stop(lab):
    """One that hides what it is gets no more than a person would in a day."""
    for number in range(50):
        await lab.comes(letter(subject=str(number)), "subscribe+experts@lab.example")
    assert len(lab.notes()) == MOST_A_DAY


@pytest.mark.parametrize(
    "raw", [b"Subject: x\n\n", b"From: a@example.org, b@example.org\n\n", b"From: nobody\n\n"]
)
async def test_an_order_without_one_address_is_left_to_a_person(lab, raw):
    received = await lab.comes(raw, "subscribe+experts@lab.example")
    assert received.outcome is MailOutcome.QUARANTINED
    assert lab.notes() == []


async def test_a_forged_from_gets_a_question_and_nothing_else(lab):
    subscribed(lab.store, "victim@example.org")
    await lab.comes(letter(subject="unsub", sender="victim@example.org"), "papers@lab.example")
    assert lab.status(address="victim@example.org") is SubscriptionStatus.CONFIRMED


# ── The whole of it, through the outbox ───────────────────────────────────────────────────────────


@pytest.fixture
def desk(tmp_path, monkeypatch, capsys):
    for each in desk_in(tmp_path, monkeypatch, capsys):
        each.write(
            '[bot]\ncontact = "owner@example.org"\n[profiles.experts]\nkeywords = ["experts"]\n'
            'at = "07:00"\n[inbound]\naddress = "papers@lab.example"\n'
        )
        with Store(each.state / "paperround.db") as store:
            with_profiles(store, "experts")
            absorb(store, a_paper())
            an_edition(store, 1)
        yield each


def at(hour):
    return ("--now", NOW.replace(hour=hour).isoformat())


def test_from_the_invitation_to_the_first_digest_late_in_the_evening(desk):
    """Who says yes after the day's digest has grown stale gets it still: at once, and once."""
    assert desk(*at(21), "subscribers", "add", ADA, "experts", "--invite").code == 0
    assert desk(*at(21), "deliver").code == 0
    (question,) = mails(desk.state)
    token = re.search(r"confirm\+([a-z2-7]+)@", question["Reply-To"])[1]
    with Store(desk.state / "paperround.db") as store:
        store.take_in(incoming(letter(text="yes"), f"confirm+{token}@lab.example"), NOW)
    assert "inbound confirmed: a subscriber said yes by mail" in desk(*at(22), "once").words
    first, digest = mails(desk.state)
    assert (first["Message-ID"], digest["To"]) == (question["Message-ID"], ADA)
    assert "List-Unsubscribe" in digest
    assert desk(*at(23), "once").code == 0
    assert len(mails(desk.state)) == 2


def test_a_question_is_shown_as_what_it_is(desk):
    desk(*at(8), "subscribers", "add", ADA, "experts", "--invite")
    (told,) = desk("deliveries", "list", "--json").document
    assert (told["kind"], told["status"]) == ("confirm", "pending")
