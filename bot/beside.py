"""What a process beside ours does first: it leaves when its parent says so, or in its parent's place."""

from __future__ import annotations

import signal
from contextlib import suppress
from pathlib import Path

_FIRST_TO_GO = "1000"


def serve_a_parent() -> None:
    """Leave signals to the parent; where memory runs out, be what the kernel ends (Linux).

    Ctrl-C and a service's stop reach every process of the group: the parent drains, and ends us. And it
    knows what to do without us; nobody would know what to do without it.
    """
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_FIRST_TO_GO)
