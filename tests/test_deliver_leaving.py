"""Deliver: what a reader who leaves one of several profiles is still owed by the others."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.mail import CapturingMailer
from bot.models import Attempt, DeliveryStatus, Envelope, Event, Origin, Phase, Role, Verdict
from support_office import SENT, Office
from support_round import (
    DAY,
    HOUR,
    NOW,
    TODAY,
    a_paper,
    a_profile,
    absorb,
    an_edition,
    arxiv,
    new_pick,
    subscribed,
    with_profiles,
)

ADA = "ada@example.org"
MINUTE = timedelta(minutes=1)
LATER = Attempt(Verdict.RETRY, Phase.RCPT, 450, "later")
UNSURE = Attempt(Verdict.UNCERTAIN, Phase.DATA, 0, "the connection was lost")
REFUSED = Attempt(Verdict.REFUSED_CONTENT, Phase.DATA, 554, "refused")
BUSY = Attempt(Verdict.SLOW_DOWN, Phase.MAIL, 421, "busy")


@pytest.fixture
def office(tmp_path):
    """Paper 1 is picked by `experts` at 07:00, and by `others`, whose mail goes at 09:00."""
    made = Office(tmp_path).readers("ada").readers("ada", profile="others")
    made.edition(0, 1, 4, profile="others")
    profiles = {"experts": a_profile("experts"), "others": a_profile("others", at="09:00")}
    made.config = made.config.model_copy(update={"profiles": profiles})
    yield made
    made.store.close()


def _leave(office, profile="experts"):
    office.store.unsubscribe(ADA, profile, Origin.SELF)


async def _first_waits_second_is_sent(office, first=LATER):
    office.says(first)
    await office.run(NOW)
    office.says(first)
    await office.run(NOW + HOUR)
    assert office.papers() == [4], "paper 1 is in the mail that waits"


async def _next_morning(office):
    office.edition(1, 5, profile="others")
    await office.run(NOW + DAY + HOUR)
    return office.papers()


async def test_a_paper_that_a_called_off_mail_kept_from_another_is_in_the_next(office):
    await _first_waits_second_is_sent(office)
    _leave(office)
    assert (await office.run(NOW + 2 * HOUR)).ended == {"skipped": 1}
    assert await _next_morning(office) == [1, 5]


async def test_it_is_also_where_that_mail_failed_before_its_reader_left(office):
    await _first_waits_second_is_sent(office, LATER)
    office.says(REFUSED)
    assert (await office.run(NOW + 2 * HOUR)).ended == {"failed": 1}
    _leave(office)
    assert await _next_morning(office) == [1, 5]


async def test_it_is_also_where_that_mail_goes_out_with_what_is_still_wanted(office):
    """One mail of two profiles waits; a third was sent without paper 1."""
    with_profiles(office.store, "experts", "others", "early")
    office.readers("ada", profile="early").edition(0, 6, profile="early")
    profiles = office.config.profiles | {"early": a_profile("early")}
    office.config = office.config.model_copy(update={"profiles": profiles})
    await _first_waits_second_is_sent(office)
    _leave(office)
    await office.run(NOW + 3 * HOUR)
    assert office.papers() == [6]
    sent = office.store.deliveries(10, "sent")
    assert {pick.paper for d in sent for pick in d.picks} == {4, 6}, "the ledger tells no more"
    assert await _next_morning(office) == [1, 5]


async def test_who_comes_back_before_the_mail_goes_is_owed_what_it_left_out(office):
    with_profiles(office.store, "experts", "others", "early")
    office.readers("ada", profile="early").edition(0, 6, profile="early")
    profiles = office.config.profiles | {"early": a_profile("early")}
    office.config = office.config.model_copy(update={"profiles": profiles})
    office.says(LATER)
    await office.run(NOW)
    _leave(office)
    office.says(LATER)
    await office.run(NOW + 10 * MINUTE)
    office.readers("ada")
    await office.run(NOW + 3 * HOUR)
    assert [office.papers(at) for at in range(2)] == [[6], [1, 4]]
    office.edition(1, 5)
    await office.run(NOW + DAY)
    assert office.papers() == [2, 3, 5], "what stood in no other mail"


async def test_what_waits_of_a_profile_that_another_takes_over_is_in_that_ones_next(office):
    await _first_waits_second_is_sent(office)
    office.store.mirror_profiles({"others": "f"}, {"experts": "others"})
    profiles = {"others": a_profile("others", at="09:00")}
    office.config = office.config.model_copy(update={"profiles": profiles})
    assert (await office.run(NOW + 2 * HOUR)).ended == {"skipped": 1}
    assert await _next_morning(office) == [1, 2, 3, 5]


async def test_a_replaced_paper_is_told_once_though_its_edition_is_owed_again(office):
    await office.run(NOW + 2 * HOUR)
    assert office.papers() == [1, 2, 3, 4]
    office.edition(1, 5)
    told = (new_pick(1, 5), new_pick(2, 6), new_pick(3, 4, role=Role.UPDATE, told=(Event.CODE,)))
    an_edition(office.store, profile="others", period=TODAY + DAY, now=NOW + DAY - HOUR, picks=told)
    office.says(LATER)
    await office.run(NOW + DAY)
    office.says(LATER)
    await office.run(NOW + DAY + HOUR)
    assert office.papers() == [4, 6]
    _leave(office)
    await office.run(NOW + DAY + 2 * HOUR)
    office.edition(2, 7, profile="others")
    await office.run(NOW + 2 * DAY + HOUR)
    assert office.papers() == [5, 7]


async def test_who_heard_only_that_a_paper_was_replaced_is_still_owed_it(office):
    """The mail that had it as new failed after another told of its new version."""
    _leave(office, "others")
    profiles = {"experts": a_profile("experts")}
    grace = office.config.mail.model_copy(update={"grace": 3 * DAY})
    office.config = office.config.model_copy(update={"profiles": profiles, "mail": grace})
    office.says(LATER)
    await office.run(NOW)
    told = (new_pick(1, 5), new_pick(2, 1, role=Role.UPDATE))
    an_edition(office.store, period=TODAY + DAY, now=NOW + DAY - HOUR, picks=told)
    office.says(LATER)
    await office.run(NOW + DAY)
    office.says(REFUSED)
    await office.run(NOW + DAY + 3 * HOUR)
    office.edition(2, 6)
    await office.run(NOW + 2 * DAY)
    assert office.papers() == [1, 2, 3, 6]


@pytest.mark.parametrize(("policy", "then"), [("resend", [1, 5]), ("hold", [5])])
async def test_what_may_have_arrived_is_offered_again_only_where_it_would_be_resent(
    office, policy, then
):
    mail = office.config.mail.model_copy(update={"uncertain": policy})
    office.config = office.config.model_copy(update={"mail": mail})
    office.says(UNSURE)
    await office.run(NOW + 50 * MINUTE)
    _leave(office)
    await office.run(NOW + HOUR)
    assert office.status(1) == "skipped"
    assert await _next_morning(office) == then


async def test_what_may_have_arrived_and_was_called_off_is_not_taken_up_again(office):
    mail = office.config.mail.model_copy(update={"uncertain": "hold"})
    office.config = office.config.model_copy(update={"mail": mail})
    office.says(UNSURE)
    await office.run(NOW + 50 * MINUTE)
    _leave(office)
    await office.run(NOW + HOUR)
    assert office.status(1) == "skipped"
    assert not office.store.revive(1, NOW + HOUR, NOW + DAY)


# ── Whatever happens ──────────────────────────────────────────────────────────────────────────────

NAMES = ("experts", "others", "thirds")
PAPERS = range(1, 13)
END = {"sent": SENT, "later": LATER, "refused": REFUSED, "busy": BUSY, "unsure": UNSURE}


class Reader:
    """Ada, her three profiles of different hours, and what arrived in her mailbox.

    A lost reply is a mail that arrived or not, by turns.
    """

    def __init__(self, folder, uncertain):
        self.office = made = Office(folder, mail={"uncertain": uncertain, "grace": "30h"})
        hours = dict(zip(NAMES, ("07:00", "09:00", "07:00"), strict=True))
        profiles = {name: a_profile(name, at=hour, limit=50) for name, hour in hours.items()}
        made.config = made.config.model_copy(update={"profiles": profiles})
        with_profiles(made.store, *NAMES)
        absorb(made.store, *(a_paper(arxiv(n), title=f"Paper {n}.") for n in PAPERS))
        made.printing = lambda _due: _Plain()
        made.mailer = CapturingMailer(self._answer)
        self.answers: list[str] = []
        self.mailbox: dict[str, str] = {}  # by Message-ID: the papers it shows
        self.unsure = 0
        self.picked: dict[str, set[int]] = {name: set() for name in NAMES}
        self.owed: dict[str, set[int]] = {name: set() for name in NAMES}
        self.day = 0
        for name in NAMES:
            subscribed(made.store, ADA, name)
        self.number = made.store.subscriptions_of(ADA)[0].subscriber

    def _answer(self, envelope: Envelope) -> Attempt:
        said = self.answers.pop(0) if self.answers else "sent"
        if said == "unsure":
            self.unsure += 1
        if said == "sent" or (said == "unsure" and self.unsure % 2):
            text = envelope.content.decode()
            assert self.mailbox.setdefault(envelope.message_id, text) == text, "the same bytes"
        return END[said]

    def morning(self, picks):
        """Every profile's edition of the day: what is new to it, and one that was replaced."""
        self.day += 1
        for name, papers in zip(NAMES, picks, strict=True):
            fresh = [paper for paper in papers if paper not in self.picked[name]]
            again = [paper for paper in papers if paper in self.picked[name]]
            an_edition(
                self.office.store,
                profile=name,
                period=TODAY + self.day * DAY,
                now=NOW + self.day * DAY - 2 * HOUR,
                picks=tuple(
                    new_pick(at, paper, role=Role.NEW if paper in fresh else Role.UPDATE)
                    for at, paper in enumerate((*fresh, *again), start=1)
                ),
            )
            self.picked[name] |= set(fresh)
            if name in self.wanted():
                self.owed[name] |= set(fresh)

    def wanted(self):
        return {
            each.profile
            for each in self.office.store.subscriptions_of(ADA)
            if each.status.value in ("confirmed", "paused")
        }

    async def does(self, what, which, answers, now):
        store, name = self.office.store, NAMES[which]
        if what == "run":
            self.answers = list(answers)
            await self.office.run(now)
        elif what == "leave":
            store.unsubscribe(ADA, name, Origin.SELF)
            self.owed[name] = set()
        elif what == "come back":
            subscribed(store, ADA, name)
        elif what == "pause":
            store.pause(ADA, None)
        elif what == "resume":
            store.resume({self.number})
        elif what == "hold":
            for delivery in store.deliveries(2):
                store.hold(delivery.id, now)
        elif what == "retry":
            for delivery in store.deliveries(4):
                store.revive(delivery.id, now, now + 30 * HOUR)

    async def all_goes_well(self):
        """Three mornings on which everything is sent that is still owed."""
        self.office.store.resume({self.number})
        for _ in range(3):
            self.morning(((), (), ()))
            now = NOW + self.day * DAY + HOUR
            for delivery in self.office.store.deliveries(-1, DeliveryStatus.HELD.value):
                self.office.store.free(delivery.id, now, now + 30 * HOUR)
            await self.does("run", 0, (), now)

    def read(self) -> Counter[int]:
        """How many mails showed each paper as new."""
        return Counter(int(n) for text in self.mailbox.values() for n in text.split())


class _Plain:
    """Prints mails that name the papers they show as new, in no time."""

    async def __aenter__(self):
        return [self]

    async def __aexit__(self, *_):
        pass

    async def print(self, orders, _papers, _editions):
        return [
            b" ".join(b"%d" % p.paper for p in order.delivery.picks if p.role is Role.NEW)
            for order in orders
        ]


def _days(*answers):
    papers = st.lists(st.sampled_from(PAPERS), max_size=3, unique=True)
    step = st.tuples(
        st.integers(0, 40),  # half hours after seven
        st.sampled_from(
            ("run", "run", "run", "leave", "come back", "pause", "resume", "hold", "retry")
        ),
        st.integers(0, len(NAMES) - 1),
        st.lists(st.sampled_from(answers), max_size=3),
    )
    return st.lists(
        st.tuples(st.tuples(papers, papers, papers), st.lists(step, max_size=4)),
        min_size=1,
        max_size=5,
    )


async def _lived(tmp_path_factory, days, uncertain="resend"):
    reader = Reader(tmp_path_factory.mktemp("office"), uncertain)
    try:
        for picks, steps in days:
            reader.morning(picks)
            for half_hours, what, which, answers in sorted(steps):
                now = NOW + reader.day * DAY - HOUR + half_hours * HOUR / 2
                await reader.does(what, which, answers, now)
        reader.answers = []
        await reader.all_goes_well()
    finally:
        reader.office.store.close()
    return reader


_LAW = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@_LAW
@given(_days("sent", "later", "refused", "busy"))
async def test_no_paper_that_is_still_owed_is_lost_and_none_comes_twice(tmp_path_factory, days):
    reader = await _lived(tmp_path_factory, days)
    read = reader.read()
    for name, owed in reader.owed.items():
        assert owed <= set(read), name
    assert set(read.values()) <= {1}


@_LAW
@given(_days("sent", "later", "unsure"))
async def test_who_would_rather_hold_than_repeat_is_sent_nothing_twice(tmp_path_factory, days):
    reader = await _lived(tmp_path_factory, days, uncertain="hold")
    assert set(reader.read().values()) <= {1}
