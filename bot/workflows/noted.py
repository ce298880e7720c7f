"""What is published already, as publish noted it: of each file, what it was made from and its size.

A round that changes nothing looks at this alone, so nothing that makes pages is loaded here.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING

from bot import __version__
from bot.values import value_type

if TYPE_CHECKING:
    from bot.config import Config

NOTE = ".published"


@value_type(frozen=True, slots=True)
class PublishedNote:
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
    def read(cls, folder: Path) -> PublishedNote:
        """Read the note that was left in a folder; one that is missing or broken holds nothing."""
        with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
            told = json.loads((folder / NOTE).read_bytes())
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


def standing(folder: Path, files: Mapping[str, tuple[str, int]]) -> frozenset[str]:
    """Return which files are as large as they were noted."""
    root = str(folder)

    def stands() -> Iterator[str]:
        for path, (_, size) in files.items():
            with suppress(OSError, ValueError):
                if os.stat(f"{root}/{path}").st_size == size:  # noqa: PTH116 - a Path each costs three times as much
                    yield path

    return frozenset(stands())


def house_of(config: Config, authority: str) -> str:
    """Return the identity of what all files share: the settings, and the user's own templates."""
    shared: list[object] = [__version__, config.bot.model_dump_json(), authority]
    if config.templates.is_dir():
        own = sorted(path for path in config.templates.rglob("*") if path.is_file())
        shared += ((str(path), path.stat().st_mtime_ns, path.stat().st_size) for path in own)
    return digest_of(repr(shared))


def profiles_of(config: Config) -> str:
    """Return all that the configuration says of what is published, beside what all files share."""
    profiles = [f"{name}{profile.model_dump_json()}" for name, profile in config.profiles.items()]
    return repr((config.subscribe.open, profiles))


def digest_of(said: str) -> str:
    """Return what tells a text from all others."""
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:32]
