"""bioRxiv and medRxiv: pages by date, versions, and the article that a preprint becomes."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from bot.config import SourceSettings
from bot.errors import ParseError
from bot.models import (
    Document,
    Event,
    Identifier,
    Paper,
    Rel,
    Scheme,
    SourceState,
    Stamp,
    Weather,
)
from bot.sources import (
    announces,
    keeps_guids,
    only_pages,
    parse,
    read_page,
    request,
)
from bot.sources.names import split_turned
from bot.sources.spans import Span
from bot.workflows.collect import PollOutcome
from bot.workflows.poll import MOST_REQUESTS
from support_collect import DATA, PreprintApi, Rounds, preprint, preprint_page, rounds

NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SOURCE = SourceSettings(name="bio", kind="biorxiv")
CAPTURE = DATA / "preprints" / "biorxiv_api" / "pu5ha__research_bot__biorxiv_details.json"


def page(*records: dict[str, object], total: int | None = None) -> bytes:
    return preprint_page(list(records), 0, len(records) if total is None else total).encode()


def read(body: bytes, source: SourceSettings = SOURCE):
    return parse(source, Document("https://api.biorxiv.org/x", body), NOW)


def only(**said: object) -> Paper:
    (sighting,) = read(page(preprint(1, **said))).sightings
    return sighting.paper


# ── A record ──────────────────────────────────────────────────────────────────────────────────────


def test_a_record_becomes_a_paper_with_all_it_says():
    (sighting,) = read(page(preprint(1))).sightings
    paper = sighting.paper
    assert (paper.title, paper.abstract, paper.venue) == ("Preprint 1", "Words.", "bioRxiv")
    assert paper.authors == ("T. Ghafari", "A. J. Quinn", "M. de la Cruz")
    assert paper.categories == ("neuroscience",)
    assert paper.identifiers == {Identifier(Scheme.DOI, "10.64898/2026.11.18.000001")}
    assert paper.link(Rel.ABSTRACT) == "https://doi.org/10.64898/2026.11.18.000001"
    assert (paper.version, paper.published) == (1, datetime(2026, 11, 18, tzinfo=UTC))
    assert dict(paper.stamps)["title"] == Stamp(30, 1, "2026-11-18")
    assert (sighting.event, sighting.at) == (Event.NEW, paper.published)
    assert sighting.guid == "10.64898/2026.11.18.000001v1"


def test_a_later_version_replaces_and_is_no_first_appearance():
    (sighting,) = read(page(preprint(1, version=3))).sightings
    assert (sighting.event, sighting.paper.version) == (Event.REPLACE, 3)
    assert sighting.paper.published is None


@pytest.mark.parametrize(
    ("said", "names"),
    [
        ("NA", set()),
        ("", set()),
        (None, set()),
        ("10.1038/S41586-026-00001-1", {"doi:10.1038/s41586-026-00001-1"}),
        ("https://doi.org/10.7554/eLife.12345", {"doi:10.7554/elife.12345"}),
    ],
)
def test_the_article_it_became_is_a_further_identifier(said, names):
    found = {str(i) for i in only(published=said).identifiers}
    assert found == {"doi:10.64898/2026.11.18.000001"} | names


def test_the_two_prefixes_are_two_registrations():
    """docs/decisions/0010: a posting has one of them, and keeps it."""
    old = only(doi="10.1101/2026.11.18.000001")
    assert not old.identifiers & only().identifiers


@pytest.mark.parametrize(
    ("date", "read_as"),
    [
        ("2026-06-30", datetime(2026, 6, 30, tzinfo=UTC)),
        ("2026-6-3", datetime(2026, 6, 3, tzinfo=UTC)),
        (" 2026-6-30 ", datetime(2026, 6, 30, tzinfo=UTC)),
        ("2026-13-30", None),
        ("soon", None),
        (20260630, None),
        ("2027-01-01", NOW),
    ],
)
def test_dates_may_be_unpadded_wrong_or_in_the_future(date, read_as):
    assert only(date=date).published == read_as


@pytest.mark.parametrize("version", ["2", 2, " 2 "])
def test_numbers_come_as_numbers_or_as_text(version):
    assert only(version=version).version == 2


@pytest.mark.parametrize("version", ["", None, "two", True, -1, 10**12])
def test_a_version_that_is_none_is_the_first(version):
    assert only(version=version).version == 1


def test_odd_records_are_stored_sensibly():
    assert only(title="0").title == "0"
    assert only(title="").title == "doi:10.64898/2026.11.18.000001"
    assert only(abstract="").abstract == ""
    assert only(abstract=None).abstract == ""
    assert only(authors="").authors == ()
    assert only(title="<i>E. coli</i> with p<0.05\nand n<m").title == (
        "E. coli with p<0.05 and n<m"
    )
    crowd = "; ".join(f"Last{n}, F. {n}." for n in range(3000))
    assert len(only(authors=crowd).authors) == 3000


@pytest.mark.parametrize(
    ("authors", "names"),
    [
        ("Ghafari, T.", ("T. Ghafari",)),
        ("Ghafari, T.; ", ("T. Ghafari",)),
        ("van der Berg, A.-B.; Smith, J.", ("A.-B. van der Berg", "J. Smith")),
        ("The ENIGMA Consortium; Smith, J.", ("The ENIGMA Consortium", "J. Smith")),
        ("Smith, Jr.; Doe, J.", ("Smith Jr.", "J. Doe")),
        ("Smith, J. et al.", ("J. Smith",)),
        ("", ()),
    ],
)
def test_authors_are_turned_around(authors, names):
    assert split_turned(authors) == names


def test_what_has_no_doi_is_skipped_by_name():
    parsed = read(page(preprint(1), preprint(2, doi="NA"), {"title": "x"}))
    assert len(parsed.sightings) == 1
    assert parsed.warnings == ("api.biorxiv.org sent 2 entries without a DOI; they were skipped",)


def test_categories_restrict_whatever_their_case():
    source = SOURCE.model_copy(update={"categories": ("Cell Biology", "neuroscience")})
    body = page(*(preprint(n, category=c) for n, c in enumerate(
        ["cell biology", "Neuroscience", "zoology", ""])))  # fmt: skip
    titles = [sighting.paper.title for sighting in read(body, source).sightings]
    assert titles == ["Preprint 0", "Preprint 1"]


# ── A page ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "api.biorxiv.org sent an empty document"),
        (b"<html>x", "api.biorxiv.org sent a web page (HTML) instead of a list of preprints"),
        (
            page(preprint(1))[:-20],
            "api.biorxiv.org sent something that is no JSON instead of a list of preprints",
        ),
        (b"[" * 100_000,
         "api.biorxiv.org sent something that is no JSON instead of a list of preprints"),
        (b"[]", "api.biorxiv.org sent JSON that is no list of preprints"),
        (b"{}", "api.biorxiv.org sent JSON that is no list of preprints"),
        (b'{"messages": ["x"], "collection": 3}',
         "api.biorxiv.org sent JSON that is no list of preprints"),
        (
            b'{"messages": [{"status": "Error: date is wrong"}], "collection": []}',
            "api.biorxiv.org answered with an error: Error: date is wrong",
        ),
    ],
)  # fmt: skip
def test_what_is_no_page_is_an_error_and_never_an_empty_day(body, problem):
    with pytest.raises(ParseError) as caught:
        read(body)
    assert str(caught.value) == problem


def test_an_empty_page_is_the_end():
    span = Span(NOW - DAY, NOW, start=7)
    document = Document("https://api.biorxiv.org/x", page())
    parsed, left = read_page(SOURCE, span, document, NOW)
    assert (parsed.sightings, left) == ((), None)


@pytest.mark.parametrize(("total", "left"), [(2, None), (9, 2), ("9", 2), ("many", 2)])
def test_a_page_goes_on_by_what_it_brought(total, left):
    body = json.loads(page(preprint(1), preprint(2)))
    body["messages"][0]["total"] = total
    document = Document("https://api.biorxiv.org/x", json.dumps(body).encode())
    found = read_page(SOURCE, Span(NOW - DAY, NOW), document, NOW)[1]
    assert found == (Span(NOW - DAY, NOW, start=left) if left else None)


@pytest.mark.skipif(not CAPTURE.exists(), reason="no captures in preprints/biorxiv_api")
def test_the_captured_page_is_read():
    parsed = read(CAPTURE.read_bytes())
    assert [s.event for s in parsed.sightings] == [Event.NEW, Event.NEW, Event.REPLACE]
    assert {i.scheme for s in parsed.sightings for i in s.paper.identifiers} == {Scheme.DOI}
    assert parsed.sightings[0].paper.authors == ("T. Ghafari", "A. J. Quinn", "O. Jensen")


# ── The window ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("state", "path"),
    [
        (SourceState("bio"), "2026-11-13/2026-11-20/0"),
        (SourceState("bio", last_ok=NOW - DAY), "2026-11-17/2026-11-20/0"),
        (SourceState("bio", last_ok=NOW - 400 * DAY), "2026-08-22/2026-11-20/0"),
        (
            SourceState("bio", last_ok=NOW, owed_from=NOW - 5 * DAY, owed_until=NOW, owed_start=60),
            "2026-11-15/2026-11-20/60",
        ),
    ],
)
def test_the_window_overlaps_the_last_one_by_two_days(state, path):
    url = request(SOURCE, state, NOW).url
    assert url == f"https://api.biorxiv.org/details/biorxiv/{path}/json"


def test_medrxiv_is_the_same_with_another_name_and_the_base_can_be_replaced():
    source = SourceSettings(name="m", kind="medrxiv", url="https://mirror.example/", backfill="1d")
    asked = request(source, SourceState("m"), NOW, token="t")
    assert asked.url == "https://mirror.example/details/medrxiv/2026-11-19/2026-11-20/0/json"
    assert asked.headers == (("Authorization", "Bearer t"),)
    assert read(page(preprint(1)), source).sightings[0].paper.venue == "medRxiv"
    assert only_pages("medrxiv")
    assert not announces("medrxiv")
    assert not keeps_guids("medrxiv")


# ── Collected ─────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
async def world(tmp_path):
    async with rounds(tmp_path) as found:
        yield found


def a_source(world: Rounds, **said: object) -> SourceSettings:
    told = {"name": "bio", "kind": "biorxiv", "url": world.site.url("")}
    return SourceSettings.model_validate(told | said)


async def test_all_pages_are_read_and_totals_that_overstate_end_at_an_empty_one(world):
    source = a_source(world)
    PreprintApi([preprint(n) for n in range(8)], overstates=5).put(world.site)
    report = await world.walk(NOW, source)
    assert (report.outcome, report.entries, report.new) == (PollOutcome.READ, 8, 8)
    cursors = [path.split("/")[-2] for path in world.asked()]
    assert cursors == ["0", "3", "6", "8"]
    state = world.state("bio")
    assert (state.last_ok, state.last_new, state.owed_from) == (NOW, NOW, None)
    assert state.next_poll is not None
    assert NOW < state.next_poll < NOW + HOUR


async def test_the_next_poll_brings_what_is_new_and_a_quiet_one_nothing(world):
    source = a_source(world)
    api = PreprintApi([preprint(n) for n in range(4)])
    api.put(world.site)
    await world.walk(NOW, source)
    api.listed.append(preprint(9))
    assert (await world.walk(NOW + HOUR, source)).new == 1
    report = await world.walk(NOW + 2 * HOUR, source)
    assert (report.outcome, report.new, report.updated) == (PollOutcome.READ, 0, 0)
    note = world.weather(source, NOW + HOUR, NOW + 2 * HOUR)
    assert (note.weather, note.detail) == (Weather.QUIET, "nothing new")


async def test_a_new_version_updates_a_paper_and_of_an_unknown_one_is_no_news(world):
    source = a_source(world)
    api = PreprintApi([preprint(1)])
    api.put(world.site)
    await world.walk(NOW, source)
    api.listed += [preprint(1, version=2, title="Better"), preprint(2, version=4)]
    report = await world.walk(NOW + HOUR, source)
    assert (report.new, report.updated) == (0, 1)
    assert world.titles() == ["Better"]


async def test_the_preprint_becomes_the_journals_paper(world):
    source = a_source(world)
    api = PreprintApi([preprint(1)])
    api.put(world.site)
    await world.walk(NOW, source)
    journal = SourceSettings(name="nature", kind="feed", url=world.site.url("/nature"))
    world.site.put("/nature", (
        "<rss version='2.0'><channel><title>N</title><item><title>The article</title>"
        "<link>https://www.nature.com/articles/s41586-026-00001-1</link></item></channel></rss>"
    ))  # fmt: skip
    await world.walk(NOW, journal)
    assert len(world.titles()) == 2
    api.listed[0]["published"] = "10.1038/s41586-026-00001-1"
    await world.walk(NOW + HOUR, source)
    (paper,) = world.papers()
    assert str(paper.key) == "doi:10.64898/2026.11.18.000001"
    assert paper.title == "Preprint 1"  # the server knows its own preprint best
    assert len(paper.identifiers) == 2


async def test_a_service_that_does_not_turn_over_is_not_asked_for_ever(world):
    source = a_source(world)
    again = preprint_page([preprint(n) for n in range(3)], 0, 100_000)
    api = PreprintApi([preprint(n) for n in range(9)], moods=[again] * 30)
    api.put(world.site)
    report = await world.walk(NOW, source)
    assert (report.outcome, report.new) == (PollOutcome.FAILED, 3)
    assert report.detail == "127.0.0.1 sent the same page again in place of the next one"
    assert len(world.asked()) == 2
    assert world.state("bio").next_poll > NOW  # not at once, as where there is more to read
    api.moods.clear()
    report = await world.walk(NOW + timedelta(days=1), source)
    assert (report.outcome, report.new) == (PollOutcome.READ, 6)


async def test_more_pages_than_a_round_may_ask_for_wait_for_the_next(world):
    source = a_source(world)
    PreprintApi([preprint(n) for n in range(70)]).put(world.site)
    report = await world.walk(NOW, source)
    assert (report.entries, len(world.asked())) == (60, MOST_REQUESTS)
    assert report.detail == "there is more to read; the next round goes on with it"
    assert world.state("bio").last_ok is None
    assert world.weather(source, None, NOW).weather is Weather.INCOMPLETE
    report = await world.walk(NOW + timedelta(minutes=5), source)
    assert (report.new, report.detail) == (10, "")
    assert [path.split("/")[-2] for path in world.asked()] == ["60", "63", "66", "69"]
    assert world.state("bio").last_ok == NOW  # what came since is in the next window


async def test_a_page_that_fails_keeps_the_others_and_goes_on_there(world):
    source = a_source(world)
    PreprintApi([preprint(n) for n in range(8)], moods=["", "503"]).put(world.site)
    report = await world.walk(NOW, source)
    assert (report.outcome, report.new) == (PollOutcome.FAILED, 3)
    assert report.detail == "127.0.0.1 answered HTTP 503 Service Unavailable"
    assert len(world.titles()) == 3
    assert world.state("bio").failures == 1
    world.asked()
    report = await world.walk(NOW + HOUR, source)
    assert (report.outcome, report.new) == (PollOutcome.READ, 5)
    assert [path.split("/")[-2] for path in world.asked()] == ["3", "6"]
    state = world.state("bio")
    assert (state.failures, state.error, state.owed_error) == (0, "", "")


async def test_a_source_that_never_answers_has_failed_and_owes_nothing_but_its_window(world):
    source = a_source(world)
    PreprintApi(moods=["<html>maintenance"] * 9).put(world.site)
    report = await world.walk(NOW, source)
    assert report.outcome is PollOutcome.FAILED
    assert "sent a web page (HTML)" in report.detail
    assert world.weather(source, None, NOW).weather is Weather.FAILED
    assert (await world.walk(NOW + timedelta(minutes=1), source)).outcome is PollOutcome.NOT_DUE
    alarms = [(await world.walk(NOW + hours * HOUR, source)).alarm for hours in (24, 60, 90)]
    assert alarms == [False, True, False]


async def test_other_categories_are_read_from_the_windows_beginning(world):
    source = a_source(world, categories=("zoology",))
    kinds = ["zoology", "genomics"]
    api = PreprintApi([preprint(n, category=kinds[n % 2]) for n in range(70)])
    api.put(world.site)
    await world.walk(NOW, source)
    assert len(world.titles()) == 30
    await world.walk(NOW, a_source(world, categories=("zoology", "genomics")))
    await world.walk(NOW, a_source(world, categories=("zoology", "genomics")))
    assert len(world.titles()) == 70
