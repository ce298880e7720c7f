"""Printing, wired: mails are made in this process's CPU thread, or for many in processes beside it.

To make and sign a mail costs more than to send it: where there is much to send, other cores make.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING

from bot.beside import serve_a_parent
from bot.errors import StateError
from bot.models import Edition, Paper
from bot.outputs.dkim import signer
from bot.outputs.email import Press
from bot.ports import Printer, PrintOrder, Unprintable, Worker
from bot.render import TemplateRenderer
from bot.workflows.printing import Compositor

if TYPE_CHECKING:
    from bot.config import Config

WORTH_A_PROCESS = 500  # a second process takes about a second to start
_MOST_PROCESSES = 2  # some 100 MB each; to make a mail takes twice as long as to send it
_GOODBYE_SECONDS = 5
_BATCH_SECONDS = 600  # a hundred mails take less than one; a template of one's own may never end

Printed = list[bytes | Unprintable]
_MADE = None  # a printer's answer to an order, whose bytes follow


def compositor(config: Config, secret: bytes, warn: Callable[[str], None]) -> Compositor:
    """Return what makes mails by a configuration; a user's template that breaks is told to `warn`.

    Raises ConfigError where the key to sign with is missing or wrong.
    """
    key = signer(config)
    press = Press(
        bot=config.bot,
        sender=config.mail.sender,
        render=TemplateRenderer(config.templates, warn),
        sign=key.over_relaxed if key else None,
    )
    return Compositor(config, secret, press)


@asynccontextmanager
async def printing(
    due: int, config: Config, secret: bytes, cpu: Worker, warn: Callable[[str], None]
) -> AsyncIterator[Sequence[Printer]]:
    """Give what prints `due` messages. Raises ConfigError, as `compositor` does."""
    made_here = compositor(config, secret, warn)
    if due < WORTH_A_PROCESS:
        yield [_Here(made_here, cpu)]
        return
    count = min(_MOST_PROCESSES, os.cpu_count() or 1, due // WORTH_A_PROCESS)
    beside = [_Beside(config, secret, warn) for _ in range(count)]
    try:
        yield beside
    finally:
        await asyncio.gather(*(each.close() for each in beside))


class _Here:
    """Prints in this process's CPU thread."""

    def __init__(self, made_here: Compositor, cpu: Worker) -> None:
        self._compositor, self._cpu = made_here, cpu

    async def print(
        self,
        orders: Sequence[PrintOrder],
        papers: Mapping[int, Paper],
        editions: Mapping[int, Edition],
    ) -> Printed:
        """Return each order's bytes."""
        return await self._cpu(self._compositor.print, orders, papers, editions)


class _Beside:
    """Prints in a process of its own, which ends when this one does, however it ends."""

    def __init__(self, config: Config, secret: bytes, warn: Callable[[str], None]) -> None:
        self._warn = warn
        # Spawned, not forked: a fork would copy locks that other threads hold at that moment.
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process: BaseProcess = context.Process(
            target=_print_beside, args=(theirs, config, secret), name="printer", daemon=True
        )
        self._process.start()
        theirs.close()  # the last end of theirs is in the process: when it dies, the pipe says so
        self._thread = ThreadPoolExecutor(1, "printer")
        self._asking = False

    async def print(
        self,
        orders: Sequence[PrintOrder],
        papers: Mapping[int, Paper],
        editions: Mapping[int, Edition],
    ) -> Printed:
        """Return each order's bytes. Raises StateError where the process is gone."""
        loop = asyncio.get_running_loop()
        asked = (orders, papers, editions)
        asking = loop.run_in_executor(self._thread, self._ask, asked)
        # Whoever is told to stop twice waits for it no more: its end is then nobody's business.
        asking.add_done_callback(_heard)
        done, _ = await asyncio.wait({asking}, timeout=_BATCH_SECONDS)
        if not done:
            self._process.kill()  # then its end of the pipe is closed, and `_ask` ends
        answer, warnings = await asking
        for sentence in warnings:
            self._warn(sentence)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _ask(self, asked: object) -> tuple[Printed | Exception, list[str]]:
        self._asking = True
        try:
            self._pipe.send(asked)
            told, warnings = self._pipe.recv()
            answer: Printed | Exception
            if isinstance(told, Exception):
                answer = told
            else:
                answer = [self._pipe.recv_bytes() if each is _MADE else each for each in told]
        except (EOFError, OSError) as error:
            raise StateError(
                "The process that makes the mails has ended (short of memory?). What was sent is "
                "recorded, the others wait: run again."
            ) from error
        self._asking = False
        return answer, warnings

    async def close(self) -> None:
        """End the process, whatever it does."""
        if self._asking:  # nobody waits for its answer any more, and it may never come
            self._process.kill()
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, self._end)
        self._thread.shutdown()

    def _end(self) -> None:
        self._pipe.close()
        self._process.join(_GOODBYE_SECONDS)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._process.close()


def _heard(asking: asyncio.Future[tuple[Printed | Exception, list[str]]]) -> None:
    """Take notice of how it ended, or asyncio prints a traceback."""
    if not asking.cancelled():
        asking.exception()


def _print_beside(pipe: Connection, config: Config, secret: bytes) -> None:
    """Answer what comes through the pipe until its other end is closed."""
    serve_a_parent()
    warnings: list[str] = []
    made_here: Compositor | None = None
    while True:
        try:
            orders, papers, editions = pipe.recv()
        except (EOFError, OSError):
            return
        made: Printed = []
        answer: list[Unprintable | None] | Exception
        try:
            made_here = made_here or compositor(config, secret, warnings.append)
            made = made_here.print(orders, papers, editions)
            answer = [each if isinstance(each, Unprintable) else _MADE for each in made]
        except Exception as error:  # noqa: BLE001 - raised where it is waited for
            answer = error
        try:
            pipe.send((answer, list(warnings)))
            for content in made:
                if isinstance(content, bytes):  # as it is: pickled, a whole batch would be copied
                    pipe.send_bytes(content)
        except OSError:
            return
        warnings.clear()
