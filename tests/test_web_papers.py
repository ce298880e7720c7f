"""A paper's page under `serve`: however its identifier is encoded, and whatever it holds."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime
from urllib.parse import quote

import aiohttp
import pytest
from yarl import URL

from bot.app import open_app
from bot.config import load_config
from bot.models import Identifier, Scheme
from bot.outputs.addresses import link_to, paper_folder
from bot.web import listening
from support_round import a_paper, absorb

CONFIG = """
[web]
listen = "127.0.0.1:0"
[profiles.experts]
title = "Mixture of experts"
"""


@pytest.fixture
async def get(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text(CONFIG)
    with open_app(load_config(path), lambda: datetime(2026, 11, 20, tzinfo=UTC), b"s" * 32) as app:
        public = tmp_path / "state" / "public"
        public.mkdir()
        (public / ".published").write_text("a note of ours")

        async def ask(href, *, page=""):
            if page:
                file = public / page / "index.html"
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text("the paper")
            async with listening(lambda: app) as address, aiohttp.ClientSession() as session:
                url = URL(address + href, encoded=True)
                async with session.get(url, allow_redirects=False) as answer:
                    return answer.status, answer.headers

        yield ask


@pytest.mark.parametrize(
    "key",
    [
        Identifier(Scheme.ARXIV, "math/0309136"),
        Identifier(Scheme.DOI, "10.1/(sici)1<2:a>3.0;2-2"),
        Identifier(Scheme.DOI, "10.1/50%25?x#y é"),
        Identifier(Scheme.URL, "https://example.com/a?b=c"),
    ],
)
async def test_a_paper_is_found_however_its_identifier_is_encoded(get, key):
    folder = paper_folder(key)
    for href in (
        f"/{link_to(folder, '')}",
        f"/papers/{key.scheme.value}/{quote(key.value)}/",
        f"/papers/{key.scheme.value}/{quote(key.value, safe='')}/",
    ):
        status, headers = await get(href, page=folder)
        assert status == 200
        assert headers["Content-Type"] == "text/html; charset=utf-8"


async def test_without_the_last_slash_it_leads_there_with_the_encoding_kept(get):
    folder = paper_folder(Identifier(Scheme.DOI, "10.1/a?b#c"))
    status, headers = await get("/papers/doi/10.1/a%3Fb%23c", page=folder)
    assert (status, headers["Location"]) == (301, "/papers/doi/10.1/a%3Fb%23c/")


@pytest.mark.parametrize(
    "href",
    [
        f"/papers/doi/{'x' * 400}/",
        "/papers/doi/%00/",
        "/papers/doi/..%2f..%2f..%2fconfig.toml",
        "/.published",
    ],
)
async def test_what_no_page_can_be_called_is_not_there(get, href):
    assert (await get(href, page="papers/doi/x"))[0] == 404


# ── Papers that no list picked ────────────────────────────────────────────────────────────────────

AWKWARD = [
    Identifier(Scheme.URL, "https://example.edu/~smith/paper.pdf"),
    Identifier(Scheme.URL, "https://example.edu/paper/index.html"),
    Identifier(Scheme.URL, "https://example.edu/a//b?c=d%2Fe&f=%C3%A9#p2"),
    Identifier(Scheme.URL, "https://example.edu/.well-known/50%25/x"),
    Identifier(Scheme.URL, f"https://example.edu/{'x' * 300}/y"),
    Identifier(Scheme.URL, f"https://example.edu/p?q={'%C3%A9' * 329}"),
    Identifier(Scheme.URL, f"https://example.edu{'/a' * 30}"),
    Identifier(Scheme.DOI, "10.1234/.hidden"),
    Identifier(Scheme.DOI, "10.1234/a/../b"),
    Identifier(Scheme.DOI, "10.1234/x/"),
    Identifier(Scheme.DOI, "10.1234/back\\slash"),
    Identifier(Scheme.DOI, "10.1234/~x/index.html"),
    Identifier(Scheme.DOI, "10.1234/index.html5?paper=x&y"),
    Identifier(Scheme.OPENREVIEW, "~a-B_c"),
    Identifier(Scheme.TITLE, "0123456789abcdef01234567"),
]
HIDDEN = AWKWARD.index(Identifier(Scheme.DOI, "10.1234/.hidden"))
# Typed in, it would be read as another.
UNTYPED = Identifier(Scheme.URL, "https://www.m.example.edu/paper")


@pytest.fixture(params=["", "http://127.0.0.1/the/papers"], ids=["bare", "prefix"])
async def open_site(request, tmp_path):
    """Give what searches, and what follows a link, of a `serve` whose papers no list has picked."""
    path = tmp_path / "config.toml"
    path.write_text(f'[bot]\nbase_url = "{request.param}"\n{CONFIG}')
    now = datetime(2026, 11, 20, tzinfo=UTC)
    with open_app(load_config(path), lambda: now, b"s" * 32) as app:
        papers = [
            a_paper(key, title=f"Awkward paper {n}e") for n, key in enumerate([*AWKWARD, UNTYPED])
        ]
        absorb(app.store, *papers)
        await app.publish()
        prefix = request.param.removeprefix("http://127.0.0.1")
        async with listening(lambda: app) as address, aiohttp.ClientSession() as session:

            async def follow(href, base=""):
                url = URL(base or f"{address}{prefix}/", encoded=True)
                async with session.get(url.join(URL(href, encoded=True))) as answer:
                    return answer.status, await answer.text(), str(answer.url)

            yield follow


@pytest.mark.parametrize("number", range(len(AWKWARD)), ids=lambda n: str(AWKWARD[n])[:50])
async def test_whatever_a_papers_identifier_is_links_from_the_search_lead_to_it(open_site, number):
    status, found, at = await open_site(f"search?q=%22paper+{number}e%22")
    assert status == 200
    (href,) = set(re.findall(r'href="(papers/[^"]+)"', found))
    status, page, there = await open_site(html.unescape(href), at)
    assert status == 200
    assert f"<h1>Awkward paper {number}e</h1>" in page
    (home,) = set(re.findall(r'href="((?:\.\./)+index\.html)"', page))
    assert (await open_site(home, there))[0] == 200, "its links are relative to where it is shown"
    (like,) = re.findall(r'href="([^"]+\?like=[^"]+)"', page)
    status, alike, at = await open_site(html.unescape(like), there)
    assert status == 200
    (href,) = re.findall(r'“?<a href="(papers/[^"]+)">Awkward paper ' + f"{number}e</a>", alike)
    assert (await open_site(html.unescape(href), at))[0] == 200


async def test_a_page_stands_at_its_own_address_whatever_else_is_asked_for_there(open_site):
    hidden = quote("doi:10.1234/.hidden", safe="")
    for href in (
        f"papers/doi/x/?paper={hidden}",
        f"papers/doi/x?paper={hidden}",
        "papers/doi/10.1234/%2Ehidden/",
    ):
        status, page, there = await open_site(href)
        assert (status, f"Awkward paper {HIDDEN}e" in page) == (200, True)
        assert f"/{paper_folder(AWKWARD[HIDDEN])}/?paper=" in there


async def test_a_paper_is_found_by_what_it_is_called_here(open_site):
    status, page, _ = await open_site(link_to(paper_folder(UNTYPED), ""))
    assert (status, f"Awkward paper {len(AWKWARD)}e" in page) == (200, True)


@pytest.mark.parametrize(
    "told", ["", "doi", ":", "nonsense:x", "doi:10.9/none", "<script>", "x" * 5000]
)
async def test_what_names_no_paper_gets_a_helpful_page(open_site, told):
    status, page, _ = await open_site(f"papers/doi/10.1234/~0123456789/?paper={quote(told)}")
    assert (status, "is not known here" in page, "<script" in page) == (404, True, False)
