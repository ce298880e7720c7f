"""What a value of the file must look like, as pydantic checks it: each refuses with a sentence for people."""

from __future__ import annotations

import re
from datetime import timedelta
from email.utils import getaddresses, parseaddr
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field

from bot.config.values import normal_address, normal_hour, normal_zone, parse_days

_DURATION = re.compile(r"(\d{1,6})\s*(m|h|d|w|y)")
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1),
          "w": timedelta(weeks=1), "y": timedelta(days=365)}  # fmt: skip

# No date that we reckon with leaves the calendar (its first year is 1).
_HIGHEST_PORT = 65_535
_LONGEST = timedelta(days=36_500)


def _duration(value: object) -> object:
    if not isinstance(value, str):
        return value
    match = _DURATION.fullmatch(value.strip())
    if match is None:
        raise ValueError('expected a number and a unit, e.g. "1h", "7d" or "2y"')
    duration = int(match.group(1)) * _UNITS[match.group(2)]
    if duration > _LONGEST:
        raise ValueError('expected a duration of at most "100y"')
    return duration


def _days(value: str) -> str:
    parse_days(value)
    return value


def _http_address(value: str) -> str:
    if not value:
        return value
    try:
        parts = urlsplit(value)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise ValueError("expected an address that begins with https:// or http://")
    if any(char.isspace() for char in value):
        raise ValueError("expected an address without spaces (written as %20)")
    return value


def _public_address(value: str) -> str:
    """Check an address that links are made of: they stand in every mail, and go on with a path."""
    parts = urlsplit(_http_address(value))
    if parts.username is not None or parts.password is not None:
        raise ValueError("stands in every mail and feed: no name and no password may be in it")
    if "?" in value or "#" in value:
        raise ValueError("every link begins with it: it may have a path, and neither ? nor #")
    return value.rstrip("/")


def _language(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*", value):
        raise ValueError('expected a language such as "en" or "de-AT"')
    return value


def _issn(value: str) -> str:
    """Return an ISSN as `0028-0836`; its last place proves the others (ISO 3297)."""
    bare = value.strip().upper().replace("-", "")
    if not re.fullmatch(r"\d{7}[\dX]", bare):
        raise ValueError('expected an ISSN such as "0028-0836"')
    digits = [10 if char == "X" else int(char) for char in bare]
    if sum(digit * weight for digit, weight in zip(digits, range(8, 0, -1), strict=True)) % 11:
        raise ValueError(f'"{value}" is no ISSN: its last place does not fit the others')
    return f"{bare[:4]}-{bare[4:]}"


def _venue(value: str) -> str:
    """Return a venue or an invitation of OpenReview's, as its addresses spell them."""
    bare = value.strip().strip("/")
    if bare and not re.fullmatch(r"[A-Za-z0-9][\w.-]*(?:/[\w.-]+)+", bare):
        raise ValueError(
            'expected a venue such as "ICLR.cc/2026/Conference", or an invitation such as '
            '"ICLR.cc/2026/Conference/-/Submission"'
        )
    return bare


def _address(value: str) -> str:
    return normal_address(value) if value else value


def _mailbox(value: str) -> str:
    """Check `Name <address>`; the name is quoted where it must be (RFC 5322, section 3.2.3)."""
    name, address = parseaddr(value)
    if not address or any(char in value for char in "\r\n"):
        raise ValueError('expected an address such as "Morning papers <papers@example.org>"')
    if len(getaddresses([value])) > 1:
        raise ValueError("expected one address: mail comes from one sender")
    if re.search(r'[()<>@,;:\\".\[\]]', name):
        name = '"' + re.sub(r'([\\"])', r"\\\1", name) + '"'
    return f"{name} <{normal_address(address)}>" if name else normal_address(address)


_LONGEST_TOKEN = 53  # characters (`tokens.make_for_mail`)


def _bounce(value: str) -> str:
    """Check `bounce+{token}@example.org`, which has to be an address whatever the token is."""
    if "{token}" not in value:  # told by `checks`
        return value
    local, _, domain = value.strip().rpartition("@")
    whole = normal_address(f"{local.replace('{token}', 'x' * _LONGEST_TOKEN)}@{domain}")
    return f"{local}@{whole.rpartition('@')[2]}"


def _secret(value: str) -> str:
    if value and not value.startswith(("env:", "file:")):
        raise ValueError(
            'a secret is never written here: use "env:NAME" (an environment variable) '
            'or "file:PATH" (a file that only you can read)'
        )
    return value


def _heartbeat(value: str) -> str:
    return value if value.startswith(("env:", "file:")) else _http_address(value)


def _listen(value: str) -> str:
    match = re.fullmatch(r"(?:[\w.-]+|\[[0-9A-Fa-f:.]+\]):(\d{1,5})", value)
    if match is None or int(match.group(1)) > _HIGHEST_PORT:
        raise ValueError('expected an address and a port such as "127.0.0.1:8600" or "[::1]:8600"')
    return value


def _http_header(value: str) -> str:
    if any(ord(char) < 32 or ord(char) == 127 for char in value):  # noqa: PLR2004 - C0 and DEL
        raise ValueError("must be one line, without control characters")
    return value


Duration = Annotated[timedelta, BeforeValidator(_duration)]
Hour = Annotated[str, AfterValidator(normal_hour)]
Days = Annotated[str, AfterValidator(_days)]
Zone = Annotated[str, AfterValidator(normal_zone)]
HttpAddress = Annotated[str, AfterValidator(_http_address)]
PublicAddress = Annotated[str, AfterValidator(_public_address)]
Language = Annotated[str, AfterValidator(_language)]
Folder = Annotated[str, Field(min_length=1)]
Address = Annotated[str, AfterValidator(_address)]
Heartbeat = Annotated[str, AfterValidator(_heartbeat)]
Listen = Annotated[str, AfterValidator(_listen)]
MetricsListen = Annotated[str, AfterValidator(lambda value: value and _listen(value))]
Issn = Annotated[str, AfterValidator(_issn)]
SourceQuery = Annotated[str, AfterValidator(_http_header), Field(max_length=1000)]
Venue = Annotated[str, AfterValidator(_venue), Field(max_length=200)]
Recipient = Annotated[str, AfterValidator(normal_address)]
Mailbox = Annotated[str, AfterValidator(_mailbox)]
Bounce = Annotated[str, AfterValidator(_bounce)]
Secret = Annotated[str, AfterValidator(_secret)]
Line = Annotated[str, AfterValidator(_http_header)]
Phrases = tuple[Annotated[str, Field(min_length=1, max_length=300)], ...]
