"""The audit of a ledger: what every reader was owed, and what became of it."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from bot.models import Delivery, Edition, Role, Subscription
from bot.store import Store
from support_zones import covered

_STANDING = ("pending", "sending", "sent", "retry", "uncertain", "held")
_ENDS = {"sent", "failed", "skipped", "held"}


@dataclass(frozen=True, slots=True)
class Came:
    """A message that a mail server has taken: to whom, its Message-ID, its bytes, its papers."""

    recipient: str
    message_id: str
    sha: str
    papers: frozenset[int] = frozenset()


@dataclass
class Ledger:
    """All that a store says of subscriptions, editions, slots and deliveries, read once."""

    subscriptions: dict[int, Subscription]
    editions: dict[int, Edition]
    deliveries: list[Delivery]  # oldest first
    slots: dict[int, list[tuple[int, str]]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    def of(cls, store: Store) -> Ledger:
        subscriptions = {s.id: s for s in store.all_subscriptions()}
        profiles = {s.profile for s in subscriptions.values()}
        editions = {e.id: e for name in profiles for e in store.editions(name, 1_000_000)}
        ledger = cls(subscriptions, editions, store.deliveries(1_000_000)[::-1])
        for row in store.db.rows("SELECT subscription, period, delivery FROM serving"):
            ledger.slots[row["delivery"]].append((row["subscription"], row["period"]))
        return ledger

    def periods(self, subscription: int) -> list[str]:
        """The periods that a subscription was served, or skipped with a reason."""
        return [p for slots in self.slots.values() for s, p in slots if s == subscription]

    def of_each_reader(self) -> Mapping[str, list[Delivery]]:
        found: dict[str, list[Delivery]] = defaultdict(list)
        for delivery in self.deliveries:
            found[delivery.address].append(delivery)
        return found

    def new(self, delivery: Delivery) -> set[int]:
        return {pick.paper for pick in delivery.picks if pick.role is Role.NEW}

    def offered(self, delivery: Delivery) -> set[int]:
        """The new papers of the editions that a delivery covers."""
        editions = (self.editions[number] for number in delivery.editions)
        return {p.paper for e in editions for p in e.picks if p.role is Role.NEW}


def check_slots(ledger: Ledger) -> None:
    """No date is served twice to a subscription; every delivery serves a slot, or says why not."""
    dates: dict[int, Counter[object]] = defaultdict(Counter)
    for slots in ledger.slots.values():
        for subscription, period in slots:
            dates[subscription].update(covered(period))
    assert [s for s, count in dates.items() if max(count.values()) > 1] == []
    for delivery in ledger.deliveries:
        assert ledger.slots[delivery.id], delivery
        assert delivery.status.value not in ("skipped", "failed") or delivery.said, delivery


def check_papers(ledger: Ledger) -> None:
    """No paper twice to anyone; every pick was sent, counted as overflow, or is still owed."""
    for address, deliveries in ledger.of_each_reader().items():
        had: set[int] = set()
        called_off: set[int] = set()
        waits: set[int] = (
            set()
        )  # what a delivery that was called off later kept another from showing
        covers: dict[str, list[int]] = defaultdict(list)
        for delivery in deliveries:
            shown, offered = ledger.new(delivery), ledger.offered(delivery)
            if delivery.status.value not in _STANDING:
                called_off |= shown
                continue
            assert not shown & had, (address, delivery.id, "twice")
            left_out = offered - shown - had
            sure = len(left_out - called_off)
            assert sure <= delivery.overflow <= len(left_out), (address, delivery.id, "lost")
            waits = (waits - offered) | (
                left_out & called_off if delivery.overflow == sure else set()
            )
            had |= shown
            for number in delivery.editions:
                edition = ledger.editions[number]
                covers[edition.profile].append(edition.number)
        lost = waits - had - _owed(ledger, address)
        assert not lost, (address, "papers were lost with a digest that was called off", lost)
        for subscription in ledger.subscriptions.values():
            if subscription.address == address and (told := covers[subscription.profile]):
                again = _owed_again(ledger, subscription.profile, called_off, told)
                assert sorted(told) == sorted([*range(min(told), max(told) + 1), *again]), (
                    subscription
                )
                assert max(told) <= subscription.cursor, subscription


def _owed_again(ledger: Ledger, profile: str, called_off: set[int], told: list[int]) -> list[int]:
    """The editions told twice to whom a called-off mail kept papers from; no other is told again.

    The cursor goes back to the first that has such a paper, so what comes after it is owed too
    (decision 47).
    """
    first = min(
        (e.number for e in ledger.editions.values()
         if e.profile == profile and not called_off.isdisjoint(pick.paper for pick in e.picks)),
        default=max(told) + 1,
    )  # fmt: skip
    return [number for number, times in Counter(told).items() if times > 1 and number >= first]


def _owed(ledger: Ledger, address: str) -> set[int]:
    """The new papers of the editions that a reader is still to be told of, or will never be.

    Who has left a profile, or is suppressed, is owed nothing of it.
    """
    cursors = {s.profile: s.cursor for s in ledger.subscriptions.values() if s.address == address}
    return {
        pick.paper
        for edition in ledger.editions.values()
        if edition.number > cursors.get(edition.profile, edition.number)
        for pick in edition.picks
    }


def check_arrivals(ledger: Ledger, came: Iterable[Came]) -> Counter[str]:
    """What is sent has arrived, once, at its reader's; return how often each message came.

    Twice only what may not have arrived the first time, with the same bytes.
    """
    copies: Counter[str] = Counter()
    bytes_of: dict[str, set[str]] = defaultdict(set)
    readers: dict[str, set[str]] = defaultdict(set)
    for message in came:
        copies[message.message_id] += 1
        bytes_of[message.message_id].add(message.sha)
        readers[message.message_id].add(message.recipient)
    for delivery in ledger.deliveries:
        name, status = delivery.message_id, delivery.status.value
        if status == "sent":
            assert copies[name], (delivery, "was not sent")
        if copies[name]:
            assert status in ("sent", "held", "uncertain"), (delivery, copies[name])
            assert readers[name] == {delivery.address}
            assert len(bytes_of[name]) == 1, (delivery, "came in other bytes")
        assert copies[name] <= (2 if delivery.resent else 1), (delivery, copies[name])
    # What the owner is told does not go through the outbox (decision 120).
    copies = Counter({mark: n for mark, n in copies.items() if not mark.startswith("<alarm.")})
    assert copies.keys() <= {delivery.message_id for delivery in ledger.deliveries}
    return copies


def check_nobody_reads_twice(came: Iterable[Came]) -> None:
    """As the readers see it: no paper in two messages to the same address."""
    had: dict[str, dict[int, str]] = defaultdict(dict)
    for message in came:
        theirs = had[message.recipient]
        for paper in message.papers:
            assert theirs.setdefault(paper, message.message_id) == message.message_id, message


def unfinished(ledger: Ledger) -> list[Delivery]:
    """Deliveries that have not come to an end."""
    return [d for d in ledger.deliveries if d.status.value not in _ENDS]


def read_arrivals(lines: Collection[str]) -> list[Came]:
    found = (json.loads(line) for line in lines)
    return [Came(t["to"], t["id"], t["sha"], frozenset(t["papers"])) for t in found]
