"""Tests of `actionhero_tcp.redis.slots`."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.redis.slots import PARTS, SLOTS, SlotMap, slot_of, spread_tags

ASKED = ("10.0.0.9", 7000)


class SlotTests(SynchronousTestCase):
    """Hash tags, and their slots."""

    def test_slots_are_those_of_redis(self) -> None:
        # As CLUSTER KEYSLOT gives them.
        self.assertEqual((12739, 12182), (slot_of("123456789"), slot_of("foo")))

    def test_tags_are_spread_evenly(self) -> None:
        slots = [slot_of(tag) for tag in spread_tags()]
        self.assertEqual(list(range(PARTS)), [slot * PARTS // SLOTS for slot in slots])
        self.assertEqual(spread_tags(), spread_tags())


class MapTests(SynchronousTestCase):
    """Replies to CLUSTER SLOTS."""

    def parse(self, reply: Any) -> SlotMap:
        """The map of three tags."""
        return SlotMap.parse(reply, ASKED, ("a", "b", "c"))

    def test_masters_and_all_nodes(self) -> None:
        one, two, replica = [b"10.0.0.1", 1, b"x", []], [b"10.0.0.2", 2, b"y"], [b"10.0.0.3", 3]
        found = self.parse([[0, 8191, one, replica], [8192, 16383, two]])
        places = [("10.0.0.1", 1), ("10.0.0.3", 3), ("10.0.0.2", 2)]
        self.assertEqual(places, list(found.nodes))
        for tag, place in found.masters.items():
            self.assertEqual(places[2 if slot_of(tag) > 8191 else 0], place)
        self.assertEqual({"a", "b", "c"}, set(found.masters))

    def test_a_node_that_names_no_host_means_the_one_that_was_asked(self) -> None:
        for host in (None, b"", b"?"):
            found = self.parse([[0, 16383, [host, 7001, b"x"]]])
            self.assertEqual({("10.0.0.9", 7001)}, set(found.masters.values()))

    def test_slots_without_a_master_are_an_error(self) -> None:
        gap = slot_of("b")
        whole = [[0, gap - 1, [b"h", 1]], [gap + 1, 16383, [b"h", 1]]]
        for reply in ([], whole):
            error = self.assertRaises(ValueError, self.parse, reply)
            self.assertIn("slots without a master", str(error))

    def test_what_is_no_table_is_an_error(self) -> None:
        for reply in (
            None,
            5,
            b"OK",
            [1],
            [[0]],
            [[0, 1]],
            [[0, 9, [b"h"]]],
            [[0, 9, [b"h", b"x"]]],
        ):
            error = self.assertRaises(ValueError, self.parse, reply)
            self.assertIn("no table", str(error))

    def test_a_table_beyond_all_slots_takes_no_memory(self) -> None:
        self.parse([[0, 10**12, [b"h", 1]]])
