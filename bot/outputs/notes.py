"""Short mails that are no digest: may we subscribe you, you are already, your vote, owner's alarms."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from bot.alarms import Known
from bot.models import DeliveryKind, Note, Paper
from bot.outputs.cards import heading_of, house_title, imprint_lines, title_of
from bot.outputs.contexts import LinkContext, NoteContext
from bot.outputs.email import Sign
from bot.outputs.headers import (
    date_line,
    mailto,
    message_id_line,
    recipient_line,
    sender_line,
    subject_header,
)
from bot.outputs.mime import alternatives, boundary_of, content_type_line, header_line
from bot.outputs.pieces import Foundry
from bot.outputs.wording import counted, listed, long_day
from bot.ports import Renderer
from bot.text import shorten

if TYPE_CHECKING:
    from bot.config import Config, Profile

WORDING = (
    "2026-11"  # raised whenever what somebody agrees to reads otherwise: it stands in the proof
)

_IF_NOT_YOU = (
    "If it was not you, do nothing: without a yes within {days} days nothing more comes, and this "
    "address is forgotten."
)

_TOLD_ONCE = (
    "Each is told once, and once more when it is over. `paperround status` says how all stands now. You "
    "get this as the owner that {name} names ([bot] owner, or contact)."
)


class NotePress:
    """Prints notes for one configuration."""

    def __init__(self, config: Config, render: Renderer, sign: Sign | None = None) -> None:
        self._config, self._sign = config, sign
        self._foundry = Foundry(render, ())

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
        """Return the mail that asks whether an address wants these profiles.

        `link` is where it says yes ("": nowhere), `reply_to` the address an answer to which says yes
        ("": none): one of the two is there; `mark` stands at the end of the subject. Raises
        ValueError for an address that cannot be written to, TemplateError.
        """
        wanted = listed([f"“{shorten(heading_of(profile), 80)}”" for profile in profiles])
        house = shorten(house_title(self._config.bot), 80)
        # Nowhere alone on a line: a machine that sends our words back must not say yes (says_yes).
        by_mail = "Answer this mail with the word “yes” to be subscribed."
        context = self._context(
            subject=f"Confirm your subscription to {wanted}{mark}",
            lines=(
                f"Somebody, we hope you, asked for {wanted} of {house} to be sent to this address.",
                *(() if link else (by_mail,)),
            ),
            action=LinkContext("Yes, subscribe me", link),
            after=(
                *((f"Or: {by_mail[0].lower()}{by_mail[1:]}",) if link and reply_to else ()),
                _IF_NOT_YOU.format(days=days),
            ),
        )
        content = self._content(context, recipient, message_id, _submitted(kind), now, reply_to)
        return Note(kind, message_id, content)

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
        """Return the mail that tells an address that it is subscribed, and where it can change that."""
        wanted = listed([f"“{shorten(heading_of(profile), 80)}”" for profile in profiles])
        context = self._context(
            subject="You are subscribed already",
            lines=(f"This address gets {wanted} already: nothing was changed.",),
            action=LinkContext("See or change what you get", manage),
            after=("If it was not you who asked, there is nothing to do.",),
        )
        content = self._content(context, recipient, message_id, _submitted(kind), now)
        return Note(kind, message_id, content)

    def renewed(self, *, recipient: str, manage: str, message_id: str, now: datetime) -> Note:
        """Return the mail that brings a reader their new link, since all before it are void."""
        context = self._context(
            subject="Your links are new",
            lines=(
                "Every link that we sent to this address before is void, as is your feed's address.",
                "Only unsubscribing by a link of an earlier mail goes on working.",
            ),
            action=LinkContext("See or change what you get", manage),
            after=("The link is yours alone: who has it can change what you get.",),
        )
        kind = DeliveryKind.CONFIRM
        content = self._content(context, recipient, message_id, _submitted(kind), now)
        return Note(kind, message_id, content)

    def alarm(
        self,
        *,
        recipient: str,
        fresh: Sequence[Known],
        over: Sequence[Known],
        message_id: str,
        now: datetime,
    ) -> bytes:
        """Return the mail that tells the owner what stands wrong since, and what is over.

        Raises ValueError for an address that cannot be written to, TemplateError.
        """
        zone = ZoneInfo(self._config.bot.timezone)
        context = self._context(
            subject=_alarming(fresh, over),
            lines=(
                *(each.sentence for each in fresh),
                *(_ended(each, zone) for each in over),
            ),
            action=LinkContext("", ""),
            after=(_TOLD_ONCE.format(name=self._config.path.name),),
        )
        return self._content(context, recipient, message_id, "auto-generated", now)

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
        """Return the mail that asks a curator whether to put a paper forward.

        Without a paper it says that none of ours was named. `profile` "" is none; `reply_to` and `mark`
        are as in a question.
        """
        if paper is None:
            context = self._context(
                subject="No paper of ours was named",
                lines=(
                    "Somebody, we hope you, wanted to put a paper forward.",
                    "Name it in the subject, as arXiv:2401.06066, doi:… or by its address.",
                    "What no source of ours has shown cannot be put forward.",
                ),
                action=LinkContext("", ""),
                after=("If it was not you, there is nothing to do.",),
            )
            content = self._content(context, recipient, message_id, "auto-replied", now)
            return Note(DeliveryKind.REPLY, message_id, content)
        title = shorten(title_of(paper), 120)
        place = f", and its place in the next edition of {profile}" if profile else ""
        context = self._context(
            subject=f"Put forward “{shorten(title, 80)}”?{mark}",
            lines=(
                f"Somebody, we hope you, wants “{title}” to have a vote of the house{place}.",
                "Answer this mail with the word “yes” on a line of its own, and it is done.",
            ),
            action=LinkContext("", ""),
            after=(f"If it was not you, do nothing. The question holds for {days} days.",),
        )
        content = self._content(context, recipient, message_id, "auto-replied", now, reply_to)
        return Note(DeliveryKind.REPLY, message_id, content)

    def ballot(
        self, *, recipient: str, paper: Paper, link: str, message_id: str, now: datetime
    ) -> Note:
        """Return the mail that leads a reader to their vote for a paper."""
        title = shorten(title_of(paper), 120)
        context = self._context(
            subject=f"Your vote for “{shorten(title, 80)}”",
            lines=(f"Somebody, we hope you, wants to vote for “{title}”.",),
            action=LinkContext("Vote for it, or take it back", link),
            after=(
                "The link is yours alone: who has it can vote in your name for this paper.",
                "If it was not you who asked, there is nothing to do.",
            ),
        )
        kind = DeliveryKind.CONFIRM
        return Note(
            kind, message_id, self._content(context, recipient, message_id, _submitted(kind), now)
        )

    def _context(
        self, *, subject: str, lines: tuple[str, ...], action: LinkContext, after: tuple[str, ...]
    ) -> NoteContext:
        bot = self._config.bot
        contact = bot.contact or self._config.mail.sender_address
        return NoteContext(
            language=bot.language,
            subject=subject,
            title=house_title(bot),
            lines=lines,
            action=action,
            after=after,
            contact=LinkContext(contact, mailto(contact)),
            imprint=imprint_lines(bot),
        )

    def _content(
        self,
        context: NoteContext,
        recipient: str,
        message_id: str,
        submitted: str,
        now: datetime,
        reply_to: str = "",
    ) -> bytes:
        boundary = boundary_of(message_id)
        lines = [
            date_line(now),
            sender_line(self._config.mail.sender),
            recipient_line(recipient),
            *([header_line("Reply-To", reply_to)] if reply_to else []),
            subject_header(context.subject),
            message_id_line(message_id),
            header_line("Auto-Submitted", submitted),  # RFC 3834 §5
            header_line("MIME-Version", "1.0"),
            content_type_line(boundary),
        ]
        html = self._foundry.html("email/note.html", context, whole=True).filled([])
        text = self._foundry.text("email/note.txt", context, whole=True).filled([])
        body = alternatives(boundary, text.sent, html.sent)
        hashed = alternatives(boundary, text.hashed, html.hashed)
        signature = self._sign(lines, hashed) if self._sign else b""
        return b"".join([signature, *lines, b"\r\n", body])


def _submitted(kind: DeliveryKind) -> str:
    return "auto-replied" if kind is DeliveryKind.REPLY else "auto-generated"


def _alarming(fresh: Sequence[Known], over: Sequence[Known]) -> str:
    """Return `The disk needs a look`, `5 things need a look` or `The disk is well again`."""
    told, one, several = (fresh, "needs a look", "need a look") if fresh else (
        over, "is well again", "are well again"
    )  # fmt: skip
    names = [shorten(each.what, 60) for each in told]
    if len(names) == 1:
        return f"{_begun(names[0])} {one}"
    said = listed(names) if len(names) == 2 else counted(len(names), "thing")  # noqa: PLR2004 - fits
    return f"{_begun(said)} {several}"


def _begun(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}"


def _ended(alarm: Known, zone: ZoneInfo) -> str:
    since = (
        f", as it did since {long_day(alarm.since.astimezone(zone).date())}" if alarm.since else ""
    )
    return f"Over: {alarm.what} needs no look any more{since}."
