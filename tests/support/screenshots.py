"""Make the pictures of the live page and of the console in the docs, from a running server.

Usage: python -m tests.support.screenshots
"""

from __future__ import annotations

import html
import random
import re
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from twisted.trial.unittest import SynchronousTestCase

from tests.process.cli.test_piped import PROGRAM
from tests.process.cli.test_terminal import Terminal
from tests.support import ROOT, Daemon, wait_for
from tests.support.web import CHROMIUM_OPTIONS, web_daemon
from tools.system_packages import need, which

FOLDER: Final = ROOT / "docs" / "_static"
CLIENTS: Final = 60
POINTS: Final = 40
LINES: Final = (b"randomNumber\n", b"say hello\n", b"detailsView\n", b"sleepTest\n")


@contextmanager
def crowd(running: Daemon) -> Iterator[None]:
    """Has some clients talk while something else happens."""
    ended = threading.Event()

    def talk() -> None:
        with ExitStack() as stack:
            clients = [stack.enter_context(running.connect()) for _ in range(CLIENTS)]
            for number, client in enumerate(clients):
                client.sendall(f"roomChange fleet-{number % 7}\n".encode())
                client.setblocking(False)
            while not ended.wait(0.02):
                for client in random.sample(clients, 20):
                    try:
                        client.sendall(random.choice(LINES))
                        client.recv(65536)
                    except BlockingIOError:
                        continue

    thread = threading.Thread(target=talk)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def shoot(browser: Any, url: str) -> None:
    """Saves a picture of each view that the docs show."""
    browser.get(f"{url}?token=s3cret")
    points = "return document.querySelector('#plot-requests path.first')?.getAttribute('d') || ''"
    wait_for(lambda: browser.execute_script(points).count("L") > POINTS, "a plot")
    browser.save_screenshot(str(FOLDER / "live-page.png"))
    browser.find_element(By.ID, "tab-actions").click()
    wait_for(lambda: browser.find_elements(By.CSS_SELECTOR, "[data-name=cacheTest]"), "actions")
    browser.find_element(By.CSS_SELECTOR, "[data-name=cacheTest]").click()
    browser.find_element(By.ID, "input-key").send_keys("color")
    browser.find_element(By.ID, "input-value").send_keys("green")
    browser.find_element(By.CSS_SELECTOR, "button.run").click()
    wait_for(lambda: "cacheTestResults" in browser.find_element(By.ID, "response").text, "it")
    browser.save_screenshot(str(FOLDER / "live-page-actions.png"))


CONSOLE: Final = (
    '{"action":"cacheTest","params":{"key":"color","value":"green"}}',
    "roomChange lobby",
    "randomNumber",
)
"""The lines that the picture of the console shows."""

COLOURS: Final = {
    "31": "#f87171", "32": "#4ade80", "33": "#facc15", "34": "#60a5fa", "35": "#c084fc",
    "36": "#22d3ee", "90": "#94a3b8",
}  # fmt: skip
"""Colours of a terminal, by their numbers in its escapes."""

PAGE: Final = """<meta charset="utf-8"><body style="margin:0;background:#0f172a"><pre
style="margin:0;padding:20px;color:#e2e8f0;font:15px/1.35 'DejaVu Sans Mono'">{}</pre>"""


def as_page(screen: str) -> str:
    """Returns a page that shows what a terminal does, with its colours."""
    parts = ["<span>"]
    for escape, text in re.findall(r"(?:\x1b\[([\d;]*)m)?([^\x1b]*)", screen):
        colour = next((COLOURS[each] for each in escape.split(";") if each in COLOURS), "")
        if escape:
            parts.append(f"</span><span style='color:{colour or 'inherit'}'>")
        parts.append(html.escape(text))
    return PAGE.format("".join([*parts, "</span>"]))


def shoot_console(browser: Any, running: Daemon) -> None:
    """Saves a picture of a session at the console."""
    session = SynchronousTestCase()
    try:
        terminal = Terminal(session, PROGRAM, "console", f"127.0.0.1:{running.port}")
        terminal.wait_for("\n>")
        for number, line in enumerate(CONSOLE, 1):
            terminal.type_line(line)
            terminal.wait_for(" ms", number)
        terminal.type("cache", "Tab", "Tab")
        terminal.wait_for("> cacheTest")
        page = Path(tempfile.mkstemp(suffix=".html")[1])
        page.write_text(as_page(terminal.screen("-e")), encoding="utf-8")
    finally:
        session.doCleanups()
    browser.get(page.as_uri())
    size = browser.execute_script("return document.querySelector('pre').offsetHeight")
    browser.set_window_size(900, size + 160)
    browser.find_element(By.TAG_NAME, "body").screenshot(str(FOLDER / "console.png"))
    page.unlink()


def main() -> None:
    """Starts a server, clients and a browser, and saves the pictures."""
    need("chromium", "chromedriver")
    options = webdriver.ChromeOptions()
    options.binary_location = which("chromium")
    with ExitStack() as stack:
        profile = stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
        for option in (*CHROMIUM_OPTIONS, "--window-size=1280,800", f"--user-data-dir={profile}"):
            options.add_argument(option)
        running, port = stack.enter_context(web_daemon("--server-name=fleet", "--no-log-requests"))
        stack.enter_context(crowd(running))
        browser = webdriver.Chrome(options=options, service=Service(which("chromedriver")))
        stack.callback(browser.quit)
        shoot(browser, f"http://localhost:{port}/")
        quiet, _ = stack.enter_context(web_daemon("--server-name=fleet", "--no-log-requests"))
        shoot_console(browser, quiet)


if __name__ == "__main__":
    main()
