"""once, collect, compose, publish, deliver."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bot.cli.opening import opened, profile_named
from bot.cli.terminal import as_json, progress, say, table
from bot.cli.typed import as_typed, pages_address
from bot.errors import ConfigError, MailError, StateError, StateLockedError, TemplateError
from bot.models import Event
from bot.outputs.wording import counted, listed

if TYPE_CHECKING:  # what is not due is not loaded either
    from bot.app import App
    from bot.workflows.collect import Collected
    from bot.workflows.compose import Composed
    from bot.workflows.desk import DeliverReport
    from bot.workflows.enrich import Enriched
    from bot.workflows.publish import Published
    from bot.workflows.receive import Received
    from bot.workflows.watch import Watched

log = logging.getLogger("paperround")

_BY_SIGNAL = 128


@dataclass(slots=True)
class Run:
    """What one command did, each part None where it was not asked for."""

    collected: list[Collected] | None = None
    composed: list[Composed] | None = None
    published: Published | None = None
    delivered: DeliverReport | None = None
    received: list[Received] | None = None
    enriched: list[Enriched] | None = None
    watched: Watched | None = None
    problems: list[str] = field(default_factory=list)
    stopped_by: int = 0

    def exit_code(self, *, strict: bool = False) -> int:
        """1 where mail or state failed or a source has newly become an alarm, else 0.

        After a signal, what a shell calls that: 130 for Ctrl-C, 143 for SIGTERM.
        """
        if self.stopped_by:
            return _BY_SIGNAL + self.stopped_by
        polled = self.collected or []
        if any(c.alarm or (strict and c.failed) for c in polled):
            return 1
        return 1 if self.problems or (self.delivered and self.delivered.problems) else 0


def once(args: argparse.Namespace) -> int:
    """Do whatever is due, in order; a part that fails does not keep the others from their work."""
    with opened(args, quickly=True) as app:
        run = asyncio.run(_once(app))
        code = _tell(run, args)
        if not args.json:
            _say_where(app, run)
        return code


async def _once(app: App) -> Run:
    """Do each part, whatever became of those before it; what could not be done is told at the end."""
    run = Run()
    # A part that another process is busy with must not keep the others from their work, nor must a
    # page that cannot be written keep the mail back.
    for part in (_receive, _collect, _compose, _publish, _deliver, _enrich, _prune, _watch):
        try:
            await part(app, run)
        except (ConfigError, MailError, StateError, TemplateError) as error:
            if part is _collect and not isinstance(error, StateLockedError):
                raise  # the state folder itself: the others would fare no better
            if str(error) not in run.problems:
                run.problems.append(str(error))
    if run.exit_code() == 0 and (problem := await app.heartbeat()):
        log.warning("the heartbeat did not get through: %s", problem)
    return run


async def _receive(app: App, run: Run) -> None:
    """Read what came in: who unsubscribed by mail is sent nothing more in this very run."""
    try:
        await app.look_into_mailbox()
    finally:  # what other doors took in waits for no mailbox
        run.received = await app.receive()


async def _collect(app: App, run: Run) -> None:
    with progress("collect", len(app.config.sources)) as advance:
        run.collected = await app.collect(lambda _: advance())
    await app.heed_dates()


async def _compose(app: App, run: Run) -> None:
    if await app.doubted():
        return  # told with the hold of all sending
    run.composed = await app.compose()
    run.problems += await app.ahead_of_the_clock()


async def _publish(app: App, run: Run) -> None:
    run.published = await app.publish()


async def _enrich(app: App, run: Run) -> None:
    # After the mail: nothing waits for a service, and what it knows is in the next digest.
    if app.config.bot.enrich and not run.stopped_by:
        run.enriched = await app.enrich()


async def _prune(app: App, _run: Run) -> None:
    await app.index()
    await app.prune()


async def _watch(app: App, run: Run) -> None:
    """Tell the owner by mail what newly stands wrong, once all else was done or tried."""
    if run.stopped_by:
        return
    run.watched = await app.watch()
    if run.watched.problem:
        run.problems.append(run.watched.problem)


def collect(args: argparse.Namespace) -> int:
    """Poll the sources that are due."""
    with opened(args, quickly=True) as app:
        run = Run()
        asyncio.run(_collect(app, run))
        return _tell(run, args)


def compose(args: argparse.Namespace) -> int:
    """Make the editions that are due."""
    with opened(args, quickly=True) as app:
        for name in args.force:
            profile_named(app.config, name)
        return _tell(Run(composed=asyncio.run(app.compose(args.force))), args)


def publish(args: argparse.Namespace) -> int:
    """Write the feeds and pages that changed."""
    with opened(args, quickly=True) as app:
        return _tell(Run(published=asyncio.run(app.publish(afresh=True))), args)


def deliver(args: argparse.Namespace) -> int:
    """Send what is due."""
    with opened(args, quickly=True) as app:
        run = Run()
        asyncio.run(_deliver(app, run))
        return _tell(run, args)


async def _deliver(app: App, run: Run) -> None:
    """Send what is due; a first Ctrl-C or SIGTERM ends what is under way, a second one ends us."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    signals = (signal.SIGINT, signal.SIGTERM)

    def leave_off(number: int) -> None:
        run.stopped_by = number
        stop.set()
        for each in signals:
            loop.remove_signal_handler(each)

    for each in signals:
        loop.add_signal_handler(each, leave_off, each)
    try:
        run.delivered = await app.deliver(stop=stop)
    finally:
        for each in signals:
            loop.remove_signal_handler(each)


# ── Telling ───────────────────────────────────────────────────────────────────────────────────────


def _tell(run: Run, args: argparse.Namespace) -> int:
    if args.json:
        as_json(document(run))
    else:
        show(run)
    return run.exit_code(strict=getattr(args, "strict", False))


def show(run: Run) -> None:
    """Print what a run did."""
    for received in run.received or []:
        say(f"inbound  {received.outcome.value}: {received.said}")
    if run.collected is not None:
        show_collected(run.collected)
    if run.composed is not None:
        show_composed(run.composed)
    if run.published is not None:
        changed = len(run.published.changed)
        say(f"publish  {changed} of {len(run.published.paths)} files changed")
    if run.delivered is not None:
        _show_delivered(run.delivered)
    _show_enriched(run.enriched or ())
    if run.watched:
        _show_watched(run.watched)
    for problem in run.problems:
        say(f"problem  {problem}")
    if run.stopped_by:
        say("stopped. What was committed is kept; what was not sent goes with the next run.")


def _say_where(app: App, run: Run) -> None:
    """Say where that which a round made can be read, or what to do where it got nothing to read."""
    if run.collected and all(each.failed for each in run.collected):
        say(
            "No source answered, so there is nothing to read. Is the network up? They are asked again"
        )
        say(f"by themselves; `{as_typed()} check` asks each at once.")
    if run.composed:
        say(f"read     {pages_address(app.config)}")
    if run.delivered and run.delivered.sent and app.config.mail.transport == "maildir":
        say(f"         and the mail in {app.config.state / 'mail'} (`mutt -f` reads such a folder)")


def _show_watched(watched: Watched) -> None:
    for words, names in (("the owner was told of", watched.told), ("over:", watched.over)):
        if names:
            say(f"alarm    {words} {listed(names)}")


def show_collected(collected: Sequence[Collected]) -> None:
    """Print a table of what the sources brought."""
    rows = [
        (c.source, c.outcome.value, c.entries or "", c.new or "", c.updated or "",
         ("ALARM: " if c.alarm else "") + c.detail)
        for c in collected
    ]  # fmt: skip
    table("", ("source", "outcome", "entries", "new", "updated", ""), rows, numbers=(2, 3, 4))


def show_composed(composed: Sequence[Composed]) -> None:
    """Print what editions were made."""
    if not composed:
        say("compose  no edition is due")
    if composed:
        from bot.outputs.news import news_count
    for each in composed:
        news = news_count(each.news, each.told(Event.WITHDRAWN), "earlier paper")
        say(
            f"compose  {each.profile}: edition {each.edition.number} of {each.edition.period}, "
            f"{each.new} of {counted(each.edition.considered, 'paper')}{', ' if news else ''}{news}"
        )
        for missing in each.missing:
            say(f"         {missing} is not stored yet, so it cannot serve as an example")


def _show_delivered(report: DeliverReport) -> None:
    ended = ", ".join(f"{count} {status}" for status, count in sorted(report.ended.items()))
    say(f"deliver  {ended or 'nothing to send'}")
    for problem in (*([report.held] if report.held else ()), *report.problems):
        say(f"         {problem}")
    if report.untold:
        say(f"         … and {report.untold:,} more: `paperround deliveries list` has them all")


def _show_enriched(enriched: Sequence[Enriched]) -> None:
    for each in enriched:
        if each.asked or each.problem:
            say(f"enrich   {in_words(each)}")


def in_words(each: Enriched) -> str:
    """Return what a service brought, in a line."""
    said = f"{each.service}: asked about {each.asked} papers, knew {each.known}, filled in {each.gained}"
    return f"{said}; {each.problem}" if each.problem else said


def document(run: Run) -> dict[str, object]:
    """Return a run as one JSON document."""
    told: dict[str, object] = {}
    if run.collected is not None:
        told["collected"] = [
            {"source": c.source, "outcome": c.outcome.value, "entries": c.entries, "new": c.new,
             "updated": c.updated, "detail": c.detail, "alarm": c.alarm}
            for c in run.collected
        ]  # fmt: skip
    if run.composed is not None:
        told["composed"] = [
            {"profile": c.profile, "edition": c.edition.number, "period": c.edition.period,
             "picks": c.new, "news": c.news, "replaced": c.told(Event.REPLACE),
             "withdrawn": c.told(Event.WITHDRAWN), "published": c.told(Event.PUBLISHED),
             "code": c.told(Event.CODE),
             "considered": c.edition.considered, "missing": list(c.missing)}
            for c in run.composed
        ]  # fmt: skip
    if run.published is not None:
        told["published"] = {
            "files": len(run.published.paths), "changed": list(run.published.changed),
        }  # fmt: skip
    if run.received:
        told["received"] = [
            {"outcome": each.outcome.value, "said": each.said} for each in run.received
        ]
    if run.delivered is not None:
        told["delivered"] = {
            "opened": run.delivered.opened, "skipped": run.delivered.skipped,
            "ended": run.delivered.ended, "problems": run.delivered.problems,
            "held": run.delivered.held,
            "problems_untold": run.delivered.untold,
        }  # fmt: skip
    if run.enriched is not None:
        told["enriched"] = [
            {"service": e.service, "asked": e.asked, "known": e.known, "filled": e.gained,
             "problem": e.problem}
            for e in run.enriched
        ]  # fmt: skip
    if run.watched is not None:
        told["alarms"] = {"told": list(run.watched.told), "over": list(run.watched.over)}
    told["problems"] = run.problems
    return told
