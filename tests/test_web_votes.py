"""Votes of readers, over real HTTP: one each, by a link that is theirs, counted and forgotten."""

from __future__ import annotations

import re
from urllib.parse import quote

import aiohttp
import pytest

from bot import ranking, tokens
from bot.app import open_app
from bot.config import load_config
from bot.models import DeliveryKind, Identifier, Origin, Scheme
from bot.outputs.notes import NotePress
from bot.web import consent, listening
from bot.workflows import votes
from support_round import DAY, a_paper, absorb, an_edition, arxiv, doi, shown, stored
from test_web_consent import ADA, CONFIG, NOW, SECRET, Visitor

GRACE, LIN = "grace@example.org", "lin@example.org"


@pytest.fixture
def now():
    return [NOW]


@pytest.fixture
async def app(tmp_path, now):
    path = tmp_path / "config.toml"
    path.write_text(CONFIG.format(subscribe=""))
    with open_app(load_config(path), lambda: now[0], SECRET) as opened:
        await opened.mirror()
        absorb(opened.store, a_paper(), a_paper(arxiv(2)), now=NOW)
        an_edition(opened.store, 1, 2, now=NOW)
        for address in (ADA, GRACE):
            opened.store.subscribe(address, "experts", Origin.SELF, NOW, suppressed="")
        yield opened


@pytest.fixture
async def visitor(app, monkeypatch):
    monkeypatch.setattr(consent, "QUICKEST", 0.0)
    monkeypatch.setattr(consent, "ORDER_SECONDS", 0.0)
    async with listening(lambda: app) as address, aiohttp.ClientSession() as client:
        yield Visitor(address, client)


def number(app, address=ADA):
    return app.store.subscriptions_of(address)[0].subscriber


def link(app, address=ADA, paper=1):
    return f"/vote/{app.booth().token(number(app, address), 0, paper)}"


async def test_who_is_suppressed_cannot_vote_and_may_take_back(visitor, app):
    await visitor.post(link(app), v="up")
    app.store.suppress(ADA, tokens.suppression_key(SECRET, ADA), "bounce", NOW)
    refused = await visitor.post(link(app, paper=2), v="up")
    assert (refused.status, app.store.votes_for(2)) == (403, 0)
    assert "Mail to your address came back, so its votes do not count" in refused.words
    assert (await visitor.post(link(app), v="none")).status == 200
    assert app.store.votes_for(1) == 0


async def test_looking_changes_nothing_and_a_button_votes_once(visitor, app):
    for _ in range(50):
        page = await visitor.get(link(app))
        assert page.status == 200
    assert "No reader here voted for it yet" in page.words
    assert app.store.votes_for(1) == 0
    for _ in range(2):
        page = await visitor.post(link(app), v="up")
        assert "Your vote is counted" in page.words
        assert "1 reader here voted for it" in page.words
    await visitor.post(link(app, GRACE), v="up")
    assert app.store.votes_for(1) == 2
    for _ in range(2):
        page = await visitor.post(link(app), v="none")
        assert "Taken back" in page.words
    assert app.store.votes_for(1) == 1
    assert "Set-Cookie" not in page.headers
    assert page.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("said", [{}, {"v": ""}, {"v": "yes"}, {"x": "up"}])
async def test_what_is_no_vote_changes_nothing(visitor, app, said):
    assert (await visitor.post(link(app), **said)).status == 400
    assert app.store.votes_for(1) == 0


async def test_no_other_token_votes(visitor, app):
    forged = [
        tokens.make(b"x" * 32, tokens.Purpose.VOTE, [number(app), 1], 0),
        tokens.make(SECRET, tokens.Purpose.VOTE, [number(app), 1], 1),
        tokens.make(SECRET, tokens.Purpose.VOTE, [number(app), 4711], 0),
        tokens.make(SECRET, tokens.Purpose.VOTE, [4711, 1], 0),
        tokens.make(SECRET, tokens.Purpose.VOTE, [number(app)], 0),
        tokens.make(SECRET, tokens.Purpose.MANAGE, [number(app)], 0),
        tokens.make(SECRET, tokens.Purpose.FEEDBACK, [number(app), 1, 1], 0),
    ]
    said = {((a := await visitor.post(f"/vote/{each}", v="up")).status, a.text) for each in forged}
    assert {status for status, _ in said} == {404}
    assert len(said) == 1, "the same answer"
    assert app.store.votes_for(1) == 0


async def test_only_a_confirmed_subscriber_votes(visitor, app):
    at = link(app)
    app.store.order("new@example.org", ["experts"], "", NOW, DAY)
    assert (await visitor.post(link(app, "new@example.org"), v="up")).status == 404
    app.store.pause(ADA, None)
    assert (await visitor.post(at, v="up")).status == 200, "also in a break"
    app.store.unsubscribe(GRACE, "", Origin.SELF)
    assert (await visitor.post(link(app, GRACE), v="up")).status == 404
    assert app.store.votes_for(1) == 1


async def test_votes_of_a_day_have_an_end_and_can_be_taken_back_then_too(
    visitor, app, monkeypatch, now
):
    monkeypatch.setattr(votes, "MOST_A_DAY", 1)
    await visitor.post(link(app), v="up")
    refused = await visitor.post(link(app, paper=2), v="up")
    assert refused.status == 429
    assert "come back tomorrow" in refused.words
    assert (await visitor.post(link(app), v="up")).status == 200, "it stands already"
    assert (await visitor.post(link(app), v="none")).status == 200
    await visitor.post(link(app), v="up")
    now[0] += 2 * DAY
    assert (await visitor.post(link(app, paper=2), v="up")).status == 200


# ── From a paper's page, for who has no link ──────────────────────────────────────────────────────

PAGE = "/vote?paper=arXiv%3A2611.00001"


async def ask(visitor, address, page=PAGE, **more):
    form = await visitor.get(page)
    stamp = re.search(r'name="stamp" value="([^"]+)"', form.text)[1]
    return await visitor.post(page, **({"address": address, "stamp": stamp, "website": ""} | more))


def notes(app):
    return [d for d in app.store.deliveries(100) if d.kind is DeliveryKind.CONFIRM]


async def test_a_papers_page_leads_there_and_a_link_comes_by_mail(visitor, app):
    await app.publish()
    public = app.config.state / "public" / "papers" / "arxiv" / "2611.00001" / "index.html"
    (href,) = re.findall(r'href="([^"]+/vote\?[^"]+)"', public.read_text())
    assert href == f"../../..{PAGE}"
    answer = await ask(visitor, ADA)
    assert "Look into your mailbox" in answer.words
    (note,) = notes(app)
    content = app.store.prepared([note.id])[note.id]
    assert b"Auto-Submitted: auto-generated" in content
    at = re.search(rb"/vote/[\w-]+", content.replace(b"=\r\n", b""))[0].decode()
    assert "Vote for it" in (await visitor.get(at)).words
    assert app.store.votes_for(1) == 0
    await visitor.post(at, v="up")
    assert app.store.has_voted(1, number(app))


async def test_a_paper_of_the_longest_address_is_voted_for_as_any_other(visitor, app):
    longest = Identifier(Scheme.URL, f"https://example.edu/p?q={'x' * 1976}")
    absorb(app.store, a_paper(longest, title="Of a long name"), now=NOW)
    page = f"/vote?paper={quote(str(longest), safe='')}"
    assert "Of a long name" in (await visitor.get(page)).words
    assert "Look into your mailbox" in (await ask(visitor, ADA, page)).words
    assert len(notes(app)) == 1


async def test_the_answer_never_tells_whether_an_address_is_known(visitor, app):
    app.store.order(LIN, ["experts"], "", NOW, DAY)
    said = {(await ask(visitor, each)).text for each in (ADA, LIN, "nobody@example.org")}
    assert len(said) == 1
    assert len(notes(app)) == 1
    for _ in range(5):
        await ask(visitor, ADA)
    assert len(notes(app)) == votes.MOST_NOTES


async def test_a_stranger_costs_as_much_as_a_reader(app, monkeypatch):
    """Else who asks for another page meanwhile tells by its wait who is subscribed."""
    printed = []
    monkeypatch.setattr(NotePress, "ballot", spied(NotePress.ballot, printed))
    for address in (ADA, "nobody@example.org"):
        await app.workers.store(app.booth().send_link, address, "arXiv:2611.00001", NOW)
    assert len(printed) == 2
    assert len(notes(app)) == 1
    assert "nobody@example.org" not in printed


def spied(real, recipients):
    def ballot(self, **asked):
        recipients.append(asked["recipient"])
        return real(self, **asked)

    return ballot


async def test_the_form_is_guarded_as_that_to_subscribe(visitor, app, monkeypatch):
    assert "Look into" in (await ask(visitor, ADA, website="http://spam.example")).words
    assert "press the button once more" in (await ask(visitor, ADA, stamp="forged")).words
    assert (await ask(visitor, "no address")).status == 400
    assert (await visitor.get("/vote?paper=arXiv%3A9999.00001")).status == 404
    assert (await visitor.get("/vote")).status == 404
    assert (await visitor.post("/vote?paper=" + "x" * 3000)).status == 404
    assert notes(app) == []
    for at in range(30):
        last = await ask(visitor, f"reader{at}@example.org")
    assert last.status == 429


async def test_hostile_words_are_inert(visitor, app):
    absorb(app.store, a_paper(arxiv(3), title="<script>alert(1)</script> & more"), now=NOW)
    page = await visitor.get("/vote?paper=arXiv%3A2611.00003")
    assert "<script>" not in page.text
    answer = await ask(visitor, '"><script>@example.org')
    assert "<script>" not in answer.text


# ── From a digest's link, and from one's own page ─────────────────────────────────────────────────


async def test_the_page_behind_more_like_this_has_the_vote_too(visitor, app):
    token = tokens.make(SECRET, tokens.Purpose.FEEDBACK, [number(app), 1, 1], 0)
    page = await visitor.get(f"/feedback/{token}")
    action = re.search(r'action="\.\.(/vote/[\w-]+)"', page.text)[1]
    await visitor.post(action, v="up")
    assert app.store.has_voted(1, number(app))
    assert "Take your vote back" in (await visitor.get(f"/feedback/{token}")).words


async def test_ones_own_page_votes_lists_and_takes_back(visitor, app):
    at = f"/manage/{app.counter().token(number(app), 0)}"
    kept = await visitor.post(at, do="vote", vote="arXiv:2611.00002")
    assert "Your vote is counted" in kept.words
    assert "Paper 2611.00002 Friday 20 November 2026 · take it back" in kept.words
    assert (await visitor.post(at, do="vote", vote="arXiv:9999.00009")).status == 400
    assert (await visitor.post(at, do="vote", vote="<nonsense>")).status == 400
    assert '"paper": "Paper 2611.00002"' in (await visitor.get(f"{at}/data")).text
    await visitor.post(at, unvote="1")
    assert app.store.has_voted(2, number(app)), "that was another paper"
    await visitor.post(at, unvote="2")
    assert not app.store.has_voted(2, number(app))


# ── What follows ──────────────────────────────────────────────────────────────────────────────────


async def test_votes_stand_on_the_page_and_count_in_what_is_trending(visitor, app):
    before = app.store.tallies([1])[1]
    await visitor.post(link(app), v="up")
    await visitor.post(link(app, GRACE), v="up")
    heard = app.store.tallies([1])[1]
    assert (before.ballots, heard.ballots) == (0, 2)
    assert ranking.trend(stored(app.store, arxiv(1)), NOW, heard) > 0
    await app.publish()
    public = app.config.state / "public"
    page = (public / "papers" / "arxiv" / "2611.00001" / "index.html").read_text()
    assert "2 readers here voted for it." in page
    assert "<td>20 November 2026</td>" in page
    trending = (public / "trending" / "index.html").read_text()
    assert "Paper 2611.00001" in trending
    assert "2 votes" in trending
    assert "Paper 2611.00002" not in trending
    assert "2 votes for 1 paper" in (public / "trending" / "2026-11-20" / "index.html").read_text()


async def test_who_voted_for_two_papers_that_are_one_voted_once(visitor, app):
    absorb(app.store, a_paper(doi(7), title="A paper elsewhere"), source="journal", now=NOW)
    other = stored(app.store, doi(7)).id
    for paper in (1, other):
        await visitor.post(link(app, paper=paper), v="up")
    absorb(app.store, a_paper(arxiv(1), doi(7), title="A paper elsewhere"), now=NOW + DAY)
    assert app.store.votes_for(1) == 1
    assert app.store.tallies([1])[1].ballots == 1
    assert app.store.vote_counts([1]) == {1: ((NOW.date(), 1),)}
    assert len(app.store.votes_by(number(app))) == 1
    await visitor.post(link(app, paper=other), v="none")
    assert app.store.votes_for(1) == 0


async def test_votes_come_on_top_of_those_that_a_source_tells(app):
    absorb(app.store, shown(a_paper(), votes=5), source="hf", now=NOW)
    app.store.vote(1, number(app), NOW + DAY)
    await app.publish()
    page = (app.config.state / "public" / "papers/arxiv/2611.00001/index.html").read_text()
    rows = re.findall(r'<td class="n">(\d+)</td><td class="n">(\+\d+)</td>', page)
    assert rows == [("6", "+1"), ("5", "+5")]


async def test_who_is_forgotten_leaves_no_vote(visitor, app):
    await visitor.post(link(app), v="up")
    app.store.forget(ADA, tokens.suppression_key(SECRET, ADA), NOW)
    assert app.store.votes_for(1) == 0
    assert app.store.db.rows("SELECT * FROM vote") == []


async def test_the_past_knows_only_the_votes_of_its_time(app):
    app.store.vote(1, number(app), NOW + DAY)
    assert app.store.as_of(NOW).tallies([1])[1].ballots == 0
    assert app.store.as_of(NOW + 2 * DAY).tallies([1])[1].ballots == 1
