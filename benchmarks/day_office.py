"""A state folder for the *day* stage: all that there is before a morning's editions are made.

Each profile likes five stored papers and says two keywords and a sentence; each subscriber reads two
profiles. Yesterday's editions are made and were sent to everybody, so that today's mails are told from
a ledger; today's papers have come, and of nothing else has been thought yet.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeVar

from benchmarks import library
from benchmarks.deliver_office import HOUSE, SENDER, SIGNED
from bot.config import Config, load_config
from bot.models import (
    Attempt,
    DeliveredPick,
    DeliveryStatus,
    DigestPlan,
    Edition,
    Event,
    InterestKind,
    Paper,
    Phase,
    Pick,
    Reason,
    Sighting,
    SourceState,
    Verdict,
)
from bot.store import Store
from bot.tokens import message_id, suppression_key

T = TypeVar("T")

MORNING = datetime.fromisoformat("2026-11-20T07:30:00+00:00")
STOCK = 3000  # papers that came before, liked and picked
_LIKES, _PICKS, _PROFILES_EACH = 5, 15, 2
_DAY = timedelta(days=1)
_TOGETHER = 1000  # subscribers a transaction
_SECRET = b"a secret for benchmarks, 32 bytes"


def configure(folder: Path, port: int, profiles: int) -> Config:
    """Write a configuration into `folder`, whose mail goes to that port, and read it."""
    lines = [
        *HOUSE,
        'timezone = "UTC"',
        "[mail]",
        f'from = "{SENDER}"',
        'transport = "smtp"',
        'host = "127.0.0.1"',
        f"port = {port}",
        'tls = "none"',
        "rate = 100000.0",
        "connections = 4",
        *SIGNED,
        # Words alone: what a model adds is measured elsewhere, and is not installed everywhere.
        "[semantic]",
        'use = "off"',
    ]
    stock = list(library.papers(STOCK))
    for number in range(profiles):
        lines += _profile(number, stock)
    path = folder / "config.toml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return load_config(path)


def _profile(number: int, stock: Sequence[Paper]) -> Iterator[str]:
    draw = random.Random(f"profile {number}")  # noqa: S311 - the same every time
    liked = draw.sample(stock, _LIKES)
    words = [word for word in liked[0].title.split() if word.isalpha()] or ["learning"]
    likes = ", ".join(f'"arXiv:{next(iter(each.identifiers)).value}"' for each in liked)
    yield f"[profiles.{_name(number)}]"
    yield f'title = "Topic {number}"'
    yield f"like = [{likes}]"
    yield f'keywords = ["{words[-1]}", "{" ".join(words[:2])}"]'
    yield f'about = "{" ".join(words)}"'


def _name(number: int) -> str:
    return f"topic-{number}"


def _reads(number: int, profiles: int) -> list[int]:
    """Return which profiles the subscriber of that number reads."""
    draw = random.Random(f"reader {number}")  # noqa: S311 - the same every time
    return sorted(draw.sample(range(profiles), _PROFILES_EACH))


def _address(number: int) -> str:
    return f"reader.{number:06d}@lab{number % 97}.example.net"


def furnish(config: Config, subscribers: int, papers: int) -> None:
    """Fill the configuration's state folder, which is empty; so many papers come this morning."""
    with Store(config.state / "paperround.db") as store:
        secret = store.found("papers.example.org,2026", _SECRET).secret
        come = library.papers(STOCK + papers)
        _absorb(store, list(islice(come, STOCK)), MORNING - 2 * _DAY)
        store.mirror_profiles({name: p.fingerprint for name, p in config.profiles.items()}, {})
        _subscribe(store, secret, subscribers, len(config.profiles))
        editions = {
            name: _yesterday(store, name, number) for number, name in enumerate(config.profiles)
        }
        _sent(store, secret, editions)
        _absorb(store, list(come), MORNING - timedelta(hours=1))
        store.index_all()


def _absorb(store: Store, papers: Sequence[Paper], at: datetime) -> None:
    state = SourceState("arxiv", last_ok=at, last_new=at)
    store.absorb(
        "arxiv", [Sighting(p, Event.NEW, at) for p in papers], state, at, introduces=set(Event)
    )


def _subscribe(store: Store, secret: bytes, subscribers: int, profiles: int) -> None:
    for some in _batches(range(subscribers)):
        rows = [
            (_address(n), _name(profile), suppression_key(secret, _address(n)))
            for n in some
            for profile in _reads(n, profiles)
        ]
        store.import_subscribers(rows, MORNING - 2 * _DAY)


def _yesterday(store: Store, name: str, number: int) -> Edition:
    draw = random.Random(f"yesterday {number}")  # noqa: S311 - the same every time
    at = MORNING - _DAY
    picks = tuple(
        Pick(place, paper, version=1, score=1 / place,
             reasons=(Reason(InterestKind.KEYWORD, "routing", 0.5),))
        for place, paper in enumerate(draw.sample(range(1, STOCK + 1), _PICKS), start=1)
    )  # fmt: skip
    return store.save_edition(Edition(name, 1, at.date(), STOCK, at, picks, considered=STOCK))


def _sent(store: Store, secret: bytes, editions: dict[str, Edition]) -> None:
    """Have yesterday's mails sent: one to each subscriber."""
    mine: dict[int, list[tuple[int, str, str]]] = {}
    for each in store.subscriptions():
        mine.setdefault(each.subscriber, []).append((each.id, each.profile, each.address))
    for some in _batches(list(mine)):
        plans = [_plan(subscriber, mine[subscriber], editions) for subscriber in some]
        store.together([partial(_open, store, secret, plan) for plan in plans])
        store.together(
            [
                partial(store.record, each.id, DeliveryStatus.SENT,
                        Attempt(Verdict.SENT, Phase.DONE, 250, "2.0.0 Ok"), MORNING - _DAY)
                for each in store.deliveries(-1, DeliveryStatus.PENDING.value)
            ]
        )  # fmt: skip


def _plan(
    subscriber: int, mine: Sequence[tuple[int, str, str]], editions: dict[str, Edition]
) -> DigestPlan:
    shown: dict[int, DeliveredPick] = {}
    for _, profile, _ in mine:
        for pick in editions[profile].picks:
            shown.setdefault(pick.paper, DeliveredPick(editions[profile].id, pick.paper))
    return DigestPlan(
        subscriber=subscriber,
        address=mine[0][2],
        slots=tuple((number, (MORNING - _DAY).date().isoformat()) for number, _, _ in mine),
        cursors=tuple((number, 1) for number, _, _ in mine),
        picks=tuple(shown.values()),
        editions=tuple(editions[profile].id for _, profile, _ in mine),
    )


def _open(store: Store, secret: bytes, plan: DigestPlan) -> None:
    at = MORNING - _DAY
    name = message_id(secret, plan.slots, "papers.example.org")
    if not store.open_delivery(plan, name, at, at + _DAY, at):
        raise RuntimeError("somebody served this slot before")


def _batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for at in range(0, len(items), _TOGETHER):
        yield items[at : at + _TOGETHER]
