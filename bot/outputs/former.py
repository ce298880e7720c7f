"""The addresses of renamed profiles: what stands under the new name stands under the old ones too.

The same bytes, and no redirect: a reader of feeds goes on with the same guids, a folder opened without
a server has nothing that could redirect, and `rel="self"` names the new address.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from bot.outputs.site import Sheet

if TYPE_CHECKING:
    from bot.config import Profile


def with_former(profiles: Iterable[Profile], sheets: Iterable[Sheet]) -> Iterator[Sheet]:
    """Yield each sheet, and those of renamed profiles under each of their former names, too."""
    renamed = [way for profile in profiles for old in profile.was for way in _ways(profile, old)]
    for sheet in sheets:
        yield sheet
        for now, then in renamed:
            if sheet.path.startswith(now):
                yield sheet._replace(path=then + sheet.path.removeprefix(now))


def _ways(profile: Profile, old: str) -> tuple[tuple[str, str], ...]:
    return (
        (f"p/{profile.name}/", f"p/{old}/"),
        (_feed(profile.name), _feed(old)),
        (f"feeds/{profile.name}/", f"feeds/{old}/"),
    )


def _feed(name: str) -> str:
    return f"feeds/{name}."
