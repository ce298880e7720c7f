"""The command as people use it: in a process of its own, or (quicker) in ours; and what it left."""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import pytest

from bot.cli import main
from bot.models import Delivery, Paper, Role
from bot.store import Store

MORNING = ("--now", "2026-11-19T08:00Z")
NEXT = ("--now", "2026-11-20T08:00Z")
CONFIG = """
[bot]
contact = "owner@example.org"
timezone = "Europe/Berlin"

[[sources]]
name = "arxiv"
kind = "arxiv"
url = "{url}"
categories = ["cs.CL"]

[[sources]]
name = "hf"
kind = "huggingface"
url = "{url}"

[[sources]]
name = "journal"
kind = "feed"
url = "{url}/journal.xml"

[profiles.experts]
title = "Experts"
to = ["ada@example.org"]
keywords = ["mixture of experts^2", "expert routing", "sparse activation"]
exclude = ["survey"]
like = ["arXiv:2001.00001"]
at = "any"
limit = 6

[profiles.proteins]
to = ["ada@example.org", "grace@example.org"]
keywords = ["protein"]
at = "any"
limit = 4

[fetch]
allow_private = ["127.0.0.1/32"]
"""

PYTHON = [sys.executable, "-X", "utf8", "-m", "bot"]


def environment(**more: str) -> dict[str, str]:
    """Return ours without what would change the command's mind, in UTC, and not measured."""
    without = ("PAPERROUND_CONFIG", "PYTHONIOENCODING", "PYTHONWARNINGS")
    kept = {
        name: value
        for name, value in os.environ.items()
        # Coverage in the child would import half of what the tests of the start look for.
        if name not in without and not name.startswith("COVERAGE_")
    }
    return kept | {"TZ": "UTC"} | more


def run(
    cwd: Path, *arguments: str, stdin: str = "", **options: object
) -> subprocess.CompletedProcess[str]:
    """Run `paperround` in a process of its own, in that folder."""
    given = {"env": environment(), "timeout": 60, "encoding": "utf-8"} | options
    return subprocess.run(  # type: ignore[call-overload,no-any-return]  # options are its own
        [*PYTHON, *arguments],
        cwd=cwd,
        input=stdin,
        capture_output=True,
        check=False,
        **given,
    )


@dataclass(frozen=True)
class Said:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def document(self):
        """The JSON document it printed."""
        return json.loads(self.out)

    @property
    def words(self) -> str:
        """All it said, on one line."""
        return re.sub(r"\s+", " ", self.out + " " + self.err)


class Desk:
    """A folder with a configuration, and the command run in it within this process."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self.state, self._capsys = folder, folder / "state", capsys

    def write(self, text: str, name: str = "config.toml") -> Path:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    def __call__(self, *arguments: str) -> Said:
        """Run; `--config` is the desk's own unless the arguments name another."""
        self._capsys.readouterr()
        try:
            code = main(list(arguments))
        except SystemExit as left:  # argparse
            code = int(left.code or 0)
        out, err = self._capsys.readouterr()
        assert "Traceback" not in err, err
        return Said(code, out, err)


def desk_in(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Desk]:
    """Give a desk in the folder, which becomes the current one; put the log back at the end."""
    monkeypatch.chdir(folder)
    monkeypatch.delenv("PAPERROUND_CONFIG", raising=False)
    log = logging.getLogger("paperround")
    before = (log.handlers[:], log.propagate, log.level)
    yield Desk(folder, capsys)
    log.handlers[:], log.propagate = before[:2]
    log.setLevel(before[2])


def walk_a_morning(folder: Path, url: str) -> Path:
    """Let `once` run on the first morning, in a folder with CONFIG."""
    (folder / "config.toml").write_text(CONFIG.format(url=url))
    assert main([*MORNING, "--config", str(folder / "config.toml"), "once", "--json"]) == 0
    return folder


# ── What was left ─────────────────────────────────────────────────────────────────────────────────


def mails(state: Path) -> list[EmailMessage]:
    """Return what readers got into the Maildir, oldest first, then by recipient."""
    return [mail for mail in _all_mails(state) if not _is_alarm(mail)]


def letters(state: Path) -> list[EmailMessage]:
    """Return what the owner was told there, oldest first."""
    return [mail for mail in _all_mails(state) if _is_alarm(mail)]


def _is_alarm(mail: EmailMessage) -> bool:
    return str(mail["Message-ID"]).startswith("<alarm.")


def _all_mails(state: Path) -> list[EmailMessage]:
    found = [_message(path) for path in (state / "mail" / "new").glob("*")]
    return sorted(found, key=lambda mail: (mail["Date"].datetime, str(mail["To"])))


def _message(path: Path) -> EmailMessage:
    message = message_from_bytes(path.read_bytes(), policy=default)
    assert isinstance(message, EmailMessage)
    return message


def text_of(mail: EmailMessage) -> str:
    """Return the text part, its line breaks undone."""
    part = mail.get_body(("plain",))
    assert part is not None
    return re.sub(r"\s+", " ", part.get_content())


def html_of(mail: EmailMessage) -> str:
    part = mail.get_body(("html",))
    assert part is not None
    return str(part.get_content())


def deliveries(state: Path) -> list[Delivery]:
    """Return what the ledger says, oldest first."""
    with Store(state / "paperround.db") as store:
        return store.deliveries(1000)[::-1]


def picked(delivery: Delivery, role: Role) -> list[int]:
    """Return the papers of a delivery that stand in it as new, or as replaced."""
    return [pick.paper for pick in delivery.picks if pick.role is role]


def papers(state: Path, ids: Sequence[int]) -> list[Paper]:
    with Store(state / "paperround.db") as store:
        found = store.papers(ids)
    return [found[each] for each in ids]
