"""Finding in a raw mail what mail programs have encoded."""

from __future__ import annotations

import base64
import quopri
import re
from collections.abc import Iterator

_TIMES = 2  # a mail in a mail
_BASE64 = re.compile(rb"(?:[A-Za-z0-9+/]\s{0,3}){8,}")


def names(raw: bytes, address: str) -> bool:
    """Return whether a mail has an address in it: as it stands, quoted-printable, or in base64.

    No structure is trusted: what nobody could read may have none, and what we kept of it be cut.
    """
    wanted = address.lower().encode()
    forms = [raw]
    for _ in range(_TIMES + 1):
        forms += [quopri.decodestring(form) for form in forms if b"=" in form]
        if any(wanted in form.lower() for form in forms):
            return True
        forms = [decoded for form in forms for decoded in _out_of_base64(form)]
    return False


def _out_of_base64(raw: bytes) -> Iterator[bytes]:
    """Yield what runs of base64 letters stand for, wherever in them one may begin."""
    for run in _BASE64.findall(raw):
        letters = re.sub(rb"\s", b"", run)
        for start in range(4):
            whole = letters[start:]
            whole = whole[:-1] if len(whole) % 4 == 1 else whole
            yield base64.b64decode(whole + b"=" * (-len(whole) % 4))
