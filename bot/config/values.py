"""What a value must look like, wherever it comes from: each refuses with a sentence for people.

Nothing here loads pydantic: a configuration that was validated before needs none (kept.py).
"""

from __future__ import annotations

import difflib
import re
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

RESERVED_NAMES = frozenset(
    {"all", "confirm", "feedback", "feeds", "health", "manage", "metrics", "p", "papers", "private",
     "search", "subscribe", "trending", "unsubscribe"}
)  # fmt: skip
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

NAME = re.compile(r"[a-z0-9][a-z0-9-]*")
LONGEST_NAME = 100  # characters: a name is part of files' names, which may have 255


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
