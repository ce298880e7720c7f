"""`paperround serve` as a process: it serves, drains, and lets every other command work beside it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

CONFIG = """
[bot]
title = "Morning papers"
contact = "ada@example.org"
[web]
listen = "127.0.0.1:0"
[profiles.experts]
to = ["ada@example.org"]
"""


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text(CONFIG)
    return path


def command(config, *words):
    return [sys.executable, "-m", "bot", "--config", str(config), *words]


@contextmanager
def serving(config):
    """Run `serve` until the block ends; yield (process, a function that waits for a log line)."""
    log = config.with_suffix(".log")
    with (
        log.open("w") as out,
        subprocess.Popen(command(config, "serve"), stderr=out, stdout=out) as process,
    ):

        def says(words, seconds=20):
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline:
                if words in log.read_text():
                    return True
                if process.poll() is not None:
                    return words in log.read_text()
                time.sleep(0.05)
            return False

        try:
            yield process, says
        finally:
            if process.poll() is None:
                process.kill()


def test_sigterm_ends_it_well(config):
    with serving(config) as (process, says):
        assert says("serving http://127.0.0.1:")
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert says("nothing was left half done")


def test_a_second_one_is_refused_and_every_other_command_works_beside_it(config):
    with serving(config) as (_, says):
        assert says("serving http://")
        second = subprocess.run(
            command(config, "serve"), capture_output=True, text=True, timeout=30, check=False
        )
        assert second.returncode == 1
        assert "one is enough" in second.stderr
        assert "Traceback" not in second.stderr
        beside = subprocess.run(
            command(config, "once"), capture_output=True, text=True, timeout=60, check=False
        )
        assert beside.returncode == 0, beside.stderr


def test_an_address_that_is_taken_is_told_in_a_sentence(config):
    with serving(config) as (_, says):
        assert says("serving http://127.0.0.1:")
        port = config.with_suffix(".log").read_text().split("127.0.0.1:")[1].split(";")[0]
        other = config.parent / "other"
        other.mkdir()
        (other / "config.toml").write_text(CONFIG.replace("127.0.0.1:0", f"127.0.0.1:{port}"))
        second = subprocess.run(
            command(other / "config.toml", "serve"),
            capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
        assert second.returncode == 1
        assert "[web] listen" in second.stderr
        assert "Traceback" not in second.stderr


@pytest.mark.long
def test_an_edited_config_is_picked_up_and_a_wrong_one_changes_nothing(config):
    with serving(config) as (process, says):
        assert says("serving http://")
        config.write_text(CONFIG + "keyword = []\n")
        os.utime(config, (time.time() + 5, time.time() + 5))
        assert says("the last good one holds", 90)
        config.write_text(CONFIG + 'keywords = ["experts"]\n')
        os.utime(config, (time.time() + 10, time.time() + 10))
        assert says("holds from now on", 90)
        assert process.poll() is None
