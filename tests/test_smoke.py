"""`make smoke` itself: each kind and service asked once, here over HTTP on loopback."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from benchmarks.smoke import smoke
from bot import sources
from bot.fetch import HttpFetcher
from bot.sources.enrichment import SERVICES
from support_collect import PreprintApi, announcement, preprint
from support_http import Site, serving
from support_services import Crossref, OpenReview, PubMed, Scholar, note, work


@pytest.fixture
async def site():
    """One place where all services are, on paths of their own."""
    now = datetime.now(UTC)
    async with serving() as served:
        served.put("/rss/cs.CL", announcement(now, "2611.00001"))
        served.put("/feed", announcement(now, "2611.00001"))
        served.put("/api/daily_papers", '[{"paper": {"id": "2611.00001"}}]')
        PreprintApi([preprint(1)]).put(served)
        Crossref(works=[work(1, now - timedelta(hours=1))]).put(served)
        PubMed([(n, f"{now:%Y/%m/%d}") for n in range(1, 5)]).put(served)
        OpenReview(notes=[note(1, now)], token="right").put(served)
        Scholar(known={"DOI:10.1038/nature14539": {"citationCount": 9}}).put(served)
        yield served


async def told(site: Site) -> dict[str, tuple[str, str]]:
    base = site.url("").rstrip("/")
    urls = dict.fromkeys([*sources.KINDS, "enrich semantic-scholar"], base)
    urls |= {"feed": f"{base}/feed", "enrich crossref": f"{base}/nowhere"}
    fetcher = HttpFetcher(allow_private=["127.0.0.1/32"])
    return {n: (mark, words) async for mark, n, words in smoke("", urls, fetcher)}


async def test_every_kind_and_service_is_asked_and_told(site, monkeypatch):
    monkeypatch.setenv("OPENREVIEW_TOKEN", "right")
    found = await told(site)
    assert found.keys() == {*sources.KINDS, *(f"enrich {name}" for name in SERVICES)}
    failed = {name for name, (mark, _) in found.items() if mark != "ok"}
    assert failed == {"enrich crossref"}
    assert found["pubmed"] == ("ok", "2 entries")
    assert found["openreview"] == ("ok", "1 entries")
    assert found["enrich semantic-scholar"] == ("ok", "9 citations, abstract of 0 characters")
    assert found["enrich crossref"][1].startswith("127.0.0.1 answered HTTP 404")
    assert len([path for path, _ in site.requests if "/details/" in path]) == 2


async def test_who_has_no_token_is_told_and_nothing_failed(site, monkeypatch):
    monkeypatch.delenv("OPENREVIEW_TOKEN", raising=False)
    mark, words = (await told(site))["openreview"]
    assert mark == "skip"
    assert "the service wants a token" in words
