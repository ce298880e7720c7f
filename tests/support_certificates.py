"""Certificates for tests, made anew by openssl: an authority, what it signed, and what nobody did."""

from __future__ import annotations

import base64
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
# `openssl ca` alone takes dates of the past in every version that is about.
_AUTHORITY = """
[ca]
default_ca = tests
[tests]
database = index.txt
new_certs_dir = .
certificate = authority.pem
private_key = authority.key
default_md = sha256
rand_serial = yes
unique_subject = no
policy = any
[any]
commonName = supplied
"""
_SINCE, _EXPIRED, _FUTURE = "20200101000000Z", "20200201000000Z", "20491231235959Z"


class Certificates:
    """An authority, and key and certificate in one file each (`Certificates.chain`).

    `good` is valid for 127.0.0.1, `elsewhere` only for another host, `expired` no longer; `lonely`
    is signed by itself alone.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.authority = folder / "authority.pem"
        (folder / "authority.cnf").write_text(_AUTHORITY)
        (folder / "index.txt").touch()
        self._openssl(
            "req", "-x509", *_KEY, "-days", "2", "-subj", "/CN=Authority for tests",
            "-keyout", "authority.key", "-out", "authority.pem",
        )  # fmt: skip
        self._sign("good", "IP:127.0.0.1")
        self._sign("elsewhere", "DNS:elsewhere.test.example")
        self._sign("expired", "IP:127.0.0.1", until=_EXPIRED)
        self._openssl(
            "req", "-x509", *_KEY, "-days", "2", "-subj", "/CN=127.0.0.1",
            "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "lonely.key", "-out", "lonely.crt",
        )  # fmt: skip
        self._join("lonely")

    def chain(self, name: str) -> Path:
        """Return the file with a server's key and certificate."""
        return self._folder / f"{name}.pem"

    def context(self, name: str) -> ssl.SSLContext:
        """Return what a server in our own process needs."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.chain(name))
        return context

    def _sign(self, name: str, host: str, until: str = _FUTURE) -> None:
        (self._folder / f"{name}.ext").write_text(f"subjectAltName={host}\n")
        self._openssl(
            "req", "-new", *_KEY, "-subj", f"/CN={name}",
            "-keyout", f"{name}.key", "-out", f"{name}.csr",
        )  # fmt: skip
        self._openssl(
            "ca", "-batch", "-notext", "-config", "authority.cnf", "-extfile", f"{name}.ext",
            "-startdate", _SINCE, "-enddate", until, "-in", f"{name}.csr", "-out", f"{name}.crt",
        )  # fmt: skip
        self._join(name)

    def _join(self, name: str) -> None:
        parts = [(self._folder / f"{name}.{kind}").read_text() for kind in ("key", "crt")]
        self.chain(name).write_text("".join(parts))

    def _openssl(self, *arguments: str) -> None:
        _run(self._folder, *arguments)


@dataclass(frozen=True)
class SigningKey:
    """A DKIM key: the private half in a file, the public one as its DNS record."""

    private: Path
    record: str


def signing_key(folder: Path, kind: str) -> SigningKey:
    """Make a key; `kind` is `rsa` (2,048 bits) or `ed25519`."""
    made: tuple[str, ...] = ("-algorithm", kind)
    if kind == "rsa":
        made += ("-pkeyopt", "rsa_keygen_bits:2048")
    private = folder / f"{kind}.pem"
    _run(folder, "genpkey", *made, "-out", private.name)
    public = _run(folder, "pkey", "-in", private.name, "-pubout", "-outform", "DER")
    # RFC 8463 §4.2: of ed25519, the record holds the 32 bytes alone.
    bare = public[-32:] if kind == "ed25519" else public
    return SigningKey(private, f"v=DKIM1; k={kind}; p={base64.b64encode(bare).decode()}")


def _run(folder: Path, *arguments: str) -> bytes:
    done = subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)
    return done.stdout


@contextmanager
def certificates_in(folder: Path) -> Iterator[Certificates]:
    """Give certificates in a folder; without openssl the test is skipped."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not here to make certificates")
    yield Certificates(folder)
