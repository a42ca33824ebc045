"""Tests of `actionhero_tcp.connection.fair_queue`: whose lines are served next."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.testing import Clock
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.connection.fair_queue import PASS_SECONDS, FairQueue
from tests.support import PROPERTY, Soon


class Client:
    """A client whose lines each cost the same.

    Attributes:
        left: How many lines it still has.
        served: When each of its lines was served.
    """

    def __init__(self, test: FairQueueTests, name: str, cost: float, lines: int) -> None:
        self.tag = 0.0
        self.test = test
        self.name = name
        self.cost = cost
        self.left = lines
        self.served: list[float] = []

    def serve_waiting(self) -> None:
        self.left -= 1
        self.test.order.append(self.name)
        self.test.clock.advance(self.cost)
        self.served.append(self.test.clock.seconds())
        self.test.queue.spent(self, self.cost)
        if self.left:
            self.test.queue.wait(self)


class FairQueueTests(SynchronousTestCase):
    """The order, and how much a pass may take."""

    def setUp(self) -> None:
        self.clock, self.soon = Clock(), Soon()
        self.queue = FairQueue(self.soon, self.clock.seconds)
        self.order: list[str] = []

    def client(self, name: str, cost: float, lines: int = 1) -> Client:
        """A client that waits."""
        client = Client(self, name, cost, lines)
        self.queue.wait(client)
        return client

    def pass_order(self) -> str:
        """Who is served in the next pass, in its order."""
        self.order.clear()
        self.soon.one_pass()
        return "".join(self.order)

    def test_a_pass_takes_so_long_and_no_longer(self) -> None:
        for name in "abcd":
            self.client(name, 0.004)
        self.assertEqual("abc", self.pass_order())
        self.assertTrue(self.queue.exhausted)
        self.assertEqual("d", self.pass_order())
        self.assertFalse(self.queue.exhausted)
        self.soon.run()
        self.assertEqual([], self.soon.calls)

    def test_who_has_cost_the_least_is_next(self) -> None:
        for name in "abc":
            self.client(name, 0.02, 5)
        self.assertEqual(["a", "b", "c", "a"], [self.pass_order() for _ in range(4)])
        self.client("x", 0.001)
        self.assertEqual("xb", self.pass_order())

    def test_twice_the_cost_is_half_the_turns(self) -> None:
        dear, cheap = self.client("d", 0.02, 100), self.client("c", 0.01, 100)
        for _ in range(60):
            self.pass_order()
        self.assertTrue(1.8 < len(cheap.served) / len(dear.served) < 2.2)

    def test_one_that_was_idle_has_saved_up_nothing(self) -> None:
        idle = self.client("i", 0.01)
        self.pass_order()
        self.client("b", 0.01, 100)
        for _ in range(50):
            self.pass_order()
        idle.left = 50
        self.queue.wait(idle)
        served = "".join(self.pass_order() for _ in range(20))
        self.assertIn(served.count("i"), (9, 10, 11))

    def test_what_is_served_as_it_comes_counts_too(self) -> None:
        direct = Client(self, "d", 0, 0)
        self.queue.spent(direct, 0.004)
        self.assertFalse(self.queue.exhausted)
        self.queue.spent(direct, 0.006)
        self.assertTrue(self.queue.exhausted)
        self.soon.run()
        self.assertFalse(self.queue.exhausted)

    def test_one_that_has_cost_more_than_who_waits_is_behind(self) -> None:
        dear, fresh = Client(self, "d", 0, 0), Client(self, "f", 0, 0)
        self.queue.spent(dear, 0.05)
        self.assertFalse(self.queue.is_behind(dear))
        self.client("w", 0.01)
        self.assertEqual((True, False), (self.queue.is_behind(dear), self.queue.is_behind(fresh)))

    def test_among_twenty_that_are_dear_one_waits_for_a_pass_or_two(self) -> None:
        for number in range(20):
            self.client(f"{number},", 0.02, 1000)
        for _ in range(100):
            self.pass_order()
        waits = []
        for _ in range(50):
            asked = self.clock.seconds()
            client = self.client("x", 0.0001)
            while not client.served:
                self.pass_order()
            waits.append(client.served[0] - asked)
        self.assertLess(max(waits), 0.05)

    @given(st.lists(st.tuples(st.floats(0, 0.05), st.integers(1, 5)), max_size=20))
    @PROPERTY
    def test_everybody_is_served_in_the_end(self, clients: list[tuple[float, int]]) -> None:
        waiting = [self.client("x", cost, lines) for cost, lines in clients]
        self.soon.run()
        self.assertTrue(all(not each.left for each in waiting))
        self.assertEqual(0, len(self.queue))

    def test_the_slice_is_ten_milliseconds(self) -> None:
        self.assertEqual(0.01, PASS_SECONDS)
