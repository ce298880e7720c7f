"""What makes a feed valid, element by element: RSS 2.0, Atom 1.0, JSON Feed 1.1, RFC 5005."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import pytest

from bot import parse_feed
from bot.models import Identifier, Paper, Pick, Scheme
from bot.outputs.feeds import archive_parts, archived_feed, profile_feed, trending_feed
from bot.outputs.pages import site_feeds
from bot.outputs.site import Archive
from bot.outputs.syndication import FORMATS
from outputs_samples import (
    BOT,
    EARLIER,
    EDITION,
    EXPERTS,
    JOURNAL,
    LOCAL,
    NOON,
    OCTOBER,
    PAPERS,
    ROUTER,
    arxiv_paper,
    site,
)

NAMES = {
    "": "",
    "atom": "{http://www.w3.org/2005/Atom}",
    "dc": "{http://purl.org/dc/elements/1.1/}",
    "prism": "{http://prismstandard.org/namespaces/basic/2.0/}",
    "arxiv": "{http://arxiv.org/schemas/atom}",
    "fh": "{http://purl.org/syndication/history/1.0}",
}
RFC822 = re.compile(
    r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) "
    r"\d{4} \d\d:\d\d:\d\d \+0000"
)
RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00")
TAG = re.compile(r"tag:[a-z0-9.-]+,\d{4}(-\d\d){0,2}:[A-Za-z0-9/:;()@!$'*+,=._~%-]+")


def name(short):
    prefix, _, local = short.rpartition(":")
    return NAMES[prefix] + local


def made(form, bot=BOT, editions=(EDITION, EARLIER, OCTOBER)):
    return FORMATS[form].written(
        profile_feed(bot=bot, profile=EXPERTS, editions=editions, papers=PAPERS,
                     authority="example.org")
    )  # fmt: skip


def trending(form):
    return FORMATS[form].written(
        trending_feed(
            bot=BOT,
            papers=(ROUTER, JOURNAL),
            authority="example.org",
            made_at=NOON,
        )
    )


def root(body):
    return ET.fromstring(body)  # noqa: S314 - our own bytes


def texts(element, short):
    return [each.text for each in element.findall(name(short))]


EVERY = [*((made, form) for form in FORMATS), *((trending, form) for form in FORMATS)]
RSS = [made("rss"), made("rss", LOCAL), made("rss", editions=()), trending("rss")]
ATOM = [made("atom"), made("atom", LOCAL), made("atom", editions=()), trending("atom")]
JSON = [made("json"), made("json", LOCAL), made("json", editions=()), trending("json")]


# ── RSS 2.0 ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("body", RSS)
def test_an_rss_channel_has_each_element_once_and_the_three_it_must(body):
    assert body.startswith(b'<?xml version="1.0" encoding="utf-8"?>\n<rss version="2.0" ')
    (channel,) = root(body)
    for must in ("title", "link", "description"):
        assert len(texts(channel, must)) == 1
        assert texts(channel, must)[0]
    for most_once in ("language", "lastBuildDate", "generator", "fh:archive"):
        assert len(texts(channel, most_once)) <= 1
    for date in texts(channel, "lastBuildDate"):
        assert RFC822.fullmatch(date)
    assert urlsplit(texts(channel, "link")[0]).scheme in ("https", "tag")


@pytest.mark.parametrize("body", RSS)
def test_an_rss_item_keeps_every_rule(body):
    guids = []
    for item in root(body).iter("item"):
        for once in ("title", "link", "guid", "description"):
            assert len(texts(item, once)) == 1, once
        for most_once in ("pubDate", "comments", "dc:creator", "atom:updated", "prism:doi",
                          "prism:publicationName", "prism:publicationDate", "arxiv:announce_type",
                          "arxiv:primary_category"):  # fmt: skip
            assert len(texts(item, most_once)) <= 1, most_once
        assert item.find("author") is None, "that one must be a mail address"
        assert item.find("guid").attrib == {"isPermaLink": "false"}
        guids += texts(item, "guid")
        assert all(map(RFC822.fullmatch, texts(item, "pubDate")))
        assert all(map(RFC3339.fullmatch, texts(item, "atom:updated")))
        assert urlsplit(texts(item, "link")[0]).scheme in ("http", "https")
        assert "<" not in texts(item, "title")[0].replace("k<n", ""), "a title is plain text"
        assert all(texts(item, "category"))
        for created in texts(item, "dc:creator"):
            assert "@" not in created
    assert all(map(TAG.fullmatch, guids))
    assert len(set(guids)) == len(guids)


def test_the_self_link_is_the_address_that_is_served():
    for form in ("rss", "atom"):
        links = root(made(form)).iter(name("atom:link"))
        (own,) = (link for link in links if link.attrib["rel"] == "self")
        assert own.attrib["href"] == f"https://papers.example.org/feeds/experts.{form}"
        assert own.attrib["type"] == FORMATS[form].type
    paths = {sheet.path for sheet in site_feeds(site(), "example.org", NOON, {})}
    assert "feeds/experts.rss" in paths


# ── Atom 1.0 ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("body", ATOM)
def test_an_atom_feed_keeps_every_rule(body):
    feed = root(body)
    assert feed.tag == name("atom:feed")
    for once in ("id", "title", "updated"):
        assert len(texts(feed, f"atom:{once}")) == 1
    for most_once in ("subtitle", "generator"):
        assert len(texts(feed, f"atom:{most_once}")) <= 1
    ids, dates = [], []
    for entry in feed.iter(name("atom:entry")):
        for once in ("id", "title", "updated", "content"):
            assert len(texts(entry, f"atom:{once}")) == 1, once
        assert len(texts(entry, "atom:published")) <= 1
        assert texts(entry, "atom:id")[0]
        assert all(
            author.find(name("atom:name")).text for author in entry.iter(name("atom:author"))
        )
        assert entry.find(name("atom:author")) is not None, "an author on every entry"
        assert entry.find(name("atom:title")).attrib == {"type": "text"}
        (link,) = entry.findall(name("atom:link"))
        assert link.attrib["rel"] == "alternate"
        assert all(each.attrib["term"] for each in entry.findall(name("atom:category")))
        ids += texts(entry, "atom:id")
        dates += texts(entry, "atom:updated")
        assert all(map(RFC3339.fullmatch, texts(entry, "atom:published")))
    assert all(map(RFC3339.fullmatch, [*dates, *texts(feed, "atom:updated")]))
    assert all(map(TAG.fullmatch, [*ids, *texts(feed, "atom:id")]))
    assert len(set(ids)) == len(ids)
    assert len(set(dates)) == len(dates), "distinct, as readers tell revisions by them"
    assert texts(feed, "atom:updated")[0] >= max(dates, default="")


# ── JSON Feed 1.1 ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("body", JSON)
def test_a_json_feed_keeps_every_rule(body):
    told = json.loads(body)
    assert told["version"] == "https://jsonfeed.org/version/1.1"
    assert told["title"]
    assert isinstance(told["items"], list)
    for key in ("home_page_url", "feed_url", "next_url"):
        assert key not in told or urlsplit(told[key]).scheme == "https"
    for item in told["items"]:
        assert isinstance(item["id"], str)
        assert isinstance(item["content_html"], str)
        assert all(isinstance(tag, str) for tag in item.get("tags", []))
        assert all(author["name"] for author in item.get("authors", []))
        for key in ("date_published", "date_modified"):
            assert key not in item or datetime.fromisoformat(item[key]).tzinfo
        ours = set(item) - {"id", "url", "title", "content_html", "date_published", "tags",
                            "date_modified", "authors"}  # fmt: skip
        assert all(key.startswith("_") for key in ours), "an extension's name begins so"


def test_a_paper_of_which_only_a_title_is_known_keeps_the_rules_too():
    bare = Paper(title="A title", identifiers=frozenset({Identifier(Scheme.TITLE, "abc")}), id=1)
    linked = replace(bare, identifiers=frozenset({Identifier(Scheme.URL, "https://a.org/x")}), id=2)

    def told(form):
        return FORMATS[form].written(
            trending_feed(bot=BOT, papers=(bare, linked), authority="example.org", made_at=NOON)
        )

    for item in json.loads(told("json"))["items"]:
        assert isinstance(item.get("content_html", item.get("content_text")), str)
    for entry in root(told("atom")).iter(name("atom:entry")):
        content = entry.find(name("atom:content"))
        assert content is not None or entry.find(name("atom:link")) is not None


# ── What papers have besides ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("form", ["rss", "atom"])
def test_a_paper_is_told_in_the_words_of_dublin_core_prism_and_arxiv(form):
    entries = [each for each in root(made(form)).iter() if each.tag in ("item", name("atom:entry"))]
    router, journal, replaced = entries[0], entries[3], entries[4]
    assert texts(router, "dc:identifier") == ["arXiv:2611.90001"]
    assert texts(router, "prism:publicationDate") == ["2026-11-19"]
    assert texts(router, "arxiv:announce_type") == ["new"]
    assert router.find(name("arxiv:primary_category")).attrib == {"term": "cs.LG"}
    assert router.find(name("prism:doi")) is None
    assert texts(journal, "dc:identifier") == ["doi:10.99999/inv-026-00042-x"]
    assert texts(journal, "prism:doi") == ["10.99999/inv-026-00042-x"]
    assert texts(journal, "prism:publicationName") == ["Journal of Invented Results"]
    assert journal.find(name("arxiv:announce_type")) is None
    assert texts(replaced, "arxiv:announce_type") == ["replace"]


def test_the_venue_is_read_back():
    for form in ("rss", "atom"):
        papers = parse_feed(made(form), "https://papers.example.org/feeds/experts")
        assert papers[3].venue == JOURNAL.venue


# ── What came before (RFC 5005) ───────────────────────────────────────────────────────────────────


def many(count, first=1):
    """So many editions of a paper each, and the papers."""
    editions = tuple(
        replace(
            EDITION, id=n, number=n, made_at=NOON + timedelta(days=n), picks=(Pick(1, 1000 + n),)
        )
        for n in range(first, first + count)
    )
    papers = {
        edition.picks[0].paper: replace(
            arxiv_paper(91000 + edition.number, f"Paper {edition.number}"),
            id=edition.picks[0].paper,
        )
        for edition in editions
    }
    return editions, papers


@pytest.mark.parametrize("count", [0, 1, 13, 14, 15, 27, 28, 29, 41, 42, 43])
def test_the_feed_and_its_archive_hold_every_edition(count):
    editions, _ = many(count)
    parts = archive_parts(editions)
    numbers = {edition.number for part in parts for edition in part}
    shown = {edition.number for edition in sorted(editions, key=lambda e: -e.number)[:14]}
    assert numbers | shown == {edition.number for edition in editions}
    assert all(len(part) == 14 for part in parts)


def test_a_part_of_the_archive_rests_while_editions_come():
    def told(count):
        editions, papers = many(count)
        parts = archive_parts(editions)
        return FORMATS["atom"].written(
            archived_feed(bot=BOT, profile=EXPERTS, part=1, parts=len(parts), editions=parts[0],
                          papers=papers, authority="example.org")
        )  # fmt: skip

    assert told(28) == told(29) == told(41) == told(60)


@pytest.mark.parametrize("form", FORMATS)
def test_following_the_links_back_finds_every_paper_once_published(form):
    editions, papers = many(45)
    with_all = replace(site(), archives=(Archive(EXPERTS, editions),), papers=papers)
    files = {s.path: s for s in site_feeds(with_all, "example.org", NOON, {})}
    path, titles, visited = f"feeds/experts.{form}", [], []
    while path:
        body = files[path].make()
        visited.append(path)
        titles += [paper.title for paper in parse_feed(body, f"https://papers.example.org/{path}")]
        path = earlier(form, body).removeprefix("https://papers.example.org/")
    assert visited == [f"feeds/experts{at}.{form}" for at in ("", "/3", "/2", "/1")]
    assert set(titles) == {f"Paper {n}" for n in range(1, 46)}


def earlier(form, body):
    if form == "json":
        return json.loads(body).get("next_url", "")
    links = {link.attrib["rel"]: link.attrib["href"] for link in root(body).iter(name("atom:link"))}
    return links.get("prev-archive", "")


def test_an_archived_document_says_that_it_is_one_and_which_feed_to_follow():
    editions, papers = many(30)
    parts = archive_parts(editions)
    for form, where in (("rss", "channel/"), ("atom", "")):
        body = FORMATS[form].written(
            archived_feed(bot=BOT, profile=EXPERTS, part=1, parts=len(parts), editions=parts[0],
                          papers=papers, authority="example.org")
        )  # fmt: skip
        assert root(body).find(f"{where}{name('fh:archive')}") is not None
        found = (each.attrib for each in root(body).iter(name("atom:link")))
        links = {each["rel"]: each["href"] for each in found if each["rel"] != "alternate"}
        home = "https://papers.example.org/feeds/experts"
        assert links == {"self": f"{home}/1.{form}", "current": f"{home}.{form}",
                         "next-archive": f"{home}/2.{form}"}  # fmt: skip


def test_without_a_public_address_nothing_leads_back_and_nothing_is_there():
    editions, papers = many(30)
    local = replace(site(), bot=LOCAL, archives=(Archive(EXPERTS, editions),), papers=papers)
    paths = {sheet.path for sheet in site_feeds(local, "example.org", NOON, {})}
    assert not [path for path in paths if path.startswith("feeds/experts/")]


# ── Every form ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("written", "form"), EVERY)
def test_every_form_is_utf_8_and_has_no_sign_that_xml_forbids(written, form):
    text = written(form).decode("utf-8")
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]", text)
    assert text.endswith("\n")


def test_dates_of_every_form_agree():
    rss = [parsedate_to_datetime(each.text) for each in root(made("rss")).iter("pubDate")]
    atom = [datetime.fromisoformat(e.text) for e in root(made("atom")).iter(name("atom:published"))]
    told = [datetime.fromisoformat(i["date_published"]) for i in json.loads(made("json"))["items"]]
    assert rss == atom == told
