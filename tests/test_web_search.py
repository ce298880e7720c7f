"""Searching under `serve`, a paper that is no file, and helpful pages where nothing is."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from urllib.parse import quote

import aiohttp
import pytest
from yarl import URL

from bot.app import open_app
from bot.config import load_config
from bot.models import Event
from bot.web import listening
from bot.workflows import find
from support_round import NOW, TODAY, a_paper, absorb, an_edition, arxiv, doi, shown, with_profiles

CONFIG = """
[bot]
base_url = "{base}"
[web]
listen = "127.0.0.1:0"
[profiles.experts]
title = "Mixture of experts"
[profiles.hidden]
title = "Nobody's business"
public = false
"""
HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>'


@pytest.fixture(params=["", "http://127.0.0.1/search/papers"], ids=["bare", "prefix"])
async def get(request, tmp_path):
    path = tmp_path / "config.toml"
    path.write_text(CONFIG.format(base=request.param))
    with open_app(load_config(path), lambda: NOW, b"s" * 32) as app:
        with_profiles(app.store, "experts", "hidden")
        absorb(
            app.store,
            a_paper(arxiv(1), title="Routing experts by debt", authors=("Noam Shazeer",),
                    abstract="Experts are routed to tokens."),
            a_paper(arxiv(2), title="Experts routed slowly", abstract="Routing tokens to an expert."),
            a_paper(doi(3), arxiv(3), title=f"Hostile {HOSTILE}", abstract=HOSTILE,
                    authors=(HOSTILE,)),
        )  # fmt: skip
        an_edition(app.store, 1, period=TODAY - timedelta(days=7))
        an_edition(app.store, 2)
        absorb(
            app.store,
            shown(a_paper(arxiv(2), title="Experts routed slowly"), Event.SEEN, votes=9),
            source="hf",
        )
        await app.publish()
        prefix = request.param.removeprefix("http://127.0.0.1")
        async with listening(lambda: app) as address, aiohttp.ClientSession() as session:

            async def ask(href, follow=False):
                url = URL(f"{address}{prefix}{href}", encoded=True)
                async with session.get(url, allow_redirects=follow) as answer:
                    return answer.status, await answer.text(), answer

            yield ask


async def test_the_field_is_shown_with_what_can_be_asked(get):
    status, text, answer = await get("/search")
    assert status == 200
    assert 'name="q"' in text
    assert "3 papers" in text
    assert 'author:"N. Shazeer"' in text.replace("&#34;", '"')
    assert answer.headers["Cache-Control"] == "no-store"
    assert "noindex" in answer.headers["X-Robots-Tag"]


async def test_what_is_found_leads_to_its_page(get):
    status, text, _ = await get("/search?q=routing+experts")
    assert status == 200
    assert "<title>Search, routing experts · " in text
    assert 'value="routing experts"' in text
    assert '<a href="papers/arxiv/2611.00001/index.html">Routing experts by debt</a>' in text
    assert (await get("/papers/arxiv/2611.00001/index.html"))[0] == 200


@pytest.mark.parametrize("href", ["/search/", "/search/index.html"])
async def test_the_files_lead_to_the_search_with_what_was_asked(get, href):
    status, _, answer = await get(f"{href}?q=a%26b&like=")
    assert status == 302
    assert answer.headers["Location"].endswith("/search?q=a%26b&like=")
    assert (await get(f"{href}?q=routing", follow=True))[0] == 200


async def test_nothing_found_says_so_and_what_to_do(get):
    status, text, _ = await get("/search?q=zebra+crossing")
    assert status == 200
    assert "None of the 3 papers fits “zebra crossing”." in text
    assert "fewer find more" in text


@pytest.mark.parametrize("typed", ['""', "***", "%00", "-"])
async def test_a_query_of_nothing_is_refused_with_what_can_be_asked(get, typed):
    status, text, _ = await get(f"/search?q={quote(typed, safe='%')}")
    assert status == 400
    assert "names nothing to look for" in text
    assert "What can be asked" in text


@pytest.mark.parametrize(
    "typed", [HOSTILE, "x" * 4000, "'; DROP TABLE paper; --", "\u202eabc", "a:b:c"]
)
async def test_a_hostile_query_is_text(get, typed):
    status, text, _ = await get(f"/search?q={quote(typed)}")
    assert status == 200
    assert "<script" not in text
    assert "<img" not in text
    assert "\u202e" not in text


async def test_papers_like_one_and_like_one_that_is_not_known(get):
    status, text, _ = await get("/search?like=arXiv:2611.00001")
    assert status == 200
    assert "Experts routed slowly" in text
    assert "Routing experts by debt</a>”" in text
    for named in ("arXiv:2001.99999", "nothing", quote(HOSTILE), "x" * 5000):
        status, text, _ = await get(f"/search?like={named}")
        assert status == 404
        assert "names no paper that was seen here" in text
        assert "<script" not in text


async def test_a_flood_of_searches_is_turned_away_before_it_keeps_others_waiting(get):
    answers = await asyncio.gather(*(get("/search?like=arXiv:2611.00001") for _ in range(40)))
    assert {status for status, _, _ in answers} == {200, 503}
    assert "Not just now" in next(text for status, text, _ in answers if status == 503)
    assert (await get("/search?q=routing"))[0] == 200, "and after it all is as before"


async def test_searches_under_way_leave_room_for_other_work(get, monkeypatch):
    """Whatever else needs the store's thread, or that for reckoning, waits behind one search at most."""
    real, under_way, most = find.similar, 0, 0

    async def similar(*asked):
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        try:
            return await real(*asked)
        finally:
            under_way -= 1

    monkeypatch.setattr(find, "similar", similar)
    answers = await asyncio.gather(*(get("/search?like=arXiv:2611.00001") for _ in range(8)))
    assert [status for status, _, _ in answers] == [200] * 8
    assert most == 1


# ── Papers that no list picked ────────────────────────────────────────────────────────────────────


async def test_a_stored_paper_has_a_page_although_no_list_picked_it(get):
    status, text, _ = await get("/papers/arxiv/2611.00003/")
    assert status == 200
    assert "Hostile" in text
    assert "<script" not in text
    assert "@misc{" in text
    for other in ("/papers/doi/10.1234/3/", "/papers/arxiv/2611.00003", "/papers/doi/10.1234/3"):
        status, _, answer = await get(other)
        assert status == 302
        assert answer.headers["Location"].endswith("/papers/arxiv/2611.00003/")


async def test_a_page_that_was_made_while_asked_for_is_the_one_that_is_published(get):
    status, text, _ = await get("/papers/arxiv/2611.00002/")
    assert status == 200
    assert "Mixture of experts" in text, "which list picked it only the file knows"


@pytest.mark.parametrize(
    "path",
    ["arxiv/2001.99999/", "doi/10.9/none", "arxiv/", "nonsense/x/", "arxiv/nonsense", "url/https:/a.example/",
     "doi/%3Cscript%3E/", f"doi/{'x' * 3000}/"],
)  # fmt: skip
async def test_an_unknown_paper_gets_a_helpful_page(get, path):
    status, text, _ = await get(f"/papers/{path}")
    assert status == 404
    assert "is not known here" in text
    assert "Search for it" in text
    assert "<script" not in text


# ── Dates and lists ───────────────────────────────────────────────────────────────────────────────


async def test_an_unknown_date_leads_to_the_editions_around_it(get):
    status, text, _ = await get("/p/experts/2026-11-15/")
    assert status == 404
    assert "None was made on 15 November 2026." in text
    assert "p/experts/2026-11-13/index.html" in text
    assert "p/experts/2026-11-20/index.html" in text


@pytest.mark.parametrize("day", ["2026-13-01", "yesterday", "0000-00-00", "2026-11-20/x", HOSTILE])
async def test_what_is_no_date_is_told_how_one_is_written(get, day):
    status, text, _ = await get(f"/p/experts/{quote(day)}/")
    assert status == 404
    assert "A date is written like 2026-11-20." in text
    assert "All editions of Mixture of experts" in text


@pytest.mark.parametrize("name", ["nobody", "hidden", quote(HOSTILE), ""])
async def test_an_unknown_list_is_told_which_there_are_and_none_that_is_private(get, name):
    status, text, _ = await get(f"/p/{name}/")
    assert status == 404
    assert "Mixture of experts" in text
    assert "Nobody&#39;s business" not in text
    assert "<script" not in text


@pytest.mark.parametrize(
    "path", ["/trending/1999-01-01/", "/trending/x", "/feeds/nobody.rss", "/feeds/x"]
)
async def test_unknown_days_and_feeds_lead_on(get, path):
    status, text, _ = await get(path)
    assert status == 404
    assert "Today" in text


async def test_the_links_of_a_helpful_page_lead_somewhere(get):
    for path in (
        "/p/experts/2026-11-15/",
        "/p/x/",
        "/trending/x/",
        "/papers/arxiv/2001.99999/",
        "/feeds/x",
    ):
        _, text, answer = await get(path)
        ways = re.findall(r'<li><a href="([^"]+)"', text)
        assert ways
        for way in ways:
            base = answer.url.path.removesuffix(path)
            assert (await get(way.removeprefix(base)))[0] == 200, way


async def test_a_date_that_is_none_is_named_on_the_page(get):
    status, body, _ = await get("/search?q=since%3A2026-02-30+experts")
    assert status == 200
    assert "Looked for as mere words: “since:2026-02-30”" in body
