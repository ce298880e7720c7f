"""What the workflows ask of the world, each port as small as its users.

The rooms that fill them: `store`, `fetch`, `embed`, `mail`, `resolver`, `render`, `files`. Fakes for
tests ship beside the real thing: `fetch.canned.CannedFetcher`, `embed.words.WordEmbedder`,
`mail.CapturingMailer`, `resolver.CannedResolver`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import date, datetime
from pathlib import Path
from typing import ParamSpec, Protocol, TypeVar

from bot.models import (
    Attempt,
    DeliveredPick,
    Delivery,
    DeliveryStatus,
    DigestPlan,
    Document,
    Edition,
    Envelope,
    Event,
    Failure,
    Feedback,
    Had,
    Identifier,
    Move,
    News,
    NotModified,
    Paper,
    Request,
    Rest,
    Sighting,
    SourceState,
    Subscription,
    Tally,
)
from bot.values import value_type

P = ParamSpec("P")
T = TypeVar("T")


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


class MeaningStore(Protocol):
    """Where vectors are kept; a text is known by its paper (0: a profile's own) and its digest."""

    def vectors(
        self, embedder: str, wanted: Collection[tuple[int, bytes]]
    ) -> Mapping[tuple[int, bytes], bytes]:
        """Return the vectors that are kept of these (paper, digest)."""
        ...

    def keep_vectors(self, embedder: str, rows: Sequence[tuple[int, bytes, bytes]]) -> None:
        """Commit vectors as (paper, digest, vector)."""
        ...

    def newest_vectors(self, embedder: str, most: int) -> list[tuple[int, bytes]]:
        """Return (paper, vector) of the newest papers that have one."""
        ...

    def whitening(self, embedder: str) -> bytes | None:
        """Return what was learnt of an embedder's vectors in general, None where nothing was."""
        ...

    def keep_whitening(self, embedder: str, learnt: bytes) -> bytes:
        """Commit what was learnt, once for ever; return what holds."""
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


@value_type(frozen=True, slots=True)
class Absorbed:
    """What one document changed: papers that are new, updated by it, and joined from several.

    `relinked` are known papers that it showed under new guids, where that is most of the document:
    then nothing in it counted as new.
    """

    new: int = 0
    updated: int = 0
    joined: int = 0
    relinked: int = 0


@value_type(frozen=True, slots=True)
class Showing:
    """What a source showed, on its way into the store, and the source's state after it.

    A paper we don't have is taken only where its event is in `introduces`. Papers dated before
    `seen_before` (None: no limit), or undated then, are stored as seen: never candidates.
    `keep_guids` remembers which paper an entry's guid stood for, for sources whose guids outlive
    their entries' addresses. Without sightings it is the state alone.
    """

    state: SourceState
    sightings: Sequence[Sighting] = ()
    introduces: Collection[Event] = frozenset()
    seen_before: datetime | None = None
    keep_guids: bool = False


class CollectStore(Protocol):
    """What `collect` reads and writes."""

    def source_states(self) -> Mapping[str, SourceState]:
        """Return what is remembered of every source ever polled, by name."""
        ...

    def absorb_all(
        self, showings: Sequence[Showing], now: datetime
    ) -> Sequence[Absorbed | BaseException]:
        """Commit what several sources showed, together; return what each changed, in their order.

        One that cannot be written harms no other: what it raised is returned in its place.
        """
        ...

    def rename_source(self, former: str, name: str) -> None:
        """Commit a source's new name, under which all that it showed and that is remembered goes on."""
        ...

    def moves(self) -> Mapping[str, Move]:
        """Return where sources' addresses lead for good, by source."""
        ...

    def set_move(self, source: str, move: Move | None) -> None:
        """Commit where a source's address leads, or with None that it leads nowhere else."""
        ...


class RankingStore(Protocol):
    """What ranking reads: the store, or the store as it stood at a moment (`Store.as_of`)."""

    def source_states(self) -> Mapping[str, SourceState]:
        """Return what is remembered of every source, by name."""
        ...

    def last_edition(self, profile: str) -> Edition | None:
        """Return the profile's latest edition, without its picks."""
        ...

    def newest_paper(self) -> int:
        """Return the highest paper id, 0 where there is none."""
        ...

    def candidates(
        self,
        profile: str,
        last: Edition | None,
        since: datetime | None,
        sources: Collection[str],
        *,
        known: Mapping[int, Paper] | None = None,
    ) -> list[Paper]:
        """Return papers that came after `last`, never picked by this profile.

        With `sources`, only what these showed; with `since`, only what was first seen or dated
        after it. What was stored as seen is left out. Those that are `known`, by their ids, are given
        as they are there, and not read again.
        """
        ...

    def news(self, profile: str, since: datetime, replaced: datetime) -> list[News]:
        """Return what became of the papers this profile picked after `since`, and has not told.

        A newer version is news only of what was picked after `replaced`.
        """
        ...

    def lookup(self, identifiers: Collection[Identifier]) -> list[Paper]:
        """Return the stored papers that have one of these identifiers."""
        ...

    def feedback_of(self, profile: str) -> list[Feedback]:
        """Return the owner's and the readers' opinions for a profile, the latest first."""
        ...

    def picked_among(self, profile: str, papers: Collection[int]) -> set[int]:
        """Return which of these papers the profile's editions picked as new."""
        ...

    def tallies(self, papers: Collection[int]) -> Mapping[int, Tally]:
        """Return what was said of these papers, by their ids."""
        ...

    def submitted(self, profile: str) -> list[Paper]:
        """Return what curators put forward for a profile and no edition of it has picked."""
        ...


class ComposeStore(RankingStore, Protocol):
    """What `compose` reads and writes."""

    def last_period(self, profile: str) -> date | None:
        """Return the date of the profile's latest edition that was made by its hour, not by hand."""
        ...

    def save_edition(self, edition: Edition) -> Edition:
        """Commit an edition and its picks in one transaction; return it with its id."""
        ...


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


class VotedStore(Protocol):
    """What trending reads."""

    def voted(self, since: date, until: date) -> list[Paper]:
        """Return the papers that had votes between two dates, both included: a source's, or ours."""
        ...

    def tallies(self, papers: Collection[int]) -> Mapping[int, Tally]:
        """Return what was said of these papers, by their ids."""
        ...


class PublishStore(VotedStore, Protocol):
    """What `publish` reads."""

    def editions(self, profile: str, limit: int = -1) -> list[Edition]:
        """Return a profile's editions with picks, newest first."""
        ...

    def papers(self, ids: Collection[int]) -> dict[int, Paper]:
        """Return papers by id, aliases followed."""
        ...

    def votes_counted_at(self) -> datetime | None:
        """Return when a source last told votes or a reader voted, None where none ever did."""
        ...

    def vote_counts(self, papers: Collection[int]) -> dict[int, tuple[tuple[date, int], ...]]:
        """Return by paper how many votes of readers there were at the end of which day."""
        ...

    def vote_series(self, since: date, until: date) -> dict[int, PaperHistory]:
        """Return the votes alone of the papers that had some between two dates, by id."""
        ...

    def histories(self, ids: Collection[int]) -> dict[int, PaperHistory]:
        """Return what is remembered beside papers, by id; a joined id has none of its own."""
        ...

    def tide(self) -> int:
        """Return the mark of all that any page shows: another whenever any of it changed."""
        ...

    def paper_marks(self) -> dict[int, PaperMark]:
        """Return the marks of every paper that a page may show, by id."""
        ...

    def edition_marks(self) -> dict[int, int]:
        """Return the mark of each edition and its picks, by id."""
        ...

    def vote_marks(self) -> dict[date, int]:
        """Return for each day with votes, oldest first, a mark of all papers that had some on it."""
        ...

    def names(self, ids: Collection[int]) -> dict[int, PaperNames]:
        """Return under which names papers stand and stood, by id; a joined id has none."""
        ...

    def titles(self, ids: Collection[int]) -> dict[int, str]:
        """Return papers' titles by id, as their sources wrote them; a joined id has none."""
        ...


class DeliverStore(Protocol):
    """What `deliver` reads and writes."""

    def subscriptions(self, above: int, through: int) -> list[Subscription]:
        """Return the confirmed subscriptions to active profiles, of subscribers in this range."""
        ...

    def subscriber_after(self, above: int, count: int) -> int | None:
        """Return the number of the `count`-th subscriber above this one, or the last; None for none."""
        ...

    def paused(self) -> list[Subscription]:
        """Return the paused subscriptions that go on by themselves one day."""
        ...

    def resume(self, subscribers: Collection[int]) -> int:
        """End the pauses of these subscribers; return how many subscriptions go on."""
        ...

    def suppressed(self, keys: Collection[str]) -> Mapping[str, str]:
        """Return which of these suppression keys are suppressed: key → reason."""
        ...

    def hold_of_all(self) -> str:
        """Return why all sending is held, "" where it is not."""
        ...

    def last_period(self, profile: str) -> date | None:
        """Return the date of the profile's latest edition that was made by its hour."""
        ...

    def served(
        self, subscriptions: Collection[int], periods: Collection[str]
    ) -> set[tuple[int, str]]:
        """Return which of these (subscription, period) slots are served already."""
        ...

    def editions_after(self, profile: str, number: int) -> list[Edition]:
        """Return the profile's editions with a greater number, oldest first, with picks."""
        ...

    def first_seen(self, papers: Collection[int]) -> Mapping[int, datetime]:
        """Return when papers were first seen, by id, aliases followed."""
        ...

    def had(
        self,
        papers: Mapping[int, Collection[int]],
        since: datetime,
        but: int = 0,
        long_ago: Collection[int] = (),
    ) -> Mapping[int, Had]:
        """Return which of these papers their subscribers were sent, or are about to be: what they know.

        By subscriber, there and here; `since` bounds the search, but for what is in `long_ago`.
        """
        ...

    def withdrawn(self, papers: Collection[int]) -> set[int]:
        """Return which of these are withdrawn, aliases followed."""
        ...

    def together(self, writes: Sequence[Callable[[], object]]) -> list[object]:
        """Run several writes of this store in one transaction; one that raises undoes them all."""
        ...

    def open_delivery(
        self, plan: DigestPlan, message_id: str, due: datetime, stale_at: datetime, now: datetime
    ) -> bool:
        """Commit a delivery with its slots and cursors in one transaction.

        Returns False, with nothing written, where one of the slots is served already.
        """
        ...


class SendStore(Protocol):
    """What sending reads and writes."""

    def hold_of_all(self) -> str:
        """Return why all sending is held, "" where it is not."""
        ...

    def together(self, writes: Sequence[Callable[[], object]]) -> list[object]:
        """Run several writes of this store in one transaction; one that raises undoes them all."""
        ...

    def count_due(self, now: datetime) -> int:
        """Return how many deliveries are due."""
        ...

    def claim(self, owner: str, now: datetime, lease_until: datetime, limit: int) -> list[Delivery]:
        """Lease due deliveries, notes and the oldest by turns: pending, due for a retry, or left."""
        ...

    def overdue(self, owner: str, now: datetime, limit: int) -> list[Delivery]:
        """Return deliveries whose time is over and that nobody is sending, oldest first."""
        ...

    def release(self, owner: str) -> None:
        """Give up the leases on deliveries of which nothing was said to a server yet."""
        ...

    def wanted(self, suppressed: Mapping[int, str]) -> Mapping[int, Mapping[str, bool]]:
        """Return the profiles that deliveries serve, and whether their subscriber wants each."""
        ...

    def suppressed(self, keys: Collection[str]) -> Mapping[str, str]:
        """Return which of these suppression keys are suppressed, and why."""
        ...

    def papers(self, ids: Collection[int]) -> dict[int, Paper]:
        """Return papers by id, aliases followed."""
        ...

    def editions_by_id(self, ids: Collection[int]) -> dict[int, Edition]:
        """Return editions with picks, by id."""
        ...

    def prepare(
        self,
        delivery: int,
        content: bytes,
        wanted: Collection[str],
        suppressed: str,
        lease_until: datetime,
    ) -> bool:
        """Commit the bytes with the status `sending`, before anything is said to a server.

        False, with nothing written, where the subscriber wants other profiles than `wanted` by now.
        """
        ...

    def prepared(self, deliveries: Collection[int]) -> Mapping[int, bytes]:
        """Return the bytes of those deliveries that were in flight once."""
        ...

    def record(
        self,
        delivery: int,
        status: DeliveryStatus,
        attempt: Attempt,
        now: datetime,
        next_try: datetime | None = None,
    ) -> None:
        """Commit how an attempt ended; an end for good drops the bytes."""
        ...

    def call_off(
        self, delivery: int, status: DeliveryStatus, reason: str, *, give_back: bool = True
    ) -> None:
        """End a delivery unsent; its papers go to the next digest, or count as had."""
        ...

    def narrow(
        self, delivery: int, picks: Sequence[DeliveredPick], editions: Sequence[int]
    ) -> None:
        """Leave a delivery only these of its picks and editions; the others are given back."""
        ...

    def suppress(self, address: str, suppressed: str, reason: str, now: datetime) -> int:
        """Write to an address no more; call off what is open for it."""
        ...

    def rest(self) -> Rest | None:
        """Return the rest that all sending takes, None where the last try went well."""
        ...

    def set_rest(self, rest: Rest | None) -> None:
        """Commit a rest, or with None that there is none any more."""
        ...


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
