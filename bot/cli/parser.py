"""The command line: what there is to type. Imports nothing but argparse, so that --help is quick."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, date, datetime

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


def _day(value: str) -> date:
    try:
        day = date.fromisoformat(value)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{value!r} is no date such as 2026-11-20") from error
    if not 1990 < day.year < 2200:  # noqa: PLR2004 - as for moments
        raise argparse.ArgumentTypeError(f"{value!r} is not between the years 1991 and 2199")
    return day


def _delivery(value: str) -> int:
    if value.isdecimal() and len(value) < 19:  # noqa: PLR2004 - SQLite counts to 2**63
        return int(value)
    raise argparse.ArgumentTypeError(
        f"{value!r} is no delivery's number: `paperround deliveries list` shows them"
    )


def _names(value: str) -> list[str]:
    return [name.strip() for name in value.split(",") if name.strip()]


def _number(most: int, what: str) -> Callable[[str], int]:
    """Return a reader of whole numbers from 1 to `most`."""

    def read(value: str) -> int:
        if value.isdecimal() and len(value) <= len(str(most)) and 1 <= int(value) <= most:
            return int(value)
        raise argparse.ArgumentTypeError(f"{value!r} is no number of {what} from 1 to {most}")

    return read


def parser(typed: Collection[str] | None = None) -> argparse.ArgumentParser:
    """Return the parser of the whole command.

    Where the words that were `typed` are given, a command that is not among them has its name and its
    sentence, and no actions: nobody can have asked for one, and they are half of the work.
    """
    top = argparse.ArgumentParser(prog="paperround", description=_DESCRIPTION, epilog=_EPILOG)
    top.add_argument("--version", action="version", version=f"paperround {__version__}")
    top.add_argument("--config", metavar="PATH",
        help="the configuration (default: $PAPERROUND_CONFIG, else ./config.toml)")  # fmt: skip
    top.add_argument("--now", type=_moment, metavar="ISO-8601",
        help="take this for the time (without a zone: UTC)")  # fmt: skip
    top.add_argument("--log-format", choices=("text", "json"), default="text",
        help="lines of text (default), or one JSON object a line")  # fmt: skip
    top.add_argument("-v", "--verbose", action="store_true", help="log more")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    _beginning(commands)
    _running(commands)
    _looking(commands)
    _opinions(commands)
    _archive(commands)

    def group(
        name: str, says: str, fill: Callable[[_Commands[argparse.ArgumentParser]], None]
    ) -> None:
        named = commands.add_parser(name, help=says)
        if typed is None or name in typed:
            fill(named.add_subparsers(dest="action", metavar="ACTION", required=True))

    group("profiles", "what is looked for", _profiles)
    group("sources", "the configured sources", _sources)
    group("subscribers", "who gets the digests", _subscribers)
    group("deliveries", "the outbox", _deliveries)
    group("suppressions", "addresses that are never written to", _suppressions)
    _inbound(commands)
    group("quarantine", "inbound mail that could not be read", _quarantine)
    _saving(commands)
    _telling(commands)
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
    init.add_argument("path", nargs="?", metavar="PATH",
        help="default: $PAPERROUND_CONFIG, else config.toml")  # fmt: skip
    init.add_argument("--email", metavar="ADDRESS", help="where the digest goes")
    init.add_argument("--categories", type=_names, metavar="cs.CL,cs.LG", help="arXiv categories")
    init.add_argument("--keywords", type=_names, metavar="WORDS,…", help="what you look for")
    init.add_argument("--mail", metavar="WAY",
        help="maildir (a folder here; default), gmail, local (this machine's mail server), a mail "
        "server's HOST[:PORT], or none (feeds and pages alone)")  # fmt: skip
    init.add_argument("--listen", metavar="ADDRESS:PORT",
        help="where `serve` answers (default: $PAPERROUND_LISTEN, else 127.0.0.1:8600)")  # fmt: skip
    init.add_argument("--templates", action="store_true", help="also copy ours, to be edited")
    init.add_argument("--mirror", metavar="URL",
        help="read arXiv and Hugging Face from a mirror or a test server at this address")  # fmt: skip
    check = _add(
        commands, "check", "check configuration, sources, templates, mail and the sender's domain"
    )
    check.add_argument("--offline", action="store_true", help="ask nobody outside")
    instead = check.add_mutually_exclusive_group()
    instead.add_argument("--send", metavar="ADDRESS",
        help="also send a test mail there, with the headers of a digest")  # fmt: skip
    instead.add_argument("--received", metavar="FILE",
        help="look only at this mail, saved as it arrived (- for standard input): who signed it, "
        "and whether its list headers are covered")  # fmt: skip


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
    backtest = _add(commands, "backtest", "what a profile would have picked each day")
    backtest.add_argument("profile", metavar="PROFILE")
    backtest.add_argument("--days", type=_number(365, "days"), default=14, metavar="N",
        help="of the last N days (default: 14)")  # fmt: skip
    rank = _add(commands, "rank", "rank papers given as JSON lines")
    rank.add_argument("profile", metavar="PROFILE")
    rank.add_argument("file", nargs="?", metavar="FILE", help="default: standard input")
    explain = _add(commands, "explain", "show every interest's share in a paper's score")
    explain.add_argument("profile", metavar="PROFILE")
    explain.add_argument("paper", metavar="PAPER", help="arXiv:…, doi:… or an address")
    trending = _add(commands, "trending", "show what the community votes for")
    trending.add_argument("--period", choices=("day", "week", "month"), default="week")
    status = _add(commands, "status", "show sources, editions, outbox and subscribers")
    status.add_argument("--alive", action="store_true",
        help="only whether `serve` answers, for a health check; exit 1 where it does not")  # fmt: skip


def _opinions(commands: _Commands[argparse.ArgumentParser]) -> None:
    for name, says in (
        ("like", "tell that you want more like a paper"),
        ("dislike", "tell that you want less like a paper"),
        ("submit", "put a paper forward: a vote of the house, and a place in a profile"),
    ):
        command = _add(commands, name, says)
        command.add_argument("paper", metavar="PAPER", help="arXiv:…, doi:… or an address")
        command.add_argument("--profile", metavar="PROFILE")


def minus_kept_from_options(words: Sequence[str]) -> list[str]:
    """Return the command line with the minus of `search routing -survey` written so that it is no option."""
    if "search" not in words:
        return list(words)
    begins = words.index("search") + 1
    left_out = re.compile(r"^-(?=[^\W_]{2}|[\"“„])")  # `-h` and `--json` stay what they are
    return [*words[:begins], *(left_out.sub("−", word) for word in words[begins:])]


def _archive(commands: _Commands[argparse.ArgumentParser]) -> None:
    search = _add(commands, "search", "find stored papers by their words")
    search.add_argument("query", nargs="+", metavar="QUERY",
        help='words, "a phrase", -not, author:…, title:…, cat:cs.LG, since:2026-11-01, before:')  # fmt: skip
    search.add_argument("--semantic", action="store_true", help="search by meaning")
    similar = _add(commands, "similar", "show the stored papers nearest to one")
    similar.add_argument("paper", metavar="PAPER", help="arXiv:…, doi:… or an address")
    for command in (search, similar):
        command.add_argument("--limit", type=_number(1_000, "papers"), default=20, metavar="N",
            help="at most so many (default: 20)")  # fmt: skip


def _profiles(actions: _Commands[argparse.ArgumentParser]) -> None:
    _add(actions, "list", "list the profiles, their editions and subscribers")
    show = _add(actions, "show", "show a profile's interests, written and learnt")
    show.add_argument("name", metavar="NAME")
    taken = _add(actions, "import", "print a profile made from papers you have", records=False)
    taken.add_argument("file", metavar="FILE",
        help="BibTeX, RIS, a Zotero export (CSL JSON), or a list of ids, one a line")  # fmt: skip
    taken.add_argument("--name", metavar="NAME", help="of the profile (default: the file's)")
    _add_append(taken, "the profile")
    retire = _add(actions, "retire", "end a profile; its archive stays")
    retire.add_argument("name", metavar="NAME")
    ending = retire.add_mutually_exclusive_group()
    ending.add_argument("--move-to", metavar="OTHER", help="move its subscribers to this profile")
    ending.add_argument("--undo", action="store_true", help="take it back")


def _add_append(command: argparse.ArgumentParser, what: str) -> None:
    command.add_argument("--append", metavar="FILE",
        help=f"write {what} at the end of this file instead; nothing in it is changed")  # fmt: skip


def _sources(actions: _Commands[argparse.ArgumentParser]) -> None:
    _add(actions, "list", "list the sources and how they stand")
    discover = _add(actions, "discover", "find a web page's feeds, print them as TOML")
    discover.add_argument("url", metavar="URL")
    taken = _add(actions, "import", "print an OPML file's feeds as TOML", records=False)
    taken.add_argument("file", metavar="FILE.opml")
    _add_append(taken, "the sources")
    _add(actions, "export", "print the configured sources as OPML", records=False)


def _suppressions(actions: _Commands[argparse.ArgumentParser]) -> None:
    _add(actions, "list", "list the suppressed addresses, as far as they are known, and why")
    suppress = _add(actions, "add", "write to an address no more, whoever subscribes it")
    suppress.add_argument("address", metavar="ADDRESS")
    suppress.add_argument("--reason", default="by the owner", metavar="WORDS")
    _add(actions, "remove", "write to it again").add_argument("address", metavar="ADDRESS")


def _quarantine(actions: _Commands[argparse.ArgumentParser]) -> None:
    _add(actions, "list", "list it, the latest first")
    _add(actions, "show", "show one such mail").add_argument("key", metavar="KEY")
    _add(actions, "retry", "let it be read again").add_argument("key", metavar="KEY")


def _inbound(commands: _Commands[argparse.ArgumentParser]) -> None:
    inbound = _add(
        commands, "inbound", "take in one mail on standard input, as a mail server's pipe"
    )
    inbound.add_argument("--recipient", default="", metavar="ADDRESS",
        help="the address it was sent to; else what the server or its headers say")  # fmt: skip


def _saving(commands: _Commands[argparse.ArgumentParser]) -> None:
    saved = _add(commands, "backup", "write database, configuration and templates into one file")
    saved.add_argument("file", metavar="FILE", help="a tar file, e.g. state/backups/2026-11-20.tar")
    back = _add(commands, "restore", "put a backup in place; sending is held until it is released")
    back.add_argument("file", metavar="FILE", help="what `paperround backup` wrote")
    back.add_argument("--force", action="store_true",
        help="also where something is there already: that is moved aside, and kept")  # fmt: skip


def _telling(commands: _Commands[argparse.ArgumentParser]) -> None:
    shell = _add(commands, "completion", "print a shell's completion script", records=False)
    shell.add_argument("shell", choices=("bash", "zsh", "fish"), metavar="SHELL",
        help="bash, zsh or fish")  # fmt: skip
    _add(commands, "man", "print the man page, as roff", records=False)


def _subscribers(actions: _Commands[argparse.ArgumentParser]) -> None:
    add = _add(actions, "add", "subscribe an address, confirmed at once by you")
    add.add_argument("address", metavar="ADDRESS")
    add.add_argument("profiles", nargs="+", metavar="PROFILE")
    add.add_argument("--invite", action="store_true", help="ask the address by mail first")
    _add(actions, "list", "list the subscribers, their status and their profiles")
    _add(actions, "show", "show all about one subscriber").add_argument(
        "address", metavar="ADDRESS"
    )
    chosen = _add(actions, "set", "change what an address gets, and when")
    chosen.add_argument("address", metavar="ADDRESS")
    chosen.add_argument("--profiles", type=_names, metavar="P,Q", help="these, and no others")
    chosen.add_argument("--mails", choices=("one", "each"),
        help="one mail for all profiles, or one for each")  # fmt: skip
    chosen.add_argument("--cadence", choices=("daily", "weekdays", "weekly"))
    chosen.add_argument("--at", metavar="HH:MM", help='or "any", or "profile" for the profile\'s')
    chosen.add_argument("--zone", metavar="ZONE", help='e.g. Asia/Tokyo, or "bot" for the bot\'s')
    chosen.add_argument("--limit", metavar="N", help='papers a profile, or "profile" for its own')
    pause = _add(actions, "pause", "send nothing for a while; then one digest of all since")
    pause.add_argument("address", metavar="ADDRESS")
    pause.add_argument("--until", type=_day, metavar="DATE", help="go on by itself on this date")
    _add(actions, "resume", "go on after a pause").add_argument("address", metavar="ADDRESS")
    renew = _add(
        actions, "renew", "make every link given out to an address void, and mail a new one"
    )
    renew.add_argument("address", metavar="ADDRESS")
    remove = _add(actions, "remove", "unsubscribe an address from everything")
    remove.add_argument("address", metavar="ADDRESS")
    remove.add_argument("--forget", action="store_true",
        help="also erase it and all its history, and never write to it again")  # fmt: skip
    taken = _add(actions, "import", "subscribe a list of addresses")
    taken.add_argument("file", metavar="FILE", help="CSV or JSON: address, profiles")
    consent = taken.add_mutually_exclusive_group(required=True)
    consent.add_argument("--confirmed", action="store_true", help="they have agreed: you know it")
    consent.add_argument("--invite", action="store_true", help="ask each by mail first")
    _add(actions, "export", "print the subscribers as CSV, or as JSON")


def _deliveries(actions: _Commands[argparse.ArgumentParser]) -> None:
    listed = _add(actions, "list", "list the latest deliveries")
    listed.add_argument("--limit", type=_number(1_000_000, "rows"), default=50, metavar="N",
        help="at most so many (default: 50)")  # fmt: skip
    listed.add_argument("--status", default="", choices=(
        "", "pending", "sending", "sent", "retry", "failed", "uncertain", "held", "skipped",
    ), metavar="STATUS")  # fmt: skip
    shown = _add(
        actions, "show", "show a delivery and the attempts to send it, or how mail is sent"
    )
    shown.add_argument("id", nargs="?", type=_delivery, metavar="ID",
        help="without it: what waits, and how quickly, how often and until when it is tried")  # fmt: skip
    again = _add(actions, "retry", "send a delivery at the next round, whatever kept it")
    again.add_argument("id", type=_delivery, metavar="ID")
    for name, says in (
        ("hold", "keep a delivery back, or with --all everything, until it is released"),
        ("release", "let go what is held"),
    ):
        command = _add(actions, name, says)
        which = command.add_mutually_exclusive_group(required=True)
        which.add_argument("id", nargs="?", type=_delivery, metavar="ID")
        which.add_argument("--all", action="store_true")
    command.add_argument("--skip-before", type=_day, metavar="DATE",
        help="end those due before this date unsent; their papers are not sent later either")  # fmt: skip
