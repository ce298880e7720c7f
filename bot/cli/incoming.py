"""inbound: one mail on standard input, as a mail server's pipe gives it."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys

from bot.app import App
from bot.cli.opening import opened
from bot.cli.terminal import as_json, say
from bot.errors import ConfigError, PaperroundError, StateError, UsageError
from bot.workflows.receive import LARGEST, Received

log = logging.getLogger("paperround")

TRY_AGAIN = 75  # EX_TEMPFAIL of sysexits.h: every mail server keeps the mail and comes back
_RECIPIENT_VARIABLES = (
    "ORIGINAL_RECIPIENT",
    "RECIPIENT",
)  # Postfix's local(8); Exim has the latter


def inbound(args: argparse.Namespace) -> int:
    """Take in the mail, then read whatever waits. What went wrong on our side, the MTA retries."""
    raw = sys.stdin.buffer.read(LARGEST)
    if not raw.strip():
        raise UsageError("there is no mail on standard input: a mail server's pipe gives it.")
    while sys.stdin.buffer.read(1 << 16):
        pass  # a server whose pipe breaks calls the mail undeliverable
    recipient = args.recipient or next(filter(None, map(os.environ.get, _RECIPIENT_VARIABLES)), "")
    try:
        with opened(args, quickly=True) as app:
            return _tell(asyncio.run(_receive(app, raw, recipient)), args)
    except (ConfigError, StateError) as error:
        log.error("%s The mail was not taken in: the mail server keeps it and tries again.", error)  # noqa: TRY400 - a sentence for people
        return TRY_AGAIN


async def _receive(app: App, raw: bytes, recipient: str) -> list[Received]:
    await app.take_in(raw, recipient)
    try:
        return await app.receive()
    except PaperroundError as error:  # it is ours now: whoever runs next reads it
        app.warnings.append(f"{error} The mail is kept, and read by the next run.")
        return []


def _tell(received: list[Received], args: argparse.Namespace) -> int:
    if args.json:
        as_json([{"outcome": each.outcome.value, "said": each.said} for each in received])
    else:
        for each in received:
            say(f"{each.outcome.value}: {each.said}")
    return 0
