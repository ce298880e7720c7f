"""What a round stands on: the database in its place, room on the disk, a clock to be believed."""

from __future__ import annotations

import logging
from contextlib import suppress
from datetime import date, timedelta

from bot.app.means import Means
from bot.errors import StateError, TemplateError
from bot.files import is_at_work
from bot.schedule import local_date
from bot.store.doubts import doubted, heed
from bot.store.troubles import troubles

log = logging.getLogger("paperround")
_LEAST_ROOM = 1024 * 1024  # bytes; with less, nothing is begun that could not be written down


class Footing(Means):
    """Tells whether all that a round stands on is as it should be."""

    __slots__ = ()

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

        folder = self.config.state
        while not folder.exists() and folder != folder.parent:  # somebody removed it under us
            folder = folder.parent
        return shutil.disk_usage(folder).free

    def size(self) -> int:
        """Return how many bytes the database takes. Raises StateError where it is gone."""
        path = self.store.db.path
        try:
            return path.stat().st_size
        except OSError as error:
            raise StateError(
                f"{path} was moved or removed while it was in use: what was done meanwhile is in the file "
                "that was there. Put it back, or restore a backup, before the next run."
            ) from error

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

    # ── What stands wrong ──

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
