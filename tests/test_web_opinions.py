"""More like this, less like this: the links of a digest, over real HTTP."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest

from bot import tokens
from bot.app import open_app
from bot.cli import main
from bot.config import BotSettings, Profile, load_config
from bot.models import (
    Edition,
    Event,
    Identifier,
    Link,
    Opinion,
    Origin,
    Paper,
    Pick,
    Rel,
    Scheme,
    Sighting,
    SourceState,
)
from bot.outputs.doors import is_owners, opinion_address, shows_opinion_links
from bot.web import listening

NOW = datetime(2026, 11, 20, 7, tzinfo=UTC)
SECRET = b"s" * 32
CONFIG = """
[bot]
title = "Morning papers"
base_url = "http://127.0.0.1:1/daily"
contact = "Owner@example.org"
[web]
listen = "127.0.0.1:0"
[profiles.experts]
title = "Mixture of <b>experts</b>"
to = ["ada@example.org", "grace@example.org", "owner@example.org"]
learn = "{learn}"
"""
HOSTILE = 'Routers <script>alert(1)</script> & "quotes"'


def arxiv(number):
    return Identifier(Scheme.ARXIV, f"2611.{number:05}")


def stored(store, title, *identifiers):
    """Absorb one paper; return it as the store has it."""
    links = frozenset({Link(Rel.ABSTRACT, "https://arxiv.org/abs/2611.00001")})
    paper = Paper(title=title, identifiers=frozenset(identifiers), authors=("A. Q",), links=links)
    store.absorb(
        "x", [Sighting(paper, Event.NEW, NOW)], SourceState("x"), NOW, introduces={Event.NEW}
    )
    return store.lookup(identifiers)[0]


@pytest.fixture
def learn():
    return "all"


@pytest.fixture
def now():
    return [NOW]


@pytest.fixture
async def app(tmp_path, learn, now):
    path = tmp_path / "config.toml"
    path.write_text(CONFIG.format(learn=learn))
    with open_app(load_config(path), lambda: now[0], SECRET) as opened:
        await opened.mirror()
        yield opened


@pytest.fixture
def paper(app):
    return stored(app.store, HOSTILE, arxiv(1))


@pytest.fixture
def edition(app, paper):
    made = Edition("experts", 1, NOW.date(), paper.id, NOW, picks=(Pick(1, paper.id),))
    return app.store.save_edition(made)


@pytest.fixture
async def site(app):
    async with listening(lambda: app) as address, aiohttp.ClientSession() as session:

        async def ask(method, door, **more):
            url = address + door.removeprefix("http://127.0.0.1:1")
            async with session.request(method, url, allow_redirects=False, **more) as answer:
                return answer, await answer.text()

        yield ask


@pytest.fixture
def door_of(app, edition, paper):
    def door(address, epoch=0, *, edition_id=edition.id, paper_id=paper.id, secret=SECRET):
        number = next(s.subscriber for s in app.store.all_subscriptions() if s.address == address)
        return opinion_address(app.config.bot.base_url, secret, number, edition_id, paper_id, epoch)

    return door


@pytest.fixture
def door(door_of):
    return door_of("ada@example.org")


def opinions(app):
    return {f.subscriber: f.opinion for f in app.store.feedback_of("experts")}


def number_of(app, address):
    return next(s.subscriber for s in app.store.all_subscriptions() if s.address == address)


def buttons(text):
    opinion = text.partition('action="../vote/')[0]  # what follows is for another form
    return re.findall(
        r'<button[^>]*name="v" value="(\w+)"( class=quietly| class="quietly")?>', opinion
    )


# ── Showing ───────────────────────────────────────────────────────────────────────────────────────


async def test_the_page_tells_the_paper_and_what_it_was_picked_for(site, door):
    answer, text = await site("GET", door)
    assert answer.status == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Routers &lt;script&gt;alert(1)&lt;/script&gt; &amp; &#34;quotes&#34;" in text
    assert 'href="https://arxiv.org/abs/2611.00001"' in text
    assert "Picked for Mixture of &lt;b&gt;experts&lt;/b&gt;." in text
    assert "<script" not in text
    assert "<b>" not in text
    assert [value for value, _ in buttons(text)] == ["more", "less"]


@pytest.mark.parametrize(
    ("query", "order"),
    [
        ("", [("more", True), ("less", True)]),
        ("?v=more", [("more", False), ("less", True)]),
        ("?v=less", [("less", False), ("more", True)]),
        ("?v=%3Cb%3E", [("more", True), ("less", True)]),
        ("?v=less&v=more", [("less", False), ("more", True)]),
    ],
)
async def test_the_address_only_says_which_button_stands_first(app, site, door, query, order):
    for method in ("HEAD", "GET"):
        answer, text = await site(method, door + query)
        assert answer.status == 200
    assert [(value, bool(quietly)) for value, quietly in buttons(text)] == order
    assert opinions(app) == {}, "looking changes nothing"


# ── Saying ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("said", "kept"), [("more", Opinion.LIKE), ("less", Opinion.DISLIKE)])
async def test_an_opinion_is_kept_as_often_as_it_is_given(app, site, door, now, said, kept):
    first = await site("POST", f"{door}?v=more", data={"v": said})
    now[0] += timedelta(days=1)
    again = await site("POST", f"{door}?v=more", data={"v": said})
    assert (first[0].status, first[1]) == (200, again[1])
    (feedback,) = app.store.feedback_of("experts")
    assert (feedback.opinion, feedback.at) == (kept, NOW)
    assert feedback.subscriber == number_of(app, "ada@example.org")
    assert f"Kept: {said} like this." in first[1]
    _, text = await site("GET", door)
    assert f"You said: {said} like this." in text
    assert [value for value, _ in buttons(text)] == ["more", "less", "none"]


async def test_one_changes_ones_mind_and_takes_it_back(app, site, door):
    await site("POST", door, data={"v": "more"})
    await site("POST", door, data={"v": "less"})
    assert list(opinions(app).values()) == [Opinion.DISLIKE]
    for _ in range(2):
        answer, text = await site("POST", door, data={"v": "none"})
        assert answer.status == 200
        assert "Taken back: nothing is kept" in text
    assert opinions(app) == {}
    assert [value for value, _ in buttons(text)] == ["more", "less"]


@pytest.mark.parametrize(
    "body", ["", "v=", "v=most", "v=more%00", "x=more", "List-Unsubscribe=One-Click"]
)
async def test_what_says_nothing_changes_nothing(app, site, door, body):
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer, text = await site("POST", f"{door}?v=more", data=body, headers=headers)
    assert answer.status == 400
    assert "Nothing was changed" in text
    assert opinions(app) == {}


async def test_readers_speak_each_for_themselves(app, site, door_of):
    await site("POST", door_of("ada@example.org"), data={"v": "more"})
    await site("POST", door_of("grace@example.org"), data={"v": "less"})
    assert opinions(app) == {
        number_of(app, "ada@example.org"): Opinion.LIKE,
        number_of(app, "grace@example.org"): Opinion.DISLIKE,
    }


async def test_the_owner_says_here_what_like_says_there(app, site, door_of, paper):
    app.store.put_feedback(["experts"], paper.id, Opinion.LIKE, NOW)
    door = door_of("owner@example.org")
    _, text = await site("GET", door)
    assert "You said: more like this." in text
    await site("POST", door, data={"v": "less"})
    assert opinions(app) == {0: Opinion.DISLIKE}


class TestWhatItWillDo:
    """The page says it by the profile's `learn`."""

    @pytest.mark.parametrize(
        ("learn", "address", "says"),
        [
            ("none", "ada@example.org", "learns nothing by itself: whoever runs it sees"),
            ("none", "owner@example.org", "learns nothing by itself: whoever runs it sees"),
            ("owner", "ada@example.org", "learns only from whoever runs it, who sees"),
            ("owner", "owner@example.org", "counts from the next edition"),
            ("all", "ada@example.org", "together with what its other readers say"),
            ("all", "owner@example.org", "counts from the next edition"),
        ],
    )
    async def test_it_is_told(self, site, door_of, address, says):
        _, text = await site("POST", door_of(address), data={"v": "more"})
        assert says in text


# ── Papers and readers that are not what they were ────────────────────────────────────────────────


async def test_a_paper_that_was_joined_with_another_is_that_one(app, site, door_of, edition):
    doi = Identifier(Scheme.DOI, "10.1234/9")
    other = stored(app.store, "The same elsewhere", doi)
    later = app.store.save_edition(
        Edition("experts", 2, NOW.date(), other.id, NOW, forced=True, picks=(Pick(1, other.id),))
    )
    there = door_of("ada@example.org", edition_id=later.id, paper_id=other.id)
    await site("POST", there, data={"v": "more"})
    joined = stored(app.store, "One paper", arxiv(1), doi)
    for door in (there, door_of("ada@example.org")):
        _, text = await site("GET", door)
        assert "You said: more like this." in text
    await site("POST", door_of("ada@example.org"), data={"v": "less"})
    (feedback,) = app.store.feedback_of("experts")
    assert (feedback.paper.id, feedback.opinion) == (joined.id, Opinion.DISLIKE)


async def test_links_that_do_not_hold_all_get_the_same_answer(app, site, door_of, paper):
    unpicked = stored(app.store, "Not in that edition", arxiv(7))
    ada = number_of(app, "ada@example.org")
    base = f"{app.config.bot.base_url}/feedback/"
    doors = [
        door_of("ada@example.org", epoch=1),
        door_of("ada@example.org", edition_id=4711),
        door_of("ada@example.org", paper_id=4711),
        door_of("ada@example.org", paper_id=unpicked.id),
        door_of("ada@example.org", secret=b"x" * 32),
        base + tokens.make(SECRET, tokens.Purpose.UNSUBSCRIBE, [ada], 0),
        base + tokens.make(SECRET, tokens.Purpose.FEEDBACK, [ada], 0),
        base + tokens.make(SECRET, tokens.Purpose.FEEDBACK, [4711, 1, paper.id], 0),
        base + "A" * 4000,
        base + "%00",
    ]
    said = set()
    for door in doors:
        for method in ("GET", "POST"):
            answer, text = await site(method, door, data={"v": "more"})
            assert answer.status == 404
            said.add(text)
    (text,) = said
    assert "This link is not valid" in text
    assert "mailto:Owner@example.org" in text
    assert opinions(app) == {}


async def test_who_has_left_has_no_say(app, site, door):
    app.store.unsubscribe("ada@example.org", "experts", Origin.SELF)
    for method in ("GET", "POST"):
        assert (await site(method, door, data={"v": "more"}))[0].status == 404
    assert opinions(app) == {}


async def test_nothing_is_said_of_a_profile_that_is_gone(app, site, door_of, edition, paper):
    app.store.db.write(
        "INSERT INTO profile (name, state, fingerprint) VALUES ('old', 'retired', '')", {}
    )
    app.store.subscribe("ada@example.org", "old", Origin.OWNER, NOW, suppressed="")
    made = app.store.save_edition(Edition("old", 1, NOW.date(), 1, NOW, picks=(Pick(1, paper.id),)))
    answer, _ = await site(
        "POST", door_of("ada@example.org", edition_id=made.id), data={"v": "more"}
    )
    assert answer.status == 404
    assert app.store.feedback_of("old") == []


# ── Where mails have such links ───────────────────────────────────────────────────────────────────

BOT = BotSettings(base_url="https://papers.example.org", contact="Owner@Example.org")


@pytest.mark.parametrize(
    ("learn", "address", "shown"),
    [
        ("none", "owner@example.org", False),
        ("none", "ada@example.org", False),
        ("owner", "owner@example.org", True),
        ("owner", "ada@example.org", False),
        ("all", "ada@example.org", True),
        ("all", "owner@example.org", True),
    ],
)
def test_links_appear_only_where_they_teach(learn, address, shown):
    profile = Profile(learn=learn)
    assert shows_opinion_links(profile, address, BOT) is shown
    nowhere = BOT.model_copy(update={"base_url": ""})
    assert not shows_opinion_links(profile, address, nowhere), "there is nowhere to lead to"


def test_the_owner_is_whom_the_config_names_else_the_contact():
    named = BOT.model_copy(update={"owner": "ada@example.org"})
    assert is_owners("owner@example.org", BOT)
    assert is_owners("Ada@example.org", named)
    assert not is_owners("owner@example.org", named)
    assert not is_owners("", BotSettings())


# ── Where the owner sees them ─────────────────────────────────────────────────────────────────────


def test_the_owner_sees_how_many_readers_said_what(tmp_path, capsys):
    path = tmp_path / "config.toml"
    path.write_text(CONFIG.format(learn="none"))
    with open_app(load_config(path), lambda: NOW, SECRET) as app:
        asyncio.run(app.mirror())
        told = stored(app.store, "Quiet routers", arxiv(1))
        for reader in (0, 1, 2):
            app.store.put_feedback(["experts"], told.id, Opinion.LIKE, NOW, reader)
        app.store.put_feedback(["experts"], told.id, Opinion.DISLIKE, NOW, 3)
    assert main(["--config", str(path), "profiles", "show", "experts"]) == 0
    assert "readers: 2 × more like this, 1 × less like this" in capsys.readouterr().out
    assert main(["--config", str(path), "profiles", "show", "experts", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["readers_opinions"] == {"like": 2, "dislike": 1}
