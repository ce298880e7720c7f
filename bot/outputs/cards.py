"""Models into contexts: how a paper and a section read, wherever they are shown.

Text from outside is made readable, put on one line and bounded here, once for mail, feeds and
pages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date
from functools import lru_cache
from typing import TYPE_CHECKING

from bot.models import Edition, Event, InterestKind, Paper, Pick, Reason, Rel, Role
from bot.outputs.contexts import LinkContext, PaperContext, ReasonContext, SectionContext
from bot.outputs.links import (
    identifier_text,
    paper_links,
    publisher_link,
    title_href,
    web_address,
)
from bot.outputs.news import news_count, news_links, notice_text
from bot.outputs.wording import counted, day_near, in_words
from bot.patterns import pattern
from bot.ranking.key_sentence import key_sentences
from bot.ranking.words import words
from bot.text import one_line, readable, shorten
from bot.text.sentences import sentence_ends
from bot.values import value_type

if TYPE_CHECKING:
    from bot.config import BotSettings, Profile

TITLE_LIMIT = 300
HEADING_LIMIT = 200
LEAD_LIMIT = 420
KEY_LIMIT = 240
_AUTHORS_WHOLE = 8  # up to here all are named …
_AUTHORS_NAMED = 6  # … beyond, so many
_REASONS_SHOWN = 4
_CATEGORIES_SHOWN = 5
_ALIKE_NAMED = 5
_LAST_RESORT = (InterestKind.CATEGORY, InterestKind.MEANING, InterestKind.TRENDING)
_BESIDES = (InterestKind.CATEGORY, InterestKind.MEANING)  # not told where anything better is
_IMPRINT_LINES = 8
# TeX shrinks when it is read; nothing that is shown comes from beyond this many characters.
_READ_LIMIT = 4000
_SHORT = 60
# Letters, digits and marks that mean themselves, with single spaces or hyphens between.
_PLAIN = pattern(r"[\w.,:;()/&?!]+(?:[ -][\w.,:;()/&?!]+)*")

_LEAST_SHARE = 3  # a lead is at least a third of what it may be


@value_type(frozen=True, slots=True)
class Section:
    """What a profile's section is made of: its picks, best first, and the editions they come from.

    `picks` are (pick, paper); `editions` are those it covers, oldest first.
    """

    profile: Profile
    picks: tuple[tuple[Pick, Paper], ...] = ()
    editions: tuple[Edition, ...] = ()

    @property
    def considered(self) -> int:
        """How many papers competed for these places."""
        return sum(edition.considered for edition in self.editions)

    def count(self, role: Role) -> int:
        """Return how many picks are in it for that."""
        return [pick.role for pick, _ in self.picks].count(role)

    @property
    def withdrawn(self) -> int:
        """How many papers it tells the withdrawal of."""
        return withdrawn_among(pick for pick, _ in self.picks)

    def fresh(self) -> tuple[tuple[Pick, Paper, tuple[Paper, ...]], ...]:
        """Return the new papers, each with those that are folded into it."""
        found: list[tuple[Pick, Paper, list[Paper]]] = []
        for pick, paper in self.picks:
            if pick.role is Role.FOLDED and found:
                found[-1][2].append(paper)
            elif pick.role is not Role.UPDATE:
                found.append((pick, paper, []))
        return tuple((pick, paper, tuple(alike)) for pick, paper, alike in found)

    def with_role(self, role: Role) -> tuple[tuple[Pick, Paper], ...]:
        """Return the picks that are in it for that."""
        return tuple((pick, paper) for pick, paper in self.picks if pick.role is role)


def withdrawn_among(picks: Iterable[Pick]) -> int:
    """Return how many of these picks tell a withdrawal."""
    return sum(Event.WITHDRAWN in pick.told for pick in picks if pick.role is Role.UPDATE)


# ── A paper ───────────────────────────────────────────────────────────────────────────────────────


def paper_card(
    paper: Paper,
    pick: Pick | None = None,
    *,
    today: date,
    link_prefix: str = "",
    page: str = "",
    alike: Sequence[LinkContext] = (),
    lead: bool = True,
    key: bool = True,
) -> PaperContext:
    """Return a paper's card; without a pick it has no reasons.

    `today` decides whether a date needs its year; `page` is our own page about it, if any; `alike`
    are the papers that are folded into it. It has no `lead` and no `key` sentence where they are not
    wanted: to choose them costs more than all the rest.
    """
    update = pick if pick and pick.role is Role.UPDATE else None
    venue = shorten(legible(paper.venue), 120)
    notice = notice_text(paper, legible)
    news: tuple[LinkContext, ...] = ()
    if update:
        news = news_links(paper, update, today=today, venue=venue, link_prefix=link_prefix)
    abstract = paper.abstract or paper.tldr
    because = telling_reasons(pick.reasons if pick else ())
    shows_votes = any(reason.kind is InterestKind.TRENDING for reason in because)
    discussion = web_address(paper.link(Rel.DISCUSSION))
    return PaperContext(
        title=title_of(paper),
        href=title_href(paper, link_prefix),
        page=page,
        publisher=publisher_link(paper, link_prefix),
        authors=authors_line(paper.authors),
        venue=venue,
        date=day_near(_utc_day(paper), today) if paper.published else "",
        categories=tuple(
            shorten(legible(category), 60) for category in paper.categories[:_CATEGORIES_SHOWN]
        ),
        identifier=identifier_text(paper),
        reasons=tuple(map(_in_words, because)),
        lead=_lead_of(paper) if lead else "",
        key=key_sentences(abstract, KEY_LIMIT, most=1) if key else "",
        votes=counted(paper.votes, "vote") if paper.votes and not shows_votes else "",
        comments=counted(paper.comments, "comment") if paper.comments and not discussion else "",
        links=paper_links(paper, discussion, link_prefix),
        notice=notice,
        news=news,
        updated=_in_one_line(notice, news) if update else "",
        alike_text=f"And {in_words(len(alike))} more like it" if alike else "",
        alike=tuple(alike[:_ALIKE_NAMED]),
    )


def _lead_of(paper: Paper) -> str:
    """Return what is new in a paper: its own key sentences, or what a machine wrote, and which."""
    if paper.summary and paper.summary_by:
        said = shorten(legible(paper.summary), LEAD_LIMIT)
        return f"{said} (Written by a machine, {shorten(legible(paper.summary_by), _SHORT)}.)"
    return key_sentences(paper.abstract or paper.tldr, LEAD_LIMIT)


def alike_links(
    alike: Sequence[Paper], link_prefix: str = "", page_of: Callable[[Paper], str] = lambda _: ""
) -> tuple[LinkContext, ...]:
    """Return papers by their titles, each linked to our own page about it, or to the publisher's."""
    return tuple(
        LinkContext(title_of(paper), page_of(paper) or title_href(paper, link_prefix))
        for paper in alike
    )


def updated_text(paper: Paper, pick: Pick, today: date) -> str:
    """Return what an update tells, in one line: `published in Nature · new version v3, 21 November`."""
    news = news_links(paper, pick, today=today, venue=shorten(legible(paper.venue), 120))
    notice = notice_text(paper, legible) if Event.WITHDRAWN in pick.told else ""
    return _in_one_line(notice, news)


def _in_one_line(notice: str, news: Iterable[LinkContext]) -> str:
    return " · ".join(filter(None, (notice, *(link.text for link in news))))


def legible(value: str) -> str:
    """Return text from a source as people read it, on one line, bounded."""
    if len(value) <= _SHORT and _PLAIN.fullmatch(value):
        return value  # as most names and categories are
    cut = value[:_READ_LIMIT]
    # A name or a category costs less to read than to remember.
    return _read_once(cut) if len(cut) > _SHORT or "\\" in cut else _read(cut)


def paragraphs(abstract: str, limit: int) -> tuple[str, ...]:
    """Return the paragraphs of an abstract's first `limit` characters as people read them."""
    parts = abstract[:limit].replace("\r\n", "\n").split("\n\n")
    read = (legible(part) if len(part) <= _READ_LIMIT else _read(part) for part in parts)
    return tuple(filter(None, read))


def _read(value: str) -> str:
    line = one_line(value)
    read = readable(line)
    return line if read is line else one_line(read)  # most have no TeX


# One paper is in many digests and on several pages, and reading TeX is most of a card's cost.
_read_once = lru_cache(maxsize=8192)(_read)


def title_of(paper: Paper) -> str:
    """Return the title as people read it, on one line, at most 300 characters, never empty."""
    return readable_title(paper.title)


def readable_title(title: str) -> str:
    """Return a title as a source wrote it as people read it: on one line, bounded, never empty."""
    return shorten(legible(title), TITLE_LIMIT) or "Untitled"


def author_names(authors: Sequence[str], limit: int) -> tuple[str, ...]:
    """Return the first names as people read them, and how many follow: `and 2,950 more`."""
    names = [shorten(legible(name), 120) for name in authors[:limit]]
    rest = len(authors) - limit
    return (*filter(None, names), *([f"and {rest:,} more"] if rest > 0 else []))


def authors_line(authors: Sequence[str]) -> str:
    """Return `A, B, C`, and beyond eight names `A, B, C, D, E, F … and 2,997 more`."""
    named = authors if len(authors) <= _AUTHORS_WHOLE else authors[:_AUTHORS_NAMED]
    line = ", ".join(shorten(legible(name), 80) for name in named)
    rest = len(authors) - len(named)
    return f"{line} … and {rest:,} more" if rest else line


def lead(abstract: str, limit: int = LEAD_LIMIT) -> str:
    """Return the abstract's first sentences: at most `limit` characters, cut where one ends."""
    text = legible(abstract)
    if len(text) <= limit:
        return text
    ends = sentence_ends(text, limit)
    # A first sentence of a few words says too little: then a cut one is the better lead.
    if ends and ends[-1] > limit // _LEAST_SHARE:
        return text[: ends[-1]]
    return shorten(text, limit)


def _utc_day(paper: Paper) -> date:
    """Return the day a source dated it: many send a bare date, which no zone may shift."""
    assert paper.published is not None  # noqa: S101 - both callers asked before
    return paper.published.astimezone(UTC).date()


# ── Reasons ───────────────────────────────────────────────────────────────────────────────────────


_BETWEEN_TERMS = ", "  # as ranking joins them


def telling_reasons(reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    """Return the reasons worth showing: what spoke for the paper, the weightiest first, at most four.

    What only repeats another is left out: the same again, a keyword inside a longer one, a term of
    `about` that a keyword or a weightier reason has in it, a category or a
    meaning where anything better is known. What the profile insists on stands first: without it the
    paper might not be there.
    """
    reasons = list(reasons)
    insisting = [reason for reason in reasons if reason.kind is InterestKind.ALWAYS]
    speaking = [reason for reason in reasons if reason.share > 0 and reason.text.strip()]
    speaking.sort(key=lambda reason: -reason.share)
    phrases = [set(words(r.text)) for r in speaking if r.kind is InterestKind.KEYWORD]
    better = bool(insisting) or any(r.kind not in _LAST_RESORT for r in speaking)
    told: dict[tuple[InterestKind, str], Reason] = {}
    for reason in speaking:
        text = _unsaid(reason, phrases)
        if reason.kind is InterestKind.ABOUT:  # several clauses of it may share their terms
            phrases += [set(words(term)) for term in text.split(_BETWEEN_TERMS)]
        if text and not (better and reason.kind in _BESIDES):
            said = reason if text == reason.text else replace(reason, text=text)
            told.setdefault((reason.kind, text.casefold()), said)
    return (*insisting, *told.values())[:_REASONS_SHOWN]


def _unsaid(reason: Reason, keywords: Sequence[set[str]]) -> str:
    """Return what of a reason's text the matched keywords do not say already."""
    if reason.kind is InterestKind.KEYWORD:
        said = set(words(reason.text))
        return "" if said and any(said < phrase for phrase in keywords) else reason.text
    if reason.kind is not InterestKind.ABOUT:
        return reason.text
    terms = reason.text.split(_BETWEEN_TERMS)
    return _BETWEEN_TERMS.join(
        t for t in terms if not any(set(words(t)) <= phrase for phrase in keywords)
    )


def reasons_in_words(reasons: Iterable[Reason]) -> tuple[ReasonContext, ...]:
    """Return what spoke for a paper, the weightiest first, at most four."""
    return tuple(_in_words(reason) for reason in telling_reasons(reasons))


_BY_HAND = ReasonContext("", "put forward by hand", "")


def _in_words(reason: Reason) -> ReasonContext:
    text = shorten(legible(reason.text), 80)
    match reason.kind:
        case InterestKind.KEYWORD | InterestKind.ABOUT:
            return ReasonContext("", text, "", emphasis=True)
        case InterestKind.MEANING:
            return ReasonContext("near in meaning to “", text, "”")
        case InterestKind.LIKE:
            return ReasonContext("like your “", text, "”")
        case InterestKind.DISLIKE:
            return ReasonContext("unlike “", text, "”")
        case InterestKind.ALWAYS:
            return ReasonContext("always wanted: ", text, "") if text else _BY_HAND
        case InterestKind.TRENDING if text.isascii() and text.isdigit():
            return ReasonContext("", counted(int(text), "vote"), "")
        case _:
            return ReasonContext("", text, "")


def reason_text(reasons: Iterable[ReasonContext]) -> str:
    """Return the reasons as plain words: `expert routing, like your “A paper”, 45 votes`."""
    return ", ".join(f"{reason.before}{reason.term}{reason.after}" for reason in reasons)


# ── The house ─────────────────────────────────────────────────────────────────────────────────────


def house_title(bot: BotSettings) -> str:
    """Return the title of it all, on one line."""
    return _heading(bot.title) or "Paperround"


def heading_of(profile: Profile) -> str:
    """Return a profile's heading, on one line."""
    return _heading(profile.heading)


@lru_cache(maxsize=1024)
def _heading(words: str) -> str:
    return shorten(one_line(words), HEADING_LIMIT)


def imprint_lines(bot: BotSettings) -> tuple[str, ...]:
    """Return who is behind it, a line each, bounded."""
    return _imprint(bot.imprint)


@lru_cache(maxsize=16)
def _imprint(text: str) -> tuple[str, ...]:
    lines = (shorten(one_line(line), 300) for line in text.strip().splitlines())
    return tuple(line for line in lines if line)[:_IMPRINT_LINES]


# ── A section ─────────────────────────────────────────────────────────────────────────────────────


def section_cards(
    section: Section,
    *,
    today: date,
    link_prefix: str = "",
    href: str = "",
    title: str | None = None,
    page_of: Callable[[Paper], str] = lambda _: "",
) -> SectionContext:
    """Return a section with a card for every new paper and a line for news of an earlier one.

    `page_of` tells where our own page about a paper is, "" for none.
    """
    earlier = section.with_role(Role.UPDATE)
    return SectionContext(
        title=heading_of(section.profile) if title is None else title,
        count=section_count(section),
        href=href,
        papers=tuple(
            paper_card(
                paper,
                pick,
                today=today,
                link_prefix=link_prefix,
                page=page_of(paper),
                alike=alike_links(alike, link_prefix, page_of),
                key=False,
            )
            for pick, paper, alike in section.fresh()
        ),
        briefs=(),
        updates=tuple(
            paper_card(
                paper,
                pick,
                today=today,
                link_prefix=link_prefix,
                page=page_of(paper),
                lead=False,
                key=False,
            )
            for pick, paper in earlier
        ),
        quiet=section_quiet(section),
    )


def section_quiet(section: Section) -> str:
    """Say why a section is empty (nothing fitted, or all of it is told elsewhere), "" if it is not."""
    if section.picks:
        return ""
    picked = sum(pick.role is Role.NEW for edition in section.editions for pick in edition.picks)
    if not picked:
        return quiet_text(section.considered)
    return (
        f"{counted(picked, 'paper')} picked here: told in another section, or sent to you before."
    )


def section_count(section: Section) -> str:
    """Return `7 new from 312 considered, news of 2, in 3 editions`."""
    fresh, news = section.count(Role.NEW), section.count(Role.UPDATE)
    parts = [f"{fresh:,} new"] if fresh or not news else []
    if parts and section.considered:
        parts[0] += f" from {section.considered:,} considered"
    if news:
        parts.append(news_count(news, section.withdrawn))
    if len(section.editions) > 1:
        parts.append(f"in {len(section.editions)} editions")
    return ", ".join(parts)


def count_text(fresh: int, considered: int, news: int = 0, withdrawn: int = 0) -> str:
    """Return `7 new papers from 312 considered, news of 2 earlier papers`."""
    said = counted(fresh, "new paper")
    if considered:
        said += f" from {considered:,} considered"
    return ", ".join(filter(None, (said, news_count(news, withdrawn, "earlier paper"))))


def quiet_text(considered: int) -> str:
    """Return what to say where no paper is."""
    if not considered:
        return "No new papers came in."
    return f"Nothing here for you among the {counted(considered, 'paper')} that came in."
