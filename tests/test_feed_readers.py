"""Three readers that people use follow our feeds: newsboat, rss2email and lemon24's reader.

Each from `serve`, and from a plain server of files; twice, since the second time nothing is new.
"""

from __future__ import annotations

import asyncio
import json
import mailbox
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing, contextmanager
from email.header import decode_header, make_header
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bot.app import open_app
from bot.config import load_config
from bot.models import Link, Rel
from bot.store import Store
from support_dovecot import free_port
from support_round import NOW, a_paper, absorb, an_edition, arxiv, doi, with_profiles
from support_serve import serving

pytestmark = [pytest.mark.e2e, pytest.mark.long]

READERS = Path(sys.prefix) / "readers" / "bin"
CONFIG = """
[bot]
title = "Morning & papers"
base_url = "{base}"
contact = "librarian@test.example"
timezone = "UTC"
[web]
listen = "127.0.0.1:{port}"
[profiles.experts]
title = "Mixture of experts"
about = "Routing & sparsity."
"""
TITLES = ["On k<n experts & α-gating", "A tag that is none: <b>bold</b>", "Paper 10.1234/3"]
READER = """
import json, sys
from reader import make_reader
reader = make_reader(sys.argv[1])
for url in sys.argv[2:]:
    reader.add_feed(url, exist_ok=True)
told = {"failed": [], "new": 0}
for result in reader.update_feeds_iter():
    value = result.value
    if isinstance(value, Exception):
        told["failed"].append(f"{result.url}: {value!r}")
    elif value:
        told["new"] += value.new
        told["modified"] = told.get("modified", 0) + value.modified
told["entries"] = [
    [e.feed_url, e.id, e.title, e.link, e.authors_str if hasattr(e, "authors_str") else e.author,
     e.get_content().value if e.get_content() else e.summary]
    for e in reader.get_entries()
]
print(json.dumps(told))
"""


def stored(folder, base, port):
    """A configuration, and a store with an edition of three papers."""
    config = folder / "config.toml"
    config.write_text(CONFIG.format(base=base, port=port))
    with Store(folder / "state" / "paperround.db") as store:
        with_profiles(store, "experts")
        link = frozenset({Link(Rel.ABSTRACT, "https://journal.test.example/3?a=1&b=2")})
        absorb(
            store,
            a_paper(arxiv(1), title=r"On $k<n$ experts \& $\alpha$-gating", abstract="As $a<b$.",
                    authors=("Ada Quill", "Łukasz Ó <x>"), categories=("cs.LG",)),
            a_paper(arxiv(2), title=TITLES[1], abstract="One.\n\nTwo & three."),
            a_paper(doi(3), links=link, venue="Journal & Sons"),
        )  # fmt: skip
        an_edition(store, 1, 2, 3)
    return config


@contextmanager
def served_by_us(folder):
    port = free_port()
    config = stored(folder, f"http://127.0.0.1:{port}", port)
    with serving(config, "--now", NOW.isoformat()) as served:
        assert served.says("feeds and pages changed")
        yield f"http://127.0.0.1:{port}"
        served.stop()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@contextmanager
def served_as_files(folder):
    """Python's own server, which knows none of our media types."""
    public = folder / "state" / "public"
    handler = partial(Quiet, directory=str(public))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        base = f"http://127.0.0.1:{server.server_port}"
        path = stored(folder, base, 1)
        with open_app(load_config(path), lambda: NOW, b"s" * 32) as app:
            asyncio.run(app.publish())
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield base
        finally:
            server.shutdown()


@pytest.fixture(params=[served_by_us, served_as_files], ids=["serve", "files"], scope="module")
def base(request, tmp_path_factory):
    with request.param(tmp_path_factory.mktemp("site")) as address:
        yield address


def program(name):
    found = shutil.which(name) or shutil.which(name, path=str(READERS))
    if found is None:
        pytest.skip(f"no {name} here (.ci/packages, .ci/readers)")
    return found


def run(*command, home, check=True):
    """Run a program that may speak to nobody but us; return what it said."""
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, timeout=120, check=False,
        env={"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"},
    )  # fmt: skip
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done.stdout, done.stderr


GUIDS = [f"paper/arxiv/2611.0000{n}" for n in (1, 2)] + ["paper/doi/10.1234/3"]


@pytest.mark.parametrize("form", ["rss", "atom"])
def test_newsboat(base, tmp_path, form):
    newsboat = program("newsboat")
    (tmp_path / "urls").write_text(f"{base}/feeds/experts.{form}\n")
    (tmp_path / "config").write_text("")
    cache = tmp_path / "cache.db"
    call = [newsboat, "-u", tmp_path / "urls", "-c", cache, "-C", tmp_path / "config",
            "-l", "2", "-d", tmp_path / "log", "-x", "reload"]  # fmt: skip
    for _ in range(2):
        run(*call, home=tmp_path)
        with closing(sqlite3.connect(cache)) as db:
            rows = db.execute(
                "SELECT guid, title, url, author, content FROM rss_item ORDER BY pubDate DESC"
            ).fetchall()
        assert [guid.partition(":paper")[2] for guid, *_ in rows] == [
            g.removeprefix("paper") for g in GUIDS
        ]
        assert [title.replace("&lt;", "<").replace("&amp;", "&") for _, title, *_ in rows] == TITLES
        assert rows[0][2] == "https://arxiv.org/abs/2611.00001"
        assert rows[2][2] == "https://journal.test.example/3?a=1&b=2"
        assert "Ada Quill" in rows[0][3]
        assert "because:" in rows[0][4]
    log = (tmp_path / "log").read_text() if (tmp_path / "log").exists() else ""
    assert "rror" not in log, log


@pytest.mark.parametrize("form", ["rss", "atom"])
def test_rss2email(base, tmp_path, form):
    r2e = program("r2e")
    call = [r2e, "-c", tmp_path / "r2e.cfg", "-d", tmp_path / "r2e.json"]
    run(*call, "new", "ada@test.example", home=tmp_path)
    config = tmp_path / "r2e.cfg"
    config.write_text(
        config.read_text()
        .replace("email-protocol = sendmail", "email-protocol = maildir")
        .replace("maildir-path = ~/Maildir", f"maildir-path = {tmp_path}/Maildir")
    )
    for folder in ("cur", "new", "tmp"):
        (tmp_path / "Maildir" / "INBOX" / folder).mkdir(parents=True)
    run(*call, "add", "experts", f"{base}/feeds/experts.{form}", home=tmp_path)
    for _ in range(2):
        _, said = run(*call, "run", home=tmp_path)
        assert not re.search("WARN|ERROR|Traceback", said), said
        box = mailbox.Maildir(tmp_path / "Maildir" / "INBOX")
        subjects = {str(make_header(decode_header(mail["Subject"]))) for mail in box}
        assert len(list(box)) == 3
        # Whether RSS means "<b>" as markup it does not say: this reader takes it for that.
        tagged = TITLES[1] if form == "atom" else "A tag that is none: bold"
        read = {" ".join(subject.replace("**", "").split()) for subject in subjects}
        assert read == {TITLES[0], tagged, TITLES[2]}


def test_lemon24s_reader(base, tmp_path):
    program("r2e")  # of the same environment
    urls = [f"{base}/feeds/experts.{form}" for form in ("rss", "atom", "json")]
    script = tmp_path / "follow.py"
    script.write_text(READER)
    call = [READERS / "python", script, tmp_path / "reader.db", *urls]
    told = json.loads(run(*call, home=tmp_path)[0])
    assert told["failed"] == []
    assert told["new"] == 9
    for url in urls:
        entries = {e[1].partition(":paper")[2]: e for e in told["entries"] if e[0] == url}
        assert sorted(entries) == sorted(g.removeprefix("paper") for g in GUIDS)
        for guid, title in zip(GUIDS, TITLES, strict=True):
            assert entries[guid.removeprefix("paper")][2] == title
        assert "because:" in entries["/arxiv/2611.00001"][5]
        assert entries["/doi/10.1234/3"][3] == "https://journal.test.example/3?a=1&b=2"
    again = json.loads(run(*call, home=tmp_path)[0])
    assert (again["failed"], again["new"], again.get("modified", 0)) == ([], 0, 0)
