"""Tests of `actionhero_tcp.redis.keys`."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.redis.keys import CACHE_PARTS, Keys
from actionhero_tcp.redis.slots import spread_tags
from tests.support import PROPERTY

TAGGED = Keys("actionhero:", spread_tags())


class KeysTests(SynchronousTestCase):
    """The names in Redis."""

    def setUp(self) -> None:
        self.keys = Keys("actionhero:")

    def test_all_of_them(self) -> None:
        keys = self.keys
        self.assertEqual("actionhero:v1:nodes", keys.nodes)
        self.assertEqual("actionhero:v1:clients", keys.clients(*keys.parts))
        self.assertEqual("actionhero:v1:requests", keys.requests)
        self.assertEqual("actionhero:v1:room:lobby", keys.room("lobby"))
        self.assertEqual("actionhero:v1:said:lobby", keys.said("lobby"))
        self.assertEqual("actionhero:v1:node:0f", keys.node("0f"))
        self.assertEqual("actionhero:v1:held:0f.1", keys.held(*keys.parts, "0f.1"))

    def test_a_room_is_called_as_the_clearing_script_calls_it(self) -> None:
        for keys in (self.keys, TAGGED):
            self.assertEqual(keys.room("a:b"), keys.any_room(keys.part("a:b")) + "a:b")

    def test_no_room_has_the_name_of_something_else(self) -> None:
        keys = self.keys
        part = keys.parts[0]
        others = {keys.nodes, keys.clients(part), keys.requests, keys.held(part, "x")}
        others |= {keys.node("x"), keys.cache(part), keys.cache_used(part), keys.probe(part)}
        for room in ("", "nodes", "held:x", ":held:x", "node:x"):
            self.assertFalse({keys.room(room), keys.said(room)} & others)

    def test_the_channel_of_a_node_is_none_of_a_room(self) -> None:
        self.assertIsNone(self.keys.room_of(self.keys.node("0f").encode()))
        self.assertIsNone(self.keys.room_of(b"something else"))
        self.assertIsNone(self.keys.room_of(b"other:v1:said:r"))
        self.assertIsNone(TAGGED.room_of(TAGGED.node("0f").encode()))
        self.assertIsNone(TAGGED.room_of(self.keys.said("r").encode()))

    @PROPERTY
    @given(st.text(st.characters(exclude_categories=[])))
    def test_the_room_of_a_channel(self, room: str) -> None:
        for keys in (self.keys, TAGGED):
            channel = keys.said(room).encode("utf-8", "surrogatepass")
            self.assertEqual(room, keys.room_of(channel))

    @PROPERTY
    @given(st.text(st.characters(exclude_categories=[])))
    def test_all_of_a_room_or_an_entry_of_the_cache_is_in_one_slot(self, name: str) -> None:
        part = TAGGED.part(name)
        for key in (TAGGED.room(name), TAGGED.said(name), TAGGED.held(part, "0f.1")):
            self.assertTrue(key.startswith(part), key)
        part = TAGGED.cache_part(name)
        for key in (TAGGED.cache(part), TAGGED.cache_used(part), TAGGED.cache_expiries(part)):
            self.assertTrue(key.startswith(part), key)
            self.assertEqual(part, f"actionhero:v1:{{{part.split('{')[1].split('}')[0]}}}:")

    def test_the_cache_is_spread_over_a_part_of_the_parts(self) -> None:
        self.assertEqual(CACHE_PARTS, len(TAGGED.cache_parts))
        self.assertEqual(self.keys.parts, self.keys.cache_parts)
        self.assertEqual(3, len(Keys("x", ("a", "b", "c")).cache_parts))
