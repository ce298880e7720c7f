"""backup and restore."""

from __future__ import annotations

import argparse
import asyncio
import os
from contextlib import suppress
from functools import partial
from pathlib import Path

from bot.cli.opening import clock, opened
from bot.cli.terminal import as_json, say, when
from bot.config import load_config, read_from
from bot.errors import ConfigError
from bot.files import (
    keep_aside,
    private_folder,
    put_in_place,
    read_archive,
    scratch_folder,
    withdraw,
    workflow_lock,
    write_archive,
    write_chunks,
)
from bot.store.backup import copy_database, examine, hold_copy, keep_refusals, settle
from bot.workflows import backup as backing_up
from bot.workflows import restore as restoring

_ROOMS = backing_up.Rooms(
    copy_database=copy_database,
    examine=examine,
    hold_copy=hold_copy,
    keep_refusals=keep_refusals,
    settle=settle,
    write_archive=write_archive,
    read_archive=read_archive,
    write_chunks=write_chunks,
    scratch_folder=scratch_folder,
    private_folder=private_folder,
    keep_aside=keep_aside,
    put_in_place=put_in_place,
    withdraw=withdraw,
    lock=partial(workflow_lock, patience=0),
)


def backup(args: argparse.Namespace) -> int:
    """Write everything that can neither be fetched nor made again into one file."""
    with opened(args) as app:
        made = backing_up.backup(app.config, Path(args.file).expanduser(), _ROOMS, app.clock())
    if args.json:
        as_json({
            "file": str(made.path), "bytes": made.size, "counts": dict(made.counts),
            "files": list(made.files), "not_copied": list(made.secrets),
        })  # fmt: skip
        return 0
    say(f"{made.path}: {made.size:,} bytes, written and read again")
    say(f"  database       {_in_words(made.counts)}")
    say(f"  configuration  {', '.join(name.partition('/')[2] for name in made.files)}")
    for secret in made.secrets:
        say(f"  not copied     {secret}")
    say("Whoever has this file has the subscribers' addresses: keep it to yourself.")
    return 0


def restore(args: argparse.Namespace) -> int:
    """Put a backup in place; all sending is held in it."""
    named = args.config or os.environ.get("PAPERROUND_CONFIG") or "config.toml"
    config = Path(named).expanduser().resolve()
    standing: list[Path] = []
    with suppress(ConfigError):  # one that is broken is a reason to restore
        standing = [path for path in read_from(load_config(config)) if path.is_file()]
    standing = [path for path in standing if path.is_relative_to(config.parent)]
    file = Path(args.file).expanduser()
    done = asyncio.run(
        restoring.restore(file, config, _ROOMS, clock(args)(), force=args.force, standing=standing)
    )
    problem = _problem_of(config)
    if args.json:
        as_json({
            "made_at": done.made_at, "counts": dict(done.counts), "held": done.held,
            "files": [str(path) for path in done.files],
            "moved_aside": str(done.aside) if done.aside else None,
            "not_copied": list(done.secrets), "problem": problem,
            "outside": {was: str(now) for was, now in done.outside.items()},
            "skip_before": done.skip_before,
        })  # fmt: skip
    else:
        _tell(done, problem)
    return 0


def _tell(done: restoring.Restoration, problem: str) -> None:
    say(f"Restored from a copy made {when(done.made_at)}: {_in_words(done.counts)}")
    for path in done.files:
        say(f"  {path}")
    if done.aside:
        say(f"What was there before is kept in {done.aside}")
    for was, now in done.outside.items():
        say(
            f"{was} lay outside of this folder; it is now {now}: move it, or change the configuration"
        )
    for secret in done.secrets:
        say(f"A backup holds no secrets; this one has to be there: {secret}")
    if problem:
        say(f"The configuration does not load yet: {problem}")
    say("All sending is held: what was sent after the copy was made would be sent again. Now:")
    say(
        "  paperround once              fetches what came meanwhile, sends nothing, makes the pages"
    )
    say("  paperround status            run `once` again until every source has answered")
    say(f"  paperround deliveries release --all --skip-before {done.skip_before}")
    say("                               goes on, and sends nothing of what came up to now")
    say(
        "Who subscribed, unsubscribed or was suppressed after the copy was made stands as before it."
    )


def _problem_of(config: Path) -> str:
    try:
        load_config(config)
    except ConfigError as error:
        return str(error)
    return ""


def _in_words(counts: object) -> str:
    pairs = counts.items() if isinstance(counts, dict) else ()
    one = {
        "papers": "paper",
        "editions": "edition",
        "subscribers": "subscriber",
        "deliveries": "delivery",
    }
    return ", ".join(f"{n:,} {one.get(name, name) if n == 1 else name}" for name, n in pairs)
