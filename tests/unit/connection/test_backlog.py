"""Tests of `actionhero_tcp.connection.backlog`."""

from __future__ import annotations

from collections.abc import Iterator

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.connection.backlog import LINES_AT_ONCE, SLICE_SECONDS, Backlog
from actionhero_tcp.connection.connected_client import ConnectedClient
from actionhero_tcp.connection.rate_limit import RateLimit
from actionhero_tcp.connection.state import ReadHold
from tests.support import make_connection


class BacklogTests(SynchronousTestCase):
    """Lines that wait."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.connection = make_connection()
        self.served: list[bytes] = []
        self.halt_at: bytes | None = None
        self.seconds = 0.0

    def serve(self, connection: ConnectedClient, lines: Iterator[bytes]) -> None:
        """Serves lines as a router does, each in some time."""
        for line in lines:
            self.served.append(line)
            self.clock.advance(self.seconds)
            if line == self.halt_at:
                connection.hold(ReadHold.PENDING)
                return

    def run_once(self, backlog: Backlog, rate_limit: RateLimit | None = None) -> float:
        """One turn of the client."""
        return backlog.serve(self.serve, self.connection, self.clock, rate_limit)

    def test_lines_are_served_in_order_and_empty_ones_left_out(self) -> None:
        lines = [b"%d" % number for number in range(100)]
        backlog = Backlog([b"", *lines[:50]])
        backlog.extend([b"", *lines[50:], b""])
        self.run_once(backlog)
        self.assertEqual(lines, self.served)
        self.assertFalse(backlog)

    def test_what_follows_a_halt_stays_in_front(self) -> None:
        backlog = Backlog([b"a", b"b", b"c", b"d"])
        self.halt_at = b"b"
        self.run_once(backlog)
        self.assertEqual([b"a", b"b"], self.served)
        self.run_once(backlog)
        self.assertEqual([b"a", b"b"], self.served)
        self.connection.release(ReadHold.PENDING)
        self.run_once(backlog)
        self.assertEqual([b"a", b"b", b"c", b"d"], self.served)

    def test_a_turn_ends_when_its_time_is_up(self) -> None:
        self.seconds = SLICE_SECONDS / LINES_AT_ONCE / 2
        backlog = Backlog([b"x"] * 1000)
        self.assertEqual(0.0, self.run_once(backlog))
        self.assertEqual(2 * LINES_AT_ONCE, len(self.served))
        self.assertTrue(backlog)

    def test_slow_lines_are_few_in_a_turn(self) -> None:
        self.seconds = 10
        backlog = Backlog([b"x"] * 1000)
        self.run_once(backlog)
        self.assertEqual(LINES_AT_ONCE, len(self.served))

    def test_no_more_is_served_than_is_allowed(self) -> None:
        backlog = Backlog([b"x"] * 100)
        rate_limit = RateLimit(2, 30, 0)
        self.assertAlmostEqual(0.5, self.run_once(backlog, rate_limit))
        self.assertEqual(30, len(self.served))
        self.clock.advance(0.5)
        self.assertAlmostEqual(0.5, self.run_once(backlog, rate_limit))
        self.assertEqual(31, len(self.served))
