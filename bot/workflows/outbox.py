"""The outbox: deliveries that are due, sent over a few connections, one committed state after another.

Nothing is sent that was not committed first; `sending`, with the bytes, is committed before the
first word to a server, and what it answered right after, before that connection says another word.
So a process that dies loses nothing, and what it had in flight, at most one message a connection,
goes out once more with the same bytes (MAIL.md, Outbox).

While one batch is sent, the next is made; what several connections write at one moment is one commit.
"""

from __future__ import annotations

import asyncio
import math
import os
import secrets
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, suppress
from datetime import datetime, timedelta
from functools import partial

from bot import manners, tokens
from bot.errors import MailError
from bot.models import (
    Attempt,
    Delivery,
    DeliveryKind,
    DeliveryStatus,
    Envelope,
    Rest,
    Verdict,
)
from bot.ports import MailSession, Printer
from bot.text import nameless
from bot.workflows.desk import HELD, DeliverRun, Desk, Letter

LEASE = timedelta(minutes=15)  # longer than the ten minutes a server may take after the dot
_BATCH = 100  # messages made at once: some 6 MB …
_MOST_WAITING = 5 * _BATCH
_BATCH_SECONDS = 60  # … and no more than go in so long: nobody's mail lies ready for hours
_WORTH_A_CONNECTION = 10  # with fewer messages, another connection costs more than it brings
_LEAVING_SECONDS = 20  # a service has 30 to stop in; what is cut off then may have arrived
_AGAIN_SECONDS = 0.5  # after which what did not heed is told again to leave off
_TOGETHER = 200  # deliveries that are called off in one transaction

Write = Callable[[], object]


async def call_off_late(around: DeliverRun) -> None:
    """End what could not be sent in time: its papers go to the digest that is opened next.

    No server is needed for this: while the relay is down, nothing is kept back behind it.
    """
    store, now, owner = around.store, around.clock(), _new_owner()
    while late := await around.workers.store(store.overdue, owner, now, _TOGETHER):
        # It may have arrived: neither repeated nor dropped without a person.
        held = [delivery for delivery in late if delivery.resent]
        over = [delivery for delivery in late if not delivery.resent]
        await around.workers.store(
            store.together,
            [partial(store.record, d.id, DeliveryStatus.HELD, HELD, now) for d in held]
            + [partial(store.call_off, d.id, DeliveryStatus.SKIPPED, NOT_IN_TIME) for d in over],
        )
        for delivery in held:
            around.ended(delivery, DeliveryStatus.HELD)
        for delivery in over:
            around.report.tell(f"Delivery {delivery.id} {NOT_IN_TIME}.")
            around.ended(delivery, DeliveryStatus.SKIPPED)


async def send_due(around: DeliverRun, until: datetime | None = None) -> bool:
    """Send what is due, until nothing is left, trouble says stop, or it is `until`.

    Returns whether more is due. Raises StateError where the store can't be written: then nothing
    more is sent.
    """
    due = await around.workers.store(around.store.count_due, around.clock())
    if not due:
        return False
    async with around.post.printing(due) as printers:
        return await _Sending(around, printers, due, until).run()


NOT_IN_TIME = "could not be sent in time; its papers go to the next digest"


def _new_owner() -> str:
    """Return a name that no sender before us had, also where process numbers come round."""
    return f"{os.uname().nodename}/{os.getpid()}-{secrets.token_hex(4)}"


class _Sending:
    """One run over the outbox: a task a printer makes letters, a few carry them, each its connection."""

    def __init__(
        self, around: DeliverRun, printers: Sequence[Printer], due: int, until: datetime | None
    ) -> None:
        self._around, self._store, self._workers = around, around.store, around.workers
        self._mail = around.post.config.mail
        self._sender = self._mail.sender_address
        self._owner = _new_owner()
        self._desks = [Desk(around, printer) for printer in printers]
        self._commit = _Commits(around)
        self._until = until
        self._batch = max(1, min(_BATCH, math.floor(self._mail.rate * _BATCH_SECONDS)))
        self._carriers = min(self._mail.connections, math.ceil(due / _WORTH_A_CONNECTION))
        self._lanes: manners.Lanes[Letter] = manners.Lanes(self._mail.per_domain)
        self._breaker = manners.Breaker(self._mail.breaker)
        self._changed = asyncio.Condition()
        self._making = len(printers)
        self._stopped = self._more = False
        self._failure: Exception | None = None
        self._trouble = ""

    async def run(self) -> bool:
        """Send; return whether more is due."""
        rest = await self._workers.store(self._store.rest)
        try:
            async with AsyncExitStack() as connections:
                session = await self._opened(connections)
                if session is None:
                    return True
                others = [self._carry_beside() for _ in range(self._carriers - 1)]
                makers = [self._make(desk) for desk in self._desks]
                await self._all(*makers, self._carry(session), *others)
        except MailError as error:
            self._trouble = str(error)
        finally:
            await self._workers.store(self._store.release, self._owner)
        if self._failure is not None:
            raise self._failure
        await self._rest(rest)
        return self._more and not self._trouble

    async def _opened(self, connections: AsyncExitStack) -> MailSession | None:
        """Open the first connection; None where told to stop meanwhile: nothing is claimed yet."""
        session = self._around.post.mailer.session()
        opening = asyncio.create_task(connections.enter_async_context(session))
        stopping = asyncio.create_task(self._around.stop.wait())
        try:
            await asyncio.wait({opening, stopping}, return_when=asyncio.FIRST_COMPLETED)
            return await opening if opening.done() else None
        finally:
            stopping.cancel()
            while not opening.done():
                opening.cancel()  # before Python 3.12 one cancellation can be lost, as in `_all`
                await asyncio.wait({opening}, timeout=_AGAIN_SECONDS)
            await asyncio.gather(opening, stopping, return_exceptions=True)

    async def _rest(self, before: Rest | None) -> None:
        """Commit that all sending rests for a while, or that it needs none any more."""
        if self._trouble:
            self._around.report.problems.append(self._trouble)
            # The next rest is a longer one only where nothing went out since the last.
            again = before if not self._around.report.sent else None
            rest = manners.rest_after(self._trouble, again, self._around.clock())
            await self._workers.store(self._store.set_rest, rest)
        elif before is not None:
            await self._workers.store(self._store.set_rest, None)

    async def _all(self, *works: Coroutine[object, object, None]) -> None:
        tasks = [asyncio.create_task(self._guarded(work)) for work in works]
        leaving = asyncio.create_task(self._leave_off(tasks))
        try:
            await asyncio.wait(tasks)
        finally:  # none outlives the others
            # Before Python 3.12 wait_for can lose a cancellation that comes with its answer.
            self._stopped = True
            for task in (leaving, *tasks):
                task.cancel()
            await asyncio.gather(leaving, *tasks, return_exceptions=True)
        if any(task.cancelled() for task in tasks) and not self._around.stop.is_set():
            raise asyncio.CancelledError

    async def _leave_off(self, tasks: Sequence[asyncio.Task[None]]) -> None:
        """When told to, begin nothing more, and wait only so long for what is under way."""
        await self._around.stop.wait()
        await self._stop()
        await asyncio.sleep(_LEAVING_SECONDS)
        for task in tasks:
            task.cancel()

    async def _guarded(self, work: Awaitable[None]) -> None:
        """Do a task's work; where it fails, let the others end what they have begun, then raise."""
        try:
            await work
        except Exception as error:  # noqa: BLE001 - `run` raises it when the connections are closed
            self._failure = self._failure or error
            await self._stop()

    async def _stop(self, trouble: str = "") -> None:
        self._trouble = self._trouble or trouble
        async with self._changed:
            self._stopped = True
            self._changed.notify_all()

    # ── Making ──

    @property
    def _made_all(self) -> bool:
        return not self._making

    async def _make(self, desk: Desk) -> None:
        """Claim and print, a batch ahead of what is being sent."""
        while not await self._stopped_when_a_batch_has_room():
            now = self._around.clock()
            if reason := await self._workers.store(self._store.hold_of_all):  # said while we send
                self._around.report.problems.append(f"All sending was held meanwhile: {reason}")
                await self._stop()
                break
            if self._until is not None and now >= self._until:
                self._more = True
                break
            claimed = await self._workers.store(
                self._store.claim, self._owner, now, now + LEASE, self._batch
            )
            if not claimed:
                break
            await self._put(await desk.letters(claimed))
        async with self._changed:
            self._making -= 1
            self._changed.notify_all()

    async def _stopped_when_a_batch_has_room(self) -> bool:
        async with self._changed:
            await self._changed.wait_for(lambda: self._stopped or self._has_room())
            return self._stopped

    def _has_room(self) -> bool:
        # What stands behind a slow domain must not keep the others from being made.
        return self._lanes.passable < self._batch and len(self._lanes) < _MOST_WAITING

    async def _put(self, letters: Sequence[Letter]) -> None:
        async with self._changed:
            for letter in letters:
                self._lanes.put(letter.domain, letter)
            self._changed.notify_all()

    # ── Carrying ──

    async def _carry_beside(self) -> None:
        """Carry over one more connection, where the server grants it: it may allow only so many."""
        async with self._changed:
            await self._changed.wait_for(
                lambda: self._stopped or self._made_all or len(self._lanes)
            )
        if self._stopped or not len(self._lanes):
            return
        with suppress(MailError):
            async with self._around.post.mailer.session() as session:
                await self._carry(session)

    async def _carry(self, session: MailSession) -> None:
        """Send letters, one after the other, until there are no more or sending is stopped."""
        letter = await self._next(session)
        while letter is not None:
            attempt = await session.send(self._envelope(letter))
            letter = await self._settle(session, letter, attempt)

    async def _next(self, session: MailSession) -> Letter | None:
        """Return the next letter, committed as `sending`; None where none will come any more.

        It waits for its turn before it is committed: what nobody was told of is in nobody's doubt.
        """
        while (letter := await self._take()) is not None:
            if not await self._waited(session.turn()):
                return None
            (prepared,) = await self._commit(self._preparing(letter))
            if prepared:
                return letter
            await self._begin_again(letter)
        return None

    async def _waited(self, seconds: float) -> bool:
        """Wait so long; return whether sending goes on."""
        if not seconds:
            return not self._stopped
        async with self._changed:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._changed.wait_for(lambda: self._stopped)
            return not self._stopped

    async def _take(self) -> Letter | None:
        """Wait for a letter whose domain has room."""
        async with self._changed:
            while not self._stopped:
                letter = self._lanes.take()
                if letter is not None:
                    self._changed.notify_all()  # there is room for the next batch, perhaps
                    return letter
                if self._made_all and not len(self._lanes):
                    return None
                await self._changed.wait()
            return None

    async def _settle(
        self, session: MailSession, letter: Letter, attempt: Attempt
    ) -> Letter | None:
        """Commit how it ended; return the next letter, where it may go at once in the same commit."""
        status = _STATUS_AFTER[attempt.verdict]
        if trouble := self._breaker.after(attempt):
            await self._stop(f"{trouble}: sending was stopped, the others wait.")
        async with self._changed:
            self._lanes.done(letter.domain)
            following = None
            if not self._stopped and not session.wait():
                following = self._lanes.take()
            if following is not None:
                session.turn()
            self._changed.notify_all()
        writes = self._recording(letter.delivery, status, attempt)
        if following is not None:
            writes.append(self._preparing(following))
        *_, prepared = await self._commit(*writes)
        self._tell(letter.delivery, status, attempt)
        if following is not None:
            if prepared:
                return following
            await self._begin_again(following)
        return await self._next(session)

    async def _begin_again(self, letter: Letter) -> None:
        """Make a letter anew: its reader left a profile, or all, while it waited."""
        made = await self._desks[0].letters([letter.delivery])
        async with self._changed:
            self._lanes.done(letter.domain)
        await self._put(made)

    def _preparing(self, letter: Letter) -> Write:
        return partial(
            self._store.prepare, letter.delivery.id, letter.content, letter.profiles,
            letter.suppressed, self._around.clock() + LEASE,
        )  # fmt: skip

    def _recording(
        self, delivery: Delivery, status: DeliveryStatus, attempt: Attempt
    ) -> list[Write]:
        now = self._around.clock()
        again = None
        if status in (DeliveryStatus.RETRY, DeliveryStatus.UNCERTAIN):
            again = manners.next_try(now, delivery.attempts, self._mail.retry)
        writes: list[Write] = [
            partial(self._store.record, delivery.id, status, attempt, now, again)
        ]
        if manners.no_such_address(attempt):
            key = tokens.suppression_key(self._around.post.secret, delivery.address)
            reason = f"bounce: {attempt.code} {nameless(attempt.said)}"
            writes.append(partial(self._store.suppress, delivery.address, key, reason, now))
        return writes

    def _tell(self, delivery: Delivery, status: DeliveryStatus, attempt: Attempt) -> None:
        if status is not DeliveryStatus.SENT:
            said = nameless(attempt.said) or attempt.verdict.value
            self._around.report.tell(f"Delivery {delivery.id} is {status.value}: {said}")
        self._around.ended(delivery, status)

    def _envelope(self, letter: Letter) -> Envelope:
        return Envelope(
            delivery=letter.delivery.id,
            sender=self._envelope_sender(letter.delivery),
            recipient=letter.delivery.address,
            message_id=letter.delivery.message_id,
            content=letter.content,
            dotless=letter.fresh,
        )

    def _envelope_sender(self, delivery: Delivery) -> str:
        """Return where a report of failure goes: to an address that says whose it is, if there is."""
        if delivery.kind is DeliveryKind.REPLY:
            return ""  # a report about it goes nowhere, so no two machines answer one another
        if not self._mail.bounce:
            return self._sender
        token = tokens.make_for_mail(
            self._around.post.secret,
            tokens.Purpose.BOUNCE,
            [delivery.subscriber, delivery.id],
            delivery.token_epoch,
        )
        return self._mail.bounce.replace("{token}", token)


_STATUS_AFTER = {
    Verdict.SENT: DeliveryStatus.SENT,
    Verdict.RETRY: DeliveryStatus.RETRY,
    Verdict.SLOW_DOWN: DeliveryStatus.RETRY,
    Verdict.UNCERTAIN: DeliveryStatus.UNCERTAIN,
    Verdict.REFUSED_ADDRESS: DeliveryStatus.FAILED,
    Verdict.REFUSED_SENDER: DeliveryStatus.RETRY,
    Verdict.REFUSED_CONTENT: DeliveryStatus.FAILED,
}


class _Commits:
    """Writes that several connections ask for at one moment, in one transaction.

    A commit waits for the disk; while it does, others gather, and go together in the next.
    """

    def __init__(self, around: DeliverRun) -> None:
        self._store, self._workers = around.store, around.workers
        self._waiting: list[tuple[Sequence[Write], asyncio.Future[Sequence[object]]]] = []
        self._writer: asyncio.Task[None] | None = None

    async def __call__(self, *writes: Write) -> Sequence[object]:
        """Return what each write returns, once all are on the disk. Raises StateError."""
        done: asyncio.Future[Sequence[object]] = asyncio.get_running_loop().create_future()
        self._waiting.append((writes, done))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())
        return await done

    async def _write(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            writes = [write for each, _ in batch for write in each]
            try:
                results = await self._workers.store(self._store.together, writes)
            except Exception as error:  # noqa: BLE001 - it is raised where they wait for it
                for _, done in batch:
                    if not done.done():
                        done.set_exception(error)
                continue
            for each, done in batch:
                if not done.done():
                    done.set_result(results[: len(each)])
                results = results[len(each) :]
