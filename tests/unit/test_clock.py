"""The calling off of timers."""

from __future__ import annotations

from twisted.internet.testing import Clock
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.clock import stop


class StopTests(SynchronousTestCase):
    """`stop`."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.called: list[str] = []
        self.timer = self.clock.callLater(1, self.called.append, "called")

    def test_takes_no_timer(self) -> None:
        stop(None)
        self.assertTrue(self.timer.active())

    def test_calls_off_what_is_to_come(self) -> None:
        stop(self.timer)
        self.clock.advance(2)
        self.assertEqual([], self.called)
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_takes_a_timer_that_was_called(self) -> None:
        self.clock.advance(1)
        stop(self.timer)
        self.assertEqual(["called"], self.called)

    def test_takes_a_timer_twice(self) -> None:
        stop(self.timer)
        stop(self.timer)
        self.assertFalse(self.timer.active())
