"""`time_limits`: when the time of requests that wait is up."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.dispatch.request import Request
from actionhero_tcp.dispatch.time_limits import TimeLimits
from tests.support import make_connection


class TimeLimitsTests(SynchronousTestCase):
    """Requests whose time ends one after the other."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.limits = TimeLimits(self.clock, self.time_up)
        self.ended: list[tuple[str, float, float]] = []
        self.connection = make_connection()

    def time_up(self, request: Request, seconds: float) -> None:
        """Notes which request ended, the time it had, and when that was up."""
        request.time_limit = None
        self.ended.append((request.name, seconds, self.clock.seconds()))

    def begin(self, name: str, seconds: float = 5) -> Request:
        """A request that begins now."""
        request = Request(self.connection, 1, 0.0, name)
        self.limits.begin(request, seconds)
        return request

    def timers(self) -> list[float]:
        """When timers are to come."""
        return sorted(call.getTime() for call in self.clock.getDelayedCalls())

    def test_each_has_its_whole_time_by_one_timer(self) -> None:
        for name in "abc":
            self.begin(name)
            self.assertEqual([5], self.timers())
            self.clock.advance(1)
        for _ in range(4):
            self.assertEqual(1, len(self.timers()))
            self.clock.advance(1)
        self.assertEqual([("a", 5, 5), ("b", 5, 6), ("c", 5, 7)], self.ended)
        self.assertEqual([], self.timers())

    def test_one_that_ended_is_not_told_of(self) -> None:
        first, second = self.begin("a"), self.begin("b")
        first.end()
        self.assertIsNone(first.time_limit)
        self.clock.advance(4)
        second.end()
        self.clock.advance(10)
        self.assertEqual([], self.ended)
        self.assertEqual([], self.timers())

    def test_one_after_another_needs_no_further_timer(self) -> None:
        self.begin("a").end()
        (timer,) = self.clock.getDelayedCalls()
        self.clock.advance(3)
        self.begin("b")
        self.assertEqual([timer], self.clock.getDelayedCalls())
        self.clock.advance(2)
        self.assertEqual([8], self.timers())
        self.clock.advance(3)
        self.assertEqual([("b", 5, 8)], self.ended)

    def test_a_time_may_begin_again(self) -> None:
        first = self.begin("a")
        self.clock.advance(3)
        self.begin("b")
        self.clock.advance(1)
        self.limits.begin(first, 5)
        self.clock.pump([1] * 6)
        self.assertEqual([("b", 5, 8), ("a", 5, 9)], self.ended)

    def test_a_reload_may_change_the_time_of_later_ones(self) -> None:
        self.begin("a", 5)
        self.begin("b", 2)
        self.clock.pump([1] * 5)
        self.assertEqual([("b", 2, 2), ("a", 5, 5)], self.ended)

    def test_times_that_were_in_use_before_are_forgotten(self) -> None:
        for seconds in range(1, 100):
            self.begin("a", seconds)
            self.clock.advance(seconds)
        self.assertEqual(1, len(self.limits._limits))

    def test_fractions_are_not_too_early_nor_too_late(self) -> None:
        for index in range(100):
            self.begin(str(index), 0.75)
            self.clock.advance(0.1)
        self.clock.pump([0.1] * 8)
        self.assertEqual(100, len(self.ended))
        for name, _, at in self.ended:
            self.assertAlmostEqual(int(name) * 0.1 + 0.8, at, places=6)

    def test_the_end_of_one_may_end_and_begin_others(self) -> None:
        second: list[Request] = []

        def time_up(request: Request, seconds: float) -> None:
            self.time_up(request, seconds)
            if request.name == "a":
                second[0].end()
                self.begin("c")

        self.limits = TimeLimits(self.clock, time_up)
        self.begin("a")
        second.append(self.begin("b"))
        self.clock.pump([5, 5])
        self.assertEqual([("a", 5, 5), ("c", 5, 10)], self.ended)

    def test_what_fails_for_one_is_logged_and_the_others_end(self) -> None:
        def time_up(request: Request, seconds: float) -> None:
            if request.name == "a":
                raise ZeroDivisionError
            self.time_up(request, seconds)

        self.limits = TimeLimits(self.clock, time_up)
        self.begin("a")
        self.begin("b")
        self.clock.advance(5)
        self.assertEqual([("b", 5, 5)], self.ended)
        self.assertEqual(1, len(self.flushLoggedErrors(ZeroDivisionError)))

    def test_closed_it_has_no_timer(self) -> None:
        self.begin("a", 1)
        self.begin("b", 2)
        self.limits.close()
        self.assertEqual([], self.timers())
