"""The mail of one delivery, as the bytes that go out: pieces printed once, joined for each reader."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import date
from email.utils import parseaddr
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from bot.models import Event, Paper, Pick, Reason, Role
from bot.outputs.cards import (
    Section,
    alike_links,
    heading_of,
    paper_card,
    section_count,
    section_quiet,
)
from bot.outputs.contexts import (
    DigestContext,
    MailCardContext,
    MailLineContext,
    MailNewsContext,
    MailSectionContext,
    PaperContext,
)
from bot.outputs.fitting import Share, Sizes, fullest
from bot.outputs.headers import (
    date_line,
    message_id_line,
    recipient_line,
    sender_line,
    shared_lines,
    subject_header,
    unsubscribe_lines,
    ways_out,
)
from bot.outputs.letter import (
    PLACES,
    WRAPPED_PLACES,
    DigestMaterial,
    digest_context,
    left_out_text,
    list_name,
    local_time,
    opened,
    preview_line,
    profile_address,
    subject_line,
)
from bot.outputs.mime import alternatives, boundary_of, content_type_line, read_back
from bot.outputs.pieces import (
    NOTHING,
    Drawer,
    Foundry,
    Piece,
    Print,
    joined,
    printed,
    printed_for_many,
)
from bot.ports import Renderer
from bot.text import one_line, shorten, wrapped
from bot.values import value_type

if TYPE_CHECKING:
    from bot.config import BotSettings

__all__ = ["HTML_LIMIT", "DigestMaterial", "Press", "Sign", "subject_line"]

# Gmail clips a mail near 102 KB and hides what follows, the unsubscribe link first of all.
HTML_LIMIT = 95_000
_PAPERS_KEPT = 2048  # some 6 KB each
_PACKED_BYTES = 32 * 2**20  # cards beyond those: some 35,000, of two thousand profiles' mornings
_NUMBERED_KEPT = 2048  # cards at their places in a section, some 4 KB each, and their cards
_FRAMES_KEPT = 512  # of sections and whole mails, some 10 KB each
_NO_PAPERS = {"cards": NOTHING, "titles": NOTHING}

Sign = Callable[[Sequence[bytes], bytes], bytes]
"""(header lines, each whole, folded, with CRLF; the body as relaxed canonicalisation leaves it) →
the signature's line or lines, with CRLF."""


class _Entry(NamedTuple):
    """All that a paper's piece is made of: equal entries give the same piece."""

    paper: Paper
    role: Role
    version: int
    score: float
    reasons: tuple[Reason, ...]
    told: tuple[Event, ...]
    alike: tuple[Paper, ...]
    today: date
    feedback: bool

    def __hash__(self) -> int:
        # A paper may have three thousand authors: equality looks at them, this need not.
        return hash((self.paper.id, self.paper.title, self.score, self.feedback))


@value_type(frozen=True, slots=True)
class _Column:
    """A section for one reader: what is new, as entries and as cards, and news of earlier papers."""

    section: Section
    fresh: tuple[_Entry, ...]
    cards: tuple[Print, ...]
    news: tuple[_Entry, ...]


def _numbered(card: Piece, place: int) -> Print:
    """Return a paper's card at its place, for all who are asked no opinion on it."""
    return _own_card(card, place, "")


def _own_card(card: Piece, place: int, feedback: str) -> Print:
    number = printed_for_many(f"{place}. ".rjust(4))
    return card.filled({"number": number, "feedback": printed(feedback)})


class Press:
    """Prints digests for one configuration: what several have in common is rendered once.

    `sender` is `[mail] from`; `sign` returns a line to put first. What a press has printed before
    changes no byte of what it prints next, and it may print in several threads at once.
    """

    def __init__(
        self, *, bot: BotSettings, sender: str, render: Renderer, sign: Sign | None = None
    ) -> None:
        self._bot = bot
        self._sender = sender
        self._contact = bot.contact or parseaddr(sender)[1]
        self._sign = sign
        self._foundry = Foundry(
            render, ("number", "feedback", "count", "lines", *_NO_PAPERS, *PLACES)
        )
        self._picks: dict[
            tuple[int, int, tuple[int, ...], date, bool], tuple[Pick, _Entry, Piece | None]
        ] = {}
        self._card = lru_cache(_PAPERS_KEPT)(self._card_again)
        self._made = 0
        self._drawer = Drawer(_PACKED_BYTES)
        self._line = lru_cache(_PAPERS_KEPT)(self._make_line)
        self._html = lru_cache(_FRAMES_KEPT)(self._foundry.html)
        self._text = lru_cache(_FRAMES_KEPT)(self._foundry.text)
        self._frame = lru_cache(_FRAMES_KEPT)(self._foundry.piece)
        self._numbered = lru_cache(_NUMBERED_KEPT)(_numbered)

    def digest(self, material: DigestMaterial) -> bytes:
        """Return the whole message with CRLF line ends; the same material gives the same bytes.

        The HTML part stays under 95,000 encoded bytes: cards become titles from the end, and what
        still does not fit is counted and linked.

        Raises ValueError where the recipient is no address that can be written to or a header would
        break out of its line, TemplateError where our own template breaks.
        """
        ways = self._ways_out(material)
        context = self._context(material)
        boundary = boundary_of(material.message_id)
        lines = [*self._head(material, context, ways), content_type_line(boundary)]
        shown = self._shown(material, context, ways[0])
        body = alternatives(boundary, shown.text.sent, shown.html.sent)
        if not self._sign:
            return b"".join([*lines, b"\r\n", body])
        hashed = alternatives(boundary, shown.text.hashed, shown.html.hashed)
        return b"".join([self._sign(lines, hashed), *lines, b"\r\n", body])

    def parts(self, material: DigestMaterial) -> tuple[str, str]:
        """Return the text and the HTML of a digest, as a mail program reads them."""
        shown = self._shown(material, self._context(material), self._ways_out(material)[0])
        return read_back(shown.text.sent), read_back(shown.html.sent)

    # ── Headers ───────────────────────────────────────────────────────────────────────────────────

    def _ways_out(self, material: DigestMaterial) -> tuple[str, ...]:
        return ways_out(material.unsubscribe, material.unsubscribe_mail, self._contact)

    def _head(
        self, material: DigestMaterial, context: DigestContext, ways: tuple[str, ...]
    ) -> list[bytes]:
        return [
            date_line(local_time(material, self._bot)),
            sender_line(self._sender),
            recipient_line(material.recipient),
            subject_header(context.subject),
            message_id_line(material.message_id),
            *unsubscribe_lines(ways),
            *shared_lines(
                sender=self._sender,
                contact=self._contact,
                title=shorten(context.title, 60),
                name=list_name(material),
            ),
        ]

    # ── Body ──────────────────────────────────────────────────────────────────────────────────────

    def _context(self, material: DigestMaterial) -> DigestContext:
        return digest_context(
            material=material, bot=self._bot, contact=self._contact, place=self._foundry.mark
        )

    def _shown(self, material: DigestMaterial, context: DigestContext, way_out: str) -> Print:
        """Return both parts, as full as fits."""
        today = local_time(material, self._bot).date()
        columns = [self._column(section, material, today) for section in material.sections]
        around = self._around(material, context, way_out)
        news = self._news_lines(columns)
        sections = [self._section(c, Share(len(c.cards)), material) for c in columns]
        everything = around([*sections, self._news(news)], 0)
        if len(everything.html.sent) <= HTML_LIMIT:
            return everything

        def mail(shares: Sequence[Share], left_out: int, *, bare: bool, key: bool) -> Print:
            sections = [
                self._section(column, share, material, bare=bare, key=key)
                for column, share in zip(columns, shares[:-1], strict=True)
                if share
            ]
            return around([*sections, self._news(news[: shares[-1].updates], bare=bare)], left_out)

        def frame(shares: Sequence[Share], left_out: int) -> int:
            return len(mail(shares, left_out, bare=True, key=False).html.sent)

        about_news = Sizes((), (), tuple(len(line.html.sent) for line in news))
        # What has no card has its key sentence, unless a paper would be left out for its sake.
        for key in (True, False):
            sizes = [*(self._sizes(column, key=key) for column in columns), about_news]
            shares, left_out = fullest(sizes, frame, HTML_LIMIT)
            if not left_out:
                break
        return mail(shares, left_out, bare=False, key=key)

    def _around(
        self, material: DigestMaterial, context: DigestContext, way_out: str
    ) -> Callable[[Iterable[Print], int], Print]:
        """Return what puts a mail around its sections, and says how many papers they leave out."""
        own = {
            "preview": printed(preview_line(material)),
            "address": printed(shorten(one_line(material.recipient), 120)),
            "unsubscribe": printed(way_out),
            "manage": printed(material.manage),
        }

        def around(sections: Iterable[Print], left_out: int) -> Print:
            said = context
            if left_out:
                said = replace(context, left_out=left_out_text(material.overflow + left_out))
            shell = opened(said, self._foundry.mark)
            words = {
                place: printed_for_many(each, wrapped(each) if place in WRAPPED_PLACES else "")
                for place, each in shell.words.items()
            }
            frame = Piece(
                self._html("email/digest.html", shell.html, whole=True),
                self._text("email/digest.txt", shell.text, whole=True),
            )
            return frame.filled({**words, **own, "sections": joined(sections)})

        return around

    def _column(self, section: Section, material: DigestMaterial, today: date) -> _Column:
        fresh, cards = [], []
        feedback = material.feedback
        news = [
            self._known(pick, paper, (), today, feedback=False)[0]
            for pick, paper in section.with_role(Role.UPDATE)
        ]
        for pick, paper, alike in section.fresh():
            address = feedback(paper.id) if feedback else ""
            entry, card = self._known(pick, paper, alike, today, feedback=bool(address))
            if card is None:  # only what there is news of has none
                continue
            fresh.append(entry)
            place = len(fresh)
            cards.append(
                _own_card(card, place, address) if address else self._numbered(card, place)
            )
        return _Column(section, tuple(fresh), tuple(cards), tuple(news))

    def _known(
        self, pick: Pick, paper: Paper, alike: tuple[Paper, ...], today: date, *, feedback: bool
    ) -> tuple[_Entry, Piece | None]:
        """Return a pick's entry, and its card if it is new.

        The same pick comes for many readers: it is known again by what it is, not by what it says.
        """
        key = (id(pick), id(paper), tuple(map(id, alike)), today, feedback)
        found = self._picks.get(key)
        if found is None:
            entry = _Entry(
                paper,
                pick.role,
                pick.version,
                pick.score,
                pick.reasons,
                pick.told,
                alike,
                today,
                feedback,
            )
            card = None if pick.role is Role.UPDATE else self._card(entry)
            if len(self._picks) >= _PAPERS_KEPT:
                self._picks.clear()
            # The pick is kept with it: while it is, no other can have its id.
            found = self._picks[key] = (pick, entry, card)
        return found[1:]

    def _sizes(self, column: _Column, *, key: bool) -> Sizes:
        return Sizes(
            tuple(len(card.html.sent) for card in column.cards),
            tuple(len(self._line(entry, key=key).html.sent) for entry in column.fresh),
            (),
        )

    def _news_lines(self, columns: Sequence[_Column]) -> list[Print]:
        """Return what became of papers that the reader had, of all sections: withdrawn ones first."""
        entries = [entry for column in columns for entry in column.news]
        entries.sort(key=lambda entry: Event.WITHDRAWN not in entry.told)
        return [self._line(entry) for entry in entries]

    def _news(self, lines: Sequence[Print], *, bare: bool = False) -> Print:
        """Return the section after all others, nothing where there is no news."""
        if not lines:
            return NOTHING
        frame = self._frame("email/news", MailNewsContext(self._foundry.mark("lines")))
        return frame.filled({"lines": NOTHING if bare else joined(lines)})

    def _section(
        self,
        column: _Column,
        share: Share,
        material: DigestMaterial,
        *,
        bare: bool = False,
        key: bool = False,
    ) -> Print:
        """Return a section with so much of it; `bare` without the papers, to be measured.

        With `key` titles have their key sentences. News stands in a section of its own.
        """
        new = tuple((p, paper) for p, paper in column.section.picks if p.role is not Role.UPDATE)
        section = replace(column.section, picks=new)
        title = heading_of(section.profile)
        mark = self._foundry.mark
        context = MailSectionContext(
            # A single section's heading is the mail's own.
            title=title if len(material.sections) > 1 else "",
            label=title,
            count=mark("count"),
            href=profile_address(section, self._bot),
            quiet=section_quiet(section),
            cards=mark("cards") if share.cards else "",
            titles=mark("titles") if share.titles else "",
        )
        frame = self._frame("email/section", context)
        count = printed_for_many(section_count(section))
        if bare:
            return frame.filled({**_NO_PAPERS, "count": count})
        titled = column.fresh[share.cards : share.cards + share.titles]
        return frame.filled(
            {
                "count": count,
                "cards": joined(column.cards[: share.cards]),
                "titles": joined(self._line(entry, key=key) for entry in titled),
            }
        )

    # ── Pieces ────────────────────────────────────────────────────────────────────────────────────

    def _card_again(self, entry: _Entry) -> Piece:
        """Return a card that is not at hand: out of the drawer, or made.

        Of a thousand profiles there are more than are at hand, and each comes again and again.
        """
        card = self._drawer.get(entry)
        if card is None:
            card = self._make_card(entry)
            self._made += 1
            if self._made > _PAPERS_KEPT:
                self._drawer.put(entry, card)
        return card

    def _make_card(self, entry: _Entry) -> Piece:
        mark = self._foundry.mark
        feedback = mark("feedback") if entry.feedback else ""
        context = MailCardContext(mark("number"), self._paper(entry), feedback)
        return self._foundry.piece("email/card", context)

    def _make_line(self, entry: _Entry, *, key: bool = False) -> Print:
        paper = self._paper(entry)
        shown = paper if key else replace(paper, key="")
        piece = self._foundry.piece("email/line", MailLineContext(shown))
        return piece.filled({})

    def _paper(self, entry: _Entry) -> PaperContext:
        pick = Pick(
            0, entry.paper.id, entry.role, entry.version, entry.score, entry.reasons, entry.told
        )
        prefix = self._bot.link_prefix
        return paper_card(
            entry.paper, pick, today=entry.today, link_prefix=prefix,
            alike=alike_links(entry.alike, prefix),
        )  # fmt: skip
