"""The web service over real HTTP: what is published, and the way out of a digest."""

from __future__ import annotations

from datetime import UTC, datetime

import aiohttp
import pytest

from bot import tokens
from bot.app import open_app
from bot.config import load_config
from bot.models import Origin, SubscriptionStatus
from bot.web import listening

NOW = datetime(2026, 11, 20, 7, tzinfo=UTC)
CONFIG = """
[bot]
title = "Morning papers"
base_url = "http://127.0.0.1:1{prefix}"
[web]
listen = "127.0.0.1:0"
[profiles.experts]
title = "Mixture of experts"
to = ["ada@example.org", "grace@example.org"]
"""


@pytest.fixture
def prefix():
    return ""


@pytest.fixture
async def app(tmp_path, prefix):
    path = tmp_path / "config.toml"
    path.write_text(CONFIG.format(prefix=prefix))
    with open_app(load_config(path), lambda: NOW, b"s" * 32) as opened:
        await opened.mirror()
        public = tmp_path / "state" / "public"
        (public / "p" / "experts").mkdir(parents=True)
        (public / "index.html").write_text("today")
        (public / "p" / "experts" / "index.html").write_text("archive")
        (public / "feed.rss").write_text("<rss/>")
        yield opened


@pytest.fixture
async def site(app, prefix):
    async with listening(lambda: app) as address, aiohttp.ClientSession() as session:

        async def ask(method, path, **more):
            url = f"{address}{prefix}{path}"
            async with session.request(method, url, allow_redirects=False, **more) as answer:
                return answer, await answer.text()

        yield ask


@pytest.fixture
def way_out(app):
    ada = next(s for s in app.store.subscriptions() if s.address == "ada@example.org")
    token = tokens.make(b"s" * 32, tokens.Purpose.UNSUBSCRIBE, [ada.subscriber], 0)
    return f"/unsubscribe/{token}"


def status_of(app, address):
    return next(s.status for s in app.store.all_subscriptions() if s.address == address)


async def test_fifty_gets_by_a_scanner_change_nothing(app, site, way_out):
    for _ in range(50):
        answer, text = await site("GET", way_out)
        assert answer.status == 200
    assert "<button" in text
    assert "Mixture of experts" in text
    assert status_of(app, "ada@example.org") is SubscriptionStatus.CONFIRMED


async def test_the_page_does_not_tell_the_whole_address(site, way_out):
    _, text = await site("GET", way_out)
    assert "ada@example.org" not in text


@pytest.mark.parametrize("form", ["urlencoded", "multipart"])
async def test_one_post_unsubscribes_at_once_without_a_redirect(app, site, way_out, form):
    body = {"List-Unsubscribe": "One-Click"}
    if form == "multipart":
        body = aiohttp.FormData(body)
        body.add_field("x", "y", content_type="text/plain", filename="x")
    answer, text = await site("POST", way_out, data=body)
    assert answer.status == 200
    assert "no more digests" in text
    assert status_of(app, "ada@example.org") is SubscriptionStatus.UNSUBSCRIBED
    assert status_of(app, "grace@example.org") is SubscriptionStatus.CONFIRMED


async def test_posting_again_gives_the_same_answer(site, way_out):
    first = await site("POST", way_out)
    again = await site("POST", way_out)
    assert (first[0].status, first[1]) == (again[0].status, again[1])


async def test_who_unsubscribed_stays_so_though_the_config_still_names_them(app, site, way_out):
    await site("POST", way_out)
    await app.mirror()
    assert status_of(app, "ada@example.org") is SubscriptionStatus.UNSUBSCRIBED


@pytest.mark.parametrize("token", ["x", "A" * 24, "%00", "..%2f..%2fetc", "é" * 9, "A" * 4000])
async def test_a_token_that_is_not_ours_does_nothing(app, site, token):
    for method in ("GET", "POST"):
        answer, _ = await site(method, f"/unsubscribe/{token}")
        assert answer.status == 404
    assert status_of(app, "ada@example.org") is SubscriptionStatus.CONFIRMED


async def test_a_token_for_somebody_else_made_with_another_secret_is_refused(site):
    forged = tokens.make(b"x" * 32, tokens.Purpose.UNSUBSCRIBE, [1], 0)
    answer, _ = await site("POST", f"/unsubscribe/{forged}")
    assert answer.status == 404


async def test_published_files_are_served_and_a_folder_by_its_index(site):
    assert (await site("GET", "/"))[1] == "today"
    assert (await site("GET", "/p/experts/"))[1] == "archive"
    answer, _ = await site("GET", "/p/experts")
    assert (answer.status, answer.headers["Location"]) == (301, "/p/experts/")
    answer, _ = await site("GET", "/feed.rss")
    assert answer.headers["Content-Type"].startswith("application/rss+xml")


async def test_an_unchanged_file_is_not_sent_again(site):
    answer, _ = await site("GET", "/feed.rss")
    again, body = await site("GET", "/feed.rss", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status, body) == (304, "")


@pytest.mark.parametrize(
    "path", ["/../paperround.db", "/%2e%2e/paperround.db", "/..%2fpaperround.db", "/nothing", "//x"]
)
async def test_nothing_outside_the_public_folder_is_served(site, path):
    answer, text = await site("GET", path)
    assert answer.status in (403, 404)
    assert "SQLite" not in text


async def test_every_answer_forbids_scripts_and_frames(site, way_out):
    for path in ("/", way_out, "/nothing", "/unsubscribe/x"):
        answer, _ = await site("GET", path)
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_a_body_that_is_too_large_is_not_read(site, way_out):
    answer, _ = await site("POST", way_out, data=b"x" * 1_000_000)
    assert answer.status in (200, 413)


async def test_health_is_well_until_a_source_alarms(app, site):
    answer, _ = await site("GET", "/health")
    assert answer.status == 200
    from bot.models import SourceState

    app.store.save_source_state(SourceState("nature", failing_since=NOW, alarmed_at=NOW))
    answer, text = await site("GET", "/health")
    assert answer.status == 503
    assert "nature" in text


async def test_an_owner_may_unsubscribe_and_subscribe_somebody_again(app, site, way_out):
    await site("POST", way_out)
    key = tokens.suppression_key(b"s" * 32, "ada@example.org")
    app.store.subscribe("ada@example.org", "experts", Origin.OWNER, NOW, suppressed=key)
    assert status_of(app, "ada@example.org") is SubscriptionStatus.CONFIRMED


class TestUnderAPathPrefix:
    @pytest.fixture
    def prefix(self):
        return "/papers"

    async def test_everything_lies_below_it(self, site, way_out):
        assert (await site("GET", "/"))[1] == "today"
        assert (await site("GET", way_out))[0].status == 200
