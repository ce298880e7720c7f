"""TOML in, a Config out, every mistake told at once."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from pydantic import ValidationError

from bot.config.checks import consistency
from bot.config.kept import key_of
from bot.config.libraries import with_libraries
from bot.config.mistakes import (
    SECRETS,
    Origins,
    holds_tables,
    mistake_of,
    wrong_brackets,
)
from bot.config.tables import Config
from bot.config.texts import File, Texts, included, read_texts, state_folder
from bot.errors import ConfigError, Mistake

Kept: TypeAlias = Callable[[Path], Mapping[str, str] | None]


def load_config(path: str | Path, kept: Kept | None = None) -> Config:
    """Read a configuration and all that it includes.

    `kept` gives, for a state folder, the last good texts of included files and libraries (None where
    nothing ever ran there). With them a wrong included file does not stop the others: its last good
    text holds, or it is left out, and `Config.warnings` says so. Raises ConfigError with every
    mistake at once, each with file, table, key and a suggestion.
    """
    return load_texts(read_texts(path), kept)


def load_texts(texts: Texts, kept: Kept | None = None) -> Config:
    """Make a configuration of texts that were read; all else is as `load_config` says."""
    if texts.text is None:
        raise ConfigError(list(texts.mistakes))
    if texts.raw is None:
        _, wrong = _parsed(texts.text, texts.path.name)
        raise ConfigError(wrong)
    path, raw, files = texts.path, texts.raw, texts.files
    found = _attempt(path, raw, files, {})
    if found.mistakes and kept is not None and (last := kept(state_folder(path, raw))) is not None:
        found = _with_last_good(path, raw, files, found, last)
    if found.mistakes or found.config is None:
        raise ConfigError(found.mistakes)
    found.config._key = key_of(texts)  # noqa: SLF001 - our own class
    return found.config


@dataclass(slots=True)
class _Attempt:
    """What one reading of some texts gave; `own` mistakes are no consequence of another file's."""

    config: Config | None
    mistakes: list[Mistake]
    own: list[Mistake]


def _attempt(
    path: Path, main: Mapping[str, Any], files: Mapping[str, File], last: Mapping[str, str]
) -> _Attempt:
    """Put the files together; `last` are texts for libraries that cannot be read."""
    raw: dict[str, Any] = _copied(main)
    mistakes: list[Mistake] = []
    origins = Origins(path.name)
    if isinstance(raw.get("sources"), list):
        origins.add_sources(path.name, raw["sources"])
    included(path, raw, mistakes)
    for name, file in files.items():
        more, wrong = _parsed(file.text, name) if file.text is not None else (None, [])
        mistakes += [*file.mistakes, *wrong]
        mistakes += _graft(raw, more or {}, name, origins)
    config, wrong = _validate(raw, path, origins)
    mistakes += wrong
    own = mistakes[:]
    if config is not None:
        told = {(mistake.table, mistake.key.partition(" ")[0]) for mistake in mistakes}
        mistakes += [
            mistake
            for mistake in consistency(config, _names_of_sources(raw), origins)
            # A key that was wrong has been taken out: that it is missing now is our own doing.
            if (mistake.table, mistake.key) not in told
        ]
        config, wrong = with_libraries(config, origins, last)
        mistakes += wrong
        texts = {name: file.text for name, file in files.items() if file.text is not None}
        config._good = config._good | texts  # noqa: SLF001 - our own class
        config._origins = dict(origins.profiles)  # noqa: SLF001 - our own class
    return _Attempt(config, mistakes, own)


def _with_last_good(
    path: Path,
    main: Mapping[str, Any],
    files: Mapping[str, File],
    first: _Attempt,
    last: Mapping[str, str],
) -> _Attempt:
    """Read again, with the last good text of each file that is wrong, or without it.

    Ends with the first attempt's mistakes where the main file itself is wrong.
    """
    now = dict(files)
    state: dict[str, str] = {}
    found = _attempt(path, main, now, last)
    while found.mistakes:
        open_ = {name for name in now if state.get(name) != _ABSENT}
        wrong = {mistake.file for mistake in found.own} & open_
        wrong = wrong or {mistake.file for mistake in found.mistakes} & open_
        if not wrong:
            return first
        for name in wrong:
            has = name not in state and name in last and last[name] != now[name].text
            state[name] = _HOLDS if has else _ABSENT
            now[name] = File(now[name].path, last[name] if has else None)
        found = _attempt(path, main, now, last)
    if found.config is not None:
        found.config._wrong = frozenset(state)  # noqa: SLF001 - our own class
        found.config._warnings += tuple(  # noqa: SLF001 - our own class
            " ".join(
                [*(str(m) for m in first.mistakes if m.file == name), state[name].format(name)]
            )
            for name in sorted(state)
        )
        for name in state:
            found.config._good.pop(name, None)  # noqa: SLF001 - our own class
    return found


_HOLDS = "Until it is mended, the last good version of {} holds."
_ABSENT = "There is no good version of {}: until it is mended, what it holds is left out."


def _parsed(text: str, name: str) -> tuple[dict[str, Any] | None, list[Mistake]]:
    try:
        return tomllib.loads(text), []
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        return None, [Mistake(name, "", "", *_not_toml(str(error), text))]


def _not_toml(error: str, text: str) -> tuple[str, str]:
    """Say where TOML's parser stopped, and guess what the person meant there."""
    lines = text.splitlines()
    found = re.search(r"line (\d+)", error)
    number = min(int(found.group(1)), len(lines)) if found else len(lines)
    line = lines[number - 1].strip() if lines else ""
    key = line.partition("=")[0].strip()
    if key in SECRETS:
        hint = f'Write {key} = "env:NAME" or {key} = "file:PATH", quotation marks included.'
        return f"line {number} is not TOML: `{key} = …`.", hint
    hint = _toml_hint(error, line) or f"TOML's reader says: {error}."
    return f"line {number} is not TOML: `{_shown_line(line)}`.", hint


def _shown_line(line: str) -> str:
    """Return a line of somebody's file for a message: short, printable."""
    return "".join(char if char.isprintable() else " " for char in line[:100])


def _toml_hint(error: str, line: str) -> str:
    """Return what to do about the first of the usual slips that the line shows, or ""."""
    key, _, value = (part.strip() for part in line.partition("="))
    truth = _TRUTHS.get(value.rstrip(",").lower())
    slips = {
        "The same name stands above already: put the two together, or rename one.": re.search(
            "twice|overwrite|mutate", error
        ),
        'Use straight quotes ("), not curly ones.': re.search("[“”„‟‘’«»]", line),
        "Between a key and its value stands =, not a colon.": re.match(r"\w+\s*:", line),
        "Between the texts of a list stands a comma.": re.search(r"""["']\s+["']""", value),
        f"Write {key} = {truth}.": truth,
        f"In double quotes a backslash is special: write {key} = '…' in single quotes.": (
            "\\" in value
        ),
        f'Texts need quotes: {key} = "{value}".': re.fullmatch(r"[\w.@:+/ -]+", value),
        "A quotation mark is missing.": value.count('"') % 2 or value.count("'") % 2,
    }
    return next((hint for hint, slipped in slips.items() if slipped), "")


_TRUTHS = {"true": "true", "yes": "true", "on": "true", "false": "false", "no": "false",
           "off": "false"}  # fmt: skip


def _graft(
    raw: dict[str, Any], more: Mapping[str, Any], name: str, origins: Origins
) -> list[Mistake]:
    """Add an included file's profiles and sources to the main tables."""
    mistakes = [
        Mistake(name, str(table), "", "an included file holds profiles and sources only.")
        for table in more
        if table not in ("profiles", "sources")
    ]
    added = more.get("profiles", {})
    profiles = raw.setdefault("profiles", {})
    if not isinstance(added, dict):
        mistakes.append(Mistake(name, "", "profiles", *wrong_brackets("profiles")))
    elif isinstance(profiles, dict):
        for profile, table in added.items():
            if profile in profiles:
                problem = f"{origins.of(f'profiles.{profile}')} has a profile of this name already."
                mistakes.append(Mistake(name, f"profiles.{profile}", "", problem))
            else:
                profiles[profile] = table
                origins.profiles[profile] = name
    sources = more.get("sources", [])
    if not isinstance(sources, list):
        mistakes.append(Mistake(name, "", "sources", *wrong_brackets("sources")))
    elif isinstance(raw.setdefault("sources", []), list):
        raw["sources"] = [*raw["sources"], *sources]
        origins.add_sources(name, sources)
    return mistakes


def _names_of_sources(raw: Mapping[str, Any]) -> set[str]:
    """Return the names of all sources as written, also of those that are wrong elsewhere."""
    sources = raw.get("sources") or raw.get("source") or []
    listed = sources if isinstance(sources, list) else [sources]
    found = (source.get("name") for source in listed if isinstance(source, dict))
    return {name for name in found if isinstance(name, str)}


def _tuples(value: Any) -> Any:  # noqa: ANN401 - whatever TOML holds
    """TOML's lists as tuples, which the frozen models want (strictly)."""
    if isinstance(value, list):
        return tuple(_tuples(inner) for inner in value)
    if isinstance(value, dict):
        return {key: _tuples(inner) for key, inner in value.items()}
    return value


def _validate(
    raw: dict[str, Any], path: Path, origins: Origins
) -> tuple[Config | None, list[Mistake]]:
    """Return the configuration without the keys that are wrong, and those keys' mistakes.

    The rest is still worth a look: a person should hear of every mistake in one go.
    """
    mistakes: list[Mistake] = []
    for _ in range(2):
        try:
            config = Config.model_validate(_tuples(raw))
        except ValidationError as error:
            # Of a list whose items are wrong it is also said that nothing is in it.
            found: list[dict[str, Any]] = [
                dict(e) for e in error.errors() if not (e["type"] == "too_short" and e["input"])
            ]
            told = [mistake_of(each, raw, origins) for each in found]
            mistakes += [mistake for mistake in told if mistake not in mistakes]
            raw = _without([each["loc"] for each in found], raw)
            continue
        named = {name: profile.named(name) for name, profile in config.profiles.items()}
        config = config.model_copy(update={"profiles": named})
        config._path = path  # noqa: SLF001 - our own class
        return config, mistakes
    return None, mistakes


def _without(places: list[tuple[Any, ...]], raw: dict[str, Any]) -> dict[str, Any]:
    """Return a copy less the named keys; of a source, all of it where name or kind is wrong."""
    copy: dict[str, Any] = _copied(raw)
    for place in places:
        table: Any = copy
        last = place[-1]
        for part in place[:-1]:
            inner = table.get(part) if isinstance(table, dict) else table[part]
            if not holds_tables(inner):
                last = part  # a list of texts goes as a whole: its key is what a person knows
                break
            table = inner
        if isinstance(table, dict):
            table.pop(last, None)
    sources = copy.get("sources")
    if isinstance(sources, list):
        copy["sources"] = [s for s in sources if isinstance(s, dict) and {"name", "kind"} <= set(s)]
    return copy


def _copied(value: Any) -> Any:  # noqa: ANN401 - whatever TOML holds
    if isinstance(value, dict):
        return {key: _copied(inner) for key, inner in value.items()}
    return [_copied(inner) for inner in value] if isinstance(value, list) else value
