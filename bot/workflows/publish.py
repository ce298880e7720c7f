"""publish: editions → feeds and pages → files. Always rebuildable from the store, byte for byte.

Beside what it wrote it leaves a note: of each file, what it was made from and how large it is. A file
of which both still hold is not made again, and what it was made from is told by marks that the store
changes with every paper and edition: what stands is not even read. A page that somebody lost or cut is
made again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from bot.values import value_type
from bot.workflows.noted import NOTE, PublishedNote, digest_of, house_of, profiles_of, standing

if TYPE_CHECKING:  # what makes pages is loaded where some are made
    from bot.config import Config
    from bot.models import Edition, Paper, Tally
    from bot.outputs.site import Sheet
    from bot.ports import (
        FilesWriter,
        FileWriter,
        PaperHistory,
        PaperMark,
        PaperNames,
        Renderer,
        Workers,
    )

# So many files are made and written at a time: others get their turn in between.
_BATCH = 50


class VotedStore(Protocol):
    """What trending reads."""

    def voted(self, since: date, until: date) -> list[Paper]:
        """Return the papers that had votes between two dates, both included: a source's, or ours."""
        ...

    def tallies(self, papers: Collection[int]) -> Mapping[int, Tally]:
        """Return what was said of these papers, by their ids."""
        ...


class PublishStore(VotedStore, Protocol):
    """What `publish` reads."""

    def editions(self, profile: str, limit: int = -1) -> list[Edition]:
        """Return a profile's editions with picks, newest first."""
        ...

    def papers(self, ids: Collection[int]) -> dict[int, Paper]:
        """Return papers by id, aliases followed."""
        ...

    def votes_counted_at(self) -> datetime | None:
        """Return when a source last told votes or a reader voted, None where none ever did."""
        ...

    def vote_counts(self, papers: Collection[int]) -> dict[int, tuple[tuple[date, int], ...]]:
        """Return by paper how many votes of readers there were at the end of which day."""
        ...

    def vote_series(self, since: date, until: date) -> dict[int, PaperHistory]:
        """Return the votes alone of the papers that had some between two dates, by id."""
        ...

    def histories(self, ids: Collection[int]) -> dict[int, PaperHistory]:
        """Return what is remembered beside papers, by id; a joined id has none of its own."""
        ...

    def tide(self) -> int:
        """Return the mark of all that any page shows: another whenever any of it changed."""
        ...

    def paper_marks(self) -> dict[int, PaperMark]:
        """Return the marks of every paper that a page may show, by id."""
        ...

    def edition_marks(self) -> dict[int, int]:
        """Return the mark of each edition and its picks, by id."""
        ...

    def vote_marks(self) -> dict[date, int]:
        """Return for each day with votes, oldest first, a mark of all papers that had some on it."""
        ...

    def names(self, ids: Collection[int]) -> dict[int, PaperNames]:
        """Return under which names papers stand and stood, by id; a joined id has none."""
        ...

    def titles(self, ids: Collection[int]) -> dict[int, str]:
        """Return papers' titles by id, as their sources wrote them; a joined id has none."""
        ...


@value_type(frozen=True, slots=True)
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
    private: Collection[str] = (),
) -> Published:
    """Write every feed and page of the public profiles whose content changed.

    No clock is read: what is trending is counted to the last time that votes were, so the same
    store gives the same bytes. With `afresh` all is made and compared, whatever the note says.
    `withdraw` removes what was published of a profile before it became private; `private` are such
    that `config` does not have, as they were retired. `write_all` writes many files faster than one by
    one. Raises StateError, TemplateError.
    """
    note = await workers.cpu(PublishedNote.read, folder)
    if _withdrawn(private_names(config).union(private), note, folder, withdraw):
        note = PublishedNote()
    house = house_of(config, authority)
    # Read before all that it stands for: what is written meanwhile is looked at in the next round.
    tide = digest_of(f"{house}{await workers.store(store.tide)}{profiles_of(config)}")
    stands = await workers.cpu(standing, folder, note.files)
    if not afresh and note.tide == tide and len(stands) == len(note.files):
        return Published(tuple(sorted(note.files)), ())
    if afresh or note.house != house:
        note, stands = replace(PublishedNote(), profiles=note.profiles), frozenset()
    from bot.workflows.sheets import SheetDesk

    archives = await workers.cpu(_left_behind, config, folder)
    desk = SheetDesk(config, authority, store, workers, note, stands, archives)
    marks, due, kept = await desk.sheets(render)
    files = {path: note.files[path] for path in (*kept, *marks) if path in note.files}

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
        await workers.cpu(lambda: write(folder / NOTE, now.as_bytes()))
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


def _left_behind(config: Config, folder: Path) -> list[str]:
    """Return whose archives stand although the configuration has them no more, nor as former names.

    They stay as they are; the papers that they lead to have pages as long as they stand.
    """
    known = {each for name, profile in config.profiles.items() for each in (name, *profile.was)}
    with suppress(OSError):
        return sorted(each.name for each in (folder / "p").iterdir() if each.name not in known)
    return []


def private_names(config: Config) -> frozenset[str]:
    """Return the names, present and former, of the profiles that are private."""
    return frozenset(
        each
        for name, profile in config.profiles.items()
        if not profile.public
        for each in (name, *profile.was)
    )


def _withdrawn(
    private: AbstractSet[str], note: PublishedNote, folder: Path, withdraw: Callable[[Path], bool]
) -> bool:
    """Remove what was published of the profiles that are private now; tell whether there was any."""
    forms = ("rss", "atom", "json")
    paths = [f"{where}/{name}" for where in ("p", "feeds") for name in sorted(private)]
    paths += [f"feeds/{name}.{form}" for name in sorted(private) for form in forms]
    gone = [withdraw(folder / path) for path in paths]
    if any(gone) or private & note.profiles:
        # The papers' own pages say which profile picked them, and why: all are made anew.
        withdraw(folder / "papers")
        return True
    return False
