"""What the tests of the round share: papers, a store, workers that run at once, a configuration."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from bot.config import Config, Profile, SourceSettings
from bot.identity import stamped
from bot.models import (
    Edition,
    Event,
    Identifier,
    InterestKind,
    Origin,
    Paper,
    Pick,
    Reason,
    Role,
    Scheme,
    Sighting,
    SourceState,
    Stamp,
)
from bot.ports import Absorbed, Workers
from bot.store import Store

NOW = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)  # a Friday
TODAY = date(2026, 11, 20)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
INTRODUCING = frozenset({Event.NEW, Event.CROSS, Event.SEEN})
SECRET = b"a secret for tests, 32 bytes long"


def arxiv(number: int) -> Identifier:
    return Identifier(Scheme.ARXIV, f"2611.{number:05d}")


def doi(number: int) -> Identifier:
    return Identifier(Scheme.DOI, f"10.1234/{number}")


def url(number: int) -> Identifier:
    return Identifier(Scheme.URL, f"https://example.org/{number}")


def a_paper(*identifiers: Identifier, title: str = "", version: int = 1, **fields: object) -> Paper:
    """A record as a source gives it; its number in arXiv is its title where none is given."""
    names = identifiers or (arxiv(1),)
    paper = Paper(
        title=title or f"Paper {names[0].value}",
        identifiers=frozenset(names),
        version=version,
        **fields,  # type: ignore[arg-type]
    )
    return stamped(paper, Stamp(authority=1, version=version))


def shown(paper: Paper, event: Event = Event.NEW, **said: object) -> Sighting:
    return Sighting(paper=paper, event=event, guid=paper.title, **said)  # type: ignore[arg-type]


def absorb(
    store: Store,
    *records: Paper | Sighting,
    source: str = "arxiv",
    now: datetime = NOW,
    seen_before: datetime | None = None,
) -> Absorbed:
    sightings = [each if isinstance(each, Sighting) else shown(each) for each in records]
    state = SourceState(source, last_ok=now, last_new=now if records else None, fingerprint="f")
    return store.absorb(
        source, sightings, state, now, introduces=INTRODUCING, seen_before=seen_before
    )


def stored(store: Store, identifier: Identifier) -> Paper:
    (paper,) = store.lookup([identifier])
    return paper


def new_pick(
    place: int,
    paper: int,
    score: float = 1.0,
    role: Role = Role.NEW,
    told: tuple[Event, ...] = (),
) -> Pick:
    reasons = (Reason(InterestKind.KEYWORD, "experts", score),) if role is Role.NEW else ()
    return Pick(place, paper, role, version=1, score=score, reasons=reasons, told=told)


def an_edition(
    store: Store,
    *papers: int,
    profile: str = "experts",
    period: date = TODAY,
    now: datetime = NOW,
    **fields: object,
) -> Edition:
    """Commit the profile's next edition with these papers as new, best first."""
    last = store.last_edition(profile)
    picks = tuple(new_pick(at, p, 1 / at) for at, p in enumerate(papers, start=1))
    return store.save_edition(
        Edition(
            profile=profile,
            number=last.number + 1 if last else 1,
            period=period,
            through=store.newest_paper(),
            made_at=now,
            picks=fields.pop("picks", picks),  # type: ignore[arg-type]
            **fields,  # type: ignore[arg-type]
        )
    )


def with_profiles(store: Store, *names: str) -> Store:
    store.mirror_profiles(dict.fromkeys(names, "f"))
    return store


def subscribed(
    store: Store, address: str, profile: str = "experts", origin: Origin = Origin.OWNER
) -> None:
    store.subscribe(address, profile, origin, NOW, suppressed=f"hidden {address}")


def suppress(store: Store, key: str) -> None:
    """What a bounce will do one day: the address is written to no more."""
    with store.db.transaction():
        store.db.write(
            "INSERT INTO suppression (address_hmac, reason, at) VALUES (:key, 'hard', 0)",
            {"key": key},
        )


async def _at_once(function, *arguments, **named):
    return function(*arguments, **named)


WORKERS = Workers(store=_at_once, cpu=_at_once)


def a_source(name: str = "arxiv", **said: object) -> SourceSettings:
    said = {"kind": "feed", "url": f"https://{name}.example.org/feed"} | said
    return SourceSettings.model_validate({"name": name} | said)


def a_profile(name: str = "experts", **said: object) -> Profile:
    said = {"keywords": ("experts",), "at": "07:00", "days": "daily"} | said
    return Profile.model_validate(said).named(name)


def a_config(
    folder: Path, *profiles: Profile, sources: tuple[SourceSettings, ...] = (), **tables: object
) -> Config:
    """A configuration as `load_config` would return it, its state in `folder/state`."""
    config = Config.model_validate(tables)
    named = {profile.name: profile for profile in profiles or (a_profile(),)}
    config = config.model_copy(update={"profiles": named, "sources": sources})
    config._path = folder / "config.toml"  # noqa: SLF001 - as load_config does
    return config
