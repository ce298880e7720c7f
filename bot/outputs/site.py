"""What the static site is made of, and what every page has around it.

A page is first a `Sheet`: its path, all that it is made from, and how to make it. Whoever knows that
a sheet was made from the same before has no need to make it again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from bot.models import Edition, Paper, Pick, Scheme
from bot.outputs.addresses import link_to, paper_folder
from bot.outputs.cards import (
    Section,
    heading_of,
    house_title,
    imprint_lines,
    paper_card,
    readable_title,
    title_of,
)
from bot.outputs.charts import Chart, Period
from bot.outputs.contexts import (
    FeedContext,
    FormContext,
    FrameContext,
    LinkContext,
    PaperContext,
)
from bot.outputs.feeds import TRENDING
from bot.outputs.links import key_of
from bot.outputs.syndication import FORMATS
from bot.ports import PaperHistory, PaperNames
from bot.text import shorten
from bot.values import value_type

if TYPE_CHECKING:
    from bot.config import BotSettings, Profile

# Among the files it can only say who searches; `serve` answers there itself.
SEARCH = "search/index.html"


@value_type(frozen=True, slots=True)
class Whole:
    """On a sheet: papers by their ids, with their votes and where they were seen."""

    papers: tuple[int, ...]


@value_type(frozen=True, slots=True)
class Said:
    """On a sheet: papers by their ids, with what is said of them and not how many voted."""

    papers: tuple[int, ...]


@value_type(frozen=True, slots=True)
class Titled:
    """On a sheet: papers by their ids, of which nothing is told but their titles."""

    papers: tuple[int, ...]


@value_type(frozen=True, slots=True)
class Made:
    """On a sheet: editions with their picks, by their ids."""

    editions: tuple[int, ...]

    @classmethod
    def of(cls, editions: Iterable[Edition]) -> Made:
        """Return these editions as a sheet tells them."""
        return cls(tuple(edition.id for edition in editions))


class Own(NamedTuple):
    """On a sheet: a paper, whole, on the page that is its own. There are as many as papers.

    And what that page tells besides: whether readers can vote, and the editions that picked it, by their
    ids, each with its profile's heading.
    """

    paper: int
    votable: bool
    editions: tuple[tuple[int, str], ...]


class Sheet(NamedTuple):
    """A file of the site before it is made.

    `path` is relative to the public folder; `told` is all that its bytes follow from, beside the
    settings that all files share: Whole, Said, Titled, Made, Own, profiles, and values whose `repr` says
    all of them. Before it is made, the site has all papers that it names.
    """

    path: str
    told: tuple[object, ...]
    make: Callable[[], bytes]


@value_type(frozen=True, slots=True)
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


@value_type(frozen=True, slots=True)
class Record:
    """A paper that has a page, and what is remembered of it."""

    paper: Paper
    history: PaperHistory = field(default_factory=PaperHistory)

    @property
    def folders(self) -> tuple[str, ...]:
        """Where its page stands, and then where pages stand that lead there."""
        names = PaperNames(key_of(self.paper), self.paper.identifiers, self.history.former_keys)
        return folders_of(names)


# An address or a digest of the title is no name that somebody would look a paper up by.
_NAMES = frozenset({Scheme.ARXIV, Scheme.DOI, Scheme.PMID, Scheme.OPENREVIEW})


def folders_of(names: PaperNames) -> tuple[str, ...]:
    """Return the folder of a paper's page, and those of its other names."""
    others = {i for i in names.identifiers if i.scheme in _NAMES} | set(names.former)
    return tuple(map(paper_folder, (names.key, *sorted(others - {names.key}))))


@dataclass(frozen=True)
class Site:
    """What the whole site is made of.

    `papers` holds every picked paper by its id, or at least those of the page that is made now, and
    `titles` those of which nothing but the title is told; `trending` stands in the order it is shown in;
    `today` is the date of the newest thing that is told, `date.min` where nothing is; `charts` are
    the periods whose pages are made now; `periods` are all that have one, in their order; `records`
    are the papers that have a page, by the papers' own ids, and `folders` where those stand, and their
    other names; `open` is whether anybody may subscribe,
    `votable` whether readers can vote: only a running `serve` counts that.
    """

    bot: BotSettings
    archives: tuple[Archive, ...]
    papers: Mapping[int, Paper]
    trending: tuple[Paper, ...]
    today: date
    charts: tuple[Chart, ...] = ()
    periods: tuple[Period, ...] = ()
    records: Mapping[int, Record] = field(default_factory=dict)
    titles: Mapping[int, str] = field(default_factory=dict)
    folders: Mapping[int, tuple[str, ...]] | None = None
    open: bool = False
    votable: bool = False

    @cached_property
    def public(self) -> tuple[Archive, ...]:
        """The archives that anybody may see."""
        return tuple(archive for archive in self.archives if archive.profile.public)

    def title_of(self, paper: int) -> str:
        """Return a picked paper's title as people read it."""
        if paper in self.titles:
            return readable_title(self.titles[paper])
        return title_of(self.papers[paper])

    def pages(self) -> Mapping[int, tuple[str, ...]]:
        """Return each paper that has a page, by its id: its folder, then those of its other names."""
        if self.folders is not None:
            return self.folders
        return {id_: record.folders for id_, record in self.records.items()}

    def page_of(self, paper: Paper, root: str) -> str:
        """Return the link to a paper's page from a page that `root` leads home, "" for none."""
        if paper.id not in self.records:
            return ""
        return link_to(paper_folder(key_of(self.records[paper.id].paper)), root)


def section_of(site: Site, profile: Profile, editions: tuple[Edition, ...]) -> Section:
    """Return the picks of some editions of a profile, each edition's best first."""
    picks = tuple(
        (pick, site.papers[pick.paper])
        for edition in editions
        for pick in sorted(edition.picks, key=lambda pick: pick.position)
        if pick.paper in site.papers
    )
    return Section(profile=profile, picks=picks, editions=editions)


def card_on(
    site: Site, root: str, paper: Paper, pick: Pick | None = None, today: date | None = None
) -> PaperContext:
    """Return a paper's card for a page that `root` leads home from; `today` is the page's own day."""
    return paper_card(
        paper,
        pick,
        today=today or site.today,
        link_prefix=site.bot.link_prefix,
        page=site.page_of(paper, root),
        key=False,
    )


def frame_of(
    site: Site,
    root: str,
    heading: str,
    description: str,
    *,
    when: str = "",
    feeds: Sequence[Profile] | None = None,
    trending: bool = False,
) -> FrameContext:
    """Return the frame of a page that `root` ("", "../" …) leads home from.

    `when` tells pages of the same heading apart. The page announces the feeds of the profiles in
    `feeds`, and with `trending` that one too; None announces them all.
    """
    profiles = [archive.profile for archive in site.public] if feeds is None else feeds
    links = [feed_context(heading_of(profile), profile.name, root) for profile in profiles]
    if feeds is None or trending:
        links.append(feed_context("Trending", TRENDING, root))
    named = f"{heading}, {when}" if when else heading
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
            LinkContext("Search", f"{root}{SEARCH}"),
        ),
        feeds=tuple(links),
        opml=f"{root}feeds.opml",
        imprint=imprint_lines(site.bot),
    )


def feed_context(title: str, name: str, root: str) -> FeedContext:
    """Return a feed's links in every format, from a page that `root` leads home."""
    return FeedContext(
        title=title,
        forms=tuple(
            FormContext(form.name, form.type, f"{root}feeds/{name}.{end}")
            for end, form in FORMATS.items()
        ),
    )


def no_link() -> LinkContext:
    """Return a link that leads nowhere."""
    return LinkContext("", "")
