"""What workflows ask of the world, and the values that cross over with it.

What one of them asks of the store stands beside it (`workflows.compose.ComposeStore`), as small as its
need; here is what several ask, or another room fills: `fetch`, `embed`, `mail`, `resolver`, `render`,
`files`. Fakes for tests ship beside the real thing: `fetch.canned.CannedFetcher`,
`embed.words.WordEmbedder`, `mail.CapturingMailer`, `resolver.CannedResolver`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import date, datetime
from pathlib import Path
from typing import ParamSpec, Protocol, TypeVar

from bot.models import (
    Attempt,
    Delivery,
    Document,
    Edition,
    Envelope,
    Event,
    Failure,
    Identifier,
    NotModified,
    Paper,
    Request,
    Sighting,
    SourceState,
)
from bot.values import value_type

P = ParamSpec("P")
T = TypeVar("T")


# ── Time and threads ──────────────────────────────────────────────────────────────────────────────


class Clock(Protocol):
    """What time it is: aware, UTC."""

    def __call__(self) -> datetime:
        """Return now."""
        ...


class Worker(Protocol):
    """Runs a plain function somewhere it may block, and waits for it."""

    async def __call__(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what the function returns."""
        ...


@value_type(frozen=True, slots=True)
class Workers:
    """`store` is one thread, the only one that touches SQLite; `cpu` is for parsing and ranking.

    `apart` (None: `cpu`) is for what may never end: there it is killed, and raises ApartError.
    """

    store: Worker
    cpu: Worker
    apart: Worker | None = None


# ── Rooms ─────────────────────────────────────────────────────────────────────────────────────────


class Fetcher(Protocol):
    """The only way to the outside over HTTP."""

    async def fetch(self, request: Request) -> Document | NotModified | Failure:
        """Make one conditional GET; never raises for what a server or the network does."""
        ...


class Embedder(Protocol):
    """Tells what texts mean, as vectors. Both methods raise EmbeddingError."""

    async def name(self) -> str:
        """Return what tells its vectors from all others'."""
        ...

    async def embed(self, texts: Sequence[str]) -> list[bytes]:
        """Return a vector of length 1 for each text, as float16, little-endian, all of one width."""
        ...


class Mailer(Protocol):
    """The only way out for mail."""

    def session(self) -> AbstractAsyncContextManager[MailSession]:
        """Open a connection that is reused for several messages.

        Raises MailError where the transport refuses before any recipient is named.
        """
        ...


class MailSession(Protocol):
    """One connection to the transport."""

    def wait(self) -> float:
        """Return how many seconds the rate asks to wait before another message, 0.0 for none."""
        ...

    def turn(self) -> float:
        """Take the next place that the rate gives; return how many seconds to wait for it."""
        ...

    async def send(self, envelope: Envelope) -> Attempt:
        """Send the bytes as they are; never raises for what the other side says or does."""
        ...


class Resolver(Protocol):
    """The only way to ask DNS. Each raises ResolverError where nobody answers."""

    async def txt(self, name: str) -> tuple[str, ...]:
        """Return the TXT records, the pieces of each joined; empty where there are none."""
        ...

    async def addresses(self, name: str) -> tuple[str, ...]:
        """Return the IPv4 and IPv6 addresses; an address is its own answer."""
        ...

    async def mx(self, name: str) -> tuple[str, ...]:
        """Return the names of the mail exchangers, the preferred first."""
        ...


class Renderer(Protocol):
    """Turns a context into text by the template that belongs to its class."""

    def __call__(self, template: str, context: object) -> str:
        """Render. Raises TemplateError."""
        ...


class FileWriter(Protocol):
    """Writes whole files, atomically."""

    def __call__(self, path: Path, content: bytes) -> bool:
        """Write if the content differs; return whether it did. Raises DiskFullError, StateError."""
        ...


class FilesWriter(Protocol):
    """Writes many whole files, each atomically."""

    def __call__(self, contents: Sequence[tuple[Path, bytes]], /) -> list[bool]:
        """Write what differs; return which did. Raises DiskFullError, StateError."""
        ...


# ── What the store takes and tells ────────────────────────────────────────────────────────────────


@value_type(frozen=True, slots=True)
class Absorbed:
    """What one document changed: papers that are new, updated by it, and joined from several.

    Of the new ones `seen` were stored as seen, and are no news. `relinked` are known papers that it
    showed under new guids, where that is most of the document.
    """

    new: int = 0
    updated: int = 0
    joined: int = 0
    relinked: int = 0
    seen: int = 0


@value_type(frozen=True, slots=True)
class Showing:
    """What a source showed, on its way into the store, and the source's state after it.

    A paper we don't have is taken only where its event is in `introduces`. Papers dated before
    `seen_before` (None: no limit), or undated then, and papers told of late, are stored as seen: never
    candidates.
    `keep_guids` remembers which paper an entry's guid stood for, for sources whose guids outlive
    their entries' addresses. With `elsewhere` the source was given another address: `seen_before`
    counts where it shows nothing that it showed before, since it is another source then. Without
    sightings it is the state alone.
    """

    state: SourceState
    sightings: Sequence[Sighting] = ()
    introduces: Collection[Event] = frozenset()
    seen_before: datetime | None = None
    keep_guids: bool = False
    elsewhere: bool = False


@value_type(frozen=True, slots=True)
class Seen:
    """A source showed a paper on a day; votes and comments as told that day, None where never."""

    source: str
    event: Event
    day: date
    votes: int | None = None
    comments: int | None = None


@value_type(frozen=True, slots=True)
class PaperHistory:
    """What the store remembers of a paper beside the paper: `seen` stands oldest first.

    `former_keys` are the keys of papers that turned out to be this one; `changed_at` is when what a
    source says of it last changed, votes left aside. `ballots` are the days on which our readers voted,
    each with how many had by its end.
    """

    seen: tuple[Seen, ...] = ()
    former_keys: tuple[Identifier, ...] = ()
    changed_at: datetime | None = None
    ballots: tuple[tuple[date, int], ...] = ()

    @property
    def readers(self) -> int:
        """How many of our readers voted for it."""
        return self.ballots[-1][1] if self.ballots else 0


@value_type(frozen=True, slots=True)
class PaperMark:
    """What changes with a paper: `said` with what is said of it, `whole` also with votes and sightings."""

    said: int
    whole: int


@value_type(frozen=True, slots=True)
class PaperNames:
    """Under which names a paper stands, its `key` among them, and `former` keys of what it became of."""

    key: Identifier
    identifiers: frozenset[Identifier] = frozenset()
    former: tuple[Identifier, ...] = ()


# ── Printing ──────────────────────────────────────────────────────────────────────────────────────


@value_type(frozen=True, slots=True)
class PrintOrder:
    """One message to be made: for which delivery, of what date."""

    delivery: Delivery
    date: datetime


@value_type(frozen=True, slots=True)
class Unprintable:
    """An order that no message can be made of, and why."""

    reason: str


class Printer(Protocol):
    """Makes messages; what several of them share is told to it once."""

    async def print(
        self,
        orders: Sequence[PrintOrder],
        papers: Mapping[int, Paper],
        editions: Mapping[int, Edition],
    ) -> list[bytes | Unprintable]:
        """Return each order's bytes; `papers` and `editions` are those not told before.

        CRLF alone ends a line of them, and none begins with a dot (`Envelope.dotless`). Raises
        TemplateError where our own template breaks.
        """
        ...
