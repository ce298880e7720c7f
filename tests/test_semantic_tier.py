"""The semantic tier as its user meets it: the real model, then without it, then broken."""

from __future__ import annotations

import pytest

from bot.store import Store
from support_cli import CONFIG, MORNING, NEXT, desk_in, mails
from support_replay import replaying, sample_day

pytestmark = pytest.mark.long


@pytest.fixture
def desk(tmp_path, monkeypatch, capsys):
    with replaying(sample_day(1)) as site:
        (tmp_path / "config.toml").write_text(CONFIG.format(url=site.url), encoding="utf-8")
        yield from desk_in(tmp_path, monkeypatch, capsys)


def rankers(desk) -> list[str]:
    with Store(desk.state / "paperround.db") as store:
        return [edition.ranker for edition in store.editions("experts")[::-1]]


def tell(desk, table: str) -> None:
    desk.write((desk.folder / "config.toml").read_text() + table)


def test_meaning_ranks_one_day_and_words_the_next_where_it_was_uninstalled(
    desk, monkeypatch, meaning_ranks
):
    assert desk(*MORNING, "once").code == 0
    assert rankers(desk) == ["semantic-4 all-MiniLM-L6-v2 int8/128"]
    status = desk(*MORNING, "status", "--json").document["ranking"]
    assert (status["tier"], status["papers"] > 0) == ("semantic", True)
    checked = desk(*MORNING, "check", "--offline").words
    assert "semantic tier: meaning ranks beside words: all-MiniLM-L6-v2 int8/128" in checked
    explained = desk(*MORNING, "explain", "experts", "arXiv:2611.90011").out
    assert "meaning" in explained
    monkeypatch.setattr("bot.embed.model_of_package", lambda: None)
    said = desk(*NEXT, "compose", "--force", "experts")
    assert said.code == 0
    assert rankers(desk)[1:] == ["light-4"]
    assert "ranking not installed: words rank." in desk(*NEXT, "status").words
    assert desk(*NEXT, "deliver").code == 0
    assert mails(desk.state)


def test_a_broken_model_file_leaves_the_digest_to_words_and_check_fails(desk):
    (desk.folder / "own.onnx").write_bytes(b"no model at all")
    tell(desk, '\n[semantic]\nfile = "own.onnx"\n')
    said = desk(*MORNING, "once")
    assert said.code == 0
    assert said.err.count("Ranked by words") == 1
    assert rankers(desk) == ["light-4"]
    assert len(mails(desk.state)) == 2
    checked = desk(*MORNING, "check", "--offline")
    assert checked.code == 1
    assert "words rank alone:" in checked.words


def test_a_service_that_is_down_leaves_the_digest_to_words(desk):
    tell(desk, '\n[semantic]\nurl = "http://127.0.0.1:9/v1"\nmodel = "words"\n')
    said = desk(*MORNING, "once")
    assert said.code == 0
    assert said.err.count("Ranked by words") == 1
    assert rankers(desk) == ["light-4"]
    assert len(mails(desk.state)) == 2


def test_off_is_off(desk, meaning_ranks):
    tell(desk, '\n[semantic]\nuse = "off"\n')
    assert desk(*MORNING, "once").code == 0
    assert rankers(desk) == ["light-4"]
    assert "ranking off: words rank." in desk(*MORNING, "status").words
