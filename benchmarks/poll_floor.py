"""`PYTHON poll_floor.py URLS FOLDER`: the floor of the poll stage: libcurl's multi interface and expat.

Fetches all addresses, 128 at once, and turns each body into a list of dictionaries of its entries'
texts; nothing is cleaned, compared or stored but the ETags, for the next time. Run by the peers'
interpreter, which has pycurl; imports nothing of ours. Prints its seconds as a JSON object.
"""

from __future__ import annotations

import io
import json
import sys
import time
from pathlib import Path
from typing import Any
from xml.parsers import expat

import pycurl

_AT_ONCE = 128
_OK = 200


def _entries(body: bytes) -> list[dict[str, str]]:
    entries: list[dict[str, str]] = []
    pieces: list[str] = []

    def start(name: str, _: dict[str, str]) -> None:
        pieces.clear()
        if name in ("item", "entry"):
            entries.append({})

    def end(name: str) -> None:
        if entries:
            entries[-1][name] = "".join(pieces)
        pieces.clear()

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = pieces.append
    parser.Parse(body, True)
    return entries


def _fetched(  # noqa: C901 - a floor is best read in one piece
    urls: list[str], tags: dict[str, str]
) -> int:
    """Fetch and parse; return how many entries there were."""
    multi, waiting, count = pycurl.CurlMulti(), list(urls), 0
    bodies: dict[Any, tuple[str, io.BytesIO]] = {}

    def begin(url: str) -> None:
        curl, body = pycurl.Curl(), io.BytesIO()

        def header(line: bytes) -> None:
            name, _, value = line.decode("latin-1").partition(":")
            if name.lower() == "etag":
                tags[url] = value.strip()

        curl.setopt(pycurl.URL, url)
        curl.setopt(pycurl.WRITEDATA, body)
        curl.setopt(pycurl.HEADERFUNCTION, header)
        if url in tags:
            curl.setopt(pycurl.HTTPHEADER, [f"If-None-Match: {tags[url]}"])
        bodies[curl] = url, body
        multi.add_handle(curl)

    while waiting or bodies:
        while waiting and len(bodies) < _AT_ONCE:
            begin(waiting.pop())
        multi.perform()
        _, done, failed = multi.info_read()
        if failed:
            raise RuntimeError(failed)
        for curl in done:
            _, body = bodies.pop(curl)
            if curl.getinfo(pycurl.RESPONSE_CODE) == _OK:
                count += len(_entries(body.getvalue()))
            multi.remove_handle(curl)
            curl.close()
        if not done:
            multi.select(0.1)
    return count


if __name__ == "__main__":
    _urls, _kept = Path(sys.argv[1]).read_text().split(), Path(sys.argv[2]) / "tags.json"
    _tags = json.loads(_kept.read_text()) if _kept.exists() else {}
    _begin = time.perf_counter()
    _count = _fetched(_urls, _tags)
    print(json.dumps({"seconds": time.perf_counter() - _begin, "entries": _count}))
    _kept.write_text(json.dumps(_tags))
