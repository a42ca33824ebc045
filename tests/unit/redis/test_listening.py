"""Clients that listen to a room of which they are no members, over Redis."""

from __future__ import annotations

from actionhero_tcp.connection.connected_client import ConnectedClient
from tests.support import make_connection
from tests.support.redis_model import heard
from tests.unit.redis.test_broker import BusTestCase


class ListeningTests(BusTestCase):
    """A client that listens on one node to a room whose members are on the other."""

    def listen(self) -> ConnectedClient:
        """A client of the first process that listens, and is in no room."""
        ear = make_connection()
        with self.a.write_batch:
            self.a.rooms.listen(ear, "r")
        self.agree()
        return ear

    def say(self, speaker: ConnectedClient, message: str) -> None:
        self.b.say(speaker, "r", message)
        self.agree()

    def test_it_hears_what_is_said_and_is_not_shown(self) -> None:
        bob = self.b.client("r")
        self.agree()
        ear = self.listen()
        self.say(bob, "hello")
        self.assertIn("hello", heard(ear))
        self.assertEqual([bob.id], self.b.rooms.members("r"))
        self.assertEqual(([bob.id], 1), self.b.rooms.first_members("r", 10))
        self.assertEqual(0, self.b.bus.count("r"))
        self.assertEqual([], heard(bob))
        with self.a.write_batch:
            self.a.rooms.silence(ear, "r")
        self.agree()
        self.say(bob, "bye")
        self.assertNotIn("bye", heard(ear))
        self.assertEqual([], heard(bob))

    def test_members_that_come_later_reach_it(self) -> None:
        ear = self.listen()
        bob = self.b.client("r")
        self.agree()
        self.assertEqual([bob.id], self.b.rooms.members("r"))
        self.say(bob, "hello")
        self.assertIn("hello", heard(ear))

    def test_it_listens_still_when_redis_has_forgotten_all(self) -> None:
        ear = self.listen()
        bob = self.b.client("r")
        self.agree()
        for node in self.nodes:
            node.lose()
        self.redis.hashes.clear()
        for node in self.nodes:
            node.begin()
        self.agree()
        self.say(bob, "hello")
        self.assertIn("hello", heard(ear))
        self.assertEqual([bob.id], self.b.rooms.members("r"))

    def test_nobody_hears_that_its_node_has_died(self) -> None:
        self.listen()
        bob = self.b.client("r")
        self.agree()
        node = self.a.bus.node
        with self.b.write_batch:
            self.b.bus.drop(lambda each: each == node)
        self.agree()
        self.assertEqual([], heard(bob))
        self.assertEqual(0, self.b.bus.count("r"))
