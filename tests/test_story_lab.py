"""A lab's story: one bot, a profile a file, mail by SMTP, people who come and go."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.policy import default

import pytest
from aiosmtpd.controller import Controller

from support_cli import deliveries, desk_in
from support_replay import replaying, sample_day

THURSDAY = ("--now", "2026-11-19T08:00Z")
FRIDAY = ("--now", "2026-11-20T08:00Z")

CONFIG = """
include = ["profiles/*.toml"]
[bot]
title = "Reading group"
base_url = "https://papers.lab.example"
contact = "librarian@lab.example"
timezone = "Europe/Berlin"
imprint = "The Lab, Road 1, Town"
[[sources]]
name = "arxiv"
kind = "arxiv"
url = "{url}"
categories = ["cs.CL"]
[[sources]]
name = "hf"
kind = "huggingface"
url = "{url}"
[mail]
transport = "smtp"
from = "Reading group <papers@lab.example>"
host = "127.0.0.1"
port = {port}
tls = "none"
rate = 1000
[fetch]
allow_private = ["127.0.0.1/32"]
"""
EXPERTS = """
[profiles.experts]
title = "Mixture of experts"
keywords = ["mixture of experts^2", "sparse activation"]
to = ["ada@lab.example", "grace@lab.example"]
at = "08:00"
limit = 5
"""
RETRIEVAL = """
[profiles.retrieval]
title = "Search and retrieval"
keywords = ["retrieval^2", "search"]
to = ["ada@lab.example"]
at = "08:00"
limit = 5
"""


@dataclass
class Postman:
    """What a mail server took: (envelope sender, recipient, message)."""

    port: int = 0
    taken: list = field(default_factory=list)
    refuses: set[str] = field(default_factory=set)

    async def handle_RCPT(self, _server, _session, envelope, address, _options):  # noqa: N802 - aiosmtpd's name
        if address in self.refuses:
            return "550 5.1.1 No such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server, _session, envelope):  # noqa: N802 - aiosmtpd's name
        message = message_from_bytes(envelope.original_content, policy=default)
        self.taken.append((envelope.mail_from, envelope.rcpt_tos, message))
        return "250 OK"

    def mail_to(self, address):
        return [message for _, _, message in self.taken if message["To"] == address]


@contextmanager
def delivering(postman: Postman) -> Iterator[None]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        postman.port = free.getsockname()[1]
    server = Controller(postman, hostname="127.0.0.1", port=postman.port)
    server.start()
    try:
        yield
    finally:
        server.stop()


@pytest.fixture
def postman():
    return Postman()


@pytest.fixture
def site():
    with replaying(sample_day(1)) as started:
        yield started


@pytest.fixture
def lab(tmp_path, monkeypatch, capsys, site, postman):
    """A desk with the lab's configuration; the mail server is up."""
    with delivering(postman):
        (tmp_path / "config.toml").write_text(CONFIG.format(url=site.url, port=postman.port))
        (tmp_path / "profiles").mkdir()
        (tmp_path / "profiles" / "experts.toml").write_text(EXPERTS)
        (tmp_path / "profiles" / "retrieval.toml").write_text(RETRIEVAL)
        yield from desk_in(tmp_path, monkeypatch, capsys)


def test_everyone_gets_one_mail_with_a_section_for_each_of_their_profiles(lab, postman):
    assert lab(*THURSDAY, "once").code == 0
    (ada,), (grace,) = postman.mail_to("ada@lab.example"), postman.mail_to("grace@lab.example")
    for mail, sections in ((ada, 2), (grace, 1)):
        text = mail.get_body(("plain",)).get_content().upper()
        assert "MIXTURE OF EXPERTS" in text
        assert ("SEARCH AND RETRIEVAL" in text) is (sections == 2)
        assert "THE LAB, ROAD 1, TOWN" in text
    assert ada["Message-ID"] != grace["Message-ID"]
    assert all(recipients == [m["To"]] for _, recipients, m in postman.taken), "one To, no Bcc"


def test_the_mail_can_be_left_with_one_click(lab, postman):
    lab(*THURSDAY, "once")
    links = set()
    for _, _, mail in postman.taken:
        link = re.fullmatch(r"<(https://papers\.lab\.example/unsubscribe/[\w-]{22,})>",
            mail["List-Unsubscribe"])  # fmt: skip
        assert link
        links.add(link[1])
        assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert link[1] in mail.get_body(("plain",)).get_content()
    assert len(links) == 2, "everyone has a token of their own"


def test_a_new_member_begins_with_the_latest_edition(lab, postman, site):
    lab(*THURSDAY, "once")
    assert lab(*THURSDAY, "subscribers", "add", "mary@lab.example", "experts").code == 0
    lab(*THURSDAY, "deliver")
    (first,) = postman.mail_to("mary@lab.example")
    (grace,) = postman.mail_to("grace@lab.example")
    assert first["Subject"] == grace["Subject"]
    site.show(sample_day(2))
    lab(*FRIDAY, "once")
    assert len(postman.mail_to("mary@lab.example")) == 2


def test_who_left_gets_nothing_more_although_the_configuration_still_names_them(lab, postman, site):
    lab(*THURSDAY, "once")
    assert lab("subscribers", "remove", "grace@lab.example").code == 0
    site.show(sample_day(2))
    assert lab(*FRIDAY, "once").code == 0
    assert len(postman.mail_to("grace@lab.example")) == 1
    assert len(postman.mail_to("ada@lab.example")) == 2


def test_a_profile_that_is_taken_away_stops_and_its_archive_stays(lab, postman, site):
    lab(*THURSDAY, "once")
    (lab.folder / "profiles" / "experts.toml").unlink()
    site.show(sample_day(2))
    assert lab(*FRIDAY, "once").code == 0
    assert len(postman.mail_to("grace@lab.example")) == 1
    ada = postman.mail_to("ada@lab.example")[-1].get_body(("plain",)).get_content().upper()
    assert "MIXTURE OF EXPERTS" not in ada.split("SEARCH AND RETRIEVAL")[0]
    assert (lab.state / "public" / "p" / "experts" / "2026-11-19" / "index.html").exists()


def test_a_mail_server_that_is_away_loses_nothing(lab, postman, site):
    port = postman.port
    (lab.folder / "config.toml").write_text(CONFIG.format(url=site.url, port=1))
    away = lab(*THURSDAY, "once")
    assert away.code == 1
    assert "The mail server 127.0.0.1:1 cannot be used" in away.words
    assert "The digests are kept and tried again." in away.words
    assert lab("status", "--json").document["outbox"] == {"pending": 2}
    (lab.folder / "config.toml").write_text(CONFIG.format(url=site.url, port=port))
    assert lab("--now", "2026-11-19T09:00Z", "once").code == 0
    assert len(postman.taken) == 2
    assert lab("--now", "2026-11-19T09:10Z", "once").code == 0
    assert len(postman.taken) == 2


def test_an_address_that_is_refused_is_reported_and_the_others_get_theirs(lab, postman):
    postman.refuses.add("grace@lab.example")
    said = lab(*THURSDAY, "once")
    assert said.code == 1
    assert "5.1.1 No such user" in said.words
    assert len(postman.mail_to("ada@lab.example")) == 1
    told = {d["address"]: d for d in lab("deliveries", "list", "--json").document}
    assert told["grace@lab.example"]["status"] == "failed"
    assert "No such user" in told["grace@lab.example"]["said"]
    assert "No such user" in lab("deliveries", "list", "--status", "failed").words


def test_a_day_that_nobody_served_goes_into_the_next_digest(lab, postman, site):
    """The bot was off from Thursday's hour past the grace: its papers come on Friday."""
    lab("--now", "2026-11-19T06:30Z", "collect")
    lab("--now", "2026-11-19T07:30Z", "compose")
    late = lab("--now", "2026-11-19T22:00Z", "deliver", "--json").document["delivered"]
    assert (late["skipped"], late["ended"]) == (2, {})
    site.show(sample_day(2))
    assert lab(*FRIDAY, "once").code == 0
    grace = next(d for d in deliveries(lab.state)[::-1] if d.address == "grace@lab.example")
    assert len(grace.editions) == 2
    assert len(grace.picks) >= 5
    assert len(postman.mail_to("grace@lab.example")) == 1
