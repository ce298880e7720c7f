"""deliveries and quarantine: what goes out and what came in, held by hand."""

from __future__ import annotations

import argparse
import asyncio
import os
from datetime import date
from typing import TYPE_CHECKING

from bot.app import App
from bot.cli.opening import opened
from bot.cli.terminal import as_json, duration_text, say, say_block, table, when
from bot.errors import UsageError
from bot.files import workflow_lock
from bot.models import AttemptRecord, Delivery, DeliveryKind, DeliveryStatus, Quarantined
from bot.outputs.wording import counted
from bot.schedule import local_date
from bot.store.backup import pass_over
from bot.workflows.desk import BY_HAND

if TYPE_CHECKING:
    from bot.config import MailSettings

_OVER = (DeliveryStatus.FAILED, DeliveryStatus.SKIPPED)
_DONE = ("sent", "failed", "skipped")
_IN_DOUBT = {
    "resend": "what may have arrived goes once more, with the same bytes",
    "hold": "what may have arrived is held for you",
}
_MOST_SHOWN = 20_000  # bytes of a quarantined mail


def deliveries(args: argparse.Namespace) -> int:
    """List, show, retry, hold, release."""
    with opened(args) as app:
        if args.action == "list":
            return _list(app, args)
        if args.action == "show":
            return _show(app, args)
        if args.action == "hold" and args.all:
            return _hold(app, args)  # whoever is sending leaves off at the next batch
        return asyncio.run(_alone(app, args))


async def _alone(app: App, args: argparse.Namespace) -> int:
    """Act while nobody is sending: what is looked at here is not under way."""
    act = {"retry": _retry, "hold": _hold, "release": _release}[args.action]
    async with workflow_lock(app.config.state, "deliver"):
        app.store.forget_senders(os.uname().nodename, app.clock())
        return act(app, args)


def _list(app: App, args: argparse.Namespace) -> int:
    found = app.store.deliveries(args.limit, args.status)
    if args.json:
        as_json([_told(delivery) for delivery in found])
        return 0
    rows = [
        (d.id, d.address, d.status.value, when(d.due),
         len(d.picks) if d.kind is DeliveryKind.DIGEST else d.kind.value, d.attempts,
         when(d.sent_at) if d.sent_at else d.said)
        for d in found
    ]  # fmt: skip
    columns = ("id", "address", "status", "due", "papers", "attempts", "sent, or why not")
    table("", columns, rows, numbers=(0, 4, 5))
    _show_hold(app)
    return 0


def _show_hold(app: App) -> None:
    if reason := app.store.hold_of_all():
        say(f"All sending is held: {reason} `paperround deliveries release --all` lets it go on.")
    if rest := resting(app):
        say(f"{rest}; `paperround deliver` tries at once.")


def resting(app: App) -> str:
    """Return until when a running `serve` sends nothing, and why, "" where it does not rest."""
    rest = app.store.rest()
    if rest is None or rest.until <= app.clock():
        return ""
    return f"Sending rests until {when(rest.until)}: {rest.reason.rstrip('.')}"


# ── How mail is sent ──────────────────────────────────────────────────────────────────────────────


def _show_manners(app: App, args: argparse.Namespace) -> int:
    mail, counts, rest = app.config.mail, app.store.count_deliveries(), app.store.rest()
    if args.json:
        as_json({
            "outbox": counts, "hold": app.store.hold_of_all(),
            "rest": {"until": rest.until, "times": rest.times, "reason": rest.reason}
            if rest else None,
            "rate": mail.rate, "connections": mail.connections, "per_domain": mail.per_domain,
            "reuse": mail.reuse, "retry_minutes": [wait.total_seconds() / 60 for wait in mail.retry],
            "breaker": mail.breaker, "grace_hours": mail.grace.total_seconds() / 3600,
            "uncertain": mail.uncertain,
        })  # fmt: skip
        return 0
    waiting = {name: n for name, n in sorted(counts.items()) if name not in _DONE}
    say("waiting      " + (", ".join(f"{n} {name}" for name, n in waiting.items()) or "nothing"))
    say(
        f"speed        at most {mail.rate:g} a second, over {counted(mail.connections, 'connection')}"
    )
    say(f"             at most {mail.per_domain} at once to one receiving domain")
    say(f"             a new connection after {counted(mail.reuse, 'message')} or 60 s")
    say(f"retries      {_retries(mail)}")
    say(f"in doubt     {_IN_DOUBT[mail.uncertain]}")
    say(f"breaker      all sending rests after {mail.breaker} failures in a row")
    _show_hold(app)
    return 0


def _retries(mail: MailSettings) -> str:
    waits = ", ".join(duration_text(wait) for wait in mail.retry)
    return f"after {waits} and so on; given up after {duration_text(mail.grace)} (its papers go on)"


def _told(delivery: Delivery) -> dict[str, object]:
    return {
        "id": delivery.id, "kind": delivery.kind.value, "address": delivery.address,
        "status": delivery.status.value,
        "due": delivery.due, "papers": len(delivery.picks), "attempts": delivery.attempts,
        "next_try": delivery.next_try, "sent_at": delivery.sent_at, "said": delivery.said,
        "message_id": delivery.message_id,
    }  # fmt: skip


def _named(app: App, number: int) -> Delivery:
    delivery = app.store.delivery(number)
    if delivery is None:
        raise UsageError(f"there is no delivery {number}. `paperround deliveries list` shows them.")
    return delivery


# ── One delivery ──────────────────────────────────────────────────────────────────────────────────


def _show(app: App, args: argparse.Namespace) -> int:
    if args.id is None:
        return _show_manners(app, args)
    delivery = _named(app, args.id)
    slots, attempts = app.store.slots_of(delivery.id), app.store.attempts(delivery.id)
    if args.json:
        as_json(
            _told(delivery)
            | {
                "stale_at": delivery.stale_at,
                "slots": [{"profile": profile, "period": period} for profile, period in slots],
                "tries": [_try(record) for record in attempts],
            }
        )
        return 0
    say(f"Delivery {delivery.id} to {delivery.address}: {delivery.status.value}")
    if delivery.said:
        say(f"  {delivery.said}")
    say(f"  {delivery.message_id}")
    for profile, period in slots:
        say(f"  serves {profile} of {period}")
    papers = counted(len(delivery.picks), "paper")
    say(f"  {papers}, due {when(delivery.due)}, good until {when(delivery.stale_at)}")
    if delivery.sent_at:
        say(f"  sent {when(delivery.sent_at)}")
    elif delivery.next_try and delivery.status not in _OVER:
        say(f"  next try {when(delivery.next_try)}; {_retries(app.config.mail)}")
    _show_hold(app)
    say()
    rows = [
        (r.number, when(r.at), r.attempt.phase.value, r.attempt.verdict.value, r.attempt.code or "",
         r.attempt.said)
        for r in attempts
    ]  # fmt: skip
    if rows:
        table("", ("try", "at", "got to", "verdict", "code", "what was said"), rows, numbers=(0, 4))
    else:
        say("It was not tried yet.")
    return 0


def _try(record: AttemptRecord) -> dict[str, object]:
    attempt = record.attempt
    return {
        "n": record.number, "at": record.at, "phase": attempt.phase.value,
        "verdict": attempt.verdict.value, "code": attempt.code or None, "said": attempt.said,
    }  # fmt: skip


def _retry(app: App, args: argparse.Namespace) -> int:
    delivery = _named(app, args.id)
    now = app.clock()
    stale_at = now + app.config.mail.grace
    if delivery.status in _OVER:
        if not delivery.picks:
            raise UsageError(f"delivery {delivery.id} holds nothing to send: {delivery.said}.")
        if delivery.resent:
            raise UsageError(
                f"delivery {delivery.id} may have arrived: no answer came to it when it was sent. What is "
                "made of it now could bring the same papers twice."
            )
        if not app.store.revive(delivery.id, now, stale_at):
            raise UsageError(
                f"delivery {delivery.id} is {delivery.status.value}, and a later digest has taken up "
                "its papers: sending it too would send them twice."
            )
    elif not app.store.free(delivery.id, now, stale_at):
        raise UsageError(
            f"delivery {delivery.id} is {delivery.status.value}: there is nothing to retry."
        )
    return _changed(app, args, delivery.id, "goes with the next `paperround deliver`")


def _changed(app: App, args: argparse.Namespace, number: int, words: str) -> int:
    if args.json:
        as_json(_told(_named(app, number)))
    else:
        say(f"Delivery {number} {words}")
        _show_hold(app)
    return 0


# ── Holding ───────────────────────────────────────────────────────────────────────────────────────


def _hold(app: App, args: argparse.Namespace) -> int:
    if args.all:
        app.store.hold_all(f"{BY_HAND}, {when(app.clock())}.")
        if args.json:
            as_json({"held": "all"})
        else:
            say("All sending is held; `paperround deliveries release --all` lets it go on")
        return 0
    delivery = _named(app, args.id)
    if not app.store.hold(delivery.id, app.clock()):
        raise UsageError(
            f"delivery {delivery.id} is {delivery.status.value}: only what waits can be held."
        )
    return _changed(app, args, delivery.id, "is held until it is released")


def _release(app: App, args: argparse.Namespace) -> int:
    if args.all:
        if args.skip_before and app.store.hold_of_all():  # before anything is free to go
            pass_over(app.store.db, args.skip_before, app.config.bot.timezone)
        chosen, ended = app.store.held(), app.store.free_all(app.clock())
    else:
        delivery = _named(app, args.id)
        if delivery.status is not DeliveryStatus.HELD:
            raise UsageError(f"delivery {delivery.id} is {delivery.status.value}, not held.")
        chosen, ended = [delivery], False
    released, skipped = [], []
    now = app.clock()
    for delivery in chosen:
        if _before(app, delivery, args.skip_before):
            app.store.drop(delivery.id)
            skipped.append(delivery.id)
        elif app.store.free(delivery.id, now, now + app.config.mail.grace):
            released.append(delivery.id)
    if args.json:
        as_json({"released": released, "skipped": skipped, "sending_goes_on": ended})
    else:
        if ended:
            say("Sending goes on.")
            if args.skip_before:
                say(f"Of the editions before {args.skip_before}, nothing is sent any more.")
        left = f", {len(skipped)} left out" if skipped else ""
        one = len(released) == 1
        say(
            f"{len(released):,} {'delivery' if one else 'deliveries'} released{left}; "
            f"{'it goes' if one else 'they go'} with the next `paperround deliver`"
        )
    return 0


def _before(app: App, delivery: Delivery, day: date | None) -> bool:
    return day is not None and local_date(delivery.due, app.config.bot.timezone) < day


# ── Quarantine ────────────────────────────────────────────────────────────────────────────────────


def quarantine(args: argparse.Namespace) -> int:
    """List, show, retry."""
    with opened(args) as app:
        if args.action == "list":
            return _list_quarantined(app, args)
        found = app.store.quarantined(args.key)
        if not found:
            raise UsageError(
                f"there is no mail {args.key!r} in quarantine. `paperround quarantine list` shows "
                "what is."
            )
        return (_show_quarantined if args.action == "show" else _read_again)(app, found[0], args)


def _list_quarantined(app: App, args: argparse.Namespace) -> int:
    found = app.store.quarantined()
    if args.json:
        as_json([_told_quarantined(each) for each in found])
        return 0
    rows = [
        (each.key, when(each.at), "to be read again" if each.waiting else each.problem)
        for each in found
    ]
    table("", ("key", "came", "what is wrong"), rows)
    if not found:
        say("Nothing is in quarantine.")
    return 0


def _told_quarantined(each: Quarantined) -> dict[str, object]:
    return {
        "key": each.key, "at": each.at, "problem": each.problem, "waiting": each.waiting,
        "bytes": len(each.raw),
    }  # fmt: skip


def _show_quarantined(_app: App, mail: Quarantined, args: argparse.Namespace) -> int:
    text = mail.raw[:_MOST_SHOWN].decode("utf-8", "replace").replace("\r\n", "\n")
    if args.json:
        as_json(_told_quarantined(mail) | {"text": text})
        return 0
    say(f"{mail.key}, {when(mail.at)}: {mail.problem}")
    say()
    say_block(text)
    if len(mail.raw) > _MOST_SHOWN:
        say(f"… and {len(mail.raw) - _MOST_SHOWN} bytes more")
    return 0


def _read_again(app: App, mail: Quarantined, args: argparse.Namespace) -> int:
    app.store.read_again(mail.key)
    if args.json:
        as_json(_told_quarantined(app.store.quarantined(mail.key)[0]))
    else:
        say(
            f"{mail.key} will be read again by the next `paperround once` or `inbound`, or by a "
            "running `serve`."
        )
    return 0
