"""Tests of `actionhero_tcp.redis.in_flight`."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.redis.in_flight import SHARE_BYTES, InFlight
from tests.support import make_account, make_budget

MOST = 32 * SHARE_BYTES


class InFlightTests(SynchronousTestCase):
    """Who is held, and what is refused."""

    def setUp(self) -> None:
        self.held: list[str] = []
        self.in_flight = InFlight(MOST, make_account(), self.held.append, self.held.remove)

    def test_a_client_is_held_above_its_share_and_released_below_half_of_it(self) -> None:
        self.assertTrue(self.in_flight.add("a", SHARE_BYTES, is_message=True))
        self.assertEqual([], self.held)
        self.in_flight.add("a", 1)
        self.in_flight.add("a", 1)
        self.in_flight.add("b", SHARE_BYTES)
        self.assertEqual(["a"], self.held)
        self.in_flight.remove({"a": SHARE_BYTES // 2 + 1})
        self.assertEqual(["a"], self.held)
        self.in_flight.remove({"a": 1, "b": SHARE_BYTES})
        self.assertEqual([], self.held)
        self.assertEqual(SHARE_BYTES // 2, self.in_flight.held_bytes)

    def test_all_are_held_after_their_next_command_where_an_eighth_of_the_room_is_taken(
        self,
    ) -> None:
        self.in_flight.add(None, MOST // 8)
        self.in_flight.add("a", 1)
        self.assertEqual(["a"], self.held)
        self.in_flight.remove({"a": 1})
        self.assertEqual([], self.held)

    def test_messages_have_so_much_room_and_commands_about_members_twice_as_much(self) -> None:
        self.assertFalse(self.in_flight.add("a", MOST + 1, is_message=True))
        self.assertTrue(self.in_flight.add("a", MOST, is_message=True))
        self.assertFalse(self.in_flight.add("b", 1, is_message=True))
        self.assertTrue(self.in_flight.add("b", MOST))
        self.assertFalse(self.in_flight.add("b", 1))
        self.assertEqual(2 * MOST, self.in_flight.held_bytes)

    def test_what_is_on_its_way_counts_as_memory_of_the_process(self) -> None:
        budget = make_budget()
        in_flight = InFlight(MOST, budget.account(), self.held.append, self.held.remove)
        in_flight.add("a", 100)
        in_flight.add(None, 20)
        self.assertEqual(120, budget.held)
        self.assertFalse(in_flight.add("a", 2 * MOST))
        self.assertEqual(120, budget.held)
        in_flight.remove({"a": 100, None: 20})
        self.assertEqual(0, budget.held)

    def test_one_who_sends_more_when_released_is_held_again(self) -> None:
        in_flight = InFlight(
            MOST, make_account(), self.held.append, lambda client: self.again(in_flight, client)
        )
        in_flight.add("a", SHARE_BYTES + 1)
        in_flight.remove({"a": SHARE_BYTES + 1})
        self.assertEqual(["a"], self.held)
        self.assertEqual(SHARE_BYTES + 1, in_flight.held_bytes)

    def again(self, in_flight: InFlight, client: str) -> None:
        self.held.remove(client)
        in_flight.add(client, SHARE_BYTES + 1)

    @given(st.lists(st.tuples(st.sampled_from(["a", "b", None]), st.integers(1, MOST))))
    def test_what_is_added_and_removed_leaves_nothing(
        self, sizes: list[tuple[str | None, int]]
    ) -> None:
        held: list[str] = []
        in_flight = InFlight(MOST, make_account(), held.append, held.remove)
        added: Counter[str | None] = Counter()
        for client, size in sizes:
            if in_flight.add(client, size):
                added[client] += size
        self.assertEqual(added.total(), in_flight.held_bytes)
        self.assertLessEqual(in_flight.held_bytes, 2 * MOST)
        in_flight.remove(added)
        self.assertEqual(([], 0), (held, in_flight.held_bytes))
        self.assertFalse(in_flight._clients or in_flight._held)
