"""What a profile learns: opinions become examples beside those it names, submissions insist."""

from __future__ import annotations

from collections.abc import Iterable

from bot.config import Profile
from bot.identity import parse_identifier, strongest
from bot.models import Feedback, Opinion, Paper

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


def _listens(profile: Profile, feedback: Feedback) -> bool:
    if profile.learn == "none":
        return False
    return profile.learn == "all" or feedback.subscriber == _OWNER
