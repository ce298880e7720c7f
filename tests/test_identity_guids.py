"""What a source's own ids tell: an entry stays its paper, and a feed may change all its guids."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import identity
from bot.config import SourceSettings
from bot.models import Identifier, Paper, Scheme
from support_collect import Rounds, rounds
from support_round import a_paper, doi, url

NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
WORDS = ("Routing", "Sparsity", "Experts", "Alignment", "Retrieval", "Planning", "Speech")


@pytest.fixture
async def world(tmp_path):
    async with rounds(tmp_path) as found:
        yield found


def entry(
    title: str,
    guid: str = "",
    link: str = "",
    doi: str = "",
    author: str = "A. Example",
    date: datetime | None = NOW - 2 * HOUR,
) -> str:
    return (
        f"<item><title>{title}</title><dc:creator>{author}</dc:creator>"
        + (f'<guid isPermaLink="false">{guid}</guid>' if guid else "")
        + (f"<link>https://j.example/{link}</link>" if link else "")
        + (f"<dc:identifier>doi:{doi}</dc:identifier>" if doi else "")
        + (f"<pubDate>{date:%a, %d %b %Y %H:%M:%S} +0000</pubDate>" if date else "")
        + "</item>"
    )


async def show(world: Rounds, *entries: str, name: str = "j", hours: int = 0):
    """Put these entries into a feed and collect it."""
    world.site.put(f"/{name}", (
        '<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel>'
        f"<title>J</title>{''.join(entries)}</channel></rss>"
    ))  # fmt: skip
    source = SourceSettings(name=name, kind="feed", url=world.site.url(f"/{name}"))
    report = await world.walk(NOW + hours * HOUR, source)
    assert report.outcome == "read", report
    return report


# ── One entry ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "later",
    [
        entry("Routing experts", "tag:j,1"),  # its link and its DOI vanished
        entry("Routing experts", "tag:j,1", link="moved"),
        entry("Routing experts", "tag:j,1", link="1", doi="10.1000/corrected"),
        entry("Routing experts", "tag:j,1", link="moved", doi="10.1000/corrected"),
        entry("Routing experts, revised", "tag:j,1", link="moved"),
    ],
)
async def test_an_entry_whose_guid_is_known_stays_the_same_paper(world, later):
    await show(world, entry("Routing experts", "tag:j,1", link="1", doi="10.1000/x"))
    (before,) = world.papers()
    report = await show(world, later, hours=2)
    (after,) = world.papers()
    assert (report.new, after.id, after.key) == (0, before.id, before.key)
    assert before.identifiers <= after.identifiers


async def test_an_entry_that_names_another_stored_paper_joins_the_two(world):
    await show(world, entry("Routing experts", "tag:j,1", link="1"))
    await show(world, entry("Routing experts", doi="10.1000/x"), name="other", hours=1)
    assert len(world.papers()) == 2
    await show(world, entry("Routing experts", "tag:j,1", link="1", doi="10.1000/x"), hours=2)
    (paper,) = world.papers()
    assert len(paper.identifiers) == 2
    # And the guid follows the paper that it was joined to.
    assert (await show(world, entry("Routing experts", "tag:j,1"), hours=4)).new == 0


async def test_guids_that_count_places_are_no_identity(world):
    await show(world, *(entry(word, f"item-{n}", link=word) for n, word in enumerate(WORDS)))
    moved = [entry("Something new", "item-0", link="new")]
    moved += [entry(word, f"item-{n}", link=word) for n, word in enumerate(WORDS[:-1], start=1)]
    assert (await show(world, *moved, hours=2)).new == 1
    assert len(world.papers()) == len(WORDS) + 1
    assert "Something new" in world.new()


async def test_the_same_guid_in_another_source_is_another(world):
    await show(world, entry("Routing", "1", link="1"))
    assert (await show(world, entry("Routing", "1", link="2"), name="other", hours=1)).new == 1


# ── All of them ───────────────────────────────────────────────────────────────────────────────────


def old(*words: str) -> list[str]:
    return [entry(word, f"https://j.example/?p={n}", link=word) for n, word in enumerate(words)]


async def test_a_feed_that_changes_all_its_guids_announces_only_what_is_dated_since(world):
    await show(world, *old(*WORDS))
    new = [entry(word, f"urn:uuid:{n}", link=word) for n, word in enumerate(WORDS)]
    late = entry("Late", "urn:uuid:99", link="late", date=NOW - 3 * DAY)
    undated = entry("Undated", "urn:uuid:98", link="undated", date=None)
    since = entry("Since then", "urn:uuid:97", link="since", date=NOW + HOUR)
    report = await show(world, *new, late, undated, since, hours=2)
    assert (report.entries, report.new) == (10, 3)
    assert report.detail == (
        "7 known entries came under new guids; "
        "2 stored as seen, no news: not dated since its last answer"
    )
    assert {"Late", "Undated"} < set(world.titles())
    assert {"Late", "Undated", "Since then"} & set(world.new()) == {"Since then"}
    fresh = await show(world, *new, entry("Fresh", "urn:uuid:100", link="fresh"), hours=4)
    assert (fresh.new, fresh.detail) == (1, "")
    assert "Fresh" in world.new()


async def test_a_feed_that_moves_house_is_known_by_titles_and_authors(world):
    await show(world, *old(*WORDS))
    before = {paper.title: paper.key for paper in world.papers()}
    moved = [entry(word, f"urn:uuid:{n}", link=f"new/{n}") for n, word in enumerate(WORDS)]
    assert (await show(world, *moved, hours=2)).new == 0
    assert {paper.title: paper.key for paper in world.papers()} == before
    again = [entry(word, f"urn:uuid:{n}", link=f"newest/{n}") for n, word in enumerate(WORDS)]
    assert (await show(world, *again, hours=4)).new == 0, "the new guids are remembered too"


async def test_titles_that_several_papers_share_name_none_of_them(world):
    twins = [entry("Editorial", f"{n}", link=f"editorial/{n}", author="") for n in range(2)]
    await show(world, *old(*WORDS), *twins)
    moved = [entry(word, f"urn:uuid:{n}", link=f"new/{n}") for n, word in enumerate(WORDS)]
    report = await show(
        world, *moved, entry("Editorial", "urn:uuid:9", link="new/9", author="", date=None), hours=2
    )
    assert report.detail.startswith("7 known entries came under new guids; 1 stored as seen")
    assert world.titles().count("Editorial") == 3


async def test_half_a_feed_is_no_move(world):
    await show(world, *old(*WORDS[:4]))
    some = [entry(word, f"urn:uuid:{n}", link=word) for n, word in enumerate(WORDS[:2])]
    more = [entry(word, f"urn:uuid:x{n}", link=word) for n, word in enumerate(WORDS[4:6])]
    report = await show(world, *some, *more, hours=2)
    assert (report.new, report.detail) == (2, "")


async def test_a_first_look_at_what_others_showed_before_is_no_move(world):
    await show(world, *old(*WORDS))
    more = [entry(word, f"urn:uuid:{n}", link=word) for n, word in enumerate(WORDS)]
    report = await show(world, *more, entry("New", "urn:uuid:9", link="new"), name="other", hours=1)
    assert (report.new, report.detail) == (1, "")
    assert "New" in world.new()


async def test_a_feed_that_draws_new_guids_every_time_hides_nothing_for_long(world):
    for visit in range(12):
        drawn = [entry(word, f"{visit}-{n}", link=word) for n, word in enumerate(WORDS)]
        fresh = [entry(f"Fresh {n}", f"{visit}-f{n}", link=f"f{n}") for n in range(1, visit)]
        await show(world, *fresh, *drawn, hours=2 * visit)
    assert len([title for title in world.new() if title.startswith("Fresh")]) == 10
    rows = world.store.db.rows("SELECT count(*) AS n FROM guid GROUP BY paper")
    assert max(row["n"] for row in rows) == 8


@pytest.mark.parametrize("guids", [True, False])
@pytest.mark.parametrize("link", ["{}?sid={}", "{};jsessionid={}", "{}?PHPSESSID={}"])
async def test_a_feed_that_draws_new_addresses_at_every_visit_tells_each_paper_once(
    world, link, guids
):
    for visit in range(6):
        words = [*WORDS, *(f"Fresh {n}" for n in range(1, visit + 1))]
        addresses = [link.format(n, f"{visit}-{n}") for n in range(len(words))]
        drawn = [
            entry(word, at if guids else "", link=at, date=NOW + (2 * visit - 1) * HOUR)
            for word, at in zip(words, addresses, strict=True)
        ]
        assert (await show(world, *drawn, hours=2 * visit)).new == (1 if visit else 7)
    assert sorted(world.new()) == sorted(words) == world.titles()
    assert max(len(paper.identifiers) for paper in world.papers()) <= 3


async def test_titles_that_recur_under_new_guids_are_new_papers(world):
    """Guids that are drawn anew tell nothing of a title that another entry had months ago."""
    for visit in range(4):
        drawn = [entry(word, f"{visit}-{n}", link=word) for n, word in enumerate(WORDS)]
        column = entry("This month", f"{visit}-m", link=f"month/{visit}", date=NOW + visit * HOUR)
        await show(world, *drawn, *([column] if visit else []), hours=2 * visit)
    assert world.titles().count("This month") == 3
    assert world.new().count("This month") == 3


async def test_a_feed_without_guids_and_one_with_the_same_twice_are_no_trouble(world):
    await show(world, entry("Routing", link="1"), entry("Speech"), entry("", "9"))
    report = await show(world, entry("Routing", link="1"), entry("Speech", "x"), hours=2)
    assert report.new == 0
    twice = [entry("Planning", "same", link="2"), entry("Experts", "same", link="3")]
    assert (await show(world, *twice, hours=4)).new == 2


# ── The pure part ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Routing experts", "Routing experts", True),
        ("Routing experts", "ROUTING, experts!", True),
        ("Routing the Schrödinger bridge", "Routing the Schrodinger Bridge (v2)", True),
        ("Routing experts", "Speech for all", False),
        ("0", "0", True),
        ("0", "1", False),
        ("?!", "?!", True),
        ("?!", "!!", False),
        ("", "", True),
        ("", "Routing", False),
    ],
)
def test_a_corrected_title_is_still_that_title(one, other, same):
    assert identity.same_title(one, other) is same
    assert identity.same_title(other, one) is same


def test_a_record_takes_the_key_that_its_guid_told_only_where_the_titles_agree():
    stored = a_paper(doi(1), title="Routing experts")
    key = Identifier(Scheme.DOI, "10.1234/1")
    kept = Paper("Routing experts", frozenset({url(1)}))
    told = identity.under_guid(kept, _stored(stored, key))
    assert told.identifiers == {url(1), key}
    other = Paper("Speech for all", frozenset({url(1)}))
    assert identity.under_guid(other, _stored(stored, key)) is other
    assert identity.under_guid(kept, stored) is kept, "a record without a key tells nothing"


def _stored(paper: Paper, key: Identifier) -> Paper:
    return Paper(paper.title, paper.identifiers, id=1, key=key)


def test_records_are_known_again_by_what_names_them_or_by_a_title_of_their_own():
    key = doi(1)
    shown = {doi(1): key, identity.title_key("Routing", "A. Example"): doi(2)}
    records = [
        a_paper(doi(1), title="x"),
        a_paper(url(1), title="Routing", authors=("B. Example",)),
        a_paper(url(2), title="Speech"),
    ]
    assert identity.relinked(records, shown) == {0: key, 1: doi(2)}
    twice = [*records, a_paper(url(3), title="Routing", authors=("C. Example",))]
    assert identity.relinked(twice, shown) == {0: key}


keys = st.builds(Identifier, st.just(Scheme.DOI), st.sampled_from("abc"))
titles = st.sampled_from(["Routing", "Speech", "?"])


@given(
    st.lists(st.builds(Paper, titles, st.frozensets(keys, min_size=1, max_size=2)), max_size=6),
    st.dictionaries(keys, keys),
)
def test_what_is_known_again_was_shown(records, shown):
    found = identity.relinked(records, shown)
    assert set(found) <= set(range(len(records)))
    assert set(found.values()) <= set(shown.values())
    assert all(records[at].identifiers & shown.keys() for at in found)
    assert identity.relinked(records, {}) == {}
