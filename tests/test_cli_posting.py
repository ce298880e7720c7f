"""The outbox and the quarantine by hand: deliveries show, retry, hold, release; quarantine."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta

import pytest

from bot.models import Rest
from bot.store import Store
from support_cli import MORNING, NEXT, desk_in, mails, walk_a_morning
from support_replay import replaying, sample_day

NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)
LATER = ("--now", "2026-11-20T09:00Z")


@pytest.fixture(scope="module")
def site():
    with replaying(sample_day(1)) as started:
        yield started


@pytest.fixture(scope="module")
def morning(tmp_path_factory, site):
    site.show(sample_day(1))  # another test may have come first, and broken a source
    return walk_a_morning(tmp_path_factory.mktemp("morning"), site.url)


@pytest.fixture
def desk(tmp_path, monkeypatch, capsys, morning, site):
    """The next day: two digests were opened (3 and 4) and wait, since the mail server was away."""
    site.show(sample_day(2))
    shutil.copytree(morning, tmp_path / "desk")
    for each in desk_in(tmp_path / "desk", monkeypatch, capsys):
        text = (each.folder / "config.toml").read_text()
        each.write(
            text + '[mail]\ntransport = "smtp"\nhost = "127.0.0.1"\nport = 9\ntls = "none"\n'
        )
        assert each(*NEXT, "once").code == 1
        each.write(text)
        assert statuses(each) == {3: "pending", 4: "pending"}
        yield each


def statuses(desk):
    return {
        d["id"]: d["status"] for d in desk("deliveries", "list", "--json").document if d["id"] > 2
    }


def delivered(desk, *when):
    return desk(*(when or LATER), "deliver", "--json").document["delivered"]["ended"]


def a_day_later(desk, code=0):
    """Let a round run the next day, which brings no papers; return whom it mailed."""
    before = len(mails(desk.state))
    assert desk("--now", "2026-11-21T09:00Z", "once").code == code
    return {mail["To"] for mail in mails(desk.state)[before:]}


# ── show ──────────────────────────────────────────────────────────────────────────────────────────


def test_show_tells_the_slots_and_that_nothing_was_tried(desk):
    told = desk("deliveries", "show", "3", "--json").document
    assert (told["address"], told["status"], told["tries"]) == ("ada@example.org", "pending", [])
    assert told["slots"] == [
        {"profile": "experts", "period": "2026-11-20"}, {"profile": "proteins", "period": "2026-11-20"},
    ]  # fmt: skip
    words = desk("deliveries", "show", "3").words
    assert "Delivery 3 to ada@example.org: pending" in words
    assert "serves proteins of 2026-11-20" in words
    assert "It was not tried yet." in words


def test_show_tells_every_try_with_phase_code_and_words(desk):
    told = desk("deliveries", "show", "1", "--json").document
    (tried,) = told["tries"]
    assert (tried["n"], tried["phase"], tried["verdict"]) == (1, "done", "sent")
    assert told["sent_at"] == "2026-11-19T08:00:00Z"
    words = desk("deliveries", "show", "1").words
    assert "1 2026-11-19 08:00 UTC done sent" in words


@pytest.mark.parametrize("action", ["show", "retry", "hold", "release"])
def test_a_delivery_that_is_not_there_is_named(desk, action):
    said = desk("deliveries", action, "99")
    assert said.code == 2
    assert "there is no delivery 99" in said.words
    said = desk("deliveries", action, "first")
    assert said.code == 2
    assert "'first' is no delivery's number" in said.words


# ── hold and release ──────────────────────────────────────────────────────────────────────────────


def test_what_is_held_waits_until_it_is_released(desk):
    assert (
        "Delivery 3 is held until it is released" in desk(*LATER, "deliveries", "hold", "3").words
    )
    assert delivered(desk) == {"sent": 1}
    assert statuses(desk) == {3: "held", 4: "sent"}
    # Long after its grace it goes out still, since somebody said so.
    late = ("--now", "2026-11-25T09:00Z")
    assert "1 delivery released; it goes with" in desk(*late, "deliveries", "release", "3").words
    assert delivered(desk, *late)["sent"] >= 1
    assert statuses(desk)[3] == "sent"
    again = desk("deliveries", "release", "3")
    assert (again.code, "is sent, not held" in again.words) == (2, True)
    over = desk("deliveries", "hold", "3")
    assert (over.code, "only what waits can be held" in over.words) == (2, True)


def test_everything_is_held_and_released(desk):
    assert desk(*LATER, "deliveries", "hold", "--all").code == 0
    said = desk(*LATER, "deliver")
    assert said.code == 0, "what a person asked for is no failure, however often cron comes by"
    assert "All sending is held: by hand, 2026-11-20 09:00 UTC." in said.words
    assert statuses(desk) == {3: "pending", 4: "pending"}
    assert "all sending is held" in desk("status").words
    assert "All sending is held" in desk("deliveries", "list").words
    told = desk(*LATER, "deliveries", "release", "--all", "--json").document
    assert told == {"released": [], "skipped": [], "sending_goes_on": True}
    assert delivered(desk) == {"sent": 2}
    assert desk("status", "--json").document["hold"] == ""


def test_what_was_due_before_a_date_can_be_left_out(desk):
    desk(*LATER, "deliveries", "hold", "3")
    desk(*LATER, "deliveries", "hold", "4")
    told = desk(
        *LATER, "deliveries", "release", "4", "--skip-before", "2026-11-20", "--json"
    ).document
    assert (told["released"], told["skipped"]) == ([4], [])
    told = desk(
        *LATER, "deliveries", "release", "--all", "--skip-before", "2026-11-21", "--json"
    ).document
    assert (told["released"], told["skipped"]) == ([], [3])
    assert delivered(desk) == {"sent": 1}
    assert a_day_later(desk) == set(), "its papers are not sent later either"
    assert (
        desk("deliveries", "show", "3", "--json").document["said"]
        == "left out when it was released"
    )


def test_release_says_which(desk):
    assert desk("deliveries", "release").code == 2
    assert desk("deliveries", "release", "3", "--all").code == 2
    assert desk("deliveries", "release", "--all", "--skip-before", "soon").code == 2


# ── retry ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_delivery_that_was_called_off_can_be_taken_up_again(desk):
    desk("suppressions", "add", "ada@example.org")
    assert statuses(desk)[3] == "skipped"
    desk("suppressions", "remove", "ada@example.org")
    said = desk(*LATER, "deliveries", "retry", "3")
    assert said.code == 0
    assert "Delivery 3 goes with the next `paperround deliver`" in said.words
    assert delivered(desk) == {"sent": 2}
    assert a_day_later(desk) == set(), "its papers are not sent twice"


def test_a_delivery_whose_papers_went_out_since_is_not_sent_too(desk):
    desk("suppressions", "add", "ada@example.org")
    desk("suppressions", "remove", "ada@example.org")
    assert "ada@example.org" in a_day_later(desk, code=1)
    said = desk("--now", "2026-11-21T10:00Z", "deliveries", "retry", "3")
    assert said.code == 2
    assert "a later digest has taken up its papers" in said.words


def test_a_retry_does_not_wait_for_its_time(desk):
    with Store(desk.state / "paperround.db") as store, store.db.transaction():
        store.db.write(
            "UPDATE delivery SET status = 'retry', next_try = due + 1000000 WHERE id = 3"
        )
    assert delivered(desk) == {"sent": 1}
    assert desk(*LATER, "deliveries", "retry", "3").code == 0
    assert delivered(desk) == {"sent": 1}
    said = desk(*LATER, "deliveries", "retry", "3")
    assert (said.code, "there is nothing to retry" in said.words) == (2, True)


# ── How mail is sent ──────────────────────────────────────────────────────────────────────────────


def test_how_mail_is_sent_is_shown_with_what_waits(desk):
    said = desk(*LATER, "deliveries", "show")
    assert said.code == 0
    assert said.out.splitlines() == [
        "waiting      2 pending",
        "speed        at most 10 a second, over 2 connections",
        "             at most 2 at once to one receiving domain",
        "             a new connection after 100 messages or 60 s",
        "retries      after 5m, 15m, 30m, 1h, 2h and so on; given up after 12h (its papers go on)",
        "in doubt     what may have arrived goes once more, with the same bytes",
        "breaker      all sending rests after 3 failures in a row",
    ]


def test_how_mail_is_sent_is_as_configured(desk):
    desk.write(
        (desk.folder / "config.toml").read_text() + "[mail]\nrate = 0.5\nconnections = 1\n"
        'per_domain = 1\nreuse = 20\nretry = ["1m", "90m"]\nbreaker = 7\ngrace = "2d"\n'
        'uncertain = "hold"\n'
    )
    told = desk(*LATER, "deliveries", "show", "--json").document
    assert told.pop("outbox") == {"pending": 2, "sent": 2}
    assert told.pop("rest")["times"] == 1
    assert told == {
        "hold": "", "rate": 0.5, "connections": 1, "per_domain": 1, "reuse": 20,
        "retry_minutes": [1, 90], "breaker": 7, "grace_hours": 48, "uncertain": "hold",
    }  # fmt: skip
    words = desk(*LATER, "deliveries", "show").words
    assert "at most 0.5 a second, over 1 connection" in words
    assert "after 1m, 90m and so on; given up after 2d" in words
    assert "what may have arrived is held for you" in words


@pytest.mark.parametrize("command", [("status",), ("deliveries", "show"), ("deliveries", "list")])
def test_a_rest_is_told_with_its_reason(desk, command):
    with Store(desk.state / "paperround.db") as store:
        store.set_rest(Rest(NOW + timedelta(hours=2), 3, "the mail server is busy."))
    words = desk(*LATER, *command).words
    assert "ending rests until 2026-11-20 10:00 UTC: the mail server is busy" in words


def test_what_is_not_known_to_have_arrived_goes_again_with_the_same_bytes(desk):
    content = b"From: p@example.org\r\nTo: ada@example.org\r\nDate: Fri, 20 Nov 2026 08:00:00 +0000\r\n\r\nx"
    with Store(desk.state / "paperround.db") as store:
        store.claim("here/1", NOW, NOW, 1)
        store.prepare(3, content, store.wanted({3: ""})[3], "", NOW)
        with store.db.transaction():
            store.db.write(
                "UPDATE delivery SET status = 'uncertain', owner = '', lease_until = NULL"
            )
    assert desk(*LATER, "deliveries", "hold", "3").code == 0
    desk(*LATER, "deliveries", "release", "3")
    delivered(desk)
    assert content in {
        mail.as_bytes().replace(b"\n", b"\r\n") for mail in mails(desk.state)
    } or any(path.read_bytes() == content for path in (desk.state / "mail" / "new").iterdir())


def test_a_slot_in_which_nothing_was_new_holds_nothing(desk):
    delivered(desk)
    a_day_later(desk)
    skipped = desk("deliveries", "list", "--status", "skipped", "--json").document
    assert skipped
    said = desk("deliveries", "retry", str(skipped[0]["id"]))
    assert said.code == 2
    assert "holds nothing to send: nothing new" in said.words


# ── Quarantine ────────────────────────────────────────────────────────────────────────────────────


def test_an_empty_quarantine_says_so(desk):
    said = desk("quarantine", "list")
    assert said.code == 0
    assert "Nothing is in quarantine" in said.words
    assert desk("quarantine", "list", "--json").document == []
    for action in ("show", "retry"):
        said = desk("quarantine", action, "k1")
        assert said.code == 2
        assert "there is no mail 'k1' in quarantine" in said.words


def test_what_is_in_quarantine_is_shown_harmlessly_and_waits_to_be_read_again(desk):
    raw = b"From: x@example.org\r\nSubject: \x1b[31mred\r\n\r\nhello\r\n"
    with Store(desk.state / "paperround.db") as store:
        store.quarantine("k1", raw, "its boundary never ends", NOW)
    (told,) = desk("quarantine", "list", "--json").document
    assert told == {
        "key": "k1", "at": "2026-11-20T08:00:00Z", "problem": "its boundary never ends",
        "waiting": False, "bytes": len(raw),
    }  # fmt: skip
    shown = desk("quarantine", "show", "k1")
    assert "From: x@example.org\nSubject:" in shown.out
    assert "\x1b" not in shown.out
    assert desk("quarantine", "show", "k1", "--json").document["text"].endswith("hello\n")
    again = desk("quarantine", "retry", "k1")
    assert again.code == 0
    assert "will be read again by the next `paperround once`" in again.words
    assert desk("quarantine", "list", "--json").document[0]["waiting"] is True
    assert "to be read again" in desk("quarantine", "list").words


def test_mornings_own_deliveries_are_untouched(desk):
    assert len(mails(desk.state)) == 2
    assert delivered(desk, *MORNING) == {}
