from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bot.config import SourceSettings
from bot.errors import ParseError
from bot.identity import stamped, title_key
from bot.models import Document, Identifier, Paper, Parsed, Rel, Scheme, SourceState, Stamp
from bot.sources import announces, entries, feed, parse, parse_feed, request, wanted
from bot.sources.margins import read_margins
from bot.sources.names import split_any

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SOURCE = SourceSettings(name="j", kind="feed", url="https://j.example/feed.xml")
NAMESPACES = (
    'xmlns:dc="http://purl.org/dc/elements/1.1/" '
    'xmlns:prism="http://prismstandard.org/namespaces/basic/2.0/" '
    'xmlns:content="http://purl.org/rss/1.0/modules/content/"'
)

RSS_091 = b"""<rss version="0.91"><channel><title>J</title><item><title>T</title>
<link>https://j.example/1</link><description>D</description></item></channel></rss>"""
RDF = b"""<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
xmlns="http://purl.org/rss/1.0/"><channel rdf:about="https://j.example/"/>
<item rdf:about="https://j.example/1"><title>T</title><link>https://j.example/1</link>
<description>D</description></item></rdf:RDF>"""
ATOM = b"""<feed xmlns="http://www.w3.org/2005/Atom"><entry><title>T</title>
<link href="https://j.example/1"/><id>tag:j,1</id><summary>D</summary></entry></feed>"""


def rss(*items: str, head: str = "") -> bytes:
    wrapped = "".join(f"<item>{item}</item>" for item in items)
    return (
        f'<rss version="2.0" {NAMESPACES}><channel><title>J</title>{head}{wrapped}</channel></rss>'
    ).encode()


def read(body: bytes, content_type: str = "", now: datetime = NOW) -> Parsed:
    headers = (("content-type", content_type),) if content_type else ()
    return parse(SOURCE, Document(SOURCE.url, body, headers), now)


def only(body: bytes) -> Paper:
    (paper,) = parse_feed(body, SOURCE.url)
    return paper


def ids(paper: Paper) -> set[str]:
    return {str(identifier) for identifier in paper.identifiers}


# ── Shapes ────────────────────────────────────────────────────────────────────────────────────────


def test_a_feed_is_asked_for_by_its_url_and_everything_in_it_counts():
    assert request(SOURCE, SourceState("j"), NOW).url == SOURCE.url
    assert not announces("feed")
    (sighting,) = read(rss("<title>T</title>")).sightings
    assert wanted(SOURCE, sighting, known=False)


@pytest.mark.parametrize(
    "body",
    [
        rss("<title>T</title><link>https://j.example/1</link><description>D</description>"),
        RSS_091,
        RDF,
        ATOM,
    ],
)
def test_rss_rdf_and_atom_read_the_same(body):
    paper = only(body)
    assert (paper.title, paper.abstract) == ("T", "D")
    assert ids(paper) == {"url:https://j.example/1"}
    assert paper.link(Rel.ABSTRACT) == "https://j.example/1"


def test_dates_are_aware_and_those_of_the_future_and_of_no_calendar_are_tamed():
    dates = (
        "Mon, 02 Nov 2026 10:00:00 +0200",
        "Mon, 01 Nov 2094 10:00:00 GMT",
        "Mon, 01 Nov 1600 10:00:00 GMT",
        "soon",
    )
    parsed = read(rss(*(f"<title>{d}</title><pubDate>{d}</pubDate>" for d in dates)))
    found = [sighting.paper.published for sighting in parsed.sightings]
    assert found == [datetime(2026, 11, 2, 8, tzinfo=UTC), NOW, None, None]
    stamps = [dict(sighting.paper.stamps)["title"] for sighting in parsed.sightings]
    assert stamps == [Stamp(20, 0, "2026-11-02"), *[Stamp(20, 0, "")] * 3]


def test_the_documents_own_build_date_is_told():
    head = "<lastBuildDate>Mon, 23 Nov 2026 05:00:00 GMT</lastBuildDate>"
    assert read(rss(head=head)).built == datetime(2026, 11, 23, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("<?xml version='1.0' encoding='iso-8859-1'?>{}".encode("latin-1"), "application/xml"),
        (b"<?xml version='1.0'?>{}", "application/xml; charset=iso-8859-1"),
        (b"<?xml version='1.0' encoding='utf-8'?>{}", "application/rss+xml"),
    ],
)
def test_charsets_of_declaration_and_header_are_heard(body, content_type):
    charset = "utf-8" if b"utf-8" in body else "latin-1"
    document = body.replace(b"{}", rss("<title>Zoë</title>").decode().encode(charset))
    (sighting,) = read(document, content_type).sightings
    assert sighting.paper.title == "Zoë"


def test_a_charset_that_does_not_fit_still_gives_the_entries():
    wrong = b"<?xml version='1.0' encoding='utf-8'?>" + rss("<title>Zo\xeb</title>").decode(
    ).encode("latin-1")  # fmt: skip
    (sighting,) = read(wrong, "text/xml; charset=us-ascii").sightings
    assert sighting.paper.title.startswith("Zo")


# ── Text ──────────────────────────────────────────────────────────────────────────────────────────


def test_html_becomes_plain_text_once_and_formulas_survive():
    paper = only(
        rss(
            "<title>On &lt;i&gt;E. coli&lt;/i&gt; &amp;amp; $D&amp;lt;n$</title>"
            "<description>&lt;p&gt;One &lt;script&gt;x()&lt;/script&gt;$a&lt;b$.&lt;/p&gt;"
            "&lt;p&gt;Two.&lt;svg/onload=x()&gt;&lt;/p&gt;</description>"
        )
    )
    assert paper.title == "On E. coli & $D<n$"
    assert paper.abstract == "One $a<b$.\n\nTwo."


def test_markup_that_was_escaped_twice_goes_too():
    paper = only(
        rss("<title>T</title><description>&amp;lt;p&amp;gt;One&amp;lt;/p&amp;gt;</description>")
    )
    assert paper.abstract == "One"


def test_a_publishers_imprint_is_no_abstract():
    nature = (
        "<title>T</title><content:encoded><![CDATA[<p>Nature, Published online: 20 April 2023; "
        '<a href="https://www.nature.com/articles/d41586-023-01281-w">doi:10.1038/d41586-023-'
        "01281-w</a></p>The rest.]]></content:encoded>"
    )
    wiley = "<title>T</title><description>J of X, Volume 105, Issue S2, Page e1-e7, April 2015. "
    assert only(rss(nature)).abstract == "The rest."
    assert only(rss(wiley + "</description>")).abstract == ""
    assert only(rss("<title>T</title><description>T</description>")).abstract == ""


def test_text_is_bounded():
    paper = only(rss(f"<title>{'t ' * 9000}</title><description>{'d ' * 90000}</description>"))
    assert len(paper.title) <= entries.LONGEST_TITLE
    assert len(paper.abstract) <= entries.LONGEST_ABSTRACT


def test_an_entry_without_a_title_is_called_by_its_link_or_id():
    link = only(rss("<link>https://j.example/1</link><guid>g</guid>"))
    guid = only(rss('<guid isPermaLink="false">tag:j,1</guid>'))
    picture = only(rss('<title>&lt;img src="https://j.example/a.png"&gt;</title>'))
    assert (link.title, guid.title, picture.title) == (
        "https://j.example/1",
        "tag:j,1",
        "(untitled)",
    )
    assert parse_feed(rss("<description>only this</description>"), "") == []


# ── Identity ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("<prism:doi>10.1038/S41586-1</prism:doi>", "doi:10.1038/s41586-1"),
        ("<dc:identifier>doi: 10.3390/fluids9060120</dc:identifier>", "doi:10.3390/fluids9060120"),
        ("<dc:identifier>info:doi/10.1126/a.b</dc:identifier>", "doi:10.1126/a.b"),
        ("<guid>https://doi.org/10.1000/182</guid>", "doi:10.1000/182"),
        ("<link>https://onlinelibrary.wiley.com/doi/10.1002/abc?af=R</link>", "doi:10.1002/abc"),
        ("<link>https://www.nature.com/articles/s41586-023-06075-8</link>",
         "doi:10.1038/s41586-023-06075-8"),
        ("<link>https://arxiv.org/abs/2401.06066v2</link>", "arXiv:2401.06066"),
        ('<guid isPermaLink="false">pubmed:12345</guid>', "pmid:12345"),
        ('<guid isPermaLink="false">oai:arXiv.org:2401.06066v1</guid>', "arXiv:2401.06066"),
    ],
)  # fmt: skip
def test_the_best_name_an_entry_gives_is_its_identity(fields, expected):
    assert expected in ids(only(rss(f"<title>T</title>{fields}")))


def test_of_two_identifiers_the_doi_is_found_wherever_it_stands():
    paper = only(
        rss(
            "<title>T</title><dc:identifier>info:doi/10.1126/a.b</dc:identifier>"
            "<dc:identifier>hwp:resource-id:sci;1</dc:identifier>"
        )
    )
    assert "doi:10.1126/a.b" in ids(paper)


def test_a_second_reading_that_differs_from_the_first_is_not_used():
    twice = b"<dc:identifier>a</dc:identifier><dc:identifier>b</dc:identifier>"
    assert read_margins(b"<rss><item>" + twice + b"</item></rss>", 2) is None
    assert read_margins(b"<rss><item>" + twice, 1) is None
    assert read_margins(b"<rss><item/></rss>", 1) is None


def test_with_nothing_else_title_and_first_author_are_the_identity():
    paper = only(rss("<title>T</title><dc:creator>A One</dc:creator><guid>x1</guid>"))
    assert paper.identifiers == {title_key("T", "A One")}


def test_a_link_that_several_entries_share_identifies_none():
    shared = "<link>https://j.example/issue/7</link>"
    one, two, three = parse_feed(
        rss(
            f"<title>One</title>{shared}",
            f"<title>Two</title>{shared}<prism:doi>10.1000/2</prism:doi>",
            "<title>Three</title><link>https://j.example/3</link>",
        ),
        SOURCE.url,
    )
    assert one.identifiers == {title_key("One", "")}
    assert ids(two) == {"doi:10.1000/2"}
    assert ids(three) == {"url:https://j.example/3"}


@pytest.mark.parametrize("head", ["", "<?xml version='1.0' encoding='utf-8'?>"])
@pytest.mark.parametrize("stray", [b"\xe9", b"\xc3", b"\xe2\x80"])
def test_a_byte_that_is_no_utf_8_spoils_no_other_letter(head, stray):
    body = (
        head
        + rss(
            "<title>Müller’s “cells” – Łoś</title><link>https://j.example/1</link>",
            "<title>Two</title><link>https://j.example/2</link><description>caf#</description>",
        ).decode()
    )
    one, two = parse_feed(body.encode().replace(b"#", stray), SOURCE.url)
    assert one.title == "Müller’s “cells” – Łoś"
    assert two.abstract.startswith("caf")


def test_what_is_hardly_utf_8_is_no_utf_8():
    body = rss("<title>Über die Käfer</title><link>https://j.example/1</link>").decode()
    (paper,) = parse_feed(body.encode("cp1252"), SOURCE.url)
    assert paper.title == "Über die Käfer"


def test_two_posts_about_one_paper_of_arxivs_are_about_that_paper():
    link = "<link>https://arxiv.org/abs/2611.00001{}</link>"
    papers = parse_feed(
        rss(
            f"<title>Show: experts</title>{link.format('v2')}<guid>p1</guid>",
            f"<title>Experts, again</title>{link.format('')}<guid>p2</guid>",
        ),
        SOURCE.url,
    )
    assert [ids(paper) for paper in papers] == [{"arXiv:2611.00001"}] * 2


def test_a_doi_that_many_entries_state_is_the_journals_and_identifies_none():
    stated = "<prism:doi>10.1002/(ISSN)1097-4571</prism:doi>"
    entries = [
        f"<title>Paper {n}</title><link>https://j.example/{n}</link>{stated}" for n in range(4)
    ]
    found = [ids(paper) for paper in parse_feed(rss(*entries), SOURCE.url)]
    assert found == [{f"url:https://j.example/{n}"} for n in range(4)]
    # An article in three languages is one.
    for paper in parse_feed(rss(*entries[:3]), SOURCE.url):
        assert "doi:10.1002/(issn)1097-4571" in ids(paper)


def test_a_repeated_guid_gives_way_to_the_link():
    parsed = read(
        rss(
            "<title>A</title><guid>same</guid><link>https://j.example/1</link>",
            "<title>B</title><guid>same</guid><link>https://j.example/2</link>",
            "<title>C</title><guid>own</guid><link>https://j.example/3</link>",
            "<title>D</title>",
        )
    )
    guids = [sighting.guid for sighting in parsed.sightings]
    assert guids[:3] == ["https://j.example/1", "https://j.example/2", "own"]
    assert guids[3] == str(title_key("D", ""))


def test_only_web_addresses_become_links_and_relative_ones_are_resolved():
    bad, broken, loud, relative, pdf = parse_feed(
        rss(
            "<title>A</title><link>javascript:alert(1)</link>",
            "<title>A2</title><link>http://[::1/x</link>",
            "<title>A3</title><link>HTTPS://j.example/A</link>",
            "<title>B</title><link>/b</link>",
            "<title>C</title><link>https://j.example/c</link>"
            '<enclosure url="https://j.example/c.pdf" type="application/pdf"/>',
        ),
        SOURCE.url,
    )
    assert bad.links == broken.links == frozenset()
    assert loud.link(Rel.ABSTRACT) == "https://j.example/A"
    assert relative.link(Rel.ABSTRACT) == "https://j.example/b"
    assert pdf.link(Rel.PDF) == "https://j.example/c.pdf"


def test_a_guid_that_is_no_address_makes_no_link():
    paper = only(rss("<title>T</title><guid>2023.acl-long.1</guid>"))
    assert paper.links == frozenset()
    assert paper.identifiers == {title_key("T", "")}


# ── Authors, venue, categories ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("Ana One", ("Ana One",)),
        ("Fuentes, A.", ("A. Fuentes",)),
        ("van der Berg, Jan", ("Jan van der Berg",)),
        ("Ana One, Bo Two, Cy van Three", ("Ana One", "Bo Two", "Cy van Three")),
        ("Ana One, Bo Two and Cy Three", ("Ana One", "Bo Two", "Cy Three")),
        ("Brosseau, C., Marques, M. C., Li, J.-P.", ("C. Brosseau", "M. C. Marques", "J.-P. Li")),
        ("One, Ana; Two, Bo", ("Ana One", "Bo Two")),
        ("Ana One, Jr.", ("Ana One Jr.",)),
        ("Ana One et al.", ("Ana One",)),
        ("One et al", ("One",)),
        ("One, A., Two, B., et al.", ("A. One", "B. Two")),
        ("Ana Alet Almeida", ("Ana Alet Almeida",)),
        ("One, A., Two, B., & Three, C.", ("A. One", "B. Two", "C. Three")),
        ("One, A., and Two, B.", ("A. One", "B. Two")),
        ("王伟, 李娜", ("王伟", "李娜")),
        ("王伟、李娜；김 민수", ("王伟", "李娜", "김 민수")),
        ("<b>Ana</b> One", ("Ana One",)),
        ("", ()),
    ],
)
def test_an_author_string_is_split_as_it_is_meant(value, names):
    assert split_any(value) == names


def test_authors_come_as_elements_as_one_string_or_as_child_elements():
    many = "<title>T</title><dc:creator>Ana One</dc:creator><dc:creator>Bo Two</dc:creator>"
    one = "<title>T</title><dc:creator>Ana One, Bo Two</dc:creator>"
    mails = ("ana@j.example (Ana One)", "Ana One &lt;ana@j.museum&gt;", "ana@j.org (Ana One)")
    bare = "<title>T</title><author>ana@j.example</author>"
    assert only(rss(many)).authors == only(rss(one)).authors == ("Ana One", "Bo Two")
    for mail in mails:
        assert only(rss(f"<title>T</title><author>{mail}</author>")).authors == ("Ana One",)
    assert only(rss(bare)).authors == ()


def test_joss_names_its_authors_by_child_elements():
    atom = b"""<feed xmlns="http://www.w3.org/2005/Atom"><entry>
    <id>tag:joss.theoj.org,2005:Paper/1</id><title>T</title><authors>
    <author><given_name>Ana</given_name><last_name>One</last_name></author>
    <author><given_name>Bo</given_name><middle_name>S.</middle_name><last_name>Two</last_name>
    </author></authors><doi>10.21105/joss.01541</doi>
    <pdf_url>https://joss.example/1.pdf</pdf_url></entry></feed>"""
    paper = only(atom)
    assert paper.authors == ("Ana One", "Bo S. Two")
    assert ids(paper) == {"doi:10.21105/joss.01541"}
    assert paper.link(Rel.PDF) == "https://joss.example/1.pdf"


def test_the_acl_anthology_names_authors_and_volume_in_the_description():
    paper = only(
        rss(
            "<title>T</title><link>https://aclanthology.org/2023.acl-long.1/</link>"
            "<guid>2023.acl-long.1</guid><description>Ana One, Bo Two and Cy Three in "
            "Proceedings of the 61st Annual Meeting</description>"
        )
    )
    assert paper.authors == ("Ana One", "Bo Two", "Cy Three")
    assert paper.venue == "Proceedings of the 61st Annual Meeting"
    assert paper.abstract == ""
    assert ids(paper) == {"url:https://aclanthology.org/2023.acl-long.1"}


def test_atypon_puts_the_title_where_the_journal_belongs():
    head = "<prism:publicationName>J of X</prism:publicationName>"
    item = "<title>T</title><prism:publicationName>T</prism:publicationName>"
    assert only(rss(item, head=head)).venue == "J of X"


def test_biorxivs_newlines_and_marks_are_gone():
    paper = only(
        rss(
            "<title><![CDATA[\nNatural variation \n]]></title>"
            "<link>\nhttp://biorxiv.org/cgi/content/short/746628v1?rss=1\n</link>"
            "<dc:identifier>doi:10.1101/746628</dc:identifier><category>A\n B</category>"
            "<category>A B</category>"
        )
    )
    assert paper.title == "Natural variation"
    assert ids(paper) == {
        "doi:10.1101/746628",
        "url:https://biorxiv.org/cgi/content/short/746628v1",
    }
    assert paper.categories == ("A B",)


# ── Nothing readable, and too much ────────────────────────────────────────────────────────────────


def test_a_valid_feed_without_entries_is_empty():
    assert parse_feed(rss(), "") == []
    assert parse_feed(b'<feed xmlns="http://www.w3.org/2005/Atom"/>', "") == []


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "the source sent an empty document"),
        (b"<html><body>no</body></html>", "the source sent a web page (HTML) instead of a feed"),
        (b"<!-- x -->\n<!DOCTYPE HTML><p>", "the source sent a web page (HTML) instead of a feed"),
        (b'{"version": "1"}', "the source sent JSON that is no JSON Feed"),
        (b"\x89PNG\r\n\x1a\n\x00", "the source sent something that is no feed"),
        (rss()[:-20], "the source sent a feed that breaks off before its first entry"),
    ],
)
def test_what_is_no_feed_is_an_error(body, problem):
    with pytest.raises(ParseError) as caught:
        parse_feed(body, "")
    assert str(caught.value) == problem


def test_an_address_that_is_none_is_named_without_it():
    with pytest.raises(ParseError, match=r"^the source sent an empty document$"):
        parse_feed(b"", "http://[")


def test_a_reader_that_crashes_is_an_error_of_that_document_alone(monkeypatch):
    def crash(*_: object, **__: object) -> object:
        raise ZeroDivisionError("odd")

    monkeypatch.setattr("feedparser.parse", crash)
    with pytest.raises(ParseError, match="cannot be read"):
        parse_feed(b"<!DOCTYPE rss>" + rss(), "")


def test_files_and_addresses_are_never_opened(tmp_path):
    path = tmp_path / "feed.xml"
    path.write_bytes(rss("<title>T</title>"))
    for body in (str(path).encode(), path.as_uri().encode(), b"http://127.0.0.1:9/feed"):
        with pytest.raises(ParseError):
            parse_feed(body, "")
    entity = f'<!DOCTYPE rss [<!ENTITY x SYSTEM "{path.as_uri()}">]>'.encode()
    (paper,) = parse_feed(entity + rss("<title>a&x;b</title>"), "")
    assert "T" not in paper.title


def test_no_more_than_five_thousand_entries_are_read():
    parsed = read(rss(*(f"<title>{number}</title>" for number in range(5001))))
    assert len(parsed.sightings) == 5000
    assert parsed.warnings == ("j.example sent 5001 entries; only the first 5000 were read",)


def test_both_research_and_news_are_kept():
    kinds = ("s41586-023-1", "d41586-023-2")
    papers = parse_feed(
        rss(*(f"<title>{k}</title><link>https://nature.com/articles/{k}</link>" for k in kinds)), ""
    )
    assert [next(iter(paper.identifiers)) for paper in papers] == [
        Identifier(Scheme.DOI, f"10.1038/{kind}") for kind in kinds
    ]


def test_authority_is_in_every_stamp():
    paper = only(rss("<title>T</title><description>D</description>"))
    assert {name for name, _ in paper.stamps} == {"title", "abstract"}
    assert {stamp.authority for _, stamp in paper.stamps} == {feed.AUTHORITY}


def test_that_an_article_was_retracted_is_stamped_like_all_that_a_record_says():
    paper = only(
        rss("<item><title>Retracted: Gates</title><link>https://j.example/1</link></item>")
    )
    assert paper.notice == "Retracted"
    assert paper == stamped(paper, dict(paper.stamps)["title"])
