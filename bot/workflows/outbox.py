"""The outbox: deliveries that are due, sent one at a time, one committed state after the other.

Nothing is sent that was not committed first; `sending`, with the bytes, is committed before the
first word to a server, and what it answered right after. So a process that dies loses nothing, and
what it had in flight goes out once more with the same bytes (MAIL.md, Outbox).
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from email.utils import parseaddr
from typing import Protocol

from bot import tokens
from bot.config import Config, Profile
from bot.errors import MailError
from bot.models import (
    Attempt,
    Delivery,
    DeliveryStatus,
    Edition,
    Envelope,
    Phase,
    Verdict,
)
from bot.outputs.cards import Section
from bot.outputs.email import DigestMaterial, digest_message
from bot.ports import DeliverStore, Mailer, MailSession, Renderer, Workers

LEASE = timedelta(minutes=15)  # longer than the ten minutes a server may take after the dot
_BATCH = 50
_RETRY_MINUTES = (5, 15, 30, 60, 120)
_IN_A_ROW = 3  # refused messages or lost connections, before sending is stopped


class OutboxStore(DeliverStore, Protocol):
    """What sending reads besides: what came too late, and what nobody wants any more."""

    def overdue(self, owner: str, now: datetime) -> list[Delivery]:
        """Return deliveries whose time is over and that nobody is sending, oldest first."""
        ...

    def wanted(self, delivery: int, suppressed: str) -> Mapping[str, bool]:
        """Return the profiles that a delivery serves, and whether its subscriber wants each."""
        ...


OnEnd = Callable[[Delivery, DeliveryStatus], None]


@dataclass(slots=True)
class DeliverReport:
    """What became of this run's deliveries: counts by status, and sentences about trouble."""

    opened: int = 0
    skipped: int = 0
    ended: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    @property
    def sent(self) -> int:
        """How many went out."""
        return self.ended.get(DeliveryStatus.SENT.value, 0)

    def count(self, status: DeliveryStatus) -> None:
        """Count one delivery that ended so."""
        self.ended[status.value] = self.ended.get(status.value, 0) + 1


@dataclass(frozen=True, slots=True)
class Post:
    """What sending needs besides the store: who we are, how mail looks, and the way out."""

    config: Config
    secret: bytes
    render: Renderer
    mailer: Mailer


async def call_off_late(
    store: OutboxStore, workers: Workers, now: datetime, report: DeliverReport, on_end: OnEnd
) -> None:
    """End what could not be sent in time: its papers go to the digest that is opened next.

    No server is needed for this: while the relay is down, nothing is kept back behind it.
    """
    for delivery in await workers.store(store.overdue, _new_owner(), now):
        if delivery.resent:  # it may have arrived: neither repeated nor dropped without a person
            status = DeliveryStatus.HELD
            await workers.store(store.record, delivery.id, status, _HELD, now)
        else:
            status = DeliveryStatus.SKIPPED
            await workers.store(store.call_off, delivery.id, status, _LATE)
            report.problems.append(f"Delivery {delivery.id} {_LATE}.")
        report.count(status)
        on_end(delivery, status)


def _new_owner() -> str:
    """Return a name that no sender before us had, also where process numbers come round."""
    return f"{os.uname().nodename}/{os.getpid()}-{secrets.token_hex(4)}"


async def send_due(
    post: Post,
    store: OutboxStore,
    workers: Workers,
    now: datetime,
    report: DeliverReport,
    on_end: OnEnd,
) -> None:
    """Send every delivery that is due, in leased batches, until none is left or trouble says stop.

    Raises StateError where the store can't be written: then nothing more is sent.
    """
    owner = _new_owner()
    while claimed := await workers.store(store.claim, owner, now, now + LEASE, _BATCH):
        try:
            async with post.mailer.session() as session:
                sender = _Sender(post, store, workers, session, now, report, on_end)
                if not await sender.send_all(claimed):
                    return
        except MailError as error:
            report.problems.append(str(error))
            return
        finally:
            await workers.store(store.release, owner)


@dataclass(slots=True)
class _Sender:
    post: Post
    store: OutboxStore
    workers: Workers
    session: MailSession
    now: datetime
    report: DeliverReport
    on_end: OnEnd

    async def send_all(self, deliveries: Sequence[Delivery]) -> bool:
        """Send each; return False where the server wants a rest or refuses whatever we say."""
        refused = lost = 0
        for delivery in deliveries:
            attempt = await self._send(delivery)
            if attempt is None:
                continue
            refused = refused + 1 if attempt.verdict is Verdict.REFUSED_CONTENT else 0
            lost = lost + 1 if attempt.code == 0 else 0
            if trouble := _reason_to_stop(attempt, refused, lost):
                self.report.problems.append(f"{trouble}: sending was stopped, the others wait.")
                return False
        return True

    async def _send(self, delivery: Delivery) -> Attempt | None:
        """Send one delivery, or call it off; return how the attempt ended, None for none."""
        content = await self._content(delivery)
        if content is None:
            await self.workers.store(
                self.store.call_off, delivery.id, DeliveryStatus.SKIPPED, _UNWANTED
            )
            self._note(delivery, DeliveryStatus.SKIPPED)
            return None
        if delivery.status is DeliveryStatus.UNCERTAIN and not self._may_resend(delivery):
            await self._record(delivery, DeliveryStatus.HELD, _HELD)
            return None
        await self.workers.store(self.store.prepare, delivery.id, content, self.now + LEASE)
        attempt = await self.session.send(
            Envelope(
                delivery=delivery.id,
                sender=self._envelope_sender(),
                recipient=delivery.address,
                message_id=delivery.message_id,
                content=content,
            )
        )
        await self._record(delivery, _status_after(attempt), attempt)
        return attempt

    async def _content(self, delivery: Delivery) -> bytes | None:
        """Return the bytes to send, None where the subscriber has left since they were owed.

        Of a profile that they left, nothing is sent. What may have arrived goes as it was, or not.
        """
        suppressed = tokens.suppression_key(self.post.secret, delivery.address)
        standing = await self.workers.store(self.store.wanted, delivery.id, suppressed)
        wanted = [name for name, still in standing.items() if still]
        if not wanted:
            return None
        prepared = await self.workers.store(self.store.prepared, delivery.id)
        may_have_arrived = delivery.resent or delivery.status is DeliveryStatus.UNCERTAIN
        if prepared is not None and (may_have_arrived or len(wanted) == len(standing)):
            return prepared
        sections = await sections_of(
            delivery, self.post.config, self.store, self.workers, only=wanted
        )
        if len(wanted) < len(standing) and not any(section.picks for section in sections):
            return None
        return await self.workers.cpu(build_message, delivery, sections, self.post, self.now)

    def _may_resend(self, delivery: Delivery) -> bool:
        return self.post.config.mail.uncertain == "resend" and not delivery.resent

    async def _record(self, delivery: Delivery, status: DeliveryStatus, attempt: Attempt) -> None:
        next_try = None
        if status in (DeliveryStatus.RETRY, DeliveryStatus.UNCERTAIN):
            wait = _RETRY_MINUTES[min(delivery.attempts, len(_RETRY_MINUTES) - 1)]
            next_try = self.now + timedelta(minutes=wait)
        await self.workers.store(
            self.store.record, delivery.id, status, attempt, self.now, next_try
        )
        if status is not DeliveryStatus.SENT:
            self.report.problems.append(
                f"Delivery {delivery.id} is {status.value}: {attempt.said or attempt.verdict.value}"
            )
        self._note(delivery, status)

    def _note(self, delivery: Delivery, status: DeliveryStatus) -> None:
        self.report.count(status)
        self.on_end(delivery, status)

    def _envelope_sender(self) -> str:
        return parseaddr(self.post.config.mail.sender)[1]


_HELD = Attempt(
    Verdict.UNCERTAIN,
    Phase.DATA,
    0,
    "it is not known whether this arrived; it is held, as configured",
)


_LATE = "could not be sent in time; its papers go to the next digest"
_UNWANTED = "the subscriber left, paused or was suppressed before it was sent"


def _reason_to_stop(attempt: Attempt, refused: int, lost: int) -> str:
    """Return why the next message would fare no better, "" where it may."""
    if attempt.verdict is Verdict.SLOW_DOWN:
        return f"The mail server takes nothing from us now ({attempt.said or attempt.code})"
    if refused >= _IN_A_ROW:
        return f"{refused} messages in a row were refused"
    if lost >= _IN_A_ROW:
        return f"The connection was lost {lost} times in a row"
    return ""


def _status_after(attempt: Attempt) -> DeliveryStatus:
    return {
        Verdict.SENT: DeliveryStatus.SENT,
        Verdict.RETRY: DeliveryStatus.RETRY,
        Verdict.SLOW_DOWN: DeliveryStatus.RETRY,
        Verdict.UNCERTAIN: DeliveryStatus.UNCERTAIN,
        Verdict.REFUSED_ADDRESS: DeliveryStatus.FAILED,
        Verdict.REFUSED_CONTENT: DeliveryStatus.FAILED,
    }[attempt.verdict]


async def sections_of(
    delivery: Delivery,
    config: Config,
    store: DeliverStore,
    workers: Workers,
    *,
    only: Collection[str],
) -> tuple[Section, ...]:
    """Return a digest's sections, one a profile of `only`, as its picks were committed."""
    editions = await workers.store(store.editions_by_id, delivery.editions)
    papers = await workers.store(store.papers, {pick.paper for pick in delivery.picks})
    by_profile: dict[str, list[Edition]] = {}
    for edition_id in delivery.editions:
        if editions[edition_id].profile in only:
            by_profile.setdefault(editions[edition_id].profile, []).append(editions[edition_id])
    told: set[int] = set()  # what was two papers when it was owed may be one by now
    sections: list[Section] = []
    for name, made in by_profile.items():
        reasons = {(edition.id, pick.paper): pick for edition in made for pick in edition.picks}
        shown = []
        for line in delivery.picks:
            paper = papers[line.paper]
            if (line.edition, paper.id) in reasons and paper.id not in told:
                told.add(paper.id)
                shown.append((reasons[line.edition, paper.id], paper))
        numbered = tuple(
            (replace(pick, position=at), paper) for at, (pick, paper) in enumerate(shown, start=1)
        )
        profile = config.profiles.get(name) or Profile().named(name)
        sections.append(Section(profile=profile, picks=numbered, editions=tuple(made)))
    return tuple(sections)


def build_message(
    delivery: Delivery, sections: tuple[Section, ...], post: Post, now: datetime
) -> bytes:
    """Return the digest's bytes. They are built once and stored: a resend sends the same."""
    bot = post.config.bot
    way_out = ""
    if bot.base_url:
        token = tokens.make(post.secret, tokens.Purpose.UNSUBSCRIBE, [delivery.subscriber], 0)
        way_out = f"{bot.base_url}/unsubscribe/{token}"
    return digest_message(
        material=DigestMaterial(
            recipient=delivery.address,
            message_id=delivery.message_id,
            date=now,
            sections=sections,
            overflow=delivery.overflow,
        ),
        bot=bot,
        sender=post.config.mail.sender,
        unsubscribe=way_out,
        render=post.render,
    )
