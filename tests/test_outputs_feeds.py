"""Feeds that every reader reads, in three formats, whose bytes rest when nothing changed."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from xml.etree import ElementTree as ET

import feedparser
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import parse_feed
from bot.models import Identifier, Pick, Scheme
from bot.outputs import syndication
from bot.outputs.feeds import feeds_opml, paper_guid, profile_feed, trending_feed
from bot.outputs.syndication import FORMATS, as_rss
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


def feed(editions=(EDITION, EARLIER, OCTOBER), papers=PAPERS, *, bot=BOT, profile=EXPERTS, **more):
    return profile_feed(
        bot=bot, profile=profile, editions=editions, papers=papers, authority="example.org", **more
    )


def rss(*given, **more):
    return as_rss(feed(*given, **more))


def atom(*given, **more):
    return ET.fromstring(FORMATS["atom"].written(feed(*given, **more)))  # noqa: S314 - our own bytes


def json_feed(*given, **more):
    return json.loads(FORMATS["json"].written(feed(*given, **more)))


def dates(root):
    return [
        datetime.fromisoformat(each.text) for each in root.iterfind(f"{ATOM}entry/{ATOM}updated")
    ]


def trending_rss(**given):
    return as_rss(trending_feed(authority="example.org", **given))


def read(body):
    found = feedparser.parse(io.BytesIO(body))
    assert not found.bozo
    return found


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
    assert item.find(f"{ATOM}updated").text == "2026-11-20T06:29:55+00:00"
    assert "because: sparse activation" in item.find("description").text
    assert "new version v3, 19 November" in item.find("description").text


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
    body = trending_rss(bot=BOT, papers=(FOLDS, JOURNAL, ROUTER), made_at=NOON)
    found = read(body)
    assert [entry.title for entry in found.entries] == [FOLDS.title, JOURNAL.title, ROUTER.title]
    assert "9 votes" in found.entries[0].summary
    assert found.feed.title == "Trending · Morning papers"
    undated = replace(BOUND, published=None)
    quiet = trending_rss(bot=LOCAL, papers=(undated,), made_at=None)
    assert "published" not in read(quiet).entries[0]


@pytest.mark.parametrize("title", ["", "Experts & <b>friends</b>"])
def test_any_profile_title_makes_a_feed(title):
    profile = EXPERTS.model_copy(update={"title": title, "about": ""}).named("experts")
    expected = f"{title or 'experts'} · Morning papers"
    assert channel(rss(profile=profile)).find("title").text == expected


# ── Every format ──────────────────────────────────────────────────────────────────────────────────


def test_all_three_hold_the_same_entries_in_the_same_order_under_the_same_ids():
    of_rss = [(i.find("guid").text, i.find("title").text) for i in channel(rss()).iter("item")]
    of_atom = [
        (e.find(f"{ATOM}id").text, e.find(f"{ATOM}title").text) for e in atom().iter(f"{ATOM}entry")
    ]
    of_json = [(item["id"], item["title"]) for item in json_feed()["items"]]
    assert of_rss == of_atom == of_json
    assert len(of_rss) == 5


@pytest.mark.parametrize("form", FORMATS)
def test_we_read_back_what_we_publish(form):
    papers = parse_feed(FORMATS[form].written(feed()), "https://papers.example.org/feeds/experts")
    assert [paper.title for paper in papers] == [
        ROUTER.title,
        "An O(√n) Lower Bound for Top-k Gating with k<n Experts",
        "Sparse Activation in the Trigger of a Very Large Detector",
        JOURNAL.title,
        REPLACED.title,
    ]
    for paper, source in zip(
        papers, (ROUTER, BOUND, PAPERS[90003], JOURNAL, REPLACED), strict=True
    ):
        assert source.identifiers <= paper.identifiers
    assert papers[1].authors == ("André Kowalczyk", "Mei-Ling Zhão")


@pytest.mark.parametrize("form", FORMATS)
def test_no_format_changes_a_byte_when_nothing_changed(form):
    shuffled = tuple(replace(e, picks=e.picks[::-1]) for e in (OCTOBER, EARLIER, EDITION))
    write = FORMATS[form].written
    assert write(feed(shuffled, dict(reversed(PAPERS.items())))) == write(feed())


@pytest.mark.parametrize("form", FORMATS)
def test_hostile_text_is_text_in_every_format(form):
    mark = "]]></title><script>alert(1)</script>\x0b\ufffe\ud800\u202e&amp;<b>x</b>\"'"
    bad = replace(
        ROUTER, title=mark, abstract=mark, authors=(mark,), categories=(mark,), venue=mark,
        identifiers=ROUTER.identifiers | {Identifier(Scheme.DOI, f"10.1/{mark}")},
    )  # fmt: skip
    profile = EXPERTS.model_copy(update={"title": mark, "about": mark}).named("experts")
    bot = BOT.model_copy(update={"title": mark, "language": mark})
    body = FORMATS[form].written(
        feed((EDITION,), PAPERS | {ROUTER.id: bad}, bot=bot, profile=profile)
    )
    if form == "json":
        item = json.loads(body)["items"][0]
        title, content = item["title"], item["content_html"]
    else:
        root = ET.fromstring(body)  # noqa: S314 - our own bytes
        entry = next(root.iter("item"), root.find(f"{ATOM}entry"))
        title = next(each.text for each in entry if each.tag.endswith("title"))
        content = next(each.text for each in entry if each.tag.endswith(("description", "content")))
    assert title.startswith("]]></title><script>alert(1)</script>")
    assert "<script" not in content
    for sign in ("\u202e", "\x0b", "\ufffe"):
        assert sign not in body.decode()


# ── Atom ──────────────────────────────────────────────────────────────────────────────────────────


def test_atom_has_all_that_the_standard_asks_for():
    root = atom()
    for name in ("id", "title", "updated"):
        assert root.find(f"{ATOM}{name}").text
    links = {link.attrib["rel"]: link.attrib["href"] for link in root.iterfind(f"{ATOM}link")}
    assert links == {
        "self": "https://papers.example.org/feeds/experts.atom",
        "alternate": "https://papers.example.org/p/experts/",
    }
    for entry in root.iter(f"{ATOM}entry"):
        assert entry.find(f"{ATOM}author/{ATOM}name").text
        assert entry.find(f"{ATOM}updated").text
        assert entry.find(f"{ATOM}content").attrib == {"type": "html"}


def test_an_entry_without_authors_is_by_the_house():
    papers = PAPERS | {ROUTER.id: replace(ROUTER, authors=())}
    assert atom(papers=papers).find(f"{ATOM}entry/{ATOM}author/{ATOM}name").text == "Morning papers"


def test_no_two_entries_have_the_same_date_and_the_best_has_the_latest():
    found = dates(atom((EDITION,)))
    assert found == sorted(set(found), reverse=True)
    at_once = tuple(replace(EARLIER, number=n, id=n, picks=(Pick(1, n + 1000),)) for n in range(9))
    papers = {n + 1000: replace(arxiv_paper(91000 + n, f"{n}"), id=n + 1000) for n in range(9)}
    assert len(set(dates(atom(at_once, papers)))) == 9


def test_a_new_version_moves_the_date_and_nothing_else():
    picked = replace(EDITION, picks=(Pick(1, ROUTER.id, version=1), Pick(2, BOUND.id, version=1)))
    came = NOON + timedelta(hours=14)
    before = atom((picked,), changed={ROUTER.id: came})
    after = atom(
        (picked,), PAPERS | {ROUTER.id: replace(ROUTER, version=2)}, changed={ROUTER.id: came}
    )
    ids = [
        [e.find(f"{ATOM}id").text for e in root.iter(f"{ATOM}entry")] for root in (before, after)
    ]
    assert ids[0] == ids[1]
    assert dates(before)[0] == NOON
    assert timedelta(0) <= dates(after)[0] - came < timedelta(minutes=1)
    assert dates(before)[1] == dates(after)[1]
    told = as_rss(
        feed((picked,), PAPERS | {ROUTER.id: replace(ROUTER, version=2)}, changed={ROUTER.id: came})
    )
    assert channel(told).find(f"item/{ATOM}updated") is not None


def test_an_empty_feed_is_dated_by_the_year_it_was_founded():
    root = atom(())
    assert root.find(f"{ATOM}updated").text == "2026-01-01T00:00:00+00:00"
    assert root.find(f"{ATOM}entry") is None
    assert json_feed(())["items"] == []


def test_trending_dates_stay_where_they_are_when_the_order_changes():
    risen = [replace(paper, first_seen=NOON) for paper in (ROUTER, BOUND, REPLACED)]

    def told(papers):
        found = trending_feed(bot=BOT, papers=papers, authority="example.org", made_at=NOON)
        return {entry.id: entry.updated for entry in found.entries}

    assert told(risen) == told(risen[::-1])
    assert len(set(told(risen).values())) == 3


# ── JSON Feed ─────────────────────────────────────────────────────────────────────────────────────


def test_json_feed_says_what_its_standard_names():
    told = json_feed()
    assert told["version"] == "https://jsonfeed.org/version/1.1"
    assert told["feed_url"] == "https://papers.example.org/feeds/experts.json"
    assert told["home_page_url"] == "https://papers.example.org/p/experts/"
    item = told["items"][0]
    assert item["url"] == "https://arxiv.org/abs/2611.90001"
    assert item["authors"][0] == {"name": "Imara Thistlewood"}
    assert item["tags"] == ["cs.LG", "cs.CL"]
    assert item["content_html"].startswith("<p><em>because: expert routing")
    assert datetime.fromisoformat(item["date_published"]) == NOON
    local = json_feed(bot=LOCAL)
    assert "feed_url" not in local
    assert "home_page_url" not in local


# ── OPML ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("bot", "base"), [(BOT, "https://papers.example.org/"), (LOCAL, "")])
def test_the_list_of_feeds_names_every_one(bot, base):
    root = ET.fromstring(feeds_opml(bot, (EXPERTS,)))  # noqa: S314 - our own bytes
    assert root.attrib == {"version": "2.0"}
    outlines = [outline.attrib for outline in root.iter("outline")]
    assert [outline["title"] for outline in outlines] == ["Mixture of experts", "Trending"]
    assert outlines[0]["xmlUrl"] == f"{base}feeds/experts.rss"
    assert outlines[0]["htmlUrl"] == f"{base}p/experts/"
    assert all(outline["type"] == "rss" and outline["text"] for outline in outlines)


_VALUES = st.recursive(
    st.text(),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(), inside, max_size=3),
)


@given(_VALUES)
def test_json_is_set_out_as_the_standard_library_does(value):
    told = syndication._indented(value, "\n")  # noqa: SLF001
    assert told == json.dumps(value, ensure_ascii=False, indent=1)
