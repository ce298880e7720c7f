"""like, dislike, submit: what the owner and the curators say of a paper."""

from __future__ import annotations

import argparse
import asyncio

from bot.app import App
from bot.cli.opening import opened, profile_named
from bot.cli.terminal import as_json, say
from bot.errors import UsageError
from bot.identity import parse_identifier
from bot.lifecycle import is_withdrawn
from bot.models import Opinion, Paper
from bot.outputs.cards import title_of


def like(args: argparse.Namespace) -> int:
    """Keep that the owner wants more like a paper; a dislike of it is taken back."""
    return _judge(args, Opinion.LIKE)


def dislike(args: argparse.Namespace) -> int:
    """Keep that the owner wants less like a paper; a like of it is taken back."""
    return _judge(args, Opinion.DISLIKE)


def _judge(args: argparse.Namespace, opinion: Opinion) -> int:
    with opened(args) as app:
        asyncio.run(app.mirror())
        paper = _stored(app, args.paper)
        names = _profiles(app, paper, args.profile)
        app.store.put_feedback(names, paper.id, opinion, app.clock())
        unheard = [name for name in names if app.config.profiles[name].learn == "none"]
        if args.json:
            as_json({
                "paper": str(paper.key), "opinion": opinion.value, "profiles": names,
                "not_learning": unheard,
            })  # fmt: skip
            return 0
        more = "more" if opinion is Opinion.LIKE else "less"
        say(f"{', '.join(names)}: {more} like “{title_of(paper)}”")
        for name in unheard:
            say(
                f'It is kept, and changes nothing yet: [profiles.{name}] has learn = "none"; '
                'learn = "owner" lets it count.'
            )
    return 0


def submit(args: argparse.Namespace) -> int:
    """Put a paper forward: a vote of the house, and with a profile a place in its next edition."""
    with opened(args) as app:
        asyncio.run(app.mirror())
        paper = _stored(app, args.paper)
        if args.profile is not None:
            profile_named(app.config, args.profile)
        new = app.store.submit(paper.id, args.profile or "", app.clock())
        if args.json:
            as_json({"paper": str(paper.key), "profile": args.profile, "new": new})
            return 0
        if not new:
            say(f"“{title_of(paper)}” was put forward already.")
            return 0
        say(f"“{title_of(paper)}” has a vote of the house.")
        if args.profile and args.profile in app.store.picked_by(paper.id):
            say(f"{args.profile} has picked it before, and does not show it again.")
        elif args.profile and is_withdrawn(paper):
            say("It is withdrawn, so no edition shows it as new.")
        elif args.profile:
            say(f"It comes with the next edition of {args.profile}, unless `exclude` keeps it out.")
    return 0


def _stored(app: App, typed: str) -> Paper:
    """Return the paper that is named. Raises UsageError: none is invented from its number alone."""
    wanted = parse_identifier(typed)
    if wanted is None:
        raise UsageError(f"{typed!r} names no paper. Use arXiv:2401.06066, doi:… or an address.")
    found = app.store.lookup([wanted])
    if not found:
        raise UsageError(
            f"{wanted} is not stored: no source has shown it yet, and its number alone tells neither "
            "title nor authors. Nothing was done."
        )
    return found[0]


def _profiles(app: App, paper: Paper, named: str | None) -> list[str]:
    """Return the profile that is named, the only one there is, or those that picked the paper."""
    if named is not None:
        return [profile_named(app.config, named).name]
    names = list(app.config.profiles)
    if len(names) != 1:
        names = [name for name in app.store.picked_by(paper.id) if name in app.config.profiles]
    if not names:
        known = ", ".join(app.config.profiles) or "none yet"
        raise UsageError(f"say for which profile: --profile NAME. There are: {known}.")
    return names
