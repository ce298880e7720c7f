"""Types of values: they do all that a frozen dataclass does that anybody here relies on."""

from __future__ import annotations

import copy
import pickle
from dataclasses import dataclass, field, fields, replace

import pytest

from bot.values import value_type


@value_type(frozen=True, slots=True)
class Paper:
    title: str
    votes: int | None = None
    text: bytes = field(default=b"", repr=False)
    alike: tuple[Paper, ...] = ()
    extras: list[object] = field(default_factory=list, compare=False)


@value_type(frozen=True, slots=True)
class Name:
    value: str


@value_type(frozen=True, slots=True)
class OtherName:
    value: str


@value_type(frozen=True, slots=True)
class Nothing:
    pass


def as_dataclasses_would(kind):
    """Return the same type as `dataclasses` makes it, from its bare annotations and defaults."""
    own = {each.name: each.default for each in fields(kind) if each.name in ("votes", "alike")}
    body = {"__annotations__": dict(kind.__annotations__), "__module__": __name__, **own}
    if kind is Paper:
        body["text"] = field(default=b"", repr=False)
        body["extras"] = field(default_factory=list, compare=False)
    plain = type(kind.__name__, (), body)
    plain.__qualname__ = kind.__qualname__
    return dataclass(frozen=True, slots=True)(plain)


SAID = [
    ("Sparse experts",),
    ("Sparse experts", 3),
    ("Dense", None, b"\0"),
    ("Sparse experts", None),
]


def test_values_are_told_compared_and_hashed_as_those_of_dataclasses():
    plain = as_dataclasses_would(Paper)
    for one in SAID:
        assert repr(Paper(*one)) == repr(plain(*one))
        assert repr(Paper(*one, alike=(Paper("x"),))) == repr(plain(*one, alike=(plain("x"),)))
        assert hash(Paper(*one)) == hash(plain(*one))
        for other in SAID:
            assert (Paper(*one) == Paper(*other)) is (plain(*one) == plain(*other))
            assert (Paper(*one) != Paper(*other)) is (plain(*one) != plain(*other))
    assert Paper.__match_args__ == plain.__match_args__
    assert [each.name for each in fields(Paper)] == [each.name for each in fields(plain)]


def test_a_value_equals_none_of_another_type():
    assert Name("x") == Name("x")
    assert Name("x") != OtherName("x")
    assert Name("x") != ("x",)
    assert Name("x").__eq__("x") is NotImplemented
    assert {Name("x"), Name("x"), Name("y")} == {Name("y"), Name("x")}


def test_values_without_fields_are_all_alike():
    assert Nothing() == Nothing()
    assert {Nothing(), Nothing()} == {Nothing()}
    assert repr(Nothing()) == "Nothing()"


def test_a_value_that_is_in_itself_is_told():
    paper = Paper("Loops")
    paper.extras.append(paper)
    assert repr(paper) == "Paper(title='Loops', votes=None, alike=(), extras=[...])"


def test_values_have_slots_are_copied_changed_and_sent_to_other_processes():
    paper = Paper("Sparse experts", votes=3)
    assert not hasattr(paper, "__dict__")
    sent = pickle.loads(pickle.dumps(paper))  # noqa: S301 - our own, made in this line
    assert sent == copy.deepcopy(paper) == copy.copy(paper) == paper
    assert replace(paper, votes=4) == Paper("Sparse experts", votes=4)
    with pytest.raises(TypeError):
        Paper()
    match paper:
        case Paper(title, votes):
            assert (title, votes) == ("Sparse experts", 3)


def test_what_is_the_same_for_all_values_is_compiled_once():
    for name in ("__eq__", "__hash__", "__repr__"):
        assert getattr(Name, name).__code__ is getattr(Paper, name).__code__
    assert Name.__init__.__code__ is not Paper.__init__.__code__
