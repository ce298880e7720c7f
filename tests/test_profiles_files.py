"""Several profiles in several files: a wrong one keeps its last good version, and the others go on."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bot.app import open_app
from bot.cli.service import Service
from bot.config import load_config
from bot.errors import ConfigError
from support_cli import MORNING, NEXT, desk_in, mails
from support_replay import replaying, sample_day

MAIN = """
include = ["profiles/*.toml"]
[bot]
contact = "owner@example.org"
[[sources]]
name = "arxiv"
kind = "arxiv"
url = "{url}"
categories = ["cs.CL"]
[fetch]
allow_private = ["127.0.0.1/32"]
"""
ADA = '[profiles.ada]\nto = ["ada@example.org"]\nkeywords = ["experts"]\nat = "any"\n'
BEN = '[profiles.ben]\nto = ["ben@example.org"]\nkeywords = ["protein"]\nat = "any"\n'
WRONG = ADA.replace("keywords", "keyword")


@pytest.fixture(scope="module")
def site():
    with replaying(sample_day(1)) as started:
        yield started


@pytest.fixture
def desk(tmp_path, monkeypatch, capsys, site):
    site.show(sample_day(1))
    (tmp_path / "profiles").mkdir()
    for each in desk_in(tmp_path, monkeypatch, capsys):
        each.write(MAIN.format(url=site.url))
        each.write(ADA, "profiles/ada.toml")
        each.write(BEN, "profiles/ben.toml")
        yield each


def to(desk, since: int = 0) -> list[str]:
    return sorted(str(mail["To"]) for mail in mails(desk.state)[since:])


def test_the_first_run_refuses_a_wrong_file(desk):
    desk.write(WRONG, "profiles/ada.toml")
    said = desk(*MORNING, "once")
    assert said.code == 2
    assert (
        "ada.toml: [profiles.ada] keyword: is no key of this table. Did you mean `keywords`?"
        in said.err
    )
    assert not desk.state.exists()


@pytest.mark.parametrize(
    "wrong", [WRONG, "[profiles.ada\n", ADA + ADA, ADA + "[bot]\ntitle = 'x'\n", b"# \xff\n",
              BEN, ADA + 'sources = ["nowhere"]\n'],
)  # fmt: skip
def test_a_file_that_goes_wrong_keeps_its_last_good_version(desk, site, wrong):
    assert desk(*MORNING, "once").code == 0
    assert to(desk) == ["ada@example.org", "ben@example.org"]
    path = desk.folder / "profiles" / "ada.toml"
    path.write_bytes(wrong if isinstance(wrong, bytes) else wrong.encode())
    if wrong == BEN:  # the same name twice is told of the later file
        path.rename(desk.folder / "profiles" / "zoe.toml")
        path.write_text(ADA)
    site.show(sample_day(2))
    said = desk(*NEXT, "once")
    assert said.code == 0
    assert ".toml: " in said.err
    assert to(desk, 2) == ["ada@example.org", "ben@example.org"]


def test_its_owner_is_told_everywhere_until_it_is_mended(desk):
    desk(*MORNING, "once")
    desk.write(WRONG, "profiles/ada.toml")
    words = (
        "ada.toml: [profiles.ada] keyword: is no key of this table. Did you mean `keywords`? "
        "Until it is mended, the last good version of ada.toml holds."
    )
    for command in (("collect",), ("status",)):
        said = desk(*MORNING, *command)
        assert said.code == 0
        assert words in " ".join(said.err.split())
    assert f"config {words}" in desk(*MORNING, "status").words
    assert desk(*MORNING, "status", "--json").document["configuration"] == [words]
    checked = desk(*MORNING, "check", "--offline")
    assert checked.code == 1
    assert f"FAIL configuration: {words}" in checked.words
    desk.write(ADA, "profiles/ada.toml")
    assert "ada.toml" not in desk(*MORNING, "status").words
    assert desk(*MORNING, "check", "--offline").code == 0


def test_the_last_good_version_is_the_last_one_that_was_good(desk):
    desk(*MORNING, "once")
    desk.write(ADA + 'title = "Second"\n', "profiles/ada.toml")
    desk(*MORNING, "status")
    desk.write(WRONG, "profiles/ada.toml")
    desk(*MORNING, "status")
    told = desk(*MORNING, "profiles", "list", "--json").document
    assert told[0]["title"] == "Second"


def test_a_new_file_that_is_wrong_is_left_out_and_the_others_go_on(desk, site):
    desk(*MORNING, "once")
    desk.write("[profiles.cy]\nlimit = 0\n", "profiles/cy.toml")
    site.show(sample_day(2))
    said = desk(*NEXT, "once")
    assert said.code == 0
    assert (
        "There is no good version of cy.toml: until it is mended, what it holds is left out."
        in (said.words)
    )
    assert to(desk, 2) == ["ada@example.org", "ben@example.org"]


def test_a_wrong_main_file_stops_all_and_every_mistake_is_told(desk):
    desk(*MORNING, "once")
    desk.write("include = ['profiles/*.toml']\n[bot]\ntitel = 'x'\n")
    desk.write(WRONG, "profiles/ada.toml")
    said = desk(*MORNING, "once")
    assert said.code == 2
    assert "config.toml: [bot] titel" in said.err
    assert "ada.toml: [profiles.ada] keyword" in said.err


def test_a_source_from_a_file_that_broke_is_still_known_to_the_others(desk):
    source = '[[sources]]\nname = "extra"\nkind = "feed"\nurl = "https://example.org/x"\nenabled = false\n'
    desk.write(source, "profiles/sources.toml")
    desk.write(ADA + 'sources = ["extra", "arxiv"]\n', "profiles/ada.toml")
    assert desk(*MORNING, "status").code == 0
    desk.write("[[sources\n", "profiles/sources.toml")
    said = desk(*MORNING, "status", "--json")
    assert [each["name"] for each in said.document["sources"]] == ["arxiv", "extra"]
    assert len(said.document["configuration"]) == 1


def test_a_file_that_is_deleted_takes_its_profiles_along(desk):
    desk(*MORNING, "once")
    (desk.folder / "profiles" / "ada.toml").unlink()
    said = desk(*MORNING, "status")
    assert (
        "ada is no longer in the configuration; its archive stays; subscribed: ada@" in said.words
    )


def test_files_of_one_name_are_told_apart(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "p.toml").write_text(f"[profiles.{folder}]\n")
    (tmp_path / "b" / "p.toml").write_text("[profiles.b]\nlimit = 0\n")
    (tmp_path / "config.toml").write_text('include = ["*/p.toml"]\n')
    with pytest.raises(ConfigError, match=r"^b/p.toml: \[profiles.b\] limit: should be 1 or more"):
        load_config(tmp_path / "config.toml")
    config = load_config(
        tmp_path / "config.toml", lambda _: {"b/p.toml": "[profiles.b]\nlimit = 3\n"}
    )
    assert config.profiles["b"].limit == 3
    assert config.file_of("a") == "a/p.toml"
    assert config.wrong_files == {"b/p.toml"}


def test_a_last_good_version_that_is_wrong_by_now_is_left_out(tmp_path):
    (tmp_path / "p.toml").write_text("[profiles.b]\nlimit = 0\n")
    (tmp_path / "config.toml").write_text('include = ["p.toml"]\n[profiles.own]\n')
    config = load_config(tmp_path / "config.toml", lambda _: {"p.toml": "[profiles.own]\n"})
    assert list(config.profiles) == ["own"]
    assert "There is no good version of p.toml" in config.warnings[0]


# ── Libraries ─────────────────────────────────────────────────────────────────────────────────────


def test_a_library_that_goes_missing_keeps_its_last_good_version(desk):
    desk.write("arXiv:2611.90011\n", "mine.txt")
    desk.write(ADA + 'library = "mine.txt"\n', "profiles/ada.toml")
    desk(*MORNING, "once")
    (desk.folder / "mine.txt").unlink()
    said = desk(*MORNING, "profiles", "show", "ada", "--json")
    assert said.code == 0
    likes = [i["text"] for i in said.document["interests"] if i["kind"] == "like"]
    assert likes == ["arXiv:2611.90011"]
    assert "Until it is back, its last good version holds." in said.err


@pytest.mark.parametrize(
    "written", ["", "\n\n", "\ufeffgarbage", "<html>Sign in by 9</html>", "@misc{", "[]"]
)
def test_a_library_that_names_no_paper_any_more_keeps_its_last_good_version(desk, written):
    """Whoever exports it begins with an empty file, and something reads it just then."""
    desk.write("arXiv:2611.90011\n", "mine.txt")
    desk.write(ADA + 'library = "mine.txt"\n', "profiles/ada.toml")
    desk(*MORNING, "once")
    desk.write(written, "mine.txt")
    said = desk(*MORNING, "profiles", "show", "ada", "--json")
    likes = [i["text"] for i in said.document["interests"] if i["kind"] == "like"]
    assert likes == ["arXiv:2611.90011"]
    assert "mine.txt names no paper. It may be BibTeX" in said.err
    assert "Until it is back, its last good version holds." in said.err
    assert desk(*MORNING, "check", "--offline").code == 1


def test_a_library_that_never_named_a_paper_is_a_mistake(desk):
    desk.write("", "mine.txt")
    desk.write(ADA + 'library = "mine.txt"\n', "profiles/ada.toml")
    said = desk(*MORNING, "check", "--offline")
    assert said.code == 2
    assert "mine.txt names no paper. It may be BibTeX" in said.err


def test_a_library_whose_works_have_no_number_names_them_still(desk):
    desk.write("@book{one, title={A book}}", "mine.bib")
    desk.write(ADA + 'library = "mine.bib"\n', "profiles/ada.toml")
    said = desk(*MORNING, "check", "--offline")
    assert said.code == 0
    assert "1 of 1 entries name no DOI" in said.words


def test_check_names_the_broken_entries_of_a_library(desk):
    desk.write("@article{bad, title={x}\n@misc{good, doi={10.1000/x}}\n", "mine.bib")
    desk.write(ADA + 'library = "mine.bib"\n', "profiles/ada.toml")
    said = desk(*MORNING, "check", "--offline")
    assert said.code == 0
    assert (
        'warn library: mine.bib: the entry "bad" (line 1) does not end; it was skipped'
        in said.words
    )


# ── serve ─────────────────────────────────────────────────────────────────────────────────────────


async def test_serve_goes_on_with_the_last_good_version(desk, caplog):
    config = load_config(desk.folder / "config.toml")
    with open_app(config, lambda: datetime(2026, 11, 19, 8, tzinfo=UTC)) as app:
        service = Service(app)
        await service.round()
        desk.write(WRONG, "profiles/ada.toml")
        desk.write(BEN + 'title = "Folding"\n', "profiles/ben.toml")
        await service.round()
        assert service.app.config.profiles["ben"].title == "Folding"
        assert service.app.config.profiles["ada"].keywords == ("experts",)
        assert "the last good version of ada.toml holds" in caplog.text
        desk.write(ADA + 'title = "Mended"\n', "profiles/ada.toml")
        await service.round()
        assert service.app.config.profiles["ada"].title == "Mended"
        assert service.app.config.warnings == ()
