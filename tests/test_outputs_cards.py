"""How a paper reads: title, authors, lead, reasons, links."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.models import (
    Identifier,
    InterestKind,
    Link,
    Paper,
    Pick,
    Rel,
    Role,
    Scheme,
    SourceNote,
    Stamp,
    Weather,
)
from bot.outputs.cards import (
    LEAD_LIMIT,
    Section,
    authors_line,
    count_text,
    lead,
    legible,
    paper_card,
    reason_text,
    reasons_in_words,
    section_cards,
    title_of,
)
from bot.outputs.health import health_lines, latest_notes
from bot.outputs.links import key_of, title_href
from bot.outputs.wording import counted, day_near, listed, long_day, short_day
from bot.text import one_line, readable
from outputs_samples import (
    BOUND,
    COLLABORATION,
    EXPERTS,
    JOURNAL,
    OCTOBER,
    PICKS,
    PROTEINS,
    REPLACED,
    ROUTER,
    TODAY,
    arxiv_paper,
    reason,
    section,
)


def card(paper, pick=None, **fields):
    return paper_card(paper, pick, today=TODAY, **fields)


# ── Words ─────────────────────────────────────────────────────────────────────────────────────────


def test_dates_are_written_in_english_whatever_the_locale():
    assert long_day(date(2026, 11, 20)) == "Friday 20 November 2026"
    assert short_day(date(2026, 11, 1)) == "Sun 1 Nov"
    assert day_near(date(2026, 1, 2), TODAY) == "2 January"
    assert day_near(date(2025, 1, 2), TODAY) == "2 January 2025"


def test_counts_and_lists_read_as_people_write_them():
    assert [counted(n, "paper") for n in (0, 1, 2997)] == ["0 papers", "1 paper", "2,997 papers"]
    assert [listed(names) for names in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]
    assert count_text(7, 312, 2) == "7 new papers from 312 considered, news of 2 earlier papers"
    assert count_text(0, 0, 1, 1) == "0 new papers, news of 1 earlier paper, withdrawn"
    assert count_text(1, 0, 3, 1) == "1 new paper, news of 3 earlier papers, 1 of them withdrawn"


@given(st.text(alphabet="aZ9 é.,:;()/&?!-_'^{}$~`\\\n\u200b漢", max_size=30) | st.text(max_size=60))
def test_what_needs_no_reading_reads_as_it_would_if_it_were_read(value):
    assert legible(value) == one_line(readable(one_line(value)))


# ── A paper ───────────────────────────────────────────────────────────────────────────────────────


def test_tex_becomes_readable_in_title_authors_and_lead():
    shown = card(BOUND)
    assert shown.title == "An O(√n) Lower Bound for Top-k Gating with k<n Experts"
    assert shown.authors == "André Kowalczyk, Mei-Ling Zhão"
    assert "α-Lipschitz" in shown.lead


def test_many_authors_become_six_and_a_count():
    assert authors_line(["A", "B", "C", "D", "E", "F", "G", "H"]) == "A, B, C, D, E, F, G, H"
    assert card(COLLABORATION).authors == (
        "Wilhelmina Ostrander, Tomás Iglesia, R. Okonkwo, S. Lindqvist, H. Abe, N. Petrosyan"
        " … and 2,994 more"
    )


def test_a_title_is_never_empty_and_never_endless():
    assert title_of(Paper(title=" \n ", identifiers=frozenset())) == "Untitled"
    assert title_of(Paper(title="0", identifiers=frozenset())) == "0"
    assert len(title_of(Paper(title="long " * 500, identifiers=frozenset()))) <= 300


def test_the_lead_ends_where_a_sentence_ends():
    text = lead(ROUTER.abstract)
    assert text.endswith("in any of our 140 runs.")
    assert len(text) <= LEAD_LIMIT


def test_the_lead_does_not_end_at_an_abbreviation():
    abstract = (
        f"{'We follow the long road of the earlier work ' * 6}by Quill et al. Routers {'x ' * 200}"
    )
    assert not lead(abstract).endswith("al.")
    assert lead(abstract).endswith("…")


def test_a_sentence_without_an_end_is_cut_at_a_word():
    assert lead("word " * 200).endswith("word…")


@given(st.text(max_size=1200))
def test_a_lead_is_one_line_within_its_limit(abstract):
    text = lead(abstract)
    assert len(text) <= LEAD_LIMIT
    assert "\n" not in text


def test_a_replaced_paper_says_since_when():
    update = Pick(5, REPLACED.id, role=Role.UPDATE, version=3)
    assert card(REPLACED, update).updated == "new version v3, 19 November"
    assert card(replace(REPLACED, stamps=()), update).updated == "new version v3"
    undated = replace(REPLACED, version=0, stamps=(("title", Stamp(2, 0, "soon")),))
    assert card(undated, replace(update, version=0)).updated == "replaced"
    assert card(REPLACED, replace(update, role=Role.NEW)).updated == ""


def test_a_date_is_the_sources_own_whatever_the_zone():
    late = arxiv_paper(90077, "Late", published=datetime(2025, 12, 31, tzinfo=UTC))
    assert card(late).date == "31 December 2025"
    assert card(replace(late, published=None)).date == ""


def test_votes_stand_once_on_a_card():
    assert card(ROUTER).votes == "45 votes"
    assert card(ROUTER, PICKS[0]).votes == ""
    assert reason_text(card(ROUTER, PICKS[0]).reasons).endswith("45 votes")


def test_comments_are_said_by_the_link_to_them_or_else_in_words():
    assert "12 comments" in [link.text for link in card(ROUTER).links]
    assert card(ROUTER).comments == ""
    assert card(replace(ROUTER, links=frozenset())).comments == "12 comments"
    assert "Discussion" in [link.text for link in card(replace(ROUTER, comments=0)).links]


# ── Reasons ───────────────────────────────────────────────────────────────────────────────────────


def test_reasons_are_in_words_the_weightiest_first():
    assert reason_text(reasons_in_words(PICKS[0].reasons)) == (
        "expert routing, Imara Thistlewood, like your “Whispering Gates”, 45 votes"
    )


def test_only_a_profiles_own_phrases_are_emphasised():
    said = reasons_in_words(
        [reason(InterestKind.KEYWORD, "routing"), reason(InterestKind.AUTHOR, "Ada Quill")]
    )
    assert [(part.term, part.emphasis) for part in said] == [
        ("routing", True),
        ("Ada Quill", False),
    ]


def test_what_spoke_against_a_paper_is_not_among_its_reasons():
    assert reasons_in_words([reason(InterestKind.DISLIKE, "A survey", -0.4)]) == ()
    assert reasons_in_words([reason(InterestKind.ABOUT, "  ", 0.4)]) == ()


def because(*reasons):
    """Return the reasons in words; each weighs more than the next."""
    weighed = [reason(kind, text, 1 - n / 100) for n, (kind, text) in enumerate(reasons)]
    return reason_text(reasons_in_words(weighed))


KEYWORD, ABOUT, AUTHOR = InterestKind.KEYWORD, InterestKind.ABOUT, InterestKind.AUTHOR
CATEGORY, LIKE, TRENDING = InterestKind.CATEGORY, InterestKind.LIKE, InterestKind.TRENDING


def test_no_more_than_four_reasons_are_shown_the_best_ones():
    nine = [(KEYWORD, f"term{n}") for n in range(9)]
    assert because(*nine) == "term0, term1, term2, term3"


def test_a_term_of_the_description_that_a_keyword_says_is_dropped():
    assert because((ABOUT, "routing, sparsity, expert"), (KEYWORD, "Expert Routings")) == (
        "sparsity, Expert Routings"
    )
    assert because((KEYWORD, "expert routing"), (ABOUT, "experts")) == "expert routing"


def test_a_term_that_two_clauses_of_the_description_share_is_said_once():
    assert because(
        (ABOUT, "expert, activation"), (ABOUT, "activation, sparse"), (ABOUT, "sparse")
    ) == ("expert, activation, sparse")


def test_a_keyword_inside_a_longer_one_is_dropped():
    assert because((KEYWORD, "routing"), (KEYWORD, "expert routing")) == "expert routing"
    assert because((KEYWORD, "C++"), (KEYWORD, "漢字")) == "C++, 漢字"


def test_the_same_reason_stands_once():
    assert because((LIKE, "Whispering Gates"), (LIKE, "Whispering gates")) == (
        "like your “Whispering Gates”"
    )


def test_a_category_is_a_reason_only_where_nothing_better_is():
    assert because((CATEGORY, "cs.LG"), (AUTHOR, "Ada Quill")) == "Ada Quill"
    assert because((CATEGORY, "cs.LG"), (TRENDING, "9")) == "cs.LG, 9 votes"


def test_votes_that_are_no_reason_any_more_stand_among_the_facts():
    many = tuple(reason(KEYWORD, f"term{n}", 1.0) for n in range(4))
    pick = replace(PICKS[0], reasons=(*many, reason(TRENDING, "45", 0.1)))
    assert card(ROUTER, pick).votes == "45 votes"


def test_a_dislike_that_helped_and_votes_in_words_read_well():
    said = reasons_in_words(
        [reason(InterestKind.DISLIKE, "A survey"), reason(InterestKind.TRENDING, "many votes")]
    )
    assert reason_text(said) == "unlike “A survey”, many votes"


def test_what_is_insisted_on_stands_first_among_the_reasons_and_by_whose_wish():
    said = [reason(KEYWORD, "tea", 1.0), reason(InterestKind.MEANING, "coffee", 0.5)]
    assert reason_text(
        reasons_in_words([*said, reason(InterestKind.ALWAYS, "Ada Quill", 0.0)])
    ) == ("always wanted: Ada Quill, tea")
    by_hand = [reason(InterestKind.MEANING, "tea", 0.1), reason(InterestKind.ALWAYS, "", 0.0)]
    assert reason_text(reasons_in_words(by_hand)) == "put forward by hand"


# ── Links ─────────────────────────────────────────────────────────────────────────────────────────


def bare(scheme, value):
    return Paper(title="t", identifiers=frozenset({Identifier(scheme, value)}))


@pytest.mark.parametrize(
    ("paper", "href"),
    [
        (ROUTER, "https://arxiv.org/abs/2611.90001"),
        (bare(Scheme.ARXIV, "hep-ex/0307015"), "https://arxiv.org/abs/hep-ex/0307015"),
        (bare(Scheme.DOI, "10.1/<x>"), "https://doi.org/10.1/%3Cx%3E"),
        (bare(Scheme.PMID, "123"), "https://pubmed.ncbi.nlm.nih.gov/123/"),
        (bare(Scheme.OPENREVIEW, "aB1"), "https://openreview.net/forum?id=aB1"),
        (bare(Scheme.URL, "https://example.org/a"), "https://example.org/a"),
        (bare(Scheme.TITLE, "abc"), ""),
        (Paper(title="t", identifiers=frozenset()), ""),
    ],
)
def test_a_title_leads_to_the_abstract(paper, href):
    assert title_href(paper) == href


@pytest.mark.parametrize(
    "href",
    ["javascript:alert(1)", "data:text/html,x", "//example.org", "https://", "http://[", "file:///x",
     "https://example.org/" + "a" * 3000],
)  # fmt: skip
def test_an_address_that_may_not_be_linked_is_left_out(href):
    paper = replace(
        ROUTER, links=frozenset({Link(rel, href) for rel in Rel}), identifiers=frozenset()
    )
    assert card(paper).href == ""
    assert card(paper).links == ()


def test_quotes_and_spaces_in_an_address_are_encoded():
    paper = replace(
        ROUTER, links=frozenset({Link(Rel.ABSTRACT, 'https://a.example/"><x y=\u00e9')})
    )
    assert card(paper).href == "https://a.example/%22%3E%3Cx%20y=%C3%A9"


def test_a_librarys_proxy_stands_before_publishers_only():
    prefix = "https://proxy.example.edu/login?url="
    assert title_href(JOURNAL, prefix) == (
        "https://proxy.example.edu/login?url=https://journal.example.com/articles/inv-026-00042-x"
    )
    assert title_href(ROUTER, prefix) == "https://arxiv.org/abs/2611.90001"
    encoded = title_href(JOURNAL, "https://proxy.example.edu/login?qurl=")
    assert encoded.endswith("?qurl=https%3A%2F%2Fjournal.example.com%2Farticles%2Finv-026-00042-x")
    shown = card(ROUTER, link_prefix=prefix)
    assert not any("proxy" in link.href for link in shown.links)


def test_a_papers_key_is_the_stores_or_else_its_strongest_identifier():
    assert key_of(ROUTER) == ROUTER.key
    assert key_of(replace(ROUTER, key=None)) == ROUTER.key


# ── A section ─────────────────────────────────────────────────────────────────────────────────────


def test_a_section_has_what_is_new_and_news_of_earlier_papers():
    made = section_cards(
        section(EXPERTS, replace(OCTOBER, picks=PICKS)), today=TODAY, href="https://x.example/"
    )
    assert [paper.title for paper in made.papers][:1] == [ROUTER.title]
    assert len(made.papers) == 4
    assert [paper.title for paper in made.updates] == [REPLACED.title]
    assert made.count == "4 new from 301 considered, news of 1"
    assert made.quiet == ""


def test_a_section_whose_papers_are_told_elsewhere_says_so():
    told_above = Section(EXPERTS, (), (replace(OCTOBER, picks=PICKS),))
    made = section_cards(told_above, today=TODAY)
    assert made.quiet == ("4 papers picked here: told in another section, or sent to you before.")


def test_a_catch_up_says_how_many_editions_it_covers():
    made = section_cards(section(PROTEINS, OCTOBER, OCTOBER), today=TODAY)
    assert made.count == "0 new from 602 considered, in 2 editions"
    assert made.quiet == "Nothing here for you among the 602 papers that came in."


# ── Sources ───────────────────────────────────────────────────────────────────────────────────────


def said(*notes):
    return [(line.text, line.alarm) for line in health_lines(notes, TODAY)]


SINCE = datetime(2026, 11, 18, tzinfo=UTC)


def test_a_failed_source_is_told_from_a_stale_one_a_quiet_one_and_a_holiday():
    assert said(
        SourceNote("a", Weather.FINE),
        SourceNote("b", Weather.QUIET),
        SourceNote("c", Weather.HOLIDAY, "arXiv announces nothing on a Saturday"),
        SourceNote("d", Weather.STALE, since=SINCE),
        SourceNote("e", Weather.FAILED, "HTTP 503.", SINCE),
    ) == [
        ("e has not answered since 18 November (HTTP 503). Its papers will follow when it does.", True),
        ("d still shows its last batch under today’s date. Papers may be late.", True),
        ("4 of 5 sources answered; nothing new from b. arXiv announces nothing on a Saturday.", False),
    ]  # fmt: skip


def test_when_all_is_well_one_line_says_so():
    assert said(SourceNote("a", Weather.FINE)) == [("The source answered.", False)]
    assert said(SourceNote("a", Weather.FINE), SourceNote("b", Weather.RECOVERED)) == [
        ("All 2 sources answered; b answers again.", False)
    ]
    assert said(SourceNote("a", Weather.HOLIDAY)) == [
        ("The source answered. Nothing was due from a.", False)
    ]
    assert said() == []


def test_many_failures_and_many_quiet_sources_are_counted():
    many = [SourceNote(f"s{n}", Weather.FAILED) for n in range(9)]
    lines = said(*many, *(SourceNote(f"q{n}", Weather.QUIET) for n in range(8)))
    assert len(lines) == 8
    assert lines[6] == ("3 more sources did not bring what was expected.", True)
    assert "q5 and 2 others." in lines[7][0]


def test_the_latest_editions_worst_word_on_a_source_counts():
    def edition(number, *notes):
        return replace(OCTOBER, number=number, health=notes)

    failed, fine = SourceNote("a", Weather.FAILED), SourceNote("a", Weather.FINE)
    assert latest_notes([[edition(1, failed), edition(2, fine)]]) == (fine,)
    assert latest_notes([[edition(2, fine)], [edition(9, failed)], []]) == (failed,)
