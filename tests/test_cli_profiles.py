"""profiles list, show, retire; renamed, private and vanished profiles, as their owner lives through it."""

from __future__ import annotations

import shutil

import pytest

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
    site.show(sample_day(1))
    shutil.copytree(morning, tmp_path / "desk")
    yield from desk_in(tmp_path / "desk", monkeypatch, capsys)


def edit(desk, old: str, new: str) -> None:
    path = desk.folder / "config.toml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


PROTEINS = CONFIG[CONFIG.index("[profiles.proteins]") : CONFIG.index("[fetch]")]


def standing(desk) -> dict[str, dict[str, object]]:
    return {each["name"]: each for each in desk(*MORNING, "profiles", "list", "--json").document}


def subscribers(desk) -> dict[str, list[str]]:
    told = desk("subscribers", "list", "--json").document
    return {each["address"]: each["profiles"] for each in told}


# ── list and show ─────────────────────────────────────────────────────────────────────────────────


def test_the_list_says_how_each_profile_stands(desk):
    told = standing(desk)
    assert told["experts"] == {
        "name": "experts", "title": "Experts", "state": "active", "editions": 1, "subscribers": 1,
        "next_edition": "2026-11-19T23:00:00Z",
    }  # fmt: skip
    assert told["proteins"]["subscribers"] == 2
    assert "2026-11-19 23:00 UTC" in desk(*MORNING, "profiles", "list").words


def test_an_empty_list(tmp_path, monkeypatch, capsys):
    for desk in desk_in(tmp_path, monkeypatch, capsys):
        desk.write("")
        assert "There is no profile yet" in desk("profiles", "list").words
        assert desk("profiles", "list", "--json").document == []


def test_show_says_every_clause_and_where_it_comes_from(desk):
    desk.write("arXiv:2611.90011\n", "mine.txt")
    edit(desk, "limit = 6", 'limit = 6\nlibrary = "mine.txt"\nlearn = "owner"')
    assert desk(*MORNING, "like", "arXiv:2611.90006", "--profile", "experts").code == 0
    told = desk(*MORNING, "profiles", "show", "experts", "--json").document
    clauses = [(i["kind"], i["text"], i["origin"]) for i in told["interests"]]
    assert ("keywords", "mixture of experts^2", "config.toml") in clauses
    assert ("exclude", "survey", "config.toml") in clauses
    assert ("like", "arXiv:2611.90011", "library mine.txt") in clauses
    (learnt,) = (i for i in told["interests"] if "learnt" in i["origin"])
    assert learnt["text"].startswith("arXiv:2611.90006 Sparse Activation")
    assert learnt["origin"] == "owner, 2026-11-19 (learnt)"
    assert told["settings"]["limit"] == 6
    said = desk(*MORNING, "profiles", "show", "experts")
    assert "active, 1 edition, 1 subscriber" in said.words
    edit(desk, 'learn = "owner"', 'learn = "none"')
    assert '(not learnt: learn = "none")' in desk("profiles", "show", "experts").words


def test_show_and_check_name_the_examples_that_nobody_has_shown_yet(desk):
    edit(desk, 'like = ["arXiv:2001.00001"]', 'like = ["arXiv:2001.00001", "doi:10.99999/x"]')
    words = desk(*MORNING, "profiles", "show", "experts").words
    assert "2 of its papers are not known yet: arXiv:2001.00001, doi:10.99999/x" in words
    told = desk(*MORNING, "profiles", "show", "experts", "--json").document
    assert told["unknown"] == ["arXiv:2001.00001", "doi:10.99999/x"]
    checked = desk(*MORNING, "check", "--offline").words
    assert "2 of its papers are not known yet" in checked
    assert desk(*MORNING, "profiles", "show", "proteins", "--json").document["unknown"] == []


def test_what_names_no_paper_is_told(desk):
    edit(desk, 'like = ["', 'dislike = ["foo", "Attention is all"]\nlike = ["')
    told = '"foo", "Attention is all" name no paper: write arXiv:2401.06066, doi:'
    assert told in desk(*MORNING, "profiles", "show", "experts").words
    assert told in desk(*MORNING, "check", "--offline").words


def test_show_of_an_unknown_profile_names_the_nearest(desk):
    said = desk("profiles", "show", "expert")
    assert said.code == 2
    assert "Did you mean 'experts'?" in said.err


# ── retire ────────────────────────────────────────────────────────────────────────────────────────


def test_a_retired_profile_rests_while_its_table_stands(desk, site):
    said = desk(*MORNING, "profiles", "retire", "proteins")
    assert said.code == 0
    assert "Delete [profiles.proteins] from config.toml" in said.words
    assert "Still subscribed, and getting nothing: ada@example.org, grace@example.org" in said.words
    before = len(mails(desk.state))
    site.show(sample_day(2))
    told = desk(*NEXT, "once", "--json").document
    assert [each["profile"] for each in told["composed"]] == ["experts"]
    assert [str(mail["To"]) for mail in mails(desk.state)[before:]] == ["ada@example.org"]
    assert (desk.state / "public" / "feeds" / "proteins.rss").is_file()
    assert standing(desk)["proteins"]["state"] == "retired"
    assert "proteins is retired by you; its archive stays" in desk("status").words
    forced = desk(*NEXT, "compose", "--force", "proteins")
    assert forced.code == 2
    assert "--undo" in forced.err


def test_the_archive_of_a_retired_profile_goes_when_it_turns_private(desk):
    desk(*MORNING, "profiles", "retire", "proteins")
    edit(desk, "[profiles.proteins]", "[profiles.proteins]\npublic = false")
    desk(*MORNING, "publish")
    public = desk.state / "public"
    assert not [path for path in public.rglob("*") if "proteins" in path.name]
    assert (public / "p" / "experts").is_dir()
    assert "publish 0 of" in desk(*MORNING, "publish").words, "and it goes once"


def test_retiring_is_taken_back(desk, site):
    desk(*MORNING, "profiles", "retire", "proteins")
    assert desk(*MORNING, "profiles", "retire", "proteins", "--undo").code == 0
    site.show(sample_day(2))
    told = desk(*NEXT, "once", "--json").document
    assert {each["profile"] for each in told["composed"]} == {"experts", "proteins"}
    assert subscribers(desk)["grace@example.org"] == ["proteins"]


def test_subscribers_move_when_asked(desk, site):
    told = desk(
        *MORNING, "profiles", "retire", "proteins", "--move-to", "experts", "--json"
    ).document
    # Ada has the other one already: she keeps what she has.
    assert told == {"name": "proteins", "moved": ["grace@example.org"], "resting": []}
    site.show(sample_day(2))
    before = len(mails(desk.state))
    assert desk(*NEXT, "once").code == 0
    # The table's own `to` does not bring her back, and ends nothing.
    assert subscribers(desk) == {"ada@example.org": ["experts"], "grace@example.org": ["experts"]}
    assert {str(m["To"]) for m in mails(desk.state)[before:]} == {
        "ada@example.org", "grace@example.org",
    }  # fmt: skip


def test_who_unsubscribed_from_the_other_is_not_brought_back(desk):
    desk("subscribers", "add", "grace@example.org", "experts")
    desk("subscribers", "remove", "grace@example.org")
    desk("subscribers", "add", "grace@example.org", "proteins")
    desk("profiles", "retire", "proteins", "--move-to", "experts")
    grace = next(
        s
        for s in desk("subscribers", "list", "--json").document
        if s["address"].startswith("grace")
    )
    assert grace["status"] == "unsubscribed"


def test_deleting_the_table_and_writing_it_again_revives(desk):
    desk(*MORNING, "profiles", "retire", "proteins")
    edit(desk, PROTEINS, "")
    assert "no longer in the configuration" in desk(*MORNING, "status").words
    edit(desk, "[fetch]", PROTEINS + "[fetch]")
    assert standing(desk)["proteins"]["state"] == "active"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("protein",), "Did you mean 'proteins'?"),
        (("proteins", "--move-to", "nobody"), "there is no profile 'nobody'"),
        (("proteins", "--move-to", "proteins"), "cannot take its own subscribers"),
    ],
)
def test_retiring_what_cannot_be(desk, arguments, words):
    said = desk("profiles", "retire", *arguments)
    assert said.code == 2
    assert words in said.err
    assert standing(desk)["proteins"]["state"] == "active"


def test_undoing_what_is_gone(desk):
    edit(desk, PROTEINS, "")
    said = desk("profiles", "retire", "proteins", "--undo")
    assert said.code == 2
    assert "write its table again" in said.err


# ── Vanished ──────────────────────────────────────────────────────────────────────────────────────


def test_a_profile_that_vanishes_stops_its_archive_stays_and_its_readers_are_named(desk, site):
    edit(desk, PROTEINS, "")
    site.show(sample_day(2))
    before = len(mails(desk.state))
    assert desk(*NEXT, "once").code == 0
    assert [str(mail["To"]) for mail in mails(desk.state)[before:]] == ["ada@example.org"]
    public = desk.state / "public"
    assert (public / "feeds" / "proteins.rss").is_file()
    assert (public / "p" / "proteins" / "2026-11-19" / "index.html").is_file()
    assert "p/proteins" not in (public / "index.html").read_text()
    words = "proteins is no longer in the configuration; its archive stays; subscribed: "
    assert words + "ada@example.org, grace@example.org" in desk("status").words
    assert words in desk("check", "--offline").words
    told = desk("status", "--json").document
    assert told["retired"] == [
        {"name": "proteins", "subscribers": ["ada@example.org", "grace@example.org"]}
    ]


# ── Renamed ───────────────────────────────────────────────────────────────────────────────────────


def rename(desk) -> None:
    edit(desk, "[profiles.proteins]", '[profiles.folding]\nwas = ["proteins"]')


def test_a_renamed_profile_keeps_subscriptions_editions_and_addresses(desk, site):
    public = desk.state / "public"
    old_guids = (public / "feeds" / "proteins.rss").read_text().count("<guid")
    rename(desk)
    site.show(sample_day(2))
    before = len(mails(desk.state))
    told = desk(*NEXT, "once", "--json").document
    made = {each["profile"]: each["edition"] for each in told["composed"]}
    assert made == {"experts": 2, "folding": 2}
    # One digest each, of new papers only: nothing is served twice.
    assert len(mails(desk.state)[before:]) == 2
    assert standing(desk).keys() == {"experts", "folding"}
    assert standing(desk)["folding"]["editions"] == 2
    assert subscribers(desk)["grace@example.org"] == ["folding"]
    old, new = (public / "feeds" / f"{name}.rss" for name in ("proteins", "folding"))
    assert old.read_bytes() == new.read_bytes()
    assert new.read_text().count("<guid") > old_guids
    for day in ("2026-11-19", "2026-11-20"):
        assert (public / "p" / "proteins" / day / "index.html").is_file()
        assert (public / "p" / "folding" / day / "index.html").is_file()
    assert "retired" not in desk("status").words


def test_renaming_on_the_same_day_serves_nothing_again(desk):
    rename(desk)
    before = len(mails(desk.state))
    told = desk("--now", "2026-11-19T09:00Z", "once", "--json").document
    assert told["composed"] == []
    assert len(mails(desk.state)) == before


def test_was_that_comes_a_day_late_joins_both_histories(desk, site):
    edit(desk, "[profiles.proteins]", "[profiles.folding]")
    site.show(sample_day(2))
    assert desk(*NEXT, "once").code == 0
    edit(desk, "[profiles.folding]", '[profiles.folding]\nwas = ["proteins"]')
    before = len(mails(desk.state))
    assert desk("--now", "2026-11-20T09:00Z", "once").code == 0
    assert len(mails(desk.state)) == before
    assert standing(desk)["folding"]["editions"] == 2
    assert desk("--now", "2026-11-21T09:00Z", "once").code == 0
    assert standing(desk)["folding"]["editions"] == 3


# ── Private ───────────────────────────────────────────────────────────────────────────────────────


def test_a_profile_that_becomes_private_is_nowhere_in_public(desk):
    rename(desk)
    desk(*MORNING, "publish")
    edit(desk, 'was = ["proteins"]', 'was = ["proteins"]\npublic = false')
    assert desk(*MORNING, "publish").code == 0
    public = desk.state / "public"
    for path in public.rglob("*"):
        assert "proteins" not in path.name
        assert "folding" not in path.name
        if path.is_file():
            assert b"folding" not in path.read_bytes(), path
    assert (public / "feeds" / "experts.rss").is_file()
