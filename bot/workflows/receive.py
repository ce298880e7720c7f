"""receive: mail that came in → taken in → read → what it asks for, or quarantine.

A mail is committed before anything is done with it, and what is done together with that it was read:
so a door that dies loses nothing, and two at once do nothing twice. One that cannot be read is kept for
a person, and the queue moves on.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Callable, Collection, Sequence
from datetime import date, datetime, timedelta
from email import message_from_bytes
from email.message import Message
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Protocol

from bot import bounces, tokens
from bot.bounces import Report, ReportKind
from bot.errors import StateError
from bot.models import Door, InboundMail, Origin
from bot.ports import Workers
from bot.subscriptions import (
    Wish,
    Word,
    is_curator,
    never_answered,
    says_yes,
    wants_out,
    wish_of,
    writer_of,
)
from bot.values import value_type
from bot.workflows.consent import Reception, SubscriptionOrder
from bot.workflows.submit import Submissions
from bot.workflows.subscribe import WayOutStore, way_out

if TYPE_CHECKING:
    from bot.config import Config

log = logging.getLogger("paperround")

LARGEST = 2_000_000  # bytes that are kept of a mail: a report says what it says at its beginning
_AT_ONCE = 100
_MOST_TOKENS = 50  # that are looked for in one mail
_WEB_TOKEN = re.compile(rb"/unsubscribe/([A-Za-z0-9_-]{20,400})")
_MESSAGE_ID = re.compile(rb"<[0-9a-f]{32}@[A-Za-z0-9.-]{1,255}>")


class MailOutcome(StrEnum):
    """What came of a mail."""

    ASKED = "asked"  # somebody ordered something: the address is asked whether it was them
    CONFIRMED = "confirmed"
    SUBMITTED = "submitted"
    UNSUBSCRIBED = "unsubscribed"
    SUPPRESSED = "suppressed"
    NOTED = "noted"  # a bounce that suppresses nobody yet
    PASSED_OVER = "passed over"  # an answering machine, a mail that is late
    QUARANTINED = "quarantined"


@value_type(frozen=True, slots=True)
class Received:
    """What came of one mail; `said` is a sentence without anybody's address."""

    outcome: MailOutcome
    said: str


class ReceiveStore(WayOutStore, Protocol):
    """What receiving reads and writes."""

    def inbound_waiting(self, limit: int) -> list[str]:
        """Return the keys of mail that is still to be read, the oldest first."""
        ...

    def inbound(self, key: str) -> InboundMail | None:
        """Return a mail that is still to be read, None where it was read meanwhile."""
        ...

    def together(self, writes: Sequence[Callable[[], object]]) -> list[object]:
        """Run several writes of this store in one transaction; one that raises undoes them all."""
        ...

    def was_read(self, key: str) -> None:
        """Commit that a mail was read and acted on; its bytes go."""
        ...

    def quarantine(
        self, key: str, raw: bytes, problem: str, now: datetime, recipient: str = ""
    ) -> None:
        """Keep a mail that could not be read."""
        ...

    def delivery_by_message_id(self, message_id: str) -> tuple[int, int] | None:
        """Return (subscriber, delivery) of a message of ours, None for others."""
        ...

    def suppress(self, address: str, suppressed: str, reason: str, now: datetime) -> int:
        """Write to an address no more; call off what is open for it."""
        ...

    def sent_for(self, delivery: int) -> int:
        """Return the subscription that a mail was for, 0 where it was for all of its reader's."""
        ...

    def note_bounce(
        self, subscriber: int, delivery: int, kind: str, status: str, said: str, now: datetime
    ) -> bool:
        """Commit what was reported of a subscriber's delivery; False where they had no such one."""
        ...

    def failing_days(
        self, subscriber: int, delivery: int, kinds: Collection[str], within: timedelta
    ) -> set[date]:
        """Return the days of the unbroken run of failures that ends with this delivery."""
        ...


def incoming(raw: bytes, recipient: str) -> InboundMail:
    """Return a mail under its key: the same mail to the same address has the same."""
    # A server hands bytes on as they came, and an environment has those that are no UTF-8 in disguise.
    recipient = recipient.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    kept = raw[:LARGEST]
    key = hashlib.sha256(recipient.lower().encode() + b"\0" + kept).hexdigest()[:32]
    return InboundMail(key, recipient, kept)


async def receive(
    config: Config,
    secret: bytes,
    store: ReceiveStore,
    reception: Reception,
    submissions: Submissions,
    workers: Workers,
    now: datetime,
) -> list[Received]:
    """Read all mail that waits; return what came of each. Raises StateError.

    `reception` takes orders and yeses, `submissions` what curators put forward.
    """
    found: list[Received] = []
    reading = _Reading(config, secret, store, reception, submissions, now)
    while waiting := await workers.store(store.inbound_waiting, _AT_ONCE):
        for key in waiting:
            # A transaction each: of two doors that read at once, one acts on it, and the other sees.
            (received,) = await workers.store(store.together, [partial(reading.one, key)])
            found += [received] if isinstance(received, Received) else []
    return found


class _Reading:
    """Reads mails one by one. Runs on the store's thread: a mail is small, and few come."""

    def __init__(
        self,
        config: Config,
        secret: bytes,
        store: ReceiveStore,
        reception: Reception,
        submissions: Submissions,
        now: datetime,
    ) -> None:
        self._config, self._secret, self._store = config, secret, store
        self._reception, self._submissions, self._now = reception, submissions, now

    def one(self, key: str) -> Received | None:
        """Read a mail; return what came of it, None where somebody else read it meanwhile."""
        mail = self._store.inbound(key)
        if mail is None:
            return None
        try:
            received = self._read(mail)
        except StateError:
            raise  # it waits: nothing was wrong with the mail
        except Exception as error:  # a mail that breaks us must not keep the others waiting
            log.exception("a mistake of ours in reading mail %s", mail.key)
            problem = f"we stumbled over it ({type(error).__name__}), which is a mistake of ours"
            received = Received(MailOutcome.QUARANTINED, problem)
        if received.outcome is MailOutcome.QUARANTINED:
            self._store.quarantine(mail.key, mail.raw, received.said, self._now, mail.recipient)
        else:
            self._store.was_read(mail.key)
        return received

    def _read(self, mail: InboundMail) -> Received:
        message = message_from_bytes(mail.raw)
        wish = wish_of(mail.recipient, message, self._config)
        if wish is None:
            return self._without_a_token(mail, message)
        match wish.word:
            case Word.BOUNCE:
                return self._bounce(wish.token, bounces.read_report(mail.raw))
            case Word.UNSUBSCRIBE:
                return self._unsubscribe(wish.token)
            case Word.CONFIRM:
                return self._confirm(wish.token, message)
            case Word.SUBSCRIBE:
                return self._order(wish.profiles, message)
            case Word.SUBMIT:
                return self._submission(wish, message)

    # ── With a token in its address ──

    def _unsubscribe(self, token: str) -> Received:
        read = tokens.read_from_mail(self._secret, tokens.Purpose.UNSUBSCRIBE, token)
        found = way_out(read, self._store) if read else None
        if found is None:
            return Received(MailOutcome.PASSED_OVER, "a token to unsubscribe by that is not valid")
        self._store.unsubscribe(found.address, found.only, Origin.SELF)
        return Received(MailOutcome.UNSUBSCRIBED, "a subscriber unsubscribed by mail")

    def _confirm(self, token: str, message: Message) -> Received:
        # An answering machine may answer to Reply-To, and not every one says by its headers what it is.
        if bounces.is_automatic(message) or bounces.sounds_automatic(message):
            return Received(MailOutcome.PASSED_OVER, "an automatic answer to a question of ours")
        if self._submissions.is_ours(token):
            return self._submit(token, message)
        if not says_yes(message):
            asked = self._reception.asked(token)
            if asked is None or asked.used or asked.expires < self._now:
                return Received(MailOutcome.PASSED_OVER, "an answer to no question of ours")
            return Received(
                MailOutcome.QUARANTINED,
                "somebody answered a question of ours, with anything but a yes",
            )
        if self._reception.confirm(token, self._now) is None:
            return Received(MailOutcome.PASSED_OVER, "a yes to no question of ours, or too late")
        return Received(MailOutcome.CONFIRMED, "a subscriber said yes by mail")

    def _order(self, profiles: tuple[str, ...], message: Message) -> Received:
        """Ask who wrote whether they did; a machine is never answered (RFC 3834 §2)."""
        address = writer_of(message)
        if bounces.is_automatic(message) or (address and never_answered(address, self._config)):
            return Received(MailOutcome.PASSED_OVER, "an automatic mail, which is never answered")
        if not address:
            return Received(
                MailOutcome.QUARANTINED,
                "somebody wants to subscribe, from no address that digests can be sent to",
            )
        refused = self._reception.order(SubscriptionOrder(address, profiles, Door.MAIL), self._now)
        if refused:
            return Received(MailOutcome.QUARANTINED, f"somebody wants to subscribe. {refused}")
        return Received(MailOutcome.ASKED, "somebody wants to subscribe, and is asked by mail")

    def _submission(self, wish: Wish, message: Message) -> Received:
        """Ask the curator who wrote whether they did."""
        address = writer_of(message)
        if bounces.is_automatic(message) or (address and never_answered(address, self._config)):
            return Received(MailOutcome.PASSED_OVER, "an automatic mail, which is never answered")
        if not address or not is_curator(address, self._config.inbound):
            return Received(
                MailOutcome.QUARANTINED, "somebody puts a paper forward who is no curator"
            )
        profile = wish.profiles[0] if wish.profiles else ""
        if profile and profile not in self._config.profiles:
            return Received(
                MailOutcome.QUARANTINED,
                f"a paper was put forward for {profile[:60]!r}, which is no profile",
            )
        self._submissions.ask(address, profile, wish.said, self._now)
        return Received(MailOutcome.ASKED, "a curator puts a paper forward, and is asked by mail")

    def _submit(self, token: str, message: Message) -> Received:
        if not says_yes(message):
            return Received(
                MailOutcome.QUARANTINED,
                "a curator answered a question of ours, with anything but a yes",
            )
        if not self._submissions.confirm(token, self._now):
            return Received(MailOutcome.PASSED_OVER, "a yes to a submission that is over")
        return Received(MailOutcome.SUBMITTED, "a curator put a paper forward by mail")

    def _bounce(self, token: str, report: Report) -> Received:
        read = tokens.read_from_mail(self._secret, tokens.Purpose.BOUNCE, token)
        if read is None or len(read[0]) != 2:  # noqa: PLR2004 - subscriber, delivery
            return Received(MailOutcome.PASSED_OVER, "a report under a token that is not ours")
        # The epoch is not asked: who has new links since still has the mailbox of before.
        return self._reported(*read[0], report)

    # ── Without ──

    def _without_a_token(self, mail: InboundMail, message: Message) -> Received:
        report = bounces.read_report(mail.raw)
        if report.kind is ReportKind.UNKNOWN:
            if bounces.is_automatic(message):
                return Received(MailOutcome.PASSED_OVER, "an automatic mail that tells us nothing")
            if wants_out(message):
                return self._leave(mail, message)
            return Received(
                MailOutcome.QUARANTINED, "somebody wrote; nothing in it is for us to do"
            )
        if report.kind is ReportKind.AUTOMATIC:
            return Received(MailOutcome.PASSED_OVER, "an answering machine")
        about = self._about(mail.raw)
        if about is None:
            return Received(
                MailOutcome.QUARANTINED,
                f"a report ({report.kind.value}) about no mail that we know",
            )
        return self._reported(*about, report)

    def _leave(self, mail: InboundMail, message: Message) -> Received:
        """Unsubscribe who answers a digest of theirs; From alone is easily forged (MAIL.md, Inbound)."""
        about = self._about(mail.raw)
        found = self._store.subscriber(about[0]) if about else None
        if about is None or found is None or found[0].casefold() != writer_of(message).casefold():
            return Received(
                MailOutcome.QUARANTINED,
                "somebody wants to unsubscribe, and answers no digest that was sent to that address; "
                "`paperround subscribers remove` does it",
            )
        subscription = self._store.sent_for(about[1])
        way = way_out(((about[0], subscription) if subscription else about[:1], 0), self._store)
        if way is not None:
            self._store.unsubscribe(way.address, way.only, Origin.SELF)
        return Received(MailOutcome.UNSUBSCRIBED, "a subscriber unsubscribed by answering a digest")

    def _about(self, raw: bytes) -> tuple[int, int] | None:
        """Return (subscriber, delivery or 0) of the mail of ours that a report encloses."""
        for found in list(dict.fromkeys(_MESSAGE_ID.findall(raw)))[:_MOST_TOKENS]:
            about = self._store.delivery_by_message_id(found.decode())
            if about is not None:
                return about
        # Lines of quoted-printable end in the middle of a token.
        whole = re.sub(rb"=\r?\n", b"", raw)
        for token in list(dict.fromkeys(_WEB_TOKEN.findall(whole)))[:_MOST_TOKENS]:
            read = tokens.read(self._secret, tokens.Purpose.UNSUBSCRIBE, token.decode())
            if read is not None:
                return read[0][0], 0
        return None

    # ── What follows ──

    def _reported(self, subscriber: int, delivery: int, report: Report) -> Received:
        if report.kind is ReportKind.AUTOMATIC:
            return Received(MailOutcome.PASSED_OVER, "an answering machine")
        if report.kind is ReportKind.UNKNOWN:
            return Received(
                MailOutcome.QUARANTINED, "it came as a report of failure, but reads like none"
            )
        found = self._store.subscriber(subscriber)
        if found is None:
            return Received(MailOutcome.PASSED_OVER, "a report about somebody who was forgotten")
        self._store.note_bounce(
            subscriber, delivery, report.kind.value, report.status, report.said, self._now
        )
        if report.kind is ReportKind.REFUSED_US:
            return Received(MailOutcome.NOTED, f"a server refuses our mail: {report.said}")
        days = self._store.failing_days(subscriber, delivery, bounces.FAILURES, bounces.SOFT_WINDOW)
        reason = bounces.reason_to_suppress(report, days)
        if not reason:
            return Received(MailOutcome.NOTED, f"{report.kind.value}: {report.said}")
        address = found[0]
        key = tokens.suppression_key(self._secret, address)
        self._store.suppress(address, key, reason, self._now)
        return Received(MailOutcome.SUPPRESSED, reason)
