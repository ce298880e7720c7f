"""A digest, a feed and a page to the byte. `UPDATE_GOLDEN=1 pytest` writes them anew."""

from __future__ import annotations

import email
import email.policy
import os
from pathlib import Path

import pytest

from bot.outputs.email import Press
from bot.outputs.feeds import feeds_opml, profile_feed
from bot.outputs.syndication import FORMS
from bot.render import TemplateRenderer
from outputs_samples import (
    BOT,
    EARLIER,
    EDITION,
    EXPERTS,
    OTHER,
    PAPERS,
    PROTEINS,
    SENDER,
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


@pytest.mark.parametrize("form", FORMS)
def test_a_feed(form):
    feed = profile_feed(
        bot=BOT,
        profile=EXPERTS,
        editions=(EDITION, EARLIER),
        papers=PAPERS,
        authority="example.org",
    )
    hold_against(f"experts.{form}", FORMS[form].written(feed).decode())


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
