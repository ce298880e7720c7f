"""The outbox: nothing sent that was not first committed, nothing lost, hardly anything twice."""

from __future__ import annotations

import asyncio
import random
import sys
from collections import Counter
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from bot.errors import DiskFullError, MailError
from bot.mail import CapturingMailer, SmtpMailer
from bot.models import Attempt, DeliveryStatus, Origin, Phase, Verdict
from bot.store import Store
from bot.tokens import suppression_key
from support_office import SENT, Office
from support_round import (
    DAY,
    HOUR,
    NOW,
    SECRET,
    a_paper,
    absorb,
    an_edition,
    arxiv,
    suppress,
    with_profiles,
)
from support_smtp import a_relay

MINUTE = timedelta(minutes=1)
LATER = Attempt(Verdict.RETRY, Phase.RCPT, 450, "4.2.0 later")
LOST = Attempt(Verdict.RETRY, Phase.MAIL, 0, "the connection was lost")
UNSURE = Attempt(Verdict.UNCERTAIN, Phase.DATA, 0, "the connection was lost")
REFUSED = Attempt(Verdict.REFUSED_CONTENT, Phase.DATA, 554, "5.6.0 refused")
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
            seen.append((delivery.status, other.prepared(delivery.id) == envelope.content))
        return SENT

    office.mailer = CapturingMailer(look)
    await office.run()
    assert seen == [(DeliveryStatus.SENDING, True)]
    assert office.store.prepared(1) is None


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
    office.readers("grace").says(NOBODY)
    report = await office.run()
    assert report.ended == {"failed": 1, "sent": 1}
    assert "5.1.1 nobody" in report.problems[0]
    assert [e.recipient for e in office.mailer.sent] == ["grace@example.org"]
    office.edition(1, 4)
    await office.run(NOW + DAY)
    mails = {e.recipient: index for index, e in enumerate(office.mailer.sent)}
    assert office.papers(mails["ada@example.org"]) == [1, 2, 3, 4]
    assert office.papers(mails["grace@example.org"]) == [4]


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


class Carrier:
    """`paperround deliver` as a process of its own, which can be killed at any moment."""

    def __init__(self, folder: Path, port: int, readers: int) -> None:
        self.readers = [f"reader{n}@example.org" for n in range(readers)]
        self.config = folder / "config.toml"
        self.config.write_text(
            f"""
            [bot]
            contact = "owner@example.org"
            timezone = "UTC"
            [profiles.experts]
            to = {self.readers!r}
            keywords = ["experts"]
            at = "07:00"
            [mail]
            transport = "smtp"
            from = "Papers <papers@example.org>"
            host = "127.0.0.1"
            port = {port}
            tls = "none"
            rate = 10000.0
            """.replace("'", '"')
        )
        self.database = folder / "state" / "paperround.db"
        with Store(self.database) as store:
            with_profiles(store, "experts")
            absorb(store, *(a_paper(arxiv(n), title=f"Paper {n}.") for n in range(1, 6)))
            an_edition(store, 1, 2, 3, 4, 5)
        self.process: asyncio.subprocess.Process | None = None

    async def start(self) -> asyncio.subprocess.Process:
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot", "--config", str(self.config), "--now", NOW.isoformat(),
            "deliver", cwd=Path(__file__).parents[1], stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        return self.process

    def kill(self) -> None:
        if self.process is not None and self.process.returncode is None:
            self.process.kill()

    async def finish(self) -> tuple[int | None, str]:
        assert self.process is not None
        said, _ = await asyncio.wait_for(self.process.communicate(), 60)
        return self.process.returncode, said.decode()

    def check(self, relay, kills: int) -> None:
        """Nothing lost; what came twice was in flight at a kill, and came with the same bytes."""
        with Store(self.database) as store:
            statuses = {d.address: d.status.value for d in store.deliveries(10_000)}
        held = {address for address, status in statuses.items() if status == "held"}
        counts = Counter(relay.recipients)
        assert set(counts) | held == set(self.readers)
        assert set(statuses.values()) <= {"sent", "held"}
        assert sum(counts.values()) <= len(self.readers) + kills
        for recipient in counts:
            copies = [m for m in relay.taken if m.recipient == recipient]
            assert len({m.content for m in copies}) == 1
        assert len({m.message_id for m in relay.taken}) == len(counts)


async def test_a_sender_killed_in_any_phase_loses_nothing_and_repeats_what_was_in_flight(tmp_path):
    async with a_relay() as relay:
        carrier = Carrier(tmp_path, relay.port, readers=40)
        doomed = [("MAIL", 5), ("CONTENT", 12), ("DATA", 20)]
        seen: Counter[str] = Counter()

        def watch(phase: str, _recipient: str) -> None:
            seen[phase] += 1
            if doomed and doomed[0][0] == phase and seen[phase] >= doomed[0][1]:
                doomed.pop(0)
                carrier.kill()

        relay.watch = watch
        codes = []
        for _ in range(4):
            await carrier.start()
            codes.append((await carrier.finish())[0])
        assert codes == [-9, -9, -9, 0]
        carrier.check(relay, kills=3)
        assert len(relay.taken) == 41, "only the one that was taken unanswered came twice"


async def test_of_two_senders_at_once_one_sends_each_mail(tmp_path):
    async with a_relay() as relay:
        carrier = Carrier(tmp_path, relay.port, readers=20)
        both = [await carrier.start() for _ in range(2)]
        said = await asyncio.gather(*(process.communicate() for process in both))
        assert [process.returncode for process in both] == [0, 0], said
        assert Counter(relay.recipients) == dict.fromkeys(carrier.readers, 1)


@pytest.mark.long
async def test_two_hundred_mails_survive_a_sender_that_is_killed_again_and_again(tmp_path):
    dice = random.Random(20261120)  # noqa: S311 - a test's dice
    async with a_relay() as relay:
        carrier = Carrier(tmp_path, relay.port, readers=200)
        kills, moment = 0, 0

        def watch(_phase: str, _recipient: str) -> None:
            nonlocal kills, moment
            moment -= 1
            if moment == 0 and kills < 25:
                kills += 1
                if dice.random() < 0.5:
                    carrier.kill()
                else:  # also between a server's answer and the next word to it
                    asyncio.get_running_loop().call_later(dice.random() * 0.01, carrier.kill)

        relay.watch = watch
        for _ in range(60):
            moment = dice.randint(2, 45)
            await carrier.start()
            code, said = await carrier.finish()
            if code == 0:
                break
            assert code in (-9, 1), said
        assert kills > 10
        carrier.check(relay, kills)
