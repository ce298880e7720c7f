"""Wiring: a configuration becomes an App, the rooms it names connected to one another."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
    suppress,
)
from dataclasses import field
from datetime import date, datetime, timedelta
from email.utils import parseaddr
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar
from urllib.parse import urlsplit

from bot.apart import Apart
from bot.config.kept import KEPT_CONFIG, laid_down
from bot.errors import ConfigError, StateError, StateLockedError, TemplateError, UsageError
from bot.files import (
    deliver_to_maildir,
    files_written_together,
    is_at_work,
    private_folder,
    withdraw,
    workflow_lock,
    write_file,
)
from bot.loading import little_garbage, load
from bot.models import Document, Failure, NotModified, Request
from bot.ports import Clock, Fetcher, Mailer, MailSession, Printer, Renderer, Worker, Workers
from bot.schedule import due_edition, local_date
from bot.store import Founding, Store
from bot.store.doubts import doubted, heed
from bot.store.troubles import troubles, written_by_others
from bot.values import value_type

if TYPE_CHECKING:  # these load when they run: `once` with nothing due stays quick
    from bot.alarms import News
    from bot.config import Config
    from bot.fetch import HttpFetcher
    from bot.outputs.notes import NotePress
    from bot.workflows.collect import Collected
    from bot.workflows.compose import Composed
    from bot.workflows.consent import Reception
    from bot.workflows.desk import DeliverReport
    from bot.workflows.enrich import Enriched
    from bot.workflows.manage import Counter
    from bot.workflows.meaning import Meanings
    from bot.workflows.publish import Published
    from bot.workflows.receive import Received
    from bot.workflows.submit import Submissions
    from bot.workflows.summarise import Summaries
    from bot.workflows.votes import Booth
    from bot.workflows.watch import Watched

P = ParamSpec("P")
T = TypeVar("T")

log = logging.getLogger("paperround")

_TURN_SECONDS = 0.001
_MOST_SERVERS = 500  # whose dates are remembered
_READING_SECONDS = 600.0  # what one run may spend on the meaning of texts
_BATCH_SECONDS = 120.0  # 32 texts take one or two, on a small machine twenty
_MODEL_MEMORY = 2**31  # bytes of addresses; a session holds 150 MB
_SERVICE_SECONDS = 60.0
_LARGEST_ANSWER = 8 * 2**20  # bytes: 32 vectors of 4096 numbers
_LOOPBACK = ("127.0.0.0/8", "::1/128")
_LEAST_ROOM = 1024 * 1024  # bytes; with less, nothing is begun that could not be written down


@value_type(frozen=True, slots=True)
class App:
    """What the doors hand to the workflows.

    `troubles` says what a running `serve` cannot do now, by part. `ahead` is how far our clock is
    ahead of each server that was asked, by the address without its query. `watched`: the clock is the
    machine's, which may be wrong; one that was given by --now is what its giver wants.
    """

    config: Config
    clock: Clock
    store: Store
    workers: Workers
    founding: Founding
    warnings: list[str]
    watched: bool = False
    troubles: dict[str, str] = field(default_factory=dict)
    ahead: dict[str, timedelta] = field(default_factory=dict)
    mirrored: list[tuple[Config, int]] = field(default_factory=list)

    @asynccontextmanager
    async def fetcher(self) -> AsyncIterator[Fetcher]:
        """Give a fetcher whose HTTP client opens, and is loaded, at the first fetch: none, if none.

        Hosts that asked to be left alone in an earlier round are left alone in this one too.
        """
        async with AsyncExitStack() as stack:
            before = await self.workers.store(self.store.pauses, self.clock())
            fetcher = _FetcherOnDemand(self.config, stack, self._hear, before)
            try:
                yield fetcher
            finally:
                if (pauses := fetcher.pauses()) != before:
                    await self.workers.store(self.store.keep_pauses, pauses, self.clock())

    def _hear(self, answer: Document | NotModified) -> None:
        """Note what a server says of the date."""
        from bot import clocks
        from bot.sources.freshness import http_date

        date = http_date(answer.header("date"))
        ahead = clocks.ahead_of(date, answer.header("age"), self.clock())
        where = answer.url.partition("?")[0]
        if ahead is not None and (where in self.ahead or len(self.ahead) < _MOST_SERVERS):
            self.ahead[where] = ahead

    def mailer(self) -> Mailer:
        """Return the configured transport. Raises ConfigError where its secret is missing."""
        mail = self.config.mail
        password = self.config.secret(mail.password) if mail.transport == "smtp" else ""

        def mailer() -> Mailer:
            from bot.mail import MaildirMailer, SmtpMailer

            if mail.transport == "maildir":
                return MaildirMailer(self.config.state / "mail", deliver_to_maildir)
            return SmtpMailer(
                host=mail.host, port=mail.port, tls=mail.tls, username=mail.username,
                password=password, rate=mail.rate, reuse=mail.reuse,
            )  # fmt: skip

        return _MailerOnDemand(mailer)

    def renderer(self) -> Renderer:
        """Return the template engine; a user's template that breaks is told in `warnings`."""

        @cache
        def engine() -> Renderer:
            from bot.render import TemplateRenderer

            return TemplateRenderer(self.config.templates, self.warnings.append)

        def render(template: str, context: object) -> str:
            return engine()(template, context)

        return render

    def broken_templates(self) -> list[str]:
        """Return what is wrong with the user's own templates. Raises TemplateError where ours are."""
        from bot.outputs.trial import try_templates
        from bot.render import TemplateRenderer

        broken: list[str] = []
        try_templates(self.config, TemplateRenderer(self.config.templates, broken.append))
        return broken

    def lost(self) -> str:
        """Return that the database was taken from under us, as a sentence; "" where it lies as it lay."""
        if self.store.db.in_place():
            return ""
        return (
            f"{self.store.db.path} was moved, removed or replaced while it is in use. Nothing is fetched, "
            "made or sent; what was committed is in it, wherever it is. Put it back and it goes on by "
            "itself, or stop this `serve` and start another, which takes what is there then."
        )

    def room(self) -> int:
        """Return how many bytes may still be written beside the database."""
        import shutil

        return shutil.disk_usage(self.config.state).free

    def full(self) -> str:
        """Return that the disk is full, as a sentence; "" where there is room to write anything."""
        if self.room() >= _LEAST_ROOM:
            return ""
        return (
            f"The disk that holds {self.config.state} is full. Nothing is fetched, made or sent until "
            "there is room again; what was committed is kept, and it goes on by itself."
        )

    # ── The clock ──

    async def heed_dates(self) -> None:
        """Hold all sending where the sources' servers tell another day than our clock. Raises StateError."""
        if not (self.watched and self.ahead):
            return
        from bot import clocks

        now = self.clock()
        ahead = clocks.disagreement(self.ahead.values())
        reason = clocks.disagrees(ahead, now) if ahead else ""
        if await self.workers.store(heed, self.store.db, reason, now - ahead):
            log.error("All sending is held: %s", reason)

    async def doubted(self) -> str:
        """Return why our clock is not believed, "" where it is."""
        return await self.workers.store(doubted, self.store.db)

    async def ahead_of_the_clock(self) -> list[str]:
        """Say which profiles wait for a date that a wrong clock, or a slip in --now, once wrote."""
        tomorrow = self._today() + timedelta(days=1)
        found = []
        for name in self.config.profiles:
            last = await self.workers.store(self.store.last_period, name)
            if last is not None and last > tomorrow:
                found.append(
                    f"{name}: its last edition is dated {last}, ahead of the clock, so none is made "
                    f"before that day. Was the clock wrong? `paperround compose --force {name}` makes "
                    "one now, and from then on each day has its own again."
                )
        return found

    def _today(self) -> date:
        return local_date(self.clock(), self.config.bot.timezone)

    # ── The workflows, each under its lock ──

    async def mirror(self) -> None:
        """Bring the store's profiles and the owner's subscriptions in line with the config.

        Once done, it is done again only where the configuration is another, or another process wrote.
        """
        from bot.workflows.subscribe import mirror

        others = await self.workers.store(written_by_others, self.store.db)
        if any(c is self.config and version == others for c, version in self.mirrored):
            return
        await mirror(
            self.config.profiles, self.store, self.workers, self.clock(), self.founding.secret
        )
        self.mirrored[:] = [(self.config, others)]

    async def collect(
        self, on_done: Callable[[Collected], None] = lambda _: None
    ) -> list[Collected]:
        """Poll the sources that are due. Raises StateError."""
        import random

        from bot.workflows import collect
        from bot.workflows.examples import introduce

        config = self.config
        async with self._locked("collect"), self.fetcher() as fetcher:
            around = collect.Round(
                store=self.store,
                fetcher=fetcher,
                workers=self.workers,
                now=self.clock(),
                jitter=random.random,
                token=lambda source: config.secret(source.token),
                contact=config.bot.contact,
            )
            reports = await collect.collect(config.sources, around, on_done)
            introduced = await introduce(
                config.profiles.values(), config.sources, self.store, fetcher, self.workers,
                self.clock(),
            )  # fmt: skip
            if introduced.problem:  # no digest waits for it; `check` names what is still unknown
                log.info(
                    "Papers that profiles like could not be asked for: %s; asked again in six hours.",
                    introduced.problem,
                )
            return reports

    async def compose(self, force: Collection[str] = ()) -> list[Composed]:
        """Make the editions that are due, and those in `force`. Raises StateError.

        Who forces one has looked at the clock: what is dated ahead of it keeps no date from its own.
        """
        async with self._locked("compose"):
            if reason := await self.doubted():
                raise StateError(f"No edition is made: {reason}")
            await self.mirror()
            config = await self._standing()
            if resting := sorted(set(force) - config.profiles.keys()):
                raise UsageError(
                    f"the profile {resting[0]!r} was retired: no edition of it is made. "
                    f"`paperround profiles retire {resting[0]} --undo` takes that back."
                )
            if not force and not await self._any_due(config):
                return []
            from bot.workflows.compose import compose

            for name in force:
                await self.workers.store(self.store.set_apart_ahead, name, self._today())
            async with self.meanings() as meanings, self.summaries() as summaries:
                made = await compose(
                    config.profiles, config.sources, self.store, self.workers, self.clock(),
                    config.bot.timezone, force=force, meanings=meanings, summaries=summaries,
                )  # fmt: skip
            if summaries.problem:  # no edition waits for it: the abstracts speak for themselves
                log.warning("No summaries: %s.", summaries.problem)
            return made

    async def _any_due(self, config: Config) -> bool:
        """Whether any profile's hour has come: where none has, nothing that ranks need be loaded."""
        now, zone = self.clock(), config.bot.timezone
        for name, profile in config.profiles.items():
            last = await self.workers.store(self.store.last_period, name)
            if due_edition(profile, last, now, zone) is not None:
                return True
        return False

    @asynccontextmanager
    async def meanings(self, seconds: float = _READING_SECONDS) -> AsyncIterator[Meanings]:
        """Give what tells what papers mean; it never does where the semantic tier is off or missing.

        Its process starts at the first text, and ends with the block. `seconds` bounds all reading.
        """
        from bot.embed import LocalEmbedder, RemoteEmbedder, model_of_package
        from bot.store.meaning import MeaningLedger
        from bot.workflows.meaning import Meanings

        semantic, config = self.config.semantic, self.config
        ledger = MeaningLedger(self.store.db)
        if semantic.use == "off":
            yield Meanings(None, None, self.workers)
        elif semantic.url:
            async with self.service(semantic.url) as fetcher:
                key = self._key_or_none(semantic.key)
                asked = RemoteEmbedder(fetcher, semantic.url, semantic.model, key)
                yield Meanings(asked, ledger, self.workers, seconds)
        elif semantic.file or model_of_package():
            own = config.resolve(semantic.file) if semantic.file else None
            with Apart(_BATCH_SECONDS, largest=_MODEL_MEMORY) as apart:
                yield Meanings(LocalEmbedder(apart, own), ledger, self.workers, seconds)
        else:
            yield Meanings(None, None, self.workers)

    @asynccontextmanager
    async def summaries(self) -> AsyncIterator[Summaries]:
        """Give what has papers summarised; it asks nobody where no service is named."""
        from bot.sources.summaries import Asker
        from bot.store.summaries import SummaryLedger
        from bot.workflows.summarise import Summaries

        told, now = self.config.summary, self.clock()
        if not told.url:
            yield Summaries(None, None, None, self.workers, now)
            return
        async with self.service(told.url) as fetcher:
            asker = Asker(told.url, told.model, self._key_or_none(told.key))
            ledger = SummaryLedger(self.store)
            yield Summaries(asker, fetcher, ledger, self.workers, now, told.most, told.tokens)

    @asynccontextmanager
    async def service(self, url: str) -> AsyncIterator[Fetcher]:
        """Give a fetcher for one service that the configuration names, and may be on this machine."""
        from bot.fetch import HttpFetcher

        fetch = self.config.fetch.allow_private
        # Whoever writes the address of their own machine means it; and nothing else is asked by this
        # one: what is sent with a body is never followed elsewhere.
        allowed = (*fetch, *_LOOPBACK) if _is_local(url) else fetch
        async with HttpFetcher(
            self.config.bot.contact, allowed, deadline=_SERVICE_SECONDS, spacing={},
            largest=_LARGEST_ANSWER,
        ) as fetcher:  # fmt: skip
            yield fetcher

    def _key_or_none(self, reference: str) -> str:
        try:
            return self.config.secret(reference)
        except ConfigError as error:
            self.warnings.append(str(error))
            return ""

    async def prune(self) -> int:
        """Once a day, take the text of what is older than `keep`; return of how many papers.

        What an erasure left readable in the file goes too, where it could not before.

        Where another process is at it, it does it alone. What is gone is gone: a clock that was typed
        or is in doubt takes nothing. Raises StateError.
        """
        if not self.watched or await self.doubted():
            return 0
        from bot.store.pruning import Pruner
        from bot.workflows.prune import prune

        with suppress(StateLockedError):
            async with workflow_lock(self.config.state, "prune", patience=0):
                await self.workers.store(self.store.forget_strangers, self.clock())
                papers = await prune(
                    self.config.profiles.values(), self.config.bot.keep, Pruner(self.store.db),
                    self.workers, self.clock(),
                )  # fmt: skip
                await self.workers.store(self.store.rewrite_if_due)
                return papers
        return 0

    async def index(self) -> None:
        """Bring the search index up to date with the papers, a few hundred at a time.

        Raises StateError.
        """
        while await self.workers.store(self.store.index_some):
            pass

    async def enrich(self) -> list[Enriched]:
        """Ask the services of `[bot] enrich` about new papers; return what each brought.

        Bounded in time. Where another process is at it, it does it alone. Raises StateError.
        """
        config = self.config
        if not config.bot.enrich:
            return []
        from bot.sources.enrichment import SERVICES
        from bot.sources.kinds import Caller
        from bot.store.enrichment import Enricher
        from bot.workflows.enrich import Asked, enrich

        # A service whose token is missing is asked without: it knows less, and says so itself.
        asked = [
            Asked(name, SERVICES[name], config.enrich.url(name),
                  Caller(self._token_of(name), config.bot.contact))
            for name in dict.fromkeys(config.bot.enrich)
        ]  # fmt: skip
        with suppress(StateLockedError):
            async with workflow_lock(config.state, "enrich", patience=0), self.fetcher() as fetcher:
                return await enrich(
                    asked, Enricher(self.store), fetcher, self.workers, self.clock()
                )
        return []

    def _token_of(self, service: str) -> str:
        try:
            return self.config.secret(self.config.enrich.token(service))
        except ConfigError as error:
            self.warnings.append(str(error))
            return ""

    async def publish(self, *, afresh: bool = False) -> Published:
        """Write the feeds and pages that changed; `afresh` makes all of them to find out.

        Raises StateError, TemplateError.
        """
        from bot.workflows.publish import private_names, publish

        async with self._locked("publish"):
            config = await self._standing()
            with files_written_together() as write_all:
                return await publish(
                    config, self.founding.authority, self.store, self.workers, self.renderer(),
                    write_file, config.state / "public", afresh=afresh, withdraw=withdraw,
                    write_all=write_all, private=private_names(self.config),
                )  # fmt: skip

    async def deliver(
        self, *, patient: bool = False, stop: asyncio.Event | None = None
    ) -> DeliverReport:
        """Open and send what is due; `patient` is for who calls again and again, `stop` ends it early.

        Raises StateError, ConfigError (a secret is missing).
        """
        from bot.workflows.deliver import deliver
        from bot.workflows.desk import Post

        async with self._locked("deliver"):
            await self.mirror()
            post = Post(self.config, self.founding.secret, self._printing, self.mailer())
            return await deliver(
                post, self.store, self.workers, self.clock, patient=patient, stop=stop
            )

    async def take_in(self, raw: bytes, recipient: str) -> None:
        """Commit a mail that came in for `recipient` ("": not told). Raises StateError."""
        from bot.workflows.receive import incoming

        mail = incoming(raw, recipient)
        await self.workers.store(self.store.take_in, mail, self.clock())

    async def look_into_mailbox(self) -> int:
        """Take in the new mail of the `[inbound]` mailbox; return how much there was.

        Raises MailError, StateError, ConfigError (the password is missing).
        """
        inbound, loop = self.config.inbound, asyncio.get_running_loop()
        if inbound.kind != "imap":
            return 0
        from bot.mailbox import fetch_new
        from bot.workflows.receive import LARGEST

        def take(raw: bytes) -> None:
            # What the headers say whom it was for is all that a mailbox tells.
            asyncio.run_coroutine_threadsafe(self.take_in(raw, ""), loop).result()

        return await asyncio.to_thread(
            fetch_new, host=inbound.host, port=inbound.port, tls=inbound.tls,
            username=inbound.username, password=self.config.secret(inbound.password),
            largest=LARGEST, take=take,
        )  # fmt: skip

    async def receive(self) -> list[Received]:
        """Read the mail that was taken in; return what came of each. Raises StateError."""
        if not await self.workers.store(self.store.inbound_waiting, 1):
            return []
        from bot.workflows.receive import receive

        return await receive(
            self.config, self.founding.secret, self.store, self.reception(), self.submissions(),
            self.workers, self.clock(),
        )  # fmt: skip

    async def watch(self, *, patient: bool = False) -> Watched:
        """Tell the owner what newly stands wrong, and what is over; `patient` is for who looks often.

        Raises StateError.
        """
        from bot.workflows.watch import Post, Surroundings, watch

        def letter(owner: str, news: News, message_id: str, now: datetime) -> bytes:
            from bot.outputs.dkim import signer
            from bot.outputs.notes import NotePress

            press = NotePress(self.config, self.renderer(), signer(self.config))
            return press.alarm(
                recipient=owner, fresh=news.fresh, over=news.over, message_id=message_id, now=now
            )

        around = Surroundings(
            self.room(), self.store.db.path.stat().st_size, self._broken_files(),
            await self.workers.store(self._all_troubles), patient=patient,
        )  # fmt: skip
        sender = parseaddr(self.config.mail.sender)[1]
        async with self._locked("watch"):
            return await watch(
                self.config, around, self.store, self.workers,
                Post(sender, self.mailer, letter), self.clock(),
            )  # fmt: skip

    def _all_troubles(self) -> dict[str, str]:
        """Return what cannot be done now: ours, or those of a `serve` that we run beside."""
        if self.troubles or not is_at_work(self.config.state, "serve"):
            return dict(self.troubles)
        return troubles(self.store.db)

    def _broken_files(self) -> dict[str, str]:
        """Return what of the user's files does not work: which → a sentence."""
        told = {f"the file {s.partition(':')[0]}": s for s in self.config.warnings}
        own = self.config.templates
        if own.is_dir() and any(own.rglob("*.*")):
            with suppress(TemplateError):  # ours, which is in the log
                if broken := " ".join(self.broken_templates()):
                    told["a template of yours"] = broken
        return told

    async def heartbeat(self) -> str:
        """Ask the `[bot] heartbeat` address, where there is one; return what kept us from it, or ""."""
        url = self.config.bot.heartbeat
        if not url:
            return ""
        if not url.startswith("http"):
            try:
                url = self.config.secret(url)
            except ConfigError as error:
                return str(error)
        async with self.fetcher() as fetcher:
            answer = await fetcher.fetch(Request(url))
        return answer.problem if isinstance(answer, Failure) else ""

    def counter(self) -> Counter:
        """Return where a reader with their token is served."""
        from bot.outputs.notes import WORDING
        from bot.workflows.manage import Counter

        return Counter(
            self.config, self.founding.secret, self.founding.authority, self.store, WORDING
        )

    def reception(self) -> Reception:
        """Return what takes orders and yeses."""
        from bot.outputs.notes import WORDING
        from bot.workflows.consent import Reception

        return Reception(self.config, self.founding.secret, self.store, self._note_press(), WORDING)

    def submissions(self) -> Submissions:
        """Return what takes curators' submissions by mail."""
        from bot.workflows.submit import Submissions

        return Submissions(self.config, self.founding.secret, self.store, self._note_press())

    def booth(self) -> Booth:
        """Return where readers vote."""
        from bot.workflows.votes import Booth

        return Booth(self.config, self.founding.secret, self.store, self._note_press())

    def _note_press(self) -> Callable[[], NotePress]:
        """Return what gives the press for notes, whose libraries load only when one is printed."""

        @cache
        def press() -> NotePress:
            from bot.outputs.dkim import signer
            from bot.outputs.notes import NotePress

            return NotePress(self.config, self.renderer(), signer(self.config))

        return press

    def _printing(self, due: int) -> AbstractAsyncContextManager[Sequence[Printer]]:
        """Give what prints so many messages; its libraries load only where there are any."""
        from bot.printing import printing

        return printing(
            due, self.config, self.founding.secret, self.workers.cpu, self.warnings.append
        )

    async def _standing(self) -> Config:
        """Return the configuration less the profiles that were retired by hand."""
        retired = await self.workers.store(self.store.retired_by_hand)
        if not retired & self.config.profiles.keys():
            return self.config
        profiles = {n: p for n, p in self.config.profiles.items() if n not in retired}
        return self.config.model_copy(update={"profiles": profiles})

    def _locked(self, workflow: str) -> AbstractAsyncContextManager[None]:
        return workflow_lock(self.config.state, workflow)


@asynccontextmanager
async def fetching(
    config: Config, hear: Callable[[Document | NotModified], None] = lambda _: None
) -> AsyncIterator[Fetcher]:
    """Give a fetcher by a configuration alone, for what needs no state folder.

    `hear` is told each answer that came.
    """
    async with AsyncExitStack() as stack:
        yield _FetcherOnDemand(config, stack, hear)


class _FetcherOnDemand:
    """A Fetcher that opens the HTTP client when it is first asked, on the stack that closes it."""

    def __init__(
        self,
        config: Config,
        stack: AsyncExitStack,
        hear: Callable[[Document | NotModified], None],
        paused: Mapping[str, float] | None = None,
    ) -> None:
        self._config, self._stack, self._hear = config, stack, hear
        self._paused = dict(paused or {})
        self._opening = asyncio.Lock()
        self._opened: HttpFetcher | None = None

    def pauses(self) -> dict[str, float]:
        """Return for how many more seconds which hosts are to be left alone."""
        return self._paused if self._opened is None else self._opened.pauses()

    async def fetch(self, request: Request) -> Document | NotModified | Failure:
        """Make one conditional GET."""
        answer = await (self._opened or await self._fetcher()).fetch(request)
        if not isinstance(answer, Failure):
            self._hear(answer)
        return answer

    async def _fetcher(self) -> HttpFetcher:
        async with self._opening:
            if self._opened is None:
                # Loading it takes a fifth of a second, for which the loop need not stand still.
                await asyncio.to_thread(load, "bot.fetch")
                from bot.fetch import HttpFetcher

                self._opened = await self._stack.enter_async_context(
                    HttpFetcher(
                        contact=self._config.bot.contact,
                        allow_private=self._config.fetch.allow_private,
                        paused=self._paused,
                    )
                )
            return self._opened


class _MailerOnDemand:
    """A Mailer that is made, and its library loaded, for the first session."""

    def __init__(self, made: Callable[[], Mailer]) -> None:
        self._made = cache(made)  # one for all sessions: they share its rate

    def session(self) -> AbstractAsyncContextManager[MailSession]:
        """Open a connection that is reused for several messages."""
        return self._made().session()


@contextmanager
def open_app(
    config: Config, clock: Clock, secret: bytes | None = None, *, watched: bool = False
) -> Iterator[App]:
    """Open the state folder and everything that stands on it; close it all at the end.

    `secret` is drawn at the first run where it is None (the demo fixes it); `watched` says that the
    clock is the machine's. Raises StateError.
    """
    private_folder(config.state)
    with Store(config.state / "paperround.db") as store, _workers() as workers:
        founding = store.found(_authority(config, clock), secret)
        store.keep_files(config.good_files, config.wrong_files)
        keep_config(config)
        yield App(config, clock, store, workers, founding, [], watched=watched)


def kept_files(state: Path) -> Mapping[str, str] | None:
    """Return the last good texts of the configuration's other files, None where nothing ever ran.

    Raises StateError.
    """
    database = state / "paperround.db"
    if not database.is_file():
        return None
    with Store(database) as store:
        return store.kept_files()


def keep_config(config: Config) -> None:
    """Keep a configuration that was validated just now, and none that is not worth it.

    In no database, whose pages would remember an address long after it was taken out.
    """
    text = laid_down(config)
    with suppress(StateError):  # what can be validated again need not be kept
        if text:
            write_file(config.state / KEPT_CONFIG, text.encode(), mode=0o600)
        elif text is not None:
            withdraw(config.state / KEPT_CONFIG)


def _is_local(url: str) -> bool:
    host = (urlsplit(url).hostname or "").lower()
    return host in {"localhost", "::1"} or host.startswith("127.")


def _authority(config: Config, clock: Clock) -> str:
    """Return the authority of our `tag:` URIs (RFC 4151): a name that was ours, and when."""
    host = urlsplit(config.bot.base_url).hostname if config.bot.base_url else ""
    domain = host or parseaddr(config.mail.sender)[1].rpartition("@")[2] or "localhost"
    return f"{domain},{clock().year}"


@contextmanager
def _workers() -> Iterator[Workers]:
    # One thread for the store keeps SQLite's one connection to one thread at a time; another for
    # parsing and ranking keeps them off the loop. Neither shares asyncio's own pool, which slow
    # DNS look-ups can fill (FACTS.md, HTTP).
    with (
        ThreadPoolExecutor(1, "store") as store,
        ThreadPoolExecutor(1, "cpu") as cpu,
        Apart(loads=("feedparser", "bot.workflows.collect")) as apart,
        _brief_turns(),
        little_garbage(),
    ):
        yield Workers(store=_worker(store), cpu=_worker(cpu), apart=apart)


@contextmanager
def _brief_turns() -> Iterator[None]:
    """Let a thread that computes hand Python's lock on after 1 ms instead of 5.

    The loop waits for it at every event, the store at every statement.
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(_TURN_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def _worker(executor: Executor) -> Worker:
    async def run(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        call = partial(function, *args, **kwargs)
        # Shielded: cancelling cannot stop a thread, and a transaction is better ended than guessed.
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(executor, call))

    return run
