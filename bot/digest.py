"""Decisions: what an edition holds, and what one subscriber's digest holds."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from bot import lifecycle
from bot.models import (
    DeliveredPick,
    Delivery,
    DigestPlan,
    Edition,
    Event,
    Had,
    News,
    Pick,
    Ranked,
    Role,
    SourceNote,
    Subscription,
    Told,
    Weather,
)
from bot.values import value_type

if TYPE_CHECKING:
    from bot.config import Profile

Choose = Callable[[Sequence[Ranked], int], Sequence[Ranked]]
"""(papers best first, places) → those that have a place, best first."""

# ── Editions ──────────────────────────────────────────────────────────────────────────────────────


def picks(
    profile: Profile,
    ranked: Sequence[Ranked],
    news: Sequence[News],
    choose: Choose = lambda ranked, places: ranked[:places],
) -> tuple[Pick, ...]:
    """Return an edition's picks: the best first, then those it picked before that there is news of.

    `ranked` is best first. Papers the profile insists on pass the threshold and stand before the
    cut; of the others `choose` says which have a place. What is folded into a paper follows it. `news`
    doesn't count against the limit, what was withdrawn before all else. Nothing that is withdrawn is
    ever new.
    """
    ranked = [r for r in ranked if not lifecycle.is_withdrawn(r.paper)]
    wanted = [r for r in ranked if r.always or r.probability >= profile.threshold]
    insisted = [r for r in wanted if r.always][: profile.limit]
    others = choose([r for r in wanted if not r.always], profile.limit - len(insisted))
    chosen = {id(r) for r in (*insisted, *others)}
    best = [r for r in ranked if id(r) in chosen]
    told = [(role, r) for leader in best for role, r in _with_its_like(leader)]
    new = [
        Pick(
            at,
            r.paper.id,
            role,
            r.paper.version,
            r.score,
            tuple(r.reasons),
            lifecycle.told_by(r.paper),
        )
        for at, (role, r) in enumerate(told, start=1)
    ]
    known = {pick.paper for pick in new}
    again = [each for each in news if each.paper.id not in known]
    again.sort(key=lambda each: (Event.WITHDRAWN not in each.events, each.paper.id))
    updates = [
        Pick(at, each.paper.id, Role.UPDATE, each.paper.version, told=each.events)
        for at, each in enumerate(again, start=len(new) + 1)
    ]
    return (*new, *updates)


def _with_its_like(leader: Ranked) -> list[tuple[Role, Ranked]]:
    return [(Role.NEW, leader), *((Role.FOLDED, follower) for follower in leader.folded)]


def health(previous: Edition | None, notes: Sequence[SourceNote]) -> tuple[SourceNote, ...]:
    """Return an edition's source notes; a source that failed in the previous one has recovered."""
    failed = _failed_in(previous)
    return tuple(
        replace(
            note,
            weather=Weather.RECOVERED,
            detail=note.detail if note.weather is Weather.INCOMPLETE else "",
        )
        if note.source in failed and note.weather is not Weather.FAILED
        else note
        for note in notes
    )


def news_of_health(edition: Edition, previous: Edition | None) -> bool:
    """Whether a source newly failed or recovered: that is mailed once, whatever `empty` says."""
    failed = _failed_in(previous)
    return any(
        note.weather is Weather.RECOVERED
        or (note.weather is Weather.FAILED and note.source not in failed)
        for note in edition.health
    )


def _failed_in(edition: Edition | None) -> set[str]:
    notes = edition.health if edition else ()
    return {note.source for note in notes if note.weather is Weather.FAILED}


# ── Digests ───────────────────────────────────────────────────────────────────────────────────────


@value_type(frozen=True, slots=True)
class Owed:
    """What one subscription is owed in one slot: the editions since its last digest, oldest first.

    `before` is the edition before the first of them, to tell news of the sources' health from old.
    """

    subscription: Subscription
    period: str
    editions: tuple[Edition, ...]
    before: Edition | None = None


def fill(
    owed: Sequence[Owed],
    profiles: Mapping[str, Profile],
    had: Had,
    withdrawn: Collection[int] = (),
) -> DigestPlan:
    """Return one subscriber's digest: a section a profile, best first, nothing they had before.

    `owed` is in the order of the sections and not empty; `withdrawn` are the papers that are no longer
    offered as new. A paper that two profiles picked stands in the first that has room for it; news of
    a paper they had is one line, whichever profiles tell it. Where there is nothing to say the plan
    has a `skip`, and moves no cursor: news waits for the next digest. Only that a paper was withdrawn
    does not wait.
    """
    return _fill([owed], profiles, had, withdrawn)[0]


def fill_apart(
    owed: Sequence[Owed],
    profiles: Mapping[str, Profile],
    had: Had,
    withdrawn: Collection[int] = (),
) -> list[DigestPlan]:
    """Return the digests of a subscriber who wants one for each profile: a plan for each of `owed`.

    They show the papers that one for all would, each under the same profile; what one of them tells,
    no later one does. So they are to be opened in this order, and none without those before it.
    """
    plans = _fill([[each] for each in owed], profiles, had, withdrawn)
    return [
        replace(plan, subscription=each.subscription.id)
        for each, plan in zip(owed, plans, strict=True)
    ]


def _fill(
    mails: Sequence[Sequence[Owed]],
    profiles: Mapping[str, Profile],
    had: Had,
    withdrawn: Collection[int],
) -> list[DigestPlan]:
    """Return a plan for each mail, as if their sections stood below one another in one."""
    everything = [edition for owed in mails for each in owed for edition in each.editions]
    # One edition's picks say it themselves.
    told = _told_by(everything) if len(everything) > 1 else {}
    shown: set[int] = set()
    sections = []
    for owed in mails:
        lines, cut = _sections(owed, profiles, had, withdrawn, told, shown)
        sections.append((owed, lines, cut))
    plans = []
    for owed, lines, cut in sections:
        editions = [edition for each in owed for edition in each.editions]
        news = _news(editions, had) if had.papers else []
        # Another section may have had room for what was cut: that is shown.
        plans.append(_plan(owed, profiles, [*lines, *news], len(cut - shown), had))
        if news and plans[-1].picks:
            had = _knowing(had, news, editions)
    return plans


def _sections(
    owed: Sequence[Owed],
    profiles: Mapping[str, Profile],
    had: Had,
    withdrawn: Collection[int],
    told: Mapping[int, tuple[Event, ...]],
    shown: set[int],
) -> tuple[list[DeliveredPick], set[int]]:
    """Return a mail's new papers, and those that it has no room for; add the former to `shown`."""
    picked: list[DeliveredPick] = []
    cut: set[int] = set()
    for each in owed:
        limit = each.subscription.limit or profiles[each.subscription.profile].limit
        known = shown.union(had.papers, withdrawn)
        offered = [_led_by_unknown(edition, known) for edition in each.editions]
        new = _new_picks(offered, known, told)
        lines = _with_folded(new[:limit], offered, known, told)
        picked += lines
        shown |= {pick.paper for pick in lines}
        cut |= {pick.paper for pick in new[limit:]}
    return picked, cut


def _plan(
    owed: Sequence[Owed],
    profiles: Mapping[str, Profile],
    picked: Sequence[DeliveredPick],
    overflow: int,
    had: Had,
) -> DigestPlan:
    skip = _reason_to_skip(owed, profiles, picked, had)
    first = owed[0].subscription
    return DigestPlan(
        subscriber=first.subscriber,
        address=first.address,
        slots=tuple((each.subscription.id, each.period) for each in owed),
        cursors=() if skip else tuple(
            (each.subscription.id, each.editions[-1].number) for each in owed if each.editions
        ),
        picks=() if skip else tuple(picked),
        editions=() if skip else tuple(e.id for each in owed for e in each.editions),
        overflow=overflow,
        skip=skip,
    )  # fmt: skip


def _knowing(had: Had, news: Sequence[DeliveredPick], editions: Sequence[Edition]) -> Had:
    """Return what somebody knows who had that, and is told this news by these editions too."""
    versions = {(edition.id, p.paper): p.version for edition in editions for p in edition.picks}
    papers = dict(had.papers)
    for line in news:
        before = papers[line.paper]
        version = max(before.version, versions[line.edition, line.paper])
        papers[line.paper] = Told(version, before.events.union(line.told))
    return replace(had, papers=papers)


def narrowed(
    delivery: Delivery,
    wanted: Collection[str],
    editions: Mapping[int, Edition],
    papers: Mapping[int, int],
) -> tuple[tuple[DeliveredPick, ...], tuple[int, ...]]:
    """Return a delivery's picks and editions less those of the profiles its reader no longer wants.

    A paper that a profile still wanted picked too stands there now: it is in no other mail, since it
    is in this one. `editions` are the delivery's; `papers` maps each paper that it shows to what
    that is by now.
    """
    kept = tuple(number for number in delivery.editions if editions[number].profile in wanted)
    roles = {number: {p.paper: p.role for p in editions[number].picks} for number in kept}
    lines: list[DeliveredPick] = []
    for line in delivery.picks:
        paper = papers[line.paper]
        homes = [number for number in kept if _tells(roles[number].get(paper), line.role)]
        if line.edition in kept:
            lines.append(line)
        elif homes:
            lines.append(replace(line, edition=homes[0]))
    return tuple(lines), kept


def _tells(role: Role | None, line: Role) -> bool:
    """Whether an edition that has a paper in this role can stand for another: any, for its news."""
    return role is not None and (line is Role.UPDATE or role is not Role.UPDATE)


def _told_by(editions: Sequence[Edition]) -> dict[int, tuple[Event, ...]]:
    """Return the events that these editions know of, by paper.

    Whoever is shown one of them as new sees all of that on its card, which is made when the mail is.
    """
    told: dict[int, set[Event]] = {}
    for edition in editions:
        for pick in edition.picks:
            told.setdefault(pick.paper, set()).update(pick.told)
    return {paper: lifecycle.ordered(said - {Event.REPLACE}) for paper, said in told.items()}


def _new_picks(
    editions: Sequence[Edition], known: Collection[int], told: Mapping[int, tuple[Event, ...]]
) -> list[DeliveredPick]:
    rows = [
        (edition, pick)
        for edition in editions
        for pick in edition.picks
        if pick.role is Role.NEW and pick.paper not in known
    ]
    if len(editions) > 1:  # a catch-up: the best of all days first
        if len({edition.ranker for edition in editions}) > 1:  # whose scores do not compare
            rows.sort(key=lambda row: (row[1].position, row[1].paper))
        else:
            rows.sort(key=lambda row: (-row[1].score, row[1].paper))
    unique = {
        pick.paper: DeliveredPick(
            edition.id, pick.paper, Role.NEW, told[pick.paper] if told else pick.told
        )
        for edition, pick in reversed(rows)
    }
    return list(reversed(unique.values()))


def _led_by_unknown(edition: Edition, known: Collection[int]) -> Edition:
    """Return an edition in which papers that were folded into a known one are new by themselves."""
    if all(pick.role is not Role.FOLDED for pick in edition.picks):
        return edition  # as most are: this is asked for every reader
    picks: list[Pick] = []
    led = False
    for pick in edition.picks:
        if pick.role is Role.FOLDED and not led and pick.paper not in known:
            pick = replace(pick, role=Role.NEW)  # noqa: PLW2901 - the others of its kind follow it now
        if pick.role is Role.NEW:
            led = pick.paper not in known
        picks.append(pick)
    return replace(edition, picks=tuple(picks))


def _with_folded(
    new: Sequence[DeliveredPick],
    editions: Sequence[Edition],
    known: Collection[int],
    said: Mapping[int, tuple[Event, ...]],
) -> list[DeliveredPick]:
    """Return new papers, each followed by what is folded into it and not known."""
    followers: dict[tuple[int, int], list[Pick]] = {}
    for edition in editions:
        leader = 0
        for pick in edition.picks:
            if pick.role is Role.NEW:
                leader = pick.paper
            elif pick.role is Role.FOLDED and pick.paper not in known:
                followers.setdefault((edition.id, leader), []).append(pick)
    told: dict[int, DeliveredPick] = {pick.paper: pick for pick in new}
    ordered: list[DeliveredPick] = []
    for line in new:
        ordered.append(line)
        for pick in followers.get((line.edition, line.paper), ()):
            if pick.paper not in told:
                events = said[pick.paper] if said else pick.told
                told[pick.paper] = DeliveredPick(line.edition, pick.paper, Role.FOLDED, events)
                ordered.append(told[pick.paper])
    return ordered


def _news(editions: Sequence[Edition], had: Had) -> list[DeliveredPick]:
    """Return a line for each paper this subscriber had and does not know all of, withdrawn ones first.

    It says all that these editions tell and no digest told them yet, and stands in the last of those
    that know its latest version.
    """
    lines: dict[int, DeliveredPick] = {}
    versions: dict[int, int] = {}
    for edition in editions:
        for pick in edition.picks:
            if pick.role is not Role.UPDATE or pick.paper not in had.papers:
                continue
            if (edition.id, pick.paper) in had.updates:
                continue
            if news := _unknown(pick, had.papers[pick.paper]):
                before = lines.pop(pick.paper, None)
                said = lifecycle.ordered({*news, *(before.told if before else ())})
                newest = pick.version >= versions.get(pick.paper, 0)
                home = edition.id if newest or before is None else before.edition
                lines[pick.paper] = DeliveredPick(home, pick.paper, Role.UPDATE, said)
                versions[pick.paper] = max(pick.version, versions.get(pick.paper, 0))
    return sorted(lines.values(), key=lambda line: Event.WITHDRAWN not in line.told)


def _unknown(update: Pick, told: Told) -> set[Event]:
    """Return which of an update's events somebody does not know yet; an older version is none."""
    events = set(update.told or (Event.REPLACE,)) - (told.events - {Event.REPLACE})
    if told.version and update.version <= told.version:
        events.discard(Event.REPLACE)
    return events


def _reason_to_skip(
    owed: Sequence[Owed],
    profiles: Mapping[str, Profile],
    picked: Sequence[DeliveredPick],
    had: Had,
) -> str:
    # An edition may be owed again for a single paper: what else it had to say was said.
    if any(pick.role is Role.NEW or Event.WITHDRAWN in pick.told for pick in picked):
        return ""
    for each in owed:
        befores = (each.before, *each.editions)
        untold = [
            (edition, before)
            for edition, before in zip(each.editions, befores, strict=False)
            if edition.id not in had.editions
        ]
        if any(news_of_health(edition, before) for edition, before in untold):
            return ""
        if untold and profiles[each.subscription.profile].empty == "note":
            return ""
    return "nothing new"
