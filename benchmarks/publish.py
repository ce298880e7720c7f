"""publish: a site of 30,000 papers built whole, and again after a normal day.

Ten public profiles with 200 editions of twelve papers, and 200 days of votes. The normal day brings
ten editions, 120 papers, and votes for 60. Beside it a floor: the same bytes written as they are, by
the same writer. CPU seconds of this process; the loop's own time is in them. And a feed of 1,000
entries, written by us and by hand to the same bytes.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import ParamSpec, TypeVar

from benchmarks import publish_by_hand as by_hand
from benchmarks.library import NOW, fill, paper, records
from benchmarks.measure import medians
from bot.config import BotSettings, Config, Profile
from bot.files import files_written_together, write_file
from bot.loading import little_garbage
from bot.models import Edition, Event, InterestKind, Pick, Reason, Sighting, SourceState
from bot.outputs.feeds import trending_feed
from bot.outputs.syndication import Feed, as_rss
from bot.ports import Workers
from bot.render import TemplateRenderer
from bot.store import Store
from bot.workflows.publish import Published, publish

P = ParamSpec("P")
T = TypeVar("T")

_PROFILES, _PICKS = 10, 12
_BATCH = 50  # files at a time, as `publish` writes them
_VOTED = 30  # papers a day that get votes first on it
_A_DAY = _PROFILES * _PICKS + _VOTED


def run(papers: int = 30_000) -> list[dict[str, object]]:
    """Return one row a build: how many files, CPU and wall seconds, and the target."""
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="publish-") as name:
        folder = Path(name)
        with Store(folder / "paperround.db") as store:
            fill(store, papers + 200)
            days = papers // _A_DAY
            site = _Site(folder, store, days)
            for day in range(days):
                site.morning(day)
            whole = _measured(site.publish)
            floor = _measured(lambda: _floor(folder / "public", folder / "floor"))
            quiet = _measured(site.publish)
            site.morning(days)
            normal = _measured(site.publish)
    return [
        _row(f"all of {papers:,} papers", whole, "<60"),
        _row("the same bytes, only written (floor)", floor),
        _row("nothing new", quiet),
        _row("after a normal day", normal, "<2"),
        *_feeds(min(papers, 1000)),
    ]


def _feeds(entries: int) -> list[dict[str, object]]:
    papers = [replace(paper(n, *told), id=n) for n, told in enumerate(records(entries), start=1)]
    bot = BotSettings(title="Morning papers", base_url="https://papers.example.org")

    def made() -> Feed:
        return trending_feed(bot=bot, papers=papers, authority="example.org,2026", made_at=NOW)

    feed = made()
    if as_rss(feed) != by_hand.rss(feed):
        raise AssertionError("the feed by hand is another one")
    told, ours, hand = medians(
        9,
        lambda: _cpu(made),
        lambda: _cpu(lambda: as_rss(feed)),
        lambda: _cpu(lambda: by_hand.rss(feed)),
    )
    what = f"a feed of {entries:,} entries"
    return [
        {"what": f"{what}, written by hand", "CPU s": round(hand, 4), "ratio": 1.0},
        {
            "what": f"{what}, written by us", "CPU s": round(ours, 4), "ratio": round(ours / hand, 1),
            "target": "≤3×",
        },
        {
            "what": f"{what}, made out of papers and written by us", "CPU s": round(told + ours, 4),
            "ratio": round((told + ours) / hand, 1),
        },
    ]  # fmt: skip


def _cpu(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


def _row(what: str, took: tuple[int, int, float, float], target: str = "") -> dict[str, object]:
    files, changed, cpu, wall = took
    return {
        "what": what, "files": files, "changed": changed, "CPU s": round(cpu, 2),
        "wall s": round(wall, 2), "target": target,
    }  # fmt: skip


def _measured(work: Callable[[], Published]) -> tuple[int, int, float, float]:
    cpu, wall = time.process_time(), time.perf_counter()
    done = work()
    print(
        f"{time.perf_counter() - wall:.1f} s, CPU {time.process_time() - cpu:.1f}", file=sys.stderr
    )
    return (
        len(done.paths), len(done.changed), time.process_time() - cpu, time.perf_counter() - wall,
    )  # fmt: skip


def _floor(public: Path, into: Path) -> Published:
    paths = [path.relative_to(public) for path in public.rglob("*") if path.is_file()]
    with files_written_together() as write_files:
        for start in range(0, len(paths), _BATCH):
            batch = paths[start : start + _BATCH]
            write_files([(into / path, (public / path).read_bytes()) for path in batch])
    return Published(tuple(map(str, paths)), tuple(map(str, paths)))


class _Site:
    def __init__(self, folder: Path, store: Store, days: int) -> None:
        self._folder, self._store, self._days = folder, store, days
        self._profiles = {
            f"profile-{n}": Profile(title=f"Profile {n}").named(f"profile-{n}")
            for n in range(_PROFILES)
        }
        bot = BotSettings(title="Morning papers", base_url="https://papers.example.org")
        self._config = Config(bot=bot, profiles=self._profiles)
        self._config._path = folder / "config.toml"  # noqa: SLF001 - as load_config does
        store.mirror_profiles(dict.fromkeys(self._profiles, ""))
        self._next = 1

    def morning(self, day: int) -> None:
        """Make every profile's edition, and let votes come."""
        at = NOW - timedelta(days=self._days - day)
        for name in self._profiles:
            picks = tuple(
                Pick(place, self._take(), version=1, score=1 / place,
                     reasons=(Reason(InterestKind.KEYWORD, "routing", 0.5),))
                for place in range(1, _PICKS + 1)
            )  # fmt: skip
            self._store.save_edition(Edition(name, day + 1, at.date(), 9, at, picks))
        fresh = list(self._store.papers([self._take() for _ in range(_VOTED)]).values())
        before = list(self._store.papers(range(max(1, self._next - 400), self._next, 13)).values())
        told = [
            Sighting(replace(paper, votes=n), Event.SEEN, at, votes=n)
            for n, paper in enumerate(fresh + before, start=day % 7 + 1)
        ]
        self._store.absorb("hf", told, SourceState("hf"), at, introduces=set(Event))

    def _take(self) -> int:
        self._next += 1
        return self._next - 1

    def publish(self, *, afresh: bool = False) -> Published:
        """Publish the site as `paperround publish` does."""
        with files_written_together() as write_files, little_garbage():
            return asyncio.run(
                publish(
                    self._config, "example.org,2026", self._store, Workers(_at_once, _at_once),
                    TemplateRenderer(None, print), write_file, self._folder / "public",
                    afresh=afresh, write_all=write_files,
                )
            )  # fmt: skip


async def _at_once(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    return function(*args, **kwargs)
