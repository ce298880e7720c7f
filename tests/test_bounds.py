"""What a hostile or broken feed may cost: a refusal in a sentence, in no time."""

from __future__ import annotations

import time

import pytest

from bot import parse_feed
from bot.errors import ParseError

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
