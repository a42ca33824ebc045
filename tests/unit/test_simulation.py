"""`benchmarks.simulation` counts what a real cluster and a real Redis count."""

from __future__ import annotations

import contextlib
import io

from twisted.trial.unittest import SynchronousTestCase

from benchmarks import simulation
from benchmarks.simulation import Costs, Traffic


class CountTests(SynchronousTestCase):
    """What follows from who is where."""

    def test_each_node_with_a_member_gets_each_message(self) -> None:
        self.assertEqual(Traffic(6, 12, 6, 12), simulation.traffic([[2, 0, 1]], 2))
        self.assertEqual(Traffic(0, 0, 0, 2), simulation.traffic([[2, 0, 0]], 1))
        self.assertEqual(Traffic(0, 0, 0, 0), simulation.traffic([[0, 1], [0, 0]], 1))

    def test_rooms_add_up(self) -> None:
        self.assertEqual(Traffic(3, 6, 3, 8), simulation.traffic([[2, 1], [2, 0]], 1))
        self.assertEqual(3, simulation.subscriptions([[2, 1], [2, 0]]))

    def test_all_members_are_spread(self) -> None:
        placement = simulation.spread(rooms=50, members=7, nodes=3)
        self.assertEqual([7] * 50, [sum(room) for room in placement])
        self.assertEqual({3}, {len(room) for room in placement})
        self.assertEqual(placement, simulation.spread(50, 7, 3))
        self.assertNotEqual(placement, simulation.spread(50, 7, 3, seed=2))


class CostTests(SynchronousTestCase):
    """What it takes."""

    def test_the_costs_give_back_what_they_were_made_of(self) -> None:
        costs = simulation.costs((25, 322), 14, 60, (24, 420))
        self.assertEqual(Costs(publish=8, relay=3, say=60, hear=20, deliver=4), costs)
        alone, crowd = Traffic(1, 2, 1, 1), Traffic(1, 2, 1, 100)
        self.assertAlmostEqual(14e-6, costs.redis(alone))
        self.assertAlmostEqual(60e-6 + 24e-6, costs.nodes(alone))
        self.assertAlmostEqual(60e-6 + 420e-6, costs.nodes(crowd))

    def test_it_prints_both_columns(self) -> None:
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            simulation.main(["--nodes", "4", "--rooms", "10", "--members", "4", "--rate", "2.5"])
        text = printed.getvalue()
        self.assertRegex(text, r"clients +40\n")
        self.assertRegex(text, r"into Redis +80\n")
        self.assertRegex(text, r"out of Redis +220\n")
        self.assertRegex(text, r"clients +300\n")
        for name in simulation.MEASURED:
            self.assertIn(f"{name}:\n", text)
