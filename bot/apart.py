"""A process of its own for what may never end: it is killed after its time, and nothing waits on.

The CPU thread cannot be taken back from a pattern or a library that loops, and one such document
would hold up everybody's. The process starts when it is first needed, which for most never comes,
ends by itself when it has had nothing to do for a while, and dies with us however we end.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib import import_module
from types import TracebackType
from typing import TYPE_CHECKING, ParamSpec, Self, TypeVar, cast

from bot.beside import serve_a_parent
from bot.errors import ApartError

if TYPE_CHECKING:  # loads with the first process: most runs have none
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

P = ParamSpec("P")
T = TypeVar("T")

DEADLINE = 120.0  # seconds; 5,000 short entries that only feedparser can read took two
LARGEST = 2**30  # bytes of memory
_START_SECONDS = 60.0  # on a machine that does much else
_IDLE_SECONDS = 60.0
_GOODBYE_SECONDS = 5.0


class Apart:
    """A `ports.Worker` that runs picklable functions in a process which may be killed.

    One at a time; `deadline` is in seconds for each, `largest` in bytes of memory. `loads` are modules
    that the process imports when it starts: on a machine that does much else, that alone may take
    longer than some deadline. Use it as a context manager.
    """

    def __init__(
        self, deadline: float = DEADLINE, loads: Sequence[str] = (), *, largest: int = LARGEST
    ) -> None:
        self._deadline, self._largest = deadline, largest
        self._loads = tuple(loads)
        self._thread: ThreadPoolExecutor | None = None
        self._process: BaseProcess | None = None
        self._pipe: Connection | None = None
        self._closing = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing = True
        if self._process is not None and self._thread is not None:
            if kind is not None:
                self._process.kill()  # what it is at, nobody waits for any more
            self._thread.submit(self._end).result()
        if self._thread is not None:
            self._thread.shutdown()

    async def __call__(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what the function returns. Raises ApartError where it takes too long, or dies."""
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "apart")
        answer = await asyncio.get_running_loop().run_in_executor(
            self._thread, self._ask, (function, args, kwargs)
        )
        if isinstance(answer, Exception):
            raise answer
        return cast("T", answer)

    def _ask(self, order: object) -> object:
        if self._process is not None:
            with suppress(EOFError, OSError):  # it went to rest just now: a new one is asked
                return self._answered(order)
            self._end()
            if self._closing:
                return ApartError("was not read to its end")
        try:
            return self._answered(order)
        except (EOFError, OSError):
            self._end()
            return ApartError(
                "ended the process that was reading it (short of memory?); nothing of it was kept"
            )

    def _answered(self, order: object) -> object:
        self._start()
        pipe, process = self._pipe, self._process
        if pipe is None or process is None:  # pragma: no cover - for the type checker
            raise EOFError
        late = threading.Event()

        def kill() -> None:
            late.set()
            process.kill()  # then its end of the pipe is closed, and nobody waits

        timer = threading.Timer(self._deadline, kill)
        timer.start()
        try:
            pipe.send(order)
            return pipe.recv()
        except (EOFError, OSError):
            if not late.is_set():
                raise
            self._end()
            return ApartError(
                f"took longer than {self._deadline:g} s to read; nothing of it was kept"
            )
        finally:
            timer.cancel()

    def _start(self) -> None:
        if self._process is not None:
            return
        import multiprocessing

        # Spawned, not forked: a fork would copy locks that other threads hold at that moment.
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(
            target=_work,
            args=(theirs, self._deadline, self._largest, self._loads),
            name="apart",
            daemon=True,
        )
        process.start()
        self._pipe, self._process = ours, process
        theirs.close()  # the last end of theirs is in the process: when it dies, the pipe says so
        if not ours.poll(_START_SECONDS):
            process.kill()
        ours.recv()  # its first word: the deadline counts from here

    def _end(self) -> None:
        if self._pipe is not None:
            self._pipe.close()
        if self._process is not None:
            self._process.join(_GOODBYE_SECONDS if self._process.is_alive() else None)
            if self._process.is_alive():
                self._process.kill()
                self._process.join()
            self._process.close()
        self._pipe = self._process = None


def _work(pipe: Connection, deadline: float, largest: int, loads: Sequence[str]) -> None:
    """Do what comes through the pipe until its other end is closed, or nothing comes."""
    serve_a_parent()
    for name in loads:
        import_module(name)
    with suppress(OSError):  # the other end may be gone already
        pipe.send(None)
        while pipe.poll(_IDLE_SECONDS):
            try:
                function, args, kwargs = pipe.recv()
            except EOFError:
                return
            _bound(deadline, largest)
            answer: object
            try:
                answer = function(*args, **kwargs)
            except MemoryError:
                answer = ApartError("took too much memory to read; nothing of it was kept")
            except Exception as error:  # noqa: BLE001 - raised where it is waited for
                answer = error
            pipe.send(answer)


def _bound(deadline: float, largest: int) -> None:
    """Bound memory, and time by the CPU's own count: who would kill us may be gone by then."""
    import resource

    used = time.process_time()
    for what, most in ((resource.RLIMIT_AS, largest), (resource.RLIMIT_CPU, used + 2 * deadline)):
        with suppress(ValueError, OSError):  # not every system has every limit
            _, hard = resource.getrlimit(what)
            resource.setrlimit(what, (int(most) + 1, hard))
