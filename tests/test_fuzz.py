"""No document whatever crashes a parser, hangs it, or brings what cannot be stored.

CI tries the same documents each time, so that it fails for a change and never for a fast machine;
`make fuzz SECONDS=3600` tries for longer, `SEED=…` others. A failure names its case, and
`make fuzz CASE=kind/seed/number` tries that one alone.
"""

from __future__ import annotations

import json
import os
import time
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support_fuzz import check, document, readers, seeds, setting

READERS = readers()
ALWAYS = 15  # cases of each kind in the fast suite
OFTEN = 1000  # in the long one: about a minute in all

words = st.text(max_size=20) | st.sampled_from(
    [
        "2611.00001",
        "10.1000/x",
        "https://j.example/1",
        "ok",
        "2026-11-20",
        "NA",
        "<b>x</b>",
        "\ud800",
    ]
)
# The fields that any of the kinds reads, so that what is drawn gets past the first look.
fields = st.sampled_from(
    "id title authors name paper summary upvotes numComments publishedAt messages status collection "
    "doi date version abstract published category total items url content_html tags attachments "
    "date_published hidden author mime_type summary external_url".split()
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(fields, inner, max_size=6),
    max_leaves=25,
)
version = st.just("https://jsonfeed.org/version/1.1")
shapes = (
    values
    | st.lists(st.fixed_dictionaries({"paper": values}), max_size=3)
    | st.fixed_dictionaries({"messages": values, "collection": st.lists(values, max_size=3)})
    | st.fixed_dictionaries({"version": version, "items": st.lists(values, max_size=3)})
)
markup = st.lists(
    st.sampled_from(
        "<rss> <channel> <item> </item> <entry> </entry> <feed> <title> </title> <link> </link> <guid> "
        "</guid> <![CDATA[ ]]> <description> </description> & &amp; &#0; <a> 2611.00001 <!-- --> "
        "<pubDate> </pubDate> <author> </author> <rdf:RDF> <x:y <dc:date>".split()
    )
    | words,
    max_size=40,
).map("".join)


@pytest.mark.parametrize("kind", READERS)
@given(shapes.map(json.dumps) | markup)
def test_whatever_is_sent_is_read_or_refused_in_a_sentence(kind, body):
    check(READERS[kind], body.encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize("kind", READERS)
def test_every_kind_reads_some_of_its_seeds_whole(kind):
    read = 0
    for body in seeds("feed" if kind == "parse_feed" else kind)[:20]:
        check(READERS[kind], body)
        read += 1
    assert read


def cases(kind: str, most: int, seconds: float) -> int:
    """Try cases of a kind until there were `most` or the time is over; return how many."""
    seed, tried, end = setting("SEED", 0), 0, time.monotonic() + seconds
    of_kind = "feed" if kind == "parse_feed" else kind
    for number in count():
        if number >= most or time.monotonic() > end:
            return tried
        one(kind, of_kind, seed, number)
        tried += 1
    return tried


def one(kind: str, of_kind: str, seed: int, number: int) -> None:
    body = document(of_kind, seed, number)
    try:
        check(READERS[kind], body)
    except Exception as error:
        name = f"{kind}/{seed}/{number}"
        error.add_note(f"make fuzz CASE='{name}' tries this document again: {body[:300]!r}")
        raise


@pytest.mark.parametrize("kind", READERS)
def test_a_few_mutated_documents_of_each_kind_are_read_or_refused(kind):
    assert cases(kind, ALWAYS, 60) > 0


@pytest.mark.long
@pytest.mark.parametrize("kind", READERS)
def test_many_mutated_documents_are_read_or_refused(kind):
    if case := os.environ.get("PAPERROUND_FUZZ_CASE"):
        named, seed, number = case.rsplit("/", 2)
        if named == kind:
            one(kind, "feed" if kind == "parse_feed" else kind, int(seed), int(number))
        return
    seconds = setting("SECONDS", 0)
    tried = cases(kind, 10**9, seconds / len(READERS)) if seconds else cases(kind, OFTEN, 600)
    print(f"{kind}: {tried} documents")
