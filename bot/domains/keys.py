"""The DKIM key that a domain publishes (RFC 6376 §3.6.1), beside the key we sign with."""

from __future__ import annotations

from bot.domains.records import Asking, Judgement, Lookup, Standing, squeezed, tags
from bot.values import value_type

_GOOD_BITS = 2048


@value_type(frozen=True, slots=True)
class OurKey:
    """The public side of the key we sign with.

    `values` are the forms of it that may stand in p=, base64: for RSA the SubjectPublicKeyInfo
    that everybody publishes, and the bare RSAPublicKey of the RFC's own text. `bits` is 0 for
    ed25519.
    """

    domain: str
    selector: str
    kind: str
    values: tuple[str, ...]
    bits: int = 0

    @property
    def name(self) -> str:
        """Where its record stands."""
        return f"{self.selector}._domainkey.{self.domain}"

    @property
    def short(self) -> bool:
        """Whether it is shorter than receivers recommend (RFC 8301 §3.2)."""
        return 0 < self.bits < _GOOD_BITS

    @property
    def record(self) -> str:
        """The TXT record to publish."""
        return f"v=DKIM1; k={self.kind}; p={self.values[0]}"


def judge_key(key: OurKey) -> Asking[Judgement]:
    """Judge the record of our selector against the key we sign with."""
    found = [text for text in (yield Lookup("txt", key.name)) if "p" in tags(text)]
    publish = f"Publish TXT {key.name} with the value: {key.record}"
    if not found:
        words = f"{key.name} has no key, so no signature of ours can be verified. {publish}"
        return Judgement("DKIM", Standing.BROKEN, words)
    if len(found) > 1:
        words = f"{key.name} has {len(found)} keys, and which one counts is chance: keep one"
        return Judgement("DKIM", Standing.BROKEN, words)
    said = tags(found[0])
    problem = record_problem(said)
    if not problem and said.get("k", "rsa").lower() != key.kind:
        problem = f"names a key of the kind {said['k'][:20]}, and ours is {key.kind}"
    if not problem and squeezed(said["p"]) not in key.values:
        problem = "does not belong to the key in [mail.dkim] key"
    if problem:
        words = f"{key.name} {problem}. {publish}"
        return Judgement("DKIM", Standing.BROKEN, words)
    if "y" in _list(said.get("t", "")):
        words = f"{key.name} matches, but says t=y (only testing): take that out"
        return Judgement("DKIM", Standing.DOUBT, words)
    return Judgement("DKIM", Standing.WELL, f"{key.name} matches our key")


def record_problem(said: dict[str, str]) -> str:
    """Return why a key record, given by its tags, verifies nothing; "" where it can."""
    if said.get("v", "DKIM1") != "DKIM1":
        return f"is of a version that nobody knows ({said['v'][:20]})"
    if not squeezed(said.get("p", "")):
        return "is revoked (p= is empty)"
    if "h" in said and "sha256" not in _list(said["h"]):
        return f"allows no sha256 (h={said['h'][:40]})"
    if not {"*", "email"} & set(_list(said.get("s", "*"))):
        return f"is not for mail (s={said['s'][:40]})"
    return ""


def _list(value: str) -> list[str]:
    return squeezed(value).lower().split(":")
