"""consent: an order → a question by mail → a yes → subscribed, with the proof (double opt-in).

Whatever is ordered for an address, all that follows is at most a few questions to it; nobody learns
from an answer of ours whether an address is known (MAIL.md, Double opt-in).
"""

from __future__ import annotations

import base64
import hashlib
import secrets as random
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from bot import tokens
from bot.models import DeliveryKind, Door, Note, OptIn, Question
from bot.subscriptions import confirm_address, confirm_mark, refusal
from bot.values import value_type

if TYPE_CHECKING:
    from bot.config import Config, Profile

EXPIRES = timedelta(days=3)
MOST_A_DAY = 3  # notes to one address, whoever asked for them
MOST_BY_MAIL = 200  # answers to mail in an hour: a From is easily forged, and no network is known
_DAY, _HOUR = timedelta(days=1), timedelta(hours=1)
_TOKEN_BYTES = 20  # 160 bits (MAIL.md asks for 128)


class NotePrinter(Protocol):
    """Makes notes (`outputs.notes.NotePress`)."""

    def question(
        self,
        *,
        recipient: str,
        profiles: Sequence[Profile],
        link: str,
        reply_to: str,
        days: int,
        message_id: str,
        kind: DeliveryKind,
        now: datetime,
        mark: str = "",
    ) -> Note:
        """Return the mail that asks whether an address wants these profiles."""
        ...

    def already(
        self,
        *,
        recipient: str,
        profiles: Sequence[Profile],
        manage: str,
        message_id: str,
        kind: DeliveryKind,
        now: datetime,
    ) -> Note:
        """Return the mail that tells an address that it is subscribed."""
        ...

    def renewed(self, *, recipient: str, manage: str, message_id: str, now: datetime) -> Note:
        """Return the mail that brings a reader their new link."""
        ...


class OrderedFor(Protocol):
    """Who an order is for."""

    @property
    def subscriber(self) -> int:
        """Their number."""
        ...

    @property
    def epoch(self) -> int:
        """Their token epoch."""
        ...

    @property
    def confirmed(self) -> frozenset[str]:
        """Which of the profiles they have already."""
        ...

    @property
    def asked_lately(self) -> int:
        """How many notes they were sent within a day."""
        ...


class ConsentStore(Protocol):
    """What opting in reads and writes."""

    def order(
        self,
        address: str,
        profiles: Collection[str],
        suppressed: str,
        now: datetime,
        day: timedelta,
    ) -> OrderedFor | None:
        """Note that profiles were ordered for an address; None where it is suppressed."""
        ...

    def replies_since(self, since: datetime) -> int:
        """Return how many mails were answered since then, as far as the latest notes tell."""
        ...

    def ask(self, question: Question, note: Note, now: datetime) -> None:
        """Commit a question with the mail that asks it."""
        ...

    def post(self, subscriber: int, note: Note, stale_at: datetime, now: datetime) -> None:
        """Commit a note to be sent."""
        ...

    def subscriber(self, number: int) -> tuple[str, int, tuple[str, ...]] | None:
        """Return (address, token epoch, profiles it is subscribed to), None for nobody."""
        ...

    def suppressed(self, keys: Collection[str]) -> Mapping[str, str]:
        """Return which of these keys are suppressed: key → reason."""
        ...

    def renew(self, subscriber: int) -> None:
        """Let every link that a subscriber was ever given be void."""
        ...

    def opt_in(self, token_sha: str) -> OptIn | None:
        """Return what a token asks, None for one that is not known."""
        ...

    def confirm(self, token_sha: str, suppressed: str, now: datetime) -> bool:
        """Confirm what a token asks, once."""
        ...


@value_type(frozen=True, slots=True)
class SubscriptionOrder:
    """What was ordered: for whom, how, and from which network ("": not told)."""

    address: str
    profiles: tuple[str, ...]
    door: Door
    network: str = ""


class Reception:
    """Takes orders and yeses. Its methods run on the store's thread."""

    def __init__(
        self,
        config: Config,
        secret: bytes,
        store: ConsentStore,
        press: Callable[[], NotePrinter],
        wording: str,
    ) -> None:
        self._config, self._secret, self._store = config, secret, store
        self._press, self._wording = press, wording

    def order(self, order: SubscriptionOrder, now: datetime) -> str:
        """Ask the address; return why that was refused, "" where it was not.

        A suppressed address, one that was asked often today, and who writes amid a flood of mail is
        not asked: and nobody is told.
        Raises TemplateError, StateError.
        """
        names = tuple(dict.fromkeys(order.profiles))
        if refused := refusal(order.address, names, self._config, order.door):
            return refused
        if order.door is Door.MAIL and self._store.replies_since(now - _HOUR) >= MOST_BY_MAIL:
            return ""
        key = tokens.suppression_key(self._secret, order.address)
        found = self._store.order(order.address, names, key, now, _DAY)
        if found is None or found.asked_lately >= MOST_A_DAY:
            return ""
        missing = [name for name in names if name not in found.confirmed]
        if missing:
            self._ask(found.subscriber, order, missing, now)
        elif self._config.bot.base_url:
            self._tell_already(found, order, names, now)
        return ""

    def _ask(
        self, subscriber: int, order: SubscriptionOrder, names: Sequence[str], now: datetime
    ) -> None:
        token = base64.b32encode(random.token_bytes(_TOKEN_BYTES)).decode().lower()
        note = self._press().question(
            recipient=order.address,
            profiles=[self._config.profiles[name] for name in names],
            link=f"{self._config.bot.base_url}/confirm/{token}"
            if self._config.bot.base_url
            else "",
            reply_to=confirm_address(self._config.inbound, token),
            days=EXPIRES.days,
            message_id=self._message_id(token),
            kind=_kind(order.door),
            now=now,
            mark=confirm_mark(self._config.inbound, token),
        )
        question = Question(
            subscriber, _sha(token), tuple(names), order.door, self._wording, order.network,
            now + EXPIRES,
        )  # fmt: skip
        self._store.ask(question, note, now)

    def _tell_already(
        self, found: OrderedFor, order: SubscriptionOrder, names: Sequence[str], now: datetime
    ) -> None:
        manage = tokens.make(self._secret, tokens.Purpose.MANAGE, [found.subscriber], found.epoch)
        note = self._press().already(
            recipient=order.address,
            profiles=[self._config.profiles[name] for name in names],
            manage=f"{self._config.bot.base_url}/manage/{manage}",
            message_id=self._message_id(random.token_hex(_TOKEN_BYTES)),
            kind=_kind(order.door),
            now=now,
        )
        self._store.post(found.subscriber, note, now + EXPIRES, now)

    def can_send_link(self, subscriber: int) -> bool:
        """Whether a link would reach a subscriber: there are pages, and mail to them did not come back."""
        found = self._store.subscriber(subscriber)
        if found is None or not self._config.bot.base_url:
            return False
        return not self._store.suppressed([tokens.suppression_key(self._secret, found[0])])

    def renew(self, subscriber: int, now: datetime) -> bool:
        """Let every link of a subscriber be void, and mail them a new one; return whether one goes out.

        It is shown nowhere: an old one may be in wrong hands, a mailbox is its owner's. Whoever
        unsubscribes by an old one does no harm (RFC 8058: that has to work for long).
        """
        self._store.renew(subscriber)
        found = self._store.subscriber(subscriber)
        if found is None or not self.can_send_link(subscriber):
            return False
        address, epoch, _ = found
        manage = tokens.make(self._secret, tokens.Purpose.MANAGE, [subscriber], epoch)
        note = self._press().renewed(
            recipient=address,
            manage=f"{self._config.bot.base_url}/manage/{manage}",
            message_id=self._message_id(random.token_hex(_TOKEN_BYTES)),
            now=now,
        )
        self._store.post(subscriber, note, now + EXPIRES, now)
        return True

    def _message_id(self, token: str) -> str:
        digest = hashlib.sha256(f"message-id {token}".encode()).hexdigest()[:32]
        return f"<{digest}@{self._config.mail.sender_domain}>"

    def asked(self, token: str) -> OptIn | None:
        """Return what a token asks, None for one that is not ours; nothing is changed."""
        return self._store.opt_in(_sha(token)) if len(token) <= _LONGEST_TOKEN else None

    def confirm(self, token: str, now: datetime) -> OptIn | None:
        """Take a yes; return what it was said to, None for a token that is not ours.

        None also where it comes too late, or the address was suppressed meanwhile: nobody shall say
        that mail will come.
        It acts once: said again it changes nothing, also where its reader has left meanwhile.
        """
        found = self.asked(token)
        if found is not None:
            key = tokens.suppression_key(self._secret, found.address)
            said = self._store.confirm(_sha(token), key, now)
            if not said and not found.used:
                return None
        return found


_LONGEST_TOKEN = 100


def _sha(token: str) -> str:
    return hashlib.sha256(token.lower().encode()).hexdigest()


def _kind(door: Door) -> DeliveryKind:
    return DeliveryKind.REPLY if door is Door.MAIL else DeliveryKind.CONFIRM
