"""watch: how all stands → what of it is news → one letter to the owner → what was told, committed.

The letter does not go through the outbox: it may have to say that nothing leaves the outbox, and a
hold of all sending does not hold it (decision 120). It is remembered before it is sent, so that a
state folder that cannot be written sends none over and over.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from bot import alarms
from bot.alarms import AlarmNews, Facts, FailingSource, Known, Returned, Unserved
from bot.bounces import ReportKind
from bot.models import Envelope, SourceState, Verdict
from bot.ports import Mailer, Workers
from bot.schedule import local_date
from bot.text import nameless, one_line, shorten
from bot.values import value_type
from bot.workflows.opening import TOO_LATE
from bot.workflows.outbox import NOT_IN_TIME

if TYPE_CHECKING:
    from bot.config import Config

LETTERS_APART = timedelta(hours=1)
TRIED_AGAIN_AFTER = timedelta(minutes=15)
_DAY, _WEEK, _USUAL_DAYS = timedelta(days=1), timedelta(days=7), 28
_CAME_BACK = (ReportKind.FAILED, ReportKind.FULL_OR_BUSY, ReportKind.REFUSED_US)


class Backlog(Protocol):
    """The digests that came due after the last one that was sent."""

    @property
    def due(self) -> Sequence[tuple[datetime, int]]:
        """How many came due when."""
        ...

    @property
    def since(self) -> datetime | None:
        """When the last one was sent, None where none ever was."""
        ...

    @property
    def said(self) -> str:
        """The latest answer to one that was not."""
        ...


class WatchStore(Protocol):
    """What `watch` reads and writes."""

    def source_states(self) -> Mapping[str, SourceState]:
        """Return what is remembered of every source, by name."""
        ...

    def hold_of_all(self) -> str:
        """Return why all sending is held, "" where it is not."""
        ...

    def backlog(self, now: datetime, late: Collection[str]) -> Backlog:
        """Return what came due and was not sent after the last digest that was."""
        ...

    def count_bounces(self, since: datetime) -> dict[str, int]:
        """Return how many reports of each kind came since."""
        ...

    def sent_since(self, since: datetime) -> int:
        """Return how many digests were sent since then."""
        ...

    def known_alarms(self) -> list[Known]:
        """Return what is remembered of alarms."""
        ...

    def remember_alarms(self, known: Iterable[Known], letter_after: datetime) -> None:
        """Let this be all that is remembered, and the owner be written to no sooner than then."""
        ...

    def letter_after(self) -> datetime | None:
        """Return before when the owner is not written to."""
        ...


@value_type(frozen=True, slots=True)
class Surroundings:
    """What no table tells: bytes, the user's files that do not work, what `serve` cannot do."""

    room: int
    database: int
    broken: Mapping[str, str] = field(default_factory=dict)
    troubles: Mapping[str, str] = field(default_factory=dict)
    patient: bool = False


@value_type(frozen=True, slots=True)
class OwnerPost:
    """How the owner is written to: by whom, through what, and what makes the letter."""

    sender: str
    mailer: Callable[[], Mailer]
    letter: Callable[[str, AlarmNews, str, datetime], bytes]  # recipient, news, message id, now


@value_type(frozen=True, slots=True)
class Watched:
    """What the owner was told, in a few words each, and why a letter could not be sent."""

    told: tuple[str, ...] = ()
    over: tuple[str, ...] = ()
    problem: str = ""


async def watch(
    config: Config,
    around: Surroundings,
    store: WatchStore,
    workers: Workers,
    post: OwnerPost,
    now: datetime,
) -> Watched:
    """Tell the owner what newly stands wrong, and what no longer does. Raises StateError."""
    standing = alarms.standing(await workers.store(gather, config, around, store, now))
    known = await workers.store(store.known_alarms)
    told = alarms.news(standing, known, now)
    waiting = alarms.untold(standing, known, now)
    owner = config.bot.owner or config.bot.contact
    before = await workers.store(store.letter_after)
    if told and owner and not _is_too_soon(before, now):
        # Before it is sent: whatever becomes of it, the next one is not before then.
        await workers.store(store.remember_alarms, waiting, now + TRIED_AGAIN_AFTER)
        problem, perhaps = await _send(post, owner, told, now)
        if perhaps:  # it may have arrived: the next is as far from it as from any other
            await workers.store(store.remember_alarms, waiting, now + LETTERS_APART)
        if problem:
            return Watched(problem=problem)
        await workers.store(store.remember_alarms, told.known, now + LETTERS_APART)
        return Watched(alarms.names(told.fresh), alarms.names(told.over))
    if waiting != tuple(sorted(known, key=lambda each: each.key)):
        await workers.store(store.remember_alarms, waiting, before or now)
    return Watched()


def _is_too_soon(letter_after: datetime | None, now: datetime) -> bool:
    # A clock that was ahead when the last one went does not silence us for longer.
    return letter_after is not None and now < letter_after <= now + LETTERS_APART


async def _send(post: OwnerPost, owner: str, told: AlarmNews, now: datetime) -> tuple[str, bool]:
    """Send the letter; return why it could not be sent, "" where it was, and whether nobody knows."""
    domain = post.sender.rpartition("@")[2] or "localhost"
    # The same news, told once more after a crash, is the same message.
    parts = [f"{what} {each.key} {each.since}"
             for what, those in (("begins", told.fresh), ("ends", told.over)) for each in those]  # fmt: skip
    mark = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:24]
    message_id = f"<alarm.{mark}@{domain}>"
    try:
        content = post.letter(owner, told, message_id, now)
        async with post.mailer().session() as session:
            attempt = await session.send(Envelope(0, post.sender, owner, message_id, content))
    except Exception as error:  # noqa: BLE001 - whatever it is: work goes on, and it is told
        return f"the owner's letter could not be sent: {_short(nameless(str(error)))}", False
    if attempt.verdict is Verdict.SENT:
        return "", False
    problem = f"the owner's letter was not taken: {_short(nameless(attempt.said))}"
    return problem, attempt.verdict is Verdict.UNCERTAIN


# ── How all stands ────────────────────────────────────────────────────────────────────────────────


def gather(config: Config, around: Surroundings, store: WatchStore, now: datetime) -> Facts:
    """Return how all stands: for the store's thread."""
    return Facts(
        sources=_failing(config, store),
        unserved=_unserved(config, store, now),
        returned=_returned(store, now),
        room=around.room,
        database=around.database,
        broken=around.broken,
        troubles=around.troubles,
        hold=store.hold_of_all(),
        patient=around.patient,
    )


def _failing(config: Config, store: WatchStore) -> tuple[FailingSource, ...]:
    states = store.source_states()
    return tuple(
        FailingSource(source.name, state.failing_since, _short(state.error), state.gone)
        for source in config.sources
        if source.enabled
        and (state := states.get(source.name)) is not None
        and state.alarmed_at is not None
        and state.failing_since is not None
    )


def _unserved(config: Config, store: WatchStore, now: datetime) -> Unserved:
    backlog = store.backlog(now, (TOO_LATE, NOT_IN_TIME))
    days = {local_date(at, config.bot.timezone) for at, _ in backlog.due}
    digests = sum(count for _, count in backlog.due)
    return Unserved(len(days), digests, backlog.since, _short(nameless(backlog.said)))


def _returned(store: WatchStore, now: datetime) -> Returned:
    lately = store.count_bounces(now - _DAY)
    bounces = sum(lately.get(kind, 0) for kind in _CAME_BACK)
    whole = store.count_bounces(now - _DAY * (_USUAL_DAYS + 1)) if bounces else {}
    before = sum(whole.get(kind, 0) for kind in _CAME_BACK) - bounces
    complaints = store.count_bounces(now - _WEEK).get(ReportKind.COMPLAINT, 0)
    sent = store.sent_since(now - _WEEK) if complaints else 0
    return Returned(bounces, max(before, 0) / _USUAL_DAYS, complaints, sent)


def _short(words: str) -> str:
    return shorten(one_line(words), 300).rstrip(".")
