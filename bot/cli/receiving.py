"""check --received: what the signatures of a mail that arrived are worth."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from bot.cli.findings import Finding
from bot.cli.mailing import resolver
from bot.cli.opening import configuration
from bot.domains import Signature, SignedMail, fault_of, read_received
from bot.errors import ResolverError, UsageError
from bot.outputs.dkim import INSTALL
from bot.ports import Resolver
from bot.text import one_line, shorten
from bot.values import value_type

MOST_BYTES = 10_000_000
_LIST_HEADERS = ("List-Unsubscribe", "List-Unsubscribe-Post")


@value_type(frozen=True, slots=True)
class _Judged:
    """A signature, and why it does not hold ("" where it does; None where nobody could tell)."""

    signature: Signature
    fault: str | None
    doubt: str = ""


def findings_of(args: argparse.Namespace) -> list[Finding]:
    """Judge a saved mail. Raises UsageError where the file cannot be read, ConfigError."""
    config = configuration(args)
    mail = read_received(_content(args.received))
    if find_spec("cryptography") is None:
        raise UsageError(f"verifying signatures needs the package cryptography. {INSTALL}")
    if not mail.from_domain:
        words = "there is no From with an address in it: this is no mail as it arrived"
        return [Finding("mail", ok=False, words=words)]
    judged = asyncio.run(_judged(mail, None if args.offline else resolver()))
    findings = [Finding("mail", ok=True, words=_short(mail.header("From")))]
    findings += [_of_signature(mail, each) for each in judged]
    findings += _what_the_receiver_said(mail)
    if config.mail.transport == "maildir":
        words = "[mail] transport is a Maildir: a mail out of it tells nothing about a relay"
        findings.append(Finding("transport", ok=True, words=words, warning=True))
    findings.append(_verdict(mail, judged))
    return findings


def _content(name: str) -> bytes:
    """Return the bytes of the file, or of standard input for `-`; at most MOST_BYTES."""
    try:
        if name == "-":
            content = sys.stdin.buffer.read(MOST_BYTES + 1)
        else:
            with Path(name).open("rb") as file:
                content = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "its name has a NUL"
        raise UsageError(f"{name} cannot be read ({reason}).") from error
    if len(content) > MOST_BYTES:
        raise UsageError(f"{name} is larger than {MOST_BYTES // 1_000_000} MB: no mail of ours is.")
    if not content.strip():
        raise UsageError(f"{name} is empty. Save the mail with all its headers (“raw”, “.eml”).")
    return content


async def _judged(mail: SignedMail, resolver: Resolver | None) -> list[_Judged]:
    return list(await asyncio.gather(*(_judge(mail, each, resolver) for each in mail.signatures)))


async def _judge(mail: SignedMail, signature: Signature, resolver: Resolver | None) -> _Judged:
    if resolver is None:
        return _Judged(signature, None, "not verified (--offline)")
    try:
        records = await resolver.txt(signature.key_name)
    except ResolverError as error:
        return _Judged(signature, None, f"could not be verified: {error}")
    return _Judged(signature, fault_of(mail, signature, records))


# ── In words ──────────────────────────────────────────────────────────────────────────────────────


def _of_signature(mail: SignedMail, judged: _Judged) -> Finding:
    signature = judged.signature
    what = f"signature by {_short(signature.domain) or '?'}, {_short(signature.selector) or '?'}"
    valid = judged.doubt or judged.fault or "holds"
    whose = "aligned with" if mail.aligned(signature) else "not aligned with"
    lacking = [name for name in _LIST_HEADERS if not signature.covers(name)]
    covered = f"does not cover {' and '.join(lacking)}" if lacking else "covers both list headers"
    part = "; only a part of the body (l=): anything can be added" if "l" in signature.said else ""
    words = f"{valid}; {whose} From ({mail.from_domain}); {covered}{part}"
    return Finding(what, ok=True, words=words, warning=judged.fault != "" or bool(part))


def _what_the_receiver_said(mail: SignedMail) -> Iterator[Finding]:
    # Only the topmost is the receiver's own; others may have come with the mail (RFC 8601 §5).
    said = mail.header("Authentication-Results")
    if said:
        yield Finding("the receiver said", ok=True, words=_short(said, 400))


def _verdict(mail: SignedMail, judged: list[_Judged]) -> Finding:
    what = "list headers"
    there = [name for name in _LIST_HEADERS if mail.header(name)]
    if "List-Unsubscribe" not in there:
        words = "the mail has no List-Unsubscribe: it is none of ours, or the relay took it out"
        return Finding(what, ok=False, words=words)
    ours = [each for each in judged if mail.aligned(each.signature)]
    covering = [each for each in ours if all(each.signature.covers(name) for name in there)]
    if any(each.fault == "" for each in covering):
        if len(there) == len(_LIST_HEADERS):
            return Finding(what, ok=True, words="covered by a signature that holds and is aligned")
        words = (
            "List-Unsubscribe is covered. The mail has no List-Unsubscribe-Post, which a digest "
            "has once [bot] base_url is set: look again then"
        )
        return Finding(what, ok=True, words=words, warning=True)
    if any(each.fault is None for each in covering):
        words = "would be covered, if the signature holds: that was not verified"
        return Finding(what, ok=True, words=words, warning=True)
    words = f"{_why_not(mail, judged, ours, covering)} Large receivers show no unsubscribe button"
    return Finding(what, ok=False, words=words)


def _why_not(
    mail: SignedMail, judged: list[_Judged], ours: list[_Judged], covering: list[_Judged]
) -> str:
    remedy = "Let [mail.dkim] sign here, or have the relay changed."
    if not judged:
        return f"nobody signed this mail. {remedy}"
    if not ours:
        return f"no signature is by {mail.from_domain}, which From names. {remedy}"
    if not covering:
        return f"no signature by {mail.from_domain} covers them. {remedy}"
    return f"the signature by {mail.from_domain} that covers them does not hold."


def _short(value: str, limit: int = 120) -> str:
    return shorten(one_line(value), limit)
