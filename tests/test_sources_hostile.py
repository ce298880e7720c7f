"""Whatever a service puts in a field's place: a reading, or a sentence for people, and no crash."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.config import SourceSettings
from bot.errors import ParseError
from bot.models import Document, Identifier, Paper, Scheme
from bot.sources import KINDS, parse
from bot.sources.enrichment import SERVICES
from support_collect import preprint, preprint_page
from support_services import article, article_set, note, work, works_page

T = TypeVar("T")
NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)
MANY = settings(max_examples=100, deadline=None)

WORK = work(
    1, NOW, abstract="<jats:p>We route.</jats:p>", subtitle=["x"], resource={"primary": {"URL": "u"}},
    relation={"has-preprint": [{"id": "10.1101/1", "id-type": "doi"}]},
    issued={"date-parts": [[2026, 11, 3]]},
)  # fmt: skip
DAILY = [{
    "paper": {"id": "2611.00001", "title": "T", "summary": "S", "upvotes": 3, "publishedAt":
              "2026-11-20T03:18:29.000Z", "submittedOnDailyAt": "2026-11-20T03:18:29.000Z",
              "authors": [{"name": "A", "hidden": False}], "organization": {"name": "lab"},
              "githubRepo": "https://github.com/a/b", "projectPage": "https://a.example"},
    "numComments": 1,
}]  # fmt: skip
SCHOLAR = [{"externalIds": {"DOI": "10.5555/1"}, "abstract": "A", "venue": "V",
            "citationCount": 3, "tldr": {"text": "T"}}]  # fmt: skip
SEARCH = {"esearchresult": {"count": "1", "idlist": ["1"], "errorlist": {"phrasesnotfound": ["x"]}}}

BODIES: dict[str, object] = {
    "huggingface": DAILY,
    "biorxiv": json.loads(preprint_page([preprint(1)], 0, 1)),
    "medrxiv": json.loads(preprint_page([preprint(1)], 0, 1)),
    "crossref": json.loads(works_page([WORK], 1)),
    "openreview": {"notes": [note(1, NOW)], "count": 1},
    "pubmed": SEARCH,
}

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30)
    | st.sampled_from(["0001-01-01", "9999-12-31", "10.1/x", "javascript:alert(1)", "\ud800", "<b>",
                       10**400, -1, 1e308]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


def places(value: object, path: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    """Every place in a JSON value, the whole of it included."""
    below: list[tuple[object, object]] = []
    if isinstance(value, dict):
        below = list(value.items())
    elif isinstance(value, list):
        below = list(enumerate(value))
    return [path, *(found for key, inner in below for found in places(inner, (*path, key)))]


def with_other(value: object, path: tuple[object, ...], other: object) -> object:
    if not path:
        return other
    changed = copy.deepcopy(value)
    at = changed
    for key in path[:-1]:
        at = at[key]  # type: ignore[index]
    at[path[-1]] = other  # type: ignore[index]
    return changed


def answered(read: Callable[[], list[T]]) -> list[T]:
    """What was read; nothing where it was refused, if that was in a sentence for people."""
    said = ""
    try:
        return read()
    except ParseError as error:
        said = str(error)
    assert said.startswith("service.example ")
    assert len(said) < 500
    return []


@dataclass
class Reading:
    of: Callable[[Document], list[Paper]]

    def check(self, body: bytes) -> None:
        for paper in answered(lambda: self.of(Document("https://service.example/x", body))):
            assert paper.title == paper.title.strip() != ""
            assert len(paper.title) <= 2000
            assert paper.identifiers
            assert paper.published is None or paper.published <= NOW
            assert all(link.href.startswith(("https://", "http://")) for link in paper.links)
            json.dumps([paper.title, paper.abstract, *paper.authors]).encode("utf-8")
            "".join([paper.title, paper.abstract, *paper.authors, paper.venue]).encode("utf-8")


def reading(kind: str) -> Reading:
    source = SourceSettings(name="s", kind=kind, categories=("cs.LG",) if kind == "arxiv" else ())
    return Reading(lambda document: [s.paper for s in parse(source, document, NOW).sightings])


def test_every_kind_that_speaks_json_is_here():
    assert KINDS.keys() - BODIES.keys() == {"arxiv", "feed"}


@pytest.mark.parametrize("kind", sorted(BODIES))
@MANY
@given(data=st.data())
def test_anything_in_a_fields_place_is_read_or_refused_in_a_sentence(kind, data):
    body = BODIES[kind]
    path = data.draw(st.sampled_from(places(body)))
    reading(kind).check(json.dumps(with_other(body, path, data.draw(anything))).encode())


@pytest.mark.parametrize("kind", sorted(KINDS))
@MANY
@given(body=st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_in_a_sentence(kind, body):
    reading(kind).check(body)


WHOLE = article_set(article(7, "2026/11/18", extra="<Abstract><AbstractText Label='A'>W</AbstractText>"
                            "</Abstract><AuthorList><Author><LastName>B</LastName></Author>"
                            "</AuthorList>")).encode()  # fmt: skip


@MANY
@given(at=st.integers(0, len(WHOLE) - 1), instead=st.binary(max_size=12), gone=st.integers(0, 30))
def test_articles_with_a_piece_torn_out_are_read_or_refused_in_a_sentence(at, instead, gone):
    reading("pubmed").check(WHOLE[:at] + instead + WHOLE[at + gone :])


@pytest.mark.parametrize(
    ("service", "body"), [("semantic-scholar", SCHOLAR), ("crossref", BODIES["crossref"])]
)
@MANY
@given(data=st.data())
def test_anything_a_service_adds_is_read_or_refused_in_a_sentence(service, body, data):
    doi = Identifier(Scheme.DOI, "10.5555/j.1")
    paper = Paper("T", frozenset({doi}))
    path = data.draw(st.sampled_from(places(body)))
    told = json.dumps(with_other(body, path, data.draw(anything))).encode()
    document = Document("https://service.example/x", told)
    found = answered(lambda: SERVICES[service].read([paper], document))
    assert len(found) <= 1
    for said in filter(None, found):
        f"{said.abstract}{said.venue}{said.tldr}".encode()
        assert said.citations is None or 0 <= said.citations < 2**31
