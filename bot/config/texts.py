"""The texts that a configuration is read from: the file itself, and what it includes."""

from __future__ import annotations

import os
import tomllib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot.errors import Mistake
from bot.values import value_type

if TYPE_CHECKING:
    from bot.config.tables import Config


@value_type(frozen=True, slots=True)
class File:
    """An included file: its path, its text (None where it has none), what kept us from reading it."""

    path: Path
    text: str | None
    mistakes: tuple[Mistake, ...] = ()


@value_type(frozen=True, slots=True)
class Texts:
    """What was read in one go, libraries excepted; `raw` is the main text's TOML, None if it is none."""

    path: Path
    text: str | None
    raw: dict[str, Any] | None
    files: dict[str, File]
    mistakes: tuple[Mistake, ...] = ()


def read_texts(path: str | Path) -> Texts:
    """Read a configuration's file and all that it includes. Raises nothing: mistakes are told."""
    path = Path(path).resolve()
    text, mistakes = text_of(path)
    raw: dict[str, Any] | None = None
    if text is not None:
        try:
            raw = tomllib.loads(text)
        except (tomllib.TOMLDecodeError, RecursionError):
            raw = None  # told, with a hint, by whoever reads it
    files = {} if raw is None else _files(path, raw)
    return Texts(path, text, raw, files, tuple(mistakes))


def read_from(config: Config) -> list[Path]:
    """Return the files a configuration is read from now: itself, what it includes, libraries."""
    found = included(config.path, {"include": list(config.include)}, [])
    libraries = (config.resolve(p.library) for p in config.profiles.values() if p.library)
    return [config.path, *found, *libraries]


def state_folder(path: Path, raw: Mapping[str, Any]) -> Path:
    """Return the state folder that a file's TOML names, right or wrong as the rest may be."""
    bot = raw.get("bot")
    state = bot.get("state", "state") if isinstance(bot, dict) else "state"
    return (path.parent / Path(state if isinstance(state, str) else "state").expanduser()).resolve()


def _files(path: Path, raw: Mapping[str, Any]) -> dict[str, File]:
    """Return the included files by the names that messages call them: short, if that is clear."""
    found = included(path, raw, [])
    names = Counter([path.name, *(file.name for file in found)])
    files: dict[str, File] = {}
    for file in found:
        name = file.name if names[file.name] == 1 else os.path.relpath(file, path.parent)
        # A pipe or a device may never end; the main file may be a pipe, as a shell's `<(…)` is.
        special = file.exists() and not (file.is_file() or file.is_dir())
        no_file = Mistake(file.name, "", "", "is no file, but a pipe or a device.")
        text, mistakes = (None, [no_file]) if special else text_of(file)
        told = (Mistake(name, m.table, m.key, m.problem, m.hint) for m in mistakes)
        files[name] = File(file, text, tuple(told))
    return files


def text_of(path: Path) -> tuple[str | None, list[Mistake]]:
    """Return a file's text, or None and what kept us from reading it."""
    name = path.name
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        hint = f"`paperround init {path}` writes one that works." if path.suffix == ".toml" else ""
        return None, [Mistake(str(path), "", "", "there is no such file.", hint)]
    except OSError as error:
        return None, [Mistake(str(path), "", "", f"cannot be read ({error.strerror}).")]
    try:
        return content.decode("utf-8-sig"), []
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        problem = f"line {line} is not UTF-8."
        return None, [Mistake(name, "", "", problem, "Save the file with the encoding UTF-8.")]


def included(path: Path, raw: Mapping[str, Any], mistakes: list[Mistake]) -> list[Path]:
    """Return the included files, each once and never the main one; a missing one is a mistake."""
    patterns = raw.get("include", [])
    found: dict[Path, None] = {}
    for pattern in patterns if isinstance(patterns, list) else []:
        if not isinstance(pattern, str):
            continue  # the model says what is wrong with it
        folder, rest = path.parent, Path(pattern).expanduser()
        if rest.is_absolute():
            folder, rest = Path(rest.anchor), rest.relative_to(rest.anchor)
        files = sorted(folder.glob(str(rest))) if rest.parts else []
        found.update(dict.fromkeys(file.resolve() for file in files))
        if not files and not any(mark in pattern for mark in "*?["):
            mistakes.append(Mistake(path.name, "", "include", f'there is no file "{pattern}".'))
    found.pop(path, None)
    return list(found)
