"""What an edited configuration changes, in lines for the log."""

from __future__ import annotations

import pytest

from bot.cli.edits import edits
from bot.config import load_config

CONFIG = """
[bot]
title = "Morning papers"
contact = "ada@example.org"
keep = "2y"
[mail]
from = "Papers <papers@example.org>"
password = "env:OLD"
grace = "12h"
[mail.dkim]
domain = "example.org"
selector = "papers"
[[sources]]
name = "journal"
kind = "feed"
url = "https://journal.test/feed?key=s3cret"
[profiles.experts]
to = ["ada@example.org"]
keywords = ["mixture of experts", "routing"]
limit = 15
"""


@pytest.fixture
def changed(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text(CONFIG)
    old = load_config(path)

    def lines(*replaced, add=""):
        text = CONFIG
        for before, after in replaced:
            assert before in text
            text = text.replace(before, after)
        path.write_text(text + add)
        return edits(old, load_config(path))

    return lines


def test_nothing_changed_is_nothing_to_tell(changed):
    assert changed() == []


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        ('"Morning papers"', '"Evening"', '[bot] title: "Morning papers" → "Evening"'),
        ('"2y"', '"30d"', "[bot] keep: 2y → 30d"),
        ('"12h"', '"90m"', "[mail] grace: 12h → 90m"),
        ('selector = "papers"', 'selector = "new"', '[mail.dkim] selector: "papers" → "new"'),
        ("limit = 15", "limit = 9", "profile experts: limit: 15 → 9"),
        ("limit = 15", "public = false", "profile experts: public: true → false"),
        ('"routing"]', '"gating"]', 'profile experts: keywords: added "gating"; removed "routing"'),
        (
            '["mixture of experts", "routing"]', '["routing", "mixture of experts"]',
            "profile experts: keywords: in another order",
        ),
    ],
)  # fmt: skip
def test_a_key_is_told_from_what_to_what(changed, before, after, line):
    assert line in changed((before, after))


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        ("env:OLD", "env:NEW", "[mail] password changed"),
        ("ada@example.org", "eve@example.org", "[bot] contact changed"),
        ("papers@example.org", "other@example.org", "[mail] from changed"),
        ('to = ["ada@example.org"]', 'to = ["eve@example.org"]', "profile experts: to changed"),
        ("key=s3cret", "key=0ther", "source journal: url changed"),
    ],
)
def test_secrets_and_addresses_are_not_shown(changed, before, after, line):
    lines = changed((before, after))
    assert line in lines
    assert not any(word in " ".join(lines) for word in ("OLD", "NEW", "@", "s3cret", "0ther"))


def test_sources_and_profiles_come_and_go_by_name(changed):
    lines = changed(
        ('name = "journal"', 'name = "magazine"'), ("[profiles.experts]", "[profiles.others]")
    )
    assert lines == [
        "source magazine: added", "source journal: removed",
        "profile others: added", "profile experts: removed",
    ]  # fmt: skip


def test_papers_that_come_into_a_library_are_told(changed, tmp_path):
    (tmp_path / "mine.bib").write_text("@misc{a, doi={10.1000/x}}")
    lines = changed(add='library = "mine.bib"\n')
    assert 'profile experts: library: "" → "mine.bib"' in lines
    assert any(line.startswith("profile experts: papers of its library: added") for line in lines)


def test_a_flood_is_bounded(changed):
    many = "".join(f'[profiles.p{n}]\nkeywords = ["k"]\n' for n in range(200))
    lines = changed(add=many)
    assert len(lines) == 51
    assert lines[-1] == "and 150 more changes"
    long = changed(('"Morning papers"', f'"{"x" * 300}"'))
    assert all(len(line) < 300 for line in long)
