"""replay: the stored past day by day, as one profile would have picked it; nothing is stored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from bot import schedule
from bot.config import parse_days
from bot.models import Edition, Pick, Ranked, Role
from bot.ports import Workers
from bot.values import value_type
from bot.workflows.compose import FIRST_DAYS, RankingStore, edition_picks, ranked_papers
from bot.workflows.meaning import Meanings

if TYPE_CHECKING:
    from bot.config import Profile

THRESHOLDS = (0.1, 0.3, 0.5, 0.7, 0.9)


class PastStore(RankingStore, Protocol):
    """The store as it stood at a moment."""

    def first_run(self, after: datetime) -> datetime | None:
        """Return when a run first left a trace from `after` on: a new paper, or an edition."""
        ...

    def newest_paper(self) -> int:
        """Return the highest paper id there was, 0 where there was none."""
        ...


@value_type(frozen=True, slots=True)
class Day:
    """One day as the profile would have picked it, at its hour.

    `picks` are the new ones; `passing` is how many papers pass each of THRESHOLDS, whatever the
    profile's limit.
    """

    period: date
    at: datetime
    considered: int
    picks: tuple[tuple[Pick, Ranked], ...]
    passing: tuple[int, ...]


async def replay(
    profile: Profile,
    as_of: Callable[[datetime], PastStore],
    workers: Workers,
    now: datetime,
    zone: str,
    days: int,
    on_day: Callable[[], None] = lambda: None,
    meanings: Meanings | None = None,
) -> list[Day]:
    """Return the profile's days among the last `days`, today's too where its hour has come.

    Each sees what had been collected by its run and not by the run of the day before. Days before
    the first paper that is stored are left out. Where `meanings` fail on a day, words rank all days:
    thresholds mean the same for each.
    """
    found: list[Day] = []
    for period in _periods(profile, now, zone, days):
        at = await _run_of(profile, period, as_of, workers, now, zone)
        before = await _run_of(profile, _day_before(profile, period), as_of, workers, now, zone)
        day = None
        if at is not None and before is not None:
            day = await _day(
                profile, as_of(at), as_of(before), workers, period, at, before, meanings
            )
        on_day()
        if day is not None:
            found.append(day)
    if meanings is not None and meanings.problem and len(found) > 1:
        return await replay(profile, as_of, workers, now, zone, days)
    return found


def _periods(profile: Profile, now: datetime, zone: str, days: int) -> list[date]:
    today = schedule.local_date(now, zone)
    wanted = (today - timedelta(days=n) for n in range(days - 1, -1, -1))
    return [day for day in wanted if day.weekday() in parse_days(profile.days)]


def _day_before(profile: Profile, period: date) -> date:
    """Return the profile's day before this one."""
    day = period - timedelta(days=1)
    while day.weekday() not in parse_days(profile.days):
        day -= timedelta(days=1)
    return day


async def _run_of(
    profile: Profile,
    period: date,
    as_of: Callable[[datetime], PastStore],
    workers: Workers,
    now: datetime,
    zone: str,
) -> datetime | None:
    """Return when the day's edition would have been made, None where its hour has not come.

    That is at its hour, or by the first run after it that left a trace: a run collects first.
    """
    hour = schedule.instant(period, profile.at, zone)
    if hour > now:
        return None
    end = schedule.instant(period + timedelta(days=1), "any", zone) - timedelta(seconds=1)
    return await workers.store(as_of(min(now, end)).first_run, hour) or hour


async def _day(
    profile: Profile,
    then: PastStore,
    earlier: PastStore,
    workers: Workers,
    period: date,
    at: datetime,
    before: datetime,
    meanings: Meanings | None,
) -> Day | None:
    if not await workers.store(then.newest_paper):
        return None
    through = await workers.store(earlier.newest_paper)
    last = Edition(profile.name, 0, period, through, before) if through else None
    since = None if last else at - FIRST_DAYS
    candidates = await workers.store(then.candidates, "", last, since, profile.sources)
    ranked = await ranked_papers(candidates, profile, then, workers, at, meanings)
    by_paper = {each.paper.id: each for each in ranked}
    picks = edition_picks(profile, ranked, ())
    return Day(
        period=period,
        at=at,
        considered=len(candidates),
        picks=tuple((pick, by_paper[pick.paper]) for pick in picks if pick.role is Role.NEW),
        passing=tuple(_passing(ranked, threshold) for threshold in THRESHOLDS),
    )


def _passing(ranked: Sequence[Ranked], threshold: float) -> int:
    return sum(each.always or each.probability >= threshold for each in ranked)
