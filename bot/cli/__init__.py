"""The command, one of the doors: parse, load, call a workflow, say what happened, exit."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from bot.cli.parser import parser
from bot.errors import PaperroundError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    Command = Callable[[argparse.Namespace], int]

_INTERRUPTED = 130
_BROKEN_PIPE = 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code (CONTRACT.md, The command)."""
    args = parser().parse_args(argv)
    try:
        from bot.cli.logs import begin_log

        begin_log(args.log_format, verbose=args.verbose)
        return _command(args.command)(args)
    except PaperroundError as error:
        print(f"paperround: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("paperround: stopped. What was committed is kept.", file=sys.stderr)
        return _INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has gone (`paperround trending | head`): that is no error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _BROKEN_PIPE


def _command(name: str) -> Command:
    from importlib import import_module

    home = {
        "demo": "beginning", "init": "beginning", "check": "checking",
        "once": "running", "collect": "running", "compose": "running", "publish": "running",
        "deliver": "running", "preview": "looking", "rank": "looking", "explain": "looking",
        "trending": "looking", "status": "keeping", "sources": "keeping",
        "subscribers": "keeping", "deliveries": "keeping",
    }[name]  # fmt: skip
    found: Command = getattr(import_module(f"bot.cli.{home}"), name)
    return found
