"""The dialects, as the client speaks them."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.client.dialects import named

FIRST, LATER = named(2012), named("29")


class DialectTests(SynchronousTestCase):
    """The dialect of late 2012."""

    def test_names(self) -> None:
        self.assertEqual((FIRST, LATER), (named("2012"), named(29)))
        error = self.assertRaises(ValueError, named, 30)
        self.assertEqual("30 is no dialect: expected 2012 or 29", str(error))

    def test_actions(self) -> None:
        self.assertEqual(b'{"action":"a"}\n', FIRST.action("a", {}))
        self.assertEqual(b'{"action":"a","params":{"b":1}}\n', FIRST.action("a", {"b": 1}))

    def test_params(self) -> None:
        self.assertEqual(b"paramAdd a=b = c\n", FIRST.param_add("a", "b = c"))
        self.assertEqual(b"paramAdd a=\n", FIRST.param_add("a", ""))
        self.assertEqual(b"paramAdd a=1.5\n", FIRST.param_add("a", 1.5))
        for key in "", "a=b", "a b", "a\n", "\ta":
            self.assertRaises(ValueError, FIRST.param_add, key, "v")
            self.assertRaises(ValueError, LATER.param_add, key, "v")

    def test_rooms(self) -> None:
        self.assertEqual(b"say hello  you\n", FIRST.say("hello  you", [], None))
        self.assertEqual(b"roomChange a\n", FIRST.room_change("a"))
        self.assertEqual(b"roomView\n", FIRST.room_view(["a"], None))
        self.assertEqual([b"roomChange b\n"], list(FIRST.enter(["a", "b"])))
        self.assertEqual([], list(FIRST.enter([])))

    def test_calls_of_the_other_dialect(self) -> None:
        self.assertRaises(ValueError, FIRST.say, "hello", [], "a")
        self.assertRaises(ValueError, FIRST.room_view, [], "a")
        for call in FIRST.room_add, FIRST.room_leave:
            self.assertIn("use room_change", str(self.assertRaises(ValueError, call, "a")))
        error = self.assertRaises(ValueError, FIRST.documentation)
        self.assertEqual("the dialect 2012 has no documentation; use actions", str(error))


class Dialect29Tests(SynchronousTestCase):
    """The dialect of actionHero 29."""

    def test_actions_never_use_the_sticky_params(self) -> None:
        self.assertEqual(b'{"action":"a","params":{}}\n', LATER.action("a", {}))
        self.assertEqual(b'{"action":"a","params":{"b":1}}\n', LATER.action("a", {"b": 1}))

    def test_a_param_is_one_word(self) -> None:
        self.assertEqual(b"paramAdd a=1.5\n", LATER.param_add("a", 1.5))
        self.assertEqual(b"paramAdd a=\n", LATER.param_add("a", ""))
        for value in "a b", "a=b", " ", "a\n":
            self.assertRaises(ValueError, LATER.param_add, "a", value)

    def test_rooms(self) -> None:
        self.assertEqual(b"roomAdd a\n", LATER.room_add("a"))
        self.assertEqual(b"roomLeave a\n", LATER.room_leave("a"))
        self.assertEqual(b"roomView a\n", LATER.room_view(["a"], None))
        self.assertEqual(b"roomView b\n", LATER.room_view(["a"], "b"))
        self.assertEqual(b"say a  hello\n", LATER.say(" hello", ["a"], None))
        self.assertEqual(b"say b hello\n", LATER.say("hello", ["a", "b"], "b"))
        self.assertEqual([b"roomAdd a\n", b"roomAdd b\n"], list(LATER.enter(["a", "b"])))
        self.assertEqual(b"documentation\n", LATER.documentation())
        for rooms in [], ["a", "b"]:
            error = self.assertRaises(ValueError, LATER.say, "hello", rooms, None)
            self.assertIn(f"in {len(rooms)} rooms", str(error))
        for room in "", "a b":
            self.assertRaises(ValueError, LATER.room_add, room)
            self.assertRaises(ValueError, LATER.say, "hello", [], room)
        self.assertRaises(ValueError, LATER.say, "", ["a"], None)
        error = self.assertRaises(ValueError, LATER.room_change, "a")
        self.assertIn("room_add and room_leave", str(error))
