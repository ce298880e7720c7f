"""submit: a curator's mail → a question back → a yes → a paper put forward.

Anybody can write a curator's address into From. So nothing is done by a mail to us but to ask that
address, whose answer has a token that no one else was given (docs/decisions/0111).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets as random
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from bot import tokens
from bot.identity import parse_identifier
from bot.models import Identifier, Note, Paper
from bot.subscriptions import confirm_address, confirm_mark

if TYPE_CHECKING:
    from bot.config import Config

EXPIRES = timedelta(days=3)
MOST_A_DAY = 20  # notes to one curator, whoever asked for them
_DAY = timedelta(days=1)
_LONGEST_NAME = 500


class SubmissionStore(Protocol):
    """What submitting by mail reads and writes."""

    def lookup(self, identifiers: Collection[Identifier]) -> list[Paper]:
        """Return the stored papers that have one of these identifiers."""
        ...

    def papers(self, ids: Collection[int]) -> dict[int, Paper]:
        """Return papers by id, aliases followed."""
        ...

    def correspondent(
        self, address: str, suppressed: str, now: datetime, day: timedelta
    ) -> tuple[int, int] | None:
        """Return (number, notes to it within a `day`) of an address; None where it is suppressed."""
        ...

    def submit(self, paper: int, profile: str, now: datetime) -> bool:
        """Commit a curator's pick; False where it was submitted already."""
        ...

    def post(self, subscriber: int, note: Note, stale_at: datetime, now: datetime) -> None:
        """Commit a note to be sent."""
        ...


class SubmissionPrinter(Protocol):
    """Prints the answers to a curator (`outputs.notes.NotePress`)."""

    def submission(
        self,
        *,
        recipient: str,
        paper: Paper | None,
        profile: str,
        reply_to: str,
        mark: str,
        days: int,
        message_id: str,
        now: datetime,
    ) -> Note:
        """Return the mail that asks whether to put a paper forward, or says that it is not known."""
        ...


class Submissions:
    """Takes curators' submissions by mail. Its methods run on the store's thread."""

    def __init__(
        self,
        config: Config,
        secret: bytes,
        store: SubmissionStore,
        press: Callable[[], SubmissionPrinter],
    ) -> None:
        self._config, self._secret, self._store, self._press = config, secret, store, press

    def ask(self, curator: str, profile: str, said: Sequence[str], now: datetime) -> None:
        """Ask a curator whether it was them; who was asked often today is not."""
        key = tokens.suppression_key(self._secret, curator)
        found = self._store.correspondent(curator, key, now, _DAY)
        if found is None or found[1] >= MOST_A_DAY:
            return
        paper = self._named(said)
        token = self._token(paper.id, curator, profile, now) if paper else ""
        inbound = self._config.inbound
        domain = self._config.mail.sender_domain
        note = self._press().submission(
            recipient=curator,
            paper=paper,
            profile=profile,
            reply_to=confirm_address(inbound, token) if token else "",
            mark=confirm_mark(inbound, token) if token else "",
            days=EXPIRES.days,
            message_id=f"<{random.token_hex(16)}@{domain}>",
            now=now,
        )
        self._store.post(found[0], note, now + EXPIRES, now)

    def _named(self, said: Sequence[str]) -> Paper | None:
        for word in said:
            wanted = parse_identifier(word) if len(word) <= _LONGEST_NAME else None
            found = self._store.lookup([wanted]) if wanted else []
            if found:
                return found[0]
        return None

    def is_ours(self, token: str) -> bool:
        """Whether a token in an answer is one of these."""
        return tokens.read_from_mail(self._secret, tokens.Purpose.SUBMIT, token) is not None

    def confirm(self, token: str, now: datetime) -> bool:
        """Put forward what a token says; False where it is over, or its curator or paper is gone."""
        read = tokens.read_from_mail(self._secret, tokens.Purpose.SUBMIT, token)
        if read is None or len(read[0]) != 4:  # noqa: PLR2004 - paper, curator, profile, day
            return False
        number, curator, profile_mark, day = read[0]
        if not 0 <= _day(now) - day <= EXPIRES.days:
            return False
        if curator not in {self._mark(each.casefold()) for each in self._config.inbound.curators}:
            return False
        marks = {self._mark(name): name for name in self._config.profiles} | {0: ""}
        paper = self._store.papers({number}).get(number)
        if paper is None or profile_mark not in marks:
            return False
        self._store.submit(paper.id, marks[profile_mark], now)
        return True

    def _token(self, paper: int, curator: str, profile: str, now: datetime) -> str:
        marks = self._mark(curator.casefold()), self._mark(profile) if profile else 0
        return tokens.make_for_mail(
            self._secret, tokens.Purpose.SUBMIT, [paper, *marks, _day(now)], 0
        )

    def _mark(self, name: str) -> int:
        """Return a number for a name that an address has room for; its token's signature covers it."""
        digest = hmac.digest(self._secret, b"mark\0" + name.encode(), hashlib.sha256)
        return int.from_bytes(digest[:2], "big") or 1


def _day(now: datetime) -> int:
    return int(now.timestamp() // _DAY.total_seconds())
