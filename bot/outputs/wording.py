"""Dates, counts and lists as people write them; English, whatever the machine's locale is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip


def long_day(day: date) -> str:
    """Return `Friday 21 November 2026`."""
    return f"{_WEEKDAYS[day.weekday()]} {day.day} {_MONTHS[day.month - 1]} {day.year}"


def short_day(day: date) -> str:
    """Return `Fri 21 Nov`."""
    return f"{_WEEKDAYS[day.weekday()][:3]} {day.day} {_MONTHS[day.month - 1][:3]}"


def month(day: date) -> str:
    """Return `November 2026`."""
    return f"{_MONTHS[day.month - 1]} {day.year}"


def day_near(day: date, today: date) -> str:
    """Return `21 November`, with the year where it is not the one we are in."""
    named = f"{day.day} {_MONTHS[day.month - 1]}"
    return named if day.year == today.year else f"{named} {day.year}"


def counted(number: int, noun: str, several: str = "") -> str:
    """Return `1 paper`, `2,997 papers`; `several` is the plural where it is no mere s."""
    return f"{number:,} {noun if number == 1 else several or f'{noun}s'}"


def in_words(number: int) -> str:
    """Return `one` to `nine`, and larger ones in figures."""
    words = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    return words[number - 1] if 1 <= number <= len(words) else f"{number:,}"


def listed(names: Sequence[str]) -> str:
    """Return `A`, `A and B`, `A, B and C`."""
    if len(names) < 2:  # noqa: PLR2004 - a list begins at two
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def full_day(day: date) -> str:
    """Return `21 November 2026`."""
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


def stretch(first: date, last: date) -> str:
    """Return `16 to 22 November 2026`, and one day as itself."""
    if first == last:
        return full_day(first)
    begin = str(first.day)
    if (first.year, first.month) != (last.year, last.month):
        begin += f" {_MONTHS[first.month - 1]}"
    if first.year != last.year:
        begin += f" {first.year}"
    return f"{begin} to {full_day(last)}"


def voted_text(readers: int) -> str:
    """Return `3 readers here voted for it.`, "" for none."""
    return f"{counted(readers, 'reader')} here voted for it." if readers else ""
