"""A paper's page under `serve`: however its identifier is encoded, and whatever it holds."""

from __future__ import annotations

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
