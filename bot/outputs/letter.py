"""What a digest says around its papers: subject, summary, why it came, where it is on the web."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from bot.models import Role, SourceNote, Weather
from bot.outputs.cards import (
    Section,
    count_text,
    heading_of,
    house_title,
    imprint_lines,
    quiet_text,
    readable_title,
)
from bot.outputs.contexts import DigestContext, FooterContext, HealthLine, LinkContext
from bot.outputs.headers import mailto
from bot.outputs.health import MOST_LINES, health_lines, latest_notes
from bot.outputs.wording import counted, listed, long_day, short_day
from bot.text import shorten
from bot.values import value_type

if TYPE_CHECKING:
    from bot.config import BotSettings


@value_type(frozen=True, slots=True)
class DigestMaterial:
    """What a digest is made of.

    `recipient` is one mail address; `message_id` has its angle brackets; `date` is aware.
    `sections` stand in the order they are shown in, each with the editions it is made of;
    `overflow` counts the papers that only a link leads to. `zone` is the subscriber's own, ""
    where the bot's holds. `unsubscribe` is the subscriber's own https address for it,
    `unsubscribe_mail` a mailto: one, "" for none: with neither, the way out is a mail to the
    contact. `manage` is where the reader chooses what comes, "" for nowhere. `feedback` gives, for a
    paper's id, the address that takes `?v=more` and `?v=less`; ""
    or no `feedback`: no such links.
    """

    recipient: str
    message_id: str
    date: datetime
    sections: tuple[Section, ...]
    overflow: int = 0
    zone: str = ""
    unsubscribe: str = ""
    unsubscribe_mail: str = ""
    manage: str = ""
    feedback: Callable[[int], str] | None = None

    @property
    def fresh(self) -> int:
        """How many papers are new."""
        return sum(section.count(Role.NEW) for section in self.sections)

    @property
    def news(self) -> int:
        """Of how many papers that its reader had there is news."""
        return sum(section.count(Role.UPDATE) for section in self.sections)

    @property
    def withdrawn(self) -> int:
        """How many of those were withdrawn."""
        return sum(section.withdrawn for section in self.sections)

    @property
    def health(self) -> tuple[SourceNote, ...]:
        """How the sources stood at the latest editions."""
        return latest_notes(section.editions for section in self.sections)


def local_time(material: DigestMaterial, bot: BotSettings) -> datetime:
    """Return the digest's date in its reader's zone."""
    return material.date.astimezone(ZoneInfo(material.zone or bot.timezone))


def heading(material: DigestMaterial, bot: BotSettings) -> str:
    """Return the mail's heading: its profile's for one section, the bot's for several."""
    alone = heading_of(material.sections[0].profile) if len(material.sections) == 1 else ""
    return alone or house_title(bot)


def list_name(material: DigestMaterial) -> str:
    """Return the profile's name; `all`, which no profile may be called, for several in one mail."""
    names = [section.profile.name for section in material.sections]
    return names[0] if len(names) == 1 and names[0] else "all"


def subject_line(material: DigestMaterial, bot: BotSettings) -> str:
    """Return `Mixture of experts: 7 new papers — Fri 21 Nov`."""
    day = short_day(local_time(material, bot).date())
    fresh, withdrawn = material.fresh, material.withdrawn
    if fresh:
        news = counted(fresh, "new paper") + (f", {withdrawn:,} withdrawn" if withdrawn else "")
    elif withdrawn:
        news = f"{counted(withdrawn, 'paper')} withdrawn"
    elif material.news:
        news = f"news of {counted(material.news, 'earlier paper')}"
    elif any(note.weather is Weather.FAILED for note in material.health):
        news = "nothing new, and a source is missing"
    else:
        news = "a quiet day"
    return f"{heading(material, bot)}: {news} — {day}"


def preview_line(material: DigestMaterial) -> str:
    """Return what an inbox shows beside the subject: the first titles, or what there is instead."""
    picks = [
        paper
        for section in material.sections
        for paper in [paper for pick, paper in section.picks if pick.role is not Role.FOLDED][:3]
    ]
    titles = " · ".join(_short_title(paper.title) for paper in picks[:3])
    return titles or _summary(material)


@lru_cache(maxsize=4096)
def _short_title(title: str) -> str:
    return shorten(readable_title(title), 90)


def left_out_text(count: int) -> str:
    """Return `12 more papers not shown in this mail.`, "" where all are."""
    return f"{counted(count, 'more paper')} not shown in this mail." if count else ""


def digest_context(
    *, material: DigestMaterial, bot: BotSettings, contact: str, place: Callable[[str], str]
) -> DigestContext:
    """Return what a mail says around its sections; `place` gives what stands for a reader's own."""
    today = local_time(material, bot).date()
    web = _web_address(material, bot)
    return DigestContext(
        language=bot.language,
        subject=subject_line(material, bot),
        title=heading(material, bot),
        date=long_day(today),
        summary=_summary(material),
        preview=place("preview"),
        sections=place("sections") if material.sections else "",
        health=_health_lines(material.health, today),
        left_out=left_out_text(material.overflow),
        left_out_href=web,
        web=web,
        footer=FooterContext(
            why=_why(material, bot),
            address=place("address"),
            unsubscribe=LinkContext("Unsubscribe", place("unsubscribe")),
            manage=LinkContext("What comes, and when", place("manage") if material.manage else ""),
            contact=LinkContext(contact, mailto(contact)),
            imprint=imprint_lines(bot),
        ),
    )


@value_type(frozen=True, slots=True)
class Shell:
    """A mail's shell with places for what differs from mail to mail, and what belongs there.

    More is open in `html` than in `text`: writing its rules into its elements costs more than all
    the rest, so one page serves every mail. What may be too long for one line of text is wrapped
    before it is put in.
    """

    html: DigestContext
    text: DigestContext
    words: dict[str, str]


def opened(context: DigestContext, place: Callable[[str], str]) -> Shell:
    """Return the context with places; `place` gives what stands for one."""
    words = {
        "subject": context.subject,
        "summary": context.summary,
        "left_out": context.left_out,
        "title": context.title,
        "web": context.web,
        "left_out_href": context.left_out_href,
        "why": context.footer.why,
        **{f"health{at}": line.text for at, line in enumerate(context.health)},
    }
    marks = {name: place(name) if said else "" for name, said in words.items()}
    text = replace(
        context,
        subject=marks["subject"],
        summary=marks["summary"],
        left_out=marks["left_out"],
        footer=replace(context.footer, why=marks["why"]),
    )
    html = replace(
        text,
        title=marks["title"],
        web=marks["web"],
        left_out_href=marks["left_out_href"],
        health=tuple(
            HealthLine(marks[f"health{at}"], line.alarm) for at, line in enumerate(context.health)
        ),
    )
    return Shell(html, text, words)


PLACES = (
    "sections", "preview", "address", "unsubscribe", "manage", "subject", "summary", "left_out", "title",
    "web", "left_out_href", "why",
    *(f"health{at}" for at in range(MOST_LINES)),
)  # fmt: skip
"""What a mail's shell leaves open."""

WRAPPED_PLACES = frozenset({"why"})
"""What takes several lines of text, perhaps, and stands on lines of its own."""


# The same sources stood the same way for many readers.
_health_lines = lru_cache(maxsize=256)(health_lines)


def _summary(material: DigestMaterial) -> str:
    if len(material.sections) == 1:
        considered = material.sections[0].considered
        if not material.sections[0].picks:
            return quiet_text(considered)
        return count_text(material.fresh, considered, material.news, material.withdrawn)
    filled = sum(1 for section in material.sections if section.picks)
    if not filled:
        return quiet_text(0)
    said = count_text(material.fresh, 0, material.news, material.withdrawn)
    return f"{said}, in {counted(filled, 'section')}" if filled > 1 else said


def _why(material: DigestMaterial, bot: BotSettings) -> str:
    names = [f"“{shorten(heading_of(s.profile), 80)}”" for s in material.sections[:6]]
    rest = len(material.sections) - len(names)
    if rest:
        names.append(f"{rest:,} more")
    return f"You are subscribed to {listed(names)} of {shorten(house_title(bot), 80)}."


def profile_address(section: Section, bot: BotSettings) -> str:
    """Return where a profile's archive is on the web, "" where it is not."""
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
    archive = profile_address(public[0], bot)
    editions = public[0].editions
    return f"{archive}{editions[-1].period.isoformat()}/" if len(editions) == 1 else archive
