"""publish: editions → feeds and pages → files. Always rebuildable from the store, byte for byte.

Beside what it wrote it leaves a note: of each file, what it was made from and how large it is. A file
of which both still hold is not made again: `once` every hour, and `serve` every minute, cost next to
nothing on a quiet day, and a page that somebody lost or cut is made again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from bot import __version__, ranking
from bot.config.words import ProfileWords, TableWords
from bot.models import Edition, Paper
from bot.outputs.charts import Chart, filled, periods
from bot.outputs.former import former_sheets
from bot.outputs.pages import site_feeds, site_pages
from bot.outputs.site import Archive, Record, Sheet, Site
from bot.ports import (
    FilesWriter,
    FileWriter,
    PaperHistory,
    PublishStore,
    Renderer,
    VotedStore,
    Workers,
)
from bot.schedule import local_date

if TYPE_CHECKING:
    from bot.config import Config

TRENDING_DAYS = timedelta(days=7)
_TRENDING_PAPERS = 50
# Votes keep coming for weeks; what lies further back has come to rest.
_CHARTED = timedelta(days=60)
_NOTE = ".published"
# So many files are made and written at a time: others get their turn in between.
_BATCH = 50


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
    write_all: FilesWriter | None = None,
) -> Published:
    """Write every feed and page of the public profiles whose content changed.

    No clock is read: what is trending is counted to the last time that votes were, so the same
    store gives the same bytes. Pages of what was trending more than 60 days before that are made
    where they are missing. With `afresh` all is made and compared, whatever the note says.
    `withdraw` removes what was published of a profile before it became private; `write_all` writes
    many files faster than one by one. Raises StateError, TemplateError.
    """
    note = _Note.read(folder)
    if _withdrawn(config, note, folder, withdraw):
        note = _Note()
    site, feeds = await _site(config, authority, store, workers, folder, afresh=afresh)
    sheets = await workers.cpu(lambda: [*site_pages(site, render), *feeds])
    sheets += former_sheets(config.profiles.values(), sheets[:])
    marks = await workers.cpu(_marks, config, authority, sheets)
    due = [
        sheet for sheet in sheets if afresh or not note.holds(folder, sheet.path, marks[sheet.path])
    ]

    def each(contents: Sequence[tuple[Path, bytes]]) -> list[bool]:
        return [write(path, content) for path, content in contents]

    changed: list[str] = []
    files = {sheet.path: note.files.get(sheet.path, ("", 0)) for sheet in sheets}
    for start in range(0, len(due), _BATCH):
        batch = due[start : start + _BATCH]
        for path, size, new in await workers.cpu(_write, batch, write_all or each, folder):
            files[path] = (marks[path], size)
            changed += [path] if new else []
    now = _Note(files, frozenset(archive.profile.name for archive in site.archives))
    if due or now != note:
        write(folder / _NOTE, now.as_bytes())
    return Published(tuple(sorted(files)), tuple(sorted(changed)))


def _write(
    sheets: Sequence[Sheet], write: FilesWriter, folder: Path
) -> list[tuple[str, int, bool]]:
    """Make files and write them; return (path, size, whether it changed)."""
    made = [(folder / sheet.path, sheet.make()) for sheet in sheets]
    return [
        (sheet.path, len(content), new)
        for sheet, (_, content), new in zip(sheets, made, write(made), strict=True)
    ]


# ── What there is to tell ─────────────────────────────────────────────────────────────────────────


async def _site(
    config: Config,
    authority: str,
    store: PublishStore,
    workers: Workers,
    folder: Path,
    *,
    afresh: bool,
) -> tuple[Site, Iterable[Sheet]]:
    archives = [
        Archive(profile, tuple(await workers.store(store.editions, profile.name)))
        for profile in config.profiles.values()
        if profile.public
    ]
    ids = {pick.paper for archive in archives for e in archive.editions for pick in e.picks}
    picked = await workers.store(store.papers, ids)
    counted_at = await workers.store(store.votes_counted_at)
    trending = await trending_papers(store, workers, counted_at, TRENDING_DAYS)
    days = await workers.store(store.vote_days)
    known = periods(days)
    due = [chart for chart in known if afresh or _is_due(chart, days[-1], folder)]
    voted = await _voted(due, store, workers)
    everyone = {paper.id: paper for paper in chain(picked.values(), trending, voted)}
    histories = await workers.store(store.histories, everyone)
    ballots = await workers.store(store.vote_counts, everyone)
    histories |= {id_: replace(histories[id_], ballots=ours) for id_, ours in ballots.items()}
    picked = {id_: _with_ballots(paper, histories) for id_, paper in picked.items()}
    trending = [_with_ballots(paper, histories) for paper in trending]
    voted = [_with_ballots(paper, histories) for paper in voted]
    charts = await workers.cpu(filled, due, voted, histories)
    told = [local_date(counted_at, config.bot.timezone)] if counted_at else []
    told += (edition.period for archive in archives for edition in archive.editions)
    site = Site(
        bot=config.bot,
        archives=tuple(archives),
        papers=picked,
        trending=tuple(trending),
        today=max(told, default=date.min),
        charts=charts,
        periods=tuple(chart.period for chart in known),
        records=_records(picked, trending, charts, histories),
        open=bool(config.bot.base_url and config.subscribe.open),
        votable=bool(config.bot.base_url),
    )
    changes = ((id_, history.changed_at) for id_, history in histories.items())
    changed = {id_: at for id_, at in changes if at}
    return site, site_feeds(site, authority, counted_at, changed)


def _with_ballots(paper: Paper, histories: Mapping[int, PaperHistory]) -> Paper:
    """Return a paper with the votes of our readers on top of those that a source told."""
    ours = histories[paper.id].readers if paper.id in histories else 0
    return replace(paper, votes=(paper.votes or 0) + ours) if ours else paper


async def _voted(due: list[Chart], store: PublishStore, workers: Workers) -> list[Paper]:
    if not due:
        return []
    first, last = min(c.period.first for c in due), max(c.period.last for c in due)
    return await workers.store(store.voted, first, last)


def _is_due(chart: Chart, newest: date, folder: Path) -> bool:
    """Tell whether a period's page may change yet, or is missing."""
    # Of the periods that came to rest, the last one's link to its successor may be new.
    last = (chart.later or chart.period).last
    return last >= newest - _CHARTED or not (folder / chart.period.path).is_file()


def _records(
    picked: Mapping[int, Paper],
    trending: Iterable[Paper],
    charts: Iterable[Chart],
    histories: Mapping[int, PaperHistory],
) -> dict[int, Record]:
    """Return the papers that have a page: those that were picked, and those that trended."""
    charted = (one.paper for chart in charts for one in chart.papers)
    papers = {paper.id: paper for paper in chain(picked.values(), trending, charted)}
    return {
        id_: Record(paper, histories.get(id_, PaperHistory()))
        for id_, paper in sorted(papers.items())
    }


async def trending_papers(
    store: VotedStore, workers: Workers, now: datetime | None, period: timedelta
) -> list[Paper]:
    """Return the papers with votes in the period up to `now`, the warmest first."""
    if now is None:
        return []
    papers = await workers.store(store.voted, (now - period).date(), now.date())
    heard = await workers.store(store.receptions, {paper.id for paper in papers})
    warm = [
        (ranking.trend(p, now, heard.get(p.id)), p)
        for p in papers
        if p.votes or (p.id in heard and heard[p.id].ballots)
    ]
    warm.sort(key=lambda pair: (-pair[0], pair[1].id))
    return [paper for _, paper in warm[:_TRENDING_PAPERS]]


# ── What stands already ───────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Note:
    """What stands: of each file what it was made from and its size; and whose it is."""

    files: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    profiles: frozenset[str] = frozenset()

    @classmethod
    def read(cls, folder: Path) -> _Note:
        """Read the note that was left in a folder; one that is missing or broken holds nothing."""
        with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
            told = json.loads((folder / _NOTE).read_bytes())
            files = {
                str(path): (str(mark), int(size)) for path, (mark, size) in told["files"].items()
            }
            return cls(files, frozenset(map(str, told["profiles"])))
        return cls()

    def as_bytes(self) -> bytes:
        """Return the note as it is left."""
        told = {"profiles": sorted(self.profiles), "files": dict(sorted(self.files.items()))}
        return json.dumps(told, separators=(",", ":")).encode()

    def holds(self, folder: Path, path: str, mark: str) -> bool:
        """Tell whether a file stands as it was made from the same."""
        noted, size = self.files.get(path, ("", -1))
        try:
            return noted == mark and (folder / path).stat().st_size == size
        except OSError:
            return False


def _withdrawn(config: Config, note: _Note, folder: Path, withdraw: Callable[[Path], bool]) -> bool:
    """Remove what was published of the profiles that are private now; tell whether there was any."""
    private = {
        each
        for name, profile in config.profiles.items()
        if not profile.public
        for each in (name, *profile.was)
    }
    forms = ("rss", "atom", "json")
    paths = [f"{where}/{name}" for where in ("p", "feeds") for name in sorted(private)]
    paths += [f"feeds/{name}.{form}" for name in sorted(private) for form in forms]
    gone = [withdraw(folder / path) for path in paths]
    if any(gone) or private & note.profiles:
        # The papers' own pages say which profile picked them, and why: all are made anew.
        withdraw(folder / "papers")
        return True
    return False


def _marks(config: Config, authority: str, sheets: Iterable[Sheet]) -> dict[str, str]:
    """Return the identity of all that each sheet is made from, by its path."""
    shared: list[object] = [__version__, config.bot.model_dump_json(), authority]
    if config.templates.is_dir():
        own = sorted(path for path in config.templates.rglob("*") if path.is_file())
        shared += ((str(path), path.stat().st_mtime_ns, path.stat().st_size) for path in own)
    telling = _Telling()
    house = _digest(repr(shared))
    return {sheet.path: _digest(f"{house}{telling.of(sheet.told)}") for sheet in sheets}


class _Telling:
    """All that values say, as text; papers and editions stand on many sheets, and are read once."""

    def __init__(self) -> None:
        self._known: dict[int, str] = {}
        self._kept: list[object] = []

    def of(self, value: object) -> str:
        """Return all that a value says."""
        if isinstance(value, list | tuple):
            return f"({','.join(map(self.of, value))})"
        if not isinstance(value, Paper | Edition | TableWords):
            return repr(value)
        if id(value) not in self._known:
            self._kept.append(value)  # or another could come to have its id
            self._known[id(value)] = _digest(_said(value))
        return self._known[id(value)]


def _said(value: Paper | Edition | TableWords) -> str:
    match value:
        case ProfileWords():
            return f"{value.name}{value.model_dump_json()}"
        case TableWords():
            return value.model_dump_json()
        case Paper():
            # Sets have no order of their own, and so no one way to be written down.
            ordered = replace(value, identifiers=frozenset(), links=frozenset())
            return repr((ordered, sorted(value.identifiers), sorted(value.links)))
        case _:
            return repr(value)


def _digest(said: str) -> str:
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:32]
