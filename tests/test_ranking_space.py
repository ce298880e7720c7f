"""Likeness: hashed terms, the shipped statistics, and what many examples say together."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from importlib.resources import files

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import ranking_adapter
from bot.models import InterestKind
from bot.ranking import Background, put_away, rank
from bot.ranking.candidates import candidates, looked_up
from bot.ranking.evidence import experience
from bot.ranking.hashing import BUCKETS, PAIRS, RUNS, hashed_terms, named_terms
from bot.ranking.nearness import Description
from bot.ranking.pool import Direction, Pool, pooled
from bot.ranking.space import direction, having, shipped
from bot.ranking.weighing import together
from bot.ranking.words import count_phrase, words
from support_round import NOW, a_paper, a_profile, arxiv

ABSTRACT = (
    "Sparse layers route every token to few experts, so that a model grows without costing more. "
    "We balance the load of the experts by a loss of its own, and serve the model on one machine."
)
texts = st.one_of(
    st.lists(
        st.sampled_from(["expert", "routing", "sparse", "token", "protein", "日本", "Ünïcode"]),
        max_size=12,
    ).map(" ".join),
    st.text(max_size=80),
)


# ── Terms ─────────────────────────────────────────────────────────────────────────────────────────


def test_the_buckets_of_a_text_are_the_same_on_every_machine():
    terms = hashed_terms("Expert routing", "")
    kinds = (terms.buckets < PAIRS, (terms.buckets >= PAIRS) & (terms.buckets < RUNS))
    assert [terms.buckets[kind].tolist() for kind in kinds] == EXPERT_ROUTING
    assert terms.counts[kinds[0]].tolist() == [3.0, 3.0], "a title's words count three times"


def test_a_term_is_called_by_its_words():
    names = named_terms("How experts are routed: expert routing")
    assert set(names.values()) == {"expert", "routed", "routing", "expert routing", "routed expert"}
    terms = set(hashed_terms("", "Expert routing").buckets.tolist())
    assert {names[bucket] for bucket in terms & names.keys()} == {
        "expert",
        "routing",
        "expert routing",
    }


@given(texts, texts)
def test_a_text_is_a_direction_of_a_fixed_length_or_none_at_all(title, abstract):
    towards = direction(title, abstract)
    # Words and pairs have seven tenths, runs of letters three; a text may lack either.
    square = float(towards.weights @ towards.weights)
    assert any(square == pytest.approx(whole) for whole in (0.0, 0.3, 0.7, 1.0))
    assert np.all(np.diff(towards.buckets) > 0)
    assert np.all((towards.buckets >= 0) & (towards.buckets < BUCKETS))
    assert np.all(np.isfinite(towards.weights))
    assert np.all(towards.weights > 0)


# ── The space ─────────────────────────────────────────────────────────────────────────────────────


def test_the_shipped_statistics_are_small_and_hold_no_text():
    with np.load(files("bot.ranking").joinpath("space.npz")) as told:
        assert {told[name].dtype.kind for name in told.files} <= set("uif"), "numbers only"
    assert files("bot.ranking").joinpath("space.npz").stat().st_size <= 4_000_000


def test_rare_terms_tell_more_than_common_ones():
    common, rare = (Description.of(word).direction for word in ("network", "perovskite"))
    both = Description.of("network perovskite").direction
    space = shipped()
    near_common, near_rare = space.nearness([both], [common, rare])[0]
    assert near_rare > near_common


@given(st.lists(texts, min_size=1, max_size=4), st.lists(texts, max_size=4))
def test_nearness_is_a_share_and_no_matter_of_who_else_is_looked_at(some, others):
    space = shipped()
    rows, columns = ([direction("", text) for text in each] for each in (some, others))
    near = space.likeness(rows, columns)
    assert near.shape == (len(some), len(others))
    assert np.all((near >= 0) & (near <= 1))
    for at, row in enumerate(rows):
        for place, column in enumerate(columns):
            assert space.likeness([row], [column])[0, 0] == near[at, place]


def test_what_shares_only_the_words_of_every_paper_is_not_near():
    one = direction("Sparse experts", "In this paper we propose a method. Results show experts.")
    other = direction("Knitting wool", "In this paper we propose a method. Results show wool.")
    assert shipped().likeness([one], [other])[0, 0] < 0.01


def _product(one: Direction, other: Direction) -> float:
    weights = dict(zip(other.buckets.tolist(), other.weights.tolist(), strict=True))
    pairs = zip(one.buckets.tolist(), one.weights.tolist(), strict=True)
    return math.fsum(weight * weights.get(bucket, 0.0) for bucket, weight in pairs)


@pytest.mark.parametrize("examples", [0, 1, 12, 20])
def test_products_are_the_same_by_looking_up_and_by_the_table_of_common_terms(examples):
    """One example is looked up, twelve need the table, twenty are more than are multiplied at a time."""
    draw = random.Random(examples)  # noqa: S311 - the same every time

    def text() -> str:  # as in papers: a few words are in most texts, most words in a few
        return " ".join(f"word{int(draw.paretovariate(0.5)) % 5000}" for _ in range(60))

    papers = [direction("", text()) for _ in range(300)]
    liked = [direction("", text()) for _ in range(examples)]
    expected = np.array([[_product(paper, each) for each in liked] for paper in papers])
    found = Pool(papers).products(liked)
    assert found.shape == (300, examples)
    assert np.allclose(found, expected, rtol=0, atol=1e-13)


@given(st.lists(texts, max_size=6), texts)
def test_who_has_a_phrase_has_every_term_of_it(some, phrase):
    found = having([direction("", text) for text in some], direction("", phrase))
    looked_for = words(phrase)
    assert set(found) >= {
        at for at, text in enumerate(some) if count_phrase(looked_for, words(text))
    }


def test_profiles_that_leave_out_different_papers_look_up_in_the_same_ones():
    papers = [NEAR, a_paper(arxiv(2), title="Knitting", abstract=ABSTRACT)]
    put_away()
    for excluded in ("knitting", "sparse"):
        profile = a_profile(keywords=("token",), exclude=(f"title:{excluded}",))
        assert len(rank(papers, profile, KNOWN)) == 1
    assert pooled.cache_info().misses == 1


def test_papers_are_known_again_by_being_the_same_ones():
    put_away()
    papers = [NEAR, a_paper(arxiv(2), title="Knitting", abstract=ABSTRACT)]
    known = candidates(papers)
    assert candidates(list(papers)) is known
    assert candidates([NEAR]) is not known
    assert candidates(papers[::-1]) is not known
    put_away()
    assert candidates(papers) is not known


def test_who_has_any_of_what_is_looked_up_comes_once_and_in_order():
    papers = [a_paper(arxiv(n), categories=("cs.LG", "stat.ML")[: n % 3]) for n in range(5)]
    by_category = candidates(papers).by_category
    assert looked_up(by_category, ["stat", "cs.lg", "cs", "math"]) == [1, 2, 4]


# ── Examples together ─────────────────────────────────────────────────────────────────────────────

LIKED = [
    a_paper(arxiv(n), title=f"Routing tokens to experts, part {n}", abstract=ABSTRACT)
    for n in range(100, 112)
]
KNOWN = Background.of([], LIKED, NOW)
NEAR = a_paper(arxiv(1), title="Sparse experts", abstract=ABSTRACT)


def _liking(count: int, **said):
    likes = tuple(f"arXiv:2611.{n:05d}" for n in range(100, 100 + count))
    return a_profile(**({"keywords": (), "trending": 0.0, "like": likes} | said))


@pytest.mark.parametrize("count", [1, 5, 6, 12])
def test_the_nearest_examples_are_named_and_the_others_told_in_one_sum(count):
    (ranked,) = rank([NEAR], _liking(count), KNOWN)
    named = [reason for reason in ranked.reasons if reason.text]
    assert len(named) == min(count, 5)
    assert len(ranked.reasons) - len(named) == (count > 5)
    assert math.fsum(r.share for r in ranked.reasons) == pytest.approx(ranked.score, abs=1e-6)
    assert {reason.kind for reason in ranked.reasons} == {InterestKind.LIKE}


def test_every_further_example_raises_what_is_like_it_and_each_by_less():
    scores = [rank([NEAR], _liking(count), KNOWN)[0].score for count in range(1, 13)]
    steps = np.diff(scores)
    assert np.all(steps > 0)
    assert steps[-1] < steps[0]


@settings(deadline=None)
@given(st.integers(0, 6), st.sets(st.integers(100, 111), max_size=6), texts, texts)
def test_liking_one_more_paper_never_lowers_any_score(more, likes, title, abstract):
    papers = [NEAR, a_paper(arxiv(2), title=title or "?", abstract=abstract)]

    def scores(numbers):
        like = tuple(f"arXiv:2611.{n:05d}" for n in sorted(numbers))
        found = rank(papers, _liking(0, like=like, keywords=("token",)), KNOWN)
        return {each.paper: each.score for each in found}

    before, after = scores(likes), scores(likes | {100 + more})
    assert all(after[paper] >= score - 1e-9 for paper, score in before.items())


def _share(ranked, kind: InterestKind) -> float:
    return math.fsum(reason.share for reason in ranked.reasons if reason.kind is kind)


def test_what_examples_have_said_a_keyword_says_again_for_less():
    (alone,) = rank([NEAR], _liking(0, keywords=("sparse experts",)), KNOWN)
    beside = [rank([NEAR], _liking(n, keywords=("sparse experts",)), KNOWN)[0] for n in (1, 5, 12)]
    shares = [_share(each, InterestKind.KEYWORD) for each in (alone, *beside)]
    assert shares == sorted(shares, reverse=True)
    assert shares[-1] > 0
    without = rank([NEAR], _liking(12), KNOWN)[0].score
    assert beside[-1].score > without, "and still it lifts the paper"


def test_a_keyword_finds_what_no_example_speaks_of_however_many_there_are():
    wool = a_paper(arxiv(3), title="Knitting patterns in merino wool", abstract="Yarn is knitted.")
    plain = a_paper(arxiv(4), title="Baking patterns in rye bread", abstract="Dough is baked.")
    scores = []
    for count in (1, 12, 40):
        likes = [replace(LIKED[0], title=f"{LIKED[0].title} {n}", identifiers=frozenset({arxiv(n)}))
                 for n in range(200, 200 + count)]  # fmt: skip
        profile = _liking(0, like=tuple(str(arxiv(n)) for n in range(200, 200 + count)))
        keyed = profile.model_copy(update={"keywords": ("merino wool",)})
        found = rank([plain, wool], keyed, Background.of([], likes, NOW))
        assert found[0].paper == wool
        scores.append(_share(found[0], InterestKind.KEYWORD))
    assert scores[-1] > scores[0] / 2, (
        "forty papers that are not about wool hardly speak against it"
    )


def test_more_examples_are_trusted_more_and_the_twentieth_is_the_last_that_adds_trust():
    trust = [experience(count) for count in range(30)]
    assert trust == sorted(trust)
    assert trust[10] == 1
    assert trust[20:] == [trust[20]] * 10


@given(st.lists(st.lists(st.floats(0, 50), min_size=3, max_size=3), min_size=1, max_size=4))
def test_shares_of_evidence_add_up_to_the_logarithm_of_all_of_it(rows):
    whole = np.array(rows)
    one, two = together(8.0, whole[:, :1], whole[:, 1:])
    assert (one.sum(axis=1) + two.sum(axis=1)) == pytest.approx(8 * np.log1p(whole.sum(axis=1)))
    assert np.all(
        (one >= 0) & (one[:, :1] * whole[:, 1:2] == pytest.approx(two[:, :1] * whole[:, :1]))
    )


def test_scores_are_the_same_on_every_machine():
    profile = _liking(3, about="How tokens find experts.", keywords=("expert routing",))
    (ranked,) = rank([NEAR], profile, KNOWN)
    assert ranked.score == pytest.approx(SCORE, abs=1e-6)


# ── What is odd ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("about", "title", "named"),
    [
        ("我想看关于专家路由和深度学习的论文", "深度学习中的专家路由", {"深度学习", "专家路由"}),
        ("専門家のルーティング", "疎な専門家ルーティング", {"専門家", "ルーティング"}),
        ("Über 深度学习 and routing", "Routing: 深度学习", {"深度学习", "routing"}),
        ("Ünïcode ㍿ 深度学习", "深度学习", {"深度学习"}),
        ("ｶﾞｲﾄﾞの深度学习", "深度学习", {"深度学习"}),
    ],
)
def test_what_a_description_without_spaces_has_in_common_is_named(about, title, named):
    profile = a_profile(keywords=(), about=about, trending=0.0)
    (ranked,) = rank([a_paper(title=title, abstract="")], profile)
    (reason,) = ranked.reasons
    assert set(reason.text.split(", ")) == named


def test_a_paper_without_an_abstract_and_one_in_another_script_are_ranked():
    japanese = a_paper(arxiv(2), title="専門家ルーティングの負荷分散", abstract="")
    liked = a_paper(
        arxiv(3), title="専門家ルーティング", abstract="疎な層がトークンを専門家に送る。"
    )
    profile = a_profile(keywords=(), like=("arXiv:2611.00003",), trending=0.0)
    ranked = rank([japanese, NEAR], profile, Background.of([], [liked], NOW))
    assert ranked[0].paper == japanese


def test_fifty_kilobytes_of_description_are_read():
    about = ("Sparse experts route tokens. " * 2000)[:50_000]
    (ranked,) = rank([NEAR], a_profile(keywords=(), about=about, trending=0.0))
    assert ranked.reasons[0].kind is InterestKind.ABOUT


# ── The benchmark's door ──────────────────────────────────────────────────────────────────────────


def test_the_adapter_scores_every_candidate_by_the_products_own_ranker(monkeypatch):
    monkeypatch.setenv("PAPERROUND_BENCH_TIER", "light")
    papers = [
        {"id": str(n), "title": title, "abstract": ABSTRACT if n < 2 else "", "authors": [],
         "categories": ["cs.LG"], "date": "2026-11"}
        for n, title in enumerate(["Sparse experts", "Routing tokens", "Knitting patterns"])
    ]  # fmt: skip
    profile = {"id": "u", "description": "", "keywords": [], "authors": [], "categories": [],
               "liked": papers[:1], "disliked": []}  # fmt: skip
    ranking_adapter.prepare(papers)
    scores = ranking_adapter.rank(profile, papers[1:])
    assert scores[0] > 0 > scores[1] == -math.inf


EXPERT_ROUTING = [[6937, 132697], [543923]]
SCORE = 29.884134971014696
