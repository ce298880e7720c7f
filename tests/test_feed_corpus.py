"""Every captured feed through `parse_feed`: read as feedparser reads it, in no time, from nothing else.

Where we differ on purpose, feed_differences.toml says in what and why; a line there that is no longer
true fails too. Skipped by name where the captures are absent.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import signal
import sys
import sysconfig
import time
import tomllib
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import feedparser
import pytest

from bot import parse_feed
from bot.config import SourceSettings
from bot.errors import ParseError
from bot.models import Document, Paper
from bot.sources import parse
from bot.sources.entries import LONGEST_ADDRESS, MOST_ENTRIES
from bot.text import one_line, shorten

DATA = Path(__file__).parents[1].parent / "shared" / "data"
FOLDERS = ("weird_feeds", "arxiv_rss", "journals", "preprints")
URL = "https://weird.example/feed.xml"
SOURCE = SourceSettings(name="weird", kind="feed", url=URL)
LATE = datetime(2199, 12, 31, tzinfo=UTC)  # so that no date is one of the future
STDLIB = tuple(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib"))
SECONDS, TIMES = 2, 20  # of CPU for a file: so many, or so many times what feedparser takes

# What no field may still hold: an element that runs or loads something, or an attribute that does.
ACTIVE = re.compile(
    r"<\s*(?:script|iframe|object|embed|applet|svg|style|link|meta|img|video|form)[\s/>]"
    r"|<[^<>]*\son\w+\s*=",
    re.IGNORECASE,
)


def differences() -> dict[str, dict[str, object]]:
    listed = tomllib.loads((Path(__file__).parent / "feed_differences.toml").read_text("utf-8"))
    return {each["file"]: each for each in listed["difference"]}


@cache
def feeds() -> list[Path]:
    return [
        path for folder in FOLDERS for path in sorted((DATA / folder).rglob("*")) if path.is_file()
    ]


def body_of(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


# ── Nothing else is opened, and nothing hangs ─────────────────────────────────────────────────────

_watched: list[str] = []
_touched: list[str] = []
_TOUCHING = (
    "open",
    "socket.",
    "subprocess.",
    "os.exec",
    "os.system",
    "urllib.",
    "ftplib.",
    "http.",
)


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if not _watched or not event.startswith(_TOUCHING):
        return
    # A codec that is looked up for the first time is imported from the standard library.
    if event == "open" and str(arguments[0]).startswith(STDLIB):
        return
    _touched.append(f"{event} {arguments!r:.200} while reading {_watched[-1]}")


sys.addaudithook(_watch)


@contextmanager
def alone(name: str, seconds: float) -> Iterator[None]:
    """Bound the CPU's time, and note whatever is opened or connected meanwhile."""

    def late(*_: object) -> None:
        raise TimeoutError(name)

    before = signal.signal(signal.SIGPROF, late)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    _watched.append(name)
    try:
        yield
    finally:
        _watched.clear()
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
    touched, _touched[:] = list(_touched), []
    assert touched == []


def test_the_watch_sees_files_and_addresses(tmp_path):
    (tmp_path / "x").write_text("x")
    with pytest.raises(AssertionError, match="open"), alone("x", SECONDS):
        (tmp_path / "x").read_text()


def test_the_watch_ends_what_hangs():
    with pytest.raises(TimeoutError), alone("x", 0.1):
        re.fullmatch("(a+)+b", "a" * 60)


# ── What feedparser makes of it ───────────────────────────────────────────────────────────────────


def reference(body: bytes) -> list[str]:
    """Return the id of each entry that has a title, a link or an id, as feedparser reads them.

    A JSON Feed is read by `json`. An id that repeats, or is none, tells nothing: "".
    """
    if body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{":
        found, names = _json_items(body), ("title", "id", "url", "external_url")
    else:
        names = ("title", "link", "id")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = feedparser.parse(
                io.BytesIO(body), sanitize_html=False, resolve_relative_uris=False
            ).entries
    named = [e for e in found[:MOST_ENTRIES] if any(str(e.get(k) or "").strip() for k in names)]
    ids = [shorten(one_line(str(e.get("id") or "")), LONGEST_ADDRESS) for e in named]
    counted = Counter(ids)
    return [each if counted[each] == 1 else "" for each in ids]


def _json_items(body: bytes) -> list[dict[str, object]]:
    try:
        found = json.loads(body)
    except ValueError:
        return []
    known = "://jsonfeed.org/version/1" in str(found.get("version", ""))
    return [each for each in found["items"] if isinstance(each, dict)] if known else []


def texts_of(paper: Paper) -> list[str]:
    return [paper.title, paper.abstract, paper.venue, *paper.authors, *paper.categories]


def told(path: Path) -> dict[str, object]:
    """Return how our reading of a file differs from feedparser's: {} where it does not."""
    body = body_of(path)
    name = str(path.relative_to(DATA))
    begun = time.process_time()
    expected = reference(body)
    seconds = max(SECONDS, TIMES * (time.process_time() - begun))  # a slow machine is slow at both
    try:
        with alone(name, seconds):
            papers = parse_feed(body, URL)
    except ParseError:
        return {"refused": len(expected)} if expected else {}
    with alone(name, seconds):
        sightings = parse(SOURCE, Document(URL, body), LATE).sightings
    assert [sighting.paper for sighting in sightings] == papers
    found: dict[str, object] = {}
    if len(papers) != len(expected):
        found["entries"] = [len(papers), len(expected)]
    elif other := [
        [sighting.guid, ours]
        for sighting, ours in zip(sightings, expected, strict=True)
        if ours and sighting.guid != ours
    ]:
        found["ids"] = len(other)
    for paper in papers:
        assert paper.title.strip() == paper.title != ""
        assert "\n" not in paper.title
        assert paper.identifiers
        assert paper.published is None or paper.published.utcoffset() is not None
    active = {text for paper in papers for text in texts_of(paper) if ACTIVE.search(text)}
    if active:
        found["active"] = len(active)
    assert all(link.href.startswith(("http://", "https://")) for p in papers for link in p.links)
    return found


def check(paths: list[Path]) -> None:
    known = differences()
    wrong = {}
    for path in paths:
        name = str(path.relative_to(DATA))
        expected = {k: v for k, v in known.get(name, {}).items() if k not in ("file", "why")}
        if (found := told(path)) != expected:
            wrong[name] = found
    assert wrong == {}


@pytest.mark.skipif(not feeds(), reason="no captures of feeds")
def test_a_sample_of_all_captured_feeds_is_read_as_feedparser_reads_it():
    small = [path for path in feeds() if path.stat().st_size < 60_000]
    listed = set(differences())
    check([*small[::60], *(path for path in small if str(path.relative_to(DATA)) in listed)])


@pytest.mark.long
@pytest.mark.skipif(not feeds(), reason="no captures of feeds")
def test_every_captured_feed_is_read_as_feedparser_reads_it():
    paths = feeds()
    assert len(paths) > 4000
    check(paths)


def test_every_difference_is_justified():
    for name, each in differences().items():
        assert len(str(each["why"])) > 20, name
        assert not feeds() or (DATA / name).is_file(), name
