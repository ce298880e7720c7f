"""What is asked for and is no file: a paper that no list picked, or what may have been meant."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from urllib.parse import quote

from aiohttp import web

from bot.app import App
from bot.identity import parse_identifier
from bot.models import Identifier, Paper, Scheme
from bot.outputs.addresses import NAMED, paper_folder, place_of
from bot.outputs.cards import heading_of
from bot.outputs.contexts import LinkContext
from bot.outputs.door_pages import home_path
from bot.outputs.links import key_of
from bot.outputs.paper_pages import paper_page
from bot.outputs.site import Record, Site
from bot.outputs.wording import full_day
from bot.ports import PaperHistory
from bot.text import one_line, shorten
from bot.web.answers import CURRENT, LONGEST_NAME, notice

_SCHEMES = frozenset(Scheme)
_HOME = LinkContext("Today", "index.html")


async def missing(request: web.Request, public: Path) -> web.Response:
    """Answer where no file is: 200 for a paper that is stored, else 404 with what may be meant."""
    kind, _, rest = request.match_info["path"].partition("/")
    rest = rest.removesuffix("index.html").strip("/")
    match kind:
        case "papers" if rest:
            return await _paper(request, rest)
        case "p":
            return await _edition(request, public, rest)
        case "trending":
            said = f"Nothing was trending in “{shorten(one_line(rest), 80)}”, as far as is known."
            ways = (LinkContext("Trending now", "trending/index.html"), _HOME)
            return notice(request, 404, "There is no such day", said, ways=ways)
        case "feeds":
            said = "The list of all feeds (OPML) has every one there is."
            ways = (LinkContext("All feeds", "feeds.opml"), _HOME)
            return notice(request, 404, "There is no such feed", said, ways=ways)
        case _:
            raise web.HTTPNotFound


async def _paper(request: web.Request, rest: str) -> web.Response:
    """Make the page of a paper that has none among the files."""
    current = request.app[CURRENT]
    app = current.app
    names = _names(rest[:LONGEST_NAME], request.query.get(NAMED, "")[:LONGEST_NAME])
    paper = await _first_known(app, names)
    if paper is None:
        name = shorten(one_line(str(names[0]) if names else rest), 100)
        asked = LinkContext("Search for it", f"search?q={quote(name)}")
        said = f"No source has shown “{name}” here."
        return notice(request, 404, "That paper is not known here", said, ways=(asked, _HOME))
    at_home = f"papers/{rest}" == paper_folder(key_of(paper)) and request.path.endswith("/")
    if not at_home:
        raise web.HTTPFound(f"{home_path(app.config.bot)}{place_of(key_of(paper))}")
    histories = await app.workers.store(app.store.histories, [paper.id])
    record = Record(paper, histories.get(paper.id, PaperHistory()))
    site = Site(app.config.bot, (), {}, (), date.min)
    page = await app.workers.cpu(paper_page, site, record, current.render)
    return web.Response(body=page, content_type="text/html", charset="utf-8")


async def _first_known(app: App, names: Sequence[Identifier]) -> Paper | None:
    for name in names:
        if known := await app.workers.store(app.store.lookup, [name]):
            return known[0]
    return None


def _names(rest: str, told: str) -> list[Identifier]:
    """Return what names the paper whose page a path is, the surest first.

    A path is `doi/10.1038/xyz` or `url/https:/example.org/a`; where it is a digest, its link has
    `told` the identifier. As we write it first, then as people may.
    """
    scheme, _, value = rest.partition("/")
    if scheme == Scheme.URL and value.startswith("https:/") and not value.startswith("https://"):
        value = value.replace("https:/", "https://", 1)
    told_scheme, _, told_value = told.partition(":")
    written = [(told_scheme.lower(), told_value), (scheme, value)]
    names = [Identifier(Scheme(s), v) for s, v in written if s in _SCHEMES and v]
    typed = parse_identifier(value if scheme == Scheme.URL else f"{scheme}:{value}")
    return names + ([typed] if typed and scheme in _SCHEMES and typed not in names else [])


async def _edition(request: web.Request, public: Path, rest: str) -> web.Response:
    """Say which lists there are, or which editions are nearest to the day that was asked for."""
    config = request.app[CURRENT].app.config
    name, _, day = rest.partition("/")
    lists = {key: profile for key, profile in config.profiles.items() if profile.public}
    if name not in lists:
        ways = [LinkContext(heading_of(p), f"p/{key}/index.html") for key, p in lists.items()]
        said = "These there are:" if ways else "Nothing is public here yet."
        named = f"There is no list “{shorten(one_line(name), 60)}”" if name else "The lists"
        return notice(request, 404, named, said, ways=ways)
    days = await asyncio.to_thread(_days, public / "p" / name)
    wanted = _day(day)
    near = [max((d for d in days if wanted and d < wanted), default=None),
            min((d for d in days if wanted and d > wanted), default=None)]  # fmt: skip
    ways = [LinkContext(full_day(d), f"p/{name}/{d.isoformat()}/index.html") for d in near if d]
    ways.append(LinkContext(f"All editions of {heading_of(lists[name])}", f"p/{name}/index.html"))
    said = (
        f"None was made on {full_day(wanted)}." if wanted else "A date is written like 2026-11-20."
    )
    return notice(request, 404, "There is no such edition", said, ways=ways)


def _days(folder: Path) -> list[date]:
    try:
        return sorted(day for each in folder.iterdir() if (day := _day(each.name)))
    except OSError:
        return []


def _day(written: str) -> date | None:
    try:
        return date.fromisoformat(written)
    except ValueError:
        return None
