"""A configuration that was validated before: the same as read afresh, and only while nothing changed."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path

import pytest

from bot.config import (
    Config,
    kept_config,
    laid_down,
    load_config,
    load_quickly,
    table_names,
)
from bot.config.kept import key_of
from bot.config.tables import TABLES
from bot.config.texts import read_texts
from bot.errors import ConfigError
from support_cli import Desk, desk_in

ROOT = Path(__file__).parents[1]
TEXT = """
include = ["profiles/*.toml"]
[bot]
owner = "owner@example.org"
timezone = "Europe/Berlin"
keep = "90d"
heartbeat = "env:HEARTBEAT"
[mail]
transport = "smtp"
from = '"Größe, Ada" <ada@bücher.example>'
password = "env:MAIL_PASSWORD"
bounce = "bounce+{token}@example.org"
retry = ["5m", "1h"]
[mail.dkim]
domain = "xn--bcher-kva.example"
selector = "papers"
key = "file:dkim.pem"
[inbound]
kind = "imap"
address = "papers@example.org"
host = "mail.example.org"
username = "papers"
password = "file:password"
[enrich]
semantic_scholar_token = "env:SCHOLAR"
[[sources]]
name = "arxiv"
kind = "arxiv"
categories = ["cs.CL"]
token = "env:TOKEN"
[[sources]]
name = "nature"
kind = "crossref"
issn = ["00280836"]
every = "6h"
[profiles.experts]
title = "Größe"
to = ["ada@example.org"]
keywords = ["mixture of experts^2"]
library = "refs.bib"
at = "7:30"
trending = 0.0
was = ["gates"]
"""
INCLUDED = '[profiles.proteins]\nkeywords = ["protein"]\npublic = false\n'
LIBRARY = "@article{a, title = {T}, doi = {10.1000/abc}}\n@book{b, title = {no name}}\n"


@pytest.fixture
def path(tmp_path):
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "more.toml").write_text(INCLUDED)
    (tmp_path / "refs.bib").write_text(LIBRARY)
    (tmp_path / "config.toml").write_text(TEXT)
    return tmp_path / "config.toml"


def nothing_kept(_: Path) -> None:
    return None


def taken_up(path: Path, text: str) -> Config:
    """The configuration, which has to come from the text."""

    def afresh(_: Path) -> None:
        raise AssertionError

    config = load_quickly(path, afresh, lambda _: text)
    assert laid_down(config) is None, "it was validated afresh"
    return config


def read_again(path: Path, text: str) -> Config:
    config = load_quickly(path, nothing_kept, lambda _: text)
    assert laid_down(config), "it was taken from the text"
    return config


def text_of(path: Path) -> str:
    text = laid_down(load_config(path))
    assert text
    return text


# ── The same ──────────────────────────────────────────────────────────────────────────────────────


def same(one: object, other: object) -> None:
    """Every key of every table, and all that the two say beside."""
    model = type(other)
    for key in model.model_fields:
        mine, theirs = getattr(one, key), getattr(other, key)
        assert repr(mine) == repr(theirs) or not isinstance(theirs, str | int | float | bool)
        for a, b in zip(*map(_tables, (mine, theirs)), strict=True):
            same(a, b)
        if not _tables(theirs):
            assert mine == theirs, key
            assert type(mine) is type(theirs), key
    said = {name for kind in model.__mro__ for name, v in vars(kind).items()
            if isinstance(v, property) and kind.__module__ == "bot.config.words"}  # fmt: skip
    for name in said:
        assert getattr(one, name) == getattr(other, name), name


def _tables(value: object) -> list[object]:
    inside = (
        value.values()
        if isinstance(value, dict)
        else value
        if isinstance(value, tuple)
        else [value]
    )
    return [each for each in inside if type(each).__module__.startswith("bot.config")]


def test_it_is_what_reading_afresh_gives(path):
    afresh, kept = load_config(path), taken_up(path, text_of(path))
    same(kept, afresh)
    assert kept.profiles["experts"].shelf == ("doi:10.1000/abc",)
    assert kept.good_files == {"more.toml": INCLUDED, "library refs.bib": LIBRARY}
    assert "no paper (b)" in kept.notes[0]
    assert kept.file_of("proteins") == "more.toml"
    assert kept.enrich.token("semantic-scholar") == "env:SCHOLAR"


def test_the_example_too_and_every_table_is_in_it(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text((ROOT / "config.example.toml").read_text())
    text = text_of(path)
    same(taken_up(path, text), load_config(path))
    named = set(re.findall(r'"name":"(\w+)"', text))
    assert {TABLES[table].__name__ for table in table_names()} <= named


def test_what_it_is_compared_by_is_the_same(path):
    afresh, kept = load_config(path), taken_up(path, text_of(path))
    assert kept == afresh
    assert kept.bot == afresh.bot
    assert kept.bot != afresh.mail
    assert kept == taken_up(path, text_of(path))
    assert kept.sources[0] != kept.sources[1]
    assert kept.mail.model_dump_json() == afresh.mail.model_dump_json()
    for name, profile in afresh.profiles.items():
        assert kept.profiles[name].fingerprint == profile.fingerprint
        assert kept.profiles[name].model_dump_json() == profile.model_dump_json()
    assert len({*kept.sources, *kept.sources}) == 2


def test_more_than_its_keys_is_the_validated_tables_to_give(path):
    kept = taken_up(path, text_of(path))
    profile = kept.profiles["experts"].model_copy(update={"limit": 3})
    assert (profile.limit, profile.name, profile.shelf) == (3, "experts", ("doi:10.1000/abc",))
    copy = kept.model_copy(update={"profiles": {"experts": profile}})
    assert (copy.profiles["experts"].limit, copy.path, copy.mail.port) == (3, path, 587)
    assert copy.profiles["experts"].named("gates").shelf == profile.shelf
    with pytest.raises(AttributeError, match="'SourceSettings' object has no attribute 'nonsense'"):
        _ = kept.sources[0].nonsense


def test_it_is_frozen_and_goes_to_other_processes(path):
    kept = taken_up(path, text_of(path))
    with pytest.raises(AttributeError, match="is frozen"):
        kept.bot.owner = "mallory@example.org"
    assert copy.deepcopy(kept.sources[0]) == kept.sources[0]  # by what pickling goes by


# ── Only while nothing changed ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("config.toml", TEXT + "# a word\n"),
        ("profiles/more.toml", INCLUDED + 'about = "x"\n'),
        ("profiles/another.toml", '[profiles.third]\nkeywords = ["x"]\n'),
        ("refs.bib", LIBRARY.replace("10.1000/abc", "10.1000/def")),
    ],
)
def test_every_text_counts(path, name, text):
    before = text_of(path)
    (path.parent / name).write_text(text)
    same(read_again(path, before), load_config(path))


def test_a_file_that_is_gone_is_missed(path):
    before = text_of(path)
    (path.parent / "refs.bib").unlink()
    with pytest.raises(ConfigError, match="there is no file"):
        load_quickly(path, nothing_kept, lambda _: before)


def test_a_mistake_is_told_as_ever(path):
    before = text_of(path)
    path.write_text(TEXT.replace('kind = "imap"', 'kind = "imapp"'))
    with pytest.raises(ConfigError, match="inbound"):
        load_quickly(path, nothing_kept, lambda _: before)
    path.write_text(TEXT + "]")
    with pytest.raises(ConfigError, match="is not TOML"):
        load_quickly(path, nothing_kept, lambda _: before)
    path.unlink()
    with pytest.raises(ConfigError, match="there is no such file"):
        load_quickly(path, nothing_kept, lambda _: before)


def test_the_same_texts_elsewhere_or_read_by_other_rules_count_for_nothing(
    path, tmp_path, monkeypatch
):
    text = text_of(path)
    elsewhere = tmp_path / "other.toml"
    elsewhere.write_text(TEXT)
    read_again(elsewhere, text)
    monkeypatch.setattr("bot.config.kept._rules", lambda: iter(["another version's"]))
    read_again(path, text)


def test_a_zone_that_the_machine_lost_is_told_as_ever(path, monkeypatch):
    text = text_of(path).replace("Europe/Berlin", "Mars/Olympus")
    same(read_again(path, text), load_config(path))


@pytest.mark.parametrize("broken", ["{", "[]", "{}", '"x"', "null", "cut"])
def test_what_was_kept_may_be_broken(path, broken):
    text = text_of(path)
    if broken == "cut":
        broken = json.dumps({"key": key_of(read_texts(path)), "config": {"t": {"name": "Config"}}})
    same(read_again(path, broken), load_config(path))
    assert json.loads(text)["key"] == key_of(read_texts(path))


def test_what_is_no_longer_what_its_texts_say_is_not_kept(path):
    config = load_config(path)
    assert laid_down(config.model_copy(update={"profiles": {}})) == ""
    assert laid_down(Config()) == ""
    (path.parent / "profiles" / "more.toml").write_text("[")
    assert laid_down(load_config(path, lambda _: {"more.toml": INCLUDED})) == ""


# ── Where it lies ─────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def desk(tmp_path, monkeypatch, capsys):
    yield from desk_in(tmp_path, monkeypatch, capsys)


def standing(desk: Desk, address: str = "ada@example.org") -> Path:
    desk.write(f'[[sources]]\nname = "f"\nkind = "feed"\nurl = "http://127.0.0.1:1/f"\n'
               f'[profiles.experts]\nto = ["{address}"]\nkeywords = ["x"]\n')  # fmt: skip
    assert desk("publish").code == 0
    return desk.state


def test_only_what_is_ours_alone_is_believed(desk):
    state = standing(desk)
    assert kept_config(state)
    assert (state / "config.kept").stat().st_mode & 0o777 == 0o600
    for place in (state, state / "config.kept"):
        mode = place.stat().st_mode
        place.chmod(mode | 0o020)
        assert kept_config(state) == ""
        place.chmod(mode | 0o002)
        assert kept_config(state) == ""
        place.chmod(mode)
    assert kept_config(state)


def test_what_is_anothers_is_not_believed(desk, monkeypatch):
    state = standing(desk)
    monkeypatch.setattr("os.geteuid", lambda: 12345)
    assert kept_config(state) == ""


def test_nothing_is_kept_before_there_is_a_state_folder(tmp_path):
    assert kept_config(tmp_path / "state") == ""


def test_whatever_command_comes_next_an_address_that_was_taken_out_is_gone(desk):
    state = standing(desk)
    assert "ada@example.org" in kept_config(state)
    desk.write('[profiles.experts]\nkeywords = ["x"]\n')
    assert desk("status").code == 0
    assert kept_config(state)
    assert "ada@example.org" not in kept_config(state)
    desk("subscribers", "remove", "ada@example.org", "--forget")
    for file in state.iterdir():
        assert file.is_dir() or b"ada@example.org" not in file.read_bytes(), file


def test_what_cannot_be_kept_is_read_afresh(desk):
    state = standing(desk)
    (state / "config.kept").unlink()
    (state / "config.kept").mkdir()
    assert desk("publish").code == 0
    assert kept_config(state) == ""


def test_no_secret_is_in_it(path, monkeypatch):
    monkeypatch.setenv("MAIL_PASSWORD", "hunter2")
    (path.parent / "password").write_text("swordfish")
    config = load_config(path)
    assert config.secret(config.mail.password) == "hunter2"
    assert "hunter2" not in text_of(path)
    assert "swordfish" not in text_of(path)
