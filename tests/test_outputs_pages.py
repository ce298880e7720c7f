"""The static site: every link leads somewhere, from a folder as from a server; nothing from elsewhere."""

from __future__ import annotations

import posixpath
import re
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser
from urllib.parse import unquote

import pytest

import outputs_samples as samples
from bot.models import Identifier, Link, Rel, Scheme
from bot.outputs.addresses import link_to, paper_folder
from bot.outputs.cards import paper_card
from bot.outputs.pages import site_feeds
from bot.outputs.site import Archive, Record, Site
from bot.render import TemplateRenderer
from outputs_samples import (
    BOT,
    EDITION,
    EXPERTS,
    FOLDS,
    LOCAL,
    NOON,
    OTHER,
    PAPERS,
    PICKS,
    PROTEINS,
    REPLACED,
    ROUTER,
)

SITE = samples.site()
RENDER = TemplateRenderer(None, pytest.fail)
PAPER = "papers/arxiv/2611.90001/index.html"
ALIAS = "papers/url/https:/mirror.example.com/quiet-routers/index.html"


def pages(site=SITE):
    return samples.pages(site, RENDER)


def feeds(site=SITE):
    return {sheet.path: sheet.make() for sheet in site_feeds(site, "example.org", NOON, {})}


def page(path, site=SITE):
    return pages(site)[path].decode()


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.hrefs, self.loaded, self.links = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        given = dict(attrs)
        self.links.append((tag, given))
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
        "search/index.html",
        "p/experts/index.html",
        "p/experts/2026-11-20/index.html",
        "p/experts/2026-11-19/index.html",
        "p/experts/2026-10-30/index.html",
        "p/proteins/index.html",
        "p/proteins/2026-11-20/index.html",
        *(
            f"trending/{period}/index.html"
            for period in (
                "2026-10-30", "2026-11-19", "2026-11-20", "2026-W44", "2026-W47", "2026-10",
                "2026-11",
            )
        ),
        *(f"papers/arxiv/2611.{n}/index.html" for n in (80004, 90001, 90002, 90003, 90011)),
        "papers/doi/10.99999/inv-026-00042-x/index.html",
        "papers/doi/10.99999/inv-026-00077-x/index.html",
        ALIAS,
    }  # fmt: skip


def test_every_relative_link_leads_to_a_page_or_a_feed_that_is_there():
    made = pages() | feeds()
    assert len(feeds()) == 10
    for path, content in made.items():
        if not path.endswith(".html"):
            continue
        for href in Page(content.decode()).hrefs:
            if href.startswith(("https://", "#")):
                continue
            to = unquote(href.partition("?")[0])
            target = posixpath.normpath(posixpath.join(posixpath.dirname(path), to))
            target += "/index.html" if href.endswith("/") else ""
            assert target in made, (path, href)


def test_no_page_has_a_script_or_loads_anything_but_the_style():
    for path, content in pages().items():
        if path.endswith(".html"):
            read = Page(content.decode())
            forms = {"form"} if path != "search/index.html" else set()
            assert not ({"script", "img", "iframe"} | forms) & set(read.tags)
            (style,) = read.loaded
            assert posixpath.normpath(posixpath.join(posixpath.dirname(path), style)) == "style.css"


def test_a_title_begins_on_the_side_where_its_script_does():
    style = re.sub(r"\s+", " ", pages()["style.css"].decode())
    for selector in ("h3", ".lead", ".record h1", ".abstract p"):
        rules = re.findall(r"([^{}]+)\{([^{}]*)\}", style)
        said = [
            body
            for names, body in rules
            if selector in [n.strip() for n in names.split("*/")[-1].split(",")]
        ]
        assert any("unicode-bidi: plaintext" in body for body in said), selector


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


def test_pages_announce_their_feeds_in_every_format():
    kinds = {"rss": "application/rss+xml", "atom": "application/atom+xml",
             "json": "application/feed+json"}  # fmt: skip
    for path, names in {
        "index.html": ("experts", "proteins", "trending"),
        "p/experts/2026-11-20/index.html": ("experts",),
        "trending/2026-W47/index.html": ("trending",),
        PAPER: ("experts", "trending"),
    }.items():
        announced = [
            (
                attrs["type"],
                posixpath.normpath(posixpath.join(posixpath.dirname(path), attrs["href"])),
            )
            for tag, attrs in Page(page(path)).links
            if tag == "link" and attrs["rel"] == "alternate"
        ]
        assert announced == [
            (kind, f"feeds/{name}.{end}") for name in names for end, kind in kinds.items()
        ]


def test_a_title_leads_to_our_page_and_the_publishers_stands_beside_it():
    text = page("p/experts/2026-11-20/index.html")
    assert f'<a href="../../../{PAPER}">Quiet Routers' in text
    assert '<a href="https://arxiv.org/abs/2611.90001">arxiv.org</a> · ' in text
    assert '<a href="https://arxiv.org/abs/2611.80004">arxiv.org</a></span>' in text


def test_a_title_without_a_page_leads_to_the_publisher():
    text = page("p/experts/2026-11-20/index.html", replace(SITE, records={}))
    assert '<a href="https://arxiv.org/abs/2611.90001">Quiet Routers' in text
    assert ">arxiv.org</a>" not in text


def test_an_edition_shows_its_month_and_the_months_beside_it():
    text = page("p/experts/2026-11-20/index.html")
    assert '<a href="../2026-11-19/index.html" aria-label="19 November 2026">19</a>' in text
    assert '<td aria-current="date">20</td>' in text
    assert "<td>18</td>" in text
    assert '<a href="../2026-10-30/index.html">← October 2026</a>' in text
    archive = page("p/experts/index.html")
    assert archive.count("<caption>") == 2
    assert '<a href="2026-10-30/index.html" aria-label="30 October 2026">30</a>' in archive


def test_a_papers_votes_are_drawn_and_said():
    text = page(PAPER)
    assert re.search(r'<polyline points="[0-9., ]+"/>', text)
    assert 'aria-label="From ' in text
    assert "<polyline" not in page("papers/arxiv/2611.90002/index.html")


def test_a_papers_page_leads_to_papers_like_it_and_can_be_cited():
    text = page(PAPER)
    assert 'href="../../../search/index.html?like=arXiv%3A2611.90001">Papers like this</a>' in text
    assert "@misc{thistlewood2026quiet," in text


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
    assert "4 new papers, news of 1 earlier paper · Quiet Routers" in text


def test_an_edition_forced_by_hand_shares_the_page_of_its_day():
    forced = replace(EDITION, number=8, picks=PICKS[1:2], id=80)
    site = replace(SITE, archives=(Archive(EXPERTS, (forced, EDITION)),))
    text = page("p/experts/2026-11-20/index.html", site)
    assert "Editions 7 and 8" in text
    assert text.index("Edition 7<") < text.index("Edition 8<")


def test_a_profile_that_is_not_public_appears_nowhere():
    hidden = PROTEINS.model_copy(update={"public": False}).named("proteins")
    site = replace(SITE, trending=(), archives=(SITE.archives[0], Archive(hidden, (OTHER,))))
    made = pages(site) | feeds(site)
    assert not any("proteins" in path for path in made)
    assert not any(b"proteins" in content or b"Protein" in content for content in made.values())


def test_a_profile_without_an_edition_has_a_page_that_says_when():
    made = pages(replace(SITE, archives=(Archive(EXPERTS),)))
    assert b"No edition yet" in made["p/experts/index.html"]
    assert b"No edition yet" in made["index.html"]


@pytest.mark.parametrize("archives", [(), (Archive(EXPERTS),)])
def test_an_empty_site_says_so_kindly(archives):
    made = pages(Site(BOT, archives, {}, (), date.min))
    text = made["index.html"].decode()
    assert ("Papers appear as soon as" in text) == (not archives)
    assert ("Good morning" in text) == bool(archives)
    assert "0001" not in text
    assert "No edition yet" not in text
    assert b"Nobody has voted" in made["trending/index.html"]


def test_without_votes_trending_says_so():
    made = pages(replace(SITE, trending=()))
    assert b"Nobody has voted" in made["trending/index.html"]
    assert b"All that is trending" not in made["index.html"]


def test_a_sources_failure_stands_on_the_edition_it_touched():
    assert "invented-letters has not answered" in page("p/experts/2026-11-20/index.html")
    assert "invented-letters" not in page("p/experts/2026-11-19/index.html")


def test_pages_are_the_same_with_and_without_a_public_address():
    bare = BOT.model_copy(update={"base_url": ""})
    local, public = pages(replace(SITE, bot=bare)), pages()
    # Where there is an address, `serve` may search there.
    assert b"<form" not in local.pop("search/index.html")
    assert b'action="https://papers.example.org/search"' in public.pop("search/index.html")
    assert local == public


def test_hostile_text_is_inert_on_every_page():
    mark = '"><script>alert(1)</script><img src=x onerror=alert(2)>\u202e'
    bot = LOCAL.model_copy(update={"title": f"T{mark}", "imprint": f"I{mark} https://a.example/'x"})
    profile = EXPERTS.model_copy(update={"title": f"P{mark}", "about": mark}).named("experts")
    paper = replace(
        ROUTER, title=mark, abstract=mark, authors=(mark,), categories=(mark,), venue=mark
    )
    history = replace(
        samples.HISTORIES[ROUTER.id],
        seen=tuple(replace(seen, source=mark) for seen in samples.HISTORIES[ROUTER.id].seen),
        former_keys=(Identifier(Scheme.DOI, f"10.1/{mark}"),),
    )
    site = samples.site(
        bot=bot,
        archives=(Archive(profile, (EDITION,)),),
        papers=PAPERS | {ROUTER.id: paper},
        trending=(paper,),
        records={ROUTER.id: Record(paper, history)},
    )
    made = pages(site)
    assert len(made) > 12
    for path, content in made.items():
        if path.endswith(".html"):
            assert not {"script", "img"} & set(Page(content.decode()).tags), path
            assert "\u202e" not in content.decode()


# ── Trending ──────────────────────────────────────────────────────────────────────────────────────


def titles(path):
    text = page(path)
    return sorted(
        (t for t in (ROUTER.title, REPLACED.title, FOLDS.title) if t in text), key=text.index
    )


def test_a_day_shows_the_votes_that_came_on_it():
    path = "trending/2026-11-20/index.html"
    assert titles(path) == [ROUTER.title, FOLDS.title]
    text = page(path)
    assert "42 votes for 2 papers on this day" in text
    assert "33 votes on this day, 45 in all" in text
    assert "Friday 20 November 2026" in text


def test_a_week_adds_its_days_up():
    path = "trending/2026-W47/index.html"
    assert titles(path) == [ROUTER.title, REPLACED.title, FOLDS.title]
    text = page(path)
    assert "Week 47, 16 to 22 November 2026" in text
    assert "25 votes in this week, 31 in all" in text
    assert ">45 votes<" in text


def test_periods_lead_to_their_neighbours_and_into_one_another():
    day = Page(page("trending/2026-11-19/index.html")).hrefs
    for period in ("2026-10-30", "2026-11-20", "2026-W47", "2026-11"):
        assert f"../{period}/index.html" in day
    month = Page(page("trending/2026-11/index.html")).hrefs
    for period in ("2026-10", "2026-W44", "2026-W47", "2026-11-19", "2026-11-20"):
        assert f"../{period}/index.html" in month
    now = Page(page("trending/index.html")).hrefs
    for period in ("2026-11-20", "2026-W47", "2026-11", "2026-10"):
        assert f"{period}/index.html" in now


# ── Papers ────────────────────────────────────────────────────────────────────────────────────────


def test_a_papers_page_tells_all_that_is_known():
    text = page(PAPER)
    for told in (
        ROUTER.title, "Priya Raghunathan-Moss", "31% fewer routed tokens", "a small theory of why.",
        "arXiv:2611.90001", "cs.LG, cs.CL", "arxiv-ml", "announced", "19 to 20 November 2026",
        "Mixture of experts, 20 November 2026", "<em>expert routing</em>", "+33",
    ):  # fmt: skip
        assert told in text
    assert "v3, 19 November 2026" in page("papers/arxiv/2611.80004/index.html")


def test_all_three_thousand_authors_are_there_most_of_them_folded_away():
    text = page("papers/arxiv/2611.90003/index.html")
    assert "<summary>and 2,980 others</summary>" in text
    assert "Author 2993" in text
    assert len(text) < 60_000


def test_a_papers_page_says_what_services_told_of_it():
    lab = Link(Rel.ORGANISATION, "https://huggingface.co/ex-lab")
    paper = replace(ROUTER, citations=12, tldr="Experts route.", links=ROUTER.links | {lab})
    text = page(PAPER, replace(SITE, records={ROUTER.id: Record(paper)}))
    assert "12 times" in text
    assert "Experts route." in text
    assert '<a href="https://huggingface.co/ex-lab">ex-lab</a>' in text
    bare = page(PAPER, replace(SITE, records={ROUTER.id: Record(ROUTER)}))
    assert not any(word in bare for word in ("Cited", "In a sentence", "Organisation"))


def test_without_an_abstract_a_card_shows_what_a_service_says_in_a_sentence():
    silent = replace(ROUTER, abstract="", tldr="Experts route.")
    assert paper_card(silent, today=date(2026, 11, 20)).lead == "Experts route."
    assert paper_card(replace(ROUTER, tldr="No."), today=date(2026, 11, 20)).lead != "No."


def test_an_abstract_keeps_its_paragraphs_and_a_paper_without_one_says_so():
    paper = replace(ROUTER, abstract="One.\n\nTwo.", title="0", authors=())
    text = page(PAPER, replace(SITE, records={ROUTER.id: Record(paper)}))
    assert "<p>One.</p>\n<p>Two.</p>" in text
    assert "<h1>0</h1>" in text
    assert "No source gave an abstract" in page("papers/doi/10.99999/inv-026-00042-x/index.html")


def test_a_private_profiles_picks_are_on_no_papers_page():
    hidden = PROTEINS.model_copy(update={"public": False}).named("proteins")
    site = replace(SITE, archives=(SITE.archives[0], Archive(hidden, (OTHER,))))
    text = page("papers/arxiv/2611.90011/index.html", site)
    assert "backbone design" not in text
    assert "Picked" not in text


def test_an_alias_leads_to_the_papers_page_without_a_script():
    text = page(ALIAS)
    target = f"../../../../../{PAPER}"
    assert f'<meta http-equiv="refresh" content="0; url={target}">' in text
    assert f'<link rel="canonical" href="{target.removesuffix("index.html")}">' in text
    assert f'<a href="{target}">' in text


def test_every_other_name_of_a_paper_leads_to_its_page():
    doi = Identifier(Scheme.DOI, "10.1000/xyz")
    address = Identifier(Scheme.URL, "https://example.com/xyz")
    paper = replace(ROUTER, identifiers=ROUTER.identifiers | {doi, address})
    made = pages(replace(SITE, records={ROUTER.id: Record(paper)}))
    assert b'http-equiv="refresh"' in made["papers/doi/10.1000/xyz/index.html"]
    assert not any(path.startswith("papers/url/") for path in made)


@pytest.mark.parametrize(
    ("scheme", "value", "link"),
    [
        (Scheme.ARXIV, "2611.90001", "papers/arxiv/2611.90001"),
        (Scheme.ARXIV, "math/0309136", "papers/arxiv/math/0309136"),
        (Scheme.DOI, "10.1038/xyz", "papers/doi/10.1038/xyz"),
        (Scheme.DOI, "10.1/(sici)1<2:a>3.0;2-2", "papers/doi/10.1/(sici)1%3C2:a%3E3.0;2-2"),
        (Scheme.DOI, "10.1/50%25?x#y é", "papers/doi/10.1/50%2525%3Fx%23y%20%C3%A9"),
        (Scheme.URL, "https://example.com/a?b=c", "papers/url/https:/example.com/a%3Fb=c"),
    ],
)
def test_a_papers_address_is_its_identifier_percent_encoded(scheme, value, link):
    folder = paper_folder(Identifier(scheme, value))
    assert link_to(folder, "../") == f"../{link}/index.html"
    assert unquote(link) == folder


@pytest.mark.parametrize(
    "value",
    [
        "10.1/../../../../etc/passwd", "10.1/..", "10.1//x", "10.1/.hidden", "10.1/index.html",
        "10.1/~tilde", "10.1/back\\slash", "10.1/nul\0", "10.1/line\nbreak", "10.1/" + "x" * 300,
        "10.1/" + "é" * 150, "10.1/" + "a/" * 140, "10.1/\ud800", "10.1/x ", "", "/",
    ],
)  # fmt: skip
def test_a_hostile_identifier_stays_in_its_folder_and_on_the_disk(tmp_path, value):
    folder = paper_folder(Identifier(Scheme.DOI, value))
    path = tmp_path / folder / "index.html"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"")
    assert path.resolve().is_relative_to(tmp_path / "papers" / "doi")
    assert not any(part.startswith(".") or part == "index.html" for part in folder.split("/"))
    assert paper_folder(Identifier(Scheme.DOI, value + "!")) != folder


def test_two_values_never_share_a_folder():
    values = [
        "10.1/x",
        "10.1/x/",
        "10.1//x",
        "10.1/x/index.html",
        "10.1/./x",
        "10.1/x/..",
        "10.1/X",
    ]
    assert len({paper_folder(Identifier(Scheme.DOI, value)) for value in values}) == len(values)


def test_headings_leave_no_step_out():
    for path, text in samples.pages(SITE, RENDER).items():
        if path.endswith(".html"):
            levels = [int(level) for level in re.findall(rb"<h([1-6])", text)]
            steps = [below - above for above, below in zip([0, *levels], levels, strict=False)]
            assert max(steps) == 1, (path, levels)
