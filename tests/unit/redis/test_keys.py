"""Tests of `actionhero_tcp.redis.keys`."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from actionhero_tcp.redis.keys import Keys
from tests.support import PROPERTY


class KeysTests(SynchronousTestCase):
    """The names in Redis."""

    def setUp(self) -> None:
        self.keys = Keys("actionhero:")

    def test_all_of_them(self) -> None:
        keys = self.keys
        self.assertEqual("actionhero:v1:nodes", keys.nodes)
        self.assertEqual("actionhero:v1:clients", keys.clients)
        self.assertEqual("actionhero:v1:requests", keys.requests)
        self.assertEqual("actionhero:v1:room:lobby", keys.room("lobby"))
        self.assertEqual("actionhero:v1:said:lobby", keys.said("lobby"))
        self.assertEqual("actionhero:v1:node:0f", keys.node("0f"))
        self.assertEqual("actionhero:v1:held:0f.1", keys.held("0f.1"))

    def test_a_room_is_called_as_the_clearing_script_calls_it(self) -> None:
        self.assertEqual(self.keys.room("a:b"), self.keys.any_room + "a:b")

    def test_no_room_has_the_name_of_something_else(self) -> None:
        keys = self.keys
        others = {keys.nodes, keys.clients, keys.requests, keys.held("x"), keys.node("x")}
        for room in ("", "nodes", "held:x", ":held:x", "node:x"):
            self.assertFalse({keys.room(room), keys.said(room)} & others)

    def test_the_channel_of_a_node_is_none_of_a_room(self) -> None:
        self.assertIsNone(self.keys.room_of(self.keys.node("0f").encode()))
        self.assertIsNone(self.keys.room_of(b"something else"))

    @PROPERTY
    @given(st.text(st.characters(exclude_categories=[])))
    def test_the_room_of_a_channel(self, room: str) -> None:
        channel = self.keys.said(room).encode("utf-8", "surrogatepass")
        self.assertEqual(room, self.keys.room_of(channel))
