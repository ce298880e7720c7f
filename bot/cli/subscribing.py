"""subscribers and suppressions: who gets the digests, how often, and who never does."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from datetime import date
from typing import NotRequired, TypedDict

from bot.app import App
from bot.cli.addresses import (
    MAILS,
    checked_address,
    choices_of,
    subscribed,
    suppression_key,
)
from bot.cli.opening import opened, profile_named
from bot.cli.terminal import as_json, say, table, when
from bot.errors import UsageError
from bot.files import workflow_lock
from bot.models import Origin, Subscription, SubscriptionStatus
from bot.outputs.wording import counted
from bot.schedule import local_date
from bot.store.subscribers import Choices

_SHOWN_DELIVERIES = 5


def subscribers(args: argparse.Namespace) -> int:
    """Add, list, show, set, pause, resume, renew, remove, import, export."""
    with opened(args) as app:
        asyncio.run(app.mirror())
        if args.action in ("import", "export"):
            from bot.cli.exchanging import export_list, import_list

            return (import_list if args.action == "import" else export_list)(app, args)
        act = {
            "add": _add, "list": _list, "show": _show, "set": _set, "pause": _pause,
            "resume": _resume, "renew": _renew, "remove": _remove,
        }[args.action]  # fmt: skip
        return act(app, args)


def _add(app: App, args: argparse.Namespace) -> int:
    address = checked_address(args.address)
    for name in args.profiles:
        profile_named(app.config, name)
    if args.invite:
        from bot.cli.inviting import invite

        return invite(app, address, args.profiles, args)
    key = suppression_key(app, address)
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
        say(
            "This address is suppressed: nothing is sent to it. If that is mended, "
            f"`paperround suppressions remove {address}` comes first."
        )
    return 1 if refused else 0


# ── Looking ───────────────────────────────────────────────────────────────────────────────────────


class _Subscriber(TypedDict):
    address: str
    status: str
    profiles: list[str]
    suppressed: NotRequired[bool]


def _list(app: App, args: argparse.Namespace) -> int:
    told = _by_address(app)
    if args.json:
        as_json(told)
    else:
        rows = [
            (t["address"], t["status"] + (", suppressed" if t.get("suppressed") else ""),
             ", ".join(t["profiles"]))
            for t in told
        ]  # fmt: skip
        table("", ("address", "status", "profiles"), rows)
    return 0


def _by_address(app: App) -> list[_Subscriber]:
    """Return one record an address: its best status, and the profiles that stand in it."""
    order = (
        SubscriptionStatus.CONFIRMED, SubscriptionStatus.PAUSED, SubscriptionStatus.UNCONFIRMED,
        SubscriptionStatus.UNSUBSCRIBED,
    )  # fmt: skip
    mine: dict[str, list[Subscription]] = {}
    for subscription in app.store.all_subscriptions():
        mine.setdefault(subscription.address, []).append(subscription)
    suppressed = {each.key for each in app.store.suppressions()}
    told: list[_Subscriber] = []
    for address, theirs in sorted(mine.items()):
        best = min((s.status for s in theirs), key=order.index)
        profiles = sorted(s.profile for s in theirs if s.status is best)
        each: _Subscriber = {"address": address, "status": best.value, "profiles": profiles}
        if suppressed and suppression_key(app, address) in suppressed:
            each["suppressed"] = True
        told.append(each)
    return told


def _show(app: App, args: argparse.Namespace) -> int:
    address, subscriptions = subscribed(app, args.address)
    key = suppression_key(app, address)
    reason = app.store.suppressed([key]).get(key, "")
    latest = app.store.deliveries_to(subscriptions[0].subscriber, _SHOWN_DELIVERIES)
    agreed = app.store.consents(subscriptions[0].subscriber)
    if args.json:
        as_json({
            "address": address, "suppressed": reason,
            "zone": subscriptions[0].zone or app.config.bot.timezone,
            "mails": MAILS[subscriptions[0].apart],
            "paused_until": subscriptions[0].paused_until,
            "subscriptions": [_chosen(app, s) for s in subscriptions],
            "consent": [
                {"profile": c.profile, "at": c.at, "door": c.door, "wording": c.wording} for c in agreed
            ],
            "deliveries": [
                {"id": d.id, "status": d.status.value, "due": d.due, "papers": len(d.picks),
                 "sent_at": d.sent_at, "said": d.said}
                for d in latest
            ],
        })  # fmt: skip
        return 0
    say(address + (f" (suppressed: {reason})" if reason else ""))
    rows = []
    for subscription in subscriptions:
        told = _chosen(app, subscription)
        rows.append([told[name] or "" for name in _CHOSEN])
    table("", _CHOSEN, rows, numbers=(5,))
    if subscriptions[0].apart:
        say("A mail of its own comes for each profile.")
    if subscriptions[0].paused_until:
        say(f"Paused: the next digest comes on {subscriptions[0].paused_until} or after it.")
    for yes in agreed:
        say(
            f'Said yes to {yes.profile} on {when(yes.at)} (door: {yes.door}), to these words: "{yes.wording}"'
        )
    if latest:
        lines = [
            (d.id, d.status.value, when(d.due), len(d.picks), when(d.sent_at) if d.sent_at else d.said)
            for d in latest
        ]  # fmt: skip
        table("", ("delivery", "status", "due", "papers", "sent, or why not"), lines, (0, 3))
    return 0


_CHOSEN = ("profile", "status", "origin", "cadence", "at", "limit", "last")


def _chosen(app: App, subscription: Subscription) -> dict[str, object]:
    """Return what holds for a subscription: its own choices, else its profile's."""
    profile = app.config.profiles.get(subscription.profile)
    return {
        "profile": subscription.profile, "status": subscription.status.value,
        "origin": subscription.origin.value, "cadence": subscription.cadence.value,
        "at": subscription.at or (profile.at if profile else None),
        "limit": subscription.limit or (profile.limit if profile else None),
        "last": subscription.cursor or None,
    }  # fmt: skip


# ── Changing ──────────────────────────────────────────────────────────────────────────────────────


def _set(app: App, args: argparse.Namespace) -> int:
    choices = choices_of(args.cadence, args.at, args.zone, args.limit, args.mails)
    if choices == Choices() and args.profiles is None:
        raise UsageError(
            "say what to set: --profiles, --mails, --cadence, --at, --zone or --limit. "
            f"`paperround subscribers show {args.address}` shows what holds."
        )
    address, _ = subscribed(app, args.address)
    if args.profiles is not None:
        _set_profiles(app, address, args.profiles)
    app.store.choose(address, choices)
    _, now_standing = subscribed(app, address)
    if args.json:
        as_json({
            "address": address, "mails": MAILS[now_standing[0].apart],
            "subscriptions": [_chosen(app, s) for s in now_standing],
        })  # fmt: skip
    else:
        if args.mails is not None:
            apart = now_standing[0].apart
            say(f"{address}: {'a mail for each profile' if apart else 'one mail for all profiles'}")
        for s in now_standing:
            told = _chosen(app, s)
            say(
                f"{address} · {s.profile}: {told['status']}, {told['cadence']} at {told['at']} "
                f"({s.zone or app.config.bot.timezone}), at most {told['limit']} papers"
            )
    return 0


def _set_profiles(app: App, address: str, names: Sequence[str]) -> None:
    if not names:
        raise UsageError(
            f"--profiles names none. `paperround subscribers remove {address}` ends them all."
        )
    for name in names:
        profile_named(app.config, name)
    key = suppression_key(app, address)
    for name in names:
        status = app.store.subscribe(address, name, Origin.OWNER, app.clock(), suppressed=key)
        if status is SubscriptionStatus.UNSUBSCRIBED:
            raise UsageError(f"{address} is suppressed: nothing was changed.")
    for subscription in app.store.subscriptions_of(address):
        if subscription.profile not in names:
            app.store.unsubscribe(address, subscription.profile, Origin.OWNER)


def _pause(app: App, args: argparse.Namespace) -> int:
    address, subscriptions = subscribed(app, args.address)
    until: date | None = args.until
    here = subscriptions[0].zone or app.config.bot.timezone
    today = local_date(app.clock(), here)
    if until is not None and until <= today:
        raise UsageError(f"{until} is over, or today ({today} in {here}): name a later date.")
    resting = app.store.pause(address, until)
    if args.json:
        as_json({"address": address, "paused": resting, "until": until})
    elif not resting:
        say(f"{address} has no subscription that could pause")
    else:
        end = f"{until} on" if until else f"`paperround subscribers resume {address}` on"
        say(f"{address}: paused ({resting}); from {end}, one digest of the best since")
    return 0 if resting else 1


def _resume(app: App, args: argparse.Namespace) -> int:
    address, subscriptions = subscribed(app, args.address)
    resumed = app.store.resume([subscriptions[0].subscriber])
    if args.json:
        as_json({"address": address, "resumed": resumed})
    else:
        goes = f"{counted(resumed, 'subscription')} {'goes' if resumed == 1 else 'go'} on"
        say(f"{address}: {goes}" if resumed else f"{address} was not paused")
    return 0


def _renew(app: App, args: argparse.Namespace) -> int:
    address, subscriptions = subscribed(app, args.address)
    sent = app.reception().renew(subscriptions[0].subscriber, app.clock())
    if args.json:
        as_json({"address": address, "renewed": True, "mailed": sent})
        return 0
    say(f"{address}: every link given out before is void, its feed's address too")
    if sent:
        say("A mail with a new one goes out with the next `paperround deliver`, or `serve`.")
    else:
        say("No mail goes out: there are no pages ([bot] base_url), or the address is suppressed.")
    return 0


def _remove(app: App, args: argparse.Namespace) -> int:
    if args.forget:
        return asyncio.run(_forget(app, args))
    subscribed(app, args.address)
    address = checked_address(args.address)
    ended = app.store.unsubscribe(address, "", Origin.OWNER)
    if args.json:
        as_json({"address": address, "ended": ended})
    else:
        say(f"{address}: {counted(ended, 'subscription')} ended")
    return 0


async def _forget(app: App, args: argparse.Namespace) -> int:
    """Erase a subscriber. A stranger's address is suppressed too: it shall never be written to."""
    address = checked_address(args.address)
    async with workflow_lock(app.config.state, "deliver"):
        known = app.store.forget(address, suppression_key(app, address), app.clock())
    named = [
        n for n, p in app.config.profiles.items() if address.casefold() in map(str.casefold, p.to)
    ]
    if args.json:
        as_json({"address": address, "forgotten": known, "named_by": named})
        return 0
    say(
        f"{address}: erased, with all its history; what is kept is a hash by which it is refused"
        if known
        else f"{address} was no subscriber; a hash is kept by which it is refused from now on"
    )
    if named:
        say(f"The configuration still names it, in `to` of {', '.join(named)}: take it out there.")
    if app.config.mail.transport == "maildir":
        say(f"Mails that lie in {app.config.state / 'mail'} are yours to delete.")
    return 0


# ── Suppressions ──────────────────────────────────────────────────────────────────────────────────


def suppressions(args: argparse.Namespace) -> int:
    """List, add, remove."""
    with opened(args) as app:
        asyncio.run(app.mirror())
        act = {"list": _list_suppressed, "add": _suppress, "remove": _unsuppress}[args.action]
        return act(app, args)


def _list_suppressed(app: App, args: argparse.Namespace) -> int:
    found = app.store.suppressions()
    known = {suppression_key(app, s.address): s.address for s in app.store.all_subscriptions()}
    if args.json:
        as_json([
            {"address": known.get(s.key), "hash": s.key, "reason": s.reason, "at": s.at}
            for s in found
        ])  # fmt: skip
        return 0
    rows = [
        (known.get(s.key, "(erased, or never a subscriber)"), s.reason, when(s.at), s.key[:12])
        for s in found
    ]
    table("", ("address", "reason", "since", "hash"), rows)
    if not found:
        say("No address is suppressed.")
    return 0


def _suppress(app: App, args: argparse.Namespace) -> int:
    address = checked_address(args.address)
    key = suppression_key(app, address)
    already = app.store.suppressed([key]).get(key)
    called_off = app.store.suppress(address, key, args.reason, app.clock())
    if args.json:
        as_json({
            "address": address, "reason": already or args.reason, "called_off": called_off,
            "already": already is not None,
        })  # fmt: skip
    elif already is not None:
        say(f"{address} was suppressed already: {already}")
    else:
        waited = counted(called_off, "delivery that waited is", "deliveries that waited are")
        off = f"; {waited} called off" if called_off else ""
        say(f"{address}: nothing is sent to it any more{off}")
    return 0


def _unsuppress(app: App, args: argparse.Namespace) -> int:
    address = checked_address(args.address)
    if not app.store.unsuppress(suppression_key(app, address)):
        raise UsageError(
            f"{address} is not suppressed. `paperround suppressions list` shows who is."
        )
    waiting = [
        s.profile
        for s in app.store.subscriptions_of(address)
        if s.status is not SubscriptionStatus.UNSUBSCRIBED
    ]
    if args.json:
        as_json({"address": address, "profiles": waiting})
    elif waiting:
        say(f"{address}: is written to again, for {', '.join(waiting)}")
    else:
        say(f"{address}: may be subscribed again; it has no subscription now")
    return 0
