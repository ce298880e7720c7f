"""The doors that a mail leads to: the way out, and what its reader thinks of a paper."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from bot.models import Opinion
from bot.outputs.contexts import VotedContext
from bot.outputs.door_pages import feedback_page, unsubscribe_page
from bot.outputs.wording import voted_text
from bot.web.answers import CURRENT, form_of, notice, private_page
from bot.workflows import opinions, subscribe
from bot.workflows.votes import VoteStanding

if TYPE_CHECKING:
    from bot.config import Config

_OPINIONS = {"more": Opinion.LIKE, "less": Opinion.DISLIKE, "none": None}


async def show_way_out(request: web.Request) -> web.Response:
    """Show what an address gets and the buttons that end it; whatever the query says, only that."""
    app = request.app[CURRENT].app
    found = await subscribe.show_way_out(
        request.match_info["token"], app.store, app.workers, app.founding.secret
    )
    return not_valid(request) if found is None else _way_out(request, app.config, found)


async def take_way_out(request: web.Request) -> web.Response:
    """End what the mail was for, which is what one-click asks for (RFC 8058), or what a button says."""
    only = _what_ends(await form_of(request))
    app = request.app[CURRENT].app
    found = await subscribe.take_way_out(
        request.match_info["token"], app.store, app.workers, app.founding.secret, only
    )
    if found is None:
        return not_valid(request)
    if only and only not in found.ended:
        return notice(
            request, 400, "Nothing was changed", "This address never got what was to be stopped."
        )
    what = found.only if only is None else only
    return _way_out(request, app.config, found, ended=(what,) if what else found.ended)


def _what_ends(form: dict[str, str]) -> str | None:
    """Return which profile a form ends, "" for all of them, None for what the mail was for."""
    if "List-Unsubscribe" in form:
        return None
    return "" if "all" in form else form.get("profile")


def _way_out(
    request: web.Request,
    config: Config,
    found: subscribe.WayOut,
    ended: tuple[str, ...] | None = None,
) -> web.Response:
    page = unsubscribe_page(
        config=config,
        address=found.address,
        profiles=found.profiles,
        first=found.only,
        ended=ended or (),
        done=ended is not None,
        render=request.app[CURRENT].render,
    )
    return private_page(page)


async def show_opinion(request: web.Request) -> web.Response:
    """Show a paper and the buttons; `?v=more` and `?v=less` only say which of them stands first."""
    app = request.app[CURRENT].app
    asked = await opinions.show_opinion(
        request.match_info["token"], app.store, app.workers, app.founding.secret, app.config
    )
    return await _opinion(request, app.config, asked, done=False)


async def give_opinion(request: web.Request) -> web.Response:
    """Keep what the reader says of a paper, or take it back."""
    said = (await form_of(request)).get("v", "")
    if said not in _OPINIONS:
        return notice(request, 400, "Nothing was changed", "It was not said: more, less or none?")
    app = request.app[CURRENT].app
    asked = await opinions.give_opinion(
        request.match_info["token"], _OPINIONS[said], app.store, app.workers,
        app.founding.secret, app.config, app.clock(),
    )  # fmt: skip
    return await _opinion(request, app.config, asked, done=True)


async def _opinion(
    request: web.Request, config: Config, asked: opinions.PaperAsked | None, *, done: bool
) -> web.Response:
    if asked is None:
        return not_valid(request)
    wanted = request.query.get("v", "")
    app = request.app[CURRENT].app
    booth = app.booth()
    token = booth.token(asked.reader, asked.epoch, asked.paper.id)
    standing = await app.workers.store(booth.look, token)
    page = feedback_page(
        config=config,
        profile=config.profiles[asked.profile],
        paper=asked.paper,
        opinion=asked.opinion,
        owner=asked.owner,
        done=done,
        first=wanted if wanted in ("more", "less") else "",
        vote=f"../vote/{token}" if standing else "",
        voted=voted_in_words(standing),
        render=request.app[CURRENT].render,
    )
    return private_page(page)


def voted_in_words(standing: VoteStanding | None) -> VotedContext:
    """Return how it stands with a paper's votes, as pages say it."""
    if standing is None:
        return VotedContext("", mine=False)
    return VotedContext(voted_text(standing.votes), standing.mine)


def not_valid(request: web.Request) -> web.Response:
    """Return what is shown for a token that does not hold."""
    # The same for a token that was forged, mistyped, revoked or outlived what it was for.
    return notice(
        request,
        404,
        "This link is not valid",
        "It may be incomplete, or it was valid once. If it came with a digest of ours, the newest "
        "digest has a link that works.",
        "Nothing was changed.",
        ask=True,
    )
