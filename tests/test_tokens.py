"""Tokens: whoever has one may, whoever hasn't cannot make one up."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from bot import tokens
from bot.tokens import Purpose

SECRET = b"a secret for tests, 32 bytes long"
ids = st.lists(st.integers(0, 2**64 - 1), max_size=5)
epochs = st.integers(0, 2**16 - 1)


@given(ids, epochs)
def test_a_token_says_what_it_was_made_of(numbers, epoch):
    token = tokens.make(SECRET, Purpose.UNSUBSCRIBE, numbers, epoch)
    assert tokens.read(SECRET, Purpose.UNSUBSCRIBE, token) == (tuple(numbers), epoch)


@given(ids, epochs)
def test_a_token_goes_into_an_address_as_it_is(numbers, epoch):
    token = tokens.make(SECRET, Purpose.UNSUBSCRIBE, numbers, epoch)
    assert re.fullmatch(r"[A-Za-z0-9_-]{22,}", token), "at least 128 bits (RFC 8058 §3.1)"


@given(ids, epochs, st.data())
def test_no_other_spelling_of_a_token_is_one(numbers, epoch, data):
    token = tokens.make(SECRET, Purpose.UNSUBSCRIBE, numbers, epoch)
    at = data.draw(st.integers(0, len(token)))
    other = data.draw(st.characters())
    for forged in (
        token[:at] + other + token[at:],
        token[:at] + other + token[at + 1 :],
        token[:at] + token[at + 1 :],
    ):
        if forged != token:
            assert tokens.read(SECRET, Purpose.UNSUBSCRIBE, forged) is None


@given(st.text())
def test_what_is_no_token_is_nothing(text):
    assert tokens.read(SECRET, Purpose.UNSUBSCRIBE, text) is None


def test_another_secret_makes_another_token():
    token = tokens.make(b"another", Purpose.UNSUBSCRIBE, [1], 0)
    assert tokens.read(SECRET, Purpose.UNSUBSCRIBE, token) is None


def test_ids_cannot_be_told_otherwise_by_shifting_their_bytes():
    made = {
        tokens.make(SECRET, Purpose.UNSUBSCRIBE, numbers, epoch)
        for numbers, epoch in [([1, 2], 3), ([258], 3), ([1], 515), ([], 0), ([0], 0), ([0, 0], 0)]
    }
    assert len(made) == 6


# ── Keys and names ────────────────────────────────────────────────────────────────────────────────


@given(st.emails())
def test_a_suppressed_address_is_recognised_whatever_its_case_and_cannot_be_read(address):
    key = tokens.suppression_key(SECRET, address)
    assert key == tokens.suppression_key(SECRET, address.upper().lower())
    assert address not in key
    assert key != tokens.suppression_key(b"another", address)


slots = st.sets(
    st.tuples(st.integers(1, 2**31), st.dates().map(lambda day: day.isoformat())), min_size=1
)


@given(slots, st.randoms())
def test_the_message_id_is_the_slots_own_whatever_their_order(slots, random):
    shuffled = list(slots)
    random.shuffle(shuffled)
    message_id = tokens.message_id(SECRET, sorted(slots), "example.org")
    assert message_id == tokens.message_id(SECRET, shuffled, "example.org")
    assert re.fullmatch(r"<[0-9a-f]{32}@example\.org>", message_id)


@given(slots, slots)
def test_other_slots_have_another_message_id(one, other):
    same = tokens.message_id(SECRET, list(one), "x") == tokens.message_id(SECRET, list(other), "x")
    assert same == (one == other)
