"""The user and password that a source's address may hold: told to nobody, and kept where it leads on."""

from __future__ import annotations

import re

from bot.sources.entries import origin


def hidden(address: str) -> str:
    """Return an address as it may be told: of a user and password in it, that there are some."""
    login = _login(address)
    return address.replace(login, "…@", 1) if login else address


def without(address: str) -> str:
    """Return an address without its user and password, for what is made to be shown around."""
    login = _login(address)
    return address.replace(login, "", 1) if login else address


def kept(address: str, written: str) -> str:
    """Return an address with the login of the one as it was written, where both are of one origin."""
    login = _login(written)
    if not login or origin(address) != origin(without(written)):
        return address
    return address.replace("://", f"://{login}", 1)


def _login(address: str) -> str:
    """Return `user:password@` as it is written, "" for none."""
    host = re.split("[/?#]", address.partition("://")[2], maxsplit=1)[0]
    login, at, _ = host.rpartition("@")
    return login + at
