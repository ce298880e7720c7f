"""The owner's mail: what newly stands wrong, by the command as people run it, and what is over."""

from __future__ import annotations

import fcntl
import json
import logging
from contextlib import contextmanager

import pytest

from bot.app import App, open_app
from bot.config import load_config
from bot.store import Store
from bot.store.troubles import set_troubles
from support_cli import CONFIG, desk_in, letters, text_of
from support_office import text_of_mail
from support_postal import a_relay_beside
from support_replay import Answer, replaying, sample_day
from support_round import NOW as ROUND
from support_round import a_paper, absorb, an_edition, arxiv, subscribed, with_profiles
from support_smtp import CLOSE_AFTER_TAKING

OWNER = "owner@example.org"
DOWN = Answer(b"try later", 503)


@pytest.fixture
def site():
    with replaying(sample_day(1)) as started:
        yield started


@pytest.fixture
def desk(tmp_path, monkeypatch, capsys, site):
    for each in desk_in(tmp_path, monkeypatch, capsys):
        each.write(CONFIG.format(url=site.url))
        yield each


def at(day, hour=8, minute=0):
    return ("--now", f"2026-11-{day}T{hour:02}:{minute:02}Z")


def subjects(desk):
    """Of what the owner was told, in its order."""
    assert {str(mail["To"]) for mail in letters(desk.state)} <= {OWNER}
    return [str(mail["Subject"]) for mail in letters(desk.state)]


def last_letter(desk):
    return letters(desk.state)[-1]


# ── A source ──────────────────────────────────────────────────────────────────────────────────────


def test_a_source_that_fails_through_an_announcement_is_told_once_and_its_end_once(desk, site):
    assert desk(*at(19), "once").code == 0
    site.but("/journal.xml", DOWN)
    codes = [desk(*at(day, hour), "once").code for day in (20, 21, 22) for hour in (8, 14, 20)]
    assert subjects(desk) == ["The source journal needs a look"]
    assert 1 in codes  # the run in which it became an alarm
    words = text_of(last_letter(desk))
    assert "has not answered since Friday, 20 November" in words
    assert "503" in words
    assert "told once, and once more when it is over" in " ".join(words.split())
    site.show(sample_day(2))
    told = desk(*at(24), "once", "--json").document["alarms"]  # it is asked once a day by now
    assert told == {"told": [], "over": ["the source journal"]}
    assert subjects(desk)[1:] == ["The source journal is well again"]
    assert desk(*at(25), "once", "--json").document["alarms"] == {"told": [], "over": []}


def test_status_shows_what_stands_and_whether_it_was_told(desk, site):
    desk(*at(19), "once")
    site.but("/journal.xml", DOWN)
    for day in (20, 21, 22):
        desk(*at(day), "once")
    (alarm,) = desk(*at(22, 9), "status", "--json").document["alarms"]
    assert alarm["about"] == "the source journal"
    assert alarm["told"]
    assert "alarm the source journal (told" in desk(*at(22, 9), "status").words


def test_the_letter_is_no_list_mail_and_asks_machines_not_to_answer(desk, site):
    desk(*at(19), "once")
    site.but("/journal.xml", DOWN)
    for day in (20, 21, 22):
        desk(*at(day), "once")
    letter = last_letter(desk)
    assert letter["Auto-Submitted"] == "auto-generated"
    assert letter["List-Unsubscribe"] is None
    assert letter.get_body(("html",)) is not None


# ── The mail itself ───────────────────────────────────────────────────────────────────────────────


def by_smtp(desk, site, port):
    relay = f'[mail]\ntransport = "smtp"\nhost = "127.0.0.1"\nport = {port}\ntls = "none"\n'
    desk.write(CONFIG.format(url=site.url) + relay)


def test_two_due_days_without_a_digest_are_told(desk, site):
    with a_relay_beside() as relay:
        by_smtp(desk, site, relay.port)
        relay.on("RCPT", "451 4.3.0 not now", times=2)
        desk(*at(19), "once")
        assert relay.recipients == []
        site.show(sample_day(2))
        relay.on("RCPT", "451 4.3.0 not now", times=2)
        desk(*at(20, 21), "once")  # those of the day before are too late by now
        assert relay.recipients == [OWNER]
    words = " ".join(text_of_mail(relay.taken[0].content).split())
    assert "No digest has been sent yet, though 4 were due on 2 days." in words
    assert "The latest answer was: 4.3.0 not now." in words


def test_a_hold_is_told_once_it_has_stood_for_a_while_and_holds_no_letter(desk):
    desk(*at(18), "status")
    with Store(desk.state / "paperround.db") as store:
        store.hold_all("a test")
    desk(*at(19), "once")
    assert subjects(desk) == []  # it may be over in a moment
    desk(*at(19, 9), "once")
    assert subjects(desk) == ["The hold of all sending needs a look"]
    assert "All sending is held: a test." in text_of(last_letter(desk))


def test_a_letter_that_is_not_taken_is_a_problem_and_goes_a_quarter_of_an_hour_later(
    desk, site, monkeypatch
):
    monkeypatch.setattr(App, "room", lambda _: 100 * 2**20)
    by_smtp(desk, site, 9)
    told = desk(*at(19), "once", "--json")
    assert told.code == 1
    assert any("the owner's letter" in problem for problem in told.document["problems"])
    soon = desk(*at(19, 8, 10), "once", "--json").document
    assert not any("the owner's letter" in problem for problem in soon["problems"])
    with a_relay_beside() as relay:
        by_smtp(desk, site, relay.port)
        assert desk(*at(19, 8, 15), "once", "--json").document["alarms"]["told"] == ["the disk"]
        assert OWNER in relay.recipients


def test_a_letter_that_may_have_arrived_goes_again_an_hour_later_as_the_same(
    desk, site, monkeypatch
):
    monkeypatch.setattr(App, "room", lambda _: 100 * 2**20)
    with a_relay_beside() as relay:
        relay.on("CONTENT", CLOSE_AFTER_TAKING)
        by_smtp(desk, site, relay.port)
        assert "was not taken" in desk(*at(19), "once").words

        def to_the_owner():
            return [each.message_id for each in relay.taken if b"needs a look" in each.content]

        for minute in (15, 30, 45, 59):
            desk(*at(19, 8, minute), "once")
        assert len(to_the_owner()) == 1
        desk(*at(19, 9), "once")
        first, again = to_the_owner()
        assert first == again


def test_why_a_letter_was_not_taken_is_told_without_the_address(desk, site, monkeypatch):
    monkeypatch.setattr(App, "room", lambda _: 100 * 2**20)
    with a_relay_beside() as relay:
        relay.on("RCPT", f"550 5.1.1 <{OWNER}>: user unknown")
        by_smtp(desk, site, relay.port)
        said = desk(*at(19), "once")
    assert "the owner's letter was not taken" in said.words
    assert "user unknown" in said.words
    assert OWNER not in said.words


def test_bounces_that_jump_are_told(desk):
    desk(*at(19), "status")
    with Store(desk.state / "paperround.db") as store:
        with_profiles(store, "experts")
        absorb(store, a_paper(arxiv(1)))
        an_edition(store, 1)
        for number in range(5):
            subscribed(store, f"r{number}@example.org")
    # The deliveries they came back from are made and sent by the command itself.
    now = ROUND.strftime("%Y-%m-%dT%H:%MZ")
    desk("--now", now, "deliver")
    with Store(desk.state / "paperround.db") as store:
        for row in store.db.rows("SELECT id, subscriber FROM delivery"):
            store.note_bounce(row["subscriber"], row["id"], "failed", "5.1.1", "nobody", ROUND)
    told = desk("--now", now, "once", "--json").document["alarms"]["told"]
    assert "bounces" in told


def test_a_trouble_of_serve_is_not_over_because_once_runs_beside_it(desk):
    desk(*at(18), "status")
    with Store(desk.state / "paperround.db") as store:
        set_troubles(store.db, {"publish": "The folder cannot be written."})
    with at_work(desk.state):
        desk(*at(19), "once")
        desk(*at(19, 9), "once")
        assert subjects(desk) == ["Publish needs a look"]
        desk(*at(19, 11), "once")
        assert len(subjects(desk)) == 1
    desk(*at(19, 13), "once")  # whatever it left word of: it is not running any more
    assert subjects(desk)[1:] == ["Publish is well again"]


@contextmanager
def at_work(state):
    """Hold the lock that a running `serve` holds."""
    (state / "lock").mkdir(exist_ok=True)
    with (state / "lock" / "serve").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


# ── Files, disk ───────────────────────────────────────────────────────────────────────────────────


def test_an_included_file_that_broke_is_told_and_that_it_is_right_again(desk, site):
    (desk.folder / "profiles").mkdir()
    mine = desk.folder / "profiles" / "mine.toml"
    mine.write_text('[profiles.mine]\nkeywords = ["quantum"]\n')
    desk.write('include = ["profiles/*.toml"]\n' + CONFIG.format(url=site.url))
    assert desk(*at(19), "once").code == 0
    mine.write_text("[profiles.mine\n")
    desk(*at(20), "once")
    assert subjects(desk) == ["The file mine.toml needs a look"]
    mine.write_text('[profiles.mine]\nkeywords = ["quantum"]\n')
    desk(*at(21), "once")
    assert subjects(desk)[1:] == ["The file mine.toml is well again"]


def test_a_template_of_ones_own_that_broke_is_told(desk):
    own = desk.folder / "templates" / "email"
    own.mkdir(parents=True)
    (own / "digest.txt").write_text("{{ nonsense.here }}")
    desk(*at(19), "once")
    assert subjects(desk) == ["A template of yours needs a look"]
    assert "email/digest.txt" in text_of(last_letter(desk))


def test_a_disk_that_is_short_is_told_and_the_round_goes_on(desk, monkeypatch):
    monkeypatch.setattr(App, "room", lambda _: 100 * 2**20)
    told = desk(*at(19), "once", "--json").document
    assert told["alarms"]["told"] == ["the disk"]
    assert told["delivered"]["ended"] == {"sent": 2}
    assert "100 MB left" in " ".join(text_of(last_letter(desk)).split())


def test_several_things_are_one_letter_and_letters_are_an_hour_apart(desk, monkeypatch):
    own = desk.folder / "templates" / "email"
    own.mkdir(parents=True)
    (own / "digest.txt").write_text("{{ nonsense.here }}")
    monkeypatch.setattr(App, "room", lambda _: 100 * 2**20)
    desk(*at(19), "once")
    assert subjects(desk) == ["The disk and a template of yours need a look"]
    monkeypatch.setattr(App, "room", lambda _: 2**40)
    desk(*at(19, 8, 30), "once")
    assert len(subjects(desk)) == 1
    desk(*at(19, 9), "once")
    assert subjects(desk)[1:] == ["The disk is well again"]


def test_without_an_owner_nobody_is_written_to_and_status_says_it(desk, site, monkeypatch):
    desk.write(CONFIG.format(url=site.url).replace('contact = "owner@example.org"', ""))
    monkeypatch.setattr(App, "room", lambda _: 100 * 2**20)
    assert desk(*at(19), "once", "--json").document["alarms"]["told"] == []
    assert "alarm the disk (not told yet)" in desk(*at(19), "status").words


# ── The heartbeat ─────────────────────────────────────────────────────────────────────────────────


@contextmanager
def beating(desk, site, value=None):
    text = CONFIG.format(url=site.url)
    desk.write(text.replace("[bot]", f'[bot]\nheartbeat = "{value or site.url + "/beat/1"}"', 1))
    site.but("/beat/1", b"OK")
    yield lambda: site.requests.count("/beat/1")


def test_after_a_good_run_the_heartbeat_is_sent(desk, site):
    with beating(desk, site) as beats:
        assert desk(*at(19), "once").code == 0
        assert beats() == 1
        assert desk(*at(19, 9), "once").code == 0
        assert beats() == 2


def test_after_a_run_that_failed_it_is_not(desk, site):
    with beating(desk, site) as beats:
        text = (desk.folder / "config.toml").read_text()
        desk.write(
            text + '[mail]\ntransport = "smtp"\nhost = "127.0.0.1"\nport = 9\ntls = "none"\n'
        )
        assert desk(*at(19), "once").code == 1
        assert beats() == 0


def test_its_address_may_lie_in_a_file(desk, site):
    (desk.folder / "beat").write_text(f"{site.url}/beat/1\n")
    with beating(desk, site, "file:beat") as beats:
        assert desk(*at(19), "once").code == 0
        assert beats() == 1


@pytest.mark.parametrize("value", ["http://127.0.0.1:9/beat/secret-7", "file:missing"])
def test_one_that_does_not_get_through_harms_nothing_and_keeps_its_address_to_itself(
    desk, site, value
):
    with beating(desk, site, value):
        said = desk(*at(19), "once")
        assert said.code == 0
        assert "the heartbeat did not get through" in said.words
        assert "secret-7" not in said.words


def test_no_other_address_than_one_of_http_is_taken(desk, site):
    with beating(desk, site, "ftp://beat.example.org/1"):
        said = desk(*at(19), "once")
        assert said.code == 2
        assert "heartbeat" in said.words


# ── Many ──────────────────────────────────────────────────────────────────────────────────────────


def test_what_was_sent_in_a_week_is_counted_however_many_were_before(tmp_path):
    with Store(tmp_path / "db") as store:
        with_profiles(store, "experts")
        subscribed(store, "ada@example.org")
        days = 40
        for day in range(days):
            made = int(ROUND.timestamp()) - (days - day) * 86_400
            store.db.write(
                "INSERT INTO delivery (subscriber, kind, status, due, stale_at, attempts, owner, "
                "message_id, editions, picks, overflow, resent, said, created_at, sent_at) VALUES "
                "(1, 'digest', 'sent', :at, :at, 1, '', :mid, '[]', x'', 0, 0, '', :at, :at)",
                {"at": made, "mid": str(day)},
            )
        from datetime import timedelta

        for week in (0, 1, 7, 30, 100):
            since = ROUND - timedelta(days=week)
            assert store.sent_since(since) == min(week, days)


# ── The log ───────────────────────────────────────────────────────────────────────────────────────


def test_each_line_of_a_json_log_names_its_run(desk, site):
    site.but("/journal.xml", DOWN)
    (desk.folder / "templates" / "email").mkdir(parents=True)
    (desk.folder / "templates" / "email" / "digest.txt").write_text("{{ nonsense.here }}")
    said = desk("--log-format", "json", *at(19), "once")
    lines = [json.loads(line) for line in said.err.splitlines()]
    assert lines
    assert len({line["run"] for line in lines}) == 1
    (desk.folder / "templates" / "email" / "digest.txt").write_text("{{ other.nonsense }}")
    site.show(sample_day(2))
    again = desk("--log-format", "json", *at(20), "once")
    assert json.loads(again.err.splitlines()[0])["run"] != lines[0]["run"]


async def test_in_the_service_each_piece_of_work_is_a_run_of_its_own(tmp_path, caplog):
    from bot.cli.logs import begin_log
    from bot.cli.service import Service

    (tmp_path / "config.toml").write_text('[bot]\ncontact = "a@example.org"\n')
    log = logging.getLogger("paperround")
    before = (log.handlers[:], log.propagate, log.level)
    try:
        begin_log("json", verbose=False)
        shown: list[str] = []
        log.handlers[0].emit = lambda record: shown.append(log.handlers[0].format(record))
        with open_app(load_config(tmp_path / "config.toml"), lambda: ROUND) as app:
            service = Service(app)
            for lane in service.lanes[:2]:
                app.warnings.append(f"a warning of {lane.name}")
                await lane.work()
    finally:
        log.handlers[:], log.propagate = before[:2]
        log.setLevel(before[2])
    runs = [json.loads(line)["run"] for line in shown]
    assert len(runs) == len(set(runs)) == 2
