"""Documents that no server should send: seeds of every kind, mutated, and what must hold all the same.

A case is (kind, seed, number) and always the same document, so a failure can be had again by its name.
A kind that is new in `sources.KINDS` is fuzzed with the seeds under its name here, or with all of them.
"""

from __future__ import annotations

import gzip
import json
import os
import random
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from bot.config import SourceSettings
from bot.errors import ParseError
from bot.models import Document, Paper, Parsed
from bot.sources import KINDS, arxiv_search, parse, parse_feed
from support_collect import (
    ERROR,
    Submission,
    announcement,
    journal,
    preprint,
    preprint_page,
    search_page,
)

DATA = Path(__file__).parents[1].parent / "shared" / "data"
NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)
URL = "https://fuzz.example/document"
_SECONDS = 20  # of CPU for one document; the longest that is right takes a tenth
_LARGEST_SEED = 20_000  # bytes
_MOST_SEEDS = 300

# ── Seeds ─────────────────────────────────────────────────────────────────────────────────────────

_AN_ENTRY = {
    "paper": {
        "id": "2611.00001", "title": "Routing <b>experts</b>", "summary": "We $a<b$.",
        "authors": [{"name": "Ada Example", "hidden": False}], "upvotes": 3,
        "publishedAt": "2026-11-20T08:00:00.000Z", "githubRepo": "https://code.example/x",
        "submittedOnDailyAt": "2026-11-20T09:00:00.000Z",
    },
    "numComments": 1, "publishedAt": "2026-11-20T08:00:00.000Z",
}  # fmt: skip
_A_JSON_FEED = {
    "version": "https://jsonfeed.org/version/1.1", "title": "J", "authors": [{"name": "A"}],
    "items": [{
        "id": 1, "url": "https://j.example/1", "title": "One", "content_html": "<p>Words.</p>",
        "date_published": "2026-11-20T08:00:00+02:00", "tags": ["a"], "summary": "W",
        "attachments": [{"url": "https://j.example/1.pdf", "mime_type": "application/pdf"}],
    }],
}  # fmt: skip
_RICH = (
    "<?xml version='1.0' encoding='utf-8'?><feed xmlns='http://www.w3.org/2005/Atom' "
    "xmlns:dc='http://purl.org/dc/elements/1.1/' xml:base='https://j.example/'><title>J</title>"
    "<entry><id>tag:j,1</id><title type='html'>A &lt;i&gt;b&lt;/i&gt; $c&lt;d$</title>"
    "<link href='1'/><dc:identifier>doi:10.1000/1</dc:identifier><author><name>Ana One</name>"
    "</author><author><given_name>Bo</given_name><last_name>Two</last_name></author>"
    "<published>2026-11-20T08:00:00Z</published><summary><![CDATA[<p>Words</p>]]></summary>"
    "<category term='cs.LG'/></entry></feed>"
)
_INVENTED: dict[str, list[str]] = {
    "arxiv": [
        announcement(NOW, "2611.00001", "2611.00002"),
        announcement(NOW, "hep-ex/0307015", event="replace-cross"),
        announcement(NOW),
    ],
    "arxiv pages": [search_page([Submission("2611.00001", NOW)] * 2, 7), ERROR],
    "huggingface": [json.dumps([_AN_ENTRY] * 2), "[]", '{"error": "no"}'],
    "biorxiv": [
        preprint_page([preprint(1), preprint(2, published="10.1000/x")], 0, 2),
        preprint_page([], 0, 0),
    ],
    "feed": [journal("One", "Two", at=NOW), _RICH, json.dumps(_A_JSON_FEED)],
}
_CAPTURED = {
    "arxiv": ("arxiv_rss",),
    "arxiv pages": ("arxiv_api",),
    "huggingface": ("hf_daily",),
    "biorxiv": ("preprints/biorxiv_api",),
    "feed": ("weird_feeds", "journals", "preprints/biorxiv_rss"),
}
_AS = {"medrxiv": "biorxiv"}


@cache
def seeds(kind: str) -> list[bytes]:
    """Return a kind's seed documents; where it has none of its own, everybody's."""
    name = _AS.get(kind, kind)
    if name not in _INVENTED:
        folders = (DATA / "scholar_apis" / name, DATA / "preprints" / name)
        return [*_captured(folders), *(body for known in _INVENTED for body in seeds(known))]
    invented = [text.encode() for text in _INVENTED[name]]
    return invented + _captured([DATA / folder for folder in _CAPTURED[name]])


def _captured(folders: tuple[Path, ...] | list[Path]) -> list[bytes]:
    paths = sorted(path for folder in folders for path in folder.rglob("*") if path.is_file())
    small = [path for path in paths if path.stat().st_size < _LARGEST_SEED]
    step = max(1, len(small) // _MOST_SEEDS)
    bodies = [path.read_bytes() for path in small[::step]]
    return [gzip.decompress(b) if b.startswith(b"\x1f\x8b") else b for b in bodies]


# ── Mutations ─────────────────────────────────────────────────────────────────────────────────────

_TOKENS = [
    b"&", b"<", b">", b"&#0;", b"&#xD800;", b"&#x110000;", b"&nbsp;", b"&lt;", b"<![CDATA[", b"]]>",
    b"<!--", b"-->", b"<?xml version='1.0' encoding='utf-16'?>", b"<!DOCTYPE x [<!ENTITY a 'b'>]>",
    b"\0", b"\x1b[31m", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xc2\x85", b"\xe2\x80\xae",
    b"</item>", b"<item>", b"</entry>", b"<entry>", b"<title>", b"</title>", b"<link/>", b"<guid>",
    b"<category term='", b" xml:base='http://['", b" type='xhtml'", b" type='text/html' mode='base64'",
    b"http://[::1", b"javascript:alert(1)", b"10.1000/", b"2611.99999v9", b"arXiv:", b"doi:",
    b"0001-01-01", b"9999-12-31T23:59:59-23:59", b"99999999999999999999", b"-1", b"1e999", b"null",
    b"NaN", b"Infinity", b"\\ud800", b"\\u0000", b'"', b"[", b"{", b"]", b"}", b",", b":", b"$",
    b"\\", b"(", b")", b";", b" and ", b"%", b"\xe2\x80\xa8", b"\n\n", b"\r",
]  # fmt: skip
_VALUES: list[object] = [
    None, True, False, 0, -1, 1, 10**400, 1.5, float("inf"), "", " ", "x", "\ud800", "\0", "NA",
    "x" * 5000, "<script>x()</script>", "9999-12-31T23:59:59-23:59", "0001-01-01", "2611.00001v2",
    "10.1000/x", "https://[", "javascript:x", [], {}, [[]], [None], [{}], {"name": None}, [1, "a", {}],
]  # fmt: skip


def document(kind: str, seed: int, number: int) -> bytes:
    """Return the document of a case."""
    dice = random.Random(f"{kind}/{seed}/{number}")  # noqa: S311 - to be had again, not to be secret
    found = seeds(kind)
    body = dice.choice(found)
    for _ in range(dice.choice((1, 1, 1, 2, 3, 8))):
        body = dice.choice(_MUTATIONS)(dice, body, found)
    return body[:200_000]


def _span(dice: random.Random, body: bytes) -> tuple[int, int]:
    start = dice.randrange(len(body) + 1)
    return start, min(len(body), start + int(dice.paretovariate(0.5)))


def _cut(dice: random.Random, body: bytes, _: list[bytes]) -> bytes:
    start, end = _span(dice, body)
    return body[:start] + body[end:]


def _break_off(dice: random.Random, body: bytes, _: list[bytes]) -> bytes:
    return body[: dice.randrange(len(body) + 1)]


def _repeat(dice: random.Random, body: bytes, _: list[bytes]) -> bytes:
    start, end = _span(dice, body)
    return (
        body[:end]
        + body[start:end] * min(dice.randrange(50), 50_000 // (end - start + 1))
        + body[end:]
    )


def _insert(dice: random.Random, body: bytes, _: list[bytes]) -> bytes:
    start = dice.randrange(len(body) + 1)
    return body[:start] + dice.choice(_TOKENS) * dice.choice((1, 1, 1, 2, 100)) + body[start:]


def _flip(dice: random.Random, body: bytes, _: list[bytes]) -> bytes:
    flipped = bytearray(body)
    for _each in range(dice.randrange(1, 9)):
        if flipped:
            flipped[dice.randrange(len(flipped))] = dice.randrange(256)
    return bytes(flipped)


def _splice(dice: random.Random, body: bytes, found: list[bytes]) -> bytes:
    other = dice.choice(found)
    return _break_off(dice, body, found) + other[dice.randrange(len(other) + 1) :]


def _recode(dice: random.Random, body: bytes, _: list[bytes]) -> bytes:
    codec = dice.choice(("utf-16", "utf-8-sig", "latin-1", "utf-7", "cp500"))
    return body.decode("utf-8", "replace").encode(codec, "replace")


def _reshape(dice: random.Random, body: bytes, _: list[bytes]) -> bytes:
    """Put something else in one place of a JSON document."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return _insert(dice, body, _)
    holder, key, at = [found], 0, found
    while isinstance(at, list | dict) and at and dice.random() < 0.8:
        holder, key = at, dice.choice(list(at) if isinstance(at, dict) else range(len(at)))
        at = at[key]
    if dice.random() < 0.2:
        del holder[key]
    else:
        holder[key] = dice.choice(_VALUES)
    return json.dumps(found if holder != [found] or not holder else holder[0]).encode()


_MUTATIONS: list[Callable[[random.Random, bytes, list[bytes]], bytes]] = [
    _cut, _break_off, _repeat, _insert, _insert, _insert, _flip, _splice, _recode, _reshape, _reshape,
]  # fmt: skip


# ── What must hold ────────────────────────────────────────────────────────────────────────────────


def readers() -> dict[str, Callable[[bytes], Parsed | list[Paper]]]:
    """Return what reads a document of each kind that there is."""
    found: dict[str, Callable[[bytes], Parsed | list[Paper]]] = {
        kind: _of_kind(kind) for kind in KINDS
    }
    arxiv = _source("arxiv")
    found["arxiv pages"] = lambda body: arxiv_search.read(arxiv, Document(URL, body), NOW).parsed
    found["parse_feed"] = lambda body: parse_feed(body, URL)
    return found


def _source(kind: str) -> SourceSettings:
    # Not validated: what a new kind asks for in its table is no business of its parser.
    return SourceSettings.model_construct(name="f", kind=kind, url=URL, categories=("cs.LG",))


def _of_kind(kind: str) -> Callable[[bytes], Parsed]:
    source = _source(kind)
    return lambda body: parse(source, Document(URL, body), NOW)


def check(read: Callable[[bytes], Parsed | list[Paper]], body: bytes) -> None:
    """Read a document: papers that can be stored, or a sentence. Anything else raises."""
    try:
        with _in_time():
            found = read(body)
    except ParseError as error:
        sentence = str(error)
        assert 10 < len(sentence) < 800
        sentence.encode()
        assert sentence.replace(" ", "").isprintable(), sentence
        return
    papers = found if isinstance(found, list) else [s.paper for s in found.sightings]
    for paper in papers:
        _check_paper(paper)
    if isinstance(found, Parsed):
        for sighting in found.sightings:
            sighting.guid.encode()
            assert sighting.at is None or sighting.at <= NOW
        for words in (*found.warnings, found.quiet):
            assert not words or words.isprintable(), words
        assert found.built is None or found.built.tzinfo is not None


def _check_paper(paper: Paper) -> None:
    assert paper.title.strip() == paper.title != ""
    assert len(paper.title) <= 2100
    assert len(paper.abstract) <= 20_000
    assert paper.identifiers
    assert paper.published is None or 1900 <= paper.published.year < 2200
    for each in (paper.votes, paper.comments, paper.version):
        assert each is None or 0 <= each < 2**31
    assert all(link.href.startswith(("http://", "https://")) for link in paper.links)
    texts = [paper.title, paper.abstract, paper.venue, *paper.authors, *paper.categories]
    texts += [identifier.value for identifier in paper.identifiers]
    texts += [link.href for link in paper.links]
    for text in texts:
        text.encode()  # a lone surrogate cannot be stored
        assert text.replace("\n", "").replace(" ", "").isprintable() or not any(
            ord(char) < 32 or 0x7F <= ord(char) < 0xA0 or char in "\u202e\ufeff"
            for char in text.replace("\n", "")
        ), text


@contextmanager
def _in_time() -> Iterator[None]:
    def late(*_: object) -> None:
        raise TimeoutError(f"it takes more than {_SECONDS} s to read")

    before = signal.signal(signal.SIGPROF, late)
    signal.setitimer(signal.ITIMER_PROF, _SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def setting(name: str, default: int) -> int:
    """Return a number from the environment (`make fuzz` sets them)."""
    return int(os.environ.get(f"PAPERROUND_FUZZ_{name}") or default)
