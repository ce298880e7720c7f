"""How much of a feed is read at most, and what an entry is, for both readers of RSS and Atom."""

from __future__ import annotations

from typing import Any, TypeAlias

MOST_ENTRIES = 5000
MOST_TAGS = 500_000
MOST_ENTRIES_SENT = 20_000
MOST_CATEGORIES_SENT = 1_000

Entry: TypeAlias = dict[str, Any]  # feedparser's own dictionaries are such
