"""enrich: what Crossref and Semantic Scholar know, over real HTTP on loopback, into a real store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from bot.fetch import HttpFetcher
from bot.models import Document, Event, Paper, Stamp
from bot.ports import Fetcher
from bot.sources.enrichment import SERVICES
from bot.sources.kinds import Caller
from bot.store import Store
from bot.store.enrichment import Enricher
from bot.text.query import read_query
from bot.workflows.enrich import MOST_REQUESTS, Asked, Enriched, enrich
from support_cli import CONFIG, MORNING, desk_in, mails
from support_collect import DATA
from support_http import Site, serving
from support_replay import replaying, sample_day
from support_round import DAY, HOUR, NOW, WORKERS, a_paper, absorb, arxiv, doi, shown, stored, url
from support_services import CrossrefByDoi, Scholar

CAPTURES = DATA / "scholar_apis" / "semanticscholar" / "bodies"
TOLD = {
    "abstract": "We route.",
    "venue": "ICML",
    "citationCount": 12,
    "tldr": {"model": "tldr@v2", "text": "Routing works."},
    "externalIds": {"DOI": "10.5555/ICML.1"},
}


@dataclass
class World:
    store: Store
    site: Site
    fetcher: Fetcher
    scholar: Scholar = field(default_factory=Scholar)
    crossref: CrossrefByDoi = field(default_factory=CrossrefByDoi)

    async def run(self, *names: str, now=NOW, seconds: float = 30.0, token="") -> list[Enriched]:
        caller = Caller(token, "you@example.org")
        asked = [Asked(name, SERVICES[name], self.site.url("").rstrip("/"), caller)
                 for name in names or ("semantic-scholar",)]  # fmt: skip
        return await enrich(asked, Enricher(self.store), self.fetcher, WORKERS, now, seconds)

    def paper(self, identifier) -> Paper:
        return stored(self.store, identifier)


@asynccontextmanager
async def a_world(folder: Path) -> AsyncIterator[World]:
    async with serving() as site, HttpFetcher(allow_private=["127.0.0.1/32"]) as fetcher:
        with Store(folder / "paperround.db") as store:
            store.found("here,2026", None)
            world = World(store, site, fetcher)
            world.scholar.put(site)
            world.crossref.put(site)
            yield world


@pytest.fixture
async def world(tmp_path):
    async with a_world(tmp_path) as found:
        yield found


# ── What is filled in ─────────────────────────────────────────────────────────────────────────────


async def test_what_a_paper_lacks_is_filled_in(world):
    absorb(world.store, a_paper(arxiv(1), abstract="", venue=""))
    name = next(iter(world.paper(arxiv(1)).identifiers)).value
    world.scholar.known = {f"ARXIV:{name}": TOLD}
    assert await world.run() == [Enriched("semantic-scholar", 1, 1, 1)]
    paper = world.paper(arxiv(1))
    assert (paper.abstract, paper.venue) == ("We route.", "ICML")
    assert (paper.citations, paper.tldr) == (12, "Routing works.")
    assert "doi:10.5555/icml.1" in map(str, paper.identifiers)
    assert paper.key == arxiv(1)
    assert [each.id for each, _ in world.store.search(read_query("route"), 10)] == [paper.id]


async def test_a_sources_own_word_is_never_overruled_and_a_later_one_takes_the_place(world):
    absorb(world.store, a_paper(arxiv(1), abstract="The source's own.", venue=""))
    name = arxiv(1).value
    world.scholar.known = {f"ARXIV:{name}": TOLD}
    await world.run()
    assert world.paper(arxiv(1)).abstract == "The source's own."
    assert dict(world.paper(arxiv(1)).stamps)["venue"] == Stamp(1)
    absorb(world.store, a_paper(arxiv(1), abstract="", venue="Nature", version=2))
    assert world.paper(arxiv(1)).venue == "Nature"


@pytest.mark.parametrize(
    ("told", "read_as"),
    [
        ({"abstract": None, "venue": None, "tldr": None, "externalIds": None}, ("", "", None, "")),
        ({"abstract": 5, "venue": [], "tldr": "x", "citationCount": "many"}, ("", "", None, "")),
        ({"venue": "arXiv.org", "citationCount": 0}, ("", "", 0, "")),
        ({"abstract": "<jats:p>A <b>b</b></jats:p>", "citationCount": True}, ("A b", "", None, "")),
    ],
)
async def test_odd_answers_are_read_for_what_they_are_worth(world, told, read_as):
    absorb(world.store, a_paper(arxiv(1), abstract="", venue=""))
    world.scholar.known = {f"ARXIV:{arxiv(1).value}": told}
    await world.run()
    paper = world.paper(arxiv(1))
    assert (paper.abstract, paper.venue, paper.citations, paper.tldr) == read_as
    assert len(paper.identifiers) == 1


async def test_arxivs_own_doi_is_no_further_name(world):
    absorb(world.store, a_paper(arxiv(1), abstract=""))
    name = arxiv(1).value
    world.scholar.known = {f"ARXIV:{name}": {"externalIds": {"DOI": f"10.48550/arXiv.{name}"}}}
    await world.run()
    assert world.paper(arxiv(1)).identifiers == {arxiv(1)}


async def test_a_doi_shows_that_two_papers_are_one(world):
    absorb(
        world.store, a_paper(arxiv(1), title="Routing"), a_paper(doi(9), title="Routing, printed")
    )
    world.scholar.known = {f"ARXIV:{arxiv(1).value}": {"externalIds": {"DOI": doi(9).value}}}
    await world.run()
    assert world.store.count_papers() == 1
    assert world.paper(arxiv(1)).key == world.paper(doi(9)).key


async def test_a_services_mistake_makes_no_one_paper_of_several(world):
    papers = [a_paper(arxiv(1), title="Routing"), a_paper(arxiv(2), title="Galaxies seen")]
    absorb(world.store, *papers, a_paper(doi(9), title="Something else entirely"))
    wrong = {"externalIds": {"DOI": doi(8).value}}
    elsewhere = {"externalIds": {"DOI": doi(9).value}, "abstract": "Told all the same."}
    world.scholar.known = {f"ARXIV:{arxiv(n).value}": wrong for n in (1, 2)}
    await world.run()
    assert world.store.count_papers() == 3
    absorb(world.store, a_paper(arxiv(3), title="Moths", abstract=""))
    world.scholar.known = {f"ARXIV:{arxiv(3).value}": elsewhere}
    await world.run()
    assert world.paper(arxiv(3)).identifiers == {arxiv(3)}
    assert world.paper(arxiv(3)).abstract == "Told all the same."
    assert world.store.count_papers() == 4


async def test_crossref_is_asked_by_doi_and_its_jats_is_made_plain(world):
    absorb(world.store, a_paper(doi(1), abstract="", venue=""), a_paper(arxiv(2)))
    world.crossref.known = {doi(1).value: {
        "abstract": "<jats:title>Abstract</jats:title><jats:p>We <jats:italic>route</jats:italic>."
        "</jats:p>", "container-title": ["Journal of Examples"], "is-referenced-by-count": 7,
    }}  # fmt: skip
    assert await world.run("crossref") == [Enriched("crossref", 1, 1, 1)]
    paper = world.paper(doi(1))
    assert (paper.abstract, paper.venue, paper.citations) == (
        "We route.", "Journal of Examples", 7,
    )  # fmt: skip
    assert world.crossref.asked == [[doi(1).value]]
    path, headers = world.site.requests[-1]
    assert "mailto=you" in path
    assert headers["user-agent"].startswith("paperround/")


async def test_of_two_services_the_higher_count_of_citations_is_told(world):
    absorb(world.store, a_paper(doi(1)))
    world.crossref.known = {doi(1).value: {"is-referenced-by-count": 7}}
    world.scholar.known = {f"DOI:{doi(1).value}": {"citationCount": 9}}
    assert len(await world.run("crossref", "semantic-scholar")) == 2
    assert world.paper(doi(1)).citations == 9


# ── What is asked, and how often ──────────────────────────────────────────────────────────────────


async def test_answers_are_kept_and_so_is_that_nothing_was_known(world):
    absorb(world.store, a_paper(arxiv(1)), a_paper(arxiv(2)))
    world.scholar.known = {f"ARXIV:{arxiv(1).value}": TOLD}
    await world.run()
    await world.run(now=NOW + DAY)
    assert len(world.scholar.asked) == 1
    await world.run(now=NOW + 4 * DAY)  # what was not known may be by now
    assert world.scholar.asked[1:] == [[f"ARXIV:{arxiv(2).value}"]]
    await world.run(now=NOW + 15 * DAY)  # and citations have grown
    assert {name for asked in world.scholar.asked[2:] for name in asked} >= {
        f"ARXIV:{arxiv(1).value}"
    }


async def test_papers_that_are_no_news_or_have_no_name_there_are_not_asked_about(world):
    absorb(world.store, a_paper(url(1)))
    absorb(world.store, a_paper(arxiv(2)), now=NOW - 40 * DAY)
    world.store.absorb(
        "s", [shown(a_paper(arxiv(3)), Event.NEW, at=NOW - 90 * DAY)],
        world.store.source_states()["arxiv"], NOW, introduces={Event.NEW}, seen_before=NOW - DAY,
    )  # fmt: skip
    assert await world.run() == [Enriched("semantic-scholar")]
    assert world.scholar.asked == []


async def test_a_question_is_about_as_many_papers_as_the_service_takes(world):
    absorb(world.store, *(a_paper(arxiv(n)) for n in range(1, 700)))
    (report,) = await world.run()
    assert report.asked == 699
    assert [len(asked) for asked in world.scholar.asked] == [500, 199]


async def test_a_run_asks_so_often_and_the_next_one_goes_on(world):
    absorb(world.store, *(a_paper(doi(n)) for n in range(1, 251)))
    (report,) = await world.run("crossref")
    assert (report.asked, len(world.crossref.asked)) == (20 * MOST_REQUESTS, MOST_REQUESTS)
    (report,) = await world.run("crossref", now=NOW + HOUR)
    assert report.asked == 50


async def test_a_key_goes_in_the_header_that_the_service_wants(world):
    absorb(world.store, a_paper(arxiv(1)))
    await world.run(token="secret")
    assert world.scholar.keys == ["secret"]


async def test_a_doi_with_a_comma_cannot_be_asked_about_and_harms_nobody(world):
    odd = doi(1).__class__(doi(1).scheme, "10.5555/a,b")
    absorb(world.store, a_paper(odd), a_paper(doi(2)))
    world.crossref.known = {doi(2).value: {"is-referenced-by-count": 1}}
    (report,) = await world.run("crossref")
    assert (report.asked, report.known) == (2, 1)
    assert world.crossref.asked == [[doi(2).value]]


# ── What goes wrong ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("mood", "problem"),
    [
        ("429", "127.0.0.1 answered HTTP 429 Too Many Requests; asked again after"),
        ("503", "127.0.0.1 answered HTTP 503"),
        ("html", "127.0.0.1 sent a web page (HTML) instead of a list of papers"),
        ("empty", "127.0.0.1 sent an empty document"),
        ('[{"abs', "127.0.0.1 sent something that is no JSON"),
        ("[null, null, null]", "answered with an error: 3 answers to a question about 1"),
        ('{"message":"Forbidden"}', "answered with an error: Forbidden"),
    ],
)
async def test_a_service_that_fails_is_told_and_rests_and_nothing_is_lost(world, mood, problem):
    absorb(world.store, a_paper(arxiv(1)))
    world.scholar.known = {f"ARXIV:{arxiv(1).value}": TOLD}
    world.scholar.moods = [mood]
    (report,) = await world.run()
    assert (report.asked, report.known) == (0, 0)
    assert problem in report.problem
    (again,) = await world.run(now=NOW + 5 * timedelta(minutes=1))
    assert again == report
    assert len(world.scholar.asked) == 1
    async with HttpFetcher(allow_private=["127.0.0.1/32"]) as world.fetcher:  # the next run's
        (report,) = await world.run(now=NOW + HOUR)
    assert (report.known, report.problem) == (1, "")
    assert Enricher(world.store).rest_of("semantic-scholar").failures == 0


async def test_a_service_that_goes_on_failing_is_asked_ever_more_rarely(world):
    absorb(world.store, a_paper(arxiv(1)))
    world.scholar.moods = ["500"] * 20
    now, waits = NOW, []
    for _ in range(10):
        await world.run(now=now)
        until = Enricher(world.store).rest_of("semantic-scholar").until
        assert until is not None
        waits.append(until - now)
        now = until
    assert waits[:3] == [timedelta(minutes=15), timedelta(minutes=30), timedelta(hours=1)]
    assert waits[-1] == DAY


async def test_one_service_that_fails_keeps_no_other_from_its_work(world):
    absorb(world.store, a_paper(doi(1)))
    world.crossref.moods = ["500"]
    world.scholar.known = {f"DOI:{doi(1).value}": TOLD}
    failed, worked = await world.run("crossref", "semantic-scholar")
    assert failed.problem
    assert (worked.known, worked.problem) == (1, "")


async def test_a_question_that_is_refused_is_put_aside_and_blocks_no_other(world):
    absorb(world.store, *(a_paper(arxiv(n)) for n in range(1, 502)))
    world.scholar.moods = ["400"]
    (report,) = await world.run()
    assert [len(asked) for asked in world.scholar.asked] == [500, 1]
    assert (report.asked, report.known) == (501, 0)
    assert "HTTP 400 Bad Request to a question about 500 papers" in report.problem


class Hanging:
    """A service that takes what it is asked and never answers."""

    def __init__(self) -> None:
        self.asked = 0

    async def fetch(self, _request) -> Document:
        self.asked += 1
        await asyncio.Event().wait()
        raise AssertionError


async def test_a_service_that_hangs_holds_nobody_up_and_is_not_waited_for_each_time(world):
    absorb(world.store, a_paper(arxiv(1)))
    world.fetcher = Hanging()
    (slow,) = await world.run(seconds=1.0)
    told = "it did not answer within 1 s; asked again after 20 Nov 08:15 UTC"
    assert (slow.asked, slow.problem) == (0, told)
    assert await world.run(seconds=1.0) == [slow]
    assert world.fetcher.asked == 1


async def test_what_time_ends_before_the_service_is_asked_goes_on_in_the_next_run(world):
    absorb(world.store, a_paper(arxiv(1)))
    (late,) = await world.run(seconds=0.0)
    assert late.problem == "not done within 0 s; the next run goes on with it"
    (report,) = await world.run()
    assert (report.asked, report.problem) == (1, "")


async def test_what_is_sent_is_not_sent_elsewhere(world):
    absorb(world.store, a_paper(arxiv(1)))
    world.site.redirect("/graph/v1/paper/batch", world.site.url("/other"), 307)
    (report,) = await world.run(token="secret")
    assert "127.0.0.1 redirects what was sent to it" in report.problem
    assert all(path != "/other" for path, _ in world.site.requests)


@pytest.mark.skipif(not CAPTURES.is_dir(), reason="no captures of Semantic Scholar")
def test_the_captured_answer_is_read_and_what_it_does_not_know_is_unknown():
    body = (CAPTURES / "test_get_papers_not_found_warning_0.json").read_bytes()
    papers = [a_paper(doi(n)) for n in range(4)]
    found = SERVICES["semantic-scholar"].read(papers, Document("https://s2.example/x", body))
    assert [each is None for each in found] == [True, False, False, False]
    assert found[1] is not None
    assert str(found[1].doi) == "doi:10.2139/ssrn.288970"
    assert found[1].abstract.startswith("Most Difference-in-Difference (DD) papers rely")


# ── The command ───────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def desk(tmp_path, monkeypatch, capsys):
    with replaying(sample_day(1)) as site:
        services = f'[enrich]\ncrossref_url = "{site.url}"\nsemantic_scholar_url = "{site.url}"\n'
        named = '[bot]\nenrich = ["crossref", "semantic-scholar"]\n'
        text = CONFIG.format(url=site.url).replace("[bot]\n", named) + services
        (tmp_path / "config.toml").write_text(text, encoding="utf-8")
        yield from desk_in(tmp_path, monkeypatch, capsys)


def test_once_mails_first_and_services_that_fail_are_a_warning(desk):
    """Neither service is there: the digest goes out all the same, and before anybody is asked."""
    said = desk(*MORNING, "once")
    assert said.code == 0
    lines = [line.split()[0] for line in said.out.splitlines() if line.split()]
    assert len(mails(desk.state)) == 2
    assert lines.count("enrich") == 2
    assert lines.index("deliver") < lines.index("enrich")
    assert (
        "semantic-scholar: asked about 0 papers, knew 0, filled in 0; 127.0.0.1 answered"
        in said.out
    )
    told = desk(*MORNING, "once", "--json").document["enriched"]
    assert [each["service"] for each in told] == ["crossref", "semantic-scholar"]
    assert told[1]["problem"].endswith("; asked again after 19 Nov 08:15 UTC")


def test_check_says_how_the_services_stand(desk):
    desk(*MORNING, "once")
    lines = desk(*MORNING, "check", "--offline").out.splitlines()
    (scholar,) = [line for line in lines if "enrich semantic-scholar" in line]
    assert "left alone until 19 Nov 08:15 UTC: 127.0.0.1 answered HTTP 501" in scholar
    (crossref,) = [line for line in lines if "enrich crossref" in line]
    assert "knew 0 of the" in crossref


def test_a_token_that_is_missing_is_told_and_the_service_asked_without(desk):
    path = desk.folder / "config.toml"
    text = path.read_text(encoding="utf-8") + 'semantic_scholar_token = "env:NOT_SET_ANYWHERE"\n'
    path.write_text(text, encoding="utf-8")
    assert desk(*MORNING, "once").code == 0
    lines = desk(*MORNING, "check", "--offline").out.splitlines()
    assert any("NOT_SET_ANYWHERE is not set" in line for line in lines)
