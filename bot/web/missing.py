"""What is asked for and is no file: a paper that no list picked, or what may have been meant."""

from __future__ import annotations

import asyncio
from datetime import date
from pathlib import Path
from urllib.parse import quote

from aiohttp import web

from bot.identity import parse_identifier
from bot.models import Identifier, Scheme
from bot.outputs.addresses import link_to, paper_folder
from bot.outputs.cards import heading_of
from bot.outputs.contexts import LinkContext
from bot.outputs.door_pages import home_path
from bot.outputs.links import key_of
from bot.outputs.paper_pages import paper_page
from bot.outputs.site import Record, Site
from bot.outputs.wording import full_day
from bot.ports import PaperHistory
from bot.text import one_line, shorten
from bot.web.answers import STANDING, notice

_LONGEST = 2_000
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
    standing = request.app[STANDING]
    app = standing.app
    wanted = _named(rest[:_LONGEST])
    known = await app.workers.store(app.store.lookup, [wanted]) if wanted else []
    if not known:
        name = shorten(one_line(str(wanted) if wanted else rest), 100)
        asked = LinkContext("Search for it", f"search?q={quote(name)}")
        said = f"No source has shown “{name}” here."
        return notice(request, 404, "That paper is not known here", said, ways=(asked, _HOME))
    paper = known[0]
    folder = paper_folder(key_of(paper))
    if wanted is None or paper_folder(wanted) != folder or not request.path.endswith("/"):
        home = home_path(app.config.bot)
        raise web.HTTPFound(f"{home}{link_to(folder, '').removesuffix('index.html')}")
    histories = await app.workers.store(app.store.histories, [paper.id])
    record = Record(paper, histories.get(paper.id, PaperHistory()))
    site = Site(app.config.bot, (), {}, (), date.min)
    page = await app.workers.cpu(paper_page, site, record, standing.render)
    return web.Response(body=page, content_type="text/html", charset="utf-8")


def _named(rest: str) -> Identifier | None:
    """Return the identifier whose page a path is: `doi/10.1038/xyz`, `url/https:/example.org/a`."""
    scheme, _, value = rest.partition("/")
    if scheme == Scheme.URL and value.startswith("https:/") and not value.startswith("https://"):
        value = value.replace("https:/", "https://", 1)
    try:
        return parse_identifier(value if scheme == Scheme.URL else f"{Scheme(scheme)}:{value}")
    except ValueError:
        return None


async def _edition(request: web.Request, public: Path, rest: str) -> web.Response:
    """Say which lists there are, or which editions are nearest to the day that was asked for."""
    config = request.app[STANDING].app.config
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
