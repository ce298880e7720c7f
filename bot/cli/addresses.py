"""Addresses, and what is chosen for them, as people type them."""

from __future__ import annotations

from bot import tokens
from bot.app import App
from bot.config import normal_address, normal_hour, normal_zone
from bot.errors import UsageError
from bot.models import Cadence, Subscription
from bot.store.subscribers import Choices

_MOST_PAPERS = 200  # as the configuration's `limit`


def checked_address(value: str) -> str:
    """Return the address in its normal form. Raises UsageError with a sentence."""
    try:
        return normal_address(value)
    except ValueError as error:
        raise UsageError(str(error)) from error


def suppression_key(app: App, address: str) -> str:
    """Return what stands for an address in the suppression list."""
    return tokens.suppression_key(app.founding.secret, address)


def subscribed(app: App, typed: str) -> tuple[str, list[Subscription]]:
    """Return a subscriber's address and subscriptions. Raises UsageError for a stranger."""
    address = checked_address(typed)
    found = app.store.subscriptions_of(address)
    if not found:
        raise UsageError(f"{address} is no subscriber. `paperround subscribers list` shows who is.")
    return found[0].address, found


MAILS = {False: "one", True: "each"}


def choices_of(
    cadence: str | None,
    at: str | None,
    zone: str | None,
    limit: str | None,
    mails: str | None = None,
) -> Choices:
    """Read what was typed, or stood in a file. Raises UsageError with a sentence."""
    try:
        return Choices(
            cadence=Cadence(cadence) if cadence is not None else None,
            at=None if at is None else "" if at == "profile" else normal_hour(at),
            zone=None if zone is None else "" if zone == "bot" else normal_zone(zone),
            limit=None if limit is None else 0 if limit == "profile" else _limit(limit),
            apart=None if mails is None else _apart(mails),
        )
    except ValueError as error:
        raise UsageError(str(error)) from error


def _apart(value: str) -> bool:
    if value not in MAILS.values():
        raise ValueError(f'{value!r} is neither "one" mail for all profiles nor one for "each"')
    return value == MAILS[True]


def _limit(value: str) -> int:
    if (
        value.isdecimal()
        and len(value) <= len(str(_MOST_PAPERS))
        and 1 <= int(value) <= _MOST_PAPERS
    ):
        return int(value)
    raise ValueError(f'{value!r} is no number of papers from 1 to {_MOST_PAPERS}, nor "profile"')
