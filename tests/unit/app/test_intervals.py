"""Tests of `actionhero_tcp.app.intervals`."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.app.intervals import parse_interval


class ParseIntervalTests(SynchronousTestCase):
    """`parse_interval`."""

    def test_reads_numbers_with_units(self) -> None:
        for text, seconds in (
            ("500ms", 0.5),
            ("1s", 1),
            ("90s", 90),
            ("5m", 300),
            ("5min", 300),
            ("2h", 7200),
            ("10d", 864_000),
        ):
            self.assertEqual(seconds, parse_interval(text), text)

    def test_refuses_all_else(self) -> None:
        for wrong in ("", "5", "s", "0s", "-5s", "1.5s", "5 s", "5S", "5s ", "1e9s", "٥s", 5, None):
            error = self.assertRaises(ValueError, parse_interval, wrong)
            self.assertIn("such as 500ms, 5s, 10m or 1h", str(error))

    def test_has_a_longest(self) -> None:
        for wrong in ("11d", "241h", "999999999s"):
            self.assertIn("10 days", str(self.assertRaises(ValueError, parse_interval, wrong)))
