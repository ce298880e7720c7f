"""The configuration: every key shown, every mistake told at once and in words a person can use."""

from __future__ import annotations

import os
import re
import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from bot.config import (
    WEEKDAYS,
    BotSettings,
    Config,
    Profile,
    SourceSettings,
    keys_of,
    load_config,
    normal_address,
    not_yet,
    parse_days,
    table_names,
)
from bot.errors import ConfigError

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "config.example.toml"
MISTAKES = Path(__file__).parent / "mistakes"


def written(folder: Path, text: str, name: str = "config.toml") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def told(path: Path) -> str:
    """What a person is told about that file."""
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert caught.value.exit_code == 2
    return str(caught.value)


# ── config.example.toml ───────────────────────────────────────────────────────────────────────────


def uncommented(text: str) -> str:
    """The example with what is commented out (`# key = …`, `# [[sources]]`) switched on."""
    return re.sub(r"^# (\w+ = |\[\[)", r"\1", text, flags=re.MULTILINE)


def parts(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The example's tables by the names that `table_names()` gives them."""
    found = {name: document.get(name, {}) for name in table_names() if name and "." not in name}
    found["mail.dkim"] = found["mail"].pop("dkim")
    # The first stands for all; what only another kind has stands with that one.
    found["sources"] = {k: v for source in reversed(document["sources"]) for k, v in source.items()}
    found["profiles"] = document["profiles"]["experts"]
    found[""] = document
    return found


def empty(value: object) -> bool:
    return value in ("", (), PydanticUndefined)


def as_toml(table: str, key: str, value: object) -> object:
    """A default as the model would read it from the example."""
    model: type[BaseModel] = {"bot": BotSettings, "profiles": Profile, "sources": SourceSettings}[
        table
    ]
    filled = {"name": "x", "kind": "feed"} if table == "sources" else {}
    return getattr(model.model_validate({**filled, key: value}), key)


def test_the_example_loads_as_it_stands_and_nothing_in_it_is_for_later():
    assert not_yet(load_config(EXAMPLE)) == []


def test_the_example_shows_every_key_of_every_table_and_no_other():
    shown = parts(tomllib.loads(uncommented(EXAMPLE.read_text(encoding="utf-8"))))
    for table in table_names():
        assert set(shown[table]) == set(keys_of(table)) - {"dkim"}, table


def test_the_example_shows_the_defaults_and_comments_out_what_is_empty():
    active = parts(tomllib.loads(EXAMPLE.read_text(encoding="utf-8")))
    config = load_config(EXAMPLE).model_dump(exclude={"sources", "profiles"})
    assert config == Config().model_dump(exclude={"sources", "profiles"})
    for table in set(table_names()) - {"sources", "profiles", ""}:
        hidden = set(keys_of(table)) - set(active[table]) - {"dkim"}
        assert all(empty(keys_of(table)[key]) for key in hidden), (table, hidden)


@pytest.mark.parametrize("table", ["sources", "profiles"])
def test_an_example_source_or_profile_differs_from_the_defaults_only_where_they_are_empty(table):
    active = parts(tomllib.loads(EXAMPLE.read_text(encoding="utf-8")))[table]
    for key, default in keys_of(table).items():
        if key not in active:
            assert empty(default), key
        elif not empty(default):
            given = tuple(active[key]) if isinstance(active[key], list) else active[key]
            assert as_toml(table, key, given) == default, key


def test_every_commented_example_is_valid_too(tmp_path):
    text = uncommented(EXAMPLE.read_text(encoding="utf-8"))
    # Signing is for the domain of [mail] from, which is not shown; includes and libraries need files.
    text = re.sub(
        r'^(domain = "|selector = |include = |library = |file = ).*$', "", text, flags=re.MULTILINE
    )
    config = load_config(written(tmp_path, text))
    assert config.profiles["experts"].to == ("you@example.org",)
    assert {sentence.split(": ", 1)[1][:20] for sentence in not_yet(config)} == {
        "[inbound] host, user",
    }  # fmt: skip


def test_every_line_of_the_example_that_has_a_key_fits_the_page():
    assert max(len(line) for line in EXAMPLE.read_text(encoding="utf-8").splitlines()) <= 100


# ── Mistakes that a new user makes ────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", sorted(MISTAKES.glob("*.toml")), ids=lambda path: path.stem)
def test_a_beginners_mistake_gets_the_message_that_lies_beside_it(path):
    assert told(path) + "\n" == path.with_suffix(".txt").read_text(encoding="utf-8")


def test_there_are_at_least_twenty_mistakes_and_no_orphaned_message():
    configs = {path.stem for path in MISTAKES.glob("*.toml")}
    assert len(configs) >= 20
    assert configs == {path.stem for path in MISTAKES.glob("*.txt")}


def test_no_message_repeats_itself():
    for path in MISTAKES.glob("*.toml"):
        lines = told(path).splitlines()
        assert len(lines) == len(set(lines)), path.name


@pytest.mark.parametrize(
    "line",
    ['password = "hunter2"', "password = hunter2", "password = 'hunter2", 'password = ["hunter2"]'],
)
def test_a_secret_never_reaches_a_message(tmp_path, line):
    assert "hunter2" not in told(written(tmp_path, f"[mail]\n{line}\n"))


def test_a_numeric_password_never_reaches_a_message(tmp_path):
    assert "31415926" not in told(written(tmp_path, "[mail]\npassword = 31415926\n"))


def test_taking_out_a_wrong_key_causes_no_second_mistake(tmp_path):
    text = """
[[sources]]
name = "nature"
kind = "rss"
url = "nature.com/rss"

[profiles.all-of-it]
sources = ["nature"]
"""
    lines = told(written(tmp_path, text)).splitlines()
    assert [line.split("] ")[1].split(":")[0] for line in lines] == ["kind", "url"]


def test_mistakes_that_only_the_whole_can_show_are_told_with_the_others(tmp_path):
    text = """
[profiles.one]
was = ["two", "old"]
keywords = ["a", ""]
[profiles.two]
was = ["old"]
[mail]
bounce = "bounce@example.org"
[mail.dkim]
domain = "example.org"
[fetch]
allow_private = ["10.0.0.0/99"]
[[sources]]
name = "Journal One"
kind = "feed"
url = "https://journal.example.org/rss"
categories = ["cs.LG"]
"""
    message = told(written(tmp_path, text))
    for part in (
        '[profiles.one] keywords item 2: expected a text that is not empty; got "".',
        '[profiles.one] was: "two" is a profile of its own. A former name must be free.',
        '[profiles.two] was: "old" is a former name of "one" too.',
        '[mail] bounce: has no {token}, e.g. "bounce+{token}@example.org".',
        "[mail.dkim] selector: is missing.",
        "[fetch] allow_private: '10.0.0.0/99' is no network such as \"127.0.0.1/32\"",
        '[sources "Journal One"] name: use lower-case letters, digits and hyphens.',
        '[sources "Journal One"] categories: a source of kind feed has no categories.',
    ):
        assert part in message


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("bot = 3\n", "bot: expected a table. Write [bot]."),
        ("profiles = 3\n", "profiles: expected a table. Write [profiles.NAME]."),
        ("sources = ['arxiv']\n", '[sources number 1] expected a table; got "arxiv".'),
        ("[profiles]\nx = 3\n", "[profiles.x] expected a table; got 3."),
        ("[[bot]]\ntitle = 'x'\n", "bot: expected a table. Write [bot]."),
        ("[bot]\nkeep = 3\n", "[bot] keep: expected a duration such as"),
        ("[bot]\nkeep = '9999y'\n", "[bot] keep: expected a duration of at most"),
        ('[bot]\ntitle = "a\\u0007b"\n', "[bot] title: must be one line, without control"),
        ("[mail]\nfrom = ''\n", '[mail] from: expected an address such as "Morning papers'),
        ("[profiles.x]\nat = 07:30:00\n", "got 07:30:00 (put it in quotes)."),
        ("[profiles.x]\npublic = 'no'\n", '[profiles.x] public: expected true or false; got "no".'),
        ("[profiles.x]\ntrending = true\n", "[profiles.x] trending: expected a number; got true."),
        ("[bot]\nbase_url = 'https://[::1'\n", "[bot] base_url: expected an address that begins"),
        ("[bot]\nbase_url = 'https://x.example/a b'\n", "[bot] base_url: expected an address without spaces"),
        ("[bot]\nbase_url = 'https://x.example/?a'\n", "[bot] base_url: every link begins with it"),
        ("[bot]\nbase_url = 'https://x.example/#'\n", "[bot] base_url: every link begins with it"),
        ("[bot]\nbase_url = 'https://me:pass@x.example'\n",
         'no password may be in it; got "https://…@x.example".'),
        ("[bot]\nlanguage = 'my own'\n", '[bot] language: expected a language such as "en"'),
        ("[bot]\nstate = ''\n", "[bot] state: expected a text that is not empty"),
        ("[mail]\nfrom = 'a@b.example, c@d.example'\n", "[mail] from: expected one address"),
        ("[bot]\ntimezone = 'Nowhere'\n", 'names are like "Europe/Berlin" or "UTC"'),
        ("[bto]\ntitle = 'x'\n", "bto: there is no table of this name. Did you mean [bot]?"),
        ("[weather]\ntitle = 'x'\n", "weather: there is no table of this name. config.example"),
        ("[web]\nflavour = 'x'\n", "[web] flavour: is no key of this table. config.example.toml"),
        ("title = 'x\n", "line 1 is not TOML: `title = 'x`. A quotation mark is missing."),
        ("[bot\n", "line 1 is not TOML: `[bot`. TOML's reader says:"),
        ("[bot]\ntitle = 'x'\ntitle = 'y'\n", "The same name stands above already"),
        ("[profiles.x]\nkeywords = [\n", "is not TOML"),
    ],
)  # fmt: skip
def test_each_mistake_is_told_by_table_and_key(tmp_path, text, part):
    assert part in told(written(tmp_path, text))


# ── Reading files ─────────────────────────────────────────────────────────────────────────────────


def test_an_empty_file_is_a_configuration_of_defaults(tmp_path):
    assert load_config(written(tmp_path, "")).model_dump() == Config().model_dump()


def test_a_byte_order_mark_does_no_harm(tmp_path):
    path = tmp_path / "config.toml"
    path.write_bytes(b'\xef\xbb\xbf[bot]\r\ntitle = "Morning"\r\n')
    assert load_config(path).bot.title == "Morning"


def test_a_missing_file_says_how_to_make_one(tmp_path):
    message = told(tmp_path / "nowhere.toml")
    assert "there is no such file. `paperround init" in message


def test_a_folder_is_no_configuration(tmp_path):
    assert "cannot be read" in told(tmp_path)


def test_paths_resolve_against_the_file_not_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir("/")
    config = load_config(written(tmp_path, "[bot]\nstate = 'rounds'\ntemplates = '/tpl'\n"))
    assert config.path == tmp_path / "config.toml"
    assert config.state == tmp_path / "rounds"
    assert config.templates == Path("/tpl")


def test_profiles_know_their_names_and_keep_their_order(tmp_path):
    text = "[profiles.zebra]\ntitle = 'Stripes'\n[profiles.ant]\n"
    profiles = load_config(written(tmp_path, text)).profiles
    assert [(profile.name, profile.heading) for profile in profiles.values()] == [
        ("zebra", "Stripes"),
        ("ant", "ant"),
    ]


def test_included_files_add_profiles_and_sources(tmp_path):
    written(tmp_path, "[profiles.ada]\nabout = 'engines'\n", "profiles/ada.toml")
    source = "[[sources]]\nname = 'j'\nkind = 'feed'\nurl = 'https://j.example/rss'\n"
    written(tmp_path, source + "[profiles.ben]\n", "profiles/ben.toml")
    config = load_config(written(tmp_path, "include = ['profiles/*.toml']\n[profiles.own]\n"))
    assert list(config.profiles) == ["own", "ada", "ben"]
    assert [source.name for source in config.sources] == ["j"]


def test_an_include_may_match_the_file_itself_or_nothing_and_match_twice(tmp_path):
    written(tmp_path, "[profiles.ada]\n", "ada.toml")
    text = "include = ['*.toml', 'ada.toml', 'none/*.toml']\n[profiles.own]\n"
    assert list(load_config(written(tmp_path, text)).profiles) == ["own", "ada"]


def test_an_include_may_be_absolute(tmp_path):
    other = written(tmp_path, "[profiles.ada]\n", "elsewhere/ada.toml")
    path = written(tmp_path, f"include = ['{other}']\n", "here/config.toml")
    assert list(load_config(path).profiles) == ["ada"]


def test_mistakes_name_the_included_file_they_are_in(tmp_path):
    written(tmp_path, "[profiles.ada]\nlimit = 0\n[bot]\ntitle = 'x'\n", "p/ada.toml")
    written(tmp_path, "[profiles.own]\nsources = ['arxiv']\n", "p/ben.toml")
    written(tmp_path, "[[sources]]\nkind = 'feed'\n", "p/cat.toml")
    written(tmp_path, "[profiles.All]\nsources = ['arxive']\n", "p/dan.toml")
    written(tmp_path, "profiles = 3\nsources = 'x'\n", "p/eve.toml")
    written(tmp_path, "[profiles.\n", "p/fay.toml")
    text = """
include = ["p/*.toml", "lost.toml", 3, ""]
[profiles.own]
[[sources]]
name = "arxiv"
kind = "arxiv"
categories = ["cs.CL"]
"""
    lines = told(written(tmp_path, text)).splitlines()
    for line in (
        'config.toml: include: there is no file "lost.toml".',
        "config.toml: include item 3: expected a text in quotes; got 3.",
        "ada.toml: [bot] an included file holds profiles and sources only.",
        "ada.toml: [profiles.ada] limit: should be 1 or more; got 0.",
        "ben.toml: [profiles.own] config.toml has a profile of this name already.",
        "cat.toml: [sources number 1] name: is missing. config.example.toml shows every key.",
        'dan.toml: [profiles.All] sources: there is no source "arxive". Did you mean "arxiv"?',
        "eve.toml: profiles: expected a table. Write [profiles.NAME].",
        "eve.toml: sources: every source is a table of its own. Write [[sources]], with two brackets.",
    ):
        assert line in lines
    assert any(line.startswith("fay.toml: line 1 is not TOML") for line in lines)


def test_a_wrong_table_in_the_main_file_does_not_trip_the_included_ones(tmp_path):
    written(tmp_path, "[profiles.ada]\n[[sources]]\nname = 'j'\nkind = 'feed'\n", "ada.toml")
    text = "include = ['ada.toml']\nprofiles = 3\nsources = 4\n"
    message = told(written(tmp_path, text))
    assert "profiles: expected a table" in message
    assert "sources: every source is a table" in message


# ── Secrets ───────────────────────────────────────────────────────────────────────────────────────


def test_secrets_come_from_the_environment_or_a_file_beside_the_configuration(
    tmp_path, monkeypatch
):
    config = load_config(written(tmp_path, ""))
    monkeypatch.setenv("SMTP_PASSWORD", "hunter2")
    written(tmp_path, "swordfish\n", "secret.txt")
    assert config.secret("env:SMTP_PASSWORD") == "hunter2"
    assert config.secret("file:secret.txt") == "swordfish"
    assert config.secret("") == ""


@pytest.mark.parametrize(
    ("reference", "part"),
    [
        ("env:NOT_THERE", "the environment variable NOT_THERE is not set"),
        ("file:not-there", "cannot be read"),
        ("file:.", "cannot be read"),
        ("file:binary", "cannot be read"),
    ],
)
def test_a_secret_that_cannot_be_had_says_why(tmp_path, monkeypatch, reference, part):
    monkeypatch.delenv("NOT_THERE", raising=False)
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=re.escape(part)):
        load_config(written(tmp_path, "")).secret(reference)


# ── Values ────────────────────────────────────────────────────────────────────────────────────────


@given(st.sets(st.integers(0, 6), min_size=1))
def test_days_read_back_what_was_listed(days):
    assert parse_days(", ".join(WEEKDAYS[day].title() for day in days)) == days


@given(st.integers(0, 6), st.integers(0, 6))
def test_a_range_of_days_runs_from_its_first_to_its_last_round_the_week(first, last):
    days = parse_days(f"{WEEKDAYS[first]}-{WEEKDAYS[last]}")
    assert len(days) == (last - first) % 7 + 1
    assert {first, last} <= days


@given(st.text(max_size=20))
def test_days_are_read_or_refused_in_a_sentence(value):
    try:
        days = parse_days(value)
    except ValueError:
        with pytest.raises(ValueError, match="expected days such as"):
            parse_days(value)
    else:
        assert days
        assert days <= set(range(7))


def test_daily_is_every_day():
    assert parse_days("Daily ") == set(range(7))


@given(st.integers(0, 100), st.sampled_from("mhdwy"), st.sampled_from(["", " "]))
def test_durations_are_a_number_and_a_unit(number, unit, space):
    seconds = {"m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}[unit]
    settings = BotSettings.model_validate({"keep": f"{number}{space}{unit}"})
    assert settings.keep == timedelta(seconds=number * seconds)


@given(st.text(max_size=8))
def test_no_text_makes_a_duration_that_leaves_the_calendar(value):
    try:
        keep = BotSettings.model_validate({"keep": value}).keep
    except ValueError:
        return
    assert timedelta(0) <= keep <= timedelta(days=36500)


@pytest.mark.parametrize(
    ("given_", "kept"), [("7:30", "07:30"), ("23:59", "23:59"), ("any", "any")]
)
def test_hours_are_kept_with_two_digits(given_, kept):
    assert Profile.model_validate({"at": given_}).at == kept


@pytest.mark.parametrize(
    ("written_as", "normal"),
    [
        ("Ada@Example.ORG", "Ada@example.org"),
        (" ada@bücher.example ", "ada@xn--bcher-kva.example"),
        ("ada@localhost", "ada@localhost"),
        ("ada+papers@example.org", "ada+papers@example.org"),
    ],
)
def test_addresses_have_one_normal_form(written_as, normal):
    assert normal_address(written_as) == normal


@pytest.mark.parametrize(
    "wrong",
    ["ada", "@example.org", "ada@", "ada@localhost@localhost", "ada @example.org", "@localhost",
     "ada@example.org\r\nBcc: eve@example.org", "dör@example.org", "a@b@c.org"],
)  # fmt: skip
def test_what_is_no_address_is_refused_in_a_sentence(wrong):
    with pytest.raises(ValueError, match="is no mail address"):
        normal_address(wrong)


@pytest.mark.parametrize(
    ("sender", "kept"),
    [
        ("Morning papers <papers@Example.org>", "Morning papers <papers@example.org>"),
        ('"Papers, every morning" <p@example.org>', '"Papers, every morning" <p@example.org>'),
        ("p@example.org", "p@example.org"),
        ("Zeitung für alle <p@example.org>", "Zeitung für alle <p@example.org>"),
    ],
)
def test_a_sender_keeps_its_name_and_the_quotes_that_the_name_needs(tmp_path, sender, kept):
    config = load_config(written(tmp_path, f"[mail]\nfrom = '{sender}'\n"))
    assert config.mail.sender == kept


def test_base_url_loses_its_slash_and_keeps_its_prefix(tmp_path):
    text = "[bot]\nbase_url = 'https://example.org/papers/'\n"
    assert load_config(written(tmp_path, text)).bot.base_url == "https://example.org/papers"


def test_what_this_version_does_not_do_yet_is_said(tmp_path):
    text = "[inbound]\nhost = 'imap.example.org'\n"
    sentences = not_yet(load_config(written(tmp_path, text)))
    assert len(sentences) == 1
    assert all(sentence.startswith("config.toml: [") for sentence in sentences)


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")])
def test_an_included_pipe_or_device_is_named_and_not_waited_for(tmp_path, make):
    make(tmp_path / "more.toml")
    path = written(tmp_path, 'include = ["more.toml"]\n')
    assert told(path).endswith(": is no file, but a pipe or a device.")
