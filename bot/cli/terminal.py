"""What the terminal shows: tables, one JSON document, progress. Text from outside is made inert."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from bot.text import inert, one_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

_PLAIN_WIDTH = 160  # of a table that goes into a file or a pipe
_BETWEEN = "   "  # two columns
# What JSON leaves as it is and a terminal obeys or reorders by; they only occur inside strings.
_OBEYED = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")


def _console(*, error: bool = False) -> Console:
    from rich.console import Console

    stream = sys.stderr if error else sys.stdout
    width = None if stream.isatty() else _PLAIN_WIDTH
    # Neither markup nor emoji nor highlighting: a title may hold "[bold]" or ":smile:".
    return Console(file=stream, width=width, markup=False, emoji=False, highlight=False)


def say(line: str = "") -> None:
    """Print one line."""
    print(inert(line).replace("\n", " "))


def say_block(text: str) -> None:
    """Print a text of ours that holds text from outside on lines of its own."""
    for line in text.split("\n"):
        print(inert(line).expandtabs().rstrip())


def table(
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    numbers: Sequence[int] = (),
) -> None:
    """Print a table; `numbers` are the indexes of columns to be set flush right."""
    cells = [[one_line(str(cell)) for cell in row] for row in rows]
    if not title and not sys.stdout.isatty() and (drawn := plain_table(columns, cells, numbers)):
        print(drawn)
        return
    from rich import box
    from rich.table import Table
    from rich.text import Text

    shown = Table(title=title or None, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD,
        pad_edge=False, show_edge=False)  # fmt: skip
    for index, column in enumerate(columns):
        shown.add_column(column, justify="right" if index in numbers else "left", overflow="fold")
    for row in cells:
        shown.add_row(*map(Text, row))
    console = _console()
    console.print(shown)
    console.print()


def plain_table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int]
) -> str:
    """Return a table as rich draws it into a file or a pipe; "" for one that takes more than us.

    What cron runs every hour prints one, and loading rich takes as much CPU as polling twenty sources.
    """
    if not all(cell.isascii() for row in (columns, *rows) for cell in row):
        return ""
    widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
    width = sum(widths) + len(_BETWEEN) * (len(widths) - 1)
    if not 0 < width <= _PLAIN_WIDTH:
        return ""

    def line(cells: Sequence[str]) -> str:
        placed = zip(cells, widths, range(len(widths)), strict=True)
        return _BETWEEN.join(c.rjust(w) if n in numbers else c.ljust(w) for c, w, n in placed)

    return "\n".join([line(columns), "─" * width, *map(line, rows), ""])


def when(value: object) -> str:
    """Return a moment as people read it, `never` where there is none."""
    return f"{value:%Y-%m-%d %H:%M} UTC" if isinstance(value, datetime) else "never"


def duration_text(value: timedelta) -> str:
    """Return a duration as the configuration has it: `90m`, `12h`, `7d`."""
    minutes = round(value.total_seconds() / 60)
    for unit, size in (("d", 24 * 60), ("h", 60)):
        if minutes and minutes % size == 0:
            return f"{minutes // size}{unit}"
    return f"{minutes}m"


def bar(share: float, most: float, width: int = 24) -> str:
    """Return a bar as long as the share is of the most."""
    return "█" * max(1, round(width * abs(share) / most)) if share and most else ""


def as_json(document: object) -> None:
    """Print one JSON document; in a terminal that reads no UTF-8, as ASCII."""
    unicode = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    text = json.dumps(document, ensure_ascii=not unicode, indent=2, default=_plain)
    print(_OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", text))


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")


@contextmanager
def progress(label: str, total: int) -> Iterator[Callable[[], None]]:
    """Show a bar while work goes on, on a terminal only; yield what advances it by one."""
    if not sys.stderr.isatty() or total == 0:
        yield lambda: None
        return
    from rich.progress import Progress

    with Progress(console=_console(error=True), transient=True) as shown:
        task = shown.add_task(label, total=total)
        yield lambda: shown.advance(task)
