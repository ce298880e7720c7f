"""status, sources, subscribers, deliveries: what is, and who gets it."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import TypedDict

from bot import tokens
from bot.app import App
from bot.cli.opening import opened, profile_named
from bot.cli.terminal import as_json, say, table
from bot.config import normal_address
from bot.errors import UsageError
from bot.models import Delivery, Origin, SourceState, Subscription, SubscriptionStatus


def status(args: argparse.Namespace) -> int:
    """Show what a person asks first."""
    with opened(args) as app:
        asyncio.run(app.mirror())
        document = {
            "now": app.clock(),
            "sources": _sources(app),
            "profiles": _profiles(app),
            "outbox": app.store.count_deliveries(),
            "papers": app.store.count_papers(),
        }
        if args.json:
            as_json(document)
        else:
            _show_status(app, document)
    return 0


def _show_status(app: App, document: dict[str, object]) -> None:
    say(f"{app.config.bot.title}: {document['papers']} papers in {app.config.state}")
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
    outbox = app.store.count_deliveries()
    say("outbox   " + (", ".join(f"{n} {name}" for name, n in sorted(outbox.items())) or "empty"))


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
    with opened(args) as app:
        told = _sources(app)
        if args.json:
            as_json(told)
        else:
            _show_sources(told)
    return 0


def _sources(app: App) -> list[dict[str, object]]:
    states = app.store.source_states()
    told: list[dict[str, object]] = []
    for source in app.config.sources:
        state = states.get(source.name, SourceState(source.name))
        told.append({
            "name": source.name, "kind": source.kind, "enabled": source.enabled,
            "state": _standing(state, enabled=source.enabled), "last_ok": state.last_ok,
            "last_new": state.last_new, "next_poll": state.next_poll, "failures": state.failures,
            "problem": state.error or state.quiet,
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
        (t["name"], t["kind"], t["state"], _when(t["last_ok"]), _when(t["next_poll"]), t["problem"])
        for t in told
    ]
    table("", ("source", "kind", "state", "last answer", "next poll", ""), rows)


def _when(value: object) -> str:
    return f"{value:%Y-%m-%d %H:%M} UTC" if isinstance(value, datetime) else "never"


# ── Subscribers ───────────────────────────────────────────────────────────────────────────────────


class _Subscriber(TypedDict):
    address: str
    status: str
    profiles: list[str]


def subscribers(args: argparse.Namespace) -> int:
    """Add, list, remove."""
    with opened(args) as app:
        asyncio.run(app.mirror())
        act = {"add": _add, "list": _list, "remove": _remove}[args.action]
        return act(app, args)


def _address(value: str) -> str:
    try:
        return normal_address(value)
    except ValueError as error:
        raise UsageError(str(error)) from error


def _add(app: App, args: argparse.Namespace) -> int:
    address = _address(args.address)
    for name in args.profiles:
        profile_named(app.config, name)
    key = tokens.suppression_key(app.founding.secret, address)
    told = {}
    for name in args.profiles:
        status = app.store.subscribe(address, name, Origin.OWNER, app.clock(), suppressed=key)
        told[name] = status.value
    if args.json:
        as_json({"address": address, "profiles": told})
    else:
        for name, became in told.items():
            say(f"{address} · {name}: {became}")
    refused = SubscriptionStatus.UNSUBSCRIBED.value in told.values()
    if refused and not args.json:
        say("This address is suppressed: nothing is sent to it.")
    return 1 if refused else 0


def _list(app: App, args: argparse.Namespace) -> int:
    told = _by_address(app.store.all_subscriptions())
    if args.json:
        as_json(told)
    else:
        rows = [(t["address"], t["status"], ", ".join(t["profiles"])) for t in told]
        table("", ("address", "status", "profiles"), rows)
    return 0


def _by_address(subscriptions: Sequence[Subscription]) -> list[_Subscriber]:
    """Return one record an address: its best status, and the profiles that stand in it."""
    order = (
        SubscriptionStatus.CONFIRMED, SubscriptionStatus.PAUSED, SubscriptionStatus.UNCONFIRMED,
        SubscriptionStatus.UNSUBSCRIBED,
    )  # fmt: skip
    mine: dict[str, list[Subscription]] = {}
    for subscription in subscriptions:
        mine.setdefault(subscription.address, []).append(subscription)
    told: list[_Subscriber] = []
    for address, theirs in sorted(mine.items()):
        best = min((s.status for s in theirs), key=order.index)
        profiles = sorted(s.profile for s in theirs if s.status is best)
        told.append({"address": address, "status": best.value, "profiles": profiles})
    return told


def _remove(app: App, args: argparse.Namespace) -> int:
    address = _address(args.address)
    known = {s.address.casefold() for s in app.store.all_subscriptions()}
    if address.casefold() not in known:
        raise UsageError(f"{address} is no subscriber. `paperround subscribers list` shows who is.")
    ended = app.store.unsubscribe(address, "", Origin.OWNER)
    if args.json:
        as_json({"address": address, "ended": ended})
    else:
        say(f"{address}: {ended} subscriptions ended")
    return 0


# ── Deliveries ────────────────────────────────────────────────────────────────────────────────────


def deliveries(args: argparse.Namespace) -> int:
    """List the latest deliveries."""
    with opened(args) as app:
        found = app.store.deliveries(args.limit, args.status)
        if args.json:
            as_json([_told(delivery) for delivery in found])
        else:
            rows = [
                (d.id, d.address, d.status.value, _when(d.due), len(d.picks), d.attempts,
                 _when(d.sent_at) if d.sent_at else d.said)
                for d in found
            ]  # fmt: skip
            columns = ("id", "address", "status", "due", "papers", "attempts", "sent, or why not")
            table("", columns, rows, numbers=(0, 4, 5))
    return 0


def _told(delivery: Delivery) -> dict[str, object]:
    return {
        "id": delivery.id, "address": delivery.address, "status": delivery.status.value,
        "due": delivery.due, "papers": len(delivery.picks), "attempts": delivery.attempts,
        "next_try": delivery.next_try, "sent_at": delivery.sent_at, "said": delivery.said,
        "message_id": delivery.message_id,
    }  # fmt: skip
