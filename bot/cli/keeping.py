"""status: what a person asks first."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from datetime import timedelta

from bot.alarms import Known
from bot.app import App
from bot.cli.opening import opened
from bot.cli.posting import resting
from bot.cli.semantics import tier
from bot.cli.terminal import as_json, say, table, when
from bot.files import is_at_work
from bot.models import SourceState, SubscriptionStatus
from bot.outputs.wording import counted
from bot.sources import address, moving, polling
from bot.store.backup import restored
from bot.store.troubles import troubles

_TWO_DAYS = 48  # hours


def status(args: argparse.Namespace) -> int:
    """Show what a person asks first."""
    with opened(args, quickly=True) as app:
        asyncio.run(app.mirror())
        document = {
            "now": app.clock(),
            "sources": _sources(app),
            "profiles": _profiles(app),
            "outbox": app.store.count_deliveries(),
            "hold": app.store.hold_of_all(),
            "quarantine": app.store.count_quarantined(),
            "clock": asyncio.run(app.ahead_of_the_clock()),
            "restored": _restored(app),
            "troubles": _troubles(app),
            "alarms": [
                {
                    "about": each.what,
                    "says": each.sentence,
                    "since": each.since,
                    "told": each.told_at,
                }
                for each in _alarms(app)
            ],
            "papers": app.store.count_papers(),
            "configuration": list(app.config.warnings),
            "ranking": asyncio.run(tier(app)),
            "retired": [
                {"name": name, "subscribers": addresses}
                for name, addresses in gone_profiles(app).items()
            ],
        }
        if args.json:
            as_json(document)
        else:
            _show_status(app)
    return 0


def _alarms(app: App) -> list[Known]:
    """Return what stood wrong when it was last looked."""
    return [each for each in app.store.known_alarms() if each.since is not None]


def _show_status(app: App) -> None:
    say(
        f"{app.config.bot.title}: {counted(app.store.count_papers(), 'paper')} in {app.config.state}"
    )
    say()
    _show_sources(_sources(app))
    rows = [
        (p["name"], p["state"], p["edition"] or "", p["period"] or "none yet", p["picks"],
         p["subscribers"])
        for p in _profiles(app)
    ]  # fmt: skip
    table(
        "", ("profile", "state", "edition", "of", "papers", "subscribers"), rows, numbers=(2, 4, 5)
    )
    say(f"ranking  {asyncio.run(tier(app))['words']}")
    outbox = app.store.count_deliveries()
    say("outbox   " + (", ".join(f"{n} {name}" for name, n in sorted(outbox.items())) or "empty"))
    if reason := app.store.hold_of_all():
        say(f"         all sending is held: {reason}")
    if reason and (copy := restored(app.store.db)):
        age = _age((app.clock() - copy.made_at) // timedelta(hours=1))
        say(f"restored {when(copy.restored_at)}, from a copy made {when(copy.made_at)}, {age}")
    if rest := resting(app):
        say(f"         {rest}")
    if kept := app.store.count_quarantined():
        waiting = f"{counted(kept, 'mail')} to the bot {'waits' if kept == 1 else 'wait'} for you"
        say(f"inbound  {waiting}: `paperround quarantine list`")
    for sentence in asyncio.run(app.ahead_of_the_clock()):
        say(f"clock    {sentence}")
    for alarm in _alarms(app):
        told = f"told {when(alarm.told_at)}" if alarm.told_at else "not told yet"
        say(f"alarm    {alarm.what} ({told}): {alarm.sentence}")
    for part, sentence in _troubles(app).items():
        say(f"serve    {part}: {sentence}")
    for sentence in app.config.warnings:
        say(f"config   {sentence}")
    for name, addresses in gone_profiles(app).items():
        say(f"retired  {gone_in_words(app, name, addresses)}")


def _troubles(app: App) -> dict[str, str]:
    """Return what a running `serve` cannot do now, and whether the disk is full.

    What one that was killed left word of is no news.
    """
    full = app.full()
    known = troubles(app.store.db) if is_at_work(app.config.state, "serve") else {}
    return known | ({"disk": full} if full else {})


def _age(hours: int) -> str:
    if hours < 1:
        return "less than an hour ago"
    return f"{counted(hours, 'hour') if hours < _TWO_DAYS else counted(hours // 24, 'day')} ago"


def _restored(app: App) -> dict[str, object] | None:
    copy = restored(app.store.db)
    return {"made_at": copy.made_at, "restored_at": copy.restored_at} if copy else None


def gone_profiles(app: App) -> dict[str, list[str]]:
    """Return the profiles that are made no more, each with who is still subscribed to it."""
    retired = app.store.retired_by_hand()
    former = {old for profile in app.config.profiles.values() for old in profile.was}
    gone: dict[str, list[str]] = {
        name: []
        for name in sorted(app.store.profile_states())
        if name in retired or name not in app.config.profiles.keys() | former
    }
    for subscription in app.store.all_subscriptions():
        standing = subscription.status is not SubscriptionStatus.UNSUBSCRIBED
        if subscription.profile in gone and standing:
            gone[subscription.profile].append(subscription.address)
    return gone


def gone_in_words(app: App, name: str, addresses: Sequence[str]) -> str:
    """Return what became of a profile, and who was subscribed."""
    why = "retired by you" if name in app.config.profiles else "no longer in the configuration"
    who = f"subscribed: {', '.join(addresses)}" if addresses else "nobody is subscribed"
    return f"{name} is {why}; its archive stays; {who}"


def _profiles(app: App) -> list[dict[str, object]]:
    subscribers: dict[str, int] = {}
    for subscription in app.store.all_subscriptions():
        if subscription.status is SubscriptionStatus.CONFIRMED:
            subscribers[subscription.profile] = subscribers.get(subscription.profile, 0) + 1
    told: list[dict[str, object]] = []
    for name, state in sorted(app.store.profile_states().items()):
        editions = app.store.editions(name, 1)
        last = editions[0] if editions else None
        told.append({
            "name": name, "state": state, "edition": last.number if last else None,
            "period": last.period if last else None, "picks": len(last.picks) if last else 0,
            "subscribers": subscribers.get(name, 0),
        })  # fmt: skip
    return told


# ── Sources ───────────────────────────────────────────────────────────────────────────────────────


def sources(args: argparse.Namespace) -> int:
    """List the sources and how they stand."""
    with opened(args, quickly=True) as app:
        told = _sources(app)
        if args.json:
            as_json(told)
        else:
            _show_sources(told)
    return 0


def _sources(app: App) -> list[dict[str, object]]:
    states, moves = app.store.source_states(), app.store.moves()
    told: list[dict[str, object]] = []
    for source in app.config.sources:
        state = states.get(source.name, SourceState(source.name))
        own, at = address(source), moving.asked_at(address(source), moves.get(source.name))
        asked = source.enabled and not state.gone
        told.append({
            "name": source.name, "kind": source.kind, "enabled": source.enabled,
            "state": _standing(state, enabled=source.enabled), "last_ok": state.last_ok,
            "last_new": state.last_new, "next_poll": state.next_poll if asked else None,
            "failures": state.failures,
            "problem": polling.in_words(state, "" if at == own else at),
        })  # fmt: skip
    return told


def _standing(state: SourceState, *, enabled: bool) -> str:
    if not enabled:
        return "off"
    if state.gone:
        return "gone"
    if state.failing_since:
        return "ALARM" if state.alarmed_at else "failing"
    if state.stale_since:
        return "stale"
    if state.last_ok is None:
        return "not asked yet"
    return "quiet" if state.quiet else "ok"


def _show_sources(told: Sequence[dict[str, object]]) -> None:
    rows = [
        (t["name"], t["kind"], t["state"], when(t["last_ok"]), when(t["next_poll"]), t["problem"])
        for t in told
    ]
    table("", ("source", "kind", "state", "last answer", "next poll", ""), rows)
