"""A paper as BibTeX: what our own reader, and so a reference manager, reads back."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.config.bibtex import read_bibtex
from bot.models import Event, Identifier, Scheme
from bot.outputs.bibtex import bibtex
from bot.outputs.calendars import month_of_editions
from bot.outputs.curves import vote_curve
from bot.ports import Seen
from outputs_samples import BOUND, COLLABORATION, JOURNAL, ROUTER


def read(paper):
    found = read_bibtex(bibtex(paper))
    assert found.problems == []
    (entry,) = found.entries
    return entry


def test_a_preprint_is_told_as_arxiv_wants_it():
    entry = read(ROUTER)
    assert entry.key == "thistlewood2026quiet"
    assert entry.fields["author"].split(" and ")[2:] == ["Léa d'Aubépine", "Priya Raghunathan-Moss"]
    assert entry.fields["eprint"] == "2611.90001"
    assert entry.fields["archiveprefix"] == "arXiv"
    assert entry.fields["primaryclass"] == "cs.LG"
    assert entry.fields["year"] == "2026"
    assert bibtex(ROUTER).startswith("@misc{")


def test_what_a_journal_published_is_an_article():
    entry = read(JOURNAL)
    assert bibtex(JOURNAL).startswith("@article{")
    assert entry.fields["journal"] == "Journal of Invented Results"
    assert entry.fields["doi"] == "10.99999/inv-026-00042-x"
    assert "eprint" not in entry.fields


def test_formulas_and_crowds_are_readable():
    assert (
        read(BOUND).fields["title"] == r"{An O(√n) Lower Bound for Top-k Gating with k<n Experts}"
    )
    assert read(COLLABORATION).fields["author"].endswith(" and others")


HOSTILE = st.text(alphabet=st.sampled_from('{}\\"@%,=#~^_&$\n\u202e aé'), max_size=30)


@given(HOSTILE, HOSTILE, HOSTILE)
def test_whatever_a_paper_holds_it_is_one_whole_entry(title, author, venue):
    names = frozenset({Identifier(Scheme.DOI, f"10.1/{venue}"), Identifier(Scheme.ARXIV, title)})
    paper = replace(
        ROUTER, title=title, authors=(author, "Ada and Bob"), venue=venue, identifiers=names,
        key=None, categories=(author,),
    )  # fmt: skip
    text = bibtex(paper)
    assert text.count("{") == text.count("}")
    assert "\u202e" not in text
    entry = read(paper)
    assert entry.fields["author"].endswith("{Ada and Bob}")


# ── Months ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("first", [date(2026, month, 1) for month in range(1, 13)])
def test_a_month_has_each_of_its_days_once_under_its_weekday(first):
    last = (first + timedelta(days=32)).replace(day=1) - timedelta(days=1)
    shown = month_of_editions(first, [last], "")
    numbers = [day.number for week in shown.weeks for day in week if day.number]
    assert numbers == [str(n) for n in range(1, last.day + 1)]
    assert shown.weeks[0][first.weekday()].number == "1"
    assert shown.weeks[-1][last.weekday()].href == f"{last.isoformat()}/index.html"


def test_the_calendars_first_and_last_months_are_no_trouble():
    for day in (date.min, date.max):
        assert month_of_editions(day, [day], "../", today=day).earlier.href == ""


# ── Votes as a line ───────────────────────────────────────────────────────────────────────────────


def seen(day, votes):
    return Seen("hf", Event.SEEN, date(2026, 11, day), votes)


def test_the_line_goes_from_the_first_day_to_the_last_and_never_leaves_its_field():
    curve = vote_curve([seen(1, 0), seen(2, 10), seen(11, 5)])
    assert curve.line == "4.0,60.0 35.2,4.0 316.0,32.0"
    assert curve.area == f"4,60 {curve.line} 316.0,60"
    assert curve.label == "From 0 on 1 November 2026 to 5 votes on 11 November 2026"


def test_one_day_is_no_line_and_no_votes_are_a_flat_one():
    assert vote_curve([seen(1, 3)]).line == ""
    assert vote_curve([]).line == ""
    assert vote_curve([seen(1, 0), seen(2, None)]).line == "4.0,60.0 316.0,60.0"
