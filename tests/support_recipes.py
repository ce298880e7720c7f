"""A page's recipes, followed as they stand there: its commands in a real shell, its edits in the config.

`/srv` is a folder of the test, `old.example.org` another one; sudo, ssh and systemctl are stand-ins.
"""

from __future__ import annotations

import getpass
import json
import os
import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(r"```(console|toml)\n(.*?)```", re.DOTALL)


@dataclass(frozen=True)
class Step:
    """One command, or one block of configuration to be written in."""

    kind: str
    text: str


def recipes(page: Path) -> dict[str, list[Step]]:
    """Return the steps of each section of a page, by its heading."""
    sections = re.split(r"^## (.+)\n", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {
        heading: [step for kind, block in _BLOCK.findall(text) for step in _steps(kind, block)]
        for heading, text in zip(sections[1::2], sections[2::2], strict=True)
    }


def _steps(kind: str, block: str) -> list[Step]:
    if kind == "toml":
        return [Step(kind, block)]
    return [Step(kind, line[2:]) for line in block.splitlines() if line.startswith("$ ")]


def edited(config: str, block: str) -> str:
    """Return a configuration with a block's keys in their tables, in the place of what was there."""
    for table, keys in tomllib.loads(block).items():
        for path, values in _tables(table, keys):
            for key, value in values.items():
                config = _with(config, path, f"{key} = {json.dumps(value, ensure_ascii=False)}")
    tomllib.loads(config)
    return config


def _tables(path: str, keys: dict[str, object]):
    """Yield each table with the keys that are its own."""
    own = {key: value for key, value in keys.items() if not isinstance(value, dict)}
    if own:
        yield path, own
    for key, value in keys.items():
        if isinstance(value, dict):
            yield from _tables(f"{path}.{key}", value)


def _with(config: str, table: str, line: str) -> str:
    head = re.search(rf"^\[{re.escape(table)}\]\n", config, re.MULTILINE)
    if head is None:
        return f"{config}\n[{table}]\n{line}\n"
    end = config.find("\n[", head.end())
    body = config[head.end() : end if end >= 0 else len(config)]
    key = line.partition(" ")[0]
    body = re.sub(rf"^{key} = .*\n?", "", body, flags=re.MULTILINE)
    rest = config[end:] if end >= 0 else ""
    return f"{config[: head.end()]}{line}\n{body}{rest}"


class Follower:
    """Someone who does what a page says, in `/srv/papers` of a folder, at a time."""

    def __init__(self, folder: Path) -> None:
        self.root = folder
        self.papers = folder / "srv" / "papers"
        self.old = folder / "old" / "srv"
        self.now = "2026-11-19T08:00Z"
        self.typed = ""  # what is typed where a command reads it
        self.here: dict[str, object] = {}  # what a block says that is otherwise here, by key
        self._tools = folder / "tools"
        self._tools.mkdir()
        self.papers.mkdir(parents=True)
        self.stand_in("paperround", f'exec {sys.executable} -X utf8 -m bot --now "$NOW" "$@"')
        self.stand_in("sudo", 'exec "$@"')
        self.stand_in("systemctl", f'echo "$@" >> {folder}/systemctl')
        there = f"s#{folder}/srv#{self.old}#g"
        away = f'cd {folder}/old; exec sh -c "$(printf "%s " "$@" | sed "{there}")"'
        self.stand_in("ssh", f'[ "$1" = -t ] && shift; shift; {away}')
        self.stand_in("scp", f'cp -p "{folder}/old/${{1#*:}}" "$2"')

    def stand_in(self, name: str, script: str) -> None:
        """Let a program of this name do what a script says."""
        tool = self._tools / name
        tool.write_text(f"#!/bin/sh\n{script}\n")
        tool.chmod(0o755)

    @property
    def config(self) -> Path:
        return self.papers / "config.toml"

    def follow(self, steps: list[Step]) -> list[str]:
        """Do each step; return what the commands printed. A command that fails, fails the test."""
        return [said for step in steps if (said := self._do(step)) is not None]

    def _do(self, step: Step) -> str | None:
        if step.kind == "toml":
            text = edited(self.config.read_text(encoding="utf-8"), step.text)
            for path, value in self.here.items():
                table, _, key = path.rpartition(".")
                text = _with(text, table, f"{key} = {json.dumps(value)}")
            self.config.write_text(text, encoding="utf-8")
            return None
        return self(step.text)

    def __call__(self, command: str) -> str:
        """Type a command; return what it printed."""
        done = subprocess.run(
            ["/bin/bash", "-c", command.replace("/srv", str(self.root / "srv"))],
            cwd=self.papers, capture_output=True, encoding="utf-8", check=False, input=self.typed,
            env={"PATH": f"{self._tools}:{os.environ['PATH']}", "HOME": str(self.root),
                 "NOW": self.now, "TZ": "UTC", "USER": getpass.getuser()},
        )  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        assert "Traceback" not in done.stderr, done.stderr
        return done.stdout + done.stderr
