"""compose: new papers → ranked → one immutable edition per profile whose hour has come."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from bot import digest, lifecycle, ranking, schedule
from bot.identity import known_by
from bot.models import (
    Edition,
    Event,
    Feedback,
    Identifier,
    News,
    Paper,
    Pick,
    Ranked,
    Role,
    SourceNote,
    SourceState,
    Tally,
)
from bot.ports import Workers
from bot.ranking import Background
from bot.sources import polling
from bot.values import value_type
from bot.workflows.meaning import Meanings
from bot.workflows.summarise import Summaries

if TYPE_CHECKING:
    from bot.config import Profile, SourceSettings

FIRST_DAYS = timedelta(days=7)  # a first edition is the best of the last week (DESIGN.md)
REPLACED_DAYS = timedelta(days=90)
# Half of all preprints that a journal takes wait half a year for it.
NEWS_DAYS = timedelta(days=730)
_MOST_SHARED = 6000  # papers, some 5 kB each


class RankingStore(Protocol):
    """What ranking reads: the store, or the store as it stood at a moment (`Store.as_of`)."""

    def source_states(self) -> Mapping[str, SourceState]:
        """Return what is remembered of every source, by name."""
        ...

    def last_edition(self, profile: str) -> Edition | None:
        """Return the profile's latest edition, without its picks."""
        ...

    def newest_paper(self) -> int:
        """Return the highest paper id, 0 where there is none."""
        ...

    def candidates(
        self,
        profile: str,
        last: Edition | None,
        since: datetime | None,
        sources: Collection[str],
        *,
        known: Mapping[int, Paper] | None = None,
    ) -> list[Paper]:
        """Return papers that came after `last`, never picked by this profile.

        With `sources`, only what these showed; with `since`, only what was first seen or dated
        after it. What was stored as seen is left out. Those that are `known`, by their ids, are given
        as they are there, and not read again.
        """
        ...

    def news(self, profile: str, since: datetime, replaced: datetime) -> list[News]:
        """Return what became of the papers this profile picked after `since`, and has not told.

        A newer version is news only of what was picked after `replaced`.
        """
        ...

    def lookup(self, identifiers: Collection[Identifier]) -> list[Paper]:
        """Return the stored papers that have one of these identifiers."""
        ...

    def feedback_of(self, profile: str) -> list[Feedback]:
        """Return the owner's and the readers' opinions for a profile, the latest first."""
        ...

    def picked_among(self, profile: str, papers: Collection[int]) -> set[int]:
        """Return which of these papers the profile's editions picked as new."""
        ...

    def tallies(self, papers: Collection[int]) -> Mapping[int, Tally]:
        """Return what was said of these papers, by their ids."""
        ...

    def submitted(self, profile: str) -> list[Paper]:
        """Return what curators put forward for a profile and no edition of it has picked."""
        ...


class ComposeStore(RankingStore, Protocol):
    """What `compose` reads and writes."""

    def last_period(self, profile: str) -> date | None:
        """Return the date of the profile's latest edition that was made by its hour, not by hand."""
        ...

    def save_edition(self, edition: Edition) -> Edition:
        """Commit an edition and its picks in one transaction; return it with its id."""
        ...


@value_type(frozen=True, slots=True)
class Composed:
    """What was made for one profile; `missing` are liked papers that the store does not have."""

    profile: str
    edition: Edition
    missing: tuple[str, ...] = ()

    @property
    def new(self) -> int:
        """How many papers are picked as new."""
        return sum(pick.role is Role.NEW for pick in self.edition.picks)

    @property
    def news(self) -> int:
        """Of how many papers picked before there is news."""
        return sum(pick.role is Role.UPDATE for pick in self.edition.picks)

    def told(self, event: Event) -> int:
        """Return of how many papers picked before it tells that."""
        updates = (pick for pick in self.edition.picks if pick.role is Role.UPDATE)
        return sum(event in pick.told for pick in updates)


class _Shelf:
    """What the editions of many profiles are chosen from, read from the store once a run.

    A paper that changes while a run lasts is seen as it was: what changed is news for the next edition,
    and what was withdrawn meanwhile no mail offers.
    """

    def __init__(self, store: RankingStore, workers: Workers) -> None:
        self.store, self.workers = store, workers
        self._papers: dict[int, Paper] = {}
        self._heard: dict[int, Tally] = {}
        self._asked: set[int] = set()  # ids of papers of which it is known what was heard

    async def candidates(
        self, profile: Profile, last: Edition | None, now: datetime
    ) -> list[Paper]:
        """Return what the profile's next edition is chosen from; `last` is the one before."""
        since = now - FIRST_DAYS if last is None else None
        found = await self.workers.store(
            self.store.candidates, profile.name, last, since, profile.sources, known=self._papers
        )
        there = {paper.id: paper for paper in found}
        self._papers |= there
        # Of profiles of many sources no more than one's are kept.
        if len(self._papers) > _MOST_SHARED:
            self._papers, self._heard, self._asked = dict(there), {}, set()
        # A curator's pick competes whenever it came, until it is picked.
        submitted = await self.workers.store(self.store.submitted, profile.name)
        return [*found, *(paper for paper in submitted if paper.id not in there)]

    async def tallies(self, papers: Sequence[Paper]) -> Mapping[int, Tally]:
        """Return what was said of these papers, by their ids; of most, nothing was."""
        unknown = [paper for paper in papers if paper.id not in self._asked]
        if unknown:
            ids = {paper.id for paper in unknown}
            heard = await self.workers.store(self.store.tallies, ids)
            self._asked |= ids
            self._heard |= {
                paper.id: heard[paper.id]
                for paper in unknown
                if paper.id in heard
                and (ranking.is_spoken_of(heard[paper.id]) or paper.votes or paper.comments)
            }
        return {paper.id: self._heard[paper.id] for paper in papers if paper.id in self._heard}


async def compose(
    profiles: Mapping[str, Profile],
    sources: Sequence[SourceSettings],
    store: ComposeStore,
    workers: Workers,
    now: datetime,
    zone: str,
    *,
    force: Collection[str] = (),
    meanings: Meanings | None = None,
    summaries: Summaries | None = None,
) -> list[Composed]:
    """Make the editions that are due, and those in `force` whatever their hour.

    `zone` is the zone of the profiles' hours. An edition by force serves no slot of its own. Without
    `meanings` words rank alone; `summaries` are asked for what is picked, before it is committed.
    """
    meanings = meanings or Meanings(None, None, workers)
    shelf = _Shelf(store, workers)
    made: list[Composed] = []
    learnt: dict[str, Profile] = {}
    background: Background | None = None
    for name, profile in profiles.items():
        last_period = await workers.store(store.last_period, name)
        due = schedule.due_edition(profile, last_period, now, zone)
        forced = name in force and due is None
        if due is None and not forced:
            continue
        if background is None:
            learnt = {n: await learnt_profile(p, store, workers) for n, p in profiles.items()}
            background = await _background(learnt.values(), store, workers, now)
        period = due or schedule.local_date(now, zone)
        composed = await _edition(
            profile, learnt[name], sources, store, shelf, now, period, background,
            meanings=meanings, summaries=summaries, forced=forced,
        )  # fmt: skip
        if composed is None and name in force:  # it waits for a first answer; who insists does not
            composed = await _edition(
                profile, learnt[name], sources, store, shelf, now, period, background,
                meanings=meanings, summaries=summaries, forced=True,
            )  # fmt: skip
        if composed is not None:
            made.append(composed)
    if background is not None:
        await workers.cpu(ranking.put_away)  # a service goes on for a day, and mails are made next
    return made


async def _summarised(
    picks: Sequence[Pick], candidates: Sequence[Paper], summaries: Summaries | None
) -> None:
    """Have the picks that are new summarised, the best first."""
    if summaries is not None:
        by_id = {paper.id: paper for paper in candidates}
        await summaries.of(by_id[p.paper] for p in picks if p.role is Role.NEW and p.paper in by_id)


async def _edition(
    profile: Profile,
    learnt: Profile,
    sources: Sequence[SourceSettings],
    store: ComposeStore,
    shelf: _Shelf,
    now: datetime,
    period: date,
    background: Background,
    *,
    meanings: Meanings,
    summaries: Summaries | None,
    forced: bool,
) -> Composed | None:
    workers = shelf.workers
    last = await workers.store(store.last_edition, profile.name)
    through = await workers.store(store.newest_paper)  # before the candidates: none is ever skipped
    candidates = await shelf.candidates(profile, last, now)
    states = await workers.store(store.source_states)
    if last is None and not candidates and not forced and _not_heard_yet(profile, sources, states):
        return None  # day one is not spent on an outage: the first edition waits for a first answer
    ranked, ranker = await _ranked(candidates, learnt, background, shelf, meanings)
    news = await _news(profile, store, workers, now)
    picks = await workers.cpu(edition_picks, profile, ranked, news)
    await _summarised(picks, candidates, summaries)
    edition = Edition(
        profile=profile.name,
        number=last.number + 1 if last else 1,
        period=period,
        through=through,
        made_at=now,
        picks=picks,
        health=digest.health(last, source_notes(profile, sources, states, last, now)),
        considered=len(candidates),
        fingerprint=profile.fingerprint,
        forced=forced,
        ranker=ranker,
    )
    saved = await workers.store(store.save_edition, edition)
    return Composed(profile.name, saved, tuple(ranking.missing_examples(profile, background)))


def edition_picks(
    profile: Profile, ranked: Sequence[Ranked], news: Sequence[News]
) -> tuple[Pick, ...]:
    """Return an edition's picks: nothing told twice, and something of every interest."""
    # What is withdrawn leads nothing: whatever was folded into it would be lost with it.
    offered = [each for each in ranked if not lifecycle.is_withdrawn(each.paper)]
    varied = ranking.folded(offered, profile.limit)
    return digest.picks(profile, varied, news, ranking.covering(profile))


async def ranked_now(
    profile: Profile,
    store: RankingStore,
    workers: Workers,
    now: datetime,
    since: datetime | None,
    meanings: Meanings | None = None,
) -> tuple[list[Ranked], list[News], int]:
    """Return what the next edition would rank, its news of earlier picks, and how many papers compete.

    No edition is stored.

    With `since`, the window is all that came after it, picked before or not.
    """
    last = None if since else await workers.store(store.last_edition, profile.name)
    if since is None:
        candidates = await _Shelf(store, workers).candidates(profile, last, now)
    else:
        candidates = await workers.store(store.candidates, "", None, since, profile.sources)
    ranked = await ranked_papers(candidates, profile, store, workers, now, meanings)
    return ranked, await _news(profile, store, workers, now), len(candidates)


async def _news(
    profile: Profile, store: RankingStore, workers: Workers, now: datetime
) -> list[News]:
    return await workers.store(store.news, profile.name, now - NEWS_DAYS, now - REPLACED_DAYS)


async def ranked_papers(
    papers: Sequence[Paper],
    profile: Profile,
    store: RankingStore,
    workers: Workers,
    now: datetime,
    meanings: Meanings | None = None,
) -> list[Ranked]:
    """Rank papers as an edition made now would, with all that the profile has learnt."""
    learnt = await learnt_profile(profile, store, workers)
    background = await _background([learnt], store, workers, now)
    means = meanings or Meanings(None, None, workers)
    ranked, _ = await _ranked(papers, learnt, background, _Shelf(store, workers), means)
    return ranked


async def _ranked(
    papers: Sequence[Paper],
    learnt: Profile,
    background: Background,
    shelf: _Shelf,
    meanings: Meanings,
) -> tuple[list[Ranked], str]:
    """Return the papers ranked, and the ranker's name."""
    store, workers = shelf.store, shelf.workers
    heard = await shelf.tallies(papers)
    few = await workers.cpu(ranking.condensed, learnt, background)
    judged = await _judged(learnt, store, workers)
    means = await meanings.of([*papers, *judged], few, background.examples)
    known = replace(background, tallies=heard, meaning=means)
    if judged:
        wanted = await workers.cpu(ranking.share_wanted, judged, few, known)
        known = replace(known, wanted=wanted)
    return await workers.cpu(ranking.rank, papers, few, known), ranking.ranker_of(known)


async def _judged(profile: Profile, store: RankingStore, workers: Workers) -> dict[Paper, bool]:
    """Return what was said of the profile's picks; nothing where that is too little to tell anything."""
    feedback = await workers.store(store.feedback_of, profile.name)
    if len(feedback) < ranking.ENOUGH:
        return {}
    picked = await workers.store(
        store.picked_among, profile.name, {each.paper.id for each in feedback}
    )
    judged = ranking.judged(profile, feedback, picked)
    return judged if len(judged) >= ranking.ENOUGH else {}


async def learnt_profile(profile: Profile, store: RankingStore, workers: Workers) -> Profile:
    """Return the profile with what it learnt from feedback, and what curators put forward for it."""
    feedback = await workers.store(store.feedback_of, profile.name)
    submitted = await workers.store(store.submitted, profile.name)
    return ranking.learnt(profile, feedback, submitted)


async def _background(
    profiles: Collection[Profile], store: RankingStore, workers: Workers, now: datetime
) -> Background:
    wanted = set().union(*(ranking.example_identifiers(profile) for profile in profiles))
    examples = await workers.store(store.lookup, wanted)
    return Background(examples=known_by(examples), now=now)


def _not_heard_yet(
    profile: Profile, sources: Sequence[SourceSettings], states: Mapping[str, SourceState]
) -> bool:
    """Whether one of the profile's sources was asked and has never answered."""
    return any(
        (state := states.get(source.name)) is None or state.last_ok is None
        for source in _sources_of(profile, sources)
    )


def _sources_of(profile: Profile, sources: Sequence[SourceSettings]) -> list[SourceSettings]:
    return [s for s in sources if s.enabled and (not profile.sources or s.name in profile.sources)]


def source_notes(
    profile: Profile,
    sources: Sequence[SourceSettings],
    states: Mapping[str, SourceState],
    last: Edition | None,
    now: datetime,
) -> list[SourceNote]:
    """Return how each of the profile's sources stands since its last edition."""
    since = last.made_at if last else None
    return [
        polling.weather(source, states.get(source.name, SourceState(source.name)), since, now)
        for source in _sources_of(profile, sources)
    ]
