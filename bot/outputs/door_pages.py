"""The pages behind the links of a mail, which `serve` shows, and what it says when there is none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import TYPE_CHECKING

from bot.models import Opinion, Paper
from bot.outputs.cards import authors_line, heading_of, title_of
from bot.outputs.contexts import (
    FeedbackPage,
    FrameContext,
    LinkContext,
    NoticePage,
    UnsubscribePage,
    VotedContext,
    VotePage,
)
from bot.outputs.links import title_href
from bot.outputs.site import Site, frame_of, no_link
from bot.outputs.wording import listed
from bot.ports import Renderer
from bot.text import one_line, shorten

if TYPE_CHECKING:
    from bot.config import BotSettings, Config, Profile

_WORDS = {Opinion.LIKE: "more", Opinion.DISLIKE: "less", None: ""}


def unsubscribe_page(
    *,
    config: Config,
    address: str,
    profiles: Sequence[str],
    first: str,
    ended: Sequence[str],
    done: bool,
    render: Renderer,
) -> bytes:
    """Return the page at /unsubscribe/TOKEN: what the address gets, and the buttons that end it.

    `profiles` are the names of what it still gets, `first` the one whose mail led here, "" where that
    was a mail for all; `ended` of what it does not get any more, which is
    told where something was `done`. The address is masked: a digest may have been forwarded.
    """
    titles = {name: title_of_list(name, config) for name in profiles}
    gone = [title_of_list(name, config) for name in ended if name in config.profiles]
    context = UnsubscribePage(
        frame=page_frame(config.bot, "../", "Unsubscribed" if done else "Unsubscribe"),
        address=masked(address),
        gets=quoted(titles.values()),
        first=titles.get(first, ""),
        profiles={name: title for name, title in titles.items() if name != first},
        ended=quoted(gone),
        done=done,
        contact=_contact(config),
    )
    return render("web/unsubscribe.html", context).encode()


def feedback_page(
    *,
    config: Config,
    profile: Profile,
    paper: Paper,
    opinion: Opinion | None,
    owner: bool,
    done: bool,
    first: str,
    vote: str,
    voted: VotedContext,
    render: Renderer,
) -> bytes:
    """Return the page at /feedback/TOKEN: the paper, what was said of it, and the buttons.

    `opinion` is what is on record now; `owner` whether it is the owner's; `done` whether a button was
    pressed; `first` ("more", "less" or "") is the button that the mail's link asked for; `vote` is where
    its reader votes for the paper, `voted` how it stands with that.
    """
    context = FeedbackPage(
        frame=page_frame(config.bot, "../", "Thank you" if done else "More or less like this?"),
        paper=LinkContext(title_of(paper), title_href(paper, config.bot.link_prefix)),
        authors=authors_line(paper.authors),
        profile=heading_of(profile),
        opinion=_WORDS[opinion],
        kept=_kept(profile, opinion, owner=owner) if done else "",
        first=first or "more",
        asked=bool(first),
        vote=vote,
        voted=voted,
    )
    return render("web/feedback.html", context).encode()


def vote_page(
    *,
    config: Config,
    paper: Paper,
    voted: VotedContext,
    root: str,
    done: str,
    problem: str,
    address: str,
    stamp: str,
    render: Renderer,
) -> bytes:
    """Return the page at /vote/TOKEN, which `root` leads home from; with a `stamp`, that at /vote.

    There a link is sent to who gives their address; `done` says what was just done.
    """
    context = VotePage(
        frame=page_frame(config.bot, root, "Vote for a paper"),
        paper=LinkContext(title_of(paper), title_href(paper, config.bot.link_prefix)),
        authors=authors_line(paper.authors),
        voted=voted,
        done=done,
        problem=problem,
        address=shorten(one_line(address), 254),
        stamp=stamp,
    )
    return render("web/vote.html", context).encode()


def notice_page(
    *,
    config: Config,
    heading: str,
    lines: Sequence[str],
    ask: bool,
    render: Renderer,
    ways: Sequence[LinkContext] = (),
) -> bytes:
    """Return a page that says why there is nothing else; with `ask`, whom to write to.

    Its links are absolute paths: it is shown at whatever address was asked for. `ways` are links to
    what may have been meant, from the home page on.
    """
    root = home_path(config.bot)
    context = NoticePage(
        frame=page_frame(config.bot, root, heading),
        lines=tuple(lines),
        ways=tuple(LinkContext(way.text, f"{root}{way.href}") for way in ways),
        contact=_contact(config) if ask else no_link(),
    )
    return render("web/notice.html", context).encode()


def home_path(bot: BotSettings) -> str:
    """Return the absolute path of the home page: `/`, or `/papers/` under such a `base_url`."""
    _, _, path = bot.base_url.partition("//")
    _, _, prefix = path.partition("/")
    return f"/{prefix}/" if prefix else "/"


def _kept(profile: Profile, opinion: Opinion | None, *, owner: bool) -> str:
    """Return what was kept of an opinion, and what it will do by the profile's `learn`."""
    heading = f"“{heading_of(profile)}”"
    if opinion is None:
        return "Taken back: nothing is kept of what you said of this paper."
    kept = f"Kept: {_WORDS[opinion]} like this."
    if profile.learn == "none":
        return f"{kept} {heading} learns nothing by itself: whoever runs it sees what you said."
    if owner:
        return f"{kept} It counts from the next edition of {heading} on."
    if profile.learn == "owner":
        return f"{kept} {heading} learns only from whoever runs it, who sees what you said."
    return (
        f"{kept} It counts from the next edition of {heading} on, "
        "together with what its other readers say."
    )


def masked(address: str) -> str:
    """Return an address that only who knows it knows again: a mail may have been forwarded."""
    local, _, domain = address.partition("@")
    return shorten(one_line(f"{local[:1]}…@{domain}"), 120)


def quoted(titles: Iterable[str]) -> str:
    """Return titles as people write them one after the other."""
    # A title may hold commas of its own.
    return listed([f"“{title}”" for title in titles])


def title_of_list(name: str, config: Config) -> str:
    """Return a profile's title, of one that is gone its name."""
    profile = config.profiles.get(name)
    return heading_of(profile) if profile else name


def _contact(config: Config) -> LinkContext:
    address = config.bot.contact or config.mail.sender_address
    return LinkContext(address, f"mailto:{address}")


def page_frame(bot: BotSettings, root: str, heading: str) -> FrameContext:
    """Return what is around a page that `root` leads home from."""
    return frame_of(Site(bot, (), {}, (), date.min), root, heading, heading, feeds=())
