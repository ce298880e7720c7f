"""Who gets the digests, how often, and who never does: subscribers and suppressions as typed."""

from __future__ import annotations

import json
import re
import shutil
from datetime import UTC, datetime

import pytest

from bot.models import Door
from bot.store import Store
from support_cli import CONFIG, MORNING, NEXT, desk_in, mails, walk_a_morning
from support_replay import replaying, sample_day


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
    """A desk where one morning has passed and the next day's papers are there to be fetched."""
    site.show(sample_day(2))
    shutil.copytree(morning, tmp_path / "desk")
    yield from desk_in(tmp_path / "desk", monkeypatch, capsys)


@pytest.fixture
def fresh(tmp_path, monkeypatch, capsys, site):
    site.show(sample_day(1))
    (tmp_path / "config.toml").write_text(CONFIG.format(url=site.url))
    yield from desk_in(tmp_path, monkeypatch, capsys)


def sent_to(desk, address):
    return [mail for mail in mails(desk.state) if mail["To"] == address]


def with_no_mail_server(desk, *arguments):
    """Run once with a mail server that is not there: what is opened waits."""
    text = (desk.folder / "config.toml").read_text()
    desk.write(text + '[mail]\ntransport = "smtp"\nhost = "127.0.0.1"\nport = 9\ntls = "none"\n')
    assert desk(*arguments).code == 1
    desk.write(text)


def shown(desk, address):
    return desk("subscribers", "show", address, "--json").document


def listed(desk):
    return {s["address"]: s for s in desk("subscribers", "list", "--json").document}


# ── show and set ──────────────────────────────────────────────────────────────────────────────────


def test_show_tells_what_holds_and_what_was_sent(desk):
    told = shown(desk, "ada@example.org")
    assert told["zone"] == "Europe/Berlin"
    assert told["suppressed"] == ""
    assert [(s["profile"], s["status"], s["cadence"], s["at"], s["limit"], s["last"])
        for s in told["subscriptions"]] == [
        ("experts", "confirmed", "daily", "any", 6, 1), ("proteins", "confirmed", "daily", "any", 4, 1),
    ]  # fmt: skip
    assert [(d["status"], d["papers"]) for d in told["deliveries"]] == [("sent", 10)]
    words = desk("subscribers", "show", "Ada@Example.org").words
    assert "experts confirmed config daily any 6 1" in words
    assert "1 sent 2026-11-18 23:00 UTC 10 2026-11-19 08:00 UTC" in words


def test_show_tells_who_said_yes_when_and_to_which_words(desk):
    with Store(desk.state / "paperround.db") as store:
        (ada, *_) = [
            s.subscriber for s in store.all_subscriptions() if s.address == "ada@example.org"
        ]
        store.note_consent(
            ada, "experts", Door.WEB, "Yes, send me this", datetime(2026, 11, 2, tzinfo=UTC)
        )
    words = desk("subscribers", "show", "ada@example.org").words
    assert (
        'Said yes to experts on 2026-11-02 00:00 UTC (door: web), to these words: "Yes, send me this"'
        in words
    )
    (yes,) = shown(desk, "ada@example.org")["consent"]
    assert (yes["profile"], yes["door"], yes["wording"]) == ("experts", "web", "Yes, send me this")


def test_set_changes_all_that_an_address_gets(desk):
    said = desk(
        "subscribers", "set", "grace@example.org", "--cadence", "weekly", "--at", "9:05",
        "--zone", "Asia/Tokyo", "--limit", "2", "--profiles", "proteins,experts",
    )  # fmt: skip
    assert said.code == 0
    assert (
        "grace@example.org · experts: confirmed, weekly at 09:05 (Asia/Tokyo), at most 2"
        in said.words
    )
    told = shown(desk, "grace@example.org")
    assert [(s["profile"], s["cadence"], s["at"], s["limit"]) for s in told["subscriptions"]] == [
        ("experts", "weekly", "09:05", 2), ("proteins", "weekly", "09:05", 2),
    ]  # fmt: skip
    back = desk("subscribers", "set", "grace@example.org", "--cadence", "daily", "--at", "profile",
        "--zone", "bot", "--limit", "profile", "--profiles", "experts")  # fmt: skip
    assert back.code == 0
    told = shown(desk, "grace@example.org")
    assert [(s["profile"], s["status"], s["at"], s["limit"]) for s in told["subscriptions"]] == [
        ("experts", "confirmed", "any", 6), ("proteins", "unsubscribed", "any", 4),
    ]  # fmt: skip
    assert told["zone"] == "Europe/Berlin"


def test_one_mail_or_one_each_is_set_shown_exported_and_imported(desk):
    assert shown(desk, "ada@example.org")["mails"] == "one"
    said = desk("subscribers", "set", "ada@example.org", "--mails", "each")
    assert "ada@example.org: a mail for each profile" in said.words
    assert shown(desk, "ada@example.org")["mails"] == "each"
    assert (
        "A mail of its own comes for each profile"
        in desk("subscribers", "show", "ada@example.org").words
    )
    listing = desk("subscribers", "export", "--json").document
    assert {row["address"]: row["mails"] for row in listing} == {
        "ada@example.org": "each", "grace@example.org": "",
    }  # fmt: skip
    moved = desk.folder / "moved.csv"
    moved.write_text("address,profiles,mails\nlin@example.org,experts proteins,each\n")
    assert desk("subscribers", "import", str(moved), "--confirmed").code == 0
    assert shown(desk, "lin@example.org")["mails"] == "each"
    back = desk("subscribers", "set", "ada@example.org", "--mails", "one", "--json").document
    assert back["mails"] == "one"
    moved.write_text("address,profiles,mails\nmax@example.org,experts,both\n")
    skipped = desk("subscribers", "import", str(moved), "--confirmed", "--json").document["skipped"]
    assert "neither" in skipped[0]["problem"]


def test_a_new_subscription_of_an_address_keeps_its_habits(desk):
    desk("subscribers", "set", "grace@example.org", "--cadence", "weekly", "--limit", "2")
    desk("subscribers", "add", "grace@example.org", "experts")
    experts, _ = shown(desk, "grace@example.org")["subscriptions"]
    assert (experts["profile"], experts["cadence"], experts["limit"]) == ("experts", "weekly", 2)


def test_a_profile_that_was_set_aside_is_not_brought_back_by_the_configuration(desk):
    desk("subscribers", "set", "ada@example.org", "--profiles", "experts")
    assert desk(*NEXT, "once").code == 0
    assert listed(desk)["ada@example.org"]["profiles"] == ["experts"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["ada@example.org"], "say what to set"),
        (["nobody@example.org", "--at", "08:00"], "is no subscriber"),
        (["ada@example.org", "--at", "8 o'clock"], "expected an hour such as"),
        (["ada@example.org", "--zone", "Berlin"], 'perhaps "Europe/Berlin"'),
        (["ada@example.org", "--limit", "0"], "no number of papers from 1 to 200"),
        (["ada@example.org", "--limit", "many"], "no number of papers"),
        (["ada@example.org", "--profiles", "expert"], "Did you mean 'experts'?"),
        (["ada@example.org", "--profiles", ","], "subscribers remove ada@example.org"),
        (["ada@example.org", "--cadence", "hourly"], "hourly"),
    ],
)
def test_what_cannot_be_set_changes_nothing(desk, arguments, says):
    before = shown(desk, "ada@example.org")
    said = desk("subscribers", "set", *arguments)
    assert said.code == 2
    assert says in said.words
    assert shown(desk, "ada@example.org") == before


# ── Cadence ───────────────────────────────────────────────────────────────────────────────────────


def test_a_weekly_reader_gets_one_digest_a_week(desk, site):
    """MORNING and NEXT are a Thursday and a Friday."""
    desk("subscribers", "add", "mary@example.org", "experts")
    desk("subscribers", "set", "mary@example.org", "--cadence", "weekly", "--limit", "3")
    assert desk(*MORNING, "once").code == 0
    assert desk(*NEXT, "once").code == 0
    assert len(sent_to(desk, "mary@example.org")) == 1
    desk("--now", "2026-11-22T08:00Z", "once")  # Sunday
    assert len(sent_to(desk, "mary@example.org")) == 1
    desk("--now", "2026-11-23T08:00Z", "once")  # Monday: a new week
    desk("--now", "2026-11-24T08:00Z", "once")
    _, second = sent_to(desk, "mary@example.org")
    assert "3 new papers" in second["Subject"], "the best of the week, up to the limit"


def test_changing_to_weekly_serves_no_day_of_this_week_again(desk):
    desk("subscribers", "set", "ada@example.org", "--cadence", "weekly")
    desk(*NEXT, "once")
    assert len(sent_to(desk, "ada@example.org")) == 1
    desk("--now", "2026-11-23T08:00Z", "once")
    assert len(sent_to(desk, "ada@example.org")) == 2, "the papers of Friday come on Monday"


def test_weekdays_leave_the_weekend_out(desk):
    desk("subscribers", "set", "ada@example.org", "--cadence", "weekdays")
    desk("--now", "2026-11-21T08:00Z", "once")  # Saturday: grace gets hers
    assert len(sent_to(desk, "ada@example.org")) == 1
    assert len(sent_to(desk, "grace@example.org")) == 2
    desk("--now", "2026-11-23T08:00Z", "once")
    assert len(sent_to(desk, "ada@example.org")) == 2


# ── Pauses ────────────────────────────────────────────────────────────────────────────────────────


def test_who_pauses_gets_nothing_and_then_one_digest(desk):
    said = desk(*MORNING, "subscribers", "pause", "ada@example.org", "--until", "2026-11-21")
    assert said.code == 0
    assert "from 2026-11-21 on, one digest of the best since" in said.words
    assert listed(desk)["ada@example.org"]["status"] == "paused"
    assert shown(desk, "ada@example.org")["paused_until"] == "2026-11-21"
    desk(*NEXT, "once")
    assert len(sent_to(desk, "ada@example.org")) == 1
    desk("--now", "2026-11-21T08:00Z", "once")
    desk("--now", "2026-11-21T12:00Z", "once")
    assert len(sent_to(desk, "ada@example.org")) == 2
    assert listed(desk)["ada@example.org"]["status"] == "confirmed"
    assert shown(desk, "ada@example.org")["paused_until"] is None


def test_a_pause_without_an_end_is_ended_by_hand(desk):
    desk("subscribers", "pause", "ada@example.org")
    desk("subscribers", "add", "ada@example.org", "experts")
    desk(*NEXT, "once")
    assert len(sent_to(desk, "ada@example.org")) == 1, "to be added again ends no pause"
    assert "2 subscriptions go on" in desk("subscribers", "resume", "ada@example.org").words
    assert "was not paused" in desk("subscribers", "resume", "ada@example.org").words
    desk(*NEXT, "once")
    assert len(sent_to(desk, "ada@example.org")) == 2


def test_a_pause_calls_off_what_waits_and_loses_none_of_it(desk):
    with_no_mail_server(desk, *NEXT, "once")
    waiting = desk("deliveries", "list", "--status", "pending", "--json").document
    assert "ada@example.org" in {d["address"] for d in waiting}
    desk(*NEXT, "subscribers", "pause", "ada@example.org")
    desk("--now", "2026-11-20T09:00Z", "deliver")
    assert len(sent_to(desk, "ada@example.org")) == 1
    desk("subscribers", "resume", "ada@example.org")
    desk("--now", "2026-11-21T09:00Z", "once")
    assert len(sent_to(desk, "ada@example.org")) == 2


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["pause", "nobody@example.org"], "is no subscriber"),
        (["pause", "ada@example.org", "--until", "2026-11-19"], "name a later date"),
        (["pause", "ada@example.org", "--until", "soon"], "no date such as 2026-11-20"),
        (["resume", "nobody@example.org"], "is no subscriber"),
    ],
)
def test_pauses_that_cannot_be(desk, arguments, says):
    said = desk(*MORNING, "subscribers", *arguments)
    assert said.code == 2
    assert says in said.words


def test_nothing_to_pause_is_told(desk):
    desk("subscribers", "remove", "ada@example.org")
    said = desk("subscribers", "pause", "ada@example.org")
    assert (said.code, "no subscription that could pause" in said.words) == (1, True)


# ── New links ─────────────────────────────────────────────────────────────────────────────────────


def test_links_are_renewed_and_the_new_one_is_mailed(desk):
    config = desk.folder / "config.toml"
    text = config.read_text()
    assert "No mail goes out" in desk(*MORNING, "subscribers", "renew", "ada@example.org").words
    config.write_text(text.replace("[bot]", '[bot]\nbase_url = "https://papers.example.org"', 1))
    said = desk(*MORNING, "subscribers", "renew", "ada@example.org")
    assert (said.code, said.err) == (0, "")
    assert "every link given out before is void" in said.words
    before = len(sent_to(desk, "ada@example.org"))
    assert desk(*MORNING, "deliver").code == 0
    (mail,) = [m for m in sent_to(desk, "ada@example.org") if m["Subject"] == "Your links are new"]
    assert len(sent_to(desk, "ada@example.org")) == before + 1
    assert "https://papers.example.org/manage/" in mail.get_body(("plain",)).get_content()
    told = desk(*MORNING, "subscribers", "renew", "ada@example.org", "--json").document
    assert told == {"address": "ada@example.org", "renewed": True, "mailed": True}


def test_a_strangers_links_cannot_be_renewed(desk):
    assert desk("subscribers", "renew", "nobody@example.org").code == 2


def test_a_suppressed_address_has_its_links_renewed_and_no_mail(desk):
    desk("suppressions", "add", "ada@example.org")
    told = desk("subscribers", "renew", "ada@example.org", "--json").document
    assert told["mailed"] is False


# ── Forgetting ────────────────────────────────────────────────────────────────────────────────────


def test_who_is_forgotten_leaves_no_trace_but_a_hash(desk):
    said = desk(*NEXT, "subscribers", "remove", "ada@example.org", "--forget")
    assert said.code == 0
    assert "to` of experts, proteins: take it out there" in said.words
    assert "ada@example.org" not in listed(desk)
    assert desk("subscribers", "show", "ada@example.org").code == 2
    for file in desk.state.glob("paperround.db*"):
        assert b"ada@example.org" not in file.read_bytes().lower()
    (kept,) = desk("suppressions", "list", "--json").document
    assert (kept["address"], kept["reason"]) == (None, "forgotten on request")
    assert desk(*NEXT, "once").code == 0
    assert len(sent_to(desk, "ada@example.org")) == 1, "although the configuration names it"
    assert len(sent_to(desk, "grace@example.org")) == 2


def test_nobody_inherits_the_number_of_one_who_was_forgotten(desk):
    from bot.store import Store

    def numbers():
        with Store(desk.state / "paperround.db") as store:
            return {s.subscriber for s in store.all_subscriptions()}

    before = numbers()
    desk("subscribers", "remove", "grace@example.org", "--forget")
    desk("subscribers", "add", "mary@example.org", "experts")
    assert len(numbers() - before) == 1


def test_a_stranger_can_be_forgotten_beforehand(desk):
    said = desk("subscribers", "remove", "eve@example.org", "--forget", "--json")
    assert said.document == {"address": "eve@example.org", "forgotten": False, "named_by": []}
    assert desk("subscribers", "add", "eve@example.org", "experts").code == 1


# ── Suppressions ──────────────────────────────────────────────────────────────────────────────────


def test_a_suppressed_address_is_never_mailed_until_it_is_taken_off(desk):
    said = desk(*MORNING, "suppressions", "add", "ADA@example.org", "--reason", "asked by phone")
    assert said.code == 0
    assert (
        "suppressed already: asked by phone" in desk("suppressions", "add", "ada@example.org").words
    )
    (one,) = desk("suppressions", "list", "--json").document
    assert (one["address"], one["reason"], one["at"]) == (
        "ada@example.org", "asked by phone", "2026-11-19T08:00:00Z",
    )  # fmt: skip
    assert "ada@example.org asked by phone" in desk("suppressions", "list").words
    assert listed(desk)["ada@example.org"]["suppressed"] is True
    assert "confirmed, suppressed" in desk("subscribers", "list").words
    desk(*NEXT, "once")
    assert len(sent_to(desk, "ada@example.org")) == 1
    assert len(sent_to(desk, "grace@example.org")) == 2
    assert desk("deliveries", "list", "--status", "skipped", "--json").document == []
    again = desk("suppressions", "remove", "ada@example.org")
    assert "written to again, for experts, proteins" in again.words
    desk(*NEXT, "once")
    assert len(sent_to(desk, "ada@example.org")) == 2
    assert desk("suppressions", "remove", "ada@example.org").code == 2
    assert "No address is suppressed" in desk("suppressions", "list").words


def test_what_is_open_for_a_suppressed_address_is_called_off(desk):
    desk(*NEXT, "deliveries", "hold", "--all")
    desk("subscribers", "add", "mary@example.org", "experts")
    desk("deliveries", "release", "--all")
    with_no_mail_server(desk, *MORNING, "deliver")
    (waiting,) = desk("deliveries", "list", "--status", "pending", "--json").document
    told = desk(*MORNING, "suppressions", "add", "mary@example.org", "--json").document
    assert told["called_off"] == 1
    desk("--now", "2026-11-19T09:00Z", "deliver")
    assert sent_to(desk, "mary@example.org") == []
    (off,) = desk("deliveries", "list", "--status", "skipped", "--json").document
    assert (off["id"], off["said"]) == (waiting["id"], "the address is suppressed")


def test_suppression_survives_removal_and_every_way_back(desk):
    desk("suppressions", "add", "ada@example.org")
    desk("subscribers", "remove", "ada@example.org", "--forget")
    assert desk("subscribers", "add", "Ada@Example.org", "experts").code == 1
    (desk.folder / "list.csv").write_text("address,profiles\nada@example.org,experts\n")
    told = desk("subscribers", "import", "list.csv", "--confirmed", "--json").document
    assert (told["suppressed"], told["subscribed"]) == (["ada@example.org"], [])
    desk(*NEXT, "once")
    assert len(sent_to(desk, "ada@example.org")) == 1


# ── Lists ─────────────────────────────────────────────────────────────────────────────────────────

LIST = """\ufeffaddress;profiles;name
Mary@Example.org;experts, proteins;Mary
bad address;experts;
zoe@example.org;;
yann@example.org;expert;
xi@example.org;proteins

ada@example.org;experts;
"""


def test_a_list_is_imported_and_what_is_wrong_in_it_named(desk):
    desk("suppressions", "add", "xi@example.org")
    desk.write(LIST, "list.csv")
    said = desk(*MORNING, "subscribers", "import", "list.csv", "--confirmed", "--json")
    assert said.code == 0
    told = said.document
    assert told["subscribed"] == ["Mary@example.org"]
    assert told["known"] == ["ada@example.org"]
    assert told["suppressed"] == ["xi@example.org"]
    assert [s["row"] for s in told["skipped"]] == ["line 3", "line 4", "line 5"]
    problems = " ".join(s["problem"] for s in told["skipped"])
    assert '"bad address" is no mail address' in problems
    assert "zoe@example.org has no profile" in problems
    assert "Did you mean 'experts'?" in problems
    assert listed(desk)["Mary@example.org"]["profiles"] == ["experts", "proteins"]
    words = desk("subscribers", "import", "list.csv", "--confirmed").words
    assert "line 3: skipped:" in words
    assert "xi@example.org: suppressed, so it was not subscribed" in words
    assert "0 addresses subscribed, 2 were subscribed already" in words


def test_who_has_unsubscribed_is_not_revived_by_a_list(desk):
    desk("subscribers", "remove", "ada@example.org")
    desk.write('[{"address": "ada@example.org", "profiles": ["experts"]}]', "list.json")
    told = desk("subscribers", "import", "list.json", "--confirmed", "--json").document
    assert told["unsubscribed"] == ["ada@example.org (experts)"]
    assert listed(desk)["ada@example.org"]["status"] == "unsubscribed"


@pytest.mark.parametrize("form", ["csv", "json"])
def test_what_is_exported_can_be_imported_elsewhere(desk, fresh, form, tmp_path):
    desk("subscribers", "set", "grace@example.org", "--cadence", "weekly", "--at", "08:30",
        "--zone", "Asia/Tokyo", "--limit", "7")  # fmt: skip
    desk("subscribers", "add", "mary@example.org", "experts")
    desk("subscribers", "pause", "mary@example.org")
    desk("subscribers", "add", "eve@example.org", "experts")
    desk("subscribers", "remove", "eve@example.org")
    out = desk("subscribers", "export", *(["--json"] if form == "json" else [])).out
    before = listed(desk)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    config = (desk.folder / "config.toml").read_text()
    (elsewhere / "config.toml").write_text(re.sub(r"^to = .*\n", "", config, flags=re.MULTILINE))
    (elsewhere / f"list.{form}").write_text(out)
    there = ("--config", str(elsewhere / "config.toml"))
    told = desk(
        *there, "subscribers", "import", str(elsewhere / f"list.{form}"), "--confirmed", "--json"
    )
    assert told.document["skipped"][0]["problem"] == "eve@example.org is unsubscribed in this list."
    after = {s["address"]: s for s in desk(*there, "subscribers", "list", "--json").document}
    assert after == {address: s for address, s in before.items() if address != "eve@example.org"}
    grace = desk(*there, "subscribers", "show", "grace@example.org", "--json").document
    (chosen,) = grace["subscriptions"]
    assert (chosen["cadence"], chosen["at"], chosen["limit"], grace["zone"]) == (
        "weekly", "08:30", 7, "Asia/Tokyo",
    )  # fmt: skip


def test_a_list_of_addresses_alone_has_no_profiles(desk):
    desk.write("mary@example.org\nzoe@example.org\n", "list.txt")
    said = desk("subscribers", "import", "list.txt", "--confirmed")
    assert said.code == 2, "nothing in it could be used"
    assert "line 1: skipped: mary@example.org has no profile" in said.words


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "cannot be read"),
        (b"\xff\xfe\x00", "no UTF-8 text"),
        (b"[{", "is no JSON"),
        (b'{"address": "x"}', "is no list"),
        (b"[1, null]", "record 1: skipped"),
        (b'address,profiles\n"ada', "line 2"),
    ],
)
def test_a_file_that_is_no_list_is_named(desk, content, says):
    if content is not None:
        (desk.folder / "list").write_bytes(content)
    said = desk("subscribers", "import", "list", "--confirmed")
    assert said.code == 2
    assert says in said.words


def test_an_empty_list_is_no_mistake(desk):
    desk.write("address,profiles\n", "list.csv")
    assert desk("subscribers", "import", "list.csv", "--confirmed").code == 0


def answerable(desk):
    text = (desk.folder / "config.toml").read_text()
    desk.write(text + '[inbound]\naddress = "papers@lab.example"\n')


def test_who_is_invited_is_asked_by_mail_first(desk):
    answerable(desk)
    said = desk("subscribers", "add", "mary@example.org", "experts", "--invite")
    assert (said.code, "is asked by mail" in said.words) == (0, True)
    mary = listed(desk)["mary@example.org"]
    assert (mary["status"], mary["profiles"]) == ("unconfirmed", ["experts"])


def test_nobody_is_invited_where_nobody_could_answer(desk):
    said = desk("subscribers", "add", "mary@example.org", "experts", "--invite")
    assert said.code == 2
    assert "Nobody could answer" in said.words
    assert "mary@example.org" not in listed(desk)


def test_a_list_is_invited_but_for_who_has_it_has_left_or_is_suppressed(desk):
    answerable(desk)
    desk("subscribers", "add", "left@example.org", "experts")
    desk("subscribers", "remove", "left@example.org")
    desk("suppressions", "add", "dead@example.org")
    people = ("mary", "ada", "left", "dead")
    rows = "".join(f"{name}@example.org,experts\n" for name in people)
    desk.write(f"address,profiles\n{rows}nonsense,experts\n", "list.csv")
    told = desk("subscribers", "import", "list.csv", "--invite", "--json").document
    assert told["invited"] == ["mary@example.org"]
    assert told["known"] == ["ada@example.org"]
    assert told["suppressed"] == ["dead@example.org"]
    assert told["unsubscribed"] == ["left@example.org (experts)"]
    assert len(told["skipped"]) == 1


def test_an_import_says_whether_they_have_agreed(desk):
    said = desk("subscribers", "import", "list.csv")
    assert said.code == 2
    assert "--confirmed" in said.words


def test_the_exported_json_is_one_document(desk):
    rows = json.loads(desk("subscribers", "export", "--json").out)
    assert rows[0]["address"] == "ada@example.org"
    assert rows[0]["profiles"] == ["experts", "proteins"]


def test_one_is_told_as_one(desk):
    desk.write("address,profiles\none@example.org,experts\n", "one.csv")
    assert "1 address subscribed" in desk("subscribers", "import", "one.csv", "--confirmed").words
    assert (
        "one@example.org: 1 subscription ended"
        in desk("subscribers", "remove", "one@example.org").words
    )
