"""The libraries that profiles name: a bibliography's papers are papers its owner likes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from bot.config.bibliography import LARGEST_FILE, Bibliography, decoded, read_bibliography
from bot.errors import Mistake

if TYPE_CHECKING:
    from bot.config.mistakes import Origins
    from bot.config.tables import Config, Profile

_NAMED = 3  # broken entries of one file; the others are counted


def with_libraries(
    config: Config, origins: Origins, last: Mapping[str, str]
) -> tuple[Config, list[Mistake]]:
    """Return the configuration with every profile's library read, and what is wrong with them.

    A library that cannot be read is a mistake, unless `last` has its last good text, by the name
    `library PATH`.
    """
    mistakes: list[Mistake] = []
    good: dict[str, str] = {}
    notes: list[str] = []
    warnings: list[str] = []
    profiles: dict[str, Profile] = {}
    for name, profile in config.profiles.items():
        profiles[name] = profile
        if not profile.library:
            continue
        kept = f"library {profile.library}"
        text, problem, hint = text_of_library(
            config, profile.library, origins.of(f"profiles.{name}")
        )
        if text is not None and not (found := read_bibliography(text)).names_works:
            # Whoever exports it begins with an empty file, and a sign-in page may stand in its place.
            problem = f"{config.resolve(profile.library)} names no paper."
            text, hint = None, "It may be BibTeX, RIS, CSL JSON, or a list of ids, one a line."
        if text is None:
            mistake = Mistake(
                origins.of(f"profiles.{name}"), f"profiles.{name}", "library", problem, hint
            )
            if kept not in last:
                mistakes.append(mistake)
                continue
            text = last[kept]
            found = read_bibliography(text)
            warnings.append(f"{mistake} Until it is back, its last good version holds.")
        good[kept] = text
        notes += _notes(profile.library, found)
        shelf = dict.fromkeys(each for one in found.references for each in one.identifiers)
        profiles[name] = profile.with_shelf(tuple(shelf))
    config = config.model_copy(update={"profiles": profiles})
    config._good, config._notes = good, tuple(notes)  # noqa: SLF001 - our own class
    config._warnings = tuple(warnings)  # noqa: SLF001 - our own class
    return config, mistakes


def text_of_library(config: Config, library: str, origin: str) -> tuple[str | None, str, str]:
    """Return a library's text, or None, what is wrong, and a hint."""
    path = config.resolve(library)
    try:
        if path.exists() and not path.is_file():  # a folder, or a device that never ends
            return None, f"{path} is no file.", ""
        if path.stat().st_size > LARGEST_FILE:
            return None, f"{path} is larger than {LARGEST_FILE // 1_000_000} MB.", ""
        content = path.read_bytes()
    except FileNotFoundError:
        hint = (
            f"Paths count from the folder of {config.path.name}."
            if origin != config.path.name
            else ""
        )
        return None, f"there is no file {path}.", hint
    except OSError as error:
        return None, f"{path} cannot be read ({error.strerror}).", ""
    return decoded(content), "", ""


def _notes(library: str, found: Bibliography) -> list[str]:
    """Return sentences on what of a library does not count."""
    notes = [f"{library}: {problem}." for problem in found.problems[:_NAMED]]
    if len(found.problems) > _NAMED:
        notes.append(f"{library}: {len(found.problems) - _NAMED} more entries are broken.")
    nameless = [one.name for one in found.references if not one.identifiers]
    if nameless:
        shown = ", ".join(nameless[:_NAMED]) + (" …" if len(nameless) > _NAMED else "")
        notes.append(
            f"{library}: {len(nameless)} of {len(found.references)} entries name no DOI, arXiv id or "
            f"address, and so no paper ({shown})."
        )
    return notes
