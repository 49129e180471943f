"""Chromium, headless and without a network, driven through its own driver."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from attrs import define
from selenium.common.exceptions import WebDriverException
from selenium.webdriver import ActionChains, Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.keys import Keys

__all__ = ["BrowserUnavailable", "Page", "start"]

_ARGUMENTS: Final = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--allow-file-access-from-files",
    "--hide-scrollbars",
    # Nothing has an address, so that every request of a page to the network is an error in its log.
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE localhost",
)


class BrowserUnavailable(Exception):
    """Chromium or its driver is not there."""


@define
class Page:
    """The one page of a browser.

    Attributes:
        driver: for what is not offered here.
    """

    driver: Chrome

    def open(self, file: Path, query: str = "") -> None:
        """Show a file from the disk; what was logged before is forgotten."""
        self.driver.get_log("browser")
        self.driver.get(f"{file.resolve().as_uri()}{f'?{query}' if query else ''}")

    def press(self, key: str) -> None:
        """Press a key, by its name among Selenium's, wherever the focus is."""
        ActionChains(self.driver).send_keys(getattr(Keys, key.upper())).perform()

    def size(self, width: int, height: int = 900) -> None:
        """Make the page so wide and high, in CSS pixels, even where no window would be so narrow."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def scheme(self, name: str) -> None:
        """Prefer ``light`` or ``dark`` colours."""
        feature = {"name": "prefers-color-scheme", "value": name}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})

    def run(self, source: str, *arguments: object) -> Any:
        """What a script returns."""
        return self.driver.execute_script(source, *arguments)

    def wait_for(self, source: str, *arguments: object) -> Any:
        """What an expression's promise comes to."""
        return self.driver.execute_async_script(
            "const done = arguments[arguments.length - 1];"
            f"Promise.resolve({source}).then(value => done({{value}}),"
            " error => done({error: String(error)}));",
            *arguments,
        )

    def load(self, file: Path) -> None:
        """Run a script from the disk in the page."""
        loaded = self.wait_for(
            "new Promise((resolve, reject) => {"
            "  const script = document.createElement('script');"
            "  Object.assign(script, {src: arguments[0], onload: () => resolve(true), onerror: reject});"
            "  document.head.append(script)})",
            file.as_uri(),
        )
        assert loaded == {"value": True}, f"{file} cannot be loaded: {loaded}"

    def problems(self) -> list[str]:
        """What the page has complained of since it was opened, and what it asked the network for."""
        logged = [str(entry["message"]) for entry in self.driver.get_log("browser")]
        asked = self.run(
            "return performance.getEntriesByType('resource').map(entry => entry.name)"
            ".filter(name => !/^(file|data|blob):/.test(name))"
        )
        return logged + [f"asked for {name}" for name in asked]


@contextmanager
def start(profile: Path) -> Iterator[Page]:
    """A browser with a new profile, closed at the end.

    Raises:
        BrowserUnavailable: there is none here.
    """
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    driver = shutil.which("chromedriver")
    if browser is None or driver is None:
        raise BrowserUnavailable(
            "Chromium or its driver is not installed"
            " (on Debian: apt-get install chromium chromium-driver)"
        )
    options = ChromeOptions()
    options.binary_location = browser
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for argument in (*_ARGUMENTS, f"--user-data-dir={profile}"):
        options.add_argument(argument)
    try:
        chrome = Chrome(options=options, service=Service(driver))
    except WebDriverException as error:
        raise BrowserUnavailable(f"Chromium does not start: {error.msg}") from error
    try:
        yield Page(chrome)
    finally:
        chrome.quit()
