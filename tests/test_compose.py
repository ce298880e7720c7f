"""Compose: one edition a day, of what came since the last one, whatever was missed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.models import Event, Role, SourceState, Weather
from bot.ranking.pool import pooled
from bot.ranking.space import direction
from bot.store import Store
from bot.store.papers import PaperLedger
from bot.workflows import compose as workflow
from bot.workflows.compose import compose, ranked_now
from support_round import (
    DAY,
    HOUR,
    NOW,
    TODAY,
    WORKERS,
    a_paper,
    a_profile,
    a_source,
    absorb,
    arxiv,
    shown,
    with_profiles,
)

SEVEN = NOW - HOUR


class Desk:
    """A store, and the editions that are made of it."""

    def __init__(self, store: Store, *profiles) -> None:
        self.store = store
        self.profiles = {profile.name: profile for profile in profiles or (a_profile(),)}
        self.sources = [a_source("arxiv")]
        with_profiles(store, *self.profiles)

    async def make(self, now=NOW, force=()):
        return await compose(
            self.profiles, self.sources, self.store, WORKERS, now, "UTC", force=force
        )

    def came(self, *numbers: int, now=NOW, **said) -> None:
        papers = (a_paper(arxiv(n), title=f"Experts {n}", published=now) for n in numbers)
        absorb(self.store, *papers, now=now, **said)

    def edits(self, **said) -> None:
        self.profiles["experts"] = a_profile(**said)


@pytest.fixture
def desk(tmp_path):
    with Store(tmp_path / "paperround.db") as store:
        yield Desk(store)


def _picked(composed) -> set[int]:
    return {pick.paper for pick in composed.edition.picks if pick.role is Role.NEW}


# ── When ──────────────────────────────────────────────────────────────────────────────────────────


async def test_an_edition_is_made_once_a_day_at_its_hour(desk):
    desk.came(1, 2, now=SEVEN - DAY)
    assert await desk.make(SEVEN - timedelta(minutes=1)) == []
    (made,) = await desk.make(SEVEN)
    assert (made.edition.number, made.edition.period, made.new) == (1, TODAY, 2)
    for hours in (0, 1, 5, 12):
        assert await desk.make(SEVEN + hours * HOUR) == []
    desk.came(3, now=NOW + DAY)
    (made,) = await desk.make(NOW + DAY)
    assert (made.edition.number, made.edition.period) == (2, TODAY + DAY)


async def test_a_clock_that_goes_back_makes_nothing_twice(desk):
    desk.came(1)
    await desk.make()
    await desk.make(NOW + DAY)
    for hours in (0, -24, -48, 23, 24):
        assert await desk.make(NOW + hours * HOUR) == []
    assert len(desk.store.editions("experts")) == 2


async def test_an_edition_by_force_serves_no_day(desk):
    desk.came(1)
    (forced,) = await desk.make(SEVEN - HOUR, force=["experts"])
    assert forced.edition.forced
    desk.came(2)
    (due,) = await desk.make(SEVEN)
    assert not due.edition.forced
    assert (due.edition.number, _picked(due)) == (2, {2})
    (again,) = await desk.make(SEVEN, force=["experts"])
    assert (again.edition.number, again.edition.forced, again.new) == (3, True, 0)


async def test_force_when_one_is_due_makes_that_one(desk):
    desk.came(1)
    (made,) = await desk.make(force=["experts"])
    assert not made.edition.forced
    assert len(desk.store.editions("experts")) == 1


async def test_what_many_profiles_are_chosen_from_is_read_once(tmp_path, monkeypatch):
    read: list[int] = []
    load = PaperLedger._load  # noqa: SLF001 - what reads papers, whoever asks

    def counted(self, ids):
        found = load(self, ids)
        read.extend(paper.id for paper in found)
        return found

    monkeypatch.setattr(PaperLedger, "_load", counted)
    names = [f"profile-{n}" for n in range(5)]
    with Store(tmp_path / "paperround.db") as store:
        desk = Desk(store, *map(a_profile, names))
        desk.came(1, 2, 3)
        made = await desk.make()
        assert [each.new for each in made] == [3] * 5
        assert sorted(read) == [1, 2, 3]
        desk.came(4, now=NOW + DAY)
        assert [_picked(each) for each in await desk.make(NOW + DAY)] == [{4}] * 5


async def test_after_a_run_only_what_each_paper_says_is_kept(desk):
    desk.came(1, 2)
    await desk.make()
    assert pooled.cache_info().currsize == 0
    assert direction.cache_info().currsize > 0


async def test_what_is_shared_in_a_run_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(workflow, "_MOST_SHARED", 2)
    few = a_profile("few", sources=("hf",))
    with Store(tmp_path / "paperround.db") as store:
        desk = Desk(store, a_profile("first"), few, a_profile("second"))
        desk.sources.append(a_source("hf"))
        desk.came(1, 2)
        desk.came(3, source="hf")
        assert [each.new for each in await desk.make()] == [3, 1, 3]


async def test_a_profile_that_is_not_due_keeps_no_other_waiting(tmp_path):
    late, early = a_profile("late", at="22:00"), a_profile("early")
    with Store(tmp_path / "paperround.db") as store:
        desk = Desk(store, late, early)
        desk.came(1)
        assert [made.profile for made in await desk.make(NOW + 6 * HOUR)] == ["early"]


# ── Since the last ────────────────────────────────────────────────────────────────────────────────


async def test_each_edition_holds_what_came_since_the_last(desk):
    desk.came(1, 2)
    (first,) = await desk.make()
    desk.came(3, now=NOW + HOUR)
    (second,) = await desk.make(NOW + DAY)
    (third,) = await desk.make(NOW + 2 * DAY)
    assert [_picked(made) for made in (first, second, third)] == [{1, 2}, {3}, set()]
    assert [made.edition.considered for made in (first, second, third)] == [2, 1, 0]


async def test_a_missed_week_is_caught_up_in_one_edition(desk):
    desk.came(1)
    await desk.make()
    for day in range(1, 11):
        desk.came(1 + day, now=NOW + day * DAY)
    (made,) = await desk.make(NOW + 11 * DAY)
    assert _picked(made) == set(range(2, 12))
    assert await desk.make(NOW + 11 * DAY) == []


async def test_an_edited_profile_applies_to_what_comes_after(desk):
    desk.came(1)
    desk.edits(keywords=("knitting",))
    (before,) = await desk.make()
    desk.edits(keywords=("experts",))
    desk.came(2)
    (after,) = await desk.make(NOW + DAY)
    assert (_picked(before), _picked(after)) == (set(), {2})
    assert before.edition.fingerprint != after.edition.fingerprint


async def test_what_was_replaced_since_it_was_picked_is_told_and_told_once(desk):
    desk.came(1)
    await desk.make()
    newer = a_paper(arxiv(1), title="Experts, revised", version=2)
    absorb(desk.store, shown(newer, Event.REPLACE), now=NOW + HOUR)
    (made,) = await desk.make(NOW + DAY)
    assert [(p.paper, p.role, p.version) for p in made.edition.picks] == [(1, Role.UPDATE, 2)]
    (made,) = await desk.make(NOW + 2 * DAY)
    assert made.edition.picks == ()


async def test_the_best_come_first_and_no_more_than_the_limit(desk):
    desk.edits(keywords=("experts", "routing^3"), limit=2)
    absorb(
        desk.store,
        a_paper(arxiv(1), title="Experts"),
        a_paper(arxiv(2), title="Routing experts"),
        a_paper(arxiv(3), title="Routing"),
        a_paper(arxiv(4), title="Knitting"),
    )
    (made,) = await desk.make()
    assert [pick.paper for pick in made.edition.picks] == [2, 3]
    assert made.edition.considered == 4


async def test_a_profile_of_some_sources_sees_only_theirs(desk):
    desk.edits(sources=("hf",))
    desk.came(1, source="arxiv")
    desk.came(2, source="hf")
    (made,) = await desk.make()
    assert _picked(made) == {2}


async def test_an_example_that_is_not_stored_is_named(desk):
    desk.edits(like=("arXiv:2611.00404", "arXiv:2611.00001"))
    desk.came(1)
    (made,) = await desk.make()
    assert made.missing == ("arXiv:2611.00404",)


# ── Day one ───────────────────────────────────────────────────────────────────────────────────────


async def test_the_first_edition_is_the_best_of_the_last_seven_days(desk):
    for days in (20, 8, 6, 3, 0):
        desk.came(days + 1, now=NOW - days * DAY - HOUR)
    (made,) = await desk.make()
    titles = {p.title for p in desk.store.papers(_picked(made)).values()}
    assert titles == {"Experts 7", "Experts 4", "Experts 1"}


async def test_the_first_edition_waits_until_a_source_has_answered(desk):
    assert await desk.make() == []
    failing = SourceState("arxiv", failures=1, failing_since=NOW, error="could not be reached")
    desk.store.save_source_state(failing)
    assert await desk.make(NOW + HOUR) == [], "an outage is no first edition"
    desk.came(1, now=NOW + 2 * HOUR)
    (made,) = await desk.make(NOW + 2 * HOUR)
    assert made.new == 1


async def test_the_first_edition_of_a_quiet_source_is_an_empty_one(desk):
    desk.came()
    (made,) = await desk.make()
    assert (made.edition.number, made.edition.picks) == (1, ())


async def test_force_does_not_wait(desk):
    (made,) = await desk.make(force=["experts"])
    assert (made.edition.number, made.edition.forced) == (1, True)
    desk.came(1)
    (due,) = await desk.make(NOW + HOUR)
    assert (due.edition.period, due.new) == (TODAY, 1), "and it spends no day"


# ── The sources ───────────────────────────────────────────────────────────────────────────────────


def _failing(since) -> SourceState:
    return SourceState(
        "arxiv", "f", failures=9, failing_since=since, last_ok=since, error="could not be reached"
    )


async def test_an_edition_tells_how_its_sources_stood_and_when_they_are_back(desk):
    desk.came(1)
    (first,) = await desk.make()
    desk.store.save_source_state(_failing(NOW))
    (second,) = await desk.make(NOW + DAY)
    desk.came(2, now=NOW + DAY + HOUR)
    (third,) = await desk.make(NOW + 2 * DAY)
    (fourth,) = await desk.make(NOW + 3 * DAY)
    told = [made.edition.health[0].weather for made in (first, second, third, fourth)]
    assert told[:3] == [Weather.FINE, Weather.FAILED, Weather.RECOVERED]
    assert told[3] not in (Weather.FAILED, Weather.RECOVERED)
    assert "could not be reached" in second.edition.health[0].detail


async def test_only_the_profiles_own_sources_are_told(desk):
    desk.sources = [a_source("arxiv"), a_source("hf"), a_source("off", enabled=False)]
    desk.edits(sources=("hf",))
    desk.came(1, source="hf")
    (made,) = await desk.make()
    assert [note.source for note in made.edition.health] == ["hf"]


# ── Looking ahead ─────────────────────────────────────────────────────────────────────────────────


async def test_looking_at_the_next_edition_changes_nothing(desk):
    desk.came(1, 2)
    profile = desk.profiles["experts"]
    for _ in range(2):
        ranked, news, considered = await ranked_now(profile, desk.store, WORKERS, NOW, None)
        assert {each.paper.id for each in ranked} == {1, 2}
        assert (news, considered) == ([], 2)
    (made,) = await desk.make()
    assert [pick.paper for pick in made.edition.picks] == [each.paper.id for each in ranked]


async def test_looking_at_some_days_shows_also_what_was_picked(desk):
    desk.came(1, now=NOW - 3 * DAY)
    desk.came(2)
    await desk.make()
    profile = desk.profiles["experts"]
    ranked, _, considered = await ranked_now(profile, desk.store, WORKERS, NOW, NOW - 2 * DAY)
    assert ({each.paper.id for each in ranked}, considered) == ({2}, 1)
    ranked, _, considered = await ranked_now(profile, desk.store, WORKERS, NOW, NOW - 9 * DAY)
    assert ({each.paper.id for each in ranked}, considered) == ({1, 2}, 2)
