"""Mistakes in words: where each is, what is wrong, how to mend it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import time
from typing import Any

from bot.config.tables import TABLES, keys_of
from bot.errors import Mistake


@dataclass(slots=True)
class Origins:
    """Which file a table was written in; of the sources also which one in that file, from 1."""

    main: str
    profiles: dict[str, str] = field(default_factory=dict)
    sources: list[tuple[str, int]] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)

    def add_sources(self, file: str, sources: Sequence[Any]) -> None:
        """Note that a file's sources come next."""
        for number, source in enumerate(sources, start=1):
            self.sources.append((file, number))
            self.names[source_table(source, number)] = file

    def of(self, table: str) -> str:
        """Return the file of `profiles.NAME` or `sources "NAME"`; the main one for all others."""
        profile = table.removeprefix("profiles.")
        return self.names.get(table) or self.profiles.get(profile, self.main)


def source_table(source: object, number: int) -> str:
    """Return how a person finds a source: by its name, or by its number where it has none."""
    name = source.get("name") if isinstance(source, Mapping) else None
    return f'sources "{name}"' if isinstance(name, str) else f"sources number {number}"


_EXPECTED = {
    "string_type": "expected a text in quotes", "bool_type": "expected true or false",
    "int_type": "expected a whole number", "float_type": "expected a number",
    "tuple_type": "expected a list", "dict_type": "expected a table",
    "model_type": "expected a table", "model_attributes_type": "expected a table",
    "time_delta_type": 'expected a duration such as "1h" or "7d"',
    "string_pattern_mismatch": 'expected a category such as "cs.LG" or "hep-ex"',
    "string_too_short": "expected a text that is not empty",
    "too_short": "expected a list that is not empty",
}  # fmt: skip


_LIMITS = {
    "greater_than_equal": ("ge", "should be {:g} or more"),
    "greater_than": ("gt", "should be above {:g}"),
    "less_than_equal": ("le", "should be {:g} or less"),
    "less_than": ("lt", "should be below {:g}"),
    "string_too_long": ("max_length", "should have at most {} characters"),
}  # fmt: skip
_KIND_MEANT = {
    "rss": "feed", "atom": "feed", "rdf": "feed", "xml": "feed", "journal": "feed",
    "hf": "huggingface", "hugging-face": "huggingface", "medline": "pubmed", "ncbi": "pubmed",
}  # fmt: skip
_USERINFO = re.compile(r"//[^/@\s]*@")  # a password in an address is one too
SECRETS = frozenset({"password", "token", "key", "crossref_token", "semantic_scholar_token"})


def mistake_of(found: Mapping[str, Any], raw: Mapping[str, Any], origins: Origins) -> Mistake:
    """Return what pydantic found, in words for people."""
    file, table, shown, key = _place(found["loc"], raw, origins)
    if found["type"] == "extra_forbidden":
        return Mistake(file, shown, *_unknown_key(key, table, found["input"]))
    return Mistake(file, shown, key, *_said(found, shown, key))


def _said(found: Mapping[str, Any], table: str, key: str) -> tuple[str, str]:
    """Return what is wrong with a known key, and a hint or ""."""
    kind, given = found["type"], found["input"]
    if kind == "missing":
        return "is missing.", _EXAMPLE
    if kind == "literal_error":
        return _not_among(given, str(found["ctx"]["expected"]))
    if not table and key in TABLES:
        return wrong_brackets(key)
    if kind == "tuple_type" and isinstance(given, str):
        return "expected a list.", f'Write {key} = ["{given}"].'
    problem = _problem(kind, found)
    # A secret in the wrong place must not reach a terminal or a log as well.
    told = key in SECRETS or (isinstance(given, str) and given != "" and given in problem)
    return f"{problem}." if told else f"{problem}; got {_shown(given)}.", ""


def _problem(kind: str, found: Mapping[str, Any]) -> str:
    if kind == "value_error":
        return str(found["ctx"]["error"])
    if kind in _LIMITS:
        bound, sentence = _LIMITS[kind]
        return sentence.format(found["ctx"][bound])
    return _EXPECTED.get(kind) or found["msg"].replace("Input should be", "should be")


def _place(
    loc: Sequence[Any], raw: Mapping[str, Any], origins: Origins
) -> tuple[str, str, str, str]:
    """Return the file, the table's kind, its name for people, and the key (its index from 1)."""
    names = [str(part) for part in loc]
    file, kind, shown, rest = origins.main, "", "", loc
    if names[0] == "profiles" and len(loc) > 1:
        kind, shown, rest = "profiles", f"profiles.{names[1]}", loc[2:]
        file = origins.of(shown)
    elif names[0] == "sources" and len(loc) > 1 and isinstance(loc[1], int):
        file, number = origins.sources[loc[1]]
        kind, shown, rest = "sources", source_table(raw["sources"][loc[1]], number), loc[2:]
    elif names[:2] == ["mail", "dkim"] and len(loc) > 2:  # noqa: PLR2004 - table, table, key
        kind, shown, rest = "mail.dkim", "mail.dkim", loc[2:]
    elif names[0] in TABLES and len(loc) > 1:
        kind, shown, rest = names[0], names[0], loc[1:]
    key = " ".join(f"item {part + 1}" if isinstance(part, int) else str(part) for part in rest)
    return file, kind, shown, key


def wrong_brackets(table: str) -> tuple[str, str]:
    """Return what to say, and the hint, where a table is written as something else."""
    if table == "sources":
        return "every source is a table of its own.", "Write [[sources]], with two brackets."
    return "expected a table.", f"Write {_header(table)}."


def _header(table: str) -> str:
    """Return how a table's first line is written."""
    return {"sources": "[[sources]]", "profiles": "[profiles.NAME]"}.get(table, f"[{table}]")


def _unknown_key(key: str, table: str, given: object) -> tuple[str, str, str]:
    """Return the key, what is wrong with it, and where it may belong."""
    keys = keys_of(table)
    close = difflib.get_close_matches(key.lower(), keys, n=1, cutoff=0.6)
    if table == "" and holds_tables(_listed(given)):
        problem = "there is no table of this name."
        return key, problem, f"Did you mean {_header(close[0])}?" if close else _EXAMPLE
    problem = "is no key of this table." if table else "stands above any table."
    if close:
        return key, problem, f"Did you mean `{close[0]}`?"
    for other in TABLES:
        if other and key in keys_of(other):
            return key, problem, f"`{key}` belongs in {_header(other)}."
    return key, problem, _EXAMPLE


_EXAMPLE = "config.example.toml shows every key."


def _listed(value: object) -> object:
    """Undo `_tuples` on the outside: TOML's lists of tables arrive as tuples."""
    return list(value) if isinstance(value, tuple) else value


def _not_among(given: object, expected: str) -> tuple[str, str]:
    allowed = re.findall(r"'([^']*)'", expected)
    close = difflib.get_close_matches(str(given).lower(), allowed, n=1)
    meant = close[0] if close else _KIND_MEANT.get(str(given).lower(), "")
    hint = f'Did you mean "{meant}"?' if meant in allowed else ""
    return f"expected one of {', '.join(allowed)}; got {_shown(given)}.", hint


def _shown(value: object) -> str:
    if isinstance(value, str):
        return f'"{_USERINFO.sub("//…@", value)[:60]}"'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return f"[{', '.join(map(_shown, value))}]"[:60]
    if isinstance(value, time):
        return f"{value} (put it in quotes)"
    return str(value)[:60]


def holds_tables(value: object) -> bool:
    """Whether a value is a table, or a list of tables."""
    return isinstance(value, dict) or (
        isinstance(value, list) and any(isinstance(inner, dict) for inner in value)
    )
