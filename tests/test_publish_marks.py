"""Whatever happens to a store, publishing what changed leaves what publishing all of it would make."""

from __future__ import annotations

import os
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.config import BotSettings, Config, Profile, SubscribeSettings
from bot.files import withdraw, write_file
from bot.models import (
    Edition,
    Enrichment,
    Event,
    Identifier,
    InterestKind,
    Opinion,
    Pick,
    Role,
    Scheme,
    Sighting,
    SourceState,
)
from bot.ports import Workers
from bot.render import TemplateRenderer
from bot.store import Store, doubts, schema
from bot.store.enrichment import Enricher
from bot.store.pruning import Pruner
from bot.store.summaries import SummaryLedger
from bot.workflows.publish import publish
from outputs_samples import arxiv_paper, reason

MORNING = datetime(2026, 11, 20, 6, tzinfo=UTC)
DAY = timedelta(days=1)


async def at_once(function, *args, **kwargs):
    return function(*args, **kwargs)


class House:
    """A store that lives, the settings it is published with, and dice that are thrown the same again."""

    def __init__(self, folder, store, seed):
        self.folder, self.store, self.dice = folder, store, random.Random(seed)  # noqa: S311 - a test
        self.now, self.papers, self.editions = MORNING, 0, 0
        self.bot = {"title": "Morning papers", "base_url": "https://papers.example.org"}
        self.profiles = {"experts": {}, "proteins": {}}
        self.open = True
        self.renders = []
        for number in (1, 2, 3):
            with store.db.transaction():
                store.db.write(
                    "INSERT INTO subscriber (address, canonical, zone, paused_until, token_epoch, "
                    "created_at) VALUES (:a, :a, '', '', 0, 0)",
                    {"a": f"reader{number}@example.org"},
                )
        store.mirror_profiles(dict.fromkeys(self.profiles, ""))

    # ── What may happen ──

    def absorb(self, source, *told, event=Event.NEW, votes=None):
        sightings = [Sighting(replace(p, votes=votes), event, self.now, votes=votes) for p in told]
        self.store.absorb(source, sightings, SourceState(source), self.now, introduces=set(Event))

    def paper(self, number, **fields):
        return arxiv_paper(90000 + number, f"Paper {number}", id=0, key=None, **fields)

    def any_paper(self, **fields):
        return self.paper(self.dice.randrange(self.papers), **fields)

    def any_id(self):
        return self.dice.choice(self.store.db.rows("SELECT id FROM paper"))["id"]

    def a_day_goes_by(self):
        self.now += DAY * self.dice.choice((1, 1, 1, 2, 40))

    def papers_come(self):
        new = [self.paper(self.papers + n) for n in range(3)]
        self.papers += 3
        self.absorb("arxiv", *new)

    def a_version_comes(self):
        self.absorb("arxiv", self.any_paper(version=self.dice.randrange(2, 9), abstract="Anew."))

    def a_paper_is_withdrawn(self):
        told = self.any_paper(version=9, notice="This paper is withdrawn by its authors")
        self.absorb("arxiv", told, event=Event.REPLACE)

    def it_is_seen_elsewhere(self):
        self.absorb("journal", self.any_paper(), event=Event.SEEN)

    def a_name_is_found(self):
        number = self.dice.randrange(self.papers)
        one = self.paper(number)
        doi = Identifier(Scheme.DOI, f"10.1000/{number}")
        self.absorb("journal", replace(one, identifiers=one.identifiers | {doi}), event=Event.SEEN)

    def two_turn_out_to_be_one(self):
        one, other = self.any_paper(), self.any_paper()
        both = replace(one, identifiers=one.identifiers | other.identifiers)
        self.absorb("journal", both, event=Event.SEEN)

    def votes_are_told(self):
        for source in self.dice.sample(("hf", "other"), self.dice.randrange(1, 3)):
            for _ in range(3):
                told, votes = self.any_paper(), self.dice.randrange(90)
                self.absorb(source, told, event=Event.SEEN, votes=votes)

    def a_reader_votes(self):
        self.store.vote(self.any_id(), self.dice.randrange(1, 4), self.now)

    def a_vote_is_taken_back(self):
        if votes := self.store.db.rows("SELECT paper, subscriber FROM vote"):
            self.store.unvote(*self.dice.choice(votes))

    def a_reader_judges(self):
        opinion = self.dice.choice([*Opinion, None])
        self.store.put_feedback(["experts"], self.any_id(), opinion, self.now, subscriber=1)

    def a_curator_submits(self):
        self.store.submit(self.store.papers([id_ := self.any_id()])[id_].id, "experts", self.now)

    def an_edition_is_made(self):
        self.editions += 1
        ids = sorted(
            {paper.id for paper in self.store.papers({self.any_id() for _ in range(5)}).values()}
        )
        self.dice.shuffle(ids)
        roles = [Role.NEW, *(self.dice.choice(list(Role)) for _ in ids[1:])]
        picks = tuple(
            Pick(place, paper, version=1, score=0.5, role=role,
                 reasons=(reason(InterestKind.KEYWORD, "gates"),),
                 told=(Event.WITHDRAWN,) if role is Role.UPDATE else ())
            for place, (paper, role) in enumerate(zip(ids, roles, strict=True), start=1)
        )  # fmt: skip
        name, forced = self.dice.choice(("experts", "proteins")), self.dice.random() < 0.3
        before = self.store.last_period(name)
        forced = forced or before == self.now.date()
        made = Edition(name, self.editions, self.now.date(), 9, self.now, picks, forced=forced)
        self.store.save_edition(made)

    def the_clock_was_wrong(self):
        self.store.set_apart_ahead("experts", self.now.date() - DAY)
        with self.store.db.transaction():
            doubts.believe(self.store.db, self.now - DAY)

    def a_service_knows_more(self):
        paper = self.store.papers([id_ := self.any_id()])[id_]
        found = Enrichment(citations=self.dice.randrange(9), tldr="In short.", venue="Letters")
        Enricher(self.store).put("s2", [(paper, found, self.now + DAY)], self.now)

    def a_machine_sums_up(self):
        SummaryLedger(self.store).keep(self.any_id(), b"d", "model", "It is so.", 9, self.now)

    def old_text_goes(self):
        Pruner(self.store.db).prune_papers(self.now - 9 * DAY, 0, ())

    def a_title_changes(self):
        self.profiles["experts"]["title"] = f"Experts {self.dice.randrange(9)}"

    def a_profile_turns_private_or_public(self):
        self.profiles["proteins"]["public"] = not self.profiles["proteins"].get("public", True)

    def a_former_name_is_known(self):
        self.profiles["experts"]["was"] = ("old-experts",)

    def the_settings_change(self):
        self.bot["link_prefix"] = self.dice.choice(("", "https://proxy.example.org/?url="))
        self.bot["title"] = self.dice.choice(("Morning papers", "Evening papers"))
        self.bot["base_url"] = self.dice.choice(("", "https://papers.example.org"))

    def the_subscribe_box_comes_or_goes(self):
        self.open = not self.open

    def a_template_of_their_own(self):
        own = self.folder / "templates" / "web"
        own.mkdir(parents=True, exist_ok=True)
        (own / "alias.html").write_text(f"<p>{self.dice.random()}</p>")

    def a_file_is_lost_or_cut(self):
        file = self.dice.choice(sorted(self.made))
        if self.dice.random() < 0.5:
            (self.public / file).unlink()
        else:
            os.truncate(self.public / file, 1)

    # ── What is published ──

    @property
    def public(self):
        return self.folder / "public"

    @property
    def config(self):
        profiles = {
            name: Profile(**{"title": name.title(), **fields}).named(name)
            for name, fields in self.profiles.items()
        }
        config = Config(
            bot=BotSettings(**self.bot), profiles=profiles,
            subscribe=SubscribeSettings(open=self.open and bool(self.bot["base_url"])),
        )  # fmt: skip
        config._path = self.folder / "config.toml"  # noqa: SLF001 - as load_config does
        return config

    async def publish(self, into):
        own = TemplateRenderer(self.folder / "templates", pytest.fail)

        def render(template, context):
            self.renders.append(template)
            return own(template, context)

        self.renders.clear()
        published = await publish(
            self.config, "example.org,2026", self.store, Workers(at_once, at_once), render,
            write_file, into, withdraw=withdraw,
        )  # fmt: skip
        self.made = {path for path in published.paths if (into / path).is_file()}
        assert self.made == set(published.paths)
        return {path: (into / path).read_bytes() for path in published.paths}


HAPPENINGS = [
    getattr(House, name)
    for name in vars(House)
    if name.split("_")[0] in ("a", "an", "it", "two", "old", "the", "papers", "votes")
]


async def live(folder, seed, steps):
    """Let a house live so many steps; tell after each what stands from what would be made anew."""
    with Store(folder / "paperround.db") as store:
        house = House(folder, store, seed)
        house.papers_come()
        happened = []
        for step in range(steps):
            for happening in house.dice.sample(HAPPENINGS, house.dice.choice((1, 1, 3))):
                if house.public.exists() or happening is not House.a_file_is_lost_or_cut:
                    happened.append(happening.__name__)
                    happening(house)
            stands = await house.publish(house.public)
            anew = await house.publish(folder / f"anew-{step}")
            assert stands.keys() == anew.keys(), happened[-3:]
            other = [path for path in anew if anew[path] != stands[path]]
            assert not other, happened[-3:]
            await house.publish(house.public)
            assert house.renders == [], happened[-3:]


async def test_what_stands_after_anything_is_what_would_be_made_anew(tmp_path):
    await live(tmp_path, 1, 12)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 8))
async def test_and_that_holds_for_a_longer_life(tmp_path, seed):
    await live(tmp_path, seed, 60)


# ── Marks ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def house(tmp_path):
    """Three papers, the first two picked; the second has votes, the third is on no page."""
    with Store(tmp_path / "paperround.db") as store:
        house = House(tmp_path, store, 1)
        house.papers_come()
        picks = tuple(Pick(place, place, version=1, score=0.5) for place in (1, 2))
        store.save_edition(Edition("experts", 1, MORNING.date(), 9, MORNING, picks))
        house.absorb("hf", house.paper(1), event=Event.SEEN, votes=3)
        store.vote(2, 1, MORNING)
        Enricher(store).put(
            "s2", [(store.papers([2])[2], Enrichment(citations=3), MORNING)], MORNING
        )
        SummaryLedger(store).keep(2, b"d", "model", "So it is.", 9, MORNING)
        yield house


SEEN = "INSERT INTO sighting VALUES ({}, 'x', 'seen', 1, '2026-11-20', 1, {}, NULL, 0)"
SAID, WHOLE = "said", "whole"


@pytest.mark.parametrize(
    ("sql", "paper", "what"),
    [
        *(
            (f"UPDATE paper SET {column} = '9' WHERE id = 1", 1, SAID)  # noqa: S608 - a test's own
            for column in ("key", "title", "authors", "abstract", "categories", "venue", "links",
                           "stamps", "notice")
        ),
        *(
            (f"UPDATE paper SET {column} = 9 WHERE id = 1", 1, SAID)  # noqa: S608 - a test's own
            for column in ("version", "published", "first_seen", "updated_at")
        ),
        ("UPDATE paper SET votes = 9 WHERE id = 1", 1, WHOLE),
        ("UPDATE paper SET comments = 9 WHERE id = 1", 1, WHOLE),
        ("UPDATE paper SET backfilled = 1, title = title, votes = votes WHERE id = 1", 1, ""),
        ("UPDATE paper SET merged_into = 1 WHERE id = 2", 1, SAID),
        ("UPDATE paper SET merged_into = 1 WHERE id = 2", 2, SAID),
        ("UPDATE paper SET merged_into = 3 WHERE id = 2", 3, SAID),
        ("INSERT INTO identifier VALUES ('doi:10.1/x', 1)", 1, SAID),
        ("UPDATE identifier SET paper = 1 WHERE paper = 2", 1, SAID),
        ("UPDATE identifier SET paper = 1 WHERE paper = 2", 2, SAID),
        ("DELETE FROM identifier WHERE paper = 1", 1, SAID),
        (SEEN.format(1, "NULL"), 1, WHOLE),
        (SEEN.format(1, 5), 1, WHOLE),
        (SEEN.format(3, "NULL"), 3, ""),
        (SEEN.format(3, 5), 3, SAID),
        *(
            (f"UPDATE sighting SET {column} = {value} WHERE paper = 2 AND source = 'hf'", 2, WHOLE)  # noqa: S608 - a test's own
            for column, value in {
                "source": "'y'", "event": "'new'", "seen_on": "'2026-01-01'", "at": 9, "votes": 9,
                "comments": 9, "stored_at": 9, "paper": 1,
            }.items()
        ),
        ("UPDATE sighting SET paper = 1 WHERE paper = 2 AND source = 'hf'", 1, WHOLE),
        ("UPDATE sighting SET digest = 9, votes = votes WHERE paper = 2", 2, ""),
        ("DELETE FROM sighting WHERE paper = 1", 1, WHOLE),
        ("INSERT INTO vote VALUES (1, 2, 9)", 1, WHOLE),
        ("INSERT INTO vote VALUES (3, 2, 9)", 3, SAID),
        ("UPDATE vote SET at = 9", 2, WHOLE),
        ("UPDATE vote SET paper = 1", 1, WHOLE),
        ("UPDATE vote SET paper = 1", 2, WHOLE),
        ("DELETE FROM vote", 2, WHOLE),
        ("INSERT INTO enrichment VALUES (1, 's2', 1, 1, 1, 4, '')", 1, SAID),
        ("INSERT INTO enrichment VALUES (1, 's2', 1, 1, 0, NULL, '')", 1, ""),
        ("UPDATE enrichment SET citations = 9", 2, SAID),
        ("UPDATE enrichment SET tldr = 'x'", 2, SAID),
        ("UPDATE enrichment SET known = 0", 2, SAID),
        ("UPDATE enrichment SET asked_at = 9", 2, ""),
        ("DELETE FROM enrichment", 2, SAID),
        ("INSERT INTO summary VALUES (1, X'00', 'm', 'x', 1, 1)", 1, SAID),
        ("INSERT INTO summary VALUES (1, X'00', 'm', '', 1, 1)", 1, ""),
        ("UPDATE summary SET said = 'x'", 2, SAID),
        ("UPDATE summary SET model = 'x'", 2, SAID),
        ("UPDATE summary SET tokens = 99", 2, ""),
        ("DELETE FROM summary", 2, SAID),
        ("INSERT INTO pick VALUES (1, 9, 3, 'new', 1, 0.5, '[]', '')", 3, SAID),
    ],
)  # fmt: skip
def test_a_papers_mark_changes_with_whatever_a_page_tells_of_it(house, sql, paper, what):
    before, tide = house.store.paper_marks().get(paper), house.store.tide()
    run(house.store, sql)
    now = house.store.paper_marks().get(paper)
    said, whole = (getattr(now, part, 0) != getattr(before, part, 0) for part in ("said", "whole"))
    assert (said, whole) == (what == SAID, what != "")
    assert (house.store.tide() != tide) == bool(what)


@pytest.mark.parametrize(
    "sql",
    [
        *(
            f"UPDATE edition SET {column} = {value}"  # noqa: S608 - a test's own
            for column, value in {
                "profile": "'proteins'", "period": "'2026-01-01'", "number": 9, "through": 8,
                "fingerprint": "'f'", "considered": 9, "forced": 1, "health": "'[1]'", "made_at": 9,
                "ranker": "'r'",
            }.items()
        ),
        "INSERT INTO pick VALUES (1, 9, 3, 'new', 1, 0.5, '[]', '')",
        "UPDATE pick SET told = 'code' WHERE position = 1",
        "DELETE FROM pick WHERE position = 1",
    ],
)  # fmt: skip
def test_an_editions_mark_changes_with_it_and_with_its_picks(house, sql):
    before, tide = house.store.edition_marks(), house.store.tide()
    run(house.store, sql)
    assert house.store.edition_marks()[1] != before[1]
    assert house.store.tide() != tide


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM pick; DELETE FROM edition",
        "INSERT INTO feedback VALUES ('experts', 1, 1, 'like', 1)",
        "INSERT INTO feedback VALUES ('experts', 1, 1, 'like', 1); UPDATE feedback SET opinion = 'dislike'",
        "INSERT INTO feedback VALUES ('experts', 1, 1, 'like', 1); DELETE FROM feedback",
        "INSERT INTO submission VALUES (1, 'experts', 1)",
    ],
)
def test_the_tide_turns_with_whatever_moves_a_paper_on_a_page(house, sql):
    *first, last = sql.split("; ")
    for each in first:
        run(house.store, each)
    tide = house.store.tide()
    run(house.store, last)
    assert house.store.tide() != tide


def test_an_edition_without_picks_has_a_mark_of_its_own(house):
    made = house.store.save_edition(Edition("experts", 2, MORNING.date() + DAY, 9, MORNING + DAY))
    assert house.store.edition_marks()[made.id] not in (0, house.store.edition_marks()[1])


def test_marks_of_a_database_that_was_filled_before_there_were_any(house):
    """What the migration finds is marked as if triggers had been there."""
    shown = set(house.store.paper_marks())
    statements = schema._MARKS.replace("RANDOM", schema._RANDOM).strip().split(";\n\n")  # noqa: SLF001
    filling = [each for each in statements if "INTO shown SELECT" in each and "TRIGGER" not in each]
    run(house.store, "UPDATE paper SET merged_into = 3 WHERE id = 2")
    run(house.store, "DELETE FROM shown")
    for each in filling:
        run(house.store, each)
    assert set(house.store.paper_marks()) == shown | {3} == {1, 2, 3}


def run(store, sql):
    with store.db.transaction():
        store.db.write("PRAGMA defer_foreign_keys = ON")
        store.db.write(sql)
