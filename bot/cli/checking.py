"""check: one line each, ok or why not."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parseaddr

from bot import sources
from bot.app import App
from bot.cli.keeping import gone_in_words, gone_profiles
from bot.cli.opening import opened
from bot.cli.terminal import as_json, say
from bot.config import Profile, SourceSettings, normal_address, not_yet
from bot.errors import ConfigError, PaperroundError, ParseError, UsageError
from bot.models import (
    Edition,
    Envelope,
    Failure,
    Identifier,
    NotModified,
    Paper,
    Pick,
    Scheme,
    SourceState,
    Verdict,
)
from bot.outputs.cards import Section
from bot.outputs.email import DigestMaterial, digest_message
from bot.ports import Fetcher


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: what, whether it is well, and words."""

    what: str
    ok: bool
    words: str
    warning: bool = False


def check(args: argparse.Namespace) -> int:
    """Check everything a digest needs; exit 1 where something is wrong."""
    with opened(args) as app:
        findings = asyncio.run(_all(app, offline=args.offline, send=args.send))
    if args.json:
        as_json(
            [{"what": f.what, "ok": f.ok, "warning": f.warning, "words": f.words} for f in findings]
        )
    else:
        for finding in findings:
            mark = (
                "ok  " if finding.ok and not finding.warning else "warn" if finding.ok else "FAIL"
            )
            say(f"{mark} {finding.what}: {finding.words}")
    return 0 if all(finding.ok for finding in findings) else 1


async def _all(app: App, *, offline: bool, send: str | None) -> list[Finding]:
    findings = [*_configuration(app), _templates(app)]
    findings += [f async for f in _sources(app, offline=offline)]
    findings.append(await _mail(app, offline=offline))
    if send:
        findings.append(await _test_mail(app, send))
    return findings


def _configuration(app: App) -> Iterator[Finding]:
    config = app.config
    counts = f"{len(config.sources)} sources, {len(config.profiles)} profiles"
    yield Finding("configuration", ok=True, words=f"{config.path} ({counts})")
    yield Finding("state", ok=True, words=f"{config.state} can be written")
    for sentence in not_yet(config):
        yield Finding("configuration", ok=True, words=sentence, warning=True)
    for sentence in config.warnings:
        yield Finding("configuration", ok=False, words=sentence)
    for sentence in config.notes:
        yield Finding("library", ok=True, words=sentence, warning=True)
    for name, addresses in gone_profiles(app).items():
        words = gone_in_words(app, name, addresses)
        yield Finding(f"profile {name}", ok=True, words=words, warning=bool(addresses))
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
    moment = datetime(2026, 1, 2, tzinfo=UTC)
    paper = Paper(
        title="A sample paper",
        identifiers=frozenset({Identifier(Scheme.ARXIV, "2601.00001")}),
        abstract="It checks that your templates can be filled.",
        id=1,
        key=Identifier(Scheme.ARXIV, "2601.00001"),
    )
    pick = Pick(1, 1)
    edition = Edition("sample", 1, moment.date(), 1, moment, (pick,), considered=1)
    section = Section(Profile(title="Sample").named("sample"), ((pick, paper),), (edition,))
    material = DigestMaterial("you@example.org", "<sample@paperround.invalid>", moment, (section,))
    before = len(app.warnings)
    try:
        digest_message(
            material=material, bot=app.config.bot, sender=app.config.mail.sender, unsubscribe="",
            render=app.renderer(),
        )  # fmt: skip
    except PaperroundError as error:
        return Finding("templates", ok=False, words=str(error))
    broken = app.warnings[before:]
    del app.warnings[before:]
    own = "yours, and ours for the rest" if app.config.templates.is_dir() else "ours"
    return Finding("templates", ok=not broken, words=" ".join(broken) or own)


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
    request = sources.request(source, SourceState(source.name), app.clock(), token)
    return _of_answer(app, source, await fetcher.fetch(request))


def _of_answer(app: App, source: SourceSettings, answer: object) -> Finding:
    name = f"source {source.name}"
    if isinstance(answer, Failure):
        return Finding(name, ok=False, words=answer.problem)
    if isinstance(answer, NotModified):
        return Finding(name, ok=True, words="unchanged")
    try:
        parsed = sources.parse(source, answer, app.clock())  # type: ignore[arg-type]  # a Document
    except ParseError as error:
        return Finding(name, ok=False, words=str(error))
    words = f"{len(parsed.sightings)} entries" + (f" ({parsed.quiet})" if parsed.quiet else "")
    return Finding(name, ok=True, words=words)


async def _mail(app: App, *, offline: bool) -> Finding:
    mail = app.config.mail
    if mail.transport == "maildir":
        return Finding("mail", ok=True, words=f"into the Maildir {app.config.state / 'mail'}")
    where = f"{mail.host}:{mail.port}"
    if offline:
        return Finding("mail", ok=True, words=f"{where} not asked (--offline)")
    try:
        async with app.mailer().session():
            pass
    except PaperroundError as error:
        return Finding("mail", ok=False, words=str(error))
    login = f", logged in as {mail.username}" if mail.username else ", without a login"
    return Finding("mail", ok=True, words=f"{where}{login}")


async def _test_mail(app: App, address: str) -> Finding:
    try:
        recipient = normal_address(address)
    except ValueError as error:
        raise UsageError(str(error)) from error
    sender = parseaddr(app.config.mail.sender)[1]
    message_id = f"<check.{app.clock().timestamp():.0f}@{sender.rpartition('@')[2]}>"
    lines = (
        f"From: {sender}", f"To: {recipient}", "Subject: A test from paperround",
        f"Date: {app.clock():%a, %d %b %Y %H:%M:%S +0000}", f"Message-ID: {message_id}",
        "MIME-Version: 1.0", "Content-Type: text/plain; charset=us-ascii",
        "Auto-Submitted: auto-generated", "", "If you can read this, mail works.", "",
    )  # fmt: skip
    envelope = Envelope(0, sender, recipient, message_id, "\r\n".join(lines).encode("ascii"))
    try:
        async with app.mailer().session() as session:
            attempt = await session.send(envelope)
    except PaperroundError as error:
        return Finding("test mail", ok=False, words=str(error))
    sent = attempt.verdict is Verdict.SENT
    return Finding("test mail", ok=sent, words=f"to {recipient}: {attempt.said}")
