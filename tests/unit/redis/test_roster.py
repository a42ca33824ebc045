"""Tests of `actionhero_tcp.redis.roster`: the members elsewhere of one room."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.redis import roster
from actionhero_tcp.redis.message import ANNOUNCED, ARRIVED, JOINED, LEFT, WITHDRAWN
from actionhero_tcp.redis.roster import Roster
from actionhero_tcp.rooms.broker import Match


class Rooms:
    """Notes what it hears."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def hear(
        self, room: str, line: bytes, match: Match | None, exclude: Collection[str] = ()
    ) -> None:
        raise AssertionError("a roster says nothing")

    def hear_entered(self, room: str, client: str) -> None:
        self.heard.append(f"{room}+{client}")

    def hear_left(self, room: str, client: str) -> None:
        self.heard.append(f"{room}-{client}")

    def enrolled_rooms(self) -> Iterable[str]:
        raise AssertionError

    def enrolled_here(self, room: str) -> Sequence[str]:
        raise AssertionError

    def unannounced_here(self, room: str) -> Sequence[str]:
        raise AssertionError


class RosterTests(SynchronousTestCase):
    """Reading the list, and what is heard before and after."""

    def setUp(self) -> None:
        self.rooms = Rooms()

    def roster(self, known: dict[str, str] | None = None) -> Roster:
        """One of the room r."""
        return Roster("r", self.rooms, known)

    def read(self, listed: dict[str, str], known: dict[str, str] | None = None) -> Roster:
        """One whose list is read; what was heard meanwhile is forgotten."""
        made = self.roster(known)
        made.read(listed, frozenset({"a.1", "b.1"}))
        return made

    def test_to_new_listeners_those_who_were_there_have_not_come(self) -> None:
        made = self.read({"x": "a.1"})
        self.assertEqual(([], {"x": "a.1"}), (self.rooms.heard, made.elsewhere))

    def test_those_who_arrive_are_heard_when_they_are_announced(self) -> None:
        made = self.read({})
        made.hear(("a.1", ARRIVED, ["x", "y"]))
        self.assertEqual(([], {"x": "a.1", "y": "a.1"}), (self.rooms.heard, made.elsewhere))
        made.hear(("a.1", ANNOUNCED, ["x"]))
        self.assertEqual(["r+x"], self.rooms.heard)
        made.hear(("a.1", WITHDRAWN, ["y"]))
        self.assertEqual((["r+x"], {"x": "a.1"}), (self.rooms.heard, made.elsewhere))
        made.hear(("a.1", LEFT, ["x"]))
        self.assertEqual(["r+x", "r-x"], self.rooms.heard)

    def test_one_that_was_listed_may_be_announced_later(self) -> None:
        made = self.read({"x": "a.1"})
        made.hear(("a.1", ANNOUNCED, ["x"]))
        self.assertEqual(["r+x"], self.rooms.heard)

    def test_to_those_who_knew_some_the_others_have_come_and_gone(self) -> None:
        made = self.read({"x": "a.1", "z": "b.1"}, {"x": "a.1", "y": "b.1"})
        self.assertEqual(["r-y", "r+z"], self.rooms.heard)
        self.assertEqual({"x": "a.1", "z": "b.1"}, made.elsewhere)

    def test_who_is_missing_with_a_process_that_may_come_back_stays(self) -> None:
        made = self.read({}, {"x": "c.1"})
        self.assertEqual(([], {"x": "c.1"}), (self.rooms.heard, made.elsewhere))
        made.drop(lambda node: node == "c.1")
        self.assertEqual((["r-x"], {}), (self.rooms.heard, made.elsewhere))

    def test_what_is_heard_before_the_list_is_read_follows_it(self) -> None:
        made = self.roster()
        self.assertTrue(made.hear(("a.1", JOINED, ["y"])))
        self.assertTrue(made.hear(("a.1", LEFT, ["x"])))
        self.assertEqual(({}, []), (made.elsewhere, self.rooms.heard))
        made.read({"x": "a.1"}, frozenset({"a.1"}))
        self.assertEqual(({"y": "a.1"}, ["r+y", "r-x"]), (made.elsewhere, self.rooms.heard))

    def test_no_more_of_it_is_kept_than_may(self) -> None:
        self.patch(roster, "MAX_EARLY", 2)
        made = self.roster()
        self.assertEqual([True, True, False], [made.hear(("a.1", LEFT, ["x"])) for _ in range(3)])
        made.read({}, frozenset())
        self.assertTrue(made.hear(("a.1", JOINED, ["x"])))
        self.assertEqual(["r+x"], self.rooms.heard)

    def test_who_comes_twice_has_come_once(self) -> None:
        made = self.read({})
        for _ in range(2):
            made.hear(("a.1", JOINED, ["x"]))
        self.assertEqual(["r+x"], self.rooms.heard)

    def test_only_the_process_that_a_client_is_with_tells_that_it_left(self) -> None:
        made = self.read({"x": "a.1"})
        made.hear(("b.1", LEFT, ["x"]))
        made.hear(("a.2", LEFT, ["x"]))
        self.assertEqual([], self.rooms.heard)
        made.hear(("a.1", LEFT, ["x", "nobody"]))
        self.assertEqual(["r-x"], self.rooms.heard)

    def test_a_later_incarnation_takes_its_clients_over_and_an_earlier_one_does_not(self) -> None:
        made = self.read({"x": "a.2"})
        made.hear(("a.1", JOINED, ["x"]))
        self.assertEqual({"x": "a.2"}, made.elsewhere)
        made.hear(("a.3", JOINED, ["x"]))
        self.assertEqual(({"x": "a.3"}, []), (made.elsewhere, self.rooms.heard))
