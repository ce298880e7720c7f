"""What of a digest fits into a mail: cards, then titles, then a count; sums only, no rendering."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence

from bot.values import value_type


@value_type(frozen=True, slots=True)
class Sizes:
    """How many bytes each paper of a section takes: as a card, by its title, as a replaced one."""

    cards: tuple[int, ...]
    titles: tuple[int, ...]
    updates: tuple[int, ...]


@value_type(frozen=True, slots=True)
class Share:
    """What a section shows: its first `cards`, so many `titles` after them, its first `updates`."""

    cards: int
    titles: int = 0
    updates: int = 0

    def __bool__(self) -> bool:
        """Whether it shows anything."""
        return bool(self.cards or self.titles or self.updates)


Frame = Callable[[Sequence[Share], int], int]


def fullest(sections: Sequence[Sizes], frame: Frame, limit: int) -> tuple[tuple[Share, ...], int]:
    """Return the fullest shares that fit into `limit` bytes, and how many papers they leave out.

    `frame` tells how many bytes stand around the papers, given the shares and how many papers are
    left out. Cards become titles from the end; what still does not fit is left out. Where not even
    the frame fits, nothing is shown but that.
    """
    cards = sum(len(section.cards) for section in sections)
    lines = cards + sum(len(section.updates) for section in sections)

    def cut(size: int) -> tuple[tuple[Share, ...], int]:
        """Return shares that grow with `size`: titles first, then more and more cards."""
        given = shares(sections, max(size - lines, 0), min(size, lines))
        return given, lines - sum(each.cards + each.titles + each.updates for each in given)

    def too_long(size: int) -> bool:
        given, left_out = cut(size)
        papers = sum(_taken(of, share) for of, share in zip(sections, given, strict=True))
        return papers + frame(given, left_out) > limit

    return cut(max(bisect_left(range(lines + cards + 1), True, key=too_long) - 1, 0))


def _taken(section: Sizes, share: Share) -> int:
    named = share.cards + share.titles
    return (
        sum(section.cards[: share.cards])
        + sum(section.titles[share.cards : named])
        + sum(section.updates[: share.updates])
    )


def shares(sections: Sequence[Sizes], cards: int, lines: int) -> tuple[Share, ...]:
    """Return each section's share of so many cards, and of so many papers at all.

    Every section gives up its last papers first, so that none is cut for another's sake; what was
    replaced comes after all that is new.
    """
    places = sorted(
        (place, index)
        for index, section in enumerate(sections)
        for place in range(len(section.cards))
    )
    whole = _per_section(places[:cards])
    named = _per_section(places[:lines])
    spare = max(lines - len(places), 0)
    given = []
    for index, section in enumerate(sections):
        full = whole.get(index, 0)
        updates = min(len(section.updates), spare)
        spare -= updates
        given.append(Share(full, named.get(index, 0) - full, updates))
    return tuple(given)


def _per_section(places: Iterable[tuple[int, int]]) -> dict[int, int]:
    counts: dict[int, int] = {}
    for _, index in places:
        counts[index] = counts.get(index, 0) + 1
    return counts
