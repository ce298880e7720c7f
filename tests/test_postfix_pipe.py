"""A real Postfix in front of the pipe: what it hands over, keeps, sends back, and brings back."""

from __future__ import annotations

import os
import re
import shutil
import smtplib
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import pydantic
import pytest

from bot.models import SubscriptionStatus
from bot.store import Store
from support_dovecot import wait_until
from support_postal import WITH_SERVERS
from support_round import NOW, a_paper, absorb, an_edition, arxiv, with_profiles

pytestmark = [*WITH_SERVERS, pytest.mark.long]

CHECKOUT = Path(__file__).parents[1]
CONFIG = """
[bot]
title = "Morning papers"
contact = "librarian@test.example"
timezone = "UTC"
[profiles.experts]
title = "Mixture of experts"
keywords = ["experts"]
at = "07:00"
[mail]
transport = "smtp"
from = "Morning papers <papers@pipe.example>"
host = "127.0.0.1"
port = {port}
tls = "none"
bounce = "bounce+{{token}}@pipe.example"
[inbound]
address = "papers@pipe.example"
"""


def _python_for_nobody():
    """Return a Python of this version that nobody may run: root's own may lie where only root can go."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for path in (sys.executable, shutil.which(version, path="/usr/bin:/usr/local/bin")):
        with suppress(OSError, TypeError):
            tried = subprocess.run([path, "-V"], check=False, user="nobody", cwd="/")
            if tried.returncode == 0:
                return path
    return sys.executable


PYTHON = _python_for_nobody() if os.geteuid() == 0 else sys.executable


class Piped:
    """A paperround that Postfix gives mail to, by the pipe, as a user of its own."""

    def __init__(self, folder, servers):
        self.folder, self.servers = folder, servers
        self.config = folder / "config.toml"
        self.good()
        self._read = {}

    def good(self):
        self.config.write_text(CONFIG.format(port=self.servers.ports["bare"]))

    @property
    def command(self):
        where = f"{CHECKOUT}:{Path(pydantic.__file__).parents[1]}"
        environment = ("env", f"PYTHONPATH={where}", "PYTHONDONTWRITEBYTECODE=1")
        now = NOW.isoformat()
        return (*environment, PYTHON, "-m", "bot", "--config", str(self.config), "--now", now)

    def run(self, *words):
        done = subprocess.run(
            [*self.command, *words], capture_output=True, text=True, check=False, timeout=120,
            user="nobody", group="nogroup", extra_groups=(), cwd=self.folder,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def status(self, address):
        with Store(self.folder / "state" / "paperround.db") as store:
            return {s.profile: s.status for s in store.subscriptions_of(address)}.get("experts")

    def writes(self, sender, to, subject="", text=""):
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = sender, to, subject
        message.set_content(text)
        with smtplib.SMTP("127.0.0.1", self.servers.ports["bare"]) as server:
            server.send_message(message)

    def mail(self, address):
        """Wait for the next mail to an address, and return it."""
        number = self._read.get(address, 0)
        raw = self.servers.mailboxes.first_of(address, number + 1)[number]
        self._read[address] = number + 1
        return message_from_bytes(raw, policy=default)

    def log_says(self, words, times=1):
        wait_until(lambda: self.servers.log.count(words) >= times, f"Postfix to log {words!r}")


@pytest.fixture
def piped(servers):
    # Not in pytest's folder: nobody but root could enter it.
    folder = Path(tempfile.mkdtemp(prefix="paperround-", dir="/tmp"))
    try:
        with Store(folder / "state" / "paperround.db") as store:
            with_profiles(store, "experts")
            absorb(store, *(a_paper(arxiv(n), title=f"Paper {n} on experts") for n in range(1, 3)))
            an_edition(store, 1, 2)
        made = Piped(folder, servers)
        for path in (folder, *folder.rglob("*")):
            shutil.chown(path, "nobody", "nogroup")
        servers.pipe_to(*made.command, "inbound", "--recipient")
        yield made
        # What it gave us last may have been taken in and still be closing its database.
        wait_until(lambda: "@pipe.example" not in servers.queue, "the pipe to be empty", 30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def reader():
    return f"pipe-{os.getpid()}-{time.monotonic_ns()}"


def test_an_order_an_answer_and_the_way_out_come_through_the_pipe(piped, reader):
    address = f"{reader}@test.example"
    piped.writes(address, "subscribe+experts@pipe.example")
    wait_until(lambda: piped.status(address) is SubscriptionStatus.UNCONFIRMED, "the order")
    piped.run("deliver")
    question = piped.mail(address)
    assert question["Return-Path"] == "<>"
    piped.writes(address, question["Reply-To"], f"Re: {question['Subject']}", "yes")
    wait_until(lambda: piped.status(address) is SubscriptionStatus.CONFIRMED, "the yes")
    piped.run("deliver")
    digest = piped.mail(address)
    assert re.match(r"<bounce\+[a-z0-9]+@pipe\.example>", digest["Return-Path"])
    piped.writes(address, re.search(r"mailto:([^?]+)", digest["List-Unsubscribe"])[1])
    wait_until(lambda: piped.status(address) is SubscriptionStatus.UNSUBSCRIBED, "the way out")


def test_what_comes_back_suppresses_whom_its_envelope_names(piped, reader):
    """Postfix takes the digest, cannot deliver it, and reports to the address it came from."""
    address = f"{reader}@gone.example"
    piped.run("subscribers", "add", address, "experts")
    piped.run("deliver")

    def suppressed():
        return address in piped.run("suppressions", "list")

    wait_until(suppressed, "the report of failure", 60)
    assert "bounce: 5.1.1" in piped.run("suppressions", "list")
    assert piped.run("quarantine", "list", "--json").strip() == "[]"


def test_what_cannot_be_taken_in_now_postfix_keeps_and_tries_again(piped, reader):
    address = f"{reader}@test.example"
    kept = "status=deferred (temporary failure"
    before = piped.servers.log.count(kept)  # all tests share a log
    piped.config.write_text("this is no configuration")
    piped.writes(address, "subscribe+experts@pipe.example")
    wait_until(lambda: address in piped.servers.queue, "the mail in the queue")
    piped.log_says(kept, times=before + 1)
    piped.good()
    assert piped.status(address) is None

    def taken_in():
        # Again and again: asked while it is still putting the mail away, Postfix would wait minutes.
        piped.servers.flush()
        time.sleep(0.5)
        return piped.status(address) is SubscriptionStatus.UNCONFIRMED

    wait_until(taken_in, "the order", 30)
    wait_until(lambda: address not in piped.servers.queue, "the queue to be empty")


def test_what_is_called_wrongly_postfix_sends_back(piped, reader):
    address = f"{reader}@test.example"
    piped.servers.pipe_to(*piped.command, "inbound", "--no-such-option")
    piped.writes(address, "subscribe+experts@pipe.example")
    returned = piped.mail(address)
    assert returned.get_content_type() == "multipart/report"
    assert "unrecognized arguments" in returned.as_string()
    assert piped.status(address) is None
