"""From a score to the probability of being wanted, the same on every day and for every profile.

Scores grow with what a profile says: twenty liked papers speak louder than one, for what is wanted and
for what is not. So a score is measured against what the profile's own interests usually give, which
depends on the profile alone, never on the papers of one day. The curves' numbers were fitted on
the development split of the ranking benchmark, over profiles of keywords, of a description, of 1 to
20 liked papers and of all together (docs/ranking.md has the reliability diagram).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from bot.ranking.evidence import BY_WORDS, experience
from bot.values import value_type

WANTED_SHARE = 0.02  # of a day's candidates: the stated prior, about the benchmark's own share


@value_type(frozen=True, slots=True)
class Curve:
    """One tier's numbers: the curve's own, and how much evidence interests usually are.

    That of each liked paper (where there are ten of them), of all keywords, and of a description.
    """

    offset: float
    steepness: float
    like: float
    keywords: float
    about: float


WORDS = Curve(-1.54, 4.48, 0.188, 0.279, 0.564)
MEANING = Curve(-1.83, 2.83, 0.204, 0.226, 0.428)  # beside words


def scale(likes: int, *, keywords: bool, about: bool, curve: Curve = WORDS) -> float:
    """Return what the interests of a profile usually give together; at least 1."""
    usual = curve.like * likes * experience(likes)
    usual += curve.keywords * keywords + curve.about * about
    return max(1.0, BY_WORDS * math.log1p(usual))


def probability(
    score: float, scale: float = 1.0, share: float = WANTED_SHARE, curve: Curve = WORDS
) -> float:
    """Return the chance, from 0 to 1, that a paper is wanted where `share` of all papers are."""
    (chance,) = probabilities([score], scale, share, curve)
    return chance


def probabilities(
    scores: Iterable[float],
    scale: float = 1.0,
    share: float = WANTED_SHARE,
    curve: Curve = WORDS,
) -> list[float]:
    """Return the same of many scores, in their order."""
    least, slope = _log_odds(share) + curve.offset, curve.steepness / scale
    return [_from_log_odds(least + slope * score) for score in scores]


# ── What a profile's own feedback says of its share ───────────────────────────────────────────────

ENOUGH, ENOUGH_OF_EACH = 20, 3  # opinions, and of either kind: with fewer, the stated prior holds
_CERTAINTY = 1.0  # of the stated prior: what it weighs against opinions, in log-odds
_LEAST_SHARE, _MOST_SHARE = 0.002, 0.2
_STEPS = 30


def share_by(
    judged: Sequence[tuple[float, bool]], scale: float = 1.0, curve: Curve = WORDS
) -> float:
    """Return the share of wanted papers that opinions speak for; `judged` is (score, wanted).

    Of papers that were shown, so better ones than most: that is why their scores are looked at, and not
    how many were liked. It is the share under which the probabilities said of them fit best, drawn
    towards the stated prior; that prior itself where there are too few.
    """
    liked = sum(wanted for _, wanted in judged)
    if len(judged) < ENOUGH or min(liked, len(judged) - liked) < ENOUGH_OF_EACH:
        return WANTED_SHARE
    prior = _log_odds(WANTED_SHARE)
    low, high = _log_odds(_LEAST_SHARE), _log_odds(_MOST_SHARE)
    for _ in range(_STEPS):  # what is searched for falls all the way: halving finds it
        middle = (low + high) / 2
        share = 1 / (1 + math.exp(-middle))
        expected = math.fsum(probability(score, scale, share, curve) for score, _ in judged)
        if liked - expected > (middle - prior) / _CERTAINTY**2:
            low = middle
        else:
            high = middle
    return 1 / (1 + math.exp(-(low + high) / 2))


def _log_odds(share: float) -> float:
    return math.log(share / (1 - share))


def _from_log_odds(odds: float) -> float:
    return 1 / (1 + math.exp(-odds)) if odds > 0 else math.exp(odds) / (1 + math.exp(odds))
