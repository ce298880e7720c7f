"""What every command begins with: the configuration, the clock, the App."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bot.app import App, kept_files, open_app
from bot.cli.typed import configuration_path
from bot.config import kept_config, load_quickly, not_yet
from bot.errors import UsageError
from bot.ports import Clock

if TYPE_CHECKING:
    from bot.config import Config, Profile

log = logging.getLogger("paperround")


def configuration(args: argparse.Namespace) -> Config:
    """Load the configuration the command names. Raises ConfigError."""
    from bot.config import load_config

    return load_config(configuration_path(args), kept_files)


def clock(args: argparse.Namespace) -> Clock:
    """Return the clock: frozen by --now, else the machine's."""
    if args.now is not None:
        moment: datetime = args.now
        return lambda: moment
    return lambda: datetime.now(UTC)


@contextmanager
def opened(args: argparse.Namespace, *, quickly: bool = False) -> Iterator[App]:
    """Open the App of the command's configuration; tell its warnings at the end.

    `quickly` takes the configuration as it was last validated, where nothing of it has changed since.
    """
    config = (
        load_quickly(configuration_path(args), kept_files, kept_config)
        if quickly
        else configuration(args)
    )
    warn_of_not_yet(config)
    with open_app(config, clock(args), watched=args.now is None) as app:
        yield app
        tell_warnings(app)


def tell_warnings(app: App) -> None:
    """Log what was warned of on the way, such as a user's template that breaks."""
    for sentence in app.warnings:
        log.warning("%s", sentence)


def warn_of_not_yet(config: Config) -> None:
    """Say which keys this version does not act on, and which files are wrong."""
    for sentence in (*config.warnings, *not_yet(config)):
        log.warning("%s", sentence)


def profile_named(config: Config, name: str) -> Profile:
    """Return the profile. Raises UsageError that names the nearest one."""
    if name in config.profiles:
        return config.profiles[name]
    import difflib

    close = difflib.get_close_matches(name, config.profiles, n=1)
    known = ", ".join(config.profiles) or "none yet"
    hint = f"Did you mean {close[0]!r}?" if close else f"There are: {known}."
    raise UsageError(f"there is no profile {name!r} in {config.path.name}. {hint}")
