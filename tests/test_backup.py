"""backup and restore: one file that holds what cannot be made again, and back, sending nothing twice."""

from __future__ import annotations

import asyncio
import errno
import io
import json
import os
import shutil
import sqlite3
import subprocess
import tarfile
import threading
import time
from pathlib import Path

import pytest

from bot import files
from bot.config import load_config
from bot.errors import DiskFullError, StateError
from bot.files import workflow_lock
from bot.models import DeliveredPick, DigestPlan
from bot.store import Store
from bot.store.backup import copy_database, examine, hold_copy
from bot.store.connection import SCHEMA_VERSION
from support_cli import desk_in, mails
from support_office import Office
from support_round import (
    DAY,
    HOUR,
    NOW,
    a_paper,
    absorb,
    an_edition,
    arxiv,
    subscribed,
    with_profiles,
)

MORNING = ("--now", "2026-11-20T08:00Z")
LATER = ("--now", "2026-11-22T09:00Z")
CONFIG = """
include = ["profiles/*.toml"]
[bot]
contact = "owner@example.org"
[mail]
transport = "smtp"
password = "env:PAPERROUND_SMTP_PASSWORD"
from = "Papers <papers@example.org>"
[mail.dkim]
domain = "example.org"
selector = "s"
key = "file:templates/dkim.pem"
[enrich]
semantic_scholar_token = "env:S2_KEY"
"""
PROFILE = """
[profiles.experts]
keywords = ["experts"]
library = "moe.bib"
at = "any"
"""


@pytest.fixture
def desk(tmp_path, monkeypatch, capsys):
    """A folder with all that a configuration may be made of, and a database with one edition."""
    folder = tmp_path / "papers"
    for name, text in {
        "config.toml": CONFIG,
        "profiles/experts.toml": PROFILE,
        "moe.bib": "@article{a, doi = {10.1234/1}}",
        "templates/email/digest.txt": "{{ title }}",
        "templates/dkim.pem": "a secret key",
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    fill(folder / "state" / "paperround.db")
    yield from desk_in(folder, monkeypatch, capsys)


def fill(database: Path) -> None:
    with with_profiles(Store(database), "experts") as store:
        store.found("example.org,2026")
        absorb(store, *(a_paper(arxiv(n)) for n in range(1, 4)))
        an_edition(store, 1, 2)
        subscribed(store, "ada@example.org")


@pytest.fixture
def made(desk):
    """A backup of the desk, outside of it."""
    assert desk(*MORNING, "backup", "../papers.tar").code == 0
    return desk.folder.parent / "papers.tar"


def names(archive: Path) -> list[str]:
    with tarfile.open(archive) as opened:
        return opened.getnames()


def manifest(archive: Path) -> dict:
    with tarfile.open(archive) as opened:
        return json.load(opened.extractfile("MANIFEST.json"))


def forged(archive: Path, *changes, **said) -> Path:
    """The same backup with other members, its manifest in step with them unless `said` says other."""
    target = archive.with_name("forged.tar")
    with tarfile.open(archive) as old, tarfile.open(target, "w") as new:
        told = json.load(old.extractfile("MANIFEST.json")) | said
        held = {m.name: old.extractfile(m).read() for m in old if m.name != "MANIFEST.json"}
        added = []
        for change in changes:
            change(held, told, added)
        for name, content in [("MANIFEST.json", json.dumps(told).encode()), *held.items()]:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            new.addfile(info, io.BytesIO(content))
        for info in added:
            new.addfile(info)
    return target


# ── Backup ────────────────────────────────────────────────────────────────────────────────────────


def test_a_backup_holds_database_configuration_includes_templates_and_libraries(made):
    assert names(made) == [
        "MANIFEST.json", "paperround.db", "config/config.toml", "config/profiles/experts.toml",
        "config/moe.bib", "config/templates/email/digest.txt",
    ]  # fmt: skip
    told = manifest(made)
    assert told["counts"] == {"papers": 3, "editions": 1, "subscribers": 1, "deliveries": 0}
    assert (told["schema"], told["made_at"]) == (SCHEMA_VERSION, "2026-11-20T08:00:00+00:00")


def test_secrets_are_named_and_not_copied(desk, made):
    assert manifest(made)["not_copied"] == [
        "[mail] password: env:PAPERROUND_SMTP_PASSWORD",
        "[mail.dkim] key: file:templates/dkim.pem",
        "[enrich] semantic_scholar_token: env:S2_KEY",
    ]
    assert b"a secret key" not in made.read_bytes()
    assert "not copied [mail] password: env:PAPERROUND_SMTP_PASSWORD" in desk("backup", "x").words


def test_only_its_owner_can_read_it_and_nothing_is_left_beside_it(desk):
    assert desk("backup", "state/backups/2026-11-20.tar").code == 0
    folder = desk.state / "backups"
    assert [p.name for p in folder.iterdir()] == ["2026-11-20.tar"]
    assert (folder / "2026-11-20.tar").stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700


def test_what_a_killed_backup_left_goes_with_the_next_one(desk):
    folder = desk.state / "backups"
    for name, age in ((".paperround-left", 2 * 86_400), (".paperround-at-work", 60)):
        (folder / name).mkdir(parents=True)
        when = time.time() - age
        os.utime(folder / name, (when, when))
    assert desk("backup", "state/backups/b.tar").code == 0
    assert sorted(p.name for p in folder.iterdir()) == [".paperround-at-work", "b.tar"]


def test_common_tools_can_look_into_it(made):
    listed = subprocess.run(["tar", "tvf", made], capture_output=True, text=True, check=True)
    assert "MANIFEST.json" in listed.stdout


def test_a_backup_tells_its_size_and_counts_as_json(desk):
    told = desk("backup", "b.tar", "--json").document
    assert told["bytes"] == (desk.folder / "b.tar").stat().st_size
    assert told["counts"]["papers"] == 3
    assert "config/moe.bib" in told["files"]


def test_what_the_configuration_names_elsewhere_is_in_it_too(desk):
    (desk.folder.parent / "shared.bib").write_text("@article{b, doi = {10.1234/2}}")
    desk.write(PROFILE.replace("moe.bib", "../shared.bib"), "profiles/experts.toml")
    assert desk("backup", "../b.tar").code == 0
    (name,) = (n for n in names(desk.folder.parent / "b.tar") if n.startswith("outside/"))
    assert name.endswith("-shared.bib")
    said = desk("--config", "../new/config.toml", "restore", "../b.tar")
    assert said.code == 0
    assert f"shared.bib lay outside of this folder; it is now {desk.folder.parent}" in said.words


def test_a_backup_is_consistent_in_the_middle_of_a_collect(desk):
    """Each document brings four papers in one transaction: no copy has a part of one."""
    database, stop = desk.state / "paperround.db", threading.Event()

    def collect() -> None:
        with Store(database) as store:
            number = 10
            while not stop.is_set():
                absorb(store, *(a_paper(arxiv(n)) for n in range(number, number + 4)))
                number += 4

    writer = threading.Thread(target=collect)
    writer.start()
    try:
        seen = set()
        for number in range(500):
            copy = desk.folder / "copy.db"
            copy.unlink(missing_ok=True)
            seen.add(copy_database(database, copy).counts["papers"])
            if number > 6 and len(seen) > 1:  # the writer has come in between
                break
    finally:
        stop.set()
        writer.join()
    assert len(seen) > 1
    assert {(papers - 3) % 4 for papers in seen} == {0}


def test_a_copy_is_one_file_that_sqlite_finds_in_order(desk, tmp_path):
    copy = tmp_path / "copy.db"
    held = copy_database(desk.state / "paperround.db", copy)
    assert held.size == copy.stat().st_size
    assert not list(tmp_path.glob("copy.db-*"))
    assert examine(copy) == held


def test_only_a_backup_is_replaced_by_a_backup(desk):
    before = (desk.folder / "config.toml").read_bytes()
    for place in ("config.toml", "state/paperround.db", "state", "state/public/b.tar"):
        said = desk("backup", place)
        assert said.code == 2, place
        assert "Name a file" in said.words or "Nothing was written" in said.words
    assert (desk.folder / "config.toml").read_bytes() == before
    assert [desk("backup", "b.tar").code for _ in range(2)] == [0, 0]


def test_an_empty_file_is_no_obstacle(desk):
    desk.write("", "b.tar")
    assert desk("backup", "b.tar").code == 0


@pytest.mark.parametrize("trouble", ["room", "tar", "verify"])
def test_what_goes_wrong_leaves_the_last_good_backup(desk, monkeypatch, trouble):
    assert desk(*MORNING, "backup", "b/b.tar").code == 0
    good = (desk.folder / "b" / "b.tar").read_bytes()

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    def torn(archive, name, content, at):
        content = (
            content[:-1] if isinstance(content, bytes) and name != "MANIFEST.json" else content
        )
        whole(archive, name, content, at)

    whole = files._add_member  # noqa: SLF001 - where bytes become a member
    if trouble == "room":
        usage = shutil.disk_usage(desk.folder)._replace(free=1000)
        monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    else:
        monkeypatch.setattr(files, "_add_member", full if trouble == "tar" else torn)
    said = desk(*LATER, "backup", "b/b.tar")
    assert said.code == 1
    assert {"room": "make room", "tar": "make room", "verify": "is damaged"}[trouble] in said.words
    assert (desk.folder / "b" / "b.tar").read_bytes() == good
    assert [p.name for p in (desk.folder / "b").iterdir()] == ["b.tar"]


def test_a_disk_that_fills_while_the_database_is_copied(desk, tmp_path, monkeypatch):
    """SQLite says "full" by itself: here, of a copy that may have five pages."""
    real = sqlite3.connect

    def small(name, *arguments, **named):
        db = real(name, *arguments, **named)
        if str(name).endswith("copy.db"):
            db.execute("PRAGMA max_page_count = 5")
        return db

    monkeypatch.setattr(sqlite3, "connect", small)
    with pytest.raises(DiskFullError, match="make room"):
        copy_database(desk.state / "paperround.db", tmp_path / "copy.db")


def test_a_huge_file_among_the_templates_is_refused_by_name(desk):
    with (desk.folder / "templates" / "video.mp4").open("wb") as file:
        file.truncate(60_000_000)
    said = desk("backup", "b.tar")
    assert said.code == 1
    assert "video.mp4 is larger than 50 MB" in said.words
    assert not (desk.folder / "b.tar").exists()


def test_templates_beside_everything_else_do_not_take_the_state_along(desk):
    desk.write(CONFIG.replace("[mail]\n", 'templates = "."\n[mail]\n'))
    assert desk("backup", "state/backups/b.tar").code == 0
    assert not [n for n in names(desk.state / "backups" / "b.tar") if "state" in n]


# ── Restore ───────────────────────────────────────────────────────────────────────────────────────


def test_restore_on_a_fresh_machine_brings_all_back(desk, made):
    said = desk(*LATER, "--config", "../new/config.toml", "restore", str(made))
    assert said.code == 0
    new = desk.folder.parent / "new"
    for name in ("config.toml", "profiles/experts.toml", "moe.bib", "templates/email/digest.txt"):
        assert (new / name).read_bytes() == (desk.folder / name).read_bytes()
    config = load_config(new / "config.toml")
    assert config.profiles["experts"].shelf
    with Store(config.state / "paperround.db") as store:
        assert store.count_papers() == 3
        with Store(desk.state / "paperround.db") as before:
            assert store.found("other") == before.found("other"), "the secret and the authority"
    assert "this one has to be there: [mail] password: env:" in said.words
    assert (new / "state").stat().st_mode & 0o777 == 0o700
    assert (new / "state" / "paperround.db").stat().st_mode & 0o777 == 0o600


def test_after_a_restore_all_sending_is_held_and_status_says_how_old_the_copy_is(desk, made):
    new = ("--config", "../new/config.toml")
    desk(*LATER, *new, "restore", str(made))
    said = desk(*LATER, *new, "status").words
    assert "from a copy made 2026-11-20 08:00 UTC, 2 days ago" in said
    assert "release --all --skip-before 2026-11-23" in said
    told = desk(*LATER, *new, "status", "--json").document["restored"]
    assert told == {"made_at": "2026-11-20T08:00:00Z", "restored_at": "2026-11-22T09:00:00Z"}
    assert desk("status", "--json").document["restored"] is None


def test_what_is_there_is_refused_and_with_force_kept_aside(desk, made):
    desk.write("[bot]\n", "config.toml")
    desk.write("[profiles.later]\n", "profiles/later.toml")
    said = desk(*LATER, "restore", str(made))
    assert said.code == 2
    assert "config.toml" in said.words
    assert "--force" in said.words
    assert (desk.folder / "config.toml").read_text() == "[bot]\n"
    desk.write('include = ["profiles/later.toml"]\n', "config.toml")
    said = desk(*LATER, "restore", str(made), "--force")
    assert said.code == 0
    (aside,) = (desk.state / "backups").iterdir()
    assert str(aside) in said.words
    assert (aside / "config.toml").read_text() == 'include = ["profiles/later.toml"]\n'
    assert (aside / "profiles" / "later.toml").exists()
    assert not (desk.folder / "profiles" / "later.toml").exists(), "it is not in the copy"
    assert examine(aside / "paperround.db").counts["papers"] == 3
    assert (desk.folder / "config.toml").read_text() == CONFIG


def test_who_left_or_was_suppressed_since_the_copy_stays_so(desk):
    for address in ("ada@example.org", "bob@example.org", "eve@example.org"):
        desk("subscribers", "add", address, "experts")
    archive = desk.folder / "later.tar"
    assert desk(*MORNING, "backup", str(archive)).code == 0
    desk("subscribers", "remove", "ada@example.org")
    desk("subscribers", "remove", "bob@example.org", "--forget")
    assert desk(*LATER, "restore", str(archive), "--force").code == 0
    told = desk("subscribers", "list", "--json").document
    standing = {each["address"]: (each["status"], each.get("suppressed", False)) for each in told}
    assert standing["ada@example.org"][0] == "unsubscribed"
    assert standing["bob@example.org"] == ("confirmed", True)
    assert standing["eve@example.org"] == ("confirmed", False)


def test_another_bots_database_says_nothing_of_who_left(desk, made):
    shutil.rmtree(desk.state)
    with Store(desk.state / "paperround.db") as store:
        store.found("other", b"o" * 32)
        store.suppress("ada@example.org", "key", "a reason", NOW)
    assert desk(*LATER, "restore", str(made), "--force").code == 0
    assert desk("suppressions", "list", "--json").document == []


def test_a_damaged_database_is_moved_aside_with_what_lies_beside_it(desk, made):
    database = desk.state / "paperround.db"
    database.write_bytes(b"torn" * 5000)
    database.with_name("paperround.db-wal").write_bytes(b"more of it")
    assert desk(*LATER, "restore", str(made), "--force").code == 0
    (aside,) = (desk.state / "backups").iterdir()
    assert (aside / "paperround.db").read_bytes() == b"torn" * 5000
    assert (aside / "paperround.db-wal").read_bytes() == b"more of it"
    assert desk("status", "--json").document["papers"] == 3


@pytest.mark.parametrize("workflow", ["serve", "collect", "deliver"])
def test_restore_is_refused_while_something_is_at_work(desk, made, workflow):
    async def meanwhile():
        async with workflow_lock(desk.state, workflow):
            return await asyncio.to_thread(desk, "restore", str(made), "--force")

    said = asyncio.run(meanwhile())
    assert said.code == 1
    assert f"({workflow})" in said.words
    assert "Stop it" in said.words


def test_restore_is_refused_while_another_program_has_the_database_open(desk, made, monkeypatch):
    monkeypatch.setattr("bot.store.backup._PATIENCE_SECONDS", 0.1)
    before = (desk.folder / "config.toml").stat().st_ino
    with Store(desk.state / "paperround.db") as store:
        assert store.count_papers() == 3
        said = desk("restore", str(made), "--force")
    assert said.code == 1
    assert "Another program has" in said.words
    assert (desk.folder / "config.toml").stat().st_ino == before
    assert not list((desk.state / "backups").glob("*/*"))


def test_what_is_no_backup_is_refused_and_no_folder_made(desk, tmp_path):
    for content in (b"", b"hello" * 1000, (desk.state / "paperround.db").read_bytes()):
        desk.write("", "x.tar").write_bytes(content)
        said = desk("--config", "../none/config.toml", "restore", "x.tar")
        assert (said.code, "is no backup" in said.words) == (1, True)
    assert not (tmp_path / "none").exists()
    assert "cannot be read" in desk("restore", "there-is-none.tar").words


def test_every_cut_and_every_flipped_byte_is_noticed(desk, made):
    whole = made.read_bytes()
    places = [*range(600, len(whole) - 12_000, 9973)]
    for at in places:
        for damaged in (whole[:at], whole[:at] + bytes([whole[at] ^ 0x41]) + whole[at + 1 :]):
            made.write_bytes(damaged)
            said = desk("--config", "../none/config.toml", "restore", str(made))
            assert said.code in (0, 1)
            if said.code == 0:  # a byte between two files, which no checksum covers, says nothing
                shutil.rmtree(desk.folder.parent / "none")
                assert damaged[at] != whole[at]
                assert whole[at] == 0
            else:
                assert "Nothing was changed" in said.words or "is damaged" in said.words
                assert not (desk.folder.parent / "none" / "config.toml").exists()


def climbing(name):
    def change(held, told, _added):
        held[name] = b"x"
        told["files"][name] = [
            1,
            "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881",
        ]

    return change


@pytest.mark.parametrize(
    "name",
    ["config/../../evil", "/etc/evil", "config//evil", "config/./evil", "evil", "outside/../evil",
     "config/state/paperround.db", "config/state/mail/new/evil", "config/a\\b"],
)  # fmt: skip
def test_a_backup_that_would_write_elsewhere_is_refused(desk, made, name):
    said = desk("--config", "../none/config.toml", "restore", str(forged(made, climbing(name))))
    assert said.code == 1
    assert "Nothing was changed" in said.words
    assert not list(desk.folder.parent.rglob("evil"))


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE]
)
def test_links_and_devices_are_refused(desk, made, kind):
    def add(_held, _told, added):
        info = tarfile.TarInfo("config/link")
        info.type, info.linkname = kind, "/etc/passwd"
        added.append(info)

    said = desk("--config", "../none/config.toml", "restore", str(forged(made, add)))
    assert (said.code, "which no backup does" in said.words) == (1, True)


def test_a_size_that_is_only_claimed_is_not_believed(desk, made):
    def add(_held, _told, added):
        info = tarfile.TarInfo("config/huge")
        info.size = 1 << 40
        added.append(info)

    target = forged(made)
    with target.open("r+b") as file:  # over the two empty blocks at the end
        info = tarfile.TarInfo("config/huge")
        info.size = 1 << 40
        file.seek(0)
        file.write(info.tobuf(tarfile.GNU_FORMAT))
    said = desk("--config", "../none/config.toml", "restore", str(target))
    assert (said.code, "is no backup" in said.words) == (1, True)
    header = tarfile.TarInfo("./PaxHeaders/x")
    header.type, header.size = tarfile.XHDTYPE, 1 << 30
    target.write_bytes(header.tobuf(tarfile.GNU_FORMAT) + b"0" * 4096)
    assert "is no backup" in desk("restore", str(target)).words


@pytest.mark.parametrize(
    "said",
    [
        b"[" * 100_000,
        b'{"format": 1, "x": ' * 60_000,
        b'{"format": NaN}',
        b'{"format": 1e999}',
        b"\xff",
    ],
)
def test_a_manifest_that_nobody_wrote_is_refused_in_a_sentence(desk, tmp_path, said):
    target = tmp_path / "papers" / "x.tar"
    with tarfile.open(target, "w") as archive:
        info = tarfile.TarInfo("MANIFEST.json")
        info.size = len(said)
        archive.addfile(info, io.BytesIO(said))
    told = desk("--config", "../none/config.toml", "restore", str(target))
    assert (told.code, "is no backup" in told.words) == (1, True)


@pytest.mark.parametrize(
    "said",
    [{"made_at": "0001-01-01T00:00:00+14:00"}, {"made_at": "9999-12-31T23:59:59-14:00"}, {"made_at": 5},
     {"files": {"paperround.db": [float("inf"), "x"]}}, {"files": {"paperround.db": [1]}},
     {"files": []}, {"outside": []}, {"not_copied": 7}],
)  # fmt: skip
def test_a_manifest_with_what_no_manifest_says_is_refused_in_a_sentence(desk, made, said):
    told = desk("--config", "../none/config.toml", "restore", str(forged(made, **said)))
    assert (told.code, "its MANIFEST.json cannot be read" in told.words) == (1, True)


def test_a_link_in_the_folder_that_leads_outside_is_not_followed(desk, made):
    new = desk.folder.parent / "new"
    (new.parent / "elsewhere").mkdir()
    new.mkdir()
    (new / "profiles").symlink_to(new.parent / "elsewhere")
    said = desk("--config", "../new/config.toml", "restore", str(made))
    assert (said.code, "by a link" in said.words) == (1, True)
    assert not list((new.parent / "elsewhere").iterdir())


def test_a_state_folder_outside_takes_force(desk):
    text = CONFIG.replace("[mail]\n", f'state = "{desk.folder.parent}/var"\n[mail]\n')
    desk.write(text)
    fill(desk.folder.parent / "var" / "paperround.db")
    assert desk("backup", "../b.tar").code == 0
    shutil.rmtree(desk.folder.parent / "var")
    new = ("--config", "../new/config.toml", "restore", "../b.tar")
    assert "outside of" in desk(*new).words
    assert desk(*new, "--force").code == 0
    assert (desk.folder.parent / "var" / "paperround.db").exists()


@pytest.mark.parametrize("newer", ["format", "schema"])
def test_a_backup_of_a_later_version_is_refused(desk, made, newer, monkeypatch):
    if newer == "format":
        made = forged(made, format=2)
    else:
        monkeypatch.setattr("bot.store.connection.SCHEMA_VERSION", 0)
    said = desk("--config", "../none/config.toml", "restore", str(made))
    assert said.code == 1
    assert "later version" in said.words
    assert "install that version" in said.words


def test_a_database_of_something_else_is_refused(tmp_path):
    other = tmp_path / "other.db"
    with sqlite3.connect(other) as db:
        db.execute("CREATE TABLE meta (key, value)")
        db.execute("PRAGMA user_version = 1")
    db.close()
    with pytest.raises(StateError, match="no database of paperround's"):
        examine(other)


# ── Nothing is sent twice ─────────────────────────────────────────────────────────────────────────


def test_what_was_open_in_the_copy_is_held_by_itself_and_in_doubt_if_it_was_on_its_way(tmp_path):
    office = Office(tmp_path).readers("ada", "grace", "mary")
    for mine in office.store.subscriptions():
        plan = DigestPlan(
            mine.subscriber,
            mine.address,
            ((mine.id, "2026-11-20"),),
            (),
            (DeliveredPick(1, 1),),
            (1,),
        )
        assert office.store.open_delivery(plan, f"<{mine.id}@example.org>", NOW, NOW + DAY, NOW)
    office.store.prepare(1, b"the bytes", {"experts"}, "", NOW + HOUR)
    copy = tmp_path / "copy.db"
    copy_database(office.path, copy)
    office.store.close()
    assert hold_copy(copy, "It is old.", NOW, NOW + DAY) == 3
    with Store(copy) as store:
        assert store.count_deliveries() == {"held": 3}
        assert [d.resent for d in store.held()] == [True, False, False]
        assert store.prepared([1]) == {1: b"the bytes"}


ROUND = """
[bot]
contact = "owner@example.org"
[profiles.experts]
keywords = ["experts"]
to = ["ada@example.org"]
at = "any"
"""


def arrivals(database: Path, day: int, source: str = "arxiv") -> None:
    """What a source showed on a day."""
    with Store(database) as store:
        paper = a_paper(arxiv(day), title=f"Experts {day}.")
        absorb(store, paper, source=source, now=NOW + day * DAY)


@pytest.fixture
def lost(tmp_path, monkeypatch, capsys):
    """A desk that was copied after its first mail, sent two more, and is restored on the third day."""
    given = desk_in(tmp_path, monkeypatch, capsys)
    desk = next(given)
    desk.write(ROUND)
    for day in range(3):
        arrivals_at(desk, day)
        assert desk(*at(day), "once").code == 0
        if day == 0:
            assert desk(*at(0), "backup", "b.tar").code == 0
    assert len(mails(desk.state)) == 3
    assert desk(*at(2, 1), "restore", "b.tar", "--force").code == 0
    for day in (1, 2):  # the sources still show them
        arrivals_at(desk, day)
    yield desk
    next(given, None)


def at(day: int, hours: int = 0) -> tuple[str, str]:
    return ("--now", (NOW + day * DAY + hours * HOUR).isoformat())


def arrivals_at(desk, day: int) -> None:
    if not (desk.state / "paperround.db").exists():
        assert desk(*at(day), "status").code == 0
    arrivals(desk.state / "paperround.db", day)


def test_while_it_is_held_once_composes_and_sends_nothing(lost):
    said = lost(*at(2, 2), "once")
    assert "All sending is held: this was restored" in said.words
    assert len(mails(lost.state)) == 3


def test_released_with_skip_before_nothing_is_sent_twice_and_what_is_new_goes_out(lost):
    lost(*at(2, 2), "once")
    told = lost(
        *at(2, 3), "deliveries", "release", "--all", "--skip-before", "2026-11-23", "--json"
    )
    assert told.document["sending_goes_on"]
    assert lost(*at(2, 4), "once").code == 0
    assert len(mails(lost.state)) == 3
    arrivals_at(lost, 3)
    assert lost(*at(3), "once").code == 0
    assert len(mails(lost.state)) == 4
    text = mails(lost.state)[-1].get_body(("plain",)).get_content()
    assert "Experts 3." in text
    assert not [day for day in range(3) if f"Experts {day}." in text]


def test_what_no_edition_had_yet_after_the_restore_is_not_sent_twice_either(lost):
    """The hour of the profile has not come when all is released: a lost edition had those papers."""
    lost.write(ROUND.replace('at = "any"', 'at = "18:00"'))
    lost(*at(2, 2), "once")
    lost(*at(2, 3), "deliveries", "release", "--all", "--skip-before", "2026-11-23")
    lost(*at(2, 11), "once")
    assert len(mails(lost.state)) == 3
    assert lost("status", "--json").document["restored"] is None
    arrivals_at(lost, 3)
    for day in (1, 2):  # nor where another source shows them now
        arrivals(lost.state / "paperround.db", day, source="hf")
    lost(*at(3, 11), "once")
    text = mails(lost.state)[-1].get_body(("plain",)).get_content()
    assert "Experts 3." in text
    assert not [day for day in range(3) if f"Experts {day}." in text]


def test_released_without_it_the_gap_goes_out_again_as_was_said(lost):
    assert "would be sent again" in lost("status").words
    lost(*at(2, 2), "once")
    lost(*at(2, 3), "deliveries", "release", "--all")
    lost(*at(2, 4), "once")
    text = mails(lost.state)[-1].get_body(("plain",)).get_content()
    assert "Experts 1." in text
    assert "Experts 0." not in text
