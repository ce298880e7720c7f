"""The outbox: deliveries that are due, sent one at a time, one committed state after the other.

Nothing is sent that was not committed first; `sending`, with the bytes, is committed before the
first word to a server, and what it answered right after. So a process that dies loses nothing, and
what it had in flight goes out once more with the same bytes (MAIL.md, Outbox).
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from email.utils import parseaddr

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
_REFUSALS_IN_A_ROW = 3

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


@dataclass(frozen=True, slots=True)
class Post:
    """What sending needs besides the store: who we are, how mail looks, and the way out."""

    config: Config
    secret: bytes
    render: Renderer
    mailer: Mailer


async def send_due(
    post: Post,
    store: DeliverStore,
    workers: Workers,
    now: datetime,
    report: DeliverReport,
    on_end: OnEnd,
) -> None:
    """Send every delivery that is due, in leased batches, until none is left or trouble says stop.

    Raises StateError where the store can't be written: then nothing more is sent.
    """
    # A name that no sender before us had, also where process numbers come round.
    owner = f"{os.uname().nodename}/{os.getpid()}-{secrets.token_hex(4)}"
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
    store: DeliverStore
    workers: Workers
    session: MailSession
    now: datetime
    report: DeliverReport
    on_end: OnEnd

    async def send_all(self, deliveries: Sequence[Delivery]) -> bool:
        """Send each; return False where the server wants a rest or refuses whatever we say."""
        refusals = 0
        for delivery in deliveries:
            attempt = await self._send(delivery)
            refused = attempt is not None and attempt.verdict is Verdict.REFUSED_CONTENT
            refusals = refusals + 1 if refused else 0
            if attempt is not None and attempt.verdict is Verdict.SLOW_DOWN:
                self.report.problems.append("The server asks for a rest: the others wait.")
                return False
            if refusals >= _REFUSALS_IN_A_ROW:
                self.report.problems.append(
                    f"{refusals} messages in a row were refused: sending was stopped, the others wait."
                )
                return False
        return True

    async def _send(self, delivery: Delivery) -> Attempt | None:
        """Send one delivery, or call it off; return how the attempt ended, None for none."""
        called_off = self._call_off(delivery)
        if called_off is not None:
            status, reason = called_off
            await self.workers.store(self.store.call_off, delivery.id, status, reason)
            self._note(delivery, status)
            return None
        if delivery.status is DeliveryStatus.UNCERTAIN and not self._may_resend(delivery):
            await self._record(delivery, DeliveryStatus.HELD, _HELD)
            return None
        content = await self.workers.store(self.store.prepared, delivery.id)
        if content is None:
            content = await self._build(delivery)
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

    def _call_off(self, delivery: Delivery) -> tuple[DeliveryStatus, str] | None:
        in_flight = delivery.status is DeliveryStatus.UNCERTAIN
        if delivery.stale_at is not None and self.now > delivery.stale_at and not in_flight:
            return (
                DeliveryStatus.SKIPPED,
                "could not be sent in time; its papers go to the next digest",
            )
        return None

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
        self.report.ended[status.value] = self.report.ended.get(status.value, 0) + 1
        self.on_end(delivery, status)

    def _envelope_sender(self) -> str:
        return parseaddr(self.post.config.mail.sender)[1]

    async def _build(self, delivery: Delivery) -> bytes:
        sections = await sections_of(delivery, self.post.config, self.store, self.workers)
        return await self.workers.cpu(build_message, delivery, sections, self.post, self.now)


_HELD = Attempt(
    Verdict.UNCERTAIN,
    Phase.DATA,
    0,
    "it is not known whether this arrived; it is held, as configured",
)


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
    delivery: Delivery, config: Config, store: DeliverStore, workers: Workers
) -> tuple[Section, ...]:
    """Return a digest's sections, one a profile, as its picks were committed."""
    editions = await workers.store(store.editions_by_id, delivery.editions)
    papers = await workers.store(store.papers, {pick.paper for pick in delivery.picks})
    by_profile: dict[str, list[Edition]] = {}
    for edition_id in delivery.editions:
        by_profile.setdefault(editions[edition_id].profile, []).append(editions[edition_id])
    sections: list[Section] = []
    for name, made in by_profile.items():
        reasons = {(edition.id, pick.paper): pick for edition in made for pick in edition.picks}
        shown = [
            (reasons[line.edition, papers[line.paper].id], papers[line.paper])
            for line in delivery.picks
            if (line.edition, papers[line.paper].id) in reasons
        ]
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
