"""What the owner and the curators say of a paper, and what profiles learn from it."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime

import pytest

from bot.models import Event, InterestKind, Opinion
from bot.ranking import learnt
from bot.store import Store
from support_cli import MORNING, NEXT, desk_in, mails, text_of, walk_a_morning
from support_replay import replaying, sample_day
from support_round import (
    DAY,
    NOW,
    a_paper,
    a_profile,
    absorb,
    an_edition,
    arxiv,
    shown,
    stored,
    subscribed,
    with_profiles,
)

UNPICKED = "arXiv:2611.90001"


@pytest.fixture(scope="module")
def site():
    with replaying(sample_day(1)) as started:
        yield started


@pytest.fixture(scope="module")
def morning(tmp_path_factory, site):
    site.show(sample_day(1))  # another test may have come first, and broken a source
    return walk_a_morning(tmp_path_factory.mktemp("morning"), site.url)


@pytest.fixture
def desk(tmp_path, monkeypatch, capsys, morning, site):
    site.show(sample_day(2))
    shutil.copytree(morning, tmp_path / "desk")
    yield from desk_in(tmp_path / "desk", monkeypatch, capsys)


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "paperround.db") as opened:
        absorb(opened, *(a_paper(arxiv(n), title=f"Number {n}") for n in range(1, 6)))
        yield with_profiles(opened, "experts", "others")


def picked_by(desk, profile):
    with Store(desk.state / "paperround.db") as opened:
        (edition,) = opened.editions(profile, 1)
        papers = opened.papers([pick.paper for pick in edition.picks])
        return [str(papers[pick.paper].key) for pick in edition.picks]


def teach(desk, learn):
    text = (desk.folder / "config.toml").read_text()
    desk.write(text.replace('title = "Experts"', f'title = "Experts"\nlearn = "{learn}"'))


# ── Saying it ─────────────────────────────────────────────────────────────────────────────────────


def test_a_like_is_kept_for_the_profiles_that_picked_the_paper(desk):
    paper = picked_by(desk, "experts")[0]
    said = desk(*MORNING, "like", paper)
    assert said.code == 0
    assert "experts: more like “" in said.words
    assert '[profiles.experts] has learn = "none"; learn = "owner" lets it count' in said.words
    told = desk(*MORNING, "dislike", paper, "--json").document
    assert told == {
        "paper": paper, "opinion": "dislike", "profiles": ["experts"], "not_learning": ["experts"],
    }  # fmt: skip
    with Store(desk.state / "paperround.db") as opened:
        (feedback,) = opened.feedback_of("experts")
    assert (str(feedback.paper.key), feedback.opinion, feedback.subscriber) == (
        paper, Opinion.DISLIKE, 0,
    )  # fmt: skip
    assert feedback.at == datetime(2026, 11, 19, 8, tzinfo=UTC)


@pytest.mark.parametrize("command", ["like", "dislike", "submit"])
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["arXiv:1111.11111"], "is not stored: no source has shown it yet"),
        (["that paper"], "names no paper"),
        (["", "--profile", "experts"], "names no paper"),
        ([UNPICKED, "--profile", "expert"], "Did you mean 'experts'?"),
    ],
)
def test_what_cannot_be_said_is_told_in_a_sentence(desk, command, arguments, says):
    said = desk(command, *arguments)
    assert said.code == 2
    assert says in said.words


def test_a_paper_that_nobody_picked_needs_a_profile(desk):
    said = desk("like", UNPICKED)
    assert said.code == 2
    assert "say for which profile: --profile NAME. There are: experts, proteins." in said.words


# ── Learning it ───────────────────────────────────────────────────────────────────────────────────


def test_what_the_owner_liked_counts_where_the_profile_learns(desk):
    liked, other = picked_by(desk, "experts")[:2]

    def kinds():
        told = desk(*NEXT, "explain", "experts", other, "--json").document
        return {reason["kind"] for reason in told["reasons"]}

    desk(*MORNING, "like", liked, "--profile", "experts")
    assert "like" not in kinds(), "it does not learn yet"
    teach(desk, "owner")
    assert "like" in kinds()
    assert desk("check", "--offline").words.count("learn") == 0
    desk(*NEXT, "once")
    assert InterestKind.LIKE in reasons_of(desk, "experts")


def reasons_of(desk, profile):
    with Store(desk.state / "paperround.db") as opened:
        (edition,) = opened.editions(profile, 1)
    return {reason.kind for pick in edition.picks for reason in pick.reasons}


def test_a_dislike_takes_away(desk):
    disliked = picked_by(desk, "experts")[0]
    desk(*MORNING, "dislike", disliked, "--profile", "experts")
    teach(desk, "owner")
    desk(*NEXT, "once")
    assert InterestKind.DISLIKE in reasons_of(desk, "experts")


def test_readers_are_heard_where_all_are(store):
    papers = {n: stored(store, arxiv(n)) for n in range(1, 6)}
    store.put_feedback(["experts"], papers[1].id, Opinion.LIKE, NOW, subscriber=1)
    store.put_feedback(["experts"], papers[1].id, Opinion.LIKE, NOW, subscriber=2)
    store.put_feedback(["experts"], papers[1].id, Opinion.DISLIKE, NOW, subscriber=3)
    store.put_feedback(["experts"], papers[2].id, Opinion.DISLIKE, NOW, subscriber=1)
    store.put_feedback(["experts"], papers[3].id, Opinion.LIKE, NOW, subscriber=1)
    store.put_feedback(["experts"], papers[3].id, Opinion.DISLIKE, NOW)
    store.put_feedback(["experts"], papers[4].id, Opinion.LIKE, NOW, subscriber=1)
    store.put_feedback(["experts"], papers[4].id, Opinion.DISLIKE, NOW, subscriber=2)
    store.put_feedback(["experts"], papers[5].id, Opinion.DISLIKE, NOW)

    def learns(learn):
        profile = a_profile(learn=learn, like=("arXiv:2611.00005",))
        found = learnt(profile, store.feedback_of("experts"), ())
        return set(found.like), set(found.dislike)

    own = {"arXiv:2611.00005"}
    assert learns("none") == (own, set())
    assert learns("owner") == (own, {"arXiv:2611.00003"}), "what the profile says holds"
    assert learns("all") == (
        own | {"arXiv:2611.00001"}, {"arXiv:2611.00002", "arXiv:2611.00003"},
    )  # fmt: skip


def test_a_later_opinion_takes_an_earlier_one_back_also_after_papers_joined(store):
    from bot.models import Identifier, Scheme

    doi = Identifier(Scheme.DOI, "10.1234/9")
    absorb(store, a_paper(doi, title="The same elsewhere"))
    store.put_feedback(["experts"], stored(store, doi).id, Opinion.LIKE, NOW)
    absorb(store, a_paper(arxiv(1), doi, title="Number 1"))
    (kept,) = store.feedback_of("experts")
    assert kept.paper.id == 1
    store.put_feedback(["experts"], 1, Opinion.DISLIKE, NOW + DAY)
    (kept,) = store.feedback_of("experts")
    assert kept.opinion is Opinion.DISLIKE
    assert store.feedback_of("experts", NOW) == []
    assert store.feedback_of("others") == []


def test_who_is_forgotten_said_nothing(store):
    subscribed(store, "ada@example.org")
    (ada,) = store.subscriptions()
    store.put_feedback(["experts"], 1, Opinion.LIKE, NOW, subscriber=ada.subscriber)
    assert store.forget("ada@example.org", "hidden", NOW)
    assert store.feedback_of("experts") == []


# ── Submitting ────────────────────────────────────────────────────────────────────────────────────


def test_a_submitted_paper_has_a_vote_of_the_house_once(desk):
    assert "has a vote of the house" in desk(*MORNING, "submit", UNPICKED).words
    assert "was put forward already" in desk(*NEXT, "submit", UNPICKED).words
    trending = {p["id"]: p for p in desk(*MORNING, "trending", "--json").document}
    assert trending[UNPICKED]["votes"] >= 1
    with Store(desk.state / "paperround.db") as opened:
        (paper,) = opened.lookup([next(iter(opened.papers([1])[1].identifiers))])
        events = [s["event"] for each in range(1, 31) for s in opened.sightings(each)]
    assert events.count("submit") == 1
    assert paper is not None


def test_the_vote_of_the_house_comes_on_top_of_the_others(store):
    voted = a_paper(arxiv(1), title="Number 1")
    absorb(store, shown(voted, Event.SEEN, votes=10), source="hf")
    assert store.submit(1, "", NOW)
    assert stored(store, arxiv(1)).votes == 11
    absorb(store, shown(voted, Event.SEEN, votes=12), source="hf", now=NOW + DAY)
    absorb(store, shown(voted, Event.SEEN, votes=12), source="hf", now=NOW + DAY)
    assert stored(store, arxiv(1)).votes == 13
    assert not store.submit(1, "", NOW + DAY)


def test_a_curators_pick_stands_in_the_next_edition_once(desk):
    said = desk(*MORNING, "submit", UNPICKED, "--profile", "proteins")
    assert "It comes with the next edition of proteins" in said.words
    assert UNPICKED not in picked_by(desk, "proteins")
    assert desk(*NEXT, "once").code == 0
    assert UNPICKED in picked_by(desk, "proteins")
    grace = [mail for mail in mails(desk.state) if mail["To"] == "grace@example.org"]
    assert "2611.90001" in text_of(grace[-1])
    desk("--now", "2026-11-21T08:00Z", "once")
    assert UNPICKED not in picked_by(desk, "proteins")
    again = desk("--now", "2026-11-21T08:00Z", "submit", UNPICKED, "--profile", "proteins")
    assert "put forward already" in again.words


def test_exclusion_is_stronger_than_a_curator(desk):
    text = (desk.folder / "config.toml").read_text()
    desk.write(
        text.replace(
            'keywords = ["protein"]', 'keywords = ["protein"]\nexclude = ["paper:2611.90001"]'
        )
    )
    desk(*MORNING, "submit", UNPICKED, "--profile", "proteins")
    desk(*NEXT, "once")
    assert UNPICKED not in picked_by(desk, "proteins")


def test_what_an_edition_picked_waits_no_more(store):
    store.submit(2, "experts", NOW)
    assert [p.id for p in store.submitted("experts")] == [2]
    assert store.submitted("others") == []
    an_edition(store, 2, now=NOW + DAY)
    assert store.submitted("experts") == []
    assert [p.id for p in store.submitted("experts", NOW)] == [2]
    assert store.picked_by(2) == ["experts"]
