"""Behind nginx and Caddy, with the documented files: prefix, who asked, unsubscribing, feeds."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from contextlib import closing

import aiohttp
import pytest

from bot.web.consent import QUICKEST
from support_cli import mails
from support_dovecot import free_port
from support_proxies import proxy
from support_replay import replaying, sample_day
from support_serve import beside, serving

pytestmark = [pytest.mark.e2e, pytest.mark.long]

CONFIG = """
[bot]
base_url = "https://example.org/papers"
contact = "owner@example.org"
[web]
listen = "127.0.0.1:{port}"
trusted_proxies = ["127.0.0.1"]
[fetch]
allow_private = ["127.0.0.1/32"]
[[sources]]
name = "journal"
kind = "feed"
url = "{url}/journal.xml"
backfill = "3000d"
[profiles.experts]
to = ["ada@example.org"]
keywords = ["mixture of experts"]
at = "any"
"""


@pytest.fixture(params=["nginx", "caddy"])
def front(request, tmp_path):
    """Serve behind a proxy, with a morning's digest sent; yield the proxy's address, the folder."""
    port = free_port()
    config = tmp_path / "config.toml"
    with replaying(sample_day(1)) as site:
        config.write_text(CONFIG.format(port=port, url=site.url))
        done = beside(config, "once")
        assert done.returncode == 0, done.stderr
        with serving(config) as served:
            assert served.says("serving http://")
            with proxy(request.param, tmp_path / "proxy", f"127.0.0.1:{port}") as address:
                yield address, tmp_path
            served.stop()


def way_out(folder):
    """Return the path that the mail's List-Unsubscribe leads to."""
    (mail,) = [mail for mail in mails(folder / "state") if "ada@" in str(mail["To"])]
    found = re.search(
        r"<https://example\.org(/papers/unsubscribe/[^>]+)>", str(mail["List-Unsubscribe"])
    )
    assert found is not None, mail["List-Unsubscribe"]
    return found[1]


async def test_pages_feeds_and_the_way_out_work_under_the_prefix(front):
    address, folder = front
    # From another address of loopback, so that it is told apart from the trusted proxy's own.
    visitor = aiohttp.TCPConnector(local_addr=("127.0.0.2", 0))
    async with aiohttp.ClientSession(address, connector=visitor) as session:

        async def get(path, **headers):
            async with session.get(path, headers=headers, allow_redirects=False) as answer:
                return answer, await answer.text()

        bare, _ = await get("/papers")
        assert bare.status in (301, 302)
        assert bare.headers["Location"].endswith("/papers/")
        for path in ("/papers/", "/papers/p/experts/"):
            page, text = await get(path)
            assert (page.status, "experts" in text.lower()) == (200, True), path
            assert not re.findall(r'(?:href|src|action)="/(?!papers/)', text), (
                "a link past the prefix"
            )
        folded, _ = await get("/papers/p/experts")
        assert folded.headers["Location"].endswith("/papers/p/experts/")

        for feed in ("/papers/feeds/experts.rss", "/papers/feeds/experts.atom"):
            first, text = await get(feed)
            assert (first.status, "https://example.org/papers/" in text) == (200, True)
            again, text = await get(feed, **{"If-None-Match": first.headers["ETag"]})
            assert (again.status, text) == (304, ""), first.headers["ETag"]
        health, _ = await get("/papers/health")
        assert health.status == 200
        _, elsewhere = await get("/papers/%2e%2e/config.toml")
        assert "base_url" not in elsewhere

        spoofed = {"X-Forwarded-For": "203.0.113.9"}
        _, text = await get("/papers/subscribe")
        stamp = re.search(r'name="stamp" value="([^"]+)"', text)
        assert stamp is not None
        await asyncio.sleep(QUICKEST + 0.1)
        form = {"address": "grace@example.org", "list": "experts", "stamp": stamp[1]}
        async with session.post("/papers/subscribe", data=form, headers=spoofed) as asked:
            assert asked.status == 200, await asked.text()
        with closing(sqlite3.connect(folder / "state" / "paperround.db")) as db:
            networks = db.execute("SELECT network FROM optin").fetchall()
        assert networks == [("127.0.0.2",)], "who asked: neither the proxy nor who he says he is"

        shown, text = await get(way_out(folder))
        assert (shown.status, 'method="post"' in text) == (200, True)
        one_click = {"List-Unsubscribe": "One-Click"}
        async with session.post(way_out(folder), data=one_click, allow_redirects=False) as left:
            assert left.status == 200
    said = beside(folder / "config.toml", "subscribers", "list", "--json")
    assert '"unsubscribed"' in said.stdout
    for log in (folder / "proxy").rglob("*.log"):
        assert way_out(folder) not in log.read_text(), "a key in a log"
