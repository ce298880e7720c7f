"""Deliver: what a reader is owed, in which mail, and never twice."""

from __future__ import annotations

import re
from collections import Counter
from datetime import timedelta
from email import message_from_bytes
from email.policy import default
from functools import partial
from itertools import chain, repeat

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.models import Attempt, Event, Link, Origin, Phase, Rel, Role, SourceNote, Verdict, Weather
from bot.store.subscribers import Choices
from bot.workflows import opening
from bot.workflows.deliver import deliver
from bot.workflows.desk import Post
from bot.workflows.subscribe import take_way_out
from support_office import Office, text_of_mail
from support_round import (
    DAY,
    HOUR,
    NOW,
    SECRET,
    TODAY,
    WORKERS,
    a_paper,
    a_profile,
    absorb,
    an_edition,
    arxiv,
    doi,
    new_pick,
    subscribed,
)

MINUTE = timedelta(minutes=1)
SEVEN = NOW - HOUR  # the profiles' hour


@pytest.fixture
def office(tmp_path):
    made = Office(tmp_path).readers("ada")
    yield made
    made.store.close()


def _mails(office) -> list[str]:
    return [envelope.recipient for envelope in office.mailer.sent]


# ── When ──────────────────────────────────────────────────────────────────────────────────────────


async def test_nothing_is_owed_before_the_hour(office):
    assert (await office.run(SEVEN - MINUTE)).opened == 0
    assert (await office.run(SEVEN)).sent == 1


async def test_however_many_readers_there_are_each_has_one_mail(office, monkeypatch):
    monkeypatch.setattr(opening, "_LOOKED_AT", 2)
    names = [f"reader{n}" for n in range(7)]
    office.readers(*names).readers("reader2", "reader5", profile="others")
    office.store.forget("reader3@example.org", "hidden", NOW)
    report = await office.run(NOW + HOUR)
    assert report.opened == 7
    assert sorted(_mails(office)) == [
        "ada@example.org", *(f"{n}@example.org" for n in names if n != "reader3")
    ]  # fmt: skip


async def test_a_long_opening_takes_nothing_from_the_time_to_send(office):
    moments = chain([NOW + HOUR], repeat(NOW + HOUR + 10 * MINUTE))
    post = Post(office.config, SECRET, office.printing, office.mailer)
    report = await deliver(post, office.store, WORKERS, partial(next, moments), patient=True)
    assert report.sent == 1


async def test_a_slot_waits_for_its_edition(office):
    assert (await office.run()).sent == 1
    tomorrow = NOW + DAY
    assert (await office.run(tomorrow)).opened == 0, "nobody has composed yet"
    office.edition(1, 4)
    assert (await office.run(tomorrow + HOUR)).sent == 1
    assert office.papers() == [4]


async def test_who_subscribes_in_the_afternoon_gets_the_latest_edition_at_once(office):
    office.edition(1, 4)
    office.readers("grace")
    await office.run(NOW + DAY + 8 * HOUR)
    assert "grace@example.org" in _mails(office)
    assert office.papers(_mails(office).index("grace@example.org")) == [4]


async def test_who_subscribes_at_night_gets_it_with_the_next(office):
    late = NOW + 13 * HOUR
    await office.run()
    office.readers("grace")
    assert (await office.run(late)).skipped == 1
    office.edition(1, 4)
    await office.run(NOW + DAY)
    assert office.papers(_mails(office).index("grace@example.org")) == [1, 2, 3, 4]


async def test_a_profile_without_an_edition_today_owes_nothing(tmp_path):
    made = Office(tmp_path).readers("ada")
    weekdays = a_profile("experts", days="mon-fri")
    made.config = made.config.model_copy(update={"profiles": {"experts": weekdays}})
    await made.run()
    saturday = NOW + DAY
    assert (await made.run(saturday)).opened == 0
    assert (await made.run(saturday + DAY)).opened == 0
    made.store.close()


async def test_an_edited_hour_serves_no_day_twice(office):
    await office.run()
    later = a_profile("experts", at="11:00")
    office.config = office.config.model_copy(update={"profiles": {"experts": later}})
    assert (await office.run(NOW + 4 * HOUR)).opened == 0


async def test_a_clock_that_goes_back_sends_nothing_twice(office):
    await office.run()
    office.edition(1, 4)
    await office.run(NOW + DAY)
    for hours in (-1, -24, -30, 5, 20):
        await office.run(NOW + hours * HOUR)
    assert _mails(office) == ["ada@example.org"] * 2


# ── What ──────────────────────────────────────────────────────────────────────────────────────────


async def test_two_profiles_are_two_sections_of_one_mail(office):
    office.readers("ada", profile="others")
    office.edition(0, 3, 4, profile="others")
    report = await office.run()
    assert (report.opened, report.sent) == (1, 1)
    assert office.papers() == [1, 2, 3, 4]
    (delivery,) = office.store.deliveries(10)
    assert [pick.paper for pick in delivery.picks] == [1, 2, 3, 4], "paper 3 stands in the first"


async def test_profiles_of_different_hours_are_two_mails(office):
    office.readers("ada", profile="others")
    office.edition(0, 4, profile="others")
    profiles = {"experts": a_profile("experts"), "others": a_profile("others", at="09:00")}
    office.config = office.config.model_copy(update={"profiles": profiles})
    assert (await office.run(SEVEN)).sent == 1
    assert (await office.run(NOW + HOUR)).sent == 1
    assert [office.papers(0), office.papers(1)] == [[1, 2, 3], [4]]


@pytest.fixture
def apart(office):
    """Ada gets two profiles, and a mail for each; both picked paper 3."""
    office.readers("ada", profile="others")
    office.edition(0, 3, 4, profile="others")
    office.store.choose("ada@example.org", Choices(apart=True))
    return office


def _way_out(office, index: int) -> str:
    return re.search(rb"List-Unsubscribe: <([^>]+)>", office.mailer.sent[index].content)[1].decode()


async def test_by_choice_each_profile_is_a_mail_of_its_own(apart):
    report = await apart.run()
    assert (report.opened, report.sent) == (2, 2)
    assert [apart.papers(0), apart.papers(1)] == [[1, 2, 3], [4]], "paper 3 comes once"
    mails = [message_from_bytes(e.content, policy=default) for e in apart.mailer.sent]
    assert [re.search(r"<(\w+)\.", mail["List-Id"])[1] for mail in mails] == ["experts", "others"]
    assert len({mail["Message-ID"] for mail in mails}) == 2
    assert (await apart.run(NOW + HOUR)).opened == 0, "both slots are served"


async def test_each_of_several_mails_has_a_return_address_of_its_own(tmp_path):
    mail = {"bounce": "bounce+{token}@example.org"}
    made = Office(tmp_path, mail=mail).readers("ada").readers("ada", profile="others")
    made.edition(0, 4, profile="others")
    made.store.choose("ada@example.org", Choices(apart=True))
    await made.run()
    assert len({each.sender for each in made.mailer.sent}) == 2
    made.store.close()


@pytest.mark.parametrize(("before", "after"), [(False, True), (True, False)])
async def test_a_choice_after_the_mails_were_opened_repeats_and_loses_nothing(apart, before, after):
    apart.store.choose("ada@example.org", Choices(apart=before))
    apart.says(*[ENDS["later"]] * 2)
    await apart.run()  # opened, and not accepted
    apart.store.choose("ada@example.org", Choices(apart=after))
    apart.says()
    await apart.run(NOW + HOUR)
    opened = len(apart.store.deliveries(9))
    sent = [paper for at in range(-opened, 0) for paper in apart.papers(at)]
    assert sorted(sent) == [1, 2, 3, 4], "what was opened goes as it was"
    apart.edition(1, 5)
    apart.edition(1, 6, profile="others")
    await apart.run(NOW + DAY)
    assert len(apart.store.deliveries(9)) - opened == (2 if after else 1)


async def test_a_paper_of_a_mail_that_failed_comes_with_the_other_profile(apart):
    apart.says(ENDS["refused"])
    await apart.run()
    assert [d.status.value for d in apart.store.deliveries(9)] == ["sent", "failed"]
    apart.store.unsubscribe("ada@example.org", "experts", Origin.SELF)
    apart.edition(1, profile="others")
    await apart.run(NOW + DAY)
    assert apart.papers() == [3], "the one that others picked too, and left out for that mail"


async def test_the_way_out_of_a_mail_for_one_profile_ends_only_that(tmp_path):
    made = Office(tmp_path, bot={"timezone": "UTC", "base_url": "https://papers.example.org"})
    made.readers("ada").readers("ada", profile="others")
    made.edition(0, 4, profile="others")
    made.store.choose("ada@example.org", Choices(apart=True))
    await made.run()
    token = _way_out(made, 1).rpartition("/")[2]
    ended = await take_way_out(token, made.store, WORKERS, SECRET)
    assert (ended.only, ended.profiles, ended.ended) == ("others", ("experts",), ("others",))
    assert await take_way_out(token, made.store, WORKERS, SECRET) == ended, "as often as asked"
    everything = await take_way_out(token, made.store, WORKERS, SECRET, "")
    assert everything.profiles == ()
    made.store.close()


async def test_of_a_profile_that_became_another_the_way_out_ends_all(tmp_path):
    """A mail of before the move names what does not come any more: silence is what was asked for."""
    made = Office(tmp_path, bot={"timezone": "UTC", "base_url": "https://papers.example.org"})
    made.readers("ada")
    made.store.choose("ada@example.org", Choices(apart=True))
    await made.run()
    made.store.retire_profile("experts", "others")
    token = _way_out(made, 0).rpartition("/")[2]
    assert (await take_way_out(token, made.store, WORKERS, SECRET)).profiles == ()
    made.store.close()


async def test_of_several_mails_none_is_opened_after_one_that_another_process_opened(apart):
    """What it left out for that one's sake might be in neither."""
    real = apart.store.open_delivery
    calls = []

    def faster(plan, *more):
        calls.append(plan.slots)
        return real(plan, *more) if len(calls) > 1 else False

    apart.store.open_delivery = faster
    assert (await apart.run()).opened == 0
    assert len(calls) == 1
    assert (await apart.run()).opened == 2


async def test_a_quiet_day_is_served_without_a_mail(office):
    await office.run()
    office.edition(1)
    report = await office.run(NOW + DAY)
    assert (report.opened, report.skipped, report.sent) == (0, 1, 0)
    office.edition(2, 5)
    await office.run(NOW + 2 * DAY)
    assert office.papers() == [5]


async def test_a_missed_week_is_one_digest_of_the_best_and_the_rest_is_counted(tmp_path):
    made = Office(tmp_path)
    short = a_profile("experts", limit=4)
    made.config = made.config.model_copy(update={"profiles": {"experts": short}})
    made.readers("ada")
    for day, paper in enumerate((4, 5, 6, 7), start=1):
        made.edition(day, paper)
    report = await made.run(NOW + 4 * DAY)
    assert (report.opened, report.sent) == (1, 1)
    (delivery,) = made.store.deliveries(10)
    assert len(delivery.picks) == 4
    assert delivery.overflow == 3
    assert {pick.paper for pick in delivery.picks} == {1, 4, 5, 6}, "the best of each day"
    assert len(delivery.editions) == 5
    made.store.close()


# ── News of papers they had ───────────────────────────────────────────────────────────────────────

WITHDRAWN, PUBLISHED, CODE = Event.WITHDRAWN, Event.PUBLISHED, Event.CODE


def _news(office, index: int = -1) -> str:
    text = text_of_mail(office.mailer.sent[index].content)
    return text.partition("NEWS OF PAPERS YOU HAD")[2].partition("\n-- \n")[0]


async def test_what_is_withdrawn_between_its_edition_and_its_hour_is_left_out(office):
    gone = a_paper(arxiv(2), title="Paper 2.", version=2, notice="This paper has been withdrawn")
    absorb(office.store, gone, now=NOW - HOUR)
    await office.run()
    assert office.papers() == [1, 3]
    office.edition(1, picks=(new_pick(1, 2, role=Role.UPDATE, told=(WITHDRAWN,)),))
    assert (await office.run(NOW + DAY)).sent == 0, "who never had it is not told either"


async def test_news_finds_who_had_the_paper_a_year_ago(office):
    await office.run()
    absorb(
        office.store,
        a_paper(arxiv(1), doi(5), title="Paper 1.", venue="Nature"),
        now=NOW + 400 * DAY,
    )
    update = new_pick(2, 1, role=Role.UPDATE, told=(PUBLISHED,))
    office.edition(400, picks=(new_pick(1, 4), update))
    await office.run(NOW + 400 * DAY)
    assert office.papers() == [1, 4]
    assert "published in Nature:" in _news(office)


async def test_a_reader_of_two_profiles_hears_each_thing_once(office):
    office.readers("ada", profile="others")
    await office.run()
    links = frozenset({Link(Rel.CODE, "https://git.example.org/a/b")})
    absorb(office.store, a_paper(arxiv(1), doi(5), title="Paper 1.", venue="Nature", links=links))
    office.edition(1, picks=(new_pick(1, 4), new_pick(2, 1, role=Role.UPDATE, told=(PUBLISHED,))))
    await office.run(NOW + DAY)
    assert "published in Nature" in _news(office)
    assert "code" not in _news(office), "no edition has told that yet"
    told = new_pick(2, 1, role=Role.UPDATE, told=(PUBLISHED, CODE))
    office.edition(2, picks=(new_pick(1, 5), told), profile="others")
    await office.run(NOW + 2 * DAY)
    assert "code available" in _news(office)
    assert "published" not in _news(office)


async def test_news_of_a_profile_that_its_reader_left_is_never_shown_as_new(office):
    """The other profile's edition in that digest has the paper as new: the line stays what it is."""
    office.readers("ada", profile="others")
    await office.run()
    gone = a_paper(arxiv(1), title="Paper 1.", version=2, notice="This paper has been withdrawn")
    absorb(office.store, gone, now=NOW + HOUR)
    office.edition(1, picks=(new_pick(1, 1, role=Role.UPDATE, told=(WITHDRAWN,)),))
    office.edition(1, 1, 4, profile="others")
    office.says(Attempt(Verdict.RETRY, Phase.MAIL, 451, "later"))
    await office.run(NOW + DAY)
    office.store.unsubscribe("ada@example.org", "experts", Origin.OWNER)
    await office.run(NOW + DAY + HOUR)
    assert office.papers() == [1, 4]
    text = text_of_mail(office.mailer.sent[-1].content)
    assert text.count("Paper 1.") == _news(office).count("Paper 1.") == 1
    assert "! Withdrawn" in _news(office)


async def test_an_edition_by_force_waits_for_the_next_slot(office):
    await office.run()
    an_edition(office.store, 4, forced=True, now=NOW + HOUR)
    assert (await office.run(NOW + 2 * HOUR)).opened == 0
    office.edition(1, 5)
    await office.run(NOW + DAY)
    assert office.papers() == [4, 5]


def _failed(weather: Weather) -> dict[str, object]:
    return {"health": (SourceNote("hf", weather, "could not be read", NOW),)}


async def test_a_failed_source_is_mailed_on_a_quiet_day_once_and_once_when_it_is_back(office):
    await office.run()
    mailed = []
    days = (Weather.FAILED, Weather.FAILED, Weather.RECOVERED, Weather.FINE)
    for day, weather in enumerate(days, start=1):
        an_edition(office.store, period=TODAY + timedelta(days=day), now=NOW + day * DAY,
                   **_failed(weather))  # fmt: skip
        mailed.append((await office.run(NOW + day * DAY)).sent)
    assert mailed == [1, 0, 1, 0]


async def test_a_note_on_a_quiet_day_is_sent_to_who_wants_it(office):
    noted = a_profile("experts", empty="note")
    office.config = office.config.model_copy(update={"profiles": {"experts": noted}})
    await office.run()
    office.edition(1)
    assert (await office.run(NOW + DAY)).sent == 1
    assert office.papers() == []


# ── Whatever happens ──────────────────────────────────────────────────────────────────────────────

ENDS = {
    "sent": Attempt(Verdict.SENT, Phase.DONE, 250, "OK"),
    "later": Attempt(Verdict.RETRY, Phase.RCPT, 450, "later"),
    "refused": Attempt(Verdict.REFUSED_CONTENT, Phase.DATA, 554, "refused"),
    "busy": Attempt(Verdict.SLOW_DOWN, Phase.MAIL, 421, "busy"),
}
some_days = st.lists(
    st.tuples(
        st.lists(st.integers(1, 7), max_size=3, unique=True),  # picks of experts
        st.lists(st.integers(1, 7), max_size=3, unique=True),  # picks of others
        st.lists(
            st.tuples(st.integers(0, 40), st.sampled_from(sorted(ENDS)), st.booleans()), max_size=3
        ),
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(some_days)
async def test_whatever_fails_no_paper_is_lost_and_none_comes_twice(tmp_path_factory, days):
    made = Office(tmp_path_factory.mktemp("office"))
    made.plain = True
    subscribed(made.store, "ada@example.org")
    subscribed(made.store, "ada@example.org", "others")
    owed = {1, 2, 3}
    picked: dict[str, set[int]] = {"experts": {1, 2, 3}, "others": set()}
    try:
        for day, (experts, others, runs) in enumerate(days, start=1):
            for profile, papers in (("experts", experts), ("others", others)):
                fresh = [paper for paper in papers if paper not in picked[profile]]
                made.edition(day, *fresh, profile=profile)
                picked[profile] |= set(fresh)
                owed |= set(fresh)
            # Between any two rounds, also while something waits to be sent, the reader may choose
            # one mail for both profiles, or one for each.
            for half_hours, end, apart in sorted(runs):
                made.store.choose("ada@example.org", Choices(apart=apart))
                made.says(ENDS[end], ENDS[end])
                await made.run(SEVEN + day * DAY + half_hours * HOUR / 2)
        made.says()
        # Two more mornings on which all goes well, the first of which may find only leftovers.
        for day in (len(days) + 1, len(days) + 2):
            for profile in ("experts", "others"):
                made.edition(day, profile=profile)
            await made.run(SEVEN + day * DAY)
        counts = Counter(
            pick.paper
            for delivery in made.store.deliveries(1000, "sent")
            for pick in delivery.picks
            if pick.role is Role.NEW
        )
        assert set(counts) == owed
        assert set(counts.values()) <= {1}
        for delivery in made.store.deliveries(1000):
            shown = made.store.editions_by_id(delivery.editions).values()
            if delivery.subscription:
                assert len({edition.profile for edition in shown}) <= 1, "a mail of its own"
    finally:
        made.store.close()
