from __future__ import annotations

import asyncio
import base64
import gzip
import ipaddress
import itertools
import socket
import struct
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from urllib.parse import unquote

import pytest
import pytest_asyncio
from aiohttp import web
from yarl import URL

from bot import __version__
from bot.fetch import HttpFetcher
from bot.fetch.canned import CannedFetcher
from bot.fetch.reach import refusal
from bot.models import Document, Failure, NotModified, Request
from support_http import Site, serving

LOOPBACK = ("127.0.0.1/32",)
FEED = b"<rss version='2.0'><channel><title>t</title></channel></rss>"


@pytest_asyncio.fixture
async def site() -> AsyncIterator[Site]:
    async with serving() as served:
        yield served


@pytest_asyncio.fixture
async def fetcher() -> AsyncIterator[HttpFetcher]:
    async with HttpFetcher("you@example.org", LOOPBACK, deadline=5, largest=1_000_000) as made:
        yield made


async def failed(fetcher: HttpFetcher, url: str, **more: object) -> Failure:
    answer = await fetcher.fetch(Request(url, **more))
    assert isinstance(answer, Failure), answer
    assert answer.url == url
    return answer


# ── The plain case ────────────────────────────────────────────────────────────────────────────────


async def test_a_document_comes_with_its_body_and_its_headers_in_lower_case(site, fetcher):
    site.put("/feed", FEED, Content_Type="application/rss+xml", X_Odd="1")
    answer = await fetcher.fetch(Request(site.url("/feed")))
    assert isinstance(answer, Document)
    assert answer.body == FEED
    assert answer.url == site.url("/feed")
    assert answer.header("content-type") == "application/rss+xml"
    assert answer.header("x-odd") == "1"


async def test_it_says_who_it_is_asks_for_gzip_only_and_keeps_no_cookies(site, fetcher):
    site.put("/feed", FEED, Set_Cookie="id=1; Path=/")
    await fetcher.fetch(Request(site.url("/feed")))
    await fetcher.fetch(Request(site.url("/feed")))
    for _, headers in site.requests:
        assert headers["user-agent"] == f"paperround/{__version__} (+mailto:you@example.org)"
        assert headers["accept-encoding"] == "gzip"
        assert "cookie" not in headers
        assert "if-none-match" not in headers


async def test_cookies_of_a_redirect_are_shown_on_its_way_and_forgotten_at_its_end(site, fetcher):
    """Publishers and OJS send whoever shows none from page to page."""

    async def answer(request: web.Request) -> web.Response:
        if request.cookies.get("session") == "a b":
            return web.Response(body=FEED)
        told = {"Location": "/door?to=feed", "Set-Cookie": "hint=1; Path=/"}
        return web.Response(status=302, headers=told)

    site.put_call("/feed", answer)
    site.put("/door", status=303, Location="/feed", Set_Cookie='session="a b"; HttpOnly')
    for _ in range(2):
        assert isinstance(await fetcher.fetch(Request(site.url("/feed"))), Document)
        asked, site.requests = site.requests, []
        said = [headers.get("cookie", "") for _, headers in asked]
        assert said == ["", "hint=1", 'hint=1; session="a b"']


async def test_a_cookie_that_is_none_is_passed_over_in_silence(site, fetcher, caplog):
    site.put("/old", status=302, Location="/feed", Set_Cookie="no name=1; Path=/")
    site.put("/feed", FEED)
    assert isinstance(await fetcher.fetch(Request(site.url("/old"))), Document)
    assert "cookie" not in site.requests[-1][1]
    assert caplog.text == ""


async def test_cookies_stay_with_their_host(site, fetcher):
    async with serving() as other:
        other.put("/new", FEED)
        site.put("/old", status=302, Location=other.url("/new", host="localhost"), Set_Cookie="a=b")
        assert isinstance(await fetcher.fetch(Request(site.url("/old"))), Document)
        ((_, headers),) = other.requests
    assert "cookie" not in headers


@pytest.mark.parametrize("login", ["ada:s3cr%3Aet", "ada:p%C3%A4ss%20wort", "ada:", ":only"])
async def test_a_login_in_the_address_is_sent_in_utf_8_and_is_no_part_of_what_comes(
    site, fetcher, login
):
    site.redirect("/feed", site.url("/feed/"))
    site.put("/feed/", FEED)
    found = await fetcher.fetch(Request(site.url("/feed").replace("//", f"//{login}@")))
    assert isinstance(found, Document)
    assert found.url == site.url("/feed/")
    said = {headers["authorization"] for _, headers in site.requests}
    assert len(site.requests) == 2
    assert said == {"Basic " + base64.b64encode(unquote(login).encode()).decode()}


async def test_an_address_that_moves_for_good_keeps_its_login_where_it_stays_at_home(site, fetcher):
    async with serving() as other:
        other.put("/feed", FEED)
        site.put("/there", FEED)
        for new, moved in [(site.url("/there"), site.url("/there").replace("//", "//ada:pw@")),
                           (other.url("/feed"), other.url("/feed"))]:  # fmt: skip
            site.redirect("/feed", new, 301)
            found = await fetcher.fetch(Request(site.url("/feed").replace("//", "//ada:pw@")))
            assert isinstance(found, Document)
            assert found.moved_to == moved
        ((_, headers),) = other.requests
    assert "authorization" not in headers


async def test_long_headers_are_taken(site, fetcher):
    site.put("/old", status=302, Location="/feed?" + "x" * 7_000, Set_Cookie="a=" + "b" * 20_000)
    site.put("/feed", FEED, Content_Security_Policy="default-src 'self' " * 1_000)
    assert isinstance(await fetcher.fetch(Request(site.url("/old"))), Document)


async def test_a_login_that_is_missing_is_told(site, fetcher):
    site.put("/feed", status=401, WWW_Authenticate='Basic realm="members"')
    answer = await failed(fetcher, site.url("/feed"))
    assert answer.problem == (
        "127.0.0.1 answered HTTP 401 Unauthorized: it wants a name and a password, "
        "as in https://NAME:PASSWORD@example.org/feed"
    )


async def test_a_connection_that_is_broken_off_is_told(site, fetcher):
    async def answer(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )
        request.transport.abort()
        return web.Response()

    site.put_call("/feed", answer)
    answer_ = await failed(fetcher, site.url("/feed"))
    assert answer_.problem == "127.0.0.1 broke the connection off"


async def test_proxies_of_the_environment_are_not_used(site, fetcher, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    site.put("/feed", FEED)
    assert isinstance(await fetcher.fetch(Request(site.url("/feed"))), Document)


async def test_a_closed_fetcher_opens_again(site):
    fetcher = HttpFetcher(allow_private=LOOPBACK)
    site.put("/feed", FEED)
    assert isinstance(await fetcher.fetch(Request(site.url("/feed"))), Document)
    await fetcher.close()
    await fetcher.close()
    assert isinstance(await fetcher.fetch(Request(site.url("/feed"))), Document)
    await fetcher.close()


async def test_plus_signs_in_a_path_arrive_as_they_are(site, fetcher):
    site.put("/rss/cs.CL+cs.LG", FEED)
    assert isinstance(await fetcher.fetch(Request(site.url("/rss/cs.CL+cs.LG"))), Document)


# ── Validators ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "given", [{"etag": 'W/"a b"'}, {"last_modified": "Sat, 01 Aug 2026 04:00:14 GMT"}]
)
async def test_validators_are_sent_as_they_came(site, fetcher, given):
    site.put_with_validators("/feed", FEED, 'W/"a b"', "Sat, 01 Aug 2026 04:00:14 GMT")
    answer = await fetcher.fetch(Request(site.url("/feed"), **given))
    assert isinstance(answer, NotModified)


async def test_a_304_may_bring_a_new_etag(site, fetcher):
    site.put_with_validators("/feed", FEED, '"1"', then_etag='"2"')
    answer = await fetcher.fetch(Request(site.url("/feed"), etag='"1"'))
    assert isinstance(answer, NotModified)
    assert answer.header("etag") == '"2"'


async def test_a_304_to_an_unconditional_request_is_a_failure(site, fetcher):
    site.put("/feed", status=304)
    answer = await failed(fetcher, site.url("/feed"))
    assert answer.problem == "127.0.0.1 answered HTTP 304 to a request without a condition"


# ── Bodies ────────────────────────────────────────────────────────────────────────────────────────


async def test_gzip_is_inflated(site, fetcher):
    site.put("/feed", gzip.compress(FEED), Content_Encoding="gzip")
    answer = await fetcher.fetch(Request(site.url("/feed")))
    assert isinstance(answer, Document)
    assert answer.body == FEED


async def test_gzip_in_several_members_and_padded_is_inflated_whole(site, fetcher):
    parts = [FEED * 3000, b"", bytes(range(256)) * 1500]
    zipped = b"".join(map(gzip.compress, parts)) + b"\0" * 512
    site.put("/feed", zipped, Content_Encoding="x-gzip")
    answer = await fetcher.fetch(Request(site.url("/feed")))
    assert isinstance(answer, Document)
    assert answer.body == b"".join(parts)


@pytest.mark.parametrize("cut", [5, 20, -1, -8])
async def test_truncated_gzip_is_a_failure(site, fetcher, cut):
    site.put("/feed", gzip.compress(FEED)[:cut], Content_Encoding="gzip")
    answer = await failed(fetcher, site.url("/feed"))
    assert answer.problem == "127.0.0.1 broke off in the middle of its compressed answer"


async def test_a_second_member_cut_short_is_a_failure(site, fetcher):
    zipped = gzip.compress(FEED) + gzip.compress(FEED)[:11]
    site.put("/feed", zipped, Content_Encoding="gzip")
    assert "broke off" in (await failed(fetcher, site.url("/feed"))).problem


async def test_what_only_claims_to_be_gzip_is_a_failure(site, fetcher):
    site.put("/feed", FEED, Content_Encoding="gzip")
    assert "damaged" in (await failed(fetcher, site.url("/feed"))).problem


async def test_a_bomb_is_stopped_while_it_inflates(site, fetcher):
    bomb = gzip.compress(b"\0" * 40_000_000)
    site.put("/feed", bomb, Content_Encoding="gzip")
    started = time.perf_counter()
    answer = await failed(fetcher, site.url("/feed"))
    assert answer.problem == "127.0.0.1 sent more than 0.953674 MiB"
    assert time.perf_counter() - started < 2


async def test_a_bomb_of_many_small_members_is_stopped(site, fetcher):
    site.put("/feed", gzip.compress(b"") * 20_000, Content_Encoding="gzip")
    assert "too many pieces" in (await failed(fetcher, site.url("/feed"))).problem


async def test_a_plain_body_over_the_limit_is_stopped(site, fetcher):
    site.put("/feed", b"x" * 1_000_001)
    assert "sent more than" in (await failed(fetcher, site.url("/feed"))).problem


async def test_a_body_of_just_the_limit_is_taken(site, fetcher):
    site.put("/feed", gzip.compress(b"x" * 1_000_000), Content_Encoding="gzip")
    assert isinstance(await fetcher.fetch(Request(site.url("/feed"))), Document)


async def test_an_encoding_nobody_asked_for_is_a_failure(site, fetcher):
    site.put("/feed", FEED, Content_Encoding="br")
    assert "not asked for (br)" in (await failed(fetcher, site.url("/feed"))).problem


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nshort",
    ],
)
async def test_a_body_shorter_than_promised_is_a_failure(site, fetcher, raw):
    site.put_raw("/feed", raw)
    answer = await failed(fetcher, site.url("/feed"))
    assert answer.problem == "127.0.0.1 broke off in the middle of its answer"


async def test_an_empty_body_is_a_document(site, fetcher):
    site.put("/feed", b"", Content_Encoding="gzip")
    answer = await fetcher.fetch(Request(site.url("/feed")))
    assert isinstance(answer, Document)
    assert answer.body == b""


# ── Servers that misbehave ────────────────────────────────────────────────────────────────────────


async def test_a_server_that_drips_meets_the_deadline(site):
    site.put_slow("/feed")
    async with HttpFetcher(allow_private=LOOPBACK, deadline=0.3) as fetcher:
        started = time.perf_counter()
        answer = await failed(fetcher, site.url("/feed"))
    assert answer.problem == "127.0.0.1 did not answer within 0.3 s"
    assert time.perf_counter() - started < 2


async def test_redirects_share_one_deadline(site):
    async def linger(_: web.Request) -> web.Response:
        await asyncio.sleep(0.2)
        return web.Response(status=302, headers={"Location": "/feed"})

    site.put_call("/feed", linger)
    async with HttpFetcher(allow_private=LOOPBACK, deadline=0.5) as fetcher:
        assert "did not answer within" in (await failed(fetcher, site.url("/feed"))).problem


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        (b"", "127.0.0.1 closed the connection without an answer"),
        (b"220 mail.example.org ESMTP\r\n", "127.0.0.1 sent something that is no HTTP"),
        (
            b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
            "127.0.0.1 sent something that is no HTTP",
        ),
    ],
)
async def test_what_is_no_http_is_a_failure(site, fetcher, raw, problem):
    site.put_raw("/feed", raw)
    assert (await failed(fetcher, site.url("/feed"))).problem == problem


@pytest.mark.parametrize(
    ("status", "problem"),
    [
        (404, "127.0.0.1 answered HTTP 404 Not Found"),
        (500, "127.0.0.1 answered HTTP 500 Internal Server Error"),
        (799, "127.0.0.1 answered HTTP 799"),
        (204, "127.0.0.1 answered HTTP 204 No Content"),
        (300, "127.0.0.1 answered HTTP 300 Multiple Choices"),
    ],
)
async def test_any_other_status_is_a_failure(site, fetcher, status, problem):
    site.put("/feed", status=status)
    answer = await failed(fetcher, site.url("/feed"))
    assert (answer.problem, answer.status, answer.gone) == (problem, status, False)


async def test_410_is_gone(site, fetcher):
    site.put("/feed", status=410)
    assert (await failed(fetcher, site.url("/feed"))).gone


async def test_a_closed_port_is_a_failure(fetcher):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    answer = await failed(fetcher, f"http://127.0.0.1:{port}/")
    assert answer.problem.startswith("127.0.0.1 could not be reached")


async def test_a_name_that_is_not_known_is_a_failure(fetcher, monkeypatch):
    def unknown(*_: object) -> list[object]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    answer = await failed(fetcher, "http://no-such-name.example/")
    assert answer.problem == "the name no-such-name.example could not be found"


async def test_tls_with_a_server_that_speaks_none_is_a_failure(site, fetcher):
    answer = await failed(fetcher, site.url("/").replace("http:", "https:"))
    assert answer.problem == "no TLS connection to 127.0.0.1 could be made"


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("file:///etc/passwd", "the address leads to file:, and only http and https are fetched"),
        ("ftp://example.org/", "the address leads to ftp:, and only http and https are fetched"),
        ("/feed", "the address leads to nothing:, and only http and https are fetched"),
        ("http://[::1", "the source's url is no address"),
        ("http://example.org:99999/", "the source's url is no address"),
        ("http://xn--/feed", "the source's url is no address"),
        ("http://a..b/feed", "a..b is no host's name"),
    ],
)
async def test_what_is_no_web_address_is_a_failure(fetcher, url, problem):
    assert (await failed(fetcher, url)).problem == problem


async def test_a_header_that_would_break_the_request_is_a_failure(site, fetcher):
    answer = await failed(fetcher, site.url("/"), etag='"a"\r\nX: 1')
    assert answer.problem.startswith("127.0.0.1 could not be fetched")
    assert site.requests == []


# ── Being asked to wait ───────────────────────────────────────────────────────────────────────────


DATE = "Sun, 22 Nov 2026 06:00:00 GMT"


@pytest.mark.parametrize(
    ("value", "date", "seconds"),
    [
        ("120", DATE, 120),
        ("0", DATE, 0),
        ("999999999", DATE, 86400),
        ("Sun, 22 Nov 2026 06:10:00 GMT", DATE, 600),
        ("Sun, 22 Nov 2027 06:10:00 GMT", DATE, 86400),
        ("Sun, 22 Nov 2026 05:10:00 GMT", DATE, None),
        ("-5", DATE, None),
        ("1.5", DATE, None),
        ("soon", DATE, None),
        ("", DATE, None),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after_is_read_against_the_servers_own_clock(
    site, fetcher, status, value, date, seconds
):
    site.put("/feed", status=status, Retry_After=value, Date=date)
    answer = await failed(fetcher, site.url("/feed"))
    assert (answer.status, answer.retry_after) == (status, seconds)


async def test_retry_after_counts_only_where_it_means_something(site, fetcher):
    site.put("/feed", status=404, Retry_After="120")
    assert (await failed(fetcher, site.url("/feed"))).retry_after is None
    site.put("/feed", FEED, Retry_After="120")
    assert isinstance(await fetcher.fetch(Request(site.url("/feed"))), Document)


async def test_a_429_pauses_the_whole_host(site, fetcher):
    site.put("/limited", status=429, Retry_After="120")
    site.put("/other", FEED)
    await failed(fetcher, site.url("/limited"))
    answer = await failed(fetcher, site.url("/other"))
    assert answer.problem == "127.0.0.1 asked to be left alone for another 2 minutes (HTTP 429)"
    assert answer.status == 429
    assert 100 < (answer.retry_after or 0) <= 120
    assert [path for path, _ in site.requests] == ["/limited"]


async def test_a_host_is_asked_by_one_connection_at_a_time(site, fetcher):
    busy, most = 0, 0

    async def count(_: web.Request) -> web.Response:
        nonlocal busy, most
        busy += 1
        most = max(most, busy)
        await asyncio.sleep(0.02)
        busy -= 1
        return web.Response(body=FEED)

    site.put_call("/feed", count)
    requests = (fetcher.fetch(Request(site.url("/feed"))) for _ in range(5))
    answers = await asyncio.gather(*requests)
    assert all(isinstance(answer, Document) for answer in answers)
    assert most == 1


async def test_http_and_https_of_a_host_are_one_host_and_its_other_ports_are_others(fetcher):
    gate = fetcher._gate(URL("http://j.example/a"))  # noqa: SLF001 - 80 and 443 are no test's to open
    for same in ("https://J.example/b", "https://j.example.:443/c", "http://j.example:80/"):
        assert fetcher._gate(URL(same)) is gate  # noqa: SLF001
    assert fetcher._gate(URL("http://j.example:8080/")) is not gate  # noqa: SLF001
    arxiv = fetcher._gate(URL("https://rss.arxiv.org/rss/cs.LG"))  # noqa: SLF001
    assert fetcher._gate(URL("http://export.arxiv.org.:8080/api")) is arxiv  # noqa: SLF001


async def test_waiting_for_a_hosts_turn_does_not_count_against_the_deadline(site):
    async def linger(_: web.Request) -> web.Response:
        await asyncio.sleep(0.15)
        return web.Response(body=FEED)

    site.put_call("/feed", linger)
    async with HttpFetcher(allow_private=LOOPBACK, deadline=0.3) as fetcher:
        answers = await asyncio.gather(
            *(fetcher.fetch(Request(site.url("/feed"))) for _ in range(4))
        )
    assert all(isinstance(answer, Document) for answer in answers)


async def test_hosts_that_nobody_waits_for_are_forgotten(site, fetcher, monkeypatch):
    monkeypatch.setattr("bot.fetch._MOST_GATES", 0)
    async with serving() as other:
        for place in (site, other, site):
            place.put("/feed", FEED)
            answer = await fetcher.fetch(Request(place.url("/feed")))
            assert isinstance(answer, Document)


async def test_requests_to_a_domain_with_terms_are_spaced_across_its_hosts(site, monkeypatch):
    real = socket.getaddrinfo

    def at_home(host: str, *args: object) -> list[object]:
        return real("127.0.0.1" if host.endswith("arxiv.org") else host, *args)

    monkeypatch.setattr(socket, "getaddrinfo", at_home)
    times: list[float] = []

    async def note(_: web.Request) -> web.Response:
        times.append(time.monotonic())
        return web.Response(body=FEED)

    site.put_call("/feed", note)
    async with HttpFetcher(allow_private=LOOPBACK, spacing={"arxiv.org": 0.2}) as fetcher:
        hosts = ("rss.arxiv.org", "export.arxiv.org", "arxiv.org")
        await asyncio.gather(*(fetcher.fetch(Request(site.url("/feed", host))) for host in hosts))
        spaced = list(times)
        times.clear()
        for _ in range(3):
            await fetcher.fetch(Request(site.url("/feed")))
    assert len(spaced) == len(times) == 3
    assert min(b - a for a, b in itertools.pairwise(spaced)) > 0.18
    assert times[-1] - times[0] < 0.2  # loopback has no such terms


# ── Redirects ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_followed_and_the_last_address_is_told(site, fetcher, status):
    site.redirect("/old", "/new?a=1", status)
    site.put("/new", FEED)
    answer = await fetcher.fetch(Request(site.url("/old")))
    assert isinstance(answer, Document)
    assert answer.url == site.url("/new?a=1")


async def test_five_hops_are_followed_and_no_more(site, fetcher):
    for hop in range(7):
        site.redirect(f"/{hop}", f"/{hop + 1}")
    site.put("/7", FEED)
    assert isinstance(await fetcher.fetch(Request(site.url("/2"))), Document)
    answer = await failed(fetcher, site.url("/1"))
    assert answer.problem == "127.0.0.1 redirects more than 5 times"


async def test_a_loop_ends(site, fetcher):
    site.redirect("/a", "/b")
    site.redirect("/b", "/a")
    assert "redirects more than" in (await failed(fetcher, site.url("/a"))).problem


@pytest.mark.parametrize(
    ("to", "problem"),
    [
        ("file:///etc/passwd", "only http and https"),
        ("javascript:alert(1)", "only http and https"),
        ("http://[", "no address"),
        ("http://xn--/", "no address"),
        ("http://xn--a/feed", "no address"),
    ],
)
async def test_a_redirect_to_nowhere_is_a_failure(site, fetcher, to, problem):
    site.redirect("/old", to)
    assert problem in (await failed(fetcher, site.url("/old"))).problem


async def test_a_redirect_without_a_location_is_a_failure(site, fetcher):
    site.put("/old", status=302)
    assert (await failed(fetcher, site.url("/old"))).status == 302


async def test_a_redirect_inside_is_refused(site):
    async with HttpFetcher(allow_private=LOOPBACK) as fetcher:
        site.redirect("/old", "http://169.254.169.254/latest/meta-data/")
        answer = await failed(fetcher, site.url("/old"))
    assert answer.problem == (
        "the address leads to a private network (169.254.169.254), "
        "which [fetch] allow_private does not name"
    )


@pytest.mark.parametrize("name", ["Authorization", "x-api-key", "Crossref-Plus-API-Token"])
async def test_a_secret_stays_with_its_origin(site, fetcher, name):
    async with serving() as other:
        other.put("/new", FEED)
        site.redirect("/here", "/there")
        site.redirect("/there", other.url("/new"))
        secret = ((name, "Bearer x"), ("X-Kept", "1"))
        await fetcher.fetch(Request(site.url("/here"), headers=secret))
        assert [headers[name.lower()] for _, headers in site.requests] == ["Bearer x"] * 2
        ((_, headers),) = other.requests
    assert name.lower() not in headers
    assert headers["x-kept"] == "1"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_what_is_sent_is_sent_once_and_to_nobody_else(site, fetcher, status):
    site.redirect("/here", site.url("/there"), status)
    answer = await failed(fetcher, site.url("/here"), body=b'{"ids": []}')
    assert answer.problem == "127.0.0.1 redirects what was sent to it"
    assert [path for path, _ in site.requests] == ["/here"]


async def test_a_request_with_a_body_is_a_post_and_its_answer_a_document(site, fetcher):
    async def echo(request: web.Request) -> web.Response:
        assert request.method == "POST"
        return web.Response(body=await request.read(), content_type=request.content_type)

    site.put_call("/batch", echo)
    told = (("Content-Type", "application/json"),)
    answer = await fetcher.fetch(Request(site.url("/batch"), headers=told, body=b'{"ids": [1]}'))
    assert isinstance(answer, Document)
    assert (answer.body, answer.header("content-type")) == (b'{"ids": [1]}', "application/json")


# ── Where it never goes ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "①27.0.0.1",
        "0.0.0.0",  # noqa: S104 - nothing is bound to it
        "[::1]",
    ],
)
async def test_loopback_is_refused_however_it_is_spelt(site, host):
    async with HttpFetcher() as fetcher:
        answer = await failed(fetcher, site.url("/feed", host))
    # aiohttp may refuse a number as a name; what it lets pass is judged where it connects.
    assert answer.problem.startswith("the address leads to a private network") or (
        answer.problem == f"{host} is no host's name"
    )
    assert site.requests == []


async def test_a_name_that_leads_inside_is_refused_when_it_connects(site, monkeypatch):
    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda _, *rest: real("127.0.0.1", *rest))
    async with HttpFetcher() as fetcher:
        answer = await failed(fetcher, site.url("/feed", "rebound.example"))
    assert "private network (127.0.0.1)" in answer.problem
    assert site.requests == []


def test_what_the_owner_allows_may_be_reached_in_its_mapped_form_too():
    allowed = (ipaddress.ip_network("127.0.0.1/32"),)
    assert refusal("127.0.0.1", allowed) == refusal("::ffff:127.0.0.1", allowed) == ""
    assert refusal("127.0.0.2", allowed)


@pytest.mark.parametrize(
    "address",
    [
        *("10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254"),
        *("100.64.0.1", "0.0.0.1", "224.0.0.1", "239.1.2.3", "240.0.0.1", "255.255.255.255"),
        *("198.18.0.1", "192.0.2.1", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00::1"),
        *("fec0::1", "ff02::1", "64:ff9b::7f00:1", "2002:7f00:1::", "::ffff:10.0.0.1"),
        *("2001:db8::1", "2001::1", "::7f00:1"),
    ],
)
def test_addresses_that_are_refused(address):
    assert refusal(address)


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "128.84.21.199", "172.32.0.1", "100.128.0.1", "2606:4700::1111"]
)
def test_addresses_that_may_be_reached(address):
    assert refusal(address) == ""


# ── The canned one ────────────────────────────────────────────────────────────────────────────────


async def test_the_canned_fetcher_answers_in_turn_and_remembers_what_it_was_asked():
    url = "https://example.org/feed"
    canned = CannedFetcher({url: [FEED, NotModified(url)]})
    asked = Request(url, etag='"1"')
    assert await canned.fetch(asked) == Document(url, FEED)
    assert await canned.fetch(asked) == NotModified(url)
    assert await canned.fetch(asked) == NotModified(url)
    canned.then(url, Failure(url, "no"))
    assert await canned.fetch(asked) == Failure(url, "no")
    unknown = await canned.fetch(Request("https://other.example/"))
    assert unknown == Failure("https://other.example/", "other.example could not be reached")
    assert canned.requests == [asked] * 4 + [Request("https://other.example/")]


async def test_many_hosts_are_asked_at_once_but_not_all(monkeypatch):
    monkeypatch.setattr("bot.fetch.MOST_AT_ONCE", 3)
    asked, most = 0, 0

    async def slow(_: web.Request) -> web.Response:
        nonlocal asked, most
        asked += 1
        most = max(most, asked)
        await asyncio.sleep(0.05)
        asked -= 1
        return web.Response(body=FEED)

    async with AsyncExitStack() as stack:
        sites = [await stack.enter_async_context(serving()) for _ in range(9)]
        fetcher = await stack.enter_async_context(HttpFetcher(allow_private=LOOPBACK))
        for site in sites:
            site.put_call("/feed", slow)
        answers = await asyncio.gather(*(fetcher.fetch(Request(s.url("/feed"))) for s in sites))
    assert all(isinstance(answer, Document) for answer in answers)
    assert 1 < most <= 3
