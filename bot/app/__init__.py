"""Wiring: a configuration becomes an App, the rooms it names connected to one another.

What it is made of is in `means`, by `on_demand` and `workers`; on that stand `footing` and `services`, and on
these `rounds`, which runs the workflows. All of it is loaded with an App: what a round that has nothing to do
never needs is imported where it is used.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bot.app.on_demand import fetching
from bot.app.rounds import Rounds
from bot.app.workers import open_workers
from bot.config.kept import KEPT_CONFIG, laid_down
from bot.errors import StateError
from bot.files import private_folder, withdraw, write_file
from bot.ports import Clock
from bot.store import Store

if TYPE_CHECKING:
    from bot.config import Config

__all__ = ["App", "fetching", "keep_config", "kept_files", "open_app"]


class App(Rounds):
    """What the doors are handed: the workflows, and all that these need."""

    __slots__ = ()


@contextmanager
def open_app(
    config: Config, clock: Clock, secret: bytes | None = None, *, watched: bool = False
) -> Iterator[App]:
    """Open the state folder and everything that stands on it; close it all at the end.

    `secret` is drawn at the first run where it is None (the demo fixes it); `watched` says that the
    clock is the machine's. Raises StateError.
    """
    private_folder(config.state)
    with Store(config.state / "paperround.db") as store, open_workers() as workers:
        founding = store.found(_authority(config, clock), secret)
        store.keep_files(config.good_files, config.wrong_files)
        keep_config(config)
        yield App(config, clock, store, workers, founding, [], watched=watched)


def kept_files(state: Path) -> Mapping[str, str] | None:
    """Return the last good texts of the configuration's other files, None where nothing ever ran.

    Raises StateError.
    """
    database = state / "paperround.db"
    if not database.is_file():
        return None
    with Store(database) as store:
        return store.kept_files()


def keep_config(config: Config) -> None:
    """Keep a configuration that was validated just now, and none that is not worth it.

    In no database, whose pages would remember an address long after it was taken out.
    """
    text = laid_down(config)
    with suppress(StateError):  # what can be validated again need not be kept
        if text:
            write_file(config.state / KEPT_CONFIG, text.encode(), mode=0o600)
        elif text is not None:
            withdraw(config.state / KEPT_CONFIG)


def _authority(config: Config, clock: Clock) -> str:
    """Return the authority of our `tag:` URIs (RFC 4151): a name that was ours, and when."""
    host = urlsplit(config.bot.base_url).hostname if config.bot.base_url else ""
    domain = host or config.mail.sender_domain or "localhost"
    return f"{domain},{clock().year}"
