"""`pip install .` into a fresh virtual environment: the command works outside the checkout.

Needs the package index for the libraries; elsewhere it is skipped, and under PAPERROUND_E2E=1 that
is a failure.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from support_cli import mails
from support_replay import replaying, sample_day

pytestmark = [pytest.mark.long, pytest.mark.e2e]

CHECKOUT = Path(__file__).parents[1]
ELSEWHERE = (
    "PYTHONPATH",
    "PYTHONHOME",
    "VIRTUAL_ENV",
    "PAPERROUND_CONFIG",
    "COVERAGE_PROCESS_START",
)


def call(*command: object, cwd: Path, timeout: float = 300) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if k not in ELSEWHERE}
    return subprocess.run(
        [str(part) for part in command], cwd=cwd, env=environment, capture_output=True,
        encoding="utf-8", check=False, timeout=timeout,
    )  # fmt: skip


def unavailable(why: str) -> None:
    if os.environ.get("PAPERROUND_E2E") == "1":
        pytest.fail(why)
    pytest.skip(why)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel, built from what git would clone: the checkout as it stands, without its litter."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    shutil.copytree(
        CHECKOUT, source,
        ignore=shutil.ignore_patterns(".git", ".venv", "state", ".*_cache", "__pycache__", "build"),
    )  # fmt: skip
    built = call(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps",
        "--disable-pip-version-check", "--wheel-dir", folder, source, cwd=folder)  # fmt: skip
    if built.returncode:
        unavailable(f"the wheel cannot be built here (offline?): {built.stderr[-400:]}")
    (made,) = folder.glob("paperround-*.whl")
    return made


@pytest.fixture(scope="module")
def command(wheel, tmp_path_factory) -> Path:
    """`paperround` as a fresh environment has it."""
    folder = tmp_path_factory.mktemp("venv")
    made = call(sys.executable, "-m", "venv", folder / "venv", cwd=folder)
    assert made.returncode == 0, made.stderr
    binaries = folder / "venv" / "bin"
    installed = call(binaries / "python", "-m", "pip", "install", "--quiet",
        "--disable-pip-version-check", "--constraint", CHECKOUT / "constraints.txt", wheel,
        cwd=folder, timeout=600)  # fmt: skip
    if installed.returncode:
        unavailable(f"the libraries cannot be installed (offline?): {installed.stderr[-400:]}")
    return binaries / "paperround"


def test_templates_samples_and_types_are_inside_the_wheel(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    for template in (CHECKOUT / "templates").rglob("*"):
        if template.is_file():
            assert f"bot/_templates/{template.relative_to(CHECKOUT / 'templates')}" in names
    for sample in (CHECKOUT / "bot" / "demo" / "samples").rglob("*"):
        if sample.is_file():
            assert str(sample.relative_to(CHECKOUT)) in names
    assert "bot/py.typed" in names
    assert not [name for name in names if name.startswith(("tests/", "state/", "benchmarks/"))]


def test_it_says_its_version(command, tmp_path):
    said = call(command, "--version", cwd=tmp_path)
    assert (said.returncode, said.stdout.split()[0]) == (0, "paperround")


def test_the_demo_runs_outside_the_checkout(command, tmp_path):
    said = call(command, "demo", "--out", "made", cwd=tmp_path)
    assert said.returncode == 0, said.stderr
    assert len(mails(tmp_path / "made")) == 4
    assert (tmp_path / "made" / "public" / "index.html").exists()
    assert str(CHECKOUT) not in said.stdout


def test_the_first_five_minutes_run_outside_the_checkout(command, tmp_path):
    with replaying(sample_day(1)) as site:
        init = call(command, "init", "--email", "you@example.org", "--categories", "cs.CL",
            "--templates", "--mirror", site.url, cwd=tmp_path)  # fmt: skip
        assert init.returncode == 0, init.stderr
        once = call(command, "--now", "2026-11-19T08:00Z", "once", cwd=tmp_path)
    assert (once.returncode, once.stderr) == (0, "")
    assert len(mails(tmp_path / "state")) == 1
    assert (tmp_path / "templates" / "email" / "digest.txt").exists()


def test_the_library_can_be_imported(command, tmp_path):
    code = "import bot; print(bot.parse_feed(b'<rss version=\"2.0\"><channel/></rss>', ''))"
    said = call(command.with_name("python"), "-c", code, cwd=tmp_path)
    assert (said.returncode, said.stdout.strip()) == (0, "[]"), said.stderr
