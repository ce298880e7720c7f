"""The demo: the main job on invented papers, two mornings in a row, the same bytes every time."""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass
from email.headerregistry import AddressHeader, DateHeader, UniqueUnstructuredHeader
from io import BytesIO
from pathlib import Path

import feedparser
import pytest

from bot.cli import main
from bot.config import load_config
from bot.demo import MORNINGS, Demonstration, demonstrate
from bot.errors import UsageError
from bot.models import DeliveryStatus, Role, Weather
from bot.store import Store
from support_cli import html_of, mails, picked, text_of


@dataclass(frozen=True)
class Made:
    """A demo that ran, in how many seconds of CPU, and all its files but for database and locks."""

    demonstration: Demonstration
    seconds: float
    files: dict[str, bytes]


def _make(folder: Path) -> Made:
    begun = time.process_time()  # how much else the machine does is not the demo's
    demonstration = asyncio.run(demonstrate(folder))
    seconds = time.process_time() - begun
    kept = (folder / "mail", folder / "public")
    files = {
        str(path.relative_to(folder)): path.read_bytes()
        for root in kept
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }
    return Made(demonstration, seconds, files)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Made:
    return _make(tmp_path_factory.mktemp("demo"))


@pytest.fixture
def store(made):
    with Store(made.demonstration.folder / "paperround.db") as opened:
        yield opened


def test_twice_gives_the_same_bytes(made, tmp_path):
    again = _make(tmp_path / "elsewhere")
    assert list(again.files) == list(made.files)
    note = "public/.published"  # for ourselves: its marks are drawn
    for name, content in again.files.items():
        assert name == note or content == made.files[name], name
    once_more = _make(tmp_path / "elsewhere")
    for each in (again, once_more):
        del each.files[note]
    assert once_more.files == again.files, "also over what an earlier demo left"


def test_takes_less_than_twenty_seconds_of_a_core(made):
    assert made.seconds < 20


def test_two_subscribers_hold_two_digests_each(made, store):
    assert [mail["To"] for mail in mails(made.demonstration.folder)] == [
        "ada@example.org", "grace@example.org", "ada@example.org", "grace@example.org",
    ]  # fmt: skip
    assert store.count_deliveries() == {DeliveryStatus.SENT.value: 4}


def test_no_paper_is_new_twice_to_one_address(store):
    new: dict[str, list[int]] = {}
    for delivery in reversed(store.deliveries(10)):
        new.setdefault(delivery.address, []).extend(picked(delivery, Role.NEW))
    assert set(new) == {"ada@example.org", "grace@example.org"}
    for theirs in new.values():
        assert len(theirs) == len(set(theirs)) > 12, "across both days and both profiles"


def test_day_two_says_what_was_replaced_and_nothing_else_of_day_one(made, store):
    sent = store.deliveries(10)
    for address in ("ada@example.org", "grace@example.org"):
        second, first = (each for each in sent if each.address == address)
        assert picked(first, Role.UPDATE) == []
        updates = picked(second, Role.UPDATE)
        assert updates
        assert set(updates) <= set(picked(first, Role.NEW))
        mail = next(
            m for m in mails(made.demonstration.folder)
            if m["To"] == address and m["Date"].datetime == MORNINGS[1]
        )  # fmt: skip
        text = text_of(mail)
        for paper in store.papers(updates).values():
            (number,) = (i.value for i in paper.identifiers if i.scheme.value == "arxiv")
            assert text.count(f"abs/{number}") == 1
            assert text.index("NEWS OF PAPERS YOU HAD") < text.index(f"abs/{number}")


def test_the_broken_source_is_named_in_mail_and_report(made, store):
    for mail in mails(made.demonstration.folder):
        assert "broken has not answered" in text_of(mail)
        assert "3 of 4 sources answered" in html_of(mail)
    for morning in made.demonstration.mornings:
        (broken,) = (c for c in morning.collected if c.source == "broken")
        assert broken.outcome.value == "failed"
        assert broken.detail.startswith("127.0.0.1 sent ")
    assert store.source_states()["broken"].failures == 2
    for profile in ("experts", "proteins", "retrieval"):
        notes = {note.source: note.weather for note in store.editions(profile)[0].health}
        assert notes["broken"] is Weather.FAILED
        assert notes["arxiv"] is Weather.FINE


def test_the_table_tells_what_the_store_holds(made, store):
    mornings = made.demonstration.mornings
    told_new = sum(c.new for morning in mornings for c in morning.collected)
    assert told_new == store.count_papers()
    for morning in mornings:
        seen = {c.source: c.entries for c in morning.collected}
        assert seen["arxiv"] > seen["hf"] > 0
        for composed in morning.composed:
            (edition,) = (
                e for e in store.editions(composed.profile) if e.number == composed.edition.number
            )
            assert edition.picks == composed.edition.picks
            assert edition.considered == composed.edition.considered
        assert morning.delivered.sent == 2
    written = {path for path in made.files if path.startswith("public/")}
    published = {f"public/{path}" for path in mornings[1].published.paths}
    assert written - {"public/.published"} == published


def test_every_header_parses(made):
    for mail in mails(made.demonstration.folder):
        for name, header in mail.items():
            assert not header.defects, (name, str(header))
        assert isinstance(mail["Date"], DateHeader)
        assert isinstance(mail["To"], AddressHeader)
        assert isinstance(mail["Subject"], UniqueUnstructuredHeader)
        assert not mail.defects
        assert all(not part.defects for part in mail.walk())
        assert mail["List-Unsubscribe"].startswith("<https://papers.example.org/unsubscribe/")
        assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert re.fullmatch(r"<[0-9a-f]{32}@paperround\.example>", mail["Message-ID"])


def test_the_feeds_are_read_back_without_a_complaint(made, store):
    for name in ("experts", "proteins", "retrieval"):
        feed = feedparser.parse(BytesIO(made.files[f"public/feeds/{name}.rss"]))
        assert not feed.bozo
        new = [
            pick
            for edition in store.editions(name)
            for pick in edition.picks
            if pick.role is Role.NEW
        ]
        assert len({entry.id for entry in feed.entries}) == len(feed.entries) >= len(new)
        assert all(entry.id.startswith("tag:") for entry in feed.entries)
    trending = feedparser.parse(BytesIO(made.files["public/feeds/trending.rss"]))
    assert not trending.bozo
    assert len(trending.entries) > 5


def test_pages_link_only_to_pages_that_are_there(made):
    root = made.demonstration.folder / "public"
    for page in root.rglob("*.html"):
        for target in re.findall(r'(?:href|src)="([^"]+)"', page.read_text(encoding="utf-8")):
            base = "https://papers.example.org/"
            if re.match(r"[a-z]+:", target) and not target.startswith(base):
                continue
            inside = re.split("[?#]", target.removeprefix(base), maxsplit=1)[0]
            if not inside or inside.endswith("/vote"):  # a door of `serve`, as base_url promises
                continue
            found = (
                root / inside.lstrip("/")
                if target.startswith(("/", base))
                else page.parent / inside
            )
            assert found.is_file() or (found / "index.html").is_file(), (page, target)


def test_no_port_of_the_moment_gets_into_what_is_made(made):
    for name, content in made.files.items():
        assert not re.search(rb"127\.0\.0\.1:\d|localhost", content), name


# ── Whose folder is it ────────────────────────────────────────────────────────────────────────────


async def test_a_folder_of_somebodys_own_is_left_alone(tmp_path):
    (tmp_path / "config.toml").write_text('[bot]\ncontact = "me@example.org"\n')
    (tmp_path / "mail" / "new").mkdir(parents=True)
    (tmp_path / "mail" / "new" / "precious").write_text("a mail")
    with pytest.raises(UsageError, match="Nothing was touched"):
        await demonstrate(tmp_path)
    assert (tmp_path / "mail" / "new" / "precious").read_text() == "a mail"
    load_config(tmp_path / "config.toml")


async def test_a_bots_state_folder_is_left_alone(tmp_path):
    with Store(tmp_path / "paperround.db"):
        pass
    with pytest.raises(UsageError, match=r"holds a paperround\.db that is not the demo's"):
        await demonstrate(tmp_path)
    assert (tmp_path / "paperround.db").exists()


def test_a_file_is_no_folder(tmp_path, capsys):
    (tmp_path / "taken").write_text("")
    assert main(["demo", "--out", str(tmp_path / "taken")]) == 2
    assert "is no folder" in capsys.readouterr().err
