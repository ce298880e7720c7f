"""JSON Feed 1.0 and 1.1 in a source of kind `feed`, and in `parse_feed`."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from bot.config import SourceSettings
from bot.errors import ParseError
from bot.models import Document, Paper, Rel
from bot.sources import entries, jsonfeed, parse, parse_feed
from support_collect import DATA

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SOURCE = SourceSettings(name="j", kind="feed", url="https://j.example/feed.json")


def feed(*items: object, version: str = "1.1", **said: object) -> bytes:
    told = {"version": f"https://jsonfeed.org/version/{version}", "title": "J", "items": items}
    return json.dumps(told | said).encode()


def item(**said: object) -> dict[str, object]:
    return {"id": "1", "url": "https://j.example/1", "title": "T", "content_text": "D"} | said


def only(**said: object) -> Paper:
    (paper,) = parse_feed(feed(item(**said)), SOURCE.url)
    return paper


def test_an_item_becomes_a_paper_with_all_it_says():
    body = feed(item(
        id="https://doi.org/10.1000/X",
        authors=[{"name": "Ada Example"}, {"url": "https://nobody.example"}, {"name": "Ben Other"}],
        date_published="2026-11-20T08:00:00-05:00", date_modified="2026-11-21T08:00:00Z",
        tags=["routing", "experts", 3], content_html="<p>We <b>route</b>.</p>", content_text="",
        attachments=[{"url": "https://j.example/1.pdf", "mime_type": "application/pdf"}, "x"],
    ))  # fmt: skip
    parsed = parse(SOURCE, Document(SOURCE.url, body), NOW)
    (sighting,) = parsed.sightings
    paper = sighting.paper
    assert (paper.title, paper.abstract, parsed.warnings) == ("T", "We route.", ())
    assert paper.authors == ("Ada Example", "Ben Other")
    assert paper.categories == ("routing", "experts")
    assert paper.published == datetime(2026, 11, 20, 13, tzinfo=UTC)
    assert {str(i) for i in paper.identifiers} == {"doi:10.1000/x", "url:https://j.example/1"}
    assert paper.link(Rel.ABSTRACT) == "https://j.example/1"
    assert paper.link(Rel.PDF) == "https://j.example/1.pdf"
    assert dict(paper.stamps)["title"].updated == "2026-11-21"
    assert sighting.guid == "https://doi.org/10.1000/X"


@pytest.mark.parametrize(
    ("said", "names"),
    [
        ({"author": {"name": "Ada Example"}}, ("Ada Example",)),  # 1.0
        ({"authors": [{"name": "Ada Example"}]}, ("Ada Example",)),  # 1.1
        ({"author": {"name": "Old"}, "authors": [{"name": "New"}]}, ("New",)),
        ({"author": "Ada", "authors": "Ben"}, ()),
        ({"authors": [{"name": " "}, None]}, ()),
    ],
)
def test_authors_come_in_two_shapes(said, names):
    assert only(**said).authors == names


def test_an_item_without_authors_has_the_feeds():
    body = feed(item(), item(id="2", author={"name": "Ben"}), authors=[{"name": "Ada"}])
    assert [paper.authors for paper in parse_feed(body, "")] == [("Ada",), ("Ben",)]


def test_a_link_blogs_item_is_what_it_points_at():
    paper = only(external_url="https://arxiv.org/abs/2611.00001v2")
    assert "arXiv:2611.00001" in {str(i) for i in paper.identifiers}
    assert paper.link(Rel.ABSTRACT) == "https://arxiv.org/abs/2611.00001v2"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("0", "0"),
        ("Sets with $D<n$ & more", "Sets with $D<n$ & more"),
        ("Let's <think>", "Let's <think>"),
        ("A &#8211; B &amp; C", "A – B & C"),  # not what the format says, but what is sent
        (["no", "text"], "https://j.example/1"),
    ],
)
def test_titles_are_plain_text(said, shown):
    assert only(title=said).title == shown


def test_plain_content_keeps_its_signs_and_paragraphs():
    assert only(content_text="a < b & <c>\n\nd").abstract == "a < b & <c>\n\nd"
    assert only(summary="Short.", content_html="<p>Long.</p>").abstract == "Short."


@pytest.mark.parametrize(
    ("date", "read_as"),
    [
        ("2026-11-20T08:00:00Z", datetime(2026, 11, 20, 8, tzinfo=UTC)),
        ("Fri, 20 Nov 2026 08:00:00 -0700", datetime(2026, 11, 20, 15, tzinfo=UTC)),
        ("soon", None),
        ("", None),
        (20261120, None),
    ],
)
def test_dates_are_read_as_the_format_wants_them_or_as_rss_has_them(date, read_as):
    assert only(date_published=date).published == read_as


def test_ids_may_be_numbers_and_an_item_may_be_nothing_else():
    bare = [{"id": 7}, {"id": 7.5}, {"id": True}, {}]
    papers = parse_feed(feed(*bare), "https://j.example/feed.json")
    assert [paper.title for paper in papers] == ["7", "7.5"]
    elsewhere = parse_feed(feed({"id": 7}), "https://other.example/feed.json")
    assert not papers[0].identifiers & elsewhere[0].identifiers, "another feed's 7 is another"


def test_what_is_no_item_is_skipped_and_too_many_are_cut(monkeypatch):
    monkeypatch.setattr(jsonfeed, "MOST_ENTRIES", 3)
    body = feed(item(), None, item(id="2"), item(id="3"))
    parsed = parse(SOURCE, Document(SOURCE.url, body), NOW)
    assert len(parsed.sightings) == 2
    assert parsed.warnings == (
        "j.example sent 4 entries; only the first 3 were read",
        "j.example sent 1 entries that are none; they were skipped",
    )
    assert entries.MOST_ENTRIES == 5000


@pytest.mark.parametrize("body", [feed(item()), b"\xef\xbb\xbf\n " + feed(item())])
def test_the_body_and_not_its_content_type_tells(body):
    headers = (("content-type", "text/html"),)
    assert len(parse(SOURCE, Document(SOURCE.url, body, headers), NOW).sightings) == 1


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (feed(item())[:-9], "j.example sent JSON that is broken or breaks off"),
        (b'{"a":' * 100_000, "j.example sent JSON that is broken or breaks off"),
        (b'{"error": "gone"}', "j.example sent JSON that is no JSON Feed"),
        (feed(version="2"), "j.example sent JSON that is no JSON Feed"),
        (feed(version=3), "j.example sent JSON that is no JSON Feed"),
        (feed(items={}), "j.example sent a JSON Feed without a list of items"),
    ],
)
def test_other_json_is_an_error_and_never_an_empty_feed(body, problem):
    with pytest.raises(ParseError) as caught:
        parse_feed(body, SOURCE.url)
    assert str(caught.value) == problem


def test_an_empty_feed_is_empty():
    assert parse_feed(feed(), SOURCE.url) == []


CAPTURES = [
    path
    for path in sorted((DATA / "weird_feeds").rglob("*.json"))
    if b"https://jsonfeed.org/version/1" in path.read_bytes().replace(b"\\/", b"/")
    and not path.name.endswith(".serde.json")
]


@pytest.mark.skipif(not CAPTURES, reason="no captures in weird_feeds")
@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.name)
def test_captured_feeds_are_read_whole(path):
    body = path.read_bytes()
    papers = parse_feed(body, "https://j.example/feed.json")
    assert len(papers) == len(json.loads(body)["items"])
    for paper in papers:
        assert paper.title.strip() == paper.title != ""
        assert paper.identifiers
