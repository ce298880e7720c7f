"""What a service answers in JSON, read so that nothing odd in it is taken for something it is not."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeAlias

from bot import text
from bot.errors import ParseError
from bot.models import Document, Failure
from bot.sources.entries import host_of

Fields: TypeAlias = Mapping[str, Any]

_MOST = 2**31
_LONGEST_COUNT = 10  # digits
_FIRST_YEAR, _LAST_YEAR = 1900, 2200  # what lies outside is a mistake of the service's
_DATE = re.compile(r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})")


def read_json(document: Document, wanted: str) -> object:
    """Return what a body holds. Raises ParseError; `wanted` ("list of papers") is said in it."""
    host, body = host_of(document.url), document.body
    if not body.strip():
        raise ParseError(f"{host} sent an empty document")
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        kind = "a web page (HTML)" if body.lstrip()[:1] == b"<" else "something that is no JSON"
        raise ParseError(f"{host} sent {kind} instead of a {wanted}") from error


def refusal(host: str, said: str, wanted: str, form: str = "JSON") -> ParseError:
    """Return the error for what is no `wanted`, with what it says of itself ("": nothing)."""
    if said:
        return ParseError(f"{host} answered with an error: {text.quoted(said)}")
    return ParseError(f"{host} sent {form} that is no {wanted}")


def error_of(answer: Fields, key: str = "") -> str:
    """Return what an answer says went wrong, as OpenAI's and those like it do; "" where nothing.

    Some repeat the `key` that they refuse: it is taken out.
    """
    said = line(fields(answer.get("error")), "message") or line(
        answer, "error", "message", "detail"
    )
    hidden = text.one_line(key)
    return said.replace(hidden, "…") if hidden else said


def in_its_words(failure: Failure, key: str = "") -> Failure:
    """Return a service's refusal with what it says of it, where it says something."""
    try:
        said = error_of(fields(json.loads(failure.body)), key)
    except (ValueError, RecursionError):
        return failure
    words = text.quoted(said)
    return replace(failure, problem=f"{failure.problem}: {words}") if words else failure


def fields(value: object) -> Fields:
    """Return the value where it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def listed(value: object) -> list[Any]:
    """Return the value where it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def line(found: Fields, *keys: str) -> str:
    """Return the first of these fields that holds text, in one line, or ""."""
    for key in keys:
        value = found.get(key)
        if isinstance(value, str) and (words := text.one_line(value)):
            return words
    return ""


def count(value: object, most: int = _MOST) -> int | None:
    """Return a number from 0 and under `most`, which may come as text; None for anything else."""
    if isinstance(value, str) and value.strip().isdecimal() and len(value) <= _LONGEST_COUNT:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < most:
        return None
    return value


def epoch(value: object) -> datetime | None:
    """Return milliseconds since 1970 as an aware moment, None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = datetime.fromtimestamp(value / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return found if _FIRST_YEAR <= found.year < _LAST_YEAR else None


def day(value: object) -> datetime | None:
    """Return `2026-06-30` or `2026-6-30` as that day's beginning in UTC, None for anything else."""
    match = _DATE.fullmatch(value.strip()) if isinstance(value, str) else None
    return day_of(*map(int, match.groups())) if match else None


def day_of(year: object, month: object, number: object) -> datetime | None:
    """Return that day's beginning in UTC, None where there is no such day."""
    whole = [part for part in (year, month, number)
             if isinstance(part, int) and not isinstance(part, bool)]  # fmt: skip
    try:
        found = datetime(*whole, tzinfo=UTC)  # type: ignore[misc, arg-type]  # three, or a TypeError
    except (ValueError, TypeError, OverflowError):
        return None
    return found if _FIRST_YEAR <= found.year < _LAST_YEAR else None
