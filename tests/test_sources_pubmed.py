"""PubMed: a query's articles, named by one request and told by another, over HTTP on loopback."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from bot.config import SourceSettings
from bot.errors import ParseError
from bot.models import Document, Paper, Rel, SourceState
from bot.sources import page_request, parse, request
from bot.sources.spans import Span
from bot.workflows.collect import PollOutcome
from bot.workflows.poll import MOST_REQUESTS
from support_collect import DATA, rounds
from support_services import PubMed, article, article_set

NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SOURCE = SourceSettings(name="pm", kind="pubmed", query="base editing[tiab]")
CAPTURES = DATA / "scholar_apis" / "pubmed"


@pytest.fixture
async def world(tmp_path):
    async with rounds(tmp_path) as found:
        yield found


def a_source(world, **said):
    return SourceSettings(**{"name": "pm", "kind": "pubmed", "query": "mice",
                             "url": world.site.url("")} | said)  # fmt: skip


def read(body: str | bytes):
    content = body.encode() if isinstance(body, str) else body
    return parse(SOURCE, Document("https://eutils.ncbi.nlm.nih.gov/x", content), NOW)


def only(title: str = "", extra: str = "", more: str = "") -> Paper:
    (sighting,) = read(article_set(article(7, "2026/11/18", title, extra, more))).sightings
    return sighting.paper


# ── An article ────────────────────────────────────────────────────────────────────────────────────


def test_an_article_becomes_a_paper_with_all_it_says():
    extra = (
        '<ELocationID EIdType="doi" ValidYN="Y">10.5555/M.7</ELocationID>'
        '<Abstract><AbstractText Label="BACKGROUND">Mice <sup>99m</sup>Tc&#xa0;run.</AbstractText>'
        "<AbstractText>They stop.</AbstractText></Abstract>"
        "<AuthorList><Author><LastName>Example</LastName><ForeName>Ada B</ForeName></Author>"
        "<Author><LastName>Two</LastName><Initials>C</Initials><Suffix>Jr</Suffix></Author>"
        '<Author ValidYN="N"><LastName>Wrong</LastName></Author>'
        "<Author><CollectiveName>The Mouse Group</CollectiveName></Author></AuthorList>"
        '<ArticleDate DateType="Electronic"><Year>2026</Year><Month>11</Month><Day>05</Day>'
        "</ArticleDate>"
    )
    cited = (
        '<ArticleIdList><ArticleId IdType="pubmed">7</ArticleId>'
        '<ArticleId IdType="pmc">PMC1</ArticleId></ArticleIdList>'
        "<ReferenceList><Reference><ArticleIdList>"
        '<ArticleId IdType="doi">10.5555/cited</ArticleId></ArticleIdList></Reference>'
        "</ReferenceList>"
    )
    (sighting,) = read(
        article_set(article(7, "2026/11/18", "Of <i>mice</i> &amp; men.", extra, cited))
    ).sightings
    paper = sighting.paper
    assert paper.title == "Of mice & men"
    assert paper.abstract == "Background: Mice 99mTc run.\n\nThey stop."
    assert paper.authors == ("Ada B Example", "C Two Jr", "The Mouse Group")
    assert {str(each) for each in paper.identifiers} == {"pmid:7", "doi:10.5555/m.7"}
    assert paper.venue == "Journal of mice"
    assert paper.published == datetime(2026, 11, 5, tzinfo=UTC)
    assert sighting.at == datetime(2026, 11, 18, tzinfo=UTC)
    assert paper.link(Rel.ABSTRACT) == "https://pubmed.ncbi.nlm.nih.gov/7/"


@pytest.mark.parametrize(
    ("title", "read_as"),
    [
        ("Mice.", "Mice"),
        ("[Souris].", "Souris"),
        ("Mice, and so on...", "Mice, and so on..."),
        ("Do mice?", "Do mice?"),
        ("", "Mice 7"),
    ],
)
def test_titles_lose_the_mark_that_ends_every_one(title, read_as):
    assert only(title).title == read_as


def test_a_title_that_is_not_there_is_taken_from_the_authors_own_language():
    extra = "<VernacularTitle>Souris.</VernacularTitle>"
    assert only("[Not Available].", extra).title == "Souris"


@pytest.mark.parametrize(
    ("date", "published"),
    [
        ("<Year>2026</Year><Month>Nov</Month><Day>3</Day>", datetime(2026, 11, 3, tzinfo=UTC)),
        ("<Year>2026</Year><Month>Nov</Month>", datetime(2026, 11, 18, tzinfo=UTC)),
        ("<Year>2026</Year><Month>Nov</Month><Day>31</Day>", datetime(2026, 11, 18, tzinfo=UTC)),
        ("<MedlineDate>2026 Nov-Dec</MedlineDate>", datetime(2026, 11, 18, tzinfo=UTC)),
        ("<Year>9999</Year><Month>Dec</Month><Day>31</Day>", datetime(2026, 11, 18, tzinfo=UTC)),
    ],
)
def test_dates_without_a_day_are_none(date, published):
    extra = f'<ArticleDate DateType="Electronic">{date}</ArticleDate>'
    assert only(extra=extra).published == published


def test_what_has_no_pmid_or_title_is_skipped_by_name():
    nothing = "<PubmedArticle><MedlineCitation/></PubmedArticle><PubmedArticle/>"
    parsed = read(article_set(nothing + article(7, "2026/11/18")))
    assert len(parsed.sightings) == 1
    assert "sent 2 articles without a PMID or a title; skipped" in parsed.warnings[0]


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><PubmedArticleSet>&b;'
FILE = '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><PubmedArticleSet>&f;'


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("", "sent an empty document"),
        ("Busy", "sent something that is no XML"),
        ("<!DOCTYPE html><html><p>Busy</html>", "a web page (HTML) instead of a list of articles"),
        ("<PubmedArticleSet><PubmedArticle>", "sent broken XML instead of a list of articles"),
        ("<eFetchResult><ERROR>Empty id list.</ERROR></eFetchResult>",
         "answered with an error: Empty id list"),
        ("<x/>", "sent XML that is no list of articles"),
        (f"{BOMB}</PubmedArticleSet>", "defines entities of its own; it was not read"),
        (f"{FILE}</PubmedArticleSet>", "defines entities of its own; it was not read"),
        ("<a>" * 5000, "too deep a nesting"),
        ('{"error":"API rate limit exceeded","count":"11"}',
         "answered with an error: API rate limit exceeded"),
        ('{"esearchresult":{"ERROR":"Search Backend failed"}}', "Search Backend failed"),
        ('{"esearchresult":{}}', "sent JSON that is no list of articles"),
        ('{"esearch', "sent something that is no JSON instead of a list of articles"),
    ],
)  # fmt: skip
def test_what_is_no_list_of_articles_is_no_empty_source(body, problem):
    with pytest.raises(ParseError) as caught:
        read(body)
    assert problem in str(caught.value)


@pytest.mark.skipif(not CAPTURES.is_dir(), reason="no captures of PubMed")
def test_the_captured_articles_are_read_whole():
    parsed = read((CAPTURES / "lucas-m-lopes__sotawhat__pubmed_efetch.xml").read_bytes())
    assert [sighting.guid for sighting in parsed.sightings] == [
        "pmid:42286391", "pmid:42286351", "pmid:42286322", "pmid:42286178", "pmid:42286177",
    ]  # fmt: skip
    first = parsed.sightings[0].paper
    assert first.title.startswith("Early timepoint 99mTc-DPD whole body scintigraphy")
    assert first.authors[:2] == ("Stephan Settelmeier", "Lukas Kessler")
    assert "doi:10.1186/s13550-026-01466-0" in map(str, first.identifiers)
    assert first.abstract.startswith("Background: Cardiac transthyretin amyloidosis (ATTR-CM)")


# ── What is asked for ─────────────────────────────────────────────────────────────────────────────


def test_articles_are_searched_by_the_day_they_came_in_and_then_fetched():
    searched = urlsplit(request(SOURCE, SourceState("pm", last_ok=NOW - DAY), NOW).url)
    assert searched.hostname == "eutils.ncbi.nlm.nih.gov"
    assert searched.path == "/entrez/eutils/esearch.fcgi"
    assert {key: value[0] for key, value in parse_qs(searched.query).items()} == {
        "db": "pubmed", "term": "base editing[tiab]", "datetype": "edat",
        "mindate": "2026/11/17", "maxdate": "2026/11/20", "retstart": "0", "retmax": "100",
        "retmode": "json", "tool": "paperround",
    }  # fmt: skip
    told = page_request(SOURCE, Span(NOW, NOW, 0, 0, ("1", "2")), "key", "you@example.org").url
    assert told.endswith("efetch.fcgi?db=pubmed&id=1,2&retmode=xml&tool=paperround"
                         "&email=you%40example.org&api_key=key")  # fmt: skip


# ── Rounds ────────────────────────────────────────────────────────────────────────────────────────


async def test_every_article_of_the_window_is_named_and_told_once(world):
    service = PubMed([(n, "2026/11/18") for n in range(1, 231)] + [(500, "2026/10/01")])
    service.put(world.site)
    report = await world.walk(NOW, a_source(world))
    assert (report.outcome, report.entries, report.new) == (PollOutcome.READ, 230, 230)
    paths = [path.partition("?")[0] for path, _ in world.site.requests]
    assert paths == ["/esearch.fcgi", "/efetch.fcgi"] * 3
    service.articles.append((501, "2026/11/21"))
    assert (await world.walk(NOW + DAY, a_source(world))).new == 1


async def test_a_full_last_page_and_an_article_that_was_withdrawn_end_well(world):
    PubMed([(n, "2026/11/18") for n in range(1, 101)], withdrawn=frozenset({50})).put(world.site)
    report = await world.walk(NOW, a_source(world))
    assert (report.outcome, report.entries) == (PollOutcome.READ, 99)
    assert world.state("pm").owed_from is None


async def test_a_query_that_finds_nothing_is_quiet(world):
    PubMed().put(world.site)
    report = await world.walk(NOW, a_source(world))
    assert (report.outcome, report.entries, report.detail) == (PollOutcome.READ, 0, "")


async def test_words_of_the_query_that_it_does_not_know_are_told(world):
    body = (
        '{"esearchresult":{"count":"0","idlist":[],"errorlist":{"phrasesnotfound":["mixe","x"]}}}'
    )
    PubMed(moods=[body]).put(world.site)
    report = await world.walk(NOW, a_source(world))
    assert report.detail == "PubMed knows nothing of this in the query: mixe, x"


async def test_more_than_a_round_may_ask_for_goes_on_in_the_next(world):
    PubMed([(n, "2026/11/18") for n in range(1, 1251)]).put(world.site)
    report = await world.walk(NOW, a_source(world))
    assert len(world.site.requests) == MOST_REQUESTS
    assert report.new == 1000
    assert "there is more to read" in report.detail
    assert (await world.walk(NOW + HOUR, a_source(world))).new == 250


@pytest.mark.parametrize(
    ("moods", "problem"),
    [
        (["429"], "HTTP 429 Too Many Requests"),
        (["", "500"], "HTTP 500"),
        (["", "html"], "a web page (HTML) instead of a list of articles"),
        (["", "<PubmedArticleSet><Pub"], "sent broken XML"),
        (["", *[article_set("")] * 3], "named 100 articles, and tells of none of them"),
        (["", "", '{"error":"API rate limit exceeded"}'], "API rate limit exceeded"),
    ],
)
async def test_what_fails_is_told_and_nothing_is_lost(world, moods, problem):
    PubMed([(n, "2026/11/18") for n in range(1, 131)], moods=list(moods)).put(world.site)
    report = await world.walk(NOW, a_source(world))
    assert report.outcome is PollOutcome.FAILED
    assert problem in report.detail
    if "429" not in moods:  # of a host that is to be left alone nothing is asked
        await world.walk(NOW + 2 * DAY, a_source(world))
        assert len(world.titles()) == 130
