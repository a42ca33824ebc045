"""Clients whose requests run for long, with params that take forty times their text."""

from __future__ import annotations

import json
import socket

from tests.faults.counts import PENDING_CLIENTS, PENDING_REQUESTS
from tests.faults.crowd import Bystander, Crowd, LinePeer
from tests.faults.harness import FaultTestCase, Stopwatch, mib
from tests.support.integration import MEGABYTE

PARAMS = ",".join(['{"":0}'] * 9_300)
LINE = b'{"action":"sleepTest","params":{"sleepDuration":500,"x":[%b]}}\n' % PARAMS.encode()

EACH = MEGABYTE * 2
"""`maxConnectionMemory` here."""
ALL = MEGABYTE * 48
"""`maxMemory` here."""
SLACK = MEGABYTE * 40
"""What is parsed at the moment, and what the allocator keeps."""


class Sleeper(LinePeer):
    """Sends many requests at once, and counts the answers.

    Attributes:
        answers: How many answers it got.
    """

    def __init__(self, crowd: Crowd, stream: socket.socket) -> None:
        super().__init__(crowd, stream)
        self.answers = 0

    def line(self, line: bytes) -> None:
        message = json.loads(line)
        if message["context"] == "response":
            assert message["sleepDuration"] == 500, line
            self.answers += 1


class PendingJsonTests(FaultTestCase):
    """They are not read from while they hold too much; then they are served on."""

    number = 15

    def play(self, *options: str) -> tuple[int, dict[str, int], float]:
        """Has all of them ask; gives the growth, the limits that took effect, and the seconds."""
        self.begin("--no-log-requests", "--announce-limit=0", *options)
        (bystander,) = self.crowd.gather(1, Bystander)
        sleepers = self.crowd.gather(PENDING_CLIENTS, Sleeper)
        before, watch = self.reset_peak(), Stopwatch()
        for each in sleepers:
            each.send(LINE * PENDING_REQUESTS)
        self.crowd.until(
            lambda: all(each.answers == PENDING_REQUESTS or each.end for each in sleepers),
            "all answers",
        )
        self.assertEqual([], [each.end for each in sleepers if each.end])
        self.assertEqual({}, self.closed())
        self.assertGreater(bystander.answers, 0)
        return self.peak() - before, self.limits(), watch.seconds

    def test_one_clients_own_limit(self) -> None:
        grown, limits, seconds = self.play(f"--max-connection-memory={EACH}")
        # One request more may have been begun, and its line is estimated from above.
        self.assertLess(grown, PENDING_CLIENTS * 3 * EACH + SLACK)
        self.assertGreaterEqual(limits["maxConnectionMemory"], PENDING_CLIENTS)
        self.note_(f"`maxConnectionMemory` {mib(EACH)}", grown, limits, seconds)

    def test_the_limit_of_all(self) -> None:
        grown, limits, seconds = self.play(f"--max-memory={ALL}")
        self.assertLess(grown, ALL + SLACK)
        self.assertGreaterEqual(limits["maxMemory"], 1)
        self.note_(f"`maxMemory` {mib(ALL)}", grown, limits, seconds)

    def note_(self, limit: str, grown: int, limits: dict[str, int], seconds: float) -> None:
        total = PENDING_CLIENTS * PENDING_REQUESTS
        held = sum(limits.get(key, 0) for key in ("maxMemory", "maxConnectionMemory"))
        self.note(
            f"{PENDING_CLIENTS} clients each send {PENDING_REQUESTS} requests of 64 KB at once, "
            f"whose params take thirty times that, for an action that takes 0.5 s ({limit})",
            f"memory grew by {mib(grown)}; clients were held {held:,} times; all {total:,} "
            f"answers came, in {seconds:.0f} s; nobody was closed",
        )
        self.finish()


class PendingJsonTLSTests(PendingJsonTests):
    """The same over TLS."""

    pair = "ec"


class PendingJsonWebSocketTests(PendingJsonTests):
    """The same over WebSocket."""

    web = True
