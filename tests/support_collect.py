"""Sources over real HTTP on loopback, collected into a real store; and services that page."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aiohttp import web

from bot.config import SourceSettings
from bot.fetch import HttpFetcher
from bot.models import Paper, SourceState
from bot.ports import Fetcher
from bot.sources import polling
from bot.store import Store
from bot.workflows.collect import Collected, PollingRound, collect
from support_http import Site, serving
from support_round import WORKERS

DATA = Path(__file__).parents[1].parent / "shared" / "data"


@dataclass
class Rounds:
    """A store, a site, and the rounds that a test walks."""

    store: Store
    site: Site
    fetcher: Fetcher
    token: Callable[[SourceSettings], str] = lambda _: ""

    async def walk(self, now: datetime, *sources: SourceSettings) -> Collected:
        """Collect at that moment; return the first source's report."""
        around = PollingRound(self.store, self.fetcher, WORKERS, now, token=self.token)
        return (await collect(sources, around))[0]

    def state(self, name: str) -> SourceState:
        return self.store.source_states().get(name, SourceState(name))

    def titles(self) -> list[str]:
        return sorted(paper.title for paper in self.papers())

    def papers(self) -> list[Paper]:
        return self.store.recent(100_000)

    def new(self) -> list[str]:
        """Return the titles of what a first edition may show."""
        found = self.store.candidates("nobody", None, None, ())
        return sorted(paper.title for paper in found)

    def asked(self, part: str = "") -> list[str]:
        """Return the paths asked for that contain `part`, and forget all."""
        found = [path for path, _ in self.site.requests if part in path]
        self.site.requests.clear()
        return found

    def weather(self, source: SourceSettings, since: datetime | None, now: datetime):
        return polling.weather(source, self.state(source.name), since, now)


@asynccontextmanager
async def rounds(tmp_path: Path) -> AsyncIterator[Rounds]:
    async with serving() as site, HttpFetcher(allow_private=["127.0.0.1/32"]) as fetcher:
        with Store(tmp_path / "paperround.db") as store:
            store.found("here,2026", None)
            yield Rounds(store, site, fetcher)


# ── arXiv ─────────────────────────────────────────────────────────────────────────────────────────


def announcement(built: datetime, *numbers: str, event: str = "new") -> str:
    """Return an RSS announcement of that moment, as rss.arxiv.org has it."""
    date = f"{built:%a, %d %b %Y %H:%M:%S +0000}"
    items = "".join(
        f"<item><title>Paper {number}</title><link>https://arxiv.org/abs/{number}</link>"
        f"<description>arXiv:{number}v1 Announce Type: {event} \nAbstract: A.</description>"
        f'<guid isPermaLink="false">oai:arXiv.org:{number}v1</guid><category>cs.LG</category>'
        f"<pubDate>{date}</pubDate><arxiv:announce_type>{event}</arxiv:announce_type></item>"
        for number in numbers
    )
    return (
        '<rss xmlns:arxiv="http://arxiv.org/schemas/atom" version="2.0"><channel>'
        f"<title>cs.LG updates</title><lastBuildDate>{date}</lastBuildDate>{items}</channel></rss>"
    )


@dataclass(frozen=True)
class Submission:
    number: str
    at: datetime
    primary: str = "cs.LG"
    version: int = 1


def submissions(first: datetime, count: int, every: timedelta) -> list[Submission]:
    return [Submission(f"2611.{n:05d}", first + n * every) for n in range(1, count + 1)]


@dataclass
class SearchApi:
    """arXiv's search over a list of submissions; `moods` are answers instead, in turn."""

    listed: list[Submission] = field(default_factory=list)
    moods: list[str] = field(default_factory=list)
    overstates: int = 0

    def put(self, site: Site) -> None:
        site.put_call("/api/query", self.answer)

    async def answer(self, request: web.Request) -> web.Response:
        query = request.query
        since, until = (
            datetime.strptime(found, "%Y%m%d%H%M").replace(tzinfo=UTC)
            for found in re.findall(r"\d{12}", query["search_query"])
        )
        found = sorted(
            (s for s in self.listed if since <= s.at < until + timedelta(minutes=1)),
            key=lambda s: s.at,
        )
        start, most = int(query["start"]), int(query["max_results"])
        mood = self.moods.pop(0) if self.moods else ""
        if mood.isdecimal():
            return web.Response(status=int(mood), headers={"Retry-After": "0"})
        page = [] if mood == "empty" else found[start : start + most]
        body = search_page(page, len(found) + self.overstates)
        if mood == "truncated":
            body = body[: body.rindex("<summary>") + 12]
        elif mood == "error":
            body = ERROR
        elif mood == "html":
            body = "<!DOCTYPE html><title>Rate exceeded</title>"
        return web.Response(text=body)


def search_page(page: Iterable[Submission], total: int) -> str:
    entries = "".join(
        f"<entry><id>http://arxiv.org/abs/{s.number}v{s.version}</id><title>Paper {s.number}</title>"
        f"<updated>{s.at:%Y-%m-%dT%H:%M:%SZ}</updated><published>{s.at:%Y-%m-%dT%H:%M:%SZ}</published>"
        f'<category term="{s.primary}"/><arxiv:primary_category term="{s.primary}"/>'
        "<author><name>Ada Example</name></author><summary>An abstract.</summary></entry>"
        for s in page
    )
    return (
        '<feed xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/" '
        'xmlns:arxiv="http://arxiv.org/schemas/atom" xmlns="http://www.w3.org/2005/Atom">'
        "<id>https://arxiv.org/api/x</id><title>arXiv Query</title>"
        f"<opensearch:totalResults>{total}</opensearch:totalResults>{entries}</feed>"
    )


ERROR = (
    '<feed xmlns="http://www.w3.org/2005/Atom"><title>arXiv Search Results</title><entry>'
    "<id>https://arxiv.org/api/errors#malformed</id><title>Error</title>"
    "<summary>malformed query</summary></entry></feed>"
)


# ── bioRxiv ───────────────────────────────────────────────────────────────────────────────────────


@dataclass
class PreprintApi:
    """bioRxiv's API over a list of records, pages of `size`; `moods` are answers instead."""

    listed: list[dict[str, object]] = field(default_factory=list)
    size: int = 3
    overstates: int = 0
    moods: list[str] = field(default_factory=list)

    def put(self, site: Site) -> None:
        site.put_call("/details/", self.answer)

    async def answer(self, request: web.Request) -> web.Response:
        found = re.fullmatch(
            r"/details/(\w+)/(\d{4}-\d\d-\d\d)/(\d{4}-\d\d-\d\d)/(\d+)/json", request.path
        )
        assert found, request.path
        start = int(found.group(4))
        mood = self.moods.pop(0) if self.moods else ""
        if mood.isdecimal():
            return web.Response(status=int(mood))
        if mood:
            return web.Response(text=mood)
        page = self.listed[start : start + self.size]
        return web.Response(text=preprint_page(page, start, len(self.listed) + self.overstates))


def preprint_page(page: list[dict[str, object]], start: int, total: int) -> str:
    if not page:
        return json.dumps({"messages": [{"status": "no posts found"}], "collection": []})
    message = {"status": "ok", "cursor": str(start), "count": len(page), "total": str(total)}
    return json.dumps({"messages": [message], "collection": page})


def preprint(number: int, **said: object) -> dict[str, object]:
    return {
        "title": f"Preprint {number}",
        "authors": "Ghafari, T.; Quinn, A. J.; de la Cruz, M.",
        "doi": f"10.64898/2026.11.18.{number:06d}",
        "date": "2026-11-18",
        "version": "1",
        "category": "neuroscience",
        "abstract": "Words.",
        "published": "NA",
        "server": "bioRxiv",
    } | said


# ── Any feed ──────────────────────────────────────────────────────────────────────────────────────


def journal(*titles: str, head: str = "", at: datetime | None = None) -> str:
    """Return an RSS 2.0 feed of entries with these titles, each with a link and a guid."""
    date = f"<pubDate>{at:%a, %d %b %Y %H:%M:%S +0000}</pubDate>" if at else ""
    items = "".join(
        f"<item><title>{title}</title><link>https://j.example/{title}</link>"
        f"<guid>https://j.example/{title}</guid>{date}</item>"
        for title in titles
    )
    return f'<rss version="2.0"><channel><title>J</title>{head}{items}</channel></rss>'


def a_journal(world: Rounds, path: str = "/j", **said: object) -> SourceSettings:
    """Return a source of the kind `feed` at a path of the world's site."""
    told = {"name": "j", "kind": "feed", "url": world.site.url(path), "backfill": "0d"}
    return SourceSettings.model_validate(told | said)
