"""What the demo shows at its end: what was made of what, and where to look."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from pathlib import Path

from bot.cli.terminal import as_json, say, table
from bot.demo import Demonstration, Morning, demonstrate


def show_demo(folder: Path, *, as_document: bool) -> int:
    """Run the demo and print its table, or one JSON document."""
    made = asyncio.run(demonstrate(folder.resolve()))
    if as_document:
        as_json(_document(made))
        return 0
    say("Two mornings with sample papers, offline: every paper, person and journal is invented.")
    for number, morning in enumerate(made.mornings, start=1):
        _show_morning(number, morning)
    rows = [(mail.recipient, mail.subject) for mail in made.mails]
    table("Mail, sent by SMTP into a Maildir", ("to", "subject"), rows)
    public = made.folder / "public"
    say("Open these:")
    say(f"  the page      {public / 'index.html'}")
    say(f"  a feed        {public / 'feeds' / 'experts.rss'}")
    for mail in made.mails[-2:]:
        say(f"  a mail        {mail.path}")
    say()
    command = _as_typed()
    say(
        f"Look around: `{command} --config {made.folder / 'config.toml'} status` (or search, explain …)"
    )
    say(f"Your own:    `{command} init --email you@example.org --categories cs.CL`")
    say(f"             `{command} once`")
    return 0


def _as_typed() -> str:
    """Return how this command can be typed here: `make demo` puts it into .venv, not on the PATH."""
    if shutil.which("paperround") or not sys.argv[0].endswith("paperround"):
        return "paperround"
    return os.path.relpath(sys.argv[0])


def _show_morning(number: int, morning: Morning) -> None:
    title = f"Day {number}, {morning.at:%A %d %B %Y}"
    rows = [
        (c.source, c.entries or "", c.new or "", c.updated or "",
         c.detail if c.outcome.value == "failed" else c.outcome.value)
        for c in morning.collected
    ]  # fmt: skip
    table(title, ("source", "entries", "new papers", "updated", ""), rows, numbers=(1, 2, 3))
    editions = [
        (c.profile, f"edition {c.edition.number}", c.new, c.replaced or "",
         c.edition.considered)
        for c in morning.composed
    ]  # fmt: skip
    columns = ("profile", "", "new picks", "replaced", "considered")
    table("", columns, editions, numbers=(2, 3, 4))
    say(
        f"  {morning.delivered.sent} digests sent, "
        f"{len(morning.published.changed)} feeds and pages written"
    )
    for problem in morning.delivered.problems:
        say(f"  {problem}")
    say()


def _document(made: Demonstration) -> dict[str, object]:
    return {
        "folder": str(made.folder),
        "days": [
            {
                "at": morning.at,
                "sources": [
                    {"source": c.source, "entries": c.entries, "new": c.new, "updated": c.updated,
                     "outcome": c.outcome.value, "detail": c.detail}
                    for c in morning.collected
                ],
                "profiles": [
                    {"profile": c.profile, "edition": c.edition.number, "picks": c.new,
                     "replaced": c.replaced, "considered": c.edition.considered}
                    for c in morning.composed
                ],
                "deliveries": morning.delivered.ended,
                "files": list(morning.published.changed),
            }
            for morning in made.mornings
        ],
        "mails": [
            {"to": mail.recipient, "subject": mail.subject, "path": str(mail.path)}
            for mail in made.mails
        ],
    }  # fmt: skip
