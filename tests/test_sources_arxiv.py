from __future__ import annotations

import itertools
from datetime import UTC, date, datetime

import pytest

from bot.config import SourceSettings
from bot.errors import ParseError
from bot.models import Document, Event, Identifier, Parsed, Rel, Scheme, SourceState, Stamp
from bot.sources import announces, arxiv, arxiv_calendar, fingerprint, parse, request, wanted
from bot.sources.names import split_arxiv

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)  # a Monday
SOURCE = SourceSettings(name="ml", kind="arxiv", categories=("cs.LG", "cs.CL"))

ITEM = """<item>
  <title>{title}</title>
  <link>https://arxiv.org/abs/{id}</link>
  <description>arXiv:{id}v{version} Announce Type: {event} \nAbstract: {abstract}</description>
  <guid isPermaLink="false">oai:arXiv.org:{id}v{version}</guid>
  <category>cs.LG</category><category>stat.ML</category>
  <pubDate>Mon, 23 Nov 2026 00:00:00 -0500</pubDate>
  <arxiv:announce_type>{event}</arxiv:announce_type>
  <dc:creator>{creator}</dc:creator>{more}
</item>"""


def item(**fields: object) -> str:
    given = {
        "id": "2611.00001",
        "version": 1,
        "event": "new",
        "title": "Routing",
        "abstract": "We route.",
        "creator": "A. One, B. Two",
        "more": "",
    }
    return ITEM.format(**{**given, **fields})


def feed(
    *items: str, built: str = "Mon, 23 Nov 2026 05:00:10 +0000", title: str = "cs.LG"
) -> bytes:
    return f"""<?xml version='1.0' encoding='UTF-8'?>
<rss xmlns:arxiv="http://arxiv.org/schemas/atom" xmlns:dc="http://purl.org/dc/elements/1.1/"
 version="2.0"><channel><title>{title}</title><link>http://rss.arxiv.org/rss/cs.LG</link>
<description>updates</description><lastBuildDate>{built}</lastBuildDate>
<skipDays><day>Sunday</day><day>Saturday</day></skipDays>{"".join(items)}</channel></rss>""".encode()


def read(body: bytes, now: datetime = NOW) -> Parsed:
    return parse(SOURCE, Document("https://rss.arxiv.org/rss/cs.LG", body), now)


# ── What is asked for ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("url", "categories", "expected"),
    [
        ("", ("cs.LG", "cs.CL"), "https://rss.arxiv.org/rss/cs.LG+cs.CL"),
        ("http://127.0.0.1:1", ("cs.LG",), "http://127.0.0.1:1/rss/cs.LG"),
        ("http://127.0.0.1:1/", ("cs.LG",), "http://127.0.0.1:1/rss/cs.LG"),
        ("https://rss.arxiv.org/atom", ("cs.LG",), "https://rss.arxiv.org/atom/cs.LG"),
        ("https://rss.arxiv.org/rss/", ("cs.LG",), "https://rss.arxiv.org/rss/cs.LG"),
        ("https://mirror.example/day.xml", (), "https://mirror.example/day.xml"),
    ],
)
def test_all_categories_are_one_query(url, categories, expected):
    source = SourceSettings(name="a", kind="arxiv", url=url, categories=categories)
    assert request(source, SourceState("a"), NOW).url == expected


def test_validators_are_sent_only_where_the_source_is_still_the_same():
    state = SourceState(
        "ml", fingerprint=fingerprint(SOURCE), etag='"1"', last_modified="then", last_ok=NOW
    )
    same = request(SOURCE, state, NOW)
    assert (same.etag, same.last_modified) == ('"1"', "then")
    edited = SOURCE.model_copy(update={"announce": ("new",)})
    assert fingerprint(edited) != fingerprint(SOURCE)
    assert request(edited, state, NOW).etag == ""


def test_one_request_in_a_week_is_unconditional():
    state = SourceState("ml", fingerprint=fingerprint(SOURCE), etag='"1"')
    days = [datetime(2026, 11, day, tzinfo=UTC) for day in range(2, 30)]
    asked = [
        request(SOURCE, SourceState(**{**_fields(state), "last_ok": before}), today).etag
        for before, today in itertools.pairwise(days)
    ]
    assert asked.count("") in (3, 4)


def _fields(state: SourceState) -> dict[str, object]:
    return {name: getattr(state, name) for name in SourceState.__dataclass_fields__}


def test_before_its_first_success_a_request_is_unconditional():
    state = SourceState("ml", fingerprint=fingerprint(SOURCE), etag='"1"')
    assert request(SOURCE, state, NOW).etag == ""


def test_a_token_becomes_a_bearers():
    assert request(SOURCE, SourceState("ml"), NOW, token="t").headers == (
        ("Authorization", "Bearer t"),
    )


# ── What an item says ─────────────────────────────────────────────────────────────────────────────


def test_an_item_becomes_a_paper_with_all_it_says():
    more = (
        "<arxiv:DOI>10.1103/PhysRevX.1.2</arxiv:DOI>"
        "<arxiv:journal_reference>Phys. Rev. X 1, 2 (2026)</arxiv:journal_reference>"
    )
    parsed = read(feed(item(more=more)))
    (sighting,) = parsed.sightings
    paper = sighting.paper
    assert paper.title == "Routing"
    assert paper.abstract == "We route."
    assert paper.authors == ("A. One", "B. Two")
    assert paper.categories == ("cs.LG", "stat.ML")
    assert paper.venue == "Phys. Rev. X 1, 2 (2026)"
    assert paper.version == 1
    assert paper.identifiers == {
        Identifier(Scheme.ARXIV, "2611.00001"),
        Identifier(Scheme.DOI, "10.1103/physrevx.1.2"),
    }
    assert paper.published == datetime(2026, 11, 23, 5, tzinfo=UTC)
    assert paper.link(Rel.ABSTRACT) == "https://arxiv.org/abs/2611.00001"
    assert paper.link(Rel.PDF) == "https://arxiv.org/pdf/2611.00001"
    assert dict(paper.stamps)["title"] == Stamp(40, 1, "2026-11-23")
    assert (sighting.event, sighting.guid) == (Event.NEW, "oai:arXiv.org:2611.00001v1")
    assert sighting.at == datetime(2026, 11, 23, 5, tzinfo=UTC)
    assert parsed.built == datetime(2026, 11, 23, 5, 0, 10, tzinfo=UTC)
    assert (parsed.quiet, parsed.warnings) == ("", ())


def test_formulas_are_no_html():
    title = r"Sets with $D&lt;n$ and &lt;b&gt;, AT&amp;T, $\mathcal{O}(n^2)$"
    abstract = r"If $a&lt;b$ then\n  Andr\'e wins 55\% &lt;think&gt;.".replace(r"\n", "\n")
    (sighting,) = read(feed(item(title=title, abstract=abstract))).sightings
    assert sighting.paper.title == r"Sets with $D<n$ and <b>, AT&T, $\mathcal{O}(n^2)$"
    assert sighting.paper.abstract == "If $a<b$ then\n\n" + r"Andr\'e wins 55\% <think>."


@pytest.mark.parametrize("event", ["new", "cross", "replace", "replace-cross"])
def test_every_kind_of_announcement_comes_through(event):
    (sighting,) = read(feed(item(event=event, version=3))).sightings
    assert sighting.event == event
    assert sighting.paper.version == 3
    assert sighting.paper.published is None  # when it first appeared is not said


def test_new_papers_count_as_announced_and_known_ones_always():
    source = SOURCE.model_copy(update={"announce": ("new",)})
    sightings = read(feed(*(item(event=e) for e in ("new", "cross", "replace")))).sightings
    assert [wanted(source, s, known=False) for s in sightings] == [True, False, False]
    assert all(wanted(source, s, known=True) for s in sightings)


def test_atom_gives_the_same_as_rss_and_its_generation_time_is_no_date():
    atom = b"""<feed xmlns:arxiv="http://arxiv.org/schemas/atom"
     xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns="http://www.w3.org/2005/Atom">
    <id>http://rss.arxiv.org/atom/cs.LG</id><updated>2026-11-23T05:00:10+00:00</updated>
    <entry><id>oai:arXiv.org:2611.00001v1</id><title>Routing</title>
    <updated>2026-11-23T05:00:19+00:00</updated>
    <link href="https://arxiv.org/abs/2611.00001" rel="alternate" type="text/html"/>
    <summary>arXiv:2611.00001v1 Announce Type: new \nAbstract: We route.</summary>
    <category term="cs.LG"/><category term="stat.ML"/>
    <published>2026-11-23T00:00:00-05:00</published>
    <arxiv:announce_type>new</arxiv:announce_type>
    <dc:creator>A. One, B. Two</dc:creator></entry></feed>"""
    assert read(atom) == read(feed(item()))


def test_the_rdf_of_before_2024_is_read():
    rdf = b"""<?xml version="1.0" encoding="UTF-8"?>
    <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
     xmlns="http://purl.org/rss/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/">
    <channel rdf:about="http://arxiv.org/"><title>x</title>
    <dc:date>2021-07-08T20:30:00-05:00</dc:date></channel>
    <item rdf:about="http://arxiv.org/abs/math/0309136">
    <title>Modular $D&lt;n$. (arXiv:math/0309136v2 [math.GR] CROSS LISTED)</title>
    <link>http://arxiv.org/abs/math/0309136</link>
    <description>&lt;p&gt;For $a&amp;lt;b$ too.&lt;/p&gt;</description>
    <dc:creator> &lt;a href="http://arxiv.org/a"&gt;LHCb collaboration&lt;/a&gt;: &lt;a
    href="http://arxiv.org/b"&gt;R. Aaij&lt;/a&gt;, et al. (909 additional authors not shown)
    </dc:creator></item>
    <item rdf:about="http://arxiv.org/abs/2106.00550">
    <title>T . (arXiv:2106.00550v2 [hep-ph] UPDATED)</title></item>
    <item rdf:about="http://arxiv.org/abs/2106.00551">
    <title>T. (arXiv:2106.00551v1 [hep-ph])</title></item></rdf:RDF>"""
    first, second, third = read(rdf).sightings
    assert first.paper.title == "Modular $D<n$"
    assert first.paper.authors == ("LHCb collaboration", "R. Aaij")
    assert first.paper.abstract == "For $a<b$ too."
    assert first.paper.categories == ("math.GR",)
    assert (first.paper.version, first.event) == (2, Event.CROSS)
    assert first.paper.identifiers == {Identifier(Scheme.ARXIV, "math/0309136")}
    assert first.at == datetime(2021, 7, 9, 1, 30, tzinfo=UTC)  # the whole document's date
    assert (second.event, third.event) == (Event.REPLACE, Event.NEW)


def test_the_apis_atom_is_read_too():
    api = b"""<feed xmlns="http://www.w3.org/2005/Atom"><title>ArXiv Query</title>
    <entry><id>http://arxiv.org/abs/hep-ex/0307015v1</id><title>0</title>
    <published>2003-07-07T13:46:39Z</published><updated>2004-07-07T13:46:39Z</updated>
    <summary>  Two\n  lines.</summary>
    <author><name>A One</name></author><author><name>A One</name></author></entry></feed>"""
    (sighting,) = read(api).sightings
    assert sighting.paper.title == "0"
    assert sighting.paper.authors == ("A One", "A One")  # two people of one name
    assert sighting.event is Event.SEEN
    assert wanted(SOURCE, sighting, known=False)
    assert sighting.paper.published == datetime(2003, 7, 7, 13, 46, 39, tzinfo=UTC)


def test_an_item_without_title_is_called_by_its_id():
    (sighting,) = read(feed(item(title=""))).sightings
    assert sighting.paper.title == "arXiv:2611.00001"


def test_items_without_an_id_are_skipped_with_a_warning():
    parsed = read(feed(item(), "<item><title>Welcome</title></item>"))
    assert len(parsed.sightings) == 1
    assert parsed.warnings == (
        "rss.arxiv.org sent 1 entries without an arXiv id; they were skipped",
    )


def test_a_date_in_the_future_is_no_later_than_now():
    early = datetime(2026, 11, 22, tzinfo=UTC)
    (sighting,) = read(feed(item()), early).sightings
    assert sighting.at == sighting.paper.published == early
    assert dict(sighting.paper.stamps)["title"].updated == ""


def test_an_announcement_that_is_cut_off_says_what_to_do():
    parsed = read(feed(*(item(id=f"2611.{number:05d}") for number in range(2000))))
    (warning,) = parsed.warnings
    assert warning.startswith("rss.arxiv.org gives at most 2000 entries, and new papers may be cut")


# ── Authors ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("creator", "names"),
    [
        ("A. One, B. Two", ("A. One", "B. Two")),
        ("A. One (Lab, City), B. Two ((1) X, (2) Y)", ("A. One", "B. Two")),
        ("ATLAS Collaboration, :, G. Aad", ("ATLAS Collaboration", "G. Aad")),
        (r"Fran\c{c}ois {\c C}a{\c{g}}l{\i}, {\O}rka", (r"Fran\c{c}ois {\c C}a{\c{g}}l{\i}", r"{\O}rka")),
        (r"A\, B, C {\'e, x} D", (r"A\, B", r"C {\'e, x} D")),
        ("John Smith, Jr., Jane Doe III", ("John Smith Jr.", "Jane Doe III")),
        ("A. One (never closed, B. Two", ("A. One (never closed", "B. Two")),
        ("A. One) odd, B. Two", ("A. One odd", "B. Two")),
        ("A. One, et al.", ("A. One",)),
        ("A. One et al., B. Two et al", ("A. One", "B. Two")),
        ("A. One, on behalf of the X Team", ("A. One", "X Team")),
        (" , ,", ()),
        ("", ()),
    ],
)  # fmt: skip
def test_the_one_creator_is_split_into_names(creator, names):
    assert split_arxiv(creator) == names


def test_thousands_of_names_are_no_trouble():
    names = [f"A. Name{number} (Lab, {number})" for number in range(3000)]
    assert split_arxiv(", ".join(names)) == tuple(f"A. Name{number}" for number in range(3000))
    assert len(split_arxiv("(" * 100_000 + "a, b")) == 2


# ── Nothing, and nothing readable ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("built", "quiet"),
    [
        ("Sat, 01 Aug 2026 04:00:14 +0000", "arXiv announces nothing on a Saturday"),
        ("Mon, 03 Aug 2026 03:59:00 +0000", "arXiv announces nothing on a Sunday"),
        (
            "Thu, 26 Nov 2026 05:00:00 +0000",
            "arXiv announces nothing on 26 November: Thanksgiving",
        ),
        ("Tue, 24 Nov 2026 05:00:00 +0000", ""),
        (
            "Fri, 15 Jan 2027 05:00:00 +0000",
            "arXiv announced nothing on Friday, 15 January 2027: probably a holiday",
        ),
    ],
)
def test_an_empty_day_is_explained_in_new_yorks_days(built, quiet):
    parsed = read(feed(built=built), datetime(2027, 2, 1, tzinfo=UTC))
    assert (parsed.sightings, parsed.quiet) == ((), quiet)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "rss.arxiv.org sent an empty document"),
        (b" \n", "rss.arxiv.org sent an empty document"),
        (
            b"<!DOCTYPE html><html><title>Maintenance</title></html>",
            "rss.arxiv.org sent a web page (HTML) instead of a feed",
        ),
        (b"Service unavailable", "rss.arxiv.org sent something that is no feed"),
        (feed()[:-30], "rss.arxiv.org sent a feed that breaks off before its first entry"),
        (
            feed(
                "<item><title>x</title><description>Invalid archive 'zz'.</description></item>",
                title="Feed error for query: zz",
            ),
            "arXiv refused the query: Invalid archive 'zz'",
        ),
        (
            b"""<feed xmlns="http://www.w3.org/2005/Atom"><entry><id>http://arxiv.org/api/errors#x
            </id><title>Error</title><summary>incorrect id format</summary></entry></feed>""",
            "arXiv refused the query: incorrect id format",
        ),
    ],
)
def test_what_is_no_announcement_is_an_error_and_never_an_empty_day(body, problem):
    with pytest.raises(ParseError) as caught:
        read(body)
    assert str(caught.value) == problem


def test_a_document_that_breaks_off_after_entries_is_read_with_a_warning():
    body = feed(item(), item(id="2611.00002"), item(id="2611.00003"))
    parsed = read(body[: body.index(b"2611.00003")])
    assert len(parsed.sightings) == 2
    assert "broken XML" in parsed.warnings[0]


# ── The calendar ──────────────────────────────────────────────────────────────────────────────────


def test_arxiv_announces_on_working_days():
    assert announces("arxiv")
    assert arxiv_calendar.announces_on(date(2026, 11, 25))
    assert not arxiv_calendar.announces_on(date(2026, 11, 26))
    assert not arxiv_calendar.announces_on(date(2026, 11, 28))


@pytest.mark.parametrize(
    ("start", "end", "due"),
    [
        ("2026-11-20T12:00", "2026-11-20T23:00", False),  # the same Friday
        ("2026-11-20T12:00", "2026-11-22T23:00", False),  # over the weekend
        ("2026-11-20T12:00", "2026-11-23T04:59", False),  # still Sunday in New York
        ("2026-11-20T12:00", "2026-11-23T05:00", True),
        ("2026-11-25T12:00", "2026-11-26T23:00", False),  # Thanksgiving
        ("2026-11-25T12:00", "2026-11-27T12:00", True),
        ("2020-01-01T00:00", "2026-11-27T12:00", True),
        ("2026-11-27T12:00", "2026-11-25T12:00", False),
    ],
)
def test_whether_an_announcement_was_due_between_two_moments(start, end, due):
    between = [datetime.fromisoformat(moment).replace(tzinfo=UTC) for moment in (start, end)]
    assert arxiv_calendar.announced_between(*between) is due


# ── More than one document holds ──────────────────────────────────────────────────────────────────


@pytest.fixture
def twenty_are_full(monkeypatch):
    monkeypatch.setattr(arxiv, "_MOST_ANNOUNCED", 20)


def full(url: str, categories: tuple[str, ...]) -> Parsed:
    source = SourceSettings(name="ml", kind="arxiv", categories=categories)
    body = feed(*(item(id=f"2611.{number:05d}") for number in range(20)))
    return parse(source, Document(url, body), NOW)


@pytest.mark.parametrize(
    ("asked", "categories", "groups"),
    [
        ("cs.LG+cs.CL", ("cs.LG", "cs.CL"), ["cs.LG", "cs.CL"]),
        ("cs+math+stat", ("cs", "math", "stat"), ["cs", "math+stat"]),
        ("math%2Bstat", ("cs", "math", "stat"), ["math", "stat"]),
        ("stat", ("cs", "stat"), ["stat.AP+stat.CO+stat.ME", "stat.ML+stat.OT+stat.TH"]),
        ("stat.AP+stat.CO+stat.ME", ("stat",), ["stat.AP", "stat.CO+stat.ME"]),
        ("moved", ("cs", "stat"), ["cs", "stat"]),  # a redirect that says nothing
        ("cs.LG", ("cs.LG",), []),
        ("hep-th", ("hep-th",), []),
    ],
)
def test_a_full_document_goes_on_in_halves(asked, categories, groups, twenty_are_full):
    parsed = full(f"https://rss.arxiv.org/rss/{asked}", categories)
    assert parsed.more == tuple(f"https://rss.arxiv.org/rss/{group}" for group in groups)
    end = "is read in groups" if groups else "new papers may be cut off"
    assert end in parsed.warnings[-1]


def test_an_address_of_ones_own_has_no_categories_to_split(twenty_are_full):
    source = SourceSettings(name="ml", kind="arxiv", url="https://mirror.example/today.xml")
    body = feed(*(item(id=f"2611.{number:05d}") for number in range(20)))
    assert parse(source, Document(source.url, body), NOW).more == ()
