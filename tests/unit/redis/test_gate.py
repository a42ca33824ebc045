"""Tests of `actionhero_tcp.redis.gate`."""

from __future__ import annotations

from twisted.internet.defer import CancelledError
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.redis.gate import MAX_BYTES, MAX_WAITING_BYTES, Gate
from actionhero_tcp.redis.protocol import RedisError
from tests.support import make_budget


class GateTests(SynchronousTestCase):
    """Who passes, who waits, and who is turned away."""

    def setUp(self) -> None:
        self.budget = make_budget()
        self.gate = Gate(self.budget.account())

    def test_calls_pass_in_their_order_as_there_is_room(self) -> None:
        self.successResultOf(self.gate.enter(MAX_BYTES - 1))
        large, small = self.gate.enter(2), self.gate.enter(1)
        # A small one does not overtake.
        self.assertNoResult(large)
        self.assertNoResult(small)
        self.gate.leave(MAX_BYTES - 1)
        self.successResultOf(large)
        self.successResultOf(small)
        self.assertEqual(3, self.gate.held_bytes)
        self.gate.leave(2)
        self.gate.leave(1)
        self.assertEqual(0, self.gate.held_bytes)

    def test_one_that_is_larger_than_the_gate_goes_alone(self) -> None:
        self.successResultOf(self.gate.enter(1))
        large = self.gate.enter(MAX_BYTES + 1)
        self.assertNoResult(large)
        self.gate.leave(1)
        self.successResultOf(large)
        self.assertNoResult(self.gate.enter(1))

    def test_one_that_is_cancelled_waits_no_more(self) -> None:
        self.successResultOf(self.gate.enter(MAX_BYTES))
        first, second = self.gate.enter(5), self.gate.enter(5)
        self.assertEqual(MAX_BYTES + 10, self.budget.held)
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.assertEqual(MAX_BYTES + 5, self.gate.held_bytes)
        self.assertEqual(MAX_BYTES + 5, self.budget.held)
        self.gate.leave(MAX_BYTES)
        self.successResultOf(second)

    def test_no_more_wait_than_may(self) -> None:
        self.successResultOf(self.gate.enter(MAX_BYTES))
        self.assertNoResult(self.gate.enter(MAX_WAITING_BYTES))
        error = self.failureResultOf(self.gate.enter(1), RedisError)
        self.assertIn("too much waits", str(error.value))
        self.assertEqual(MAX_BYTES + MAX_WAITING_BYTES, self.budget.held)
