"""Tests of `actionhero_tcp.connection.closing`: how a connection is closed."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.connection import closing as module
from actionhero_tcp.connection.closing import Closing
from actionhero_tcp.stats import Stats


class Transport(StringTransport):
    """Notes how it is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []
        self.taken_bytes = 0

    def loseConnection(self) -> None:
        self.calls.append("close")

    def loseWriteConnection(self) -> None:
        self.calls.append("half-close")

    def abortConnection(self) -> None:
        self.calls.append("abort")

    def resumeProducing(self) -> None:
        self.calls.append("read")


class LingerTests(SynchronousTestCase):
    """The end of a connection."""

    def setUp(self) -> None:
        self.clock, self.stats, self.transport = Clock(), Stats(), Transport()
        self.linger = Closing(self.transport, self.clock, 5, self.stats)
        self.drained = True
        self.patch(module.lowest_transport, "is_drained", lambda _: self.drained)

    def close(self, peer_finished: bool = False) -> list[str]:
        """Closes, and tells what was done to the transport."""
        self.linger.close(peer_finished)
        calls: Any = self.transport.calls[:]
        self.transport.calls.clear()
        return calls  # type: ignore[no-any-return]

    def test_our_end_is_closed_and_what_the_client_still_sends_is_read(self) -> None:
        self.assertEqual(["half-close", "read"], self.close())

    def test_where_the_client_has_closed_its_end_both_are(self) -> None:
        self.assertEqual(["close"], self.close(peer_finished=True))

    def test_a_client_that_has_all_and_does_not_go_is_hung_up_on(self) -> None:
        self.close()
        self.clock.advance(4.9)
        self.assertEqual([], self.transport.calls)
        self.clock.advance(0.2)
        self.assertEqual(["close"], self.transport.calls)
        self.assertEqual({}, self.stats.limited)

    def test_a_client_that_takes_something_has_more_time(self) -> None:
        self.drained = False
        self.close()
        for taken in (1, 2, 3):
            self.transport.taken_bytes = taken
            self.clock.advance(5)
            self.assertEqual([], self.transport.calls)
        self.clock.advance(5)
        self.assertEqual(["abort"], self.transport.calls)
        self.assertEqual({"closeTimeout": 1}, self.stats.limited)

    def test_when_the_connection_is_gone_no_timer_is_left(self) -> None:
        self.close()
        self.linger.stop()
        self.assertEqual([], self.clock.getDelayedCalls())
