"""What an edition holds, and what one subscriber's digest holds."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot import digest
from bot.config import Profile
from bot.digest import Owed
from bot.models import (
    DeliveredPick,
    Edition,
    Event,
    Had,
    News,
    Origin,
    Pick,
    Ranked,
    Role,
    SourceNote,
    Subscription,
    SubscriptionStatus,
    Told,
    Weather,
)
from support_round import NOW, TODAY, a_paper, a_profile, arxiv, new_pick

REPLACED = (Event.REPLACE,)

# ── Editions ──────────────────────────────────────────────────────────────────────────────────────


def _paper(number: int, version: int = 1):
    paper = a_paper(arxiv(number), version=version)
    return type(paper)(**{n: getattr(paper, n) for n in paper.__slots__ if n != "id"}, id=number)


def _ranked(*scores: float, always: tuple[int, ...] = ()) -> list[Ranked]:
    papers = [
        Ranked(_paper(n), s, (), n in always, probability=min(max(s, 0.0), 1.0))
        for n, s in enumerate(scores, start=1)
    ]
    return sorted(papers, key=lambda ranked: -ranked.score)


def _replaced(number: int, version: int = 2, *events: Event) -> News:
    return News(_paper(number, version), events or (Event.REPLACE,))


def _picks(ranked, news=(), **profile):
    return digest.picks(a_profile(**profile), ranked, news)


def test_the_best_are_picked_in_their_order_up_to_the_limit():
    picks = _picks(_ranked(1.0, 3.0, 2.0), limit=2)
    assert [(p.position, p.paper, p.score) for p in picks] == [(1, 2, 3.0), (2, 3, 2.0)]


def test_below_the_threshold_nothing_is_picked_but_what_is_insisted_on():
    ranked = _ranked(0.9, 0.2, 0.1, always=(3,))
    picks = _picks(ranked, threshold=0.5)
    assert [p.paper for p in picks] == [1, 3]


def test_what_is_insisted_on_stands_before_the_cut_and_in_its_place_by_score():
    picks = _picks(_ranked(4.0, 3.0, 2.0, 1.0, always=(4,)), limit=2)
    assert [p.paper for p in picks] == [1, 4]


def test_what_was_replaced_comes_after_and_counts_against_no_limit():
    picks = _picks(_ranked(1.0), [_replaced(9, 2), _replaced(8, 3)], limit=1)
    assert [(p.position, p.paper, p.role, p.version) for p in picks] == [
        (1, 1, Role.NEW, 1), (2, 8, Role.UPDATE, 3), (3, 9, Role.UPDATE, 2),
    ]  # fmt: skip


def test_what_is_picked_as_new_is_not_told_as_replaced_too():
    assert [p.role for p in _picks(_ranked(1.0), [_replaced(1)])] == [Role.NEW]


@given(
    st.lists(st.tuples(st.floats(-1, 2), st.booleans()), max_size=30),
    st.integers(1, 10),
    st.floats(0, 0.99),
    st.sets(st.integers(1, 40), max_size=10),
)
def test_an_edition_keeps_its_laws_whatever_is_ranked(papers, limit, threshold, replaced):
    ranked = _ranked(
        *(score for score, _ in papers),
        always=tuple(n for n, (_, always) in enumerate(papers, start=1) if always),
    )
    again = [_replaced(number) for number in replaced]
    picks = _picks(ranked, again, limit=limit, threshold=threshold)
    new = [p for p in picks if p.role is Role.NEW]
    assert [p.position for p in picks] == list(range(1, len(picks) + 1))
    assert len({p.paper for p in picks}) == len(picks)
    assert len(new) == min(limit, sum(r.always or r.probability >= threshold for r in ranked))
    assert [p.score for p in new] == sorted((p.score for p in new), reverse=True)
    assert {p.paper for p in picks if p.role is Role.UPDATE} == replaced - {p.paper for p in new}


# ── How the sources stand ─────────────────────────────────────────────────────────────────────────


def _note(weather: Weather, source: str = "hf") -> SourceNote:
    return SourceNote(source, weather, "words")


def _edition(number: int, *picks: Pick, profile: str = "experts", weather: Weather = Weather.FINE):
    return Edition(
        profile=profile,
        number=number,
        period=TODAY + timedelta(days=number),
        through=0,
        made_at=NOW,
        picks=picks,
        health=(_note(weather),),
        id=number + (1000 if profile != "experts" else 0),
    )


def _weathers(*raw: Weather) -> list[Weather]:
    """Make an edition a day; return how each tells the source."""
    told, last = [], None
    for number, weather in enumerate(raw, start=1):
        (note,) = digest.health(last, [_note(weather)])
        last = _edition(number, weather=note.weather)
        told.append(note.weather)
    return told


def test_a_source_that_answers_again_has_recovered_once():
    failed, fine, quiet = Weather.FAILED, Weather.FINE, Weather.QUIET
    assert _weathers(fine, failed, failed, fine, fine) == [
        fine, failed, failed, Weather.RECOVERED, fine,
    ]  # fmt: skip
    assert _weathers(failed, quiet, quiet) == [failed, Weather.RECOVERED, quiet]


@pytest.mark.parametrize(
    ("before", "now", "news"),
    [
        (None, Weather.FINE, False),
        (None, Weather.FAILED, True),
        (Weather.FINE, Weather.FAILED, True),
        (Weather.FAILED, Weather.FAILED, False),
        (Weather.FAILED, Weather.RECOVERED, True),
        (Weather.RECOVERED, Weather.FINE, False),
        (Weather.RECOVERED, Weather.FAILED, True),
        (Weather.FINE, Weather.STALE, False),
        (Weather.FINE, Weather.HOLIDAY, False),
    ],
)
def test_failing_and_recovering_are_news_and_nothing_else_is(before, now, news):
    previous = _edition(1, weather=before) if before else None
    assert digest.news_of_health(_edition(2, weather=now), previous) is news


# ── Digests ───────────────────────────────────────────────────────────────────────────────────────


def _owed(*editions: Edition, profile: str = "experts", limit: int = 0, before=None) -> Owed:
    number = 1 if profile == "experts" else 2
    subscription = Subscription(
        number, 1, "ada@example.org", profile, SubscriptionStatus.CONFIRMED, Origin.SELF, 0,
        limit=limit,
    )  # fmt: skip
    return Owed(subscription, "2026-11-20", editions, before)


def _profiles(**said) -> dict[str, Profile]:
    return {name: a_profile(name, **said) for name in ("experts", "others")}


def _new(*papers: int) -> tuple[Pick, ...]:
    return tuple(new_pick(at, paper, 1 / at) for at, paper in enumerate(papers, start=1))


def _update(at: int, paper: int, *told: Event, version: int = 2) -> Pick:
    return Pick(at, paper, Role.UPDATE, version, told=told)


def _had(*papers: int) -> Had:
    return Had(dict.fromkeys(papers, Told()))


def _papers(plan) -> list[int]:
    return [pick.paper for pick in plan.picks]


def test_a_digest_holds_the_picks_of_all_editions_since_the_last_best_first():
    monday = _edition(1, new_pick(1, 11, 0.9), new_pick(2, 12, 0.2))
    tuesday = _edition(2, new_pick(1, 13, 0.7), new_pick(2, 14, 0.1))
    plan = digest.fill([_owed(monday, tuesday)], _profiles(), Had())
    assert _papers(plan) == [11, 13, 12, 14]
    assert plan.editions == (1, 2)
    assert plan.cursors == ((1, 2),)
    assert plan.slots == ((1, "2026-11-20"),)


def test_what_was_had_is_not_shown_again():
    assert _papers(digest.fill([_owed(_edition(1, *_new(1, 2, 3)))], _profiles(), _had(2))) == [
        1,
        3,
    ]


def test_a_paper_that_two_profiles_picked_stands_in_the_first():
    plan = digest.fill(
        [_owed(_edition(1, *_new(1, 2))),
         _owed(_edition(1, *_new(2, 3), profile="others"), profile="others")],
        _profiles(), Had(),
    )  # fmt: skip
    assert [(p.edition, p.paper) for p in plan.picks] == [(1, 1), (1, 2), (1001, 3)]


def test_what_one_section_has_no_room_for_another_may_show():
    plan = digest.fill(
        [_owed(_edition(1, *_new(1, 2, 3)), limit=1),
         _owed(_edition(1, *_new(3), profile="others"), profile="others")],
        _profiles(), Had(),
    )  # fmt: skip
    assert _papers(plan) == [1, 3]
    assert plan.overflow == 1


def test_a_subscribers_own_limit_comes_before_the_profiles():
    edition = _edition(1, *_new(1, 2, 3, 4))
    assert _papers(digest.fill([_owed(edition, limit=3)], _profiles(limit=2), Had())) == [1, 2, 3]
    plan = digest.fill([_owed(edition)], _profiles(limit=2), Had())
    assert (_papers(plan), plan.overflow) == ([1, 2], 2)


def test_a_replacement_is_told_to_those_only_who_had_the_paper():
    edition = _edition(1, *_new(1), _update(2, 7), _update(3, 8))
    plan = digest.fill([_owed(edition)], _profiles(), _had(7))
    assert plan.picks == (DeliveredPick(1, 1), DeliveredPick(1, 7, Role.UPDATE, REPLACED))


def test_a_paper_replaced_twice_is_told_once_by_the_latest_word():
    plan = digest.fill(
        [_owed(_edition(1, *_new(1), _update(2, 7)), _edition(2, _update(1, 7)))],
        _profiles(),
        _had(7),
    )
    assert plan.picks == (DeliveredPick(1, 1), DeliveredPick(2, 7, Role.UPDATE, REPLACED))


def _told(plan) -> dict[int, tuple[Event, ...]]:
    return {pick.paper: pick.told for pick in plan.picks if pick.role is Role.UPDATE}


WITHDRAWN, PUBLISHED, CODE = Event.WITHDRAWN, Event.PUBLISHED, Event.CODE


def test_all_that_several_editions_tell_of_a_paper_is_one_line():
    plan = digest.fill(
        [_owed(_edition(1, *_new(1), _update(2, 7, PUBLISHED)),
               _edition(2, _update(1, 7, CODE, Event.REPLACE)))],
        _profiles(), _had(7),
    )  # fmt: skip
    assert plan.picks[1:] == (DeliveredPick(2, 7, Role.UPDATE, (PUBLISHED, CODE, Event.REPLACE)),)


def test_what_another_profile_told_this_reader_is_not_told_again():
    edition = _edition(1, *_new(1), _update(2, 7, PUBLISHED, CODE), _update(3, 8, Event.REPLACE))
    had = Had({7: Told(1, frozenset({PUBLISHED})), 8: Told(2)})
    assert _told(digest.fill([_owed(edition)], _profiles(), had)) == {7: (CODE,)}
    had = Had({7: Told(1, frozenset({PUBLISHED, CODE})), 8: Told(1)})
    assert _told(digest.fill([_owed(edition)], _profiles(), had)) == {8: (Event.REPLACE,)}


def test_who_is_shown_a_paper_now_knows_what_later_editions_tell_of_it():
    plan = digest.fill([_owed(_edition(1, *_new(1)), _edition(2, _update(1, 1, CODE)))],
                       _profiles(), Had())  # fmt: skip
    assert plan.picks == (DeliveredPick(1, 1, Role.NEW, (CODE,)),)


def test_what_was_withdrawn_stands_first_among_the_news():
    edition = _edition(1, *_new(1), _update(2, 7, CODE), _update(3, 8, WITHDRAWN))
    plan = digest.fill([_owed(edition)], _profiles(), _had(7, 8))
    assert list(_told(plan)) == [8, 7]
    picks = _picks(_ranked(1.0), [_replaced(8, 2, CODE), _replaced(9, 2, WITHDRAWN)])
    assert [pick.paper for pick in picks] == [1, 9, 8]


def test_a_withdrawal_does_not_wait_for_a_day_with_new_papers():
    plan = digest.fill([_owed(_edition(1, _update(1, 7, WITHDRAWN)))], _profiles(), _had(7))
    assert (plan.skip, _told(plan)) == ("", {7: (WITHDRAWN,)})
    assert digest.fill([_owed(_edition(1, _update(1, 7, CODE)))], _profiles(), _had(7)).skip


def test_what_was_withdrawn_is_never_offered_as_new():
    gone = _ranked(1.0, 2.0, always=(2,))
    gone = [
        replace(r, paper=replace(r.paper, notice="withdrawn")) for r in gone if r.always
    ] + gone[1:]
    assert [pick.paper for pick in _picks(gone)] == [1]
    plan = digest.fill([_owed(_edition(1, *_new(1, 2, 3)))], _profiles(limit=2), Had(), {2})
    assert (_papers(plan), plan.overflow) == ([1, 3], 0), "nor counted"
    assert digest.fill([_owed(_edition(1, *_new(2)))], _profiles(), Had(), {2}).skip


updates = st.lists(
    st.tuples(
        st.sampled_from(["experts", "others"]), st.integers(1, 3),
        st.sets(st.sampled_from([WITHDRAWN, PUBLISHED, CODE, Event.REPLACE]), min_size=1),
        st.integers(1, 4), st.booleans(),
    ),
    max_size=12,
)  # fmt: skip


@given(updates)
@example([
    ("experts", 2, {Event.REPLACE}, 2, True),
    ("experts", 2, {Event.REPLACE}, 3, False),
    ("experts", 2, {CODE}, 2, True),
    ("experts", 2, {Event.REPLACE}, 3, True),
])  # fmt: skip
def test_whatever_two_profiles_tell_at_whatever_cadence_a_reader_hears_each_thing_once(told):
    """Editions come one by one; where the flag is set a digest is due, of all that is owed by then."""
    had = {paper: Told(1) for paper in (1, 2, 3)}
    heard: list[tuple[int, Event, int]] = []
    owed: dict[str, list[Edition]] = {"experts": [], "others": []}
    versions: dict[int, int] = {}
    for number, (profile, paper, events, version, due) in enumerate(told, start=1):
        update = _update(1, paper, *events, version=version)
        owed[profile].append(_edition(number, update, profile=profile))
        versions[owed[profile][-1].id] = version
        if not due and number < len(told):
            continue
        sections = [_owed(*editions, profile=name) for name, editions in owed.items()]
        plan = digest.fill(sections, _profiles(empty="note"), Had(had))
        assert len({pick.paper for pick in plan.picks}) == len(plan.picks), "a line a paper"
        for pick in plan.picks:
            this, known = versions[pick.edition], had[pick.paper]
            heard += [(pick.paper, event, this if event is Event.REPLACE else 0)
                      for event in pick.told]  # fmt: skip
            had[pick.paper] = Told(max(known.version, this), known.events.union(pick.told))
        owed = {"experts": [], "others": []}
    assert len(heard) == len(set(heard))
    assert {(p, e) for p, e, _ in heard if e is not Event.REPLACE} == {
        (paper, event) for _, paper, events, _, _ in told for event in events - {Event.REPLACE}
    }


def test_what_was_told_of_a_replaced_paper_is_not_told_again():
    editions = _edition(1, *_new(1), _update(2, 7)), _edition(2, _update(1, 8))
    had = Had(dict.fromkeys((7, 8), Told()), frozenset({(1, 7)}))
    assert _papers(digest.fill([_owed(*editions)], _profiles(), had)) == [1, 8]


def test_a_quiet_day_is_skipped_and_moves_no_cursor():
    plan = digest.fill([_owed(_edition(1))], _profiles(), Had())
    assert plan.skip == "nothing new"
    assert (plan.picks, plan.cursors, plan.editions) == ((), (), ())
    assert plan.slots == ((1, "2026-11-20"),)


def test_replaced_papers_alone_wait_for_the_next_digest():
    quiet = _edition(1, _update(1, 7))
    assert digest.fill([_owed(quiet)], _profiles(), _had(7)).skip
    plan = digest.fill([_owed(quiet, _edition(2, *_new(1)))], _profiles(), _had(7))
    assert _papers(plan) == [1, 7]


def test_a_quiet_day_is_mailed_to_who_wants_a_note():
    plan = digest.fill([_owed(_edition(1))], _profiles(empty="note"), Had())
    assert (plan.skip, plan.picks, plan.cursors) == ("", (), ((1, 1),))


def test_a_note_needs_an_edition():
    assert digest.fill([_owed()], _profiles(empty="note"), Had()).skip == "nothing new"


def test_an_edition_that_is_owed_again_for_its_papers_tells_its_news_no_second_time():
    failed = _edition(1, weather=Weather.FAILED)
    told = Had(editions=frozenset({failed.id}))
    assert not digest.fill([_owed(failed)], _profiles(), Had()).skip
    assert digest.fill([_owed(failed)], _profiles(), told).skip
    assert digest.fill([_owed(failed)], _profiles(empty="note"), told).skip


def test_a_failed_source_is_mailed_once_and_once_when_it_is_back():
    failed, fine, back = Weather.FAILED, Weather.FINE, Weather.RECOVERED
    editions = [
        _edition(n, weather=w) for n, w in enumerate((fine, failed, failed, back, fine), start=1)
    ]
    mailed, cursor = [], 0
    for today in range(1, 6):
        owed = editions[cursor:today]
        plan = digest.fill(
            [_owed(*owed, before=editions[cursor - 1] if cursor else None)], _profiles(), Had()
        )
        if not plan.skip:
            mailed.append(today)
            cursor = plan.cursors[0][1]
    assert mailed == [2, 4]


editions = st.lists(
    st.lists(
        st.tuples(st.integers(1, 12), st.floats(0.1, 9), st.sampled_from([Role.NEW, Role.UPDATE])),
        max_size=6,
        unique_by=lambda pick: pick[0],
    ),
    max_size=3,
)


def _made(picks, profile) -> list[Edition]:
    return [
        _edition(
            number,
            *(Pick(at, paper, role, 1, score)
              for at, (paper, score, role) in enumerate(each, start=1)),
            profile=profile,
        )
        for number, each in enumerate(picks, start=1)
    ]  # fmt: skip


@given(editions, editions, st.sets(st.integers(1, 12)), st.integers(1, 4), st.integers(0, 4))
def test_a_digest_keeps_its_laws_whatever_is_owed(one, other, had, limit, own):
    owed = [
        _owed(*_made(one, "experts"), limit=own),
        _owed(*_made(other, "others"), profile="others"),
    ]
    plan = digest.fill(owed, _profiles(limit=limit), _had(*had))
    assert len(set(_papers(plan))) == len(plan.picks), "never a paper twice"
    new = [p for p in plan.picks if p.role is Role.NEW]
    assert not {p.paper for p in new} & had, "nothing they had"
    assert {p.paper for p in plan.picks if p.role is Role.UPDATE} <= had
    for each in owed:
        ids = {e.id for e in each.editions}
        room = each.subscription.limit or limit
        assert sum(p.edition in ids for p in new) <= room
    owing = {
        pick.paper
        for each in owed
        for edition in each.editions
        for pick in edition.picks
        if pick.role is Role.NEW
    } - had
    if plan.skip:
        assert not owing
        assert (plan.picks, plan.cursors, plan.overflow) == ((), (), 0)
    else:
        assert len(new) + plan.overflow == len(owing), "what is not shown is counted"
        ends = {each.subscription.id: each.editions[-1].number for each in owed if each.editions}
        assert dict(plan.cursors) == ends


@given(editions, editions, st.sets(st.integers(1, 12)), st.integers(1, 4), st.integers(0, 4))
def test_mails_apart_hold_what_one_mail_would(one, other, had, limit, own):
    owed = [
        _owed(*_made(one, "experts"), limit=own),
        _owed(*_made(other, "others"), profile="others"),
    ]
    known = _had(*had)
    joined = digest.fill(owed, _profiles(limit=limit, empty="note"), known)
    apart = digest.fill_apart(owed, _profiles(limit=limit, empty="note"), known)
    assert [plan.subscription for plan in apart] == [1, 2]
    assert [slot for plan in apart for slot in plan.slots] == list(joined.slots)
    new = [pick for plan in apart for pick in plan.picks if pick.role is not Role.UPDATE]
    assert new == [pick for pick in joined.picks if pick.role is not Role.UPDATE]
    ids = [{edition.id for edition in each.editions} for each in owed]
    for plan, its in zip(apart, ids, strict=True):
        assert {pick.edition for pick in plan.picks} <= its, "each under its own profile"
    told = [(p.paper, event) for plan in apart for p in plan.picks
            if p.role is Role.UPDATE for event in p.told]  # fmt: skip
    assert len(told) == len(set(told)), "no news twice"
    assert set(told) == {(p.paper, event) for p in joined.picks
                         if p.role is Role.UPDATE for event in p.told}  # fmt: skip


@given(updates)
def test_whatever_two_profiles_tell_no_mail_apart_repeats_another(told):
    had = {paper: Told(1) for paper in (1, 2, 3)}
    owed: dict[str, list[Edition]] = {"experts": [], "others": []}
    for number, (profile, paper, events, version, _) in enumerate(told, start=1):
        update = _update(1, paper, *events, version=version)
        owed[profile].append(_edition(number, update, profile=profile))
    sections = [_owed(*made, profile=name) for name, made in owed.items()]
    plans = digest.fill_apart(sections, _profiles(empty="note"), Had(had))
    heard = [(p.paper, event) for plan in plans for p in plan.picks
             for event in p.told if event is not Event.REPLACE]  # fmt: skip
    assert len(heard) == len(set(heard))
    assert set(heard) == {
        (paper, event) for _, paper, events, _, _ in told for event in events - {Event.REPLACE}
    }


# ── Folded papers ─────────────────────────────────────────────────────────────────────────────────


def _folded(score: float, number: int, *followers: int) -> Ranked:
    like_it = tuple(Ranked(_paper(each), score / 2) for each in followers)
    return Ranked(_paper(number), score, (), folded=like_it)


def test_what_is_folded_into_a_paper_follows_it_and_takes_no_place():
    picks = _picks([_folded(3.0, 1, 5, 6), _folded(2.0, 2), _folded(1.0, 3, 7)], limit=2)
    assert [(p.position, p.paper, p.role) for p in picks] == [
        (1, 1, Role.NEW), (2, 5, Role.FOLDED), (3, 6, Role.FOLDED), (4, 2, Role.NEW),
    ]  # fmt: skip


def _group(*papers: int) -> list[Pick]:
    return [Pick(0, paper, Role.FOLDED if at else Role.NEW) for at, paper in enumerate(papers)]


def _roles_told(plan) -> list[tuple[int, Role]]:
    return [(p.paper, p.role) for p in plan.picks]


def test_a_digest_tells_of_them_with_their_paper_and_they_count_as_had():
    edition = _edition(1, *_group(1, 5, 6), *_group(2))
    plan = digest.fill([_owed(edition)], _profiles(limit=1), Had())
    assert _roles_told(plan) == [(1, Role.NEW), (5, Role.FOLDED), (6, Role.FOLDED)]
    assert plan.overflow == 1
    again = digest.fill([_owed(edition)], _profiles(limit=5), Had(frozenset({1, 5, 6})))
    assert _roles_told(again) == [(2, Role.NEW)]


def test_where_their_paper_was_had_the_first_of_them_is_new_and_leads_the_others():
    edition = _edition(1, *_group(1, 5, 6))
    plan = digest.fill([_owed(edition)], _profiles(limit=5), Had(frozenset({1})))
    assert _roles_told(plan) == [(5, Role.NEW), (6, Role.FOLDED)]


def test_what_two_editions_folded_is_told_with_the_first():
    editions = [_edition(1, *_group(1, 5)), _edition(2, *_group(2, 5))]
    plan = digest.fill([_owed(*editions)], _profiles(limit=5), Had())
    assert _roles_told(plan) == [(1, Role.NEW), (5, Role.FOLDED), (2, Role.NEW)]


def test_what_stood_folded_in_one_section_is_not_new_in_the_next():
    one = _edition(1, *_group(1, 5))
    other = _edition(1, *_group(5), *_group(7), profile="others")
    owed = [_owed(one), _owed(other, profile="others")]
    plan = digest.fill(owed, _profiles(limit=5), Had())
    assert _roles_told(plan) == [(1, Role.NEW), (5, Role.FOLDED), (7, Role.NEW)]


@given(
    st.lists(
        st.lists(st.lists(st.integers(1, 15), min_size=1, max_size=4), max_size=3), max_size=3
    ),
    st.sets(st.integers(1, 15)),
)
def test_whatever_is_folded_is_told_once_and_never_lost(days, had):
    seen: set[int] = set()
    editions = []
    for number, groups in enumerate(days, start=1):
        picks = []
        for group in groups:
            fresh = [paper for paper in dict.fromkeys(group) if paper not in seen]
            seen.update(fresh)
            picks += _group(*fresh)
        editions.append(_edition(number, *picks))
    plan = digest.fill([_owed(*editions)], _profiles(limit=50), Had(frozenset(had)))
    assert sorted(p.paper for p in plan.picks) == sorted(seen - had)
    leads = [p.edition for p in plan.picks if p.role is Role.NEW]
    assert all(p.edition in leads for p in plan.picks)
