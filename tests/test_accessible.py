"""Every page in a real browser, seen by axe-core: light and dark, on a phone and on a desk."""

from __future__ import annotations

import mailbox
import re
import time
from email import message_from_bytes
from email.policy import default

import pytest

import outputs_samples as samples
from bot.render import TemplateRenderer
from bot.store import Store
from support_axe import axe, grave
from support_browser import a_browser
from support_dovecot import free_port, wait_until
from support_round import NOW, a_paper, absorb, an_edition, arxiv, with_profiles
from support_serve import serving

pytestmark = [pytest.mark.e2e, pytest.mark.long]

CONFIG = """
[bot]
title = "Morning papers"
base_url = "http://127.0.0.1:{web}"
contact = "librarian@test.example"
timezone = "UTC"
imprint = "Reading Group, 1 Invented Square, 00000 Nowhere"
[web]
listen = "127.0.0.1:{web}"
[profiles.experts]
title = "Mixture of experts"
about = "Routing and sparsity in large language models."
at = "07:00"
learn = "all"
[profiles.proteins]
title = "Proteins"
at = "07:00"
"""


@pytest.fixture(scope="module")
def browser():
    axe()
    with a_browser() as running:
        yield running


def test_pages_that_are_published(browser, tmp_path):
    found = {}
    pages = samples.pages(samples.site(), TemplateRenderer(None, pytest.fail))
    for path, content in pages.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    # Of pages that are made alike, two.
    kinds: dict[str, list[str]] = {}
    for path in sorted(pages):
        if path.endswith(".html"):
            kinds.setdefault(path.partition("/")[0], []).append(path)
    for path in (each for alike in kinds.values() for each in {alike[0], alike[-1]}):
        browser.open((tmp_path / path).as_uri())
        if wrong := grave(browser):
            found[path] = wrong
    assert found == {}


def test_what_is_wrong_is_seen(browser, tmp_path):
    page = tmp_path / "bad.html"
    page.write_text(
        "<!doctype html><html><head><title>Bad</title></head><body><main><h1>Bad</h1>"
        "<style>body { background: #fff } @media (prefers-color-scheme: dark) { p { color: #eee } }"
        "</style><p>Pale in the dark.</p><div style='width: 500px'>wide</div></main></body></html>"
    )
    browser.open(page.as_uri())
    told = "\n".join(grave(browser))
    assert "light, 360 px: html-has-lang (serious)" in told
    assert "dark, 1280 px: color-contrast (serious): <p>Pale in the dark.</p>" in told
    assert "light, 1280 px: color-contrast" not in told
    assert "light, 360 px: it scrolls sideways" in told
    assert "1280 px: it scrolls" not in told


@pytest.fixture
def world(tmp_path):
    web = free_port()
    config = tmp_path / "config.toml"
    config.write_text(CONFIG.format(web=web))
    with Store(tmp_path / "state" / "paperround.db") as store:
        with_profiles(store, "experts", "proteins")
        absorb(store, *(a_paper(arxiv(n), title=f"Paper {n} about experts") for n in range(1, 4)))
        an_edition(store, 1, 2)
        an_edition(store, 3, profile="proteins")
    with serving(config, "--now", NOW.isoformat()) as served:
        assert served.says("serving http")
        wait_until((tmp_path / "state" / "public" / "index.html").exists, "the front page")
        yield f"http://127.0.0.1:{web}", mailbox.Maildir(tmp_path / "state" / "mail")
        served.stop()


def link_in(post, subject, path):
    """Wait for the mail with such a subject; return its link that leads there."""
    found = []

    def came():
        mails = (message_from_bytes(post.get_bytes(key), policy=default) for key in post.keys())  # noqa: SIM118 - a Maildir is no dict
        found[:] = [mail for mail in mails if mail["Subject"].startswith(subject)]
        return bool(found)

    wait_until(came, f"a mail {subject!r}")
    text = found[0].get_body(("html",)).get_content().replace("&amp;", "&")
    return re.search(rf"http://127\.0\.0\.1:\d+/{path}/[^\s\"<>]+", text)[0]


def test_pages_that_are_asked_for(browser, world):
    address, post = world
    found: dict[str, list[str]] = {}

    def look(page):
        if wrong := grave(browser):
            found[page] = wrong

    def see(page, at, *, refused=False):
        browser.open(at, refused=refused)
        look(page)

    see("today", f"{address}/")
    see("no such page", f"{address}/nowhere", refused=True)
    see("a link that is not valid", f"{address}/manage/nothing", refused=True)
    see("a question that expired", f"{address}/confirm/nothing", refused=True)
    see("subscribe", f"{address}/subscribe")
    browser.fill("address", "ada@test.example")
    time.sleep(1.1)  # a person takes longer
    browser.press("Subscribe", refused=True)  # without a list
    look("subscribe, asked again")
    browser.tick("experts")
    time.sleep(1.1)
    browser.press("Subscribe")
    look("look into your mailbox")

    see("confirm", link_in(post, "Confirm", "confirm"))
    browser.press("Yes, subscribe me")
    look("confirmed")

    see("vote, without a link", f"{address}/vote?paper=arXiv%3A2611.00001")
    see("a paper's page", f"{address}/papers/arxiv/2611.00001/")
    see("feedback", link_in(post, "Mixture of experts", "feedback"))
    browser.press("More like this")
    look("feedback, given")
    browser.press("Vote for it")
    look("vote, counted")
    browser.press("Take your vote back")
    look("vote, taken back")
    browser.press("Vote for it")
    manage = link_in(post, "Mixture of experts", "manage")
    see("manage", manage)
    browser.press("Keep these choices")
    look("manage, kept")
    browser.press("Pause")
    look("manage, paused")
    see("unsubscribe", link_in(post, "Mixture of experts", "unsubscribe"))
    browser.press("Unsubscribe")
    look("unsubscribed")
    browser.open(manage)
    browser.driver.find_element("id", "sure").click()
    browser.press("Erase me")
    look("erased")
    assert found == {}
