"""search: 100,000 papers searched warm, and what meaning finds beside words.

Each question is asked three times of one store, common words and slips included; the figure of one is
its quickest CPU time, since machines are shared. Recall: a paper's title is asked (for papers like one,
all of the paper), and of the ten that come first (itself left out) those count that stand on the same
page (`reference_pages`) or that the same person liked (`../shared/bench`, lists and libraries).
"""

from __future__ import annotations

import asyncio
import gzip
import json
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import ParamSpec, TypeVar

from benchmarks.library import NOW, fill, records
from bot.models import Event, Identifier, Paper, Scheme, Sighting, SourceState
from bot.ports import Workers
from bot.store import Store
from bot.text.query import read_query
from bot.workflows import find

P = ParamSpec("P")
T = TypeVar("T")

_SHARED = Path(__file__).parents[2] / "shared"
_COMMON = [
    "the", "of", "a", "learning", "model", "data", "method", "deep learning", "neural network",
    "large language model", "method results data model", "we propose a new method", "a*", "tr*",
    "cat:cs.LG learning", "cat:cs the", "since:2024-01-01 data", "before:2024-06-01 model",
    "title:the", "author:noam", 'author:"N. Bagofi"', "since:2026-01-01",
]  # fmt: skip
_SLIPS = ["transfomer attention", "reinforcment lerning", "Nueral networks", "author:bagoffi",
          "xyzzyplugh quux", "convolutoinal"]  # fmt: skip
_TOP = 10
_USERS, _ASKED = 60, 2


def run(papers: int = 100_000, *, recall: bool = True) -> list[dict[str, object]]:
    """Return rows of latency by what is asked, and with `recall` rows of recall@10."""
    with tempfile.TemporaryDirectory(prefix="search-") as name:
        with Store(Path(name) / "paperround.db") as store:
            fill(store, papers)
            rows = _latency(store, papers)
        return [*rows, *(_recalls(Path(name)) if recall else [])]


# ── How long it takes ─────────────────────────────────────────────────────────────────────────────


def _latency(store: Store, papers: int) -> list[dict[str, object]]:
    titles = [" ".join(title.split()[:4]) for title, _, _ in list(records(600))[::6]]
    quoted = [f'"{" ".join(title.split()[:3])}"' for title in titles[:40]]
    plain = [*titles, *quoted, *_COMMON]

    def searched(typed: str) -> None:
        store.search(read_query(typed), 30)

    def looked(typed: str) -> None:
        asyncio.run(find.look(typed, store, _WORKERS, 30, fill=True))

    def meant(typed: str) -> None:
        asyncio.run(find.by_meaning(typed, store, _WORKERS, 30))

    rows = [
        _row(f"search in {papers:,}: titles, phrases, common words", searched, plain, "<100"),
        _row("of those the common words", searched, _COMMON),
        _row("a page of `serve`, words with slips", looked, _SLIPS, "<100"),
        _row("by words and meaning (light)", meant, titles),
    ]
    known = list(store.recent(papers)[:: papers // 20])

    def alike(number: str) -> None:
        asyncio.run(find.similar(known[int(number)], store, _WORKERS, 10))

    return [*rows, _row("papers like one", alike, [str(n) for n in range(len(known))])]


def _row(
    what: str, ask: Callable[[str], None], asked: Sequence[str], target: str = ""
) -> dict[str, object]:
    taken = sorted(min(_cpu(ask, typed) for _ in range(3)) for typed in asked)
    return {
        "what": what, "asked": len(asked), "median CPU ms": round(taken[len(taken) // 2] * 1e3, 1),
        "p95 CPU ms": round(taken[int(len(taken) * 0.95)] * 1e3, 1),
        "most": round(taken[-1] * 1e3, 1), "target p95": target,
    }  # fmt: skip


def _cpu(ask: Callable[[str], None], typed: str) -> float:
    begin = time.process_time()
    ask(typed)
    return time.process_time() - begin


# ── What it finds ─────────────────────────────────────────────────────────────────────────────────


def _recalls(folder: Path) -> list[dict[str, object]]:
    pages = [json.loads(line) for line in _lines(_SHARED / "data/reference_pages/papers.jsonl")]
    on_page: defaultdict[str, set[str]] = defaultdict(set)
    for row in pages:
        on_page[row["page"]].add(row["title"])
    of_pages = {row["title"]: row["abstract"] or "" for row in pages}
    docs = {row["id"]: row for row in map(json.loads, _lines(_SHARED / "bench/docs.jsonl.gz"))}
    users = [json.loads(line) for line in _lines(_SHARED / "bench/dev.jsonl.gz")]
    liked = [_liked(user, docs) for user in users]
    of_bench = {row["title"]: row["abstract"] for row in docs.values()}
    asked = [sorted(each)[:_ASKED] for each in liked]
    return [
        *_recall("reference_pages", folder / "pages.db", of_pages,
                 [(title, titles) for titles in on_page.values() for title in sorted(titles)]),
        *_recall("bench", folder / "bench.db", of_bench,
                 [(t, titles) for some, titles in zip(asked, liked, strict=True) for t in some]
                 [: _USERS * _ASKED]),
    ]  # fmt: skip


def _liked(user: Mapping[str, object], docs: Mapping[str, Mapping[str, str]]) -> set[str]:
    found: set[str] = set()
    for key in ("liked", "positives"):
        listed = user.get(key)
        if isinstance(listed, list):
            found |= {docs[each]["title"] for each in listed if each in docs}
    return found


def _recall(
    of: str, path: Path, texts: Mapping[str, str], asked: Iterable[tuple[str, set[str]]]
) -> list[dict[str, object]]:
    with Store(path) as store:
        found = [
            Sighting(
                Paper(title, frozenset({Identifier(Scheme.ARXIV, f"2611.{n:05d}")}), abstract=text),
                Event.NEW, NOW,
            )
            for n, (title, text) in enumerate(texts.items())
        ]  # fmt: skip
        store.absorb("x", found, SourceState("x"), NOW, introduces=set(Event))
        store.index_all()
        stored = {paper.title: paper for paper in store.recent(len(texts))}
        ways: dict[str, Callable[[str], list[Paper]]] = {
            "all words (FTS5)": lambda t: _papers(store.search(read_query(_plain(t)), 11)),
            "any word (FTS5)": lambda t: store.with_any(_words(_plain(t)), 11),
            "words and meaning, merged (light)": lambda t: _papers(
                asyncio.run(find.by_meaning(_plain(t), store, _WORKERS, 11))
            ),
            "papers like one": lambda t: [
                each.paper for each in asyncio.run(find.similar(stored[t], store, _WORKERS, 10))
            ],
        }
        questions = [(title, others - {title}) for title, others in asked if len(others) > 1]
        return [
            {
                "what": f"{of}: {name}",
                "asked": len(questions),
                "recall@10": f"{fmean(_share(way(t), t, o) for t, o in questions):.3f}",
            }
            for name, way in ways.items()
        ]


def _share(found: Sequence[Paper], title: str, others: set[str]) -> float:
    first = [paper.title for paper in found if paper.title != title][:_TOP]
    return sum(each in others for each in first) / min(_TOP, len(others))


def _papers(found: Iterable[tuple[Paper, float]]) -> list[Paper]:
    return [paper for paper, _ in found]


def _plain(title: str) -> str:
    return title.replace(":", " ").replace('"', " ")


def _words(typed: str) -> list[str]:
    return [word for clause in read_query(typed).clauses for word in clause.words]


def _lines(path: Path) -> list[bytes]:
    content = path.read_bytes()
    return (gzip.decompress(content) if path.suffix == ".gz" else content).splitlines()


async def _at_once(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    return function(*args, **kwargs)


_WORKERS = Workers(_at_once, _at_once)
