"""What an App is made of, and what workflows are handed of it: ways out, templates, counters."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import field
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING

from bot.app.on_demand import FetcherOnDemand, MailerOnDemand
from bot.files import deliver_to_maildir, workflow_lock
from bot.models import Document, NotModified
from bot.ports import Clock, Fetcher, Mailer, Printer, Renderer, Workers
from bot.store import Founding, Store
from bot.values import value_type

if TYPE_CHECKING:  # these load when they run: `once` with nothing due stays quick
    from bot.config import Config
    from bot.outputs.notes import NotePress
    from bot.workflows.consent import Reception
    from bot.workflows.manage import Counter
    from bot.workflows.submit import Submissions
    from bot.workflows.votes import Booth

_MOST_SERVERS = 500  # whose dates are remembered


@value_type(frozen=True, slots=True)
class Means:
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
            fetcher = FetcherOnDemand(self.config, stack, self._hear, before)
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

        return MailerOnDemand(mailer)

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

    def _printing(self, due: int) -> AbstractAsyncContextManager[Sequence[Printer]]:
        """Give what prints so many messages; its libraries load only where there are any."""
        from bot.printing import printing

        return printing(
            due, self.config, self.founding.secret, self.workers.cpu, self.warnings.append
        )

    # ── Who serves people ──

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

    # ── What workflows go by ──

    async def _standing(self) -> Config:
        """Return the configuration less the profiles that were retired by hand."""
        retired = await self.workers.store(self.store.retired_by_hand)
        if not retired & self.config.profiles.keys():
            return self.config
        profiles = {n: p for n, p in self.config.profiles.items() if n not in retired}
        return self.config.model_copy(update={"profiles": profiles})

    def _locked(self, workflow: str) -> AbstractAsyncContextManager[None]:
        return workflow_lock(self.config.state, workflow)
