"""No missed day: what arXiv announced while we slept is read from its search API."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from bot import digest
from bot.config import SourceSettings
from bot.errors import ParseError
from bot.fetch.canned import CannedFetcher
from bot.models import Document, Edition, Event, NotModified, SourceState, Weather
from bot.outputs.health import health_lines
from bot.sources import arxiv_search, page_request, polling, read_page, spans
from bot.sources.spans import Span
from bot.workflows.collect import PollOutcome
from bot.workflows.poll import MOST_REQUESTS
from support_collect import (
    DATA,
    Rounds,
    SearchApi,
    Submission,
    a_journal,
    announcement,
    journal,
    rounds,
    search_page,
    submissions,
)

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MIDNIGHT = datetime(2026, 11, 9, 5, tzinfo=UTC)  # of a Monday, in New York
MONDAY = MIDNIGHT + 7 * HOUR
FRIDAY, SATURDAY = MONDAY + 4 * DAY, MONDAY + 5 * DAY


@pytest.fixture
async def world(tmp_path):
    async with rounds(tmp_path) as found:
        yield found


def a_source(world: Rounds, **said: object) -> SourceSettings:
    told = {"name": "ml", "kind": "arxiv", "categories": ("cs.LG",), "url": world.site.url("")}
    return SourceSettings.model_validate(told | said)


def announce(world: Rounds, built: datetime, *numbers: str, path: str = "/rss/cs.LG") -> None:
    world.site.put(path, announcement(built, *numbers))


async def seen_on_monday(world: Rounds, source: SourceSettings) -> None:
    announce(world, MIDNIGHT, "2611.00001")
    assert (await world.walk(MONDAY, source)).new == 1
    world.asked()


# ── When something is owed ────────────────────────────────────────────────────────────────────────


async def test_days_in_a_row_never_ask_the_api(world):
    source = a_source(world)
    await seen_on_monday(world, source)
    for days in range(1, 5):
        announce(world, MIDNIGHT + days * DAY, f"2611.0001{days}")
        await world.walk(MONDAY + days * DAY, source)
    announce(world, MIDNIGHT + 7 * DAY, "2611.00020")  # over a weekend nothing is missed
    report = await world.walk(MONDAY + 7 * DAY, source)
    assert (report.new, report.detail) == (1, "")
    assert world.asked("/api/") == []


async def test_an_announcement_that_passed_is_read_from_the_api(world):
    source = a_source(world)
    missed = Submission("2611.00002", MIDNIGHT + 20 * HOUR)
    held = Submission("2611.00003", MIDNIGHT - 5 * DAY)  # moderation let it through on Tuesday
    SearchApi([missed, held, Submission("2611.00001", MIDNIGHT - 9 * HOUR)]).put(world.site)
    await seen_on_monday(world, source)
    announce(world, MIDNIGHT + 2 * DAY, "2611.00004")
    report = await world.walk(MONDAY + 2 * DAY, source)
    assert (report.outcome, report.new) == (PollOutcome.READ, 3)
    assert report.detail == "3 entries of the days before"
    assert world.new() == [f"Paper 2611.0000{n}" for n in (1, 2, 3, 4)]
    assert world.weather(source, MONDAY, MONDAY + 2 * DAY).weather is Weather.FINE
    (asked,) = world.asked("/api/query")
    query = parse_qs(urlsplit(asked).query)
    assert query["search_query"] == [
        "(cat:cs.LG) AND submittedDate:[202611020500 TO 202611111200]"  # seven days' overlap
    ]
    assert (query["sortBy"], query["sortOrder"]) == (["submittedDate"], ["ascending"])


async def test_a_source_with_a_new_name_goes_on_where_the_old_one_ended(world):
    SearchApi([Submission("2611.00002", MIDNIGHT + 20 * HOUR)]).put(world.site)
    await seen_on_monday(world, a_source(world))
    announce(world, MIDNIGHT + 2 * DAY, "2611.00004")
    renamed = a_source(world, name="machines")
    report = await world.walk(MONDAY + 2 * DAY, renamed)
    assert (report.outcome, report.new) == (PollOutcome.READ, 2)
    assert world.state("machines").last_ok == MONDAY + 2 * DAY
    assert len(world.asked("/api/query")) == 1


async def test_what_a_source_showed_under_its_old_name_it_showed_under_the_new(world):
    """Else a profile with `sources` would be told of all of it anew, as far as it was not picked."""
    await seen_on_monday(world, a_source(world))
    await world.walk(MONDAY + timedelta(minutes=1), a_source(world, name="machines"))
    assert world.asked() == []  # it is not due
    (paper,) = world.papers()
    assert {row["source"] for row in world.store.sightings(paper.id)} == {"machines"}
    assert list(world.store.source_states()) == ["machines"]


async def test_a_second_source_of_the_same_kind_is_no_renamed_one(world):
    await seen_on_monday(world, a_source(world))
    states = world.store.source_states()
    second = a_source(world, name="b")
    assert polling.former_name(second, states, {"ml", "b"}) == ""
    assert polling.former_name(second, states, {"b"}) == "ml"
    other = a_source(world, name="b", categories=("cs.CL",))
    assert polling.former_name(other, states, {"b"}) == ""


async def test_yesterdays_batch_under_a_new_date_is_told_in_the_report(world):
    source = a_source(world)
    await seen_on_monday(world, source)
    announce(world, MIDNIGHT + DAY, "2611.00001")
    report = await world.walk(MONDAY + DAY, source)
    assert report.detail == "still shows what it showed first on 9 Nov 12:00 UTC, under a new date"
    announce(world, MIDNIGHT + 2 * DAY, "2611.00002")
    assert "still shows" not in (await world.walk(MONDAY + 2 * DAY, source)).detail


async def test_what_was_made_up_for_is_not_asked_for_again(world):
    source = a_source(world)
    SearchApi([Submission("2611.00002", MIDNIGHT + 20 * HOUR)]).put(world.site)
    await seen_on_monday(world, source)
    announce(world, MIDNIGHT + 2 * DAY, "2611.00004")
    await world.walk(MONDAY + 2 * DAY, source)
    world.asked()
    await world.walk(MONDAY + 2 * DAY + 2 * HOUR, source)
    assert len(world.asked()) == 1
    announce(world, MIDNIGHT + 3 * DAY, "2611.00005")
    await world.walk(MONDAY + 3 * DAY, source)
    assert world.asked("/api/") == []


async def test_a_missed_friday_is_noticed_on_the_empty_saturday(world):
    source = a_source(world)
    SearchApi([Submission("2611.00007", FRIDAY - DAY)]).put(world.site)
    announce(world, MIDNIGHT + 3 * DAY, "2611.00001")
    await world.walk(FRIDAY - DAY, source)
    announce(world, MIDNIGHT + 5 * DAY)
    assert (await world.walk(SATURDAY, source)).new == 1


async def test_an_outage_ends_with_what_was_announced_in_it(world):
    source = a_source(world)
    SearchApi([Submission("2611.00002", MIDNIGHT + DAY)]).put(world.site)
    await seen_on_monday(world, source)
    world.site.put("/rss/cs.LG", status=503)
    for days in (1, 2):
        assert (await world.walk(MONDAY + days * DAY, source)).outcome is PollOutcome.FAILED
    announce(world, MIDNIGHT + 3 * DAY, "2611.00004")
    await world.walk(MONDAY + 4 * DAY, source)
    assert world.new() == ["Paper 2611.00001", "Paper 2611.00002", "Paper 2611.00004"]


async def test_on_a_weekend_day_one_is_not_empty(world):
    source = a_source(world, backfill="3d")
    SearchApi(submissions(SATURDAY - 5 * DAY, 10, 12 * HOUR)).put(world.site)
    announce(world, MIDNIGHT + 5 * DAY)
    report = await world.walk(SATURDAY, source)
    assert report.detail == ("arXiv announces nothing on a Saturday; 7 entries of the days before")
    assert len(world.new()) == 7  # of ten: those of the last three days
    assert world.weather(source, None, SATURDAY).weather is Weather.FINE


async def test_on_a_working_days_first_fetch_the_announcement_is_enough(world):
    source = a_source(world)
    await seen_on_monday(world, source)
    assert world.asked("/api/") == []


async def test_a_backfill_of_nothing_asks_for_nothing(world):
    source = a_source(world, backfill="0d")
    announce(world, MIDNIGHT + 5 * DAY)
    await world.walk(SATURDAY, source)
    assert world.asked("/api/") == []


async def test_cross_lists_of_missed_days_count_only_where_they_are_asked_for(world):
    source = a_source(world, announce=("new",))
    api = SearchApi([Submission("2611.00002", MONDAY), Submission("2611.00003", MONDAY, "stat.ML")])
    api.put(world.site)
    announce(world, MIDNIGHT + 5 * DAY)
    await world.walk(SATURDAY, source)
    assert world.titles() == ["Paper 2611.00002"]
    both = a_source(world, name="both", announce=("new", "cross"))
    await world.walk(SATURDAY, both)
    assert world.titles() == ["Paper 2611.00002", "Paper 2611.00003"]


# ── Many pages ────────────────────────────────────────────────────────────────────────────────────


async def test_a_long_gap_is_read_in_slices_of_two_thousand_and_every_paper_once(world):
    source = a_source(world)
    listed = submissions(MIDNIGHT, 4300, timedelta(minutes=8))  # 24 days
    SearchApi(listed).put(world.site)
    await seen_on_monday(world, source)
    now = MONDAY + 28 * DAY
    announce(world, MIDNIGHT + 28 * DAY, "2612.00001")
    report = await world.walk(now, source)
    assert len(world.titles()) == 4301
    assert report.new == 4300  # one of them had been announced on Monday
    asked = [parse_qs(urlsplit(path).query) for path in world.asked("/api/")]
    assert max(int(query["start"][0]) for query in asked) < 2000
    assert len({query["search_query"][0] for query in asked}) == 3
    assert world.weather(source, MONDAY, now).weather is Weather.FINE


async def test_a_round_asks_twenty_times_at_most_and_the_next_goes_on(world, monkeypatch):
    monkeypatch.setattr(arxiv_search, "_PAGE", 5)
    source = a_source(world, backfill="30d")
    listed = submissions(SATURDAY - 29 * DAY, 150, HOUR)
    SearchApi(listed).put(world.site)
    announce(world, MIDNIGHT + 5 * DAY)
    report = await world.walk(SATURDAY, source)
    assert len(world.asked()) == MOST_REQUESTS
    assert report.detail.startswith("arXiv announces nothing on a Saturday; there is more to read")
    assert len(world.titles()) == 95
    note = world.weather(source, None, SATURDAY)
    assert note.weather is Weather.INCOMPLETE
    assert note.detail == "its earlier papers are still being fetched"
    await world.walk(SATURDAY + timedelta(minutes=1), source)  # due at once
    assert len(world.titles()) == 150
    assert world.weather(source, None, SATURDAY + HOUR).weather is Weather.FINE


async def test_an_empty_page_is_not_believed_while_more_is_counted(world):
    source = a_source(world)
    api = SearchApi([Submission("2611.00002", FRIDAY)], moods=["empty", "empty", "empty"])
    api.put(world.site)
    announce(world, MIDNIGHT + 5 * DAY)
    assert (await world.walk(SATURDAY, source)).new == 1
    assert len(world.asked("/api/")) == 4


async def test_a_page_that_breaks_off_is_read_up_to_its_last_whole_entry(world):
    source = a_source(world)
    SearchApi(submissions(FRIDAY, 5, HOUR), moods=["truncated"]).put(world.site)
    announce(world, MIDNIGHT + 5 * DAY)
    report = await world.walk(SATURDAY, source)
    assert "sent broken XML" in report.detail
    starts = [parse_qs(urlsplit(path).query)["start"] for path in world.asked("/api/")]
    assert starts == [["0"], ["4"]]
    assert {paper.abstract for paper in world.papers()} == {"An abstract."}
    assert len(world.titles()) == 5


# ── When the API fails ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("moods", "problem"),
    [
        (["503"], "127.0.0.1 answered HTTP 503 Service Unavailable"),
        (["400"], "127.0.0.1 answered HTTP 400 Bad Request"),
        (["error"], "arXiv refused the query: malformed query"),
        (["html"], "127.0.0.1 sent a web page (HTML) instead of a feed"),
        (["empty"] * 4, "127.0.0.1 counts 1 papers, and sent an empty page after 0"),
    ],
)
async def test_what_the_api_does_not_give_stays_owed_and_is_said(world, moods, problem):
    source = a_source(world)
    api = SearchApi([Submission("2611.00002", MIDNIGHT + 20 * HOUR)], moods=moods)
    api.put(world.site)
    await seen_on_monday(world, source)
    now = MONDAY + 2 * DAY
    announce(world, MIDNIGHT + 2 * DAY, "2611.00004")
    report = await world.walk(now, source)
    assert (report.outcome, report.new, report.alarm) == (PollOutcome.READ, 1, False)
    assert report.detail == (
        f"may be incomplete: {problem}; the days that were missed are asked for again"
    )
    note = world.weather(source, MONDAY, now)
    assert (note.weather, note.detail) == (Weather.INCOMPLETE, problem)
    assert health_lines([note], now.date())[0].text == (
        f"ml may be incomplete ({problem}). What can be fetched later will follow."
    )
    # An hour later its announcement is the same, and what is owed is asked for again.
    report = await world.walk(now + HOUR, source)
    assert (report.outcome, report.new) == (PollOutcome.READ, 1)
    assert "Paper 2611.00002" in world.new()
    assert world.weather(source, MONDAY, now + HOUR).weather is not Weather.INCOMPLETE


async def test_a_recovered_source_may_be_incomplete_too(world):
    source = a_source(world)
    note = world.weather(source, None, MONDAY)
    failed = Edition("p", 1, MONDAY.date(), 0, MONDAY, health=(
        type(note)("ml", Weather.FAILED, "x"),))  # fmt: skip
    owing = type(note)("ml", Weather.INCOMPLETE, "arXiv answered HTTP 503")
    (found,) = digest.health(failed, [owing])
    assert found.weather is Weather.RECOVERED
    lines = [line.text for line in health_lines([found], MONDAY.date())]
    assert lines == [
        "ml may be incomplete (arXiv answered HTTP 503). What can be fetched later will follow.",
        "The source answered; ml answers again.",
    ]


async def test_pages_that_were_read_stay_read_when_the_next_one_fails(world, monkeypatch):
    monkeypatch.setattr(arxiv_search, "_PAGE", 2)
    source = a_source(world)
    api = SearchApi(submissions(FRIDAY, 5, HOUR), moods=["", "503"])
    api.put(world.site)
    announce(world, MIDNIGHT + 5 * DAY)
    await world.walk(SATURDAY, source)
    assert len(world.titles()) == 2
    world.asked()
    await world.walk(SATURDAY + HOUR, source)
    assert len(world.titles()) == 5
    starts = [parse_qs(urlsplit(path).query)["start"] for path in world.asked("/api/")]
    assert starts == [["2"], ["4"]]


async def test_a_304_to_a_page_is_a_failure(world):
    source = a_source(world)
    await seen_on_monday(world, source)
    page = page_request(source, Span(MIDNIGHT - 7 * DAY, MONDAY + 2 * DAY)).url
    day = announcement(MIDNIGHT + 2 * DAY, "2611.00004").encode()
    rss = world.site.url("/rss/cs.LG")
    world.fetcher = CannedFetcher({rss: [day], page: [NotModified(page)]})
    report = await world.walk(MONDAY + 2 * DAY, source)
    assert report.detail.startswith("may be incomplete: answered that nothing changed")


async def test_two_gaps_in_a_row_are_one(world):
    source = a_source(world)
    api = SearchApi([Submission("2611.00002", MIDNIGHT + 20 * HOUR)], moods=["503"])
    api.put(world.site)
    await seen_on_monday(world, source)
    announce(world, MIDNIGHT + 2 * DAY, "2611.00004")
    await world.walk(MONDAY + 2 * DAY, source)
    api.listed.append(Submission("2611.00005", MIDNIGHT + 2 * DAY + 20 * HOUR))
    announce(world, MIDNIGHT + 4 * DAY, "2611.00006")
    await world.walk(FRIDAY, source)
    assert [title[-1] for title in world.new()] == ["1", "2", "4", "5", "6"]


async def test_a_mirror_without_an_api_is_left_in_peace_after_a_week(world):
    source = a_source(world)
    announce(world, MIDNIGHT + 5 * DAY)
    await world.walk(SATURDAY, source)
    assert world.weather(source, None, SATURDAY).weather is Weather.INCOMPLETE
    for days in (2, 3, 4, 5, 6, 9):
        announce(world, MIDNIGHT + (5 + days) * DAY, f"2611.0002{days}")
        await world.walk(SATURDAY + days * DAY, source)
        world.asked()
    await world.walk(SATURDAY + 9 * DAY + HOUR, source)
    assert world.asked("/api/") == []
    assert world.weather(source, None, SATURDAY + 9 * DAY).weather is not Weather.INCOMPLETE


async def test_without_categories_nothing_can_be_asked_for_and_it_is_said_once(world):
    source = a_source(world, url=world.site.url("/day.xml"), categories=())
    announce(world, MIDNIGHT, "2611.00001", path="/day.xml")
    await world.walk(MONDAY, source)
    announce(world, MIDNIGHT + 2 * DAY, "2611.00004", path="/day.xml")
    now = MONDAY + 2 * DAY
    await world.walk(now, source)
    assert world.asked("/api/") == []
    note = world.weather(source, MONDAY, now)
    assert note.weather is Weather.INCOMPLETE
    assert note.detail == (
        "an announcement was missed, and without categories it cannot be asked for again"
    )
    assert world.weather(source, now, now + DAY).weather is not Weather.INCOMPLETE


async def test_a_feed_that_was_not_asked_for_days_says_where_its_list_begins(world):
    source = a_journal(world)
    world.site.put("/j", journal("One", at=MONDAY))
    await world.walk(MONDAY, source)
    now = MONDAY + 7 * DAY
    world.site.put("/j", journal("Eight", "Nine", at=now - 2 * DAY))
    await world.walk(now, source)
    note = world.weather(source, MONDAY, now)
    assert (note.weather, note.detail) == (
        Weather.INCOMPLETE,
        "it last answered on 9 Nov 12:00 UTC, and what it lists now begins on 14 Nov 12:00 UTC",
    )
    assert world.weather(source, now, now + DAY).weather is not Weather.INCOMPLETE, "told once"


@pytest.mark.parametrize(
    ("asked_before", "older"),
    [
        (timedelta(hours=30), ""),
        (timedelta(hours=66), ""),
        (7 * DAY, journal("Old", at=MONDAY - HOUR)),
        (7 * DAY, journal("Undated")),
        (7 * DAY, journal("One", at=MONDAY + 6 * DAY)),
    ],
    ids=[
        "asked yesterday",
        "asked on Friday, for a Monday",
        "it reaches back",
        "an entry without a date",
        "what was known anew",
    ],
)
async def test_a_feed_that_may_have_shown_all_of_it_misses_nothing(world, asked_before, older):
    source, now = a_journal(world), MONDAY + 7 * DAY
    world.site.put("/j", journal("One", at=MONDAY - 9 * DAY))
    await world.walk(now - asked_before, source)
    more = older[older.find("<item>") : older.find("</channel>")]
    world.site.put("/j", journal("New", at=now).replace("</channel>", f"{more}</channel>"))
    assert (await world.walk(now, source)).entries == 1 + bool(older)
    assert world.weather(source, now - asked_before, now).weather is not Weather.INCOMPLETE


# ── A page ────────────────────────────────────────────────────────────────────────────────────────

SOURCE = SourceSettings(name="ml", kind="arxiv", categories=("cs.LG", "math"))
SPAN = Span(MONDAY, FRIDAY)


def read(body: str | bytes, span: Span = SPAN, source: SourceSettings = SOURCE):
    content = body.encode() if isinstance(body, str) else body
    return read_page(source, span, Document("https://export.arxiv.org/api/query", content), FRIDAY)


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("", "https://export.arxiv.org"),
        ("https://mirror.example", "https://mirror.example"),
        ("https://mirror.example/arxiv/rss/", "https://mirror.example/arxiv"),
        ("https://mirror.example/atom", "https://mirror.example"),
    ],
)
def test_the_api_stands_beside_the_feeds(url, base):
    source = SOURCE.model_copy(update={"url": url})
    request = page_request(source, Span(MONDAY, FRIDAY, start=500), token="t")
    assert request.url.startswith(f"{base}/api/query?")
    assert request.headers == (("Authorization", "Bearer t"),)
    query = parse_qs(urlsplit(request.url).query)
    assert query["search_query"] == [
        "(cat:cs.LG OR cat:math OR cat:math.*) AND submittedDate:[202611091200 TO 202611131200]"
    ]
    assert (query["start"], query["max_results"]) == (["500"], ["500"])


def test_an_entry_of_the_api_is_no_announcement_and_dates_the_first_version():
    page = search_page([Submission("math/0309136", MONDAY, "math.GT", version=3)], 1)
    parsed, left = read(page)
    (sighting,) = parsed.sightings
    assert (sighting.event, left) == (Event.SEEN, None)
    assert (sighting.paper.version, sighting.paper.published) == (3, MONDAY)
    assert str(next(iter(sighting.paper.identifiers))) == "arXiv:math/0309136"


def test_an_entry_without_a_primary_category_is_taken():
    page = search_page([Submission("2611.00002", MONDAY, "")], 1)
    assert (
        len(read(page, source=SOURCE.model_copy(update={"announce": ("new",)}))[0].sightings) == 1
    )


def test_a_page_without_a_total_goes_on_until_one_is_empty():
    page = search_page([Submission("2611.00002", MONDAY)], 7).replace(
        "opensearch:totalResults", "x"
    )
    assert read(page)[1] == Span(MONDAY, FRIDAY, start=1)
    empty = search_page([], 0).replace("opensearch:totalResults", "x")
    assert read(empty, Span(MONDAY, FRIDAY, start=1))[1] is None


def test_a_page_that_breaks_off_in_its_first_entry_is_an_error():
    page = search_page([Submission("2611.00002", MONDAY)], 7)
    with pytest.raises(ParseError, match="breaks off in its first entry"):
        read(page[: page.index("<summary>") + 12])


def test_what_was_missed_longer_ago_than_ninety_days_is_history():
    state = SourceState("ml", last_ok=FRIDAY - 400 * DAY, built=FRIDAY - 400 * DAY)
    parsed, _ = read(search_page([], 0))
    assert arxiv_search.owed(SOURCE, state, parsed, FRIDAY) == Span(FRIDAY - 90 * DAY, FRIDAY)


def test_a_gap_that_reaches_further_back_begins_anew():
    before = Span(MONDAY, FRIDAY, start=300)
    assert spans.extended(before, Span(MONDAY - DAY, SATURDAY)) == Span(MONDAY - DAY, SATURDAY)
    assert spans.extended(before, Span(MONDAY + DAY, SATURDAY)) == Span(MONDAY, SATURDAY, 300)


CAPTURES = [
    path
    for folder in ("arxiv.py_bodies", "arxiv.py_old", "captures")
    for path in sorted((DATA / "arxiv_api" / folder).glob("*"))
    if path.is_file() and "zotero" not in path.name  # whose ids were made up
]


@pytest.mark.skipif(not CAPTURES, reason="no captures in arxiv_api")
@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.name[:40])
def test_every_captured_answer_of_the_api_is_read_in_either_shape(path):
    source = SOURCE.model_copy(update={"announce": ("new", "cross")})
    if path.name.startswith("id_abc"):
        with pytest.raises(
            ParseError, match="arXiv refused the query: incorrect id format for abc"
        ):
            read(path.read_bytes(), source=source)
        return
    body = path.read_bytes()
    page = arxiv_search.read(source, Document("https://export.arxiv.org/api/query", body), FRIDAY)
    assert len(page.parsed.sightings) == page.returned == body.count(b"<entry>")
    assert page.total is not None or b"totalResults" not in body
    for sighting in page.parsed.sightings:
        assert sighting.paper.title
        assert sighting.paper.authors
        assert sighting.paper.published is not None
        assert sighting.paper.version >= 1
