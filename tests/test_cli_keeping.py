"""What is, and who gets it: status, sources, subscribers, deliveries; and check."""

from __future__ import annotations

import fcntl
import re
import shutil
import socket

import pytest

from bot.files import write_file
from bot.store import Store
from bot.store.troubles import set_troubles
from support_cli import CONFIG, MORNING, NEXT, desk_in, mails, walk_a_morning
from support_replay import Answer, replaying, sample_day


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
    site.show(sample_day(1))
    shutil.copytree(morning, tmp_path / "desk")
    yield from desk_in(tmp_path / "desk", monkeypatch, capsys)


@pytest.fixture
def fresh(tmp_path, monkeypatch, capsys, site):
    site.show(sample_day(1))
    (tmp_path / "config.toml").write_text(CONFIG.format(url=site.url))
    yield from desk_in(tmp_path, monkeypatch, capsys)


def test_status_before_anything_ran(fresh):
    told = fresh("status", "--json").document
    assert told["papers"] == 0
    assert told["outbox"] == {}
    assert {s["name"]: s["state"] for s in told["sources"]} == {
        "arxiv": "not asked yet", "hf": "not asked yet", "journal": "not asked yet",
    }  # fmt: skip
    assert [(p["name"], p["edition"], p["subscribers"]) for p in told["profiles"]] == [
        ("experts", None, 1), ("proteins", None, 2),
    ]  # fmt: skip
    words = fresh("status").words
    assert "none yet" in words
    assert "outbox empty" in words


def test_status_after_a_digest(desk):
    told = desk(*MORNING, "status", "--json").document
    assert told["now"] == "2026-11-19T08:00:00Z"
    assert told["papers"] == 30
    assert told["outbox"] == {"sent": 2}
    assert {s["state"] for s in told["sources"]} == {"ok"}
    (experts, _) = told["profiles"]
    assert (experts["edition"], experts["period"], experts["picks"]) == (1, "2026-11-19", 6)
    words = desk("status").words
    assert "30 papers in" in words
    assert "experts active 1 2026-11-19 6 1" in words
    assert "outbox 2 sent" in words


def test_status_keeps_a_profile_that_left_the_configuration(desk):
    path = desk.folder / "config.toml"
    path.write_text(
        re.sub(r"\[profiles\.proteins\].*?limit = 4\n", "", path.read_text(), flags=re.DOTALL)
    )
    told = {p["name"]: p for p in desk("status", "--json").document["profiles"]}
    assert (told["proteins"]["state"], told["proteins"]["edition"]) == ("retired", 1)
    assert "proteins retired" in desk("status").words


def test_status_tells_what_a_running_serve_cannot_do_and_not_what_one_that_was_killed_could_not(
    desk,
):
    with Store(desk.state / "paperround.db") as store:
        set_troubles(store.db, {"publish": "archive.html does not render."})
    assert "does not render" not in desk(*MORNING, "status").out
    with (desk.state / "lock" / "serve").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "serve publish: archive.html does not render." in desk(*MORNING, "status").words


def test_sources_list(desk):
    told = desk("sources", "list", "--json").document
    assert [(s["name"], s["kind"], s["enabled"], s["failures"]) for s in told] == [
        ("arxiv", "arxiv", True, 0), ("hf", "huggingface", True, 0), ("journal", "feed", True, 0),
    ]  # fmt: skip
    assert told[0]["last_ok"] == told[0]["last_new"] == "2026-11-19T08:00:00Z"
    assert told[0]["next_poll"] > told[0]["last_ok"]
    assert "arxiv ok 2026-11-19 08:00 UTC" in desk("sources", "list").words


def test_a_source_that_is_off_says_so(desk):
    path = desk.folder / "config.toml"
    path.write_text(path.read_text().replace('kind = "feed"', 'kind = "feed"\nenabled = false'))
    assert desk("sources", "list", "--json").document[2]["state"] == "off"
    assert "source journal: off" in desk("check", "--offline").words
    collected = desk(*NEXT, "collect", "--json").document["collected"]
    assert [c["source"] for c in collected] == ["arxiv", "hf"]


# ── Subscribers ───────────────────────────────────────────────────────────────────────────────────


def test_subscribers_are_listed_as_the_contract_says(desk):
    assert desk("subscribers", "list", "--json").document == [
        {"address": "ada@example.org", "status": "confirmed", "profiles": ["experts", "proteins"]},
        {"address": "grace@example.org", "status": "confirmed", "profiles": ["proteins"]},
    ]
    assert "grace@example.org confirmed proteins" in desk("subscribers", "list").words


def test_an_added_subscriber_gets_the_latest_edition_once(desk):
    said = desk(*MORNING, "subscribers", "add", "Mary@Example.org", "experts", "proteins")
    assert said.code == 0
    assert "Mary@example.org · experts: confirmed" in said.words
    assert desk(*MORNING, "deliver", "--json").document["delivered"]["ended"] == {"sent": 1}
    assert desk(*MORNING, "deliver", "--json").document["delivered"]["ended"] == {}
    (mail,) = (m for m in mails(desk.state) if m["To"] == "Mary@example.org")
    assert "10 new papers" in mail["Subject"]


def test_adding_twice_is_one_subscription(desk):
    for _ in range(2):
        told = desk("subscribers", "add", "mary@example.org", "experts", "--json")
        assert told.document == {
            "address": "mary@example.org", "profiles": {"experts": "confirmed"},
        }  # fmt: skip
    again = desk("subscribers", "add", "MARY@example.org", "experts")
    assert again.code == 0
    listed = [s["address"] for s in desk("subscribers", "list", "--json").document]
    assert len([a for a in listed if a.lower() == "mary@example.org"]) == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["add", "nobody", "experts"], "nobody"),
        (["add", "mary@example.org", "expert"], "Did you mean 'experts'?"),
        (["add", "mary@example.org\nBcc: x@example.org", "experts"], "x@example.org"),
        (["remove", "mary@example.org"], "mary@example.org is no subscriber"),
        (["remove", "mary"], "mary"),
    ],
)
def test_subscribers_that_cannot_be(desk, arguments, says):
    before = desk("subscribers", "list", "--json").document
    said = desk("subscribers", *arguments)
    assert said.code == 2
    assert says in said.words
    assert desk("subscribers", "list", "--json").document == before


def test_a_removed_subscriber_gets_nothing_more_and_stays_removed(desk, site):
    told = desk("subscribers", "remove", "ADA@example.org", "--json")
    assert told.document == {"address": "ADA@example.org", "ended": 2}
    site.show(sample_day(2))
    assert desk(*NEXT, "once", "--json").document["delivered"]["ended"] == {"sent": 1}
    assert [m["To"] for m in mails(desk.state)[2:]] == ["grace@example.org"]
    ada = desk("subscribers", "list", "--json").document[0]
    assert (ada["address"], ada["status"]) == ("ada@example.org", "unsubscribed")
    again = desk("subscribers", "remove", "ada@example.org")
    assert again.code == 0
    assert "0 subscriptions ended" in again.words


# ── Deliveries ────────────────────────────────────────────────────────────────────────────────────


def test_deliveries_are_listed_newest_first(desk):
    told = desk("deliveries", "list", "--json").document
    assert [d["address"] for d in told] == ["grace@example.org", "ada@example.org"]
    assert {d["status"] for d in told} == {"sent"}
    assert told[1]["papers"] == 10
    assert told[1]["sent_at"] == "2026-11-19T08:00:00Z"
    assert re.fullmatch(r"<[0-9a-f]+@localhost>", told[0]["message_id"])
    assert "ada@example.org sent" in desk("deliveries", "list").words


def test_deliveries_by_status_and_number(desk):
    assert len(desk("deliveries", "list", "--limit", "1", "--json").document) == 1
    assert desk("deliveries", "list", "--status", "failed", "--json").document == []
    assert desk("deliveries", "list", "--status", "lost").code == 2


# ── check ─────────────────────────────────────────────────────────────────────────────────────────


def test_check_asks_everybody_and_is_content(desk):
    said = desk(*MORNING, "check")
    assert said.code == 0
    assert "FAIL" not in said.out
    assert "ok source arxiv: 28 entries" in said.words
    assert "ok templates: ours" in said.words
    told = desk(*MORNING, "check", "--json").document
    assert {t["ok"] for t in told} == {True}


def test_check_offline_asks_nobody(desk, site):
    asked = len(site.requests)
    said = desk("check", "--offline")
    assert said.code == 0
    assert "source arxiv: not asked (--offline)" in said.words
    assert len(site.requests) == asked


def test_check_names_the_dead_source_and_looks_at_the_others(desk, site):
    site.but("/rss/cs.CL", Answer(b"", 503))
    site.but("/journal.xml", b"\x00\x01\x02")
    said = desk(*MORNING, "check")
    assert said.code == 1
    assert "FAIL source arxiv: 127.0.0.1" in said.words
    assert "ok source hf: 9 entries" in said.words
    assert "FAIL source journal: 127.0.0.1 sent something that is no feed" in said.words


def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def test_check_names_a_mail_server_that_is_not_there(desk):
    path = desk.folder / "config.toml"
    port = unused_port()
    mail = f'[mail]\ntransport = "smtp"\nhost = "127.0.0.1"\nport = {port}\ntls = "none"\n'
    path.write_text(path.read_text() + mail)
    said = desk(*MORNING, "check")
    assert said.code == 1
    assert f"FAIL mail: The mail server 127.0.0.1:{port} cannot be used" in said.words
    assert f"mail: 127.0.0.1:{port} not asked (--offline)" in desk("check", "--offline").words
    sending = desk(*MORNING, "check", "--offline", "--send", "me@example.org")
    assert sending.code == 1
    assert "FAIL test mail" in sending.words


def test_check_names_secrets_that_are_not_there(desk, monkeypatch):
    monkeypatch.delenv("PAPERROUND_NO_SUCH", raising=False)
    path = desk.folder / "config.toml"
    text = path.read_text().replace(
        'kind = "huggingface"', 'kind = "huggingface"\ntoken = "env:PAPERROUND_NO_SUCH"'
    )
    path.write_text(
        text + '[mail]\ntransport = "smtp"\nusername = "me"\npassword = "file:no-such-file"\n'
    )
    said = desk(*MORNING, "check")
    assert said.code == 1
    assert "FAIL source hf:" in said.words
    assert "PAPERROUND_NO_SUCH is not set" in said.words
    assert "FAIL mail:" in said.words
    assert "no-such-file cannot be read" in said.words
    assert "ok source arxiv" in said.words


def test_check_sends_a_test_mail(desk):
    said = desk(*MORNING, "check", "--offline", "--send", "me@example.org")
    assert said.code == 0
    (mail,) = (m for m in mails(desk.state) if m["To"] == "me@example.org")
    assert mail["Subject"] == "A test from paperround"
    assert desk("check", "--offline", "--send", "me").code == 2


def test_check_names_the_template_that_breaks_and_its_line(desk):
    write_file(desk.folder / "templates" / "email" / "digest.html", b"\n{{ bot.nothing }}")
    said = desk("check", "--offline")
    assert said.code == 1
    assert "FAIL templates: Your template email/digest.html, line 2," in said.words
