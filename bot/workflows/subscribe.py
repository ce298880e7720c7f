"""subscribe: the configuration's recipients mirrored in the store, and the way out for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from bot import tokens
from bot.models import Origin, Subscription
from bot.ports import Workers
from bot.values import value_type

if TYPE_CHECKING:
    from bot.config import Profile


class MirrorStore(Protocol):
    """What mirroring writes."""

    def mirror_profiles(self, fingerprints: Mapping[str, str], former: Mapping[str, str]) -> None:
        """Note which profiles there are now; those that vanished retire, renamed ones move."""
        ...

    def mirror_recipients(self, wanted: Mapping[tuple[str, str], str], now: datetime) -> None:
        """Make the subscriptions that `to` keys ask for, end those they no longer ask for."""
        ...


async def mirror(
    profiles: Mapping[str, Profile],
    store: MirrorStore,
    workers: Workers,
    now: datetime,
    secret: bytes,
) -> None:
    """Bring the store's profiles and the owner's subscriptions in line with the configuration."""
    prints = {name: profile.fingerprint for name, profile in profiles.items()}
    wanted = {
        (address, name): tokens.suppression_key(secret, address)
        for name, profile in profiles.items()
        for address in profile.to
    }
    former = {old: name for name, profile in profiles.items() for old in profile.was}
    await workers.store(store.mirror_profiles, prints, former)
    await workers.store(store.mirror_recipients, wanted, now)


# ── The way out ───────────────────────────────────────────────────────────────────────────────────


@value_type(frozen=True, slots=True)
class WayOut:
    """Whom a token unsubscribes: the names of the profiles it still gets, and of those that ended.

    `only` is the one whose mail the token was in, "" where it was in a mail for all.
    """

    address: str
    profiles: tuple[str, ...]
    ended: tuple[str, ...]
    only: str = ""


class WayOutStore(Protocol):
    """What the way out reads and writes."""

    def subscriber(self, number: int) -> tuple[str, int, tuple[str, ...]] | None:
        """Return (address, token epoch, profiles it is subscribed to), None for nobody."""
        ...

    def subscriptions_of(self, address: str) -> Sequence[Subscription]:
        """Return every subscription that an address ever had, by profile."""
        ...

    def profile_of(self, subscriber: int, subscription: int) -> str:
        """Return the profile of a subscriber's subscription, "" where that moved or is none."""
        ...

    def unsubscribe(self, address: str, profile: str, ended_by: Origin) -> int:
        """End an address's subscription to a profile, or to all with ""."""
        ...


async def show_way_out(
    token: str, store: WayOutStore, workers: Workers, secret: bytes
) -> WayOut | None:
    """Return whom the token would unsubscribe, None for a token that is not ours.

    Also by one whose other links are void: mail that was delivered must go on to have a way out.
    """
    read = tokens.read(secret, tokens.Purpose.UNSUBSCRIBE, token)
    return await workers.store(way_out, read, store) if read else None


def way_out(read: tuple[tuple[int, ...], int], store: WayOutStore) -> WayOut | None:
    """Return whom a token that reads so would unsubscribe, None for nobody."""
    ids, epoch = read
    if not 1 <= len(ids) <= 2:  # noqa: PLR2004 - subscriber, and perhaps subscription
        return None
    number, *rest = ids
    found = store.subscriber(number)
    if found is None or epoch > found[1]:
        return None
    address, _, subscribed = found
    had = [subscription.profile for subscription in store.subscriptions_of(address)]
    ended = tuple(name for name in had if name not in subscribed)
    # What became another profile, no mail of today comes for: who says stop then stops them all.
    only = store.profile_of(number, rest[0]) if rest else ""
    return WayOut(address, subscribed, ended, only)


async def take_way_out(
    token: str, store: WayOutStore, workers: Workers, secret: bytes, only: str | None = None
) -> WayOut | None:
    """Unsubscribe from `only` one profile, or with "" from everything; return how it stands then.

    With None, from what the token's mail was for.

    It holds at once, as often as asked, with the same answer. A profile that the address never had
    changes nothing, and is not among those that ended.
    """
    found = await show_way_out(token, store, workers, secret)
    if found is None:
        return None
    what = found.only if only is None else only
    await workers.store(store.unsubscribe, found.address, what, Origin.SELF)
    return await show_way_out(token, store, workers, secret)
