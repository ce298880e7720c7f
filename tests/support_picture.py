"""The picture of the house: docs/images/architecture.svg, drawn from the layers that import-linter accepts.

Each floor imports only from those below it; what a room on the edge has to itself stands in it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from html import escape
from pathlib import Path

ROOT = Path(__file__).parents[1]
SAYS = {
    "cli": "the command", "scheduler": "serve's lanes", "web": "pages, links", "inbound": "mail to us",
    "demo": "the sample days", "app": "Config → App", "printing": "mails in processes",
    "apart": "killable reading", "workflows": "collect · compose · publish · deliver · subscribe · bounce",
    "outputs": "mails · feeds · pages, as bytes", "fetch": "HTTP", "store": "SQLite", "mail": "SMTP",
    "mailbox": "IMAP", "resolver": "DNS", "render": "Jinja", "files": "the disk",
}  # fmt: skip
FLOORS = {
    "cli": "DOORS", "app": "WIRING", "workflows": "WORKFLOWS", "outputs": "ARTIFACTS", "fetch": "TAPS",
    "sources": "DECISIONS", "config": "WORDS",
}  # fmt: skip
_WIDTH, _LEFT, _HIGH, _GAP = 960, 150, 46, 12
_STYLE = """
  svg { font: 14px system-ui, sans-serif; background: #fff; color: #1c1b19 }
  text { fill: currentColor } .says { font-size: 11px; opacity: .75 }
  .floor { font-weight: 600; font-size: 12px }
  rect { fill: #f4efe6; stroke: #8a7f6d } .tap rect { fill: #dfeaf3; stroke: #4c7191 }
  .pure rect { fill: #e3efdf; stroke: #5b8050 } path { stroke: currentColor; fill: none }
  @media (prefers-color-scheme: dark) {
    svg { background: #1b1a18; color: #eae6df } rect { fill: #2f2b25; stroke: #8a7f6d }
    .tap rect { fill: #22313d; stroke: #6d93b3 } .pure rect { fill: #243222; stroke: #7ba36f }
  }
"""


def layers() -> list[list[str]]:
    """Return the floors from the top, each with its rooms."""
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    (contract,) = [each for each in linter["contracts"] if each["type"] == "layers"]
    named = [re.sub(r"[()\s]", "", layer).split("|") for layer in contract["layers"]]
    return [rooms for rooms in named if rooms != ["__main__"]]


def picture() -> str:
    """Return the picture as SVG."""
    drawn: list[str] = []
    top, kind = 30, "door"
    for rooms in layers():
        kind = {"fetch": "tap", "sources": "pure", "config": "words"}.get(rooms[0], kind)
        if rooms[0] in FLOORS:
            drawn.append(f'<text class="floor" x="34" y="{top + 28}">{FLOORS[rooms[0]]}</text>')
        drawn += _rooms(rooms, kind, top)
        top += _HIGH + _GAP
    bottom = top - _GAP
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {bottom + 44}" role="img" '
        'aria-labelledby="title desc">\n'
        '<title id="title">The rooms of the house, floor by floor</title>\n'
        '<desc id="desc">Each floor imports only from those below it. From the top: '
        + escape("; ".join(", ".join(rooms) for rooms in layers()))
        + f".</desc>\n<style>{_STYLE}</style>\n"
        f'<path d="M18 30 V{bottom} m-5 -9 l5 9 l5 -9"/>\n' + "\n".join(drawn)
        + f'\n<text class="says" x="{_LEFT}" y="{bottom + 26}">'
        "Imports point downwards. Blue: each side effect has one room. "
        "Green: decisions, without clock, disk or dice."
        "</text>\n</svg>\n"
    )  # fmt: skip


def _rooms(rooms: list[str], kind: str, top: int) -> Iterator[str]:
    """Draw a floor; who has a longer name, has a wider room."""
    letters = [len(name) + 4 for name in rooms]
    each = (_WIDTH - _LEFT - 20 - _GAP * (len(rooms) - 1)) / sum(letters)
    left = float(_LEFT)
    for name, count in zip(rooms, letters, strict=True):
        width = round(each * count, 1)
        middle, says = round(left + width / 2, 1), SAYS.get(name, "")
        under = f'<text class="says" x="{middle:g}" y="{top + 36}" text-anchor="middle">{escape(says)}</text>'
        yield (
            f'<g class="{kind}"><rect x="{left:g}" y="{top}" width="{width:g}" height="{_HIGH}" rx="4"/>'
            f'<text x="{middle:g}" y="{top + (20 if says else 28)}" text-anchor="middle">{name}</text>'
            f"{under if says else ''}</g>"
        )
        left = round(left + width + _GAP, 1)
