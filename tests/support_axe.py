"""axe-core in a real browser: what on a page keeps people from reading or using it.

`.ci/axe/install` brings it; where it is not, the tests that ask for it are skipped by name.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from support_browser import Browser

AXE = Path(__file__).parents[1] / ".ci" / "axe" / "node_modules" / "axe-core" / "axe.min.js"
WIDTHS = (360, 1280)
_GRAVE = ("serious", "critical")
_RUN = """
const done = arguments[arguments.length - 1];
axe.run(document, {resultTypes: ["violations"], preload: false}).then(
    found => done(found.violations), error => done(String(error)));
"""


def axe() -> str:
    """Return axe-core itself; skip by name where it is not installed."""
    if not AXE.exists():
        pytest.skip("no axe-core here (.ci/axe/install brings it, by npm)")
    return AXE.read_text(encoding="utf-8")


def grave(browser: Browser) -> list[str]:
    """Return what is seriously or critically wrong with the page that is open, in words.

    Looked at light and dark, on a phone and on a desk; and nothing may be wider than the screen.
    """
    source = axe()
    found: list[str] = []
    for scheme in ("light", "dark"):
        browser.prefer(scheme)
        for width in WIDTHS:
            browser.resize(width)
            browser.driver.execute_script(source)
            violations: Any = browser.driver.execute_async_script(_RUN)
            assert isinstance(violations, list), violations
            found += [
                f"{scheme}, {width} px: {_told(each)}" for each in violations if _is_grave(each)
            ]
            if browser.driver.execute_script(
                "return document.documentElement.scrollWidth > window.innerWidth"
            ):
                found.append(f"{scheme}, {width} px: it scrolls sideways")
    return found


def _is_grave(violation: dict[str, Any]) -> bool:
    # A heading that is left out is a step that those who hear a page look for.
    return violation["impact"] in _GRAVE or violation["id"] == "heading-order"


def _told(violation: dict[str, Any]) -> str:
    where = ", ".join(str(node["html"])[:200] for node in violation["nodes"][:5])
    why = " ".join(str(violation["nodes"][0].get("failureSummary", "")).split())
    return f"{violation['id']} ({violation['impact']}): {where}: {why}"
