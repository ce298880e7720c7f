"""How collect commits: what many polls bring within a moment is one transaction."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from bot.ports import Absorbed, Showing

if TYPE_CHECKING:
    from bot.workflows.poll import PollingRound

# So many sightings, or polls, are not kept waiting for more; nor is anything for longer than this.
_ENOUGH, _ENOUGH_POLLS, _GATHERED_SECONDS = 500, 16, 0.2
MOST_TOGETHER = 2_000  # sightings in one transaction, of however many sources


class Writer:
    """Commits what the polls bring, together what comes within a moment.

    A commit waits for the disk and writes whole pages of the indexes, whatever it holds; three
    hundred sources need not wait for as many. Where nothing else can come, nothing is waited for.
    """

    def __init__(self, around: PollingRound) -> None:
        self._around = around
        self._under_way = 0  # polls that may bring something
        self._size = 0  # sightings that wait
        self._enough = asyncio.Event()
        self._waiting: deque[tuple[Showing, asyncio.Future[Absorbed]]] = deque()
        self._writing: asyncio.Task[None] | None = None

    async def put(self, showing: Showing) -> Absorbed:
        """Commit this; return once it is. Raises what the store raised for it, and for it alone."""
        written: asyncio.Future[Absorbed] = asyncio.get_running_loop().create_future()
        self._waiting.append((showing, written))
        self._size += len(showing.sightings)
        self._look()
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())
        return await written

    @contextmanager
    def expecting(self) -> Iterator[None]:
        """Count a poll as one that may bring something, while it lasts."""
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1
            self._look()

    def _look(self) -> None:
        """Tell whether nothing more can come, or much is there: then nothing is waited for."""
        enough = min(self._under_way, _ENOUGH_POLLS)
        if len(self._waiting) >= enough or self._size >= _ENOUGH:
            self._enough.set()
        else:
            self._enough.clear()

    async def _write(self) -> None:
        while self._waiting:
            with suppress(TimeoutError):
                async with asyncio.timeout(_GATHERED_SECONDS):
                    await self._enough.wait()
            together = self._together()
            showings = [showing for showing, _ in together]
            results: Sequence[Absorbed | BaseException]
            try:
                results = await self._around.workers.store(
                    self._around.store.absorb_all, showings, self._around.now
                )
            except Exception as error:  # noqa: BLE001 - raised where it is waited for
                results = [error] * len(together)
            for (_, written), result in zip(together, results, strict=True):
                if written.done():  # nobody waits any more
                    continue
                if isinstance(result, BaseException):
                    written.set_exception(result)
                else:
                    written.set_result(result)

    def _together(self) -> list[tuple[Showing, asyncio.Future[Absorbed]]]:
        """Take what is committed next: what waits, up to a size that keeps the others' turns near."""
        taken = [self._waiting.popleft()]
        size = len(taken[0][0].sightings)
        while self._waiting and size < MOST_TOGETHER:
            taken.append(self._waiting.popleft())
            size += len(taken[-1][0].sightings)
        self._size -= size
        self._look()
        return taken
