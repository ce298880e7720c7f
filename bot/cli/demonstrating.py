"""What the demo shows at its end: what was made of what, and where to look."""

from __future__ import annotations

import asyncio
from email import message_from_bytes
from email.policy import default
from pathlib import Path

from bot.cli.terminal import as_json, say, table
from bot.cli.typed import as_typed
from bot.demo import Demonstration, Morning, demonstrate

_MOST_LINES = 50


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
    latest = made.mails[-1]
    say(f"The last of them begins so, as {latest.recipient} reads it:")
    say()
    for line in _first_lines(latest.path):
        say(f"  {line}")
    say()
    public = made.folder / "public"
    say("Open these, in a browser and a feed reader:")
    say(f"  the pages     {(public / 'index.html').as_uri()}")
    say(f"  a feed        {(public / 'feeds' / 'experts.rss').as_uri()}")
    say(f"  the mails     {made.folder / 'mail'} (`mutt -f` reads such a folder)")
    say()
    command = as_typed()
    say(
        f"Look around: `{command} --config {made.folder / 'config.toml'} status` (or search, explain …)"
    )
    say(f"Your own:    `{command} init` (it asks a few questions), then `{command} once`")
    return 0


def _first_lines(mail: Path) -> list[str]:
    """Return the head of a digest's text, down to where its third paper begins."""
    part = message_from_bytes(mail.read_bytes(), policy=default).get_body(("plain",))
    lines = part.get_content().splitlines() if part else []
    third = (number for number, line in enumerate(lines) if line.startswith(" 3. "))
    return lines[: next(third, len(lines))][:_MOST_LINES]


def _show_morning(number: int, morning: Morning) -> None:
    title = f"Day {number}, {morning.at:%A %d %B %Y}"
    rows = [
        (c.source, c.entries or "", c.new or "", c.updated or "",
         c.detail if c.outcome.value == "failed" else c.outcome.value)
        for c in morning.collected
    ]  # fmt: skip
    table(title, ("source", "entries", "new papers", "updated", ""), rows, numbers=(1, 2, 3))
    editions = [
        (c.profile, f"edition {c.edition.number}", c.new, c.news or "",
         c.edition.considered)
        for c in morning.composed
    ]  # fmt: skip
    columns = ("profile", "", "new picks", "news", "considered")
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
                     "news": c.news, "considered": c.edition.considered}
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
