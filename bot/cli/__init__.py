"""The command, one of the doors: parse, load, call a workflow, say what happened, exit."""

from __future__ import annotations

import errno
import gc
import os
import sys
from io import TextIOWrapper

from bot.cli.parser import minus_kept_from_options, parser
from bot.errors import PaperroundError

TYPE_CHECKING = False  # as typing has it: loading that is a fifth of what `--help` costs
if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    CommandFunction = Callable[[argparse.Namespace], int]

_INTERRUPTED = 130
_BROKEN_PIPE = 141
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code (CONTRACT.md, The command)."""
    if sys.stdout is None:  # closed by whoever started us (`>&-`)
        sys.stdout = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8")
    if isinstance(sys.stdout, TextIOWrapper):
        # A terminal that knows no Greek shows a title with question marks, and no traceback.
        sys.stdout.reconfigure(errors="replace")
    try:
        try:
            return _run(argv)
        finally:
            sys.stdout.flush()  # here, where what goes wrong with it can still be told
            if argv is None:
                gc.freeze()  # Python looks for garbage once more when it ends: there is no need
    except KeyboardInterrupt:
        _tell("stopped. What was committed is kept.")
        return _INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has gone (`paperround trending | head`): that is no error.
        _say_no_more()
        return _BROKEN_PIPE
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        _tell(f"there is no room left for the output or a temporary file: {error.strerror}.")
        _say_no_more()
        return 1


def _run(argv: Sequence[str] | None) -> int:
    words = sys.argv[1:] if argv is None else argv
    args = parser(words).parse_args(minus_kept_from_options(words))
    try:
        from bot.cli.logs import begin_log

        begin_log(args.log_format, verbose=args.verbose)
        return _command(args.command)(args)
    except PaperroundError as error:
        if args.log_format == "json":
            import logging

            logging.getLogger("paperround").error("%s", error)  # noqa: TRY400 - for people, no traceback
        else:
            _tell(str(error))
        return error.exit_code


def _tell(sentence: str) -> None:
    from bot.text import inert

    print(f"paperround: {inert(sentence)}", file=sys.stderr)


def _say_no_more() -> None:
    """Let what is left in the output's buffer go nowhere, or Python trips over it at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _command(name: str) -> CommandFunction:
    from bot.loading import load

    home = {
        "demo": "beginning", "init": "beginning", "check": "checking",
        "once": "running", "collect": "running", "compose": "running", "publish": "running",
        "deliver": "running", "serve": "serving", "preview": "looking", "rank": "looking",
        "explain": "looking", "trending": "looking", "status": "alive", "sources": "sourcing",
        "search": "finding", "similar": "finding", "profiles": "profiling",
        "subscribers": "subscribing", "suppressions": "subscribing", "deliveries": "posting",
        "quarantine": "posting", "inbound": "incoming",
        "like": "judging", "dislike": "judging", "submit": "judging",
        "backtest": "testing", "backup": "saving", "restore": "saving",
        "completion": "completing", "man": "completing",
    }[name]  # fmt: skip
    found: CommandFunction = getattr(load(f"bot.cli.{home}"), name)
    return found
