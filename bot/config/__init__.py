"""The configuration a person writes: TOML in, frozen models out, every mistake told at once.

Nothing here reads the network or the clock. Paths resolve against the file's own folder. A person's
file is never rewritten; what is learnt lives in the database beside it.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from bot.config.checks import not_yet
from bot.config.kept import kept_config, laid_down, load_quickly
from bot.config.texts import read_from
from bot.config.values import (
    RESERVED_NAMES,
    WEEKDAYS,
    normal_address,
    normal_hour,
    normal_zone,
    parse_days,
)

if TYPE_CHECKING:
    from bot.config.bibliography import Bibliography, Reference, decoded, read_bibliography
    from bot.config.reading import load_config
    from bot.config.tables import (
        BotSettings,
        Config,
        DkimSettings,
        FetchSettings,
        InboundSettings,
        MailSettings,
        Profile,
        SourceSettings,
        SubscribeSettings,
        WebSettings,
        keys_of,
        table_names,
    )

__all__ = [
    "RESERVED_NAMES",
    "WEEKDAYS",
    "Bibliography",
    "BotSettings",
    "Config",
    "DkimSettings",
    "FetchSettings",
    "InboundSettings",
    "MailSettings",
    "Profile",
    "Reference",
    "SourceSettings",
    "SubscribeSettings",
    "WebSettings",
    "decoded",
    "kept_config",
    "keys_of",
    "laid_down",
    "load_config",
    "load_quickly",
    "normal_address",
    "normal_hour",
    "normal_zone",
    "not_yet",
    "parse_days",
    "read_bibliography",
    "read_from",
    "table_names",
]

# What loads pydantic, or what is seldom wanted: each with its first use (PEP 562).
_HOMES = {
    "Bibliography": "bibliography", "Reference": "bibliography", "decoded": "bibliography",
    "read_bibliography": "bibliography",
    "load_config": "reading",
}  # fmt: skip


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'bot.config' has no attribute {name!r}")
    return getattr(import_module(f"bot.config.{_HOMES.get(name, 'tables')}"), name)
