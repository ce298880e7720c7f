"""votes: a confirmed subscriber votes for a paper, once, and takes it back, by a link that is theirs."""

from __future__ import annotations

import secrets as random
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from bot import tokens
from bot.identity import parse_identifier
from bot.models import Identifier, Note, Paper
from bot.values import value_type

if TYPE_CHECKING:
    from bot.config import Config

MOST_A_DAY = 50  # votes of one subscriber
MANY = "You have cast many votes today. Please come back tomorrow."
MOST_NOTES = 3  # to one address in a day, whoever asked for them
_LINK_HOLDS = timedelta(days=3)  # until a mail with a link that could not be sent is given up
_DAY = timedelta(days=1)
_LONGEST_NAME = 2_100  # an address of 2,000 is one


class VoteStore(Protocol):
    """What voting reads and writes."""

    def lookup(self, identifiers: Collection[Identifier]) -> list[Paper]:
        """Return the stored papers that have one of these identifiers."""
        ...

    def papers(self, ids: Collection[int]) -> dict[int, Paper]:
        """Return papers by id, aliases followed."""
        ...

    def voter(self, subscriber: int) -> tuple[str, int] | None:
        """Return (address, token epoch) of who may vote, None for who is no confirmed subscriber."""
        ...

    def voter_at(
        self, address: str, suppressed: str, now: datetime, day: timedelta
    ) -> tuple[int, int, int] | None:
        """Return (number, token epoch, notes to them within a `day`) of who may vote, by address."""
        ...

    def suppressed(self, keys: Collection[str]) -> Mapping[str, str]:
        """Return which of these keys are suppressed: key → reason."""
        ...

    def vote(self, paper: int, subscriber: int, now: datetime) -> None:
        """Commit a vote; a second one changes nothing."""
        ...

    def unvote(self, paper: int, subscriber: int) -> None:
        """Take a vote back."""
        ...

    def has_voted(self, paper: int, subscriber: int) -> bool:
        """Whether a subscriber's vote for a paper stands."""
        ...

    def votes_for(self, paper: int) -> int:
        """Return how many subscribers voted for a paper."""
        ...

    def votes_since(self, subscriber: int, since: datetime) -> int:
        """Return for how many papers a subscriber voted since then."""
        ...

    def post(self, subscriber: int, note: Note, stale_at: datetime, now: datetime) -> None:
        """Commit a note to be sent."""
        ...


class BallotPrinter(Protocol):
    """Prints the mail with a link to vote (`outputs.notes.NotePress`)."""

    def ballot(
        self, *, recipient: str, paper: Paper, link: str, message_id: str, now: datetime
    ) -> Note:
        """Return the mail that leads a reader to their vote for a paper."""
        ...


@value_type(frozen=True, slots=True)
class VoteStanding:
    """A paper, how many readers voted for it, and whether this one did; `subscriber` is 0 for nobody."""

    paper: Paper
    votes: int
    subscriber: int = 0
    mine: bool = False


class Booth:
    """Where readers vote. Its methods run on the store's thread."""

    def __init__(
        self,
        config: Config,
        secret: bytes,
        store: VoteStore,
        press: Callable[[], BallotPrinter],
    ) -> None:
        self._config, self._secret, self._store, self._press = config, secret, store, press

    def token(self, subscriber: int, epoch: int, paper: int) -> str:
        """Return the token by which a subscriber votes for a paper."""
        return tokens.make(self._secret, tokens.Purpose.VOTE, [subscriber, paper], epoch)

    def named(self, typed: str) -> VoteStanding | None:
        """Return how it stands with the paper that somebody named, None for one that is not stored."""
        wanted = parse_identifier(typed) if len(typed) <= _LONGEST_NAME else None
        found = self._store.lookup({wanted}) if wanted else []
        return self._standing(found[0].id, 0) if found else None

    def look(self, token: str) -> VoteStanding | None:
        """Return how it stands with a token's paper; nothing is changed.

        None for a token that is not ours or was revoked, for a paper that is gone, and for somebody
        who is no confirmed subscriber any more.
        """
        read = tokens.read(self._secret, tokens.Purpose.VOTE, token)
        if read is None or len(read[0]) != 2:  # noqa: PLR2004 - subscriber, paper
            return None
        (subscriber, paper), epoch = read
        known = self._store.voter(subscriber)
        return self._standing(paper, subscriber) if known and known[1] == epoch else None

    def cast(self, token: str, now: datetime, *, up: bool) -> tuple[VoteStanding | None, str]:
        """Vote, or take it back: as often as asked, with the same end; return that, and why not."""
        found = self.look(token)
        if found is None:
            return None, ""
        problem = self.set(found.subscriber, found.paper.id, now, up=up)
        return self._standing(found.paper.id, found.subscriber), problem

    def set(self, subscriber: int, paper: int, now: datetime, *, up: bool) -> str:
        """Let a subscriber's vote stand, or not; return why that was refused, "" where it was not."""
        if not up:
            self._store.unvote(paper, subscriber)
            return ""
        if self._store.has_voted(paper, subscriber):
            return ""
        voter = self._store.voter(subscriber)
        key = tokens.suppression_key(self._secret, voter[0]) if voter else ""
        if self._store.suppressed([key]):
            return "Mail to your address came back, so its votes do not count. Please write to us."
        if self._store.votes_since(subscriber, now - _DAY) >= MOST_A_DAY:
            return MANY
        self._store.vote(paper, subscriber, now)
        return ""

    def send_link(self, address: str, typed: str, now: datetime) -> None:
        """Send a confirmed subscriber a link to vote by; nothing, and nobody is told, for others."""
        found = self.named(typed)
        if found is None:
            return
        key = tokens.suppression_key(self._secret, address)
        voter = self._store.voter_at(address, key, now, _DAY)
        number, epoch, notes = voter or (0, 0, 0)
        sender = self._config.mail.sender_address
        # Printed for a stranger too: whoever asks for something else meanwhile waits as long, and
        # cannot tell by that who is subscribed.
        note = self._press().ballot(
            recipient=address if voter else sender,
            paper=found.paper,
            link=f"{self._config.bot.base_url}/vote/{self.token(number, epoch, found.paper.id)}",
            message_id=f"<{random.token_hex(16)}@{sender.rpartition('@')[2]}>",
            now=now,
        )
        if voter is not None and notes < MOST_NOTES:
            self._store.post(number, note, now + _LINK_HOLDS, now)

    def _standing(self, paper: int, subscriber: int) -> VoteStanding | None:
        found = self._store.papers({paper}).get(paper)
        if found is None:
            return None
        mine = bool(subscriber) and self._store.has_voted(found.id, subscriber)
        return VoteStanding(found, self._store.votes_for(found.id), subscriber, mine)
