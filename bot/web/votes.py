"""The doors where readers vote for papers: for all to see which, for nobody to see who."""

from __future__ import annotations

import asyncio

from aiohttp import web

from bot.config import normal_address
from bot.outputs.door_pages import vote_page
from bot.web import consent
from bot.web.answers import CURRENT, form_of, notice, private_page
from bot.web.doors import not_valid, voted_in_words
from bot.web.limits import network_of
from bot.workflows.votes import MANY, VoteStanding

_SENT = "If this address is subscribed here, a mail with a link to vote is on its way to it."
_THEN = "Nothing there? Look among the junk, or vote from the page behind any digest of yours."


async def show_paper(request: web.Request) -> web.Response:
    """Show `?paper=…` and its votes, and ask for the address of who wants to vote."""
    found = await _asked_for(request)
    return _unknown(request) if found is None else _page(request, found, stamped=True)


async def ask(request: web.Request) -> web.Response:
    """Send a link to who gives their address; the answer is the same whoever is known."""
    found = await _asked_for(request)
    if found is None:
        return _unknown(request)
    form = await form_of(request)
    typed = form.get("address", "").strip()
    if form.get("website"):  # nobody sees that field; who fills it in is told nothing
        return notice(request, 200, "Look into your mailbox", _SENT, _THEN)
    if problem := consent.too_quick(request, form.get("stamp", "")):
        return _page(request, found, problem=problem, address=typed, stamped=True)
    try:
        address = normal_address(typed)
    except ValueError as error:
        return _page(request, found, 400, problem=str(error), address=typed, stamped=True)
    app = request.app[CURRENT].app
    network = network_of(request, app.config.web.trusted_proxies)
    if not consent.is_admitted(request, network, address):
        return notice(request, 429, "Not just now", "There were very many requests lately. "
                      "Please try again in an hour.")  # fmt: skip
    # Nobody shall learn from how long it took whether an address is known.
    await asyncio.gather(
        app.workers.store(app.booth().send_link, address, request.query["paper"], app.clock()),
        asyncio.sleep(consent.ORDER_SECONDS),
    )
    request.app[CURRENT].wake()
    return notice(request, 200, "Look into your mailbox", _SENT, _THEN)


async def show_vote(request: web.Request) -> web.Response:
    """Show a paper and the button; scanners that open every link change nothing."""
    app = request.app[CURRENT].app
    found = await app.workers.store(app.booth().look, request.match_info["token"])
    return not_valid(request) if found is None else _page(request, found)


async def cast_vote(request: web.Request) -> web.Response:
    """Vote, or take it back."""
    said = (await form_of(request)).get("v", "")
    if said not in ("up", "none"):
        return notice(request, 400, "Nothing was changed", "It was not said: a vote, or none?")
    app = request.app[CURRENT].app
    token, up = request.match_info["token"], said == "up"
    found, problem = await app.workers.store(app.booth().cast, token, app.clock(), up=up)
    if found is None:
        return not_valid(request)
    if problem:
        return _page(request, found, 429 if problem == MANY else 403, problem=problem)
    done = "Your vote is counted." if up else "Taken back: your vote is not counted any more."
    return _page(request, found, done=done)


async def _asked_for(request: web.Request) -> VoteStanding | None:
    app = request.app[CURRENT].app
    return await app.workers.store(app.booth().named, request.query.get("paper", ""))


def _page(
    request: web.Request,
    found: VoteStanding,
    status: int = 200,
    *,
    done: str = "",
    problem: str = "",
    address: str = "",
    stamped: bool = False,
) -> web.Response:
    current = request.app[CURRENT]
    page = vote_page(
        config=current.app.config,
        paper=found.paper,
        voted=voted_in_words(found),
        root="" if stamped else "../",
        done=done,
        problem=problem,
        address=address,
        stamp=consent.stamp(request) if stamped else "",
        render=current.render,
    )
    return private_page(page, status)


def _unknown(request: web.Request) -> web.Response:
    return notice(
        request, 404, "We do not know this paper", "No source of ours has shown it. Nothing was changed."
    )  # fmt: skip
