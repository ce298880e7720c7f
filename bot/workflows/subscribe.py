"""subscribe: what the configuration says of profiles and recipients, mirrored in the store."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from bot import tokens
from bot.config import Profile
from bot.ports import Workers
from bot.workflows.compose import fingerprint


class MirrorStore(Protocol):
    """What mirroring writes."""

    def mirror_profiles(self, fingerprints: Mapping[str, str]) -> None:
        """Note which profiles there are now; those that vanished retire."""
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
    prints = {name: fingerprint(profile) for name, profile in profiles.items()}
    wanted = {
        (address, name): tokens.suppression_key(secret, address)
        for name, profile in profiles.items()
        for address in profile.to
    }
    await workers.store(store.mirror_profiles, prints)
    await workers.store(store.mirror_recipients, wanted, now)
