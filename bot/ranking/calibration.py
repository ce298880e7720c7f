"""From a score to the probability of being wanted, the same on every day and for every profile.

Scores grow with what a profile says: twenty liked papers speak louder than one, for what is wanted and
for what is not. So a score is measured against what the profile's own interests usually give, which
depends on the profile alone, never on the papers of one day. The curve's two numbers were fitted on
the development split of the ranking benchmark, over profiles of keywords, of a description, of 1 to
20 liked papers and of all together (docs/ranking.md has the reliability diagram).
"""

from __future__ import annotations

import math

WANTED_SHARE = 0.02  # of a day's candidates: the stated prior, about the benchmark's own share
_OFFSET, _STEEPNESS = -1.65, 2.8
_WORDS = 1.0  # what keywords usually give, and a description
_LIKES, _LIKES_UNIT = 8.0, 0.08  # and liked papers: 0.6 for one, 7.6 for twenty


def scale(likes: int, *, keywords: bool, about: bool) -> float:
    """Return what the interests of a profile usually give together; at least 1."""
    return max(1.0, _LIKES * math.log1p(_LIKES_UNIT * likes) + _WORDS * (keywords + about))


def probability(score: float, scale: float = 1.0, share: float = WANTED_SHARE) -> float:
    """Return the chance, from 0 to 1, that a paper is wanted where `share` of all papers are."""
    odds = math.log(share / (1 - share)) + _OFFSET + _STEEPNESS * score / scale
    return 1 / (1 + math.exp(-odds)) if odds > 0 else math.exp(odds) / (1 + math.exp(odds))
