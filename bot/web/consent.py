"""The doors where people subscribe, say yes, and choose what they get."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, date, datetime, timedelta

from aiohttp import web

from bot import tokens
from bot.app import App
from bot.config import normal_address
from bot.files import workflow_lock
from bot.models import Door, OptIn
from bot.outputs.consent_pages import confirm_page, manage_page, subscribe_page
from bot.outputs.syndication import FORMATS
from bot.web.answers import CURRENT, LIMITS, form_lists, notice, private_page
from bot.web.conditional import Content, Forms
from bot.web.limits import network_of
from bot.workflows.consent import SubscriptionOrder
from bot.workflows.manage import Chosen

# A person takes longer to read the form than this, a robot does not; and nobody takes a day.
QUICKEST, SLOWEST = 1.0, 86_400.0
_LED_ON = timedelta(minutes=15)
ORDER_SECONDS = 0.5  # that every order takes at least: to ask costs about 20 ms, to do nothing 5
_SENT = (
    "If this address can be subscribed, a mail is on its way to it that asks whether it was you."
)
_THEN = (
    "Say yes there, and the first digest comes at once. Nothing there? Look among the junk, and try "
    "again tomorrow: nobody is asked more than a few times a day."
)


# ── Subscribing ───────────────────────────────────────────────────────────────────────────────────


async def show_subscribe(request: web.Request) -> web.Response:
    """Show the form; `?list=…` ticks a list."""
    if closed := _closed(request):
        return closed
    return _form(request, ticked=request.query.getall("list", []))


async def subscribe(request: web.Request) -> web.Response:
    """Take an order; the answer is the same whoever is known."""
    if closed := _closed(request):
        return closed
    form = await form_lists(request)
    address, lists = _first(form, "address"), form.get("list", [])
    if _first(form, "website"):  # nobody sees that field; who fills it in is told nothing
        return notice(request, 200, "Look into your mailbox", _SENT, _THEN)
    if problem := too_quick(request, _first(form, "stamp")):
        return _form(request, address, lists, problem)
    try:
        address = normal_address(address)
    except ValueError as error:
        return _form(request, address, lists, str(error), 400)
    app = request.app[CURRENT].app
    network = network_of(request, app.config.web.trusted_proxies)
    if not is_admitted(request, network, address):
        return notice(request, 429, "Not just now", "There were very many orders lately. "
                      "Please try again in an hour.")  # fmt: skip
    order = SubscriptionOrder(address, tuple(lists[:100]), Door.WEB, network)
    # Nobody shall learn from how long it took whether an address is new, known or suppressed.
    refused, _ = await asyncio.gather(
        app.workers.store(app.reception().order, order, app.clock()), asyncio.sleep(ORDER_SECONDS)
    )
    if refused:
        return _form(request, address, lists, refused, 400)
    request.app[CURRENT].wake()
    return notice(request, 200, "Look into your mailbox", _SENT, _THEN)


def is_admitted(request: web.Request, network: str, address: str) -> bool:
    """Return whether so many mails may be asked for, and count this one where they may."""
    domain = address.rpartition("@")[2].lower()
    return request.app[LIMITS].admit(network, domain, asyncio.get_running_loop().time())


def _closed(request: web.Request) -> web.Response | None:
    config = request.app[CURRENT].app.config
    if config.subscribe.open and any(profile.public for profile in config.profiles.values()):
        return None
    return notice(
        request, 403, "Subscribing is not open here", "Whoever runs this adds readers by hand.",
        ask=True,
    )  # fmt: skip


def _form(
    request: web.Request, address: str = "", ticked: list[str] | None = None, problem: str = "",
    status: int = 200,
) -> web.Response:  # fmt: skip
    current = request.app[CURRENT]
    page = subscribe_page(
        config=current.app.config,
        address=address,
        ticked=ticked or [],
        problem=problem,
        stamp=stamp(request),
        render=current.render,
    )
    return private_page(page, status)


def stamp(request: web.Request) -> str:
    """Return what tells, in a form that comes back, when it was shown."""
    now = int(asyncio.get_running_loop().time() * 1000)
    secret = request.app[CURRENT].app.founding.secret
    return tokens.make(secret, tokens.Purpose.FORM, [now], 0)


def too_quick(request: web.Request, stamp: str) -> str:
    """Return what to say to who fills in a form they were never shown, or faster than one can."""
    read = tokens.read(request.app[CURRENT].app.founding.secret, tokens.Purpose.FORM, stamp)
    if read is None or len(read[0]) != 1:
        return "One more step: choose, and press the button." if not stamp else _AGAIN
    passed = asyncio.get_running_loop().time() - read[0][0] / 1000
    return "" if QUICKEST <= passed <= SLOWEST else _AGAIN


_AGAIN = "Please look it over, and press the button once more."


def _first(form: dict[str, list[str]], name: str) -> str:
    return form.get(name, [""])[0].strip()


# ── The yes ───────────────────────────────────────────────────────────────────────────────────────


async def show_confirm(request: web.Request) -> web.Response:
    """Show what is asked, and the button; scanners that open every link change nothing."""
    app = request.app[CURRENT].app
    asked = await app.workers.store(app.reception().asked, request.match_info["token"])
    if asked is None or (not asked.used and asked.expires < app.clock()):
        return _expired(request)
    return _confirm_page(request, asked, done=asked.used)


async def confirm(request: web.Request) -> web.Response:
    """Take the yes, as often as it is said."""
    app = request.app[CURRENT].app
    token, now = request.match_info["token"], app.clock()
    asked = await app.workers.store(app.reception().confirm, token, now)
    if asked is None or (not asked.used and asked.expires < now):
        return _expired(request)
    request.app[CURRENT].wake()
    return _confirm_page(request, asked, done=True)


def _confirm_page(request: web.Request, asked: OptIn, *, done: bool) -> web.Response:
    current = request.app[CURRENT]
    manage = current.app.counter().token(asked.subscriber, asked.epoch)
    # Whoever finds the mail later shall not be led to its reader's own page; who reloads may.
    just_now = asked.used_at is None or current.app.clock() - asked.used_at <= _LED_ON
    page = confirm_page(
        config=current.app.config,
        asked=asked,
        done=done,
        manage=f"../manage/{manage}" if done and just_now else "",
        render=current.render,
    )
    return private_page(page)


def _expired(request: web.Request) -> web.Response:
    # The same for what was forged, mistyped, or is over.
    return notice(
        request, 404, "This link is not valid any more",
        "It holds for three days. Subscribe again, and another one comes.", "Nothing was changed.",
    )  # fmt: skip


# ── Choosing ──────────────────────────────────────────────────────────────────────────────────────


async def show_manage(request: web.Request) -> web.Response:
    """Show what a reader gets; nothing is changed."""
    app = request.app[CURRENT].app
    number = await app.workers.store(app.counter().who, request.match_info["token"])
    return _unknown(request) if number is None else await _manage_page(request, number)


async def manage(request: web.Request) -> web.Response:
    """Do what a button of the page says."""
    app = request.app[CURRENT].app
    counter, store = app.counter(), app.workers.store
    number = await store(counter.who, request.match_info["token"])
    if number is None:
        return _unknown(request)
    form = await form_lists(request)
    kept = problem = ""
    if taken := _first(form, "unvote") or _first(form, "take-back"):
        take = counter.take_vote_back if "unvote" in form else counter.take_back
        back = await store(take, number, taken, app.clock())
        return await _manage_page(request, number, "Taken back." if back else "")
    if (do := _first(form, "do")) in _LAST_WORDS:
        return await _LAST_WORDS[do](request, number, form)
    match do:
        case "choose":
            problem = await store(counter.choose, number, _chosen(form), app.clock())
            kept = "" if problem else _KEPT if "list" in form else _KEPT_WITHOUT_A_LIST
            request.app[CURRENT].wake()
        case "vote":
            problem = await store(_vote, app, number, _first(form, "vote"))
            kept = "" if problem else "Your vote is counted."
        case "pause":
            problem = await store(counter.pause, number, _first(form, "until"), app.clock())
        case "resume":
            await store(counter.resume, number)
            kept = "Welcome back."
            request.app[CURRENT].wake()
        case "new-feed":
            await store(counter.new_feed, number)
            kept = "Your feed has a new address; the old one is gone."
        case "stop":
            await store(counter.stop, number)
            kept = "Nothing more comes. A digest that is already on its way may still arrive."
        case _:
            problem = "Nothing was changed."
    return await _manage_page(request, number, kept, problem)


def _vote(app: App, number: int, typed: str) -> str:
    """Vote for the paper that was named; return why not. On the store's thread."""
    booth = app.booth()
    found = booth.named(typed)
    if found is None:
        return (
            "That is no paper that we know. Name it as arXiv:2401.06066, doi:… or by its address."
        )
    if app.store.voter(number) is None:
        return "Only who is subscribed can vote."
    return booth.set(number, found.paper.id, app.clock(), up=True)


_KEPT = "Your choices are kept. They hold from the next mail on."
_KEPT_WITHOUT_A_LIST = "Your choices are kept: no list, so nothing comes until you choose one."


def _chosen(form: dict[str, list[str]]) -> Chosen:
    return Chosen(
        lists=frozenset(form.get("list", [])),
        mails=_first(form, "mails"),
        cadence=_first(form, "cadence"),
        at=_first(form, "at"),
        zone=_first(form, "zone"),
        limit=_first(form, "limit"),
    )


async def _new_links(
    request: web.Request, number: int, _form: dict[str, list[str]]
) -> web.Response:
    app = request.app[CURRENT].app
    reception = app.reception()
    if not await app.workers.store(reception.can_send_link, number):
        return await _manage_page(
            request, number,
            problem="Mail to you came back, so no new link would reach you. Please write to us.",
        )  # fmt: skip
    await app.workers.store(reception.renew, number, app.clock())
    request.app[CURRENT].wake()
    return notice(
        request, 200, "Your links are new",
        "A mail with the new one is on its way to you. Those before it, this page's too, are void.",
        "Only unsubscribing by a link of an earlier mail goes on working.",
    )  # fmt: skip


async def _forget(request: web.Request, number: int, form: dict[str, list[str]]) -> web.Response:
    app = request.app[CURRENT].app
    if _first(form, "sure") != "yes":
        return await _manage_page(
            request, number, problem="To be erased, tick the box beside the button too."
        )
    async with workflow_lock(app.config.state, "deliver"):  # nothing is being sent meanwhile
        await app.workers.store(app.counter().forget, number, app.clock())
    return notice(
        request, 200, "You are erased",
        "Your address, your choices, what you said of papers and what was sent to you: all of it.",
        "What is kept is a number made from your address, by which it is never subscribed again.",
    )  # fmt: skip


# What ends with another page than the reader's own.
_LAST_WORDS = {"forget": _forget, "new-links": _new_links}


async def data(request: web.Request) -> web.Response:
    """Give a reader all that is known of them, as a file."""
    app = request.app[CURRENT].app
    counter = app.counter()
    number = await app.workers.store(counter.who, request.match_info["token"])
    if number is None:
        return _unknown(request)
    known = await app.workers.store(counter.data, number)
    text = json.dumps(known, indent=2, ensure_ascii=False, default=_written)
    response = private_page(text.encode(), content_type="application/json")
    response.headers["Content-Disposition"] = 'attachment; filename="paperround.json"'
    return response


def _written(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return value.isoformat() if isinstance(value, date) else str(value)


async def private_feed(request: web.Request) -> web.StreamResponse:
    """Give a reader's own feed; one whose address was changed is gone for good (410)."""
    app = request.app[CURRENT].app
    form = FORMATS.get(request.match_info["form"])
    if form is None:
        raise web.HTTPNotFound
    try:
        feed = await app.workers.store(app.counter().feed, request.match_info["token"])
    except LookupError:
        raise web.HTTPNotFound from None
    if feed is None:
        raise web.HTTPGone
    written = await app.workers.cpu(form.written, feed)
    content = await app.workers.cpu(Content.of, written, textual=True)
    headers = {"Cache-Control": "private, max-age=900", "X-Robots-Tag": "noindex"}
    return Forms.of(content, f"{form.type}; charset=utf-8", headers).answer(request)


async def _manage_page(
    request: web.Request, number: int, kept: str = "", problem: str = ""
) -> web.Response:
    current = request.app[CURRENT]
    counter, store = current.app.counter(), current.app.workers.store
    reader = await store(counter.look, number)
    own = await store(counter.feed_token, number)
    page = manage_page(
        config=current.app.config,
        reader=reader,
        data=f"{request.match_info['token']}/data",
        feed=own,
        kept=kept,
        problem=problem,
        render=current.render,
    )
    return private_page(page, 400 if problem else 200)


def _unknown(request: web.Request) -> web.Response:
    return notice(
        request, 404, "This link is not valid",
        "It may be incomplete, or it was valid once. Subscribe again with your address: if it is "
        "known, a link that works comes by mail.",
        "Nothing was changed.",
    )  # fmt: skip
