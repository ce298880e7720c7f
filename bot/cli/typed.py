"""What a person types or opens next, as it is here: this command, its line for cron, the pages."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from bot.config import Config


def configuration_path(args: argparse.Namespace) -> Path:
    """Return the path of the configuration that the command names."""
    return Path(args.config or os.environ.get("PAPERROUND_CONFIG") or "config.toml")


def as_typed() -> str:
    """Return how this command is typed: what `make` installs stands in .venv, not on the PATH."""
    if shutil.which("paperround") or not sys.argv[0].endswith("paperround"):
        return "paperround"
    return shlex.quote(os.path.relpath(sys.argv[0]))


def cron_line(config: Path) -> str:
    """Return the line of a crontab that walks an hourly round for this configuration.

    cron knows no PATH of ours and starts elsewhere, and takes a bare `%` for the end of the line.
    """
    folder = config.parent.absolute()
    command = _command(folder)
    if config.name != "config.toml":
        command += f" --config {shlex.quote(config.name)}"
    line = f'cd {shlex.quote(str(folder))} && out=$({command} once 2>&1) || echo "$out"'
    return f"7 * * * *  {line.replace('%', chr(92) + '%')}"


def _command(folder: Path) -> str:
    here = sys.argv[0] if sys.argv[0].endswith("paperround") else shutil.which("paperround")
    if here is None:
        return f"{shlex.quote(sys.executable)} -m bot"
    path = Path(here).absolute()
    return shlex.quote(str(path.relative_to(folder) if path.is_relative_to(folder) else path))


def pages_address(config: Config) -> str:
    """Return where a browser finds the pages: at their public address, else as files."""
    public = config.state / "public" / "index.html"
    base = config.bot.base_url.rstrip("/")
    return f"{base}/" if base else public.absolute().as_uri()
