"""How warmly the community received a paper: votes, cooled by age."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

from bot.models import Paper

_FULL = 100  # votes on the first day that count as 1
_HALF_LIFE = timedelta(days=4)


def trend(paper: Paper, now: datetime) -> float:
    """Return 0 for a paper without votes, about 1 for a hundred votes today, halved in four days.

    Votes count by their logarithm: the step from 2 to 20 says as much as the one from 20 to 200.
    Age runs from when the paper was first seen, else from when it was published.
    """
    votes = max(0, paper.votes or 0)
    born = paper.first_seen or paper.published or now
    age = max(timedelta(), now - born)
    return math.log1p(votes) / math.log1p(_FULL) * math.exp2(-(age / _HALF_LIFE))
