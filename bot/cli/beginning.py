"""init and demo: the first five minutes."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from bot.cli.terminal import say
from bot.cli.typed import as_typed, cron_line
from bot.cli.ways import PASSWORD_FILE, Way, mail_table, password_asked, way_named
from bot.config import load_config, normal_address
from bot.errors import ConfigError, UsageError
from bot.files import write_chunks, write_file
from bot.values import value_type

_CATEGORY = re.compile(r"[a-z-]+(\.[A-Za-z-]+)?")

_TEMPLATE = """\
# paperround reads this file; it never changes it. config.example.toml shows every key.

[bot]
title = "Morning papers"
contact = {email}{contact_note}
timezone = {zone}

[[sources]]
name = "arxiv"
kind = "arxiv"
categories = {categories}{mirror}

[[sources]]
name = "huggingface"            # Hugging Face Daily Papers: votes and comments
kind = "huggingface"{mirror}

# Any journal, preprint server or blog with an RSS or Atom feed:
# [[sources]]
# name = "nature"
# kind = "feed"
# url = "https://www.nature.com/nature.rss"

# What a search in PubMed finds that is new; or kind = "crossref" with issn = ["0028-0836"]:
# [[sources]]
# name = "pubmed"
# kind = "pubmed"
# query = "base editing[tiab] AND mice"

[profiles.my-papers]
title = "My papers"
{to}
# about = "One or two sentences about what you work on say more than many keywords."
keywords = {keywords}           # "expert routing^2" counts twice
# authors = ["Noam Shazeer"]    # papers by these people
# exclude = ["survey"]          # never shown
# like = ["arXiv:2401.06066"]   # more papers like this one
categories = {categories}
limit = 15
at = "any"                      # the first run of the day; or an hour such as "07:30"

{mail}{web}{fetch}"""
_NOBODY = "to = []                         # nobody by mail; an address here gets each digest"
_CONTACT_NOTE = (
    "                    # your address: a source can ask you to stop, before it blocks you"
)


_Answer = TypeVar("_Answer")
_Read = TypeVar("_Read")


@value_type(frozen=True, slots=True)
class _Answers:
    """What a configuration is made of: told, asked for, or what most want."""

    email: str
    categories: list[str]
    keywords: list[str]
    way: Way
    mirror: str
    listen: str


def init(args: argparse.Namespace) -> int:
    """Write a commented configuration that works at once; ask on a terminal what it was not told."""
    usual = os.environ.get("PAPERROUND_CONFIG") or "config.toml"
    path = Path(args.path or usual)
    if path.exists():
        raise UsageError(
            f"{path} exists already and was not changed. Edit it, or name another file: "
            "`paperround init other.toml`."
        )
    templates = path.parent / "templates"
    if args.templates and templates.exists():
        raise UsageError(f"{templates} exists already; nothing was written over it or beside it.")
    answers = _answers(args)
    password = path.parent / PASSWORD_FILE
    ask = answers.way.logs_in and sys.stdin.isatty() and not password.exists()
    secret = password_asked(answers.way) if ask else ""
    write_file(path, _configuration(answers).encode())
    try:
        load_config(path)
    except ConfigError:
        path.unlink()
        raise
    say(f"Wrote {path}.")
    if secret:
        write_chunks(password, [secret.encode(), b"\n"])
        say(f"Wrote {password}, which only you can read.")
    if args.templates:
        _copy_templates(templates)
        say(f"Copied the templates to {templates}.")
    named = "" if args.path in (None, usual) else f" --config {path}"
    _say_next(path, as_typed() + named, answers)
    return 0


def _answers(args: argparse.Namespace) -> _Answers:
    """Return what was told on the command line, and asked for what was not."""
    way = way_named(args.mail) if args.mail is not None else None
    email = ""
    if args.email is None and (way is None or way.mails):
        email = _until_right(_ask_email, _checked_address)
    elif args.email or way is None or way.mails:
        email = _checked_address(args.email or "")
    categories = args.categories
    if categories is None:
        categories = _until_right(
            lambda: _ask_list("arXiv categories, separated by commas", "cs.CL, cs.LG"),
            _checked_categories,
        )
    keywords = args.keywords if args.keywords is not None else _ask_list(
        "What do you look for? A few words or phrases, separated by commas", ""
    )  # fmt: skip
    return _Answers(
        email, categories, keywords, way or _until_right(_ask_way, way_named), args.mirror or "",
        args.listen or os.environ.get("PAPERROUND_LISTEN", ""),
    )  # fmt: skip


def _say_next(path: Path, command: str, answers: _Answers) -> None:
    way, state = answers.way, path.parent / "state"
    if way.logs_in and not (path.parent / PASSWORD_FILE).exists():
        say(f"First: put the password into {path.parent / PASSWORD_FILE}, a file of its own:")
        say(f"  (umask 077; cat > {path.parent / PASSWORD_FILE})    # paste it, Enter, Ctrl-D")
    if way.host:
        say(
            f"Next: `{command} check --send {answers.email}` tries the mail server and sends a test,"
        )
        say(f"`{command} once` a first digest. `{command} preview my-papers` only shows it.")
    elif way.mails:
        say(
            f"Next: `{command} once` fetches, ranks and puts a first digest for {answers.email} into"
        )
        say(f"{state / 'mail'}. `{command} preview my-papers` only shows it.")
    else:
        say(f"Next: `{command} once` fetches, ranks and writes the first edition, as a page and as")
        say(f"{(state / 'public' / 'feeds' / 'my-papers.rss').absolute().as_uri()}")
        say("for your feed reader. An address in the profile's `to` gets it by mail too.")
    if answers.listen:
        say(f"`{command} serve` does that for ever, and shows it at {answers.listen}.")
    else:
        say("For one every morning, this line into your crontab (`crontab -e`):")
        say(f"  {cron_line(path)}")


def _configuration(answers: _Answers) -> str:
    mirror, email = answers.mirror, _toml(answers.email)
    local = re.match(r"https?://(127\.0\.0\.1|localhost|\[::1\])(:|/|$)", mirror)
    return _TEMPLATE.format(
        email=email,
        contact_note="" if answers.email else _CONTACT_NOTE,
        to=f"to = [{email}]" if answers.way.mails else _NOBODY,
        zone=_toml(_local_zone()),
        categories=_toml(_checked_categories(answers.categories)),
        keywords=_toml(answers.keywords),
        mirror=f"\nurl = {_toml(mirror)}" if mirror else "",
        mail=mail_table(answers.way, answers.email),
        web=f"\n[web]\nlisten = {_toml(answers.listen)}\n" if answers.listen else "",
        fetch='\n[fetch]\nallow_private = ["127.0.0.0/8", "::1/128"]\n' if local else "",
    )


def _toml(value: str | list[str]) -> str:
    """JSON's strings and lists of strings are TOML's too, but for one control character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _local_zone() -> str:
    """Return the machine's zone by name, UTC where it has none; a container is told by TZ."""
    if told := _zone_told():
        return told
    try:
        parts = Path("/etc/localtime").resolve().parts
    except OSError:
        return "UTC"
    if "zoneinfo" not in parts:
        return "UTC"
    name = "/".join(parts[parts.index("zoneinfo") + 1 :])
    return "UTC" if name in ("", "Etc/UTC", "UCT", "Zulu", "Etc/UCT") else name


def _zone_told() -> str:
    from zoneinfo import ZoneInfo

    told = os.environ.get("TZ", "")
    try:
        return ZoneInfo(told).key if told else ""
    except (LookupError, OSError, ValueError):  # "CET-1CEST" is no name
        return ""


def _ask_email() -> str:
    if not sys.stdin.isatty():
        raise UsageError("tell where the digest goes: `paperround init --email you@example.org`")
    return _ask("Your mail address: ")


def _until_right(ask: Callable[[], _Answer], read: Callable[[_Answer], _Read]) -> _Read:
    """Ask until an answer can be read; a slip of the finger loses none of the others."""
    while True:
        answer = ask()
        try:
            return read(answer)
        except UsageError as error:
            if not sys.stdin.isatty():
                raise
            say(str(error))


def _ask_way() -> str:
    if not sys.stdin.isatty():
        return "maildir"
    say("Where shall digests go? maildir: a folder here. gmail. local: this machine's mail server.")
    say("smtp.example.org: that one. none: no mail, feeds and pages alone.")
    return _ask("[maildir]: ") or "maildir"


def _ask(question: str) -> str:
    try:
        return input(question).strip()
    except EOFError as error:
        raise UsageError("nothing was written: the questions were not answered.") from error


def _checked_address(value: str) -> str:
    try:
        return normal_address(value)
    except ValueError as error:
        raise UsageError(str(error)) from error


def _checked_categories(values: list[str]) -> list[str]:
    wrong = [category for category in values if not _CATEGORY.fullmatch(category)]
    if wrong:
        raise UsageError(f"{wrong[0]!r} is no arXiv category such as cs.CL or hep-ex.")
    if not values:
        raise UsageError("name at least one arXiv category: --categories cs.CL,cs.LG")
    return values


def _ask_list(question: str, default: str) -> list[str]:
    answer = default
    if sys.stdin.isatty():
        shown = f" [{default}]" if default else ""
        answer = _ask(f"{question}{shown}: ") or default
    return [part.strip() for part in answer.split(",") if part.strip()]


def _copy_templates(folder: Path) -> None:
    from bot.render import shipped_templates

    shipped = shipped_templates()
    for template in sorted(path for path in shipped.rglob("*") if path.is_file()):
        write_file(folder / template.relative_to(shipped), template.read_bytes())


def demo(args: argparse.Namespace) -> int:
    """Run the main job offline on bundled sample papers, two days in a row."""
    from bot.cli.demonstrating import show_demo

    return show_demo(Path(args.out), as_document=args.json)
