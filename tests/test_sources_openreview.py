"""OpenReview: a venue's submissions, the latest change first, over real HTTP on loopback."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from bot.config import SourceSettings
from bot.errors import ParseError
from bot.models import Document, Identifier, Paper, Rel, Scheme, SourceState
from bot.sources import parse, request
from bot.workflows.collect import PollOutcome
from support_collect import DATA, rounds
from support_services import OpenReview, milliseconds, note

NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SOURCE = SourceSettings(name="or", kind="openreview", venue="ICLR.cc/2027/Conference")
CAPTURE = DATA / "preprints" / "openreview" / "expertise_api2Data.json"


@pytest.fixture
async def world(tmp_path):
    async with rounds(tmp_path) as found:
        yield found


def a_source(world, **said):
    return SourceSettings(**{"name": "or", "kind": "openreview", "venue": "ICLR.cc/2027/Conference",
                             "url": world.site.url("")} | said)  # fmt: skip


def read(told: object):
    body = told if isinstance(told, bytes) else json.dumps(told).encode()
    return parse(SOURCE, Document("https://api2.openreview.net/notes", body), NOW)


def only(**content: object) -> Paper:
    (sighting,) = read({"notes": [note(1, NOW - DAY, **content)]}).sightings
    return sighting.paper


# ── A note ────────────────────────────────────────────────────────────────────────────────────────


def test_a_note_becomes_a_paper_with_all_it_says():
    (sighting,) = read({"notes": [note(1, NOW - DAY, code="https://github.com/a/b")]}).sightings
    paper = sighting.paper
    assert (paper.title, paper.abstract) == ("Submission 1", "We route.")
    assert paper.authors == ("Ada Example", "Bo Sample")
    assert (paper.categories, paper.venue) == (("routing",), "ICLR 2027 Conference Submission")
    assert paper.identifiers == {Identifier(Scheme.OPENREVIEW, "note000001")}
    assert paper.link(Rel.ABSTRACT) == "https://openreview.net/forum?id=note000001"
    assert paper.link(Rel.PDF) == f"https://openreview.net/pdf/{1:040x}.pdf"
    assert paper.link(Rel.CODE) == "https://github.com/a/b"
    assert sighting.at == paper.published == NOW - DAY


def test_notes_of_the_first_version_of_the_service_have_bare_values():
    told = note(1, NOW - DAY)
    content = told["content"]
    assert isinstance(content, dict)
    bare = told | {"content": {key: value["value"] for key, value in content.items()}}
    assert read({"notes": [bare]}) == read({"notes": [told]})


def test_it_appeared_when_everybody_could_read_it():
    told = note(1, NOW - 60 * DAY) | {
        "odate": milliseconds(NOW - 2 * DAY), "pdate": milliseconds(NOW - DAY),
    }  # fmt: skip
    (sighting,) = read({"notes": [told]}).sightings
    assert sighting.at == NOW - 2 * DAY


@pytest.mark.parametrize(
    "content",
    [{"authors": "Ada"}, {"authors": None}, {"authors": ["Anonymous"]}, {"keywords": {}},
     {"pdf": 5}, {"abstract": ["x"]}],
)  # fmt: skip
def test_a_field_of_the_wrong_kind_is_as_good_as_none(content):
    assert only(**content).title == "Submission 1"
    if "authors" in content:
        assert only(**content).authors == ()


def test_what_was_deleted_or_has_no_title_is_skipped_by_name():
    gone = note(2, NOW) | {"ddate": milliseconds(NOW)}
    parsed = read({"notes": [note(1, NOW), gone, note(3, NOW, title=" "), {"id": "../x"}, 5]})
    assert len(parsed.sightings) == 1
    assert "sent 4 notes without an id or a title" in parsed.warnings[0]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "sent an empty document"),
        (b"<html>", "sent a web page (HTML) instead of a list of notes"),
        (b"{", "sent something that is no JSON instead of a list of notes"),
        (b"[]", "sent JSON that is no list of notes"),
        (b'{"name":"NotFoundError","message":"The Invitation was not found."}',
         "answered with an error: The Invitation was not found"),
        (b'{"name":"ForbiddenError","message":"Challenge required"}',
         "Challenge required: the service wants a token: log in at openreview.net"),
    ],
)  # fmt: skip
def test_what_is_no_list_of_notes_is_no_empty_source(body, problem):
    with pytest.raises(ParseError) as caught:
        read(body)
    assert problem in str(caught.value)


@pytest.mark.skipif(not CAPTURE.is_file(), reason="no captures of OpenReview")
def test_the_captured_notes_are_read():
    told = json.loads(CAPTURE.read_bytes())["notes"]
    notes = [each for listed in told.values() for each in listed]
    assert len(notes) > 2
    assert len(read({"notes": notes}).sightings) == len(notes)


# ── What is asked for ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("venue", "invitation"),
    [
        ("ICLR.cc/2027/Conference", "ICLR.cc/2027/Conference/-/Submission"),
        ("TMLR/-/Accepted", "TMLR/-/Accepted"),
    ],
)
def test_a_venue_stands_for_its_submissions(venue, invitation):
    source = SOURCE.model_copy(update={"venue": venue})
    asked = request(source, SourceState("or"), NOW, token="secret")
    assert asked.url == (
        f"https://api2.openreview.net/notes?invitation={invitation}&sort=tmdate:desc"
        "&limit=200&offset=0"
    )
    assert asked.headers == (("Authorization", "Bearer secret"),)


# ── Rounds ────────────────────────────────────────────────────────────────────────────────────────


async def test_pages_are_read_until_one_goes_back_to_before_the_last_time(world):
    old = [note(n, NOW - 30 * DAY - n * HOUR) for n in range(1000, 1900)]
    service = OpenReview(notes=[note(n, NOW - DAY) for n in range(250)] + old)
    service.put(world.site)
    report = await world.walk(NOW, a_source(world))
    assert (report.outcome, report.entries) == (PollOutcome.READ, 400)
    assert len(world.new()) == 250, "what is older than backfill is stored as seen"
    assert [path.rpartition("=")[2] for path in world.asked()] == ["0", "200"]


async def test_pages_in_another_order_than_was_asked_for_are_all_read(world):
    """A service that does not heed `sort` must not end the reading at its first old note."""
    old = [note(n, NOW - 30 * DAY) for n in range(1000, 1200)]
    service = OpenReview(notes=[*old, *(note(n, NOW - DAY) for n in range(250))], heeds_sort=False)
    service.notes.insert(10, note(999, NOW - HOUR))
    service.put(world.site)
    await world.walk(NOW, a_source(world))
    assert len(world.new()) == 251


async def test_a_submission_that_is_revealed_later_is_found_by_its_change(world):
    service = OpenReview(notes=[note(n, NOW - DAY) for n in range(3)])
    service.put(world.site)
    await world.walk(NOW, a_source(world))
    hidden = note(9, NOW - 40 * DAY) | {"tmdate": milliseconds(NOW + HOUR)}
    service.notes.append(hidden)
    report = await world.walk(NOW + DAY, a_source(world))
    assert (report.new, "Submission 9" in world.new()) == (1, True)


async def test_an_empty_venue_is_quiet(world):
    OpenReview().put(world.site)
    report = await world.walk(NOW, a_source(world))
    assert (report.outcome, report.entries, report.detail) == (PollOutcome.READ, 0, "")


async def test_who_has_no_token_is_told_how_to_come_by_one(world):
    OpenReview(notes=[note(1, NOW)], token="right").put(world.site)
    report = await world.walk(NOW, a_source(world))
    assert report.outcome is PollOutcome.FAILED
    assert report.detail == (
        "127.0.0.1 answered HTTP 403 Forbidden: the service wants a token: log in at "
        'openreview.net, and set token = "env:NAME" or "file:PATH" of this source'
    )
    world.token = lambda _: "stale"
    report = await world.walk(NOW + DAY, a_source(world, token="env:OPENREVIEW"))
    assert "its `token` may have expired" in report.detail
    world.token = lambda _: "right"
    report = await world.walk(NOW + 3 * DAY, a_source(world, token="env:OPENREVIEW"))
    assert (report.outcome, report.new) == (PollOutcome.READ, 1)


@pytest.mark.parametrize(
    ("mood", "problem"),
    [("500", "HTTP 500"), ("html", "a web page (HTML)"), ('{"notes":', "no JSON")],
)
async def test_what_fails_is_told_and_goes_on_where_it_was(world, mood, problem):
    service = OpenReview(notes=[note(n, NOW - HOUR) for n in range(250)], moods=["", mood])
    service.put(world.site)
    report = await world.walk(NOW, a_source(world))
    assert report.outcome is PollOutcome.FAILED
    assert problem in report.detail
    assert len(world.titles()) == 200
    await world.walk(NOW + 2 * DAY, a_source(world))
    assert len(world.titles()) == 250
