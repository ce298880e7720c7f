"""What each template is given: one frozen dataclass per template, all of them text and links.

Everything here is ready to be shown: readable, on one line where it is one line, bounded, and with
no control characters in it. Escaping for HTML is the template engine's, once, at the very end.
Empty strings and tuples mean "there is none"; a template leaves such a line out.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from bot.values import value_type

# ── Papers and sections ───────────────────────────────────────────────────────────────────────────


@value_type(frozen=True, slots=True)
class LinkContext:
    """A link: what it says and where it leads (an http, https or mailto address, or a path)."""

    text: str
    href: str


@value_type(frozen=True, slots=True)
class ReasonContext:
    """One reason in words: `before`, the `term` itself, `after`; joined they are the phrase.

    `emphasis` tells a phrase of the profile's own, which is set apart, from plain words.
    """

    before: str
    term: str
    after: str
    emphasis: bool = False


@value_type(frozen=True, slots=True)
class PaperContext:
    """A paper's card.

    `href` leads to the publisher's page ("" where no address is known), `publisher` is the same
    under its host's name, `page` is our own page about it ("" for none), `lead` is the abstract, or
    where it is long what it says is new, or what a service says in one sentence where there is none;
    `key` is the one sentence of it that says what is new (mails alone have it), `votes` and `comments`
    are in words ("45 votes"). `notice` says that it is withdrawn ("Withdrawn by its authors, due to an
    error in Lemma 1"). `news` is what became of a paper that was picked before, each with its link if it
    has one ("published in Nature", "new version v3, 21 November"); `updated` is all of that in one line of
    words, the notice too. `alike` are papers that say nearly the same, and `alike_text` is how many
    ("And two more like it").
    """

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
    key: str
    votes: str
    comments: str
    links: tuple[LinkContext, ...]
    notice: str
    news: tuple[LinkContext, ...]
    updated: str
    alike_text: str
    alike: tuple[LinkContext, ...]


@value_type(frozen=True, slots=True)
class SectionContext:
    """A profile's section: cards, titles only for what would be too long, news of earlier papers.

    `count` is in words ("7 new, news of 2"); `href` is the profile's archive; `quiet` is what to
    say where there is no paper at all.
    """

    title: str
    count: str
    href: str
    papers: tuple[PaperContext, ...]
    briefs: tuple[PaperContext, ...]
    updates: tuple[PaperContext, ...]
    quiet: str


# ── Digests by mail ───────────────────────────────────────────────────────────────────────────────


@value_type(frozen=True, slots=True)
class HealthLine:
    """How a source stands, in a sentence; `alarm` where papers may be missing because of it."""

    text: str
    alarm: bool


@value_type(frozen=True, slots=True)
class FooterContext:
    """The end of every mail: why it came, to whom, how to end it, whom to write to, who sends it.

    `address` is the reader's own.
    """

    why: str
    address: str
    unsubscribe: LinkContext
    manage: LinkContext
    contact: LinkContext
    imprint: tuple[str, ...]


@value_type(frozen=True, slots=True)
class DigestContext:
    """`email/digest.html` and `email/digest.txt`: the mail of one delivery, around its sections.

    `preview` is the line an inbox shows beside the subject; `sections` are the sections, rendered;
    `left_out` says how many papers are only counted, and `left_out_href` where they are; `web` is
    the digest's page. A link is "" where its route does not exist.

    What is other in each mail is filled in afterwards: a template can place it, and cannot cut or
    measure it. That is subject, preview, summary, sections, `left_out`, the footer's address and
    unsubscribe link; in the HTML also title, health, the web links and why the mail came.
    """

    language: str
    subject: str
    title: str
    date: str
    summary: str
    preview: str
    sections: str
    health: tuple[HealthLine, ...]
    left_out: str
    left_out_href: str
    web: str
    footer: FooterContext


@value_type(frozen=True, slots=True)
class MailSectionContext:
    """`email/section.html` and `.txt`: a profile's section, around its papers.

    `title` is "" where it is the mail's own, `label` never. `count` is in words ("7 new from 312
    considered"); `href` is the profile's archive; `quiet` is what to say where there is no paper at
    all. `cards` and `titles` (of what would make the mail too long) are rendered papers, "" where
    there are none. A template can only place them and `count`.
    """

    title: str
    label: str
    count: str
    href: str
    quiet: str
    cards: str
    titles: str


@value_type(frozen=True, slots=True)
class MailNewsContext:
    """`email/news.html` and `.txt`: what became of papers that the reader had, after all sections.

    `lines` are rendered papers, withdrawn ones first. A template can only place them.
    """

    lines: str


@value_type(frozen=True, slots=True)
class MailCardContext:
    """`email/card.html` and `.txt`: a paper's card.

    `number` is its place in its section, four columns wide (" 1. "); `feedback` the page for more
    or less like this (`?v=more`, `?v=less`), "" where there is none. A template can only place them.
    """

    number: str
    paper: PaperContext
    feedback: str


@value_type(frozen=True, slots=True)
class MailLineContext:
    """`email/line.html` and `.txt`: a paper by its title, or one of which there is news."""

    paper: PaperContext


# ── What every page has around it ─────────────────────────────────────────────────────────────────


@value_type(frozen=True, slots=True)
class FormContext:
    """One format of a feed: its name ("RSS"), its media type and where it is."""

    text: str
    type: str
    href: str


@value_type(frozen=True, slots=True)
class FeedContext:
    """A feed in every format it is published in."""

    title: str
    forms: tuple[FormContext, ...]


@value_type(frozen=True, slots=True)
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


# ── Editions and their archive ────────────────────────────────────────────────────────────────────


@value_type(frozen=True, slots=True)
class ProfileTeaser:
    """A public profile on the front page: its latest edition's first papers."""

    title: str
    about: str
    href: str
    feed: str
    edition: LinkContext
    count: str
    papers: tuple[PaperContext, ...]


@value_type(frozen=True, slots=True)
class TodayPage:
    """`web/today.html`: every public profile's latest, and what is trending.

    `date` is "" and `welcome` says why where nothing was told yet. `subscribe` is where the box's
    form goes, "" for no box.
    """

    frame: FrameContext
    date: str
    welcome: tuple[str, ...]
    profiles: tuple[ProfileTeaser, ...]
    trending: tuple[PaperContext, ...]
    trending_href: str
    subscribe: str


@value_type(frozen=True, slots=True)
class EditionLine:
    """One day in a profile's archive: its date in words, its size, its first title."""

    date: str
    href: str
    count: str
    first: str


@value_type(frozen=True, slots=True)
class DayContext:
    """A day in a calendar: its number, where it leads ("" for nowhere) and its date in words.

    A day before the month's first has no number; `current` is the day of the page itself.
    """

    number: str
    href: str
    said: str
    current: bool


@value_type(frozen=True, slots=True)
class CalendarContext:
    """A month by weeks from Monday on; `earlier` and `later` have an empty href at the ends."""

    title: str
    weeks: tuple[tuple[DayContext, ...], ...]
    earlier: LinkContext
    later: LinkContext


@value_type(frozen=True, slots=True)
class MonthContext:
    """The editions of one month, newest first, and its calendar."""

    title: str
    calendar: CalendarContext
    editions: tuple[EditionLine, ...]


@value_type(frozen=True, slots=True)
class ProfilePage:
    """`web/profile.html`: a profile's archive."""

    frame: FrameContext
    about: str
    feed: FeedContext
    months: tuple[MonthContext, ...]


@value_type(frozen=True, slots=True)
class EditionPage:
    """`web/edition.html`: a day's edition, and what was made by hand on the same day after it.

    `number` is in words ("Edition 7"); a section's title is "" where there is only one; `archive`
    leads to all editions; `earlier` and `later` have an empty href at the ends; `month` is the
    day's.
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
    month: CalendarContext


@value_type(frozen=True, slots=True)
class ShelfContext:
    """Links that belong together, under a name: the days of a week."""

    title: str
    links: tuple[LinkContext, ...]


@value_type(frozen=True, slots=True)
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


# ── Papers, and searches for them ─────────────────────────────────────────────────────────────────


@value_type(frozen=True, slots=True)
class PickedContext:
    """An edition that picked a paper: which, and why, or (`updated`) what it told of it."""

    profile: str
    edition: LinkContext
    reasons: tuple[ReasonContext, ...]
    updated: str


@value_type(frozen=True, slots=True)
class SeenContext:
    """Where a paper was seen: the source, what it said, and when ("19 to 21 November 2026")."""

    source: str
    event: str
    when: str


@value_type(frozen=True, slots=True)
class VotesContext:
    """A day's votes and comments in figures, and how many votes came since the day before it."""

    day: str
    votes: str
    gained: str
    comments: str


@value_type(frozen=True, slots=True)
class CurveContext:
    """Votes over time as a picture: points of a line and of the area below it, and all in words.

    Points are numbers alone, in a field of 320 by 64; "" for no picture.
    """

    line: str
    area: str
    label: str


@value_type(frozen=True, slots=True)
class PaperPage:
    """`web/record.html`: all that is known of one paper.

    `notice` says that it is withdrawn, "" where it is not; `authors` are the first of them, `others`
    the rest and `others_count` those in words; `abstract` is its paragraphs, `facts` what names and
    dates it; a link without an href is plain words. `voted` says how many readers voted for it, "" for
    none; `vote` is where one more can, with an empty href where nowhere. `curve` draws the votes, `bibtex`
    is the paper as an entry for a bibliography, `alike` leads to the search for papers like it.
    """

    frame: FrameContext
    notice: str
    authors: str
    others: str
    others_count: str
    venue: str
    date: str
    links: tuple[LinkContext, ...]
    abstract: tuple[str, ...]
    picked: tuple[PickedContext, ...]
    voted: str
    vote: LinkContext
    votes: tuple[VotesContext, ...]
    seen: tuple[SeenContext, ...]
    facts: tuple[ShelfContext, ...]
    curve: CurveContext
    bibtex: str
    alike: LinkContext


@value_type(frozen=True, slots=True)
class SearchPage:
    """`web/search.html`: the field to search in, and what was found.

    `served` tells the page of `serve` from the one among the files, which can only say who searches.
    The form goes to `action`, "" for no form. `query` is what was typed; `like` the paper that others
    like it were asked for. `summary` says how many were found, `instead` which words were read for
    those that were typed, `problem` why nothing was, with `hints` at what to do.
    `near` are papers that fit the meaning more than the words.
    """

    frame: FrameContext
    served: bool
    action: str
    query: str
    like: LinkContext
    summary: str
    instead: str
    problem: str
    hints: tuple[str, ...]
    papers: tuple[PaperContext, ...]
    near: tuple[PaperContext, ...]


@value_type(frozen=True, slots=True)
class AliasPage:
    """`web/alias.html`: a paper that has its page elsewhere; `canonical` is that page's folder."""

    frame: FrameContext
    href: str
    canonical: str


# ── Pages that a mail leads to, and forms ─────────────────────────────────────────────────────────


@value_type(frozen=True, slots=True)
class UnsubscribePage:
    """`web/unsubscribe.html`: the buttons, and after one was pressed (`done`) what has ended.

    `address` is masked; `gets` and `ended` say what it still gets and what not any more. `first` is
    the title of what the mail was for, "" where it was for all or has ended; `profiles` are the others
    that it still gets, name → title; `contact` is whom to write to. The form posts to its own page.
    """

    frame: FrameContext
    address: str
    gets: str
    first: str
    profiles: Mapping[str, str]
    ended: str
    done: bool
    contact: LinkContext


@value_type(frozen=True, slots=True)
class FeedbackPage:
    """`web/feedback.html`: a paper of a digest, what its reader said of it, and the buttons.

    `paper` is its title and where it is, `profile` the title of what it was picked for. `opinion` is
    "more", "less" or "" for none on record; `kept` says what was kept and what it will do, "" before
    a button was pressed; `first` ("more", "less") stands first, emphasised where it was `asked` for.
    The form posts to its own page; that for a vote of the paper goes to `vote`, and `voted` says how it
    stands with that.
    """

    frame: FrameContext
    paper: LinkContext
    authors: str
    profile: str
    opinion: str
    kept: str
    first: str
    asked: bool
    vote: str
    voted: VotedContext


@value_type(frozen=True, slots=True)
class VotedContext:
    """How many readers voted for a paper, in words, and whether the one who looks did."""

    count: str
    mine: bool


@value_type(frozen=True, slots=True)
class VotePage:
    """`web/vote.html`: a paper, its votes, and a button; for who has no link, a field for an address.

    `done` says what was just done, `problem` why something was not. With a `stamp` the address is asked
    for, as on the page to subscribe.
    """

    frame: FrameContext
    paper: LinkContext
    authors: str
    voted: VotedContext
    done: str
    problem: str
    address: str
    stamp: str


@value_type(frozen=True, slots=True)
class ListContext:
    """A list that can be subscribed to: its name in forms, its title, what it is about, and a tick."""

    name: str
    title: str
    about: str
    ticked: bool


@value_type(frozen=True, slots=True)
class SubscribePage:
    """`web/subscribe.html`: the form; `problem` says why what was sent was not taken, "" at first.

    `stamp` proves when the form was shown. `domains` says whose addresses are taken, "" for all.
    """

    frame: FrameContext
    lists: tuple[ListContext, ...]
    address: str
    problem: str
    stamp: str
    domains: str


@value_type(frozen=True, slots=True)
class ConfirmPage:
    """`web/confirm.html`: what an address is asked, and the button that says yes; after it, `done`.

    `address` is masked; `manage` leads to the page where it can be changed, "" before.
    """

    frame: FrameContext
    address: str
    wanted: str
    done: bool
    manage: str


@value_type(frozen=True, slots=True)
class ChoiceContext:
    """One of several: its value, its words, and whether it holds now."""

    value: str
    text: str
    holds: bool


@value_type(frozen=True, slots=True)
class OpinionLine:
    """What a reader said of a paper: its title, "More" or "Less" or when, and what takes it back."""

    paper: LinkContext
    said: str
    value: str


@value_type(frozen=True, slots=True)
class ManagePage:
    """`web/manage.html`: what a reader gets and when, what they said, what is kept, the way out.

    `kept` says what was just changed, `problem` why something was not. `paused` is in words, "" for
    not. `mails` is empty where there is one list only. `at` and `limit` are "" where the lists' own
    hold. `feed` is their own; `data` is where all that is known of them can be had.
    """

    frame: FrameContext
    address: str
    lists: tuple[ListContext, ...]
    mails: tuple[ChoiceContext, ...]
    cadences: tuple[ChoiceContext, ...]
    at: str
    zone: str
    zones: tuple[str, ...]
    limit: str
    paused: str
    opinions: tuple[OpinionLine, ...]
    votes: tuple[OpinionLine, ...]
    consents: tuple[str, ...]
    feed: FeedContext
    data: str
    kept: str
    problem: str


@value_type(frozen=True, slots=True)
class NoticePage:
    """`web/notice.html`: why there is nothing else to see, and what to do; `contact` may be empty.

    `ways` lead to what may have been meant.
    """

    frame: FrameContext
    lines: tuple[str, ...]
    ways: tuple[LinkContext, ...]
    contact: LinkContext


# ── Notes by mail, and style ──────────────────────────────────────────────────────────────────────


@value_type(frozen=True, slots=True)
class NoteContext:
    """`email/note.html` and `.txt`: a short mail that is no digest.

    `lines` are paragraphs; `action` is the one thing to do, with its link ("": none); `after` is what
    to know besides, in small print.
    """

    language: str
    subject: str
    title: str
    lines: tuple[str, ...]
    action: LinkContext
    after: tuple[str, ...]
    contact: LinkContext
    imprint: tuple[str, ...]


@value_type(frozen=True, slots=True)
class StyleSheet:
    """`web/style.css` and `email/style.css`: templates like the others, to be replaced by a user's."""


# ── Which template has which ──────────────────────────────────────────────────────────────────────


TEMPLATES: Mapping[str, type] = MappingProxyType(
    {
        "email/digest.html": DigestContext,
        "email/digest.txt": DigestContext,
        "email/section.html": MailSectionContext,
        "email/section.txt": MailSectionContext,
        "email/news.html": MailNewsContext,
        "email/news.txt": MailNewsContext,
        "email/card.html": MailCardContext,
        "email/card.txt": MailCardContext,
        "email/line.html": MailLineContext,
        "email/line.txt": MailLineContext,
        "email/note.html": NoteContext,
        "email/note.txt": NoteContext,
        "email/style.css": StyleSheet,
        "web/today.html": TodayPage,
        "web/profile.html": ProfilePage,
        "web/edition.html": EditionPage,
        "web/trending.html": TrendingPage,
        "web/record.html": PaperPage,
        "web/alias.html": AliasPage,
        "web/search.html": SearchPage,
        "web/unsubscribe.html": UnsubscribePage,
        "web/feedback.html": FeedbackPage,
        "web/vote.html": VotePage,
        "web/subscribe.html": SubscribePage,
        "web/confirm.html": ConfirmPage,
        "web/manage.html": ManagePage,
        "web/notice.html": NoticePage,
        "web/style.css": StyleSheet,
    }
)
"""Every template that is rendered by itself, and the context that belongs to it."""
