"""What a kind of source is: a value of pure functions. Each module of a kind makes one, `KIND`.

docs/adding-a-source.md walks through a whole one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from bot.models import Document, Parsed, Request, SourceState
from bot.sources.spans import Page, Span
from bot.values import value_type

if TYPE_CHECKING:
    from bot.config import SourceSettings


@value_type(frozen=True, slots=True)
class Caller:
    """Who asks: the resolved secret of a source's `token` and the owner's address, "" for none."""

    token: str = ""
    contact: str = ""


def as_bearer(request: Request, caller: Caller) -> Request:
    """Return the request with the token as most services take it (RFC 6750, 2.1)."""
    if not caller.token:
        return request
    return replace(request, headers=(*request.headers, ("Authorization", f"Bearer {caller.token}")))


@value_type(frozen=True, slots=True)
class Pages:
    """How a kind is read page by page.

    `window` is what to read now (None: nothing), `address` a span's next page, `read` what a page
    says (it raises ParseError in a sentence for people), `after` what is left of the span (None:
    nothing; its last argument is the host, for sentences). `can_ask` tells whether this source can be
    read so at all. A record that appears now may carry a date as old as `overlap`.
    """

    window: Callable[[SourceSettings, SourceState, datetime], Span | None]
    address: Callable[[SourceSettings, Span], str]
    read: Callable[[SourceSettings, Document, datetime], Page]
    after: Callable[[Span, Page, str], Span | None]
    overlap: timedelta
    can_ask: Callable[[SourceSettings], bool] = lambda _: True


@value_type(frozen=True, slots=True)
class Calendar:
    """When a kind announces.

    `due_between` tells whether something new was due after the one moment and not after the other;
    `why_quiet` says why nothing was at a moment, "" where nothing explains it.
    """

    due_between: Callable[[datetime, datetime], bool]
    why_quiet: Callable[[datetime], str]


def _nothing_beside(
    _source: SourceSettings, _state: SourceState, _now: datetime
) -> tuple[str, ...]:
    return ()


@value_type(frozen=True, slots=True)
class Kind:
    """What a kind of source is.

    `parse` reads a document. `address` is the one document's, None where there are only `pages`.
    `beside` are the addresses of more documents to read in this round; `owed` what a source owes
    once its document was read: days whose announcement was missed. `signed` adds to a request who
    asks. `wants_token` says how one comes by a token, where the service refuses who has none.
    `announces`: a document is the announcement of its day, so "older than `backfill`" is judged
    against its newest entry, not now. `keeps_guids`: guids outlive the addresses of their entries,
    and say which paper is meant.
    """

    parse: Callable[[SourceSettings, Document, datetime], Parsed]
    address: Callable[[SourceSettings], str] | None = None
    pages: Pages | None = None
    beside: Callable[[SourceSettings, SourceState, datetime], tuple[str, ...]] = _nothing_beside
    owed: Callable[[SourceSettings, SourceState, Parsed, datetime], Span | None] | None = None
    signed: Callable[[Request, Caller], Request] = as_bearer
    wants_token: str = ""
    calendar: Calendar | None = None
    announces: bool = False
    keeps_guids: bool = False


def paged(pages: Pages, **said: object) -> Kind:
    """Return a kind that has pages only; `said` are Kind's other fields."""

    def parse(source: SourceSettings, document: Document, now: datetime) -> Parsed:
        return pages.read(source, document, now).parsed

    return Kind(parse, pages=pages, **said)  # type: ignore[arg-type]  # Kind's own fields
