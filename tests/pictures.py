"""`make pictures`: the digest and the pages as docs/images shows them, from the samples of the tests.

Look at the difference before it is committed: a picture is for people, and no test reads it.
"""

from __future__ import annotations

import base64
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import outputs_samples as samples
from bot.outputs.search_pages import Answer, search_page
from bot.render import TemplateRenderer
from support_browser import Browser, a_browser

_HERE = Path(__file__).parent
_IMAGES = _HERE.parent / "docs" / "images"
_PAGES = {
    "today": "index.html",
    "archive": "p/experts/index.html",
    "edition": "p/experts/2026-11-20/index.html",
    "paper": "papers/arxiv/2611.90001/index.html",
    "trending": "trending/2026-W47/index.html",
    "search": "found.html",
}
_TALLEST = 1100
_OF_PAGES = (("dark", 360), ("light", 768), ("light", 1280))
_OF_DIGESTS = (("light", 360), ("dark", 360), ("light", 600), ("dark", 600), ("light", 1200))


def main() -> None:
    """Take all pictures; says how large each is."""
    with tempfile.TemporaryDirectory() as name, a_browser() as browser:
        site = Path(name)
        _make(site)
        for page, path in _PAGES.items():
            for scheme, width in _OF_PAGES:
                _take(browser, site / path, f"page-{page}-{width}-{scheme}.webp", scheme, width)
        for scheme, width in _OF_DIGESTS:
            golden = _HERE / "golden" / "digest.html"
            _take(browser, golden, f"digest-{width}-{scheme}.webp", scheme, width)


def _make(site: Path) -> None:
    render = TemplateRenderer(None, sys.exit)
    for path, content in _files(render):
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_bytes(content)


def _files(render: TemplateRenderer) -> Iterator[tuple[str, bytes]]:
    yield from samples.pages(samples.site(open=True), render).items()
    answer = Answer([samples.ROUTER], {"routrs": "routers"}, [samples.BOUND, samples.FOLDS])
    found = search_page(samples.BOT, "quiet routrs", answer, 30_214, samples.TODAY, render)
    yield _PAGES["search"], found


def _take(browser: Browser, page: Path, name: str, scheme: str, width: int) -> None:
    browser.prefer(scheme)
    browser.resize(width)
    browser.driver.get(page.as_uri())
    height = browser.driver.execute_script("return document.documentElement.scrollHeight")
    asked = {
        "format": "webp",
        "quality": 45,
        "captureBeyondViewport": True,
        "clip": {"x": 0, "y": 0, "width": width, "height": min(height, _TALLEST), "scale": 1},
    }
    taken = browser.driver.execute_cdp_cmd("Page.captureScreenshot", asked)
    content = base64.b64decode(taken["data"])
    (_IMAGES / name).write_bytes(content)
    print(f"{len(content):>8} {name}")


if __name__ == "__main__":
    main()
