"""Upgrades: the database of every released version goes forward, whole or not at all, after a copy.

`tests/databases/schema-N.sql` is a small invented database as the version with schema N left it, made
through the store's own functions. To record the one of today's schema, at a release that changes it:

    python tests/test_upgrade.py > tests/databases/schema-$(N).sql
"""

from __future__ import annotations

import logging
import re
import shutil
import sqlite3
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlite_utils import Migrations

from bot.errors import DiskFullError, SchemaTooNewError, StateError
from bot.models import (
    Attempt,
    DeliveredPick,
    DeliveryStatus,
    DigestPlan,
    Enrichment,
    Event,
    Opinion,
    Origin,
    Phase,
    Rest,
    Role,
    SourceState,
    Verdict,
)
from bot.store import Store, connection, schema
from bot.store.backup import examine
from bot.store.enrichment import Enricher
from bot.store.subscribers import Choices
from support_round import (
    DAY,
    HOUR,
    INTRODUCING,
    NOW,
    a_paper,
    absorb,
    an_edition,
    arxiv,
    doi,
    new_pick,
    shown,
    subscribed,
    url,
    with_profiles,
)

RECORDED = Path(__file__).with_name("databases")
SCHEMAS = sorted(int(path.stem.partition("-")[2]) for path in RECORDED.glob("schema-*.sql"))

NEWEST, NEXT = SCHEMAS[-1], SCHEMAS[-1] + 1


# ── The invented database, through the store's own functions ──────────────────────────────────────


def invent(path: Path) -> None:
    """Fill a database with everything that there is to keep."""
    with with_profiles(Store(path), "experts", "proteins", "gone") as store:
        store.found("example.org,2026", b"a secret that is no secret, 32 b")
        _papers(store)
        store.index_all()
        store.mirror_profiles({"experts": "f", "proteins": "g"})
        an_edition(store, 1, 2, now=NOW - HOUR)
        update = new_pick(2, 1, role=Role.UPDATE, told=(Event.WITHDRAWN,))
        an_edition(store, picks=(new_pick(1, 3), update), period=(NOW + DAY).date(), now=NOW + DAY)
        _deliveries(store)
        store.put_feedback(["experts"], 1, Opinion.LIKE, NOW)
        store.put_feedback(["experts"], 2, Opinion.DISLIKE, NOW, subscriber=2)
        store.submit(4, "proteins", NOW)
        store.vote(3, 3, NOW)
        store.quarantine("mail-1", b"Subject: ?\r\n\r\n\xff", "It has no sender.", NOW)
        store.keep_files({"profiles/experts.toml": "[profiles.experts]\n"}, frozenset())
        store.set_rest(Rest(NOW + HOUR, 2, "The relay wants a rest."))
        store.hold_all("by hand.")


def _papers(store: Store) -> None:
    papers = [
        a_paper(
            arxiv(n), title=f"Paper “{n}”", authors=("Ada Löve", "O'Brien"), abstract="Of\nexperts."
        )
        for n in range(1, 5)
    ]
    absorb(store, *papers)
    again = a_paper(arxiv(1), title="Paper 1, again", version=2, notice="This paper is withdrawn")
    absorb(store, again, now=NOW + HOUR)
    absorb(
        store, a_paper(doi(5), title="Elsewhere", categories=("cell biology",)), source="journal"
    )
    absorb(store, a_paper(arxiv(4), doi(5), title="Paper 4"), now=NOW + HOUR)  # two were one
    voted = shown(a_paper(arxiv(2), title="Paper “2”"), Event.SEEN, votes=7, comments=1)
    absorb(store, voted, source="hf")
    entry = shown(a_paper(url(6), title="An entry"), Event.SEEN)
    state = SourceState("feed", failures=2, failing_since=NOW, error="It timed out.", batch="b")
    store.absorb("feed", [entry], state, NOW, introduces=INTRODUCING, keep_guids=True)
    told = Enrichment(citations=3, tldr="Experts route.")
    one, two = (store.papers([number])[number] for number in (1, 2))
    Enricher(store).put("semantic-scholar", [(one, None, NOW), (two, told, NOW)], NOW)


_ENDS = {
    "sent": Verdict.SENT, "retry": Verdict.RETRY, "failed": Verdict.REFUSED_CONTENT,
    "uncertain": Verdict.UNCERTAIN,
}  # fmt: skip


def _deliveries(store: Store) -> None:
    names = [status.value for status in DeliveryStatus]
    for name in (*names, "left"):
        subscribed(store, f"{name}@example.org")
    subscribed(store, "sent@example.org", "proteins", Origin.CONFIG)
    for number, name in enumerate(names, start=1):
        (mine,) = (
            s for s in store.subscriptions()
            if (s.address, s.profile) == (f"{name}@example.org", "experts")
        )  # fmt: skip
        plan = DigestPlan(
            mine.subscriber, mine.address, ((mine.id, "2026-11-20"),), ((mine.id, 1),),
            (DeliveredPick(1, 1), DeliveredPick(1, 2)), (1,),
            subscription=mine.id if name == "sent" else 0,
        )  # fmt: skip
        assert store.open_delivery(plan, f"<{number}@example.org>", NOW, NOW + 12 * HOUR, NOW)
        if name == "sending" or name in _ENDS:
            store.prepare(number, b"Subject: experts\r\n\r\n", {"experts"}, "", NOW + HOUR)
        if name in _ENDS:
            attempt = Attempt(_ENDS[name], Phase.DATA, 250, "said")
            store.record(number, DeliveryStatus(name), attempt, NOW, NOW + HOUR)
        elif name == "held":
            store.hold(number, NOW)
        elif name == "skipped":
            store.call_off(number, DeliveryStatus.SKIPPED, "nobody wants it")
    store.choose("sent@example.org", Choices(apart=True))
    store.suppress("failed@example.org", "hidden failed@example.org", "hard bounce", NOW)
    store.unsubscribe("left@example.org", "", Origin.OWNER)


# ── Writing it down, and reading it ───────────────────────────────────────────────────────────────


def dumped(path: Path) -> Iterator[str]:
    """Yield SQL that makes a database anew; what its search index held is to be indexed again.

    What `shown` holds its triggers make again.
    """
    with closing(sqlite3.connect(path)) as db:
        db.execute("INSERT OR IGNORE INTO unindexed SELECT paper FROM paper_text")
        db.execute("DELETE FROM paper_text")
        rows = db.execute(
            "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL "
            "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY rowid"
        ).fetchall()
        virtual = [name for _, name, sql in rows if sql.startswith("CREATE VIRTUAL")]
        ours = [row for row in rows if not row[1].startswith(tuple(f"{name}_" for name in virtual))]
        version = db.execute("PRAGMA user_version").fetchone()[0]
        yield f"PRAGMA user_version = {version};\nBEGIN;\n"
        for _, _, sql in ours:
            yield f"{sql};\n"
        tables = [
            name for kind, name, _ in ours if kind == "table" and name not in {*virtual, "shown"}
        ]
        for name in tables:
            yield from _rows_of(db, name)
        yield "DELETE FROM sqlite_sequence;\n"
        yield from _rows_of(db, "sqlite_sequence")
        yield "COMMIT;\n"


def _rows_of(db: sqlite3.Connection, table: str) -> Iterator[str]:
    columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
    # Times and marks that are other ones in every run.
    always = {"applied_at": "'2026-11-20 08:00:00+00:00'", "mark": "'1'"}
    quoted = ", ".join(always.get(column, f"quote({column})") for column in columns)
    order = "1, 2" if len(columns) > 1 else "1"
    for row in db.execute(f"SELECT {quoted} FROM {table} ORDER BY {order}"):  # noqa: S608 - a test's own
        values = (f"'{v}'" if c == "applied_at" else v for c, v in zip(columns, row, strict=True))
        yield f"INSERT INTO {table} VALUES ({', '.join(values)});\n"  # noqa: S608 - a test's own


def as_recorded(number: int, path: Path) -> Path:
    """Make the database that the version with that schema left."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as db:
        db.executescript((RECORDED / f"schema-{number}.sql").read_text(encoding="utf-8"))
    return path


def schema_of(path: Path) -> dict[str, str]:
    with closing(sqlite3.connect(path)) as db:
        rows = db.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
        return dict(rows.fetchall())


def counts_of(path: Path) -> dict[str, int]:
    with closing(sqlite3.connect(path)) as db:
        names = [n for n, s in schema_of(path).items() if s.startswith("CREATE TABLE")]
        counted = {n: db.execute(f"SELECT count(*) FROM {n}").fetchone()[0] for n in names}  # noqa: S608 - a test's own
    return {n: c for n, c in counted.items() if not n.startswith("paper_search")}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "paperround.db"


# ── What every release promises ───────────────────────────────────────────────────────────────────


def test_every_released_schema_is_recorded():
    assert list(range(1, connection.SCHEMA_VERSION + 1)) == SCHEMAS, (
        "record the database of the schema that is new: "
        f"python tests/test_upgrade.py > tests/databases/schema-{connection.SCHEMA_VERSION}.sql"
    )


def test_todays_schema_is_the_recorded_one(path, tmp_path):
    newest = as_recorded(connection.SCHEMA_VERSION, path)
    with Store(tmp_path / "fresh.db"):
        pass
    assert schema_of(tmp_path / "fresh.db") == schema_of(newest), (
        "the schema differs from tests/databases. If this schema was released: write a migration "
        "m00N_… in bot/store/schema.py, raise SCHEMA_VERSION, leave the recorded files alone and "
        "record one more (see the head of this file). If it was not: record its file again."
    )


@pytest.mark.parametrize("number", SCHEMAS)
def test_the_database_of_every_released_version_goes_forward(path, tmp_path, number):
    before = counts_of(as_recorded(number, path))
    with Store(path) as store, Store(tmp_path / "fresh.db"):
        assert store.found("other").authority == "example.org,2026"
        assert store.db.row("PRAGMA user_version")[0] == connection.SCHEMA_VERSION
        assert store.db.rows("PRAGMA foreign_key_check") == []
        assert [row[0] for row in store.db.rows("PRAGMA integrity_check")] == ["ok"]
        _all_can_be_read(store)
        absorb(store, a_paper(arxiv(77)), now=NOW + 2 * DAY)
    after = counts_of(path)
    more = {"paper", "paper_text", "unindexed", "identifier", "sighting", "_sqlite_migrations"}
    same = before.keys() - more
    assert {name: after[name] for name in same} == {name: before[name] for name in same}
    assert schema_of(path).keys() >= schema_of(tmp_path / "fresh.db").keys()


def _all_can_be_read(store: Store) -> None:
    assert store.count_papers() == 5
    assert {d.status.value: d.attempts for d in store.deliveries(100)} == {
        "pending": 0, "sending": 0, "sent": 1, "retry": 1, "failed": 1, "uncertain": 1, "held": 0,
        "skipped": 0,
    }  # fmt: skip
    assert [edition.number for edition in store.editions("experts")] == [2, 1]
    assert [f.opinion for f in store.feedback_of("experts")] == [Opinion.LIKE, Opinion.DISLIKE]
    assert [p.title for p in store.submitted("proteins")] == ["Paper “4”"]
    assert store.prepared([2, 4, 6]).keys() == {2, 6}, "what is tried again is made anew"
    assert store.source_states()["feed"].failures == 2
    assert store.quarantined()[0].raw.endswith(b"\xff")
    assert store.suppressed(["hidden failed@example.org"])
    assert store.with_any(["experts"], 10)
    assert store.hold_of_all()


def test_a_recorded_database_is_what_its_version_made(path, tmp_path):
    """The record of today's schema is not older than the functions that made it."""
    invent(path)
    recorded = counts_of(as_recorded(connection.SCHEMA_VERSION, tmp_path / "recorded.db"))
    made = counts_of(path)
    assert recorded.pop("unindexed") == made.pop("paper_text")  # the index itself is not recorded
    assert recorded.pop("paper_text") == made.pop("unindexed") == 0
    assert made == recorded


# ── The machinery, by an invented next schema ───────────────────────────────────────────────────


@pytest.fixture
def second(monkeypatch):
    """A version with one more schema; its migration does what a test appends to `more`."""
    more = []
    migrations = Migrations("paperround")
    for name in sorted(vars(schema)):
        if re.match(r"m\d{3}_", name):
            migrations()(getattr(schema, name))

    @migrations()
    def m999_next(db):
        db.execute("ALTER TABLE paper ADD COLUMN colour TEXT NOT NULL DEFAULT ''")
        db.execute("DELETE FROM attempt")
        for each in more:
            each(db)

    monkeypatch.setattr(schema, "migrations", migrations)
    monkeypatch.setattr(connection, "SCHEMA_VERSION", NEXT)
    return more


@pytest.fixture
def old(path) -> Path:
    return as_recorded(NEWEST, path)


def test_a_copy_is_made_first_and_kept_and_told(old, second, caplog):
    with caplog.at_level(logging.WARNING, "paperround"), Store(old) as store:
        assert store.db.row("SELECT colour FROM paper")["colour"] == ""
        assert store.db.row("SELECT count(*) FROM attempt")[0] == 0
    kept = old.parent / "backups" / f"before-schema-{NEXT}.db"
    assert counts_of(kept)["attempt"] == 4
    assert examine(kept).schema == NEWEST
    assert kept.stat().st_mode & 0o777 == 0o600
    assert f"from schema {NEWEST} to {NEXT}; as it was before, it lies at {kept}" in caplog.text
    assert [p.name for p in kept.parent.iterdir()] == [kept.name]


def test_the_next_start_has_nothing_to_do(old, second, caplog):
    with Store(old):
        pass
    kept = old.parent / "backups" / f"before-schema-{NEXT}.db"
    before = kept.stat().st_mtime_ns
    caplog.clear()
    with Store(old):
        pass
    assert kept.stat().st_mtime_ns == before
    assert not caplog.text


def test_a_fresh_database_needs_no_copy(path, second):
    with Store(path) as store:
        assert store.db.row("PRAGMA user_version")[0] == NEXT
    assert not (path.parent / "backups").exists()


def test_of_two_starters_at_once_one_does_it_and_both_go_on(old, second):
    ran, failed, ready = [], [], threading.Barrier(4)
    second.append(ran.append)

    def start() -> None:
        ready.wait()
        try:
            with Store(old) as store:
                store.count_papers()
        except Exception as error:  # noqa: BLE001 - the test tells it
            failed.append(error)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert (failed, len(ran)) == ([], 1)


def breaks(db) -> None:
    db.execute("INSERT INTO there_is_no_such_table VALUES (1)")


def test_a_migration_that_fails_leaves_the_database_as_it_was_and_says_so(old, second):
    before, names = counts_of(old), schema_of(old)
    second.append(breaks)
    with pytest.raises(StateError) as raised:
        Store(old)
    said = str(raised.value)
    assert f"could not be brought from schema {NEWEST} to {NEXT}: no such table" in said
    assert "It is as it was before" in said
    assert f"before-schema-{NEXT}.db" in said
    assert "Go on with the version you had" in said
    assert (counts_of(old), schema_of(old)) == (before, names)
    assert examine(old).schema == NEWEST
    second.clear()  # the version that mends it
    with Store(old) as store:
        assert store.count_papers() == 5


def test_without_room_for_the_copy_nothing_is_begun(old, second, monkeypatch):
    usage = shutil.disk_usage(old.parent)._replace(free=100)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(DiskFullError, match="The upgrade was not begun") as raised:
        Store(old)
    assert "make room" in str(raised.value)
    assert examine(old).schema == NEWEST
    assert not list((old.parent / "backups").iterdir())


def test_a_later_schema_is_refused_with_what_to_do(old, monkeypatch):
    with closing(sqlite3.connect(old)) as db:
        db.execute("PRAGMA user_version = 9")
    before = old.read_bytes()
    with pytest.raises(SchemaTooNewError) as raised:
        Store(old)
    assert "its schema is 9" in str(raised.value)
    assert "Nothing was changed. Install that version, or restore a backup" in str(raised.value)
    assert old.read_bytes() == before


def test_an_upgrade_waits_for_who_is_writing(old, second):
    """A collector of the old version that is in the middle of a document ends it first."""
    with closing(sqlite3.connect(old, isolation_level=None, check_same_thread=False)) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("UPDATE paper SET votes = 99 WHERE id = 1")
        threading.Timer(0.3, writer.execute, ["COMMIT"]).start()
        with Store(old) as store:
            assert store.papers([1])[1].votes == 99
    assert sqlite3_value(old.parent / "backups" / f"before-schema-{NEXT}.db") == 99


def sqlite3_value(path: Path) -> int:
    with closing(sqlite3.connect(path)) as db:
        return int(db.execute("SELECT votes FROM paper WHERE id = 1").fetchone()[0])


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        invent(Path(folder) / "paperround.db")
        sys.stdout.writelines(dumped(Path(folder) / "paperround.db"))
