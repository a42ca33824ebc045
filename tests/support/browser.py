"""A real Chromium without a screen."""

from __future__ import annotations

import contextlib
import tempfile
from contextlib import ExitStack
from typing import Any

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

from tests.support import wait_for
from tests.support.web import CHROMIUM_OPTIONS
from tools.system_packages import need, which


def open_browser(stack: ExitStack, width: int = 1600, height: int = 1000) -> Any:
    """Starts Chromium, or skips the test where there is none.

    Args:
        stack: Ends it.
        width: The width of its window, in pixels.
        height: The height.
    """
    need("chromium", "chromedriver")
    options = webdriver.ChromeOptions()
    options.binary_location = which("chromium")
    profile = stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
    for option in (
        *CHROMIUM_OPTIONS,
        f"--window-size={width},{height}",
        f"--user-data-dir={profile}",
    ):
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options=options, service=Service(which("chromedriver")))
    stack.callback(browser.quit)
    return browser


def text(browser: Any, selector: str) -> str:
    """The text of what a selector finds, as it is seen."""
    for _ in range(5):
        with contextlib.suppress(StaleElementReferenceException):
            found = browser.find_elements(By.CSS_SELECTOR, selector)
            return "\n".join(element.text for element in found)
    return ""


def wait_for_text(browser: Any, selector: str, wanted: str) -> None:
    """Waits until a text is seen in what a selector finds."""
    wait_for(lambda: wanted in text(browser, selector), f"{wanted!r} in {selector}")
