"""A digest, a feed and a page to the byte. `UPDATE_GOLDEN=1 pytest` writes them anew."""

from __future__ import annotations

import email
import email.policy
import os
from datetime import timedelta
from pathlib import Path

import pytest

from bot.models import Event
from bot.outputs.email import Press
from bot.outputs.feeds import feeds_opml, profile_feed
from bot.outputs.site import Archive, Record
from bot.outputs.syndication import FORMATS
from bot.ports import PaperHistory, Seen
from bot.render import TemplateRenderer
from outputs_samples import (
    BOT,
    EARLIER,
    EDITION,
    EXPERTS,
    NEWS,
    OTHER,
    PAPERS,
    PAPERS_WITH_NEWS,
    PROTEINS,
    SENDER,
    TODAY,
    pages,
    personal,
    section,
    site,
)

GOLDEN = Path(__file__).parent / "golden"
RENDER = TemplateRenderer(None, pytest.fail)


def hold_against(name, content):
    path = GOLDEN / name
    if os.environ.get("UPDATE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(content, newline="\n")
    assert content == path.read_text()


@pytest.fixture(scope="module")
def digest():
    given = personal(section(EXPERTS, EDITION), section(PROTEINS, OTHER), overflow=4)
    raw = Press(bot=BOT, sender=SENDER, render=RENDER).digest(given)
    return raw, email.message_from_bytes(raw, policy=email.policy.default)


def body(digest, kind):
    return digest[1].get_body((kind,)).get_content().replace("\r\n", "\n")


def test_the_headers_of_a_digest(digest):
    headers = digest[0].partition(b"\r\n\r\n")[0].decode("ascii")
    hold_against("digest.headers", headers.replace("\r\n", "\n") + "\n")


def test_the_text_of_a_digest(digest):
    hold_against("digest.txt", body(digest, "plain"))


def test_the_html_of_a_digest(digest):
    hold_against("digest.html", body(digest, "html"))


def test_a_digest_with_news_of_earlier_papers():
    given = personal(section(EXPERTS, NEWS), section(PROTEINS, OTHER))
    text, html = Press(bot=BOT, sender=SENDER, render=RENDER).parts(given)
    hold_against("news.txt", text.replace("\r\n", "\n"))
    hold_against("news.html", html.replace("\r\n", "\n"))


def test_a_feed_with_news_of_earlier_papers():
    feed = profile_feed(
        bot=BOT,
        profile=EXPERTS,
        editions=(NEWS,),
        papers=PAPERS | PAPERS_WITH_NEWS,
        authority="example.org",
    )
    hold_against("news.atom", FORMATS["atom"].written(feed).decode())


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("news-edition.html", "p/experts/2026-11-20/index.html"),
        ("withdrawn.html", "papers/arxiv/2611.70021/index.html"),
    ],
)
def test_a_page_with_news(name, path):
    days = (
        Seen("arxiv-ml", Event.NEW, TODAY - timedelta(days=9)),
        Seen("arxiv-ml", Event.REPLACE, TODAY),
        Seen("arxiv-ml", Event.WITHDRAWN, TODAY),
    )
    known = PAPERS | PAPERS_WITH_NEWS
    given = site(
        archives=(Archive(EXPERTS, (NEWS,)),),
        papers=known,
        records={id_: Record(paper, PaperHistory(seen=days)) for id_, paper in known.items()},
    )
    hold_against(name, pages(given, RENDER)[path].decode())


@pytest.mark.parametrize("form", FORMATS)
def test_a_feed(form):
    feed = profile_feed(
        bot=BOT,
        profile=EXPERTS,
        editions=(EDITION, EARLIER),
        papers=PAPERS,
        authority="example.org",
    )
    hold_against(f"experts.{form}", FORMATS[form].written(feed).decode())


def test_the_list_of_feeds():
    hold_against("feeds.opml", feeds_opml(BOT, (EXPERTS, PROTEINS)).decode())


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("edition.html", "p/experts/2026-11-20/index.html"),
        ("paper.html", "papers/arxiv/2611.90001/index.html"),
        ("alias.html", "papers/url/https:/mirror.example.com/quiet-routers/index.html"),
        ("trending.html", "trending/2026-W47/index.html"),
    ],
)
def test_a_page(name, path):
    hold_against(name, pages(site(), RENDER)[path].decode())
