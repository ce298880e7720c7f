"""How long an answer says it stays fresh: HTTP's own headers, and RSS's ttl, skipDays and skipHours."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta
from email.utils import parsedate_to_datetime

from bot.models import Document, NotModified
from bot.patterns import pattern

DAY = timedelta(days=1)

_LONGEST_SKIP = 3  # days that skipDays may hold a poll back
_MOST_HEAD = 65_536  # bytes of a document in which its channel's own fields stand

_SPEAKS = pattern(rb"<(?:ttl|skip)", re.IGNORECASE)
_TTL = pattern(rb"<ttl>\s*(\d{1,6})\s*</ttl>", re.IGNORECASE)
_SKIPPED_DAY = pattern(rb"<day>\s*([a-z]+)\s*</day>")
_SKIPPED_HOUR = pattern(rb"<hour>\s*(\d{1,2})\s*</hour>")
_MAX_AGE = re.compile(r"(?:^|[\s,])max-age\s*=\s*\"?(\d{1,12})", re.IGNORECASE)
_NO_CACHE = re.compile(r"(?:^|[\s,])no-(?:cache|store)(?:$|[\s,=])", re.IGNORECASE)
_WEEKDAYS = (b"monday", b"tuesday", b"wednesday", b"thursday", b"friday", b"saturday", b"sunday")


def fresh_for(answer: Document | NotModified, now: datetime) -> timedelta:
    """Return how long an answer says it stays fresh, at most a day (RFC 9111, 4.2.1)."""
    control = answer.header("cache-control")
    if _NO_CACHE.search(control):
        return timedelta()
    if max_age := _MAX_AGE.search(control):
        age = answer.header("age").strip()
        seconds = int(max_age.group(1)) - (int(age) if age.isdecimal() and len(age) < 10 else 0)  # noqa: PLR2004 - digits, not a bomb
        return timedelta(seconds=min(max(seconds, 0), DAY.total_seconds()))
    expires = http_date(answer.header("expires"))
    if expires is None:
        return timedelta()
    return min(max(expires - (http_date(answer.header("date")) or now), timedelta()), DAY)


def speaks_of_polling(body: bytes) -> bool:
    """Tell whether it is worth looking for a ttl, skipDays or skipHours: few feeds have any."""
    return _SPEAKS.search(body, 0, _MOST_HEAD) is not None


def time_to_live(body: bytes) -> timedelta:
    """Return the minutes that an RSS document asks to be left alone, at most a day."""
    head = body[:_MOST_HEAD]
    found = _TTL.search(head) if b"<ttl" in head.lower() else None
    return min(timedelta(minutes=int(found.group(1))), DAY) if found else timedelta()


def http_date(value: str) -> datetime | None:
    """Return an HTTP date (RFC 9110, 5.6.7) as an aware moment, None for anything else."""
    if not value:
        return None
    try:
        found = parsedate_to_datetime(value.strip())
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def not_skipped(at: datetime, body: bytes) -> datetime:
    """Move a poll out of the hours and days that a feed asks to be left alone in (GMT)."""
    head = body[:_MOST_HEAD].lower()
    if b"<skip" not in head:
        return at
    days = _skipped(head, b"skipdays", _SKIPPED_DAY, _WEEKDAYS)
    hours = _skipped(head, b"skiphours", _SKIPPED_HOUR, tuple(b"%d" % hour for hour in range(24)))
    latest = at + timedelta(days=_LONGEST_SKIP)
    moved = at.astimezone(UTC)
    while moved <= latest:
        if moved.weekday() in days:
            moved = datetime.combine(moved.date() + DAY, time(0), UTC)
        elif moved.hour in hours:
            moved = moved.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        else:
            return moved
    return at  # a feed that is never to be asked was not meant so


def _skipped(
    head: bytes, block: bytes, one: re.Pattern[bytes], names: tuple[bytes, ...]
) -> frozenset[int]:
    # Cut out, not matched: a pattern would look for the end anew from each beginning.
    inside = head.partition(b"<%s>" % block)[2].partition(b"</%s>" % block)[0]
    said = (name.lstrip(b"0") or b"0" for name in one.findall(inside))
    return frozenset(names.index(name) for name in said if name in names)
