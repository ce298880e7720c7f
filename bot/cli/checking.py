"""check: one line each, ok or why not."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

from bot import ranking, sources
from bot.app import App
from bot.cli.findings import Finding, show_findings
from bot.cli.keeping import gone_in_words, gone_profiles
from bot.cli.mailing import mail_findings, send_test_mail
from bot.cli.modes import mode_findings
from bot.cli.opening import opened
from bot.cli.profiling import (
    unknown_examples,
    unknown_in_words,
    unreachable_in_words,
    unreadable_in_words,
)
from bot.cli.semantics import semantic_finding
from bot.cli.terminal import say
from bot.cli.typed import as_typed
from bot.config import BotSettings, SourceSettings, not_yet
from bot.errors import ConfigError, PaperroundError, ParseError
from bot.models import Document, Failure, NotModified, Parsed, SourceState
from bot.outputs.wording import counted
from bot.ports import Fetcher
from bot.sources import logins
from bot.sources.spans import Span


def check(args: argparse.Namespace) -> int:
    """Check everything a digest needs, or a mail that arrived; exit 1 where something is wrong."""
    if args.received is not None:
        from bot.cli.receiving import findings_of

        return show_findings(findings_of(args), as_document=args.json)
    with opened(args) as app:
        findings = asyncio.run(_all(app, offline=args.offline, send=args.send))
        code = show_findings(findings, as_document=args.json)
        if not args.json:
            say(_next(app, findings))
    return code


def _next(app: App, findings: Sequence[Finding]) -> str:
    """Return the sentence at the end: what to do now."""
    wrong = sum(not finding.ok for finding in findings)
    if wrong:
        return f"{wrong} of these FAIL: mend what is told there, then check again."
    enabled = [source for source in app.config.sources if source.enabled]
    missing = [
        key
        for key, there in (("[[sources]]", enabled), ("[profiles.NAME]", app.config.profiles))
        if not there
    ]
    if missing:
        tables = " and a ".join(missing)
        return f"Nothing is wrong, and nothing can be read yet: write a {tables} first."
    names = (name for p in app.config.profiles.values() for name in (p.name, *p.was))
    if any(app.store.last_edition(name) for name in names):
        return "All is well."
    return f"All is well. Next: `{as_typed()} once` makes the first edition."


async def _all(app: App, *, offline: bool, send: str | None) -> list[Finding]:
    findings = [*_configuration(app), _templates(app)]
    findings += [f async for f in _sources(app, offline=offline)]
    findings += _services(app)
    findings.append(await semantic_finding(app, offline=offline))
    findings += await mail_findings(app, offline=offline)
    if send:
        findings += await send_test_mail(app, send)
    return findings


def _profiles(app: App) -> Iterator[Finding]:
    """Yield the profiles that don't say what is wanted, or name papers that say nothing."""
    for name, profile in app.config.profiles.items():
        if unreadable := ranking.unreadable_examples(profile):
            words = unreadable_in_words(unreadable)
            yield Finding(f"profile {name}", ok=True, words=words, warning=True)
        if unknown := unknown_examples(app, profile):
            words = f"{unknown_in_words(unknown)}; they say nothing yet of what is liked"
            yield Finding(f"profile {name}", ok=True, words=words, warning=True)
        if ranking.reaches_nothing(profile):
            words = unreachable_in_words(profile)
            yield Finding(f"profile {name}", ok=True, words=words, warning=True)


def _configuration(app: App) -> Iterator[Finding]:
    config = app.config
    counts = f"{counted(len(config.sources), 'source')}, {counted(len(config.profiles), 'profile')}"
    yield Finding("configuration", ok=True, words=f"{config.path} ({counts})")
    yield Finding("state", ok=True, words=f"{config.state} can be written")
    yield from mode_findings(config)
    for sentence in not_yet(config):
        yield Finding("configuration", ok=True, words=sentence, warning=True)
    for sentence in config.warnings:
        yield Finding("configuration", ok=False, words=sentence)
    for sentence in config.notes:
        yield Finding("library", ok=True, words=sentence, warning=True)
    for name, addresses in gone_profiles(app).items():
        words = gone_in_words(app, name, addresses)
        yield Finding(f"profile {name}", ok=True, words=words, warning=bool(addresses))
    yield from _profiles(app)
    if not config.profiles:
        yield Finding(
            "profiles", ok=True, words="there is none yet: nothing is mailed", warning=True
        )
    base = config.bot.base_url
    local = any(host in base for host in ("//127.0.0.1", "//localhost", "//[::1]"))
    if base.startswith("http://") and not local:
        words = "plain http: receivers accept one-click unsubscribing over https only (RFC 8058)"
        yield Finding("base_url", ok=True, words=words, warning=True)
    if not config.bot.contact:
        words = "no [bot] contact: sources cannot reach you, and replies have no address"
        yield Finding("contact", ok=True, words=words, warning=True)


def _templates(app: App) -> Finding:
    try:
        broken = app.broken_templates()
    except PaperroundError as error:
        return Finding("templates", ok=False, words=str(error))
    folder = app.config.templates
    if not folder.is_dir() and app.config.bot.templates != BotSettings().templates:
        words = f"ours: there is no folder {folder}, which [bot] templates names"
        return Finding("templates", ok=not broken, words=words, warning=True)
    # In the checkout itself, what lies in the usual place is ours.
    theirs = folder.is_dir() and folder.parent != Path(__file__).parents[2]
    own = "yours, and ours for the rest" if theirs else "ours"
    return Finding("templates", ok=not broken, words=" ".join(broken) or own)


def _services(app: App) -> Iterator[Finding]:
    """Say of each service that enriches whether it can be asked, and what it knew."""
    from bot.store.enrichment import Enricher

    store = Enricher(app.store)
    for service in dict.fromkeys(app.config.bot.enrich):
        name = f"enrich {service}"
        try:
            app.config.secret(app.config.enrich.token(service))
        except ConfigError as error:
            yield Finding(name, ok=False, words=str(error))
            continue
        asked, known = store.counts(service)
        rest = store.rest_of(service)
        words = f"knew {known} of the {asked} papers it was asked about"
        if rest.until and rest.until > app.clock():
            words = f"left alone until {rest.until:%d %b %H:%M} UTC: {rest.problem}"
        yield Finding(name, ok=True, words=words, warning=rest.failures > 0)


async def _sources(app: App, *, offline: bool) -> AsyncIterator[Finding]:
    async with app.fetcher() as fetcher:
        for source in app.config.sources:
            if not source.enabled:
                yield Finding(f"source {source.name}", ok=True, words="off")
            elif offline:
                yield Finding(f"source {source.name}", ok=True, words="not asked (--offline)")
            else:
                yield await _source(app, source, fetcher)


async def _source(app: App, source: SourceSettings, fetcher: Fetcher) -> Finding:
    try:
        token = app.config.secret(source.token)
    except ConfigError as error:
        return Finding(f"source {source.name}", ok=False, words=str(error))
    state, contact = SourceState(source.name), app.config.bot.contact
    request = sources.request(source, state, app.clock(), token=token, contact=contact)
    return _of_answer(app, source, await fetcher.fetch(request))


def _of_answer(app: App, source: SourceSettings, answer: object) -> Finding:
    name = f"source {source.name}"
    if isinstance(answer, Failure):
        return Finding(name, ok=False, words=sources.explained(source, answer).problem)
    if isinstance(answer, NotModified):
        return Finding(name, ok=True, words="unchanged")
    try:
        parsed, named = _understood(app, source, answer)  # type: ignore[arg-type]  # a Document
    except ParseError as error:
        page = source.kind == "feed" and "(HTML)" in str(error)
        told = logins.hidden(source.url)
        hint = f": `paperround sources discover {told}` tells which feeds it names"
        return Finding(name, ok=False, words=f"{error}{hint if page else ''}")
    words = f"{len(parsed.sightings) or named} entries" + (
        f" ({parsed.quiet})" if parsed.quiet else ""
    )
    return Finding(name, ok=True, words=words)


def _understood(app: App, source: SourceSettings, document: Document) -> tuple[Parsed, int]:
    """Return what a document says, and how many entries it only names (PubMed's first answer)."""
    now = app.clock()
    if not sources.only_pages(source.kind):
        return sources.parse(source, document, now), 0
    parsed, left = sources.read_page(source, Span(now, now), document, now)
    return parsed, len(left.listed) if left else 0
