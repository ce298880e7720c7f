"""Loading many modules at once."""

from __future__ import annotations

import gc
from importlib import import_module

TYPE_CHECKING = False  # as typing has it, which costs more to load than this
if TYPE_CHECKING:
    from types import ModuleType


def load(name: str) -> ModuleType:
    """Import a module, and all that it imports, without looking for garbage: nothing of it is any."""
    looked = gc.isenabled()
    gc.disable()
    try:
        return import_module(name)
    finally:
        if looked:
            gc.enable()
