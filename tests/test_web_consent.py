"""Subscribing, saying yes and choosing on the web, over real HTTP."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import default

import aiohttp
import pytest
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from bot import tokens
from bot.app import open_app
from bot.config import load_config
from bot.errors import DiskFullError
from bot.models import DeliveryKind, Opinion, Origin, SubscriptionStatus
from bot.web import consent, listening
from bot.web.limits import Limits, network_of
from bot.workflows.manage import Chosen
from support_round import DAY, a_paper, absorb, an_edition

NOW = datetime(2026, 11, 20, 7, tzinfo=UTC)
SECRET = b"s" * 32
ADA = "ada@example.org"
CONFIG = """
[bot]
title = "Morning papers"
base_url = "http://127.0.0.1:1/daily"
contact = "owner@example.org"
[web]
listen = "127.0.0.1:0"
trusted_proxies = ["10.0.0.0/8"]
[subscribe]
{subscribe}
[profiles.experts]
title = "Mixture of <b>experts</b>"
about = "Routing & sparsity."
at = "07:00"
[profiles.proteins]
at = "07:00"
[profiles.secret]
public = false
"""


@pytest.fixture
def subscribe():
    return ""


@pytest.fixture
def now():
    return [NOW]


@pytest.fixture
async def app(tmp_path, now, subscribe):
    path = tmp_path / "config.toml"
    path.write_text(CONFIG.format(subscribe=subscribe))
    with open_app(load_config(path), lambda: now[0], SECRET) as opened:
        await opened.mirror()
        absorb(opened.store, a_paper(), now=NOW)
        an_edition(opened.store, 1, now=NOW)
        yield opened


@dataclass
class Answer:
    status: int
    text: str
    headers: Mapping[str, str]

    @property
    def words(self):
        return " ".join(re.sub(r"<[^>]+>", " ", self.text).split())


class Visitor:
    """A browser of the simplest kind."""

    def __init__(self, address, client):
        self.address, self.client = f"{address}/daily", client

    async def get(self, path, **headers):
        return await self._asked("GET", path, headers=headers)

    async def post(self, path, _headers=None, **fields):
        return await self._asked("POST", path, data=fields, headers=_headers or {})

    async def _asked(self, method, path, **said):
        async with self.client.request(method, f"{self.address}{path}", **said) as answer:
            return Answer(answer.status, await answer.text(), answer.headers.copy())

    async def order(self, lists=("experts",), address=ADA, _headers=None, **more):
        """Fill in the form as a person does."""
        shown = await self.get("/subscribe")
        stamp = re.search(r'name="stamp" value="([^"]+)"', shown.text)[1]
        fields = {"address": address, "list": list(lists), "website": "", "stamp": stamp} | more
        data = aiohttp.FormData([(n, v) for n, vs in fields.items()
                                 for v in (vs if isinstance(vs, list) else [vs])])  # fmt: skip
        return await self._asked("POST", "/subscribe", data=data, headers=_headers or {})


@pytest.fixture
async def visitor(app, monkeypatch):
    monkeypatch.setattr(consent, "QUICKEST", 0.0)
    monkeypatch.setattr(consent, "ORDER_SECONDS", 0.0)
    woken = []
    async with (
        listening(lambda: app, lambda: woken.append(1)) as address,
        aiohttp.ClientSession() as client,
    ):
        visitor = Visitor(address, client)
        visitor.woken = woken
        yield visitor


def questions(app):
    return [d for d in app.store.deliveries(100) if d.kind is DeliveryKind.CONFIRM]


def link_of(app):
    """Return the latest question's way to a yes."""
    (row, *_) = app.store.db.rows("SELECT content FROM outgoing ORDER BY delivery DESC")
    return re.search(rb"/confirm/[a-z2-7]{32}", bytes(row["content"]))[0].decode()


def status(app, profile="experts"):
    return {s.profile: s.status for s in app.store.subscriptions_of(ADA)}.get(profile)


async def manage_link(app, visitor):
    await visitor.order()
    done = await visitor.post(link_of(app))
    return re.search(r"/manage/[\w-]+", done.text)[0]


# ── Subscribing ───────────────────────────────────────────────────────────────────────────────────


async def test_the_form_shows_the_public_lists_and_what_is_kept(visitor):
    shown = await visitor.get("/subscribe?list=proteins")
    assert shown.status == 200
    assert "Mixture of &lt;b&gt;experts&lt;/b&gt;" in shown.text
    assert "Routing &amp; sparsity." in shown.text
    assert "secret" not in shown.text
    assert 'value="proteins" checked' in shown.text
    assert "nothing comes before you say yes" in shown.words


async def test_an_order_is_asked_back_by_mail(visitor, app):
    answer = await visitor.order()
    assert (answer.status, "Look into your mailbox" in answer.words) == (200, True)
    assert len(questions(app)) == 1
    assert visitor.woken
    assert status(app) is SubscriptionStatus.UNCONFIRMED


async def test_the_answer_never_tells_whether_an_address_is_known(visitor, app):
    unknown = await visitor.order()
    app.store.subscribe(ADA, "experts", Origin.OWNER, NOW, suppressed="x")
    known = await visitor.order()
    key = tokens.suppression_key(SECRET, "dead@example.org")
    app.store.suppress("dead@example.org", key, "bounce", NOW)
    suppressed = await visitor.order(address="dead@example.org")
    assert {unknown.text, known.text, suppressed.text} == {unknown.text}
    assert {unknown.status, known.status, suppressed.status} == {200}


async def test_an_order_takes_its_time_also_where_there_is_nothing_to_do(visitor, app, monkeypatch):
    monkeypatch.setattr(consent, "ORDER_SECONDS", 0.2)
    app.store.suppress(ADA, tokens.suppression_key(SECRET, ADA), "bounce", NOW)
    began = asyncio.get_running_loop().time()
    assert (await visitor.order()).status == 200
    assert asyncio.get_running_loop().time() - began >= 0.2


async def test_the_box_on_the_front_page_leads_to_the_form_with_its_address(visitor, app):
    answer = await visitor.post("/subscribe", address=ADA)
    assert answer.status == 200
    assert f'value="{ADA}"' in answer.text
    assert "One more step" in answer.words
    assert questions(app) == []


async def test_who_fills_in_what_nobody_sees_is_told_nothing_and_asked_nothing(visitor, app):
    answer = await visitor.order(website="https://spam.example")
    assert "Look into your mailbox" in answer.words
    assert questions(app) == []


async def test_who_is_faster_than_a_person_presses_once_more(visitor, app, monkeypatch):
    monkeypatch.setattr(consent, "QUICKEST", 60.0)
    answer = await visitor.order()
    assert "press the button once more" in answer.words
    assert questions(app) == []


def test_nobody_has_to_wait_longer_than_two_seconds():
    assert consent.QUICKEST <= 2.0


@pytest.mark.parametrize("stamp", ["nonsense", "A" * 500])
async def test_a_forged_stamp_counts_for_none(visitor, app, stamp):
    await visitor.order(stamp=stamp)
    assert questions(app) == []


@pytest.mark.parametrize("address", ["nonsense", "a@b", "a@example.org\r\nBcc: b@example.org", ""])
async def test_what_is_no_address_is_refused_and_the_form_comes_again(visitor, app, address):
    answer = await visitor.order(address=address)
    assert answer.status == 400
    assert '<form method="post"' in answer.text
    assert questions(app) == []


async def test_hostile_words_are_inert(visitor):
    answer = await visitor.order(address='"><script>alert(1)</script>')
    assert "<script" not in answer.text
    answer = await visitor.order(lists=['"><script>alert(1)</script>'])
    assert "<script" not in answer.text


@pytest.mark.parametrize("lists", [["secret"], ["nonsense"], []])
async def test_only_public_lists_can_be_ordered(visitor, app, lists):
    assert (await visitor.order(lists)).status == 400
    assert questions(app) == []


@pytest.mark.parametrize("subscribe", ["open = false"])
async def test_where_it_is_closed_it_says_so(visitor, app, subscribe):
    for answer in (await visitor.get("/subscribe"), await visitor.post("/subscribe", address=ADA)):
        assert answer.status == 403
        assert "owner@example.org" in answer.words


@pytest.mark.parametrize("subscribe", ['domains = ["univ.edu"]'])
async def test_where_domains_are_named_others_are_told(visitor, app, subscribe):
    answer = await visitor.order()
    assert "Only addresses of univ.edu" in answer.words
    assert (await visitor.order(address="ada@cs.univ.edu")).status == 200


async def test_a_flood_from_one_network_stops(visitor, app):
    answers = [
        (await visitor.order(address=f"reader{n}@n{n}.example.org")).status for n in range(25)
    ]
    assert answers.count(200) == 20
    assert answers[-1] == 429


async def test_whom_a_trusted_proxy_names_is_who_counts(visitor, app):
    for n in range(22):
        headers = {"X-Forwarded-For": f"198.51.100.{n}"}
        # The proxy is not trusted: it could name anybody.
        answer = await visitor.order(address=f"r{n}@n{n}.example.org", _headers=headers)
    assert answer.status == 429


@pytest.mark.parametrize(
    ("remote", "forwarded", "network"),
    [
        ("192.0.2.1", "", "192.0.2.1"),
        ("192.0.2.1", "198.51.100.1", "192.0.2.1"),
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "203.0.113.9, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "203.0.113.9, 198.51.100.1, 10.0.0.2", "198.51.100.1"),
        ("10.0.0.1", "nonsense", ""),
        ("2001:db8:1:2:3::4", "", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "", "192.0.2.1"),
    ],
)
def test_a_forwarded_address_counts_as_far_as_proxies_are_trusted(remote, forwarded, network):
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    request = make_mocked_request("POST", "/subscribe", headers=headers).clone(remote=remote)
    assert network_of(request, ["10.0.0.0/8"]) == network


def test_what_a_proxy_adds_on_a_line_of_its_own_counts_after_what_the_client_made_up():
    headers = CIMultiDict([("X-Forwarded-For", "203.0.113.9"), ("X-Forwarded-For", "198.51.100.1")])
    request = make_mocked_request("POST", "/subscribe", headers=headers).clone(remote="10.0.0.1")
    assert network_of(request, ["10.0.0.0/8"]) == "198.51.100.1"


def test_limits_hold_for_a_network_a_domain_and_all_and_end_with_the_hour():
    limits = Limits()
    assert sum(limits.admit("192.0.2.1", f"d{n}", 0.0) for n in range(50)) == 20
    assert sum(limits.admit(f"n{n}", "example.org", 0.0) for n in range(500)) == 200
    assert sum(limits.admit(f"m{n}", f"e{n}", 0.0) for n in range(5000)) == 2000 - 220
    assert limits.admit("192.0.2.1", "d", 3601.0)


# ── The yes ───────────────────────────────────────────────────────────────────────────────────────


async def test_a_link_shows_and_a_button_says_yes(visitor, app):
    await visitor.order()
    shown = await visitor.get(link_of(app))
    assert "Send “Mixture of" in shown.words
    assert "a…@example.org" in shown.words
    assert ADA not in shown.text
    assert status(app) is SubscriptionStatus.UNCONFIRMED
    done = await visitor.post(link_of(app))
    assert "You are subscribed" in done.words
    assert status(app) is SubscriptionStatus.CONFIRMED


async def test_fifty_scanners_that_open_the_link_change_nothing(visitor, app):
    await visitor.order()
    for _ in range(50):
        assert (await visitor.get(link_of(app))).status == 200
    assert status(app) is SubscriptionStatus.UNCONFIRMED


async def test_a_link_that_was_used_leads_to_its_readers_own_page_for_a_moment_only(
    visitor, app, now
):
    """The mail that asked may be found, or passed on, long after its reader said yes."""
    await visitor.order()
    link = link_of(app)
    assert "/manage/" in (await visitor.post(link)).text
    now[0] += timedelta(minutes=10)
    assert "/manage/" in (await visitor.post(link)).text, "whoever presses twice, or reloads"
    now[0] += timedelta(minutes=10)
    for answer in (await visitor.get(link), await visitor.post(link)):
        assert "You are subscribed" in answer.text
        assert "/manage/" not in answer.text


async def test_a_link_that_is_over_says_so(visitor, app, now):
    await visitor.order()
    now[0] = NOW + 4 * DAY
    for answer in (await visitor.get(link_of(app)), await visitor.post(link_of(app))):
        assert answer.status == 404
        assert "three days" in answer.words
    assert status(app) is SubscriptionStatus.UNCONFIRMED


@pytest.mark.parametrize("token", ["a" * 32, "x", "%00", "a" * 3000])
async def test_no_other_token_is_a_yes(visitor, token):
    assert (await visitor.post(f"/confirm/{token}")).status in (404, 400)


# ── Choosing ──────────────────────────────────────────────────────────────────────────────────────


async def test_the_page_shows_what_holds(visitor, app):
    shown = await visitor.get(await manage_link(app, visitor))
    assert ADA in shown.words
    assert 'value="experts" checked' in shown.text
    assert 'value="proteins">' in shown.text
    assert "On Friday 20 November 2026 you said yes to" in shown.words
    assert shown.headers["Cache-Control"] == "no-store"
    assert shown.headers["Referrer-Policy"] == "no-referrer"


async def test_who_chooses_no_list_is_not_told_of_a_next_mail(visitor, app):
    answer = await visitor.post(await manage_link(app, visitor), do="choose", cadence="daily")
    assert "no list, so nothing comes until you choose one" in answer.words
    assert status(app) is SubscriptionStatus.UNSUBSCRIBED


async def test_choices_are_kept(visitor, app):
    link = await manage_link(app, visitor)
    answer = await visitor.post(
        link,
        do="choose",
        list="proteins",
        cadence="weekly",
        at="18:30",
        zone="Asia/Tokyo",
        limit="7",
    )
    assert "Your choices are kept" in answer.words
    (chosen,) = app.store.subscriptions()
    assert (chosen.profile, chosen.cadence.value) == ("proteins", "weekly")
    assert (chosen.at, chosen.zone, chosen.limit) == ("18:30", "Asia/Tokyo", 7)
    assert status(app) is SubscriptionStatus.UNSUBSCRIBED
    assert {c.profile for c in app.store.consents(chosen.subscriber)} == {"experts", "proteins"}


@pytest.mark.parametrize(
    "wrong",
    [{"at": "25:00"}, {"zone": "Mars/Olympus"}, {"limit": "0"}, {"limit": "1e9"},
     {"cadence": "hourly"}, {"list": "secret"}],
)  # fmt: skip
async def test_what_cannot_be_is_refused_and_nothing_is_changed(visitor, app, wrong):
    link = await manage_link(app, visitor)
    before = app.store.subscriptions_of(ADA)
    answer = await visitor.post(link, do="choose", **({"list": "experts"} | wrong))
    assert answer.status == 400
    assert app.store.subscriptions_of(ADA) == before


async def test_one_mail_or_one_each_can_be_chosen(visitor, app):
    at = await manage_link(app, visitor)
    assert '<option value="one" selected>all lists in one mail' in (await visitor.get(at)).text
    lists = {"list": "experts", "do": "choose"}
    kept = await visitor.post(at, mails="each", **lists)
    assert '<option value="each" selected>a mail for each list' in kept.text
    assert app.store.subscriptions_of(ADA)[0].apart
    await visitor.post(at, **lists)
    assert app.store.subscriptions_of(ADA)[0].apart, "a form that does not ask changes nothing"
    refused = await visitor.post(at, mails="both", **lists)
    assert refused.status == 400
    assert json.loads((await visitor.get(f"{at}/data")).text)["mails"] == "each"


async def test_a_list_that_the_configuration_lacks_for_a_while_is_not_left_by_saving(visitor, app):
    link = await manage_link(app, visitor)
    app.store.subscribe(ADA, "proteins", Origin.SELF, NOW, suppressed="")
    number = app.counter().who(link.rpartition("/")[2])
    some = {"experts": app.config.profiles["experts"]}
    lacking = replace(app, config=app.config.model_copy(update={"profiles": some}))
    await lacking.mirror()
    # The form shows the one list that there is.
    assert lacking.counter().choose(number, Chosen(frozenset({"experts"}), at="18:30"), NOW) == ""
    assert status(app, "proteins") is SubscriptionStatus.CONFIRMED
    assert {each.at for each in app.store.subscriptions_of(ADA)} == {"18:30"}


async def test_a_break_begins_and_ends(visitor, app):
    link = await manage_link(app, visitor)
    answer = await visitor.post(link, do="pause", until="2026-12-24")
    assert "a break until Thursday 24 December 2026" in answer.words
    assert status(app) is SubscriptionStatus.PAUSED
    assert "Welcome back" in (await visitor.post(link, do="resume")).words
    assert status(app) is SubscriptionStatus.CONFIRMED


@pytest.mark.parametrize("until", ["2026-11-20", "yesterday"])
async def test_a_break_ends_on_a_day_to_come(visitor, app, until):
    link = await manage_link(app, visitor)
    assert (await visitor.post(link, do="pause", until=until)).status == 400
    assert status(app) is SubscriptionStatus.CONFIRMED


async def test_an_opinion_can_be_taken_back(visitor, app):
    link = await manage_link(app, visitor)
    (subscription,) = app.store.subscriptions()
    app.store.put_feedback(["experts"], 1, Opinion.LIKE, NOW, subscription.subscriber)
    shown = await visitor.get(link)
    assert "More like this" in shown.words
    await visitor.post(link, **{"take-back": "experts 1"})
    assert app.store.feedback_by(subscription.subscriber) == []


async def test_nobody_takes_back_what_others_said(visitor, app):
    link = await manage_link(app, visitor)
    app.store.put_feedback(["experts"], 1, Opinion.LIKE, NOW, 77)
    await visitor.post(link, **{"take-back": "experts 1"})
    assert len(app.store.feedback_by(77)) == 1


async def test_all_that_is_known_can_be_had_as_a_file(visitor, app):
    link = await manage_link(app, visitor)
    (subscription,) = app.store.subscriptions()
    app.store.note_bounce(subscription.subscriber, 1, "soft", "4.2.2", "the mailbox is full", NOW)
    answer = await visitor.get(f"{link}/data")
    assert "attachment" in answer.headers["Content-Disposition"]
    known = json.loads(answer.text)
    assert known["address"] == ADA
    assert known["consent"][0]["door"] == "web"
    assert known["consent"][0]["network"] == "127.0.0.1"
    assert [each["said"] for each in known["came_back"]] == ["the mailbox is full"]
    assert known["subscriptions"][0]["list"] == "experts"
    assert {mail["kind"] for mail in known["mail"]} == {"confirm"}


async def test_all_mail_stops_by_one_button(visitor, app):
    link = await manage_link(app, visitor)
    assert "Nothing more comes" in (await visitor.post(link, do="stop")).words
    assert app.store.subscriptions() == []


async def test_to_be_erased_takes_a_tick_and_a_button(visitor, app):
    link = await manage_link(app, visitor)
    assert (await visitor.post(link, do="forget")).status == 400
    assert status(app) is SubscriptionStatus.CONFIRMED
    answer = await visitor.post(link, do="forget", sure="yes")
    assert "You are erased" in answer.words
    assert app.store.subscriptions_of(ADA) == []
    assert (await visitor.get(link)).status == 404


async def test_who_is_erased_while_the_file_cannot_be_rewritten_is_told_so_and_leaves_no_trace_later(
    visitor, app, monkeypatch, caplog
):
    whole = type(app.store.db).rewrite

    def no_room(_):
        raise DiskFullError("The disk is full. Nothing was changed.")

    def is_in_the_files():
        return any(ADA.encode() in f.read_bytes() for f in app.config.state.glob("paperround.db*"))

    link = await manage_link(app, visitor)
    monkeypatch.setattr(type(app.store.db), "rewrite", no_room)
    answer = await visitor.post(link, do="forget", sure="yes")
    assert "You are erased" in answer.words
    assert app.store.subscriptions_of(ADA) == []
    assert "stays readable" in caplog.text
    assert ADA not in caplog.text
    assert is_in_the_files()
    watched = replace(app, watched=True)
    with pytest.raises(DiskFullError):  # as `serve` has it, which tells its owner
        await watched.prune()
    monkeypatch.setattr(type(app.store.db), "rewrite", whole)
    await watched.prune()
    assert not is_in_the_files()
    monkeypatch.setattr(type(app.store.db), "rewrite", no_room)
    await watched.prune()  # once was enough


async def test_getting_the_page_changes_nothing_whatever_its_address_says(visitor, app):
    link = await manage_link(app, visitor)
    before = app.store.subscriptions_of(ADA)
    for query in ("?do=stop", "?do=forget&sure=yes", "?do=pause"):
        await visitor.get(f"{link}{query}")
    assert app.store.subscriptions_of(ADA) == before


async def test_a_token_for_another_purpose_or_another_reader_opens_nothing(visitor, app):
    await manage_link(app, visitor)
    number = app.store.subscriptions()[0].subscriber
    for token in (
        tokens.make(SECRET, tokens.Purpose.UNSUBSCRIBE, [number], 0),
        tokens.make(SECRET, tokens.Purpose.MANAGE, [number], 1),
        tokens.make(SECRET, tokens.Purpose.MANAGE, [number + 1], 0),
        tokens.make(b"x" * 32, tokens.Purpose.MANAGE, [number], 0),
    ):
        assert (await visitor.get(f"/manage/{token}")).status == 404
        assert (await visitor.post(f"/manage/{token}", do="stop")).status == 404
    assert status(app) is SubscriptionStatus.CONFIRMED


async def test_new_links_make_all_before_them_void_and_go_to_the_mailbox_alone(visitor, app):
    link = await manage_link(app, visitor)
    number = app.store.subscriptions_of(ADA)[0].subscriber
    feed = (
        "/feeds/private/"
        + re.search(r"feeds/private/([\w-]+)\.rss", (await visitor.get(link)).text)[1]
    )
    await visitor.get(f"{link}?do=new-links")
    assert (await visitor.get(link)).status == 200, "looking changes nothing"
    woken = len(visitor.woken)
    told = await visitor.post(link, do="new-links")
    assert (told.status, len(visitor.woken)) == (200, woken + 1)
    assert "/manage/" not in told.text, "it may be the wrong hands that press"
    for path, gone in ((link, 404), (f"{feed}.rss", 410)):
        assert (await visitor.get(path)).status == gone
    assert (await visitor.post(link, do="stop")).status == 404
    vote = tokens.make(SECRET, tokens.Purpose.VOTE, [number, 1], 0)
    assert (await visitor.get(f"/vote/{vote}")).status == 404
    (row, *_) = app.store.db.rows("SELECT content FROM outgoing ORDER BY delivery DESC")
    mail = message_from_bytes(bytes(row["content"]), policy=default)
    assert (mail["To"], mail["Subject"]) == (ADA, "Your links are new")
    new = re.search(r"/manage/[\w-]+", mail.get_body(("plain",)).get_content())[0]
    assert new != link
    assert (await visitor.get(new)).status == 200


async def test_mail_of_before_goes_on_to_have_a_way_out(visitor, app):
    link = await manage_link(app, visitor)
    number = app.store.subscriptions_of(ADA)[0].subscriber
    await visitor.post(link, do="new-links")
    before = tokens.make(SECRET, tokens.Purpose.UNSUBSCRIBE, [number], 0)
    to_come = tokens.make(SECRET, tokens.Purpose.UNSUBSCRIBE, [number], 2)
    one_click = {"List-Unsubscribe": "One-Click"}
    assert (await visitor.post(f"/unsubscribe/{to_come}", **one_click)).status == 404
    assert status(app) is SubscriptionStatus.CONFIRMED
    assert (await visitor.post(f"/unsubscribe/{before}", **one_click)).status == 200
    assert status(app) is SubscriptionStatus.UNSUBSCRIBED


async def test_where_no_mail_would_come_links_stay_as_they_are(visitor, app):
    link = await manage_link(app, visitor)
    app.store.suppress(ADA, tokens.suppression_key(SECRET, ADA), "bounce", NOW)
    told = await visitor.post(link, do="new-links")
    assert "Mail to you came back" in told.words
    assert (await visitor.get(link)).status == 200


async def test_no_page_asks_anybody_else_for_anything(visitor, app):
    link = await manage_link(app, visitor)
    await visitor.order(["proteins"])
    for path in ("/subscribe", link_of(app), link):
        shown = await visitor.get(path)
        assert "default-src 'none'" in shown.headers["Content-Security-Policy"]
        assert "<script" not in shown.text
        assert set(re.findall(r'(?:src|href|action)="(https?:[^"]+)"', shown.text)) == set()


async def test_the_front_page_has_the_box_and_its_form_leads_here(visitor, app):
    await app.publish()
    shown = await visitor.get("/")
    assert '<form method="post" action="subscribe" class="box">' in shown.text


# ── A feed of one's own ───────────────────────────────────────────────────────────────────────────


async def test_a_feed_of_ones_own_has_all_that_one_gets_until_its_address_changes(visitor, app):
    link = await manage_link(app, visitor)
    shown = await visitor.get(link)
    own = "/feeds/private/" + re.search(r"feeds/private/([\w-]+)\.rss", shown.text)[1]
    for form in ("rss", "atom", "json"):
        feed = await visitor.get(f"{own}.{form}")
        assert feed.status == 200
        assert "Paper 2611.00001" in feed.text
        again = await visitor.get(f"{own}.{form}", **{"If-None-Match": feed.headers["ETag"]})
        assert again.status == 304
    assert (await visitor.get(f"{own}.exe")).status == 404
    assert (await visitor.get("/feeds/private/nonsense.rss")).status == 404
    await visitor.post(link, do="new-feed")
    assert (await visitor.get(f"{own}.rss")).status == 410
    newer = re.search(r"feeds/private/([\w-]+)\.rss", (await visitor.get(link)).text)[1]
    assert (await visitor.get(f"/feeds/private/{newer}.rss")).status == 200


async def test_what_one_has_left_is_no_longer_in_ones_feed(visitor, app):
    link = await manage_link(app, visitor)
    own = re.search(r"feeds/private/([\w-]+)\.rss", (await visitor.get(link)).text)[1]
    await visitor.post(link, do="stop")
    feed = await visitor.get(f"/feeds/private/{own}.rss")
    assert (feed.status, "Paper" in feed.text) == (200, False)
