"""A client that takes nothing of what waits for it."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.connection import write_timeout
from actionhero_tcp.connection.write_timeout import WriteTimeout


class WriteTimeoutTests(SynchronousTestCase):
    """`WriteTimeout`."""

    def setUp(self) -> None:
        self.clock, self.progress, self.timed_out = Clock(), 0, 0
        self.patch(write_timeout.lowest_transport, "progress", lambda _: self.progress)
        transport: Any = None
        self.timeout = WriteTimeout(transport, self.clock, self.on_timeout)

    def on_timeout(self) -> None:
        self.timed_out += 1

    def test_a_client_that_takes_nothing_runs_out_of_time(self) -> None:
        self.timeout.start(5)
        self.clock.advance(4.9)
        self.assertEqual(0, self.timed_out)
        self.clock.advance(0.1)
        self.assertEqual((1, []), (self.timed_out, self.clock.getDelayedCalls()))

    def test_one_that_takes_something_has_as_long_again(self) -> None:
        self.timeout.start(5)
        self.progress = 1
        self.clock.advance(5)
        self.assertEqual(0, self.timed_out)
        self.clock.advance(5)
        self.assertEqual(1, self.timed_out)

    def test_to_start_it_again_does_not_put_it_off(self) -> None:
        self.timeout.start(5)
        self.clock.advance(3)
        self.timeout.start(5)
        self.clock.advance(2)
        self.assertEqual(1, self.timed_out)

    def test_it_can_be_stopped(self) -> None:
        self.timeout.stop()
        self.timeout.start(5)
        self.timeout.stop()
        self.assertEqual([], self.clock.getDelayedCalls())
