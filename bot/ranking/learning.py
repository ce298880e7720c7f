"""What a profile learns: opinions become examples beside those it names, submissions insist."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from bot.identity import parse_identifier, strongest
from bot.models import Feedback, Opinion, Paper

if TYPE_CHECKING:
    from bot.config import Profile

_MOST_EXAMPLES = 500  # of each side, the latest: more would slow every ranking, and say no more
_OWNER = 0


def learnt(profile: Profile, feedback: Iterable[Feedback], submitted: Iterable[Paper]) -> Profile:
    """Return the profile with what `learn` lets it learn, and with what curators put forward.

    `feedback` is the latest first. What the profile says itself is never contradicted; of the rest
    the owner's word holds, and among readers the majority's. A submitted paper is one it insists on.
    """
    said = {parse_identifier(written) for written in (*profile.like, *profile.dislike)}
    weighed: dict[Paper, int] = {}
    decided: set[Paper] = set()
    for each in feedback:
        if not _listens(profile, each) or not said.isdisjoint(each.paper.identifiers):
            continue
        weight = 1 if each.opinion is Opinion.LIKE else -1
        if each.subscriber == _OWNER:
            decided.add(each.paper)
            weighed[each.paper] = weight
        elif each.paper not in decided:
            weighed[each.paper] = weighed.get(each.paper, 0) + weight
    likes = [str(strongest(p.identifiers)) for p, weight in weighed.items() if weight > 0]
    dislikes = [str(strongest(p.identifiers)) for p, weight in weighed.items() if weight < 0]
    insists = [f"paper:{strongest(paper.identifiers)}" for paper in submitted]
    return profile.model_copy(
        update={
            "like": (*profile.like, *likes[:_MOST_EXAMPLES]),
            "dislike": (*profile.dislike, *dislikes[:_MOST_EXAMPLES]),
            "always": (*profile.always, *insists),
        }
    )


def judged(
    profile: Profile, feedback: Iterable[Feedback], picked: Collection[int]
) -> dict[Paper, bool]:
    """Return what its readers, or its owner alone, think of papers that a profile picked.

    Who is listened to, and whose word holds, is as in `learnt`; a profile that learns from nobody
    listens to its owner here. At most the latest 500; what opinions are divided on is left out.
    """
    listening = (
        profile.model_copy(update={"learn": "owner"}) if profile.learn == "none" else profile
    )
    said = [each for each in feedback if each.paper.id in picked]
    told: dict[Paper, int] = {}
    decided: set[Paper] = set()
    for each in said[:_MOST_EXAMPLES]:
        if _listens(listening, each) and each.paper not in decided:
            weight = 1 if each.opinion is Opinion.LIKE else -1
            if each.subscriber == _OWNER:
                decided.add(each.paper)
                told[each.paper] = weight
            else:
                told[each.paper] = told.get(each.paper, 0) + weight
    return {paper: weight > 0 for paper, weight in told.items() if weight}


def _listens(profile: Profile, feedback: Feedback) -> bool:
    if profile.learn == "none":
        return False
    return profile.learn == "all" or feedback.subscriber == _OWNER
