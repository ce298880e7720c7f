"""DMARC: what a domain wants done with mail that is not aligned with it (RFC 7489)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bot.config.checks import aligned
from bot.domains.records import Asking, Judgement, Lookup, Standing, tags

_MOST_STEPS = 8  # as DMARC's own walk up the tree: nobody's names are deeper
_RECORD = re.compile(r"v\s*=\s*DMARC1\s*(?:;.*)?", re.DOTALL)
_POLICIES = ("none", "quarantine", "reject")


def judge_dmarc(sender: str, envelope: str, signing: str) -> Asking[Judgement]:
    """Judge the policy that holds for mail from the domain `sender`.

    `envelope` is the domain that SPF is asked for, `signing` the d= of our signature, "" where we
    don't sign.
    """
    where, found = yield from _policy(sender)
    if not found:
        words = (
            f"{sender} has no DMARC record, which the large receivers want. Publish TXT "
            f"_dmarc.{sender} with the value: v=DMARC1; p=none; rua=mailto:postmaster@{sender}"
        )
        return Judgement("DMARC", Standing.DOUBT, words)
    if len(found) > 1:
        words = f"{where} has {len(found)} DMARC records, so receivers ignore them all: keep one"
        return Judgement("DMARC", Standing.BROKEN, words)
    said = tags(found[0])
    own = where == f"_dmarc.{sender}"
    key = "p" if own or "sp" not in said else "sp"
    policy = said.get(key, "").lower()
    if policy not in _POLICIES:
        words = f'{where} has {key}="{policy[:40]}": write {key}=none, quarantine or reject'
        return Judgement("DMARC", Standing.BROKEN, words)
    return _judged(sender, envelope, signing, said, f"{where} says {key}={policy}")


def _policy(sender: str) -> Asking[tuple[str, list[str]]]:
    """Walk up from the domain to the first name with a record; return the name and its records."""
    labels = sender.split(".")
    steps = [0, *range(max(1, len(labels) - _MOST_STEPS), len(labels) - 1)]
    where, found = "", list[str]()
    for step in steps:
        where = "_dmarc." + ".".join(labels[step:])
        answer = yield Lookup("txt", where)
        found = [text for text in answer if _RECORD.fullmatch(text.strip())]
        if found:
            break
    return where, found


def _judged(
    sender: str, envelope: str, signing: str, said: dict[str, str], policy: str
) -> Judgement:
    ways: Sequence[tuple[str, str, str]] = (
        ("SPF", envelope, said.get("aspf", "r")),
        ("our signature", signing, said.get("adkim", "r")),
    )
    good = [way for way, domain, mode in ways if domain and _aligned(domain, sender, mode)]
    enforced = not policy.endswith("=none")
    if good:
        follows = "" if enforced else ": receivers only watch, which is a good beginning"
        words = f"{policy}{follows}; {' and '.join(good)} can pass for {sender}"
        return Judgement("DMARC", Standing.WELL, words)
    others = [f"{way} is for {domain}" for way, domain, _ in ways if domain]
    relays = "" if signing else f", so everything hangs on a signature by the relay as {sender}"
    standing = Standing.BROKEN if enforced and signing else Standing.DOUBT
    words = f"{policy}; {' and '.join(others)}, which is not aligned with {sender}{relays}"
    return Judgement("DMARC", standing, words)


def _aligned(domain: str, sender: str, mode: str) -> bool:
    strict = mode.strip().lower() == "s"
    return domain.lower() == sender.lower() if strict else aligned(domain, sender)
