"""subscribers add and import --invite: addresses that are asked by mail first."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field

from bot.app import App
from bot.cli.addresses import suppression_key
from bot.cli.exchanging import Row
from bot.cli.terminal import as_json, progress, say
from bot.errors import UsageError
from bot.models import Door, SubscriptionStatus
from bot.outputs.wording import counted
from bot.workflows.consent import Reception, SubscriptionOrder


@dataclass(slots=True)
class Invited:
    """What became of a list: addresses, and for those that were left out, where and why."""

    invited: list[str] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    suppressed: list[str] = field(default_factory=list)
    unsubscribed: list[str] = field(default_factory=list)
    skipped: list[dict[str, str]] = field(default_factory=list)


def invite(app: App, address: str, profiles: Sequence[str], args: argparse.Namespace) -> int:
    """Ask one address; the mail goes with the next `deliver`."""
    key = suppression_key(app, address)
    if app.store.suppressed([key]):
        raise UsageError(
            f"{address} is suppressed: nothing is sent to it. If that is mended, "
            f"`paperround suppressions remove {address}` comes first."
        )
    _order(app.reception(), app, address, profiles)
    if args.json:
        as_json({"address": address, "profiles": dict.fromkeys(profiles, "unconfirmed")})
    else:
        say(f"{address} is asked by mail, with the next `paperround deliver`, `once` or `serve`")
    return 0


def invite_list(
    app: App, rows: Sequence[Row], skipped: list[dict[str, str]], args: argparse.Namespace
) -> None:
    """Ask all of a list but those who have it, have left it, or are suppressed; tell who they were."""
    result, reception = Invited(skipped=skipped), app.reception()
    suppressed = app.store.suppressed({suppression_key(app, row.address) for row in rows})
    standing = {(s.address.casefold(), s.profile): s.status for s in app.store.all_subscriptions()}
    with progress("invite", len(rows)) as advance:
        for row in rows:
            advance()
            has = {name: standing.get((row.address.casefold(), name)) for name in row.profiles}
            left = [n for n, status in has.items() if status is SubscriptionStatus.UNSUBSCRIBED]
            new = [
                n for n, status in has.items() if status in (None, SubscriptionStatus.UNCONFIRMED)
            ]
            if suppression_key(app, row.address) in suppressed:
                result.suppressed.append(row.address)
                continue
            if left:
                result.unsubscribed.append(f"{row.address} ({', '.join(left)})")
            if new:
                _order(reception, app, row.address, new)
                result.invited.append(row.address)
            elif not left:
                result.known.append(row.address)
    if args.json:
        as_json({name: getattr(result, name) for name in Invited.__slots__})
    else:
        _tell(result)


def _order(reception: Reception, app: App, address: str, profiles: Sequence[str]) -> None:
    refused = reception.order(SubscriptionOrder(address, tuple(profiles), Door.OWNER), app.clock())
    if refused:
        raise UsageError(refused)


def _tell(result: Invited) -> None:
    for address in result.suppressed:
        say(f"{address}: suppressed, so it was not asked")
    for address in result.unsubscribed:
        say(f"{address}: has unsubscribed, and is not asked again")
    for each in result.skipped:
        say(f"{each['row']}: skipped: {each['problem']}")
    known, asked = len(result.known), len(result.invited)
    are = f", {known} {'is' if known == 1 else 'are'} subscribed already" if known else ""
    say(
        f"{counted(asked, 'address', 'addresses')} {'is' if asked == 1 else 'are'} asked by mail, "
        f"with the next `paperround deliver`{are}"
    )
