"""The store: one SQLite file, whatever else happens to it, and what each promise becomes in it."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import lifecycle
from bot.errors import DiskFullError, SchemaTooNewError, StateError, StateLockedError
from bot.models import (
    Attempt,
    DeliveredPick,
    DeliveryKind,
    DeliveryStatus,
    DigestPlan,
    Edition,
    Event,
    Had,
    Identifier,
    InterestKind,
    Link,
    Note,
    Origin,
    Paper,
    Phase,
    Pick,
    Reason,
    Rel,
    Rest,
    Role,
    Scheme,
    Sighting,
    SourceNote,
    SourceState,
    Stamp,
    SubscriptionStatus,
    Verdict,
    Weather,
)
from bot.store import Store, connection, editions, sending
from bot.store.mailing import CONFIRMED
from bot.store.rows import packed_picks, unpacked_picks
from bot.store.schema import migrations
from support_round import (
    DAY,
    HOUR,
    NOW,
    TODAY,
    a_paper,
    absorb,
    an_edition,
    arxiv,
    doi,
    shown,
    stored,
    subscribed,
    suppress,
    url,
    with_profiles,
)

IN_MEMORY = Path(":memory:")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "paperround.db"


@pytest.fixture
def store(path: Path):
    with Store(path) as opened:
        yield opened


# ── The file ──────────────────────────────────────────────────────────────────────────────────────


def test_an_empty_folder_becomes_a_store_and_stays_one(path):
    for _ in range(3):
        with Store(path) as store:
            assert store.count_papers() == 0
    assert sqlite3.connect(path).execute("PRAGMA user_version").fetchone() == (
        connection.SCHEMA_VERSION,
    )


def test_the_schemas_version_is_the_number_of_its_migrations():
    from sqlite_utils import Database

    database = Database(memory=True)
    assert len(migrations.pending(database)) == connection.SCHEMA_VERSION
    database.close()


@pytest.mark.parametrize("again", range(20))  # one time in thirty SQLite turned one of them away
def test_many_threads_may_open_a_new_store_at_once(path, again):
    ready, problems = threading.Barrier(8), []

    def open_it() -> None:
        ready.wait()
        try:
            Store(path.with_name(f"{again}.db")).close()
        except StateError as error:
            problems.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []


def test_two_processes_may_found_a_store_at_once_and_agree_on_its_secret(path):
    found = (
        "import sys; from pathlib import Path; from bot.store import Store\n"
        "with Store(Path(sys.argv[1])) as store: print(store.found('example.org,2026').secret.hex())"
    )
    both = [
        subprocess.Popen([sys.executable, "-c", found, path], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    secrets = {process.communicate(timeout=30)[0].strip() for process in both}
    assert [process.returncode for process in both] == [0, 0]
    assert len(secrets) == 1
    assert len(secrets.pop()) == 64


def test_what_was_founded_never_changes(path):
    with Store(path) as store:
        first = store.found("example.org,2026", b"x" * 32)
        assert store.found("elsewhere.org,2030", b"y" * 32) == first
    with Store(path) as store:
        assert store.found("elsewhere.org,2030") == first


def test_a_newer_schema_is_refused_and_nothing_is_changed(path):
    Store(path).close()
    with sqlite3.connect(path) as raw:
        raw.execute(f"PRAGMA user_version = {connection.SCHEMA_VERSION + 1}")
    raw.close()
    before = path.read_bytes()
    with pytest.raises(SchemaTooNewError) as refused:
        Store(path)
    assert "written by a later version" in str(refused.value)
    assert "Nothing was changed" in str(refused.value)
    assert path.read_bytes() == before


def _nonsense(path: Path) -> None:
    path.write_bytes(b"This is no database, it is a letter to the editor.\n" * 100)


def _cut_short(path: Path) -> None:
    with Store(path) as store:
        absorb(store, *(a_paper(arxiv(n), abstract="words " * 100) for n in range(200)))
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


def _scribbled_over(path: Path) -> None:
    with Store(path) as store:
        absorb(store, *(a_paper(arxiv(n), abstract="words " * 100) for n in range(200)))
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (path.stat().st_size - 4096))


@pytest.mark.parametrize("harm", [_nonsense, _cut_short, _scribbled_over])
def test_a_damaged_file_is_told_in_a_sentence(path, harm):
    harm(path)
    with pytest.raises(StateError, match=r"damaged.*restore a backup"), Store(path) as store:
        store.recent(1000)


def test_a_folder_where_the_file_should_be_is_told(path):
    path.mkdir()
    with pytest.raises(StateError, match="cannot be written"):
        Store(path)


def test_a_file_where_the_folder_should_be_is_told(tmp_path):
    (tmp_path / "state").write_text("")
    with pytest.raises(StateError, match="cannot be used"):
        Store(tmp_path / "state" / "paperround.db")


@contextmanager
def _as_nobody():
    """Root may write everywhere: for a while, be somebody who may not."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_folder_that_may_not_be_written_is_told():
    folder = Path(tempfile.mkdtemp())  # pytest's own folders let nobody through
    folder.chmod(0o555)
    try:
        with _as_nobody(), pytest.raises(StateError, match="belongs to you"):
            Store(folder / "paperround.db")
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)


def test_a_file_that_may_only_be_read_is_told():
    folder = Path(tempfile.mkdtemp())
    Store(folder / "paperround.db").close()
    (folder / "paperround.db").chmod(0o444)
    folder.chmod(0o555)
    try:
        with _as_nobody(), pytest.raises(StateError, match="belongs to you"):
            absorb(Store(folder / "paperround.db"), a_paper())
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)


def test_a_database_that_stays_locked_is_told_and_left_alone(store, path, monkeypatch):
    absorb(store, a_paper(arxiv(1)))
    monkeypatch.setattr(connection, "_BUSY_SECONDS", 0.05)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with Store(path) as waiting, pytest.raises(StateLockedError, match="locked by another program"):
        absorb(waiting, a_paper(arxiv(2)))
    assert store.count_papers() == 1, "reading goes on beside a writer"
    other.execute("ROLLBACK")
    other.close()
    absorb(store, a_paper(arxiv(2)))
    assert store.count_papers() == 2


def test_a_full_disk_is_told_and_what_was_committed_is_kept(store):
    absorb(store, a_paper(arxiv(1)))
    pages = store.db.rows("PRAGMA page_count")[0][0]
    store.db.rows(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(DiskFullError, match="make room"):
        absorb(store, *(a_paper(arxiv(n), abstract="x" * 4000) for n in range(2, 40)))
    assert store.count_papers() == 1
    store.db.rows("PRAGMA max_page_count = 1000000")
    absorb(store, a_paper(arxiv(2)))
    assert store.count_papers() == 2


def test_what_breaks_off_in_the_middle_leaves_nothing_behind(store):
    def half_done() -> None:
        with store.db.transaction():
            store.db.write("INSERT INTO meta VALUES ('half', 'done')")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half_done()
    assert store.db.row("SELECT * FROM meta WHERE key = 'half'") is None
    absorb(store, a_paper())


# ── Papers ────────────────────────────────────────────────────────────────────────────────────────

FULL = Paper(
    title="Routing $k$ experts — “quickly”\u2009…",
    identifiers=frozenset({arxiv(7), doi(7)}),
    authors=("Ada Lovelace", "Łukasz Kaiser", "李 明"),
    abstract="First paragraph.\n\nSecond, with 'quotes' and \"more\".",
    categories=("cs.LG", "stat.ML"),
    venue="Journal of Routes",
    version=3,
    published=NOW - 3 * DAY,
    links=frozenset({Link(Rel.ABSTRACT, "https://a.example/7"), Link(Rel.PDF, "https://a.example/p")}),
    stamps=(
        ("title", Stamp(2, 3, "2026-11-01")),
        ("authors", Stamp(2, 3, "2026-11-01")),
        ("abstract", Stamp(1, 0, "")),
        ("categories", Stamp(2, 3, "2026-11-01")),
        ("venue", Stamp(1, 0, "")),
    ),
    votes=12,
    comments=3,
)  # fmt: skip


def test_a_paper_comes_back_as_it_went_in(store):
    absorb(store, shown(FULL, votes=12, comments=3))
    back = stored(store, doi(7))
    assert (back.id, back.key, back.first_seen) == (1, arxiv(7), NOW)
    expected = Paper(**{name: getattr(FULL, name) for name in FULL.__slots__})
    for name in ("title", "identifiers", "authors", "abstract", "categories", "venue", "version",
                 "published", "links", "stamps", "votes", "comments"):  # fmt: skip
        assert getattr(back, name) == getattr(expected, name), name


def test_the_same_document_again_changes_nothing(store):
    assert absorb(store, FULL, a_paper(arxiv(2))).new == 2
    before = store.recent(10)
    again = absorb(store, FULL, a_paper(arxiv(2)), now=NOW + HOUR)
    assert (again.new, again.updated, again.joined) == (0, 0, 0)
    assert store.recent(10) == before


def test_a_new_version_updates_the_paper_and_makes_no_new_one(store):
    absorb(store, a_paper(arxiv(1), title="First words", version=1))
    report = absorb(store, shown(a_paper(arxiv(1), title="Second words", version=2), Event.REPLACE))
    assert (report.new, report.updated) == (0, 1)
    assert store.count_papers() == 1
    assert (stored(store, arxiv(1)).title, stored(store, arxiv(1)).version) == ("Second words", 2)


def test_an_older_version_that_comes_late_takes_nothing_back(store):
    absorb(store, a_paper(arxiv(1), title="Second words", version=2))
    absorb(store, a_paper(arxiv(1), title="First words", version=1))
    assert (stored(store, arxiv(1)).title, stored(store, arxiv(1)).version) == ("Second words", 2)


def test_a_cross_list_is_another_sighting_of_the_same_paper(store):
    report = absorb(store, shown(a_paper(arxiv(1))), shown(a_paper(arxiv(1)), Event.CROSS))
    assert report.new == 1
    assert [s["event"] for s in store.sightings(1)] == ["cross", "new"]


def test_two_sources_make_one_paper_with_both_their_identifiers(store):
    absorb(store, a_paper(arxiv(1), doi(1)), source="arxiv")
    report = absorb(store, a_paper(doi(1), url(1), abstract="From the journal."), source="journal")
    assert (report.new, report.updated) == (0, 1)
    paper = stored(store, url(1))
    assert paper.identifiers == {arxiv(1), doi(1), url(1)}
    assert paper.key == arxiv(1)
    assert paper.abstract == "From the journal."
    assert {s["source"] for s in store.sightings(paper.id)} == {"arxiv", "journal"}


def test_votes_are_a_series_by_the_day_and_the_paper_has_the_latest(store):
    for day, votes in enumerate((3, 40, 31)):
        sighting = shown(a_paper(arxiv(1)), Event.SEEN, votes=votes, comments=day)
        absorb(store, sighting, source="hf", now=NOW + day * DAY)
    assert [(s["votes"], s["comments"]) for s in store.sightings(1)] == [(3, 0), (40, 1), (31, 2)]
    assert (stored(store, arxiv(1)).votes, stored(store, arxiv(1)).comments) == (31, 2)
    assert store.votes_counted_at() == NOW + 2 * DAY
    assert [p.id for p in store.voted(TODAY, TODAY)] == [1]


def test_votes_counted_twice_a_day_are_one_point_of_the_series(store):
    for hour, votes in enumerate((3, 9)):
        absorb(store, shown(a_paper(arxiv(1)), votes=votes), now=NOW + hour * HOUR)
    assert [s["votes"] for s in store.sightings(1)] == [9]


def test_a_source_without_votes_takes_none_away(store):
    absorb(store, shown(a_paper(arxiv(1)), votes=9), source="hf")
    absorb(store, a_paper(arxiv(1)), source="arxiv", now=NOW + HOUR)
    assert stored(store, arxiv(1)).votes == 9


def test_a_replacement_of_a_paper_we_never_had_is_no_new_paper(store):
    assert absorb(store, shown(a_paper(arxiv(1), version=4), Event.REPLACE)).new == 0
    assert store.count_papers() == 0
    assert store.newest_paper() == 0


@pytest.mark.parametrize("turned", [False, True])
def test_a_replacement_beside_its_paper_in_one_document_counts(store, turned):
    both = [
        shown(a_paper(arxiv(1), title="First words")),
        shown(a_paper(arxiv(1), title="Second words", version=2), Event.REPLACE),
    ]
    absorb(store, *(reversed(both) if turned else both))
    assert (stored(store, arxiv(1)).title, stored(store, arxiv(1)).version) == ("Second words", 2)


def test_what_was_old_at_the_first_look_is_stored_as_seen(store):
    limit = NOW - 7 * DAY
    absorb(
        store,
        shown(a_paper(arxiv(1)), at=limit - HOUR),
        shown(a_paper(arxiv(2)), at=None),
        shown(a_paper(arxiv(3)), at=limit + HOUR),
        seen_before=limit,
    )
    with_profiles(store, "experts")
    assert store.count_papers() == 3
    assert [p.id for p in store.candidates("experts", None, None, ())] == [3]


def _seen_then(store, later: Sighting, source: str = "arxiv", **said) -> list[int]:
    """Store paper 1 as seen at the first look at a journal, and an edition; return what competes next."""
    with_profiles(store, "experts")
    absorb(store, shown(a_paper(doi(1)), at=None), source="journal", seen_before=NOW - 7 * DAY)
    absorb(store, a_paper(arxiv(9)), source="other")
    an_edition(store, 2)
    absorb(store, later, source=source, now=NOW + DAY, **said)
    last = store.last_edition("experts")
    return [p.id for p in store.candidates("experts", last, None, ())]


def test_what_was_stored_as_seen_is_news_where_another_source_announces_it(store):
    announced = shown(a_paper(arxiv(1), doi(1)), at=NOW + DAY)
    assert _seen_then(store, announced) == [1]
    # To all profiles, also those that look at some sources only; and once.
    last = store.last_edition("experts")
    for sources in ["arxiv"], ["journal", "arxiv"]:
        assert [p.id for p in store.candidates("experts", last, None, sources)] == [1]
    an_edition(store, now=NOW + DAY + HOUR, period=TODAY + DAY)
    last = store.last_edition("experts")
    assert store.candidates("experts", last, None, ()) == []
    assert store.candidates("experts", last, None, ["journal", "arxiv"]) == []
    again = shown(a_paper(arxiv(1), doi(1), version=2), at=NOW + 2 * DAY)
    assert absorb(store, again, now=NOW + 2 * DAY).new == 0
    assert store.candidates("experts", last, None, ()) == []
    # What comes after it has a number of its own.
    absorb(store, a_paper(arxiv(10)))
    assert [p.id for p in store.candidates("experts", last, None, ())] == [4]


def test_a_list_that_is_new_itself_is_offered_what_became_news_of_late(store):
    absorb(store, a_paper(doi(1)), source="journal", seen_before=NOW, now=NOW - 30 * DAY)
    assert store.candidates("experts", None, NOW - 7 * DAY, ()) == []
    absorb(store, a_paper(doi(1)), a_paper(doi(2)), now=NOW)
    assert [p.id for p in store.candidates("experts", None, NOW - 7 * DAY, ())] == [1, 2]


def test_what_became_news_and_is_joined_to_an_older_paper_is_news_as_that(store):
    with_profiles(store, "experts")
    absorb(store, shown(a_paper(doi(1)), at=None), shown(a_paper(doi(2)), at=None), seen_before=NOW)
    absorb(store, a_paper(doi(2)), source="other")
    an_edition(store)
    absorb(store, shown(a_paper(doi(3)), at=None), source="third", seen_before=NOW)
    absorb(store, a_paper(doi(3)), source="other")
    absorb(store, a_paper(doi(1), doi(3)), source="journal")
    last = store.last_edition("experts")
    assert [p.id for p in store.candidates("experts", last, None, ())] == [1]


def test_that_it_became_news_is_counted_as_a_new_paper(store):
    absorb(store, shown(a_paper(doi(1)), at=None), source="journal", seen_before=NOW)
    report = absorb(store, shown(a_paper(doi(1)), at=NOW), source="other")
    assert (report.new, report.updated) == (1, 0)


@pytest.mark.parametrize(
    ("later", "said"),
    [
        (shown(a_paper(doi(1), title="Anew"), at=NOW), {"source": "journal"}),
        (shown(a_paper(doi(1), arxiv(1)), Event.REPLACE, at=NOW), {}),
        (shown(a_paper(doi(1)), at=NOW - 8 * DAY), {"seen_before": NOW - 7 * DAY}),
        (shown(a_paper(doi(1)), at=None), {"seen_before": NOW - 7 * DAY}),
        (shown(a_paper(doi(1)), at=NOW, late=True), {}),
    ],
    ids=[
        "the same source again",
        "a replacement",
        "old there too",
        "undated there too",
        "a back file",
    ],
)
def test_and_stays_seen_where_it_is_no_news_there_either(store, later, said):
    assert _seen_then(store, later, **said) == []


def test_past_days_do_not_know_that_it_became_news_later(store):
    absorb(store, shown(a_paper(doi(1)), at=None), source="journal", seen_before=NOW - 7 * DAY)
    absorb(store, a_paper(arxiv(2)))
    absorb(store, a_paper(arxiv(3)), now=NOW + HOUR)
    absorb(store, a_paper(doi(1)), a_paper(doi(2)), now=NOW + DAY)
    past = store.as_of(NOW)
    assert [p.id for p in past.candidates("", None, None, ())] == [2]
    last = Edition("", 0, TODAY, past.newest_paper(), NOW)
    assert [p.id for p in store.as_of(NOW + HOUR).candidates("", last, None, ())] == [3]
    assert [p.id for p in store.as_of(NOW + DAY).candidates("", last, None, ())] == [1, 3, 4]


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=5),
    st.randoms(use_true_random=False),
)
def test_whether_a_paper_is_news_depends_on_no_order_of_sources(first_looks, random):
    of_each = list(dict(first_looks).items())

    def is_news(looks) -> bool:
        with Store(IN_MEMORY) as store:
            for source, dated in looks:
                told = shown(a_paper(doi(1)), at=NOW if dated else None)
                absorb(store, told, source=source, seen_before=NOW - DAY)
            return bool(store.candidates("experts", None, None, ()))

    expected = any(dated for _, dated in of_each)
    assert is_news(of_each) == is_news(random.sample(of_each, len(of_each))) == expected


# ── Two papers that turn out to be one ────────────────────────────────────────────────────────────


def _had(store, papers: set[int], subscriber: int = 1) -> set[int]:
    return set(store.had({subscriber: papers}, NOW - DAY).get(subscriber, Had()).papers)


@pytest.fixture
def joined(store):
    """Papers 1 and 2 are stored apart, picked and sent; then a record shows that they are one."""
    with_profiles(store, "experts")
    subscribed(store, "ada@example.org")
    absorb(store, a_paper(arxiv(1), title="A preprint"), source="arxiv")
    absorb(store, a_paper(doi(1), title="In print", abstract="Printed."), source="journal")
    absorb(store, a_paper(arxiv(9)))
    an_edition(store, 1, 2, 3)
    assert _open(store, picks=(1, 2))
    report = absorb(store, a_paper(arxiv(1), doi(1), version=2), source="hf", now=NOW + HOUR)
    assert (report.new, report.joined) == (0, 1)
    return store


def _open(store, picks=(), period="2026-11-20", skip="", message_id="", now=NOW, cursor=1):
    plan = DigestPlan(
        subscriber=1,
        address="ada@example.org",
        slots=((1, period),),
        cursors=() if skip else ((1, cursor),),
        picks=tuple(DeliveredPick(1, paper) for paper in picks),
        editions=() if skip else (1,),
        skip=skip,
    )
    return store.open_delivery(
        plan, message_id or f"<{period}@example.org>", now, now + 12 * HOUR, now
    )


def test_joined_papers_are_one_under_the_elder_ones_key(joined):
    assert joined.count_papers() == 2
    one = stored(joined, doi(1))
    assert one == stored(joined, arxiv(1))
    assert (one.id, one.key, one.abstract) == (1, arxiv(1), "Printed.")


def test_the_later_key_stays_an_alias(joined):
    assert joined.papers({2})[2] == joined.papers({1})[1]
    assert joined.papers({2})[2].key == arxiv(1)


def test_the_sightings_of_both_are_its_own(joined):
    assert {s["source"] for s in joined.sightings(1)} == {"arxiv", "journal", "hf"}


def test_picks_follow_and_an_edition_never_shows_one_paper_twice(joined):
    (edition,) = joined.editions("experts")
    assert [pick.paper for pick in edition.picks] == [1, 3]


def test_what_was_sent_of_either_counts_as_had(joined):
    assert _had(joined, {1, 3}) == {1}


def test_neither_competes_again(joined):
    assert joined.candidates("experts", joined.last_edition("experts"), None, ()) == []
    assert [p.id for p in joined.candidates("experts", None, None, ())] == []


def test_a_paper_new_to_its_readers_is_not_hidden_by_the_old_one_it_joins(store):
    with_profiles(store, "experts")
    absorb(store, shown(a_paper(doi(1)), at=None), seen_before=NOW)
    absorb(store, a_paper(arxiv(1)))
    absorb(store, a_paper(arxiv(1), doi(1)))
    assert [p.id for p in store.candidates("experts", None, None, ())] == [1]


def test_a_chain_of_joins_leads_to_the_eldest(store):
    absorb(store, a_paper(arxiv(1)), a_paper(arxiv(2)), a_paper(arxiv(3)))
    absorb(store, a_paper(arxiv(2), arxiv(3)))
    absorb(store, a_paper(arxiv(1), arxiv(3)))
    assert {store.papers({n})[n].id for n in (1, 2, 3)} == {1}
    assert store.count_papers() == 1


def _records(*names: Identifier) -> st.SearchStrategy[list[Paper]]:
    return st.lists(
        st.builds(
            lambda some, version, title: a_paper(*sorted(some), title=title, version=version),
            st.sets(st.sampled_from(names), min_size=1, max_size=3),
            st.integers(1, 3),
            st.sampled_from(["a", "b", "c"]),
        ),
        min_size=1,
        max_size=7,
    )


UNDISPUTED = _records(arxiv(1), *map(doi, range(4)), url(1), url(2))
# Several papers on arXiv that may name one DOI.
RECORDS = _records(*map(arxiv, range(3)), *map(doi, range(4)))


def _as_stored(records, cuts) -> set[tuple[object, ...]]:
    """Absorb the records in documents that end at `cuts`; return what the store then says."""
    with Store(IN_MEMORY) as store:
        for start, end in zip([0, *cuts], [*cuts, len(records)], strict=True):
            absorb(store, *records[start:end])
        return {
            (paper.identifiers, paper.title, paper.version, paper.stamps)
            for paper in store.recent(100)
        }


@given(UNDISPUTED, st.data())
def test_neither_order_nor_documents_decide_what_is_one_paper_and_what_it_says(records, data):
    cuts = sorted(data.draw(st.sets(st.integers(0, len(records)), max_size=3)))
    otherwise = data.draw(st.permutations(records))
    assert _as_stored(records, cuts) == _as_stored(otherwise, [])


@given(RECORDS, st.data())
def test_nor_how_many_papers_of_arxivs_there_are_where_several_name_one_doi(records, data):
    cuts = sorted(data.draw(st.sets(st.integers(0, len(records)), max_size=3)))
    otherwise = data.draw(st.permutations(records))
    some, others = (
        Counter(
            frozenset(name for name in identifiers if name.scheme is Scheme.ARXIV)
            for identifiers, *_ in found
        )
        for found in (_as_stored(records, cuts), _as_stored(otherwise, []))
    )
    assert some == others


@given(RECORDS)
def test_a_key_never_changes_and_every_key_ever_given_still_leads_to_its_paper(records):
    with Store(IN_MEMORY) as store:
        keys: dict[int, Identifier] = {}
        for record in records:
            absorb(store, record)
            for paper in store.recent(100):
                assert paper.key is not None
                assert keys.setdefault(paper.id, paper.key) == paper.key
        for number, key in keys.items():
            assert store.papers({number})[number] == stored(store, key)


# ── What competes ─────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def composing(store):
    return with_profiles(store, "experts", "others")


def _candidates(store, *sources, profile="experts", since=None):
    last = store.last_edition(profile)
    return [p.id for p in store.candidates(profile, last, since, sources)]


def test_what_came_after_the_last_edition_competes(composing):
    absorb(composing, a_paper(arxiv(1)), a_paper(arxiv(2)))
    an_edition(composing, 1)
    assert _candidates(composing) == []
    absorb(composing, a_paper(arxiv(3)))
    assert _candidates(composing) == [3]
    assert _candidates(composing, profile="others") == [1, 2, 3]


def test_what_is_known_competes_as_it_is_known_and_only_if_it_does(composing):
    absorb(composing, *(a_paper(arxiv(n)) for n in (1, 2, 3)))
    an_edition(composing, 1)
    absorb(composing, a_paper(arxiv(4)))
    known = {1: a_paper(arxiv(1), id=1), 4: a_paper(arxiv(4), id=4, title="As it was read before")}
    last = composing.last_edition("experts")
    (found,) = composing.candidates("experts", last, None, (), known=known)
    assert found is known[4]
    others = composing.candidates("others", None, None, (), known=known)
    assert [paper.id for paper in others] == [1, 2, 3, 4]
    assert others[3] is known[4]


def test_with_sources_only_what_these_showed_competes(composing):
    absorb(composing, a_paper(arxiv(1)), source="arxiv")
    absorb(composing, a_paper(arxiv(2)), source="hf")
    assert _candidates(composing, "hf") == [2]
    assert _candidates(composing, "hf", "arxiv") == [1, 2]


def test_a_paper_that_the_source_shows_days_after_another_competes_then(composing):
    absorb(composing, a_paper(arxiv(1)), source="arxiv")
    an_edition(composing)
    absorb(composing, a_paper(arxiv(1)), source="hf", now=NOW + DAY)
    assert _candidates(composing, "hf") == [1]
    assert _candidates(composing) == []


def test_a_paper_that_the_source_goes_on_showing_competes_once(composing):
    absorb(composing, a_paper(arxiv(1)), source="hf")
    an_edition(composing, now=NOW + HOUR)
    absorb(composing, shown(a_paper(arxiv(1)), votes=9), source="hf", now=NOW + DAY)
    assert _candidates(composing, "hf") == []


def test_what_was_picked_never_competes_again(composing):
    absorb(composing, a_paper(arxiv(1)), source="arxiv")
    an_edition(composing, 1)
    absorb(composing, a_paper(arxiv(1)), source="hf", now=NOW + DAY)
    assert _candidates(composing, "hf") == []


def test_since_looks_at_when_a_paper_was_seen_or_dated(composing):
    absorb(composing, a_paper(arxiv(1), published=NOW - 30 * DAY), now=NOW - 10 * DAY)
    absorb(composing, a_paper(arxiv(2), published=NOW), now=NOW - 10 * DAY)
    absorb(composing, a_paper(arxiv(3), published=NOW - 30 * DAY), now=NOW)
    assert _candidates(composing, since=NOW - 7 * DAY) == [2, 3]


def _news(store, profile="experts", since=NOW - DAY, replaced=NOW - DAY):
    return {each.paper.id: each.events for each in store.news(profile, since, replaced)}


def test_a_picked_paper_with_a_newer_version_is_told_once(composing):
    absorb(composing, a_paper(arxiv(1), version=1))
    an_edition(composing, 1)
    assert _news(composing) == {}
    absorb(composing, shown(a_paper(arxiv(1), version=2), Event.REPLACE))
    assert _news(composing) == {1: (Event.REPLACE,)}
    assert _news(composing, "others") == {}
    assert _news(composing, replaced=NOW + DAY) == {}, "picked too long ago"
    an_edition(composing, period=TODAY + DAY, picks=(Pick(1, 1, Role.UPDATE, version=2),))
    assert _news(composing) == {}


# ── Editions ──────────────────────────────────────────────────────────────────────────────────────


def test_an_edition_comes_back_as_it_went_in(composing):
    absorb(composing, a_paper(arxiv(1)), a_paper(arxiv(2)))
    edition = Edition(
        profile="experts",
        number=1,
        period=TODAY,
        through=2,
        made_at=NOW,
        picks=(
            Pick(1, 2, Role.NEW, 1, 1.25, (Reason(InterestKind.LIKE, "Ein „Titel“", 1.25),)),
            Pick(2, 1, Role.UPDATE, 3),
        ),
        health=(SourceNote("hf", Weather.FAILED, "could not be read", NOW - DAY),),
        considered=2,
        fingerprint="abc",
        forced=True,
    )
    saved = composing.save_edition(edition)
    assert composing.editions("experts") == [saved]
    assert composing.editions_by_id([saved.id]) == {saved.id: saved}


def test_a_day_has_one_edition_but_any_number_by_force(composing):
    an_edition(composing)
    an_edition(composing, forced=True)
    an_edition(composing, forced=True)
    with pytest.raises(sqlite3.IntegrityError):
        an_edition(composing)
    assert [e.number for e in composing.editions("experts")] == [3, 2, 1]
    assert composing.last_period("experts") == TODAY


def test_an_edition_by_force_is_no_days_edition(composing):
    an_edition(composing, forced=True)
    assert composing.last_period("experts") is None


def test_editions_are_found_from_both_ends(composing):
    for day in range(4):
        an_edition(composing, period=TODAY + timedelta(days=day))
    assert [e.number for e in composing.editions("experts", limit=2)] == [4, 3]
    assert [e.number for e in composing.editions("experts", until=TODAY)] == [1]
    assert [e.number for e in composing.editions_after("experts", 2)] == [3, 4]


def test_a_profile_that_vanishes_retires_and_keeps_its_editions(composing):
    an_edition(composing)
    composing.mirror_profiles({"others": "f"})
    assert composing.profile_states() == {"experts": "retired", "others": "active"}
    assert len(composing.editions("experts")) == 1
    composing.mirror_profiles({"experts": "g"})
    assert composing.profile_states() == {"experts": "active", "others": "retired"}


# ── Subscriptions ─────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def mailing(composing):
    absorb(composing, *(a_paper(arxiv(n)) for n in range(1, 6)))
    return composing


def _wanted(*pairs):
    return {(address, profile): f"hidden {address}" for address, profile in pairs}


def _confirmed(store):
    return [(s.address, s.profile) for s in store.subscriptions()]


def test_the_config_subscribes_and_unsubscribes(mailing):
    mailing.mirror_recipients(_wanted(("ada@example.org", "experts")), NOW)
    assert _confirmed(mailing) == [("ada@example.org", "experts")]
    mailing.mirror_recipients({}, NOW)
    assert _confirmed(mailing) == []
    mailing.mirror_recipients(_wanted(("ada@example.org", "experts")), NOW)
    assert _confirmed(mailing) == [("ada@example.org", "experts")]


def test_unsubscribing_wins_over_the_config(mailing):
    wanted = _wanted(("ada@example.org", "experts"))
    mailing.mirror_recipients(wanted, NOW)
    assert mailing.unsubscribe("Ada@Example.org", "", Origin.SELF) == 1
    for _ in range(2):
        mailing.mirror_recipients(wanted, NOW)
    assert _confirmed(mailing) == []
    mailing.mirror_recipients({}, NOW)
    mailing.mirror_recipients(wanted, NOW)
    assert _confirmed(mailing) == [], "also when the address was taken out of the file and put back"


def test_suppression_wins_over_the_config_and_the_owner(mailing):
    suppress(mailing, "hidden ada@example.org")
    mailing.mirror_recipients(_wanted(("ada@example.org", "experts")), NOW)
    status = mailing.subscribe(
        "ada@example.org", "experts", Origin.OWNER, NOW, suppressed="hidden ada@example.org"
    )
    assert status is SubscriptionStatus.UNSUBSCRIBED
    assert _confirmed(mailing) == []


def test_the_owner_may_bring_somebody_back(mailing):
    subscribed(mailing, "ada@example.org")
    mailing.unsubscribe("ada@example.org", "experts", Origin.SELF)
    subscribed(mailing, "ada@example.org")
    assert _confirmed(mailing) == [("ada@example.org", "experts")]


def test_the_config_ends_nobody_whom_the_owner_added(mailing):
    subscribed(mailing, "ada@example.org")
    mailing.mirror_recipients(_wanted(("ada@example.org", "experts")), NOW)
    mailing.mirror_recipients({}, NOW)
    assert _confirmed(mailing) == [("ada@example.org", "experts")]


def test_an_address_is_one_whatever_its_case(mailing):
    subscribed(mailing, "Ada@example.org")
    subscribed(mailing, "ada@EXAMPLE.org", "others")
    assert {s.subscriber for s in mailing.subscriptions()} == {1}


def test_subscriptions_to_a_retired_profile_rest(mailing):
    subscribed(mailing, "ada@example.org")
    mailing.mirror_profiles({"others": "f"})
    assert _confirmed(mailing) == []
    assert len(mailing.all_subscriptions()) == 1


def test_a_new_subscribers_first_digest_is_the_latest_edition(mailing):
    for number in (1, 2, 3):
        an_edition(mailing, number, period=TODAY + timedelta(days=number))
    subscribed(mailing, "ada@example.org")
    (subscription,) = mailing.subscriptions()
    assert subscription.cursor == 2


# ── Slots ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def owing(mailing):
    subscribed(mailing, "ada@example.org")
    an_edition(mailing, 1, 2, 3)
    return mailing


def _cursor(store):
    return store.subscriptions()[0].cursor


def test_a_slot_is_served_once(owing):
    assert _open(owing, picks=(1,))
    assert not _open(owing, picks=(1,), message_id="<other@example.org>")
    assert len(owing.deliveries(10)) == 1
    assert owing.served([1, 2], ["2026-11-20", "2026-11-21"]) == {(1, "2026-11-20")}


def test_of_two_at_once_one_serves_the_slot(owing, path):
    ready, won = threading.Barrier(2), []

    def serve() -> None:
        with Store(path) as store:
            ready.wait()
            won.append(_open(store, picks=(1,)))

    both = [threading.Thread(target=serve) for _ in range(2)]
    for each in both:
        each.start()
    for each in both:
        each.join()
    assert sorted(won) == [False, True]
    assert len(owing.deliveries(10)) == 1


def test_a_delivery_comes_back_as_it_went_in(owing):
    _open(owing, picks=(3, 1))
    (delivery,) = owing.deliveries(10)
    assert delivery.picks == (DeliveredPick(1, 3), DeliveredPick(1, 1))
    assert (delivery.address, delivery.status) == ("ada@example.org", DeliveryStatus.PENDING)
    assert (delivery.due, delivery.stale_at) == (NOW, NOW + 12 * HOUR)
    assert delivery.message_id == "<2026-11-20@example.org>"
    assert _cursor(owing) == 1


def _attempt(verdict: Verdict) -> Attempt:
    return Attempt(verdict, Phase.DATA, 451, "try later")


@pytest.mark.parametrize("end", ["failed", "called off"])
def test_what_was_not_sent_gives_its_papers_back_but_not_its_slot(owing, end):
    _open(owing, picks=(1, 2))
    assert _had(owing, {1, 2, 3}) == {1, 2}
    if end == "failed":
        owing.record(1, DeliveryStatus.FAILED, _attempt(Verdict.REFUSED_ADDRESS), NOW)
    else:
        owing.call_off(1, DeliveryStatus.SKIPPED, "too late")
    assert owing.had({1: {1, 2, 3}}, NOW - DAY).get(1) is None
    assert _cursor(owing) == 0
    assert not _open(owing, message_id="<other@example.org>")


def test_a_cursor_given_back_never_moves_forward(owing):
    _open(owing, picks=(1,))
    an_edition(owing, 4, period=TODAY + DAY)
    _open(owing, picks=(4,), period="2026-11-21", cursor=2)
    owing.call_off(1, DeliveryStatus.SKIPPED, "too late")
    owing.call_off(2, DeliveryStatus.SKIPPED, "too late")
    assert _cursor(owing) == 0


def test_a_skipped_slot_is_served_and_moves_no_cursor(owing):
    assert _open(owing, skip="nothing new")
    assert _cursor(owing) == 0
    assert owing.count_deliveries() == {"skipped": 1}
    assert owing.claim("here/1", NOW, NOW + HOUR, 10) == []


@given(
    st.lists(
        st.builds(
            DeliveredPick,
            st.integers(0, 2**32 - 1),
            st.integers(0, 2**32 - 1),
            st.sampled_from(Role),
            st.sets(st.sampled_from(lifecycle.NEWS)).map(lifecycle.ordered),
        )
    )
)
def test_packed_picks_unpack_to_the_same(picks):
    assert unpacked_picks(packed_picks(picks)) == tuple(picks)
    assert len(packed_picks(picks)) == 9 * len(picks)


def test_picks_that_were_packed_before_events_were_kept_are_read_as_they_were():
    assert unpacked_picks(b"\1\0\0\0\2\0\0\0\0\1\0\0\0\3\0\0\0\1") == (
        DeliveredPick(1, 2), DeliveredPick(1, 3, Role.UPDATE),
    )  # fmt: skip


# ── The outbox ────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def outbox(owing):
    _open(owing, picks=(1, 2))
    return owing


def _claim(store, owner="here/1", now=NOW):
    return store.claim(owner, now, now + HOUR, 10)


def test_what_is_claimed_is_nobody_elses_until_the_lease_is_over(outbox):
    assert len(_claim(outbox, "here/1")) == 1
    assert _claim(outbox, "elsewhere/1") == []
    assert len(_claim(outbox, "elsewhere/1", NOW + 2 * HOUR)) == 1


def test_a_dead_sender_on_the_same_machine_holds_nothing_back(outbox):
    assert len(_claim(outbox, "here/1")) == 1
    assert len(_claim(outbox, "here/2")) == 1


def test_what_a_slow_sender_has_not_come_to_is_not_claimed_twice(outbox):
    outbox.claim("here/1", NOW, NOW + HOUR, 10)
    assert outbox.claim("here/1", NOW + 2 * HOUR, NOW + 3 * HOUR, 10) == []
    assert len(outbox.claim("elsewhere/1", NOW + 2 * HOUR, NOW + 3 * HOUR, 10)) == 1


def _post(store, *, now=NOW, number=1):
    note = Note(DeliveryKind.CONFIRM, f"<note-{number}@lab.example>", b"Please confirm.")
    store.post(1, note, now + 3 * DAY, now)


def test_notes_and_the_oldest_are_claimed_by_turns(outbox):
    for minutes in range(1, 5):
        _post(outbox, now=NOW + timedelta(minutes=minutes), number=minutes)
    due = NOW + timedelta(minutes=4)
    claimed = outbox.claim("here/1", due, due + HOUR, 3)
    assert [d.id for d in claimed] == [2, 1, 3]
    assert [d.id for d in outbox.claim("here/1", due, due + HOUR, 3)] == [4, 5]
    assert outbox.claim("here/1", due, due + HOUR, 3) == []


def test_a_note_that_was_turned_away_goes_first_when_its_time_has_come(outbox):
    _post(outbox)
    _claim(outbox)
    later = NOW + timedelta(minutes=5)
    outbox.record(2, DeliveryStatus.RETRY, _attempt(Verdict.RETRY), NOW, later)
    assert [d.id for d in _claim(outbox, "here/2")] == [1]
    assert [d.id for d in _claim(outbox, "here/3", now=later)] == [2, 1]


def test_a_note_whose_bytes_are_gone_is_claimed_in_its_turn(outbox):
    _post(outbox)
    outbox.db.write("DELETE FROM outgoing")
    assert [d.id for d in _claim(outbox)] == [1, 2]


def test_released_leases_are_free(outbox):
    _claim(outbox, "here/1")
    outbox.release("here/1")
    assert len(_claim(outbox, "elsewhere/1")) == 1


def test_a_retry_waits_for_its_time(outbox):
    _claim(outbox)
    later = NOW + timedelta(minutes=5)
    outbox.record(1, DeliveryStatus.RETRY, _attempt(Verdict.RETRY), NOW, later)
    assert _claim(outbox, now=later - timedelta(seconds=1)) == []
    (delivery,) = _claim(outbox, now=later)
    assert (delivery.attempts, delivery.said) == (1, "try later")


def test_what_died_in_flight_comes_back_as_uncertain_with_the_same_bytes(outbox):
    _claim(outbox)
    assert outbox.prepare(1, b"the very bytes", ["experts"], "nobody", NOW + HOUR)
    assert _claim(outbox, "elsewhere/1") == [], "another machine may still be at it"
    (delivery,) = _claim(outbox, "here/2")
    assert (delivery.status, delivery.resent) == (DeliveryStatus.UNCERTAIN, False)
    assert outbox.prepared([1]) == {1: b"the very bytes"}
    assert outbox.prepare(1, b"the very bytes", ["experts"], "nobody", NOW + HOUR)
    (again,) = _claim(outbox, "here/3")
    assert again.resent


def test_sent_is_the_end_and_drops_the_bytes(outbox):
    _claim(outbox)
    assert outbox.prepare(1, b"the very bytes", ["experts"], "nobody", NOW + HOUR)
    outbox.record(1, DeliveryStatus.SENT, Attempt(Verdict.SENT, Phase.DONE, 250, "OK"), NOW)
    assert outbox.prepared([1]) == {}
    assert _claim(outbox, now=NOW + 30 * DAY) == []
    (delivery,) = outbox.deliveries(10, "sent")
    assert delivery.sent_at == NOW
    assert _had(outbox, {1, 2, 3}) == {1, 2}


def test_only_what_nobody_is_sending_can_be_overdue(outbox):
    late = NOW + 13 * HOUR
    assert outbox.overdue("here/1", NOW + 12 * HOUR) == []
    assert [d.id for d in outbox.overdue("here/1", late)] == [1]
    outbox.claim("elsewhere/1", NOW + 12 * HOUR, late + HOUR, 10)
    assert outbox.overdue("here/1", late) == []
    outbox.release("elsewhere/1")
    assert outbox.prepare(1, b"in flight", ["experts"], "nobody", late + HOUR)
    assert outbox.overdue("here/1", late) == [], "it may have arrived"


def test_who_left_wants_it_no_more(outbox):
    assert outbox.wanted({1: "nobody"}) == {1: {"experts": True}}
    outbox.unsubscribe("ada@example.org", "", Origin.SELF)
    assert outbox.wanted({1: "nobody"}) == {1: {"experts": False}}
    subscribed(outbox, "ada@example.org")
    assert outbox.wanted({1: "nobody"}) == {1: {"experts": True}}
    suppress(outbox, "hidden")
    assert outbox.wanted({1: "hidden"}) == {1: {"experts": False}}


def test_bytes_made_for_a_profile_that_was_left_since_are_not_sent(outbox):
    _claim(outbox)
    outbox.unsubscribe("ada@example.org", "", Origin.SELF)
    assert not outbox.prepare(1, b"too late", ["experts"], "nobody", NOW + HOUR)
    assert outbox.prepared([1]) == {}
    assert outbox.deliveries(1)[0].status is DeliveryStatus.PENDING


def test_writes_that_go_together_are_all_kept_or_none(outbox):
    _claim(outbox)
    sent = Attempt(Verdict.SENT, Phase.DONE, 250, "OK")
    write = partial(outbox.record, 1, DeliveryStatus.SENT, sent, NOW)

    def break_off():
        raise RuntimeError("the power is gone")

    with pytest.raises(RuntimeError):
        outbox.together([write, break_off])
    assert outbox.deliveries(1)[0].status is DeliveryStatus.PENDING
    assert outbox.together([write, lambda: "and what each returns"]) == [
        None, "and what each returns",
    ]  # fmt: skip
    assert outbox.deliveries(1)[0].status is DeliveryStatus.SENT


def test_what_is_due_is_counted_and_what_was_in_flight_with_it(outbox):
    assert outbox.count_due(NOW - DAY) == 0
    assert outbox.count_due(NOW) == 1
    _claim(outbox)
    outbox.prepare(1, b"in flight", ["experts"], "nobody", NOW + HOUR)
    assert outbox.count_due(NOW) == 1
    outbox.record(1, DeliveryStatus.SENT, Attempt(Verdict.SENT, Phase.DONE, 250, "OK"), NOW)
    assert outbox.count_due(NOW) == 0


def test_due_deliveries_are_found_by_their_index(outbox):
    plan = outbox.db.rows(
        f"EXPLAIN QUERY PLAN {sending.CLAIMABLE}",
        {"now": 0, "owner": "", "node": "", "limit": 1},
    )
    told = " ".join(row["detail"] for row in plan)
    assert "USING INDEX delivery_due" in told
    assert "TEMP B-TREE" not in told


def test_due_notes_are_found_among_the_bytes_that_wait_however_many_digests_are_due(outbox):
    plan = outbox.db.rows(
        f"EXPLAIN QUERY PLAN {sending.CLAIMABLE_NOTES}",
        {"now": 0, "owner": "", "node": "", "limit": 1},
    )
    assert [row["detail"] for row in plan] == [
        "SCAN o",
        "SEARCH d USING INTEGER PRIMARY KEY (rowid=?)",
        "SEARCH r USING INTEGER PRIMARY KEY (rowid=?)",
    ]


@pytest.mark.parametrize(
    "statement", [sending.ABANDONED, sending.OVERDUE, sending.COUNT_DUE, CONFIRMED]
)
def test_sending_never_reads_all_that_was_ever_sent_nor_opening_all_subscriptions(
    outbox, statement
):
    names = ("now", "owner", "node", "above", "through", "limit")
    plan = outbox.db.rows(f"EXPLAIN QUERY PLAN {statement}", dict.fromkeys(names, 0))
    scans = [row["detail"] for row in plan if row["detail"].startswith("SCAN")]
    assert [scan for scan in scans if "delivery_due" not in scan] in ([], ["SCAN CONSTANT ROW"])


def test_candidates_of_sources_are_found_without_a_look_at_all_that_was_ever_shown(outbox):
    names = ("profile", "through", "made_at", "since", "sources", "until")
    statement = f"EXPLAIN QUERY PLAN {editions.CANDIDATES_OF_SOURCES}"
    plan = [row["detail"] for row in outbox.db.rows(statement, dict.fromkeys(names, 0))]
    assert "SEARCH sighting USING COVERING INDEX sighting_stored (stored_at>?)" in plan
    assert not [step for step in plan if re.match("SCAN (sighting|paper|p)\\b", step)]


def test_senders_of_a_node_are_forgotten_whatever_they_held(outbox):
    _claim(outbox)
    owned = "SELECT count(*) AS n FROM delivery WHERE owner <> ''"
    assert outbox.db.row(owned)["n"] == 1
    outbox.forget_senders("here", NOW)
    assert outbox.db.row(owned)["n"] == 0


def test_subscriptions_are_read_by_the_numbers_of_their_subscribers(composing):
    for name in ("ada", "bob", "cyd"):
        subscribed(composing, f"{name}@example.org", "others")
        subscribed(composing, f"{name}@example.org", "experts")
    first, second = (composing.subscriber_after(0, count) for count in (1, 2))
    read = [(s.address, s.profile) for s in composing.subscriptions(first, second)]
    assert read == [("bob@example.org", "others"), ("bob@example.org", "experts")]
    last = composing.subscriber_after(second, 5)
    assert {s.address for s in composing.subscriptions(second, last)} == {"cyd@example.org"}
    assert composing.subscriptions(last) == []
    assert composing.subscriber_after(last, 5) is None
    assert len(composing.subscriptions()) == 6


def test_a_rest_is_remembered_until_it_is_over(outbox):
    assert outbox.rest() is None
    for rest in (Rest(NOW, 1, "busy"), Rest(NOW + HOUR, 2, "still busy")):
        outbox.set_rest(rest)
        assert outbox.rest() == rest
    outbox.set_rest(None)
    assert outbox.rest() is None


def test_a_sources_state_comes_back_as_it_went_in(store):
    state = SourceState(
        "hf", "f", '"etag"', "Mon", "sha", "batch", NOW, 3, NOW - DAY, NOW, NOW, NOW, NOW, True,
        "quiet", "error",
    )  # fmt: skip
    store.save_source_state(state)
    assert store.source_states() == {"hf": state}


def test_an_identifier_with_a_colon_in_it_is_itself(store):
    odd = Identifier(Scheme.URL, "https://example.org/a:b?c=d")
    absorb(store, a_paper(odd))
    assert stored(store, odd).identifiers == {odd}
