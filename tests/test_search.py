"""The archive: by words, by phrases, by people, by likeness."""

from __future__ import annotations

import asyncio
import shutil
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import ranking
from bot.app import App
from bot.embed.words import WordEmbedder
from bot.models import Event, Identifier, Paper, Scheme, Sighting, SourceState
from bot.outputs.search_pages import unread_hints
from bot.store import Store
from bot.store.meaning import MeaningLedger
from bot.text.query import QueryClause, has, read_query, searchable
from bot.text.spelling import meant
from bot.workflows import find
from bot.workflows.find import told_of
from bot.workflows.meaning import Meanings
from support_cli import MORNING, NEXT, desk_in, walk_a_morning
from support_replay import replaying, sample_day
from support_round import WORKERS

NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)


def paper(number: int, title: str, **fields: object) -> Paper:
    names = frozenset({Identifier(Scheme.ARXIV, f"2611.{number:05d}")})
    return Paper(title=title, identifiers=names, published=NOW, **fields)  # type: ignore[arg-type]


def absorb(store: Store, *papers: Paper) -> None:
    sightings = [Sighting(each, Event.NEW, NOW) for each in papers]
    store.absorb("arxiv", sightings, SourceState("arxiv"), NOW, introduces=set(Event))


PAPERS = (
    paper(1, "Mixture of Experts", authors=("Noam Shazeer", "André Łukasz"),
          abstract=r"Routers by Schr\"odinger's $\alpha$ rule.", categories=("cs.LG", "cs.CL")),
    paper(2, "Routers Read Tokens", authors=("Noam Chomsky", "John Shazeer"),
          abstract="A mixture of many words about experts and state-of-the-art routers.",
          categories=("cs.CL", "Cell Biology")),
    paper(3, "0", authors=tuple(f"Author Number{n}" for n in range(3000)), categories=("math.AG",)),
    paper(4, "专家混合模型", authors=("Jürgen Müller",)),
)  # fmt: skip


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    with Store(tmp_path_factory.mktemp("archive") / "a.db") as store:
        absorb(store, *PAPERS)
        yield store


def found(store: Store, typed: str) -> list[int]:
    return [each.id for each, _ in store.search(read_query(typed), 10)]


# ── What a person types ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("typed", "ids"),
    [
        ("mixture", [1, 2]),  # the title weighs most
        ('"mixture of experts"', [1]),
        ("“mixture of experts”", [1]),
        ('"mixture of experts', [1]),
        ("mixture experts", [1, 2]),
        ("mixture espresso", []),
        ("title:routers", [2]),
        ("title: routers", [2]),
        ('TITLE:"routers read"', [2]),
        ("abstract:routers", [1, 2]),
        ("router*", [2, 1]),
        ("router", []),
        ("state-of-the-art", [2]),
        ("schrodinger", [1]),
        ("Schrödinger", [1]),
        ("α", [1]),
        ("lukasz", [1]),
        ("Łukasz", [1]),
        ('author:"Noam Shazeer"', [1]),
        ('author:"Shazeer, Noam"', [1]),
        ('author:"N. Shazeer"', [1]),
        ('author:"J. Shazeer"', [2]),
        ("author:shazeer", [1, 2]),
        ('author:"John Chomsky"', []),  # two people, not one
        ("author:Number2999", [3]),
        ("cat:cs.LG", [1]),
        ("cat:CS", [1, 2]),
        ("cat:cs.L", []),
        ("cat:cs.*", [1, 2]),
        ("since:2026-11 before:2027 mixture", [1, 2]),
        ("before:2026-11 mixture", []),
        ('cat:"cell biology"', [2]),
        ("cat:biology", []),
        ("cat:=cs.LG", [1]),
        ("routers cat:cs.LG", [1]),
        ("since:2026-11-20 mixture", [1, 2]),
        ("since:2026-11-21 mixture", []),
        ("before:2026-11-21 mixture", [1, 2]),
        ("before:2026-11-20 mixture", []),
        ("since:2026-11-20 before:2026-11-21 muller", [4]),
        ("0", [3]),
        ("mixture -routers", []),
        ("mixture -title:routers", [1]),
        ('mixture −"mixture of experts"', [2]),
        ("mixture -author:Chomsky", [1]),
        ('mixture -author:"J. Shazeer"', [1]),
        ("mixture -cat:cs.LG", [2]),
        ("mixture -cat:cs", []),
        ("mixture -cat:biology", [1, 2]),  # as "cell biology" is not in cat:biology
        ("mixture -cat:cs.*", []),
        ('-cat:"cell biology" -cat:CS.LG mixture', []),
        ("mixture -since:2026-11-20", []),
        ("mixture -since:2026-11-21", [1, 2]),
        ("mixture -before:2026-11-20", [1, 2]),
        ("mixture -before:2026-11-21", []),
        ("mixture -espresso - --", [1, 2]),
        ("-mixture", [3, 4]),
        ("-mixture since:2026-11-20 -muller", [3]),
        ("state-of-the-art -espresso", [2]),
        ("混合", [4]),
        ("muller", [4]),
    ],
)
def test_words_phrases_and_fields(archive, typed, ids):
    assert sorted(found(archive, typed)) == sorted(ids)
    if typed in ("mixture", "router*"):
        assert found(archive, typed) == ids


@pytest.mark.parametrize(
    "typed",
    ["mixture", '"mixture of experts"', "routers", "router*", '"routers re*"', "title:routers",
     "abstract:routers", "schrodinger", "Łukasz", 'author:"N. Shazeer"', 'author:"J. Shazeer"',
     "混合", "state-of-the-art"],
)  # fmt: skip
def test_what_a_paper_has_is_what_the_index_finds(archive, typed):
    without = read_query(f"-{typed}").without
    assert len(without) == 1
    having = [
        each.id for each in archive.papers(range(1, 5)).values() if has(without[0], told_of(each))
    ]
    assert having == sorted(found(archive, typed))
    assert sorted(found(archive, f"-{typed}")) == [n for n in (1, 2, 3, 4) if n not in having]


@pytest.fixture(scope="module")
def languages(tmp_path_factory):
    with Store(tmp_path_factory.mktemp("languages") / "a.db") as store:
        absorb(
            store,
            paper(1, "Vitamin C and sepsis", abstract="C++ is not meant here."),
            paper(2, r"A library in C{\tt ++}, and in C\#", categories=("cs.PL",)),
            paper(3, "C# compilers, and C-sharp tongues", abstract="Not #c nor C#s."),
            paper(4, "On the key of F# minor; #Caring"),
            paper(5, "Μεικτά μοντέλα εμπειρογνωμόνων", abstract="Новый метод"),
        )
        yield store


@pytest.mark.parametrize(
    ("typed", "ids"),
    [
        ("C", [1, 2, 3]),
        ("C++", [1, 2]),
        ("c++", [1, 2]),
        ("title:C++", [2]),
        ("abstract:C++", [1]),
        ('"library in C++"', [2]),
        ("library C++", [2]),
        ("C#", [2, 3]),
        ("C# C++", [2]),
        ("f#", [4]),
        ("C++*", [1, 2]),
        ("C -C++", [3]),
        ("-C++", [3, 4, 5]),
        ("-C++ -minor", [3, 5]),
        ("-title:C++ C", [1, 3]),
        ("C++ cat:cs.PL", [2]),
        ("C++ since:2026-11-21", []),
        ("C++ -cat:cs.PL", [1]),
        ("author:C++", []),
    ],
)
def test_a_letter_with_its_signs_is_a_name_of_its_own(languages, typed, ids):
    assert sorted(found(languages, typed)) == ids
    if not typed.startswith("-") and " " not in typed:
        clause = read_query(typed).clauses[0]
        papers = languages.papers(range(1, 6)).values()
        assert [each.id for each in papers if has(clause, told_of(each))] == ids


def test_a_text_is_read_once_however_many_clauses_ask_it(monkeypatch):
    unwanted = read_query(
        " ".join(f"-{letter}#" for letter in "abcdefghijklmnopqrstuvwxyz")
    ).without
    read = []
    monkeypatch.setattr("bot.text.query.searchable", lambda text: read.append(text) or text)
    told = {"title": "A title of its own", "abstract": "Said in #1 and never again."}
    assert not any(has(clause, told) for clause in unwanted)
    assert sorted(read) == sorted(told.values())


def test_papers_near_a_name_with_signs_are_not_all_that_begin_so(languages):
    assert languages.with_any(["c++"], 10) == []
    assert [each.id for each in languages.with_any(["c++", "vitamin"], 10)] == [1]


@pytest.mark.parametrize(
    "typed", ["εμπειρογνωμόνων", "Εμπειρογνωμόνων", "ΕΜΠΕΙΡΟΓΝΩΜΌΝΩΝ", "новый"]
)
def test_letters_that_keep_their_accents_in_the_index_are_no_slips(languages, typed):
    told = look(languages, typed)
    assert ([each.id for each, _ in told.papers], dict(told.instead)) == ([5], {})


def test_accents_that_were_left_out_are_slips(languages):
    told = look(languages, "εμπειρογνωμονων")
    assert [each.id for each, _ in told.papers] == [5]
    assert dict(told.instead) == {"εμπειρογνωμονων": "εμπειρογνωμόνων"}


def test_a_date_alone_shows_the_newest_first(archive):
    assert found(archive, "since:2026-01-01") == [4, 3, 2, 1]
    assert [score for _, score in archive.search(read_query("since:2026-01-01"), 2)] == [0, 0]


@pytest.mark.parametrize(
    "typed",
    ["AND", "a OR", "NEAR(", "title:", "*", '"', '""', "^x", "-", "{a} : b", "author:*", "a:b:c",
     "col : 'x'", "since:yesterday", "since:2026-13-01", "cat:", "cat:\"", "x" * 5000, "a " * 3000,
     "--", "- -", "-\"", "a -\"", "-title:", "-a:b", "-since:2026-01-01", "\x00",
     "\ue000", "%s", "'; DROP TABLE paper; --"],
)  # fmt: skip
def test_no_query_is_a_syntax_error(archive, typed):
    archive.search(read_query(typed), 5)


@given(st.text(max_size=60))
def test_no_text_whatever_is_a_syntax_error(archive, typed):
    archive.search(read_query(typed), 3)


@pytest.mark.parametrize(
    ("typed", "unread"),
    [
        ("since:2026-02-30 experts", ("since:2026-02-30",)),
        ("before:yesterday", ("before:yesterday",)),
        ("experts author:", ("author:",)),
        ("Title: ", ("Title:",)),
        ("title:author: since:2026-11", ()),
        ("a title without: fields", ()),
        ('author:"N. Shazeer" cat:cs since:2026-11-01', ()),
    ],
)
def test_what_looks_like_a_field_and_is_none_is_told(typed, unread):
    assert read_query(typed).unread == unread
    assert len(unread_hints(typed)) == len(unread)


def test_what_is_not_ours_is_words():
    assert read_query("since:yesterday").clauses == (QueryClause("", ("since", "yesterday")),)
    assert read_query("mod:p").clauses == (QueryClause("", ("mod", "p")),)
    assert read_query("since:2026-11-20").since == date(2026, 11, 20)
    twice = read_query("before:2026-11-20 before:2026-11-18 since:2026-01-01 since:2026-02-01")
    assert (twice.since, twice.before) == (date(2026, 2, 1), date(2026, 11, 18))
    assert read_query("before:noon").clauses == (QueryClause("", ("before", "noon")),)
    assert read_query(' "" - * ').empty


def test_the_form_that_is_indexed_is_readable():
    assert searchable(r"H$_2$O and $\mathcal{O}(n)$ by Łukasz") == "H2O and O(n) by Lukasz"


# ── Slips, common words, meaning ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("word", "known", "better"),
    [
        ("transfomer", [("transformer", 9), ("transform", 99)], "transformer"),
        ("lerning", [("learning", 5), ("leaning", 50)], "leaning"),  # as near, and commoner
        ("nueral", [("neural", 5)], "neural"),
        ("exprets", [("experts", 5)], "experts"),
        ("gatng", [("gating", 5)], "gating"),
        ("cat", [("car", 5)], ""),  # of three letters all are near
        ("gpt4", [("gpt", 5)], ""),
        ("routing", [("espresso", 5)], ""),
        ("rooting", [("routing", 5)], "routing"),
    ],
)
def test_what_was_meant(word, known, better):
    assert meant(word, 0, known) == better


def test_a_word_that_occurs_was_meant_unless_it_is_rare_beside_another():
    assert meant("rooting", 2, [("routing", 19)]) == ""
    assert meant("rooting", 2, [("routing", 20)]) == "routing"


def look(store, typed, **more):
    return asyncio.run(find.look(typed, store, WORKERS, 10, **more))


@pytest.mark.parametrize(
    ("typed", "ids", "instead"),
    [
        ("mixtrue", [1, 2], {"mixtrue": "mixture"}),
        ("exprets", [1, 2], {"exprets": "experts"}),
        ("author:Shazer", [1, 2], {"Shazer": "shazeer"}),
        ("author:Lukash", [1], {"Lukash": "lukasz"}),
        ('"mixtre of expertz"', [1], {"mixtre": "mixture", "expertz": "experts"}),
        ("mixture zebra", [], {}),
        ("mixtrue cat:cs.LG", [1], {"mixtrue": "mixture"}),
        ("Schrodnger", [1], {"Schrodnger": "schrodinger"}),
    ],
)
def test_slips_in_titles_and_names_are_forgiven_and_told(archive, typed, ids, instead):
    found = look(archive, typed)
    assert (sorted(p.id for p, _ in found.papers), dict(found.instead)) == (ids, instead)


def test_a_phrase_without_end_is_looked_at_only_so_far(archive, monkeypatch):
    asked = []
    monkeypatch.setattr(Store, "_meant", lambda _, word: asked.append(word) or "")
    look(archive, f'"{"zebra " * 300}"')
    assert len(asked) == 10


def test_where_words_fit_nothing_is_read_otherwise(tmp_path):
    with Store(tmp_path / "a.db") as store:
        absorb(store, *(paper(n, "Rooting plants") for n in range(3)), paper(9, "Routing"))
        assert look(store, "rooting").instead == {}


def test_words_that_all_papers_have_find_titles_first_and_the_newest(tmp_path, monkeypatch):
    monkeypatch.setattr("bot.store.search._RANKED", 5)
    with Store(tmp_path / "a.db") as store:
        papers = [paper(n, f"Paper {n}", abstract="of common words") for n in range(1, 40)]
        absorb(store, paper(50, "Common words"), *papers)
        ids = found(store, "common")
        assert ids[0] == 1, "its title has it, however old it is"
        assert set(ids[1:]) == {36, 37, 38, 39, 40}
        assert len(found(store, "common cat:cs.LG")) == 0
        assert found(store, "of") != []


def test_what_is_near_follows_where_few_fit(archive):
    text = "experts routed by words"
    assert found(archive, text) == []
    assert {p.id for p in look(archive, text, fill=True).near} == {1, 2}
    assert not look(archive, text).near
    assert [p.id for p in look(archive, f"{text} cat:cs.LG", fill=True).near] == [1]
    assert look(archive, f"{text} before:2026-11-20", fill=True).near == []
    assert look(archive, "author:shazeer", fill=True).near == [], "a name has no meaning"
    assert [p.id for p in look(archive, f"{text} -title:routers", fill=True).near] == [1]
    assert {p.id for p in look(archive, f"{text} -cat:biology", fill=True).near} == {1, 2}
    assert [p.id for p in look(archive, f"{text} -cat:cs.LG", fill=True).near] == [2]


def test_by_meaning_words_and_nearness_are_merged():
    assert [thing for thing, _ in ranking.merged([["a", "b"], ["b", "c"]])] == ["b", "a", "c"]
    assert ranking.merged([]) == []
    assert ranking.merged([["a"], []]) == [("a", pytest.approx(1 / 61))]


def test_a_models_opinion_is_merged_where_there_is_one(archive):
    async def near(text, limit):
        assert text == "mixture"
        return [(3, 0.9), (99, 0.8)]

    def merged(typed, **more):
        return [p.id for p, _ in asyncio.run(find.by_meaning(typed, archive, WORKERS, 9, **more))]

    assert merged("mixture") == [1, 2]
    assert merged("mixture", near=near) == [1, 2, 3]
    assert merged("mixture cat:cs.LG", near=near) == [1], "fields hold for all"
    assert merged("author:shazeer") == merged("author:Shazeer")


@given(st.text(max_size=40))
def test_no_text_whatever_breaks_a_look(archive, typed):
    look(archive, typed, fill=True)


# ── The index keeps up ────────────────────────────────────────────────────────────────────────────


def test_a_new_version_is_found_by_its_new_words_only(tmp_path):
    with Store(tmp_path / "a.db") as store:
        absorb(store, paper(1, "Old words"))
        absorb(store, replace(paper(1, "Zebra words"), version=2))
        assert found(store, "zebra") == [1]
        assert found(store, "old") == []


def test_two_that_turn_out_to_be_one_are_found_once(tmp_path):
    with Store(tmp_path / "a.db") as store:
        doi = Identifier(Scheme.DOI, "10.1000/x")
        absorb(store, paper(1, "Twin zebra"), Paper("Twin zebra", frozenset({doi})))
        assert len(found(store, "zebra")) == 2
        both = replace(paper(1, "Twin zebra"), identifiers=paper(1, "").identifiers | {doi})
        absorb(store, both)
        assert found(store, "zebra") == [1]


# ── Likeness ──────────────────────────────────────────────────────────────────────────────────────


def test_the_nearest_share_their_telling_terms_and_the_shares_make_the_score():
    routing = paper(1, "Expert routing", abstract="Experts are routed to tokens by a router.")
    near = paper(2, "Routing experts by debt", abstract="Routing tokens to an expert.")
    far = paper(3, "Espresso", abstract="Coffee by a Bayesian barista who routes nothing.")
    ranked = ranking.nearest(routing, [far, near, routing], 5)
    assert ranked[0].paper is near
    assert routing not in [each.paper for each in ranked]
    for each in ranked:
        assert sum(reason.share for reason in each.reasons) == pytest.approx(each.score)
        assert 0 < each.score <= 1


def test_a_paper_without_words_is_like_nothing():
    empty = paper(1, "...")
    assert ranking.nearest(empty, [paper(2, "Words")], 5) == []
    assert ranking.nearest(paper(2, "Words"), [], 5) == []
    assert ranking.telling_words(empty) == []


# ── The commands ──────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def morning(tmp_path_factory):
    with replaying(sample_day(1)) as site:
        yield walk_a_morning(tmp_path_factory.mktemp("morning"), site.url)


@pytest.fixture
def desk(tmp_path, monkeypatch, capsys, morning):
    shutil.copytree(morning, tmp_path / "desk")
    yield from desk_in(tmp_path / "desk", monkeypatch, capsys)


def test_search_prints_records(desk):
    told = desk(*MORNING, "search", "experts", "--json").document
    assert told[0].keys() >= {"id", "title", "authors", "date", "votes", "score"}
    assert "Experts" in told[0]["title"]
    scores = [each["score"] for each in told]
    assert scores == sorted(scores, reverse=True)
    assert any(each["votes"] for each in told)
    assert len(desk(*MORNING, "search", "experts", "--limit", "2", "--json").document) == 2


def test_search_takes_several_words_without_quotes_and_shows_a_table(desk):
    said = desk(*MORNING, "search", "balancing", "experts", "author:oyelaran")
    assert said.code == 0
    assert "Ledger Routing" in said.words
    assert "2026-11-17" in said.words


def test_search_by_identifier_finds_the_paper(desk):
    assert desk("search", "arXiv:2611.90011", "--json").document[0]["id"] == "arXiv:2611.90011"


def test_search_takes_what_must_not_be_there_as_it_is_typed(desk):
    all_of = {each["id"] for each in desk(*MORNING, "search", "experts", "--json").document}
    some = {each["id"] for each in desk("search", "experts", "-survey", "--json").document}
    assert set() < some < all_of
    assert {
        e["id"] for e in desk("search", "experts", "survey", "--json").document
    } == all_of - some
    assert desk("search", "-h").code == 0


def test_search_that_finds_nothing_says_so(desk):
    said = desk("search", "zzz", "qqq")
    assert said.code == 0
    assert "None of the 30 stored papers fits 'zzz qqq'" in said.words
    assert desk("search", "zzz", "--json").document == []


def test_search_for_nothing_is_a_usage_mistake(desk):
    said = desk("search", '""')
    assert said.code == 2
    assert "names nothing to look for" in said.words


def test_search_by_meaning_says_how_to_have_it_where_it_is_not_installed(desk):
    said = desk("search", "experts", "--semantic")
    assert said.code == 2
    assert "the semantic tier is not installed: words rank." in said.words
    assert "pip install 'paperround[semantic]'" in said.words


def test_search_by_meaning_finds_what_is_meant(desk, monkeypatch):
    embedder = WordEmbedder()

    @asynccontextmanager
    async def meanings(app, seconds=600.0):
        yield Meanings(embedder, MeaningLedger(app.store.db), app.workers, seconds)

    monkeypatch.setattr(App, "meanings", meanings)
    nothing = desk("search", "experts", "--semantic")
    assert nothing.code == 2
    assert "no paper was read yet: the next edition has them read" in nothing.words
    assert desk(*NEXT, "preview", "experts", "--days", "7").code == 0  # reads them
    said = desk("search", "expert routing", "--semantic", "--limit", "5", "--json")
    assert said.code == 0, said.words
    told = said.document
    assert len(told) == 5
    assert "xpert" in told[0]["title"]
    assert [each["score"] for each in told] == sorted((e["score"] for e in told), reverse=True)
    with_words = desk("search", "expert routing", "--json").document
    assert {each["id"] for each in with_words} <= {each["id"] for each in told}, (
        "merged, not instead"
    )
    assert desk("search", '""', "--semantic").code == 2


def test_search_says_how_it_read_a_slip(desk):
    said = desk("search", "exprets")
    assert "Read as 'experts' for 'exprets'." in said.words
    assert "Experts" in said.words
    assert "Experts" in desk("search", "exprets", "--json").document[0]["title"]


def test_similar_shows_the_nearest_with_their_shares(desk):
    told = desk("similar", "arXiv:2611.90011", "--json").document
    assert told
    assert "arXiv:2611.90011" not in [each["id"] for each in told]
    assert "xpert" in told[0]["title"]
    for each in told:
        assert sum(r["share"] for r in each["reasons"]) == pytest.approx(each["score"])
    said = desk("similar", "https://arxiv.org/abs/2611.90011v2", "--limit", "3")
    assert "Ledger Routing" in said.words


def test_similar_to_what_is_not_there(desk):
    assert "is not stored" in desk("similar", "arXiv:2001.99999").words
    said = desk("similar", "a paper I read")
    assert said.code == 2
    assert "names no paper" in said.words
