"""Where sentences end, in abstracts as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.text.sentences import sentence_ends, sentences


@pytest.mark.parametrize(
    "whole",
    [
        "As Smith et al. (2020) showed, it holds.",
        "We follow Vaswani et al. Transformer layers are kept.",
        "Many tasks, e.g. Question answering, gain.",
        "It is stable, i.e. No restart is needed.",
        "See Fig. 3 and Eq. (4) in Sec. B for more.",
        "It gains 0.5 points at p < 0.05 vs. GPT-4.",
        "A result of J. R. Smith and D. Knuth is used.",
        "We compare approx. 40 models w.r.t. Accuracy alone.",
        "It grows ... and then it stops.",
        "With $f(x) = 1. Then$ nothing is cut.",
        "The species Harmonia sp. No. 7 is rare.",
        "It reached 64.868% of version 2.0 at arxiv.org today.",
        "Dr. Müller wrote it.",
    ],
)
def test_an_abbreviation_a_number_or_a_formula_ends_no_sentence(whole):
    assert sentences(whole) == [whole]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("It is slow. We make it fast.", "It is slow."),
        ("Is it slow? Yes! We know.", "Is it slow?"),
        ("It is new (and “fast.”) We show it.", "It is new (and “fast.”)"),
        ("This follows Vaswani et al. We add more.", "This follows Vaswani et al."),
        ("It is used in the U.S. The rest follows.", "It is used in the U.S."),
        ("It stops... Then it goes on.", "It stops..."),
        ("It costs $5. $x$ is free.", "It costs $5. $x$ is free."),
        ("We pass 3 tests. $n$ is large.", "We pass 3 tests."),
        ("我们提出新方法。它更快。", "我们提出新方法。"),
    ],
)
def test_a_sentence_ends_at_its_mark(text, first):
    assert sentences(text)[0] == first


@given(st.text(st.sampled_from("ab .!?$()AB\n“”…e.g")))
def test_nothing_is_lost_and_nothing_is_empty(text):
    parts = sentences(text)
    assert "".join("".join(parts).split()) == "".join(text.split())
    assert all(part.strip() == part != "" for part in parts)


@given(st.text(), st.integers(0, 50))
def test_a_limit_only_looks_less_far(text, limit):
    assert sentence_ends(text, limit) == [end for end in sentence_ends(text) if end <= limit]
