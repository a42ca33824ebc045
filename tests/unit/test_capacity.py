"""`benchmarks.capacity` predicts what `benchmarks.simulation` counts."""

from __future__ import annotations

import contextlib
import io

from twisted.trial.unittest import SynchronousTestCase

from benchmarks import capacity, simulation
from benchmarks.simulation import Costs


class ExpectationTests(SynchronousTestCase):
    """What happens where clients come to nodes by chance."""

    def test_it_is_near_what_chance_gives(self) -> None:
        for nodes in (2, 3, 5):
            rooms, members, rate = 2_000, 4, 0.5
            expected = capacity.expected(rooms * members, members, rate, nodes)
            counted = simulation.traffic(simulation.spread(rooms, members, nodes), rate)
            for name in ("said", "relayed", "heard", "delivered"):
                value, count = getattr(expected, name), getattr(counted, name)
                self.assertApproximates(count, value, 0.05 * count, f"{name}, {nodes} nodes")

    def test_one_node_needs_no_redis(self) -> None:
        traffic = capacity.expected(100, 10, 1, 1)
        self.assertEqual((0, 0, 0, 900), (*vars(traffic).values(),))


class NeedTests(SynchronousTestCase):
    """What so many clients need."""

    def test_idle_clients_need_memory_only(self) -> None:
        need = capacity.need(1_000_000, 10, 0, simulation.MEASURED["in bursts"])
        self.assertEqual((20, 1), (need.nodes, need.shards))
        self.assertEqual(490_000_000, need.redis_bytes)

    def test_no_node_and_no_redis_is_too_busy(self) -> None:
        for costs in (*simulation.MEASURED.values(), Costs(50, 20, 1, 1, 1)):
            need = capacity.need(300_000, 20, 2.0, costs)
            traffic = capacity.expected(300_000, 20, 2.0, need.nodes)
            self.assertLessEqual(costs.nodes(traffic) / need.nodes, capacity.NODE_SHARE)
            self.assertLessEqual(costs.redis(traffic) / need.shards, capacity.REDIS_SHARE)

    def test_it_prints_a_row_for_each_count_and_column(self) -> None:
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            capacity.main(["1000", "2000000", "--members", "3", "--rate", "0.1"])
        self.assertEqual(2 + 4, len(printed.getvalue().splitlines()))
