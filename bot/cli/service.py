"""The service: its lanes, what wakes them, and what it looks after at every tick."""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bot import clocks
from bot.app import App, keep_config, kept_files
from bot.cli.edits import edits
from bot.cli.logs import begin_run
from bot.cli.notices import Notices
from bot.cli.troubles import Troubles
from bot.config import load_config, not_yet, read_from
from bot.errors import ConfigError, DiskFullError, StateError, StateLockedError
from bot.files import explained
from bot.outputs.wording import counted, listed
from bot.scheduler import TICK_SECONDS, Lane, first_of
from bot.store.doubts import doubt
from bot.store.troubles import set_troubles, written
from bot.workflows.collect import PollOutcome

if TYPE_CHECKING:
    from bot.config import Config

log = logging.getLogger("paperround")

# An edition waits for papers that are just coming; for a source that says nothing, only so long.
SILENCE_SECONDS = 15.0
_MOST_SILENCES = 8
_LOOKED_EVERY = 295.0  # seconds between two looks at all: five ticks, less what a tick may be early
# Seconds that a lane may go on when told to stop. Fetching and ranking begin anew at no cost; sending
# leaves off by itself within 20.
_LEAVING = {"collect": 3.0, "compose": 8.0, "publish": 8.0, "deliver": 25.5, "prune": 3.0,
            "inbound": 8.0, "enrich": 3.0, "watch": 3.0}  # fmt: skip


class Service:
    """The App that holds now, and the lanes that work with it.

    `running` reads a clock that only ever goes forward, None where the wall clock is not to be
    watched. `every` is the length of a tick, `silence` how long an edition waits for a source that
    says nothing; both in seconds.
    """

    def __init__(
        self,
        app: App,
        stop: asyncio.Event | None = None,
        *,
        notices: Notices | None = None,
        running: Callable[[], float] | None = None,
        every: float = TICK_SECONDS,
        silence: float = SILENCE_SECONDS,
    ) -> None:
        self.app = app
        self._stop = stop or asyncio.Event()
        self._notices = notices or Notices()
        self._silence = silence
        self._troubles = Troubles(app.troubles, every)
        self._stood = _stamps(read_from(app.config))
        self._edited = 0  # how often the configuration was
        self._enriched: object = None  # how all stood when services were asked
        self._published: object = None  # how all stood that pages are made from, when they were
        self._watched_again = 0.0  # monotonic seconds
        self._collected = asyncio.Event()
        self._running = running
        self._watch: clocks.Watch | None = None
        self._leapt: tuple[str, datetime] | None = None  # what could not be written down yet
        works = {"collect": self._collect, "compose": self._compose, "publish": self._publish,
                 "deliver": self._deliver, "prune": self._prune, "inbound": self._inbound,
                 "enrich": self._enrich, "watch": self._watch_all}  # fmt: skip
        self._lane = {
            name: Lane(name, partial(self._guarded, name, work), _LEAVING[name])
            for name, work in works.items()
        }

    @property
    def lanes(self) -> tuple[Lane, ...]:
        """What there is to do."""
        return tuple(self._lane.values())

    def wake_mail(self) -> None:
        """Let what was just ordered go out at once."""
        self._lane["deliver"].wake.set()

    def wake_inbound(self) -> None:
        """Let what just came in be read at once."""
        self._lane["inbound"].wake.set()

    # ── At every tick ──

    async def round(self) -> None:
        """Look after the configuration, the clock and the disk, and tell how things stand."""
        await self._looked_after("configuration", self._reload)
        if not self._is_lost():
            await self._looked_after("clock", self._watch_clock)
            self._look_for_room()
        await self._tell()
        self._notices.alive()
        self._collected.clear()

    async def leave(self) -> None:
        """Take back what was left word of for other commands: nobody looks after it now."""
        with suppress(StateError):
            await self.app.workers.store(set_troubles, self.app.store.db, {})

    async def _tell(self) -> None:
        known = self.app.troubles
        with suppress(
            StateError
        ):  # it is in the log, and `status` sees for itself that a disk is full
            await self.app.workers.store(set_troubles, self.app.store.db, dict(known))
        self._notices.status(
            "; ".join(f"{part}: {sentence}" for part, sentence in known.items())
            or f"{counted(len(self.app.config.sources), 'source')}, "
            f"{counted(len(self.app.config.profiles), 'profile')}"
        )

    def _is_lost(self) -> bool:
        """Rest while somebody has taken the database away: what is done in it would be done again."""
        sentence = self.app.lost()
        if sentence:
            now = asyncio.get_running_loop().time()
            self._troubles.failed("state", StateError(sentence), now)
        elif "state" in self.app.troubles:
            self._troubles.works("state", "is there again")
            self._troubles.try_all_again()
        return bool(sentence)

    def _look_for_room(self) -> None:
        """Rest while the disk is full, and go on once it is not."""
        if sentence := self.app.full():
            now = asyncio.get_running_loop().time()
            self._troubles.failed("disk", DiskFullError(sentence), now)
        elif "disk" in self.app.troubles:
            self._troubles.works("disk", "has room again")
            self._troubles.try_all_again()

    # ── Work, and what goes wrong with it ──

    async def _guarded(self, part: str, work: Callable[[], Awaitable[None]]) -> None:
        """Do a lane's work unless it rests; whatever goes wrong with it keeps no other from theirs."""
        begin_run()
        try:
            if not self._is_lost() and "disk" not in self.app.troubles:
                await self._looked_after(part, work)
        finally:
            if part == "collect":
                self._collected.set()
        await self._tell()

    async def _looked_after(self, part: str, work: Callable[[], Awaitable[None]]) -> None:
        now = asyncio.get_running_loop().time()
        if self._troubles.rests(part, now):
            return
        try:
            await work()
        except StateLockedError as error:  # whoever holds the lock does the work
            self._warn(f"{part}'s lock", [str(error)])
            return
        except Exception as error:  # noqa: BLE001 - told with its traceback, tried again: a service stays
            problem = _in_words(error, self.app.config.state)
            self._troubles.failed(part, problem, now)
            if isinstance(problem, DiskFullError):
                self._look_for_room()
        else:
            self._troubles.works(part)
        self._warn(f"{part}'s lock", [])
        if self.app.warnings:
            self._warn("app", self.app.warnings)
            self.app.warnings.clear()

    def _warn(self, part: str, sentences: list[str]) -> None:
        for sentence in self._troubles.news(part, sentences):
            log.warning("%s", sentence)

    async def _collect(self) -> None:
        reports = await self.app.collect()
        asked = [each for each in reports if each.outcome is not PollOutcome.NOT_DUE]
        for each in asked:
            if each.outcome is PollOutcome.FAILED:
                log.warning("%s: %s", each.source, each.detail)
            else:
                log.info("%s: %d entries, %d new", each.source, each.entries, each.new)
        if any(each.new or each.updated for each in asked):
            self._lane["compose"].wake.set()
            self._lane["publish"].wake.set()

    async def _compose(self) -> None:
        await self._watch_clock()
        if await self.app.doubted():
            return  # told with the hold of all sending
        await self._papers_came()
        if self._stop.is_set():
            return
        made = await self.app.compose()
        for each in made:
            log.info("%s: edition %d, %d papers", each.profile, each.edition.number, each.new)
        self._warn("compose", await self.app.ahead_of_the_clock())
        if made:
            self._lane["deliver"].wake.set()
            self._lane["publish"].wake.set()

    async def _papers_came(self) -> None:
        """Wait while collecting brings papers; not for a source that is slow to say anything."""
        newest = -1
        for _ in range(_MOST_SILENCES):
            before, newest = newest, await self.app.workers.store(self.app.store.newest_paper)
            if newest == before or await first_of(
                self._collected, self._stop, seconds=self._silence
            ):
                return

    async def _publish(self) -> None:
        """Publish, unless all stands as it did; once an hour what somebody lost is made again."""
        app = self.app
        stands = (
            await app.workers.store(written, app.store.db),
            self._edited,
            _stamps(sorted(app.config.templates.rglob("*"))),
            f"{app.clock():%Y-%m-%d %H}",
        )
        if stands == self._published:
            return
        published = await app.publish()
        self._published = stands
        if published.changed:
            log.info("%d feeds and pages changed", len(published.changed))

    async def _deliver(self) -> None:
        await self._watch_clock()
        report = await self.app.deliver(patient=True, stop=self._stop)
        if report.ended:
            counts = ", ".join(f"{n} {status}" for status, n in sorted(report.ended.items()))
            log.info("deliveries: %s", counts)
        self._warn("deliver", report.problems)

    async def _inbound(self) -> None:
        """Read what came in; what that asks for is sent at once."""
        try:
            await self.app.look_into_mailbox()
        finally:  # what other doors took in waits for no mailbox
            received = await self.app.receive()
        for each in received:
            log.info("inbound: %s: %s", each.outcome.value, each.said)
        if received:
            self._lane["deliver"].wake.set()

    async def _prune(self) -> None:
        await self.app.index()
        if papers := await self.app.prune():
            log.info("%d papers older than [bot] keep lost their abstracts", papers)

    async def _enrich(self) -> None:
        """Ask what services know, once something was written, and once an hour besides.

        What keeps one of them from answering is told once.
        """
        app = self.app
        if not app.config.bot.enrich:
            return
        stands = await app.workers.store(written, app.store.db), f"{app.clock():%Y-%m-%d %H}"
        if stands == self._enriched:
            return
        enriched = await app.enrich()
        self._enriched = stands
        for each in enriched:
            if each.asked:
                log.info(
                    "%s: asked about %d papers, knew %d, filled in %d",
                    each.service, each.asked, each.known, each.gained,
                )  # fmt: skip
        if any(each.gained for each in enriched):
            self._lane["publish"].wake.set()
        self._warn("enrich", [f"{e.service}: {e.problem}" for e in enriched if e.problem])

    async def _watch_all(self) -> None:
        """Tell the owner what stands wrong, and whoever waits for our heartbeat that all is well."""
        now = asyncio.get_running_loop().time()
        if now < self._watched_again:
            return
        self._watched_again = now + _LOOKED_EVERY
        watched = await self.app.watch(patient=True)
        if watched.told or watched.over:
            log.info("the owner was told of %s", listed((*watched.told, *watched.over)))
        self._warn("watch", [watched.problem] if watched.problem else [])
        if not self.app.troubles and not watched.problem:
            problem = await self.app.heartbeat()
            self._warn(
                "heartbeat", [f"the heartbeat did not get through: {problem}"] if problem else []
            )

    # ── The clock ──

    async def _watch_clock(self) -> None:
        """Doubt the clock where it cannot be trusted. Raises StateError: then nothing is sent."""
        if self._running is None:
            return
        now = self.app.clock()
        self._watch, ahead = clocks.watch(self._watch, clocks.Reading(now, self._running()))
        if ahead:
            self._leapt = clocks.leapt(ahead, now), now - ahead
        if self._leapt is not None:
            reason, true = self._leapt
            if await self.app.workers.store(doubt, self.app.store.db, reason, true):
                log.error("All sending is held: %s", reason)
            self._leapt = None
        await self.app.heed_dates()

    # ── The configuration ──

    async def _reload(self) -> None:
        stands = _stamps(read_from(self.app.config))
        if stands == self._stood:
            return
        try:
            config = await self.app.workers.cpu(load_config, self.app.config.path, kept_files)
        except ConfigError as error:
            self._stood = stands
            log.error("%s:\n%s", _WRONG, error)  # noqa: TRY400 - a sentence for people, no traceback
            self.app.troubles["configuration"] = f"{_WRONG}: {str(error).splitlines()[0]}"
            return
        if config.state == self.app.config.state:
            await self.app.workers.cpu(keep_config, config)
        mended = self.app.troubles.pop("configuration", "")
        old, config = self.app.config, _as_far_as_may_be(self.app.config, config)
        self.app = replace(self.app, config=config)
        self._edited += 1
        self._troubles.try_all_again()
        # As it stood before it was read: what was saved meanwhile is read at the next tick.
        self._stood = {p: stands.get(p, stamp) for p, stamp in _stamps(read_from(config)).items()}
        store = self.app.store
        await self.app.workers.store(store.keep_files, config.good_files, config.wrong_files)
        told = {*old.warnings, *not_yet(old)}
        for sentence in (*config.warnings, *not_yet(config)):
            if sentence not in told:
                log.warning("%s", sentence)
        changes = edits(old, config)
        for line in changes:
            log.info("edited: %s", line)
        if mended and not changes:
            log.info("the configuration is as it was before: right again")
        else:
            log.info(
                "the edited configuration holds from now on" if changes else "nothing in it changed"
            )


_WRONG = "the edited configuration is wrong; the last good one holds"


def _in_words(error: Exception, state: Path) -> Exception:
    """Return a full disk, wherever it was met, as what it is: no mistake of ours."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return explained(error, state)
    return error


def _stamps(files: list[Path]) -> dict[Path, tuple[int, int]]:
    """Return each file that is there with its time and size."""
    found: dict[Path, tuple[int, int]] = {}
    for path in files:
        with suppress(OSError):
            told = path.stat()
            found[path] = (told.st_mtime_ns, told.st_size)
    return found


def _as_far_as_may_be(old: Config, new: Config) -> Config:
    """Return the new configuration with what takes a restart as it was, and say so."""
    if new.state != old.state or new.web != old.web:
        log.warning("a new state folder or [web] takes a restart; the old one holds until then")
        new = new.model_copy(update={
            "bot": new.bot.model_copy(update={"state": str(old.state)}), "web": old.web,
        })  # fmt: skip
    if urlsplit(new.bot.base_url).path != urlsplit(old.bot.base_url).path:
        log.warning("a new path in base_url takes a restart: pages are still at the old one")
    return new
