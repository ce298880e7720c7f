"""What the owner is to hear of by mail: what stands wrong, what of it is news, and what is over.

Pure: from how all stands and from what was told, what to tell now. An alarm is told once, and once
more when it is over; one that comes and goes is told at most once a day (issue 10).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime, timedelta

from bot.values import value_type

AGAIN_AFTER = timedelta(days=1)
"""The same alarm is told at most once in so long, however often it comes and goes."""
PATIENCE = timedelta(minutes=10)
"""What a running `serve` cannot do, or somebody may just be editing, is told after so long."""
_LEAST_ROOM = 200 * 1024 * 1024  # bytes
_DUE_DAYS = 2
_LEAST_BOUNCES, _LEAST_COMPLAINTS = 5, 2
_JUMP = 3  # times what is usual
_COMPLAINED = 0.001  # of what was sent; receivers' rules for bulk senders (MAIL.md)


@value_type(frozen=True, slots=True)
class Alarm:
    """Something that the owner should look at.

    `key` tells it from every other, `what` names it in a few words, `sentence` says what happened,
    what was kept and what to do. It is told once it has stood for `patience`.
    """

    key: str
    what: str
    sentence: str
    patience: timedelta = timedelta(0)


@value_type(frozen=True, slots=True)
class Known:
    """What is remembered of an alarm, be it over.

    `since` is None where it does not stand, `told_at` where it was not told or its end was. Before
    `quiet_until` it is not told again.
    """

    key: str
    what: str
    sentence: str
    since: datetime | None = None
    told_at: datetime | None = None
    quiet_until: datetime | None = None


@value_type(frozen=True, slots=True)
class AlarmNews:
    """What to tell the owner now, and what to remember once it is told."""

    fresh: tuple[Known, ...]
    over: tuple[Known, ...]
    known: tuple[Known, ...]

    def __bool__(self) -> bool:
        """Whether there is anything to tell."""
        return bool(self.fresh or self.over)


def news(standing: Iterable[Alarm], known: Iterable[Known], now: datetime) -> AlarmNews:
    """Return what of the alarms that stand is to be told now, and which of the others are over."""
    before = {each.key: each for each in known}
    fresh: list[Known] = []
    over: list[Known] = []
    after: list[Known] = []
    for alarm in sorted({each.key: each for each in standing}.values(), key=lambda a: a.key):
        one = _standing(alarm, before.pop(alarm.key, None), now)
        if _is_due(one, alarm.patience, now):
            one = replace(one, told_at=now)
            fresh.append(one)
        after.append(one)
    for key in sorted(before):
        one = before[key]
        if one.told_at is not None:
            over.append(one)
            one = replace(one, told_at=None, quiet_until=one.told_at + AGAIN_AFTER)
        if one.quiet_until is not None and one.quiet_until > now:
            after.append(replace(one, since=None))
    return AlarmNews(tuple(fresh), tuple(over), tuple(after))


def untold(standing: Iterable[Alarm], known: Iterable[Known], now: datetime) -> tuple[Known, ...]:
    """Return what to remember where nothing can be told now: what stands, and since when."""
    standing = tuple(standing)
    before = {each.key: each for each in known}
    told = news(standing, before.values(), now)
    kept = {each.key: each for each in told.known}
    for each in told.fresh:
        kept[each.key] = replace(each, told_at=None)
    for each in told.over:
        kept[each.key] = before[each.key]
    return tuple(kept[key] for key in sorted(kept))


def _standing(alarm: Alarm, before: Known | None, now: datetime) -> Known:
    if before is None:
        return Known(alarm.key, alarm.what, alarm.sentence, now)
    # A clock that was ahead when it began does not make it wait until that day.
    since = min(before.since or now, now)
    return replace(before, what=alarm.what, sentence=alarm.sentence, since=since)


def _is_due(one: Known, patience: timedelta, now: datetime) -> bool:
    if one.told_at is not None or one.since is None or now - one.since < patience:
        return False
    # A clock that was ahead when it was told does not silence it for longer than a day.
    return one.quiet_until is None or not now < one.quiet_until <= now + AGAIN_AFTER


# ── How all stands ────────────────────────────────────────────────────────────────────────────────


@value_type(frozen=True, slots=True)
class FailingSource:
    """A source that failed through an announcement: since when, and what it said last."""

    name: str
    since: datetime
    said: str
    gone: bool = False


@value_type(frozen=True, slots=True)
class Unserved:
    """Digests that were due after the last one that was sent: on how many days, and how many.

    `since` is when the last one was sent, None where none ever was; `said` is the latest answer.
    """

    days: int = 0
    digests: int = 0
    since: datetime | None = None
    said: str = ""


@value_type(frozen=True, slots=True)
class Returned:
    """What came back: bounces of a day and of a usual one, complaints of a week and what it sent."""

    bounces: int = 0
    usual: float = 0.0
    complaints: int = 0
    sent: int = 0


@value_type(frozen=True, slots=True)
class Facts:
    """How all stands. `room` and `database` are bytes.

    `broken` are files of the user's that do not work, and `troubles` what a running `serve` cannot
    do: name → sentence. `hold` is why all sending is held, "" where it is not. With `patient`,
    somebody may just be editing, and whatever fails is tried again soon.
    """

    sources: Sequence[FailingSource] = ()
    unserved: Unserved = Unserved()
    returned: Returned = Returned()
    room: int = _LEAST_ROOM
    database: int = 0
    broken: Mapping[str, str] = field(default_factory=dict)
    troubles: Mapping[str, str] = field(default_factory=dict)
    hold: str = ""
    patient: bool = False


def standing(facts: Facts) -> list[Alarm]:
    """Return what the owner should look at now."""
    patience = PATIENCE if facts.patient else timedelta(0)
    return [
        *map(_of_source, facts.sources),
        *_of_sending(facts.unserved, facts.hold),
        *_of_what_came_back(facts.returned),
        *_of_disk(facts.room, facts.database),
        *(Alarm(f"file {n}", n, words, patience) for n, words in facts.broken.items()),
        *(Alarm(f"part {n}", n, words, PATIENCE) for n, words in facts.troubles.items()),
    ]


def _of_source(source: FailingSource) -> Alarm:
    sentence = (
        f"The source {source.name} has not answered since {source.since:%A, %d %B}: {source.said}. Every "
        "other source goes on, and what it can still tell follows once it answers. `paperround "
        "sources list` says how it stands."
    )
    if source.gone:
        sentence = (
            f"The source {source.name} is gone: {source.said}. It is not asked again until its url is "
            "changed; what it brought stays. `paperround sources discover` finds a page's new feed."
        )
    return Alarm(f"source {source.name}", f"the source {source.name}", sentence)


def _of_sending(unserved: Unserved, hold: str) -> Iterator[Alarm]:
    if unserved.days >= _DUE_DAYS:
        last = f"since {unserved.since:%A, %d %B}" if unserved.since else "yet"
        said = f" The latest answer was: {unserved.said.rstrip('.')}." if unserved.said else ""
        why = f" All sending is held: {hold.rstrip('.')}." if hold else ""
        yield Alarm(
            "sending",
            "the mail",
            f"No digest has been sent {last}, though {unserved.digests:,} were due on {unserved.days} "
            f"days.{why}{said} Their papers are kept and go with the next ones. `paperround "
            "deliveries list` shows them, `paperround check` tries the login.",
        )
    if hold:
        yield Alarm(
            "hold",
            "the hold of all sending",
            f"All sending is held: {hold.rstrip('.')}. Nothing is lost: what is due is kept. "
            "`paperround deliveries release --all` lets it go.",
            PATIENCE,
        )


def _of_what_came_back(returned: Returned) -> Iterator[Alarm]:
    if returned.bounces >= max(_LEAST_BOUNCES, _JUMP * returned.usual):
        yield Alarm(
            "bounces",
            "bounces",
            f"{returned.bounces:,} digests came back within a day; {returned.usual:.1f} a day is usual. "
            "Addresses that do not exist are written to no more. Where many of one domain came back, it "
            "may refuse you: `paperround deliveries list` has what was said.",
        )
    if returned.complaints >= max(_LEAST_COMPLAINTS, _COMPLAINED * returned.sent):
        yield Alarm(
            "complaints",
            "complaints",
            f"{returned.complaints:,} readers reported a digest as spam within a week, of "
            f"{returned.sent:,} that were sent; large receivers block from one in a thousand on. Who "
            "complained is written to no more. Did somebody import addresses that never asked?",
        )


def _of_disk(room: int, database: int) -> Iterator[Alarm]:
    wanted = max(_LEAST_ROOM, database)
    if room < wanted:
        yield Alarm(
            "disk",
            "the disk",
            f"The disk of the state folder has {_size(room)} left; a backup and a busy day may need "
            f"{_size(wanted)}. When it is full, nothing is fetched or sent until there is room again, "
            "and nothing that was committed is lost. A shorter [bot] keep makes the database smaller.",
        )


def _size(count: int) -> str:
    return f"{count / 2**30:.1f} GB" if count >= 2**30 else f"{count / 2**20:.0f} MB"


def names(alarms: Collection[Known]) -> tuple[str, ...]:
    """Return what the alarms are about, in a few words each."""
    return tuple(each.what for each in alarms)
