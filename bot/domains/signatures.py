"""The DKIM signatures of a mail that arrived: whose, whether they hold, what they cover."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Mapping, Sequence
from email.utils import parseaddr

from bot.config.checks import aligned
from bot.domains.canonical import (
    divided,
    name_of,
    relaxed_body,
    relaxed_header,
    selected,
    simple_body,
)
from bot.domains.keys import record_problem
from bot.domains.records import squeezed, tags
from bot.values import value_type

MOST_SIGNATURES = 10
_LONGEST_FROM = 2_000
_FIELD = b"dkim-signature"
_LEAST_BITS = 1024  # RFC 8301 §3.2
_FORMS = ("simple", "relaxed")


@value_type(frozen=True, slots=True)
class Signature:
    """One DKIM-Signature as it stands in the mail: its tags, and its header line, raw."""

    line: bytes
    said: Mapping[str, str]

    @property
    def domain(self) -> str:
        """Who signed (d=)."""
        return squeezed(self.said.get("d", "")).lower()

    @property
    def selector(self) -> str:
        """Which of the domain's keys (s=)."""
        return squeezed(self.said.get("s", ""))

    @property
    def key_name(self) -> str:
        """Where the key's record stands."""
        return f"{self.selector}._domainkey.{self.domain}"

    @property
    def covered(self) -> tuple[str, ...]:
        """The names of the headers it signs (h=), in lower case, in its order."""
        return tuple(squeezed(self.said.get("h", "")).lower().split(":"))

    def covers(self, name: str) -> bool:
        """Whether it signs the header of that name."""
        return name.lower() in self.covered


@value_type(frozen=True, slots=True)
class SignedMail:
    """A mail that arrived: header lines with CRLF, body, and the signatures, topmost first."""

    lines: tuple[bytes, ...]
    body: bytes
    signatures: tuple[Signature, ...]

    def header(self, name: str) -> str:
        """Return the topmost header of that name, unfolded; "" where there is none."""
        wanted = name.lower().encode("ascii")
        line = next((line for line in self.lines if name_of(line) == wanted), b"")
        return relaxed_header(line).partition(b":")[2].decode("utf-8", "replace")

    @property
    def from_domain(self) -> str:
        """The domain in From, in lower case; "" where there is none."""
        try:
            address = parseaddr(self.header("From")[:_LONGEST_FROM])[1]
        except RecursionError:  # a thousand parentheses: the library's own limit
            return ""
        return address.rpartition("@")[2].lower()

    def aligned(self, signature: Signature) -> bool:
        """Whether a signature is of the organisation that From names."""
        return bool(self.from_domain) and aligned(signature.domain, self.from_domain)


def read_received(content: bytes) -> SignedMail:
    """Return a mail as it was saved, whatever the bytes are; mbox's `From ` line is left out."""
    if content.startswith(b"From "):
        content = content.partition(b"\n")[2]
    lines, body = divided(content)
    found = [line for line in lines if name_of(line) == _FIELD][:MOST_SIGNATURES]
    signatures = (Signature(line, tags(_text(line))) for line in found)
    return SignedMail(tuple(lines), body, tuple(signatures))


def _text(line: bytes) -> str:
    return relaxed_header(line).partition(b":")[2].decode("ascii", "replace")


# ── Verifying ─────────────────────────────────────────────────────────────────────────────────────


def fault_of(mail: SignedMail, signature: Signature, records: Sequence[str]) -> str:
    """Return why a signature does not hold, "" where it does (RFC 6376 §6).

    `records` are the TXT records at its `key_name`. An x= that is over is no fault: the mail was
    judged when it arrived. Needs the package `cryptography`.
    """
    said = signature.said
    missing = [tag for tag in ("d", "s", "h", "bh", "b") if not squeezed(said.get(tag, ""))]
    if missing or said.get("v") != "1":
        return f"is no signature of DKIM ({', '.join(missing) or 'v='} is missing or wrong)"
    kind, _, digest = said.get("a", "").lower().partition("-")
    if kind not in ("rsa", "ed25519") or digest != "sha256":
        return (
            f"uses {said.get('a', 'no algorithm')[:30]}, which receivers count as none (RFC 8301)"
        )
    if not signature.covers("From"):
        return "does not cover From"
    forms = _forms(said.get("c", "simple/simple"))
    if forms is None:
        return f"has a form that nobody knows (c={said['c'][:30]})"
    body = relaxed_body(mail.body) if forms[1] == "relaxed" else simple_body(mail.body)
    if not _body_holds(body, said):
        return "does not fit the body: it was changed on its way (a footer, a scanner)"
    verify, problem = _verifier(records, kind)
    if verify is None:
        return f"cannot be verified: its key at {signature.key_name[:100]} {problem}"
    if not verify(_decoded(said["b"]), _header_content(mail, signature, forms[0])):
        return "does not fit the headers: one that it covers was changed on its way"
    return ""


def _forms(value: str) -> tuple[str, str] | None:
    head, _, body = squeezed(value).lower().partition("/")
    return (head, body or "simple") if {head, body or "simple"} <= set(_FORMS) else None


def _body_holds(body: bytes, said: Mapping[str, str]) -> bool:
    length = said.get("l", "")
    if length.isdecimal() and len(length) < 20:  # noqa: PLR2004 - a length, not an attack
        if int(length) > len(body):
            return False
        body = body[: int(length)]
    return hashlib.sha256(body).digest() == _decoded(said["bh"])


def _header_content(mail: SignedMail, signature: Signature, form: str) -> bytes:
    """Return what was signed: the covered lines, then the signature's own without its b=."""
    names = [name.encode("ascii", "replace") for name in signature.covered]
    # The signature's own line is not among what it signs, however h= reads (RFC 6376 §3.7).
    others = [line for line in mail.lines if line is not signature.line]
    hashed = [*selected(others, names), _without_value(signature.line)]
    if form == "relaxed":
        return b"\r\n".join(relaxed_header(line) for line in hashed)
    return b"".join(hashed).removesuffix(b"\r\n")


def _without_value(line: bytes) -> bytes:
    """Return the signature's line with nothing in b= (RFC 6376 §3.7), its folds as they are."""
    name, colon, value = line.partition(b":")
    parts = value.removesuffix(b"\r\n").split(b";")
    for place, part in enumerate(parts):
        tag, equals, _ = part.partition(b"=")
        if equals and tag.strip() == b"b":
            parts[place] = tag + equals
            break
    return name + colon + b";".join(parts) + b"\r\n"


_Verify = Callable[[bytes, bytes], bool]


def _verifier(records: Sequence[str], kind: str) -> tuple[_Verify | None, str]:
    """Return what verifies (signature, content), or None and what is wrong with the key."""
    found = [said for said in map(tags, records) if "p" in said]
    if len(found) != 1:
        return None, "is not there" if not found else f"stands there {len(found)} times"
    if problem := record_problem(found[0]):
        return None, problem
    if found[0].get("k", "rsa").lower() != kind:
        return None, f"is of another kind (k={found[0]['k'][:20]})"
    key = _decoded(found[0]["p"])
    verify = _ed25519(key) if kind == "ed25519" else _rsa(key)
    return verify, "" if verify else "cannot be read, or is too short"


def _rsa(key: bytes) -> _Verify | None:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    try:
        public = load_der_public_key(key)
    except (ValueError, UnsupportedAlgorithm):
        return None
    if not isinstance(public, RSAPublicKey) or public.key_size < _LEAST_BITS:
        return None

    def verify(signature: bytes, content: bytes) -> bool:
        try:
            public.verify(signature, content, PKCS1v15(), SHA256())
        except InvalidSignature:
            return False
        return True

    return verify


def _ed25519(key: bytes) -> _Verify | None:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        public = Ed25519PublicKey.from_public_bytes(key)
    except ValueError:
        return None

    def verify(signature: bytes, content: bytes) -> bool:
        try:
            public.verify(signature, hashlib.sha256(content).digest())
        except InvalidSignature:
            return False
        return True

    return verify


def _decoded(value: str) -> bytes:
    """Return what base64 stands for; nothing where it is none, which fits nothing."""
    try:
        return base64.b64decode(squeezed(value), validate=True)
    except (binascii.Error, ValueError):
        return b""
