"""Types of values: frozen dataclasses with slots, made in a quarter of the time that `dataclasses` takes.

Python compiles six functions for each; of an idle `once`, with its ninety types, that was an eighth. Five of
the six are the same for all but for the names, and are written once, here: only `__init__` is compiled.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from operator import attrgetter
from reprlib import recursive_repr
from typing import TYPE_CHECKING

__all__ = ["value_type"]

if TYPE_CHECKING:
    from dataclasses import dataclass as value_type
else:

    def value_type(*, frozen: bool, slots: bool) -> object:  # noqa: ARG001 - said for the type checker
        """Make a dataclass with slots that is frozen for the type checker alone; all else is as ever.

        What is frozen at run time sets each field by a call; of some there are thousands a document.
        """
        return _made


def _made(kind: type) -> type:
    made: type = dataclass(slots=True, repr=False, eq=False)(kind)
    told = _as_tuple([field.name for field in fields(made) if field.compare])

    def is_equal(self: object, other: object) -> object:
        if other.__class__ is self.__class__:
            return told(self) == told(other)
        return NotImplemented

    def digest(self: object) -> int:
        return hash(told(self))

    for name, method in (("__eq__", is_equal), ("__hash__", digest), ("__repr__", _repr)):
        setattr(made, name, method)
    return made


def _as_tuple(names: list[str]) -> Callable[[object], tuple[object, ...]]:
    if not names:
        return lambda _: ()
    # Asked for one name alone it would return no tuple.
    return attrgetter(*(names if len(names) > 1 else names * 2))


@recursive_repr()
def _repr(self: object) -> str:
    told = (f"{each.name}={getattr(self, each.name)!r}" for each in fields(self) if each.repr)  # type: ignore[arg-type] # made above
    return f"{type(self).__qualname__}({', '.join(told)})"
