"""Expressions that are compiled at their first use do what compiled ones do."""

from __future__ import annotations

import copy
import re

import pytest

from bot.patterns import pattern

TEXT = "One two, TWO three"


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("findall", (TEXT,)), ("search", (TEXT, 5)), ("match", (TEXT,)), ("fullmatch", ("two",)),
        ("split", (TEXT,)), ("sub", ("2", TEXT)), ("subn", ("2", TEXT)),
    ],
)  # fmt: skip
def test_each_method_answers_as_the_compiled_one(name, arguments):
    ours, theirs = (make(r"t(w)o", re.IGNORECASE) for make in (pattern, re.compile))
    for _ in range(2):
        answer, wanted = getattr(ours, name)(*arguments), getattr(theirs, name)(*arguments)
        if isinstance(wanted, re.Match):
            answer, wanted = (answer.span(), answer.groups()), (wanted.span(), wanted.groups())
        assert answer == wanted


def test_nothing_is_compiled_before_it_is_used():
    broken = pattern("(")
    with pytest.raises(re.error):
        broken.search("x")


def test_what_a_pattern_tells_and_what_nothing_has():
    assert pattern("a|b", re.ASCII).pattern == "a|b"
    assert [m.start() for m in pattern("o").finditer(TEXT)] == [6]
    assert copy.copy(pattern("two")).search(TEXT)
    assert pattern(rb"t(wo)").findall(TEXT.encode()) == [b"wo"]
    with pytest.raises(AttributeError):
        _ = pattern("a").nonsense
