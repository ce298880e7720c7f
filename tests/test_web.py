"""The web service over real HTTP: what is published, the way out of a digest, and its bounds."""

from __future__ import annotations

import asyncio
import logging
import shutil
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

import aiohttp
import pytest

from bot import tokens
from bot.app import open_app
from bot.config import load_config
from bot.errors import StateLockedError
from bot.models import Origin, SubscriptionStatus
from bot.web import answers, connections, listening

NOW = datetime(2026, 11, 20, 7, tzinfo=UTC)
SECRET = b"s" * 32
CONFIG = """
[bot]
title = "Morning papers"
base_url = "http://127.0.0.1:1{prefix}"
contact = "librarian@example.org"
[web]
listen = "127.0.0.1:0"
[profiles.experts]
title = "Mixture of <b>experts</b>"
to = ["ada@example.org", "grace@example.org"]
[profiles.proteins]
title = "Protein design"
to = ["ada@example.org"]
[profiles.galaxies]
to = ["grace@example.org"]
"""
ONE_CLICK = "List-Unsubscribe=One-Click"


@pytest.fixture
def prefix():
    return ""


@pytest.fixture
async def app(tmp_path, prefix):
    path = tmp_path / "config.toml"
    path.write_text(CONFIG.format(prefix=prefix))
    with open_app(load_config(path), lambda: NOW, SECRET) as opened:
        await opened.mirror()
        public = tmp_path / "state" / "public"
        (public / "p" / "experts").mkdir(parents=True)
        (public / "index.html").write_text("today")
        (public / "p" / "experts" / "index.html").write_text("archive")
        (public / "feed.rss").write_text("<rss/>")
        yield opened


@pytest.fixture
async def address(app):
    async with listening(lambda: app) as found:
        yield found


@pytest.fixture
async def site(address, prefix):
    async with aiohttp.ClientSession() as session:

        async def ask(method, path, **more):
            url = f"{address}{prefix}{path}"
            async with session.request(method, url, allow_redirects=False, **more) as answer:
                return answer, await answer.text()

        yield ask


@asynccontextmanager
async def connected(address):
    """Speak to the server byte by byte."""
    host, _, port = address.removeprefix("http://").rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def answer_to(address, request):
    """Return all that the server says to these bytes until it hangs up."""
    async with connected(address) as (reader, writer), asyncio.timeout(5):
        writer.write(request)
        return (await reader.read()).decode()


def token_of(app, address, *, secret=SECRET, epoch=0, purpose=tokens.Purpose.UNSUBSCRIBE):
    number = next(s.subscriber for s in app.store.subscriptions() if s.address == address)
    return tokens.make(secret, purpose, [number], epoch)


@pytest.fixture
def way_out(app):
    return f"/unsubscribe/{token_of(app, 'ada@example.org')}"


def standing(app, address):
    """Return the profiles that an address gets."""
    return [
        s.profile
        for s in app.store.all_subscriptions()
        if s.address == address and s.status is SubscriptionStatus.CONFIRMED
    ]


# ── The way out: showing ──────────────────────────────────────────────────────────────────────────


async def test_fifty_gets_by_a_scanner_change_nothing(app, site, way_out):
    for _ in range(50):
        answer, text = await site("GET", way_out)
        assert answer.status == 200
    assert "<button" in text
    assert standing(app, "ada@example.org") == ["experts", "proteins"]


@pytest.mark.parametrize("query", ["", f"?{ONE_CLICK}", "?profile=experts", "?v=more&%00=%ff"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_looking_changes_nothing_whatever_the_query_says(app, site, way_out, method, query):
    answer, text = await site(method, way_out + query)
    assert answer.status == 200
    assert bool(text) == (method == "GET")
    assert standing(app, "ada@example.org") == ["experts", "proteins"]


async def test_the_page_does_not_tell_the_whole_address(site, way_out):
    _, text = await site("GET", way_out)
    assert "ada@example.org" not in text
    assert "a…@example.org gets" in text


async def test_the_page_is_its_readers_alone(site, way_out):
    for path in (way_out, "/unsubscribe/forged"):
        answer, _ = await site("GET", path)
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert "noindex" in answer.headers["X-Robots-Tag"]
        assert "Set-Cookie" not in answer.headers


async def test_a_hostile_title_is_only_text(site, way_out):
    _, text = await site("GET", way_out)
    assert "Mixture of &lt;b&gt;experts&lt;/b&gt;" in text
    assert "<b>" not in text


async def test_stopping_all_is_the_first_button_and_each_profile_has_its_own(app, site, way_out):
    _, text = await site("GET", way_out)
    buttons = [line for line in text.splitlines() if "<button" in line]
    assert 'name="all" value="yes">Stop all mail' in buttons[0]
    assert [b.count('name="profile"') for b in buttons[1:]] == [1, 1]
    assert 'value="galaxies"' not in text
    app.store.unsubscribe("ada@example.org", "proteins", Origin.SELF)
    _, text = await site("GET", way_out)
    assert text.count("<button") == 1, "of one profile there is nothing to choose"


@pytest.fixture
def one_way_out(app):
    """The way out of a mail that is for experts alone."""
    (subscription,) = (
        s for s in app.store.subscriptions_of("ada@example.org") if s.profile == "experts"
    )
    ids = [subscription.subscriber, subscription.id]
    return f"/unsubscribe/{tokens.make(SECRET, tokens.Purpose.UNSUBSCRIBE, ids, 0)}"


async def test_from_a_mail_for_one_profile_that_is_the_first_button(app, site, one_way_out):
    _, text = await site("GET", one_way_out)
    buttons = [line for line in text.splitlines() if "<button" in line]
    assert 'value="One-Click">Stop Mixture of &lt;b&gt;experts&lt;/b&gt;' in buttons[0]
    assert 'name="all" value="yes">Stop all mail' in buttons[1]
    assert 'name="profile" value="proteins"' in buttons[2]
    assert len(buttons) == 3
    assert standing(app, "ada@example.org") == ["experts", "proteins"]


@pytest.mark.parametrize("body", [ONE_CLICK, "", "junk"])
async def test_one_click_of_a_mail_for_one_profile_ends_only_that(app, site, one_way_out, body):
    for _ in range(2):
        _, text = await site("POST", one_way_out, data=body, headers={"Content-Type": URLENCODED})
        assert "does not get “Mixture of &lt;b&gt;experts&lt;/b&gt;” any more" in text
        assert "Still coming: “Protein design”" in text
        assert standing(app, "ada@example.org") == ["proteins"]
    _, text = await site("POST", one_way_out, data={"all": "yes"})
    assert "no more digests" in text
    assert standing(app, "ada@example.org") == []


# ── The way out: acting ───────────────────────────────────────────────────────────────────────────

URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=x"
BODIES = {
    "one-click": (URLENCODED, ONE_CLICK),
    "one-click, of a charset": (f"{URLENCODED}; charset=utf-8", ONE_CLICK),
    "one-click, multipart": (
        MULTIPART,
        '--x\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--x--\r\n',
    ),
    "broken multipart": (MULTIPART, "--y\r\nContent-Disposition: form-data"),
    "multipart without a boundary": ("multipart/form-data", ONE_CLICK),
    "one-click, and a field of the page's": (URLENCODED, f"profile=experts&{ONE_CLICK}"),
    "nothing": (URLENCODED, ""),
    "no type": ("", ONE_CLICK),
    "junk": (URLENCODED, "&=;%zz\x00\xff" * 50),
    "too many fields": (URLENCODED, "a=b&" * 3000),
    "an unknown charset": (f"{URLENCODED}; charset=klingon", ONE_CLICK),
    "JSON": ("application/json", "{"),
}


@pytest.mark.parametrize("sent", BODIES)
async def test_one_post_unsubscribes_at_once_without_a_redirect(app, site, way_out, sent):
    kind, body = BODIES[sent]
    skip = {"skip_auto_headers": ["Content-Type"]} if not kind else {}
    headers = {"Content-Type": kind} if kind else {}
    answer, text = await site("POST", way_out, data=body.encode("latin-1"), headers=headers, **skip)
    assert answer.status == 200
    assert "no more digests" in text
    assert "Set-Cookie" not in answer.headers
    assert standing(app, "ada@example.org") == []
    assert standing(app, "grace@example.org") == ["experts", "galaxies"]


async def test_a_body_in_chunks_unsubscribes_too(app, address, way_out):
    said = await answer_to(
        address,
        f"POST {way_out} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        f"Transfer-Encoding: chunked\r\nContent-Type: {URLENCODED}\r\n\r\n"
        f"1a\r\n{ONE_CLICK}\r\n0\r\n\r\n".encode(),
    )
    assert said.startswith("HTTP/1.1 200 ")
    assert standing(app, "ada@example.org") == []


@pytest.mark.e2e
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
async def test_curl_unsubscribes_as_a_mail_service_would(app, address, way_out):
    curl = await asyncio.create_subprocess_exec(
        "curl", "-sS", "--max-redirs", "0", "-w", "%{http_code} %{num_redirects}", "-d", ONE_CLICK,
        f"{address}{way_out}", stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    said, _ = await curl.communicate()
    assert said.endswith(b"200 0")
    assert standing(app, "ada@example.org") == []


async def test_posting_again_gives_the_same_answer(site, way_out):
    first = await site("POST", way_out, data=ONE_CLICK)
    again = await site("POST", way_out, data=ONE_CLICK)
    assert (first[0].status, first[1]) == (again[0].status, again[1])


async def test_the_answer_says_what_ended_and_how_to_come_back(site, way_out):
    _, text = await site("POST", way_out)
    assert "Ended: “Mixture of &lt;b&gt;experts&lt;/b&gt;” and “Protein design”." in text
    assert 'write to <a href="mailto:librarian@example.org">' in text
    assert "<button" not in text
    _, later = await site("GET", way_out)
    assert "gets no digest from us" in later
    assert "mailto:librarian@example.org" in later


async def test_one_profile_alone_can_be_stopped_as_often_as_asked(app, site, way_out):
    for _ in range(2):
        answer, text = await site("POST", way_out, data={"profile": "experts"})
        assert answer.status == 200
        assert "does not get “Mixture of &lt;b&gt;experts&lt;/b&gt;” any more" in text
        assert "Still coming: “Protein design”." in text
        assert standing(app, "ada@example.org") == ["proteins"]
    _, text = await site("POST", way_out, data={"profile": "proteins"})
    assert "no more digests" in text


@pytest.mark.parametrize("name", ["galaxies", "nobody", "' OR 1=1 --", "experts\x00"])
async def test_what_they_never_got_cannot_be_stopped(app, site, way_out, name):
    answer, text = await site("POST", way_out, data={"profile": name})
    assert answer.status == 400
    assert "Nothing was changed" in text
    assert standing(app, "ada@example.org") == ["experts", "proteins"]


async def test_who_unsubscribed_stays_so_though_the_config_still_names_them(app, site, way_out):
    await site("POST", way_out)
    await app.mirror()
    assert standing(app, "ada@example.org") == []


async def test_an_owner_may_unsubscribe_and_subscribe_somebody_again(app, site, way_out):
    await site("POST", way_out)
    key = tokens.suppression_key(SECRET, "ada@example.org")
    app.store.subscribe("ada@example.org", "experts", Origin.OWNER, NOW, suppressed=key)
    assert standing(app, "ada@example.org") == ["experts"]


# ── Tokens that are none ──────────────────────────────────────────────────────────────────────────

JUNK = ["x", "A" * 24, "%00", "..%2f..%2fetc", "é" * 9, "A" * 4000, "%ff%fe", "a%0d%0aX:y"]


@pytest.mark.parametrize("token", JUNK)
async def test_a_token_that_is_not_ours_does_nothing(app, site, token):
    for method in ("GET", "POST"):
        answer, text = await site(method, f"/unsubscribe/{token}")
        assert answer.status == 404
        assert "This link is not valid" in text
        assert "mailto:librarian@example.org" in text
    assert standing(app, "ada@example.org") == ["experts", "proteins"]


async def test_every_token_that_does_not_hold_gets_the_same_answer(app, site):
    refused = [
        token_of(app, "ada@example.org", secret=b"x" * 32),
        token_of(app, "ada@example.org", epoch=1),
        token_of(app, "ada@example.org", purpose=tokens.Purpose.FEEDBACK),
        tokens.make(SECRET, tokens.Purpose.UNSUBSCRIBE, [4711], 0),
        tokens.make(SECRET, tokens.Purpose.UNSUBSCRIBE, [], 0),
        tokens.make_for_mail(SECRET, tokens.Purpose.UNSUBSCRIBE, [1], 0),
        "forged",
    ]
    said = {(await site(how, f"/unsubscribe/{t}"))[1] for t in refused for how in ("GET", "POST")}
    assert len(said) == 1


async def test_raising_the_epoch_leaves_the_mail_of_before_its_way_out(app, site, way_out):
    number = app.store.subscriptions()[0].subscriber
    app.store.renew(number)
    never = tokens.make(app.founding.secret, tokens.Purpose.UNSUBSCRIBE, [number], 2)
    answer, _ = await site("POST", f"/unsubscribe/{never}")
    assert answer.status == 404
    answer, _ = await site("POST", way_out)
    assert answer.status == 200


@pytest.mark.parametrize("length", [9_000, 100_000])
async def test_an_address_without_end_is_refused(address, length):
    said = await answer_to(
        address, f"GET /unsubscribe/{'A' * length} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    )
    assert said.startswith(("HTTP/1.0 400 ", "HTTP/1.1 400 "))


# ── What is published ─────────────────────────────────────────────────────────────────────────────


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


async def test_health_is_well_until_a_source_alarms(app, site):
    answer, _ = await site("GET", "/health")
    assert answer.status == 200
    from bot.models import SourceState

    app.store.save_source_state(SourceState("nature", failing_since=NOW, alarmed_at=NOW))
    answer, text = await site("GET", "/health")
    assert answer.status == 503
    assert "nature" in text


async def test_a_folder_may_be_reached_through_a_link_of_its_owners(app, site, tmp_path):
    public = tmp_path / "state" / "public"
    public.rename(tmp_path / "elsewhere")
    public.symlink_to(tmp_path / "elsewhere")
    assert (await site("GET", "/"))[1] == "today"


async def test_what_is_hidden_is_not_served_and_a_link_out_leads_nowhere(site, tmp_path):
    public = tmp_path / "state" / "public"
    (public / ".notes").mkdir()
    (public / ".notes" / "made.json").write_text("a note")
    (public / "out").symlink_to(tmp_path)
    for path in ("/.notes/made.json", "/.notes/", "/out/config.toml", "/out", "/out/"):
        answer, text = await site("GET", path)
        assert answer.status == 404
        assert "There is no such page" in text


async def test_a_redirect_never_leads_to_another_host(address):
    for path in ("//p", "/p", "///p/experts", "/%2fp", "/./p/experts", "//p/experts"):
        said = await answer_to(
            address,
            f"GET {path} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n".encode(),
        )
        assert "evil.example" not in said
        assert "Location: //" not in said


# ── Bounds ────────────────────────────────────────────────────────────────────────────────────────


async def test_health_names_the_parts_of_the_service_that_fail_and_no_more(app, site):
    app.troubles["publish"] = "/srv/papers/state cannot be written."
    answer, text = await site("GET", "/health")
    assert answer.status == 503
    assert '"troubles": ["publish"]' in text
    assert "srv" not in text
    app.troubles.clear()
    answer, _ = await site("GET", "/health")
    assert answer.status == 200


async def test_health_answers_while_somebody_has_taken_the_state_folder_away(app, site):
    app.config.state.rename(app.config.state.with_name("away"))
    answer, text = await site("GET", "/health")
    assert answer.status == 200, "what is wrong, a running `serve` has among its troubles"
    assert '"outbox"' in text
    assert (await site("GET", "/metrics"))[0].status != 500


async def test_health_says_that_the_disk_is_full(app, site, monkeypatch):
    monkeypatch.setattr(type(app), "room", lambda _: 0)
    answer, text = await site("GET", "/health")
    assert answer.status == 503
    assert '"troubles": ["disk"]' in text


@pytest.mark.parametrize("path", ["/", "/feed.rss", "/health", "/nothing"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PROPFIND"])
async def test_pages_can_only_be_read(site, method, path):
    answer, _ = await site(method, path)
    assert answer.status == 405
    assert answer.headers["Allow"] == "GET,HEAD"


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_doors_know_no_other_method(app, site, way_out, method):
    answer, text = await site(method, way_out, data=ONE_CLICK)
    assert answer.status == 405
    assert answer.headers["Allow"] == "GET,HEAD,POST"
    assert "Nothing was changed" in text
    assert standing(app, "ada@example.org") == ["experts", "proteins"]


async def test_a_body_that_is_too_large_is_not_read(app, site, way_out):
    answer, text = await site("POST", way_out, data=b"x" * 1_000_000)
    assert answer.status == 413
    assert "nothing was changed" in text
    assert standing(app, "ada@example.org") == ["experts", "proteins"]


async def test_a_body_that_grows_too_large_in_chunks_is_not_read_to_its_end(app, address, way_out):
    async with connected(address) as (reader, writer), asyncio.timeout(5):
        writer.write(
            f"POST {way_out} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
            + b"1000\r\n" + b"x" * 4096 + b"\r\n" + b"4000\r\n" + b"x" * 16384 + b"\r\n"
        )  # fmt: skip
        assert (await reader.readline()).startswith(b"HTTP/1.1 413 ")
    assert standing(app, "ada@example.org") == ["experts", "proteins"]


async def test_a_body_that_does_not_come_is_not_waited_for(app, address, way_out, monkeypatch):
    monkeypatch.setattr(answers, "_FORM_SECONDS", 0.1)
    monkeypatch.setattr(connections, "_ENDING", 0.1)
    async with connected(address) as (reader, writer), asyncio.timeout(5):
        writer.write(f"POST {way_out} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx".encode())
        assert (await reader.readline()).startswith(b"HTTP/1.1 408 ")
    assert standing(app, "ada@example.org") == ["experts", "proteins"]


async def test_a_body_that_breaks_off_changes_nothing(app, address, way_out):
    async with connected(address) as (_, writer):
        writer.write(f"POST {way_out} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx".encode())
        await writer.drain()
    said = await answer_to(
        address,
        f"POST {way_out} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n".encode(),
    )
    assert " 400 " in said.splitlines()[0]
    assert standing(app, "ada@example.org") == ["experts", "proteins"]


async def test_whoever_dawdles_over_the_headers_is_sent_away(app, monkeypatch):
    monkeypatch.setattr(connections, "_IDLE", 0.2)
    async with listening(lambda: app) as address, connected(address) as (reader, writer):
        began = asyncio.get_running_loop().time()

        async def dawdle():
            while True:
                writer.write(b"X-Wait: 1\r\n")
                await asyncio.sleep(0.05)

        writer.write(b"GET / HTTP/1.1\r\n")
        dawdling = asyncio.create_task(dawdle())
        async with asyncio.timeout(5):
            with suppress(ConnectionError):
                assert await reader.read() == b""
        dawdling.cancel()
        assert asyncio.get_running_loop().time() - began < 2


async def test_whoever_does_not_read_is_cut_off(app, tmp_path, monkeypatch):
    with (tmp_path / "state" / "public" / "big.png").open("wb") as file:
        file.truncate(50_000_000)
    for name, seconds in (("_IDLE", 0.2), ("_OLD", 0.3), ("_TOO_OLD", 0.4)):
        monkeypatch.setattr(connections, name, seconds)
    async with (
        listening(lambda: app) as address,
        connected(address) as (reader, writer),
        asyncio.timeout(8),
    ):
        writer.write(b"GET /big.png HTTP/1.1\r\nHost: x\r\n\r\n")
        await asyncio.sleep(1)
        got = 0
        while chunk := await reader.read(1 << 20):
            got += len(chunk)
        assert got < 50_000_000


async def test_only_so_many_are_let_in_at_once(app, monkeypatch):
    monkeypatch.setattr(connections, "MOST_CONNECTIONS", 2)
    async with listening(lambda: app) as address:
        ask = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        async with connected(address), connected(address):
            await asyncio.sleep(0.05)
            assert (await answer_to(address, ask)).startswith("HTTP/1.1 503 ")
        await asyncio.sleep(0.05)
        assert (await answer_to(address, ask)).endswith("today")


async def test_no_token_enters_a_log(app, site, address, way_out, caplog, capfd, monkeypatch):
    caplog.set_level(logging.DEBUG)
    token = way_out.rpartition("/")[2]
    await site("GET", way_out)
    await site("PUT", way_out)
    await site("POST", way_out, data=b"x" * 100_000)
    await site("POST", f"/unsubscribe/{token}x")
    for broken in (
        f"GET {way_out}", f"GET {way_out} HTTP/9", f"{way_out} / HTTP/1.1",
        f"GET {way_out} HTTP/1.1\r\nHost: x\r\n{token}", f"GET {way_out * 200} HTTP/1.1",
    ):  # fmt: skip
        await answer_to(address, f"{broken}\r\n\r\n".encode())

    def broken_store(_):
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr(app.store, "subscriber", broken_store)
    answer, text = await site("POST", way_out)
    assert answer.status == 500
    assert "mistake of ours" in text
    assert token not in caplog.text
    assert token not in "".join(capfd.readouterr())


async def test_a_mistake_of_ours_while_a_file_is_sent_is_logged(site, caplog, monkeypatch):
    async def broken(*_):
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr(aiohttp.web.Response, "prepare", broken)
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await site("GET", "/feed.rss")
    assert "a mistake of ours" in caplog.text


async def test_a_store_that_is_busy_is_told_and_can_be_asked_again(app, site, way_out, monkeypatch):
    def busy(*_):
        raise StateLockedError("another process holds the database")

    with monkeypatch.context() as patched:
        patched.setattr(app.store, "unsubscribe", busy)
        answer, text = await site("POST", way_out)
        assert answer.status == 503
        assert "try again in a few minutes" in text
    assert (await site("POST", way_out))[0].status == 200


class TestUnderAPathPrefix:
    @pytest.fixture(params=["/papers", "/of/our/lab-1"])
    def prefix(self, request):
        return request.param

    async def test_everything_lies_below_it(self, site, way_out, prefix):
        assert (await site("GET", "/"))[1] == "today"
        assert (await site("GET", way_out))[0].status == 200
        _, text = await site("GET", "/unsubscribe/forged/and/more")
        assert f'href="{prefix}/style.css"' in text
        answer, _ = await site("GET", "/p/experts")
        assert answer.headers["Location"] == f"{prefix}/p/experts/"

    @pytest.mark.parametrize("asked", ["", "?utm_source=x"])
    async def test_the_public_address_without_its_last_slash_leads_home(self, site, prefix, asked):
        answer, _ = await site("GET", asked)
        assert (answer.status, answer.headers["Location"]) == (301, f"{prefix}/")

    async def test_nothing_lies_beside_it(self, address, way_out):
        for path in ("/", way_out, "/papersx"):
            ask = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
            assert " 404 " in (await answer_to(address, ask.encode())).splitlines()[0]
