"""What becomes of a paper: which words say so, and that it is told once, whatever came first."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot import digest, identity, lifecycle
from bot.config import Profile
from bot.lifecycle import code_of, journal_doi, names_journal, notice_in, withdrawal
from bot.models import Event, Link, Paper, Rel, Role, Stamp, Told
from bot.store import Store
from support_round import DAY, NOW, TODAY, a_paper, absorb, an_edition, arxiv, doi, with_profiles

WITHDRAWN, PUBLISHED, CODE = Event.WITHDRAWN, Event.PUBLISHED, Event.CODE

# ── Withdrawn ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("abstract", "said"),
    [
        ("this paper has been withdrawn", "Withdrawn"),
        ("This paper has been withdrawn by the author due to a sign error in Eq. (3).",
         "Withdrawn by its authors, due to a sign error in Eq. (3)"),
        ("[This article has been withdrawn by all authors because Lemma 2 is wrong] We study gates.",
         "Withdrawn by its authors, because Lemma 2 is wrong"),
        ("arXiv admin note: This submission has been withdrawn by arXiv administrators due to a dispute",
         "Withdrawn by arXiv, due to a dispute"),
        ("This manuscript has been withdrawn by bioRxiv following a formal request of the institute.",
         "Withdrawn by bioRxiv, following a formal request of the institute"),
        ("Withdrawal Statement: The authors have withdrawn this manuscript owing to a mistake. Please",
         "Withdrawn by its authors, owing to a mistake"),
        ("The paper is withdrawn. The proof has a gap.", "Withdrawn"),
        ("Paper withdrawn by the authors", "Withdrawn by its authors"),
        ("Withdrawn.", "Withdrawn"),
        ("This article has been retracted at the request of the editors.",
         "Retracted, at the request of the editors"),
        ("The following paper has been withdrawn from consideration because of an error.",
         "Withdrawn, because of an error"),
        ("We bound the regret of gates. This paper has been withdrawn by the author.",
         "Withdrawn by its authors"),
        ("This paper has been withdraw by the author", "Withdrawn by its authors"),
    ],
)  # fmt: skip
def test_an_abstract_says_that_its_paper_is_withdrawn_and_why(abstract, said):
    record = identity.stamped(a_paper(arxiv(1), abstract=abstract), Stamp(40, 1))
    assert withdrawal(record) == said
    assert notice_in("", abstract.upper()), "however it is written"


@pytest.mark.parametrize(
    "abstract",
    [
        "Many drugs have been withdrawn from the market for their effect on the liver.",
        "We study the withdrawal of a plate from a bath of viscous fluid.",
        "Withdrawn patients were followed for a year.",
        "Retracted articles continue to be cited, and we ask why.",
        "Papers are withdrawn from journals for many reasons, which we survey here.",
        "We ask language models whether a paper has been withdrawn, and why.",
        "When a submission has been withdrawn, reviewers change their minds.",
        "The work withdrawn from a quantum battery is bounded by its charge.",
        "The work was withdrawn from the engine in a single stroke.",
        "arXiv admin note: substantial text overlap with arXiv:2611.00001",
        "We withdraw energy from the cavity and measure what is left of it.",
        "Users withdraw tokens. The paper wallet is withdrawn from circulation.",
        "",
    ],
)
def test_what_is_about_withdrawal_is_not_withdrawn(abstract):
    assert notice_in("A study", abstract) == ""


@pytest.mark.parametrize(
    ("comment", "is_notice"),
    [
        ("12 pages, 3 figures. This paper has been withdrawn by the author", True),
        ("Submitted for review, This paper has been withdrawn by the authors", True),
        ("Withdrawn due to an error that a referee found", True),
        ("After long thought, we would like to withdraw this paper", True),
        ("The author has withdrawn this submission [arXiv admin]", True),
        ("It may be withdrawn if it is accepted elsewhere", False),
        ("A previous version of this manuscript was withdrawn", False),
        ("Replaces the withdrawn manuscript arXiv:2611.00002", False),
        ("17 pages; paper withdrawn from a journal and submitted to another", False),
        ("Accepted at a workshop; withdrawn from the proceedings", False),
        ("Section 6 is withdrawn", False),
    ],
)
def test_a_comment_counts_only_where_it_is_about_the_paper_itself(comment, is_notice):
    assert bool(notice_in("", "We study gates.", comment)) is is_notice


@pytest.mark.parametrize(
    ("title", "said"),
    [
        ("RETRACTED: Perfect recall", "Retracted"),
        ("Retracted: Perfect recall", "Retracted"),
        ("RETRACTED ARTICLE: Perfect recall", "Retracted"),
        ("Perfect recall [RETRACTED]", "Retracted"),
        ("WITHDRAWN: Perfect recall", "Withdrawn"),
        ("Withdrawn", "Withdrawn"),
        ("Retraction Note: Perfect recall", ""),  # another paper, which tells of it
        ("Retracted papers continue to be cited", ""),
        ("Withdrawn children at school: a survey", ""),
        ("Perfect recall in opioid withdrawal", ""),
    ],
)
def test_a_title_says_so_only_before_a_colon_or_in_brackets(title, said):
    assert notice_in(title, "An abstract.") == said


def test_of_several_notices_the_one_that_says_more_is_kept():
    abstract = "This paper has been withdrawn by the author due to an error in Lemma 1."
    assert notice_in("Withdrawn", abstract, "Withdrawn") == abstract[:-1]
    assert len(notice_in("", "This paper has been withdrawn because " + "x " * 500)) <= 300


def test_a_later_version_takes_a_withdrawal_back_and_an_earlier_record_does_not():
    gone = identity.stamped(
        a_paper(arxiv(1), version=2, notice="This paper has been withdrawn"), Stamp(40, 2)
    )
    first, third = (identity.stamped(a_paper(arxiv(1), version=v), Stamp(40, v)) for v in (1, 3))
    assert withdrawal(identity.merge([first, gone])) == "Withdrawn"
    assert withdrawal(identity.merge([gone, third])) == ""
    retracted = a_paper(doi(1), title="RETRACTED: Gates", version=0)
    retracted = identity.stamped(retracted, Stamp(20))
    assert withdrawal(identity.merge([retracted, third])) == "Retracted", "no version of its own"


# ── Published ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("venue", "journal"),
    [
        ("Nature", True),
        ("Phys. Rev. Lett. 106, 105303 (2011)", True),
        ("Proceedings of the 40th Conference on Gates, ACM Press, 2026", True),
        ("ACM SIGCOMM Computer Communication Review, v.37", True),
        ("bioRxiv", False),
        ("arXiv", False),
        ("arXiv:2611.00001", False),
        ("CoRR", False),
        ("HAL", False),
        ("Hal. J. Ecol. 12", True),
        ("arXiv.org", False),
        ("Research Square", False),
        ("OSF Preprints", False),
        ("Submitted to Nature", False),
        ("To appear in Nature", False),
        ("accepted for publication in MNRAS", False),
        ("Under review at ICLR 2027", False),
        ("", False),
    ],
)
def test_a_venue_is_a_journal_where_nothing_is_pending(venue, journal):
    assert names_journal(venue) is journal


@pytest.mark.parametrize(
    ("value", "journal"),
    [
        ("10.1038/s41586-026-00001-1", True),
        ("10.1101/gr.123456.111", True),  # Genome Research, of the same house as bioRxiv
        ("10.1101/2026.11.20.123456", False),
        ("10.64898/2026.11.20.123456", False),
        ("10.5281/zenodo.1234567", False),
        ("10.21203/rs.3.rs-1234567/v1", False),
        ("10.31234/osf.io/abcde", False),
        ("10.2139/ssrn.1234567", False),
    ],
)
def test_a_journals_doi_is_told_from_a_preprints(value, journal):
    identifier = identity.doi(value)
    assert identifier is not None
    paper = a_paper(arxiv(1), identifier)
    assert bool(journal_doi(paper)) is journal
    assert (PUBLISHED in lifecycle.facts(paper)) is journal


def test_a_journals_name_wins_over_a_servers_whatever_came_first():
    server = identity.stamped(a_paper(arxiv(1), venue="bioRxiv"), Stamp(30, 1))
    journal = identity.stamped(a_paper(arxiv(1), venue="Nature"), Stamp(20, 0))
    assert identity.merge([server, journal]).venue == "Nature"
    assert identity.merge([journal, server]).venue == "Nature"


# ── Code ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("abstract", "code"),
    [
        ("The code is at https://github.com/ada/gates.", "https://github.com/ada/gates"),
        ("Code: \\url{github.com/ada/quiet\\_gates}", "https://github.com/ada/quiet_gates"),
        ("It will be hard to beat. Code: https://gitlab.com/ada/gates.git", "https://gitlab.com/ada/gates"),
        ("Code will be released at https://github.com/ada/gates.", ""),
        ("We will make our code public at https://github.com/ada/gates.", ""),
        ("https://github.com/ada/gates, upon acceptance.", ""),
        ("We thank https://github.com/ada for her patience.", ""),
        ("We study GitHub.", ""),
    ],
)  # fmt: skip
def test_code_is_there_when_it_is_not_only_promised(abstract, code):
    assert code_of(a_paper(arxiv(1), abstract=abstract)) == code


def test_a_sources_link_is_code_and_who_was_promised_it_is_not_told_again():
    promised = a_paper(arxiv(1), abstract="Code will be released at https://github.com/ada/gates.")
    linked = replace(promised, links=frozenset({Link(Rel.CODE, "https://github.com/ada/gates")}))
    assert lifecycle.facts(promised) == ()
    assert lifecycle.facts(linked) == (CODE,)
    assert CODE in lifecycle.told_by(promised)


# ── Whatever came first ───────────────────────────────────────────────────────────────────────────

records = st.builds(
    lambda version, authority, names, notice, venue, code, promised: identity.stamped(
        a_paper(
            *names,
            version=version,
            notice=notice,
            venue=venue,
            abstract=promised,
            links=frozenset({Link(Rel.CODE, "https://git.example.org/a/b")} if code else ()),
        ),
        Stamp(authority, version),
    ),
    st.integers(0, 3),
    st.sampled_from([10, 20, 40]),
    # Every record has a name in common with every other, so that all of them are one paper.
    st.sampled_from([
        (doi(9),), (arxiv(1), doi(9)), (arxiv(1), doi(9), identity.doi("10.1101/2026.11.20.123456")),
    ]),
    st.sampled_from(["", "", "This paper has been withdrawn"]),
    st.sampled_from(["", "bioRxiv", "Nature"]),
    st.booleans(),
    st.sampled_from(["", "Code will be at https://github.com/a/b soon.", "https://github.com/a/b"]),
)  # fmt: skip


@given(st.lists(records, min_size=1, max_size=5), st.randoms())
def test_what_became_of_a_paper_does_not_depend_on_the_order(papers, random):
    shuffled = papers[:]
    random.shuffle(shuffled)
    assert lifecycle.facts(identity.merge(papers)) == lifecycle.facts(identity.merge(shuffled))


@given(st.lists(records, min_size=1, max_size=6), st.integers(1, 6))
def test_the_news_after_a_moment_is_all_that_one_knew_not_then(papers, moment):
    """Events come step by step; who knew what the card told at one step misses none, and hears none twice."""
    states = [identity.merge(papers[:n]) for n in range(1, len(papers) + 1)]
    known, end = states[min(moment, len(states)) - 1], states[-1]
    steps = pairwise(states[min(moment, len(states)) - 1 :])
    events = {event for before, now in steps for event in lifecycle.gained([before], now)}
    news = events & set(lifecycle.facts(end)) - set(lifecycle.told_by(known))
    assert news == set(lifecycle.facts(end)) - set(lifecycle.told_by(known))


@given(records)
def test_a_card_tells_at_least_what_has_become_of_its_paper(paper):
    assert set(lifecycle.facts(paper)) <= set(lifecycle.told_by(paper))


def test_a_paper_that_joins_two_is_news_to_who_had_the_one_that_lacked_it():
    preprint, article = a_paper(arxiv(1)), a_paper(doi(1), version=0, venue="Nature")
    both = identity.merge([preprint, article])
    assert lifecycle.gained([article, preprint], both) == (PUBLISHED,)
    assert PUBLISHED in lifecycle.told_by(article)
    assert PUBLISHED not in lifecycle.told_by(preprint)


# ── Through the store, told once ──────────────────────────────────────────────────────────────────


def _edition(store: Store, day: int, had: dict[int, Told]) -> dict[int, tuple[Event, ...]]:
    """Make the day's edition, give it to a reader who had those papers, and return what it tells."""
    papers = store.recent(50)
    news = store.news("experts", NOW - 700 * DAY, NOW - 90 * DAY)
    new = [paper for paper in papers if paper.id not in store_picked(store)]
    ranked = [digest.Ranked(paper, 1.0, probability=1.0) for paper in new]
    picks = digest.picks(EXPERTS, ranked, news)
    an_edition(store, picks=picks, period=TODAY + day * DAY, now=NOW + day * DAY)
    said = {}
    for pick in picks:
        before = had.get(pick.paper)
        assert (pick.role is Role.NEW) is (before is None), "never as new again"
        had[pick.paper] = Told(pick.version, (before or Told()).events.union(pick.told))
        if pick.role is Role.UPDATE:
            assert not set(pick.told) & (before.events - {Event.REPLACE}), "nothing twice"
            said[pick.paper] = pick.told
    return said


def store_picked(store: Store) -> set[int]:
    return {pick.paper for edition in store.editions("experts") for pick in edition.picks}


EXPERTS = Profile(limit=50).named("experts")


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(records, st.sampled_from(["arxiv", "hf"]), st.booleans()), min_size=1, max_size=7
    )
)
@example([
    (a_paper(arxiv(1), doi(9)), "arxiv", True),
    (a_paper(doi(9), version=2, notice="This paper has been withdrawn"), "hf", True),
    (a_paper(doi(9), version=2, notice="This paper has been withdrawn"), "arxiv", True),
])  # fmt: skip
def test_every_event_is_told_once_and_no_paper_is_new_twice(tmp_path_factory, arrivals):
    with Store(tmp_path_factory.mktemp("lifecycle") / "paperround.db") as store:
        with_profiles(store, "experts")
        had: dict[int, Told] = {}
        for day, (record, source, edition) in enumerate(arrivals):
            absorb(store, record, source=source, now=NOW + day * DAY)
            absorb(store, record, source=source, now=NOW + day * DAY)  # the same again is nothing
            if edition:
                _edition(store, day, had)
        _edition(store, len(arrivals), had)
        assert _edition(store, len(arrivals) + 1, had) == {}, "all is told"
        (paper,) = store.recent(10)
        if paper.id in had:
            assert set(lifecycle.facts(paper)) <= had[paper.id].events
        else:
            assert lifecycle.is_withdrawn(paper), (
                "what is withdrawn before anybody had it is never told"
            )


@pytest.fixture
def store(tmp_path):
    with with_profiles(Store(tmp_path / "paperround.db"), "experts") as opened:
        yield opened


def _events(store: Store, paper: int = 1) -> list[tuple[object, object]]:
    known = {event.value for event in (WITHDRAWN, PUBLISHED, CODE)}
    return [(s["event"], s["source"]) for s in store.sightings(paper) if s["event"] in known]


def test_what_becomes_of_a_paper_is_a_sighting_of_the_source_that_showed_it(store):
    absorb(store, a_paper(arxiv(1)))
    assert _events(store) == []
    linked = a_paper(arxiv(1), links=frozenset({Link(Rel.CODE, "https://git.example.org/a/b")}))
    absorb(store, linked, source="hf", now=NOW + DAY)
    absorb(store, linked, source="hf", now=NOW + 2 * DAY)
    absorb(store, a_paper(arxiv(1), doi(5), venue="Nature"), source="journal", now=NOW + 2 * DAY)
    gone = a_paper(arxiv(1), version=2, notice="This paper has been withdrawn")
    absorb(store, gone, now=NOW + 3 * DAY)
    assert _events(store) == [("code", "hf"), ("published", "journal"), ("withdrawn", "arxiv")]


def test_the_past_knows_of_no_withdrawal_that_came_later(store):
    absorb(store, a_paper(arxiv(1)))
    an_edition(store, 1)
    gone = a_paper(arxiv(1), version=2, notice="This paper has been withdrawn")
    absorb(store, gone, now=NOW + 2 * DAY)
    (then,) = store.as_of(NOW + DAY).recent(5)
    assert withdrawal(then) == ""
    assert store.as_of(NOW + DAY).news("experts", NOW - DAY, NOW - DAY) == []
    (now,) = store.as_of(NOW + 2 * DAY).news("experts", NOW - DAY, NOW - DAY)
    assert now.events == (WITHDRAWN, Event.REPLACE)


def test_a_race_with_an_edition_loses_no_event(store):
    """A round that began before an edition was made may commit after it: its time says little."""
    absorb(store, a_paper(arxiv(1)))
    an_edition(store, 1, now=NOW + 2 * DAY)
    absorb(store, a_paper(arxiv(1), doi(5)), now=NOW + DAY)
    assert [each.events for each in store.news("experts", NOW, NOW)] == [(PUBLISHED,)]


def test_what_a_paper_was_born_with_is_no_news(store):
    born = a_paper(arxiv(1), doi(5), abstract="Code: https://github.com/a/b", venue="Nature")
    absorb(store, born)
    assert _events(store) == []
    assert isinstance(born, Paper)
