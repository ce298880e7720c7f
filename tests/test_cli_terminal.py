"""What reaches a terminal is inert, readable in any encoding, and plain where there is none."""

from __future__ import annotations

import io
import json
import logging
import re
import sys
from contextlib import redirect_stdout
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.cli import logs, terminal
from support_cli import desk_in, environment, mails, run
from support_replay import replaying

NOW = ("--now", "2026-11-19T08:00Z")
# An ANSI sequence, the C1 form of the same, a title bar, a bell, and marks that reorder text.
HOSTILE = "Experts\x9b31m \u202etxet\u202c \u2066of\u2069 \u200f[bold]:smile: ελληνικά\x7f\x85"
IN_JSON = HOSTILE + " \x1b[2J\x1b]0;gotcha\x07 \x08\x08"
FORBIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")

FEED = f"""<?xml version="1.0" encoding="utf-8"?>
<rss version="2.0"><channel><title>J</title>
<item><title>{escape(HOSTILE)} &amp;#27;[31m</title><link>https://e.org/1</link>
<author>{escape(HOSTILE)}</author><category>{escape(HOSTILE)}</category>
<description>{escape(HOSTILE)} experts</description></item>
</channel></rss>"""
LIST = [
    {
        "paper": {
            "id": "2611.90001", "title": IN_JSON, "summary": IN_JSON + " experts", "upvotes": 7,
            "authors": [{"name": IN_JSON}], "publishedAt": "2026-11-18T00:00:00.000Z",
            "submittedOnDailyAt": "2026-11-19T01:00:00.000Z",
        },
        "numComments": 2,
    }
]  # fmt: skip
CONFIG = """
[bot]
contact = "owner@example.org"
[[sources]]
name = "hf"
kind = "huggingface"
url = "{url}"
[[sources]]
name = "feed"
kind = "feed"
url = "{url}/feed.xml"
[[sources]]
name = "rude"
kind = "huggingface"
url = "{url}/api/rude"
[profiles.experts]
to = ["ada@example.org"]
keywords = ["experts", "ελληνικά"]
at = "any"
[fetch]
allow_private = ["127.0.0.1/32"]
"""


@pytest.fixture
def desk(tmp_path, monkeypatch, capsys):
    documents = {
        "/api/daily_papers": json.dumps(LIST).encode(),
        "/feed.xml": FEED.encode(),
        "/api/rude": json.dumps({"error": IN_JSON}).encode(),
    }
    with replaying(documents) as site:
        (tmp_path / "config.toml").write_text(CONFIG.format(url=site.url), encoding="utf-8")
        for each in desk_in(tmp_path, monkeypatch, capsys):
            assert each(*NOW, "once").code == 0
            yield each


@pytest.mark.parametrize(
    "arguments",
    [
        ["collect"], ["status"], ["sources", "list"], ["trending"], ["deliveries", "list"],
        ["explain", "experts", "arXiv:2611.90001"], ["preview", "experts", "--days", "5"],
        ["preview", "experts", "--days", "5", "--format", "text"], ["check"], ["subscribers", "list"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_titles_cannot_command_the_terminal(desk, arguments):
    as_text = desk("--now", "2026-11-19T12:00Z", *arguments)
    assert as_text.code in (0, 1)
    assert not FORBIDDEN.search(as_text.out + as_text.err)
    if arguments[0] != "preview":
        as_json = desk("--now", "2026-11-19T12:00Z", *arguments, "--json")
        assert not FORBIDDEN.search(as_json.out + as_json.err)
        json.loads(as_json.out)


def test_json_says_the_same_as_was_stored(desk):
    (paper,) = desk(*NOW, "trending", "--json").document
    assert "ελληνικά" in paper["title"]
    assert "[bold]:smile:" in paper["title"]


def test_markup_in_a_title_is_shown_and_not_obeyed(desk):
    assert "[bold]:smile:" in desk(*NOW, "trending").words
    assert "[bold]:smile:" in desk(*NOW, "preview", "experts", "--days", "5").words


def test_the_mail_is_as_clean(desk):
    (mail,) = mails(desk.state)
    for part in mail.walk():
        if not part.is_multipart():
            assert not FORBIDDEN.search(part.get_content())


def test_errors_that_quote_a_source_are_clean(desk):
    said = desk("preview", "experts\x1b[31m")
    assert said.code == 2
    assert "\x1b" not in said.err
    said = desk("--config", "no\x1b[31mthere.toml", "once")
    assert said.code == 2
    assert "\x1b" not in said.err


def test_a_terminal_that_knows_no_greek(desk):
    ascii_only = {"env": environment(PYTHONIOENCODING="ascii"), "encoding": "ascii"}
    shown = run(desk.folder, *NOW, "trending", **ascii_only)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "????????" in shown.stdout
    as_json = run(desk.folder, *NOW, "trending", "--json", **ascii_only)
    assert "ελληνικά" in json.loads(as_json.stdout)[0]["title"]


def test_a_log_as_json_is_one_object_a_line(desk):
    (desk.folder / "templates" / "email").mkdir(parents=True)
    (desk.folder / "templates" / "email" / "digest.txt").write_text("{{ x }}")
    said = desk("--log-format", "json", *NOW, "preview", "experts", "--days", "5")
    (line,) = said.err.splitlines()
    told = json.loads(line)
    assert told["level"] == "warning"
    assert "Your template email/digest.txt" in told["message"]


def test_the_sentence_that_a_command_ends_with_is_one_of_them(desk):
    said = desk("--log-format", "json", "explain", "nobody", "arXiv:2401.06066")
    (line,) = said.err.splitlines()
    assert said.code == 2
    assert json.loads(line)["level"] == "error"
    assert "there is no profile 'nobody'" in json.loads(line)["message"]


def test_a_bug_is_logged_as_json_with_its_traceback(desk, capsys):
    logs.begin_log("json", verbose=False)
    try:
        int("a bug")
    except ValueError:
        logging.getLogger("paperround").exception("it broke")
    told = json.loads(capsys.readouterr().err)
    assert told["message"] == "it broke"
    assert "ValueError: invalid literal" in told["error"]


class _Terminal:
    def __init__(self, real):
        self._real = real

    def __getattr__(self, name):
        return getattr(self._real, name)

    def isatty(self):
        return True


def test_a_bar_is_shown_on_a_terminal_only(monkeypatch, capsys):
    with terminal.progress("collect", 3) as advance:
        advance()
    assert capsys.readouterr().err == ""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", _Terminal(sys.stderr))
    with terminal.progress("collect", 2) as advance:
        advance()
    assert "collect" in capsys.readouterr().err


def test_what_is_no_json_is_a_bug():
    with pytest.raises(TypeError, match="object has no JSON form"):
        terminal.as_json({"x": object()})


def test_a_server_that_answers_rudely_is_quoted_cleanly(desk):
    told = {s["name"]: s for s in desk(*NOW, "sources", "list", "--json").document}
    assert told["rude"]["state"] == "failing"
    assert "answered with an error: Experts" in told["rude"]["problem"]


# ── Tables without rich ───────────────────────────────────────────────────────────────────────────

CELL = st.text(st.sampled_from("ab c[bold]:smile:.-/é\t"), max_size=40)


@given(columns=st.lists(CELL, min_size=1, max_size=7), data=st.data())
def test_a_table_in_a_pipe_is_the_one_that_rich_draws(columns, data):
    width = len(columns)
    rows = data.draw(st.lists(st.lists(CELL, min_size=width, max_size=width), max_size=4))
    numbers = data.draw(st.lists(st.integers(0, width - 1), unique=True))
    columns = [terminal.one_line(column) for column in columns]
    drawn = terminal.plain_table(
        columns, [[terminal.one_line(c) for c in row] for row in rows], numbers
    )
    if not drawn:  # it has more than ASCII, or is too wide: that is rich's
        return
    with pytest.MonkeyPatch.context() as patched, redirect_stdout(io.StringIO()) as out:
        patched.setattr(terminal, "plain_table", lambda *_: "")
        terminal.table("", columns, rows, numbers)
    assert f"{drawn}\n" == out.getvalue()
