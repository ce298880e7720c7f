"""The addresses of renamed profiles: what stands under the new name stands under the old ones too.

The same bytes, and no redirect: a reader of feeds goes on with the same guids, a folder opened without
a server has nothing that could redirect, and `rel="self"` names the new address.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from bot.outputs.site import Sheet

if TYPE_CHECKING:
    from bot.config import Profile


def former_sheets(profiles: Iterable[Profile], sheets: Sequence[Sheet]) -> Iterator[Sheet]:
    """Yield the sheets of the profiles that were renamed, under each of their former names."""
    for profile in profiles:
        for old in profile.was:
            for now, then in (
                (f"p/{profile.name}/", f"p/{old}/"),
                (_feed(profile.name), _feed(old)),
                (f"feeds/{profile.name}/", f"feeds/{old}/"),
            ):
                for sheet in sheets:
                    if sheet.path.startswith(now):
                        yield replace(sheet, path=then + sheet.path.removeprefix(now))


def _feed(name: str) -> str:
    return f"feeds/{name}."
