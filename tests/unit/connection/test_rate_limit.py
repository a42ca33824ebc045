"""Tests of `actionhero_tcp.connection.rate_limit`."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.connection.rate_limit import RateLimit
from tests.support import PROPERTY


class AllowanceTests(SynchronousTestCase):
    """How many requests a client may make."""

    def test_a_burst_is_granted_at_once_and_no_more(self) -> None:
        rate_limit = RateLimit(10, 5, 0)
        self.assertEqual(3, rate_limit.take(3, 0))
        self.assertEqual(2, rate_limit.take(3, 0))
        self.assertEqual(0, rate_limit.take(1, 0))
        self.assertAlmostEqual(0.1, rate_limit.wait())

    def test_without_a_burst_it_is_a_second_s_worth_and_at_least_one(self) -> None:
        self.assertEqual(10, RateLimit(10, 0, 0).take(100, 0))
        self.assertEqual(1, RateLimit(0.5, 0, 0).take(100, 0))

    def test_it_fills_steadily_up_to_the_burst(self) -> None:
        rate_limit = RateLimit(10, 5, 0)
        rate_limit.take(5, 0)
        self.assertEqual(1, rate_limit.take(5, 0.1))
        self.assertEqual(0, rate_limit.take(5, 0.15))
        self.assertEqual(5, rate_limit.take(9, 100))

    def test_a_clock_that_goes_back_takes_nothing_away(self) -> None:
        rate_limit = RateLimit(10, 5, 100)
        rate_limit.take(4, 100)
        self.assertEqual(1, rate_limit.take(5, 50))

    @PROPERTY
    @given(
        rate=st.floats(0.01, 1e5),
        burst=st.integers(0, 1000),
        wanted=st.lists(st.integers(1, 50), max_size=50),
    )
    def test_after_the_wait_it_tells_one_is_granted(
        self, rate: float, burst: int, wanted: list[int]
    ) -> None:
        now, granted = 1.7e9, 0
        rate_limit = RateLimit(rate, burst, now)
        for count in wanted:
            taken = rate_limit.take(count, now)
            self.assertTrue(0 <= taken <= count)
            granted += taken
            if taken < count:
                now += rate_limit.wait() + 1e-6
                self.assertEqual(1, rate_limit.take(1, now))
                granted += 1
        most = (burst or max(1, rate)) + (now - 1.7e9) * rate + 1
        self.assertLessEqual(granted, most)
