"""A preprint and its article that name one another nowhere: new once, and then published."""

from __future__ import annotations

import pytest

from bot.app import open_app
from bot.models import Event, Role
from bot.store import Store
from bot.store.uniting import Uniter
from bot.workflows.unite import are_one_work, telling_words, unite
from support_cli import mails, text_of
from support_http import serving
from support_round import (
    DAY,
    HOUR,
    NOW,
    WORKERS,
    a_config,
    a_paper,
    a_profile,
    a_source,
    absorb,
    an_edition,
    arxiv,
    doi,
    stored,
    url,
    with_profiles,
)

TITLE = "Routing Tokens to Experts without a Router"
ADA = ("Ada Lovelace", "Grace Hopper")
TOMORROW = NOW + DAY


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "paperround.db") as opened:
        yield with_profiles(opened, "experts")


def preprint(number: int = 1, **said: object):
    return a_paper(arxiv(number), **({"title": TITLE, "authors": ADA} | said))


def article(number: int = 1, **said: object):
    told = {"title": TITLE, "authors": ADA, "venue": "Journal of Routing"}
    return a_paper(doi(number), **(told | said))


async def look(store: Store, now=TOMORROW) -> int:
    store.index_all()  # as every round does in the end
    return await unite(Uniter(store), WORKERS, now)


def seen_and_picked(store: Store, *papers) -> None:
    """Papers came, an edition picked all of them, and the round ended."""
    absorb(store, *papers)
    ids = [stored(store, min(paper.identifiers, key=str)).id for paper in papers]
    an_edition(store, *ids)
    store.index_all()


# ── What counts as one work ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({}, "the same title and authors"),
        ({"title": "Routing tokens to experts: without a router"}, "case and signs are no matter"),
        ({"title": "  Routing Tokens to\n Experts without a Router."}, "nor are spaces"),
        ({"authors": ("A. Lovelace",)}, "initials, and fewer authors"),
        ({"authors": ("LOVELACE Ada", "Hopper G.")}, "another order of the name"),
    ],
)
def test_a_preprint_and_its_article_are_one_work(said, why):
    assert are_one_work(preprint(), article(**said)), why
    assert are_one_work(article(**said), preprint()), why


def test_a_retraction_of_the_article_is_told_to_who_had_the_preprint():
    assert are_one_work(preprint(), article(notice="This article has been retracted"))


def test_tex_and_accents_are_read_as_people_read_them():
    one = preprint(
        title=r"Sch\"odinger's $\alpha$ Decay of Expert Loads", authors=(r"Ren\'e Petit",)
    )
    other = article(title="Schödinger’s α decay of expert loads", authors=("Rene Petit",))
    assert are_one_work(one, other)


@pytest.mark.parametrize(
    ("one", "other", "why"),
    [
        (preprint(), article(title=f"{TITLE}: A Reply"), "another title"),
        (preprint(), article(authors=("Emmy Noether", "Ada Lovelace")), "another first author"),
        (preprint(), article(authors=()), "authors are not known"),
        (
            preprint(title="Reply to Referees"),
            article(title="Reply to Referees"),
            "a title of many",
        ),
        (preprint(), preprint(2), "two preprints"),
        (article(), article(2), "two articles: a journal and a conference"),
        (
            a_paper(arxiv(1), doi(7), title=TITLE, authors=ADA),
            article(),
            "it names another article",
        ),
        (a_paper(arxiv(1), doi(1), title=TITLE, authors=ADA), preprint(2), "it names its article"),
        (
            preprint(notice="This paper has been withdrawn"),
            article(),
            "the article is not withdrawn",
        ),
    ],
)
def test_what_only_looks_alike_stays_two(one, other, why):
    assert not are_one_work(one, other), why
    assert not are_one_work(other, one), why


def test_a_title_is_looked_for_by_its_longest_words():
    assert telling_words(TITLE) == ["experts", "routing", "without", "router", "tokens"]
    assert telling_words("On a new kind of tea at sea") == ["kind"]
    assert telling_words("Five words make a title")
    assert telling_words("Four words make none") == []


# ── In the store ──────────────────────────────────────────────────────────────────────────────────


async def test_an_article_joins_the_preprint_that_was_picked_and_is_news_of_it(store):
    seen_and_picked(store, preprint())
    absorb(store, article(), source="journal", now=TOMORROW)
    assert await look(store) == 1
    joined = stored(store, arxiv(1))
    assert joined.identifiers == {arxiv(1), doi(1)}
    assert joined.venue == "Journal of Routing"
    assert stored(store, doi(1)).id == joined.id
    last = store.last_edition("experts")
    assert store.candidates("experts", last, None, ()) == []
    (news,) = store.news("experts", NOW - DAY, NOW - DAY)
    assert (news.paper.id, news.events) == (joined.id, (Event.PUBLISHED,))


@pytest.mark.parametrize("sources", [(), ("arxiv", "journal")])
async def test_a_list_that_never_had_the_preprint_is_offered_the_article(store, sources):
    with_profiles(store, "experts", "others")
    absorb(store, preprint())
    before = an_edition(store, profile="others")  # it was too far down there
    seen_and_picked(store, preprint())
    absorb(store, article(), source="journal", now=TOMORROW)
    assert await look(store) == 1
    (offered,) = store.candidates("others", before, None, sources)
    assert offered.identifiers == {arxiv(1), doi(1)}
    after = an_edition(store, profile="others", period=TOMORROW.date(), now=TOMORROW)
    assert store.candidates("others", after, None, sources) == []


async def test_what_other_sources_showed_is_offered_to_no_list_of_the_preprints_source(store):
    with_profiles(store, "experts", "others")
    absorb(store, preprint())
    before = an_edition(store, profile="others")
    seen_and_picked(store, preprint())
    absorb(store, article(), source="journal", now=TOMORROW)
    assert await look(store) == 1
    assert store.candidates("others", before, None, ("arxiv",)) == []


async def test_that_they_are_one_is_no_source_that_showed_it(store):
    seen_and_picked(store, preprint())
    absorb(store, article(), source="journal", now=TOMORROW)
    assert await look(store) == 1
    joined = stored(store, arxiv(1))
    assert store.tallies([joined.id])[joined.id].sources == 2  # arXiv and the journal


async def test_a_preprint_joins_the_article_that_was_picked_and_is_no_news(store):
    absorb(store, article())
    ((pick,),) = [an_edition(store, stored(store, doi(1)).id).picks]
    assert pick.role is Role.NEW
    absorb(store, preprint(), now=TOMORROW)
    assert await look(store) == 1
    assert store.candidates("experts", store.last_edition("experts"), None, ()) == []


async def test_what_no_edition_picked_hides_nothing(store):
    absorb(store, preprint())
    an_edition(store)  # it had nothing for its readers
    absorb(store, article(), source="journal", now=TOMORROW)
    assert await look(store) == 0
    (offered,) = store.candidates("experts", store.last_edition("experts"), None, ())
    assert offered.identifiers == {doi(1)}


async def test_of_two_that_it_could_be_nobody_says_which(store):
    seen_and_picked(store, preprint(1), preprint(2))
    absorb(store, article(), source="journal", now=TOMORROW)
    assert await look(store) == 0


@pytest.mark.parametrize(
    ("earlier", "both"),
    [(article(), (preprint(1), preprint(2))), (preprint(), (article(1), article(2)))],
)
async def test_of_two_that_come_at_once_nobody_says_which_it_is(store, earlier, both):
    seen_and_picked(store, earlier)
    absorb(store, *both, source="journal", now=TOMORROW)
    assert await look(store) == 0
    assert store.count_papers() == 3


async def test_an_article_under_two_names_joins_its_preprint_with_both(store):
    seen_and_picked(store, preprint())
    named_otherwise = a_paper(url(5), title=TITLE, authors=ADA)
    absorb(store, article(), named_otherwise, source="journal", now=TOMORROW)
    assert await look(store) == 2
    assert stored(store, arxiv(1)).identifiers == {arxiv(1), doi(1), url(5)}


async def test_a_pick_that_was_joined_to_another_since_counts(store):
    seen_and_picked(store, a_paper(url(3), title="Another name of it", authors=ADA))
    absorb(store, preprint(2, title="Older"), now=NOW)
    absorb(store, a_paper(url(3), arxiv(1), title=TITLE, authors=ADA), now=NOW + HOUR)
    absorb(store, article(), source="journal", now=TOMORROW)
    assert await look(store) == 1


async def test_what_was_picked_before_this_began_stays_as_it_was_told(store):
    seen_and_picked(store, preprint(), article())
    assert await look(store) == 0
    assert len({stored(store, name).id for name in (arxiv(1), doi(1))}) == 2


async def test_each_paper_is_looked_at_once(store):
    seen_and_picked(store, preprint(9, title="Something else that was picked here"))
    absorb(
        store, *(article(n, title=f"Article {n} on the loads of experts") for n in range(1, 251))
    )
    assert len(Uniter(store).arrivals(1000)) == 250
    assert await look(store) == 0
    assert Uniter(store).arrivals(1000) == []


@pytest.mark.parametrize(
    "title",
    [
        "Тёплый йод и его новые свойства",
        "Η ανάλυση των νέων μεθόδων της φυσικής",
        "한국어 문장의 의미를 이해하는 새로운 방법 제안",
        "Über die Größe naïver Straßen in İstanbul und Łódź",
    ],
)
async def test_a_title_in_any_alphabet_is_found(store, title):
    seen_and_picked(store, preprint(title=title))
    absorb(store, article(title=title), source="journal", now=TOMORROW)
    assert await look(store) == 1


async def test_a_title_may_hold_what_a_search_takes_for_its_own_signs(store):
    said = {"title": 'NOT "experts" AND (tokens) OR title: NEAR* routers^2'}
    seen_and_picked(store, preprint(**said))
    absorb(store, article(**said), source="journal", now=TOMORROW)
    assert await look(store) == 1


# ── As a reader sees it ───────────────────────────────────────────────────────────────────────────


def feed(*items: str) -> bytes:
    return f"""<?xml version="1.0"?><rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"
    xmlns:prism="http://prismstandard.org/namespaces/basic/2.0/"><channel><title>Papers</title>
    {"".join(items)}</channel></rss>""".encode()


def item(title: str, link: str, more: str = "") -> str:
    return (
        f"<item><title>{title}</title><link>{link}</link><dc:creator>Ada Lovelace</dc:creator>"
        "<pubDate>Fri, 20 Nov 2026 06:00:00 GMT</pubDate>"
        f"<description>We route tokens to experts, and nothing routes them.</description>{more}</item>"
    )


PREPRINT = item(TITLE, "https://arxiv.org/abs/2611.00001")
ARTICLE = item(TITLE, "https://journal.example/1", "<prism:doi>10.5555/routing.1</prism:doi>")
ANOTHER = item("Experts of another day", "https://arxiv.org/abs/2611.00002")


async def test_who_had_the_preprint_is_told_that_it_was_published_and_not_sent_it_again(tmp_path):
    async with serving() as site:
        site.put("/preprints", feed(PREPRINT))
        site.put("/journal", feed(item("Of no interest", "https://journal.example/0")))
        sources = tuple(
            a_source(name, kind="feed", url=site.url(f"/{name}"))
            for name in ("preprints", "journal")
        )
        config = a_config(
            tmp_path, a_profile(keywords=("experts",), to=("ada@example.org",)), sources=sources,
            fetch={"allow_private": ("127.0.0.1/32",)}, mail={"sender": "bot@example.org"},
        )  # fmt: skip
        clock = [NOW]
        with open_app(config, lambda: clock[0]) as app:
            for days in range(3):
                clock[0] = NOW + days * DAY
                if days == 1:
                    site.put("/journal", feed(ARTICLE))
                    site.put("/preprints", feed(PREPRINT, ANOTHER))
                await app.collect()
                await app.compose()
                await app.deliver()
                await app.index()
    first, second = sorted(map(text_of, mails(config.state)), key=len)
    assert TITLE in first
    assert "Experts of another day" in second
    before, news = second.split("NEWS OF PAPERS YOU HAD")
    assert TITLE not in before
    assert "published as doi:10.5555/routing.1" in news
