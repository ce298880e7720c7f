"""What a reader has already is not sent again; what is sent is as small as the reader takes it."""

from __future__ import annotations

import gzip
import os
from datetime import UTC, datetime

import aiohttp
import pytest
from aiohttp.test_utils import make_mocked_request

from bot.app import open_app
from bot.config import load_config
from bot.web import listening
from bot.web.conditional import Copy, Shelf

CONFIG = '[web]\nlisten = "127.0.0.1:0"\n[profiles.experts]\ntitle = "Experts"\n'
LONG = b"<rss version='2.0'>" + b"<item>paper</item>" * 200
TIME = 1_795_000_000
STAMP = "Wed, 18 Nov 2026 11:06:40 GMT"


@pytest.fixture
async def ask(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text(CONFIG)
    with open_app(load_config(path), lambda: datetime(2026, 11, 20, tzinfo=UTC), b"s" * 32) as app:
        public = tmp_path / "state" / "public"
        put(public / "long.rss", LONG)
        put(public / "short.atom", b"<feed/>")
        async with (
            listening(lambda: app) as address,
            aiohttp.ClientSession(auto_decompress=False) as session,
        ):

            async def asked(path, method="GET", **headers):
                sent = {name.replace("_", "-"): value for name, value in headers.items()}
                sent.setdefault("Accept-Encoding", "identity")
                async with session.request(method, address + path, headers=sent) as answer:
                    return answer.status, answer.headers, await answer.read()

            asked.public = public
            yield asked


def put(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (TIME, TIME))


async def test_a_file_is_told_by_its_bytes_and_its_time(ask):
    status, headers, body = await ask("/long.rss")
    assert (status, body) == (200, LONG)
    assert headers["ETag"].startswith('"'), "a strong one"
    assert headers["Last-Modified"] == STAMP
    assert headers["Content-Type"] == "application/rss+xml; charset=utf-8"
    assert headers["Cache-Control"] == "no-cache"
    assert headers["Content-Length"] == str(len(LONG))


@pytest.mark.parametrize("accepted", ["gzip", "br, gzip;q=0.5", "*", "GZIP", "identity;q=0, *"])
async def test_gzip_is_sent_to_who_takes_it_under_an_etag_of_its_own(ask, accepted):
    status, headers, body = await ask("/long.rss", Accept_Encoding=accepted)
    assert (status, headers["Content-Encoding"], gzip.decompress(body)) == (200, "gzip", LONG)
    assert headers["Content-Length"] == str(len(body))
    assert headers["ETag"] != (await ask("/long.rss"))[1]["ETag"]
    assert headers["Vary"] == "Accept-Encoding"


async def test_headers_are_written_once_for_all_and_what_one_answer_adds_stays_its_own(ask):
    asked = []
    for _ in range(2):
        whole = await ask("/long.rss", Accept_Encoding="gzip")
        had = await ask("/long.rss", Accept_Encoding="gzip", If_None_Match=whole[1]["ETag"])
        asked.append([sorted(headers.keys()) for _, headers, _ in (whole, had)])
        assert (whole[0], had[0]) == (200, 304)
    assert asked[0] == asked[1]
    assert "Content-Encoding" in asked[0][0]
    assert not {"Content-Encoding", "Content-Type", "Content-Length"} & set(asked[0][1])
    file = ask.public / "long.rss"
    copy = Copy.of(file, "application/rss+xml")
    before = [dict(form.sent) for form in (copy.forms.plain, copy.forms.zipped)]
    made = copy.answer(make_mocked_request("GET", "/long.rss", {"Accept-Encoding": "gzip"}))
    made.headers["Server"] = "paperround"
    assert [dict(form.sent) for form in (copy.forms.plain, copy.forms.zipped)] == before


@pytest.mark.parametrize("accepted", ["", "identity", "br", "gzip;q=0", "*;q=0", "gzip;q=x", ";;,"])
async def test_who_takes_no_gzip_gets_none(ask, accepted):
    _, headers, body = await ask("/long.rss", Accept_Encoding=accepted)
    assert body == LONG
    assert "Content-Encoding" not in headers
    assert headers["Vary"] == "Accept-Encoding", "or a proxy would give it to others"


async def test_what_gzip_makes_larger_is_sent_as_it_is(ask):
    _, headers, body = await ask("/short.atom", Accept_Encoding="gzip")
    assert body == b"<feed/>"
    assert "Vary" not in headers


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("encoding", ["identity", "gzip"])
async def test_an_etag_that_is_known_is_answered_by_304_without_a_body(ask, method, encoding):
    etag = (await ask("/long.rss", Accept_Encoding=encoding))[1]["ETag"]
    for named in (etag, f'"x", {etag}', f"W/{etag}", "*"):
        status, headers, body = await ask(
            "/long.rss", method, Accept_Encoding=encoding, If_None_Match=named
        )
        assert (status, body) == (304, b"")
        assert headers["ETag"] == etag
        assert headers["Vary"] == "Accept-Encoding"
        assert "Content-Encoding" not in headers


@pytest.mark.parametrize("named", ['"x"', "", "x", '"x", W/"y"', ",,,"])
async def test_an_etag_of_something_else_is_answered_in_full(ask, named):
    assert (await ask("/long.rss", If_None_Match=named))[0] == 200


@pytest.mark.parametrize(
    ("since", "status"),
    [
        (STAMP, 304),
        ("Thu, 19 Nov 2026 11:06:40 GMT", 304),
        ("Wed, 18 Nov 2026 11:06:39 GMT", 200),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 200),
        ("yesterday", 200),
        ("Wed, 99 Nov 2026 99:00:00 GMT", 200),
        ("Mon, 01 Jan 0001 00:00:00 +2359", 200),
    ],
)
async def test_by_the_time_alone(ask, since, status):
    assert (await ask("/long.rss", If_Modified_Since=since))[0] == status


async def test_an_etag_outweighs_the_time(ask):
    assert (await ask("/long.rss", If_Modified_Since=STAMP, If_None_Match='"x"'))[0] == 200


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
async def test_head_tells_what_get_would_and_sends_nothing(ask, encoding):
    got, gets, _ = await ask("/long.rss", Accept_Encoding=encoding)
    status, headers, body = await ask("/long.rss", "HEAD", Accept_Encoding=encoding)
    assert (status, body) == (got, b"")
    gets, headers = dict(gets), dict(headers)
    assert gets.pop("Date")
    assert headers.pop("Date")
    assert headers == gets


async def test_a_file_that_changed_is_sent_and_the_same_bytes_keep_their_etag(ask):
    before = (await ask("/long.rss"))[1]["ETag"]
    put(ask.public / "long.rss", LONG + b" ")
    status, headers, _ = await ask("/long.rss", If_None_Match=before)
    assert status == 200
    assert headers["ETag"] != before
    put(ask.public / "long.rss", LONG)
    os.utime(ask.public / "long.rss", (TIME + 9, TIME + 9))
    assert (await ask("/long.rss", If_None_Match=before))[0] == 304


# ── Ready to send ─────────────────────────────────────────────────────────────────────────────────


async def test_a_file_put_in_the_place_of_another_is_sent_though_time_and_size_are_the_same(ask):
    assert (await ask("/short.atom"))[2] == b"<feed/>"
    put(ask.public / "new", b"<FEED/>")
    (ask.public / "new").replace(ask.public / "short.atom")
    assert (await ask("/short.atom"))[2] == b"<FEED/>"


async def test_what_was_withdrawn_is_gone_though_it_was_just_asked_for(ask):
    assert (await ask("/long.rss"))[0] == 200
    (ask.public / "long.rss").unlink()
    assert (await ask("/long.rss"))[0] == 404


async def test_a_link_that_now_leads_away_leads_nowhere(ask):
    assert (await ask("/long.rss"))[0] == 200
    put(ask.public.parent / "secret", b"S" * len(LONG))
    (ask.public / "long.rss").unlink()
    (ask.public / "long.rss").symlink_to(ask.public.parent / "secret")
    assert (await ask("/long.rss"))[0] == 404


def test_the_shelf_holds_what_it_has_room_for_and_drops_the_longest_unasked(tmp_path):
    shelf = Shelf(room=250)
    for name in ("one", "other", "third"):
        (tmp_path / name).write_bytes(b"x" * 100)
        shelf.put(tmp_path, name, Copy.of(tmp_path / name, "image/png"))
        assert shelf.take(tmp_path, "one"), "asked for again and again"
    assert shelf.take(tmp_path, "other") is None
    assert shelf.take(tmp_path, "third")
    (tmp_path / "large").write_bytes(b"x" * 251)
    shelf.put(tmp_path, "large", Copy.of(tmp_path / "large", "image/png"))
    assert shelf.take(tmp_path, "large") is None
    assert shelf.take(tmp_path, "one")
