"""The static site: every link leads somewhere, from a folder as from a server; nothing from elsewhere."""

from __future__ import annotations

import posixpath
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from bot.outputs.pages import Archive, Site, site_pages
from bot.render import TemplateRenderer

from outputs_samples import (
    BOT,
    EARLIER,
    EDITION,
    EXPERTS,
    FOLDS,
    LOCAL,
    OCTOBER,
    OTHER,
    PAPERS,
    PICKS,
    PROTEINS,
    ROUTER,
    TODAY,
)

SITE = Site(
    bot=BOT,
    archives=(Archive(EXPERTS, (EARLIER, OCTOBER, EDITION)), Archive(PROTEINS, (OTHER,))),
    papers=PAPERS,
    trending=(ROUTER, FOLDS),
    today=TODAY,
)


def pages(site=SITE):
    return site_pages(site, TemplateRenderer(None, pytest.fail))


def page(path, site=SITE):
    return pages(site)[path].decode()


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.hrefs, self.loaded = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        given = dict(attrs)
        if tag == "link" and given.get("rel") == "stylesheet":
            self.loaded.append(given["href"])
        if "src" in given:
            self.loaded.append(given["src"])
        if "href" in given:
            self.hrefs.append(given["href"])


def test_the_pages_stand_where_the_contract_says():
    assert set(pages()) == {
        "index.html",
        "style.css",
        "trending/index.html",
        "p/experts/index.html",
        "p/experts/2026-11-20/index.html",
        "p/experts/2026-11-19/index.html",
        "p/experts/2026-10-30/index.html",
        "p/proteins/index.html",
        "p/proteins/2026-11-20/index.html",
    }


def test_every_relative_link_leads_to_a_page_or_a_feed_that_is_there():
    made = pages()
    feeds = {f"feeds/{name}.rss" for name in ("experts", "proteins", "trending")}
    for path, content in made.items():
        if not path.endswith(".html"):
            continue
        for href in Page(content.decode()).hrefs:
            if href.startswith(("https://", "#")):
                continue
            target = posixpath.normpath(posixpath.join(posixpath.dirname(path), href))
            assert target in made or target in feeds, (path, href)


def test_no_page_has_a_script_or_loads_anything_but_the_style():
    for path, content in pages().items():
        if path.endswith(".html"):
            read = Page(content.decode())
            assert not {"script", "img", "iframe", "form"} & set(read.tags)
            (style,) = read.loaded
            assert posixpath.normpath(posixpath.join(posixpath.dirname(path), style)) == "style.css"


def test_the_style_is_small_and_loads_nothing():
    style = pages()["style.css"]
    assert len(style) < 15_000
    assert b"url(" not in style
    assert b"@import" not in style
    assert b"prefers-color-scheme: dark" in style
    assert b"@media print" in style


def test_the_front_page_shows_every_public_profiles_latest_and_what_is_trending():
    text = page("index.html")
    assert "Friday 20 November 2026" in text
    for title in (EXPERTS.title, PROTEINS.title, ROUTER.title, FOLDS.title, "Trending"):
        assert title in text
    assert "45 votes" in text
    for name in ("experts", "proteins", "trending"):
        assert (
            f'type="application/rss+xml" title="{name.title()}' in text
            or f"feeds/{name}.rss" in text
        )


def test_a_title_leads_to_the_abstract():
    assert '<a href="https://arxiv.org/abs/2611.90001">Quiet Routers' in page(
        "p/experts/2026-11-20/index.html"
    )


def test_an_edition_leads_to_its_neighbours_and_they_back():
    middle = Page(page("p/experts/2026-11-19/index.html")).hrefs
    assert "../2026-10-30/index.html" in middle
    assert "../2026-11-20/index.html" in middle
    newest = page("p/experts/2026-11-20/index.html")
    assert 'rel="next"' not in newest
    assert 'rel="prev"' in newest


def test_a_quiet_edition_says_so():
    assert "Nothing here for you among the 301 papers" in page("p/experts/2026-10-30/index.html")
    assert "A quiet day" in page("p/experts/index.html")


def test_the_archive_goes_back_by_months():
    text = page("p/experts/index.html")
    assert text.index("November 2026") < text.index("Fri 20 Nov") < text.index("October 2026")
    assert "4 new papers, 1 replaced · Quiet Routers" in text


def test_an_edition_forced_by_hand_shares_the_page_of_its_day():
    forced = replace(EDITION, number=8, picks=PICKS[1:2], id=80)
    site = replace(SITE, archives=(Archive(EXPERTS, (forced, EDITION)),))
    text = page("p/experts/2026-11-20/index.html", site)
    assert "Editions 7 and 8" in text
    assert text.index("Edition 7<") < text.index("Edition 8<")


def test_a_profile_that_is_not_public_appears_nowhere():
    hidden = PROTEINS.model_copy(update={"public": False}).named("proteins")
    made = pages(replace(SITE, trending=(), archives=(SITE.archives[0], Archive(hidden, (OTHER,)))))
    assert not any("proteins" in path for path in made)
    assert not any(b"proteins" in content or b"Protein" in content for content in made.values())


def test_a_profile_without_an_edition_has_a_page_that_says_when():
    made = pages(replace(SITE, archives=(Archive(EXPERTS),)))
    assert b"No edition yet" in made["p/experts/index.html"]
    assert b"No edition yet" in made["index.html"]


def test_without_votes_trending_says_so():
    made = pages(replace(SITE, trending=()))
    assert b"Nobody has voted" in made["trending/index.html"]
    assert b"All that is trending" not in made["index.html"]


def test_a_sources_failure_stands_on_the_edition_it_touched():
    assert "invented-letters has not answered" in page("p/experts/2026-11-20/index.html")
    assert "invented-letters" not in page("p/experts/2026-11-19/index.html")


def test_pages_are_the_same_with_and_without_a_public_address():
    bare = BOT.model_copy(update={"base_url": ""})
    assert pages(replace(SITE, bot=bare)) == pages()


def test_hostile_text_is_inert_on_every_page():
    mark = '"><script>alert(1)</script><img src=x onerror=alert(2)>\u202e'
    bot = LOCAL.model_copy(update={"title": f"T{mark}", "imprint": f"I{mark} https://a.example/'x"})
    profile = EXPERTS.model_copy(update={"title": f"P{mark}", "about": mark}).named("experts")
    paper = replace(
        ROUTER, title=mark, abstract=mark, authors=(mark,), categories=(mark,), venue=mark
    )
    site = Site(bot, (Archive(profile, (EDITION,)),), PAPERS | {ROUTER.id: paper}, (paper,), TODAY)
    for path, content in pages(site).items():
        if path.endswith(".html"):
            assert not {"script", "img"} & set(Page(content.decode()).tags), path
            assert "\u202e" not in content.decode()
