"""Publishing: the same store, the same bytes; what did not change is neither made nor written."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from bot.config import BotSettings, Config, Profile
from bot.errors import DiskFullError
from bot.files import withdraw, write_file
from bot.models import Edition, Event, InterestKind, Pick, Sighting, SourceState
from bot.ports import Workers
from bot.render import TemplateRenderer
from bot.store import Store
from bot.workflows.publish import publish
from outputs_samples import arxiv_paper, reason

MORNING = datetime(2026, 11, 20, 6, tzinfo=UTC)
PROFILES = {name: Profile(title=name.title()).named(name) for name in ("experts", "proteins")}


async def at_once(function, *args, **kwargs):
    return function(*args, **kwargs)


class Desk:
    """A store, a folder and a renderer that counts."""

    def __init__(self, folder, store):
        self.folder, self.store, self.rendered = folder, store, []
        self.config = self.configured(PROFILES)

    def configured(self, profiles, **bot):
        config = Config(bot=BotSettings(title="Morning papers", **bot), profiles=profiles)
        config._path = self.folder / "config.toml"  # noqa: SLF001 - as load_config does
        return config

    def render(self, template, context):
        self.rendered.append(template)
        return TemplateRenderer(None, pytest.fail)(template, context)

    async def publish(self, **given):
        self.rendered.clear()
        return await publish(
            given.pop("config", self.config), "example.org,2026", self.store,
            Workers(at_once, at_once), self.render, write_file, given.pop("into", self.public),
            withdraw=withdraw, **given,
        )  # fmt: skip

    @property
    def public(self):
        return self.folder / "public"

    def votes(self, day, **counts):
        """Have a source tell votes on a morning: `p1=12`."""
        at = MORNING + timedelta(days=(day - MORNING.date()).days)
        self.absorb(
            "hf",
            [
                Sighting(replace(paper(int(name[1:])), votes=votes), Event.SEEN, at, votes=votes)
                for name, votes in counts.items()
            ],
            at,
        )

    def absorb(self, source, sightings, at):
        self.store.absorb(source, sightings, SourceState(source), at, introduces=set(Event))

    def edition(self, profile, number, *papers):
        day = MORNING.date() + timedelta(days=number - 1)
        stored = [self.store.lookup(paper(n).identifiers)[0].id for n in papers]
        self.store.mirror_profiles(dict.fromkeys(PROFILES, ""))
        picks = tuple(
            Pick(place, id_, version=1, score=0.5, reasons=(reason(InterestKind.KEYWORD, "gates"),))
            for place, id_ in enumerate(stored, start=1)
        )
        self.store.save_edition(Edition(profile, number, day, 9, MORNING + timedelta(days=number - 1),
                                        picks))  # fmt: skip


def paper(number, **fields):
    return arxiv_paper(90000 + number, f"Paper {number}", id=0, key=None, **fields)


@pytest.fixture
def desk(tmp_path):
    with Store(tmp_path / "paperround.db") as store:
        yield Desk(tmp_path, store)


@pytest.fixture
def full(desk):
    """Two days of papers and votes, an edition of each profile."""
    at = MORNING - timedelta(days=1)
    desk.absorb("arxiv", [Sighting(paper(n), Event.NEW, at) for n in range(6)], at)
    desk.votes(date(2026, 11, 19), p1=5, p2=9)
    desk.votes(date(2026, 11, 20), p1=25, p2=10)
    desk.edition("experts", 1, 0, 1, 2)
    desk.edition("proteins", 1, 3)
    return desk


def files(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


async def same_as_anew(desk, **given):
    """Tell whether what stands is, byte for byte, what a full build would make."""
    await desk.publish(into=desk.folder / "anew", **given)
    return files(desk.folder / "anew") == files(desk.public)


async def test_everything_the_contract_names_is_there(full):
    published = await full.publish()
    assert set(published.paths) == set(files(full.public)) - {".published"}
    assert published.changed == published.paths
    for path in (
        "index.html", "style.css", "feeds.opml", "p/experts/2026-11-20/index.html",
        "trending/index.html", "trending/2026-11-19/index.html", "trending/2026-W47/index.html",
        "trending/2026-11/index.html", "papers/arxiv/2611.90003/index.html",
        *(f"feeds/{name}.{form}" for name in ("experts", "proteins", "trending")
          for form in ("rss", "atom", "json")),
    ):  # fmt: skip
        assert path in published.paths
    assert (
        "papers/arxiv/2611.90005/index.html" not in published.paths
    )  # neither picked nor voted for


async def test_an_empty_store_has_a_front_page(desk):
    published = await desk.publish()
    assert "index.html" in published.paths
    assert "Good morning" in (desk.public / "index.html").read_text()
    assert await same_as_anew(desk)


async def test_nothing_new_renders_nothing_and_writes_nothing(full):
    await full.publish()
    before = {path: path.stat().st_mtime_ns for path in full.public.rglob("*")}
    published = await full.publish()
    assert published.changed == ()
    assert "index.html" in published.paths
    assert full.rendered == []
    assert before == {path: path.stat().st_mtime_ns for path in full.public.rglob("*")}


async def test_afresh_renders_everything_and_writes_nothing_that_is_the_same(full):
    first = await full.publish()
    again = await full.publish(afresh=True)
    assert again.changed == ()
    assert len(full.rendered) == len([p for p in first.paths if p.endswith(("html", "css"))])


async def test_a_new_edition_touches_only_what_tells_of_it(full):
    await full.publish()
    full.edition("experts", 2, 4)
    published = await full.publish()
    assert set(published.changed) == {
        "index.html", "p/experts/index.html", "p/experts/2026-11-20/index.html",
        "p/experts/2026-11-21/index.html", "papers/arxiv/2611.90004/index.html",
        "feeds/experts.rss", "feeds/experts.atom", "feeds/experts.json",
    } | {path for path in published.changed if path.startswith("trending/index")}  # fmt: skip
    assert len(full.rendered) < 9
    assert await same_as_anew(full)


async def test_votes_touch_the_papers_they_went_to(full):
    await full.publish()
    full.votes(date(2026, 11, 20), p1=40)
    changed = set((await full.publish()).changed)
    assert "papers/arxiv/2611.90001/index.html" in changed
    assert "trending/2026-11-20/index.html" in changed
    assert "papers/arxiv/2611.90003/index.html" not in changed
    assert "trending/2026-11-19/index.html" not in changed
    assert not any(path.startswith("feeds/experts") for path in changed)
    assert await same_as_anew(full)


async def test_whatever_changes_what_stands_is_what_a_full_build_makes(full):
    await full.publish()
    steps = (
        lambda: full.votes(date(2026, 11, 21), p2=50, p5=3),
        lambda: full.absorb("arxiv", [Sighting(paper(0, version=2, abstract="New."), Event.REPLACE,
                                               MORNING + timedelta(days=1))],
                            MORNING + timedelta(days=1)),
        lambda: full.edition("experts", 2, 5, 4),
        lambda: full.votes(date(2026, 12, 3), p0=2),
        lambda: setattr(full, "config", full.configured(PROFILES, base_url="https://a.example")),
    )  # fmt: skip
    for step in steps:
        step()
        assert (await full.publish()).changed
        assert await same_as_anew(full)


async def test_a_page_that_was_lost_or_cut_is_made_again(full):
    await full.publish()
    before = files(full.public)
    (full.public / "index.html").unlink()
    (full.public / "papers/arxiv/2611.90001/index.html").write_bytes(b"<")
    published = await full.publish()
    assert published.changed == ("index.html", "papers/arxiv/2611.90001/index.html")
    assert files(full.public) == before


@pytest.mark.parametrize("note", [b"", b"{}", b"[]", b'{"files":{"a":1},"profiles":[]}', b"\xff"])
async def test_a_broken_note_costs_a_rebuild_and_nothing_else(full, note):
    await full.publish()
    before = files(full.public)
    (full.public / ".published").write_bytes(note)
    assert (await full.publish()).changed == ()
    assert files(full.public) == before


async def test_a_profile_that_turns_private_is_withdrawn_with_its_reasons(full):
    await full.publish()
    hidden = PROFILES["proteins"].model_copy(update={"public": False}).named("proteins")
    full.config = full.configured(PROFILES | {"proteins": hidden})
    await full.publish()
    left = files(full.public)
    assert not any("proteins" in path for path in left)
    assert not any(b"Proteins" in content for path, content in left.items() if path != ".published")
    assert "papers/arxiv/2611.90003/index.html" not in left  # only that profile had picked it
    assert await same_as_anew(full)


async def test_the_archive_of_a_profile_that_is_gone_keeps_the_papers_it_leads_to(full):
    full.edition("experts", 2, 3)  # which "proteins" has picked, too
    await full.publish()
    page, both = (f"papers/arxiv/2611.9000{n}/index.html" for n in (0, 3))
    full.config = full.configured({"proteins": PROFILES["proteins"]})
    assert {page, both} <= {*(await full.publish()).paths}
    later = MORNING + timedelta(days=2)
    anew = Sighting(paper(0, version=2, abstract="Anew."), Event.REPLACE, later)
    full.absorb("arxiv", [anew], later)
    assert (await full.publish()).changed == (page,), "it follows its paper, as ever"
    assert "Anew." in (full.public / page).read_text()
    hidden = PROFILES["proteins"].model_copy(update={"public": False}).named("proteins")
    full.config = full.configured({"proteins": hidden})
    await full.publish()
    left = files(full.public)
    assert {"p/experts/2026-11-20/index.html", page, both} <= left.keys()
    assert not any(b"Proteins" in content for path, content in left.items() if path != ".published")


async def test_a_new_edition_changes_no_older_page_but_the_last_until_its_month_is_over(full):
    for number in range(2, 6):
        full.edition("experts", number, number)
    await full.publish()
    full.edition("experts", 6, 0)

    def pages(published):
        return {path for path in published.changed if path.startswith("p/experts/2026-1")}

    of = "p/experts/2026-11-{}/index.html".format
    assert pages(await full.publish()) == {of(25), of(24)}
    full.edition("experts", 12, 1)  # on the first of December
    assert of(20) in pages(await full.publish()), "now its calendar has the whole month"
    assert 'href="../2026-11-25/index.html"' in (full.public / of(20)).read_text()
    assert await same_as_anew(full)


async def test_parts_of_a_feeds_archive_come_go_and_keep_former_names_like_the_feed(full):
    full.config = full.configured(PROFILES, base_url="https://papers.example.org")
    for number in range(2, 16):
        full.edition("experts", number, number % 6)
    assert "feeds/experts/1.rss" in (await full.publish()).paths
    assert (full.public / "feeds/experts/1.atom").is_file()
    renamed = PROFILES["experts"].model_copy(update={"was": ("gates",)}).named("experts")
    full.config = full.configured({"experts": renamed}, base_url="https://papers.example.org")
    await full.publish()
    one, other = (full.public / f"feeds/{name}/1.rss" for name in ("experts", "gates"))
    assert one.read_bytes() == other.read_bytes()
    hidden = renamed.model_copy(update={"public": False}).named("experts")
    full.config = full.configured({"experts": hidden}, base_url="https://papers.example.org")
    await full.publish()
    assert not one.exists()
    assert not other.exists()


async def test_what_trended_long_ago_is_made_once_and_then_left_alone(full):
    long_ago = date(2026, 6, 1)
    full.votes(long_ago, p5=7)
    await full.publish()
    path = full.public / "trending" / "2026-06-01" / "index.html"
    assert "Paper 5" in path.read_text()
    assert (full.public / "papers/arxiv/2611.90005/index.html").is_file()
    full.votes(date(2026, 11, 25), p1=60)
    changed = set((await full.publish()).changed)
    assert "trending/2026-11-25/index.html" in changed
    assert "trending/2026-06-01/index.html" not in changed
    path.unlink()
    assert "trending/2026-06-01/index.html" in (await full.publish()).changed
    assert await same_as_anew(full)


async def test_the_last_page_before_a_long_silence_learns_of_its_successor(desk):
    desk.votes(date(2026, 6, 1), p1=5)
    await desk.publish()
    desk.votes(date(2026, 11, 20), p1=6)
    assert "trending/2026-06-01/index.html" in (await desk.publish()).changed
    assert "2026-11-20" in (desk.public / "trending/2026-06-01/index.html").read_text()


async def test_two_papers_that_turn_out_to_be_one_leave_a_way_to_the_other(full):
    await full.publish()
    both = replace(paper(1), identifiers=paper(1).identifiers | paper(3).identifiers)
    full.absorb("arxiv", [Sighting(both, Event.SEEN, MORNING)], MORNING)
    published = await full.publish()
    alias = (full.public / "papers/arxiv/2611.90003/index.html").read_text()
    assert "papers/arxiv/2611.90003/index.html" in published.changed
    assert 'http-equiv="refresh"' in alias
    assert "papers/arxiv/2611.90001/index.html" in alias
    assert await same_as_anew(full)


async def test_a_full_disk_leaves_no_half_page_and_is_made_up_for(full, monkeypatch):
    real, calls = os.fsync, []

    def fsync(descriptor):
        calls.append(descriptor)
        if len(calls) > 20:
            raise OSError(28, "No space left on device")
        return real(descriptor)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fsync)
        with pytest.raises(DiskFullError, match="no room left"):
            await full.publish()
    assert all(content for content in files(full.public).values())
    await full.publish()
    assert await same_as_anew(full)
