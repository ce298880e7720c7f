"""One page a paper: what it says, where it was seen, who voted for it, which editions picked it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date
from functools import partial
from typing import NamedTuple
from urllib.parse import quote

from bot.models import Event, Paper, Pick, Rel, Role, Scheme
from bot.outputs.addresses import link_to, paper_folder, quoted
from bot.outputs.bibtex import bibtex
from bot.outputs.cards import (
    author_names,
    heading_of,
    legible,
    paragraphs,
    reasons_in_words,
    title_of,
    updated_text,
)
from bot.outputs.charts import vote_series
from bot.outputs.contexts import (
    AliasPage,
    LinkContext,
    PaperPage,
    PickedContext,
    SeenContext,
    ShelfContext,
    VotesContext,
)
from bot.outputs.curves import vote_curve
from bot.outputs.links import (
    by_trust,
    home_of,
    key_of,
    paper_links,
    publisher_link,
    through,
    web_address,
)
from bot.outputs.news import notice_text
from bot.outputs.site import (
    SEARCH,
    Own,
    Record,
    Said,
    Sheet,
    Site,
    frame_of,
    no_link,
)
from bot.outputs.wording import counted, full_day, stretch, voted_text
from bot.ports import PaperHistory, Renderer, Seen
from bot.text import one_line, shorten

_ABSTRACT_LIMIT = 20_000
_AUTHORS_NAMED = 20
_AUTHORS_LISTED = 10_000
_IDENTIFIERS_SHOWN = 12
_CATEGORIES_SHOWN = 30
_VOTE_DAYS_SHOWN = 60
_SIGHTINGS_SHOWN = 40
_EDITIONS_SHOWN = 40
_SAID = {
    Event.NEW: "announced",
    Event.CROSS: "cross-listed",
    Event.REPLACE: "replaced",
    Event.REPLACE_CROSS: "replaced, cross-listed",
    Event.SEEN: "shown",
    Event.SUBMIT: "put forward by hand",
    Event.WITHDRAWN: "withdrawn",
    Event.PUBLISHED: "published in a journal",
    Event.CODE: "code available",
}


class _Choice(NamedTuple):
    """A public profile's edition that picked a paper. There are as many as picks."""

    profile: str
    heading: str
    edition: int
    number: int
    period: date
    pick: Pick


def paper_sheets(site: Site, render: Renderer) -> Iterator[Sheet]:
    """Yield a page for each paper that has one, and one that leads there for each other name."""
    choices = _choices(site)
    pages = site.pages()
    for paper, (folder, *_) in pages.items():
        picked = tuple(choices.get(paper, ()))
        told = Own(paper, site.votable, tuple([(each.edition, each.heading) for each in picked]))
        yield Sheet(
            f"{folder}/index.html",
            (told,),
            partial(_make_of, site, paper, folder, picked, render),
        )
    taken = {folder for folder, *_ in pages.values()}
    for paper, (home, *others) in pages.items():
        for folder in others:
            if folder not in taken:
                taken.add(folder)
                yield Sheet(
                    f"{folder}/index.html",
                    (home, Said((paper,))),
                    partial(_alias, site, paper, folder, home, render),
                )


def paper_page(site: Site, record: Record, render: Renderer) -> bytes:
    """Return the page of one paper, whether it is among the site's files or not."""
    return _make(site, record, paper_folder(key_of(record.paper)), (), render)


def _alias(site: Site, paper: int, folder: str, home: str, render: Renderer) -> bytes:
    root, title = _root(folder), title_of(site.records[paper].paper)
    page = AliasPage(
        frame=frame_of(site, root, title, title, feeds=()),
        href=link_to(home, root),
        canonical=f"{root}{quoted(home)}/",
    )
    return render("web/alias.html", page).encode()


def _make_of(
    site: Site, paper: int, folder: str, picked: tuple[_Choice, ...], render: Renderer
) -> bytes:
    return _make(site, site.records[paper], folder, picked, render)


def _make(
    site: Site, record: Record, folder: str, picked: tuple[_Choice, ...], render: Renderer
) -> bytes:
    return render("web/record.html", _page(site, record, _root(folder), picked)).encode()


def _root(folder: str) -> str:
    return "../" * (folder.count("/") + 1)


def _choices(site: Site) -> Mapping[int, list[_Choice]]:
    """Return which editions of public profiles picked each paper, the latest first."""
    found: dict[int, list[_Choice]] = {}
    for archive in site.public:
        name, heading = archive.profile.name, heading_of(archive.profile)
        for edition in archive.editions:
            for pick in edition.picks:
                if pick.paper in site.papers:
                    choice = _Choice(
                        name, heading, edition.id, edition.number, edition.period, pick
                    )
                    found.setdefault(pick.paper, []).append(choice)
    for choices in found.values():
        if len(choices) > 1:
            choices.sort(key=lambda choice: (choice.period, choice.number), reverse=True)
    return found


def _page(site: Site, record: Record, root: str, picked: tuple[_Choice, ...]) -> PaperPage:
    paper, history = record.paper, record.history
    prefix = site.bot.link_prefix
    series, pickers = vote_series(history), {choice.profile for choice in picked}
    abstract = paragraphs(paper.abstract, _ABSTRACT_LIMIT)
    title = title_of(paper)
    names = author_names(paper.authors, _AUTHORS_LISTED)
    first, rest = names[:_AUTHORS_NAMED], names[_AUTHORS_NAMED:]
    discussion = web_address(paper.link(Rel.DISCUSSION))
    publisher = publisher_link(paper, prefix)
    return PaperPage(
        frame=frame_of(
            site,
            root,
            title,
            abstract[0] if abstract else title,
            feeds=[a.profile for a in site.public if a.profile.name in pickers],
            trending=bool(series),
        ),
        notice=notice_text(paper, legible),
        authors=", ".join(first),
        others=", ".join(rest),
        others_count=f"and {counted(len(paper.authors) - len(first), 'other')}" if rest else "",
        venue=shorten(legible(paper.venue), 120),
        date=full_day(paper.published.astimezone(UTC).date()) if paper.published else "",
        links=(
            *([publisher] if publisher.href else []),
            *paper_links(paper, discussion, prefix),
        ),
        abstract=abstract,
        picked=tuple(_picked(paper, choice, root) for choice in picked[:_EDITIONS_SHOWN]),
        voted=voted_text(history.readers),
        vote=_vote(site, paper, root),
        votes=tuple(_votes(series)),
        seen=tuple(_seen(history)),
        facts=tuple(fact for fact in _facts(paper, history, prefix) if fact.links),
        curve=vote_curve(series),
        bibtex=bibtex(paper),
        alike=LinkContext(
            "Papers like this", f"{root}{SEARCH}?like={quote(str(key_of(paper)), safe='')}"
        ),
    )


def _vote(site: Site, paper: Paper, root: str) -> LinkContext:
    if not site.votable:
        return no_link()
    asked = quote(str(key_of(paper)), safe="")
    return LinkContext("Vote for it", f"{root}vote?paper={asked}")


def _picked(paper: Paper, choice: _Choice, root: str) -> PickedContext:
    href = f"{root}p/{choice.profile}/{choice.period.isoformat()}/index.html"
    return PickedContext(
        profile=choice.heading,
        edition=LinkContext(full_day(choice.period), href),
        reasons=reasons_in_words(choice.pick.reasons),
        updated=updated_text(paper, choice.pick, choice.period)
        if choice.pick.role is Role.UPDATE
        else "",
    )


def _votes(series: tuple[Seen, ...]) -> Iterator[VotesContext]:
    """Yield the days, the latest first; the first day's votes all came by then."""
    before = [0, *(seen.votes or 0 for seen in series)]
    rows = list(zip(series, before, strict=False))[::-1]
    for seen, earlier in rows[:_VOTE_DAYS_SHOWN]:
        votes = seen.votes or 0
        yield VotesContext(
            day=full_day(seen.day),
            votes=f"{votes:,}",
            gained=f"{votes - earlier:+,}".replace("-", "−") if votes != earlier else "",
            comments="" if seen.comments is None else f"{seen.comments:,}",
        )


def _seen(history: PaperHistory) -> Iterator[SeenContext]:
    """Yield a line for each source and what it said, from the first day to the last."""
    days: dict[tuple[str, Event], list[date]] = {}
    for seen in history.seen:
        days.setdefault((seen.source, seen.event), []).append(seen.day)
    lines = sorted(days.items(), key=lambda each: (min(each[1]), each[0]))
    for (source, event), found in lines[:_SIGHTINGS_SHOWN]:
        yield SeenContext(
            source=shorten(one_line(source), 80),
            event=_SAID.get(event, event.value),
            when=stretch(min(found), max(found)),
        )


def _facts(paper: Paper, history: PaperHistory, prefix: str) -> Iterator[ShelfContext]:
    yield ShelfContext("Identifiers", tuple(_identifiers(paper, prefix)))
    categories = map(legible, paper.categories[:_CATEGORIES_SHOWN])
    yield ShelfContext("Categories", tuple(_words([", ".join(filter(None, categories))])))
    yield ShelfContext("In a sentence", tuple(_words([legible(paper.tldr)])))
    cited = counted(paper.citations, "time") if paper.citations else ""
    yield ShelfContext("Cited", tuple(_words([cited])))
    organisation = web_address(paper.link(Rel.ORGANISATION))
    named = LinkContext(shorten(organisation.rpartition("/")[2], 100), organisation)
    yield ShelfContext("Organisation", (named,) if organisation else ())
    yield ShelfContext("Versions", tuple(_words(_versions(paper))))
    first = paper.first_seen.astimezone(UTC).date() if paper.first_seen else None
    first = min((seen.day for seen in history.seen), default=first)
    yield ShelfContext("First seen", tuple(_words([full_day(first)] if first else [])))


def _words(values: Iterable[str]) -> Iterator[LinkContext]:
    return (LinkContext(shorten(value, 400), "") for value in values if value)


def _identifiers(paper: Paper, prefix: str) -> Iterator[LinkContext]:
    shown = [i for i in by_trust(paper.identifiers) if i.scheme is not Scheme.TITLE]
    for identifier in shown[:_IDENTIFIERS_SHOWN]:
        text = identifier.value if identifier.scheme is Scheme.URL else str(identifier)
        yield LinkContext(shorten(one_line(text), 100), through(prefix, home_of(identifier)))


def _versions(paper: Paper) -> list[str]:
    """Return the versions that sources dated, the latest first: `v3, 19 November 2026`."""
    dated: dict[int, date | None] = {paper.version: None} if paper.version else {}
    for stamp in sorted({stamp for _, stamp in paper.stamps}):
        if stamp.version:
            dated[stamp.version] = _day(stamp.updated) or dated.get(stamp.version)
    return [
        f"v{version}, {full_day(day)}" if day else f"v{version}"
        for version, day in sorted(dated.items(), reverse=True)
    ]


def _day(value: str) -> date | None:
    try:
        return date.fromisoformat(value[:10])
    except ValueError:
        return None
