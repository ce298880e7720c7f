"""What became of a paper, in words: withdrawn, published, code available, a new version."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from bot import lifecycle
from bot.models import Event, Identifier, Paper, Pick, Scheme
from bot.outputs.contexts import LinkContext
from bot.outputs.links import home_of, through, web_address
from bot.outputs.wording import counted, day_near
from bot.text import shorten

_NOTICE_LIMIT = 240


def notice_text(paper: Paper, legible: Callable[[str], str]) -> str:
    """Return `Withdrawn by its authors, due to an error in Lemma 1`, "" where it is not withdrawn."""
    return shorten(legible(lifecycle.withdrawal(paper)), _NOTICE_LIMIT)


def news_links(
    paper: Paper, pick: Pick, *, today: date, venue: str, link_prefix: str = ""
) -> tuple[LinkContext, ...]:
    """Return what an update tells besides a withdrawal, each with the link that proves it, if any.

    `venue` is the paper's, readable. With a withdrawal, a new version says nothing more: it is that.
    """
    told = pick.told or (Event.REPLACE,)  # before events were kept there was no other news
    links = []
    if Event.PUBLISHED in told:
        links.append(_published(paper, venue, link_prefix))
    if Event.CODE in told:
        links.append(LinkContext("code available", web_address(lifecycle.code_of(paper))))
    if Event.REPLACE in told and Event.WITHDRAWN not in told:
        links.append(LinkContext(version_text(paper, pick, today), ""))
    return tuple(links)


def _published(paper: Paper, venue: str, link_prefix: str) -> LinkContext:
    doi = lifecycle.journal_doi(paper)
    if lifecycle.names_journal(paper.venue) and venue:
        said = f"published in {shorten(venue, 120)}"
    else:
        said = shorten(f"published as doi:{doi}" if doi else "published", 120)
    home = home_of(Identifier(Scheme.DOI, doi)) if doi else ""
    return LinkContext(said, through(link_prefix, home))


def version_text(paper: Paper, pick: Pick, today: date) -> str:
    """Return `new version v3, 21 November`."""
    version = pick.version or paper.version
    name = f"new version v{version}" if version else "replaced"
    days = [stamp.updated[:10] for _, stamp in paper.stamps if stamp.version == version]
    try:
        return f"{name}, {day_near(date.fromisoformat(max(days)), today)}"
    except ValueError:  # no source dated that version
        return name


def news_count(news: int, withdrawn: int, noun: str = "") -> str:
    """Return `news of 2 earlier papers, 1 of them withdrawn`, "" for none; `noun` for "earlier paper"."""
    if not news:
        return ""
    said = f"news of {counted(news, noun) if noun else f'{news:,}'}"
    if not withdrawn:
        return said
    return f"{said}, {withdrawn:,} of them withdrawn" if news > 1 else f"{said}, withdrawn"
