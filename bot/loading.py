"""Loading many modules at once, and looking seldom for garbage."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from importlib import import_module

TYPE_CHECKING = False  # as typing has it, which costs more to load than this
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

_LOOKED_AFTER = 10_000  # objects that may hold others, more made than gone; Python has 700


def load(name: str) -> ModuleType:
    """Import a module, and all that it imports, without looking for garbage: nothing of it is any."""
    looked = gc.isenabled()
    gc.disable()
    try:
        return import_module(name)
    finally:
        if looked:
            gc.enable()


@contextmanager
def little_garbage() -> Iterator[None]:
    """Look for garbage a tenth as often: nearly all of ours goes by itself, at its last use.

    What was loaded is none, and is not looked through again and again.
    """
    before = gc.get_threshold()
    gc.set_threshold(_LOOKED_AFTER, *before[1:])
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
