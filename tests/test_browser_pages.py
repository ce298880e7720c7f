"""The site as `serve` shows it, in a real browser: by mouse, by keyboard alone, and without scripts."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.models import Event
from bot.store import Store
from support_axe import axe, grave
from support_browser import a_browser
from support_dovecot import free_port, wait_until
from support_round import NOW, TODAY, a_paper, absorb, an_edition, arxiv, shown, with_profiles
from support_serve import serving

pytestmark = [pytest.mark.e2e, pytest.mark.long]

CONFIG = """
[bot]
title = "Morning papers"
base_url = "http://127.0.0.1:{web}"
contact = "librarian@test.example"
timezone = "UTC"
[web]
listen = "127.0.0.1:{web}"
[profiles.experts]
title = "Mixture of experts"
about = "Routing and sparsity in large language models."
at = "07:00"
"""
DAYS = (TODAY - timedelta(days=30), TODAY - timedelta(days=1), TODAY)
HOSTILE = (
    "<script>document.title='taken'</script><img src=https://elsewhere.example/x onerror=alert(1)>"
)


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder, web = tmp_path_factory.mktemp("site"), free_port()
    config = folder / "config.toml"
    config.write_text(CONFIG.format(web=web))
    with Store(folder / "state" / "paperround.db") as store:
        with_profiles(store, "experts")
        names = ("Routing experts by debt", "Experts routed slowly", f"Hostile {HOSTILE}")
        absorb(
            store,
            *(
                a_paper(arxiv(n), title=title, authors=("Noam Shazeer", HOSTILE),
                        abstract="Experts are routed to tokens by a router of $O(n^2)$.")
                for n, title in enumerate(names, start=1)
            ),
        )  # fmt: skip
        for number, day in enumerate(DAYS, start=1):
            an_edition(store, number, period=day, now=NOW - timedelta(days=len(DAYS) - number))
            told = a_paper(arxiv(1), title=names[0])
            at = NOW - timedelta(days=len(DAYS) - number)
            absorb(store, shown(told, Event.SEEN, votes=number * 7), source="hf", now=at)
    with serving(config, "--now", NOW.isoformat()) as served:
        assert served.says("feeds and pages changed")
        yield f"http://127.0.0.1:{web}"
        served.stop()


@pytest.fixture(scope="module")
def chrome():
    with a_browser(1000) as running:
        yield running


@pytest.fixture(params=["with scripts", "without"])
def browser(request, chrome, address):
    chrome.driver.execute_cdp_cmd(
        "Emulation.setScriptExecutionDisabled", {"value": request.param == "without"}
    )
    chrome.driver.execute_cdp_cmd("Network.enable", {})
    yield chrome
    chrome.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    elsewhere = [
        each
        for each in chrome.driver.execute_script(
            "return performance.getEntriesByType('resource').map(e => e.name)"
        )
        if not each.startswith(address)
    ]
    assert elsewhere == [], "nothing comes from anybody else"


def follow(browser, words):
    """Follow a link by its words, and wait for the page."""
    before = browser.driver.find_element("tag name", "html")
    browser.driver.find_element("xpath", f'//a[normalize-space()="{words}"]').click()
    arrived(browser, before)


def arrived(browser, before):
    wait_until(lambda: browser.has_left(before), "the next page")
    told = [e for e in browser.driver.get_log("browser") if "favicon" not in e["message"]]
    assert told == [], "the console is quiet"


def path(browser, address):
    return browser.driver.current_url.removeprefix(address)


def test_from_today_through_the_archive_to_papers_like_one(browser, address):
    browser.open(f"{address}/")
    follow(browser, "Mixture of experts")
    assert "November 2026" in browser.words
    browser.driver.find_element(
        "css selector", ".calendar a[aria-label='20 November 2026']"
    ).click()
    wait_until(lambda: "2026-11-20" in browser.driver.current_url, "the edition")
    follow(browser, "← Thu 19 Nov")
    follow(browser, "← October 2026")
    assert path(browser, address) == "/p/experts/2026-10-21/index.html"
    follow(browser, "Routing experts by debt")
    assert "From 7 on" in browser.words
    assert "O(n²)" in browser.words, "maths is readable"
    browser.driver.find_element("tag name", "summary").click()
    assert "@misc{shazeer" in browser.words
    follow(browser, "Papers like this")
    assert "Experts routed slowly" in browser.words
    follow(browser, "Trending")
    follow(browser, "Search")
    assert path(browser, address) == "/search"


def test_searching_and_a_slip_and_a_hostile_query(browser, address):
    browser.open(f"{address}/search")
    for typed, told in (
        ("slowly", "1 paper of 3"),
        ("author:Shazer", "read as “shazeer” for “Shazer”"),
        ("zebra", "None of the 3 papers fits “zebra”."),
        (HOSTILE, "elsewhere"),
    ):
        browser.fill("q", typed)
        browser.press("Search")
        assert told in browser.words
        assert browser.driver.title != "taken"
        assert browser.driver.find_element("name", "q").get_attribute("value") == typed


def test_what_is_nowhere_leads_on(browser, address):
    browser.open(f"{address}/p/experts/2026-11-15/", refused=True)
    follow(browser, "19 November 2026")
    assert "Thursday 19 November 2026" in browser.words
    browser.open(f"{address}/papers/arxiv/2001.99999/", refused=True)
    follow(browser, "Search for it")
    assert browser.driver.find_element("name", "q").get_attribute("value") == "arXiv:2001.99999"


def test_subscribing_begins_on_the_front_page(browser, address):
    browser.open(f"{address}/")
    browser.fill("address", "ada@test.example")
    browser.press("Subscribe")
    assert path(browser, address).startswith("/subscribe")
    assert (
        browser.driver.find_element("name", "address").get_attribute("value") == "ada@test.example"
    )


def test_by_keyboard_alone(browser, address):
    from selenium.webdriver.common.keys import Keys

    browser.open(f"{address}/p/experts/")

    def focused():
        return browser.driver.switch_to.active_element

    browser.driver.find_element("tag name", "body").send_keys(Keys.TAB)
    assert focused().text == "Skip to the papers"
    assert focused().rect["x"] >= 0, "it is seen when it is reached"
    focused().send_keys(Keys.ENTER)
    focused().send_keys(Keys.TAB)
    assert focused().get_attribute("aria-label") == "19 November 2026", "what stands first in it"
    before = browser.driver.find_element("tag name", "html")
    focused().send_keys(Keys.ENTER)
    arrived(browser, before)
    assert "2026-11-19" in browser.driver.current_url
    browser.open(f"{address}/search")
    for _ in range(20):
        focused().send_keys(Keys.TAB)
        if focused().get_attribute("name") == "q":
            break
    before = browser.driver.find_element("tag name", "html")
    focused().send_keys("slowly", Keys.ENTER)
    arrived(browser, before)
    assert "1 paper of 3" in browser.words


def test_the_pages_that_only_serve_has_are_usable_by_everybody(chrome, address):
    axe()
    for where in ("/search", "/search?q=slowly", "/search?q=zebra", "/search?q=author:Shazer",
                  "/search?like=arXiv:2611.00001", "/p/nobody/", "/papers/arxiv/2611.00003/"):  # fmt: skip
        chrome.open(address + where, refused=True)
        assert grave(chrome) == [], where
