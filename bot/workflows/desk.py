"""Where letters are made: claimed deliveries become bytes, or end because nobody wants them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Protocol

from bot import digest, tokens
from bot.models import (
    Attempt,
    DeliveredPick,
    Delivery,
    DeliveryKind,
    DeliveryStatus,
    Edition,
    Paper,
    Phase,
    Rest,
    Verdict,
)
from bot.ports import Clock, Mailer, Printer, PrintOrder, Unprintable, Workers
from bot.values import value_type

if TYPE_CHECKING:
    from bot.config import Config

_MOST_TOLD = 100
BY_HAND = "by hand"  # so begins the reason of a hold that a person asked for

OnEnd = Callable[[Delivery, DeliveryStatus], None]
_Wanted = tuple[Delivery, tuple[str, ...]]  # and the profiles that its reader wants of it


class SendStore(Protocol):
    """What sending reads and writes."""

    def hold_of_all(self) -> str:
        """Return why all sending is held, "" where it is not."""
        ...

    def together(self, writes: Sequence[Callable[[], object]]) -> list[object]:
        """Run several writes of this store in one transaction; one that raises undoes them all."""
        ...

    def count_due(self, now: datetime) -> int:
        """Return how many deliveries are due."""
        ...

    def claim(self, owner: str, now: datetime, lease_until: datetime, limit: int) -> list[Delivery]:
        """Lease due deliveries, notes and the oldest by turns: pending, due for a retry, or left."""
        ...

    def overdue(self, owner: str, now: datetime, limit: int) -> list[Delivery]:
        """Return deliveries whose time is over and that nobody is sending, oldest first."""
        ...

    def release(self, owner: str) -> None:
        """Give up the leases on deliveries of which nothing was said to a server yet."""
        ...

    def wanted(self, suppressed: Mapping[int, str]) -> Mapping[int, Mapping[str, bool]]:
        """Return the profiles that deliveries serve, and whether their subscriber wants each."""
        ...

    def suppressed(self, keys: Collection[str]) -> Mapping[str, str]:
        """Return which of these suppression keys are suppressed, and why."""
        ...

    def papers(self, ids: Collection[int]) -> dict[int, Paper]:
        """Return papers by id, aliases followed."""
        ...

    def editions_by_id(self, ids: Collection[int]) -> dict[int, Edition]:
        """Return editions with picks, by id."""
        ...

    def prepare(
        self,
        delivery: int,
        content: bytes,
        wanted: Collection[str],
        suppressed: str,
        lease_until: datetime,
    ) -> bool:
        """Commit the bytes with the status `sending`, before anything is said to a server.

        False, with nothing written, where the subscriber wants other profiles than `wanted` by now.
        """
        ...

    def prepared(self, deliveries: Collection[int]) -> Mapping[int, bytes]:
        """Return the bytes of those deliveries that were in flight once."""
        ...

    def record(
        self,
        delivery: int,
        status: DeliveryStatus,
        attempt: Attempt,
        now: datetime,
        next_try: datetime | None = None,
    ) -> None:
        """Commit how an attempt ended; an end for good drops the bytes."""
        ...

    def call_off(
        self, delivery: int, status: DeliveryStatus, reason: str, *, give_back: bool = True
    ) -> None:
        """End a delivery unsent; its papers go to the next digest, or count as had."""
        ...

    def narrow(
        self, delivery: int, picks: Sequence[DeliveredPick], editions: Sequence[int]
    ) -> None:
        """Leave a delivery only these of its picks and editions; the others are given back."""
        ...

    def suppress(self, address: str, suppressed: str, reason: str, now: datetime) -> int:
        """Write to an address no more; call off what is open for it."""
        ...

    def rest(self) -> Rest | None:
        """Return the rest that all sending takes, None where the last try went well."""
        ...

    def set_rest(self, rest: Rest | None) -> None:
        """Commit a rest, or with None that there is none any more."""
        ...


@dataclass(slots=True)
class DeliverReport:
    """What became of this run's deliveries: counts by status, and sentences about trouble.

    Of a thousand deliveries that fail alike, the first are told and `untold` counts the others.
    """

    opened: int = 0
    skipped: int = 0
    ended: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    held: str = ""  # that a person holds all sending, which is no trouble
    untold: int = 0

    @property
    def sent(self) -> int:
        """How many went out."""
        return self.ended.get(DeliveryStatus.SENT.value, 0)

    def tell(self, sentence: str) -> None:
        """Tell of one delivery's trouble."""
        if len(self.problems) < _MOST_TOLD:
            self.problems.append(sentence)
        else:
            self.untold += 1

    def count(self, status: DeliveryStatus) -> None:
        """Count one delivery that ended so."""
        self.ended[status.value] = self.ended.get(status.value, 0) + 1


@value_type(frozen=True, slots=True)
class Post:
    """What sending needs besides the store: who we are, how mail is made, and the way out.

    `printing` gives one printer or several, for so many messages as are due.
    """

    config: Config
    secret: bytes
    printing: Callable[[int], AbstractAsyncContextManager[Sequence[Printer]]]
    mailer: Mailer


@dataclass(slots=True)
class DeliverRun:
    """One run of `deliver`: its means, when to leave off, and what is told of it."""

    post: Post
    store: SendStore
    workers: Workers
    clock: Clock
    report: DeliverReport
    on_end: OnEnd
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    def ended(self, delivery: Delivery, status: DeliveryStatus) -> None:
        """Count a delivery that came to this status, and tell whoever listens."""
        self.report.count(status)
        self.on_end(delivery, status)


@value_type(frozen=True, slots=True)
class Letter:
    """A message ready to go, the profiles it was made for, and its address's suppression key.

    `fresh` tells what was just printed from what was stored.
    """

    delivery: Delivery
    content: bytes = field(repr=False)
    profiles: tuple[str, ...]
    suppressed: str
    fresh: bool = False

    @property
    def domain(self) -> str:
        """The receiving domain, in lower case."""
        return self.delivery.address.rpartition("@")[2].lower()


class Desk:
    """Makes letters, a batch at once; what they share is read from the store once a run."""

    def __init__(self, around: DeliverRun, printer: Printer) -> None:
        self._around, self._printer = around, printer
        self._told_papers: set[int] = set()
        self._told_editions: set[int] = set()
        self._alone = asyncio.Lock()  # what is told to the printer is told in its order

    async def letters(self, claimed: Sequence[Delivery]) -> list[Letter]:
        """Return a letter for each delivery that is still wanted, in their order; the others are ended.

        Of a profile that its reader left, nothing is sent, and nothing counts as had. What may have
        arrived goes as it was, or is held for a person, as configured.
        """
        order = {delivery.id: place for place, delivery in enumerate(claimed)}
        async with self._alone:
            made = await self._letters(claimed)
        return sorted(made, key=lambda letter: order[letter.delivery.id])

    async def _letters(self, everything: Sequence[Delivery]) -> list[Letter]:
        store, workers = self._around.store, self._around.workers
        secret = self._around.post.secret
        keys = {d.id: tokens.suppression_key(secret, d.address) for d in everything}
        notes = [d for d in everything if d.kind is not DeliveryKind.DIGEST]
        written = await self._notes(notes, keys) if notes else []
        claimed = [d for d in everything if d.kind is DeliveryKind.DIGEST]
        if not claimed:
            return written
        keys = {d.id: keys[d.id] for d in claimed}
        standing = await workers.store(store.wanted, keys)
        tried = [d.id for d in claimed if d.attempts or _may_have_arrived(d)]
        prepared = await workers.store(store.prepared, tried) if tried else {}
        letters: list[Letter] = []
        to_print: list[_Wanted] = []
        left: list[_Wanted] = []
        ends: list[tuple[Delivery, DeliveryStatus]] = []
        for delivery in claimed:
            served = standing[delivery.id]
            wanted = tuple(name for name, still in served.items() if still)
            whole = len(wanted) == len(served)
            content = prepared.get(delivery.id)
            if not wanted:
                ends.append((delivery, DeliveryStatus.SKIPPED))
            elif delivery.status is DeliveryStatus.UNCERTAIN and not self._may_resend(delivery):
                ends.append((delivery, DeliveryStatus.HELD))
            elif content is not None and (whole or _may_have_arrived(delivery)):
                letters.append(Letter(delivery, content, wanted, keys[delivery.id]))
            else:
                (to_print if whole else left).append((delivery, wanted))
        for delivery, wanted in await self._narrowed(left) if left else ():
            if delivery.picks:
                to_print.append((delivery, wanted))
            else:
                ends.append((delivery, DeliveryStatus.SKIPPED))
        await self._end(ends)
        return written + letters + await self._printed(to_print, keys)

    async def _narrowed(self, left: Sequence[_Wanted]) -> list[_Wanted]:
        """Commit that of these deliveries only what their readers still want is sent."""
        store, workers = self._around.store, self._around.workers
        papers = await workers.store(store.papers, {p.paper for d, _ in left for p in d.picks})
        editions = await workers.store(
            store.editions_by_id, {n for d, _ in left for n in d.editions}
        )
        now = {number: paper.id for number, paper in papers.items()}
        narrowed: list[_Wanted] = []
        writes: list[Callable[[], object]] = []
        for delivery, wanted in left:
            picks, kept = digest.narrowed(delivery, wanted, editions, now)
            narrowed.append((replace(delivery, picks=picks, editions=kept), wanted))
            if kept != delivery.editions:
                writes.append(partial(store.narrow, delivery.id, picks, kept))
        await workers.store(store.together, writes)
        return narrowed

    async def _notes(self, notes: Sequence[Delivery], keys: Mapping[int, str]) -> list[Letter]:
        """Return the letters of notes, whose bytes were committed with them; none are made anew."""
        store, workers = self._around.store, self._around.workers
        suppressed = await workers.store(store.suppressed, {keys[note.id] for note in notes})
        prepared = await workers.store(store.prepared, [note.id for note in notes])
        letters: list[Letter] = []
        ends: list[tuple[Delivery, DeliveryStatus]] = []
        for note in notes:
            content = prepared.get(note.id)
            if content is None or keys[note.id] in suppressed:
                ends.append((note, DeliveryStatus.SKIPPED))
            elif note.status is DeliveryStatus.UNCERTAIN and not self._may_resend(note):
                ends.append((note, DeliveryStatus.HELD))
            else:
                letters.append(Letter(note, content, (), keys[note.id]))
        await self._end(ends)
        return letters

    async def _new_editions(self, claimed: Sequence[Delivery]) -> Mapping[int, Edition]:
        """Return the editions that these deliveries show and that no batch before did."""
        ids = {edition for d in claimed for edition in d.editions} - self._told_editions
        self._told_editions |= ids
        return await self._around.workers.store(self._around.store.editions_by_id, ids)

    def _may_be_in_another(self, delivery: Delivery) -> bool:
        """Whether a delivery's papers may go in another mail, by what holds for the mail itself."""
        return not _may_have_arrived(delivery) or self._may_resend(delivery)

    def _may_resend(self, delivery: Delivery) -> bool:
        mail = self._around.post.config.mail
        # Into a Maildir it cannot go twice: what is there already is known by its name.
        return mail.transport == "maildir" or (mail.uncertain == "resend" and not delivery.resent)

    async def _printed(self, wanted: Sequence[_Wanted], keys: Mapping[int, str]) -> list[Letter]:
        """Return letters to these readers, made for the profiles that they want."""
        store, workers = self._around.store, self._around.workers
        editions = await self._new_editions([delivery for delivery, _ in wanted])
        shown = {line.paper for delivery, _ in wanted for line in delivery.picks}
        papers = await workers.store(store.papers, shown - self._told_papers)
        self._told_papers |= shown
        orders = [PrintOrder(delivery, self._around.clock()) for delivery, _ in wanted]
        printed = await self._printer.print(orders, papers, editions)
        letters = []
        for (delivery, profiles), content in zip(wanted, printed, strict=True):
            if isinstance(content, Unprintable):
                await self._refuse(delivery, content.reason)
            else:
                letters.append(Letter(delivery, content, profiles, keys[delivery.id], fresh=True))
        return letters

    async def _refuse(self, delivery: Delivery, reason: str) -> None:
        """End a delivery that no message can be made of: it must not keep the others back."""
        attempt = Attempt(Verdict.REFUSED_CONTENT, Phase.CONNECT, 0, reason)
        await self._around.workers.store(
            self._around.store.record, delivery.id, DeliveryStatus.FAILED, attempt,
            self._around.clock(),
        )  # fmt: skip
        self._around.report.tell(f"Delivery {delivery.id} is failed: {reason}")
        self._around.ended(delivery, DeliveryStatus.FAILED)

    async def _end(self, ends: Sequence[tuple[Delivery, DeliveryStatus]]) -> None:
        if not ends:
            return
        store, now = self._around.store, self._around.clock()
        await self._around.workers.store(
            store.together,
            [
                partial(store.record, delivery.id, status, HELD, now)
                if status is DeliveryStatus.HELD
                else partial(
                    store.call_off,
                    delivery.id,
                    status,
                    _UNWANTED,
                    give_back=self._may_be_in_another(delivery),
                )
                for delivery, status in ends
            ],
        )
        for delivery, status in ends:
            if status is DeliveryStatus.HELD:
                self._around.report.tell(f"Delivery {delivery.id} is held: {HELD.said}")
            self._around.ended(delivery, status)


def _may_have_arrived(delivery: Delivery) -> bool:
    return delivery.resent or delivery.status is DeliveryStatus.UNCERTAIN


HELD = Attempt(
    Verdict.UNCERTAIN,
    Phase.DATA,
    0,
    "it is not known whether this arrived; it is held, as configured",
)
_UNWANTED = "the subscriber left, paused or was suppressed before it was sent"
