"""A reader's story, in a real browser, through a real mail server: from the box to the last goodbye.

`serve` runs as a process of its own; Postfix carries its mail into a Dovecot, and the reader's to it.
"""

from __future__ import annotations

import os
import re
import smtplib
import time
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

import pytest

from bot.store import Store
from support_browser import a_browser
from support_dovecot import free_port, wait_until
from support_postal import WITH_SERVERS
from support_round import NOW, a_paper, absorb, an_edition, arxiv, with_profiles
from support_serve import serving

pytestmark = [*WITH_SERVERS, pytest.mark.long]

CONFIG = """
[bot]
title = "Morning papers"
base_url = "http://127.0.0.1:{web}"
contact = "librarian@test.example"
timezone = "UTC"
[web]
listen = "127.0.0.1:{web}"
[profiles.experts]
title = "Mixture of experts"
about = "Routing and sparsity in large language models."
keywords = ["experts"]
at = "07:00"
learn = "all"
[profiles.proteins]
title = "Proteins"
keywords = ["folding"]
at = "07:00"
[mail]
transport = "smtp"
from = "Morning papers <papers@bot.example>"
host = "127.0.0.1"
port = {smtp}
tls = "starttls"
rate = 100
bounce = "bounce+{{token}}@bot.example"
[inbound]
kind = "lmtp"
address = "papers@bot.example"
host = "127.0.0.1:{lmtp}"
"""


@pytest.fixture
def browser():
    with a_browser() as running:
        yield running


class Reader:
    """A person with a mailbox at test.example."""

    def __init__(self, servers, address):
        self.servers, self.address, self._read = servers, address, 0

    def mail(self):
        """Wait for the next mail, and return it."""
        raw = self.servers.mailboxes.first_of(self.address, self._read + 1)[self._read]
        self._read += 1
        return message_from_bytes(raw, policy=default)

    @property
    def unread(self):
        return len(self.servers.mailboxes.of(self.address)) - self._read

    def writes(self, to, subject="", text=""):
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = self.address, to, subject
        message.set_content(text)
        with smtplib.SMTP("127.0.0.1", self.servers.ports["bare"]) as server:
            server.send_message(message)


def text_of(mail):
    return mail.get_body(("plain",)).get_content()


def link_in(mail, path):
    return re.search(rf"http://127\.0\.0\.1:\d+/{path}/\S+", text_of(mail))[0]


@pytest.fixture
def world(tmp_path, servers):
    web = free_port()
    config = tmp_path / "config.toml"
    config.write_text(CONFIG.format(web=web, smtp=servers.ports["starttls"], lmtp=servers.bot_port))
    with Store(tmp_path / "state" / "paperround.db") as store:
        with_profiles(store, "experts", "proteins")
        absorb(store, *(a_paper(arxiv(n), title=f"Paper {n} about experts") for n in range(1, 4)))
        an_edition(store, 1, 2)
        an_edition(store, 3, profile="proteins")
    trust = {"SSL_CERT_FILE": str(servers.certificates.authority)}
    with serving(config, "--now", NOW.isoformat(), **(dict(os.environ) | trust)) as served:
        assert served.says("serving http")
        assert served.says("taking mail by LMTP")
        yield served, f"http://127.0.0.1:{web}", tmp_path
        served.stop()


def test_from_the_box_to_the_last_goodbye(world, servers, browser):
    served, address, folder = world
    reader = Reader(servers, f"story-{os.getpid()}-{time.monotonic_ns()}@test.example")

    # The box on the front page, the form, the mail that asks, the yes.
    wait_until((folder / "state" / "public" / "index.html").exists, "the front page")
    browser.open(f"{address}/")
    browser.fill("address", reader.address)
    browser.press("Subscribe")
    browser.tick("experts")
    time.sleep(1.1)  # a person takes longer
    browser.press("Subscribe")
    assert "Look into your mailbox" in browser.words
    question = reader.mail()
    assert question["Subject"] == "Confirm your subscription to “Mixture of experts”"
    browser.open(link_in(question, "confirm"))
    assert "Send “Mixture of experts” to" in browser.words
    browser.press("Yes, subscribe me")
    assert "You are subscribed" in browser.words

    # The first digest comes at once; its links lead to doors that open.
    digest = reader.mail()
    assert digest["Subject"].startswith("Mixture of experts: 2 new papers")
    assert digest["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    browser.open(re.search(r"http://\S+/feedback/\S+\?v=more", digest.as_string().replace("=\n", "")
                           .replace("=3D", "="))[0])  # fmt: skip
    browser.press("More like this")
    assert "Kept: more like this" in browser.words
    browser.press("Vote for it")
    assert "1 reader here voted for it" in browser.words

    # Choosing, without a password.
    browser.open(link_in(digest, "manage"))
    assert "More like this" in browser.words
    browser.tick("proteins")
    browser.choose("cadence", "from Monday to Friday")
    browser.choose("mails", "a mail for each list")
    browser.fill("at", "0645AM")
    browser.fill("limit", "5")
    browser.press("Keep these choices")
    assert "Your choices are kept" in browser.words
    assert browser.driver.find_element("name", "at").get_attribute("value") == "06:45"
    assert reader.mail()["Subject"].startswith("Proteins: 1 new paper")
    browser.press("Pause")
    assert "a break, until you come back" in browser.words
    browser.press("Go on now")
    assert "Welcome back" in browser.words

    # The way out, by mail: of the mail for all lists, from all of them. Then nothing more comes.
    way_out = re.search(r"mailto:(unsub\+[a-z0-9]+@bot\.example)", digest["List-Unsubscribe"])[1]
    reader.writes(way_out)
    assert served.says("unsubscribed: a subscriber unsubscribed by mail")
    with Store(folder / "state" / "paperround.db") as store:
        absorb(store, a_paper(arxiv(9), title="Paper 9 about experts"))
        an_edition(store, 4, period=NOW.date().replace(day=21))
    time.sleep(0.5)
    assert reader.unread == 0
    browser.open(link_in(digest, "unsubscribe"))
    assert "gets no digest from us" in browser.words


def test_everything_by_mail(world, servers):
    """Ordered, confirmed and ended by writing mails, and nothing else."""
    served, _, _ = world
    reader = Reader(servers, f"by-mail-{os.getpid()}-{time.monotonic_ns()}@test.example")
    reader.writes("subscribe+experts@bot.example")
    question = reader.mail()
    assert question["Auto-Submitted"] == "auto-replied"
    assert question["Return-Path"] == "<>"
    reader.writes(
        question["Reply-To"], f"Re: {question['Subject']}", "Yes\n\n> Somebody, we hope you"
    )
    assert served.says("confirmed: a subscriber said yes by mail")
    digest = reader.mail()
    assert digest["Subject"].startswith("Mixture of experts")
    assert digest["Return-Path"].startswith("<bounce+")
    reader.writes(re.search(r"mailto:(\S+?)\?", digest["List-Unsubscribe"])[1])
    assert served.says("unsubscribed: a subscriber unsubscribed by mail")
