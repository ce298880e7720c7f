"""A library of real titles and abstracts, as many as are asked for, for the stages that need one.

They come from `../shared/bench`; where more are asked for than it has, they come again with half of
their sentences, under another title and other names: words keep the frequencies that people use.
"""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from bot.identity import stamped
from bot.models import Event, Identifier, Paper, Scheme, Sighting, SourceState, Stamp
from bot.store import Store

NOW = datetime(2026, 11, 20, 6, tzinfo=UTC)
_BENCH = Path(__file__).parents[2] / "shared" / "bench"
_GIVEN = "Ada Bruno Chiara Dmitri Elif Freya Goran Halima Imara Joon Kenji Lea Mei Noam".split()
_SOUNDS = "ba de fi go ka lu mi no ra se ti vu wen yos zar".split()
_A_DAY = 300
_AT_ONCE = 5000


def records(count: int) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Yield (title, abstract, categories), the same ones every time; no more are read than it takes."""
    rows = []
    for line in islice(_lines(), count):
        row = json.loads(line)
        rows.append((row["title"], row["abstract"], tuple(row.get("categories") or ("cs.LG",))))
        yield rows[-1]
    for number in range(len(rows), count):
        title, abstract, categories = rows[number % len(rows)]
        draw = random.Random(number)  # noqa: S311 - generated text, the same every time
        sentences = abstract.split(". ")
        abstract = ". ".join(draw.sample(sentences, (len(sentences) + 1) // 2))
        yield f"{title.partition(':')[0]}: {' '.join(abstract.split()[:4])}", abstract, categories


def _lines() -> Iterator[bytes]:
    for name in ("docs", "background"):
        with gzip.open(_BENCH / f"{name}.jsonl.gz") as file:
            yield from file


def paper(number: int, title: str, abstract: str, categories: tuple[str, ...]) -> Paper:
    """Return a record as a paper that came 300 a day, the last of them now."""
    draw = random.Random(number)  # noqa: S311 - generated names, the same every time
    names = (
        f"{draw.choice(_GIVEN)} {''.join(draw.choices(_SOUNDS, k=3)).title()}" for _ in range(4)
    )
    made = Paper(
        title=title,
        identifiers=frozenset(
            {Identifier(Scheme.ARXIV, f"{2001 + number // 90_000}.{number % 90_000:05d}")}
        ),
        authors=tuple(names),
        abstract=abstract,
        categories=categories,
        version=1,
        published=NOW - timedelta(days=1000) + timedelta(days=number // _A_DAY),
    )
    return stamped(made, Stamp(40, 1, "2026-11-20"))


def papers(count: int) -> Iterator[Paper]:
    """Yield so many papers, the same ones every time."""
    for number, record in enumerate(records(count), start=1):
        yield paper(number, *record)


def fill(store: Store, count: int) -> None:
    """Store and index so many papers."""
    waiting: list[Sighting] = []
    for number, made in enumerate(papers(count), start=1):
        waiting.append(Sighting(made, Event.NEW, NOW))
        if len(waiting) == _AT_ONCE or number == count:
            store.absorb("library", waiting, SourceState("library"), NOW, introduces=set(Event))
            waiting = []
    store.index_all()
