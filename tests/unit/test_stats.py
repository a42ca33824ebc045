"""The counters."""

from __future__ import annotations

import os

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp import stats
from actionhero_tcp.stats import Histogram, Stats


class StatsTests(SynchronousTestCase):
    """`Stats`."""

    def test_starts_at_zero(self) -> None:
        fresh = Stats()
        self.assertEqual(
            (0, 0, 0, 0, {}),
            (
                fresh.requests,
                fresh.connections,
                fresh.connected_ever,
                fresh.blocked,
                dict(fresh.closed),
            ),
        )

    def test_id_is_32_hex_digits(self) -> None:
        self.assertRegex(Stats().id, r"\A[0-9a-f]{32}\Z")

    def test_ids_differ(self) -> None:
        self.assertNotEqual(Stats().id, Stats().id)

    def test_counts_clients_that_come(self) -> None:
        counters = Stats()
        counters.opened()
        counters.opened()
        self.assertEqual((2, 2), (counters.connections, counters.connected_ever))

    def test_counts_clients_that_go_by_reason(self) -> None:
        counters = Stats()
        for reason in ("quit", "lost", "quit"):
            counters.opened()
            counters.ended(reason)
        counters.opened()
        self.assertEqual((1, 4), (counters.connections, counters.connected_ever))
        self.assertEqual({"quit": 2, "lost": 1}, dict(counters.closed))

    def test_a_histogram_counts_by_duration(self) -> None:
        histogram = Histogram()
        for seconds in (0.0, 0.00005, 0.002, 31.0):
            histogram.observe(seconds)
        self.assertEqual((4, 31.00205), (histogram.count, histogram.seconds))
        self.assertEqual([2, 1, 1], [count for count in histogram.buckets if count])
        self.assertEqual((2, 1), (histogram.buckets[0], histogram.buckets[-1]))

    def test_uptime_counts_from_its_making(self) -> None:
        now = 100.0
        self.patch(stats.time, "monotonic", lambda: now)
        counters = Stats()
        self.assertEqual(0.0, counters.uptime)
        now = 102.5
        self.assertEqual(2.5, counters.uptime)

    def test_memory_is_in_bytes(self) -> None:
        memory = Stats.memory()
        self.assertEqual(0, memory % os.sysconf("SC_PAGE_SIZE"))
        self.assertGreater(memory, 1_000_000)

    def test_memory_is_the_resident_part(self) -> None:
        before = Stats.memory()
        block = b"x" * 64_000_000
        self.assertGreater(Stats.memory() - before, len(block) // 2)
