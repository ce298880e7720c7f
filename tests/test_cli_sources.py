"""sources discover, import, export: more places papers come from, as TOML."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.config import load_config
from bot.errors import ParseError
from bot.sources.discovery import Offer, arxiv_categories, offers
from bot.sources.opml import Outline, read_opml, write_opml
from support_cli import desk_in
from support_replay import SHARED, Answer, replaying, sample_day

OPML = """<?xml version="1.0" encoding="utf-8"?>
<opml version="2.0"><head><title>Mine</title></head><body>
<outline text="Journals"><outline text="Physics">
  <outline type="rss" text="Nature &amp; Co" xmlUrl="https://www.nature.com/nature.rss"/>
  <outline type="rss" title="Nature &amp; Co" text="" xmlURL=" https://example.org/feed?a=1&amp;b=2 "/>
</outline></outline>
<outline type="rss" text="arXiv LG" xmlUrl="http://export.arxiv.org/rss/cs.LG"/>
<outline type="rss" text="Twice" xmlUrl="https://www.nature.com/nature.rss"/>
<outline type="rss" text="Lost"/>
<outline type="include" text="More" url="https://example.org/more.opml"/>
<outline type="rss" text="Local" xmlUrl="file:///etc/passwd"/>
<outline type="rss" text="日本語" xmlUrl="feed://example.jp/rss"/>
</body></opml>"""
BOMB = """<!DOCTYPE opml [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>
<opml><body><outline text="&b;" xmlUrl="https://example.org/"/></body></opml>"""
PAGE = b"""<!doctype html><html><head><base href="/blog/">
<link rel="alternate" type="application/rss+xml" title="All &amp; sundry" href="rss.xml">
<link rel="ALTERNATE stylesheet" type="application/atom+xml; charset=utf-8" href="/atom">
<link rel="alternate" hreflang="de" href="/de/"><link rel=alternate type=application/rss+xml href="">
<script>var a = '<a href="/feed">RSS</a>'</script></head><body>
<a href="/feed.xml#top"><img> Subscribe</a> <a href="/about">About</a> <a href="x?format=rss"></a>
<a href="https://other.example/s">Get our RSS</a> <a href="javascript:rss()">RSS</a> <a href="http://[">RSS</a>
<a href="rss.xml">RSS again</a> <a href="/mission">The trees</a></body></html>"""


@pytest.fixture(scope="module")
def site():
    pages = {"/": PAGE, "/plain": b"<html><body>nothing</body></html>", "/gone": Answer(b"", 404)}
    with replaying(sample_day(1) | pages) as started:
        yield started


@pytest.fixture
def desk(tmp_path, monkeypatch, capsys):
    yield from desk_in(tmp_path, monkeypatch, capsys)


def allowed(desk) -> None:
    desk.write('[[sources]]\nname = "all-sundry"\nkind = "feed"\nurl = "https://example.org/taken"\n'
               '[fetch]\nallow_private = ["127.0.0.1/32"]\n')  # fmt: skip


def sources_in(said) -> list[dict[str, object]]:
    assert said.code == 0, said.err
    found = tomllib.loads(said.out)["sources"]
    assert isinstance(found, list)
    return found


# ── OPML ──────────────────────────────────────────────────────────────────────────────────────────


def test_a_nested_list_is_read_each_address_once():
    found = read_opml(OPML.encode())
    assert found.feeds == [
        Outline("https://www.nature.com/nature.rss", "Nature & Co", ("Journals", "Physics")),
        Outline("https://example.org/feed?a=1&b=2", "Nature & Co", ("Journals", "Physics")),
        Outline("http://export.arxiv.org/rss/cs.LG", "arXiv LG"),
        Outline("http://example.jp/rss", "日本語"),
    ]
    assert found.problems == [
        '"Lost" has no address (xmlUrl)',
        '"More" points to another list (include), which is not followed',
        '"Local" has an address that is none: file:///etc/passwd',
    ]


def test_what_is_written_is_read_again():
    feeds = [Outline('https://e.org/?a=1&b="2"', 'A & <B> "C"'), Outline("https://e.org/2", "0")]
    assert read_opml(write_opml("x", feeds).encode()).feeds == feeds


def test_entities_are_refused():
    with pytest.raises(ParseError, match="declares entities"):
        read_opml(BOMB.encode())


def test_what_is_no_opml_is_refused():
    for body in (
        b"",
        b"<rss><channel/></rss>",
        b"hello",
        b"\x00\xff",
        b'<?xml version="1.0" encoding="x"?>',
    ):
        with pytest.raises(ParseError, match="it is no OPML"):
            read_opml(body)


def test_a_broken_list_is_read_as_well_as_can_be():
    broken = OPML.replace('text="arXiv LG"', 'text="a "quoted" one" text="arXiv LG"')
    found = read_opml(broken.encode())
    whole = [feed.url for feed in read_opml(OPML.encode()).feeds]
    assert [feed.url for feed in found.feeds] == whole
    assert any("its XML is broken (line 7" in problem for problem in found.problems)


def test_ampersands_and_entities_of_html_are_mended():
    body = b'<opml><body><outline text="A&nbsp;&eacute; & B" xmlUrl="https://e.org/?a=1&b=2"/></body></opml>'
    found = read_opml(body)
    assert found.feeds == [Outline("https://e.org/?a=1&b=2", "A é & B")]
    assert found.problems == []


def test_depth_costs_nothing():
    deep = (
        "<outline text='x'>" * 20_000
        + "<outline xmlUrl='https://e.org/f'/>"
        + "</outline>" * 20_000
    )
    (feed,) = read_opml(f"<opml><body>{deep}</body></opml>".encode()).feeds
    assert feed.url == "https://e.org/f"


@given(st.text(alphabet="<>/=\"'&; opmlutinexURL!DOCTYPE[]", max_size=120))
def test_nothing_whatever_breaks_the_reader(text):
    for body in (text, f"<opml><body>{text}"):
        try:
            read_opml(body.encode())
        except ParseError:
            continue


@pytest.mark.skipif(not (SHARED / "opml").is_dir(), reason="the captured lists are not here")
def test_every_captured_list_is_read():
    counts = {}
    for path in (SHARED / "opml").rglob("*.opml"):
        counts[path.name] = len(read_opml(path.read_bytes()).feeds)
    assert counts["kilimchoi__engineering-blogs__engineering_blogs.opml"] > 400
    assert counts["vlc1__rss__journals.opml"] == 30
    assert min(counts.values()) > 0


# ── import and export ─────────────────────────────────────────────────────────────────────────────


def test_a_list_becomes_sources_that_the_configuration_takes(desk):
    desk.write(OPML, "mine.opml")
    said = desk("sources", "import", "mine.opml")
    names = [(s["name"], s["kind"]) for s in sources_in(said)]
    assert names == [
        ("nature-co", "feed"), ("nature-co-2", "feed"), ("arxiv-cs-lg", "arxiv"), ("example-jp", "feed"),
    ]  # fmt: skip
    assert "# Journals / Physics" in said.out
    assert '"Lost" has no address' in said.err
    assert load_config(desk.write(said.out)).sources[2].categories == ("cs.LG",)


def test_sources_that_are_there_already_are_left_out(desk):
    desk.write(OPML, "mine.opml")
    desk.write(
        '[[sources]]\nname = "nature-co"\nkind = "feed"\nurl = "https://www.nature.com/nature.rss"\n'
    )
    said = desk("sources", "import", "mine.opml", "--append", "config.toml")
    assert said.code == 0, said.err
    assert "sources already, and left out: 1." in said.err
    names = [source.name for source in load_config(desk.folder / "config.toml").sources]
    assert names == ["nature-co", "nature-co-2", "arxiv-cs-lg", "example-jp"]


@pytest.mark.parametrize(
    ("text", "words"),
    [(BOMB, "declares entities"), ("hello", "it is no OPML"),
     ("<opml><body/></opml>", "there is no feed in it")],
)  # fmt: skip
def test_lists_that_cannot_be_imported_say_why(desk, text, words):
    desk.write(text, "x.opml")
    said = desk("sources", "import", "x.opml")
    assert said.code == 2
    assert words in said.err
    assert said.out == ""


def test_titles_cannot_smuggle_toml(desk):
    title = '"]&#10;[bot]&#10;title = &quot;mine'
    desk.write(
        f"<opml><body><outline text='{title}' xmlUrl='https://e.org/f'/></body></opml>", "x.opml"
    )
    said = desk("sources", "import", "x.opml")
    assert tomllib.loads(said.out).keys() == {"sources"}


def test_export_tells_nobody_the_login_of_a_feed(desk):
    desk.write(
        '[[sources]]\nname = "journal"\nkind = "feed"\nurl = "https://me:pass@journal.example/f?a=1"\n'
    )
    said = desk("sources", "export")
    assert 'xmlUrl="https://journal.example/f?a=1"' in said.out
    assert "pass@" not in said.out + said.err
    assert "journal: the login in its address is left out." in said.err


def test_export_and_import_go_round(desk):
    desk.write(OPML, "mine.opml")
    desk.write(desk("sources", "import", "mine.opml").out)
    exported = desk("sources", "export")
    desk.write(exported.out, "again.opml")
    desk.write("", "empty.toml")
    again = desk("--config", "empty.toml", "sources", "import", "again.opml")
    first, second = (load_config(desk.write(text, "x.toml")) for text in (
        (desk.folder / "config.toml").read_text(), again.out
    ))  # fmt: skip
    assert first.sources == second.sources


# ── discover ──────────────────────────────────────────────────────────────────────────────────────


def test_a_pages_feeds_and_links_that_look_like_one():
    found = offers(PAGE, "https://example.org/x/y")
    assert found[:2] == [
        Offer("https://example.org/blog/rss.xml", "All & sundry"),
        Offer("https://example.org/atom"),
    ]
    assert [(offer.url, offer.stated) for offer in found[2:]] == [
        ("https://example.org/feed.xml", False),
        ("https://example.org/blog/x?format=rss", False),
        ("https://other.example/s", False),
    ]


@given(st.text(alphabet="<>/=\"' alinkhrefbse#?:rsom!-", max_size=200))
def test_no_page_whatever_breaks_the_reader(text):
    offers(text.encode(), "https://example.org/")


@pytest.mark.parametrize(
    ("url", "categories"),
    [
        ("https://rss.arxiv.org/rss/cs.CL+cs.LG", ("cs.CL", "cs.LG")),
        ("http://export.arxiv.org/rss/hep-ex", ("hep-ex",)),
        ("https://arxiv.org/list/cs.CL/recent", ("cs.CL",)),
        ("https://arxiv.org/abs/2401.06066", ()),
        ("https://notarxiv.org/rss/cs.CL", ()),
        ("http://[", ()),
    ],
)
def test_arxivs_own_addresses_are_its_kind(url, categories):
    assert arxiv_categories(url) == categories


def test_discovering_a_page(desk, site):
    allowed(desk)
    said = desk("sources", "discover", f"{site.url}/")
    found = sources_in(said)
    assert found[0] == {
        "name": "all-sundry-2", "kind": "feed", "url": f"{site.url}/blog/rss.xml",
    }  # fmt: skip
    assert "# a link that looks like a feed: not asked" in said.out
    told = desk("sources", "discover", f"{site.url}/", "--json").document
    assert [each["url"] for each in told] == [each["url"] for each in found]


def test_discovering_a_feed_itself(desk, site):
    allowed(desk)
    said = desk("sources", "discover", f"{site.url}/journal.xml")
    (found,) = sources_in(said)
    assert found["url"] == f"{site.url}/journal.xml"
    assert "# this is a feed itself" in said.out


def test_what_is_discovered_behind_a_login_is_asked_with_it(desk, site):
    allowed(desk)
    behind = site.url.replace("//", "//ada:p%C3%A4ss@")
    (found,) = sources_in(desk("sources", "discover", f"{behind}/journal.xml"))
    assert found["url"] == f"{behind}/journal.xml"
    urls = [each["url"] for each in sources_in(desk("sources", "discover", f"{behind}/"))]
    assert f"{behind}/blog/rss.xml" in urls
    assert "https://other.example/s" in urls, "and nobody else is told it"


def test_discovering_nothing(desk, site):
    allowed(desk)
    said = desk("sources", "discover", f"{site.url}/plain")
    assert said.code == 1
    assert "names no feed" in said.err
    said = desk("sources", "discover", f"{site.url}/gone")
    assert said.code == 1
    assert "HTTP 404" in said.err
    assert desk("sources", "discover", "gopher://x").code == 2


def test_discovering_needs_no_configuration_and_respects_private_networks(desk, site):
    said = desk("sources", "discover", site.url)
    assert said.code == 1
    assert "cannot be looked at" in said.err
    (found,) = sources_in(desk("sources", "discover", "arxiv.org/list/cs.CL/recent"))
    assert found == {"name": "arxiv-cs-cl", "kind": "arxiv", "categories": ["cs.CL"]}
    (found,) = sources_in(desk("sources", "discover", "https://huggingface.co/papers"))
    assert found["kind"] == "huggingface"
    assert not desk.state.exists()


@pytest.mark.parametrize(
    ("address", "found"),
    [
        (
            "https://openreview.net/group?id=ICLR.cc/2026/Conference#tab-accept-oral",
            {"name": "openreview-iclr-cc-2026-conference", "kind": "openreview",
             "venue": "ICLR.cc/2026/Conference"},
        ),
        (
            "https://pubmed.ncbi.nlm.nih.gov/?term=base+editing%5Btiab%5D&sort=date",
            {"name": "pubmed-base-editing-tiab", "kind": "pubmed", "query": "base editing[tiab]"},
        ),
    ],
)  # fmt: skip
def test_discovering_a_service_that_has_a_kind_of_its_own_asks_nobody(desk, address, found):
    assert sources_in(desk("sources", "discover", address)) == [found]
    (told,) = desk("sources", "discover", address, "--json").document
    assert found.items() <= told.items()


def test_what_arxiv_is_asked_for_already_is_left_out_however_it_is_spelt(desk):
    outlines = "".join(
        f"<outline text='{n}' xmlUrl='https://{url}'/>"
        for n, url in enumerate((
            "rss.arxiv.org/rss/cs.LG", "export.arxiv.org/rss/cs.CL", "rss.arxiv.org/atom/cs.CL+cs.LG",
            "rss.arxiv.org/rss/cs.LG+math.AG", "huggingface.co/papers",
        ))
    )  # fmt: skip
    desk.write(f"<opml><body>{outlines}</body></opml>", "x.opml")
    desk.write(
        '[[sources]]\nname = "a"\nkind = "arxiv"\ncategories = ["cs.LG", "cs.AI"]\n'
        '[[sources]]\nname = "hf"\nkind = "huggingface"\n'
    )
    said = desk("sources", "import", "x.opml", "--append", "config.toml")
    assert "sources already, and left out: 3." in said.err
    told = load_config(desk.folder / "config.toml").sources
    assert [s.categories for s in told[2:]] == [("cs.CL",), ("cs.LG", "math.AG")]
    assert desk("sources", "import", "x.opml", "--append", "config.toml").code == 0
    assert load_config(desk.folder / "config.toml").sources == told, "a second time adds nothing"
