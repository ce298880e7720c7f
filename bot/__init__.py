"""paperround: an email and feed digest bot for research papers.

The names below are the Python API. They load when first used, so that `paperround --help` stays
quick (PEP 562).
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False  # as typing has it: loading that is a fifth of what `--help` costs
if TYPE_CHECKING:
    from bot.config import Config, Profile, load_config
    from bot.models import Identifier, Paper, Ranked, Reason
    from bot.ranking import rank
    from bot.sources import parse_feed

__version__ = "0.1.0"
__all__ = [
    "Config",
    "Identifier",
    "Paper",
    "Profile",
    "Ranked",
    "Reason",
    "__version__",
    "load_config",
    "parse_feed",
    "rank",
]

_HOMES = {
    "Config": "bot.config",
    "Identifier": "bot.models",
    "Paper": "bot.models",
    "Profile": "bot.config",
    "Ranked": "bot.models",
    "Reason": "bot.models",
    "load_config": "bot.config",
    "parse_feed": "bot.sources",
    "rank": "bot.ranking",
}


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'bot' has no attribute {name!r}")
