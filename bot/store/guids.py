"""Which paper an entry's guid stood for in its source, and whether a source gave all new ones."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from bot.identity import known_by, relinked, title_key, under_guid
from bot.models import Identifier, Paper, Scheme, Sighting
from bot.store.connection import Connection
from bot.store.rows import identifier_of
from bot.values import value_type

_MOST_TITLES = 5000  # the newest papers of a source: no feed shows more at once
_MOST_GUIDS = 8  # of a paper in one source; some draw a new one for every visitor


@value_type(frozen=True, slots=True)
class KeysShown:
    """The papers that a source showed, as `keys_shown` knows them.

    `once` are the keys of those that it showed under one guid, and no other, by name. A paper with
    several guids is left out there: its source changes them all the time, and to take that for a move
    would hide what is new. `titles` are the keys of all by title and first author, where one paper alone
    has these; `names` are the identifiers of all.
    """

    once: Mapping[Identifier, Identifier]
    titles: Mapping[Identifier, Identifier]
    names: frozenset[Identifier]


@value_type(frozen=True, slots=True)
class Recognised:
    """Sightings with the keys that their guids told; `moved` came under new guids, as most did."""

    sightings: list[Sighting]
    moved: int = 0


def recognised(
    sightings: Sequence[Sighting],
    entries: int,
    stood_for: Mapping[str, Paper],
    shown: Callable[[Sequence[Paper]], KeysShown],
) -> Recognised:
    """Return the sightings, each with the key of the paper that it is by its guid.

    `entries` is how many the document has, those included that are left out here because they were
    absorbed before. `stood_for` are the papers behind the guids we know. Where more than half of the
    document came under guids we don't, `shown` is asked for the keys of the papers that the source
    showed. Some draw guids and addresses anew for every visitor: most of such a document is known by
    its titles alone, and that is no move.
    """
    found = [_under_guid(sighting, stood_for.get(sighting.guid)) for sighting in sightings]
    strange = [at for at, s in enumerate(found) if s.guid and s.guid not in stood_for]
    if 2 * len(strange) <= entries:
        return Recognised(found)
    unknown = [found[at].paper for at in strange]
    keys = shown(unknown)
    moved = relinked(unknown, keys.once) if keys.once else {}
    if 2 * len(moved) > entries:
        for place, key in moved.items():
            found[strange[place]] = _named(found[strange[place]], key)
        return Recognised(found, len(moved))
    drawn = {
        place: key
        for place, key in (relinked(unknown, keys.titles) if keys.titles else {}).items()
        if keys.names.isdisjoint(unknown[place].identifiers)
    }
    if 2 * len(drawn) > entries:
        for place, key in drawn.items():
            found[strange[place]] = _without_address(found[strange[place]], key)
    return Recognised(found)


def _under_guid(sighting: Sighting, stored: Paper | None) -> Sighting:
    if stored is None:
        return sighting
    return replace(sighting, paper=under_guid(sighting.paper, stored))


def _named(sighting: Sighting, key: Identifier) -> Sighting:
    paper = sighting.paper
    return replace(sighting, paper=replace(paper, identifiers=paper.identifiers | {key}))


def _without_address(sighting: Sighting, key: Identifier) -> Sighting:
    """Return it under its paper's key, less the addresses that are others at every visit."""
    lasting = frozenset(n for n in sighting.paper.identifiers if n.scheme is not Scheme.URL)
    known = replace(sighting.paper, identifiers=lasting | {key}, links=frozenset())
    return replace(sighting, paper=known)


def guids_of(db: Connection, source: str, guids: Collection[str]) -> dict[str, int]:
    """Return the ids of the papers that these guids stood for."""
    rows = db.rows(
        "SELECT guid, paper FROM guid "
        "WHERE source = :source AND guid IN (SELECT value FROM json_each(:guids))",
        {"source": source, "guids": json.dumps(sorted(guids))},
    )
    return {row["guid"]: row["paper"] for row in rows}


def keys_shown(db: Connection, source: str, known: Callable[[], Iterable[Paper]]) -> KeysShown:
    """Return the keys of papers that this source showed.

    Names are the identifiers of those in `known`, and each title (with its first author) that only
    one paper has.
    """
    rows = db.rows(_SHOWN, {"source": source, "limit": _MOST_TITLES})
    if not rows:
        return KeysShown({}, {}, frozenset())
    keys = {row["id"]: identifier_of(row["key"]) for row in rows}
    titles = {row["id"]: title_key(row["title"], row["authors"].partition("\n")[0]) for row in rows}
    papers_of = Counter(titles.values())
    of_one = {id_: title for id_, title in titles.items() if papers_of[title] == 1}
    by_name = {name: paper.id for name, paper in known_by(known()).items() if paper.id in keys}
    single = {row["id"] for row in rows if row["guids"] == 1}
    once = {title: keys[id_] for id_, title in of_one.items() if id_ in single}
    once |= {name: keys[id_] for name, id_ in by_name.items() if id_ in single}
    return KeysShown(once, {title: keys[id_] for id_, title in of_one.items()}, frozenset(by_name))


def put_guids(db: Connection, paper: int, source: str, guids: Iterable[str]) -> None:
    """Remember that these guids stand for this paper now, eight of a source at most."""
    db.write_many(
        _PUT,
        [
            {"source": source, "guid": guid, "paper": paper, "most": _MOST_GUIDS}
            for guid in sorted(filter(None, guids))
        ],
    )


_SHOWN = """
SELECT p.id, p.key, p.title, p.authors, g.guids FROM paper AS p JOIN (
    SELECT paper, count(*) AS guids FROM guid WHERE source = :source GROUP BY paper
) AS g ON g.paper = p.id ORDER BY p.id DESC LIMIT :limit
"""
_PUT = """
INSERT INTO guid (source, guid, paper) SELECT :source, :guid, :paper
WHERE (SELECT count(*) FROM guid WHERE paper = :paper AND source = :source) < :most
ON CONFLICT (source, guid) DO UPDATE SET paper = :paper WHERE paper <> :paper
"""
