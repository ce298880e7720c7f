"""One work on arXiv, bioRxiv, Hugging Face and in a journal is one paper, whoever shows it first."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.config import SourceSettings
from bot.identity import parse_identifier
from bot.sources import parse_feed
from support_collect import PreprintApi, Rounds, announcement, preprint, rounds
from support_round import absorb, arxiv

NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)
ARTICLE = "10.1038/s41586-026-00001-1"
NAMES = {
    "arxiv": "arXiv:2611.00001",
    "huggingface": "arXiv:2611.00001",
    "biorxiv": "doi:10.64898/2026.11.18.000001",
    "journal": f"doi:{ARTICLE}",
}


@pytest.fixture
async def world(tmp_path):
    async with rounds(tmp_path) as found:
        arxivs = announcement(NOW, "2611.00001").replace(
            "<arxiv:announce_type>", f"<arxiv:DOI>{ARTICLE}</arxiv:DOI><arxiv:announce_type>"
        )
        found.site.put("/rss/cs.LG", arxivs)
        listed = {"paper": {"id": "2611.00001", "title": "Paper", "upvotes": 7}, "numComments": 2}
        found.site.put("/api/daily_papers", json.dumps([listed]))
        PreprintApi([preprint(1, published=ARTICLE)]).put(found.site)
        found.site.put("/journal", (
            '<rss version="2.0"><channel><title>N</title><item><title>The article</title>'
            f"<link>https://www.nature.com/articles/{ARTICLE[8:]}?utm_source=rss</link>"
            "</item></channel></rss>"
        ))  # fmt: skip
        yield found


def the_sources(world: Rounds) -> dict[str, SourceSettings]:
    base = world.site.url("")
    return {
        "arxiv": SourceSettings(name="a", kind="arxiv", url=base, categories=("cs.LG",)),
        "huggingface": SourceSettings(name="h", kind="huggingface", url=base),
        "biorxiv": SourceSettings(name="b", kind="biorxiv", url=base),
        "journal": SourceSettings(name="j", kind="feed", url=f"{base}/journal"),
    }


ORDERS = list(itertools.permutations(NAMES))


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
async def test_four_sources_show_one_paper_in_whatever_order(world, order):
    configured = the_sources(world)
    for name in order:
        await world.walk(NOW, configured[name])
    (paper,) = world.papers()
    # Who came first gives the key, for good; of a record's two DOIs, the lesser in order.
    first = "journal" if order[0] == "biorxiv" else order[0]
    assert str(paper.key) == NAMES[first]
    assert {str(i) for i in paper.identifiers} == set(NAMES.values())
    assert (paper.title, paper.venue, paper.votes) == ("Paper 2611.00001", "bioRxiv", 7)
    # Each of its names finds it, aliases too, and nothing changes when all show it again.
    spellings = (f"https://doi.org/{ARTICLE}", "https://huggingface.co/papers/2611.00001")
    for name in (*NAMES.values(), *spellings):
        identifier = parse_identifier(name)
        assert identifier is not None
        assert world.store.lookup([identifier]) == [paper]
    for name in order:
        assert (await world.walk(NOW + 2 * HOUR, configured[name])).new == 0
    (again,) = world.papers()
    assert replace(again, votes=None) == replace(paper, votes=None)


async def test_papers_that_were_two_become_one_and_the_later_key_an_alias(world):
    configured = the_sources(world)
    await world.walk(NOW, configured["huggingface"])
    await world.walk(NOW, configured["journal"])
    earlier, later = sorted(world.papers(), key=lambda paper: paper.id)
    await world.walk(NOW, configured["arxiv"])
    (paper,) = world.papers()
    assert paper.key == earlier.key
    assert later.key in paper.identifiers
    assert world.store.papers([later.id])[later.id] == paper


def naming(number: str, doi: str, event: str = "new", at: datetime = NOW) -> str:
    """Return an announcement of one paper whose authors named that DOI."""
    return announcement(at, number, event=event).replace(
        "<arxiv:announce_type>", f"<arxiv:DOI>{doi}</arxiv:DOI><arxiv:announce_type>"
    )


async def test_papers_whose_authors_typed_one_doi_are_all_announced(world):
    source = the_sources(world)["arxiv"]
    await world.walk(NOW, source)
    for days, number in enumerate(("2611.00002", "2611.00003"), start=1):
        world.site.put("/rss/cs.LG", naming(number, ARTICLE, at=NOW + days * 24 * HOUR))
        assert (await world.walk(NOW + days * 24 * HOUR, source)).new == 1
    assert world.new() == ["Paper 2611.00001", "Paper 2611.00002", "Paper 2611.00003"]
    # The same again, and its article, find what they are.
    assert (await world.walk(NOW + 72 * HOUR, source)).updated == 0
    assert (await world.walk(NOW + 72 * HOUR, the_sources(world)["journal"])).new == 0
    assert len(world.papers()) == 3


async def test_a_replacement_that_names_anothers_doi_brings_no_paper(world):
    source = the_sources(world)["arxiv"]
    await world.walk(NOW, source)
    world.site.put("/rss/cs.LG", naming("2611.00002", ARTICLE, "replace", NOW + 24 * HOUR))
    found = await world.walk(NOW + 24 * HOUR, source)
    assert (found.entries, found.new, found.updated) == (1, 0, 0)
    assert world.titles() == ["Paper 2611.00001"]


@pytest.mark.parametrize("announced_first", [True, False])
async def test_an_announcement_is_news_though_a_journals_first_list_had_it_without_a_date(
    world, announced_first
):
    configured = the_sources(world)
    names = ("arxiv", "journal") if announced_first else ("journal", "arxiv")
    new = {name: (await world.walk(NOW, configured[name])).new for name in names}
    assert new == {"arxiv": 1, "journal": 0 if announced_first else 1}
    assert world.new() == ["Paper 2611.00001"]
    for hours, name in enumerate(names, start=1):
        assert (await world.walk(NOW + hours * HOUR, configured[name])).new == 0


def test_categories_of_several_words_come_back_whole(tmp_path):
    from bot.store import Store
    from support_round import a_paper, stored

    with Store(tmp_path / "paperround.db") as store:
        paper = a_paper(arxiv(1), categories=("cell biology", "cs.LG"))
        absorb(store, paper)
        assert stored(store, arxiv(1)).categories == ("cell biology", "cs.LG")
        assert absorb(store, paper).updated == 0, "the same again is no change"


def test_preprint_addresses_name_the_doi_of_either_prefix():
    link = "https://www.biorxiv.org/content/{}/2026.11.18.000001v2.full.pdf"
    found = [
        next(iter(parse_feed(
            f"<rss version='2.0'><channel><item><title>x</title><link>{link.format(prefix)}</link>"
            "</item></channel></rss>".encode(), ""
        )[0].identifiers))
        for prefix in ("10.1101", "10.64898")
    ]  # fmt: skip
    assert [str(identifier) for identifier in found] == [
        "doi:10.1101/2026.11.18.000001",
        "doi:10.64898/2026.11.18.000001",
    ]
