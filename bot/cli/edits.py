"""What an edited configuration changes, in lines for the log: no secret and no address in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from bot.text import one_line, shorten

if TYPE_CHECKING:
    from bot.config import Config

# Secrets, addresses of people, and addresses on the web that may hold a key of their own.
_UNSHOWN = frozenset(
    {"password", "token", "key", "username", "contact", "owner", "from", "to", "bounce", "address",
     "imprint", "url", "crossref_url", "crossref_token", "semantic_scholar_url",
     "semantic_scholar_token"}
)  # fmt: skip
_LONGEST = 80  # characters of a value
_MOST_LINES = 50


def edits(old: Config, new: Config) -> list[str]:
    """Return a line for each key that changed, and for each source and profile that came or went."""
    before, after = old.model_dump(by_alias=True), new.model_dump(by_alias=True)
    lines: list[str] = []
    for table in before:
        if table not in ("profiles", "sources"):
            lines += _changed(
                f"[{table}]" if isinstance(before[table], dict) else "", table, before, after
            )
    lines += _named("source", _by_name(before["sources"]), _by_name(after["sources"]))
    shelves = [{name: profile.shelf for name, profile in c.profiles.items()} for c in (old, new)]
    lines += _named("profile", _with(before, shelves[0]), _with(after, shelves[1]))
    if len(lines) > _MOST_LINES:
        lines[_MOST_LINES:] = [f"and {len(lines) - _MOST_LINES} more changes"]
    return lines


def _by_name(sources: Sequence[Mapping[str, object]]) -> dict[str, Mapping[str, object]]:
    return {str(source["name"]): source for source in sources}


def _with(
    tables: Mapping[str, Mapping[str, Mapping[str, object]]],
    shelves: Mapping[str, tuple[str, ...]],
) -> dict[str, Mapping[str, object]]:
    """Return the profiles with what their libraries hold."""
    return {
        name: {**table, "papers of its library": shelves[name]}
        for name, table in tables["profiles"].items()
    }


def _named(
    kind: str, before: Mapping[str, Mapping[str, object]], after: Mapping[str, Mapping[str, object]]
) -> list[str]:
    """Return what came, what went, and what changed of those that stayed."""
    lines = [f"{kind} {name}: added" for name in after if name not in before]
    lines += [f"{kind} {name}: removed" for name in before if name not in after]
    for name in after:
        if name in before:
            for key in after[name]:
                lines += _changed(f"{kind} {name}:", key, before[name], after[name])
    return lines


def _changed(
    where: str, key: str, before: Mapping[str, object], after: Mapping[str, object]
) -> list[str]:
    old, new = before[key], after[key]
    if old == new:
        return []
    if isinstance(old, dict) and isinstance(new, dict):
        inner = f"[{key}]" if where in ("", f"[{key}]") else f"{where.rstrip(']')}.{key}]"
        return [line for name in new for line in _changed(inner, name, old, new)]
    place = f"{where} {key}".strip()
    if key in _UNSHOWN or _names_somebody(old) or _names_somebody(new):
        return [f"{place} changed"]
    if isinstance(old, tuple) and isinstance(new, tuple):
        return [f"{place}: {_moved(old, new)}"]
    return [f"{place}: {_shown(old)} → {_shown(new)}"]


def _names_somebody(value: object) -> bool:
    return "@" in str(value)


def _moved(old: tuple[object, ...], new: tuple[object, ...]) -> str:
    """Return what came into a list and what went out of it."""
    came = [_shown(each) for each in new if each not in old]
    went = [_shown(each) for each in old if each not in new]
    words = [
        f"{verb} {', '.join(which)}"
        for verb, which in (("added", came), ("removed", went))
        if which
    ]
    return shorten("; ".join(words) or "in another order", 3 * _LONGEST)


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, timedelta):
        return _duration(value)
    return shorten(one_line(f'"{value}"' if isinstance(value, str) else str(value)), _LONGEST)


def _duration(span: timedelta) -> str:
    """Return a duration as it is written in the configuration."""
    minutes = span // timedelta(minutes=1)
    units = ((365 * 24 * 60, "y"), (24 * 60, "d"), (60, "h"), (1, "m"))
    count, unit = next((minutes // n, u) for n, u in units if minutes % n == 0)
    return f"{count}{unit}"
