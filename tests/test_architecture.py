"""The house plan, held: layers, rooms, words, the tree of errors, and the Python API."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import subprocess
import sys
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path

import pytest

import bot
from bot import errors

CHECKOUT = Path(__file__).parents[1]
MODULES = sorted((CHECKOUT / "bot").rglob("*.py"))
TREES = {
    path.relative_to(CHECKOUT): ast.parse(path.read_text(encoding="utf-8")) for path in MODULES
}
DECISIONS = (
    "sources", "ranking", "digest", "schedule", "manners", "domains", "clocks", "identity", "text", "tokens",
)  # fmt: skip


def within(*rooms):
    """The syntax trees of these rooms: modules or packages of `bot`."""
    return {
        path: tree for path, tree in TREES.items() if path.parts[1].removesuffix(".py") in rooms
    }


def names_called(tree):
    """Every dotted name that is called: `datetime.now`, `open`."""
    return {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}


# ── Layers, rooms, words ──────────────────────────────────────────────────────────────────────────


def test_imports_point_downwards_and_each_library_has_its_room():
    checked = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"], cwd=CHECKOUT,
        capture_output=True, encoding="utf-8", check=False, timeout=120,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout
    assert re.search(r"Contracts: [4-9]\d* kept, 0 broken", checked.stdout)


@pytest.mark.parametrize("room", DECISIONS)
def test_decisions_read_no_clock_no_dice_and_no_disk(room):
    impure = re.compile(
        r"(datetime|date)\.(now|today|utcnow)|time\.\w+|random\.\w+|secrets\.\w+|uuid\.\w+"
        r"|open|print|input|os\.\w+|.*\.(read_text|read_bytes|write_text|write_bytes|unlink)"
    )
    found = within(room)
    assert found
    for path, tree in found.items():
        called = {name for name in names_called(tree) if impure.fullmatch(name)}
        # Comparing tokens in constant time is arithmetic, whatever module it lives in.
        assert called <= {"secrets.compare_digest", "time.fromisoformat"}, path


def test_only_files_writes_files():
    writes = re.compile(r".*\.(write_text|write_bytes)|os\.(replace|rename|fsync)|shutil\.copy\w*")
    for path, tree in TREES.items():
        if path.parts[1] not in ("files.py", "beside.py"):  # the latter writes to the kernel: /proc
            assert not {name for name in names_called(tree) if writes.fullmatch(name)}, path


def test_workflows_take_ports_and_never_the_app():
    for path, tree in within("workflows", "outputs").items():
        imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        taps = {f"bot.{room}" for room in ("app", "fetch", "store", "mail", "render", "files")}
        assert not imported & taps, path


def test_what_a_workflow_asks_of_the_store_stands_beside_it():
    ports = {
        (node.name, path.parts[1])
        for path, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and "Protocol" in {ast.unparse(b) for b in node.bases}
    }
    rooms = {room for name, room in ports if name.endswith("Store")}
    assert rooms == {"workflows"}


def test_the_plans_words_are_used_and_the_others_are_not():
    refused = re.compile(r"Manager|Handler|Helper|Utils?(?![a-z])|Item|Data(?![a-z])|_utils?$")
    for path, tree in TREES.items():
        defined = {path.stem} | {
            node.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        }
        assert not {name for name in defined if refused.search(name)}, path
        assert "process" not in defined, path


def test_the_name_of_a_public_class_says_which_one_it_is():
    """A port may be named like what fulfils it: they are one thing, seen from two floors."""
    homes = defaultdict(set)
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                bases = {ast.unparse(base) for base in node.bases}
                if not node.name.startswith("_") and "Protocol" not in bases:
                    homes[node.name].add(str(path))
    assert {name: found for name, found in homes.items() if len(found) > 1} == {}


def test_every_module_can_be_imported_alone():
    found = {module.name for module in pkgutil.walk_packages(bot.__path__, "bot.")}
    assert {"bot.app", "bot.cli.parser", "bot.sources.polling"} <= found
    for name in found - {"bot.__main__"}:
        assert importlib.import_module(name).__doc__, name


# ── Errors ────────────────────────────────────────────────────────────────────────────────────────


def drawn_tree():
    """The tree in the docstring: {name: (parent, exit code or None)}."""
    tree, above = {}, {}
    for line in (errors.__doc__ or "").splitlines():
        drawn = re.match(r"^ {4}(?P<branch>[│├└─ ]*)(?P<name>\w+Error)(?P<words>.*)$", line)
        if drawn:
            depth = len(drawn["branch"]) // 4
            above[depth] = drawn["name"]
            code = re.search(r"exit (\d)", drawn["words"])
            tree[drawn["name"]] = (above.get(depth - 1), int(code[1]) if code else None)
    return tree


def test_the_tree_of_errors_is_the_one_that_is_drawn():
    defined = {
        name: kind
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, Exception)
    }
    drawn = drawn_tree()
    assert set(drawn) == set(defined)
    for name, (parent, code) in drawn.items():
        expected = parent or "Exception"
        assert defined[name].__bases__[0].__name__ == expected, name
        if code is not None:
            assert defined[name].exit_code == code, name


def test_no_error_for_people_is_defined_elsewhere():
    """A private one that never leaves its module may be."""
    known = set(drawn_tree())
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and path.name != "errors.py":
                bases = {ast.unparse(base).rpartition(".")[2] for base in node.bases}
                assert node.name.startswith("_") or not bases & (known | {"Exception"}), node.name


def test_a_configuration_error_says_all_its_mistakes():
    mistakes = [
        errors.Mistake(
            "config.toml", "bot", "titel", "is no key of [bot].", "Did you mean `title`?"
        ),
        errors.Mistake("config.toml", "", "", "is empty."),
    ]
    assert str(errors.ConfigError(mistakes)).splitlines() == [
        "config.toml: [bot] titel: is no key of [bot]. Did you mean `title`?",
        "config.toml: is empty.",
    ]


# ── The Python API ────────────────────────────────────────────────────────────────────────────────


def test_import_bot_loads_nothing_until_it_is_used():
    code = (
        "import sys, bot\n"
        "def heavy(): return {'pydantic', 'feedparser', 'bot.config'} & set(sys.modules)\n"
        "assert not heavy(), heavy()\n"
        "bot.Paper\nassert not heavy(), heavy()\n"
        "bot.load_config\nassert 'pydantic' in sys.modules\n"
        "assert 'feedparser' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_all_that_is_promised_is_there_and_documented():
    promised = {"Paper", "Profile", "load_config", "parse_feed", "rank"}
    assert promised <= set(bot.__all__)
    for name in bot.__all__:
        found = getattr(bot, name)
        if name != "__version__":
            assert found.__doc__, name
    with pytest.raises(AttributeError, match="module 'bot' has no attribute 'Nothing'"):
        _ = bot.Nothing


FEED = b"""<rss version="2.0"><channel><title>J</title>
<item><title>Mixture of experts</title><link>/1</link></item>
<item><guid isPermaLink="false">only-an-id</guid></item>
<item><link>https://e.org/only-a-link</link></item>
<item><description>nothing to know it by</description></item>
</channel></rss>"""


def test_parse_feed_gives_a_paper_for_each_entry_with_a_title_link_or_id():
    papers = bot.parse_feed(FEED, "https://e.org/feed.xml")
    assert len(papers) == 3
    assert all(isinstance(paper, bot.Paper) and paper.identifiers for paper in papers)
    assert any("e.org/1" in identifier.value for identifier in papers[0].identifiers)


@pytest.mark.parametrize("body", [b"", b"<!doctype html><html></html>", b"hello", b"{}"])
def test_parse_feed_raises_for_what_is_no_feed(body):
    with pytest.raises(errors.ParseError, match="sent"):
        bot.parse_feed(body, "https://e.org/feed.xml")


def test_parse_feed_reads_an_empty_feed_as_none():
    assert bot.parse_feed(b'<rss version="2.0"><channel><title>J</title></channel></rss>', "") == []


def test_rank_gives_the_best_first_with_reasons_that_add_up():
    profile = bot.Profile(keywords=("mixture of experts",), exclude=("survey",))
    papers = [
        bot.Paper(title=title, identifiers=frozenset(), published=datetime(2026, 1, 1, tzinfo=UTC))
        for title in ("Gardens", "Mixture of experts", "A survey of mixture of experts")
    ]
    ranked = bot.rank(papers, profile)
    assert ranked[0].paper.title == "Mixture of experts"
    assert "A survey of mixture of experts" not in {each.paper.title for each in ranked}
    for each in ranked:
        assert isinstance(each, bot.Ranked)
        assert each.score == pytest.approx(sum(reason.share for reason in each.reasons))
    assert bot.rank([], profile) == []


def test_load_config_gives_profiles_by_name_and_raises_every_mistake_at_once(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text("[profiles.experts]\nkeywords = ['experts']\n")
    config = bot.load_config(path)
    assert isinstance(config, bot.Config)
    assert config.profiles["experts"].name == "experts"
    path.write_text("[bot]\ntitel = 'x'\n[profiles.experts]\nkeyword = ['experts']\n")
    with pytest.raises(errors.ConfigError) as raised:
        bot.load_config(path)
    assert [mistake.key for mistake in raised.value.mistakes] == ["titel", "keyword"]
