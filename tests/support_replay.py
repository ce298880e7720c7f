"""Captured or invented days on a loopback HTTP server that runs in a thread of its own.

The command under test runs in other processes, so the server cannot live on a test's event loop.
`Replay.show` tells it which day it is; an answer may also misbehave.
"""

from __future__ import annotations

import gzip
import hashlib
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

SHARED = Path(__file__).parents[1].parent / "shared" / "data"
RECONSTRUCTED = SHARED / "arxiv_rss" / "reconstructed"
LARGE, SMALL = "cs.CL+cs.CV+cs.MM+cs.LG+cs.SI", "cs.SD+eess.AS"
SAMPLES = Path(__file__).parents[1] / "bot" / "demo" / "samples"


@dataclass(frozen=True)
class Answer:
    """What an address answers: after `wait` seconds; cut off after `cut` bytes where given."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    wait: float = 0.0
    cut: int | None = None


class Replay:
    """A site of one day. `requests` are the paths asked for, with their queries, in turn."""

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self.url = f"http://127.0.0.1:{server.server_address[1]}"
        self.requests: list[str] = []
        self.answered: list[int] = []
        self._documents: dict[str, Answer] = {}

    def show(self, documents: Mapping[str, bytes | Answer]) -> None:
        """Turn the page: from now on these paths, and no others, have documents."""
        self._documents = {
            path: given if isinstance(given, Answer) else Answer(given)
            for path, given in documents.items()
        }

    def but(self, path: str, answer: bytes | Answer) -> None:
        """Let one path answer otherwise."""
        self._documents[path] = answer if isinstance(answer, Answer) else Answer(answer)

    def answer(self, path: str) -> Answer:
        return self._documents.get(path.partition("?")[0], Answer(b"nothing here", 404))


class _Handler(BaseHTTPRequestHandler):
    replay: Replay

    def do_GET(self) -> None:
        answer = self.replay.answer(self.path)
        self.replay.requests.append(self.path)
        self.server.stopping.wait(answer.wait)  # type: ignore[attr-defined]  # a _Server
        etag = f'"{hashlib.sha256(answer.body).hexdigest()[:16]}"'
        unchanged = answer.status == 200 and self.headers["If-None-Match"] == etag
        self.replay.answered.append(304 if unchanged else answer.status)
        self.send_response(304 if unchanged else answer.status)
        for name, value in {"ETag": etag, **answer.headers}.items():
            self.send_header(name, value)
        if unchanged:
            self.end_headers()
            return
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        with suppress(ConnectionError):  # who asked may have been stopped meanwhile
            self.wfile.write(answer.body[: answer.cut])

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


class _Server(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.stopping = threading.Event()


@contextmanager
def replaying(documents: Mapping[str, bytes | Answer] | None = None) -> Iterator[Replay]:
    """Serve on a free port of 127.0.0.1."""
    server = _Server()
    replay = Replay(server)
    replay.show(documents or {})
    server.RequestHandlerClass = type("Handler", (_Handler,), {"replay": replay})
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield replay
    finally:
        server.stopping.set()
        server.shutdown()
        server.server_close()
        thread.join()


# ── Days ──────────────────────────────────────────────────────────────────────────────────────────


def sample_day(number: int, categories: str = "cs.CL") -> dict[str, bytes]:
    """Return day 1 or 2 of the demo's invented papers, where a mirror of both services has them."""
    folder = SAMPLES / f"day{number}"
    return {
        f"/rss/{categories}": (folder / "arxiv.xml").read_bytes(),
        "/api/daily_papers": (folder / "huggingface.json").read_bytes(),
        "/journal.xml": (folder / "journal.xml").read_bytes(),
    }


def captured(path: Path) -> bytes:
    """Return a capture, unpacked where it lies packed (`NAME` or `NAME.gz`)."""
    packed = path.with_name(path.name + ".gz")
    return gzip.decompress(packed.read_bytes()) if packed.exists() else path.read_bytes()


def captured_day(day: date, categories: str = LARGE) -> dict[str, bytes]:
    """Return a real day: both arXiv feeds, and Hugging Face's list of that date.

    The large group is found under `categories`.
    """
    folder = RECONSTRUCTED / day.isoformat()
    return {
        f"/rss/{categories}": captured(folder / f"{LARGE}.xml"),
        f"/rss/{SMALL}": captured(folder / f"{SMALL}.xml"),
        "/api/daily_papers": captured(SHARED / "hf_daily" / "raw" / f"{day.isoformat()}.json"),
    }
