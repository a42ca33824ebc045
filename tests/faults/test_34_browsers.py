"""Many clients over WebSocket chat, while somebody has the live page open."""

from __future__ import annotations

import json
import socket
from http.client import HTTPConnection
from typing import Any

from tests.faults.counts import BROWSER_ROUNDS, BROWSERS
from tests.faults.crowd import Crowd, LinePeer
from tests.faults.harness import FaultTestCase, Stopwatch, mib
from tests.support import PATIENCE
from tests.support.integration import MEGABYTE

ROOMS = 20
STATES = ("overview", "connections?limit=50", "rooms", "limits", "events")
MOST_GROWTH = 64 * MEGABYTE


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
        idle, before = self.state(), self.reset_peak()
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
        shown = self.look(page, "overview")["totals"]["connections"]
        self.assertEqual(BROWSERS + 1, shown)
        self.assertEqual({}, self.closed())
        grown = self.peak() - before
        self.assertLess(grown, MOST_GROWTH)
        heard = sum(each.heard for each in talkers)
        for each in talkers:
            each.close()
        page.close()
        self.assert_back(idle)
        self.note(
            f"{BROWSERS:,} clients in {ROOMS} rooms chat over WebSocket, while the live page is "
            "open",
            f"{said:,} lines said and {heard:,} heard, each by every other member, in "
            f"{watch.seconds:.0f} s; the page was answered {looks} times; memory grew by "
            f"{mib(grown)}; nothing left behind",
        )
        self.finish()

    def look(self, page: HTTPConnection, state: str) -> Any:
        """What the live page asks for."""
        page.request("GET", f"/state/{state}", headers={"Authorization": "Bearer s3cret"})
        response = page.getresponse()
        body = response.read()
        self.assertEqual(200, response.status, body)
        return json.loads(body)
