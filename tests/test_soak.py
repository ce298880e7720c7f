"""Thirty simulated days of trouble: every digest accounted for, and a process that does not grow."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from bot import schedule
from bot.models import SubscriptionStatus
from bot.store import Store
from support_days import (
    Came,
    Ledger,
    check_arrivals,
    check_nobody_reads_twice,
    check_papers,
    check_slots,
    read_arrivals,
    unfinished,
)
from support_round import a_profile
from support_soak import COUNTED, DAYS, READERS, SOURCES, START

pytestmark = pytest.mark.long
DAY = timedelta(days=1)
MOST_MB = 300
# What twenty days may add once all is warm: caches that have a limit and have not reached it. Where all
# caches are emptied, twenty days add 150 objects, and 4,400 blocks of memory to 358,000 (regular expressions,
# statements). A single object left behind by each mail would be 3,800.
GROWTH_MB = 12
GROWTH_OBJECTS, GROWTH_BLOCKS = 1500, 5000
# Else malloc keeps what a large morning took, 10 to 17 MB of it, which nothing of ours holds.
_GIVEN_BACK = {"MALLOC_MMAP_THRESHOLD_": "131072", "MALLOC_TRIM_THRESHOLD_": "131072"}
_REFUSED = "5.1.1"  # nobody of that name: the address is written to no more


class Soaked(NamedTuple):
    """What thirty days left behind."""

    folder: Path
    days: list[dict[str, float]]
    ledger: Ledger
    came: list[Came]
    unsteady: set[str]
    numbers: dict[int, int]  # by the store's


@pytest.fixture(scope="module")
def soaked(tmp_path_factory):
    folder = tmp_path_factory.mktemp("soak")
    script = Path(__file__).with_name("support_soak.py")
    done = subprocess.run(
        [sys.executable, "-W", "error", script, folder, "7"],
        capture_output=True, text=True, timeout=7200, check=False,
        cwd=script.parents[1], env={"PYTHONPATH": str(script.parents[1])} | _GIVEN_BACK,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    with Store(folder / "state" / "paperround.db") as store:
        ledger = Ledger.of(store)
        numbers = {paper.id: int(paper.title[-6:-1]) for paper in store.recent(1_000_000)}
    return Soaked(
        folder,
        [json.loads(line) for line in (folder / "days.jsonl").read_text().splitlines()],
        ledger,
        read_arrivals((folder / "came.jsonl").read_text().splitlines()),
        set(json.loads((folder / "unsteady.json").read_text())),
        numbers,
    )


@pytest.fixture(scope="module")
def steady(soaked):
    """The subscriptions of those who changed nothing, and whose addresses exist."""
    refused = {d.address for d in soaked.ledger.deliveries if d.said.startswith(_REFUSED)}
    found = [
        s
        for s in soaked.ledger.subscriptions.values()
        if s.address not in soaked.unsteady | refused
    ]
    assert len(found) > READERS / 3
    return found


def test_there_was_enough_trouble_for_the_rest_to_mean_something(soaked):
    ends = Counter(delivery.status.value for delivery in soaked.ledger.deliveries)
    said = (soaked.folder / "log.txt").read_text()
    assert SOURCES == 20
    assert len({s.address for s in soaked.ledger.subscriptions.values()}) == READERS == 500
    assert len(soaked.days) == DAYS == 30
    assert ends["sent"] > 5000
    assert ends["failed"] > 5
    assert ends["skipped"] > 5
    assert soaked.days[-1]["restarts"] > 5
    assert sum(delivery.resent for delivery in soaked.ledger.deliveries) > 3
    assert said.count("edited: ") > 3
    for words in ("could not be sent in time", "sent a web page", "HTTP 500", "No service today"):
        assert words in said, words
    assert "Traceback" not in said
    assert "A mistake of ours" not in said


def test_every_delivery_came_to_an_end(soaked):
    assert unfinished(soaked.ledger) == []


def test_no_date_is_served_twice_and_what_is_skipped_says_why(soaked):
    check_slots(soaked.ledger)


def test_who_changed_nothing_has_a_slot_for_each_wanted_period(soaked, steady):
    last = START.date() + (DAYS - 1) * DAY
    for subscription in steady:
        assert subscription.status is SubscriptionStatus.CONFIRMED
        served = soaked.ledger.periods(subscription.id)
        # The first days lie before the first edition, the last week is not over everywhere.
        inside = wanted(subscription.cadence, START.date() + 7 * DAY, last - 7 * DAY)
        around = wanted(subscription.cadence, START.date() - 8 * DAY, last + 8 * DAY)
        assert len(served) == len(set(served))
        assert inside <= set(served) <= around, subscription


def wanted(cadence, first: date, last: date) -> set[str]:
    """The periods of these dates, by the name that the ledger gives them; of weeks, the whole ones."""
    days = schedule.serving_days(cadence, a_profile(days="daily"))
    names = Counter(
        f"{d.isocalendar().year:04d}-W{d.isocalendar().week:02d}"
        if cadence == "weekly"
        else d.isoformat()
        for d in (first + n * DAY for n in range((last - first).days + 1))
        if d.weekday() in days
    )
    return {name for name, n in names.items() if n == (7 if cadence == "weekly" else 1)}


def test_no_paper_comes_twice_and_each_pick_was_sent_or_counted_or_is_still_owed(soaked):
    check_papers(soaked.ledger)
    check_nobody_reads_twice(soaked.came)


def test_a_mail_shows_what_its_ledger_says(soaked, steady):
    addresses = {subscription.address for subscription in steady}
    shown = {message.message_id: message.papers for message in soaked.came}
    for delivery in soaked.ledger.deliveries:
        if delivery.address in addresses and delivery.status.value == "sent":
            picked = {soaked.numbers[paper] for paper in soaked.ledger.new(delivery)}
            assert shown[delivery.message_id] == picked, delivery


def test_what_is_owed_at_the_end_is_what_the_last_days_made(soaked, steady):
    """Nobody waits for an edition of a time before their last wanted period."""
    newest = {name: max(e.number for e in soaked.ledger.editions.values() if e.profile == name)
              for name in {e.profile for e in soaked.ledger.editions.values()}}  # fmt: skip
    for subscription in steady:
        most = 8 if subscription.cadence == "weekly" else 4
        assert newest[subscription.profile] - subscription.cursor <= most, subscription


def test_what_is_sent_arrived_once_and_twice_only_what_was_in_doubt(soaked):
    copies = check_arrivals(soaked.ledger, soaked.came)
    twice = sum(n > 1 for n in copies.values())
    assert 0 < twice < len(copies) / 100


def test_memory_stays_small_and_does_not_grow_after_the_fifth_day(soaked):
    assert max(day["peak"] for day in soaked.days) < MOST_MB
    early, late = (
        max(day["resident"] for day in soaked.days[first : first + 5]) for first in (5, 25)
    )
    assert late - early < GROWTH_MB, (early, late)


def test_but_for_caches_that_have_a_limit_nothing_is_kept_of_twenty_days(soaked):
    early, late = (soaked.days[day - 1] for day in COUNTED)
    assert late["objects"] - early["objects"] < GROWTH_OBJECTS, (early, late)
    assert late["blocks"] - early["blocks"] < GROWTH_BLOCKS, (early, late)


def test_no_handle_and_no_thread_is_left_behind(soaked):
    early, late = (max(d["handles"] for d in soaked.days[n : n + 5]) for n in (5, 25))
    # A connection that is just being closed has one; what is left behind by each day would be twenty.
    assert late < early + 10
    # Ours, the store's, the CPU's, and asyncio's pool, which makes its threads as they are needed.
    pool = min(32, (os.cpu_count() or 1) + 4)
    assert (
        max(day["threads"] for day in soaked.days) <= 3 + pool < 3 + 2 * soaked.days[-1]["restarts"]
    )
