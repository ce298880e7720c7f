"""The fast reader of plain feeds gives what feedparser gives, or leaves the document to it."""

from __future__ import annotations

import gzip
import inspect
import re
from contextlib import suppress
from datetime import UTC, datetime
from html import escape
from pathlib import Path

import feedparser
import pytest
from feedparser.datetimes import _parse_date
from feedparser.html import _cp1252
from feedparser.mixin import _FeedParserMixin
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.poll_feeds import feed as invented
from bot.errors import ParseError
from bot.sources import arxiv, feed
from bot.sources.bounds import MOST_ENTRIES
from bot.sources.entries import ParsedFeed, moment, read_by_feedparser, read_feed, said
from bot.sources.plain import read_plain
from bot.sources.plain_fields import NotPlainError, mended, read_date
from bot.sources.plain_words import HANDLED, MEANING, tag_of

DATA = Path(__file__).parents[1].parent / "shared" / "data"
NOW = datetime(2026, 11, 22, tzinfo=UTC)
NO_FEEDS = {".py", ".json", ".jsonl", ".tsv", ".md", ".txt", ".html", ".yaml", ".opml", ".eml"}


def shown(found: ParsedFeed, body: bytes, base: str) -> object:
    """All that a document tells the workflows, as a journal's feed and as arXiv's."""
    announced = arxiv.parsed_feed(found, base or "http://example.org/", NOW)
    fields = [said(found.channel, key) for key in
              ("title", "opensearch_totalresults", "prism_publicationname")]  # fmt: skip
    built = moment(found.channel, "updated", "published")
    primary = [said(entry.get("arxiv_primary_category") or {}, "term") for entry in found.entries]
    listed = list(feed.sightings_of(found, body, base, NOW))
    return listed, announced, fields, built, primary, found.sound


def is_read_alike(body: bytes, content_type: str = "") -> bool:
    """Tell whether the plain reader took the document; fails where feedparser reads another thing."""
    if read_plain(body, content_type) is None:
        return False
    ours = read_feed(body, "http://example.org/f", content_type)
    theirs = read_by_feedparser(body, "example.org", content_type)
    theirs = ParsedFeed(theirs.channel, theirs.entries[:MOST_ENTRIES], theirs.sound, ours.warnings)
    for base in ("http://example.org/f", ""):
        assert shown(ours, body, base) == shown(theirs, body, base)
    return True


# ── Every feed there is ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("number", range(6))
def test_feeds_of_the_usual_formats_are_plain_and_read_alike(number):
    assert is_read_alike(invented(number, "http://127.0.0.1:8000"), "application/xml")


@pytest.mark.long
@pytest.mark.skipif(not DATA.is_dir(), reason="no captures")
@pytest.mark.parametrize(
    ("folder", "least"),
    [
        ("arxiv_api", 28), ("arxiv_rss", 25), ("journals", 80), ("preprints", 13),
        ("hf_daily/third_party_rss", 40), ("weird_feeds", 2000), ("corpora", 0),
    ],
)  # fmt: skip
def test_every_captured_feed_is_read_alike(folder, least):
    taken = 0
    for path in sorted((DATA / folder).rglob("*")):
        if path.is_file() and path.suffix not in NO_FEEDS:
            content = path.read_bytes()
            body = gzip.decompress(content) if path.suffix == ".gz" else content
            try:
                taken += is_read_alike(body)
            except AssertionError as error:
                raise AssertionError(f"{path} is read in two ways") from error
    assert taken >= least, "fewer of them are plain than were"


# ── Feeds that hypothesis makes ───────────────────────────────────────────────────────────────────

TEXT = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"],
                          exclude_characters="\ufffe\uffff"), max_size=12),
    st.sampled_from(["A title", " spaced  out\n", "", "<p>a &amp; b</p>", "x &lt; y", "Ã©", "\x91q\x92",
                     "10.1234/abc.5", "arXiv:2401.06066v2", "Ada Example, Bob Other", "et al.",
                     "https://example.org/a?b=1&c=2", "http:////example.org/x", "doi:10.1/x y"]),
)  # fmt: skip
DATE = st.sampled_from(
    ["Fri, 20 Nov 2026 06:00:00 GMT", "20 Nov 2026 06:00:00 -0530", "2026-11-20T06:00:00Z", "2026-11-20",
     "2026-11-20T06:00:00.25+01:00", "yesterday", "", "Thu, 01 Oct 2026 06:00 EST", "2026-13-40", "1 oct"]
)  # fmt: skip
ATTRIBUTED = {
    "link": [{}, {"href": "https://example.org/1"}, {"rel": "self", "href": "/2"},
             {"rel": "alternate", "type": "application/pdf", "href": "https://example.org/3.pdf"},
             {"REL": "Alternate", "href": "https://example.org/4"}],
    "guid": [{}, {"isPermaLink": "false"}, {"isPermaLink": "true"}, {"isPermaLink": "True"}],
    "category": [{}, {"term": "t"}, {"domain": "d"}, {"term": "t", "scheme": "s", "label": "l"}],
    "enclosure": [{"url": "https://example.org/e.pdf", "type": "application/pdf"}, {}],
    "title": [{}, {"type": "html"}, {"type": "text/plain"}, {"type": "odd"}, {"xml:lang": "en"}],
    "summary": [{}, {"type": "html"}, {"mode": "base64"}],
    "content": [{}, {"type": "html"}, {"src": "https://example.org/c"}, {"type": "image/png"}],
    "source": [{}, {"url": "https://example.org/s"}],
    "prism:doi": [{}, {"a": "b"}],
}  # fmt: skip
NAMES = [
    "title", "link", "guid", "id", "description", "summary", "content", "content:encoded", "author",
    "dc:creator", "dc:title", "dc:description", "category", "dc:subject", "enclosure", "source",
    "prism:doi", "dc:identifier", "prism:url", "prism:publicationName", "doi", "comments", "slash:comments",
    "media:thumbnail", "dc:rights", "dc:publisher", "dc:contributor", "arxiv:announce_type", "arxiv:DOI",
    "feedburner:origLink", "unknown", "image", "media:title", "abstract", "itunes:summary", "georss:point",
    "dc:language", "keywords",
]  # fmt: skip
OF_CHANNELS = ["title", "link", "description", "image", "author"]
DATES = ["pubDate", "published", "updated", "dc:date", "dcterms:issued", "created", "lastBuildDate"]
SPACES = (
    'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:content="http://purl.org/rss/1.0/modules/content/" '
    'xmlns:prism="http://prismstandard.org/namespaces/basic/2.0/" '
    'xmlns:media="http://search.yahoo.com/mrss/" '
    'xmlns:slash="http://purl.org/rss/1.0/modules/slash/" xmlns:dcterms="http://purl.org/dc/terms/" '
    'xmlns:arxiv="http://arxiv.org/schemas/atom" xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd" '
    'xmlns:feedburner="http://rssnamespace.org/feedburner/ext/1.0" '
    'xmlns:georss="http://www.georss.org/georss" '
    'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
)


@st.composite
def elements(draw, names=NAMES) -> str:
    name = draw(st.sampled_from([*names, *DATES]))
    given_ = draw(st.sampled_from(ATTRIBUTED.get(name, [{}])))
    inside = escape(draw(DATE if name in DATES else TEXT))
    if name == "author" and draw(st.booleans()):
        inside = "".join(
            f"<{part}>{escape(draw(TEXT))}</{part}>"
            for part in draw(st.lists(st.sampled_from(["name", "uri", "email"]), max_size=3))
        )
    if draw(st.integers(0, 60)) == 0:
        inside += draw(
            st.sampled_from(["<b>bold</b>", "<title>T</title>", "<x/>", "<!-- c -->", "<?pi?>"])
        )
    said_ = "".join(f' {key}="{escape(value)}"' for key, value in given_.items())
    return f"<{name}{said_}>{inside}</{name}>"


@st.composite
def documents(draw) -> bytes:
    head = "".join(
        draw(st.lists(elements(draw(st.sampled_from([OF_CHANNELS, NAMES]))), max_size=3))
    )
    entries = [
        "".join(draw(st.lists(elements(), max_size=9))) for _ in range(draw(st.integers(0, 3)))
    ]
    kind = draw(st.sampled_from(["rss", "atom", "rdf"]))
    if kind == "rss":
        items = "".join(f"<item>{entry}</item>" for entry in entries)
        whole = f'<rss version="2.0" {SPACES}><channel>{head}{items}</channel></rss>'
    elif kind == "atom":
        items = "".join(f"<entry>{entry}</entry>" for entry in entries)
        whole = f'<feed xmlns="http://www.w3.org/2005/Atom" {SPACES}>{head}{items}</feed>'
    else:
        items = "".join(f'<item rdf:about="https://example.org/{n}">{entry}</item>'
                        for n, entry in enumerate(entries))  # fmt: skip
        whole = (f'<rdf:RDF xmlns="http://purl.org/rss/1.0/" {SPACES}><channel>{head}</channel>'
                 f"{items}</rdf:RDF>")  # fmt: skip
    declared = draw(st.sampled_from(["", '<?xml version="1.0" encoding="utf-8"?>\n']))
    return (declared + whole).encode()


@settings(max_examples=400, deadline=None)
@given(body=documents(), content_type=st.sampled_from(["", "application/xml", "text/xml"]))
def test_made_up_feeds_are_read_alike(body, content_type):
    is_read_alike(body, content_type)


@pytest.mark.long
@settings(max_examples=15_000, deadline=None)
@given(body=documents(), content_type=st.sampled_from(["", "text/xml; charset=iso-8859-1"]))
def test_many_made_up_feeds_are_read_alike(body, content_type):
    is_read_alike(body, content_type)


# ── What is left to feedparser ────────────────────────────────────────────────────────────────────


def rss(inside: str, before: str = "") -> bytes:
    return (
        f'{before}<rss version="2.0"><channel><item><title>T</title>{inside}</item></channel></rss>'
    ).encode()


@pytest.mark.parametrize(
    "body",
    [
        rss("", "<!DOCTYPE rss>"),
        rss("&b;", '<!DOCTYPE rss [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;">]>'),
        rss("&f;", '<!DOCTYPE rss [<!ENTITY f SYSTEM "file:///etc/passwd">]>'),
        rss("<description>a <b>bold</b> word</description>"),
        rss("<description>broken"),
        rss("<link>/relative</link>").replace(b"<rss", b'<rss xml:base="http://example.org/"'),
        rss('<link xml:base="http://example.org/">/relative</link>'),
        rss("").replace(b"<item", b'<item base="http://example.org/"'),
        rss("")
        .replace(b"<channel>", b"<channel>" * 30)
        .replace(b"</ch", b"</channel>" * 29 + b"</ch"),
        rss("<pubDate>yesterday</pubDate>"),
        rss("<author>ada@example.org (Ada)</author>"),
        rss("").replace(b"<item", b"<content>of the channel</content><item"),
        rss("<author>Ada</author><author><name>Grace</name></author>"),
        rss("").replace(b">T<", b">\xe9<"),
        rss("", '<?xml version="1.0" encoding="utf-16"?>'),
        rss("").decode().encode("utf-16-le"),
        rss("").replace(b">T<", b">\x00<"),
        b"<html><body><p>no feed</p></body></html>",
        b"GIF89a",
        b"",
    ],
)
def test_what_is_not_plain_is_left_to_feedparser(body):
    assert read_plain(body) is None


@pytest.mark.parametrize("field", ["", "<dc:creator>A</dc:creator>"])
def test_neither_reader_opens_what_a_body_names(field, monkeypatch):
    monkeypatch.setattr("builtins.open", lambda *_: pytest.fail("something was opened"))
    external = rss(f"<description>&f;</description>{field}",
                   '<!DOCTYPE rss [<!ENTITY f SYSTEM "file:///etc/passwd">]>')  # fmt: skip
    assert read_plain(external) is None


def test_a_deep_document_costs_no_stack():
    deep = rss("<x>" * 50_000 + "</x>" * 50_000)
    assert read_plain(deep) is not None


def test_a_title_may_have_the_words_of_a_base_or_a_doctype():
    assert read_plain(rss("<description>a base = 2, <![CDATA[<!DOCTYPE html>]]></description>"))


def test_more_entries_than_are_read_are_counted():
    body = rss("</item>" + "<item><title>T</title></item>" * (MOST_ENTRIES + 9) + "<item>")
    found = read_feed(body, "http://example.org/")
    assert len(found.entries) == MOST_ENTRIES
    assert "5011 entries" in found.warnings[0]


def test_a_field_that_repeats_is_still_looked_for():
    spaces = b'xmlns:dc="http://purl.org/dc/elements/1.1/"'
    twice = rss("<dc:identifier>doi:10.1234/a</dc:identifier><dc:identifier>x;1</dc:identifier>")
    (paper,) = feed.sightings_of(
        read_feed(body := twice.replace(b"<rss", b"<rss " + spaces), ""), body, "", NOW
    )
    assert "doi:10.1234/a" in map(str, paper.paper.identifiers)


def test_an_empty_feed_is_told_from_what_is_none():
    assert (
        read_feed(b'<rss version="2.0"><channel><title>T</title></channel></rss>', "").entries == ()
    )
    with pytest.raises(ParseError, match="no feed"):
        read_feed(b"<opml><body/></opml>", "")


# ── Word for word ─────────────────────────────────────────────────────────────────────────────────


def test_the_elements_that_feedparser_handles_are_those_we_know():
    """Where a new version handles more, each has to be looked at: what is it to an entry?"""
    methods = {name for name, _ in inspect.getmembers(_FeedParserMixin, inspect.isfunction)}
    handled = {m.group(1) for name in methods if (m := re.fullmatch(r"_(?:start|end)_(\w+)", name))}
    lower = {name for name in handled if name == name.lower()}
    assert lower <= HANDLED | MEANING, sorted(lower - HANDLED)


def test_namespaces_have_feedparsers_prefixes():
    known = _FeedParserMixin.namespaces
    meaningful = {tag.partition("_")[0] for tag in MEANING if "_" in tag}
    for uri, prefix in known.items():
        if uri and (prefix.lower() in meaningful or not prefix):
            expected = f"{prefix.lower()}_x" if prefix else "x"
            assert tag_of(f"{uri} x odd") == expected, uri


@settings(max_examples=2000, deadline=None)
@given(
    st.one_of(
        st.from_regex(r"[12]\d{3}-[01]\d-[0-3]\d(T[0-2]\d:[0-6]\d(:[0-6]\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?",
                      fullmatch=True),
        st.from_regex(r"((Mon|Sat|Thu), )?[0-3]?\d (Jan|oct|SEP) [12]\d{3} [0-2]\d:[0-6]\d(:[0-6]\d)? "
                      r"([+-][01]\d[0-5]\d|GMT|Z|UT|EST|EDT)", fullmatch=True),
    )
)  # fmt: skip
def test_a_date_is_the_one_that_feedparser_reads(text):
    try:
        ours = read_date(text)
    except NotPlainError:
        return
    theirs = _parse_date(text)
    assert theirs is not None
    assert ours.timetuple()[:6] == theirs[:6]


@given(st.text())
def test_text_is_mended_as_feedparser_mends_it(text):
    repaired = text
    with suppress(UnicodeError):
        repaired = text.encode("iso-8859-1").decode("utf-8")
    assert mended(text) == repaired.translate(_cp1252)


def test_feedparser_is_the_version_this_was_held_against():
    assert feedparser.__version__.startswith("6.0."), (
        "compare plain_words.py with the new one's source"
    )
