"""What the importing commands share: reading a file, and adding tables at the end of another."""

from __future__ import annotations

import argparse
import os
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from bot.cli.opening import configuration
from bot.cli.terminal import say, say_block
from bot.config import read_from
from bot.errors import UsageError
from bot.files import append_to_file

if TYPE_CHECKING:
    from bot.config import Config


def known_configuration(args: argparse.Namespace) -> Config | None:
    """Return the configuration, None where there is none yet. Raises ConfigError for a wrong one."""
    path = args.config or os.environ.get("PAPERROUND_CONFIG") or "config.toml"
    if not Path(path).exists() and not args.config:
        return None
    return configuration(args)


def bytes_of(path: str, largest: int) -> bytes:
    """Return a file's bytes. Raises UsageError where there are none, or too many."""
    try:
        if Path(path).stat().st_size > largest:
            raise UsageError(f"{path} is larger than {largest // 1_000_000} MB; split it.")
        return Path(path).read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from error


def tables_in(path: Path) -> dict[str, object]:
    """Return what a TOML file holds, nothing where there is none. Raises UsageError."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise UsageError(
            f"{path} is no TOML ({error}), so nothing can be added to it; nothing was changed."
        ) from error


def deliver_tables(text: str, append: str | None, config: Config | None) -> None:
    """Print tables, or add them at the end of a file. Raises UsageError where they don't fit."""
    if append is None:
        say_block(text.rstrip("\n"))
        return
    path = Path(append)
    before = ""
    if path.exists():
        tables_in(path)
        before = path.read_text(encoding="utf-8-sig")
    added = ("" if not before or before.endswith("\n") else "\n") + ("\n" if before else "") + text
    try:
        tomllib.loads(before + added)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(
            f"{path} has no room for more of these tables ({error}); nothing was changed."
        ) from error
    append_to_file(path, added.encode())
    say(f"Added to {path}; nothing that was there is changed.")
    if config is not None and path.resolve() not in [file.resolve() for file in read_from(config)]:
        say(f"{config.path.name} does not include this file yet: add it to `include`.")
