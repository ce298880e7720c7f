from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.config import SourceSettings
from bot.models import (
    Document,
    Event,
    Failure,
    Identifier,
    NotModified,
    Paper,
    Parsed,
    Scheme,
    Sighting,
    SourceNote,
    SourceState,
    Weather,
)
from bot.outputs.health import health_lines
from bot.sources import fingerprint
from bot.sources.polling import (
    after_document,
    after_failure,
    after_not_modified,
    after_same_body,
    after_unreadable,
    batch_digest,
    body_digest,
    is_due,
    newly_alarming,
    same_body,
    weather,
)

URL = "https://j.example/feed.xml"
FEED = SourceSettings(name="j", kind="feed", url=URL)
ARXIV = SourceSettings(name="ml", kind="arxiv", categories=("cs.LG",))
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
MONDAY = datetime(2026, 11, 23, 12, tzinfo=UTC)
FRIDAY = datetime(2026, 11, 20, 12, tzinfo=UTC)
NEW = SourceState("j")


def showing(*guids: str, built: datetime | None = None, quiet: str = "") -> Parsed:
    paper = Paper("T", frozenset({Identifier(Scheme.URL, "https://j.example/1")}))
    sightings = tuple(Sighting(paper, Event.NEW, guid=guid) for guid in guids)
    return Parsed(sightings, built=built, quiet=quiet)


def document(body: bytes = b"<rss/>", **headers: str) -> Document:
    return Document(URL, body, tuple((k.replace("_", "-"), v) for k, v in headers.items()))


def not_modified(**headers: str) -> NotModified:
    return NotModified(URL, tuple((k.replace("_", "-"), v) for k, v in headers.items()))


def failure(problem: str = "j.example answered HTTP 503", **more: object) -> Failure:
    return Failure(URL, problem, **more)


# ── What is remembered ────────────────────────────────────────────────────────────────────────────


def test_a_document_leaves_its_validators_digest_and_fingerprint():
    state = after_document(FEED, NEW, document(etag='W/"1"'), showing("a"), MONDAY)
    assert (state.etag, state.last_modified) == ('W/"1"', "")
    assert state.body_sha == body_digest(b"<rss/>")
    assert state.batch == batch_digest(showing("a"))
    assert state.fingerprint == fingerprint(FEED)
    assert state.last_ok == state.last_new == MONDAY


def test_a_304_brings_each_validator_independently():
    state = replace(NEW, etag='"1"', last_modified="then")
    assert after_not_modified(FEED, state, not_modified(), MONDAY).etag == '"1"'
    renewed = after_not_modified(FEED, state, not_modified(etag='"2"'), MONDAY)
    assert (renewed.etag, renewed.last_modified) == ('"2"', "then")


def test_the_same_body_again_brings_no_news_but_its_validators():
    before = after_document(FEED, NEW, document(etag='"1"'), showing("a"), MONDAY)
    state = after_same_body(FEED, before, document(last_modified="now"), MONDAY + DAY)
    assert (state.etag, state.last_modified) == ("", "now")
    assert (state.last_new, state.last_ok) == (MONDAY, MONDAY + DAY)
    assert (state.batch, state.body_sha) == (before.batch, before.body_sha)


def test_a_failure_to_fetch_keeps_validators_and_a_failure_to_read_drops_them():
    before = after_document(FEED, NEW, document(etag='"1"'), showing("a"), MONDAY)
    assert after_failure(FEED, before, failure(), MONDAY).etag == '"1"'
    state = after_unreadable(FEED, before, failure("j.example sent no feed"), MONDAY)
    assert (state.etag, state.last_modified, state.body_sha) == ("", "", "")
    assert (state.failures, state.error) == (1, "j.example sent no feed")
    assert state.batch == before.batch  # what it showed is still what it showed


def test_a_body_was_read_before_only_by_the_same_parser_for_the_same_source():
    state = after_document(FEED, NEW, document(b"x"), showing("a"), MONDAY)
    assert same_body(FEED, state, document(b"x"))
    assert not same_body(FEED, state, document(b"y"))
    assert not same_body(FEED.model_copy(update={"url": URL + "2"}), state, document(b"x"))


def test_an_edited_source_that_fails_starts_its_backoff_anew():
    state = after_document(FEED, NEW, document(etag='"1"'), showing("a"), MONDAY - DAY)
    for _ in range(5):
        state = after_failure(FEED, state, failure(), MONDAY)
    edited = FEED.model_copy(update={"url": URL + "2"})
    assert is_due(edited, state, MONDAY)
    state = after_failure(edited, state, failure(), MONDAY)
    assert not is_due(edited, state, MONDAY)  # and is not asked again at every tick
    assert (state.failures, state.next_poll) == (1, MONDAY + HOUR)
    assert (state.etag, state.body_sha, state.batch) == ("", "", "")
    assert state.last_ok == MONDAY - DAY


def test_success_ends_a_failure():
    failing = replace(
        NEW, failures=3, failing_since=FRIDAY, alarmed_at=FRIDAY, error="x", gone=True
    )
    for state in (
        after_document(FEED, failing, document(), showing("a"), MONDAY),
        after_same_body(FEED, failing, document(), MONDAY),
        after_not_modified(FEED, failing, not_modified(), MONDAY),
    ):
        assert (state.failures, state.failing_since, state.alarmed_at) == (0, None, None)
        assert (state.error, state.gone, state.last_ok) == ("", False, MONDAY)


def test_the_identity_of_a_batch_is_its_entries_and_not_their_order():
    assert batch_digest(showing("a", "b")) == batch_digest(showing("b", "a", "b"))
    assert batch_digest(showing("a")) != batch_digest(showing("a", "b"))
    assert batch_digest(showing()) == ""


def test_an_empty_document_keeps_the_batch_it_follows():
    before = after_document(ARXIV, NEW, document(), showing("a", built=FRIDAY), FRIDAY)
    quiet = showing(built=FRIDAY + DAY, quiet="arXiv announces nothing on a Saturday")
    state = after_document(ARXIV, before, document(), quiet, FRIDAY + DAY)
    assert state.batch == before.batch
    assert state.quiet == "arXiv announces nothing on a Saturday"
    assert state.last_new == FRIDAY


def test_yesterdays_batch_under_todays_date_is_stale_until_it_changes():
    monday = after_document(ARXIV, NEW, document(), showing("a", built=MONDAY), MONDAY)
    again = after_document(
        ARXIV, monday, document(b"x"), showing("a", built=MONDAY + HOUR), MONDAY + HOUR
    )
    assert again.stale_since is None  # rebuilt on the same day
    tuesday = MONDAY + DAY
    stale = after_document(ARXIV, again, document(b"y"), showing("a", built=tuesday), tuesday)
    later = after_document(
        ARXIV, stale, document(b"z"), showing("a", built=tuesday + HOUR), tuesday + HOUR
    )
    assert stale.stale_since == later.stale_since == tuesday
    healed = after_document(ARXIV, later, document(), showing("b", built=tuesday), tuesday + HOUR)
    assert healed.stale_since is None
    assert healed.last_new == tuesday + HOUR


def test_a_feed_that_only_changes_its_build_date_is_not_stale():
    before = after_document(FEED, NEW, document(), showing("a", built=MONDAY), MONDAY)
    later = MONDAY + 2 * DAY
    state = after_document(FEED, before, document(b"x"), showing("a", built=later), later)
    assert state.stale_since is None


def test_a_second_probable_holiday_in_a_row_asks_for_a_look():
    def probably(day: str) -> Parsed:
        return showing(quiet=f"arXiv announced nothing on {day}: probably a holiday")

    first = after_document(ARXIV, NEW, document(), probably("Monday"), MONDAY)
    assert first.quiet.endswith("Monday: probably a holiday")
    same = after_document(ARXIV, first, document(b"x"), probably("Monday"), MONDAY + HOUR)
    assert same.quiet == first.quiet
    second = after_document(ARXIV, same, document(), probably("Tuesday"), MONDAY + DAY)
    check = "arXiv announced nothing on Tuesday: the second working day in a row; please check"
    assert second.quiet == check
    still = after_document(ARXIV, second, document(b"x"), probably("Tuesday"), MONDAY + DAY + HOUR)
    assert still.quiet == check
    assert after_document(ARXIV, still, document(), showing("a"), MONDAY + 2 * DAY).quiet == ""


# ── When to ask again ─────────────────────────────────────────────────────────────────────────────


def test_what_a_wrong_clock_put_off_by_weeks_is_not_put_off():
    """Under a wrong clock certificates are out of date, too: such a source has only failed then."""
    later = MONDAY + timedelta(days=365)
    failed = after_failure(FEED, replace(NEW, last_ok=MONDAY), Failure(URL, "No TLS."), later)
    assert is_due(FEED, failed, MONDAY)
    gone_for_now = after_failure(FEED, NEW, Failure(URL, "Not found.", status=404), MONDAY)
    assert not is_due(FEED, gone_for_now, MONDAY)


def test_a_source_is_due_at_first_when_its_time_has_come_and_when_it_was_edited():
    assert is_due(FEED, NEW, MONDAY)
    state = after_document(FEED, NEW, document(), showing("a"), MONDAY)
    assert not is_due(FEED, state, MONDAY + 0.5 * HOUR)
    assert is_due(FEED, state, MONDAY + HOUR)
    edited = FEED.model_copy(update={"url": URL + "2"})
    assert is_due(edited, state, MONDAY)
    assert not is_due(FEED.model_copy(update={"enabled": False}), NEW, MONDAY)


def test_an_hourly_cron_job_that_comes_a_second_early_still_polls():
    state = after_document(FEED, NEW, document(), showing("a"), MONDAY, jitter=0.99)
    assert is_due(FEED, state, MONDAY + HOUR - timedelta(seconds=1))


@pytest.mark.parametrize(
    ("headers", "hours"),
    [
        ({}, 1),
        ({"cache_control": "public, max-age=7200"}, 2),
        ({"cache_control": 'max-age="7200"'}, 2),
        ({"cache_control": "max-age=60"}, 1),
        ({"cache_control": "max-age=7200", "age": "1800"}, 1.5),
        ({"cache_control": "max-age=31536000"}, 24),
        ({"cache_control": "max-age=7200, no-cache"}, 1),
        ({"cache_control": "no-store", "expires": "Tue, 24 Nov 2026 12:00:00 GMT"}, 1),
        ({"cache_control": "max-age=nonsense"}, 1),
        ({"expires": "Mon, 23 Nov 2026 15:00:00 GMT"}, 3),
        (
            {
                "expires": "Mon, 23 Nov 2026 15:00:00 GMT",
                "date": "Mon, 23 Nov 2026 13:00:00 GMT",
            },
            2,
        ),
        (
            {
                "expires": "Mon, 23 Nov 2026 15:00:00 GMT",
                "cache_control": "max-age=7200",
            },
            2,
        ),
        ({"expires": "Thu, 23 Nov 2034 15:00:00 GMT"}, 24),
        ({"expires": "0"}, 1),
        ({"retry_after": "7200"}, 1),  # means nothing on a 200
    ],
)
def test_the_next_poll_honours_what_the_answer_says_of_its_freshness(headers, hours):
    slack = timedelta(minutes=5) if hours == 1 else timedelta()
    expected = MONDAY + hours * HOUR - slack
    assert after_document(FEED, NEW, document(**headers), showing(), MONDAY).next_poll == expected
    assert after_same_body(FEED, NEW, document(**headers), MONDAY).next_poll == expected
    assert after_not_modified(FEED, NEW, not_modified(**headers), MONDAY).next_poll == expected


@pytest.mark.parametrize(
    ("channel", "now", "expected"),
    [
        ("<ttl>180</ttl>", MONDAY, MONDAY + 3 * HOUR),
        ("<ttl> 999999 </ttl>", MONDAY, MONDAY + DAY),
        ("<ttl>-5</ttl>", MONDAY, MONDAY + 0.9166666 * HOUR),
        (
            "<skipDays><day>Saturday</day><day>Sunday</day></skipDays>",
            datetime(2026, 11, 20, 23, 30, tzinfo=UTC),
            datetime(2026, 11, 23, tzinfo=UTC),
        ),
        (
            "<skipHours><hour>13</hour><hour>12</hour><hour>14</hour><hour>07</hour></skipHours>",
            MONDAY,
            datetime(2026, 11, 23, 15, tzinfo=UTC),
        ),
        (
            "<skipHours>" + "".join(f"<hour>{h}</hour>" for h in range(24)) + "</skipHours>",
            MONDAY,
            MONDAY + 0.9166666 * HOUR,
        ),
    ],
)
def test_the_next_poll_honours_what_the_feed_says_of_itself(channel, now, expected):
    body = f"<rss><channel>{channel}</channel></rss>".encode()
    state = after_document(FEED, NEW, document(body), showing(), now)
    assert abs(state.next_poll - expected) < timedelta(seconds=1)


def test_arxivs_skip_days_are_not_taken_at_their_word():
    body = b"<rss><skipDays><day>Saturday</day></skipDays></rss>"
    friday_night = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)
    state = after_document(ARXIV, NEW, document(body), showing(), friday_night)
    assert is_due(ARXIV, state, friday_night + HOUR)  # still Friday in New York


def test_failures_are_retried_ever_more_rarely_but_at_least_daily():
    state, waits = NEW, []
    for _ in range(12):
        state = after_failure(FEED, state, failure(), MONDAY)
        waits.append((state.next_poll - MONDAY) / HOUR)
    assert waits == [1, 2, 4, 8, 16] + [24] * 7
    assert (state.failures, state.failing_since) == (12, MONDAY)


def test_what_is_not_found_is_asked_for_ever_more_rarely_for_weeks():
    state = NEW
    for _ in range(12):
        state = after_failure(FEED, state, failure(status=404), MONDAY)
    assert state.next_poll == MONDAY + 14 * DAY


def test_what_is_gone_is_asked_for_no_more_until_it_is_edited():
    state = after_failure(FEED, NEW, failure(status=410, gone=True), MONDAY)
    assert not is_due(FEED, state, MONDAY + 1000 * DAY)
    assert is_due(FEED.model_copy(update={"url": URL + "2"}), state, MONDAY)


@given(
    failures=st.integers(0, 10_000),
    jitter=st.floats(0, 1, exclude_max=True),
    asked=st.none() | st.floats(0, 10**9),
    status=st.sampled_from([0, 404, 429, 503]),
    every=st.sampled_from([timedelta(minutes=1), HOUR, DAY, 30 * DAY]),
)
def test_no_wait_is_shorter_than_asked_nor_longer_than_promised(
    failures, jitter, asked, status, every
):
    source = FEED.model_copy(update={"every": every})
    answer = failure(status=status, retry_after=asked)
    before = replace(NEW, failures=failures, fingerprint=fingerprint(source))
    state = after_failure(source, before, answer, MONDAY, jitter)
    wait = state.next_poll - MONDAY
    assert wait >= min(timedelta(seconds=asked or 0), DAY)
    assert wait <= max(every, 14 * DAY if status == 404 else DAY)
    assert wait >= every * 0.8


# ── How a source stands ───────────────────────────────────────────────────────────────────────────


def test_a_source_with_something_new_since_the_last_edition_is_fine():
    state = replace(NEW, last_ok=MONDAY, last_new=MONDAY, quiet="a holiday")
    assert weather(FEED, state, FRIDAY, MONDAY).weather is Weather.FINE
    assert weather(FEED, state, None, MONDAY).weather is Weather.FINE
    assert weather(FEED, NEW, FRIDAY, MONDAY) == SourceNote("j", Weather.FINE)


def test_a_source_that_answered_with_nothing_new_is_quiet():
    state = replace(NEW, last_ok=MONDAY, last_new=FRIDAY)
    assert weather(FEED, state, FRIDAY, MONDAY).weather is Weather.QUIET


def test_a_weekend_or_holiday_is_named_whether_or_not_it_was_polled():
    saturday = FRIDAY + DAY
    polled = replace(NEW, last_ok=saturday, last_new=FRIDAY, quiet="closed today")
    note = weather(ARXIV, polled, FRIDAY, saturday)
    assert (note.weather, note.detail) == (Weather.HOLIDAY, "closed today")
    note = weather(ARXIV, replace(polled, quiet=""), FRIDAY, saturday)
    assert note.detail == "arXiv announces nothing on a Saturday"
    monday = weather(ARXIV, replace(polled, quiet=""), FRIDAY, MONDAY)
    assert monday.weather is Weather.QUIET


def test_a_stale_source_is_told_apart():
    state = replace(NEW, last_ok=MONDAY, last_new=FRIDAY, stale_since=MONDAY)
    note = weather(ARXIV, state, FRIDAY, MONDAY)
    assert note.weather is Weather.STALE
    assert note.detail == "first shown on 20 Nov 12:00 UTC"


def test_a_source_that_failed_through_an_edition_says_since_when_and_why():
    state = replace(NEW, last_ok=FRIDAY, failing_since=FRIDAY + HOUR, error="HTTP 503", failures=9)
    note = weather(FEED, state, FRIDAY + HOUR, MONDAY)
    assert note.weather is Weather.FAILED
    assert note.detail == "HTTP 503"
    assert note.since == FRIDAY + HOUR
    assert weather(FEED, replace(state, last_ok=None), None, MONDAY).weather is Weather.FAILED
    gone = weather(FEED, replace(state, gone=True), None, MONDAY)
    assert (gone.weather, gone.since) == (Weather.FAILED, None), "nobody waits for it"
    lines = [line.text for line in health_lines((note, gone), MONDAY.date())]
    assert lines[:2] == [
        "j has not answered since 20 November (HTTP 503). Its papers will follow when it does.",
        "j has gone for good and is no longer asked (HTTP 503). What it brought stays.",
    ]


def test_a_failure_that_missed_nothing_is_no_failure_of_the_edition():
    state = replace(NEW, last_ok=MONDAY, last_new=MONDAY, failing_since=MONDAY + HOUR)
    assert weather(FEED, state, FRIDAY, MONDAY + 2 * HOUR).weather is Weather.FINE
    assert weather(FEED, state, None, MONDAY + 2 * HOUR).weather is Weather.FINE
    weekend = replace(NEW, last_ok=FRIDAY, last_new=FRIDAY, failing_since=FRIDAY + HOUR)
    saturday = weather(ARXIV, weekend, FRIDAY + HOUR, FRIDAY + 2 * DAY)
    assert saturday.weather is Weather.HOLIDAY
    assert weather(ARXIV, weekend, FRIDAY + HOUR, MONDAY).weather is Weather.FAILED


def test_the_owner_hears_of_a_failure_once_and_only_when_it_lasts():
    state = replace(NEW, failing_since=MONDAY)
    assert not newly_alarming(FEED, NEW, MONDAY)
    assert not newly_alarming(FEED, state, MONDAY + 35 * HOUR)
    assert newly_alarming(FEED, state, MONDAY + 36 * HOUR)
    assert not newly_alarming(FEED, replace(state, alarmed_at=MONDAY), MONDAY + 36 * HOUR)
    weekly = FEED.model_copy(update={"every": 7 * DAY})
    assert not newly_alarming(weekly, state, MONDAY + 6 * DAY)
    assert newly_alarming(FEED, replace(state, gone=True), MONDAY)


def test_over_a_weekend_arxiv_loses_nothing_and_alarms_no_one():
    state = replace(NEW, failing_since=FRIDAY)
    assert not newly_alarming(ARXIV, state, datetime(2026, 11, 23, 4, 59, tzinfo=UTC))
    assert newly_alarming(ARXIV, state, datetime(2026, 11, 23, 5, tzinfo=UTC))
