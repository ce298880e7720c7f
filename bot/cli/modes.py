"""check, the part about other users of the machine: who else can read the state and the secrets."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from bot.cli.findings import Finding
from bot.config import read_from
from bot.workflows.backup import references

if TYPE_CHECKING:
    from bot.config import Config

_OTHERS = stat.S_IROTH | stat.S_IWOTH
_WRITERS = stat.S_IWGRP | stat.S_IWOTH


def mode_findings(config: Config) -> list[Finding]:
    """Return what others can read or change that they should not, each with the command against it.

    A group that reads a secret may be meant so (root:papers, 640); all the world never is.
    """
    found = [*_state(config), *_secrets(config), *_configuration(config)]
    return found or [Finding("file modes", ok=True, words="state and secrets are yours alone")]


def _state(config: Config) -> Iterator[Finding]:
    if _mode(config.state) & (stat.S_IROTH | stat.S_IXOTH | _WRITERS):
        words = (
            f"others can look into {config.state}, which holds addresses and the key of the "
            f"unsubscribe links: chmod 700 {config.state}"
        )
        yield Finding("file modes", ok=False, words=words)


def _secrets(config: Config) -> Iterator[Finding]:
    for where, reference in references(config):
        kind, _, path = reference.partition(":")
        file = config.resolve(path)
        if kind == "file" and _mode(file) & (_OTHERS | _WRITERS):
            words = f"others can read or change {file} ({where}): chmod 600 {file}"
            yield Finding("file modes", ok=False, words=words)


def _configuration(config: Config) -> Iterator[Finding]:
    """Whoever writes it, says where mail goes; whoever writes a template, what stands in it."""
    written = [*read_from(config), *config.templates.rglob("*")]
    for file in written:
        if _mode(file) & _WRITERS:
            words = f"others can change {file}: chmod go-w {file}"
            yield Finding("file modes", ok=True, words=words, warning=True)


def _mode(path: Path) -> int:
    """Return the bits of a file or folder, 0 where there is none (another finding tells of that)."""
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return 0
