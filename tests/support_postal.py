"""A desk whose digests wait to be mailed: papers and an edition are stored, readers subscribed."""

from __future__ import annotations

import asyncio
import gc
import json
import re
import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from bot.cli import main
from bot.models import Paper
from bot.store import Store
from support_cli import Desk, Said, desk_in
from support_round import NOW, a_paper, absorb, an_edition, arxiv, with_profiles
from support_smtp import Relay, a_relay

SENDER = "papers@lab.example"
# After QUIT a TLS connection is closed by a word more from each side, which a command that is over
# does not wait for; the socket then ends with its loop, and Python says so.
WITH_SERVERS = [pytest.mark.e2e, pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")]
_CONFIG = """
[bot]
title = "Reading group"
base_url = "https://papers.lab.example"
contact = "librarian@lab.example"
timezone = "UTC"
[profiles.experts]
title = {title}
to = {readers}
keywords = ["experts"]
at = "07:00"
limit = 50
[mail]
{mail}
[mail.dkim]
{dkim}
"""


class PostalDesk(Desk):
    """The command in a folder, with as many digests due as there are readers."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        super().__init__(folder, capsys)
        self.readers: Sequence[str] = ()
        self.title = "Experts"
        self.dkim: dict[str, object] = {}

    def store(self, *papers: Paper) -> None:
        """Store papers and the edition that shows them."""
        with Store(self.state / "paperround.db") as store:
            with_profiles(store, "experts")
            absorb(store, *papers)
            an_edition(store, *range(1, len(papers) + 1))

    def settings(self, folder: Path | None = None, **mail: object) -> None:
        """Write the configuration with these settings of [mail]; by SMTP to loopback if not told."""
        chosen: dict[str, object] = {"transport": "smtp", "host": "127.0.0.1", "rate": 1000}
        chosen |= {"from": f"Reading group <{SENDER}>"} | mail
        text = _CONFIG.format(
            title=json.dumps(self.title, ensure_ascii=False),
            readers=json.dumps(list(self.readers)),
            mail=_lines(chosen),
            dkim=_lines(self.dkim),
        )
        ((folder or self.folder) / "config.toml").write_text(text, encoding="utf-8")

    def deliver(self, *options: str, minutes: int = 0) -> Said:
        """Run `deliver` so many minutes after the hour."""
        hours, rest = divmod(minutes, 60)
        now = NOW.replace(hour=NOW.hour + hours, minute=rest)
        return self("--now", now.isoformat(), *options, "deliver")

    def outbox(self) -> dict[str, int]:
        """What `status` says of the outbox."""
        outbox = self("status", "--json").document["outbox"]
        assert isinstance(outbox, dict)
        return outbox

    def states(self) -> dict[str, str]:
        """What became of each reader's digest."""
        listed = self("deliveries", "list", "--json").document
        return {delivery["address"]: delivery["status"] for delivery in listed}

    def told(self, number: int = 1) -> str:
        """What `deliveries show` says of one delivery, on one line."""
        return self("deliveries", "show", str(number)).words

    def built(self) -> list[bytes]:
        """Return the messages that are due, as they would be sent: from a copy, into a Maildir."""
        assert self("status").code == 0  # the secret that Message-IDs are made of is drawn
        copy = self.folder / "copy"
        shutil.copytree(self.folder, copy, ignore=shutil.ignore_patterns("copy"))
        self.settings(copy, transport="maildir")
        assert (
            main(["--config", str(copy / "config.toml"), "--now", NOW.isoformat(), "deliver"]) == 0
        )
        messages = [path.read_bytes() for path in (copy / "state" / "mail" / "new").iterdir()]
        shutil.rmtree(copy)
        return [re.sub(rb"\r?\n", b"\r\n", message) for message in messages]


@contextmanager
def a_relay_beside() -> Iterator[Relay]:
    """Run `support_smtp.a_relay` in a thread of its own: the command has a loop of its own too."""
    ready, over = threading.Event(), asyncio.Event()
    running: list[tuple[asyncio.AbstractEventLoop, Relay]] = []

    async def serve() -> None:
        async with a_relay() as relay:
            running.append((asyncio.get_running_loop(), relay))
            ready.set()
            await over.wait()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        assert ready.wait(10), "the relay did not start"
        yield running[0][1]
    finally:
        running[0][0].call_soon_threadsafe(over.set)
        thread.join(10)


def _lines(table: dict[str, object]) -> str:
    return "\n".join(
        f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in table.items()
    )


def postal_desk(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    readers: Sequence[str],
    *papers: Paper,
) -> Iterator[PostalDesk]:
    """Give a desk with papers for these readers, three if none are named."""
    for _ in desk_in(folder, monkeypatch, capsys):
        desk = PostalDesk(folder, capsys)
        desk.readers = readers
        desk.store(*(papers or (a_paper(arxiv(n), title=f"Paper {n}.") for n in range(1, 4))))
        yield desk
    gc.collect()  # what the warning is about is gone before the next test
