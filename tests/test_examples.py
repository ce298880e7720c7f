"""What profiles like and no source has shown: asked for by name, and never news. And thousands of it."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.config import SourceSettings
from bot.fetch.canned import CannedFetcher
from bot.models import Document, Failure, NotModified
from bot.ranking import Background, condensed, example_identifiers, rank
from bot.ranking.examples import medoids
from bot.store import Store
from bot.workflows.examples import introduce
from support_round import DAY, HOUR, NOW, WORKERS, a_paper, a_profile, absorb, arxiv, doi, stored

ARXIV = SourceSettings(name="arxiv", kind="arxiv", url="http://127.0.0.1:9", categories=("cs.LG",))


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "paperround.db") as opened:
        opened.found("example.org,2026")
        yield opened


def _answer(*numbers: int) -> bytes:
    entries = "".join(
        f"<entry><id>http://arxiv.org/abs/{arxiv(n).value}v1</id><title>Paper {n}</title>"
        f"<published>2026-11-19T08:00:00Z</published><updated>2026-11-19T08:00:00Z</updated>"
        f"<summary>About number {n}.</summary><author><name>A. Person</name></author>"
        f'<category term="cs.LG"/></entry>'
        for n in numbers
    )
    return (
        f'<feed xmlns="http://www.w3.org/2005/Atom"><title>arXiv</title>{entries}</feed>'.encode()
    )


def _address(*numbers: int) -> str:
    ids = ",".join(sorted(arxiv(n).value for n in numbers))
    return f"http://127.0.0.1:9/api/query?id_list={ids}&max_results={len(numbers)}"


def _liking(*numbers: int, **said):
    return a_profile(like=tuple(f"arXiv:{arxiv(n).value}" for n in numbers), **said)


def _introduce(store, fetcher, *profiles, now=NOW, sources=(ARXIV,)):
    return introduce(profiles, sources, store, fetcher, WORKERS, now)


# ── Asked for by name ─────────────────────────────────────────────────────────────────────────────


async def test_what_a_profile_likes_is_asked_for_once_and_is_known_then(store):
    absorb(store, a_paper(arxiv(1)))
    fetcher = CannedFetcher({_address(2, 3): [_answer(2, 3)]})
    told = await _introduce(store, fetcher, _liking(1, 2), _liking(2, 3))
    assert (told.asked, told.found, told.problem) == (2, 2, "")
    assert stored(store, arxiv(3)).abstract == "About number 3."
    assert (await _introduce(store, fetcher, _liking(1, 2, 3))).asked == 0
    assert len(fetcher.requests) == 1


async def test_an_example_is_never_news_to_anybody(store):
    fetcher = CannedFetcher({_address(2): [_answer(2)]})
    await _introduce(store, fetcher, _liking(2))
    assert store.candidates("experts", None, None, ()) == []
    assert store.candidates("others", None, NOW - 7 * DAY, ()) == []


async def test_what_arxiv_does_not_know_is_asked_for_again_in_a_month(store):
    fetcher = CannedFetcher({_address(2, 3): [_answer(2)], _address(3): [_answer(3)]})
    await _introduce(store, fetcher, _liking(2, 3))
    assert store.unknown([arxiv(2), arxiv(3)]) == [arxiv(3)]
    assert (await _introduce(store, fetcher, _liking(2, 3), now=NOW + 29 * DAY)).asked == 0
    assert (await _introduce(store, fetcher, _liking(2, 3), now=NOW + 31 * DAY)).found == 1


async def test_an_empty_answer_is_not_believed_at_once(store):
    fetcher = CannedFetcher({_address(2): [_answer(), _answer(2)]})
    assert (await _introduce(store, fetcher, _liking(2))).found == 1


async def test_an_answer_that_stays_empty_is_asked_for_again_the_next_day(store):
    fetcher = CannedFetcher({_address(2, 3): [_answer(), _answer(), _answer(2, 3)]})
    assert (await _introduce(store, fetcher, _liking(2, 3))).found == 0
    assert (await _introduce(store, fetcher, _liking(2, 3), now=NOW + 23 * HOUR)).asked == 0
    assert (await _introduce(store, fetcher, _liking(2, 3), now=NOW + 25 * HOUR)).found == 2


@pytest.mark.parametrize(
    "wrong",
    [
        Failure("http://127.0.0.1:9/", "127.0.0.1 could not be reached"),
        NotModified("http://127.0.0.1:9/"),
        Document("http://127.0.0.1:9/", b"<html><body>Sorry</body></html>"),
    ],
)
async def test_a_failure_is_told_and_waits_six_hours(store, wrong):
    fetcher = CannedFetcher({_address(2): [wrong]})
    told = await _introduce(store, fetcher, _liking(2))
    assert told.problem
    assert (await _introduce(store, fetcher, _liking(2), now=NOW + 5 * HOUR)).asked == 0
    fetcher.then(_address(2), _answer(2))
    assert (await _introduce(store, fetcher, _liking(2), now=NOW + 7 * HOUR)).found == 1


async def test_a_library_of_thousands_is_asked_for_bit_by_bit(store):
    numbers = range(1, 701)
    parts = [list(numbers)[at : at + 100] for at in range(0, 700, 100)]
    fetcher = CannedFetcher({_address(*part): [_answer(*part)] for part in parts})
    assert (await _introduce(store, fetcher, _liking(*numbers))).found == 500
    assert (await _introduce(store, fetcher, _liking(*numbers))).found == 200
    assert len(fetcher.requests) == 7


async def test_nobody_is_asked_where_no_arxiv_source_is_configured(store):
    fetcher = CannedFetcher()
    off = ARXIV.model_copy(update={"enabled": False})
    for sources in ((), (off,)):
        assert (await _introduce(store, fetcher, _liking(2), sources=sources)).asked == 0
    only_dois = a_profile(like=("doi:10.1234/5",))
    assert (await _introduce(store, fetcher, only_dois)).asked == 0
    assert fetcher.requests == []
    assert store.unknown([doi(5)]) == [doi(5)]


async def test_what_was_not_asked_for_is_not_taken(store):
    fetcher = CannedFetcher({_address(2): [_answer(2, 9)]})
    assert (await _introduce(store, fetcher, _liking(2))).found == 1
    assert store.lookup([arxiv(9)]) == []


# ── Thousands ─────────────────────────────────────────────────────────────────────────────────────

TOPICS = [f"topic{topic}" for topic in range(12)]


def _library(count: int, seed: int = 1):
    draw = Random(seed)  # noqa: S311 - generated text, the same every time
    papers = []
    for number in range(count):
        topic = TOPICS[number % len(TOPICS)]
        said = " ".join(f"{topic}word{draw.randrange(30)}" for _ in range(60))
        papers.append(a_paper(arxiv(number + 1), title=f"{topic} {number}", abstract=said))
    return papers


def _shelved(papers, **said):
    names = tuple(f"arXiv:{next(iter(p.identifiers)).value}" for p in papers)
    return a_profile(**{"keywords": (), **said}).with_shelf(names)


def test_a_small_library_stays_as_it_is():
    papers = _library(20)
    profile = _shelved(papers)
    assert condensed(profile, Background.of(papers)) is profile


def test_a_large_library_is_some_of_its_papers_and_every_interest_has_its_share():
    papers = _library(900)
    background = Background.of(papers)
    few = condensed(_shelved(papers), background, 60)
    kept = [paper for paper in papers if paper.identifiers & example_identifiers(few)]
    assert len(few.like) == len(kept) == 60
    assert few.shelf == ()
    counts = [sum(p.title.startswith(f"{topic} ") for p in kept) for topic in TOPICS]
    assert min(counts) >= 1, "a mean would have none of them"


def test_the_order_of_a_library_is_no_matter_and_unknown_papers_stay():
    papers = _library(120)
    background = Background.of(papers)
    backwards = _shelved(papers[::-1], like=("doi:10.1234/404",))
    forwards = _shelved(papers, like=("doi:10.1234/404",))
    one, other = condensed(forwards, background, 30), condensed(backwards, background, 30)
    assert one.like == other.like
    assert "doi:10.1234/404" in one.like
    assert one.name == forwards.name


def test_a_paper_like_a_large_library_is_still_found():
    papers = _library(800)
    background = replace(Background.of(papers), now=NOW)
    few = condensed(_shelved(papers, trending=0.0), background, 40)
    near = a_paper(arxiv(9001), title="topic3", abstract="topic3word1 topic3word2 topic3word9")
    far = a_paper(arxiv(9002), title="something else", abstract="of no interest at all")
    assert [each.paper.title for each in rank([far, near], few, background)] == ["topic3"]


def test_medoids_of_thousands_are_as_many_as_asked_for_and_of_every_kind():
    given = [{f"{at % 40}": 1.0, f"own{at}": 0.2} for at in range(2500)]
    chosen = medoids(given, 200)
    assert len(chosen) == 200
    assert {at % 40 for at in chosen} == set(range(40))


def test_a_library_that_is_mostly_unknown_stays_as_it_is():
    papers = _library(40)
    profile = _shelved(papers)
    assert condensed(profile, Background.of(papers[:20]), 30) is profile


vectors = st.lists(
    st.dictionaries(st.sampled_from("abcdef"), st.floats(0.1, 1), max_size=3), max_size=25
)


@given(vectors, st.integers(1, 30))
def test_medoids_are_some_of_what_they_stand_for(given, most):
    chosen = medoids(given, most)
    assert len(chosen) == min(most, len(given)) == len(set(chosen))
    assert chosen == sorted(chosen)
