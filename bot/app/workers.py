"""The threads that work is done on, and a process apart, while an App is open."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import ParamSpec, TypeVar

from bot.apart import Apart
from bot.loading import little_garbage
from bot.ports import Worker, Workers

P = ParamSpec("P")
T = TypeVar("T")

_TURN_SECONDS = 0.001


@contextmanager
def open_workers() -> Iterator[Workers]:
    """Give the threads and the process apart; end them with the block."""
    # One thread for the store keeps SQLite's one connection to one thread at a time; another for
    # parsing and ranking keeps them off the loop. Neither shares asyncio's own pool, which slow
    # DNS look-ups can fill (FACTS.md, HTTP).
    with (
        ThreadPoolExecutor(1, "store") as store,
        ThreadPoolExecutor(1, "cpu") as cpu,
        Apart(loads=("feedparser", "bot.workflows.collect")) as apart,
        _brief_turns(),
        little_garbage(),
    ):
        yield Workers(store=_worker(store), cpu=_worker(cpu), apart=apart)


@contextmanager
def _brief_turns() -> Iterator[None]:
    """Let a thread that computes hand Python's lock on after 1 ms instead of 5.

    The loop waits for it at every event, the store at every statement.
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(_TURN_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def _worker(executor: Executor) -> Worker:
    async def run(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        call = partial(function, *args, **kwargs)
        # Shielded: cancelling cannot stop a thread, and a transaction is better ended than guessed.
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(executor, call))

    return run
