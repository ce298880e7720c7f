"""The one or two sentences that say what is new."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.ranking import cues
from bot.ranking.key_sentence import key_sentences

BACKGROUND = "Transformers have become the standard in language modelling over the past years."
PROBLEM = "However, their cost remains a challenge for most laboratories."
NEW = "In this paper, we propose Sparrow, a sparse attention layer that reads long texts."
PART = "Furthermore, we propose a new loss that keeps its weights small."
RESULT = "Experiments show that Sparrow outperforms dense layers by 12% at a third of their cost."
CODE = "We release our code at https://example.org/sparrow."
ABSTRACT = f"{BACKGROUND} {PROBLEM} {NEW} {PART} {RESULT} {CODE}"


def test_one_sentence_says_what_is_new():
    assert key_sentences(ABSTRACT, 240, most=1) == (
        "We propose Sparrow, a sparse attention layer that reads long texts."
    )


def test_a_second_says_what_came_of_it():
    assert key_sentences(ABSTRACT, 300) == (
        "We propose Sparrow, a sparse attention layer that reads long texts. " + RESULT
    )


def test_sentences_stand_in_the_abstracts_order():
    turned = f"{BACKGROUND} {RESULT} {PROBLEM} {NEW} {CODE}"
    assert key_sentences(turned, 300) == f"{RESULT} {NEW}"


@pytest.mark.parametrize("whole", ["", "Short.", f"{BACKGROUND} {NEW}"])
def test_an_abstract_that_fits_is_shown_whole(whole):
    assert key_sentences(whole, 420) == whole


def test_a_sentence_that_is_too_long_is_shortened_rather_than_another_taken():
    long = (
        "We propose " + "a careful and patient " * 20 + "method. It works well for all of us here."
    )
    told = key_sentences(long, 100)
    assert told.startswith("We propose a careful")
    assert told.endswith("…")
    assert len(told) <= 100


@pytest.mark.parametrize(
    "sentence",
    [
        "Here we show that the protein folds in two steps.",
        "We report the structure of the channel in an open conformation.",
        "This study examines how families choose names for their children.",
        "A new lower bound is proved for sorting with few comparisons.",
        "Conclusions: These findings suggest that walking protects the heart.",
        "Our results demonstrate that the gene controls flowering in spring.",
    ],
)
def test_other_fields_say_it_in_their_own_words(sentence):
    others = [
        "Hearts, proteins and families have been studied for a long time by many people.",
        "Data were collected in three towns and analysed with standard software.",
    ]
    told = key_sentences(" ".join([*others, sentence, others[1]]), 90, most=1)
    assert told.split()[-3:] == sentence.split()[-3:]


def test_earlier_work_of_the_same_authors_is_no_news():
    text = (
        "Previously, we proposed a model of the tides in a closed basin with one opening. "
        "Here, we compare it with five years of measurements in the field and in the laboratory."
    )
    assert key_sentences(text, 120).startswith("Here, we compare") or key_sentences(
        text, 120
    ).startswith("We compare")


def test_what_a_feed_puts_before_an_abstract_is_left_out():
    text = f"Authors: A. Person, B. Person Journal: Annals Abstract: {NEW} {BACKGROUND} {PROBLEM}"
    assert key_sentences(text, 100, most=1).startswith("We propose Sparrow")


def test_tex_is_read():
    told = key_sentences(
        f"{BACKGROUND} We prove a bound of $\\mathcal{{O}}(n^2)$ for it. {PROBLEM}", 80
    )
    assert told == "We prove a bound of O(n²) for it."


def test_a_script_without_spaces_is_no_trouble():
    told = key_sentences("深度学习很流行。我们提出一种新的方法。它更快。" * 4, 30)
    assert 0 < len(told) <= 30


@given(st.text(max_size=400), st.integers(1, 300), st.integers(1, 2))
def test_it_is_one_line_within_its_limit_and_always_the_same(abstract, limit, most):
    told = key_sentences(abstract, limit, most)
    assert len(told) <= limit
    assert told.splitlines() in ([], [told])
    assert told == key_sentences(abstract, limit, most)


@given(st.lists(st.sampled_from([BACKGROUND, PROBLEM, NEW, PART, RESULT, CODE]), max_size=8))
def test_what_is_told_stands_in_the_abstract(parts):
    told = key_sentences(" ".join(parts), 2000)
    assert told.removeprefix("We") in " ".join(parts)


def test_without_a_word_of_what_is_new_it_is_told_from_the_first_we_on():
    told = (
        "Much of what science knows is in tables that search engines cannot see. "
        "We collect 3.3 million tables from open papers, with 1,150 questions whose answers are cells. "
        "Recall at 10 is 0.78 on them. Half of the remaining errors are units."
    )
    assert key_sentences(told, 140).startswith("We collect")
    assert key_sentences(told, 140).endswith("0.78 on them.")
    assert key_sentences(told, 140, most=1).endswith("are cells.")
    assert key_sentences(told.replace("We collect", "There are"), 180).startswith("Much of what")


@pytest.mark.parametrize(
    ("words", "parts"),
    [told[1:] for told in cues._FOR + cues._AGAINST if len(told) > 2],  # noqa: SLF001
)
@given(st.data())
def test_what_a_cue_finds_has_one_of_its_parts(words, parts, data):
    """It is not even looked for where none of them stands."""
    ascii_letters = st.characters(codec="ascii")
    cue = re.compile(words, re.IGNORECASE)
    sentence = data.draw(st.from_regex(cue, alphabet=ascii_letters))
    assert any(part in sentence.lower() for part in parts)
