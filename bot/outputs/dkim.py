"""Our own DKIM signatures: relaxed/relaxed, From oversigned, no l= (RFC 6376, RFC 8463)."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from bot.domains import OurKey
from bot.domains.canonical import by_name, divided, relaxed_body, relaxed_header
from bot.errors import ConfigError, Mistake

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    from bot.config import Config

# dkimpy's own list leaves out List-Unsubscribe-Post, without which one-click does not count
# (RFC 8058 §4).
COVERED = (
    "From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type", "List-Id",
    "List-Unsubscribe", "List-Unsubscribe-Post", "List-Help", "Auto-Submitted", "Precedence",
    "Feedback-ID",
)  # fmt: skip
_COVERED = {name.lower().encode("ascii"): name for name in COVERED}

_COLUMNS = 78  # RFC 5322 §2.1.1
_LEAST_BITS = 1024  # RFC 8301 §3.2: receivers count nothing shorter
_MAKE_A_KEY = (
    "`openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out dkim.pem` makes one."
)
INSTALL = "`pip install 'paperround[dkim]'` installs it."


class Signer:
    """Signs messages for a domain with the private key `pem` (RSA or ed25519, not encrypted).

    It can be pickled, so that another process signs too: the key goes with it. Raises ConfigError
    where the key is no key, too short, encrypted or of another kind, or where the package
    `cryptography` (the extra `dkim`) is missing.
    """

    def __init__(self, domain: str, selector: str, pem: bytes) -> None:
        self._made_of = (domain, selector, pem)
        self._private = _private_key(pem)
        self.key = _public_side(self._private, domain, selector)
        self._opening = (
            "v=1;", f"a={self.key.kind}-sha256;", "c=relaxed/relaxed;", f"d={domain};",
            f"s={selector};",
        )  # fmt: skip

    def __reduce__(self) -> tuple[type[Signer], tuple[str, str, bytes]]:
        return Signer, self._made_of

    def __call__(self, lines: Sequence[bytes], body: bytes) -> bytes:
        """Return the `DKIM-Signature: …` line, folded, with CRLF; the same input, the same bytes.

        `lines` are whole header lines as they go out, folds and CRLF included; `body` has CRLF line
        ends. Nothing random and no clock goes in: t= is left out.
        """
        return self.over_relaxed(lines, relaxed_body(body))

    def over_relaxed(self, lines: Sequence[bytes], relaxed: bytes) -> bytes:
        """Return the same, for who has the body as `relaxed_body` returns it already.

        To reduce 65 KB costs half as much as RSA.
        """
        standing = by_name(lines)
        names = tuple(name for name in _COVERED for _ in standing.get(name, ()))
        before, own = _frame(self._opening, names)
        digest = base64.b64encode(hashlib.sha256(relaxed).digest())
        hashed = [
            relaxed_header(line) for name in _COVERED for line in reversed(standing.get(name, ()))
        ]
        content = b"%b\r\n%b%b; b=" % (b"\r\n".join(hashed), own, digest)
        return b"%b%b;\r\n b=%b\r\n" % (before, digest, _in_lines(self._signature(content)))

    def _signature(self, content: bytes) -> bytes:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        if isinstance(self._private, Ed25519PrivateKey):
            # RFC 8463 §3: what ed25519 signs is the SHA-256 of the header.
            return self._private.sign(hashlib.sha256(content).digest())
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
        from cryptography.hazmat.primitives.hashes import SHA256

        return self._private.sign(content, PKCS1v15(), SHA256())


def signer(config: Config) -> Signer | None:
    """Return what signs, None where `[mail.dkim]` names no domain.

    Raises ConfigError, as Signer and where the key cannot be read.
    """
    dkim = config.mail.dkim
    if not dkim.domain:
        return None
    pem = config.secret(dkim.key).encode()
    try:
        return Signer(dkim.domain, dkim.selector, pem)
    except ConfigError as error:
        named = [mistake._replace(file=config.path.name) for mistake in error.mistakes]
        raise ConfigError(named) from error


def signed(content: bytes, sign: Signer) -> bytes:
    """Return a whole message with its signature on top. `content` has CRLF line ends."""
    return sign(*divided(content)) + content


# ── The line ──────────────────────────────────────────────────────────────────────────────────────


@lru_cache(maxsize=64)
def _frame(opening: tuple[str, ...], names: tuple[bytes, ...]) -> tuple[bytes, bytes]:
    """Return the line up to the value of bh=, as it goes out and in its relaxed form.

    It is the same for all messages with the same headers. From stands in h= once more than in the
    message, so that nobody can add a second one (RFC 6376 §8.15).
    """
    shown = ["From", *(_COVERED[name] for name in names)]
    covered = [f"{name}:" for name in shown[:-1]] + [f"{shown[-1]};"]
    lines = _filled("DKIM-Signature:", [f" {tag}" for tag in opening]) + _filled(" h=", covered)
    before = "\r\n".join([*lines, " bh="]).encode("ascii")
    return before, relaxed_header(before)


def _filled(line: str, tokens: Sequence[str]) -> list[str]:
    """Return lines that begin with `line`, of at most 78 columns but where one token is longer."""
    lines: list[str] = []
    for token in tokens:
        if len(line) + len(token) > _COLUMNS:
            lines.append(line)
            line = f" {token.lstrip()}"
        else:
            line += token
    return [*lines, line]


def _in_lines(signature: bytes) -> bytes:
    encoded = base64.b64encode(signature)
    width = _COLUMNS - 4
    return b"\r\n ".join(encoded[at : at + width] for at in range(0, len(encoded), width))


# ── The key ───────────────────────────────────────────────────────────────────────────────────────


def _private_key(pem: bytes) -> RSAPrivateKey | Ed25519PrivateKey:
    try:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
    except ImportError as error:
        hint = f"{INSTALL} Until then nothing is sent."
        raise _refused("domain", "signing needs the package cryptography.", hint) from error
    try:
        key = load_pem_private_key(pem, None)
    except TypeError as error:
        hint = "Take the passphrase off (`openssl pkey -in dkim.pem -out plain.pem`)."
        raise _refused("key", "the private key is encrypted.", hint) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _refused("key", "there is no private key in PEM form.", _MAKE_A_KEY) from error
    if isinstance(key, Ed25519PrivateKey):
        return key
    if not isinstance(key, RSAPrivateKey):
        raise _refused("key", "the private key is neither RSA nor ed25519.", _MAKE_A_KEY)
    if key.key_size < _LEAST_BITS:
        problem = f"{key.key_size} bits are too short: receivers count such a signature as none."
        raise _refused("key", problem, _MAKE_A_KEY)
    return key


def _refused(key: str, problem: str, hint: str) -> ConfigError:
    return ConfigError([Mistake("the configuration", "mail.dkim", key, problem, hint)])


def _public_side(private: RSAPrivateKey | Ed25519PrivateKey, domain: str, selector: str) -> OurKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    if isinstance(private, Ed25519PrivateKey):
        raw = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return OurKey(domain, selector, "ed25519", (_base64(raw),))
    forms = (PublicFormat.SubjectPublicKeyInfo, PublicFormat.PKCS1)
    values = tuple(_base64(private.public_key().public_bytes(Encoding.DER, form)) for form in forms)
    return OurKey(domain, selector, "rsa", values, private.key_size)


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
