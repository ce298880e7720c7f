"""The workflows, each under its lock, and what each is handed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING

from bot.app.footing import Footing
from bot.app.services import Services
from bot.errors import StateError, StateLockedError, UsageError
from bot.files import files_written_together, withdraw, workflow_lock, write_file
from bot.schedule import due_edition
from bot.store.troubles import written_by_others

if TYPE_CHECKING:  # these load when they run: `once` with nothing due stays quick
    from bot.alarms import AlarmNews
    from bot.config import Config
    from bot.workflows.collect import Collected
    from bot.workflows.compose import Composed
    from bot.workflows.desk import DeliverReport
    from bot.workflows.publish import Published
    from bot.workflows.receive import Received
    from bot.workflows.watch import Watched

log = logging.getLogger("paperround")


class Rounds(Footing, Services):
    """Runs them. Of each, what it needs is loaded when it has something to do."""

    __slots__ = ()

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
            around = collect.PollingRound(
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
            if any(report.new for report in reports):
                await self._unite()
            return reports

    async def _unite(self) -> None:
        from bot.store.uniting import Uniter
        from bot.workflows.unite import unite

        if united := await unite(Uniter(self.store), self.workers, self.clock()):
            log.info("%d new papers are earlier ones, by title and first author.", united)

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

    # ── Mail that comes in, and alarms ──

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
        from bot.workflows.watch import OwnerPost, Surroundings, watch

        def letter(owner: str, news: AlarmNews, message_id: str, now: datetime) -> bytes:
            from bot.outputs.dkim import signer
            from bot.outputs.notes import NotePress

            press = NotePress(self.config, self.renderer(), signer(self.config))
            return press.alarm(
                recipient=owner, fresh=news.fresh, over=news.over, message_id=message_id, now=now
            )

        around = Surroundings(
            self.room(), self.size(), self._broken_files(),
            await self.workers.store(self._all_troubles), patient=patient,
        )  # fmt: skip
        sender = self.config.mail.sender_address
        async with self._locked("watch"):
            return await watch(
                self.config, around, self.store, self.workers,
                OwnerPost(sender, self.mailer, letter), self.clock(),
            )  # fmt: skip
