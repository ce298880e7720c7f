"""The documentation is held by the code: every command, key, link and example in it is true.

`UPDATE_GOLDEN=1` writes docs/commands.md and docs/configuration.md anew; look at the difference.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path

import pytest

import bot
from bot.cli.parser import parser
from bot.config import keys_of, table_names
from bot.outputs.contexts import TEMPLATES
from bot.outputs.metrics import Snapshot, metrics
from support_picture import picture

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def held(path, text):
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text


# ── Commands ──────────────────────────────────────────────────────────────────────────────────────


def subcommands(command):
    for action in command._actions:
        if isinstance(action, argparse._SubParsersAction):
            helps = {choice.dest: choice.help for choice in action._choices_actions}
            yield from ((name, sub, helps.get(name)) for name, sub in action.choices.items())


def leaves(command, says=""):
    """Yield every command that can be typed, with what --help says of it."""
    subs = list(subcommands(command))
    for _, sub, help_ in subs:
        yield from leaves(sub, help_)
    if not subs:
        yield command, says


def shown(action):
    names = ", ".join(f"`{name}`" for name in action.option_strings)
    metavar = action.metavar or (
        "|".join(action.choices) if action.choices else action.dest.upper()
    )
    if not action.option_strings:
        return f"`{metavar}`"
    return names if action.nargs == 0 else f"{names} `{metavar}`"


def commands_page():
    lines = [
        "# Commands",
        "",
        "`paperround [--config PATH] [--now ISO-8601] [--log-format text|json] [-v] COMMAND`, also as",
        "`python -m bot`. Exit codes: 0 worked, also with nothing new; 1 mail or state failed, or a",
        "source has newly become an alarm; 2 usage or configuration. A test holds this page.",
        "",
    ]
    for command, says in leaves(parser()):
        lines += [
            f"## {command.prog.removeprefix('paperround ')}",
            "",
            f"{says[0].upper()}{says[1:]}.",
            "",
        ]
        actions = [a for a in command._actions if not isinstance(a, argparse._HelpAction)]
        for action in actions:
            said = f": {action.help}" if action.help else ""
            lines.append(f"- {shown(action)}{said}")
        lines += [""] if actions else []
    return "\n".join(lines)


def test_the_page_of_commands_is_what_help_says():
    held(ROOT / "docs" / "commands.md", commands_page())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_in_the_documentation_can_be_typed(page):
    blocks = re.findall(r"```console\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    inline = re.findall(r"`(paperround [a-z][^`]*)`", page.read_text(encoding="utf-8"))
    typed = [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]
    top = parser()
    names = {name for name, _, _ in subcommands(top)}
    for line in [*typed, *inline]:
        words = shlex.split(line.partition(" > ")[0], comments=True)
        if words[0] != "paperround" or len(words) < 2 or "…" in line:
            continue
        if words[1].startswith("-") or words[1].isupper():
            continue
        assert words[1] in names, line
        if not any(word.isupper() and "[" in line for word in words):
            argparse_accepts(top, words[1:])


def argparse_accepts(top, words):
    words = [re.sub(r"^N$", "3", word) for word in words]
    subs = {name: sub for name, sub, _ in subcommands(top)}
    if words[0] in subs and list(subcommands(subs[words[0]])) and len(words) == 1:
        return  # `paperround deliveries`, speaking of the family
    needs = [a for a in subs[words[0]]._actions if not a.option_strings and a.nargs is None]
    if len(words) == 1 and needs and not list(subcommands(subs[words[0]])):
        return  # a command named without its words
    top.parse_args(words)


# ── Configuration ─────────────────────────────────────────────────────────────────────────────────


def configuration_page():
    """Every key with its default and the example's comment."""
    comments = example_comments()
    lines = ["# Configuration", ""]
    lines += [
        "`config.example.toml` is this page as a file. Paths resolve against the configuration's folder.",
        "A test holds this page.",
        "",
    ]
    for table in table_names():
        name = {"": "Top level", "sources": "[[sources]]", "profiles": "[profiles.NAME]"}.get(
            table, f"[{table}]"
        )
        lines += [f"## {name}", "", "| key | says |", "| --- | --- |"]
        for key in keys_of(table):
            if is_a_table(table, key):
                continue
            written, comment = comments.get((table, key), ("", ""))
            lines.append(f"| `{written or key}` | {comment} |".replace("|d", "\\|d"))
        lines.append("")
    return "\n".join(lines)


def is_a_table(table, key):
    """Whether a key has a table of its own: `sources` at the top, not that of a profile."""
    return (key if table == "" else f"{table}.{key}") in table_names()


def example_comments():
    """Read (table, key) → (as written, comment) from the example; a comment may go on below."""
    found, table, last = {}, "", None
    for line in (ROOT / "config.example.toml").read_text(encoding="utf-8").splitlines():
        if header := re.match(r"#? ?\[+(\w+(?:\.\w+)?)\]+", line):
            table = header.group(1)
            table = "profiles" if table.startswith("profiles") else table
            last = None
        elif key := re.match(r"#? ?((\w+) = (?:\"[^\"]*\"|\[[^\]]*\]|\S+))\s*(?:# (.*))?$", line):
            last = (table, key.group(2))
            found.setdefault(last, (key.group(1), key.group(3) or ""))
        elif last and (more := re.match(r"\s{20,}# (.*)$", line)):
            written, said = found[last]
            found[last] = (written, f"{said} {more.group(1)}".strip())
        else:
            last = None
    return found


def test_the_page_of_keys_is_what_the_models_and_the_example_say():
    held(ROOT / "docs" / "configuration.md", configuration_page())


def test_every_key_has_a_comment_in_the_example():
    comments = example_comments()
    for table in table_names():
        for key in keys_of(table):
            if not is_a_table(table, key):
                assert (table, key) in comments, f"[{table}] {key}"


# ── Pictures and tables ───────────────────────────────────────────────────────────────────────────


def test_the_picture_of_the_house_is_drawn_from_its_layers():
    held(ROOT / "docs" / "images" / "architecture.svg", picture())


def test_the_page_of_templates_tells_what_each_is_given():
    path = ROOT / "docs" / "adding-a-template.md"
    head = "| template | fields |\n| --- | --- |\n"
    before, _, after = path.read_text(encoding="utf-8").partition(head)
    rows = [
        f"| `{name}` | {', '.join(f'`{field.name}`' for field in fields(context))} |\n"
        for name, context in TEMPLATES.items()
    ]
    held(path, before + head + "".join(rows) + after[after.index("\n## ") :])


# ── The rest ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_to_a_file_leads_somewhere(page):
    text = page.read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)#]+)\)", text) + re.findall(r'src="([^"]+)"', text)
    for target in targets:
        if not target.startswith(("http://", "https://", "mailto:")):
            assert (page.parent / target).exists(), target


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 120


def test_the_changelog_tells_this_version():
    assert f"## {bot.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_decisions_are_numbered_and_short():
    for page in (ROOT / "docs" / "decisions").glob("*.md"):
        number = int(page.name[:4])
        text = page.read_text(encoding="utf-8")
        assert text.startswith(f"# {number}. "), page.name
        assert len(text.splitlines()) <= 20, page.name


def test_no_registry_host_is_named_anywhere():
    words = re.compile(
        "|".join(["py" + "pi" + r"\.org", "python" + "hosted", "npm" + "js", "deb" + r"\.debian"])
    )
    tracked = [ROOT / name for name in ("Makefile", "pyproject.toml", "constraints.txt", ".ci/run")]
    for path in [*tracked, *PAGES, *ROOT.glob("bot/**/*.py")]:
        assert not words.search(path.read_text(encoding="utf-8")), path


def test_every_metric_is_told_of_with_its_label():
    told = (ROOT / "docs" / "health.md").read_text(encoding="utf-8")
    for metric in metrics(Snapshot("1", datetime(2026, 1, 1, tzinfo=UTC))):
        label = f" by `{metric.label}`" if metric.label else ""
        assert f"| `{metric.name}`{label} |" in told
    named = set(re.findall(r"`(paperround_\w+)`", told))
    assert named <= {m.name for m in metrics(Snapshot("1", datetime(2026, 1, 1, tzinfo=UTC)))}
