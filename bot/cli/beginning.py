"""init and demo: the first five minutes."""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path

from bot.cli.terminal import say
from bot.config import load_config, normal_address
from bot.errors import ConfigError, UsageError
from bot.files import write_file

_CATEGORY = re.compile(r"[a-z-]+(\.[A-Za-z-]+)?")

_TEMPLATE = """\
# paperround reads this file; it never changes it. config.example.toml shows every key.

[bot]
title = "Morning papers"
contact = {email}
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
to = [{email}]
# about = "One or two sentences about what you work on say more than many keywords."
keywords = {keywords}           # "expert routing^2" counts twice
# authors = ["Noam Shazeer"]    # papers by these people
# exclude = ["survey"]          # never shown
# like = ["arXiv:2401.06066"]   # more papers like this one
categories = {categories}
limit = 15
at = "any"                      # the first run of the day; or an hour such as "07:30"

[mail]
transport = "maildir"           # digests go to the folder state/mail; "smtp" sends them:
# transport = "smtp"
# from = "Morning papers <papers@example.org>"
# host = "smtp.example.org"
# port = 587
# username = "papers@example.org"
# password = "env:PAPERROUND_SMTP_PASSWORD"   # or "file:smtp-password"; never the password itself
{fetch}"""


def init(args: argparse.Namespace) -> int:
    """Write a commented configuration that works at once; ask on a terminal what it was not told."""
    path = Path(args.path)
    if path.exists():
        raise UsageError(
            f"{path} exists already and was not changed. Edit it, or name another file: "
            "`paperround init other.toml`."
        )
    templates = path.parent / "templates"
    if args.templates and templates.exists():
        raise UsageError(f"{templates} exists already; nothing was written over it or beside it.")
    email = _checked_address(args.email if args.email is not None else _ask_email())
    categories = args.categories if args.categories is not None else _ask_list(
        "arXiv categories, separated by commas", "cs.CL, cs.LG"
    )  # fmt: skip
    keywords = args.keywords if args.keywords is not None else _ask_list(
        "What do you look for? A few words or phrases, separated by commas", ""
    )  # fmt: skip
    write_file(path, _configuration(email, categories, keywords, args.mirror or "").encode())
    try:
        load_config(path)
    except ConfigError:
        path.unlink()
        raise
    say(f"Wrote {path}.")
    if args.templates:
        _copy_templates(templates)
        say(f"Copied the templates to {templates}.")
    named = "" if args.path == "config.toml" else f"--config {path} "
    say(f"Next: `paperround {named}once` fetches, ranks and puts a first digest for {email} into")
    say(f"{path.parent / 'state' / 'mail'}. `paperround {named}preview my-papers` only shows it.")
    return 0


def _configuration(email: str, categories: list[str], keywords: list[str], mirror: str) -> str:
    wrong = [category for category in categories if not _CATEGORY.fullmatch(category)]
    if wrong:
        raise UsageError(f"{wrong[0]!r} is no arXiv category such as cs.CL or hep-ex.")
    if not categories:
        raise UsageError("name at least one arXiv category: --categories cs.CL,cs.LG")
    local = re.match(r"https?://(127\.0\.0\.1|localhost|\[::1\])(:|/|$)", mirror)
    return _TEMPLATE.format(
        email=_toml(email),
        zone=_toml(_local_zone()),
        categories=_toml(categories),
        keywords=_toml(keywords),
        mirror=f"\nurl = {_toml(mirror)}" if mirror else "",
        fetch='\n[fetch]\nallow_private = ["127.0.0.0/8", "::1/128"]\n' if local else "",
    )


def _toml(value: str | list[str]) -> str:
    """JSON's strings and lists of strings are TOML's too, but for one control character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _local_zone() -> str:
    """Return the machine's zone by name, UTC where it has none."""
    try:
        parts = Path("/etc/localtime").resolve().parts
    except OSError:
        return "UTC"
    if "zoneinfo" not in parts:
        return "UTC"
    name = "/".join(parts[parts.index("zoneinfo") + 1 :])
    return "UTC" if name in ("", "Etc/UTC", "UCT", "Zulu", "Etc/UCT") else name


def _ask_email() -> str:
    if not sys.stdin.isatty():
        raise UsageError("tell where the digest goes: `paperround init --email you@example.org`")
    return _ask("Your mail address: ")


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
