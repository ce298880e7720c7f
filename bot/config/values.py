"""What a value must look like: each refuses with a sentence for people."""

from __future__ import annotations

import difflib
import re
from datetime import timedelta
from email.utils import parseaddr
from typing import Annotated
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import AfterValidator, BeforeValidator, Field

RESERVED_NAMES = frozenset(
    {"all", "confirm", "feedback", "feeds", "health", "manage", "metrics", "p", "papers", "private",
     "search", "subscribe", "trending", "unsubscribe"}
)  # fmt: skip
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

NAME = re.compile(r"[a-z0-9][a-z0-9-]*")
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


def normal_hour(value: str) -> str:
    """Return an hour as `07:30`, or `any`. Raises ValueError with a sentence for people."""
    if value == "any":
        return value
    match = re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)", value)
    if match is None:
        raise ValueError('expected an hour such as "07:30", or "any" for the first run of the day')
    return f"{int(match.group(1)):02d}:{match.group(2)}"


def parse_days(value: str) -> frozenset[int]:
    """Return weekday numbers (Monday is 0) of `mon-fri`, `mon,thu`, `sat-mon` or `daily`.

    Raises ValueError with a sentence for people.
    """
    if value.strip().lower() == "daily":
        return frozenset(range(7))
    days: set[int] = set()
    for part in value.lower().replace(" ", "").split(","):
        first, dash, last = part.partition("-")
        ends = [first, last] if dash else [first]
        if any(end not in WEEKDAYS for end in ends):
            raise ValueError('expected days such as "mon-fri", "mon,wed,fri" or "daily"')
        at, end = WEEKDAYS.index(first), WEEKDAYS.index(ends[-1])
        days.update((at + step) % 7 for step in range((end - at) % 7 + 1))
    return frozenset(days)


def _days(value: str) -> str:
    parse_days(value)
    return value


def normal_zone(value: str) -> str:
    """Return the name of a time zone that exists. Raises ValueError with a sentence for people."""
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f'there is no time zone "{value}" ({_zone_meant(value)})') from error
    return value


def _zone_meant(value: str) -> str:
    """Return `perhaps "Europe/Berlin"` for `Berlin`, else what names look like."""
    wanted = value.strip().lower().replace(" ", "_")
    cities = {zone.rpartition("/")[2].lower(): zone for zone in sorted(available_timezones())}
    zones = {zone.lower(): zone for zone in cities.values()}
    names = cities | zones
    close = difflib.get_close_matches(wanted, names, n=1, cutoff=0.75)
    return f'perhaps "{names[close[0]]}"' if close else 'names are like "Europe/Berlin" or "UTC"'


def _http_address(value: str) -> str:
    if not value:
        return value
    try:
        parts = urlsplit(value)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid or any(char.isspace() for char in value):
        raise ValueError("expected an address that begins with https:// or http://")
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


def normal_address(value: str) -> str:
    """Return a mail address in its normal form (IDN domain as A-labels, domain in lower case).

    Raises ValueError with a sentence for people; a non-ASCII local part is refused, since not
    every relay can carry it (SMTPUTF8, RFC 6531).
    """
    from email_validator import EmailNotValidError, validate_email

    local, _, domain = value.strip().rpartition("@")
    # The library knows no mail on localhost; a machine's own mail server does.
    here = domain.lower() == "localhost"
    try:
        checked = validate_email(
            f"{local}@example.org" if here else value.strip(),
            check_deliverability=False,
            allow_smtputf8=False,
            test_environment=True,
            globally_deliverable=False,
        )
    except EmailNotValidError as error:
        raise ValueError(f'"{value}" is no mail address ({str(error).rstrip(".")})') from error
    address = checked.ascii_email or checked.normalized
    return f"{address.rpartition('@')[0]}@localhost" if here else address


def _address(value: str) -> str:
    return normal_address(value) if value else value


def _mailbox(value: str) -> str:
    """Check `Name <address>`; the name is quoted where it must be (RFC 5322, section 3.2.3)."""
    name, address = parseaddr(value)
    if not address or any(char in value for char in "\r\n"):
        raise ValueError('expected an address such as "Morning papers <papers@example.org>"')
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
Address = Annotated[str, AfterValidator(_address)]
Heartbeat = Annotated[str, AfterValidator(_heartbeat)]
Listen = Annotated[str, AfterValidator(_listen)]
MetricsListen = Annotated[str, AfterValidator(lambda value: value and _listen(value))]
Issn = Annotated[str, AfterValidator(_issn)]
Query = Annotated[str, AfterValidator(_http_header), Field(max_length=1000)]
Venue = Annotated[str, AfterValidator(_venue), Field(max_length=200)]
Recipient = Annotated[str, AfterValidator(normal_address)]
Mailbox = Annotated[str, AfterValidator(_mailbox)]
Bounce = Annotated[str, AfterValidator(_bounce)]
Secret = Annotated[str, AfterValidator(_secret)]
Line = Annotated[str, AfterValidator(_http_header)]
Phrases = tuple[Annotated[str, Field(min_length=1, max_length=300)], ...]
