"""manage: what a reader sees and chooses by the link that is theirs, without a password."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Protocol

from bot import tokens
from bot.config import normal_hour, normal_zone
from bot.models import (
    Cadence,
    Delivery,
    Door,
    Edition,
    Feedback,
    Opinion,
    Origin,
    Paper,
    Subscription,
    SubscriptionStatus,
)
from bot.outputs.consent_pages import Reader
from bot.outputs.doors import is_owners
from bot.outputs.feeds import EDITIONS_SHOWN, private_feed
from bot.outputs.syndication import Feed
from bot.schedule import local_date
from bot.store.subscribers import Choices
from bot.values import value_type

if TYPE_CHECKING:
    from bot.config import Config

_MOST_PAPERS = 200
_MOST_DELIVERIES = 1000
_OWNER = 0


class ConsentRecord(Protocol):
    """A proof of consent."""

    @property
    def profile(self) -> str:
        """To which profile."""
        ...

    @property
    def at(self) -> datetime:
        """When."""
        ...

    @property
    def door(self) -> str:
        """By which door."""
        ...

    @property
    def wording(self) -> str:
        """To which words."""
        ...

    @property
    def network(self) -> str:
        """From which network, "" where that was not told or is forgotten."""
        ...


class BounceRecord(Protocol):
    """What was reported of a mail that came back."""

    @property
    def kind(self) -> str:
        """A word for it."""
        ...

    @property
    def said(self) -> str:
        """What the server said."""
        ...

    @property
    def at(self) -> datetime:
        """When it was reported."""
        ...


class ManageStore(Protocol):
    """What managing reads and writes."""

    def subscriber(self, number: int) -> tuple[str, int, tuple[str, ...]] | None:
        """Return (address, token epoch, profiles it is subscribed to), None for nobody."""
        ...

    def subscriptions_of(self, address: str) -> Sequence[Subscription]:
        """Return every subscription that an address ever had, by profile."""
        ...

    def subscribe(
        self, address: str, profile: str, origin: Origin, now: datetime, *, suppressed: str
    ) -> SubscriptionStatus:
        """Confirm an address for a profile at once."""
        ...

    def unsubscribe(self, address: str, profile: str, ended_by: Origin) -> int:
        """End an address's subscription to a profile, or to all with ""."""
        ...

    def choose(self, address: str, choices: Choices) -> None:
        """Commit an address's choices for all its subscriptions."""
        ...

    def pause(self, address: str, until: date | None) -> int:
        """Pause an address's subscriptions, until a date where one is given."""
        ...

    def resume(self, subscribers: Collection[int]) -> int:
        """End the pauses of these subscribers."""
        ...

    def feedback_by(self, subscriber: int) -> Sequence[Feedback]:
        """Return what somebody (0: the owner) said of papers, the latest first."""
        ...

    def put_feedback(
        self,
        profiles: Collection[str],
        paper: int,
        opinion: Opinion | None,
        now: datetime,
        subscriber: int = 0,
    ) -> None:
        """Commit an opinion of a paper; None takes back what was said."""
        ...

    def votes_by(self, subscriber: int) -> Sequence[tuple[Paper, datetime]]:
        """Return the papers that a subscriber voted for, the latest first, each with when."""
        ...

    def unvote(self, paper: int, subscriber: int) -> None:
        """Take a vote back."""
        ...

    def consents(self, subscriber: int) -> Sequence[ConsentRecord]:
        """Return the proofs of a subscriber's consent, the latest first."""
        ...

    def note_consent(
        self, subscriber: int, profile: str, door: Door, wording: str, now: datetime
    ) -> None:
        """Commit the proof that a subscriber ordered one more profile."""
        ...

    def feed_epoch(self, subscriber: int) -> int | None:
        """Return the epoch of a subscriber's private feed, None for nobody."""
        ...

    def new_feed(self, subscriber: int) -> None:
        """Give a subscriber's private feed a new address."""
        ...

    def editions(self, profile: str, limit: int = 0) -> Sequence[Edition]:
        """Return a profile's latest editions, with picks."""
        ...

    def papers(self, ids: Collection[int]) -> Mapping[int, Paper]:
        """Return papers by id, aliases followed."""
        ...

    def deliveries_to(self, subscriber: int, limit: int) -> Sequence[Delivery]:
        """Return the latest deliveries to a subscriber."""
        ...

    def bounces_of(self, subscriber: int) -> Sequence[BounceRecord]:
        """Return what was reported of a subscriber's mail, the latest first."""
        ...

    def forget(self, address: str, suppressed: str, now: datetime) -> bool:
        """Erase an address and all it had; only its suppression key stays."""
        ...


@value_type(frozen=True, slots=True)
class Chosen:
    """What a form says: the lists that are ticked, and the rest as typed ("" where the lists' hold).

    `mails` is "one" or "each", "" where it was not asked.
    """

    lists: frozenset[str]
    mails: str = ""
    cadence: str = ""
    at: str = ""
    zone: str = ""
    limit: str = ""


class Counter:
    """Where a reader with their token is served. Its methods run on the store's thread."""

    def __init__(
        self, config: Config, secret: bytes, authority: str, store: ManageStore, wording: str
    ) -> None:
        self._config, self._secret, self._store = config, secret, store
        self._authority, self._wording = authority, wording

    def who(self, token: str) -> int | None:
        """Return whose token this is, None for one that is not ours or was revoked."""
        read = tokens.read(self._secret, tokens.Purpose.MANAGE, token)
        if read is None or len(read[0]) != 1:
            return None
        found = self._store.subscriber(read[0][0])
        return read[0][0] if found is not None and found[1] == read[1] else None

    def token(self, number: int, epoch: int) -> str:
        """Return the token of a subscriber's page."""
        return tokens.make(self._secret, tokens.Purpose.MANAGE, [number], epoch)

    def look(self, number: int) -> Reader:
        """Return all that a reader may see of themselves."""
        address = self._address(number)
        return Reader(
            address=address,
            subscriptions=tuple(self._store.subscriptions_of(address)),
            feedback=tuple(self._store.feedback_by(self._voice(number))),
            consents=tuple(
                (each.profile, each.at.date(), each.door) for each in self._store.consents(number)
            ),
            votes=tuple((paper, at.date()) for paper, at in self._store.votes_by(number)),
        )

    def _address(self, number: int) -> str:
        found = self._store.subscriber(number)
        return found[0] if found else ""

    def _voice(self, number: int) -> int:
        """Return under whom a reader's opinions are kept: the owner's are the bot's own."""
        return _OWNER if is_owners(self._address(number), self._config.bot) else number

    # ── A feed of one's own ──

    def feed_token(self, number: int) -> str:
        """Return the token of a reader's private feed."""
        epoch = self._store.feed_epoch(number) or 0
        return tokens.make(self._secret, tokens.Purpose.FEED, [number], epoch)

    def new_feed(self, number: int) -> None:
        """Give the reader's feed a new address."""
        self._store.new_feed(number)

    def feed(self, token: str) -> Feed | None:
        """Return the feed that a token stands for; None where it was one, and is gone.

        Raises LookupError for a token that never was.
        """
        read = tokens.read(self._secret, tokens.Purpose.FEED, token)
        if read is None or len(read[0]) != 1:
            raise LookupError(token)
        number = read[0][0]
        if self._store.feed_epoch(number) != read[1]:
            return None
        editions = [
            edition
            for name in sorted(self.look(number).has & self._config.profiles.keys())
            for edition in self._store.editions(name, EDITIONS_SHOWN)
        ]
        papers = self._store.papers({pick.paper for each in editions for pick in each.picks})
        return private_feed(
            bot=self._config.bot, editions=editions, papers=papers, authority=self._authority,
            name=f"private/{token}", reader=hashlib.sha256(token.encode()).hexdigest()[:16],
        )  # fmt: skip

    # ── Choosing ──

    def choose(self, number: int, chosen: Chosen, now: datetime) -> str:
        """Commit what a reader chose; return why it was not, "" where it was. All or nothing."""
        try:
            choices = _choices(chosen)
        except ValueError as error:
            return str(error)
        reader = self.look(number)
        # What the configuration lacks for a while was not shown, so not left either.
        shown = reader.has & self._config.profiles.keys()
        new, gone = chosen.lists - reader.has, shown - chosen.lists
        for name in new:
            profile = self._config.profiles.get(name)
            if profile is None or not profile.public:
                return "One of these lists is gone. Please choose again."
        key = tokens.suppression_key(self._secret, reader.address)
        for name in sorted(new):
            became = self._store.subscribe(reader.address, name, Origin.SELF, now, suppressed=key)
            if became is SubscriptionStatus.UNSUBSCRIBED:
                return (
                    "Mail to this address came back, so nothing is sent to it. Please write to us."
                )
            self._store.note_consent(number, name, Door.WEB, self._wording, now)
        for name in sorted(gone):
            self._store.unsubscribe(reader.address, name, Origin.SELF)
        self._store.choose(reader.address, choices)
        return ""

    def pause(self, number: int, until: str, now: datetime) -> str:
        """Pause until a date (ISO, "" for none); return why not, "" where it was done."""
        address = self._address(number)
        zone = next((s.zone for s in self._store.subscriptions_of(address)), "")
        try:
            day = date.fromisoformat(until) if until else None
        except ValueError:
            return "That is no date."
        if day is not None and day <= local_date(now, zone or self._config.bot.timezone):
            return "That day is over, or today. Choose a later one."
        return "" if self._store.pause(address, day) else "There is nothing that could pause."

    def resume(self, number: int) -> None:
        """Go on after a pause."""
        self._store.resume([number])

    def stop(self, number: int) -> None:
        """End everything."""
        self._store.unsubscribe(self._address(number), "", Origin.SELF)

    def forget(self, number: int, now: datetime) -> None:
        """Erase the reader; the caller holds the `deliver` lock."""
        address = self._address(number)
        self._store.forget(address, tokens.suppression_key(self._secret, address), now)

    def take_back(self, number: int, what: str, now: datetime) -> bool:
        """Take back an opinion, `PROFILE PAPER`; False where there is none such."""
        profile, _, paper = what.partition(" ")
        said = self._store.feedback_by(self._voice(number))
        if not any(each.profile == profile and str(each.paper.id) == paper for each in said):
            return False
        self._store.put_feedback([profile], int(paper), None, now, self._voice(number))
        return True

    def take_vote_back(self, number: int, what: str, _now: datetime) -> bool:
        """Take back the vote for a paper, by its number; False where there is none such."""
        if not any(str(paper.id) == what for paper, _ in self._store.votes_by(number)):
            return False
        self._store.unvote(int(what), number)
        return True

    # ── All that is known ──

    def data(self, number: int) -> dict[str, object]:
        """Return all that is known of a reader, to be written as JSON (GDPR, article 20)."""
        reader = self.look(number)
        return {
            "address": reader.address,
            "mails": "each" if reader.first and reader.first.apart else "one",
            "subscriptions": [
                {
                    "list": each.profile, "status": each.status.value, "origin": each.origin.value,
                    "cadence": each.cadence.value, "at": each.at, "zone": each.zone,
                    "limit": each.limit or None, "paused_until": each.paused_until,
                    "confirmed_at": each.confirmed_at,
                }
                for each in reader.subscriptions
            ],
            "consent": [
                {
                    "list": each.profile, "at": each.at, "door": each.door,
                    "wording": each.wording, "network": each.network,
                }
                for each in self._store.consents(number)
            ],
            "opinions": [
                {
                    "list": each.profile, "paper": each.paper.title,
                    "opinion": each.opinion.value, "at": each.at,
                }
                for each in reader.feedback
            ],
            "votes": [
                {"paper": paper.title, "at": at} for paper, at in self._store.votes_by(number)
            ],
            "mail": [
                {
                    "kind": each.kind.value, "due": each.due, "status": each.status.value,
                    "sent_at": each.sent_at, "papers": len(each.picks),
                }
                for each in self._store.deliveries_to(number, _MOST_DELIVERIES)
            ],
            "came_back": [
                {"kind": each.kind, "said": each.said, "at": each.at}
                for each in self._store.bounces_of(number)
            ],
        }  # fmt: skip


def _choices(chosen: Chosen) -> Choices:
    """Read a form. Raises ValueError with a sentence."""
    if chosen.cadence not in ("", *Cadence):
        raise ValueError("There is no such rhythm.")
    if chosen.mails not in ("", "one", "each"):
        raise ValueError("There is one mail for all lists, or one for each.")
    if chosen.limit and not re.fullmatch(r"[1-9]\d?|1\d\d|200", chosen.limit, re.ASCII):
        raise ValueError(f"Choose from 1 to {_MOST_PAPERS} papers.")
    try:
        at = normal_hour(chosen.at) if chosen.at else ""
    except ValueError:
        raise ValueError("The hour is written as 07:30.") from None
    try:
        zone = normal_zone(chosen.zone) if chosen.zone else ""
    except ValueError:
        raise ValueError("There is no such time zone. It is written as Europe/Berlin.") from None
    return Choices(
        cadence=Cadence(chosen.cadence) if chosen.cadence else None,
        at=at, zone=zone, limit=int(chosen.limit or 0),
        apart=chosen.mails == "each" if chosen.mails else None,
    )  # fmt: skip
