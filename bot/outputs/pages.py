"""The static site: path → bytes, every link relative, so that it works from a folder, too.

Paths are CONTRACT.md's, under `state/public/`. Folders are linked by their `index.html`, which a
browser needs when no server is there to add it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from functools import cache, partial
from itertools import groupby
from typing import TYPE_CHECKING

from bot.models import Edition, Pick, Role
from bot.outputs.calendars import month_of_editions
from bot.outputs.cards import (
    count_text,
    heading_of,
    house_title,
    lead,
    quiet_text,
    section_cards,
    withdrawn_among,
)
from bot.outputs.contexts import (
    CalendarContext,
    EditionLine,
    EditionPage,
    LinkContext,
    MonthContext,
    ProfilePage,
    ProfileTeaser,
    StyleSheet,
    TodayPage,
)
from bot.outputs.feeds import (
    EDITIONS_SHOWN,
    TRENDING,
    archive_parts,
    archived_feed,
    feeds_opml,
    profile_feed,
    trending_feed,
)
from bot.outputs.health import health_lines, latest_notes
from bot.outputs.paper_pages import paper_sheets
from bot.outputs.search_pages import still_search_page
from bot.outputs.site import (
    SEARCH,
    Archive,
    Made,
    Said,
    Sheet,
    Site,
    Titled,
    Whole,
    card_on,
    feed_context,
    frame_of,
    no_link,
    section_of,
)
from bot.outputs.syndication import FORMATS, Feed, FeedFormat
from bot.outputs.trending_pages import trending_sheets
from bot.outputs.wording import counted, listed, long_day, month, short_day
from bot.ports import Renderer
from bot.text import shorten

if TYPE_CHECKING:
    from bot.config import Profile

_TEASED = 3
_TRENDING_TEASED = 5


# ── Everything ────────────────────────────────────────────────────────────────────────────────────


def site_pages(site: Site, render: Renderer) -> Iterator[Sheet]:
    """Yield every page and the style they share.

    Profiles that are not public appear nowhere. Making a sheet raises TemplateError where our
    template breaks.
    """
    yield Sheet("style.css", (), lambda: render("web/style.css", StyleSheet()).encode())
    latest = [
        (archive.profile, edition)
        for archive in site.public
        for _, editions in archive.days()[:1]
        for edition in editions
    ]
    shown = Whole(tuple(paper.id for paper in site.trending[:_TRENDING_TEASED]))
    yield Sheet(
        "index.html",
        (
            site.today, site.open, [archive.profile for archive in site.public],
            Made.of(edition for _, edition in latest),
            Whole(_teased(site, latest)), shown,
        ),
        lambda: render("web/today.html", _today(site)).encode(),
    )  # fmt: skip
    for archive in site.public:
        yield from _archive_sheets(site, archive, render)
    listed_here = tuple((a.profile.name, heading_of(a.profile)) for a in site.public)
    yield Sheet(SEARCH, listed_here, lambda: still_search_page(site, render))
    yield from trending_sheets(site, render)
    yield from paper_sheets(site, render)


def _archive_sheets(site: Site, archive: Archive, render: Renderer) -> Iterator[Sheet]:
    profile, days = archive.profile, archive.days()
    folder = f"p/{profile.name}"
    firsts = (_first_of(site, editions) for _, editions in days)
    yield Sheet(
        f"{folder}/index.html",
        (profile, Made.of(archive.editions), Titled(tuple(paper for paper in firsts if paper))),
        lambda: render("web/profile.html", _profile(site, archive)).encode(),
    )
    calendars = _calendar_days([day for day, _ in days])
    for place, ((day, editions), known) in enumerate(zip(days, calendars, strict=True)):
        earlier = days[place + 1][0] if place + 1 < len(days) else None
        later = days[place - 1][0] if place else None
        yield Sheet(
            f"{folder}/{day.isoformat()}/index.html",
            (
                heading_of(profile), profile.name, Made.of(editions), earlier, later,
                known, Whole(_papers_of(site, editions)),
            ),
            partial(_make_edition, site, profile, day, editions, earlier, later, known, render),
        )  # fmt: skip


def _make_edition(
    site: Site,
    profile: Profile,
    day: date,
    editions: tuple[Edition, ...],
    earlier: date | None,
    later: date | None,
    known: Sequence[date],
    render: Renderer,
) -> bytes:
    around = month_of_editions(day, known, "../", today=day)
    context = _edition(site, profile, day, editions, earlier, later, around)
    return render("web/edition.html", context).encode()


def _calendar_days(told: Sequence[date]) -> Iterator[tuple[date, ...]]:
    """Yield for each day, newest first, those that its page's calendar tells of, newest first.

    Of the month that goes on only the days so far: a new one changes no older page but the last.
    """
    months = [tuple(days) for _, days in groupby(told, key=lambda day: (day.year, day.month))]
    for place, days in enumerate(months):
        later = months[place - 1][-1:] if place else ()
        earlier = months[place + 1][:1] if place + 1 < len(months) else ()
        for at in range(len(days)):
            yield (*later, *(days if place else days[at:]), *earlier)


def _papers_of(site: Site, editions: Iterable[Edition]) -> tuple[int, ...]:
    return tuple(
        pick.paper for edition in editions for pick in edition.picks if pick.paper in site.papers
    )


def _first_of(site: Site, editions: Sequence[Edition]) -> int:
    """Return the first new paper of a day, 0 for none."""
    fresh = (pick for pick in _picks_of(site, editions) if pick.role is Role.NEW)
    return next((pick.paper for pick in fresh), 0)


def _picks_of(site: Site, editions: Sequence[Edition]) -> list[Pick]:
    return [
        pick
        for edition in editions
        for pick in sorted(edition.picks, key=lambda pick: pick.position)
        if pick.paper in site.papers
    ]


def _teased(site: Site, latest: Sequence[tuple[Profile, Edition]]) -> tuple[int, ...]:
    return _papers_of(site, (edition for _, edition in latest))


def site_feeds(
    site: Site, authority: str, counted_at: datetime | None, changed: Mapping[int, datetime]
) -> Iterator[Sheet]:
    """Yield every feed in every format, and the list of them all.

    `counted_at` is when votes were last counted, `changed` when a paper last changed, by its id.
    """
    for archive in site.public:
        yield from _feed_of(site, archive, authority, changed)
    yield from _in_every_form(
        TRENDING,
        (counted_at, Whole(tuple(paper.id for paper in site.trending))),
        partial(
            trending_feed, bot=site.bot, papers=site.trending, authority=authority,
            made_at=counted_at, changed=changed,
        ),
    )  # fmt: skip
    profiles = [archive.profile for archive in site.public]
    yield Sheet(
        "feeds.opml",
        tuple((profile.name, heading_of(profile)) for profile in profiles),
        lambda: feeds_opml(site.bot, profiles),
    )


def _feed_of(
    site: Site, archive: Archive, authority: str, changed: Mapping[int, datetime]
) -> Iterator[Sheet]:
    profile = archive.profile
    newest = sorted(archive.editions, key=lambda edition: -edition.number)[:EDITIONS_SHOWN]
    # Without a public address nothing could lead to them.
    parts = archive_parts(archive.editions) if site.bot.base_url else []
    yield from _in_every_form(
        profile.name,
        (profile, Made.of(newest), Said(_papers_of(site, newest)), len(parts)),
        partial(
            profile_feed, bot=site.bot, profile=profile, editions=archive.editions,
            papers=site.papers, authority=authority, changed=changed,
        ),
    )  # fmt: skip
    for part, held in enumerate(parts, start=1):
        yield from _in_every_form(
            f"{profile.name}/{part}",
            (profile, Made.of(held), Said(_papers_of(site, held)), part, part < len(parts)),
            partial(
                archived_feed, bot=site.bot, profile=profile, part=part, parts=len(parts),
                editions=held, papers=site.papers, authority=authority,
            ),
        )  # fmt: skip


def _in_every_form(
    name: str, told: tuple[object, ...], feed: Callable[[], Feed]
) -> Iterator[Sheet]:
    once = cache(feed)
    for end, form in FORMATS.items():
        yield Sheet(f"feeds/{name}.{end}", told, partial(_written, form, once))


def _written(form: FeedFormat, feed: Callable[[], Feed]) -> bytes:
    return form.written(feed())


# ── Pages ─────────────────────────────────────────────────────────────────────────────────────────


def _today(site: Site) -> TodayPage:
    headings = [heading_of(archive.profile) for archive in site.public]
    about = f"New research papers: {listed(headings[:8])}." if headings else "New research papers."
    return TodayPage(
        frame=frame_of(site, "", house_title(site.bot), about),
        date=long_day(site.today) if site.today > date.min else "",
        welcome=_welcome(site),
        profiles=tuple(_teaser(site, archive) for archive in site.public),
        trending=tuple(card_on(site, "", paper) for paper in site.trending[:_TRENDING_TEASED]),
        trending_href="trending/index.html",
        subscribe="subscribe" if site.open and site.public else "",
    )


def _welcome(site: Site) -> tuple[str, ...]:
    """Return what to say to the first visitors, who come before the first papers."""
    if site.today > date.min:
        return ()
    if not site.public:
        return ("Nothing is here yet. Papers appear as soon as a profile is public.",)
    return (
        "Good morning. New research papers will stand here, each with the reason why it was picked.",
        "They come with the first edition. The feeds can be followed already.",
    )


def _teaser(site: Site, archive: Archive) -> ProfileTeaser:
    folder = f"p/{archive.profile.name}"
    days = archive.days()
    day, editions = days[0] if days else (site.today, ())
    section = section_of(site, archive.profile, editions)
    fresh = section.with_role(Role.NEW)
    to = LinkContext(short_day(day), f"{folder}/{day.isoformat()}/index.html" if editions else "")
    return ProfileTeaser(
        title=heading_of(archive.profile),
        about=lead(archive.profile.about, 240),
        href=f"{folder}/index.html",
        feed=f"feeds/{archive.profile.name}.rss",
        edition=to,
        count=counted(len(fresh), "new paper"),
        papers=tuple(card_on(site, "", paper, pick) for pick, paper in fresh[:_TEASED]),
    )


def _profile(site: Site, archive: Archive) -> ProfilePage:
    profile = archive.profile
    about = lead(profile.about, 600)
    heading = heading_of(profile)
    told = [day for day, _ in archive.days()]
    months = groupby(archive.days(), key=lambda entry: entry[0].replace(day=1))
    return ProfilePage(
        frame=frame_of(
            site, "../../", heading, about or f"All editions of {heading}.", feeds=[profile]
        ),
        about=about,
        feed=feed_context(heading, profile.name, "../../"),
        months=tuple(
            MonthContext(
                month(first),
                replace(month_of_editions(first, told, ""), earlier=no_link(), later=no_link()),
                tuple(_edition_line(site, day, editions) for day, editions in days),
            )
            for first, days in months
        ),
    )


def _edition_line(site: Site, day: date, editions: tuple[Edition, ...]) -> EditionLine:
    picks = _picks_of(site, editions)
    roles, first = [pick.role for pick in picks], _first_of(site, editions)
    fresh, news = roles.count(Role.NEW), roles.count(Role.UPDATE)
    return EditionLine(
        date=short_day(day),
        href=f"{day.isoformat()}/index.html",
        count=count_text(fresh, 0, news, withdrawn_among(picks)) if picks else "A quiet day",
        first=shorten(site.title_of(first), 120) if first else "",
    )


def _edition(
    site: Site,
    profile: Profile,
    day: date,
    editions: tuple[Edition, ...],
    earlier: date | None,
    later: date | None,
    around: CalendarContext,
) -> EditionPage:
    whole = section_of(site, profile, editions)
    heading = heading_of(profile)
    summary = quiet_text(whole.considered)
    if whole.picks:
        news = whole.count(Role.UPDATE)
        summary = count_text(whole.count(Role.NEW), whole.considered, news, whole.withdrawn)
    numbers = listed([f"{edition.number:,}" for edition in editions])
    return EditionPage(
        frame=frame_of(site, "../../../", heading, summary, when=long_day(day), feeds=[profile]),
        date=long_day(day),
        number=f"Edition {numbers}" if len(editions) == 1 else f"Editions {numbers}",
        archive=LinkContext("All editions", "../index.html"),
        summary=summary,
        sections=tuple(
            section_cards(
                section_of(site, profile, (edition,)),
                today=day,
                link_prefix=site.bot.link_prefix,
                page_of=lambda paper: site.page_of(paper, "../../../"),
                title=f"Edition {edition.number:,}" if len(editions) > 1 else "",
            )
            for edition in editions
        ),
        health=health_lines(latest_notes([editions]), day),
        earlier=_turn(earlier),
        later=_turn(later),
        month=around,
    )


def _turn(day: date | None) -> LinkContext:
    if day is None:
        return no_link()
    return LinkContext(short_day(day), f"../{day.isoformat()}/index.html")
