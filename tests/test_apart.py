"""What may never end runs in a process of its own, is killed in time, and holds nobody up."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import pytest

from bot.apart import LARGEST, Apart
from bot.errors import ApartError, ParseError

ENDLESS = (re.fullmatch, "(a+)+b", "a" * 60)  # a pattern that holds Python's lock for years


async def test_it_returns_what_the_function_returns_and_raises_what_it_raises():
    with Apart() as apart:
        assert await apart(divmod, 17, 5) == (3, 2)
        assert await apart(sorted, [2, 1], reverse=True) == [2, 1]
        with pytest.raises(ZeroDivisionError):
            await apart(divmod, 1, 0)
        with pytest.raises(ParseError, match="no feed"):
            await apart(_refuse)


def _refuse() -> None:
    raise ParseError("j.example sent something that is no feed")


async def test_no_process_is_started_before_it_is_needed():
    with Apart() as apart:
        assert apart._process is None  # noqa: SLF001 - nothing else tells


async def test_what_it_loads_when_it_starts_is_not_counted(tmp_path, monkeypatch):
    slow = "import os, time\ntime.sleep(2.5)\nos.environ['LOADED'] = 'yes'\n"
    (tmp_path / "slowly_loading.py").write_text(slow)
    monkeypatch.syspath_prepend(str(tmp_path))
    with Apart(deadline=2, loads=("slowly_loading",)) as apart:
        assert await apart(os.getenv, "LOADED") == "yes"


async def test_what_never_ends_is_killed_and_the_next_is_done_as_if_nothing_had_been():
    with Apart(deadline=3) as apart:  # not less: a busy machine may leave the second one waiting
        for _ in range(2):
            with pytest.raises(ApartError, match="took longer than 3 s to read"):
                await apart(*ENDLESS)
            assert await apart(divmod, 17, 5) == (3, 2)


async def test_one_that_ends_its_process_is_told_and_the_next_is_done():
    with Apart() as apart:
        with pytest.raises(ApartError, match="ended the process"):
            await apart(os._exit, 3)
        assert await apart(divmod, 17, 5) == (3, 2)


async def test_a_process_that_went_to_rest_is_replaced():
    with Apart() as apart:
        first = await apart(os.getpid)
        assert await apart(os.getpid) == first
        os.kill(first, 9)
        assert await apart(os.getpid) != first


async def test_what_asks_for_too_much_memory_is_refused_it():
    with Apart() as apart:
        with pytest.raises(ApartError, match="too much memory"):
            await apart(bytes, 2 * LARGEST)
        assert await apart(divmod, 17, 5) == (3, 2)


async def test_where_memory_runs_out_the_kernel_ends_it_before_us():
    ours = readiness_to_go()
    with Apart() as apart:
        assert await apart(readiness_to_go) == 1000
    assert readiness_to_go() == ours < 1000


def readiness_to_go():
    """Return how readily the kernel ends the process that asks, before others of its size."""
    return int(Path("/proc/self/oom_score_adj").read_text())


async def test_at_the_end_nothing_is_left_behind():
    with Apart() as apart:
        process = await apart(os.getpid)
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


async def test_when_we_fail_we_do_not_wait_for_what_never_ends():
    async def fail() -> None:
        with Apart(deadline=600) as apart:
            await apart(divmod, 1, 1)
            apart._thread.submit(apart._ask, (ENDLESS[0], ENDLESS[1:], {}))  # noqa: SLF001
            raise KeyError

    begun = time.monotonic()
    with pytest.raises(KeyError):
        await fail()
    assert time.monotonic() - begun < 300
