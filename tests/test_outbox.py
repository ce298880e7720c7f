"""The outbox: nothing sent that was not first committed, nothing lost, hardly anything twice."""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import os
import random
import re
import signal
from collections import Counter
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

import bot.printing
from bot.errors import DiskFullError, MailError, StateError
from bot.mail import CapturingMailer, SmtpMailer
from bot.models import Attempt, DeliveryStatus, Origin, Phase, Rest, Verdict
from bot.store import Store
from bot.tokens import Purpose, read_from_mail, suppression_key
from bot.workflows import outbox
from support_carrier import Carrier, Fate, taken_by
from support_office import SENT, Office
from support_round import (
    DAY,
    HOUR,
    NOW,
    SECRET,
    a_paper,
    absorb,
    arxiv,
    subscribed,
    suppress,
)
from support_smtp import a_relay

MINUTE = timedelta(minutes=1)
LATER = Attempt(Verdict.RETRY, Phase.RCPT, 450, "4.2.0 later")
LOST = Attempt(Verdict.RETRY, Phase.MAIL, 0, "the connection was lost")
UNSURE = Attempt(Verdict.UNCERTAIN, Phase.DATA, 0, "the connection was lost")
DENIED = Attempt(Verdict.REFUSED_SENDER, Phase.RCPT, 554, "5.7.1 access denied")
REFUSED = Attempt(Verdict.REFUSED_CONTENT, Phase.DATA, 554, "5.6.0 refused")
DISABLED = Attempt(Verdict.REFUSED_ADDRESS, Phase.RCPT, 550, "5.0.0 disabled")
NOBODY = Attempt(Verdict.REFUSED_ADDRESS, Phase.RCPT, 550, "5.1.1 nobody")
REST = Attempt(Verdict.SLOW_DOWN, Phase.MAIL, 421, "4.3.2 busy")


@pytest.fixture
def office(tmp_path):
    made = Office(tmp_path).readers("ada")
    yield made
    made.store.close()


# ── The usual morning ─────────────────────────────────────────────────────────────────────────────


async def test_each_reader_gets_one_mail_and_no_second(office):
    office.readers("grace", "noam")
    report = await office.run()
    assert (report.opened, report.sent, report.problems) == (3, 3, [])
    for later in (NOW, NOW + MINUTE, NOW + 5 * HOUR):
        assert (await office.run(later)).sent == 0
    assert Counter(e.recipient for e in office.mailer.sent) == {
        "ada@example.org": 1, "grace@example.org": 1, "noam@example.org": 1,
    }  # fmt: skip
    assert office.papers() == [1, 2, 3]


async def test_what_is_sent_was_committed_first_with_its_bytes(office):
    seen = []

    def look(envelope):
        with Store(office.path) as other:
            (delivery,) = other.deliveries(1)
            seen.append(
                (delivery.status, other.prepared([delivery.id])[delivery.id] == envelope.content)
            )
        return SENT

    office.mailer = CapturingMailer(look)
    await office.run()
    assert seen == [(DeliveryStatus.SENDING, True)]
    assert office.store.prepared([1]) == {}


async def test_what_was_just_made_needs_no_mending_on_the_wire(office):
    await office.run()
    (envelope,) = office.mailer.sent
    assert envelope.dotless
    assert re.search(rb"(?<!\r)\n|\r(?!\n)|(?:\A|\n)\.", envelope.content) is None


async def test_a_mail_has_its_own_name_for_ever(office):
    office.says(LATER)
    await office.run()
    await office.run(NOW + 5 * MINUTE)
    (delivery,) = office.store.deliveries(1)
    assert office.mailer.sent[0].message_id == delivery.message_id


# ── Trouble on the way ────────────────────────────────────────────────────────────────────────────


async def test_what_was_turned_away_is_tried_again_ever_more_slowly(office):
    now, waits = NOW, []
    office.says(*[LATER] * 7)
    for _ in range(7):
        await office.run(now)
        (delivery,) = office.store.deliveries(1)
        assert delivery.status is DeliveryStatus.RETRY
        waits.append(int((delivery.next_try - now) / MINUTE))
        assert (await office.run(delivery.next_try - MINUTE)).ended == {}
        now = delivery.next_try
    assert waits == [5, 15, 30, 60, 120, 120, 120]
    assert (await office.run(now)).sent == 1
    assert office.papers() == [1, 2, 3]


async def test_what_comes_too_late_is_skipped_and_its_papers_are_in_the_next_digest(office):
    office.says(LATER)
    await office.run()
    report = await office.run(NOW + 12 * HOUR)
    assert report.ended == {"skipped": 1}
    assert (await office.run(NOW + 13 * HOUR)).ended == {}
    office.edition(1, 4)
    await office.run(NOW + DAY)
    assert office.papers() == [1, 2, 3, 4]
    assert len(office.mailer.sent) == 1


async def test_however_many_came_too_late_all_are_skipped(office, monkeypatch):
    monkeypatch.setattr(outbox, "_TOGETHER", 2)
    office.readers("grace", "noam", "edsger", "barbara").says(*[LATER] * 5)
    await office.run()
    asked = []
    overdue = Store.overdue
    monkeypatch.setattr(Store, "overdue", lambda *a: asked.append(overdue(*a)) or asked[-1])
    assert (await office.run(NOW + 12 * HOUR)).ended == {"skipped": 5}
    assert [len(some) for some in asked][:4] == [2, 2, 1, 0]


class _Down:
    """A relay that cannot be reached."""

    @asynccontextmanager
    async def session(self):
        raise MailError("The mail server cannot be used. The digests are kept and tried again.")
        yield


async def test_while_the_relay_is_down_all_is_kept_and_told(office):
    up, office.mailer = office.mailer, _Down()
    report = await office.run()
    assert (report.opened, report.ended) == (1, {})
    assert report.problems == [
        "The mail server cannot be used. The digests are kept and tried again."
    ]
    assert office.status() == "pending"
    office.mailer = up
    assert (await office.run(NOW + HOUR)).sent == 1


async def test_a_relay_that_is_down_for_days_keeps_no_paper_from_the_first_digest_after(office):
    up, office.mailer = office.mailer, _Down()
    await office.run()
    office.edition(1, 4)
    await office.run(NOW + DAY)
    office.mailer = up
    assert office.status(1) == "skipped"
    office.edition(2, 5)
    await office.run(NOW + 2 * DAY)
    assert office.papers() == [1, 2, 3, 4, 5]
    assert len(office.mailer.sent) == 1


async def test_an_address_that_is_refused_fails_alone_and_its_papers_come_back(office):
    office.readers("grace").says(DISABLED)
    report = await office.run()
    assert report.ended == {"failed": 1, "sent": 1}
    assert "5.0.0 disabled" in report.problems[0]
    assert [e.recipient for e in office.mailer.sent] == ["grace@example.org"]
    office.edition(1, 4)
    await office.run(NOW + DAY)
    mails = {e.recipient: index for index, e in enumerate(office.mailer.sent)}
    assert office.papers(mails["ada@example.org"]) == [1, 2, 3, 4]
    assert office.papers(mails["grace@example.org"]) == [4]


@pytest.mark.parametrize("said", ["5.1.1 nobody", "5.1.2 no such host"])
async def test_an_address_that_does_not_exist_is_written_to_no_more(office, said):
    office.says(Attempt(Verdict.REFUSED_ADDRESS, Phase.RCPT, 550, said))
    await office.run()
    office.edition(1, 4)
    assert (await office.run(NOW + DAY)).ended == {}
    (suppressed,) = office.store.suppressions()
    assert suppressed.reason == f"bounce: 550 {said}"
    assert suppressed.key == suppression_key(SECRET, "ada@example.org")


@pytest.mark.parametrize("answer", [DISABLED, REFUSED, LATER, REST, UNSURE])
async def test_nothing_else_that_a_server_says_ends_a_subscription(office, answer):
    office.says(answer)
    await office.run()
    assert office.store.suppressions() == []


@pytest.mark.parametrize(
    ("answer", "tried", "told"),
    [
        (REST, 1, "takes nothing from us now (4.3.2 busy)"),
        (REFUSED, 3, "3 messages in a row were refused"),
        (LOST, 3, "The connection was lost 3 times in a row"),
        (UNSURE, 3, "The connection was lost 3 times in a row"),
    ],
)
async def test_where_the_next_would_fare_no_better_sending_stops(office, answer, tried, told):
    office.readers(*(f"reader{n}" for n in range(9))).says(*[answer] * 10)
    report = await office.run()
    assert sum(report.ended.values()) == tried
    assert told in report.problems[-1]
    assert "the others wait" in report.problems[-1]
    office.says()
    assert (await office.run(NOW + MINUTE)).sent == 10 - tried


async def test_a_relay_that_is_not_open_to_us_costs_no_digest(office):
    """A login that was forgotten in the configuration: 554 5.7.1 for each recipient."""
    office.readers("grace", "noam", "katherine").says(*[DENIED] * 3)
    report = await office.run()
    assert report.ended == {"retry": 3}
    assert "3 messages in a row were refused" in report.problems[-1]
    assert (await office.run(NOW + HOUR)).sent == 4


@pytest.mark.parametrize("said", ["relay not permitted", "5.1.0 sender rejected: user unknown"])
async def test_a_relay_that_refuses_everybody_is_not_asked_for_everybody(tmp_path, said):
    made = many(tmp_path, connections=1)
    verdict = Verdict.REFUSED_ADDRESS if said[0] == "r" else Verdict.REFUSED_SENDER
    made.mailer = CapturingMailer(lambda _: Attempt(verdict, Phase.RCPT, 550, said))
    report = await made.run()
    assert sum(report.ended.values()) == 3
    assert made.store.suppressions() == []
    made.store.close()


async def test_dead_addresses_in_a_row_stop_nothing(office):
    office.readers("grace", "noam", "katherine").says(NOBODY, NOBODY, NOBODY)
    assert (await office.run()).ended == {"failed": 3, "sent": 1}


async def test_a_relay_that_has_enough_of_us_is_left_alone(tmp_path):
    made = many(tmp_path, connections=1)
    enough = Attempt(Verdict.RETRY, Phase.MAIL, 450, "4.7.1 too much mail")
    made.mailer = CapturingMailer(lambda _: enough)
    assert (await made.run()).ended == {"retry": 3}
    assert made.store.rest().reason.startswith("The mail server takes nothing from us now")
    made.store.close()


async def test_a_sender_set_right_between_two_tries_is_in_the_next(office):
    office.says(DENIED)
    await office.run()
    mail = office.config.mail.model_copy(update={"sender": "Right <right@example.org>"})
    office.config = office.config.model_copy(update={"mail": mail})
    await office.run(NOW + 6 * MINUTE)
    (envelope,) = office.mailer.sent
    assert envelope.sender == "right@example.org"
    assert b"From: Right <right@example.org>" in envelope.content


async def test_a_rest_that_a_clock_ahead_wrote_does_not_last(office):
    office.store.set_rest(Rest(NOW + 400 * DAY, 1, "down"))
    assert (await office.run(patient=True)).sent == 1


async def test_of_many_that_fail_alike_the_first_are_told_and_the_others_counted(tmp_path):
    made = Office(tmp_path, mail={"breaker": 1000})
    made.plain = True
    made.readers(*(f"reader{n}" for n in range(130))).says(*[DISABLED] * 130)
    report = await made.run()
    made.store.close()
    assert (report.ended, len(report.problems), report.untold) == ({"failed": 130}, 100, 30)


async def test_after_trouble_a_service_rests_and_a_person_may_try_at_once(office):
    office.readers("grace").says(REST)
    await office.run(patient=True)
    assert (await office.run(NOW + MINUTE, patient=True)).ended == {}
    assert office.store.rest().until == NOW + 2 * MINUTE
    assert (await office.run(NOW + MINUTE)).sent == 1
    assert office.store.rest() is None


async def test_while_nothing_gets_through_each_rest_is_longer(office):
    up, office.mailer, now, rests = office.mailer, _Down(), NOW, []
    for _ in range(5):
        await office.run(now, patient=True)
        rest = office.store.rest()
        rests.append(int((rest.until - now) / MINUTE))
        now = rest.until
    assert rests == [2, 5, 10, 15, 30]
    office.mailer = up
    assert (await office.run(now, patient=True)).sent == 1


async def test_a_rest_keeps_no_slot_from_being_opened_nor_what_is_late_from_ending(office):
    office.mailer = _Down()
    await office.run(patient=True)
    office.readers("grace")
    report = await office.run(NOW + MINUTE, patient=True)
    assert (report.opened, report.problems) == (1, [])
    office.store.set_rest(Rest(NOW + 2 * DAY, 9, "for long"))
    assert (await office.run(NOW + 13 * HOUR, patient=True)).ended == {"skipped": 2}


async def test_one_refused_message_among_others_stops_nothing(office):
    office.readers("grace", "noam").says(REFUSED, SENT, REFUSED)
    assert (await office.run()).ended == {"failed": 2, "sent": 1}


# ── Not knowing ───────────────────────────────────────────────────────────────────────────────────


def _recording(office, *answers):
    left = list(answers)

    def answer(envelope):
        office.tried.append(envelope.content)
        return left.pop(0) if left else SENT

    office.mailer = CapturingMailer(answer)


async def test_what_may_have_arrived_goes_out_once_more_with_the_same_bytes(office):
    _recording(office, UNSURE)
    assert (await office.run()).ended == {"uncertain": 1}
    assert (await office.run(NOW + 4 * MINUTE)).ended == {}
    assert (await office.run(NOW + 5 * MINUTE)).ended == {"sent": 1}
    assert office.tried[0] == office.tried[1]
    assert (await office.run(NOW + DAY / 4)).ended == {}


async def test_a_second_time_it_is_held_for_a_person(office):
    _recording(office, UNSURE, UNSURE)
    await office.run()
    await office.run(NOW + 5 * MINUTE)
    report = await office.run(NOW + HOUR)
    assert report.ended == {"held": 1}
    assert "it is not known whether this arrived" in report.problems[0]
    assert len(office.tried) == 2
    assert (await office.run(NOW + 2 * HOUR)).ended == {}


async def test_hold_as_configured_repeats_nothing(tmp_path):
    made = Office(tmp_path, mail={"uncertain": "hold"}).readers("ada")
    _recording(made, UNSURE)
    await made.run()
    assert (await made.run(NOW + 5 * MINUTE)).ended == {"held": 1}
    assert len(made.tried) == 1
    made.store.close()


async def test_what_may_have_arrived_is_neither_dropped_nor_repeated_when_it_is_late(office):
    _recording(office, UNSURE, LATER)
    await office.run()
    await office.run(NOW + 5 * MINUTE)
    assert office.status() == "retry"
    assert (await office.run(NOW + 12 * HOUR)).ended == {"held": 1}
    office.edition(1, 4)
    await office.run(NOW + DAY)
    assert office.papers() == [4]


async def test_papers_held_back_count_as_had(office):
    _recording(office, UNSURE, UNSURE)
    for minutes in (0, 5, 60):
        await office.run(NOW + minutes * MINUTE)
    office.edition(1, 4)
    await office.run(NOW + DAY)
    assert office.papers() == [4]


async def test_a_disk_that_fills_up_after_the_250_stops_the_sending(office, monkeypatch):
    office.readers("grace")
    _recording(office)

    def full(*_):
        raise DiskFullError("no room")

    with monkeypatch.context() as broken:
        broken.setattr(Store, "record", full)
        with pytest.raises(DiskFullError):
            await office.run()
    assert len(office.tried) == 1
    await office.run(NOW + MINUTE)
    assert len(office.tried) == 3
    assert len(set(office.tried)) == 2, "the one in flight went out with the same bytes"


# ── Second thoughts of the reader ─────────────────────────────────────────────────────────────────


async def _opened_but_not_sent(office) -> None:
    up, office.mailer = office.mailer, _Down()
    await office.run()
    office.mailer = up


async def test_who_unsubscribes_before_it_is_sent_gets_nothing(office):
    await _opened_but_not_sent(office)
    office.store.unsubscribe("ada@example.org", "", Origin.SELF)
    report = await office.run(NOW + MINUTE)
    assert (report.ended, report.problems) == ({"skipped": 1}, [])
    assert office.mailer.sent == []


async def test_who_is_suppressed_before_it_is_sent_gets_nothing(office):
    await _opened_but_not_sent(office)
    suppress(office.store, suppression_key(SECRET, "ada@example.org"))
    assert (await office.run(NOW + MINUTE)).ended == {"skipped": 1}
    assert office.mailer.sent == []


async def test_who_unsubscribes_while_the_mail_waits_its_turn_gets_nothing(tmp_path):
    """It is made a batch ahead: what was made for who left since is not sent."""
    made = Office(tmp_path, mail={"connections": 1}).readers("ada", "grace")

    def leave(_):
        made.store.unsubscribe("grace@example.org", "", Origin.SELF)
        return SENT

    made.mailer = CapturingMailer(leave)
    report = await made.run()
    made.store.close()
    assert [e.recipient for e in made.mailer.sent] == ["ada@example.org"]
    assert report.ended == {"sent": 1, "skipped": 1}


async def test_who_leaves_a_profile_while_the_mail_waits_gets_it_without(tmp_path):
    made = Office(tmp_path, mail={"connections": 1}).readers("ada", "grace")
    made.readers("grace", profile="others").edition(0, 4, 5, profile="others")

    def leave(envelope):
        if envelope.recipient.startswith("ada"):
            made.store.unsubscribe("grace@example.org", "others", Origin.SELF)
        return SENT

    made.mailer = CapturingMailer(leave)
    await made.run()
    made.store.close()
    assert [made.papers(0), made.papers(1)] == [[1, 2, 3], [1, 2, 3]]


async def test_who_unsubscribes_between_two_tries_gets_nothing(office):
    office.says(LATER)
    await office.run()
    office.store.unsubscribe("ada@example.org", "", Origin.SELF)
    assert (await office.run(NOW + HOUR)).ended == {"skipped": 1}


async def test_who_unsubscribed_meanwhile_is_sent_nothing_twice(office):
    office.says(UNSURE)
    await office.run()
    office.store.unsubscribe("ada@example.org", "", Origin.SELF)
    assert (await office.run(NOW + HOUR)).ended == {"skipped": 1}
    assert office.mailer.sent == []


async def test_a_profile_that_was_left_is_not_in_the_mail(office):
    office.readers("ada", profile="others")
    office.edition(0, 4, 5, profile="others")
    office.says(LATER)
    await office.run()
    assert len(office.store.deliveries(10)[0].editions) == 2
    office.store.unsubscribe("ada@example.org", "experts", Origin.SELF)
    await office.run(NOW + 5 * MINUTE)
    assert office.papers() == [4, 5]


async def test_a_paper_of_a_profile_that_was_left_stays_in_the_other_that_picked_it(office):
    office.readers("ada", profile="others").edition(0, 1, 4, profile="others")
    office.says(LATER)
    await office.run()
    office.store.unsubscribe("ada@example.org", "experts", Origin.SELF)
    await office.run(NOW + HOUR)
    assert office.papers() == [1, 4]


async def test_a_mail_of_which_nothing_is_left_is_not_sent(office):
    office.readers("ada", profile="others")
    office.edition(0, profile="others")
    await _opened_but_not_sent(office)
    office.store.unsubscribe("ada@example.org", "experts", Origin.SELF)
    assert (await office.run(NOW + MINUTE)).ended == {"skipped": 1}
    assert office.mailer.sent == []


async def test_a_retired_profile_sends_nothing_more(office):
    await _opened_but_not_sent(office)
    office.store.mirror_profiles({"others": "f"})
    assert (await office.run(NOW + MINUTE)).ended == {"skipped": 1}
    assert office.mailer.sent == []


async def test_two_papers_that_became_one_before_it_was_sent_are_shown_once(office):
    await _opened_but_not_sent(office)
    absorb(office.store, a_paper(arxiv(1), arxiv(3), title="Paper 1.", version=2))
    await office.run(NOW + MINUTE)
    assert office.papers() == [1, 2]


# ── Who hears of failures ─────────────────────────────────────────────────────────────────────────


async def test_reports_of_failure_go_to_the_senders_own_address(office):
    await office.run()
    assert office.mailer.sent[0].sender == "paperround@localhost"


async def test_reports_of_failure_say_whose_they_are_where_an_address_is_set_up_for_it(tmp_path):
    made = Office(tmp_path, mail={"bounce": "bounce+{token}@example.org"}).readers("ada", "grace")
    await made.run()
    made.store.close()
    for number, envelope in enumerate(made.mailer.sent, start=1):
        local, _, domain = envelope.sender.partition("@")
        assert (len(local) <= 64, domain) == (True, "example.org")
        token = local.removeprefix("bounce+")
        assert read_from_mail(SECRET, Purpose.BOUNCE, token) == ((number, envelope.delivery), 0)


# ── Several at once ───────────────────────────────────────────────────────────────────────────────


class _Busy:
    """A mailer whose every message takes a moment, and that counts what is under way."""

    def __init__(self, allowed: int = 100) -> None:
        self.allowed, self.open, self.most, self.sent = allowed, 0, Counter(), []
        self._under_way = Counter()

    @asynccontextmanager
    async def session(self):
        if self.open >= self.allowed:
            raise MailError("421 too many connections.")
        self.open += 1
        try:
            yield self
        finally:
            self.open -= 1

    def wait(self):
        return 0.0

    turn = wait

    async def send(self, envelope):
        domain = envelope.recipient.partition("@")[2]
        self._under_way.update([domain, "all"])
        self.most |= self._under_way
        await asyncio.sleep(0.001)
        self._under_way.subtract([domain, "all"])
        self.sent.append(envelope)
        return SENT


def many(folder: Path, **mail: object) -> Office:
    made = Office(folder, mail=mail)
    for number in range(30):
        for domain in ("example.org", "example.net"):
            subscribed(made.store, f"reader{number}@{domain}")
    return made


async def test_messages_go_over_as_many_connections_as_allowed_and_few_to_one_domain(tmp_path):
    made = many(tmp_path, connections=5, per_domain=3)
    made.mailer = _Busy()
    report = await made.run()
    made.store.close()
    assert (report.sent, len({e.recipient for e in made.mailer.sent})) == (60, 60)
    assert made.mailer.most == {"all": 5, "example.org": 3, "example.net": 3}
    assert made.mailer.open == 0


async def test_a_few_messages_share_one_connection(office):
    office.mailer = _Busy()
    await office.readers("grace", "noam").run()
    assert office.mailer.most["all"] == 1


async def test_a_server_that_grants_fewer_connections_gets_fewer(tmp_path):
    made = many(tmp_path, connections=5)
    made.mailer = _Busy(allowed=2)
    report = await made.run()
    made.store.close()
    assert (report.sent, report.problems, made.mailer.most["all"]) == (60, [], 2)


async def test_what_several_connections_write_at_one_moment_is_one_commit(tmp_path, monkeypatch):
    made = many(tmp_path, connections=10, per_domain=10)
    made.mailer, commits = _Busy(), []
    together = made.store.together
    monkeypatch.setattr(
        made.store, "together", lambda writes: commits.append(len(writes)) or together(writes)
    )
    await made.run()
    made.store.close()
    assert sum(commits) == 180, "each is committed when it is opened, before it goes, and after"
    assert len(commits) < 60


async def test_where_one_connection_meets_trouble_all_end_and_none_is_left_open(tmp_path):
    made = many(tmp_path, connections=4)
    made.mailer, answer = _Busy(), made.mailer
    busy = made.mailer.send

    async def send(envelope):
        await busy(envelope)
        return REST if len(made.mailer.sent) >= 20 else SENT

    made.mailer.send = send
    report = await made.run()
    assert 16 <= report.sent < 20
    assert sum(report.ended.values()) <= 23
    assert made.mailer.open == 0
    made.mailer = answer
    assert (await made.run(NOW + HOUR)).sent == 60 - report.sent
    made.store.close()


async def test_told_to_stop_it_ends_what_is_under_way_and_begins_nothing_more(tmp_path):
    made = many(tmp_path, connections=3)
    made.mailer, answer, stop = _Busy(), made.mailer, asyncio.Event()
    busy = made.mailer.send

    async def send(envelope):
        if len(made.mailer.sent) >= 20:
            stop.set()
        return await busy(envelope)

    made.mailer.send = send
    report = await made.run(stop=stop)
    assert report.problems == []
    assert 20 < report.sent < 60
    assert {d.status.value for d in made.store.deliveries(100)} == {"sent", "pending"}
    made.mailer = answer
    assert (await made.run(NOW + MINUTE)).sent == 60 - report.sent
    made.store.close()


async def test_a_server_that_does_not_answer_holds_up_no_stop(tmp_path, monkeypatch):
    monkeypatch.setattr(outbox, "_LEAVING_SECONDS", 0.05)
    made, stop = Office(tmp_path).readers("ada", "grace"), asyncio.Event()
    answer, made.mailer = made.mailer, _Busy()

    async def send(_):
        stop.set()
        await asyncio.sleep(600)

    made.mailer.send = send
    assert (await made.run(stop=stop)).ended == {}
    assert made.mailer.open == 0
    assert sorted(d.status.value for d in made.store.deliveries(9)) == ["pending", "sending"]
    made.mailer = answer
    assert (await made.run(NOW + MINUTE)).sent == 2
    made.store.close()


async def test_a_server_that_never_greets_holds_up_no_stop_at_all(office):
    """Nothing was claimed yet: there is nothing to wait for."""
    answer, stop = office.mailer, asyncio.Event()
    ended = []

    class Mute:
        @asynccontextmanager
        async def session(self):
            stop.set()
            try:
                await asyncio.sleep(600)
            finally:
                ended.append(True)
            yield

    office.says(REST)
    await office.run()
    resting = office.store.rest()
    office.mailer = Mute()
    report = await asyncio.wait_for(office.run(NOW + HOUR, stop=stop), 60)
    assert (report.ended, report.problems, ended) == ({}, [], [True])
    assert resting == office.store.rest() is not None, "whether the trouble is over, nobody knows"
    office.mailer = answer
    assert (await office.run(NOW + HOUR)).sent == 1


async def test_all_sending_can_be_held_while_it_is_going_on(tmp_path):
    made = many(tmp_path, connections=1, rate=0.5)
    made.mailer, busy = _Busy(), None
    busy = made.mailer.send

    async def send(envelope):
        made.store.hold_all("by hand, now.")
        return await busy(envelope)

    made.mailer.send = send
    report = await made.run()
    assert report.sent < 40
    assert "All sending was held meanwhile: by hand, now." in report.problems
    assert {d.status.value for d in made.store.deliveries(100)} == {"sent", "pending"}
    made.store.close()


async def test_what_waits_for_its_turn_is_in_nobodys_doubt(tmp_path):
    """Told to stop while the rate makes it wait: no server has heard of it."""
    made, stop = (
        Office(tmp_path, mail={"uncertain": "hold"}).readers("ada", "grace"),
        asyncio.Event(),
    )
    made.mailer = _Busy()
    made.mailer.turn = lambda: 600.0 if made.mailer.sent else 0.0
    made.mailer.wait = made.mailer.turn
    asyncio.get_running_loop().call_later(0.5, stop.set)
    report = await asyncio.wait_for(made.run(stop=stop), 10)
    assert report.sent == 1
    assert sorted(d.status.value for d in made.store.deliveries(9)) == ["pending", "sent"]
    made.store.close()


async def test_a_slow_domain_keeps_no_other_from_being_made(tmp_path):
    made = Office(tmp_path, mail={"connections": 4, "per_domain": 2, "rate": 60.0})
    made.plain, order = True, []
    for number in range(250):
        subscribed(made.store, f"slow{number}@slow.example")
    made.readers("quick")

    class Uneven(_Busy):
        async def send(self, envelope):
            await asyncio.sleep(0.005 if "slow" in envelope.recipient else 0)
            order.append(envelope.recipient)
            return SENT

    made.mailer = Uneven()
    await made.run()
    made.store.close()
    assert order.index("quick@example.org") < 230


async def test_a_printer_that_hangs_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(bot.printing, "WORTH_A_PROCESS", 2)
    monkeypatch.setattr(bot.printing, "_BATCH_SECONDS", 0.2)
    made = Office(tmp_path).readers("ada", "grace")
    printing = made.printing

    @asynccontextmanager
    async def hanging(due):
        async with printing(due) as printer:
            for child in multiprocessing.active_children():
                os.kill(child.pid, signal.SIGSTOP)
            yield printer

    made.printing = hanging
    with pytest.raises(StateError, match="process that makes the mails has ended"):
        await asyncio.wait_for(made.run(), 30)
    assert multiprocessing.active_children() == []
    monkeypatch.undo()
    made.printing = printing
    assert (await made.run(NOW + MINUTE)).sent == 2
    made.store.close()


async def test_who_is_told_to_stop_while_mails_are_made_hears_nothing_of_it(tmp_path, monkeypatch):
    monkeypatch.setattr(bot.printing, "WORTH_A_PROCESS", 2)
    made = Office(tmp_path).readers("ada", "grace")
    told = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    async with made.printing(2) as (printer, *_):
        for child in multiprocessing.active_children():
            os.kill(child.pid, signal.SIGSTOP)
        making = asyncio.create_task(printer.print([], {}, {}))
        await asyncio.sleep(0.1)
        making.cancel()
        await asyncio.wait({making})
    made.store.close()
    del making
    gc.collect()
    await asyncio.sleep(0)
    assert told == []


async def test_a_mail_that_cannot_be_made_fails_alone(office):
    office.readers("grace")
    with office.store.db.transaction():
        office.store.db.write("UPDATE subscriber SET address = 'not an address' WHERE id = 1")
    report = await office.run()
    assert report.ended == {"failed": 1, "sent": 1}
    assert "not an address" in report.problems[0]


async def test_many_mails_are_made_in_a_process_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setattr(bot.printing, "WORTH_A_PROCESS", 2)
    made = Office(tmp_path).readers("ada", "grace")
    await made.run()
    beside = [envelope.content for envelope in made.mailer.sent]
    made.store.close()
    monkeypatch.setattr(bot.printing, "WORTH_A_PROCESS", 3)
    (tmp_path / "other").mkdir()
    made = Office(tmp_path / "other").readers("ada", "grace")
    await made.run()
    made.store.close()
    assert beside == [envelope.content for envelope in made.mailer.sent]
    assert multiprocessing.active_children() == []


async def test_where_that_process_dies_nothing_is_lost(tmp_path, monkeypatch):
    monkeypatch.setattr(bot.printing, "WORTH_A_PROCESS", 2)
    made = Office(tmp_path).readers("ada", "grace")
    printing = made.printing

    @asynccontextmanager
    async def doomed(due):
        async with printing(due) as printer:
            for child in multiprocessing.active_children():
                child.kill()
            yield printer

    made.printing = doomed
    with pytest.raises(StateError, match="process that makes the mails has ended"):
        await made.run()
    made.printing = printing
    assert (await made.run(NOW + MINUTE)).sent == 2
    made.store.close()


# ── Over SMTP ─────────────────────────────────────────────────────────────────────────────────────


async def test_a_server_in_every_mood_loses_nothing_and_repeats_only_what_was_in_doubt(office):
    office.readers(*(f"reader{n}" for n in range(29)))
    moods = random.Random(7)  # noqa: S311 - a test's dice
    async with a_relay() as relay:

        def moody(phase: str, _: str) -> None:
            answer = moods.choice(["", "", "", "451 4.3.0 later", "421 4.3.2 busy", "close"])
            relay.on(phase, answer, times=1 if answer and moods.random() < 0.3 else 0)

        relay.watch = moody
        office.mailer = SmtpMailer(host="127.0.0.1", port=relay.port, tls="none", rate=10_000)
        for hours in range(12):
            await office.run(NOW + hours * HOUR - HOUR / 2)
            if hours == 8:
                relay.watch = lambda _phase, _recipient: None
    counts = Counter(relay.recipients)
    held = {d.address for d in office.store.deliveries(100, "held")}
    assert set(counts) | held == {f"reader{n}@example.org" for n in range(29)} | {"ada@example.org"}
    assert max(counts.values()) <= 2
    for recipient in counts:
        assert len({m.content for m in relay.taken if m.recipient == recipient}) == 1
    assert {d.status.value for d in office.store.deliveries(100)} <= {"sent", "held"}


# ── Killed while it works ─────────────────────────────────────────────────────────────────────────


async def test_a_sender_killed_in_any_phase_loses_nothing_and_repeats_what_was_in_flight(tmp_path):
    async with a_relay() as relay:
        with Carrier(tmp_path, relay.port, readers=40) as carrier:
            relay.watch = carrier.saw
            fates = [Fate("MAIL", 5), Fate("CONTENT", 8), Fate("DATA", 9), None]
            assert [await carrier.run(fate) for fate in fates] == [-9, -9, -9, 0]
            assert carrier.check(taken_by(relay)) == 1, "the one that was taken unanswered"


async def test_of_two_senders_at_once_one_sends_each_mail(tmp_path):
    async with a_relay() as relay:
        with Carrier(tmp_path, relay.port, readers=20) as carrier:
            both = [await carrier.start() for _ in range(2)]
            assert await asyncio.gather(*(each.wait() for each in both)) == [0, 0], carrier.said()
            assert Counter(relay.recipients) == dict.fromkeys(carrier.readers, 1)
