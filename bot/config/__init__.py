"""The configuration a person writes: TOML in, frozen models out, every mistake told at once.

Nothing here reads the network or the clock. Paths resolve against the file's own folder. A person's
file is never rewritten; what is learnt lives in the database beside it.
"""

from bot.config.bibliography import Bibliography, Reference, read_bibliography
from bot.config.checks import not_yet
from bot.config.reading import load_config, read_from
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
    tables,
)
from bot.config.values import (
    RESERVED_NAMES,
    WEEKDAYS,
    normal_address,
    normal_hour,
    normal_zone,
    parse_days,
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
    "keys_of",
    "load_config",
    "normal_address",
    "normal_hour",
    "normal_zone",
    "not_yet",
    "parse_days",
    "read_bibliography",
    "read_from",
    "tables",
]
