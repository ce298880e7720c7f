"""What a person types to search: words, "phrases", -not, `title:`, `author:`, `cat:`, `since:`, `before:`.

Nothing is ever a syntax error: what is not ours is words.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import date
from functools import lru_cache

from bot.patterns import pattern
from bot.text import one_line
from bot.text.spelling import SIGNED_NAME, folded
from bot.text.tex import readable
from bot.values import value_type

_FIELDS = {
    "title": "title", "author": "authors", "authors": "authors", "abstract": "abstract",
    "cat": "categories", "category": "categories", "since": "since", "before": "before",
}  # fmt: skip
_MOST_CLAUSES = 64
_LONGEST = 2_000
_CLAUSE = pattern(
    r"(?:(?<!\S)(?P<without>[-−])(?=[^\W_]|\"))?"  # not within `state-of-the-art`, nor a dash alone
    rf'(?:(?P<field>{"|".join(_FIELDS)}):\s?)?(?:"(?P<phrase>[^"]*)"?|(?P<bare>[^\s"]+))',
    re.IGNORECASE,
)
_QUOTES = str.maketrans({"“": '"', "”": '"', "„": '"', "‟": '"', "«": '"', "»": '"'})
_WORD = pattern(rf"{SIGNED_NAME}|[^\W_]+")
_FIRST_OF = {len("2026"): "-01-01", len("2026-11"): "-01"}
# Scripts that set no spaces are looked up character by character.
_UNSPACED = pattern(r"([\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af])")
# Letters that Unicode does not take apart, so that the index's folding of accents leaves them.
_STROKES = str.maketrans(
    {"ł": "l", "Ł": "L", "ø": "o", "Ø": "O", "đ": "d", "Đ": "D", "ħ": "h", "ı": "i", "ß": "ss",
     "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "þ": "th", "Þ": "Th", "ð": "d"}
)  # fmt: skip


@value_type(frozen=True, slots=True)
class QueryClause:
    """Words that must stand next to each other; `field` is "" for anywhere.

    In `authors` their order is free. The last word may be only a beginning (`transform*`). A name such
    as `C++` is one word with its signs, which the index does not know: it finds all that has the letter.
    """

    field: str
    words: tuple[str, ...]
    prefix: bool = False

    @property
    def signs(self) -> str:
        """The signs that a text must have for its letters to be what is meant, "" for none."""
        return next((word[1:] for word in self.words if not word.isalnum()), "")


@value_type(frozen=True, slots=True)
class Query:
    """What all must hold: each clause, each category (`cs` holds for every `cs.…`), the dates.

    And what must not: `without`, and the categories in `barred`. `since` belongs to what is wanted,
    `before` does not. `unread` is what begins like one of our fields and says nothing in it, as typed:
    it counts as words.
    """

    clauses: tuple[QueryClause, ...] = ()
    categories: tuple[str, ...] = ()
    since: date | None = None
    before: date | None = None
    unread: tuple[str, ...] = ()
    without: tuple[QueryClause, ...] = ()
    barred: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether it asks for nothing at all."""
        wanted = self.clauses or self.categories or self.since or self.before
        return not (wanted or self.without or self.barred)


def searchable(value: str) -> str:
    """Return text in the form in which it is indexed and looked up: TeX read, on one line."""
    plain = unicodedata.normalize("NFKC", one_line(readable(value))).translate(_STROKES)
    return _UNSPACED.sub(r" \1 ", plain)


def read_query(typed: str) -> Query:
    """Read what a person typed; at most 2,000 characters and 64 clauses of it count."""
    clauses: list[QueryClause] = []
    without: list[QueryClause] = []
    categories: list[str] = []
    barred: list[str] = []
    since: date | None = None
    before: date | None = None
    unread: list[str] = []
    for match in _CLAUSE.finditer(one_line(typed)[:_LONGEST].translate(_QUOTES)):
        written = match["bare"] if match["phrase"] is None else match["phrase"]
        field = _FIELDS.get((match["field"] or "").lower())
        if field in ("since", "before"):
            day = _day(written)
            if day and match["without"]:  # what is not since a day is before it
                field = "before" if field == "since" else "since"
            if day and field == "since":
                since = max(since, day) if since else day
                continue
            if day:
                before = min(before, day) if before else day
                continue
            unread.append(f"{field}:{written}")
            written, field = f"{field} {written}", ""  # `since:yesterday` is words like any others
        elif not field and written.lower().removesuffix(":") in _FIELDS and written.endswith(":"):
            unread.append(written)
        named = written.strip("= ").removesuffix("*").removesuffix(".")  # arXiv's own is `cs.*`
        if field == "categories" and named:
            (barred if match["without"] else categories).append(named.lower())
        elif match["without"]:
            without += [each] if (each := _clause(field or "", written)) else []
        elif clause := _clause(field or "", written):
            clauses.append(clause)
    return Query(
        tuple(clauses[:_MOST_CLAUSES]),
        tuple(categories[:_MOST_CLAUSES]),
        since,
        before,
        tuple(unread),
        tuple(without[:_MOST_CLAUSES]),
        tuple(barred[:_MOST_CLAUSES]),
    )


def has(clause: QueryClause, told: Mapping[str, str]) -> bool:
    """Tell whether texts, by the names of our fields, have what a clause asks for, as the index would.

    Of `authors` each stands on a line of its own.
    """
    fields = [clause.field] if clause.field else list(told)
    return any(
        _stands(clause, text)
        for field in fields
        for text in (told[field].splitlines() if field == "authors" else [told[field]])
    )


@lru_cache(maxsize=16)  # each of a query's clauses asks the same few texts
def _words_of(text: str) -> tuple[str, ...]:
    return tuple(_WORD.findall(folded(searchable(text))))


def _stands(clause: QueryClause, text: str) -> bool:
    words = _words_of(text)
    wanted = tuple(folded(word) for word in clause.words)
    if not clause.signs:  # who asks for a C finds C++, as in the index
        words = tuple(word if word.isalnum() else word[0] for word in words)
    if clause.field == "authors":  # in whatever order, and an initial is any name that begins so
        return all(
            any(word == name or (len(name) == 1 and word.startswith(name)) for word in words)
            for name in wanted
        )
    first, last = wanted[:-1], wanted[-1]
    if last not in words and not clause.prefix:
        return False
    return any(
        words[at - len(first) : at] == first
        and (word == last or (clause.prefix and word.startswith(last)))
        for at, word in enumerate(words)
        if at >= len(first)
    )


def _clause(field: str, written: str) -> QueryClause | None:
    words = tuple(_WORD.findall(searchable(written)))
    if not words:
        return None
    return QueryClause(field, words, prefix=written.rstrip().endswith("*") and words[-1].isalnum())


def _day(value: str) -> date | None:
    """Read a date; a year or a month stands for its first day."""
    try:
        return date.fromisoformat(value + _FIRST_OF.get(len(value), ""))
    except ValueError:
        return None
