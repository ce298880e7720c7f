"""What a profile asks for, before any paper is looked at; without numpy, so that an idle run stays light."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.config import Profile
from bot.identity import parse_identifier
from bot.models import Identifier, Paper


def asks_for_nothing(profile: Profile) -> bool:
    """Whether nothing in the profile says what is wanted: then votes and newness decide."""
    return not (
        profile.keywords or profile.authors or profile.categories or profile.about.strip()
        or profile.always or profile.like or profile.shelf
    )  # fmt: skip


def named(
    written: Sequence[str], examples: Mapping[Identifier, Paper]
) -> tuple[list[Paper], list[str]]:
    """Return the examples that are known, in a fixed order and each once, and those that are not."""
    found: dict[str, Paper] = {}
    missing = []
    for each in written:
        identifier = parse_identifier(each)
        paper = examples.get(identifier) if identifier else None
        if paper is None:
            missing.append(each)
        else:
            # By the paper, not by what was written: its DOI and its arXiv id are one example.
            found[min(map(str, paper.identifiers))] = paper
    return [found[name] for name in sorted(found)], missing
