"""serve: feeds and pages as a morning's readers ask for them, by wrk, beside aiohttp's bare answer.

The floor sends the same bytes with the same media type from memory, and looks at nothing: no path, no
file, no ETag, no Accept-Encoding. Both run as one process on one core, wrk on another.
"""

from __future__ import annotations

import asyncio
import gzip
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Awaitable, Callable
from itertools import product
from pathlib import Path
from statistics import median

from aiohttp import web

from benchmarks import library
from benchmarks.measure import serving
from bot.app import open_app
from bot.config import load_config
from bot.web import listening

_CONNECTIONS = 32
_SELF = "benchmarks.serve"
_CONFIGURATION = """
[bot]
contact = "owner@example.org"
state = "state"
[web]
listen = "127.0.0.1:0"
[mail]
transport = "maildir"
from = "bot@example.org"
[profiles.lab]
keywords = ["experts"]
"""
_FILES = {"feeds/lab.atom": 100, "p/lab/index.html": 20}  # and how many papers' texts they hold


def run(rounds: int = 3, seconds: int = 3) -> list[dict[str, object]]:
    """Return one row a kind of answer: ours and the floor a second, and the share that is ours."""
    if shutil.which("wrk") is None:
        sys.exit("The serve stage needs wrk, which Debian's package of that name brings.")
    kinds = [("feed", "feeds/lab.atom"), ("page", "p/lab/index.html")]
    taken: dict[tuple[str, int, str], list[float]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _prepare(folder)
        with serving(_SELF, "ours", folder) as ours, serving(_SELF, "bare", folder) as bare:
            told = {path: _etag_and_size(f"{ours}/{path}") for _, path in kinds}
            for (_, path), status, _round in product(kinds, (200, 304), range(rounds)):
                condition = {"If-None-Match": told[path][0]} if status == 304 else {}  # noqa: PLR2004
                for who, address in (
                    ("ours", f"{ours}/{path}"),
                    ("bare", f"{bare}/{status}/{path}"),
                ):
                    found = _per_second(address, seconds, condition)
                    taken.setdefault((path, status, who), []).append(found)
    rows: list[dict[str, object]] = []
    for (kind, path), status in product(kinds, (200, 304)):
        here, floor = (median(taken[path, status, who]) for who in ("ours", "bare"))
        size = f" of {told[path][1] / 1000:.0f} KB, gzipped" if status == 200 else " unchanged: 304"  # noqa: PLR2004
        rows.append({
            "what": f"a {kind}{size}", "a second": round(here),
            "aiohttp's bare answer": round(floor), "share": round(here / floor, 2), "target": "≥0.6",
        })  # fmt: skip
    return rows


def _prepare(folder: Path) -> None:
    (folder / "config.toml").write_text(_CONFIGURATION)
    for name, count in _FILES.items():
        path = folder / "state" / "public" / name
        path.parent.mkdir(parents=True)
        path.write_text(
            "\n".join(f"<p>{abstract}</p>" for _, abstract, _ in library.records(count))
        )


def _etag_and_size(address: str) -> tuple[str, int]:
    """Return the ETag of what is served, and how many bytes are sent."""
    request = urllib.request.Request(address, headers={"Accept-Encoding": "gzip"})  # noqa: S310 - our own
    with urllib.request.urlopen(request) as answer:  # noqa: S310 - our own
        return answer.headers["ETag"], len(answer.read())


def _per_second(address: str, seconds: int, told: dict[str, str]) -> float:
    headers = {"Accept-Encoding": "gzip"} | told
    command = ["wrk", "-t1", f"-c{_CONNECTIONS}", f"-d{seconds}s"]
    command += [part for name, value in headers.items() for part in ("-H", f"{name}: {value}")]
    done = subprocess.run([*command, address], check=True, capture_output=True, text=True)
    found = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    if found is None or "Non-2xx" in done.stdout:
        raise RuntimeError(done.stdout)
    return float(found.group(1))


async def _ours(folder: Path) -> None:
    with open_app(load_config(folder / "config.toml"), lambda: library.NOW) as app:
        async with listening(lambda: app) as address:
            await _until_closed(address)


async def _bare(folder: Path) -> None:
    site = web.Application()
    for name in _FILES:
        body = gzip.compress((folder / "state" / "public" / name).read_bytes(), 6)
        site.router.add_get(f"/200/{name}", _sending(200, body))
        site.router.add_get(f"/304/{name}", _sending(304, b""))
    runner = web.AppRunner(site, access_log=None)
    await runner.setup()
    listener = web.TCPSite(runner, "127.0.0.1", 0)
    await listener.start()
    await _until_closed(f"http://127.0.0.1:{runner.addresses[0][1]}")
    await runner.cleanup()


def _sending(status: int, body: bytes) -> Callable[[web.Request], Awaitable[web.Response]]:
    headers = {"Content-Type": "text/html"} | ({"Content-Encoding": "gzip"} if body else {})

    async def send(_: web.Request) -> web.Response:
        return web.Response(status=status, body=body or None, headers=headers)

    return send


async def _until_closed(address: str) -> None:
    print(address, flush=True)
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run({"ours": _ours, "bare": _bare}[sys.argv[1]](Path(sys.argv[2])))
