"""What becomes of digests where servers, names, disks and databases fail, through the command."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import subprocess
from collections import Counter
from contextlib import closing

import pytest

from bot import mail
from bot.store import connection
from support_postal import a_relay_beside, postal_desk
from support_smtp import HANG

READERS = [f"reader{n}@example.org" for n in range(6)]


@pytest.fixture
def relay():
    with a_relay_beside() as running:
        yield running


@pytest.fixture
def desk(tmp_path, monkeypatch, capsys, relay):
    """Six digests wait, and one connection carries them to a relay that does as it is told."""
    for desk in postal_desk(tmp_path, monkeypatch, capsys, READERS):
        desk.settings(port=relay.port, tls="none", connections=1)
        yield desk


def has_each_once(relay) -> bool:
    return Counter(relay.recipients) == dict.fromkeys(READERS, 1)


def test_a_relay_that_has_enough_in_the_middle_is_left_alone(desk, relay):
    enough = [2]

    def tire(phase: str, _recipient: str) -> None:
        if phase == "MAIL" and enough and len(relay.taken) == enough[0]:
            enough.clear()
            relay.on("MAIL", "421 4.3.2 too many today", times=1)

    relay.watch = tire
    said = desk.deliver()
    assert said.code == 1
    assert "The mail server takes nothing from us now (4.3.2 too many today)" in said.words
    assert Counter(desk.states().values()) == {"sent": 2, "retry": 1, "pending": 3}
    assert len(relay.recipients) == 2
    for minutes in (30, 60):
        said = desk.deliver(minutes=minutes)
    assert (said.code, has_each_once(relay)) == (0, True)


@pytest.mark.parametrize("uncertain", ["resend", "hold"])
def test_a_relay_that_hangs_after_the_dot_leaves_it_uncertain(desk, relay, monkeypatch, uncertain):
    monkeypatch.setattr(mail, "_DATA_SECONDS", 0.3)
    desk.settings(port=relay.port, tls="none", connections=1, uncertain=uncertain)
    relay.on("CONTENT", HANG, times=1)
    said = desk.deliver()
    assert said.code == 1
    assert "is uncertain" in said.words
    assert Counter(desk.states().values()) == {"uncertain": 1, "sent": 5}
    (unsure,) = (reader for reader, state in desk.states().items() if state == "uncertain")
    desk.deliver(minutes=30)
    copies = [message.content for message in relay.taken if message.recipient == unsure]
    if uncertain == "resend":
        assert desk.states() == dict.fromkeys(READERS, "sent")
        # It hung for ever, so nobody knows; what went again is the same to the byte.
        assert len(set(copies)) == 1
    else:
        assert desk.states()[unsure] == "held"
        assert "it is not known whether this arrived" in desk.told(1 + READERS.index(unsure))
        assert len(copies) <= 1


def test_a_name_that_nobody_knows_is_told_and_all_waits(desk, relay, monkeypatch):
    resolve = socket.getaddrinfo

    def gone(host, *arguments, **named):
        if host == "relay.test.example":
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return resolve(host, *arguments, **named)

    monkeypatch.setattr(socket, "getaddrinfo", gone)
    desk.settings(host="relay.test.example", port=relay.port, tls="none")
    said = desk.deliver()
    assert said.code == 1
    assert f"The mail server relay.test.example:{relay.port} cannot be used" in said.words
    assert "nobody knows that name. Is [mail] host right, and the network up?" in said.words
    assert "The digests are kept and tried again." in said.words
    assert desk.outbox() == {"pending": 6}
    desk.settings(port=relay.port, tls="none")
    assert (desk.deliver(minutes=5).code, has_each_once(relay)) == (0, True)


def test_a_database_that_is_locked_after_the_250_stops_the_sending(desk, relay, monkeypatch):
    monkeypatch.setattr(connection, "_BUSY_SECONDS", 0.3)
    database = desk.state / "paperround.db"
    with closing(sqlite3.connect(database, isolation_level=None, check_same_thread=False)) as other:

        def lock(phase: str, _recipient: str) -> None:
            if phase == "CONTENT" and not other.in_transaction:
                other.execute("BEGIN IMMEDIATE")

        relay.watch = lock
        said = desk.deliver()
        assert said.code == 1
        assert "stayed locked by another program" in said.words
        assert len(relay.recipients) < 6, "nothing more was sent than was under way"
        relay.watch = lambda _phase, _recipient: None
        other.rollback()
    is_made_good(desk, relay)


def is_made_good(desk, relay) -> None:
    """The trouble is over: all get theirs, and what comes twice is the same to the byte."""
    under_way = set(relay.recipients)
    for minutes in (30, 60):
        said = desk.deliver(minutes=minutes)
    assert said.code == 0
    assert desk.states() == dict.fromkeys(READERS, "sent")
    counts = Counter(relay.recipients)
    assert set(counts) == set(READERS)
    assert {reader for reader, count in counts.items() if count > 1} <= under_way
    assert max(counts.values()) <= 2
    assert len({message.content for message in relay.taken}) == len(READERS)


@pytest.fixture
def small_disk(tmp_path):
    """A disk of four megabytes under the state folder."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("no small disk can be mounted here but by root")
    state = tmp_path / "state"
    state.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", state], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.decode().strip()}")
    yield state
    subprocess.run(["umount", state], check=True, capture_output=True)


@pytest.mark.e2e
def test_a_disk_that_fills_up_after_the_250_stops_the_sending(small_disk, desk, relay):
    filler = small_disk / "filler"

    def fill(phase: str, _recipient: str) -> None:
        if phase == "CONTENT" and not filler.exists():
            with filler.open("wb", buffering=0) as growing:
                for size in (65536, 4096, 512, 1):
                    try:
                        while growing.write(b"\0" * size) == size:
                            pass
                    except OSError:
                        continue

    relay.watch = fill
    said = desk.deliver()
    assert said.code == 1
    assert "is full. What was committed before is kept; make room and run again." in said.words
    assert len(relay.recipients) < 6, "nothing more was sent than was under way"
    relay.watch = lambda _phase, _recipient: None
    filler.unlink()
    is_made_good(desk, relay)
