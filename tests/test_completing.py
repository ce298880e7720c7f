"""Completion in real shells, and the man page: both say what the parser says."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from bot.cli import main
from bot.cli.describing import commands
from bot.cli.manual import page

LEAVES = [command for command in commands() if not command.commands]


def shell(name):
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed here")
    return found


@pytest.fixture
def script(tmp_path, capsys):
    """Write a shell's script as it is printed."""

    def written(name):
        assert main(["completion", name]) == 0
        path = tmp_path / name
        path.write_text(capsys.readouterr().out)
        return path

    return written


def run(*command, cwd=None):
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd, timeout=60)
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout.splitlines()


def in_bash(script, *words, cwd=None):
    typed = " ".join(f"'{word}'" for word in ("paperround", *words))
    return run(
        shell("bash"), "--norc", "-c", f"source {script('bash')}; COMP_WORDS=({typed}); "
        f"COMP_CWORD={len(words)}; _paperround; printf '%s\\n' \"${{COMPREPLY[@]}}\"", cwd=cwd,
    )  # fmt: skip


TOP = {command.path[0] for command in commands() if command.path}


def test_bash_offers_commands_families_options_and_choices(script):
    assert set(in_bash(script, "")) >= TOP
    assert in_bash(script, "backt") == ["backtest"]
    assert {"add", "list", "pause", "--help"} <= set(in_bash(script, "subscribers", ""))
    assert in_bash(script, "subscribers", "set", "--ca") == ["--cadence"]
    assert in_bash(script, "subscribers", "set", "a@b", "--cadence", "week") == [
        "weekdays",
        "weekly",
    ]
    assert set(in_bash(script, "completion", "")) >= {"bash", "zsh", "fish"}
    assert in_bash(script, "-v", "--config", "x.toml", "stat") == ["status"], (
        "behind options of all"
    )


def test_bash_offers_files_where_a_file_belongs_and_nothing_where_anything_may_stand(
    script, tmp_path
):
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "my list.csv").touch()
    for words in (("subscribers", "import"), ("--config",), ("restore",)):
        assert in_bash(script, *words, "my", cwd=tmp_path / "here") == ["my list.csv"]
    assert in_bash(script, "subscribers", "set", "--zone", "") == [""]


@pytest.mark.parametrize("command", LEAVES, ids=lambda command: " ".join(command.path))
def test_every_option_of_every_command_is_in_every_script(command, script):
    texts = {name: script(name).read_text() for name in ("bash", "zsh", "fish")}
    at = " ".join(command.path)
    for option in command.options:
        for name in option.names:
            (line,) = re.findall(rf"^        '{at}'\) .*", texts["bash"], re.MULTILINE)
            assert name in line
            (line,) = re.findall(rf"^        '{at}'\) .*", texts["zsh"], re.MULTILINE)
            assert f"'{name}:" in line or f"'{name}'" in line
            flag = f"-l {name[2:]} " if name.startswith("--") else f"-s {name[1:]} "
            there = [
                line
                for line in texts["fish"].splitlines()
                if f"__paperround_at \\'{at}\\''" in line
            ]
            assert any(flag in line for line in there), name


@pytest.mark.e2e
def test_fish_completes(script):
    def offered(line):
        command = f"source {script('fish')}; complete -C '{line}'"
        return {
            said.partition("\t")[0] for said in run(shell("fish"), "--no-config", "-c", command)
        }

    assert offered("paperround ") >= TOP
    assert {"add", "list", "pause"} <= offered("paperround subscribers ")
    assert offered("paperround subscribers set --cadence week") == {"weekdays", "weekly"}
    assert "--profiles" in offered("paperround subscribers set --p")
    assert "status" in offered("paperround --config x.toml st")


@pytest.mark.e2e
def test_zsh_completes(script):
    """Its completion needs a terminal: here what it would offer is printed instead."""

    def offered(*words):
        typed = " ".join(f"'{word}'" for word in ("paperround", *words))
        stand_ins = (
            "compdef() { : }; _files() { print FILES }; compadd() { print -l -- ${@:#--} };"
            "_describe() { print -l -- ${(P)2} }"
        )
        command = (
            f"{stand_ins}; source {script('zsh')}; words=({typed}); CURRENT=$#words; _paperround"
        )
        return {said.partition(":")[0] for said in run(shell("zsh"), "-f", "-c", command)}

    assert offered("") >= TOP
    assert {"add", "list", "pause"} <= offered("subscribers", "")
    assert offered("subscribers", "set", "--cadence", "") == {"daily", "weekdays", "weekly"}
    assert "FILES" in offered("restore", "")
    assert offered("--config", "") == {"FILES"}


# ── The man page ──────────────────────────────────────────────────────────────────────────────────


def test_the_man_page_has_every_command_and_every_option():
    plain = page().replace("\\-", "-").replace("\\fB", "").replace("\\fR", "").replace("\\fI", "")
    for command in LEAVES:
        (section,) = re.findall(
            rf"^\.SS {' '.join(command.path)}(?: [^\n]*)?\n(.*?)(?=^\.S[SH])",
            plain,
            re.MULTILINE | re.DOTALL,
        )
        for option in command.options:
            if "--help" not in option.names:
                assert ", ".join(option.names) in section, option.names


@pytest.mark.e2e
def test_the_man_page_is_well_formed_and_reads_well(tmp_path, capsys):
    assert main(["man"]) == 0
    file = tmp_path / "paperround.1"
    file.write_text(capsys.readouterr().out)
    # STYLE and the missing date aside: it is the same bytes for a version, whenever it is made.
    said = subprocess.run(
        [shell("mandoc"), "-T", "lint", "-W", "warning", file],
        capture_output=True,
        text=True,
        check=False,
    )
    faults = [line for line in said.stdout.splitlines() if "missing date" not in line]
    assert faults == []
    read = "\n".join(run(shell("mandoc"), "-T", "utf8", "-O", "width=100", file))
    read = re.sub(".\b", "", read)
    assert "subscribers set ADDRESS" in read
    assert "--now ISO-8601" in read
    assert "\\" not in read
