"""What a feed says: of a profile its last editions, and what is trending.

Byte-stable: the same papers make the same feed, a guid never changes, and only news (a new version, a
withdrawal, its article in a journal, its code) moves the date of an entry.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote

from bot.models import Edition, Identifier, Paper, Pick, Rel, Role, Scheme
from bot.outputs.cards import (
    alike_links,
    author_names,
    heading_of,
    house_title,
    paper_card,
    paragraphs,
    reason_text,
)
from bot.outputs.contexts import LinkContext, PaperContext
from bot.outputs.links import by_trust, key_of, web_address
from bot.outputs.syndication import Feed, FeedEntry, as_opml, as_rss
from bot.text import one_line, shorten

if TYPE_CHECKING:
    from bot.config import BotSettings, Profile

EDITIONS_SHOWN = 14
TRENDING = "trending"
_ABSTRACT_LIMIT = 6000
_AUTHORS_NAMED = 30
_IDENTIFIERS_NAMED = 8
_NAMED_SCHEMES = frozenset({Scheme.ARXIV, Scheme.DOI, Scheme.PMID, Scheme.OPENREVIEW})
_ARXIV_CATEGORY = re.compile(r"[a-z]+(-[a-z]+)*(\.[A-Za-z]+(-[a-z]+)*)?")
_TAG_SAFE = "/:;()@!$'*+,=-._~"
_FOUNDED = 2026  # RFC 4151 wants a year; this is the one of an authority that names none
# By so many seconds at most an entry's date is moved, so that no two are the same.
_SPREAD = 600


def profile_feed(
    *,
    bot: BotSettings,
    profile: Profile,
    editions: Iterable[Edition],
    papers: Mapping[int, Paper],
    authority: str,
    changed: Mapping[int, datetime] | None = None,
) -> Feed:
    """Return a profile's feed: its last 14 editions, newest first, each in its own order.

    `papers` holds every picked paper by its id, `changed` when one last changed. A paper stands in
    it once, where it was last picked. `authority` is the guids' tag authority (`example.org` or
    `example.org,2026`).
    """
    whole = sorted(editions, key=lambda edition: -edition.number)
    newest = whole[:EDITIONS_SHOWN]
    parts = archive_parts(whole)
    return replace(
        _of_profile(bot, profile, newest, papers, authority, changed or {}),
        earlier=archive_path(profile, len(parts)) if parts and bot.base_url else "",
    )


def archived_feed(
    *,
    bot: BotSettings,
    profile: Profile,
    part: int,
    parts: int,
    editions: Iterable[Edition],
    papers: Mapping[int, Paper],
    authority: str,
) -> Feed:
    """Return one part of a profile's archive (RFC 5005): `part` 1 is the oldest of `parts`.

    What becomes of a paper later is told by the feed itself: a part rests.
    """
    held = sorted(editions, key=lambda edition: -edition.number)
    return replace(
        _of_profile(bot, profile, held, papers, authority, {}),
        path=archive_path(profile, part),
        archived=True,
        current=f"/feeds/{profile.name}",
        earlier=archive_path(profile, part - 1) if part > 1 else "",
        later=archive_path(profile, part + 1) if part < parts else "",
    )


def archive_parts(editions: Iterable[Edition]) -> list[list[Edition]]:
    """Return a profile's editions by the parts of its archive, the oldest first.

    A part is 14 numbers that are all given out: never one more, and whatever is in no part yet is
    among the last 14 that the feed itself shows.
    """
    parts: dict[int, list[Edition]] = {}
    last = 0
    for edition in sorted(editions, key=lambda edition: edition.number):
        parts.setdefault((edition.number - 1) // EDITIONS_SHOWN, []).append(edition)
        last = edition.number
    return [held for part, held in parts.items() if (part + 1) * EDITIONS_SHOWN <= last]


def archive_path(profile: Profile, part: int) -> str:
    """Return where a part of a profile's archive stands, less its form: `/feeds/experts/3`."""
    return f"/feeds/{profile.name}/{part}"


def _of_profile(
    bot: BotSettings,
    profile: Profile,
    newest: Sequence[Edition],
    papers: Mapping[int, Paper],
    authority: str,
    changed: Mapping[int, datetime],
) -> Feed:
    heading = heading_of(profile)
    return _feed(
        bot,
        title=f"{heading} · {house_title(bot)}" if heading else house_title(bot),
        description=shorten(one_line(profile.about), 500) or f"New research papers: {heading}",
        name=profile.name,
        home=f"/p/{profile.name}/",
        id=_tag(authority, f"profile/{profile.name}"),
        authority=authority,
        built=newest[0].made_at if newest else None,
        entries=_profile_entries(bot, newest, papers, authority, changed),
    )


def private_feed(
    *,
    bot: BotSettings,
    editions: Iterable[Edition],
    papers: Mapping[int, Paper],
    authority: str,
    name: str,
    reader: str,
) -> Feed:
    """Return one reader's own feed: the last 14 editions of all that they get, newest first.

    `name` is where it stands below /feeds/, `reader` what tells it from others' for ever.
    """
    newest = sorted(editions, key=lambda edition: (edition.made_at, edition.id), reverse=True)
    newest = newest[:EDITIONS_SHOWN]
    return _feed(
        bot,
        title=f"Yours · {house_title(bot)}",
        description="New research papers, of all that you get",
        name=name,
        home="/",
        id=_tag(authority, f"reader/{reader}"),
        authority=authority,
        built=newest[0].made_at if newest else None,
        entries=_profile_entries(bot, newest, papers, authority, {}),
    )


def trending_feed(
    *,
    bot: BotSettings,
    papers: Sequence[Paper],
    authority: str,
    made_at: datetime | None,
    changed: Mapping[int, datetime] | None = None,
) -> Feed:
    """Return the feed of what is trending, in the order given.

    `made_at` is when the votes were last counted: not the clock, or the bytes would never rest.
    `changed` tells when a paper last changed, by its id.
    """
    return _feed(
        bot,
        title=f"Trending · {house_title(bot)}",
        description="Research papers by the votes of readers",
        name=TRENDING,
        home="/trending/",
        id=_tag(authority, TRENDING),
        authority=authority,
        built=made_at,
        entries=_trending_entries(bot, papers, authority, made_at, changed or {}),
    )


def profile_rss(
    *,
    bot: BotSettings,
    profile: Profile,
    editions: Iterable[Edition],
    papers: Mapping[int, Paper],
    authority: str,
) -> bytes:
    """Return a profile's feed as RSS 2.0; see `profile_feed`."""
    return as_rss(profile_feed(
        bot=bot, profile=profile, editions=editions, papers=papers, authority=authority,
    ))  # fmt: skip


def feeds_opml(bot: BotSettings, profiles: Iterable[Profile]) -> bytes:
    """Return the list of all public feeds as OPML 2.0; trending stands last."""
    listed = [
        (heading_of(profile), f"/feeds/{profile.name}", f"/p/{profile.name}/")
        for profile in profiles
    ]
    listed.append(("Trending", "/feeds/trending", "/trending/"))
    return as_opml(house_title(bot), bot.base_url, listed)


def paper_guid(authority: str, key: Identifier) -> str:
    """Return a paper's tag URI (RFC 4151): `tag:example.org,2026:paper/arxiv/2401.06066`."""
    return _tag(authority, f"paper/{key.scheme.value}/{quote(key.value, safe=_TAG_SAFE)}")


def _tag(authority: str, specific: str) -> str:
    # RFC 4151 §2.1: an authority is only one together with a date at which it was somebody's.
    entity = authority if "," in authority else f"{authority},{_FOUNDED}"
    return f"tag:{entity}:{specific}"


def _founded(authority: str) -> datetime:
    """Return a date for what has none: the beginning of the year in our name."""
    year = authority.partition(",")[2][:4]
    return datetime(int(year) if year.isdecimal() and int(year) else _FOUNDED, 1, 1, tzinfo=UTC)


def _feed(
    bot: BotSettings,
    *,
    title: str,
    description: str,
    name: str,
    home: str,
    id: str,  # noqa: A002 - Atom's word for it
    authority: str,
    built: datetime | None,
    entries: Iterable[FeedEntry],
) -> Feed:
    shown = tuple(entries)
    dates = [entry.updated for entry in shown] + ([built] if built else [])
    return Feed(
        title=title,
        description=description,
        language=one_line(bot.language),
        house=house_title(bot),
        id=id,
        base=bot.base_url,
        path=f"/feeds/{name}",
        home=home,
        built=built,
        updated=max(dates, default=_founded(authority)),
        entries=shown,
    )


# ── Entries ───────────────────────────────────────────────────────────────────────────────────────


def _profile_entries(
    bot: BotSettings,
    newest: Sequence[Edition],
    papers: Mapping[int, Paper],
    authority: str,
    changed: Mapping[int, datetime],
) -> Iterator[FeedEntry]:
    # Newest first: of a paper picked twice, the oldest edition says when it came and why.
    came = {pick.paper: _placed(edition, pick) for edition in newest for pick in edition.picks}
    why = {p.paper: p.reasons for edition in newest for p in edition.picks if p.reasons}
    shown: set[int] = set()
    taken: set[datetime] = set()
    for edition in newest:
        followers = _followers(edition, papers)
        for pick in sorted(edition.picks, key=lambda pick: pick.position):
            paper = papers.get(pick.paper)
            if paper is None or pick.paper in shown or pick.role is Role.FOLDED:
                continue
            shown.add(pick.paper)
            # Votes and comments move daily; an entry that moved with them would never be read.
            card = paper_card(
                replace(paper, votes=None, comments=None),
                replace(pick, reasons=why.get(pick.paper, ())),
                today=edition.period,
                link_prefix=bot.link_prefix,
                alike=alike_links(followers.get(pick.paper, ()), bot.link_prefix),
                lead=False,
                key=False,
            )
            placed = _placed(edition, pick)
            newer = _newer_version(paper, pick, placed, changed.get(paper.id))
            revised = newer is not None or pick.role is Role.UPDATE
            updated = _untaken(newer or placed, taken)
            yield _entry(paper, card, authority, came[pick.paper], updated, revised=revised)


def _followers(edition: Edition, papers: Mapping[int, Paper]) -> dict[int, list[Paper]]:
    """Return the papers that are folded into each of an edition's, by its id."""
    found: dict[int, list[Paper]] = {}
    leader = 0
    for pick in sorted(edition.picks, key=lambda pick: pick.position):
        if pick.role is Role.NEW:
            leader = pick.paper
        elif pick.role is Role.FOLDED and pick.paper in papers:
            found.setdefault(leader, []).append(papers[pick.paper])
    return found


def _placed(edition: Edition, pick: Pick) -> datetime:
    """Return when a pick came: the better its place, the later, as readers sort by date."""
    return edition.made_at - timedelta(seconds=max(0, pick.position - 1) % _SPREAD)


def _newer_version(
    paper: Paper, pick: Pick, placed: datetime, changed_at: datetime | None
) -> datetime | None:
    """Return when a version came that no edition has told of yet, None where there is none."""
    if changed_at is None or not 0 < pick.version < paper.version:
        return None
    return max(placed, changed_at + timedelta(seconds=paper.id % 60))


def _trending_entries(
    bot: BotSettings,
    papers: Iterable[Paper],
    authority: str,
    made_at: datetime | None,
    changed: Mapping[int, datetime],
) -> Iterator[FeedEntry]:
    shown = list(papers)
    dates: dict[int, tuple[datetime, bool]] = {}
    taken: set[datetime] = set()
    # By id, not by place: places change daily, and no date should because of it.
    for index, paper in sorted(enumerate(shown), key=lambda each: each[1].id):
        changed_at = changed.get(paper.id)
        revised = paper.version > 1 and changed_at is not None
        since = changed_at if revised else None
        base = since or paper.first_seen or paper.published or made_at or _founded(authority)
        moved = timedelta(seconds=paper.id % _SPREAD)
        dates[index] = (_untaken(base + moved if revised else base - moved, taken), revised)
    for index, paper in enumerate(shown):
        # The day decides only whether a date is shown with its year, and a feed shows none.
        card = paper_card(paper, today=date.min, link_prefix=bot.link_prefix, lead=False, key=False)
        updated, revised = dates[index]
        yield _entry(paper, card, authority, paper.published, updated, revised=revised)


def _untaken(moment: datetime, taken: set[datetime]) -> datetime:
    """Return the first moment down from this one that no other entry has."""
    moment = moment.astimezone(UTC).replace(microsecond=0)
    while moment in taken:
        moment -= timedelta(seconds=1)
    taken.add(moment)
    return moment


def _entry(
    paper: Paper,
    card: PaperContext,
    authority: str,
    published: datetime | None,
    updated: datetime,
    *,
    revised: bool,
) -> FeedEntry:
    named = [i for i in by_trust(paper.identifiers) if i.scheme in _NAMED_SCHEMES]
    on_arxiv = any(i.scheme is Scheme.ARXIV for i in named)
    return FeedEntry(
        id=paper_guid(authority, key_of(paper)),
        title=_title(card),
        href=card.href,
        authors=author_names(paper.authors, _AUTHORS_NAMED),
        byline=card.authors,
        categories=card.categories,
        identifiers=tuple(one_line(str(i)) for i in named[:_IDENTIFIERS_NAMED]),
        published=published,
        updated=updated,
        revised=revised,
        discussion=web_address(paper.link(Rel.DISCUSSION)),
        content=_content(paper, card),
        dated=paper.published.astimezone(UTC).date() if paper.published else None,
        doi=next((one_line(i.value) for i in named if i.scheme is Scheme.DOI), ""),
        venue=card.venue,
        primary=next(filter(_ARXIV_CATEGORY.fullmatch, card.categories), "") if on_arxiv else "",
        announced=("replace" if revised else "new") if on_arxiv else "",
    )


def _alike(card: PaperContext) -> str:
    titles = [
        f'<a href="{html.escape(to.href)}">{html.escape(to.text)}</a>'
        if to.href
        else html.escape(to.text)
        for to in card.alike
    ]
    return f"{html.escape(card.alike_text)}: {', '.join(titles)}" if titles else ""


def _content(paper: Paper, card: PaperContext) -> str:
    """Return the reasons, the abstract and the links as HTML."""
    news = " · ".join(_linked(link) for link in card.news)
    facts = " · ".join(fact for fact in (card.venue, card.votes, card.identifier) if fact)
    links = "".join(
        f' · <a href="{html.escape(link.href)}">{html.escape(link.text)}</a>' for link in card.links
    )
    told = [
        f"<strong>{html.escape(card.notice)}.</strong>" if card.notice else "",
        f"<em>because: {html.escape(reason_text(card.reasons))}</em>" if card.reasons else "",
        *map(html.escape, paragraphs(paper.abstract, _ABSTRACT_LIMIT)),
        _alike(card),
        " · ".join(filter(None, (news, f"{html.escape(facts)}{links}"))),
    ]
    return "".join(f"<p>{paragraph}</p>" for paragraph in told if paragraph)


def _linked(link: LinkContext) -> str:
    said = html.escape(link.text)
    return f'<a href="{html.escape(link.href)}">{said}</a>' if link.href else said


def _title(card: PaperContext) -> str:
    """Return the title; in a list of titles, too, it is plain that a paper is withdrawn."""
    if not card.notice:
        return card.title
    word = re.split(r"[ ,]", card.notice, maxsplit=1)[0]  # Withdrawn, Retracted
    return (
        card.title
        if card.title.lower().lstrip("[( ").startswith(word.lower())
        else f"{word}: {card.title}"
    )
