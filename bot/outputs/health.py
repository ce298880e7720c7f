"""How sources stand, in sentences: what failed, what is stale, what was simply quiet."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from bot.models import Edition, SourceNote, Weather
from bot.outputs.contexts import HealthLine
from bot.outputs.wording import counted, day_near, listed
from bot.text import one_line, shorten

_LINES_SHOWN = 6
MOST_LINES = _LINES_SHOWN + 2  # a count of the others, and how many answered
_NAMES_SHOWN = 6
_SEVERITY = (
    Weather.FAILED, Weather.STALE, Weather.INCOMPLETE, Weather.RECOVERED, Weather.HOLIDAY,
    Weather.QUIET, Weather.FINE,
)  # fmt: skip
_ALARMS = frozenset({Weather.FAILED, Weather.STALE})


def latest_notes(histories: Iterable[Iterable[Edition]]) -> tuple[SourceNote, ...]:
    """Return one note a source: of each profile's latest edition, the most serious."""
    worst: dict[str, SourceNote] = {}
    for editions in histories:
        latest = max(editions, key=lambda edition: edition.number, default=None)
        for note in latest.health if latest else ():
            known = worst.get(note.source)
            if known is None or _severity(note) < _severity(known):
                worst[note.source] = note
    return tuple(sorted(worst.values(), key=lambda note: (_severity(note), note.source)))


def _severity(note: SourceNote) -> int:
    return _SEVERITY.index(note.weather)


def health_lines(notes: Iterable[SourceNote], today: date) -> tuple[HealthLine, ...]:
    """Return a line for each source in trouble or out of it again, and one for all that answered.

    At most six lines of trouble and a count; nothing at all where nothing is known.
    """
    known = sorted(notes, key=lambda note: (_severity(note), note.source))
    if not known:
        return ()
    alarms = [note for note in known if note.weather in _ALARMS or _incomplete(note)]
    lines = [HealthLine(_sentence(note, today), alarm=True) for note in alarms[:_LINES_SHOWN]]
    if len(alarms) > _LINES_SHOWN:
        rest = counted(len(alarms) - _LINES_SHOWN, "more source")
        lines.append(HealthLine(f"{rest} did not bring what was expected.", alarm=True))
    return (*lines, HealthLine(_answered(known), alarm=False))


def _incomplete(note: SourceNote) -> bool:
    """Whether days are missing, be it that the source has just recovered."""
    return note.weather is Weather.INCOMPLETE or (
        note.weather is Weather.RECOVERED and bool(note.detail)
    )


def _sentence(note: SourceNote, today: date) -> str:
    name = shorten(one_line(note.source), 80)
    detail = shorten(one_line(note.detail), 160).rstrip(".")
    because = f" ({detail})" if detail else ""
    since = f" since {day_near(note.since.date(), today)}" if note.since else ""
    if note.weather is Weather.FAILED and note.since is None:
        return f"{name} has gone for good and is no longer asked{because}. What it brought stays."
    if note.weather is Weather.FAILED:
        return f"{name} has not answered{since}{because}. Its papers will follow when it does."
    if _incomplete(note):
        return f"{name} may be incomplete{because}. What can be fetched later will follow."
    return f"{name} still shows its last batch under today’s date{because}. Papers may be late."


def _answered(notes: list[SourceNote]) -> str:
    """Return e.g. `3 of 4 sources answered; nothing new from nature`, and why nothing was due."""
    well = [note for note in notes if note.weather is not Weather.FAILED]
    if len(well) == len(notes):
        said = "The source answered" if len(notes) == 1 else f"All {len(notes)} sources answered"
    else:
        said = f"{len(well)} of {counted(len(notes), 'source')} answered"
    if back := _named(notes, Weather.RECOVERED):
        said += f"; {back} {'answer' if ' and ' in back else 'answers'} again"
    if quiet := _named(notes, Weather.QUIET):
        said += f"; nothing new from {quiet}"
    reasons = sorted(
        {
            shorten(one_line(note.detail), 160).rstrip(".")
            or f"Nothing was due from {shorten(one_line(note.source), 80)}"
            for note in notes
            if note.weather is Weather.HOLIDAY
        }
    )
    return " ".join(f"{sentence}." for sentence in (said, *reasons[:_NAMES_SHOWN]))


def _named(notes: list[SourceNote], weather: Weather) -> str:
    names = [shorten(one_line(note.source), 80) for note in notes if note.weather is weather]
    shown = names[:_NAMES_SHOWN]
    if len(names) > len(shown):
        shown.append(counted(len(names) - len(shown), "other"))
    return listed(shown)
