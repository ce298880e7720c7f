"""variety: how many of a user's interests the first ten papers tell of, and what that costs.

The users are those of `../shared/bench` that have reading lists, one to three each: their earlier
papers are examples, the later ones are to be found among a thousand others. No list says which of its
papers a later one belongs to, so a user's papers are parted into as many groups as there are lists, by
k-medoids on words, and an interest is told of where one of its papers is among the first ten.
"""

from __future__ import annotations

import gzip
import json
import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from bot.config import Profile
from bot.identity import known_by
from bot.models import Identifier, Paper, Ranked, Scheme
from bot.ranking import Background, covering, rank
from bot.ranking.vectors import cosine, unit_vector

_BENCH = Path(__file__).parents[2] / "shared" / "bench"
_FIRST = 10
_BACKGROUND = 4000
_RESAMPLES = 2000

Choose = Callable[[Sequence[Ranked], int], Sequence[Ranked]]


@dataclass(frozen=True, slots=True)
class User:
    """One user: what they liked before, what is to be found, among what, and in which groups it is."""

    liked: tuple[str, ...]
    wanted: frozenset[str]
    others: tuple[str, ...]
    about: str
    lists: int


def run(most: int | None = None) -> list[dict[str, object]]:
    """Return one row a protocol and way to choose, for all users or the first `most`."""
    papers = {str(row["id"]): _paper(row) for row in _lines("docs")}
    background = Background.of([_paper(row) for row in _lines("background")[:_BACKGROUND]])
    users = _users()[:most]
    rows: list[dict[str, object]] = []
    for name, examples, about in (("20 examples", 20, False), ("10 examples, about", 10, True)):
        ranked = [_ranked(user, papers, background, examples, about=about) for user in users]
        plain = [
            _measured(user, each[:_FIRST], papers, background)
            for user, each in _with(users, ranked)
        ]
        for way, choose in _WAYS.items():
            found = [
                _measured(user, choose(each, _FIRST), papers, background)
                for user, each in _with(users, ranked)
            ]
            costs = [one[0] - other[0] for one, other in zip(found, plain, strict=True)]
            gains = [
                one[1] - other[1] for one, other in zip(found, plain, strict=True) if one[2] > 1
            ]
            rows.append({
                "profile": name,
                "chosen": way,
                "nDCG@10": f"{fmean(one[0] for one in found):.4f}",
                "nDCG beside": _with_interval(costs),
                "interests told of": f"{fmean(one[1] for one in found if one[2] > 1):.3f}",
                "interests beside": _with_interval(gains),
                "of": f"{fmean(one[2] for one in found if one[2] > 1):.2f}",
                "users": f"{len(found)} ({len(gains)} with several)",
            })  # fmt: skip
    return rows


def _best(ranked: Sequence[Ranked], places: int) -> Sequence[Ranked]:
    return ranked[:places]


def _mmr(weight: float) -> Choose:
    """Maximal marginal relevance (Carbonell and Goldstein, 1998), by the interests in the reasons."""

    def choose(ranked: Sequence[Ranked], places: int) -> Sequence[Ranked]:
        pool = ranked[: 4 * places]
        vectors = [_direction(each) for each in pool]
        top = pool[0].score if pool else 1.0
        nearest = [0.0] * len(pool)
        taken: list[int] = []
        while len(taken) < min(places, len(pool)):
            left = (at for at in range(len(pool)) if at not in taken)
            best = max(left, key=lambda at: (pool[at].score / top - weight * nearest[at], -at))
            taken.append(best)
            nearest = [
                max(near, cosine(vectors[at], vectors[best])) for at, near in enumerate(nearest)
            ]
        return [pool[at] for at in taken]

    return choose


def _direction(ranked: Ranked) -> Mapping[str, float]:
    shares = {f"{r.kind} {r.text}": r.share for r in ranked.reasons if r.share > 0}
    length = math.sqrt(math.fsum(share * share for share in shares.values())) or 1.0
    return {interest: share / length for interest, share in shares.items()}


_WAYS: dict[str, Choose] = {
    "best ten": _best,
    "maximal marginal relevance, .05": _mmr(0.05),
    "maximal marginal relevance, .1": _mmr(0.1),
    "paperround: covering": covering(Profile()),
}


# ── Data ──────────────────────────────────────────────────────────────────────────────────────────


def _lines(name: str) -> list[dict[str, object]]:
    with gzip.open(_BENCH / f"{name}.jsonl.gz", "rt") as file:
        return [json.loads(line) for line in file]


def _paper(row: Mapping[str, object]) -> Paper:
    return Paper(
        title=str(row["title"]),
        identifiers=frozenset({Identifier(Scheme.ARXIV, str(row["id"]))}),
        abstract=str(row["abstract"]),
    )


def _users() -> list[User]:
    return [
        User(
            tuple(_ids(row["liked"])), frozenset(_ids(row["positives"])), tuple(_ids(row["negatives"])),
            str(row["description"]), str(row["description"]).count(";") + 1,
        )
        for row in _lines("dev")
        if row["dataset"] == "lists"
    ]  # fmt: skip


def _ids(value: object) -> list[str]:
    assert isinstance(value, list)  # noqa: S101 - the shape of the bench's own files
    return [str(each) for each in value]


def _with(users: Sequence[User], ranked: Sequence[list[Ranked]]) -> list[tuple[User, list[Ranked]]]:
    return list(zip(users, ranked, strict=True))


def _ranked(
    user: User, papers: Mapping[str, Paper], background: Background, examples: int, *, about: bool
) -> list[Ranked]:
    liked = user.liked[-examples:]
    profile = Profile(
        like=tuple(f"arXiv:{id_}" for id_ in liked), about=user.about if about else "", trending=0.0
    )
    known = Background(background.idf, background.unseen, known_by([papers[id_] for id_ in liked]))
    return rank([papers[id_] for id_ in (*sorted(user.wanted), *user.others)], profile, known)


# ── Measures ──────────────────────────────────────────────────────────────────────────────────────


def _measured(
    user: User, first: Sequence[Ranked], papers: Mapping[str, Paper], background: Background
) -> tuple[float, int, int]:
    """Return nDCG@10, how many interests the papers tell of, and of how many."""
    ids = [next(iter(each.paper.identifiers)).value for each in first]
    discounts = [1 / math.log2(at + 2) for at in range(_FIRST)]
    ideal = math.fsum(discounts[: min(_FIRST, len(user.wanted))])
    gain = math.fsum(d for d, id_ in zip(discounts, ids, strict=False) if id_ in user.wanted)
    groups = _groups(user, papers, background)
    told = {groups[id_] for id_ in ids if id_ in user.wanted}
    return gain / ideal, len(told), len({groups[id_] for id_ in user.wanted})


_known_groups: dict[User, dict[str, int]] = {}


def _groups(user: User, papers: Mapping[str, Paper], background: Background) -> dict[str, int]:
    """Part a user's papers into as many groups as they have lists."""
    if user not in _known_groups:
        ids = [*user.liked, *sorted(user.wanted)]
        vectors = [
            unit_vector(papers[i].title, papers[i].abstract, background.idf, background.unseen)
            for i in ids
        ]
        likeness = [[cosine(one, other) for other in vectors] for one in vectors]
        begun = [random.Random(seed).sample(range(len(ids)), user.lists) for seed in range(5)]  # noqa: S311
        parted = [_medoids(likeness, each) for each in begun]
        best = max(parted, key=lambda medoids: _fit(likeness, medoids))
        _known_groups[user] = {id_: _nearest(likeness, at, best) for at, id_ in enumerate(ids)}
    return _known_groups[user]


def _nearest(likeness: Sequence[Sequence[float]], at: int, medoids: Sequence[int]) -> int:
    return max(range(len(medoids)), key=lambda place: (likeness[at][medoids[place]], -place))


def _fit(likeness: Sequence[Sequence[float]], medoids: Sequence[int]) -> float:
    return math.fsum(max(row[medoid] for medoid in medoids) for row in likeness)


def _medoids(likeness: Sequence[Sequence[float]], begin: Sequence[int]) -> list[int]:
    medoids = list(begin)
    for _ in range(20):
        groups: list[list[int]] = [[] for _ in medoids]
        for at in range(len(likeness)):
            groups[_nearest(likeness, at, medoids)].append(at)
        moved = [
            max(group, key=lambda one: math.fsum(likeness[one][o] for o in group)) if group else old
            for group, old in zip(groups, medoids, strict=True)
        ]
        if moved == medoids:
            break
        medoids = moved
    return medoids


def _with_interval(differences: Sequence[float]) -> str:
    """Return a mean with the bootstrap's 95 % interval."""
    draw = random.Random(1)  # noqa: S311 - the same every time
    means = sorted(fmean(draw.choices(differences, k=len(differences))) for _ in range(_RESAMPLES))
    low, high = means[_RESAMPLES // 40], means[-_RESAMPLES // 40]
    return f"{fmean(differences):+.4f} [{low:+.4f}, {high:+.4f}]"
