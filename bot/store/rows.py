"""Rows to values and back."""

from __future__ import annotations

import json
import sqlite3
import struct
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import fields, replace
from datetime import date, datetime
from functools import lru_cache
from typing import TypeAlias

from bot import lifecycle
from bot.models import (
    Cadence,
    DeliveredPick,
    Delivery,
    DeliveryKind,
    DeliveryStatus,
    Edition,
    Event,
    Identifier,
    InterestKind,
    Link,
    Origin,
    Paper,
    Pick,
    Reason,
    Rel,
    Role,
    Scheme,
    SourceNote,
    SourceState,
    Stamp,
    Subscription,
    SubscriptionStatus,
    Weather,
)
from bot.store.connection import moment, seconds

# (edition, paper, role and events): a row each would be two million a day at 100,000 subscribers
# (FACTS.md). Bits of the last byte are the role and events: never give one another meaning.
_PICK = struct.Struct("<IIB")
_ROLE_BITS = {Role.NEW: 0, Role.UPDATE: 1, Role.FOLDED: 32}
_EVENT_BITS = {Event.REPLACE: 2, Event.WITHDRAWN: 4, Event.PUBLISHED: 8, Event.CODE: 16}
_MEANT = {
    bits + byte: (role, lifecycle.ordered(e for e, bit in _EVENT_BITS.items() if byte & bit))
    for role, bits in _ROLE_BITS.items()
    for byte in range(0, 32, 2)
}


# To look a member of an Enum up by its value costs five times as much.
_ROLES = {role.value: role for role in Role}
_PREFIXES = {scheme: f"{scheme.value}:" for scheme in Scheme}
_in_json = json.JSONEncoder().encode
_KINDS = {kind.value: kind for kind in InterestKind}


def name_of(identifier: Identifier) -> str:
    """Return an identifier as the store spells it: `scheme:value`."""
    return identifier.scheme + ":" + identifier.value


def names_of(identifiers: Collection[Identifier]) -> list[str]:
    """Return identifiers as the store spells them, in the order in which they come."""
    if len(identifiers) == 1:  # as most papers have
        ((scheme, value),) = identifiers
        return [_PREFIXES[scheme] + value]
    return [_PREFIXES[scheme] + value for scheme, value in identifiers]


def identifier_of(name: str) -> Identifier:
    """Read `scheme:value`."""
    scheme, _, value = name.partition(":")
    return Identifier(Scheme(scheme), value)


PAPER_COLUMNS = (
    "title", "authors", "abstract", "categories", "venue", "version", "published", "links", "stamps",
    "votes", "comments", "notice",
)  # fmt: skip


PaperRow: TypeAlias = tuple[
    str, str, str, str, str, int, int | None, str, str, int | None, int | None, str
]


def paper_row(paper: Paper) -> PaperRow:
    """Return the PAPER_COLUMNS of a paper: all but those that only the store knows."""
    return (
        paper.title,
        "\n".join(paper.authors),
        paper.abstract,
        "\n".join(paper.categories),  # "cell biology" is one
        paper.venue,
        paper.version,
        None if paper.published is None else int(paper.published.timestamp()),
        _links_text(paper.links) if paper.links else "[]",
        _packed_stamps(paper.stamps),
        paper.votes,
        paper.comments,
        paper.notice,
    )


def _links_text(links: frozenset[Link]) -> str:
    """Return links as JSON. A string alone takes `json` a tenth of what a list takes it."""
    ordered = sorted(links) if len(links) > 1 else links
    pairs = ['["' + link.rel + '", ' + _in_json(link.href) + "]" for link in ordered]
    return f"[{', '.join(pairs)}]"


@lru_cache(maxsize=1024)
def _packed_stamps(stamps: tuple[tuple[str, Stamp], ...]) -> str:
    """Fields that share a stamp stand together: most papers have one record, so one stamp."""
    by_stamp: dict[Stamp, list[str]] = {}
    for name, stamp in stamps:
        by_stamp.setdefault(stamp, []).append(name)
    return json.dumps(
        [[s.authority, s.version, s.updated, " ".join(names)] for s, names in by_stamp.items()],
        separators=(",", ":"),
    )


@lru_cache(maxsize=1024)
def _unpacked_stamps(packed: str) -> tuple[tuple[str, Stamp], ...]:
    stamps = {
        name: Stamp(authority, version, updated)
        for authority, version, updated, names in json.loads(packed)
        for name in names.split()
    }
    order = ("title", "authors", "abstract", "categories", "venue", "notice")
    return tuple((name, stamps[name]) for name in order if name in stamps)


def paper_of(
    row: sqlite3.Row,
    names: Iterable[str],
    told: sqlite3.Row | None = None,
    summed: sqlite3.Row | None = None,
) -> Paper:
    """Return a stored paper; `names` are its identifiers as the store spells them.

    `told` is what services said of it, `summed` its summary: None where they were not asked or knew
    nothing.
    """
    return Paper(
        title=row["title"],
        identifiers=frozenset(identifier_of(name) for name in names),
        authors=tuple(row["authors"].split("\n")) if row["authors"] else (),
        abstract=row["abstract"],
        categories=tuple(row["categories"].split("\n")) if row["categories"] else (),
        venue=row["venue"],
        version=row["version"],
        published=moment(row["published"]),
        links=frozenset(Link(Rel(rel), href) for rel, href in json.loads(row["links"])),
        stamps=_unpacked_stamps(row["stamps"]),
        votes=row["votes"],
        comments=row["comments"],
        citations=told["citations"] if told else None,
        tldr=told["tldr"] if told else "",
        summary=summed["said"] if summed else "",
        summary_by=summed["model"] if summed else "",
        notice=row["notice"],
        id=row["id"],
        key=identifier_of(row["key"]),
        first_seen=moment(row["first_seen"]),
    )


def revised(paper: Paper, row: sqlite3.Row) -> Paper:
    """Return a paper with the text of an earlier revision."""
    return replace(
        paper,
        title=row["title"],
        authors=tuple(row["authors"].split("\n")) if row["authors"] else (),
        abstract=row["abstract"],
        categories=tuple(row["categories"].split("\n")) if row["categories"] else (),
        venue=row["venue"],
        version=row["version"],
        published=moment(row["published"]),
        links=frozenset(Link(Rel(rel), href) for rel, href in json.loads(row["links"])),
        stamps=_unpacked_stamps(row["stamps"]),
        notice=row["notice"],
    )


def source_values(state: SourceState) -> dict[str, object]:
    """Return the columns of a source's state."""
    values: dict[str, object] = {}
    for column in fields(state):
        value = getattr(state, column.name)
        values[column.name] = seconds(value) if isinstance(value, datetime) else value
    values["gone"] = int(state.gone)
    return values


def source_of(row: sqlite3.Row) -> SourceState:
    """Return a source's state."""
    return SourceState(
        name=row["name"],
        fingerprint=row["fingerprint"],
        etag=row["etag"],
        last_modified=row["last_modified"],
        body_sha=row["body_sha"],
        batch=row["batch"],
        next_poll=moment(row["next_poll"]),
        failures=row["failures"],
        failing_since=moment(row["failing_since"]),
        alarmed_at=moment(row["alarmed_at"]),
        last_ok=moment(row["last_ok"]),
        last_new=moment(row["last_new"]),
        stale_since=moment(row["stale_since"]),
        gone=bool(row["gone"]),
        quiet=row["quiet"],
        error=row["error"],
        built=moment(row["built"]),
        owed_from=moment(row["owed_from"]),
        owed_until=moment(row["owed_until"]),
        owed_start=row["owed_start"],
        owed_error=row["owed_error"],
    )


def reasons_text(reasons: tuple[Reason, ...]) -> str:
    """Return reasons as the store keeps them."""
    return json.dumps(
        [[reason.kind.value, reason.text, reason.share] for reason in reasons], ensure_ascii=False
    )


def picks_of(rows: Sequence[sqlite3.Row]) -> Iterator[tuple[int, Pick]]:
    """Yield (edition, pick) of rows: the pick is of what the paper that was picked has become."""
    # All reasons in one go: a call for each pick takes longer than to read it.
    reasons = json.loads(f"[{','.join([row['reasons'] for row in rows])}]")
    for row, why in zip(rows, reasons, strict=True):
        edition, paper, position, role, version, score, _, told = row
        yield (
            edition,
            Pick(
                position=position,
                paper=paper,
                role=_ROLES[role],
                version=version,
                score=score,
                reasons=tuple([Reason(_KINDS[kind], text, share) for kind, text, share in why]),
                told=events_of(told) if told else (),
            ),
        )


def events_text(events: Iterable[Event]) -> str:
    """Return events as the store keeps them."""
    return " ".join(event.value for event in events)


def events_of(text: str) -> tuple[Event, ...]:
    """Read events, each once, the weightiest first."""
    return lifecycle.ordered(map(Event, text.split()))


def health_text(health: tuple[SourceNote, ...]) -> str:
    """Return an edition's source notes as the store keeps them."""
    return json.dumps(
        [[note.source, note.weather.value, note.detail, seconds(note.since)] for note in health],
        ensure_ascii=False,
    )


def edition_of(row: sqlite3.Row, picks: Iterable[Pick] = ()) -> Edition:
    """Return an edition."""
    return Edition(
        id=row["id"],
        profile=row["profile"],
        number=row["number"],
        period=date.fromisoformat(row["period"]),
        through=row["through"],
        made_at=_known(moment(row["made_at"])),
        picks=tuple(picks),
        health=tuple(
            SourceNote(source, Weather(weather), detail, moment(since))
            for source, weather, detail, since in json.loads(row["health"])
        ),
        considered=row["considered"],
        fingerprint=row["fingerprint"],
        forced=bool(row["forced"]),
        ranker=row["ranker"],
    )


def subscription_of(row: sqlite3.Row) -> Subscription:
    """Return a subscription joined with its subscriber."""
    return Subscription(
        id=row["id"],
        subscriber=row["subscriber"],
        address=row["address"],
        profile=row["profile"],
        status=SubscriptionStatus(row["status"]),
        origin=Origin(row["origin"]),
        cursor=row["cursor"],
        cadence=Cadence(row["cadence"] or Cadence.DAILY),
        at=row["hour"],
        zone=row["zone"],
        limit=row["size"],
        paused_until=date.fromisoformat(row["paused_until"]) if row["paused_until"] else None,
        confirmed_at=moment(row["confirmed_at"]),
        apart=bool(row["apart"]),
    )


def packed_picks(picks: Iterable[DeliveredPick]) -> bytes:
    """Pack a digest's picks, nine bytes each."""
    return b"".join([_PICK.pack(p.edition, p.paper, _bits(p)) for p in picks])


def _bits(pick: DeliveredPick) -> int:
    bits = _ROLE_BITS[pick.role]
    for event in pick.told:
        bits += _EVENT_BITS[event]
    return bits


def unpacked_picks(packed: bytes) -> tuple[DeliveredPick, ...]:
    """Unpack a digest's picks."""
    return tuple(
        DeliveredPick(edition, paper, *_MEANT[bits])
        for edition, paper, bits in _PICK.iter_unpack(packed)
    )


def delivery_of(row: sqlite3.Row) -> Delivery:
    """Return a delivery joined with its subscriber."""
    return Delivery(
        id=row["id"],
        subscriber=row["subscriber"],
        address=row["address"],
        status=DeliveryStatus(row["status"]),
        due=_known(moment(row["due"])),
        message_id=row["message_id"],
        picks=unpacked_picks(row["picks"]),
        editions=tuple(json.loads(row["editions"])),
        overflow=row["overflow"],
        attempts=row["attempts"],
        next_try=moment(row["next_try"]),
        stale_at=moment(row["stale_at"]),
        said=row["said"],
        sent_at=moment(row["sent_at"]),
        resent=bool(row["resent"]),
        token_epoch=row["token_epoch"],
        kind=DeliveryKind(row["kind"]),
        subscription=row["subscription"],
    )


def _known(value: datetime | None) -> datetime:
    if value is None:
        raise AssertionError("a NOT NULL column was empty")
    return value
