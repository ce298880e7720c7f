"""What a person waits for goes first: notes beside a large morning's digests."""

from __future__ import annotations

import pytest

from bot.mail import CapturingMailer
from bot.models import Attempt, Phase, Verdict
from bot.outputs.notes import NotePress
from bot.render import TemplateRenderer
from bot.workflows.consent import Door, Reception, SubscriptionOrder
from support_office import SENT, Office
from support_round import HOUR, NOW, SECRET, subscribed

DIGESTS = 500
DENIED = Attempt(Verdict.REFUSED_SENDER, Phase.RCPT, 554, "5.7.1 access denied")
NEWCOMER = "newcomer@example.com"


class Morning(Office):
    """An office that owes five hundred digests, and whoever comes to its page meanwhile."""

    def __init__(self, folder):
        web = {"bot": {"timezone": "UTC", "base_url": "https://papers.lab.example"}}
        super().__init__(folder, mail={"rate": 1000.0}, **web)
        self.plain = True
        for number in range(DIGESTS):
            subscribed(self.store, f"reader{number}@example.org")
        self.order: list[str] = []
        self.answer = lambda _: SENT
        self.mailer = CapturingMailer(self._take)

    def asks(self, *addresses):
        reception = Reception(self.config, SECRET, self.store, self._press, "2026-11")
        for address in addresses:
            assert (
                reception.order(SubscriptionOrder(address, ("experts",), Door.WEB, ""), NOW) == ""
            )

    def place(self, address):
        return self.order.index(address)

    def _press(self):
        return NotePress(self.config, TemplateRenderer(self.config.templates, print))

    def _take(self, envelope):
        self.order.append(envelope.recipient)
        return self.answer(envelope)


@pytest.fixture
def morning(tmp_path):
    made = Morning(tmp_path)
    yield made
    made.store.close()


async def test_a_question_goes_before_five_hundred_digests_that_were_due_before_it(morning):
    morning.asks(NEWCOMER)
    report = await morning.run()
    assert morning.place(NEWCOMER) == 0
    assert (report.sent, len(set(morning.order))) == (DIGESTS + 1, DIGESTS + 1)


async def test_a_question_asked_while_they_are_sent_goes_with_the_batch_that_is_made_next(morning):
    def answer(_):
        if len(morning.order) == 10:
            morning.asks(NEWCOMER)
        return SENT

    morning.answer = answer
    await morning.run()
    assert morning.place(NEWCOMER) <= 200


async def test_of_many_questions_and_many_digests_neither_waits_for_all_the_others(morning):
    newcomers = [f"new{number}@example.com" for number in range(120)]
    morning.asks(*newcomers)
    await morning.run()
    firsts = [address in newcomers for address in morning.order[:100]]
    assert sum(firsts) == 50
    assert [a for a in morning.order if a in newcomers] == newcomers, "the first to come is first"


async def test_questions_that_are_refused_one_after_the_other_stop_no_digest(morning):
    refused = [f"new{number}@refuses.example" for number in range(30)]
    morning.asks(*refused)
    morning.answer = lambda envelope: DENIED if envelope.recipient in refused else SENT
    assert (await morning.run(patient=True)).sent == DIGESTS
    assert set(refused) <= set(morning.order)
    assert (await morning.run(NOW + HOUR)).ended, "they are tried again"
