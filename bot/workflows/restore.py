"""restore: a backup, proved whole, put in place with all sending held; what was there is kept aside."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, closing
from datetime import datetime, timedelta
from pathlib import Path, PurePosixPath
from typing import Any

from bot import schedule
from bot.errors import StateError, StateLockedError, UsageError
from bot.values import value_type
from bot.workflows.backup import DATABASE, Manifest, Rooms, is_state, read_manifest, verify

WORKFLOWS = ("serve", "collect", "compose", "publish", "deliver", "prune")


@value_type(frozen=True, slots=True)
class Restoration:
    """What was restored, and where what was there before lies now (None: there was nothing).

    `outside` maps where a file lay that the configuration names elsewhere to where it is now.
    """

    made_at: datetime
    counts: Mapping[str, int]
    files: tuple[Path, ...]
    aside: Path | None
    secrets: tuple[str, ...]
    outside: Mapping[str, Path]
    held: int
    skip_before: str


async def restore(
    path: Path,
    config: Path,
    rooms: Rooms,
    now: datetime,
    *,
    force: bool = False,
    standing: Sequence[Path] = (),
) -> Restoration:
    """Put a backup where the configuration `config` (absolute) is to be; hold all sending in it.

    What is there already is refused, or, with `force`, moved aside together with `standing`, the
    files of the configuration that holds there now. Raises UsageError, DiskFullError, StateError.
    """
    with closing(rooms.read_archive(path)) as members:
        read_manifest(path, next(members, None))  # before any folder is made
    folder = config.parent
    with rooms.scratch_folder(folder) as stage:
        manifest = verify(
            path,
            rooms.read_archive(path),
            lambda name, chunks: rooms.write_chunks(stage / name, chunks),
        )
        contents = rooms.examine(stage / DATABASE)
        settings = _bot_table(stage / manifest.config)
        state = _state_of(settings, folder)
        places = _places(manifest, config, state, path)
        _refuse_outside(places, folder, state, force=force)
        rooms.private_folder(state)
        async with AsyncExitStack() as locks:
            await _take_locks(locks, {state, *_standing_state(config)}, rooms)
            there = _there(places.values(), standing)
            if there and not force:
                raise UsageError(_THERE.format(", ".join(str(one) for one in there[:5]), path))
            until = _day_after(now, settings)
            reason = _HELD.format(
                f"{now:%Y-%m-%d %H:%M}", f"{manifest.made_at:%Y-%m-%d %H:%M}", until
            )
            held = rooms.hold_copy(stage / DATABASE, reason, manifest.made_at, now)
            if (state / DATABASE).exists():
                rooms.keep_refusals(stage / DATABASE, state / DATABASE)
            aside = _move_aside(there, config.parent, state, now, rooms) if there else None
            for name, place in places.items():
                rooms.put_in_place(stage / name, place)
            for one in set(there) - set(places.values()):
                rooms.withdraw(one)
    outside = {manifest.outside.get(n, n): p for n, p in places.items() if n.startswith("outside/")}
    return Restoration(
        manifest.made_at, contents.counts, tuple(places.values()), aside, manifest.secrets, outside,
        held, until,
    )  # fmt: skip


def _bot_table(config: Path) -> dict[str, Any]:
    """Return `[bot]` of a configuration, as far as it can be read."""
    try:
        table = tomllib.loads(config.read_bytes().decode("utf-8-sig")).get("bot")
    except (OSError, ValueError, RecursionError):
        return {}
    return table if isinstance(table, dict) else {}


def _state_of(settings: Mapping[str, Any], folder: Path) -> Path:
    state = settings.get("state", "state")
    return (folder / Path(state if isinstance(state, str) else "state").expanduser()).resolve()


def _standing_state(config: Path) -> list[Path]:
    """Return the state folder of the configuration that is there now, where there is one."""
    state = _state_of(_bot_table(config), config.parent)
    return [state] if state.is_dir() else []


def _places(manifest: Manifest, config: Path, state: Path, path: Path) -> dict[str, Path]:
    """Return where each file goes, the database first: it comes with all sending held."""
    places = {DATABASE: state / DATABASE}
    for name in sorted(manifest.files.keys() - {DATABASE}):
        rest = PurePosixPath(name)
        inside = rest.relative_to("config") if rest.parts[0] == "config" else rest
        places[name] = config if name == manifest.config else config.parent / inside
        if is_state(places[name], state):
            raise StateError(
                f"{path} is no sound backup: {name!r} would be written into the bot's own {state}. "
                "Nothing was changed."
            )
    return places


def _refuse_outside(places: Mapping[str, Path], folder: Path, state: Path, *, force: bool) -> None:
    if not state.is_relative_to(folder.resolve()) and not force:
        raise UsageError(
            f"its configuration keeps the database in {state}, which is outside of {folder}. Nothing "
            "was changed; `--force` puts it there (and moves aside what is there)."
        )
    for name, place in places.items():
        if name != DATABASE and not place.parent.resolve().is_relative_to(folder.resolve()):
            raise StateError(
                f"{place} leads outside of {folder} by a link. Nothing was changed; remove the link, "
                "or restore into another folder."
            )


async def _take_locks(locks: AsyncExitStack, states: Iterable[Path], rooms: Rooms) -> None:
    for state in sorted(states):
        for workflow in WORKFLOWS:
            try:
                await locks.enter_async_context(rooms.lock(state, workflow))
            except StateLockedError as error:
                raise StateLockedError(
                    f"Nothing was restored: paperround is at work in {state} ({workflow}). Stop it, "
                    "a running `paperround serve` and what cron starts, then restore again."
                ) from error


def _there(places: Iterable[Path], standing: Sequence[Path]) -> list[Path]:
    """Return which files are there already, what belongs to the database beside it."""
    wanted: list[Path] = []
    for place in places:
        wanted += [place]
        if place.name == DATABASE:
            wanted += [place.with_name(f"{DATABASE}{end}") for end in ("-wal", "-shm", "-journal")]
    there = (one for one in [*wanted, *standing] if one.is_symlink() or one.exists())
    return list(dict.fromkeys(there))


def _move_aside(
    there: Sequence[Path], folder: Path, state: Path, now: datetime, rooms: Rooms
) -> Path:
    """Keep what is there under other names; the first names stay until they are replaced."""
    if (state / DATABASE).exists():
        rooms.settle(state / DATABASE)
    aside = state / "backups" / f"replaced-{now:%Y%m%dT%H%M%SZ}"
    number = 1
    while aside.exists():
        number += 1
        aside = aside.with_name(f"replaced-{now:%Y%m%dT%H%M%SZ}-{number}")
    for one in there:
        if not one.exists() and not one.is_symlink():
            continue  # what lay beside the database was folded into it
        inside = (
            one.relative_to(folder) if one.is_relative_to(folder) else Path("outside", one.name)
        )
        rooms.keep_aside(one, aside / (one.name if is_state(one, state) else inside))
        if is_state(one, state) and one.name != DATABASE:
            rooms.withdraw(one)  # it would be taken for the new database's
    return aside


def _day_after(now: datetime, settings: Mapping[str, Any]) -> str:
    try:
        today = schedule.local_date(now, str(settings.get("timezone", "UTC")))
    except (ValueError, OSError, KeyError):  # a zone that this machine does not know
        today = now.date()
    return (today + timedelta(days=1)).isoformat()


_THERE = (
    "there is something already: {}. Nothing was changed; `paperround restore {} --force` moves it "
    "aside first, `paperround --config ELSEWHERE/config.toml restore …` leaves it alone."
)
_HELD = (
    "this was restored {} UTC from a copy made {} UTC, and what was sent after that would be sent "
    "again. To leave that out: `paperround once` until every source has answered (it sends nothing), "
    "then `paperround deliveries release --all --skip-before {}`."
)
