"""What a hostile or broken feed may cost: a refusal in a sentence, in no time."""

from __future__ import annotations

import contextlib
import html
import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import parse_feed
from bot.config import SourceSettings
from bot.errors import ParseError
from bot.models import Document
from bot.sources import parse
from bot.sources.freshness import not_skipped, time_to_live
from bot.sources.margins import read_margins
from bot.text import inert, plain

HEAD = b'<?xml version="1.0"?><rss version="2.0"><channel><title>Hostile</title>'
TAIL = b"</channel></rss>"


def item(inside: bytes = b"") -> bytes:
    return b"<item><title>A paper</title><link>https://example.org/1</link>" + inside + b"</item>"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (item(b"".join(b"<category>c%d</category>" % n for n in range(100_000))), "categories"),
        (item(b"".join(b"<dc:subject>c%d</dc:subject>" % n for n in range(2_000))), "categories"),
        (item() * 20_001, "entries at once"),
        (b"<a>" * 600_000, "tags"),
    ],
    ids=["categories", "subjects", "entries", "tags"],
)
def test_what_would_take_hours_is_refused_at_once(body, words):
    begun = time.process_time()
    with pytest.raises(ParseError, match=words):
        parse_feed(HEAD + body + TAIL, "https://feeds.example/x")
    assert time.process_time() - begun < 2


def test_a_paper_of_a_thousand_categories_and_three_thousand_authors_is_read():
    many = b"".join(b"<category>c%d</category>" % n for n in range(900))
    many += b"".join(b"<author>Person %d</author>" % n for n in range(3_000))
    (paper,) = parse_feed(HEAD + item(many) + TAIL, "https://feeds.example/x")
    assert paper.title == "A paper"


def test_an_address_with_a_misleading_name_in_it_is_no_link():
    hostile = (
        b"<item><title>A paper</title><link>https://arxiv.org@evil.example/x</link>"
        b"<guid>one</guid></item>"
    )
    (paper,) = parse_feed(HEAD + hostile + TAIL, "https://feeds.example/x")
    assert not any("evil" in link.href for link in paper.links)


# Each of these once took a pattern or a library minutes, years or for ever: it tried every way to
# divide the text, or looked for an end from every beginning.
ENDLESS = {
    "comments before what is no page": b"<!---->" * 280 + b"x",
    "an identifier of half a megabyte": HEAD
    + item(b"<dc:identifier>" + b"/10.1234/" * 60_000 + b" x</dc:identifier>")
    + TAIL,
}


@pytest.mark.parametrize("name", ENDLESS)
def test_what_once_took_for_ever_is_read_or_refused_in_no_time(name):
    begun = time.process_time()
    with contextlib.suppress(ParseError):
        parse_feed(ENDLESS[name], "https://feeds.example/x")
    assert time.process_time() - begun < 10


@pytest.mark.parametrize(
    "inside",
    [
        b"<title>" + b"(arXiv:" * 60_000 + b"</title>",
        b"<title>T</title><dc:creator>" + b"&lt;a" * 50_000 + b"</dc:creator>",
    ],
    ids=["old titles", "links around names"],
)
def test_an_endless_announcement_is_read_in_no_time(inside):
    body = (
        b'<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><item>' + inside
    )
    body += b"<guid>oai:arXiv.org:2611.00001v1</guid></item></channel></rss>"
    begun = time.process_time()
    source = SourceSettings(name="ml", kind="arxiv", categories=("cs.LG",))
    parsed = parse(
        source, Document("https://rss.example/", body), datetime(2026, 11, 23, tzinfo=UTC)
    )
    assert len(parsed.sightings) == 1
    assert time.process_time() - begun < 10


def test_identifiers_without_an_end_are_looked_for_once():
    begun = time.process_time()
    assert read_margins(HEAD + b"<dc:identifier " * 490_000, 1) is None
    assert time.process_time() - begun < 2


@pytest.mark.parametrize("beginning", [b"<skipDays>", b"<skipHours>", b"<ttl> "])
def test_a_head_of_nothing_but_beginnings_holds_nobody_up(beginning):
    begun, at = time.process_time(), datetime(2026, 11, 23, tzinfo=UTC)
    body = b"<rss><channel>" + beginning * 500_000
    assert not_skipped(at, body) == at
    assert time_to_live(body) == timedelta()
    assert time.process_time() - begun < 1


def test_text_of_nothing_but_what_a_parser_stumbles_over_is_plain_in_no_time():
    begun = time.process_time()
    for each in ("&", "&a", "<"):
        assert len(plain(each * 400_000)) <= 400_000
    assert time.process_time() - begun < 10


@given(st.text(alphabet="&<>;#xlt gamp\ufdd0\u00e91a/b", max_size=60))
def test_a_reference_is_read_once_whatever_stands_around_it(fragment):
    escaped = html.escape(fragment, quote=False)
    assert plain(escaped) == " ".join(inert(fragment.replace("\ufdd0", "")).split())
