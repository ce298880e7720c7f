"""Text from outside as TOML, which a person will read and paste."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Collection, Iterable

from bot.text import inert, one_line, readable, shorten

_LONGEST_NAME = 40
_NOT_IN_NAMES = re.compile(r"[^a-z0-9]+")


def quoted(value: str) -> str:
    """Return a string of TOML: JSON's are TOML's too, less the controls that `inert` takes out."""
    return json.dumps(inert(value), ensure_ascii=False)


def array(values: Iterable[str]) -> str:
    """Return a list of strings on one line."""
    return f"[{', '.join(map(quoted, values))}]"


def comment(value: str) -> str:
    """Return text from outside as a comment of one line, TeX read."""
    return f"# {shorten(one_line(readable(value)), 80)}"


def name_of(title: str, taken: Collection[str] = (), otherwise: str = "feed") -> str:
    """Return a name of our own kind (`[a-z0-9][a-z0-9-]*`) made of a title, none of those taken."""
    bare = unicodedata.normalize("NFKD", title).casefold().encode("ascii", "ignore").decode()
    name = _NOT_IN_NAMES.sub("-", bare)[:_LONGEST_NAME].strip("-") or otherwise
    tried, number = name, 1
    while tried in taken:
        number += 1
        tried = f"{name}-{number}"
    return tried
