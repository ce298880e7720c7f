"""What a function says of words, kept for when they come again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Remembered(dict[str, T], Generic[T]):
    """A function of a word, asked once for each; all is forgotten where it would be too many.

    `lru_cache` keeps the order of use as well, which takes longer than to look a word up, and of a text
    each word is looked up.
    """

    def __init__(self, function: Callable[[str], T], most: int) -> None:
        self._function, self._most = function, most

    def __missing__(self, word: str) -> T:
        if len(self) >= self._most:
            self.clear()
        self[word] = found = self._function(word)
        return found
