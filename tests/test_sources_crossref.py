"""Crossref: the works that journals register, by ISSN, over real HTTP on loopback."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta

import pytest

from bot.config import SourceSettings
from bot.errors import ParseError
from bot.models import Document, Identifier, Paper, Rel, Scheme, SourceState, Weather
from bot.sources import only_pages, page_request, parse, read_page, request
from bot.sources.spans import Span
from bot.text.query import read_query
from bot.workflows.collect import PollOutcome
from support_collect import DATA, rounds
from support_services import Crossref, work, works_page

NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SOURCE = SourceSettings(name="cr", kind="crossref", issn=("0028-0836", "2041-1723"))
CAPTURE = DATA / "scholar_apis" / "crossref" / "internetarchive__fatcat__crossref_api_works.json"


@pytest.fixture
async def world(tmp_path):
    async with rounds(tmp_path) as found:
        yield found


def a_source(world, **said):
    return SourceSettings(**{"name": "cr", "kind": "crossref", "issn": ("0028-0836",),
                             "url": world.site.url("")} | said)  # fmt: skip


def read(body: str | bytes):
    content = body.encode() if isinstance(body, str) else body
    return parse(SOURCE, Document("https://api.crossref.org/works", content), NOW)


def only(**said: object) -> Paper:
    (sighting,) = read(works_page([work(1, NOW - DAY, **said)], 1)).sightings
    return sighting.paper


# ── A work ────────────────────────────────────────────────────────────────────────────────────────


def test_a_work_becomes_a_paper_with_all_it_says():
    (sighting,) = read(works_page([work(
        1, NOW - DAY,
        title=["Routing <i>E. coli</i>"],
        abstract="<jats:title>Abstract</jats:title><jats:p>We route.</jats:p><jats:p>Well.</jats:p>",
        author=[{"given": "Ada", "family": "Example"}, {"name": "The Consortium"},
                {"family": "Solo"}, {"given": "B", "family": "C", "suffix": "Jr"}, {}, None],
        resource={"primary": {"URL": "https://journal.example/1"}},
        relation={"has-preprint": [{"id": "10.1101/2026.01.02.123456v2", "id-type": "doi"},
                                   {"id": "2601.00001", "id-type": "arxiv"}, {"id": "x"}, 3]},
    )], 1)).sightings  # fmt: skip
    paper = sighting.paper
    assert (paper.title, paper.abstract) == ("Routing E. coli", "We route.\n\nWell.")
    assert paper.authors == ("Ada Example", "The Consortium", "Solo", "B C Jr")
    assert paper.venue == "Journal of Examples"
    assert {str(each) for each in paper.identifiers} == {
        "doi:10.5555/j.1", "doi:10.1101/2026.01.02.123456", "arXiv:2601.00001",
    }  # fmt: skip
    assert paper.link(Rel.ABSTRACT) == "https://journal.example/1"
    assert sighting.at == paper.published == NOW - DAY
    assert sighting.guid == "doi:10.5555/j.1"


@pytest.mark.parametrize(
    ("said", "published"),
    [
        ({"published-online": {"date-parts": [[2026, 11, 3]]}}, datetime(2026, 11, 3, tzinfo=UTC)),
        (
            {"published-print": {"date-parts": [[2026, 12, 1]]},
             "issued": {"date-parts": [[2026, 11, 4]]}},
            datetime(2026, 11, 4, tzinfo=UTC),
        ),
        ({"issued": {"date-parts": [[2026, 11]]}}, NOW - DAY),
        ({"issued": {"date-parts": [[None]]}}, NOW - DAY),
        ({"issued": {"date-parts": [[2026, 13, 1]]}}, NOW - DAY),
        ({"issued": {"date-parts": [["2026", "1", "1"]]}}, NOW - DAY),
        ({"issued": {"date-parts": []}}, NOW - DAY),
        ({"issued": "yesterday"}, NOW - DAY),
        ({"published-print": {"date-parts": [[2027, 3, 1]]}}, NOW),
    ],
)  # fmt: skip
def test_the_earliest_whole_date_is_when_it_appeared_and_never_later_than_now(said, published):
    assert only(**said).published == published


def issue(*parts: object) -> dict[str, object]:
    return {"published-print": {"date-parts": [list(parts)]}}


def online(*parts: object) -> dict[str, object]:
    return {"published-online": {"date-parts": [list(parts)]}}


@pytest.mark.parametrize(
    ("said", "late"),
    [
        (issue(1987, 3, 1), True),
        (issue(1987), True),
        (issue(1869, 11, 4), True),
        (issue(1987, 3) | online(2026, 11, 18), True),  # a back file, put online the other day
        (online(2024, 5, 2) | issue(2026, 11), False),  # deposited with its issue
        (online(2026, 11, 18) | issue(2027, 3), False),
        (online(2024, 5, 2), True),
        ({"issued": {"date-parts": [[1987, 3]]}}, True),
        (issue(2025, 11, 18), True),
        (issue(2025, 11, 19), False),  # a year to the day
        (issue(2025, 11), False),
        (issue(2025), False),
        (issue(2024), True),
        (issue(2027), False),
        (issue(26, 11, 3), False),
        (issue("1987", 3, 1), True),
        (issue(None), False),
        (issue(), False),
        ({}, False),
        (issue(1987) | {"created": None}, False),
    ],
)
def test_what_appeared_a_year_before_it_was_registered_is_told_of_late(said, late):
    (sighting,) = read(works_page([work(1, NOW - DAY, **said)], 1)).sightings
    assert sighting.late is late


@pytest.mark.parametrize(
    "said",
    [{"author": "Ada"}, {"abstract": 5}, {"container-title": {}}, {"relation": []},
     {"resource": {"primary": {"URL": "javascript:alert(1)"}}}, {"created": None},
     {"title": ["", "Work 1"]}],
)  # fmt: skip
def test_a_field_of_the_wrong_kind_is_as_good_as_none(said):
    paper = only(**said)
    assert (paper.title, paper.abstract) == ("Work 1", "")
    assert paper.identifiers == {Identifier(Scheme.DOI, "10.5555/j.1")}
    assert paper.link(Rel.ABSTRACT) == "https://doi.org/10.5555/j.1"


def test_what_has_no_doi_or_title_is_skipped_by_name():
    parsed = read(works_page([work(1, NOW), work(2, NOW, DOI=""), work(3, NOW, title=[]), 4], 4))
    assert len(parsed.sightings) == 1
    assert parsed.warnings == ("api.crossref.org sent 3 works without a DOI or a title; skipped",)


def test_what_is_registered_beside_papers_is_no_paper():
    kinds = ["journal-article", "posted-content", "book-chapter", "journal-issue", "peer-review"]
    works = [work(n, NOW, type=kind) for n, kind in enumerate(kinds)]
    parsed = read(works_page(works, 5))
    assert [s.paper.title for s in parsed.sightings] == ["Work 0", "Work 1", "Work 2"]
    assert parsed.warnings == ()


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "api.crossref.org sent an empty document"),
        (b"<html>", "api.crossref.org sent a web page (HTML) instead of a list of works"),
        (b'{"status":"ok","mess', "sent something that is no JSON instead of a list of works"),
        (b"[]", "api.crossref.org sent JSON that is no list of works"),
        (b'{"status":"ok","message":{"items":5}}', "sent JSON that is no list of works"),
        (
            b'{"status":"failed","message":[{"message":"Filter value is no ISSN."}]}',
            "api.crossref.org answered with an error: Filter value is no ISSN",
        ),
    ],
)
def test_what_is_no_list_of_works_is_no_empty_source(body, problem):
    with pytest.raises(ParseError) as caught:
        read(body)
    assert problem in str(caught.value)


@pytest.mark.skipif(not CAPTURE.is_file(), reason="no captures of Crossref")
def test_the_captured_page_is_read():
    parsed = read(CAPTURE.read_bytes())
    assert [s.guid for s in parsed.sightings][:1] == ["doi:10.1109/mitp.2002.1041177"]
    first = parsed.sightings[0].paper
    assert (first.title, first.authors, first.venue) == (
        "Inside SSL: accelerating secure transactions", ("W. Chou",), "IT Professional",
    )  # fmt: skip


# ── What is asked for ─────────────────────────────────────────────────────────────────────────────


def test_works_are_asked_for_by_issn_and_by_the_day_of_their_registration():
    assert only_pages("crossref")
    assert request(SOURCE, SourceState("cr", last_ok=NOW - DAY), NOW).url == (
        "https://api.crossref.org/works?filter=issn:0028-0836,issn:2041-1723,"
        "from-created-date:2026-11-17,until-created-date:2026-11-20&sort=created&order=asc"
        "&rows=100&offset=0&select=DOI,title,subtitle,author,abstract,container-title,created,posted,"
        "published-online,published-print,issued,relation,type"
    )


def test_who_asks_is_told_as_the_polite_pool_wants_it():
    asked = page_request(SOURCE, Span(NOW - DAY, NOW, 100), "secret", "you@example.org")
    assert "&offset=100&" in asked.url
    assert asked.url.endswith("&mailto=you%40example.org")
    assert asked.headers == (("Crossref-Plus-API-Token", "Bearer secret"),)


def test_paging_ends_where_the_service_would_refuse_to_go_on():
    page = Document("https://api.crossref.org/x", works_page([work(1, NOW)] * 100, 50_000).encode())
    assert read_page(SOURCE, Span(NOW, NOW, 9_800), page, NOW)[1] == Span(NOW, NOW, 9_900)
    assert read_page(SOURCE, Span(NOW, NOW, 9_900), page, NOW)[1] is None


# ── Rounds ────────────────────────────────────────────────────────────────────────────────────────


async def test_all_pages_of_the_last_week_are_read_and_what_is_new_the_next_day(world):
    service = Crossref(works=[work(n, NOW - 2 * DAY) for n in range(250)])
    service.works.append(work(999, NOW - 30 * DAY))
    service.put(world.site)
    report = await world.walk(NOW, a_source(world))
    assert (report.outcome, report.entries, report.new) == (PollOutcome.READ, 250, 250)
    offsets = [re.findall(r"offset=(\d+)", path) for path in world.asked()]
    assert offsets == [["0"], ["100"], ["200"]]
    service.works.append(work(1000, NOW + DAY))
    report = await world.walk(NOW + DAY, a_source(world))
    assert (report.entries, report.new) == (251, 1)


@pytest.mark.parametrize("rounds_before", [0, 1])
async def test_a_back_file_is_stored_as_seen_and_is_no_news(world, rounds_before):
    service = Crossref()
    service.put(world.site)
    if rounds_before:
        service.works.append(work(0, NOW - 2 * DAY))
        await world.walk(NOW - DAY, a_source(world))
    news = [work(1, NOW - HOUR, **online(2026, 11, 19)), work(2, NOW - HOUR)]
    back = [work(n, NOW - HOUR, **issue(1987, 3, n - 9)) for n in range(10, 40)]
    service.works += [*news, *back]
    report = await world.walk(NOW, a_source(world))
    assert report.outcome is PollOutcome.READ
    assert report.detail == "30 stored as seen, no news: published long before"
    assert len(world.titles()) == 32 + rounds_before
    assert world.new() == ["Work 0", "Work 1", "Work 2"][not rounds_before :]
    found = world.store.search(read_query("title:10"), 5)
    assert [paper.title for paper, _ in found] == ["Work 10"]


async def test_a_back_files_paper_that_another_source_had_as_news_stays_news(world):
    service = Crossref(works=[work(1, NOW - 2 * DAY)])
    service.put(world.site)
    await world.walk(NOW - DAY, a_source(world))
    service.works[:] = [work(1, NOW - HOUR, **issue(1987))]
    await world.walk(NOW, a_source(world))
    assert world.new() == ["Work 1"]


async def test_a_journal_that_registered_nothing_is_quiet(world):
    Crossref().put(world.site)
    report = await world.walk(NOW, a_source(world))
    assert (report.entries, report.detail) == (0, "")
    assert world.weather(a_source(world), NOW - DAY, NOW).weather is Weather.QUIET


async def test_an_empty_page_where_more_is_owed_is_asked_for_again(world):
    """A total that overstates is not believed for ever: it says so, and goes on there later."""
    service = Crossref(works=[work(n, NOW - DAY) for n in range(100)], overstates=50)
    service.put(world.site)
    report = await world.walk(NOW, a_source(world))
    assert (report.outcome, len(world.titles())) == (PollOutcome.FAILED, 100)
    assert "counts 150 papers, and sent an empty page after 100" in report.detail
    assert world.state("cr").owed_start == 100


@pytest.mark.parametrize(
    ("mood", "problem"),
    [
        ("429", "127.0.0.1 answered HTTP 429 Too Many Requests"),
        ("500", "127.0.0.1 answered HTTP 500"),
        ("html", "127.0.0.1 sent a web page (HTML) instead of a list of works"),
        ("empty", "127.0.0.1 sent an empty document"),
        ('{"status":"ok"', "127.0.0.1 sent something that is no JSON"),
    ],
)
async def test_what_fails_is_told_and_goes_on_where_it_was(world, mood, problem):
    service = Crossref(works=[work(n, NOW - DAY) for n in range(150)], moods=["", mood])
    service.put(world.site)
    report = await world.walk(NOW, a_source(world))
    assert report.outcome is PollOutcome.FAILED
    assert problem in report.detail
    assert len(world.titles()) == 100
    assert json.loads(json.dumps(world.state("cr").owed_start)) == 100
    world.asked()
    later = NOW + 2 * DAY
    report = await world.walk(later, a_source(world))
    if mood != "429":  # of a host that is to be left alone nothing is asked
        assert "offset=100" in world.asked()[0]
        assert len(world.titles()) == 150
