"""How the sender's domain stands in DNS: asks what the judges want to know, all at once."""

from __future__ import annotations

import asyncio
from typing import TypeVar

from bot.domains import (
    Asking,
    Judgement,
    Lookup,
    OurKey,
    Standing,
    judge_dmarc,
    judge_key,
    judge_spf,
    relay_in_words,
)
from bot.errors import ResolverError
from bot.ports import Resolver
from bot.values import value_type

T = TypeVar("T")


@value_type(frozen=True, slots=True)
class Sender:
    """Who sends: the domain in From, the envelope's (for SPF), the relay, and our key if we sign."""

    domain: str
    envelope: str
    relay: str
    key: OurKey | None = None


async def standing(sender: Sender, resolver: Resolver) -> list[Judgement]:
    """Return one judgement each on SPF, DKIM and DMARC; what DNS does not tell is a doubt."""
    signing = sender.key.domain if sender.key else ""
    judgements = await asyncio.gather(
        _judged("SPF", judge_spf(sender.envelope, sender.relay), resolver),
        _judged("DKIM", judge_key(sender.key), resolver) if sender.key else _unsigned(sender),
        _judged("DMARC", judge_dmarc(sender.domain, sender.envelope, signing), resolver),
    )
    return list(judgements)


async def _judged(what: str, judge: Asking[Judgement], resolver: Resolver) -> Judgement:
    try:
        return await asked(judge, resolver)
    except ResolverError as error:
        return Judgement(what, Standing.DOUBT, str(error))


async def _unsigned(sender: Sender) -> Judgement:
    relay = relay_in_words(sender.relay)
    words = (
        f"paperround does not sign ([mail.dkim] domain is empty), so {relay} should, as "
        f"{sender.domain}. To find out: `paperround check --send` an address of yours, save the "
        "mail as it arrived, then `paperround check --received FILE`"
    )
    return Judgement("DKIM", Standing.DOUBT, words)


async def asked(judge: Asking[T], resolver: Resolver) -> T:
    """Drive a judge: put its questions to DNS until it returns. Raises ResolverError."""
    try:
        question = next(judge)
        while True:
            question = judge.send(await _answer(question, resolver))
    except StopIteration as ended:
        verdict: T = ended.value
        return verdict


async def _answer(question: Lookup, resolver: Resolver) -> tuple[str, ...]:
    ask = {"txt": resolver.txt, "addresses": resolver.addresses, "mx": resolver.mx}[question.kind]
    return await ask(question.name)
