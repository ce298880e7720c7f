"""docs/security.md: every test it names exists; and what it claims of files and dependencies."""

from __future__ import annotations

import ast
import re
import stat
import subprocess
import tomllib
from pathlib import Path

import pytest

from bot.store import Store
from support_cli import MORNING, desk_in

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
CONFIG = """
[bot]
contact = "owner@example.org"
[mail]
transport = "smtp"
host = "127.0.0.1"
username = "papers"
password = "file:smtp-password"
"""


def names_in(file):
    tree = ast.parse((ROOT / "tests" / file).read_text(encoding="utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in ast.walk(tree) if isinstance(node, functions)}


# ── The page ──────────────────────────────────────────────────────────────────────────────────────


def rows():
    """Return the tables' rows: what is done, what is done against it, the tests."""
    found = [line.strip("| ").split(" | ") for line in PAGE.splitlines() if line.startswith("| ")]
    return [row for row in found if row[0] not in ("threat", "---")]


def test_every_threat_names_tests_that_exist():
    assert len(rows()) > 30
    for threat, _, named in rows():
        links = re.findall(r"`(test_\w+\.py)`: ((?:`\w+`(?:, )?)+)", named)
        assert links, threat
        for file, names in links:
            for name in re.findall(r"`(\w+)`", names):
                assert f"test_{name}" in names_in(file), f"{file}: {name}"
        assert re.sub(r"`test_\w+\.py`: (`\w+`(, )?)+(; )?", "", named).strip() == "", named


# ── Other users of the machine ────────────────────────────────────────────────────────────────────


@pytest.fixture
def desk(tmp_path, monkeypatch, capsys):
    yield from desk_in(tmp_path, monkeypatch, capsys)


def modes(desk):
    said = desk("check", "--offline", "--json")
    found = [each for each in said.document if each["what"] == "file modes"]
    return said.code, [(each["ok"], each["warning"], each["words"]) for each in found]


def test_what_lies_as_it_was_made_is_its_owners_alone(desk):
    desk.write(CONFIG)
    (desk.folder / "smtp-password").write_text("hunter2")
    (desk.folder / "smtp-password").chmod(0o600)
    assert modes(desk) == (0, [(True, False, "state and secrets are yours alone")])
    (desk.folder / "smtp-password").chmod(0o640)
    assert modes(desk)[0] == 0, "a group of one's choice may read it"


def test_check_tells_who_else_can_read_state_and_secrets_with_the_command_against_it(desk):
    desk.write(CONFIG).chmod(0o664)
    (desk.folder / "smtp-password").write_text("hunter2")
    (desk.folder / "smtp-password").chmod(0o644)
    desk("status")
    desk.state.chmod(0o755)  # since
    code, found = modes(desk)
    assert code == 1
    assert [(ok, warning) for ok, warning, _ in found] == [
        (False, False),
        (False, False),
        (True, True),
    ]
    for _, _, words in found:
        mode, path = re.search(r"chmod (\S+) (/\S+)$", words).groups()
        bits = {"700": 0o700, "600": 0o600, "go-w": 0o644}[mode]
        Path(path).chmod(bits)
    assert modes(desk) == (0, [(True, False, "state and secrets are yours alone")])
    assert "hunter2" not in desk("check", "--offline").words


def test_a_state_folder_that_was_there_before_the_first_run_is_closed(desk):
    """A checkout brings one, which everybody may look into."""
    desk.write(CONFIG)
    desk.state.mkdir()
    desk.state.chmod(0o775)
    assert modes(desk)[1] == [(True, False, "state and secrets are yours alone")]
    assert stat.S_IMODE(desk.state.stat().st_mode) == 0o750, "a group may look in"


def test_a_database_in_a_folder_that_was_there_before_is_its_owners_alone(tmp_path):
    tmp_path.chmod(0o755)
    with Store(tmp_path / "paperround.db") as store:
        store.hold_all("to have written something")
        for file in tmp_path.glob("paperround.db*"):
            assert stat.S_IMODE(file.stat().st_mode) == 0o600, file.name


def test_a_database_in_memory_leaves_no_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Store(Path(":memory:")):
        assert list(tmp_path.iterdir()) == []


def test_no_address_and_no_secret_can_be_read_by_others_after_a_round(desk):
    desk.write('[bot]\ncontact = "o@example.org"\n[profiles.experts]\nto = ["ada@example.org"]\n'
               'keywords = ["x"]\nat = "any"\nempty = "note"\n')  # fmt: skip
    desk.state.mkdir(mode=0o755)
    assert desk(*MORNING, "once").code == 0
    assert desk("backup", "state/copy.tar").code == 0
    for path in desk.state.rglob("*"):
        within = path.relative_to(desk.state).parts
        guarded = any((desk.state.joinpath(*within[: n + 1]).stat().st_mode & 0o077) == 0
                      for n in range(len(within)))  # fmt: skip
        assert guarded or within[0] == "public" or path.is_dir(), path


# ── What it is built on ───────────────────────────────────────────────────────────────────────────


def test_audit_asks_about_exactly_what_is_pinned():
    told = subprocess.run(
        ["make", "--no-print-directory", "--dry-run", "audit"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    last = told.stdout.splitlines()[-1].split()
    assert last[0].endswith("/pip-audit")
    assert set(last[1:]) == {
        "--strict",
        "--no-deps",
        "--disable-pip",
        "--requirement",
        "constraints.txt",
    }


def pinned():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in pins), "exact versions, no hosts"
    return {normal(name): version for name, version in (line.split("==") for line in pins)}


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_dependency_is_pinned_within_its_bounds():
    from packaging.requirements import Requirement

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = [
        Requirement(each) for each in [*project["dependencies"], *extras["dkim"], *extras["dev"]]
    ]
    pins = pinned()
    for each in wanted:
        if each.name != "paperround":
            version = pins[normal(each.name)]
            assert each.specifier.contains(version), (
                f"{each.name} {version} is not {each.specifier}"
            )


def test_what_is_installed_brings_nothing_that_is_not_pinned():
    """The closure of our dependencies, as this environment has it."""
    from importlib.metadata import requires

    from packaging.requirements import Requirement

    pins, seen = pinned(), set()
    left = [("paperround", frozenset({"dev", "dkim"}))]
    while left:
        name, extras = left.pop()
        for text in requires(name) or ():
            each = Requirement(text)
            here = any(
                each.marker.evaluate({"extra": extra}) for extra in (extras or {""})
            ) if each.marker else True  # fmt: skip
            found = (normal(each.name), frozenset(each.extras))
            if here and found not in seen and each.name != "paperround":
                seen.add(found)
                left.append(found)
    # sqlite-utils asks for pip, which every environment has of its own.
    assert {name for name, _ in seen} - {"pip"} <= set(pins), {name for name, _ in seen} - set(pins)
