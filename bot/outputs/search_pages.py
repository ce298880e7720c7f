"""The page to search on: the one that `serve` shows, and the one that stands among the files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from datetime import date
from typing import TYPE_CHECKING

from bot.models import Paper
from bot.outputs.addresses import link_to_any
from bot.outputs.cards import legible, paper_card, title_of
from bot.outputs.contexts import LinkContext, PaperContext, SearchPage
from bot.outputs.links import key_of
from bot.outputs.site import Site, frame_of, no_link
from bot.outputs.wording import counted
from bot.ports import Renderer
from bot.text import shorten
from bot.text.query import read_query
from bot.values import value_type

if TYPE_CHECKING:
    from bot.config import BotSettings

_ABOUT = "Search all papers that were ever seen here."
_LONGEST_QUERY = 300  # of it that is shown again
_UNREAD_NAMED = 3
_FEWER = "All words must occur: fewer find more, and transform* finds all that begins so."


@value_type(frozen=True, slots=True)
class Answer:
    """What a search found, the best first; `instead` maps words that were typed to those read.

    `near` have not all the words, and are close in meaning.
    """

    papers: Sequence[Paper] = ()
    instead: Mapping[str, str] = field(default_factory=dict)
    near: Sequence[Paper] = ()


def search_page(
    bot: BotSettings, typed: str, answer: Answer, stored: int, today: date, render: Renderer
) -> bytes:
    """Return the page for what was typed, "" for nothing yet; `stored` papers were looked through."""
    nothing = bool(typed) and not answer.papers
    said = shorten(legible(typed), 80)
    return _page(
        bot,
        render,
        today,
        papers=answer.papers,
        near=answer.near,
        query=shorten(legible(typed), _LONGEST_QUERY),
        heading=f"Search: {said}" if typed else "Search",
        summary=_found(len(answer.papers), stored) if typed or stored else "",
        instead=", ".join(f"“{read}” for “{word}”" for word, read in answer.instead.items()),
        problem=f"None of the {counted(stored, 'paper')} fits “{said}”." if nothing else "",
        hints=(*unread_hints(typed), *((_FEWER,) if nothing else ())),
    )


def unread_hints(typed: str) -> tuple[str, ...]:
    """Return a sentence where something typed looks like one of our fields and could not be read so."""
    unread = read_query(typed).unread
    told = ", ".join(f"“{shorten(legible(each), 40)}”" for each in unread[:_UNREAD_NAMED])
    if not told:
        return ()
    return (
        f"Looked for as mere words: {told}. A date is written since:2026-11-01, a name author:Shazeer.",
    )


def refused_search_page(bot: BotSettings, typed: str, today: date, render: Renderer) -> bytes:
    """Return the page for a query that names nothing that could be looked for."""
    said = shorten(legible(typed), 80)
    return _page(
        bot, render, today, query=shorten(legible(typed), _LONGEST_QUERY), heading="Search",
        problem=f"“{said}” names nothing to look for. Words are needed, or a field with something in it.",
    )  # fmt: skip


def similar_page(
    bot: BotSettings, paper: Paper, papers: Sequence[Paper], today: date, render: Renderer
) -> bytes:
    """Return the page of what is most like a paper."""
    return _page(
        bot,
        render,
        today,
        papers=papers,
        heading="Papers like this",
        like=LinkContext(title_of(paper), link_to_any(key_of(paper), "")),
        problem="" if papers else "No stored paper shares a telling word with it.",
    )


def unknown_paper_page(bot: BotSettings, named: str, today: date, render: Renderer) -> bytes:
    """Return the page for papers like one that was never seen here."""
    said = shorten(legible(named), 80)
    return _page(
        bot, render, today, heading="Papers like this",
        problem=f"“{said}” names no paper that was seen here.",
        hints=("A paper is named like arXiv:2401.06066, doi:10.1038/nature12373, or by its address.",),
    )  # fmt: skip


def still_search_page(site: Site, render: Renderer) -> bytes:
    """Return the page among the files, which says where searching works."""
    context = SearchPage(
        frame=frame_of(site, "../", "Search", _ABOUT, feeds=()),
        served=False,
        # Files cannot search; where `serve` runs beside whatever shows them, it is asked.
        action=f"{site.bot.base_url}/search" if site.bot.base_url else "",
        query="",
        like=no_link(),
        summary="",
        instead="",
        problem="",
        hints=(),
        papers=(),
        near=(),
    )
    return render("web/search.html", context).encode()


def _page(
    bot: BotSettings,
    render: Renderer,
    today: date,
    *,
    heading: str,
    papers: Sequence[Paper] = (),
    near: Sequence[Paper] = (),
    query: str = "",
    like: LinkContext | None = None,
    summary: str = "",
    instead: str = "",
    problem: str = "",
    hints: tuple[str, ...] = (),
) -> bytes:
    site = Site(bot, (), {}, (), date.min)
    frame = frame_of(site, "", "Search" if heading.startswith("Search") else heading, _ABOUT,
                     when=heading.partition(": ")[2], feeds=())  # fmt: skip
    context = SearchPage(
        frame=frame,
        served=True,
        action="search",
        query=query,
        like=like or no_link(),
        summary=summary,
        instead=instead,
        problem=problem,
        hints=hints,
        papers=_cards(bot, papers, today),
        near=_cards(bot, near, today),
    )  # fmt: skip
    return render("web/search.html", context).encode()


def _found(shown: int, stored: int) -> str:
    return f"{counted(shown, 'paper')} of {stored:,}" if shown else f"{counted(stored, 'paper')}"


def _cards(bot: BotSettings, papers: Sequence[Paper], today: date) -> tuple[PaperContext, ...]:
    return tuple(
        paper_card(
            paper, today=today, link_prefix=bot.link_prefix,
            page=link_to_any(key_of(paper), ""), key=False,
        )
        for paper in papers
    )  # fmt: skip
