"""RSS that every reader reads, and whose bytes rest when nothing changed."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import timedelta
from email.utils import parsedate_to_datetime
from xml.etree import ElementTree as ET

import feedparser
import pytest
from bot.models import Identifier, Pick, Scheme
from bot.outputs.feeds import paper_guid, profile_rss, trending_rss

from outputs_samples import (
    BOT,
    BOUND,
    EARLIER,
    EDITION,
    EXPERTS,
    FOLDS,
    JOURNAL,
    LOCAL,
    NOON,
    OCTOBER,
    PAPERS,
    REPLACED,
    ROUTER,
    arxiv_paper,
)

ATOM = "{http://www.w3.org/2005/Atom}"


def rss(editions=(EDITION, EARLIER, OCTOBER), papers=PAPERS, *, bot=BOT, profile=EXPERTS):
    return profile_rss(
        bot=bot, profile=profile, editions=editions, papers=papers, authority="example.org"
    )


def read(body):
    feed = feedparser.parse(io.BytesIO(body))
    assert not feed.bozo
    return feed


def channel(body):
    return ET.fromstring(body).find("channel")  # noqa: S314 - our own bytes


def test_a_reader_reads_back_titles_links_and_guids():
    entries = read(rss()).entries
    assert [(entry.title, entry.link, entry.id) for entry in entries][:2] == [
        (ROUTER.title, "https://arxiv.org/abs/2611.90001",
         "tag:example.org,2026:paper/arxiv/2611.90001"),
        ("An O(√n) Lower Bound for Top-k Gating with k<n Experts", "https://arxiv.org/abs/2611.90002",
         "tag:example.org,2026:paper/arxiv/2611.90002"),
    ]  # fmt: skip
    assert [tag.term for tag in entries[0].tags] == ["cs.LG", "cs.CL"]
    assert entries[0].author.startswith("Imara Thistlewood, Joon-ho Bae")
    assert entries[0].comments == "https://huggingface.co/papers/2611.90001"


def test_a_guid_is_no_link_and_names_its_authority_and_key():
    for item in channel(rss()).iter("item"):
        assert item.find("guid").attrib == {"isPermaLink": "false"}
        assert item.find("author") is None
    doi = Identifier(Scheme.DOI, "10.1/a b<c>")
    assert paper_guid("example.org,2031", doi) == "tag:example.org,2031:paper/doi/10.1/a%20b%3Cc%3E"


def test_reasons_and_the_whole_abstract_are_clean_html():
    summary = read(rss()).entries[0].summary
    assert summary.startswith("<p><em>because: expert routing, Imara Thistlewood,")
    assert "31% fewer routed tokens" in summary
    assert "a small theory of why.</p>" in summary
    assert '<a href="https://github.com/example/quiet-routers">Code</a>' in summary


def test_a_replaced_paper_moves_up_and_keeps_its_guid_its_date_and_its_reasons():
    items = [i for i in channel(rss()).iter("item") if i.find("title").text == REPLACED.title]
    (item,) = items
    assert parsedate_to_datetime(item.find("pubDate").text) == EARLIER.made_at
    assert item.find(f"{ATOM}updated").text == "2026-11-20T06:30:00+00:00"
    assert "because: sparse activation" in item.find("description").text
    assert "v3 since 19 November" in item.find("description").text


def test_the_same_store_makes_the_same_bytes_whatever_the_order_it_is_read_in():
    shuffled = tuple(replace(e, picks=e.picks[::-1]) for e in (OCTOBER, EARLIER, EDITION))
    assert rss(shuffled, dict(reversed(PAPERS.items()))) == rss()


def test_rising_votes_change_no_byte_of_a_profiles_feed():
    risen = PAPERS | {ROUTER.id: replace(ROUTER, votes=90, comments=30)}
    assert rss(papers=risen) == rss()


def test_without_a_public_address_there_is_no_self_link():
    assert channel(rss()).find(f"{ATOM}link").attrib["href"] == (
        "https://papers.example.org/feeds/experts.rss"
    )
    local = channel(rss(bot=LOCAL))
    assert local.find(f"{ATOM}link") is None
    assert local.find("link").text == "tag:example.org,2026:profile/experts"


def test_the_last_fourteen_editions_are_shown():
    editions = [
        replace(EDITION, number=n, made_at=NOON + timedelta(days=n), picks=(Pick(1, 1000 + n),))
        for n in range(20)
    ]
    papers = {
        1000 + n: replace(arxiv_paper(91000 + n, f"Paper {n}"), id=1000 + n) for n in range(20)
    }
    titles = [entry.title for entry in read(rss(editions, papers)).entries]
    assert titles == [f"Paper {n}" for n in range(19, 5, -1)]


def test_a_feed_without_editions_is_valid_and_undated():
    body = rss(())
    assert read(body).entries == []
    assert b"lastBuildDate" not in body


def test_a_paper_that_the_store_no_longer_has_is_left_out():
    assert len(read(rss(papers={ROUTER.id: ROUTER})).entries) == 1


def test_hostile_text_stays_text():
    bad = replace(
        ROUTER,
        title="]]></title><script>alert(1)</script>\x0b\ufffe\ud800\u202e & <b>x</b>",
        abstract="<img src=x onerror=alert(1)> \x00 ]]> &amp; a<b",
        authors=("<i>A</i>\x1b",),
        categories=("</category>",),
    )
    entry = read(rss((EDITION,), PAPERS | {ROUTER.id: bad})).entries[0]
    raw = channel(rss((EDITION,), PAPERS | {ROUTER.id: bad})).find("item")
    assert raw.find("title").text.startswith("]]></title><script>alert(1)</script>")
    assert "\u202e" not in raw.find("title").text
    assert "<img" not in raw.find("description").text
    assert "&lt;img" in raw.find("description").text
    assert entry.id == "tag:example.org,2026:paper/arxiv/2611.90001"


def test_trending_is_in_the_order_given_with_votes():
    body = trending_rss(
        bot=BOT, papers=(FOLDS, JOURNAL, ROUTER), authority="example.org", made_at=NOON
    )
    feed = read(body)
    assert [entry.title for entry in feed.entries] == [FOLDS.title, JOURNAL.title, ROUTER.title]
    assert "9 votes" in feed.entries[0].summary
    assert feed.feed.title == "Trending · Morning papers"
    undated = replace(BOUND, published=None)
    quiet = trending_rss(bot=LOCAL, papers=(undated,), authority="example.org", made_at=None)
    assert "published" not in read(quiet).entries[0]


@pytest.mark.parametrize("title", ["", "Experts & <b>friends</b>"])
def test_any_profile_title_makes_a_feed(title):
    profile = EXPERTS.model_copy(update={"title": title, "about": ""}).named("experts")
    expected = f"{title or 'experts'} · Morning papers"
    assert channel(rss(profile=profile)).find("title").text == expected
