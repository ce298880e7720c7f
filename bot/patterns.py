"""Regular expressions that are compiled when they are first used, not when their module is loaded.

Compiling those that only a paper's text asks for is a tenth of what an idle `once` would cost.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, AnyStr

_ASKED_FOR = ("finditer", "findall", "fullmatch", "match", "search", "split", "sub", "subn")

if TYPE_CHECKING:

    def pattern(expression: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
        """Return what `re.compile` would, compiled at its first use."""
        ...

else:

    class pattern:  # noqa: N801 - called as `re.compile` is
        """What `re.compile` returns, compiled at its first use."""

        def __init__(self, expression: str | bytes, flags: int = 0) -> None:
            self._given = (expression, flags)

        def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any method of a pattern
            if name.startswith("__"):
                raise AttributeError(name)
            compiled = re.compile(*self._given)
            # From here on a look-up finds them here: it is as quick as a pattern's own.
            self.__dict__.update((each, getattr(compiled, each)) for each in _ASKED_FOR)
            return getattr(compiled, name)
