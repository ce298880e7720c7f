"""What absorbing costs and what it leaves: nothing twice, together or alone, the index behind."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import DiskFullError
from bot.identity import alone, merge
from bot.models import Event, Link, Paper, Rel, Sighting, SourceState, Stamp
from bot.ports import Showing
from bot.store import Store
from bot.store.pruning import Pruner
from bot.text.query import read_query
from support_round import DAY, NOW, a_paper, arxiv, doi, shown, url


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "paperround.db") as opened:
        yield opened


def take(store: Store, *sightings: Sighting, now=NOW, source: str = "journal", guids: bool = True):
    state = SourceState(source, last_ok=now)
    return store.absorb(source, sightings, state, now, introduces=set(Event), keep_guids=guids)


def writes(store: Store) -> int:
    return int(store.db.row("SELECT total_changes() AS n")["n"])


def tables(store: Store) -> dict[str, list[tuple[object, ...]]]:
    """All that papers are made of, but for the digests."""
    return {
        name: [tuple(row) for row in store.db.rows(f"SELECT {columns} FROM {name} ORDER BY 1, 2, 3, 4")]  # noqa: S608 - a test's own
        for name, columns in {
            "paper": "*", "identifier": "name, paper, 0, 0", "guid": "*, 0",
            "sighting": "paper, source, event, seen_on, stored_at, at, votes, comments",
        }.items()
    }  # fmt: skip


# ── Nothing twice ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("guids", [True, False])
def test_a_document_that_comes_again_writes_nothing_but_the_sources_state(store, guids):
    document = [shown(a_paper(doi(n), url(n), title=f"Number {n}"), at=NOW) for n in range(1, 50)]
    assert take(store, *document, guids=guids).new == 49
    before = writes(store)
    again = take(store, *document, now=NOW + DAY, guids=guids)
    assert (again.new, again.updated) == (0, 0)
    assert writes(store) == before + 1


def test_a_record_that_an_earlier_version_absorbed_is_known_again(store):
    """Its digest is that of the same text as ever, or each state folder would be merged anew once."""
    links = frozenset(
        {Link(Rel.PDF, "https://example.org/1.pdf"), Link(Rel.CODE, "https://example.org/ö")}
    )
    take(
        store,
        shown(a_paper(doi(1), url(1), title="Two names", links=links), at=NOW),
        shown(a_paper(doi(2), title="Überraschung"), Event.REPLACE),
        shown(a_paper(arxiv(3), authors=("Ada", "Bo"), published=NOW - DAY), at=NOW - DAY),
        shown(a_paper(doi(4), title="Counted"), at=NOW, votes=3),
    )
    found = [row["digest"] for row in store.db.rows("SELECT digest FROM sighting ORDER BY paper")]
    assert found == [2061346673212510672, 1784691071781236369, 4261170335020965497, 0]


def test_one_entry_more_costs_that_entry(store):
    document = [shown(a_paper(doi(n)), at=NOW) for n in range(1, 50)]
    take(store, *document)
    before = writes(store)
    assert take(store, *document, shown(a_paper(doi(50)), at=NOW), now=NOW + DAY).new == 1
    assert writes(store) - before < 10


def test_a_correction_is_taken_from_an_entry_that_was_absorbed(store):
    take(store, shown(a_paper(doi(1), title="A tpyo here"), at=NOW))
    corrected = replace(
        shown(a_paper(doi(1), title="A typo here", version=2), at=NOW), guid="A tpyo here"
    )
    assert take(store, corrected).updated == 1
    assert [paper.title for paper in store.lookup([doi(1)])] == ["A typo here"]


def test_an_entry_without_a_date_is_seen_anew_each_day_and_no_more_often(store):
    undated = shown(a_paper(doi(1)))
    for hours in (0, 1, 24, 25):
        take(store, undated, now=NOW + timedelta(hours=hours))
    assert len(store.sightings(1)) == 2


def test_votes_are_the_latest_even_where_they_were_so_before(store):
    for votes in (5, 9, 5):
        take(store, shown(a_paper(arxiv(1)), Event.SEEN, votes=votes), guids=False)
    assert [paper.votes for paper in store.lookup([arxiv(1)])] == [5]


def test_a_guid_that_moved_on_and_back_names_its_first_paper_again(store):
    one, other = (
        replace(shown(a_paper(doi(n), title=f"Title {n}"), at=NOW), guid="g") for n in (1, 2)
    )
    for sighting in (one, other, one):
        take(store, sighting)
    assert store.db.row("SELECT paper FROM guid WHERE guid = 'g'")["paper"] == 1


TITLES = st.sampled_from(["A first title", "A first title again", "Something else", "Numbers"])
NAMES = st.sampled_from([arxiv(1), arxiv(2), doi(1), doi(2), doi(3), url(1), url(2)])


@st.composite
def sightings(draw) -> Sighting:
    names = draw(st.lists(NAMES, min_size=1, max_size=2, unique=True))
    title = draw(TITLES)
    abstract = draw(st.sampled_from(["", "Words."]))
    stamp = Stamp(1, draw(st.integers(0, 2)))
    paper = Paper(title, frozenset(names), abstract=abstract)
    paper = replace(
        paper, stamps=tuple((n, stamp) for n in ("title", "abstract") if getattr(paper, n))
    )
    return Sighting(
        paper, draw(st.sampled_from([Event.NEW, Event.REPLACE, Event.SEEN])),
        draw(st.sampled_from([None, NOW, NOW - DAY])), draw(st.sampled_from(["", "g1", "g2", "g3"])),
        draw(st.sampled_from([None, None, 3])),
    )  # fmt: skip


@st.composite
def days(draw) -> list[tuple[str, list[Sighting]]]:
    known = draw(st.lists(sightings(), min_size=1, max_size=5))
    documents = st.lists(st.sampled_from(known), min_size=1, max_size=4)
    return draw(
        st.lists(st.tuples(st.sampled_from(["one", "other"]), documents), min_size=1, max_size=6)
    )


@settings(max_examples=150, deadline=None)
@given(told=days(), guids=st.booleans())
def test_what_is_skipped_would_have_changed_nothing(tmp_path_factory, told, guids):
    folder = tmp_path_factory.mktemp("absorbing")
    with Store(folder / "skipping.db") as skipping, Store(folder / "whole.db") as whole:
        for number, (source, document) in enumerate(told):
            state, now = SourceState(source), NOW + number * DAY
            for store in (skipping, whole):
                store.absorb(
                    source,
                    document,
                    state,
                    now,
                    introduces={Event.NEW, Event.SEEN},
                    keep_guids=guids,
                )
            with whole.db.transaction():
                whole.db.write("UPDATE sighting SET digest = 0")
        assert tables(skipping) == tables(whole)


@given(sightings())
def test_a_record_alone_is_what_merging_it_gives(sighting):
    assert alone(sighting.paper) == merge([sighting.paper])
    bare = replace(sighting.paper, stamps=())
    assert alone(bare) == merge([bare])


# ── Together, and each by itself where one fails ──────────────────────────────────────────────────


def showing(number: int) -> Showing:
    sighting = shown(a_paper(doi(number)), at=NOW)
    return Showing(SourceState(f"source-{number}"), [sighting], frozenset(Event))


def test_several_sources_are_one_commit(store, tmp_path):
    with Store(tmp_path / "paperround.db") as other:
        seen = other.db.row("PRAGMA data_version")[0]
        told = store.absorb_all([showing(1), Showing(SourceState("quiet")), showing(2)], NOW)
        assert [each.new for each in told] == [1, 0, 1]
        assert other.db.row("PRAGMA data_version")[0] == seen + 1
    assert store.source_states().keys() == {"source-1", "quiet", "source-2"}


def test_one_that_cannot_be_written_harms_no_other(store, monkeypatch):
    absorb = Store.absorb

    def full(self, source, *arguments, **named):
        if source == "source-2":
            raise DiskFullError("no room left")
        return absorb(self, source, *arguments, **named)

    monkeypatch.setattr(Store, "absorb", full)
    first, second, third = store.absorb_all([showing(1), showing(2), showing(3)], NOW)
    assert (first.new, third.new) == (1, 1)
    assert isinstance(second, DiskFullError)
    assert store.source_states().keys() == {"source-1", "source-3"}


# ── The index behind ──────────────────────────────────────────────────────────────────────────────


def indexed(store: Store) -> list[int]:
    return [row["paper"] for row in store.db.rows("SELECT paper FROM paper_text ORDER BY paper")]


def test_the_index_waits_until_somebody_searches(store):
    take(store, *(shown(a_paper(doi(n), title=f"Zebra {n}"), at=NOW) for n in range(1, 4)))
    assert indexed(store) == []
    assert len(store.search(read_query("zebra"), 10)) == 3
    assert indexed(store) == [1, 2, 3]
    assert store.db.rows("SELECT * FROM unindexed") == []


def test_the_index_is_brought_up_in_steps(store):
    take(store, *(shown(a_paper(doi(n)), at=NOW) for n in range(1, 8)))
    assert [store.index_some(3) for _ in range(4)] == [3, 3, 1, 0]


def test_a_paper_that_was_joined_to_another_is_found_once(store):
    take(store, shown(a_paper(doi(1), title="Twin zebra"), at=NOW))
    take(store, shown(a_paper(url(1), title="Twin zebra"), at=NOW))
    store.index_all()
    take(store, shown(a_paper(doi(1), url(1), title="Twin zebra", version=2), at=NOW))
    assert [paper.id for paper, _ in store.search(read_query("zebra"), 10)] == [1]
    assert indexed(store) == [1]


def test_what_two_processes_absorb_is_indexed_once(tmp_path: Path):
    with Store(tmp_path / "paperround.db") as one, Store(tmp_path / "paperround.db") as other:
        take(one, shown(a_paper(doi(1), title="First"), at=NOW))
        take(other, shown(a_paper(doi(2), title="Second"), at=NOW))
        one.index_all()
        other.index_all()
        assert indexed(one) == [1, 2]


def postings(store: Store) -> list[tuple[object, ...]]:
    """Every place of every word that the index knows."""
    store.db.write(
        "CREATE VIRTUAL TABLE IF NOT EXISTS temp.place USING fts5vocab(main, paper_search, 'instance')"
    )
    return [tuple(row) for row in store.db.rows('SELECT term, doc, col, "offset" FROM temp.place')]


_TITLES = st.sampled_from(["Twin zebra", "Zebra zebra", "Röntgen $\\alpha$", "学習", ""])
_TOLD = st.tuples(
    st.lists(st.integers(1, 4), min_size=1, max_size=2, unique=True), _TITLES, st.booleans()
)


@given(told=st.lists(_TOLD, max_size=8), pruned=st.integers(0, 8))
@settings(max_examples=60, deadline=None)
def test_whatever_came_between_the_index_says_what_the_papers_say(tmp_path_factory, told, pruned):
    """Corrected, joined, pruned: it is as if it were made of today's papers in one go."""
    folder = tmp_path_factory.mktemp("index")
    with Store(folder / "paperround.db") as store:
        for day, (names, title, index_now) in enumerate(told):
            paper = a_paper(*map(doi, names), title=title, version=day + 1, abstract=f"On {title}.")
            take(store, shown(paper, at=NOW), now=NOW + day * DAY)
            if index_now:
                store.index_all()
            if day == pruned:
                Pruner(store.db).prune_papers(NOW + 30 * DAY, 0, ())
        store.index_all()
        kept = postings(store)
        with store.db.transaction():
            store.db.write("INSERT INTO paper_search (paper_search) VALUES ('delete-all')")
            store.db.write("DELETE FROM paper_text")
            store.db.write(
                "INSERT INTO unindexed (paper) SELECT id FROM paper WHERE merged_into IS NULL"
            )
        store.index_all()
        assert kept == postings(store)
