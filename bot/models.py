"""The words of DESIGN.md as values: frozen, comparable, without behaviour that touches the world."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple

from bot.values import value_type

# ── Papers, and what is known of them ─────────────────────────────────────────────────────────────


class Scheme(StrEnum):
    """Where an identifier is at home; the order is the order of trust (SOURCES.md, Identity)."""

    DOI = "doi"
    ARXIV = "arxiv"
    PMID = "pmid"
    OPENREVIEW = "openreview"
    URL = "url"
    TITLE = "title"  # a digest of title and first author, where a source gives nothing better

    __hash__ = str.__hash__  # an Enum's own is a function in Python, and a set asks it often


class Identifier(NamedTuple):
    """A normalised name of a paper, e.g. `Identifier(Scheme.ARXIV, "2401.06066")`.

    A tuple, as Link and Stamp are: made, hashed and compared in C, thousands of times a document.
    """

    scheme: Scheme
    value: str

    def __str__(self) -> str:
        if self.scheme is Scheme.ARXIV:
            return f"arXiv:{self.value}"
        return f"{self.scheme.value}:{self.value}"


class Event(StrEnum):
    """What a source said about a paper when it showed it: an announce type, `seen`, or its news."""

    NEW = "new"
    CROSS = "cross"
    REPLACE = "replace"
    REPLACE_CROSS = "replace-cross"
    SEEN = "seen"
    SUBMIT = "submit"  # a curator put it forward by hand
    # What became of it afterwards (`lifecycle`): from the day that a source first showed it so.
    WITHDRAWN = "withdrawn"
    PUBLISHED = "published"
    CODE = "code"


class Rel(StrEnum):
    """What a paper's link leads to."""

    ABSTRACT = "abstract"
    PDF = "pdf"
    CODE = "code"
    PROJECT = "project"
    DISCUSSION = "discussion"
    ORGANISATION = "organisation"

    __hash__ = str.__hash__


class Link(NamedTuple):
    """An http or https address and what it leads to."""

    rel: Rel
    href: str


class Stamp(NamedTuple):
    """How much a field's value weighs when records of one paper are merged: the greater wins.

    `authority` belongs to the kind of source (arXiv knows its own titles best), `version` is arXiv's
    number or 0, `updated` an ISO date or "".
    """

    authority: int = 0
    version: int = 0
    updated: str = ""


@value_type(frozen=True, slots=True)
class Paper:
    """The normalised work.

    Title, authors and abstract are in the source's own form (TeX and all), cleaned of HTML;
    `text.readable` makes them pleasant. `notice` is the sentence by which a record says that it is
    withdrawn or retracted, "" for none. `stamps` has, for each merged field that has a value, the
    stamp of the record it came from. `votes` and `comments` are the latest a source reported, None
    where none ever did. `citations` and `tldr`, one sentence that says it all, are what services told
    (`enrich`); `summary` is what a machine wrote, and `summary_by` which one: never shown without it.
    `id`, `key` and `first_seen` are the store's: 0, None and None before.
    """

    title: str
    identifiers: frozenset[Identifier]
    authors: tuple[str, ...] = ()
    abstract: str = ""
    categories: tuple[str, ...] = ()
    venue: str = ""
    version: int = 0
    published: datetime | None = None
    links: frozenset[Link] = frozenset()
    stamps: tuple[tuple[str, Stamp], ...] = ()
    votes: int | None = None
    comments: int | None = None
    citations: int | None = None
    tldr: str = ""
    summary: str = ""
    summary_by: str = ""
    notice: str = ""
    id: int = 0
    key: Identifier | None = None
    first_seen: datetime | None = None

    def link(self, rel: Rel) -> str:
        """Return the first address of that kind, or ""; the same one whatever came first."""
        return min((link.href for link in self.links if link.rel is rel), default="")


@value_type(frozen=True, slots=True)
class Enrichment:
    """What a service knows of a paper beyond its sources, empty where it says nothing."""

    abstract: str = ""
    venue: str = ""
    doi: Identifier | None = None
    citations: int | None = None
    tldr: str = ""


@value_type(frozen=True, slots=True)
class ServiceRest:
    """A service is left alone `until` then, after so many `failures` in a row; `problem` says why."""

    failures: int = 0
    until: datetime | None = None
    problem: str = ""


@value_type(frozen=True, slots=True)
class Sighting:
    """A source showed a paper: the record as it stood there, and what was said about it.

    `at` is the source's own date (aware, UTC) or None. `guid` is the entry's identity inside its
    source. Votes and comments are None where the source has no such thing. `late` is what was published
    long before its source came to tell of it: it is kept as a paper that was seen, and is no news.
    """

    paper: Paper
    event: Event = Event.SEEN
    at: datetime | None = None
    guid: str = ""
    votes: int | None = None
    comments: int | None = None
    late: bool = False


@value_type(frozen=True, slots=True)
class Tally:
    """How much was said of a paper, and when: `since` it was first counted, `counted` it was last.

    `votes` are a source's and our curators' together; `comments` a source's. `sources` is how many
    showed the paper, `likes` the local opinions for it less those against, `submissions` how often
    it was put forward by hand, `ballots` how many confirmed subscribers voted for it here.
    """

    since: datetime
    counted: datetime | None = None
    votes: int = 0
    comments: int = 0
    sources: int = 1
    likes: int = 0
    submissions: int = 0
    ballots: int = 0


# ── Sources, and what they answer ─────────────────────────────────────────────────────────────────


@value_type(frozen=True, slots=True)
class Request:
    """One conditional GET, or with a `body` a POST; it is then never followed elsewhere.

    `etag` and `last_modified` are opaque validators, "" for none.
    """

    url: str
    etag: str = ""
    last_modified: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


@value_type(frozen=True, slots=True)
class Document:
    """One fetched body (inflated, not decoded) with its headers (names in lower case).

    `moved_to` is where the address that was asked leads for good, "" where it does not.
    """

    url: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    moved_to: str = ""

    def header(self, name: str) -> str:
        """Return the header's value, or ""."""
        return dict(self.headers).get(name, "")


@value_type(frozen=True, slots=True)
class NotModified:
    """The server says that nothing changed; it may still send new validators."""

    url: str
    headers: tuple[tuple[str, str], ...] = ()
    moved_to: str = ""

    def header(self, name: str) -> str:
        """Return the header's value, or ""."""
        return dict(self.headers).get(name, "")


@value_type(frozen=True, slots=True)
class Failure:
    """A fetch that brought nothing, in a sentence for people.

    `retry_after` is in seconds, None where the server named none; `gone` is HTTP 410;
    `status` is the HTTP status or 0 where there was none. `body` is what a refusal of a POST says, as
    far as it is short: nobody's words yet, since it may hold what was sent.
    """

    url: str
    problem: str
    status: int = 0
    retry_after: float | None = None
    gone: bool = False
    body: bytes = field(default=b"", repr=False)


@value_type(frozen=True, slots=True)
class Parsed:
    """What a source's document said.

    `built` is the document's own build date. `quiet` names why an empty document is fine
    ("arXiv announces nothing on a Saturday"), "" where that is not known. `warnings` are sentences.
    It is not `whole` where it broke off: then the same validators must not keep the rest from us.
    `more` are the addresses of documents that go on where this one was cut.
    """

    sightings: tuple[Sighting, ...]
    built: datetime | None = None
    quiet: str = ""
    warnings: tuple[str, ...] = ()
    whole: bool = True
    more: tuple[str, ...] = ()


@value_type(frozen=True, slots=True)
class Move:
    """A source's address `old` leads to `new` for good, as was said `times` times in a row."""

    old: str
    new: str
    times: int = 1


@value_type(frozen=True, slots=True)
class SourceState:
    """What is remembered of a source between polls (one row of the store).

    `batch` is a digest of the identities in the last non-empty document: the same batch under a
    fresh build date is *stale*. `last_new` is when it last brought a paper we did not have; `built`
    is the last document's own build date. `owed_from`, `owed_until`: a stretch of its past that is
    yet to be read, `owed_start` entries of which were; `owed_error` says what kept us from it.
    """

    name: str
    fingerprint: str = ""
    etag: str = ""
    last_modified: str = ""
    body_sha: str = ""
    batch: str = ""
    next_poll: datetime | None = None
    failures: int = 0
    failing_since: datetime | None = None
    alarmed_at: datetime | None = None
    last_ok: datetime | None = None
    last_new: datetime | None = None
    stale_since: datetime | None = None
    gone: bool = False
    quiet: str = ""
    error: str = ""
    built: datetime | None = None
    owed_from: datetime | None = None
    owed_until: datetime | None = None
    owed_start: int = 0
    owed_error: str = ""


class Weather(StrEnum):
    """How a source stands when an edition is made; `digest` puts it in a sentence."""

    FINE = "fine"
    QUIET = "quiet"  # it answered, and there was nothing new
    HOLIDAY = "holiday"  # it answered, and nothing was due
    STALE = "stale"  # it answered with yesterday's batch under today's date
    FAILED = "failed"  # it did not answer through an expected announcement
    INCOMPLETE = "incomplete"  # it answered, but days that were missed could not be made up for
    RECOVERED = "recovered"  # it answers again


@value_type(frozen=True, slots=True)
class SourceNote:
    """One source's weather in an edition: what happened, in words, and since when."""

    source: str
    weather: Weather
    detail: str = ""
    since: datetime | None = None


# ── Profiles, ranking and editions ────────────────────────────────────────────────────────────────


class InterestKind(StrEnum):
    """What an interest looks at."""

    ABOUT = "about"
    MEANING = "meaning"  # of what the profile says in words
    KEYWORD = "keyword"
    AUTHOR = "author"
    CATEGORY = "category"
    LIKE = "like"
    DISLIKE = "dislike"
    TRENDING = "trending"
    ALWAYS = "always"  # adds nothing to a score: the paper is there whatever it is


@value_type(frozen=True, slots=True)
class Reason:
    """One interest's share in a score. `share` may be negative; all shares add up to the score.

    `text` is what to show: the phrase, the author's or category's name, the example's title, the
    number of votes.
    """

    kind: InterestKind
    text: str
    share: float


@value_type(frozen=True, slots=True)
class Ranked:
    """A paper, how well it fits, and exactly why; `always` when the profile insists on it.

    `probability`, from 0 to 1, is that of being wanted by the profile's reader. `folded` are papers
    that say nearly the same, and so are told of with it.
    """

    paper: Paper
    score: float
    reasons: Sequence[Reason] = ()
    always: bool = False
    probability: float = 0.0
    folded: tuple[Ranked, ...] = ()


class Role(StrEnum):
    """Why a paper is in an edition."""

    NEW = "new"
    UPDATE = "update"  # picked before, and there is news of it
    FOLDED = "folded"  # says nearly the same as the new one it follows, and is told of with it


@value_type(frozen=True, slots=True)
class Pick:
    """A paper's place and reasons in an edition. `version` is the paper's when it was picked.

    `told` are the events that whoever is shown this pick knows of: those that a new paper came with,
    or the news of an earlier one. Empty in updates of before events were kept: those were replaced.
    """

    position: int
    paper: int
    role: Role = Role.NEW
    version: int = 0
    score: float = 0.0
    reasons: tuple[Reason, ...] = ()
    told: tuple[Event, ...] = ()


@value_type(frozen=True, slots=True)
class News:
    """What has become of a paper that a profile picked before, and that no edition of it told yet."""

    paper: Paper
    events: tuple[Event, ...]


@value_type(frozen=True, slots=True)
class Told:
    """What a subscriber knows of a paper they had: its version (0: none was named), and its events."""

    version: int = 0
    events: frozenset[Event] = frozenset()


@value_type(frozen=True, slots=True)
class Edition:
    """One numbered, dated, immutable edition of a profile.

    `period` is the local date it was made for; `through` the highest paper id it looked at;
    `considered` how many papers competed; `forced` editions serve no slot of their own. Scores of
    two editions compare where their `ranker` is the same.
    """

    profile: str
    number: int
    period: date
    through: int
    made_at: datetime
    picks: tuple[Pick, ...] = ()
    health: tuple[SourceNote, ...] = ()
    considered: int = 0
    fingerprint: str = ""
    forced: bool = False
    id: int = 0
    ranker: str = ""


# ── Subscribers ───────────────────────────────────────────────────────────────────────────────────


class SubscriptionStatus(StrEnum):
    """Where a subscription stands."""

    UNCONFIRMED = "unconfirmed"
    CONFIRMED = "confirmed"
    PAUSED = "paused"
    UNSUBSCRIBED = "unsubscribed"


class Origin(StrEnum):
    """Who made a subscription, and so who may end it silently."""

    CONFIG = "config"  # a profile's `to`
    OWNER = "owner"  # `subscribers add`
    SELF = "self"  # double opt-in


class Cadence(StrEnum):
    """How often a subscriber hears of a profile."""

    DAILY = "daily"  # on each of the profile's days
    WEEKDAYS = "weekdays"  # on those of them from Monday to Friday
    WEEKLY = "weekly"  # once an ISO week, on the first of them


@value_type(frozen=True, slots=True)
class Subscription:
    """An address × a profile. `cursor` is the number of the last edition it was served.

    `at` and `limit` are the subscriber's own, "" and 0 where the profile's hold; so is `zone`, ""
    where the bot's holds; `confirmed_at` is when its reader last said yes. A paused one with a
    `paused_until` goes on by itself on that date. `apart` is whether its reader wants a mail of its
    own for each profile, rather than one for all that come at the same time.
    """

    id: int
    subscriber: int
    address: str
    profile: str
    status: SubscriptionStatus
    origin: Origin
    cursor: int
    cadence: Cadence = Cadence.DAILY
    at: str = ""
    zone: str = ""
    limit: int = 0
    paused_until: date | None = None
    confirmed_at: datetime | None = None
    apart: bool = False


class Opinion(StrEnum):
    """What somebody thinks of a paper: more like this, or less."""

    LIKE = "like"
    DISLIKE = "dislike"


@value_type(frozen=True, slots=True)
class Feedback:
    """Somebody's opinion of a paper, for a profile. `subscriber` is 0 for the owner."""

    profile: str
    paper: Paper
    opinion: Opinion
    at: datetime
    subscriber: int = 0


# ── Deliveries, and the mail they are sent as ─────────────────────────────────────────────────────


class DeliveryKind(StrEnum):
    """What a delivery carries."""

    DIGEST = "digest"
    CONFIRM = "confirm"  # asks an address whether it wants to be subscribed
    REPLY = "reply"  # answers a mail: it goes out with a null sender (RFC 3834 §3.3)


class DeliveryStatus(StrEnum):
    """Where a delivery stands (MAIL.md, Outbox)."""

    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    RETRY = "retry"
    FAILED = "failed"
    UNCERTAIN = "uncertain"
    HELD = "held"
    SKIPPED = "skipped"


@value_type(frozen=True, slots=True)
class DeliveredPick:
    """One line of a digest: which edition's pick of which paper, in what role.

    `told` are the events that this reader knows of by it; an update tells those, of one edition or
    of several.
    """

    edition: int
    paper: int
    role: Role = Role.NEW
    told: tuple[Event, ...] = ()

    def __reduce__(
        self,
    ) -> tuple[type[DeliveredPick], tuple[int, int, Role, tuple[Event, ...]]]:
        # Orders have twenty of them and go to another process: a dataclass's own way is slow.
        return DeliveredPick, (self.edition, self.paper, self.role, self.told)


@value_type(frozen=True, slots=True)
class Had:
    """What a subscriber was sent, or is about to be.

    Of the papers that they were offered as new, all that they were told since; the news itself, as
    (edition, paper); and the editions that a mail told of.
    """

    papers: Mapping[int, Told] = field(default_factory=dict)
    updates: frozenset[tuple[int, int]] = frozenset()
    editions: frozenset[int] = frozenset()


@value_type(frozen=True, slots=True)
class DigestPlan:
    """What one subscriber is owed now: the slots it serves, the picks, the editions it closes.

    `slots` are (subscription id, period); `cursors` are (subscription id, edition number).
    `overflow` is how many picks did not fit and are only counted and linked. `subscription` is the
    one that it is a mail of its own for, 0 where it is the subscriber's mail for all.
    """

    subscriber: int
    address: str
    slots: tuple[tuple[int, str], ...]
    cursors: tuple[tuple[int, int], ...]
    picks: tuple[DeliveredPick, ...]
    editions: tuple[int, ...]
    overflow: int = 0
    skip: str = ""
    subscription: int = 0


@value_type(frozen=True, slots=True)
class Delivery:
    """What one subscriber is owed in one slot, as the store has it.

    `token_epoch` is the subscriber's: links in an older mail end where it was raised. `subscription`
    is as in its plan.
    """

    id: int
    subscriber: int
    address: str
    status: DeliveryStatus
    due: datetime
    message_id: str
    picks: tuple[DeliveredPick, ...] = ()
    editions: tuple[int, ...] = ()
    overflow: int = 0
    attempts: int = 0
    next_try: datetime | None = None
    stale_at: datetime | None = None
    said: str = ""
    sent_at: datetime | None = None
    resent: bool = False
    token_epoch: int = 0
    kind: DeliveryKind = DeliveryKind.DIGEST
    subscription: int = 0


class Phase(StrEnum):
    """How far a transmission got; what was lost before DATA may be tried again without fear."""

    CONNECT = "connect"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    DONE = "done"


class Verdict(StrEnum):
    """What became of one attempt to send (MAIL.md's table)."""

    SENT = "sent"
    RETRY = "retry"
    SLOW_DOWN = "slow-down"  # 421 at any phase
    REFUSED_ADDRESS = "refused-address"  # a hard bounce
    REFUSED_SENDER = "refused-sender"  # 5.7.x: a rule about us, never about the address
    REFUSED_CONTENT = "refused-content"
    UNCERTAIN = "uncertain"


@value_type(frozen=True, slots=True)
class Attempt:
    """One attempt to send: the phase it ended in, the verdict, the SMTP code (0: none) and words."""

    verdict: Verdict
    phase: Phase
    code: int = 0
    said: str = ""


@value_type(frozen=True, slots=True)
class Rest:
    """All sending rests `until` then, for the `times`-th time in a row; `reason` says why."""

    until: datetime
    times: int
    reason: str


@value_type(frozen=True, slots=True)
class Envelope:
    """A message ready to go: bytes with CRLF line ends, built once and never re-flattened.

    `dotless` content goes over the wire as it is: CRLF alone ends a line, and none begins with a dot.
    """

    delivery: int
    sender: str
    recipient: str
    message_id: str
    content: bytes = field(repr=False)
    dotless: bool = False


@value_type(frozen=True, slots=True)
class AttemptRecord:
    """One attempt as the ledger has it: which it was, when, and how it ended."""

    number: int
    at: datetime
    attempt: Attempt


# ── Consent, and mail that comes in ───────────────────────────────────────────────────────────────


class Door(StrEnum):
    """How somebody came to subscribe: it stands in the proof of their consent."""

    WEB = "web"
    MAIL = "mail"
    OWNER = "owner"  # invited


@value_type(frozen=True, slots=True)
class Note:
    """A short mail that is no digest, whole: to whom, what kind, and the bytes."""

    kind: DeliveryKind
    message_id: str
    content: bytes = field(repr=False)


@value_type(frozen=True, slots=True)
class Question:
    """What a subscriber is asked by mail: for which profiles, by which token's SHA-256, until when.

    `door` is how it was ordered, `wording` which words are agreed to, `network` whence it came.
    """

    subscriber: int
    token_sha: str
    profiles: tuple[str, ...]
    door: Door
    wording: str
    network: str
    expires: datetime


@value_type(frozen=True, slots=True)
class OptIn:
    """What an address was asked by mail: for which profiles, until when, and when it said yes."""

    subscriber: int
    address: str
    epoch: int
    profiles: tuple[str, ...]
    expires: datetime
    used_at: datetime | None = None

    @property
    def used(self) -> bool:
        """Whether it said yes."""
        return self.used_at is not None


@value_type(frozen=True, slots=True)
class InboundMail:
    """A mail that came in: `recipient` is the address of ours it was sent to, "" where nobody told."""

    key: str
    recipient: str
    raw: bytes = field(repr=False)


@value_type(frozen=True, slots=True)
class Quarantined:
    """An inbound mail that could not be read. `problem` is a sentence, `raw` the mail as it came.

    One that is `waiting` is read again by the next inbound door that runs.
    """

    key: str
    at: datetime
    problem: str
    raw: bytes = field(repr=False)
    waiting: bool = False
