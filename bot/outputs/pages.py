"""The static site: path → bytes, every link relative, so that it works from a folder, too.

Paths are CONTRACT.md's, under `state/public/`. Folders are linked by their `index.html`, which a
browser needs when no server is there to add it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from bot.config import BotSettings, Profile
from bot.models import Edition, Paper, Pick, Role
from bot.outputs.cards import (
    Section,
    count_text,
    heading_of,
    house_title,
    imprint_lines,
    lead,
    paper_card,
    quiet_text,
    section_cards,
    title_of,
)
from bot.outputs.contexts import (
    EditionLine,
    EditionPage,
    FrameContext,
    LinkContext,
    MonthContext,
    PaperContext,
    ProfilePage,
    ProfileTeaser,
    StyleSheet,
    TodayPage,
    TrendingPage,
    UnsubscribePage,
)
from bot.outputs.health import health_lines, latest_notes
from bot.outputs.wording import counted, listed, long_day, month, short_day
from bot.ports import Renderer
from bot.text import shorten

_TEASED = 3
_TRENDING_TEASED = 5


@dataclass(frozen=True, slots=True)
class Archive:
    """A profile and its editions with their picks, in any order."""

    profile: Profile
    editions: tuple[Edition, ...] = ()

    def days(self) -> list[tuple[date, tuple[Edition, ...]]]:
        """Return (day, its editions in the order they were made), newest day first.

        Only an edition forced by hand can share its day with another.
        """
        ordered = sorted(self.editions, key=lambda edition: (edition.period, edition.number))
        days = [(day, tuple(of)) for day, of in groupby(ordered, lambda edition: edition.period)]
        return days[::-1]


@dataclass(frozen=True, slots=True)
class Site:
    """What the whole site is made of.

    `papers` holds every picked paper by its id; `trending` stands in the order it is shown in;
    `today` is the date of the newest thing that is told.
    """

    bot: BotSettings
    archives: tuple[Archive, ...]
    papers: Mapping[int, Paper]
    trending: tuple[Paper, ...]
    today: date

    @property
    def public(self) -> tuple[Archive, ...]:
        """The archives that anybody may see."""
        return tuple(archive for archive in self.archives if archive.profile.public)


def site_pages(site: Site, render: Renderer) -> dict[str, bytes]:
    """Return every page, by its path relative to the public folder.

    Profiles that are not public appear nowhere. Raises TemplateError where our template breaks.
    """
    pages = {
        "style.css": render("web/style.css", StyleSheet()),
        "index.html": render("web/today.html", _today(site)),
        "trending/index.html": render("web/trending.html", _trending(site)),
    }
    for archive in site.public:
        folder = f"p/{archive.profile.name}"
        pages[f"{folder}/index.html"] = render("web/profile.html", _profile(site, archive))
        for day, context in _editions(site, archive):
            pages[f"{folder}/{day.isoformat()}/index.html"] = render("web/edition.html", context)
    return {path: text.encode() for path, text in pages.items()}


# ── Frame ─────────────────────────────────────────────────────────────────────────────────────────


def _frame(
    site: Site,
    root: str,
    heading: str,
    description: str,
    *,
    day: date | None = None,
    feeds: Sequence[Profile] | None = None,
) -> FrameContext:
    """Return the frame of a page that `root` ("", "../" …) leads home from.

    `day` tells pages of the same heading apart. `feeds` are the profiles whose feeds it announces;
    None announces them all, and trending.
    """
    profiles = [archive.profile for archive in site.public] if feeds is None else feeds
    links = [
        LinkContext(heading_of(profile), f"{root}feeds/{profile.name}.rss") for profile in profiles
    ]
    if feeds is None:
        links.append(LinkContext("Trending", f"{root}feeds/trending.rss"))
    named = f"{heading}, {long_day(day)}" if day else heading
    house = house_title(site.bot)
    return FrameContext(
        language=site.bot.language,
        title=named if named == house else f"{named} · {house}",
        site=house,
        heading=heading,
        description=shorten(description, 200),
        home=f"{root}index.html",
        style=f"{root}style.css",
        menu=(
            LinkContext("Today", f"{root}index.html"),
            LinkContext("Trending", f"{root}trending/index.html"),
        ),
        feeds=tuple(links),
        imprint=imprint_lines(site.bot),
    )


# ── The way out ───────────────────────────────────────────────────────────────────────────────────


def unsubscribe_page(
    *, bot: BotSettings, address: str, profiles: Sequence[Profile], done: bool, render: Renderer
) -> bytes:
    """Return the page behind a digest's unsubscribe link, which `serve` shows at /unsubscribe/TOKEN.

    The address is masked: a digest may have been forwarded.
    """
    site = Site(bot, (), {}, (), date.min)
    frame = _frame(site, "../", "Unsubscribed" if done else "Unsubscribe", "", feeds=())
    local, _, domain = address.partition("@")
    context = UnsubscribePage(
        frame=frame,
        address=f"{local[:1]}…@{domain}",
        profiles=tuple(heading_of(profile) for profile in profiles),
        done=done,
    )
    return render("web/unsubscribe.html", context).encode()


# ── Pages ─────────────────────────────────────────────────────────────────────────────────────────


def _today(site: Site) -> TodayPage:
    names = listed([heading_of(archive.profile) for archive in site.public][:8])
    return TodayPage(
        frame=_frame(site, "", house_title(site.bot), f"New research papers: {names}."),
        date=long_day(site.today),
        profiles=tuple(_teaser(site, archive) for archive in site.public),
        trending=tuple(_card(site, paper) for paper in site.trending[:_TRENDING_TEASED]),
        trending_href="trending/index.html",
    )


def _teaser(site: Site, archive: Archive) -> ProfileTeaser:
    folder = f"p/{archive.profile.name}"
    days = archive.days()
    day, editions = days[0] if days else (site.today, ())
    section = _section(site, archive.profile, editions)
    fresh = section.with_role(Role.NEW)
    to = LinkContext(short_day(day), f"{folder}/{day.isoformat()}/index.html" if editions else "")
    return ProfileTeaser(
        title=heading_of(archive.profile),
        about=lead(archive.profile.about, 240),
        href=f"{folder}/index.html",
        feed=f"feeds/{archive.profile.name}.rss",
        edition=to,
        count=counted(len(fresh), "new paper"),
        papers=tuple(_card(site, paper, pick) for pick, paper in fresh[:_TEASED]),
    )


def _trending(site: Site) -> TrendingPage:
    return TrendingPage(
        frame=_frame(site, "../", "Trending", "Research papers by the votes of readers."),
        summary=f"By the votes of readers, {long_day(site.today)}",
        papers=tuple(_card(site, paper) for paper in site.trending),
        feed="../feeds/trending.rss",
    )


def _profile(site: Site, archive: Archive) -> ProfilePage:
    profile = archive.profile
    about = lead(profile.about, 600)
    heading = heading_of(profile)
    months = groupby(archive.days(), key=lambda entry: month(entry[0]))
    return ProfilePage(
        frame=_frame(
            site, "../../", heading, about or f"All editions of {heading}.", feeds=[profile]
        ),
        about=about,
        feed=f"../../feeds/{profile.name}.rss",
        months=tuple(
            MonthContext(
                title, tuple(_edition_line(site, profile, day, editions) for day, editions in days)
            )
            for title, days in months
        ),
    )


def _edition_line(
    site: Site, profile: Profile, day: date, editions: tuple[Edition, ...]
) -> EditionLine:
    section = _section(site, profile, editions)
    fresh, replaced = section.with_role(Role.NEW), section.with_role(Role.UPDATE)
    return EditionLine(
        date=short_day(day),
        href=f"{day.isoformat()}/index.html",
        count=count_text(len(fresh), len(replaced), 0) if section.picks else "A quiet day",
        first=shorten(title_of(fresh[0][1]), 120) if fresh else "",
    )


def _editions(site: Site, archive: Archive) -> Iterator[tuple[date, EditionPage]]:
    days = archive.days()
    for place, (day, editions) in enumerate(days):
        earlier = days[place + 1][0] if place + 1 < len(days) else None
        later = days[place - 1][0] if place else None
        yield day, _edition(site, archive.profile, day, editions, earlier, later)


def _edition(
    site: Site,
    profile: Profile,
    day: date,
    editions: tuple[Edition, ...],
    earlier: date | None,
    later: date | None,
) -> EditionPage:
    whole = _section(site, profile, editions)
    heading = heading_of(profile)
    fresh, replaced = whole.with_role(Role.NEW), whole.with_role(Role.UPDATE)
    summary = quiet_text(whole.considered)
    if whole.picks:
        summary = count_text(len(fresh), len(replaced), whole.considered)
    numbers = listed([f"{edition.number:,}" for edition in editions])
    return EditionPage(
        frame=_frame(site, "../../../", heading, summary, day=day, feeds=[profile]),
        date=long_day(day),
        number=f"Edition {numbers}" if len(editions) == 1 else f"Editions {numbers}",
        archive=LinkContext("All editions", "../index.html"),
        summary=summary,
        sections=tuple(
            section_cards(
                _section(site, profile, (edition,)),
                today=day,
                link_prefix=site.bot.link_prefix,
                title=f"Edition {edition.number:,}" if len(editions) > 1 else "",
            )
            for edition in editions
        ),
        health=health_lines(latest_notes([editions]), day),
        earlier=_turn(earlier),
        later=_turn(later),
    )


def _turn(day: date | None) -> LinkContext:
    if day is None:
        return LinkContext("", "")
    return LinkContext(short_day(day), f"../{day.isoformat()}/index.html")


def _section(site: Site, profile: Profile, editions: tuple[Edition, ...]) -> Section:
    picks = tuple(
        (pick, site.papers[pick.paper])
        for edition in editions
        for pick in sorted(edition.picks, key=lambda pick: pick.position)
        if pick.paper in site.papers
    )
    return Section(profile=profile, picks=picks, editions=editions)


def _card(site: Site, paper: Paper, pick: Pick | None = None) -> PaperContext:
    return paper_card(paper, pick, today=site.today, link_prefix=site.bot.link_prefix)
