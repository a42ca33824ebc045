"""Tests of `actionhero_tcp.logs.selection`."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.config.sections import ERRORS, SLOW
from actionhero_tcp.logs.selection import Selection, selection
from tests.support import PROPERTY


class SelectionTests(SynchronousTestCase):
    """`selection`, by the values of ``log.requests``."""

    def made(self, requests: bool | str | float) -> Selection:
        """A selection, where two seconds are slow."""
        made = selection(requests, 2.0)
        assert made is not None
        return made

    def test_true_is_all_of_them(self) -> None:
        self.assertIsNone(selection(True, 2.0))

    def test_errors_are_those_that_failed(self) -> None:
        made = self.made(ERRORS)
        self.assertTrue(made.keeps(True, 0.0))
        self.assertFalse(made.keeps(False, 60.0))

    def test_slow_are_those_that_failed_or_took_as_long(self) -> None:
        made = self.made(SLOW)
        self.assertTrue(made.keeps(True, 0.0))
        self.assertTrue(made.keeps(False, 2.0))
        self.assertFalse(made.keeps(False, 1.999))

    def test_a_share_comes_at_even_distances(self) -> None:
        made = self.made(0.25)
        kept = [made.keeps(False, 0.0) for _ in range(12)]
        self.assertEqual([False, False, False, True] * 3, kept)

    def test_errors_are_kept_beside_a_share_and_do_not_count_for_it(self) -> None:
        made = self.made(0.5)
        kept = [made.keeps(failed, 0.0) for failed in (True, False, True, False)]
        self.assertEqual([True, False, True, True], kept)

    @PROPERTY
    @given(st.floats(0, 1), st.integers(0, 1000))
    def test_of_many_the_share_is_kept(self, share: float, count: int) -> None:
        made = self.made(share)
        kept = sum(made.keeps(False, 0.0) for _ in range(count))
        self.assertLessEqual(abs(kept - share * count), 1)
