"""The demo, one of the doors: the whole main job, offline, on papers that never were.

Sample sources are served over HTTP on loopback and mail is taken by a real SMTP server on loopback;
between them runs the product itself, on two mornings in a row. Clock and secret are fixed: two runs
make the same bytes.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web
from aiosmtpd.smtp import SMTP, Envelope, Session

from bot.app import open_app
from bot.config import load_config
from bot.errors import UsageError
from bot.files import deliver_to_maildir, write_file
from bot.values import value_type
from bot.workflows.collect import Collected
from bot.workflows.compose import Composed
from bot.workflows.desk import DeliverReport
from bot.workflows.publish import Published

if TYPE_CHECKING:
    from bot.config import Config

SECRET = b"a secret that everybody knows..."
# Thursday and Friday, an hour after the profiles' 07:00 in Berlin.
MORNINGS = (datetime(2026, 11, 19, 7, 0, tzinfo=UTC), datetime(2026, 11, 20, 7, 0, tzinfo=UTC))
_TYPES = {".xml": "application/xml", ".json": "application/json"}


@value_type(frozen=True, slots=True)
class Morning:
    """What one morning's run did."""

    at: datetime
    collected: list[Collected]
    composed: list[Composed]
    published: Published
    delivered: DeliverReport


@value_type(frozen=True, slots=True)
class Mail:
    """A message that arrived: where it lies, to whom, and its subject."""

    path: Path
    recipient: str
    subject: str


@value_type(frozen=True, slots=True)
class Demonstration:
    """Everything the demo made."""

    folder: Path
    mornings: tuple[Morning, ...]
    mails: tuple[Mail, ...]


async def demonstrate(folder: Path) -> Demonstration:
    """Run both mornings into an absolute folder; an earlier demo's files there are removed.

    Raises StateError and its kin; UsageError where the folder is somebody's own.
    """
    _clear(folder)
    day = _Day()
    async with _sources(day) as http, _mail_server(folder / "mail") as smtp_port:
        config = _configuration(folder, http, smtp_port)
        mornings = [await _morning(config, day, index) for index in range(len(MORNINGS))]
    return Demonstration(folder, tuple(mornings), tuple(_mails(folder / "mail")))


def _clear(folder: Path) -> None:
    """Remove what an earlier demo left, and nothing else: somebody may name a folder of their own.

    Raises UsageError where what lies there is no earlier demo's.
    """
    own = [name for name in ("config.toml", "paperround.db") if (folder / name).exists()]
    if own and not _is_a_demo(folder / "config.toml"):
        raise UsageError(
            f"{folder} holds a {own[0]} that is not the demo's. Nothing was touched; name another "
            "folder: `paperround demo --out DIR`."
        )
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is no folder. Nothing was touched.")
    for name in ("public", "mail", "lock"):
        shutil.rmtree(folder / name, ignore_errors=True)
    database = ("paperround.db", "paperround.db-wal", "paperround.db-shm")
    for name in (*database, "config.toml", "config.kept"):
        (folder / name).unlink(missing_ok=True)


def _is_a_demo(config: Path) -> bool:
    """Tell by how it begins: `demo.toml` does, and no other configuration."""
    try:
        return config.read_bytes().startswith(b"# The configuration of `paperround demo`")
    except OSError:
        return False


def _configuration(folder: Path, http: str, smtp_port: int) -> Config:
    # `@HTTP@` is the web server's address, without a slash at the end.
    text = (_samples() / "demo.toml").read_text(encoding="utf-8")
    text = text.replace("@HTTP@", http).replace("@SMTP_PORT@", str(smtp_port))
    write_file(folder / "config.toml", text.encode())
    return load_config(folder / "config.toml")


async def _morning(config: Config, day: _Day, index: int) -> Morning:
    day.folder = f"day{index + 1}"
    now = MORNINGS[index]
    with open_app(config, lambda: now, SECRET) as app:
        return Morning(
            now, await app.collect(), await app.compose(), await app.publish(), await app.deliver()
        )


# ── The outside world, on loopback ────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class _Day:
    """Which day's samples the sources serve."""

    folder: str = "day1"


def _samples() -> Traversable:
    return files("bot.demo") / "samples"


@asynccontextmanager
async def _sources(day: _Day) -> AsyncIterator[str]:
    """Serve the day's sample documents; yield the address."""
    routes = {
        "/arxiv/rss/{categories}": "arxiv.xml",
        "/hf/api/daily_papers": "huggingface.json",
        "/journal.xml": "journal.xml",
        "/broken.xml": "broken.xml",
    }
    app = web.Application()
    for route, name in routes.items():
        app.router.add_get(route, _document(day, name))
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()


def _document(day: _Day, name: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(_: web.Request) -> web.Response:
        body = (_samples() / day.folder / name).read_bytes()
        return web.Response(body=body, content_type=_TYPES[Path(name).suffix])

    return answer


class _IntoMaildir:
    """Takes every message into one Maildir, as a mail server would."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """Deliver; the name follows from the message, so that two demos make the same files."""
        content = envelope.original_content or b""
        message_id = str(message_from_bytes(content, policy=default)["Message-ID"])
        name = message_id.strip("<>").partition("@")[0]
        deliver_to_maildir(self._folder, f"{name}.demo", content.replace(b"\r\n", b"\n"))
        return "250 OK"


@asynccontextmanager
async def _mail_server(folder: Path) -> AsyncIterator[int]:
    """Take mail by SMTP; yield the port."""
    loop = asyncio.get_running_loop()
    handler = _IntoMaildir(folder)
    server = await loop.create_server(
        lambda: SMTP(handler, hostname="localhost", loop=loop), "127.0.0.1", 0
    )
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


def _mails(folder: Path) -> Iterator[Mail]:
    found = []
    for path in (folder / "new").glob("*"):
        message = message_from_bytes(path.read_bytes(), policy=default)
        found.append(
            (str(message["Date"].datetime), str(message["To"]), str(message["Subject"]), path)
        )
    for _, recipient, subject, path in sorted(found):
        yield Mail(path, recipient, subject)
