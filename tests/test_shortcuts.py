"""Each short way for the usual case gives what the long way gives: texts, names, addresses."""

from __future__ import annotations

import re
from unittest.mock import patch

from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.identity import from_url
from bot.sources.entries import web_address
from bot.sources.names import split_any
from bot.text import inert, one_line, plain

NEVER = re.compile(r"(?!)")
MARKUP = (
    "<p> </p> <i> </i> <sub> </sub> <jats:p> </jats:p> &amp; &lt; &#233; &notit; &amp;lt; &#0; &#128; &nbsp; "
    "& < > a <br/> <p &#x1F; &#xD800; &#12 &copy &ltx <em> </em> ' \" <script> </script> </b> é"
)
SPACED = [
    " ",
    "\n",
    "\n\n",
    "\r",
    "\x00",
    "\x0b",
    "\x0c",
    "\x85",
    "\xa0",
    "\u2028",
    "\u200b",
    "1 < 2",
]
PIECES = st.sampled_from([*MARKUP.split(), *SPACED])
FRAGMENTS = st.one_of(st.text(), st.lists(PIECES, max_size=14).map("".join))
SPACES = re.compile(r"\s+")


CONTROLS = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]"
)
SURROGATES = re.compile(r"[\ud800-\udfff\ufffe\uffff]")


@given(st.one_of(FRAGMENTS, st.text(st.characters())))
def test_tidy_text_is_what_cleaning_makes_of_it(value):
    lines = value.replace("\r\n", "\n").replace("\r", "\n")
    assert inert(value) == SURROGATES.sub("\ufffd", CONTROLS.sub("", lines))
    assert one_line(value) == SPACES.sub(" ", inert(value.replace("\r", "\n"))).strip()


@given(FRAGMENTS)
def test_a_paragraph_ends_at_a_blank_line_and_nowhere_else(value):
    parts = (SPACES.sub(" ", part).strip() for part in re.split(r"\s*\n\s*\n\s*", inert(value)))
    if "<" not in value and "&" not in value:
        assert plain(value) == "\n\n".join(part for part in parts if part)


@settings(max_examples=500, deadline=None)
@given(FRAGMENTS)
@example("<p>a</p><script>alert(1)</script><p>b")
@example("<p>&lt;script&gt;</p>")
def test_simple_markup_is_made_plain_as_the_html_parser_makes_it(fragment):
    short = plain(fragment)
    with patch("bot.text._is_simple", lambda _: False):
        assert short == plain(fragment)


WORDS = st.sampled_from(
    "Ada Example and And for the For on behalf of et al. others Jr. III O'Neil van der A. B J.-P. "
    "Müller , ; & ( ) @ Lab".split()
)  # fmt: skip


NAMES = st.one_of(st.text(max_size=30), st.lists(WORDS, max_size=5).map(" ".join))


@given(st.one_of(NAMES, st.lists(NAMES, max_size=5).map(", ".join)))
@example("Ada Example, J. K.")
@example("de Vries, J. K., Ada Example, Ada A. Example")
@example("Ada Example, Bo Example, Jr. III")
def test_one_name_or_a_list_of_such_is_what_splitting_gives(value):
    short = split_any(value)
    with (
        patch("bot.sources.names._ONE_NAME", NEVER),
        patch("bot.sources.names._LONGEST_REMEMBERED", -1),
    ):
        assert short == split_any(value)


PATHS = st.lists(
    st.sampled_from(["/", "a", "B", ".", "..", "%41", "%2f", "é", "?", "=", "&", "#", "1", ";", ":", "@", "~",
                     " ", "v2", "10.1234/x", "abs/2401.06066v2", "index.html", "utm_source=x", "id=3"]),
    max_size=8,
).map("".join)  # fmt: skip
ADDRESSES = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["http://", "https://", "HTTP://", "ftp://", "//", "https:"]),
    st.sampled_from(["example.org", "Example.ORG", "www.x.org", "arxiv.org", "doi.org", "-", "a..b", "[::1]",
                     "user@example.org", "nature.com", "xn--a.org", "ex_ample.org", ""]),
    st.sampled_from(["", ":80", ":8080", ":99999", ":x", ":"]),
    PATHS,
)  # fmt: skip


@settings(max_examples=600, deadline=None)
@given(ADDRESSES, st.sampled_from(["", "https://example.org/feed", "http://other.org"]))
def test_a_usual_address_is_what_joining_gives(value, base):
    short = web_address(value, base)
    with patch("bot.sources.entries._PLAIN_ADDRESS", NEVER):
        assert short == web_address(value, base)


@settings(max_examples=600, deadline=None)
@given(ADDRESSES)
def test_a_usual_address_names_what_taking_it_apart_names(value):
    short = from_url(value)
    with patch("bot.identity._USUAL_ADDRESS", NEVER), patch("bot.identity._QUOTED", NEVER):
        assert short == from_url(value)
