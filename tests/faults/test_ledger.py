"""The bookkeeping of the soak finds what is lost, doubled or out of order."""

from __future__ import annotations

from collections.abc import Iterable

from twisted.trial.unittest import SynchronousTestCase

from tests.faults.ledger import Ledger, Visit


class LedgerTests(SynchronousTestCase):
    """Ann speaks; Bob, Cay and others hear her, or should."""

    def setUp(self) -> None:
        self.ledger = Ledger()
        for client in ("ann", "bob", "cay"):
            self.ledger.joins(client)
        self.visit = self.ledger.visit("ann", 1, ["bob", "ann"])

    def say(self, count: int, visit: Visit | None = None) -> None:
        (visit or self.visit).said += count

    def hear(self, listener: str, numbers: Iterable[int], visit: int = 1) -> None:
        for number in numbers:
            self.ledger.hears(listener, "ann", visit, number)

    def assert_fails(self, text: str) -> None:
        self.assertIn(text, str(self.assertRaises(AssertionError, self.ledger.settle)))

    def test_all_is_well(self) -> None:
        self.say(3)
        self.hear("bob", range(3))
        self.ledger.settle()
        self.assertEqual(3, self.ledger.delivered)

    def test_round_after_round(self) -> None:
        for start in (0, 5, 10):
            self.say(5)
            self.hear("bob", range(start, start + 5))
            self.ledger.settle()
        self.assertEqual(15, self.ledger.delivered)

    def test_one_is_lost(self) -> None:
        for heard in ([1, 2], [0, 2], [0, 1], []):
            self.setUp()
            self.say(3)
            self.hear("bob", heard)
            self.assert_fails("and not [(0, 3)]")

    def test_one_comes_twice(self) -> None:
        self.hear("bob", [0])
        self.assertRaises(AssertionError, self.hear, "bob", [0])

    def test_one_overtakes_another(self) -> None:
        self.hear("bob", [0, 2])
        self.assertRaises(AssertionError, self.hear, "bob", [1])

    def test_who_comes_hears_what_is_said_from_then_on(self) -> None:
        self.say(2)
        self.visit.entered("cay")
        self.say(3)
        self.visit.left("cay")
        self.say(4)
        self.hear("bob", range(9))
        self.hear("cay", range(2, 5))
        self.ledger.settle()

    def test_who_went_hears_no_more(self) -> None:
        self.visit.left("bob")
        self.say(1)
        self.hear("bob", [0])
        self.assert_fails("and not []")

    def test_who_comes_back(self) -> None:
        self.say(1)
        self.visit.left("bob")
        self.say(1)
        self.visit.entered("bob")
        self.say(1)
        self.hear("bob", [0, 2])
        self.ledger.settle()

    def test_who_was_never_there(self) -> None:
        self.say(1)
        self.hear("bob", [0])
        self.hear("cay", [0])
        self.assert_fails("cay heard [(0, 1)] of ann beside the rest")

    def test_a_visit_that_is_over(self) -> None:
        self.say(1)
        self.ledger.ends(self.visit)
        second = self.ledger.visit("ann", 2, ["ann", "cay"])
        self.say(2, second)
        self.hear("bob", [0])
        self.hear("cay", range(2), visit=2)
        self.ledger.settle()
        self.say(1, second)
        self.hear("cay", [2], visit=2)
        self.ledger.settle()
        self.assertEqual(4, self.ledger.delivered)

    def test_a_listener_that_crashed_has_heard_the_beginning(self) -> None:
        self.say(3)
        self.hear("bob", [0, 1])
        self.ledger.leaves("bob", cut_short=True)
        self.ledger.settle()

    def test_and_nothing_else(self) -> None:
        self.say(3)
        self.hear("bob", [0, 2])
        self.ledger.leaves("bob", cut_short=True)
        self.assert_fails("bob heard [(0, 1), (2, 3)]")

    def test_a_listener_that_went_in_good_order_has_heard_all(self) -> None:
        self.say(3)
        self.hear("bob", [0, 1])
        self.ledger.leaves("bob", cut_short=False)
        self.assert_fails("and not [(0, 3)]")

    def test_a_speaker_that_crashed_was_heard_as_far_as_it_knows(self) -> None:
        self.say(3)
        self.ledger.ends(self.visit)
        self.ledger.leaves("ann", cut_short=True)
        self.hear("bob", range(5))
        self.ledger.settle()

    def test_and_not_less(self) -> None:
        self.say(3)
        self.ledger.ends(self.visit)
        self.ledger.leaves("ann", cut_short=True)
        self.hear("bob", range(2))
        self.assert_fails("and not [(0, 3)]")

    def test_strangers_do_not_count(self) -> None:
        self.ledger.hears("bob", "zoe", 1, 7)
        self.visit.entered("zoe")
        self.say(1)
        self.hear("bob", [0])
        self.ledger.settle()
