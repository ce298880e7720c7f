"""The service within this process: what fails is told once and tried again, and nothing hides it."""

from __future__ import annotations

import logging
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from bot.app import App, open_app, rounds
from bot.cli.service import Service
from bot.cli.troubles import Troubles
from bot.config import kept_config, load_config
from bot.errors import DiskFullError, StateError, StateLockedError, TemplateError
from bot.store.troubles import set_troubles, troubles, written
from bot.workflows.enrich import Enriched
from bot.workflows.watch import Watched
from support_round import a_paper, absorb, arxiv

NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)
CONFIG = """
[bot]
contact = "ada@example.org"
[profiles.experts]
to = ["ada@example.org"]
keywords = ["experts"]
at = "07:00"
"""


class Running:
    """A service whose ticks are ours; `every` is 0, so that all pauses are over at once."""

    def __init__(self, app: App, every: float) -> None:
        self.app = app
        self.service = Service(app, every=every, silence=0.01)
        self.done: list[str] = []

    async def tick(self) -> None:
        await self.service.round()
        for lane in self.service.lanes:
            await lane.work()

    async def work(self, name: str) -> None:
        await next(lane for lane in self.service.lanes if lane.name == name).work()

    @property
    def known(self) -> dict[str, str]:
        """What another command, such as `status`, is told."""
        return troubles(self.app.store.db)

    @property
    def digests(self) -> int:
        new = self.app.config.state / "mail" / "new"
        return len(list(new.iterdir())) if new.is_dir() else 0


@pytest.fixture
def every():
    return 0.0


@pytest.fixture
def running(tmp_path, every):
    path = tmp_path / "config.toml"
    path.write_text(CONFIG)
    with open_app(load_config(path), lambda: NOW) as app:
        absorb(app.store, a_paper(arxiv(1), title="On experts."), now=NOW)
        yield Running(app, every)


@pytest.fixture
def log(caplog):
    caplog.set_level(logging.INFO, "paperround")

    def lines(words):
        return [r for r in caplog.records if words in r.getMessage()]

    return lines


def breaks(monkeypatch, part, error):
    """Let a workflow raise; return how often it was tried."""
    tried = []

    async def broken(_self, **_named):
        tried.append(1)
        raise error

    monkeypatch.setattr(App, part, broken)
    return tried


# ── A mistake of ours ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("part", ["collect", "publish"])
async def test_a_part_that_crashes_keeps_no_other_from_its_work(running, monkeypatch, log, part):
    breaks(monkeypatch, part, ZeroDivisionError("secret of ada@example.org"))
    await running.tick()
    assert running.digests == 1
    (record,) = log("A mistake of ours")
    assert record.exc_info
    assert record.exc_info[0] is ZeroDivisionError
    assert list(running.known) == [part]
    assert "ada@" not in running.known[part]


async def test_it_is_told_once_and_tells_when_it_works_again(running, monkeypatch, log):
    with monkeypatch.context() as patched:
        tried = breaks(patched, "publish", ZeroDivisionError())
        for _ in range(3):
            await running.tick()
        assert len(tried) == 3
        assert len(log("A mistake of ours")) == 1
    await running.tick()
    assert len(log("publish works again")) == 1
    assert running.known == running.app.troubles == {}


async def test_another_mistake_of_the_same_part_is_told_too(running, monkeypatch, log):
    for error in (ZeroDivisionError("a"), ZeroDivisionError("b"), KeyError("b")):
        with monkeypatch.context() as patched:
            breaks(patched, "publish", error)
            await running.tick()
    assert len(log("A mistake of ours")) == 3


def test_the_pauses_grow_up_to_sixteen_ticks():
    troubles, tried = Troubles({}, 60.0), []
    for tick in range(100):
        now = tick * 60.0 + tick % 3  # ticks are not exact
        if not troubles.rests("publish", now):
            tried.append(tick)
            troubles.failed("publish", StateError("it does not work"), now)
    assert [later - earlier for earlier, later in pairwise(tried)][:7] == [1, 2, 4, 8, 16, 16, 16]
    troubles.try_all_again()
    assert not troubles.rests("publish", 100 * 60.0)


@pytest.mark.parametrize("every", [60.0])
async def test_a_part_that_failed_is_left_alone_until_its_pause_is_over(running, monkeypatch):
    tried = breaks(monkeypatch, "publish", TemplateError("archive.html does not render."))
    for _ in range(3):
        await running.tick()
    assert len(tried) == 1
    assert running.known == {"publish": "archive.html does not render."}


async def test_a_lock_that_another_command_holds_is_no_trouble(running, monkeypatch, log):
    tried = breaks(monkeypatch, "publish", StateLockedError("Another paperround is busy."))
    await running.tick()
    await running.tick()
    assert (len(tried), len(log("is busy")), running.known) == (2, 1, {})


async def test_what_was_left_word_of_is_taken_back_at_the_end(running, monkeypatch):
    breaks(monkeypatch, "publish", ZeroDivisionError())
    await running.tick()
    assert running.known
    await running.service.leave()
    assert running.known == {}


async def test_a_date_ahead_of_the_clock_is_told(running, log):
    await running.tick()
    with running.app.store.db.transaction():
        running.app.store.db.write("UPDATE edition SET period = '2031-01-01'")
    for _ in range(2):
        await running.tick()
    assert len(log("its last edition is dated 2031-01-01, ahead of the clock")) == 1


# ── A full disk ───────────────────────────────────────────────────────────────────────────────────


async def test_without_room_nothing_is_begun_and_with_it_all_goes_on(running, monkeypatch, log):
    with monkeypatch.context() as patched:
        patched.setattr(App, "room", lambda _: 4096)
        for _ in range(3):
            await running.tick()
        assert running.digests == 0
        assert len(log("is full. Nothing is fetched, made or sent")) == 1
        assert "it goes on by itself" in running.app.troubles["disk"]
    await running.tick()
    assert running.digests == 1
    assert log("disk has room again")
    assert running.app.troubles == {}


@pytest.mark.parametrize("every", [60.0])
async def test_a_disk_that_fills_up_in_the_middle_is_told_and_left_alone(running, monkeypatch, log):
    room = 10**9

    def full(*_):
        nonlocal room
        room = 0
        raise DiskFullError("There is no room left to write it. What was there before is kept.")

    monkeypatch.setattr(App, "room", lambda _: room)
    with monkeypatch.context() as patched:
        patched.setattr(rounds, "write_file", full)
        await running.tick()
        assert set(running.app.troubles) == {"publish", "disk"}
        await running.tick()
    assert len(log("There is no room left to write it")) == 1
    room = 10**9
    await running.tick()  # at once: with room, no pause is waited for
    assert running.app.troubles == {}
    assert (running.app.config.state / "public" / "index.html").is_file()


async def test_a_state_folder_that_is_taken_away_ends_all_work_until_it_is_back(running, log):
    """What is written to a file that nobody finds again would be done once more by the next `serve`."""
    state = running.app.config.state
    state.rename(away := state.with_name("away"))
    for _ in range(2):
        await running.tick()
    assert len(log("was moved, removed or replaced while it is in use")) == 1
    assert not state.exists(), "nothing was made anew"
    with open_app(
        running.app.config, lambda: NOW
    ):  # another database in its place is not ours either
        await running.tick()
    assert running.digests == 0
    shutil.rmtree(state)
    away.rename(state)
    await running.tick()
    assert running.digests == 1
    assert log("state is there again")
    assert running.app.troubles == {}


async def test_an_alarm_that_cannot_be_written_down_stays_in_memory(running, monkeypatch):
    def full(*_):
        raise DiskFullError("full")

    monkeypatch.setattr("bot.cli.service.set_troubles", full)
    monkeypatch.setattr(App, "room", lambda _: 0)
    await running.tick()
    assert "disk" in running.app.troubles
    assert running.known == {}


# ── What costs nothing when nothing changed ───────────────────────────────────────────────────────


async def test_pages_are_made_again_only_where_something_changed(running, monkeypatch, tmp_path):
    made, publish = [], App.publish

    async def counted(self):
        made.append(1)
        return await publish(self)

    monkeypatch.setattr(App, "publish", counted)
    await running.tick()
    await running.tick()
    before = len(made)
    for _ in range(3):
        await running.tick()
    assert len(made) == before
    absorb(running.app.store, a_paper(arxiv(2)), now=NOW)
    await running.work("publish")
    assert len(made) == before + 1
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "mine.html").write_text("mine")
    await running.work("publish")
    assert len(made) == before + 2
    await running.work("publish")
    assert len(made) == before + 2


async def test_an_idle_tick_writes_nothing(running):
    await running.tick()
    await running.tick()
    before = written(running.app.store.db)
    for _ in range(3):
        await running.tick()
    assert written(running.app.store.db) == before


async def test_what_another_command_changes_is_seen(running, tmp_path):
    await running.tick()
    before = written(running.app.store.db)
    with open_app(running.app.config, lambda: NOW) as other:
        set_troubles(other.store.db, {"test": "somebody else wrote"})
    assert written(running.app.store.db) != before
    assert running.known == {"test": "somebody else wrote"}


async def test_recipients_are_mirrored_again_when_another_command_wrote(running):
    await running.tick()
    store = running.app.store
    with open_app(running.app.config, lambda: NOW) as other:
        other.store.mirror_profiles({})  # as an old configuration would
    assert store.profile_states() == {"experts": "retired"}
    await running.tick()
    assert store.profile_states() == {"experts": "active"}


# ── An edited configuration ───────────────────────────────────────────────────────────────────────


def edit(running, text):
    path = running.app.config.path
    path.write_text(text)


async def test_an_edit_holds_from_the_next_tick_on_and_is_told_key_by_key(running, log):
    await running.tick()
    edit(running, CONFIG.replace('["experts"]', '["routing"]') + "[profiles.proteins]\n")
    await running.service.round()
    assert running.service.app.config.profiles["experts"].keywords == ("routing",)
    (line,) = log("profile experts: keywords")
    assert line.getMessage().endswith('added "routing"; removed "experts"')
    assert '["routing"]' in kept_config(running.app.config.state)  # nobody's `once` reads it anew
    assert log("profile proteins: added")
    assert log("holds from now on")


async def test_a_wrong_one_is_told_once_and_the_last_good_one_holds(running, log):
    edit(running, CONFIG + "keyword = []\n")
    for _ in range(3):
        await running.service.round()
    assert len(log("the last good one holds")) == 1
    assert running.service.app.config.profiles["experts"].keywords == ("experts",)


async def test_while_it_is_wrong_other_commands_are_told_and_then_that_it_is_right_again(
    running, log
):
    edit(running, CONFIG + "keyword = []\n")
    await running.service.round()
    assert "the last good one holds: config.toml" in running.known["configuration"].replace(
        str(running.app.config.path), "config.toml"
    )
    edit(running, CONFIG)
    await running.service.round()
    assert running.known == {}
    assert log("right again")


async def test_what_is_saved_while_it_is_read_is_read_at_the_next_tick(running, monkeypatch):
    read = load_config

    def slowly(*arguments):
        config = read(*arguments)
        edit(running, CONFIG.replace('["experts"]', '["retrieval"]'))
        return config

    edit(running, CONFIG.replace('["experts"]', '["routing"]'))
    with monkeypatch.context() as patched:
        patched.setattr("bot.cli.service.load_config", slowly)
        await running.service.round()
    await running.service.round()
    assert running.service.app.config.profiles["experts"].keywords == ("retrieval",)


async def test_what_could_not_be_read_for_another_reason_is_read_again(running, monkeypatch):
    def full(*_):
        raise DiskFullError("There is no room left.")

    edit(running, CONFIG.replace('["experts"]', '["routing"]'))
    with monkeypatch.context() as patched:
        patched.setattr("bot.cli.service.load_config", full)
        await running.service.round()
    assert "configuration" in running.app.troubles
    await running.service.round()
    assert running.service.app.config.profiles["experts"].keywords == ("routing",)
    assert running.known == {}


async def test_what_takes_a_restart_is_said_and_stays_as_it_was(running, log):
    edit(running, CONFIG + '[web]\nlisten = "127.0.0.1:1"\n')
    await running.service.round()
    assert log("takes a restart")
    assert running.service.app.config.web == running.app.config.web
    edit(running, CONFIG.replace("[bot]", '[bot]\nbase_url = "https://example.org/papers"'))
    await running.service.round()
    assert log("a new path in base_url takes a restart")


async def test_an_edit_ends_the_pauses_of_what_failed(running, monkeypatch):
    tried = breaks(monkeypatch, "publish", TemplateError("archive.html does not render."))
    running.service = Service(running.app, every=60.0, silence=0.01)
    await running.tick()
    await running.tick()
    edit(running, CONFIG + "limit = 5\n")
    await running.tick()
    assert len(tried) == 2


# ── An edition waits for papers that are coming, not for silence ──────────────────────────────────


async def test_an_edition_waits_as_long_as_papers_come(running, monkeypatch):
    waits = []

    async def silence(*_, seconds):
        waits.append(seconds)
        if len(waits) < 4:
            absorb(running.app.store, a_paper(arxiv(10 + len(waits))), now=NOW)
        return False

    monkeypatch.setattr("bot.cli.service.first_of", silence)
    await running.service.round()
    await running.work("compose")
    assert len(waits) == 4
    assert running.app.store.last_edition("experts").number == 1


async def test_but_not_for_ever(running, monkeypatch):
    waits = []

    async def silence(*_, seconds):
        waits.append(seconds)
        absorb(running.app.store, a_paper(arxiv(10 + len(waits))), now=NOW)
        return False

    monkeypatch.setattr("bot.cli.service.first_of", silence)
    await running.work("compose")
    assert len(waits) == 8
    assert timedelta(seconds=sum(waits)) <= timedelta(minutes=2)


# ── What services know ────────────────────────────────────────────────────────────────────────────


async def test_a_service_that_does_not_answer_is_a_warning_told_once(running, log, monkeypatch):
    enriching = running.app.config.bot.model_copy(update={"enrich": ("crossref",)})
    config = running.app.config.model_copy(update={"bot": enriching})
    running.service.app = replace(running.app, config=config)
    asked = []

    async def enrich(_self):
        asked.append(1)
        return [Enriched("crossref", problem="it answered HTTP 500; asked again after 08:15")]

    monkeypatch.setattr(App, "enrich", enrich)
    for _ in range(3):
        await running.tick()
        absorb(running.app.store, a_paper(arxiv(len(asked) + 10)), now=NOW)
    assert len(asked) == 3
    assert len(log("crossref: it answered HTTP 500")) == 1
    assert running.known == {}
    assert running.digests == 1


async def test_services_are_asked_once_something_was_written(running, monkeypatch):
    enriching = running.app.config.bot.model_copy(update={"enrich": ("crossref",)})
    config = running.app.config.model_copy(update={"bot": enriching})
    running.service.app = replace(running.app, config=config)
    asked = []

    async def enrich(_self):
        asked.append(1)
        return []

    monkeypatch.setattr(App, "enrich", enrich)
    for _ in range(3):
        await running.work("enrich")
    assert len(asked) == 1
    absorb(running.app.store, a_paper(arxiv(11)), now=NOW)
    await running.work("enrich")
    assert len(asked) == 2


# ── The owner, and whoever waits for a sign of life ───────────────────────────────────────────────


async def test_the_owner_hears_of_a_part_that_has_not_worked_for_ten_minutes(running, monkeypatch):
    now = [NOW]
    running.service.app = replace(running.app, clock=lambda: now[0])
    running.service.app.troubles["publish"] = "The folder cannot be written."
    letters = []
    for minutes in (0, 5, 10, 15):
        now[0] = NOW + timedelta(minutes=minutes)
        monkeypatch.setattr(running.service, "_watched_again", 0.0)
        await running.work("watch")
        letters.append(running.digests)
    assert letters == [0, 0, 1, 1]


async def test_between_two_looks_the_service_has_five_minutes_of_rest(running, monkeypatch):
    looked = []

    async def watch(self, *, patient=False):
        looked.append(patient)
        return Watched()

    monkeypatch.setattr(App, "watch", watch)
    await running.work("watch")
    await running.work("watch")
    assert looked == [True]


async def test_only_a_service_all_of_whose_parts_work_gives_a_sign_of_life(running, monkeypatch):
    beats = []

    async def heartbeat(self):
        beats.append("beat")
        return ""

    monkeypatch.setattr(App, "heartbeat", heartbeat)
    running.service.app.troubles["deliver"] = "It cannot log in."
    await running.work("watch")
    assert beats == []
    running.service.app.troubles.clear()
    monkeypatch.setattr(running.service, "_watched_again", 0.0)
    await running.work("watch")
    assert beats == ["beat"]
