"""publish: editions → feeds and pages → files. Always rebuildable from the store, byte for byte."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from bot import ranking
from bot.config import BotSettings, Config, Profile
from bot.models import Paper
from bot.outputs.feeds import profile_rss, trending_rss
from bot.outputs.pages import Archive, Site, site_pages
from bot.ports import FileWriter, PublishStore, Renderer, Workers
from bot.schedule import local_date

TRENDING_DAYS = timedelta(days=7)
_TRENDING_PAPERS = 50


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
) -> Published:
    """Write every feed and page of the public profiles whose content changed.

    No clock is read: what is trending is counted to the last time that votes were, so the same
    store gives the same bytes. Raises StateError, TemplateError.
    """
    public = {name: profile for name, profile in config.profiles.items() if profile.public}
    archives = [await _archive(profile, store, workers) for profile in public.values()]
    ids = {pick.paper for archive in archives for e in archive.editions for pick in e.picks}
    papers = await workers.store(store.papers, ids)
    counted_at = await workers.store(store.votes_counted_at)
    trending = await trending_papers(store, workers, counted_at, TRENDING_DAYS)
    files = await workers.cpu(
        _files, config.bot, authority, archives, papers, trending, counted_at, render
    )
    changed = [path for path, content in files.items() if write(folder / path, content)]
    return Published(tuple(sorted(files)), tuple(sorted(changed)))


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
