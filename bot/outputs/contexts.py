"""What each template is given: one frozen dataclass per template, all of them text and links.

Everything here is ready to be shown: readable, on one line where it is one line, bounded, and with
no control characters in it. Escaping for HTML is the template engine's, once, at the very end.
Empty strings and tuples mean "there is none"; a template leaves such a line out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class LinkContext:
    """A link: what it says and where it leads (an http, https or mailto address, or a path)."""

    text: str
    href: str


@dataclass(frozen=True, slots=True)
class ReasonContext:
    """One reason in words: `before`, the `term` itself, `after`; joined they are the phrase.

    `emphasis` tells a phrase of the profile's own, which is set apart, from plain words.
    """

    before: str
    term: str
    after: str
    emphasis: bool = False


@dataclass(frozen=True, slots=True)
class PaperContext:
    """A paper's card.

    `href` leads to the publisher's page ("" where no address is known), `publisher` is the same
    under its host's name, `page` is our own page about it ("" for none), `lead` is the first sentences of
    the abstract, `votes` and `comments` are in words ("45 votes"), `updated` is said of a replaced
    paper ("v3 since 21 November").
    """

    number: int
    title: str
    href: str
    page: str
    publisher: LinkContext
    authors: str
    venue: str
    date: str
    categories: tuple[str, ...]
    identifier: str
    reasons: tuple[ReasonContext, ...]
    lead: str
    votes: str
    comments: str
    links: tuple[LinkContext, ...]
    updated: str


@dataclass(frozen=True, slots=True)
class SectionContext:
    """A profile's section: cards, titles only for what would make the mail too long, replacements.

    `count` is in words ("7 new, 2 replaced"); `href` is the profile's archive; `quiet` is what to
    say where there is no paper at all.
    """

    title: str
    count: str
    href: str
    papers: tuple[PaperContext, ...]
    briefs: tuple[PaperContext, ...]
    updates: tuple[PaperContext, ...]
    quiet: str


@dataclass(frozen=True, slots=True)
class HealthLine:
    """How a source stands, in a sentence; `alarm` where papers may be missing because of it."""

    text: str
    alarm: bool


@dataclass(frozen=True, slots=True)
class FooterContext:
    """The end of every mail: why it came, how to end it, whom to write to, who is behind it."""

    why: str
    unsubscribe: LinkContext
    contact: LinkContext
    imprint: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DigestContext:
    """`email/digest.html` and `email/digest.txt`: the mail of one delivery.

    `preview` is the line an inbox shows beside the subject; `left_out` says how many papers are
    only counted, and `left_out_href` where they are; `web` is the digest's page. A link is "" where
    its route does not exist.
    """

    language: str
    subject: str
    title: str
    date: str
    summary: str
    preview: str
    sections: tuple[SectionContext, ...]
    health: tuple[HealthLine, ...]
    left_out: str
    left_out_href: str
    web: str
    footer: FooterContext


@dataclass(frozen=True, slots=True)
class FormContext:
    """One format of a feed: its name ("RSS"), its media type and where it is."""

    text: str
    type: str
    href: str


@dataclass(frozen=True, slots=True)
class FeedContext:
    """A feed in every format it is published in."""

    title: str
    forms: tuple[FormContext, ...]


@dataclass(frozen=True, slots=True)
class FrameContext:
    """What every page has around it. All addresses are relative, so that a page works anywhere.

    `title` is the window's, `heading` the page's, `site` the whole site's; `opml` lists all feeds.
    """

    language: str
    title: str
    site: str
    heading: str
    description: str
    home: str
    style: str
    menu: tuple[LinkContext, ...]
    feeds: tuple[FeedContext, ...]
    opml: str
    imprint: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ProfileTeaser:
    """A public profile on the front page: its latest edition's first papers."""

    title: str
    about: str
    href: str
    feed: str
    edition: LinkContext
    count: str
    papers: tuple[PaperContext, ...]


@dataclass(frozen=True, slots=True)
class TodayPage:
    """`web/today.html`: every public profile's latest, and what is trending.

    `date` is "" and `welcome` says why where nothing was told yet.
    """

    frame: FrameContext
    date: str
    welcome: tuple[str, ...]
    profiles: tuple[ProfileTeaser, ...]
    trending: tuple[PaperContext, ...]
    trending_href: str


@dataclass(frozen=True, slots=True)
class EditionLine:
    """One day in a profile's archive: its date in words, its size, its first title."""

    date: str
    href: str
    count: str
    first: str


@dataclass(frozen=True, slots=True)
class MonthContext:
    """The editions of one month, newest first."""

    title: str
    editions: tuple[EditionLine, ...]


@dataclass(frozen=True, slots=True)
class ProfilePage:
    """`web/profile.html`: a profile's archive."""

    frame: FrameContext
    about: str
    feed: FeedContext
    months: tuple[MonthContext, ...]


@dataclass(frozen=True, slots=True)
class EditionPage:
    """`web/edition.html`: a day's edition, and what was made by hand on the same day after it.

    `number` is in words ("Edition 7"); a section's title is "" where there is only one; `archive`
    leads to all editions; `earlier` and `later` have an empty href at the ends.
    """

    frame: FrameContext
    date: str
    number: str
    archive: LinkContext
    summary: str
    sections: tuple[SectionContext, ...]
    health: tuple[HealthLine, ...]
    earlier: LinkContext
    later: LinkContext


@dataclass(frozen=True, slots=True)
class ShelfContext:
    """Links that belong together, under a name: the days of a week."""

    title: str
    links: tuple[LinkContext, ...]


@dataclass(frozen=True, slots=True)
class TrendingPage:
    """`web/trending.html`: papers by the community's votes, now or in a day, a week or a month.

    `date` names the period, "" now; `around` leads to the longer ones it is in, `inside` to the
    shorter ones in it; `quiet` is what to say where no paper is; `earlier` and `later` have an
    empty href at the ends.
    """

    frame: FrameContext
    date: str
    summary: str
    around: tuple[LinkContext, ...]
    feed: FeedContext
    papers: tuple[PaperContext, ...]
    quiet: str
    inside: tuple[ShelfContext, ...]
    earlier: LinkContext
    later: LinkContext


@dataclass(frozen=True, slots=True)
class PickedContext:
    """An edition that picked a paper: which, and why."""

    profile: str
    edition: LinkContext
    reasons: tuple[ReasonContext, ...]
    updated: str


@dataclass(frozen=True, slots=True)
class SeenContext:
    """Where a paper was seen: the source, what it said, and when ("19 to 21 November 2026")."""

    source: str
    event: str
    when: str


@dataclass(frozen=True, slots=True)
class VotesContext:
    """A day's votes and comments in figures, and how many votes came since the day before it."""

    day: str
    votes: str
    gained: str
    comments: str


@dataclass(frozen=True, slots=True)
class PaperPage:
    """`web/record.html`: all that is known of one paper.

    `authors` are the first of them, `others` the rest and `others_count` those in words; `abstract`
    is its paragraphs, `facts` what names and dates it; a link without an href is plain words.
    """

    frame: FrameContext
    authors: str
    others: str
    others_count: str
    venue: str
    date: str
    links: tuple[LinkContext, ...]
    abstract: tuple[str, ...]
    picked: tuple[PickedContext, ...]
    votes: tuple[VotesContext, ...]
    seen: tuple[SeenContext, ...]
    facts: tuple[ShelfContext, ...]


@dataclass(frozen=True, slots=True)
class AliasPage:
    """`web/alias.html`: a paper that has its page elsewhere; `canonical` is that page's folder."""

    frame: FrameContext
    href: str
    canonical: str


@dataclass(frozen=True, slots=True)
class UnsubscribePage:
    """`web/unsubscribe.html`: one button (`done` False), or that it is done.

    `address` is masked; `profiles` are the titles of what it gets; the form posts to its own page.
    """

    frame: FrameContext
    address: str
    profiles: tuple[str, ...]
    done: bool


@dataclass(frozen=True, slots=True)
class StyleSheet:
    """`web/style.css`: a template like the others, so that a user's own may replace it."""


TEMPLATES: Mapping[str, type] = MappingProxyType(
    {
        "email/digest.html": DigestContext,
        "email/digest.txt": DigestContext,
        "web/today.html": TodayPage,
        "web/profile.html": ProfilePage,
        "web/edition.html": EditionPage,
        "web/trending.html": TrendingPage,
        "web/record.html": PaperPage,
        "web/alias.html": AliasPage,
        "web/unsubscribe.html": UnsubscribePage,
        "web/style.css": StyleSheet,
    }
)
"""Every template that is rendered by itself, and the context that belongs to it."""
