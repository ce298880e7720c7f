"""What the commands say of a paper that was withdrawn, published or given code since it was sent."""

from __future__ import annotations

import shutil

import pytest

from support_cli import NEXT, desk_in, mails, text_of, walk_a_morning
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
    site.show(sample_day(2))
    shutil.copytree(morning, tmp_path / "desk")
    yield from desk_in(tmp_path / "desk", monkeypatch, capsys)


def test_a_run_counts_what_its_editions_tell(desk):
    composed = desk(*NEXT, "once", "--json").document["composed"]
    told = next(each for each in composed if each["profile"] == "experts")
    assert {key: told[key] for key in ("news", "replaced", "withdrawn", "published", "code")} == {
        "news": 3, "replaced": 3, "withdrawn": 1, "published": 0, "code": 0,
    }  # fmt: skip


def test_a_run_says_it_in_words(desk):
    said = desk(*NEXT, "once")
    assert "news of 3 earlier papers, 1 of them withdrawn" in said.words


def test_search_and_explain_say_that_a_paper_is_withdrawn(desk):
    number = "arXiv:2611.90019"
    before = desk(*NEXT, "search", number, "--json").document[0]
    assert (before["withdrawn"], before["published"], before["code"]) == (None, False, None)
    desk(*NEXT, "collect")
    after = desk(*NEXT, "search", number, "--json").document[0]
    assert after["withdrawn"].startswith("Withdrawn by its authors, due to an error in the proof")
    assert "(withdrawn) When Two Experts" in desk(*NEXT, "search", number).words
    said = desk(*NEXT, "explain", "experts", number)
    assert "Withdrawn by its authors" in said.words
    assert "never offered as new" in said.words
    published = desk(*NEXT, "search", "arXiv:2611.90055", "--json").document[0]
    assert published["published"] is True


def test_who_puts_a_withdrawn_paper_forward_is_told_that_nobody_will_see_it(desk):
    desk(*NEXT, "collect")
    said = desk(*NEXT, "submit", "arXiv:2611.90019", "--profile", "proteins")
    assert "It is withdrawn, so no edition shows it as new." in said.words
    found = desk(*NEXT, "preview", "proteins", "--format", "text").out
    assert "When Two Experts" not in found


def test_the_next_edition_as_previewed_tells_the_news(desk):
    desk(*NEXT, "collect")
    said = desk(*NEXT, "preview", "experts", "--format", "text")
    assert "NEWS OF PAPERS YOU HAD" in said.out
    assert "! Withdrawn by its authors" in said.out
    assert said.out.count("When Two Experts Are One") == 1


def test_the_mail_of_the_second_day_tells_it_and_the_third_does_not(desk):
    desk(*NEXT, "once")
    (mail,) = (each for each in mails(desk.folder / "state") if "withdrawn" in each["Subject"])
    assert text_of(mail).count("! Withdrawn by its authors") == 1
    desk("--now", "2026-11-23T08:00Z", "once")
    told = [each for each in mails(desk.folder / "state") if "Withdrawn by" in text_of(each)]
    assert len(told) == 1
