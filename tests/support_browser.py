"""A real browser, and what a person does in it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from support_dovecot import wait_until


@contextmanager
def a_browser(width: int = 390) -> Iterator[Browser]:
    """Run a Chromium whose window is so wide; where there is none, skip by name."""
    from selenium import webdriver

    if shutil.which("chromedriver") is None:
        pytest.skip("no chromedriver here (Debian: chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for argument in (
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        f"--window-size={width},900",
    ):  # fmt: skip
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(
        options=options,
        service=webdriver.ChromeService(executable_path=shutil.which("chromedriver")),
    )
    try:
        yield Browser(driver)
    finally:
        driver.quit()


class Browser:
    """What a person does in a browser: open, read, fill in, press."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def open(self, address: str, *, refused: bool = False) -> None:
        """Open an address. The console must be quiet, unless the answer is to be a refusal."""
        self.driver.get(address)
        self._complain(refused=refused)

    def _complain(self, *, refused: bool = False) -> None:
        told = [
            each
            for each in self.driver.get_log("browser")
            if "favicon" not in each["message"]
            and not (refused and "Failed to load resource" in each["message"])
        ]
        assert told == [], "the console is quiet"

    @property
    def words(self) -> str:
        return " ".join(self.driver.find_element("tag name", "body").text.split())

    def fill(self, name: str, value: str) -> None:
        field = self.driver.find_element("name", name)
        field.clear()
        field.send_keys(value)

    def tick(self, name: str) -> None:
        self.driver.find_element("id", f"list-{name}").click()

    def choose(self, name: str, words: str) -> None:
        self.driver.find_element(
            "xpath", f'//select[@name="{name}"]/option[text()="{words}"]'
        ).click()

    def press(self, words: str, *, refused: bool = False) -> None:
        before = self.driver.find_element("tag name", "html")
        self.driver.find_element("xpath", f'//button[normalize-space()="{words}"]').click()
        wait_until(lambda: self.has_left(before), "the next page")
        self._complain(refused=refused)

    def has_left(self, before: object) -> bool:
        """Whether there is another page than the one with this root."""
        found = self.driver.find_elements("tag name", "html")  # none while one page follows another
        return bool(found) and found[0] != before

    def resize(self, width: int, height: int = 900) -> None:
        """Show pages as on a screen so wide, in CSS pixels."""
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False},
        )

    def prefer(self, scheme: str) -> None:
        """Show pages as to somebody whose screen is `light` or `dark`."""
        self.driver.execute_cdp_cmd(
            "Emulation.setEmulatedMedia",
            {"features": [{"name": "prefers-color-scheme", "value": scheme}]},
        )
