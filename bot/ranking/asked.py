"""What a profile asks for, before any paper is looked at; without numpy, so that an idle run stays light."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from bot.identity import parse_identifier
from bot.models import Identifier, Paper
from bot.ranking.calibration import MEANING, WORDS, probability

if TYPE_CHECKING:
    from bot.config import Profile

TRENDING = 2.0  # what the warmest paper's votes add to its score, where they count in full

_WEIGHT = re.compile(r"\d+(?:\.\d+)?", re.ASCII)
_NAMES_A_PAPER = re.compile(r"\s*paper\s*:", re.IGNORECASE)
_LARGEST_WEIGHT = 1e6  # finite: infinities don't add up


def asks_for_nothing(profile: Profile) -> bool:
    """Whether nothing in the profile says what is wanted: then votes and newness decide.

    A paper that a curator puts forward is one paper, and says nothing of the others.
    """
    insists = [each for each in profile.always if not _NAMES_A_PAPER.match(each)]
    return not (
        profile.keywords or profile.authors or profile.categories or profile.about.strip()
        or insists or profile.like or profile.shelf
    )  # fmt: skip


def reaches_nothing(profile: Profile) -> bool:
    """Whether no source's paper can come: nothing asks for any, and no votes lift one over the threshold.

    A profile that learns may still be told what is wanted, and one that insists on papers by name may
    be meant to hold these alone.
    """
    if profile.learn != "none" or profile.always or not asks_for_nothing(profile):
        return False
    warmest = TRENDING * profile.trending
    return max(probability(warmest, curve=each) for each in (WORDS, MEANING)) < profile.threshold


def weighted(written: str) -> tuple[str, float]:
    """Read `expert routing^2` as a phrase and its weight, 1 where it names none."""
    phrase, caret, weight = written.rpartition("^")
    if caret and _WEIGHT.fullmatch(weight.strip()):
        return phrase.strip(), min(float(weight), _LARGEST_WEIGHT)
    return written.strip(), 1.0


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


def said(profile: Profile) -> list[str]:
    """Return what a profile says in words: its description and its keywords, without their weights."""
    about = [profile.about.strip()] if profile.about.strip() else []
    return [*about, *(text for text, weight in map(weighted, profile.keywords) if text and weight)]


def shown(profile: Profile, examples: Mapping[Identifier, Paper]) -> list[Paper]:
    """Return the papers that a profile shows as liked or disliked, as far as they are known."""
    return named((*profile.like, *profile.shelf, *profile.dislike), examples)[0]
