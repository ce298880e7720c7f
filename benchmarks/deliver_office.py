"""A state folder for the *deliver* stage, everything in it but the sending done.

1,000 papers stand in the editions of 20 profiles. Each subscriber reads four of the profiles, and of
each five papers drawn by lot (the others they had before), so that no two digests, and hardly any two
sections, are alike.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from benchmarks.deliver_papers import NOW, invented_paper, invented_reasons, invented_topic
from bot.config import Config, load_config
from bot.models import (
    DeliveredPick,
    DeliveryStatus,
    DigestPlan,
    Edition,
    Event,
    Paper,
    Pick,
    Sighting,
    SourceState,
)
from bot.store import Store
from bot.tokens import message_id, suppression_key

PAPERS = 1000
SENDER = "Paperround <digest@papers.example.org>"
_PROFILES, _PROFILES_EACH, _PICKS_EACH = 20, 4, 5
_PICKS = PAPERS // _PROFILES
_SECRET = b"a secret for benchmarks, 32 bytes"
_DAY = timedelta(days=1)


# What the configuration of every office begins with, and the table of its signature.
HOUSE = (
    "[bot]",
    'title = "Papers at Example"',
    'base_url = "https://papers.example.org"',
    'contact = "library@papers.example.org"',
    'imprint = "Example Library, 1 Main Street, 12345 Town"',
)
SIGNED = (
    "[mail.dkim]",
    'domain = "papers.example.org"',
    'selector = "bench"',
    'key = "file:dkim.pem"',
)


def configuration(folder: Path, mail: Mapping[str, object], *, signed: bool = True) -> Config:
    """Write a configuration into `folder` and read it; `mail` is for [mail], beside `from`.

    With `signed`, mail is signed with the key in `folder`/dkim.pem.
    """
    lines = [
        *HOUSE,
        "[mail]",
        f'from = "{SENDER}"',
        *(f"{key} = {_toml(value)}" for key, value in mail.items()),
    ]
    if signed:
        lines += SIGNED
    for number in range(_PROFILES):
        lines += [f"[profiles.{_profile(number)}]", f'title = "{invented_topic(number)}"']
        lines += ['keywords = ["expert routing"]']
    path = folder / "config.toml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return load_config(path)


def _toml(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


def _profile(number: int) -> str:
    return f"topic-{number}"


def address(number: int) -> str:
    """Return the address of the subscriber of that number."""
    return f"reader.{number:05d}@lab{number % 97}.example.net"


def reading_list(number: int) -> dict[int, list[int]]:
    """Return the papers of that subscriber's digest: profile → papers, all by number."""
    draw = random.Random(f"subscriber {number}")  # noqa: S311 - the same every time
    return {
        profile: sorted(draw.sample(_picked_by(profile), _PICKS_EACH))
        for profile in sorted(draw.sample(range(_PROFILES), _PROFILES_EACH))
    }


def _picked_by(profile: int) -> range:
    return range(profile * _PICKS, (profile + 1) * _PICKS)


def furnish(config: Config, subscribers: int) -> None:
    """Fill the configuration's state folder, which is empty: one delivery each is open at the end."""
    with Store(config.state / "paperround.db") as store:
        secret = store.found("papers.example.org,2026", _SECRET).secret
        papers = _stock(store, config)
        editions = [_edition(store, profile, papers) for profile in range(_PROFILES)]
        store.import_subscribers(
            [
                (address(number), _profile(profile), suppression_key(secret, address(number)))
                for number in range(subscribers)
                for profile in reading_list(number)
            ],
            NOW - _DAY,
        )
        for number in range(subscribers):
            plan = _plan(store, number, papers, editions)
            name = message_id(secret, plan.slots, "papers.example.org")
            opened = store.open_delivery(plan, name, NOW, NOW + _DAY, NOW)
            assert opened  # noqa: S101 - nobody served this slot before


def _stock(store: Store, config: Config) -> list[int]:
    """Store the papers; return their ids in the order of their numbers."""
    papers = [invented_paper(number) for number in range(PAPERS)]
    state = SourceState("arxiv", last_ok=NOW, last_new=NOW)
    sightings = [Sighting(paper, Event.NEW, NOW) for paper in papers]
    store.absorb("arxiv", sightings, state, NOW, introduces=set(Event))
    store.mirror_profiles(dict.fromkeys(config.profiles, "as written"), {})
    return _ids(store, papers)


def _ids(store: Store, papers: Sequence[Paper]) -> list[int]:
    found = {
        name: paper.id
        for paper in store.lookup([name for paper in papers for name in paper.identifiers])
        for name in paper.identifiers
    }
    return [found[next(iter(paper.identifiers))] for paper in papers]


def _edition(store: Store, profile: int, papers: Sequence[int]) -> Edition:
    return store.save_edition(
        Edition(
            profile=_profile(profile),
            number=1,
            period=NOW.date(),
            through=store.newest_paper(),
            made_at=NOW - timedelta(minutes=30),
            picks=tuple(
                _pick(place, number, papers[number])
                for place, number in enumerate(_picked_by(profile), start=1)
            ),
            considered=312,
        )
    )


def _pick(place: int, number: int, paper: int) -> Pick:
    reasons = invented_reasons(number)
    return Pick(place, paper, version=1, score=sum(r.share for r in reasons), reasons=reasons)


def _plan(
    store: Store, number: int, papers: Sequence[int], editions: Sequence[Edition]
) -> DigestPlan:
    mine = store.subscriptions_of(address(number))
    return DigestPlan(
        subscriber=mine[0].subscriber,
        address=mine[0].address,
        slots=tuple((subscription.id, NOW.date().isoformat()) for subscription in mine),
        cursors=tuple((subscription.id, 1) for subscription in mine),
        picks=tuple(
            DeliveredPick(editions[profile].id, papers[each])
            for profile, numbers in reading_list(number).items()
            for each in numbers
        ),
        editions=tuple(editions[profile].id for profile in reading_list(number)),
    )


def copied(state: Path, folder: Path) -> None:
    """Copy a furnished state folder, which nobody has open, to where a run may use it up."""
    shutil.copytree(state, folder, dirs_exist_ok=True)


def keep_back(config: Config, count: int) -> None:
    """Hold all open deliveries but `count`, so that a run in the same state folder sends fewer."""
    with Store(config.state / "paperround.db") as store:
        for delivery in store.deliveries(-1, DeliveryStatus.PENDING.value)[count:]:
            store.hold(delivery.id, NOW)
