"""The mail of one delivery, as the bytes that go out."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from email.headerregistry import Address
from email.utils import format_datetime, parseaddr
from functools import cache
from urllib.parse import quote
from zoneinfo import ZoneInfo

from bot.config import BotSettings, normal_address
from bot.models import Role, SourceNote, Weather
from bot.outputs.cards import (
    Section,
    count_text,
    heading_of,
    house_title,
    imprint_lines,
    quiet_text,
    section_cards,
    title_of,
)
from bot.outputs.contexts import (
    DigestContext,
    FooterContext,
    LinkContext,
    SectionContext,
)
from bot.outputs.health import health_lines, latest_notes
from bot.outputs.mime import encoded_size, message_bytes, phrase
from bot.outputs.wording import counted, listed, long_day, short_day
from bot.ports import Renderer
from bot.text import one_line, shorten

# Gmail clips a mail near 102 KB and hides what follows, the unsubscribe link first of all.
HTML_LIMIT = 95_000


@dataclass(frozen=True, slots=True)
class DigestMaterial:
    """What a digest is made of.

    `recipient` is one mail address; `message_id` has its angle brackets; `date` is aware.
    `sections` stand in the order they are shown in, each with the editions it is made of;
    `overflow` counts the papers that only a link leads to. `zone` is the subscriber's own, ""
    where the bot's holds.
    """

    recipient: str
    message_id: str
    date: datetime
    sections: tuple[Section, ...]
    overflow: int = 0
    zone: str = ""

    @property
    def fresh(self) -> int:
        """How many papers are new."""
        return sum(len(section.with_role(Role.NEW)) for section in self.sections)

    @property
    def replaced(self) -> int:
        """How many papers were replaced since."""
        return sum(len(section.with_role(Role.UPDATE)) for section in self.sections)

    @property
    def health(self) -> tuple[SourceNote, ...]:
        """How the sources stood at the latest editions."""
        return latest_notes(section.editions for section in self.sections)


def digest_message(
    *, material: DigestMaterial, bot: BotSettings, sender: str, unsubscribe: str, render: Renderer
) -> bytes:
    """Return the whole message with CRLF line ends; the same input gives the same bytes.

    `sender` is `[mail] from`; `unsubscribe` the subscriber's own https address for it, or "": then
    the way out is a mail to the contact. The HTML part stays under 95,000 encoded bytes: cards
    become titles from the end, and what still does not fit is counted and linked.

    Raises ValueError where the recipient is no address that can be written to, TemplateError where
    our own template breaks.
    """
    context = digest_context(material=material, bot=bot, sender=sender, unsubscribe=unsubscribe)
    context, html = _fitted(context, material.overflow, render)
    return message_bytes(
        _headers(material, context.subject, bot, sender, unsubscribe),
        render("email/digest.txt", context),
        html,
    )


# ── Headers ───────────────────────────────────────────────────────────────────────────────────────


def _headers(
    material: DigestMaterial, subject: str, bot: BotSettings, sender: str, unsubscribe: str
) -> list[tuple[str, str]]:
    name, address = parseaddr(sender)
    contact = bot.contact or address
    list_name = _list_name(material)
    domain = address.rpartition("@")[2]
    headers = [
        ("Date", format_datetime(_local(material, bot))),
        ("From", str(Address(one_line(name), addr_spec=address))),
        ("To", normal_address(material.recipient)),
        ("Subject", subject),
        ("Message-ID", material.message_id),
        # RFC 2919 §2: the phrase is for people, the identifier never changes.
        ("List-Id", f"{phrase(shorten(_heading(material, bot), 60))} <{list_name}.{domain}>"),
        ("List-Unsubscribe", f"<{_way_out(unsubscribe, contact)}>"),
    ]
    if unsubscribe:
        headers.append(("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"))  # RFC 8058 §3.1
    return [
        *headers,
        ("List-Help", f"<mailto:{contact}?subject=help>"),
        ("Auto-Submitted", "auto-generated"),  # RFC 3834 §5
        ("Precedence", "bulk"),
        ("Feedback-ID", f"{list_name}:digest:paperround"),
    ]


def _list_name(material: DigestMaterial) -> str:
    """Return the profile's name; `all`, which no profile may be called, for several in one mail."""
    names = [section.profile.name for section in material.sections]
    return names[0] if len(names) == 1 and names[0] else "all"


def _way_out(unsubscribe: str, contact: str) -> str:
    if unsubscribe:
        return quote(unsubscribe, safe="%/:;?#[]@!$&'()*+,=-._~")
    return f"mailto:{contact}?subject=unsubscribe"


def _local(material: DigestMaterial, bot: BotSettings) -> datetime:
    return material.date.astimezone(ZoneInfo(material.zone or bot.timezone))


def _heading(material: DigestMaterial, bot: BotSettings) -> str:
    alone = heading_of(material.sections[0].profile) if len(material.sections) == 1 else ""
    return alone or house_title(bot)


def subject_line(material: DigestMaterial, bot: BotSettings) -> str:
    """Return `Mixture of experts: 7 new papers — Fri 21 Nov`."""
    day = short_day(_local(material, bot).date())
    if material.fresh:
        news = counted(material.fresh, "new paper")
    elif material.replaced:
        news = f"{counted(material.replaced, 'paper')} replaced"
    elif any(note.weather is Weather.FAILED for note in material.health):
        news = "nothing new, and a source is missing"
    else:
        news = "a quiet day"
    return f"{_heading(material, bot)}: {news} — {day}"


# ── Body ──────────────────────────────────────────────────────────────────────────────────────────


def digest_context(
    *, material: DigestMaterial, bot: BotSettings, sender: str, unsubscribe: str
) -> DigestContext:
    """Return what the templates are given, with a full card for every paper."""
    today = _local(material, bot).date()
    contact = bot.contact or parseaddr(sender)[1]
    several = len(material.sections) > 1
    return DigestContext(
        language=bot.language,
        subject=subject_line(material, bot),
        title=_heading(material, bot),
        date=long_day(today),
        summary=_summary(material),
        preview=_preview(material),
        sections=_sections(material, bot, today, several=several),
        health=health_lines(material.health, today),
        left_out=_left_out(material.overflow),
        left_out_href=_web_address(material, bot),
        web=_web_address(material, bot),
        footer=FooterContext(
            why=_why(material, bot),
            unsubscribe=LinkContext("Unsubscribe", _way_out(unsubscribe, contact)),
            contact=LinkContext(contact, f"mailto:{contact}"),
            imprint=imprint_lines(bot),
        ),
    )


def _sections(
    material: DigestMaterial, bot: BotSettings, today: date, *, several: bool
) -> tuple[SectionContext, ...]:
    return tuple(
        section_cards(
            section,
            today=today,
            link_prefix=bot.link_prefix,
            href=_profile_address(section, bot),
            # A single section's heading is the mail's own.
            title=None if several else "",
        )
        for section in material.sections
    )


def _summary(material: DigestMaterial) -> str:
    if len(material.sections) == 1:
        considered = material.sections[0].considered
        if not material.sections[0].picks:
            return quiet_text(considered)
        return count_text(material.fresh, material.replaced, considered)
    filled = sum(1 for section in material.sections if section.picks)
    if not filled:
        return quiet_text(0)
    said = count_text(material.fresh, material.replaced, 0)
    return f"{said}, in {counted(filled, 'section')}" if filled > 1 else said


def _preview(material: DigestMaterial) -> str:
    picks = [paper for section in material.sections for _, paper in section.picks]
    titles = " · ".join(shorten(title_of(paper), 90) for paper in picks[:3])
    return titles or _summary(material)


def _why(material: DigestMaterial, bot: BotSettings) -> str:
    names = [f"“{shorten(one_line(s.profile.heading), 80)}”" for s in material.sections[:6]]
    rest = len(material.sections) - len(names)
    if rest:
        names.append(f"{rest:,} more")
    to = shorten(one_line(material.recipient), 120)
    return f"{to} is subscribed to {listed(names)} of {shorten(one_line(bot.title), 80)}."


def _profile_address(section: Section, bot: BotSettings) -> str:
    if not bot.base_url or not section.profile.public:
        return ""
    return f"{bot.base_url}/p/{section.profile.name}/"


def _web_address(material: DigestMaterial, bot: BotSettings) -> str:
    """Return where the digest is on the web: its edition, or the front page for several."""
    public = [section for section in material.sections if section.profile.public]
    if not bot.base_url or not public:
        return ""
    if len(material.sections) > 1:
        return f"{bot.base_url}/"
    archive = _profile_address(public[0], bot)
    editions = public[0].editions
    return f"{archive}{editions[-1].period.isoformat()}/" if len(editions) == 1 else archive


def _left_out(count: int) -> str:
    return f"{counted(count, 'more paper')} not shown in this mail." if count else ""


# ── Making it fit ─────────────────────────────────────────────────────────────────────────────────


@cache
def _inliner() -> Callable[[str], str]:
    import css_inline

    # Nothing is ever loaded: a mail is made of what is in it. At-rules stay for dark mode.
    return css_inline.CSSInliner(keep_at_rules=True, load_remote_stylesheets=False).inline


def _inlined(page: str) -> str:
    """Return the page with its rules in its elements, and its charset before all that stays."""
    # Saved to a file, it is read as UTF-8 only where the first 1,024 bytes say so, and the inliner
    # puts its at-rules first.
    return _inliner()(page).replace("<head>", '<head><meta charset="utf-8">', 1)


def _fitted(context: DigestContext, overflow: int, render: Renderer) -> tuple[DigestContext, str]:
    """Return the fullest context whose HTML fits, and that HTML."""

    def html_of(candidate: DigestContext) -> str:
        return _inlined(render("email/digest.html", candidate))

    html = html_of(context)
    if encoded_size(html) <= HTML_LIMIT:
        return context, html
    cards = sum(len(section.papers) for section in context.sections)
    lines = cards + sum(len(section.updates) for section in context.sections)

    def cut(size: int) -> DigestContext:
        """Return a context that grows with `size`: titles first, then more and more cards."""
        return _cut(context, max(size - lines, 0), min(size, lines), overflow)

    def too_long(size: int) -> bool:
        return encoded_size(html_of(cut(size))) > HTML_LIMIT

    fitting = cut(max(bisect_left(range(lines + cards), True, key=too_long) - 1, 0))
    return fitting, html_of(fitting)


def _cut(context: DigestContext, cards: int, lines: int, overflow: int) -> DigestContext:
    """Return the context with so many cards, so many papers at all, and the rest only counted.

    Every section gives up its last papers first, so that none is cut for another's sake.
    """
    places = sorted(
        (place, index)
        for index, section in enumerate(context.sections)
        for place in range(len(section.papers))
    )
    full = _per_section(places[:cards])
    named = _per_section(places[:lines])
    spare = max(lines - len(places), 0)
    sections = []
    dropped = 0
    for index, section in enumerate(context.sections):
        whole, known = full.get(index, 0), named.get(index, 0)
        updates = section.updates[:spare]
        spare -= len(updates)
        dropped += len(section.papers) - known + len(section.updates) - len(updates)
        cut = replace(
            section,
            papers=section.papers[:whole],
            briefs=section.papers[whole:known],
            updates=updates,
        )
        if cut.papers or cut.briefs or cut.updates:
            sections.append(cut)
    return replace(context, sections=tuple(sections), left_out=_left_out(overflow + dropped))


def _per_section(places: Iterable[tuple[int, int]]) -> dict[int, int]:
    counts: dict[int, int] = {}
    for _, index in places:
        counts[index] = counts.get(index, 0) + 1
    return counts
