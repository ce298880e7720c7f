"""publish: editions → feeds and pages → files. Always rebuildable from the store, byte for byte.

Beside what it wrote it leaves a note of what that was made from and how large each file is. While
both still hold, nothing is rendered: `once` every hour, and `serve` every minute, cost next to
nothing on a quiet day, and a page that somebody lost or cut is made again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from bot import __version__, ranking
from bot.config import BotSettings, Config, Profile
from bot.models import Paper
from bot.outputs.feeds import profile_rss, trending_rss
from bot.outputs.pages import Archive, Site, site_pages
from bot.ports import FileWriter, PublishStore, Renderer, Workers
from bot.schedule import local_date

TRENDING_DAYS = timedelta(days=7)
_TRENDING_PAPERS = 50
_NOTE = ".published"


@dataclass(frozen=True, slots=True)
class Published:
    """What is published now, and which of it changed: paths relative to the public folder."""

    paths: tuple[str, ...]
    changed: tuple[str, ...]


async def publish(
    config: Config,
    authority: str,
    store: PublishStore,
    workers: Workers,
    render: Renderer,
    write: FileWriter,
    folder: Path,
    *,
    afresh: bool = False,
    withdraw: Callable[[Path], bool] = lambda _: False,
) -> Published:
    """Write every feed and page of the public profiles whose content changed.

    No clock is read: what is trending is counted to the last time that votes were, so the same
    store gives the same bytes. With `afresh` all is rendered and compared, whatever the note says.
    `withdraw` removes what was published of a profile before it became private. Raises StateError,
    TemplateError.
    """
    public = {name: profile for name, profile in config.profiles.items() if profile.public}
    for path in _of_private(config):
        withdraw(folder / path)
    archives = [await _archive(profile, store, workers) for profile in public.values()]
    ids = {pick.paper for archive in archives for e in archive.editions for pick in e.picks}
    papers = await workers.store(store.papers, ids)
    counted_at = await workers.store(store.votes_counted_at)
    trending = await trending_papers(store, workers, counted_at, TRENDING_DAYS)
    made_from = _digest(config, authority, archives, [*papers.values(), *trending], counted_at)
    standing = _standing(folder, made_from)
    if standing and not afresh:
        return Published(standing, ())
    files = await workers.cpu(
        _files, config.bot, authority, archives, papers, trending, counted_at, render
    )
    changed = [path for path, content in files.items() if write(folder / path, content)]
    if files:
        sizes = {path: len(content) for path, content in sorted(files.items())}
        write(folder / _NOTE, json.dumps({"from": made_from, "sizes": sizes}).encode())
    return Published(tuple(sorted(files)), tuple(sorted(changed)))


def _of_private(config: Config) -> list[str]:
    """Return where the profiles that are private now may have been published before."""
    private = [name for name, profile in config.profiles.items() if not profile.public]
    feeds = [f"feeds/{name}.{form}" for name in private for form in ("rss", "atom", "json")]
    return [f"p/{name}" for name in private] + feeds


def _standing(folder: Path, made_from: str) -> tuple[str, ...]:
    """Return the published paths where all stand as they were made from the same, else nothing."""
    try:
        note = json.loads((folder / _NOTE).read_bytes())
        sizes: dict[str, int] = note["sizes"]
        if note["from"] != made_from:
            return ()
        whole = all((folder / path).stat().st_size == size for path, size in sizes.items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return ()
    return tuple(sizes) if whole else ()


def _digest(
    config: Config,
    authority: str,
    archives: Iterable[Archive],
    papers: Iterable[Paper],
    counted_at: datetime | None,
) -> str:
    """Return the identity of all that feeds and pages are made from."""
    told: list[object] = [__version__, config.bot.model_dump_json(), authority, counted_at]
    for archive in archives:
        told += (archive.profile.name, archive.profile.model_dump_json(), archive.editions)
    for paper in papers:
        # Sets have no order of their own, and so no one way to be written down.
        ordered = replace(paper, identifiers=frozenset(), links=frozenset())
        told += (ordered, sorted(paper.identifiers), sorted(paper.links))
    if config.templates.is_dir():
        own = sorted(path for path in config.templates.rglob("*") if path.is_file())
        told += ((str(path), path.stat().st_mtime_ns, path.stat().st_size) for path in own)
    return hashlib.sha256(repr(told).encode("utf-8", "surrogatepass")).hexdigest()


async def trending_papers(
    store: PublishStore, workers: Workers, now: datetime | None, period: timedelta
) -> list[Paper]:
    """Return the papers with votes in the period up to `now`, the warmest first."""
    if now is None:
        return []
    papers = await workers.store(store.voted, (now - period).date(), now.date())
    warm = [(ranking.trend(paper, now), paper) for paper in papers if paper.votes]
    warm.sort(key=lambda pair: (-pair[0], pair[1].id))
    return [paper for _, paper in warm[:_TRENDING_PAPERS]]


async def _archive(profile: Profile, store: PublishStore, workers: Workers) -> Archive:
    return Archive(profile, tuple(await workers.store(store.editions, profile.name)))


def _files(
    bot: BotSettings,
    authority: str,
    archives: list[Archive],
    papers: Mapping[int, Paper],
    trending: list[Paper],
    counted_at: datetime | None,
    render: Renderer,
) -> dict[str, bytes]:
    periods = [edition.period for archive in archives for edition in archive.editions]
    if counted_at is not None:
        periods.append(local_date(counted_at, bot.timezone))
    if not periods:
        return {}
    site = Site(bot, tuple(archives), papers, tuple(trending), max(periods))
    files = site_pages(site, render)
    for archive in archives:
        files[f"feeds/{archive.profile.name}.rss"] = profile_rss(
            bot=bot, profile=archive.profile, editions=archive.editions, papers=papers,
            authority=authority,
        )  # fmt: skip
    files["feeds/trending.rss"] = trending_rss(
        bot=bot, papers=trending, authority=authority, made_at=counted_at
    )
    return files
