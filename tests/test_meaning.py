"""The semantic tier: vectors that are computed once, all or none in an edition, and reasons that add up."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from bot import ranking
from bot.config import Profile
from bot.digest import Owed, fill
from bot.embed.words import WordEmbedder, packed, pointing
from bot.errors import EmbeddingError
from bot.identity import known_by
from bot.models import Had, InterestKind
from bot.outputs.cards import reasons_in_words
from bot.ranking import Background, rank, ranker_of
from bot.ranking.asked import said
from bot.ranking.meaning import (
    LEAST_TO_LEARN,
    Meaning,
    Whitening,
    learnt_whitening,
    likeness,
    shipped_whitening,
)
from bot.ranking.told import as_told, digest_of, told_of
from bot.store import Store
from bot.store.meaning import MeaningLedger
from bot.store.pruning import Pruner
from bot.workflows.compose import compose, ranked_papers
from bot.workflows.meaning import Meanings
from bot.workflows.replay import replay
from support_round import (
    DAY,
    HOUR,
    NOW,
    WORKERS,
    a_paper,
    a_profile,
    a_source,
    absorb,
    an_edition,
    arxiv,
    stored,
    subscribed,
    with_profiles,
)


class Desk:
    """A store, an embedder over words, and the editions that are made with them."""

    def __init__(self, store: Store) -> None:
        self.store = with_profiles(store, "experts", "others")
        self.embedder = WordEmbedder()
        self.profile = a_profile(
            keywords=("sparse routing",), about="Experts are routed", like=("arXiv:2611.00001",)
        )

    def meanings(self, seconds: float = 600) -> Meanings:
        return Meanings(self.embedder, MeaningLedger(self.store.db), WORKERS, seconds)

    async def make(self, now=NOW, **said):
        meanings = said.pop("meanings", None) or self.meanings()
        profiles = said.pop("profiles", {"experts": self.profile})
        return await compose(
            profiles, [a_source()], self.store, WORKERS, now, "UTC", meanings=meanings
        )

    def came(self, *numbers: int, now=NOW) -> None:
        papers = (
            a_paper(arxiv(n), title=f"Experts {n}", abstract=f"Routing of {n} experts. " * 3, published=now)
            for n in numbers
        )  # fmt: skip
        absorb(self.store, *papers, now=now)


@pytest.fixture
def desk(tmp_path):
    with Store(tmp_path / "paperround.db") as store:
        yield Desk(store)


# ── Vectors are computed once ─────────────────────────────────────────────────────────────────────


async def test_each_text_is_read_once_whatever_asks_for_it_again(desk):
    desk.came(1, 2, 3, now=NOW - HOUR)
    other = a_profile("others", keywords=("experts",), like=("arXiv:2611.00002",))
    (one, two) = await desk.make(profiles={"experts": desk.profile, "others": other})
    assert (
        one.edition.ranker
        == two.edition.ranker
        == ranker_of(Background(meaning=Meaning(desk.embedder.model, {})))
    )
    first = len(desk.embedder.read)
    assert first == len(set(desk.embedder.read)) == 3 + 2 + 1  # papers, and what profiles say
    desk.came(4, now=NOW + DAY - HOUR)
    await desk.make(NOW + DAY)
    assert len(desk.embedder.read) == first + 1
    ledger = MeaningLedger(desk.store.db)
    assert ledger.count_vectors(desk.embedder.model) == 4
    assert ledger.count_vectors("another") == 0


async def test_a_revised_text_and_another_model_are_read_anew(desk):
    desk.came(1, 2, now=NOW - HOUR)
    papers = desk.store.lookup([arxiv(1), arxiv(2)])
    await ranked_papers(papers, desk.profile, desk.store, WORKERS, NOW, desk.meanings())
    before = len(desk.embedder.read)
    revised = [replace(papers[0], abstract="Quite another text."), papers[1]]
    await ranked_papers(revised, desk.profile, desk.store, WORKERS, NOW, desk.meanings())
    assert desk.embedder.read[before:] == [told_of(revised[0])]
    desk.embedder.model, desk.embedder.read = "another", []
    meanings = desk.meanings()
    await ranked_papers(papers, desk.profile, desk.store, WORKERS, NOW, meanings)
    assert len(desk.embedder.read) == before
    assert "from 300 on" in meanings.problem  # what its vectors have in common is not known


async def test_what_loses_its_text_loses_its_vector(desk):
    desk.came(1, 2, now=NOW - 900 * DAY)
    papers = desk.store.lookup([arxiv(1), arxiv(2)])
    await ranked_papers(papers, desk.profile, desk.store, WORKERS, NOW, desk.meanings())
    ledger = MeaningLedger(desk.store.db)
    assert ledger.count_vectors(desk.embedder.model) == 2
    pruned = Pruner(desk.store.db).prune_papers(NOW - 730 * DAY, 0, {arxiv(2)})
    assert (pruned.papers, ledger.count_vectors(desk.embedder.model)) == (1, 1)


async def test_papers_that_are_not_stored_leave_nothing(desk):
    paper = a_paper(arxiv(9), title="From a file", abstract="Experts are routed.")
    (found,) = await ranked_papers([paper], desk.profile, desk.store, WORKERS, NOW, desk.meanings())
    assert found.score > 0
    assert MeaningLedger(desk.store.db).count_vectors(desk.embedder.model) == 0


async def test_a_profile_that_says_nothing_reads_nothing(desk):
    desk.came(1, now=NOW - HOUR)
    (made,) = await desk.make(profiles={"experts": a_profile(keywords=(), categories=("cs.LG",))})
    assert (made.edition.ranker, desk.embedder.read) == (ranking.LIGHT, [])


# ── All or none ───────────────────────────────────────────────────────────────────────────────────


async def test_what_fails_leaves_the_whole_edition_to_words_and_is_told_once(desk, caplog):
    desk.came(*range(1, 41), now=NOW - HOUR)
    desk.embedder.after = 32  # the first batch is read, the next is not
    meanings = desk.meanings()
    other = a_profile("others", keywords=("experts",))
    made = await desk.make(meanings=meanings, profiles={"experts": desk.profile, "others": other})
    assert [each.edition.ranker for each in made] == [ranking.LIGHT, ranking.LIGHT]
    assert all(each.new for each in made)
    assert meanings.problem == "it has read enough"
    assert caplog.text.count("Ranked by words: it has read enough.") == 1
    kinds = {r.kind for each in made for pick in each.edition.picks for r in pick.reasons}
    assert InterestKind.MEANING not in kinds
    desk.embedder.after = 10_000  # what was read is kept: the next day goes on from there
    desk.came(50, now=NOW + DAY - HOUR)
    await desk.make(NOW + DAY)
    assert len(desk.embedder.read) == len(set(desk.embedder.read))


async def test_time_that_is_over_leaves_the_edition_to_words_and_the_next_goes_on(desk, caplog):
    desk.came(*range(1, 100), now=NOW - HOUR)
    desk.embedder.seconds = 0.02
    (made,) = await desk.make(meanings=desk.meanings(seconds=0.03))
    assert made.edition.ranker == ranking.LIGHT
    assert "were not read within 0.03 s; the next run goes on with them" in caplog.text
    kept = len(desk.embedder.read)
    assert 32 <= kept < 99
    await ranked_papers(
        desk.store.recent(200), desk.profile, desk.store, WORKERS, NOW, desk.meanings()
    )
    assert len(desk.embedder.read) == 99 + 2  # and what the profile says


async def test_vectors_of_another_length_than_before_leave_it_to_words(desk):
    desk.came(1, 2, now=NOW - HOUR)
    desk.embedder.width = 100
    meanings = desk.meanings()
    (made,) = await desk.make(meanings=meanings)
    assert made.edition.ranker == ranking.LIGHT
    assert "vectors of another length than before" in meanings.problem


async def test_a_replay_has_one_ranker_for_all_its_days(desk):
    for day in range(5):
        desk.came(*range(10 * day + 1, 10 * day + 9), now=NOW - (5 - day) * DAY)
    desk.embedder.after = 15
    meanings = desk.meanings()
    days = await replay(desk.profile, desk.store.as_of, WORKERS, NOW, "UTC", 5, meanings=meanings)
    assert meanings.problem
    assert len(days) > 1
    kinds = {r.kind for day in days for pick, _ in day.picks for r in pick.reasons}
    assert kinds
    assert InterestKind.MEANING not in kinds


def test_a_digest_of_two_rankers_goes_by_places_not_by_scores(desk):
    desk.came(*range(1, 5))
    monday = an_edition(desk.store, 1, 2, ranker="light-4")
    tuesday = an_edition(
        desk.store, 3, 4, now=NOW + DAY, period=(NOW + DAY).date(), ranker="semantic-4 model"
    )
    picks = tuple(replace(pick, score=100 + pick.score) for pick in tuesday.picks)
    subscribed(desk.store, "a@example.org")
    (mine,) = desk.store.subscriptions()
    owed = Owed(mine, "2026-W47", (monday, replace(tuesday, picks=picks)))
    plan = fill([owed], {"experts": desk.profile}, Had())
    assert [pick.paper for pick in plan.picks] == [1, 3, 2, 4]
    same = replace(owed, editions=(monday, replace(tuesday, picks=picks, ranker="light-4")))
    assert [p.paper for p in fill([same], {"experts": desk.profile}, Had()).picks] == [3, 4, 1, 2]


# ── Whitening ─────────────────────────────────────────────────────────────────────────────────────


def some_vectors(count: int, width: int = 48) -> list[bytes]:
    return [packed(pointing(f"common words and {n % 40} {n}", width)) for n in range(count)]


async def test_what_a_model_has_in_common_is_learnt_once_and_holds(desk):
    desk.embedder = WordEmbedder("own", width=48)
    desk.came(*range(1, LEAST_TO_LEARN + 1), now=NOW - HOUR)
    (made,) = await desk.make()
    assert made.edition.ranker == "semantic-4 own"
    ledger = MeaningLedger(desk.store.db)
    learnt = ledger.whitening("own")
    assert learnt is not None
    desk.came(*range(1001, 1050), now=NOW + DAY - HOUR)
    await desk.make(NOW + DAY)
    assert ledger.whitening("own") == learnt
    assert ledger.keep_whitening("own", b"other") == learnt


def test_whitening_takes_off_what_all_have_in_common():
    vectors = some_vectors(400)
    plain = np.array([np.frombuffer(each, "<f2") for each in vectors], float)
    white = Whitening.unpacked(learnt_whitening(vectors).packed())(vectors)
    others = ~np.eye(len(vectors), dtype=bool)
    assert (plain @ plain.T)[others].mean() > 0.5
    assert abs((white @ white.T)[others].mean()) < 0.02
    assert np.allclose(np.linalg.norm(white, axis=1), 1)
    with pytest.raises(ValueError, match="not 48 wide"):
        learnt_whitening(vectors)([b"\0" * 10])
    with pytest.raises(ValueError, match="several widths"):
        learnt_whitening([*vectors, b"\0\0"])


def test_what_is_shipped_is_small_and_of_the_models_width():
    whitening = shipped_whitening()
    assert whitening.matrix.shape == (384, 384)
    assert len(whitening.packed()) < 400_000


# ── Scores ────────────────────────────────────────────────────────────────────────────────────────

PAPERS = [
    a_paper(arxiv(n), title=title, abstract=abstract)
    for n, (title, abstract) in enumerate([
        ("Sparse experts", "Tokens are routed to sparse experts."),
        ("Cheap layers", "Gates choose which layers a token passes."),
        ("Folding proteins", "Structures of proteins are predicted."),
        ("Routing experts", "Experts are routed by tokens, sparsely."),
        ("", ""),
    ], start=1)
]  # fmt: skip


def meaning_of(papers, profile: Profile) -> Meaning:
    texts = [*map(told_of, papers), *(as_told(t) for t in said(profile))]
    rows = shipped_whitening()([packed(pointing(text)) for text in texts])
    return Meaning("words", dict(zip(map(digest_of, texts), rows.astype(np.float32), strict=True)))


def ranked_by_meaning(profile: Profile, papers=PAPERS):
    examples = known_by(papers)
    background = Background(examples=examples, now=NOW, meaning=meaning_of(papers, profile))
    return {each.paper.title: each for each in rank(papers, profile, background)}


WISHES = a_profile(
    keywords=("sparse experts^2", "gates"), about="Routing tokens", like=("arXiv:2611.00004",),
    dislike=("arXiv:2611.00003",),
)  # fmt: skip


def test_reasons_by_meaning_add_up_to_the_score():
    found = ranked_by_meaning(WISHES)
    assert found
    for each in found.values():
        assert math.fsum(r.share for r in each.reasons) == pytest.approx(each.score, abs=1e-6)
        assert 0 <= each.probability <= 1
    kinds = {r.kind for each in found.values() for r in each.reasons}
    assert {InterestKind.MEANING, InterestKind.LIKE} <= kinds


def test_meaning_finds_what_shares_no_telling_word():
    liked = a_profile(keywords=(), like=("arXiv:2611.00001",))
    words = rank(PAPERS, liked, Background(examples=known_by(PAPERS), now=NOW))
    by_words = {each.paper.title: each.score for each in words}
    by_meaning = ranked_by_meaning(liked)
    assert by_meaning["Routing experts"].score > by_words["Routing experts"]


def test_one_more_interest_never_lowers_a_score_and_order_is_no_matter():
    few = ranked_by_meaning(a_profile(keywords=("gates",), like=("arXiv:2611.00004",)))
    more = ranked_by_meaning(
        a_profile(keywords=("gates", "sparse experts"), like=("arXiv:2611.00004", "arXiv:2611.00001"))
    )  # fmt: skip
    turned = ranked_by_meaning(
        a_profile(keywords=("sparse experts", "gates"), like=("arXiv:2611.00001", "arXiv:2611.00004"))
    )  # fmt: skip
    for title, each in few.items():
        if title != "Sparse experts":  # which is now an example itself
            assert more[title].score >= each.score - 1e-9
    assert {t: e.score for t, e in more.items()} == pytest.approx(
        {t: e.score for t, e in turned.items()}
    )


def test_an_example_says_nothing_about_itself_by_meaning_either():
    found = ranked_by_meaning(a_profile(keywords=(), like=("arXiv:2611.00001",)))
    assert "Sparse experts" not in found


def test_likeness_is_from_0_to_1_and_rises_with_nearness():
    near = likeness(np.eye(3), np.array([[1.0, 0, 0], [0.6, 0.8, 0], [-1, 0, 0]]))
    assert near[0].tolist() == pytest.approx([1, (math.exp(1.8) - 1) / (math.exp(3) - 1), 0])
    assert likeness(np.zeros((2, 3)), np.zeros((0, 0))).shape == (2, 0)


def test_meaning_is_told_in_words_only_where_nothing_better_speaks():
    found = ranked_by_meaning(a_profile(keywords=("sparse experts",), trending=0.0))
    told = reasons_in_words(found["Sparse experts"].reasons)
    assert told[0].term == "sparse experts"
    assert not any("meaning" in reason.before for reason in told)
    alone = [r for r in found["Sparse experts"].reasons if r.kind is InterestKind.MEANING]
    (only,) = reasons_in_words(alone)
    assert only.before + only.term + only.after == "near in meaning to “sparse experts”"


# ── The nearest to a text ─────────────────────────────────────────────────────────────────────────


async def test_the_nearest_papers_to_a_text_are_found_by_meaning(desk):
    meanings = desk.meanings()
    with pytest.raises(EmbeddingError, match="no paper was read yet"):
        await meanings.nearest_to("experts", 3)
    absorb(desk.store, *PAPERS, now=NOW - timedelta(hours=2))
    await ranked_papers(desk.store.recent(9), desk.profile, desk.store, WORKERS, NOW, meanings)
    found = await meanings.nearest_to("structures of proteins", 2)
    assert found[0][0] == stored(desk.store, arxiv(3)).id
    assert len(found) <= 2
    with pytest.raises(EmbeddingError, match="nothing that could tell"):
        await Meanings(None, None, WORKERS).nearest_to("experts", 3)
