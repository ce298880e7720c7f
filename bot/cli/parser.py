"""The command line: what there is to type. Imports nothing but argparse, so that --help is quick."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import UTC, datetime

from bot import __version__

_DESCRIPTION = "A digest of new research papers, by mail and as feeds, on your own machine."
_EPILOG = (
    "Begin with `paperround demo`, then `paperround init`. Exit: 0 worked, 1 mail or state "
    "failed or a source became an alarm, 2 usage or configuration."
)


def _moment(value: str) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"{value!r} is no ISO 8601 time such as 2026-11-20T07:30+01:00"
        ) from error
    if not 1990 < moment.year < 2200:  # noqa: PLR2004 - arithmetic a year around it must hold
        raise argparse.ArgumentTypeError(f"{value!r} is not between the years 1991 and 2199")
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def _names(value: str) -> list[str]:
    return [name.strip() for name in value.split(",") if name.strip()]


def _number(most: int, what: str) -> Callable[[str], int]:
    """Return a reader of whole numbers from 1 to `most`."""

    def read(value: str) -> int:
        if value.isdecimal() and len(value) <= len(str(most)) and 1 <= int(value) <= most:
            return int(value)
        raise argparse.ArgumentTypeError(f"{value!r} is no number of {what} from 1 to {most}")

    return read


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command."""
    top = argparse.ArgumentParser(prog="paperround", description=_DESCRIPTION, epilog=_EPILOG)
    top.add_argument("--version", action="version", version=f"paperround {__version__}")
    top.add_argument("--config", metavar="PATH",
        help="the configuration (default: $PAPERROUND_CONFIG, else ./config.toml)")  # fmt: skip
    top.add_argument("--now", type=_moment, metavar="ISO-8601",
        help="take this for the time (without a zone: UTC)")  # fmt: skip
    top.add_argument("--log-format", choices=("text", "json"), default="text")
    top.add_argument("-v", "--verbose", action="store_true", help="log more")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    _beginning(commands)
    _running(commands)
    _looking(commands)
    _keeping(commands)
    return top


_Commands = argparse._SubParsersAction  # noqa: SLF001 - argparse names the type of its own result nowhere else


def _add(
    commands: _Commands[argparse.ArgumentParser], name: str, says: str, *, records: bool = True
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=says, description=says[0].upper() + says[1:] + ".")
    if records:
        command.add_argument("--json", action="store_true", help="print one JSON document")
    return command


def _beginning(commands: _Commands[argparse.ArgumentParser]) -> None:
    demo = _add(commands, "demo", "run the main job offline on bundled sample papers")
    demo.add_argument("--out", metavar="DIR", default="state/demo", help="default: state/demo")
    init = _add(commands, "init", "write a configuration that works at once", records=False)
    init.add_argument("path", nargs="?", default="config.toml", metavar="PATH")
    init.add_argument("--email", metavar="ADDRESS", help="where the digest goes")
    init.add_argument("--categories", type=_names, metavar="cs.CL,cs.LG", help="arXiv categories")
    init.add_argument("--keywords", type=_names, metavar="WORDS,…", help="what you look for")
    init.add_argument("--templates", action="store_true", help="also copy ours, to be edited")
    init.add_argument("--mirror", metavar="URL",
        help="read arXiv and Hugging Face from a mirror or a test server at this address")  # fmt: skip
    check = _add(commands, "check", "check configuration, sources, mail and templates")
    check.add_argument("--offline", action="store_true", help="ask nobody outside")
    check.add_argument("--send", metavar="ADDRESS", help="also send a test mail there")


def _running(commands: _Commands[argparse.ArgumentParser]) -> None:
    for name, says in (
        ("once", "collect, compose, publish, deliver whatever is due, then stop"),
        ("collect", "poll the sources that are due"),
        ("compose", "make the editions that are due"),
        ("publish", "write the feeds and pages that changed"),
        ("deliver", "send what is due"),
    ):
        command = _add(commands, name, says)
        if name in ("once", "collect"):
            command.add_argument("--strict", action="store_true", help="exit 1 if any source fails")
        if name == "compose":
            command.add_argument("--force", metavar="PROFILE", action="append", default=[],
                help="make an edition of this profile now, whatever its hour")  # fmt: skip

    _add(commands, "serve", "the same as once, for ever, and the web service", records=False)


def _looking(commands: _Commands[argparse.ArgumentParser]) -> None:
    preview = _add(commands, "preview", "show the next edition; nothing is stored", records=False)
    preview.add_argument("profile", metavar="PROFILE")
    preview.add_argument(
        "--days", type=_number(365, "days"), metavar="N", help="of the last N days instead"
    )
    preview.add_argument("--format", choices=("terminal", "text", "html", "eml", "rss"),
        default="terminal")  # fmt: skip
    preview.add_argument("--to", metavar="ADDRESS", help="send it there as a test, no ledger")
    preview.add_argument("--open", action="store_true", help="open the HTML in a browser")
    rank = _add(commands, "rank", "rank papers given as JSON lines")
    rank.add_argument("profile", metavar="PROFILE")
    rank.add_argument("file", nargs="?", metavar="FILE", help="default: standard input")
    explain = _add(commands, "explain", "show every interest's share in a paper's score")
    explain.add_argument("profile", metavar="PROFILE")
    explain.add_argument("paper", metavar="PAPER", help="arXiv:…, doi:… or an address")
    trending = _add(commands, "trending", "show what the community votes for")
    trending.add_argument("--period", choices=("day", "week", "month"), default="week")
    _add(commands, "status", "show sources, editions, outbox and subscribers")


def _keeping(commands: _Commands[argparse.ArgumentParser]) -> None:
    sources = commands.add_parser("sources", help="the configured sources")
    of_sources = sources.add_subparsers(dest="action", metavar="ACTION", required=True)
    _add(of_sources, "list", "list the sources and how they stand")
    subscribers = commands.add_parser("subscribers", help="who gets the digests")
    of_subscribers = subscribers.add_subparsers(dest="action", metavar="ACTION", required=True)
    add = _add(of_subscribers, "add", "subscribe an address, confirmed at once by you")
    add.add_argument("address", metavar="ADDRESS")
    add.add_argument("profiles", nargs="+", metavar="PROFILE")
    _add(of_subscribers, "list", "list the subscribers, their status and their profiles")
    remove = _add(of_subscribers, "remove", "unsubscribe an address from everything")
    remove.add_argument("address", metavar="ADDRESS")
    deliveries = commands.add_parser("deliveries", help="the outbox")
    of_deliveries = deliveries.add_subparsers(dest="action", metavar="ACTION", required=True)
    listed = _add(of_deliveries, "list", "list the latest deliveries")
    listed.add_argument("--limit", type=_number(1_000_000, "rows"), default=50, metavar="N",
        help="at most so many (default: 50)")  # fmt: skip
    listed.add_argument("--status", default="", choices=(
        "", "pending", "sending", "sent", "retry", "failed", "uncertain", "held", "skipped",
    ), metavar="STATUS")  # fmt: skip
