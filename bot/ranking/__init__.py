"""Decisions: which papers are worth a reader's morning, and exactly why. Pure.

`rank` is the whole interface; everything else here serves it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from bot.identity import known_by, parse_identifier
from bot.models import Identifier, Paper, Ranked
from bot.ranking.asked import asks_for_nothing, named, reaches_nothing
from bot.ranking.background import Background
from bot.ranking.calibration import ENOUGH, probabilities, probability, share_by
from bot.ranking.examples import condensed
from bot.ranking.learning import judged, learnt
from bot.ranking.likeness import nearest, nearest_to, telling_first, telling_words
from bot.ranking.merging import merged
from bot.ranking.suggesting import Suggestion, suggested
from bot.ranking.trending import is_spoken_of, trend
from bot.ranking.variety import covering, folded

if TYPE_CHECKING:
    from bot.config import Profile
    from bot.ranking.interests import Interests
    from bot.ranking.weighing import Weighed

__all__ = [
    "ENOUGH",
    "Background",
    "Suggestion",
    "asks_for_nothing",
    "condensed",
    "covering",
    "example_identifiers",
    "folded",
    "is_spoken_of",
    "judged",
    "keeping_out",
    "learnt",
    "merged",
    "missing_examples",
    "nearest",
    "nearest_to",
    "probability",
    "put_away",
    "rank",
    "ranker_of",
    "reaches_nothing",
    "share_wanted",
    "suggested",
    "telling_first",
    "telling_words",
    "trend",
    "unreadable_examples",
]

# Raised whenever scores change: those of two rankers are never compared.
LIGHT, SEMANTIC = "light-4", "semantic-4"


def ranker_of(background: Background) -> str:
    """Return the name of what ranks with this background: scores compare where it is the same."""
    meaning = background.meaning
    return f"{SEMANTIC} {meaning.embedder}" if meaning else LIGHT


def example_identifiers(profile: Profile) -> set[Identifier]:
    """Return the identifiers of the papers that the profile likes and dislikes."""
    written = (*profile.like, *profile.shelf, *profile.dislike)
    read = (parse_identifier(each) for each in written)
    return {identifier for identifier in read if identifier is not None}


def missing_examples(profile: Profile, background: Background) -> list[str]:
    """Return the likes and dislikes, as written, that are not among the background's examples."""
    _, missing = named((*profile.like, *profile.shelf, *profile.dislike), background.examples)
    # Of a library, most papers are older than anything stored: that is no news.
    return [each for each in missing if each not in profile.shelf]


def unreadable_examples(profile: Profile) -> list[str]:
    """Return the likes and dislikes, as written, that name no paper at all."""
    return [each for each in (*profile.like, *profile.dislike) if parse_identifier(each) is None]


def rank(
    papers: Iterable[Paper],
    profile: Profile,
    background: Background | Iterable[Paper] | None = None,
) -> list[Ranked]:
    """Return the papers that fit the profile, best first, each with its score and its reasons.

    Excluded papers are left out, and those that `dislike` names; so are papers that nothing speaks for,
    unless the profile says nothing at all (then votes and newness decide). Likeness to a disliked paper
    puts a paper back, but takes none away that has a keyword, an author or a category of the profile's.
    What the profile insists on is there in any case. The reasons' shares add up to the score. Equal
    scores are ordered by newness, then by identifier: the same input gives the same order.
    `background` may be papers, which `like` and `dislike` may name.
    """
    from bot.ranking.interests import Interests  # numpy: a run with nothing due does without
    from bot.ranking.ordering import best_first
    from bot.ranking.weighing import Reasons

    papers = list(papers)
    if not isinstance(background, Background):
        background = Background(examples=known_by([*(background or ()), *papers]))
    interests = Interests(profile, background.examples, meaning=background.meaning)
    weighed = _weighed(papers, interests, background)
    scores = weighed.scores()
    ordered = best_first(papers, scores, interests.wanted(weighed, scores))
    told = scores[ordered].tolist()
    chances = probabilities(told, interests.scale, background.wanted, interests.curve)
    return [
        Ranked(papers[at], score, Reasons(weighed, at), at in weighed.insisting, chance)
        for at, score, chance in zip(ordered, told, chances, strict=True)
    ]


def keeping_out(paper: Paper, profile: Profile) -> str:
    """Return the clause that keeps a paper out whatever its score, as `exclude "survey"`; "" for none."""
    from bot.ranking import interests

    return interests.keeping_out(paper, profile)


def put_away() -> None:
    """Let go of the day's papers as they are looked up in: 45 MB for fifteen hundred.

    They are made again in a fifth of a second; what each of them takes longest, its direction, stays.
    How plainly they have a phrase goes too: tomorrow's are others, and it holds their texts.
    """
    from bot.ranking import candidates
    from bot.ranking.interests import plainness, spaced
    from bot.ranking.pool import pooled

    candidates.forget()
    pooled.cache_clear()
    plainness.cache_clear()
    spaced.cache_clear()


def share_wanted(judged: Mapping[Paper, bool], profile: Profile, background: Background) -> float:
    """Return the share of all papers that a profile's readers want, by what they said of its picks.

    Too few opinions say nothing: then it is the stated prior. What an opinion of a paper taught the
    profile does not count in that paper's own score.
    """
    from bot.ranking.interests import Interests

    interests = Interests(profile, background.examples, meaning=background.meaning)
    papers = [paper for paper in judged if interests.admits(paper)]
    scores = _weighed(papers, interests, background).scores().tolist()
    told = [(max(score, 0.0), judged[p]) for p, score in zip(papers, scores, strict=True)]
    return share_by(told, interests.scale, interests.curve)


def _weighed(papers: Sequence[Paper], interests: Interests, background: Background) -> Weighed:
    """Return what each interest adds to each paper."""
    from bot.ranking.candidates import candidates

    known = candidates(papers)
    now = background.now or known.latest
    return interests.weigh(known, known.warmth(now, background.tallies))
