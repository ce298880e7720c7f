"""Tokens: whoever has one may, whoever hasn't cannot make one up."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import tokens
from bot.tokens import Purpose

SECRET = b"a secret for tests, 32 bytes long"
ids = st.lists(st.integers(0, 2**64 - 1), max_size=5)
epochs = st.integers(0, 2**16 - 1)


purposes = st.sampled_from(Purpose)
WAYS = {
    "for the web": (tokens.make, tokens.read),
    "for mail": (tokens.make_for_mail, tokens.read_from_mail),
}
both_ways = pytest.mark.parametrize(("make", "read"), WAYS.values(), ids=WAYS)


@both_ways
@given(purposes, ids, epochs)
def test_a_token_says_what_it_was_made_of(make, read, purpose, numbers, epoch):
    token = make(SECRET, purpose, numbers, epoch)
    assert read(SECRET, purpose, token) == (tuple(numbers), epoch)


@given(ids, epochs)
def test_a_token_goes_into_an_address_as_it_is(numbers, epoch):
    token = tokens.make(SECRET, Purpose.UNSUBSCRIBE, numbers, epoch)
    assert re.fullmatch(r"[A-Za-z0-9_-]{22,}", token), "at least 128 bits (RFC 8058 §3.1)"


@both_ways
@given(ids, epochs, st.data())
def test_no_other_spelling_of_a_token_is_one(make, read, numbers, epoch, data):
    token = make(SECRET, Purpose.UNSUBSCRIBE, numbers, epoch)
    at = data.draw(st.integers(0, len(token)))
    other = data.draw(st.characters())
    for forged in (
        token[:at] + other + token[at:],
        token[:at] + other + token[at + 1 :],
        token[:at] + token[at + 1 :],
    ):
        # In mail, case does not matter; a letter that merely looks like another does.
        same = forged.lower() == token if make is tokens.make_for_mail else forged == token
        if not (same and forged.isascii()):
            assert read(SECRET, Purpose.UNSUBSCRIBE, forged) is None


@both_ways
@given(ids, epochs, st.data())
def test_a_token_with_one_bit_changed_is_none(make, read, numbers, epoch, data):
    token = make(SECRET, Purpose.FEEDBACK, numbers, epoch).encode()
    at, bit = data.draw(st.integers(0, len(token) - 1)), data.draw(st.integers(0, 7))
    changed = bytearray(token)
    changed[at] ^= 1 << bit
    forged = changed.decode("latin-1")
    if make is not tokens.make_for_mail or forged.lower().encode("latin-1") != token:
        assert read(SECRET, Purpose.FEEDBACK, forged) is None


@both_ways
@given(ids, epochs)
def test_a_token_is_worth_nothing_elsewhere(make, read, numbers, epoch):
    token = make(SECRET, Purpose.BOUNCE, numbers, epoch)
    assert read(SECRET, Purpose.UNSUBSCRIBE, token) is None
    assert read(SECRET, Purpose.FEEDBACK, token) is None
    assert read(b"another secret", Purpose.BOUNCE, token) is None


@both_ways
@given(ids, epochs, epochs)
def test_a_token_of_an_old_epoch_tells_that_it_is_old(make, read, numbers, old, new):
    token = make(SECRET, Purpose.UNSUBSCRIBE, numbers, old)
    found = read(SECRET, Purpose.UNSUBSCRIBE, token)
    assert (found is not None and found[1] == new) == (old == new)


@both_ways
@given(text=st.text() | st.text("abcdefghijklmnopqrstuvwxyz234567=-_") | st.binary().map(repr))
def test_what_is_no_token_is_nothing(make, read, text):
    for junk in (text, text * 50, "\ud800" + text):
        assert read(SECRET, Purpose.UNSUBSCRIBE, junk) is None


@both_ways
def test_what_is_far_too_long_is_not_even_looked_at(make, read):
    token = make(SECRET, Purpose.UNSUBSCRIBE, [2**64 - 1] * 200, 0)
    assert read(SECRET, Purpose.UNSUBSCRIBE, token) is None


def test_ids_cannot_be_told_otherwise_by_shifting_their_bytes():
    made = {
        tokens.make(SECRET, Purpose.UNSUBSCRIBE, numbers, epoch)
        for numbers, epoch in [([1, 2], 3), ([258], 3), ([1], 515), ([], 0), ([0], 0), ([0, 0], 0)]
    }
    assert len(made) == 6


@given(ids, epochs, st.randoms())
def test_servers_on_the_way_may_fold_the_case_of_a_token_for_mail(numbers, epoch, random):
    token = tokens.make_for_mail(SECRET, Purpose.BOUNCE, numbers, epoch)
    assert re.fullmatch(r"[a-z2-7]+", token)
    folded = "".join(random.choice((each, each.upper())) for each in token)
    for spelt in (folded, token.upper()):
        found = tokens.read_from_mail(SECRET, Purpose.BOUNCE, spelt)
        assert found == (tuple(numbers), epoch)


@given(st.integers(0, 2**40), st.integers(0, 2**40), epochs)
def test_an_envelope_sender_fits_into_a_local_part(subscriber, delivery, epoch):
    token = tokens.make_for_mail(SECRET, Purpose.BOUNCE, [subscriber, delivery], epoch)
    assert len(f"bounce+{token}") <= 64, "RFC 5321 §4.5.3.1.1"


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
