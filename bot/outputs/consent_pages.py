"""The pages where people subscribe, say yes, and choose what they get."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from typing import TYPE_CHECKING
from zoneinfo import available_timezones

from bot.models import (
    Cadence,
    Feedback,
    Opinion,
    OptIn,
    Paper,
    Subscription,
    SubscriptionStatus,
)
from bot.outputs.cards import heading_of, title_of
from bot.outputs.contexts import (
    ChoiceContext,
    ConfirmPage,
    LinkContext,
    ListContext,
    ManagePage,
    OpinionLine,
    SubscribePage,
)
from bot.outputs.door_pages import masked, page_frame, quoted, title_of_list
from bot.outputs.links import title_href
from bot.outputs.site import feed_context
from bot.outputs.wording import listed, long_day
from bot.ports import Renderer
from bot.text import one_line, shorten
from bot.values import value_type

if TYPE_CHECKING:
    from bot.config import Config

_CADENCES = {
    Cadence.DAILY: "every day there are new papers",
    Cadence.WEEKDAYS: "from Monday to Friday",
    Cadence.WEEKLY: "once a week",
}


_VOTES_SHOWN = 200
_MAILS = {False: ("one", "all lists in one mail"), True: ("each", "a mail for each list")}


@value_type(frozen=True, slots=True)
class Reader:
    """All that a reader may see of themselves.

    `consents` are (profile, day, door) of each yes, `votes` (paper, day).
    """

    address: str
    subscriptions: tuple[Subscription, ...]
    feedback: tuple[Feedback, ...]
    consents: tuple[tuple[str, date, str], ...]
    votes: tuple[tuple[Paper, date], ...] = ()

    @property
    def has(self) -> set[str]:
        """The names of the profiles that come, or would but for a pause."""
        standing = (SubscriptionStatus.CONFIRMED, SubscriptionStatus.PAUSED)
        return {each.profile for each in self.subscriptions if each.status in standing}

    @property
    def first(self) -> Subscription | None:
        """A subscription that stands, if one does: choices are the same for all."""
        return next((each for each in self.subscriptions if each.profile in self.has), None)


def subscribe_page(
    *,
    config: Config,
    address: str,
    ticked: Collection[str],
    problem: str,
    stamp: str,
    render: Renderer,
) -> bytes:
    """Return the page at /subscribe; `ticked` are the lists that were chosen so far."""
    public = [name for name, profile in config.profiles.items() if profile.public]
    chosen = set(ticked) or (set(public) if len(public) == 1 else set())
    context = SubscribePage(
        frame=page_frame(config.bot, "", "Subscribe"),
        lists=tuple(_list(config, name, ticked=name in chosen) for name in public),
        address=shorten(one_line(address), 254),
        problem=problem,
        stamp=stamp,
        domains=listed([f"@{domain}" for domain in config.subscribe.domains]),
    )
    return render("web/subscribe.html", context).encode()


def confirm_page(
    *, config: Config, asked: OptIn, done: bool, manage: str, render: Renderer
) -> bytes:
    """Return the page at /confirm/TOKEN: the question, or once it was answered what follows."""
    context = ConfirmPage(
        frame=page_frame(config.bot, "../", "You are subscribed" if done else "Subscribe?"),
        address=masked(asked.address),
        wanted=quoted(title_of_list(name, config) for name in asked.profiles),
        done=done,
        manage=manage,
    )
    return render("web/confirm.html", context).encode()


def manage_page(
    *,
    config: Config,
    reader: Reader,
    data: str,
    feed: str,
    kept: str,
    problem: str,
    render: Renderer,
) -> bytes:
    """Return the page at /manage/TOKEN. It is its reader's alone, so it shows the whole address.

    `feed` is the token of the reader's own feed.
    """
    first = reader.first
    offered = [
        name for name, profile in config.profiles.items() if profile.public or name in reader.has
    ]
    context = ManagePage(
        frame=page_frame(config.bot, "../", "Your subscriptions"),
        address=shorten(one_line(reader.address), 120),
        lists=tuple(_list(config, name, ticked=name in reader.has) for name in offered),
        mails=tuple(
            ChoiceContext(value, words, first is not None and first.apart is apart)
            for apart, (value, words) in _MAILS.items()
        )
        if len(offered) > 1
        else (),
        cadences=tuple(
            ChoiceContext(cadence.value, words, first is not None and first.cadence is cadence)
            for cadence, words in _CADENCES.items()
        ),
        at=first.at if first and first.at != "any" else "",
        zone=(first.zone if first else "") or config.bot.timezone,
        zones=_zones(),
        limit=str(first.limit) if first and first.limit else "",
        paused=_paused(reader.subscriptions),
        opinions=tuple(_opinion(each, config) for each in reader.feedback),
        votes=tuple(_vote(paper, day, config) for paper, day in reader.votes[:_VOTES_SHOWN]),
        consents=tuple(
            f"On {long_day(day)} you said yes to “{title_of_list(name, config)}”, {_DOORS[door]}."
            for name, day, door in reader.consents
        ),
        feed=feed_context("Yours", f"private/{feed}", "../"),
        data=data,
        kept=kept,
        problem=problem,
    )
    return render("web/manage.html", context).encode()


_DOORS = {"web": "on the web", "mail": "by mail", "owner": "when you were invited"}


def _list(config: Config, name: str, *, ticked: bool) -> ListContext:
    profile = config.profiles[name]
    about = shorten(one_line(profile.about), 160)
    return ListContext(name, heading_of(profile), about, ticked)


def _paused(subscriptions: Sequence[Subscription]) -> str:
    paused = [each for each in subscriptions if each.status is SubscriptionStatus.PAUSED]
    if not paused:
        return ""
    until = paused[0].paused_until
    return f"a break until {long_day(until)}" if until else "a break, until you come back"


def _opinion(feedback: Feedback, config: Config) -> OpinionLine:
    paper = feedback.paper
    said = "More" if feedback.opinion is Opinion.LIKE else "Less"
    return OpinionLine(
        paper=LinkContext(title_of(paper), title_href(paper, config.bot.link_prefix)),
        said=said,
        value=f"{feedback.profile} {paper.id}",
    )


def _vote(paper: Paper, day: date, config: Config) -> OpinionLine:
    return OpinionLine(
        paper=LinkContext(title_of(paper), title_href(paper, config.bot.link_prefix)),
        said=long_day(day),
        value=str(paper.id),
    )


def _zones() -> tuple[str, ...]:
    """Return the zones that people know: `Europe/Berlin`, not `Etc/GMT+3`."""
    continents = ("Africa/", "America/", "Asia/", "Atlantic/", "Australia/", "Europe/", "Pacific/")
    known = sorted(name for name in available_timezones() if name.startswith(continents))
    return (*known, "UTC")
