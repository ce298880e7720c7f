"""How warmly the community received a paper: one function of what was counted, and when.

A paper's votes are first carried on to what they will be at the end of its first week, since twelve
votes in an hour say more than twelve in a day: `expected_votes`. That many, halved at fifty and cooled
by age, is its warmth: `trend`.

Source. Votes on Hugging Face's daily papers, counted the first morning (`hf_daily/raw`) and again one to
three days later (`corpora/hf_upvotes`): 2,440 papers of 149 days. `_GROWTH`, `_HEAD_START` and
`_DOUBT` were chosen on every other day of them; `make bench STAGE=trending` measures the others beside
raw votes and beside (votes - 1) / (age + 2)^1.8, the formula of Hacker News. There the growth between
two later counts said nothing more than the last count itself, so it is not looked at. For opinions,
ballots, submissions and several sources no such data exist: their weights are stated guesses.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta

from bot.models import Paper, Tally

_WEEK = 168.0  # hours
_GROWTH, _HEAD_START = 0.4, 2.0  # votes grow as (hours + head start) to that power
_DOUBT = 3.0  # votes that every paper starts with: one vote in a minute is no fifty in a week
_HALF_WARM = 50.0  # votes in a week: one in ten of the daily papers comes so far
_HALF_LIFE = timedelta(days=4)
_FIRST_COMMENT = 1  # is the house's own: a list of similar papers
_SOURCE, _LIKE, _BALLOT = 2.0, 2.0, 2.0  # worth in votes
_SUBMISSION = 4.0  # has one vote already


def trend(paper: Paper, now: datetime, tally: Tally | None = None) -> float:
    """Return a paper's warmth: 0 where nobody said anything, below 1 always, halved in four days.

    More votes, comments, sources, likes, ballots or submissions never make it less, more age never more.
    Without a tally it is what the paper itself tells: its votes, as old as it is.
    """
    if tally is None and not paper.votes and not paper.comments:
        return 0.0  # as most of a day's papers, for every profile
    heard = tally or _heard_of(paper, now)
    if not is_spoken_of(heard):
        return 0.0
    expected = expected_votes(heard, now)
    age = max(timedelta(), now - heard.since)
    return expected / (expected + _HALF_WARM) * math.exp2(-(age / _HALF_LIFE))


def is_spoken_of(heard: Tally) -> bool:
    """Whether anybody said anything: one source that showed a paper says nothing yet."""
    return _voice(heard) > 0


def expected_votes(heard: Tally, now: datetime) -> float:
    """Return how many votes a paper can be expected to have when it is a week old."""
    counted = min(heard.counted or now, now)
    hours = max(0.0, (counted - heard.since) / timedelta(hours=1))
    growth = math.pow((_WEEK + _HEAD_START) / (min(hours, _WEEK) + _HEAD_START), _GROWTH)
    return (_voice(heard) + _DOUBT) * growth - _DOUBT


def _voice(heard: Tally) -> float:
    """Return all that was said for a paper, in votes."""
    return (
        max(0, heard.votes)
        + max(0, heard.comments - _FIRST_COMMENT)
        + _SOURCE * max(0, heard.sources - 1)
        + _LIKE * max(0, heard.likes)
        + _BALLOT * max(0, heard.ballots)
        + _SUBMISSION * max(0, heard.submissions)
    )


def _heard_of(paper: Paper, now: datetime) -> Tally:
    since = paper.first_seen or paper.published or now
    return Tally(since=since, votes=paper.votes or 0, comments=paper.comments or 0)
