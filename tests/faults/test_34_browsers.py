"""Many clients over WebSocket chat, while somebody has the live page open."""

from __future__ import annotations

import json
import resource
import socket
import time
from contextlib import ExitStack
from http.client import HTTPConnection
from typing import Any

from selenium.webdriver.common.by import By

from tests.faults.counts import BROWSER_ROUNDS, BROWSERS, PAGE_ROWS
from tests.faults.crowd import Crowd, LinePeer
from tests.faults.harness import FaultTestCase, Stopwatch, mib
from tests.support import PATIENCE
from tests.support.browser import open_browser, wait_for_text
from tests.support.integration import MEGABYTE

ASKED = 200
ROWS_OF_A_PAGE = 50
ROOMS = 20
STATES = ("overview", "connections?limit=50", "rooms", "limits", "events")
MOST_GROWTH = 64 * MEGABYTE


def open_page(test: FaultTestCase, port: int) -> Any:
    """The live page of a daemon, in a Chromium that ends with the test."""
    stack = ExitStack()
    test.addCleanup(stack.close)
    browser = open_browser(stack)
    browser.get(f"http://localhost:{port}/?token=s3cret")
    wait_for_text(browser, "#state", "ready")
    return browser


class Talker(LinePeer):
    """Says something whenever it is told to, and counts what it hears.

    Attributes:
        heard: How many lines it has heard.
        answered: How many answers it got.
    """

    def __init__(self, crowd: Crowd, stream: socket.socket, room: int) -> None:
        super().__init__(crowd, stream)
        self.heard = self.answered = 0
        self.send(b"roomChange room%d\n" % room)

    def line(self, line: bytes) -> None:
        if b'"context":"response"' in line:
            self.answered += 1
        elif b'"message":"hello ' in line:
            self.heard += 1


class BrowserTests(FaultTestCase):
    """All hear all, and the page shows them."""

    number = 34
    web = True

    def test_chat(self) -> None:
        self.begin("--no-log-requests", "--announce-limit=0")
        idle = self.state()
        browser = open_page(self, self.web_port)
        wait_for_text(browser, "#connections-now", "1")
        before = self.reset_peak()
        talkers = [
            talker
            for room in range(ROOMS)
            for talker in self.crowd.gather(BROWSERS // ROOMS, Talker, room)
        ]
        self.crowd.until(lambda: all(each.answered for each in talkers), "the rooms")
        page = HTTPConnection("127.0.0.1", self.web_port, timeout=PATIENCE)
        self.addCleanup(page.close)
        watch, looks, said = Stopwatch(), 0, 0
        for number in range(1, BROWSER_ROUNDS + 1):
            for each in talkers:
                each.send(b"say hello %d\n" % number)
            said += len(talkers)
            for state in STATES:
                self.look(page, state)
                looks += 1
            others = BROWSERS // ROOMS - 1
            self.crowd.until(
                lambda wanted=number * others: all(each.heard == wanted for each in talkers),
                "what was said",
            )
        wait_for_text(browser, "#connections-now", f"{BROWSERS + 1:,}")
        shown = self.look(page, "overview")["totals"]["connections"]
        self.assertEqual(BROWSERS + 1, shown)
        self.assertEqual({}, self.closed())
        grown = self.peak() - before
        self.assertLess(grown, MOST_GROWTH)
        heard = sum(each.heard for each in talkers)
        for each in talkers:
            each.close()
        page.close()
        browser.quit()
        self.assert_back(idle)
        self.note(
            f"{BROWSERS:,} clients in {ROOMS} rooms chat over WebSocket, while Chromium shows the "
            "live page",
            f"{said:,} lines said and {heard:,} heard, each by every other member, in "
            f"{watch.seconds:.0f} s; the page showed all of them, and {looks} requests for more "
            f"were answered; memory grew by {mib(grown)}; nothing left behind",
        )
        self.finish()

    def look(self, page: HTTPConnection, state: str) -> Any:
        """What the live page asks for."""
        page.request("GET", f"/state/{state}", headers={"Authorization": "Bearer s3cret"})
        response = page.getresponse()
        body = response.read()
        self.assertEqual(200, response.status, body)
        return json.loads(body)


class Guest(LinePeer):
    """Is in a room, and does nothing."""

    def __init__(self, crowd: Crowd, stream: socket.socket) -> None:
        super().__init__(crowd, stream)
        self.send(b"roomChange hall\n")


class CrowdedPageTests(FaultTestCase):
    """The table of connections is searched, sorted and paged; clients are served meanwhile."""

    number = 34
    web = True

    def setUp(self) -> None:
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, before)
        resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))

    def test_connections(self) -> None:
        self.begin("--no-log-requests", "--announce-limit=0")
        # Plain TCP, of which one process can hold more.
        crowd = Crowd(self.running, False)
        self.addCleanup(crowd.close)
        guests = crowd.gather(PAGE_ROWS, Guest)
        browser = open_page(self, self.web_port)
        alone = self.waits()
        browser.find_element(By.ID, "tab-connections").click()
        wait_for_text(browser, "#connections-count", f"{PAGE_ROWS + 1:,} connections")
        self.assertEqual(ROWS_OF_A_PAGE, len(self.rows(browser)))
        beside = self.waits()
        first = self.rows(browser)
        browser.find_element(By.ID, "connections-next").click()
        wait_for_text(browser, "#connections-page", "51 to 100")
        self.assertFalse(set(first) & set(self.rows(browser)))
        browser.find_element(By.ID, "sort-requests").click()
        # The observer has asked the most.
        wait_for_text(browser, "#connections-body tr:first-child", "watch")
        own = f":{guests[-1].stream.getsockname()[1]}"
        browser.find_element(By.ID, "connections-search").send_keys(own)
        wait_for_text(browser, "#connections-body tr:first-child", own)
        self.note(
            f"Chromium shows the table of {PAGE_ROWS:,} connections; it is paged, sorted and "
            "searched",
            f"each shows the right rows; another client waited {alone:.1f} ms for an answer before "
            f"the table was open, and {beside:.1f} ms beside it (p99)",
        )
        browser.quit()
        crowd.close()
        self.finish()

    def rows(self, browser: Any) -> list[str]:
        """The ids of the connections that are shown."""
        found: list[str] = browser.execute_script(
            "return [...document.querySelectorAll('#connections-body tr')].map(r => r.dataset.id)"
        )
        return found

    def waits(self) -> float:
        """The 99th percentile of the milliseconds for which the observer waits for an answer."""
        waits = []
        for _ in range(ASKED):
            watch = Stopwatch()
            self.observer.ask("detailsView")
            waits.append(watch.seconds * 1000)
            time.sleep(0.02)
        return sorted(waits)[int(ASKED * 0.99)]
