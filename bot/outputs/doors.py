"""The addresses of the doors that a mail leads to, and when it may lead there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot import tokens

if TYPE_CHECKING:
    from bot.config import BotSettings, Profile


def opinion_address(
    base_url: str, secret: bytes, subscriber: int, edition: int, paper: int, epoch: int
) -> str:
    """Return where a subscriber says what they think of an edition's paper.

    `?v=more` or `?v=less` behind it puts that button first. `epoch` is the subscriber's token epoch.
    """
    ids = (subscriber, edition, paper)
    return f"{base_url}/feedback/{tokens.make(secret, tokens.Purpose.FEEDBACK, ids, epoch)}"


def shows_opinion_links(profile: Profile, address: str, bot: BotSettings) -> bool:
    """Return whether a mail to this address asks for opinions: only where they teach something."""
    if not bot.base_url or profile.learn == "none":
        return False
    return profile.learn == "all" or is_owners(address, bot)


def is_owners(address: str, bot: BotSettings) -> bool:
    """Return whether an address is the owner's, whose opinions are those of `like` and `dislike`."""
    owner = bot.owner or bot.contact
    return bool(owner) and address.casefold() == owner.casefold()
