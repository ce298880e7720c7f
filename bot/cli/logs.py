"""Logs: to standard error, as text or as one JSON object a line. Addresses and secrets never enter.

In JSON each line has the `run` it belongs to: one for a command, one for each piece of work that
`serve` begins, so that what happened in one go can be told from all else.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from contextvars import ContextVar
from datetime import UTC, datetime

from bot.text import inert

_run: ContextVar[str] = ContextVar("run", default="")


def begin_run() -> None:
    """Let what is logged from here on, in this task and those it starts, be a run of its own."""
    _run.set(os.urandom(4).hex())


class _TextFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """Return the record without what a terminal would obey."""
        return inert(super().format(record))


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line of JSON."""
        told = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "run": _run.get(),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        if record.exc_info:
            told["error"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=False)


def begin_log(form: str, *, verbose: bool) -> None:
    """Send our log to standard error; `form` is `text` or `json`. A run begins."""
    begin_run()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        _JsonFormatter() if form == "json" else _TextFormatter("paperround: %(message)s")
    )
    log = logging.getLogger("paperround")
    log.handlers[:] = [handler]
    log.propagate = False
    log.setLevel(logging.DEBUG if verbose else logging.WARNING)
