"""What publish tells, as sheets: put together from the store, and fetched where it is made.

Loaded where something is to be made; a round that changes nothing does without.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import chain
from typing import TYPE_CHECKING, Any

from bot import ranking
from bot.config.words import ProfileWords
from bot.models import Paper
from bot.outputs.charts import Chart, filled, periods
from bot.outputs.former import with_former
from bot.outputs.pages import site_feeds, site_pages
from bot.outputs.site import (
    Archive,
    Made,
    Own,
    Record,
    Said,
    Sheet,
    Site,
    Titled,
    Whole,
    folders_of,
)
from bot.ports import PaperHistory, PaperMark, Renderer, Workers
from bot.schedule import local_date
from bot.workflows.noted import PublishedNote, digest_of

if TYPE_CHECKING:
    from bot.config import Config
    from bot.workflows.publish import PublishStore, VotedStore

TRENDING_DAYS = timedelta(days=7)
_TRENDING_PAPERS = 50


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


class SheetDesk:
    """Puts together what there is to tell, and fetches from the store what is to be made.

    Papers are fetched for the sheets that are made, and no others: what stands costs its mark.
    """

    def __init__(
        self,
        config: Config,
        authority: str,
        store: PublishStore,
        workers: Workers,
        note: PublishedNote,
        stands: frozenset[str],
        left_behind: Collection[str],
    ) -> None:
        self._config, self._authority = config, authority
        self._store, self._workers = store, workers
        self._note, self._stands, self._left_behind = note, stands, left_behind
        self._papers: dict[int, PaperMark] = {}
        self._editions: dict[int, int] = {}
        self._shelf = _Shelf(frozenset())
        self._records: dict[int, Record] = {}
        self._titles: dict[int, str] = {}
        self._changed: dict[int, datetime] = {}
        self._folders: dict[int, tuple[str, ...]] = {}
        self._charts: dict[str, tuple[str, tuple[int, ...]]] = {}
        self._profiles: frozenset[str] = frozenset()

    async def sheets(self, render: Renderer) -> tuple[dict[str, str], list[Sheet], list[str]]:
        """Return all that is published: the mark of each file, and as sheets those that are due.

        And the charts that rest: these have no mark, and need no sheet.
        """
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
        for name in self._left_behind:
            editions = await workers.store(store.editions, name)
            paged |= {pick.paper for edition in editions for pick in edition.picks}
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
        return (*await workers.cpu(self._laid_out, site, counted_at, render), resting)

    def _laid_out(
        self, site: Site, counted_at: datetime | None, render: Renderer
    ) -> tuple[dict[str, str], list[Sheet]]:
        sheets = chain(
            site_pages(site, render),
            site_feeds(site, self._authority, counted_at, self._changed),
        )
        telling, noted = _Telling(self._papers, self._editions), self._note.files
        marks: dict[str, str] = {}
        due: list[Sheet] = []
        # One after the other: of thirty thousand that stand none is kept.
        for sheet in with_former(self._config.profiles.values(), sheets):
            path = sheet.path
            marks[path] = mark = digest_of(telling.of(sheet.told))
            if path not in self._stands or noted[path][0] != mark:
                due.append(sheet)
        return marks, due

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
                    case Own():
                        papers.add(told.paper)
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

    def noted(self) -> PublishedNote:
        """Return the note of all this, less the files."""
        return PublishedNote(
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
    return digest_of(repr(told))


async def trending_papers(
    store: VotedStore, workers: Workers, now: datetime | None, period: timedelta
) -> list[Paper]:
    """Return the papers with votes in the period up to `now`, the warmest first."""
    if now is None:
        return []
    papers = await workers.store(store.voted, (now - period).date(), now.date())
    heard = await workers.store(store.tallies, {paper.id for paper in papers})
    warm = [
        (ranking.trend(p, now, heard.get(p.id)), p)
        for p in papers
        if p.votes or (p.id in heard and heard[p.id].ballots)
    ]
    warm.sort(key=lambda pair: (-pair[0], pair[1].id))
    return [paper for _, paper in warm[:_TRENDING_PAPERS]]


class _Telling:
    """All that sheets tell, as text: of papers and editions their marks."""

    def __init__(self, papers: Mapping[int, PaperMark], editions: Mapping[int, int]) -> None:
        self._papers, self._editions = papers, editions
        self._profiles: dict[str, str] = {}
        self._sayings: Mapping[type, Callable[[Any], str]] = {
            Whole: self._whole, Said: self._said, Titled: self._said, Made: self._made, Own: self._own,
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

    def _own(self, told: Own) -> str:
        picked = [(edition, self._editions.get(edition), name) for edition, name in told.editions]
        return f"o{told.paper} {self._marked(told.paper).whole} {told.votable} {picked}"

    def _several(self, told: Iterable[object]) -> str:
        return f"({','.join([self.of(each) for each in told])})"

    def _marked(self, paper: int) -> PaperMark:
        # Every paper that is shown has marks; one without is never known to be the same.
        return self._papers.get(paper) or PaperMark(secrets.randbits(60), secrets.randbits(60))

    def _profile(self, profile: ProfileWords) -> str:
        if profile.name not in self._profiles:
            self._profiles[profile.name] = f"{profile.name}{profile.model_dump_json()}"
        return self._profiles[profile.name]
