"""publish: editions → feeds and pages → files. Always rebuildable from the store, byte for byte.

Beside what it wrote it leaves a note: of each file, what it was made from and how large it is. A file
of which both still hold is not made again, and what it was made from is told by marks that the store
changes with every paper and edition: what stands is not even read. A page that somebody lost or cut is
made again.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot import __version__, ranking
from bot.config.words import ProfileWords
from bot.models import Paper
from bot.outputs.charts import Chart, filled, periods
from bot.outputs.former import former_sheets
from bot.outputs.pages import site_feeds, site_pages
from bot.outputs.site import (
    Archive,
    Made,
    Record,
    Said,
    Sheet,
    Site,
    Titled,
    Whole,
    folders_of,
)
from bot.ports import (
    FilesWriter,
    FileWriter,
    PaperHistory,
    PaperMark,
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
    store gives the same bytes. With `afresh` all is made and compared, whatever the note says.
    `withdraw` removes what was published of a profile before it became private; `write_all` writes
    many files faster than one by one. Raises StateError, TemplateError.
    """
    note = await workers.cpu(_Note.read, folder)
    if _withdrawn(config, note, folder, withdraw):
        note = _Note()
    house = _house(config, authority)
    # Read before all that it stands for: what is written meanwhile is looked at in the next round.
    tide = _digest(f"{house}{await workers.store(store.tide)}{_profiles(config)}")
    stands = await workers.cpu(_standing, folder, note.files)
    if not afresh and note.tide == tide and len(stands) == len(note.files):
        return Published(tuple(sorted(note.files)), ())
    if afresh or note.house != house:
        note, stands = replace(_Note(), profiles=note.profiles), frozenset()
    desk = _Desk(config, authority, store, workers, note, stands)
    sheets, kept = await desk.sheets(render)
    marks = await workers.cpu(desk.marks, sheets)
    files = {path: note.files[path] for path in kept}
    files |= {s.path: note.files[s.path] for s in sheets if s.path in note.files}
    due = [
        sheet
        for sheet in sheets
        if sheet.path not in stands or note.files[sheet.path][0] != marks[sheet.path]
    ]

    def each(contents: Sequence[tuple[Path, bytes]]) -> list[bool]:
        return [write(path, content) for path, content in contents]

    changed: list[str] = []
    for start in range(0, len(due), _BATCH):
        batch = due[start : start + _BATCH]
        await desk.fetch(batch)
        for path, size, new in await workers.cpu(_write, batch, write_all or each, folder):
            files[path] = (marks[path], size)
            changed += [path] if new else []
    now = replace(desk.noted(), house=house, tide=tide, files=files)
    if due or now != note:
        await workers.cpu(lambda: write(folder / _NOTE, now.as_bytes()))
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


class _Shelf(dict[int, Paper]):
    """The papers that were fetched; `in` says of a paper whether it is there to be fetched."""

    def __init__(self, known: frozenset[int]) -> None:
        super().__init__()
        self._known = known

    def __contains__(self, paper: object) -> bool:
        return paper in self._known

    def get(self, paper: int, _: object = None) -> Paper | None:  # type: ignore[override]
        """Return a paper; that one was not fetched is a bug, and no reason to leave it out."""
        return self[paper] if paper in self._known else None


class _Desk:
    """Puts together what there is to tell, and fetches from the store what is to be made.

    Papers are fetched for the sheets that are made, and no others: what stands costs its mark.
    """

    def __init__(
        self,
        config: Config,
        authority: str,
        store: PublishStore,
        workers: Workers,
        note: _Note,
        stands: frozenset[str],
    ) -> None:
        self._config, self._authority = config, authority
        self._store, self._workers = store, workers
        self._note, self._stands = note, stands
        self._papers: dict[int, PaperMark] = {}
        self._editions: dict[int, int] = {}
        self._shelf = _Shelf(frozenset())
        self._records: dict[int, Record] = {}
        self._titles: dict[int, str] = {}
        self._changed: dict[int, datetime] = {}
        self._folders: dict[int, tuple[str, ...]] = {}
        self._charts: dict[str, tuple[str, tuple[int, ...]]] = {}
        self._profiles: frozenset[str] = frozenset()

    async def sheets(self, render: Renderer) -> tuple[list[Sheet], list[str]]:
        """Return all that is published as sheets, and the charts that rest: these need none."""
        config, store, workers = self._config, self._store, self._workers
        self._papers = await workers.store(store.paper_marks)
        self._editions = await workers.store(store.edition_marks)
        archives = tuple(
            [
                Archive(profile, tuple(await workers.store(store.editions, profile.name)))
                for profile in config.profiles.values()
                if profile.public
            ]
        )
        self._profiles = frozenset(archive.profile.name for archive in archives)
        counted_at = await workers.store(store.votes_counted_at)
        trending = await trending_papers(store, workers, counted_at, TRENDING_DAYS)
        known, charts = await self._charted()
        picked = {pick.paper for archive in archives for e in archive.editions for pick in e.picks}
        charted = {paper for _, papers in self._charts.values() for paper in papers}
        paged = picked | charted | {paper.id for paper in trending}
        self._folders = await self._named(paged)
        self._shelf = _Shelf(frozenset(paged))
        trending = await self._fetched([paper.id for paper in trending])
        told = [local_date(counted_at, config.bot.timezone)] if counted_at else []
        told += (edition.period for archive in archives for edition in archive.editions)
        site = Site(
            bot=config.bot,
            archives=archives,
            papers=self._shelf,
            trending=tuple(trending),
            today=max(told, default=date.min),
            charts=charts,
            periods=tuple(chart.period for chart in known),
            records=self._records,
            titles=self._titles,
            folders=self._folders,
            open=bool(config.bot.base_url and config.subscribe.open),
            votable=bool(config.bot.base_url),
        )
        due = {chart.period.path for chart in charts}
        resting = [path for path in self._charts if path not in due]
        return await workers.cpu(self._laid_out, site, counted_at, render), resting

    def _laid_out(self, site: Site, counted_at: datetime | None, render: Renderer) -> list[Sheet]:
        sheets = [
            *site_pages(site, render),
            *site_feeds(site, self._authority, counted_at, self._changed),
        ]
        return [*sheets, *former_sheets(self._config.profiles.values(), sheets)]

    async def _charted(self) -> tuple[list[Chart], tuple[Chart, ...]]:
        """Return an empty chart of every period, and those that may have changed or are missing."""
        days = await self._workers.store(self._store.vote_marks)
        known = await self._workers.cpu(periods, days)
        marks = {chart.period.path: _mark_of(chart, days) for chart in known}
        before = self._note.charts
        due = [
            chart
            for chart in known
            if (path := chart.period.path) not in self._stands
            or path not in before
            or before[path][0] != marks[path]
        ]
        charts: tuple[Chart, ...] = ()
        if due:
            first, last = min(c.period.first for c in due), max(c.period.last for c in due)
            series = await self._workers.store(self._store.vote_series, first, last)
            charts = await self._workers.cpu(filled, due, series)
        now = {c.period.path: tuple(one.paper for one in c.papers) for c in charts}
        self._charts = {
            path: (mark, now[path] if path in now else before[path][1])
            for path, mark in marks.items()
        }
        return known, charts

    async def _named(self, papers: set[int]) -> dict[int, tuple[str, ...]]:
        """Return the folders of papers' pages, by id; of those that say what they said, as noted."""
        noted = self._note.folders
        known = {
            paper: noted[paper][1]
            for paper in papers
            if paper in noted
            and paper in self._papers
            and noted[paper][0] == self._papers[paper].said
        }
        names = await self._workers.store(self._store.names, papers - known.keys())
        known |= {paper: folders_of(told) for paper, told in names.items()}
        return dict(sorted(known.items()))

    async def fetch(self, sheets: Iterable[Sheet]) -> None:
        """Fetch from the store what these sheets are made from."""
        papers: set[int] = set()
        titles: set[int] = set()
        for sheet in sheets:
            for told in sheet.told:
                match told:
                    case Whole() | Said():
                        papers.update(told.papers)
                    case Titled():
                        titles.update(told.papers)
        await self._fetched(papers)
        if missing := titles - self._titles.keys():
            self._titles |= await self._workers.store(self._store.titles, missing)

    async def _fetched(self, ids: Iterable[int]) -> list[Paper]:
        wanted = list(ids)
        if missing := {paper for paper in wanted if paper not in self._records}:
            papers = await self._workers.store(self._store.papers, missing)
            histories = await self._workers.store(self._store.histories, missing)
            ballots = await self._workers.store(self._store.vote_counts, missing)
            for id_, paper in papers.items():
                history = histories.get(id_, PaperHistory())
                self._put(
                    replace(history, ballots=ballots[id_]) if id_ in ballots else history, paper
                )
        return [self._records[paper].paper for paper in wanted if paper in self._records]

    def _put(self, history: PaperHistory, paper: Paper) -> None:
        if ours := history.readers:
            # The votes of our readers stand on top of those that a source told.
            paper = replace(paper, votes=(paper.votes or 0) + ours)
        self._shelf[paper.id] = paper
        self._records[paper.id] = Record(paper, history)
        if history.changed_at:
            self._changed[paper.id] = history.changed_at

    def marks(self, sheets: Iterable[Sheet]) -> dict[str, str]:
        """Return the identity of all that each sheet is made from, by its path."""
        telling = _Telling(self._papers, self._editions)
        return {sheet.path: _digest(telling.of(sheet.told)) for sheet in sheets}

    def noted(self) -> _Note:
        """Return the note of all this, less the files."""
        return _Note(
            profiles=self._profiles,
            charts=self._charts,
            folders={
                paper: (self._papers[paper].said, folders)
                for paper, folders in self._folders.items()
                if paper in self._papers
            },
        )


def _mark_of(chart: Chart, days: Mapping[date, int]) -> str:
    """Return what changes with any paper that had votes in a period, and with its neighbours."""
    period = chart.period
    # The days inside are those that have votes; a day itself has none.
    inside = [p.first for p in chart.inside if p.kind == "day"] or [period.first]
    told = (period, chart.earlier, chart.later, chart.inside, [days[day] for day in inside])
    return _digest(repr(told))


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
    """What stands, and what it was made from.

    `files` are (mark, size) by path; `tide` and `house` are the marks of all of it and of what all
    files share; `folders` are (mark, folders) of the papers that have pages, by id; `charts` are (mark,
    papers) by path; `profiles` are those whose it is.
    """

    files: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    profiles: frozenset[str] = frozenset()
    house: str = ""
    tide: str = ""
    folders: Mapping[int, tuple[int, tuple[str, ...]]] = field(default_factory=dict)
    charts: Mapping[str, tuple[str, tuple[int, ...]]] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> _Note:
        """Read the note that was left in a folder; one that is missing or broken holds nothing."""
        with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
            told = json.loads((folder / _NOTE).read_bytes())
            return cls(
                files={
                    str(path): (str(mark), int(size))
                    for path, (mark, size) in told["files"].items()
                },
                profiles=frozenset(map(str, told["profiles"])),
                house=str(told["house"]),
                tide=str(told["tide"]),
                folders={
                    int(paper): (int(mark), tuple(map(str, folders)))
                    for paper, (mark, *folders) in told["folders"].items()
                    if folders
                },
                charts={
                    str(path): (str(mark), tuple(map(int, papers)))
                    for path, (mark, papers) in told["charts"].items()
                },
            )
        return cls()

    def as_bytes(self) -> bytes:
        """Return the note as it is left."""
        told = {
            "house": self.house,
            "tide": self.tide,
            "profiles": sorted(self.profiles),
            "charts": self.charts,
            "folders": {paper: [mark, *told] for paper, (mark, told) in self.folders.items()},
            "files": dict(sorted(self.files.items())),
        }
        return json.dumps(told, separators=(",", ":")).encode()


def _standing(folder: Path, files: Mapping[str, tuple[str, int]]) -> frozenset[str]:
    """Return which files are as large as they were noted."""
    root = str(folder)

    def stands() -> Iterator[str]:
        for path, (_, size) in files.items():
            with suppress(OSError, ValueError):
                if os.stat(f"{root}/{path}").st_size == size:  # noqa: PTH116 - a Path each costs three times as much
                    yield path

    return frozenset(stands())


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


def _house(config: Config, authority: str) -> str:
    """Return the identity of what all files share: the settings, and the user's own templates."""
    shared: list[object] = [__version__, config.bot.model_dump_json(), authority]
    if config.templates.is_dir():
        own = sorted(path for path in config.templates.rglob("*") if path.is_file())
        shared += ((str(path), path.stat().st_mtime_ns, path.stat().st_size) for path in own)
    return _digest(repr(shared))


def _profiles(config: Config) -> str:
    """Return all that the configuration says of what is published, beside what all files share."""
    profiles = [f"{name}{profile.model_dump_json()}" for name, profile in config.profiles.items()]
    return repr((config.subscribe.open, profiles))


class _Telling:
    """All that sheets tell, as text: of papers and editions their marks."""

    def __init__(self, papers: Mapping[int, PaperMark], editions: Mapping[int, int]) -> None:
        self._papers, self._editions = papers, editions
        self._profiles: dict[str, str] = {}
        self._sayings: Mapping[type, Callable[[Any], str]] = {
            Whole: self._whole, Said: self._said, Titled: self._said, Made: self._made,
            list: self._several, tuple: self._several,
        }  # fmt: skip

    def of(self, told: object) -> str:
        """Return all that a value says."""
        # By the type, which costs a fifth of a `match`: there are as many sheets as papers.
        saying = self._sayings.get(type(told))
        if saying is not None:
            return saying(told)
        return self._profile(told) if isinstance(told, ProfileWords) else repr(told)

    def _whole(self, told: Whole) -> str:
        return f"w{[(paper, self._marked(paper).whole) for paper in told.papers]}"

    def _said(self, told: Said | Titled) -> str:
        return f"s{[(paper, self._marked(paper).said) for paper in told.papers]}"

    def _made(self, told: Made) -> str:
        return f"e{[(edition, self._editions.get(edition)) for edition in told.editions]}"

    def _several(self, told: Iterable[object]) -> str:
        return f"({','.join([self.of(each) for each in told])})"

    def _marked(self, paper: int) -> PaperMark:
        # Every paper that is shown has marks; one without is never known to be the same.
        return self._papers.get(paper) or PaperMark(secrets.randbits(60), secrets.randbits(60))

    def _profile(self, profile: ProfileWords) -> str:
        if profile.name not in self._profiles:
            self._profiles[profile.name] = f"{profile.name}{profile.model_dump_json()}"
        return self._profiles[profile.name]


def _digest(said: str) -> str:
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:32]
