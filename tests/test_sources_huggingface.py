from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from bot.config import SourceSettings
from bot.errors import ParseError
from bot.models import Document, Event, Identifier, Parsed, Rel, Scheme, SourceState, Stamp
from bot.sources import parse, request

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SOURCE = SourceSettings(name="hf", kind="huggingface")

ENTRY = {
    "paper": {
        "id": "2611.00001",
        "authors": [
            {"name": "A One", "hidden": False},
            {"name": "Nobody", "hidden": True},
            {"name": " B\n Two "},
            {"user": {}},
            None,
        ],
        "publishedAt": "2026-11-20T03:18:29.000Z",
        "submittedOnDailyAt": "2026-11-23T00:24:18.639Z",
        "title": "Routing\n of experts",
        "summary": "We route $a<b$.\nWell.",
        "upvotes": 42,
        "githubRepo": "https://github.com/a/b",
        "projectPage": "javascript:alert(1)",
        "ai_keywords": ["x"],
    },
    "publishedAt": "2026-11-19T22:18:29.000Z",
    "title": "Routing",
    "numComments": 3,
}


def read(value: object, now: datetime = NOW) -> Parsed:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return parse(SOURCE, Document("https://huggingface.co/api/daily_papers", body), now)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("", "https://huggingface.co/api/daily_papers?limit=100"),
        ("http://127.0.0.1:1/", "http://127.0.0.1:1/api/daily_papers?limit=100"),
        ("https://h.example/api/daily_papers?p=2", "https://h.example/api/daily_papers?p=2"),
    ],
)
def test_the_days_list_is_asked_for(url, expected):
    source = SourceSettings(name="hf", kind="huggingface", url=url)
    assert request(source, SourceState("hf"), NOW).url == expected


def test_an_entry_becomes_a_sighting_with_votes_and_links():
    (sighting,) = read([ENTRY]).sightings
    paper = sighting.paper
    assert paper.title == "Routing of experts"
    assert paper.authors == ("A One", "B Two")
    assert paper.abstract == "We route $a<b$. Well."
    assert paper.identifiers == {Identifier(Scheme.ARXIV, "2611.00001")}
    assert paper.published == datetime(2026, 11, 20, 3, 18, 29, tzinfo=UTC)
    assert (paper.votes, paper.comments) == (sighting.votes, sighting.comments) == (42, 3)
    assert sighting.event is Event.SEEN
    assert sighting.at == datetime(2026, 11, 23, 0, 24, 18, 639000, tzinfo=UTC)
    assert sighting.guid == "arxiv:2611.00001"
    assert paper.link(Rel.CODE) == "https://github.com/a/b"
    assert paper.link(Rel.DISCUSSION) == "https://huggingface.co/papers/2611.00001"
    assert paper.link(Rel.PROJECT) == ""  # no web address
    assert dict(paper.stamps)["title"] == Stamp(10, 0, "2026-11-20")


def test_everything_but_the_id_is_optional():
    (sighting,) = read([{"paper": {"id": "2611.00001"}}]).sightings
    assert sighting.paper.title == "arXiv:2611.00001"
    assert (sighting.votes, sighting.comments, sighting.at) == (None, None, None)


@pytest.mark.parametrize(
    "fields",
    [
        {"upvotes": "many"},
        {"upvotes": -1},
        {"upvotes": True},
        {"upvotes": 10**30},
        {"publishedAt": "yesterday"},
        {"publishedAt": "0001-01-01T00:00:00+14:00"},
        {"publishedAt": 5},
        {"authors": "A One"},
        {"title": None},
        {"githubRepo": "https://[", "summary": ["x"]},
    ],
)
def test_a_field_of_the_wrong_kind_is_as_good_as_none(fields):
    (sighting,) = read([{"paper": {"id": "2611.00001v2", **fields}}]).sightings
    assert sighting.paper.identifiers == {Identifier(Scheme.ARXIV, "2611.00001")}
    assert (sighting.votes, sighting.paper.published) == (None, None)


def test_malformed_entries_are_skipped_with_a_warning():
    parsed = read([ENTRY, {}, None, 7, {"paper": {"id": "x"}}, {"paper": []}])
    assert len(parsed.sightings) == 1
    assert parsed.warnings == (
        "huggingface.co sent 5 entries that are no papers; they were skipped",
    )


def test_an_empty_weekend_is_explained_and_an_empty_weekday_is_just_empty():
    sunday = datetime(2026, 11, 22, 12, tzinfo=UTC)
    assert read([], sunday).quiet == "Hugging Face lists no papers on a Sunday"
    assert read([], NOW) == Parsed(())


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "huggingface.co sent an empty document"),
        (b"<html>", "huggingface.co sent a web page (HTML) instead of a list of papers"),
        (b"nope", "huggingface.co sent something that is no JSON instead of a list of papers"),
        (
            b"\xff\xfe\xfd",
            "huggingface.co sent something that is no JSON instead of a list of papers",
        ),
        (
            b"[" * 100_000,
            "huggingface.co sent something that is no JSON instead of a list of papers",
        ),
        (
            b'[{"paper":',
            "huggingface.co sent something that is no JSON instead of a list of papers",
        ),
        (b"3", "huggingface.co sent JSON that is no list of papers"),
        (b"{}", "huggingface.co sent JSON that is no list of papers"),
        (b'{"error": "Rate\\nlimit"}', "huggingface.co answered with an error: Rate limit"),
        (b"[{}, {}]", "huggingface.co sent 2 entries, none of which is a paper"),
    ],
)
def test_what_is_no_list_of_papers_is_an_error(body, problem):
    with pytest.raises(ParseError) as caught:
        read(body)
    assert str(caught.value) == problem
