"""Retention: what is older than `keep` loses its text; nothing of it is ever sent again, no page dies."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.files import write_file
from bot.models import (
    Attempt,
    DeliveryStatus,
    Event,
    Identifier,
    Opinion,
    Phase,
    Scheme,
    SourceState,
    Verdict,
)
from bot.render import TemplateRenderer
from bot.store import Store
from bot.store.pruning import Pruner
from bot.text.query import read_query
from bot.workflows import compose, prune, publish
from support_office import Office
from support_round import (
    DAY,
    HOUR,
    INTRODUCING,
    NOW,
    WORKERS,
    a_config,
    a_paper,
    a_profile,
    a_source,
    absorb,
    an_edition,
    arxiv,
    doi,
    shown,
    subscribed,
    url,
    with_profiles,
)

YEAR = timedelta(days=365)
KEEP = 2 * YEAR
OLD = NOW - 3 * YEAR


@pytest.fixture
def store(tmp_path):
    with with_profiles(Store(tmp_path / "state" / "paperround.db"), "experts") as opened:
        yield opened


def paper(number: int, **said):
    said = {"title": f"Paper {number}", "authors": ("Ada Lovelace",)} | said
    return a_paper(arxiv(number), abstract=f"Routing experts, number {number}.", **said)


def entry(number: int, **said):
    """A feed's entry: no identifier but its address, so its guid counts."""
    return shown(
        a_paper(url(number), title=f"Entry {number}", abstract="Experts."), Event.SEEN, **said
    )


def from_feed(store, *entries, now, source="journal"):
    state = SourceState(source, last_ok=now)
    return store.absorb(source, entries, state, now, introduces=INTRODUCING, keep_guids=True)


async def pruned(store, *profiles, keep=KEEP, now=NOW, **how):
    return await prune.prune(
        profiles or (a_profile(),), keep, Pruner(store.db), WORKERS, now, **how
    )


def abstract(store, number: int) -> str:
    return store.papers([number])[number].abstract


# ── What goes ─────────────────────────────────────────────────────────────────────────────────────


async def test_old_abstracts_go_and_the_rest_of_the_paper_stays(store):
    absorb(store, paper(1, categories=("cs.CL",), version=2), now=OLD)
    before = store.papers([1])[1]
    assert await pruned(store) == 1
    assert store.papers([1])[1] == replace(before, abstract="")


async def test_what_is_within_keep_stays_as_it_is(store):
    absorb(store, paper(1), now=NOW - KEEP + HOUR)
    before = store.papers([1])
    assert await pruned(store) == 0
    assert store.papers([1]) == before


async def test_an_old_paper_is_still_found_by_its_title_and_authors(store):
    absorb(store, paper(1, title="Sparse routers"), now=OLD)
    await pruned(store)
    for words in ("sparse", "author:Lovelace"):
        assert [p.id for p, _ in store.search(read_query(words), 10)] == [1]
    assert store.search(read_query("number"), 10) == []
    check = "INSERT INTO paper_search (paper_search, rank) VALUES ('integrity-check', 1)"
    with store.db.transaction():
        store.db.write(check)


async def test_old_revisions_go_and_so_does_the_text_just_taken(store):
    absorb(store, paper(1), now=OLD)
    absorb(store, paper(1, title="Paper 1, corrected", version=2), now=OLD + DAY)
    absorb(store, paper(2), now=OLD)
    absorb(store, paper(2, title="Paper 2, corrected", version=2), now=NOW - DAY)
    await pruned(store)
    assert [row["paper"] for row in store.db.rows("SELECT paper FROM revision")] == [2]
    assert abstract(store, 2)


async def test_attempts_of_deliveries_that_are_over_go_and_the_deliveries_stay(tmp_path):
    office = Office(tmp_path).readers("ada", "grace")
    await office.run(now=NOW)
    uncertain = Attempt(Verdict.UNCERTAIN, Phase.DATA, 0, "who knows")
    office.store.record(2, DeliveryStatus.HELD, uncertain, NOW)
    await pruned(office.store, now=NOW + 3 * YEAR)
    assert office.store.attempts(1) == []
    assert [r.number for r in office.store.attempts(2)] == [1, 2], (
        "it decides whether it goes again"
    )
    sent = office.store.delivery(1)
    assert sent is not None
    assert (sent.attempts, len(sent.picks), sent.status) == (1, 3, DeliveryStatus.SENT)
    assert office.store.slots_of(1) == [("experts", "2026-11-20")]
    office.store.close()


async def test_the_bytes_of_mails_that_nobody_read_go(store):
    store.quarantine("old", b"bytes", "It has no sender.", OLD)
    store.quarantine("new", b"bytes", "It has no sender.", NOW - DAY)
    await pruned(store)
    assert [mail.key for mail in store.quarantined()] == ["new"]
    assert [row["key"] for row in store.db.rows("SELECT key FROM inbox")] == ["new"]


async def test_a_feed_without_dates_leaves_one_sighting_of_a_paper_without_a_page(store):
    for day in range(20):
        from_feed(store, entry(1), entry(2), now=OLD + day * DAY)
    an_edition(store, 2, now=OLD, period=OLD.date())
    await pruned(store)
    rows = store.db.rows("SELECT paper, count(*) AS n FROM sighting GROUP BY paper")
    assert {row["paper"]: row["n"] for row in rows} == {1: 1, 2: 20}
    assert store.sightings(1)[0]["seen_on"] == OLD.date().isoformat()


# ── What keeps its text ───────────────────────────────────────────────────────────────────────────


async def test_what_is_in_use_keeps_its_text(store):
    absorb(store, *(paper(n) for n in range(1, 9)), now=OLD)
    an_edition(store, 1, now=NOW - YEAR, period=(NOW - YEAR).date())
    store.put_feedback(["experts"], 2, Opinion.LIKE, OLD)
    store.submit(3, "experts", OLD)
    voted = shown(paper(4), Event.SEEN, votes=3)
    absorb(store, voted, source="hf", now=NOW - DAY)
    absorb(store, paper(5, title="Paper 5, corrected", version=2), now=NOW - DAY)
    liked = a_profile(like=("arXiv:2611.00006",))
    assert await pruned(store, liked) == 2
    assert [n for n in range(1, 9) if not abstract(store, n)] == [7, 8]


async def test_a_keep_of_a_day_keeps_what_the_next_editions_need(store):
    absorb(store, paper(1), now=NOW - 89 * DAY)
    absorb(store, paper(2), now=NOW - 91 * DAY)
    assert await pruned(store, keep=DAY) == 1
    assert abstract(store, 1)


async def test_a_paper_that_was_two_keeps_its_text_for_what_either_was(store):
    absorb(store, paper(1), a_paper(doi(2), title="Two", abstract="Experts."), now=OLD)
    an_edition(store, 2, now=NOW - DAY)
    absorb(store, a_paper(arxiv(1), doi(2), title="Paper 1"), now=OLD + DAY)
    await pruned(store)
    assert abstract(store, 2)


# ── Never again ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("sources", [(), ("journal",)])
@given(
    numbers=st.sets(st.integers(1, 9), min_size=1),
    picked=st.sets(st.integers(1, 9)),
    again=st.sampled_from(["as it was", "new guids", "undated", "corrected"]),
)
def test_what_was_pruned_is_never_new_when_a_source_shows_it_anew(sources, numbers, picked, again):
    """A feed re-lists entries of three years ago, or a service sends them with another text."""
    with with_profiles(Store(Path(":memory:")), "experts") as store:
        from_feed(store, *(entry(n, at=OLD) for n in sorted(numbers)), now=OLD)
        an_edition(store, *sorted(n for n in picked if n <= len(numbers)), now=OLD + HOUR)
        asyncio.run(pruned(store))
        relisted = [
            replace(
                entry(n, at=None if again == "undated" else OLD),
                guid=f"new {n}" if again == "new guids" else f"Entry {n}",
            )
            for n in sorted(numbers)
        ]
        if again == "corrected":
            relisted = [
                replace(s, paper=replace(s.paper, abstract="Experts, corrected.")) for s in relisted
            ]
        absorbed = from_feed(store, *relisted, now=NOW)
        assert absorbed.new == 0
        last = store.last_edition("experts")
        assert store.candidates("experts", last, None, sources) == []
        given_profiles, known = {"experts": a_profile(sources=sources)}, (a_source("journal"),)
        (made,) = asyncio.run(
            compose.compose(given_profiles, known, store, WORKERS, NOW, "UTC", force=["experts"])
        )
        assert made.edition.picks == ()


async def test_an_entry_that_lost_its_link_is_known_by_its_guid_after_pruning(store):
    from_feed(store, entry(1, at=OLD), now=OLD)
    an_edition(store, now=OLD + HOUR)
    await pruned(store)
    nameless = replace(
        entry(1, at=OLD),
        paper=a_paper(Identifier(Scheme.TITLE, "another"), title="Entry 1", abstract="Experts."),
    )
    assert from_feed(store, nameless, now=NOW).new == 0


async def test_who_had_a_paper_is_known_after_pruning(tmp_path):
    office = Office(tmp_path).readers("ada")
    await office.run(now=NOW)
    later = NOW + 3 * YEAR
    await pruned(office.store, now=later)
    (ada,) = {s.subscriber for s in office.store.subscriptions()}
    assert office.store.had({ada: {1, 2, 3, 4}}, NOW - DAY)[ada].papers.keys() == {1, 2, 3}
    office.store.close()


async def test_a_text_that_a_source_gives_again_is_there_again(store):
    absorb(store, paper(1), now=OLD)
    await pruned(store)
    absorb(store, paper(1), now=NOW)
    assert abstract(store, 1) == "Routing experts, number 1."
    assert await pruned(store, now=NOW + 2 * DAY) == 0


# ── Feeds and pages ───────────────────────────────────────────────────────────────────────────────


async def published(store, folder):
    config = a_config(folder, a_profile(), bot={"base_url": "https://papers.example.org"})
    public = folder / "public"
    await publish.publish(
        config, "example.org,2026", store, WORKERS, TemplateRenderer(None, print), write_file,
        public, afresh=True,
    )  # fmt: skip
    return {
        str(path.relative_to(public)): path.read_bytes()
        for path in public.rglob("*") if path.is_file() and path.name != ".published"
    }  # fmt: skip


async def test_pages_within_keep_are_byte_stable_and_those_of_old_papers_stay(store, tmp_path):
    absorb(store, paper(1), paper(2), now=OLD)
    absorb(store, shown(paper(2), Event.SEEN, votes=9), source="hf", now=OLD)
    an_edition(store, 1, now=OLD + HOUR, period=OLD.date())
    absorb(store, paper(3), paper(4), now=NOW - DAY)
    absorb(store, shown(paper(4), Event.SEEN, votes=2), source="hf", now=NOW - DAY)
    for day in range(14, 0, -1):  # as many as a feed shows
        an_edition(store, 3, now=NOW - day * DAY, period=(NOW - day * DAY).date())
    before = await published(store, tmp_path)
    assert await pruned(store) == 2
    after = await published(store, tmp_path)
    assert after.keys() == before.keys(), "no link is dead"
    changed = {name for name in before if before[name] != after[name]}
    old = OLD.date()
    assert changed == {
        "feeds/experts/1.rss", "feeds/experts/1.atom", "feeds/experts/1.json",  # its archive
        f"p/experts/{old}/index.html", "papers/arxiv/2611.00001/index.html",
        "papers/arxiv/2611.00002/index.html", *(c for c in changed if c.startswith("trending/")),
    }  # fmt: skip
    page = after["papers/arxiv/2611.00001/index.html"].decode()
    assert "Paper 1" in page
    assert "Ada Lovelace" in page
    assert "arxiv.org/abs/2611.00001" in page
    assert "Routing" not in page


# ── How it runs ───────────────────────────────────────────────────────────────────────────────────


async def test_it_runs_once_a_day(store):
    absorb(store, paper(1), now=OLD)
    assert await pruned(store, now=OLD + DAY) == 0
    assert await pruned(store, now=OLD + DAY + HOUR) == 0
    absorb(store, paper(2), now=OLD)
    assert await pruned(store, now=NOW) == 2
    assert await pruned(store, now=NOW + HOUR) == 0
    assert Pruner(store.db).pruning().ended_at == NOW


async def test_a_clock_that_went_back_stops_nothing(store):
    await pruned(store, now=NOW + 400 * DAY)
    absorb(store, paper(1), now=OLD)
    assert await pruned(store) == 1


async def test_a_round_is_bounded_in_time_and_the_next_goes_on(store, monkeypatch):
    absorb(store, *(paper(n) for n in range(1, 31)), now=OLD)
    pruner = Pruner(store.db)
    few = pruner.prune_papers

    def five_at_a_time(cutoff, after, spared):
        return few(cutoff, after, spared, 5)

    monkeypatch.setattr(Pruner, "prune_papers", lambda _self, *given: five_at_a_time(*given))
    ticks = iter(range(1000))
    counts = []
    while pruner.pruning().ended_at is None:
        counts += [await pruned(store, stopwatch=lambda: 0.6 * next(ticks))]
    assert sum(counts) == 30
    assert max(counts) == 15


async def test_a_step_takes_the_write_lock_only_where_something_is_old(store):
    absorb(store, paper(1), now=NOW)
    pruner = Pruner(store.db)
    with Store(store.db.path) as other, other.db.transaction():
        assert pruner.prune_papers(NOW - KEEP, 0, ()).after is None
        assert pruner.prune_attempts(NOW - KEEP, 0).after is None


async def test_subscribers_and_their_standing_are_no_matter_of_retention(store):
    subscribed(store, "ada@example.org")
    await pruned(store, now=NOW + 20 * YEAR)
    assert [s.address for s in store.subscriptions()] == ["ada@example.org"]
