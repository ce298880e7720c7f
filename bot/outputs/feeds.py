"""RSS 2.0, byte-stable: the same papers make the same bytes, and a guid never changes."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from email.utils import format_datetime
from urllib.parse import quote

from bot.config import BotSettings, Profile
from bot.models import Edition, Identifier, Paper, Rel, Role
from bot.outputs.cards import (
    heading_of,
    house_title,
    key_of,
    paper_card,
    reason_text,
    web_address,
)
from bot.outputs.contexts import PaperContext
from bot.text import inert, one_line, readable, shorten

EDITIONS_SHOWN = 14
_ABSTRACT_LIMIT = 6000
_NAMESPACES = 'xmlns:atom="http://www.w3.org/2005/Atom" xmlns:dc="http://purl.org/dc/elements/1.1/"'


def profile_rss(
    *,
    bot: BotSettings,
    profile: Profile,
    editions: Iterable[Edition],
    papers: Mapping[int, Paper],
    authority: str,
) -> bytes:
    """Return a profile's feed: its last 14 editions, newest first, each in its own order.

    `papers` holds every picked paper by its id. A paper stands in it once, where it was last
    picked. `authority` is the guids' tag authority (`example.org` or `example.org,2026`).
    """
    newest = sorted(editions, key=lambda edition: -edition.number)[:EDITIONS_SHOWN]
    heading = heading_of(profile)
    about = shorten(one_line(profile.about), 500) or f"New research papers: {heading}"
    return _feed(
        bot=bot,
        title=f"{heading} · {house_title(bot)}" if heading else house_title(bot),
        description=about,
        path=f"/feeds/{profile.name}.rss",
        home=f"/p/{profile.name}/",
        tag=_tag(authority, f"profile/{profile.name}"),
        built=newest[0].made_at if newest else None,
        entries=_profile_entries(bot, newest, papers, authority),
    )


def trending_rss(
    *, bot: BotSettings, papers: Sequence[Paper], authority: str, made_at: datetime | None
) -> bytes:
    """Return the feed of what is trending, in the order given.

    `made_at` is when the votes were last counted: not the clock, or the bytes would never rest.
    """
    return _feed(
        bot=bot,
        title=f"Trending · {house_title(bot)}",
        description="Research papers by the votes of readers",
        path="/feeds/trending.rss",
        home="/trending/",
        tag=_tag(authority, "trending"),
        built=made_at,
        entries=_trending_entries(bot, papers, authority),
    )


def paper_guid(authority: str, key: Identifier) -> str:
    """Return a paper's tag URI (RFC 4151): `tag:example.org,2026:paper/arxiv/2401.06066`."""
    return _tag(authority, f"paper/{key.scheme.value}/{quote(key.value, safe=_TAG_SAFE)}")


_TAG_SAFE = "/:;()@!$'*+,=-._~"


def _guid(authority: str, paper: Paper) -> str:
    return paper_guid(authority, key_of(paper))


def _tag(authority: str, specific: str) -> str:
    # RFC 4151 §2.1: an authority is only one together with a date at which it was somebody's.
    entity = authority if "," in authority else f"{authority},2026"
    return f"tag:{entity}:{specific}"


# ── Entries ───────────────────────────────────────────────────────────────────────────────────────


def _profile_entries(
    bot: BotSettings, newest: Sequence[Edition], papers: Mapping[int, Paper], authority: str
) -> Iterator[str]:
    # Newest first: of a paper picked twice, the oldest edition says when it came and why.
    came = {pick.paper: edition.made_at for edition in newest for pick in edition.picks}
    why = {p.paper: p.reasons for edition in newest for p in edition.picks if p.reasons}
    shown: set[int] = set()
    for edition in newest:
        for pick in sorted(edition.picks, key=lambda pick: pick.position):
            paper = papers.get(pick.paper)
            if paper is None or pick.paper in shown:
                continue
            shown.add(pick.paper)
            # Votes and comments move daily; an entry that moved with them would never be read.
            card = paper_card(
                replace(paper, votes=None, comments=None),
                replace(pick, reasons=why.get(pick.paper, ())),
                today=edition.period,
                link_prefix=bot.link_prefix,
            )
            replaced = edition.made_at if pick.role is Role.UPDATE else None
            yield _entry(paper, card, _guid(authority, paper), came[pick.paper], replaced)


def _trending_entries(bot: BotSettings, papers: Iterable[Paper], authority: str) -> Iterator[str]:
    for paper in papers:
        # The day decides only whether a date is shown with its year, and a feed shows none.
        card = paper_card(paper, today=date.min, link_prefix=bot.link_prefix)
        yield _entry(paper, card, _guid(authority, paper), paper.published, None)


def _entry(
    paper: Paper, card: PaperContext, guid: str, came: datetime | None, replaced: datetime | None
) -> str:
    return _lines(
        "<item>",
        _element("title", card.title),
        _element("link", card.href),
        _element("guid", guid, ' isPermaLink="false"'),
        # Not <author>: that one must be a mail address.
        _element("dc:creator", card.authors),
        *(_element("category", category) for category in card.categories),
        _element("pubDate", _rfc822(came)),
        _element("atom:updated", replaced.astimezone(UTC).isoformat() if replaced else ""),
        _element("comments", web_address(paper.link(Rel.DISCUSSION))),
        _element("description", _description(paper, card)),
        "</item>",
    )


def _description(paper: Paper, card: PaperContext) -> str:
    """Return the reasons and the abstract as HTML; RSS wants it escaped once more."""
    abstract = inert(readable(inert(paper.abstract[:_ABSTRACT_LIMIT])))
    facts = " · ".join(
        fact for fact in (card.updated, card.venue, card.votes, card.identifier) if fact
    )
    links = "".join(
        f' · <a href="{html.escape(link.href)}">{html.escape(link.text)}</a>' for link in card.links
    )
    paragraphs = [
        f"<em>because: {html.escape(reason_text(card.reasons))}</em>" if card.reasons else "",
        *(html.escape(one_line(paragraph)) for paragraph in abstract.split("\n\n")),
        f"{html.escape(facts)}{links}",
    ]
    return "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs if paragraph)


# ── XML ───────────────────────────────────────────────────────────────────────────────────────────


def _feed(
    *,
    bot: BotSettings,
    title: str,
    description: str,
    path: str,
    home: str,
    tag: str,
    built: datetime | None,
    entries: Iterable[str],
) -> bytes:
    self_link = ""
    if bot.base_url:
        href = html.escape(f"{bot.base_url}{path}")
        self_link = f'<atom:link rel="self" type="application/rss+xml" href="{href}"/>'
    document = _lines(
        '<?xml version="1.0" encoding="utf-8"?>',
        f'<rss version="2.0" {_NAMESPACES}>',
        "<channel>",
        _element("title", title),
        # RSS demands a link; without a public address only a name is true everywhere.
        _element("link", f"{bot.base_url}{home}" if bot.base_url else tag),
        self_link,
        _element("description", description),
        _element("language", one_line(bot.language)),
        _element("lastBuildDate", _rfc822(built)),
        _element("generator", "paperround"),
        *entries,
        "</channel>",
        "</rss>",
    )
    return f"{document}\n".encode()


def _lines(*lines: str) -> str:
    return "\n".join(line for line in lines if line)


def _element(name: str, text: str, attributes: str = "") -> str:
    """Return the element, nothing where it would be empty."""
    if not text:
        return ""
    return f"<{name}{attributes}>{html.escape(inert(text), quote=False)}</{name}>"


def _rfc822(moment: datetime | None) -> str:
    return format_datetime(moment.astimezone(UTC)) if moment else ""
