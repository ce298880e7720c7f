"""subscribers import and export: lists of addresses, in and out."""

from __future__ import annotations

import argparse
import csv
import io
import json
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bot.app import App
from bot.cli.addresses import MAILS, checked_address, choices_of, suppression_key
from bot.cli.opening import profile_named
from bot.cli.terminal import as_json, progress, say
from bot.errors import UsageError
from bot.models import Cadence, Subscription, SubscriptionStatus
from bot.outputs.wording import counted
from bot.store.subscribers import Choices
from bot.values import value_type

_COLUMNS = ("address", "profiles", "status", "cadence", "at", "zone", "limit", "mails")
_MOST_BYTES = 50_000_000
_GONE = ("unsubscribed", "unconfirmed")


@value_type(frozen=True, slots=True)
class Row:
    """One address of a list, read: `place` is where it stood, in words."""

    place: str
    address: str
    profiles: tuple[str, ...]
    paused: bool
    choices: Choices


@dataclass(slots=True)
class Imported:
    """What became of a list: addresses, and for those that were left out, where and why."""

    subscribed: list[str] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    suppressed: list[str] = field(default_factory=list)
    unsubscribed: list[str] = field(default_factory=list)
    skipped: list[dict[str, str]] = field(default_factory=list)


def import_list(app: App, args: argparse.Namespace) -> int:
    """Subscribe whom a list names; say who was left out, and why."""
    result = Imported()
    rows: list[Row] = []
    given = list(_records(args.file))
    with progress("read", len(given)) as advance:
        for place, record in given:
            advance()
            try:
                rows.append(_row(app, place, record))
            except UsageError as error:
                result.skipped.append({"row": place, "problem": str(error)})
    if args.invite:
        from bot.cli.inviting import invite_list

        invite_list(app, rows, result.skipped, args)
        return 2 if given and not rows else 0
    _store(app, rows, result)
    if args.json:
        as_json({name: getattr(result, name) for name in Imported.__slots__})
    else:
        _tell(result)
    # A list of which nothing could be read is the wrong file.
    return 2 if given and not rows else 0


def _store(app: App, rows: list[Row], result: Imported) -> None:
    before = {(s.address.casefold(), s.profile): s.status for s in app.store.all_subscriptions()}
    keys = {row.address: suppression_key(app, row.address) for row in rows}
    suppressed = app.store.suppressed(set(keys.values()))
    wanted = [(row.address, profile, keys[row.address]) for row in rows for profile in row.profiles]
    became = dict(zip(wanted, app.store.import_subscribers(wanted, app.clock()), strict=True))
    for row in rows:
        key = keys[row.address]
        mine = {name: became[row.address, name, key] for name in row.profiles}
        if key in suppressed:
            _note(result.suppressed, row.address)
            continue
        left = [n for n, s in mine.items() if s is SubscriptionStatus.UNSUBSCRIBED]
        if left:
            _note(result.unsubscribed, f"{row.address} ({', '.join(left)})")
        standing = [name for name in mine if name not in left]
        if not standing:
            continue
        if all((row.address.casefold(), name) in before for name in standing):
            _note(result.known, row.address)  # what it chose since holds
            continue
        _note(result.subscribed, row.address)
        if row.choices != Choices():
            app.store.choose(row.address, row.choices)
        if row.paused:
            app.store.pause(row.address, None)


def _note(addresses: list[str], address: str) -> None:
    if address not in addresses[-1:]:
        addresses.append(address)


def _tell(result: Imported) -> None:
    for address in result.suppressed:
        say(f"{address}: suppressed, so it was not subscribed")
    for address in result.unsubscribed:
        say(f"{address}: has unsubscribed, and stays so")
    for each in result.skipped:
        say(f"{each['row']}: skipped: {each['problem']}")
    known = len(result.known)
    were = f", {known} {'was' if known == 1 else 'were'} subscribed already" if known else ""
    say(f"{counted(len(result.subscribed), 'address', 'addresses')} subscribed{were}")


# ── Reading ───────────────────────────────────────────────────────────────────────────────────────


def _records(file: str) -> Iterator[tuple[str, Mapping[str, object]]]:
    """Yield (where it stood, fields) for every row of a file. Raises UsageError."""
    try:
        raw = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        text = raw.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise UsageError(f"{file} cannot be read: {reason}.") from error
    if len(raw) > _MOST_BYTES:
        raise UsageError(f"{file} is larger than {_MOST_BYTES // 1_000_000} MB: split it.")
    return _from_json(text, file) if text.lstrip()[:1] in ("[", "{") else _from_csv(text, file)


def _from_json(text: str, file: str) -> Iterator[tuple[str, Mapping[str, object]]]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{file} is no JSON: {error}.") from error
    if not isinstance(document, list):
        raise UsageError(f'{file} is no list of {{"address": "…", "profiles": ["…"]}}.')
    for number, record in enumerate(document, start=1):
        yield f"record {number}", record if isinstance(record, dict) else {}


def _from_csv(text: str, file: str) -> Iterator[tuple[str, Mapping[str, object]]]:
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    columns: list[str] = []
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if not columns:
                named = [cell.strip().lower() for cell in cells]
                columns = named if "address" in named else list(_COLUMNS[:2])
                if "address" in named:
                    continue
            yield f"line {reader.line_num}", dict(zip(columns, cells, strict=False))
    except csv.Error as error:
        raise UsageError(f"{file}, line {reader.line_num}, is no CSV: {error}.") from error


def _row(app: App, place: str, record: Mapping[str, object]) -> Row:
    address = checked_address(_text(record, "address"))
    status = _text(record, "status") or "confirmed"
    if status in _GONE:
        raise UsageError(f"{address} is {status} in this list.")
    profiles = _names(record.get("profiles"))
    if not profiles:
        raise UsageError(f"{address} has no profile.")
    for name in profiles:
        profile_named(app.config, name)
    cadence = _text(record, "cadence") or None
    if cadence not in (None, *Cadence):
        raise UsageError(f"{address}: there is no cadence {cadence!r}.")
    choices = choices_of(
        cadence, *(_text(record, name) or None for name in ("at", "zone", "limit", "mails"))
    )
    return Row(place, address, profiles, status == "paused", choices)


def _text(record: Mapping[str, object], name: str) -> str:
    value = record.get(name)
    return str(value).strip() if isinstance(value, str | int) else ""


def _names(value: object) -> tuple[str, ...]:
    """Read a list, or names separated by commas, semicolons, bars or spaces."""
    parts = re.split(r"[,;|\s]+", value) if isinstance(value, str) else value
    if not isinstance(parts, list):
        return ()
    return tuple(dict.fromkeys(str(part).strip() for part in parts if str(part).strip()))


# ── Writing ───────────────────────────────────────────────────────────────────────────────────────


def export_list(app: App, args: argparse.Namespace) -> int:
    """Print one row for each address and set of choices, as `import` reads them."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for subscription in app.store.all_subscriptions():
        groups.setdefault(_key(subscription), []).append(subscription.profile)
    rows = sorted(groups.items())
    if args.json:
        as_json([
            dict(zip(_COLUMNS, (key[0], profiles, *key[1:]), strict=True)) for key, profiles in rows
        ])  # fmt: skip
        return 0
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(_COLUMNS)
    writer.writerows((key[0], " ".join(profiles), *key[1:]) for key, profiles in rows)
    return 0


def _key(s: Subscription) -> tuple[str, ...]:
    mails = MAILS[True] if s.apart else ""
    return s.address, s.status.value, s.cadence.value, s.at, s.zone, str(s.limit or ""), mails
